"""HTML tables: a frame as rows and cells that a template can write, with its data to download."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..plots.palette import RUNG_MARKS, VERDICTS, colour_of
from ..studies.storage import csv_text
from ..wording import at_most, number, percent, thousands

#: Rows beyond this stay in the parquet: a reader filters, and a browser draws, a few hundred with ease.
ROWS = 300
#: Columns that a table shows before a reader asks for more: they fit beside each other.
FIRST = 6
#: Characters of a cell that may be long: a line of the page holds two such.
_LONGEST = 60


@dataclass(frozen=True)
class Column:
    """How a column of a frame is shown.

    Attributes:
        name: the frame's column; for kind "interval" the value, whose bounds stand in `low` and `high` (of a value
            with a prefix, such as `fibre_value`, in those with the same prefix).
        heading: what stands above it.
        kind: "text", "number", "count", "percent", "verdict", "rung" (a verdict of the ladder), "feature", "truth" or
            "interval"; "bound" is a number rounded up, "long" a text that is cut and shown whole on hover.
        help: a sentence on what it means, shown on hover.

    Examples:
        >>> Column("loss", "loss", "number").numeric
        True
    """

    name: str
    heading: str
    kind: str = "text"
    help: str = ""

    @property
    def numeric(self) -> bool:
        """Whether its cells are aligned and sorted as numbers."""
        return self.kind in {"number", "count", "percent", "interval", "bound"}

    @property
    def style(self) -> str:
        """The class of its heading: an interval begins with its drawing, other numbers end in line."""
        return "" if not self.numeric else "interval" if self.kind == "interval" else "number"


@dataclass(frozen=True)
class TableCell:
    """One cell: its text, what it sorts by, and what else the template needs to draw it."""

    text: str
    key: str
    kind: str
    colour: str = ""
    letter: str = ""
    marks: tuple[float, float, float, float | None] | None = None


@dataclass(frozen=True)
class TableView:
    """A table as the template writes it.

    Attributes:
        id: the element's id, which links lead to.
        caption: one sentence on what a row is.
        rows: the first rows of the frame, as cells.
        total: how many rows there are in all.
        source: the file that holds all of them, relative to the study's folder, or "".
        csv: the shown rows as a data URI.
        first: the names of the columns that are shown before a reader asks for more.
    """

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    total: int
    source: str
    csv: str
    first: frozenset[str]

    @property
    def later(self) -> int:
        """How many columns a reader asks for."""
        return sum(column.name not in self.first for column in self.columns)

    @property
    def rest(self) -> int:
        """How many rows are not shown."""
        return self.total - len(self.rows)


def table_view(
    frame: pd.DataFrame,
    id: str,  # the HTML attribute's name
    caption: str,
    columns: Sequence[Column],
    *,
    source: str = "",
    total: int | None = None,
    limit: int = ROWS,
    first: Sequence[str] = (),
) -> TableView:
    """The frame as a table for the page; columns that it lacks are left out.

    Args:
        frame: one row per row of the table.
        id: unique in the page.
        caption: what a row is.
        columns: which columns, in which order and how.
        source: the file with all rows.
        total: how many rows that file has, where the frame is a choice of them.
        limit: how many rows are shown.
        first: the columns that are shown before a reader asks for more; by default the first six, the multiple of
            the smallest width not among them, for the number of neurons says it too.

    Examples:
        >>> frame = pd.DataFrame({"loss": [0.5, 0.25], "solved": [False, True]})
        >>> view = table_view(frame, "t", "Networks.", [Column("loss", "loss", "number")], limit=1)
        >>> view.rows[0][0].text, view.rest, csv_uri(frame).startswith("data:text/csv")
        ('0.5', 1, True)
    """
    shown = frame.head(limit)
    kept = tuple(column for column in columns if column.name in frame.columns)
    rows = tuple(tuple(_cell(row, column) for column in kept) for row in shown.to_dict("records"))
    names = [column.name for column in kept]
    if len(names) > FIRST:
        usual = [name for name in names if name != "width"]
        names = [name for name in first if name in names] or usual[:FIRST]
    size = len(frame) if total is None else total
    return TableView(id, caption, kept, rows, size, source, csv_uri(shown), frozenset(names))


def csv_uri(frame: pd.DataFrame) -> str:
    """The frame as a `data:` URI of a CSV file.

    Examples:
        >>> csv_uri(pd.DataFrame({"a": [1]}))
        'data:text/csv;charset=utf-8;base64,YQoxCg=='
    """
    data = csv_text(frame).encode()
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(data).decode()


def _cell(row: dict[Any, Any], column: Column) -> TableCell:
    value = row[column.name]
    missing = value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
    if missing:
        return TableCell("–", "", "missing")
    if column.kind == "count":
        return TableCell(thousands(int(value)), str(int(value)), "number")
    if column.kind in {"number", "percent"}:
        text = number(float(value)) if column.kind == "number" else percent(float(value))
        return TableCell(text, repr(float(value)), "number")
    if column.kind == "bound":
        return TableCell(at_most(float(value)), repr(float(value)), "number")
    if column.kind == "long":
        text = str(value)
        return TableCell(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...", text, "long")
    if column.kind == "truth":
        return TableCell("yes" if value else "no", str(int(bool(value))), "text")
    if column.kind == "interval":
        prefix = column.name.removesuffix("value")
        low, high = row[f"{prefix}low"], row[f"{prefix}high"]
        untrained = None if prefix else row.get("untrained_value")
        marks = (float(low), float(high), float(value), None if pd.isna(untrained) else float(untrained))
        text = f"{percent(float(value))} ({number(float(low))} to {number(float(high))})"
        return TableCell(text, repr(float(value)), "interval", colour_of(row.get("feature")).css, "", marks)
    text = str(value)
    if column.kind == "verdict" and text in VERDICTS:
        mark = VERDICTS[text]
        return TableCell(text, text, "verdict", mark.colour.css, mark.letter)
    if column.kind == "rung" and text in RUNG_MARKS:
        mark = RUNG_MARKS[text]
        return TableCell(text, text, "verdict", mark.colour.css, mark.letter)
    if column.kind == "feature":
        return TableCell(text, text, "feature", colour_of(text).css)
    return TableCell(text, text, "text")
