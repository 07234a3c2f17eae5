"""Tasks: the functions that networks are trained to compute, and their registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from .box import Box, as_box
from .errors import InputError, MathCircuitsError, UnknownTask
from .formulas import Formula
from .network import Network

_IMAGE = re.compile(r"(-?)x([1-9]\d*)")


@dataclass(frozen=True)
class Symmetry:
    """A signed permutation of the inputs: image k is `signs[k] * x[permutation[k]]`.

    Examples:
        >>> swap = Symmetry.parse(["x2", "-x1"])
        >>> swap, swap(np.array([[1.0, 5.0]])).tolist()
        (Symmetry(x2, -x1), [[5.0, -1.0]])
        >>> swap.then(swap)
        Symmetry(-x1, -x2)
    """

    permutation: tuple[int, ...]
    signs: tuple[int, ...]

    @classmethod
    def parse(cls, images: list[str] | tuple[str, ...]) -> Symmetry:
        """A symmetry from the texts of its images, such as `["x2", "-x1"]`."""
        found = [_IMAGE.fullmatch(image.replace(" ", "")) for image in images]
        columns = [int(match.group(2)) - 1 for match in found if match]
        if sorted(columns) != list(range(len(images))):
            raise InputError(f"symmetry {list(images)}: give each input once, as 'x2' or '-x2'")
        return cls(tuple(columns), tuple(-1 if match and match.group(1) else 1 for match in found))

    @property
    def images(self) -> tuple[str, ...]:
        """The images as texts."""
        return tuple(f"{'-' if s < 0 else ''}x{p + 1}" for p, s in zip(self.permutation, self.signs, strict=True))

    def __call__(self, X: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """The transformed inputs [n, d]."""
        return X[:, list(self.permutation)] * np.array(self.signs)

    def then(self, other: Symmetry) -> Symmetry:
        """The symmetry that applies this one first and `other` to its result."""
        permutation = tuple(self.permutation[p] for p in other.permutation)
        signs = tuple(s * self.signs[p] for s, p in zip(other.signs, other.permutation, strict=True))
        return Symmetry(permutation, signs)

    def __repr__(self) -> str:
        return f"Symmetry({', '.join(self.images)})"


@dataclass(frozen=True)
class Task:
    """A function that networks are trained to compute, and what is known about it.

    Attributes:
        name: the registered name; `aliases` also find it.
        arity, outputs: numbers of inputs and outputs.
        formula: one Formula per output; empty for a task given by a Python function.
        box: (low, high) per input.
        symmetries: every signed permutation of the inputs that leaves the function unchanged
            (the whole group without the identity; generators are enough to construct it).
        needs_bias: whether a bias-free ReLU network cannot compute it.
        hidden: smallest hidden sizes known without biases, and `hidden_with_bias` with biases on the
            box; None where not known.
        derived: the name of its hand-derived network, if any.
        circuits: names of the circuits that a network of this task is expected to hold.
        steps: training steps per regimen, where the task needs other than the regimen's own.

    Examples:
        >>> tasks["minimum"]
        Task('minimum', 'min(x1, x2)', 2 -> 1)
        >>> tasks["minimum"](np.array([[0.25, 0.5], [0.5, -0.5]])).ravel().tolist()
        [0.25, -0.5]
    """

    name: str
    arity: int
    formula: tuple[Formula, ...] = ()
    target: Callable[[Any], Any] | None = field(default=None, repr=False)
    outputs: int = 1
    aliases: tuple[str, ...] = ()
    box: Box = ()
    symmetries: tuple[Symmetry, ...] = ()
    needs_bias: bool = False
    hidden: tuple[int, ...] | None = None
    hidden_with_bias: tuple[int, ...] | None = None
    derived: str | None = None
    circuits: tuple[str, ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict, hash=False)
    source: str = ""

    def __post_init__(self) -> None:
        if not self.formula and self.target is None:
            raise InputError(f"task {self.name!r} computes nothing: give it a formula or a Python function")
        if self.formula and max(formula.arity for formula in self.formula) > self.arity:
            raise InputError(f"task {self.name!r}: its formula uses more than its {self.arity} inputs")
        object.__setattr__(self, "box", as_box(self.box or (-1.0, 1.0), self.arity))
        object.__setattr__(self, "outputs", len(self.formula) or self.outputs)
        for symmetry in self.symmetries:
            if len(symmetry.permutation) != self.arity:
                raise InputError(f"task {self.name!r}: {symmetry} is not over its {self.arity} inputs")
        object.__setattr__(self, "symmetries", _group(self.symmetries, self.arity))

    @property
    def text(self) -> str:
        """The formula as one text; several outputs are separated by `; `."""
        return "; ".join(formula.text for formula in self.formula) or f"{self.name}(x)"

    @property
    def smallest(self) -> tuple[int, ...] | None:
        """The smallest hidden sizes known for the network that the task trains by default (see `bias`)."""
        return self.hidden_with_bias if self.needs_bias else self.hidden

    def __call__(self, X: Any) -> Any:
        """The target [n, outputs] at inputs X [n, arity], a numpy array or a torch tensor (same kind out)."""
        if self.target is None:
            columns = [formula(X, self.box) for formula in self.formula]
        else:
            values = self.target(X)
            if values.ndim == 2:
                return values
            columns = [values]
        return columns[0][:, None] if len(columns) == 1 else _stack(columns)

    @cached_property
    def derived_network(self) -> Network | None:
        """The hand-derived network as plain weights, where there is one."""
        return derived_network(self.derived) if self.derived else None

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {self.text!r}, {self.arity} -> {self.outputs})"


class Tasks(Mapping[str, Task]):
    """The registry of tasks: a Mapping by name (aliases answer too), open to additions.

    Examples:
        >>> len(tasks) >= 15, "min" in tasks, tasks["-x"].name
        (True, True, 'negation')
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

    def _loaded(self) -> dict[str, Task]:
        if self._tasks is None:
            self._tasks = {task.name: task for task in _shipped_tasks()}
            for point in entry_points(group="mathcircuits.tasks"):
                found = point.load()
                for task in [found] if isinstance(found, Task) else found:
                    self.add(task)
        return self._tasks

    def add(self, task: Task) -> Task:
        """Register a task.

        Raises:
            InputError: where its name or an alias is taken.
        """
        tasks = self._loaded()
        taken = {key for other in tasks.values() for key in (other.name, *other.aliases)}
        for key in (task.name, *task.aliases):
            if key in taken:
                raise InputError(f"task {task.name!r}: the name {key!r} is taken; choose another")
        tasks[task.name] = task
        return task

    def register(
        self, name: str, *, arity: int, symmetries: tuple[tuple[str, ...], ...] = (), **fields: Any
    ) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
        """A decorator that registers a Python function [n, arity] -> [n] or [n, outputs] as a task.

        The function must work on numpy arrays and on torch tensors alike; `fields` are those of Task.
        """

        def decorate(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
            parsed = tuple(Symmetry.parse(images) for images in symmetries)
            self.add(Task(name=name, arity=arity, target=function, symmetries=parsed, **fields))
            return function

        return decorate

    def __getitem__(self, name: str) -> Task:
        tasks = self._loaded()
        if name in tasks:
            return tasks[name]
        wanted = _fold(name)
        for task in tasks.values():
            if wanted in {_fold(key) for key in (task.name, *task.aliases)}:
                return task
        raise UnknownTask("task", name, [k for t in tasks.values() for k in (t.name, *t.aliases)], _known(tasks))

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except UnknownTask:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def __repr__(self) -> str:
        return f"Tasks({', '.join(self)})"


#: The tasks that mathcircuits ships, those of installed plug-ins, and what the program adds.
tasks = Tasks()


def as_task(task: Task | str) -> Task:
    """The task itself, or the registered one of that name.

    Examples:
        >>> as_task("abs").name
        'absolute'
    """
    return task if isinstance(task, Task) else tasks[task]


def derived_network(name: str) -> Network:
    """The hand-derived network of that circuit as plain weights (design, section 2; Osier 2022).

    Raises:
        UnknownNameError: where no circuit of that name is known.

    Examples:
        >>> derived_network("minimum-of-4")
        Network(4-6-3-1, relu, no bias)
        >>> derived_network("minimum")([[0.25, 0.5]]).item()
        0.25
    """
    from .errors import UnknownNameError

    table = _derived_table()
    folded = {_fold(key): entry["name"] for entry in table.values() for key in (entry["name"], *entry.get("aliases", ()))}
    entry = table.get(folded.get(_fold(name), ""))
    if entry is None:
        raise UnknownNameError("hand-derived network", name, list(table), f"known: {', '.join(table)}")
    return Network(entry["weights"], entry.get("biases"))


def derived_names() -> tuple[str, ...]:
    """The names of the hand-derived networks.

    Examples:
        >>> "minimum-older-form" in derived_names()
        True
    """
    return tuple(_derived_table())


def _fold(name: str) -> str:
    """Names answer with a space, `-` or `_`, in any case."""
    return str(name).strip().casefold().replace("_", "-").replace(" ", "-")


def _known(tasks: Mapping[str, Task]) -> str:
    return f"known: {', '.join(tasks)}"


def _stack(columns: list[Any]) -> Any:
    import sys

    if isinstance(columns[0], np.ndarray):
        return np.stack(columns, axis=1)
    return sys.modules["torch"].stack(columns, dim=1)


def _group(generators: tuple[Symmetry, ...], arity: int) -> tuple[Symmetry, ...]:
    """The group that the generators span, without the identity, in a fixed order."""
    identity = Symmetry(tuple(range(arity)), (1,) * arity)
    found, frontier = {identity}, [identity]
    while frontier:
        reached = {element.then(generator) for element in frontier for generator in generators} - found
        found |= reached
        frontier = list(reached)
    return tuple(sorted(found - {identity}, key=lambda s: (s.permutation, s.signs)))


@cache
def _read_data(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files("mathcircuits.detect").joinpath("data", name).read_text("utf-8"))


def _derived_table() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _read_data("circuits.toml")["circuit"]}


def _shipped_tasks() -> list[Task]:
    shipped = []
    for entry in _read_data("tasks.toml")["task"]:
        formulas = tuple(Formula(text) for text in entry["formula"])
        try:
            shipped.append(
                Task(
                    name=entry["name"],
                    arity=max(formula.arity for formula in formulas),
                    formula=formulas,
                    aliases=tuple(entry.get("aliases", ())),
                    box=tuple(entry.get("box", ())),
                    symmetries=tuple(Symmetry.parse(images) for images in entry.get("symmetries", ())),
                    needs_bias=entry.get("needs_bias", False),
                    hidden=_sizes(entry, "hidden"),
                    hidden_with_bias=_sizes(entry, "hidden_with_bias"),
                    derived=entry.get("derived"),
                    circuits=tuple(entry.get("circuits", ())),
                    steps=entry.get("steps", {}),
                    source=entry.get("source", ""),
                )
            )
        except MathCircuitsError as error:
            raise InputError(f"tasks.toml, task {entry['name']!r}: {error}") from error
    return shipped


def _sizes(entry: dict[str, Any], key: str) -> tuple[int, ...] | None:
    return tuple(entry[key]) if key in entry else None


