"""The benchmark of regimens: which ways of training reach the smallest network, at what cost, and what each part buys.

Every section states which networks it wants; what several want is trained once. All counts are of seeds, all
intervals exact (Clopper-Pearson), all losses measured on points that nothing was fitted to or chosen by.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import tasks
from mathcircuits.detect.features import SOLVED
from mathcircuits.detect.programs import PROGRAM_ERROR
from mathcircuits.models import as_regimen

from ...studies.cell import SOLVED_OSIER
from ..pieces import FOLDER, Done, Piece, cores, work_off
from ..results import Benchmark
from ..scores import Bound, Score, Setting, from_data, mean_share, share
from . import ablation, prediction
from .ablation import VARIANTS, WIDE
from .failures import confusion, plant_failures
from .parts import COMPRESS, DIAGNOSIS, OSIER, PREDICTION, PRESETS_PART, RESCUE
from .runs import Runs, joined, median_of, most_frequent

if TYPE_CHECKING:
    import pandas as pd

NAME = "regimens"
#: The tasks with one hidden layer; all but the last without biases.
SHALLOW = (
    "identity", "negation", "absolute", "addition", "subtraction", "minimum", "maximum", "absolute-difference",
    "x1-plus-abs-x2", "clip",
)  # fmt: skip
DEEP = ("minimum-of-4", "median-of-3")
#: Success of Osier's regimen over seeds 0 to 999, loss below 1e-4 (docs/results/measurements.md, Osier's training).
NOTEBOOK = {
    "identity": 0.475,
    "negation": 0.471,
    "absolute": 0.333,
    "addition": 0.616,
    "subtraction": 0.587,
    "minimum": 0.570,
}
#: Labels of the comparison and whether each starts at minimal width; `lm-restarts` grows up to the wide one.
SIDE_BY_SIDE = (
    ("osier", "osier", True),
    ("adam", "adam", True),
    ("decay-then-anneal", "decay-then-anneal", True),
    ("balanced-init", "balanced-init", True),
    ("rescue", "rescue", True),
    ("adam, wide", "adam", False),
    ("decay-then-anneal, wide", "decay-then-anneal", False),
    ("lm-restarts", "lm-restarts", False),
    ("compress", "compress", False),
)
#: Those that the deep task is compared by: a wide one without compression has no chance of being small, and one that
#: grows to the wide shape takes hours; at minimal width it tries what it would there.
DEEP_SIDE_BY_SIDE = (
    ("osier", True),
    ("adam", True),
    ("decay-then-anneal", True),
    ("balanced-init", True),
    ("rescue", True),
    ("lm-restarts", True),
    ("compress", False),
)
POOLED = "all tasks with one hidden layer"

REPEATED = Bound("osier: success within 0.03 of the notebook's over seeds 0 to 999", 0.03)
SMALLEST = Bound(
    "compress: at least 99% of seeds verified at the hand-derived width or below", 0.99, most=False
)
SMALLEST_DEEP = {
    "minimum-of-4": Bound("compress: minimum-of-4 at 4-6-3-1 in at least 95 of 100", 0.95, most=False),
    "median-of-3": Bound("compress: median-of-3 at 3-5-3-1 in at least 95 of 100", 0.95, most=False),
}
RESCUED = Bound("rescue: at least 99% solved at minimal width, bias-free, one hidden layer", 0.99, most=False)
RESCUED_DEEP = Bound("rescue: minimum-of-4 solved at 4-6-3-1 in at least 95 of 100", 0.95, most=False)
DIAGNOSED = Bound(
    "diagnosis: agrees with the planted cause in at least 95 of 100 constructed failures", 0.95, most=False
)
#: Seconds on one core that a held-out or fitted seed of the prediction takes per update, and the trees of a cell; the
#: planting of one failure of each cause.
_UPDATE, _TREES, _PLANTED = 1.2e-6, 4.0, 2.0

#: Fewer seeds than `prediction.FULL` where nothing is asked for: the widths, and the batches of their own.
ASKED_SIZE = replace(prediction.FULL, own_batches=100, fitted_wide=600, held_out_wide=400)
FEW_CELLS = replace(
    prediction.QUICK,
    minimal=tuple(c for c in prediction.QUICK.minimal if c.task in ("absolute", "identity", "addition")),
    own_batches=20,
    wide=tuple(c for c in prediction.QUICK.wide if c.task == "absolute"),
)

#: What pieces run of this package; the rest adds up and draws.
_SOURCES = tuple(Path(__file__).with_name(f"{name}.py") for name in ("runs", PREDICTION, "failures"))


@dataclass(frozen=True)
class RegimensEffort:
    """How much is run.

    Attributes:
        osier: seeds of each of the notebook's tasks.
        compress, rescue: seeds of each task with one hidden layer; compress_deep, rescue_deep: of those with two.
        read: of each task that `compress` works on, networks that are put into words.
        presets, presets_deep: seeds of each regimen and task that are compared, all of them read.
        ablation, ablation_deep: seeds of each variant and task, all of them read.
        failures: planted failures of each of the five causes.
        prediction: what initial weights are asked about.
    """

    osier: int = 1000
    compress: int = 1000
    compress_deep: int = 100
    read: int = 500
    rescue: int = 1000
    rescue_deep: int = 100
    presets: int = 100
    presets_deep: int = 20
    ablation: int = 50
    ablation_deep: int = 20
    failures: int = 40
    prediction: prediction.PredictionEffort = ASKED_SIZE


FULL = RegimensEffort()
QUICK = RegimensEffort(
    osier=40,
    compress=20,
    compress_deep=3,
    read=10,
    rescue=40,
    rescue_deep=10,
    presets=8,
    presets_deep=2,
    ablation=6,
    ablation_deep=1,
    failures=4,
    prediction=FEW_CELLS,
)


def run_regimens(
    *,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    size: RegimensEffort | None = None,
    workers: int | None = None,
) -> Benchmark:
    """Run every section: about 25 minutes on two cores, `quick` about two.

    Args:
        quick: `QUICK` in place of `FULL`.
        out: a folder to write into (see `Benchmark.write`); what is done is kept under it, in `pieces`, so that a
            killed run resumes there. None writes nothing.
        seed: the first seed of every training; of the failures and the trees.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        size: sizes of one's own.
        workers: processes; None is one per core.
    """
    from .charts import regimen_figure

    chosen = size or (QUICK if quick else FULL)
    clock = time.perf_counter()
    wanted = joined(runs for section in _SECTIONS.values() for runs in section.wants(chosen, seed))
    pieces = [piece for runs in wanted.values() for piece in runs.pieces()]
    predictions = prediction_pieces(chosen.prediction, seed)
    failures = failure_pieces(chosen.failures, seed)
    done = work_off(
        [*pieces, *predictions, *failures],
        folder=None if out is None else Path(out) / FOLDER,
        sources=_SOURCES,
        workers=cores() if workers is None else workers,
        progress=progress,
        title=NAME,
    )
    frames = {name: runs.frame(done) for name, runs in wanted.items()}
    scores: list[Score] = []
    for section in _SECTIONS.values():
        scores += section.scores(chosen, seed, frames)
    for piece in predictions:
        scores += [from_data(data) for data in done[piece.key].result]
    if failures:
        scores += diagnosis_scores([done[piece.key] for piece in failures])
    if chosen != FULL:
        scores = [score.lenient() for score in scores]
    seconds = {"wall clock": time.perf_counter() - clock}
    about = _about(chosen, done)
    found = Benchmark(NAME, chosen != FULL, seed, tuple(scores), seconds, about, regimen_figure)
    if out is not None:
        found.write(out)
    return found


# Which networks are wanted


Frames = Mapping[tuple[str, str, tuple[int, ...]], "pd.DataFrame"]


@dataclass(frozen=True)
class RegimenPart:
    """A part of the benchmark: the networks that it wants, and what it makes of them."""

    wants: Callable[[RegimensEffort, int], list[Runs]]
    scores: Callable[[RegimensEffort, int, Frames], list[Score]]


def minimal_runs(label: str, preset: str, task: str, seed: int, count: int, read: int = 0) -> Runs:
    """Networks that start at their task's hand-derived width.

    Examples:
        >>> minimal_runs("rescue", "rescue", "minimum-of-4", 0, 10).hidden
        (6, 3)
    """
    smallest = tasks[task].smallest
    assert smallest is not None
    return Runs(label, task, smallest, as_regimen(preset), seed, count, read)


def wide_runs(label: str, preset: str, task: str, seed: int, count: int, read: int = 0) -> Runs:
    """Networks that start wide, at 16, or 24-12 where the hand-derived one has two hidden layers."""
    smallest = tasks[task].smallest
    assert smallest is not None
    return Runs(label, task, WIDE[len(smallest)], as_regimen(preset), seed, count, read)


def _osier_runs(size: RegimensEffort, seed: int) -> list[Runs]:
    return [minimal_runs(OSIER, "osier", task, seed, size.osier) for task in NOTEBOOK] if size.osier else []


def _compress_runs(size: RegimensEffort, seed: int) -> list[Runs]:
    found = []
    if size.compress:
        found += [wide_runs(COMPRESS, "compress", t, seed, size.compress, size.read) for t in SHALLOW]
    if size.compress_deep:
        n = size.compress_deep
        found += [wide_runs(COMPRESS, "compress", t, seed, n, min(n, size.read)) for t in DEEP]
    return found


def _rescue_runs(size: RegimensEffort, seed: int) -> list[Runs]:
    found = []
    if size.rescue:
        found += [minimal_runs(RESCUE, "rescue", t, seed, size.rescue) for t in SHALLOW]
    if size.rescue_deep:
        found.append(minimal_runs(RESCUE, "rescue", DEEP[0], seed, size.rescue_deep))
    return found


def _preset_runs(size: RegimensEffort, seed: int) -> list[Runs]:
    found = []
    for task in SHALLOW if size.presets else ():
        for label, preset, small in SIDE_BY_SIDE:
            make = minimal_runs if small else wide_runs
            found.append(make(label, preset, task, seed, size.presets, size.presets))
    for label, small in DEEP_SIDE_BY_SIDE if size.presets_deep else ():
        make = minimal_runs if small else wide_runs
        found.append(make(label, label, DEEP[0], seed, size.presets_deep, size.presets_deep))
    return found


def _ablation_runs(size: RegimensEffort, seed: int) -> list[Runs]:
    found = [runs for v in VARIANTS for runs in v.runs(seed, size.ablation, size.ablation_deep)]
    return [runs for runs in found if runs.count]


# What is made of them


def _osier_scores(size: RegimensEffort, seed: int, frames: Frames) -> list[Score]:
    """Success as the notebook counts it, and how far it is from the notebook's."""
    scores = []
    for runs in _osier_runs(size, seed):
        rows, s = frames[runs.name][: runs.count], runs.setting
        success = share(OSIER, s, "loss below 1e-4", int((rows["loss"] < SOLVED_OSIER).sum()), len(rows))
        wanted = NOTEBOOK[runs.task]
        ends = [abs(end - wanted) for end in (success.low, success.high)]
        nearest = 0.0 if success.low <= wanted <= success.high else min(ends)
        away = Score(
            OSIER,
            s,
            "distance to the notebook's success",
            abs(success.value - wanted),
            nearest,
            max(ends),
            n=len(rows),
            bound=None if seed else REPEATED,  # the stated figures are of seeds 0 to 999
            note=f"{success.value:.3f} here, {wanted:.3f} there",
        )
        scores += [success, away]
    return scores


