"""The form of atoms: chance is judged by the error."""

from __future__ import annotations

from fractions import Fraction

from mathcircuits.detect.programs.atom_form import Atoms, draw_sample, simpler_than_chance


def test_chance_is_judged_by_the_error() -> None:
    table = Atoms(1, draw_sample(((-1.0, 1.0),)))
    table.add({0: Fraction(1), -1: Fraction(7, 24)})
    row = {1: Fraction(1)}
    assert simpler_than_chance(table, [row], 1e-9)
    assert not simpler_than_chance(table, [row], 5e-3)
    assert simpler_than_chance(table, [{0: Fraction(1, 2)}], 0.5)
