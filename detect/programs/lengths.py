"""How long a formula is: operations, digits, bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..features.formulas import Formula
from ..features.grammar import FUNCTIONS, Node
from ..features.rationals import (
    LARGEST_DENOMINATOR,
    code_length,
    decimal_digits,
    decimal_length,
    shortest_decimal,
)

Array = npt.NDArray[np.float64]

#: Digits that constants are shortened to at most: those of a float, less rounding.
_MOST_DIGITS = 12
#: The kinds of node beside names and functions.
_OTHER_NODES = ("+", "-", "*", "/", "**", "neg", "fraction", "decimal", "pi")


def complexity(node: Node) -> int:
    """Names, calls and operators, and for a number its digits in bits (see `complexity_of`).

    Examples:
        >>> [complexity(Formula(text).root) for text in ("min(x1, x2)", "x1 - relu(x1 - x2)", "x1/2")]
        [3, 6, 4]
    """
    if isinstance(node.value, Fraction):
        return complexity_of(node.value)
    return 1 + sum(map(complexity, node.children))


def complexity_of(number: Fraction) -> int:
    """The binary digits of p and of q, less one; for a decimal, one more than its digits take.

    Examples:
        >>> [complexity_of(Fraction(text)) for text in ("1/2", "7/24", "0.1", "2.54")]
        [2, 7, 5, 11]
    """
    # By two whole numbers, since the hash of a fraction takes longer than what it would save.
    return _complexity_of(number.numerator, number.denominator)


@lru_cache(maxsize=65536)
def _complexity_of(p: int, q: int) -> int:
    if _written_as_decimal(p, q):
        digits = decimal_digits(Fraction(p, q))
        assert digits is not None
        return 1 + math.ceil(digits[0] * math.log2(10))
    return max(1, p.bit_length()) + q.bit_length() - 1


def written_as_decimal(number: Fraction) -> bool:
    """Whether a number reads better as a decimal: it is a finite one, and no small fraction of halves or thirds.

    Examples:
        >>> [written_as_decimal(Fraction(text)) for text in ("2.54", "137.5", "0.1", "3/8", "1/3", "7")]
        [True, True, True, False, False, False]
    """
    return _written_as_decimal(number.numerator, number.denominator)


def _written_as_decimal(p: int, q: int) -> bool:
    if q == 1 or (q % 5 and max(abs(p), q) <= LARGEST_DENOMINATOR):
        return False
    # Finite are decimals whose denominator has no prime but 2 and 5.
    q //= q & -q
    while q % 5 == 0:
        q //= 5
    return q == 1


def readable(number: Fraction) -> bool:
    """Whether a number is a small fraction or a decimal.

    Examples:
        >>> [readable(Fraction(text)) for text in ("2.54", "7/24", "355/113")]
        [True, True, False]
    """
    return number.denominator <= LARGEST_DENOMINATOR or written_as_decimal(number)


def constants(node: Node) -> list[Fraction]:
    """The numbers of a formula that say something: all but 0, 1, 2 and 1/2, each once; divisors as 1/q.

    Examples:
        >>> constants(Formula("2.54*abs(x1)/3 + 2.54").root)
        [Fraction(1, 3), Fraction(127, 50)]
    """
    found: set[Fraction] = set()

    def visit(part: Node) -> None:
        value = part.value
        if isinstance(value, Fraction) and max(abs(value.numerator), value.denominator) > 2:
            found.add(abs(value))
        if part.kind == "/" and isinstance(part.children[1].value, Fraction):
            visit(part.children[0])
            if abs(divisor := part.children[1].value) > 2:
                found.add(1 / abs(divisor))
            return
        for child in part.children:
            visit(child)

    visit(node)
    return sorted(found)


def shortened(formula: Formula, X: Array, values: Array, tolerance: float) -> Formula:
    """The formula with constants of as few digits as leave it within the tolerance of values [n] at X [n, d].

    All constants get the same number of digits; where none is enough, the formula stays as it is.

    Examples:
        >>> X = np.linspace(-1, 1, 9)[:, None]
        >>> shortened(Formula("2.5400013 * x1 + 0.0000002"), X, 2.54 * X[:, 0], 0.1)
        Formula('2.5 * x1')
        >>> shortened(Formula("2.5400013 * x1"), X, 2.54 * X[:, 0], 1e-4)
        Formula('2.54 * x1')
    """

    def rounded(node: Node, digits: int, size: float) -> Node:
        value = node.value
        if node.kind == "**":
            return Node("**", None, (rounded(node.children[0], digits, size), node.children[1]))
        if isinstance(value, Fraction):
            place = math.floor(math.log10(max(abs(float(value)), size))) - digits + 1
            half = Fraction(10) ** place / 2
            return Node("number", shortest_decimal(float(value - half), float(value + half)))
        return Node(node.kind, value, tuple(rounded(child, digits, size) for child in node.children))

    size = max(float(np.abs(values).max(initial=0.0)), tolerance)
    for digits in range(1, _MOST_DIGITS + 1):
        short = _without_zeros(Formula.from_tree(rounded(formula.root, digits, size)))
        if float(np.abs(short(X) - values).max()) <= tolerance:
            return short
    return formula


def _without_zeros(formula: Formula) -> Formula:
    """The formula without terms of a factor 0, its numbers as decimals."""
    import sympy as sp

    exact = formula.sympy
    return Formula.from_sympy(
        exact.xreplace({n: sp.Float(float(n)) for n in exact.atoms(sp.Rational) if n.q != 1})
    )


def largest_denominator(node: Node) -> int:
    """The largest denominator, of a number or as a divisor.

    Examples:
        >>> [largest_denominator(Formula(text).root) for text in ("x1/3 + 0.25", "2*x1")]
        [4, 1]
    """
    if isinstance(node.value, Fraction):
        return node.value.denominator
    divisor = node.children[1].value if node.kind == "/" else None
    own = abs(divisor.numerator) if isinstance(divisor, Fraction) else 1
    return max([own, *map(largest_denominator, node.children)])


def description_length(formulas: Sequence[Formula], inputs: int) -> float:
    """The bits of formulas over `inputs` inputs in a code that can be decoded.

    Each node is one of the inputs, the functions, the operators, or a number, all alike; a function of any
    number of arguments adds one bit per argument; a number is a fraction or a decimal, and adds `code_length` or
    `decimal_length`, whichever is less.

    Examples:
        >>> round(description_length([Formula("min(x1, x2)")], 2), 1)
        15.8
    """
    each = math.log2(inputs + len(FUNCTIONS) + len(_OTHER_NODES))

    def bits(node: Node) -> float:
        total = each + sum(map(bits, node.children))
        if isinstance(node.value, Fraction):
            return total + min(code_length(node.value), decimal_length(node.value))
        if node.kind == "call" and FUNCTIONS[str(node.value)][1] is None:
            total += len(node.children)
        return total

    return sum(bits(formula.root) for formula in formulas)


def node_count(formulas: Sequence[Formula]) -> int:
    """The nodes of the formulas' trees, each number one: the size of the structure.

    Examples:
        >>> node_count([Formula("2.54 * abs(x1)")])
        4
    """

    def count(node: Node) -> int:
        return 1 + sum(map(count, node.children))

    return sum(count(formula.root) for formula in formulas)
