"""Unfolding: one feature a neuron, certified, or the reason why not."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.task import hand_derived, hand_derived_names
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.neuron_names import neuron_features
from mathcircuits.detect.recognition.templates import circuits
from mathcircuits.detect.recognition.unfolding import unfold

# The neurons of the others have offsets of their own, which the catalogue does not name.
UNFOLDABLE = [
    name
    for name in hand_derived_names()
    if name not in ("median-of-3", "tax") and not circuits[name].on_points
]


@pytest.mark.parametrize("name", UNFOLDABLE)
def test_hand_derived_networks_unfold(name: str) -> None:
    network = hand_derived(name)
    found = unfold(network)
    assert found
    assert found.network is not None
    assert found.certificate is not None
    assert found.certificate.upper <= 1e-9
    assert found.reason == ""
    X = np.random.default_rng(0).uniform(-1, 1, (200, network.inputs))
    assert np.allclose(found.network(X), network(X))
    assert all(feature for layer in neuron_features(found.network) for _, feature in layer)


def test_mixed_neurons_are_resolved_by_a_template() -> None:
    oblique = Network([[[1, -1], [3, 1], [-3, -1], [0, 1], [0, -1]], [[-3, 1, -1, -1, 1]]])
    assert None in [feature for _, feature in neuron_features(oblique)[0]]
    found = unfold(oblique)
    assert found.method == "template"
    assert found.neurons == (
        (("relu(x1 - x2)", "greaterness"), ("relu(x1)", "positiveness"), ("relu(-x1)", "negativeness")),
    )


def test_mixed_neurons_are_resolved_by_the_normal_form() -> None:
    # |x1 - x2| + 3 relu(x2) + 0.3 x1 - 0.7 x2, the linear part along a line that is no feature.
    network = Network([[[1, -1], [-1, 1], [0, 2], [3, -7], [-3, 7]], [[1, 1, 1.5, 0.1, -0.1]]])
    found = unfold(network)
    assert found.method == "normal form"
    assert found.certificate is not None
    assert found.certificate.upper < 1e-11
    (layer,) = found.neurons
    assert {label for label, _ in layer} == {
        "relu(x1 - x2)", "relu(x2)", "relu(x1)", "relu(-x1)", "relu(-x2)",
    }  # fmt: skip


def test_one_known_direction_carries_what_is_left() -> None:
    network = Network([[[1, 0], [1, 2], [0, 1]], [[1, 0.5, -1]]], [[2, 3, 1], [0]])
    # x1 + 2 + (x1 + 2 x2 + 3)/2 - x2 - 1: a line along x1, always on, and a constant.
    found = unfold(network)
    assert found
    assert {label for label, _ in found.neurons[0]} <= {"relu(x1)", "relu(-x1)", "relu(x2)", "relu(-x2)"}
    summed = unfold(Network([[[2, 2, 0], [0, 0, 1]], [[1, 1]]], [[5, 0], [0]]))
    assert {label for label, _ in summed.neurons[0]} == {"relu(x1 + x2)", "relu(-x1 - x2)", "relu(x3)"}


def test_several_outputs_unfold_side_by_side() -> None:
    network = Network([[[1, -1], [-1, 1], [1, 1], [-1, -1]], [[2, 2, 0, 0], [0.5, 0.5, 0.5, -0.5]]])
    found = unfold(network)
    assert found
    assert found.network is not None
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert np.allclose(found.network(X), network(X))


def test_why_not() -> None:
    assert unfold(Network([[[1.0, -0.3]], [[1.0]]])).reason == (
        "no feature of the catalogue has its kink at x1 - 0.3*x2 = 0"
    )
    median = unfold(hand_derived("median-of-3"))
    assert "the template has relu(v0 - v1 + v2 - v3 + v4), which is not a single feature" in median.reason
    smooth = unfold(Network([[[1.0]], [[1.0]]], activation="tanh"))
    assert smooth.reason == "its layers of tanh are not sums of the catalogue's ReLU features"
    rng = np.random.default_rng(0)
    deep = unfold(Network([rng.normal(size=s) for s in ((4, 2), (4, 4), (1, 4))]))
    assert not deep
    assert "no circuit of the catalogue is output y1" in deep.reason
    assert repr(deep).startswith("Unfolding(none: no circuit")
    assert "Unfolding(none" in deep._repr_html_()


def test_the_tolerance_decides() -> None:
    off = Network([[[1, -1.001], [1, 0], [-1, 0]], [[-1, 1, -1]]])
    refused = unfold(off)
    assert not refused
    assert refused.certificate is not None
    assert "more than the tolerance 1e-06" in refused.reason
    allowed = unfold(off, tolerance=refused.certificate.upper)
    assert allowed.method == "template"
    with pytest.raises(InputError, match="tolerance -1: give a number"):
        unfold(off, tolerance=-1)


def test_degenerate_networks() -> None:
    constant = unfold(Network([[[0.0]], [[1.0]]], [[1.0], [0.5]]))
    assert constant
    assert constant.network is not None
    assert constant.network([[0.3]]).item() == 1.5
    assert constant.neurons == ()
    line = unfold(Network([[[0.0, 2.0]]]))
    assert line
    assert {label for label, _ in line.neurons[0]} == {"relu(x2)", "relu(-x2)"}


def test_shown_in_a_notebook() -> None:
    assert "greaterness" in unfold(hand_derived("minimum"))._repr_html_()


def test_the_box_and_the_catalogue_are_the_callers() -> None:
    minimum = hand_derived("minimum")
    found = unfold(minimum, box=(-2, 2))
    assert found.certificate is not None
    assert found.certificate.box == ((-2.0, 2.0), (-2.0, 2.0))
    assert found.method == "template"
    less = circuits.without("minimum").without("minimum-older-form")
    assert unfold(minimum, catalogue=less).method != "template"
