"""Formula: a function in closed form, as text, as a function on arrays and as a SymPy expression.

A formula is arithmetic (`+ - * /`, whole powers) over inputs (`x1`, `x2`, ..., or `x` for `x1`), upstream
variables (`v0`, ...), numbers, `pi`, the bounds `low` and `high` of the first argument's box, and the
functions of `FUNCTIONS`. The parser knows nothing else, so that no text is ever evaluated as code; signs
and powers bind as in Python (`-x1**2` is minus the square). A text may come from anybody: its length, depth,
numbers and powers are bounded before anything is computed.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..networks.box import as_floats
from .grammar import (
    _CALLS,
    _MAX_DEPTH,
    _MAX_MEDIAN,
    _NAMES,
    _OPERATORS,
    Node,
    _depth,
    _is_tensor,
    _Parser,
    _walk,
    column_of,
)
from .printing import print_formula, print_sympy, text_of

if TYPE_CHECKING:
    import sympy


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
        return text_of(self.root)

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

    def __call__(self, X: Any, *, box: Sequence[tuple[float, float]] | None = None) -> Any:
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
                raise InputError(f"{self.text}: {print_formula(node)} has no value ({error})") from None

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

        return print_formula(renamed(self.root))

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
            # sympy compares constants digit by digit, and exp(exp(exp(100))) has more than there are atoms.
            if node.kind == "call" and all(operand.is_number for operand in operands):
                part = Formula.from_tree(node)  # 0 * x1 is a number to sympy, and has a variable
                constant = part.evaluate({name: np.zeros(1) for name in part.variables}, np.zeros(1))
                if not np.isfinite(constant).all():
                    raise InputError(f"{self.text}: {print_formula(node)} is too large for sympy")
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
