"""Matchings of units and of weights: planted truths, golden values, invariances, degenerate layers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.similarity.alignment import (
    Matching,
    correlation_matching,
    matching_measure,
    partial_matching,
    soft_matching,
    transport,
)
from mathcircuits.detect.similarity.measures import Similarity

Array = np.ndarray[Any, np.dtype[np.float64]]
Matched = Callable[..., Matching]

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "similarity_golden.json").read_text())["values"]
RNG = np.random.default_rng(11)
LEFT = RNG.normal(size=(90, 5)) * [1, 2, 0.5, 3, 1] + [0, 1, 2, -1, 0.5]
RIGHT = LEFT @ RNG.normal(size=(5, 6)) + RNG.normal(size=(90, 6))


def loose(X: Array, Y: Array) -> Matching:
    """Partial matching with a bar that generic layers meet now and then."""
    return partial_matching(X, Y, max_unexplained=0.8)


ALL: dict[str, Matched] = {"correlation": correlation_matching, "soft": soft_matching, "partial": loose}


def made(n: int, d: int, a: float, b: float, c: float) -> Array:
    """The golden file's recipe."""
    i, j = np.arange(1, n + 1)[:, None], np.arange(1, d + 1)[None]
    return np.asarray(np.sin(a * i * j) + 0.5 * np.cos(b * i + c * j * j) + 0.1 * j * np.sin(0.9 * i))


X8 = made(60, 8, 0.37, 1.3, 0.7)
OTHERS = {"XY_8v8": made(60, 8, 0.53, 1.1, 0.4), "XW_8v5": made(60, 5, 0.29, 0.8, 1.9)}


@pytest.mark.parametrize("pair", OTHERS)
def test_values_of_independent_implementations(pair: str) -> None:
    hard = GOLDEN[f"{pair}/hard_correlation_match"]["resi"]
    assert correlation_matching(X8, OTHERS[pair]).value == pytest.approx(hard, abs=1e-9)
    soft = GOLDEN[f"{pair}/soft_matching_ot_corr"]["pot"]
    assert soft_matching(X8, OTHERS[pair]).value == pytest.approx(soft, abs=1e-9)


# --- planted truths ---


@pytest.mark.parametrize("match", [correlation_matching, soft_matching, partial_matching])
def test_a_planted_permutation_is_recovered_under_noise(match: Matched) -> None:
    """Signal to noise 10 in standard deviations, units rescaled: at least 99% of 2000 units."""
    right = total = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.maximum(rng.normal(size=(400, 100)), 0)
        order, noise = rng.permutation(100), rng.normal(size=(400, 100)) * X.std(axis=0) / 10
        Y = ((X + noise) * rng.uniform(0.1, 10, size=100))[:, order]
        found = match(X, Y, **({"max_unexplained": 0.03} if match is partial_matching else {}))
        right += int((order[found.pairs[:, 1]] == found.pairs[:, 0]).sum())
        total += 100
    assert right >= 0.99 * total


def test_soft_matching_spreads_a_split_unit() -> None:
    X = LEFT[:, :3]
    split = X[:, [2, 0, 1, 0, 2, 1]]  # every unit twice
    found = soft_matching(X, split)
    assert found.value == pytest.approx(1)
    assert found.pairs.tolist() == [[0, 1], [0, 3], [1, 2], [1, 5], [2, 0], [2, 4]]
    assert found.plan.sum(axis=1) == pytest.approx(np.full(3, 1 / 3))
    assert found.plan.sum(axis=0) == pytest.approx(np.full(6, 1 / 6))


def test_partial_matching_leaves_strangers_alone() -> None:
    strangers = RNG.normal(size=(90, 3))
    found = partial_matching(
        np.hstack([LEFT, strangers[:, :1]]), np.hstack([strangers[:, 1:], 3 * LEFT[:, ::-1]])
    )
    assert found.pairs.tolist() == [[0, 6], [1, 5], [2, 4], [3, 3], [4, 2]]
    assert found.value == pytest.approx(2 * 5 / (6 + 7))
    assert found.correlations == pytest.approx(np.ones(5))
    assert partial_matching(LEFT, strangers).value == 0
    assert partial_matching(LEFT, strangers).pairs.shape == (0, 2)


def test_the_assignment_is_the_best_of_all_permutations() -> None:
    C = np.corrcoef(LEFT[:, :4].T, RIGHT[:, :4].T)[:4, 4:]
    best = max(sum(C[i, j] for i, j in enumerate(order)) for order in itertools.permutations(range(4)))
    assert correlation_matching(LEFT[:, :4], RIGHT[:, :4]).value == pytest.approx(best / 4)


