"""Computing: how solved networks compute their tasks: their forms as stacked bars, between two forms, and formulas."""

from __future__ import annotations

import pandas as pd

from ...plots import computingfigures, figures, learningfigures
from ...plots.rendering import blank
from ...studies.schema import Tables
from ...wording import counted, percent
from ..mechanisms import share_meaning, share_rows, solved_programs
from ..selections import rows_of, task_names
from ..views import FigureView, figure_view


def forms_figure(tables: Tables) -> FigureView | None:
    """Every task as one bar, its parts the forms that its solved networks have."""
    census = rows_of(tables, "census", level="gauge")
    if census.empty:
        return None
    rows = census.groupby(["task", "name"], sort=False)["found"].sum().reset_index()
    rows["n"] = rows.groupby("task", sort=False)["found"].transform("sum")
    rows = rows.sort_values("found", ascending=False, kind="stable")
    place = {task: k for k, task in enumerate(task_names(tables))}
    rows = (
        rows.assign(_place=rows["task"].map(place))
        .sort_values("_place", kind="stable")
        .drop(columns="_place")
    )
    names = list(dict.fromkeys(rows["task"]))
    figure, (ax,) = blank(7.6, 0.7 + 0.42 * len(names))
    computingfigures.form_bars(rows, ax)
    words = "Forms of each task's solved networks: " + "; ".join(
        f"{row['task']}, {row['name']}: {percent(row['found'] / row['n'])}" for row in rows.to_dict("records")
    )
    caption = (
        "In which way solved networks compute each task, over all widths and regimens. A form is such a way: on which "
        "side of each kink (a line along which the function bends) the neurons sit. Mirror images count as one. Grey: "
        "forms that the catalogue has no name for."
    )
    return figure_view(figure, words + ".", caption, rows, "forms-by-task")


def lambda_figure(tables: Tables) -> FigureView | None:
    """Where the solved networks of each task lie between two forms."""
    parts = {name: rows for name in task_names(tables) if len(rows := share_rows(tables, name))}
    if not parts:
        return None
    heights = [0.8 + 0.3 * rows.groupby(["hidden", "width", "regimen"]).ngroups for rows in parts.values()]
    figure, axes = blank(7.2, sum(heights), rows=len(parts), height_ratios=heights)
    for (name, rows), ax in zip(parts.items(), axes, strict=True):
        figures.shares(rows, ax)
        ax.set_title(name, loc="left", fontweight="bold")
        ax.set_xlabel(share_meaning(name))
    data = pd.concat(
        [rows[["task", "hidden", "width", "regimen", "network", "share"]] for rows in parts.values()]
    )
    words = f"Where solved networks lie between two forms, for {', '.join(parts)}."
    caption = (
        "Every dot is a network. At 0 and 100% the kink is made by neurons on one side of it, which needs fewest of "
        "them; between, neurons on both sides share it."
    )
    return figure_view(figure, words, caption, data, "between-forms")


def length_figure(tables: Tables) -> FigureView | None:
    """The length of every solved network's formula against its proved error."""
    rows = solved_programs(tables)
    rows = rows[rows["bits"].notna() & rows["error"].notna()] if len(rows) else rows
    if rows.empty:
        return None
    names = [name for name in task_names(tables) if name in set(rows["task"])]
    figure, (ax,) = blank(6.8, 2.9)
    learningfigures.complexity(rows, ax, tasks=names)
    without = int(rows["formula"].isna().sum())
    words = f"Formula length against proved error for {counted(len(rows), 'solved network')}; {without} have none."
    caption = (
        "The length of each solved network's formula against the largest error that the network can have from it "
        "anywhere on the box of inputs, which is proved. Hollow: no formula shorter than the weights came near enough."
    )
    data = rows[["network", "task", "bits", "error", "formula"]]
    return figure_view(figure, words, caption, data, "formula-lengths")
