"""Workers: a study's cells worked on in this process, in several of this machine (joblib), or on a cluster (dask).

All three hand out the same `CellJob` and give the same `Outcome`s, in whatever order the cells end. A cell whose worker
is killed is tried again alone, so that it can harm no other; killed there too, it is reported as failed.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Task, tasks

from ..stopping import end_with
from .cell import Cell, reading_hash
from .cells import Outcome, run_cell, study_cells
from .config import StudyConfig, as_config
from .manifest import compiles
from .progress import expected_seconds

if TYPE_CHECKING:
    from distributed import Client

#: Cells that pay for the start of another process.
_CELLS_A_WORKER = 8
#: Seconds that a scheduler has to answer, and that a new file has to show on another machine: attributes of a
#: network file system are kept for a few seconds.
_ANSWERS_IN, _SHOWS_IN = 10.0, 10.0
#: Tries of a cell that may have killed its process: it need not have been this one the first time.
_TRIES_ALONE = 2
_KILLED = "the process that worked on it was killed (out of memory?)"


@dataclass(frozen=True)
class CellJob:
    """A cell with all that another process needs to work on it as this one would.

    Attributes:
        cell: the cell, its key known.
        task: its task, which the other process may not know, or know otherwise.
        out: the study's folder.
        catalogue: what `reading_hash` gives here.
        beacon: a file in that folder that a worker on another machine must see; None in this machine's processes.
        parent: the process with which a worker of this machine ends; None on a cluster.
        compiles: whether this machine has a C++ compiler: without one training gives other last digits.
    """

    cell: Cell
    task: Task
    out: Path
    catalogue: str
    beacon: Path | None = None
    parent: int | None = None
    compiles: bool = True


def run_cells(
    cells: Iterable[Cell], out: Path, *, workers: int = 1, scheduler: str | None = None
) -> Iterator[Outcome]:
    """The outcome of every cell, in whatever order they end; those that another study's process has come last.

    Args:
        cells: what to work on.
        out: the study's folder.
        workers: processes of this machine; 1 works in this one.
        scheduler: the address of a dask scheduler whose workers do it instead, or the file that
            `dask scheduler --scheduler-file` writes.

    Raises:
        InputError: for a number of workers below 1, or both more than one and a scheduler.
        MathCircuitsError: where dask is not installed, the scheduler does not answer or is lost, or its workers
            cannot do the work: they do not see the folder, have several threads, or another catalogue.
    """
    check_workers(workers, scheduler)
    listed = list(cells)
    if scheduler is None and workers == 1:
        found: Iterator[Outcome] = (run_cell(cell, out, wait=False) for cell in listed)
    else:
        # The longest first, or the last to end would keep one worker busy and the others waiting.
        listed.sort(key=expected_seconds, reverse=True)
        found = (
            _in_processes(listed, out, workers) if scheduler is None else _on_cluster(listed, out, scheduler)
        )
    busy: list[Cell] = []
    by_key = {cell.key: cell for cell in listed}
    for outcome in found:
        if outcome.status == "busy":
            busy.append(by_key[outcome.cell])
        else:
            yield outcome
    for cell in busy:
        yield run_cell(cell, out)


def check_workers(workers: Any, scheduler: str | None = None) -> None:
    """Refuse a number of workers that is none.

    Examples:
        >>> check_workers(0)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: workers = 0: give a whole number of processes, at least 1
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers = {workers!r}: give a whole number of processes, at least 1")
    if scheduler is not None and workers > 1:
        raise InputError(
            f"workers = {workers} and a scheduler at {scheduler}: a cluster brings its own workers; give one of the two"
        )


