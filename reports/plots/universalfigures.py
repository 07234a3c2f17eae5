"""Universality figures: how alike networks are, where the ladder stops, transplants, and when features appear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Rectangle

from ..wording import labelled, number, percent, thousands
from .clusters import Clustered
from .palette import FAINT, INK, MUTED, PANEL, RUNG_MARKS, colour_of, family_of
from .rendering import on_hover

Row = Mapping[Any, Any]
#: Light is alike, dark is not, even in grey and for colour-blind readers (Nuñez et al. 2018).
_MAP = "cividis"
#: A tile of a smaller share is smaller than its number.
_SMALL = 0.15
#: Colours whose channels, of 0 to 1, differ by less look alike in a small patch: the palette's greys do.
_ALIKE = 0.1
#: Features of one family share its colour; these tell them apart, and all of them in grey.
_STYLES: Any = (
    "-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (2.5, 1)), (0, (4, 1.2, 1, 1.2, 1, 1.2)),
)  # fmt: skip


def cluster_map(found: Clustered, letters: Mapping[str, str], ax: Axes) -> Axes:
    """A clustered heat map: networks by networks, its dendrogram above, the letter of each run of a group at the left.

    Args:
        found: the matrix in the order of its clustering.
        letters: group -> the letter that stands for it.
        ax: square axes, which lose their frame and scales.

    Examples:
        >>> from .clusters import clustered
        >>> from .rendering import blank
        >>> frame = pd.DataFrame({"network_a": [*"aab"], "network_b": [*"bcc"], "value": [0.9, 0.1, 0.2]})
        >>> found = clustered(frame, {"a": "minimum", "b": "minimum", "c": "addition"})
        >>> _, (ax,) = blank(2, 2)
        >>> [text.get_text() for text in cluster_map(found, {"minimum": "M", "addition": "A"}, ax).texts]
        ['A', 'M']
    """
    n = len(found.groups)
    _image(found.matrix, 0.0, 0.0, n, ax)
    height = 0.16 * n
    if found.forks:
        lines = [
            [(x + 0.5, -0.03 * n - height * y) for x, y in zip(xs, ys, strict=True)] for xs, ys in found.forks
        ]
        ax.add_collection(LineCollection(lines, colors=MUTED.light, linewidths=0.6))
    for start, end, group in _runs(found.groups):
        ax.plot([-0.03 * n] * 2, [start + 0.1, end - 0.1], color=INK.light, linewidth=1.1)
        ax.text(-0.06 * n, (start + end) / 2, letters[group], fontsize=7, ha="right", va="center")
    ax.set(xlim=(-0.16 * n, n), ylim=(n, -0.05 * n - height), aspect="equal")
    return _bare(ax)


def similarity_grid(
    matrices: Sequence[Sequence[pd.DataFrame | None]],
    ax: Axes,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    notes: Sequence[Sequence[str]],
) -> Axes:
    """Heat maps in rows and columns, all in one axes, with a note under each; None is drawn as an empty square.

    Args:
        matrices: square, values in [0, 1], missing pairs blank.
        ax: 1.4 inch a map suits.
        rows, columns: what stands at the left and above.
        notes: under each map, a line or two.

    Examples:
        >>> from .rendering import blank
        >>> matrix = pd.DataFrame([[float("nan"), 0.5], [0.5, float("nan")]])
        >>> _, (ax,) = blank(3, 2)
        >>> ax = similarity_grid([[matrix, None]], ax, rows=["cka"], columns=["3", "6"], notes=[["a", "none"]])
        >>> len(ax.images), [text.get_text() for text in ax.texts]
        (1, ['3', '6', 'cka', 'a', 'none'])
    """
    across, down = 1.14, 1.3
    for x, name in enumerate(columns):
        ax.text(x * across + 0.5, -0.05, name, fontsize=7.5, fontweight="bold", ha="center", va="bottom")
    for y, name in enumerate(rows):
        ax.text(-0.05, y * down + 0.5, name, fontsize=7.5, rotation=90, ha="right", va="center")
        for x, matrix in enumerate(matrices[y]):
            left, top = x * across, y * down
            if matrix is None:
                frame = Rectangle((left, top), 1, 1, facecolor=PANEL.light, edgecolor=FAINT.light)
                ax.add_patch(frame)
            else:
                _image(matrix, left, top, 1.0, ax)
            ax.text(left + 0.5, top + 1.03, notes[y][x], fontsize=6.8, ha="center", va="top")
    right, bottom = len(columns) * across, len(rows) * down
    ax.set(xlim=(-0.2, right), ylim=(bottom, -0.2), aspect="equal")
    return _bare(ax)


def ladder(table: pd.DataFrame, ax: Axes, *, rungs: Sequence[str]) -> Axes:
    """Where the ladder stops: a line per pair of conditions, a tile per rung, coloured and lettered by its verdict.

    A bar stands before the first rung that is not the same; the tiles behind it are pale. A small letter marks what
    follows from a lower rung.

    Args:
        table: rows of the study's `ladder` table with a column `pair`, the name of the line.
        ax: 0.26 inch of height a line suits.
        rungs: the columns, from the left.

    Examples:
        >>> from .rendering import blank
        >>> row = {"pair": "seeds of minimum", "value": 1.0, "low": 0.7, "high": 1.0, "n": 10, "reason": ""}
        >>> frame = pd.DataFrame([{**row, "rung": "function", "verdict": "same", "stops": False},
        ...                       {**row, "rung": "subspace", "verdict": "vacuous", "stops": True}])
        >>> _, (ax,) = blank(3, 1)
        >>> [text.get_text() for text in ladder(frame, ax, rungs=["function", "subspace"]).texts]
        ['S', 'V']
    """
    names = list(dict.fromkeys(table["pair"]))
    place = {name: y for y, name in enumerate(names)}
    reached = dict.fromkeys(names, False)
    records = sorted(table.to_dict("records"), key=lambda row: rungs.index(row["rung"]))
    for row in records:
        x, y, name = rungs.index(row["rung"]), place[row["pair"]], row["pair"]
        mark = RUNG_MARKS[row["verdict"]]
        if bool(row["stops"]):
            reached[name] = True
            ax.plot([x - 0.5] * 2, [y - 0.45, y + 0.45], color=INK.light, linewidth=2.6, zorder=4)
        behind = reached[name] and not bool(row["stops"])
        tile = Rectangle(
            (x - 0.46, y - 0.42),
            0.92,
            0.84,
            facecolor=mark.colour.light,
            edgecolor=MUTED.light,
            linewidth=0.5,
            alpha=0.45 if behind else 1.0,
        )
        ax.add_patch(tile)
        text = f"{name}, {row['rung']}: {row['verdict']}; {row['reason']}"
        on_hover(tile, text)
        shown = mark.letter.lower() if row.get("follows") or "" else mark.letter
        letter = ax.text(x, y, shown, fontsize=8, ha="center", va="center_baseline")
        on_hover(letter, text)
    ax.set(xlim=(-0.6, len(rungs) - 0.4), ylim=(len(names) - 0.45, -0.55))
    ax.set_xticks(range(len(rungs)), rungs, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    _no_frame(ax)
    return ax


def transplants(table: pd.DataFrame, ax: Axes, *, tasks: Sequence[str]) -> Axes:
    """One feature put from the networks of one task (rows) into those of another (columns).

    A tile's area and upper number are the share of the recipient's output that the foreign feature restores, the
    lower, smaller number is what a decoy in its place restores. A dot: one side does not hold the feature.

    Args:
        table: one row per pair of tasks: feature, task_a, task_b, accuracy, decoy, done, pairs, reason.
        ax: 0.45 inch a tile suits.
        tasks: rows and columns.

    Examples:
        >>> from .rendering import blank
        >>> row = {"feature": "positiveness", "task_a": "a", "task_b": "b", "accuracy": 1.0, "decoy": 0.2, "done": 1}
        >>> table = pd.DataFrame([{**row, "pairs": 1, "reason": ""}])
        >>> _, (ax,) = blank(1, 1)
        >>> [text.get_text() for text in transplants(table, ax, tasks=["a", "b"]).texts]
        ['·', '1.00', '0.20', '·', '·']
    """
    known = {(row["task_a"], row["task_b"]): row for row in table.to_dict("records")}
    for y, donor in enumerate(tasks):
        for x, recipient in enumerate(tasks):
            row = known.get((donor, recipient))
            frame = _square(x, y, 1.0, facecolor=PANEL.light, edgecolor="none")
            ax.add_patch(frame)
            if row is None or math.isnan(float(row["accuracy"])):
                ax.text(x, y, "·", color=MUTED.light, fontsize=8, ha="center", va="center")
                on_hover(frame, f"{donor} into {recipient}: {'not tried' if row is None else row['reason']}")
                continue
            value, decoy = float(row["accuracy"]), float(row["decoy"])
            tile = _square(
                x, y, value, facecolor=colour_of(row["feature"]).light, edgecolor="none", alpha=0.5
            )
            ax.add_patch(tile)
            text = (
                f"{donor} into {recipient}: restores {number(value)} of the output, a decoy {number(decoy)} "
                f"(medians of {thousands(int(row['done']))} of {thousands(int(row['pairs']))} pairs)"
            )
            on_hover(tile, text)
            ax.text(x, y - 0.16, f"{value:.2f}".replace("-", "−"), fontsize=7.5, ha="center", va="center")
            ax.text(x, y + 0.25, f"{decoy:.2f}".replace("-", "−"), fontsize=6.8, ha="center", va="center")
    ax.set(xlim=(-0.55, len(tasks) - 0.45), ylim=(len(tasks) - 0.45, -0.55), aspect="equal")
    ax.set_xticks(range(len(tasks)), tasks, rotation=60, ha="left", rotation_mode="anchor", fontsize=7.5)
    ax.set_yticks(range(len(tasks)), tasks, fontsize=7.5)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    _no_frame(ax)
    return ax


def emergence(table: pd.DataFrame, ax: Axes) -> Axes:
    """The share of the seeds that hold each feature, step by step, with exact intervals.

    Step 0, before training, is drawn at the left end of the logarithmic scale.

    Args:
        table: rows of the study's `emergence_curves` table, of one task and condition.
        ax: 1.8 by 1.5 inch suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"feature": "greaterness", "on": "x1, x2", "low": 0.1, "high": 0.9}
        >>> frame = pd.DataFrame([{**row, "step": s, "value": v} for s, v in ((0, 0.0), (10, 0.5), (100, 1.0))])
        >>> _, (ax,) = blank(2, 2)
        >>> emergence(frame, ax).lines[0].get_ydata().tolist()
        [0.0, 0.5, 1.0]
    """
    for k, ((feature, on), rows) in enumerate(table.groupby(["feature", "on"], sort=False)):
        part = rows.sort_values("step")
        colour = colour_of(feature)
        style = _STYLES[k % len(_STYLES)]
        steps = part["step"].to_numpy(dtype=float)
        band = ax.fill_between(
            steps,
            part["low"].astype(float),
            part["high"].astype(float),
            color=colour.light,
            alpha=0.16,
            linewidth=0,
        )
        name = labelled(feature, on)
        on_hover(band, f"{name}: exact 95% intervals")
        (line,) = ax.plot(
            steps,
            part["value"].to_numpy(dtype=float),
            color=colour.light,
            linestyle=style,
            label=name,
            linewidth=1.7,
        )
        on_hover(
            line,
            f"{name}: from {percent(float(part['value'].iloc[0]))} to {percent(float(part['value'].iloc[-1]))}",
        )
    positive = table["step"][table["step"] > 0]
    first = float(positive.min()) if len(positive) else 1.0
    ax.set_xscale("symlog", linthresh=first, linscale=0.4)
    last = max(float(table["step"].max()), 2 * first)
    ticks = [0.0, *(10.0**k for k in range(math.ceil(math.log10(first)), math.floor(math.log10(last)) + 1))]
    ax.set_xticks(ticks, [f"{t:.0f}" if t < 1000 else f"{t / 1000:.0f}k" for t in ticks])
    ax.minorticks_off()
    ax.set(xlim=(0, last), ylim=(-0.03, 1.03))
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.grid(axis="y")
    return ax


def circuit_tiles(table: pd.DataFrame, ax: Axes, *, circuits: Sequence[str], tasks: Sequence[str]) -> Axes:
    """Circuits by tasks: a tile's area, and its number, is the share of solved networks in which the circuit was found.

    A legend at the right names the families that the colours stand for.

    Args:
        table: task, circuit, found, n, value, low, high; at most one row per circuit and task.
        ax: 0.34 inch a tile suits.
        circuits: the rows, from the top.
        tasks: the columns, from the left.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "circuit": "minimum", "found": 3, "n": 4, "value": 0.75, "low": 0.2, "high": 1.0}
        >>> _, (ax,) = blank(1, 1)
        >>> ax = circuit_tiles(pd.DataFrame([row]), ax, circuits=["minimum"], tasks=["minimum", "addition"])
        >>> [text.get_text() for text in ax.texts]
        ['75', '·']
        >>> rows = ["identity", "minimum", "minimum-of-4"]
        >>> ax = circuit_tiles(pd.DataFrame([row]), ax, circuits=rows, tasks=["minimum"])
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['linear, other', 'order']
    """
    known = {(row["circuit"], row["task"]): row for row in table.to_dict("records")}
    for y, circuit in enumerate(circuits):
        for x, task in enumerate(tasks):
            frame = _square(x, y, 1.0, facecolor=PANEL.light, edgecolor="none")
            ax.add_patch(frame)
            row = known.get((circuit, task))
            if row is None:
                ax.text(x, y, "·", color=MUTED.light, fontsize=8, ha="center", va="center")
                on_hover(frame, f"{circuit}, {task}: in no solved network")
                continue
            share = float(row["value"])
            square = _square(x, y, share, facecolor=colour_of(circuit).light, edgecolor="none", alpha=0.55)
            ax.add_patch(square)
            text = (
                f"{circuit} in {task}: {thousands(int(row['found']))} of {thousands(int(row['n']))} solved networks, "
                f"interval {number(float(row['low']))} to {number(float(row['high']))}"
            )
            on_hover(square, text)
            written = percent(share).rstrip("%")
            # A square as small as its number would strike it through: the number then stands below.
            below = 0.28 if share < _SMALL else 0.0
            on_hover(
                ax.text(x, y + below, written, fontsize=7, ha="center", va="center_baseline", zorder=3), text
            )
    ax.set(xlim=(-0.55, len(tasks) - 0.45), ylim=(len(circuits) - 0.45, -0.55), aspect="equal")
    ax.set_xticks(range(len(tasks)), tasks, rotation=60, ha="left", rotation_mode="anchor", fontsize=8)
    ax.set_yticks(range(len(circuits)), circuits, fontsize=8.5)
    # Greys that no eye tells apart share a line of the legend.
    families: dict[str, list[str]] = {}
    for circuit in circuits:
        colour = colour_of(circuit).light
        names = families.setdefault(
            next((known for known in families if _look_alike(known, colour)), colour), []
        )
        if family_of(circuit) not in names:
            names.append(family_of(circuit))
    ax.legend(
        handles=[Patch(color=light, alpha=0.55, label=", ".join(names)) for light, names in families.items()],
        title="family", fontsize=8, title_fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False,
    )  # fmt: skip
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    _no_frame(ax)
    return ax


def _look_alike(one: str, other: str) -> bool:
    return max(abs(a - b) for a, b in zip(to_rgb(one), to_rgb(other), strict=True)) < _ALIKE


def _square(x: float, y: float, share: float, **look: Any) -> Rectangle:
    """A square about a place whose area is the share of a whole tile; none of it below 0."""
    side = 0.92 * math.sqrt(min(max(share, 0.0), 1.0))
    return Rectangle((x - side / 2, y - side / 2), side, side, **look)


def _image(matrix: pd.DataFrame, left: float, top: float, side: float, ax: Axes) -> None:
    values = np.ma.masked_invalid(matrix.to_numpy(dtype=float, copy=True))
    # Unbiased CKA may fall a little below 0 where nothing is shared; the scale ends there.
    ax.imshow(
        values,
        cmap=_MAP,
        vmin=0.0,
        vmax=1.0,
        interpolation="none",
        extent=(left, left + side, top + side, top),
    )


def _runs(groups: Sequence[str]) -> list[tuple[int, int, str]]:
    """Neighbours of one group: (start, end, group)."""
    runs: list[tuple[int, int, str]] = []
    for k, group in enumerate(groups):
        if runs and runs[-1][2] == group:
            runs[-1] = (runs[-1][0], k + 1, group)
        else:
            runs.append((k, k + 1, group))
    return runs


def _bare(ax: Axes) -> Axes:
    ax.set_xticks([])
    ax.set_yticks([])
    _no_frame(ax)
    return ax


def _no_frame(ax: Axes) -> None:
    for side in ax.spines.values():
        side.set_visible(False)
