"""Tables modulo p: they give the network's own logits; what can be planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular.fourier import read_fourier
from mathcircuits.detect.modular.nulls import fourier_null
from mathcircuits.detect.modular.tables import (
    Tables,
    accuracy,
    check_modulus,
    modulus_of,
    planted,
    sums_of,
)

RNG = np.random.default_rng(0)
NULL = fourier_null(planted(11, [1, 2]).architecture, draws=40)


# Tables


def test_tables_give_the_networks_own_logits() -> None:
    p = 7
    shapes = [(9, 14), (5, 9), (p, 5)]
    net = Network(
        [RNG.normal(size=s) for s in shapes], [RNG.normal(size=s[0]) for s in shapes], ["identity", "relu"]
    )
    eye = np.eye(p)
    X = np.array([np.concatenate([eye[a], eye[b]]) for a, b in itertools.product(range(p), repeat=2)])
    tables = Tables.of(net)
    assert np.allclose(tables.logits(), net(X))
    assert np.allclose(tables.hidden().T, net.run(X)["blocks.1.mlp.hook_post"])
    assert sums_of(p).tolist() == [int(x[:p].argmax() + x[p:].argmax()) % p for x in X]
    behind = Network([*net.weights, RNG.normal(size=(p, p))], activation=["identity", "relu", "identity"])
    assert np.allclose(Tables.of(behind).logits(), behind(X))


def test_networks_of_another_kind_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"3 inputs and 1 outputs: modular addition needs 2 p one-hot inputs"
    ):
        modulus_of(Network([np.ones((1, 3))]))
    with pytest.raises(InputError, match=r"2 inputs and 1 outputs: modular addition needs"):
        modulus_of(Network([np.ones((1, 2))]))
    with pytest.raises(InputError, match="has 2 non-linear hidden layers"):
        Tables.of(Network([np.ones((4, 6)), np.ones((4, 4)), np.ones((3, 4))]))
    with pytest.raises(InputError, match="writes the same logits whatever its inputs"):
        read_fourier(Network([np.ones((4, 22)), np.zeros((11, 4))]), null=NULL)


@pytest.mark.parametrize("p", [1, 2, 4, 9, 15, 7.0, True, "7"])
def test_no_odd_prime_no_modulus(p: object) -> None:
    with pytest.raises(InputError, match="give an odd prime, such as 31"):
        check_modulus(p)  # type: ignore[arg-type]


def test_accuracy_counts_the_chosen_pairs() -> None:
    net = planted(7, [1])
    constant = Network([np.zeros((1, 14)), np.eye(7)[:, :1]], [None, np.eye(7)[2]])
    assert accuracy(net) == 1.0
    assert accuracy(constant) == pytest.approx(1 / 7)
    assert accuracy(constant, sums_of(7) == 2) == 1.0
    with pytest.raises(InputError, match="a mask of 49 pairs with 0 chosen"):
        accuracy(net, np.zeros((7, 7), bool))


@pytest.mark.parametrize(
    ("ks", "turn", "message"), [([4], 1, "from 1 to 3"), ([0], 1, "from 1"), ([1], 3, "turn 3")]
)
def test_what_cannot_be_planted(ks: list[int], turn: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planted(7, ks, turn=turn)