@pytest.mark.parametrize(("a", "b"), [(3, 5), (4, 6), (17, 19)])
def test_transport_is_optimal_by_duality(a: int, b: int) -> None:
    """Small widths are solved as an assignment, 17 x 19 as a program; the dual certifies either."""
    from scipy.optimize import linprog

    C = RNG.normal(size=(a, b))
    plan = transport(C)
    assert plan.min() >= -1e-12
    assert plan.sum(axis=1) == pytest.approx(np.full(a, 1 / a))
    assert plan.sum(axis=0) == pytest.approx(np.full(b, 1 / b))
    # The dual: the smallest sum u / a + sum v / b with u_i + v_j >= C_ij.
    rows = [np.concatenate([-np.eye(a)[i], -np.eye(b)[j]]) for i in range(a) for j in range(b)]
    cost = np.concatenate([np.full(a, 1 / a), np.full(b, 1 / b)])
    dual = linprog(cost, A_ub=np.array(rows), b_ub=-C.ravel(), bounds=(None, None))
    assert (plan * C).sum() == pytest.approx(dual.fun, abs=1e-9)


# --- invariances ---

TRANSFORMS: dict[str, Callable[[Array], Array]] = {
    "permutation": lambda Y: Y[:, [3, 0, 5, 1, 4, 2]],
    "one scale": lambda Y: 7 * Y,
    "unit scales": lambda Y: Y * [0.2, 1, 5, 0.5, 9, 1e-6],
    "translation": lambda Y: Y + np.array([5.0, -3, 0, 1, 8, 2]),
    "dead units": lambda Y: np.hstack([Y[:, :2], np.zeros((90, 2)), Y[:, 2:], np.full((90, 1), 3.7)]),
    "all units doubled": lambda Y: np.hstack([Y, Y]),
    "rotation": lambda Y: Y @ np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0],
    "one sign": lambda Y: -Y,
    "rows misaligned": lambda Y: np.roll(Y, 1, axis=0),
}
CHANGES = {
    "all units doubled": {"correlation", "partial"},
    "rotation": set(ALL),
    "one sign": set(ALL),
    "rows misaligned": set(ALL),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ALL)
def test_invariances(name: str, transform: str) -> None:
    before, after = ALL[name](LEFT, RIGHT).value, ALL[name](LEFT, TRANSFORMS[transform](RIGHT)).value
    if name in CHANGES.get(transform, set()):
        assert abs(before - after) > 1e-3
    else:
        assert after == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_matchings_are_symmetric_and_blind_to_the_order_of_rows(name: str) -> None:
    found, order = ALL[name](LEFT, RIGHT), RNG.permutation(90)
    assert ALL[name](RIGHT, LEFT).plan == pytest.approx(found.plan.T, abs=1e-9)
    assert ALL[name](LEFT[order], RIGHT[order]).value == pytest.approx(found.value, abs=1e-12)
    assert ALL[name](LEFT, LEFT).value == pytest.approx(1)


# --- the record ---


def test_a_matching_is_a_similarity_with_the_units_numbered_as_given() -> None:
    """Dead units are skipped, and the pairs count them."""
    X = np.hstack([np.zeros((90, 1)), LEFT[:, :2]])
    Y = np.hstack([LEFT[:, 1:2], np.ones((90, 2)), LEFT[:, :1]])
    found = correlation_matching(X, Y, null="rows", draws=19)
    assert isinstance(found, Similarity)
    assert found.pairs.tolist() == [[1, 3], [2, 0]]
    assert np.argwhere(found.plan).tolist() == [[1, 3], [2, 0]]
    assert found.plan.shape == (3, 4)
    assert (found.d_x, found.d_y, found.n_dead_x, found.n_dead_y) == (3, 4, 1, 2)
    assert found.p == 0.05
    assert float(found) == pytest.approx(1)
    assert repr(found) == "Matching(correlation_matching=1, p=0.05, n=90, 3 x 4 units)"
    assert found.to_dict()["measure"] == "correlation_matching"
    assert found == correlation_matching(X, Y, null="rows", draws=19)


@pytest.mark.parametrize("name", ALL)
def test_dead_layers_and_single_units(name: str) -> None:
    dead = np.ones((90, 2))
    found = ALL[name](LEFT, dead)
    assert found.value == 0
    assert found.flags == ("Y: no live unit",)
    assert found.pairs.shape == (0, 2)
    assert found.plan.shape == (5, 2)
    assert ALL[name](dead, dead).value == 1
    assert ALL[name](LEFT[:, :1], 2 * LEFT[:, :1]).pairs.tolist() == [[0, 0]]


def test_p_values_of_unrelated_layers_are_uniform() -> None:
    p = []
    for seed in range(200):
        X, Y = np.random.default_rng(seed).normal(size=(2, 40, 3))
        p.append(correlation_matching(X, Y, null="rows", draws=99, seed=seed).p)
    assert kstest(p, "uniform").pvalue > 0.01


def test_errors_of_the_matchings() -> None:
    with pytest.raises(InputError, match="X has 90 rows and Y 80"):
        correlation_matching(LEFT, RIGHT[:80])
    with pytest.raises(InputError, match="unexplained 0: give the tolerated"):
        partial_matching(LEFT, RIGHT, max_unexplained=0)
    with pytest.raises(InputError, match="matching 'hard': give one of correlation_matching, soft_matching"):
        matching_measure("hard")
