"""Matchings of units and of weights: planted truths, golden values, invariances, degenerate layers."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import kstest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.similarity.alignment import (
    Matching,
    correlation_matching,
    matching_measure,
    partial_matching,
    soft_matching,
    transport,
)
from mathcircuits.detect.similarity.measures import Similarity
from mathcircuits.detect.similarity.weight_permutations import weight_matching

Array = np.ndarray[Any, np.dtype[np.float64]]
Matched = Callable[..., Matching]

GOLDEN = json.loads((Path(__file__).parents[2] / "data" / "similarity_golden.json").read_text())["values"]
RNG = np.random.default_rng(11)
LEFT = RNG.normal(size=(90, 5)) * [1, 2, 0.5, 3, 1] + [0, 1, 2, -1, 0.5]
RIGHT = LEFT @ RNG.normal(size=(5, 6)) + RNG.normal(size=(90, 6))


def loose(X: Array, Y: Array) -> Matching:
    """Partial matching with a bar that generic layers meet now and then."""
    return partial_matching(X, Y, unexplained=0.8)


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
        found = match(X, Y, **({"unexplained": 0.03} if match is partial_matching else {}))
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
        partial_matching(LEFT, RIGHT, unexplained=0)
    with pytest.raises(InputError, match="matching 'hard': give one of correlation_matching, soft_matching"):
        matching_measure("hard")


# --- weights ---


def random_network(rng: np.random.Generator, sizes: tuple[int, ...], bias: bool) -> Network:
    weights = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(sizes)]
    return Network(weights, [rng.normal(size=b) for b in sizes[1:]] if bias else None)


def shuffled(network: Network, orders: Sequence[npt.NDArray[np.integer]]) -> Network:
    """The same function with the hidden units in another order."""
    weights, biases = list(network.weights), list(network.bias_vectors)
    for k, order in enumerate(orders):
        weights[k], biases[k] = weights[k][order], biases[k][order]
        weights[k + 1] = weights[k + 1][:, order]
    return Network(weights, None if network.biases is None else biases)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", [(2, 3, 1), (2, 64, 1), (3, 16, 12, 2), (4, 24, 24, 24, 1)])
def test_a_planted_permutation_of_weights_is_recovered_exactly(sizes: tuple[int, ...], bias: bool) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net = random_network(rng, sizes, bias)
        orders = [rng.permutation(width) for width in sizes[1:-1]]
        inputs = rng.uniform(-1, 1, size=(20, sizes[0]))
        found = weight_matching(net, shuffled(net, orders), inputs=inputs)
        for order, permutation in zip(orders, found.permutations, strict=True):
            assert order[permutation].tolist() == list(range(len(order)))
        assert found.value == pytest.approx(1)
        if sizes[1] > 3:  # three units may have been shuffled into their own order
            assert found.before < 0.9
        assert found.barrier == pytest.approx(0, abs=1e-12)
        for mine, theirs in zip(found.aligned.weights, net.weights, strict=True):
            assert np.array_equal(mine, theirs)


def test_one_hidden_layer_is_solved_exactly() -> None:
    a, b = (random_network(np.random.default_rng(seed), (2, 5, 2), True) for seed in (0, 1))

    def cosine(other: Network) -> float:
        flat = [np.concatenate([w.ravel() for w in (*n.weights, *n.bias_vectors)]) for n in (a, other)]
        return float(flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]))

    best = max(cosine(shuffled(b, [np.array(order)])) for order in itertools.permutations(range(5)))
    found = weight_matching(a, b)
    assert found.value == pytest.approx(best)
    assert found.value == pytest.approx(cosine(found.aligned))
    assert found.before == pytest.approx(cosine(b))
    assert (found.path, found.barrier, found.sweeps) == (None, None, 1)


def test_the_aligned_network_is_the_same_function_and_deeper_matching_helps() -> None:
    rng = np.random.default_rng(5)
    a, b = (random_network(rng, (3, 10, 8, 2), True) for _ in range(2))
    X = rng.normal(size=(30, 3))
    found = weight_matching(a, b, inputs=X, targets=a(X), points=7)
    assert found.aligned(X) == pytest.approx(b(X))
    assert found.value > found.before
    assert found.path is not None
    assert found.path.shape == (7,)
    assert found.path[0] == 0
    assert found.path[-1] == pytest.approx(((b(X) - a(X)) ** 2).mean())


def test_the_barrier_by_hand() -> None:
    """Hidden units of opposite sign meet half way at 0."""
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    crossed = Network([[[-1.0], [1.0]], [[1.0, 1.0]]])
    X = np.array([[-1.0], [1.0]])
    assert weight_matching(net, crossed, inputs=X, targets=np.abs(X)).barrier == pytest.approx(0)
    up, down = Network([[[1.0]], [[1.0]]]), Network([[[-1.0]], [[1.0]]])
    found = weight_matching(up, down, inputs=X, targets=np.ones((2, 1)), points=3)
    # Ends: relu(x) gives 0 and 1 where 1 and 1 are asked, loss 1/2; half way all is 0, loss 1.
    assert found.path is not None
    assert found.path.tolist() == [0.5, 1.0, 0.5]
    assert found.barrier == 0.5


def test_networks_without_hidden_layers_or_weights() -> None:
    linear = Network([[[1.0, 2.0]]])
    found = weight_matching(linear, Network([[[2.0, 4.0]]]))
    assert found.permutations == ()
    assert found.value == pytest.approx(1)
    zeros = Network([np.zeros((2, 1)), np.zeros((1, 2))])
    assert weight_matching(zeros, zeros).value == 0
    assert math.isfinite(weight_matching(zeros, Network([np.ones((2, 1)), np.ones((1, 2))])).value)


def test_the_weight_matching_record() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    found = weight_matching(net, net, inputs=[[1.0], [2.0]])
    assert repr(found) == "WeightMatching(cosine=1, before=1, barrier=0)"
    assert json.loads(json.dumps(found.to_dict()))["permutations"] == [[0, 1]]
    assert float(found) == found.value


def test_errors_of_weight_matching() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
    wide = Network([np.ones((3, 1)), np.ones((1, 3))])
    with pytest.raises(InputError, match="sizes and activations must be equal"):
        weight_matching(net, wide)
    with pytest.raises(InputError, match="sizes and activations must be equal"):
        weight_matching(net, Network(net.weights, activation="tanh"))
    with pytest.raises(InputError, match="2 points on the path: give at least 3"):
        weight_matching(net, net, inputs=[[1.0]], points=2)
    with pytest.raises(InputError, match=r"targets of shape \(2,\): the networks give \(1, 1\)"):
        weight_matching(net, net, inputs=[[1.0]], targets=[1.0, 2.0])
