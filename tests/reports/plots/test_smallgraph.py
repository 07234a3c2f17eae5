"""A small graph shows what a network needs, and leaves out what would hide it."""

from __future__ import annotations

import re

import numpy as np

from mathcircuits.detect import Network
from mathcircuits.reports.plots.drawing import NeuronLabel
from mathcircuits.reports.plots.smallgraph import small_graph


def test_small_weights_and_unused_neurons_are_left_out() -> None:
    weights = [np.ones((8, 2)), np.ones((1, 8))]
    weights[0][0] = [1.0, 0.05]
    labels = {(0, k): NeuronLabel("positiveness", "x1", "matched", used=k < 3) for k in range(8)}
    text = small_graph(Network(weights), labels, "eight & more")
    # Two inputs, three of eight neurons and the output; five of six weights in, three out.
    assert (text.count("<circle"), text.count("<line")) == (6, 5 + 3)
    assert 'aria-label="eight &amp; more"' in text
    assert all(name in text for name in (">x1<", ">y<", ">positiveness<"))


def test_a_narrow_layer_is_drawn_whole() -> None:
    labels = {(0, 1): NeuronLabel("positiveness", "x1", "matched", used=False)}
    assert small_graph(Network([[[1.0], [1.0]], [[1.0, 1.0]]]), labels, "two").count("<circle") == 4


def test_of_a_bundle_the_strongest_edges_are_drawn_and_one_of_every_neuron() -> None:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.2, 1.0, (8, 16))
    weights[5] *= 0.3
    text = small_graph(Network([rng.uniform(0.2, 1.0, (16, 5)), weights, np.ones((1, 8))]), {}, "a bundle")
    lines = re.findall(r'x1="(\d+)" y1="(\d+)" x2="(\d+)" y2="(\d+)"', text)
    between = [line for line in lines if line[0] == "87"]
    # 24 of 128, and what would leave a neuron alone.
    assert 24 <= len(between) <= 24 + 8 + 16
    assert len({(line[0], line[1]) for line in between}) == 16
    assert len({(line[2], line[3]) for line in between}) == 8


def test_the_names_of_four_inputs_lie_in_the_drawing() -> None:
    text = small_graph(Network([np.ones((1, 4)), np.ones((1, 1))]), {}, "four")
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None
    _, top, _, height = map(float, box[1].split())
    lines = [float(y) for y in re.findall(r'<text x="\d+" y="([\d.]+)"', text)]
    # Letters of 9.5 rise by about 8 above their line, and reach 3 below it.
    assert len(lines) == 5
    assert all(top + 8 <= y <= top + height - 3 for y in lines)
