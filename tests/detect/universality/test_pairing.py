"""Pairing: a re-gauged copy is the same up to circuit, two forms part there, two functions at the first rung."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, circuits, hand_derived
from mathcircuits.detect.universality import Pairing, UnitPair, pair_up

SLIDE, MIRRORED, MEAN = (circuit.network for circuit in circuits["minimum"].gauges[:3])


def regauged(network: Network) -> Network:
    """The same network with its neurons in reverse order and on other scales."""
    scale = np.linspace(0.5, 3.0, network.sizes[1])[:, None]
    return Network([network.weights[0][::-1] * scale, network.weights[1][:, ::-1] / scale.T])


@pytest.fixture(scope="module")
def copies() -> Pairing:
    return pair_up(SLIDE, regauged(SLIDE), task="minimum")


@pytest.fixture(scope="module")
def forms() -> Pairing:
    return pair_up(SLIDE, MEAN, names=("slide", "mean"), task="minimum")


def test_regauged_copies_are_the_same_up_to_circuit(copies: Pairing) -> None:
    assert copies.sentence == "a and b are the same up to circuit."
    assert (copies.parts_at, copies.same_up_to) == (None, "circuit")
    assert [(u.unit, u.second_unit, u.counterparts) for u in copies.units] == [
        (0, 2, True),
        (1, 1, True),
        (2, 0, True),
    ]
    assert [one.accuracy for one in copies.transplants] == pytest.approx([1.0, 1.0])


def test_two_forms_part_at_circuit(forms: Pairing) -> None:
    assert (forms.parts_at, forms.same_up_to) == ("circuit", "function")
    assert [step.relation for step in forms.steps] == ["same", "vacuous", "vacuous", "between", "different"]
    # Only the kink itself is the same neuron.
    assert [(u.unit, u.second_unit) for u in forms.units if u.counterparts] == [(0, 2)]
    assert repr(forms) == "Pairing(slide and mean: part at circuit)"
    assert "part at circuit" in forms._repr_html_()


def test_mirror_images_match_after_the_swap() -> None:
    found = pair_up(SLIDE, MIRRORED, task="minimum")
    assert found.turned.images == ("x2", "x1")
    assert all(pair.counterparts for pair in found.units)
    # Without the task the swap is not known, and they are two networks of one function.
    assert pair_up(SLIDE, MIRRORED).turned.images == ("x1", "x2")


def test_two_functions_part_at_once() -> None:
    found = pair_up(SLIDE, hand_derived("maximum"))
    assert (found.parts_at, found.same_up_to) == ("function", None)


def test_groups_are_judged_over_all_pairs() -> None:
    found = pair_up([SLIDE] * 20, [regauged(SLIDE)] * 20, names=("these", "those"), task="minimum")
    assert found.sentence == "these and those are the same up to circuit."
    assert [step.relation for step in found.steps] == [rung.verdict for rung in found.ladder.rungs]


def test_plain_data(forms: Pairing) -> None:
    content = forms.to_dict()
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert forms.to_frame()["rung"].tolist() == ["function", "subspace", "units", "features", "circuit"]


def test_counterparts() -> None:
    assert not UnitPair(0, 0, 0, 0, -1.0).counterparts


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match=r"these is 2 -> 1 .*those is 1 -> 1"):
        pair_up(SLIDE, hand_derived("absolute"), names=("these", "those"))
    with pytest.raises(InputError, match="a group without a network"):
        pair_up(SLIDE, [])
