"""Matrices of a group's real irreps, their coefficients in a function, and what subgroups leave fixed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .characters import Irrep
from .criteria import REPRESENTATION
from .finite_groups import FiniteGroup, closure

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@lru_cache(maxsize=256)
def matrices(group: FiniteGroup, irrep: Irrep) -> Array:
    """Real orthogonal matrices of an irrep at each element [order, dimension, dimension].

    Right convolution with a function commutes with all left translations; a random symmetric one has eigenspaces in
    the isotypic component that are irreducible under them, and the translations in a basis of one are the matrices.
    They are checked: orthogonal, multiplicative and with the irrep's character, within 1e-10.

    Raises:
        InputError: where the check fails.

    Examples:
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3")
        >>> matrices(s3, s3.irrep("2a")).shape
        (6, 2, 2)
    """
    n, d = group.order, irrep.dimension
    rng = np.random.default_rng(n)
    weights = rng.normal(size=n)
    weights = weights + weights[group.inverses]
    right = np.zeros((n, n))
    for element in range(n):
        right[np.arange(n), group.table[:, element]] += weights[element]
    vectors = np.linalg.eigh(irrep.basis.T @ right @ irrep.basis)[1]
    space = irrep.basis @ vectors[:, :d]
    found = np.stack([space.T @ space[group.table[group.inverses[g]]] for g in range(n)])
    products = found[:, None] @ found[None, :]
    error = max(
        float(np.abs(products - found[group.table]).max()),
        float(np.abs(np.trace(found, axis1=1, axis2=2) - irrep.character).max()),
        float(np.abs(found @ found.transpose(0, 2, 1) - np.eye(d)).max()),
    )
    if error > REPRESENTATION:
        raise InputError(f"matrices of {irrep} of {group.name} fail their check by {error:.1e}")
    return np.asarray(found)


def coefficients(group: FiniteGroup, irrep: Irrep, functions: npt.ArrayLike) -> Array:
    """A function's Fourier coefficient at an irrep: `sum_x f(x) rho(x)`, [..., order] -> [..., dimension, dimension].

    Translating the function on the left by h multiplies it by rho(h) on the left; so that a function is constant on
    the right cosets H x exactly where its coefficients are rho(H)-invariant on the left.

    Examples:
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3")
        >>> np.abs(coefficients(s3, s3.irrep("2a"), np.ones(6))).round(9).tolist()
        [[0.0, 0.0], [0.0, 0.0]]
    """
    return np.asarray(np.tensordot(np.asarray(functions, dtype=np.float64), matrices(group, irrep), axes=1))


def fixed(group: FiniteGroup, irrep: Irrep, subgroup: Mask) -> Array:
    """The orthogonal projection on what a subgroup leaves fixed in an irrep [dimension, dimension].

    Examples:
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3")
        >>> round(float(np.trace(fixed(s3, s3.irrep("2a"), np.array([1, 1, 0, 0, 0, 0], dtype=bool)))), 9)
        1.0
    """
    return np.asarray(matrices(group, irrep)[subgroup].mean(axis=0))


@lru_cache(maxsize=32)
def subgroups(group: FiniteGroup) -> tuple[Mask, npt.NDArray[np.int64]]:
    """All subgroups, the trivial one and the whole group too: members [subgroups, order], and conjugacy class of each.

    Subgroups grow from the trivial one by one element at a time; only one of each conjugacy class is grown. They are
    sorted by their order.

    Examples:
        >>> from .named_groups import group_named
        >>> members, classes = subgroups(group_named("S4"))
        >>> len(members), int(classes.max()) + 1
        (30, 11)
    """
    table, inverses = group.table, group.inverses
    start = np.zeros(group.order, dtype=bool)
    start[group.identity] = True
    found: dict[bytes, int] = {}
    members: list[Mask] = []
    kinds: list[int] = []
    queue = [start]
    kind = 0
    while queue:
        one = queue.pop()
        if one.tobytes() in found:
            continue
        for g in range(group.order):
            conjugate = np.zeros_like(one)
            conjugate[table[table[g, np.flatnonzero(one)], inverses[g]]] = True
            if conjugate.tobytes() not in found:
                found[conjugate.tobytes()] = kind
                members.append(conjugate)
                kinds.append(kind)
        kind += 1
        tried = one.copy()
        for g in range(group.order):
            if not tried[g]:
                grown = closure(table, one | (np.arange(group.order) == g))
                # The coset of g by the subgroup, on either side, generates the same with it.
                tried[table[g, np.flatnonzero(one)]] = True
                tried[table[np.flatnonzero(one), g]] = True
                queue.append(grown)
    order = np.lexsort((np.array(kinds), np.array(members).sum(axis=1)))
    return np.array(members)[order], np.array(kinds)[order]
