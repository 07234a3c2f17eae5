"""Tasks of one's own from the [[task]] tables of a TOML file: a formula, or a table of data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import FileError, InputError, did_you_mean, near_names
from ..networks.domain import Domain
from .task import Task, tasks

#: What a table may say: of a formula the first group, of data the second.
_FORMULA_KEYS = ("formula", "arity", "box", "points", "values")
_DATA_KEYS = ("data", "target", "digest")
#: How a task that such a table made says where it is from; another table may take its place.
_SOURCE = "a [[task]] table"


def task_of_table(table: Mapping[str, Any], folder: Path | None = None) -> Task:
    """The task that a [[task]] table describes.

    Args:
        table: `name`, perhaps `solved` (the mean squared error that counts as solved), and either `formula` (a text,
            or a list of one per output) with `arity`, `box`, `points` or `values` (those of every input), or `data`
            (the path of a table) with `target` (a column, or several) and `digest` (which the values have to have).
        folder: what a path is relative to.

    Raises:
        InputError: for an unknown key, a missing one, or a value that cannot be used.
        FileError: for data that cannot be read, or are not those of the digest.

    Examples:
        >>> task_of_table({"name": "bent", "formula": "relu(x1 - 0.3) + x2", "box": [0, 1]}).box
        ((0.0, 1.0), (0.0, 1.0))
        >>> task_of_table({"name": "bent", "formul": "x1"})
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: [[task]] 'bent': unknown key 'formul': did you mean 'formula'?
        (keys: ...)
    """
    known = ("name", "solved", *_FORMULA_KEYS, *_DATA_KEYS)
    name = table.get("name")
    where = f"[[task]] {name!r}"
    for key in table:
        if key not in known:
            near = did_you_mean(near_names(str(key), known))
            raise InputError(f"{where}: unknown key {key!r}{near} (keys: {', '.join(known)})")
    if not isinstance(name, str) or not name.strip() or "/" in name:
        raise InputError(f"{where}: give a name, a text without a slash, which separates parts of an id")
    if ("formula" in table) == ("data" in table):
        raise InputError(f"{where}: give a formula, or data, the path of a table")
    other = _DATA_KEYS if "formula" in table else _FORMULA_KEYS
    strange = [key for key in table if key in other]
    if strange:
        raise InputError(
            f"{where}: {strange[0]} does not go with {'formula' if 'formula' in table else 'data'}"
        )
    try:
        if "formula" in table:
            return replace(_of_formula(table, name), source=_SOURCE, solved=table.get("solved"))
        path = Path(folder or "", table["data"])
        task = replace(Task.of_data(path, table.get("target"), name=name), solved=table.get("solved"))
    except FileError:
        raise
    except (InputError, TypeError, AttributeError) as error:
        raise InputError(f"{where}: {error}") from None
    wanted = table.get("digest")
    if wanted is not None and task.rows is not None and task.rows.digest != wanted:
        raise FileError(
            path, "does not hold the data that it held", "put the former file back, or start anew"
        )
    return replace(task, source=_SOURCE)


def data_file(table: Mapping[str, Any]) -> str:
    """Where a study's folder keeps the data of a table, since their own file may go.

    Examples:
        >>> data_file({"name": "house prices", "data": "/data/houses.csv"})
        'data/house-prices.csv'
    """
    return f"data/{re.sub(r'[^A-Za-z0-9.=+-]+', '-', table['name'])}{Path(table['data']).suffix}"


def define_tasks(given: Any, folder: Path | None = None) -> tuple[dict[str, Any], ...]:
    """Register the tasks of tables, and say each with its path in full and its digest; again changes nothing.

    Raises:
        InputError: where they are no list of tables, or a name is that of another task.

    Examples:
        >>> define_tasks([{"name": "an-example", "formula": "x1 + 0.5"}])
        ({'name': 'an-example', 'formula': 'x1 + 0.5'},)
        >>> define_tasks([{"name": "minimum", "formula": "x1 + 0.5"}])
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: [[task]] 'minimum': the name is that of another task: choose another
    """
    if not isinstance(given, Sequence) or not all(isinstance(table, Mapping) for table in given):
        raise InputError(
            f"task = {given!r}: give a list of tables, [[task]] in TOML; names stand in tasks = [...]"
        )
    full = []
    for table in given:
        task = task_of_table(table, folder)
        held = tasks.get(task.name)
        if held is not None and held != task and held.source != _SOURCE:
            raise InputError(f"[[task]] {task.name!r}: the name is that of another task: choose another")
        if held != task:
            tasks.add(task, replace=True)
        plain = dict(table)
        if task.rows is not None:
            plain |= {"data": str(Path(folder or "", table["data"]).resolve()), "digest": task.rows.digest}
        full.append(plain)
    return tuple(full)


def _of_formula(table: Mapping[str, Any], name: str) -> Task:
    text = table["formula"]
    text = text if isinstance(text, str) else "; ".join(text)
    arity, points = table.get("arity"), tuple(map(tuple, table.get("points", ())))
    if "values" in table:
        inputs = arity or Task.of_formula(text).arity
        points = tuple(map(tuple, Domain.cube(inputs, table["values"]).tolist()))
    return Task.of_formula(text, name=name, arity=arity, box=table.get("box", ()), points=points)
