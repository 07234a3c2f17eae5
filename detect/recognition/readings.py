"""Readings: every circuit, or sum of circuits, that a network's variables are by the criteria, and not the first alone.

One network can implement several circuits at once: a kink from both sides beside a pair that carries x1 + x2 is a
minimum, and it is half of x1 + x2 less half an absolute difference, and nothing in the network decides between them
(Meloux et al. 2025, "Everything, Everywhere, All at Once: Is Mechanistic Interpretability Identifiable?").
`find_circuits` names one reading of a variable; here are all of them, up to a stated number, each with its evidence.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.piecewise import is_piecewise_linear
from ..features.printing import linear_text
from ..features.rationals import simple
from ..networks.box import Box, BoxLike
from ..networks.composition import side_by_side
from ..networks.domain import Domain
from ..networks.network import Network
from ..statistics.correlation import standardised
from ..statistics.criteria import EQUAL
from .bound_templates import bound_circuits
from .compositions import Compositions, written_composition
from .criteria import SAME_FUNCTION, SCALE_DIGITS
from .found import FoundCircuit, bracketed, simple_fit
from .on_points import readings_on_points
from .search import Recognition, network_and_domain
from .substitution import whole_bound
from .templates import Circuits, circuits
from .variables import Site, Trace, Variable
from .wired_sums import WiredSum, wired_sums

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

READING_COLUMNS = (
    "output", "reading", "text", "circuits", "gauge", "distance", "unexplained", "certified", "function",
)  # fmt: skip

#: Readings of one variable that are listed, by default.
MOST_READINGS = 8
#: Circuits in the span of a layer's variables that a circuit above may have as arguments, the simplest.
_MOST_SPANNED = 8


@dataclass(frozen=True, eq=False, repr=False)
class CircuitReading:
    """One way to read a variable of a network: as a circuit, or as a sum of circuits.

    Attributes:
        parts: the circuit, or those that add up to the variable.
        offset: what is added to a sum.
        distance: of the effective weights to the catalogue's, relative; NaN where the structure is another one.
        values: [n] the reading at the trace's points.
        same: whether it is the first reading's function.
        certified: putting it in the variable's place changes the output by at most this; NaN where not asked for.
    """

    parts: tuple[FoundCircuit, ...]
    offset: float
    distance: float
    values: Array = field(repr=False)
    same: bool = True
    certified: float = math.nan

    @property
    def variable(self) -> Variable:
        """What is read."""
        return self.parts[0].variable

    @property
    def output(self) -> str:
        """The variable as a text: `y1` for an output, `layer 1: z0` for a pre-activation."""
        return self.variable.site.label(self.variable.units)

    @property
    def text(self) -> str:
        """The circuits on their arguments, as one formula of the inputs."""
        scales = [part.scale for part in self.parts]
        constant = self.offset + sum(part.offset for part in self.parts)
        if scales == [1.0] and not constant:
            return self.parts[0].text
        return linear_text(scales, [bracketed(part.text) for part in self.parts], constant)

    @property
    def circuits(self) -> tuple[str, ...]:
        """The parts' names."""
        return tuple(part.circuit.name for part in self.parts)

    @property
    def gauge(self) -> str | None:
        """The catalogue's names of the parts' implementations, on their arguments; None where one of them has none."""
        names = [_placed(part.gauge, part.on) for part in self.parts if part.gauge is not None]
        return "; ".join(names) if len(names) == len(self.parts) else None

    @property
    def unexplained(self) -> float:
        """The share of the variable's variance that the reading leaves."""
        rest, own = self.variable.values - self.values, self.variable.values
        return float(np.var(rest) / np.var(own))

    def to_network(self, inputs: int) -> Network:
        """The templates put together, as a network of the inputs."""
        together = side_by_side([part.to_network(inputs) for part in self.parts])
        W, b = together.weights[-1], together.bias_vectors[-1]
        return Network(
            [*together.weights[:-1], W.sum(axis=0, keepdims=True)],
            [*together.bias_vectors[:-1], b.sum(keepdims=True) + self.offset],
            together.activations,
        )

    def __repr__(self) -> str:
        return f"CircuitReading({self.output} = {self.text})"


