"""Circuits of a network that is read on points: whose values its outputs have there, point by point.

What the network does elsewhere is left open, and so are its kinks, its gauge and the variables of its layers: several
circuits may agree on the points, as the minimum and the conjunction do on {0, 1}^2, and all of them are named.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.formulas import Formula
from ..networks.box import Box
from ..networks.network import Network
from .bound_templates import BoundCircuit, bound_circuits
from .criteria import SAME_FUNCTION
from .templates import Circuits

Array = npt.NDArray[np.float64]


def circuits_on_points(network: Network, points: Array, box: Box, known: Circuits) -> list[dict[str, Any]]:
    """The circuits whose own values the outputs have on points [n, d], neither scaled nor shifted.

    Args:
        network: of any nonlinearity; points: all that count; box: their range.
        known: the catalogue.

    Returns:
        One row of `CIRCUIT_COLUMNS` each, those of several outputs first; `certified` is the largest difference over
        the points. A circuit that is constant there is none.

    Examples:
        >>> from ..features.task import hand_derived
        >>> from .templates import circuits
        >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> rows = circuits_on_points(hand_derived("and"), square, ((0.0, 1.0),) * 2, circuits)
        >>> [(row["circuit"], row["output"], row["certified"]) for row in rows]
        [('minimum', 'y1', 0.0), ('and', 'y1', 0.0), ('product-on-grid', 'y1', 0.0)]
    """
    templates = bound_circuits(known, network.inputs, box, on_points=True)
    outputs = network(points)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for bound in (*templates.several, *templates.single):
        wanted = BoundCircuit.at(bound.circuit, bound.columns, points).values
        if not np.ptp(wanted, axis=0).all():
            continue
        for chosen in itertools.permutations(range(network.outputs), wanted.shape[1]):
            rest = outputs[:, list(chosen)] - wanted
            if (rest.var(axis=0) + rest.mean(axis=0) ** 2 <= SAME_FUNCTION * wanted.var(axis=0)).all():
                row = _row(bound, chosen, float(np.abs(rest).max()))
                # One function in two wirings is one here.
                rows.setdefault((row["form"], row["output"]), row)
    return list(rows.values())


def readings_on_points(
    network: Network, points: Array, box: Box, known: Circuits, limit: int
) -> tuple[list[tuple[Any, ...]], dict[str, str]]:
    """The circuits of `circuits_on_points` as rows of `READING_COLUMNS`, and by output what a limit leaves out.

    All are one function on the points, and several beyond them.

    Examples:
        >>> from ..features.task import hand_derived
        >>> from .templates import circuits
        >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> rows, left_out = readings_on_points(hand_derived("and"), square, ((0.0, 1.0),) * 2, circuits, 2)
        >>> [(row[1], row[2], row[-1]) for row in rows], left_out
        ([(1, 'min(x1, x2)', 'first'), (2, 'relu(x1 + x2 - 1)', 'same')], {'y1': '1 further circuit'})
    """
    outputs: dict[str, list[dict[str, Any]]] = {}
    for row in circuits_on_points(network, points, box, known):
        outputs.setdefault(row["output"], []).append(row)
    rows, left_out = [], {}
    for output, own in outputs.items():
        values = network(points)[:, [int(name[1:]) - 1 for name in output.split(", ")]]
        for number, row in enumerate(own[:limit], 1):
            # The largest difference bounds what is left; the mean square would need the template again.
            rest = min(1.0, row["certified"] ** 2 / float(values.var(axis=0).min()))
            rows.append(
                (
                    output, number, row["form"], (row["circuit"],), None, math.nan, rest, row["certified"],
                    "first" if number == 1 else "same",
                )
            )  # fmt: skip
        more = len(own) - limit
        if more > 0:
            left_out[output] = f"{more} further circuit{'s' * (more > 1)}"
    return rows, left_out


def _row(bound: BoundCircuit, outputs: tuple[int, ...], off: float) -> dict[str, Any]:
    on = {f"x{k + 1}": Formula(text) for k, text in enumerate(bound.on)}
    return {
        "circuit": bound.circuit.name,
        "on": bound.on,
        "output": ", ".join(f"y{k + 1}" for k in outputs),
        "form": "; ".join(formula.substitute(on).text for formula in bound.circuit.formula),
        "gauge": None,
        "distance": math.nan,
        "certified": off,
    }
