"""Circuits on points: all that agree there, none that does not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mathcircuits.detect import Domain, Network, analyse, circuits, find_circuits, hand_derived, tasks
from mathcircuits.detect.exact.certificates import certify

ON_POINTS = [name for name, task in tasks.items() if task.points and task.circuits and task.derived]
SQUARE = Domain.finite(Domain.cube(2))


@pytest.mark.parametrize("name", ON_POINTS)
def test_the_expected_circuit_is_found(name: str) -> None:
    task = tasks[name]
    found = find_circuits(hand_derived(name), box=task.domain)
    assert task.circuits[0] in set(found["circuit"])
    assert (found["certified"] == 0).all()


def test_every_boolean_function_of_two_inputs_gets_the_circuits_that_are_it_and_no_other() -> None:
    X = Domain.cube(2)
    for values in itertools.product((0.0, 1.0), repeat=4):
        # One neuron per corner: relu(s . x - t) is 1 there and 0 on the others.
        signs = 2 * X - 1
        net = Network([signs, np.array(values)[None]], [1 - X.sum(axis=1), None])
        assert net(X).ravel().tolist() == list(values)
        found = find_circuits(net, box=SQUARE)
        for row in found.to_dict("records"):
            columns = [int(name[1:]) - 1 for name in row["on"]]
            assert circuits[row["circuit"]].values(X[:, columns]).ravel().tolist() == list(values)
        expected = {
            c.name for c in circuits.values() if c.arity == 2 and c.values(X).ravel().tolist() == list(values)
        }
        if len(set(values)) == 1:
            assert found.empty
        else:
            # Two wirings of one formula are named once.
            assert {circuits[name].text for name in expected} <= set(found["form"])


def test_what_is_off_on_one_point_is_not_found() -> None:
    net = hand_derived("xor")
    off = Network((*net.weights[:-1], net.weights[-1] * [1.0, 1.1]), net.biases)
    assert find_circuits(off, box=SQUARE).empty
    assert not find_circuits(net, box=SQUARE).empty


def test_a_reading_on_points_says_that_several_circuits_agree() -> None:
    found = analyse(hand_derived("and"), task="and")
    assert {"minimum", "and"} <= {name for row in found.readings["circuits"] for name in row}
    # On the whole square they do not.
    assert certify(hand_derived("and"), "min(x1, x2)", box=(0, 1)).lower == pytest.approx(0.5)


def test_a_class_is_certified_on_points_and_refused_on_a_box() -> None:
    task = tasks["greater-than"]
    found = certify(hand_derived("greater-than"), task, box=task.domain)
    assert found.upper < 1e-12
    assert certify(
        hand_derived("greater-than"), "step(x1 - x2 + 0.125)", box=task.domain
    ).lower == pytest.approx(1.0)
    with pytest.raises(ValueError, match="jumps"):
        certify(hand_derived("greater-than"), task, box=task.box)
