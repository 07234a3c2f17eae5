"""Program: what a network computes, as a formula with its certified error, and the front of formulas tried."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..exact.certificates import Certificate, certify
from ..exact.criteria import BOUNDS_MEET
from ..features.formulas import Formula
from .criteria import LOOK_NODES
from .lengths import (
    complexity,
)
from .source import latex_source, python_source

if TYPE_CHECKING:
    import sympy

Array = npt.NDArray[np.float64]

#: What a formula's constants are, see the module.
Constants = Literal["exact", "decimal", "fitted"]


class FrontPoint(NamedTuple):
    """A formula that no simpler one tried is as close as.

    Attributes:
        complexity: nodes of the formula's tree, its constants by their digits.
        error: the certified upper bound of its error, in the output's units.
        text: the formula; several outputs are separated by `; `.
    """

    complexity: int
    error: float
    text: str


class Tried(NamedTuple):
    """Formulas that a search tried.

    Attributes:
        formulas: one per output.
        least: a lower bound of their largest error, in the output's units: what a sample shows.
        proof: their certificate, where the search needed it.
    """

    formulas: tuple[Formula, ...]
    least: float
    proof: Certificate | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """What a network computes, as a formula, and how sure that is.

    Attributes:
        formula: one Formula per output, or None where no formula was good enough.
        best_formula: the formula; where there is none, the candidate with the least proved error, which is never
            worse than the best constant.
        certificate: the certified error of `best_formula` against the network.
        tolerances: the largest error asked for, one per output in its units.
        relative: the tolerance as a share of each output's range on the box; None where it was given in units.
        constants: what the constants of the formula are: "exact", "decimal" or "fitted"; None without a formula.
        bits: the description length of `best_formula`.
        raw_bits: that of the network's weights and biases, 32 bits each.
        reason: why there is no formula; empty where there is one.

    Examples:
        >>> from ..networks.network import Network
        >>> from .decompiling import decompile
        >>> program = decompile(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        >>> program
        Program(min(x1, x2), max error ... on [-1, 1]^2)
        >>> program.expression, program.complexity, program.latex
        (Min(x1, x2), 3, '\\\\min(x_1, x_2)')
        >>> print(program.python)
        def f(x1, x2):
            return min(x1, x2)
    """

    formula: tuple[Formula, ...] | None
    best_formula: tuple[Formula, ...]
    certificate: Certificate
    tolerances: tuple[float, ...]
    relative: float | None
    constants: Constants | None
    bits: float
    raw_bits: int
    reason: str
    #: Gives the formulas that `front` certifies, when that is asked for.
    _tried: Callable[[], Sequence[Tried]] = field(default=tuple, repr=False)

    @property
    def tolerance(self) -> float:
        """The largest error asked for of any output, in the output's units."""
        return max(self.tolerances)

    @property
    def tolerance_text(self) -> str:
        """The tolerance in words, as it was asked for.

        Examples:
            >>> from ..networks.network import Network
            >>> from .decompiling import decompile
            >>> network = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
            >>> decompile(network).tolerance_text, decompile(network, tolerance=0.01, absolute=True).tolerance_text
            ("0.5% of the output's range", '0.01')
        """
        if self.relative is None:
            return f"{self.tolerance:.2g}"
        return f"{100 * self.relative:.3g}% of the output's range"

    @cached_property
    def expression(self) -> sympy.Basic | None:
        """The formula as a sympy expression (a sympy Tuple for several outputs), None where there is none."""
        return None if self.formula is None else _to_sympy(self.formula)

    @cached_property
    def best(self) -> sympy.Basic:
        """`best_formula` as a sympy expression (a sympy Tuple for several outputs)."""
        return _to_sympy(self.best_formula)

    @property
    def complexity(self) -> int:
        """Nodes of `best_formula`'s trees: names, calls, operators, and constants by their digits."""
        return total_complexity(self.best_formula)

    @property
    def text(self) -> str:
        """`best_formula` as a text; several outputs are separated by `; `."""
        return formulas_text(self.best_formula)

    @property
    def python(self) -> str:
        """Python source of a function f(x1, x2, ...) that computes `best_formula` from plain numbers."""
        note = f"No formula: {self.reason}." if self.formula is None else ""
        return python_source(self.best_formula, self.certificate.network.inputs, note)

    @property
    def latex(self) -> str:
        """`best_formula` in LaTeX."""
        return latex_source(self.best_formula)

    @cached_property
    def front(self) -> tuple[FrontPoint, ...]:
        """The formulas tried that no simpler one is as close as, simplest first; certified when asked for.

        Examples:
            >>> from ..networks.network import Network
            >>> from .decompiling import decompile
            >>> program = decompile(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]))
            >>> [(point.complexity, point.text) for point in program.front]
            [(1, '0'), (2, 'abs(x1)')]
        """
        return self.closest(len(self._entries))

    def closest(self, count: int) -> tuple[FrontPoint, ...]:
        """The last `count` points of `front`, the closest ones; a formula that cannot be one of them is not certified.

        Examples:
            >>> from ..networks.network import Network
            >>> from .decompiling import decompile
            >>> program = decompile(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]))
            >>> [point.text for point in program.closest(1)]
            ['abs(x1)']
        """
        entries = self._entries
        while True:
            kept = _kept([entry.point for entry in entries if entry.point is not None])
            found = kept[max(len(kept) - count, 0) :]
            waiting = [entry for entry in entries if entry.matters(found, full=len(found) == count)]
            if not waiting:
                return tuple(found)
            # The longest are the closest on the sample, and leave the others no chance.
            max(waiting, key=lambda entry: entry.length).prove(self.certificate)

    @cached_property
    def _entries(self) -> list[_Entry]:
        """The formula and those tried beside it, each text once."""
        entries = {self.text: _Entry(self.best_formula, 0.0)}
        entries[self.text].known(self.certificate)
        for formulas, least, proof in self._tried():
            entry = _Entry(formulas, least)
            if entry.text not in entries:
                entries[entry.text] = entry
                if proof is not None:
                    entry.known(proof)
        return list(entries.values())

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values for JSON."""
        import json

        return {
            "formula": None if self.formula is None else [formula.text for formula in self.formula],
            "best": [formula.text for formula in self.best_formula],
            "reason": self.reason,
            "tolerance": self.tolerance,
            "relative_tolerance": self.relative,
            "constants": self.constants,
            "complexity": self.complexity,
            "bits": self.bits,
            "raw_bits": self.raw_bits,
            "python": self.python,
            "latex": self.latex,
            "front": [point._asdict() for point in self.front],
            "certificate": json.loads(self.certificate.to_json()),
        }

    def __repr__(self) -> str:
        text = self.text if len(self.text) <= 200 else f"{self.text[:197]}..."
        error = f"max error {self.certificate.upper:.2g} on {self.certificate.where}"
        if self.formula is None:
            return f"Program(no formula: {self.reason}; best {text}, {error})"
        return f"Program({text}, {error})"

    def _repr_html_(self) -> str:
        rows = {
            "formula" if self.formula is not None else "no formula": self.reason or self.text,
            "best candidate": self.text if self.formula is None else "",
            "largest error": f"at most {self.certificate.upper:.3g}, at least {self.certificate.lower:.3g}",
            "tolerance": self.tolerance_text,
            "constants": self.constants or "",
            "description": f"{self.bits:.0f} bits, the weights {self.raw_bits}",
        }
        body = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items() if v
        )
        return f"<table>{body}</table>"


class _Entry:
    """A formula that may be on the front, and its place there once its error is proved."""

    def __init__(self, formulas: tuple[Formula, ...], least: float) -> None:
        self.formulas, self.least = formulas, least
        self.length, self.text = total_complexity(formulas), formulas_text(formulas)
        self.point: FrontPoint | None = None

    def known(self, proof: Certificate) -> None:
        self.point = FrontPoint(self.length, proof.upper, self.text)

    def prove(self, other: Certificate) -> None:
        """Certify the formulas against the network of another certificate, on its domain."""
        self.known(
            certify(other.network, self.formulas, box=other.domain, time_limit=1.0, search_limit=LOOK_NODES)
        )

    def matters(self, found: Sequence[FrontPoint], *, full: bool) -> bool:
        """Whether its error, still unknown, could change the last points of the front: those found, or more."""
        if self.point is not None:
            return False
        before = [point for point in found if point.complexity <= self.length]
        if before and min(point.error for point in before) <= self.least:
            return False
        # Simpler than all that are asked for, it counts only where it may be as close as one of them.
        return not full or bool(before) or any(self.least <= point.error + BOUNDS_MEET for point in found)


def _kept(points: Sequence[FrontPoint]) -> list[FrontPoint]:
    """The points that no simpler one is as close as, simplest first."""
    kept: list[FrontPoint] = []
    for point in sorted(points):
        if not kept or point.error < kept[-1].error - BOUNDS_MEET:
            kept.append(point)
    return kept


def formulas_text(formulas: Sequence[Formula]) -> str:
    """One formula per output as one text."""
    return "; ".join(formula.text for formula in formulas)


def total_complexity(formulas: Sequence[Formula]) -> int:
    """The complexity of all outputs' formulas together."""
    return sum(complexity(formula.root) for formula in formulas)


def _to_sympy(formulas: Sequence[Formula]) -> sympy.Basic:
    import sympy as sp

    return formulas[0].sympy if len(formulas) == 1 else sp.Tuple(*(formula.sympy for formula in formulas))
