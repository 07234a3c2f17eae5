"""Formulas of smooth networks: sums of a few features of the catalogue, by least squares on a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..exact.piecewise import discontinuous
from ..features.binding import bind
from ..features.catalogues import catalogue
from ..features.formulas import Formula
from ..features.grammar import Node
from ..features.rationals import shortest_decimal
from ..networks.box import Box
from .criteria import LINEARLY_APART

Array = npt.NDArray[np.float64]

#: Terms beside the affine part. Any smooth curve is a sum of many.
MOST_TERMS = 3
#: How far a threshold may be moved to be a shorter number, as a share of the widest input's range.
_STEP = 0.005
#: How often the slack for a coefficient is halved: to a thousandth of the tolerance.
_HALVINGS = 10


def feature_sums(sample: Array, targets: Array, box: Box, tolerances: Array) -> Iterator[tuple[Formula, ...]]:
    """One formula per output, with one term of the catalogue, with two, and so on.

    Terms are chosen one at a time by orthogonal least squares, as in `atom_form`; coefficients are the decimals of
    the fewest digits that leave the error on the sample within the tolerance, where there are such.

    Args:
        sample: [n, d] points of the box; targets: [n, out] the network's values there.
        box: the domain; tolerances: [out], in the outputs' units.

    Examples:
        >>> X = np.linspace(-1, 1, 65)[:, None]
        >>> sums = feature_sums(X, 3 * X**2 + 0.5, ((-1.0, 1.0),), np.array([1e-3]))
        >>> [formula.text for formula, in sums][0]
        '3 * x1**2 + 0.5'
    """
    terms, table = _terms(sample, box)
    paths = [_path(sample, table, target) for target in targets.T]
    for count in range(1, MOST_TERMS + 1):
        formulas = []
        for target, tolerance, path in zip(targets.T, tolerances, paths, strict=True):
            chosen = path[:count]
            formulas.append(_formula(sample, table, terms, chosen, target, float(tolerance)))
        yield tuple(formulas)


def without_bounds(formula: Formula, box: Box) -> Formula:
    """The formula with numbers for `low` and `high`, the bounds of its first input.

    Examples:
        >>> without_bounds(Formula("relu(x2 - low)"), ((0.0, 1.0), (-0.5, 1.0)))
        Formula('relu(x2 - (-0.5))')
    """
    first = int(formula.variables[0][1:]) - 1 if formula.variables else 0
    bounds = {
        name: Formula.from_tree(Node("number", Fraction(value)))
        for name, value in zip(("low", "high"), box[first], strict=True)
    }
    return formula.substitute(bounds)


def _folded(formula: Formula, box: Box) -> Formula:
    """The formula with arithmetic on numbers done: a threshold is one number, of few digits beside its input's range.

    Examples:
        >>> _folded(Formula("relu(x1 - (3 * 0.887 + 99.95) / 4)"), ((0.887, 99.95),))
        Formula('relu(x1 - 26)')
    """
    width = max(high - low for low, high in box)

    def fold(node: Node) -> Node:
        children = tuple(fold(child) for child in node.children)
        if node.kind in ("+", "-", "*", "/") and all(child.kind == "number" for child in children):
            value = float(Formula.from_tree(Node(node.kind, None, children))(np.zeros((1, 1)))[0])
            return Node("number", shortest_decimal(value - _STEP * width, value + _STEP * width))
        return Node(node.kind, node.value, children)

    return Formula.from_tree(fold(formula.root))


def _terms(sample: Array, box: Box) -> tuple[list[Formula], Array]:
    """Features that vary beyond an affine function and do not jump, with their values [n, terms]."""
    found, columns = [], []
    affine = np.concatenate([np.ones((len(sample), 1)), sample], axis=1)
    basis, _ = np.linalg.qr(affine)
    for feature in bind(tuple(catalogue.values()), sample.shape[1], box).features:
        if discontinuous(feature.formula):
            continue
        formula = _folded(without_bounds(feature.formula, box), box)
        with np.errstate(all="ignore"):
            values = np.asarray(formula(sample), dtype=np.float64)
        rest = values - basis @ (basis.T @ values)
        if np.isfinite(values).all() and float(rest @ rest) > LINEARLY_APART * float(values @ values):
            found.append(formula)
            columns.append(values)
    return found, np.stack(columns, axis=1) if columns else np.zeros((len(sample), 0))


def _path(sample: Array, table: Array, target: Array) -> list[int]:
    """Terms in the order in which each adds most."""
    basis, _ = np.linalg.qr(np.concatenate([np.ones((len(sample), 1)), sample], axis=1))
    rest = target - basis @ (basis.T @ target)
    columns = table - basis @ (basis.T @ table)
    sizes = (columns**2).sum(axis=0)
    chosen: list[int] = []
    for _ in range(min(MOST_TERMS, table.shape[1])):
        lengths = (columns**2).sum(axis=0)
        free = lengths > LINEARLY_APART * np.where(sizes > 0, sizes, 1.0)
        gains = np.where(free, (columns.T @ rest) ** 2, 0.0) / np.where(free, lengths, 1.0)
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        q = columns[:, best] / np.sqrt(lengths[best])
        rest = rest - q * (q @ rest)
        columns = columns - np.outer(q, q @ columns)
        chosen.append(best)
    return chosen


def _formula(
    sample: Array, table: Array, terms: Sequence[Formula], chosen: Sequence[int], target: Array, limit: float
) -> Formula:
    """The sum of those terms and an affine part, its coefficients in decimals."""
    columns = np.concatenate([table[:, list(chosen)], sample, np.ones((len(sample), 1))], axis=1)
    sizes = np.abs(columns).max(axis=0)
    sizes[sizes == 0] = 1.0
    fitted = np.linalg.lstsq(columns / sizes, target, rcond=None)[0] / sizes
    slack = limit
    for _ in range(_HALVINGS):
        pairs = zip(fitted.tolist(), (slack / sizes).tolist(), strict=True)
        numbers = [shortest_decimal(value - width, value + width) for value, width in pairs]
        error = float(np.abs(columns @ np.array([float(v) for v in numbers]) - target).max())
        if error <= limit:
            break
        slack /= 2
    nodes = [
        *(terms[k].root for k in chosen),
        *(Node("name", f"x{k + 1}") for k in range(sample.shape[1])),
        None,
    ]
    return Formula.from_tree(_sum(numbers, nodes))


def _sum(numbers: Sequence[Fraction], nodes: Sequence[Node | None]) -> Node:
    """The numbers times the nodes (None: the constant), added up; a positive term first."""
    pairs = [(value, node) for value, node in zip(numbers, nodes, strict=True) if value]
    if not pairs:
        return Node("number", Fraction(0))
    first = next((k for k, (value, _) in enumerate(pairs) if value > 0), 0)
    pairs.insert(0, pairs.pop(first))
    total: Node | None = None
    for value, node in pairs:
        if total is None:
            total = _multiple(value, node)
        else:
            total = Node("+" if value > 0 else "-", None, (total, _multiple(abs(value), node)))
    assert total is not None
    return total


def _multiple(value: Fraction, node: Node | None) -> Node:
    if node is None:
        return Node("number", value)
    if node.kind == "neg":
        value, node = -value, node.children[0]
    if abs(value) == 1:
        return node if value > 0 else Node("neg", None, (node,))
    return Node("*", None, (Node("number", value), node))