def find_readings(
    analysis: Any,
    *,
    box: BoxLike | Domain | None = None,
    catalogue: Circuits | None = None,
    limit: int = MOST_READINGS,
    time_limit: float = 1.0,
) -> pd.DataFrame:
    """Every reading of a network's variables that meets the criteria, outputs first.

    A reading is a circuit of the inputs, a circuit of circuits found one level below, or a sum of circuits. All agree
    with the variable in 99.9% of its variance; behind one hidden layer the kinks lie where the template has them.
    Circuits of circuits and sums are further readings only where the neurons are those of implementations in the
    catalogue (`wired_sums.py`): as functions alone, min(x1, x2) is x1 + x2 - max(x1, x2) in every network.

    Args:
        analysis: an Analysis, a Network or anything with `to_network()`.
        box: (low, high), one pair per input, or a Domain; by default the analysis's, else (-1, 1). On a finite
            domain the readings of an output are the circuits that agree with it there, see `circuits_on_points`.
        catalogue: circuits; by default the installed ones.
        limit: readings of one variable that are listed.
        time_limit: seconds for each certificate that has to be searched for (three inputs and more).

    Raises:
        InputError: for a limit below 1.

    Returns:
        One row per variable and reading, columns `READING_COLUMNS`. `reading` counts from 1, which is what
        `find_circuits` names; `distance` is of the effective weights to the implementations in `gauge`. `function` is
        `first`, `same` (the first one's function by other circuits) or `near` (another function, within what the
        criteria tell apart). `frame.attrs["left_out"]` says what was not listed or not tried, variable by variable.

    Examples:
        >>> half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
        >>> find_readings(half)[["text", "function"]].values.tolist()
        [['min(x1, x2)', 'first'], ['0.5*(x1 + x2) - 0.5*abs(x1 - x2)', 'same']]
        >>> one_sided = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> find_readings(one_sided)["text"].tolist()
        ['min(x1, x2)']
    """
    import pandas as pd

    if limit < 1:
        raise InputError(f"limit {limit!r}: give the number of readings of a variable to list, at least 1")
    network, domain = network_and_domain(analysis, box)
    entries = circuits if catalogue is None else catalogue
    if domain.points is not None:
        rows, left_out = readings_on_points(network, domain.points, domain.box, entries, limit)
    else:
        listed, left_out = read_circuits(network, domain.box, entries, limit, time_limit)
        rows = [
            (
                r.output, number, r.text, r.circuits, r.gauge, r.distance, r.unexplained, r.certified,
                "first" if number == 1 else "same" if r.same else "near",
            )
            for readings in listed
            for number, r in enumerate(readings, 1)
        ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(READING_COLUMNS)).astype(
        {"reading": "int64", "distance": "float64", "unexplained": "float64", "certified": "float64"}
    )
    frame.attrs["left_out"] = left_out
    return frame


def read_circuits(
    network: Network, box: Box, known: Circuits, limit: int, time_limit: float | None = 1.0
) -> tuple[list[list[CircuitReading]], dict[str, str]]:
    """As `find_readings`, as records: those of each variable, and what was left out; None leaves certificates out."""
    if not is_piecewise_linear(network):
        return [], {}
    templates = bound_circuits(known, network.inputs, box)
    walk = Recognition(Trace.of(network, box, templates.X), known, templates)
    walk.run()
    listed, left_out = [], dict[str, str]()
    for site in walk.trace.folded.sites:
        compositions = _compositions(walk, site)
        Z = walk.trace.values(site)
        unit, leads = standardised(Z), list[CircuitReading]()
        for j in np.flatnonzero(unit.any(axis=0)).tolist():
            variable = Variable(site, np.eye(Z.shape[1])[j], Z[:, j])
            found, complete = _readings(walk, variable, unit[:, j], compositions)
            # A layer passes a circuit on by several neurons: once is enough.
            if found and not site.final and any(_same_parts(found[0], lead) for lead in leads):
                continue
            reasons = [] if complete else ["sums of several circuits: there are too many to try"]
            if len(found) > limit:
                reasons.append(f"{len(found) - limit} more than the {limit} that are listed")
            if reasons:
                left_out[site.label(variable.units)] = "; ".join(reasons)
            if not found:
                continue
            leads.append(found[0])
            shown = found[:limit]
            if time_limit is not None:
                shown = [_certified(walk.trace, reading, time_limit) for reading in shown]
            listed.append(shown)
    return sorted(listed, key=lambda readings: not readings[0].variable.site.final), left_out


def _compositions(walk: Recognition, site: Site) -> Compositions | None:
    """Circuits of what was found one level below, all bases of a span among them; None where there is nothing."""
    below = list(walk.last.get(site.level - 1, ()))
    if site.level < 2 or not below:
        return None
    last = below[0].site
    Z = walk.trace.values(last)
    for option in walk.spanned(last, Z)[:_MOST_SPANNED]:
        one = walk.combined(option, last, Z)
        if all((one.circuit.name, one.on) != (f.circuit.name, f.on) for f in below):
            below.append(one)
    return Compositions.of(walk.known, below)


