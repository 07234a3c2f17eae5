"""Polish: trained networks, of an Ensemble or of any shapes, brought to float64's precision on a task.

Levenberg-Marquardt does it (`levenberg`), on points drawn from the task's box.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor

from mathcircuits.detect import InputError, Network, Task
from mathcircuits.detect.features import as_task
from mathcircuits.detect.networks import HasNetwork, as_network, several

from ..networks.config import MLPConfig
from .batches import uniform_points
from .ensemble import Ensemble
from .evaluation import measured
from .levenberg import levenberg
from .vectors import Layout, config_of, network_of, vector_of


def polish(
    networks: Iterable[Network | HasNetwork],
    task: Task | str,
    *,
    iterations: int = 40,
    points: int = 512,
    seed: int = 0,
) -> list[Network]:
    """Bring networks to the nearest minimum of their loss, to the precision of float64.

    All networks see the same points, uniform on the task's box; one's result does not depend on the others. No
    network's loss on these points grows.

    Args:
        networks: of any shapes that fit the task.
        task: a Task or the name of a registered one.
        iterations: steps tried, taken or not; a network that cannot be improved stops before.
        points: how many; several times the parameters, or the networks fit the points and not the task.
        seed: of the points.

    Returns:
        The networks in the order given.

    Raises:
        UnknownTask: for a task that is not registered.
        InputError: for a network whose inputs or outputs are not the task's, for fewer than one point, or for a
            negative number of iterations.

    Examples:
        >>> nearly = Network([[[1.1], [-0.9]], [[0.8, 1.3]]])
        >>> done, = polish([nearly], "absolute", iterations=20)
        >>> done([[0.5], [-0.25]]).ravel().round(12).tolist()
        [0.5, 0.25]
    """
    task = as_task(task)
    number = _count(iterations, 0, "iterations")
    x, y = points_of(task, _count(points, 1, "points"), seed)
    polished = [as_network(network) for network in several(networks)]
    shapes: dict[MLPConfig, list[int]] = {}
    for place, network in enumerate(polished):
        shapes.setdefault(config_of(network), []).append(place)
    for config, places in shapes.items():
        _check_fit(config, task)
        start = torch.stack([vector_of(polished[place]) for place in places])
        for place, row in zip(places, _end(start, x, y, config, number), strict=True):
            polished[place] = network_of(config, row)
    return polished


def polish_ensemble(
    ensemble: Ensemble, task: Task | str, *, iterations: int = 40, points: int = 512, seed: int = 0
) -> Ensemble:
    """`polish` for an ensemble as it is: its history and its checkpoints stay with it.

    A network that is not finite stays as it is.

    Args:
        ensemble: the networks.
        task, iterations, points, seed: as for `polish`.

    Returns:
        The ensemble in double precision, its losses measured anew.

    Raises:
        UnknownTask, InputError: as for `polish`.

    Examples:
        >>> from ..training.training import train
        >>> runs = train("absolute", hidden=2, seeds=range(4), steps=400)
        >>> bool(polish_ensemble(runs, "absolute").losses.min() < 1e-24 < runs.losses.min())
        True
    """
    task = as_task(task)
    number = _count(iterations, 0, "iterations")
    x, y = points_of(task, _count(points, 1, "points"), seed)
    config = replace(ensemble.config, dtype="float64")
    _check_fit(config, task)
    layout = Layout(config)
    start = layout.join(
        [torch.tensor(weight, dtype=torch.float64) for weight in ensemble.weights],
        [None if bias is None else torch.tensor(bias, dtype=torch.float64) for bias in ensemble.biases],
    )
    weights, biases = layout.split(_end(start, x, y, config, number))
    better = replace(
        ensemble,
        config=config,
        weights=tuple(weight.numpy().copy() for weight in weights),
        biases=tuple(None if bias is None else bias.numpy().copy() for bias in biases),
    )
    return measured(better, task)


def _check_fit(config: MLPConfig, task: Task) -> None:
    if (config.sizes[0], config.sizes[-1]) != (task.arity, task.outputs):
        raise InputError(
            f"a network of sizes {config.sizes} for task {task.name!r}: it needs {task.arity} inputs and "
            f"{task.outputs} outputs"
        )


def _end(start: Tensor, x: Tensor, y: Tensor, config: MLPConfig, iterations: int) -> Tensor:
    """The parameters [net, size] after Levenberg-Marquardt."""
    with torch.no_grad():
        return levenberg(start, x, y, config, iterations)[0]


def points_of(task: Task, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points x [1, d, point] on the task's box and its values y [1, outputs, point], float64."""
    return uniform_points(task, points, "polish", task.name, seed)


def _count(given: int, least: int, name: str) -> int:
    try:
        number = operator.index(given)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name}={given!r}: give a whole number from {least}")
    return number
