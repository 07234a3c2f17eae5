"""The grammar: how signs, powers and sides bind, and that no other text gets past it."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_formulas import TEXTS, read

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.grammar import FUNCTIONS

X = np.random.default_rng(0).uniform(-1, 1, (40, 3))


@given(TEXTS)
def test_signs_powers_and_sides_bind_as_in_python(text: str) -> None:
    formula = read(text)
    names = {"x1": 0.5, "x2": -0.25, "x3": 0.75, "x": 0.5, "pi": math.pi, "low": -1.0, "high": 1.0}
    functions: dict[str, Any] = {
        "relu": lambda a: max(a, 0.0), "abs": abs, "min": min, "max": max, "clip": lambda a, b, c: min(max(a, b), c),
        "median": lambda *a: float(np.median(a)), "mean": lambda *a: sum(a[1:], a[0]) / len(a),
        "step": lambda a: float(a > 0), "sign": lambda a: float(np.sign(a)),
        "sin": math.sin, "cos": math.cos, "tanh": math.tanh, "exp": math.exp,
    }  # fmt: skip
    try:
        # The text is this test's own, of the grammar above.
        expected = eval(compile(ast.parse(text, mode="eval"), "", "eval"), {**names, **functions})
    except (OverflowError, ZeroDivisionError, ValueError):
        assume(False)
    assume(math.isfinite(expected) and abs(expected) < 1e100)
    point = np.array([[0.5, -0.25, 0.75]])
    try:
        found = formula(point, box=((-1.0, 1.0),) * 3).item()
    except InputError:
        assume(False)  # a constant part overflows in another order
    assume(math.isfinite(found))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(1.0, abs(expected)))


CALLS = [
    "relu(x1 - x2)", "abs(x1)", "min(x1, x2, x3)", "max(x1, -x2)", "median(x1, x2, x3)", "median(x1, x2, x3, x1 + x2)",
    "median(x1, -x1, x2, -x2, x3)", "mean(x1, x2)", "step(x1)", "sign(x1 - x2)", "clip(x1, -0.5, 0.25)", "sin(pi * x1)",
    "cos(2 * x1)", "tanh(x1)", "exp(x1 - 1)", "-x1**2", "(-x1)**2", "x1 - (x2 - x3)", "(x1 - x2)**3 / 7", "2 / 3 * x1",
    "relu(x1 - (3*low + high)/4)", "1e-7 * x1", "1", "x1 / (x2 + 4)", "mean(x1)",
]  # fmt: skip


def test_every_function_is_compared() -> None:
    assert all(any(f"{name}(" in text for text in CALLS) for name in FUNCTIONS)


# Hostile texts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not well-formed at the end; write it like 'x1 - relu(x1 - x2)' or 'min(x1, x2)'"),
        ("  \n ", "not well-formed at the end"),
        ("x1 +", "not well-formed at the end"),
        ("x1 x2", "not well-formed at 'x2'"),
        ("2x1", "not well-formed at 'x1'"),
        ("(x1", "not well-formed at the end"),
        ("x1)", "not well-formed at ')'"),
        ("relu(x1,)", "not well-formed at ')'"),
        ("relu(*x1)", "not well-formed at '*'"),
        ("min(x1, x2", "not well-formed at the end"),
        ("1_000", "not well-formed at '_000'"),
        ("0x10", "not well-formed at 'x10'"),
        ("1e", "not well-formed at 'e'"),
        ("x1 if x2 else 1", "not well-formed at 'if'"),
        ("x1 and x2", "not well-formed at 'and'"),
        ("x1//x2", "not well-formed at '/'"),
        ("x1, x2", "not well-formed at ','"),
        ("relu", "name 'relu' is not in the grammar; use x1, x2, ..., v0, ..., pi, low or high"),
        ("True", "name 'True' is not in the grammar"),
        ("x0", "name 'x0' is not in the grammar"),
        ("x00", "name 'x00' is not in the grammar"),
        ("x9999999", "name 'x9999999' is not in the grammar"),
        ("__class__", "name '__class__' is not in the grammar"),
        ("lambda: 0", "':' is not in the grammar; use numbers"),
        ("x1.real", "'.' is not in the grammar"),
        ("x1[0]", "'[' is not in the grammar"),
        ("{x1}", "'{' is not in the grammar"),
        ("f'{x1}'", '"\'" is not in the grammar'),
        ("relu(x=1)", "'=' is not in the grammar"),
        ("(x1 := 2)", "':' is not in the grammar"),
        ("x1 # note", "'#' is not in the grammar"),
        ("x1 @ x2", "'@' is not in the grammar"),
        ("x1 < x2", "'<' is not in the grammar"),
        ("x1^2", "'^' is not in the grammar; write ** for a power"),
        ("|x1|", "'|' is not in the grammar; write abs(x1)"),
        ("x1 \N{MINUS SIGN} x2", "is not in the grammar; write -"),
        ("x1 \N{MULTIPLICATION SIGN} x2", "is not in the grammar; write *"),
        ("x\N{FULLWIDTH DIGIT ONE}", "is not in the grammar"),
        ("\N{ARABIC-INDIC DIGIT THREE}", "is not in the grammar"),
        ("x\N{SUPERSCRIPT TWO}", "is not in the grammar"),
        ("x1\x00", "'\\x00' is not in the grammar"),
        ("x1\N{NO-BREAK SPACE}+ 1", "is not in the grammar"),
        ("\ud800", "is not in the grammar"),
        ("__import__('os')", "function '__import__' is not in the grammar; known: relu, abs, min"),
        ("eval(x1)", "function 'eval' is not in the grammar"),
        ("rleu(x1)", "function 'rleu' is not in the grammar: did you mean 'relu'?; known"),
        ("x1(x2)", "function 'x1' is not in the grammar"),
        ("relu()", "relu takes 1 argument, got 0"),
        ("relu(x1, x2)", "relu takes 1 argument, got 2"),
        ("min(x1)", "min takes at least 2 arguments, got 1"),
        ("clip(x1)", "clip takes 3 arguments, got 1"),
        ("median(x1, x2)", "median takes at least 3 arguments, got 2"),
        ("mean()", "mean takes at least 1 argument, got 0"),
        ("2**-1", "powers must be whole numbers from 0 to 64"),
        ("x1**0.5", "powers must be whole numbers from 0 to 64"),
        ("x1**65", "powers must be whole numbers from 0 to 64"),
        ("x1**x2", "powers must be whole numbers from 0 to 64"),
        ("9**9**9", "powers must be whole numbers from 0 to 64"),
        ("(9**9)**9", "powers of powers must not exceed 64 when multiplied"),
        ("(1 + (x1**8)**8)**2", "powers of powers must not exceed 64 when multiplied"),
        ("1e999", "numbers must be finite"),
        ("1e999999999", "numbers must be finite"),
        ("9" * 400, "numbers must be finite"),
        ("9" * 5000, "numbers must be finite"),
        ("1e-999999999", "the number 1e-999999999 is too small; write 0"),
        ("x1/0", "divides by 0"),
        ("x1/-0.0", "divides by 0"),
        ("(" * 201 + "x1" + ")" * 201, "nested deeper than 200"),
        ("-" * 201 + "x1", "nested deeper than 200"),
        ("relu(" * 3000, "nested deeper than 200"),
        ("-" * 19_000, "nested deeper than 200"),
        ("+".join(["x1"] * 300), "nested deeper than 200 (each term of a sum is a level); split it"),
        ("x1" + "+1" * 10_000, "longer than 20000 characters; split it"),
        ("x1**1" * 3000, "not well-formed"),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_nothing_gets_past_the_grammar(text: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Formula(text)
    assert problem in str(caught.value)
    assert str(caught.value).startswith("formula ")
    assert len(str(caught.value)) < 400


def test_long_chains_in_parentheses_count_together() -> None:
    text = "x1"
    for _ in range(30):
        text = f"({text}" + "+1" * 10 + ")"
    with pytest.raises(InputError, match="nested deeper than 200"):
        Formula(text)


def test_the_deepest_formula_is_usable() -> None:
    for text in (
        "(" * 190 + "x1" + ")" * 190,
        "-" * 190 + "x1",
        "+".join(["x1"] * 190),
        "relu(" * 190 + "x1" + ")" * 190,
    ):
        formula = Formula(text)
        assert np.isfinite(formula(X)).all()
        assert Formula(formula.text) == formula
        assert formula.key
        assert formula.sympy is not None


@given(st.text(max_size=40))
@settings(max_examples=300)
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        formula = Formula(text)
    except InputError:
        return
    assert Formula(formula.text) == formula


@given(st.text(alphabet="x12+-*/()., ervlumin9e", max_size=30))
@settings(max_examples=300)
def test_any_text_of_the_grammars_letters_is_a_formula_or_refused(text: str) -> None:
    try:
        formula = Formula(text)
    except InputError:
        return
    assert Formula(formula.text) == formula


@pytest.mark.parametrize("text", [None, 5, b"x1", ["x1"], Formula("x1")])
def test_a_formula_is_made_of_text(text: Any) -> None:
    with pytest.raises(InputError, match="give a text such as 'x1 - relu"):
        Formula(text)


def test_a_large_number_costs_nothing() -> None:
    assert Formula("1e308").text == "1e+308"
    assert Formula("0" * 5000 + "1").text == "1"
    assert Formula("((9**8)**8) * x1")(np.ones((1, 1))).item() == pytest.approx(9.0**64)
