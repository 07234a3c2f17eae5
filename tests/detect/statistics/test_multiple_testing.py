"""q-values against scipy and by hand; the Poisson-binomial tail by enumeration and far out."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom, false_discovery_control

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.statistics.multiple_testing import (
    benjamini_hochberg,
    benjamini_yekutieli,
    poisson_binomial_tail,
    row_q_values,
)

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(probabilities)
def test_q_values_equal_scipys(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p), abs=1e-15)


@given(probabilities)
def test_q_values_keep_the_order_and_are_never_below_p(p: list[float]) -> None:
    q = benjamini_hochberg(p)
    assert (q >= np.array(p)).all()
    assert (np.diff(q[np.argsort(p)]) >= 0).all()


def test_q_values_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.04 times 3/1, 3/2, 3/3 = 0.03, 0.03, 0.04.
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])


def test_what_was_not_tested_stays_so_and_does_not_count() -> None:
    q = benjamini_hochberg([0.04, math.nan, 0.01, 0.02, math.nan])
    assert np.isnan(q).tolist() == [False, True, False, False, True]
    assert q[[0, 2, 3]] == pytest.approx([0.04, 0.03, 0.03])
    assert benjamini_hochberg([]).tolist() == []
    assert np.isnan(benjamini_hochberg([math.nan])).all()


@pytest.mark.parametrize("n", [1, 10, 300])
def test_equal_chances_give_the_binomial(n: int) -> None:
    for x in (0, 1, n // 2, n):
        assert poisson_binomial_tail(x, [0.3] * n) == pytest.approx(binom.sf(x - 1, n, 0.3), rel=1e-10)


def test_unequal_chances_by_enumeration() -> None:
    chances = [0.1, 0.5, 0.25, 0.9]
    for x in range(6):
        exact = Fraction(0)
        for tosses in itertools.product((0, 1), repeat=4):
            if sum(tosses) >= x:
                exact += math.prod(
                    Fraction(p) if hit else 1 - Fraction(p) for p, hit in zip(chances, tosses, strict=True)
                )
        assert poisson_binomial_tail(x, chances) == pytest.approx(float(exact), rel=1e-14)


def test_the_far_tail_keeps_its_digits() -> None:
    assert poisson_binomial_tail(100, [1e-3] * 100) == pytest.approx(1e-300, rel=1e-10)
    # 60 of 100 at chance 1e-4: by exact fractions.
    p = Fraction(1, 10_000)
    exact = sum(math.comb(100, k) * p**k * (1 - p) ** (100 - k) for k in range(60, 101))
    assert poisson_binomial_tail(60, [1e-4] * 100) == pytest.approx(float(exact), rel=1e-9)


def test_certain_impossible_and_reordered_tosses() -> None:
    assert poisson_binomial_tail(2, [1, 1, 0]) == 1
    assert poisson_binomial_tail(3, [1, 1, 0]) == 0
    assert poisson_binomial_tail(0, []) == 1
    assert poisson_binomial_tail(1, []) == 0
    chances = np.random.default_rng(0).uniform(size=50)
    assert poisson_binomial_tail(30, chances) == poisson_binomial_tail(30, chances[::-1])


@given(probabilities)
def test_any_dependence_costs_the_harmonic_sum(p: list[float]) -> None:
    factor = sum(1 / k for k in range(1, len(p) + 1))
    expected = np.minimum(1, [factor * q for q in benjamini_hochberg(p)])
    both = [*p, math.nan]
    assert benjamini_yekutieli(both)[:-1] == pytest.approx(expected, abs=1e-12)
    assert math.isnan(benjamini_yekutieli(both)[-1])
    assert len(benjamini_yekutieli([])) == 0


def test_a_p_beyond_the_draws_enters_as_the_least_that_they_vouch_for() -> None:
    p = [1e-9, 0.02, math.nan, 0.5]
    capped = benjamini_hochberg([0.01, 0.02, math.nan, 0.5])
    assert np.array_equal(benjamini_hochberg(p, draws=99), capped, equal_nan=True)
    assert benjamini_hochberg(p, draws=10**12)[0] == benjamini_hochberg(p)[0]
    # So twenty tests on ninety-nine draws find nothing by a single small p.
    assert benjamini_hochberg([1e-9, *[0.9] * 19], draws=99)[0] == pytest.approx(0.2)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(InputError, match="draws 0: give the number of null draws, 1 or more"):
        benjamini_hochberg([0.5], draws=0)
    with pytest.raises(InputError, match=r"p-values outside \[0, 1\], first 1.5"):
        benjamini_hochberg([0.5, 1.5])
    with pytest.raises(InputError, match=r"p-values of shape \(1, 1\): give one vector"):
        benjamini_hochberg([[0.5]])
    with pytest.raises(InputError, match="p-values that are not numbers"):
        benjamini_hochberg(["a"])
    with pytest.raises(InputError, match="probabilities hold NaN"):
        poisson_binomial_tail(1, [math.nan])
    with pytest.raises(InputError, match=r"a count of 1\.5: expected a whole number"):
        poisson_binomial_tail(1.5, [0.5])  # type: ignore[arg-type]


@given(arrays(np.float64, (4, 7), elements=st.one_of(st.floats(0, 1), st.just(float("nan")))))
def test_rows_are_adjusted_each_on_its_own(p: npt.NDArray[np.float64]) -> None:
    behind = np.full(p.shape, 99.0)
    for draws in (None, behind):
        rows = row_q_values(p, draws)
        for row, own in zip(p, rows, strict=True):
            # By the definition: the least of m p_(j) / j over the larger ones.
            tested = np.flatnonzero(~np.isnan(row))
            least = row if draws is None else np.maximum(row, 0.01)
            ordered = sorted(tested, key=lambda k: least[k])
            wanted = [
                min(1.0, *(len(ordered) * least[k] / (j + 1) for j, k in enumerate(ordered) if j >= i))
                for i in range(len(ordered))
            ]
            np.testing.assert_allclose(own[ordered], wanted, rtol=1e-12)
            assert np.isnan(own[np.isnan(row)]).all()
