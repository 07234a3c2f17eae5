"""Shares of dependent particles: hand-computed effective numbers, intervals that cover, chains that disagree."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import FibreShare, InputError
from mathcircuits.detect.statistics import prevalence
from mathcircuits.detect.universality.fibres.fibre_shares import family_sizes, share_of_chains


def share(values: list[float], family: list[int], chain: list[int] | None = None) -> FibreShare:
    chains = np.zeros(len(values), dtype=int) if chain is None else np.array(chain)
    weights = 1 / np.bincount(chains)[chains]
    return share_of_chains(np.array(values, dtype=float), weights, chains, np.array(family))


def test_particles_of_their_own_families_count_as_networks() -> None:
    found = share([1.0] * 5 + [0.0] * 15, list(range(20)))
    assert found.effective == pytest.approx(20)
    exact = prevalence(5, 20)
    assert found.value == pytest.approx(0.25)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.01)


def test_a_family_of_one_value_counts_once() -> None:
    # Four families of five: two all 1, two all 0. The deviations 1/2 times the weights 1/4 give 4 (1/8)^2 = 1/16, so
    # that p (1 - p) over it is 4; at most as many as there are families.
    found = share([1.0] * 10 + [0.0] * 10, [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5)
    assert found.effective == pytest.approx(4)


def test_families_that_mixed_count_as_their_networks() -> None:
    # Each family holds a share of 1/2 itself: nothing hangs on which family survives.
    found = share([1.0, 0.0] * 10, [0] * 10 + [1] * 10)
    assert found.effective == pytest.approx(2)  # a variance of exactly 0 says that it was not found
    assert share([1.0, 0.0] * 10 + [1.0, 0.0, 0.0], [0] * 10 + [1] * 10 + [2] * 3).effective > 4


def test_where_all_have_one_value_the_families_count() -> None:
    found = share([1.0] * 12, [0] * 6 + [1] * 6)
    assert found.effective == pytest.approx(2)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 2))


def test_chains_that_disagree_say_less() -> None:
    same = share([1.0, 0.0] * 40, list(range(80)), [0] * 40 + [1] * 40)
    apart = share([1.0] * 38 + [0.0] * 4 + [1.0] * 2 + [0.0] * 36, list(range(80)), [0] * 40 + [1] * 40)
    assert same.agree
    assert not apart.agree
    assert apart.chains == pytest.approx((0.95, 0.05))
    assert apart.low < 0.05
    assert apart.high > 0.95
    assert "chains disagree" in repr(apart)


def test_intervals_cover() -> None:
    # Twenty families of ten that share a value with chance one half: what varies is the families' own mean.
    rng = np.random.default_rng(0)
    family = np.repeat(np.arange(40), 10)
    covered = 0
    for _ in range(200):
        values = np.where(rng.random(400) < 0.5, (rng.random(40) < 0.3)[family], rng.random(400) < 0.3)
        found = share_of_chains(values.astype(float), np.full(400, 1 / 200), family // 20, family)
        covered += found.low <= 0.3 <= found.high
    assert covered >= 180


def test_counts_are_those_of_as_many_independent_networks() -> None:
    found = share([1.0] * 5 + [0.0] * 15, list(range(20)))
    assert found.counts == pytest.approx((5, 20))


def test_values_beyond_a_share() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        share([0.5, 1.5], [0, 1])
    with pytest.raises(InputError, match="between 0 and 1"):
        share([0.5, float("nan")], [0, 1])


def test_sizes_of_families() -> None:
    assert family_sizes(np.array([0.5, 0.25, 0.25]), np.array([7, 3, 7])).tolist() == [0.25, 0.75]
