"""What was found about the neurons of one block, by correlation on the probes and by weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..features.catalogues import Catalogue
from .correlations import UPSTREAM, Scores, live_and_bent, unit_vectors
from .criteria import ALPHA, GATE, HELD, INPUTS_FIRST, VACUOUS, WEIGHTS_LEVEL
from .layer import Layer, duplicates
from .nulls.conditional import evidence
from .nulls.constructed import as_few_weights, balanced, constructed_p, construction
from .nulls.incoming import Evidence, Incoming
from .nulls.names import NullName
from .nulls.neuron_nulls import NeuronNull, atoms_of, neuron_null, scores_of
from .probes import Probes
from .rare_neurons import (
    RareNeuron,
    largest_pre,
    rare_deep_neuron,
    rare_effect,
    rare_fit,
    rare_neuron,
    search_cost,
)
from .weight_matches import NOTHING, WeightMatches, WeightNull, match_inputs, match_upstream

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: Multiply-adds that the search for where silent neurons of a layer act may cost, a second on one core; and the probes
#: that it starts from.
_RARE_BUDGET, _STARTS = 1e10, 16
#: A match by weights is of at most so many variables.
_MOST_VARIABLES = 3
#: A label of a neuron that is constant where it is alive.
CONSTANT = -1


@dataclass(frozen=True, eq=False)
class BlockReading:
    """What was found about one block's neurons, each array [networks, units].

    Attributes:
        status, label: texts and indices into `features` (-1 for a constant, -2 for none).
        p, q: against untrained networks; p_taught, q_taught: against networks that were taught something else, NaN
            where there are none.
        free_p: p where the zeros and the grid of a layer that was pruned or quantised are not held against it.
        draws: how many null draws vouch for p; infinite where p is not extrapolated beyond them.
        probes: what the neurons were compared with.
        mixtures: a `mixtures.Mixture` for each neuron that was decomposed, else None.
        nulls: the null laws of the classes that are compared on the probes, one per init law.
        weight_nulls: those of the matches by weights, one per init law.
        by_weights: the neurons whose feature is the one that their weights show.
    """

    block: int
    features: tuple[BoundFeature, ...]
    status: npt.NDArray[np.object_]
    label: npt.NDArray[np.intp]
    r: Array
    unexplained: Array
    scale: Array
    offset: Array
    p: Array
    free_p: Array
    q: Array
    draws: Array
    p_taught: Array
    q_taught: Array
    tested: Bools
    causal: Array
    contribution: Array
    duplicate_of: npt.NDArray[np.intp]
    classes: tuple[str, ...]
    nulls: tuple[NeuronNull, ...]
    by_weights: Bools
    probes: Probes
    weight_nulls: tuple[WeightNull, ...] = ()
    skipped: tuple[str, ...] = ()
    mixtures: npt.NDArray[np.object_] | None = None

    @property
    def competing(self) -> npt.NDArray[np.object_]:
        """The class in which each neuron's feature competes, [networks, units]; None where it has no feature."""
        names = np.array([*(f.competes_as for f in self.features), None, None], dtype=object)
        return np.asarray(names[self.label])


@dataclass(frozen=True, eq=False)
class _Fits:
    """Each neuron's feature and how well it fits, arrays [networks, units].

    Attributes:
        features: what labels index.
        p: against the null; draws: how many vouch for it.
        vacuous: whether the null matches the class exactly too often.
    """

    features: tuple[BoundFeature, ...]
    label: npt.NDArray[np.intp]
    p: Array
    draws: Array
    unexplained: Array
    scale: Array
    offset: Array
    vacuous: Bools


@dataclass(frozen=True, eq=False)
class _State:
    """How a block's neurons behave on the probes, arrays [networks, units] ([networks, n, units] for `unit`)."""

    live: Bools
    bent: Bools
    mean: Array
    sd: Array
    unit: Array

    @classmethod
    def of(cls, layer: Layer) -> _State:
        activation = layer.architecture.activations[layer.block]
        return cls(*live_and_bent(layer.pre, layer.post, activation, layer.bounds), *unit_vectors(layer.post))

    @property
    def flat(self) -> Bools:
        """Constant where alive: an always-on neuron without spread, or one that acts beside the probes."""
        return np.asarray(self.sd == 0.0)

    @property
    def tested(self) -> Bools:
        """Live, bent and of some spread: those with a p."""
        return self.live & self.bent & ~self.flat


