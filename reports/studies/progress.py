"""Progress: how far a study is and how long it will take, on a terminal as a bar, in a pipe as plain lines.

A cell of deep networks takes a hundred times as long as one of shallow ones, so cells are not counted but weighed:
by what their training and reading is expected to take, and then by what like cells have taken in this very run.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from mathcircuits.detect import tasks

from .cell import Cell
from .cells import Outcome, study_cells
from .config import StudyConfig

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds that one sample costs one network for each of its parameters, forward and backward, and for each number
#: that is drawn for it alone; and that a Levenberg-Marquardt try costs for each pair of parameters. Measured on the
#: default study, one core; they need only be right towards each other, for the run corrects them.
_A_PARAMETER, _A_DRAW, _A_PAIR = 3e-10, 1.5e-8, 1e-9
#: Seconds that the reading of one network takes: with one hidden layer, with several, and of a cell with none.
_A_SHALLOW, _A_DEEP, _A_CELL = 0.03, 0.25, 0.1
#: The same where the forms of shallow networks alone are read: of cells of four networks, half goes into their batches.
_A_FORM, _A_FORM_CELL = 0.005, 0.05
#: Seconds that the compression of one network takes, with one hidden layer and with several.
_COMPRESSED, _COMPRESSED_DEEP = 0.05, 0.5
#: Seconds between two lines in a pipe: a log of an hour stays at a hundred lines.
_EVERY = 30.0


def expected_seconds(cell: Cell) -> float:
    """What a cell is expected to take on one core: its weight beside other cells, not a promise.

    Training grows with networks, steps, samples and parameters; reading with networks and layers.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> short, long = (Cell("minimum", (3,), as_regimen("adam"), tuple(range(n))) for n in (10, 20))
        >>> round((expected_seconds(long) - 0.1) / (expected_seconds(short) - 0.1), 6)
        2.0
    """
    task, deep = tasks[cell.task], len(cell.hidden) > 1
    reading = _A_CELL + (_A_DEEP if deep else _A_SHALLOW) * len(cell.seeds)
    if cell.reads == "forms" and not deep:
        reading = _A_FORM_CELL + _A_FORM * len(cell.seeds)
    if cell.derived or cell.found:
        return reading
    regimen = cell.regimen.for_depth(len(cell.hidden))
    steps: float = regimen.steps_for(task) if cell.steps is None else cell.steps
    if regimen.rescue is not None:
        # Most networks need few of the phases that they may have.
        steps += regimen.rescue.steps * regimen.rescue.phases / 4
    # The outputs are few: one stands for them.
    sizes = (task.arity, *(regimen.width_factor * size for size in cell.hidden), 1)
    parameters = sum((low + 1) * high for low, high in pairwise(sizes))
    samples = min(regimen.batch, regimen.samples or regimen.batch)
    each = _A_PARAMETER * parameters + (_A_DRAW * task.arity if regimen.stream == "per-seed" else 0.0)
    if regimen.optimiser == "levenberg":
        each = _A_PAIR * parameters**2
    smaller = 0.0 if regimen.compression is None else (_COMPRESSED_DEEP if deep else _COMPRESSED)
    return reading + len(cell.seeds) * (smaller + regimen.pool * steps * samples * each)


def crossing_size(config: StudyConfig, workers: int = 1) -> str:
    """How large a study with factors is, and about how long it will take, before anything runs.

    Examples:
        >>> factors = {"decay": [0, 1e-3], "batch": [32, 128]}
        >>> crossing_size(StudyConfig(tasks=["minimum"], widths=["1x", "2x"], seeds=5, factors=factors))
        'decay (2) x batch (2) = 4 conditions, at 2 widths of 1 task: 8 cells, 40 networks, under a minute of 1 process'
    """
    cells = [cell for cell in study_cells(config) if not cell.derived]
    seconds = sum(map(expected_seconds, cells)) / workers
    crossed = () if config.factors is None else config.factors.texts.items()
    text = " x ".join(f"{name} ({len(levels)})" for name, levels in crossed)
    widths, named = len(config.widths), len(config.task_names)
    return (
        f"{text} = {math.prod(len(levels) for _, levels in crossed)} conditions, at {widths} "
        f"width{'s' * (widths > 1)} of {named} task{'s' * (named > 1)}: {len(cells)} cells, "
        f"{sum(len(cell.seeds) for cell in cells)} networks, {duration_text(seconds)} of {workers} "
        f"process{'es' * (workers > 1)}"
    )


class Estimate:
    """How much of a study's work is done, and how long the rest will take.

    A cell that is still to come counts as its expected seconds, times what cells of the same regimen and depth
    have taken beyond theirs so far. Cells that were there already count as done, but say nothing of the pace.

    Args:
        cells: the cells of the study.
        clock: seconds, as `time.monotonic`.

    Attributes:
        total: how many cells; ended: how many of them have ended.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> cells = [Cell("minimum", (3,), as_regimen("adam"), (seed,)) for seed in range(4)]
        >>> now = iter((0.0, 10.0, 12.0))
        >>> estimate = Estimate(cells, clock=lambda: next(now))
        >>> estimate.left() is None
        True
        >>> estimate.add(Outcome(cells[0].key, "done", {"train": 9.0, "read": 1.0}))  # after ten seconds
        >>> round(estimate.left()), round(estimate.share, 2)  # after twelve
        (28, 0.25)
    """

    def __init__(self, cells: Iterable[Cell], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._last = clock()
        self._open = {cell.key: (_kind(cell), expected_seconds(cell)) for cell in cells}
        self._weight = sum(weight for _, weight in self._open.values())
        self.total, self.ended = len(self._open), 0
        # By kind of cell: seconds worked, and seconds expected for the same cells.
        self._paces: dict[tuple[str, int], tuple[float, float]] = {}

    def add(self, outcome: Outcome) -> None:
        """Count a cell that has ended; one that is busy elsewhere has not."""
        if outcome.status == "busy":
            return
        kind, weight = self._open.pop(outcome.cell)
        self.ended += 1
        worked = sum(outcome.seconds.values())
        if outcome.status in ("done", "read") and worked:
            taken, expected = self._paces.get(kind, (0.0, 0.0))
            self._paces[kind] = (taken + worked, expected + weight)
            self._last = self._clock()

    @property
    def share(self) -> float:
        """The share of the work that has ended, in [0, 1]."""
        left = sum(weight for _, weight in list(self._open.values()))
        return 1.0 - left / self._weight if left else 1.0

    def left(self) -> float | None:
        """Seconds until all cells will have ended; None before the first that was worked on."""
        # Copies: the bar is drawn by a thread of its own, while cells end.
        left, paces = list(self._open.values()), dict(self._paces)
        if not left:
            return 0.0
        taken = sum(seconds for seconds, _ in paces.values())
        if not taken:
            return None
        overall = taken / sum(expected for _, expected in paces.values())
        pace = {kind: seconds / expected for kind, (seconds, expected) in paces.items()}
        work = sum(weight * pace.get(kind, overall) for kind, weight in left)
        # Several workers have together worked longer than the clock went.
        workers = max(1.0, taken / max(self._last - self._started, 1e-9))
        return max(0.0, work / workers - (self._clock() - self._last))


class ProgressDisplay:
    """What a person sees while a study runs: a bar on a terminal, lines on the error stream in a pipe.

    Args:
        cells: the cells of the study.
        show: None shows the bar on a terminal, and a line every half a minute elsewhere; True a line after every
            cell and stage; False nothing.
        stream: where; the error stream by default.
        clock: seconds, as `time.monotonic`.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> cells = [Cell("minimum", (3,), as_regimen("adam"), (seed,)) for seed in range(2)]
        >>> with ProgressDisplay(cells, show=True, stream=sys.stdout) as display:
        ...     display.add(Outcome(cells[0].key, "kept"))
        ...     display.add(Outcome(cells[1].key, "kept"))
        mathcircuits: 1 of 2 cells, 50% of the work
        mathcircuits: 2 of 2 cells; tables and page follow
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        show: bool | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.estimate = Estimate(cells, clock)
        self._stream = sys.stderr if stream is None else stream
        self._clock, self._told = clock, clock()
        # A notebook counts as a terminal to Rich, but writes what it is given as text.
        self._lines = show is not False and not self._stream.isatty()
        self._every = 0.0 if show else _EVERY
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if show is not False and not self._lines:
            self._bar = _bar(self._stream)

    def __enter__(self) -> ProgressDisplay:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("cells", total=1.0, said=self._said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, outcome: Outcome) -> None:
        """Show that a cell has ended."""
        self.estimate.add(outcome)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.estimate.share)
        else:
            self._tell(self._said)

    def stage(self, name: str) -> None:
        """Show what follows the cells: the tables and of what, the page."""
        if self._bar is not None and self._task is not None:
            # What follows is not weighed: the bar moves to and fro rather than stand at its end.
            self._bar.update(self._task, description=name, total=None)
        else:
            self._tell(lambda: name)

    def say(self, words: str) -> None:
        """Print a line on its own, unless nothing is to be shown."""
        if self._bar is not None:
            self._bar.stop()
        if self._bar is not None or self._lines:
            print(f"mathcircuits: {words}", file=self._stream, flush=True)

    def _tell(self, words: Callable[[], str]) -> None:
        """Print a line, if the last one is long enough ago."""
        if self._lines and self._clock() - self._told >= self._every:
            self._told = self._clock()
            print(f"mathcircuits: {words()}", file=self._stream, flush=True)

    def _said(self) -> str:
        return progress_text(self.estimate)


