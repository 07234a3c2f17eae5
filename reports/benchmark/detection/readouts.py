"""Read-outs: features that a task needs are to be readable from its trained layers, those it has no use for are not.

Nor is anything to be readable from networks that learned no feature, whatever law they were drawn from.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mathcircuits.detect.features import as_task
from mathcircuits.detect.matching import direction_frame, read_directions
from mathcircuits.detect.networks import Stack, known_laws

from ...studies.needs import needed_and_controls
from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .blanks import teacher
from .effort import Effort, generator
from .other_laws import LAWS, MADE, drawn

PART = "directions"
TASKS = ("minimum", "absolute-difference")
NEEDED = Bound("directions: needed features readable in at least 95% of solved networks", 0.95, most=False)
CONTROLS = Bound("directions: control features readable in at most 5%", 0.05)
NOTHING = Bound(
    "directions: networks without a feature that have a readable one, upper 95% limit at most 0.06",
    0.06,
    end="high",
)
#: Width of the networks that hold nothing.
BLANK_WIDTH = 8
#: Networks that were taught off the catalogue and are read, in all, per cell: each has a null of its own.
_TAUGHT = 600


def measurements(effort: Effort, seed: int, trainings: Trainings, taught: Trainings) -> list[Measurement]:
    """One measurement per task, width and bias; one per population that holds nothing."""
    found = []
    for task in TASKS:
        for width in effort.widths:
            for bias in (False, True):
                s = Setting("trained", inputs=2, bias=bias, layers=1, width=width, law="uniform", task=task)
                found.append(Measurement("directions: " + describe(s), partial(on_trained, s, trainings)))
    for population in (*LAWS, *MADE):
        s = Setting(population, inputs=2, bias=True, layers=1, width=BLANK_WIDTH, law="unknown")
        count = effort.copies // (1 if population in LAWS else effort.shown)
        found.append(Measurement("directions: " + describe(s), partial(on_drawn, s, count, seed)))
    for bias in (False, True):
        s = Setting("teacher", inputs=2, bias=bias, layers=1, width=BLANK_WIDTH, law="unknown")
        found.append(
            Measurement("directions: " + describe(s), partial(on_taught, s, effort.teachers, taught))
        )
    return found


def on_drawn(setting: Setting, count: int, seed: int) -> list[Score]:
    """The scores of `count` untrained networks of another law; those whose weights point at features are shown only."""
    s = setting
    stack = drawn(
        s.population, s.inputs, s.width or BLANK_WIDTH, count, generator(seed, "directions " + describe(s))
    )
    return _nothing(s, stack, NOTHING if s.population in LAWS else None)


def on_taught(setting: Setting, teachers: int, taught: Trainings) -> list[Score]:
    """The scores of networks trained on off-catalogue teachers, the seeds of all teachers together."""
    s = setting
    numbers = range(min(teachers, max(1, _TAUGHT // taught.seeds)))
    runs = (taught.ensemble(teacher(s.inputs, k), BLANK_WIDTH, bias=bool(s.bias)) for k in numbers)
    return _nothing(s, Stack.of([network for run in runs for network in run.networks()]), NOTHING)


def _nothing(setting: Setting, stack: Stack, bound: Bound | None) -> list[Score]:
    readings, targets, _ = read_directions(stack, laws=known_laws(None))
    found = direction_frame(readings, targets).groupby("network")[["readable", "by_construction"]].any().sum()
    return [
        share(PART, setting, "networks with a readable feature", int(found["readable"]), len(stack), bound),
        share(PART, setting, "networks with one by construction", int(found["by_construction"]), len(stack)),
    ]


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
