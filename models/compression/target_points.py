"""What a compression fits: points of a task, of given data, or of the network's own function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import InputError, Network, Task
from mathcircuits.detect.features import SOLVED, as_task
from mathcircuits.detect.networks import Box, BoxLike, as_box, as_floats, box_of, check_inputs

from ..fitting.batches import generator_of, targets_of

Array = npt.NDArray[np.float64]

#: Parts of given data: fitted, and checked on the way; the rest is held out for the last check.
FITTED, CHOSEN = 0.6, 0.2
#: Fewer rows leave nothing to hold out that would say anything.
FEWEST_ROWS = 10


class TargetPoints(Protocol):
    """Points and their targets, by network."""

    @property
    def name(self) -> str:
        """What the points are of."""
        ...

    @property
    def box(self) -> Box:
        """Where they lie."""
        ...

    @property
    def solved(self) -> float:
        """The mean squared error below which they count as computed."""
        ...

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        """x [row, d, point] and y [row, outputs, point], float64; purposes are streams of their own."""
        ...


def _uniform(box: Box, count: int, *key: object) -> Tensor:
    """Points [count, d], uniform on the box."""
    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(box).T)
    unit = torch.rand((count, len(box)), generator=generator_of("compression", *key), dtype=torch.float64)
    return low + unit * (high - low)


@dataclass
class TaskPoints:
    """Fresh points of a task, as many as are wanted."""

    task: Task
    box: Box
    seeds: Sequence[int]

    def __post_init__(self) -> None:
        self.name, self.solved = self.task.name, self.task.threshold

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        # What a check finds wanting is fitted next, so the points are the same.
        stream = purpose.replace("check", "fresh")
        if self.task.points:
            # Every point as often as any other, up to one.
            every = torch.tensor(self.task.points, dtype=torch.float64)
            x = every[torch.arange(count) % len(every)].repeat(len(rows), 1)
        else:
            x = torch.cat([_uniform(self.box, count, stream, self.name, self.seeds[row]) for row in rows])
        y = targets_of(self.task, x)
        return (
            x.view(len(rows), count, -1).transpose(1, 2).contiguous(),
            y.view(len(rows), count, -1).transpose(1, 2).contiguous(),
        )


@dataclass
class _OwnPoints:
    """Points of a network's own function."""

    network: Network
    box: Box
    seed: int
    name: str = "itself"
    solved: float = SOLVED

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        x = _uniform(self.box, count, purpose.replace("check", "fresh"), "itself", self.seed)
        y = torch.from_numpy(self.network(x.numpy()))
        if not y.isfinite().all():
            raise InputError("the network's values overflow on the box: give a smaller box")
        return tuple(t.T[None].expand(len(rows), -1, -1).contiguous() for t in (x, y))  # type: ignore[return-value]


@dataclass
class _DataPoints:
    """Given rows, in three parts: fitted, checked on the way, held out for the last check."""

    X: Array
    y: Array
    box: Box
    seed: int
    name: str = "data"
    solved: float = SOLVED

    def __post_init__(self) -> None:
        order = np.random.default_rng(self.seed).permutation(len(self.X))
        first, second = round(FITTED * len(order)), round((FITTED + CHOSEN) * len(order))
        self.fitted, self.chosen, self.held_out = order[:first], order[first:second], order[second:]

    def draw(self, purpose: str, rows: Sequence[int], count: int) -> tuple[Tensor, Tensor]:
        kind = purpose.split()[0]
        at = {"check": self.chosen, "verify": self.held_out}.get(kind, self.fitted)
        if at is self.fitted and len(at) > count:
            draws = np.random.default_rng([self.seed, *purpose.encode()])
            at = draws.choice(at, count, replace=False)
        x, y = (torch.from_numpy(values[at].T.copy()) for values in (self.X, self.y))
        return x[None].expand(len(rows), -1, -1).contiguous(), y[None].expand(len(rows), -1, -1).contiguous()


def points_of_target(network: Network, target: Any, box: BoxLike | None, seed: int) -> TargetPoints:
    bounds = None if box is None else as_box(box, network.inputs)
    if target is None or (isinstance(target, str) and target == "self"):
        return _OwnPoints(network, bounds or as_box((-1.0, 1.0), network.inputs), seed)
    if isinstance(target, (Task, str)):
        task = as_task(target)
        check_fit(network, task)
        if task.rows is None:
            return TaskPoints(task, bounds or task.box, [seed])
        rows = task.rows
        _enough(len(rows.X))
        points = _DataPoints(rows.X, rows.Y, bounds or task.box, seed, task.name)
        points.solved = rows.solved_on(len(points.held_out)) if task.solved is None else task.solved
        return points
    try:
        given, wanted = target
    except (TypeError, ValueError):
        raise InputError(
            f"a target of type {type(target).__name__}: give a task or its name, data (X, y), or None for the "
            "network's own function"
        ) from None
    X = check_inputs(given, network.inputs)
    y = as_floats(wanted)
    if y is not None and y.ndim == 1:
        y = y[:, None]
    if y is None or y.shape != (len(X), network.outputs):
        found = "no numeric array" if y is None else f"shape {y.shape}"
        raise InputError(f"targets y: {found}, expected [{len(X)}, {network.outputs}], one row per input")
    check_inputs(y, network.outputs, "targets")
    _enough(len(X))
    return _DataPoints(X, y, bounds or box_of(X), seed)


def _enough(rows: int) -> None:
    if rows < FEWEST_ROWS:
        raise InputError(f"data of {rows} rows: give at least {FEWEST_ROWS}, a part of which is held out")


def check_fit(network: Network, task: Task) -> None:
    if (network.inputs, network.outputs) != (task.arity, task.outputs):
        raise InputError(
            f"a network of sizes {network.sizes} for task {task.name!r}: it needs {task.arity} inputs and "
            f"{task.outputs} outputs"
        )
