"""The gauge: what re-gauging must not change, the coordinate between the minima, and names."""

from __future__ import annotations

import numpy as np

from mathcircuits.detect.exact.reduced import reduce_network
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.gauges import gauge_of
from mathcircuits.detect.recognition.templates import circuits


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """Permuted, rescaled, split, with dead neurons: all that may not change the gauge."""
    (W, V), (b, c) = network.weights, network.bias_vectors
    rows = []
    for w, bias, v in zip(W, b, V.T, strict=True):
        # Positive shares: a share below 0 is another side's neuron turned into a pair.
        shares = rng.dirichlet(np.ones(rng.integers(1, 4)))
        rows += [(w, bias, v * share) for share in shares]
    for _ in range(2):
        w = rng.normal(size=W.shape[1])
        rows.append((w, -1.2 * np.abs(w).sum(), rng.normal(size=len(c))))
    scale = 10 ** rng.uniform(-2, 2, len(rows))
    order = rng.permutation(len(rows))
    W2 = [rows[k][0] * scale[k] for k in order]
    b2 = [rows[k][1] * scale[k] for k in order]
    return Network([W2, np.array([rows[k][2] / scale[k] for k in order]).T], [b2, c])


def test_re_gauging_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        network = Network(
            [rng.normal(size=(5, 3)), rng.normal(size=(2, 5))], [rng.normal(size=5), rng.normal(size=2)]
        )
        own, other = reduce_network(network), reduce_network(shuffled(network, rng))
        assert other.distance(own) <= 1e-9
        assert own.distance(other) <= 1e-9


def test_the_reduced_network_computes_the_function() -> None:
    rng = np.random.default_rng(2)
    # Planes within 5 degrees would be one; but for an antiparallel pair these are 36 degrees apart.
    angles = np.pi * np.arange(5) / 5
    for activation in ("relu", "leaky_relu(0.1)"):
        W = np.column_stack([np.cos(angles), np.sin(angles)])
        W = np.concatenate([W, -2 * W[:1]])
        network = Network([W, rng.normal(size=(2, 6))], [np.zeros(6), rng.normal(size=2)], activation)
        r, X = reduce_network(network), rng.uniform(-1, 1, (100, 2))
        z = X @ r.n.T + r.d
        values = (
            X @ r.affine.T + r.constant + np.maximum(z, 0) @ r.plus + np.maximum(-z, 0) @ r.minus + z @ r.pair
        )
        assert np.allclose(values, network(X), atol=1e-9)
        assert (r.plus * r.minus >= 0).all()


def test_degenerate_networks() -> None:
    flat = Network([[[0.0, 0.0]], [[1.0]]], [[1.0], [0.5]])
    assert gauge_of(flat).circuit is None
    assert gauge_of(flat).description == "nothing but a constant"
    assert gauge_of(flat).text == "1.5"
    line = Network([[[1.0, 0.0]]])
    assert gauge_of(line).circuit is circuits["identity"]
    dead = Network([[[1.0]], [[1.0]]], [[-2.0], [0.0]])
    assert len(reduce_network(dead).d) == 0
    assert reduce_network(dead).distance(reduce_network(dead)) == 0
    assert reduce_network(line).distance(reduce_network(Network([[[0.0, 0.0]]]))) == np.inf
    unread = Network([[[1.0], [2.0]], [[0.0, 0.0]]])
    assert len(reduce_network(unread).d) == 0


def test_lengths_bound_the_distance_from_below() -> None:
    """What candidates are told apart by before any distance is worked out."""
    rng = np.random.default_rng(0)
    close = 0
    for _ in range(300):
        width = int(rng.integers(1, 5))
        W, b, V = rng.normal(size=(width, 2)), rng.normal(size=width), rng.normal(size=(1, width))
        noise = float(rng.choice([1e-3, 0.1, 1.0]))
        order = rng.permutation(width)
        moved = [W + noise * rng.normal(size=W.shape), b + noise * rng.normal(size=width)]
        one = reduce_network(Network([W, V], [b, [0.0]]))
        other = reduce_network(Network([moved[0][order], V[:, order]], [moved[1][order], [0.0]]))
        if not one.size:  # no kink inside the box and no slope: nothing to be relative to
            continue
        apart = other.distance(one)
        lengths = np.zeros((2, 8))
        for row, reduced in zip(lengths, (one, other), strict=True):
            row[: len(reduced.d)] = reduced.lengths
        furthest = max(float(np.abs(reduced.d).max(initial=0.0)) for reduced in (one, other))
        assert np.abs(lengths[0] - lengths[1]).max() <= apart * one.size * np.hypot(1, furthest) * (1 + 1e-9)
        assert other.distance(one, most=apart * 1.001) == apart
        assert other.distance(one, most=apart * 0.999) == (0.0 if apart == 0 else np.inf)
        close += 0 < apart < 0.05
    assert close > 20
