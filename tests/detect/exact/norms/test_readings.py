"""A network's norms: beside the least of its task, of its own function, or alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived, tasks
from mathcircuits.detect.exact import norms_of
from mathcircuits.detect.programs.criteria import PROGRAM_SHARE


def test_the_hand_derived_minimum_has_more_than_the_least() -> None:
    norms = norms_of(hand_derived("minimum"), task=tasks["minimum"])
    assert norms.path_norm == pytest.approx(2 + math.sqrt(2))
    assert norms.excess == pytest.approx((2 + math.sqrt(2)) / math.sqrt(8) - 1)
    assert norms.to_dict()["dimension"] == 0


def test_what_training_leaves_of_neurons_is_simplified_away() -> None:
    noise = 1e-4 * np.random.default_rng(0).normal(size=(3, 2))
    rough = Network([np.array([[1, -1], [1, 0], [-1, 0]]) + noise, [[-1, 1, -1]]])
    assert norms_of(rough).excess == pytest.approx(0.0, abs=0.01)  # its own three kinks leave no choice
    assert norms_of(rough, tolerance=PROGRAM_SHARE).excess == pytest.approx(0.207, abs=0.01)


def test_where_the_least_is_not_known_the_path_norm_stands_alone() -> None:
    deep = norms_of(hand_derived("minimum-of-4"), task=tasks["minimum-of-4"])
    assert deep.least is None
    assert math.isnan(deep.excess)
    assert deep.text == f"{deep.path_norm:.7g}"
    assert norms_of(hand_derived("minimum-of-4")).least is None
    smooth = Network([[[1.0]], [[1.0]]], activation="tanh")
    assert (norms_of(smooth).path_norm, norms_of(smooth).least) == (1.0, None)


def test_without_hidden_neurons_there_is_none() -> None:
    norms = norms_of(Network([[[1.0]]]))
    assert norms.text == ""
    assert repr(norms) == "Norms(path norm unknown)"
    assert norms.to_dict()["path_norm"] is None
