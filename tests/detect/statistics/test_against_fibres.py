"""Selected and free: what a fibre adds to a table of verdicts, and how often it is wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import InputError, fibre_verdicts, verdict_table
from mathcircuits.detect.statistics import beside_fibre


def judged(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame([{"fibre_found": None, "fibre_n": None, **row} for row in rows])
    return fibre_verdicts(verdict_table(frame))


def row(found: int, n: int, share: float, effective: float, **more: Any) -> dict[str, Any]:
    return {"found": found, "n": n, "fibre_found": share * effective, "fibre_n": effective, **more}


def test_far_beyond_the_fibre_and_predicted_is_selected() -> None:
    table = judged(row(44, 45, 0.26, 35, predicted="least norm"))
    assert table["verdict"].tolist() == ["selected"]
    assert table["reason"][0].startswith("44 of 45 have it, and 26% of the fibre: beyond it by more than 0.1")
    assert table["reason"][0].endswith("as the least norm predicts")


def test_what_nothing_predicts_is_not_selected() -> None:
    table = judged(row(44, 45, 0.26, 35, predicted=None), row(300, 300, 0.26, 35))
    assert table["verdict"].tolist() == ["inconclusive", "universal"]
    assert all(reason.endswith("which no named bias predicts") for reason in table["reason"])


def test_as_in_the_fibre_is_free() -> None:
    table = judged(row(260, 1000, 0.25, 1000, predicted="least norm"))
    assert table["verdict"].tolist() == ["free"]
    assert "within 0.1 of each other" in table["reason"][0]


def test_what_the_whole_fibre_has_stays_universal_and_is_no_choice() -> None:
    table = judged(row(300, 300, 1.0, 300))
    assert table["verdict"].tolist() == ["universal"]
    assert table["reason"][0].endswith("100% of the fibre, so the function brings it along")


def test_few_networks_on_either_side_are_not_told_apart() -> None:
    table = judged(row(12, 40, 0.25, 12), row(500, 1000, 0.45, 20))
    assert table["verdict"].tolist() == ["partial", "partial"]
    assert all("not told apart from the fibre" in reason for reason in table["reason"])


def test_both_fibres_have_to_say_so() -> None:
    one = row(900, 1000, 0.1, 500, predicted="least norm")
    both = judged({**one, "matched_found": 430.0, "matched_n": 500.0})
    assert judged(one)["verdict"].tolist() == ["selected"]
    assert both["verdict"].tolist() == ["partial"]
    assert "10% to 86% of the fibre" in both["reason"][0] or "10% to 86%" in both["reason"][0]


def test_forced_absent_and_rows_without_a_fibre_stay_as_they_are() -> None:
    rows = [
        row(100, 100, 0.2, 50, predicted="least norm", forced=True),
        row(0, 300, 0.0, 300, forced=False),
        {"found": 150, "n": 300, "predicted": "least norm", "forced": False},
        row(5, 10, 0.0, 0.0, forced=False),
    ]
    before = verdict_table(pd.DataFrame(rows))
    after = fibre_verdicts(before)
    assert after[["verdict", "reason"]].equals(before[["verdict", "reason"]])
    assert after["p_beyond"].isna().all()
    assert after["verdict"].tolist()[:3] == ["forced", "absent", "partial"]


def test_rows_of_one_finding_count_once() -> None:
    pair = [row(36, 45, 0.5, 60, predicted="least norm", finding="pair") for _ in range(2)]
    chance = [row(9, 45, 0.25, 60, finding=None) for _ in range(20)]
    apart = [{**one, "finding": f"row {k}"} for k, one in enumerate(pair)]
    p = judged(*pair)["p_beyond"]
    assert p[0] == p[1]
    # Two small p among 22 are claimed at a larger level than one among 21.
    names = [judged(*rows, *chance)["verdict"][0] for rows in (pair, apart)]
    assert set(names) <= {"selected", "partial"}
    assert not (names[0] == "selected" and names[1] == "partial")


def test_wrong_claims_are_rare() -> None:
    """At a difference of a tenth neither claim is right; over many tables of one row each errs in at most 5%."""
    rng = np.random.default_rng(0)
    wrong = dict.fromkeys(("beyond", "within"), 0)
    draws = 400
    for _ in range(draws):
        base, n, size = rng.uniform(0.1, 0.8), int(rng.integers(40, 300)), int(rng.integers(30, 300))
        p = beside_fibre(rng.binomial(n, base + 0.1), n, (rng.binomial(size, base), size))
        wrong["beyond"] += p.beyond <= 0.05
        wrong["within"] += p.within <= 0.05
    assert max(wrong.values()) <= 0.05 * draws + 3 * math.sqrt(0.05 * 0.95 * draws)


@pytest.mark.parametrize("counts", [((3, 2), (1, 2)), ((1, 2), (3, 2)), ((1, 2), (0, 0)), ((0, 0), (1, 2))])
def test_impossible_counts_are_refused(counts: Any) -> None:
    with pytest.raises(InputError, match="give 0 <= found <= n, n above 0"):
        beside_fibre(*counts[0], counts[1])


def test_what_is_missing_is_said() -> None:
    with pytest.raises(InputError, match="no fibre: give"):
        beside_fibre(1, 2)
    with pytest.raises(InputError, match="no column 'fibre_found'"):
        fibre_verdicts(verdict_table(pd.DataFrame({"found": [1], "n": [2]})))
