"""Evidence: which networks hold a feature, and which count for or against one that their sizes and task may force.

A network whose sizes leave it no choice is no evidence. What no exact network can lack is `forced` in those that are
certified to be so near the task that it follows (`Orbits.forced_error`); the others at these sizes are counted apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mathcircuits.detect.features import Label
from mathcircuits.detect.matching import HELD

if TYPE_CHECKING:
    import pandas as pd

    from mathcircuits.detect.statistics import Prevalence
    from mathcircuits.detect.universality import Orbits


@dataclass(frozen=True)
class LeftOpen:
    """The networks that are evidence about something, and those that are not.

    Attributes:
        forced: whether the networks of `names` must have it.
        names: the networks that count.
        below: the certified error up to which they must; NaN where it is not forced.
        apart, uncertified: networks whose sizes force it if they are exact, but whose certified error is larger, or
            that have none.
    """

    forced: bool
    names: list[str]
    below: float = math.nan
    apart: int = 0
    uncertified: int = 0

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of the tables that have them."""
        return {
            "forced": self.forced, "forced_below": self.below, "apart": self.apart, "uncertified": self.uncertified,
        }  # fmt: skip


@dataclass(frozen=True)
class Certain:
    """What is known of a condition's solved networks, for what is forced at some sizes and up to some error.

    Attributes:
        names: the networks.
        hidden: the sizes that training began with.
        final: the sizes that each network ended with.
        upper: its certified error anywhere on the box, in the output's units; missing or NaN where none was computed.

    Examples:
        >>> known = Certain(["a", "b", "c"], (16,), {"a": (3,), "b": (3,), "c": (3,)}, {"a": 1e-6, "b": 0.2})
        >>> left = known.left_open(lambda sizes: sizes == (3,), lambda sizes: 1e-3)
        >>> left.forced, left.names, left.apart, left.uncertified
        (True, ['a'], 1, 1)
    """

    names: list[str]
    hidden: tuple[int, ...]
    final: Mapping[str, tuple[int, ...]]
    upper: Mapping[str, float]

    def left_open(
        self, forced: Callable[[tuple[int, ...]], bool], error: Callable[[tuple[int, ...]], float]
    ) -> LeftOpen:
        """Which networks are evidence about something that is forced at some sizes, up to some error there.

        All of them where no size forces it, and those that are free where some do. Without a solved network the sizes
        that training began with decide.
        """
        sizes = [self.final.get(name, self.hidden) for name in self.names]
        known = {of: forced(of) for of in {self.hidden, *sizes}}
        if not self.names:
            sure = known[self.hidden]
            return LeftOpen(sure, [], error(self.hidden) if sure else math.nan)
        free = [name for name, of in zip(self.names, sizes, strict=True) if not known[of]]
        if free:
            return LeftOpen(False, free)
        bars = {of: error(of) for of in set(sizes)}
        bounds = [self.upper.get(name, math.nan) for name in self.names]
        near = [name for name, of, b in zip(self.names, sizes, bounds, strict=True) if b <= bars[of]]
        missing = sum(map(math.isnan, bounds))
        apart = len(self.names) - len(near) - missing
        return LeftOpen(bool(near), near, min(bars.values()), apart, missing)


def census_row(
    level: str, name: str, share: Prevalence, holders: Sequence[str], left: LeftOpen
) -> dict[str, Any]:
    """A row of the table `census`, without what names its condition.

    Args:
        level: "class" or "gauge"; name: of the class or gauge.
        share: of the solved networks, with how many were trained.
        holders: the networks that have it; left: those that are evidence about it.

    Examples:
        >>> from mathcircuits.detect import prevalence
        >>> row = census_row("gauge", "half", prevalence(2, 4, trained=5), ["a", "b"], LeftOpen(False, ["b", "c"]))
        >>> row["value"], row["worst_low"], row["evidence_found"], row["evidence_n"]
        (0.5, 0.4, 1, 2)
    """
    counted = set(left.names)
    return {
        "level": level,
        "name": name,
        "found": share.found,
        "n": share.n,
        "value": share.value,
        "low": share.low,
        "high": share.high,
        "trained": share.trained,
        "worst_low": share.worst[0],
        "worst_high": share.worst[1],
        "evidence_found": sum(holder in counted for holder in holders),
        "evidence_n": len(counted),
        **left.columns,
    }


