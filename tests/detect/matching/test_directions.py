"""Linear read-outs: planted directions are read, untrained layers and controls are not."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, hand_derived, match_directions
from mathcircuits.detect.matching.directions import DIRECTION_COLUMNS, direction_frame, read_directions
from mathcircuits.detect.matching.nulls.names import NullName
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack


def read(network: Network):
    readings, targets, _ = read_directions(Stack.of([network]))
    return direction_frame(readings, targets).set_index(["layer", "feature", "on"])


def rotated_minimum(width: int, seed: int) -> Network:
    """A two-block network whose first layer is the minimum's three neurons, mixed by a random linear map.

    The features are directions of the linear layer's variables and, behind it, of no single neuron.
    """
    base = hand_derived("minimum")
    mix = np.random.default_rng(seed).normal(size=(width, 3))
    return Network(
        [base.weights[0], mix, base.weights[1] @ np.linalg.pinv(mix)], activation=("relu", "identity")
    )


def test_the_features_of_a_minimum_network_are_readable_and_the_controls_are_not() -> None:
    frame = read(hand_derived("minimum"))
    readable = {(name, on) for _, name, on in frame.index[frame["readable"]]}
    assert readable == {
        ("greaterness", ("x1", "x2")),
        ("positiveness", ("x1",)),
        ("negativeness", ("x1",)),
        ("minimum", ("x1", "x2")),
        ("identity", ("x1",)),
        ("absolute", ("x1",)),
    }
    controls = frame.loc[(0, "product", ("x1", "x2"))], frame.loc[(0, "sine-1", ("x1",))]
    assert all(row["unexplained"] > 0.1 for row in controls)


def test_what_the_output_and_the_decoded_inputs_already_say_is_a_tautology() -> None:
    frame = read(hand_derived("minimum"))["tautology"]
    # min is the output; greaterness = x1 - min; |x1| is neither.
    assert frame.loc[[(0, "minimum", ("x1", "x2"))]].all()
    assert frame.loc[[(0, "greaterness", ("x1", "x2"))]].all()
    assert not frame.loc[[(0, "absolute", ("x1",))]].any()


def test_a_feature_that_no_neuron_holds_is_read_with_its_cosine_below_one() -> None:
    frame = read(hand_derived("minimum"))
    alone, mixed = frame.loc[(0, "greaterness", ("x1", "x2"))], frame.loc[(0, "absolute", ("x1",))]
    assert alone["cosine"] == pytest.approx(1.0, abs=1e-6)
    assert alone["neuron"] == 0
    assert mixed["cosine"] == pytest.approx(1 / np.sqrt(2), abs=0.01)  # |x1| is the sum of two neurons


def test_linear_layers_have_no_rows_but_their_network_is_read() -> None:
    frame = read(rotated_minimum(5, seed=1))
    assert frame.index.get_level_values("layer").unique().tolist() == [0]
    assert frame.loc[(0, "greaterness", ("x1", "x2")), "readable"].all()


@pytest.mark.parametrize(("bias", "count"), [(False, 400), (True, 100)])
def test_untrained_networks_are_rarely_called_readable(bias: bool, count: int) -> None:
    architecture = Architecture((2, 8, 1), ("relu",), (bias, bias))
    stack = untrained(architecture, count, "uniform", np.random.default_rng(77))
    readings, targets, _ = read_directions(stack)
    frame = direction_frame(readings, targets)
    assert frame.groupby("network")["readable"].any().mean() <= 0.05
    # Per feature p is calibrated: 5% of networks lie below 0.05, up to the panel's own noise.
    below = frame.assign(low=frame["p"] <= 0.05).groupby(["feature", "on"])["low"].mean()
    assert below.max() < 0.12
    assert 0.02 < below.mean() < 0.07


def test_biases_of_zero_make_nothing_readable() -> None:
    """Predicted: at most 6% of untrained networks with biases of zero, of any scale; unconditionally 40% or more."""
    architecture = Architecture((2, 8, 1), ("relu",), (True, True))
    drawn = untrained(architecture, 100, "uniform", np.random.default_rng(5))
    stack = Stack(
        architecture,
        tuple(10.0 * w for w in drawn.weights),
        tuple(np.zeros_like(b) for b in drawn.biases),
    )

    def share(null: NullName) -> float:
        readings, targets, _ = read_directions(stack, null=null)
        return float(direction_frame(readings, targets).groupby("network")["readable"].any().mean())

    assert share("conditional") <= 0.06
    assert share("unconditional") >= 0.4


def test_what_is_readable_stays_so_where_biases_are_zero() -> None:
    """Predicted: networks that compute the minimum with biases of zero lose nothing to the null that keeps them."""
    plain = hand_derived("minimum")
    mixed = np.random.default_rng(3).normal(size=(5, 2))
    rows, read = np.vstack([plain.weights[0], mixed]), np.hstack([plain.weights[1], np.full((1, 5), 1e-3)])
    readable = read_of(Network([rows, read], [np.zeros(8), np.zeros(1)]))
    assert {("greaterness", ("x1", "x2")), ("absolute", ("x1",))} <= readable
    assert ("sine-1", ("x1",)) not in readable


def read_of(network: Network) -> set[tuple[str, tuple[str, ...]]]:
    frame = read(network)
    return {(name, on) for _, name, on in frame.index[frame["readable"]]}


def test_activations_are_read_as_their_network_is() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (900, 2))
    frame = match_directions(hand_derived("minimum").run(X), init="uniform", box=(-1, 1))
    assert frame.columns.tolist() == list(DIRECTION_COLUMNS)
    readable = frame.set_index(["feature", "on"])["readable"]
    assert readable[("greaterness", ("x1", "x2"))]
    assert not readable[("greaterness", ("x2", "x1"))]


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="12 inputs are too few to fit and test read-outs: give at least 30"):
        match_directions(hand_derived("minimum").run(np.random.default_rng(0).uniform(-1, 1, (12, 2))))


def test_dead_and_single_units_do_not_break() -> None:
    frame = read(Network([[[1.0, -1.0], [0.0, 0.0]], [[1.0, 1.0]]]))
    assert np.isfinite(frame["unexplained"]).all()
    assert frame.loc[(0, "greaterness", ("x1", "x2")), "unexplained"].item() < 1e-9
    assert not read(Network([[[0.0, 0.0]], [[1.0]]]))["readable"].any()


def test_very_wide_layers_are_skipped_by_name() -> None:
    wide = Network([np.random.default_rng(0).normal(size=(1030, 2)), np.ones((1, 1030))])
    readings, _, skipped = read_directions(Stack.of([wide]))
    assert readings == []
    assert skipped == ("layer 0: directions (1030 neurons, more than 1024)",)
