"""Matches by weights: lattices and their rescaled copies are recovered, untrained networks are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lattices import Comparison, lattice, rescaled

from mathcircuits.detect import Activations, Network, analyse, match_neurons
from mathcircuits.detect.matching.neurons import neuron_frame, read_stack
from mathcircuits.detect.matching.probes import points_for
from mathcircuits.detect.matching.weight_patterns import nearest, variables_of
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import LAWS, untrained
from mathcircuits.detect.networks.stacks import Stack


def read(network: Network, laws: tuple[str, ...] = LAWS) -> pd.DataFrame:
    return neuron_frame(read_stack(Stack.of([network]), laws=laws)[0])


def found_in(frame: pd.DataFrame) -> list[Comparison]:
    return list(zip(frame["feature"], frame["on"], strict=True))


@pytest.mark.parametrize(("inputs", "groups", "members"), [(3, 1, 8), (2, 4, 4), (12, 8, 4)])
def test_the_comparisons_of_a_lattice_and_of_rescaled_copies_are_recovered(
    inputs: int, groups: int, members: int
) -> None:
    rng = np.random.default_rng(inputs)
    network, layers = lattice(inputs, groups, rng, members=members)
    truth = [entry for layer in layers for entry in layer]
    X = rng.uniform(-1, 1, (50, inputs))
    for copy in (network, rescaled(network, rng), rescaled(network, rng)):
        np.testing.assert_allclose(copy(X), network(X), rtol=1e-9, atol=1e-9)
        frame = read(copy)
        right = np.array([found == true for found, true in zip(found_in(frame), truth, strict=True)])
        matched = (frame["status"] == "matched").to_numpy()
        tested = frame["p"].notna().to_numpy()
        assert tested.mean() > 0.8
        assert right[matched].mean() >= 0.99  # precision
        assert (right & matched)[tested].mean() >= 0.99  # recall, where a neuron bends on the box
        assert right.mean() >= 0.99  # and what is silent or affine there is named all the same
        assert (frame.loc[matched, "scope"] == "upstream").mean() >= 0.9


@pytest.mark.parametrize("law", LAWS)
def test_untrained_networks_of_a_lattices_shape_match_nothing(law: str) -> None:
    network, _ = lattice(12, 8, np.random.default_rng(0), members=4)
    stack = untrained(network.architecture, 40, law, np.random.default_rng(1))
    frame = neuron_frame(read_stack(stack, laws=(law,))[0])
    falsely = frame.assign(hit=frame["status"] == "matched").groupby("network")["hit"].any()
    assert falsely.mean() <= 0.05


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("width", [2, 3, 4, 6])
def test_the_p_of_few_variables_is_calibrated_on_untrained_networks(law: str, width: int) -> None:
    """Weights alone, whose law is a bound: the share of networks with any match stays below the level."""
    shape = Architecture((9, width, 8, 1), ("relu", "relu"), (True, True, True))
    stack = untrained(shape, 400, law, np.random.default_rng(width))
    blocks, _, _ = read_stack(stack, laws=(law,))
    p = blocks[1].p[np.isfinite(blocks[1].p)]
    assert len(p) > 300
    for level in (0.05, 0.01):
        # 400 networks of correlated neurons: three standard errors of their number.
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / 400)
    q = neuron_frame(blocks)
    assert q.assign(hit=q["status"] == "matched").groupby("network")["hit"].any().mean() <= 0.05 + 0.033


def test_variables_that_are_one_function_count_once_whatever_their_units() -> None:
    # v0 = v2 / 3 = -v4: the neurons read v0 + v1, and v4 - v3 with an equal part on v0 that cancels.
    rows = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [3.0, 6.0, 0.0], [1.0, 0.0, 1.0], [-1.0, -2.0, 0.0]])
    reads = np.array([[0.5, 1.0, 0.5 / 3, 0.0, 0.0], [2.0, 0.0, 0.0, -1.0, 1.0]])
    network = Network([rows, reads, [[1.0, 1.0]]], activation=("identity", "relu"))
    variables = variables_of(Stack.of([network]), 1, points_for(3))
    assert variables.count.tolist() == [3.0]
    assert variables.first.tolist() == [[0, 1, 0, 3, 0]]
    pairs = nearest(variables, 2)
    np.testing.assert_allclose(pairs.outside, 0.0, atol=1e-15)
    assert [set(at) for at in pairs.at[0].tolist()] == [{0, 1}, {0, 3}]


def test_a_copied_layer_is_read_as_the_layer_itself() -> None:
    network, layers = lattice(10, 1, np.random.default_rng(5))
    first, compare, *rest = network.weights
    biases = list(network.bias_vectors)
    half = np.hstack([compare / 2, compare / 2])
    doubled = Network(
        [np.vstack([first, first]), half, *rest], [np.tile(biases[0], 2), *biases[1:]], network.activations
    )
    frame = read(doubled)
    one = frame[frame["layer"] == 0]
    assert (one["status"] == "matched").all()
    assert found_in(one) == layers[0]


def test_weights_near_a_pattern_fade_with_the_noise() -> None:
    network, _ = lattice(10, 1, np.random.default_rng(2))
    rng = np.random.default_rng(3)
    matched = []
    for noise in (0.0, 1e-3, 0.3):
        weights = [w.copy() for w in network.weights]
        weights[1] += noise * rng.normal(size=weights[1].shape)
        frame = read(Network(weights, network.biases, network.activations)).query("layer == 0")
        matched.append((frame["status"] == "matched").mean())
    assert matched == [1.0, 1.0, 0.0]


def test_what_the_neuron_is_a_fit_of_is_in_the_table() -> None:
    network, _ = lattice(10, 1, np.random.default_rng(2))
    frame = read(network)
    tested = frame[frame["p"].notna()]
    assert tested["unexplained"].max() < 1e-9
    assert tested["offset"].abs().max() < 1e-6
    assert (tested["scale"] > 0).all()
    deep = tested[tested["causal"].notna()]
    assert len(deep) > 10
    assert deep["causal"].min() > 1 - 1e-6


def test_a_threshold_on_a_comparison_is_not_the_comparison() -> None:
    network, _ = lattice(10, 1, np.random.default_rng(2))
    biases = list(network.bias_vectors)
    biases[1] = biases[1] - 1.5
    shifted = read(Network(network.weights, biases, network.activations)).query("layer == 0")
    assert (shifted["status"] != "matched").all()


def test_activations_without_weights_are_matched_by_their_values_alone() -> None:
    network, _ = lattice(2, 1, np.random.default_rng(2), members=4)
    X = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    known = network.run(X)
    bare = match_neurons(Activations(dict(known), architecture=network.architecture), init="uniform")
    whole = match_neurons(known, init="uniform")
    assert len(bare) == len(whole)
    assert (whole["scope"] == "upstream").mean() > (bare["scope"] == "upstream").mean()


def test_the_null_table_has_the_closed_forms_beside_the_simulations() -> None:
    network, _ = lattice(2, 1, np.random.default_rng(2), members=4)
    nulls = analyse(network, init="uniform").nulls
    first = nulls[nulls["layer"] == 0].set_index("competes_as")
    assert first.loc["weights on 2", "draws"] == 0
    assert first.loc["ridge", "draws"] > 1000
    assert 0 < first.loc["weights on 1", "at_gate"] < first.loc["weights on 3", "at_gate"] <= 1
