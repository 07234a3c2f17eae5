"""Regimen section: which way of training solves the task, at which width, at what cost, and why networks failed."""

from __future__ import annotations

import pandas as pd

from ..plots import figures, regimenfigures
from ..plots.palette import CAUSES, Mark
from ..plots.rendering import blank
from ..studies.schema import Tables
from ..wording import cell_name, counted, number, percent, thousands
from .regimens import failures, failures_by_regimen
from .selections import CELL, in_order, rows_of
from .views import FigureView, figure_view


def success_figure(tables: Tables) -> FigureView | None:
    """Success rates cell by cell."""
    table = in_order(rows_of(tables, "success"))
    if table.empty:
        return None
    figure, (ax,) = blank(7.2, 0.7 + 0.2 * (len(table) + table["task"].nunique()))
    figures.success(table, ax)
    best = table.sort_values("value", kind="stable", na_position="first").iloc[-1]
    words = (
        f"Success rates of {counted(len(table), 'cell')} with exact 95% intervals. The highest is "
        f"{number(float(best['value']))}, for {best['task']}, {cell_name(*best[CELL])}."
    )
    caption = "Dot: share of seeds that solved the task. Bar: its exact 95% interval. One shape per regimen."
    return figure_view(figure, words, caption, table, "success-rates")


def width_figure(tables: Tables) -> FigureView | None:
    """Success against width, a panel per task, a shape per regimen."""
    rows = rows_of(tables, "regimens")
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["task"]))
    regimens = list(dict.fromkeys(rows["regimen"]))
    columns = min(4, len(names))
    down = -(-len(names) // columns)
    figure, axes = blank(2.0 * columns, 0.45 + 1.65 * down, rows=down, columns=columns)
    for name, ax in zip(names, axes, strict=False):
        regimenfigures.success_by_width(rows[rows["task"] == name], ax, regimens=regimens)
        ax.set_title(name, fontsize=8.5, fontweight="bold")
    for ax in axes[::columns]:
        ax.set_ylabel("seeds that solve it", fontsize=8)
    for ax in axes[len(names) :]:
        ax.set_axis_off()
    figure.legend(
        handles=regimenfigures.shapes(regimens),
        fontsize=8,
        frameon=False,
        loc="outside upper center",
        ncols=min(len(regimens), 5),
    )
    pooled = rows.groupby("regimen", sort=False)[["solved", "n"]].sum()
    words = "Success against width: " + "; ".join(
        f"{regimen}: {thousands(int(row['solved']))} of {thousands(int(row['n']))} seeds"
        for regimen, row in pooled.iterrows()
    )
    caption = (
        "Share of the seeds that solved the task, with its exact 95% interval, by the width at which training starts: "
        "1x is the smallest network known. One shape and colour per regimen."
    )
    return figure_view(figure, words + ".", caption, rows, "success-by-width")


def cause_figure(tables: Tables) -> FigureView | None:
    """Why networks failed, by task and regimen."""
    rows = failures_by_regimen(tables)
    if rows.empty:
        return None
    rows = rows.assign(name=rows["task"] + ", " + rows["regimen"])
    lines = list(dict.fromkeys(rows["name"]))
    figure, (ax,) = blank(6.8, 0.75 + 0.25 * len(lines))
    regimenfigures.causes(rows, ax)
    total = rows.groupby("cause", sort=False)["found"].sum().sort_values(ascending=False, kind="stable")
    words = "Why networks failed: " + "; ".join(f"{cause}: {thousands(int(n))}" for cause, n in total.items())
    return figure_view(
        figure, words + ".", _cause_caption(total), rows.drop(columns="name"), "causes-of-failure"
    )


def cause_words(tables: Tables) -> list[tuple[Mark, str]]:
    """Every cause of failure, the most frequent first: its mark, and what it is, how often and since when in words."""
    found = []
    for row in failures(tables).to_dict("records"):
        mark = CAUSES.get(str(row["cause"]), CAUSES["unknown"])
        text = (
            f"{row['cause'].capitalize()}: {mark.meaning}; {percent(float(row['value']))} of "
            f"{counted(int(row['n']), 'failed network')}"
        )
        if pd.notna(row["lost"]):
            step = int(row["lost"])
            text += (
                f", lost {'before the first step' if step == 0 else f'at step {thousands(step)}'} (median)"
            )
        found.append((mark, f"{text}."))
    return found


def _cause_caption(total: pd.Series[int]) -> str:
    legend = "; ".join(
        f"{CAUSES[str(cause)].letter}: {cause}, {CAUSES[str(cause)].meaning}"
        for cause in total.index
        if cause in CAUSES
    )
    return f"All widths together. {legend}. The pointer shows the counts, and the step at which the networks were lost."
