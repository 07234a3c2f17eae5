"""Cells: which cells a study's grid has, and how one is worked: trained and read.

A cell is worked in two steps, each of which ends in files that are written whole or not at all: its networks, and what
was read in them (see cell.py).
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mathcircuits.detect import FileError, InputError, MathCircuitsError, tasks
from mathcircuits.models import Regimen

from ..locking import locked
from .cell import Cell
from .config import BLOCK, DERIVED, StudyConfig, misfit
from .ensemblefiles import load_ensemble, save_ensemble
from .reading import fresh_loss, read_cell
from .storage import atomic, sweep, write_checksums

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

#: The seed of a hand-derived network.
DERIVED_SEED = -1


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        cell: its key.
        status: `done` (trained and read now), `read` (the weights were there), `kept` (nothing to do), `busy`
            (another process has it) or `failed`.
        seconds: what its steps took by the clock; cpu: what they took of a core, whatever else ran beside.
        error: why it failed, on one line.
        peak_mb: the most memory that the process that worked on it had held by then, in MiB; None where it was not
            worked on, or the system does not tell.
    """

    cell: str
    status: Literal["done", "read", "kept", "busy", "failed"]
    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    error: str = ""
    peak_mb: float | None = None


def study_cells(config: StudyConfig) -> list[Cell]:
    """The cells of a study, in the order of its tables: by task, the hand-derived network first, then by width.

    Raises:
        InputError: where a width is a multiple of an unknown size, two regimens of one condition bear one name, or no
            width fits any task.

    Examples:
        >>> config = StudyConfig(tasks=["minimum"], widths=["1x", 3, "2x"], regimens=["adam"])
        >>> [cell.condition for cell in study_cells(config)]
        ['minimum/3/derived', 'minimum/3/adam', 'minimum/6/adam']
    """
    cells: list[Cell] = []
    blocks = config.blocks
    for name in config.task_names:
        task = tasks[name]
        network = task.hand_derived
        if network is not None:
            derived = Regimen(name=DERIVED, steps=0)
            cells.append(Cell(name, network.sizes[1:-1], derived, (DERIVED_SEED,), reads=config.reads))
        # Seeds that several parts of the grid ask for are trained once.
        found: dict[str, tuple[Cell, dict[int, None]]] = {}
        for block in blocks:
            if name not in block.tasks:
                continue
            for width in block.widths:
                if misfit(task, width):
                    continue
                for number, regimen in enumerate(block.regimens_at(width)):
                    cell = Cell(name, block.hidden(task, width), regimen, (), block.steps, config.reads)
                    first, seeds = found.setdefault(cell.condition, (cell, {}))
                    if first != cell:
                        raise InputError(
                            f"study: {cell.condition} is asked for twice, with other settings: give one of the "
                            "regimens another name"
                        )
                    seeds.update(dict.fromkeys(block.seeds_at(width, number)))
        for cell, wanted in found.values():
            seeds_of = tuple(wanted)
            cells += [
                replace(cell, seeds=seeds_of[start : start + BLOCK])
                for start in range(0, len(seeds_of), BLOCK)
            ]
    if all(cell.derived for cell in cells):
        first_skip = config.skipped[0]
        raise InputError(
            f"study: no width fits any task ({first_skip.task} at {first_skip.width}: {first_skip.reason})"
        )
    return cells


def run_cell(cell: Cell, out: Path, *, wait: bool = True) -> Outcome:
    """Do what is left to do of a cell; what fails is reported, not raised.

    Processes that share a folder never work on one cell at once: the second waits for the first, or with
    `wait=False` says that it is busy.

    Raises:
        FileError: where the folder cannot be written, or its file system knows no locks.
    """
    from filelock import Timeout

    if cell.finished(out):
        return Outcome(cell.key, "kept")
    lock = out / ".locks" / f"{cell.key}.lock"
    try:
        # A lock's file stays: without one nobody has begun, and nothing can be left.
        begun = lock.is_file()
        with locked(lock, f"works on {cell.condition}", wait=wait):
            return _run_locked(cell, out, begun)
    except Timeout:
        return Outcome(cell.key, "busy")
    except OSError as error:
        raise FileError(
            lock, f"cannot be written ({error.strerror or error})", "choose another folder"
        ) from None


