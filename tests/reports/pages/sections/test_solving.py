"""Loss curves and costs are those of the conditions."""

from __future__ import annotations

import pandas as pd
from synthetic_study import FakeStudy, made_up

from mathcircuits.reports.pages.sections.solving import cost_figure, loss_figure


def test_losses_are_drawn_at_the_smallest_width() -> None:
    study = made_up(("absolute", "minimum"), seeds=3)
    view = loss_figure(study)
    assert view is not None
    assert "minimum, adam: 1e-08" in view.svg
    assert loss_figure(FakeStudy({}, {})) is None


def test_a_point_is_a_regimen_and_width() -> None:
    row = {"task": "a", "hidden": "3", "width": "1x", "regimen": "adam", "n": 10, "solved": 4, "cost": 100.0}
    rows = [row, {**row, "task": "b", "solved": 8}, {**row, "width": "2x", "hidden": "6", "solved": 10}]
    view = cost_figure({"regimens": pd.DataFrame(rows)})
    assert view is not None
    assert "1x, adam: 60% at 100 network-steps; 2x, adam: 100% at 100 network-steps" in view.svg
