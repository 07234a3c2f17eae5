"""Resampling: the nested bootstrap covers, and contrasts of groups by permutation."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from mathcircuits.detect.statistics.resampling import hierarchical_bootstrap, within_across

Array = np.ndarray[Any, np.dtype[np.float64]]


# --- bootstrap ---


def test_the_bootstrap_respects_the_nesting() -> None:
    """20 seeds of 50 copies each: the interval must be as wide as that of 20 values, not of 1000."""
    rng = np.random.default_rng(0)
    effects = rng.normal(size=20)
    frame = pd.DataFrame(
        {
            "seed": np.repeat(np.arange(20), 50),
            "neuron": np.tile(np.arange(50), 20),
            "r": np.repeat(effects, 50),
        }
    ).sample(frac=1, random_state=0)
    found = hierarchical_bootstrap(frame, "r", ("seed", "neuron"), seed=1)
    assert found.value == pytest.approx(effects.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * effects.std() / math.sqrt(20), rel=0.1)
    assert found == hierarchical_bootstrap(frame, "r", ("seed", "neuron"), seed=1)
    assert found.levels == ("seed", "neuron")
    assert json.dumps(found.to_dict())
    assert float(found) == found.value


def test_the_bootstrap_covers() -> None:
    """Three levels, unequal sizes: the true mean 0 is covered in about 95% of 100 samples."""
    hits = 0
    for sample in range(100):
        rng = np.random.default_rng(sample)
        rows = []
        for seed in range(25):
            a = rng.normal()
            for network in range(rng.integers(1, 4)):
                b = rng.normal()
                rows += [
                    (seed, network, neuron, a + b + rng.normal()) for neuron in range(rng.integers(1, 5))
                ]
        frame = pd.DataFrame(rows, columns=["seed", "network", "neuron", "r"])
        found = hierarchical_bootstrap(frame, "r", draws=200, seed=sample)
        hits += found.low <= 0 <= found.high
    assert 88 <= hits <= 100


def test_another_statistic() -> None:
    frame = pd.DataFrame({"seed": range(30), "r": np.arange(30.0)})
    found = hierarchical_bootstrap(frame, "r", ("seed",), statistic=np.max)
    assert found.value == 29
    assert found.high == 29


# --- within against across ---


def population(
    rng: np.random.Generator, shift: float, sizes: tuple[int, ...] = (8, 8, 5)
) -> tuple[Array, list[str]]:
    """Networks as points, similarity as minus their distance; groups `shift` apart."""
    groups = [f"task{k}" for k, size in enumerate(sizes) for _ in range(size)]
    points = rng.normal(size=(len(groups), 3)) + shift * np.array([int(g[-1]) for g in groups])[:, None]
    return -np.linalg.norm(points[:, None] - points, axis=-1), groups


def test_planted_groups_are_found_with_the_right_means() -> None:
    M, groups = population(np.random.default_rng(0), 3.0)
    found = within_across(M, groups, seed=1)
    names = sorted(set(groups))
    blocks = {
        (a, b): [M[i, j] for i in range(21) for j in range(21) if i != j and (groups[i], groups[j]) == (a, b)]
        for a in names
        for b in names
    }
    within = {a: np.mean(blocks[a, a]) for a in names}
    own = {a: within[a] - np.mean([np.mean(blocks[a, b]) for b in names if b != a]) for a in names}
    assert found.within == pytest.approx(np.mean(list(within.values())))
    assert found.contrasts == pytest.approx(own)
    assert found.effect == pytest.approx(np.mean(list(own.values())))
    assert found.effect == pytest.approx(found.within - found.across)
    assert found.spread == pytest.approx(max(within.values()) - min(within.values()))
    assert found.pairs_within == 28 + 28 + 10
    assert found.pairs_across == 64 + 40 + 40
    assert found.p == pytest.approx(1 / 2000)
    assert 0 < found.low < found.effect < found.high
    assert found.superiority > 0.9
    assert found == within_across(M, groups, seed=1)
    assert json.dumps(found.to_dict())


def test_superiority_by_hand() -> None:
    # Within 2 and 0; across 1, 1, 1, 0. 2 beats all four, 0 ties with one: (4 + 0.5) / 8.
    M = np.array([[9, 2, 1, 1], [2, 9, 1, 0], [1, 1, 9, 0], [1, 0, 0, 9.0]])
    assert within_across(M, [0, 0, 1, 1]).superiority == pytest.approx(4.5 / 8)


def test_p_values_without_groups_are_no_smaller_than_uniform() -> None:
    """The larger of two p-values that nearly agree: a little above uniform, and never below."""
    p = [
        within_across(*population(np.random.default_rng(seed), 0.0), seed=seed, draws=199).p
        for seed in range(200)
    ]
    assert kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert np.median(p) < 0.7


def test_the_order_of_the_networks_and_the_names_of_the_groups_do_not_matter() -> None:
    M, groups = population(np.random.default_rng(0), 1.0)
    order = np.random.default_rng(1).permutation(len(M))
    first = within_across(M, groups)
    other = within_across(M[np.ix_(order, order)], [groups[k].upper() for k in order])
    assert other.effect == pytest.approx(first.effect)
    assert other.superiority == pytest.approx(first.superiority)


def test_relabelling_that_changes_nothing_counts_against_the_claim() -> None:
    """Two groups of two: 3 ways to pair up, one of them the data, so p is near 1/3."""
    found = within_across(
        np.array([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]), ["a", "a", "b", "b"]
    )
    assert found.p == pytest.approx(1 / 3, abs=0.04)


@pytest.mark.parametrize("power", [1, 2])
def test_spreads_and_sizes_alone_are_no_finding(power: int) -> None:
    """One centre, spreads 1 (30 networks) and 3 (6), similarity minus the distance or its square.

    Prediction: p is below 0.05 in at most 5% of draws (pooled pairs rejected in all), and the interval holds the
    true average in at least 93%: 0 for squares, and for distances what a large sample gives.
    """
    truth = {1: 0.53, 2: 0.0}[power]
    labels = ["tight"] * 30 + ["wide"] * 6
    rejected = covered = 0
    for seed in range(120):
        points = np.random.default_rng(seed).normal(size=(36, 3)) * np.repeat([1.0, 3.0], [30, 6])[:, None]
        found = within_across(
            -(np.linalg.norm(points[:, None] - points, axis=-1) ** power), labels, seed=seed, draws=99
        )
        rejected += found.p <= 0.05
        covered += found.low <= truth <= found.high
        assert found.contrasts["tight"] > found.contrasts["wide"]
    assert rejected <= 6
    assert covered >= 0.93 * 120


def test_six_wide_networks_on_a_line_are_no_finding() -> None:
    """One centre on a line, spreads 1 (30 networks) and 3 (6).

    Prediction: p is at most 0.05 in about 5% of draws (permuting labels alone: 6 to 9%), and some draws that the
    permutation takes for a finding are none.
    """
    labels = np.repeat([0, 1], [30, 6])
    member = np.eye(2)[labels]
    rejected = taken_back = 0
    for seed in range(120):
        points = np.random.default_rng([1, seed]).normal(size=36) * np.repeat([1.0, 3.0], [30, 6])
        M = -np.abs(points[:, None] - points)
        found = within_across(M, labels, seed=seed, draws=99)
        # Permutation alone, by the same draws.
        rng = np.random.default_rng(seed)
        drawn = [smallest_contrast(M, member[rng.permutation(36)]) for _ in range(99)]
        permuted = (1 + sum(value >= smallest_contrast(M, member) - 1e-12 for value in drawn)) / 100
        assert found.p >= permuted
        rejected += found.p <= 0.05
        taken_back += permuted <= 0.05 < found.p
    assert rejected <= 10
    assert taken_back > 0


def smallest_contrast(M: Array, member: Array) -> float:
    """Of two groups: mean within less mean across, from similarities with a diagonal of 0."""
    n = member.sum(axis=0)
    sums = member.T @ M @ member
    across = sums[0, 1] / (n[0] * n[1])
    return float(min(sums[g, g] / (n[g] * (n[g] - 1)) - across for g in (0, 1)))


def test_groups_apart_are_found_despite_their_spreads() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(36, 3)) * np.repeat([1.0, 3.0], [30, 6])[:, None]
    points[30:] += 8
    found = within_across(-np.linalg.norm(points[:, None] - points, axis=-1), [0] * 30 + [1] * 6)
    assert found.p == pytest.approx(1 / 2000)
    assert found.low > 0
    assert found.spread > 2


def test_few_networks_show_no_spread() -> None:
    """Left with one of two, a group has no pair; one network alone has no contrast, and counts across only."""
    found = within_across(np.eye(3), ["a", "a", "b"], seed=0, draws=99)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.contrasts == {"a": 0.0}
    assert found.spread == 0.0
    # Four equal networks and one: nothing varies, and the interval is a point.
    same = within_across(np.full((5, 5), 0.5), ["a"] * 4 + ["b"], draws=99)
    assert (same.low, same.effect, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
