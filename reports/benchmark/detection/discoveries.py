"""Discoveries: what is declared in networks that hold nothing, which is what must not be declared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from mathcircuits.detect.networks import Stack, known_laws, untrained
from mathcircuits.models import train

from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .blanks import permuted, rotated, shuffled, teacher
from .declaring import Declarations, declare, merge
from .effort import Effort, generator
from .planting import shape

PART = "null networks"
#: Nominal p at which the observed share is compared; the quantile plot is drawn through them.
LEVELS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.05, 0.1, 0.3)
UNTRAINED = Bound(
    "false discovery rate of untrained networks, upper 95% limit at most 0.06", 0.06, end="high"
)
TRAINED = Bound(
    "false discovery rate of shuffled, rotated and teacher networks, upper 95% limit at most 0.06",
    0.06,
    end="high",
)
#: Width of the trained networks that hold nothing, and of those that are rotated.
WIDTH = 8
_CHUNK = 2_000


def measurements(effort: Effort, seed: int, trainings: Trainings, taught: Trainings) -> list[Measurement]:
    """One measurement per cell."""
    found = []
    for law in effort.null_laws:
        for inputs in effort.null_inputs:
            for bias in (False, True):
                for layers, width in effort.null_layouts:
                    count = effort.wide if width >= 64 else effort.untrained
                    s = Setting("untrained", inputs=inputs, bias=bias, layers=layers, width=width, law=law)
                    found.append(Measurement(describe(s), partial(on_untrained, s, count, seed)))
    for bias in (False, True):
        for population in ("rotated", "permuted"):
            s = Setting(population, inputs=2, bias=bias, layers=1, width=WIDTH, law="unknown", task="minimum")
            found.append(Measurement(describe(s), partial(on_changed, s, effort.copies, seed, trainings)))
        for inputs in (d for d in (2, 3) if d in effort.null_inputs):
            s = Setting("teacher", inputs=inputs, bias=bias, layers=1, width=WIDTH, law="unknown")
            found.append(Measurement(describe(s), partial(on_teachers, s, effort.teachers, taught)))
            s = replace(s, population="shuffled")
            count = effort.teachers * effort.seeds
            found.append(Measurement(describe(s), partial(on_shuffled, s, count, effort.blank_steps)))
    return found


def on_untrained(setting: Setting, count: int, seed: int) -> list[Score]:
    """The scores of `count` untrained networks of the setting's shape and law, with that law's null.

    Examples:
        >>> s = Setting("untrained", inputs=1, bias=False, layers=1, width=3, law="uniform")
        >>> on_untrained(s, 100, 0)[0]  # one input without bias: all vacuous
        Score(false discovery rate 0 [0, 0.0362], 0 of 100)
    """
    s = setting
    architecture = shape(s.inputs, s.width, s.layers, bool(s.bias))
    rng = generator(seed, describe(setting))
    drawn = (
        declare(untrained(architecture, min(_CHUNK, count - start), s.law, rng), (s.law,))
        for start in range(0, count, _CHUNK)
    )
    return false_discoveries(setting, merge(list(drawn)), UNTRAINED)


def on_changed(setting: Setting, copies: int, seed: int, trainings: Trainings) -> list[Score]:
    """The scores of trained minimum networks whose first layer was rotated, or its entries permuted."""
    runs = trainings.ensemble(setting.task, setting.width, bias=bool(setting.bias))
    stack = Stack.of(runs.networks())
    rng = generator(seed, describe(setting))
    rotates = setting.population == "rotated"
    drawn = declare((rotated if rotates else permuted)(stack, copies, rng), known_laws(None))
    # Shown, not judged: a permuted matrix has features of its own now and then (see `permuted`), and trained
    # offsets are 0, which no init law with biases gives: a rotated neuron then needs one coincidence less.
    return false_discoveries(setting, drawn, TRAINED if rotates and not setting.bias else None)


def on_teachers(setting: Setting, teachers: int, taught: Trainings) -> list[Score]:
    """The scores of networks trained on off-catalogue teachers, the seeds of all teachers together."""
    s = setting
    runs = (taught.ensemble(teacher(s.inputs, k), s.width, bias=bool(s.bias)) for k in range(teachers))
    drawn = [declare(Stack.of(found.networks()), known_laws(None)) for found in runs]
    return false_discoveries(setting, merge(drawn), TRAINED)


def on_shuffled(setting: Setting, count: int, steps: int) -> list[Score]:
    """The scores of networks that were each trained on shuffled labels of its own."""
    s = setting
    task, regimen = shuffled(s.inputs)
    runs = train(
        task, hidden=(s.width,), seeds=range(count), regimen=regimen, bias=s.bias, steps=steps, progress=False
    )
    return false_discoveries(setting, declare(Stack.of(runs.finite.networks()), known_laws(None)), TRAINED)


def false_discoveries(setting: Setting, declared: Declarations, bound: Bound | None) -> list[Score]:
    """Networks with any matched neuron, the naive rule's beside, and how often p falls below its levels.

    In networks of several layers the last one is also taken as a family of its own, since the first one's
    neurons dilute it.
    """
    n = len(declared)
    last = int(declared.layer.max())
    any_matched = declared.matched().any(axis=1)
    naive = declared.naive()
    scores = [
        share(PART, setting, "false discovery rate", int(any_matched.sum()), n, bound),
        share(PART, setting, "naive rule: networks", int(naive.any(axis=1).sum()), n),
        share(PART, setting, "naive rule: neurons", int(naive.sum()), int(declared.tested.sum())),
    ]
    where = setting
    if last:
        where = replace(setting, layer=last)
        alone = declared.matched(layer=last).any(axis=1)
        scores.append(share(PART, where, "false discovery rate", int(alone.sum()), n, bound))
    p = declared.p[:, declared.layer == last]
    p = p[~np.isnan(p)]
    for level in LEVELS:
        at = replace(where, level=level)
        scores.append(share(PART, at, "share of p below level", int((p <= level).sum()), len(p)))
    return scores
