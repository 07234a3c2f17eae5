"""The page results/zoo.md and its figure: python docs/zooscores.py [scores.csv DATASHEET.md]

With the table that `mathcircuits score --baseline all --zoo DIR -o scores.csv` writes and the zoo's datasheet, both are
copied to docs/found; without them the page and docs/figures/zoo.svg are written again from the copies. Every number on
the page comes from the table.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from matplotlib.axes import Axes

from mathcircuits.reports.plots.palette import FAINT, INK, MUTED, POSITIVE
from mathcircuits.reports.plots.rendering import blank, write_svg
from mathcircuits.reports.zoo.baselines import BASELINES

DOCS = Path(__file__).parent
#: Ours on a zoo of another seed: `mathcircuits zoo --medium --seed 11`.
LATER = DOCS / "found" / "zoo-scores-later.csv"
SCORES, ABOUT = DOCS / "found" / "zoo-scores.csv", DOCS / "found" / "zoo-datasheet.md"
PAGE, FIGURE = DOCS / "results" / "zoo.md", DOCS / "figures" / "zoo.svg"
#: What each kind of claim says, in the order of the page and the figure.
KINDS = {
    "neuron": "feature of a neuron",
    "unit": "units of a circuit",
    "circuit": "name of the circuit",
    "formula": "formula of the network",
    "pair": "same mechanism in a pair",
}
HELD_OUT = "held-out"


def scores() -> pd.DataFrame:
    """The scores on the held-out split, by kind in the order of `KINDS`, ours last of each."""
    table = pd.read_csv(SCORES)
    table = table[table["split"] == HELD_OUT]
    order = table["kind"].map(list(KINDS).index)
    return table.assign(order=order).sort_values("order", kind="stable").reset_index(drop=True)


def page() -> str:
    """The page's text, from the table in docs/found."""
    table = scores()
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    sheet = ABOUT.read_text("utf-8")
    networks = re.search(r"`\. (\d+) networks", sheet)
    command = re.search(r"`(mathcircuits zoo [^`]+)`", sheet)
    if networks is None or command is None:
        raise ValueError(f"{ABOUT} is no datasheet of a zoo")
    environment.filters |= {"share": share}
    text = environment.from_string((DOCS / "zooscores.md.j2").read_text("utf-8")).render(
        groups=[
            (
                KINDS[str(kind)],
                [{**row, "rule": BASELINES[row["method"]].rule} for row in own.to_dict("records")],
            )
            for kind, own in table.groupby("kind", sort=False)
        ],
        networks=networks[1],
        command=command[1],
        at={row["method"]: row for row in table.to_dict("records")},
        methods=len(table),
        later=pd.read_csv(LATER).query("split == @HELD_OUT").to_dict("records"),
        others=int((~table["method"].str.startswith("ours")).sum()),
    )
    return text + "\n"


def share(row: dict[str, Any], value: str, interval: str) -> str:
    """A share with its exact 95% interval, as percentages; nothing where there is none."""
    if pd.isna(row[value]):
        return "none"
    low, high = (100.0 * row[f"{interval}_{end}"] for end in ("low", "high"))
    return f"{100.0 * row[value]:.0f}% ({low:.0f} to {high:.0f})"


def draw(out: Path) -> None:
    """False discoveries and recall of each method on the held-out part, as SVG."""
    table = scores()
    rows, heads, y = [], [], 0.0
    for kind, own in table.groupby("kind", sort=False):
        heads.append((y, KINDS[str(kind)]))
        for row in own.to_dict("records"):
            y += 1.0
            rows.append((y, row))
        y += 1.6
    figure, (left, right) = blank(7.4, 0.155 * y + 0.75, columns=2, sharey=True)
    for ax, name, title in (
        (left, "false", "false discoveries among its claims"),
        (right, "recall", "found of what is there"),
    ):
        for at, row in rows:
            low, value, high = interval(row, name)
            ours = str(row["method"]).startswith("ours")
            colour = POSITIVE.light if ours else MUTED.light
            if pd.isna(value):
                ax.text(0.0, at, "no claims", fontsize=7, va="center", color=MUTED.light)
                continue
            ax.plot([low, high], [at, at], color=colour, linewidth=1.4, solid_capstyle="butt")
            ax.plot([value], [at], "D" if ours else "o", color=colour, markersize=4.4 if ours else 4.0)
        frame(ax, title)
    left.set_yticks([at for at, _ in rows], [str(row["method"]) for _, row in rows], fontsize=8)
    for label, (_, row) in zip(left.get_yticklabels(), rows, strict=True):
        if str(row["method"]).startswith("ours"):
            label.set(fontweight="bold", color=POSITIVE.light)
    for at, words in heads:
        left.text(
            -0.02, at, words, fontsize=8, style="italic", ha="right", va="center", color=INK.light,
            transform=left.get_yaxis_transform(),
        )  # fmt: skip
    left.set_ylim(y - 1.0, -0.8)
    write_svg(figure, out)


def interval(row: dict[str, Any], name: str) -> tuple[float, float, float]:
    """Low end, value and high end of the recall, or of the share of false claims."""
    if name == "recall":
        return row["recall_low"], row["recall"], row["recall_high"]
    return 1.0 - row["precision_high"], 1.0 - row["precision"], 1.0 - row["precision_low"]


def frame(ax: Axes, title: str) -> None:
    """Axes of a share from 0 to 1, in percent."""
    ax.set_title(title, loc="left", fontsize=9)
    ax.set_xlim(-0.03, 1.03)
    ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100%"], fontsize=8)
    ax.grid(axis="x", color=FAINT.light, linewidth=0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


if __name__ == "__main__":
    if len(sys.argv) not in (1, 3):
        sys.exit(__doc__)
    if len(sys.argv) == 3:
        shutil.copy(sys.argv[1], SCORES)
        shutil.copy(sys.argv[2], ABOUT)
    PAGE.write_text(page(), "utf-8")
    draw(FIGURE)
