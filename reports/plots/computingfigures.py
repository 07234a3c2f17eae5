"""Computing figures: in which forms the solved networks of each task compute it."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from ..wording import percent, thousands
from .palette import FAINT, FORMS, GROUND, INK, MUTED
from .rendering import on_hover

#: A part of a bar of a smaller share has no room for its letter.
_WRITTEN = 0.06
#: Inches of bar that a letter of size 7.5 takes, as a share of the bar's whole width of about 6 inches.
_LETTER = 0.0135


def form_bars(table: pd.DataFrame, ax: Axes) -> Axes:
    """A bar a task, its parts the forms of its solved networks with the largest first, named where there is room.

    Args:
        table: task, name (of the form), found, n; the forms of a task in the order of their parts.
        ax: 0.42 inch of height a task and 7 inches of width suit.

    Examples:
        >>> from .rendering import blank
        >>> frame = pd.DataFrame([{"task": "minimum", "name": f, "found": k, "n": 4} for f, k in (("a", 3), ("b", 1))])
        >>> _, (ax,) = blank(4, 1)
        >>> [text.get_text() for text in form_bars(frame, ax).texts]
        ['a', 'b', '4']
    """
    names = list(dict.fromkeys(table["task"]))
    for y, task in enumerate(names):
        left, named = 0.0, 0
        rows = table[table["task"] == task].to_dict("records")
        for row in rows:
            share = int(row["found"]) / int(row["n"])
            unnamed = str(row["name"]).startswith(("unnamed", "no formula", "not known"))
            colour = FAINT if unnamed else FORMS[min(named, len(FORMS) - 1)]
            named += not unnamed
            (bar,) = ax.barh(
                y, share, left=left, height=0.7, color=colour.light, alpha=1.0 if unnamed else 0.45,
                edgecolor=GROUND.light, linewidth=0.8,
            )  # fmt: skip
            text = f"{task}, {row['name']}: {thousands(int(row['found']))} of {thousands(int(row['n']))}"
            on_hover(bar, f"{text}, {percent(share)}")
            if share >= _WRITTEN:
                room = int(share / _LETTER)
                words = str(row["name"])
                shown = words if len(words) <= room else f"{words[: max(1, room - 1)]}…" if room > 4 else ""
                if shown:
                    label = ax.text(
                        left + share / 2,
                        y,
                        shown,
                        fontsize=7.5,
                        color=INK.light,
                        ha="center",
                        va="center_baseline",
                    )
                    on_hover(label, f"{text}, {percent(share)}")
            left += share
        count = thousands(int(rows[0]["n"]))
        ax.text(1.012, y, count, fontsize=8, color=MUTED.light, va="center_baseline")
    ax.set(
        xlim=(0, 1),
        ylim=(len(names) - 0.45, -0.6),
        xlabel="share of the solved networks, and their number at the right",
    )
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax
