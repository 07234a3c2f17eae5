"""Ladder matrix: where groups of networks are the same, as one table: what differs down, rungs across."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from ...plots.palette import RUNG_MARKS
from ...studies.schema import Tables
from ..htmltables import csv_uri
from ..selections import rows_of
from ..templating import render
from ..universality import LADDER

#: What differs between the two groups of networks that are compared, in the order of the rows.
_KINDS = {
    "seeds": "Seeds of one condition",
    "widths": "Two widths",
    "regimens": "Two regimens",
    "both": "Two widths and regimens",
    "tasks": "Two tasks",
}


@dataclass(frozen=True)
class LadderPart:
    """A part of one tile: how many comparisons have the verdict, and its look."""

    verdict: str
    letter: str
    colour: str
    count: int
    filter: str
    title: str


def ladder_html(tables: Tables) -> Markup:
    """The matrix; empty where the study has no ladder.

    Examples:
        >>> ladder_html({})
        Markup('')
    """
    rows = rows_of(tables, "ladder")
    if rows.empty:
        return Markup("")
    counts = rows.groupby(["kind", "rung", "verdict"], sort=False).size()
    lines = []
    for kind, words in _KINDS.items():
        if kind not in set(rows["kind"]):
            continue
        tiles = []
        for rung in LADDER:
            parts = []
            for verdict, mark in RUNG_MARKS.items():
                count = int(counts.get((kind, rung, verdict), 0))
                if count:
                    title = f"{words}, {rung}: {count} {verdict}"
                    filtered = f"={kind} ={rung} {verdict}"
                    parts.append(LadderPart(verdict, mark.letter, mark.colour.css, count, filtered, title))
            tiles.append(parts)
        lines.append((words, tiles))
    data = counts.rename("comparisons").reset_index()
    return Markup(render("ladder.html", rungs=LADDER, lines=lines, csv=csv_uri(data)))
