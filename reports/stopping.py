"""Stopping: SIGTERM, SIGHUP and Ctrl-C end a long command in seconds, with a word on how to go on.

A worker process ends with the process that started it, also where that one was killed and could say nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FrameType

#: What ends a command besides Ctrl-C; Windows has no SIGHUP.
_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
#: Seconds between two looks of a worker at whether its parent lives.
_LOOK = 1.0


@dataclass
class Stop:
    """Which signal has ended a block, if any.

    Attributes:
        number: of the signal; SIGINT, which Ctrl-C sends, until another came.

    Examples:
        >>> Stop().word, Stop(15).word
        ('Ctrl-C', 'SIGTERM')
    """

    number: int = signal.SIGINT

    @property
    def word(self) -> str:
        """The signal's name."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name


@contextmanager
def stoppable() -> Iterator[Stop]:
    """In this block SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, so that libraries clean up alike.

    Only the main thread can be interrupted so: in another, and for a signal that the caller ignores (as nohup does
    SIGHUP), nothing changes. After the block signals do what they did before.

    Examples:
        >>> with stoppable() as stop:
        ...     stop.word
        'Ctrl-C'
    """
    found = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        found.number = number
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _ENDING}
    changed = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield found
    finally:
        for number in changed:
            handler = before[number]
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@cache
def end_with(parent: int) -> None:
    """Let this worker process end when the process that started it is gone; called again it does nothing more.

    Args:
        parent: that process's id, as it gave it. On Windows, where a process keeps its dead parent's id, nothing is
            watched.
    """
    if not hasattr(os, "getppid") or os.name == "nt" or parent == os.getpid():
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)  # whatever the worker is at: its files are written whole or not at all

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def end_workers() -> None:
    """Kill this process's workers of joblib, where it has any: what they are at is not waited for."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=False, kill_workers=True)
