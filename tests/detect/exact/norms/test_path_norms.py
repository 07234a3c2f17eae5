"""Path norms: unchanged by rescaling, at most half the squares of the weights, and what deeper networks have."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, path_norm


def test_rescaling_splitting_and_order_change_nothing() -> None:
    rng = np.random.default_rng(0)
    W, V, b = rng.normal(size=(4, 2)), rng.normal(size=(3, 4)), rng.normal(size=4)
    factors = np.array([0.1, 2.0, 5.0, 30.0])
    one = Network([W, V], [b, np.zeros(3)])
    other = Network([W * factors[:, None], V / factors], [b * factors, np.zeros(3)])
    split = Network([np.concatenate([W, W]), np.concatenate([0.3 * V, 0.7 * V], axis=1)])
    assert path_norm(other) == pytest.approx(path_norm(one))
    assert path_norm(other, biases="penalised") == pytest.approx(path_norm(one, biases="penalised"))
    assert path_norm(split) == pytest.approx(path_norm(one))


def test_it_is_the_least_half_square_over_scales() -> None:
    rng = np.random.default_rng(1)
    W, V = rng.normal(size=(5, 3)), rng.normal(size=(2, 5))
    balance = np.sqrt(np.linalg.norm(V, axis=0) / np.linalg.norm(W, axis=1))
    own = path_norm(Network([W, V]))
    assert ((W * balance[:, None]) ** 2).sum() + ((V / balance) ** 2).sum() == pytest.approx(2 * own)
    assert (W**2).sum() + (V**2).sum() > 2 * own


def test_deeper_networks_sum_over_paths() -> None:
    network = Network([[[3.0, 4.0], [0.0, 1.0]], [[1.0, -2.0]], [[2.0]]])
    assert path_norm(network) == 2 * (1 * 5 + 2 * 1)
    scaled = Network([[[3.0, 4.0], [0.0, 1.0]], [[10.0, -20.0]], [[0.2]]])
    assert path_norm(scaled) == pytest.approx(path_norm(network))


def test_a_linear_network_has_none() -> None:
    with pytest.raises(InputError, match="no hidden neurons"):
        path_norm(Network([[[1.0]]]))
    with pytest.raises(InputError, match="biases 'all'"):
        path_norm(Network([[[1.0]], [[1.0]]]), biases="all")  # type: ignore[arg-type]  # the point of the test
