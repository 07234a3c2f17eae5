"""Regimen charts: success by task and regimen, success against cost, the ablation, prediction; nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from ...plots.palette import FAINT, FAMILIES, INK, MUTED, NEGATIVE, POSITIVE
from ...plots.rendering import STYLE, blank
from . import ablation
from .parts import PREDICTION, PRESETS_PART
from .prediction import MAJORITY, MINIMAL, REFINED, RULE, TREES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SMALL = "solved at the hand-derived width"
_COLOURS = [FAMILIES[name].light for name in ("sign", "order", "sum", "magnitude", "threshold", "smooth")]
_MARKS = "osD^vPX*p"


def regimen_figure(table: pd.DataFrame) -> Figure:
    """Four panels, see the functions below.

    Args:
        table: a regimens benchmark's `table`.
    """
    figure, axes = blank(12.0, 10.0, rows=2, columns=2)
    with mpl.rc_context(STYLE):
        task_axes(table, axes[0])
        cost_axes(table, axes[1])
        ablation_axes(table, axes[2])
        prediction_axes(table, axes[3])
    return figure


def task_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """The share of seeds that solve a task at the hand-derived width, in percent: tasks down, regimens across."""
    rows = table[(table["part"] == PRESETS_PART) & (table["measure"] == _SMALL) & table["task"].notna()]
    tasks, regimens = list(dict.fromkeys(rows["task"])), list(dict.fromkeys(rows["population"]))
    ax.set(xlim=(-0.5, max(len(regimens), 1) - 0.5), ylim=(max(len(tasks), 1) - 0.5, -0.5))
    for row in _records(rows):
        x, y = regimens.index(row["population"]), tasks.index(row["task"])
        ax.add_patch(
            mpl.patches.Rectangle(
                (x - 0.48, y - 0.46), 0.96, 0.92, facecolor=POSITIVE.light, alpha=0.75 * row["value"], lw=0
            )
        )
        ax.text(x, y, f"{100 * row['value']:.0f}", ha="center", va="center", color=INK.light)
    ax.set_xticks(range(len(regimens)), regimens, rotation=30, ha="right")
    ax.set_yticks(range(len(tasks)), tasks)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title("Solved at the hand-derived width or below, % of seeds")
    return ax


def cost_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """The same share, of all tasks with one hidden layer, against the median cost of a seed."""
    rows = table[(table["part"] == PRESETS_PART) & table["task"].isna()]
    costs = rows[rows["measure"] == "network-steps, median"].set_index("population")["value"]
    for number, row in enumerate(_records(rows[rows["measure"] == _SMALL])):
        ax.errorbar(
            costs[row["population"]],
            row["value"],
            [[row["value"] - row["low"]], [row["high"] - row["value"]]],
            fmt=_MARKS[number % len(_MARKS)],
            ms=5,
            lw=0.8,
            color=_COLOURS[number % len(_COLOURS)],
            label=row["population"],
        )
    ax.set(
        xscale="log", ylim=(-0.03, 1.05), xlabel="network-steps of a seed, median", ylabel="share of seeds"
    )
    # the costs span a decade, whose minor ticks would be written over each other
    ax.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    if len(costs):
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    ax.set_title("Solved at the hand-derived width, against cost")
    return ax


def ablation_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """That share for each variant, with one hidden layer (dots) and for the deep task (squares)."""
    rows = table[(table["part"] == ablation.PART) & (table["measure"] == _SMALL)]
    variants = list(dict.fromkeys(rows["population"]))
    shallow, deep = rows[rows["task"].isna()], rows[rows["layers"] > 1]
    for part, mark, offset, colour, label in (
        (shallow, "o", -0.15, POSITIVE, "one hidden layer"),
        (deep, "s", 0.15, NEGATIVE, ablation.DEEP),
    ):
        if len(part):
            places = [variants.index(name) + offset for name in part["population"]]
            error = [part["value"] - part["low"], part["high"] - part["value"]]
            ax.errorbar(
                part["value"], places, xerr=error, fmt=mark, ms=4, lw=0.8, color=colour.light, label=label
            )
    ax.set_yticks(range(len(variants)), variants)
    ax.set(xlim=(-0.03, 1.05), ylim=(max(len(variants), 1) - 0.5, -0.5), xlabel="share of seeds")
    ax.grid(axis="x")
    if len(rows):
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    ax.set_title("What each ingredient buys")
    return ax


def prediction_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """Accuracy on held-out seeds at minimal width, the majority's as a bar."""
    rows = table[(table["part"] == f"{PREDICTION} {MINIMAL}") & (table["measure"] == "accuracy")]
    names = rows["task"] + ", " + rows["note"].str.replace(" steps.*", " steps", regex=True)
    cells = list(dict.fromkeys(names))
    places = names.map({name: k for k, name in enumerate(cells)})
    chosen = rows["population"] == MAJORITY
    ax.barh(places[chosen], rows["value"][chosen], color=FAINT.light, height=0.6, label=MAJORITY)
    for (name, mark), colour in zip(((RULE, "o"), (REFINED, "D"), (TREES, "^")), _COLOURS, strict=False):
        part, at = rows[rows["population"] == name], places[rows["population"] == name]
        if len(part):
            error = [part["value"] - part["low"], part["high"] - part["value"]]
            ax.errorbar(part["value"], at, xerr=error, fmt=mark, ms=4, lw=0.8, color=colour, label=name)
    bounds = rows[rows["bound"].notna()].drop_duplicates(["task", "note"])
    ax.plot(bounds["bound"], places[bounds.index], "|", ms=14, color=MUTED.light, label="asked for")
    ax.set_yticks(range(len(cells)), cells)
    ax.set(xlim=(0.4, 1.02), ylim=(max(len(cells), 1) - 0.5, -0.5), xlabel="accuracy on held-out seeds")
    if len(rows):
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    ax.set_title("Success predicted from the initial weights")
    return ax


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    return ({str(key): value for key, value in row.items()} for row in frame.to_dict("records"))
