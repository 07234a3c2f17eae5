"""The ensemble test: planted prevalence is found, untrained populations are not."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, hand_derived
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.universality.ensemble_test import ENSEMBLE_COLUMNS, match_ensemble


def population(n: int, planted: int, width: int, seed: int, *, bias: bool = False) -> list[Network]:
    """Untrained networks, of which some get a strongly used greaterness neuron."""
    architecture = Architecture((2, width, 1), ("relu",), (bias, bias))
    stack = untrained(architecture, n, "uniform", np.random.default_rng(seed))
    nets = []
    for k in range(n):
        net = stack.network(k)
        if k < planted:
            weights, read = net.weights[0].copy(), net.weights[1].copy()
            weights[0], read[0, 0] = (0.5, -0.5), 1.0
            net = Network([weights, read], net.biases)
        nets.append(net)
    return nets


def test_a_planted_feature_is_found_and_nothing_else() -> None:
    frame = match_ensemble(population(30, planted=20, width=8, seed=1))
    assert frame.columns.tolist() == list(ENSEMBLE_COLUMNS)
    top = frame.iloc[0]
    assert (top["feature"], top["on"]) == ("greaterness", ("x1", "x2"))
    assert top["q"] < 1e-6
    assert 20 <= top["found"] <= 24
    assert frame["q"].iloc[1] > 0.05


def with_zero_biases(n: int, width: int, seed: int) -> list[Network]:
    """Untrained networks as Keras and flax make them: biases are there, and zero."""
    return [Network(net.weights, [np.zeros(width), np.zeros(1)]) for net in population(n, 0, width, seed)]


def test_untrained_populations_give_findings_in_at_most_one_of_twenty() -> None:
    found = sum(
        bool((match_ensemble(population(20, 0, 8, seed=100 + k), init="uniform")["q"] <= 0.05).any())
        for k in range(16)
    )
    # Binomial(16, 0.05) is at most 3 with probability 0.993.
    assert found <= 3


def test_biases_of_zero_are_no_finding() -> None:
    """Predicted: none of six populations by the null that keeps the biases; all by untrained networks with others."""
    nets = [with_zero_biases(40, 8, seed=200 + k) for k in range(6)]
    found = {
        null: sum(bool((match_ensemble(n, init="uniform", null=null)["q"] <= 0.05).any()) for n in nets)
        for null in ("conditional", "unconditional")
    }
    # Binomial(6, 0.05) is at most 1 with probability 0.967.
    assert found["conditional"] <= 1
    assert found["unconditional"] == 6


def test_a_feature_in_a_third_of_the_networks_is_found_among_biases_of_zero() -> None:
    """Predicted: with the expected count of about 2.5 of 30, ten more are found with q below 0.01."""
    nets = with_zero_biases(30, 8, seed=9)
    for k in range(10):
        weights, read = nets[k].weights[0].copy(), nets[k].weights[1].copy()
        weights[0], read[0, 0] = (0.5, -0.5), 1.0
        nets[k] = Network([weights, read], nets[k].biases)
    top = match_ensemble(nets).iloc[0]
    assert (top["feature"], top["on"]) == ("greaterness", ("x1", "x2"))
    assert top["q"] < 0.01


def test_an_unused_copy_of_a_feature_does_not_count() -> None:
    nets = []
    for net in population(20, planted=20, width=6, seed=5):
        read = net.weights[1].copy()
        read[0, 0] = 1e-3
        nets.append(Network([net.weights[0], read]))
    frame = match_ensemble(nets).set_index(["feature", "on"])
    assert frame.loc[("greaterness", ("x1", "x2")), "found"] <= 2


def test_deep_layers_have_rows_of_their_own() -> None:
    frame = match_ensemble([hand_derived("minimum-of-4")] * 12, box=(-1, 1))
    deep = frame[(frame["layer"] == 1) & (frame["q"] < 1e-6)]
    assert ("greaterness", ("min(x1, x2)", "min(x3, x4)")) in set(
        zip(deep["feature"], deep["on"], strict=True)
    )


def test_with_one_input_and_no_bias_nothing_is_evidence() -> None:
    frame = match_ensemble([hand_derived("absolute")] * 40)
    assert frame["null_prevalence"].max() > 0.7
    assert frame["q"].min() > 1e-6 or frame["null_prevalence"].iloc[0] < 0.9
    assert frame.set_index(["feature", "on"]).loc[("positiveness", ("x1",)), "prevalence"] == 1.0


def test_a_share_outside_zero_and_one_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"max_unexplained=1\.5: give the share of variance left unexplained"
    ):
        match_ensemble([hand_derived("minimum")], max_unexplained=1.5)


def test_copies_of_a_neuron_count_once() -> None:
    """Predicted: the same counts, chances and p for networks whose kink is split over eleven neurons."""
    net = hand_derived("minimum")
    kink, rest = net.weights[0][:1], net.weights[0][1:]
    eleven = Network([np.vstack([kink] * 11 + [rest]), [[*[-1 / 11] * 11, 1, -1]]])
    padded = Network([np.vstack([net.weights[0], np.zeros((10, 2))]), [[-1, 1, -1, *[0] * 10]]])
    one, other = (match_ensemble([n] * 10).set_index(["feature", "on"]) for n in (padded, eleven))
    for column in ("found", "null_prevalence", "p"):
        assert other[column].sort_index().to_numpy() == pytest.approx(one[column].sort_index().to_numpy())
    assert other.loc[("greaterness", ("x1", "x2")), "found"] == 10
