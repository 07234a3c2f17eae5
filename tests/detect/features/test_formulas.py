"""Formulas: what is read is what is printed, three engines agree, and no text gets past the grammar."""

from __future__ import annotations

import ast
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula, as_columns
from mathcircuits.detect.features.grammar import FUNCTIONS, Node
from mathcircuits.detect.features.printing import print_sympy

X = np.random.default_rng(0).uniform(-1, 1, (40, 3))
BOX = ((-1.0, 1.0), (0.0, 2.0), (-3.0, 3.0))

# Random formulas

NUMBERS = st.one_of(
    st.integers(0, 9).map(str), st.sampled_from(["0.5", "1e-7", "2.25", "1e20", ".5", "3.", "12345678901234567890"])
)  # fmt: skip
LEAVES = st.one_of(st.sampled_from(["x1", "x2", "x3", "x", "pi", "low", "high"]), NUMBERS)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(name: str) -> st.SearchStrategy[str]:
        fewest, most = FUNCTIONS[name]
        arguments = st.lists(inner, min_size=fewest, max_size=most or fewest + 1)
        return arguments.map(lambda texts: f"{name}({', '.join(texts)})")

    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", " + ", " - ", " * "]), inner).map("".join)
    return st.one_of(
        binary,
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) - ({pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) * ({pair[1]})"),
        st.tuples(inner, st.sampled_from(["2", "4", "x1", "(x1 + x2)"])).map(
            lambda p: f"({p[0]}) / ({p[1]})"
        ),
        inner.map(lambda text: f"-{text}"),
        inner.map(lambda text: f"+({text})"),
        inner.map(lambda text: f"({text})"),
        st.tuples(st.sampled_from(["x1", "(-x1)", "-x1", "(x1 - x2)", "-2", "(-2)"]), st.integers(0, 5)).map(
            lambda pair: f"{pair[0]}**{pair[1]}"
        ),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(call),
    )


TEXTS = st.recursive(LEAVES, _grown, max_leaves=12)


def read(text: str) -> Formula:
    """The formula, where its random text holds no division by a literal 0."""
    try:
        return Formula(text)
    except InputError as error:
        assume("divides by 0" not in str(error))
        raise


@given(TEXTS)
def test_what_is_printed_reads_as_what_was_read(text: str) -> None:
    formula = read(text)
    again = Formula(formula.text)
    assert again.root == formula.root
    assert again.text == formula.text
    assert again == formula
    assert hash(again) == hash(formula)


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
        found = formula(point, ((-1.0, 1.0),) * 3).item()
    except InputError:
        assume(False)  # a constant part overflows in another order
    assume(math.isfinite(found))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(1.0, abs(expected)))


@given(TEXTS)
@settings(max_examples=60)
def test_numpy_and_torch_agree(text: str) -> None:
    formula = read(text)
    try:
        ours = formula(X, BOX)
    except InputError:
        assume(False)
    theirs = formula(torch.tensor(X), BOX)
    assert isinstance(theirs, torch.Tensor)
    assert theirs.dtype == torch.float64
    assert ours.shape == theirs.shape == (40,)
    finite = np.isfinite(ours) & (np.abs(ours) < 1e12)
    scale = max(1.0, float(np.abs(ours[finite]).max(initial=0.0)))
    # A jump may fall either way where the argument is rounding.
    if not any(name in formula.text for name in ("step", "sign")):
        assert np.allclose(ours[finite], theirs.numpy()[finite], rtol=1e-9, atol=1e-9 * scale)


CALLS = [
    "relu(x1 - x2)", "abs(x1)", "min(x1, x2, x3)", "max(x1, -x2)", "median(x1, x2, x3)", "median(x1, x2, x3, x1 + x2)",
    "median(x1, -x1, x2, -x2, x3)", "mean(x1, x2)", "step(x1)", "sign(x1 - x2)", "clip(x1, -0.5, 0.25)", "sin(pi * x1)",
    "cos(2 * x1)", "tanh(x1)", "exp(x1 - 1)", "-x1**2", "(-x1)**2", "x1 - (x2 - x3)", "(x1 - x2)**3 / 7", "2 / 3 * x1",
    "relu(x1 - (3*low + high)/4)", "1e-7 * x1", "1", "x1 / (x2 + 4)", "mean(x1)",
]  # fmt: skip


