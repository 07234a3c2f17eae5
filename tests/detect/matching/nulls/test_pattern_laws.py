"""The direction law of sparse weights: it agrees with draws, bounds them, and stays finite at any width."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mathcircuits.detect import UnknownNameError
from mathcircuits.detect.matching.nulls.pattern_laws import few_variables_p, pattern_p

DRAWS = 200_000


def drawn(law: str, n: int) -> np.ndarray:
    rng = np.random.default_rng([n, len(law)])
    return rng.normal(size=(DRAWS, n)) if law == "normal" else rng.uniform(-1, 1, (DRAWS, n))


@pytest.mark.parametrize("law", ["uniform", "normal"])
@pytest.mark.parametrize(
    ("n", "k", "u"), [(3, 1, 1e-2), (3, 2, 1e-3), (4, 2, 1e-2), (5, 3, 1e-2), (8, 3, 0.05)]
)
def test_the_share_outside_a_few_variables_is_as_rare_as_the_law_says(
    law: str, n: int, k: int, u: float
) -> None:
    squares = np.sort(drawn(law, n) ** 2, axis=1)
    seen = int((squares[:, : n - k].sum(axis=1) <= u * squares.sum(axis=1)).sum())
    p = float(few_variables_p(u, n, k, law))
    # An upper bound up to what the draws leave open, and not a loose one.
    assert seen <= stats.binom.ppf(0.9999, DRAWS, p)
    assert seen / DRAWS > 0.4 * p


@pytest.mark.parametrize("law", ["uniform", "normal"])
@pytest.mark.parametrize(
    ("n", "k", "u"), [(2, 1, 1e-3), (3, 1, 1e-2), (3, 2, 1e-2), (4, 2, 1e-2), (5, 3, 0.05)]
)
def test_a_pattern_is_as_rare_as_the_law_says(law: str, n: int, k: int, u: float) -> None:
    weights = drawn(law, n)
    largest = np.sort(np.abs(weights), axis=1)[:, n - k :].sum(axis=1) / np.sqrt(k)
    seen = int((1.0 - largest**2 / (weights**2).sum(axis=1) <= u).sum())
    patterns = 2**k * {(2, 1): 2, (3, 1): 3, (3, 2): 3, (4, 2): 6, (5, 3): 10}[n, k]
    p = float(pattern_p(u, n, k, patterns, law))
    assert seen <= stats.binom.ppf(0.9999, DRAWS, p)
    assert seen / DRAWS > 0.4 * p


@pytest.mark.parametrize("law", ["uniform", "normal"])
@pytest.mark.parametrize("n", [1, 2, 3, 100, 784, 10_000])
def test_p_is_a_probability_that_grows_with_the_distance(law: str, n: int) -> None:
    u = np.array([0.0, 1e-12, 1e-6, 1e-2, 0.3, 0.9, 1.0])
    for p in (few_variables_p(u, n, 2, law), pattern_p(u, n, 2, 4, law)):
        assert ((p > 0.0) & (p <= 1.0)).all()
        assert (np.diff(p) >= 0.0).all()
        assert p[-1] == 1.0 or n > 1


def test_as_many_variables_as_there_are_say_nothing() -> None:
    assert few_variables_p([0.0, 0.5], [2, 1], 2, "normal").tolist() == [1.0, 1.0]
    assert pattern_p(0.0, 1, 1, 2, "uniform") == 1.0


def test_an_unknown_law_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no init law named 'cube'"):
        few_variables_p(0.1, 3, 1, "cube")
    with pytest.raises(UnknownNameError, match="no init law named 'cube'"):
        pattern_p(0.1, 3, 1, 6, "cube")
