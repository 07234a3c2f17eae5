"""Weight matching: planted permutations come back, and the barrier by hand."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.similarity.weight_permutations import weight_matching

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
