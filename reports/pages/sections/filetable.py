"""File table: of networks that were trained elsewhere, every file and what it was taken for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from ..htmltables import Column, TableView, table_view

if TYPE_CHECKING:
    from ...studies.populations.gathering import Taken

_COLUMNS = (
    Column("path", "file"),
    Column("network", "network"),
    Column("step", "step", "count"),
    Column("loss", "mean squared error", "number", "to its function"),
    Column("solved", "computes it", "truth"),
    Column("difference", "largest difference", "bound", "to its function"),
    Column("evidence", "evidence", help="certified: for every input; sampled: on the points alone"),
    Column(
        "turned", "inputs turned to", help="the change of the inputs after which it computes its function"
    ),
    Column("reason", "why not read", "long"),
)
_FIRST = ("path", "network", "loss", "difference", "evidence", "reason")


def file_table(files: Sequence[Taken]) -> Iterator[TableView]:
    """The table of a population's files; none where there are none.

    Args:
        files: as `Study.files`.

    Examples:
        >>> from mathcircuits.reports.studies.populations.gathering import Taken
        >>> (view,) = file_table([Taken("a.pt", "unread", "is damaged")])
        >>> [cell.text for cell in view.rows[0]][-1]
        'is damaged'
    """
    if not files:
        return
    frame = pd.DataFrame([asdict(file) for file in files])
    frame["evidence"] = frame["certified"].map({True: "certified", False: "sampled"})
    yield table_view(
        frame.dropna(axis="columns", how="all"),
        "files",
        "Every file, and the network that it was read as.",
        _COLUMNS,
        source="population.json",
        first=_FIRST,
    )
