"""Bounds are proved whatever the solver returned: a wrong multiplier gives a poor bound, never a false one."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mathcircuits.detect import canonical_form, hand_derived
from mathcircuits.detect.exact import Biases
from mathcircuits.detect.exact.norms.bounds import _root, _within, lower_bound, upper_bound
from mathcircuits.detect.exact.norms.problem import problem_of
from mathcircuits.detect.exact.norms.program import solve


@pytest.mark.parametrize(("name", "biases"), [("minimum", "none"), ("sort-2", "free"), ("clip", "penalised")])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1 + 1e-12, 2.0, 1e6])
def test_a_wrong_multiplier_proves_less(name: str, biases: Biases, factor: float) -> None:
    problem = problem_of(canonical_form(hand_derived(name)), biases)
    found = solve(problem)
    best = lower_bound(problem, found)
    assert 0 <= lower_bound(problem, replace(found, Y=found.Y * factor)) <= best + 1e-10


@pytest.mark.parametrize("seed", range(5))
def test_any_sides_cost_at_least_the_bound(seed: int) -> None:
    problem = problem_of(canonical_form(hand_derived("x1-plus-abs-x2")), "penalised")
    found = solve(problem)
    rng = np.random.default_rng(seed)
    s, on = rng.normal(size=found.s.shape), rng.normal(size=found.on.shape)
    assert upper_bound(problem, s, on, rng.normal()) >= lower_bound(problem, found)
    near = upper_bound(problem, found.s, found.on, float(found.Y[0, -1]))
    assert near == pytest.approx(2 + math.sqrt(2), abs=1e-9)


@pytest.mark.parametrize("square", [Fraction(2), Fraction(1, 3), Fraction(10**40, 7), Fraction(1, 10**40)])
def test_roots_are_bracketed(square: Fraction) -> None:
    low, high = _root(square)
    assert low**2 <= square < high**2
    assert high - low <= low / 2**90


def test_a_matrix_is_shrunk_until_its_norm_is_proved() -> None:
    gram = [[Fraction(5), Fraction(4)], [Fraction(4), Fraction(5)]]  # eigenvalues 9 and 1
    assert _within(gram, Fraction(3)) == 1 or 1 - _within(gram, Fraction(3)) < Fraction(1, 2**40)
    assert float(_within(gram, Fraction(2))) == pytest.approx(2 / 3)
    assert _within(gram, Fraction(2)) <= Fraction(2, 3)
    assert _within([[Fraction(1)]], Fraction(1)) == 1
