"""Neurons against the catalogue: planted features, statuses and their precedence, calibration of q."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import (
    Activations,
    InputError,
    Network,
    UnknownNameError,
    hand_derived,
    match_neurons,
)
from mathcircuits.detect.matching import layer as layer_module
from mathcircuits.detect.matching import probes as probes_module
from mathcircuits.detect.matching.neurons import NEURON_COLUMNS, neuron_frame, read_stack
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack


def read(network: Network, laws: tuple[str, ...] = ("uniform",), **options: object):
    blocks, _, _ = read_stack(Stack.of([network]), laws=laws, **options)  # type: ignore[arg-type]
    return neuron_frame(blocks)


def one_layer(weights: object, biases: object = None, read_out: object = None) -> Network:
    w = np.array(weights, dtype=float)
    out = np.ones((1, len(w))) if read_out is None else np.array(read_out, dtype=float)
    return Network([w, out], None if biases is None else [biases, [0.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("minimum", [("greaterness", ("x1", "x2")), ("positiveness", ("x1",)), ("negativeness", ("x1",))]),
        ("addition", [("positive-sum", ("x1", "x2")), ("negative-sum", ("x1", "x2"))]),
        ("subtraction", [("greaterness", ("x1", "x2")), ("greaterness", ("x2", "x1"))]),
        ("sum-of-3", [("positive-sum-of-3", ("x1", "x2", "x3")), ("negative-sum-of-3", ("x1", "x2", "x3"))]),
    ],
)
def test_hand_derived_neurons_are_matched_with_their_features(name: str, expected: list[object]) -> None:
    frame = read(hand_derived(name))
    assert list(zip(frame["feature"], frame["on"], strict=True)) == expected
    assert (frame["status"] == "matched").all()
    assert frame["unexplained"].max() < 1e-12
    assert frame["p"].max() < 1e-4


def test_second_layer_neurons_are_features_of_what_the_first_layer_computes() -> None:
    frame = read(hand_derived("minimum-of-4"))
    deep = frame[frame["layer"] == 1]
    assert list(zip(deep["feature"], deep["on"], deep["status"], strict=True)) == [
        ("greaterness", ("min(x1, x2)", "min(x3, x4)"), "matched"),
        ("positiveness", ("min(x1, x2)",), "matched"),
        ("negativeness", ("min(x1, x2)",), "matched"),
    ]


def test_upstream_scope_reads_features_of_the_previous_layers_variables() -> None:
    # Two oblique ridges, each no catalogue feature, compared by the next layer: of unit spread, so that
    # the difference of the standardised variables is the difference itself.
    net = Network([[[0.9, 0.31], [-0.35, 0.82]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    X = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    sd = net.run(X)["blocks.0.mlp.hook_post"].std(axis=0)
    compared = Network([net.weights[0], [[1 / sd[0], -1 / sd[1]], [1 / sd[0], 1 / sd[1]]], [[1.0, 1.0]]])
    deep = read(compared).query("layer == 1")
    assert deep[["feature", "on", "scope"]].to_numpy().tolist()[0] == [
        "greaterness",
        ("v0", "v1"),
        "upstream",
    ]
    assert deep["unexplained"].iloc[0] < 1e-3


def test_a_linear_layer_counts_as_variables_and_has_no_row() -> None:
    first = hand_derived("minimum-of-4").weights[0]
    minima = [[-1, 1, -1, 0, 0, 0], [0, 0, 0, -1, 1, -1]]
    net = Network(
        [first, minima, [[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]], activation=("relu", "identity", "relu")
    )
    frame = read(net)
    assert sorted(frame["layer"].unique()) == [0, 1]
    deep = frame[frame["layer"] == 1]
    assert deep["feature"].tolist() == ["greaterness", "positiveness", "negativeness"]
    assert deep["unexplained"].max() < 1e-12
    # The causal check of the first layer looks through the linear one; behind the last bend it is missing.
    assert frame.query("layer == 0")["causal"].min() > 1 - 1e-9
    assert deep["causal"].isna().all()


def test_statuses_by_their_precedence() -> None:
    net = one_layer(
        [[1, 0], [1, 0.1], [-1, 0], [1, -1], [0.7, 0.3], [2, -2]],
        biases=[-3.0, 3.0, 0.0, 0.0, 0.2, 0.0],
    )
    frame = read(net)
    assert frame["status"].tolist() == ["dead", "linear", "matched", "matched", "unmatched", "matched"]
    assert frame["feature"].tolist()[2:4] == ["negativeness", "greaterness"]
    assert frame.loc[[0, 1], "q"].isna().all()
    assert frame["duplicate_of"].isna().tolist() == [True] * 5 + [False]
    assert frame["duplicate_of"].iloc[5] == 3


def test_one_input_without_bias_is_always_vacuous() -> None:
    frame = read(one_layer([[1.0], [-0.3]]))
    assert frame["status"].tolist() == ["vacuous", "vacuous"]
    assert frame["feature"].tolist() == ["positiveness", "negativeness"]
    assert frame["p"].tolist() == [1.0, 1.0]


def test_one_input_and_a_bias_are_vacuous_given_the_offset() -> None:
    net = one_layer([[1.0], [1.0], [-1.0]], biases=[-0.5, 0.0, -0.5])
    frame = read(net)
    assert frame["feature"].tolist() == ["above-high", "positiveness", "below-low"]
    assert frame["status"].tolist() == ["vacuous", "vacuous", "vacuous"]
    # Where the biases are redrawn, a kink at 0 is a coincidence; a kink somewhere is none.
    assert read(net, null="unconditional")["status"].tolist() == ["vacuous", "matched", "vacuous"]


def test_a_feature_one_degree_off_is_no_evidence_in_two_dimensions_without_bias() -> None:
    angle = np.deg2rad([0.1, 1.0, 4.0])
    frame = read(one_layer(np.column_stack([np.cos(angle), np.sin(angle)])))
    assert frame["status"].tolist() == ["matched", "unmatched", "unmatched"]
    assert (frame["r"] > 0.99).all()  # the naive rule would call all three matched
    assert frame["p"].iloc[1] > 0.02


def test_q_controls_false_discoveries_over_untrained_networks() -> None:
    architecture = Architecture((2, 8, 1), ("relu",), (False, False))
    stack = untrained(architecture, 3000, "uniform", np.random.default_rng(20))
    blocks, _, _ = read_stack(stack)
    frame = neuron_frame(blocks)
    falsely = frame.assign(hit=frame["status"] == "matched").groupby("network")["hit"].any().mean()
    # 3000 networks at 0.05: three standard errors are 0.012.
    assert 0.03 < falsely < 0.062
    assert (frame["r"] > 0.9).mean() > 0.9  # what a threshold on the correlation would have said


def test_the_larger_p_of_both_laws_counts_where_the_law_is_unknown() -> None:
    net = one_layer([[1, 0.02], [0.3, 1], [1, -1.01]])
    single = [read(net, (law,))["p"].to_numpy() for law in ("uniform", "normal")]
    both = read(net, ("uniform", "normal"))["p"].to_numpy()
    np.testing.assert_allclose(both, np.maximum(*single))
    assert (single[0] != single[1]).any()


def test_rescaling_permuting_and_splitting_neurons_changes_no_label() -> None:
    rng = np.random.default_rng(3)
    base = hand_derived("minimum").weights
    order = rng.permutation(3)
    scale = rng.uniform(0.1, 10, 3)
    moved = Network([base[0][order] * scale[:, None], base[1][:, order] / scale])
    a, b = read(Network(base)), read(moved)
    assert b["feature"].tolist() == [a["feature"].iloc[k] for k in order]
    np.testing.assert_allclose(b["scale"], scale, rtol=1e-9)
    np.testing.assert_allclose(b["contribution"], a["contribution"].to_numpy()[order], rtol=1e-9)


def test_substitution_is_one_for_the_feature_and_less_for_what_only_resembles_it() -> None:
    exact = read(hand_derived("minimum-older-form")).query("layer == 0")
    assert exact["causal"].min() > 1 - 1e-9
    base = hand_derived("minimum-older-form")
    tilted = Network([base.weights[0] + [[0, 0.4], [0, 0.4], [0, 0.4]], *base.weights[1:]])
    assert read(tilted).query("layer == 0")["causal"].min() < 0.99


def test_recorded_activations_give_what_the_weights_give() -> None:
    net = hand_derived("minimum")
    X = np.random.default_rng(1).uniform(-1, 1, (700, 2))
    frame = match_neurons(net.run(X), init="uniform", box=(-1, 1))
    assert frame.columns.tolist() == list(NEURON_COLUMNS)
    assert frame["feature"].tolist() == ["greaterness", "positiveness", "negativeness"]
    without = Activations(dict(net.run(X)), architecture=net.architecture)
    bare = match_neurons(without, init="uniform", box=(-1, 1))
    assert bare["feature"].tolist() == frame["feature"].tolist()
    assert bare["contribution"].isna().all()
    assert frame["contribution"].notna().all()


def test_activations_without_an_architecture_have_no_null() -> None:
    acts = Activations(dict(hand_derived("minimum").run([[0.1, 0.2], [0.3, 0.4]])))
    with pytest.raises(InputError, match=r"do not say what network they come from.*architecture="):
        match_neurons(acts)


def test_an_unknown_init_law_is_named() -> None:
    with pytest.raises(UnknownNameError, match="no init law named 'unifrom': did you mean 'uniform'"):
        read(hand_derived("minimum"), ("unifrom",))


def test_one_neuron_one_sample_and_constant_neurons_do_not_break() -> None:
    always = read(one_layer([[0.0, 0.0], [1.0, 0.0]], biases=[1.0, 0.0]))
    assert always["status"].tolist() == ["linear", "matched"]
    assert always["feature"].iloc[0] == "constant"
    assert always.loc[0, ["r", "unexplained", "scale"]].isna().all()
    assert read(one_layer([[1.0, -1.0]]))["feature"].tolist() == ["greaterness"]
    nothing = Network([[[1.0, 1.0]]])
    assert len(read(nothing)) == 0


@pytest.mark.parametrize("activation", ["tanh", "gelu", "leaky_relu"])
def test_other_activations_are_matched_by_the_shape_of_their_response(activation: str) -> None:
    net = Network([[[1.0, -1.0], [0.6, 0.5]], [[1.0, 1.0]]], activation=activation)
    frame = read(net)
    assert frame["feature"].iloc[0] in {"greaterness", "difference"}
    assert frame["p"].between(0, 1).all()
    assert not frame["status"].isin(["dead", "linear"]).any()


def test_a_deep_neuron_that_adds_two_features_is_polysemantic_and_a_first_layer_one_never_is() -> None:
    # relu(relu(x1) + relu(x1 - x2) - 0.1): two features at once; the first layer's oblique ridge is only one.
    weights = [[[1, 0], [1, -1], [0.9, 0.4]], [[1, 1, 0], [0, 0, 1]], [[1, 1]]]
    net = Network(weights, [np.zeros(3), [-0.1, 0.0], [0.0]])
    frame = read(net)
    assert frame.query("layer == 1")["status"].iloc[0] == "polysemantic"
    assert frame.query("layer == 0")["status"].tolist() == ["matched", "matched", "unmatched"]


def test_the_null_frame_says_what_is_vacuous_and_what_could_have_been_reached() -> None:
    from mathcircuits.detect import analyse

    nulls = analyse(hand_derived("absolute"), init="uniform").nulls.set_index("competes_as")
    assert nulls.loc["ridge", "exact"] == 1.0
    assert nulls.loc["ridge", "attainable"] == 1.0
    plane = analyse(hand_derived("minimum"), init="uniform").nulls.set_index("competes_as")
    assert plane.loc["ridge", "exact"] == 0.0
    assert plane.loc["ridge", "attainable"] < 0.01
    assert plane.loc["ridge", "at_gate"] == pytest.approx(0.235, abs=0.02)  # closed form: 2.42 sqrt(0.01)


def test_layers_behind_many_others_are_read_by_their_weights_and_named_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (probes_module, layer_module):
        monkeypatch.setattr(module, "MOST_LAYERS", 1)
    shape = Architecture((2, 3, 3, 3, 1), ("relu",) * 3, (True,) * 4)
    stack = untrained(shape, 1, "normal", np.random.default_rng(1))
    blocks, _, _ = read_stack(stack, laws=("uniform",))
    assert [bool(block.nulls) for block in blocks] == [True, False, False]
    named = [text for block in blocks for text in block.skipped if "other layers" in text]
    assert len(named) == 1
    assert named[0].startswith("layers 1 to 2: features of the inputs")
    assert blocks[2].weight_nulls
    # Where more is asked for, they are compared.
    whole, _, _ = read_stack(stack, laws=("uniform",), deep=True)
    assert all(block.nulls for block in whole)
