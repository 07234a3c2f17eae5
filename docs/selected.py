"""The page results/selected.md: python docs/selected.py [runs/factors]

With the folder of a study of `examples/factors.toml`, run with `--predictions examples/predictions.toml`, its outcomes
and the most frequent forms are copied to docs/found and its figure is drawn there; without one the page is written
again from them. Every number on the page comes from these tables.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from mathcircuits.detect import prevalence
from mathcircuits.reports.__main__ import main as command
from mathcircuits.reports.wording import percent

DOCS = Path(__file__).parent
FOUND = DOCS / "found"
PAGE = DOCS / "results" / "selected.md"
#: Where forms are counted: networks with room for several, with no decay and with enough of it, by Adam, whose decay
#: acts on the loss as the least norm asks, from the usual initialisation.
WIDE, ENOUGH = ("4x", "8x"), (1e-3, 1e-2)
#: Forms of a task that the table lists.
LISTED = 2


def page() -> str:
    """The page's text, from the tables in docs/found."""
    about = json.loads((FOUND / "selected.json").read_text("utf-8"))
    outcomes = pd.read_csv(FOUND / "predictions.csv", keep_default_na=False, na_values=[""])
    forms = pd.read_csv(FOUND / "forms.csv", keep_default_na=False, na_values=[""])
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "cell": cell}
    text = environment.from_string((DOCS / "selected.md.j2").read_text("utf-8")).render(
        about=about,
        outcomes=outcomes.to_dict("records"),
        counts=outcomes["outcome"].value_counts().to_dict(),
        judged=int(outcomes["outcome"].isin(["holds", "refuted", "open"]).sum()),
        tasks=by_task(forms),
        named=lambda name: outcomes[outcomes["name"] == name].to_dict("records")[0],
    )
    return text + "\n"


def cell(text: object) -> str:
    """A text in a cell of a table, as code."""
    # A bar would end the cell.
    plain = re.sub(r"[|]([^|]*)[|]", r"abs(\1)", str(text))
    return f"`{plain}`" if text else "none"


def by_task(forms: pd.DataFrame) -> list[dict[str, Any]]:
    """Per task the most frequent forms without and with decay."""
    found = []
    for task, own in forms.groupby("task", sort=False):
        sides = {side: part.to_dict("records")[:LISTED] for side, part in own.groupby("side", sort=False)}
        found.append({"task": task, **{side: sides.get(side, []) for side in ("without", "with")}})
    return found


def frequent(census: pd.DataFrame) -> pd.DataFrame:
    """The forms of wide networks without decay and with enough of it, the most frequent first."""
    own = census[(census["level"] == "gauge") & census["width"].isin(WIDE)]
    own = own[(own["factor_optimiser"] == "adam") & (own["factor_init_scale"] == 1.0)]
    sides = {"without": own["factor_decay"] == 0.0, "with": own["factor_decay"].isin(ENOUGH)}
    rows = []
    for task in dict.fromkeys(census["task"]):
        for side, chosen in sides.items():
            part = own[chosen & (own["task"] == task)]
            solved = int(part.drop_duplicates(["width", "regimen"])["n"].sum())
            counts = part.groupby("name")["found"].sum().sort_values(ascending=False, kind="stable")
            for name, count in counts[counts > 0].items():
                share = prevalence(int(count), solved)
                rows.append(
                    {"task": task, "side": side, "form": name, "found": int(count), "n": solved,
                     "low": share.low, "high": share.high}
                )  # fmt: skip
    return pd.DataFrame(rows)


def take(folder: Path) -> None:
    """Copy the outcomes of a study's predictions, count its forms, and draw its figure."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    shutil.copy(folder / "predictions.csv", FOUND / "predictions.csv")
    frequent(pd.read_parquet(folder / "tables" / "census.parquet")).to_csv(FOUND / "forms.csv", index=False)
    success = pd.read_parquet(folder / "tables" / "success.parquet")
    seconds = manifest["seconds"]
    about = {
        "networks": int(success["n"].sum()),
        "solved": int(success["solved"].sum()),
        "conditions": len(success),
        "tasks": success["task"].nunique(),
        "minutes": round(sum(seconds.get(stage, 0.0) for stage in ("cells", "tables", "page")) / 60),
        "cpu_minutes": round((seconds["train"] + seconds["read"]) / 60),
        "factors": {
            name: levels for name, levels in manifest["config"]["factors"].items() if isinstance(levels, list)
        },
        "seeds": manifest["config"]["seeds"],
    }
    (FOUND / "selected.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    code = command(["figure", "forms", str(folder), "-o", str(FOUND / "forms-by-norm.svg")])
    if code:
        sys.exit(code)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        take(Path(sys.argv[1]))
    PAGE.write_text(page(), "utf-8")
