"""How widespread is a feature, a circuit, a mechanism? Prevalence and verdicts.

Everything here works on plain counts and tables. Only networks that solve their task count (docs/statistics.md,
Criteria); the caller decides which ones do.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import DISCOVERY_RATE, FISHER_LEVEL, MARGINS
from .multiple_testing import select

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
VerdictName = Literal["universal", "absent", "partial", "inconclusive", "vacuous", "forced"]

#: A verdict that would take more networks than this counts as out of reach.
_OUT_OF_REACH = 1_000_000


@dataclass(frozen=True)
class Prevalence:
    """The share of networks that have something, with its interval.

    Attributes:
        value: found / n, or NaN where n = 0: no network, no share.
        low, high: the exact interval at `confidence`; 0 and 1 where n = 0.
        found, n: the counts.
        method: how the interval was made.

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
    method: str = "Clopper-Pearson"

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
        name: universal, absent, partial, inconclusive, vacuous or forced.
        low, high: the exact interval for the prevalence at `confidence`.
        reason: the verdict's ground in a few words.
        value, found, n: the share and the counts behind it; the share is NaN where n = 0.
        p_untrained: Fisher's one-sided p against the untrained population, None where none was given.

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


def prevalence(found: int, n: int, confidence: float = 0.95) -> Prevalence:
    """The share of networks that have a feature, with its exact binomial (Clopper-Pearson 1934) interval.

    The interval covers the true share with at least the stated confidence, whatever the share; each end
    alone errs at most half as often.

    Args:
        found: networks that have it.
        n: networks that were looked at (the solved ones).
        confidence: of the two-sided interval, between 0 and 1.

    Raises:
        InputError: for counts that are not whole numbers with 0 <= found <= n, or a confidence outside (0,
            1).

    Examples:
        >>> p = prevalence(72, 72)
        >>> p.value, round(p.low, 4), p.high, p.method
        (1.0, 0.9501, 1.0, 'Clopper-Pearson')
        >>> prevalence(0, 0)
        Prevalence(0 of 0: nan, 0.95 interval 0 to 1)
    """
    found, n = _counts(found, n, "found", "n")
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence}: give a number between 0 and 1, such as 0.95")
    low, high = _clopper_pearson(np.array([found]), np.array([n]), confidence)
    return Prevalence(
        found / n if n else math.nan, float(low[0]), float(high[0]), found, n, float(confidence)
    )


def verdict(
    found: int,
    n: int,
    untrained: tuple[int, int] | None = None,
    forced: bool = False,
    *,
    confidence: float = 0.95,
    margins: tuple[float, float] = MARGINS,
    alpha: float = FISHER_LEVEL,
) -> Verdict:
    """What the counts allow to say: tested against the margins, not declared.

    By the exact two-sided interval: **universal** above the upper margin, **absent** below the lower one,
    **partial** inside, **inconclusive** where the interval holds a margin (59 of 59 still is, 72 of 72 is
    universal). **vacuous** where it would be universal or partial, but Fisher's one-sided test against
    untrained networks does not reject (p > alpha): a network that learned nothing has it as well.
    **forced** where every exact network must contain it (the task's own normal form does, or
    so few neurons allow no other), so that finding it is arithmetic. At a
    prevalence on a margin a wrong universal or absent has probability at most (1 - confidence) / 2. A true
    prevalence of 0.97 is called universal in 5%, 57% and 88% of studies with 100, 500 and 1000 networks.

    Args:
        found, n: networks that have it, of those that solved the task.
        untrained: (found, n) of untrained networks of the same shape; None, or n = 0, skips the test, and
            the reason says so.
        forced: whether every exact network of this size contains the feature, as its task's normal form does.
        confidence: of the interval.
        margins: prevalences below which a feature is absent and above which it is universal.
        alpha: level of Fisher's test.

    Raises:
        InputError: for impossible counts, and margins that are not 0 <= low < high <= 1.

    Examples:
        >>> verdict(31, 31).name, verdict(31, 31).reason
        ('inconclusive', '31 solved, needs 72')
        >>> verdict(72, 72, untrained=(3, 72)).name, verdict(72, 72, untrained=(71, 72)).name
        ('universal', 'vacuous')
        >>> print(verdict(40, 100, untrained=(2, 100)))
        partial: 40 of 100 have it, interval 0.303 to 0.503 inside 0.05 to 0.95
    """
    lower, upper = margins
    if not 0 <= lower < upper <= 1:
        raise InputError(f"margins {margins}: give 0 <= low < high <= 1, such as (0.05, 0.95)")
    share = prevalence(found, n, confidence)
    found, n = share.found, share.n
    p_untrained = None if untrained is None else _fisher(found, n, *untrained)
    name, reason = _against_margins(share, margins)
    if name in ("universal", "partial"):
        if p_untrained is None:
            reason += "; no untrained networks to compare with"
        elif p_untrained > alpha and untrained is not None:
            name = "vacuous"
            reason = (
                f"{found} of {n} have it, but so have {untrained[0]} of {untrained[1]} untrained networks "
                f"(Fisher's one-sided p = {p_untrained:.2g})"
            )
    if forced:
        name = "forced"
        reason = (
            "every exact network of this size contains it: ask for its orientation, gauge and multiplicity"
        )
        if share.high < upper:
            reason += f"; yet only {found} of {n} have it, so look for an error in the reading or the solving"
    return Verdict(name, share.low, share.high, reason, share.value, found, n, share.confidence, p_untrained)