def test_every_function_is_compared() -> None:
    assert all(any(f"{name}(" in text for text in CALLS) for name in FUNCTIONS)


@pytest.mark.parametrize("text", CALLS)
def test_sympy_agrees_and_reads_back(text: str) -> None:
    formula = Formula(text)
    values = formula(X, BOX)
    symbols = sympy.symbols("x1 x2 x3 low high", real=True)
    expression = (
        formula.sympy.rewrite(sympy.Piecewise) if formula.sympy.has(sympy.Heaviside) else formula.sympy
    )
    for row, value in list(zip(X, values, strict=True))[:6]:
        exact = expression.subs(dict(zip(symbols, (*row, *BOX[0]), strict=True)))
        assert float(exact) == pytest.approx(value, abs=1e-12)
    again = Formula.from_sympy(formula.sympy)
    assert np.allclose(again(X, BOX), values, atol=1e-12)


@pytest.mark.parametrize("text", CALLS)
def test_a_copy_is_the_same(text: str) -> None:
    formula = Formula(text)
    twin = pickle.loads(pickle.dumps(formula))
    assert twin == formula
    assert np.array_equal(twin(X, BOX), formula(X, BOX))
    assert Formula.from_tree(formula.root) == formula


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


# Variables


@pytest.mark.parametrize(
    ("text", "variables", "arity"),
    [
        ("1", (), 0),
        ("x", ("x1",), 1),
        ("v", ("v0",), 1),
        ("x10 + x2", ("x2", "x10"), 10),
        ("x3 - v1 + x01", ("v1", "x1", "x3"), 3),
        ("v0 + v00", ("v0",), 1),
        ("low + pi + high", (), 0),
    ],
)
def test_variables(text: str, variables: tuple[str, ...], arity: int) -> None:
    assert Formula(text).variables == variables
    assert Formula(text).arity == arity


def test_bounds_are_those_of_the_first_variable() -> None:
    middle = Formula("x2 - (low + high)/2")
    assert middle(np.array([[9.0, 3.0]]), ((-1.0, 1.0), (0.0, 4.0))).item() == 1.0
    with pytest.raises(InputError, match=r"'low' has no value here; give the box"):
        middle(np.array([[9.0, 3.0]]))
    with pytest.raises(InputError, match="the box has 1 pairs, give one"):
        middle(np.array([[9.0, 3.0]]), ((-1.0, 1.0),))


# Values