def read_block(
    layer: Layer, laws: Sequence[str], catalogue: Catalogue | None = None, null: NullName = "conditional"
) -> BlockReading:
    """Match one block's neurons beside their null (`nulls.conditional`); q is the whole network's to give.

    Neurons are compared with the probes' features; those behind another layer also with patterns of that layer's
    variables, by their weights. Where the probes have no features (many inputs), weights alone are read.
    """
    state = _State.of(layer)
    rare, not_looked = _rare(layer, state)
    for at in rare:
        state.live[at] = state.bent[at] = True
    by_values = bool(layer.probes.features)
    nulls: tuple[NeuronNull, ...] = ()
    fits, skipped = _nothing(layer), layer.skipped
    if by_values:
        nulls = tuple(neuron_null(layer.architecture, layer.block, law, layer.probes) for law in laws)
        fits = _by_values(layer, state, nulls, laws, null)
    found = _by_weights(layer, laws, catalogue, alone=not by_values)
    taken = np.zeros(layer.shape, dtype=bool)
    weight_nulls: tuple[WeightNull, ...] = ()
    if found is not None:
        taken = _taken(layer, state, fits, found)
        fits = _with_weights(fits, found, taken)
        level, width = WEIGHTS_LEVEL if by_values else 1.0, layer.architecture.sizes[layer.block]
        weight_nulls = tuple(WeightNull(width, law, layer.block == 0, level) for law in laws)
    effects = layer.effects(lambda: _fitted(layer, state, fits, found, taken))
    constant = state.flat & ~taken
    fits = replace(fits, label=np.where(constant, CONSTANT, fits.label))
    fits, contribution = _with_rare(layer, fits, effects.contribution, rare, taken)
    vacuous = fits.vacuous & ~taken
    p = np.where(state.tested, fits.p, np.nan)
    return BlockReading(
        block=layer.block,
        features=fits.features,
        status=np.select(
            [~state.live, ~state.bent, vacuous], ["dead", "linear", "vacuous"], "unmatched"
        ).astype(object),
        label=fits.label,
        r=np.sqrt(1.0 - fits.unexplained),
        unexplained=fits.unexplained,
        scale=fits.scale,
        offset=fits.offset,
        p=_of_its_construction(layer, p, taken, nulls, laws),
        free_p=p,
        q=np.full(layer.shape, np.nan),
        draws=fits.draws,
        p_taught=np.full(layer.shape, np.nan),
        q_taught=np.full(layer.shape, np.nan),
        tested=state.tested,
        causal=np.where(state.flat, np.nan, effects.causal),
        contribution=contribution,
        duplicate_of=duplicates(layer.post, state.live & ~state.flat),
        classes=nulls[0].classes if nulls else (),
        nulls=nulls,
        by_weights=taken,
        probes=layer.probes,
        weight_nulls=weight_nulls,
        skipped=(*skipped, *effects.skipped, *((not_looked,) if not_looked else ())),
    )


def _of_its_construction(
    layer: Layer, p: Array, taken: Bools, nulls: Sequence[NeuronNull], laws: Sequence[str]
) -> Array:
    """p [networks, units] with those of pruned and quantised layers beside layers of the same zeros or grid."""
    if layer.stack is None:
        return p
    worst = p.copy()
    weights, biases = layer.stack.weights[layer.block], layer.stack.biases[layer.block]
    # The variables of a linear layer have no scale of their own.
    free = layer.block > 0 and layer.architecture.activations[layer.block - 1] == "identity"
    for k in np.flatnonzero((p <= ALPHA).any(axis=1)):
        kind = construction(balanced(weights[k]) if free else weights[k])
        if kind is None:
            continue
        variables = layer.probes.X if layer.previous is None else layer.previous[k]
        for unit in map(int, np.flatnonzero(p[k] <= ALPHA)):
            if not taken[k, unit]:
                own = constructed_p(
                    weights[k], unit, float(biases[k, unit]), kind, variables, layer.architecture, layer.block,
                    layer.probes, nulls[0], laws,
                )  # fmt: skip
            elif np.count_nonzero(weights[k, unit]) <= _MOST_VARIABLES:
                own = as_few_weights(weights[k], unit, kind)
            else:
                own = 0.0
            worst[k, unit] = max(p[k, unit], own)
    return worst


