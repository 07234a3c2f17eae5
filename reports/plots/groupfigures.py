"""Figures of composition in groups: tidy tables and an Axes in, the Axes out; nothing is computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..wording import percent
from .palette import INK, MUTED, NEGATIVE, POSITIVE
from .rendering import on_hover

#: Names along an axis up to which each gets a tick of its own.
_TICKS = 40


def irrep_map(table: pd.DataFrame, irreps: list[str], ax: Axes) -> Axes:
    """Which irreps each network uses: networks by irreps, the darker the more of the logits hangs on it.

    Args:
        table: one row per network and irrep, columns `network, irrep, contribution, used`.
        irreps: their names, in the order of the columns.
        ax: about 0.2 inch of height a network suits, up to some 40.

    Examples:
        >>> from .rendering import blank
        >>> rows = [(0, "1b", 0.3, True), (0, "2a", 0.0, False)]
        >>> _, (ax,) = blank(2, 1)
        >>> table = pd.DataFrame(rows, columns=["network", "irrep", "contribution", "used"])
        >>> irrep_map(table, ["1b", "2a"], ax).images[0].get_array().filled(-1).tolist()
        [[0.3, -1.0]]
    """
    shown = table.assign(value=table["contribution"].where(table["used"]))
    matrix = shown.pivot(index="network", columns="irrep", values="value")[irreps]
    ax.imshow(
        np.ma.masked_invalid(matrix.to_numpy(dtype=float)),
        aspect="auto",
        cmap="cividis_r",
        vmin=0,
        interpolation="none",
    )
    step = 1 if len(irreps) <= _TICKS else len(irreps) // 20
    ax.set_xticks(range(0, len(irreps), step), irreps[::step])
    if len(matrix) <= _TICKS:
        ax.set_yticks(range(len(matrix)), [str(name) for name in matrix.index])
    else:
        ax.set_yticks([])
    ax.set(xlabel="irrep", ylabel="network" if len(matrix) <= _TICKS else f"networks ({len(matrix)})")
    ax.tick_params(length=0)
    return ax


def threshold_curves(table: pd.DataFrame, column: str, label: str, ax: Axes) -> Axes:
    """What the cut on a neuron's share changes, trained against untrained; the band is 5% to 95% of networks.

    Args:
        table: `population, cut, single, low, high, used`, of `threshold_curve`.
        column: which is drawn, "single" or "used"; label: of its axis.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> rows = [("trained", 0.5, 1.0, 0.9, 1.0, 2), ("untrained", 0.5, 0.2, 0.1, 0.3, 0)]
        >>> table = pd.DataFrame(rows, columns=["population", "cut", "single", "low", "high", "used"])
        >>> _, (ax,) = blank(3, 2)
        >>> [text.get_text() for text in threshold_curves(table, "single", "share", ax).get_legend().get_texts()]
        ['trained', 'untrained']
    """
    styles = {"trained": (POSITIVE, "-"), "untrained": (NEGATIVE, "--")}
    for population, rows in table.groupby("population", sort=False):
        colour, style = styles.get(str(population), (MUTED, "-"))
        (line,) = ax.plot(rows["cut"], rows[column], style, color=colour.light, lw=1.6, label=str(population))
        on_hover(line, f"{population}: {rows[column].iloc[0]:.2f} to {rows[column].iloc[-1]:.2f}")
        if column == "single":
            ax.fill_between(rows["cut"], rows["low"], rows["high"], color=colour.light, alpha=0.18, lw=0)
    ax.set(xlabel="share of input power on one irrep, at least", ylabel=label, ylim=(0, None))
    ax.legend(loc="center right", frameon=False)
    ax.grid(axis="y")
    return ax


def coset_shares(table: pd.DataFrame, ax: Axes) -> Axes:
    """Each network's mean coset share by irrep, beside the mean of blind directions (a bar).

    Args:
        table: one row per network and irrep, columns `network, irrep, coset, coset_blind`.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> rows = [(0, "2a", 0.99, 0.87), (1, "2a", 1.0, 0.87)]
        >>> table = pd.DataFrame(rows, columns=["network", "irrep", "coset", "coset_blind"])
        >>> _, (ax,) = blank(3, 2)
        >>> [float(y) for y in coset_shares(table, ax).lines[0].get_ydata()]
        [0.99, 1.0]
    """
    known = table[table["coset"].notna()]
    names = sorted(known["irrep"].unique())
    for place, name in enumerate(names):
        rows = known[known["irrep"] == name]
        spread = np.linspace(-0.2, 0.2, len(rows)) if len(rows) > 1 else np.zeros(1)
        (dots,) = ax.plot(place + spread, rows["coset"], "o", color=POSITIVE.light, ms=4, alpha=0.8)
        on_hover(dots, f"{name}: mean {percent(float(rows['coset'].mean()))} of {len(rows)} networks")
        blind = float(rows["coset_blind"].mean())
        ax.plot([place - 0.32, place + 0.32], [blind, blind], color=NEGATIVE.light, lw=1.6, ls="--")
    ax.set_xticks(range(len(names)), names)
    ax.set(xlabel="irrep", ylabel="coset share", ylim=(0, 1.03), xlim=(-0.6, max(len(names) - 0.4, 0.6)))
    ax.grid(axis="y")
    return ax


def irrep_prevalence(table: pd.DataFrame, blind: dict[str, float], ax: Axes) -> Axes:
    """The share of networks that use each irrep with its interval, and what blind draws by dimension give (a mark).

    Args:
        table: rows of `group_verdicts` of kind `irrep` (irrep, found, n, value, low, high, verdict).
        blind: the expected share of each irrep's name; empty where there is nothing to choose.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> row = {"irrep": "1b", "found": 4, "n": 10, "value": 0.4, "low": 0.1, "high": 0.7, "verdict": "partial"}
        >>> _, (ax,) = blank(3, 2)
        >>> irrep_prevalence(pd.DataFrame([row]), {"1b": 0.2}, ax).lines[0].get_xdata().tolist()
        [0, 0]
    """
    for k, row in enumerate(table.to_dict("records")):
        (line,) = ax.plot([k, k], [row["low"], row["high"]], color=POSITIVE.light, lw=2.2, alpha=0.55)
        on_hover(line, f"irrep {row['irrep']}: {row['found']} of {row['n']}; {row['verdict']}")
        ax.plot(k, row["value"], "o", color=POSITIVE.light, ms=4.5)
        if row["irrep"] in blind:
            ax.plot(k, blind[row["irrep"]], "_", color=INK.light, ms=11)
    names = table["irrep"].tolist()
    ax.set_xticks(range(len(names)) if len(names) <= _TICKS else [], names if len(names) <= _TICKS else [])
    ax.set(
        ylim=(0, 1.02), xlabel="irrep", ylabel="share of networks that use it", xlim=(-0.6, len(names) - 0.4)
    )
    ax.grid(axis="y")
    return ax
