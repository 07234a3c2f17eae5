"""More than eight inputs and wide layers: sparse features by weights, what is left out is said, deep adds it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mathcircuits.detect import Catalogue, Network, analyse, analyse_many, catalogue
from mathcircuits.detect.matching import read_directions
from mathcircuits.detect.matching.neurons import neuron_frame, read_stack
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import LAWS, untrained

#: Signs of a few inputs, a bias, and the feature that this is.
PLANTED = [
    ({3: 1.0}, 0.0, "positiveness", ("x4",)),
    ({7: -2.0}, 0.0, "negativeness", ("x8",)),
    ({0: 1.0}, -0.5, "above-high", ("x1",)),
    ({5: -1.0}, -0.5, "below-low", ("x6",)),
    ({2: 1.0, 6: -1.0}, 0.0, "greaterness", ("x3", "x7")),
    ({2: -0.3, 6: 0.3}, 0.0, "greaterness", ("x7", "x3")),
    ({8: 1.0, 1: 1.0}, 0.0, "positive-sum", ("x2", "x9")),
    ({8: -5.0, 1: -5.0}, 0.0, "negative-sum", ("x2", "x9")),
    ({0: 1.0, 4: 1.0, 8: 1.0}, 0.0, "positive-sum-of-3", ("x1", "x5", "x9")),
    ({0: -1.0, 4: -1.0, 8: -1.0}, 0.0, "negative-sum-of-3", ("x1", "x5", "x9")),
]


def planted(inputs: int, noise: float = 0.0) -> Network:
    rng = np.random.default_rng(inputs)
    weights = np.array([[entries.get(c, 0.0) for c in range(inputs)] for entries, *_ in PLANTED])
    dense = rng.normal(size=(4, inputs)) / np.sqrt(inputs)
    weights = np.vstack([weights + noise * rng.normal(size=weights.shape), dense])
    biases = np.array([bias for _, bias, *_ in PLANTED] + [0.1] * 4)
    return Network([weights, rng.normal(size=(1, len(weights)))], [biases, [0.0]])


@pytest.mark.parametrize("inputs", [9, 40, 401, 784])
@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_features_of_one_to_three_inputs_are_found_among_many(inputs: int, noise: float) -> None:
    frame = analyse(planted(inputs, noise)).neurons
    found = frame.iloc[: len(PLANTED)]
    expected = [(name, on) for _, _, name, on in PLANTED]
    assert list(zip(found["feature"], found["on"], strict=True)) == expected
    # Exact zeros beside weights of several sizes are a pruned layer's: its rows of few weights are no coincidence.
    assert (found["status"] == ("matched" if noise else "by construction")).all()
    assert (found["scope"] == "input").all()
    assert found["contribution"].min() > 0
    assert (frame["status"].iloc[len(PLANTED) :] == "unmatched").all()
    assert frame["p"].iloc[len(PLANTED) :].tolist() == [1.0] * 4


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("bias", [True, False])
def test_untrained_first_layers_of_nine_inputs_match_nothing(law: str, bias: bool) -> None:
    stack = untrained(Architecture((9, 32, 1), ("relu",), (bias, bias)), 200, law, np.random.default_rng(4))
    frame = neuron_frame(read_stack(stack, laws=(law,))[0])
    assert frame.assign(hit=frame["status"] == "matched").groupby("network")["hit"].any().mean() <= 0.05


def test_uneven_boxes_and_given_inputs_weigh_each_input_by_its_spread() -> None:
    box = [(0.0, 100.0), (0.0, 1.0)] + [(-1.0, 1.0)] * 8
    weights = np.zeros((2, 10))
    weights[0, 2:4] = 1.0, -1.0
    # A hundredth of a weight on an input of a hundred times the spread is as much as the rest.
    weights[1, [0, 2]] = 0.01, 1.0
    frame = analyse(Network([weights, [[1.0, 1.0]]]), box=box).neurons
    assert frame["status"].tolist() == ["by construction", "unmatched"]
    X = np.random.default_rng(0).uniform(-1, 1, (400, 10))
    X[:, 9] = 0.25  # says nothing, so that its weights say nothing either
    weights = np.zeros((1, 10))
    weights[0, [2, 3, 9]] = 1.0, -1.0, 3.0
    row = analyse(Network([weights, [[1.0]]], [[-0.75], None]), inputs=X).neurons.iloc[0]
    assert (row["feature"], row["on"], row["status"]) == ("greaterness", ("x3", "x4"), "matched")


def test_what_is_not_compared_is_said_by_name() -> None:
    rng = np.random.default_rng(0)
    shape = (40, 12, 12, 3)
    network = Network([rng.normal(size=(b, a)) for a, b in itertools.pairwise(shape)])
    said = "\n".join(analyse(network).skipped)
    assert "layer 0: features that are not ReLU of one to three inputs (40 inputs, more than 8)" in said
    assert "layer 1: features of the inputs, and mixtures (40 inputs, more than 8; deep=True" in said
    assert "layer 0: directions (40 inputs, more than 8; deep=True reads them)" in said
    assert "circuits, formula and certificate" in said
    few = analyse(Network([rng.normal(size=(4, 3)), rng.normal(size=(1, 4))]), init="uniform").skipped
    assert few == ()


def test_a_wide_layers_directions_and_mixtures_are_read_when_they_are_asked_for() -> None:
    stack = untrained(
        Architecture((1, 65, 1), ("relu",), (True, True)), 1, "uniform", np.random.default_rng(0)
    )
    light = analyse_many([stack.network(0)], init="uniform")
    assert light.directions.empty
    assert [text for text in light.skipped if "deep=True reads them" in text]
    assert not analyse_many([stack.network(0)], init="uniform", deep=True).directions.empty
    shape = Architecture((2, 65, 4, 1), ("relu",) * 2, (True,) * 3)
    said = read_stack(untrained(shape, 1, "uniform", np.random.default_rng(0)))[0][1].skipped
    assert said == ("layer 1: mixtures (65 neurons below, more than 64; deep=True adds them)",)
    shape = Architecture((7, 3, 4, 1), ("relu",) * 2, (True,) * 3)
    few = Catalogue([catalogue["positiveness"], catalogue["greaterness"]])
    blocks, _, _ = read_stack(untrained(shape, 1, "uniform", np.random.default_rng(0)), catalogue=few)
    assert "layer 1: mixtures (7 inputs, more than 6; deep=True adds them)" in blocks[1].skipped


def test_deep_layers_of_many_inputs_are_compared_with_the_inputs_features_when_asked() -> None:
    rng = np.random.default_rng(1)
    first = np.zeros((3, 9))
    first[0, 0], first[1, 1], first[2] = 1.0, 1.0, rng.normal(size=9)
    network = Network([first, [[1.0, 0.0, 0.0], [0.3, 1.0, -0.5]], [[1.0, 1.0]]])
    plain = analyse(network, init="uniform").neurons.query("layer == 1")
    assert plain[["feature", "on", "scope"]].to_numpy().tolist()[0] == ["positiveness", ("v0",), "upstream"]
    few = Catalogue([catalogue[name] for name in ("positiveness", "negativeness", "greaterness", "median")])
    deep = analyse(network, init="uniform", deep=True, catalogue=few)
    row = deep.neurons.query("layer == 1").iloc[0]
    assert (row["feature"], row["on"], row["scope"]) == ("positiveness", ("x1",), "input")
    assert "features greaterness of minima and maxima (too many arguments)" in "\n".join(deep.skipped)


def test_no_direction_is_read_where_every_feature_has_too_many_choices() -> None:
    stack = untrained(
        Architecture((401, 2, 1), ("relu",), (False, False)), 1, "uniform", np.random.default_rng(0)
    )
    readings, _, skipped = read_directions(stack)
    assert readings == []
    assert skipped == ("directions (401 inputs: every feature has more than 400 choices of arguments)",)


def test_a_neuron_of_many_inputs_that_acts_in_a_corner_has_an_effect() -> None:
    weights = np.zeros((2, 12))
    weights[0, :3] = 1.0
    weights[1, 0] = 1.0
    row = analyse(Network([weights, [[500.0, 1.0]]], [[-2.97, 0.0], None])).neurons.iloc[0]
    assert row["feature"] != "constant"
    assert row["contribution"] > 0


def test_a_catalogue_without_ridges_names_nothing() -> None:
    only = Catalogue([catalogue["maximum"]])
    frame = analyse(planted(9), catalogue=only).neurons
    assert frame["feature"].isna().all()
    assert (frame["status"] == "unmatched").all()
