"""Mechanisms: planted coset circuits and character circuits are told apart, each beside its chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mathcircuits.detect.groups.group_circuits import mechanisms
from mathcircuits.detect.groups.group_readings import read_group
from mathcircuits.detect.groups.group_truths import planted_irreps
from mathcircuits.detect.groups.named_groups import group_named

S4 = group_named("S4")
POINT = np.array([word.startswith("0") for word in S4.elements])


def test_a_coset_circuit_is_one_and_stays_right_on_its_cosets_alone() -> None:
    net = planted_irreps(S4, ["3a"], subgroup=POINT)
    found = mechanisms(net, read_group(net, S4, draws=20))
    assert found.coset == pytest.approx(1)
    assert found.irreps["full"].tolist() == found.irreps["neurons"].tolist()
    assert (found.accuracy_single, found.accuracy_coset) == (1, 1)
    assert found.accuracy_random < 0.5
    assert set(found.neurons["subgroup"]) == {6}
    assert found.neurons["rank_one"].min() > 0.999


def test_blind_directions_are_no_coset_circuit() -> None:
    net = planted_irreps(S4, ["3a"], each=3)
    found = mechanisms(net, read_group(net, S4, draws=20))
    assert found.irreps["full"].sum() < 0.5 * found.irreps["neurons"].sum()
    assert found.accuracy_coset < found.accuracy_single - 0.2
    assert found.accuracy_character == 1


def test_blind_shares_are_those_of_random_directions() -> None:
    # In dimension 2 of S3 three lines, 60 degrees apart, are fixed: the nearest is within 30 degrees, and the
    # smaller of two cos^2 of uniform angles up to 30 degrees has the mean 3 / pi * integral of cos^2 t (2 - 12 t / pi).
    s3 = group_named("S3")
    net = planted_irreps(s3, ["2a"], each=8)
    reading = read_group(net, s3, draws=20)
    reading.neurons["single"] = True
    object.__setattr__(reading, "used", ("2a",))
    found = mechanisms(net, reading, draws=20_000)
    t = np.linspace(0, np.pi / 6, 20_001)
    theory = np.trapezoid(np.cos(t) ** 2 * 2 * (6 / np.pi) ** 2 * t, t)
    assert found.coset_blind == pytest.approx(theory, abs=0.003)


def test_modulo_a_prime_the_two_do_not_differ() -> None:
    c7 = group_named("C7")
    net = planted_irreps(c7, ["f1", "f2"], each=2)
    found = mechanisms(net, read_group(net, c7, draws=20))
    assert not found.irreps["differ"].any()
    assert math.isnan(found.coset)
    assert len(found.neurons) == 0
