"""The scale is that of drawn networks, whose masses have the law that the docstring says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import kv
from scipy.stats import kstest

from mathcircuits.detect import Architecture, InputError, init_scale
from mathcircuits.detect.networks import untrained
from mathcircuits.detect.universality.fibres.init_scales import init_deviations


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_masses_of_drawn_networks_have_the_law(inputs: int, bias: bool) -> None:
    shape = Architecture((inputs, 5, 1), ("relu",), (bias, bias))
    drawn = untrained(shape, 2000, "normal", np.random.default_rng(inputs))
    hidden = drawn.weights[0]
    if bias:
        hidden = np.concatenate([hidden, drawn.biases[0][..., None]], axis=2)
    masses = (drawn.weights[1][:, 0] * np.linalg.norm(hidden, axis=2)).ravel() / init_scale(inputs, 5)
    order, grid = (inputs + bias - 1) / 2, np.linspace(1e-6, 40, 200_001)
    cumulated = np.cumsum(grid**order * kv(order, grid))
    distribution = np.interp(np.abs(masses), grid, cumulated / cumulated[-1])
    assert kstest(distribution, "uniform").pvalue > 0.001


def test_deviations_are_those_of_torch_at_the_init_scale() -> None:
    assert init_deviations(2, 6, init_scale(2, 6)) == pytest.approx((6**-0.5, 18**-0.5))
    hidden, readout = init_deviations(2, 6, 0.5)
    assert hidden * readout == pytest.approx(0.5)


def test_a_network_of_nothing() -> None:
    with pytest.raises(InputError, match="0 inputs and 3 neurons: give at least one of each"):
        init_scale(0, 3)