def _compress_scores(size: RegimensEffort, seed: int, frames: Frames) -> list[Score]:
    scores = []
    for runs in _compress_runs(size, seed):
        rows, s = frames[runs.name][: runs.count], runs.setting
        scores += reached(COMPRESS, s, rows, SMALLEST_DEEP.get(runs.task, SMALLEST))
        scores += spent(COMPRESS, s, rows)
        scores += in_words(COMPRESS, s, rows[: runs.read])
    return scores


def _rescue_scores(size: RegimensEffort, seed: int, frames: Frames) -> list[Score]:
    scores = []
    for runs in _rescue_runs(size, seed):
        rows, s = frames[runs.name][: runs.count], runs.setting
        deep = len(runs.hidden) > 1
        bound = RESCUED_DEEP if deep else None if tasks[runs.task].needs_bias else RESCUED
        scores += [share(RESCUE, s, "solved", int((rows["loss"] < SOLVED).sum()), len(rows), bound)]
        scores += spent(RESCUE, s, rows)
    return scores


def _compared(part: str, runs: list[Runs], frames: Frames) -> list[Score]:
    """Every regimen on every task, and pooled over those with one hidden layer."""
    import pandas as pd

    scores = []
    pooled: dict[str, list[pd.DataFrame]] = {}
    for own in runs:
        rows = frames[own.name][: own.count]
        note = own.regimen.name if own.regimen.name != own.label else ""
        scores += full_account(part, own.setting, rows, note)
        if len(own.hidden) == 1:
            pooled.setdefault(own.label, []).append(rows)
    for label, parts in pooled.items():
        rows = pd.concat(parts, ignore_index=True)
        scores += full_account(part, Setting(label, layers=1), rows, POOLED, pooled=True)
    return scores


