"""Condition work: the parts of all conditions, made in this process, in several of this machine, or on a cluster.

In this process rows go straight into the study's tables. Elsewhere each condition's worker writes the rows of its
networks into files of its own, which `tabulating` joins in order; only what is small travels between processes.
"""

from __future__ import annotations

import secrets
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mathcircuits.detect import MathCircuitsError, Task, tasks

from ..cell import Cell
from ..cells import one_thread, peak_memory
from ..factors import AnyFactors
from ..workers import CellJob, cell_jobs, cluster_client, fit_for, fit_on_cluster, seen_by_workers
from .rowwriters import Add, row_writers

if TYPE_CHECKING:
    from mathcircuits.detect.universality import Orbits

    from .conditionparts import ConditionPart

#: The folder of what workers write, below the study's tables; it is gone when these are there.
PARTS = "parts"


@dataclass(frozen=True)
class ConditionJob:
    """A condition with all that another process needs to make its part.

    Attributes:
        first: the job of its first cell: what makes a process fit for the condition.
        cells: all of them.
        folder: of its own, where its rows go.
        factors: what the study crosses, whose levels become columns.
    """

    first: CellJob
    cells: tuple[Cell, ...]
    folder: Path
    factors: AnyFactors | None


@dataclass(frozen=True, eq=False)
class Made:
    """A condition's part and what it took.

    Attributes:
        part: what its worker hands back.
        rows: the files of its networks' rows by table; none where they were added at once.
        spent: by its worker; nothing where this process made it.
    """

    part: ConditionPart
    rows: Mapping[str, Path]
    spent: Spent


@dataclass(frozen=True)
class Spent:
    """What workers took beside the process that joins their parts.

    Attributes:
        cpu: seconds of a core.
        peak_mb: the most memory of one of them, in MiB; None where the system does not tell.

    Examples:
        >>> Spent(2.0, 300.0).and_more(Spent(1.0, 200.0)).and_more(Spent())
        Spent(cpu=3.0, peak_mb=300.0)
    """

    cpu: float = 0.0
    peak_mb: float | None = None

    def and_more(self, other: Spent) -> Spent:
        """Both together."""
        known = [peak for peak in (self.peak_mb, other.peak_mb) if peak is not None]
        return Spent(self.cpu + other.cpu, max(known, default=None))


@lru_cache(maxsize=64)
def orbits_of(task: Task) -> Orbits:
    """The orbits of a task's features, which all its conditions ask for."""
    from mathcircuits.detect.universality import Orbits

    return Orbits(task)


def made_here(cells: Sequence[Cell], out: Path, add: Add) -> Made:
    """A condition's part, its rows added at once."""
    from .conditionparts import condition_part

    with one_thread():
        return Made(condition_part(cells, out, orbits_of(tasks[cells[0].task]), add), {}, Spent())


def made_elsewhere(
    conditions: Sequence[Sequence[Cell]],
    out: Path,
    factors: AnyFactors | None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
) -> Iterator[Made]:
    """The parts of conditions in their order, made by workers; what a killed one leaves is made in this process.

    Args:
        conditions: the finished cells of each; out: the study's folder.
        factors: what the study crosses.
        workers, scheduler: as of `run_cells`.
    """
    root = (out if scheduler is None else out.resolve()) / "tables" / PARTS
    shutil.rmtree(root, ignore_errors=True)
    try:
        found = (
            _in_processes(_jobs(conditions, out, root, factors), workers)
            if scheduler is None
            else _on_cluster(conditions, out.resolve(), root, factors, scheduler)
        )
        for made in found:
            yield made
            for path in made.rows.values():
                path.unlink(missing_ok=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def make(job: ConditionJob) -> Made:
    """Make a condition's part in another process; errors are those of `fit_for`."""
    fit_for(job.first)
    return _written(job)


def make_on_cluster(job: ConditionJob) -> Made:
    """Make a condition's part on a dask worker; errors are those of `fit_on_cluster`."""
    fit_on_cluster(job.first)
    return _written(job)


def _written(job: ConditionJob) -> Made:
    """A condition's part, its rows in files of its folder."""
    from .conditionparts import BY_NETWORK

    core = time.process_time()
    job.folder.mkdir(parents=True, exist_ok=True)
    paths = {name: job.folder / f"{name}.parquet" for name in BY_NETWORK}
    with row_writers(paths, job.factors) as rows:
        part = made_here(job.cells, job.first.out, rows.add).part
    return Made(part, paths, Spent(time.process_time() - core, peak_memory()))


def _jobs(
    conditions: Sequence[Sequence[Cell]],
    out: Path,
    root: Path,
    factors: AnyFactors | None,
    beacon: Path | None = None,
) -> list[ConditionJob]:
    firsts = cell_jobs((cells[0] for cells in conditions), out, beacon)
    return [
        ConditionJob(firsts[cells[0].key], tuple(cells), root / f"{number}", factors)
        for number, cells in enumerate(conditions)
    ]


def _in_processes(jobs: Sequence[ConditionJob], workers: int) -> Iterator[Made]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    ended = 0
    with warnings.catch_warnings():
        # loky takes the memory that torch needs for a leak, starts another worker and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            pool = Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="n_jobs")
            for made in pool(delayed(make)(job) for job in jobs):
                ended += 1
                yield made
        except TerminatedWorkerError:
            # A killed process takes the rest of the call with it: one at a time they need less memory.
            yield from map(_written, jobs[ended:])


def _on_cluster(
    conditions: Sequence[Sequence[Cell]], out: Path, root: Path, factors: AnyFactors | None, address: str
) -> Iterator[Made]:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    with cluster_client(address) as client, seen_by_workers(out) as beacon:
        jobs = _jobs(conditions, out, root, factors, beacon)
        # A fresh group: the scheduler remembers the results and failures of those it has seen.
        group = f"mathcircuits-{secrets.token_hex(4)}"
        keys = [(group, number) for number in range(len(jobs))]
        futures = client.map(make_on_cluster, jobs, key=keys, pure=False)
        for job, future in zip(jobs, futures, strict=True):
            try:
                yield future.result()
            except KilledWorker:
                yield _written(job)
            except CancelledError:
                raise MathCircuitsError(
                    f"the dask scheduler at {address} was lost or has dropped the study's conditions: its cells are "
                    "finished and kept; run the same command again once it is back"
                ) from None
            future.release()
