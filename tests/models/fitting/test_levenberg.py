"""Levenberg-Marquardt: Jacobians against torch's, known minima, independence, monotony, what cannot be solved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.models import MLPConfig
from mathcircuits.models.fitting.gradients import residuals_and_jacobian, step
from mathcircuits.models.fitting.levenberg import levenberg
from mathcircuits.models.fitting.vectors import Layout


def drawn(config: MLPConfig, nets: int, samples: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(samples)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    return (
        normal(nets, Layout(config).size),
        normal(1, config.sizes[0], samples),
        normal(1, config.sizes[-1], samples),
    )


@pytest.mark.parametrize("activation", [*NAMES, "leaky_relu(0.3)"])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 5, 4, 2), (2, 3), (1, 3, 2, 2, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_jacobian_is_torchs(activation: str, sizes: tuple[int, ...], bias: bool) -> None:
    config = MLPConfig(sizes, bias, activation, "float64")
    parameters, x, y = drawn(config, 2)
    residual, jacobian = residuals_and_jacobian(parameters, x, y, config)
    losses, gradient = step(parameters, x, y, config)
    assert torch.allclose((residual**2).mean(1), losses)
    # the gradient of the mean square is 2 J r / (outputs samples)
    assert torch.allclose(2 * (jacobian @ residual[:, :, None])[:, :, 0] / residual.shape[1], gradient)

    def residuals(own: torch.Tensor) -> torch.Tensor:
        return residuals_and_jacobian(own[None], x, y, config)[0][0]

    for k in range(2):
        expected = torch.func.jacrev(_plain(config, x, y))(parameters[k])
        assert torch.allclose(jacobian[k].T, expected)
        assert torch.allclose(residuals(parameters[k]), residual[k])


def _plain(config: MLPConfig, x: torch.Tensor, y: torch.Tensor) -> Any:
    """Residuals written with torch's own modules' functions, for autograd."""
    from mathcircuits.models.fitting.gradients import activated

    def residuals(own: torch.Tensor) -> torch.Tensor:
        weights, biases = Layout(config).split(own[None])
        a = x[0]
        for weight, bias, name in zip(weights, biases, (*config.activations, "identity"), strict=True):
            z = weight[0] @ a
            a = activated(name, z if bias is None else z + bias[0][:, None])
        return (a - y[0]).reshape(-1)

    return residuals


def test_a_linear_problem_ends_at_least_squares() -> None:
    config = MLPConfig((3, 2), bias=True, dtype="float64")
    start, x, y = drawn(config, 3, 40)
    ends, losses = levenberg(start, x, y, config, 30)
    design = torch.cat([x[0].T, torch.ones(40, 1, dtype=torch.float64)], dim=1)
    best = torch.linalg.lstsq(design, y[0].T).solution.T  # [output, input and bias]
    for end in ends:
        assert torch.allclose(end[:6].view(2, 3), best[:, :3], atol=1e-6)
        assert torch.allclose(end[6:], best[:, 3], atol=1e-6)
    assert torch.allclose(losses, ((best @ design.T - y[0]) ** 2).mean().expand(3))


def test_no_loss_grows_and_each_try_counts() -> None:
    config = MLPConfig((2, 6, 4, 2), bias=True, dtype="float64")
    start, x, y = drawn(config, 8, 60)
    losses = torch.stack([levenberg(start, x, y, config, tries)[1] for tries in range(12)])
    assert (losses.diff(dim=0) <= 0).all()
    assert (losses[-1] < losses[0]).all()


def test_a_network_does_not_depend_on_its_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    config = MLPConfig((2, 4, 1), bias=True, dtype="float64")
    start, x, y = drawn(config, 7, 50)
    together, losses = levenberg(start, x, y, config, 8)
    alone, _ = levenberg(start[4:5], x, y, config, 8)
    assert torch.allclose(together[4:5], alone, rtol=1e-6)
    monkeypatch.setattr("mathcircuits.models.fitting.levenberg.JACOBIAN_VALUES", 2 * 50 * start.shape[1])
    pairs, _ = levenberg(start, x.expand(7, -1, -1), y.expand(7, -1, -1), config, 8)
    assert torch.allclose(together, pairs, rtol=1e-6)
    assert losses.shape == (7,)


def test_a_network_that_is_not_finite_stays_and_leaves_the_others() -> None:
    config = MLPConfig((2, 3, 1), dtype="float64")
    start, x, y = drawn(config, 4, 50)
    ill = start.clone()
    ill[1, 0], ill[2] = np.nan, 1e200
    ends, losses = levenberg(ill, x, y, config, 10)
    assert torch.equal(ends[2], ill[2])
    assert torch.equal(ends[1].isnan(), ill[1].isnan())
    assert not losses[[1, 2]].isfinite().any()
    assert torch.allclose(ends[[0, 3]], levenberg(start, x, y, config, 10)[0][[0, 3]])


def test_dead_units_stay_where_they_are() -> None:
    # the second neuron is off on all inputs, which are positive: nothing depends on its weights
    start = torch.tensor([[1.5, -1.0, 0.7, 0.4]], dtype=torch.float64)
    x = torch.rand(1, 1, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends, losses = levenberg(start, x, 2 * x, MLPConfig((1, 2, 1), dtype="float64"), 20)
    assert losses.item() < 1e-25
    assert torch.equal(ends[0, [1, 3]], start[0, [1, 3]])