def _preset_scores(size: RegimensEffort, seed: int, frames: Frames) -> list[Score]:
    return _compared(PRESETS_PART, _preset_runs(size, seed), frames)


def _ablation_scores(size: RegimensEffort, seed: int, frames: Frames) -> list[Score]:
    return _compared(ablation.PART, _ablation_runs(size, seed), frames)


_SECTIONS: Mapping[str, RegimenPart] = {
    OSIER: RegimenPart(_osier_runs, _osier_scores),
    COMPRESS: RegimenPart(_compress_runs, _compress_scores),
    RESCUE: RegimenPart(_rescue_runs, _rescue_scores),
    PRESETS_PART: RegimenPart(_preset_runs, _preset_scores),
    ablation.PART: RegimenPart(_ablation_runs, _ablation_scores),
}


def full_account(
    part: str, s: Setting, rows: pd.DataFrame, note: str = "", *, pooled: bool = False
) -> list[Score]:
    """Success by loss and by proof, width, cost, words, gauge.

    Args:
        part, s: where the scores belong; rows: of `regimenruns.rows_of`, all of them read; note: for the success.
        pooled: whether the rows are of several tasks, whose sizes, formulas and gauges are not comparable.
    """
    read = rows[rows["read"].astype(bool)]
    proved = int((read["proved"].astype(float) <= PROGRAM_ERROR).sum())
    return [
        share(part, s, "solved", int((rows["loss"] < SOLVED).sum()), len(rows), note=note),
        share(part, s, "proved within 5e-3", proved, len(read)),
        *reached(part, s, rows, None, sizes=not pooled),
        *spent(part, s, rows),
        *in_words(part, s, read, names=not pooled),
    ]


