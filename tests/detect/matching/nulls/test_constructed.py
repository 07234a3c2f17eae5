"""Pruned and quantised layers are recognised, and what their construction makes of them is no match."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import Network, analyse_many, hand_derived, match_ensemble, tasks
from mathcircuits.detect.errors import MathCircuitsError
from mathcircuits.detect.matching.nulls.constructed import as_few_weights, construction, same_construction

RNG = np.random.default_rng


def rows(units: int, inputs: int, seed: int) -> np.ndarray:
    return RNG(seed).uniform(-1, 1, (units, inputs))


def pruned(weights: np.ndarray, seed: int) -> np.ndarray:
    """Half of the weights set to 0, at random places."""
    kept = np.ones(weights.size)
    kept[RNG(seed).permutation(weights.size)[: weights.size // 2]] = 0.0
    return weights * kept.reshape(weights.shape)


def quantised(weights: np.ndarray) -> np.ndarray:
    """Fifteen levels."""
    step = np.abs(weights).max() / 7
    return np.round(weights / step) * step


@pytest.mark.parametrize(("units", "inputs"), [(8, 2), (8, 3), (64, 2), (16, 6)])
def test_constructions_are_recognised_and_generic_weights_are_none(units: int, inputs: int) -> None:
    """Predicted: at least 19 of 20 layers by their name (one in fifty pruned ones of two inputs has axes alone)."""
    layers = [rows(units, inputs, seed) for seed in range(20)]
    assert [construction(w) for w in layers] == [None] * 20
    assert sum(construction(pruned(w, k)) == "pruned" for k, w in enumerate(layers)) >= 19
    assert sum(construction(quantised(w)) == "grid" for w in layers) >= 19
    single = [w.astype(np.float32).astype(float) for w in layers]
    assert [construction(w) for w in single] == [None] * 20


def test_values_of_no_common_step_are_recognised_by_their_repetitions() -> None:
    codes = np.sort(RNG(3).normal(size=6))
    assert construction(codes[RNG(4).integers(0, 6, (10, 2))]) == "grid"


def test_hand_derived_networks_show_no_construction() -> None:
    found = []
    for name in tasks:
        try:
            network = hand_derived(name)
        except MathCircuitsError:
            continue
        found += [construction(w) for w in network.weights[:-1]]
    assert len(found) > 10
    assert set(found) == {None}


def test_rescaled_repeated_and_dead_rows_change_no_verdict() -> None:
    derived = hand_derived("minimum-of-4").weights[0] * np.exp(RNG(0).normal(size=(6, 1)))
    assert construction(derived) is None
    assert construction(np.vstack([derived, derived, np.zeros((20, 4))])) is None
    generic = rows(8, 3, 1)
    assert construction(np.vstack([generic, -2.0 * generic, np.zeros((30, 3))])) is None


def test_exact_features_among_generic_rows_are_no_construction() -> None:
    layer = rows(8, 4, 2)
    layer[:3] = [[1, 0, 0, 0], [0, -1, 0, 0], [0, 0.5, -0.5, 0]]
    assert construction(layer) is None


def test_draws_keep_zeros_or_the_multiset() -> None:
    layer = pruned(rows(8, 2, 5), 5)
    drawn = same_construction(layer, 50, "uniform", RNG(0))
    assert ((drawn == 0.0) == (layer == 0.0)).all()
    grid = quantised(rows(8, 3, 6))
    drawn = same_construction(grid, 50, "normal", RNG(0))
    assert set(np.abs(drawn).ravel().round(9)) <= set(np.abs(grid).ravel().round(9))
    assert (np.abs(drawn).max(axis=2) > 0.0).all()


def test_few_weights_are_the_constructions_where_all_rows_have_few() -> None:
    layer = np.array([[0.3, 0.0, 0.0], [0.0, 0.2, 0.0], [1.0, -2.0, 3.0]])
    assert as_few_weights(layer, 0, "pruned") == 1.0
    assert as_few_weights(layer, 2, "grid") == 1.0
    assert as_few_weights(layer, 0, "grid") < 1.0


def networks(kind: str, planted: bool, count: int = 12, seed: int = 0) -> list[Network]:
    """Of two inputs and eight neurons with biases of zero, pruned or quantised; one neuron (1, -1) beyond that."""
    made = []
    for k in range(count):
        layer = rows(8, 2, seed + 100 + k)
        layer = pruned(layer, seed + k) if kind == "pruned" else quantised(layer)
        if planted:
            layer[0] = (0.5, -0.5)
        made.append(Network([layer, rows(1, 8, seed + 300 + k)], [np.zeros(8), np.zeros(1)]))
    return made


def shares(frame: pd.DataFrame, status: str) -> float:
    return float((frame["status"] == status).groupby(frame["network"]).any().mean())


@pytest.mark.parametrize("kind", ["pruned", "quantised"])
def test_what_the_construction_makes_is_called_so(kind: str) -> None:
    """Predicted: at most one network of twelve has a match, and most have one by construction, as neuron and direction.

    Without the construction's null most of them have a match.
    """
    reading = analyse_many(networks(kind, planted=False), init="uniform")
    assert shares(reading.neurons, "matched") <= 1 / 12
    assert shares(reading.neurons, "by construction") >= 0.7
    by_network = reading.directions.groupby("network")
    assert by_network["readable"].any().mean() <= 1 / 12
    assert by_network["by_construction"].any().mean() >= 0.7


def test_what_goes_beyond_a_pruned_layer_stays_matched() -> None:
    """Predicted: equal weights are no work of pruning; every planted neuron is matched, and the ensemble finds it."""
    made = networks("pruned", planted=True, count=20, seed=700)
    neurons = analyse_many(made, init="uniform").neurons
    assert (neurons[neurons["neuron"] == 0]["status"] == "matched").all()
    frame = match_ensemble(made, init="uniform").set_index(["feature", "on"])
    assert frame[frame["q"] <= 0.05].index.tolist() == [("greaterness", ("x1", "x2"))]
    assert frame["by_construction"].any()


def test_hand_derived_networks_stay_matched() -> None:
    for name in ("minimum", "minimum-of-4"):
        reading = analyse_many([hand_derived(name)], init="uniform")
        assert set(reading.neurons["status"]) == {"matched"}
        assert not reading.directions["by_construction"].any()
