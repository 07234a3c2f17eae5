"""The closed grammar of formulas: text <-> a function on arrays <-> sympy.

A formula is arithmetic (`+ - * /`, whole powers) over inputs (`x1`, `x2`, ..., or `x` for `x1`), upstream
variables (`v0`, ...), numbers, `pi`, the bounds `low` and `high` of the first argument's box, and the
functions of `FUNCTIONS`. The parser knows nothing else, so that no text is ever evaluated as code; signs
and powers bind as in Python (`-x1**2` is minus the square). A text may come from anybody: its length, depth,
numbers and powers are bounded before anything is computed.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .box import as_floats
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
        mathcircuits.detect.errors.InputError: formula "__import__('os')": function '__import__' is not in the
        grammar; known: relu, abs, min, max, median, mean, step, sign, clip, sin, cos, tanh, exp
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise InputError(
                f"formula {text!r} is a {type(text).__name__}: give a text such as 'x1 - relu(x1 - x2)'"
            )
        self.root = _Parser(text).parse()

    @classmethod
    def from_tree(cls, root: Node) -> Formula:
        """The formula of a tree, without a text in between.

        Examples:
            >>> Formula.from_tree(Formula("relu(x1)").root.children[0])
            Formula('x1')
        """
        formula = cls.__new__(cls)
        formula.root = root
        return formula

    @classmethod
    def from_sympy(cls, expression: sympy.Basic) -> Formula:
        """The formula of a sympy expression over the grammar's functions; numbers keep every digit.

        Raises:
            InputError: for what the grammar does not have.

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
        names = {
            str(node.value) for node in _walk(self.root) if node.kind == "name" and node.value not in _NAMES
        }
        return tuple(sorted(names, key=lambda name: (name[0], int(name[1:]))))

    @property
    def arity(self) -> int:
        """The highest number among the variables; 0 for a constant."""
        return max((column_of(name) + 1 for name in self.variables), default=0)

    def __call__(self, X: Any, box: Sequence[tuple[float, float]] | None = None) -> Any:
        """The values [n] at inputs X [n, d], column k being variable `x{k+1}` (or `v{k}`).

        X may be a numpy array or a torch tensor; the answer is of the same kind, never a view of X. `low` and
        `high` are the bounds of the formula's first variable. Values that overflow or divide by 0 are
        infinite or NaN, as IEEE arithmetic has it.

        Raises:
            InputError: where X has too few columns, or `low`/`high` occur and no box is given.
        """
        X = as_columns(X, self.text)
        if X.ndim != 2 or X.shape[1] < max(self.arity, 1):
            raise InputError(
                f"{self.text} needs an array [n, {max(self.arity, 1)}], got shape {tuple(X.shape)}"
            )
        first = column_of(self.variables[0]) if self.variables else 0
        if box and len(box) <= first:
            raise InputError(f"{self.text}: the box has {len(box)} pairs, give one (low, high) per input")
        low, high = box[first] if box else (None, None)
        return self.evaluate({name: X[:, column_of(name)] for name in self.variables}, X[:, 0], low, high)

    def evaluate(
        self, values: Mapping[str, Any], like: Any, low: float | None = None, high: float | None = None
    ) -> Any:
        """The formula's value with the variables bound to arrays of one shape (`like` gives shape and kind).

        Raises:
            InputError: where a variable or a bound has no value, or a constant part overflows or divides
                by 0.
        """
        xp: Any = sys.modules["torch"] if _is_tensor(like) else np
        bound = {"pi": math.pi, "low": low, "high": high}

        def value(node: Node) -> Any:
            if node.kind == "number":
                return float(node.value)  # type: ignore[arg-type]  # a Fraction
            if node.kind == "name":
                found = values.get(str(node.value), bound.get(str(node.value)))
                if found is None:
                    raise InputError(
                        f"{self.text}: {node.value!r} has no value here; give the box or that column"
                    )
                return found
            operands = [value(child) for child in node.children]
            if node.kind == "call":
                arrays = [a if hasattr(a, "shape") else xp.full_like(like, a) for a in operands]
                return _CALLS[str(node.value)](xp, arrays)
            try:
                return _OPERATORS[node.kind](*operands)
            except (OverflowError, ZeroDivisionError) as error:
                # Of two Python numbers; arrays give infinities instead.
                raise InputError(f"{self.text}: {_print(node)} has no value ({error})") from None

        with np.errstate(all="ignore"):
            result = value(self.root)
        if not hasattr(result, "shape"):
            return xp.full_like(like, result)
        # A bare variable would hand out the caller's own memory.
        return (result.copy() if xp is np else result.clone()) if self.root.kind == "name" else result

    def substitute(self, replacements: Mapping[str, Formula]) -> Formula:
        """The formula with variables replaced by formulas.

        Raises:
            InputError: where the result nests deeper than the grammar allows.

        Examples:
            >>> Formula("relu(x1)").substitute({"x1": Formula("min(x1, x2)")})
            Formula('relu(min(x1, x2))')
        """

        def replaced(node: Node) -> Node:
            if node.kind == "name" and node.value in replacements:
                return replacements[str(node.value)].root
            if not node.children:
                return node
            children = tuple(replaced(child) for child in node.children)
            if node.kind == "neg" and children[0].kind == "number":
                return Node("number", -children[0].value)  # type: ignore[operator]  # a Fraction
            return Node(node.kind, node.value, children)

        root = replaced(self.root)
        if _depth(root) > _MAX_DEPTH:
            raise InputError(f"{self.text}: nested deeper than {_MAX_DEPTH} after the substitution; split it")
        return Formula.from_tree(root)

    @cached_property
    def key(self) -> str:
        """A text that is equal for formulas that differ only in variable names or in how relu is written.

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

        def largest(args: list[Any], k: int) -> Any:
            """The k-th largest: the best of the worst of k."""
            return sp.Max(*(sp.Min(*subset) for subset in itertools.combinations(args, k)))

        def median(args: list[Any]) -> Any:
            # sympy compares every pair of the subsets: 462 of 11 arguments take a minute.
            if len(args) > _MAX_MEDIAN:
                raise InputError(f"{self.text}: a median of more than {_MAX_MEDIAN} is too long for sympy")
            upper, lower = (len(args) + 1) // 2, len(args) // 2 + 1
            return (
                (largest(args, upper) + largest(args, lower)) / 2 if upper != lower else largest(args, upper)
            )

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
            if node.kind == "call":
                return calls[str(node.value)](operands)
            return _OPERATORS[node.kind](*operands)

        found: sympy.Basic = convert(self.root)
        if found.has(sp.zoo, sp.nan, sp.oo):
            raise InputError(f"{self.text} divides by 0: it has no expression")
        return found

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
            f"a {type(expression).__name__} is no sympy expression: give one, or a formula's text"
        )
    return str(Printer().doprint(expression))


def column_of(name: str) -> int:
    """The column that a variable stands for: inputs count from 1, the variables of a layer from 0.

    Examples:
        >>> column_of("x1"), column_of("v0")
        (0, 0)
    """
    return int(name[1:]) - (name[0] == "x")


def as_columns(X: Any, what: str) -> Any:
    """A torch tensor or a numpy array of floating point, anything else converted to float64.

    Whole numbers would round every constant of a formula to a whole number.

    Raises:
        InputError: where X is not numeric; `what` is named in the message.

    Examples:
        >>> as_columns([[1, 2]], "x1").dtype
        dtype('float64')
    """
    if _is_tensor(X):
        return X if X.is_floating_point() else X.to(sys.modules["torch"].get_default_dtype())
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return X
    array = as_floats(X)
    if array is None:
        raise InputError(f"{what} at inputs of type {type(X).__name__}: give an array [n, d] of real numbers")
    return array


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


def _print(node: Node, outer: int = 0, right: bool = False) -> str:
    if node.kind == "number":
        text, level = _print_number(node.value)
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
