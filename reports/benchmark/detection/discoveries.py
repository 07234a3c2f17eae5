"""Discoveries: what is declared in networks that hold nothing, which is what must not be declared."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.networks import Stack, known_laws, untrained
from mathcircuits.models import train

from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .blanks import permuted, rotated, shuffled, teacher
from .declaring import Declarations, declare, merge
from .effort import Effort, generator
from .other_laws import LAWS, MADE, drawn
from .other_tasks import OPTIMISERS, TARGETS, inputs_of, trained
from .planting import shape

Array = npt.NDArray[np.float64]
PART = "null networks"
#: Nominal p at which the observed share is compared; the quantile plot is drawn through them.
LEVELS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.05, 0.1, 0.3)
UNTRAINED = Bound(
    "false discovery rate of untrained networks, upper 95% limit at most 0.06", 0.06, end="high"
)
TRAINED = Bound(
    "false discovery rate of shuffled (with biases), rotated and teacher networks, upper 95% limit at most 0.06",
    0.06,
    end="high",
)
OTHER = Bound(
    "false discovery rate of other init laws and of training on other targets, upper 95% limit at most 0.06",
    0.06,
    end="high",
)
#: Said of cells that are shown and not judged: what they align with the catalogue is there.
MADE_NOTE = (
    "weights made sparse, equal or one-sided lie on features: real, not learned (see 'by construction')"
)
SQUARE_NOTE = "even targets pull neurons without biases to the diagonals of a square box: real, not chance"
#: Width of the trained networks that hold nothing, and of those that are rotated.
WIDTH = 8
_CHUNK = 2_000
#: Networks of two layers at least, where there are as many: 45 false discoveries among them keep the bound.
_FEWEST = 1_000


def measurements(effort: Effort, seed: int, trainings: Trainings, taught: Trainings) -> list[Measurement]:
    """One measurement per cell."""
    found = []
    for law in effort.null_laws:
        for inputs in effort.null_inputs:
            for bias in (False, True):
                for layers, width in effort.null_layouts:
                    count = effort.wide if width >= 64 else effort.untrained
                    if layers > 1:
                        # A neuron of a second layer has a null of its own, which is most of the time.
                        count = min(count, max(_FEWEST, effort.twice * WIDTH // width))
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
    return [*found, *_of_other_laws(effort, seed), *_of_other_targets(effort, seed)]


def _of_other_laws(effort: Effort, seed: int) -> list[Measurement]:
    """One measurement per law and number of inputs."""
    found = []
    for inputs in (d for d in (2, 3) if d in effort.null_inputs):
        for law in (*LAWS, *MADE):
            s = Setting(law, inputs=inputs, bias=True, layers=1, width=WIDTH, law="unknown")
            found.append(Measurement(describe(s), partial(on_other_law, s, effort.other, seed)))
    return found


def _of_other_targets(effort: Effort, seed: int) -> list[Measurement]:
    """One measurement per target, optimiser, law of the inputs and bias; other inputs with Adam alone."""
    found = []
    for target in TARGETS:
        for law in effort.input_laws:
            for optimiser in OPTIMISERS if law == "uniform" else OPTIMISERS[:1]:
                for bias in (False, True):
                    s = Setting(
                        f"trained by {optimiser}, {law} inputs",
                        inputs=2,
                        bias=bias,
                        layers=1,
                        width=WIDTH,
                        law="unknown",
                        task=target,
                    )
                    run = partial(on_other_target, s, optimiser, law, effort, seed)
                    found.append(Measurement(describe(s), run))
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
    parts = (
        declare(untrained(architecture, min(_CHUNK, count - start), s.law, rng), (s.law,))
        for start in range(0, count, _CHUNK)
    )
    return false_discoveries(setting, merge(list(parts)), UNTRAINED)


def on_changed(setting: Setting, copies: int, seed: int, trainings: Trainings) -> list[Score]:
    """The scores of trained minimum networks whose first layer was rotated, or its entries permuted."""
    runs = trainings.ensemble(setting.task, setting.width, bias=bool(setting.bias))
    stack = Stack.of(runs.networks())
    rng = generator(seed, describe(setting))
    rotates = setting.population == "rotated"
    found = declare((rotated if rotates else permuted)(stack, copies, rng), known_laws(None))
    # Shown, not judged: a permuted matrix has features of its own now and then (see `permuted`).
    return false_discoveries(setting, found, TRAINED if rotates else None)


def on_teachers(setting: Setting, teachers: int, taught: Trainings) -> list[Score]:
    """The scores of networks trained on off-catalogue teachers, the seeds of all teachers together."""
    s = setting
    runs = (taught.ensemble(teacher(s.inputs, k), s.width, bias=bool(s.bias)) for k in range(teachers))
    declared = [declare(Stack.of(found.networks()), known_laws(None)) for found in runs]
    return false_discoveries(setting, merge(declared), TRAINED)


def on_shuffled(setting: Setting, count: int, steps: int) -> list[Score]:
    """The scores of networks that were each trained on shuffled labels of its own."""
    s = setting
    task, regimen = shuffled(s.inputs)
    runs = train(
        task, hidden=(s.width,), seeds=range(count), regimen=regimen, bias=s.bias, steps=steps, progress=False
    )
    declared = declare(Stack.of(runs.finite.networks()), known_laws(None))
    found = false_discoveries(setting, declared, TRAINED if s.bias else None)
    if not s.bias:
        # Without biases the labels' mean is approximated by an even function.
        found[0] = replace(found[0], note=SQUARE_NOTE)
    return found


def on_other_law(setting: Setting, count: int, seed: int) -> list[Score]:
    """The scores of untrained networks of a law that is not the null's, and of the unconditional null's matches."""
    s = setting
    stack = drawn(s.population, s.inputs, s.width, count, generator(seed, describe(s)))
    made = s.population in MADE
    found = false_discoveries(s, declare(stack, known_laws(None)), None if made else OTHER)
    if made:
        found[0] = replace(found[0], note=MADE_NOTE)
    return [*found, _unconditional(s, stack, None)]


def on_other_target(setting: Setting, optimiser: str, law: str, effort: Effort, seed: int) -> list[Score]:
    """The scores of networks that were each trained on a random target of its own."""
    s = setting
    rng = generator(seed, describe(s))
    stack = trained(
        s.task, optimiser, law, s.inputs, s.width, effort.other, effort.other_steps, rng, bias=bool(s.bias)
    )
    # One set of inputs for all cells of a law, so that its nulls are drawn once.
    inputs = None if law == "uniform" else inputs_of(law, s.inputs, generator(0, law))
    square = s.task == "quadratic" and law == "uniform" and not s.bias
    declared = declare(stack, known_laws(None), inputs=inputs)
    found = false_discoveries(s, declared, None if square else OTHER)
    if square:
        found[0] = replace(found[0], note=SQUARE_NOTE)
    return [*found, _unconditional(s, stack, inputs)]


def _unconditional(setting: Setting, stack: Stack, inputs: Array | None) -> Score:
    """Networks with any neuron that the null of whole untrained neurons calls matched."""
    declared = declare(stack, known_laws(None), null="unconditional", inputs=inputs)
    any_matched = int(declared.matched().any(axis=1).sum())
    return share(PART, setting, "false discovery rate, unconditional null", any_matched, len(stack))


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
