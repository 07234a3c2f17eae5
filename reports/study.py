"""Study: cells trained or gathered, read, compared and reported, in a folder that a killed run resumes in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mathcircuits.detect import Domain, InputError, MathCircuitsError, Task, tasks

from .stopping import end_workers
from .studies.cell import Cell
from .studies.cells import Outcome, study_cells
from .studies.config import StudyConfig, as_config
from .studies.factors import AnyFactors
from .studies.folder import Study
from .studies.manifest import check_compiler, claim, record
from .studies.populations.gathering import DomainOf, gather, write_population
from .studies.populations.listing import Networks, list_networks
from .studies.populations.populationconfig import AnyConfig, PopulationConfig, named_source
from .studies.progress import ProgressDisplay
from .studies.tabulating import write_tables
from .studies.workers import check_workers, run_cells, usable_cores

#: Cells of networks that were trained elsewhere which pay for the start of other processes.
_WORTH = 4

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
    check_workers(workers, scheduler)
    checked, folder = as_config(config), Path(out)
    cells = study_cells(checked)
    started = claim(folder, checked)
    check_compiler(folder, cells)
    return _run(checked, cells, folder, started, workers, scheduler, progress, factors=checked.factors)


def study_of(
    networks: Networks,
    out: str | os.PathLike[str],
    *,
    task: Task | str | None = None,
    domain: Domain | DomainOf | None = None,
    domain_text: str = "",
    by: Sequence[str] | None = None,
    threshold: float | None = None,
    activation: str | None = None,
    fibre: int | None = None,
    sequential: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Study:
    """Read, compare and report networks that were trained elsewhere: the tables, verdicts and page of a study.

    Networks of one function, size and recipe are one condition. Without a task the functions are found: two networks
    compute one where their mean squared difference is below the threshold, after a signed permutation of the inputs
    that the domain allows. Each function is a task of the study. Untrained networks beside them keep each network's
    shape and offsets and point elsewhere. Checkpoints (`step`) show when the features of the last ones appear.

    Args:
        networks: a folder, a table (`path`, `seed`, and where there are any `task`, `step` and the columns that tell
            conditions apart), several of them, a frame, or lists of networks by the name of a condition.
        out: the study's folder; a run that was killed goes on there.
        task: that of all networks, or its name; None for what the table says, or the functions that are found.
        domain: the inputs where functions are found, or what gives them for a number of inputs; None for [-1, 1].
        domain_text: the domain as its options say it, for the manifest; by default its own words.
        by: the columns that tell conditions apart; None for all but `path`, `seed`, `step` and `task`.
        threshold: the mean squared error below which a network computes its function; None for 0.0001 of its variance.
        activation: between the layers of files that do not say it.
        fibre, sequential: as of a `StudyConfig`.
        workers: processes of this machine; None for one per core, and 1 for few cells.
        scheduler, progress: as of `run_study`.

    Raises:
        InputError: where columns are missing, two rows are one network, a condition holds networks of several
            numbers of inputs, a network does not fit its task, or no two compute the same function.
        FileError: where no network can be read, or the folder cannot be written or holds another study.
        MathCircuitsError: as of `run_study`.

    Examples:
        >>> import tempfile
        >>> from mathcircuits.detect import hand_derived
        >>> forms = {name: [hand_derived(name)] * 3 for name in ("minimum", "minimum-older-form")}
        >>> study = study_of(forms, tempfile.mkdtemp())  # doctest: +SKIP
        >>> study.tables["success"][["task", "regimen", "solved"]].values.tolist()  # doctest: +SKIP
        [['minimum', 'minimum', 3], ['minimum', 'minimum-older-form', 3]]
    """
    check_workers(1 if workers is None else workers, scheduler)
    folder = Path(out)
    known = tasks[task] if isinstance(task, str) else task
    if known is not None and domain is not None:
        raise InputError(f"a domain beside the task {known.name!r}, which has its own: leave one of them out")
    where: DomainOf | None = (
        domain if not isinstance(domain, Domain) else lambda inputs: Domain.of(domain, inputs)
    )
    config = PopulationConfig(
        named_source(networks),
        "" if known is None else known.name,
        None if by is None else tuple(by),
        domain_text or (domain.text if isinstance(domain, Domain) else ""),
        threshold,
        activation,
        fibre,
        sequential,
    )
    listed = list_networks(networks, by)
    found = gather(listed, task=known, domain=where, threshold=threshold, activation=activation)
    started = claim(folder, config)
    write_population(found, folder)
    if workers is None:
        worth = scheduler is None and len(found.cells) >= _WORTH
        workers = min(usable_cores(), len(found.cells)) if worth else 1
    return _run(
        config, list(found.cells), folder, started, workers, scheduler, progress, factors=found.factors
    )


def _run(
    config: AnyConfig,
    cells: list[Cell],
    folder: Path,
    started: str,
    workers: int,
    scheduler: str | None,
    progress: bool | None,
    *,
    factors: AnyFactors | None,
) -> Study:
    """Work on the cells of a study, then write its tables and its page."""
    from .pages.page import write_report

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
        clock, core = time.perf_counter(), time.process_time()
        spent = write_tables(
            finished,
            folder,
            display.stage,
            factors,
            config.fibre,
            sequential=config.sequential,
            workers=workers,
            scheduler=scheduler,
        )
        seconds["tables"] = time.perf_counter() - clock
        cpu = {"tables": time.process_time() - core + spent.cpu, "conditions": spent.cpu}
        record(folder, cells, outcomes, seconds, started, cpu, spent.peak_mb)
        display.stage("page")
        clock, core = time.perf_counter(), time.process_time()
        write_report(folder)
        seconds["page"], cpu["page"] = time.perf_counter() - clock, time.process_time() - core
        record(folder, cells, outcomes, seconds, started, cpu, spent.peak_mb)
    return Study.load(folder)
