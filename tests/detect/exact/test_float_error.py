"""The rounding of a forward pass stays below its bound, in float32 and in float64."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.exact.float_error import FloatError, float_error
from mathcircuits.detect.exact.piecewise import from_network
from mathcircuits.detect.networks.network import Network

ACTIVATIONS = ["relu", "leaky_relu(0.3)", "relu6", "hardtanh(-2,3.7)", "leaky_relu(-1.7)", "identity"]


def drawn(seed: int) -> tuple[Network, tuple[tuple[float, float], ...]]:
    """A network of random shape, scales and activations, every third with biases of 4096; and a box."""
    rng = np.random.default_rng(seed)
    sizes = [*rng.integers(1, 9, rng.integers(2, 5)), rng.integers(1, 3)]
    W = [10.0 ** rng.uniform(-3, 3) * rng.normal(size=(b, a)) for a, b in pairwise(sizes)]
    biases = [rng.normal(size=b) * (4096.0 if seed % 3 == 0 else 1.0) for b in sizes[1:]]
    names = [str(name) for name in rng.choice(ACTIVATIONS, len(W) - 1)]
    width = 10.0 ** rng.uniform(-3, 3)
    return Network(W, biases, names), tuple((-width, width * rng.uniform(0.1, 1)) for _ in range(sizes[0]))


def torch_outputs(network: Network, X: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """What torch computes in a format."""
    h = torch.tensor(X).to(dtype)
    for w, b, name in zip(
        network.weights, network.bias_vectors, (*network.activations, "identity"), strict=True
    ):
        h = torch.nn.functional.linear(h, torch.tensor(w).to(dtype), torch.tensor(b).to(dtype))
        if name == "relu":
            h = torch.relu(h)
        elif name == "relu6":
            h = torch.nn.functional.relu6(h)
        elif name.startswith("hardtanh"):
            h = torch.nn.functional.hardtanh(h, -2.0, 3.7)
        elif name.startswith("leaky"):
            h = torch.nn.functional.leaky_relu(h, float(name[11:-1]))
    return h.double().numpy()


def points(box: tuple[tuple[float, float], ...], n: int, seed: int) -> np.ndarray:
    low, high = np.array(box).T
    return np.random.default_rng(seed).uniform(low, high, (n, len(box)))


@pytest.mark.parametrize("seed", range(8))
def test_both_formats_stay_within_their_bounds_of_fractions(seed: int) -> None:
    """Against exact rational values, 40 networks a seed."""
    nearest = 0.0
    for draw in range(40 * seed, 40 * seed + 40):
        network, box = drawn(draw)
        bound, X = float_error(network, box), points(box, 3, draw)
        assert bound is not None
        true = from_network(network, exact=True)(
            np.array([[Fraction(v) for v in row] for row in X], dtype=object)
        )
        for limit, dtype in ((bound.float32, torch.float32), (bound.float64, torch.float64)):
            off = torch_outputs(network, X, dtype)
            error = max(abs(Fraction(float(a)) - b) for a, b in zip(off.ravel(), true.ravel(), strict=True))
            assert error <= limit, (draw, dtype)
            nearest = max(nearest, float(error) / limit)
    assert nearest > 0.01  # no bound from the sky


@pytest.mark.long
def test_torch_in_ten_thousand_networks() -> None:
    """Prediction: no float32 output leaves its bound, in 10^4 networks at 32 points each."""
    for draw in range(10_000, 20_000):
        network, box = drawn(draw)
        bound, X = float_error(network, box), points(box, 32, draw)
        assert bound is not None
        off = np.abs(
            torch_outputs(network, X, torch.float32) - torch_outputs(network, X, torch.float64)
        ).max()
        assert off <= bound.float32 + bound.float64, draw


def test_large_biases_that_cancel() -> None:
    """Exactly the minimum in real arithmetic, and a thousandth off in float32."""
    W = np.array([[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]]) * 0.7
    network = Network([W, np.array([[-1.0, 1.0, -1.0]]) / 0.7], [[0.0, 4096.0, 4096.0], None])
    box = ((-1.0, 1.0),) * 2
    bound = float_error(network, box)
    X = points(box, 2000, 0)
    off = np.abs(torch_outputs(network, X, torch.float32) - torch_outputs(network, X, torch.float64)).max()
    assert bound is not None
    assert 1e-4 < off <= bound.float32 < 100 * off
    proof = certify(network, network)
    assert proof.upper < 1e-9
    assert proof.float_error == bound
    assert f"{bound.float32:.3g} in float32" in proof._repr_html_()


def test_overflow_and_smooth_activations() -> None:
    large = float_error(Network([[[1e30]], [[1e30]]]), ((-1.0, 1.0),))
    assert isinstance(large, FloatError)
    assert (large.float32, large.float64 < 1e50) == (np.inf, True)
    assert float_error(Network([[[1.0]], [[1.0]]], activation="tanh"), ((-1.0, 1.0),)) is None
    assert (
        "no bound: a smooth activation"
        in certify(Network([[[1.0]], [[1.0]]], activation="tanh"), "x1", node_limit=9)._repr_html_()
    )
