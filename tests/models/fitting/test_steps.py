"""Steps: the optimisers are torch's, rates decay, steps are logged, what diverges leaves the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mathcircuits.detect import (
    tasks,
)
from mathcircuits.models import MLPConfig, Regimen, as_regimen
from mathcircuits.models.fitting.gradients import step
from mathcircuits.models.fitting.steps import FitSettings, Noise, Optimiser, balance, fit, log_steps, started
from mathcircuits.models.fitting.vectors import Layout


def stacked(config: MLPConfig, nets: int) -> torch.Tensor:
    """Random float64 parameters [net, size]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(nets, Layout(config).size, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("fields", "theirs"),
    [
        ({"optimiser": "sgd"}, lambda p: torch.optim.SGD(p, lr=0.1)),
        ({"optimiser": "sgd", "momentum": 0.9}, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ({"optimiser": "sgd", "decay": 0.3}, lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3)),
        ({}, lambda p: torch.optim.Adam(p, lr=0.1)),
        (
            {"betas": (0.5, 0.9), "epsilon": 0.1},
            lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.9), eps=0.1),
        ),
        ({"decay": 0.3}, lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.3)),
        ({"decoupled_decay": 0.3}, lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.3)),
    ],
)
def test_the_optimisers_are_torchs(fields: dict[str, Any], theirs: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    parameter = torch.nn.Parameter(ours.clone())
    optimiser = Optimiser(Regimen(lr=0.1, decay_until=1.0, **fields), ours, 30)
    reference = theirs([parameter])
    for at in range(30):
        gradient = torch.randn(4, 5, generator=generator, dtype=torch.float64)
        parameter.grad = gradient.clone()
        reference.step()
        optimiser.update(ours, gradient, at)
    assert (ours - parameter.detach()).abs().max() < 1e-13


def test_decay_ends_at_its_share_of_the_steps() -> None:
    parameters = torch.ones(1, 1)
    optimiser = Optimiser(Regimen(optimiser="sgd", lr=0.1, decay=1.0, decay_until=0.6), parameters, 10)
    for at in range(10):
        optimiser.update(parameters, torch.zeros(1, 1), at)
    assert math.isclose(parameters.item(), 0.9**6, rel_tol=1e-6)


def test_a_diverged_network_leaves_the_others() -> None:
    config, generator = MLPConfig((2, 3, 1), dtype="float64"), torch.Generator().manual_seed(1)
    well, ill = stacked(config, 4), stacked(config, 4)
    ill[1], ill[2] = math.nan, 1e200
    x, y = (torch.randn(1, units, 50, generator=generator, dtype=torch.float64) for units in (2, 1))
    optimisers = [Optimiser(as_regimen("adam"), parameters, 5) for parameters in (well, ill)]
    for at in range(5):
        for parameters, optimiser in zip((well, ill), optimisers, strict=True):
            optimiser.update(parameters, step(parameters, x, y, config)[1], at)
    assert ill[1].isnan().all()
    assert (ill[[0, 3]] - well[[0, 3]]).abs().max() < 1e-14
    assert well.isfinite().all()


def test_logged_steps() -> None:
    assert log_steps(0).tolist() == [0]
    assert log_steps(1).tolist() == [0, 1]
    steps = log_steps(10_000)
    assert steps[0] == 0
    assert steps[-1] == 10_000
    assert (np.diff(steps) > 0).all()
    assert len(steps) < 50


def test_noise_does_not_depend_on_the_blocks() -> None:
    whole, parts = (Noise("gradient noise", [3, 4], 5, 0.5) for _ in range(2))
    pieces = torch.cat([parts.take(count) for count in (1, 63, 2, 100, 34)])
    assert torch.equal(whole.take(200), pieces)
    assert torch.equal(Noise("gradient noise", [4], 5, 0.5).take(200)[:, 0], pieces[:, 1])
    assert not torch.equal(Noise("parameter noise", [4], 5, 0.5).take(200)[:, 0], pieces[:, 1])
    assert abs(pieces.std().item() - 0.5) < 0.03


def test_parameter_noise_is_added_after_the_update_as_far_as_the_schedule_goes() -> None:
    """At a rate of 0 in all but name the parameters move by the noise alone: a random walk that the schedule ends."""
    regimen = as_regimen(
        {"optimiser": "sgd", "lr": 1e-30, "parameter_noise": 0.5, "schedule": "cosine", "batch": 1}
    )
    start = torch.zeros(400, 2)
    settings = FitSettings(tasks["relu"], MLPConfig((1, 1, 1)), regimen, 40)
    fit(start, [torch.Generator().manual_seed(0)], settings, noise_seeds=range(400))
    shares = np.array([0.5 * (1 + np.cos(np.pi * at / 40)) for at in range(40)])
    assert abs(start.std().item() / (0.5 * np.sqrt((shares**2).sum())) - 1) < 0.1
    assert abs(start.mean().item()) < 0.4


def test_the_scale_of_the_initial_weights_is_a_factor() -> None:
    config = MLPConfig((2, 3, 1), bias=True)
    plain, scaled = (
        started(config, as_regimen("adam", init_scale=scale), tasks["minimum"], [0, 5])[0] for scale in (1, 3)
    )
    assert torch.equal(scaled, 3 * plain)


def test_rates_say_what_the_eager_optimiser_does() -> None:
    regimen = as_regimen("adam", decay=0.5, decoupled_decay=0.1, decay_until=0.5, lr=1.0)
    rates = Optimiser(regimen, torch.zeros(1, 1), 4).rates(1, 3)
    rate = [0.5 * (1 + np.cos(np.pi * at / 4)) for at in (1, 2, 3)]
    assert np.allclose(
        rates[:, 0], [r / (1 - 0.9 ** (at + 1)) for at, r in zip((1, 2, 3), rate, strict=True)]
    )
    assert np.allclose(rates[:, 1], [0.5, 0, 0])
    assert np.allclose(rates[:, 2], [1 - 0.1 * rate[0], 1, 1])
    assert np.allclose(rates[:, 3], [np.sqrt(1 - 0.999 ** (at + 1)) for at in (1, 2, 3)])


@pytest.mark.parametrize("bias", [False, True])
def test_balanced_pairs_sum_to_zero(bias: bool) -> None:
    config = MLPConfig((3, 5, 4, 2), bias)
    plain, _ = started(config, as_regimen("adam"), tasks["sum-of-3"], [3, 8])
    parameters = plain.clone()
    balance(parameters, config)
    weights, biases = Layout(config).split(parameters)
    for layer, pairs in ((0, 4), (1, 4)):
        for first in range(0, pairs, 2):
            assert torch.equal(weights[layer][:, first], -weights[layer][:, first + 1])
            assert torch.equal(weights[layer + 1][:, :, first], -weights[layer + 1][:, :, first + 1])
            own = biases[layer]
            if own is not None:
                assert torch.equal(own[:, first], -own[:, first + 1])
    # the odd neuron's incoming weights are the seed's own
    assert torch.equal(weights[0][:, 4], Layout(config).split(plain)[0][0][:, 4])
    through, _ = started(config, as_regimen("balanced-init"), tasks["sum-of-3"], [3, 8])
    assert torch.equal(through, parameters)


class OneDevice(TorchDispatchMode):
    """Refuses operations that take or make a tensor on another device, as a GPU does; numbers may be anywhere."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, made)):
            if isinstance(tensor, torch.Tensor) and tensor.dim():
                assert tensor.device.type == "meta", func
        return made


@pytest.mark.parametrize(
    "fields", [{}, {"optimiser": "sgd", "momentum": 0.9, "decay": 0.1}, {"loss": "cross-entropy"}]
)
@pytest.mark.parametrize("networks", [1, 3])
def test_a_step_stays_on_its_device(fields: dict[str, Any], networks: int) -> None:
    """Nothing is made on the CPU beside it. torch itself lets tensors of the meta device meet those of others."""
    config = MLPConfig((2, 5, 3), True)
    regimen = Regimen(**fields)
    parameters = torch.zeros(networks, Layout(config).size, device="meta")
    x, y = torch.zeros(1, 2, 7, device="meta"), torch.zeros(1, 3, 7, device="meta")
    with OneDevice():
        loss, gradient = step(parameters, x, y, config, regimen.loss)
        Optimiser(regimen, parameters, 10).update(parameters, gradient, 3)
    assert (loss.device.type, tuple(loss.shape)) == ("meta", (networks,))
    assert (gradient.device.type, gradient.shape) == ("meta", parameters.shape)
