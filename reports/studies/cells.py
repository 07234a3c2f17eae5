"""Cells: a study's units of work. One task, size, regimen and block of seeds each, with a content hash and files.

A cell is worked in two steps, each of which ends in files that are written whole or not at all:

    networks/KEY.safetensors         the trained networks, stacked by layer (weights.0 [net, out, in], ...)
    networks/KEY.READING.parquet     what was read in them, one file per reading of `READINGS`

KEY ends in a hash of all that decides the weights. The readings also depend on the catalogue, and carry its hash.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mathcircuits.detect import FileError, InputError, MathCircuitsError, catalogue, circuits, tasks
from mathcircuits.models import Regimen

from .config import DERIVED, StudyConfig, misfit, relative_width
from .ensemblefiles import load_ensemble, save_ensemble
from .reading import READINGS, fresh_loss, read_cell
from .storage import atomic, sweep

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

#: Seeds of one cell: what is lost when a process is killed, and what a cell's memory grows with.
BLOCK = 256
#: The seed of a hand-derived network.
DERIVED_SEED = -1
#: Raised when a change to this package's code changes what is read in the same weights.
READING = 5
#: A network has solved its task below this fresh mean squared error (design, section 5.8) ...
SOLVED = 1e-8
#: ... or below this where Osier's own training is repeated, which stops earlier.
SOLVED_OSIER = 1e-4


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        task: name of a registered task.
        hidden: hidden sizes.
        regimen: how the networks are trained; the one called `derived` stands for the hand-derived network.
        seeds: one per network.
        steps: training steps, or None for the task's or the regimen's own.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> cell = Cell("minimum", (3,), as_regimen("adam"), (0, 1))
        >>> cell.condition, cell.width, cell.network_id(1)
        ('minimum/3/adam', '1x', 'minimum/3/adam/1')
        >>> cell.key.rpartition("_")[0], len(cell.hash)
        ('minimum_3_adam_0-1', 12)
    """

    task: str
    hidden: tuple[int, ...]
    regimen: Regimen
    seeds: tuple[int, ...]
    steps: int | None = None

    @property
    def derived(self) -> bool:
        """Whether it holds the hand-derived network."""
        return self.regimen.name == DERIVED

    @property
    def sizes(self) -> str:
        """The hidden sizes as a text, `6-3`."""
        return "-".join(map(str, self.hidden))

    @property
    def condition(self) -> str:
        """What the cell's networks have in common: task, hidden sizes and regimen."""
        return f"{self.task}/{self.sizes}/{self.regimen.name}"

    @property
    def threshold(self) -> float:
        """The loss below which one of its networks has solved the task."""
        return SOLVED_OSIER if self.regimen.preset == "osier" else SOLVED

    @property
    def width(self) -> str:
        """The hidden sizes as a multiple of the task's smallest, or empty."""
        return relative_width(tasks[self.task], self.hidden)

    def network_id(self, seed: int) -> str:
        """The id of the network of that seed."""
        return f"{self.condition}/{seed}"

    @cached_property
    def hash(self) -> str:
        """A hash of all that decides the weights: task, sizes, regimen, steps, seeds, version."""
        task = tasks[self.task]
        low, high = np.array(task.box).T
        # A task may be a Python function: its values stand for it.
        probes = np.random.default_rng(0).uniform(low, high, (64, task.arity))
        content = {
            "mathcircuits": _version(),
            "task": [self.task, task.box, task.needs_bias, np.round(task(probes), 12).tolist()],
            "hidden": self.hidden,
            "regimen": self.regimen.model_dump(mode="json"),
            "steps": self.steps,
            "seeds": self.seeds,
        }
        if self.derived and task.derived_network is not None:
            content["weights"] = [w.tolist() for w in task.derived_network.weights]
        return _digest(content)

    @cached_property
    def key(self) -> str:
        """The name of its files."""
        seeds = () if self.derived else (f"{self.seeds[0]}-{self.seeds[-1]}",)
        parts = (self.task, self.sizes, self.regimen.name, *seeds, self.hash)
        return "_".join(re.sub(r"[^A-Za-z0-9.=+-]+", "-", part) for part in parts)

    def weights_file(self, out: Path) -> Path:
        """Where the networks lie in a study's folder."""
        return out / "networks" / f"{self.key}.safetensors"

    def reading_files(self, out: Path) -> dict[str, Path]:
        """Where what was read in them lies, by table of `READINGS`."""
        stamp = reading_hash()
        return {table: out / "networks" / f"{self.key}.{stamp}.{table}.parquet" for table in READINGS}

    def finished(self, out: Path) -> bool:
        """Whether all its files are there."""
        return self.weights_file(out).is_file() and all(
            file.is_file() for file in self.reading_files(out).values()
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a cell.

    Attributes:
        cell: its key.
        status: `done` (trained and read now), `read` (the weights were there), `kept` (nothing to do), `busy`
            (another process has it) or `failed`.
        seconds: what its steps took.
        error: why it failed, on one line.
        peak_mb: the most memory that the process that worked on it had held by then, in MiB; None where it was not
            worked on, or the system does not tell.
    """

    cell: str
    status: Literal["done", "read", "kept", "busy", "failed"]
    seconds: dict[str, float] = field(default_factory=dict)
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
        network = task.derived_network
        if network is not None:
            cells.append(Cell(name, network.sizes[1:-1], Regimen(name=DERIVED, steps=0), (DERIVED_SEED,)))
        # Seeds that several parts of the grid ask for are trained once.
        found: dict[str, tuple[Cell, dict[int, None]]] = {}
        for block in blocks:
            if name not in block.tasks:
                continue
            for width in block.widths:
                if misfit(task, width):
                    continue
                for regimen in block.regimens_at(width):
                    cell = Cell(name, block.hidden(task, width), regimen, (), block.steps)
                    first, seeds = found.setdefault(cell.condition, (cell, {}))
                    if first != cell:
                        raise InputError(
                            f"study: {cell.condition} is asked for twice, with other settings: give one of the "
                            "regimens another name"
                        )
                    seeds.update(dict.fromkeys(block.seed_list))
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
    from filelock import FileLock, Timeout

    if cell.finished(out):
        return Outcome(cell.key, "kept")
    lock = out / ".locks" / f"{cell.key}.lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=-1 if wait else 0):
            return _run_locked(cell, out)
    except Timeout:
        return Outcome(cell.key, "busy")
    except NotImplementedError:
        raise FileError(
            lock,
            "cannot be locked on this file system",
            "mount it with locks (Lustre: -o flock), or choose another",
        ) from None
    except OSError as error:
        raise FileError(
            lock, f"cannot be written ({error.strerror or error})", "choose another folder"
        ) from None


def _run_locked(cell: Cell, out: Path) -> Outcome:
    trouble = out / "networks" / f"{cell.key}.error.txt"
    seconds: dict[str, float] = {}
    try:
        sweep(out / "networks", cell.key)
        if cell.finished(out):
            return Outcome(cell.key, "kept")
        status: Literal["done", "read"] = "read"
        with one_thread():
            if not cell.weights_file(out).is_file():
                start = time.perf_counter()
                save_ensemble(cell.weights_file(out), train_cell(cell))
                seconds["train"], status = time.perf_counter() - start, "done"
            start = time.perf_counter()
            files = cell.reading_files(out)
            for table, frame in read_cell(cell, load_ensemble(cell.weights_file(out))).items():
                with atomic(files[table]) as file:
                    frame.to_parquet(file, index=False)
            seconds["read"] = time.perf_counter() - start
        trouble.unlink(missing_ok=True)
    except Exception as error:  # one cell's failure, of whatever kind, must not stop the others
        first = str(error).splitlines()[0] if str(error) else ""
        text = first if isinstance(error, MathCircuitsError) else f"{type(error).__name__}: {first}"
        with atomic(trouble) as file:
            file.write_text(traceback.format_exc(), "utf-8")
        return Outcome(cell.key, "failed", seconds, text, peak_memory())
    return Outcome(cell.key, status, seconds, peak_mb=peak_memory())


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
    """The cell's networks: trained, or the hand-derived one."""
    from mathcircuits.models import Ensemble, MLPConfig, train

    if not cell.derived:
        runs = train(
            cell.task,
            hidden=cell.hidden,
            seeds=cell.seeds,
            regimen=cell.regimen,
            steps=cell.steps,
            progress=False,
            checkpoints="log",
        )
        return _thinned(runs)
    task = tasks[cell.task]
    network = task.derived_network
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


def reading_hash() -> str:
    """A hash of what a reading depends on besides the weights: both catalogues and the reader's own version."""
    entries = [
        [f.id, f.formula.text, f.competes_as, f.direction, [s.images for s in f.symmetry]]
        for f in catalogue.values()
    ]
    templates = [
        [
            c.name,
            c.gauge,
            c.text,
            [w.tolist() for w in c.network.weights],
            [b.tolist() for b in c.network.bias_vectors],
        ]
        for c in circuits.implementations
    ]
    return _digest([READING, _version(), entries, templates])


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


@cache
def _version() -> str:
    """The version of this package; looking it up reads a file."""
    return metadata.version("mathcircuits")


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
