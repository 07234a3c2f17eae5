"""Second moments of ReLU neurons under uniform inputs of the box: what the mean squared error is made of.

With E the mean over the box, the error of sum_i v_i relu(w_i . x) against a sum of the same kind is a quadratic form
in the read-outs, whose matrix holds the moments E[relu(u . x) relu(w . x)]. A bias is the weight of a last input that
is always 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ...networks.box import Box, sobol_points
from ...statistics.criteria import TINY

Array = npt.NDArray[np.float64]
#: From neurons [..., p, D] and [..., q, D] to their moments [..., p, q].
Moments = Callable[[Array, Array], Array]

#: 2^9 Sobol points. An error of 1e-8 on them is one of 1e-8 on the box up to a few per cent: kinks that nearly cancel
#: lie between points only where they are 1e-4 apart, and what they add there to the square is of third order.
_LOG2_POINTS = 9
#: Half a turn's integral of R^4 cos^2 and R^4 sin^2 over the square [-1, 1]^2 in polar coordinates, whose boundary is
#: at R = 1 / max(|cos|, |sin|).
_HALF_TURN = 8 / 3


def moments_on(box: Box, bias: bool, inputs: str = "uniform") -> Moments:
    """The second moments of neurons.

    On the box they are in closed form for two inputs on a square about 0 without biases, and on 512 Sobol points
    otherwise. For standard normal inputs, without biases, they are the arc-cosine kernel (Cho & Saul, NIPS 2009).

    Args:
        box: of uniform inputs.
        bias: whether neurons have a bias, as their last weight.
        inputs: `"uniform"` or `"normal"`.

    Examples:
        >>> neurons = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
        >>> moments_on(((-1.0, 1.0), (-1.0, 1.0)), False)(neurons, neurons).round(4).tolist()
        [[0.1667, 0.0, 0.0625], [0.0, 0.1667, 0.0625], [0.0625, 0.0625, 0.1667]]
    """
    if inputs == "normal":
        return _normal_moments
    (low, high), others = box[0], box[1:]
    if len(box) == 2 and not bias and low == -high and others == ((low, high),):
        return lambda U, W: high**2 * _square_moments(U, W)
    X = sobol_points(box, _LOG2_POINTS)
    if bias:
        X = np.column_stack([X, np.ones(len(X))])
    return lambda U, W: _point_moments(X, U, W)


def _point_moments(X: Array, U: Array, W: Array) -> Array:
    left = np.maximum(U @ X.T, 0.0)
    right = left if W is U else np.maximum(W @ X.T, 0.0)
    return np.asarray(left @ np.swapaxes(right, -1, -2) / len(X))


def _normal_moments(U: Array, W: Array) -> Array:
    lengths = np.linalg.norm(U, axis=-1)[..., :, None] * np.linalg.norm(W, axis=-1)[..., None, :]
    cosine = np.clip(U @ np.swapaxes(W, -1, -2) / np.maximum(lengths, TINY), -1.0, 1.0)
    angle = np.arccos(cosine)
    return np.asarray(lengths * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi))


def _square_moments(U: Array, W: Array) -> Array:
    """E over [-1, 1]^2, whose density is 1/4: 1/16 of the integral of R^4 (u . e)(w . e) over the joint half-turns."""
    a, b = np.arctan2(U[..., 1], U[..., 0]), np.arctan2(W[..., 1], W[..., 0])
    apart = a[..., :, None] - b[..., None, :]
    turns = np.round(apart / (2 * np.pi))
    order = np.where(apart >= 2 * np.pi * turns, 1.0, -1.0)
    # Both are on between the later one's first angle and the earlier one's last, which is half a turn after its first.
    left = _quarter_moments(a - np.pi / 2)
    right = _quarter_moments(b - np.pi / 2)
    xx, xy, yy = (
        half - order * (f[..., :, None] - g[..., None, :] - 2 * half * turns)
        for f, g, half in zip(left, right, (_HALF_TURN, 0.0, _HALF_TURN), strict=True)
    )
    ux, uy, wx, wy = U[..., 0, None], U[..., 1, None], W[..., None, :, 0], W[..., None, :, 1]
    return np.asarray((ux * wx * xx + (ux * wy + uy * wx) * xy + uy * wy * yy) / 16)


def _quarter_moments(angle: Array) -> tuple[Array, Array, Array]:
    """The integrals of R^4 (cos^2, cos sin, sin^2) from -pi/4 to the angle, any number of turns on.

    In the quarter where cos is the larger one R^4 cos^2 dt = d tan t; in the next one the roles are exchanged.
    """
    quarter = np.floor((angle + np.pi / 4) / (np.pi / 2))
    t = np.tan(angle - quarter * np.pi / 2)
    even = quarter % 2 == 0
    before, between = np.ceil(quarter / 2), np.floor(quarter / 2)
    long, mixed, short = t + 1, (t * t - 1) / 2, (t**3 + 1) / 3
    return (
        2 * before + 2 / 3 * between + np.where(even, long, short),
        np.where(even, mixed, -mixed),
        2 / 3 * before + 2 * between + np.where(even, short, long),
    )
