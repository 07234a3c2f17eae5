"""Charts: false discoveries, calibration and power, from a benchmark's table; nothing is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from ...plots.palette import FAINT, FAMILIES, INK, MUTED, NEGATIVE, POSITIVE
from ...plots.rendering import STYLE, blank
from .discoveries import PART as NULLS
from .recovery import PART as PLANTED_PART
from .recovery import PLANTED, WIDTH

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: One colour, mark and line per number of inputs.
_COLOURS = [FAMILIES[name].light for name in ("sign", "order", "sum", "magnitude", "threshold", "smooth")]
_MARKS = "osD^vP"
_LINES: Any = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.2, 1.5, 1.2)), (0, (3, 3)), (0, (1, 3)))
#: Neurons below a level from which their share is drawn: of fewer the exact interval spans more than a factor of four.
_ENOUGH = 10
#: Curves of power that differ by no more than this are drawn as one.
_ALIKE = 0.01


def detection_figure(table: pd.DataFrame) -> Figure:
    """Four panels: the false discovery rate of every null cell beside the naive rule's, the quantile plot of p, and
    power against noise without and with biases, the power that the null allows dotted.

    Args:
        table: a detection benchmark's `table`.
    """
    figure, axes = blank(10.0, 7.6, rows=2, columns=2)
    with mpl.rc_context(STYLE):
        discovery_axes(table, axes[0])
        calibration_axes(table, axes[1])
        power_axes(table, axes[2], bias=False)
        power_axes(table, axes[3], bias=True)
    return figure


def discovery_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """The false discovery rate of every cell with its interval, lowest first, and the naive rule's as crosses."""
    rows = table[(table["part"] == NULLS) & (table["measure"] == "false discovery rate")]
    rows = rows.sort_values("value", ignore_index=True)
    untrained = rows["population"] == "untrained"
    for chosen, colour, label in (
        (untrained, POSITIVE, "untrained"),
        (~untrained, NEGATIVE, "trained, rotated or permuted"),
    ):
        part = rows[chosen]
        if len(part):
            error = [part["value"] - part["low"], part["high"] - part["value"]]
            ax.errorbar(
                part.index, part["value"], error, fmt="o", ms=3, lw=0.8, color=colour.light, label=label
            )
    naive = table[(table["part"] == NULLS) & (table["measure"] == "naive rule: networks")]
    keys = ["population", "inputs", "bias", "layers", "width", "law"]
    merged = rows.merge(naive[[*keys, "value"]], on=keys, how="left", suffixes=("", "_naive"))
    ax.plot(merged.index, merged["value_naive"], "x", ms=4, color=MUTED.light, label="naive rule, r > 0.9")
    ax.axhline(0.05, color=INK.light, lw=0.8, ls="--")
    ax.axhline(0.06, color=FAINT.light, lw=0.8)
    ax.set(
        ylim=(0, 1.05),
        xlabel="cells, from the lowest rate",
        xticks=[],
        ylabel="networks with a false discovery",
    )
    ax.set_yscale("symlog", linthresh=0.06, linscale=2)
    ax.set_yticks([0, 0.02, 0.05, 0.1, 0.5, 1], ["0", "0.02", "0.05", "0.1", "0.5", "1"])
    ax.legend(loc="upper left", frameon=False)
    ax.set_title("Networks that hold nothing")
    return ax


def calibration_axes(table: pd.DataFrame, ax: Axes) -> Axes:
    """How often p falls below a level, against the level; below the diagonal the procedure is cautious.

    Left out are levels that fewer than 10 neurons fall below.
    """
    rows = table[(table["part"] == NULLS) & (table["measure"] == "share of p below level")]
    rows = rows[rows["population"] == "untrained"]
    for _, cell in rows.groupby(["inputs", "bias", "layers", "width", "law"], dropna=False):
        d = int(cell["inputs"].iloc[0])
        shown = cell[cell["found"] >= _ENOUGH]
        ax.plot(shown["level"], shown["value"], color=_COLOURS[d - 1], lw=0.8, alpha=0.75, ls=_LINES[d - 1])
    for d in sorted(rows["inputs"].dropna().unique()):
        ax.plot([], [], color=_COLOURS[int(d) - 1], ls=_LINES[int(d) - 1], label=f"d = {int(d)}")
    ax.plot([1e-5, 1], [1e-5, 1], color=INK.light, lw=1)
    ax.set(xscale="log", yscale="log", xlim=(5e-5, 1), ylim=(2e-5, 1))
    ax.minorticks_off()
    ax.set(xlabel="nominal p", ylabel="share of untrained neurons below")
    ax.legend(loc="upper left", frameon=False)
    ax.set_title("Calibration of p")
    return ax


def power_axes(table: pd.DataFrame, ax: Axes, *, bias: bool) -> Axes:
    """Recall against noise where three of eight neurons are planted, and what the null allows (thin)."""
    rows = table[
        (table["part"] == PLANTED_PART) & (table["population"] == "planted") & (table["law"] == "uniform")
    ]
    rows = rows[
        (rows["width"] == WIDTH)
        & (rows["planted"] == PLANTED)
        & (rows["bias"] == bias)
        & rows["level"].isna()
    ]
    for ds in _alike(rows):
        part = rows[rows["inputs"] == ds[0]]
        colour, mark = _COLOURS[ds[0] - 1], _MARKS[ds[0] - 1]
        for measure, style in (("recall", "-"), ("power the null allows", ":")):
            curve = part[part["measure"] == measure].sort_values("noise")
            label = f"d = {', '.join(map(str, ds))}" if measure == "recall" else None
            ax.plot(
                curve["noise"], curve["value"], style, color=colour, lw=1.2, marker=mark if label else "", ms=4,
                label=label,
            )  # fmt: skip
    ax.set_xscale("symlog", linthresh=0.1)
    ax.set_xticks([0, 0.1, 0.2, 0.5, 1, 2, 5, 10], ["0", "0.1", "0.2", "0.5", "1", "2", "5", "10"])
    ax.set(ylim=(-0.03, 1.05), xlabel="noise, degrees", ylabel="planted neurons declared")
    if len(rows):
        ax.legend(loc="lower left", frameon=False)
    ax.set_title(f"3 planted among 8, {'biases' if bias else 'no biases'} (dotted: what the null allows)")
    return ax


def _alike(rows: pd.DataFrame) -> list[list[int]]:
    """Numbers of inputs, those with the same curves together: of such only the last drawn would be seen."""
    drawn = rows[rows["measure"].isin(["recall", "power the null allows"])]
    curves = drawn.pivot_table(index="inputs", columns=["measure", "noise"], values="value").fillna(0.0)
    values = curves.to_numpy(dtype=float)
    groups: list[list[int]] = []
    firsts: list[int] = []
    for k, d in enumerate(int(d) for d in curves.index):
        same = [n for n, first in enumerate(firsts) if abs(values[k] - values[first]).max() <= _ALIKE]
        if same:
            groups[same[0]].append(d)
        else:
            groups.append([d])
            firsts.append(k)
    return groups
