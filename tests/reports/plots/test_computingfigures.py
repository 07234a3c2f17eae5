"""The parts of a task's bar are the shares of its forms."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from mathcircuits.reports.plots.computingfigures import form_bars
from mathcircuits.reports.plots.rendering import blank


def test_a_bar_is_filled_by_its_forms() -> None:
    rows = [
        {"task": "minimum", "name": name, "found": k, "n": 10} for name, k in (("a", 7), ("unnamed: b", 3))
    ]
    _, (ax,) = blank(7, 1)
    form_bars(pd.DataFrame(rows), ax)
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [bar.get_width() for bar in bars] == pytest.approx([0.7, 0.3])
    # What has no name is grey, and not in the colour of the next form.
    assert bars[0].get_facecolor() != bars[1].get_facecolor()
