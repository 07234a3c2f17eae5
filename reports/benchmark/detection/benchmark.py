"""The ground-truth benchmark of detection: is what is declared there, and is what is there declared?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from ..results import Benchmark
from ..scores import Measurement, Score
from ..trainings import Trainings
from . import bends, discoveries, readouts, recovery, studies, timings, wholetables
from .effort import FULL, QUICK, Effort

NAME = "detection"


def detection_measurements(effort: Effort, seed: int) -> dict[str, list[Measurement]]:
    """All measurements by part; trainings are shared among them.

    Examples:
        >>> list(detection_measurements(QUICK, 0))
        ['null networks', 'planted neurons', 'ensemble test', 'directions', 'kink criterion', 'tables of verdicts',
        'reading time']
    """
    trainings = Trainings(effort.seeds, effort.steps)
    taught = Trainings(effort.seeds, effort.blank_steps)
    return {
        discoveries.PART: discoveries.measurements(effort, seed, trainings, taught),
        recovery.PART: recovery.measurements(effort, seed),
        studies.PART: studies.measurements(effort, seed, trainings, taught),
        readouts.PART: readouts.measurements(effort, seed, trainings, taught),
        bends.PART: bends.measurements(effort, seed, trainings),
        wholetables.PART: wholetables.measurements(effort, seed),
        timings.PART: timings.measurements(effort, seed),
    }


def run_detection(
    *, quick: bool = False, seed: int = 0, progress: bool | None = None, effort: Effort | None = None
) -> Benchmark:
    """Run every part; the nulls come from the cache, and are drawn where they are not there yet.

    Args:
        quick: `effort.QUICK` in place of `effort.FULL`.
        seed: of all draws but the nulls' (which are fixed) and the trainings' (seeds 0, 1, ...).
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        effort: sizes of one's own.
    """
    from .charts import detection_figure

    sizes = effort or (QUICK if quick else FULL)
    parts = detection_measurements(sizes, seed)
    scores: list[Score] = []
    seconds: dict[str, float] = {}
    # tqdm's disable=None means: no bar where the output is no terminal
    with tqdm(
        total=sum(map(len, parts.values())),
        desc=NAME,
        unit="cell",
        disable=None if progress is None else not progress,
    ) as bar:
        for part, measurements in parts.items():
            clock = time.perf_counter()
            for measurement in measurements:
                bar.set_postfix_str(measurement.text)
                scores.extend(measurement.run())
                bar.update()
            seconds[part] = time.perf_counter() - clock
    if sizes.lenient:
        scores = [score.lenient() for score in scores]
    return Benchmark(NAME, sizes.lenient, seed, tuple(scores), seconds, _about(sizes), detection_figure)


def _about(effort: Effort) -> Mapping[str, Any]:
    from importlib.metadata import version

    packages = ("mathcircuits", "numpy", "scipy", "torch")
    return {"versions": {name: version(name) for name in packages}, "effort": asdict(effort)}
