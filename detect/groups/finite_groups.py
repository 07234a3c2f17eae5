"""A finite group as a value: its table, inverses, classes, and the real irreducible parts of its functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .characters import Irrep, character_table, real_irreps

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class FiniteGroup:
    """A finite group, its elements numbered from 0.

    Attributes:
        name: such as "S4"; "group of order 24" where none is known.
        table: the number of the product a b [order, order], row a and column b.
        elements: a word for each element.

    Raises:
        InputError: where the table is not that of a group.

    Examples:
        >>> group = FiniteGroup("C3", np.add.outer(np.arange(3), np.arange(3)) % 3)
        >>> group, group.inverses.tolist(), [irrep.name for irrep in group.irreps]
        (FiniteGroup(C3, order 3), [0, 2, 1], ['f0', 'f1'])
    """

    name: str
    table: Ints
    elements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problem = not_a_group(self.table)
        if problem:
            raise InputError(
                f"the table of {self.name} is not that of a group: {problem}; give [order, order]"
            )
        table = np.array(self.table, dtype=np.int64)
        table.setflags(write=False)
        object.__setattr__(self, "table", table)
        if not self.elements:
            object.__setattr__(self, "elements", tuple(map(str, range(len(table)))))

    @property
    def order(self) -> int:
        """How many elements there are."""
        return len(self.table)

    @property
    def products(self) -> Ints:
        """The number of a b for every pair, a slow and b fast [order^2]."""
        return np.asarray(self.table.ravel())

    @cached_property
    def identity(self) -> int:
        """The number of the neutral element."""
        return int(np.flatnonzero((self.table == np.arange(self.order)).all(axis=1))[0])

    @cached_property
    def inverses(self) -> Ints:
        """The number of each element's inverse [order]."""
        return np.asarray((self.table == self.identity).argmax(axis=1))

    @cached_property
    def element_orders(self) -> Ints:
        """The order of each element [order]."""
        found = np.zeros(self.order, dtype=np.int64)
        power, step = np.arange(self.order), 1
        while (found == 0).any():
            found[(power == self.identity) & (found == 0)] = step
            power, step = self.table[power, np.arange(self.order)], step + 1
        return found

    @cached_property
    def classes(self) -> Ints:
        """The number of each element's conjugacy class [order]; classes are numbered by their first element."""
        everything = np.arange(self.order)
        found = np.full(self.order, -1)
        for element in range(self.order):
            if found[element] < 0:
                conjugates = self.table[self.table[everything, element], self.inverses]
                found[conjugates] = found.max() + 1
        return found

    @property
    def commutative(self) -> bool:
        """Whether a b is b a for all elements."""
        return bool((self.table == self.table.T).all())

    @cached_property
    def characters(self) -> npt.NDArray[np.complex128]:
        """The irreducible characters over the complex numbers, at each element [classes, order], checked."""
        return character_table(self.table, self.classes, self.inverses)

    @cached_property
    def irreps(self) -> tuple[Irrep, ...]:
        """The real irreducible representations, the trivial one first, then by dimension.

        Names are ATLAS's ("3a" and "3b" are of dimension 3); those of a cyclic group are "f" and the frequency.
        """
        return real_irreps(self.characters, self.table, self.inverses, self.element_orders, self.name)

    def irrep(self, name: str) -> Irrep:
        """The real irreducible representation of that name.

        Raises:
            InputError: with the names that there are.
        """
        for one in self.irreps:
            if one.name == name:
                return one
        raise InputError(
            f"{self.name} has no irrep {name!r}: it has {', '.join(r.name for r in self.irreps)}"
        )

    @cached_property
    def basis(self) -> Array:
        """An orthonormal basis of the functions on the group, irrep after irrep [order, order], one a column."""
        return np.concatenate([irrep.basis for irrep in self.irreps], axis=1)

    def power(self, functions: npt.ArrayLike) -> Array:
        """The power of functions on the group in each irrep but the trivial one [..., order] -> [..., irreps - 1].

        It is the square of the function's part in the irrep's isotypic component; over all irreps these parts add up
        to the sum of squares of the function without its mean (Parseval).

        Raises:
            InputError: for a last axis that is not one entry per element.

        Examples:
            >>> from .named_groups import group_named
            >>> s3 = group_named("S3")
            >>> s3.power(s3.irrep("1b").character).round(9).tolist()
            [6.0, 0.0]
        """
        values = np.asarray(functions, dtype=np.float64)
        if not values.ndim or values.shape[-1] != self.order:
            raise InputError(
                f"functions of shape {values.shape}: the last axis must hold one entry for each of the "
                f"{self.order} elements of {self.name}"
            )
        squares = (values @ self.basis) ** 2
        starts = np.cumsum([0, *(irrep.basis.shape[1] for irrep in self.irreps[:-1])])
        return np.asarray(np.add.reduceat(squares, starts, axis=-1)[..., 1:])

    def relabelled(self, order: Sequence[int] | Ints) -> FiniteGroup:
        """The same group with its elements in another order.

        Args:
            order: the present number of each new element, a permutation.

        Raises:
            InputError: for no permutation of the elements.

        Examples:
            >>> group = FiniteGroup("C3", np.add.outer(np.arange(3), np.arange(3)) % 3)
            >>> group.relabelled([2, 0, 1]).identity
            1
        """
        new = np.asarray(order)
        if sorted(new.tolist()) != list(range(self.order)):
            raise InputError(f"{new.tolist()} is no order of {self.order} elements: name each number once")
        back = np.argsort(new)
        table = back[self.table[np.ix_(new, new)]]
        return replace(self, table=table, elements=tuple(self.elements[k] for k in new))

    def __repr__(self) -> str:
        return f"FiniteGroup({self.name}, order {self.order})"


