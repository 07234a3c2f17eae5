"""Scores: what a benchmark measures, each with its exact interval and, where one is stated, its bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import prevalence

if TYPE_CHECKING:
    import pandas as pd

End = Literal["value", "low", "high"]


@dataclass(frozen=True)
class Setting:
    """What was measured on; a field that has nothing to say is 0, empty or None.

    Attributes:
        population: which networks: `"untrained"`, `"planted"`, `"rotated"`, ...
        inputs: d; bias: whether the layers have biases; layers: how many hidden ones; layer: the one looked at,
            from 0, None for the whole network; width: of the hidden layers.
        law: init law of the null: `"uniform"`, `"normal"`, or `"unknown"` (the larger p of both).
        task: what the networks were trained on.
        planted: neurons that hold a feature; noise: their angle to it in degrees.
        level: the p, or the false discovery rate, that something is measured at.
    """

    population: str
    inputs: int = 0
    bias: bool | None = None
    layers: int = 0
    layer: int | None = None
    width: int = 0
    law: str = ""
    task: str = ""
    planted: int = 0
    noise: float | None = None
    level: float | None = None


@dataclass(frozen=True)
class Bound:
    """What a score has to keep to.

    Attributes:
        text: the requirement, the same for all scores that it is asked of; their results are summed up under it.
        limit: the number; `most` whether it is the largest allowed, else the smallest.
        end: which end of the score is held against it: the value itself, or the limit of its interval.

    Examples:
        >>> Bound("few", 0.06, end="high").holds(0.05, 0.04, 0.07)
        False
    """

    text: str
    limit: float
    most: bool = True
    end: End = "value"

    def holds(self, value: float, low: float, high: float) -> bool:
        """Whether the score keeps to it; one that is not a number (nothing was measured) does not."""
        if math.isnan(value):
            return False
        seen = {"value": value, "low": low, "high": high}[self.end]
        return bool(seen <= self.limit if self.most else seen >= self.limit)


@dataclass(frozen=True)
class Score:
    """One measured number.

    Attributes:
        part: the part of the benchmark.
        setting: what it was measured on.
        measure: its name.
        value, low, high: the number and its exact 95% interval (NaN where it has none).
        found, n: the counts of a share; a sum of proportions and their number where it is a mean of those.
        bound: what it has to keep to, or None.
        note: what a reader has to know of it.

    Examples:
        >>> share("demo", Setting("coins"), "heads", 3, 4)
        Score(heads 0.75 [0.194, 0.994], 3 of 4)
        >>> share("demo", Setting("coins"), "heads", 0, 4, Bound("no heads", 0.0)).passed
        True
    """

    part: str
    setting: Setting
    measure: str
    value: float
    low: float = math.nan
    high: float = math.nan
    found: float | None = None
    n: int | None = None
    bound: Bound | None = None
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """Whether it keeps to its bound; None where it has none."""
        return self.bound.holds(self.value, self.low, self.high) if self.bound else None

    def lenient(self) -> Score:
        """The same score, its bound broken only where the whole interval is beyond it.

        Examples:
            >>> score = share("demo", Setting("coins"), "heads", 3, 4, Bound("heads in at most half", 0.5))
            >>> score.passed, score.lenient().passed
            (False, True)
        """
        if self.bound is None or math.isnan(self.low):
            return self
        return replace(self, bound=replace(self.bound, end="low" if self.bound.most else "high"))

    def __repr__(self) -> str:
        interval = "" if math.isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        counts = "" if self.n is None or self.found is None else f", {self.found:g} of {self.n}"
        return f"Score({self.measure} {self.value:.3g}{interval}{counts})"


def from_data(data: Mapping[str, Any]) -> Score:
    """The inverse of `dataclasses.asdict`, for scores that were kept as JSON.

    Examples:
        >>> score = share("demo", Setting("coins"), "heads", 3, 4, Bound("heads in at most half", 0.5))
        >>> from_data(asdict(score)) == score
        True
    """
    bound = data["bound"]
    return Score(
        **{**data, "setting": Setting(**data["setting"]), "bound": None if bound is None else Bound(**bound)}
    )


def share(
    part: str, setting: Setting, measure: str, found: int, n: int, bound: Bound | None = None, note: str = ""
) -> Score:
    """A share with its exact binomial (Clopper-Pearson) interval."""
    p = prevalence(int(found), int(n))
    return Score(part, setting, measure, p.value, p.low, p.high, int(found), int(n), bound, note)


def mean_share(
    part: str,
    setting: Setting,
    measure: str,
    shares: npt.NDArray[np.float64],
    bound: Bound | None = None,
    note: str = "",
) -> Score:
    """The mean of independent proportions [n], with the Clopper-Pearson interval of their sum.

    A proportion varies no more than a coin toss of the same mean, so the interval is, if anything, too wide.

    Examples:
        >>> mean_share("demo", Setting("halves"), "share", np.full(100, 0.5))
        Score(share 0.5 [0.398, 0.602], 50 of 100)
    """
    from scipy.special import betaincinv

    n, total = len(shares), float(shares.sum())
    low = float(betaincinv(total, n - total + 1, 0.025)) if total > 0 else 0.0
    high = float(betaincinv(total + 1, n - total, 0.975)) if total < n else 1.0
    value = total / n if n else math.nan
    return Score(part, setting, measure, value, low, high, total, n, bound, note)


def score_table(scores: Sequence[Score]) -> pd.DataFrame:
    """One row per score: part, the setting's fields, measure, value, interval, counts, bound, passed, note.

    Examples:
        >>> table = score_table([share("demo", Setting("coins", width=1), "heads", 3, 4)])
        >>> table[["population", "measure", "value"]].values.tolist()
        [['coins', 'heads', 0.75]]
    """
    import pandas as pd

    rows = []
    for score in scores:
        bound = score.bound
        rows.append(
            {
                "part": score.part,
                **_fields(score.setting),
                "measure": score.measure,
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "found": score.found,
                "n": score.n,
                "bound": bound.limit if bound else None,
                "requirement": bound.text if bound else None,
                "passed": score.passed,
                "note": score.note,
            }
        )
    frame = pd.DataFrame(rows)
    for name in ("inputs", "layers", "layer", "width", "planted", "n"):
        frame[name] = frame[name].astype("Int64")
    for name in ("bias", "passed"):
        frame[name] = frame[name].astype("boolean")
    return frame


def _fields(setting: Setting) -> dict[str, Any]:
    """The setting's fields, None for those that have nothing to say."""
    fields = asdict(setting)
    for name in ("inputs", "layers", "width", "law", "task", "planted"):
        fields[name] = fields[name] or None
    return fields


