"""Certificates: bounds on the distance of a network from a specification, anywhere on a box.

The difference of two piecewise-linear functions is piecewise linear, so its largest absolute value over a box is
reached at a vertex of its arrangement: the cells of both, cut unit by unit (docs/understand/certificates.md,
Certificates). In one and two dimensions, and in three where the kinks are whole planes, all of them are visited
(`cells.py`); above, branch and bound visits those that could matter (`branch_and_bound.py`); a smooth specification or
activation is bounded by subdivision (`intervals.py`). Both bounds carry their rounding errors. `Certificate.check()`
does it all again in exact integers (`exact_vertices.py`).
"""

from __future__ import annotations

import html
import json
import math
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UnknownTask
from ..features.formulas import Formula
from ..features.task import Task, tasks
from ..networks.box import Box, BoxLike, as_box, check_inputs
from ..networks.domain import Domain
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import clip_range
from .branch_and_bound import Search, branch_and_bound
from .cells import UNIT_ROUNDOFF, Cells, TooManyCells, largest_on_sections, polygon_cells, rounding_bounds
from .criteria import BOUNDS_MEET, LARGEST_TERMS, ONE_NUMBER
from .float_error import FloatError, float_error
from .piecewise import (
    PiecewiseLinear,
    SmoothFormulaError,
    composes,
    difference,
    discontinuous,
    from_formulas,
    from_network,
)
from .vnnlib import VnnlibFiles, write_vnnlib

if TYPE_CHECKING:
    from .exact_vertices import Check

