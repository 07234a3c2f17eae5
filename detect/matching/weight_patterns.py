"""Which few variables of the layer below a neuron's incoming weights lie on, and in which catalogue pattern.

At any width and without a simulation: weights alone say that a neuron is relu(v3 - v5), whatever the inputs are.

- *Scales.* Positive rescaling of the layer below changes no function, so weights are compared after it: each is
  multiplied by its variable's scale, the norm of that variable's own incoming weights (its bias included) in the
  scales of the layer below it, down to the standard deviations of the inputs.
- *Variables.* Two whose scaled incoming weights are parallel are one function (behind a linear layer also where they
  are opposite): their weights add up. A variable without incoming weights is constant and counts as none.
- *Patterns.* Those of the catalogue's ridges with weights of one size: v, -v, v - w, v + w, -v - w, ... Behind a layer
  each variable's unit is free, so only the choice of variables and the signs say something, and the null is
  `nulls.pattern_laws.few_variables_p`. Inputs come in their own units, and the null is `pattern_p` there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..features.feature import Feature
from ..networks.nonlinearities import leaky_slope
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL, TINY
from .criteria import CANCELLED_WEIGHT, SMALLEST_SHARE
from .nulls.pattern_laws import few_variables_p, pattern_p
from .probes import Probes

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
#: The largest number of variables in a pattern.
MAX_VARIABLES = 3
#: Cosines of two layers' rows that are computed at once: about 80 MB.
_BATCH = 10_000_000


@dataclass(frozen=True, eq=False)
class Variables:
    """What the neurons of one block read, in N stacked networks.

    Attributes:
        weights: incoming weights times scales [N, units, width]; those of equal variables are added up at the first.
        own: the same before they are added up.
        first: the index of the first variable that is the same function [N, width], its own where there is none.
        sign: 1, or -1 where the variable is the negative of that first one [N, width].
        scale: of each variable [N, width]; 0 for a constant one.
        count: how many different, varying variables there are [N].
    """

    weights: Array
    own: Array
    first: Indices
    sign: Array
    scale: Array
    count: Array


@dataclass(frozen=True, eq=False)
class Nearest:
    """The k largest scaled weights of every neuron: arrays [N, units], or [N, units, k] for `at` and `signs`.

    Attributes:
        at: the variables, largest weight first; signs: of their weights.
        outside: the share of the squared weights that lies on the others.
        balanced: whether none of the k is too small beside the others to count.
    """

    at: Indices
    signs: Array
    outside: Array
    balanced: npt.NDArray[np.bool_]


def variables_of(stack: Stack, block: int, probes: Probes) -> Variables:
    """The variables that a block's neurons read, with the weights on them.

    Examples:
        Four copies of two functions behind a linear layer, one of them with the sign turned.

        >>> from ..networks.network import Network
        >>> from .probes import probes_for
        >>> net = Network([[[1, 2], [2, 4], [3, -1], [-3, 1]], [[1, 0, 1, 0]], [[1]]], activation=("identity", "relu"))
        >>> found = variables_of(Stack.of([net]), 1, probes_for(2))
        >>> found.count.tolist(), found.first.tolist(), found.sign.tolist()
        ([2.0], [[0, 0, 2, 2]], [[1.0, 1.0, 1.0, -1.0]])
    """
    centre, spread = _moments(probes)
    networks = len(stack)
    scale = np.broadcast_to(spread, (networks, len(spread))).astype(np.float64)
    first = np.broadcast_to(np.arange(len(spread)), scale.shape)
    sign = np.ones_like(scale)
    for k in range(block):
        weights = _merged(stack.weights[k] * scale[:, None, :], first, sign)
        bias = stack.biases[k] + (stack.weights[k] @ centre if k == 0 else 0.0)
        varies = np.abs(weights).max(axis=2) > 0.0
        rows = np.concatenate([weights, bias[..., None]], axis=2)
        size = np.sqrt((rows**2).sum(axis=2))
        name = stack.architecture.activations[k]
        rescalable = name in ("identity", "relu") or leaky_slope(name) is not None
        first, sign = _same_function(rows, size, linear=name == "identity", rescalable=rescalable)
        # A saturating activation fixes its variable's unit.
        scale = np.where(varies, size if rescalable else 1.0, 0.0)
    own = stack.weights[block] * scale[:, None, :]
    different = (first == np.arange(first.shape[1])) & (scale > 0.0)
    return Variables(_merged(own, first, sign), own, first, sign, scale, different.sum(axis=1).astype(float))


def nearest(variables: Variables, k: int) -> Nearest:
    """The k variables that most of each neuron's weights lie on."""
    sizes = np.abs(variables.weights)
    order = np.argsort(-sizes, axis=2, kind="stable")
    ranked = np.take_along_axis(sizes, order, axis=2) ** 2
    # Summed from the smallest, so that nothing of a tiny remainder is lost.
    rest = np.cumsum(ranked[..., ::-1], axis=2)[..., ::-1]
    total = np.maximum(rest[..., 0], TINY)
    outside = rest[..., k] / total if k < sizes.shape[2] else np.zeros(sizes.shape[:2])
    at = order[..., :k]
    signs = np.sign(np.take_along_axis(variables.weights, at, axis=2))
    shares = np.sqrt(ranked[..., :k])
    smallest = shares[..., -1] / np.maximum(shares.sum(axis=2), TINY)
    return Nearest(at, signs, outside, smallest >= SMALLEST_SHARE)


