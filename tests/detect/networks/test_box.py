"""Boxes and inputs: every accepted form gives the same box, every refusal says what to give."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.box import as_box, as_floats, check_inputs, comparison_points, sobol_points

UNIT = ((-1.0, 1.0), (-1.0, 1.0))


@pytest.mark.parametrize(
    "box",
    [(-1, 1), [-1, 1], np.array([-1, 1]), ((-1, 1), (-1, 1)), [[-1, 1]] * 2, np.array([[-1.0, 1.0]] * 2), UNIT],
)  # fmt: skip
def test_every_form_of_a_box_is_one_box(box: Any) -> None:
    assert as_box(box, 2) == UNIT


@given(st.lists(st.tuples(st.floats(-1e6, 0), st.floats(1e-3, 1e6)), min_size=1, max_size=5))
def test_a_box_of_a_box_is_itself(pairs: list[tuple[float, float]]) -> None:
    box = as_box(pairs, len(pairs))
    assert as_box(box, len(pairs)) == box
    assert all(type(bound) is float for pair in box for bound in pair)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ("ab", "is not numeric: give (low, high) for all inputs, or 2 such pairs"),
        (("-1", "1"), "is not numeric"),
        ((-1j, 1j), "is not numeric"),
        (((-1, 1), (-1,)), "is not numeric"),
        (None, "has shape (): give (low, high)"),
        (3, "has shape ()"),
        ((-1, 0, 1), "has shape (3,)"),
        (((-1, 1),) * 3, "has shape (3, 2): give (low, high) for all inputs, or 2 such pairs"),
        ((1, -1), "every low must be finite and below its high"),
        ((1, 1), "every low must be finite and below its high"),
        ((-1, float("inf")), "every low must be finite"),
        ((float("nan"), 1), "every low must be finite"),
        ((-1e308, 1e308), "give the inputs in other units"),
    ],
)
def test_another_box_is_refused(box: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        as_box(box, 2)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "X",
    [
        [[1, 2], [3, 4]], ((1, 2), (3, 4)), np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 2], [3, 4]]),
        pd.DataFrame({"a": [1, 3], "b": [2, 4]}), torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        [[Fraction(1), 2], [3, 4]],
    ],
)  # fmt: skip
def test_every_kind_of_array_is_the_same_inputs(X: Any) -> None:
    values = check_inputs(X, 2)
    assert values.dtype == np.float64
    assert values.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_vector_is_one_input() -> None:
    assert check_inputs([1.0, 2.0, 3.0], 1).shape == (3, 1)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=st.floats(-9, 9)))
def test_good_inputs_pass_unchanged(X: np.ndarray) -> None:
    assert np.array_equal(check_inputs(X, X.shape[1]), X)


@pytest.mark.parametrize(
    ("X", "problem"),
    [
        ("abc", "inputs of type str are not numeric: give an array [n, d] of real numbers"),
        ([["1"]], "inputs of type list are not numeric"),
        ([[1j]], "inputs of type list are not numeric"),
        ([[1], [1, 2]], "inputs of type list are not numeric"),
        (np.array(["2020-01-01"], "M8[D]"), "inputs of type ndarray are not numeric"),
        (torch.ones(2, 2, requires_grad=True), "a torch tensor by .detach().cpu().numpy()"),
        ([], "inputs have shape (0, 1): give an array [n, d] with at least one row"),
        (np.zeros((3, 0)), "inputs have shape (3, 0)"),
        (1.0, "inputs have shape ()"),
        (np.zeros((2, 2, 2)), "inputs have shape (2, 2, 2)"),
        (np.zeros((4, 3)), "inputs have 3 columns, expected 2: one column per input"),
        ([1.0], "inputs have 1 column, expected 2"),
        ([[1, np.nan]], "inputs hold 1 value that is NaN or infinite (first at row 0, column 1): drop or"),
        (
            [[1, 2], [np.inf, np.nan]],
            "inputs hold 2 values that are NaN or infinite (first at row 1, column 0)",
        ),
    ],
)
def test_other_inputs_are_refused(X: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        check_inputs(X, 2)
    assert problem in str(caught.value)


def test_a_message_names_what_was_given() -> None:
    with pytest.raises(InputError, match=r"^weights hold 1 value"):
        check_inputs([[np.nan]], what="weights")


def test_floats_are_not_copied() -> None:
    X = np.ones((2, 2))
    assert as_floats(X) is X
    assert as_floats(object()) is None


@pytest.mark.parametrize("d", [1, 2, 5])
def test_samples_fill_the_box_evenly(d: int) -> None:
    box = as_box([(-1.0 - k, 2.0 * k + 1.0) for k in range(d)], d)
    low, high = np.array(box).T
    X = sobol_points(box, 8)
    assert X.shape == (256, d)
    assert (low <= X).all()
    assert (high >= X).all()
    # Each axis alone: one point in each of 256 equal cells.
    cells = np.floor((X - low) / (high - low) * 256).astype(int)
    assert all(sorted(cells[:, k]) == list(range(256)) for k in range(d))


def test_samples_depend_on_the_seed_alone() -> None:
    assert np.array_equal(sobol_points(UNIT, 5, seed=1), sobol_points(UNIT, 5, seed=1))
    assert not np.array_equal(sobol_points(UNIT, 5, seed=1), sobol_points(UNIT, 5, seed=2))


@pytest.mark.parametrize("d", [0, 1, 3])
def test_points_of_comparison_lie_in_the_box_and_depend_on_the_seed_alone(d: int) -> None:
    box = tuple((-1.0 - k, 2.0 * k + 1.0) for k in range(d))
    X = comparison_points(box, 64, seed=3)
    assert X.shape == (64, d)
    assert all(((low <= x) & (x <= high)).all() for (low, high), x in zip(box, X.T, strict=True))
    assert np.array_equal(X, comparison_points(box, 64, seed=3))
    assert d == 0 or not np.array_equal(X, comparison_points(box, 64))


def test_points_of_comparison_stay_the_same() -> None:
    # Kept nulls and saved tables rest on them: one generator's draws, row by row.
    drawn = np.random.default_rng(0).uniform(size=(5, 2))
    assert np.array_equal(comparison_points(((0.0, 1.0), (-1.0, 1.0)), 5), drawn * [1.0, 2.0] - [0.0, 1.0])


def test_too_many_inputs_for_sobol() -> None:
    with pytest.raises(InputError, match="a box of 21202 inputs: at most 21201 can be sampled evenly"):
        sobol_points(((0.0, 1.0),) * 21_202, 1)


@pytest.mark.parametrize("box", [(0.0, 1e-320), (1e-70, 2e-70), (-1e200, 1e200), (0.0, 1e61)])
def test_a_box_whose_squares_vanish_or_overflow_is_refused(box: tuple[float, float]) -> None:
    # (0, 1e-320) divided by 0 in the search for a formula
    with pytest.raises(InputError, match="give the inputs in other units"):
        as_box(box, 2)
    assert as_box((-1e60, 1e60), 1) == ((-1e60, 1e60),)
