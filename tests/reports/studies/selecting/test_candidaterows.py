"""Candidate rows: what recurs without a name, and the evidence that its entry carries."""

from __future__ import annotations

import tomllib

import pytest

from mathcircuits.detect import Network, tasks
from mathcircuits.reports.studies.selecting import candidaterows
from mathcircuits.reports.studies.selecting.candidaterows import candidate_table, evenly

#: The minimum with 3/4 of its kink on one side: no name, since seeds lie anywhere between the two ends.
QUARTER = Network([[[1, -1], [-1, 1], [3, 1], [-3, -1]], [[-0.75, -0.25, 0.25, -0.25]]])


def ids(*counts: tuple[str, int]) -> list[tuple[str, Network]]:
    names = [f"minimum/{where}/{k}" for where, count in counts for k in range(count)]
    return [(name, QUARTER) for name in names]


def test_an_entry_carries_its_evidence() -> None:
    (row,) = candidate_table(tasks["minimum"], ids(("4/adam", 3), ("8/adam", 2), ("9/sgd", 1)), 40).to_dict(
        "records"
    )
    assert (row["circuit"], row["found"], row["n"]) == ("minimum", 6, 40)
    assert row["conditions"] == "4 adam: 3; 8 adam: 2; 1 more conditions"
    source = tomllib.loads(row["entry"])["gauge"][0]["source"]
    assert source.startswith(
        "candidate: 6 of 40 networks that solved minimum have it (95% interval 0.0571 to 0.298; 4 "
    )
    assert " of it on the whole box" in source
    assert row["low"] == pytest.approx(0.0571, abs=1e-4)


def test_what_is_rare_is_no_recurrence() -> None:
    assert candidate_table(tasks["minimum"], ids(("4/adam", 2)), 4).empty
    assert candidate_table(tasks["minimum"], ids(("4/adam", 6)), 200).empty  # below 5%
    assert len(candidate_table(tasks["minimum"], ids(("4/adam", 6)), 120)) == 1


def test_of_very_many_a_part_is_compared_and_a_part_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of forty are compared: a quarter of the 5% of 120 is two, and three are the least in any case."""
    monkeypatch.setattr(candidaterows, "evenly", lambda count: evenly(count, 10))
    (row,) = candidate_table(tasks["minimum"], ids(("4/adam", 30), ("8/adam", 10)), 120).to_dict("records")
    assert (row["found"], row["n"], row["conditions"]) == (10, 120, "4 adam: 7; 8 adam: 3")
    assert candidate_table(tasks["minimum"], ids(("4/adam", 5)), 200).empty
    assert len(candidate_table(tasks["minimum"], ids(("4/adam", 5)), 200, unnamed=20)) == 1


def test_the_choice_reaches_from_the_first_to_the_last() -> None:
    assert evenly(0) == []
    assert evenly(1) == [0]
    chosen = evenly(1001)
    assert (len(chosen), chosen[0], chosen[-1]) == (200, 0, 1000)
