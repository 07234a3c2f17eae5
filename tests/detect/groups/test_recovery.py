"""Recovery: the group and the order of its elements, from a network's answers alone."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.groups.group_readings import read_group
from mathcircuits.detect.groups.group_truths import planted_irreps
from mathcircuits.detect.groups.named_groups import group_named
from mathcircuits.detect.groups.recovery import recover_group

RNG = np.random.default_rng(0)
S4 = group_named("S4")
POINT = np.array([word.startswith("0") for word in S4.elements])
PLANTED = planted_irreps(S4, ["3a"], subgroup=POINT)


def shuffled(first: np.ndarray, second: np.ndarray, out: np.ndarray, net: Network = PLANTED) -> Network:
    W, V = net.weights
    n = len(V)
    return Network([np.concatenate([W[:, :n][:, first], W[:, n:][:, second]], axis=1), V[out]])


def test_one_shuffled_order_is_found_with_the_same_irreps() -> None:
    order = RNG.permutation(24)
    net = shuffled(order, order, order)
    found = recover_group(net)
    assert (found.group.name, found.aligned, found.repaired) == ("S4", True, 0)
    # Up to an automorphism of S4 it is the order that was planted: characters agree element by element.
    for irrep in found.group.irreps:
        assert np.allclose(irrep.character, S4.irrep(irrep.name).character[order])
    reading = read_group(net, found.group, draws=20)
    assert (reading.used, reading.accuracy) == (("3a",), 1.0)


def test_three_orders_are_found_too() -> None:
    net = shuffled(*(RNG.permutation(24) for _ in range(3)))
    found = recover_group(net)
    assert (found.group.name, found.aligned) == ("S4", False)
    assert "several orders" in repr(found)
    reading = read_group(found.reordered(net), found.group, draws=20)
    assert (reading.used, reading.accuracy) == (("3a",), 1.0)


def test_a_few_wrong_answers_are_repaired() -> None:
    W, V = PLANTED.weights
    noisy = Network([W, V + RNG.normal(size=V.shape) * 0.2])
    found = recover_group(noisy)
    assert 0 < found.repaired < 0.1
    assert found.group.name == "S4"


def test_no_group_no_recovery() -> None:
    with pytest.raises(InputError, match="of the answers break the rule that a row of a group's table"):
        recover_group(Network([RNG.normal(size=(30, 24)), RNG.normal(size=(12, 30))]))


def test_a_group_without_a_name_is_still_a_group() -> None:
    # The dicyclic group of order 12 is none of those with a name: a^6 = 1, b^2 = a^3, b a = a^-1 b.
    def product(x: int, y: int) -> int:
        (i, j), (k, m) = divmod(x, 2), divmod(y, 2)
        power = i + (-k if j else k) + (3 if j and m else 0)
        return power % 6 * 2 + (j + m) % 2

    table = np.array([[product(x, y) for y in range(12)] for x in range(12)])
    n = 12
    W = np.concatenate([np.repeat(np.eye(n), n, axis=0), np.tile(np.eye(n), (n, 1))], axis=1)
    V = np.eye(n)[table.ravel()].T
    net = Network([W, V], [np.full(n * n, -1.0), None])
    found = recover_group(net)
    assert (found.group.name, found.known) == ("group of order 12", False)
    assert sorted(irrep.kind for irrep in found.group.irreps) == ["complex"] + ["quaternionic"] + ["real"] * 3
