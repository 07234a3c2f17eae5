"""The ladder: function, subspace, units, features, circuit. The rung at which two groups of networks differ.

Each rung compares the networks of two conditions (two tasks, two widths, or the seeds of one condition) pair by pair
and sorts every pair into the same, different, vacuous and in between (`rungs.py`). A rung's verdict is what holds for
most of the pairs, by the exact interval of that share.

Pairs that share a network are not independent. The mean over all pairs varies no more than the mean over disjoint
pairs (Hoeffding 1963, section 5), so a share of all pairs gets the exact interval of as many disjoint ones:
`min(m_a, m_b)` between two conditions, `m // 2` within one. Over a table of ladders the false discovery rate is
controlled and the intervals are widened to match (`ladder_table`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import InputError
from ..exact.uniqueness import has_only_form
from ..features.binding import Label
from ..features.catalogues import Catalogue
from ..features.criteria import SOLVED
from ..features.task import Task
from ..matching.criteria import HELD
from ..networks.network import HasNetwork, Network
from ..statistics.criteria import DISCOVERY_RATE, EQUAL
from ..statistics.multiple_testing import benjamini_hochberg, select
from ..statistics.verdicts import prevalence
from .criteria import MAJORITY
from .orbits import Orbits
from .population import Population
from .readings import COMPARED, Kind, Read, Settings
from .rungs import MEASURED_RUNGS, RUNGS, Measured, RungName

if TYPE_CHECKING:
    import pandas as pd

RungVerdict = Literal["same", "different", "partial", "inconclusive", "vacuous", "not comparable"]


COLUMNS = (
    "a", "b", "rung", "verdict", "share", "low", "high", "confidence", "different", "vacuous", "pairs", "effective",
    "median", "null_q05", "null_q95", "p", "q", "stops_at", "follows", "reason",
)  # fmt: skip
_NUMBERS = (
    "share", "low", "high", "confidence", "different", "vacuous", "median", "null_q05", "null_q95", "p", "q",
)  # fmt: skip


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder.

    Attributes:
        name: which rung.
        verdict: same, different or vacuous (that many pairs are, by the interval), partial (none of them holds
            for most pairs), inconclusive (too few networks), or not comparable.
        reason: the ground in a sentence.
        share: of pairs that are the same; low, high: its exact interval at `confidence`.
        different, vacuous: shares of pairs that are so; the rest lies between.
        pairs: number of pairs; effective: of disjoint ones.
        median: of what is compared, over pairs.
        null_q05, null_q95: quantiles of the same over pairs of networks that learned nothing.
        p: twice the smallest one-sided p of the claims that a verdict can make.
            All numbers are None where the groups are not comparable.
        follows: the lower rung that implies `same` here, so that it is no finding of its own; empty where none does.

    Examples:
        >>> print(Rung("circuit", "inconclusive", "too few networks"))
        circuit: inconclusive; too few networks
    """

    name: RungName
    verdict: RungVerdict
    reason: str
    share: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    different: float | None = None
    vacuous: float | None = None
    pairs: int = 0
    effective: int = 0
    median: float | None = None
    null_q05: float | None = None
    null_q95: float | None = None
    p: float | None = None
    follows: RungName | Literal[""] = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}; {self.reason}"


