"""Features modulo a task's symmetries: a group acts, networks lack what was taken out, kinks are forced."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import catalogue, hand_derived, tasks
from mathcircuits.detect.features.binding import Label, label_text
from mathcircuits.detect.features.task import Task
from mathcircuits.detect.universality.orbits import Orbits

POSITIVE: Label = ("positiveness", ("x1",))
NEGATIVE: Label = ("negativeness", ("x1",))
GREATER: Label = ("greaterness", ("x1", "x2"))
LESS: Label = ("greaterness", ("x2", "x1"))


@pytest.mark.parametrize("name", ["absolute", "minimum", "subtraction", "sum-of-3", "x1-plus-abs-x2"])
def test_orbits_partition_the_labels(name: str) -> None:
    orbits = Orbits(tasks[name])
    for label in orbits.labels:
        orbit = orbits.orbit(label)
        if catalogue[label[0]].arity:
            assert label in orbit
        assert {orbits.representative(member) for member in orbit} == {orbits.representative(label)}


def test_without_symmetries_only_synonyms_share_an_orbit() -> None:
    orbits = Orbits(tasks["identity"])
    assert orbits.orbit(POSITIVE) == (POSITIVE,)
    assert orbits.representative(NEGATIVE) == NEGATIVE


def test_a_swap_and_a_sign() -> None:
    assert Orbits(tasks["minimum"]).representative(LESS) == GREATER
    assert Orbits(tasks["absolute"]).orbit(NEGATIVE) == (POSITIVE, NEGATIVE)
    # x1 - x2 is unchanged by (x1, x2) -> (-x2, -x1), which leaves relu(x1 - x2) as it is.
    assert Orbits(tasks["subtraction"]).orbit(GREATER) == (GREATER,)


def test_features_of_minima_move_too() -> None:
    orbits = Orbits(tasks["minimum-of-4"])
    first: Label = ("greaterness", ("min(x1, x2)", "min(x3, x4)"))
    crossed: Label = ("greaterness", ("min(x2, x4)", "min(x1, x3)"))
    assert orbits.has(first)
    assert orbits.representative(first) == orbits.representative(crossed)
    assert orbits.representative(first) != orbits.representative(GREATER)


def test_a_networks_own_variable_is_its_own_orbit() -> None:
    orbits = Orbits(tasks["minimum"])
    upstream: Label = ("greaterness", ("v1", "v0"))
    assert not orbits.has(upstream)
    assert orbits.orbit(upstream) == (upstream,)
    assert orbits.orbit(("no-such-feature", ("x1",))) == (("no-such-feature", ("x1",)),)


def test_a_constant_is_its_own_orbit() -> None:
    assert Orbits(tasks["minimum"]).orbit(("constant", ())) == (("constant", ()),)


@pytest.mark.parametrize("name", [name for name in tasks if tasks[name].derived])
def test_the_hand_derived_network_lacks_nothing(name: str) -> None:
    orbits = Orbits(tasks[name])
    network = tasks[name].hand_derived
    assert network is not None
    assert len(orbits.derived) == sum(network.sizes[1:-1])
    labels = [label for _, values in orbits.derived if (label := orbits.name_of(values)) is not None]
    named = {label_text(label) for label in labels}
    assert set(orbits.missing(labels)) == {text for text, _ in orbits.derived} - named
    for symmetry in orbits.group:
        mirrored = [
            label for k in labels if (label := orbits.name_of(orbits.values(k, symmetry))) is not None
        ]
        assert len(orbits.missing(mirrored)) == len(orbits.missing(labels))


def test_the_seeds_features_are_expected() -> None:
    assert Orbits(tasks["minimum"]).expected == {
        GREATER,
        LESS,
        POSITIVE,
        NEGATIVE,
        ("positiveness", ("x2",)),
        ("negativeness", ("x2",)),
    }
    assert POSITIVE not in Orbits(tasks["addition"]).expected
    texts = {text for text, _ in Orbits(tasks["minimum-of-4"]).derived}
    assert "greaterness(min(x1, x2), min(x3, x4))" in texts


def test_what_was_taken_out_is_missing() -> None:
    orbits = Orbits(tasks["minimum"])
    assert orbits.missing([GREATER, POSITIVE]) == ("negativeness(x1)",)
    # The x2 form of the minimum, and a mixture of both forms that is neither.
    assert orbits.missing([LESS, ("positiveness", ("x2",)), ("negativeness", ("x2",))]) == ()
    assert len(orbits.missing([LESS, POSITIVE, NEGATIVE])) == 1
    assert len(orbits.missing([])) == 3
    assert Orbits(tasks["absolute"]).missing([NEGATIVE, NEGATIVE]) == ("positiveness(x1)",)


def test_nothing_is_missing_where_nothing_is_derived() -> None:
    task = Task(name="mine", arity=2, target=lambda X: X[:, 0] * X[:, 1])
    orbits = Orbits(task)
    assert orbits.derived == ()
    assert orbits.expected == frozenset()
    assert orbits.missing([GREATER]) == ()


@pytest.mark.parametrize(
    ("task", "label", "bias", "oriented", "forced"),  # of networks with 4 neurons
    [
        # f(1) and f(-1) both differ from 0: without biases both signs are needed.
        ("identity", POSITIVE, False, True, True),
        ("absolute", NEGATIVE, False, True, True),
        # relu(x) vanishes on the left.
        ("relu", NEGATIVE, False, False, False),
        # With a bias an always-on neuron carries x.
        ("identity", POSITIVE, True, False, False),
        # The kink of |x| lies at 0 whatever the biases, on either side.
        ("absolute", POSITIVE, True, False, True),
        ("absolute", POSITIVE, True, True, False),
        ("minimum", GREATER, False, False, True),
        ("minimum", GREATER, False, True, False),
        # min is smooth across x1 = 0, and a sum bends nowhere.
        ("minimum", POSITIVE, False, False, False),
        ("addition", ("positive-sum", ("x1", "x2")), False, False, False),
        # One side of a kink may stand in for the other where no symmetry joins them.
        ("clip", ("above-high", ("x1",)), True, False, False),
    ],
)
def test_what_the_function_forces(task: str, label: Label, bias: bool, oriented: bool, forced: bool) -> None:
    assert Orbits(tasks[task]).forced(label, (4,), bias=bias, oriented=oriented) is forced


@pytest.mark.parametrize(
    ("task", "label", "bias", "oriented", "forced"),
    [
        # Three neurons compute the minimum in one way, up to the swap: with both signs of one input.
        ("minimum", POSITIVE, False, False, True),
        ("minimum", NEGATIVE, False, False, True),
        ("minimum", POSITIVE, False, True, False),
        ("minimum", ("positive-sum", ("x1", "x2")), False, False, False),
        ("addition", ("positive-sum", ("x1", "x2")), False, False, True),
        # With biases three are one more than needed.
        ("minimum", POSITIVE, True, False, False),
        # Two neurons clip in two ways.
        ("clip", ("above-high", ("x1",)), True, False, False),
    ],
)
def test_what_the_smallest_width_forces(
    task: str, label: Label, bias: bool, oriented: bool, forced: bool
) -> None:
    known = tasks[task]
    assert known.smallest is not None
    assert Orbits(known).forced(label, known.smallest, bias=bias, oriented=oriented) is forced


def test_nothing_is_known_to_be_forced_in_deeper_networks() -> None:
    assert not Orbits(tasks["minimum"]).forced(GREATER, (3, 2))
    assert not Orbits(tasks["minimum"]).forced(("maximum", ("x1", "x2")), (3,))


def test_values_are_free_of_scale_and_offset() -> None:
    orbits = Orbits(tasks["minimum"])
    values = orbits.values(GREATER)
    assert np.isclose(values @ values, 1.0)
    assert np.isclose(values.sum(), 0.0)
    assert orbits.name_of(values) == GREATER
    assert orbits.name_of(orbits.values(("constant", ("x1",)))) is None
    network = hand_derived("minimum")
    assert network.sizes == (2, 3, 1)
