"""A bound on the difference between a network in float32 or float64 and the same network in real arithmetic.

A certificate is for real arithmetic on the stored weights. Rounding adds to it: a dot product of n terms and a bias,
summed in any order, with fused multiplications or without, errs by at most gamma_(n+1) = (n + 1) u / (1 - (n + 1) u)
times the sum of its absolute terms (Higham, Accuracy and Stability of Numerical Algorithms, 2002, sections 3.1, 3.3).
The bound follows that error through the layers over the whole box.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import clip_range, leaky_slope, unit_slopes
from ..statistics.criteria import EQUAL
from .piecewise import composes

Array = npt.NDArray[np.float64]


class FloatError(NamedTuple):
    """Bounds on |network as computed - network in real arithmetic|, over a box and the outputs, in the output's units.

    Attributes:
        float32, float64: for weights and inputs rounded to that format and IEEE arithmetic in it, sums in any order;
            infinity where it may overflow. They do not hold for TF32, bfloat16 or float16 products.

    Examples:
        >>> FloatError(1e-6, 1e-15).float32
        1e-06
    """

    float32: float
    float64: float


def float_error(network: Network, box: Box) -> FloatError | None:
    """Proved bounds on the rounding of a forward pass anywhere on a box.

    Args:
        network: its stored weights are float64; in float32 they are rounded first, as are the inputs.
        box: (low, high) per input.

    Returns:
        None where an activation is smooth: nothing is proved of a library's tanh or exp.

    Examples:
        >>> net = Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[4096.0, 4096.5], None])
        >>> error = float_error(net, ((-1.0, 1.0),))
        >>> 1e-4 < error.float32 < 1e-2, 1e-13 < error.float64 < 1e-11
        (True, True)
    """
    if not composes(network):
        return None
    with np.errstate(all="ignore"):  # what overflows is bounded by infinity
        return FloatError(*(_bound(network, box, np.finfo(kind)) for kind in (np.float32, np.float64)))


def _bound(network: Network, box: Box, kind: np.finfo) -> float:
    u, tiny = float(kind.epsneg), float(kind.smallest_normal)
    low, high = np.array(box).T
    size = np.maximum(np.abs(low), np.abs(high))  # of the real network's values
    error = u * size + tiny
    for w, b, name in zip(
        network.weights, network.bias_vectors, (*network.activations, "identity"), strict=True
    ):
        W, terms = np.abs(w), w.shape[1] + 1
        gamma = terms * u / (1 - terms * u)
        # Real arithmetic: the range of the pre-activations, outward by its own rounding here.
        total = W @ size + np.abs(b)
        up, down = np.maximum(w, 0), np.minimum(w, 0)
        slack = EQUAL * total
        low, high = up @ low + down @ high + b - slack, up @ high + down @ low + b + slack
        # Rounded weights and inputs, then products and sums; numbers below the smallest may be lost, or flushed to 0.
        lost = 2 * terms * tiny * (1 + (size + error).sum())
        met = (1 + u) * (W @ (size + error) + np.abs(b)) + lost
        if terms * u >= 0.5 or not (met * (1 + gamma) < float(kind.max)).all():
            return float("inf")
        error = W @ error + u * (W @ (size + error) + np.abs(b)) + gamma * met + lost
        low, high, error = _activated(name, low, high, error, met, u, tiny)
        size = np.maximum(np.abs(low), np.abs(high))
    # The sums of positive numbers above were rounded too, by far less than this share.
    found = float(error.max()) * (1 + EQUAL)
    return found if np.isfinite(found) else float("inf")


def _activated(
    name: str, low: Array, high: Array, error: Array, met: Array, u: float, tiny: float
) -> tuple[Array, Array, Array]:
    """The range of a layer behind its activation, and the error there; met [h] bounds the computed values."""
    bounds, slopes = clip_range(name), unit_slopes(name)
    if bounds is not None:
        rounded = u * max(map(abs, bounds)) + tiny  # the bounds are rounded to the format
        return np.clip(low, *bounds), np.clip(high, *bounds), np.asarray(error + rounded)
    if name == "identity":
        return low, high, error
    slope = np.asarray(slopes if slopes is not None else leaky_slope(name) or 0.0, dtype=float)
    ends = np.where(low > 0, low, slope * low), np.where(high > 0, high, slope * high)
    # A negative slope turns at 0.
    turn = np.where((low < 0) & (high > 0), 0.0, ends[0])
    steep = np.abs(slope)
    more = np.where(steep > 0, 3 * u * steep * (met + error) + 2 * tiny * (1 + met), 0.0)
    least, most = np.minimum(np.minimum(*ends), turn), np.maximum(*ends)
    return least, most, np.asarray(np.maximum(1.0, steep) * error + more)