def members(variables: Variables, network: int, neuron: int, at: Indices) -> Indices:
    """Of each function among `at`, the variable that this neuron reads it from: the one with the largest weight."""
    own, first = np.abs(variables.own[network, neuron]), variables.first[network]
    return np.array([int(np.where(first == c, own, -1.0).argmax()) for c in at], dtype=np.intp)


def patterns_of(catalogue: Catalogue | None) -> Mapping[tuple[int, ...], tuple[Feature, ...]]:
    """The catalogue's features that are one ReLU of at most three variables with weights of one size, by their signs.

    Signs are sorted, positive ones first.

    Examples:
        >>> {signs: found[0].name for signs, found in patterns_of(None).items()}[(1, -1)]
        'greaterness'
    """
    found: dict[tuple[int, ...], tuple[Feature, ...]] = {}
    for feature in (installed if catalogue is None else catalogue).values():
        direction = np.array(feature.direction or ())
        if 0 < len(direction) <= MAX_VARIABLES and np.ptp(np.abs(direction)) <= EQUAL:
            signs = tuple(sorted(np.sign(direction).astype(int).tolist(), reverse=True))
            found[signs] = (*found.get(signs, ()), feature)
    return found


def arguments_of(feature: Feature, columns: Indices, signs: Array) -> tuple[int, ...]:
    """The variables in the order of the feature's arguments: of one sign in counting order.

    Examples:
        >>> arguments_of(installed["greaterness"], np.array([3, 5]), np.array([-1.0, 1.0]))
        (5, 3)
    """
    left = {
        sign: sorted(int(c) for c, s in zip(columns, signs, strict=True) if s == sign) for sign in (1, -1)
    }
    return tuple(left[1 if weight > 0 else -1].pop(0) for weight in feature.direction or ())


def sign_patterns(variables: int, k: int, patterns: Mapping[tuple[int, ...], object]) -> int:
    """How many directions the patterns of k variables are, over all choices of variables and their signs.

    Examples:
        >>> [sign_patterns(9, k, patterns_of(None)) for k in (1, 2, 3)]
        [18, 144, 168]
    """
    orders = sum(comb(k, sum(sign > 0 for sign in signs)) for signs in patterns if len(signs) == k)
    return comb(variables, k) * orders


def few_p(variables: Variables, found: Nearest, law: str) -> Array:
    """p of each neuron's k variables of the layer below [N, units], the choice of k paid for."""
    k = found.at.shape[2]
    p = few_variables_p(found.outside, variables.count[:, None], k, law)
    return np.asarray(np.minimum(MAX_VARIABLES * p, 1.0))


