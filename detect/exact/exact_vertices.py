"""A second, short path to a certificate's bounds: every vertex again, in exact integers, from its JSON alone.

Floats are integers times a power of two and a formula's numbers are fractions, so each affine row times a
common denominator is whole, and a vertex is whole in homogeneous coordinates (X, w), x = X / w, without
common divisors. A cell is cut by every unit whose pre-activation has both signs at its vertices; two vertices
share an edge where no third lies on all facets that they have in common (Fukuda and Prodon, Double
description method revisited, 1996). No tolerance, no rounding and no solver occurs, and nothing of
`cells.py` is used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from ..errors import InputError
from ..features.formulas import Formula
from ..networks.network import Network
from .piecewise import PiecewiseLinear, UnitLayer, difference, from_formulas, from_network

Vertex = tuple[int, ...]
Cell = tuple[list[Vertex], list[int]]  # vertices, and per vertex the set of its facets as bits


@dataclass(frozen=True)
class Check:
    """What the exact arithmetic says of a certificate; true where both bounds hold.

    Attributes:
        lower: whether the error at the witness is at least the lower bound.
        upper: whether the largest error is at most the upper bound; None beyond the limit of cells.
        maximum: the largest error over all vertices met, exactly (a Fraction).
        cells, vertices: how many cells were met, and how many vertices they have between them.

    Examples:
        >>> bool(Check(True, True, Fraction(0), 1, 4)), bool(Check(True, None, Fraction(0), 1, 4))
        (True, False)
    """

    lower: bool
    upper: bool | None
    maximum: Fraction
    cells: int
    vertices: int

    def __bool__(self) -> bool:
        return self.lower and self.upper is True


def verify(text: str, limit: int = 100_000) -> Check:
    """Re-verify a certificate, given its JSON, exactly; beyond `limit` cells the upper bound stays undecided.

    Raises:
        InputError: where the text is no certificate, or a function is not piecewise linear.
    """
    try:
        data = json.loads(text)
        f = difference(*(read_side(data[side], len(data["box"])) for side in ("network", "specification")))
        box = [(Fraction(low), Fraction(high)) for low, high in data["box"]]
        lower, upper = Fraction(data["lower"]), Fraction(data["upper"])
        witness = [Fraction(value) for value in data["witness"]]
        inside = all(low <= value <= high for value, (low, high) in zip(witness, box, strict=True))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"no exact check ({error}): give a certificate of ReLU functions") from error
    top = max(abs(value) for value in f(np.array([witness], dtype=object))[0]) if inside else Fraction(0)
    reached, corners, cells = inside and top >= lower, set[Vertex](), 0
    for cells, (vertices, outputs) in enumerate(_cells(f, box), 1):
        corners.update(vertices)
        for (row, scale), vertex in product(outputs, vertices):
            value = abs(sum(a * b for a, b in zip(row, vertex, strict=True)))
            if value * top.denominator > top.numerator * scale * vertex[-1]:
                top = Fraction(value, scale * vertex[-1])
        if cells > limit:
            return Check(reached, None if top <= upper else False, top, cells, len(corners))
    return Check(reached, top <= upper, top, cells, len(corners))


def read_side(side: Mapping[str, Any], inputs: int) -> PiecewiseLinear:
    """One of the two functions, with exact coefficients."""
    if "weights" in side:
        return from_network(Network(side["weights"], side["biases"], side["activations"]), exact=True)
    return from_formulas([Formula(t) for t in side["formulas"]], inputs, side["box"], exact=True)


def _integers(f: PiecewiseLinear) -> tuple[Any, list[int], list[tuple[int, int, int]]]:
    """Whole rows [units + out, d + units + 1], their scales, and per unit its layer's end and slopes."""
    width, scales, rows, row_scales, units = f.inputs + f.units + 1, [1] * f.inputs, [], [], []
    for layer in (*f.layers, UnitLayer(f.readout, f.offset, np.zeros(0))):
        bias, slope = list(layer.bias), layer.slope
        parts = [[w / s for w, s in zip(row, scales, strict=False)] for row in layer.weights]
        scale = math.lcm(*(v.denominator for row in [*parts, bias] for v in row))
        for row, b in zip(parts, bias, strict=True):
            rows.append([*(int(v * scale) for v in row), *[0] * (width - 1 - len(row)), int(b * scale)])
        row_scales += [scale] * len(bias)
        steep = math.lcm(*(s.denominator for s in slope))
        units += [(len(rows), steep, int(s * steep)) for s in slope]
        scales += [scale * steep] * len(slope)
    return np.array(rows, dtype=object), row_scales, units


def _cells(f: PiecewiseLinear, box: list[tuple[Fraction, Fraction]]) -> Iterator[tuple[list[Vertex], Any]]:
    """Every cell: its vertices, and per output its whole row and the row's scale."""
    d, (G, scales, units) = f.inputs, _integers(f)
    w = math.lcm(*(value.denominator for pair in box for value in pair))
    vertices: list[Vertex] = [(*(int(value * w) for value in corner), w) for corner in product(*box)]
    facets = [sum(1 << (2 * k + side) for k, side in enumerate(s)) for s in product((0, 1), repeat=d)]
    # Of every row what is known so far: at first its inputs and constant; units add theirs once their sign
    # is.
    known = np.concatenate([G[:, :d], G[:, -1:]], axis=1)
    stack = [(vertices, facets, known, list(range(units[0][0] if units else 0)))]
    while stack:
        vertices, facets, known, pending = stack.pop()
        while pending:
            z = known[pending] @ np.array(vertices, dtype=object).T
            mixed = [k for k, values in enumerate(z) if min(values) < 0 < max(values)]
            known = known.copy()
            for unit, values in zip(pending, z, strict=True):
                end, steep, flat = units[unit]
                factor = steep if max(values) > 0 else flat
                if factor and not min(values) < 0 < max(values):
                    known[end:] += np.outer(G[end:, d + unit], known[unit] * factor)
            end, rest = units[pending[0]][0], [pending[k] for k in mixed]
            if mixed:
                sides = _cut((vertices, facets), z[mixed[0]], 1 << (2 * d + rest[0]))
                stack += [(*side, known, rest) for side in sides]
                break
            pending = list(range(end, units[end][0])) if end < len(units) else []
        else:
            yield vertices, list(zip(known[len(units) :], scales[len(units) :], strict=True))


def _cut(cell: Cell, z: Any, bit: int) -> Iterator[Cell]:
    """Both sides of a cell; z holds the cutting row's values at its vertices, of both signs."""
    fresh = []
    for p, q in product(np.flatnonzero(z > 0), np.flatnonzero(z < 0)):
        common = cell[1][p] & cell[1][q]
        if sum(other & common == common for other in cell[1]) == 2:
            point = [int(b * z[p] - a * z[q]) for a, b in zip(cell[0][p], cell[0][q], strict=True)]
            divisor = math.gcd(*point)
            fresh.append((tuple(v // divisor for v in point), common | bit))
    for sign in (1, -1):
        own = [(v, m if s else m | bit) for v, m, s in zip(*cell, z * sign, strict=True) if s >= 0]
        yield [v for v, _ in own + fresh], [m for _, m in own + fresh]
