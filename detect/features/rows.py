"""Rows: a table of inputs and targets as the function that a task on data is."""

from __future__ import annotations

import hashlib
import math
import os
import sys
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import AssumptionWarning, FileError, InputError, UnknownNameError
from ..networks.tables import numbers_of, read_frame
from .criteria import (
    FAR_FROM_ONE,
    MOST_NOISE,
    MOST_ROWS,
    NOISE_MARGIN,
    NOISE_NEIGHBOURS,
    NOISE_ROWS,
    SOLVED_SHARE,
)

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

_KINDS = "give (X, y), a DataFrame with target=, or the path of a .csv or .parquet file"


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Inputs and targets, each input once, and what the columns are called.

    At an input that is no row its value is that of the nearest row, each input in units of its own range.

    Attributes:
        X: [n, d], sorted; Y: [n, outputs].
        names, output_names: one per input and output, or empty where the columns have none.

    Examples:
        >>> rows = rows_of(([[0.0, 1.0], [1.0, 0.0]], [5.0, 7.0]))
        >>> rows, rows(np.array([[0.1, 0.9]])).tolist()
        (Rows(2 rows, 2 inputs, 1 output), [[5.0]])
    """

    X: Array
    Y: Array
    names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    def __call__(self, inputs: Any) -> Any:
        """The targets [m, outputs] of the rows nearest to inputs [m, d]; a tensor where that was given."""
        torch = sys.modules.get("torch")
        tensor = torch is not None and isinstance(inputs, torch.Tensor)
        given = inputs.detach().cpu().numpy() if tensor else np.asarray(inputs)
        values = self.Y[self._nearest.query(given / self._ranges)[1]]
        if not tensor:
            return values
        return sys.modules["torch"].as_tensor(values, dtype=inputs.dtype, device=inputs.device)

    @cached_property
    def _ranges(self) -> Array:
        ranges: Array = np.ptp(self.X, axis=0)
        return ranges

    @cached_property
    def _nearest(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self.X / self._ranges)

    @cached_property
    def noise(self) -> float:
        """The variance of the targets that their inputs do not explain, mean over the outputs, by the Gamma test.

        Half the mean squared difference of a row's target from that of its k-th nearest row, against the mean squared
        distance between the two, extrapolated to distance 0 (Stefansson, Koncar and Jones 1997). With many inputs and
        few rows it also counts what neighbours are too far away to explain. NaN for fewer than twenty rows.

        Examples:
            >>> rng = np.random.default_rng(0)
            >>> X = rng.uniform(-1, 1, (1000, 2))
            >>> noisy = rows_of((X, X.min(axis=1) + 0.1 * rng.standard_normal(1000)))
            >>> bool(0.008 < noisy.noise < 0.012), bool(rows_of((X, X.min(axis=1))).noise < 1e-4)
            (True, True)
        """
        if len(self.X) < NOISE_ROWS:
            return float("nan")
        scaled = self.X / self._ranges
        near = self._nearest.query(scaled, k=NOISE_NEIGHBOURS + 1)[1][:, 1:]
        apart = ((scaled[near] - scaled[:, None]) ** 2).sum(axis=2).mean(axis=0)
        differ = ((self.Y[near] - self.Y[:, None]) ** 2).mean(axis=(0, 2)) / 2
        line = np.linalg.lstsq(np.column_stack([np.ones(len(apart)), apart]), differ, rcond=None)[0]
        return max(float(line[0]), 0.0)

    @cached_property
    def solved(self) -> float:
        """The mean squared error below which a network has solved the data: their noise, within three deviations.

        At least 1e-4 of the targets' variance, and at most half of it.

        Examples:
            >>> rows_of(([[0.0, 1.0], [1.0, 0.0]], [5.0, 7.0])).solved
            0.0001
        """
        return self.solved_on(len(self.X))

    def solved_on(self, count: int) -> float:
        """The same for an error that is measured on a number of the rows alone: the fewer, the more it scatters.

        Examples:
            >>> rng = np.random.default_rng(0)
            >>> X = rng.uniform(-1, 1, (1000, 2))
            >>> noisy = rows_of((X, X.min(axis=1) + 0.1 * rng.standard_normal(1000)))
            >>> noisy.solved_on(50) > noisy.solved_on(1000) == noisy.solved
            True
        """
        variance = float(self.Y.var(axis=0).mean())
        noise = 0.0 if np.isnan(self.noise) else self.noise
        # The mean square of n normal errors has the relative standard deviation sqrt(2 / n).
        allowed = noise * (1 + NOISE_MARGIN * math.sqrt(2 / count))
        return min(max(allowed, SOLVED_SHARE * variance), MOST_NOISE * variance)

    @property
    def solved_as(self) -> str:
        """Where `solved` comes from, in words.

        Examples:
            >>> rows_of(([[0.0, 1.0], [1.0, 0.0]], [5.0, 7.0])).solved_as
            '0.0001 of their variance'
        """
        share = self.solved / float(self.Y.var(axis=0).mean())
        bounds = {SOLVED_SHARE: f"{SOLVED_SHARE:g} of their variance", MOST_NOISE: "half of their variance"}
        return next((text for bound, text in bounds.items() if np.isclose(share, bound)), "their noise")

    @cached_property
    def digest(self) -> str:
        """A hash of the values and the names."""
        content = self.X.tobytes() + self.Y.tobytes() + repr((self.names, self.output_names)).encode()
        return hashlib.sha256(content).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def text(self) -> str:
        """How many rows there are, and which columns give which, short."""
        inputs = ", ".join(self.names[:_SHOWN]) + ", ..." * (len(self.names) > _SHOWN)
        columns = f": {inputs} -> {', '.join(self.output_names[:_SHOWN])}" if self.names else ""
        return f"{len(self.X)} rows{columns}"

    def __repr__(self) -> str:
        d, outputs = self.X.shape[1], self.Y.shape[1]
        return f"Rows({len(self.X)} rows, {d} input{'s' * (d > 1)}, {outputs} output{'s' * (outputs > 1)})"


#: Columns that a text names.
_SHOWN = 6


def rows_of(given: Any, target: str | list[str] | None = None) -> Rows:
    """The rows that somebody means: (X, y), a DataFrame with named targets, or the path of a table.

    Args:
        given: (X [n, d], y [n] or [n, outputs]), a DataFrame, or a path.
        target: the column, or columns, to learn; by default the last one of a file.

    Warns:
        AssumptionWarning: where rows with the same inputs differ in the target, so that their mean is learned; and
            where values are far from the size that training steps are made for.

    Raises:
        InputError, FileError: for text, missing values, a column that never varies, one row, too many rows, or inputs
            and targets that do not go together.
        UnknownNameError: for a target that is no column.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"rooms": [3, 4, 5], "age": [10, 0, 5], "price": [2.0, 4.0, 4.5]})
        >>> rows_of(frame, "price").text
        '3 rows: rooms, age -> price'
        >>> rows_of(frame, "prise")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no column named 'prise': did you mean 'price'? (columns: rooms,
        age, price)
    """
    path = Path(given) if isinstance(given, str | os.PathLike) else None
    if path is None:
        return _checked(*_split(given, target))
    frame = read_frame(path)
    if target is None:
        target = [frame.columns[-1]]
    elif not isinstance(frame.columns[0], str):
        raise FileError(
            path, f"has no header, so that no column is {target!r}", "name the columns in a first line"
        )
    try:
        return _checked(*_split(frame, target))
    except UnknownNameError:
        raise
    except InputError as error:
        raise FileError(path, str(error)) from None


def _split(given: Any, target: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Inputs and targets as tables."""
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        if target is None:
            raise InputError(
                f"a DataFrame of {', '.join(map(str, given.columns[:_SHOWN]))}: name the column to learn (target=)"
            )
        columns = list(given.columns)
        wanted = list(target) if isinstance(target, list | tuple) else [target]
        if wanted[0] not in columns and isinstance(target, str) and "," in target:
            wanted = [name.strip() for name in target.split(",")]
        for name in wanted:
            if name not in columns:
                raise UnknownNameError(
                    "column", name, map(str, columns), f"columns: {', '.join(map(str, columns))}"
                )
        return given.drop(columns=wanted), given[wanted]
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InputError(f"a {type(given).__name__} is no data: {_KINDS}")
    if target is not None:
        raise InputError(f"target={target!r} beside (X, y): leave it out, or give one DataFrame")
    X, Y = (_frame(part, what) for part, what in zip(given, ("X", "y"), strict=True))
    if len(X) != len(Y):
        raise InputError(f"X has {len(X)} rows and y {len(Y)}: give one target per row of inputs")
    return X, Y


