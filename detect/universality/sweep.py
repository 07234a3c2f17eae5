"""Sweep: which of a table's conclusions change where the ladder's cut-offs lie elsewhere.

A rung's verdict rests on lines that were chosen: which circuits are the same, what share of the pairs is most of them.
Here each line is moved down and up by itself, and the table is judged again. Pairs are not compared anew: lines within
the reading, such as the loss of a solved network or the variance that a held feature leaves, stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ..statistics.criteria import DISCOVERY_RATE
from .criteria import (
    LOSSES_APART,
    MAJORITY,
    NOTHING_REACHES,
    OTHER_CIRCUIT,
    SAME_CIRCUIT,
    SAME_FEATURES,
)
from .ladder import Ladder, ladder_table
from .rungs import Cutoffs

if TYPE_CHECKING:
    import pandas as pd

SWEEP_COLUMNS = ("a", "b", "rung", "cutoff", "usual", "tried", "verdict", "becomes")


class Line(NamedTuple):
    """A cut-off that is moved.

    Attributes:
        name: in words; usual: where it lies; tried: where else.
        field: of `Cutoffs`; empty for the majority.

    Examples:
        >>> LINES[0].name, LINES[0].tried
        ('majority of the pairs', (0.6, 0.75))
    """

    name: str
    usual: float
    tried: tuple[float, ...]
    field: str = ""


#: Every cut-off, with a laxer and a stricter one. Of the majority what 30 networks, all alike, can still settle; of
#: similarities about half the way to what nobody would take; of the loss what one network alone may have and four
#: times the usual.
LINES = (
    Line("majority of the pairs", MAJORITY, (0.6, 0.75)),
    Line("functions apart, in losses", LOSSES_APART, (1.0, 16.0), "apart"),
    Line("quantile of the null", NOTHING_REACHES, (0.9, 0.99), "nothing"),
    Line("features shared from", SAME_FEATURES, (1 / 3, 2 / 3), "features"),
    Line("circuits the same from", SAME_CIRCUIT, (0.8, 0.95), "same_circuit"),
    Line("circuits different up to", OTHER_CIRCUIT, (0.2, 0.4), "other_circuit"),
)


def cutoff_sweep(found: Sequence[Ladder], *, alpha: float = DISCOVERY_RATE) -> pd.DataFrame:
    """The verdicts of a table of ladders that change with a cut-off.

    Args:
        found: ladders, as for `ladder_table`; one that was made at another majority is taken at the usual one.
        alpha: false discovery rate of each table.

    Returns:
        columns `SWEEP_COLUMNS`, one row per ladder, rung and cut-off tried whose verdict `becomes` another. Since false
        discoveries are controlled over the table, a rung may change with another rung's line.
        `attrs["rungs"]` is the number of rungs, `attrs["tried"]` of cut-offs.

    Raises:
        InputError: for an alpha outside (0, 1).

    Examples:
        >>> from ..features.task import hand_derived
        >>> from .ladder import ladder_of
        >>> table = cutoff_sweep([ladder_of([hand_derived("minimum")] * 20, task="minimum")])
        >>> table[["rung", "cutoff", "tried", "becomes"]].values.tolist()[0]
        ['function', 'majority of the pairs', 0.75, 'inconclusive']
    """
    import pandas as pd

    usual = [replace(one, majority=MAJORITY).at(_CONFIDENCE) for one in found]
    before = ladder_table(usual, alpha=alpha)
    changed = []
    for line in LINES:
        for value in line.tried:
            after = ladder_table([_moved(one, line, value) for one in usual], alpha=alpha)
            own = before[["a", "b", "rung", "verdict"]].assign(
                cutoff=line.name, usual=line.usual, tried=value, becomes=after["verdict"]
            )
            changed.append(own[own["verdict"] != own["becomes"]])
    frame = pd.concat(changed, ignore_index=True)[list(SWEEP_COLUMNS)]
    frame.attrs = {"rungs": len(before), "tried": sum(len(line.tried) for line in LINES)}
    return frame


def _moved(one: Ladder, line: Line, value: float) -> Ladder:
    """The ladder with one cut-off elsewhere, not judged yet."""
    if not line.field:
        return replace(one, majority=value).at(_CONFIDENCE)
    cut = Cutoffs(**{line.field: value})
    return replace(one, measured=tuple(rung.cut_at(cut) for rung in one.measured)).at(_CONFIDENCE)


#: The table widens the intervals; until then any confidence will do.
_CONFIDENCE = 0.95
