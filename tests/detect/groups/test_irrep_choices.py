"""Choices of irreps: blind draws by weight, and verdicts that keep the family apart from its members."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError
from mathcircuits.detect.groups.group_readings import read_group
from mathcircuits.detect.groups.group_truths import planted_irreps
from mathcircuits.detect.groups.irrep_choices import blind_choice, group_verdicts, threshold_curve
from mathcircuits.detect.groups.isomorphisms import irrep_orbits
from mathcircuits.detect.groups.named_groups import group_named
from mathcircuits.detect.groups.neuron_tables import untrained_networks


def test_draws_by_weight_are_not_called_a_preference() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([1.0, 4.0, 16.0, 16.0])
    p = []
    for seed in range(30):
        clocks = -np.log(rng.random((40, 4))) / weights
        used = clocks.argsort(axis=1).argsort(axis=1) < 2
        p.append(blind_choice(used, weights, draws=99, seed=seed).p)
    assert np.mean(np.array(p) <= 0.05) < 0.15
    assert 0.35 < np.mean(p) < 0.65
    # Without the weights the same draws are a preference.
    assert blind_choice(used, draws=199).p < 0.05


def test_all_irreps_used_leave_nothing_to_choose() -> None:
    found = blind_choice(np.ones((5, 3), bool), [1, 4, 9], what=("irrep", "irreps"), draws=99)
    assert (found.p, found.overlap, found.overlap_null) == (1.0, 1.0, 1.0)
    assert str(found).startswith("no sign of a preferred irrep")
    with pytest.raises(InputError, match=r"weights \[1.0\] for 3 irreps"):
        blind_choice(np.ones((5, 3), bool), [1])


def test_family_and_members_beside_untrained_networks() -> None:
    d5 = group_named("D5")
    nets = [planted_irreps(d5, ["1b", f"2{'ab'[k % 2]}"], each=2, seed=k) for k in range(4)]
    readings = [read_group(net, d5, draws=20) for net in nets]
    untrained = [read_group(net, d5, draws=20) for net in untrained_networks(nets[0].architecture, 4)]
    table = group_verdicts(readings, untrained)
    assert table["found"].tolist()[0] == 4
    assert dict(zip(table["irrep"], table["found"], strict=True))["2a"] == 2
    assert table["untrained_found"].sum() == 0
    assert table["dimension"].tolist()[1:] == [1, 2, 2]
    curve = threshold_curve(untrained, "untrained")
    assert (np.diff(curve["single"]) <= 0).all()
    assert curve["single"].iloc[-1] < 0.2
    with pytest.raises(InputError, match="0 readings"):
        group_verdicts([])
    with pytest.raises(InputError, match="no readings"):
        threshold_curve([], "trained")


def test_orbits_of_irreps() -> None:
    assert irrep_orbits(group_named("D5")) == (("1b",), ("2a", "2b"))
    assert irrep_orbits(group_named("S4")) == (("1b",), ("2a",), ("3a",), ("3b",))
