"""Factor figures: how often each form occurs against the norm, and what each factor does to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ..wording import number, points, thousands
from .palette import FORMS, GROUND, INK, MUTED
from .regimenfigures import MARKERS
from .rendering import on_hover

#: Excess norms below this are drawn there: a hundredth of a percent, about what a solved network's error leaves open.
LEAST_EXCESS = 1e-4


def form_by_norm(table: pd.DataFrame, ax: Axes) -> Axes:
    """The share of each form among networks of like norm, with its exact interval: a line a form.

    Args:
        table: rows of the study's `norm_shares` table, of one task.
        ax: 2.4 by 1.8 inch suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"form": "half", "measure": "excess", "norm": 0.001, "found": 9, "n": 10, "value": 0.9}
        >>> _, (ax,) = blank(3, 2)
        >>> _ = form_by_norm(pd.DataFrame([{**row, "low": 0.55, "high": 0.99}]), ax)
        >>> ax.get_xscale(), [line.get_label() for line in ax.lines if line.get_label() == "half"]
        ('log', ['half'])
    """
    excess = str(table["measure"].iloc[0]) == "excess"
    for k, (form, rows) in enumerate(table.groupby("form", sort=False)):
        x = rows["norm"].to_numpy(dtype=float)
        if excess:
            x = np.maximum(x, LEAST_EXCESS)
        colour, marker = FORMS[k % len(FORMS)].light, MARKERS[k % len(MARKERS)]
        ax.fill_between(x, rows["low"], rows["high"], color=colour, alpha=0.18, linewidth=0)
        ax.plot(
            x,
            rows["value"],
            color=colour,
            marker=marker,
            markersize=4,
            markeredgecolor=GROUND.light,
            markeredgewidth=0.5,
            linewidth=1.2,
            label=str(form),
            clip_on=False,
        )
        for place, row in zip(x, rows.to_dict("records"), strict=True):
            (dot,) = ax.plot(place, row["value"], marker, color=colour, markersize=4, alpha=0, clip_on=False)
            count = f"{thousands(row['found'])} of {thousands(row['n'])}"
            on_hover(dot, f"{form}: {count} at {'excess' if excess else 'path norm'} {number(row['norm'])}")
    if excess:
        ax.set_xscale("log")
    ax.set(ylim=(-0.03, 1.03), xlabel="excess over the least norm" if excess else "path norm")
    ax.set_yticks([0, 0.5, 1], ["0", "50%", "100%"])
    ax.minorticks_off()
    ax.grid(axis="y")
    return ax


def form_effects(table: pd.DataFrame, ax: Axes) -> Axes:
    """What each level of each factor changes in the share of one form, with its interval: a line a level.

    Args:
        table: rows of the study's `effects` table, of one task and form, with an effect.
        ax: about 0.2 inch of height a row suits.

    Examples:
        >>> from .rendering import blank
        >>> row = {"factor": "decay", "level": "0.001", "reference": "0", "effect": 0.6, "effect_low": 0.5}
        >>> _, (ax,) = blank(4, 1)
        >>> _ = form_effects(pd.DataFrame([{**row, "effect_high": 0.7, "q": 0.001, "form": "half"}]), ax)
        >>> [tick.get_text() for tick in ax.get_yticklabels()]
        ['decay: 0.001 against 0']
    """
    names = []
    for y, row in enumerate(table.to_dict("records")):
        names.append(f"{row['factor']}: {row['level']} against {row['reference']}")
        found = bool(row["q"] <= _FOUND)
        colour = (INK if found else MUTED).light
        (bar,) = ax.plot(
            [row["effect_low"], row["effect_high"]], [y, y], color=colour, linewidth=1.8, alpha=0.45
        )
        (dot,) = ax.plot(
            row["effect"],
            y,
            "o",
            color=colour,
            markersize=4.5,
            markerfacecolor=colour if found else GROUND.light,
            zorder=5,
        )
        words = f"{row['form']}: {points(row['effect'])} points ({names[-1]}), q = {number(row['q'])}"
        for artist in (bar, dot):
            on_hover(artist, words)
    ax.axvline(0, color=MUTED.light, linewidth=0.8)
    ax.set(
        xlim=(-1.05, 1.05),
        ylim=(len(names) - 0.4, -0.6),
        xlabel="change in the share of the form (percentage points)",
    )
    ticks = (-1.0, -0.5, 0.0, 0.5, 1.0)
    ax.set_xticks(ticks, [points(tick) for tick in ticks])
    ax.set_yticks(range(len(names)), names, fontsize=7.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    ax.spines["left"].set_visible(False)
    return ax


#: q at which a factor counts as having an effect: filled dots.
_FOUND = 0.05
