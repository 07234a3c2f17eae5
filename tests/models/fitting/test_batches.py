"""Batches: their streams, the box they sample, fixed samples and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect import Task, tasks
from mathcircuits.models import MLP, MLPConfig, as_regimen, train
from mathcircuits.models.fitting.batches import RECURRING, Batches
from mathcircuits.models.networks.config import initial_parameters

CPU = torch.device("cpu")
# What Osier's slides print (there [in, out], here [out, in]) and what his notebook prints.
PRINTED = {
    "identity": (0, [[-0.9192], [1.0035]], [[-1.0872, 0.9957]]),
    "negation": (1, [[1.0627], [-1.0206]], [[-0.9403, 0.9790]]),
    "absolute": (1, [[1.0627], [-1.0206]], [[0.9403, 0.9790]]),
    "addition": (0, [[0.8511, 0.8522], [-0.9304, -0.9291]], [[1.1742, -1.0755]]),
    "subtraction": (0, [[-0.8519, 0.8508], [0.9296, -0.9309]], [[-1.1746, 1.0750]]),
}
NOTEBOOK = {
    "identity": ([[-0.9212], [1.0036]], [[-1.0855, 0.9964]], 0.45063677430152893),
    "negation": ([[1.0619], [-1.0210]], [[-0.9417, 0.9794]], 0.26709434390068054),
    "absolute": ([[1.0608], [-1.0210]], [[0.9427, 0.9794]], 0.31527942419052124),
    "addition": ([[0.8516, 0.8516], [-0.9257, -0.9257]], [[1.1742, -1.0802]], 0.804374635219574),
    "subtraction": ([[-0.8518, 0.8518], [0.9320, -0.9320]], [[-1.1740, 1.0730]], 0.640518069267273),
}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_the_test_inputs_are_drawn_as_in_the_notebook(name: str) -> None:
    task, seed = tasks[name], PRINTED[name][0]
    config = MLPConfig((task.arity, 2, 1))
    _, generator = initial_parameters(config, seed)
    # the first batch of a regimen without test draws is the notebook's test set
    regimen = as_regimen("osier", test_draws=0)
    x, y = next(iter(Batches(task, regimen, [generator], CPU)))
    outputs = MLP(config, seed=seed)(x[0].T)
    loss = torch.nn.functional.mse_loss(outputs, y[0].T).item()
    assert math.isclose(loss, NOTEBOOK[name][2], rel_tol=1e-6)


def test_streams() -> None:
    task, generators = tasks["minimum"], [torch.Generator().manual_seed(k) for k in (3, 4)]
    x, y = next(iter(Batches(task, as_regimen("osier"), generators, CPU)))
    assert (x.shape, y.shape) == ((2, 2, 1000), (2, 1, 1000))
    assert torch.equal(y[:, 0], x.min(dim=1).values)
    for k, seed in enumerate((3, 4)):
        own = torch.rand((1000, 2), generator=torch.Generator().manual_seed(seed)) * 2 - 1
        assert torch.equal(x[k].T, own)


def test_the_box_of_the_task_is_sampled() -> None:
    task = Task(name="boxed", arity=2, formula=tasks["addition"].formula, box=((0, 1), (-3, 5)))
    x, _ = next(iter(Batches(task, as_regimen("adam", batch=4000), [torch.Generator().manual_seed(0)], CPU)))
    assert torch.allclose(x[0].amin(dim=1), torch.tensor([0.0, -3.0]), atol=0.02)
    assert torch.allclose(x[0].amax(dim=1), torch.tensor([1.0, 5.0]), atol=0.02)


def test_fixed_samples_come_back() -> None:
    task = tasks["minimum"]

    def batches(**fields: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
        stream = iter(Batches(task, as_regimen("adam", **fields), [torch.Generator().manual_seed(0)], CPU))
        return [next(stream) for _ in range(20)]

    whole = batches(samples=50)
    assert all(torch.equal(x, whole[0][0]) and x.shape == (1, 2, 50) for x, _ in whole)
    parts = batches(samples=50, batch=10)
    assert not torch.equal(parts[0][0], parts[1][0])
    known = {tuple(row) for row in whole[0][0][0].T.tolist()}
    assert {tuple(row) for x, _ in parts for row in x[0].T.tolist()} <= known
    assert all(torch.equal(y[0, 0], x[0].min(dim=0).values) for x, y in parts)
    noisy = batches(samples=50, label_noise=0.1)
    assert torch.equal(noisy[0][1], noisy[1][1])  # noise on fixed labels is part of the data


def test_noise_has_the_scale_asked_for() -> None:
    stream = iter(
        Batches(tasks["minimum"], as_regimen("adam", label_noise=0.5, batch=20_000), [torch.Generator()], CPU)
    )
    x, y = next(stream)
    assert math.isclose((y[0, 0] - x[0].min(dim=0).values).std().item(), 0.5, rel_tol=0.03)
    quiet, loud = (
        train("identity", hidden=2, seeds=[0], regimen=as_regimen("osier", gradient_noise=noise), steps=1)
        for noise in (0.0, 1.0)
    )
    assert 0.01 < np.abs(quiet.weights[0] - loud.weights[0]).max() < 0.5  # lr 0.1 times a normal draw


def test_targets_of_their_own_recur_on_inputs_that_all_share() -> None:
    def targets(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([k * x[:, :, :1] for k in (1.0, 2.0, 3.0)], dim=1)

    regimen = as_regimen("adam", batch=5)
    batches = Batches(tasks["minimum"], regimen, [torch.Generator().manual_seed(0)], CPU, targets)
    x, y = batches.block(4)
    assert (x.shape, y.shape) == ((4, 1, 2, 5), (4, 3, 1, 5))
    assert torch.equal(y[:, 2], 3 * x[:, 0, :1])
    assert not torch.equal(x[0], x[1])
    again = batches.block(4)
    assert torch.equal(again[0], x)
    assert torch.equal(again[1], y)
    assert batches.block(batches.ahead)[0].shape[0] == RECURRING


def test_fixed_samples_with_targets_of_their_own_are_drawn_alike() -> None:
    regimen = as_regimen("adam", batch=8, samples=16)
    stream = [torch.Generator().manual_seed(0)]
    batches = Batches(tasks["identity"], regimen, stream, CPU, lambda x: torch.cat([x, -x], dim=1))
    x, y = batches.block(3)
    assert torch.equal(y[:, 0], x[:, 0])
    assert torch.equal(y[:, 1], -x[:, 0])


def test_a_task_on_points_is_trained_on_each_as_often() -> None:
    task = tasks["majority-of-3"]
    x, y = next(iter(Batches(task, as_regimen("adam", batch=8000), [torch.Generator().manual_seed(0)], CPU)))
    rows, counts = np.unique(x[0].T.numpy(), axis=0, return_counts=True)
    assert (rows == np.array(task.points)).all()
    # 8000 draws of eight points: five standard deviations of a count of 1000 are 150.
    assert np.abs(counts - 1000).max() < 150
    assert torch.equal(y[0], task(x[0].T).T)


def test_the_loss_of_a_task_on_points_is_over_all_of_them() -> None:
    xor = tasks["xor"]
    trained = train(xor, hidden=(4,), seeds=range(6), bias=True, steps=300)
    X = np.array(xor.points)
    for network, loss in zip(trained.networks(), trained.losses, strict=True):
        assert math.isclose(float(np.mean((network(X) - xor(X)) ** 2)), loss, rel_tol=1e-4, abs_tol=1e-12)
