"""Tiles: the first figure of a study's page: every task with its best network, formula, share and usual form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from mathcircuits.detect import MathCircuitsError, Network, UnknownTask, prevalence, tasks

from ...plots.smallgraph import small_graph
from ...studies.schema import Tables
from ...wording import percent
from ..htmltables import csv_uri
from ..selections import Chosen, chosen_networks, neuron_labels, rows_of, task_names
from ..views import StudyLike

#: Tiles of a full size; more are drawn smaller, so that they stay on the first screen.
FULL = 8
#: Characters of a formula or a form that a tile has room for.
_LONGEST = 34


@dataclass(frozen=True)
class Tile:
    """A task at a glance.

    Attributes:
        task: its name; network: the id of the network that is drawn, "" where the study has no row of it.
        graph: the network as an SVG, empty where none is at hand.
        formula: of that network; form: the most frequent way of computing the task, with its share.
        solved: the share of the task's networks that solved it, in words; share: the same as a number in [0, 1].
        note: what a reader must know of the drawn network, such as that nobody trained it.
    """

    task: str
    network: str
    graph: Markup
    formula: str
    form: str
    solved: str
    share: float
    note: str


def tiles(study: StudyLike, tables: Tables) -> list[Tile]:
    """A tile for every task of the study."""
    return [_tile(study, tables, name) for name in task_names(tables)]


def tile_data(made: list[Tile]) -> str:
    """What the tiles show, as the data URI of a CSV file.

    Examples:
        >>> tile_data([]).startswith("data:text/csv")
        True
    """
    columns = ["task", "network", "formula", "form", "share"]
    return csv_uri(
        pd.DataFrame([{name: getattr(tile, name) for name in columns} for tile in made], columns=columns)
    )


def _tile(study: StudyLike, tables: Tables, task: str) -> Tile:
    chosen = chosen_networks(tables, task)
    first = chosen[0] if chosen else Chosen("", "none", {})
    network = _network(study, task, first)
    labels = neuron_labels(tables, first.network) if first.network else {}
    success = rows_of(tables, "success", task=task)
    n, solved = (int(success[name].sum()) if len(success) else 0 for name in ("n", "solved"))
    words = {"best": "Best network", "derived": "Network derived by hand", "failed": "Failed network"}
    graph = small_graph(network, labels, f"{words[first.role]} of {task}.") if network else ""
    return Tile(
        task=task,
        network=first.network,
        graph=Markup(graph),
        formula=_cut(_formula(tables, task, first)),
        form=_form(tables, task),
        solved=f"{percent(solved / n)} solved" if n else "",
        share=prevalence(solved, n).value if n else 0.0,
        note={"derived": "none solved; derived by hand", "failed": "none solved"}.get(first.role, ""),
    )


def _network(study: StudyLike, task: str, chosen: Chosen) -> Network | None:
    if chosen.network:
        try:
            return study.networks(chosen.network)[chosen.network]
        except (MathCircuitsError, KeyError):
            return None
    try:
        return tasks[task].hand_derived if chosen.role == "derived" else None
    except UnknownTask:
        return None


def _formula(tables: Tables, task: str, chosen: Chosen) -> str:
    """The network's formula; the task's own for one that was derived for it."""
    rows = rows_of(tables, "programs", network=chosen.network) if chosen.network else pd.DataFrame()
    known: Any = rows.iloc[0]["formula"] if len(rows) else None
    if isinstance(known, str):
        return known
    if chosen.role == "derived" and task in tasks:
        return tasks[task].text
    return "no short formula"


def _form(tables: Tables, task: str) -> str:
    census = rows_of(tables, "census", task=task, level="gauge")
    if census.empty:
        return ""
    names = census.groupby("name", sort=False)["found"].sum().sort_values(ascending=False, kind="stable")
    usual, share = str(names.index[0]), percent(float(names.iloc[0] / names.sum()))
    named = not usual.startswith(("unnamed", "not known", "no formula"))
    # The share stands first: where a tile is narrow, its line is cut at the end.
    return f"{share} as {_cut(usual)}" if named else f"{share} in a form without a name"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
