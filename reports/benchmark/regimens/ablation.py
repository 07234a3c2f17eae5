"""Ablation: what each ingredient of `compress` and of `rescue` buys; a regimen is data, so each variant is one too.

Where restarts would hide what an ingredient does, variants have one start, and stand beside the whole regimen with one
start. The compensation inside a deletion has no switch of its own: a single iteration of Levenberg-Marquardt after
each deletion, in place of 15, is what comes nearest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mathcircuits.detect import tasks
from mathcircuits.models import Regimen, as_regimen

from .runs import Runs

PART = "ablation"
#: Tasks with one hidden layer: a plain one, two whose smallest network has three neurons, and the one with biases
#: that was the hardest in the first measurements (docs/results/measurements.md, Rescue).
SHALLOW = ("addition", "minimum", "x1-plus-abs-x2", "clip")
DEEP = "minimum-of-4"
#: Where `compress` starts, by the number of hidden layers (docs/results/measurements.md, Elimination).
WIDE = {1: (16,), 2: (24, 12)}


@dataclass(frozen=True)
class Variant:
    """A regimen less one ingredient.

    Attributes:
        label: what it is called; of: the preset; changes: what is changed in it.
        shallow, deep: whether it is run with one hidden layer, and with two.
    """

    label: str
    of: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    shallow: bool = True
    deep: bool = False

    @property
    def regimen(self) -> Regimen:
        """The regimen.

        Examples:
            >>> VARIANTS[2].regimen.decay
            0.0
        """
        return as_regimen(self.of, **self.changes)

    def runs(self, first: int, count: int, deep_count: int) -> list[Runs]:
        """What is to be run, every network read; from the wide start for `compress`, else at minimal width."""
        found = []
        for name in (*(SHALLOW if self.shallow else ()), *((DEEP,) if self.deep else ())):
            smallest = tasks[name].smallest
            assert smallest is not None
            depth = len(smallest)
            hidden = WIDE[depth] if self.of == "compress" else smallest
            number = count if depth == 1 else deep_count
            found.append(Runs(self.label, name, hidden, self.regimen, first, number, number))
        return found


def _once(label: str, *, shallow: bool = True, deep: bool = False, **changes: Any) -> Variant:
    return Variant(f"compress, {label}", "compress", {"restarts": 0, **changes}, shallow, deep)


VARIANTS = (
    # under the preset's own name: its networks are those of the other parts
    Variant("compress", "compress", deep=True),
    _once("one start", deep=True),
    _once("no decay", decay=0.0, deep=True),
    _once("decay to the end", decay_until=1.0),
    _once("500 steps", steps=500),
    _once("no training", steps=0),
    _once("no elimination", compression=None),
    _once("one iteration a deletion", compression={"iterations": 1}),
    _once("one deletion tried", compression={"tries": 1}),
    _once("not made readable", compression={"readable": False}),
    _once("no pool", pool=1, shallow=False, deep=True),
    _once("no kick", compression={"kick": False}, shallow=False, deep=True),
    Variant("rescue", "rescue", deep=True),
    Variant("rescue, none", "rescue", {"rescue": None}, deep=True),
    Variant("rescue, 3 phases", "rescue", {"rescue": {"phases": 3}}),
    Variant("rescue, 20 phases", "rescue", {"rescue": {"phases": 20}}, shallow=False, deep=True),
    Variant("rescue, never a worse place", "rescue", {"rescue": {"accept": 1.0}}, shallow=False, deep=True),
    Variant("rescue, all neurons anew", "rescue", {"rescue": None, "restarts": 15}),
    Variant("rescue, no polish", "rescue", {"polish": 0}),
)
