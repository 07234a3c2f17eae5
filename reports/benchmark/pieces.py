"""Pieces: parts of a long benchmark that are worked on in parallel and kept on disk, so that a killed run resumes.

What a piece gives is plain data. It is kept under a hash of its key, of the catalogues and of the sources that it
depends on (those of `detect` and `models`, and what the caller names): after a change of any of them it is worked on
again.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..studies.storage import read_json, sweep, write_json
from ..studies.workers import check_workers

#: The folder of a benchmark's kept pieces.
FOLDER = "pieces"


@dataclass(frozen=True)
class Piece:
    """Some work that can be done anywhere.

    Attributes:
        key: what it is, in full: pieces of one key are the same.
        call: what gives its result, which JSON must hold; a function of a module, or a partial of one.
        weight: the seconds that it is expected to take: the longest starts first.
    """

    key: str
    call: Callable[[], Any]
    weight: float = 1.0


@dataclass(frozen=True)
class Done:
    """What a piece gave, and the processor time in seconds that it took."""

    result: Any
    seconds: float


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_off(
    pieces: Sequence[Piece],
    *,
    folder: Path | None = None,
    sources: Sequence[Path] = (),
    workers: int = 1,
    progress: bool | None = None,
    title: str = "pieces",
    in_order: bool = False,
    each: Callable[[str, dict[str, Done]], None] | None = None,
) -> dict[str, Done]:
    """What every piece gives, by its key.

    Args:
        pieces: what to do; of those with one key the first is done.
        folder: where results are kept, and looked for first; None keeps nothing.
        sources: files of code, beside `detect` and `models`, that the results depend on.
        workers: processes of this machine; 1 works in this one.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        title: what the bar is called.
        in_order: whether pieces start in the order given, not the longest first.
        each: called after every piece that was worked on, with its key and all that is done so far.

    Raises:
        InputError: for a number of workers below 1.
        FileError: where the folder cannot be written.

    Examples:
        >>> from functools import partial
        >>> done = work_off([Piece("one", partial(sum, [1, 2]))], progress=False)
        >>> done["one"].result
        3
    """
    check_workers(workers)
    by_key = {piece.key: piece for piece in reversed(pieces)}
    files: dict[str, Path] = {}
    if folder is not None:
        stamp = _stamp(sources)
        files = {key: folder / f"{_digest(stamp, key)}.json" for key in by_key}
    if folder is not None and folder.is_dir():
        sweep(folder)
    found: dict[str, Done] = {}
    for key, file in files.items():
        if file.is_file():
            kept = read_json(file)
            found[key] = Done(kept["result"], kept["seconds"])
    # The longest first, or the last to end would keep one worker busy and the others waiting.
    left = [by_key[key] for key in dict.fromkeys(piece.key for piece in pieces) if key not in found]
    if not in_order:
        left.sort(key=lambda p: -p.weight)
    # tqdm's disable=None means: no bar where the output is no terminal
    with tqdm(
        total=round(sum(p.weight for p in by_key.values()), 1),
        initial=round(sum(by_key[key].weight for key in found), 1),
        desc=title,
        disable=None if progress is None else not progress,
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {elapsed}, about {remaining} left{postfix}",
    ) as bar:
        for key, done in _worked_off(left, workers):
            found[key] = done
            if key in files:
                write_json(files[key], {"key": key, "seconds": done.seconds, "result": done.result})
            bar.set_postfix_str(f" {key[:40]}")
            bar.update(by_key[key].weight)
            if each is not None:
                each(key, found)
    return found


def _worked_off(pieces: Sequence[Piece], workers: int) -> Iterator[tuple[str, Done]]:
    if workers == 1 or len(pieces) < 2:
        yield from map(_work, pieces)
        return
    from joblib import Parallel, delayed

    with warnings.catch_warnings():
        # loky takes the memory that torch needs for a leak, starts another worker and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        pool = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
        yield from pool(delayed(_work)(piece) for piece in pieces)


def _work(piece: Piece) -> tuple[str, Done]:
    """Work on a piece with one thread: two wait long for each other where another process keeps a core busy."""
    import torch
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            start = time.process_time()
            result = piece.call()
            return piece.key, Done(result, round(time.process_time() - start, 3))
    finally:
        torch.set_num_threads(before)


def _digest(stamp: str, key: str) -> str:
    return hashlib.sha256(f"{stamp}\n{key}".encode()).hexdigest()[:20]


def _stamp(sources: Sequence[Path]) -> str:
    """A hash of the catalogues, of what trains and reads, and of what the caller names."""
    from mathcircuits import detect, models

    from ..studies.cell import reading_hash

    digest = hashlib.sha256(reading_hash().encode())
    folders = (*detect.__path__, *models.__path__)
    inside = (file for start in folders for file in sorted(Path(start).rglob("*")))
    for file in (*inside, *sources):
        if file.suffix in (".py", ".toml", ".cpp"):
            digest.update(file.read_bytes())
    return digest.hexdigest()
