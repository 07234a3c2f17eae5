"""Panels of null networks: seeded, shared where nothing is kept, and of a network's own where it has offsets."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect.matching.nulls.direction_nulls import panel_errors, panel_null, panel_p
from mathcircuits.detect.matching.read_outs import targets_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack


def test_r2_alone_is_useless_in_a_wide_layer() -> None:
    architecture = Architecture((2, 64, 1), ("relu",), (False, False))
    frame_null = panel_null(architecture, 0, "uniform", targets_for(2))
    names = [f.label for f in targets_for(2).features]
    assert frame_null.median[names.index("greaterness(x1, x2)")] < 1e-3  # R2 above 0.999, untrained


def test_the_panel_is_seeded() -> None:
    shape, targets = Architecture((2, 3, 1), ("relu",), (False, False)), targets_for(2)
    np.testing.assert_array_equal(
        panel_errors(shape, 0, "uniform", targets, seed=4, count=5),
        panel_errors(shape, 0, "uniform", targets, seed=4, count=5),
    )


def test_networks_without_offsets_share_the_panel_of_those_without_biases() -> None:
    targets = targets_for(2)
    biased, plain = (Architecture((2, 3, 1), ("relu",), (bias, bias)) for bias in (True, False))
    drawn = untrained(plain, 3, "uniform", np.random.default_rng(0))
    stack = Stack(biased, drawn.weights, drawn.biases)
    errors = np.full((3, len(targets.features)), 1e-2)
    p, median = panel_p(stack, biased, 0, "uniform", targets, errors)
    shared = panel_null(plain, 0, "uniform", targets)
    np.testing.assert_array_equal(p, shared.p(errors))
    np.testing.assert_array_equal(median[0], shared.median)


def test_a_panel_of_its_own_has_the_networks_offsets() -> None:
    """Predicted: with kinks at the box's edge the null reads as little as the network; untrained networks read more."""
    targets = targets_for(2)
    shape = Architecture((2, 3, 1), ("relu",), (True, True))
    rows, edge = np.array([[1.0, 0.2], [-0.3, 1.0], [0.5, -1.0]]), -1.15
    stack = Stack(shape, (rows[None], np.ones((1, 1, 3))), (np.full((1, 3), edge), np.zeros((1, 1))))
    errors = np.full((1, len(targets.features)), 0.5)
    _, own = panel_p(stack, shape, 0, "uniform", targets, errors)
    _, untrained_median = panel_p(stack, shape, 0, "uniform", targets, errors, "unconditional")
    greaterness = [f.label for f in targets.features].index("greaterness(x1, x2)")
    assert own[0, greaterness] > 1.2 * untrained_median[0, greaterness]


def test_without_weights_the_null_is_of_the_shape() -> None:
    targets = targets_for(2)
    shape = Architecture((2, 3, 1), ("relu",), (True, True))
    errors = np.full((1, len(targets.features)), 1e-2)
    p, _ = panel_p(None, shape, 0, "uniform", targets, errors)
    np.testing.assert_array_equal(p, panel_null(shape, 0, "uniform", targets).p(errors))
