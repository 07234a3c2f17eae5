"""Circuits inside networks: planted ones at any depth and among others, what is none, and what it costs to swap."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import hand_derived, hand_derived_names
from mathcircuits.detect.networks.composition import padded
from mathcircuits.detect.networks.domain import Domain
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.found import CIRCUIT_COLUMNS
from mathcircuits.detect.recognition.search import find_circuits, recognise
from mathcircuits.detect.recognition.templates import circuits

MINIMUM = hand_derived("minimum")


def triples(frame: pd.DataFrame) -> list[tuple[str, tuple[str, ...], str]]:
    return list(zip(frame["circuit"], frame["on"], frame["output"], strict=True))


def hidden_again(network: Network, rng: np.random.Generator) -> Network:
    """The same function: neurons permuted, rescaled and split in every layer, one dead neuron added."""
    weights, biases = [w.copy() for w in network.weights], [b.copy() for b in network.bias_vectors]
    for k in range(len(weights) - 1):
        m = len(weights[k])
        copies = np.concatenate([np.arange(m), rng.integers(0, m, 2)])
        share = rng.uniform(0.3, 1.0, len(copies))
        share /= np.bincount(copies, share)[copies]
        scale = 10 ** rng.uniform(-1, 1, len(copies))
        order = rng.permutation(len(copies))
        W, b = weights[k][copies] * scale[:, None], biases[k][copies] * scale
        V = weights[k + 1][:, copies] * share / scale
        weights[k], biases[k], weights[k + 1] = W[order], b[order], V[:, order]
        if k == 0:
            dead = rng.normal(size=(1, W.shape[1]))
            weights[0] = np.concatenate([weights[0], dead])
            biases[0] = np.append(biases[0], -1.5 * np.abs(dead).sum())
            weights[1] = np.concatenate([weights[1], rng.normal(size=(len(weights[1]), 1))], axis=1)
    return Network(weights, biases)


def oblique_minimum_of_4(rng: np.random.Generator) -> Network:
    """Minimum of four whose passed-on parts go through pairs along random directions, in both layers."""
    while True:
        P, Q = rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
        if min(abs(np.linalg.det(P)), abs(np.linalg.det(Q))) > 0.3:
            break
    # Pairs along P carry (x1, x3), pairs along Q carry (a, b), the two inner minima.
    lines = np.zeros((2, 4))
    lines[:, [0, 2]] = P
    back = np.linalg.inv(P)
    W0 = np.concatenate([[[1.0, -1, 0, 0], [0, 0, 1, -1]], lines, -lines])
    a = np.concatenate([[-1.0, 0], back[0], -back[0]])
    b = np.concatenate([[0.0, -1], back[1], -back[1]])
    W1 = np.concatenate([[a - b], Q @ [a, b], -Q @ [a, b]])
    first = np.linalg.inv(Q)[0]
    return Network([W0, W1, [np.concatenate([[-1.0], first, -first])]])


# The catalogue's own circuits


@pytest.mark.parametrize("name", [name for name in hand_derived_names() if not circuits[name].on_points])
def test_every_hand_derived_network_is_recognised_as_its_circuit(name: str) -> None:
    frame = find_circuits(hand_derived(name))
    assert tuple(frame.columns) == CIRCUIT_COLUMNS
    first = frame.iloc[0]
    circuit = circuits[name]
    assert first["circuit"] == name
    assert first["on"] == tuple(f"x{k + 1}" for k in range(circuit.arity))
    assert first["gauge"] == circuit.gauge
    assert first["distance"] <= 1e-9
    assert (frame["certified"] <= 1e-9).all()
    for text in first["form"].split(";"):
        Formula(text)


@pytest.mark.parametrize(
    "name", ["absolute", "minimum", "minimum-older-form", "clip", "median-of-3", "sort-2"]
)
def test_re_gauged_networks_are_recognised_alike(name: str) -> None:
    rng = np.random.default_rng(0)
    network = hand_derived(name)
    own = find_circuits(network)
    for _ in range(3):
        frame = find_circuits(hidden_again(network, rng))
        assert frame.iloc[0]["circuit"] == name
        assert frame.iloc[0]["gauge"] == circuits[name].gauge
        assert sorted(zip(frame["circuit"], frame["on"], strict=True)) == sorted(
            zip(own["circuit"], own["on"], strict=True)
        )
        assert (frame["certified"] <= 1e-9).all()


def test_the_minimum_of_four_and_the_minima_in_it() -> None:
    frame = find_circuits(hand_derived("minimum-of-4"))
    assert triples(frame) == [
        ("minimum-of-4", ("x1", "x2", "x3", "x4"), "y1"),
        ("minimum", ("min(x1, x2)", "min(x3, x4)"), "y1"),
        ("minimum", ("x1", "x2"), "layer 1: z1"),
        ("minimum", ("x3", "x4"), "layer 1: z1 - z0"),
    ]
    assert frame["form"].tolist()[1:] == [
        "min(x1, x2) - relu(min(x1, x2) - min(x3, x4))", "x1 - relu(x1 - x2)", "x3 - relu(x3 - x4)",
    ]  # fmt: skip
    assert frame["gauge"].tolist()[1:] == ["x1 - relu(x1 - x2)"] * 3


def test_oblique_pairs_hide_nothing_but_the_gauge() -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):
        frame = find_circuits(oblique_minimum_of_4(rng))
        assert [row[:2] for row in triples(frame)] == [
            ("minimum-of-4", ("x1", "x2", "x3", "x4")),
            ("minimum", ("min(x1, x2)", "min(x3, x4)")),
            *[("minimum", pair) for pair in (("x1", "x2"), ("x3", "x4"))],
        ]
        assert frame["gauge"].isna().all()
        assert (frame["distance"].iloc[1:] > 0.05).all()
        assert (frame["certified"] <= 1e-9).all()


def test_a_mirrored_part_is_another_gauge() -> None:
    weights = [w.copy() for w in hand_derived("minimum-of-4").weights]
    # x4 - relu(x4 - x3) for the second minimum.
    weights[0][3:] = [[0, 0, -1, 1], [0, 0, 0, 1], [0, 0, 0, -1]]
    frame = find_circuits(Network(weights))
    assert frame.iloc[0]["circuit"] == "minimum-of-4"
    assert frame["gauge"].isna().tolist() == [True, False, False, False]
    assert frame.iloc[3]["gauge"] == "x2 - relu(x2 - x1)"


# Scale, offset, depth, layers


def test_scale_and_offset() -> None:
    network = Network([[[2, -2], [1, 0], [-1, 0]], [[1, -2, 2]]], [[0, 0, 0], [0.25]])
    (found,) = recognise(network, ((-1.0, 1.0),) * 2, circuits)
    assert (found.circuit.name, found.scale, found.offset) == ("minimum", -2.0, 0.25)
    assert found.form == "2*relu(x1 - x2) - 2*x1 + 0.25"
    assert found.certified <= 1e-12
    X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    assert np.allclose(found.to_network(2)(X), network(X))


def test_the_minimum_of_three_is_a_minimum_of_a_minimum() -> None:
    W0 = [[1, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]]
    W1 = [[-1, 1, -1, -1, 1], [-1, 1, -1, 0, 0], [1, -1, 1, 0, 0]]
    frame = find_circuits(Network([W0, W1, [[-1, 1, -1]]]))
    assert triples(frame)[0] == ("minimum", ("min(x1, x2)", "x3"), "y1")
    assert frame.iloc[0]["gauge"] == "x1 - relu(x1 - x2)"
    assert ("identity", ("x3",), "layer 1: z1 - z0") in triples(frame)
    assert ("minimum", ("x1", "x2"), "layer 1: z1") in triples(frame)


def test_a_linear_layer_counts_as_variables() -> None:
    full = hand_derived("minimum-of-4")
    minima = np.array([full.weights[1][1], full.weights[1][1] - full.weights[1][0]])
    network = Network(
        [full.weights[0], minima, [[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]],
        None,
        ["relu", "identity", "relu"],
    )
    rows = triples(find_circuits(network))
    assert ("minimum", ("x1", "x2"), "block 1: v0") in rows
    assert ("minimum", ("x3", "x4"), "block 1: v1") in rows
    assert rows[0] == ("minimum-of-4", ("x1", "x2", "x3", "x4"), "y1")


def test_three_hidden_layers() -> None:
    frame = find_circuits(padded(hand_derived("minimum-of-4"), 3))
    assert triples(frame)[0] == ("minimum-of-4", ("x1", "x2", "x3", "x4"), "y1")
    assert ("minimum", ("min(x1, x2)", "min(x3, x4)"), "layer 2: z0") in triples(frame)
    assert ("identity", ("min(x1, x2, x3, x4)",), "y1") in triples(frame)


def test_linear_networks_and_leaky_ones() -> None:
    assert triples(find_circuits(Network([[[1.0, 1.0]]]))) == [("addition", ("x1", "x2"), "y1")]
    leaky = Network([[[1.0], [-1.0]], [[1 / 0.9, 1 / 0.9]]], None, "leaky_relu(0.1)")
    frame = find_circuits(leaky)
    assert triples(frame) == [("absolute", ("x1",), "y1")]
    assert frame["certified"].item() <= 1e-12


@pytest.mark.parametrize("box", [(0.0, 1.0), (-3.0, 3.0), [(-1.0, 2.0), (0.0, 1.5)]])
def test_other_boxes(box) -> None:
    frame = find_circuits(MINIMUM, box=box)
    assert triples(frame) == [("minimum", ("x1", "x2"), "y1")]
    assert frame["gauge"].item() == "x1 - relu(x1 - x2)"
    assert frame["certified"].item() <= 1e-11


# Among other neurons, several at once


def test_a_sum_of_circuits() -> None:
    network = Network([[[1, -1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], [[-2, 2, -2, 1, 1]]])
    frame = find_circuits(network)
    assert triples(frame) == [("minimum", ("x1", "x2"), "part of y1"), ("absolute", ("x3",), "part of y1")]
    assert frame["form"].tolist() == ["2*x1 - 2*relu(x1 - x2)", "abs(x3)"]
    assert frame["gauge"].tolist() == ["x1 - relu(x1 - x2)", "relu(x1) + relu(-x1)"]
    assert (frame["certified"] <= 1e-11).all()


def test_a_circuit_beside_a_stranger() -> None:
    W = [[1, -1, 0], [1, 0, 0], [-1, 0, 0], [1, 2, 3]]
    frame = find_circuits(Network([W, [[-1, 1, -1, 1]]], [[0, 0, 0, -0.5], [0]]))
    assert triples(frame) == [("minimum", ("x1", "x2"), "part of y1")]


def test_what_is_left_of_a_sum_may_be_linear() -> None:
    frame = find_circuits(Network([[[1, -1, 0], [-1, 1, 0], [0, 0, 1], [0, 0, -1]], [[1, 1, 0.5, -0.5]]]))
    assert triples(frame) == [
        ("absolute-difference", ("x1", "x2"), "part of y1"), ("identity", ("x3",), "part of y1"),
    ]  # fmt: skip
    assert frame["gauge"].tolist()[1] == "relu(x1) - relu(-x1)"


def test_a_reconstructor_of_a_sum() -> None:
    W = [[1, 1, 0], [-2, -2, 0], [0.4, 0, 1], [0.3, 0.7, 0.2]]
    frame = find_circuits(Network([W, [[1, -0.5, 0.4, 0.7]]]))
    assert triples(frame) == [("addition", ("x1", "x2"), "part of y1")]
    assert frame["form"].item() == "relu(x1 + x2) - relu(-x1 - x2)"
    # The same one below another layer.
    deeper = Network([W, [[1, -0.5, 0.4, 0.7], [2, -1, -0.3, 0.2]], [[1, 1]]])
    (row,) = triples(find_circuits(deeper))
    assert row[:2] == ("addition", ("x1", "x2"))
    assert row[2].startswith("part of layer 1")


def test_two_outputs_are_one_circuit_and_two() -> None:
    frame = find_circuits(hand_derived("sort-2"))
    assert triples(frame) == [
        ("sort-2", ("x1", "x2"), "y1, y2"), ("minimum", ("x1", "x2"), "y1"), ("maximum", ("x1", "x2"), "y2"),
    ]  # fmt: skip


# What is none


def test_untrained_networks_hold_none() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        d, m = int(rng.integers(2, 5)), int(rng.choice([3, 8, 16]))
        sizes = [(m, d), (4, m), (1, 4)] if rng.integers(2) else [(m, d), (1, m)]
        network = Network([rng.uniform(-1, 1, s) for s in sizes])
        assert not len(find_circuits(network, time_limit=0.1))


def test_a_lazy_network_has_the_values_and_not_the_circuit() -> None:
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(64, 2)), rng.uniform(-1, 1, (4000, 2))
    H = np.maximum(X @ W.T, 0)
    V, *_ = np.linalg.lstsq(H, X.min(axis=1), rcond=None)
    network = Network([W, V[None]])
    assert np.mean((network(X).ravel() - X.min(axis=1)) ** 2) < 1e-4
    assert "minimum" not in set(find_circuits(network)["circuit"])


def test_other_functions_are_none() -> None:
    product = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.25, 0.25, -0.25, -0.25]]])
    assert "minimum" not in set(find_circuits(product)["circuit"])
    smooth = find_circuits(Network([[[1.0]], [[1.0]]], activation="tanh"))
    assert len(smooth) == 0
    assert tuple(smooth.columns) == CIRCUIT_COLUMNS
    assert len(find_circuits(Network([[[0.0, 0.0]], [[1.0]]]))) == 0
    # Without its template the minimum is not found; the identity that its pair passes on is.
    known = circuits.without("minimum").without("minimum-older-form")
    assert triples(find_circuits(MINIMUM, catalogue=known)) == [("identity", ("x1",), "part of y1")]


# What is certified


def test_a_planted_deviation_is_certified() -> None:
    for size in (1e-6, 1e-3):
        off = Network([[[1, -1], [1, 0], [-1, 0], [1, 0.5]], [[-1, 1, -1, size]]])
        frame = find_circuits(off)
        assert triples(frame) == [("minimum", ("x1", "x2"), "y1")]
        worst = certify(off, "minimum").upper
        # The template's scale and offset are fitted, so that it is nearer than the task, by half at most.
        assert worst / 3 <= frame["certified"].item() <= worst * (1 + 1e-9)


def test_substitution_inside_a_deeper_network_is_certified() -> None:
    weights = [w.copy() for w in hand_derived("minimum-of-4").weights]
    weights[0][0, 1] = -1.02
    network = Network(weights)
    found = recognise(network, ((-1.0, 1.0),) * 4, circuits)
    inner = next(f for f in found if f.on == ("x1", "x2") and not f.final)
    # By hand: the template t in place of z1 (and of its mirror image z2's part of it), on sampled points.
    X = np.random.default_rng(0).uniform(-1, 1, (20_000, 4))
    z = np.maximum(X @ weights[0].T, 0) @ weights[1].T
    c = inner.units
    t = inner.to_network(4)(X)[:, 0]
    swapped = z + np.outer(t - z @ c, c / (c @ c))
    change = np.abs(np.maximum(swapped, 0) @ weights[2].T - network(X)).max()
    assert 1e-4 < change <= inner.certified <= 1.3 * change


def test_certificates_stop_at_their_limit_and_still_hold() -> None:
    (first, *_) = recognise(hand_derived("minimum-of-4"), ((-1.0, 1.0),) * 4, circuits, 1e-4)
    assert np.isfinite(first.certified)
    assert first.certified >= 0
    (bare, *_) = recognise(hand_derived("minimum-of-4"), ((-1.0, 1.0),) * 4, circuits, None)
    assert np.isnan(bare.certified)


# What it takes


def test_it_takes_an_analysis() -> None:
    analysis = SimpleNamespace(network=MINIMUM, domain=Domain.of([(0.0, 1.0), (0.0, 2.0)], 2))
    assert triples(find_circuits(analysis)) == [("minimum", ("x1", "x2"), "y1")]
    with pytest.raises(InputError, match="a str is no network"):
        find_circuits("minimum")


def test_circuits_with_too_many_choices_are_named() -> None:
    W = np.zeros((2, 70))
    W[:, 3] = [1, -1]
    frame = find_circuits(Network([W, [[1, 1]]]), time_limit=0.05)
    assert "minimum-of-4" in frame.attrs["skipped"]
    assert triples(frame) == [("absolute", ("x4",), "y1")]
