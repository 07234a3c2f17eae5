"""The least norm as a convex program: the dual problem, and what its solution says about neurons.

With vectors `N_j` and `kappa_j` of the kinks, an affine part `T` (see `problem`) and a multiplier `Y` of its equation,
the dual problem of docs/understand/normalform.md (The least norm) is

    maximise  <T, Y> + sum_j 2 kappa_j . c_j - |Y_b|^2 / 2
    subject to  |c_j + Y N_j / 2| <= |N_j|,  |c_j - Y N_j / 2| <= |N_j|,  |Y| <= pair,  |P(Y)| <= 1,  |P(-Y)| <= 1

in the spectral norm, where P projects onto the neurons that are always on. The multipliers of the first constraints are
the masses on the two sides of a kink. Solved by clarabel's interior-point method (Goulart and Chen 2024), which ends
inside the set of optima where there are several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import MathCircuitsError
from ..criteria import SOLVER_GAP
from .problem import Problem

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """What the solver returned, up to its tolerance.

    Attributes:
        Y: [out, D] the multiplier of the affine part.
        c: [K, out] the points of the lenses.
        cones: [2, 1 + d] a point (lambda, z) of the cone over the box for Y and for -Y; zeros where there is none.
        s: [K, out] half the mass on the positive side less that on the other.
        on: [2, D] always-on neurons of either sign, as lifted vectors; zeros where there are none.
    """

    Y: Array
    c: Array
    cones: Array
    s: Array
    on: Array


class _Cones:
    """Constraints "b - A x in a cone", one below the other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.A: list[Array] = []
        self.b: list[Array] = []
        self.kinds: list[Any] = []

    def add(self, A: Array, b: Array, kind: Any) -> slice:
        """One more; where its multipliers stand."""
        start = sum(map(len, self.b))
        self.A.append(A)
        self.b.append(b)
        self.kinds.append(kind)
        return slice(start, start + len(b))

    def minimise(self, q: Array, P: Array | None = None) -> tuple[Array, Array]:
        """The x of least x'Px / 2 + q'x in all of them, and the multipliers.

        Raises:
            MathCircuitsError: where the solver does not end.
        """
        import clarabel
        from scipy import sparse

        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = SOLVER_GAP
        square = sparse.csc_matrix((self.size, self.size) if P is None else P)
        A = sparse.csc_matrix(np.concatenate(self.A))
        found = clarabel.DefaultSolver(square, q, A, np.concatenate(self.b), self.kinds, settings).solve()
        x, z = np.array(found.x), np.array(found.z)
        if "Infeasible" in str(found.status) or not (np.isfinite(x).all() and np.isfinite(z).all()):
            raise MathCircuitsError(
                f"the convex program of a least norm was not solved ({found.status}): bring inputs and outputs to "
                "sizes near 1"
            )
        return x, z


def solve(problem: Problem) -> Solution:
    """The optimal multipliers and masses.

    Raises:
        MathCircuitsError: where the solver does not end.

    Examples:
        >>> from ...features.task import hand_derived
        >>> from ..canonical import canonical_form
        >>> from .problem import problem_of
        >>> solve(problem_of(canonical_form(hand_derived("absolute")), "none")).s.round(6).tolist()
        [[0.0]]
    """
    K, (out, D) = len(problem.N), problem.T.shape
    d, scale = problem.inputs, problem.size
    behind = out * D + K * out
    cones = _Cones(behind + (2 * (1 + d) if problem.coned else 0))
    q = np.zeros(cones.size)
    q[: out * D] = -problem.T.ravel() / scale
    q[out * D : behind] = -2 * problem.kappa.ravel() / scale
    masses = [_lens(cones, problem, j, sign) for j in range(K) for sign in (1.0, -1.0)]
    _spectral(cones, problem)
    on = [
        _leaning(cones, problem, sign, at)
        for sign, at in ((1.0, behind), (-1.0, behind + 1 + d))
        if problem.coned
    ]
    P = np.zeros((cones.size, cones.size))
    if problem.lifted:
        # Everything else is in units of `scale`, and this is a square.
        P[d, d] = 1.0 / scale
    x, z = cones.minimise(q, P)
    pieces = np.array([-z[at][1:] for at in masses]).reshape(K, 2, out) * scale
    neurons = np.array([-z[at][1:] for at in on]) * scale if on else np.zeros((2, D))
    points = x[behind:].reshape(2, 1 + d) if on else np.zeros((2, 1 + d))
    Y, c = x[: out * D].reshape(out, D), x[out * D : behind].reshape(K, out)
    return Solution(Y, c, points, (pieces[:, 0] - pieces[:, 1]) / 2, neurons)


