"""Polish: trained networks, of an Ensemble or of any shapes, brought to float64's precision on a task.

Levenberg-Marquardt does it (`levenberg`), on points drawn from the task's box.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import InputError, Network, Task
from mathcircuits.detect.features import as_task
from mathcircuits.detect.networks import as_network, several

from ..networks.config import MLPConfig
from .batches import generator_of, targets_of
from .ensemble import Ensemble
from .evaluation import measured
from .gradients import Layout
from .levenberg import levenberg

Array = npt.NDArray[Any]


@overload
def polish(
    given: Ensemble, task: Task | str, *, iterations: int = ..., points: int = ..., seed: int = ...
) -> Ensemble: ...
@overload
def polish(
    given: Iterable[Network], task: Task | str, *, iterations: int = ..., points: int = ..., seed: int = ...
) -> list[Network]: ...
def polish(
    given: Ensemble | Iterable[Network],
    task: Task | str,
    *,
    iterations: int = 40,
    points: int = 512,
    seed: int = 0,
) -> Ensemble | list[Network]:
    """Bring networks to the nearest minimum of their loss, to the precision of float64.

    All networks see the same points, uniform on the task's box; one's result does not depend on the others. No
    network's loss on these points grows. A network that is not finite stays as it is.

    Args:
        given: an Ensemble, or networks of any shapes that fit the task.
        task: a Task or the name of a registered one.
        iterations: steps tried, taken or not; a network that cannot be improved stops before.
        points: how many; several times the parameters, or the networks fit the points and not the task.
        seed: of the points.

    Returns:
        An Ensemble in double precision with its losses measured anew, or networks in the order given.

    Raises:
        UnknownTask: for a task that is not registered.
        InputError: for a network whose inputs or outputs are not the task's, for fewer than one point, or for a
            negative number of iterations.

    Examples:
        >>> nearly = Network([[[1.1], [-0.9]], [[0.8, 1.3]]])
        >>> done, = polish([nearly], "absolute", iterations=20)
        >>> bool(np.abs(done([[0.5], [-0.25]]) - [[0.5], [0.25]]).max() < 1e-12)
        True
    """
    task = as_task(task)
    number = _count(iterations, 0, "iterations")
    x, y = points_of(task, _count(points, 1, "points"), seed)
    if isinstance(given, Ensemble):
        return _polished_ensemble(given, task, x, y, number)
    networks = [as_network(network) for network in several(given)]
    shapes: dict[MLPConfig, list[int]] = {}
    for at, network in enumerate(networks):
        config = MLPConfig(network.sizes, network.architecture.bias, network.activations, "float64")
        shapes.setdefault(config, []).append(at)
    for config, places in shapes.items():
        layers = range(len(config.sizes) - 1)
        weights = [np.stack([networks[at].weights[k] for at in places]) for k in layers]
        biases_of = [
            np.stack([_bias(networks[at], k) for at in places]) if config.biases[k] else None for k in layers
        ]
        found, _ = _polished(config, weights, biases_of, task, x, y, number)
        for row, at in enumerate(places):
            networks[at] = Network(
                [weight[row].numpy() for weight in found[0]],
                [None if bias is None else bias[row].numpy() for bias in found[1]],
                config.activations,
            )
    return networks


def _polished_ensemble(ensemble: Ensemble, task: Task, x: Tensor, y: Tensor, iterations: int) -> Ensemble:
    config = replace(ensemble.config, dtype="float64")
    (weights, biases), _ = _polished(config, ensemble.weights, ensemble.biases, task, x, y, iterations)
    better = replace(
        ensemble,
        config=config,
        weights=tuple(weight.numpy() for weight in weights),
        biases=tuple(None if bias is None else bias.numpy() for bias in biases),
    )
    return measured(better, task)


def _polished(
    config: MLPConfig,
    weights: Iterable[Array],
    biases: Iterable[Array | None],
    task: Task,
    x: Tensor,
    y: Tensor,
    iterations: int,
) -> tuple[tuple[list[Tensor], list[Tensor | None]], Tensor]:
    if (config.sizes[0], config.sizes[-1]) != (task.arity, task.outputs):
        raise InputError(
            f"a network of sizes {config.sizes} for task {task.name!r}: it needs {task.arity} inputs and "
            f"{task.outputs} outputs"
        )
    layout = Layout(config)
    start = layout.join(
        [torch.tensor(weight, dtype=torch.float64) for weight in weights],
        [None if bias is None else torch.tensor(bias, dtype=torch.float64) for bias in biases],
    )
    with torch.no_grad():
        end, losses = levenberg(start, x, y, config, iterations)
    found = layout.split(end)
    return ([w.clone() for w in found[0]], [b if b is None else b.clone() for b in found[1]]), losses


def _bias(network: Network, layer: int) -> Array:
    bias = None if network.biases is None else network.biases[layer]
    assert bias is not None
    return bias


def points_of(task: Task, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points x [1, d, point] on the task's box and its values y [1, outputs, point], float64."""
    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(task.box).T)
    unit = torch.rand(
        (points, task.arity), generator=generator_of("polish", task.name, seed), dtype=torch.float64
    )
    inputs = low + unit * (high - low)
    return inputs.T[None], targets_of(task, inputs).T[None]


def _count(given: int, least: int, name: str) -> int:
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name}={given!r}: give a whole number from {least}")
    return number