def progress_text(estimate: Estimate) -> str:
    """An estimate in words: cells, share of the work, time left.

    Examples:
        >>> progress_text(Estimate([]))
        '0 of 0 cells; tables and page follow'
    """
    if estimate.ended == estimate.total:
        return f"{estimate.ended} of {estimate.total} cells; tables and page follow"
    text = f"{estimate.ended} of {estimate.total} cells, {estimate.share:.0%} of the work"
    left = estimate.left()
    return text if left is None else f"{text}, {duration_text(left)} left"


def duration_text(seconds: float) -> str:
    """A time as people say it: an estimate is not right to the second.

    Examples:
        >>> [duration_text(seconds) for seconds in (3, 59, 61, 3599, 9000)]
        ['under a minute', 'under a minute', 'about 1 min', 'about 60 min', 'about 2 h 30 min']
    """
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes <= 60 else f"about {minutes // 60} h {minutes % 60} min"


def _kind(cell: Cell) -> tuple[str, int]:
    return cell.regimen.name, min(len(cell.hidden), 2)


def _bar(stream: TextIO) -> Progress:
    """A bar whose words are made anew at every look, so that the time left runs down between two cells."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Task as BarTask
    from rich.text import Text

    class Said(ProgressColumn):
        def render(self, task: BarTask) -> Text:
            return Text(task.fields["said"]())

    columns = (TextColumn("{task.description}"), BarColumn(), Said(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=stream), transient=True)
