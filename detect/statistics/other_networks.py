"""Others: the networks that prevalences stand beside, untrained ones and those that were taught something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .criteria import EQUIVALENT
from .two_shares import Compared, compare_shares

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Others:
    """How trained networks compare with those that are no evidence: untrained ones, and those taught something else.

    Attributes:
        p_untrained, p_taught: one-sided p of trained networks having it no more often; None without such networks.
        beside: the comparison with the larger p, `words` its counts in words; None without any.
    """

    p_untrained: float | None
    p_taught: float | None
    beside: Compared | None
    name: str
    words: str

    @property
    def p_equivalent(self) -> float | None:
        """P of the prevalence differing by the margin or more from that of the networks that count."""
        return None if self.beside is None else self.beside.equivalent


def compare_with_others(
    found: int,
    n: int,
    untrained: tuple[Any, Any] | None,
    taught: tuple[Any, Any] | None,
    *,
    sequential: bool,
) -> Others:
    """How trained networks compare with untrained ones and with those that were taught something else.

    Args:
        found, n: networks that have something, of those that were looked at.
        untrained, taught: (found, n) of the others; None where there are none.
        sequential: whether networks are added until there is a verdict.

    Raises:
        InputError: for impossible counts.

    Examples:
        >>> others = compare_with_others(72, 72, (3, 72), (150, 200), sequential=False)
        >>> others.words, others.p_untrained < others.p_taught < 1e-6
        ('150 of 200 networks taught something else', True)
    """
    first = None if untrained is None else _beside(found, n, "untrained", *untrained, sequential)
    second = None if taught is None else _beside(found, n, "taught", *taught, sequential)
    p_untrained, p_taught = (None if of is None else of.larger for of in (first, second))
    # The other network's counts in words, of the comparison that counts.
    if second is not None and (first is None or second.larger > first.larger):
        words = f"{_of(taught)} networks taught something else"
        return Others(p_untrained, p_taught, second, "networks taught something else", words)
    return Others(p_untrained, p_taught, first, "untrained networks", f"{_of(untrained)} untrained ones")


def _of(pair: tuple[Any, Any] | None) -> str:
    return "" if pair is None else f"{int(pair[0])} of {int(pair[1])}"


def _beside(
    found: int, n: int, who: str, other_found: Any, other_n: Any, sequential: bool
) -> Compared | None:
    """How trained networks compare with others; None without networks on either side."""
    known, total = whole_counts(other_found, other_n, f"{who} found", f"{who} n")
    if total == 0 or n == 0:
        return None
    return compare_shares(found, n, known, total, EQUIVALENT, sequential=sequential)


def pairs_of(frame: pd.DataFrame, who: str) -> list[tuple[Any, Any] | None]:
    """(found, n) of other networks in each row of a table, columns WHO_found and WHO_n; None where a row has none.

    Examples:
        >>> import pandas as pd
        >>> pairs_of(pd.DataFrame({"taught_found": [1, None], "taught_n": [200, None]}), "taught")
        [(1.0, 200.0), None]
    """
    names = f"{who}_found", f"{who}_n"
    if not set(names) <= set(frame.columns):
        return [None] * len(frame)
    both = zip(frame[names[0]], frame[names[1]], strict=True)
    return [None if is_missing(f) or is_missing(n) else (f, n) for f, n in both]


def whole_counts(found: Any, n: Any, found_name: str, n_name: str) -> tuple[int, int]:
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


def is_missing(count: Any) -> bool:
    """None, NaN or pandas' NA in a table of counts."""
    import pandas as pd

    return bool(pd.isna(count))
