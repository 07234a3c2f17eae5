"""Forms and least norms of tasks: from the hand-derived network, from the formula, or none."""

from __future__ import annotations

import pytest

from mathcircuits.detect import Task, tasks
from mathcircuits.detect.exact import task_form, task_least_norm

# A clip is written as a maximum of a minimum, two layers: there the hand-derived network is needed. The tax' formula
# takes x1 for granted where its network takes relu(x1), which is the same on its box.
SHALLOW = [
    name
    for name, task in tasks.items()
    if len(task.smallest or ()) == 1 and name not in ("clip", "clamp", "tax") and not task.points
]


@pytest.mark.parametrize("name", SHALLOW)
def test_the_formula_has_the_form_of_the_hand_derived_network(name: str) -> None:
    known = tasks[name]
    derived, written = task_form(known), task_form(Task("as-written", known.arity, formula=known.formula))
    assert derived is not None
    assert written is not None
    assert written.equals(derived)


@pytest.mark.parametrize("formula", ["min(x1, x2, 0)", "x1 * x2", "step(x1)", "abs(abs(x1) - x2)"])
def test_what_one_layer_does_not_compute_has_none(formula: str) -> None:
    task = Task("other", 2, formula=formula)
    assert task_form(task) is None
    assert task_least_norm(task, "none") is None


def test_what_is_not_covered_is_none() -> None:
    assert task_least_norm("sort-2", "penalised") is None
    assert task_least_norm("clip", "none") is None
    assert task_least_norm("sort-2", "free") is task_least_norm("sort-2", "free")
