"""Fourier features of modular addition: planted networks are the truth, untrained ones the null."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular.fourier import components, read_fourier
from mathcircuits.detect.modular.nulls import fourier_null
from mathcircuits.detect.modular.tables import (
    planted,
    sums_of,
)

RNG = np.random.default_rng(0)
NULL = fourier_null(planted(11, [1, 2]).architecture, draws=40)


def wave(p: int, k: int, phi: float = 0.0) -> np.ndarray:
    return np.cos(2 * np.pi * k * np.arange(p) / p + phi)


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
