"""The benchmark of scale: what a study costs as its networks become many, and where the time and the memory go.

One grid of tasks and widths is trained, read, judged and shown with ever more seeds. Each size is a study in a folder
of its own; what was measured of it is written when it ends, so that a run that is killed goes on after it.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ..studies.cell import reading_hash
from ..studies.config import StudyConfig
from ..studies.storage import read_json, write_json
from ..studies.workers import scheduler_address, usable_cores
from .results import Benchmark
from .scores import Bound, Score, Setting

NAME = "scale"
PART = "scale"
#: The sizes that the bounds speak of, and that a shorter run is carried on to.
STATED, FAR = 100_000, 1_000_000
#: The cores that the stated time is for.
CORES = 2
LINEAR = Bound("scale: time grows no faster than the networks (slope of the logarithms)", 1.05)
#: A slope of 0.1 is a quarter more memory for ten times the networks: what tables of all conditions may take.
FLAT = Bound("scale: memory stays flat (slope of the logarithms)", 0.1)
IN_TIME = Bound(f"scale: {STATED} networks in minutes, on two cores", 15.0)
IN_MEMORY = Bound(f"scale: GB of all processes on two cores, up to {STATED} networks", 2.0)
EFFICIENT = Bound("scale: share of the ideal speed on all workers", 0.8, most=False)
READ_FAST = Bound("scale: milliseconds of one core to read a network", 8.0)
#: The parts of a study: in cells on all workers, then tables and page. Of the tables workers make conditions' parts.
BUSY, ALONE = ("train", "read"), ("tables", "page")
_MB = 1024.0
#: The names that a machine has for itself.
_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ScaleGrid:
    """What is trained.

    Attributes:
        tasks, widths: the grid; the widths as in a study.
        seeds: of each condition of the grid, one number for each study, ascending.
    """

    tasks: tuple[str, ...]
    widths: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def networks(self) -> tuple[int, ...]:
        """The networks of each study.

        Examples:
            >>> FULL.networks
            (1000, 10000, 100000)
        """
        return tuple(len(self.tasks) * len(self.widths) * count for count in self.seeds)


FULL = ScaleGrid(
    ("absolute", "minimum", "maximum", "absolute-difference", "x1-plus-abs-x2"),
    ("1x", "2x"),
    (100, 1000, 10_000),
)
QUICK = ScaleGrid(("absolute", "minimum"), ("1x", "2x"), (16, 64))


@dataclass(frozen=True)
class Measured:
    """What one study took.

    Attributes:
        networks: how many it trained.
        seconds: of a core: `train` and `read`, summed over the cells, `tables` and `page`. What else the machine does
            does not count.
        clock: seconds by the clock: `cells`, while workers worked on them, `tables` and `page`.
        peak_mb: the most memory of a process that worked on cells (`cells`) and of the one that wrote tables and page
            (`study`), in MiB; None where the system does not tell.
        workers: that worked on the cells; cores: on how many they ran at once.
        resumed: whether cells of an earlier run were there, so that the clock says nothing of them.
        shared: seconds of a core of the tables that workers spent, on several conditions at once.

    Examples:
        >>> parts = {"train": 2, "read": 4, "tables": 3, "page": 1}
        >>> found = Measured(100, parts, {"cells": 3, "tables": 2, "page": 1}, {}, 2, 2, shared=2)
        >>> found.on_cores(2), found.wall, found.milliseconds("read")
        (6.0, 6, 40.0)
    """

    networks: int
    seconds: Mapping[str, float]
    clock: Mapping[str, float]
    peak_mb: Mapping[str, float | None]
    workers: int
    cores: int
    resumed: bool = False
    shared: float = 0.0

    @property
    def busy(self) -> float:
        """The seconds of one core that the cells took."""
        return sum(self.seconds[part] for part in BUSY)

    @property
    def wall(self) -> float:
        """The seconds from beginning to end, by the clock."""
        return sum(self.clock.values())

    def on_cores(self, cores: int) -> float:
        """The seconds from beginning to end on so many idle cores: what joins the tables, and the page, take one."""
        alone = sum(self.seconds[part] for part in ALONE) - self.shared
        return (self.busy + self.shared) / cores + alone

    def milliseconds(self, part: str) -> float:
        """The milliseconds that a part took for each network."""
        return 1000 * self.seconds[part] / self.networks


def slope(networks: Sequence[int], values: Sequence[float]) -> float:
    """The slope of the logarithms over those of the networks, by least squares; NaN for fewer than two sizes.

    Examples:
        >>> slope([10, 100], [3.0, 30.0]), slope([10], [3.0])
        (1.0, nan)
    """
    if len(networks) < 2 or min(values) <= 0:
        return math.nan
    return float(np.round(np.polyfit(np.log(networks), np.log(values), 1)[0], 6))


def carried_on(networks: Sequence[int], values: Sequence[float], to: int) -> float:
    """The value at another number of networks, by a straight line through the last two sizes.

    Examples:
        >>> carried_on([100, 200], [30.0, 50.0], 1000)
        210.0
    """
    if len(networks) < 2:
        return values[-1] * to / networks[-1]
    each = (values[-1] - values[-2]) / (networks[-1] - networks[-2])
    # What beginning costs must not make many networks look free.
    return values[-1] + max(each, 0.0) * (to - networks[-1])


def run_scale(
    *,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
    size: ScaleGrid | None = None,
) -> Benchmark:
    """Run studies of ever more networks and measure them.

    Args:
        quick: `QUICK` in place of `FULL`.
        out: a folder for the studies, what was measured of each, and the result; None keeps nothing.
        seed: the first of the networks' seeds.
        workers: processes of this machine; None for one per core.
        scheduler: a dask scheduler whose workers do the cells.
        progress: as of `run_study`.
        size: one's own.

    Raises:
        InputError, FileError, MathCircuitsError: as of `run_study`.
    """
    if out is None:
        with tempfile.TemporaryDirectory() as folder:
            return _run(Path(folder), quick, seed, workers, scheduler, progress, size, keep=False)
    return _run(Path(out), quick, seed, workers, scheduler, progress, size, keep=True)


def _run(
    out: Path,
    quick: bool,
    seed: int,
    workers: int | None,
    scheduler: str | None,
    progress: bool | None,
    size: ScaleGrid | None,
    keep: bool,
) -> Benchmark:
    chosen = size or (QUICK if quick else FULL)
    count = 1 if scheduler is not None else usable_cores() if workers is None else workers
    found: list[Measured] = []
    alone: Measured | None = None
    result = None
    for number, (seeds, networks) in enumerate(zip(chosen.seeds, chosen.networks, strict=True)):
        config = StudyConfig(
            tasks=list(chosen.tasks), widths=list(chosen.widths), seeds=list(range(seed, seed + seeds)),
            regimens=["adam"],
        )  # fmt: skip
        found.append(measured(config, networks, out / f"{networks}", count, scheduler, progress))
        # One size is repeated on a single process: the second, where starting processes no longer counts.
        if number == min(1, len(chosen.seeds) - 1) and found[-1].workers > 1:
            alone = measured(config, networks, out / f"{networks}-alone", 1, None, progress)
        if progress is not False:
            print(said(found[-1]), file=sys.stderr, flush=True)
        result = Benchmark(
            NAME,
            quick,
            seed,
            tuple(scores(found, alone)),
            {f"{of.networks} networks": of.wall for of in found},
            {"cores": usable_cores(), "load": _load(), "workers": found[-1].workers, "grid": asdict(chosen)},
        )
        if keep:
            result.write(out)
    assert result is not None
    return result


def said(found: Measured) -> str:
    """What one study took, as a line.

    Examples:
        >>> parts = {"train": 2, "read": 4, "tables": 1, "page": 1}
        >>> said(Measured(100, parts, {"cells": 3, "tables": 1, "page": 1}, {}, 4, 2))
        '100 networks: 5 s on 4 workers; of one core training 2 s, reading 4 s, tables 1 s, page 1 s'
    """
    words = {"train": "training", "read": "reading", "tables": "tables", "page": "page"}
    parts = ", ".join(f"{word} {found.seconds[part]:.3g} s" for part, word in words.items())
    return f"{found.networks} networks: {found.wall:.3g} s on {found.workers} workers; of one core {parts}"


def measured(
    config: StudyConfig,
    networks: int,
    folder: Path,
    workers: int,
    scheduler: str | None,
    progress: bool | None,
) -> Measured:
    """What a study takes; what a run of before has measured of the same is taken from its file."""
    file = folder.with_name(f"{folder.name}.json")
    asked = {"config": config.to_dict(), "reading": reading_hash(), "workers": workers, "on": scheduler or ""}
    if file.is_file():
        kept = read_json(file)
        if kept.get("asked") == asked:
            return Measured(**kept["measured"])
    began = time.perf_counter()
    asks = {"workers": 1 if scheduler else workers, "scheduler": scheduler, "progress": progress}
    # In a process of its own: the most memory that this one has held would stay with it.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        try:
            manifest = alone.submit(_manifest_of, os.getpid(), config, folder, **asks).result()
        except KeyboardInterrupt:
            # The block would wait for the study's end.
            for process in active_children():
                process.terminate()
            raise
    seconds = {part: float(manifest["cpu"][part]) for part in (*BUSY, *ALONE)}
    clock = {part: float(manifest["seconds"][part]) for part in ("cells", *ALONE)}
    hands, cores = (workers, min(workers, usable_cores())) if scheduler is None else _hands_of(scheduler)
    # Workers cannot be busy for longer than they are there, unless an earlier run did some of their work.
    resumed = clock["cells"] * hands < sum(float(manifest["seconds"][part]) for part in BUSY)
    shared = float(manifest["cpu"]["conditions"])
    found = Measured(networks, seconds, clock, manifest["peak_mb"], hands, cores, resumed, shared)
    write_json(
        file,
        {"asked": asked, "measured": asdict(found), "took": round(time.perf_counter() - began, 3)},
    )
    return found


def _manifest_of(parent: int, config: StudyConfig, folder: Path, **asks: Any) -> dict[str, Any]:
    from ..stopping import end_with, end_workers, stoppable
    from ..study import run_study

    end_with(parent)
    with stoppable():
        try:
            return run_study(config, folder, **asks).manifest
        finally:
            # A process that another one started waits for its own before it ends, and joblib's stay for more work.
            end_workers()


def scores(found: Sequence[Measured], alone: Measured | None = None) -> list[Score]:
    """What was measured, as rows: each size, how cost grows, and what the bounds ask.

    Args:
        found: the studies, the smallest first.
        alone: one of them again, on one process.
    """
    rows: list[Score] = []

    def row(where: str, measure: str, value: float, bound: Bound | None = None, note: str = "") -> None:
        rows.append(Score(PART, Setting(where), measure, value, bound=bound, note=note))

    for of in found:
        where, note = f"{of.networks} networks", "resumed" if of.resumed else ""
        row(where, "seconds by the clock", of.wall, note=note)
        row(where, "networks a second", of.networks / of.wall, note=note)
        row(where, "seconds on two idle cores", of.on_cores(CORES))
        for part in (*BUSY, *ALONE):
            row(where, f"{part}: ms a network", of.milliseconds(part))
        for who, most in of.peak_mb.items():
            row(where, f"MiB, {who}", math.nan if most is None else float(most))
    sizes = [of.networks for of in found]
    last = found[-1]
    over = f"{sizes[0]} to {sizes[-1]} networks"
    row(f"{last.networks} networks", "ms to read", last.milliseconds("read"), READ_FAST)
    if len(found) > 1:
        for part in (*BUSY, *ALONE):
            values = [of.seconds[part] for of in found]
            row(over, f"slope, {part}", slope(sizes, values), LINEAR)
        memory = [of.peak_mb.get("study") or math.nan for of in found]
        row(over, "slope, memory", slope(sizes, memory), FLAT)
    seconds = [of.on_cores(CORES) for of in found]
    for to in (STATED, FAR):
        note = "measured" if to == last.networks else f"carried on from {last.networks}"
        value = carried_on(sizes, seconds, to)
        row(f"{to} networks", "minutes", value / 60, IN_TIME if to == STATED else None, note)
    both = [
        (of.peak_mb.get("study") or math.nan) + CORES * (of.peak_mb.get("cells") or math.nan) for of in found
    ]
    row(f"{last.networks} networks", "GB", both[-1] / _MB, IN_MEMORY)
    if alone is not None:
        beside = next(of for of in found if of.networks == alone.networks)
        ideal = alone.clock["cells"] / beside.cores
        note = f"{beside.workers} workers, {beside.cores} cores"
        row(f"{alone.networks} networks", "efficiency", ideal / beside.clock["cells"], EFFICIENT, note)
    return rows


def _load() -> float | None:
    """How many processes wanted a core in the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def _hands_of(scheduler: str) -> tuple[int, int]:
    """The workers of a dask cluster, and on how many cores they run: on this machine on no more than it has."""
    from distributed import Client

    with Client(scheduler_address(scheduler), set_as_default=False) as client:
        workers = list(client.nthreads())
    here = sum(urlsplit(address).hostname in _HERE for address in workers)
    return len(workers), len(workers) - here + min(here, usable_cores())
