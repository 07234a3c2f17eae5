"""The page results/scale.md: python docs/scale.py [FOLDER [CLUSTER]]

With the folder of `mathcircuits benchmark scale --out FOLDER`, and that of the same on a cluster, their results are
copied to docs/found; without them the page is written again from the copies. Every number on the page comes from these.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jinja2

DOCS = Path(__file__).parent
RESULTS, CLUSTER = DOCS / "found" / "scale.json", DOCS / "found" / "scale-cluster.json"
PAGE = DOCS / "results" / "scale.md"
#: What a column shows: its head, the measure, and how its number is written.
COLUMNS = (
    ("seconds", "seconds by the clock", "{:.0f}"),
    ("networks a second", "networks a second", "{:.0f}"),
    ("training", "train: ms a network", "{:.2f}"),
    ("reading", "read: ms a network", "{:.2f}"),
    ("tables", "tables: ms a network", "{:.2f}"),
    ("page", "page: ms a network", "{:.2f}"),
    ("MiB, a worker", "MiB, cells", "{:.0f}"),
    ("MiB, tables and page", "MiB, study", "{:.0f}"),
)
_SIZED = " networks"


def page() -> str:
    """The page's text, from the results in docs/found."""
    main = json.loads(RESULTS.read_text("utf-8"))
    cluster = json.loads(CLUSTER.read_text("utf-8")) if CLUSTER.is_file() else None
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string((DOCS / "scale.md.j2").read_text("utf-8")).render(
        about=main["about"],
        heads=[head for head, _, _ in COLUMNS],
        sizes=sizes(main),
        bounds=bounds(main),
        carried=carried(main),
        cluster=cluster and {"about": cluster["about"], "sizes": sizes(cluster), "bounds": bounds(cluster)},
    )
    return text + "\n"


def sizes(results: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Of every size that was run its number of networks and the columns."""
    found = []
    for number in dict.fromkeys(score["population"] for score in results["scores"]):
        values = {s["measure"]: s["value"] for s in results["scores"] if s["population"] == number}
        if "seconds by the clock" in values:
            cells = [
                form.format(values[name]) if values.get(name) is not None else "unknown"
                for _, name, form in COLUMNS
            ]
            found.append((grouped(number.removesuffix(_SIZED)), cells))
    return found


def bounds(results: dict[str, Any]) -> list[dict[str, str]]:
    """What is required, what was measured, and whether that is enough."""
    return [
        {
            "text": score["requirement"].removeprefix("scale: "),
            "measure": score["measure"],
            "where": score["population"],
            "bound": f"{score['bound']:g}",
            "value": f"{score['value']:.3g}",
            "kept": "yes" if score["passed"] else "**no**",
        }
        for score in results["scores"]
        if score["requirement"]
    ]


def carried(results: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Minutes at the sizes that the bounds speak of: networks, minutes, and whether they were measured."""
    return [
        (grouped(score["population"].removesuffix(_SIZED)), f"{score['value']:.3g}", score["note"])
        for score in results["scores"]
        if score["measure"] == "minutes"
    ]


def grouped(number: str) -> str:
    """A whole number with its thousands set apart."""
    return f"{int(number):,}".replace(",", " ")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        sys.exit(__doc__)
    for folder, kept in zip(sys.argv[1:], (RESULTS, CLUSTER), strict=False):
        kept.write_text((Path(folder) / "benchmark.json").read_text("utf-8"), "utf-8")
    PAGE.write_text(page(), "utf-8")
