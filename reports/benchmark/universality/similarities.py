"""Similarities: what the measures say of layers and networks whose relation is known.

Null levels and p-values of unrelated layers, planted permutations, networks written in another way, and the three ways
to compute a minimum.
"""

from __future__ import annotations

import tracemalloc

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network, tasks
from mathcircuits.detect.similarity import (
    circuit_similarity,
    cka,
    correlation_matching,
    procrustes,
    soft_matching,
    weight_matching,
)

from ..scores import Bound, Score, Setting, share

Array = npt.NDArray[np.float64]

PART = "similarity"
NULL_CKA = Bound(
    "similarity: mean unbiased CKA of independent Gaussians (n=128, d=64, 20 draws) at most 0.01", 0.01
)
UNIFORM = Bound(
    "similarity: p-values of unrelated layers uniform (Kolmogorov-Smirnov p above 0.01)", 0.01, most=False
)
LEAN = Bound("similarity: unbiased CKA at n=5000, d=128 needs less than half an n x n matrix", 0.5)
PERMUTED = Bound(
    "similarity: at least 99% of permuted units recovered at signal to noise 10", 0.99, most=False
)
WEIGHTS = Bound("similarity: weight matching recovers every planted permutation", 1.0, most=False)
REGAUGED = Bound("similarity: re-gauged copies score 1 (to 1e-6)", 1 - 1e-6, most=False)
UNRELATED = Bound("similarity: median circuit similarity of unrelated networks at most 0.05", 0.05)
FORMS = Bound("similarity: the three forms of min at most 0.3 before the swap of inputs is quotiented", 0.3)
SWAPPED = Bound("similarity: after the swap the x1 and x2 forms score 1 (to 1e-6)", 1 - 1e-6, most=False)
HALF = Bound("similarity: after the swap either against the half-sum form at most 0.3", 0.3)

#: min(x1, x2) as x1 - relu(x1 - x2), as x2 - relu(x2 - x1) and as (x1 + x2) / 2 - |x1 - x2| / 2.
MINIMA = {
    "x1": Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]),
    "x2": Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]]),
    "half-sum": Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]]),
}


def similarity_scores(*, seed: int = 0, pairs: int = 200) -> list[Score]:
    """Everything in this module, in about ten seconds; `pairs` are drawn for each of the tests of p."""
    return [*_null_levels(seed, pairs), *_permutations(seed), *_circuits(seed)]


