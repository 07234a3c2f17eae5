"""Periodic: features by tasks as one table that a reader sets to a width and regimen, and whose tiles filter rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from ...plots.palette import VERDICTS
from ...studies.schema import Tables
from ...wording import labelled, number, percent
from ..htmltables import csv_uri
from ..selections import notable_features, of_panel, panels, rows_of, strongest, task_names
from ..templating import render


@dataclass(frozen=True)
class PeriodicTile:
    """One feature in one task: letter and colour of its verdict, share, what the pointer shows, and its rows."""

    letter: str
    colour: str
    share: float
    title: str
    filter: str


@dataclass(frozen=True)
class PeriodicPanel:
    """The tiles of one width and regimen, a row a feature; None where no solved network holds the feature."""

    width: str
    regimen: str
    rows: tuple[tuple[str, tuple[PeriodicTile | None, ...]], ...]


def periodic_html(tables: Tables) -> Markup:
    """The table of all panels, the first shown; empty where no solved network holds a feature.

    Examples:
        >>> periodic_html({})
        Markup('')
    """
    rows = strongest(rows_of(tables, "prevalence"))
    features = notable_features(rows)
    if not features:
        return Markup("")
    names = [name for name in task_names(tables) if name in set(rows["task"])]
    made = [_panel(of_panel(rows, panel), panel, features, names) for panel in panels(rows)]
    held = [sum(tile is not None for _, tiles in panel.rows for tile in tiles) for panel in made]
    return Markup(
        render(
            "periodic.html",
            panels=made,
            # A reader comes for the fullest one first.
            first=held.index(max(held)),
            tasks=names,
            widths=list(dict.fromkeys(panel.width for panel in made)),
            regimens=list(dict.fromkeys(panel.regimen for panel in made)),
            csv=csv_uri(rows[rows["feature"].isin(features)]),
        )
    )


def _panel(
    rows: pd.DataFrame, panel: tuple[str, str], features: list[str], names: list[str]
) -> PeriodicPanel:
    known = {(row["feature"], row["task"]): row for row in rows.to_dict("records")}
    lines = []
    for feature in features:
        tiles: list[PeriodicTile | None] = []
        for task in names:
            row = known.get((feature, task))
            if row is None or not row["n"] or not (row["found"] or row["verdict"] == "forced"):
                tiles.append(None)
                continue
            verdict = str(row["verdict"])
            mark = VERDICTS.get(verdict)
            title = (
                f"{labelled(feature, row['on'])} in {task}: {row['found']} of {row['n']} solved networks, interval "
                f"{number(float(row['low']))} to {number(float(row['high']))}; {verdict}"
            )
            if pd.notna(row["untrained_value"]):
                title += f"; untrained {percent(float(row['untrained_value']))}"
            words = f"feature={feature} task={task} hidden={row['hidden']} regimen={row['regimen']}"
            letter, colour = (mark.letter, mark.colour.css) if mark else ("·", "var(--panel)")
            tiles.append(PeriodicTile(letter, colour, float(row["value"]), title, words))
        lines.append((feature, tuple(tiles)))
    return PeriodicPanel(panel[0], panel[1], tuple(lines))
