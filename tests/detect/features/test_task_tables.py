"""[[task]] tables: formulas and data as tasks, registered once, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mathcircuits.detect.errors import FileError, InputError
from mathcircuits.detect.features.task import tasks
from mathcircuits.detect.features.task_tables import define_tasks, task_of_table


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(tasks._held())
    yield
    tasks._tasks = before
    tasks._formulas.clear()


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    path.write_text("rooms,price,age\n3,2,10\n5,4.5,5\n4,4,0\n")
    return path


def test_formulas() -> None:
    bent = task_of_table({"name": "bent", "formula": "relu(x1 - 3)", "box": [[0, 10]]})
    assert (bent.name, bent.box, bent.needs_bias) == ("bent", ((0.0, 10.0),), True)
    both = task_of_table({"name": "both", "formula": ["x1 + x2", "x1 * x2"], "values": [0, 1]})
    assert (both.outputs, both.points) == (2, ((0, 0), (0, 1), (1, 0), (1, 1)))
    assert task_of_table({"name": "wide", "formula": "x1", "arity": 3}).arity == 3
    assert task_of_table({"name": "two", "formula": "x1", "points": [[0], [1]]}).points == ((0,), (1,))


def test_data_by_name_and_relative_to_a_folder(houses: Path) -> None:
    task = task_of_table({"name": "homes", "data": "houses.csv", "target": "price"}, houses.parent)
    assert (task.name, task.names, task.output_names) == ("homes", ("rooms", "age"), ("price",))
    (full,) = define_tasks([{"name": "homes", "data": "houses.csv", "target": "price"}], houses.parent)
    assert full["data"] == str(houses.resolve())
    assert tasks["homes"] == task
    # read again from what it says in full; but not once the data are others
    assert define_tasks([full]) == (full,)
    houses.write_text(houses.read_text().replace("4.5", "4.6"))
    with pytest.raises(FileError, match="does not hold the data that it held"):
        define_tasks([full])


def test_a_table_may_take_the_place_of_another_and_of_nothing_else() -> None:
    define_tasks([{"name": "bent", "formula": "relu(x1 - 0.3)"}])
    define_tasks([{"name": "bent", "formula": "relu(x1 - 0.4)"}])
    assert tasks["bent"].text == "relu(x1 - 0.4)"
    with pytest.raises(InputError, match=r"\[\[task\]\] 'abs': the name is that of another task"):
        define_tasks([{"name": "abs", "formula": "x1"}])


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"formula": "x1"}, "[[task]] None: give a name"),
        ({"name": "a/b", "formula": "x1"}, "give a name, a text without a slash"),
        ({"name": "a"}, "give a formula, or data"),
        ({"name": "a", "formula": "x1", "data": "b.csv"}, "give a formula, or data"),
        ({"name": "a", "formula": "x1", "target": "y"}, "target does not go with formula"),
        ({"name": "a", "data": "b.csv", "box": [0, 1]}, "box does not go with data"),
        ({"name": "a", "formula": "y"}, "[[task]] 'a': formula 'y': name 'y' is not in the grammar"),
        ({"name": "a", "formula": 5}, "[[task]] 'a': "),
        ({"name": "a", "formulas": "x1"}, "unknown key 'formulas': did you mean 'formula'"),
        ({"name": "a", "data": "none.csv"}, "none.csv: cannot be read (No such file"),
    ],
)
def test_refusals(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        define_tasks([table])
    assert problem in str(caught.value)
    with pytest.raises(InputError, match="give a list of tables"):
        define_tasks(["minimum"])


def test_the_error_that_counts_as_solved(houses: Path) -> None:
    noisy = {"name": "noisy", "data": "houses.csv", "target": "price", "solved": 0.01}
    assert task_of_table(noisy, houses.parent).solved == 0.01
    assert task_of_table({"name": "bent", "formula": "relu(x1)", "solved": 1e-4}).solved == 1e-4
    for given in (0, -1.0, True, "small", float("nan")):
        with pytest.raises(InputError, match=r"solved = .*, give a positive mean squared error"):
            task_of_table({**noisy, "solved": given}, houses.parent)
