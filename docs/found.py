"""The page found.md: python docs/found.py [runs/universality]

With the folder of `mathcircuits benchmark universality` its tables are copied to docs/found and its figures drawn
there; without one the page is written again from them. Every number on the page comes from these tables.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jinja2
import pandas as pd

from mathcircuits.reports.__main__ import main as command
from mathcircuits.reports.wording import percent

DOCS = Path(__file__).parent
FOUND = DOCS / "found"
PAGE = DOCS / "found.md"
TABLES = ("conditions.csv", "verdicts.csv", "ladder.csv")
#: Figure -> what `mathcircuits figure` is asked for.
FIGURES = {
    "census": ["census", "--task", "minimum"],
    "periodic-table-1x": ["periodic-table", "--width", "1x", "--regimen", "rescue"],
    "periodic-table-4x": ["periodic-table", "--width", "4x", "--regimen", "decay-then-anneal"],
}
#: The tasks that the project grew from.
SEED = ("identity", "negation", "absolute", "addition", "subtraction", "minimum")
RUNGS = ("function", "subspace", "units", "features", "circuit")
#: What differs between two conditions -> what is compared.
KINDS = {
    "seeds": "the seeds of one condition", "widths": "two widths", "regimens": "two regimens",
    "both": "two regimens at two widths", "tasks": "two tasks",
}  # fmt: skip
CLAIMED = ("forced", "universal", "partial")


def page() -> str:
    """The page's text, from the tables in docs/found."""
    about = json.loads((FOUND / "about.json").read_text("utf-8"))
    conditions, verdicts, ladder = (
        pd.read_csv(FOUND / name, keep_default_na=False, na_values=[""]) for name in TABLES
    )
    for frame in (conditions, verdicts):
        started = frame["width"].isna() | (frame["regimen"] == "compress")
        frame["width"] = frame["width"].mask(started, frame["hidden"].astype(str) + " neurons")
        frame["at"] = frame["width"] + ", " + frame["regimen"]
    verdicts = in_order(verdicts, conditions)
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["must"] = must
    environment.filters |= {"share": share, "percent": percent, "listed": listed}
    return (
        environment.from_string((DOCS / "found.md.j2").read_text("utf-8")).render(
            about=about,
            conditions=conditions,
            seed=SEED,
            rows=lambda **wanted: rows(verdicts, **wanted),
            one=lambda **wanted: only(verdicts, **wanted),
            counts=verdicts[verdicts["kind"] == "feature"]["verdict"].value_counts().to_dict(),
            reuse=reuse(verdicts),
            parts=parts(verdicts),
            rungs=RUNGS,
            ladder=climbs(ladder),
            related=related(ladder),
        )
        + "\n"
    )


def in_order(verdicts: pd.DataFrame, conditions: pd.DataFrame) -> pd.DataFrame:
    """Task by task as the grid has them, narrow networks first, and those that verdicts rest on before others."""
    tasks = list(dict.fromkeys(conditions["task"]))
    keys = [
        verdicts["task"].map(tasks.index),
        ~verdicts["rests"],
        verdicts["width"].map({"1x": 0, "2x": 1, "4x": 2, "8x": 3}).fillna(4),
    ]
    ranks = pd.concat(keys, axis=1, keys=range(len(keys)))
    return verdicts.loc[ranks.sort_values(list(ranks), kind="stable").index]


def must(holds: bool) -> str:
    """Nothing, where what the page says in words still holds.

    Raises:
        ValueError: where the tables have come to say something else: then the words want writing anew.
    """
    if not holds:
        raise ValueError("docs/found.md.j2 says what the tables no longer do: see the traceback for where")
    return ""


def rows(frame: pd.DataFrame, **wanted: object) -> list[dict[str, object]]:
    """The rows with these values; a tuple allows several."""
    for name, value in wanted.items():
        frame = frame[frame[name].isin(value if isinstance(value, tuple) else (value,))]
    return frame.to_dict("records")


def only(frame: pd.DataFrame, **wanted: object) -> dict[str, object]:
    """The one row with these values."""
    (row,) = rows(frame, **wanted)
    return row


def share(row: dict[str, object]) -> str:
    """A row's counts and interval: 72 of 72 (0.950 to 1)."""
    ends = (
        f"{float(str(row[end])):.3f}".replace("1.000", "1").replace("0.000", "0") for end in ("low", "high")
    )
    return f"{row['found']} of {row['n']} ({' to '.join(ends)})"


def listed(names: list[str]) -> str:
    """Names as a reader wants them: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def reuse(verdicts: pd.DataFrame) -> list[dict[str, object]]:
    """Per feature the tasks in which it has each verdict, in any condition that verdicts rest on; reused ones first."""
    claimed = verdicts[
        (verdicts["kind"] == "feature") & verdicts["rests"] & verdicts["verdict"].isin(CLAIMED)
    ]
    found = []
    for name, own in claimed.groupby("name", sort=False):
        tasks = {v: list(dict.fromkeys(own[own["verdict"] == v]["task"])) for v in CLAIMED}
        found.append({"name": name, **tasks, "tasks": own["task"].nunique()})
    return sorted(found, key=lambda row: (-row["tasks"], row["name"]))


def parts(verdicts: pd.DataFrame) -> list[dict[str, object]]:
    """Circuits that are parts of networks for something else: neither absent nor the task's own, which is forced."""
    own = verdicts[(verdicts["kind"] == "circuit") & verdicts["rests"]]
    return own[~own["verdict"].isin(["absent", "forced"])].to_dict("records")


def climbs(ladder: pd.DataFrame) -> list[dict[str, object]]:
    """Per kind of comparison: pairs of conditions, how many are the same throughout, and each rung's verdicts."""
    sides = [f"{name}_{side}" for side in "ab" for name in ("task", "hidden", "regimen")]
    found = []
    for kind, own in ladder.groupby("kind", sort=False):
        pairs = len(own.drop_duplicates(sides))
        verdicts = {rung: own[own["rung"] == rung]["verdict"].value_counts().to_dict() for rung in RUNGS}
        whole = pairs - int(own["stops"].sum())
        found.append({"kind": KINDS[str(kind)], "pairs": pairs, "whole": whole, "verdicts": verdicts})
    return found


def related(ladder: pd.DataFrame) -> list[str]:
    """Pairs of tasks whose functions differ and whose features are the same: a with b."""
    own = ladder[ladder["kind"] == "tasks"].set_index(["task_a", "task_b", "rung"])["verdict"].unstack()
    alike = own[(own["function"] == "different") & (own["features"] == "same")]
    return [f"{a} with {b}" for a, b in alike.index]


def take(folder: Path) -> None:
    """Copy a benchmark's tables, and draw its figures."""
    FOUND.mkdir(exist_ok=True)
    for name in TABLES:
        # Six digits are more than any interval has, and a rung's reason says its numbers again.
        table = pd.read_csv(folder / name, keep_default_na=False, na_values=[""])
        if name == "ladder.csv":
            table = table.drop(columns="reason")
        table.to_csv(FOUND / name, index=False, float_format="%.6g")
    checks = json.loads((folder / "benchmark.json").read_text("utf-8"))
    kept = {name: checks["about"][name] for name in ("grid_version", "git")}
    (FOUND / "about.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    for name, (kind, *options) in FIGURES.items():
        code = command(["figure", kind, str(folder / "study"), *options, "-o", str(FOUND / f"{name}.svg")])
        if code:
            sys.exit(code)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        take(Path(sys.argv[1]))
    PAGE.write_text(page(), "utf-8")
