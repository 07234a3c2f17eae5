"""decompile: the simplest formula within a tolerance of a network everywhere on its domain.

`decompile` looks for the simplest formula that stays within a tolerance of the network everywhere on a box.
Candidates are the registered tasks' formulas, and the network's own atom form (`atom_form.py`) with its constants
rounded, put into words (`rewriting.py`); for a smooth network, sums of the catalogue's features (`feature_sums.py`). A
sample screens them; the simplest that may pass are certified (`certificates`), in order of complexity.

The structure of a formula and its constants are two findings. A formula is accepted where its certified error is
within the tolerance, it leaves at most 1% of each output's variance, and it is shorter than the network: fewer bits
than its weights have at 32 bits each. Its constants are then

- *exact*: fractions, each but 0, 1, 2 and 1/2 shorter than a plain decimal of the precision that the error allows.
  Every number is within 5e-3 of some fraction with a denominator up to 24, so a fraction that is not shorter says
  nothing;
- *decimal*: the same, with decimals of few digits among them (2.54);
- *fitted*: numbers with as many digits as the tolerance needs. The finding is then the structure, and it is one where
  it has at most four kinks and at most half as many constants as the network has free parameters. Of a network
  that computes something else (a product, a square) no such structure is within the tolerance.

Otherwise there is no formula, the reason is stated, and the candidate with the least proved error is given.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.certificates import Certificate, certify
from ..exact.piecewise import from_formulas, from_network, piecewise_linear
from ..features.formulas import Formula
from ..features.grammar import Node
from ..features.rationals import LARGEST_DENOMINATOR, shortest_decimal
from ..features.task import tasks
from ..networks.box import Box, BoxLike, sobol_points
from ..networks.domain import Domain
from ..networks.network import HasNetwork, Network, as_network
from .atom_form import (
    MOST_FITTED_ATOMS,
    Atoms,
    Row,
    Sketch,
    decimal_sketches,
    draw_sample,
    generic_sketches,
    has_kinks,
    simpler_than_chance,
    sketches,
    used_atoms,
)
from .criteria import FLAT_OUTPUT, LOOK_NODES, NEAREST_NODES, PROGRAM_SHARE, SHARP, VARIANCE_LEFT
from .feature_sums import feature_sums, without_bounds
from .fronts import pareto
from .lengths import (
    complexity_of,
    constants,
    description_length,
    largest_denominator,
    node_count,
    readable,
)
from .program import Constants, Program, Tried, formulas_text, total_complexity
from .rewriting import Phraser

Array = npt.NDArray[np.float64]

#: The precision at which weights are trained and counted.
BITS_PER_WEIGHT = 32
#: Of each output, so many sketches within the tolerance compete; with several outputs their combinations.
_FINALISTS = 3
#: Formulas that the front is made of.
_MOST_ON_FRONT = 8
#: Points of a box on which a formula's error is looked at before it is certified: 2^13.
_LOG2_MANY = 13
#: Points of a finite domain at which forms are tried; the certificate visits all.
_MOST_POINTS = 4096
#: Seconds for the certificates of proposed formulas.
_PROPOSAL_SECONDS = 10.0
#: So many outputs are combined freely (3^3 combinations); more take their first choices together.
_MOST_COMBINED = 3
#: Digits to which kinks agree that are one.
_SAME_DIGITS = 6


def decompile(
    network: Network | HasNetwork,
    *,
    box: BoxLike | Domain = (-1.0, 1.0),
    tolerance: float = PROGRAM_SHARE,
    absolute: bool = False,
    time_limit: float = 10.0,
    proposer: Literal["pyoperon"] | None = None,
) -> Program:
    """The simplest formula found that is within a tolerance of the network everywhere on the box.

    Args:
        network: a Network or anything with `to_network()`.
        box: (low, high), one pair per input, or a Domain.
        tolerance: the largest error that the formula may have, as a share of each output's range on the box.
        absolute: whether the tolerance is in the outputs' units instead.
        time_limit: seconds after which the search for a formula and its certificate ends with what it has.
        proposer: `"pyoperon"` to try formulas of symbolic regression as well, where nothing else is within the
            tolerance; they are judged by the same certificate. It takes seconds and `mathcircuits[symbolic]`.

    Raises:
        InputError: for an unknown proposer or one that is not installed, for a tolerance or a time limit that is not
            positive, or where the network's values overflow.

    Examples:
        >>> decompile(Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[0.5, -0.5], [-0.5]])).formula
        (Formula('clip(x1, -0.5, 0.5)'),)
        >>> program = decompile(Network([[[1.0], [-1.0]], [[2.54, 2.54]]]))
        >>> program.text, program.constants
        ('2.54 * abs(x1)', 'decimal')
        >>> decompile(Network([[[0.913]], [[0.4417]]], activation="tanh")).reason
        'its activation tanh is smooth, and no sum of three features of the catalogue is within the tolerance'
    """
    network = as_network(network)
    domain = Domain.of(box, network.inputs)
    check_tolerance(tolerance, "number of the output's units" if absolute else "share of the output's range")
    if not time_limit > 0:
        raise InputError(f"time_limit {time_limit!r}: give a positive number of seconds")
    if proposer not in (None, "pyoperon"):
        raise InputError(f"proposer {proposer!r}: give 'pyoperon' or None")
    search = _Search(network, domain, tolerance, absolute, time.monotonic() + time_limit)
    found = search.run()
    if proposer is None or found.formula is not None:
        return found
    return search.proposed() or found


def check_tolerance(tolerance: float, unit: str = "share of the output's range") -> float:
    """The tolerance of a formula, where it is one.

    Raises:
        InputError: for a number that is not positive and finite.

    Examples:
        >>> check_tolerance(0.005)
        0.005
        >>> check_tolerance(0.0)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: tolerance 0.0: give a positive share of the output's range
    """
    if not (tolerance > 0 and math.isfinite(tolerance)):
        raise InputError(f"tolerance {tolerance!r}: give a positive {unit}")
    return tolerance


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Formulas, their largest error on the sample in tolerances, and the form behind them, where there is one."""

    formulas: tuple[Formula, ...]
    excess: float
    outputs: tuple[Row, ...] | None

    @property
    def rank(self) -> tuple[int, float, str]:
        return total_complexity(self.formulas), self.excess, formulas_text(self.formulas)