def shared_unit_p(variables: Variables, law: str) -> Array:
    """p of pairs of two variables from the layer's other neurons, where there are only two variables [N, units].

    Two variables are all of them, so that their choice is no evidence, and the ratio of a neuron's weights is the free
    unit. Two neurons fix it twice: v + w and v - w have weights of one ratio, up to a sign. Each is compared with those
    of the others that have other signs; p is 1 where there is none, and where there are more than two variables.
    """
    p = np.ones(variables.weights.shape[:2])
    for network in np.flatnonzero(variables.count == 2):
        first, scale = variables.first[network], variables.scale[network]
        pair = np.flatnonzero((first == np.arange(len(first))) & (scale > 0.0))
        weights = variables.weights[network][:, pair]
        product = np.sign(weights.prod(axis=1))
        size = np.abs(weights) / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), TINY)
        sine = np.outer(size[:, 0], size[:, 1]) - np.outer(size[:, 1], size[:, 0])
        others = np.outer(product, product) < 0.0
        nearest_one = np.where(others, sine**2, 1.0).min(axis=1)
        count = np.maximum(2 * others.sum(axis=1), 1)
        chance = MAX_VARIABLES * pattern_p(nearest_one, 2, 2, count, law)
        p[network] = np.where(others.any(axis=1), np.minimum(chance, 1.0), 1.0)
    return p


def input_p(sine_squared: Array, inputs: int, k: int, patterns: int, law: str) -> Array:
    """p of each neuron's pattern of k inputs, the choice of k paid for.

    Args:
        sine_squared: of the angle between weights and pattern, in standard deviations of the inputs.
        inputs: how many inputs vary.
        patterns: how many patterns of k inputs there are, see `sign_patterns`.
    """
    p = pattern_p(sine_squared, inputs, k, max(1, patterns), law)
    return np.asarray(np.minimum(MAX_VARIABLES * p, 1.0))


def _moments(probes: Probes) -> tuple[Array, Array]:
    """Mean and standard deviation of each input: the box's exact ones, or those of given rows."""
    if not probes.sampled:
        return probes.X.mean(axis=0), probes.X.std(axis=0)
    low, high = np.array(probes.box).T
    return (low + high) / 2, (high - low) / np.sqrt(12.0)


def _merged(weights: Array, first: Indices, sign: Array) -> Array:
    """Weights [N, units, width] with those of equal variables added up at the first of them."""
    repeated = np.argwhere(first != np.arange(first.shape[1]))
    if not len(repeated):
        return weights
    merged = weights.copy()
    for network, variable in repeated:
        share = sign[network, variable] * weights[network, :, variable]
        merged[network, :, first[network, variable]] += share
        merged[network, :, variable] = 0.0
    # What cancels leaves rounding, which is no weight.
    size = np.abs(weights).max(axis=(1, 2), keepdims=True)
    return np.where(np.abs(merged) <= CANCELLED_WEIGHT * size, 0.0, merged) if len(repeated) else merged


def _same_function(rows: Array, size: Array, *, linear: bool, rescalable: bool) -> tuple[Indices, Array]:
    """For each row [N, width, n] the first one that is parallel to it, and whether it is its negative."""
    networks, width, n = rows.shape
    unit = rows / np.maximum(size, TINY)[..., None]
    first = np.empty((networks, width), dtype=np.intp)
    sign = np.ones((networks, width))
    step = max(1, _BATCH // (width * max(width, n)))
    later = np.triu(np.ones((width, width), dtype=bool), 1)
    for start in range(0, networks, step):
        part = slice(start, start + step)
        cosine = unit[part] @ unit[part].transpose(0, 2, 1)
        if not rescalable:
            own = size[part]
            longer = np.maximum(own[:, :, None], own[:, None, :])
            cosine[np.abs(own[:, :, None] - own[:, None, :]) > EQUAL * longer] = 0.0
        alike = (np.abs(cosine) if linear else cosine) >= 1.0 - EQUAL
        # A row without weights is parallel to none, and its own first.
        alike = (alike & ~later) | np.eye(width, dtype=bool)
        first[part] = alike.argmax(axis=2)
        sign[part] = np.sign(np.take_along_axis(cosine, first[part][..., None], axis=2)[..., 0])
    return first, np.where(sign == 0.0, 1.0, sign)