def _null_levels(seed: int, pairs: int) -> list[Score]:
    from scipy.stats import kstest

    gaussian = Setting("independent Gaussians", inputs=64)
    drawn = [np.random.default_rng([seed, k]).normal(size=(2, 128, 64)) for k in range(20)]
    level = float(np.mean([cka(X, Y).value for X, Y in drawn]))
    scores = [Score(PART, gaussian, "mean unbiased CKA, its size", abs(level), n=20, bound=NULL_CKA)]
    for name, measure in (("cka", cka), ("procrustes", procrustes)):
        p = []
        for k in range(pairs):
            rng = np.random.default_rng([seed, 1, k])
            X, Y = rng.normal(size=(40, 3)), np.maximum(rng.normal(size=(40, 4)), 0)
            p.append(measure(X, Y, null="rows", draws=99, seed=k).p)
        at = Setting(f"unrelated layers, {name}")
        scores.append(Score(PART, at, "KS p", float(kstest(p, "uniform").pvalue), n=pairs, bound=UNIFORM))
    X, Y = np.random.default_rng(seed).normal(size=(2, 5000, 128))
    tracemalloc.start()
    try:
        cka(X, Y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    scores.append(
        Score(
            PART,
            Setting("5000 rows", inputs=128),
            "memory of an n x n matrix",
            peak / (8 * 5000**2),
            bound=LEAN,
        )
    )
    return scores


def _permutations(seed: int) -> list[Score]:
    scores = []
    for name, match in (("correlation", correlation_matching), ("soft", soft_matching)):
        right = total = 0
        for k in range(20):
            rng = np.random.default_rng([seed, 2, k])
            X = np.maximum(rng.normal(size=(400, 100)), 0)
            order, noise = rng.permutation(100), rng.normal(size=(400, 100)) * X.std(axis=0) / 10
            found = match(X, ((X + noise) * rng.uniform(0.1, 10, size=100))[:, order])
            right += int((order[found.pairs[:, 1]] == found.pairs[:, 0]).sum())
            total += 100
        scores.append(
            share(PART, Setting(f"planted permutation, {name}"), "units recovered", right, total, PERMUTED)
        )
    exact = tries = 0
    for sizes in ((2, 3, 1), (2, 64, 1), (3, 16, 12, 2), (4, 24, 24, 24, 1)):
        for k in range(5):
            rng = np.random.default_rng([seed, 3, k, *sizes])
            net = random_network(rng, sizes)
            orders = [rng.permutation(width) for width in sizes[1:-1]]
            found_orders = weight_matching(net, shuffled(net, orders)).permutations
            exact += all(
                order[permutation].tolist() == list(range(len(order)))
                for order, permutation in zip(orders, found_orders, strict=True)
            )
            tries += 1
    scores.append(share(PART, Setting("permuted networks"), "recovered by weights", exact, tries, WEIGHTS))
    return scores


def _circuits(seed: int) -> list[Score]:
    rng = np.random.default_rng([seed, 4])
    copies = []
    for width in (1, 3, 8, 24):
        net = random_network(rng, (2, width, 1))
        copies.append(circuit_similarity(net, regauged(net, rng)))
    unrelated = [
        circuit_similarity(random_network(rng, (2, 8, 1)), random_network(rng, (2, 8, 1))) for _ in range(100)
    ]
    swap = tasks["minimum"].symmetries
    first, second, half = MINIMA.values()
    before = [circuit_similarity(f, g) for f, g in ((first, second), (first, half), (second, half))]
    against = [circuit_similarity(f, half, symmetries=swap) for f in (first, second)]
    joined = circuit_similarity(first, second, symmetries=swap)
    minimum = Setting("forms of min", task="minimum")
    return [
        Score(PART, Setting("re-gauged copies"), "least circuit similarity", min(copies), n=4, bound=REGAUGED),
        Score(
            PART, Setting("unrelated networks", width=8), "median circuit similarity", float(np.median(unrelated)),
            n=100, bound=UNRELATED,
        ),
        Score(PART, minimum, "largest before the swap", max(before), n=3, bound=FORMS),
        Score(PART, minimum, "x1 and x2 forms after it", joined, n=1, bound=SWAPPED),
        Score(PART, minimum, "either against the half-sum form after it", max(against), n=2, bound=HALF),
    ]  # fmt: skip


def random_network(rng: np.random.Generator, sizes: tuple[int, ...]) -> Network:
    """Weights and biases by the law of `nn.Linear`."""
    bounds = [1 / np.sqrt(low) for low in sizes[:-1]]
    weights = [
        rng.uniform(-b, b, (high, low)) for b, low, high in zip(bounds, sizes, sizes[1:], strict=False)
    ]
    return Network(weights, [rng.uniform(-b, b, high) for b, high in zip(bounds, sizes[1:], strict=True)])


def shuffled(network: Network, orders: list[npt.NDArray[np.intp]]) -> Network:
    """The same function with the hidden neurons in another order."""
    weights, biases = list(network.weights), list(network.bias_vectors)
    for k, order in enumerate(orders):
        weights[k], biases[k] = weights[k][order], biases[k][order]
        weights[k + 1] = weights[k + 1][:, order]
    return Network(weights, biases)


def regauged(network: Network, rng: np.random.Generator) -> Network:
    """Permuted, rescaled, every neuron split in two, dead ones added: the same circuit, written otherwise."""
    (W, V), (b, c) = network.weights, network.bias_vectors
    order = rng.permutation(2 * len(W))
    scale, part = rng.uniform(0.2, 5, 2 * len(W)), rng.uniform(0.1, 0.9, len(W))
    incoming, offsets = np.vstack([W, W]) * scale[:, None], np.concatenate([b, b]) * scale
    outgoing = np.hstack([V * part, V * (1 - part)]) / scale
    dead = rng.normal(size=(3, W.shape[1]))
    return Network(
        [np.vstack([incoming[order], dead]), np.hstack([outgoing[:, order], rng.normal(size=(len(V), 3))])],
        [np.concatenate([offsets[order], -np.abs(dead).sum(axis=1) - 0.1]), c],
    )
