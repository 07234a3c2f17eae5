"""Tasks: the functions that networks are trained to compute, and their registry."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError, MathCircuitsError, UnknownNameError, UnknownTask, did_you_mean, near_names
from ..networks.box import Box, as_box, check_inputs, comparison_points
from ..networks.domain import DEFAULT, Domain
from ..networks.network import Network
from ..statistics.criteria import EQUAL
from .criteria import TRIALS
from .formula_traits import MOST_INPUTS, needs_biases, same_function, symmetries_of
from .formulas import Formula, as_columns
from .registry import Registry, clashes_named, fold_name, items_of, load_plugin, named_few
from .symmetry import Symmetry, spanned

Array = npt.NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[[Any], Any])
#: A text that was meant as a formula, even where it is none: it has an operator, a call or a second output.
_FORMULA_LIKE = re.compile(r"[(+*/;^=]|\bx\d*\s*-|-\s*x\d")


@dataclass(frozen=True)
class Task:
    """A function that networks are trained to compute, and what is known about it.

    Attributes:
        name: the registered name; `aliases` also find it.
        arity, outputs: numbers of inputs and outputs.
        formula: one Formula per output; empty for a task given by a Python function.
        box: (low, high) per input; of a task on points their range.
        points: the only inputs that the task is about, (x1, x2, ...) each; empty where it is about the whole box.
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
    points: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    symmetries: tuple[Symmetry, ...] = ()
    needs_bias: bool = False
    hidden: tuple[int, ...] | None = None
    hidden_with_bias: tuple[int, ...] | None = None
    derived: str | None = None
    circuits: tuple[str, ...] = ()
    steps: Mapping[str, int] = field(default_factory=dict, hash=False)
    source: str = ""

    @classmethod
    def of_formula(
        cls, text: str, *, name: str | None = None, arity: int | None = None, box: Any = (), points: Any = ()
    ) -> Task:
        """The task of a formula, with what follows from it: inputs, symmetries, whether it needs biases, circuits.

        Where it is, up to the order of the inputs, the function of a task that is shipped, the smallest sizes and the
        circuits of that one are known of it too.

        Args:
            text: a formula; several outputs are separated by `;`.
            name: its name, by default the formula in its printed form.
            arity: the number of inputs, where the formula leaves some out.
            box: (low, high) or one pair per input, by default (-1, 1); points: the only inputs, in place of a box.

        Raises:
            InputError: for anything outside the grammar, a formula without inputs, or one that leaves inputs out.

        Examples:
            >>> task = Task.of_formula("relu(x1 - 0.3) + x2")
            >>> task, task.needs_bias, task.symmetries
            (Task('relu(x1 - 0.3) + x2', 'relu(x1 - 0.3) + x2', 2 -> 1), True, ())
            >>> task = Task.of_formula("x2 - relu(x2 - x3)", arity=3, name="smaller")
            >>> task, task.needs_bias, task.hidden, task.circuits
            (Task('smaller', 'x2 - relu(x2 - x3)', 3 -> 1), False, (3,), ('minimum',))
            >>> Task.of_formula("x1 + x3")
            Traceback (most recent call last):
            ...
            mathcircuits.detect.errors.InputError: formula 'x1 + x3' leaves out x2: number its inputs from x1, or
            say how many there are (arity=)
        """
        formulas = tuple(Formula(part) for part in text.split(";"))
        used = {variable for formula in formulas for variable in formula.variables}
        highest = max(formula.arity for formula in formulas)
        plain = cls(
            name if name is not None else "; ".join(formula.text for formula in formulas),
            max(highest, 1) if arity is None else arity,
            formulas,
            box=box,
            points=points,
        )
        left_out = [f"x{k + 1}" for k in range(plain.arity) if f"x{k + 1}" not in used]
        if not used or (left_out and arity is None):
            problem = (
                f"leaves out {', '.join(left_out)}" if used else "has no input, so that nothing is learned"
            )
            raise InputError(
                f"formula {text!r} {problem}: number its inputs from x1, or say how many there are (arity=)"
            )
        like = None if plain.points or set(plain.box) != {DEFAULT} else _same_but_for_order(plain)
        return replace(
            plain,
            box=() if plain.points else plain.box,
            symmetries=() if plain.points else symmetries_of(formulas, plain.box),
            needs_bias=needs_biases(formulas, plain.box, plain.points),
            hidden=None if like is None else like.hidden,
            hidden_with_bias=None if like is None else like.hidden_with_bias,
            circuits=() if like is None else like.circuits,
        )

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"task {self.name!r}: its name must be a text that is not blank")
        if not isinstance(self.arity, int) or self.arity < 1:
            raise InputError(
                f"task {self.name!r}: arity {self.arity!r}, give the number of inputs, at least 1"
            )
        given = (self.formula,) if isinstance(self.formula, str | Formula) else self.formula
        formula = tuple(text if isinstance(text, Formula) else Formula(text) for text in given)
        object.__setattr__(self, "formula", formula)
        if not formula and self.target is None:
            raise InputError(f"task {self.name!r} computes nothing: give it a formula or a Python function")
        for one in formula:
            if one.arity > self.arity or any(name.startswith("v") for name in one.variables):
                raise InputError(
                    f"task {self.name!r}: its formula {one.text!r} uses more than its {self.arity} inputs, "
                    f"{' to '.join(dict.fromkeys(('x1', f'x{self.arity}')))}"
                )
        self._take_domain()
        object.__setattr__(self, "outputs", len(formula) or self.outputs)
        for symmetry in self.symmetries:
            if len(symmetry.permutation) != self.arity:
                raise InputError(f"task {self.name!r}: {symmetry} is not over its {self.arity} inputs")
        try:
            object.__setattr__(self, "symmetries", spanned(self.symmetries, self.arity))
        except InputError as error:
            raise InputError(f"task {self.name!r}: {error}") from None
        self._check_symmetries()

    def _take_domain(self) -> None:
        if not len(self.points):
            object.__setattr__(self, "box", as_box(self.box if len(self.box) else DEFAULT, self.arity))
            return
        if len(self.box):
            raise InputError(
                f"task {self.name!r} has points and a box: give one, the box is the range of points"
            )
        try:
            X = check_inputs(self.points, self.arity, "points")
            domain = Domain.finite(X)
        except InputError as error:
            raise InputError(f"task {self.name!r}: {error}") from None
        if len(X) < 2:
            raise InputError(
                f"task {self.name!r}: one point; give at least two, or there is nothing to learn"
            )
        object.__setattr__(self, "points", tuple(map(tuple, np.unique(X, axis=0).tolist())))
        object.__setattr__(self, "box", domain.box)

    def _check_symmetries(self) -> None:
        if not self.symmetries:
            return
        X = self.sample(TRIALS)
        values = self(X)
        # Rounding is far below this share of the largest value, a wrong symmetry far above.
        size = EQUAL * max(1.0, float(np.abs(values).max()))
        for symmetry in self.symmetries:
            if not self._maps_onto_itself(symmetry):
                where = "points" if self.points else "box"
                raise InputError(f"task {self.name!r}: {symmetry} leads out of its {where}; leave it out")
            if not np.allclose(values, self(symmetry(X)), rtol=0, atol=size):
                raise InputError(f"task {self.name!r}: {symmetry} changes the function; leave it out")

    def _maps_onto_itself(self, symmetry: Symmetry) -> bool:
        if not self.points:
            return symmetry.maps(self.box)
        # -0.0 and 0.0 are one number, and one key.
        return set(map(tuple, symmetry(np.array(self.points)).tolist())) == set(self.points)

    @cached_property
    def domain(self) -> Domain:
        """The inputs that the task is about: its points, or its box.

        Examples:
            >>> tasks["minimum"].domain, tasks["xor"].domain
            (Domain(x1 in [-1, 1], x2 in [-1, 1]), Domain(4 points, x1 in {0, 1}, x2 in {0, 1}))
        """
        return Domain.finite(self.points) if self.points else Domain.of(self.box, self.arity)

    def sample(self, count: int, *, seed: int = 0) -> Array:
        """Inputs [n, arity] that the task is looked at on: all its points, or `count` even ones of its box.

        Of a task on points it is every point once, however many are asked for.

        Examples:
            >>> tasks["minimum"].sample(64).shape, tasks["xor"].sample(64).shape
            ((64, 2), (4, 2))
        """
        return np.array(self.points) if self.points else comparison_points(self.box, count, seed=seed)

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
        X = as_columns(X, f"task {self.name!r}")
        if X.ndim != 2 or X.shape[1] != self.arity:
            raise InputError(f"task {self.name!r} needs inputs [n, {self.arity}], got shape {tuple(X.shape)}")
        if self.target is None:
            return _stack([formula(X, box=self.box) for formula in self.formula])
        values = self.target(X)
        if getattr(values, "ndim", None) == 1:
            values = values[:, None]
        shape = tuple(getattr(values, "shape", ()))
        if shape != (len(X), self.outputs):
            wanted = f"[{len(X)}, {self.outputs}]" + (f" or [{len(X)}]" if self.outputs == 1 else "")
            raise InputError(
                f"task {self.name!r}: its function returned {f'shape {shape}' if shape else type(values)} "
                f"for {len(X)} inputs, expected {wanted}"
            )
        return values

    @cached_property
    def hand_derived(self) -> Network | None:
        """The hand-derived network as plain weights, where there is one."""
        return hand_derived(self.derived) if self.derived else None

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {self.text!r}, {self.arity} -> {self.outputs})"


