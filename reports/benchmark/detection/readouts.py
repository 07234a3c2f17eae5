"""Read-outs: features that a task needs are to be readable from its trained layers, those it has no use for are not."""

from __future__ import annotations

from functools import partial

import numpy as np

from mathcircuits.detect.features import as_task
from mathcircuits.detect.matching import direction_frame, read_directions
from mathcircuits.detect.networks import Stack

from ...studies.needs import needed_and_controls
from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .effort import Effort

PART = "directions"
TASKS = ("minimum", "absolute-difference")
NEEDED = Bound("directions: needed features readable in at least 95% of solved networks", 0.95, most=False)
CONTROLS = Bound("directions: control features readable in at most 5%", 0.05)


def measurements(effort: Effort, trainings: Trainings) -> list[Measurement]:
    """One measurement per task, width and bias."""
    found = []
    for task in TASKS:
        for width in effort.widths:
            for bias in (False, True):
                s = Setting("trained", inputs=2, bias=bias, layers=1, width=width, law="uniform", task=task)
                found.append(Measurement("directions: " + describe(s), partial(on_trained, s, trainings)))
    return found


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
