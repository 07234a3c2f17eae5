"""The front of what was tried: items that nothing simpler is as close as."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from .criteria import CLOSER

T = TypeVar("T")


def pareto(rows: Sequence[tuple[int, float, T]]) -> list[T]:
    """What no item of at most its length is as close as, shortest first.

    Args:
        rows: the length, the error and the item of each.

    Examples:
        >>> pareto([(3, 0.1, "a"), (1, 0.5, "b"), (2, 0.5, "c")])
        ['b', 'a']
    """
    kept: list[T] = []
    least = math.inf
    for _, error, item in sorted(rows, key=lambda row: row[:2]):
        if error < least * (1 - CLOSER):
            kept.append(item)
            least = error
    return kept
