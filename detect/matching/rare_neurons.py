"""Neurons that act in a corner of the box only: their moments, effects and nearest feature, where they act.

None of 512 points falls into a corner of a millionth of the box, and a neuron that is silent on all of them looks
constant, however much it adds there. Points are drawn where it acts instead: each input from its exponentially tilted
law, with density proportional to exp(lambda w_j x_j), at the lambda that puts about half of the points on the active
side, and weighted by the inverse of that density. Averages over the box stay unbiased (importance sampling; Siegmund
1976, The Annals of Statistics 4, 673), at any number of inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..networks.box import Box
from ..networks.nonlinearities import apply_nonlinearity
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL, FLOOR, ROUNDING, TINY
from .criteria import SERIES

Array = npt.NDArray[np.float64]
#: Points that are drawn for a neuron.
_POINTS = 4096
#: Halvings of the interval of the tilt: enough for any float64.
_STEPS = 200
#: A deep neuron is looked for in so many rounds, times the root of the number of inputs, of so many points. The tenth
#: with the largest pre-activations moves the law of the next round: in a corner of d inputs one takes 1.75 / sqrt(d)
#: of the way. It is found where a tenth of a round's points are active, and given up after rounds without progress.
_ROUNDS, _TRIED, _BEST, _PATIENCE = 10, 1024, 0.1, 5


@dataclass(frozen=True, eq=False)
class RareNeuron:
    """A neuron on points of the box where it acts.

    Attributes:
        X: points [m, d]; weight: what each counts [m], so that mean(weight * f(X)) is the mean of f over the box.
        values: the neuron's activations there [m].
        mean, sd: of its activation over the box.
    """

    X: Array
    weight: Array
    values: Array
    mean: float
    sd: float


@dataclass(frozen=True)
class RareFit:
    """The feature that a rare neuron resembles most over the box: `scale * feature + offset`, 1 - r^2 unexplained."""

    label: int
    unexplained: float
    scale: float
    offset: float


def rare_neuron(weights: Array, bias: float, activation: str, box: Box) -> RareNeuron:
    """A first-layer neuron where it acts.

    Args:
        weights: its incoming weights [d]; bias: its bias.
        activation: its activation function, zero or nearly so where it is silent.
        box: the inputs' box.

    Examples:
        relu(x1 + x2 - 1.9) is positive on a triangle of area 0.1^2 / 2 of the square's 4; its mean there is 0.1 / 3.

        >>> found = rare_neuron(np.ones(2), -1.9, "relu", ((-1.0, 1.0),) * 2)
        >>> bool(abs(found.mean - 0.1**3 / 24) < 0.1 * 0.1**3 / 24)
        True
    """
    low, high = np.array(box).T
    centre, half = (low + high) / 2, (high - low) / 2
    tilt = _tilt(np.abs(weights) * half, float(weights @ centre + bias))
    X, weight = _tilted(tilt * weights * half, box, _POINTS, np.random.default_rng(len(weights)))
    return _measured(X, weight, apply_nonlinearity(activation, X @ weights + bias))


def rare_deep_neuron(
    stack: Stack, network: int, block: int, unit: int, box: Box, start: Array
) -> RareNeuron | None:
    """A neuron of any layer where it acts; None where no such place is found.

    The tilts of the inputs are found by the cross-entropy method (Rubinstein 1999, Methodology and Computing in Applied
    Probability 1, 127): each round's law has the means of the best points of the round before.

    Args:
        stack, network, block, unit: the neuron's place.
        box: the inputs' box.
        start: points [m, d] at which its pre-activation is largest among those that are known.
    """
    alone = stack[network : network + 1]
    low, high = np.array(box).T
    centre, half = (low + high) / 2, (high - low) / 2
    rng = np.random.default_rng([block, unit])
    tilts = _tilts_of(((start - centre) / half).mean(axis=0))
    reached, patience = -np.inf, _PATIENCE
    for _ in range(_rounds(len(box))):
        X, _ = _tilted(tilts, box, _TRIED, rng)
        pre = alone.forward(X).pre[block][0, :, unit]
        if (pre > 0.0).mean() >= _BEST:
            X, weight = _tilted(tilts, box, _POINTS, rng)
            return _measured(X, weight, alone.forward(X).post[block][0, :, unit])
        top = float(np.quantile(pre, 1.0 - _BEST))
        reached, patience = (top, _PATIENCE) if top > reached else (reached, patience - 1)
        if not patience:
            return None
        best = pre >= min(top, 0.0)
        # Unweighted: the weights of far points would leave one or two of them.
        tilts = _tilts_of(((X[best] - centre) / half).mean(axis=0))
    return None


def largest_pre(stack: Stack, block: int, box: Box) -> Array:
    """An upper bound of each pre-activation of a block of the first network on the box, layer by layer [units].

    Examples:
        >>> from ..networks.network import Network
        >>> net = Network([[[1.0], [-1.0]], [[1.0, 1.0]], [[1.0]]])
        >>> largest_pre(Stack.of([net]), 1, ((-1.0, 1.0),)).tolist()
        [2.0]
    """
    low, high = np.array(box).T
    for k in range(block + 1):
        w, b = stack.weights[k][0], stack.biases[k][0]
        middle, reach = w @ ((low + high) / 2) + b, np.abs(w) @ ((high - low) / 2)
        if k < block:
            name = stack.architecture.activations[k]
            # The activation functions rise, or dip below zero by less than 0.2 (GELU).
            low, high = (apply_nonlinearity(name, z) for z in (middle - reach, middle + reach))
            low = np.minimum(low, 0.0) - 0.2 if "gelu" in name else low
    return np.asarray(middle + reach)


def search_cost(sizes: Sequence[int]) -> int:
    """Multiply-adds of looking for one neuron: its rounds through the layers of these sizes."""
    return _rounds(sizes[0]) * _TRIED * sum(a * b for a, b in itertools.pairwise(sizes))


def _rounds(inputs: int) -> int:
    return int(np.ceil(_ROUNDS * np.sqrt(inputs)))


def _measured(X: Array, weight: Array, values: Array) -> RareNeuron:
    mean = float((weight * values).mean())
    variance = float((weight * values**2).mean()) - mean**2
    return RareNeuron(X, weight, values, mean, float(np.sqrt(max(variance, 0.0))))


def _tilted(tilts: Array, box: Box, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points [count, d] whose inputs, from -1 to 1 across the box, have densities exp(tilt t), and what each counts."""
    low, high = np.array(box).T
    centre, half = (low + high) / 2, (high - low) / 2
    a = np.abs(tilts)
    uniform = rng.uniform(size=(count, len(tilts)))
    # The inverse distribution function of exp(a t) on [-1, 1]; where a is tiny t is uniform.
    safe = np.maximum(a, ROUNDING)
    curved = 1.0 + np.log(uniform + (1.0 - uniform) * np.exp(-2.0 * safe)) / safe
    t = np.clip(np.where(a > ROUNDING, curved, 2 * uniform - 1), -1.0, 1.0)
    # ln(sinh(a) / a), the logarithm of the mean of exp(a t).
    normal = np.where(a > SERIES, safe + np.log(-np.expm1(-2.0 * safe)) - np.log(2.0 * safe), a**2 / 6)
    weight = np.exp(normal.sum() - t @ a)
    return centre + half * t * np.where(tilts < 0.0, -1.0, 1.0), weight


