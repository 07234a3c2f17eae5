"""Fourier features of modular addition: planted networks are the truth, untrained ones the null."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular.criteria import SINGLE
from mathcircuits.detect.modular.fourier import components, read_fourier
from mathcircuits.detect.modular.nulls import fourier_null, readout_r2
from mathcircuits.detect.modular.relabelling import arbitrariness, fourier_verdicts, orbit_of, relabelled
from mathcircuits.detect.modular.spectra import phases, spectrum
from mathcircuits.detect.modular.tables import (
    Tables,
    accuracy,
    check_modulus,
    modulus_of,
    planted,
    sums_of,
    untrained_networks,
)

RNG = np.random.default_rng(0)
NULL = fourier_null(planted(11, [1, 2]).architecture, draws=40)


def wave(p: int, k: int, phi: float = 0.0) -> np.ndarray:
    return np.cos(2 * np.pi * k * np.arange(p) / p + phi)


# Spectra


@given(st.sampled_from([3, 7, 11, 31]), st.integers(0, 10_000))
def test_powers_add_up_to_the_sum_of_squares(p: int, seed: int) -> None:
    tables = np.random.default_rng(seed).normal(size=(4, p))
    centred = tables - tables.mean(axis=1, keepdims=True)
    assert np.allclose(spectrum(tables).sum(axis=1), (centred**2).sum(axis=1))


@given(st.sampled_from([7, 11]), st.integers(0, 10_000), st.integers(1, 6), st.integers(0, 6))
def test_a_spectrum_ignores_shifts_and_follows_relabelling(p: int, seed: int, unit: int, shift: int) -> None:
    table = np.random.default_rng(seed).normal(size=p)
    power = spectrum(table)
    assert np.allclose(spectrum(np.roll(table, shift)), power)
    # y(u x) = table(x): frequency k of the table is frequency k / u of y.
    renamed = np.empty(p)
    renamed[unit * np.arange(p) % p] = table
    moved = spectrum(renamed)
    for k in range(1, (p - 1) // 2 + 1):
        (other,) = relabelled([k], unit, p)
        assert np.isclose(moved[other - 1], power[k - 1])


def test_a_spectrum_by_hand() -> None:
    # cos has the sum of squares p / 2, sin too, and the constant counts for nothing.
    assert np.allclose(spectrum(2 * wave(7, 3, 1.0) + 9), [0, 0, 4 * 3.5])
    assert np.allclose(spectrum([1.0, 0.0, 0.0]), [2 / 3])


@pytest.mark.parametrize("table", [[1.0, 2.0, 3.0, 4.0], [1.0], 5.0, []])
def test_other_lengths_have_no_spectrum(table: object) -> None:
    with pytest.raises(InputError, match="the last axis must have an odd length, at least 3"):
        spectrum(table)  # type: ignore[arg-type]


@given(st.floats(-3.1, 3.1), st.integers(1, 5))
def test_a_phase_is_read_back(phi: float, k: int) -> None:
    assert np.isclose(phases(0.3 * wave(11, k, phi) + 2, k), phi)
    assert phases(np.stack([wave(11, 1, 0.2), wave(11, 2, 0.4)]), [1, 2]).round(9).tolist() == [0.2, 0.4]


# Tables


def test_tables_give_the_networks_own_logits() -> None:
    p = 7
    shapes = [(9, 14), (5, 9), (p, 5)]
    net = Network(
        [RNG.normal(size=s) for s in shapes], [RNG.normal(size=s[0]) for s in shapes], ["identity", "relu"]
    )
    eye = np.eye(p)
    X = np.array([np.concatenate([eye[a], eye[b]]) for a, b in itertools.product(range(p), repeat=2)])
    tables = Tables.of(net)
    assert np.allclose(tables.logits(), net(X))
    assert np.allclose(tables.hidden().T, net.run(X)["blocks.1.mlp.hook_post"])
    assert sums_of(p).tolist() == [int(x[:p].argmax() + x[p:].argmax()) % p for x in X]
    behind = Network([*net.weights, RNG.normal(size=(p, p))], activation=["identity", "relu", "identity"])
    assert np.allclose(Tables.of(behind).logits(), behind(X))


def test_networks_of_another_kind_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"3 inputs and 1 outputs: modular addition needs 2 p one-hot inputs"
    ):
        modulus_of(Network([np.ones((1, 3))]))
    with pytest.raises(InputError, match=r"2 inputs and 1 outputs: modular addition needs"):
        modulus_of(Network([np.ones((1, 2))]))
    with pytest.raises(InputError, match="has 2 non-linear hidden layers"):
        Tables.of(Network([np.ones((4, 6)), np.ones((4, 4)), np.ones((3, 4))]))
    with pytest.raises(InputError, match="writes the same logits whatever its inputs"):
        read_fourier(Network([np.ones((4, 22)), np.zeros((11, 4))]), null=NULL)


@pytest.mark.parametrize("p", [1, 2, 4, 9, 15, 7.0, True, "7"])
def test_no_odd_prime_no_modulus(p: object) -> None:
    with pytest.raises(InputError, match="give an odd prime, such as 31"):
        check_modulus(p)  # type: ignore[arg-type]


# Planted networks


@pytest.mark.parametrize(("p", "ks"), [(7, [1]), (7, [2, 3]), (11, [4]), (13, [1, 5, 6]), (31, [3, 14])])
def test_what_is_planted_is_found_and_nothing_else(p: int, ks: list[int]) -> None:
    reading = read_fourier(planted(p, ks), null=fourier_null(planted(p, ks).architecture, draws=40))
    assert reading.used == tuple(ks)
    assert reading.single == 1.0
    assert reading.accuracy == reading.accuracy_used == 1.0
    rows = reading.neurons
    assert rows["frequency"].tolist() == [k for k in ks for _ in range(8)]
    assert np.allclose(rows["share"], 1)
    assert np.allclose(rows["share_out"], 1)
    assert np.allclose(rows["phase_error"], 0)
    assert reading.frequencies.set_index("frequency")["neurons"].to_dict() == {
        k: 8 if k in ks else 0 for k in range(1, (p - 1) // 2 + 1)
    }


def test_phases_are_read_in_either_arrangement() -> None:
    for turn in (1, 2):
        rows = read_fourier(planted(11, [2, 4], turn=turn), null=NULL).neurons
        sent = np.exp(1j * rows["phase_a"]) ** turn
        assert np.allclose(sent, np.exp(1j * rows["phase_b"]))
        assert np.allclose(rows["phase_error"], 0)


def test_rescaling_permuting_and_a_hidden_basis_change_nothing() -> None:
    net = planted(11, [2, 5])
    order, scale = RNG.permutation(16), RNG.uniform(0.5, 2, 16)
    basis = RNG.normal(size=(22, 22))
    W, V = net.weights
    twin = Network(
        [basis, (W * scale[:, None])[order] @ np.linalg.inv(basis), (V / scale)[:, order]],
        activation=["identity", "relu"],
    )
    here, there = (read_fourier(one, null=NULL) for one in (net, twin))
    assert there.used == here.used
    assert there.accuracy == here.accuracy
    names = ["frequency", "share", "share_out", "phase_error", "written"]
    assert np.allclose(there.neurons[names], here.neurons[names].iloc[order], atol=1e-9)
    assert np.allclose(there.frequencies["component"], here.frequencies["component"])


def test_dead_and_mixed_neurons_are_not_fourier_neurons() -> None:
    W, V = planted(11, [3], each=12).weights
    dead = np.concatenate([W, -np.ones((1, 22))])
    mixed = np.concatenate([dead, [np.tile(wave(11, 1) + wave(11, 2), 2)]])
    out = np.concatenate([V, np.ones((11, 1)), 0.5 * wave(11, 2)[:, None]], axis=1)
    reading = read_fourier(Network([mixed, out]), null=NULL)
    rows = reading.neurons
    assert not rows["active"][12]
    assert rows["p"].isna()[12]
    assert rows["active"][13]
    assert not rows["fourier"][13]
    assert rows["share"][13] == pytest.approx(0.5)
    assert reading.single == pytest.approx(12 / 13)
    assert reading.used == (3,)


def test_ablating_a_frequency_takes_its_wave_and_leaves_the_others() -> None:
    reading = read_fourier(planted(31, [2, 7, 9]), draws=20)
    rows = reading.frequencies.set_index("frequency").loc[[2, 7, 9]]
    assert (rows["component_without"] < 1e-9).all()
    # Harmonics of the ablated neurons may have reached the others' waves, no more.
    assert rows["others_without"].between(0.98, 1.02).all()
    assert reading.accuracy_others < 0.1
    assert reading.removal["accuracy"].iloc[0] == 1.0
    assert (np.diff(reading.removal["loss"]) > 0).all()
    assert 0.4 < reading.explained <= 1.0


def test_equal_phases_cap_the_read_out_and_other_phases_lift_the_cap() -> None:
    pizza = Tables.of(planted(31, [3], each=12))
    clock = Tables.of(planted(31, [3], each=13, turn=2))
    assert readout_r2(pizza.hidden(), 31)[2, 2] == pytest.approx(8 / np.pi**2, abs=0.01)
    assert readout_r2(clock.hidden(), 31)[2, 2] > 0.98


def test_a_read_out_is_exact_where_the_layer_holds_the_waves() -> None:
    p = 11
    s = sums_of(p)
    hidden = np.stack([np.cos(2 * np.pi * 4 * s / p), np.sin(2 * np.pi * 4 * s / p), np.zeros(p * p)])
    r2 = readout_r2(hidden, p)
    assert r2[2, 3] == pytest.approx(1)
    assert (np.delete(r2[2], 3) < 0.05).all()
    assert (r2[:2] < 0.05).all()
    with pytest.raises(InputError, match=r"give \[units, 121\] with fewer than 79 units"):
        readout_r2(np.zeros((79, 121)), p)


def test_components_by_hand() -> None:
    p = 7
    d = (sums_of(p)[:, None] - np.arange(p)) % p
    logits = 3 * np.cos(2 * np.pi * d / p) + 10
    assert np.allclose(components(logits), [4.5, 0, 0])
    # A bias per class and a function of a alone are no waves of a + b - c.
    assert np.allclose(components(logits + RNG.normal(size=p)), [4.5, 0, 0])
    assert np.allclose(components(np.eye(p)[sums_of(p)]).sum(), 1 / p - 1 / p**2)  # variance of a one in p
    with pytest.raises(InputError, match=r"give \[p\^2, p\]"):
        components(np.zeros((7, 7)))


def test_accuracy_counts_the_chosen_pairs() -> None:
    net = planted(7, [1])
    constant = Network([np.zeros((1, 14)), np.eye(7)[:, :1]], [None, np.eye(7)[2]])
    assert accuracy(net) == 1.0
    assert accuracy(constant) == pytest.approx(1 / 7)
    assert accuracy(constant, sums_of(7) == 2) == 1.0
    with pytest.raises(InputError, match="a mask of 49 pairs with 0 chosen"):
        accuracy(net, np.zeros((7, 7), bool))


@pytest.mark.parametrize(
    ("ks", "turn", "message"), [([4], 1, "from 1 to 3"), ([0], 1, "from 1"), ([1], 3, "turn 3")]
)
def test_what_cannot_be_planted(ks: list[int], turn: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planted(7, ks, turn=turn)


# The null


def test_the_null_is_that_of_a_random_direction() -> None:
    # Nearly Gaussian tables (an embedding's sums): shares are those of 15 gamma(2) variables, four coordinates each.
    shape = Network(
        [np.ones((64, 62)), np.ones((48, 64)), np.ones((31, 48))], activation=["identity", "relu"]
    ).architecture
    null = fourier_null(shape, draws=20)
    rng = np.random.default_rng(0)
    gamma = rng.gamma(2, size=(100_000, 15))
    theory = np.quantile(gamma.max(axis=1) / gamma.sum(axis=1), [0.1, 0.5, 0.9])
    assert np.allclose(np.quantile(null.share, [0.1, 0.5, 0.9]), theory, rtol=0.06)
    assert null.share.max() < SINGLE
    assert null.p_share([1.0, 0.0]).tolist() == [1 / (1 + len(null.share)), 1.0]
    assert np.quantile(null.readout[2], 0.95) < 0.1


def test_untrained_networks_hold_no_fourier_feature() -> None:
    found = [
        read_fourier(net, null=NULL)
        for net in untrained_networks(planted(11, [1, 2]).architecture, 20, seed=7)
    ]
    assert all(reading.used == () for reading in found)
    assert all(reading.accuracy < 0.4 for reading in found)


def test_p_of_untrained_neurons_is_uniform() -> None:
    nets = untrained_networks(planted(11, [1, 2]).architecture, 30, seed=5)
    p = np.concatenate([read_fourier(net, null=NULL).neurons["p"].dropna() for net in nets])
    assert len(p) > 300
    assert abs((p <= 0.2).mean() - 0.2) < 0.07


def test_too_small_a_null_is_refused() -> None:
    with pytest.raises(InputError, match="19 untrained networks: give at least 20"):
        fourier_null(planted(7, [1]).architecture, draws=19)


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
    with pytest.raises(InputError, match=f"{p} is no unit modulo {p}"):
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