def test_whole_numbers_do_not_round_the_constants() -> None:
    clip = Formula("clip(x1, -0.5, 0.5)")
    assert clip(np.array([[1], [-1], [0]])).tolist() == [0.5, -0.5, 0.0]
    assert clip([[1], [-1]]).tolist() == [0.5, -0.5]
    assert clip(torch.tensor([[1], [-1]])).tolist() == [0.5, -0.5]
    assert Formula("1/2")(np.array([[1]])).tolist() == [0.5]
    assert Formula("1/2")(np.array([[True]])).tolist() == [0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype: type[np.floating]) -> None:
    for text in CALLS:
        assert Formula(text)(X.astype(dtype), BOX).dtype == dtype
    assert Formula("relu(x1)")(torch.ones(1, 1, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize(
    "text", ["x1", "-x1", "abs(x1)", "mean(x1)", "relu(x1)", "x1 + 0", "x1**1", "max(x1, x1)"]
)
def test_the_answer_is_never_the_callers_memory(text: str) -> None:
    values = np.array([[1.0, 2.0]])
    Formula(text)(values)[:] = 7.0
    assert values.tolist() == [[1.0, 2.0]]
    tensor = torch.tensor([[1.0, 2.0]])
    Formula(text)(tensor).fill_(7.0)
    assert tensor.tolist() == [[1.0, 2.0]]


def test_gradients_pass() -> None:
    tensor = torch.tensor([[1.0, 2.0], [3.0, 1.0]], requires_grad=True)
    Formula("min(x1, x2)")(tensor).sum().backward()
    assert tensor.grad is not None
    assert tensor.grad.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_arrays_divide_by_zero_as_ieee_does_and_constants_are_refused() -> None:
    zero = np.array([[0.0]])
    assert Formula("1 / x1")(zero).item() == np.inf
    assert np.isnan(Formula("x1 / x1")(zero)).all()
    assert Formula("exp(1000 * x1)")(np.array([[1.0]])).item() == np.inf
    with pytest.raises(InputError, match=r"1 / \(2 - 2\) has no value"):
        Formula("x1 + 1/(2 - 2)")(zero)
    with pytest.raises(InputError, match="has no value"):
        Formula("(1e300)**2")(zero)


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        (np.zeros(3), "x1 + x2 needs an array [n, 2], got shape (3,)"),
        (np.zeros((3, 1)), "x1 + x2 needs an array [n, 2], got shape (3, 1)"),
        ("ab", "x1 + x2 at inputs of type str: give an array [n, d] of real numbers"),
        ([[1j, 1]], "x1 + x2 at inputs of type list"),
    ],
)
def test_other_inputs_are_refused(inputs: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Formula("x1 + x2")(inputs)
    assert problem in str(caught.value)
    with pytest.raises(InputError, match=r"1 needs an array \[n, 1\]"):
        Formula("1")(np.zeros((3, 0)))


def test_columns_of_floats_are_not_copied() -> None:
    values = np.ones((2, 2), np.float32)
    assert as_columns(values, "x1") is values


# Substitution and look-up keys


@given(TEXTS, TEXTS, TEXTS)
@settings(max_examples=60)
def test_substituting_is_evaluating_at_the_values(outer: str, first: str, second: str) -> None:
    a, b, c = read(outer), read(first), read(second)
    assume("low" not in outer + first + second and "high" not in outer + first + second)
    whole = a.substitute({"x1": b, "x2": c, "x3": Formula("x3")})
    assert Formula(whole.text) == whole
    try:
        inner = np.column_stack([b(X), c(X), X[:, 2]])
        expected = a(inner)
        found = whole(X)
    except InputError:
        assume(False)
    fine = np.isfinite(expected) & (np.abs(expected) < 1e6) & np.isfinite(inner).all(axis=1)
    assert np.allclose(found[fine], expected[fine], rtol=1e-6, atol=1e-6)


def test_a_substitution_leaves_other_variables_alone() -> None:
    assert Formula("x1 - v1").substitute({"x1": Formula("x2")}).text == "x2 - v1"
    assert Formula("-x1").substitute({"x1": Formula("2")}).root == Node("number", Fraction(-2))
    assert Formula("x1**2").substitute({"x1": Formula("-x2")}).text == "(-x2)**2"


def test_a_substitution_may_not_nest_without_bound() -> None:
    formula = Formula("relu(" * 150 + "x1" + ")" * 150)
    assert formula.substitute({"x1": Formula("relu(" * 50 + "x1" + ")" * 50)})([[1.0]]).item() == 1.0
    with pytest.raises(InputError, match="nested deeper than 200 after the substitution; split it"):
        formula.substitute({"x1": formula})


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("relu(x1 - x2)", "relu(x2 - x1)", True),
        ("relu(x1 - x2)", "max(x2 - x1, 0)", True),
        ("relu(x1 - x2)", "max(0, v3 - v1)", True),
        ("relu(x1 - x2)", "max(0.0, v3 - v1)", True),
        ("x1 + x1", "x1 + x2", False),
        ("max(x1, 1)", "relu(x1)", False),
        ("max(x1, x2, 0)", "relu(x1)", False),
        ("low + x1", "high + x1", False),
        ("low + x1", "x1 + x2", False),
    ],
)
def test_the_key_forgets_names_alone(left: str, right: str, same: bool) -> None:
    assert (Formula(left).key == Formula(right).key) is same


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
        (x1 > 0, "a StrictGreaterThan is no sympy expression: give one, or a formula's text"),
        ("x1", "a str is no sympy expression"),
        (True, "a bool is no sympy expression"),
        (None, "a NoneType is no sympy expression"),
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
