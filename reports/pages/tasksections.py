"""Task sections: what the page says of one task: its networks, its features, the ways in which it is computed."""

from __future__ import annotations

import pandas as pd

from mathcircuits.detect import Task, tasks

from ..plots import figures
from ..plots.rendering import blank
from ..studies.schema import CONDITION, Tables
from ..wording import cell_name, counted, number, percent, thousands
from .mechanisms import mechanism_sentence, share_meaning, share_rows
from .portraits import portrait
from .selections import CELL, chosen_networks, in_order, of_panel, panels, rows_of, strongest
from .views import FigureView, StudyLike, TaskView, figure_view


def task_view(study: StudyLike, tables: Tables, name: str) -> TaskView:
    """What the page says of one task."""
    task = tasks.get(name)
    networks = rows_of(tables, "networks", task=name)
    success = rows_of(tables, "success", task=name)
    if len(success):
        n, solved = int(success["n"].sum()), int(success["solved"].sum())
        sentence = f"{thousands(solved)} of {counted(n, 'trained network')} solved it.{short_of_data(task, networks)}"
    else:
        sentence = f"{counted(len(networks), 'network')} in this study."
    portraits = tuple(
        view for chosen in chosen_networks(tables, name) if (view := portrait(study, tables, task, chosen))
    )
    # Deep or many-input networks need the page's whole width.
    wide = any(portrait.wide for portrait in portraits)
    formula = task.text if task else ""
    return TaskView(
        name, formula, sentence, portraits, wide, mechanism_sentence(tables, name), census_figure(tables, name),
        prevalence_figure(tables, name),
    )  # fmt: skip


def short_of_data(task: Task | None, networks: pd.DataFrame) -> str:
    """How near the best network came to data that none reproduced; empty for a function, and where one did."""
    if task is None or task.rows is None or networks.empty or networks["solved"].fillna(False).any():
        return ""
    losses = networks.loc[networks["population"] == "trained", "loss"].dropna()
    if losses.empty:
        return ""
    best = float(losses.min())
    share = best / float(task.rows.Y.var(axis=0).mean())
    return (
        f" None has a mean squared error below {number(float(networks['threshold'].min()))} on the {len(task.rows.X)} "
        f"rows. The best has {number(best)}, {percent(share)} of the target's variance. Where the target has noise, no "
        "network should reach 1e-8: give the error that counts as solved in its [[task]] table (solved = ...)."
    )


def prevalence_figure(tables: Tables, name: str) -> FigureView | None:
    """Which features the task's solved networks hold, at the smallest width that has some."""
    rows = strongest(rows_of(tables, "prevalence", task=name))
    if rows.empty:
        return None
    for panel in panels(rows):
        part = of_panel(rows, panel)
        if part["n"].max() > 0:
            break
    else:
        return None
    forced = part["forced"].fillna(False).astype(bool)
    part = part[(part["found"] > 0) | (part["untrained_found"].fillna(0) > 0) | forced]
    if part.empty:
        return None
    part = part.sort_values("value", ascending=False, kind="stable").head(12)
    figure, (ax,) = blank(6.6, 0.75 + 0.24 * len(part))
    figures.prevalence(part, ax)
    where = cell_name(*part.iloc[0][CELL])
    best = part.iloc[0]
    words = (
        f"Features held by solved networks of {name}, {where}: most often {best['feature']}, "
        f"{int(best['found'])} of {int(best['n'])}."
    )
    caption = (
        f"Which features the {int(best['n'])} solved networks of {where} hold, with exact 95% intervals."
    )
    return figure_view(figure, words, caption, part, f"{name}-features")


def census_figure(tables: Tables, name: str) -> FigureView | None:
    """In how many ways the task's solved networks compute it, and where they lie between two of them."""
    rows = in_order(rows_of(tables, "census", task=name))
    if rows.empty:
        return None
    gauges = _with_verdicts(rows[rows["level"] == "gauge"], tables)
    if gauges["name"].nunique() < 2:
        # One way needs no figure: the sentence above gives its interval.
        return None
    spread = share_rows(tables, name)
    cells = spread.groupby(CELL).ngroups if len(spread) else 0
    height = 0.75 + 0.22 * (len(gauges) + len(gauges.drop_duplicates(CELL)))
    below = 0.75 + 0.3 * cells if cells else 0.0
    figure, axes = blank(
        7.2, height + below, rows=2 if cells else 1, height_ratios=[height, below] if cells else [1]
    )
    figures.census(gauges, axes[0])
    said = gauges.groupby("name", sort=False)["found"].sum().sort_values(ascending=False, kind="stable")
    words = f"Ways in which solved networks compute {name}: " + "; ".join(
        f"{k}: {v}" for k, v in said.items()
    )
    caption = (
        "Which way of computing it (gauge) the solved networks take, per width and regimen, with exact 95% "
        "intervals; grey squares: ways that the catalogue has no name for."
    )
    if "verdict" in gauges and gauges["verdict"].notna().any():
        caption += " Letters are verdicts, as in the legend."
    if "fibre_value" in gauges and gauges["fibre_value"].notna().any():
        caption += " Diamonds: networks of the same function and width that nobody trained."
    if cells:
        figures.shares(spread, axes[1])
        axes[1].set_xlabel(share_meaning(name))
        caption += (
            " Below, every network by the share of its kink on one side: 0 and 1 are the two minimal ways."
        )
    # A class is what all these have in common; it is told in words.
    return figure_view(figure, words + ".", caption, rows, f"{name}-census")


def _with_verdicts(gauges: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """The rows of the census with what `mechanisms` says of each form: its verdict and the shares of both fibres."""
    mechanisms = rows_of(tables, "mechanisms")
    if mechanisms.empty or gauges.empty:
        return gauges
    shares = [f"{which}_{of}" for which in ("fibre", "matched") for of in ("value", "low", "high")]
    said = mechanisms[[*CONDITION, "name", "verdict", "reason", *shares]]
    return gauges.merge(said, on=[*CONDITION, "name"], how="left", validate="one_to_one")
