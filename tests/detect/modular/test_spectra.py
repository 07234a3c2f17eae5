"""Spectra modulo p: powers by hand, and phases that are read back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import InputError
from mathcircuits.detect.modular.relabelling import relabelled
from mathcircuits.detect.modular.spectra import phases, spectrum


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
