"""What the commands print: tables that fit a terminal and are never cut in a pipe, JSON, numbers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any


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
            table.add_row(*(Text(value) for value in row))
        Console().print(table)
        return
    lines = [list(columns), *([" ".join(value.split()) for value in row] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(columns))]
    for line in lines:
        print("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


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
        print(f"{name.ljust(width)}  {value}")


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
