"""Pair drawing: what a unit adds up in words, and which units face each other."""

from __future__ import annotations

from mathcircuits.detect import Network, circuits
from mathcircuits.detect.universality import pair_up
from mathcircuits.reports.plots.pairdrawing import matched_units, pair_in_words, unit_words
from mathcircuits.reports.plots.rendering import blank, inline_svg


def test_a_unit_in_words() -> None:
    net = Network([[[0, 0], [-2, 0], [1, 1e-9]], [[1, 1, 1]], [[1]]], [[0.25, 1, 0], None, None])
    assert [unit_words(net, 0, k) for k in range(3)] == ["0.25", "−x1 + 0.5", "x1"]
    assert unit_words(net, 1, 0) == "v0 + v1 + v2"
    wide = Network([[[4, 3, 2, 1]], [[1]]])
    assert unit_words(wide, 0, 0) == "x1 + 0.75 x2 + 0.5 x3 + …"


def test_the_drawing_of_two_forms() -> None:
    slide, _, mean = (circuit.network for circuit in circuits["minimum"].gauges[:3])
    found = pair_up(slide, mean, names=("slide", "mean"), task="minimum")
    figure, (ax,) = blank(7, 2)
    matched_units(found, ax)
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("v0: x1 − x2") == 1
    assert texts.count("v2: x1 − x2") == 1
    # One line for the kink that both have, two for what is matched for want of better.
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert [line.get_linestyle() for line in lines] == ["-", "--", "--"]
    assert "v0 (x1 − x2) with v2 (x1 − x2), 1.00" in inline_svg(figure, pair_in_words(found))
