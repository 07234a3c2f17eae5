"""Task: a function that networks are trained to compute, what is known about it, and those that are shipped."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, MathCircuitsError
from ..networks.box import Box, as_box, check_inputs, comparison_points
from ..networks.domain import DEFAULT, Domain
from ..networks.network import Network
from ..statistics.criteria import EQUAL
from .criteria import SOLVED, TRIALS
from .formula_traits import MOST_INPUTS, breaks_rays, needs_biases, same_function, symmetries_of
from .formulas import Formula, as_columns
from .rows import Rows, rows_of
from .symmetry import Symmetry, spanned

Array = npt.NDArray[np.float64]


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
        solved: the mean squared error below which a network has solved it, where that is not 1e-8, nor the noise of
            its data (`Rows.solved`); `threshold` is the one that holds.
        names: what the inputs are called, and `output_names` the outputs; empty where they have no names.

    Examples:
        >>> from .task import tasks
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
    solved: float | None = None
    names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

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
            symmetries=() if plain.points else symmetries_of(formulas, plain.box),
            needs_bias=needs_biases(formulas, plain.box, plain.points),
            hidden=None if like is None else like.hidden,
            hidden_with_bias=None if like is None else like.hidden_with_bias,
            circuits=() if like is None else like.circuits,
        )

    @classmethod
    def of_data(cls, given: Any, target: str | list[str] | None = None, *, name: str | None = None) -> Task:
        """The task that rows of data are: their inputs are the only points, the targets its values there.

        Training draws rows, each input as often as any other. Networks are read on the samples, inside the box of their
        ranges, by the columns' names.

        Args:
            given: (X [n, d], y [n] or [n, outputs]), a DataFrame, or the path of a .csv, .tsv or .parquet file.
            target: the columns to learn, for a DataFrame or a file; by default the last one of a file.
            name: the task's name, by default the file's or the target's.

        Warns, Raises: as `mathcircuits.detect.features.rows.rows_of` says.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"rooms": [3, 4, 5], "age": [10, 0, 5], "price": [2.0, 4.0, 4.5]})
            >>> task = Task.of_data(frame, target="price")
            >>> task, task.domain
            (Task('price', '3 rows: rooms, age -> price', 2 -> 1), Domain(3 samples, rooms in [3, 5], age in [0, 10]))
        """
        rows = rows_of(given, target)
        if name is None and isinstance(given, str | os.PathLike):
            name = Path(given).name
        return cls(
            name or ", ".join(rows.output_names) or "data",
            rows.X.shape[1],
            target=rows,
            outputs=rows.Y.shape[1],
            points=tuple(map(tuple, rows.X.tolist())),
            needs_bias=breaks_rays(rows.X, rows.Y),
            names=rows.names,
            output_names=rows.output_names,
        )

    @property
    def rows(self) -> Rows | None:
        """The data of a task on data; None for a function."""
        return self.target if isinstance(self.target, Rows) else None

    @property
    def threshold(self) -> float:
        """The mean squared error below which a network has solved it: `solved`, else the data's noise, else 1e-8.

        Examples:
            >>> from .task import tasks
            >>> tasks["minimum"].threshold
            1e-08
        """
        if self.solved is not None:
            return self.solved
        return SOLVED if self.rows is None else self.rows.solved

    @property
    def default_bias(self) -> bool:
        """Whether its networks get biases where nobody says: where it needs them, and always for data."""
        return self.needs_bias or self.rows is not None

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
        if self.solved is not None and not (_is_number(self.solved) and 0 < self.solved < math.inf):
            raise InputError(
                f"task {self.name!r}: solved = {self.solved!r}, give a positive mean squared error"
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
        try:
            X = check_inputs(self.points, self.arity, "points")
            domain = Domain.finite(X, names=self.names or None)
        except InputError as error:
            raise InputError(f"task {self.name!r}: {error}") from None
        # `replace` hands the box on.
        if len(self.box) and as_box(self.box, self.arity) != domain.box:
            raise InputError(
                f"task {self.name!r} has points and a box: give one, the box is the range of points"
            )
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
        """The inputs that the task is about: its points, or its box; of data the samples in the box of their ranges.

        Examples:
            >>> from .task import tasks
            >>> tasks["minimum"].domain, tasks["xor"].domain
            (Domain(x1 in [-1, 1], x2 in [-1, 1]), Domain(4 points, x1 in {0, 1}, x2 in {0, 1}))
        """
        names = self.names or None
        if self.rows is not None:
            return Domain.of(self.box, self.arity, data=self.rows.X, names=names)
        if self.points:
            return Domain.finite(self.points, names=names)
        return Domain.of(self.box, self.arity, names=names)

    def sample(self, count: int, *, seed: int = 0) -> Array:
        """Inputs [n, arity] that the task is looked at on: all its points, or `count` even ones of its box.

        Of a task on points it is every point once, however many are asked for.

        Examples:
            >>> from .task import tasks
            >>> tasks["minimum"].sample(64).shape, tasks["xor"].sample(64).shape
            ((64, 2), (4, 2))
        """
        return np.array(self.points) if self.points else comparison_points(self.box, count, seed=seed)

    @property
    def text(self) -> str:
        """The formula as one text; several outputs are separated by `; `. Of data which columns give which."""
        if self.rows is not None:
            return self.rows.text
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
        return derived_network(self.derived) if self.derived else None

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {self.text!r}, {self.arity} -> {self.outputs})"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_but_for_order(task: Task) -> Task | None:
    """The shipped task whose function this is up to the names of the inputs; None where none is."""
    used = sorted({variable for formula in task.formula for variable in formula.variables})
    if len(used) > MOST_INPUTS:
        return None
    X = comparison_points(task.box, TRIALS)
    for other in shipped_tasks():
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


def _stack(columns: list[Any]) -> Any:
    if len(columns) == 1:
        # As it is: for small networks a copy costs as much as their step.
        return columns[0][:, None]
    if isinstance(columns[0], np.ndarray):
        return np.stack(columns, axis=1)
    return sys.modules["torch"].stack(columns, dim=1)


@cache
def _read_data(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files("mathcircuits.detect").joinpath("data", name).read_text("utf-8"))


def derived_network(name: str) -> Network:
    """The hand-derived network of that circuit.

    Examples:
        >>> derived_network("absolute")
        Network(1-2-1, relu, no bias)
    """
    entry = derived_table()[name]
    return Network(entry["weights"], entry.get("biases"))


def derived_table() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _read_data("circuits.toml")["circuit"]}


@cache
def shipped_tasks() -> list[Task]:
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
