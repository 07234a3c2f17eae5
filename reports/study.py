"""Study: the grid of cells trained, read, compared and reported, in a folder that a killed run resumes in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import MathCircuitsError

from .stopping import end_workers
from .studies.cells import Outcome, study_cells
from .studies.config import StudyConfig, as_config
from .studies.folder import Study
from .studies.manifest import check_compiler, claim, record
from .studies.progress import ProgressDisplay
from .studies.tabulating import write_tables
from .studies.workers import check_workers, run_cells

if TYPE_CHECKING:
    pass

ConfigLike = StudyConfig | Mapping[str, Any] | str | os.PathLike[str] | None


def run_study(
    config: ConfigLike,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Study:
    """Train, read, compare and report; what is there already is kept.

    A run that was killed goes on where it was; several processes may work in one folder. A cell that fails is
    named in `Study.failures` and does not stop the others. The tables are the same whoever worked on the cells.

    A process that works on cells holds one of at most 256 networks, the one that writes the tables those of one
    task, size and regimen; `Study.manifest["peak_mb"]` says what both have come to (docs/howto/cluster.md has figures).

    Args:
        config: a StudyConfig, a mapping of its fields, the path of a TOML file, or None for the default.
        out: the study's folder, made where it is missing.
        workers: processes of this machine; 1 works in this one.
        scheduler: the address of a dask scheduler whose workers do the cells (`tcp://HOST:8786`), or the file that
            `dask scheduler --scheduler-file` writes; needs the extra `mathcircuits[dask]`, and a folder that the
            workers share.
        progress: None shows a bar on a terminal, and in a pipe a line with the time left every half a minute; True
            shows a line after every cell there; False shows nothing.

    Raises:
        InputError: for an unusable configuration, or a folder that holds a study with another one.
        FileError: where the folder cannot be written, or a worker of the cluster does not see it.
        MathCircuitsError: where every cell failed, dask is missing, or the scheduler does not answer.

    Examples:
        >>> import tempfile
        >>> tiny = {"tasks": ["absolute"], "widths": ["1x"], "seeds": 2, "regimens": ["osier"], "steps": 20}
        >>> study = run_study(tiny, tempfile.mkdtemp())  # doctest: +SKIP
        >>> study.tables["success"][["task", "n"]].values.tolist()  # doctest: +SKIP
        [['absolute', 2]]
    """
    from .pages.page import write_report

    check_workers(workers, scheduler)
    checked, folder = as_config(config), Path(out)
    cells = study_cells(checked)
    started = claim(folder, checked)
    check_compiler(folder, cells)
    clock = time.perf_counter()
    with ProgressDisplay(cells, progress) as display:
        outcomes: dict[str, Outcome] = {}
        try:
            for outcome in run_cells(cells, folder, workers=workers, scheduler=scheduler):
                outcomes[outcome.cell] = outcome
                display.add(outcome)
        except KeyboardInterrupt:
            display.say(
                f"{len(outcomes)} of {len(cells)} cells are finished and kept: the same command goes on from there"
            )
            if workers > 1:
                end_workers()
            raise
        seconds = {"cells": time.perf_counter() - clock}
        finished = [cell for cell in cells if outcomes[cell.key].status != "failed"]
        if not any(not cell.derived for cell in finished):
            first = next(outcome for outcome in outcomes.values() if outcome.status == "failed")
            record(folder, cells, outcomes, seconds, started)
            trouble = folder / "networks" / f"{first.cell}.error.txt"
            more = f" (the traceback stands in {trouble.relative_to(folder)})" if trouble.is_file() else ""
            raise MathCircuitsError(
                f"{folder}: no cell of the study finished; {first.cell}: {first.error}{more}"
            )
        display.stage("tables")
        clock = time.perf_counter()
        write_tables(
            finished, folder, display.stage, checked.factors, checked.fibre, sequential=checked.sequential
        )
        seconds["tables"] = time.perf_counter() - clock
        record(folder, cells, outcomes, seconds, started)
        display.stage("page")
        clock = time.perf_counter()
        write_report(folder)
        seconds["page"] = time.perf_counter() - clock
        record(folder, cells, outcomes, seconds, started)
    return Study.load(folder)
