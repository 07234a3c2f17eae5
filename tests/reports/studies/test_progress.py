"""Progress: the weights of cells, the time left, and what is shown where."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from mathcircuits.models import as_regimen
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.cells import Outcome, study_cells
from mathcircuits.reports.studies.config import StudyConfig
from mathcircuits.reports.studies.progress import (
    Estimate,
    ProgressDisplay,
    duration_text,
    expected_seconds,
    progress_text,
)


def cell(
    task: str = "minimum", hidden: tuple[int, ...] = (3,), regimen: Any = "adam", seeds: int = 10
) -> Cell:
    return Cell(task, hidden, as_regimen(regimen), tuple(range(seeds)))


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def done(one: Cell, seconds: float) -> Outcome:
    return Outcome(one.key, "done", {"train": seconds})


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (cell(), cell(seeds=20)),
        (cell(), cell(hidden=(12,))),
        (cell(), cell(hidden=(3, 3))),
        (cell(), cell(regimen="osier")),
        (cell(regimen={"preset": "adam", "steps": 100}), cell()),
        (cell(regimen={"preset": "adam", "batch": 16}), cell()),
        (cell(regimen="adam"), cell(regimen={"preset": "adam", "pool": 4})),
        (cell(regimen="adam"), cell(regimen={"preset": "adam", "width_factor": 2})),
        (cell(regimen={"preset": "rescue", "rescue": None}), cell(regimen="rescue")),
        (cell(regimen={"preset": "compress", "compression": None}), cell(regimen="compress")),
        (cell(regimen="compress"), cell(regimen="compress", hidden=(3, 2))),
        (cell(regimen={"optimiser": "levenberg", "steps": 100}), cell(regimen={"optimiser": "levenberg"})),
    ],
)
def test_more_work_weighs_more(small: Cell, large: Cell) -> None:
    assert 0 < expected_seconds(small) < expected_seconds(large)


def test_a_cells_own_steps_count() -> None:
    from dataclasses import replace

    assert expected_seconds(replace(cell(), steps=10)) < expected_seconds(cell())


def test_every_cell_of_the_default_study_has_a_weight() -> None:
    assert all(expected_seconds(one) > 0 for one in study_cells(StudyConfig()))


def test_the_heaviest_cell_is_the_one_that_took_longest() -> None:
    config = StudyConfig(widths=["1x", "2x", "4x"], regimens={"1x": ["osier", "adam"], "other": ["adam"]})
    weights = {one.condition: expected_seconds(one) for one in study_cells(config)}
    # Measured: 36 s of training, of 78 s for all cells.
    assert max(weights, key=lambda name: weights[name]) == "minimum-of-4/6-3/osier"


def test_the_time_left_by_hand() -> None:
    clock = Clock()
    cells = [cell(seeds=n) for n in (10, 20)]
    first, second = (expected_seconds(one) for one in cells)
    estimate = Estimate(cells, clock)
    assert estimate.left() is None
    assert (estimate.ended, estimate.total, estimate.share) == (0, 2, 0.0)
    clock.now = 30.0
    estimate.add(done(cells[0], 30.0))
    assert estimate.left() == pytest.approx(30.0 * second / first)
    assert estimate.share == pytest.approx(first / (first + second))
    clock.now = 40.0
    assert estimate.left() == pytest.approx(30.0 * second / first - 10.0)
    # An estimate that has run out is not negative.
    clock.now = 4000.0
    assert estimate.left() == 0.0
    estimate.add(done(cells[1], 3970.0))
    assert (estimate.left(), estimate.share, estimate.ended) == (0.0, 1.0, 2)


def test_like_cells_set_the_pace() -> None:
    clock = Clock()
    cells = [cell(), cell(regimen="osier"), cell(seeds=11), cell(regimen="osier", seeds=11)]
    adam, osier, adam_left, osier_left = map(expected_seconds, cells)
    estimate = Estimate(cells, clock)
    clock.now = 2 * adam + 5 * osier
    estimate.add(done(cells[0], 2 * adam))
    estimate.add(done(cells[1], 5 * osier))
    assert estimate.left() == pytest.approx(2 * adam_left + 5 * osier_left)


def test_workers_share_what_is_left() -> None:
    clock = Clock()
    cells = [cell(seeds=n) for n in (10, 11, 12)]
    estimate = Estimate(cells, clock)
    clock.now = 10.0
    estimate.add(done(cells[0], 10.0))
    estimate.add(done(cells[1], 10.0))
    pace = 20.0 / (expected_seconds(cells[0]) + expected_seconds(cells[1]))
    assert estimate.left() == pytest.approx(pace * expected_seconds(cells[2]) / 2)


def test_what_was_there_sets_no_pace() -> None:
    clock = Clock()
    cells = [cell(seeds=n) for n in (10, 11, 12, 13)]
    estimate = Estimate(cells, clock)
    estimate.add(Outcome(cells[0].key, "kept"))
    estimate.add(Outcome(cells[1].key, "failed", error="killed"))
    assert (estimate.ended, estimate.left()) == (2, None)
    estimate.add(Outcome(cells[2].key, "busy"))
    assert estimate.ended == 2


def test_no_cells() -> None:
    estimate = Estimate([])
    assert (estimate.left(), estimate.share, estimate.total) == (0.0, 1.0, 0)


def test_words() -> None:
    clock = Clock()
    cells = [cell(seeds=n) for n in (10, 10_000)]
    estimate = Estimate(cells, clock)
    assert progress_text(estimate) == "0 of 2 cells, 0% of the work"
    clock.now = 60.0
    estimate.add(done(cells[0], 60.0))
    left = estimate.left()
    assert left is not None
    assert progress_text(estimate) == f"1 of 2 cells, 0% of the work, {duration_text(left)} left"
    assert " h " in duration_text(left)


def lines(show: bool | None, seconds_a_cell: float) -> list[str]:
    clock, stream = Clock(), io.StringIO()
    cells = [cell(seeds=n) for n in range(1, 5)]
    with ProgressDisplay(cells, show, stream=stream, clock=clock) as display:
        for one in cells:
            clock.now += seconds_a_cell
            display.add(done(one, seconds_a_cell))
        display.stage("tables")
    return stream.getvalue().splitlines()


def test_in_a_pipe_there_is_a_line_now_and_then() -> None:
    assert lines(None, 1.0) == []
    assert [re.split("[,;]", line)[0] for line in lines(None, 20.0)] == [
        "mathcircuits: 2 of 4 cells",
        "mathcircuits: 4 of 4 cells",
    ]
    assert lines(True, 1.0)[3:] == [
        "mathcircuits: 4 of 4 cells; tables and page follow",
        "mathcircuits: tables",
    ]
    assert lines(False, 1000.0) == []
    assert "left" in lines(None, 40.0)[0]
    # Tables and page are still to come.
    assert not any("100%" in line for line in lines(True, 1.0))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool | None], str]:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")

    def shown(show: bool | None) -> str:
        stream = Terminal()
        cells = [cell(seeds=n) for n in range(1, 4)]
        with ProgressDisplay(cells, show, stream=stream) as display:
            display.add(done(cells[0], 100.0))
            display.stage("tables")
        return stream.getvalue()

    return shown


def test_on_a_terminal_there_is_a_bar(on_terminal: Callable[[bool | None], str]) -> None:
    text = on_terminal(None)
    assert "1 of 3 cells" in text
    assert "left" in text
    assert "tables" in text
    assert "100%" not in text
    assert on_terminal(False) == ""