class _Search:
    """One run of `decompile`."""

    def __init__(
        self, network: Network, domain: Domain, tolerance: float, absolute: bool, deadline: float
    ) -> None:
        self.network, self.domain, self.box, self.deadline = network, domain, domain.box, deadline
        self.table = Atoms(network.inputs, _sample(domain))
        with np.errstate(over="ignore", invalid="ignore"):
            self.targets: Array = network(self.table.sample)
        if not np.isfinite(self.targets).all():
            raise InputError(
                f"the values of {network!r} on the box are too large for floats: give a smaller box"
            )
        self.relative = None if absolute else tolerance
        units = np.ones(network.outputs) if absolute else _ranges(self.targets)
        self.tolerances: Array = tolerance * units
        self.raw_bits = BITS_PER_WEIGHT * sum(
            w.size + (b.size if has else 0)
            for w, b, has in zip(
                network.weights, network.bias_vectors, network.architecture.bias, strict=True
            )
        )
        self.phraser = Phraser(self.table.rows, network.inputs)
        self.seen: list[_Candidate] = []
        self.forms: list[tuple[Sketch, ...]] = []
        #: The certificates of candidates that were proved as they are, by their text.
        self.proofs: dict[str, Certificate] = {}

    def run(self) -> Program:
        named = list(self._named())
        self.seen += [*named, self._constant()]
        if not has_kinks(self.network):
            return self._smooth()
        waiting = [candidate for candidate in named if candidate.excess <= 1]
        refused: set[str] = set()
        searches: tuple[tuple[Any, tuple[Constants, ...]], ...] = (
            (sketches, ("exact",)),
            (decimal_sketches, ("decimal", "fitted")),
        )
        stopped = False
        for forms, kinds in searches:
            for drawn in forms(self.network, self.table, self.targets, self.tolerances):
                self._note(drawn)
                waiting += self._within(drawn, "fitted" in kinds)
                for candidate in sorted(waiting, key=lambda c: c.rank):
                    if (text := candidate.rank[-1]) in refused:
                        continue
                    refused.add(text)
                    found = self._accepted(candidate, kinds)
                    if found is not None:
                        sharper = self._sharper(candidate) if found.constants == "fitted" else None
                        return sharper or found
                waiting = []
                stopped = time.monotonic() > self.deadline
                if stopped:
                    break
            # What was refused for its constants as fractions may do as decimals.
            refused.clear()
            if stopped:
                break
        return self._nearest(stopped=stopped)

    def _sharper(self, candidate: _Candidate) -> Program | None:
        """The program of the same structure that is the network up to rounding with constants of few digits.

        The tolerance may allow 9.8 for a network that computes 9.81 |x|. A digit more that takes the error from a
        hundredth to 1e-12 is no chance.
        """
        size = node_count(candidate.formulas)
        for other in self._front():
            if other.excess <= SHARP and node_count(other.formulas) == size:
                found = self._accepted(other, ("exact", "decimal"))
                if found is not None:
                    return found
        return None

    def _smooth(self) -> Program:
        """The program of a network that is not piecewise linear."""
        smooth = [name for name in self.network.activations if not piecewise_linear(name)]
        for candidate in sorted(
            (
                _Candidate(formulas, self._excess(formulas), None)
                for formulas in feature_sums(self.table.sample, self.targets, self.box, self.tolerances)
            ),
            key=lambda c: c.rank,
        ):
            self.seen.append(candidate)
            if candidate.excess <= 1:
                found = self._accepted(candidate, ("exact", "decimal", "fitted"))
                if found is not None:
                    return found
        self._note(generic_sketches(self.table, self.targets, self.tolerances))
        what = "no sum of three features of the catalogue is within the tolerance"
        return self._nearest(f"its activation {smooth[0]} is smooth, and {what}")

    def proposed(self) -> Program | None:
        """The simplest formula of symbolic regression that is one of the network; None where none is."""
        from .symbolic_regression import proposals

        candidates = [
            _Candidate(formulas, self._excess(formulas), None)
            for formulas in proposals(self.table.sample, self.targets, self.tolerances / 2)
        ]
        # Its own time: the search before it may have taken all there was.
        self.deadline = time.monotonic() + _PROPOSAL_SECONDS
        for candidate in sorted(candidates, key=lambda c: c.rank):
            found = (
                self._accepted(candidate, ("exact", "decimal", "fitted")) if candidate.excess <= 1 else None
            )
            if found is not None:
                return found
        return None

    def _named(self) -> Iterator[_Candidate]:
        """The formulas of registered tasks of the network's shape."""
        shape = self.network.inputs, self.network.outputs
        known = [
            formulas
            for task in tasks.values()
            if (task.arity, task.outputs) == shape and task.formula
            if (formulas := _over_primitives(task.formula, task.box, task.arity))
        ]
        if self.domain.points is None and known:
            off = np.abs(_values_of_all(tuple(known), self.box) - self.targets) / self.tolerances
            largest = off.max(axis=(1, 2)).tolist()
        else:
            largest = [self._excess(formulas) for formulas in known]
        for formulas, excess in zip(known, largest, strict=True):
            yield _Candidate(formulas, excess, None)

    def _constant(self) -> _Candidate:
        """The best constant of each output, to a hundredth of its range."""
        low, high = self.targets.min(axis=0), self.targets.max(axis=0)
        formulas = tuple(
            Formula.from_tree(Node("number", shortest_decimal(m - w, m + w)))
            for m, w in zip(((low + high) / 2).tolist(), (0.01 * _ranges(self.targets)).tolist(), strict=True)
        )
        return _Candidate(formulas, self._excess(formulas), None)

    def _values(self, formulas: Sequence[Formula]) -> Array:
        """[n, outputs] on the sample."""
        if self.domain.points is None:
            return np.stack([_values_on(formula, self.box) for formula in formulas], axis=1)
        return np.stack([formula(self.table.sample, box=self.box) for formula in formulas], axis=1)

    def _excess(self, formulas: Sequence[Formula]) -> float:
        """The largest error on the sample, in tolerances."""
        return float((np.abs(self._values(formulas) - self.targets) / self.tolerances).max())

    def _note(self, drawn: Sequence[Sequence[Sketch]]) -> None:
        """Keep, for the front, the forms of each number of atoms; they are put into words when they are on it."""
        if all(drawn):
            levels = max(len(output) for output in drawn)
            self.forms += [tuple(output[min(k, len(output) - 1)] for output in drawn) for k in range(levels)]

    def _within(self, drawn: Sequence[Sequence[Sketch]], decimals: bool) -> list[_Candidate]:
        """Candidates from sketches within the tolerance, outputs combined."""
        # Chance decides before words are looked for: phrasing is the dearer of the two.
        finalists = [
            [
                s
                for s in output
                if s.error <= tolerance and (decimals or simpler_than_chance(self.table, [s.row], s.error))
            ][:_FINALISTS]
            for output, tolerance in zip(drawn, self.tolerances, strict=True)
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
        return _Candidate(formulas, self._form_excess(sketched), outputs)

    def _accepted(self, candidate: _Candidate, kinds: Sequence[Constants]) -> Program | None:
        """The program where the candidate is a formula of the network with such constants; else it is refused."""
        proof = self._certified(candidate)
        if self._objection(candidate, proof):
            return None
        kind = self._constants_of(candidate, proof)
        return self._program(candidate, proof, kind, "") if kind in kinds or kind == "exact" else None

    def _certified(self, candidate: _Candidate) -> Certificate:
        left = max(self.deadline - time.monotonic(), 0.1)
        most = float(self.tolerances.max())
        proof = certify(self.network, candidate.formulas, box=self.domain, tolerance=most, time_limit=left)
        if proof.complete and not proof.exact and proof.upper <= most:
            # The search stopped at the decision; the error itself is worth what time is left.
            left = max(self.deadline - time.monotonic(), 0.1)
            full = certify(self.network, candidate.formulas, box=self.domain, time_limit=left)
            return full if full.upper <= proof.upper else proof
        return proof

    def _objection(self, candidate: _Candidate, proof: Certificate) -> str:
        """Why the candidate is no formula of the network, whatever its constants; empty where it is one."""
        most = float(self.tolerances.max())
        if proof.upper > most:
            return self._too_far(proof, most)
        for k in np.flatnonzero(self.tolerances < min(most, proof.upper)):
            own = certify(
                _one_output(self.network, int(k)), candidate.formulas[k], box=self.domain,
                tolerance=float(self.tolerances[k]), time_limit=max(self.deadline - time.monotonic(), 0.1),
            )  # fmt: skip
            if own.upper > self.tolerances[k]:
                return f"output {k + 1}: {self._too_far(own, float(self.tolerances[k]))}"
        left = ((self._values(candidate.formulas) - self.targets) ** 2).mean(axis=0)
        # The variance of a constant output is the rounding of its values, which nothing has to explain.
        constant = np.ptp(self.targets, axis=0) <= FLAT_OUTPUT * np.abs(self.targets).max(axis=0)
        variance = np.where(constant, 0.0, self.targets.var(axis=0))
        share = float((left / np.where(variance > 0, variance, np.inf)).max())
        if share > VARIANCE_LEFT:
            return f"what meets the tolerance leaves {share:.0%} of the output's variance"
        bits = description_length(candidate.formulas, self.network.inputs)
        if bits >= self.raw_bits:
            return f"what meets the tolerance takes {bits:.0f} bits, no fewer than the {self.raw_bits} of the weights"
        return ""

    def _too_far(self, proof: Certificate, tolerance: float) -> str:
        bound = "is off by" if proof.lower > tolerance else "is only certified to"
        size = proof.lower if proof.lower > tolerance else proof.upper
        return f"the best candidate {bound} {size:.2g}, the tolerance is {tolerance:.2g}"

    def _constants_of(self, candidate: _Candidate, proof: Certificate) -> Constants | None:
        """What the constants are; None where neither they nor the structure say anything."""
        numbers = [number for formula in candidate.formulas for number in constants(formula.root)]
        chance = candidate.outputs is None or simpler_than_chance(self.table, candidate.outputs, proof.upper)
        largest = max(largest_denominator(formula.root) for formula in candidate.formulas)
        if chance and largest <= LARGEST_DENOMINATOR:
            return "exact"
        if candidate.outputs is not None and chance and all(map(readable, numbers)):
            return "decimal"
        if 2 * len(numbers) > self._free_parameters():
            return None
        if candidate.outputs is not None:
            atoms = used_atoms(self.table.rows, self.network.inputs, candidate.outputs)
            return "fitted" if len(atoms) <= MOST_FITTED_ATOMS else None
        return "fitted" if numbers else "exact"

    def _free_parameters(self) -> int:
        """Parameters less what changes nothing: scales, copies of a neuron, neurons that never bend."""
        network = self.network
        bias = network.architecture.bias
        count = network.outputs * (network.inputs + any(bias))
        if not has_kinks(network):
            hidden = sum(network.sizes[1:-1])
            return (
                sum(w.size for w in network.weights)
                + sum(len(w) for w, has in zip(network.weights, bias, strict=True) if has)
                - hidden
            )
        values: Array = self.table.sample
        inputs = network.inputs
        for layer in from_network(network).layers:
            z = values @ layer.weights.T + layer.bias
            bends = (z.min(axis=0) < 0) & (z.max(axis=0) > 0) & (layer.slope != 1)
            sizes = np.abs(z).max(axis=0)
            shapes = {
                tuple(np.round(np.abs(z[:, k]) / sizes[k], _SAME_DIGITS)) for k in np.flatnonzero(bends)
            }
            # A kink: its direction, an offset where there are biases, and how strongly it bends each output.
            count += len(shapes) * (inputs - 1 + any(bias) + network.outputs)
            inputs += len(shapes)
            values = np.concatenate([values, np.where(z > 0, z, layer.slope * z)], axis=1)
        return count

    def _nearest(self, reason: str = "", stopped: bool = False) -> Program:
        """The candidate with the least proved error among those that no simpler one is as close as on the sample."""
        found: tuple[_Candidate, Certificate] | None = None
        # The closest on the sample first. None is off by less on the box than there, and so one that is off by more
        # there than the best is proved to be is not certified.
        for candidate in sorted(self._front(), key=lambda c: (c.excess, c.rank)):
            if found is None or self._least(candidate) <= found[1].upper:
                proof = self._proved(candidate, LOOK_NODES)
                if found is None or (proof.upper, candidate.rank) < (found[1].upper, found[0].rank):
                    found = candidate, proof
        assert found is not None  # the best constant is on the front
        candidate, proof = found
        if not proof.complete:
            # It is the one that is told: its error is worth a longer search.
            longer = self._proved(candidate, NEAREST_NODES)
            proof = longer if longer.upper <= proof.upper else proof
        why = self._objection(candidate, proof) or self._unsaid(candidate)
        if reason and not stopped:
            why = reason
        elif stopped:
            why = f"the search stopped at its time limit; {why}"
        return self._program(candidate, proof, None, why)

    def _proved(self, candidate: _Candidate, nodes: int) -> Certificate:
        """A certificate of so many nodes at most, which is kept for the front."""
        left = max(min(self.deadline - time.monotonic(), 2.0), 0.2)
        proof = certify(
            self.network, candidate.formulas, box=self.domain, time_limit=left, search_limit=nodes
        )
        known = self.proofs.setdefault(candidate.rank[-1], proof)
        if proof.upper < known.upper:
            self.proofs[candidate.rank[-1]] = proof
        return proof

    def _unsaid(self, candidate: _Candidate) -> str:
        """Why constants and structure of a candidate within the tolerance say nothing."""
        numbers = sum(len(constants(formula.root)) for formula in candidate.formulas)
        return (
            f"what meets the tolerance has constants no simpler than decimals of that precision, {numbers} of them "
            f"for the network's {self._free_parameters()} free parameters"
        )

    def _tried(self) -> list[Tried]:
        """The formulas of `_front`: putting them into words takes longer than many a search, and few ask."""
        return [
            Tried(candidate.formulas, self._least(candidate), self.proofs.get(candidate.rank[-1]))
            for candidate in self._front()
        ]

    def _least(self, candidate: _Candidate) -> float:
        """A lower bound of the candidate's largest error, in the output's units, up to rounding."""
        X, values = self._many
        own = np.stack([formula(X, box=self.box) for formula in candidate.formulas], axis=1)
        return max(candidate.excess * float(self.tolerances.min()), float(np.abs(own - values).max()))

    @cached_property
    def _many(self) -> tuple[Array, Array]:
        """Points on which a formula shows more of its error than on the sample, at a hundredth of a certificate."""
        X = sobol_points(self.box, _LOG2_MANY) if self.domain.points is None else self.table.sample
        return X, self.network(X)

    def _front(self) -> list[_Candidate]:
        """Candidates that no simpler one is as close as on the sample, simplest first; at most a few."""
        forms = pareto([(self._digits(form), self._form_excess(form), form) for form in self.forms])
        # The simplest and the closest of them are looked at.
        seen = self.seen + [self._candidate(form) for form in (*forms[:2], *forms[2:][-_MOST_ON_FRONT:])]
        kept = pareto([(c.rank[0], c.excess, c) for c in sorted(seen, key=lambda c: c.rank)])
        return kept if len(kept) <= _MOST_ON_FRONT else [kept[0], *kept[1 - _MOST_ON_FRONT :]]

    def _form_excess(self, sketched: Sequence[Sketch]) -> float:
        return float(max(s.error / tolerance for s, tolerance in zip(sketched, self.tolerances, strict=True)))

    def _digits(self, sketched: Sequence[Sketch]) -> int:
        """The digits of a form's numbers, with those of its atoms: how long it is, before it is put into words."""
        rows = [s.row for s in sketched]
        used = used_atoms(self.table.rows, self.network.inputs, rows)
        return sum(
            1 + complexity_of(value)
            for row in (*rows, *(self.table.rows[j] for j in used))
            for value in row.values()
        )

    def _program(
        self, candidate: _Candidate, proof: Certificate, kind: Constants | None, reason: str
    ) -> Program:
        return Program(
            formula=None if reason else candidate.formulas,
            best_formula=candidate.formulas,
            certificate=proof,
            tolerances=tuple(float(v) for v in self.tolerances),
            relative=self.relative,
            constants=kind,
            bits=description_length(candidate.formulas, self.network.inputs),
            raw_bits=self.raw_bits,
            reason=reason,
            _tried=self._tried,
        )


@lru_cache(maxsize=1024)
def _over_primitives(formulas: tuple[Formula, ...], box: Box, inputs: int) -> tuple[Formula, ...]:
    """The formulas with numbers for the bounds of the box; none where one is smooth or jumps."""
    try:
        found = tuple(without_bounds(formula, box) for formula in formulas)
        from_formulas(found, inputs)
    except InputError:
        return ()
    return found


@lru_cache(maxsize=1024)
def _values_on(formula: Formula, box: Box) -> Array:
    """A formula's values [n] on the sample of a box; kept, since every network on it is compared with every task's."""
    return np.asarray(formula(_sample_of(box), box=box), dtype=np.float64)


@lru_cache(maxsize=32)
def _values_of_all(several: tuple[tuple[Formula, ...], ...], box: Box) -> Array:
    """The values [K, n, outputs] of K tasks' formulas on the sample of a box."""
    return np.stack([np.stack([_values_on(formula, box) for formula in own], axis=1) for own in several])


@lru_cache(maxsize=32)
def _sample_of(box: Box) -> Array:
    """`draw_sample`, kept and not to be written to."""
    sample = draw_sample(box)
    sample.setflags(write=False)
    return sample


def _sample(domain: Domain) -> Array:
    """The points at which forms are tried: all of a finite domain, or an even share of many; else of the box."""
    if domain.points is None:
        return _sample_of(domain.box)
    step = -(-len(domain.points) // _MOST_POINTS)
    return domain.points[::step]


def _ranges(values: Array) -> Array:
    """The range of each output [n, outputs]; of one that is constant its size, and of one that is 0 everywhere 1."""
    size, spread = np.abs(values).max(axis=0), np.ptp(values, axis=0)
    return np.where(spread > FLAT_OUTPUT * size, spread, np.where(size > 0, size, 1.0))


def _one_output(network: Network, k: int) -> Network:
    """The network with one of its outputs."""
    *hidden, last = network.weights
    vectors = network.bias_vectors
    return Network([*hidden, last[k : k + 1]], [*vectors[:-1], vectors[-1][k : k + 1]], network.activations)
