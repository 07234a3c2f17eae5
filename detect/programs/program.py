"""Programs: what a network computes, as a formula of simple constants with its certified error.

`decompile` looks for the simplest formula that stays within a tolerance of the network everywhere on a box.
Candidates are the registered tasks' formulas, and the network's own atom form (`atom_form.py`) with its constants
rounded to simple rationals, put into words (`rewriting.py`). A sample screens them; the simplest that may pass
are certified (`certificates`), in order of complexity. A formula is accepted where

- its certified error is within the tolerance,
- it is shorter than the network: fewer bits than its weights have at 32 bits each,
- its constants are simpler than chance: each but 0, 1, 2 and 1/2 takes fewer bits than a plain decimal of the
  precision that the error allows. Every number is within 5e-3 of some fraction with a denominator up to 24; a
  network that computes something else (a product, a square) has kinks whose constants are such numbers.

Otherwise there is no formula, the reason is stated, and the best candidate given with its certified error.
"""

from __future__ import annotations

import html
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.certificates import Certificate, certify
from ..exact.criteria import BOUNDS_MEET
from ..exact.piecewise import from_formulas, piecewise_linear
from ..features.formulas import Formula
from ..features.grammar import Node
from ..features.rationals import LARGEST_DENOMINATOR
from ..features.task import tasks
from ..networks.box import Box, BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from .atom_form import (
    Atoms,
    Row,
    Sketch,
    draw_sample,
    generic_sketches,
    has_kinks,
    simpler_than_chance,
    sketches,
)
from .criteria import PROGRAM_ERROR
from .lengths import complexity, description_length, largest_denominator
from .rewriting import Phraser
from .source import latex_source, python_source

if TYPE_CHECKING:
    import sympy

Array = npt.NDArray[np.float64]

#: The precision at which weights are trained and counted.
BITS_PER_WEIGHT = 32
#: Of each output, so many sketches within the tolerance compete; with several outputs their combinations.
_FINALISTS = 3
#: Forms that the front is made of, fewest atoms first.
_MOST_ON_FRONT = 6
#: So many outputs are combined freely (3^3 combinations); more take their first choices together.
_MOST_COMBINED = 3


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


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """What a network computes, as a formula, and how sure that is.

    Attributes:
        formula: one Formula per output, or None where no formula was good enough.
        best_formula: the formula; where there is none, the candidate with the least error on the sample.
        certificate: the certified error of `best_formula` against the network.
        tolerance: the largest error asked for, in the output's units.
        bits: the description length of `best_formula`.
        raw_bits: that of the network's weights and biases, 32 bits each.
        reason: why there is no formula; empty where there is one.

    Examples:
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
    tolerance: float
    bits: float
    raw_bits: int
    reason: str
    _forms: tuple[tuple[Row, ...], ...] = field(default=(), repr=False)
    _rows: tuple[Row, ...] = field(default=(), repr=False)

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
        return _complexity(self.best_formula)

    @property
    def text(self) -> str:
        """`best_formula` as a text; several outputs are separated by `; `."""
        return "; ".join(formula.text for formula in self.best_formula)

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
            >>> program = decompile(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]))
            >>> [(point.complexity, point.text) for point in program.front]
            [(1, '0'), (2, 'abs(x1)')]
        """
        network, box = self.certificate.network, self.certificate.box
        points = [FrontPoint(self.complexity, self.certificate.upper, self.text)]
        phraser = Phraser(self._rows, network.inputs)
        for outputs in self._forms:
            formulas = tuple(phraser.formula(row) for row in outputs)
            text = "; ".join(formula.text for formula in formulas)
            if text in [point.text for point in points]:
                continue
            proof = certify(network, formulas, box=box, time_limit=1.0)
            points.append(FrontPoint(_complexity(formulas), proof.upper, text))
        kept: list[FrontPoint] = []
        for point in sorted(points):
            if not kept or point.error < kept[-1].error - BOUNDS_MEET:
                kept.append(point)
        return tuple(kept)

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values for JSON."""
        import json

        return {
            "formula": None if self.formula is None else [formula.text for formula in self.formula],
            "best": [formula.text for formula in self.best_formula],
            "reason": self.reason,
            "tolerance": self.tolerance,
            "complexity": self.complexity,
            "bits": self.bits,
            "raw_bits": self.raw_bits,
            "python": self.python,
            "latex": self.latex,
            "front": [point._asdict() for point in self.front],
            "certificate": json.loads(self.certificate.to_json()),
        }

    def __repr__(self) -> str:
        pairs = [f"[{low:g}, {high:g}]" for low, high in self.certificate.box]
        box = f"{pairs[0]}^{len(pairs)}" if len(pairs) > 1 and len(set(pairs)) == 1 else " x ".join(pairs)
        text = self.text if len(self.text) <= 200 else f"{self.text[:197]}..."
        error = f"max error {self.certificate.upper:.2g} on {box}"
        if self.formula is None:
            return f"Program(no formula: {self.reason}; best {text}, {error})"
        return f"Program({text}, {error})"

    def _repr_html_(self) -> str:
        rows = {
            "formula" if self.formula is not None else "no formula": self.reason or self.text,
            "best candidate": self.text if self.formula is None else "",
            "largest error": f"at most {self.certificate.upper:.3g}, at least {self.certificate.lower:.3g}",
            "tolerance": f"{self.tolerance:g}",
            "description": f"{self.bits:.0f} bits, the weights {self.raw_bits}",
        }
        body = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items() if v
        )
        return f"<table>{body}</table>"


def decompile(
    network: Network | HasNetwork,
    *,
    box: BoxLike = (-1.0, 1.0),
    tolerance: float = PROGRAM_ERROR,
    time_limit: float = 10.0,
) -> Program:
    """The simplest formula found that is within a tolerance of the network everywhere on the box.

    Args:
        network: a Network or anything with `to_network()`.
        box: (low, high), or one pair per input.
        tolerance: the largest error that the formula may have, in the output's units.
        time_limit: seconds after which the search for a formula and its certificate ends with what it has.

    Raises:
        InputError: for a tolerance or a time limit that is not positive, or where the network's values
            overflow.

    Examples:
        >>> decompile(Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[0.5, -0.5], [-0.5]])).formula
        (Formula('clip(x1, -0.5, 0.5)'),)
        >>> decompile(Network([[[0.913]], [[0.4417]]], activation="tanh")).reason
        'its activation tanh is smooth, and formulas are piecewise linear'
    """
    network = as_network(network)
    bounds = as_box(box, network.inputs)
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise InputError(f"tolerance {tolerance!r}: give a positive number of the output's units")
    if not time_limit > 0:
        raise InputError(f"time_limit {time_limit!r}: give a positive number of seconds")
    return _Search(network, bounds, tolerance, time.monotonic() + time_limit).run()


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Formulas, their error on the sample, and the form behind them (none for a task's formulas)."""

    formulas: tuple[Formula, ...]
    error: float
    outputs: tuple[Row, ...] | None

    @property
    def rank(self) -> tuple[int, float, str]:
        text = "; ".join(formula.text for formula in self.formulas)
        return _complexity(self.formulas), self.error, text