def _lens(cones: _Cones, problem: Problem, j: int, sign: float) -> slice:
    """|c_j + sign Y N_j / 2| <= |N_j|."""
    import clarabel

    out, D = problem.T.shape
    A = np.zeros((1 + out, cones.size))
    for o in range(out):
        A[1 + o, out * D + j * out + o] = -1.0
        A[1 + o, o * D : (o + 1) * D] = -sign * problem.N[j] / 2
    return cones.add(A, np.r_[problem.lengths[j], np.zeros(out)], clarabel.SecondOrderConeT(1 + out))


def _spectral(cones: _Cones, problem: Problem) -> None:
    """The spectral norm of Y is at most `pair`: [[pair I, Y], [Y', pair I]] has no negative eigenvalue."""
    import clarabel

    out, D = problem.T.shape
    if out == 1 or D == 1:
        A = np.zeros((1 + out * D, cones.size))
        A[1:, : out * D] = -np.eye(out * D)
        cones.add(A, np.r_[problem.pair, np.zeros(out * D)], clarabel.SecondOrderConeT(1 + out * D))
        return
    entries = _triangle(out + D)
    A, b = np.zeros((len(entries), cones.size)), np.zeros(len(entries))
    for e, (i, k) in enumerate(entries):
        if i == k:
            b[e] = problem.pair
        elif i < out <= k:
            A[e, i * D + k - out] = -math.sqrt(2)
    cones.add(A, b, clarabel.PSDTriangleConeT(out + D))


def _leaning(cones: _Cones, problem: Problem, sign: float, at: int) -> slice:
    """|sign Y + (z, lambda)| <= 1 with (lambda, z), which are the variables from `at` on, in the cone over the box."""
    import clarabel

    d, D = problem.inputs, problem.T.shape[1]
    A = np.zeros((1 + D, cones.size))
    A[1:, :D] = -sign * np.eye(D)
    A[1 : 1 + d, at + 1 : at + 1 + d] = -np.eye(d)
    if problem.lifted:
        A[1 + d, at] = -1.0
    place = cones.add(A, np.r_[1.0, np.zeros(D)], clarabel.SecondOrderConeT(1 + D))
    A = np.zeros((2 * d + 1, cones.size))
    A[0, at] = -1.0
    for k, (low, high) in enumerate(problem.box):
        A[1 + 2 * k, [at, at + 1 + k]] = low, -1.0
        A[2 + 2 * k, [at, at + 1 + k]] = -high, 1.0
    cones.add(A, np.zeros(2 * d + 1), clarabel.NonnegativeConeT(2 * d + 1))
    return place


def _triangle(size: int) -> list[tuple[int, int]]:
    """The places of an upper triangle, column by column; the solver takes those off the diagonal times sqrt(2)."""
    return [(i, k) for k in range(size) for i in range(k + 1)]


def optimum(cost: Array, columns: Array, total: Array, boxed: int, blocks: Sequence[int]) -> Array:
    """The x of least `cost . x` among those with `columns x = total`.

    Args:
        cost: [n]; columns: [equations, n]; total: [equations].
        boxed: how many of the first entries lie in [-1, 1].
        blocks: sizes of the positive semidefinite matrices whose upper triangles, column by column, the others are.

    Raises:
        MathCircuitsError: where the solver does not end.

    Examples:
        >>> optimum(np.array([1.0, 0.0]), np.array([[1.0, 1.0]]), np.array([0.5]), 1, [1]).round(6).tolist()
        [-1.0, 1.5]
    """
    import clarabel

    n = len(cost)
    cones = _Cones(n)
    cones.add(columns, total, clarabel.ZeroConeT(len(total)))
    if boxed:
        eye = np.eye(boxed, n)
        cones.add(np.concatenate([eye, -eye]), np.ones(2 * boxed), clarabel.NonnegativeConeT(2 * boxed))
    at = boxed
    for size in blocks:
        entries = _triangle(size)
        A = np.zeros((len(entries), n))
        for e, (i, k) in enumerate(entries):
            A[e, at + e] = -1.0 if i == k else -math.sqrt(2)
        cones.add(A, np.zeros(len(entries)), clarabel.PSDTriangleConeT(size))
        at += len(entries)
    return cones.minimise(cost)[0]
