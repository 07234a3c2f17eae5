"""Drawings of networks: names, signs, biases, crowded graphs; the same text every time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from mathcircuits.detect import About, Network, hand_derived
from mathcircuits.reports.plots.drawing import (
    LABELS_PER_LAYER,
    NeuronLabel,
    graph_size,
    in_words,
    network_graph,
)
from mathcircuits.reports.plots.palette import (
    NEGATIVE,
    POSITIVE,
)
from mathcircuits.reports.plots.rendering import blank, inline_svg


def axes() -> Axes:
    """One empty axes."""
    (ax,) = blank(3, 2)[1]
    assert isinstance(ax, Axes)
    return ax


def texts(ax: Axes) -> list[str]:
    """What is written in the axes."""
    return [text.get_text() for text in ax.texts]


# Inline SVG


def test_the_same_drawing_is_the_same_text() -> None:
    net = hand_derived("minimum")

    def drawn() -> str:
        figure, (ax,) = blank(*graph_size(net))
        network_graph(net, {}, ax)
        return inline_svg(figure, "a network")

    assert drawn() == drawn()


# The graph


def test_the_graph_names_neurons_and_signs_weights() -> None:
    net = hand_derived("minimum")
    labels = {
        (0, 0): NeuronLabel("greaterness", "x1, x2", "matched", used=True),
        (0, 1): NeuronLabel("positiveness", "x1", "vacuous", used=False),
    }
    ax = network_graph(net, labels, axes())
    written = texts(ax)
    assert {"x1", "x2", "y", "greaterness", "x1, x2", "matched", "vacuous, not used", "v2"} <= set(written)
    # Rows (1, -1), (1, 0), (-1, 0) and the read-out -1, 1, -1: three weights of each sign, two of none.
    assert written.count("+1.00") == 3
    assert written.count("−1.00") == 4
    solid = [line for line in ax.lines if line.get_color() == POSITIVE.light]
    dashed = [line for line in ax.lines if line.get_color() == NEGATIVE.light]
    assert (len(solid), len(dashed), len(ax.lines)) == (3, 4, 9)
    assert {line.get_linestyle() for line in solid} == {"-"}
    assert {line.get_linestyle() for line in dashed} == {"--"}


def test_the_outputs_of_a_graph_have_their_names() -> None:
    net = Network([[[1.0], [-1.0]]], about=About(output_names=("paid", "kept")))
    assert {"paid", "kept"} <= set(texts(network_graph(net, {}, axes())))
    assert in_words(net, {}).endswith("Read-out paid: +1.00 x1. Read-out kept: −1.00 x1.")


def test_a_crowded_graph_leaves_weak_weights_to_the_pointer() -> None:
    weights = np.arange(1.0, 41.0).reshape(10, 4)
    ax = network_graph(Network([weights, np.ones((1, 10))]), {}, axes())
    # Weights of 1, 2 and 3 are below a tenth of 40. 37 numbers in one gap cannot be read: the other gap has ten.
    assert sum(line.get_alpha() == 0.0 for line in ax.lines) == 3
    assert sum(text.startswith("+") for text in texts(ax)) == 10
    # With 4 x 6 weights and fewer everything is there.
    small = network_graph(Network([weights[:6], np.ones((1, 6))]), {}, axes())
    assert not [line for line in small.lines if line.get_alpha() == 0.0]
    assert sum(text.startswith("+") for text in texts(small)) == LABELS_PER_LAYER + 6


def test_a_crowded_graph_leaves_out_what_the_output_does_not_need() -> None:
    net = Network([np.arange(1.0, 41.0).reshape(10, 4), np.ones((1, 10))])
    labels = {(0, k): NeuronLabel(used=k not in (2, 5)) for k in range(10)}
    written = texts(network_graph(net, labels, axes()))
    assert {"v0", "v1", "v3", "v4", "v6", "v7", "v8", "v9"} <= set(written)
    assert not {"v2", "v5"} & set(written)
    # The layer below 4 x 6 keeps its unused neurons, pale.
    assert "v1" in texts(
        network_graph(Network([[[1.0], [2.0]], [[1.0, 1.0]]]), {(0, 1): NeuronLabel(used=False)}, axes())
    )


def test_biases_and_linear_layers_are_drawn() -> None:
    net = Network([[[1.0]], [[2.0]], [[1.0]]], [[0.5], None, [-0.25]], ["identity", "relu"])
    labels = {(0, 0): NeuronLabel("positiveness", "x1", "matched")}
    ax = network_graph(net, labels, axes())
    assert {"bias +0.50", "bias −0.25", "positiveness"} <= set(texts(ax))
    assert in_words(net, labels) == (
        "Network 1-1-1-1. Hidden layer 0: v0 positiveness(x1), matched. Read-out y: +1.00 v0."
    )


def test_a_network_of_zeros_and_one_without_hidden_layers_are_drawn() -> None:
    assert texts(network_graph(Network([[[0.0, 0.0]]]), {}, axes())) == ["x1", "x2", "y"]
