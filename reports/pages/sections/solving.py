"""Solving: the loss of every condition over training, and what success costs, way of training by way of training."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mathcircuits.detect import prevalence

from ...plots import regimenfigures
from ...plots.rendering import blank
from ...studies.config import width_order
from ...studies.schema import Tables
from ...wording import cell_name, number, percent
from ..selections import rows_of
from ..views import FigureView, StudyLike, figure_view


def loss_figure(study: StudyLike) -> FigureView | None:
    """The median loss over training at each task's smallest width, a panel a task, a colour a regimen."""
    losses = study.losses()
    losses = losses[losses["value"] > 0] if len(losses) else losses
    if losses.empty:
        return None
    regimens = list(dict.fromkeys(losses["regimen"]))
    parts = []
    for _, rows in losses.groupby("task", sort=False):
        sizes = rows[["width", "hidden"]].drop_duplicates().values.tolist()
        width, hidden = min(sizes, key=lambda size: width_order(*size))
        parts.append(rows[(rows["width"] == width) & (rows["hidden"] == hidden)])
    columns = min(4, len(parts))
    down = -(-len(parts) // columns)
    figure, axes = blank(2.0 * columns, 0.45 + 1.6 * down, rows=down, columns=columns)
    for part, ax in zip(parts, axes, strict=False):
        regimenfigures.losses(part, ax, regimens=regimens)
        ax.set_title(str(part["task"].iloc[0]), fontsize=8.5, fontweight="bold")
    for k, ax in enumerate(axes):
        if k >= len(parts):
            ax.set_axis_off()
        elif k + columns >= len(parts):
            ax.set_xlabel("step", fontsize=8)
    for ax in axes[::columns]:
        ax.set_ylabel("loss", fontsize=8)
    figure.legend(
        handles=regimenfigures.shapes(regimens), fontsize=8, frameon=False, loc="outside upper center",
        ncols=min(len(regimens), 5),
    )  # fmt: skip
    shown = pd.concat(parts)
    ends = shown.groupby(["task", "regimen"], sort=False)["value"].last()
    words = "Median loss at the end: " + "; ".join(
        f"{task}, {regimen}: {number(float(value))}" for (task, regimen), value in ends.items()
    )
    caption = (
        "Loss over training at each task's smallest width: the median over the seeds, and the band from a quarter to "
        "three quarters of them. A regimen that restarts or grows networks ends later than its last step shows."
    )
    return figure_view(figure, words + ".", caption, shown, "loss-curves")


def cost_figure(tables: Tables) -> FigureView | None:
    """Success against cost over all tasks, a point per regimen and width."""
    rows = rows_of(tables, "regimens")
    rows = rows[rows["cost"] > 0] if len(rows) else rows
    if rows.empty:
        return None
    named = rows.assign(size=rows["width"].where(rows["width"].fillna("") != "", rows["hidden"]))
    points: list[dict[str, Any]] = []
    for (regimen, size), part in named.groupby(["regimen", "size"], sort=False):
        share = prevalence(int(part["solved"].sum()), int(part["n"].sum()))
        points.append(
            {
                "regimen": regimen,
                "width": size,
                "tasks": part["task"].nunique(),
                "solved": share.found,
                "n": share.n,
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "cost": float(part["cost"].median()),
            }
        )
    table = pd.DataFrame(points)
    figure, (ax,) = blank(6.6, 2.9)
    regimenfigures.success_by_cost(table, ax, regimens=list(dict.fromkeys(rows["regimen"])))
    words = "Success against cost: " + "; ".join(
        f"{cell_name(row['width'], '', row['regimen'])}: {percent(row['value'])} at {number(row['cost'])} network-steps"
        for row in points
    )
    caption = (
        "All tasks together: share of the seeds that solved theirs, with its exact 95% interval, against what a seed "
        "costs. A point per regimen and width. A network-step is one gradient step, or one try of a "
        "Levenberg-Marquardt step, of one network; restarts and pools are counted."
    )
    return figure_view(figure, words + ".", caption, table, "success-by-cost")
