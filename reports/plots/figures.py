"""Figures: tidy tables and an Axes in, the Axes out; a figure computes nothing beyond what it draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..wording import cell_name, labelled, number, percent, thousands
from .palette import FAINT, GROUND, INK, MUTED, NEGATIVE, PANEL, POSITIVE, VERDICTS, colour_of
from .regimenfigures import MARKERS
from .rendering import on_hover

Row = Mapping[Any, Any]


def success(table: pd.DataFrame, ax: Axes) -> Axes:
    """Success rates with exact intervals, one line per cell, grouped by task.

    Args:
        table: the study's `success` table (task, hidden, width, regimen, n, solved, value, low, high).
        ax: about 0.2 inch of height a row suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = success(pd.DataFrame([{**row, "value": 0.75, "low": 0.19, "high": 0.99}]), ax)
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['minimum', '3 (1x), adam']
    """
    regimens = list(dict.fromkeys(table["regimen"]))
    names: list[str] = []
    for task, rows in table.groupby("task", sort=False):
        names.append(str(task))
        for row in _records(rows):
            y = len(names)
            names.append(cell_name(row["hidden"], row["width"], row["regimen"]))
            marker = MARKERS[regimens.index(row["regimen"]) % len(MARKERS)]
            count = f"{thousands(row['solved'])} / {thousands(row['n'])}"
            hover = f"{task}, {names[-1]}: {count} solved, {_interval(row)}"
            _interval_line(y, row, marker, INK.light, hover, ax)
            ax.text(1.025, y, count, fontsize=8, color=MUTED.light, va="center_baseline", clip_on=False)
    _forest_axes(
        names, set(table["task"]), "share of networks that solved the task, with its 95% interval", ax
    )
    return ax


def prevalence(table: pd.DataFrame, ax: Axes) -> Axes:
    """How many solved networks hold each feature, beside untrained ones (hollow), one line per row.

    Diamonds are networks of the same function that nobody trained, where the study drew some.

    Args:
        table: rows of the study's `prevalence` table, of one task and cell.
        ax: about 0.22 inch of height a row suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"feature": "greaterness", "on": "x1, x2", "found": 3, "n": 4, "value": 0.75, "low": 0.19}
        >>> row |= {"high": 0.99, "untrained_value": 0.5, "untrained_found": 2, "untrained_n": 4}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = prevalence(pd.DataFrame([{**row, "verdict": "inconclusive"}]), ax)
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['greaterness(x1, x2)']
    """
    names = [labelled(row["feature"], row["on"]) for row in _records(table)]
    for y, row in enumerate(_records(table)):
        verdict = str(row["verdict"]) if isinstance(row["verdict"], str) else ""
        if row["n"]:
            counts = f"{row['found']} of {row['n']} solved networks, {_interval(row)}"
            hover = f"{names[y]}: {counts}; {verdict}{_worst(row)}"
            _interval_line(y, row, "o", colour_of(row["feature"]).light, hover, ax)
        if not math.isnan(row["untrained_value"]):
            (dot,) = ax.plot(
                row["untrained_value"],
                y,
                "o",
                markersize=7.5,
                markerfacecolor="none",
                markeredgecolor=MUTED.light,
                zorder=4,
                clip_on=False,
            )
            on_hover(dot, f"untrained: {row['untrained_found']} of {row['untrained_n']} networks")
        _fibre_dots(y, row, ax)
        ax.text(1.025, y, verdict, fontsize=8, color=MUTED.light, va="center_baseline", clip_on=False)
    label = "share of solved networks (filled) and of untrained ones (hollow)"
    _forest_axes(names, set(), label + _fibre_words(table), ax)
    return ax


def census(table: pd.DataFrame, ax: Axes) -> Axes:
    """How many solved networks implement their function in each way, with exact intervals, grouped by cell.

    Where verdicts are known each line has its mark, and diamonds are networks of the same function that nobody trained.

    Args:
        table: rows of the study's `census` table, of one task and level; `verdict`, `reason` and the shares of fibres
            stand beside them where `mechanisms` has them.
        ax: about 0.22 inch of height a row suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"hidden": "3", "width": "1x", "regimen": "adam", "name": "x1 - relu(x1 - x2)", "found": 3}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = census(pd.DataFrame([{**row, "n": 4, "value": 0.75, "low": 0.19, "high": 0.99}]), ax)
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['3 (1x), adam', 'x1 - relu(x1 - x2)']
    """
    names: list[str] = []
    headings: set[str] = set()
    for (hidden, width, regimen), rows in table.groupby(["hidden", "width", "regimen"], sort=False):
        names.append(cell_name(hidden, width, regimen))
        headings.add(names[-1])
        for row in _records(rows):
            y = len(names)
            names.append(str(row["name"]))
            count = f"{thousands(row['found'])} / {thousands(row['n'])}"
            # Ways that the catalogue has no name for are drawn paler and hollow.
            unnamed = names[-1].startswith(("unnamed", "no formula"))
            _interval_line(
                y, row, "s" if unnamed else "o", (MUTED if unnamed else POSITIVE).light,
                f"{names[-1]}: {count}, {_interval(row)}", ax,
            )  # fmt: skip
            _fibre_dots(y, row, ax)
            beside = 1.025 + _verdict_mark(y, row, ax)
            ax.text(beside, y, count, fontsize=8, color=MUTED.light, va="center_baseline", clip_on=False)
    label = "share of the solved networks, with its 95% interval"
    _forest_axes(names, headings, label + _fibre_words(table), ax)
    return ax


def shares(table: pd.DataFrame, ax: Axes) -> Axes:
    """The gauge coordinate of every network, one dot each, a line per cell.

    Args:
        table: `share` in [0, 1], with hidden, width and regimen; a row a network.
        ax: about 0.35 inch of height a cell suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"hidden": "6", "width": "2x", "regimen": "adam", "network": "n"}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = shares(pd.DataFrame([{**row, "share": value} for value in (0.0, 0.4)]), ax)
        >>> ax.collections[0].get_offsets()[:, 0].tolist()
        [0.0, 0.4]
    """
    names: list[str] = []
    for (hidden, width, regimen), rows in table.groupby(["hidden", "width", "regimen"], sort=False):
        y = len(names)
        names.append(cell_name(hidden, width, regimen))
        values = rows["share"].to_numpy(dtype=float)
        # The golden ratio's multiples spread dots evenly without a draw.
        jitter = ((np.arange(len(values)) * 0.6180339887) % 1.0 - 0.5) * 0.5
        ax.scatter(values, y + jitter, s=16, color=POSITIVE.light, alpha=0.55, linewidths=0, clip_on=False)
    _forest_axes(names, set(), "", ax)
    return ax


def readouts(table: pd.DataFrame, ax: Axes) -> Axes:
    """How well needed and control features are read from a layer, before training (hollow) and after (filled).

    Args:
        table: task, cell, kind ("needed" or "control"), `unexplained` and `untrained` (medians), tested, readable.
        ax: about 0.24 inch of height a row suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "cell": "6, adam", "kind": "needed", "unexplained": 1e-9, "untrained": 0.01}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = readouts(pd.DataFrame([{**row, "tested": 9, "readable": 8}]), ax)
        >>> ax.get_xscale(), [tick.get_text() for tick in ax.get_yticklabels()]
        ('log', ['minimum, 6, adam: needed'])
    """
    records = _records(table)
    names = [f"{row['task']}, {row['cell']}: {row['kind']}" for row in records]
    for y, row in enumerate(records):
        needed = row["kind"] == "needed"
        colour = (POSITIVE if needed else NEGATIVE).light
        # Rounding ends at about 1e-12; what is read exactly is drawn there.
        after, before = (max(float(row[name]), 1e-12) for name in ("unexplained", "untrained"))
        ax.plot(
            [before, after], [y, y], color=colour, linewidth=1.6, alpha=0.5, linestyle="-" if needed else "--"
        )
        (hollow,) = ax.plot(
            before,
            y,
            "o",
            markersize=6.5,
            markerfacecolor=GROUND.light,
            markeredgecolor=MUTED.light,
            zorder=4,
        )
        on_hover(hollow, f"{names[y]}, before training: {number(before)} unexplained")
        (dot,) = ax.plot(after, y, "o" if needed else "s", markersize=5.5, color=colour, zorder=5)
        on_hover(dot, f"{names[y]}, after training: {number(after)} unexplained")
        count = f"{thousands(row['readable'])} / {thousands(row['tested'])}"
        ax.text(
            1.02,
            y,
            count,
            fontsize=8,
            color=MUTED.light,
            va="center_baseline",
            transform=ax.get_yaxis_transform(),
        )
    ax.set_xscale("log")
    ax.axvline(1e-3, color=MUTED.light, linewidth=0.8, linestyle=(0, (1, 1.5)))
    ax.set(
        ylim=(len(names) - 0.4, -0.6),
        xlabel="left unexplained by a linear read-out (median); dotted: the bar",
    )
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.minorticks_off()
    ax.spines["left"].set_visible(False)
    return ax


def periodic_table(table: pd.DataFrame, ax: Axes, *, features: Sequence[str], tasks: Sequence[str]) -> Axes:
    """Features by tasks: a tile's colour and letter are its verdict, its area the share of solved networks.

    The length of the line at its foot is the share of untrained networks. A dot is a feature without a row (no
    solved network holds it), a dash a task that no network of this cell solved.

    Args:
        table: rows of the study's `prevalence` table, at most one per feature and task.
        ax: 0.3 inch a tile suits.
        features: the rows, from the top.
        tasks: the columns, from the left.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "feature": "greaterness", "on": "x1, x2", "found": 80, "n": 80}
        >>> row |= {"value": 1.0, "low": 0.95, "high": 1.0, "untrained_value": 0.1}
        >>> row |= {"verdict": "universal", "reason": ""}
        >>> _, (ax,) = blank(1, 1)
        >>> ax = periodic_table(pd.DataFrame([row]), ax, features=["greaterness"], tasks=["minimum"])
        >>> [text.get_text() for text in ax.texts]
        ['U']
    """
    known = {(row["feature"], row["task"]): row for row in _records(table)}
    solved = {row["task"] for row in _records(table) if row["n"]}
    for y, feature in enumerate(features):
        for x, task in enumerate(tasks):
            row = known.get((feature, task))
            frame = Rectangle(
                (x - 0.46, y - 0.46), 0.92, 0.92, facecolor=PANEL.light, edgecolor="none", zorder=1
            )
            ax.add_patch(frame)
            if row is None or not row["n"]:
                sign, words = ("·", "in no solved network") if task in solved else ("–", "none solved it")
                ax.text(x, y, sign, color=MUTED.light, fontsize=8, ha="center", va="center")
                on_hover(frame, f"{feature}, {task}: {words}")
                continue
            _tile(x, y, row, f"{labelled(feature, row['on'])} in {task}", ax)
    ax.set(xlim=(-0.55, len(tasks) - 0.45), ylim=(len(features) - 0.45, -0.55), aspect="equal")
    ax.set_xticks(range(len(tasks)), tasks, rotation=60, ha="left", rotation_mode="anchor", fontsize=8)
    ax.set_yticks(range(len(features)), features, fontsize=8.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def similarity_scale(ax: Axes) -> Axes:
    """The colour scale of similarities between networks as a bar: light is alike (1), dark is not (0).

    Examples:
        >>> from .rendering import blank
        >>> _, (ax,) = blank(3, 0.3)
        >>> [tick.get_text() for tick in similarity_scale(ax).get_xticklabels()]
        ['0', '0.5', '1']
    """
    ax.imshow(np.linspace(0, 1, 64)[None, :], cmap="cividis", extent=(0, 1, 0, 1), aspect="auto")
    ax.set_yticks([])
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    for side in ax.spines.values():
        side.set_visible(False)
    return ax


def _worst(row: Row) -> str:
    """The share of all networks, unsolved ones counted either way; nothing where the study did not store it."""
    low, high = (float(row.get(name, math.nan)) for name in ("worst_low", "worst_high"))
    if math.isnan(low) or low == high:
        return ""
    return f"; of all trained networks, unsolved ones counted either way, {percent(low)} to {percent(high)}"


def _fibre_dots(y: float, row: Row, ax: Axes) -> None:
    """The shares of both fibres, as hollow diamonds; none where none was drawn."""
    for which, scale in (("fibre", "the init's scale"), ("matched", "the norm that was observed")):
        value, low, high = (float(row.get(f"{which}_{of}", math.nan)) for of in ("value", "low", "high"))
        if math.isnan(value):
            continue
        (dot,) = ax.plot(
            value, y, "D", markersize=5.5, markerfacecolor="none", markeredgecolor=INK.light, zorder=6, clip_on=False
        )  # fmt: skip
        on_hover(
            dot,
            f"networks of this function that nobody trained, at {scale}: {percent(value)}, "
            f"interval {number(low)} to {number(high)}",
        )


def _fibre_words(table: pd.DataFrame) -> str:
    drawn = "fibre_value" in table and bool(table["fibre_value"].notna().any())
    return "; diamonds: untrained networks of the same function" if drawn else ""


def _verdict_mark(y: float, row: Row, ax: Axes) -> float:
    """The letter of a row's verdict on its colour, right of the axes, and how far that moves what follows."""
    verdict = row.get("verdict")
    mark = VERDICTS.get(verdict) if isinstance(verdict, str) else None
    if mark is None:
        return 0.0
    letter = ax.text(
        1.035, y, mark.letter, fontsize=8, color=INK.light, ha="center", va="center_baseline", clip_on=False,
        bbox={"boxstyle": "square,pad=0.18", "facecolor": mark.colour.light, "edgecolor": "none"},
    )  # fmt: skip
    on_hover(letter, f"{row['name']}: {verdict} ({row['reason']})")
    return 0.05


