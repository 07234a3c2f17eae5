"""Factor page: what it says of planted effects, its figures, and a study that has nothing to say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from synthetic_study import FakeStudy

from mathcircuits.reports.pages.factorpage import effect_sentences, factor_page, norm_figure
from mathcircuits.reports.pages.page import page
from mathcircuits.reports.studies.factorial.effects import effects_table
from mathcircuits.reports.studies.factorial.normshares import norm_share_table
from mathcircuits.reports.studies.factors import Factors, with_factors

FACTORS = Factors(decay=[0, 1e-3], batch=[32, 128])


def tables() -> dict[str, pd.DataFrame]:
    """Decay decides the form of the minimum, whose excess is small then; relu has one form."""
    rows: list[dict[str, Any]] = []
    for task, hidden in (("minimum", "12"), ("relu", "4")):
        for regimen, levels in FACTORS.by_regimen.items():
            for seed in range(30):
                half = task == "minimum" and (levels["decay"] == 1e-3) != (seed == 0)
                rows.append(
                    {
                        "task": task,
                        "hidden": hidden,
                        "width": "4x",
                        "regimen": regimen,
                        "population": "trained",
                        "solved": True,
                        "form": "half" if half else "slide",
                        "path_norm": 3.0,
                        "excess": 0.001 if half else 0.1,
                    }
                )
    networks = with_factors(pd.DataFrame(rows), FACTORS, "networks")
    return {
        "networks": networks,
        "effects": effects_table(networks, FACTORS),
        "norm_shares": norm_share_table(networks),
    }


def test_the_page_says_which_factor_decides() -> None:
    made = tables()
    (sentence,) = effect_sentences(made)
    assert sentence.startswith("minimum: decay changes the form most. From 0 to 0.001 the share of ")
    # A change of a share is in points: from 2 of 60 to 58 of 60 is no change by 93%.
    assert "the share of half changes by +93 percentage points (95% interval +82 to +97, q = " in sentence
    text = factor_page(SimpleNamespace(tables=made, manifest={"started": "today", "cells": ["no"]}))
    assert sentence.partition(" (")[0] in text
    assert "240 networks of 2 tasks, trained under 4 combinations" in text
    for wanted in ("forms-by-norm.csv", "minimum-effects.csv", 'id="effects-rows"', "<dt>started</dt>"):
        assert wanted in text
    assert "relu-effects.csv" not in text
    assert "<dt>cells</dt>" not in text


def test_the_figure_has_a_panel_for_every_task_with_a_choice() -> None:
    view = norm_figure(tables())
    assert view is not None
    titles = [ax.get_title() for ax in view.drawing.axes]
    assert titles == ["minimum"]
    one = {"norm_shares": tables()["norm_shares"].query("task == 'relu'")}
    assert norm_figure(one) is None
    assert norm_figure({}) is None


def test_a_page_of_everything_has_them_too() -> None:
    made = tables()
    text = page(FakeStudy({name: made[name] for name in ("effects", "norm_shares")}, {}))
    for wanted in ("forms-by-norm.csv", 'id="effects-rows"', 'id="norm_shares-rows"'):
        assert wanted in text
    assert "forms-by-norm.csv" not in page(FakeStudy({}, {}))


def test_without_an_effect_it_says_so() -> None:
    made = tables()
    made["effects"] = made["effects"].assign(q=np.where(made["effects"]["q"].notna(), 0.5, np.nan))
    assert list(effect_sentences(made)) == ["minimum: no factor is shown to change the form."]
