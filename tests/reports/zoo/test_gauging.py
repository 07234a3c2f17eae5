from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, circuits, hand_derived
from mathcircuits.reports.zoo.gauging import DEAD, IDLE, regauge


@pytest.mark.parametrize("name", ["minimum", "clip", "median-of-3", "sort-2"])
@pytest.mark.parametrize("seed", range(4))
def test_a_gauge_computes_the_same(name: str, seed: int) -> None:
    network = circuits[name].network
    moved, sources = regauge(network, 12, np.random.default_rng(seed))
    X = np.random.default_rng(9).uniform(-1, 1, (200, network.inputs))
    np.testing.assert_allclose(moved(X), network(X), atol=1e-12)
    assert all(len(layer) == 12 for layer in sources)


def test_units_without_effect_have_none() -> None:
    seen = set()
    for seed in range(8):
        moved, sources = regauge(hand_derived("minimum"), 10, np.random.default_rng(seed))
        X = np.random.default_rng(9).uniform(-1, 1, (500, 2))
        post = np.maximum(X @ moved.weights[0].T + moved.bias_vectors[0], 0.0)
        for unit, source in enumerate(sources[0]):
            seen.add(source if isinstance(source, str) else "held")
            if source == DEAD:
                assert post[:, unit].max() == 0.0
            if source == IDLE:
                assert not moved.weights[1][:, unit].any()
    assert seen == {"held", "dead", "idle", "cancelling"}


def test_a_layer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="a layer of 3 units in a width of 2: widen it"):
        regauge(hand_derived("minimum"), 2, np.random.default_rng(0))
