"""Prevalence and verdicts: how common a feature, a circuit or a mechanism is among networks.

Everything here works on plain counts and tables. Only networks that solve their task count
(docs/understand/evidence.md, Criteria); the caller decides which ones do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import DISCOVERY_RATE, EQUIVALENT, FISHER_LEVEL, MARGINS
from .multiple_testing import benjamini_yekutieli, select
from .other_networks import Others, compare_with_others, is_missing, pairs_of, whole_counts
from .sequences import sequence_interval, sequential_p
from .two_shares import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
VerdictName = Literal[
    "universal", "absent", "partial", "inconclusive", "vacuous", "forced", "selected", "free"
]

#: A verdict that would take more networks than this counts as out of reach.
_OUT_OF_REACH = 1_000_000
#: How an interval was made, for a number of networks decided in advance and for any number of looks.
_METHODS = {False: "Clopper-Pearson, n decided in advance", True: "confidence sequence, any number of looks"}


@dataclass(frozen=True)
class Prevalence:
    """The share of networks that have something, with its interval.

    Attributes:
        value: found / n, or NaN where n = 0: no network, no share.
        low, high: the interval at `confidence`; 0 and 1 where n = 0.
        found, n: the counts.
        method: how the interval was made, and so for which number of networks it holds.
        trained: networks that were trained, those that did not solve the task among them; None where not known.

    Examples:
        >>> prevalence(3, 4)
        Prevalence(3 of 4: 0.75, 0.95 interval 0.194 to 0.994)
    """

    value: float
    low: float
    high: float
    found: int
    n: int
    confidence: float
    method: str = _METHODS[False]
    trained: int | None = None

    @property
    def worst(self) -> tuple[float, float]:
        """The share of all trained networks if no unsolved one had it, and if all had; NaN where it is not known.

        Examples:
            >>> prevalence(30, 40, trained=50).worst
            (0.6, 0.8)
        """
        if not self.trained:
            return math.nan, math.nan
        return self.found / self.trained, (self.found + self.trained - self.n) / self.trained

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return (
            f"Prevalence({self.found} of {self.n}: {self.value:.3g}, "
            f"{self.confidence:.3g} interval {self.low:.3g} to {self.high:.3g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What the counts allow to say about a feature.

    Attributes:
        name: universal, absent, partial, inconclusive, vacuous or forced; in a table beside a fibre also selected or
            free (`fibre_verdicts`).
        low, high: the interval for the prevalence at `confidence`; `method` says of which kind.
        reason: the verdict's ground in a few words.
        value, found, n: the share and the counts behind it; the share is NaN where n = 0.
        p_untrained: one-sided p of trained networks having it no more often than untrained ones, None where none
            were given.
        p_taught: the same for networks that were taught something else.
        p_equivalent: p of the prevalence differing by the margin `EQUIVALENT` or more from that of the others with the
            larger p, likewise.

    Examples:
        >>> str(verdict(0, 72))
        'absent: 0 of 72 have it, interval 0.000 to 0.050 below 0.05'
    """

    name: VerdictName
    low: float
    high: float
    reason: str
    value: float
    found: int
    n: int
    confidence: float = 0.95
    p_untrained: float | None = None
    p_equivalent: float | None = None
    method: str = _METHODS[False]
    p_taught: float | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dictionary."""
        return asdict(self)

    def _repr_html_(self) -> str:
        interval = f"{self.low:.3g} to {self.high:.3g}"
        return (
            f"<p><b>{escape(self.name)}</b> ({self.found} of {self.n}, {interval}): {escape(self.reason)}</p>"
        )


def prevalence(
    found: int, n: int, confidence: float = 0.95, *, trained: int | None = None, sequential: bool = False
) -> Prevalence:
    """The share of networks that have a feature, with its interval.

    For a number of networks that was decided in advance the interval is the exact binomial one (Clopper & Pearson
    1934): it covers the true share with at least the stated confidence, whatever the share, and each end alone errs at
    most half as often. With `sequential` it is the confidence sequence of `sequences.py`, which covers the share at
    all numbers of networks at once with that confidence, and so also at one that was chosen by looking.

    Args:
        found: networks that have it.
        n: networks that were looked at (the solved ones).
        confidence: of the two-sided interval, between 0 and 1.
        trained: all networks that were trained, solved or not: then `worst` counts the unsolved ones either way.
        sequential: whether networks are added until the interval says enough.

    Raises:
        InputError: for counts that are not whole numbers with 0 <= found <= n <= trained, or a confidence outside
            (0, 1).

    Examples:
        >>> p = prevalence(72, 72)
        >>> p.value, round(p.low, 4), p.high, p.method
        (1.0, 0.9501, 1.0, 'Clopper-Pearson, n decided in advance')
        >>> prevalence(72, 72, sequential=True)
        Prevalence(72 of 72: 1, 0.95 interval 0.924 to 1)
        >>> prevalence(0, 0)
        Prevalence(0 of 0: nan, 0.95 interval 0 to 1)
    """
    found, n = whole_counts(found, n, "found", "n")
    if trained is not None:
        _, trained = whole_counts(n, trained, "n", "trained")
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence}: give a number between 0 and 1, such as 0.95")
    counts = np.array([found]), np.array([n])
    if sequential:
        low, high = sequence_interval(*counts, confidence)
    else:
        low, high = clopper_pearson(*counts, (1 - confidence) / 2)
    return Prevalence(
        found / n if n else math.nan, float(low[0]), float(high[0]), found, n, float(confidence),
        _METHODS[sequential], trained,
    )  # fmt: skip


def verdict(
    found: int,
    n: int,
    untrained: tuple[int, int] | None = None,
    forced: bool = False,
    *,
    taught: tuple[int, int] | None = None,
    confidence: float = 0.95,
    margins: tuple[float, float] = MARGINS,
    alpha: float = FISHER_LEVEL,
    sequential: bool = False,
) -> Verdict:
    """What the counts allow to say: tested against the margins, not declared.

    By the exact two-sided interval: **universal** above the upper margin, **absent** below the lower one, **partial**
    inside. Universal and partial also take that trained networks are shown to have it more often than untrained ones
    (Fisher's one-sided test, p <= alpha), and than networks that were taught something else, where there are
    some: the larger p counts. Where they are not, it is **vacuous** if the two prevalences are shown to be
    within `EQUIVALENT` (a tenth) of each other: a network that learned nothing, or something else, has it as well.
    **inconclusive** is everything else, and the reason says why: the interval holds a margin (59 of 59 still is, 72 of
    72 is universal), or trained networks are "not told apart from untrained networks". **forced** where every exact
    network must contain it (the task's own normal form does, or so few neurons allow no other), so that finding it
    is arithmetic. At a prevalence on a margin a wrong universal or absent has probability at most (1 - confidence) / 2.
    A true prevalence of 0.97 is called universal in 5%, 57% and 88% of studies with 100, 500 and 1000 networks.

    All this holds for a number of networks that was decided in advance. Whoever adds networks until there is a
    verdict asks with `sequential`: then interval and tests hold at every look, so that a prevalence on a margin gets a
    wrong verdict with probability at most 1 - confidence over the whole path. That is the larger number that an
    inconclusive verdict "needs".

    Args:
        found, n: networks that have it, of those that solved the task.
        untrained: (found, n) of untrained networks of the same shape; None, or n = 0, skips the test, and
            the reason says so.
        forced: whether every exact network of this size contains the feature, as its task's normal form does.
        taught: (found, n) of networks that were taught something else, likewise.
        confidence: of the interval; vacuous takes it too.
        margins: prevalences below which a feature is absent and above which it is universal.
        alpha: level of the test against untrained networks.
        sequential: whether networks are added until there is a verdict.

    Raises:
        InputError: for impossible counts, and margins that are not 0 <= low < high <= 1.

    Examples:
        >>> verdict(31, 31).name, verdict(31, 31).reason
        ('inconclusive', '31 solved, needs 116, or 72 if decided in advance')
        >>> verdict(72, 72, untrained=(3, 72)).name, verdict(72, 72, untrained=(71, 72)).name
        ('universal', 'vacuous')
        >>> print(verdict(50, 100, untrained=(45, 100)))
        inconclusive: not told apart from untrained networks: 50 of 100 have it, and 45 of 100 untrained ones (p = 0.29)
        >>> print(verdict(40, 100, untrained=(2, 100)))
        partial: 40 of 100 have it, interval 0.303 to 0.503 inside 0.05 to 0.95
        >>> verdict(72, 72, sequential=True).name, verdict(116, 116, sequential=True).name
        ('inconclusive', 'universal')
        >>> print(verdict(72, 72, untrained=(3, 72), taught=(200, 200)).reason[:52])
        72 of 72 have it, and 200 of 200 networks taught som
    """
    lower, upper = margins
    if not 0 <= lower < upper <= 1:
        raise InputError(f"margins {margins}: give 0 <= low < high <= 1, such as (0.05, 0.95)")
    share = prevalence(found, n, confidence, sequential=sequential)
    others = compare_with_others(share.found, share.n, untrained, taught, sequential=sequential)
    return _judged(share, others, forced, margins, alpha, 1 - share.confidence)


def verdict_table(
    frame: pd.DataFrame, *, alpha: float = DISCOVERY_RATE, sequential: bool = False
) -> pd.DataFrame:
    """Verdicts on many features at once, with false discoveries controlled over all of them.

    Each row's margin test asks for the claim that its counts support best: universal (one-sided, prevalence
    above the upper margin), absent (below the lower one) or partial (both ends inside); its p-value is
    twice the smallest of the three one-sided ones, so that a single row agrees with `verdict`. A universal or partial
    row also has to be told apart from untrained networks, and from those that were taught something else where these
    are known: its p is the largest of the margin's and Fisher's.
    Benjamini-Hochberg over the rows keeps the expected share of wrong claims at `alpha` (under independence or
    positive dependence; `q_yekutieli` holds under any). The intervals are widened to match: at confidence
    `1 - alpha R / m` with R of m rows claimed, which controls the false coverage rate (Benjamini & Yekutieli 2005), and
    a row is claimed exactly when its widened interval clears the margins and its p against untrained networks is as
    small. Vacuous is a claim of another kind, judged by a Benjamini-Hochberg of its own over the p-values of
    equivalence. Forced rows and rows without networks are not tests and do not count in m. Rows of one finding count
    once: features that occur together by identity, such as the two halves of a pair, are one test and not two.

    Args:
        frame: one row per feature with columns `found` and `n`, and if known `untrained_found`, `untrained_n`,
            `taught_found`, `taught_n` (of networks that were taught something else) and `forced` (missing: not known to
            be); `trained`, how many
            networks were trained, solved or not; `finding`, equal for rows that are one finding, missing for a row by
            itself. All others are carried along.
        alpha: false discovery rate.
        sequential: whether networks are added until there are verdicts (see `verdict`).

    Returns:
        the frame with `value, low, high, confidence, verdict, reason, p_untrained, p_taught, p_equivalent, p, q,
        q_yekutieli` added (the last six missing where nothing was tested), `anytime_low, anytime_high` (the confidence
        sequence beside the interval of the number decided in advance, at the same confidence) and
        `worst_low, worst_high` (the share of all trained networks, the unsolved ones counted as without it and as with
        it; missing where `trained` is).
        `attrs["correction"]` says in words what was controlled.

    Raises:
        InputError: where a column is missing, a row's counts are impossible or rows of one finding differ in them.

    Examples:
        >>> import pandas as pd
        >>> table = verdict_table(pd.DataFrame({"found": [72, 300, 0], "n": [72, 300, 300], "trained": [80, 400, 400]}))
        >>> table["verdict"].tolist(), float(table["confidence"].iloc[0])
        (['universal', 'universal', 'absent'], 0.95)
        >>> table[["worst_low", "worst_high"]].values.tolist()
        [[0.9, 1.0], [0.75, 1.0], [0.0, 0.25]]
        >>> table.attrs["correction"].split("; ")[1]
        'intervals at confidence 0.95 (FCR)'
    """
    missing = [name for name in ("found", "n") if name not in frame.columns]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}: it needs found and n, one row per feature")
    columns = frame.columns
    # A value that is missing, as after a join, says nothing: NaN itself counts as true in Python.
    known = frame["forced"].notna() & frame["forced"].eq(True) if "forced" in columns else None
    forced = [False] * len(frame) if known is None else known.astype(bool).tolist()
    pairs = [
        whole_counts(f, n, "found", f"n in row {row!r}")
        for row, f, n in zip(frame.index, frame["found"], frame["n"], strict=True)
    ]
    untrained, taught = pairs_of(frame, "untrained"), pairs_of(frame, "taught")
    trained: list[int | None] = [None] * len(frame)
    if "trained" in columns:
        trained = [None if is_missing(number) else number for number in frame["trained"]]
    others = [
        compare_with_others(*pair, *both, sequential=sequential)
        for pair, *both in zip(pairs, untrained, taught, strict=True)
    ]
    tested = np.array([n > 0 and not skip for (_, n), skip in zip(pairs, forced, strict=True)], dtype=bool)
    p = np.array([_row_p(*pair, of, sequential) for pair, of in zip(pairs, others, strict=True)], dtype=float)
    p_equivalent = np.array([_or_nan(of.p_equivalent) for of in others], dtype=float)
    of_finding, first = _findings(frame, pairs, list(zip(untrained, taught, strict=True)), tested)
    p, p_equivalent = np.where(tested, p, math.nan), np.where(tested, p_equivalent, math.nan)
    selection = select(p[first], alpha)
    alike = select(p_equivalent[first], alpha)
    shares = [
        prevalence(*pair, selection.confidence, trained=of, sequential=sequential)
        for pair, of in zip(pairs, trained, strict=True)
    ]
    judged = [
        _judged(share, of, skip, MARGINS, 1 - selection.confidence, 1 - alike.confidence)
        for share, of, skip in zip(shares, others, forced, strict=True)
    ]
    found, n = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    table = frame.copy()
    for name in ("value", "low", "high", "confidence"):
        table[name] = np.array([getattr(v, name) for v in judged], dtype=float)
    table["anytime_low"], table["anytime_high"] = sequence_interval(found, n, selection.confidence)
    for side, name in enumerate(("worst_low", "worst_high")):
        table[name] = np.array([share.worst[side] for share in shares], dtype=float)
    table["verdict"] = [v.name for v in judged]
    table["reason"] = [v.reason for v in judged]
    table["p_untrained"] = np.array([_or_nan(of.p_untrained) for of in others], dtype=float)
    table["p_taught"] = np.array([_or_nan(of.p_taught) for of in others], dtype=float)
    table["p_equivalent"] = p_equivalent
    table["p"], table["q"] = p, selection.q[of_finding]
    table["q_yekutieli"] = benjamini_yekutieli(p[first])[of_finding]
    words = [selection.words]
    if len(first) < len(frame):
        words.append(f"{len(frame)} rows are {len(first)} findings")
    if sequential:
        words.append("valid at every look")
    table.attrs["correction"] = "; ".join(words)
    return table


def _judged(
    share: Prevalence,
    others: Others,
    forced: bool,
    margins: tuple[float, float],
    alpha: float,
    level: float,
) -> Verdict:
    """The verdict on one row, at `alpha` against the other networks and at `level` for equivalence with them."""
    name, reason = _against_margins(share, margins)
    beside = others.beside
    apart = beside is None or beside.larger <= alpha
    if name in ("universal", "partial") and beside is None:
        reason += "; no untrained networks to compare with"
    elif name != "absent" and not apart and beside is not None:
        counts = f"{share.found} of {share.n} have it, and {others.words}"
        if beside.equivalent <= level:
            name = "vacuous"
            reason = (
                f"{counts}: shown to be within {EQUIVALENT:g} of each other (p = {beside.equivalent:.2g})"
            )
        elif name != "inconclusive":
            name = "inconclusive"
            reason = f"not told apart from {others.name}: {counts} (p = {beside.larger:.2g})"
    if forced:
        name = "forced"
        reason = (
            "every exact network of this size contains it: ask for its orientation, gauge and multiplicity"
        )
        if share.high < margins[1]:
            seen = f"only {share.found} of {share.n} have it"
            reason += f"; yet {seen}, so look for an error in the reading or the solving"
    return Verdict(
        name, share.low, share.high, reason, share.value, share.found, share.n, share.confidence,
        others.p_untrained, others.p_equivalent, share.method, others.p_taught,
    )  # fmt: skip


def _against_margins(share: Prevalence, margins: tuple[float, float]) -> tuple[VerdictName, str]:
    """The verdict that the interval alone gives, and its reason."""
    lower, upper = margins
    counted = f"{share.found} of {share.n} have it, interval {share.low:.3f} to {share.high:.3f}"
    if share.low > upper:
        return "universal", f"{counted} above {upper:g}"
    if share.high < lower:
        return "absent", f"{counted} below {lower:g}"
    if share.low > lower and share.high < upper:
        return "partial", f"{counted} inside {lower:g} to {upper:g}"
    # Networks that are added after a look need the sequence's number; the other one had to be decided in advance.
    added = _needed(share, margins, sequential=True)
    if added is None:
        return (
            "inconclusive",
            f"{share.n} solved; a share of {share.value:.3g} is too close to a margin to settle",
        )
    sure = share.n == 0 or share.found in (0, share.n)
    reason = (
        f"{share.n} solved, needs {added}" if sure else f"{share.n} solved, needs about {added} at this share"
    )
    if share.method == _METHODS[False]:
        reason += f", or {_needed(share, margins, sequential=False)} if decided in advance"
    return "inconclusive", reason


@lru_cache(maxsize=8192)  # the rows of many tables have the same counts
def _needed(share: Prevalence, margins: tuple[float, float], *, sequential: bool) -> int | None:
    """The smallest number of networks that would settle the verdict if the share stayed as it is."""
    value = 1.0 if share.n == 0 else share.value

    def settled(n: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        found = np.rint(value * n).astype(np.int64)
        if sequential:
            absent, present = _sequential_margin_p(found, n, margins)
            return np.minimum(absent, present) < 1 - share.confidence
        low, high = clopper_pearson(found, n, (1 - share.confidence) / 2)
        inside = (low > margins[0]) & (high < margins[1])
        return np.asarray((low > margins[1]) | (high < margins[0]) | inside)

    # In steps of 5%, then one by one through the step that settles it.
    steps = share.n + 1 + np.unique(np.rint(np.geomspace(1, _OUT_OF_REACH, 280)).astype(np.int64)) - 1
    hits = np.flatnonzero(settled(steps))
    if not len(hits):
        return None
    last = steps[hits[0]]
    first = steps[hits[0] - 1] + 1 if hits[0] else last
    between = np.arange(first, last + 1)
    return int(between[np.argmax(settled(between))])


def _row_p(found: int, n: int, others: Others, sequential: bool) -> float:
    """The p of the best claim: absent, or present (universal or partial) and told apart from the other networks."""
    if sequential:
        absent, present = (
            float(p[0]) for p in _sequential_margin_p(np.array([found]), np.array([n]), MARGINS)
        )
    else:
        absent, present = _margin_p(found, n)
    return min(absent, present if others.beside is None else max(present, others.beside.larger))


def _margin_p(found: int, n: int) -> tuple[float, float]:
    """Twice the one-sided p below the margins, and twice the smaller one of above and inside them."""
    from scipy.special import bdtr, bdtrc

    def at_least(chance: float) -> float:
        return 1.0 if found == 0 else float(bdtrc(found - 1, n, chance))

    def at_most(chance: float) -> float:
        return float(bdtr(found, n, chance))

    lower, upper = MARGINS
    present = min(at_least(upper), max(at_least(lower), at_most(upper)))
    return min(1.0, 2 * at_most(lower)), min(1.0, 2 * present)


def _sequential_margin_p(
    found: npt.NDArray[np.int64], n: npt.NDArray[np.int64], margins: tuple[float, float]
) -> tuple[Array, Array]:
    """The same at every look, for arrays of counts; the sequence's p is two-sided by itself."""
    lower, upper = (sequential_p(found, n, margin) for margin in margins)
    below, above = found <= margins[0] * n, found >= margins[1] * n
    present = np.where(above, upper, np.maximum(lower, upper))
    return np.where(below, lower, 1.0), np.where(below, 1.0, present)


def _findings(
    frame: pd.DataFrame,
    pairs: Sequence[tuple[int, int]],
    others: Sequence[tuple[tuple[Any, Any] | None, tuple[Any, Any] | None]],
    tested: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The finding that each row belongs to, and the first row of each finding."""
    if "finding" not in frame.columns:
        rows = np.arange(len(frame))
        return rows, rows
    places: dict[object, int] = {}
    firsts: list[int] = []
    of_row = []
    for k, (row, name) in enumerate(zip(frame.index, frame["finding"], strict=True)):
        # What is not tested does not take the place of what is.
        key: object = ("row", k) if is_missing(name) or not tested[k] else ("finding", name)
        place = places.setdefault(key, len(firsts))
        if place == len(firsts):
            firsts.append(k)
        of_row.append(place)
        other = firsts[place]
        if pairs[k] != pairs[other] or others[k] != others[other]:
            raise InputError(
                f"rows {frame.index[other]!r} and {row!r} are one finding ({name!r}), but their counts differ: what "
                "occurs together by identity is held by the same networks, so give them findings of their own"
            )
    return np.array(of_row, dtype=np.intp), np.array(firsts, dtype=np.intp)


def _or_nan(p: float | None) -> float:
    return math.nan if p is None else p