def verdict_table(frame: pd.DataFrame, *, alpha: float = DISCOVERY_RATE) -> pd.DataFrame:
    """Verdicts on many features at once, with false discoveries controlled over all of them.

    Each row's margin test asks for the claim that its counts support best: universal (one-sided, prevalence
    above the upper margin), absent (below the lower one) or partial (both ends inside); its p-value is
    twice the smallest of the three one-sided ones, so that a single row agrees with `verdict`.
    Benjamini-Hochberg over the rows keeps the expected share of wrong claims at `alpha`. The intervals are
    widened to match: at confidence `1 - alpha R / m` with R of m rows claimed, which controls the false
    coverage rate (Benjamini & Yekutieli 2005), and a row is claimed exactly when its widened interval
    clears the margins. Forced rows and rows without networks are not tests and do not count in m.

    Args:
        frame: one row per feature with columns `found` and `n`, and if known `untrained_found`, `untrained_n`
            and `forced`; all others are carried along.
        alpha: false discovery rate.

    Returns:
        the frame with `value, low, high, confidence, verdict, reason, p_untrained, p, q` added (p and q
        missing where nothing was tested); `attrs["correction"]` says in words what was controlled.

    Raises:
        InputError: where a column is missing or a row's counts are impossible.

    Examples:
        >>> import pandas as pd
        >>> table = verdict_table(pd.DataFrame({"found": [72, 300, 0], "n": [72, 300, 300]}))
        >>> table["verdict"].tolist(), float(table["confidence"].iloc[0])
        (['universal', 'universal', 'absent'], 0.95)
        >>> table.attrs["correction"].split("; ")[1]
        'intervals at confidence 0.95 (FCR)'
    """
    missing = [name for name in ("found", "n") if name not in frame.columns]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}: it needs found and n, one row per feature")
    columns = frame.columns
    forced = [bool(f) for f in frame["forced"]] if "forced" in columns else [False] * len(frame)
    pairs = [
        _counts(f, n, "found", f"n in row {row!r}")
        for row, f, n in zip(frame.index, frame["found"], frame["n"], strict=True)
    ]
    untrained: list[tuple[int, int] | None] = [None] * len(frame)
    if {"untrained_found", "untrained_n"} <= set(columns):
        both = zip(frame["untrained_found"], frame["untrained_n"], strict=True)
        untrained = [None if _is_missing(f) or _is_missing(n) else (f, n) for f, n in both]
    p = np.array(
        [
            math.nan if skip or n == 0 else _margin_p(found, n)
            for (found, n), skip in zip(pairs, forced, strict=True)
        ]
    )
    selection = select(p, alpha)
    confidence = selection.confidence
    found_verdicts = [
        verdict(found, n, u, skip, confidence=confidence)
        for (found, n), u, skip in zip(pairs, untrained, forced, strict=True)
    ]
    table = frame.copy()
    for name in ("value", "low", "high", "confidence"):
        table[name] = np.array([getattr(v, name) for v in found_verdicts], dtype=float)
    table["verdict"] = [v.name for v in found_verdicts]
    table["reason"] = [v.reason for v in found_verdicts]
    table["p_untrained"] = np.array(
        [math.nan if v.p_untrained is None else v.p_untrained for v in found_verdicts]
    )
    table["p"], table["q"] = p, selection.q
    table.attrs["correction"] = selection.words
    return table


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
    needed = _needed(share, margins)
    if needed is None:
        return (
            "inconclusive",
            f"{share.n} solved; a share of {share.value:.3g} is too close to a margin to settle",
        )
    about = "" if share.n == 0 or share.found in (0, share.n) else "about "
    at = " at this share" if about else ""
    return "inconclusive", f"{share.n} solved, needs {about}{needed}{at}"


