"""Groups by name: cyclic, dihedral, symmetric, alternating ones and their products, as composition tables."""

from __future__ import annotations

import re
from functools import lru_cache, reduce

import numpy as np

from ..errors import InputError
from .finite_groups import FiniteGroup

#: More elements are refused: the functions on pairs of elements would no longer fit a small machine.
_LARGEST = 1000
_FORM = re.compile(r"([CDSAQ])(\d+)")
_HELP = "give C, D, S or A with a number, Q8, or a product such as C2xS3, of at most 1000 elements"


@lru_cache(maxsize=32)
def group_named(name: str) -> FiniteGroup:
    """A group by its name.

    `C12` is cyclic of order 12, `D5` the symmetries of the pentagon (order 10), `S4` all permutations of 4 things,
    `A5` the even ones of 5, `Q8` the quaternion units, `C2xS3` a product. Permutations come from
    `sympy.combinatorics`, in the order of their one-line notation; a b applies a first, then b.

    Args:
        name: letters and numbers as above.

    Raises:
        InputError: for another name, or more than 1000 elements.

    Examples:
        >>> group_named("S3").elements
        ('012', '021', '102', '120', '201', '210')
        >>> group_named("C2xS3").order, group_named("D5")
        (12, FiniteGroup(D5, order 10))
    """
    parts = [_FORM.fullmatch(part) for part in str(name).split("x")]
    found = []
    for part in parts:
        if part is None or int(part[2]) < 1 or _order(part[1], int(part[2])) > _LARGEST:
            raise InputError(f"group {name!r}: {_HELP}")
        found.append(_simple(part[1], int(part[2])))
    if np.prod([one.order for one in found]) > _LARGEST:
        raise InputError(f"group {name!r} has more than {_LARGEST} elements: {_HELP}")
    return found[0] if len(found) == 1 else reduce(_product, found)


def _order(kind: str, n: int) -> int:
    if kind == "Q":
        return 8 if n == 8 else _LARGEST + 1
    if kind in "SA":
        return int(np.prod(np.arange(1, n + 1))) if n <= 6 else _LARGEST + 1
    return n if kind == "C" else 2 * n


def _simple(kind: str, n: int) -> FiniteGroup:
    name = f"{kind}{n}"
    if kind == "C":
        x = np.arange(n)
        return FiniteGroup(name, np.add.outer(x, x) % n)
    if kind == "Q":
        return _quaternions()
    if kind == "D" and n < 3:
        # Two things have no polygon: order 2 and the four-group.
        plain = _simple("C", 2)
        return FiniteGroup(name, (plain if n == 1 else _product(plain, plain)).table)
    from sympy.combinatorics.named_groups import AlternatingGroup, DihedralGroup, SymmetricGroup

    made = {"D": DihedralGroup, "S": SymmetricGroup, "A": AlternatingGroup}[kind](n)
    rows = sorted(tuple(p.array_form) + tuple(range(p.size, n)) for p in made.elements)
    number = {row: k for k, row in enumerate(rows)}
    table = [[number[tuple(b[i] for i in a)] for b in rows] for a in rows]
    sign = "" if n <= 10 else " "
    return FiniteGroup(name, np.array(table), tuple(sign.join(map(str, row)) for row in rows))


def _quaternions() -> FiniteGroup:
    """1, i, j, k and their negatives: unit u is numbered 2 u, its negative 2 u + 1."""
    units = [[(0, 0), (1, 0), (2, 0), (3, 0)], [(1, 0), (0, 1), (3, 0), (2, 1)]]
    units += [[(2, 0), (3, 1), (0, 1), (1, 0)], [(3, 0), (2, 0), (1, 1), (0, 1)]]
    table = [
        [2 * units[a // 2][b // 2][0] + (units[a // 2][b // 2][1] + a + b) % 2 for b in range(8)]
        for a in range(8)
    ]
    return FiniteGroup("Q8", np.array(table), ("1", "-1", "i", "-i", "j", "-j", "k", "-k"))


def _product(left: FiniteGroup, right: FiniteGroup) -> FiniteGroup:
    m = right.order
    numbers = np.arange(left.order * m)
    a, b = numbers // m, numbers % m
    table = left.table[np.ix_(a, a)] * m + right.table[np.ix_(b, b)]
    names = tuple(f"({x}, {y})" for x in left.elements for y in right.elements)
    return FiniteGroup(f"{left.name}x{right.name}", table, names)
