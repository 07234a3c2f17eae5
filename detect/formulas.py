"""The closed grammar of formulas: text <-> a function on arrays <-> sympy.

A formula is arithmetic (`+ - * /`, whole powers) over inputs (`x1`, `x2`, ..., or `x` for `x1`), upstream
variables (`v1`, ...), numbers, `pi`, the bounds `low` and `high` of the first argument's box, and the
functions of `FUNCTIONS`. Text is parsed by Python's own parser and every node is checked against this list:
nothing is ever evaluated as code.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import InputError, did_you_mean, near_names

if TYPE_CHECKING:
    import sympy

#: Function name -> (fewest arguments, most arguments; None for any number).
FUNCTIONS: dict[str, tuple[int, int | None]] = {
    "relu": (1, 1),
    "abs": (1, 1),
    "min": (2, None),
    "max": (2, None),
    "median": (3, None),
    "mean": (1, None),
    "step": (1, 1),
    "sign": (1, 1),
    "clip": (3, 3),
    "sin": (1, 1),
    "cos": (1, 1),
    "tanh": (1, 1),
    "exp": (1, 1),
}
_VARIABLE = re.compile(r"[xv](\d*)")
_NAMES = ("pi", "low", "high")
# Beyond this a text is an attack on the parser's stack or a mistake, not a formula.
_MAX_LENGTH, _MAX_DEPTH, _MAX_POWER = 20_000, 200, 64


@dataclass(frozen=True)
class Node:
    """One node of a formula's tree.

    Attributes:
        kind: `number`, `name`, `call`, or the operator (`+`, `-`, `*`, `/`, `**`, `neg`).
        value: the Fraction of a number, the name of a name or a call, else None.
        children: the operands or arguments.
    """

    kind: str
    value: Fraction | str | None = None
    children: tuple[Node, ...] = ()


class Formula:
    """A formula of the closed grammar.

    Args:
        text: for example `"x1 - relu(x1 - x2)"`; function names in any case.

    Raises:
        InputError: for anything outside the grammar; the message names the offending piece.

    Examples:
        >>> f = Formula("x1 - Max(x1 - x2, 0)")
        >>> f, f.variables
        (Formula('x1 - max(x1 - x2, 0)'), ('x1', 'x2'))
        >>> f(np.array([[0.25, 0.5], [0.5, -0.5]])).tolist()
        [0.25, -0.5]
        >>> f.sympy
        x1 - Max(0, x1 - x2)
        >>> Formula("__import__('os')")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: formula "__import__('os')": function '__import__' is not in the grammar; known: relu, abs, min, max, median, mean, step, sign, clip, sin, cos, tanh, exp
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InputError(f"formula {text!r} is a {type(text).__name__}: give a text such as 'x1 - relu(x1 - x2)'")
        self.source = text
        self.root = _parse(text)

    @classmethod
    def from_sympy(cls, expression: sympy.Basic) -> Formula:
        """The formula of a sympy expression over the grammar's functions.

        Examples:
            >>> import sympy
            >>> x1, x2 = sympy.symbols("x1 x2")
            >>> Formula.from_sympy(x1 - sympy.Max(x1 - x2, 0))
            Formula('x1 - relu(x1 - x2)')
        """
        return cls(print_sympy(expression))

    @cached_property
    def text(self) -> str:
        """The formula in its printed form: lower case, one space around `+` and `-`.

        Examples:
            >>> Formula("Min(x2,x1)*2").text
            'min(x2, x1) * 2'
        """
        return _print(self.root)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The inputs and upstream variables that occur, in order of their number."""
        names = {str(node.value) for node in _walk(self.root) if node.kind == "name" and node.value not in _NAMES}
        return tuple(sorted(names, key=lambda name: (name[0], int(name[1:]))))

    @property
    def arity(self) -> int:
        """The highest number among the variables; 0 for a constant."""
        return max((int(name[1:]) for name in self.variables), default=0)

    def __call__(self, X: Any, box: Sequence[tuple[float, float]] | None = None) -> Any:
        """The values [n] at inputs X [n, d], column k being variable `x{k+1}` (or `v{k+1}`).

        X may be a numpy array or a torch tensor; the answer is of the same kind.

        Raises:
            InputError: where X has too few columns, or `low`/`high` occur and no box is given.
        """
        if not hasattr(X, "ndim"):
            X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] < self.arity:
            raise InputError(f"{self.text} needs an array [n, {max(self.arity, 1)}], got shape {tuple(X.shape)}")
        low, high = box[0] if box else (None, None)
        return self.evaluate({name: X[:, int(name[1:]) - 1] for name in self.variables}, X[:, 0], low, high)

    def evaluate(
        self, values: Mapping[str, Any], like: Any, low: float | None = None, high: float | None = None
    ) -> Any:
        """The formula's value with the variables bound to arrays of one shape (`like` gives shape and kind)."""
        xp: Any = np if isinstance(like, np.ndarray) else sys.modules["torch"]
        bound = {"pi": math.pi, "low": low, "high": high}

        def value(node: Node) -> Any:
            if node.kind == "number":
                return float(node.value)  # type: ignore[arg-type]  # a Fraction
            if node.kind == "name":
                found = values.get(str(node.value), bound.get(str(node.value)))
                if found is None:
                    raise InputError(f"{self.text}: {node.value!r} has no value here; give the box or that column")
                return found
            operands = [value(child) for child in node.children]
            if node.kind == "call":
                arrays = [a if hasattr(a, "shape") else xp.full_like(like, a) for a in operands]
                return _CALLS[str(node.value)](xp, arrays)
            return _OPERATORS[node.kind](*operands)

        result = value(self.root)
        return result if hasattr(result, "shape") and result.shape == like.shape else xp.full_like(like, float(result))

    def substitute(self, replacements: Mapping[str, Formula]) -> Formula:
        """The formula with variables replaced by formulas.

        Examples:
            >>> Formula("relu(x1)").substitute({"x1": Formula("min(x1, x2)")})
            Formula('relu(min(x1, x2))')
        """

        def replaced(node: Node) -> Node:
            if node.kind == "name" and node.value in replacements:
                return replacements[str(node.value)].root
            return Node(node.kind, node.value, tuple(replaced(child) for child in node.children))

        return Formula(_print(replaced(self.root)))

    @cached_property
    def key(self) -> str:
        """A text that is equal for formulas that differ only in the names of their variables or in how relu is written.

        Examples:
            >>> Formula("max(x2 - x1, 0)").key == Formula("relu(x1 - x2)").key
            True
        """
        order: dict[str, str] = {}

        def renamed(node: Node) -> Node:
            if node.kind == "name" and node.value not in _NAMES:
                return Node("name", order.setdefault(str(node.value), f"x{len(order) + 1}"))
            children = tuple(renamed(child) for child in node.children)
            if node.kind == "call" and node.value == "max" and len(children) == 2:
                zero = Node("number", Fraction(0))
                if zero in children:
                    return Node("call", "relu", (children[children[0] == zero],))
            return Node(node.kind, node.value, children)

        return _print(renamed(self.root))

    @cached_property
    def sympy(self) -> sympy.Basic:
        """The formula as a sympy expression with real symbols; relu(u) becomes Max(0, u)."""
        import sympy as sp

        def median(args: list[Any]) -> Any:
            import itertools

            half = len(args) // 2 + 1
            return sp.Max(*(sp.Min(*subset) for subset in itertools.combinations(args, half)))

        calls: dict[str, Callable[[list[Any]], Any]] = {
            "relu": lambda a: sp.Max(0, a[0]),
            "abs": lambda a: sp.Abs(a[0]),
            "min": lambda a: sp.Min(*a),
            "max": lambda a: sp.Max(*a),
            "median": median,
            "mean": lambda a: sp.Add(*a) / len(a),
            "step": lambda a: sp.Heaviside(a[0], 0),
            "sign": lambda a: sp.sign(a[0]),
            "clip": lambda a: sp.Min(sp.Max(a[0], a[1]), a[2]),
            "sin": lambda a: sp.sin(a[0]),
            "cos": lambda a: sp.cos(a[0]),
            "tanh": lambda a: sp.tanh(a[0]),
            "exp": lambda a: sp.exp(a[0]),
        }

        def convert(node: Node) -> Any:
            if node.kind == "number":
                fraction = node.value
                assert isinstance(fraction, Fraction)
                return sp.Rational(fraction.numerator, fraction.denominator)
            if node.kind == "name":
                return sp.pi if node.value == "pi" else sp.Symbol(str(node.value), real=True)
            operands = [convert(child) for child in node.children]
            return calls[str(node.value)](operands) if node.kind == "call" else _OPERATORS[node.kind](*operands)

        return convert(self.root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    def __str__(self) -> str:
        return self.text


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
            return f"step({self._print(e.args[0])})"

        def _print_Function(self, e: Any) -> str:
            name = e.func.__name__.lower()
            if name not in FUNCTIONS:
                raise InputError(f"sympy function {e.func.__name__} is not in the grammar; known: {', '.join(FUNCTIONS)}")
            return f"{name}({', '.join(self._print(a) for a in e.args)})"

        _print_Abs = _print_sign = _print_sin = _print_cos = _print_tanh = _print_exp = _print_Function

    return str(Printer().doprint(sp.sympify(expression, evaluate=False) if isinstance(expression, int | float) else expression))


def _median(xp: Any, arrays: list[Any]) -> Any:
    stacked = xp.stack(arrays)
    if xp is np:
        return np.median(stacked, axis=0)
    ordered, k = stacked.sort(dim=0).values, len(arrays)
    return (ordered[(k - 1) // 2] + ordered[k // 2]) / 2


def _fold(name: str) -> Callable[[Any, list[Any]], Any]:
    def folded(xp: Any, arrays: list[Any]) -> Any:
        result = arrays[0]
        for array in arrays[1:]:
            result = getattr(xp, name)(result, array)
        return result

    return folded


_CALLS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "relu": lambda xp, a: xp.clip(a[0], min=0.0) if xp is not np else np.maximum(a[0], 0.0),
    "abs": lambda xp, a: xp.abs(a[0]),
    "min": _fold("minimum"),
    "max": _fold("maximum"),
    "median": _median,
    "mean": lambda _, a: sum(a[1:], a[0]) / len(a),
    "step": lambda xp, a: xp.where(a[0] > 0, xp.ones_like(a[0]), xp.zeros_like(a[0])),
    "sign": lambda xp, a: xp.sign(a[0]),
    "clip": lambda xp, a: xp.minimum(xp.maximum(a[0], a[1]), a[2]),
    "sin": lambda xp, a: xp.sin(a[0]),
    "cos": lambda xp, a: xp.cos(a[0]),
    "tanh": lambda xp, a: xp.tanh(a[0]),
    "exp": lambda xp, a: xp.exp(a[0]),
}
_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a ** (int(b) if isinstance(b, float) else b),
    "neg": lambda a: -a,
}
_BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


def _parse(text: str) -> Node:
    def refuse(problem: str) -> InputError:
        shown = text if len(text) <= 80 else text[:77] + "..."
        quoted = f'"{shown}"' if "'" in shown else f"'{shown}'"
        return InputError(f"formula {quoted}: {problem}")

    if len(text) > _MAX_LENGTH:
        raise refuse(f"longer than {_MAX_LENGTH} characters; split it")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise refuse("not well-formed; write it like 'x1 - relu(x1 - x2)' or 'min(x1, x2)'") from None

    def convert(node: ast.expr, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise refuse(f"nested deeper than {_MAX_DEPTH}; split it")
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            if not math.isfinite(node.value):
                raise refuse("numbers must be finite")
            return Node("number", Fraction(str(node.value)))
        if isinstance(node, ast.Name):
            name = node.id.lower()
            variable = _VARIABLE.fullmatch(name)
            if variable and variable.group(1) != "0":
                return Node("name", name if variable.group(1) else f"{name}1")
            if name in _NAMES:
                return Node("name", name)
            raise refuse(f"name {node.id!r} is not in the grammar; use x1, x2, ..., v1, ..., pi, low or high")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = convert(node.operand, depth + 1)
            if isinstance(node.op, ast.UAdd):
                return inner
            if inner.kind == "number":
                return Node("number", -inner.value)  # type: ignore[operator]  # a Fraction
            return Node("neg", None, (inner,))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            left, right = convert(node.left, depth + 1), convert(node.right, depth + 1)
            operator = _BINARY[type(node.op)]
            if operator == "**" and not (
                right.kind == "number"
                and isinstance(right.value, Fraction)
                and right.value.denominator == 1
                and 0 <= right.value <= _MAX_POWER
            ):
                raise refuse(f"powers must be whole numbers from 0 to {_MAX_POWER}")
            return Node(operator, None, (left, right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            name = node.func.id.lower()
            if name not in FUNCTIONS:
                near = did_you_mean(near_names(name, FUNCTIONS))
                raise refuse(f"function {node.func.id!r} is not in the grammar{near}; known: {', '.join(FUNCTIONS)}")
            fewest, most = FUNCTIONS[name]
            if len(node.args) < fewest or (most is not None and len(node.args) > most):
                wanted = str(fewest) if most == fewest else f"at least {fewest}"
                raise refuse(f"{name} takes {wanted} argument{'s' * (wanted != '1')}, got {len(node.args)}")
            return Node("call", name, tuple(convert(argument, depth + 1) for argument in node.args))
        raise refuse(f"{ast.unparse(node)!r} is not in the grammar; use + - * / **, numbers, x1, x2, ... and functions")

    return convert(tree, 0)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3, "**": 4}


def _print(node: Node, outer: int = 0, right: bool = False) -> str:
    if node.kind == "number":
        fraction = node.value
        assert isinstance(fraction, Fraction)
        if fraction.denominator == 1:
            text, level = str(fraction.numerator), (3 if fraction < 0 else 9)
        elif Fraction(repr(float(fraction))) == fraction and "e" not in repr(float(fraction)):
            text, level = repr(float(fraction)), (3 if fraction < 0 else 9)
        else:
            text, level = f"{fraction.numerator}/{fraction.denominator}", 2
    elif node.kind == "name":
        return str(node.value)
    elif node.kind == "call":
        return f"{node.value}({', '.join(_print(child) for child in node.children)})"
    elif node.kind == "neg":
        text, level = f"-{_print(node.children[0], 3)}", 3
    else:
        level = _PRECEDENCE[node.kind]
        left, second = node.children
        between = "**" if node.kind == "**" else f" {node.kind} "
        # Powers bind to the right, the others to the left: the other side needs parentheses at equal level.
        text = _print(left, level, node.kind == "**") + between + _print(second, level, node.kind != "**")
    return f"({text})" if level < outer or (right and level == outer) or (level == 3 and right and outer > 0) else text
