"""Confidence sequences for a share: intervals that hold at every number of networks at once, so that one may look and
add networks until a verdict.

The mixture of Robbins (Ann. Math. Stat. 41, 1970; Howard, Ramdas, McAuliffe & Sekhon, Ann. Stat. 49, 2021): under a
true share p the ratio of the counts' likelihood averaged over Beta(1/2, 1/2) to that at p is a martingale of mean 1,
so that it ever exceeds 1/a with probability at most a.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Counts = Array | npt.NDArray[np.int64] | int

#: Halvings of the unit interval: more leave float64 as it is.
_HALVINGS = 60


def log_mixture(found: Counts, n: Counts) -> Array:
    """Logarithm of the counts' likelihood averaged over Beta(1/2, 1/2), in the order in which they came.

    Examples:
        >>> round(float(np.exp(log_mixture(1, 1))), 3), round(float(np.exp(log_mixture(2, 2))), 3)
        (0.5, 0.375)
    """
    from scipy.special import betaln

    seen = np.asarray(found, dtype=np.float64)
    return np.asarray(betaln(seen + 0.5, np.asarray(n) - seen + 0.5) - betaln(0.5, 0.5))


def log_likelihood(found: Counts, n: Counts, share: Array | float) -> Array:
    """Logarithm of the counts' likelihood at a share, in the order in which they came; 0 log 0 is 0.

    Examples:
        >>> float(log_likelihood(2, 2, 1.0)), round(float(np.exp(log_likelihood(1, 2, 0.5))), 3)
        (0.0, 0.25)
    """
    from scipy.special import xlog1py, xlogy

    seen = np.asarray(found, dtype=np.float64)
    return np.asarray(xlogy(seen, share) + xlog1py(np.asarray(n) - seen, -np.asarray(share)))


def sequential_p(found: Counts, n: Counts, share: float) -> Array:
    """The two-sided p of a share that stays valid at every look: ever below a with probability at most a.

    Examples:
        >>> float(sequential_p(5, 10, 0.5)), bool(sequential_p(115, 115, 0.95) > 0.05 > sequential_p(116, 116, 0.95))
        (1.0, True)
    """
    return np.minimum(1.0, np.exp(log_likelihood(found, n, share) - log_mixture(found, n)))


def sequence_interval(found: Counts, n: Counts, confidence: float) -> tuple[Array, Array]:
    """Ends of the confidence sequence, for arrays of counts; 0 and 1 where nothing was counted.

    The shares whose `sequential_p` exceeds 1 - confidence: an interval about found / n, since the likelihood has one
    maximum.

    Examples:
        >>> [round(float(end), 3) for end in sequence_interval(72, 72, 0.95)]
        [0.924, 1.0]
    """
    seen, total = np.broadcast_arrays(np.asarray(found, dtype=np.float64), np.asarray(n, dtype=np.float64))
    centre = np.divide(seen, total, out=np.full(total.shape, 0.5), where=total > 0)
    bar = np.log(1 - confidence) + log_mixture(seen, total)
    ends = []
    for far in (0.0, 1.0):
        outside, inside = np.full(total.shape, far), centre.copy()
        for _ in range(_HALVINGS):
            middle = (outside + inside) / 2
            held = log_likelihood(seen, total, middle) > bar
            inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
        # The end itself where even it is not excluded, as 1 is not where all have it.
        ends.append(np.where(log_likelihood(seen, total, far) > bar, far, outside))
    return ends[0], ends[1]
