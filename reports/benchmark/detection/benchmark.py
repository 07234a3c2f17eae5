"""The ground-truth benchmark of detection: is what is declared there, and is what is there declared?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from mathcircuits.detect import InputError

from ...studies.storage import write_csv
from ..pieces import FOLDER, Done, Piece, work_off
from ..results import Benchmark
from ..scores import Measurement, Score, from_data, score_table
from ..trainings import Trainings
from . import bends, discoveries, readouts, recovery, studies, timings, wholetables
from .effort import FULL, QUICK, STANDARD, Effort

NAME = "detection"


def detection_measurements(effort: Effort, seed: int) -> dict[str, list[Measurement]]:
    """All measurements by part; trainings are shared among them. The parts of few short cells come first.

    Examples:
        >>> list(detection_measurements(QUICK, 0))
        ['tables of verdicts', 'kink criterion', 'directions', 'ensemble test', 'null networks', 'planted neurons',
        'reading time']
    """
    trainings = Trainings(effort.seeds, effort.steps)
    taught = Trainings(effort.seeds, effort.blank_steps)
    return {
        wholetables.PART: wholetables.measurements(effort, seed),
        bends.PART: bends.measurements(effort, seed, trainings),
        readouts.PART: readouts.measurements(effort, seed, trainings, taught),
        studies.PART: studies.measurements(effort, seed, trainings, taught),
        discoveries.PART: discoveries.measurements(effort, seed, trainings, taught),
        recovery.PART: recovery.measurements(effort, seed),
        timings.PART: timings.measurements(effort, seed),
    }


def run_detection(
    *,
    quick: bool = False,
    full: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    effort: Effort | None = None,
    out: str | os.PathLike[str] | None = None,
    workers: int = 1,
) -> Benchmark:
    """Run every part; the nulls come from the cache, and are drawn where they are not there yet.

    Args:
        quick: `effort.QUICK` in place of `effort.STANDARD`; full: `effort.FULL`.
        seed: of all draws but the nulls' (which are fixed) and the trainings' (seeds 0, 1, ...).
        progress: whether to print a line on stderr for each cell as it is done; None prints.
        effort: sizes of one's own.
        out: a folder. Each cell is kept there when it is done, in `pieces` and as rows of `table.csv`: a killed run
            leaves its rows, and the same call resumes it. None writes nothing.
        workers: processes.

    Raises:
        InputError: for `quick` and `full` at once, and a number of workers below 1.
        FileError: where `out` cannot be written.
    """
    from .charts import detection_figure

    if quick and full:
        raise InputError("quick = True and full = True: give one of them")
    sizes = effort or (QUICK if quick else FULL if full else STANDARD)
    folder = None if out is None else Path(out)
    parts = detection_measurements(sizes, seed)
    cells = {
        f"{part}: {measurement.text}; seed {seed}, {sizes}": (part, measurement)
        for part, measurements in parts.items()
        for measurement in measurements
    }

    def scores_of(done: Mapping[str, Done]) -> list[Score]:
        scores = [from_data(data) for key in cells if key in done for data in done[key].result]
        return [score.lenient() for score in scores] if sizes.lenient else scores

    def each(key: str, done: Mapping[str, Done]) -> None:
        if folder is not None:
            write_csv(folder / "table.csv", score_table(scores_of(done)))
        if progress is not False:
            print(
                f"{len(done)} of {len(cells)}: {_in_words(*cells[key], done[key])}",
                file=sys.stderr,
                flush=True,
            )

    done = work_off(
        [Piece(key, partial(_kept, measurement)) for key, (_, measurement) in cells.items()],
        folder=None if folder is None else folder / FOLDER,
        sources=sorted(Path(__file__).parents[1].glob("*.py")) + sorted(Path(__file__).parent.glob("*.py")),
        workers=workers,
        progress=False,
        in_order=True,
        each=each,
    )
    seconds = dict.fromkeys(parts, 0.0)
    for key, (part, _) in cells.items():
        seconds[part] += done[key].seconds
    about = _about(sizes)
    found = Benchmark(NAME, sizes.lenient, seed, tuple(scores_of(done)), seconds, about, detection_figure)
    if folder is not None:
        found.write(folder)
    return found


def _kept(measurement: Measurement) -> list[dict[str, Any]]:
    """The scores of a cell as JSON holds them."""
    return [asdict(score) for score in measurement.run()]


def _in_words(part: str, measurement: Measurement, done: Done) -> str:
    """What a cell measured, its first score that has a bound, and how long it took."""
    scores = [from_data(data) for data in done.result]
    judged = [score for score in scores if score.bound is not None]
    broken = sum(not score.passed for score in judged)
    text = measurement.text if measurement.text.startswith(part[:5]) else f"{part}, {measurement.text}"
    first = f"; {(judged or scores)[0]!r}" if scores else ""
    return f"{text}{first}{f'; {broken} FAIL' if broken else ''}; {done.seconds:.0f} s"


def _about(effort: Effort) -> Mapping[str, Any]:
    from importlib.metadata import version

    packages = ("mathcircuits", "numpy", "scipy", "torch")
    return {"versions": {name: version(name) for name in packages}, "effort": asdict(effort)}