def _needed(share: Prevalence, margins: tuple[float, float]) -> int | None:
    """The smallest number of networks that would settle the verdict if the share stayed as it is."""
    value = 1.0 if share.n == 0 else share.value

    def settled(n: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        low, high = _clopper_pearson(np.rint(value * n), n, share.confidence)
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


def _clopper_pearson(
    found: Array | npt.NDArray[np.int64], n: npt.NDArray[np.int64], confidence: float
) -> tuple[Array, Array]:
    """Ends of the exact interval, for arrays of counts; 0 and 1 where nothing was counted."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    found, missed = np.asarray(found, dtype=np.float64), n - np.asarray(found, dtype=np.float64)
    low = np.where(found > 0, betaincinv(np.maximum(found, 1), missed + 1, tail), 0.0)
    high = np.where(missed > 0, betaincinv(found + 1, np.maximum(missed, 1), 1 - tail), 1.0)
    return low, high


def _margin_p(found: int, n: int) -> float:
    """Twice the smallest one-sided p of the three claims: above, below, inside the margins."""
    from scipy.special import bdtr, bdtrc

    def at_least(chance: float) -> float:
        return 1.0 if found == 0 else float(bdtrc(found - 1, n, chance))

    def at_most(chance: float) -> float:
        return float(bdtr(found, n, chance))

    lower, upper = MARGINS
    return min(1.0, 2 * min(at_least(upper), at_most(lower), max(at_least(lower), at_most(upper))))


def _fisher(found: int, n: int, untrained_found: int, untrained_n: int) -> float | None:
    """Fisher's one-sided p that trained networks have it more often; None without networks on either side."""
    known, total = _counts(untrained_found, untrained_n, "untrained found", "untrained n")
    if total == 0 or n == 0:
        return None
    from scipy.stats import fisher_exact

    table = [[found, n - found], [known, total - known]]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _counts(found: Any, n: Any, found_name: str, n_name: str) -> tuple[int, int]:
    """Both as whole numbers with 0 <= found <= n."""
    numbers = []
    for name, count in ((found_name, found), (n_name, n)):
        try:
            whole = int(count)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} = {count!r}: give a whole number of networks") from None
        if whole != count or whole < 0:
            raise InputError(f"{name} = {count!r}: give a whole number of networks, 0 or more")
        numbers.append(whole)
    if numbers[0] > numbers[1]:
        raise InputError(f"{found_name} = {numbers[0]} is more than {n_name} = {numbers[1]}: swap them?")
    return numbers[0], numbers[1]


def _is_missing(count: Any) -> bool:
    """None, NaN or pandas' NA in a table of counts."""
    import pandas as pd

    return bool(pd.isna(count))
