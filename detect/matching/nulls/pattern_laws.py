"""How probable it is that untrained weights point at a sparse pattern: the direction law, in closed form.

A neuron's incoming weights are a direction in R^n. Untrained, it is isotropic (`"normal"`) or the direction of a
uniform point of a cube (`"uniform"`, PyTorch's default). Two questions have closed forms at every n:

- *Which variables?* (`few_variables_p`) The share u of the squared weights that lies outside the k largest is at most
  u with probability at most C(n, k) P(one set of k). Isotropic, the share outside one set is Beta((n - k)/2, k/2). In
  the cube it is bounded by the volume of the ball that the n - k others have to be in, V_m r^m / 2^m with m = n - k.
- *Which pattern?* (`pattern_p`) N directions with k entries of one size each have a cap of angle theta around them,
  (1/2) I(sin^2 theta; (n-1)/2, 1/2) of the sphere. In the cube the density of the direction t is
  1 / (2^n n |t|_inf^n), and |t|_inf >= cos(theta) / sqrt(k) within the cap.

Both are upper bounds (exact for an isotropic law, up to the union over sets), so p is never too small.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln, logsumexp

from ...errors import UnknownNameError
from ...networks.initialisation import LAWS
from ...statistics.criteria import FLOOR, TINY

Array = npt.NDArray[np.float64]
#: Nodes of the Gauss-Legendre rule in each direction; the integrand is smooth, and 48 fix its logarithm to 1e-6 up to
#: ten thousand variables.
_NODES = 48


def few_variables_p(outside: npt.ArrayLike, variables: npt.ArrayLike, k: int, law: str) -> Array:
    """P(at most this share of the squared weights lies outside some set of k variables), untrained.

    Args:
        outside: shares u in [0, 1], any shape; below 1e-15 they count as 1e-15, which rounding leaves.
        variables: the number n of variables, of the same shape or one for all.
        k: how many variables the set has.
        law: init law, `"uniform"` or `"normal"`.

    Returns:
        p in (0, 1], 1 where n <= k.

    Raises:
        UnknownNameError: for another law.

    Examples:
        With three variables, 3 sqrt(u) for the isotropic law and two of them.

        >>> few_variables_p([1e-4, 1e-8], 3, 2, "normal").round(6).tolist()
        [0.03, 0.0003]
    """
    _check(law)
    u, n = np.broadcast_arrays(np.clip(outside, FLOOR, 1.0), np.asarray(variables, dtype=np.float64))
    free = np.maximum(n - k, 0.5)
    if law == "normal":
        with np.errstate(divide="ignore"):
            one = np.log(betainc(free / 2, k / 2, u))
    else:
        ratio = np.log(u) - np.log1p(-np.minimum(u, 1.0 - FLOOR))
        one = _log_ball(free) + free / 2 * ratio - free * np.log(2.0) + _log_moment(free, k)
    sets = gammaln(n + 1) - gammaln(k + 1) - gammaln(free + 1)
    return _probability(np.where(n > k, sets + np.minimum(one, 0.0), 0.0))


def pattern_p(
    sine_squared: npt.ArrayLike, variables: npt.ArrayLike, k: int, patterns: npt.ArrayLike, law: str
) -> Array:
    """P(untrained weights lie within this angle of some of the patterns).

    Args:
        sine_squared: sin^2 of the angle, in [0, 1], any shape; below 1e-15 it counts as 1e-15. The angle is acute.
        variables: the number n of variables.
        k: how many entries of one size each pattern has; the others are zero.
        patterns: how many patterns there are, over all choices of variables and signs.
        law: init law, `"uniform"` or `"normal"`.

    Returns:
        p in (0, 1], 1 where n = 1.

    Examples:
        In the plane, the eight ridges relu(+-x1), ..., relu(-x1 - x2) within one degree: 8 of 2 / 360.

        >>> round(float(pattern_p(np.sin(np.deg2rad(1)) ** 2, 2, 1, 8, "normal")), 4)
        0.0444
    """
    _check(law)
    u, n, count = np.broadcast_arrays(
        np.clip(sine_squared, FLOOR, 1.0), np.asarray(variables, dtype=np.float64), patterns
    )
    several = np.maximum(n, 2.0)
    with np.errstate(divide="ignore"):
        cap = np.log(betainc((several - 1) / 2, 0.5, u)) - np.log(2.0)
        if law == "uniform":
            sphere = np.log(2.0) + several / 2 * np.log(np.pi) - gammaln(several / 2)
            cosine = 0.5 * np.log(1.0 - np.minimum(u, 1.0 - FLOOR))
            cap = cap + sphere + several * (0.5 * np.log(k) - np.log(2.0) - cosine) - np.log(several)
        total = np.log(np.asarray(count, dtype=np.float64)) + np.minimum(cap, 0.0)
    return _probability(np.where(n > 1, total, 0.0))


def _check(law: str) -> None:
    if law not in LAWS:
        raise UnknownNameError("init law", law, LAWS, f"known: {', '.join(LAWS)}")


def _log_ball(dimension: Array) -> Array:
    """The logarithm of the volume of the unit ball."""
    return np.asarray(dimension / 2 * np.log(np.pi) - gammaln(dimension / 2 + 1))


def _log_moment(m: Array, k: int) -> Array:
    """ln E|w|^m for w uniform in the cube [-1, 1]^k.

    It is k / (m + k) times the mean of (1 + |y|^2)^(m/2) over y in [0, 1]^(k-1): the cube is k pairs of pyramids over
    its faces, and along a ray from the centre the integral is elementary.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    squares, logs = np.zeros(1), np.zeros(1)
    for _ in range(k - 1):
        squares = np.add.outer(squares, ((nodes + 1) / 2) ** 2).ravel()
        logs = np.add.outer(logs, np.log(weights / 2)).ravel()
    # Thousands of neurons share a few numbers of variables.
    distinct, back = np.unique(m, return_inverse=True)
    face = logsumexp(logs + distinct[:, None] / 2 * np.log1p(squares), axis=1)
    return np.asarray((np.log(k) - np.log(distinct + k) + face)[back].reshape(m.shape))


def _probability(log_p: Array) -> Array:
    return np.asarray(np.clip(np.exp(np.minimum(log_p, 0.0)), TINY, 1.0))
