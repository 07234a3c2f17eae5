"""Lengths: description lengths and complexities by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.rationals import code_length, decimal_length
from mathcircuits.detect.programs.lengths import complexity, description_length, largest_denominator


def test_description_lengths_by_hand() -> None:
    # 2 inputs, 13 functions, 6 operators, fraction, decimal, pi: 24 symbols, one bit for each of min's two arguments
    assert description_length([Formula("min(x1, x2)")], 2) == pytest.approx(3 * np.log2(24) + 2)
    assert description_length([Formula("0.5")], 2) == pytest.approx(np.log2(24) + code_length(Fraction(1, 2)))
    # 2.54 is shorter as three digits than as 127/50.
    decimal = description_length([Formula("2.54")], 2)
    assert decimal == pytest.approx(np.log2(24) + decimal_length(Fraction("2.54")))
    assert decimal < np.log2(24) + code_length(Fraction("2.54"))


@pytest.mark.parametrize(
    ("text", "value"),
    [("x1", 1), ("-x1", 2), ("x1/2", 4), ("0", 1), ("3/4 - x1", 8), ("clip(x1, -0.5, 0.5)", 6)],
)
def test_complexity_by_hand(text: str, value: int) -> None:
    assert complexity(Formula(text).root) == value


def test_denominators_stand_in_numbers_and_divisors() -> None:
    assert largest_denominator(Formula("3 * x1 / 16 - relu(x1 + 0.125)").root) == 16
