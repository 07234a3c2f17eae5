"""Figures draw what the tables say, in colours that a reader can tell apart, the same way every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mathcircuits.reports.plots import figures
from mathcircuits.reports.plots.palette import (
    VERDICTS,
    colour_of,
)
from mathcircuits.reports.plots.rendering import blank, inline_svg


def axes() -> Axes:
    """One empty axes."""
    (ax,) = blank(3, 2)[1]
    assert isinstance(ax, Axes)
    return ax


def along(line: Line2D) -> list[float]:
    """The line's x values."""
    return [float(x) for x in np.ravel(np.asarray(line.get_xdata(), dtype=float))]


def texts(ax: Axes) -> list[str]:
    """What is written in the axes."""
    return [text.get_text() for text in ax.texts]


# Charts of the tables


def test_success_draws_shares_and_intervals() -> None:
    table = pd.DataFrame(
        {
            "task": ["a", "a", "b"],
            "hidden": ["2", "4", "3"],
            "width": ["1x", "2x", ""],
            "regimen": ["osier", "adam", "adam"],
            "n": [4, 4, 4],
            "solved": [2, 4, 0],
            "value": [0.5, 1.0, 0.0],
            "low": [0.07, 0.4, 0.0],
            "high": [0.93, 1.0, 0.6],
        }
    )
    ax = figures.success(table, axes())
    bars, dots = ax.lines[::2], ax.lines[1::2]
    assert [tuple(along(bar)) for bar in bars] == [(0.07, 0.93), (0.4, 1.0), (0.0, 0.6)]
    assert [along(dot)[0] for dot in dots] == [0.5, 1.0, 0.0]
    assert dots[0].get_marker() != dots[1].get_marker() == dots[2].get_marker()
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["a", "2 (1x), osier", "4 (2x), adam", "b", "3, adam"]
    assert texts(ax) == ["2 / 4", "4 / 4", "0 / 4"]


ROW = {
    "task": "minimum",
    "feature": "greaterness",
    "on": "x1, x2",
    "found": 9,
    "n": 36,
    "value": 0.25,
    "low": 0.12,
    "high": 0.42,
    "untrained_found": 4,
    "untrained_n": 100,
    "untrained_value": 0.04,
    "verdict": "partial",
    "reason": "",
}


def test_prevalence_has_the_untrained_beside() -> None:
    ax = figures.prevalence(pd.DataFrame([ROW]), axes())
    bar, dot, untrained = ax.lines
    assert tuple(along(bar)) == (0.12, 0.42)
    assert along(dot)[0] == 0.25
    assert dot.get_color() == colour_of("greaterness").light
    assert along(untrained)[0] == 0.04
    assert untrained.get_markerfacecolor() == "none"
    assert texts(ax) == ["partial"]


#: The shares of the fibre at the init's scale, none at another.
FIBRE = {"fibre_value": 0.26, "fibre_low": 0.2, "fibre_high": 0.33, "matched_value": np.nan}


def test_prevalence_has_the_fibre_beside() -> None:
    ax = figures.prevalence(pd.DataFrame([{**ROW, **FIBRE}]), axes())
    *_, diamond = ax.lines
    assert along(diamond)[0] == 0.26
    assert diamond.get_marker() == "D"
    assert ax.get_xlabel().endswith("diamonds: untrained networks of the same function")


def test_the_census_has_verdicts_and_fibres_where_they_are_known() -> None:
    row = {"hidden": "6", "width": "2x", "regimen": "adam", "found": 9, "n": 36, "value": 0.25}
    row |= {"name": "half", "low": 0.12, "high": 0.42}
    plain = figures.census(pd.DataFrame([row]), axes())
    assert texts(plain) == ["9 / 36"]
    judged = pd.DataFrame([{**row, **FIBRE, "verdict": "selected", "reason": "beyond it"},
                           {**row, "name": "slide", "verdict": None}])  # fmt: skip
    ax = figures.census(judged, axes())
    assert texts(ax) == ["S", "9 / 36", "9 / 36"]
    assert [along(line)[0] for line in ax.lines if line.get_marker() == "D"] == [0.26]
    text = inline_svg(ax.figure, "x")  # type: ignore[arg-type]
    assert "half: selected (beyond it)" in text
    assert "nobody trained, at the init's scale: 26%, interval 0.2 to 0.33" in text.replace("&#39;", "'")


def test_a_row_of_no_solved_network_draws_no_share() -> None:
    row = {**ROW, "n": 0, "found": 0, "value": np.nan, "low": 0.0, "high": 1.0, "untrained_value": np.nan}
    assert not figures.prevalence(pd.DataFrame([row]), axes()).lines


def test_a_tile_is_as_large_as_its_share() -> None:
    none = {**ROW, "task": "unsolved", "n": 0, "found": 0, "value": np.nan}
    ax = axes()
    figures.periodic_table(
        pd.DataFrame([ROW, none]),
        ax,
        features=["greaterness", "square"],
        tasks=["minimum", "unsolved"],
    )
    squares = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_zorder() > 1]
    areas = [square.get_width() * square.get_height() / 0.92**2 for square in squares]
    assert areas == pytest.approx([0.25])
    # The untrained share is a length at the tile's foot.
    (foot,) = ax.lines
    assert float(np.ptp(along(foot))) == pytest.approx(0.92 * 0.04)
    # Row by row: the partial one, none solved; square in no solved network, none solved.
    assert texts(ax) == ["P", "–", "·", "–"]
    figure = ax.figure
    text = inline_svg(figure, "x")  # type: ignore[arg-type]
    assert "greaterness(x1, x2) in minimum: 9 of 36, interval 0.12 to 0.42; partial; untrained 4%" in text


def test_every_verdict_has_its_letter() -> None:
    names = [*VERDICTS]
    rows = [{**ROW, "task": name, "verdict": name} for name in names]
    ax = figures.periodic_table(pd.DataFrame(rows), axes(), features=["greaterness"], tasks=names)
    assert texts(ax) == [mark.letter for mark in VERDICTS.values()]
