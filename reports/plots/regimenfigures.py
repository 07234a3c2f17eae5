"""Regimen figures: success against width and cost, the width that is reached, and why networks failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..studies.config import width_order
from ..wording import cell_name, number, percent, thousands
from .palette import CAUSES, GROUND, INK, MUTED, OTHER, POSITIVE
from .rendering import on_hover

#: Regimen -> marker: shapes, so that the figure reads in grey. Further regimens go through the list again.
MARKERS = "osD^vP*X"


def success_by_width(table: pd.DataFrame, ax: Axes, *, regimens: Sequence[str]) -> Axes:
    """The share of seeds that solved one task, by width: a shape per regimen, with exact intervals.

    Args:
        table: rows of the study's `regimens` table, of one task.
        ax: 1.7 by 1.4 inch suits.
        regimens: all regimens of the study, in the order of their shapes.

    Examples:
        >>> from .rendering import blank
        >>> row = {"hidden": "3", "width": "1x", "regimen": "adam", "solved": 3, "n": 4, "value": 0.75}
        >>> _, (ax,) = blank(2, 2)
        >>> ax = success_by_width(pd.DataFrame([{**row, "low": 0.19, "high": 0.99}]), ax, regimens=["adam"])
        >>> [tick.get_text() for tick in ax.get_xticklabels()]
        ['1x']
    """
    named = table.assign(width=table["width"].where(table["width"].fillna("") != "", table["hidden"]))
    widths = sorted(dict.fromkeys(named["width"]), key=lambda width: width_order(width, width))
    spread = 0.75 / max(len(regimens), 1)
    for k, regimen in enumerate(regimens):
        part = named[named["regimen"] == regimen]
        if part.empty:
            continue
        shift = (k - (len(regimens) - 1) / 2) * spread
        for row in part.to_dict("records"):
            x = widths.index(row["width"]) + shift
            count = f"{thousands(row['solved'])} of {thousands(row['n'])}"
            hover = f"{cell_name(row['hidden'], row['width'], regimen)}: {count} solved"
            (bar,) = ax.plot([x, x], [row["low"], row["high"]], color=INK.light, linewidth=1.8, alpha=0.45)
            on_hover(bar, f"{hover}, interval {number(row['low'])} to {number(row['high'])}")
            (dot,) = ax.plot(
                x,
                row["value"],
                MARKERS[k % len(MARKERS)],
                color=POSITIVE.light,
                markersize=5,
                markeredgecolor=GROUND.light,
                markeredgewidth=0.6,
                zorder=5,
                clip_on=False,
            )
            on_hover(dot, hover)
    ax.set(xlim=(-0.6, len(widths) - 0.4), ylim=(-0.03, 1.03))
    ax.set_xticks(range(len(widths)), widths, fontsize=7.5)
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")
    return ax


def success_by_cost(table: pd.DataFrame, ax: Axes, *, regimens: Sequence[str]) -> Axes:
    """Success against cost: filled, the share of seeds that solved; hollow, the share that did so at the least width.

    Args:
        table: the study's `regimens` table.
        ax: 5 by 3 inch suits.
        regimens: all regimens, in the order of their shapes.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "hidden": "6", "width": "2x", "regimen": "adam", "value": 0.75, "cost": 3000.0}
        >>> _, (ax,) = blank(2, 2)
        >>> ax = success_by_cost(pd.DataFrame([{**row, "minimum_value": 0.0}]), ax, regimens=["adam"])
        >>> ax.get_xscale(), len(ax.lines)
        ('log', 3)
    """
    for row in table.to_dict("records"):
        marker = MARKERS[list(regimens).index(row["regimen"]) % len(MARKERS)]
        cost, value, least = float(row["cost"]), float(row["value"]), float(row["minimum_value"])
        if not cost > 0 or math.isnan(value):
            continue
        name = f"{row['task']}, {cell_name(row['hidden'], row['width'], row['regimen'])}"
        hover = f"{name}: {percent(value)} solved, {percent(least)} at the least width, {number(cost)} network-steps"
        if not math.isnan(least):
            if least < value:
                ax.plot([cost, cost], [least, value], color=MUTED.light, linewidth=0.7, alpha=0.6, zorder=2)
            (ring,) = ax.plot(
                cost,
                least,
                marker,
                markersize=6.5,
                markerfacecolor="none",
                markeredgecolor=MUTED.light,
                clip_on=False,
            )
            on_hover(ring, hover)
        (dot,) = ax.plot(
            cost, value, marker, markersize=4.5, color=POSITIVE.light, alpha=0.7, zorder=5, clip_on=False
        )
        on_hover(dot, hover)
    ax.legend(
        handles=shapes(regimens), fontsize=7.5, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
    )
    ax.set_xscale("log")
    ax.minorticks_off()
    low, high = ax.get_xlim()
    ticks = [m * 10.0**k for k in range(-1, 12) for m in (1, 3) if low <= m * 10.0**k <= high]
    ax.set_xticks(ticks, [thousands(round(tick)) for tick in ticks])
    ax.set(ylim=(-0.03, 1.03), xlabel="network-steps a seed (median)")
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.grid(axis="y")
    return ax


def causes(table: pd.DataFrame, ax: Axes) -> Axes:
    """Why networks failed: a bar per line, its parts coloured and lettered by cause, the count at its end.

    Args:
        table: `name` (the line), cause, found, n and lost (median step at which they were lost, or missing).
        ax: 0.25 inch of height a line suits.

    Examples:
        >>> from .rendering import blank
        >>> frame = pd.DataFrame([{"name": "minimum, adam", "cause": c, "found": f, "n": 4, "lost": None}
        ...                       for c, f in (("dead neuron", 3), ("same side", 1))])
        >>> _, (ax,) = blank(3, 1)
        >>> [text.get_text() for text in causes(frame, ax).texts]
        ['0', 'S', '4']
    """
    names = list(dict.fromkeys(table["name"]))
    for y, name in enumerate(names):
        left = 0.0
        rows = table[table["name"] == name].to_dict("records")
        for row in sorted(rows, key=lambda r: _order(str(r["cause"]))):
            mark = CAUSES.get(str(row["cause"]))
            share = int(row["found"]) / int(row["n"])
            (bar,) = ax.barh(
                y,
                share,
                left=left,
                height=0.74,
                color=(mark.colour if mark else OTHER).light,
                edgecolor=GROUND.light,
                linewidth=0.8,
            )
            lost = "" if pd.isna(row["lost"]) else f"; lost at step {thousands(int(row['lost']))} (median)"
            on_hover(bar, f"{name}: {row['cause']} in {row['found']} of {row['n']} failed networks{lost}")
            # Narrower parts have no room for a letter.
            if share >= 0.04:
                letter = mark.letter if mark else "·"
                ax.text(left + share / 2, y, letter, fontsize=7.5, ha="center", va="center_baseline")
            left += share
        ax.text(1.02, y, thousands(int(rows[0]["n"])), fontsize=8, color=MUTED.light, va="center_baseline")
    ax.set(
        xlim=(0, 1),
        ylim=(len(names) - 0.4, -0.6),
        xlabel="share of the networks that failed, and their number",
    )
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


def shapes(regimens: Sequence[str]) -> list[Line2D]:
    """What a legend shows of the regimens: their shapes.

    Examples:
        >>> [line.get_marker() for line in shapes(["osier", "adam"])]
        ['o', 's']
    """
    return [
        Line2D([], [], marker=marker, linestyle="", color=POSITIVE.light, markersize=4.5, label=regimen)
        for regimen, marker in zip(regimens, cycle(MARKERS), strict=False)
    ]


def _order(cause: str) -> int:
    names = list(CAUSES)
    return names.index(cause) if cause in names else len(names)
