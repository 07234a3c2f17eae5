"""Nulls kept between runs: simulated once per key, then read from disk."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..folders import home_folder

T = TypeVar("T")
Arrays = Mapping[str, npt.NDArray[Any]]


def kept_arrays(key: str, make: Callable[[int], Arrays]) -> Arrays:
    """The arrays of a key: read from disk, or made with a seed that the key decides, and kept.

    A damaged file is made again; a folder that cannot be written costs time, never the result. Two processes that
    make the same key write the same arrays, each whole (a temporary file that replaces the old one).

    Args:
        key: says everything that the arrays depend on, the version of the code that makes them included.
        make: from a seed to the arrays.

    Examples:
        >>> drawn = kept_arrays("an example", lambda seed: {"u": np.random.default_rng(seed).uniform(size=3)})
        >>> again = kept_arrays("an example", lambda seed: {})
        >>> bool((drawn["u"] == again["u"]).all())
        True
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    path = null_folder() / f"{name}.npz"
    found = _read(path)
    if found is None:
        found = make(int(name[:8], 16))
        _write(path, found)
    return found


def kept_draws(key: str, draw: Callable[[int], npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """One array of null draws, kept as `kept_arrays` keeps several.

    Examples:
        >>> kept_draws("one example", lambda seed: np.ones(2)).tolist()
        [1.0, 1.0]
    """
    return kept_arrays(key, lambda seed: {"draws": draw(seed)})["draws"]


def side_by_side(draws: Sequence[Callable[[], T]]) -> list[T]:
    """What several functions give that each draw a null, a thread for each as far as there are processors.

    NumPy works on large arrays outside the interpreter's lock. Every null has a generator of its own, so that the draws
    are those that the functions make one after the other.

    Examples:
        >>> side_by_side([lambda seed=seed: float(np.random.default_rng(seed).uniform()) for seed in (0, 0)])
        [0.6369616873214543, 0.6369616873214543]
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    threads = min(len(draws), processors)
    if threads < 2:
        return [draw() for draw in draws]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda draw: draw(), draws))


def null_folder() -> Path:
    """Where nulls are kept: `$MATHCIRCUITS_HOME/nulls`, else the platform's cache folder.

    Examples:
        >>> null_folder().name
        'nulls'
    """
    return home_folder("nulls", cache=True)


def _read(path: Path) -> Arrays | None:
    try:
        # From memory: numpy leaves the file open where its zip directory is damaged.
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error, zipfile.BadZipFile):
        return None


def _write(path: Path, arrays: Arrays) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]  # its stub takes a bool among the names
        os.replace(temporary, path)
    except OSError:
        return


class Unkeyed:
    """Takes a value past a cache whose key says all that matters: all of them are equal.

    Examples:
        >>> Unkeyed([1]) == Unkeyed([2])
        True
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unkeyed)

    def __hash__(self) -> int:
        return 0
