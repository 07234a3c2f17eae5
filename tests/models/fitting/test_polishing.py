"""Polishing: networks of any shapes reach the last digits, on points of the box."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError, Network, UnknownTask, tasks
from mathcircuits.models import hand_derived, train
from mathcircuits.models.fitting.polishing import points_of, polish, polish_ensemble


def test_polish_reaches_the_last_digits() -> None:
    # at minimal width; a wider network can fit the points and miss the task by the slivers between its kinks
    runs = train("minimum", hidden=3, seeds=range(24), steps=1500)
    better = polish_ensemble(runs, "minimum")
    assert better.config.dtype == "float64"
    assert better.seeds == runs.seeds
    solved = runs.losses < 1e-4
    assert 0.25 < solved.mean() < 0.9
    assert better.losses[solved].max() < 1e-24 < runs.losses.min()
    assert (better.losses[~solved] < 1.05 * runs.losses[~solved]).all()  # other points than those polished on
    assert (better.logged_losses[-1] == better.losses).all()
    x = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    exact = better[int(better.losses.argmin())].to_network()
    assert np.abs(exact(x) - tasks["minimum"](x)).max() < 1e-12


def test_polish_takes_networks_of_several_shapes() -> None:
    rng = np.random.default_rng(0)
    known = [hand_derived(name).to_network() for name in ("minimum", "minimum-older-form")]
    given = [
        Network([w + 1e-3 * rng.standard_normal(w.shape) for w in network.weights], None, network.activations)
        for network in (known[0], known[1], known[0])
    ]
    given.append(Network([known[0].weights[0], known[0].weights[1]], [[0.01, 0, 0], [0.01]]))
    polished = polish(given, "minimum", iterations=30, points=300)
    x = rng.uniform(-1, 1, (200, 2))
    for before, after in zip(given, polished, strict=True):
        assert after.architecture == before.architecture
        assert np.abs(before(x) - tasks["minimum"](x)).max() > 1e-4
        assert np.abs(after(x) - tasks["minimum"](x)).max() < 1e-12
    assert polish([], "minimum") == []


def test_a_task_with_several_outputs_and_biases() -> None:
    task = tasks["sort-2"]
    assert task.smallest is not None
    runs = train(task, hidden=task.smallest, seeds=range(12), bias=True, steps=1500)
    better = polish_ensemble(runs, task)
    assert better.losses.min() < 1e-24 < runs.losses.min()
    assert better.biases[1] is not None


def test_as_a_trainer() -> None:
    regimen = {"optimiser": "levenberg", "steps": 100, "samples": 256}
    runs = train("absolute-difference", hidden=2, seeds=range(40), regimen=regimen)
    assert runs.config.dtype == "float64"
    assert (runs.losses < 1e-20).mean() > 0.7  # 95% of 1000
    assert runs.history["step"].unique().tolist() == [0, 100]
    assert (runs.logged_losses[1] < runs.logged_losses[0]).all()
    untrained = train("absolute-difference", hidden=2, seeds=range(40), regimen=regimen, steps=0)
    start = train("absolute-difference", hidden=2, seeds=range(40), steps=0)
    assert (untrained.weights[0] == start.weights[0]).all()
    alone = train("absolute-difference", hidden=2, seeds=[7], regimen=regimen)
    assert np.allclose(alone.weights[0][0], runs.weights[0][7], atol=1e-6)


def test_points_lie_on_the_box_and_depend_on_the_seed() -> None:
    x, y = points_of(tasks["minimum"], 1000, 0)
    assert (x.shape, y.shape, x.dtype) == ((1, 2, 1000), (1, 1, 1000), torch.float64)
    assert torch.equal(y[0, 0], x[0].amin(0))
    assert -1 <= x.min() < -0.99 < 0.99 < x.max() <= 1
    assert torch.equal(x, points_of(tasks["minimum"], 1000, 0)[0])
    assert not torch.equal(x, points_of(tasks["minimum"], 1000, 1)[0])


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"task": "minimun"}, UnknownTask, "did you mean 'minimum'"),
        ({"task": "identity"}, InputError, r"sizes \(2, 3, 1\) for task 'identity': it needs 1 inputs"),
        ({"points": 0}, InputError, "points=0: give a whole number from 1"),
        ({"iterations": -1}, InputError, "iterations=-1: give a whole number from 0"),
        ({"iterations": 1.5}, InputError, "iterations=1.5"),
    ],
)
def test_wrong_arguments(changes: dict[str, Any], kind: type[Exception], text: str) -> None:
    given = {"task": "minimum", **changes}
    with pytest.raises(kind, match=text):
        polish([hand_derived("minimum").to_network()], given.pop("task"), **given)


def test_what_is_no_list_of_networks() -> None:
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        polish(hand_derived("minimum").to_network(), "minimum")  # type: ignore[call-overload]
    with pytest.raises(InputError, match="a int is no network"):
        polish([5], "minimum")  # type: ignore[list-item]