class Tasks(Registry[Task]):
    """The registry of tasks: a Mapping by name (aliases and formulas answer too), open to additions.

    A formula's task is the held one of that function, where there is one, else `Task.of_formula`, which is not held.

    Examples:
        >>> tasks["x1 - relu(x1 - x2)"].name, tasks["relu(x1 - 0.3) + x2"].needs_bias
        ('minimum', True)
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
        self._broken: MathCircuitsError | None = None
        self._formulas: dict[str, Task] = {}

    def _held(self) -> dict[str, Task]:
        if self._broken is not None:
            raise self._broken
        if self._tasks is None:
            # In place before the plug-ins load: one may register its tasks with the decorator.
            self._tasks = {task.name: task for task in _shipped_tasks()}
            try:
                for point in entry_points(group="mathcircuits.tasks"):
                    self._add_all(point)
            except MathCircuitsError as error:
                # The same answer every time: without this, the second look-up would go on with half of them.
                self._broken = error
                raise
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


def as_task(task: Task | str) -> Task:
    """The task itself, the registered one of that name, or the one of that formula.

    Raises:
        UnknownTask: where the text is neither.

    Examples:
        >>> as_task("abs").name, as_task("max(x2, x1)").name
        ('absolute', 'maximum')
        >>> as_task("min(x1, x2); x1 + x2")
        Task('min(x1, x2); x1 + x2', 'min(x1, x2); x1 + x2', 2 -> 2)
        >>> as_task("relu(x1 - y)")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownTask: no task named 'relu(x1 - y)' (formula 'relu(x1 - y)': name 'y' is not in
        the grammar; use x1, x2, ..., v0, ..., pi, low or high)
    """
    return task if isinstance(task, Task) else tasks[task]


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
    table = _derived_table()
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
    return tuple(_derived_table())


def _same_shape(task: Task, other: Task) -> bool:
    """Whether another task is about the same inputs and outputs, and says its function as formulas."""
    return (other.arity, other.outputs, other.box, other.points) == (
        task.arity, task.outputs, task.box, task.points,
    ) and len(other.formula) == len(task.formula)  # fmt: skip


def _same_but_for_order(task: Task) -> Task | None:
    """The shipped task whose function this is up to the names of the inputs; None where none is."""
    used = sorted({variable for formula in task.formula for variable in formula.variables})
    if len(used) > MOST_INPUTS:
        return None
    X = comparison_points(task.box, TRIALS)
    for other in _shipped_tasks():
        if (
            other.points
            or set(other.box) != {DEFAULT}
            or (other.arity, other.outputs) != (len(used), task.outputs)
        ):
            continue
        for order in itertools.permutations(used):
            names = {f"x{k + 1}": Formula(variable) for k, variable in enumerate(order)}
            pairs = [
                (own, theirs.substitute(names))
                for own, theirs in zip(task.formula, other.formula, strict=True)
            ]
            if all(same_function(own, theirs, X, task.box) for own, theirs in pairs):
                return other
    return None


def _plugged_in(point: EntryPoint) -> list[Task]:
    """The tasks of an installed plug-in: a Task, several, or a module that registers its own."""
    found = load_plugin(point)
    if isinstance(found, ModuleType):
        return []
    return items_of(point, found, Task, "a Task or several")


def _stack(columns: list[Any]) -> Any:
    if isinstance(columns[0], np.ndarray):
        return np.stack(columns, axis=1)
    return sys.modules["torch"].stack(columns, dim=1)


@cache
def _read_data(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files("mathcircuits.detect").joinpath("data", name).read_text("utf-8"))


def _derived_table() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _read_data("circuits.toml")["circuit"]}


@cache
def _shipped_tasks() -> list[Task]:
    shipped = []
    for entry in _read_data("tasks.toml")["task"]:
        formulas = tuple(Formula(text) for text in entry["formula"])
        try:
            shipped.append(
                Task(
                    name=entry["name"],
                    arity=entry.get("arity", max(formula.arity for formula in formulas)),
                    formula=formulas,
                    aliases=tuple(entry.get("aliases", ())),
                    box=tuple(entry.get("box", ())),
                    points=_points(entry),
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


def _points(entry: dict[str, Any]) -> tuple[tuple[float, ...], ...]:
    """The points of a task: those of a grid, of which `distinct` leaves those whose inputs all differ."""
    if "values" not in entry:
        return tuple(map(tuple, entry.get("points", ())))
    arity = entry.get("arity", max(Formula(text).arity for text in entry["formula"]))
    grid = Domain.cube(arity, entry["values"]).tolist()
    return tuple(tuple(x) for x in grid if not entry.get("distinct") or len(set(x)) == arity)


def _sizes(entry: dict[str, Any], key: str) -> tuple[int, ...] | None:
    return tuple(entry[key]) if key in entry else None
