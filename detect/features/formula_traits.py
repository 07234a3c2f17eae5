"""What follows from a task's formula alone: whether it needs biases, its symmetries, and whether two are one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box, comparison_points
from ..statistics.criteria import EQUAL
from .formulas import Formula
from .grammar import _NAMES, Node
from .symmetry import Symmetry, spanned

if TYPE_CHECKING:
    import sympy

Array = npt.NDArray[np.float64]
#: Points of a box on which formulas are compared before anything is proved.
_POINTS = 512
#: Factors by which inputs are shrunk: a box far from 0 holds both ends of the mildest alone.
_SHRUNK = (0.999, 0.9, 0.5, 0.25)
#: Corners of a box that are tried, 2^10: a kink may lie close to one.
_MOST_CORNERS = 10
#: Symmetries are looked for up to here: those of five inputs are at most 3840, and all are listed.
MOST_INPUTS = 5
#: Decimals to which directions from 0 are one: what dividing by a length leaves of float64.
_DIGITS = 12
#: Of up to so many inputs every signed permutation is tried, 48 of three; of more those that span the group.
_EVERY = 3
#: The degree of 0, which every sum ignores.
_ZERO = "zero"
_SAME_DEGREE = ("+", "-", "neg", "relu", "abs", "min", "max", "median", "mean", "clip")


@cache
def needs_biases(formulas: tuple[Formula, ...], box: Box, points: tuple[tuple[float, ...], ...] = ()) -> bool:
    """Whether a ReLU network without biases cannot compute the formulas on a box, or at points.

    Such a network's function is positively homogeneous, f(t x) = t f(x) for t >= 0. A formula whose parts are all of
    degree 1 is as well. Any other is tried at points of the box, shrunk towards 0: one that breaks the equation
    proves that biases are needed. Of a task on points those that lie on one ray from 0 are compared.

    Examples:
        >>> needs_biases((Formula("x1 + x2 - 2 * x1 * x2"),), ((0, 1),) * 2, ((0, 0), (0, 1), (1, 0), (1, 1)))
        False
        >>> square = ((-1.0, 1.0),) * 2
        >>> [needs_biases((Formula(text),), square) for text in ("min(x1, x2)", "relu(x1 - 0.3) + x2", "x1 * x2")]
        [False, True, True]
        >>> needs_biases((Formula("relu(x1 + 2) - 2"),), square[:1])
        False
    """
    if all(_degree(formula.root) in (1, _ZERO) for formula in formulas):
        return False
    if points:
        given = np.array(points, dtype=float)
        return breaks_rays(given, _values(formulas, given, box))
    X = np.vstack([comparison_points(box, _POINTS), _corners(box), _origin(box)])
    low, high = np.array(box).T
    whole = _values(formulas, X, box)
    size = EQUAL * max(1.0, float(np.abs(whole[np.isfinite(whole)]).max(initial=0.0)))
    for factor in _SHRUNK:
        inside = ((factor * X >= low) & (factor * X <= high)).all(axis=1)
        off = np.abs(_values(formulas, factor * X[inside], box) - factor * whole[inside])
        if bool((off > size).any()):
            return True
    return False


def breaks_rays(X: Array, Y: Array) -> bool:
    """Whether no positively homogeneous function has values Y [n, outputs] at points X [n, d].

    On each ray from 0 the values of such a function grow as the distance does, and at 0 it is 0.

    Examples:
        >>> breaks_rays(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[1.0], [3.0]]))
        True
        >>> breaks_rays(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([[1.0], [3.0]]))
        False
    """
    far = np.linalg.norm(X, axis=1)
    at_zero = far == 0.0
    size = EQUAL * max(1.0, float(np.abs(Y).max(initial=0.0)))
    if bool((np.abs(Y[at_zero]) > size).any()):
        return True
    rays, slopes = X[~at_zero] / far[~at_zero, None], Y[~at_zero] / far[~at_zero, None]
    # -0.0 and 0.0 are one direction.
    _, ray = np.unique(np.round(rays, _DIGITS) + 0.0, axis=0, return_inverse=True)
    for own in np.flatnonzero(np.bincount(ray.ravel()) > 1):
        if bool((np.ptp(slopes[ray.ravel() == own], axis=0) > size).any()):
            return True
    return False


@cache
def symmetries_of(formulas: tuple[Formula, ...], box: Box) -> tuple[Symmetry, ...]:
    """Every signed permutation of the inputs that is proved to leave the formulas and the box as they are.

    The proof is algebraic (`same_function`), so that a symmetry that is too hard to show is left out; of more than five
    inputs none is looked for.

    Examples:
        >>> symmetries_of((Formula("x1 - relu(x1 - x2)"),), ((-1.0, 1.0),) * 2)
        (Symmetry(x2, x1),)
        >>> len(symmetries_of((Formula("abs(x1) + abs(x2)"),), ((-1.0, 1.0),) * 2))
        7
    """
    d = len(box)
    if d > MOST_INPUTS:
        return ()
    X = comparison_points(box, _POINTS)
    found: list[Symmetry] = []
    for symmetry in _candidates(d):
        if not symmetry.maps(box):
            continue
        try:
            changed = tuple(_transformed(formula, symmetry) for formula in formulas)
        except InputError:  # nested too deeply for one sign more
            continue
        if all(same_function(one, other, X, box) for one, other in zip(formulas, changed, strict=True)):
            found.append(symmetry)
    return spanned(found, d)


def same_function(first: Formula, second: Formula, X: Array, box: Box) -> bool:
    """Whether two formulas are proved to be one function.

    They are compared on points X [n, d] of the box; where they agree there, their expressions have to be equal once
    maxima and minima are written with absolute values. False where this does not show it.

    Examples:
        >>> X, box = comparison_points(((-1.0, 1.0),) * 2, 64), ((-1.0, 1.0),) * 2
        >>> same_function(Formula("x1 - relu(x1 - x2)"), Formula("min(x2, x1)"), X, box)
        True
        >>> same_function(Formula("min(x1, x2)"), Formula("max(x1, x2)"), X, box)
        False
    """
    if first == second:
        return True
    one, other = (_values((formula,), X, box) for formula in (first, second))
    size = float(np.abs(one, where=np.isfinite(one), out=np.zeros_like(one)).max())
    if not np.allclose(one, other, rtol=0, atol=EQUAL * max(1.0, size), equal_nan=True):
        return False
    # Too large a median, or a formula without an expression.
    try:
        left, right = first.sympy, second.sympy
    except InputError:
        return False
    return bool(left == right or _with_absolutes(left) == _with_absolutes(right))


def _degree(node: Node) -> int | str | None:
    """The k for which f(t x) = t^k f(x) at every t > 0, `zero` for the number 0; None where the form shows none."""
    if node.kind == "number":
        return 0 if node.value else _ZERO
    if node.kind == "name":
        return 0 if node.value in _NAMES else 1
    what = str(node.value) if node.kind == "call" else node.kind
    below = [_degree(child) for child in node.children]
    if None in below:
        return None
    if what in _SAME_DEGREE:
        own = set(below) - {_ZERO}
        return _ZERO if not own else own.pop() if len(own) == 1 else None
    if what in ("step", "sign"):
        return 0
    if what == "**":
        power = int(node.children[1].value)  # type: ignore[arg-type]  # a Fraction, whole
        return below[0] if below[0] == _ZERO and power else power * int(below[0] or 0) if power else 0
    if what in ("*", "/"):
        if _ZERO in below:
            return _ZERO
        left, right = (int(degree or 0) for degree in below)
        return left + right if what == "*" else left - right
    return 0 if below[0] in (0, _ZERO) else None


def _values(formulas: Sequence[Formula], X: Array, box: Box) -> Array:
    """The formulas' values [n, formulas]."""
    columns = [np.asarray(formula(X, box=box), dtype=np.float64) for formula in formulas]
    return np.stack(columns, axis=1)


