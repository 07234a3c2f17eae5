"""Multinomial: a penalised logit model of which of several outcomes a network has, by the levels of factors.

The model is statsmodels' MNLogit. Perfect separation is the rule here (all networks of a level have one form), where
the maximum of the likelihood lies at infinity and no Wald interval exists. So every coefficient but the constants has
a normal prior of mean 0 (`PRIOR_SD`), that is a ridge penalty: the maximum exists, is unique, and Newton's method
finds it. See Gelman et al. 2008, A weakly informative default prior distribution for logistic and other regression
models.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
#: Factors of one term: one for a main effect, two for an interaction.
Term = tuple[str, ...]

#: Standard deviation of the prior of a coefficient, in log-odds: odds between two levels of 150 to 1 are one away.
PRIOR_SD = 5.0
#: Steps that Newton's method may take; it needs about ten.
STEPS = 100
#: The gradient of the penalised log-likelihood that counts as 0, per network.
FLAT = 1e-6


@dataclass(frozen=True)
class Crossing:
    """Networks by the levels of factors.

    Attributes:
        names: the factors; levels: how many each has.
        codes: the level of every network, [net, factor], from 0.
        outcomes: the outcome of every network, [net], from 0; kinds: how many there are, at least two.
    """

    names: tuple[str, ...]
    levels: tuple[int, ...]
    codes: Codes
    outcomes: Codes
    kinds: int

    @cached_property
    def design(self) -> Codes:
        """Every combination of levels once, [combination, factor]."""
        return np.array(list(itertools.product(*(range(count) for count in self.levels))), np.int64)

    def columns(self, codes: Codes, terms: Sequence[Term]) -> Array:
        """The columns of a design: 1, then for every term the products of indicators of the levels but the first."""
        parts = [np.ones((len(codes), 1))]
        for term in terms:
            block = np.ones((len(codes), 1))
            for name in term:
                at = self.names.index(name)
                indicators = (codes[:, [at]] == np.arange(1, self.levels[at])).astype(np.float64)
                block = (block[:, :, None] * indicators[:, None, :]).reshape(len(codes), -1)
            parts.append(block)
        return np.hstack(parts)


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model.

    Attributes:
        crossing: the networks; terms: of the model.
        parameters: [column, outcome - 1], in log-odds against outcome 0.
        likelihood: the penalised log-likelihood at its maximum.
        converged: whether the gradient is 0 there.
    """

    crossing: Crossing
    terms: tuple[Term, ...]
    parameters: Array
    likelihood: float
    converged: bool

    def shares(self, at: Mapping[str, int]) -> Array:
        """The share of every outcome where some factors have these levels, averaged over all levels of the others.

        Returns:
            [outcome], which sum to 1.
        """
        design = self.crossing.design
        for name, level in at.items():
            design = design[design[:, self.crossing.names.index(name)] == level]
        columns = self.crossing.columns(design, self.terms)
        odds = np.zeros((len(columns), self.crossing.kinds))
        odds[:, 1:] = columns @ self.parameters
        odds = np.exp(odds - odds.max(axis=1, keepdims=True))
        return np.asarray((odds / odds.sum(axis=1, keepdims=True)).mean(axis=0))

    def degrees(self) -> int:
        """Coefficients beside the constants, of columns that are not all 0."""
        used = self.crossing.columns(self.crossing.codes, self.terms)[:, 1:].any(axis=0)
        return int(used.sum()) * (self.crossing.kinds - 1)


def fit(crossing: Crossing, terms: Sequence[Term]) -> Fit:
    """The penalised model of these terms.

    Args:
        crossing: the networks.
        terms: main effects and interactions.

    Examples:
        >>> codes = np.array([[0]] * 40 + [[1]] * 40)
        >>> outcomes = np.array([0] * 40 + [1] * 40)  # separated: the likelihood alone has no maximum
        >>> found = fit(Crossing(("decay",), (2,), codes, outcomes, 2), [("decay",)])
        >>> found.converged, found.shares({"decay": 0}).round(2).tolist()
        (True, [0.99, 0.01])
    """
    columns = crossing.columns(crossing.codes, terms)
    model = _ridge(crossing.outcomes, columns, crossing.kinds)
    size = (columns.shape[1], crossing.kinds - 1)
    with warnings.catch_warnings():
        # It warns where it does not converge; `converged` says so, by the gradient itself.
        warnings.simplefilter("ignore")
        result = model.fit(
            start_params=np.zeros(size[0] * size[1]),
            method="newton",
            maxiter=STEPS,
            disp=0,
            warn_convergence=False,
            skip_hessian=True,
        )
    flat = np.asarray(result.params, dtype=np.float64).ravel(order="F")
    gradient = np.abs(model.score(flat)).max()
    converged = bool(np.isfinite(gradient) and gradient <= FLAT * len(columns))
    return Fit(
        crossing,
        tuple(terms),
        flat.reshape(size, order="F"),
        float(model.loglike(flat)),
        converged,
    )


@dataclass(frozen=True)
class Comparison:
    """A model beside the one without a term.

    Attributes:
        statistic: twice the difference of the penalised log-likelihoods.
        degrees: coefficients of the term.
        p: of chi-square with so many degrees of freedom; NaN where a fit did not converge or the term has none.
    """

    statistic: float
    degrees: int
    p: float


def compared(larger: Fit, smaller: Fit) -> Comparison:
    """The likelihood-ratio test of what the larger model has beyond the smaller one.

    Examples:
        >>> codes = np.array([[0]] * 40 + [[1]] * 40)
        >>> crossing = Crossing(("decay",), (2,), codes, np.array([0, 1] * 20 + [1] * 40), 2)
        >>> found = compared(fit(crossing, [("decay",)]), fit(crossing, []))
        >>> found.degrees, found.p < 0.01
        (1, True)
    """
    from scipy.stats import chi2

    statistic = max(0.0, 2 * (larger.likelihood - smaller.likelihood))
    degrees = larger.degrees() - smaller.degrees()
    if not (larger.converged and smaller.converged and degrees):
        return Comparison(statistic, degrees, float("nan"))
    return Comparison(statistic, degrees, float(chi2.sf(statistic, degrees)))


def _ridge(outcomes: Codes, columns: Array, kinds: int) -> Any:
    """MNLogit whose log-likelihood has the prior's."""
    from statsmodels.discrete.discrete_model import MNLogit

    class Ridge(MNLogit):  # type: ignore[misc]  # statsmodels has no types
        """The likelihood's maximum lies at infinity where outcomes are separated."""

        precision = np.tile(np.r_[0.0, np.full(columns.shape[1] - 1, PRIOR_SD**-2)], kinds - 1)

        def loglike(self, params: Array) -> float:
            flat = np.ravel(params, order="F")
            return float(super().loglike(params) - 0.5 * np.sum(self.precision * flat**2))

        def score(self, params: Array) -> Array:
            flat = np.ravel(params, order="F")
            return np.asarray(super().score(params) - self.precision * flat)

        def hessian(self, params: Array) -> Array:
            return np.asarray(super().hessian(params) - np.diag(self.precision))

    return Ridge(outcomes, columns)
