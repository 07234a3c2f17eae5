"""Names of neurons: ridge functions in words, and constants that have no direction."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.features.printing import linear_text
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.neuron_names import neuron_features
from mathcircuits.detect.statistics.correlation import standardised


def test_neuron_labels() -> None:
    network = Network([[[0, 2], [1, -0.25]], [[1, -2], [1, 1]], [[1, 1]]], [[0, 0.5], [0, 0], [0]])
    first, second = neuron_features(network)
    assert first == (("relu(x2)", "positiveness"), ("relu(x1 - 0.25*x2 + 0.5)", None))
    assert second[0] == ("relu(v0 - v1)", "greaterness")
    assert second[1] == ("relu(v0 + 0.5*v1)", None)


def test_constants_have_no_direction() -> None:
    values = standardised(np.array([[1.0, 3.0], [2.0, 3.0], [3.0, 3.0]]))
    assert np.linalg.norm(values, axis=0).tolist() == pytest.approx([1.0, 0.0])
    assert linear_text([0.0, 1e-9], ["x1", "x2"]) == "1e-09*x2"