def _corners(box: Box) -> Array:
    varied = box[:_MOST_CORNERS]
    fixed = [(high,) for _, high in box[_MOST_CORNERS:]]
    return np.array(list(itertools.product(*varied, *fixed)), dtype=float)


def _origin(box: Box) -> Array:
    """The point 0 [1, d], where the box holds it: a homogeneous function is 0 there."""
    inside = all(low <= 0.0 <= high for low, high in box)
    return np.zeros((int(inside), len(box)))


def _candidates(d: int) -> Iterator[Symmetry]:
    plain, identity = (1,) * d, tuple(range(d))
    if d <= _EVERY:
        for permutation in itertools.permutations(range(d)):
            for signs in itertools.product((1, -1), repeat=d):
                if (permutation, signs) != (identity, plain):
                    yield Symmetry(permutation, signs)
        return
    for k in range(d):
        yield Symmetry(identity, tuple(-1 if j == k else 1 for j in range(d)))
    yield Symmetry(identity, (-1,) * d)
    for i, j in itertools.combinations(range(d), 2):
        swapped = tuple(j if k == i else i if k == j else k for k in range(d))
        yield Symmetry(swapped, plain)
        yield Symmetry(swapped, tuple(-1 if k in (i, j) else 1 for k in range(d)))


def _transformed(formula: Formula, symmetry: Symmetry) -> Formula:
    images = {f"x{k + 1}": Formula(image) for k, image in enumerate(symmetry.images)}
    return formula.substitute(images)


def _with_absolutes(expression: sympy.Basic) -> Any:
    """The expression, expanded, with every maximum and minimum as a sum of an absolute value."""
    import sympy as sp

    def folded(sign: int) -> Any:
        def written(*parts: Any) -> Any:
            result = parts[0]
            for part in parts[1:]:
                result = (result + part + sign * sp.Abs(sp.expand(result - part))) / 2
            return result

        return written

    return sp.expand(expression.replace(sp.Max, folded(1)).replace(sp.Min, folded(-1)))
