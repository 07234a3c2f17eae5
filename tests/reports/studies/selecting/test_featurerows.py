"""Feature rows: counts of features beside the fibre of their function."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from mathcircuits.detect import canonical_form, fibre_verdicts, hand_derived, tasks, verdict_table
from mathcircuits.detect.universality import FibreNull, Orbits, fibre_null
from mathcircuits.reports.studies.schema import CONDITION
from mathcircuits.reports.studies.selecting import conditionfibres
from mathcircuits.reports.studies.selecting.featurerows import beside_fibres, judged_beside_fibres

ABOUT = {"task": "minimum", "hidden": "4", "width": "", "regimen": "decay"}
ORBITS = {"minimum": Orbits(tasks["minimum"])}


def counts(*rows: tuple[str, int, bool], n: int = 90) -> pd.DataFrame:
    return pd.DataFrame([
        {**ABOUT, "feature": name, "on": "x1" if name == "positiveness" else "x1, x2", "oriented": oriented,
         "found": found, "n": n, "forced": False, "untrained_found": 0, "untrained_n": n}
        for name, found, oriented in rows
    ])  # fmt: skip


def networks(final: str = "4") -> pd.DataFrame:
    more = {"population": "trained", "form": "any", "final": final, "path_norm": 3.0, "threshold": 1e-3}
    return pd.DataFrame([{**ABOUT, **more}])


@pytest.fixture(scope="module")
def drawn() -> FibreNull:
    """A small fibre of the minimum, at the init's scale alone and at a loose threshold."""
    return fibre_null(canonical_form(hand_derived("minimum")), (4,), math.nan, threshold=1e-3, particles=150)


@pytest.fixture
def beside(drawn: FibreNull, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(conditionfibres, "fibre_null", lambda *_, **__: drawn)
    conditionfibres._drawn.cache_clear()

    def judged(given: pd.DataFrame, particles: int | None = 150, final: str = "4") -> pd.DataFrame:
        return beside_fibres(given, networks(final), ORBITS, particles, lambda _: None)

    yield judged
    conditionfibres._drawn.cache_clear()


def test_the_share_of_the_fibre_stands_beside_a_feature(beside: Any, drawn: FibreNull) -> None:
    """Every network of the minimum bends where x1 = x2; which side a neuron sits on is open, either is the orbit's."""
    found = beside(counts(("greaterness", 90, False), ("greaterness", 45, True), ("positiveness", 3, False)))
    (fibre,) = drawn.fibres
    either, one, sign = (found.loc[k, "fibre_value"] for k in range(3))
    members = ORBITS["minimum"].orbit(("greaterness", ("x1", "x2")))
    assert either == fibre.share([not labels.isdisjoint(members) for labels in fibre.held]).value
    assert one == fibre.feature_share("greaterness", ["x1", "x2"]).value
    assert either >= one
    assert 0 <= sign < 1
    assert found["predicted"].tolist()[:2] == ["least norm"] * 2
    assert pd.isna(found.loc[2, "predicted"])
    assert found["matched_value"].isna().all()


def test_a_predicted_feature_beyond_the_fibre_is_selected(beside: Any) -> None:
    given = beside(counts(("positive-sum", 88, False), ("positiveness", 90, False)))
    judged = judged_beside_fibres(verdict_table(given))
    assert judged.loc[0, "verdict"] == "selected"
    assert "as the least norm predicts" in judged.loc[0, "reason"]
    assert judged.loc[1, "verdict"] == "universal"  # beyond the fibre or not, nothing predicts it
    again = fibre_verdicts(verdict_table(given))
    pd.testing.assert_frame_equal(judged, again)


def test_networks_made_smaller_are_not_what_the_least_norm_is_about(beside: Any) -> None:
    assert beside(counts(("positive-sum", 88, False)), final="3")["predicted"].isna().all()


def test_without_a_fibre_verdicts_stay(beside: Any) -> None:
    given = beside(counts(("positive-sum", 88, False)), particles=None)
    assert given.loc[0, "fibre"] == "not asked for"
    table = verdict_table(given)
    assert judged_beside_fibres(table) is table
    assert judged_beside_fibres(verdict_table(counts(("positive-sum", 90, False))))["verdict"].tolist() == [
        "universal"
    ]


def test_rows_keep_their_order(beside: Any) -> None:
    first = counts(("positive-sum", 1, False))
    given = pd.concat([first, first.assign(regimen="other"), first.assign(found=2)], ignore_index=True)
    found = beside(given, particles=None)
    pd.testing.assert_frame_equal(found[given.columns], given)
    assert beside(pd.DataFrame(columns=list(CONDITION))).empty
