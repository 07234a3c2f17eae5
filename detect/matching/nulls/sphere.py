"""Directions for a null that redraws a neuron's direction: dense around given ones, each weighted back to a law.

What has to be known is how often a direction falls close to a feature's, and a few thousand plain draws hold none that
is as close as training comes. So most draws lie around the given directions at angles spread evenly in their logarithm,
the others anywhere, and each counts with the ratio of the law's density to the density it was drawn with (importance
sampling with a defensive mixture; Owen & Zhou 2000, J. Am. Stat. Assoc. 95, 135). In the plane the angles are a grid,
each counting with the arc that is nearest to it, and nothing is random; with one variable there are two directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from ...errors import UnknownNameError
from ...networks.initialisation import LAWS
from ...statistics.criteria import TINY

Array = npt.NDArray[np.float64]
#: Angles around a centre: from about the first on evenly in their logarithm, up to the second (radians). Training
#: comes within 0.05 degrees, 1e-3; beyond half a radian no ridge passes the gate.
_NEAREST, _FARTHEST = 1e-4, 0.5
#: In the plane, angles on each side of a centre, and angles around the circle.
_ARM, _CIRCLE = 48, 256
#: In space, draws around the centres and anywhere.
_NEAR, _ANYWHERE = 1536, 512
#: Draws whose angles to the centres are held at once.
_BATCH = 512


@dataclass(frozen=True, eq=False)
class Directions:
    """Unit vectors with the density that they were drawn with.

    Attributes:
        vectors: [N, d].
        log_density: of the draws, over the area of the sphere [N].
    """

    vectors: Array
    log_density: Array

    def weights(self, law: str, offset: Array) -> Array:
        """What each draw counts under an init law, [2, N], each row summing to 1.

        Args:
            law: `"uniform"`: first the direction of weights from a cube, then its law given the offset where the bias
                comes from the same interval, PyTorch's default; `"normal"`: the isotropic direction, then its law given
                the offset where the bias has the weights' variance.
            offset: b / |w| that the draw would have [N].

        Raises:
            UnknownNameError: for another law.

        Examples:
            >>> drawn = directions_around(np.concatenate([np.eye(2), -np.eye(2)]))
            >>> axis, isotropic = (drawn.weights(law, np.zeros(1))[0] for law in ("uniform", "normal"))
            >>> near = np.abs(drawn.vectors).max(axis=1) > np.cos(np.radians(1))

            Within a degree of an axis lie 8 of 360, and pi / 4 times as many of a square's directions.

            >>> round(float(isotropic[near].sum()) * 360, 1), round(float(axis[near].sum()) * 360, 1)
            (8.0, 6.3)
        """
        if law not in LAWS:
            raise UnknownNameError("init law", law, LAWS, f"known: {', '.join(LAWS)}")
        d = self.vectors.shape[1]
        if law == "uniform":
            # The density of the direction t of a uniform point of a cube is proportional to 1 / |t|_inf^n.
            largest = np.abs(self.vectors).max(axis=1)
            alone = -d * np.log(largest)
            given = -(d + 1) * np.log(np.maximum(largest, np.abs(offset)))
        else:
            alone = np.zeros(len(self.vectors))
            given = -(d + 1) / 2 * np.log1p(np.broadcast_to(offset, alone.shape) ** 2)
        ratio = np.stack([alone, given]) - self.log_density
        ratio = np.exp(ratio - ratio.max(axis=1, keepdims=True))
        return np.asarray(ratio / ratio.sum(axis=1, keepdims=True))


def directions_around(centres: Array) -> Directions:
    """Directions of d variables, most of them around given ones.

    Args:
        centres: unit vectors [K, d]; none leaves the draws that lie anywhere.

    Examples:
        >>> directions_around(np.ones((1, 1))).vectors.tolist()
        [[1.0], [-1.0]]
        >>> directions_around(np.eye(3)).vectors.shape
        (2048, 3)
    """
    d = centres.shape[1]
    if d == 1:
        return Directions(np.array([[1.0], [-1.0]]), np.full(2, -np.log(2.0)))
    if d == 2:
        return _in_the_plane(centres)
    near, anywhere = _in_space(centres)
    vectors = np.concatenate([near, anywhere])
    return Directions(vectors, _log_density(vectors, centres, len(near) / len(vectors)))


def _in_the_plane(centres: Array) -> Directions:
    arms = 2 * len(centres)
    # Each arm's angles are shifted by its share of a step, so that together they resolve more than one alone.
    shift = (np.arange(arms) + 0.5) / max(arms, 1)
    radii = _radii((np.arange(_ARM) + shift[:, None]) / _ARM)
    signs = np.where(np.arange(arms) < len(centres), 1.0, -1.0)[:, None]
    middle = np.tile(np.arctan2(centres[:, 1], centres[:, 0]), 2)[:, None]
    around = (np.arange(_CIRCLE) + 0.5) / _CIRCLE * 2 * np.pi
    angles = np.unique(np.concatenate([(middle + signs * radii).ravel(), around]) % (2 * np.pi))
    ahead = np.diff(angles, append=angles[0] + 2 * np.pi)
    arc = (ahead + np.roll(ahead, 1)) / 2
    return Directions(np.column_stack([np.cos(angles), np.sin(angles)]), -np.log(len(angles) * arc))


def _in_space(centres: Array) -> tuple[Array, Array]:
    count, d = centres.shape
    rng = np.random.default_rng([count, d])
    anywhere = rng.normal(size=(_ANYWHERE, d))
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    if not count:
        return np.empty((0, d)), anywhere
    middle = centres[rng.permutation(np.arange(_NEAR) % count)]
    way = rng.normal(size=(_NEAR, d))
    way -= (way * middle).sum(axis=1, keepdims=True) * middle
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    radii = _radii((np.arange(_NEAR) + rng.uniform(size=_NEAR)) / _NEAR)[:, None]
    return np.cos(radii) * middle + np.sin(radii) * way, anywhere


def _radii(shares: Array) -> Array:
    return np.asarray(_NEAREST * np.expm1(shares * np.log1p(_FARTHEST / _NEAREST)))


def _log_density(vectors: Array, centres: Array, near: float) -> Array:
    """ln of the mixture's density: a share `near` of the draws lies around the centres, in equal parts."""
    d = vectors.shape[1]
    density = np.full(len(vectors), (1.0 - near) * np.exp(-_log_area(d)))
    for start in range(0, len(vectors), _BATCH):
        rows = slice(start, start + _BATCH)
        # From the difference, so that a tiny angle keeps its digits.
        chord = np.linalg.norm(vectors[rows, None, :] - centres, axis=2)
        angle = np.maximum(2 * np.arcsin(np.minimum(chord / 2, 1.0)), TINY)
        radial = 1.0 / (np.log1p(_FARTHEST / _NEAREST) * (angle + _NEAREST))
        around = radial * np.exp(-_log_area(d - 1) - (d - 2) * np.log(np.maximum(np.sin(angle), TINY)))
        density[rows] += near * np.where(angle <= _FARTHEST, around, 0.0).sum(axis=1) / max(len(centres), 1)
    return np.asarray(np.log(density))


def _log_area(d: int) -> float:
    """ln of the area of the unit sphere of d dimensions."""
    return float(np.log(2.0) + d / 2 * np.log(np.pi) - gammaln(d / 2))