def with_left_out(table: pd.DataFrame) -> pd.DataFrame:
    """Judged rows whose reasons also say which networks count neither way; see `left_out`.

    Args:
        table: with the columns that `left_out` reads, `reason` and `n`.
    """
    reasons = []
    for row in table.to_dict("records"):
        note = left_out(row)
        # Without any that counts, how many networks a verdict needs is beside the point.
        reasons.append(str(row["reason"]) + note if row["n"] or not note else note.removeprefix("; "))
    return table.assign(reason=reasons)


def left_out(row: Mapping[Any, Any]) -> str:
    """Why networks at sizes that force something count neither way, to be put behind a reason; empty if none are.

    Args:
        row: with `forced_below`, `apart` and `uncertified`, missing or NaN where nothing is forced.

    Examples:
        >>> left_out({"forced_below": 0.001, "apart": 2, "uncertified": 0})
        '; 2 not certified to be within 0.001 of the task, from which it follows: these count neither way'
    """
    import pandas as pd

    numbers = [row.get(name) for name in ("forced_below", "apart", "uncertified")]
    below, apart, missing = (
        0.0 if number is None or pd.isna(number) else float(number) for number in numbers
    )
    if not apart and not missing:
        return ""
    words = []
    if apart:
        where = f"not certified to be within {below:.2g} of the task" if below else "not exactly the task"
        words.append(f"{apart:g} {where}")
    if missing:
        words.append(f"{missing:g} without a certificate")
    last = ", from which it follows" if below else ", and no error is known from which it follows"
    return f"; {' and '.join(words)}{last}: these count neither way"


def taught_labels(taught: pd.DataFrame, orbits: Orbits) -> dict[tuple[int, ...], list[frozenset[Label]]]:
    """The features of the inputs that networks hold which were taught something else, by their hidden sizes.

    `taught` has the columns hidden, network, feature and on, and every network a row.
    """
    found: dict[tuple[str, int], set[Label]] = {}
    rows = taught[["hidden", "network", "feature", "on"]].itertuples(index=False, name=None)
    for hidden, network, feature, on in rows:
        labels = found.setdefault((str(hidden), int(network)), set())
        label = (str(feature), split_arguments(str(on)))
        if isinstance(feature, str) and orbits.has(label):
            labels.add(label)
    networks: dict[tuple[int, ...], list[frozenset[Label]]] = {}
    for (hidden, _), labels in found.items():
        networks.setdefault(tuple(map(int, hidden.split("-"))), []).append(frozenset(labels))
    return networks


def mixed_as(
    taught: Mapping[tuple[int, ...], list[frozenset[Label]]], sizes: Sequence[tuple[int, ...]]
) -> list[frozenset[Label]]:
    """Networks that were taught something else, in the proportions of these sizes where there are several.

    Networks of sizes that nothing else was taught to have none beside them.

    Examples:
        >>> taught = {(3,): [frozenset({("sum", ("x1", "x2"))})] * 4, (6,): [frozenset()] * 4}
        >>> [len(labels) for labels in mixed_as(taught, [(3,), (6,), (6,), (6,)])]
        [1, 0, 0, 0]
    """
    counts = {size: count for size, count in Counter(sizes).items() if taught.get(size)}
    total = sum(counts.values())
    return [
        labels
        for size, count in counts.items()
        for labels in taught[size][: max(1, round(count / total * len(taught[size])))]
    ]


def held_labels(neurons: pd.DataFrame, orbits: Orbits) -> dict[tuple[str, str], frozenset[Label]]:
    """The features of the inputs that each network holds: (network, population) -> labels.

    Every network that has neurons has an entry.
    """
    found: dict[tuple[str, str], set[Label]] = {}
    columns = ("network", "population", "feature", "on", "unexplained", "used")
    for name, population, feature, on, unexplained, used in zip(*(neurons[c] for c in columns), strict=True):
        labels = found.setdefault((name, population), set())
        if not used or not unexplained <= HELD:
            continue
        label = (str(feature), split_arguments(str(on)))
        if orbits.has(label):
            labels.add(label)
    return {key: frozenset(labels) for key, labels in found.items()}


def split_arguments(text: str) -> tuple[str, ...]:
    """The arguments in a text of them: split at the commas that stand outside parentheses.

    Examples:
        >>> split_arguments("min(x1, x2), min(x3, x4)"), split_arguments("")
        (('min(x1, x2)', 'min(x3, x4)'), ())
    """
    parts, depth, start = [], 0, 0
    for k, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:k].strip())
            start = k + 1
    last = text[start:].strip()
    return tuple([*parts, last] if last else parts)
