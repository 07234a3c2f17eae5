"""What follows from a formula: biases, symmetries, and when two are one function."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mathcircuits.detect.features.formula_traits import (
    breaks_rays,
    needs_biases,
    same_function,
    symmetries_of,
)
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import tasks
from mathcircuits.detect.networks.box import comparison_points

SHIPPED = [task.name for task in tasks.values() if task.formula]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_the_shipped_tasks_say_follows_from_their_formulas(name: str) -> None:
    task = tasks[name]
    found = needs_biases(task.formula, task.box, task.points)
    if task.points:
        # a parity is homogeneous on its points, and so is the argmin, of whose points no two lie on one ray; that small
        # networks without biases cannot hold them, no ray shows
        assert found == (task.needs_bias and name not in ("parity-3-of-8", "argmin-of-5"))
    else:
        assert found == task.needs_bias
        assert symmetries_of(task.formula, task.box) == task.symmetries


def needs(text: str, box: tuple[float, float] = (-1.0, 1.0)) -> bool:
    formula = Formula(text)
    return needs_biases((formula,), (box,) * formula.arity)


@pytest.mark.parametrize(
    "text",
    ["x1", "min(x1, 2 * x2)", "abs(x1) - 0 * x2", "x1 * x2 / abs(x2)", "relu(x1 - x2) * step(x1)", "sign(x1) * x2",
     "clip(x1, -x2, x2)", "mean(x1, x2, x3)", "x1**3 / x1**2", "(x1 + 1) - 1", "relu(x1 + 2) - 2"],
)  # fmt: skip
def test_homogeneous_formulas_need_none(text: str) -> None:
    assert not needs(text)


@pytest.mark.parametrize(
    "text",
    ["relu(x1 - 0.3) + x2", "x1 + 1", "x1 * x2", "sin(x1)", "step(x1)", "exp(x1) - 1", "x1**2", "relu(x1 - 0.9999)",
     "min(x1, high / 2)", "tanh(x1)", "0.001 + x1 - x2"],
)  # fmt: skip
def test_others_do(text: str) -> None:
    assert needs(text)


def test_a_kink_matters_where_the_box_holds_it() -> None:
    assert needs("relu(x1 - 3)", (0.0, 10.0))
    assert not needs("relu(x1 - 3)", (0.0, 3.0))
    # both ends of a narrow box far from 0 lie on one ray
    assert needs("x1 + 1", (0.99, 1.0))


def test_rays_by_hand() -> None:
    X = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])
    assert not breaks_rays(X, np.array([[0.0], [3.0], [6.0], [5.0]]))
    assert breaks_rays(X, np.array([[0.0], [3.0], [5.0], [5.0]]))
    assert breaks_rays(X, np.array([[0.1], [3.0], [6.0], [5.0]]))
    assert not breaks_rays(np.empty((0, 2)), np.empty((0, 1)))


def test_symmetries_by_hand() -> None:
    box = ((-1.0, 1.0),) * 3
    assert symmetries_of((Formula("median(x1, x2, x3)"),), box) == tuple(
        Symmetry(order, (1,) * 3) for order in itertools.permutations(range(3)) if order != (0, 1, 2)
    )
    # the swap maps the square onto itself and not the other box
    assert symmetries_of((Formula("min(x1, x2)"),), ((-1.0, 1.0), (0.0, 1.0))) == ()
    assert symmetries_of((Formula("x1 + 2 * x2"),), box[:2]) == ()
    # a kink in the last thousandth of the box, which no sampled point sees
    nearly = Formula("abs(x1) + relu(x1 - 0.9999999)")
    assert symmetries_of((nearly,), box[:1]) == ()


def test_functions_that_differ_are_not_one() -> None:
    box = ((-1.0, 1.0),) * 2
    X = comparison_points(box, 64)
    assert same_function(Formula("(x1 + x2 - abs(x1 - x2)) / 2"), Formula("min(x1, x2)"), X, box)
    assert not same_function(Formula("min(x1, x2) + relu(x1 - 0.9999999)"), Formula("min(x1, x2)"), X, box)
    assert not same_function(Formula("x1"), Formula("x2"), X, box)