def _tile(x: float, y: float, row: Row, name: str, ax: Axes) -> None:
    """One feature in one task: the trained share as a filled square, the untrained one as a line at the foot."""
    value, untrained = float(row["value"]), float(row["untrained_value"])
    verdict = str(row["verdict"])
    mark = VERDICTS.get(verdict)
    text = f"{name}: {row['found']} of {row['n']}, {_interval(row)}; {verdict}"
    reason = row["reason"]
    text += f" ({reason})" if isinstance(reason, str) and reason else ""
    text += "" if math.isnan(untrained) else f"; untrained {percent(untrained)}"
    text += _worst(row)
    side = 0.92 * math.sqrt(value)
    square = Rectangle(
        (x - side / 2, y - side / 2),
        side,
        side,
        facecolor=mark.colour.light if mark else PANEL.light,
        # The edge of a square as small as its letter would strike it through.
        edgecolor=MUTED.light if side > 0.45 else FAINT.light,
        linewidth=0.6,
        linestyle=(0, (2, 1.4)) if verdict == "inconclusive" and side > 0.45 else "-",
        zorder=2,
    )
    ax.add_patch(square)
    on_hover(square, text)
    if untrained > 0:
        ends = [x - 0.46, x - 0.46 + 0.92 * untrained]
        ax.plot(ends, [y + 0.42] * 2, color=INK.light, linewidth=2, solid_capstyle="butt", zorder=3)
    letter = ax.text(
        x,
        y,
        mark.letter if mark else verdict[:1].upper(),
        fontsize=8.5,
        ha="center",
        va="center_baseline",
        zorder=4,
        color=INK.light if value > 0 else MUTED.light,
    )
    on_hover(letter, text)


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """The rows as dictionaries."""
    return table.to_dict("records")


def _interval(row: Row) -> str:
    low, high = float(row["low"]), float(row["high"])
    return f"interval {number(low)} to {number(high)}"


def _interval_line(y: float, row: Row, marker: str, colour: str, hover: str, ax: Axes) -> None:
    low, high, value = (float(row[name]) for name in ("low", "high", "value"))
    (line,) = ax.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt", alpha=0.55)
    on_hover(line, hover)
    (dot,) = ax.plot(
        value,
        y,
        marker,
        color=colour,
        markersize=5.5,
        markeredgecolor=GROUND.light,
        markeredgewidth=0.6,
        zorder=5,
        clip_on=False,
    )
    on_hover(dot, hover)


def _forest_axes(names: Sequence[str], headings: set[str], label: str, ax: Axes) -> None:
    """What both interval plots share: names at the left, shares from 0 to 1 below."""
    ax.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel=label)
    ax.set_yticks(range(len(names)), names)
    for tick in ax.get_yticklabels():
        if tick.get_text() in headings:
            tick.set(fontweight="bold", fontsize=9.5)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
