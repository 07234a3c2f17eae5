"""Writing a zoo: its parts for each split, the tables of labels and the datasheet."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from mathcircuits.detect import FileError, InputError

from ..benchmark.pieces import Piece, work_off
from ..studies.storage import atomic, read_json, write_json
from .datasheet import datasheet_text
from .derivedparts import derived_jobs
from .parts import Job
from .plantedparts import planted_jobs
from .trainedparts import trained_jobs
from .zoofiles import checksums, join_labels, write_labels, write_part

#: The splits and what is added to the seed for each; seeds of training are further apart than any count of networks.
SPLITS = {"train": 0, "held-out": 1}
_SEEDS_APART = 100_000_000
Size = Literal["small", "medium", "full"]
#: Networks of each planted part, gauges of each implementation of a circuit, and seeds of each training. The full zoo
#: has larger shapes and more kinds too, about 20 000 networks.
_COUNTS: Mapping[Size, tuple[int, int, int]] = {
    "small": (6, 2, 3),
    "medium": (30, 5, 20),
    "full": (320, 30, 60),
}
#: While a zoo is made: how it was asked for, the labels of its parts, and what is done already.
_ASKED, _WAITING = "building.json", "building"


def write_zoo(
    out: Path,
    *,
    size: Size = "full",
    seed: int = 0,
    trained: bool = True,
    workers: int = 1,
    progress: bool | None = None,
) -> Path:
    """Write a zoo: networks with known truth, in a part for training and one held out.

    Every file is the same, byte for byte, when it is written again with the same seed and versions of the libraries,
    whatever the number of workers. Each part is written when it is made; a run that was stopped goes on with the parts
    that are missing when it is started again in its folder.

    Args:
        out: a folder that is not there, or empty, or that of a run with the same arguments that was stopped.
        size: `"small"` has a few networks of each kind, `"medium"` enough of them to tell methods apart, and `"full"`
            more kinds as well.
        seed: the training split's generators have it, the held-out split's others.
        trained: whether trained networks are among them.
        workers: processes of this machine.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: for a seed out of range, or a number of workers below 1.
        FileError: where the folder is there and holds something else, or cannot be written.

    Examples:
        >>> import tempfile
        >>> out = write_zoo(Path(tempfile.mkdtemp()) / "zoo", size="small", trained=False)
        >>> sorted(path.name for path in out.iterdir())[:3]
        ['circuits.parquet', 'datasheet.md', 'networks.parquet']
    """
    if seed < 0 or seed >= _SEEDS_APART // 2:
        raise InputError(f"seed {seed}: give one from 0 to {_SEEDS_APART // 2 - 1}")
    out = Path(out)
    asked = {"size": size, "seed": seed, "trained": trained}
    begun = out / _ASKED
    there = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if there and not (begun.is_file() and read_json(begun) == asked):
        raise FileError(out, "is there already", "choose another folder, or remove it")
    write_json(begun, asked)
    waiting = out / _WAITING
    jobs = _jobs(size, seed, trained)
    done = work_off(
        [Piece(_key(job, asked), partial(_make, job, out), job.seconds) for job in jobs],
        folder=waiting / "done", sources=_sources(), workers=workers, progress=progress, title="zoo",
    )  # fmt: skip
    counts = {
        (job.split, name): count for job in jobs for name, count in done[_key(job, asked)].result.items()
    }
    join_labels(out, waiting, list(counts))
    with atomic(out / "datasheet.md") as file:
        file.write_text(datasheet_text(counts, checksums(out), size=size, seed=seed), "utf-8")
    shutil.rmtree(waiting)
    begun.unlink()
    return out


def _jobs(size: Size, seed: int, trained: bool) -> list[Job]:
    planted, gauges, seeds = _COUNTS[size]
    full = size == "full"
    jobs: list[Job] = []
    for split, number in SPLITS.items():
        jobs += planted_jobs(split, planted, [seed, number, 0], full)
        jobs += derived_jobs(split, gauges, [seed, number, 1], full)
        if trained:
            first = (2 * seed + number) * (_SEEDS_APART // 100)
            jobs += trained_jobs(split, seeds, first, full)
    return jobs


def _make(job: Job, out: Path) -> dict[str, int]:
    """Make and write the parts of a job; the networks of each."""
    counts: dict[str, int] = {}
    for part in job.make():
        write_part(out, part)
        write_labels(out / _WAITING, part)
        counts[part.name] = len(part)
    return counts


def _key(job: Job, asked: dict[str, Any]) -> str:
    return f"{job.split}/{job.name} of {asked}"


def _sources() -> list[Path]:
    """The code that makes networks, beside `detect` and `models`."""
    from ..benchmark import detection

    folders = [Path(__file__).parent, *map(Path, detection.__path__)]
    return [file for folder in folders for file in sorted(folder.glob("*.py"))]
