"""Locking: processes that share a folder take turns, and the one that waits says for what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mathcircuits.detect import FileError

#: Seconds that one waits in silence: what another process does under a lock mostly takes less.
PATIENCE = 2.0


@contextmanager
def locked(lock: Path, doing: str, *, wait: bool = True, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock during the block; after two seconds of waiting for it, say so once.

    Args:
        lock: its file, made with its folder where it is missing; it stays.
        doing: what the one who holds it is doing, in a few words.
        wait: whether to wait at all.
        patience: seconds before anything is said.

    Raises:
        Timeout: where another process holds it, with `wait=False` (filelock's).
        FileError: where the file cannot be written, or its file system knows no locks.

    Examples:
        >>> import tempfile
        >>> with locked(Path(tempfile.mkdtemp()) / ".locks" / "a.lock", "adds up"):
        ...     print(1 + 1)
        2
    """
    taken = _taken(lock, doing, wait, patience)
    try:
        yield
    finally:
        taken.release()


def _taken(lock: Path, doing: str, wait: bool, patience: float) -> FileLock:
    found = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            found.acquire(timeout=patience if wait else 0)
        except Timeout:
            if not wait:
                raise
            logging.getLogger("mathcircuits").warning(
                "waiting for another process, which %s in %s (it holds %s)", doing, lock.parents[1], lock
            )
            found.acquire()
    except Timeout:
        raise
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
    return found
