"""Learning figures: losses over training, formulas against their certified error, features against neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..wording import at_most, number, percent, thousands
from .palette import FAINT, FORMS, GROUND, INK, NEGATIVE, POSITIVE, colour_of
from .rendering import on_hover

#: Shapes tell tasks apart, so that the figure reads in grey; further tasks go through the list again.
_MARKERS = "osD^vP*X"
#: Losses and certified errors below this are rounding: double precision's, of sums of a few dozen terms.
_FLOOR = 1e-16
#: A tile of a smaller share has no room for its number.
_WRITTEN = 0.2


def training(table: pd.DataFrame, ax: Axes, *, threshold: float | None = None) -> Axes:
    """The loss of every network over training: solid where it solved its task, dashed where it did not.

    Args:
        table: seed, step, loss, solved; a row per network and logged step.
        ax: 3.4 by 2.4 inch suits.
        threshold: the loss below which the task counts as solved, drawn dotted.

    Examples:
        >>> from .rendering import blank
        >>> frame = pd.DataFrame({"seed": [0, 0, 1, 1], "step": [1, 100] * 2, "loss": [1, 1e-9, 1, 0.1],
        ...                       "solved": [True, True, False, False]})
        >>> _, (ax,) = blank(3, 2)
        >>> ax = training(frame, ax, threshold=1e-8)
        >>> ax.get_xscale(), ax.get_yscale(), len(ax.lines)
        ('log', 'log', 3)
    """
    for seed, rows in table.groupby("seed", sort=False):
        solved = bool(rows["solved"].iloc[0])
        colour = POSITIVE if solved else NEGATIVE
        # Step 0 has no place on a log scale: it is drawn half a step before the first.
        (line,) = ax.plot(
            np.maximum(rows["step"].to_numpy(dtype=float), 0.5),
            np.maximum(rows["loss"].to_numpy(dtype=float), _FLOOR),
            color=colour.light,
            linewidth=0.9,
            alpha=0.7,
            linestyle="-" if solved else (0, (4, 1.6)),
            zorder=2 if solved else 3,
        )
        on_hover(
            line, f"seed {seed}: {'solved' if solved else 'not solved'}, loss {number(rows['loss'].iloc[-1])}"
        )
    if threshold is not None:
        ax.axhline(threshold, color=INK.light, linewidth=0.8, linestyle=(0, (1, 1.5)))
    ax.set(xscale="log", yscale="log", xlabel="step", ylabel="loss")
    ax.minorticks_off()
    ax.grid(axis="y")
    return ax


def complexity(
    table: pd.DataFrame, ax: Axes, *, tasks: Sequence[str], tolerance: float | None = None
) -> Axes:
    """How long each network's formula is, against how far it can be off: filled where it is a formula, hollow where
    nothing shorter than the weights was near enough.

    Networks of equally long formulas whose errors differ by less than a tenth of a decade share a dot.

    Args:
        table: rows of the study's `programs` table: task, network, bits, error, formula.
        ax: 4 by 3 inch suits.
        tasks: in the order of their shapes.
        tolerance: the error that a formula may have, drawn dotted.

    Examples:
        >>> from .rendering import blank
        >>> row = {"task": "minimum", "network": "n", "bits": 15.6, "error": 1e-7, "formula": "min(x1, x2)"}
        >>> _, (ax,) = blank(3, 2)
        >>> ax = complexity(pd.DataFrame([row]), ax, tasks=["minimum"], tolerance=0.005)
        >>> ax.get_yscale(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('log', ['minimum'])
    """
    tenth = (10 * np.log10(np.maximum(table["error"].astype(float), _FLOOR))).round()
    keys = [table["task"], table["formula"].notna(), table["bits"].astype(float).round(1), tenth]
    for _, together in table.groupby(keys, sort=False):
        row = together.iloc[0]
        k = list(tasks).index(row["task"])
        marker, colour = _MARKERS[k % len(_MARKERS)], FORMS[k % len(FORMS)].light
        named = isinstance(row["formula"], str)
        (dot,) = ax.plot(
            row["bits"],
            max(float(row["error"]), _FLOOR),
            marker,
            markersize=5,
            color=colour,
            markerfacecolor=colour if named else "none",
            markeredgecolor=GROUND.light if named else colour,
            markeredgewidth=0.5 if named else 1.0,
            alpha=0.8,
            zorder=3 if named else 2,
        )
        others = f" and {thousands(len(together) - 1)} like it" if len(together) > 1 else ""
        error = at_most(float(together["error"].max()))
        on_hover(dot, f"{row['network']}{others}: {row['bits']:.0f} bits, off by at most {error}")
    for k, task in enumerate(tasks):
        colour = FORMS[k % len(FORMS)].light
        ax.plot([], [], _MARKERS[k % len(_MARKERS)], markersize=5, color=colour, label=task)
    if tolerance is not None:
        ax.axhline(tolerance, color=INK.light, linewidth=0.8, linestyle=(0, (1, 1.5)))
    ax.set(yscale="log", xlabel="bits of the formula", ylabel="off by at most (certified)")
    if len(table) and table["bits"].max() > 20 * table["bits"].min():
        ax.set_xscale("log")
    ax.minorticks_off()
    ax.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return ax


def feature_matrix(table: pd.DataFrame, ax: Axes) -> Axes:
    """Features by neurons: a tile's area is the share of the neuron's variance that the feature explains.

    The best feature of each neuron has a frame.

    Args:
        table: feature, on, label (what the row is called), neuron (what the column is called), explained in [0, 1].
        ax: 0.36 inch a tile suits.

    Examples:
        >>> from .rendering import blank
        >>> frame = pd.DataFrame([{"feature": "positiveness", "label": "positiveness(x1)", "neuron": f"v{k}",
        ...                        "explained": e} for k, e in ((0, 1.0), (1, 0.25))])
        >>> _, (ax,) = blank(2, 1)
        >>> [text.get_text() for text in feature_matrix(frame, ax).texts]
        ['100%', '25%']
    """
    rows, columns = (list(dict.fromkeys(table[name])) for name in ("label", "neuron"))
    best = table.loc[table.groupby("neuron", sort=False)["explained"].idxmax()]
    framed = set(zip(best["label"], best["neuron"], strict=True))
    for row in table.to_dict("records"):
        x, y, share = columns.index(row["neuron"]), rows.index(row["label"]), float(row["explained"])
        side = 0.92 * share**0.5
        ax.add_patch(
            Rectangle(
                (x - 0.46, y - 0.46), 0.92, 0.92, facecolor="none", edgecolor=FAINT.light, linewidth=0.5
            )
        )
        chosen = (row["label"], row["neuron"]) in framed
        tile = Rectangle(
            (x - side / 2, y - side / 2), side, side,
            facecolor=colour_of(row["feature"]).light, alpha=0.9 if chosen else 0.45,
            edgecolor=INK.light if chosen else "none", linewidth=1.0,
        )  # fmt: skip
        ax.add_patch(tile)
        on_hover(tile, f"{row['label']} explains {percent(share)} of {row['neuron']}")
        if share >= _WRITTEN:
            text = percent(round(share, 2))
            weight = "bold" if chosen else "normal"
            ax.text(x, y, text, fontsize=6.8, fontweight=weight, ha="center", va="center_baseline")
    ax.set(xlim=(-0.55, len(columns) - 0.45), ylim=(len(rows) - 0.45, -0.55), aspect="equal")
    ax.set_xticks(range(len(columns)), columns, fontsize=8)
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, pad=2)
    for side_line in ax.spines.values():
        side_line.set_visible(False)
    return ax
