"""What the commands print: tables that fit a terminal and are never cut in a pipe, JSON, numbers."""

from __future__ import annotations

import json
import math
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from mathcircuits.detect.errors import printable

#: Characters of a line in a pipe, and the fewest that tables are set in.
_WIDTH, _NARROWEST = 80, 60
#: Characters that a column keeps at least where it is cut or goes on below itself.
_LEAST_ROOM = 8


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their columns: by Rich on a terminal, which wraps; in a pipe each row is one line.

    Examples:
        >>> print_table(["name", "n"], [["a", "10"], ["long", "2"]])
        name  n
        a     10
        long  2
    """
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            # Text, not a string: brackets in a formula are no markup.
            table.add_row(*(Text(printable(value)) for value in row))
        Console().print(table)
        return
    lines = [list(columns), *([" ".join(printable(value).split()) for value in row] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns))]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def text_width() -> int:
    """Characters of a line: of the terminal, 80 in a pipe."""
    return max(shutil.get_terminal_size().columns, _NARROWEST) if sys.stdout.isatty() else _WIDTH


def clipped(text: str, room: int) -> str:
    """A text that is cut where it is longer than the room.

    Examples:
        >>> clipped("min(x1, x2)", 20), clipped("min(x1, x2)", 8)
        ('min(x1, x2)', 'min(x...')
    """
    return text if len(text) <= room else f"{text[: max(room - 3, 0)]}..."


def fitted_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    cut: str = "",
    left_out: Sequence[str] = (),
) -> list[str]:
    """The lines of a table that fits a width.

    Args:
        columns: their names; rows: their values.
        width: characters of a line.
        cut: the column whose values may be cut.
        left_out: columns that may be left out where there is no room, the first one first. If that is not enough
            and no column may be cut, the widest one goes on below itself.

    Examples:
        >>> rows = [["47%", "matched", "greaterness(x1, x2)", "1e-9"]]
        >>> for line in fitted_table(["share", "status", "feature", "q"], rows, 41): print(line)
        share  status   feature              q
        47%    matched  greaterness(x1, x2)  1e-9
        >>> for line in fitted_table(["share", "status", "feature", "q"], rows, 31, left_out=["q"]): print(line)
        share  status   feature
        47%    matched  greaterness(x1,
                        x2)
        >>> for line in fitted_table(["n", "formula"], [["3", "min(x1, x2)"]], 12, cut="formula"): print(line)
        n  formula
        3  min(x1...
    """
    rows = [[printable(value) for value in row] for row in rows]
    kept = list(range(len(columns)))
    widths = [max(len(line[k]) for line in (columns, *rows)) for k in kept]

    def excess() -> int:
        return sum(widths[k] + 2 for k in kept) - 2 - width

    for name in left_out:
        if excess() > 0 and name in columns:
            kept.remove(list(columns).index(name))
    # The column that may be cut gives way first, then the widest.
    for k in sorted(kept, key=lambda k: (columns[k] != cut, -widths[k])):
        widths[k] = min(widths[k], max(widths[k] - max(excess(), 0), _LEAST_ROOM))
    lines = []
    for row in (columns, *rows):
        parts = [
            [clipped(row[k], widths[k])]
            if columns[k] == cut
            else textwrap.wrap(row[k], widths[k], break_on_hyphens=False) or [""]
            for k in kept
        ]
        for n in range(max(map(len, parts))):
            own = (part[n] if n < len(part) else "" for part in parts)
            lines.append(
                "  ".join(value.ljust(widths[k]) for k, value in zip(kept, own, strict=True)).rstrip()
            )
    return lines


def print_fields(fields: Mapping[str, str]) -> None:
    """Print names and values below each other; empty values are left out.

    Examples:
        >>> print_fields({"id": "order/greaterness", "tags": "", "arity": "2"})
        id     order/greaterness
        arity  2
    """
    shown = {name: value for name, value in fields.items() if value}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print(printable(f"{name.ljust(width)}  {value}"))


def print_json(content: object) -> None:
    """Print as JSON, two spaces deep.

    Examples:
        >>> print_json([])
        []
    """
    print(json.dumps(content, indent=2, ensure_ascii=False))


def number(value: Any, digits: int = 3) -> str:
    """A number in a few digits, `-` where it is missing.

    Examples:
        >>> number(0.12345), number(None), number(float("nan")), number(-1.0)
        ('0.123', '-', '-', '-1')
    """
    if not isinstance(value, int | float) or math.isnan(value):
        return "-"
    return f"{value + 0.0:.{digits}g}"


def p_value(value: Any) -> str:
    """A p-value; below 1e-4 the tail model is not to be trusted to the digit (docs/understand/evidence.md,
    The null of a neuron).

    Examples:
        >>> p_value(0.0312), p_value(3e-9), p_value(None)
        ('0.031', '< 1e-4', '-')
    """
    text = number(value, 2)
    return "< 1e-4" if text != "-" and value < 1e-4 else text
