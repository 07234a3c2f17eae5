"""Pair baselines: whether two networks are said to be one mechanism, by similarity of layers, by weights, by ours."""

from __future__ import annotations

from collections.abc import Callable

from mathcircuits.detect import InputError, Network, weight_matching
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import Stack
from mathcircuits.detect.similarity import circuit_similarity, pairwise

from .zoofiles import Zoo

Row = dict[str, object]
#: Two networks are called one mechanism from this similarity on; the project's own limit for its circuit similarity
#: (docs/understand/similarity.md, Circuit similarity), and as high as the literature's.
SAME_FROM = 0.9


def similar_pairs(zoo: Zoo, measure: str) -> list[Row]:
    """Pairs whose last hidden layers are similar by a measure of representations.

    Args:
        measure: a name of `pairwise`.
    """

    def value(first: Network, second: Network) -> float:
        X = probes_for(first.inputs).X
        layers = [Stack.of([network]).forward(X).post[-1][0] for network in (first, second)]
        return float(pairwise([layers[0]], measure, against=[layers[1]])[0, 0])

    return _claimed(zoo, value)


def weight_pairs(zoo: Zoo) -> list[Row]:
    """Pairs whose weights agree once the units are permuted (Git Re-Basin), by cosine."""
    return _claimed(zoo, lambda first, second: float(weight_matching(first, second)))


def our_pairs(zoo: Zoo) -> list[Row]:
    """Pairs whose circuit similarity is at least 0.9; networks of more than one hidden layer are left out."""

    def value(first: Network, second: Network) -> float:
        try:
            return circuit_similarity(first, second)
        except InputError:
            return 0.0

    return _claimed(zoo, value)


def _claimed(zoo: Zoo, value: Callable[[Network, Network], float]) -> list[Row]:
    rows: list[Row] = []
    for first, second in zoo.pairs[["network", "other"]].itertuples(index=False, name=None):
        similarity = value(zoo.network(first), zoo.network(second))
        if similarity >= SAME_FROM:
            rows.append({"kind": "pair", "network": first, "other": second, "score": min(similarity, 1.0)})
    return rows
