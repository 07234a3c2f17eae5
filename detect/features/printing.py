"""Formulas and linear forms as text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import SAME_NUMBER
from .grammar import _PRECEDENCE, FUNCTIONS, Node

if TYPE_CHECKING:
    pass

Array = npt.NDArray[np.float64]


def print_sympy(expression: Any) -> str:
    """A sympy expression in the grammar's lower-case text; Max(0, u) prints as relu(u).

    Raises:
        InputError: for a function that the grammar does not have.

    Examples:
        >>> import sympy
        >>> x1, x2 = sympy.symbols("x1 x2")
        >>> print_sympy(sympy.Min(x1, x2) + sympy.Rational(1, 2) * sympy.Abs(x1))
        'abs(x1)/2 + min(x1, x2)'
    """
    import sympy as sp
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):  # type: ignore[misc]  # sympy ships no types
        def _print_Max(self, e: Any) -> str:
            rest = [a for a in e.args if a != 0]
            if len(rest) == 1 and len(e.args) == 2:
                return f"relu({self._print(rest[0])})"
            return f"max({', '.join(self._print(a) for a in sorted(e.args, key=sp.default_sort_key))})"

        def _print_Min(self, e: Any) -> str:
            return f"min({', '.join(self._print(a) for a in sorted(e.args, key=sp.default_sort_key))})"

        def _print_Heaviside(self, e: Any) -> str:
            if e.args[1] != 0:
                raise InputError(
                    f"sympy's {e} is {e.args[1]} at 0, where the grammar's step is 0; write Heaviside(u, 0)"
                )
            return f"step({self._print(e.args[0])})"

        def _print_Float(self, e: Any) -> str:
            return repr(float(e))  # sympy's own printer drops digits

        def _print_Exp1(self, e: Any) -> str:  # noqa: ARG002 - sympy's signature
            return "exp(1)"

        def _print_Pow(self, expr: Any, rational: bool = False) -> str:
            if expr.exp.is_Integer and expr.exp < -1:
                return f"(1/({self._print(expr.base**-expr.exp)}))"
            return str(super()._print_Pow(expr, rational))

        def _print_Function(self, e: Any) -> str:
            name = e.func.__name__.lower()
            if name not in FUNCTIONS:
                raise InputError(
                    f"sympy function {e.func.__name__} is not in the grammar; known: {', '.join(FUNCTIONS)}"
                )
            return f"{name}({', '.join(self._print(a) for a in e.args)})"

        _print_Abs = _print_sign = _print_sin = _print_cos = _print_tanh = _print_exp = _print_Function

    if isinstance(expression, int | float | np.number) and not isinstance(expression, bool):
        expression = sp.sympify(expression)
    if not isinstance(expression, sp.Expr):
        raise InputError(
            f"a {type(expression).__name__} is not a sympy expression: give one, or a formula's text"
        )
    return str(Printer().doprint(expression))


def text_of(node: Node) -> str:
    """The formula of a tree in its printed form, kept with the tree, since it is asked for often.

    Examples:
        >>> text_of(Node("call", "relu", (Node("name", "x1"),)))
        'relu(x1)'
    """
    kept = vars(node)
    if _TEXT not in kept:
        kept[_TEXT] = print_formula(node)
    return str(kept[_TEXT])


def print_formula(node: Node, outer: int = 0, right: bool = False) -> str:
    if node.kind == "number":
        text, level = _print_number(node.value)
    elif node.kind == "name":
        return str(node.value)
    elif node.kind == "call":
        return f"{node.value}({', '.join(map(text_of, node.children))})"
    elif node.kind == "neg":
        text, level = f"-{print_formula(node.children[0], 3)}", 3
    else:
        level = _PRECEDENCE[node.kind]
        left, second = node.children
        between = "**" if node.kind == "**" else f" {node.kind} "
        # Powers bind to the right, the others to the left: the other side needs parentheses at equal level.
        text = (
            print_formula(left, level, node.kind == "**")
            + between
            + print_formula(second, level, node.kind != "**")
        )
    # A sign behind an operator gets parentheses for the reader's sake.
    inside = level < outer or (right and level in (outer, 3) and outer > 0)
    return f"({text})" if inside else text


def _print_number(value: object) -> tuple[str, int]:
    """A number's text and how tightly that binds."""
    assert isinstance(value, Fraction)
    # Above 2**53 the shortest decimal is the more readable, where it is as exact.
    if value.denominator == 1 and abs(value) < 2**53:
        return str(value.numerator), (3 if value < 0 else 9)
    decimal = repr(float(value))
    if Fraction(decimal) == value:
        return decimal, (3 if value < 0 else 9)
    if value.denominator == 1:
        return str(value.numerator), (3 if value < 0 else 9)
    # No decimal of a float's length: only trees that were not read from a text hold such.
    return f"{value.numerator} / {value.denominator}", 2


#: Where a tree keeps its text, beside its fields.
_TEXT = "_text"
#: Fractions are written as such up to this denominator; with a large one any number is a fraction.
_DENOMINATOR = 100


def linear_text(
    coefficients: Sequence[float] | Array,
    names: Sequence[str],
    constant: float = 0.0,
    *,
    exact: bool = False,
) -> str:
    """A linear combination in the closed grammar, such as `0.5*x1 - x2 + 1`; a positive term first.

    Args:
        coefficients: one per name.
        names: what they multiply.
        constant: what is added.
        exact: whether numbers are written in full, as small fractions where they are (for an entry whose weights
            are held against its formula); else to four digits.

    Examples:
        >>> linear_text([-1, 0.5, 0], ["x1", "x2", "x3"]), linear_text([0], ["x1"], -2), linear_text([], [])
        ('0.5*x2 - x1', '-2', '0')
        >>> linear_text([1 / 3, 0.1234567], ["x1", "x2"]), linear_text([1 / 3, 0.1234567], ["x1", "x2"], exact=True)
        ('0.3333*x1 + 0.1235*x2', '1/3*x1 + 0.1234567*x2')
    """
    terms = [(float(v), name) for v, name in zip(coefficients, names, strict=True)] + [(float(constant), "")]
    first = next((k for k, (value, name) in enumerate(terms) if value > 0 and name), 0)
    terms.insert(0, terms.pop(first))
    text = ""
    for value, name in terms:
        size = _in_full(abs(value)) if exact else f"{abs(value):.4g}"
        if size == "0":
            continue
        body = name if size == "1" and name else f"{size}*{name}" if name else size
        text += (f" {'-' if value < 0 else '+'} " if text else "-" if value < 0 else "") + body
    return text or "0"


def _in_full(value: float) -> str:
    """A number in all its digits: as a small fraction where it is one up to rounding and its digits do not end soon."""
    text = f"{value:.7g}"
    if float(text) == value:
        return text
    near = Fraction(value).limit_denominator(_DENOMINATOR)
    return str(near) if abs(float(near) - value) <= SAME_NUMBER * value else repr(value)