def _readings(
    walk: Recognition, variable: Variable, unit: Array, compositions: Compositions | None
) -> tuple[list[CircuitReading], bool]:
    """The readings of a variable, standardised `unit` [n], the first one first; and whether all sums were tried."""
    trace, complete = walk.trace, True
    named = [f for f in walk.found if f.whole and _is(f.variable, variable)]
    above = next((f for f in named if not f.of_inputs), None)
    found = [walk.described(fit.bound, variable, above) for fit in walk.fitting(variable, unit)]
    found = _positive(found, trace)
    if compositions is not None:
        composed = [written_composition(trace, one, variable) for one in compositions.fitting(unit)]
        # An identity passes a circuit on that is named below, and is none of its own.
        found += [
            f for f in _positive(composed, trace) if f.gauge is not None and f.circuit.name != "identity"
        ]
    further = [_of_one(f, trace) for f in found if not (named and _same_circuit(f, named[0]))]
    if variable.site.level == 1:
        sums = wired_sums(trace.reduced(variable.site, variable.units[None]), walk.templates)
        made = [_of_sum(one, variable, trace) for one in sums.found if len(one.parts) > 1]
        complete = sums.complete
        further += [reading for reading in made if reading.unexplained <= SAME_FUNCTION]
    readings = [*(_of_one(f, trace) for f in named[:1]), *further]
    if not readings:
        return [], complete
    lead, *rest = readings
    rest = [replace(r, same=_one_function(r.values, lead.values)) for r in rest]
    # Otherwise as they were looked for: of fewer circuits first, then the catalogue's order.
    return [lead, *sorted(rest, key=lambda r: (not r.same, len(r.parts), r.gauge is None))], complete


def _placed(gauge: str, on: Sequence[str]) -> str:
    """The name of an implementation with texts in the places of its arguments."""
    return re.sub(r"\bx([1-9][0-9]*)\b", lambda place: bracketed(on[int(place[1]) - 1]), gauge)


def _is(one: Variable, other: Variable) -> bool:
    return one.site is other.site and np.array_equal(one.units, other.units)


def _same_parts(one: CircuitReading, other: CircuitReading) -> bool:
    pairs = itertools.zip_longest(one.parts, other.parts)
    return all(a is not None and b is not None and _same_circuit(a, b) for a, b in pairs)


def _same_circuit(one: FoundCircuit, other: FoundCircuit) -> bool:
    return one.circuit.name == other.circuit.name and one.on == other.on


def _one_function(values: Array, others: Array) -> bool:
    """Whether two readings are one function up to scale and offset, which are fitted to the network."""
    a, b = standardised(np.column_stack([values, others])).T
    return bool(1 - abs(float(a @ b)) <= EQUAL)


def _positive(found: Sequence[FoundCircuit], trace: Trace) -> list[FoundCircuit]:
    """Those of a positive scale, and others that are no function of those turned in sign: x1 is no negation of -x1."""
    upward = [f.at(trace) for f in found if f.scale > 0]
    return [f for f in found if f.scale > 0 or not any(_one_function(f.at(trace), v) for v in upward)]


def _of_one(found: FoundCircuit, trace: Trace) -> CircuitReading:
    return CircuitReading((found,), 0.0, found.distance, found.at(trace))


def _of_sum(one: WiredSum, variable: Variable, trace: Trace) -> CircuitReading:
    """The record of a sum; scale and offset of the whole are fitted, the parts' proportions are the neurons'."""
    bare = np.asarray(sum(s * b.values[:, 0] for s, b in zip(one.scales, one.parts, strict=True)))
    scale, offset = simple_fit(bare, variable.values)
    parts = []
    for share, bound in zip(one.scales, one.parts, strict=True):
        part = FoundCircuit.unwritten(
            bound.circuit, bound.columns, variable, simple(scale * share, SCALE_DIGITS), whole=False
        )
        parts.append(replace(part, gauge=bound.circuit.gauge))
    values = np.asarray(sum(part.at(trace) for part in parts) + offset)
    return CircuitReading(tuple(parts), offset, one.distance, values)


def _certified(trace: Trace, reading: CircuitReading, time_limit: float) -> CircuitReading:
    template = reading.to_network(trace.network.inputs)
    return replace(reading, certified=whole_bound(trace, reading.variable, template, time_limit))
