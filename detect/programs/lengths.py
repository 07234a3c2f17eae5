"""How long a formula is: operations, digits, bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..features.formulas import Formula
from ..features.grammar import FUNCTIONS, Node
from ..features.rationals import LARGEST_DENOMINATOR, code_length, decimal_digits, decimal_length

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
    if written_as_decimal(number):
        digits = decimal_digits(number)
        assert digits is not None
        return 1 + math.ceil(digits[0] * math.log2(10))
    return max(1, number.numerator.bit_length()) + number.denominator.bit_length() - 1


def written_as_decimal(number: Fraction) -> bool:
    """Whether a number reads better as a decimal: it is a finite one, and no small fraction of halves or thirds.

    Examples:
        >>> [written_as_decimal(Fraction(text)) for text in ("2.54", "137.5", "0.1", "3/8", "1/3", "7")]
        [True, True, True, False, False, False]
    """
    q = number.denominator
    height = max(abs(number.numerator), q)
    return math.isfinite(decimal_length(number)) and q > 1 and (q % 5 == 0 or height > LARGEST_DENOMINATOR)


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
