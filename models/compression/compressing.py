"""Compression: from any network, the smallest one found that computes the same function.

Neurons that others of their layer already hold go first, by linear algebra (`redundancy`). Then neurons are
eliminated one at a time, the others making up for them (`elimination`); what is left is fitted to the last
digits and checked on points that it has not seen, stepping back where the check fails. Deep networks get a
kick: every neuron is deleted once more, with noise on the others. A last step makes the weights readable where
the function leaves a choice (`readable_weights.py`). The smallest width that is known for a task is told to none of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm

from mathcircuits.detect import InputError, Network, Task
from mathcircuits.detect.features import as_task
from mathcircuits.detect.networks import (
    BoxLike,
    HasNetwork,
    as_network,
    several,
)

from ..fitting.regimens import Compression
from ..networks.config import check_seed
from .compressed import Compressed
from .compression_run import LARGEST_FITTED, CompressionRun, mse
from .criteria import COARSE
from .elimination import State
from .redundancy import merged
from .target_points import TargetPoints, TaskPoints, check_fit, points_of_target

Array = npt.NDArray[np.float64]

#: Networks that go together: more would only take memory, 4096 points each.
TOGETHER = 256


def compress(
    network: Network | HasNetwork,
    target: Task | str | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    *,
    tolerance: float | None = None,
    box: BoxLike | None = None,
    seed: int = 0,
    settings: Compression | None = None,
    progress: bool | None = None,
) -> Compressed:
    """The smallest network found that computes the same as another one, or a task, or fits data.

    Args:
        network: a Network or anything with `to_network()`, of any depth, width and activation.
        target: a Task or the name of a registered one; data `(X [n, d], y [n] or [n, outputs])` or a task on
            data, a part of which is held out; or None (or `"self"`): the network's own function on the box.
        tolerance: the mean squared error allowed, in the output's units squared, measured on points that
            nothing was fitted to; None for that of a solved task: 1e-8, and of a task on data their noise.
        box: (low, high) for all inputs or one pair per input; None is the task's own, the range of the data
            (at least (-1, 1)), or (-1, 1).
        seed: of the points and of the kicks.
        settings: see `Compression`; None for its own values.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Returns:
        What came of it. Where nothing smaller meets the tolerance the network stays at its size; where it
        does not meet it itself, `verified` is False.

    Raises:
        InputError: for something that is no network, a target that does not fit it, data with fewer than ten
            rows, or a tolerance that is not positive.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> split = Network([[[1, -1], [2, -2], [1, 0], [-1, 0]], [[-0.5, -0.25, 1, -1]]])
        >>> done = compress(split, "minimum")
        >>> done
        Compressed(2-4-1 -> 2-3-1, minimum, verified: mse 0)
    """
    network = as_network(network)
    if settings is not None and not isinstance(settings, Compression):
        raise InputError(f"settings of type {type(settings).__name__}: give a Compression, or None")
    points = points_of_target(network, target, box, check_seed(seed))
    return _all(
        [network], points, settings or Compression(), _tolerance(tolerance, points), [seed], progress
    )[0]


def compress_many(
    networks: Sequence[Network],
    task: Task | str,
    *,
    settings: Compression | None = None,
    seeds: Sequence[int] | None = None,
    tolerance: float | None = None,
    progress: bool | None = None,
) -> list[Compressed]:
    """Compress many networks of a task at once, each on its own.

    Args:
        networks: of any shapes that fit the task.
        task: a Task or the name of a registered one.
        settings: see `Compression`; None for its own values.
        seeds: one per network, of its points and its kicks; None counts from 0.
        tolerance: see `compress`.
        progress: see `compress`.

    Returns:
        One Compressed per network, the same as it would be alone (to rounding).

    Raises:
        InputError: for a network that does not fit the task, a number of seeds that is not that of the
            networks, or a tolerance that is not positive.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> nets = [Network([[[1.0], [-1.0], [k]], [[1.0, 1.0, 0.0]]]) for k in (1.0, 2.0)]
        >>> [done.sizes for done in compress_many(nets, "absolute")]
        [(1, 2, 1), (1, 2, 1)]
    """
    task = as_task(task)
    given = [as_network(network) for network in several(networks)]
    numbers = list(range(len(given))) if seeds is None else [check_seed(seed) for seed in seeds]
    if len(numbers) != len(given):
        raise InputError(f"{len(numbers)} seeds for {len(given)} networks: give one each, or None")
    for network in given:
        check_fit(network, task)
    done: list[Compressed] = []
    for start in range(0, len(given), TOGETHER):
        part = slice(start, start + TOGETHER)
        points = TaskPoints(task, task.box, numbers[part])
        allowed = _tolerance(tolerance, points)
        done += _all(given[part], points, settings or Compression(), allowed, numbers[part], progress)
    return done


def _tolerance(given: float | None, points: TargetPoints) -> float:
    if given is None:
        return points.solved
    if not (isinstance(given, (int, float)) and given > 0 and math.isfinite(given)):
        raise InputError(f"tolerance {given!r}: give a positive mean squared error")
    return float(given)


# How it goes


def _all(
    networks: Sequence[Network],
    points: TargetPoints,
    settings: Compression,
    tolerance: float,
    seeds: Sequence[int],
    progress: bool | None,
) -> list[Compressed]:
    """All networks, those together that are fitted on as many points."""
    done: list[Compressed | None] = [None] * len(networks)
    groups: dict[tuple[int, int], list[int]] = {}
    states: list[State] = []
    bar = tqdm(
        total=len(networks),
        desc=f"compress {points.name}",
        disable=None if progress is None else not progress,
        leave=False,
    )
    with bar, torch.no_grad():
        for row, network in enumerate(networks):
            depth = len(network.sizes) - 2
            least = settings.for_depth(depth).points
            assert least is not None
            states.append(_started(network, row, points, settings.for_depth(depth), tolerance))
            # Fewer points than twice the parameters would be fitted by heart.
            enough = 2 * min(len(states[-1].parameters), LARGEST_FITTED)
            number = max(least, 2 ** math.ceil(math.log2(enough)) if enough > least else 0)
            groups.setdefault((depth, number), []).append(row)
        for (depth, number), rows in groups.items():
            own = settings.for_depth(depth).model_copy(update={"points": number})
            run = CompressionRun(networks, states, rows, points, own, tolerance, seeds)
            for row, one in zip(rows, run.results(), strict=True):
                done[row] = one
            bar.update(len(rows))
    return [one for one in done if one is not None]


def _started(
    network: Network, row: int, points: TargetPoints, settings: Compression, tolerance: float
) -> State:
    """The network without the neurons that the others of their layer already hold.

    One that is too large for Levenberg-Marquardt loses those that the others nearly hold as well, as long as
    that costs no more than a deletion may.
    """
    assert settings.points is not None
    assert settings.threshold is not None
    drawn = points.draw("merge", [row], max(4 * max(network.sizes), settings.points))
    x, y = (t[0].T.numpy() for t in drawn)
    # A network that does not solve its task may get there when it is small enough to be fitted.
    allowed = max(tolerance, settings.threshold * float(y.var(axis=0).mean()), 2 * mse(network, x, y))
    small, kept = merged(network, x)
    for slight in COARSE:
        if small.architecture.parameters <= LARGEST_FITTED:
            break
        less, own = merged(network, x, slight)
        if not mse(less, x, y) < allowed:
            break
        small, kept = less, own
    gone = tuple(
        (layer, unit)
        for layer, own in enumerate(kept)
        for unit in range(network.sizes[layer + 1])
        if unit not in own
    )
    return State.of(small, tuple(tuple(own) for own in kept), gone)
