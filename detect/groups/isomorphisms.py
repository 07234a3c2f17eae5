"""Isomorphisms of finite groups: which known group a table is, and which irreps an automorphism exchanges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .finite_groups import FiniteGroup, generators
from .named_groups import group_named

Ints = npt.NDArray[np.int64]


def isomorphisms(source: FiniteGroup, target: FiniteGroup) -> Iterator[Ints]:
    """All isomorphisms, each as the target's number of every element of the source [order].

    Images of a few generators are tried, those whose order and whose class's size agree; the rest follows by
    multiplication, and a contradiction ends the attempt.

    Examples:
        >>> c5 = group_named("C5")
        >>> [mapped.tolist()[1] for mapped in isomorphisms(c5, c5)]
        [1, 2, 3, 4]
    """
    if source.order != target.order or _profile(source) != _profile(target):
        return
    chosen = [g for g in generators(source.table) if g != source.identity]
    marks, wanted = _marks(source), _marks(target)
    options = [[h for h in range(target.order) if wanted[h] == marks[g]] for g in chosen]

    def extend(mapped: Ints, depth: int) -> Iterator[Ints]:
        if depth == len(chosen):
            if (mapped >= 0).all():
                yield mapped
            return
        for image in options[depth]:
            grown = _grown(source, target, mapped, chosen[: depth + 1], image)
            if grown is not None:
                yield from extend(grown, depth + 1)

    start = np.full(source.order, -1)
    start[source.identity] = target.identity
    yield from extend(start, 0)


def _marks(group: FiniteGroup) -> list[tuple[int, int]]:
    """What an isomorphism keeps of each element: its order, and the size of its class."""
    sizes = np.bincount(group.classes)
    return list(zip(group.element_orders.tolist(), sizes[group.classes].tolist(), strict=True))


def _profile(group: FiniteGroup) -> Counter[tuple[int, int]]:
    return Counter(_marks(group))


def _grown(
    source: FiniteGroup, target: FiniteGroup, mapped: Ints, chosen: list[int], image: int
) -> Ints | None:
    """The map on all that the generators up to the last give, or None where it contradicts itself."""
    found = mapped.copy()
    newest = chosen[-1]
    if found[newest] >= 0:
        return None
    found[newest] = image
    queue = np.flatnonzero(found >= 0).tolist()
    while queue:
        x = queue.pop()
        for g in chosen:
            product, wanted = int(source.table[x, g]), int(target.table[found[x], found[g]])
            if found[product] < 0:
                found[product] = wanted
                queue.append(product)
            elif found[product] != wanted:
                return None
    images = found[found >= 0]
    return found if len(np.unique(images)) == len(images) else None


def names_of_order(n: int) -> list[str]:
    """The names that `group_named` has for groups of an order, the simplest first.

    Examples:
        >>> names_of_order(24)[:4]
        ['C24', 'D12', 'S4', 'C2xC12']
        >>> names_of_order(6), names_of_order(60)[:3]
        (['C6', 'D3', 'S3', 'C2xC3'], ['C60', 'D30', 'A5'])
    """
    simple = _simple_names(n)
    products = [
        f"{left}x{right}"
        for m in range(2, n // 2 + 1)
        if n % m == 0
        for left in _simple_names(m)
        for right in (_simple_names(n // m) if m * m <= n else [])
    ]
    cubes = [f"C{m}xC{m}xC{m}" for m in range(2, n) if m**3 == n]
    return simple + products + cubes


def _simple_names(n: int) -> list[str]:
    names = [f"C{n}"]
    if n >= 6 and n % 2 == 0:
        names.append(f"D{n // 2}")
    names += [f"S{k}" for k in range(3, 7) if math.factorial(k) == n]
    names += [f"A{k}" for k in range(4, 7) if math.factorial(k) == 2 * n]
    return names + (["Q8"] if n == 8 else [])


def identified(group: FiniteGroup) -> tuple[FiniteGroup, Ints] | None:
    """The known group that this one is, and its number of each element [order]; None where none fits.

    Examples:
        >>> s3 = group_named("S3").relabelled([3, 1, 4, 0, 5, 2])
        >>> known, mapped = identified(s3)
        >>> known, bool((known.table[mapped[:, None], mapped] == mapped[s3.table]).all())
        (FiniteGroup(S3, order 6), True)
    """
    # Where two names are one group, as D3 and S3 or D6 and C2xS3, the shorter and the permutations' come first.
    for name in sorted(names_of_order(group.order), key=lambda one: ("x" in one, one.count("D"))):
        known = group_named(name)
        mapped = next(isomorphisms(group, known), None)
        if mapped is not None:
            return known, mapped
    return None


@lru_cache(maxsize=64)
def irrep_orbits(group: FiniteGroup, *, most: int = 2000) -> tuple[tuple[str, ...], ...]:
    """The irreps but the trivial one, those together that automorphisms exchange.

    Initial weights and training pairs that do not look at the elements' names give each irrep of one orbit the same
    chance; which of them a network takes is then arbitrary (modulo a prime, all frequencies are one orbit).

    Args:
        most: automorphisms that are looked at, where there are more.

    Examples:
        >>> irrep_orbits(group_named("A5")), irrep_orbits(group_named("C5"))
        ((('3a', '3b'), ('4a',), ('5a',)), (('f1', 'f2'),))
    """
    names = [irrep.name for irrep in group.irreps[1:]]
    values = np.array([irrep.character for irrep in group.irreps[1:]])
    home = {name: name for name in names}
    for count, mapped in enumerate(isomorphisms(group, group)):
        if count == most:
            break
        for k, moved in enumerate(values[:, mapped]):
            other = names[int(np.abs(values - moved).max(axis=1).argmin())]
            low, high = sorted((home[names[k]], home[other]), key=names.index)
            home = {name: low if root == high else root for name, root in home.items()}
    roots = dict.fromkeys(home[name] for name in names)
    return tuple(tuple(name for name in names if home[name] == root) for root in roots)
