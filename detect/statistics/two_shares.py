"""Comparison of two shares: whether the first is larger, and whether they are equivalent within a margin."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .sequences import log_likelihood, log_mixture

Array = npt.NDArray[np.float64]

#: Halvings of (0, 1/2] in search of a level: p is then known to 1e-12.
_HALVINGS = 40


class Compared(NamedTuple):
    """Two p-values.

    Attributes:
        larger: one-sided, of the first share being at most the second.
        equivalent: of the two differing by the margin or more, either way.
    """

    larger: float
    equivalent: float


def clopper_pearson(
    found: Array | npt.NDArray[np.int64], n: Array | npt.NDArray[np.int64], tail: float | Array
) -> tuple[Array, Array]:
    """Ends of the exact interval (1934), each missing with probability `tail` at most; 0 and 1 where n = 0.

    Examples:
        >>> low, high = clopper_pearson(np.array([72]), np.array([72]), 0.025)
        >>> round(float(low[0]), 4), float(high[0])
        (0.9501, 1.0)
    """
    from scipy.special import betaincinv

    seen, missed = np.asarray(found, dtype=np.float64), n - np.asarray(found, dtype=np.float64)
    low = np.where(seen > 0, betaincinv(np.where(seen > 0, seen, 1), missed + 1, tail), 0.0)
    high = np.where(
        missed > 0, betaincinv(seen + 1, np.where(missed > 0, missed, 1), 1 - np.asarray(tail)), 1.0
    )
    return low, high


@lru_cache(maxsize=8192)  # the rows of many tables have the same counts
def compare_shares(
    found: int, n: int, other_found: int, other_n: int, margin: float, *, sequential: bool = False
) -> Compared:
    """p-values that the first share is larger, and that the two are equivalent.

    For counts decided in advance: Fisher's exact test, and two one-sided tests by the interval of Newcombe (Stat. Med.
    17, 1998) with Clopper-Pearson ends. With `sequential` both hold at every look: the mixture likelihood of
    `sequences.py` over the largest likelihood that the hypothesis allows (universal inference: Wasserman, Ramdas &
    Balakrishnan, PNAS 117, 2020).

    Args:
        found, n: the first counts, n at least 1; other_found, other_n: the second ones, likewise.
        margin: the smallest difference of shares that matters, above 0.

    Examples:
        >>> round(compare_shares(3, 3, 0, 3, 0.1).larger, 12)
        0.05
        >>> compare_shares(72, 72, 71, 72, 0.1).equivalent < 0.01 < compare_shares(7, 10, 7, 10, 0.1).equivalent
        True
    """
    if sequential:
        return _sequentially(found, n, other_found, other_n, margin)
    from scipy.stats import fisher_exact

    counts = [[found, n - found], [other_found, other_n - other_found]]
    larger = float(fisher_exact(counts, alternative="greater").pvalue)
    return Compared(larger, differs_by(found, n, other_found, other_n, margin).within)


class Difference(NamedTuple):
    """Two p-values.

    Attributes:
        above: one-sided, of the first share exceeding the second by the margin or less.
        within: of the two differing by the margin or more, either way.
    """

    above: float
    within: float


def differs_by(found: float, n: float, other_found: float, other_n: float, margin: float) -> Difference:
    """p-values that the first share is larger by more than a margin, and that the two are within it.

    By the interval of Newcombe (Stat. Med. 17, 1998) with Clopper-Pearson ends, inverted. Counts need not be whole: a
    weighted share counts as that of its effective number of networks (Korn & Graubard, Surv. Methodol. 24, 1998).

    Args:
        found, n: the first counts, n above 0; other_found, other_n: the second ones, likewise.
        margin: the smallest difference of shares that matters, above 0.

    Examples:
        >>> differs_by(44, 45, 9.1, 35.0, 0.1).above < 1e-8, differs_by(44, 45, 9.1, 35.0, 0.8).above > 0.05
        (True, True)
    """
    both, sizes = np.array([found, other_found], dtype=float), np.array([n, other_n], dtype=float)

    def above(tail: float) -> bool:
        return _newcombe(both, sizes, tail)[0] > margin

    def within(tail: float) -> bool:
        down, up = _newcombe(both, sizes, tail)
        return up < margin and down > -margin

    return Difference(_least_tail(above), _least_tail(within))


def _newcombe(both: Array, sizes: Array, tail: float) -> tuple[float, float]:
    """Ends of the interval of the difference of two shares, each missing with probability `tail`."""
    (first, second), (low, high) = both / sizes, clopper_pearson(both, sizes, tail)
    down = first - second - math.hypot(first - low[0], high[1] - second)
    up = first - second + math.hypot(high[0] - first, second - low[1])
    return float(down), float(up)


def _least_tail(shown: Callable[[float], bool]) -> float:
    """The least level at which something is shown: what is shown at one is shown at every larger one."""
    # Beyond 1/2 the ends cross the share.
    if not shown(0.5):
        return 1.0
    below, above = 0.0, 0.5
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        below, above = (below, middle) if shown(middle) else (middle, above)
    return above


def _sequentially(found: int, n: int, other_found: int, other_n: int, margin: float) -> Compared:
    mixture = float(log_mixture(found, n) + log_mixture(other_found, other_n))

    def p(best: float) -> float:
        return min(1.0, math.exp(best - mixture))

    difference = found / n - other_found / other_n
    larger = 1.0
    if difference > 0:
        both = (found + other_found) / (n + other_n)
        larger = p(float(log_likelihood(found + other_found, n + other_n, both)))
    if abs(difference) >= margin:
        return Compared(larger, 1.0)
    # The largest likelihood of shares that are too far apart is at the margin itself, on either side.
    at_margin = (
        _likeliest(found, n, other_found, other_n, margin),
        _likeliest(other_found, other_n, found, n, margin),
    )
    return Compared(larger, max(p(best) for best in at_margin))


def _likeliest(found: int, n: int, other_found: int, other_n: int, margin: float) -> float:
    """The largest log-likelihood of a first share that is the second plus the margin; concave in the second."""
    from scipy.optimize import minimize_scalar

    def loss(share: float) -> float:
        first = log_likelihood(found, n, min(share + margin, 1.0))
        return -float(first + log_likelihood(other_found, other_n, share))

    best = minimize_scalar(loss, bounds=(0.0, 1.0 - margin), method="bounded").fun
    # The bounded search stays off the ends, where all or none have it.
    return -min(float(best), loss(0.0), loss(1.0 - margin))
