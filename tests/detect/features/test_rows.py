"""Data as a function: what is read from tables and arrays, and every refusal."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mathcircuits.detect.errors import AssumptionWarning, FileError, InputError, UnknownNameError
from mathcircuits.detect.features.criteria import MOST_ROWS
from mathcircuits.detect.features.rows import rows_of
from mathcircuits.detect.features.task import Task, as_task

FRAME = pd.DataFrame({"rooms": [3, 5, 4], "age": [10.0, 5.0, 0.0], "price": [2.0, 4.5, 4.0]})


def test_a_table_is_sorted_and_named() -> None:
    rows = rows_of(FRAME, "price")
    assert rows.X.tolist() == [[3.0, 10.0], [4.0, 0.0], [5.0, 5.0]]
    assert rows.Y.tolist() == [[2.0], [4.0], [4.5]]
    assert (rows.names, rows.output_names) == (("rooms", "age"), ("price",))
    assert rows_of((FRAME[["rooms", "age"]], FRAME["price"])) == rows
    unnamed = rows_of((FRAME[["rooms", "age"]].to_numpy(), FRAME["price"].tolist()))
    assert (unnamed.names, unnamed.output_names, unnamed == rows) == ((), (), False)
    assert (
        rows_of(FRAME, ["price", "age"]).output_names
        == rows_of(FRAME, "price, age").output_names
        == ("price", "age")
    )


def test_the_nearest_row_answers() -> None:
    rows = rows_of(FRAME, "price")
    # in units of its range an age of 4.6 is as near to 5 as a room of 4.92
    near = np.array([[5.0, 5.0], [3.1, 9.0], [4.9, 4.6]])
    assert rows(near).ravel().tolist() == [4.5, 2.0, 4.5]
    found = rows(torch.tensor(near, dtype=torch.float32))
    assert (found.dtype, found.ravel().tolist()) == (torch.float32, [4.5, 2.0, 4.5])
    assert pickle.loads(pickle.dumps(rows)) == rows


def test_rows_that_share_their_inputs_are_averaged() -> None:
    with pytest.warns(AssumptionWarning, match="2 of 3 rows share their inputs"):
        rows = rows_of(([[0.0], [1.0], [0.0]], [1.0, 5.0, 2.0]))
    assert rows.Y.tolist() == [[1.5], [5.0]]
    # the same row again says nothing new, and costs no digit
    assert rows_of(([[0.0], [1.0], [0.0], [0.0]], [0.1, 5.0, 0.1, 0.1])).Y.tolist() == [[0.1], [5.0]]


def test_values_far_from_one_are_said() -> None:
    with pytest.warns(AssumptionWarning, match=r"values up to 250000: .* scale the columns"):
        rows_of(FRAME.assign(price=[1.0, 2.0, 250_000.0]), "price")


@pytest.mark.parametrize(
    ("given", "target", "kind", "problem"),
    [
        (FRAME.assign(town=["York", "Bath", "York"]), "price", InputError,
         "column 'town' holds text ('York', 'Bath'): encode it as numbers, for example with pandas.get_dummies"),
        (FRAME.assign(age=[1, "n.a.", 2]), "price", InputError,
         "column 'age' holds text in row 2 of 3 ('n.a.'): correct these cells or leave the rows out"),
        (FRAME.assign(age=[1, None, 2]), "price", InputError, "column 'age' has missing values in row 2 of 3: fill"),
        (FRAME.assign(age=[1, np.inf, np.nan]), "price", InputError, "missing or infinite in rows 2, 3 of 3"),
        (FRAME.assign(age=pd.Timestamp("2020-01-01")), "price", InputError, "column 'age' holds dates"),
        (FRAME.assign(age=3), "price", InputError, "column 'age' is 3 in all 3 rows: nothing depends on it, leave it"),
        (FRAME.assign(price=1.0), "price", InputError, "target 'price' is 1 in all 3 rows: there is nothing to learn"),
        (FRAME.head(1), "price", InputError, "1 row: give at least two"),
        (FRAME[["price"]], "price", InputError, "no column is left as an input"),
        (FRAME, None, InputError, "a DataFrame of rooms, age, price: name the column to learn (target=)"),
        (FRAME, "prise", UnknownNameError, "no column named 'prise': did you mean 'price'"),
        (FRAME.set_axis(["a", "a", "price"], axis=1), "price", InputError, "two columns are called 'a'"),
        (([[0.0], [1.0]], [1.0]), None, InputError, "X has 2 rows and y 1: give one target per row"),
        (([[0.0], [1.0]], [1.0, 2.0]), "y", InputError, "target='y' beside (X, y)"),
        (([[0.0], [1.0, 2.0]], [1.0, 2.0]), None, InputError, "X of shape"),
        (([["a"], ["b"]], [1.0, 2.0]), None, InputError, "column 1 holds text ('a', 'b')"),
        (([[0.0], [1.0], [2.0]],), None, InputError, "a tuple is no data: give (X, y), a DataFrame"),
        ((np.zeros((MOST_ROWS + 1, 1)), np.zeros(MOST_ROWS + 1)), None, InputError, "50001 rows: at most 50000"),
        ((pd.DataFrame({"a": [0, 1]}), pd.Series([0, 1], name="a")), None, InputError, "'a' is input and target"),
    ],
)  # fmt: skip
def test_refusals(given: Any, target: Any, kind: type[Exception], problem: str) -> None:
    with pytest.raises(kind) as caught:
        rows_of(given, target)
    assert problem in str(caught.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "houses.csv"
    path.write_text('"rooms", age,price\n3,10,2\n5,5,4.5\n4,0,4.0\n')
    assert rows_of(path) == rows_of(str(path), "price") == rows_of(FRAME, "price")
    path.write_text("rooms;age;price\n3;10;2\n5;5;4.5\n4;0;4.0\n")
    assert rows_of(path) == rows_of(FRAME, "price")
    FRAME.to_parquet(tmp_path / "houses.parquet")
    assert rows_of(tmp_path / "houses.parquet", "price") == rows_of(FRAME, "price")
    path.write_text("new,rate\ntrue,0.1234567890123456789\nfalse,1e-3\n")
    assert rows_of(path).Y.ravel().tolist() == [1e-3, 0.1234567890123456789]
    path.write_text("3,10,2\n5,5,4.5\n")
    assert rows_of(path).names == ()
    with pytest.raises(FileError, match="has no header, so that no column is 'price'"):
        rows_of(path, "price")
    path.write_text("rooms,town\n3,York\n5,Bath\n")
    with pytest.raises(FileError, match=r"houses\.csv: column 'town' holds text .* pandas.get_dummies"):
        rows_of(path)
    with pytest.raises(FileError, match=r"none\.csv: cannot be read \(No such file"):
        rows_of(tmp_path / "none.csv")


def test_a_task_on_data(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "houses.csv", index=False)
    task = as_task(str(tmp_path / "houses.csv"))
    assert (task.name, task.arity, task.outputs, task.text) == (
        "houses.csv",
        2,
        1,
        "3 rows: rooms, age -> price",
    )
    assert task.domain.names == ("rooms", "age")
    assert task.box == ((3.0, 5.0), (0.0, 10.0))
    assert task.domain.points is None
    assert task.domain.data is not None
    assert task.sample(9).tolist() == rows_of(FRAME, "price").X.tolist()
    assert (task.default_bias, task.needs_bias) == (True, False)
    assert as_task(FRAME, target="price").name == "price"
    assert as_task((FRAME[["age"]].to_numpy(), [1, 2, 3])).name == "data"
    assert Task.of_data(FRAME, "price", name="mine") == Task.of_data(FRAME, "price", name="mine")
    # no value at 0 but 0, without biases
    assert as_task(([[0.0], [1.0]], [1.0, 2.0])).needs_bias
    with pytest.raises(InputError, match="target='price' of a task that is no data"):
        as_task("minimum", target="price")


def test_the_noise_of_data_is_estimated_and_bounded() -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (800, 2))
    clean = X.min(axis=1)
    found = []
    for deviation in (0.05, 0.1, 0.2):
        noisy = rows_of((X, clean + deviation * rng.standard_normal(800)))
        found.append(noisy.noise / deviation**2)
        # The function itself has solved its data; one that is off by as much again has not.
        errors = noisy.Y.ravel() - noisy.X.min(axis=1)
        assert float((errors**2).mean()) < noisy.solved < 2 * deviation**2
        assert noisy.solved_as == "their noise"
    # About 0.08 of it is the estimate's own deviation for so many rows.
    np.testing.assert_allclose(found, 1, atol=0.3)
    # Without noise a share of the variance is left; of noise alone not more than half is allowed.
    exact = rows_of((X, clean))
    assert exact.solved == 1e-4 * exact.Y.var()
    alone = rows_of((X, rng.standard_normal(800)))
    assert alone.solved == 0.5 * alone.Y.var()
    assert alone.solved_as == "half of their variance"
    # Units cancel out.
    scaled = rows_of((3 * X, 7 * (clean + 0.1)))
    np.testing.assert_allclose(scaled.noise, 49 * exact.noise, rtol=1e-9)
    assert np.isnan(rows_of((X[:19], clean[:19])).noise)


def test_the_threshold_of_a_task_is_its_own_else_that_of_its_data() -> None:
    assert as_task("minimum").threshold == 1e-8
    data = as_task(FRAME, target="price")
    assert data.rows is not None
    assert data.threshold == data.rows.solved == 1e-4 * data.rows.Y.var()
    assert replace(data, solved=0.5).threshold == 0.5
