"""Layer by layer: normalised layers, what cells show dead, and derived networks that survive."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.layerwise import normalise_layers
from mathcircuits.detect.features.task import hand_derived, hand_derived_names
from mathcircuits.detect.networks.network import Network

# --- deeper networks --------------------------------------------------------------------------------------


def regauged_layers(network: Network, rng: np.random.Generator) -> Network:
    """Every hidden layer permuted, rescaled, one unit split, and a dead unit added."""
    W, b = [w.copy() for w in network.weights], [v.copy() for v in network.bias_vectors]
    for k in range(len(W) - 1):
        split, share = int(rng.integers(len(W[k]))), rng.uniform(0.2, 0.8)
        W[k], b[k] = np.concatenate([W[k], W[k][[split]]]), np.concatenate([b[k], b[k][[split]]])
        W[k + 1] = np.concatenate([W[k + 1], W[k + 1][:, [split]] * (1 - share)], axis=1)
        W[k + 1][:, split] *= share
        W[k] = np.concatenate([W[k], rng.normal(size=(1, W[k].shape[1]))])
        b[k] = np.append(b[k], -1e3)
        W[k + 1] = np.concatenate([W[k + 1], rng.normal(size=(len(W[k + 1]), 1))], axis=1)
        order, scale = rng.permutation(len(W[k])), 10.0 ** rng.uniform(-1, 1, len(W[k]))
        W[k], b[k] = (W[k] * scale[:, None])[order], (b[k] * scale)[order]
        W[k + 1] = (W[k + 1] / scale)[:, order]
    return Network(W, b, network.activations)


@pytest.mark.parametrize("sizes", [(1, 4, 3, 1), (2, 8, 5, 1), (2, 4, 4, 4, 2), (4, 6, 3, 1)])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.1)"])
def test_normalised_layers(sizes: tuple[int, ...], activation: str) -> None:
    rng = np.random.default_rng(17)
    for _ in range(5):
        W = [rng.normal(size=(b, a)) for a, b in pairwise(sizes)]
        network = Network(W, [rng.normal(size=b) / 2 for b in sizes[1:]], activation)
        X = rng.uniform(-1, 1, (100, sizes[0]))
        first = normalise_layers(network)
        np.testing.assert_allclose(first(X), network(X), atol=1e-11)
        for w in first.weights[:-1]:
            assert np.allclose(np.linalg.norm(w, axis=1), 1.0) or (w == 0).all()
        again = normalise_layers(first)
        if activation == "relu":  # a leaky unit is never dead
            other = normalise_layers(regauged_layers(network, rng))
            assert other.sizes == first.sizes
            for a, b in zip(first.weights, other.weights, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-9)
        for a, b in zip(first.weights, again.weights, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


def test_normalised_layers_drop_what_cells_show_dead() -> None:
    """relu(a - b) with a <= b on the box is dead although intervals cannot tell."""
    net = Network([[[1.0, 0.0], [1.0, 0.0]], [[0.5, -1.0], [1.0, 0.0]], [[1.0, 1.0]]])
    assert normalise_layers(net).sizes == (2, 1, 1, 1)
    nothing = normalise_layers(Network([[[1.0]], [[1.0]], [[1.0]]], [[-5.0], None, [2.0]]))
    assert nothing.sizes == (1, 1, 1, 1)
    assert nothing([[0.5]]).tolist() == [[2.0]]
    with pytest.raises(InputError, match="layers of tanh have no such standard form"):
        normalise_layers(Network([[[1.0]], [[1.0]]], activation="tanh"))


@pytest.mark.parametrize("name", hand_derived_names())
def test_derived_networks_survive(name: str) -> None:
    network = hand_derived(name)
    X = np.random.default_rng(18).uniform(-1, 1, (100, network.inputs))
    np.testing.assert_allclose(normalise_layers(network)(X), network(X), atol=1e-13)


def test_slopes_are_kept_to_the_last_digit() -> None:
    """A slope printed with six digits was 7e-7 off at the output."""
    slope = 0.12345678901234567
    net = Network([[[1.0, 2.0]], [[1.0]], [[3.0]]], None, f"leaky_relu({slope!r})")
    assert normalise_layers(net).activations == net.activations
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert normalise_layers(net)(X) == pytest.approx(net(X), abs=1e-13)