@dataclass(frozen=True, eq=False, repr=False)
class Ladder:
    """The five verdicts on two groups of networks, or on the seeds of one.

    Attributes:
        first, second: names of the groups, equal where one is compared with itself.
        rungs: from function to circuit.
        features: one row per feature that any of the networks holds, with how many on either side, and whether
            the two prevalences differ (`p` by Fisher's exact test, `q` by Benjamini-Hochberg; missing within one
            group).
        measured: what the rungs' pairs show, before any verdict.
        majority: the share of pairs that a verdict has to hold for.
        one_form: why one function makes one network here, up to order, scale and the task's symmetries: all networks
            have a size at which there is one way to compute the task. Empty where that is not so, or not known.

    Examples:
        >>> from ..features.task import hand_derived
        >>> net = hand_derived("minimum")
        >>> found = ladder_of([net] * 20, task="minimum")
        >>> found
        Ladder(a: same up to circuit)
        >>> print(found["circuit"].verdict, found.stops_at)
        same circuit
    """

    first: str
    second: str
    rungs: tuple[Rung, ...]
    features: pd.DataFrame = field(repr=False)
    measured: tuple[Measured, ...] = field(repr=False)
    majority: float = MAJORITY
    one_form: str = ""

    def at(self, confidence: float) -> Ladder:
        """The same pairs judged by intervals at another confidence.

        Raises:
            InputError: for a confidence outside (0, 1).

        Examples:
            >>> from ..features.task import hand_derived
            >>> print(ladder_of([hand_derived("minimum")] * 20, task="minimum").at(0.99).stops_at)
            None
        """
        return _judged(
            self.first, self.second, self.measured, self.features, self.majority, self.one_form, confidence
        )

    @property
    def stops_at(self) -> RungName | None:
        """The highest rung up to which, from function on, all verdicts are `same`; None where no rung is."""
        reached: RungName | None = None
        for rung in self.rungs:
            if rung.verdict != "same":
                break
            reached = rung.name
        return reached

    @property
    def sentence(self) -> str:
        """Where the ladder stops, and why."""
        who = f"The seeds of {self.first}" if self.first == self.second else f"{self.first} and {self.second}"
        stopped = next((rung for rung in self.rungs if rung.verdict != "same"), None)
        if stopped is None:
            implied = [rung.name for rung in self.rungs if rung.follows]
            why = (
                f" From the {implied[0]} on that follows from the function: {self.one_form}."
                if implied
                else ""
            )
            return f"{who} are the same up to the {self.rungs[-1].name}.{why}"
        reached = (
            "differ from the start" if self.stops_at is None else f"are the same up to the {self.stops_at}"
        )
        if self.stops_at is None and stopped.verdict != "different":
            reached = "are not shown to be the same"
        return f"{who} {reached}: the {stopped.name} rung is {stopped.verdict} ({stopped.reason})."

    def __getitem__(self, name: str) -> Rung:
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise InputError(f"no rung named {name!r}: this ladder has {', '.join(r.name for r in self.rungs)}")

    def to_frame(self) -> pd.DataFrame:
        """One row per rung, columns `COLUMNS`; `q` is missing, for it belongs to a table."""
        return _frame([self])

    def __repr__(self) -> str:
        who = self.first if self.first == self.second else f"{self.first} and {self.second}"
        reached = (
            f"same up to {self.stops_at}"
            if self.stops_at
            else f"{self.rungs[0].name} {self.rungs[0].verdict}"
        )
        return f"Ladder({who}: {reached})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(r.name)}</th><td>{escape(r.verdict)}</td><td>{_number(r.share)}</td>"
            f"<td>{_number(r.low)} to {_number(r.high)}</td><td>{escape(r.reason)}</td></tr>"
            for r in self.rungs
        )
        head = "<tr><th>rung</th><th>verdict</th><th>same</th><th>interval</th><th>reason</th></tr>"
        return f"<p>{escape(self.sentence)}</p><table>{head}{rows}</table>"