@dataclass(frozen=True)
class Measurement:
    """A piece of a benchmark: what it measures in a few words, and the function that does it."""

    text: str
    run: Callable[[], list[Score]]


@dataclass(frozen=True)
class Summed:
    """How one requirement fared: scores that kept to it, of all that it was asked of, and the worst of them.

    Examples:
        >>> bound = Bound("heads in at most half", 0.5)
        >>> for line in sum_up([share("demo", Setting("coins"), "heads", k, 4, bound) for k in (1, 3)]):
        ...     print(line)
        FAIL  heads in at most half: 1 of 2 cells, worst 0.75 (3 of 4; coins)
    """

    text: str
    kept: int
    asked: int
    worst: Score = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether all of them kept to it."""
        return self.kept == self.asked

    def __str__(self) -> str:
        worst, bound = self.worst, self.worst.bound
        assert bound is not None
        seen = {"value": worst.value, "low": worst.low, "high": worst.high}[bound.end]
        shown = (
            f"{seen:.3g}" if bound.end == "value" else f"{worst.value:.3g}, its {bound.end} limit {seen:.3g}"
        )
        counts = "" if worst.found is None else f"{worst.found:g} of {worst.n}; "
        cells = (
            f"{self.kept} of {self.asked} cells" if self.asked > 1 else "1 cell" if self.kept else "not kept"
        )
        where = f"({counts}{describe(worst.setting)})"
        return f"{'pass' if self.passed else 'FAIL'}  {self.text}: {cells}, worst {shown} {where}"


def sum_up(scores: Sequence[Score]) -> tuple[Summed, ...]:
    """The requirements, in the order in which they first appear."""
    by_text: dict[str, list[Score]] = {}
    for score in scores:
        if score.bound is not None:
            by_text.setdefault(score.bound.text, []).append(score)
    return tuple(
        Summed(text, sum(bool(s.passed) for s in group), len(group), max(group, key=_excess))
        for text, group in by_text.items()
    )


def _excess(score: Score) -> float:
    """How far a score is beyond its bound; what was not measured is worst of all."""
    bound = score.bound
    assert bound is not None
    seen = {"value": score.value, "low": score.low, "high": score.high}[bound.end]
    if math.isnan(seen):
        return math.inf
    return seen - bound.limit if bound.most else bound.limit - seen


def describe(setting: Setting) -> str:
    """The setting in words.

    Examples:
        >>> describe(Setting("untrained", inputs=2, bias=False, layers=1, width=8, law="uniform"))
        'untrained, d=2, no bias, 1 hidden layer, width 8, uniform law'
    """
    s = setting
    parts = [
        s.population,
        s.task,
        f"d={s.inputs}" if s.inputs else "",
        "" if s.bias is None else "bias" if s.bias else "no bias",
        f"{s.layers} hidden layer{'s' if s.layers != 1 else ''}" if s.layers else "",
        "" if s.layer is None else f"layer {s.layer} alone",
        f"width {s.width}" if s.width else "",
        f"{s.planted} planted" if s.planted else "",
        "" if s.noise is None else f"{s.noise:g} degrees",
        f"{s.law} law" if s.law else "",
        "" if s.level is None else f"at {s.level:g}",
    ]
    return ", ".join(part for part in parts if part)
