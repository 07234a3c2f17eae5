"""Gradients: autograd's and by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.models import MLP, MLPConfig
from mathcircuits.models.fitting.gradients import step
from mathcircuits.models.fitting.vectors import Layout


def stacked(config: MLPConfig, nets: int) -> torch.Tensor:
    """Random float64 parameters [net, size]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(nets, Layout(config).size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("activation", [*NAMES, "leaky_relu(0.3)"])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (3, 5, 4, 2), (2, 1), (1, 4, 3, 2, 1)])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_gradient_is_autograds(activation: str, sizes: tuple[int, ...], bias: bool, shared: bool) -> None:
    config = MLPConfig(sizes, bias, activation, "float64")
    parameters = stacked(config, 3)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1 if shared else 3, sizes[0], 20, generator=generator, dtype=torch.float64)
    y = torch.randn(1 if shared else 3, sizes[-1], 20, generator=generator, dtype=torch.float64)
    losses, gradient = step(parameters, x, y, config)
    weights, biases = Layout(config).split(parameters)
    for k in range(3):
        net = MLP.from_parameters(config, [w[k] for w in weights], [b if b is None else b[k] for b in biases])
        own = 0 if shared else k
        loss = torch.nn.functional.mse_loss(net(x[own].T), y[own].T)
        torch.autograd.backward(loss)
        pairs = [p.grad for layer in net.linears for p in (layer.weight, layer.bias) if p is not None]
        expected = torch.cat([grad.flatten() for grad in pairs if grad is not None])
        assert math.isclose(losses[k].item(), loss.item(), rel_tol=1e-12)
        assert (gradient[k] - expected).abs().max() < 1e-12


def test_the_gradient_of_cross_entropy_is_autograds() -> None:
    config = MLPConfig((2, 3, 4), True, "relu", "float64")
    parameters = stacked(config, 2)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 2, 20, generator=generator, dtype=torch.float64)
    right = torch.randint(0, 4, (20,), generator=generator)
    y = torch.nn.functional.one_hot(right, 4).T[None].double()
    losses, gradient = step(parameters, x, y, config, "cross-entropy")
    weights, biases = Layout(config).split(parameters)
    for k in range(2):
        net = MLP.from_parameters(config, [w[k] for w in weights], [b if b is None else b[k] for b in biases])
        loss = torch.nn.functional.cross_entropy(net(x[0].T), right)
        torch.autograd.backward(loss)
        pairs = [p.grad for layer in net.linears for p in (layer.weight, layer.bias)]
        expected = torch.cat([grad.flatten() for grad in pairs if grad is not None])
        assert math.isclose(losses[k].item(), loss.item(), rel_tol=1e-12)
        assert (gradient[k] - expected).abs().max() < 1e-12


def test_the_gradient_by_hand() -> None:
    # v relu(w x) = 3 * 2 = 6 at x = 1: loss 36, d/dw = 2 * 6 * 3, d/dv = 2 * 6 * 2; the second net is dead
    parameters = torch.tensor([[2.0, 3.0], [-2.0, 3.0]])
    losses, gradient = step(parameters, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
    assert losses.tolist() == [36.0, 0.0]
    assert gradient.tolist() == [[36.0, 24.0], [0.0, 0.0]]
