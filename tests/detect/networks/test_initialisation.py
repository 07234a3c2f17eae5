"""Untrained draws follow their law and depend on their generator alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mathcircuits.detect.errors import UnknownNameError
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import LAWS, untrained


def test_another_law_is_refused() -> None:
    shape = Architecture((1, 1), (), (False,))
    with pytest.raises(
        UnknownNameError, match=r"no init law named 'unifrom': did you mean 'uniform'\? \(known: uni"
    ):
        untrained(shape, 1, "unifrom", np.random.default_rng(0))


@pytest.mark.parametrize("law", LAWS)
def test_both_laws_have_one_variance(law: str) -> None:
    shape = Architecture((4, 50, 1), ("relu",), (True, False))
    stack = untrained(shape, 200, law, np.random.default_rng(0))
    for layer, fan_in in zip((stack.weights[0], stack.biases[0], stack.weights[1]), (4, 4, 50), strict=True):
        # U(-b, b) has variance b^2 / 3, with b^2 = 1 / fan_in; 10 000 draws and more: 5% is three sigmas
        assert layer.var() == pytest.approx(1 / (3 * fan_in), rel=0.05)
        assert abs(layer.mean()) < 4 * layer.std() / np.sqrt(layer.size)
        if law == "uniform":
            assert np.abs(layer).max() <= 1 / np.sqrt(fan_in)
    assert not stack.biases[1].any()


def test_the_uniform_law_is_torchs_default() -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(3, 40) for _ in range(100)]
    theirs = {
        "weight": torch.stack([layer.weight for layer in layers]).detach().numpy().ravel(),
        "bias": torch.stack([layer.bias for layer in layers]).detach().numpy().ravel(),
    }
    stack = untrained(Architecture((3, 40), (), (True,)), 100, "uniform", np.random.default_rng(0))
    ours = {"weight": stack.weights[0].ravel(), "bias": stack.biases[0].ravel()}
    for name, values in theirs.items():
        quantiles = np.linspace(0, 1, 21)
        # 4000 draws and more: quantiles of one law differ by under 3% of its range of 2 / sqrt(3)
        gap = np.abs(np.quantile(values, quantiles) - np.quantile(ours[name], quantiles)).max()
        assert gap < 0.03 * 2 / np.sqrt(3)


def test_draws_depend_on_the_generator_alone() -> None:
    shape = Architecture((2, 3, 1), ("relu",), (False, True))
    first, same, other = (untrained(shape, 2, "uniform", np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first.weights[0], same.weights[0])
    assert not np.array_equal(first.weights[0], other.weights[0])
    assert first.biases[1].any()
    assert not first.biases[0].any()
