"""Tails: p-values that are right in the body, not too small in the tail, and never made up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.statistics.criteria import EXACT_MATCH, FLOOR
from mathcircuits.detect.statistics.tails import Tail

U = np.random.default_rng(0).uniform(size=20_000)
GRID = np.concatenate([[0.0], np.logspace(-15, 0, 400)])
DRAWS = hnp.arrays(
    np.float64,
    st.integers(100, 400),
    elements=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, 1e-12])),
)


@given(DRAWS)
@settings(max_examples=60)
def test_p_is_a_probability_that_grows_with_u(draws: np.ndarray) -> None:
    p = Tail.fit(draws).p(GRID)
    assert (p > 0).all()
    assert (p <= 1).all()
    assert (np.diff(p) >= -1e-12).all()
    assert p[-1] == 1.0


@given(DRAWS)
@settings(max_examples=60)
def test_p_is_not_smaller_than_what_was_seen(draws: np.ndarray) -> None:
    tail = Tail.fit(draws)
    exact = float((draws < EXACT_MATCH).mean())
    if exact * len(draws) >= 5:
        assert tail.p(0.0) >= exact
    # At least the share of draws at or below u, wherever draws speak for themselves.
    for u in np.quantile(draws, [0.3, 0.6, 0.9]):
        if u > tail.cut:
            assert tail.p(u) >= (draws <= u).mean() - 1e-12


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_p_of_a_known_law(power: float) -> None:
    # U ** power <= u with probability u ** (1 / power)
    tail = Tail.fit(U**power)
    for p in (0.9, 0.5, 0.1, 0.03):
        # three standard errors of a share of 20 000 draws
        assert tail.p(p**power) == pytest.approx(p, abs=3 * np.sqrt(p / 20_000) + 1e-3)
    for p in (1e-3, 1e-4):
        assert 0.6 * p < tail.p(max(p**power, 2 * FLOOR)) < 6 * p


def test_the_extrapolation_errs_to_the_safe_side() -> None:
    # 1e-6 from 20 000 draws, whose tail begins at 1e-2: the shape's added standard error leaves too small a p,
    # by more than half, to under one fit in twenty.
    found = [Tail.fit(np.random.default_rng(seed).uniform(size=20_000)).p(1e-6).item() for seed in range(60)]
    assert sum(p < 0.5e-6 for p in found) <= 3
    assert 1e-6 < np.median(found) < 1e-5


def test_p_keeps_the_shape() -> None:
    tail = Tail.fit(U)
    assert tail.p(0.5).shape == ()
    assert tail.p(np.full((2, 3), 0.5)).shape == (2, 3)
    assert tail.p([]).shape == (0,)
    assert np.isnan(tail.p([np.nan, 0.5])).tolist() == [True, False]


def test_the_atom_is_never_extrapolated() -> None:
    draws = np.concatenate([np.zeros(300), U[:9700]])
    tail = Tail.fit(draws)
    assert tail.atom == 0.03
    assert (tail.p(GRID) >= 0.03).all()
    assert tail.p(1e-14) < 0.05


def test_a_few_exact_draws_are_no_atom() -> None:
    assert Tail.fit(np.concatenate([np.zeros(4), U])).atom == 0.0
    assert Tail.fit(np.concatenate([np.zeros(5), U])).atom == pytest.approx(5 / 20_005)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_draws_of_one_value_make_up_no_tail(value: float) -> None:
    tail = Tail.fit(np.full(1000, value))
    assert tail.cut == 0.0
    assert tail.p(value) == 1.0
    if value:
        # One more than 1000 draws, of which the observed value alone lies below.
        assert tail.p(value / 2) == pytest.approx(1 / 1001)


def test_draws_that_are_nearly_all_exact() -> None:
    tail = Tail.fit(np.concatenate([np.zeros(990), np.full(10, 0.5)]))
    assert tail.p(0.0) >= 0.99
    assert tail.p(0.9) == 1.0


@pytest.mark.parametrize(
    ("draws", "problem"),
    [
        (U[:99], "99 null draws: at least 100 are needed to fit a tail"),
        ([], "0 null draws"),
        (
            np.append(U, np.nan),
            "1 of 20001 null draws are NaN or outside [0, 1]: leave out neurons that have no",
        ),
        (np.append(U, [-0.1, 1.1, np.inf]), "3 of 20003 null draws are NaN or outside"),
    ],
)
def test_other_draws_are_refused(draws: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Tail.fit(draws)
    assert problem in str(caught.value)


def test_rounding_is_forgiven() -> None:
    assert Tail.fit(np.append(U, [-1e-16, 1 + 1e-15])).p(1.0) == 1.0


def test_many_draws_are_kept_as_a_few() -> None:
    many = np.random.default_rng(3).uniform(size=200_000)
    tail = Tail.fit(many)
    assert len(tail.draws) < 5000
    for p in (0.02, 0.2, 0.7):
        assert tail.p(p) == pytest.approx((many <= p).mean(), abs=2e-3)
