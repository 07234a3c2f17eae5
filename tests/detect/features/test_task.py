"""Tasks: their targets by hand, their hand-derived networks, and how a task of one's own is made."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mathcircuits.detect.errors import InputError, UnknownNameError, UnknownTask
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import Task, Tasks, as_task, hand_derived, hand_derived_names, tasks

NAMES = tuple(tasks)
DESIGNED = [
    "identity", "negation", "absolute", "addition", "subtraction", "minimum", "minimum-of-4", "maximum",
    "absolute-difference", "relu", "sum-of-3", "median-of-3", "x1-plus-abs-x2", "clip", "sort-2",
    "sum-of-absolutes", "tax", "clamp", "sort-3", "and", "or", "xor", "xor-of-signs", "majority-of-3",
    "threshold-3-of-5", "parity-3-of-8", "greater-than", "argmin-of-3", "argmin-of-5", "larger-of-2",
    "square-on-grid", "product-on-grid", "superposition-5-in-2",
]  # fmt: skip
DERIVED = [name for name in NAMES if tasks[name].derived]

# By hand, and independent of the formulas.
BY_HAND = {
    "identity": lambda x: x,
    "negation": lambda x: -x,
    "absolute": abs,
    "addition": lambda x, y: x + y,
    "subtraction": lambda x, y: x - y,
    "minimum": min,
    "minimum-of-4": min,
    "maximum": max,
    "absolute-difference": lambda x, y: abs(x - y),
    "relu": lambda x: max(x, 0.0),
    "sum-of-3": lambda x, y, z: x + y + z,
    "median-of-3": lambda x, y, z: sorted((x, y, z))[1],
    "x1-plus-abs-x2": lambda x, y: x + abs(y),
    "clip": lambda x: min(max(x, -0.5), 0.5),
    "sort-2": lambda x, y: sorted((x, y)),
    "sum-of-absolutes": lambda x, y: abs(x) + abs(y),
    "tax": lambda x: 0.1 * min(x, 0.25) + 0.3 * min(max(x - 0.25, 0), 0.25) + 0.6 * max(x - 0.5, 0),
    "clamp": lambda x: min(max(x, 0), 0.5),
    "sort-3": lambda *x: sorted(x),
    "and": lambda x, y: float(x == y == 1),
    "or": lambda x, y: float(x == 1 or y == 1),
    "xor": lambda x, y: float(x != y),
    "xor-of-signs": lambda x, y: 1.0 if x != y else -1.0,
    "majority-of-3": lambda *x: float(x.count(1) >= 2),
    "threshold-3-of-5": lambda *x: float(x.count(1) >= 3),
    "parity-3-of-8": lambda *x: (-1.0) ** x[:3].count(-1),
    "greater-than": lambda x, y: float(x > y),
    "argmin-of-3": lambda *x: [float(k == x.index(min(x))) for k in range(3)],
    "argmin-of-5": lambda *x: [float(k == x.index(min(x))) for k in range(5)],
    "larger-of-2": lambda x, y: [float(x > y), float(y > x)],
    "square-on-grid": lambda x: x**2,
    "product-on-grid": lambda x, y: x * y,
    "superposition-5-in-2": lambda *x: list(x),
}


def points(task: Task, n: int = 300, seed: int = 0) -> np.ndarray:
    if task.points:
        return np.array(task.points)
    low, high = np.array(task.box).T
    return np.random.default_rng(seed).uniform(low, high, (n, task.arity))


def every_symmetry(d: int) -> list[Symmetry]:
    orders = itertools.permutations(range(d))
    return [Symmetry(p, s) for p in orders for s in itertools.product((1, -1), repeat=d)]


def test_the_designed_tasks_are_there() -> None:
    assert list(NAMES) == DESIGNED
    assert set(BY_HAND) == set(DESIGNED)


@pytest.mark.parametrize("name", NAMES)
def test_the_target_by_hand(name: str) -> None:
    task = tasks[name]
    X = points(task)
    expected = np.array([np.ravel(BY_HAND[name](*row)) for row in X.tolist()])
    assert task(X).shape == (len(X), task.outputs)
    assert np.allclose(task(X), expected, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_the_target_on_tensors(name: str) -> None:
    task = tasks[name]
    X = points(task)
    values = task(torch.tensor(X))
    assert isinstance(values, torch.Tensor)
    assert np.array_equal(values.numpy(), task(X))
    assert task(torch.tensor(X, dtype=torch.float32)).dtype == torch.float32


@pytest.mark.parametrize("name", DERIVED)
def test_the_hand_derived_network_computes_the_task(name: str) -> None:
    task = tasks[name]
    assert task.hand_derived is not None
    X = points(task)
    assert np.allclose(task.hand_derived(X), task(X), atol=1e-14)


@pytest.mark.parametrize("name", DERIVED)
def test_the_smallest_sizes_are_the_hand_derived_ones(name: str) -> None:
    task = tasks[name]
    assert task.hand_derived is not None
    derived = task.hand_derived
    smallest = task.hidden_with_bias if derived.architecture.has_bias else task.hidden
    assert smallest == derived.sizes[1:-1]
    assert task.needs_bias == (task.hidden is None)
    if not task.points:
        assert derived.architecture.has_bias == task.needs_bias


# Of eight signs of which five do not count, 92 160 changes leave the parity as it is: more than are listed.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "parity-3-of-8"])
def test_symmetries_are_true_and_complete(name: str) -> None:
    task = tasks[name]
    X = points(task)
    # What is no symmetry changes the value at some of a hundred points spread over all.
    X = X[:: max(1, len(X) // 100)]
    true = {
        s for s in every_symmetry(task.arity) if s.maps(task.box) and np.allclose(task(s(X)), task(X), atol=1e-12)
    }  # fmt: skip
    assert {Symmetry(tuple(range(task.arity)), (1,) * task.arity), *task.symmetries} == true


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_a_value(name: str) -> None:
    task = tasks[name]
    twin = pickle.loads(pickle.dumps(task))
    assert twin == task
    assert hash(twin) == hash(task)
    assert repr(task) == f"Task({name!r}, {task.text!r}, {task.arity} -> {task.outputs})"
    assert set(task.circuits) <= set(hand_derived_names())


@pytest.mark.parametrize("name", hand_derived_names())
def test_every_hand_derived_network_computes_its_formula(name: str) -> None:
    import tomllib
    from importlib.resources import files

    table = tomllib.loads(files("mathcircuits.detect").joinpath("data", "circuits.toml").read_text())
    entry = next(one for one in table["circuit"] if one["name"] == name)
    net = hand_derived(name)
    X = np.random.default_rng(0).uniform(-2, 2, (200, net.inputs))
    expected = np.column_stack([Formula(text)(X) for text in entry["formula"]])
    assert np.allclose(net(X), expected, atol=1e-14)
    for alias in entry.get("aliases", ()):
        assert np.array_equal(hand_derived(alias)(X), net(X))


def test_hand_derived_networks_by_other_names() -> None:
    assert hand_derived("Final_Reconstructor").sizes == (1, 2, 1)
    assert hand_derived("minimum-older-form").sizes == (2, 3, 2, 1)
    with pytest.raises(
        UnknownNameError, match="no hand-derived network named 'minimun': did you mean 'minimum'"
    ):
        hand_derived("minimun")
    with pytest.raises(UnknownNameError, match="no hand-derived network named 5"):
        hand_derived(5)  # type: ignore[arg-type]


# Making tasks


def test_a_task_from_texts() -> None:
    task = Task("both", 2, ("x1 + x2", Formula("x1 - x2")), box=np.array([0, 1]))  # type: ignore[arg-type]
    assert task.outputs == 2
    assert task.text == "x1 + x2; x1 - x2"
    assert task.box == ((0.0, 1.0), (0.0, 1.0))
    assert task([[1, 2]]).tolist() == [[3.0, -1.0]]
    assert Task("one", 1, "x1**2").formula == (Formula("x1**2"),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"formula": ()}, "task 't' computes nothing: give it a formula or a Python function"),
        ({"name": " "}, "task ' ': its name must be a text that is not blank"),
        ({"arity": 0}, "task 't': arity 0, give the number of inputs, at least 1"),
        ({"arity": "2"}, "task 't': arity '2'"),
        ({"formula": ("x3",)}, "task 't': its formula 'x3' uses more than its 2 inputs, x1 to x2"),
        ({"formula": ("v1",)}, "task 't': its formula 'v1' uses more than its 2 inputs"),
        ({"formula": ("x1 +",)}, "formula 'x1 +': not well-formed"),
        ({"box": (1, -1)}, "every low must be finite and below its high"),
        ({"symmetries": (Symmetry.parse(["-x1"]),)}, "task 't': Symmetry(-x1) is not over its 2 inputs"),
        ({"symmetries": (Symmetry.parse(["x1", "-x2"]),)},
         "task 't': Symmetry(x1, -x2) changes the function; leave it out"),
        ({"symmetries": (Symmetry.parse(["x2", "x1"]),), "box": ((-1, 1), (0, 1))},
         "task 't': Symmetry(x2, x1) leads out of its box; leave it out"),
    ],
)  # fmt: skip
def test_another_task_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Task(**{"name": "t", "arity": 2, "formula": ("min(x1, x2)",), **fields})
    assert problem in str(caught.value)


@pytest.mark.parametrize("X", [np.zeros((3, 1)), np.zeros((3, 3)), np.zeros(3)])
def test_other_inputs_are_refused(X: np.ndarray) -> None:
    for task in (tasks["minimum"], Task("t", 2, target=lambda X: X[:, 0])):
        with pytest.raises(InputError, match=r"task '.*' needs inputs \[n, 2\], got shape"):
            task(X)


@pytest.mark.parametrize("rows", [[[1], [-1]], np.array([[1], [-1]]), torch.tensor([[1], [-1]])])
def test_whole_numbers_are_inputs(rows: Any) -> None:
    assert tasks["clip"](rows).tolist() == [[0.5], [-0.5]]
    halved = Task("half", 1, target=lambda X: X[:, 0] / 2)
    assert halved(rows).tolist() == [[0.5], [-0.5]]


@pytest.mark.parametrize(
    ("result", "outputs", "problem"),
    [
        (np.zeros((3, 2)), 1, "task 't': its function returned shape (3, 2) for 3 inputs, expected [3, 1] or [3]"),
        (np.zeros(2), 1, "returned shape (2, 1) for 3 inputs"),
        (np.zeros(3), 2, "returned shape (3, 1) for 3 inputs, expected [3, 2]"),
        (5.0, 1, "returned <class 'float'> for 3 inputs"),
    ],
)  # fmt: skip
def test_another_result_is_refused(result: Any, outputs: int, problem: str) -> None:
    task = Task("t", 1, target=lambda _: result, outputs=outputs)
    with pytest.raises(InputError) as caught:
        task(np.zeros((3, 1)))
    assert problem in str(caught.value)


# The registry


def fresh() -> Tasks:
    return Tasks(dict(tasks))


@pytest.mark.parametrize("name", NAMES)
def test_every_name_and_alias_answers_in_every_spelling(name: str) -> None:
    task = tasks[name]
    for key in (task.name, *task.aliases):
        for spelt in (key, key.upper(), key.replace("-", "_"), f" {key} "):
            assert tasks[spelt] is task
            assert spelt in tasks
    assert as_task(name) is task
    assert as_task(task) is task


@pytest.mark.parametrize(
    ("spelt", "name"),
    [("minimum of 4", "minimum-of-4"), ("Minimum_Of_4", "minimum-of-4"), ("|x1-x2|", "absolute-difference"),
     ("x1+|x2|", "x1-plus-abs-x2"), ("-x", "negation"), ("MIN", "minimum"), ("sum of_3", "sum-of-3")],
)  # fmt: skip
def test_spellings(spelt: str, name: str) -> None:
    assert tasks[spelt].name == name


@pytest.mark.parametrize("name", ["minimun", "", "x9", 5, None, ["minimum"]])
def test_an_unknown_task(name: Any) -> None:
    assert name not in tasks
    with pytest.raises(UnknownTask) as caught:
        tasks[name]
    assert str(caught.value).startswith(f"no task named {name!r}")
    assert "known: identity, negation," in str(caught.value)
    if name == "minimun":
        assert "did you mean 'minimum'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [("x1", "identity"), ("Min(x2,x1)", "minimum"), ("x1 - relu(x1 - x2)", "minimum"), ("max(x1, 0)", "relu"),
     ("min(x1, x2); max(x2, x1)", "sort-2"), ("relu(x1) + relu(-x1)", "absolute")],
)  # fmt: skip
def test_a_formula_of_a_registered_function_is_that_task(text: str, name: str) -> None:
    assert text in tasks
    assert tasks[text] is tasks[name]


def test_a_formula_is_a_task_with_what_follows_from_it() -> None:
    task = as_task("relu(x1-0.3)+x2")
    assert (task.name, task.arity, task.outputs, task.needs_bias) == ("relu(x1 - 0.3) + x2", 2, 1, True)
    assert task(np.array([[0.5, 1.0]])).tolist() == [[1.2]]
    assert as_task(task.name) == task
    assert len(tasks) == len(NAMES)
    # x2 - x1 is the subtraction with its inputs in the other order
    turned = as_task("x2 - x1")
    assert (turned.hidden, turned.circuits, turned.derived) == ((2,), ("subtraction",), None)
    two = as_task("x1 + x2; x1 * x2")
    assert (two.outputs, two.needs_bias, two.symmetries) == (2, True, (Symmetry.parse(["x2", "x1"]),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("relu(x1 - y)", "name 'y' is not in the grammar"),
        ("min(x1", "not well-formed at the end"),
        ("x1 + x3", "leaves out x2: number its inputs from x1"),
        ("3 + 4", "has no input"),
        ("x1 + v0", "uses more than its 1 inputs"),
        ("__import__('os')", "function '__import__' is not in the grammar"),
        ("x1 ^ 2", "write ** for a power"),
        ("relu(x1" + " + x1" * 300 + ")", "nested deeper than 200"),
    ],
)
def test_a_formula_that_is_no_task(text: str, problem: str) -> None:
    assert text not in tasks
    with pytest.raises(UnknownTask) as caught:
        as_task(text)
    assert problem in str(caught.value)


def test_a_formulas_own_box_and_points() -> None:
    priced = Task.of_formula("relu(x1 - 3)", name="priced", box=(0, 10))
    assert (priced.name, priced.box, priced.needs_bias) == ("priced", ((0.0, 10.0),), True)
    # above 3 the function is x1 - 3; on (0, 3) it is 0, which needs nothing
    assert not Task.of_formula("relu(x1 - 3)", box=(0, 3)).needs_bias
    grid = Task.of_formula("x1 * x2", points=[(0, 1), (1, 0), (1, 1)])
    assert (len(grid.points), grid.needs_bias) == (3, False)
    assert Task.of_formula("x1 + x3", arity=4).arity == 4


def test_a_new_task_takes_its_formula() -> None:
    mine = fresh()
    text = "relu(x1 - 0.3) + x2"
    assert mine[text].name == text
    mine.add(Task.of_formula(text, name="bent"))
    assert mine["x2 + relu(x1 - 0.3)"].name == "bent"


def test_the_decorator() -> None:
    mine = fresh()

    @mine.register("softer", arity=2, symmetries=[("x2", "x1")], aliases=("soft",), box=(0, 2))
    def softer(X: Any) -> Any:
        return (X**2).sum(1)

    assert softer(np.ones((1, 2))).tolist() == [2.0]
    task = mine["soft"]
    assert task.box == ((0.0, 2.0), (0.0, 2.0))
    assert task.symmetries == (Symmetry.parse(["x2", "x1"]),)
    assert task(np.array([[1.0, 2.0]])).tolist() == [[5.0]]
    assert task(torch.tensor([[1.0, 2.0]])).tolist() == [[5.0]]
    assert task.text == "softer(x)"
    assert len(mine) == len(tasks) + 1
    assert "softer" not in tasks


def test_the_decorator_on_two_outputs() -> None:
    mine = Tasks({})

    @mine.register("parts", arity=1, outputs=2)
    def parts(X: Any) -> Any:
        return X.repeat(1, 2) if isinstance(X, torch.Tensor) else X.repeat(2, axis=1)

    assert mine["parts"]([[2.0]]).tolist() == mine["parts"](torch.tensor([[2.0]])).tolist() == [[2.0, 2.0]]
    assert repr(mine) == "Tasks(parts)"


def test_the_decorator_refuses() -> None:
    mine = fresh()
    with pytest.raises(InputError, match="task 't': unknown field 'alias': did you mean 'aliases'"):
        mine.register("t", arity=1, alias=("s",))
    with pytest.raises(InputError, match=r"Symmetry\(-x1\) changes the function"):
        mine.register("t", arity=1, symmetries=[("-x1",)])(lambda X: X[:, 0])
    for name in ("minimum", "Minimum", "MIN", "minimum_of four"):
        with pytest.raises(
            InputError, match=r"is taken by 'minimum.*'; choose another, or pass replace=True"
        ):
            mine.register(name, arity=1)(lambda X: X[:, 0])
    with pytest.raises(InputError, match="a str is not a Task"):
        mine.add("minimum")  # type: ignore[arg-type]
    assert dict(mine) == dict(tasks)


def test_a_notebook_cell_runs_twice() -> None:
    mine = Tasks({})
    for power in (2, 3):
        mine.register("power", arity=1, aliases=("p",), replace=True)(lambda X, k=power: X[:, 0] ** k)
    assert mine["p"]([[2.0]]).item() == 8.0
    assert len(mine) == 1
    mine.add(Task("other", 1, (Formula("x1"),)))
    with pytest.raises(InputError, match="the name 'p' is taken by 'power'"):
        mine.add(Task("other", 1, (Formula("x1"),), aliases=("p",)), replace=True)


def test_tasks_load_no_torch() -> None:
    code = (
        "import sys\nfrom mathcircuits.detect import tasks\ntasks['minimum']([[1, 2]])\n"
        "print(sorted({'torch', 'pandas', 'scipy', 'sympy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_task_on_points_is_about_them_alone() -> None:
    xor = tasks["xor"]
    assert (xor.box, len(xor.sample(1000)), xor.domain.points.shape) == (((0.0, 1.0),) * 2, 4, (4, 2))
    # Each of four symmetries of the square leaves its corners; a turn of the sign does not.
    with pytest.raises(
        InputError, match=r"task 't': Symmetry\(-x1, x2\) leads out of its points; leave it out"
    ):
        Task("t", 2, ("x1 * x2",), points=xor.points, symmetries=(Symmetry.parse(["-x1", "x2"]),))
    with pytest.raises(InputError, match="task 't' has points and a box: give one"):
        Task("t", 2, ("x1",), points=xor.points, box=((0, 2), (0, 1)))
    assert replace(xor, name="t").points == xor.points
    for points, said in (
        (((0.0,),), "points have 1 column, expected 2"),
        (((0.0, 1.0),), "one point; give at least two"),
        (((0.0, float("nan")), (1.0, 1.0)), "NaN or infinite"),
    ):
        with pytest.raises(InputError, match=f"task 't': .*{said}"):
            Task("t", 2, ("x1",), points=points)


def test_another_thread_waits_while_the_plug_ins_load(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, found = threading.Event(), []

    def slow() -> Task:
        begun.set()
        time.sleep(0.3)
        return Task(name="late", arity=1, target=lambda X: X[:, 0])

    class Point:
        name, group, value, dist = "late", "mathcircuits.tasks", "late:slow", None

        def load(self) -> object:
            return slow

    monkeypatch.setattr("mathcircuits.detect.features.task.entry_points", lambda **_: [Point()])
    registry = Tasks()
    other = threading.Thread(target=lambda: (begun.wait(), found.append(registry["late"].name)))
    other.start()
    assert "late" in registry
    other.join()
    assert found == ["late"]
