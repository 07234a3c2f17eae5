"""Columns: pick which columns of a study's tables the page shows, and under which headings.

That a column exists, and of which kind it is, the schema of the study's tables says.
"""

from __future__ import annotations

from dataclasses import replace

from ..studies.schema import Kind, kind_of
from .htmltables import Column

#: How a column of each kind is shown where the page does not show it otherwise.
SHOWN: dict[Kind, str] = {"text": "text", "int": "count", "float": "number", "bool": "truth"}


def pick(table: str, *columns: str | Column) -> list[Column]:
    """Columns of a table of the study, in this order.

    Args:
        table: its name in the schema.
        columns: names, of columns that are shown under their own name; or Columns, whose kind "text" stands for the
            kind that the schema gives.

    Raises:
        KeyError: for a column that the schema lacks.

    Examples:
        >>> [(column.heading, column.kind) for column in pick("success", "solved", Column("low", "from"))]
        [('solved', 'count'), ('from', 'number')]
    """
    named = [Column(column, column) if isinstance(column, str) else column for column in columns]
    kinds = [SHOWN[kind_of(table, column.name)] for column in named]
    return [
        replace(column, kind=kind) if column.kind == "text" else column
        for column, kind in zip(named, kinds, strict=True)
    ]


CONDITION_COLUMNS = pick(
    "networks",
    "task",
    Column("hidden", "hidden", help="neurons per hidden layer"),
    Column("width", "width", help="as a multiple of the smallest known"),
    Column("regimen", "regimen", help="how it was trained"),
)
FEATURE_COLUMNS = pick("neurons", Column("feature", "feature", "feature"), Column("on", "of"))
#: Behind a share of the solved networks: that of all trained ones, those that failed counted either way.
WORST_COLUMNS = (
    Column(
        "worst_low", "of all, from", "percent", "share of all trained networks, if none that failed had it"
    ),
    Column("worst_high", "to", "percent", "share of all trained networks, if all that failed had it"),
)
#: Beside a share: the bias that predicts it, and what the function alone would give.
FIBRE_COLUMNS = pick(
    "mechanisms",
    Column("predicted", "predicted by", help="a bias that was named before the run"),
    Column(
        "fibre_value",
        "fibre",
        "interval",
        "share of the networks that compute the task, drawn without training, at the init's scale",
    ),
    Column("matched_value", "at the norm", "interval", "the same, at the norms that were observed"),
    Column("fibre", "how it was drawn", "long"),
)
