"""Factor figures: every row is drawn where its numbers are, and told apart without colour."""

from __future__ import annotations

import pandas as pd
import pytest

from mathcircuits.reports.plots.factorfigures import LEAST_EXCESS, form_by_norm, form_effects
from mathcircuits.reports.plots.rendering import blank

SHARES = pd.DataFrame(
    {
        "form": ["half", "slide"] * 2,
        "measure": "excess",
        "norm": [1e-7, 1e-7, 0.1, 0.1],
        "found": [9, 1, 2, 8],
        "n": 10,
        "value": [0.9, 0.1, 0.2, 0.8],
        "low": [0.55, 0.0, 0.02, 0.44],
        "high": [1.0, 0.45, 0.56, 0.98],
    }
)


def test_shares_stand_at_their_norms() -> None:
    _, (ax,) = blank(3, 2)
    form_by_norm(SHARES, ax)
    lines = {line.get_label(): line for line in ax.lines if line.get_label() in ("half", "slide")}
    assert lines["half"].get_xydata().tolist() == [[LEAST_EXCESS, 0.9], [0.1, 0.2]]
    assert lines["half"].get_marker() != lines["slide"].get_marker()
    assert lines["half"].get_color() != lines["slide"].get_color()
    assert len(ax.collections) == 2  # the intervals
    assert ax.get_xlabel() == "excess over the least norm"


def test_a_path_norm_is_drawn_as_it_is() -> None:
    _, (ax,) = blank(3, 2)
    form_by_norm(SHARES.assign(measure="path_norm"), ax)
    assert ax.get_xscale() == "linear"
    assert ax.get_xlabel() == "path norm"
    assert min(line.get_xdata()[0] for line in ax.lines) == 1e-7


@pytest.mark.parametrize(("q", "filled"), [(0.01, True), (0.4, False)])
def test_effects_are_filled_where_the_factor_has_one(q: float, filled: bool) -> None:
    row = {"factor": "decay", "level": "0.001", "reference": "0", "form": "half", "effect": 0.6, "q": q}
    _, (ax,) = blank(4, 1)
    form_effects(pd.DataFrame([{**row, "effect_low": 0.5, "effect_high": 0.7}]), ax)
    bar, dot, _ = ax.lines
    assert list(bar.get_xdata()) == [0.5, 0.7]
    assert dot.get_xdata()[0] == 0.6
    assert (dot.get_markerfacecolor() == dot.get_color()) == filled
