"""Rationals: the simplest fractions near a number, and the bits they take."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.features.rationals import (
    code_length,
    nearest_fractions,
    saved_bits,
    simplest_fraction,
)

# --- simple rationals -------------------------------------------------------------------------------------


@given(st.fractions(-3, 3, max_denominator=24), st.floats(1e-9, 1e-3))
def test_the_simplest_fraction_in_a_small_window_is_the_planted_one(value: Fraction, width: float) -> None:
    # Fractions with denominators up to 24 are at least 1/552 apart, so that the planted one is the simplest.
    assert simplest_fraction(float(value) - width, float(value) + width) == value


@given(st.floats(-5, 5), st.floats(0, 2))
def test_no_fraction_in_the_window_has_a_smaller_denominator(low: float, width: float) -> None:
    high = low + width
    found = simplest_fraction(low, high)
    assert low - 1e-9 <= found <= high + 1e-9
    for q in range(1, min(found.denominator, 60)):
        # In exact numbers: in floats 0.92 * 25 is 23, and 0.92 is not 23/25.
        assert math.floor(Fraction(high) * q) < math.ceil(Fraction(low) * q)


def test_nearest_fractions_reduce() -> None:
    p, q = nearest_fractions(np.array([[0.5, 0.3333], [-0.751, 2.0]]), 12)
    assert p.tolist() == [[1, 1], [-3, 2]]
    assert q.tolist() == [[2, 3], [4, 1]]


def test_code_lengths_are_a_code() -> None:
    """Kraft: the probabilities 2^-length of all fractions up to height 200 stay below 1 and near it."""
    fractions = {Fraction(s * p, q) for p in range(201) for q in range(1, 201) for s in (1, -1)}
    total = sum(2.0 ** -code_length(f) for f in fractions if max(abs(f.numerator), f.denominator) <= 200)
    assert 0.99 < total <= 1


def test_saved_bits_by_hand() -> None:
    # 1/2 has height 2: 4 fractions, probability (6/pi^2)/4 together; a decimal to 1/1024 takes 10 bits.
    assert saved_bits(Fraction(1, 2), 2.0**-10) == pytest.approx(10 - 2 - np.log2(np.pi**2 / 6 * 4))
    assert saved_bits(Fraction(7, 24), 5e-3) < 0 < saved_bits(Fraction(7, 24), 1e-9)