#: Branch and bound keeps polytopes by their vertices, and a box has 2^d of them.
_MOST_DIMENSIONS = 8
#: Sections of a box by more planes than this cost more than branch and bound.
_MOST_PLANES = 160
#: Cells that `check()` visits in less than 50 ms, by the number of inputs: a cell takes 0.3 ms in the plane, 1 ms in
#: four dimensions, 5 ms in five and 60 ms in six, since its vertices are compared in pairs.
_QUICK_CELLS = {1: 100, 2: 100, 3: 40, 4: 20, 5: 8}
#: Products of fractions in 50 ms, for a finite domain.
_QUICK_PRODUCTS = 10_000
#: What a certificate speaks of: rounding in the evaluation of the network comes on top, and `float_error` bounds it.
ARITHMETIC = "for real arithmetic on the stored weights"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_ ][A-Za-z0-9]+)*")


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """Two-sided bounds on the largest |network - specification| over a box and the outputs.

    They are for real arithmetic on the stored weights. What a program computes in float32 or float64 differs from that
    by at most `float_error`, which adds to `upper`.

    Attributes:
        spec: the specification as a text.
        box: (low, high) per input.
        lower, upper: `lower <= max |net - spec| <= upper`, in the output's units, rounding included.
        witness: the input [d] at which the error is `lower`, up to rounding.
        method: `cells` (d <= 2), `sections` (d = 3), `branch and bound`, `subdivision`, or `enumeration` of the points
            of a finite domain.
        complete: whether the search ended by itself and not at a limit or a decision.
        cells: cells visited, or nodes or boxes opened.
        network: the network.
        specification: formulas, one per output, or a network.
        spec_box: what `low` and `high` stand for in the formulas.
        points: [n, d], the points of a finite domain, where the bounds hold; None for a box.

    Examples:
        >>> minimum = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> proof = certify(minimum, "minimum")
        >>> proof.upper < 1e-12, proof.method, bool(proof.check())
        (True, 'cells', True)
        >>> certify(minimum, "x1")
        Certificate(max |net - x1| = 2 at (1, -1) on [-1, 1]^2,
        for real arithmetic on the stored weights, by cells, verified)
        >>> proof.verified, proof.float_error.float32 < 1e-5
        (True, True)
    """

    spec: str
    box: Box
    lower: float
    upper: float
    witness: tuple[float, ...]
    method: str
    complete: bool
    cells: int
    network: Network = field(repr=False)
    specification: tuple[Formula, ...] | Network = field(repr=False)
    spec_box: Box = field(repr=False)
    points: npt.NDArray[np.float64] | None = field(default=None, repr=False)

    @property
    def domain(self) -> Domain:
        """Where the bounds hold."""
        return Domain.of(self.box, self.network.inputs) if self.points is None else Domain.finite(self.points)

    @property
    def where(self) -> str:
        """The domain in words.

        Examples:
            >>> certify(Network([[[1.0]]]), "x1", box=(0, 2)).where
            '[0, 2]'
        """
        pairs = [f"[{low:g}, {high:g}]" for low, high in self.box]
        box = f"{pairs[0]}^{len(pairs)}" if len(pairs) > 1 and len(set(pairs)) == 1 else " x ".join(pairs)
        return box if self.points is None else f"{len(self.points)} points of {box}"

    @property
    def exact(self) -> bool:
        """Whether the bounds are within 1e-9 of each other."""
        return self.upper - self.lower <= BOUNDS_MEET

    @cached_property
    def float_error(self) -> FloatError | None:
        """Bounds on what float32 and float64 evaluation of the network add; None for a smooth activation.

        Examples:
            >>> certify(Network([[[1.0]], [[1.0]]], [[4096.0], [-4096.0]]), "x1").float_error.float32 > 1e-4
            True
        """
        return float_error(self.network, self.box)

    @cached_property
    def verified(self) -> bool | None:
        """Whether `check()` confirms both bounds; None where it would take more than about 50 ms, or is impossible.

        It runs when this is first read (the text and the table read it). Its cost is estimated from the number of
        inputs and units, so that the answer does not depend on the machine.

        Examples:
            >>> certify(Network([[[0.5]]]), "x1/2").verified, certify(Network([[[0.5]]]), "sin(x1)").verified
            (True, None)
        """
        sides = _compositions(self.network, self.specification, self.spec_box)
        if sides is None or self.upper == float("inf"):
            return None
        if self.points is not None:
            products = len(self.points) * sum(
                w.size for side in sides for w in (*(x.weights for x in side.layers), side.readout)
            )
            return bool(self.check()) if products <= _QUICK_PRODUCTS else None
        inputs, units = sides[0].inputs, sides[0].units + sides[1].units
        # As many regions as hyperplanes have at most, one a unit (Zaslavsky 1975); a stack of layers may have more.
        regions = self.cells if self.method == "cells" else sum(comb(units, k) for k in range(inputs + 1))
        limit = _QUICK_CELLS.get(inputs, 0)
        if regions > limit:
            return None
        found = self.check(limit)
        return None if found.lower and found.upper is None else bool(found)

    def within(self, tolerance: float) -> bool | None:
        """Whether the error is at most `tolerance` all over the box; None where the bounds leave it open.

        Examples:
            >>> certify(Network([[[1.0]]]), "identity").within(1e-6)
            True
        """
        return True if self.upper <= tolerance else False if self.lower > tolerance else None

    def check(self, limit: int = 100_000) -> Check:
        """Re-verify both bounds from the JSON alone, over all vertices, in exact integer arithmetic.

        Args:
            limit: most cells; beyond it the upper bound stays undecided.

        Raises:
            InputError: where the network or the specification is smooth: integers cannot follow those.

        Examples:
            >>> certify(Network([[[0.5]]]), "x1/2").check()
            Check(lower=True, upper=True, maximum=Fraction(0, 1), cells=1, vertices=2)
        """
        if self.points is not None:
            from .exact_points import verify_points

            return verify_points(self.to_json())
        from .exact_vertices import verify

        return verify(self.to_json(), limit)

    def to_vnnlib(self, folder: str | Path, bound: float | None = None) -> VnnlibFiles:
        """The question to another verifier whether the error exceeds a bound anywhere on the box; unsat confirms it.

        The network less its specification goes into `difference.onnx`, `|difference| > bound` on the box into
        `bound.vnnlib`. Both sides' coefficients are rounded to float64, which `upper` allows for.

        Args:
            folder: where the two files go.
            bound: of the error, in the output's units; None is `upper`. A verifier that computes in floats confirms
                a bound that is above `upper` by its own tolerance.

        Raises:
            InputError: where a side is smooth, the domain is finite, the bound is negative or not finite, or onnx is
                missing.

        Examples:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     files = certify(Network([[[1.0]], [[1.0]]]), "relu(x1)").to_vnnlib(folder)
            ...     files.onnx.name, files.vnnlib.name, files.onnx.is_file()
            ('difference.onnx', 'bound.vnnlib', True)
        """
        sides = _compositions(self.network, self.specification, self.spec_box)
        bound = self.upper if bound is None else bound
        if sides is None or self.points is not None or not 0 <= bound < math.inf:
            raise InputError(
                f"no VNN-LIB question whether |{self.network!r} - {self.spec}| exceeds {bound}: give a finite bound "
                "and a certificate of ReLU functions on a box, not on points"
            )
        return write_vnnlib(difference(*sides), self.box, bound, Path(folder))

    def to_json(self) -> str:
        """All that a re-verification needs: weights, specification, box, bounds, witness; floats exactly."""
        specification: dict[str, Any]
        if isinstance(self.specification, Network):
            specification = _network_data(self.specification)
        else:
            texts = [formula.text for formula in self.specification]
            specification = {"formulas": texts, "box": [list(pair) for pair in self.spec_box]}
        return json.dumps(
            {
                "spec": self.spec,
                "box": [list(pair) for pair in self.box],
                "lower": self.lower,
                "upper": self.upper,
                "witness": list(self.witness),
                "method": self.method,
                "complete": self.complete,
                "cells": self.cells,
                "network": _network_data(self.network),
                "specification": specification,
                **({} if self.points is None else {"points": self.points.tolist()}),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """The certificate that `to_json` wrote.

        Raises:
            InputError: where the text is no certificate.

        Examples:
            >>> proof = certify(Network([[[1.0]]]), "identity")
            >>> Certificate.from_json(proof.to_json()).to_json() == proof.to_json()
            True
        """
        try:
            data = json.loads(text)
            network = _network_from(data["network"])
            side = data["specification"]
            box = as_box(data["box"], network.inputs)
            if "formulas" in side:
                specification: tuple[Formula, ...] | Network = tuple(Formula(t) for t in side["formulas"])
                spec_box: Box = tuple((float(low), float(high)) for low, high in side["box"])
            else:
                specification, spec_box = _network_from(side), box
            return cls(
                spec=str(data["spec"]),
                box=box,
                lower=float(data["lower"]),
                upper=float(data["upper"]),
                witness=tuple(float(v) for v in data["witness"]),
                method=str(data["method"]),
                complete=bool(data["complete"]),
                cells=int(data["cells"]),
                network=network,
                specification=specification,
                spec_box=spec_box,
                points=None
                if "points" not in data
                else check_inputs(data["points"], network.inputs, "points"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"not a certificate ({error}): give what Certificate.to_json() returned"
            ) from error

    def __repr__(self) -> str:
        at = ", ".join(f"{v:.4g}" for v in self.witness)
        # Within rounding of each other one number says it.
        if self.upper - self.lower <= ONE_NUMBER * self.upper:
            bounds = f"max |net - {self.spec}| = {self.upper:.6g} at ({at})"
        elif self.exact:
            bounds = f"max |net - {self.spec}| <= {self.upper:.2g}"
        else:
            bounds = f"{self.lower:.6g} <= max |net - {self.spec}| <= {self.upper:.6g}, at least at ({at})"
        said = {True: ", verified", False: ", refuted by its check", None: ""}[self.verified]
        return f"Certificate({bounds} on {self.where}, {ARITHMETIC}, by {self.method}{said})"

    def _repr_html_(self) -> str:
        at = ", ".join(f"{v:.6g}" for v in self.witness)
        rows = {
            "specification": self.spec,
            "largest error": f"between {self.lower:.6g} and {self.upper:.6g}",
            "witness": f"({at})",
            "domain": self.where,
            "arithmetic": ARITHMETIC,
            "rounding of the evaluation adds": "no bound: a smooth activation"
            if self.float_error is None
            else f"at most {self.float_error.float32:.3g} in float32, {self.float_error.float64:.3g} in float64",
            "exact check": {True: "verified", False: "refuted", None: "not run: call check()"}[self.verified],
            "method": self.method if self.complete else f"{self.method}, stopped early",
        }
        body = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        return f"<table>{body}</table>"


def certify(
    network: Network | HasNetwork,
    spec: Any,
    *,
    box: BoxLike | Domain = (-1.0, 1.0),
    tolerance: float | None = None,
    time_limit: float = 10.0,
    node_limit: int = 200_000,
    search_limit: int = 10_000,
) -> Certificate:
    """Bound the largest error of a network against a specification, anywhere on a box.

    Args:
        network: a Network or anything with `to_network()`.
        spec: a task or its name, a formula or its text (`"min(x1, x2)"`; several outputs separated by `;` or
            as a sequence), a sympy expression, or another network.
        box: (low, high), one pair per input, or a Domain; on a finite one every point is visited.
        tolerance: stop as soon as the bounds say whether the error is at most this; None for the largest
            error itself. Only searches use it: cells are visited in one go.
        time_limit: seconds after which a search returns the bounds that it has.
        node_limit: cells or boxes after which it does.
        search_limit: nodes of branch and bound after which it does; each takes about a millisecond.

    Raises:
        InputError: where the specification has another shape, jumps (step, sign) on a box, or is a Python function
            without formula, or where float64 overflows on the box.
        UnknownTask: for a word that names no task.

    Examples:
        >>> net = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> certify(net, "x2 - relu(x2 - x1)").upper < 1e-12
        True
        >>> round(certify(net, "x1 * x2", tolerance=1.0).lower, 6)
        2.0
    """
    network = as_network(network)
    domain = Domain.of(box, network.inputs)
    bounds = domain.box
    text, specification, spec_box = _specification(spec, network, bounds)
    outputs = specification.outputs if isinstance(specification, Network) else len(specification)
    arity = (
        specification.inputs if isinstance(specification, Network) else max(f.arity for f in specification)
    )
    wrong = arity != network.inputs if isinstance(specification, Network) else arity > network.inputs
    if outputs != network.outputs or wrong:
        raise InputError(
            f"specification {text!r} has {arity} inputs and {outputs} outputs, {network!r} has "
            f"{network.inputs} and {network.outputs}: give one of the network's own shape"
        )
    if not isinstance(specification, Network) and domain.points is None:
        for formula in specification:
            if discontinuous(formula):
                from_formulas([formula], network.inputs, spec_box)  # raises, with the remedy
    if domain.points is not None:
        from .intervals import enumerate_points

        found, method = enumerate_points(network, specification, domain.points, spec_box), "enumeration"
    else:
        found, method = _bounds(
            network, specification, bounds, spec_box, tolerance, time_limit, node_limit, search_limit
        )
    return Certificate(
        spec=text,
        box=bounds,
        lower=found.lower,
        upper=found.upper,
        witness=tuple(float(v) for v in found.witness),
        method=method,
        complete=found.complete,
        cells=found.nodes,
        network=network,
        specification=specification,
        spec_box=spec_box,
        points=domain.points,
    )


def _specification(spec: Any, network: Network, box: Box) -> tuple[str, tuple[Formula, ...] | Network, Box]:
    """The specification's text, its formulas or network, and the box that `low` and `high` stand for."""
    if isinstance(spec, str):
        spec = _named(spec, network)
    if isinstance(spec, Task):
        if not spec.formula:
            raise InputError(
                f"task {spec.name!r} is a Python function: nothing can be proved of it; give it a formula, "
                "or certify against a network"
            )
        return spec.name, spec.formula, spec.box
    if isinstance(spec, HasNetwork):
        other = as_network(spec)
        return repr(other), other, box
    items = list(spec) if isinstance(spec, list | tuple) else [spec]
    formulas = tuple(_formula(item) for item in items)
    if not formulas:
        raise InputError("an empty specification: give one formula per output")
    return "; ".join(formula.text for formula in formulas), formulas, box


def _named(text: str, network: Network) -> Task | list[str]:
    """A task by its name, unless its shape does not fit and the text is a formula as well."""
    if text in tasks:
        task = tasks[text]
        if (task.arity, task.outputs) == (network.inputs, network.outputs):
            return task
        try:
            Formula(text)
        except InputError:
            return task
        return [text]
    pieces = [piece for piece in text.split(";") if piece.strip()]
    try:
        for piece in pieces:
            Formula(piece)
    except InputError:
        if _WORD.fullmatch(text.strip()):
            known = [key for task in tasks.values() for key in (task.name, *task.aliases)]
            raise UnknownTask("task", text, known, "or write a formula such as 'min(x1, x2)'") from None
        raise
    return pieces


def _formula(item: Any) -> Formula:
    if isinstance(item, Formula):
        return item
    if isinstance(item, str):
        return Formula(item)
    if hasattr(item, "free_symbols"):
        return Formula.from_sympy(item)
    raise InputError(
        f"a {type(item).__name__} is not a specification: give a task, a formula text, a sympy expression or a "
        "network"
    )


def _bounds(
    network: Network,
    specification: tuple[Formula, ...] | Network,
    box: Box,
    spec_box: Box,
    tolerance: float | None,
    time_limit: float,
    node_limit: int,
    search_limit: int,
) -> tuple[Search, str]:
    """The bounds with their rounding slack, and the method."""
    sides = _compositions(network, specification, spec_box)
    if sides is None or sides[0].inputs > _MOST_DIMENSIONS:
        from .intervals import subdivide

        found = subdivide(network, specification, box, spec_box, tolerance, time_limit, node_limit)
        return found, "subdivision"
    f = difference(*sides)
    with np.errstate(all="ignore"):  # what is not finite is refused below
        rounding = rounding_bounds(f, box)
        # What cancels in the difference was rounded before: a formula's fractions, products of linear layers.
        prior = _linear_noise(network, box)
        if isinstance(specification, Network):
            prior += _linear_noise(specification, box)
        else:
            prior += float(rounding_bounds(sides[1], box).slack.max())
        # On a box that holds the unit cube, so that no coefficient hides behind small inputs.
        largest = rounding_bounds(
            f, tuple((min(low, -1.0), max(high, 1.0)) for low, high in box)
        ).magnitude.max()
    if not (np.isfinite(prior) and largest <= LARGEST_TERMS):
        raise _overflow(network)
    low, high = np.array(box).T

    def at(point: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
        witness = np.clip(point, low, high)
        return witness, float(np.abs(f(witness[None])).max())

    slack = float(rounding.slack.max()) + prior
    visited = _visited(f, box, node_limit)
    if visited is not None:
        upper, point, cells, method, own = visited
        witness, reached = at(point)
        # More than the function reaches there: rounding has spoilt the cells, and the bound says nothing.
        if upper <= reached + slack:
            slack = own + prior
            # The slack covers the rounding of one evaluation as well.
            lower = max(reached - slack, 0.0)
            return Search(lower, max(upper, reached) + slack, witness, cells, True), method
    found = branch_and_bound(f, box, tolerance, time_limit, search_limit)
    witness, reached = at(found.witness)
    lower, upper = max(reached - slack, 0.0), max(found.upper, reached) + slack
    return Search(lower, upper, witness, found.nodes, found.complete), "branch and bound"


def _visited(
    f: PiecewiseLinear, box: Box, node_limit: int
) -> tuple[float, npt.NDArray[np.float64], int, str, float] | None:
    """The largest |f| over all cells, where, their number, the method and the slack; None where there are too many."""
    try:
        if f.inputs <= 2:
            cells = polygon_cells(f, box, node_limit)
            # Sections know the ranges on themselves alone, cells those on the box.
            return *_largest(cells), "cells", float(cells.rounding.slack.max())
        sections = largest_on_sections(f, box, node_limit, _MOST_PLANES) if f.inputs == 3 else None
    except TooManyCells:
        return None
    return None if sections is None else (*sections, "sections", float(rounding_bounds(f, box).slack.max()))


def _overflow(network: Network) -> InputError:
    return InputError(
        f"{network!r} less its specification exceeds {LARGEST_TERMS:g} on the box, where float64 overflows: "
        "rescale the weights, the inputs or the specification"
    )


def _largest(cells: Cells) -> tuple[float, npt.NDArray[np.float64], int]:
    """The largest absolute value at a vertex, the vertex, and the number of cells."""
    values = np.abs(cells.values()).max(axis=2)
    cell, corner = np.unravel_index(int(values.argmax()), values.shape)
    return float(values[cell, corner]), cells.vertices[cell, corner], len(values)


def _compositions(
    network: Network, specification: tuple[Formula, ...] | Network, spec_box: Box
) -> tuple[PiecewiseLinear, PiecewiseLinear] | None:
    """Both sides as compositions, or None where either is smooth, or jumps."""
    if not composes(network):
        return None
    if not isinstance(specification, Network) and any(discontinuous(formula) for formula in specification):
        return None
    with np.errstate(all="ignore"):  # `_bounds` refuses what is not finite
        own = from_network(network)
        if isinstance(specification, Network):
            return (own, from_network(specification)) if composes(specification) else None
        try:
            return own, _composed(specification, network.inputs, spec_box)
        except SmoothFormulaError:
            return None
        except OverflowError as error:  # a fraction beyond the floats
            raise _overflow(network) from error


@lru_cache(maxsize=256)
def _composed(formulas: tuple[Formula, ...], inputs: int, box: Box) -> PiecewiseLinear:
    """`from_formulas`, kept: many networks are compared with one formula."""
    return from_formulas(formulas, inputs, box)


def _linear_noise(network: Network, box: Box) -> float:
    """The rounding of multiplying out purely linear and clipped hidden layers, at the output; 0 without any."""
    clips = [clip_range(name) for name in (*network.activations, "identity")]
    if "identity" not in network.activations and not any(clips):
        return 0.0
    size: npt.NDArray[np.float64] = np.abs(np.array(box)).max(axis=1)
    for w, b, clip in zip(network.weights, network.bias_vectors, clips, strict=True):
        # z - LOW and z - HIGH, the units that stand for a clipped one, are larger than z by the bounds.
        size = np.abs(w) @ size + np.abs(b) + (max(map(abs, clip)) if clip else 0.0)
    return 2 * sum(width + 2 for width in network.sizes) * UNIT_ROUNDOFF * float(size.max())


def _network_data(network: Network) -> dict[str, Any]:
    biases: list[npt.NDArray[np.float64] | None] = [
        b if has else None for b, has in zip(network.bias_vectors, network.architecture.bias, strict=True)
    ]
    return {
        "weights": [w.tolist() for w in network.weights],
        "biases": [None if b is None else b.tolist() for b in biases],
        "activations": list(network.activations),
    }


def _network_from(data: Any) -> Network:
    return Network(data["weights"], data["biases"], data["activations"])
