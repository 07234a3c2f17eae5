"""Read-outs: features that a task needs are to be readable from its trained layers, those it has no use for are not."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Task
from mathcircuits.detect.directions import READ, direction_frame, read_directions, targets_for
from mathcircuits.detect.stacking import Stack
from mathcircuits.detect.task import as_task

from .effort import Effort
from .scores import Bound, Job, Score, Setting, describe, share
from .trainings import Trainings

PART = "directions"
TASKS = ("minimum", "absolute-difference")
NEEDED = Bound("directions: needed features readable in at least 95% of solved networks", 0.95, most=False)
CONTROLS = Bound("directions: control features readable in at most 5%", 0.05)


def jobs(effort: Effort, trainings: Trainings) -> list[Job]:
    """One job per task, width and bias."""
    found = []
    for task in TASKS:
        for width in effort.widths:
            for bias in (False, True):
                s = Setting("trained", inputs=2, bias=bias, layers=1, width=width, law="uniform", task=task)
                found.append(Job("directions: " + describe(s), partial(on_trained, s, trainings)))
    return found


def needed_and_controls(task: str) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which read-out targets a task needs and which it has no use for [K].

    Needed is what lies in the span of the output and of those linear maps of the inputs that the output depends on
    (the differences alone, for |x1 - x2|), without being affine. A control lies outside the span of the output and
    all inputs. What is neither, such as the maximum for |x1 - x2|, or x1, is not counted: two always-active
    neurons give any affine feature away.

    Examples:
        >>> features = targets_for(2).features
        >>> for task in TASKS:
        ...     needed, controls = needed_and_controls(task)
        ...     print([f.feature.name for f, is_needed in zip(features, needed, strict=True) if is_needed])
        ['greaterness', 'greaterness', 'maximum', 'minimum', 'absolute-difference']
        ['greaterness', 'greaterness', 'absolute-difference']
    """
    known = as_task(task)
    targets = targets_for(known.arity, known.box)
    X, output = targets.X_test, known(targets.X_test)
    affine = _outside([X], targets.test) <= READ
    used = _outside([X @ _directions_used(known, X), output], targets.test) <= READ
    spanned = _outside([X, output], targets.test) <= READ
    return used & ~affine, ~spanned


def _directions_used(task: Task, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """An orthonormal basis [d, rank] of the directions of the input that the outputs depend on."""
    step = 1e-6
    slopes = [(task(X + step * e) - task(X - step * e)) / (2 * step) for e in np.eye(task.arity)]
    gradients = np.stack(slopes, axis=-1).reshape(-1, task.arity)
    _, sizes, rows = np.linalg.svd(gradients, full_matrices=False)
    # Differences of order 1e-6 of values of order 1 keep about ten digits.
    return np.asarray(rows[sizes > 1e-6 * sizes[0]].T)


def _outside(
    columns: list[npt.NDArray[np.float64]], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The share of each target's variance outside the span of the columns and a constant [K]."""
    basis = np.hstack([*columns, np.ones((len(values), 1))])
    rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    return np.asarray((rest**2).mean(axis=0))


def on_trained(setting: Setting, trainings: Trainings) -> list[Score]:
    """Shares of needed and of control features that are readable, over the seeds that solved the task."""
    s = setting
    networks = trainings.solved(s.task, s.width, bias=bool(s.bias))
    if not networks:
        none = "no seed solved the task"
        return [share(PART, s, "needed features readable", 0, 0, NEEDED, none)]
    readings, targets, _ = read_directions(Stack.of(networks), box=as_task(s.task).box, laws=(s.law,))
    readable = direction_frame(readings, targets)["readable"].to_numpy(dtype=bool).reshape(len(networks), -1)
    needed, controls = needed_and_controls(s.task)
    n = len(networks)
    rates = readable.mean(axis=0)
    worst = int(np.flatnonzero(controls)[rates[controls].argmax()])
    return [
        share(
            PART, s, "needed features readable", int(readable[:, needed].sum()), n * int(needed.sum()), NEEDED
        ),
        share(
            PART,
            s,
            "control features readable",
            int(readable[:, controls].sum()),
            n * int(controls.sum()),
            CONTROLS,
        ),
        share(
            PART,
            s,
            "worst control feature",
            int(readable[:, worst].sum()),
            n,
            note=targets.features[worst].label,
        ),
    ]
