"""Page: a study as one self-contained HTML file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mathcircuits.detect import FileError

from ..inputnames import NamedTables
from ..plots.palette import FAMILIES, RUNG_MARKS, STATUSES, every_colour
from ..rowparts import KNOWN, LARGE, TOTALS, TRAINED, parts_of, rows_at, totals
from ..studies.folder import Study
from ..studies.schema import COLUMNS, Tables
from ..studies.selecting.candidaterows import candidates_toml
from ..studies.storage import atomic
from .factorpage import effect_sentences, factor_page, factor_tables, norm_figure
from .findings import findings, verdict_legend
from .networks.data import BUDGET, best_readouts, dumped, known_networks, network_data, shown_networks
from .opening.headlines import headlines, title
from .opening.tiles import tile_data, tiles
from .pagetables import table_views
from .regimensection import cause_figure, cause_words, success_figure, width_figure
from .sections.computing import forms_figure, lambda_figure, length_figure
from .sections.configuration import config_toml
from .sections.explained import explained
from .sections.filetable import file_table
from .sections.laddermatrix import ladder_html
from .sections.periodic import periodic_html
from .sections.solving import cost_figure, loss_figure
from .selections import (
    CELL,
    HELD_NEURONS,
    OF_DIRECTIONS,
    OF_NEURONS,
    READOUTS,
    STATUS_COUNTS,
    derived_share,
    directions_summary,
    status_counts,
    task_names,
)
from .tasksections import task_view
from .templating import render
from .universalsection import (
    circuit_figure,
    cluster_figures,
    emergence_figure,
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
    study.tables.narrow("networks", list(COLUMNS["networks"]), KNOWN)
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
    tables = page_tables(study.tables)
    names = task_names(tables)
    # Where the data of its networks will stand: a text that no name in a table can be.
    place = f"@{secrets.token_hex(16)}@"
    made = tiles(study, tables)
    files = getattr(study, "files", ())
    text = render(
        "page.html",
        colours=every_colour(),
        families=FAMILIES,
        statuses=STATUSES,
        title=title(tables, study.manifest),
        headlines=headlines(tables),
        tiles=made,
        tile_data=tile_data(made),
        findings=findings(tables),
        explained=explained(study, tables),
        success=success_figure(tables),
        widths=width_figure(tables),
        losses=loss_figure(study) if "success" in tables else None,
        costs=cost_figure(tables),
        forms=forms_figure(tables),
        decides=list(effect_sentences(tables)) if "effects" in tables else [],
        lambdas=lambda_figure(tables),
        lengths=length_figure(tables),
        circuits=circuit_figure(tables),
        norms=norm_figure(tables),
        periodic=periodic_html(tables),
        legend=verdict_legend(),
        ladder=ladder_html(tables),
        rung_marks=RUNG_MARKS,
        clusters=list(cluster_figures(tables)),
        similarity=[view for name in names if (view := similarity_figure(tables, name))],
        similarity_scale=scale(),
        emergence=emergence_figure(tables),
        causes=cause_figure(tables),
        cause_words=cause_words(tables),
        tasks=[task_view(study, tables, name) for name in names],
        transplants=list(transplant_figures(tables)),
        readouts=readout_figure(tables),
        entries=candidates_toml(tables["candidates"]) if "candidates" in tables else "",
        views={view.id: view for view in (*table_views(tables), *factor_tables(tables), *file_table(files))},
        config=config_toml(study.manifest.get("config") or {}),
        read_from=(study.manifest.get("config") or {}).get("networks", ""),
        files=len(files),
        unread=[file for file in files if file.status == "unread"],
        manifest=_manifest(study.manifest),
        failures=[cell for cell in study.manifest.get("cells", ()) if cell.get("status") == "failed"],
        networks_json="" if shown_networks(tables).empty else place,
        shown=len(shown_networks(tables)),
        known=known_networks(tables),
    )
    # What figures and tables leave of the page is for the networks.
    room = LIMIT - len(text.encode())
    return text.replace(place, dumped(network_data(study, tables, budget=min(BUDGET, room))), 1)


def page_tables(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables that a page is made of, those without rows left out; each row over the names of its task's inputs.

    Of the largest tables there are the rows of the networks that the page shows, and summaries of all rows.

    Args:
        tables: the study's, on disk or as frames.
    """
    named = NamedTables(tables)
    made = {name: frame for name in tables if name not in LARGE and len(frame := named[name])}
    made[READOUTS] = directions_summary(made, parts_of(tables, "directions", OF_DIRECTIONS, TRAINED))
    made[HELD_NEURONS] = derived_share(made, parts_of(tables, "neurons", OF_NEURONS, TRAINED))
    made[STATUS_COUNTS] = status_counts(made, parts_of(tables, "neurons", OF_NEURONS, TRAINED))
    made[TOTALS] = totals(tables)
    shown = set(shown_networks(made).get("network", ()))
    rows = {
        "neurons": rows_at(tables, "neurons", tuple(COLUMNS["neurons"]), shown),
        "directions": rows_at(tables, "directions", DIRECTIONS, shown, best_readouts),
    }
    return made | {name: frame for name, frame in rows.items() if len(frame)}


def _manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest for reading: a command as it was typed."""
    shown = dict(manifest)
    command = shown.get("command")
    if isinstance(command, list):
        shown["command"] = " ".join(map(str, command))
    return shown
