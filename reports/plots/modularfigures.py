"""Figures of modular addition: tidy tables and an Axes in, the Axes out; nothing is computed beyond what is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..wording import percent, thousands
from .palette import INK, MUTED, NEGATIVE, POSITIVE
from .rendering import on_hover

#: Numbers along an axis up to which each gets a tick of its own.
_TICKS = 40


def grokking_curves(table: pd.DataFrame, ax: Axes) -> Axes:
    """Training and test accuracy against the step, a thin line per seed and the median thick.

    Args:
        table: `ModularRuns.history` (seed, step, pairs, accuracy).
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> points = ((0, "train", 0.1), (9, "train", 1.0), (0, "test", 0.0), (9, "test", 0.9))
        >>> rows = [(0, step, side, accuracy) for step, side, accuracy in points]
        >>> _, (ax,) = blank(4, 2)
        >>> ax = grokking_curves(pd.DataFrame(rows, columns=["seed", "step", "pairs", "accuracy"]), ax)
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['training pairs', 'test pairs']
    """
    sides = (("train", "training pairs", MUTED, "--"), ("test", "test pairs", POSITIVE, "-"))
    for side, label, colour, style in sides:
        rows = table[table["pairs"] == side]
        for seed, one in rows.groupby("seed", sort=False):
            (line,) = ax.plot(one["step"], one["accuracy"], style, color=colour.light, lw=0.6, alpha=0.45)
            on_hover(line, f"seed {seed}, {label}: ends at {percent(float(one['accuracy'].iloc[-1]))}")
        middle = rows.groupby("step")["accuracy"].median()
        ax.plot(middle.index, middle, style, color=colour.light, lw=2, label=label)
    # Both rises lie in the first tenth of the steps: the scale is logarithmic from the first logged step on.
    steps = table["step"][table["step"] > 0]
    if len(steps):
        ax.set_xscale("symlog", linthresh=float(steps.min()), linscale=0.3)
        ticks = [
            0,
            *(m * 10**k for k in range(7) for m in (1, 2, 5) if steps.min() <= m * 10**k <= steps.max()),
        ]
        ax.set_xticks(ticks, [thousands(tick) for tick in ticks])
        ax.minorticks_off()
    ax.set(xlabel="step", ylabel="accuracy", xlim=(0, None), ylim=(-0.02, 1.02))
    ax.grid(axis="y")
    ax.legend(loc="lower right", frameon=False)
    return ax


def power_map(power: pd.DataFrame, ax: Axes) -> Axes:
    """Input power by neuron (rows) and frequency (columns), each row over its sum: one dark cell is one frequency.

    Args:
        power: rows are neurons, columns frequencies.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> _, (ax,) = blank(2, 2)
        >>> power_map(pd.DataFrame([[3.0, 1.0]], columns=[1, 2]), ax).images[0].get_array().tolist()
        [[0.75, 0.25]]
    """
    values = power.to_numpy(dtype=float)
    total = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, total, out=np.zeros_like(values), where=total > 0)
    ax.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="none")
    _frequency_axis(list(power.columns), ax)
    ax.set(ylabel=f"neurons ({len(power)})", yticks=[])
    return ax


def frequency_map(table: pd.DataFrame, ax: Axes) -> Axes:
    """Which frequencies each network uses: seeds by frequencies, the darker the more of the logits hangs on it.

    Args:
        table: one row per seed and frequency, columns `seed, frequency, contribution, used`.
        ax: about 0.2 inch of height a seed suits, up to some 40 seeds.

    Examples:
        >>> from .rendering import blank
        >>> rows = [(0, 1, 0.3, True), (0, 2, 0.0, False)]
        >>> _, (ax,) = blank(2, 1)
        >>> ax = frequency_map(pd.DataFrame(rows, columns=["seed", "frequency", "contribution", "used"]), ax)
        >>> ax.images[0].get_array().filled(-1).tolist()
        [[0.3, -1.0]]
    """
    shown = table.assign(value=table["contribution"].where(table["used"]))
    matrix = shown.pivot(index="seed", columns="frequency", values="value")
    ax.imshow(
        np.ma.masked_invalid(matrix.to_numpy(dtype=float)),
        aspect="auto",
        cmap="cividis_r",
        vmin=0,
        interpolation="none",
    )
    _frequency_axis(list(matrix.columns), ax)
    if len(matrix) <= _TICKS:
        ax.set_yticks(range(len(matrix)), [str(seed) for seed in matrix.index])
    else:
        ax.set_yticks([])
    ax.set_ylabel("seed" if len(matrix) <= _TICKS else f"seeds ({len(matrix)})")
    ax.tick_params(length=0)
    return ax


def share_histogram(table: pd.DataFrame, ax: Axes, *, label: str, bar: float | None = None) -> Axes:
    """A statistic's distribution in trained and in untrained networks, as shares of each population.

    Args:
        table: columns `value` and `population` ("trained" or "untrained").
        ax: the axes.
        label: what the value is.
        bar: where to draw a line, such as the 90% that a single frequency must have.

    Examples:
        >>> from .rendering import blank
        >>> table = pd.DataFrame({"value": [0.9, 0.95, 0.2], "population": ["trained", "trained", "untrained"]})
        >>> _, (ax,) = blank(3, 2)
        >>> [text.get_text() for text in share_histogram(table, ax, label="share", bar=0.9).get_legend().get_texts()]
        ['trained (2)', 'untrained (1)']
    """
    table = table[table["value"].notna()]
    edges = np.linspace(min([0.0, *table["value"]]), 1.0, 41).tolist()
    for population, colour, options in (
        ("trained", POSITIVE, {"histtype": "stepfilled", "alpha": 0.75}),
        ("untrained", NEGATIVE, {"histtype": "step", "linewidth": 1.4, "linestyle": "--"}),
    ):
        part = table.loc[table["population"] == population, "value"].to_numpy(dtype=float)
        if len(part):
            weights = np.full(len(part), 1 / len(part))
            kept: dict[str, Any] = dict(options)
            ax.hist(
                part,
                bins=edges,
                weights=weights,
                color=colour.light,
                label=f"{population} ({len(part)})",
                **kept,
            )
    if bar is not None:
        ax.axvline(bar, color=INK.light, lw=0.8, ls=(0, (1, 1.5)))
    ax.set(xlabel=label, ylabel="share of each", xlim=(edges[0], 1.005))
    if len(table):
        ax.legend(loc="upper center", frameon=False)
    return ax


def frequency_prevalence(table: pd.DataFrame, expected: float, ax: Axes) -> Axes:
    """The share of networks that use each frequency with its interval, and what a blind choice gives (dotted).

    Args:
        table: rows of `fourier_verdicts` of kind `frequency` (frequency, found, n, value, low, high, verdict).
        expected: the share that each would have if they were chosen blindly.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> row = {"frequency": 1, "found": 4, "n": 10, "value": 0.4, "low": 0.1, "high": 0.7, "verdict": "partial"}
        >>> _, (ax,) = blank(3, 2)
        >>> [line.get_xdata().tolist() for line in frequency_prevalence(pd.DataFrame([row]), 0.5, ax).lines[:2]]
        [[1, 1], [1]]
    """
    for row in table.to_dict("records"):
        k, value = int(row["frequency"]), float(row["value"])
        (line,) = ax.plot([k, k], [row["low"], row["high"]], color=POSITIVE.light, lw=2.2, alpha=0.55)
        on_hover(line, f"frequency {k}: {row['found']} of {row['n']}; {row['verdict']}")
        ax.plot(k, value, "o", color=POSITIVE.light, ms=4.5)
    ax.axhline(expected, color=INK.light, lw=0.9, ls=(0, (1, 1.5)))
    ax.set(ylim=(0, 1), xlabel="frequency", ylabel="share of networks that use it")
    ax.set_xticks([int(k) for k in table["frequency"]] if len(table) <= _TICKS else [])
    ax.grid(axis="y")
    return ax


def removal_curves(table: pd.DataFrame, ax: Axes) -> Axes:
    """Accuracy as the used frequencies are ablated one after the other, the strongest first; a line per seed.

    Args:
        table: columns `seed, removed, accuracy`.
        ax: the axes.

    Examples:
        >>> from .rendering import blank
        >>> _, (ax,) = blank(3, 2)
        >>> table = pd.DataFrame({"seed": [0, 0], "removed": [0, 1], "accuracy": [1.0, 0.1]})
        >>> removal_curves(table, ax).lines[0].get_ydata().tolist()
        [1.0, 0.1]
    """
    for seed, one in table.groupby("seed", sort=False):
        (line,) = ax.plot(
            one["removed"], one["accuracy"], "-o", ms=2.5, color=POSITIVE.light, lw=0.9, alpha=0.55
        )
        on_hover(line, f"seed {seed}: {len(one) - 1} frequencies")
    ax.set(xlabel="frequencies ablated", ylabel="accuracy on all pairs", ylim=(-0.02, 1.02))
    ax.grid(axis="y")
    return ax


def _frequency_axis(frequencies: list[Any], ax: Axes) -> None:
    step = 1 if len(frequencies) <= _TICKS else len(frequencies) // 20
    ax.set_xticks(range(0, len(frequencies), step), [str(k) for k in frequencies[::step]])
    ax.set_xlabel("frequency")
