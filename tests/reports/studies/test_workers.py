"""Workers: processes of this machine and real dask clusters; what is killed, and what cannot be reached.

The clusters are a `dask scheduler` and two `dask worker` processes of this machine, each in a session of its own that
ends with the test.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import distributed
import numpy as np
import pytest

from mathcircuits.detect import FileError, InputError, MathCircuitsError, tasks
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.benchmark.universality.benchmark import run_universality
from mathcircuits.reports.benchmark.universality.grid import parse_grids
from mathcircuits.reports.studies import cells as cells_module
from mathcircuits.reports.studies import workers as workers_module
from mathcircuits.reports.studies.cell import Cell, reading_hash
from mathcircuits.reports.studies.cells import Outcome, run_cell, study_cells
from mathcircuits.reports.studies.config import StudyConfig
from mathcircuits.reports.studies.ensemblefiles import load_ensemble
from mathcircuits.reports.studies.reading import read_cell
from mathcircuits.reports.studies.tabulating import write_tables
from mathcircuits.reports.studies.workers import (
    CellJob,
    check_workers,
    run_cells,
    scheduler_address,
    work,
    work_on_cluster,
    worth_workers,
)

TINY = StudyConfig(tasks=["absolute"], widths=[2], seeds=2, regimens=["adam"], steps=5)


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(tasks._held())
    yield
    tasks._tasks = before


def tables_of(cells: list[Cell], out: Path) -> dict[str, bytes]:
    write_tables(cells, out)
    return {path.name: path.read_bytes() for path in sorted((out / "tables").iterdir())}


# A cluster


class Cluster:
    """A scheduler and its workers, each a process group that is killed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self._groups: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._groups[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "dask",
                    *arguments,
                    "--scheduler-file",
                    str(self.file),
                    "--no-dashboard",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A cell that kills a second worker is given back to us, which tries it twice more.
                env={**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
            )

    def start_scheduler(self) -> None:
        self.start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", "0")
        deadline = time.monotonic() + 60
        while not self.file.is_file():
            assert time.monotonic() < deadline, (self.folder / "scheduler.log").read_text()
            time.sleep(0.05)

    def start_workers(self) -> None:
        """As many as are lacking to two."""
        for name in ("worker-0", "worker-1"):
            if name not in self._groups:
                where = ("--host", "127.0.0.1", "--local-directory", str(self.folder), "--name", name)
                self.start(name, "worker", "--nthreads", "1", "--death-timeout", "60", *where)

    def kill(self, name: str) -> None:
        """Kill a process and its children, as the kernel does that lacks memory."""
        process = self._groups.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        for name in list(self._groups):
            self.kill(name)

    def working_on(self, task: str) -> str:
        """The name of a worker that has a cell of a task."""
        with distributed.Client(scheduler_address(str(self.file)), set_as_default=False) as client:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                known = client.scheduler_info(n_workers=-1)["workers"]
                for address, keys in client.processing().items():
                    if address in known and any(task in str(key) for key in keys):
                        return str(known[address]["name"])
                time.sleep(0.05)
        raise AssertionError(f"no worker works on {task}")


@contextmanager
def a_cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start_scheduler()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with a_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """A scheduler with two workers."""
    running.start_workers()
    return running


def waiting(marks: Path) -> Callable[[Any], Any]:
    """A function that lets every process but this one wait for a mark."""
    here = os.getpid()

    def square(X: Any) -> Any:
        while os.getpid() != here and not (marks / "go").exists():
            time.sleep(0.02)
        return X[:, 0] ** 2

    return square


def test_a_cluster_makes_the_same_tables_though_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    tasks.register("waits", arity=1)(waiting(tmp_path))
    cells = study_cells(
        StudyConfig(tasks=["absolute", "waits"], widths=[2, 3], seeds=2, regimens=["adam"], steps=20)
    )
    there, here = tmp_path / "cluster", tmp_path / "local"
    killed: list[str] = []

    def disturb() -> None:
        killed.append(cluster.working_on("waits"))
        cluster.kill(killed[0])
        (tmp_path / "go").touch()

    meanwhile = threading.Thread(target=disturb)
    meanwhile.start()
    outcomes = list(run_cells(cells, there, scheduler=str(cluster.file)))
    meanwhile.join()
    assert len(killed) == 1
    assert sorted(outcome.cell for outcome in outcomes) == sorted(cell.key for cell in cells)
    # What the killed worker had finished is there when another comes to it.
    assert {outcome.status for outcome in outcomes} <= {"done", "read", "kept"}
    assert {outcome.status for outcome in run_cells(cells, here)} == {"done"}
    assert tables_of(cells, there) == tables_of(cells, here)
    assert not list(there.glob(".locks/*.beacon"))


def deadly(marks: Path | None) -> Callable[[Any], Any]:
    """A function that kills every process but this one; with a folder for marks only the first."""
    here = os.getpid()

    def double(X: Any) -> Any:
        if os.getpid() != here and not (marks and (marks / "killed").exists()):
            if marks:
                (marks / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return X[:, 0] * 2

    return double


def killing_cells(marks: Path) -> list[Cell]:
    tasks.register("kills-always", arity=1)(deadly(None))
    tasks.register("kills-once", arity=1)(deadly(marks))
    tasks.register("harmless", arity=1)(lambda X: X[:, 0] ** 2)
    names = ["kills-always", "kills-once", "harmless", "absolute"]
    return study_cells(StudyConfig(tasks=names, widths=[2], seeds=2, regimens=["adam"], steps=2))


def check_killed(outcomes: list[Outcome]) -> None:
    by_task = {outcome.cell.partition("_2_")[0]: outcome for outcome in outcomes}
    assert by_task["kills-always"].status == "failed"
    assert by_task["kills-always"].error == "the process that worked on it was killed (out of memory?)"
    assert {by_task[name].status for name in ("kills-once", "harmless", "absolute")} <= {"done", "kept"}
    # With the hand-derived absolute value there are five.
    assert len(outcomes) == 5


@pytest.mark.long
def test_a_cell_that_kills_every_worker_of_a_cluster_is_reported(cluster: Cluster, tmp_path: Path) -> None:
    check_killed(list(run_cells(killing_cells(tmp_path), tmp_path, scheduler=str(cluster.file))))


@pytest.mark.long
def test_a_cell_that_kills_every_process_is_reported(tmp_path: Path) -> None:
    check_killed(list(run_cells(killing_cells(tmp_path), tmp_path, workers=2)))


@pytest.mark.long
def test_a_study_on_a_cluster_by_command(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.toml"
    file.write_text('tasks = ["absolute"]\nwidths = ["1x"]\nseeds = 2\nregimens = ["adam"]\nsteps = 5\n')
    out = tmp_path / "out"
    assert main(["study", str(file), "--out", str(out), "--scheduler", str(cluster.file)]) == 0
    assert capsys.readouterr().out.startswith("2 cells: 2 trained and read")
    assert (out / "report" / "index.html").is_file()


GRID = """
version = "test"
[tiny]
tasks = ["absolute", "relu"]
seeds = 3
[[tiny.grid]]
widths = ["1x"]
regimens = ["osier"]
steps = 20
"""


@pytest.mark.long
def test_the_benchmark_on_a_cluster_ends_in_the_local_result(cluster: Cluster, tmp_path: Path) -> None:
    tiny = parse_grids(GRID)["tiny"]
    local = run_universality(grid=tiny, quick=True, out=tmp_path / "local", workers=1)
    far = run_universality(grid=tiny, quick=True, out=tmp_path / "far", scheduler=str(cluster.file))
    assert len(local.result.verdicts)
    files = [(tmp_path / name / "results.json").read_text() for name in ("local", "far")]
    assert files[0] == files[1]
    # The time is stated for two cores of one machine.
    assert {score.measure for score in local.checks.scores} - {
        score.measure for score in far.checks.scores
    } == {"minutes"}


def test_a_scheduler_that_is_lost_is_named(tmp_path: Path) -> None:
    with a_cluster(tmp_path) as alone:
        # Without workers the cells wait for ever.
        address = scheduler_address(str(alone.file))
        killer = threading.Timer(1.5, alone.kill, ["scheduler"])
        killer.start()
        with pytest.raises(
            MathCircuitsError, match=r"scheduler at tcp://.* was lost .* run the same command"
        ):
            list(run_cells(study_cells(TINY), tmp_path / "out", scheduler=address))
        killer.join()
    assert not list(tmp_path.glob("out/.locks/*.beacon"))


# What cannot be reached


def study_at(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which `mathcircuits study --scheduler` refuses an address."""
    code = main(["study", "--out", str(tmp_path / "out"), "--scheduler", address])
    written = capsys.readouterr()
    assert (code, written.out, written.err.count("\n")) == (2, "", 1)
    return written.err


def a_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_nothing_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"tcp://127.0.0.1:{a_free_port()}"
    message = study_at(address, tmp_path, capsys)
    assert f"no dask scheduler answers at {address}" in message
    assert "start one with `dask scheduler`" in message


def test_something_else_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_ANSWERS_IN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert "what listens there says nothing for 0.5 seconds" in study_at(address, tmp_path, capsys)


def test_dask_is_not_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    message = study_at("tcp://127.0.0.1:8786", tmp_path, capsys)
    assert 'dask.distributed is not installed: pip install "mathcircuits[dask]"' in message


@pytest.mark.parametrize("address", ["somewhere", "foo://127.0.0.1:1", "tcp://127.0.0.1"])
def test_no_address(tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    assert f"scheduler {address!r}: give tcp://HOST:8786" in study_at(address, tmp_path, capsys)


def test_a_scheduler_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scheduler.json"
    file.write_text('{"address": "tls://host:1"}')
    assert scheduler_address(str(file)) == "tls://host:1"
    file.write_text("[]")
    assert "scheduler.json: is not a scheduler file" in study_at(str(file), tmp_path, capsys)


def test_workers_and_a_scheduler_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"workers = 3 and a scheduler at tcp://h:1: .* give one of the two"):
        next(run_cells([], tmp_path, workers=3, scheduler="tcp://h:1"))
    check_workers(1, "tcp://h:1")


# A job, and the process that it comes to


@pytest.fixture
def job(tmp_path: Path) -> CellJob:
    (one,) = study_cells(StudyConfig(tasks=["identity"], widths=[2], seeds=1, regimens=["adam"], steps=1))[1:]
    return CellJob(one, tasks["identity"], tmp_path, reading_hash())


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make this process a dask worker, for what asks whether it is one."""

    def become(threads: int) -> None:
        worker = SimpleNamespace(address="tcp://w:1", state=SimpleNamespace(nthreads=threads))
        monkeypatch.setattr(distributed, "get_worker", lambda: worker)

    return become


def test_a_worker_learns_the_task_that_the_job_brings(tmp_path: Path) -> None:
    tasks.register("mine", arity=1)(lambda X: X[:, 0] * 2)
    (one,) = study_cells(StudyConfig(tasks=["mine"], widths=[2], seeds=1, regimens=["adam"], steps=1))
    job = CellJob(one, tasks["mine"], tmp_path, reading_hash())
    assert one.key
    # A worker that has worked before knows another function by this name.
    del tasks._held()["mine"]
    tasks.register("mine", arity=1)(lambda X: X[:, 0] * 3 + 1)
    assert replace(one).key != one.key
    assert work(job).status == "done"
    assert tasks["mine"](np.ones((1, 1))) == 2
    assert load_ensemble(one.weights_file(tmp_path)).seeds == (0,)


def test_a_worker_with_another_catalogue_is_refused(job: CellJob, as_worker: Callable[[int], None]) -> None:
    with pytest.raises(MathCircuitsError, match=r"process \d+: reads by another catalogue or version"):
        work(replace(job, catalogue="another"))
    as_worker(1)
    with pytest.raises(MathCircuitsError, match=r"tcp://w:1: reads by another .* install the same version"):
        work_on_cluster(replace(job, catalogue="another"))


def test_a_worker_that_does_not_see_the_folder_is_named(
    job: CellJob, as_worker: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_worker(1)
    monkeypatch.setattr(workers_module, "_SHOWS_IN", 0.0)
    with pytest.raises(FileError, match=r"cannot be seen by the worker tcp://w:1; give a folder on a file"):
        work_on_cluster(replace(job, beacon=tmp_path / "beacon"))
    (tmp_path / "beacon").touch()
    assert work_on_cluster(replace(job, beacon=tmp_path / "beacon")).status == "done"


def test_a_worker_of_several_threads_is_refused(job: CellJob, as_worker: Callable[[int], None]) -> None:
    as_worker(4)
    with pytest.raises(
        MathCircuitsError, match="tcp://w:1: has 4 threads: start the workers with --nthreads 1"
    ):
        work_on_cluster(job)


def answered(error: Exception, job: CellJob) -> list[Outcome]:
    """What comes of a job whose future ends in an error, without a cluster."""
    future = SimpleNamespace(key=("group", job.cell.key), result=lambda: (_ for _ in ()).throw(error))
    client = SimpleNamespace(loop=None, map=lambda *_, **__: [future])
    return list(workers_module._submitted(client, "tcp://s:1", [job]))  # type: ignore[arg-type]


def test_errors_on_the_way(job: CellJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "as_completed", lambda futures, **_: futures)
    for error in (
        ModuleNotFoundError("No module named 'x'"),
        RuntimeError("Error during deserialization\nof it"),
    ):
        with pytest.raises(
            MathCircuitsError, match=r"tcp://s:1 or its workers cannot read .* install mathcircuits"
        ):
            answered(error, job)
    (outcome,) = answered(RuntimeError("bad luck\nand more"), job)
    assert (outcome.cell, outcome.status, outcome.error) == (job.cell.key, "failed", "RuntimeError: bad luck")
    (outcome,) = answered(KeyError("x"), job)
    assert outcome.error == "KeyError: 'x'"


def test_one_thread_while_a_cell_is_worked_on(job: CellJob, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]  # it ships none

    seen: list[int] = []
    honest = read_cell

    def looked_at(*arguments: Any) -> Any:
        seen.extend([torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())])
        return honest(*arguments)

    monkeypatch.setattr(cells_module, "read_cell", looked_at)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run_cell(job.cell, job.out).status == "done"
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotImplementedError("flock"), "cannot be locked on this file system; mount it with locks"),
        (PermissionError(13, "Permission denied"), r"cannot be written \(Permission denied\)"),
    ],
)
def test_a_folder_without_locks(
    job: CellJob, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("mathcircuits.reports.locking.FileLock.acquire", refuses)
    with pytest.raises(FileError, match=words):
        run_cell(job.cell, job.out)


def test_few_cells_are_worth_one_process() -> None:
    assert worth_workers(TINY) == 1
    many = worth_workers(None)
    assert many >= 1
    assert many <= (os.cpu_count() or 1)
