"""The least norm as a convex program: the dual problem, and what its solution says about neurons.

With lifted normals `N_j` (see `problem`), masses `kappa_j`, an affine part `T` and a multiplier `Y` of its equation, the
dual problem of docs/mathematics.md (The least norm) is

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


def solve(problem: Problem) -> Solution:
    """The optimal multipliers and masses.

    Raises:
        MathCircuitsError: where the solver does not end.
    """
    import clarabel

    K, (out, D) = len(problem.N), problem.T.shape
    d, coned = problem.inputs, problem.coned
    size, scale = out * D + K * out + (2 * (1 + d) if coned else 0), problem.size
    rows: list[Array] = []
    bounds: list[Array] = []
    kinds: list[Any] = []

    def add(A: Array, b: Array, kind: Any) -> slice:
        start = sum(map(len, bounds))
        rows.append(A)
        bounds.append(b)
        kinds.append(kind)
        return slice(start, start + len(b))

    def y(o: int, k: int) -> int:
        return o * D + k

    q = np.zeros(size)
    q[: out * D] = -problem.T.ravel() / scale
    q[out * D : out * D + K * out] = -2 * problem.kappa.ravel() / scale
    # b - A x is (length; point) for a second-order cone.
    masses = []
    for j in range(K):
        length = float(np.linalg.norm(problem.N[j]))
        for sign in (1.0, -1.0):
            A = np.zeros((1 + out, size))
            for o in range(out):
                A[1 + o, out * D + j * out + o] = -1.0
                A[1 + o, o * D : (o + 1) * D] = -sign * problem.N[j] / 2
            masses.append(add(A, np.r_[length, np.zeros(out)], clarabel.SecondOrderConeT(1 + out)))
    if out == 1 or D == 1:
        A = np.zeros((1 + out * D, size))
        A[1:, : out * D] = -np.eye(out * D)
        add(A, np.r_[problem.pair, np.zeros(out * D)], clarabel.SecondOrderConeT(1 + out * D))
    else:
        # The spectral norm of Y is at most `pair` where [[pair I, Y], [Y', pair I]] has no negative eigenvalue.
        n = out + D
        entries = [(i, k) for k in range(n) for i in range(k + 1)]
        A, b = np.zeros((len(entries), size)), np.zeros(len(entries))
        for e, (i, k) in enumerate(entries):
            if i == k:
                b[e] = problem.pair
            elif i < out <= k:
                A[e, y(i, k - out)] = -math.sqrt(2)
        add(A, b, clarabel.PSDTriangleConeT(n))
    on: list[slice] = []
    if coned:
        lows, highs = np.array(problem.box).T
        for side, sign in enumerate((1.0, -1.0)):
            at = out * D + K * out + side * (1 + d)
            A = np.zeros((1 + D, size))
            A[1:, :D] = -sign * np.eye(D)
            A[1 : 1 + d, at + 1 : at + 1 + d] = -np.eye(d)
            if D > d:
                A[1 + d, at] = -1.0
            on.append(add(A, np.r_[1.0, np.zeros(D)], clarabel.SecondOrderConeT(1 + D)))
            A = np.zeros((2 * d + 1, size))
            A[0, at] = -1.0
            for k in range(d):
                A[1 + 2 * k, [at, at + 1 + k]] = lows[k], -1.0
                A[2 + 2 * k, [at, at + 1 + k]] = -highs[k], 1.0
            add(A, np.zeros(2 * d + 1), clarabel.NonnegativeConeT(2 * d + 1))
    P = np.zeros((size, size))
    if D > d:
        # In units of `scale` the output's own bias costs that much more.
        P[d, d] = 1.0 / scale
    x, z = _solved(P, q, np.concatenate(rows), np.concatenate(bounds), kinds)
    pieces = np.array([-z[m][1:] for m in masses]).reshape(K, 2, out) * scale
    s = (pieces[:, 0] - pieces[:, 1]) / 2
    ons = np.array([-z[m][1:] for m in on]) * scale if on else np.zeros((2, D))
    cones = x[out * D + K * out :].reshape(2, 1 + d) if coned else np.zeros((2, 1 + d))
    return Solution(x[: out * D].reshape(out, D), x[out * D : out * D + K * out].reshape(K, out), cones, s, ons)


def optimum(cost: Array, columns: Array, total: Array, boxed: int, blocks: Sequence[int]) -> Array:
    """The x of least `cost . x` among those with `columns x = total`.

    Args:
        cost: [n]; columns: [equations, n]; total: [equations].
        boxed: how many of the first entries lie in [-1, 1].
        blocks: sizes of the positive semidefinite matrices whose upper triangles, column by column, the others are.

    Raises:
        MathCircuitsError: where the solver does not end.
    """
    import clarabel

    n = len(cost)
    rows, bounds = [columns], [total]
    kinds: list[Any] = [clarabel.ZeroConeT(len(total))]
    if boxed:
        eye = np.eye(boxed, n)
        rows.append(np.concatenate([eye, -eye]))
        bounds.append(np.ones(2 * boxed))
        kinds.append(clarabel.NonnegativeConeT(2 * boxed))
    at = boxed
    for size in blocks:
        entries = [(i, k) for k in range(size) for i in range(k + 1)]
        A = np.zeros((len(entries), n))
        for e, (i, k) in enumerate(entries):
            A[e, at + e] = -1.0 if i == k else -math.sqrt(2)
        rows.append(A)
        bounds.append(np.zeros(len(entries)))
        kinds.append(clarabel.PSDTriangleConeT(size))
        at += len(entries)
    return _solved(np.zeros((n, n)), cost, np.concatenate(rows), np.concatenate(bounds), kinds)[0]


def _solved(P: Array, q: Array, A: Array, b: Array, kinds: list[Any]) -> tuple[Array, Array]:
    """x and z of clarabel's standard form: least x'Px / 2 + q'x with b - A x in the cones."""
    import clarabel
    from scipy import sparse

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = SOLVER_GAP
    found = clarabel.DefaultSolver(
        sparse.csc_matrix(P), q, sparse.csc_matrix(A), b, kinds, settings
    ).solve()
    x, z = np.array(found.x), np.array(found.z)
    if "Infeasible" in str(found.status) or not (np.isfinite(x).all() and np.isfinite(z).all()):
        raise MathCircuitsError(f"the convex program of a least norm was not solved ({found.status})")
    return x, z