def worth_workers(config: StudyConfig | Mapping[str, Any] | str | os.PathLike[str] | None = None) -> int:
    """How many processes a study is worth here: one per core, but none that starts for less than a few cells.

    Examples:
        >>> worth_workers({"tasks": ["absolute"], "widths": ["1x"], "regimens": ["adam"]})
        1
    """
    # A process starts in about five seconds, which is what a few cells take.
    return max(1, min(usable_cores(), len(study_cells(as_config(config))) // _CELLS_A_WORKER))


def usable_cores() -> int:
    """The cores that this process may use.

    Examples:
        >>> usable_cores() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work(job: CellJob) -> Outcome:
    """Work on a job's cell in another process, as the one that made the job would; errors are those of `fit_for`."""
    fit_for(job)
    return run_cell(job.cell, job.out, wait=False)


def fit_for(job: CellJob) -> None:
    """Make this process fit for a job: it learns the task, and ends with the process that made the job.

    Raises:
        MathCircuitsError: where this process would read the networks by another catalogue.
    """
    if job.parent is not None:
        end_with(job.parent)
    if job.compiles != compiles():
        here, there = ("no", "a") if job.compiles else ("a", "no")
        raise MathCircuitsError(
            f"{_whereabouts()}: has {here} C++ compiler, the study's own machine {there} one, and training differs in "
            "its last digits with and without: install g++ or clang++ on every machine"
        )
    # A copy works its key out anew, from the task that this process knows by that name.
    if job.task.name not in tasks or replace(job.cell).key != job.cell.key:
        tasks.add(job.task, replace=True)
    if reading_hash() != job.catalogue:
        raise MathCircuitsError(
            f"{_whereabouts()}: reads by another catalogue or version of mathcircuits than the study "
            f"({reading_hash()} there, {job.catalogue} here): install the same version on every worker, and the "
            "same entries of your own (`mathcircuits add`)"
        )


def work_on_cluster(job: CellJob) -> Outcome:
    """`work`, on a dask worker that is fit for it; errors are those of `fit_on_cluster`."""
    fit_on_cluster(job)
    return run_cell(job.cell, job.out, wait=False)


def fit_on_cluster(job: CellJob) -> None:
    """`fit_for`, on a dask worker.

    Raises:
        FileError: where the worker does not see the study's folder.
        MathCircuitsError: where it works on several cells at once in one process.
    """
    from distributed import get_worker

    threads = get_worker().state.nthreads
    if threads > 1:
        # Settings of torch and of the task registry belong to the process.
        raise MathCircuitsError(
            f"{_whereabouts()}: has {threads} threads: start the workers with --nthreads 1, one process per core"
        )
    deadline = time.monotonic() + _SHOWS_IN
    while job.beacon is not None and not job.beacon.is_file():
        if time.monotonic() > deadline:
            raise FileError(
                job.out,
                f"cannot be seen by the worker {_whereabouts()}",
                "give a folder on a file system that all workers share, under the same path",
            )
        time.sleep(0.2)
    fit_for(job)


def cell_jobs(cells: Iterable[Cell], out: Path, beacon: Path | None = None) -> dict[str, CellJob]:
    """The jobs of cells by their keys; with a beacon for the workers of a cluster."""
    catalogue, parent = reading_hash(), os.getpid() if beacon is None else None
    return {
        cell.key: CellJob(cell, tasks[cell.task], out, catalogue, beacon, parent, compiles())
        for cell in cells
    }


def _in_processes(cells: list[Cell], out: Path, workers: int) -> Iterator[Outcome]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = cell_jobs(cells, out)
    job = delayed(work)
    with warnings.catch_warnings():
        # loky takes the memory that torch needs for a leak, starts another worker and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        while left:
            begun: dict[str, CellJob] = {}

            def handed_out(begun: dict[str, CellJob] = begun) -> Iterator[Any]:
                for key, item in list(left.items()):
                    begun[key] = item
                    yield job(item)

            try:
                # Handed out one by one, so that few cells are in doubt when a process is killed.
                pool = Parallel(
                    n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
                )
                with pool as parallel:
                    for outcome in parallel(handed_out()):
                        del left[outcome.cell]
                        yield outcome
            except TerminatedWorkerError:
                # A killed process takes the rest of the call with it, and does not say which cell it had.
                pass
            for key in [key for key in begun if key in left]:
                yield _alone(left.pop(key))


def _alone(item: CellJob) -> Outcome:
    """Work on a cell in a process while no other does, so that one that always kills its process harms no other."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    for _ in range(_TRIES_ALONE):
        try:
            (outcome,) = Parallel(n_jobs=2)([delayed(work)(item)])
            return outcome  # type: ignore[no-any-return]  # joblib has no types
        except TerminatedWorkerError:
            continue
    return Outcome(item.cell.key, "failed", error=_KILLED)


def _on_cluster(cells: list[Cell], out: Path, address: str) -> Iterator[Outcome]:
    # joblib's dask backend would do it in fewer lines, and hangs for ever once a cell's workers keep dying.
    with cluster_client(address) as client, seen_by_workers(out) as beacon:
        jobs = cell_jobs(cells, out.resolve(), beacon)
        doubtful: list[str] = []
        for outcome in _submitted(client, address, list(jobs.values())):
            if outcome.status == "failed" and outcome.error == _KILLED:
                # All cells that a worker holds are blamed for its death.
                doubtful.append(outcome.cell)
            else:
                yield outcome
        for key in doubtful:
            yield from _submitted(client, address, [jobs[key]])


def _submitted(client: Client, address: str, jobs: list[CellJob]) -> Iterator[Outcome]:
    """The outcomes of jobs that the cluster works on at the same time."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker, as_completed

    # One group of tasks, which the scheduler then keeps back until a worker is free; a fresh name, since it
    # remembers the results and failures of those it has seen.
    group = f"mathcircuits-{secrets.token_hex(4)}"
    keys = [(group, job.cell.key) for job in jobs]
    futures = client.map(work_on_cluster, jobs, key=keys, pure=False)
    for future in as_completed(futures, loop=client.loop):
        key = future.key[1]
        try:
            yield future.result()
        except KilledWorker:
            yield Outcome(key, "failed", error=_KILLED)
        except MathCircuitsError:
            raise
        except CancelledError:
            raise MathCircuitsError(
                f"the dask scheduler at {address} was lost or has dropped the study's cells: those that are "
                "finished are kept; run the same command again once it is back"
            ) from None
        except (ImportError, RuntimeError) as error:
            # The scheduler, too, looks into what it hands on, and calls what it cannot import a RuntimeError.
            if isinstance(error, RuntimeError) and "deserialization" not in str(error):
                yield _failed(key, error)
                continue
            raise MathCircuitsError(
                f"the dask scheduler at {address} or its workers cannot read a study's cells ({_first_line(error)}): "
                "install mathcircuits on each, in the same version as here"
            ) from None
        except Exception as error:  # whatever befalls one cell on its way must not stop the others
            yield _failed(key, error)


def _failed(key: str, error: Exception) -> Outcome:
    return Outcome(key, "failed", error=f"{type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def cluster_client(address: str) -> Iterator[Client]:
    """A connection to a scheduler.

    Raises:
        MathCircuitsError: where dask is not installed, or nothing answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MathCircuitsError(
            f'--scheduler {address}: dask.distributed is not installed: pip install "mathcircuits[dask]"'
        ) from None
    place = scheduler_address(address)
    try:
        _knock(place)
        client = Client(place, timeout=_ANSWERS_IN, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = _first_line(error) or type(error).__name__
        raise MathCircuitsError(
            f"no dask scheduler answers at {place} ({reason}): start one with `dask scheduler`, and give the address "
            "that it prints or the file of its --scheduler-file"
        ) from None
    with client:
        yield client


def scheduler_address(given: str) -> str:
    """The address of a scheduler, given as such or as the file that `dask scheduler --scheduler-file` has written.

    Raises:
        InputError: where it is neither.

    Examples:
        >>> scheduler_address("tcp://10.0.0.1:8786")
        'tcp://10.0.0.1:8786'
        >>> scheduler_address("10.0.0.1:8786")
        'tcp://10.0.0.1:8786'
        >>> scheduler_address("10.0.0.1")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: scheduler '10.0.0.1': give tcp://HOST:8786, the address that ...
    """
    address: Any = given
    if Path(given).is_file():
        try:
            address = json.loads(Path(given).read_text("utf-8"))["address"]
        except (OSError, ValueError, TypeError, KeyError):
            raise FileError(
                given,
                "is not a scheduler file",
                "give the one that `dask scheduler --scheduler-file FILE` has written",
            ) from None
    address = address if "://" in str(address) else f"tcp://{address}"
    if not re.fullmatch(r"(tcp|tls|ucx|wss?)://\S+:\d+", address):
        raise InputError(
            f"scheduler {given!r}: give tcp://HOST:8786, the address that `dask scheduler` prints, or the file of its "
            "--scheduler-file"
        )
    return str(address)


def _knock(address: str) -> None:
    """Fail soon where no scheduler listens: dask's client would knock for half a minute, and close as long.

    Raises:
        OSError: where nothing answers, or something else than a scheduler does.
    """
    import asyncio
    import socket

    from distributed.core import rpc
    from distributed.security import Security

    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if scheme in ("tcp", "tls"):
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_IN).close()

    async def who() -> None:
        async with rpc(address, connection_args=Security().get_connection_args("client")) as there:
            found = await there.identity()
        if found.get("type") != "Scheduler":
            raise OSError(f"a {found.get('type')} answers")

    try:
        asyncio.run(asyncio.wait_for(who(), _ANSWERS_IN))
    except TimeoutError:
        raise OSError(f"what listens there says nothing for {_ANSWERS_IN:g} seconds") from None


@contextmanager
def seen_by_workers(out: Path) -> Iterator[Path]:
    """A new file in the folder: a worker that sees it sees this folder, not another of the same name."""
    beacon = out.resolve() / ".locks" / f"{secrets.token_hex(8)}.beacon"
    try:
        beacon.parent.mkdir(parents=True, exist_ok=True)
        beacon.touch()
    except OSError as error:
        raise FileError(
            out, f"cannot be written ({error.strerror or error})", "choose another folder"
        ) from None
    try:
        yield beacon
    finally:
        beacon.unlink(missing_ok=True)


def _whereabouts() -> str:
    """This process for a message: a dask worker's address, else machine and process id."""
    import platform

    try:
        from distributed import get_worker

        return str(get_worker().address)
    except (ImportError, ValueError):
        return f"{platform.node()}, process {os.getpid()}"
