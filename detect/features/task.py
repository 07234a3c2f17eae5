"""The registry of tasks, and the task that somebody means by a name, a formula or data."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ..errors import InputError, MathCircuitsError, UnknownNameError, UnknownTask, did_you_mean, near_names
from ..networks.box import comparison_points
from ..networks.network import Network
from .criteria import TRIALS
from .formula_traits import same_function
from .registry import Registry, clashes_named, fold_name, items_of, load_plugin, named_few
from .symmetry import Symmetry
from .task_definition import Task as Task
from .task_definition import derived_table, shipped_tasks

Function = TypeVar("Function", bound=Callable[[Any], Any])
#: Seconds that a look-up waits for another thread to load the plug-ins.
_PATIENCE = 30.0
#: Endings of files that are tables of data.
TABLES = (".csv", ".tsv", ".parquet")
#: A text that was meant as a formula, even where it is none: it has an operator, a call or a second output.
_FORMULA_LIKE = re.compile(r"[(+*/;^=]|\bx\d*\s*-|-\s*x\d")


class Tasks(Registry[Task]):
    """The registry of tasks: a Mapping by name (aliases and formulas answer too), open to additions.

    A formula's task is the held one of that function, where there is one, else `Task.of_formula`, which is not held.

    Examples:
        >>> tasks["x1 - relu(x1 - x2)"].name, tasks["relu(x1 - 0.3) + x2"].needs_bias
        ('minimum', True)
        >>> len(tasks) >= 15, "min" in tasks, tasks["-x"].name
        (True, True, 'negation')
        >>> import numpy as np
        >>> mine = Tasks({})
        >>> @mine.register("double", arity=1, symmetries=())
        ... def double(X):
        ...     return 2 * X
        >>> mine["double"](np.array([[1.5]])).tolist()
        [[3.0]]
        >>> mine["duoble"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownTask: no task named 'duoble': did you mean 'double'? (known: double)
    """

    def __init__(self, initial: Mapping[str, Task] | None = None) -> None:
        self._tasks: dict[str, Task] | None = None if initial is None else dict(initial)
        self._broken: MathCircuitsError | None = None
        self._formulas: dict[str, Task] = {}
        self._loading: threading.RLock | None = threading.RLock() if initial is None else None

    def _held(self) -> dict[str, Task]:
        lock = self._loading
        if lock is None:
            return self._loaded()
        # The thread that loads the plug-ins comes here again when one registers its tasks; the others wait. Not for
        # ever: a thread that waits may be importing the module that the plug-ins wait for.
        taken = lock.acquire(timeout=_PATIENCE)
        try:
            return self._loaded()
        finally:
            if taken:
                lock.release()

    def _loaded(self) -> dict[str, Task]:
        if self._broken is not None:
            raise self._broken
        if self._tasks is None:
            # In place before the plug-ins load: one may register its tasks with the decorator.
            self._tasks = {task.name: task for task in shipped_tasks()}
            try:
                for point in entry_points(group="mathcircuits.tasks"):
                    self._add_all(point)
            except MathCircuitsError as error:
                # The same answer every time: without this, the second look-up would go on with half of them.
                self._broken = error
                raise
            self._loading = None
        return self._tasks

    def _add_all(self, point: EntryPoint) -> None:
        for task in _plugged_in(point):
            with clashes_named(point):
                self.add(task)

    def add(self, task: Task, *, replace: bool = False) -> Task:
        """Register a task.

        Args:
            task: the task; replace: whether it may take the place of the one of the same name.

        Raises:
            InputError: where its name or an alias is taken, or it is no Task.
        """
        if not isinstance(task, Task):
            raise InputError(f"a {type(task).__name__} is not a Task: make one with Task(...) or `register`")
        tasks = self._held()
        others = [other for other in tasks.values() if not (replace and other.name == task.name)]
        taken = {fold_name(key): other.name for other in others for key in (other.name, *other.aliases)}
        for key in (task.name, *task.aliases):
            if fold_name(key) in taken:
                raise InputError(
                    f"task {task.name!r}: the name {key!r} is taken by {taken[fold_name(key)]!r}; "
                    "choose another, or pass replace=True to take the place of a task of the same name"
                )
        tasks[task.name] = task
        # A formula may be that of the new task.
        self._formulas.clear()
        return task

    def register(
        self,
        name: str,
        *,
        arity: int,
        symmetries: Sequence[Sequence[str]] = (),
        replace: bool = False,
        **fields: Any,
    ) -> Callable[[Function], Function]:
        """A decorator that registers a Python function [n, arity] -> [n] or [n, outputs] as a task.

        The function must work on numpy arrays and on torch tensors alike; `fields` are those of Task.

        Args:
            name: the task's name; arity: the number of inputs.
            symmetries: texts of the images of the inputs, such as `[("x2", "x1")]`; they are tried.
            replace: whether it may take the place of the task of that name (a notebook's cell run again).

        Raises:
            InputError: where a name is taken, a symmetry changes the function, or a field is unknown.
        """

        known = [field.name for field in dataclass_fields(Task)]
        for key in fields:
            if key not in known or key == "target":
                raise InputError(
                    f"task {name!r}: unknown field {key!r}{did_you_mean(near_names(key, known))} "
                    f"(known: {', '.join(known)})"
                )

        def decorate(function: Function) -> Function:
            parsed = tuple(Symmetry.parse(images) for images in symmetries)
            task = Task(name=name, arity=arity, target=function, symmetries=parsed, **fields)
            self.add(task, replace=replace)
            return function

        return decorate

    def __getitem__(self, name: str) -> Task:
        tasks = self._held()
        if isinstance(name, str) and name in tasks:
            return tasks[name]
        named = {key: task for task in tasks.values() for key in (task.name, *task.aliases)}
        if isinstance(name, str):
            folded = fold_name(name)
            for key, task in named.items():
                if fold_name(key) == folded:
                    return task
        return self._of_formula(name, tasks, named)

    def _of_formula(self, text: Any, tasks: Mapping[str, Task], named: Mapping[str, Task]) -> Task:
        """The task of a formula: the one held that is proved to be the same function, else a new one."""
        if isinstance(text, str) and text in self._formulas:
            return self._formulas[text]
        known = f"known: {', '.join(tasks)}"
        try:
            task = Task.of_formula(text)
        except (InputError, AttributeError) as error:
            meant = isinstance(text, str) and _FORMULA_LIKE.search(text)
            raise UnknownTask("task", text, named, str(error) if meant else known) from None
        X = comparison_points(task.box, TRIALS)
        for other in tasks.values():
            if _same_shape(task, other) and all(
                same_function(*pair, X, task.box) for pair in zip(task.formula, other.formula, strict=True)
            ):
                task = other
                break
        self._formulas[text] = task
        return task

    def __repr__(self) -> str:
        return f"Tasks({named_few(self)})"


#: The tasks that mathcircuits ships, those of installed plug-ins, and what the program adds.
tasks = Tasks()


def as_task(task: Any, *, target: str | list[str] | None = None) -> Task:
    """The task that somebody means.

    Args:
        task: a Task, the name of a registered one, a formula (several outputs separated by `;`), or data: (X, y), a
            DataFrame, or the path of a .csv, .tsv or .parquet file (see `Task.of_data`).
        target: of a DataFrame or a file, the column or columns to learn.

    Raises:
        UnknownTask: for a text that is none of these.
        InputError: for data that cannot be used, or a target without data.

    Examples:
        >>> as_task("abs").name, as_task("max(x2, x1)").name
        ('absolute', 'maximum')
        >>> as_task("min(x1, x2); x1 + x2")
        Task('min(x1, x2); x1 + x2', 'min(x1, x2); x1 + x2', 2 -> 2)
        >>> as_task(([[0.0, 1.0], [1.0, 0.0]], [5.0, 7.0]))
        Task('data', '2 rows', 2 -> 1)
        >>> as_task("relu(x1 - y)")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownTask: no task named 'relu(x1 - y)' (formula 'relu(x1 - y)': name 'y' is not in
        the grammar; use x1, x2, ..., v0, ..., pi, low or high)
    """
    if _is_data(task):
        return Task.of_data(task, target)
    if target is not None:
        raise InputError(f"target={target!r} of a task that is no data: leave it out")
    return task if isinstance(task, Task) else tasks[task]


def _is_data(task: Any) -> bool:
    if isinstance(task, str):
        return Path(task).suffix.lower() in TABLES and task not in tasks
    pair = isinstance(task, tuple) and len(task) == 2
    return pair or isinstance(task, os.PathLike) or hasattr(task, "columns")


def hand_derived(name: str) -> Network:
    """The network that a person derived for a function, as plain weights (Osier 2022; docs/understand/normalform.md,
    The hand-derived networks). `mathcircuits.models.hand_derived` is the same as an MLP.

    Args:
        name: a circuit's name or alias, or the name or alias of a task that has one.

    Raises:
        UnknownNameError: where no circuit of that name is known.

    Examples:
        >>> hand_derived("minimum-of-4")
        Network(4-6-3-1, relu, no bias)
        >>> hand_derived("minimum")([[0.25, 0.5]]).item()
        0.25
    """
    table = derived_table()
    named = {key: entry for entry in table.values() for key in (entry["name"], *entry.get("aliases", ()))}
    folded = {fold_name(key): entry for key, entry in named.items()}
    entry = folded.get(fold_name(name)) if isinstance(name, str) else None
    task = tasks.get(name) if entry is None else None
    if task is not None and task.derived is not None:
        entry = folded.get(fold_name(task.derived))
    if entry is None:
        raise UnknownNameError("hand-derived network", name, named, f"known: {', '.join(table)}")
    return Network(entry["weights"], entry.get("biases"))


def hand_derived_names() -> tuple[str, ...]:
    """The names of the hand-derived networks.

    Examples:
        >>> "minimum-older-form" in hand_derived_names()
        True
    """
    return tuple(derived_table())


def _same_shape(task: Task, other: Task) -> bool:
    """Whether another task is about the same inputs and outputs, and says its function as formulas."""
    return (other.arity, other.outputs, other.box, other.points) == (
        task.arity, task.outputs, task.box, task.points,
    ) and len(other.formula) == len(task.formula)  # fmt: skip


def _plugged_in(point: EntryPoint) -> list[Task]:
    """The tasks of an installed plug-in: a Task, several, or a module that registers its own."""
    found = load_plugin(point)
    if isinstance(found, ModuleType):
        return []
    return items_of(point, found, Task, "a Task or several")