def _frame(given: Any, what: str) -> pd.DataFrame:
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, pd.Series):
        return given.to_frame() if given.name is not None else given.to_frame(0)
    try:
        array = np.asarray(given)
    except ValueError:
        array = np.empty(0)
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(
            f"{what} of shape {array.shape}: give an array [n, d] and its targets [n] or [n, outputs]"
        )
    return pd.DataFrame(array[:, None] if array.ndim == 1 else array)


def _checked(inputs: pd.DataFrame, targets: pd.DataFrame) -> Rows:
    if not inputs.shape[1]:
        raise InputError("no column is left as an input: give one beside the target")
    if len(inputs) > MOST_ROWS:
        raise InputError(
            f"{len(inputs)} rows: at most {MOST_ROWS} are read; give a sample (DataFrame.sample)"
        )
    if len(inputs) < 2:
        raise InputError(f"{len(inputs)} row: give at least two, or there is nothing to learn")
    X, Y = numbers_of(inputs), numbers_of(targets)
    for frame, values, remedy in (
        (inputs, X, "nothing depends on it, leave it out"),
        (targets, Y, "there is nothing to learn, give another target"),
    ):
        for k in np.flatnonzero(np.ptp(values, axis=0) == 0):
            label = frame.columns[int(k)]
            name = repr(label) if isinstance(label, str) else str(label + 1)
            what = "column" if frame is inputs else "target"
            raise InputError(f"{what} {name} is {values[0, k]:g} in all {len(values)} rows: {remedy}")
    names, output_names = _names(inputs), _names(targets)
    if set(names) & set(output_names):
        raise InputError(
            f"a column {sorted(set(names) & set(output_names))[0]!r} is input and target: rename one"
        )
    largest = max(float(np.abs(values).max()) for values in (X, Y))
    if largest > FAR_FROM_ONE:
        warnings.warn(
            f"the data have values up to {largest:g}: training steps are made for values near 1; scale the columns "
            "first (sklearn.preprocessing.StandardScaler)",
            AssumptionWarning,
            stacklevel=2,
        )
    points, place, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    place = place.ravel()
    least, most = (np.full((len(points), Y.shape[1]), start) for start in (np.inf, -np.inf))
    np.minimum.at(least, place, Y)
    np.maximum.at(most, place, Y)
    # Of equal targets a mean would lose the last digit.
    means: Array = least
    differ: npt.NDArray[np.bool_] = np.any(most > least, axis=1)
    if differ.any():
        sums = np.zeros_like(least)
        np.add.at(sums, place, Y)
        means = np.where(differ[:, None], sums / counts[:, None], least)
        warnings.warn(
            f"{int(differ[place].sum())} of {len(X)} rows share their inputs with another row and differ in the "
            "target: the mean of such rows is learned",
            AssumptionWarning,
            stacklevel=2,
        )
    return Rows(points, means, names, output_names)


def _names(frame: pd.DataFrame) -> tuple[str, ...]:
    """The names of the columns; empty where they are only counted.

    Raises:
        InputError: for two of one name.
    """
    if not all(isinstance(column, str) for column in frame.columns):
        return ()
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise InputError(f"two columns are called {repeated[0]!r}: give each another name")
    return tuple(frame.columns)
