"""Row parts: the largest tables of a study for its page, a row group in memory at a time.

What a page counts over all their rows is reduced part by part; of single networks it reads the rows of those that it
shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .inputnames import NamedTables
from .studies.folder import StudyTables
from .studies.schema import Tables

#: The tables that have many rows a network.
LARGE = ("neurons", "directions")
#: Where the page keeps how many rows its largest tables have on disk.
TOTALS = "totals"
#: pyarrow's filters: networks after training, and all that are no twins of these before it.
TRAINED = (("population", "==", "trained"),)
KNOWN = (("population", "!=", "untrained"),)


def parts_of(
    tables: Tables, name: str, columns: Sequence[str], where: Sequence[tuple[str, str, object]] = ()
) -> Iterator[pd.DataFrame]:
    """The rows of a table in parts, no network's in two; nothing where the study has no such table.

    Args:
        tables: of a study on disk, or frames, of which each is one part.
        name: of the table; columns: those that are needed.
        where: which rows, as pyarrow filters.

    Examples:
        >>> frame = pd.DataFrame({"network": ["a", "b"], "p": 0.5, "population": ["trained", "untrained"]})
        >>> [len(part) for part in parts_of({"neurons": frame}, "neurons", ["network", "p"], TRAINED)]
        [1]
    """
    if name not in tables:
        return
    if isinstance(tables, StudyTables):
        yield from tables.parts(name, columns, where)
        return
    frame = tables[name]
    for column, sign, value in where:
        if column in frame:
            frame = frame[(frame[column] == value) == (sign == "==")]
    yield frame[[column for column in columns if column in frame]]


def rows_at(
    tables: Tables,
    name: str,
    columns: Sequence[str],
    networks: Collection[str],
    keep: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """A table's rows of these networks, trained or derived by hand, over the names of their inputs.

    Args:
        tables: as of `parts_of`; name: of the table; columns: those that are needed.
        networks: ids.
        keep: the rows of some of the networks that are kept; None for all.
    """
    found = []
    for part in parts_of(tables, name, columns, KNOWN):
        rows = part[among(part["network"], networks)] if len(part) else part
        if len(rows):
            found.append(rows if keep is None else keep(rows))
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame()
    return NamedTables({name: frame})[name] if len(frame) else frame


def among(networks: pd.Series[Any], wanted: Collection[str]) -> npt.NDArray[np.bool_]:
    """Which rows are of the wanted networks; `isin` would look at all of those for every part of a table.

    Examples:
        >>> among(pd.Series(["a", "b", "a"]), {"a", "c"}).tolist()
        [True, False, True]
    """
    codes, names = pd.factorize(networks)
    return np.array([name in wanted for name in names], dtype=bool)[codes]


def totals(tables: Tables) -> pd.DataFrame:
    """How many rows the largest tables have, as `table` and `rows`."""
    sizes = {
        name: tables.rows(name) if isinstance(tables, StudyTables) else len(tables[name])
        for name in LARGE
        if name in tables
    }
    return pd.DataFrame({"table": list(sizes), "rows": list(sizes.values())})
