"""Confidence sequences: exact on paths, wider than the interval of one number, the likelihoods by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.statistics.sequences import log_mixture, sequence_interval, sequential_p
from mathcircuits.detect.statistics.two_shares import clopper_pearson


def ever_excluded(share: float, looks: int) -> float:
    """The chance that the sequence ever excludes the true share in so many looks, one network each, exactly."""
    alive = np.array([1.0])
    for n in range(1, looks + 1):
        alive = np.convolve(alive, [1 - share, share])
        alive[sequential_p(np.arange(n + 1), n, share) < 0.05] = 0.0
    return float(1 - alive.sum())


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.5, 0.95, 1.0])
def test_the_whole_path_errs_at_most_5_percent(share: float) -> None:
    """Ville's inequality, by following the law of the count over a thousand looks."""
    assert ever_excluded(share, 1000) <= 0.05


def test_the_interval_of_one_number_would_err_more() -> None:
    alive = np.array([1.0])
    for n in range(1, 1001):
        alive = np.convolve(alive, [0.5, 0.5])
        low, high = clopper_pearson(np.arange(n + 1), np.full(n + 1, n), 0.025)
        alive[(low > 0.5) | (high < 0.5)] = 0.0
    assert 1 - alive.sum() > 0.2


def test_the_interval_holds_the_shares_that_are_not_excluded() -> None:
    for found, n in ((0, 7), (3, 10), (70, 72), (72, 72), (500, 1000)):
        low, high = (float(end) for end in sequence_interval(found, n, 0.95))
        for share in np.linspace(0.001, 0.999, 400):
            assert (low <= share <= high) == (float(sequential_p(found, n, share)) >= 0.05)
        exact = clopper_pearson(np.array([found]), np.array([n]), 0.025)
        assert low <= exact[0][0]
        assert exact[1][0] <= high
    assert [float(end) for end in sequence_interval(0, 0, 0.95)] == [0.0, 1.0]


def test_the_mixture_is_a_law_of_sequences() -> None:
    """All 2^5 sequences of five together have probability 1."""
    from math import comb

    assert sum(comb(5, k) * np.exp(log_mixture(k, 5)) for k in range(6)) == pytest.approx(1.0)