def reached(
    part: str, s: Setting, rows: pd.DataFrame, bound: Bound | None, *, sizes: bool = True
) -> list[Score]:
    """How many of all seeds solved their task at the hand-derived width or below, and the size most end in."""
    scores = [
        share(part, s, "solved at the hand-derived width", int(rows["minimal"].sum()), len(rows), bound)
    ]
    solved = rows[rows["loss"] < SOLVED]
    if sizes and len(solved):
        name, count = most_frequent(solved["final"])
        scores.append(share(part, s, "most frequent size", count, len(solved), note=name))
    return scores


def spent(part: str, s: Setting, rows: pd.DataFrame) -> list[Score]:
    """The cost of a seed: network-steps, and seconds of one core."""
    low, high = np.quantile(rows["cost"], [0.025, 0.975])
    note = f"95% of seeds from {low:.0f} to {high:.0f}"
    return [
        Score(part, s, "network-steps, median", float(rows["cost"].median()), n=len(rows), note=note),
        Score(part, s, "network-steps, mean", float(rows["cost"].mean()), n=len(rows)),
        Score(part, s, "seconds a seed", float(rows["seconds"].mean()), n=len(rows)),
    ]


def in_words(part: str, s: Setting, read: pd.DataFrame, *, names: bool = True) -> list[Score]:
    """Of the networks that were read and solved their task: formula, bits, gauge and features."""
    solved = read[(read["loss"] < SOLVED) & read["read"].astype(bool)]
    if not len(solved):
        return []
    n = len(solved)
    formula, often = most_frequent(solved["formula"])
    shares = solved["labelled"].dropna().to_numpy(dtype=float)
    equal = int(sum(value is True or value is np.True_ for value in solved["equals"]))
    scores = [
        share(part, s, "formula is the task", equal, n, note=f"{often} times {formula}" if names else ""),
        Score(part, s, "bits of the formula, median", median_of(solved["bits"]), n=n),
        mean_share(part, s, "used neurons that hold a feature", shares),
    ]
    gauge, often = most_frequent(solved["gauge"])
    if names and gauge:
        scores.append(share(part, s, "most frequent gauge", often, n, note=gauge))
    return scores