class _Search:
    """One run of `decompile`."""

    def __init__(self, network: Network, box: Box, tolerance: float, deadline: float) -> None:
        self.network, self.box, self.tolerance, self.deadline = network, box, tolerance, deadline
        self.table = Atoms(network.inputs, draw_sample(box))
        with np.errstate(over="ignore", invalid="ignore"):
            self.targets: Array = network(self.table.sample)
        if not np.isfinite(self.targets).all():
            raise InputError(
                f"the values of {network!r} on the box are too large for floats: give a smaller box"
            )
        self.raw_bits = BITS_PER_WEIGHT * network.architecture.parameters
        self.phraser = Phraser(self.table.rows, network.inputs)

    def run(self) -> Program:
        named = list(self._named())
        if not has_kinks(self.network):
            smooth = [name for name in self.network.activations if not piecewise_linear(name)]
            reason = f"its activation {smooth[0]} is smooth, and formulas are piecewise linear"
            drawn = generic_sketches(self.table, self.targets, self.tolerance)
            return self._best(named, [drawn], reason)
        tried: list[list[list[Sketch]]] = []
        refused: set[str] = set()
        waiting = [candidate for candidate in named if candidate.error <= self.tolerance]
        for drawn in sketches(self.network, self.table, self.targets, self.tolerance):
            tried.append(drawn)
            waiting += self._within(drawn)
            for candidate in sorted(waiting, key=lambda c: c.rank):
                text = candidate.rank[-1]
                if text in refused:
                    continue
                refused.add(text)
                proof = self._accepted(candidate)
                if proof is not None:
                    return self._program(candidate, proof, "", drawn)
            waiting = []
            if time.monotonic() > self.deadline:
                break
        return self._best(named, tried, "")

    def _named(self) -> Iterator[_Candidate]:
        """The formulas of registered tasks of the network's shape."""
        for task in tasks.values():
            if (task.arity, task.outputs) != (self.network.inputs, self.network.outputs) or not task.formula:
                continue
            try:
                formulas = tuple(_without_bounds(formula, task.box) for formula in task.formula)
                from_formulas(formulas, task.arity)
            except InputError:  # smooth or jumping: no formula over the primitives
                continue
            values = np.stack([formula(self.table.sample) for formula in formulas], axis=1)
            yield _Candidate(formulas, float(np.abs(values - self.targets).max()), None)

    def _within(self, drawn: Sequence[Sequence[Sketch]]) -> list[_Candidate]:
        """Candidates from sketches within the tolerance, outputs combined."""
        # Chance decides before words are looked for: phrasing is the dearer of the two.
        finalists = [
            [
                s
                for s in output
                if s.error <= self.tolerance and simpler_than_chance(self.table, [s.row], s.error)
            ][:_FINALISTS]
            for output in drawn
        ]
        if not all(finalists):
            return []
        if len(finalists) <= _MOST_COMBINED:
            return [self._candidate(sketched) for sketched in itertools.product(*finalists)]
        return [
            self._candidate([output[min(k, len(output) - 1)] for output in finalists])
            for k in range(_FINALISTS)
        ]

    def _candidate(self, sketched: Sequence[Sketch]) -> _Candidate:
        outputs = tuple(s.row for s in sketched)
        formulas = tuple(self.phraser.formula(row) for row in outputs)
        return _Candidate(formulas, max(s.error for s in sketched), outputs)

    def _accepted(self, candidate: _Candidate) -> Certificate | None:
        """The certificate where the candidate is a formula of the network; else it is refused."""
        proof = self._certified(candidate)
        return None if self._objection(candidate, proof) else proof

    def _certified(self, candidate: _Candidate) -> Certificate:
        left = max(self.deadline - time.monotonic(), 0.1)
        proof = certify(
            self.network, candidate.formulas, box=self.box, tolerance=self.tolerance, time_limit=left
        )
        if proof.complete and not proof.exact and proof.upper <= self.tolerance:
            # The search stopped at the decision; the error itself is worth what time is left.
            left = max(self.deadline - time.monotonic(), 0.1)
            full = certify(self.network, candidate.formulas, box=self.box, time_limit=left)
            return full if full.upper <= proof.upper else proof
        return proof

    def _objection(self, candidate: _Candidate, proof: Certificate) -> str:
        """Why the candidate is no formula of the network; empty where it is one."""
        if proof.upper > self.tolerance:
            bound = "is off by" if proof.lower > self.tolerance else "is only certified to"
            size = proof.lower if proof.lower > self.tolerance else proof.upper
            return f"the best candidate {bound} {size:.2g}, the tolerance is {self.tolerance:g}"
        bits = description_length(candidate.formulas, self.network.inputs)
        if bits >= self.raw_bits:
            return f"what meets the tolerance takes {bits:.0f} bits, no fewer than the {self.raw_bits} of the weights"
        if candidate.outputs is not None and not simpler_than_chance(
            self.table, candidate.outputs, proof.upper
        ):
            return "what meets the tolerance has constants no simpler than decimals of that precision"
        largest = max(largest_denominator(formula.root) for formula in candidate.formulas)
        if largest > LARGEST_DENOMINATOR:
            return f"what meets the tolerance has a denominator of {largest}, beyond {LARGEST_DENOMINATOR}"
        return ""

    def _best(
        self, named: Sequence[_Candidate], tried: Sequence[Sequence[Sequence[Sketch]]], reason: str
    ) -> Program:
        """The candidate with the least error on the sample, its certificate, and why it is no formula."""
        closest = [tuple(min(output, key=lambda s: s.error) for output in drawn) for drawn in tried]
        sketched = min(closest, key=lambda outputs: max(s.error for s in outputs))
        least = min(named, key=lambda c: c.error, default=None)
        if least is None or least.error > max(s.error for s in sketched):
            least = self._candidate(sketched)
        proof = self._certified(least)
        return self._program(least, proof, reason or self._objection(least, proof), tried[-1])

    def _program(
        self, candidate: _Candidate, proof: Certificate, reason: str, drawn: Sequence[Sequence[Sketch]]
    ) -> Program:
        levels = min(max(len(output) for output in drawn), _MOST_ON_FRONT)
        forms = [tuple(output[min(k, len(output) - 1)].row for output in drawn) for k in range(levels)]
        return Program(
            formula=None if reason else candidate.formulas,
            best_formula=candidate.formulas,
            certificate=proof,
            tolerance=self.tolerance,
            bits=description_length(candidate.formulas, self.network.inputs),
            raw_bits=self.raw_bits,
            reason=reason,
            _forms=tuple(forms),
            _rows=tuple(self.table.rows),
        )


def _complexity(formulas: Sequence[Formula]) -> int:
    return sum(complexity(formula.root) for formula in formulas)


def _to_sympy(formulas: Sequence[Formula]) -> sympy.Basic:
    import sympy as sp

    return formulas[0].sympy if len(formulas) == 1 else sp.Tuple(*(formula.sympy for formula in formulas))


def _without_bounds(formula: Formula, box: Box) -> Formula:
    """The formula with numbers for `low` and `high`."""
    first = int(formula.variables[0][1:]) - 1 if formula.variables else 0
    bounds = {
        name: Formula.from_tree(Node("number", Fraction(value)))
        for name, value in zip(("low", "high"), box[first], strict=True)
    }
    return formula.substitute(bounds)
