"""Formulas: what is read is what is printed, three engines agree, and no text gets past the grammar."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from random_formulas import TEXTS, read

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula, as_columns
from mathcircuits.detect.features.grammar import Node

X = np.random.default_rng(0).uniform(-1, 1, (40, 3))
BOX = ((-1.0, 1.0), (0.0, 2.0), (-3.0, 3.0))


@given(TEXTS)
@settings(max_examples=60)
def test_numpy_and_torch_agree(text: str) -> None:
    formula = read(text)
    try:
        ours = formula(X, box=BOX)
    except InputError:
        assume(False)
    theirs = formula(torch.tensor(X), box=BOX)
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


@pytest.mark.parametrize("text", CALLS)
def test_a_copy_is_the_same(text: str) -> None:
    formula = Formula(text)
    twin = pickle.loads(pickle.dumps(formula))
    assert twin == formula
    assert np.array_equal(twin(X, box=BOX), formula(X, box=BOX))
    assert Formula.from_tree(formula.root) == formula


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
    assert middle(np.array([[9.0, 3.0]]), box=((-1.0, 1.0), (0.0, 4.0))).item() == 1.0
    with pytest.raises(InputError, match=r"'low' has no value here; give the box"):
        middle(np.array([[9.0, 3.0]]))
    with pytest.raises(InputError, match="the box has 1 pairs, give one"):
        middle(np.array([[9.0, 3.0]]), box=((-1.0, 1.0),))


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
        assert Formula(text)(X.astype(dtype), box=BOX).dtype == dtype
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


@pytest.mark.parametrize("text", ["max(exp(exp(exp(100))), x1)", "x1 * exp(1000)", "sin(exp(exp(50))) + x1"])
def test_a_constant_that_sympy_would_write_out_is_refused(text: str) -> None:
    # max(exp(exp(exp(100))), x1) took for ever
    with pytest.raises(InputError, match="is too large for sympy"):
        _ = Formula(text).sympy
    assert str(Formula("max(exp(exp(2)), x1)").sympy) == "Max(x1, exp(exp(2)))"
    assert str(Formula("sin(0 * x1 * x2) + x1").sympy) == "x1"  # a number to sympy, and has variables