# Prediction and diagnosis


def prediction_pieces(size: prediction.PredictionEffort, seed: int) -> list[Piece]:
    """One piece per cell of the benchmark of prediction."""
    found = []
    for part, cells in ((prediction.MINIMAL, size.minimal), (prediction.WIDTHS, size.wide)):
        minimal = part == prediction.MINIMAL
        nets = size.fitted + size.held_out if minimal else size.fitted_wide + size.held_out_wide
        for cell in cells:
            drawn = prediction.BATCH * tasks[cell.task].arity * 1.8e-8 * size.own_batches if minimal else 0.0
            weight = _TREES + cell.steps * (nets * _UPDATE * cell.width / 2 + drawn)
            key = f"prediction {part} {cell} seed {seed} {size.fitted} {size.held_out} {size.own_batches} "
            key += f"{size.fitted_wide} {size.held_out_wide}"
            found.append(Piece(key, partial(predicted, part, cell, size, seed), weight))
    return found


def predicted(
    part: str, cell: prediction.TaskAtWidth, size: prediction.PredictionEffort, seed: int
) -> list[dict[str, Any]]:
    """The scores of one cell as plain data."""
    scores: Iterator[Score] = prediction.cell_scores(part, cell, size, seed)
    return [asdict(replace(score, part=f"{PREDICTION} {score.part}")) for score in scores]


def failure_pieces(count: int, seed: int) -> list[Piece]:
    """Planted failures in parts of ten of each cause."""
    step = 10
    return [
        Piece(
            f"planted failures, {n} of each cause, seed {seed}, part {number}",
            partial(diagnosed, n, 1000 * seed + number),
            _PLANTED * n,
        )
        for number, n in enumerate(min(step, count - start) for start in range(0, count, step))
    ]


def diagnosed(count: int, seed: int) -> dict[str, dict[str, int]]:
    """How often each planted cause is diagnosed as each, {planted: {diagnosed: count}}."""
    table = confusion(plant_failures(count, seed))
    return {
        str(planted): {str(cause): int(n) for cause, n in row.items()} for planted, row in table.iterrows()
    }


def diagnosis_scores(parts: list[Done]) -> list[Score]:
    """The confusion matrix, its diagonal and the share of all that agree.

    Examples:
        >>> table = {"dead neuron": {"dead neuron": 9, "same side": 1}, "same side": {"same side": 10}}
        >>> diagnosis_scores([Done(table, 0.0)])[-1]
        Score(diagnosis agrees 0.95 [0.751, 0.999], 19 of 20)
    """
    counts: dict[str, dict[str, int]] = {}
    for done in parts:
        for planted, row in done.result.items():
            own = counts.setdefault(planted, {})
            for cause, n in row.items():
                own[cause] = own.get(cause, 0) + n
    scores = []
    agreed = total = 0
    for planted, row in counts.items():
        n = sum(row.values())
        agreed, total = agreed + row.get(planted, 0), total + n
        for cause, found in row.items():
            scores.append(share(DIAGNOSIS, Setting(planted), f"diagnosed: {cause}", found, n))
    whole = share(DIAGNOSIS, Setting("all causes"), "diagnosis agrees", agreed, total, DIAGNOSED)
    return [*scores, whole]


def _about(size: RegimensEffort, done: Mapping[str, Done]) -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("mathcircuits", "numpy", "scikit-learn", "scipy", "torch")
    return {
        "versions": {name: version(name) for name in packages},
        "size": asdict(size),
        "processor seconds": round(sum(d.seconds for d in done.values()), 1),
        "regimens": {v.label: v.regimen.name for v in VARIANTS},
    }
