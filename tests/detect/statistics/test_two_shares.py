"""Two shares: sizes of the tests by enumeration, exact fixed counts, and paths with looks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact

from mathcircuits.detect.statistics.two_shares import compare_shares


@pytest.mark.parametrize(("n", "other"), [(40, 40), (72, 50)])
def test_equivalence_is_wrongly_shown_at_most_as_often_as_it_says(n: int, other: int) -> None:
    """Shares exactly a quarter apart, either way round: all pairs of counts, weighed by their chances."""
    p = np.array(
        [[compare_shares(k, n, u, other, 0.25).equivalent for u in range(other + 1)] for k in range(n + 1)]
    )
    for level in (0.01, 0.05):
        sizes = [
            binom.pmf(np.arange(n + 1), n, first)
            @ (p <= level)
            @ binom.pmf(np.arange(other + 1), other, second)
            for share in np.linspace(0, 0.75, 16)
            for first, second in ((share, share + 0.25), (share + 0.25, share))
        ]
        assert 0 < max(sizes) <= level


def test_equal_shares_of_many_networks_are_equivalent() -> None:
    assert compare_shares(500, 1000, 500, 1000, 0.1).equivalent < 0.001
    assert compare_shares(5, 10, 5, 10, 0.1).equivalent > 0.2
    # All of few: the shares may well be further apart, and nothing below a half is a level.
    assert compare_shares(1, 1, 0, 1, 0.1).equivalent == 1.0
    assert compare_shares(500, 1000, 900, 1000, 0.1).equivalent == 1.0


def test_larger_is_fishers_p() -> None:
    for found, other in ((3, 0), (10, 10), (0, 20)):
        expected = fisher_exact([[found, 20 - found], [other, 20 - other]], alternative="greater").pvalue
        assert compare_shares(found, 20, other, 20, 0.1).larger == pytest.approx(float(expected))


def test_looking_keeps_both_errors() -> None:
    """Two thousand looks at 100 paths: shares that are equal, and shares exactly the margin apart."""
    rng = np.random.default_rng(0)
    apart = alike = 0
    for _ in range(100):
        same = np.cumsum(rng.random((2, 2000)) < 0.5, axis=1)
        far = np.cumsum(rng.random((2, 2000)) < np.array([[0.3], [0.5]]), axis=1)
        looks = range(20, 2001, 60)
        apart += any(
            compare_shares(same[0, n - 1], n, same[1, n - 1], n, 0.2, sequential=True).larger <= 0.05
            for n in looks
        )
        alike += any(
            compare_shares(far[0, n - 1], n, far[1, n - 1], n, 0.2, sequential=True).equivalent <= 0.05
            for n in looks
        )
    assert apart <= 5
    assert alike <= 5
    # They can be shown at all.
    assert compare_shares(50, 100, 20, 100, 0.2, sequential=True).larger < 0.01
    assert compare_shares(500, 1000, 500, 1000, 0.2, sequential=True).equivalent < 0.01
    assert compare_shares(100, 100, 100, 100, 0.1, sequential=True).equivalent < 0.05
