"""The null of frequencies: a random direction's, uniform p, and read-outs that hold the waves."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular.fourier import SINGLE, read_fourier
from mathcircuits.detect.modular.nulls import fourier_null, readout_r2
from mathcircuits.detect.modular.tables import (
    Tables,
    planted,
    sums_of,
    untrained_networks,
)

NULL = fourier_null(planted(11, [1, 2]).architecture, draws=40)


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
