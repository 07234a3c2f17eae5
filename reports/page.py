"""Page: a study as one self-contained HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mathcircuits.detect import FileError

from .findings import findings, verdict_legend
from .networkdata import dumped, network_data
from .pagetables import table_views
from .palette import FAMILIES, RUNG_MARKS, STATUSES, every_colour
from .regimensection import cause_figure, cost_figure, success_figure, width_figure
from .selections import task_names
from .tables import candidates_toml
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
        mathcircuits.detect.errors.FileError: no-such-folder: is no folder; make a study there with ...
    """
    from .study import Study

    folder = Path(out)
    if not folder.is_dir():
        raise FileError(out, "is no folder", f"make a study there with `mathcircuits study --out {out}`")
    text = page(Study.load(folder))
    path = folder / "report" / "index.html"
    unfinished = path.with_suffix(".part")
    try:
        path.parent.mkdir(exist_ok=True)
        unfinished.write_text(text, "utf-8")
        # Renamed at once: a reader never meets half a page.
        unfinished.replace(path)
    except OSError as error:
        remedy = "free the name or choose a folder that can be written"
        raise FileError(path, f"cannot be written ({error.strerror})", remedy) from None
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
    return render(
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
        clusters=list(cluster_figures(tables)),
        ladders=list(ladder_figures(tables)),
        transplants=list(transplant_figures(tables)),
        emergence=emergence_figure(tables),
        tasks=[task_view(study, tables, name) for name in task_names(tables)],
        similarity=[view for name in task_names(tables) if (view := similarity_figure(tables, name))],
        similarity_scale=scale(),
        readouts=readout_figure(tables),
        entries=candidates_toml(tables["candidates"]) if "candidates" in tables else "",
        views={view.id: view for view in table_views(tables)},
        manifest=_manifest(study.manifest),
        failures=[cell for cell in study.manifest.get("cells", ()) if cell.get("status") == "failed"],
        networks_json=Markup(dumped(content)) if (content := network_data(study, tables)) else "",
    )


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest for reading: a command as it was typed."""
    shown = dict(manifest)
    command = shown.get("command")
    if isinstance(command, list):
        shown["command"] = " ".join(map(str, command))
    return shown
