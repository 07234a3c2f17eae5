"""Sentences: a finding in a plain sentence, and the phrases that several of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..wording import joined, number, percent, thousands


@dataclass(frozen=True)
class Finding:
    """One sentence of the summary.

    Attributes:
        head: what it is about, in a word or two.
        text: the sentence.
        target: the id of the table that holds its rows.
        filter: what to write into that table's filter to see them, or "".
        lead: whether a newcomer reads it first; the others stand folded below.

    Examples:
        >>> Finding("Trained", "3 of 4 networks solved their task.", "success").filter
        ''
    """

    head: str
    text: str
    target: str
    filter: str = ""
    lead: bool = False


def share_of(row: Mapping[Any, Any]) -> str:
    """A count with its exact interval; what it comes to of all trained networks, and of untrained ones, where known.

    Examples:
        >>> row = {"found": 9, "n": 10, "low": 0.555, "high": 0.9975, "untrained_value": 0.2}
        >>> share_of(row)
        '9 of 10, 0.555 to 0.998; untrained 20%'
        >>> share_of({"found": 9, "n": 10, "low": 0.555, "high": 0.9975, "taught_value": 0.01})
        '9 of 10, 0.555 to 0.998; taught otherwise 1%'
        >>> share_of({**row, "worst_low": 0.75, "worst_high": 11 / 12})
        '9 of 10, 0.555 to 0.998; of all trained 75% to 92%; untrained 20%'
    """
    text = (
        f"{thousands(int(row['found']))} of {thousands(int(row['n']))}, "
        f"{number(float(row['low']))} to {number(float(row['high']))}"
    )
    low, high = row.get("worst_low"), row.get("worst_high")
    # Where all networks solved their task both are the share itself.
    if low is not None and high is not None and not pd.isna(low) and low < high:
        text += f"; of all trained {percent(float(low))} to {percent(float(high))}"
    for column, who in (("untrained_value", "untrained"), ("taught_value", "taught otherwise")):
        beside = row.get(column)
        if beside is not None and not pd.isna(beside):
            text += f"; {who} {percent(float(beside))}"
    return text


def cell_of(row: Mapping[Any, Any]) -> str:
    """The condition of a row, in words.

    Examples:
        >>> cell_of({"hidden": "3", "width": "1x", "regimen": "adam"})
        '3 hidden neurons (1x), trained by adam'
        >>> cell_of({"hidden": "6-3", "width": "", "regimen": "osier"})
        '6-3 hidden neurons, trained by osier'
    """
    width = row["width"] if isinstance(row["width"], str) and row["width"] else ""
    return f"{row['hidden']} hidden neurons{f' ({width})' if width else ''}, trained by {row['regimen']}"


def by_condition(rows: pd.DataFrame) -> str:
    """Shares of several conditions, each width named once.

    Examples:
        >>> row = {"hidden": "3", "width": "1x", "found": 9, "n": 10, "low": 0.555, "high": 0.9975}
        >>> by_condition(pd.DataFrame([{**row, "regimen": "adam"}, {**row, "regimen": "osier", "found": 10}]))
        '3 hidden neurons (1x): adam (9 of 10, 0.555 to 0.998) and osier (10 of 10, 0.555 to 0.998)'
    """
    parts = []
    for (hidden, width), part in rows.groupby(["hidden", "width"], sort=False, dropna=False):
        named = f" ({width})" if isinstance(width, str) and width else ""
        said = joined(f"{row['regimen']} ({share_of(row)})" for row in part.to_dict("records"))
        parts.append(f"{hidden} hidden neurons{named}: {said}")
    return "; ".join(parts)


#: Widths in words; others are said by their number of neurons.
_WIDTHS = {
    "1x": "at the smallest width",
    "2x": "at twice the smallest width",
    "4x": "at four times the smallest width",
}


def condition(row: Mapping[Any, Any]) -> str:
    """The condition of a row as the end of a clause: "networks solved ...".

    Examples:
        >>> condition({"hidden": "6", "width": "2x", "regimen": "adam"})
        'by adam at twice the smallest width'
        >>> condition({"hidden": "16", "width": "", "regimen": "compress"})
        'by compress with 16 hidden neurons'
    """
    where = _WIDTHS.get(row["width"], f"with {row['hidden']} hidden neurons")
    return f"by {row['regimen']} {where}"


def fullest(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each task's rows the one with the most networks, of several the first.

    Examples:
        >>> frame = pd.DataFrame({"task": [*"aab"], "n": [1, 3, 2]})
        >>> fullest(frame)["n"].tolist()
        [3, 2]
    """
    if rows.empty:
        return rows
    ordered = rows.assign(_n=rows["n"].astype(int)).sort_values("_n", ascending=False, kind="stable")
    return ordered.drop_duplicates("task").sort_index().drop(columns="_n")
