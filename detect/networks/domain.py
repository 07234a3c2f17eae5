"""Domain: the inputs that a network is read on: a box with names, data, or a finite set of points."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UnknownNameError
from .about import renumbered
from .box import Box, BoxLike, Pair, as_box, check_inputs

Array = npt.NDArray[np.float64]

#: Points of a finite domain that are all visited, one evaluation of the network each: {0, 1}^20.
MOST_POINTS = 2**20
#: The default domain: every input from -1 to 1.
DEFAULT: Pair = (-1.0, 1.0)
#: A bound on the command line or in a file: NAME=LOW:HIGH, or LOW:HIGH for every input.
_BOUND = re.compile(r"(?:(?P<name>.+)=)?(?P<low>[^:=]+):(?P<high>[^:=]+)")


@dataclass(frozen=True, eq=False, repr=False)
class Domain:
    """Where a network is read: matching, formula, certificate, gauge and circuits all refer to it.

    Attributes:
        box: (low, high) per input; of data and of finite sets the range of each input.
        names: the inputs' names, `x1`, `x2`, ... unless told.
        points: [n, d], all points of a finite domain, on which errors are found by enumeration; None for a box.
        data: [n, d], samples that neurons are matched on in place of uniform points of the box; None for none.
        assumed: whether the domain is the default, since none was given.

    Examples:
        >>> domain = Domain.of([(0, 10), (-1, 1)], 2, names=("price", "tax"))
        >>> domain, domain.inputs
        (Domain(price in [0, 10], tax in [-1, 1]), 2)
        >>> Domain.finite(Domain.cube(2, (0, 1)))
        Domain(4 points, x1 in {0, 1}, x2 in {0, 1})
        >>> Domain.of_data([[40.0, 1.0], [70.0, 2.0]])
        Domain(2 samples, x1 in [40, 70], x2 in [1, 2])
    """

    box: Box
    names: tuple[str, ...]
    points: Array | None = None
    data: Array | None = None
    assumed: bool = False

    @classmethod
    def of(
        cls,
        given: Domain | BoxLike | None,
        inputs: int,
        *,
        data: npt.ArrayLike | None = None,
        names: Sequence[str] | None = None,
    ) -> Domain:
        """The domain that somebody means.

        Args:
            given: a Domain, (low, high) for all inputs, one pair per input, or None: the range of the data where there
                are any, else [-1, 1] for every input.
            inputs: the network's number of inputs.
            data: [n, d] samples.
            names: of the inputs; by default those of the domain, else `x1`, `x2`, ...

        Raises:
            InputError: where shapes, names and the number of inputs do not fit together.
        """
        if isinstance(given, Domain):
            if given.inputs != inputs:
                raise InputError(
                    f"{given!r} has {given.inputs} inputs, the network {inputs}: give a domain of the network's own"
                )
            samples = given.data if data is None else check_inputs(data, inputs)
            own = given.names if names is None else _names(names, inputs)
            return cls(given.box, own, given.points, samples, given.assumed)
        samples = None if data is None else check_inputs(data, inputs)
        if given is None and samples is not None:
            box = range_of(samples)
        else:
            box = as_box(DEFAULT if given is None else given, inputs)
        return cls(box, _names(names, inputs), None, samples, given is None and samples is None)

    @classmethod
    def of_data(cls, data: Any, *, names: Sequence[str] | None = None) -> Domain:
        """The domain of samples [n, d]: the box is their range; the names are a DataFrame's columns.

        Raises:
            InputError: for something else than numbers, or no row.
        """
        names = header_of(data) if names is None else names
        X = check_inputs(data, what="data")
        return cls(range_of(X), _names(names, X.shape[1]), None, X)

    @classmethod
    def finite(cls, points: npt.ArrayLike, *, names: Sequence[str] | None = None) -> Domain:
        """The domain of these points [n, d] alone, each once.

        Raises:
            InputError: for no points, or more than `MOST_POINTS`.
        """
        X = np.unique(check_inputs(points, what="points"), axis=0)
        if len(X) > MOST_POINTS:
            raise InputError(f"{len(X)} points: at most {MOST_POINTS} are visited; give a box in their place")
        return cls(range_of(X), _names(names, X.shape[1]), X, X)

    @staticmethod
    def cube(inputs: int, values: Sequence[float] = (0.0, 1.0)) -> Array:
        """The points [k^d, d] whose every input is one of k values: {0, 1}^d, {-1, 1}^d.

        Raises:
            InputError: for more than `MOST_POINTS` points.

        Examples:
            >>> Domain.cube(2, (-1, 1)).tolist()
            [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
        """
        if len(values) ** inputs > MOST_POINTS:
            raise InputError(
                f"{len(values)}^{inputs} points: at most {MOST_POINTS} are visited; give a box in their place"
            )
        return np.array(list(itertools.product(values, repeat=inputs)), dtype=float)

    @staticmethod
    def one_hot(*sizes: int) -> Array:
        """The points [product of sizes, sum of sizes] that have one 1 in each group of inputs.

        Examples:
            >>> Domain.one_hot(2, 2).astype(int).tolist()
            [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]]
        """
        groups = [np.eye(size) for size in sizes]
        return np.array([np.concatenate(rows) for rows in itertools.product(*groups)])

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return len(self.box)

    @property
    def named(self) -> bool:
        """Whether the inputs have names of their own."""
        return self.names != _names(None, self.inputs)

    @property
    def text(self) -> str:
        """The domain in words, short: `[-1, 1]^2`, or each input with its bounds."""
        if self.points is None and not self.named and len(set(self.box)) == 1:
            low, high = self.box[0]
            return f"[{low:.6g}, {high:.6g}]" + (f"^{self.inputs}" if self.inputs > 1 else "")
        parts = self._parts()
        ranges = {part.partition(" in ")[2] for part in parts}
        if not self.named and len(parts) > 2 and len(ranges) == 1:
            return f"x1 to x{self.inputs} in {ranges.pop()}"
        return ", ".join(parts)

    def renamed(self, text: str, on: Sequence[str] | None = None) -> str:
        """A text over x1, x2, ... with the inputs' own names.

        Args:
            text: such as a formula; where the inputs have no names of their own, it stays as it is.
            on: what x1, x2, ... stand for in it; by default the inputs in their order.

        Examples:
            >>> domain = Domain.of(None, 3, names=("price", "x1", "tax"))
            >>> domain.renamed("relu(x1 - 2 * x2)"), domain.renamed("relu(x1 - x2)", on=("x3", "x1"))
            ('relu(price - 2 * x1)', 'relu(tax - price)')
        """
        if not self.named:
            return text
        return renumbered(
            text, "x", self.names if on is None else [self.renamed(argument) for argument in on]
        )

    def _parts(self) -> list[str]:
        parts = []
        for k, (name, (low, high)) in enumerate(zip(self.names, self.box, strict=True)):
            values = None if self.points is None else np.unique(self.points[:, k])
            if values is not None and len(values) <= 4:
                parts.append(f"{name} in {{{', '.join(f'{v:g}' for v in values)}}}")
            else:
                parts.append(f"{name} in [{low:.6g}, {high:.6g}]")
        return parts

    def __repr__(self) -> str:
        parts = self._parts()
        if len(parts) > 8:
            parts = [*parts[:8], f"and {len(parts) - 8} more"]
        if self.points is not None:
            parts.insert(0, f"{len(self.points)} points")
        elif self.data is not None:
            parts.insert(0, f"{len(self.data)} samples")
        return f"Domain({', '.join(parts)})"


def range_of(X: Array) -> Box:
    """The range of each input of samples [n, d]; of one that never varies half a unit (or half its size) around it.

    Examples:
        >>> range_of(np.array([[0.0, 5.0], [2.0, 5.0]]))
        ((0.0, 2.0), (2.5, 7.5))
    """
    low, high = X.min(axis=0), X.max(axis=0)
    flat = np.where(low == high, 0.5 * np.maximum(np.abs(low), 1.0), 0.0)
    return as_box(np.stack([low - flat, high + flat], axis=1), X.shape[1])


def header_of(data: Any) -> tuple[str, ...] | None:
    """The names of a DataFrame's columns; None for an array, and for columns that are only counted.

    Examples:
        >>> import pandas as pd
        >>> header_of(pd.DataFrame({"price": [1.0]})), header_of(pd.DataFrame([[1.0]])), header_of([[1.0]])
        (('price',), None, None)
    """
    columns = getattr(data, "columns", None)
    if columns is None or not all(isinstance(column, str) for column in columns):
        return None
    return tuple(columns)


def input_columns(header: Sequence[str], inputs: int, names: Sequence[str] | None = None) -> list[int]:
    """Which columns of a table are a network's inputs, in the network's order.

    They are those that bear the inputs' names, or else x1, x2, ..., wherever they stand. Where the inputs have no names
    of their own, as many columns as inputs are taken as they stand.

    Raises:
        InputError: where the header names other columns, so that their order would be a guess.

    Examples:
        >>> input_columns(("id", "limit", "price"), 2, ("price", "limit")), input_columns(("a", "b"), 2)
        ([2, 1], [0, 1])
        >>> input_columns(("cost", "limit"), 2, ("price", "limit"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: columns cost, limit for the inputs price, limit: name the columns as the
        inputs are
    """
    given = list(header)
    for own in (_names(names, inputs), _names(None, inputs)):
        if all(given.count(name) == 1 for name in own):
            return [given.index(name) for name in own]
    if names is not None:
        few = [
            ", ".join([*texts[:8], *(["..."] if len(texts) > 8 else [])]) for texts in (given, list(names))
        ]
        raise InputError(f"columns {few[0]} for the inputs {few[1]}: name the columns as the inputs are")
    if len(given) != inputs:
        raise InputError(f"{len(given)} columns for {inputs} inputs: give one column each")
    return list(range(inputs))


def parse_bounds(texts: Iterable[str], inputs: int, names: Sequence[str] | None = None) -> Domain:
    """The domain that texts `NAME=LOW:HIGH` mean, or one `LOW:HIGH` for every input.

    An input may be named by its name, or as x1, x2, ...; inputs that no text names keep [-1, 1].

    Raises:
        InputError: for a text of another form, or numbers that are no bounds.
        UnknownNameError: for a name that no input has.

    Examples:
        >>> parse_bounds(["x1=0:10", "x2=-1:1"], 2).box
        ((0.0, 10.0), (-1.0, 1.0))
        >>> parse_bounds(["0:1"], 3).text
        '[0, 1]^3'
        >>> parse_bounds(["x1=0"], 1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: bound 'x1=0': give LOW:HIGH for all inputs, or NAME=LOW:HIGH for one
    """
    own = _names(names, inputs)
    plain = _names(None, inputs)
    pairs: list[Pair] = [DEFAULT] * inputs
    for text in texts:
        match = _BOUND.fullmatch(text.strip())
        bounds = None if match is None else _numbers(match["low"], match["high"])
        if match is None or bounds is None:
            raise InputError(f"bound {text!r}: give LOW:HIGH for all inputs, or NAME=LOW:HIGH for one")
        name = match["name"]
        if name is None:
            pairs = [bounds] * inputs
        elif name in own:
            pairs[own.index(name)] = bounds
        elif name in plain:
            pairs[plain.index(name)] = bounds
        else:
            raise UnknownNameError("input", name, own, f"the inputs are {', '.join(own[:12])}")
    return Domain(as_box(pairs, inputs), own)


def _numbers(low: str, high: str) -> Pair | None:
    try:
        return float(low), float(high)
    except ValueError:
        return None


def _names(names: Sequence[str] | None, inputs: int) -> tuple[str, ...]:
    """As many names as inputs, all different."""
    if names is None:
        return tuple(f"x{k + 1}" for k in range(inputs))
    given = tuple(names)
    if len(given) != inputs or len(set(given)) != inputs or not all(isinstance(n, str) and n for n in given):
        raise InputError(f"names {given!r}: give {inputs} different names, one per input")
    return given
