"""Many tests at once: false discovery rates, and counts under unequal chances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Array = npt.NDArray[np.float64]


def benjamini_hochberg(p: npt.ArrayLike, *, draws: npt.ArrayLike | None = None) -> Array:
    """Step-up q-values: the smallest false discovery rate at which each hypothesis is rejected.

    `q_(i) = min over j >= i of m p_(j) / j`, with m the number of hypotheses that were tested
    (Benjamini & Hochberg, J. R. Stat. Soc. B 57, 1995). The rate is controlled under independence and
    under positive dependence (Benjamini & Yekutieli 2001).

    Args:
        p: p-values [m] in [0, 1]; NaN means "not tested": it stays NaN and does not count in m.
        draws: null draws behind the p-values, where a model of the tail extrapolates beyond them: a smaller p than
            1 / (draws + 1) enters as that, since no draw vouches for less. One number, or one for each p [m], infinite
            for an exact one. None takes the p-values as they are.

    Returns:
        q-values [m], in the order of `p`, never below `p` and never above 1.

    Raises:
        InputError: where `p` is not one-dimensional or leaves [0, 1], or there are no draws.

    Examples:
        >>> benjamini_hochberg([0.01, 0.04, float("nan"), 0.02]).tolist()
        [0.03, 0.04, nan, 0.03]
        >>> benjamini_hochberg([1e-9, 0.5], draws=99).tolist()
        [0.02, 0.5]
    """
    values = _probabilities(p, "p-values", nan_allowed=True)
    behind = (
        None if draws is None else np.broadcast_to(np.asarray(draws, dtype=np.float64), values.shape)[None]
    )
    return np.asarray(row_q_values(values[None], behind)[0])


def row_q_values(values: Array, behind: Array | None = None) -> Array:
    """`benjamini_hochberg` of every row of p-values [n, m] in [0, 1] or NaN, each on its own.

    Args:
        values: the p-values; behind: the null draws behind each of them [n, m], or None.

    Raises:
        InputError: where there are no draws.

    Examples:
        >>> row_q_values(np.array([[0.01, 0.04], [float("nan"), 0.02]])).tolist()
        [[0.02, 0.04], [nan, 0.02]]
    """
    if behind is not None:
        if (behind < 1).any():
            raise InputError(
                f"draws {behind.min():g}: give the number of null draws, 1 or more, or None for exact p-values"
            )
        values = np.maximum(values, 1.0 / (behind + 1.0))
    missing = np.isnan(values)
    # What is not tested comes last.
    order = np.argsort(values, axis=1, kind="stable")
    tested = (~missing).sum(axis=1, keepdims=True)
    # The factor first: at least 1 even when rounded, so that q is never below p.
    steps = np.take_along_axis(values, order, 1) * (tested / np.arange(1, values.shape[1] + 1))
    steps = np.where(np.isnan(steps), np.inf, steps)
    ordered = np.minimum(np.minimum.accumulate(steps[:, ::-1], axis=1)[:, ::-1], 1.0)
    q = np.empty(values.shape)
    np.put_along_axis(q, order, ordered, 1)
    q[missing] = np.nan
    return q


def benjamini_yekutieli(p: npt.ArrayLike) -> Array:
    """q-values that hold under any dependence of the tests, larger than `benjamini_hochberg`'s by 1 + 1/2 + ... + 1/m.

    Benjamini & Yekutieli, Ann. Stat. 29, 2001, as `scipy.stats.false_discovery_control` has it.

    Args:
        p: p-values [m] in [0, 1]; NaN means "not tested": it stays NaN and does not count in m.

    Returns:
        q-values [m], in the order of `p`.

    Raises:
        InputError: where `p` is not one-dimensional or leaves [0, 1].

    Examples:
        >>> benjamini_yekutieli([0.01, float("nan"), 0.02]).round(6).tolist()
        [0.03, nan, 0.03]
    """
    from scipy.stats import false_discovery_control

    values = _probabilities(p, "p-values", nan_allowed=True)
    q = np.full(values.shape, np.nan)
    tested = ~np.isnan(values)
    if tested.any():
        q[tested] = false_discovery_control(values[tested], method="by")
    return q


class Selection(NamedTuple):
    """Which of many claims are made, and at what confidence their intervals are shown.

    Attributes:
        q: Benjamini-Hochberg [m], NaN where nothing was tested.
        claimed, tested: how many.
        confidence: of the intervals.
        words: what was controlled.
    """

    q: Array
    claimed: int
    tested: int
    confidence: float
    words: str


def select(p: npt.ArrayLike, alpha: float) -> Selection:
    """Claims at a false discovery rate, with the confidence that keeps the false coverage rate of their intervals.

    With R of m claimed, intervals at confidence `1 - alpha R / m` miss in at most `alpha` of the claimed rows on
    average (Benjamini & Yekutieli, J. Am. Stat. Assoc. 100, 2005).

    Args:
        p: p-values [m]; NaN means "not tested".
        alpha: false discovery rate, between 0 and 1.

    Raises:
        InputError: for an alpha outside (0, 1), and as `benjamini_hochberg`.

    Examples:
        >>> select([0.001, 0.5], 0.05).words
        '1 of 2 rows claimed at false discovery rate 0.05 (Benjamini-Hochberg); intervals at confidence 0.975 (FCR)'
    """
    if not 0 < alpha < 1:
        raise InputError(f"alpha {alpha}: give a false discovery rate between 0 and 1, such as 0.05")
    q = benjamini_hochberg(p)
    tested, claimed = int((~np.isnan(q)).sum()), int((q <= alpha).sum())
    confidence = 1 - alpha * max(claimed, 1) / max(tested, 1)
    words = (
        f"{claimed} of {tested} rows claimed at false discovery rate {alpha:g} (Benjamini-Hochberg); "
        f"intervals at confidence {confidence:.4g} (FCR)"
    )
    return Selection(q, claimed, tested, confidence, words)


def poisson_binomial_tail(x: int, probabilities: npt.ArrayLike) -> float:
    """P(X >= x) for X a sum of independent coin tosses with unequal chances.

    The law of X is built by convolution, one toss at a time. All terms are positive, so nothing cancels
    and the tail keeps its relative accuracy down to the smallest float (about 1e-300); n tosses cost
    n^2 multiplications.

    Args:
        x: the count that was seen.
        probabilities: the chance of each toss [n], in [0, 1].

    Raises:
        InputError: where a probability is NaN or outside [0, 1], or x is not a whole number.

    Examples:
        >>> poisson_binomial_tail(2, [0.5, 0.5])
        0.25
        >>> f"{poisson_binomial_tail(100, [1e-3] * 100):.2e}"
        '1.00e-300'
    """
    chances = _probabilities(probabilities, "probabilities", nan_allowed=False)
    if int(x) != x:
        raise InputError(f"a count of {x}: expected a whole number")
    seen = int(x)
    if seen <= 0:
        return 1.0
    if seen > len(chances):
        return 0.0
    law = np.zeros(len(chances) + 1)
    law[0] = 1.0
    # Sorted, so that the answer does not depend on the order of the tosses, not even by rounding.
    for k, chance in enumerate(np.sort(chances), start=1):
        law[1 : k + 1] = law[1 : k + 1] * (1.0 - chance) + law[:k] * chance
        law[0] *= 1.0 - chance
    return float(min(1.0, np.sort(law[seen:]).sum()))


def _probabilities(values: npt.ArrayLike | Sequence[float], what: str, *, nan_allowed: bool) -> Array:
    """A float vector inside [0, 1]."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} that are not numbers: give a vector of values in [0, 1]") from None
    if array.ndim != 1:
        raise InputError(f"{what} of shape {array.shape}: give one vector (ravel() a table first)")
    if np.isnan(array).any() and not nan_allowed:
        raise InputError(f"{what} hold NaN: leave those entries out")
    outside = array[(array < 0) | (array > 1)]
    if len(outside):
        raise InputError(f"{what} outside [0, 1], first {outside[0]:g}: check where they come from")
    return array
