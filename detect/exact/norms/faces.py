"""Which gauges attain the least norm: one, or a face of them.

A dual optimum says which: a kink whose vector it is orthogonal to may sit on either side in any shares, all others sit
where the multiplier points; and the affine part that is left lies along it (docs/understand/normalform.md, The least
norm).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..criteria import ON_BOUNDARY, SAME_SHARE
from .problem import Problem
from .program import Solution, optimum

Array = npt.NDArray[np.float64]


class Member(NamedTuple):
    """One gauge: s [K, out] as in `Solution`, and its always-on neurons, on [2, D]."""

    s: Array
    on: Array


@dataclass(frozen=True, eq=False)
class Face:
    """The gauges of least norm.

    Attributes:
        member: one of them, inside the face.
        dimension: of the set of all of them; 0 where there is one.
        low, high: [K, out] the least and the greatest s on that set.
        ends: members at which some share is least or greatest: both ends where the dimension is 1.
    """

    member: Member
    dimension: int
    low: Array
    high: Array
    ends: tuple[Member, ...]


@dataclass(frozen=True, eq=False)
class _Coordinates:
    """Members as s = fixed + sum_j x_j kappa_j over free kinks, and as sums of rays in the affine part.

    Attributes:
        free: the free kinks; fixed: [K, out], with zeros there.
        columns: [equations, variables], what each coordinate adds to the affine part.
        blocks: sizes of the positive semidefinite matrices that the coordinates behind the kinks are, by columns of
            their upper triangles.
        on: [2, variables, D] what each coordinate adds to the always-on neurons.
    """

    free: npt.NDArray[np.intp]
    fixed: Array
    kappa: Array
    columns: Array
    blocks: tuple[int, ...]
    on: Array

    def member(self, x: Array) -> Member:
        s = self.fixed.copy()
        s[self.free] = np.clip(x[: len(self.free)], -1, 1)[:, None] * self.kappa[self.free]
        return Member(s, np.einsum("svd,v->sd", self.on, x))


def face_of(problem: Problem, solution: Solution) -> Face:
    """The face on which a solution lies, up to `ON_BOUNDARY` in its multipliers."""
    at, x, target = _coordinates(problem, solution)
    count, columns = len(at.free), at.columns
    x = x + np.linalg.lstsq(columns, target - columns @ x, rcond=ON_BOUNDARY)[0] if len(x) else x
    x[:count] = np.clip(x[:count], -1, 1)
    low, high = x.copy(), x.copy()
    ends: list[Array] = []
    if _nullity(columns):
        for j in range(count):
            for side, bound in ((1.0, low), (-1.0, high)):
                cost = np.zeros(len(x))
                cost[j] = side
                end = optimum(cost, columns, columns @ x, count, at.blocks)
                bound[j] = np.clip(end[j], -1, 1)
                ends.append(end)
    loose = high - low > SAME_SHARE
    loose[count:] = True
    dimension = _nullity(columns[:, loose])
    distinct: list[Array] = []
    shares = np.array(ends)[:, :count] if dimension and ends else np.zeros((0, count))
    chosen: list[int] = []
    for k, end in enumerate(shares):
        if (np.abs(shares[chosen] - end).max(axis=1, initial=0.0) > SAME_SHARE).all():
            chosen.append(k)
            distinct.append(ends[k])
    member = at.member(x)
    # A free kink's coefficients may have either sign, and s is as large as they are.
    reach = np.sort(np.stack([at.member(low).s, at.member(high).s]), axis=0)
    return Face(member, dimension, reach[0], reach[1], tuple(map(at.member, distinct)))


def _coordinates(problem: Problem, solution: Solution) -> tuple[_Coordinates, Array, Array]:
    """Coordinates on the face, those of the solution, and what they have to add up to."""
    kappa, lengths = problem.kappa, problem.lengths[:, None]
    half = problem.N @ solution.Y.T / 2
    plus, minus = (solution.c + half) / lengths, (solution.c - half) / lengths
    inside = [np.linalg.norm(p, axis=1) < 1 - ON_BOUNDARY for p in (plus, minus)]
    turned = np.linalg.norm(plus - minus, axis=1)
    s = solution.s.copy()
    s[inside[0]], s[inside[1]] = -kappa[inside[0]], kappa[inside[1]]
    # What a kink carries beyond its own mass, the rest of the affine part carries at no higher cost.
    over = ~inside[0] & ~inside[1] & (turned >= 2 - ON_BOUNDARY)
    s[over] = kappa[over] * np.sign((kappa * half).sum(axis=1))[over, None]
    free = np.flatnonzero(turned <= ON_BOUNDARY)
    shares = (solution.s[free] * kappa[free]).sum(axis=1) / (kappa[free] ** 2).sum(axis=1)
    s[free] = 0.0
    target = problem.T - s.T @ problem.N
    if problem.lifted:
        target[0, -1] -= solution.Y[0, -1]
    kinks = [np.outer(kappa[j], problem.N[j]).ravel() for j in free]
    left = target - (shares[:, None] * kappa[free]).T @ problem.N[free]
    rays, blocks, on, start = _rays(problem, solution, left)
    columns = np.array([*kinks, *rays]).reshape(-1, target.size).T
    lines = np.concatenate([np.zeros((2, len(free), problem.T.shape[1])), on], axis=1)
    at = _Coordinates(free, s, kappa, columns, blocks, lines)
    return at, np.concatenate([shares, start]), target.ravel()


def _rays(
    problem: Problem, solution: Solution, left: Array
) -> tuple[list[Array], tuple[int, ...], Array, Array]:
    """What may carry the affine part that the kinks leave: directions, blocks, always-on neurons, coefficients."""
    out, D = left.shape
    tiny = ON_BOUNDARY * problem.size
    if out > 1:
        U, S, V = np.linalg.svd(left, full_matrices=False)
        r = int((tiny < S).sum())
        pairs = [(i, k) for k in range(r) for i in range(k + 1)]
        turned = [
            (np.outer(U[:, i], V[k]) + (np.outer(U[:, k], V[i]) if i != k else 0)).ravel() for i, k in pairs
        ]
        start = np.array([S[i] if i == k else 0.0 for i, k in pairs])
        return turned, (r,) if r else (), np.zeros((2, len(turned), D)), start
    y = solution.Y[0]
    rays: list[Array] = []
    coefficients: list[float] = []
    on: list[list[Array]] = []
    for side, sign in enumerate((1.0, -1.0)) if problem.coned else ():
        over = np.r_[solution.cones[side][1:], solution.cones[side][0]][:D]
        along, size = sign * y + over, float(np.linalg.norm(solution.on[side]))
        if size > tiny and np.linalg.norm(along) >= 1 - ON_BOUNDARY:
            rays.append(sign * along)
            on.append([along if side == k else np.zeros(D) for k in range(2)])
            coefficients.append(size)
            left = left - sign * size * along
    size = float(np.linalg.norm(left))
    if size > tiny and np.linalg.norm(y) >= problem.pair * (1 - ON_BOUNDARY):
        rays.append(y / np.linalg.norm(y))
        on.append([np.zeros(D)] * 2)
        coefficients.append(size)
    lines = np.array(on).reshape(len(rays), 2, D).transpose(1, 0, 2)
    return rays, (1,) * len(rays), lines, np.array(coefficients)


def _nullity(columns: Array) -> int:
    """The dimension of what the columns map to 0."""
    if not columns.size:
        return int(columns.shape[1])
    sizes = np.linalg.norm(columns, axis=0)
    return int(
        columns.shape[1] - np.linalg.matrix_rank(columns / np.where(sizes > 0, sizes, 1.0), tol=ON_BOUNDARY)
    )
