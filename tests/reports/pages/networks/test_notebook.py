"""Notebook view: what it says of a network, whatever its inputs are called, and that it brings no ground of its own."""

from __future__ import annotations

import re

import pytest

from mathcircuits.detect import Analysis, Network, analyse, hand_derived
from mathcircuits.reports.pages.networks.notebook import analysis_html, middle
from mathcircuits.reports.plots.palette import every_colour


@pytest.fixture(scope="module")
def named() -> Analysis:
    return analyse(hand_derived("minimum"), task="minimum", init="uniform", names=["<b>price", "limit"])


def test_it_says_formula_bound_graph_and_used_neurons(named: Analysis) -> None:
    text = named._repr_html_()
    front = text[: text.index("<details>")]
    assert re.search(
        r"min\(&lt;b&gt;price, limit\)</code>.*off by at most [\d.e-]+ anywhere on the box", front
    )
    assert front.count("<svg") == 1
    assert re.findall(r"<b>(\w+)</b></span>", front) == ["matched"] * 3
    folded = re.findall(r"<summary[^>]*>(.*?)</summary>", text)
    assert [heading.partition(" (")[0] for heading in folded] == [
        "All neurons", "Features that a layer can be read for", "Circuits", "Formulas by length", "Certificate",
        "How it was read",
    ]  # fmt: skip
    assert not re.search(r"\b(nan|NaN|None|undefined)\b", text)


def test_names_are_no_markup_and_nothing_is_fetched(named: Analysis) -> None:
    text = named._repr_html_()
    assert "<b>price" not in text
    assert "&lt;b&gt;price" in text
    assert not re.search(r"https?:|url\((?!#)|<script|<link|<img|@import|\bsrc=", text)


def test_letters_have_the_notebooks_own_colour(named: Analysis) -> None:
    text = named._repr_html_()
    assert "--ink:currentColor" in text
    svg = text[text.index("<svg") : text.index("</svg>")]
    # Every colour of the drawing is a variable that the element around it sets.
    assert not re.findall(r"(?:fill|stroke): ?(#[0-9a-f]{6})", svg)
    used = set(re.findall(r"var\(--([\w-]+)\)", svg))
    assert used
    assert used <= set(re.findall(r"--([\w-]+):", text[: text.index("<svg")]))
    # No text falls back to black.
    assert all("fill" in tag for tag in re.findall(r"<text[^>]*>", svg))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_signs_of_weights_are_seen_on_white_and_on_black() -> None:
    signs = [colour for colour in every_colour() if colour.name in {"positive", "negative"}]
    for colour in signs:
        y = luminance(middle(colour))
        assert 1.05 / (y + 0.05) >= 3.0  # on white
        assert (y + 0.05) / (luminance("#16191d") + 0.05) >= 3.0  # on a dark ground
    assert len(signs) == 2


def test_a_network_without_a_formula_says_why() -> None:
    smooth = Network([[[0.9], [0.3]], [[0.4, 1.0]]], activation="tanh")
    text = analysis_html(analyse(smooth, init="uniform"))
    assert "No formula: its activation tanh is smooth" in text
    assert "Nearest: <code" in text


def test_a_silent_network_says_so() -> None:
    text = analysis_html(analyse(Network([[[1.0]], [[1.0]]], [[-50.0], None]), init="uniform"))
    assert "no hidden neuron is ever active" in text
    assert "No neuron that the output needs." in text
