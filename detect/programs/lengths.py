"""How long a formula is: operations, digits, bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from ..features.formulas import Formula
from ..features.grammar import FUNCTIONS, Node
from ..features.rationals import code_length


def complexity(node: Node) -> int:
    """Names, calls and operators, and for a number p/q the binary digits of p and of q, less one.

    Examples:
        >>> [complexity(Formula(text).root) for text in ("min(x1, x2)", "x1 - relu(x1 - x2)", "x1/2")]
        [3, 6, 4]
    """
    if isinstance(node.value, Fraction):
        return complexity_of(node.value)
    return 1 + sum(map(complexity, node.children))


def complexity_of(number: Fraction) -> int:
    """The binary digits of p and of q, less one."""
    return max(1, number.numerator.bit_length()) + number.denominator.bit_length() - 1


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
    number of arguments adds one bit per argument; a number adds `code_length`.

    Examples:
        >>> round(description_length([Formula("min(x1, x2)")], 2), 1)
        15.6
    """
    each = math.log2(inputs + len(FUNCTIONS) + len(("+", "-", "*", "/", "**", "neg", "number", "pi")))

    def bits(node: Node) -> float:
        total = each + sum(map(bits, node.children))
        if isinstance(node.value, Fraction):
            return total + code_length(node.value)
        if node.kind == "call" and FUNCTIONS[str(node.value)][1] is None:
            total += len(node.children)
        return total

    return sum(bits(formula.root) for formula in formulas)
