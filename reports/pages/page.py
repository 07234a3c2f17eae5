"""Page: a study as one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mathcircuits.detect import FileError

from ..plots.palette import FAMILIES, RUNG_MARKS, STATUSES, every_colour
from ..studies.folder import Study
from ..studies.selecting.candidaterows import candidates_toml
from ..studies.storage import atomic
from .factorpage import factor_page, factor_tables, norm_figure
from .findings import findings, verdict_legend
from .networks.data import BUDGET, dumped, network_data, shown_networks
from .pagetables import table_views
from .regimensection import cause_figure, cost_figure, success_figure, width_figure
from .selections import CELL, READOUTS, directions_summary, task_names
from .tasksections import task_view
from .templating import render
from .universalsection import (
    LADDER_HEADS,
    circuit_figure,
    cluster_figures,
    emergence_figure,
    ladder_figures,
    periodic_figures,
    readout_figure,
    scale,
    similarity_figure,
    transplant_figures,
)
from .views import StudyLike

#: Bytes that a page may have are 15 MB, which a browser opens in about a second; what lists take is estimated.
LIMIT = 14_500_000
#: What a page shows of the largest table, of trained and hand-derived networks: a third of it.
DIRECTIONS = (
    "network", "task", *CELL, "population", "layer", "feature", "on", "unexplained", "untrained", "q",
    "tautology", "readable",
)  # fmt: skip
#: Stands in the page until the data of its networks does.
_DATA = "@networks@"


def write_report(out: str | os.PathLike[str]) -> Path:
    """Write the page of a study.

    Args:
        out: the study's folder, as `run_study` leaves it.

    Returns:
        The page's path, `out/report/index.html`.

    Raises:
        FileError: where the folder is missing, is no study, or holds a damaged file.

    Examples:
        >>> write_report("no-such-folder")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no-such-folder: is not a folder; make a study there with ...
    """
    folder = Path(out)
    if not folder.is_dir():
        raise FileError(out, "is not a folder", f"make a study there with `mathcircuits study --out {out}`")
    study = Study.load(folder)
    study.tables.narrow("directions", DIRECTIONS, [("population", "!=", "untrained")])
    # A crossing of factors has thousands of conditions, whose features were not read.
    text = factor_page(study) if study.config.reads == "forms" else page(study)
    path = folder / "report" / "index.html"
    # Renamed at once: a reader never meets half a page.
    with atomic(path) as file:
        file.write_text(text, "utf-8")
    return path


def page(study: StudyLike) -> str:
    """The page of a study as one HTML text; nothing in it is fetched from elsewhere.

    Args:
        study: its tables, manifest and networks; tables that are missing or empty are said to be so.

    Examples:
        >>> class Nothing:
        ...     tables, manifest = {}, {}
        >>> "no trained networks yet" in page(Nothing())
        True
    """
    tables = {name: frame for name, frame in study.tables.items() if len(frame)}
    tables[READOUTS] = directions_summary(tables)
    text = render(
        "page.html",
        colours=every_colour(),
        families=FAMILIES,
        statuses=STATUSES,
        legend=verdict_legend(),
        rung_marks=RUNG_MARKS,
        ladder_heads=LADDER_HEADS,
        findings=findings(tables),
        success=success_figure(tables),
        widths=width_figure(tables),
        costs=cost_figure(tables),
        causes=cause_figure(tables),
        periodic=list(periodic_figures(tables)),
        circuits=circuit_figure(tables),
        norms=norm_figure(tables),
        clusters=list(cluster_figures(tables)),
        ladders=list(ladder_figures(tables)),
        transplants=list(transplant_figures(tables)),
        emergence=emergence_figure(tables),
        tasks=[task_view(study, tables, name) for name in task_names(tables)],
        similarity=[view for name in task_names(tables) if (view := similarity_figure(tables, name))],
        similarity_scale=scale(),
        readouts=readout_figure(tables),
        entries=candidates_toml(tables["candidates"]) if "candidates" in tables else "",
        views={view.id: view for view in (*table_views(tables), *factor_tables(tables))},
        manifest=_manifest(study.manifest),
        failures=[cell for cell in study.manifest.get("cells", ()) if cell.get("status") == "failed"],
        networks_json="" if shown_networks(tables).empty else _DATA,
    )
    # What figures and tables leave of the page is for the networks.
    room = LIMIT - len(text.encode())
    return text.replace(_DATA, dumped(network_data(study, tables, budget=min(BUDGET, room))), 1)


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest for reading: a command as it was typed."""
    shown = dict(manifest)
    command = shown.get("command")
    if isinstance(command, list):
        shown["command"] = " ".join(map(str, command))
    return shown
