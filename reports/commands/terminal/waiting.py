"""Waiting: what a command shows on a terminal while one of its steps takes longer than two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

#: Seconds that a step may take before it is named: what is shorter would only flicker.
PATIENCE = 2.0


@contextmanager
def working(step: str, patience: float = PATIENCE) -> Iterator[None]:
    """Name the step with the seconds that it has taken, on the error stream of a terminal; the line goes when it ends.

    In a pipe nothing is written.

    Args:
        step: what is done, in a few words.
        patience: seconds before anything is shown.

    Examples:
        >>> with working("adding"):
        ...     print(1 + 1)
        2
    """
    if not sys.stderr.isatty():
        yield
        return
    lock, ended = threading.Lock(), threading.Event()
    bars: list[Progress] = []

    def show() -> None:
        bar = _bar(step, patience)
        with lock:
            # The step may have ended while the bar was being made.
            if not ended.is_set():
                bar.start()
                bars.append(bar)

    timer = threading.Timer(patience, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            ended.set()
            for bar in bars:
                bar.stop()


def _bar(step: str, since: float) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn
    from rich.progress import Task as Step
    from rich.text import Text

    class Seconds(ProgressColumn):
        def render(self, task: Step) -> Text:
            return Text(f"{step} ... {since + (task.elapsed or 0.0):.0f} s")

    bar = Progress(SpinnerColumn(), Seconds(), console=Console(stderr=True), transient=True)
    bar.add_task(step, total=None)
    return bar
