"""Analysis: one network read whole, many read together, plain data out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import InputError, Network, analyse, analyse_many, hand_derived
from mathcircuits.detect.matching.directions import DIRECTION_COLUMNS
from mathcircuits.detect.matching.neurons import NEURON_COLUMNS


def test_a_hand_derived_network_is_read_whole() -> None:
    a = analyse(hand_derived("minimum"), task="minimum", init="uniform")
    assert a.neurons.columns.tolist() == list(NEURON_COLUMNS)
    assert a.directions.columns.tolist() == list(DIRECTION_COLUMNS)
    assert repr(a) == "Analysis(2-3-1, task=minimum, 3 of 3 neurons matched)"
    html = a._repr_html_()
    assert "greaterness" in html
    assert "direction drawn anew (uniform init)" in html


def test_the_json_is_strict_and_round_trips_the_tables() -> None:
    a = analyse(hand_derived("minimum"), task="minimum", init="uniform")
    data = json.loads(a.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert data["neurons"][0]["on"] == ["x1", "x2"]
    assert data["neurons"][0]["causal"] is None  # missing in the last layer
    assert data["neurons"][0]["duplicate_of"] is None
    assert data["network"]["weights"][0][0] == [1.0, -1.0]
    assert len(data["directions"]) == len(a.directions)


def test_many_networks_read_together_are_read_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    nets = [Network([rng.normal(size=(4, 2)), rng.normal(size=(1, 4))]) for _ in range(3)]
    together = analyse_many(nets, init="uniform")
    for k, net in enumerate(nets):
        alone = analyse(net, init="uniform")
        same = (
            together.neurons[together.neurons["network"] == k].drop(columns="network").reset_index(drop=True)
        )
        pd.testing.assert_frame_equal(same, alone.neurons, rtol=1e-9)
        rows = (
            together.directions[together.directions["network"] == k]
            .drop(columns="network")
            .reset_index(drop=True)
        )
        pd.testing.assert_frame_equal(rows, alone.directions, rtol=1e-5, atol=1e-9)


def test_the_unknown_init_law_takes_both() -> None:
    assert analyse(hand_derived("absolute")).laws == ("uniform", "normal")


def test_the_tasks_box_is_the_default_and_another_moves_the_thresholds() -> None:
    clip = hand_derived("clip")
    assert analyse(clip, task="clip", init="uniform").neurons["feature"].tolist() == [
        "above-low",
        "above-high",
    ]
    wide = analyse(clip, box=(-2, 2), init="uniform").neurons
    assert (wide["unexplained"] > 1e-3).all()  # the quarters of that box lie elsewhere


def test_inputs_from_elsewhere_replace_the_box() -> None:
    one_hot = np.tile(np.eye(2), (40, 1))
    a = analyse(hand_derived("minimum"), inputs=one_hot, init="uniform")
    assert len(a.neurons) == 3
    assert a.neurons["status"].isin(["matched", "unmatched", "vacuous", "linear", "dead"]).all()


def test_a_task_of_another_shape_is_refused_with_both_shapes() -> None:
    with pytest.raises(InputError, match=r"a 1-2-1 network cannot compute 'minimum' .2 inputs, 1 outputs."):
        analyse(hand_derived("absolute"), task="minimum")


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InputError, match=r"a str is no network: pass a Network, an MLP, a torch module"):
        analyse("net.onnx")  # type: ignore[arg-type]


def test_networks_of_different_shapes_are_read_apart() -> None:
    with pytest.raises(InputError, match=r"network 1 is a Architecture.1-2-1.*read each shape alone"):
        analyse_many([hand_derived("minimum"), hand_derived("absolute")])


def test_a_purely_linear_network_has_no_rows() -> None:
    a = analyse(Network([[[1.0, 2.0]]]), init="uniform")
    assert len(a.neurons) == len(a.directions) == 0
    assert json.loads(a.to_json())["neurons"] == []


def test_formula_certificate_circuits_and_normal_form_are_read_when_asked_for() -> None:
    a = analyse(hand_derived("minimum"), task="minimum", init="uniform")
    assert str(a.formula) == "Min(x1, x2)"
    assert a.certificate.spec == "minimum"
    assert a.certificate.upper < 1e-9
    assert a.circuits["circuit"].tolist() == ["minimum"]
    assert a.canonical.kinks == 1
    data = json.loads(a.to_json())
    assert data["formula"]["text"] == "min(x1, x2)"
    assert data["certificate"]["upper"] < 1e-9
    assert data["circuits"][0]["on"] == ["x1", "x2"]
    assert [row["text"] for row in data["readings"]] == ["min(x1, x2)"]
    assert a.further_readings.empty
    assert "min(x1, x2)" in a._repr_html_()


def test_without_a_task_the_formula_is_what_is_certified() -> None:
    a = analyse(hand_derived("absolute"), init="uniform")
    assert a.certificate.spec == "abs(x1)"
    assert a.certificate.upper < 1e-9


def test_a_smooth_network_has_no_formula_and_says_why() -> None:
    a = analyse(Network([[[1.0]], [[1.0]]], activation="tanh"), init="uniform")
    assert a.formula is None
    data = json.loads(a.to_json())["formula"]
    assert data["text"] is None
    assert (
        data["reason"]
        == "its activation tanh is smooth, and no sum of three features of the catalogue is within the tolerance"
    )


def test_what_is_too_costly_is_skipped_by_name() -> None:
    wide = Network([np.random.default_rng(0).normal(size=(1030, 2)), np.ones((1, 1030))])
    a = analyse(wide, init="uniform")
    assert any(
        "circuits, formula and certificate (1030 hidden neurons, 2 inputs" in text for text in a.skipped
    )
    assert "formula" not in a.to_dict()
