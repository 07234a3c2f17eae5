"""Shares of a fibre, with intervals adjusted for the dependence of its particles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...statistics.criteria import ROUNDING
from ..criteria import CHAINS_DISAGREE

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FibreShare:
    """The share of a fibre that has something, or the mean of a quantity between 0 and 1.

    Attributes:
        value: the share.
        low, high: its interval, at `confidence`.
        effective: how many independent networks say as much.
        chains: each chain's own share.
        p: chance of chains as far apart as these; 1 for a single chain.

    Examples:
        >>> share = FibreShare(0.25, 0.2, 0.31, 200.0, (0.24, 0.26), 0.6, 0.95)
        >>> float(share), share.agree, share
        (0.25, True, FibreShare(0.25, 0.95 interval 0.2 to 0.31))
    """

    value: float
    low: float
    high: float
    effective: float
    chains: tuple[float, ...]
    p: float
    confidence: float

    @property
    def agree(self) -> bool:
        """Whether the chains say the same."""
        return self.p > CHAINS_DISAGREE

    @property
    def counts(self) -> tuple[float, float]:
        """How many of how many independent networks say as much: `fibre_found` and `fibre_n` of `fibre_verdicts`."""
        return self.value * self.effective, self.effective

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        doubt = "" if self.agree else ", chains disagree"
        return f"FibreShare({self.value:.3g}, {self.confidence:g} interval {self.low:.3g} to {self.high:.3g}{doubt})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


def share_of_chains(
    values: Array,
    weights: Array,
    chain: npt.NDArray[np.intp],
    family: npt.NDArray[np.intp],
    confidence: float = 0.95,
) -> FibreShare:
    """The weighted mean of values between 0 and 1, with its interval.

    A chain's effective number of networks comes from its families, the descendants of one particle of the start: the
    variance of its mean is the sum over families of the squared sum of weight times deviation (Chan & Lai, Ann. Stat.
    41, 2013; Lee & Whiteley, Biometrika 105, 2018). The number lies between that of equally large families and that of
    equally weighted particles. It is divided by how much more the chains differ than it says. The interval is the
    binomial one for that number of networks (Clopper & Pearson 1934; Korn & Graubard, Surv. Methodol. 24, 1998).

    Args:
        values: [n]; weights: [n], of sum 1 in each chain.
        chain, family: [n] of each network; families of different chains are different.
        confidence: of the interval.

    Raises:
        InputError: for values outside 0 and 1.
    """
    from scipy.special import betaincinv
    from scipy.stats import chi2

    if not len(values) or not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise InputError("a share is of values between 0 and 1: give one for each network, such as booleans")
    numbers = np.unique(chain)
    means = np.array([np.average(values[chain == k], weights=weights[chain == k]) for k in numbers])
    sizes = np.array(
        [_effective(values[chain == k], weights[chain == k], family[chain == k]) for k in numbers]
    )
    # Rounding must not make a share of all, or of none, a little less or more.
    mean = float(np.clip(means.mean(), values.min(), values.max()))
    spread = float((weights * (values - mean) ** 2).sum() / len(numbers))
    apart = float((sizes * (means - mean) ** 2).sum())
    freedom = len(numbers) - 1
    ratio = apart / spread if spread > ROUNDING else 0.0
    p = float(chi2.sf(ratio, freedom)) if freedom else 1.0
    n = float(sizes.sum()) / max(1.0, ratio / max(freedom, 1))
    tail, found = (1 - confidence) / 2, mean * n
    low = float(betaincinv(found, n - found + 1, tail)) if mean > 0 else 0.0
    high = float(betaincinv(found + 1, n - found, 1 - tail)) if mean < 1 else 1.0
    return FibreShare(mean, low, high, n, tuple(means.tolist()), p, confidence)


def family_sizes(weights: Array, family: npt.NDArray[np.intp]) -> Array:
    """The weight of each family, of weights [n] and the families [n] they belong to."""
    return np.asarray(np.bincount(np.unique(family, return_inverse=True)[1], weights), dtype=np.float64)


def _effective(values: Array, weights: Array, family: npt.NDArray[np.intp]) -> float:
    """The effective number of networks of one chain, for this quantity."""
    least = float(1 / (family_sizes(weights, family) ** 2).sum())
    most = float(1 / (weights**2).sum())
    centred = values - (weights * values).sum()
    variance = float((family_sizes(weights * centred, family) ** 2).sum())
    spread = float((weights * centred**2).sum())
    # Where all have one value, what one particle says for its family is all that is known.
    if variance <= ROUNDING * spread or spread <= ROUNDING or least <= 1 + ROUNDING:
        return least
    # From few families the variance comes out too small, by the share of one in the weight.
    return float(np.clip(spread / (variance / (1 - 1 / least)), least, most))