def _along(a: Array) -> Array:
    """coth(a) - 1 / a, the mean of t under exp(a t), for a >= 0."""
    safe = np.maximum(a, SERIES)
    return np.where(a > SERIES, 1.0 / np.tanh(safe) - 1.0 / safe, a / 3.0)


def _tilts_of(means: Array) -> Array:
    """The tilts under which the means of t are these, to the precision of a table."""
    size = np.minimum(np.abs(means), 1.0 - EQUAL)
    grid = np.logspace(-4, 2, 2000)
    # From a mean of 0.99 on, 1 - 1 / a is exact.
    return np.asarray(
        np.sign(means) * np.where(size < 0.99, np.interp(size, _along(grid), grid), 1.0 / (1.0 - size))
    )


def rare_effect(stack: Stack, network: int, block: int, unit: int, rare: RareNeuron) -> float:
    """The mean square over the box, summed over outputs, of what holding the neuron at its mean changes."""
    alone = stack[network : network + 1]
    forward = alone.forward(rare.X)
    held = forward.post[block].copy()
    held[..., unit] = rare.mean
    changed = alone.after(block, held) - forward.outputs
    return float((rare.weight * (changed[0] ** 2).sum(axis=1)).mean())


def rare_fit(rare: RareNeuron, features: Sequence[BoundFeature], mean: Array, sd: Array) -> RareFit | None:
    """The feature that the neuron correlates with most; None where it correlates with none.

    Args:
        features: K features with their mean and standard deviation over the box, [K] each.
    """
    best: RareFit | None = None
    for k, feature in enumerate(features):
        values = feature.values(rare.X)
        product = float((rare.weight * rare.values * (values - mean[k])).mean())
        r = product / max(rare.sd * sd[k], TINY)
        if not r > 0.0 or (best is not None and 1.0 - r**2 >= best.unexplained):
            continue
        r = min(r, 1.0)
        scale = r * rare.sd / float(sd[k])
        best = RareFit(k, max(1.0 - r**2, FLOOR), scale, rare.mean - scale * float(mean[k]))
    return best


def _tilt(reach: Array, middle: float) -> float:
    """The lambda at which the mean of the pre-activation is zero, or 0 where it is positive without a tilt."""
    if middle >= 0.0:
        return 0.0

    def mean(tilt: float) -> float:
        return float(middle + reach @ _along(tilt * reach))

    low, high = 0.0, 1.0 / max(float(reach.max()), TINY)
    for _ in range(_STEPS):
        if mean(high) >= 0.0 or not np.isfinite(2.0 * high):
            break
        high *= 2.0
    for _ in range(_STEPS):
        tilt = (low + high) / 2
        low, high = (tilt, high) if mean(tilt) < 0.0 else (low, tilt)
        if high - low <= ROUNDING * high:
            break
    return high
