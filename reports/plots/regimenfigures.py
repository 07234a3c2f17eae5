"""Regimen figures: success against width and cost, the width that is reached, and why networks failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from ..studies.config import width_order
from ..wording import cell_name, number, percent, thousands
from .palette import CAUSES, FORMS, GROUND, INK, MUTED, OTHER
from .rendering import on_hover

#: Regimen -> colour, as for forms: both are told apart by shape too.
REGIMEN_COLOURS = FORMS
#: Points whose shares, or logarithms of cost, differ by less would have labels that overprint each other.
_NEAR = 0.06
#: Losses below this are rounding: double precision's, of sums of a few dozen terms.
_FLOOR = 1e-16
#: Losses above are drawn there: those of networks that diverge, which would leave the others no room.
_CEILING = 1e6
#: Regimen -> marker: shapes, so that the figure reads in grey. Further regimens go through the list again.
MARKERS = "osD^vP*X"


def success_by_width(table: pd.DataFrame, ax: Axes, *, regimens: Sequence[str]) -> Axes:
    """The share of seeds that solved one task, by width: a shape and colour per regimen, with intervals.

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
        colour = REGIMEN_COLOURS[k % len(REGIMEN_COLOURS)].light
        for row in part.to_dict("records"):
            x = widths.index(row["width"]) + shift
            count = f"{thousands(row['solved'])} of {thousands(row['n'])}"
            hover = f"{cell_name(row['hidden'], row['width'], regimen)}: {count} solved"
            (bar,) = ax.plot([x, x], [row["low"], row["high"]], color=colour, linewidth=1.8, alpha=0.45)
            on_hover(bar, f"{hover}, interval {number(row['low'])} to {number(row['high'])}")
            (dot,) = ax.plot(
                x,
                row["value"],
                MARKERS[k % len(MARKERS)],
                color=colour,
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
    """Success against cost: a point per regimen and width with its interval, the widths of a regimen joined.

    Args:
        table: regimen, width, solved, n, value, low, high and cost, in network-steps a seed.
        ax: 5 by 3 inch suits.
        regimens: all regimens, in the order of their shapes and colours.

    Examples:
        >>> from .rendering import blank
        >>> row = {"regimen": "adam", "width": "2x", "solved": 3, "n": 4, "value": 0.75, "low": 0.2, "high": 0.99}
        >>> _, (ax,) = blank(2, 2)
        >>> ax = success_by_cost(pd.DataFrame([{**row, "cost": 3000.0}]), ax, regimens=["adam"])
        >>> ax.get_xscale(), [text.get_text() for text in ax.texts]
        ('log', ['2x'])
    """
    for k, regimen in enumerate(regimens):
        part = table[table["regimen"] == regimen]
        if part.empty:
            continue
        colour, marker = REGIMEN_COLOURS[k % len(REGIMEN_COLOURS)], MARKERS[k % len(MARKERS)]
        # Regimens of one cost would lie on one line: each is set apart from it by a little.
        apart = 1.0 + 0.05 * (k - (len(regimens) - 1) / 2)
        costs = part["cost"].astype(float) * apart
        ax.plot(costs, part["value"], color=colour.light, linewidth=1, alpha=0.5, zorder=2)
        written: list[tuple[float, float]] = []
        for row, cost in zip(part.to_dict("records"), costs, strict=True):
            ax.plot(
                [cost, cost],
                [row["low"], row["high"]],
                color=colour.light,
                linewidth=2.4,
                alpha=0.4,
                zorder=3,
            )
            (dot,) = ax.plot(
                cost, row["value"], marker, markersize=5.5, color=colour.light, zorder=5, clip_on=False
            )
            share = f"{percent(float(row['value']))} of {thousands(int(row['n']))} seeds solved"
            on_hover(dot, f"{regimen}, {row['width']}: {share}, {number(float(row['cost']))} network-steps")
            if any(abs(math.log(cost / c)) < _NEAR and abs(row["value"] - v) < _NEAR for c, v in written):
                # Points of one regimen that lie together share a label, which the first has.
                continue
            together = [
                (place, other["width"])
                for other, place in zip(part.to_dict("records"), costs, strict=True)
                if abs(math.log(other["cost"] / row["cost"])) < _NEAR
                and abs(other["value"] - row["value"]) < _NEAR
            ]
            written.append((cost, float(row["value"])))
            # Labels stand at the side where no later regimen's point is.
            later = table[table["regimen"].map(list(regimens).index) > k]
            beside = later[(later["cost"] / row["cost"]).between(0.9, 1.3)]
            left = len(beside) > 0
            # One label of several points stands beyond the last of them.
            places = [float(place) for place, _ in together]
            end = min(places) if left else max(places)
            ax.annotate(
                ", ".join(str(width) for _, width in together), (end, row["value"]), xytext=(-7 if left else 7, 0),
                textcoords="offset points", fontsize=8, color=INK.light, ha="right" if left else "left",
                va="center_baseline",
            )  # fmt: skip
    ax.legend(
        handles=shapes(regimens), fontsize=8, loc="center left", bbox_to_anchor=(1.03, 0.5), frameon=False
    )
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.margins(x=0.12)
    low, high = ax.get_xlim()
    ticks = [m * 10.0**k for k in range(-1, 12) for m in (1, 3) if low <= m * 10.0**k <= high]
    ax.set_xticks(ticks, [thousands(round(tick)) for tick in ticks])
    ax.set(ylim=(-0.03, 1.03), xlabel="network-steps a seed (median)", ylabel="share of the seeds")
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.grid(axis="y")
    return ax


def losses(table: pd.DataFrame, ax: Axes, *, regimens: Sequence[str]) -> Axes:
    """The loss over training of one task, a colour per regimen: the median and the band of the middle half.

    Args:
        table: regimen, step, low, value, high.
        ax: 2 by 1.6 inch suits.
        regimens: all regimens, in the order of their colours.

    Examples:
        >>> from .rendering import blank
        >>> rows = [{"regimen": "adam", "step": s, "low": v, "value": v, "high": v} for s, v in ((0, 1.0), (9, 1e-9))]
        >>> _, (ax,) = blank(2, 2)
        >>> ax = losses(pd.DataFrame(rows), ax, regimens=["adam"])
        >>> ax.get_xscale(), ax.get_yscale(), len(ax.lines)
        ('symlog', 'log', 1)
    """
    for k, regimen in enumerate(regimens):
        part = table[table["regimen"] == regimen].sort_values("step")
        if part.empty:
            continue
        colour = REGIMEN_COLOURS[k % len(REGIMEN_COLOURS)]
        low, value, high = (part[name].clip(_FLOOR, _CEILING) for name in ("low", "value", "high"))
        ax.fill_between(part["step"], low, high, color=colour.light, alpha=0.15, linewidth=0)
        (line,) = ax.plot(part["step"], value, color=colour.light, linewidth=1.6)
        on_hover(line, f"{regimen}: from {number(float(value.iloc[0]))} to {number(float(value.iloc[-1]))}")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_yscale("log")
    last = max(float(table["step"].max()), 10.0)
    decades = range(math.floor(math.log10(last)) + 1)
    # Every second decade has a label, which then do not collide.
    shown = [0.0, *(10.0**k for k in decades if k % 2)]
    ax.set_xticks(shown, [f"{t:.0f}" if t < 1000 else f"{t / 1000:.0f}k" for t in shown])
    ax.minorticks_off()
    ax.set_xlim(0, last)
    ax.yaxis.set_major_locator(LogLocator(base=10, numticks=4))
    ax.tick_params(labelsize=7.5)
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
        Line2D([], [], marker=marker, linestyle="", color=colour.light, markersize=4.5, label=regimen)
        for regimen, marker, colour in zip(regimens, cycle(MARKERS), cycle(REGIMEN_COLOURS), strict=False)
    ]


def _order(cause: str) -> int:
    names = list(CAUSES)
    return names.index(cause) if cause in names else len(names)
