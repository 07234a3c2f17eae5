"""Fibres of conditions: which networks decide the norm they are drawn at, and the columns they give."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from mathcircuits.detect import Fibre, FibreShare
from mathcircuits.detect.universality import FibreNull
from mathcircuits.reports.studies.selecting import conditionfibres
from mathcircuits.reports.studies.selecting.conditionfibres import condition_fibres, fibre_columns

ABOUT = {"task": "minimum", "hidden": "4", "width": "", "regimen": "decay"}
SOLVED = {"population": "trained", "form": "any", "final": "4", "threshold": 1e-3}


def test_the_norm_is_the_median_of_the_solved_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded, so that conditions of like norm share a fibre; other conditions and unsolved networks do not count."""
    asked: list[tuple[Any, ...]] = []

    def given(_: object, hidden: tuple[int, ...], norm: float, **more: Any) -> FibreNull:
        asked.append((hidden, norm, more["threshold"]))
        return FibreNull((), "none is drawn here")

    conditionfibres._drawn.cache_clear()
    monkeypatch.setattr(conditionfibres, "fibre_null", given)
    rows = [{**ABOUT, **SOLVED, "path_norm": norm} for norm in (3.0001, 3.0002, 9.0)]
    others = [
        {**ABOUT, **SOLVED, "path_norm": 99.0, **other}
        for other in ({"form": None}, {"population": "derived"}, {"regimen": "adam"}, {"hidden": "6"})
    ]
    networks = pd.DataFrame([*rows, *others * 5])
    said: list[str] = []
    assert condition_fibres(ABOUT, networks, 100, said.append) is condition_fibres(
        ABOUT, networks, 100, said.append
    )
    assert asked == [((4,), 3.0, 1e-3)]
    assert said == ["tables: fibre of minimum, 4, decay"] * 2
    assert condition_fibres(ABOUT, networks, None, said.append) is None
    conditionfibres._drawn.cache_clear()


def test_no_fibre_has_no_shares_and_says_why() -> None:
    def share(_: Fibre) -> FibreShare:
        raise AssertionError("there is nothing to take a share of")

    columns = fibre_columns(FibreNull((), "several hidden layers"), share)
    assert columns.pop("fibre") == "none: several hidden layers"
    assert all(math.isnan(float(value or 0)) for value in columns.values())
    assert {"fibre_found", "fibre_n", "matched_low", "matched_value"} <= set(columns)
