"""Locking: who waits says so once, and a folder that knows no locks is refused in words."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from mathcircuits.detect import FileError
from mathcircuits.reports import locking
from mathcircuits.reports.locking import locked


def test_who_waits_says_for_what_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lock = tmp_path / ".locks" / "tables.lock"
    with locked(lock, "writes the tables"):
        assert not caplog.text
    held = threading.Event()

    def hold() -> None:
        with FileLock(lock):
            held.set()
            time.sleep(0.5)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    with locked(lock, "writes the tables", patience=0.1):
        (said,) = caplog.messages
    other.join()
    assert said == f"waiting for another process, which writes the tables in {tmp_path} (it holds {lock})"


def test_without_waiting_the_lock_of_another_is_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = tmp_path / ".locks" / "a.lock"
    found: list[type[BaseException]] = []

    def look() -> None:
        try:
            with locked(lock, "adds", wait=False):
                pass
        except Timeout as error:
            found.append(type(error))

    with locked(lock, "adds"):
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert found == [Timeout]
    assert not caplog.text


def test_an_error_inside_is_not_the_locks(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk"), locked(tmp_path / ".locks" / "a.lock", "adds"):
        raise OSError("disk")
    with locked(tmp_path / ".locks" / "a.lock", "adds", wait=False):
        pass


def test_a_place_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"), locked(tmp_path / "file" / "a.lock", "adds"):
        pass

    class Lockless:
        def __init__(self, _: Path) -> None: ...

        def acquire(self, timeout: float) -> None:
            raise NotImplementedError

    monkeypatch.setattr(locking, "FileLock", Lockless)
    with (
        pytest.raises(FileError, match="cannot be locked on this file system"),
        locked(tmp_path / "b", "adds"),
    ):
        pass
