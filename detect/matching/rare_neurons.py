"""Neurons that act in a corner of the box only: their moments, effects and nearest feature, where they act.

None of 512 points falls into a corner of a millionth of the box, and a neuron that is silent on all of them looks
constant, however much it adds there. Points are drawn where it acts instead: each input from its exponentially tilted
law, with density proportional to exp(lambda w_j x_j), at the lambda that puts about half of the points on the active
side, and weighted by the inverse of that density. Averages over the box stay unbiased (importance sampling; Siegmund
1976, The Annals of Statistics 4, 673), at any number of inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..networks.box import Box
from ..networks.nonlinearities import apply_nonlinearity
from ..networks.stacks import Stack
from ..statistics.criteria import FLOOR, ROUNDING, TINY

Array = npt.NDArray[np.float64]
#: Points that are drawn for a neuron.
_POINTS = 4096
#: Halvings of the interval of the tilt: enough for any float64.
_STEPS = 200


@dataclass(frozen=True, eq=False)
class RareNeuron:
    """A first-layer neuron on points of the box where it acts.

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
    reach = weights * half
    tilt = _tilt(np.abs(reach), float(weights @ centre + bias))
    rng = np.random.default_rng(len(weights))
    a = tilt * np.abs(reach)
    uniform = rng.uniform(size=(_POINTS, len(weights)))
    # The inverse distribution function of exp(a t) on [-1, 1]; where a is tiny t is uniform.
    safe = np.maximum(a, ROUNDING)
    t = np.where(
        a > ROUNDING, 1.0 + np.log(uniform + (1.0 - uniform) * np.exp(-2.0 * safe)) / safe, 2 * uniform - 1
    )
    t = np.clip(t, -1.0, 1.0)
    # ln(sinh(a) / a), the logarithm of the mean of exp(a t).
    normal = np.where(a > 1e-4, safe + np.log(-np.expm1(-2.0 * safe)) - np.log(2.0 * safe), a**2 / 6)
    weight = np.exp(normal.sum() - t @ a)
    X = centre + half * t * np.where(reach < 0.0, -1.0, 1.0)
    values = np.asarray(apply_nonlinearity(activation, X @ weights + bias), dtype=np.float64)
    mean = float((weight * values).mean())
    variance = float((weight * values**2).mean()) - mean**2
    return RareNeuron(X, weight, values, mean, float(np.sqrt(max(variance, 0.0))))


def rare_effect(stack: Stack, network: int, unit: int, rare: RareNeuron) -> float:
    """The mean square over the box, summed over outputs, of what holding the neuron at its mean changes."""
    alone = stack[network : network + 1]
    forward = alone.forward(rare.X)
    held = forward.post[0].copy()
    held[..., unit] = rare.mean
    changed = alone.after(0, held) - forward.outputs
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
        a = tilt * reach
        safe = np.maximum(a, 1e-6)
        # coth(a) - 1 / a, the mean of t under exp(a t).
        along = np.where(a > 1e-4, 1.0 / np.tanh(safe) - 1.0 / safe, a / 3.0)
        return float(middle + reach @ along)

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
