"""Null figures: the match stands where its score is, over all of the null's mass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes

from mathcircuits.detect import MatchNull
from mathcircuits.reports.plots.nullfigures import NULL_SIZE, null_edges, null_histogram, null_words
from mathcircuits.reports.plots.rendering import blank

MATCHED = MatchNull(
    0, 2, "greaterness", ("x1", "x2"), "ridge", "matched", 2e-5, 4e-4, 1e-3, 2e-3,
    np.array([1e-3, 0.02, 0.2, 0.4]), np.array([0.1, 0.2, 0.3, 0.4]), "uniform",
)  # fmt: skip
VACUOUS = replace(
    MATCHED, status="vacuous", unexplained=1e-15, p=1.0, q=1.0, needed=None,
    draws=np.array([1e-15, 1e-14]), mass=np.array([0.5, 0.5]),
)  # fmt: skip


def drawn(null: MatchNull, *, small: bool = False) -> Axes:
    (ax,) = blank(*NULL_SIZE)[1]
    assert isinstance(ax, Axes)
    return null_histogram(null, ax, small=small)


def test_the_line_stands_at_the_score() -> None:
    match, threshold = drawn(MATCHED).lines
    assert match.get_xdata() == pytest.approx([2e-5, 2e-5])
    assert threshold.get_xdata() == pytest.approx([2e-3, 2e-3])
    assert threshold.get_linestyle() == "--"


def test_the_histogram_holds_the_mass() -> None:
    bars = drawn(MATCHED).patches[0].get_data()  # type: ignore[attr-defined]
    assert bars.values.sum() == pytest.approx(1.0)
    assert bars.values[bars.edges[:-1] < 5e-4].sum() == 0.0


def test_what_could_not_have_failed_has_no_threshold_and_stands_in_the_mass() -> None:
    ax = drawn(VACUOUS)
    (match,) = ax.lines
    edges = null_edges(VACUOUS.unexplained)
    assert edges[0] < match.get_xdata()[0] < edges[1]  # type: ignore[index]
    assert ax.patches[0].get_data().values[0] == pytest.approx(1.0)  # type: ignore[attr-defined]
    assert [text.get_text() for text in ax.texts] == ["this neuron\np = 1"]
    assert "No share would give p = 0.05" in null_words(VACUOUS)


def test_a_small_one_says_p_alone() -> None:
    ax = drawn(MATCHED, small=True)
    assert [text.get_text() for text in ax.texts] == ["p = 0.0004"]
    assert ax.get_xlabel() == ""


def test_the_words_say_the_figure() -> None:
    assert null_words(MATCHED) == (
        "v2 greaterness(x1, x2) leaves 2e-05 of the variance. Of the neurons of the null none leave as little; "
        "p = 0.0004. A p of 0.05 asks for at most 0.002."
    )


def test_the_edges_hold_every_match() -> None:
    for score in (0.9, 1e-5, 3e-8, 0.0):
        edges = null_edges(score)
        assert edges[-1] == 1.0
        assert edges[0] <= max(score, 1e-9)
        assert np.allclose(np.diff(np.log10(edges)), 1 / 3)