def _run_locked(cell: Cell, out: Path, begun: bool) -> Outcome:
    trouble = out / "networks" / f"{cell.key}.error.txt"
    seconds: dict[str, float] = {}
    cpu: dict[str, float] = {}
    try:
        if begun:  # it looks at every file of the folder, of which a crossing has tens of thousands
            sweep(out / "networks", cell.key)
        if cell.finished(out):
            return Outcome(cell.key, "kept")
        status: Literal["done", "read"] = "read"
        with one_thread():
            if not cell.trained(out):
                start, core = time.perf_counter(), time.process_time()
                save_ensemble(cell.weights_file(out), train_cell(cell))
                write_checksums(cell.checksums_file(out), [cell.weights_file(out)])
                seconds["train"], status = time.perf_counter() - start, "done"
                cpu["train"] = time.process_time() - core
            start, core = time.perf_counter(), time.process_time()
            files = cell.reading_files(out)
            for table, frame in read_cell(cell, load_ensemble(cell.weights_file(out))).items():
                with atomic(files[table]) as file:
                    frame.to_parquet(file, index=False)
            write_checksums(cell.checksums_file(out), files.values())
            seconds["read"], cpu["read"] = time.perf_counter() - start, time.process_time() - core
        trouble.unlink(missing_ok=True)
    except Exception as error:  # one cell's failure, of whatever kind, must not stop the others
        first = str(error).splitlines()[0] if str(error) else ""
        text = first if isinstance(error, MathCircuitsError) else f"{type(error).__name__}: {first}"
        with atomic(trouble) as file:
            file.write_text(traceback.format_exc(), "utf-8")
        return Outcome(cell.key, "failed", seconds, cpu, text, peak_memory())
    return Outcome(cell.key, status, seconds, cpu, peak_mb=peak_memory())


def peak_memory() -> float | None:
    """The most memory that this process has held so far, in MiB; None where the system does not tell.

    Examples:
        >>> peak_memory() is None or peak_memory() > 10
        True
    """
    try:
        import resource
    except ImportError:  # Windows has none
        return None
    # Kilobytes, but bytes on a Mac.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def train_cell(cell: Cell) -> Ensemble:
    """The cell's networks: trained, or the hand-derived one.

    Raises:
        InputError: for a cell of networks that were trained elsewhere: only their files have them.
    """
    if cell.found:
        raise InputError(
            f"{cell.key}: its networks were trained elsewhere, and their file is missing or has changed: run "
            "`mathcircuits study --networks` again"
        )
    from mathcircuits.models import Ensemble, MLPConfig, train

    if not cell.derived:
        runs = train(
            cell.task,
            hidden=cell.hidden,
            seeds=cell.seeds,
            regimen=cell.regimen,
            steps=cell.steps,
            progress=False,
            checkpoints=None if cell.reads == "forms" else "log",
        )
        return _thinned(runs)
    task = tasks[cell.task]
    network = task.hand_derived
    assert network is not None  # study_cells makes such a cell only where there is one
    shape = network.architecture
    return Ensemble(
        task=cell.task,
        config=MLPConfig(shape.sizes, shape.bias, shape.activations, "float64"),
        regimen=cell.regimen,
        steps=0,
        seeds=cell.seeds,
        weights=tuple(w[None].copy() for w in network.weights),
        biases=tuple(
            b[None].copy() if has else None for b, has in zip(network.bias_vectors, shape.bias, strict=True)
        ),
        losses=np.array([fresh_loss(network, task)]),
        logged_steps=np.zeros(0, dtype=np.int64),
        logged_losses=np.zeros((0, 1)),
    )


def _thinned(ensemble: Ensemble) -> Ensemble:
    """The ensemble with every third checkpoint alone, the end included: about three a decade tell when, at a
    third of the space."""
    if ensemble.checkpoint_steps is None:
        return ensemble
    kept = np.flatnonzero(np.arange(len(ensemble.checkpoint_steps))[::-1] % 3 == 0)
    kept = np.unique([0, *kept])
    return replace(
        ensemble,
        checkpoint_steps=ensemble.checkpoint_steps[kept],
        checkpoints=tuple(w[kept] for w in ensemble.checkpoints or ()),
        checkpoint_biases=tuple(None if b is None else b[kept] for b in ensemble.checkpoint_biases or ()),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch and of the linear algebra: arrays this small gain nothing from a second, and two wait long
    for each other where another process keeps a core busy (measured: 13 s against 171 s). The last digits of a sum
    depend on how many threads share it, too."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
