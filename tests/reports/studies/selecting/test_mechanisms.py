"""Mechanisms: forms beside their prediction and beside the fibre."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from mathcircuits.detect import CanonicalForm, canonical_form, hand_derived
from mathcircuits.detect.universality import FibreNull, fibre_null
from mathcircuits.reports.pages.findings import _mechanisms
from mathcircuits.reports.pages.pagetables import table_views
from mathcircuits.reports.studies.schema import COLUMNS
from mathcircuits.reports.studies.selecting import conditionfibres
from mathcircuits.reports.studies.selecting.mechanisms import mechanism_table

HALF, SLIDE = "1/2 (x1 + x2) - 1/2 |x1 - x2|", "x1 - relu(x1 - x2)"


def census(
    counts: dict[str, int], n: int, hidden: str = "4", task: str = "minimum", **more: Any
) -> pd.DataFrame:
    about = {
        "task": task,
        "hidden": hidden,
        "width": "",
        "regimen": "decay",
        "level": "gauge",
        "forced": False,
    }
    rows = [
        {**about, "name": name, "evidence_found": k, "evidence_n": n, **more} for name, k in counts.items()
    ]
    return pd.DataFrame([*rows, {**rows[0], "level": "class"}])


def networks(norm: float, hidden: str = "4", task: str = "minimum", final: str = "4") -> pd.DataFrame:
    about = {"task": task, "hidden": hidden, "width": "", "regimen": "decay", "population": "trained"}
    return pd.DataFrame([{**about, "form": HALF, "final": final, "path_norm": norm, "threshold": 1e-3}])


def table_of(*parts: pd.DataFrame, particles: int | None = None, norm: float = 3.0) -> pd.DataFrame:
    said: list[str] = []
    found = mechanism_table(parts, networks(norm), particles, said.append)
    assert bool(said) == (particles is not None)
    assert list(found.columns) == list(COLUMNS["mechanisms"])
    return found


@pytest.fixture(scope="module")
def drawn() -> FibreNull:
    """A small fibre of the minimum, at the init's scale alone and at a loose threshold."""
    return fibre_null(canonical_form(hand_derived("minimum")), (4,), math.nan, threshold=1e-3, particles=150)


def test_a_form_far_beyond_the_fibre_is_selected_where_it_is_predicted(
    drawn: FibreNull, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of networks of width 4 nearly none of the fibre has the form of least norm, which takes four neurons."""
    asked: list[tuple[Any, ...]] = []

    def given(form: CanonicalForm, hidden: tuple[int, ...], norm: float, **more: Any) -> FibreNull:
        asked.append((form.kinks, hidden, norm, more))
        return drawn

    monkeypatch.setattr(conditionfibres, "fibre_null", given)
    found = table_of(census({HALF: 85, SLIDE: 5}, 90), particles=150).set_index("name")
    half = found.loc[HALF]
    assert half["verdict"] == "selected"
    assert half["predicted"] == "least norm"
    assert half["fibre_high"] < 0.5
    assert math.isnan(half["matched_value"])
    assert asked == [(1, (4,), 3.0, {"bias": False, "threshold": 1e-3, "particles": 150})]
    assert "as the least norm predicts" in half["reason"]
    assert "effective families" in half["fibre"]
    assert found.loc[SLIDE, "verdict"] != "selected"
    assert pd.isna(found.loc[SLIDE, "predicted"])
    said = [finding.text for finding in _mechanisms({"mechanisms": found.reset_index()})]
    assert said == [
        f"Training selects a way to compute its task, as predicted: {HALF} in minimum (85 of 90)."
    ]


def test_a_regimen_that_takes_neurons_away_is_predicted_by_the_smallest_width() -> None:
    """Its final sizes are its own choice, so that all its networks count, and none is forced."""
    counts = {**dict.fromkeys(("found", "n"), 90), "evidence_found": 0, "evidence_n": 0, "forced": True}
    given = census({SLIDE: 0}, 0).assign(**counts)
    found = mechanism_table([given], networks(3.0, final="3"), None, lambda _: None).set_index("name")
    assert found.index.tolist() == [SLIDE]
    assert found.loc[SLIDE, "predicted"] == "smallest width"
    assert found.loc[SLIDE, ["found", "n"]].tolist() == [90, 90]
    assert found.loc[SLIDE, "verdict"] == "universal"
    kept = mechanism_table([given], networks(3.0), None, lambda _: None).set_index("name")
    assert kept.loc[SLIDE, "n"] == 0
    assert pd.isna(kept.loc[SLIDE, "predicted"])


def test_without_a_fibre_counts_and_predictions_stand_alone() -> None:
    found = table_of(census({SLIDE: 100, "unnamed: the kink from both sides": 100}, 200))
    assert found["name"].tolist() == [SLIDE, "unnamed: the kink from both sides", HALF]
    assert found["verdict"].tolist() == ["partial", "partial", "absent"]
    assert found["found"].tolist() == [100, 100, 0]
    assert found["fibre_value"].isna().all()
    assert set(found["fibre"]) == {"not asked for"}
    assert not found["reason"].str.contains("untrained").any()


def test_a_fibre_that_cannot_be_drawn_says_so() -> None:
    found = table_of(census({HALF: 50}, 90, hidden="40"), particles=20)
    assert found["fibre"].str.startswith("none: 2 inputs and 40 neurons").all()
    assert found["p_beyond"].isna().all()
    assert found["verdict"].tolist() == ["partial"]


def test_what_is_forced_stays_forced() -> None:
    found = table_of(census({SLIDE: 90}, 90, hidden="3", forced=True))
    assert found["verdict"].tolist() == ["forced"]  # and nothing that could not be is listed as predicted
    assert found["name"].tolist() == [SLIDE]


def test_nothing_gives_nothing() -> None:
    assert table_of().empty


def test_the_page_has_a_table_of_them() -> None:
    found = table_of(census({SLIDE: 100}, 200))
    (view,) = [v for v in table_views({"mechanisms": found}) if v.id == "mechanisms"]
    assert len(view.rows) == 2
