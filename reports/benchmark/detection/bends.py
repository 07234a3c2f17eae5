"""Bends: the kink criterion on trained minimum networks, and on lazy ones that compute the same function."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mathcircuits.detect.features import as_task
from mathcircuits.detect.matching import kink_criterion_many, probes_for
from mathcircuits.detect.networks import Stack, lazy_networks

from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .effort import Effort, generator
from .planting import shape

PART = "kink criterion"
TASK = "minimum"
PASSES = Bound("kink criterion: at least 90% of solved trained minimum networks pass", 0.90, most=False)
LAZY = Bound("kink criterion: at most 5% of lazy networks pass", 0.05)


def measurements(effort: Effort, seed: int, trainings: Trainings) -> list[Measurement]:
    """One measurement per width and bias."""
    found = []
    for width in effort.widths:
        for bias in (False, True):
            s = Setting("trained", inputs=2, bias=bias, layers=1, width=width, task=TASK)
            found.append(
                Measurement(
                    "kink criterion: " + describe(s), partial(on_both, s, effort.lazy, seed, trainings)
                )
            )
    return found


def on_both(setting: Setting, lazy: int, seed: int, trainings: Trainings) -> list[Score]:
    """Shares that pass among solved trained networks and among fresh lazy ones."""
    s = setting
    networks = trainings.solved(TASK, s.width, bias=bool(s.bias))
    criteria = kink_criterion_many(networks, task=TASK, init="uniform") if networks else []
    task = as_task(TASK)
    X = probes_for(task.arity, box=task.box).X
    # Seeds of the panel that the criterion itself draws are small numbers: these meet none of them.
    fresh = int(generator(seed, "lazy " + describe(s)).integers(2**31, 2**32))
    # Only the architecture is looked at.
    architecture = shape(task.arity, s.width, 1, bool(s.bias))
    stack = lazy_networks(Stack(architecture, (), ()), X, task(X), lazy, "uniform", fresh)
    panel = kink_criterion_many([stack.network(k) for k in range(lazy)], task=TASK, init="uniform")
    at = replace(s, population="lazy")
    largest = panel[0].max_unexplained
    return [
        share(
            PART,
            s,
            "passed",
            sum(c.passed for c in criteria),
            len(criteria),
            PASSES,
            f"tolerance {largest:g}",
        ),
        share(PART, at, "passed", sum(c.passed for c in panel), lazy, LAZY, f"tolerance {largest:g}"),
    ]
