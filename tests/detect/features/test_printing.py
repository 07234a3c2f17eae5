"""Printing: what is printed reads as what was read, and SymPy agrees."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from random_formulas import TEXTS, read

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.grammar import Node
from mathcircuits.detect.features.printing import print_sympy

X = np.random.default_rng(0).uniform(-1, 1, (40, 3))
BOX = ((-1.0, 1.0), (0.0, 2.0), (-3.0, 3.0))


@given(TEXTS)
def test_what_is_printed_reads_as_what_was_read(text: str) -> None:
    formula = read(text)
    again = Formula(formula.text)
    assert again.root == formula.root
    assert again.text == formula.text
    assert again == formula
    assert hash(again) == hash(formula)


CALLS = [
    "relu(x1 - x2)", "abs(x1)", "min(x1, x2, x3)", "max(x1, -x2)", "median(x1, x2, x3)", "median(x1, x2, x3, x1 + x2)",
    "median(x1, -x1, x2, -x2, x3)", "mean(x1, x2)", "step(x1)", "sign(x1 - x2)", "clip(x1, -0.5, 0.25)", "sin(pi * x1)",
    "cos(2 * x1)", "tanh(x1)", "exp(x1 - 1)", "-x1**2", "(-x1)**2", "x1 - (x2 - x3)", "(x1 - x2)**3 / 7", "2 / 3 * x1",
    "relu(x1 - (3*low + high)/4)", "1e-7 * x1", "1", "x1 / (x2 + 4)", "mean(x1)",
]  # fmt: skip


@pytest.mark.parametrize("text", CALLS)
def test_sympy_agrees_and_reads_back(text: str) -> None:
    formula = Formula(text)
    values = formula(X, box=BOX)
    symbols = sympy.symbols("x1 x2 x3 low high", real=True)
    expression = (
        formula.sympy.rewrite(sympy.Piecewise) if formula.sympy.has(sympy.Heaviside) else formula.sympy
    )
    for row, value in list(zip(X, values, strict=True))[:6]:
        exact = expression.subs(dict(zip(symbols, (*row, *BOX[0]), strict=True)))
        assert float(exact) == pytest.approx(value, abs=1e-12)
    again = Formula.from_sympy(formula.sympy)
    assert np.allclose(again(X, box=BOX), values, atol=1e-12)


# Printing, by hand


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("-x1**2", "-x1**2"),
        ("(-x1)**2", "(-x1)**2"),
        ("-(x1**2)", "-x1**2"),
        ("-2**2", "-2**2"),
        ("(-2)**2", "(-2)**2"),
        ("x1-(x2-x3)", "x1 - (x2 - x3)"),
        ("(x1-x2)-x3", "x1 - x2 - x3"),
        ("x1-x2-x3", "x1 - x2 - x3"),
        ("x1+(x2+x3)", "x1 + (x2 + x3)"),
        ("x1/(x2/x3)", "x1 / (x2 / x3)"),
        ("x1/x2/x3", "x1 / x2 / x3"),
        ("x1*(x2/x3)", "x1 * (x2 / x3)"),
        ("x1/(x2*x3)", "x1 / (x2 * x3)"),
        ("(x1+x2)*x3", "(x1 + x2) * x3"),
        ("-(x1+x2)", "-(x1 + x2)"),
        ("-(x1*x2)", "-(x1 * x2)"),
        ("-x1*x2", "-x1 * x2"),
        ("x1*-x2", "x1 * (-x2)"),
        ("x1--x2", "x1 - (-x2)"),
        ("x1-(-2)", "x1 - (-2)"),
        ("-2*x1", "-2 * x1"),
        ("--x1", "--x1"),
        ("--2", "2"),
        ("+x1", "x1"),
        ("(x1**2)**3", "(x1**2)**3"),
        ("x1**2*x2", "x1**2 * x2"),
        ("Min( X2 ,x1 )*2", "min(x2, x1) * 2"),
        ("RELU(x-Abs(V2))", "relu(x1 - abs(v2))"),
        ("1e-7", "1e-07"),
        ("1e20", "1e+20"),
        ("0.10", "0.1"),
        ("007", "7"),
        ("1/3", "1 / 3"),
        ("-0", "0"),
        ("-0.5", "-0.5"),
        ("x01", "x1"),
        ("\n x1\t+\n1 ", "x1 + 1"),
    ],
)
def test_printing(text: str, printed: str) -> None:
    formula = Formula(text)
    assert formula.text == printed == str(formula)
    assert repr(formula) == f"Formula({printed!r})"
    assert Formula(printed).root == formula.root


def test_a_number_that_no_decimal_has_prints_as_a_quotient() -> None:
    third = Formula.from_tree(Node("*", None, (Node("number", Fraction(-1, 3)), Node("name", "x1"))))
    assert third.text == "-1 / 3 * x1"
    assert third(np.array([[3.0]])).item() == pytest.approx(-1.0)
    assert Formula.from_tree(Node("number", Fraction(2**200 + 1))).text == str(2**200 + 1)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_every_digit(value: float) -> None:
    assert Formula(repr(value))(np.zeros((1, 1))).item() == value


# sympy

x1, x2 = sympy.symbols("x1 x2", real=True)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (sympy.Max(x1 - x2, 0), "relu(x1 - x2)"),
        (sympy.Max(x1, x2), "max(x1, x2)"),
        (-(x1**2), "-x1**2"),
        (x1**-2, "1 / x1**2"),
        (x1**-1, "1 / x1"),
        (x2 - x1**-2, "x2 - 1 / x1**2"),
        (sympy.Rational(1, 3) * x1, "x1 / 3"),
        (sympy.Float(1 / 3) * x1, "0.3333333333333333 * x1"),
        (sympy.Heaviside(x1, 0), "step(x1)"),
        (sympy.exp(1) * x1, "exp(1) * x1"),
        (sympy.pi * x1, "pi * x1"),
        (2, "2"),
        (np.float64(0.1), "0.1"),
    ],
)
def test_from_sympy(expression: Any, text: str) -> None:
    assert Formula.from_sympy(expression).text == text


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (sympy.Symbol("a"), "name 'a' is not in the grammar"),
        (sympy.sqrt(x1), "function 'sqrt' is not in the grammar"),
        (sympy.log(x1), "sympy function log is not in the grammar; known: relu, abs"),
        (sympy.Function("f")(x1), "sympy function f is not in the grammar"),
        (sympy.Heaviside(x1), "at 0, where the grammar's step is 0; write Heaviside(u, 0)"),
        (sympy.oo, "name 'oo' is not in the grammar"),
        (sympy.I * x1, "name 'I' is not in the grammar"),
        (x1**x2, "powers must be whole numbers from 0 to 64"),
        (x1 > 0, "a StrictGreaterThan is not a sympy expression: give one, or a formula's text"),
        ("x1", "a str is not a sympy expression"),
        (True, "a bool is not a sympy expression"),
        (None, "a NoneType is not a sympy expression"),
    ],
)
def test_another_expression_is_refused(expression: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        print_sympy(expression) if isinstance(expression, str) else Formula.from_sympy(expression)
    assert problem in str(caught.value)


def test_what_sympy_cannot_write_is_refused() -> None:
    with pytest.raises(InputError, match="divides by 0: it has no expression"):
        _ = Formula("x1 / (x2 - x2)").sympy
    with pytest.raises(InputError, match="a median of more than 7 is too long for sympy"):
        _ = Formula(f"median({', '.join(f'x{k}' for k in range(1, 9))})").sympy
