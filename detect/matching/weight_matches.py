"""Matches by weights: the sparse pattern that each neuron's incoming weights are nearest to, its p, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..features.catalogues import Catalogue
from ..features.feature import Feature
from ..features.formulas import Formula
from ..networks.stacks import Stack
from ..statistics.criteria import FLOOR, ROUNDING, TINY
from .correlations import UPSTREAM, unit_vectors
from .criteria import ALPHA, GATE, REACHED
from .nulls.pattern_laws import few_variables_p, pattern_p
from .probes import Probes
from .weight_patterns import (
    MAX_VARIABLES,
    Nearest,
    Variables,
    arguments_of,
    few_p,
    input_p,
    members,
    nearest,
    patterns_of,
    shared_unit_p,
    sign_patterns,
    variables_of,
)

Array = npt.NDArray[np.float64]
#: A label of a neuron without any pattern.
NOTHING = -2


@dataclass(frozen=True, eq=False)
class WeightMatches:
    """The pattern of each neuron of one block, arrays [networks, units].

    Attributes:
        features: the patterns that were found, each once.
        label: indices into them, `NOTHING` where a neuron has none.
        p: against untrained weights; the largest over the laws.
        exact: whether the weights are within the gate of the pattern.
        cancelled: whether the pattern's terms cancel up to rounding on all probes, so that values say nothing.
        values: of a labelled neuron's feature on the probes [n], by (network, unit).
        unexplained, scale, offset: of the least-squares fit to the neuron's values; NaN where there is none.
    """

    features: tuple[BoundFeature, ...]
    label: npt.NDArray[np.intp]
    p: Array
    exact: npt.NDArray[np.bool_]
    cancelled: npt.NDArray[np.bool_]
    values: Mapping[tuple[int, int], Array]
    unexplained: Array
    scale: Array
    offset: Array


@dataclass(frozen=True)
class WeightNull:
    """What untrained weights allow, in closed form: the counterpart of `NeuronNull` for matches by weights.

    Attributes:
        variables: how many variables or inputs the weights are over.
        law: the init law.
        inputs: whether they are inputs, whose units are fixed.
        level: the share of the level that these matches have.
    """

    variables: int
    law: str
    inputs: bool
    level: float = 1.0

    @property
    def classes(self) -> tuple[str, ...]:
        """One for each number of variables that a pattern can have."""
        return tuple(f"weights on {k}" for k in range(1, MAX_VARIABLES + 1))

    def reach(self, outside: float) -> Array:
        """The chance that untrained weights are so close to a pattern of k variables, per class."""
        sizes = range(1, MAX_VARIABLES + 1)
        if not self.inputs:
            return np.array([few_variables_p(outside, self.variables, k, self.law) for k in sizes])
        counts = [max(1, sign_patterns(self.variables, k, patterns_of(None))) for k in sizes]
        return np.array(
            [pattern_p(outside, self.variables, k, c, self.law) for k, c in zip(sizes, counts, strict=True)]
        )

    def attainable(self) -> Array:
        """The p of a neuron with a millionth of its squared weights outside, per class."""
        return np.minimum(MAX_VARIABLES * self.reach(REACHED) / self.level, 1.0)


@dataclass(frozen=True, eq=False)
class _Choice:
    """A neuron's pattern: the feature, the variables in its order, and each one's coefficient in the neuron."""

    feature: Feature
    columns: tuple[int, ...]
    coefficients: Array


def match_upstream(
    stack: Stack,
    block: int,
    previous: Array,
    post: Array,
    probes: Probes,
    laws: Sequence[str],
    *,
    level: float = 1.0,
    alone: bool = False,
) -> WeightMatches:
    """Match the neurons of a block with patterns of the layer below's variables.

    Args:
        stack: the networks; block: index of the hidden layer, not the first.
        previous, post: activations of the layer below and of the block on the probes, [networks, n, width].
        probes: the inputs; features are not needed.
        laws: init laws; the largest p counts.
        level: the share of the level that these matches have; p is divided by it.
        alone: give each neuron its nearest pattern, also where it is not near, since nothing else is compared.
    """
    variables = variables_of(stack, block, probes)
    sizes = range(1, min(MAX_VARIABLES, variables.weights.shape[2]) + 1)
    near = [nearest(variables, k) for k in sizes]
    p = np.stack([np.max([few_p(variables, found, law) for law in laws], axis=0) for found in near])
    if len(p) > 1:
        p[1] = np.minimum(p[1], np.max([shared_unit_p(variables, law) for law in laws], axis=0))
    p = np.minimum(p / level, 1.0)
    exact = np.stack([found.balanced & (found.outside <= GATE) for found in near])
    patterns = patterns_of(None)

    def choose(network: int, neuron: int) -> tuple[int, _Choice] | None:
        order = np.lexsort((p[:, network, neuron], ~exact[:, network, neuron]))
        for k in order:
            choice = _upstream_choice(variables, near[k], network, neuron, patterns)
            if choice is not None:
                return int(k), choice
        return None

    wanted = np.ones(p.shape[1:], dtype=bool) if alone else (exact & (p <= ALPHA)).any(axis=0)
    table = _Table(post, probes, inputs=False)
    for network, neuron in np.argwhere(wanted):
        found = choose(network, neuron)
        if found is not None:
            k, choice = found
            terms = previous[network][:, list(choice.columns)] * choice.coefficients
            sums, size = terms.sum(axis=1), np.abs(terms).max()
            # Two equal functions compared: what is left is rounding.
            values = np.where(sums > ROUNDING * size, sums, 0.0)
            chance, near_enough = float(p[k, network, neuron]), bool(exact[k, network, neuron])
            at = (int(network), int(neuron))
            table.add(at, choice, values, chance, near_enough)
            table.cancelled[at] = size > 0.0 and bool((np.abs(sums) <= ROUNDING * size).all())
    return table.matches()


def _upstream_choice(
    variables: Variables,
    found: Nearest,
    network: int,
    neuron: int,
    patterns: Mapping[tuple[int, ...], tuple[Feature, ...]],
) -> _Choice | None:
    at = found.at[network, neuron]
    signs = found.signs[network, neuron]
    if not signs.all():
        return None
    columns = members(variables, network, neuron, at)
    signs = signs * variables.sign[network, columns]
    known = patterns.get(tuple(sorted(signs.astype(int).tolist(), reverse=True)))
    if known is None:
        return None
    arguments = arguments_of(known[0], columns, signs)
    sizes = np.abs(variables.weights[network, neuron, at]) / variables.scale[network, columns]
    by_column = dict(zip(columns.tolist(), (signs * sizes).tolist(), strict=True))
    coefficients = np.array([by_column[c] for c in arguments])
    return _Choice(known[0], arguments, coefficients / np.abs(coefficients[0]))


def match_inputs(
    stack: Stack, post: Array, probes: Probes, laws: Sequence[str], catalogue: Catalogue | None
) -> WeightMatches:
    """Match the first layer's neurons with patterns of at most three inputs; no cost exponential in the inputs.

    Weights and patterns are compared in standard deviations of the inputs. The bias is no part of the pattern: of the
    features of one pattern (a positive part, thresholds) the one that fits the neuron's values best is given.
    """
    variables = variables_of(stack, 0, probes)
    patterns = patterns_of(catalogue)
    sizes = range(1, min(MAX_VARIABLES, variables.weights.shape[2]) + 1)
    near = [nearest(variables, k) for k in sizes]
    varying = int(variables.count[0])
    sine = [_sine_squared(variables, found) for found in near]
    counts = [sign_patterns(varying, k, patterns) for k in sizes]
    p = [
        np.max([input_p(off, varying, k, count, law) for law in laws], axis=0)
        for k, off, count in zip(sizes, sine, counts, strict=True)
    ]
    table = _Table(post, probes, inputs=True)
    for network, neuron in np.ndindex(post.shape[0], post.shape[2]):
        best: tuple[tuple[bool, float, float], _Choice, Array] | None = None
        own = table.unit[network, :, neuron]
        for k, found in enumerate(near):
            signs = found.signs[network, neuron]
            key = tuple(sorted(signs.astype(int).tolist(), reverse=True))
            far, chance = bool(sine[k][network, neuron] > GATE), float(p[k][network, neuron])
            for feature in patterns.get(key, ()):
                columns = arguments_of(feature, found.at[network, neuron], signs)
                values = table.bound(feature, columns).values(probes.X)
                r = float(unit_vectors(values[:, None])[2][:, 0] @ own)
                rank = (far, chance, -round(r, 12))
                if best is None or rank < best[0]:
                    best = rank, _Choice(feature, columns, np.array(feature.direction)), values
        if best is not None:
            (far, chance, _), choice, values = best
            table.add((network, neuron), choice, values, chance, not far)
    return table.matches()


def _sine_squared(variables: Variables, found: Nearest) -> Array:
    """sin^2 of the angle between each neuron's weights and its pattern of k inputs, both times the inputs' spread."""
    total = np.maximum((variables.weights**2).sum(axis=2), TINY)
    inside = np.abs(np.take_along_axis(variables.weights, found.at, axis=2))
    spread = np.take_along_axis(
        np.broadcast_to(variables.scale[:, None, :], variables.weights.shape), found.at, axis=2
    )
    unit = spread / np.maximum(np.sqrt((spread**2).sum(axis=2, keepdims=True)), TINY)
    # From the parts that are off the pattern, so that a tiny angle keeps its digits.
    off = inside - (inside * unit).sum(axis=2, keepdims=True) * unit
    return np.asarray(np.clip(found.outside + (off**2).sum(axis=2) / total, 0.0, 1.0))


class _Table:
    """Collects the matches of one block: each feature once, and each neuron's fit to its own."""

    def __init__(self, post: Array, probes: Probes, *, inputs: bool) -> None:
        self.mean, self.sd, self.unit = unit_vectors(post)
        self._probes, self._inputs = probes, inputs
        shape = self.mean.shape
        self._bound: dict[tuple[str, tuple[int, ...]], BoundFeature] = {}
        self._index: dict[tuple[str, tuple[int, ...]], int] = {}
        self._label = np.full(shape, NOTHING, dtype=np.intp)
        self._p, self._exact = np.ones(shape), np.zeros(shape, dtype=bool)
        self.cancelled = np.zeros(shape, dtype=bool)
        self._fit = np.full((3, *shape), np.nan)
        self._values: dict[tuple[int, int], Array] = {}

    def bound(self, feature: Feature, columns: tuple[int, ...]) -> BoundFeature:
        """The feature on its variables."""
        key = (feature.id, columns)
        if key not in self._bound:
            names = tuple(f"x{c + 1}" if self._inputs else f"v{c}" for c in columns)
            formula = feature.formula.substitute({f"x{k + 1}": Formula(name) for k, name in enumerate(names)})
            box = self._probes.box if self._inputs else ((-1.0, 1.0),) * (max(columns) + 1)
            competes_as = feature.competes_as if self._inputs else UPSTREAM
            self._bound[key] = BoundFeature(feature, names, formula, box, competes_as)
        return self._bound[key]

    def add(self, at: tuple[int, int], choice: _Choice, values: Array, p: float, exact: bool) -> None:
        """A neuron's pattern, with the pattern's values on the probes [n]."""
        self.bound(choice.feature, choice.columns)
        network, neuron = at
        self._label[at] = self._index.setdefault((choice.feature.id, choice.columns), len(self._index))
        self._p[at], self._exact[at], self._values[at] = p, exact, values
        mean, sd, unit = unit_vectors(values[:, None])
        if self.sd[at] > 0.0 and sd[0] > 0.0:
            own = self.unit[network, :, neuron]
            r = max(float(unit[:, 0] @ own), 0.0)
            scale = r * self.sd[at] / sd[0]
            unexplained = min(max(1.0 - r**2, FLOOR), 1.0)
            self._fit[:, network, neuron] = unexplained, scale, self.mean[at] - scale * mean[0]

    def matches(self) -> WeightMatches:
        """All that was added."""
        features = tuple(self._bound[key] for key in self._index)
        return WeightMatches(
            features, self._label, self._p, self._exact, self.cancelled, self._values, *self._fit
        )
