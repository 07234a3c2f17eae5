"""Pair baselines: whether two networks are said to be one mechanism, by similarity of layers, by weights, by ours."""

from __future__ import annotations

from collections.abc import Callable

from mathcircuits.detect import InputError, Network, weight_matching
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import Stack
from mathcircuits.detect.similarity import circuit_similarity, deep_mechanism, pairwise

from .watching import watched
from .zoofiles import Zoo

Row = dict[str, object]
#: Two networks are called one mechanism from this circuit similarity on (docs/understand/similarity.md, Circuit
#: similarity).
SAME_FROM = 0.9


def similar_pairs(zoo: Zoo, measure: str) -> list[Row]:
    """Every pair, with the similarity of the last hidden layers by a measure of representations.

    Args:
        measure: a name of `pairwise`.
    """

    def value(first: Network, second: Network) -> float:
        X = probes_for(first.inputs).X
        layers = [Stack.of([network]).forward(X).post[-1][0] for network in (first, second)]
        return float(pairwise([layers[0]], measure, against=[layers[1]])[0, 0])

    return _claimed(zoo, value)


def weight_pairs(zoo: Zoo) -> list[Row]:
    """Every pair, with the cosine of the weights once the units are permuted (Git Re-Basin)."""
    return _claimed(zoo, lambda first, second: float(weight_matching(first, second)))


def our_pairs(zoo: Zoo) -> list[Row]:
    """Every pair of networks with one or two hidden layers, with their circuit similarity neuron by neuron.

    The labels of the zoo say whether two networks are gauges of one implementation. That is the level of atoms: at the
    reduced level x1 and relu(x1 + 1) - 1 carry the same affine part, and count as the same.
    """

    def value(first: Network, second: Network) -> float:
        try:
            if len(first.weights) == len(second.weights) == 3:
                return deep_mechanism(first, level="atoms").similarity(deep_mechanism(second, level="atoms"))
            return circuit_similarity(first, second, level="atoms")
        except InputError:
            return 0.0

    return _claimed(zoo, value)


def _claimed(zoo: Zoo, value: Callable[[Network, Network], float]) -> list[Row]:
    return [
        {
            "kind": "pair", "network": first, "other": second,
            "score": min(max(value(zoo.network(first), zoo.network(second)), 0.0), 1.0),
        }
        for first, second in zip(watched(zoo.pairs["network"], "pairs"), zoo.pairs["other"], strict=True)
    ]  # fmt: skip
