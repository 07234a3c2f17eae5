"""Composition page: what the pages of modular addition and of other groups have in common: files, figures, tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from .pages.htmltables import Column, TableView, csv_uri, table_view
from .pages.templating import render
from .plots.modularfigures import grokking_curves
from .plots.palette import every_colour
from .plots.rendering import blank, inline_svg, write_figure
from .studies.storage import atomic, write_csv, write_json
from .wording import percent


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of the page.

    Attributes:
        figure, heading: the figure, and what stands above it.
        caption: what is to be seen.
        data: what is drawn.

    Examples:
        >>> figure, _ = blank(3.0, 2.0)
        >>> Drawing(figure, "Nothing", "Nothing is drawn.", pd.DataFrame()).heading
        'Nothing'
    """

    figure: Figure
    heading: str
    caption: str
    data: pd.DataFrame

    def __repr__(self) -> str:
        return f"Drawing({self.heading})"


def grokking_drawing(history: pd.DataFrame, share: float, heading: str) -> Drawing:
    """The accuracy on both sets of pairs over training.

    Args:
        history: as of `CompositionRuns.history`; share: of all pairs, those trained on.
        heading: what stands above it.

    Examples:
        >>> from mathcircuits.models.training import train_group
        >>> history = train_group("C3", seeds=[0], steps=1).history
        >>> grokking_drawing(history, 1.0, "Accuracy").caption[:70]
        'Accuracy on the 100% of pairs trained on (dashed) and the same, for no'
    """
    figure, (ax,) = blank(7.0, 2.6)
    grokking_curves(history, ax)
    rest = "on the others" if share < 1 else "the same, for no pair is left out"
    return Drawing(
        figure=figure,
        heading=heading,
        caption=f"Accuracy on the {percent(share)} of pairs trained on (dashed) and {rest}; a thin line per seed, the "
        "median thick.",
        data=history,
    )


def verdict_views(verdicts: pd.DataFrame, solved: str) -> list[TableView]:
    """The table of verdicts; none where there are none.

    Args:
        verdicts: of the family and its members; solved: what the networks that count are called.

    Examples:
        >>> verdict_views(pd.DataFrame(), "right")
        []
    """
    if not len(verdicts):
        return []
    columns = (
        Column("feature", "feature"),
        Column("value", "networks that use it", "interval"),
        Column("found", "found", "count"),
        Column("n", solved, "count"),
        Column("untrained_found", "untrained", "count"),
        Column("verdict", "verdict", "verdict"),
        Column("reason", "reason", "long"),
    )
    shown = verdicts.assign(untrained_value=verdicts["untrained_found"] / verdicts["untrained_n"])
    return [table_view(shown, "verdicts", "One row per feature: the family, then its members.", columns)]


def write_composition(
    out: str | os.PathLike[str],
    summary: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    drawn: Mapping[str, Drawing],
    views: Sequence[TableView],
    template: str,
    **values: Any,
) -> Path:
    """Write `summary.json`, `tables/*.csv`, `figures/*.svg` and the page of a study of compositions.

    Args:
        out: the folder, made where it is missing.
        summary, tables: what is written as JSON, and as CSV by name.
        drawn: the figures by name, in the order of the page; views: its tables.
        template: of the page; values: what it names beside figures, tables and colours.

    Returns:
        The path of the page.

    Raises:
        FileError: where the folder cannot be written.
    """
    folder = Path(out)
    for name, table in tables.items():
        write_csv(folder / "tables" / f"{name}.csv", table)
    for name, drawing in drawn.items():
        write_figure(drawing.figure, folder / "figures" / f"{name}.svg")
    write_json(folder / "summary.json", dict(summary))
    figures = [
        {
            "name": name,
            "heading": drawing.heading,
            "svg": Markup(inline_svg(drawing.figure, f"{drawing.heading}. {drawing.caption}")),
            "caption": drawing.caption,
            "csv": csv_uri(drawing.data),
        }
        for name, drawing in drawn.items()
    ]
    with atomic(folder / "index.html") as file:
        text = render(template, colours=every_colour(), figures=figures, tables=list(views), **values)
        file.write_text(text, "utf-8")
    return folder / "index.html"
