"""Deep mechanisms: one for re-gauged copies, symmetric, and sensitive to edges and scale."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.similarity.deep_mechanisms import deep_mechanism, deep_similarities
from mathcircuits.detect.similarity.mechanisms import LEVELS, Level

MINIMUM = hand_derived("minimum")


def scrambled(network: Network, rng: np.random.Generator) -> Network:
    """The same function with its units permuted and rescaled, and a dead one added to its last hidden layer."""
    weights = [w.copy() for w in network.weights]
    biases = [b.copy() for b in network.bias_vectors]
    for k in range(len(weights) - 1):
        order, scale = rng.permutation(len(weights[k])), rng.uniform(0.2, 5, len(weights[k]))
        weights[k], biases[k] = weights[k][order] * scale[:, None], biases[k][order] * scale
        weights[k + 1] = weights[k + 1][:, order] / scale
    return Network(weights, None if network.biases is None else biases)


# --- two hidden layers: last layer and edges ---


def regauged(network: Network, rng: np.random.Generator) -> Network:
    """The same function: units permuted, rescaled, one of either layer split, a dead one added to either."""
    W1, W2, W3 = (w.copy() for w in network.weights)
    W1, W2 = np.vstack([W1, W1[:1], 0 * W1[:1]]), np.column_stack([W2, 0.3 * W2[:, 0], W2[:, 0]])
    W2[:, 0] *= 0.7
    W2, W3 = np.vstack([W2, W2[:1], -np.abs(W2[:1])]), np.column_stack([W3, 0.6 * W3[:, 0], W3[:, 0]])
    W3[:, 0] *= 0.4
    return scrambled(Network([W1, W2, W3]), rng)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["minimum-of-4", "median-of-3", "minimum-older-form"])
def test_deep_similarity_is_one_for_regauged_copies(name: str, level: Level) -> None:
    net = hand_derived(name)
    own = deep_mechanism(net, level=level)
    for seed in range(3):
        other = regauged(net, np.random.default_rng(seed))
        X = np.random.default_rng(0).uniform(-1, 1, (100, net.inputs))
        assert other(X) == pytest.approx(net(X), abs=1e-12)
        assert own.similarity(deep_mechanism(other, level=level)) == pytest.approx(1, abs=1e-9)
    assert own.similarity(own) == 1


def test_deep_similarity_sees_the_edges() -> None:
    four = hand_derived("minimum-of-4")
    W1, W2, W3 = four.weights
    # min(x1, x2) carried by x2 instead of x1: the same variables, and so the same last layer, by other edges.
    slid = W1.copy()
    slid[0], slid[1], slid[2] = [-1, 1, 0, 0], [0, 1, 0, 0], [0, -1, 0, 0]
    other = Network([slid, W2, W3])
    X = np.random.default_rng(0).uniform(-1, 1, (100, 4))
    assert np.abs(W1[:3] - [[1, -1, 0, 0], [1, 0, 0, 0], [-1, 0, 0, 0]]).max() == 0
    assert other(X) == pytest.approx(four(X), abs=1e-12)
    value = deep_similarities([deep_mechanism(four)], [deep_mechanism(other)]).item()
    assert value < 0.7
    # Rescaling alone changes nothing, a flipped sign everything.
    assert deep_mechanism(four).similarity(deep_mechanism(Network([2 * W1, W2 / 2, W3]))) == pytest.approx(1)
    assert deep_mechanism(four).similarity(deep_mechanism(Network([2 * W1, W2 / 2, -W3]))) == 0


def test_the_level_of_atoms_sees_how_a_linear_part_is_carried() -> None:
    # relu(relu(x2) - x1), to which x1 comes by a pair of kinks or by a unit that is always on.
    kinked = Network([[[1, 0], [-1, 0], [0, 1]], [[-1, 1, 1]], [[1]]])
    shifted = Network([[[1, 0], [0, 1]], [[-1, 1]], [[1]]], [[1, 0], [1], [0]])
    X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    assert kinked(X) == pytest.approx(shifted(X), abs=1e-12)
    similar = {
        level: deep_mechanism(kinked, level=level).similarity(deep_mechanism(shifted, level=level))
        for level in LEVELS
    }
    assert similar["reduced"] == pytest.approx(1, abs=1e-9)
    assert similar["atoms"] < 0.5


def test_deep_similarity_is_symmetric_and_scale_sensitive() -> None:
    rng = np.random.default_rng(0)
    nets = [
        Network([rng.normal(size=(5, 2)), rng.normal(size=(4, 5)), rng.normal(size=(2, 4))]) for _ in range(4)
    ]
    mechanisms = [deep_mechanism(net) for net in nets]
    values = deep_similarities(mechanisms, mechanisms)
    assert values == pytest.approx(values.T, abs=1e-9)
    assert np.diag(values) == pytest.approx(1)
    assert values[~np.eye(4, dtype=bool)].max() < 0.6
    double = Network([*nets[0].weights[:2], 2 * nets[0].weights[2]])
    assert mechanisms[0].similarity(deep_mechanism(double)) == pytest.approx(0.5, abs=1e-9)
    for i in range(4):
        one_by_one = [mechanisms[i].similarity(other) for other in mechanisms]
        assert values[i] == pytest.approx(np.array(one_by_one), abs=1e-12)


def test_deep_networks_that_are_constant() -> None:
    nothing = Network([[[1, 0]], [[-1]], [[1]]])
    empty, own = deep_mechanism(nothing), deep_mechanism(hand_derived("minimum-older-form"))
    assert empty.empty
    assert empty.similarity(empty) == 1
    assert empty.similarity(own) == own.similarity(empty) == 0


def test_deep_error_texts() -> None:
    with pytest.raises(
        InputError, match="edges are compared between networks with two hidden layers of ReLU"
    ):
        deep_mechanism(MINIMUM)
    older = hand_derived("minimum-older-form")
    with pytest.raises(InputError, match="deep mechanisms of several boxes, levels or numbers of outputs"):
        deep_mechanism(older).similarity(deep_mechanism(older, box=(-2, 2)))
    with pytest.raises(InputError, match="deep mechanisms of several boxes, levels or numbers of outputs"):
        deep_mechanism(older).similarity(deep_mechanism(older, level="atoms"))
