"""Tables of numbers: what a file or a DataFrame holds, and which cells keep it from being used."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import FileError, InputError

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

TABLE = "give a .csv or .parquet with one column per input, or a .npy array [n, d]"
#: Separators of columns beside the comma, which spreadsheets write in some countries.
_SEPARATORS = ";\t"
#: Rows and values that a message names.
_NAMED = 3


def read_frame(path: Path) -> pd.DataFrame:
    """The table in a file, as it stands: columns by their names where it has a header, else counted from 0.

    Raises:
        FileError: where the file cannot be read as a table.
    """
    import pandas as pd

    try:
        if path.suffix == ".npy":
            array = np.load(path, allow_pickle=False)
            frame = pd.DataFrame(array[:, None] if array.ndim == 1 else array)
        elif path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            frame.columns = frame.columns.astype(str)
        else:
            lines = path.read_text("utf-8-sig").splitlines()
            first = next((line for line in lines if line.strip()), "")
            separator = next((mark for mark in _SEPARATORS if mark in first and "," not in first), ",")
            cells = next(csv.reader([first], delimiter=separator, skipinitialspace=True), [])
            headed = not _numeric(cells)
            # As texts, which Python reads to the last digit; the parser's own ways change from release to release.
            frame = pd.read_csv(
                path, sep=separator, header=0 if headed else None, skipinitialspace=True, dtype=str,
                encoding="utf-8-sig", index_col=False,
            ).apply(_values)  # fmt: skip
            if headed:
                # pandas numbers repeated names; ours are refused where they matter.
                frame.columns = [name.strip() for name in cells]
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror or error})", TABLE) from None
    except (ValueError, TypeError, EOFError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise FileError(path, f"holds no inputs ({first})", TABLE) from None
    if not frame.size:
        raise FileError(path, f"holds an array of shape {frame.shape}", TABLE)
    return frame


def numbers_of(frame: pd.DataFrame) -> Array:
    """A table's values [n, columns].

    Raises:
        InputError: for a column of text or of dates, and for cells without a finite number; the message names the
            column and the rows, counted from 1 below the header.

    Examples:
        >>> import pandas as pd
        >>> numbers_of(pd.DataFrame({"price": [1, 2], "new": [True, False]})).tolist()
        [[1.0, 1.0], [2.0, 0.0]]
        >>> numbers_of(pd.DataFrame({"price": [1, 2], "town": ["York", "Bath"]}))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: column 'town' holds text ('York', 'Bath'): encode it as numbers, for
        example with pandas.get_dummies, or leave it out
    """
    columns = [_numbers(frame.iloc[:, k], frame.columns[k]) for k in range(frame.shape[1])]
    return np.stack(columns, axis=1)


def _numbers(column: pd.Series[Any], label: Any) -> Array:
    import pandas as pd

    name = f"column {label!r}" if isinstance(label, str) else f"column {label + 1}"
    kind = column.dtype.kind
    if kind in "mM":
        raise InputError(f"{name} holds dates: give a number in their place, such as days since the first")
    if kind == "c":
        raise InputError(f"{name} holds complex numbers: give real ones")
    values: Array = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(dtype=np.float64)
    text = column.notna().to_numpy() & np.isnan(values)
    count, n = int(text.sum()), len(values)
    if count:
        shown = list(dict.fromkeys(column[text].astype(str)))[:_NAMED]
        examples = ", ".join(map(repr, shown)) + (", ..." if column[text].nunique() > _NAMED else "")
        if count == int(column.notna().sum()):
            raise InputError(
                f"{name} holds text ({examples}): encode it as numbers, for example with pandas.get_dummies, or leave "
                "it out"
            )
        raise InputError(
            f"{name} holds text in {_rows(text)} of {n} ({examples}): correct these cells or leave the rows out"
        )
    missing = ~np.isfinite(values)
    if missing.any():
        what = "values that are missing or infinite" if np.isinf(values).any() else "missing values"
        raise InputError(
            f"{name} has {what} in {_rows(missing)} of {n}: fill them in or leave the rows out (DataFrame.dropna)"
        )
    return values


def _values(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of texts as numbers, or as truth values, where all of it is; else as it stands."""
    import pandas as pd

    if column.isin(("True", "False", "true", "false")).all():
        return column.str.lower() == "true"
    try:
        return pd.Series(column.to_numpy(dtype=object).astype(float), column.index, name=column.name)
    except (ValueError, TypeError):
        return column


def _rows(flags: npt.NDArray[np.bool_]) -> str:
    at = (np.flatnonzero(flags) + 1).tolist()
    shown = ", ".join(map(str, at[:_NAMED])) + (f" and {len(at) - _NAMED} more" if len(at) > _NAMED else "")
    return f"row{'s' * (len(at) > 1)} {shown}"


def _numeric(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True
