"""Formulas in other notations: Python source that runs by itself, and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

from ..features.formulas import Formula
from ..features.grammar import Node

#: How tightly an operator binds, as in `formulas`.
_TIGHT = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3, "**": 4}
_ATOM = 9
_MATH = ("sin", "cos", "tanh", "exp")


def python_source(formulas: Sequence[Formula], inputs: int, note: str = "") -> str:
    """A Python function of plain numbers, one argument per input; several outputs come as a tuple.

    Only built-in functions are used, and `math` for sin, cos, tanh and exp.

    Args:
        formulas: one per output, over x1, x2, ...
        inputs: the number of arguments.
        note: a comment above the function.

    Examples:
        >>> print(python_source([Formula("x1 - relu(x1 - x2)/2")], 2))
        def f(x1, x2):
            return x1 - max(x1 - x2, 0) / 2
    """
    values = [_python(formula.root)[0] for formula in formulas]
    needed = [name for name in _MATH if any(re.search(rf"\b{name}\(", text) for text in values)]
    lines = [f"# {line}" for line in note.splitlines()]
    if needed:
        lines += [f"from math import {', '.join(needed)}", "", ""]
    names = ", ".join(f"x{k + 1}" for k in range(inputs))
    result = values[0] if len(values) == 1 else f"({', '.join(values)})"
    return "\n".join([*lines, f"def f({names}):", f"    return {result}"])


def latex_source(formulas: Sequence[Formula]) -> str:
    r"""The formulas in LaTeX's mathematics; several outputs as a row in parentheses.

    Examples:
        >>> print(latex_source([Formula("min(x1, x2)/2 - relu(x10 + 0.25)")]))
        \frac{\min(x_1, x_2)}{2} - \operatorname{relu}\left(x_{10} + \frac{1}{4}\right)
    """
    values = [_latex(formula.root)[0] for formula in formulas]
    row = r",\; ".join(values)
    return row if len(values) == 1 else rf"\left({row}\right)"


def _operator(node: Node, parts: list[tuple[str, int]], signs: dict[str, str]) -> tuple[str, int]:
    """An operator's text from its operands' texts and tightness, with parentheses where they are needed."""
    level = _TIGHT[node.kind]

    def wrapped(part: tuple[str, int], least: int) -> str:
        return part[0] if part[1] >= least else f"({part[0]})"

    if node.kind == "neg":
        return f"-{wrapped(parts[0], level)}", level
    left, right = (level + 1, level) if node.kind == "**" else (level, level + 1)
    return f"{wrapped(parts[0], left)}{signs[node.kind]}{wrapped(parts[1], right)}", level


def _python(node: Node) -> tuple[str, int]:
    if isinstance(node.value, Fraction):
        return _python_number(node.value)
    if node.kind == "name":
        return (repr(math.pi) if node.value == "pi" else str(node.value)), _ATOM
    parts = [_python(child) for child in node.children]
    if node.kind != "call":
        return _operator(node, parts, {k: f" {k} " if k != "**" else "**" for k in _TIGHT})
    texts, name = [text for text, _ in parts], str(node.value)
    inside = ", ".join(texts)
    if name == "relu":
        return f"max({inside}, 0)", _ATOM
    if name == "clip":
        return f"min(max({texts[0]}, {texts[1]}), {texts[2]})", _ATOM
    if name == "mean":
        return f"sum([{inside}]) / {len(texts)}", _TIGHT["/"]
    if name == "median":
        half, odd = divmod(len(texts), 2)
        if odd:
            return f"sorted([{inside}])[{half}]", _ATOM
        return f"sum(sorted([{inside}])[{half - 1}:{half + 1}]) / 2", _TIGHT["/"]
    if name == "step":
        return f"float({inside} > 0)", _ATOM
    if name == "sign":
        return f"float(({inside} > 0) - ({inside} < 0))", _ATOM
    return f"{name}({inside})", _ATOM


def _python_number(value: Fraction) -> tuple[str, int]:
    decimal = repr(float(value))
    if value.denominator == 1:
        text = str(value.numerator)
    elif Fraction(decimal) == value:
        text = decimal
    else:
        return f"{value.numerator} / {value.denominator}", _TIGHT["/"]
    return text, _TIGHT["neg"] if value < 0 else _ATOM


def _latex(node: Node) -> tuple[str, int]:
    if isinstance(node.value, Fraction):
        size = abs(node.value)
        text = str(size.numerator)
        if size.denominator != 1:
            text = rf"\frac{{{size.numerator}}}{{{size.denominator}}}"
        return (f"-{text}", _TIGHT["neg"]) if node.value < 0 else (text, _ATOM)
    if node.kind == "name":
        name = str(node.value)
        number = name[1:]
        if not number.isdigit():
            return {"pi": r"\pi"}.get(name, rf"\mathrm{{{name}}}"), _ATOM
        return f"{name[0]}_{number if len(number) == 1 else f'{{{number}}}'}", _ATOM
    parts = [_latex(child) for child in node.children]
    if node.kind == "/":
        return rf"\frac{{{parts[0][0]}}}{{{parts[1][0]}}}", _ATOM
    if node.kind == "**":
        base = parts[0][0] if parts[0][1] == _ATOM else rf"\left({parts[0][0]}\right)"
        return f"{base}^{{{parts[1][0]}}}", _TIGHT["**"]
    if node.kind != "call":
        return _operator(node, parts, {"+": " + ", "-": " - ", "*": r" \cdot "})
    inside, name = ", ".join(text for text, _ in parts), str(node.value)
    if name == "abs":
        return rf"\left|{inside}\right|", _ATOM
    head = rf"\{name}" if name in ("min", "max", "sin", "cos", "tanh", "exp") else rf"\operatorname{{{name}}}"
    plain = all(child.kind in ("name", "number") for child in node.children)
    return head + (f"({inside})" if plain else rf"\left({inside}\right)"), _ATOM
