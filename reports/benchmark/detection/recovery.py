"""Recovery: what is declared in networks whose features are known, beside what the null allows anybody to declare."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import analyse_many
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import known_laws

from ..scores import Bound, Measurement, Score, Setting, describe, mean_share, share
from .allowance import allowed
from .declaring import Declarations, declare
from .effort import Effort, generator
from .planting import NOTHING, Planted, plant, plant_deep, plant_mixtures, rotate_layer

Array = npt.NDArray[np.float64]
PART = "planted neurons"
#: The stated layer: three planted neurons among eight.
WIDTH, PLANTED = 8, 3
#: The level at which false discoveries have to be rarer still.
STRICT = 0.01
RECALL = Bound("3 planted among 8: recall at least 0.99 up to the stated noise", 0.99, most=False)
LABEL = Bound("3 planted among 8: the label right in 99%", 0.99, most=False)
FALSE = Bound("3 planted among 8: false discovery proportion at most 0.05", 0.05)
STRICT_FALSE = Bound("3 planted among 8: false discovery proportion at most 0.01 at q <= 0.01", 0.01)
AGREES = Bound("measured power within 0.1 of what the null allows", 0.1)
VACUOUS = Bound("one input without bias: always vacuous", 1.0, most=False)
UNTESTABLE = Bound("one input with bias: nothing declared, given the offset only a sign is left", 0.0)
ROTATED = Bound("rotated layers: planted features readable as directions in at least 95%", 0.95, most=False)
NO_NEURON = Bound("rotated layers: no neuron declared", 0.0)
#: Below this the null allows no power to speak of.
_NONE = 0.01


def stated_noise(inputs: int) -> float:
    """The degrees up to which recall has to be complete; negative where nothing can be found.

    A bias changes nothing: the null keeps it.

    Examples:
        >>> [stated_noise(d) for d in (1, 2, 3)]
        [-1.0, 0.2, 2.0]
    """
    return {1: -1.0, 2: 0.2}.get(inputs, 2.0)


def measurements(effort: Effort, seed: int) -> list[Measurement]:
    """One measurement per shape, all angles in it."""
    found = []
    for inputs in effort.planted_inputs:
        for bias in (False, True):
            s = Setting("planted", inputs=inputs, bias=bias, layers=1, width=WIDTH, planted=PLANTED)
            found.append(Measurement(describe(s), partial(stated, s, effort, seed)))
            if 2 <= inputs <= 4:
                for width, planted in effort.layouts:
                    s = Setting("planted", inputs=inputs, bias=bias, layers=1, width=width, planted=planted)
                    found.append(Measurement(describe(s), partial(other_shares, s, effort, seed)))
    for inputs in (d for d in (2, 3) if d in effort.planted_inputs):
        s = Setting(
            "split and dead", inputs=inputs, bias=True, layers=1, width=12, planted=PLANTED, noise=0.2
        )
        found.append(Measurement(describe(s), partial(split_and_dead, s, effort.planted, seed)))
        for layers, width in effort.deep_layouts:
            for bias in (False, True):
                s = Setting("planted deep", inputs=inputs, bias=bias, layers=layers, width=width)
                found.append(Measurement(describe(s), partial(deep, s, effort.deep, seed)))
        s = Setting("rotated layer", inputs=inputs, bias=True, layers=2, width=WIDTH, planted=PLANTED)
        found.append(Measurement(describe(s), partial(rotated_layer, s, min(effort.deep, 200), seed)))
        s = Setting("mixtures", inputs=inputs, bias=True, layers=2, width=WIDTH, planted=PLANTED)
        found.append(Measurement(describe(s), partial(mixtures, s, min(effort.deep, 200), seed)))
    return found


def stated(setting: Setting, effort: Effort, seed: int) -> list[Score]:
    """Three planted neurons among eight at every angle, with the stated bounds."""
    inputs, bias = setting.inputs, bool(setting.bias)
    scores = []
    for angle in effort.angles:
        s = replace(setting, noise=angle, law="uniform")
        made, declared = _planted(s, effort.planted, seed)
        if stated_noise(inputs) < 0:
            holds = made.truth != NOTHING
            what, found, limit = "vacuous", declared.vacuous, VACUOUS
            if bias:
                what, found, limit = "declared", declared.matched(), UNTESTABLE
            scores.append(share(PART, s, what, int((found & holds).sum()), int(holds.sum()), limit))
            scores.extend(
                recovered(s, made, declared, note="none possible: every neuron matches by construction")
            )
            continue
        within = angle <= stated_noise(inputs)
        bounds = (RECALL, LABEL, FALSE) if within else (None, None, None)
        scores.extend(recovered(s, made, declared, *bounds))
        scores.extend(beside_allowance(s, made, declared, seed))
        strict = replace(s, level=STRICT)
        proportion = false_proportions(made, declared.matched(STRICT))
        bound = STRICT_FALSE if within else None
        scores.append(mean_share(PART, strict, "false discovery proportion", proportion, bound))
        # The same networks where their init law is not known.
        unknown = replace(s, law="unknown")
        scores.extend(recovered(unknown, made, declare(made.stack, known_laws(None))))
    return scores


def other_shares(setting: Setting, effort: Effort, seed: int) -> list[Score]:
    """Other widths and shares, at every angle, beside the power that the null allows."""
    scores = []
    count = max(100, effort.planted * WIDTH // max(WIDTH, setting.width or 1))
    for angle in effort.angles:
        s = replace(setting, noise=angle, law="uniform")
        made, declared = _planted(s, count, seed)
        scores.extend(recovered(s, made, declared))
        scores.extend(beside_allowance(s, made, declared, seed))
    return scores


def _planted(s: Setting, count: int, seed: int) -> tuple[Planted, Declarations]:
    rng = generator(seed, describe(s))
    made = plant(s.inputs, s.width, s.planted, s.noise or 0.0, count, rng, bias=bool(s.bias))
    return made, declare(made.stack, ("uniform",))


def recovered(
    setting: Setting,
    made: Planted,
    declared: Declarations,
    recall: Bound | None = None,
    label: Bound | None = None,
    false: Bound | None = None,
    *,
    note: str = "",
) -> list[Score]:
    """Recall, labels, precision and false discovery proportion of what was declared."""
    matched = declared.matched()
    holds = made.truth != NOTHING
    hits = matched & holds
    right = declared.label == made.truth
    return [
        share(PART, setting, "recall", int(hits.sum()), int(holds.sum()), recall, note),
        share(PART, setting, "label right", int((right & holds).sum()), int(holds.sum()), label),
        share(PART, setting, "precision", int(hits.sum()), int(matched.sum())),
        mean_share(PART, setting, "false discovery proportion", false_proportions(made, matched), false),
    ]


def false_proportions(made: Planted, matched: npt.NDArray[np.bool_]) -> Array:
    """False declarations over all declarations, network by network [networks]; 0 where nothing is declared."""
    false = (matched & (made.truth == NOTHING)).sum(axis=1)
    return np.asarray(false / np.maximum(matched.sum(axis=1), 1))


def beside_allowance(setting: Setting, made: Planted, declared: Declarations, seed: int) -> list[Score]:
    """The power that exact p-values would have on the same planted neurons, and how far the measured one is from it.

    The closed form belongs to the ridge class, so it is asked at what the planted feature leaves unexplained.
    """
    s = setting
    holds = made.truth != NOTHING
    unexplained = true_unexplained(made)[holds].reshape(len(made), s.planted)
    tested = declared.tested.sum() / len(made)
    width = max(s.planted, round(float(tested)))
    rng = generator(seed, "allowance " + describe(s))
    first, biases = made.stack.weights[0], made.stack.biases[0]
    offsets = (biases / np.linalg.norm(first, axis=2))[holds].reshape(unexplained.shape)
    power = allowed(unexplained, offsets, width, s.inputs, bool(s.bias), rng)
    measured = float(declared.matched()[holds].mean())
    value = float(power.mean())
    note = "none possible" if value < _NONE else ""
    return [
        mean_share(PART, s, "power the null allows", power.ravel(), note=note),
        Score(PART, s, "distance of the two powers", abs(measured - value), bound=AGREES),
    ]


def true_unexplained(made: Planted) -> Array:
    """1 - r^2 of each first-layer neuron with its planted feature [networks, units]; 1 where there is none."""
    from mathcircuits.detect.matching import unit_vectors

    probes = probes_for(made.stack.architecture.sizes[0])
    _, _, unit = unit_vectors(made.stack.forward(probes.X).post[0])
    wanted = probes.unit[:, np.maximum(made.truth, 0)].transpose(1, 0, 2)
    r = np.einsum("Nnm,Nnm->Nm", unit, wanted)
    return np.where((made.truth != NOTHING) & (r > 0), np.clip(1.0 - r**2, 0.0, 1.0), 1.0)


def split_and_dead(setting: Setting, count: int, seed: int) -> list[Score]:
    """Planted neurons, one of them split in two, among dead and untrained ones: none of it may cost anything."""
    s = setting
    rng = generator(seed, describe(s))
    made = plant(s.inputs, s.width, s.planted, s.noise or 0.0, count, rng, bias=True, split=1, dead=2)
    declared = declare(made.stack, ("uniform",))
    return recovered(replace(s, law="uniform"), made, declared)


def deep(setting: Setting, count: int, seed: int) -> list[Score]:
    """The minimum carried through several layers, read layer by layer.

    From the second layer on an upstream label is no error: it says how the neuron is wired, and several may hold.
    """
    scores = []
    s = setting
    for angle in (0.0, 1.0):
        at = replace(s, noise=angle, law="uniform")
        rng = generator(seed, describe(at))
        made = plant_deep(s.inputs, s.width, s.layers, angle, count, rng, bias=bool(s.bias))
        declared = declare(made.stack, ("uniform",))
        matched = declared.matched()
        proportion = false_proportions(made, matched)
        scores.append(mean_share(PART, at, "false discovery proportion", proportion))
        for layer in range(s.layers):
            here = replace(at, layer=layer)
            holds = (made.truth != NOTHING) & (declared.layer == layer)
            upstream = np.array([f.competes_as == "upstream" for f in declared.features[layer]])[
                declared.label * holds
            ]
            right = (declared.label == made.truth) | upstream
            scores.append(share(PART, here, "recall", int((matched & holds).sum()), int(holds.sum())))
            scores.append(share(PART, here, "label right", int((right & holds).sum()), int(holds.sum())))
    return scores


def rotated_layer(setting: Setting, count: int, seed: int) -> list[Score]:
    """A rotated copy of a planted layer: directions are to be found there, neurons are not."""
    s = setting
    rng = generator(seed, describe(s))
    made = plant(s.inputs, s.width, s.planted, 0.0, count, rng, bias=True)
    stack = rotate_layer(made, rng)
    reading = analyse_many([stack.network(k) for k in range(count)], init="uniform")
    features = probes_for(s.inputs).features
    here = replace(s, layer=1, law="uniform")
    directions = reading.directions[reading.directions["layer"] == 1].set_index(["network", "feature", "on"])[
        "readable"
    ]
    held = [
        (k, features[t].feature.name, features[t].on)
        for k, row in enumerate(made.truth)
        for t in row
        if t != NOTHING
    ]
    readable = directions.reindex(held)
    neurons = reading.neurons[reading.neurons["layer"] == 1]
    others = directions.drop(held)
    return [
        share(PART, here, "planted features readable", int(readable.sum()), len(readable), ROTATED),
        share(PART, here, "other features readable", int(others.sum()), len(others)),
        share(
            PART,
            here,
            "neurons declared",
            int((neurons["status"] == "matched").sum()),
            len(neurons),
            NO_NEURON,
        ),
    ]


def mixtures(setting: Setting, count: int, seed: int) -> list[Score]:
    """Neurons that mix two features: declared as a single one, or seen as several."""
    s = setting
    made, mixes = plant_mixtures(s.inputs, s.width, 3, count, generator(seed, describe(s)))
    reading = analyse_many([made.stack.network(k) for k in range(count)], init="uniform")
    status = reading.neurons["status"].to_numpy().reshape(mixes.shape)[mixes]
    here = replace(s, layer=1, law="uniform")
    return [
        share(PART, here, f"mixed neurons called {name}", int((status == name).sum()), len(status))
        for name in ("matched", "polysemantic")
    ]
