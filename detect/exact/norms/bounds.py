"""Proved bounds on a least norm, from an approximate solution: in rational numbers, square roots rounded outward.

A float is an integer times a power of two. So an approximate multiplier is made feasible by an exact comparison, and
what it proves is worked out without rounding, but for square roots that are bracketed to 2^-200 of themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from .problem import Problem
from .program import Solution

Array = npt.NDArray[np.float64]
Vector = list[Fraction]

#: Bits of a square root.
_BITS = 200


def lower_bound(problem: Problem, solution: Solution) -> float:
    """What the multipliers prove: no network of the form has a smaller norm.

    Examples:
        >>> from ...features.task import hand_derived
        >>> from ..canonical import canonical_form
        >>> from .problem import problem_of
        >>> from .program import solve
        >>> problem = problem_of(canonical_form(hand_derived("relu")), "none")
        >>> 0 <= 1 - lower_bound(problem, solve(problem)) < 1e-9
        True
    """
    Y, out = [_exact(row) for row in solution.Y], len(solution.Y)
    gram = [[_dot(a, b) for b in Y] for a in Y]
    shrink = _within(gram, Fraction(problem.pair))
    if problem.coned:
        for sign, point in zip((1, -1), solution.cones, strict=True):
            square = _squared(_leaning(problem, Y[0], sign, _exact(point)))
            shrink = min(shrink, Fraction(1) if square <= 1 else _root(1 / square)[0])
    Y = [[shrink * v for v in row] for row in Y]
    value = sum((_dot(_exact(row), y) for row, y in zip(problem.T, Y, strict=True)), Fraction(0))
    if problem.lifted:
        value -= Y[0][-1] ** 2 / 2
    for N, kappa in zip(problem.N, problem.kappa, strict=True):
        normal, mass = _exact(N), _exact(kappa)
        half = [_dot(Y[o], normal) / 2 for o in range(out)]
        value += _lens(_squared(normal), mass, half)
    return _down(max(value, Fraction(0)))


def upper_bound(problem: Problem, s: Array, on: Array, bias: float) -> float:
    """What a network costs that has these sides: at least the least norm.

    Args:
        problem: of the form; s: [K, out] as in `Solution`.
        on: [2, D] always-on neurons of either sign; what they and the sides leave of the affine part is carried.
        bias: the output's own.
    """
    rest = [_exact(row) for row in problem.T]
    cost = Fraction(0)
    for N, kappa, side in zip(problem.N, problem.kappa, s, strict=True):
        normal, mass, part = _exact(N), _exact(kappa), _exact(side)
        length = _squared(normal)
        for sign in (1, -1):
            cost += _root(length * _squared([m + sign * p for m, p in zip(mass, part, strict=True)]))[1]
        for row, p in zip(rest, part, strict=True):
            row[:] = [r - p * v for r, v in zip(row, normal, strict=True)]
    if problem.coned:
        for sign, neuron in zip((1, -1), on, strict=True):
            w = _always_on(problem, _exact(neuron))
            cost += _root(_squared(w))[1]
            rest[0] = [r - sign * v for r, v in zip(rest[0], w, strict=True)]
        if problem.lifted:
            rest[0][-1] -= Fraction(bias)
            cost += Fraction(bias) ** 2 / 2
    return _up(cost + Fraction(problem.pair) * _nuclear(rest))


def always_on(problem: Problem, on: Array) -> Array:
    """The neurons [2, D] of an approximate solution, moved where they have to so that each is on all over the box."""
    if not problem.coned:
        return on
    return np.array([[float(v) for v in _always_on(problem, _exact(w))] for w in on])


def _lens(length: Fraction, mass: Vector, half: Vector) -> Fraction:
    """At most the largest 2 mass . c over |c + half| and |c - half| at most sqrt(length).

    On the axis of `half`, the farther ball's cap bounds the lens where its farthest point lies on this side of the
    middle; else the rim does.
    """
    along, wide, total = abs(_dot(mass, half)), _squared(half), _squared(mass)
    if length * along**2 >= total * wide**2:
        return 2 * (_root(length * total)[0] - along)
    return 2 * _root(max(total - along**2 / wide, Fraction(0)) * max(length - wide, Fraction(0)))[0]


def _within(gram: list[list[Fraction]], bound: Fraction) -> Fraction:
    """A factor of at most 1 by which a matrix has to shrink so that its spectral norm is at most `bound`."""
    top = float(np.linalg.eigvalsh(np.array(gram, dtype=np.float64))[-1])
    if _is_positive(gram, bound**2):
        return Fraction(1)
    factor, step = bound / Fraction(math.sqrt(top)), Fraction(1, 2**52)
    while not _is_positive([[factor**2 * v for v in row] for row in gram], bound**2):
        factor, step = factor * (1 - step), 2 * step
    return factor


def _is_positive(gram: list[list[Fraction]], top: Fraction) -> bool:
    """Whether `top I - gram` has no negative eigenvalue, by elimination; a zero pivot with a row counts as no."""
    M = [[(top if i == k else 0) - v for k, v in enumerate(row)] for i, row in enumerate(gram)]
    for i in range(len(M)):
        if M[i][i] < 0 or (M[i][i] == 0 and any(M[i][i + 1 :])):
            return False
        for k in range(i + 1, len(M)) if M[i][i] else ():
            factor = M[k][i] / M[i][i]
            M[k] = [v - factor * u for v, u in zip(M[k], M[i], strict=True)]
    return True


def _leaning(problem: Problem, y: Vector, sign: int, point: Vector) -> Vector:
    """`sign y` plus a point of the cone over the box: its length bounds the projection onto always-on neurons."""
    over = max(point[0], Fraction(0))
    ends = [(over * Fraction(low), over * Fraction(high)) for low, high in problem.box]
    z = [min(max(v, low), high) for v, (low, high) in zip(point[1:], ends, strict=True)]
    return [sign * v + u for v, u in zip(y, [*z, over], strict=False)]


def _always_on(problem: Problem, w: Vector) -> Vector:
    """The vector, moved where it has to so that its neuron is on all over the box."""
    ends = [(Fraction(low), Fraction(high)) for low, high in problem.box]
    least = sum((v * (low if v > 0 else high) for v, (low, high) in zip(w, ends, strict=False)), Fraction(0))
    if problem.lifted:
        return [*w[:-1], max(w[-1], -least)]
    if least >= 0:
        return w
    # An input that is never 0 can make up for it; where 0 is in the box, each input has to be on by itself.
    k = max(range(len(ends)), key=lambda k: max(ends[k][0], -ends[k][1]))
    low, high = ends[k]
    if low > 0:
        return _always_on(problem, [v + (-least / low if i == k else 0) for i, v in enumerate(w)])
    if high < 0:
        return _always_on(problem, [v - (-least / -high if i == k else 0) for i, v in enumerate(w)])
    return [
        max(v, Fraction(0)) if low == 0 else min(v, Fraction(0)) if high == 0 else Fraction(0)
        for v, (low, high) in zip(w, ends, strict=True)
    ]


def _nuclear(rest: list[Vector]) -> Fraction:
    """At least the nuclear norm: that of the singular vectors in floats, and what they leave row by row."""
    U, S, V = np.linalg.svd(np.array(rest, dtype=np.float64), full_matrices=False)
    left, total = [list(row) for row in rest], Fraction(0)
    for k in range(len(S)):
        u, v = _exact(U[:, k] * S[k]), _exact(V[k])
        total += _root(_squared(u) * _squared(v))[1]
        for row, factor in zip(left, u, strict=True):
            row[:] = [r - factor * w for r, w in zip(row, v, strict=True)]
    return total + sum((_root(_squared(row))[1] for row in left), Fraction(0))


def _exact(values: Sequence[float] | Array) -> Vector:
    return [Fraction(float(v)) for v in values]


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def _squared(a: Vector) -> Fraction:
    return _dot(a, a)


def _root(square: Fraction) -> tuple[Fraction, Fraction]:
    """A lower and an upper bound of a square root."""
    if not square:
        return square, square
    # The root has about `_BITS` bits in all, wherever its point is.
    shift = max(0, _BITS + (square.denominator.bit_length() - square.numerator.bit_length()) // 2)
    root = math.isqrt((square.numerator << 2 * shift) // square.denominator)
    return Fraction(root, 1 << shift), Fraction(root + 1, 1 << shift)


def _down(value: Fraction) -> float:
    nearest = float(value)
    return nearest if Fraction(nearest) <= value else math.nextafter(nearest, -math.inf)


def _up(value: Fraction) -> float:
    nearest = float(value)
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)
