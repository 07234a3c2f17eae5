"""The closed grammar of formulas: nodes, functions, the parser and its limits."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, did_you_mean, near_names

if TYPE_CHECKING:
    pass

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


#: Tightest last: sums, products, signs, powers.
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3, "**": 4}


# Six digits: a column of an array, and not a number whose array would fill the memory.
_VARIABLE = re.compile(r"x(?P<x>0*[1-9][0-9]{0,5})?|v(?P<v>[0-9]{1,6})?")


_NAMES = ("pi", "low", "high")


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<mark>\*\*|[-+*/(),]))",
    re.ASCII,
)


#: What people paste or remember from elsewhere -> what the grammar has.
_INSTEAD = {"^": "** for a power", "|": "abs(x1)", "−": "-", "–": "-", "×": "*", "·": "*", "÷": "/"}


_MAX_MEDIAN = 7


# Beyond this a text is an attack on the parser's stack or a mistake, not a formula. A term of a sum counts as
# one level. Powers of powers multiply: sympy would write 9**64**64 out in digits.
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


def column_of(name: str) -> int:
    """The column that a variable stands for: inputs count from 1, the variables of a layer from 0.

    Examples:
        >>> column_of("x1"), column_of("v0")
        (0, 0)
    """
    return int(name[1:]) - (name[0] == "x")


def _is_tensor(X: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


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
    "relu": lambda xp, a: np.maximum(a[0], 0.0) if xp is np else xp.relu(a[0]),
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


class _Parser:
    """Precedence climbing over the tokens of one text; every error repeats it and says what to write."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.kind, self.token = "", ""
        if len(text) > _MAX_LENGTH:
            raise self.error(f"longer than {_MAX_LENGTH} characters; split it")

    def error(self, problem: str) -> InputError:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return InputError(f"formula {shown!r}: {problem}")

    def unexpected(self) -> InputError:
        found = repr(self.token) if self.kind else "the end"
        return self.error(f"not well-formed at {found}; write it like 'x1 - relu(x1 - x2)' or 'min(x1, x2)'")

    def advance(self) -> None:
        """Go to the next token; its kind is empty at the end."""
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            rest = self.text[self.at :].strip()
            if rest:
                instead = _INSTEAD.get(rest[0])
                remedy = (
                    f"write {instead}" if instead else "use numbers, x1, x2, ..., + - * / ** and functions"
                )
                raise self.error(f"{rest[0]!r} is not in the grammar; {remedy}")
            self.kind, self.token, self.at = "", "", len(self.text)
            return
        self.kind, self.token, self.at = str(match.lastgroup), match.group(str(match.lastgroup)), match.end()

    def parse(self) -> Node:
        self.advance()
        root, _ = self.expression(1, 0)
        if self.kind:
            raise self.unexpected()
        return root

    def expression(self, tightness: int, depth: int) -> tuple[Node, int]:
        """What binds at least as tightly as asked for, and the height of its tree."""
        if depth > _MAX_DEPTH:
            raise self.too_deep()
        left, height = self.operand(depth)
        while self.kind == "mark" and _PRECEDENCE.get(self.token, 0) >= tightness:
            operator = self.token
            self.advance()
            # A power's exponent may have a sign of its own, and binds before anything to its left.
            tighter = _PRECEDENCE["neg"] if operator == "**" else _PRECEDENCE[operator] + 1
            right, other = self.expression(tighter, depth + 1)
            if operator == "**":
                self.check_power(left, right)
            elif operator == "/" and right.value == 0:
                raise self.error("divides by 0")
            left, height = Node(operator, None, (left, right)), 1 + max(height, other)
            if height > _MAX_DEPTH:
                raise self.too_deep()
        return left, height

    def operand(self, depth: int) -> tuple[Node, int]:
        """A number, a name, a call, a signed operand or an expression in parentheses."""
        kind, token = self.kind, self.token
        if kind == "number":
            self.advance()
            return self.number(token), 0
        if kind == "name":
            self.advance()
            return self.call(token, depth) if self.token == "(" else (self.name(token), 0)
        if kind == "mark" and token in "+-":
            self.advance()
            inner, height = self.expression(_PRECEDENCE["neg"], depth + 1)
            if token == "+":
                return inner, height
            if inner.kind == "number":
                return Node("number", -inner.value), 0  # type: ignore[operator]  # a Fraction
            return Node("neg", None, (inner,)), height + 1
        if token == "(":
            self.advance()
            inside = self.expression(1, depth + 1)
            self.expect(")")
            return inside
        raise self.unexpected()

    def call(self, token: str, depth: int) -> tuple[Node, int]:
        """A function's arguments, from its opening parenthesis on."""
        name = token.lower()
        if name not in FUNCTIONS:
            near = did_you_mean(near_names(name, FUNCTIONS))
            raise self.error(f"function {token!r} is not in the grammar{near}; known: {', '.join(FUNCTIONS)}")
        self.expect("(")
        arguments: list[Node] = []
        heights = [0]
        while self.token != ")" or arguments:
            argument, height = self.expression(1, depth + 1)
            arguments.append(argument)
            heights.append(height)
            if self.token != ",":
                break
            self.advance()
        self.expect(")")
        fewest, most = FUNCTIONS[name]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            wanted = str(fewest) if most == fewest else f"at least {fewest}"
            raise self.error(f"{name} takes {wanted} argument{'s' * (fewest != 1)}, got {len(arguments)}")
        return Node("call", name, tuple(arguments)), 1 + max(heights)

    def expect(self, mark: str) -> None:
        if self.token != mark:
            raise self.unexpected()
        self.advance()

    def name(self, token: str) -> Node:
        name = token.lower()
        variable = _VARIABLE.fullmatch(name)
        if variable:
            first = 1 if name[0] == "x" else 0
            return Node("name", f"{name[0]}{int(variable[name[0]] or first)}")
        if name in _NAMES:
            return Node("name", name)
        raise self.error(f"name {token!r} is not in the grammar; use x1, x2, ..., v0, ..., pi, low or high")

    def number(self, token: str) -> Node:
        value = float(token)
        if not math.isfinite(value):
            raise self.error("numbers must be finite")
        if token.isdigit():
            return Node("number", Fraction(int(token.lstrip("0") or "0")))
        # The shortest decimal of the float: what a file or a print-out of ours means by it.
        fraction = Fraction(repr(value))
        if fraction == 0 and token.lower().partition("e")[0].strip("0."):
            raise self.error(f"the number {token} is too small; write 0")
        return Node("number", fraction)

    def check_power(self, base: Node, exponent: Node) -> None:
        power = exponent.value
        if not isinstance(power, Fraction) or power.denominator != 1 or not 0 <= power <= _MAX_POWER:
            raise self.error(f"powers must be whole numbers from 0 to {_MAX_POWER}")
        if power * _power(base) > _MAX_POWER:
            raise self.error(f"powers of powers must not exceed {_MAX_POWER} when multiplied")

    def too_deep(self) -> InputError:
        return self.error(f"nested deeper than {_MAX_DEPTH} (each term of a sum is a level); split it")


def _power(node: Node) -> Fraction:
    """The highest product of exponents along a path of the tree."""
    inner = max((_power(child) for child in node.children), default=Fraction(1))
    return inner * node.children[1].value if node.kind == "**" else inner  # type: ignore[operator]


def _depth(node: Node) -> int:
    return 1 + max(map(_depth, node.children)) if node.children else 0


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