def _nothing(layer: Layer) -> _Fits:
    """No neuron has a feature."""
    missing = np.full(layer.shape, np.nan)
    label = np.full(layer.shape, NOTHING, dtype=np.intp)
    return _Fits(
        (),
        label,
        np.ones(layer.shape),
        np.full(layer.shape, np.inf),
        missing,
        missing,
        missing,
        np.zeros(layer.shape, dtype=bool),
    )


def _by_values(
    layer: Layer, state: _State, nulls: Sequence[NeuronNull], laws: Sequence[str], null: NullName
) -> _Fits:
    """The feature of the probes that each neuron's values resemble."""
    scores = scores_of(
        state.unit, layer.previous, layer.architecture, layer.block, state.live, state.bent, layer.probes
    )
    found = evidence(
        nulls, laws, scores.unexplained, state.tested.ravel(), _incoming(layer), layer.architecture, layer.block,
        layer.probes, null,
    )  # fmt: skip
    chosen, exact = chosen_classes(scores, nulls, found)
    label = layer.label(scores, chosen, nulls[0].classes)
    unexplained = np.take_along_axis(scores.unexplained, chosen[:, None], axis=1).reshape(layer.shape)
    feature_mean, feature_sd = layer.feature_moments(label)
    scale = np.sqrt(1.0 - unexplained) * state.sd / feature_sd
    offset = state.mean - scale * feature_mean
    unexplained, scale, offset = (
        np.where(state.flat, np.nan, values) for values in (unexplained, scale, offset)
    )
    vacuous = (exact > VACUOUS).reshape(layer.shape)
    p, draws = found.p.reshape(layer.shape), found.draws.reshape(layer.shape)
    return _Fits(layer.features, label, p, draws, unexplained, scale, offset, vacuous)


def _incoming(layer: Layer) -> Incoming:
    """The weights and variables of the layer's neurons; fitted to their values where the weights are not known."""
    if layer.stack is None:
        return Incoming.fitted(layer.pre, layer.probes.X, layer.previous)
    return Incoming.of(layer.stack, layer.block, layer.previous)


def chosen_classes(
    scores: Scores, nulls: Sequence[NeuronNull], found: Evidence
) -> tuple[npt.NDArray[np.intp], Array]:
    """Each neuron's class [M], and how often the null matches it exactly [M].

    The class is the one that won, or the nearest where none passes the gate.
    """
    passes = ((scores.unexplained <= GATE) & nulls[0].competes).any(axis=1) & (found.p < 1.0)
    chosen = np.where(passes, found.winner, scores.unexplained.argmin(axis=1))
    return chosen, np.where(chosen == found.winner, found.exact, atoms_of(nulls)[chosen])


def _by_weights(
    layer: Layer, laws: Sequence[str], catalogue: Catalogue | None, *, alone: bool
) -> WeightMatches | None:
    """The pattern of variables that each neuron's weights are near to; None where weights are not read."""
    if layer.stack is None:
        return None
    if layer.previous is not None:
        level = 1.0 if alone else WEIGHTS_LEVEL
        return match_upstream(
            layer.stack, layer.block, layer.previous, layer.post, layer.probes, laws, level=level, alone=alone
        )
    return match_inputs(layer.stack, layer.post, layer.probes, laws, catalogue) if alone else None


def _taken(layer: Layer, state: _State, fits: _Fits, found: WeightMatches) -> Bools:
    """The neurons whose match by weights is given in place of the one by values."""
    if not layer.probes.features:
        return np.asarray((found.label != NOTHING) & (found.exact | ~state.flat))
    near = found.exact & (found.p <= ALPHA) & (found.label != NOTHING)
    upstream = np.array([f.competes_as == UPSTREAM for f in fits.features])[fits.label]
    of_inputs = ~upstream & (fits.unexplained <= HELD)
    # What is silent, or affine, on the box shows little there: its weights say what it is.
    unseen = ~state.live | (~state.bent & ~of_inputs)
    shown = state.tested & _within(found) & ~(of_inputs & (fits.p <= INPUTS_FIRST)) & (found.p < fits.p)
    return np.asarray(near & (unseen | shown))


def _within(found: WeightMatches) -> Bools:
    """Whether a neuron's values pass the gate as its weights do, or are rounding and say nothing."""
    return np.asarray((found.unexplained <= GATE) | found.cancelled)


