"""Relabelling modulo p: one orbit of frequencies, blind draws, and verdicts on the family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular.fourier import read_fourier
from mathcircuits.detect.modular.nulls import fourier_null
from mathcircuits.detect.modular.relabelling import arbitrariness, fourier_verdicts, orbit_of, relabelled
from mathcircuits.detect.modular.tables import (
    accuracy,
    planted,
    untrained_networks,
)

NULL = fourier_null(planted(11, [1, 2]).architecture, draws=40)


# Relabelling and arbitrariness


def test_relabelling_a_network_relabels_its_frequencies() -> None:
    p, ks, unit = 11, [1, 4], 3
    W, V = planted(p, ks).weights
    to = unit * np.arange(p) % p
    renamed_W, renamed_V = np.empty_like(W), np.empty_like(V)
    renamed_W[:, to], renamed_W[:, p + to], renamed_V[to] = W[:, :p], W[:, p:], V
    twin = Network([renamed_W, renamed_V])
    assert accuracy(twin) == 1.0
    assert read_fourier(twin, null=NULL).used == relabelled(ks, unit, p)


@pytest.mark.parametrize("p", [7, 11, 31])
def test_all_frequencies_are_one_orbit(p: int) -> None:
    every = set(range(1, (p - 1) // 2 + 1))
    for k in every:
        assert {relabelled([k], unit, p)[0] for unit in range(1, p)} == every
        assert orbit_of([k], p) == (1,)
    with pytest.raises(InputError, match=f"{p} is not a unit modulo {p}"):
        relabelled([1], p, p)


@given(st.sets(st.integers(1, 15), min_size=1, max_size=6), st.integers(1, 30), st.integers(1, 30))
def test_relabelling_is_a_group_acting(ks: set[int], u: int, v: int) -> None:
    assert relabelled(relabelled(ks, u, 31), v, 31) == relabelled(ks, u * v % 31, 31)
    assert orbit_of(relabelled(ks, u, 31), 31) == orbit_of(ks, 31)
    assert orbit_of(orbit_of(ks, 31), 31) == orbit_of(ks, 31)


def test_blind_draws_look_blind_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    blind = np.array([rng.permutation(15) < 5 for _ in range(40)])
    found = arbitrariness(blind, draws=500)
    assert found.p > 0.05
    assert found.p_overlap > 0.05
    assert found.sizes == (5, 5.0, 5)
    assert str(found).startswith("no sign of a preferred frequency")
    fixed = np.tile(np.arange(15) < 5, (40, 1))
    other = arbitrariness(fixed, draws=500)
    # Each of 5 frequencies 40 times where 40 / 3 was expected, ten never: 5 * 80^2/9 / (40/3) + 10 * 40/3 = 400.
    assert other.chi_square == pytest.approx(400 / 3 + 800 / 3)
    assert other.p == pytest.approx(1 / 501)
    assert other.overlap == 1.0
    assert str(other).startswith("some frequencies are preferred")


def test_p_of_arbitrariness_is_uniform_over_blind_draws() -> None:
    rng = np.random.default_rng(1)
    p = [
        arbitrariness(np.array([rng.permutation(9) < 3 for _ in range(8)]), draws=200, seed=k).p
        for k in range(60)
    ]
    assert abs(np.mean(np.array(p) <= 0.5) - 0.5) < 0.2
    assert min(p) > 0


@pytest.mark.parametrize("used", [np.zeros((4, 3), bool), np.ones((1, 3), bool), np.ones(3, bool)])
def test_arbitrariness_needs_networks_that_use_something(used: np.ndarray) -> None:
    with pytest.raises(InputError, match="of at least two networks that use some"):
        arbitrariness(used)


# Verdicts


def test_verdicts_separate_the_family_from_its_members() -> None:
    nets = [planted(11, [1 + k % 5, 1 + (k + 1) % 5]) for k in range(80)]
    known = {net.weights[0].tobytes(): read_fourier(net, null=NULL) for net in nets[:5]}
    readings = [known[net.weights[0].tobytes()] for net in nets]
    untrained = [read_fourier(net, null=NULL) for net in untrained_networks(nets[0].architecture, 10)] * 8
    table = fourier_verdicts(readings, untrained)
    assert table["kind"].tolist() == ["family"] + ["frequency"] * 5
    assert table["verdict"].tolist() == ["universal"] + ["partial"] * 5
    assert table["found"].tolist() == [80] + [32] * 5
    assert table["untrained_found"].sum() == 0
    assert table["frequency"].isna().tolist() == [True] + [False] * 5


def test_verdicts_on_nothing_or_on_two_moduli_are_refused() -> None:
    with pytest.raises(InputError, match=r"0 readings with moduli \[\]"):
        fourier_verdicts([])
    two = [read_fourier(planted(p, [1]), draws=20) for p in (7, 11)]
    with pytest.raises(InputError, match=r"moduli \[7, 11\]: give at least one, all of one modulus"):
        fourier_verdicts(two)