def not_a_group(table: npt.ArrayLike) -> str:
    """Why a table is not that of a group; empty where it is.

    Associativity is tested on all triples with a generator in the middle, which is enough (Light's test).

    Examples:
        >>> not_a_group([[0, 1], [1, 0]]), not_a_group([[0, 1], [0, 1]])
        ('', 'a row or a column does not name each element once')
    """
    given = np.asarray(table)
    n = len(given) if given.ndim else 0
    if given.ndim != 2 or given.shape[1] != n or n == 0 or not np.issubdtype(given.dtype, np.integer):
        return f"its shape is {given.shape} and its type {given.dtype}"
    everything = np.arange(n)
    if (np.sort(given, axis=1) != everything).any() or (np.sort(given, axis=0) != everything[:, None]).any():
        return "a row or a column does not name each element once"
    neutral = (given == everything).all(axis=1) & (given == everything[:, None]).all(axis=0)
    if not neutral.any():
        return "no element is neutral"
    for middle in generators(given):
        if (given[given[:, middle]] != given[:, given[middle]]).any():
            return "its products are not associative"
    return ""


def generators(table: Ints) -> list[int]:
    """A few elements whose products are all elements; at each step the first that is not reached.

    Examples:
        >>> generators(np.add.outer(np.arange(4), np.arange(4)) % 4)
        [0, 1]
    """
    reached = np.zeros(len(table), dtype=bool)
    found: list[int] = []
    while not reached.all():
        found.append(int(reached.argmin()))
        reached[found[-1]] = True
        reached = closure(table, reached)
    return found


def closure(table: Ints, members: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The products of some elements, of any length [order].

    Examples:
        >>> closure(np.add.outer(np.arange(4), np.arange(4)) % 4, np.array([False, False, True, False])).tolist()
        [True, False, True, False]
    """
    now = np.array(members, dtype=bool)
    while True:
        inside = np.flatnonzero(now)
        products = np.zeros_like(now)
        products[table[np.ix_(inside, inside)]] = True
        grown = now | products
        if (grown == now).all():
            return now
        now = grown