def _with_weights(fits: _Fits, found: WeightMatches, taken: Bools) -> _Fits:
    """The fits with those by weights where they are taken."""
    within = found.exact & _within(found)
    return replace(
        fits,
        features=(*fits.features, *found.features),
        label=np.where(taken, found.label + len(fits.features), fits.label),
        p=np.where(taken, np.where(within, found.p, 1.0), fits.p),
        draws=np.where(taken, np.inf, fits.draws),
        unexplained=np.where(taken, found.unexplained, fits.unexplained),
        scale=np.where(taken, found.scale, fits.scale),
        offset=np.where(taken, found.offset, fits.offset),
    )


def _fitted(layer: Layer, state: _State, fits: _Fits, found: WeightMatches | None, taken: Bools) -> Array:
    """Each neuron's feature, scaled and shifted to fit it; its mean where it has none: [networks, n, units]."""
    if layer.probes.features:
        known = np.where(taken, 0, fits.label)
        values = fits.scale[:, None, :] * layer.feature_values(known) + fits.offset[:, None, :]
    else:
        values = np.repeat(state.mean[:, None, :], layer.post.shape[1], axis=1)
    if found is not None:
        for network, unit in np.argwhere(taken & np.isfinite(fits.scale)):
            fit = fits.scale[network, unit], fits.offset[network, unit]
            values[network, :, unit] = fit[0] * found.values[network, unit] + fit[1]
    return values


def _rare(layer: Layer, state: _State) -> tuple[dict[tuple[int, int], RareNeuron], str]:
    """The neurons that act beside the probes, where they act, by (network, unit); and why some were not looked for.

    In the first layer they are known by their exact bounds. In a deeper one each neuron that is silent on the probes is
    looked for, in a network that is read alone.
    """
    stack, probes, block = layer.stack, layer.probes, layer.block
    found: dict[tuple[int, int], RareNeuron] = {}
    activation = layer.architecture.activations[block]
    if stack is None or not probes.sampled:
        return found, ""
    if block == 0:
        for network, unit in np.argwhere(state.live & state.bent & state.flat):
            own = stack.weights[0][network, unit], float(stack.biases[0][network, unit])
            found[int(network), int(unit)] = rare_neuron(*own, activation, probes.box)
        return found, ""
    if len(stack) > 1 or activation != "relu":
        return found, ""
    silent = np.flatnonzero(~state.live[0] & (largest_pre(stack, block, probes.box) > 0.0))
    if len(silent) * search_cost(layer.architecture.sizes[: block + 2]) > _RARE_BUDGET:
        return (
            found,
            f"{layer.title}: whether {len(silent)} silent neurons act beside the probes (wide layers)",
        )
    for unit in silent:
        start = probes.X[np.argsort(-layer.pre[0, :, unit], kind="stable")[:_STARTS]]
        neuron = rare_deep_neuron(stack, 0, block, int(unit), probes.box, start)
        if neuron is not None:
            found[0, int(unit)] = neuron
    return found, ""


def _with_rare(
    layer: Layer, fits: _Fits, contribution: Array, rare: dict[tuple[int, int], RareNeuron], taken: Bools
) -> tuple[_Fits, Array]:
    """Fits and contributions with those of neurons that act beside the probes, measured where they act."""
    if not rare or layer.stack is None:
        return fits, contribution
    variance = layer.forward.outputs.var(axis=1).sum(axis=1)
    contribution = contribution.copy()
    label, unexplained = fits.label.copy(), fits.unexplained.copy()
    scale, offset = fits.scale.copy(), fits.offset.copy()
    for at, neuron in rare.items():
        lost = rare_effect(layer.stack, at[0], layer.block, at[1], neuron)
        # The output's variance on the probes lacks what the neuron adds.
        contribution[at] = lost / (variance[at[0]] + lost) if lost > 0.0 else 0.0
        if taken[at]:
            continue
        fit = rare_fit(neuron, layer.probes.features, layer.probes.mean, layer.probes.sd)
        label[at] = NOTHING if fit is None else fit.label
        if fit is not None:
            unexplained[at], scale[at], offset[at] = fit.unexplained, fit.scale, fit.offset
    return replace(fits, label=label, unexplained=unexplained, scale=scale, offset=offset), contribution