def ladder_of(
    first: Population | Sequence[Network | HasNetwork],
    second: Population | Sequence[Network | HasNetwork] | None = None,
    *,
    task: Task | str | None = None,
    threshold: float = SOLVED,
    majority: float = MAJORITY,
    confidence: float = 0.95,
    max_unexplained: float = HELD,
    max_networks: int = COMPARED,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> Ladder:
    """Compare two groups of solved networks, or the seeds of one, rung by rung.

    Args:
        first, second: a `Population`, or plain networks (then named a and b, of `task`); None compares
            the first with itself.
        task: of plain networks.
        threshold: the mean squared error of a solved network; two of them differ by at most 4 times that.
        majority: the share of pairs, above 1/2, that a verdict has to hold for.
        confidence: of the interval of that share.
        max_unexplained: the largest 1 - r^2 at which a used neuron holds a feature.
        max_networks: networks of each group that are compared, the first ones.
        seed: of drawn untrained and lazy networks.
        catalogue: by default the installed one.

    Raises:
        InputError: for impossible settings, and what `Population` raises.

    Examples:
        >>> from ..features.task import hand_derived
        >>> two = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
        >>> print(ladder_of([hand_derived("minimum")] * 20, [two] * 20, task="minimum").stops_at)
        circuit
        >>> print(ladder_of([hand_derived("minimum")] * 20, [two] * 20).stops_at)  # without the swap of inputs
        function
    """
    groups = [first if isinstance(first, Population) else Population("a", first, task=task)]
    if second is not None and second is not first:
        groups.append(second if isinstance(second, Population) else Population("b", second, task=task))
    settings = Settings(threshold, majority, max_unexplained, max_networks, seed, catalogue)
    read = [Read(group, settings) for group in groups]
    return _compared(read[0], read[-1], confidence)


def ladder_of_many(
    populations: Sequence[Population],
    *,
    within: bool = True,
    threshold: float = SOLVED,
) -> tuple[Ladder, ...]:
    """The ladders of all pairs of conditions, as `ladder_of` makes them by default.

    What needs one condition only is computed once.

    Args:
        populations: the conditions, of different names.
        within: whether each is also compared with itself.
        threshold: the mean squared error of a solved network.

    Returns:
        in the order (1, 1), (1, 2), ..., (2, 2), ..., each judged alone; `ladder_table` judges them together.

    Raises:
        InputError: as for `ladder_of`, and for equal names.

    Examples:
        >>> from ..features.task import hand_derived
        >>> both = [Population(name, [hand_derived(name)] * 20, task=name) for name in ("minimum", "maximum")]
        >>> ladder_of_many(both)
        (Ladder(minimum: same up to circuit), Ladder(minimum and maximum: function different),
        Ladder(maximum: same up to circuit))
    """
    names = [population.name for population in populations]
    if len(set(names)) < len(names):
        raise InputError(f"populations {', '.join(names)}: give each a name of its own")
    settings = Settings(threshold, MAJORITY, HELD, COMPARED, 0, None)
    read = [Read(population, settings) for population in populations]
    found = {}
    for j, other in enumerate(read):
        for i, one in enumerate(read[: j + within]):
            found[i, j] = _compared(one, other, 0.95)
        # Only the second of a pair is mirrored: what 24 images take is held for one condition at a time.
        other.forget_images()
    return tuple(found[pair] for pair in sorted(found))


def ladder_table(found: Sequence[Ladder], *, alpha: float = DISCOVERY_RATE) -> pd.DataFrame:
    """The rungs of several ladders as one frame, judged together.

    As `verdict_table` does for features: each rung's test is of the claim that its pairs support best (the same,
    different or vacuous in more than the majority, or none of these), Benjamini-Hochberg over all rungs keeps the
    expected share of wrong claims at `alpha`, and intervals are widened to confidence `1 - alpha R / m` with R of m
    rungs claimed (Benjamini & Yekutieli 2005), so that a rung is claimed exactly when its widened interval clears the
    majority. Rungs that cannot be compared are no tests.

    Args:
        found: ladders, at whatever confidence they were made.
        alpha: false discovery rate.

    Returns:
        columns `COLUMNS`, one row per ladder and rung; `attrs["correction"]` says in words what was controlled.

    Raises:
        InputError: for an alpha outside (0, 1).

    Examples:
        >>> from ..features.task import hand_derived
        >>> table = ladder_table([ladder_of([hand_derived("minimum")] * 30, task="minimum")])
        >>> table[["rung", "verdict"]].values.tolist()[0]
        ['function', 'same']
        >>> table.attrs["correction"].split("; ")[1]
        'intervals at confidence 0.95 (FCR)'
    """
    p = np.array([_missing(rung.p) for one in found for rung in one.rungs], dtype=np.float64)
    selection = select(p, alpha)
    frame = _frame([one.at(selection.confidence) for one in found])
    frame["q"] = selection.q
    frame.attrs["correction"] = selection.words
    return frame


def share_interval(share: float, effective: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share of pairs, of which `effective` are disjoint.

    Clopper-Pearson for the next whole counts on either side.

    Examples:
        >>> [round(end, 3) for end in share_interval(1.0, 10)]
        [0.692, 1.0]
    """
    fewest, most = _whole(share, effective)
    return prevalence(fewest, effective, confidence).low, prevalence(most, effective, confidence).high


def _compared(one: Read, other: Read, confidence: float) -> Ladder:
    """The ladder of two populations, or of one with itself."""
    if one is other and len(one.solved) < 2:
        measured = tuple(Measured(name, "one network makes no pair") for name in RUNGS)
    else:
        measured = tuple(measure(one, other) for measure in MEASURED_RUNGS.values())
    return _judged(
        one.population.name,
        other.population.name,
        measured,
        _feature_table(one, other),
        one.settings.majority,
        _one_form(one, other),
        confidence,
    )


def _one_form(one: Read, other: Read) -> str:
    """Why networks of both sides that compute one function are one network; empty where that is not known."""
    task = one.population.task
    if task is None or task is not other.population.task or task.smallest is None:
        return ""
    for side in (one, other):
        for network in side.solved:
            smallest = network.sizes[1:-1] == task.smallest and network.activations == ("relu",)
            if not smallest or network.architecture.has_bias != task.needs_bias:
                return ""
    if any(side.population.box != task.box for side in (one, other)) or not has_only_form(task):
        return ""
    neurons = f"{task.smallest[0]} neuron{'s' if task.smallest[0] > 1 else ''}"
    return f"networks of {neurons} compute {task.name} in one way only"


def _judged(
    a: str,
    b: str,
    measured: tuple[Measured, ...],
    features: pd.DataFrame,
    majority: float,
    one_form: str,
    confidence: float,
) -> Ladder:
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence}: give a number between 0 and 1, such as 0.95")
    lowest, *higher = (_rung(one, majority, confidence) for one in measured)
    if one_form and lowest.verdict == "same":
        higher = [_implied(rung, one_form) for rung in higher]
    return Ladder(a, b, (lowest, *higher), features, measured, majority, one_form)


def _implied(rung: Rung, one_form: str) -> Rung:
    """A rung that the function decides."""
    if rung.verdict != "same":
        return rung
    return replace(
        rung, follows="function", reason=f"{rung.reason}; follows from the function, since {one_form}"
    )


def _rung(one: Measured, majority: float, confidence: float) -> Rung:
    """The verdict by the intervals of the three shares."""
    if not one.comparable:
        return Rung(one.name, "not comparable", one.about)
    if not one.pairs:
        return Rung(one.name, "inconclusive", one.about)
    shares: dict[RungVerdict, float] = {
        "same": one.same / one.pairs, "different": one.different / one.pairs, "vacuous": one.vacuous / one.pairs,
    }  # fmt: skip
    intervals = {key: share_interval(share, one.effective, confidence) for key, share in shares.items()}
    counts = f"different in {one.different}, vacuous in {one.vacuous}"
    low, high = intervals["same"]
    settled = next((key for key, (least, _) in intervals.items() if least > majority), None)
    verdict: RungVerdict
    if settled:
        verdict = settled
        ends = "{:.2f} to {:.2f}".format(*intervals[settled])
        ground = f"{settled} in {round(shares[settled] * one.pairs)} of {one.pairs} pairs, interval {ends}"
    elif all(most < majority for _, most in intervals.values()):
        verdict = "partial"
        ground = (
            f"same in {one.same} of {one.pairs} pairs (interval {low:.2f} to {high:.2f}), {counts}: none holds "
            f"for {majority:.2g}"
        )
    else:
        verdict = "inconclusive"
        ground = f"same in {one.same}, {counts} of {one.pairs} pairs, which {one.effective} disjoint ones cannot settle"
    return Rung(
        one.name,
        verdict,
        f"{ground}; {one.about}",
        shares["same"],
        low,
        high,
        confidence,
        shares["different"],
        shares["vacuous"],
        one.pairs,
        one.effective,
        one.median,
        one.null_q05,
        one.null_q95,
        _claim_p(tuple(shares.values()), one.effective, majority),
    )


def _claim_p(shares: Sequence[float], effective: int, majority: float) -> float:
    """Twice the smallest one-sided p of the claims: one of the shares above the majority, or all below it."""
    from scipy.special import bdtr, bdtrc

    ends = [_whole(share, effective) for share in shares]
    above = (1.0 if fewest == 0 else float(bdtrc(fewest - 1, effective, majority)) for fewest, _ in ends)
    below = max(float(bdtr(most, effective, majority)) for _, most in ends)
    return min(1.0, 2 * min(*above, below))


def _whole(share: float, effective: int) -> tuple[int, int]:
    """The whole counts on either side of a share; rounding must not turn 10 of 10 into 9."""
    found = share * effective
    return math.floor(found + EQUAL), math.ceil(found - EQUAL)


def _feature_table(one: Read, other: Read) -> pd.DataFrame:
    """How many networks of either side hold each feature, modulo the symmetries where the task is one."""
    import pandas as pd
    from scipy.stats import fisher_exact

    task = one.population.task
    shared = task is not None and task is other.population.task
    orbits = (
        Orbits(task, one.settings.catalogue) if shared and task is not None and len(task.symmetries) else None
    )

    def counted(side: Read, kind: Kind) -> dict[Label, int]:
        counts: dict[Label, int] = {}
        for labels in side.labels(kind, side.group[0]):
            for label in {label if orbits is None else orbits.representative(label) for label in labels}:
                counts[label] = counts.get(label, 0) + 1
        return counts

    a, b = counted(one, "solved"), counted(other, "solved")
    null = [counted(side, "untrained") for side in ((one,) if one is other else (one, other))]
    n_a, n_b = len(one.solved), len(other.solved)
    blank = sum(len(side.untrained) for side in ((one,) if one is other else (one, other)))
    rows = []
    for label in sorted({*a, *b}):
        found = a.get(label, 0), b.get(label, 0)
        p = math.nan
        if one is not other:
            p = float(fisher_exact([[found[0], n_a - found[0]], [found[1], n_b - found[1]]]).pvalue)
        rows.append(
            {
                "feature": label[0],
                "on": ", ".join(label[1]),
                "found_a": found[0],
                "n_a": n_a,
                "found_b": found[1],
                "n_b": n_b,
                "untrained_found": sum(counts.get(label, 0) for counts in null),
                "untrained_n": blank,
                "p": p,
            }
        )
    names = ["feature", "on", "found_a", "n_a", "found_b", "n_b", "untrained_found", "untrained_n", "p"]
    frame = pd.DataFrame(rows, columns=names)
    frame["q"] = benjamini_hochberg(frame["p"].to_numpy(dtype=np.float64))
    return frame


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _frame(found: Sequence[Ladder]) -> pd.DataFrame:
    """One row per ladder and rung."""
    import pandas as pd

    rows = [
        {name: getattr(rung, name, None) for name in COLUMNS}
        | {"a": one.first, "b": one.second, "rung": rung.name, "stops_at": one.stops_at or ""}
        for one in found
        for rung in one.rungs
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(_NUMBERS, "float64"))


def _missing(value: float | None) -> float:
    """NaN where there is no number."""
    return math.nan if value is None else value
