"""The benchmark of universality: verdicts over tasks, widths, depths, regimens and seeds, on a fixed grid.

A study trains and reads the grid's networks in the folder `study`, where a killed run resumes. Its tables become one
result, which holds no clocks: two runs of one version end in the same file, however often they were killed. The stated
bounds stand beside it: verdicts on populations whose prevalence is known, measures of similarity on layers and networks
whose relation is known, how many networks the verdicts rest on, and how long it takes.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import tasks

from ...studies.cells import one_thread
from ...studies.ensemblefiles import load_ensemble
from ...studies.folder import Study
from ...studies.manifest import reading_versions
from ...studies.reading import untrained_networks
from ...studies.storage import atomic, write_csv
from ...studies.workers import worth_workers
from ...study import run_study
from ..results import Benchmark
from ..scores import Bound, Score, Setting
from .comparing import compare, comparison_lines
from .grid import ENOUGH, Grid, load_grid
from .populations import SIZES, population_scores
from .scoring import UNTRAINED_READ, untrained_circuits
from .similarities import similarity_scores
from .verdictresults import VerdictResult
from .verdictrows import Untrained, condition_rows, verdict_rows

if TYPE_CHECKING:
    import pandas as pd

NAME = "universality"
NETWORKS, CLOCK = "networks", "time"
#: Where the study lies in the benchmark's folder.
STUDY = "study"
SOLVED_ENOUGH = Bound(
    f"grid: at least {ENOUGH} solved networks wherever verdicts rest on them", ENOUGH, most=False
)
FINISHED = Bound("grid: no cell failed", 0)
#: `forced` is a theorem: one network that lacks it shows an error in the theorem, the reading or the solving.
THEOREMS = Bound("grid: what is called forced is in every solved network", 0)
#: Required on two cores.
MINUTES = Bound("grid: trained, read and reported in under 60 minutes", 60)
QUICK_MINUTES = Bound("grid, quick: trained, read and reported in under 3 minutes", 3)
#: Sizes of the populations of a quick run.
_QUICK_SIZES, _QUICK_PAIRS = tuple(n for n in SIZES if n <= 300), 60
COMPARISON = "comparison.csv"


@dataclass(frozen=True, eq=False)
class Universality:
    """A run of the benchmark.

    Attributes:
        result: verdicts and ladders, comparable with another run's.
        checks: the stated bounds.
        page: the study's page; None where it was written to a temporary folder.
        compared: rows that differ from another result, where one was given.

    Examples:
        >>> Universality.name
        'universality'
    """

    result: VerdictResult
    checks: Benchmark
    page: Path | None = None
    compared: pd.DataFrame | None = None

    name = NAME

    @property
    def passed(self) -> bool:
        """Whether every stated bound is kept."""
        return self.checks.passed

    @property
    def summary(self) -> tuple[str, ...]:
        """What came out in sentences, the bounds, what differs from the other result, and where the page is."""
        lines = [*self.result.sentences, *self.checks.summary]
        if self.compared is not None:
            lines += comparison_lines(self.compared)
        return (*lines, *([str(self.page)] if self.page else []))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the result, and the bounds under `checks`."""
        return {**self.result.to_dict(), "checks": self.checks.to_dict()}

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write the result's files, the bounds' files, summary.txt and (where compared) comparison.csv into a folder.

        Raises:
            FileError: where it cannot be written.
        """
        folder = self.result.write(out)
        self.checks.write(folder)
        if self.compared is not None:
            write_csv(folder / COMPARISON, self.compared)
        with atomic(folder / "summary.txt") as file:
            file.write_text("\n".join(self.summary) + "\n", "utf-8")
        return folder

    def __repr__(self) -> str:
        return f"Universality({self.result!r}, {self.checks!r})"

    def _repr_html_(self) -> str:
        return self.result._repr_html_() + self.checks._repr_html_()


def run_universality(
    *,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    against: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    grid: Grid | None = None,
) -> Universality:
    """Train and read the grid, judge it, check the bounds: about half an hour on two cores, `quick` a tenth of it.

    Args:
        quick: the small grid, and fewer checks.
        out: a folder for the study and the results; a killed run resumes there. None keeps nothing.
        seed: of what the checks draw; the grid has its own seeds.
        workers: processes; None for one per core.
        scheduler: of a dask cluster that works on the cells instead (see `run_study`); the time, stated for two
            cores, then has no bound.
        against: a result of before, or its folder, to compare this one with.
        progress: whether to show progress; None shows it on a terminal, and a line now and then in a pipe.
        grid: another grid.

    Raises:
        FileError: where `out` cannot be written or holds another grid's study, or `against` no result.
        MathCircuitsError: where every cell failed.
    """
    chosen = grid or load_grid(quick=quick)
    before = None if against is None else VerdictResult.load(against)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        count = workers
        if count is None:
            count = 1 if scheduler else worth_workers(chosen.config)
        study = run_study(
            chosen.config, folder / STUDY, workers=count, scheduler=scheduler, progress=progress
        )
        seconds = _seconds(study, count)
        clock = time.perf_counter()
        result = result_of(study, chosen)
        seconds["results"] = time.perf_counter() - clock
        clock = time.perf_counter()
        scores = [*_grid_scores(study, chosen, result)]
        if scheduler is None:
            scores.append(_time_score(study, chosen, seconds, quick or chosen.name == "quick"))
        scores += population_scores(_QUICK_SIZES if quick else SIZES)
        scores += similarity_scores(seed=seed, **({"pairs": _QUICK_PAIRS} if quick else {}))
        seconds["checks"] = time.perf_counter() - clock
        # The commit that ran last; the result goes by versions, which say what decides its figures.
        ran = {"git": study.manifest["git"], "machine": study.manifest["machine"], "workers": count}
        about = {**result.about, "grid": chosen.name, "grid_version": chosen.version, **ran}
        checks = Benchmark(NAME, quick, seed, tuple(scores), seconds, about)
        compared = None if before is None else compare(before, result)
        found = Universality(result, checks, None if out is None else study.page, compared)
        if out is not None:
            found.write(folder)
    return found


def result_of(study: Study, grid: Grid) -> VerdictResult:
    """The verdicts of a finished study of a grid.

    Raises:
        FileError: where the study's tables are missing or damaged.
    """
    with one_thread():
        untrained = _untrained(study, study.tables["circuits"])
    return VerdictResult(
        grid.name,
        grid.version,
        reading_versions(),
        condition_rows(study.tables, grid.rests),
        verdict_rows(study.tables, untrained, grid.rests),
        study.tables["ladder"],
        study.tables["sweep"],
    )


def _untrained(study: Study, circuits: pd.DataFrame) -> Untrained:
    """Circuits in untrained networks, of the conditions whose trained ones hold any."""
    holding = set(zip(circuits["task"], circuits["hidden"], circuits["regimen"], strict=True))
    found = {}
    for cell in study.cells:
        key = (cell.task, cell.sizes, cell.regimen.name)
        if cell.derived or key in found or key not in holding:
            continue
        path = cell.weights_file(study.out)
        if path.is_file():  # else the cell failed
            ensemble = load_ensemble(path)
            few = ensemble.select(ensemble.seeds[:UNTRAINED_READ])
            found[key] = untrained_circuits(untrained_networks(few).values(), tasks[cell.task])
    return found


def _seconds(study: Study, workers: int) -> dict[str, float]:
    """What the study took on so many workers, the parts of earlier runs included."""
    stages = study.manifest["seconds"]
    return {
        "cells": (stages["train"] + stages["read"]) / workers,
        **{stage: float(stages[stage]) for stage in ("tables", "page")},
    }


def _grid_scores(study: Study, grid: Grid, result: VerdictResult) -> Iterable[Score]:
    for row in result.conditions.to_dict("records"):
        at = Setting(
            f"{row['regimen']}, {row['width'] or row['hidden']}",
            layers=int(row["depth"]),
            width=int(str(row["hidden"]).split("-")[0]),
            task=str(row["task"]),
        )
        bound = SOLVED_ENOUGH if row["rests"] else None
        yield Score(NETWORKS, at, "solved networks", float(row["solved"]), n=int(row["n"]), bound=bound)
    failed = len(study.failures)
    yield Score(
        NETWORKS, Setting(grid.name), "cells failed", float(failed), n=len(study.cells), bound=FINISHED
    )
    forced = result.verdicts[result.verdicts["verdict"] == "forced"]
    lacking = int((forced["found"] < forced["n"]).sum())
    yield Score(
        NETWORKS, Setting(grid.name), "forced but not held", float(lacking), n=len(forced), bound=THEOREMS
    )


def _time_score(study: Study, grid: Grid, seconds: dict[str, float], quick: bool) -> Score:
    """The minutes; without a bound where a run that was killed has taken some of them along."""
    bound: Bound | None = QUICK_MINUTES if quick else MINUTES
    note = "cells' seconds over the workers"
    lost = sum(
        cell["status"] != "failed" and not cell["seconds"].keys() >= {"train", "read"}
        for cell in study.manifest["cells"]
    )
    if lost:
        bound, note = None, f"without those of {lost} cells from a run that was killed"
    return Score(CLOCK, Setting(grid.name), "minutes", sum(seconds.values()) / 60, bound=bound, note=note)


def score_folder(
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    against: str | os.PathLike[str] | None = None,
) -> tuple[VerdictResult, Sequence[str]]:
    """Score the networks in a folder of folders (see `scoring.networks_in`), write, and compare.

    Returns:
        The result, and its summary as lines.

    Raises:
        FileError: where there are no networks, or something cannot be read or written.
        InputError: where a network does not fit its task.
    """
    from .scoring import networks_in, score

    before = None if against is None else VerdictResult.load(against)
    with one_thread():
        result = score(networks_in(folder))
    lines = list(result.sentences)
    if before is not None:
        lines += comparison_lines(compare(before, result))
    if out is not None:
        target = result.write(out)
        if before is not None:
            write_csv(target / COMPARISON, compare(before, result))
        with atomic(target / "summary.txt") as file:
            file.write_text("\n".join(lines) + "\n", "utf-8")
    return result, lines
