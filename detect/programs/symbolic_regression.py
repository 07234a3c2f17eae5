"""Formulas proposed by symbolic regression (pyoperon, an extra), for smooth functions and wide networks.

Burlacu, Kronberger and Kommenda (Operon C++, GECCO 2020) search expressions by genetic programming. A proposal is
worth nothing by itself: `decompile` judges it by the same certificate as its own candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.formulas import Formula
from .criteria import VANISHING
from .lengths import shortened

Array = npt.NDArray[np.float64]

#: What proposals are made of: all of it is in the grammar, and bounded by subdivision.
_SYMBOLS = "add,sub,mul,constant,variable,abs,fmin,fmax,square,sin,tanh"
#: Evaluations of candidates in one search: two seconds on one core for 512 points.
_EVALUATIONS = 200_000
#: Formulas of the front that are tried, the shortest that are near enough.
_MOST_TRIED = 3
#: Digits at which Operon prints constants; they are shortened afterwards.
_DIGITS = 9


def proposals(
    sample: Array, targets: Array, tolerances: Array, seed: int = 0
) -> Iterator[tuple[Formula, ...]]:
    """One formula per output that is within the tolerances on a sample, the shortest first; none where none is.

    Args:
        sample: [n, d] points; targets: [n, out] the network's values there.
        tolerances: [out], in the outputs' units; constants are shortened up to them.
        seed: of the search.

    Raises:
        InputError: where pyoperon is not installed.
    """
    regressor = _regressor()
    found: list[list[Formula]] = []
    for target, tolerance in zip(targets.T, tolerances, strict=True):
        model = regressor(
            allowed_symbols=_SYMBOLS, max_evaluations=_EVALUATIONS, objectives=["r2", "length"],
            n_threads=1, random_state=seed,
        ).fit(sample, target)  # fmt: skip
        front = sorted(model.pareto_front_, key=lambda member: member["objective_values"][1])
        near: list[Formula] = []
        for member in front:
            formula = _formula(model.get_model_string(member["tree"], _DIGITS))
            if float(np.abs(formula(sample) - target).max()) <= tolerance:
                near.append(shortened(formula, sample, target, float(tolerance)))
            if len(near) == _MOST_TRIED:
                break
        found.append(near)
    for k in range(_MOST_TRIED if all(found) else 0):
        yield tuple(near[min(k, len(near) - 1)] for near in found)


def _regressor() -> type:
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError:
        raise InputError(
            "symbolic regression needs pyoperon: pip install 'mathcircuits[symbolic]', or leave out proposer="
        ) from None
    found: type = SymbolicRegressor
    return found


def _formula(text: str) -> Formula:
    """Operon's text as a formula: `X1` is x1, `fmin` is min, `^` a power; sums and products multiplied out.

    Examples:
        >>> _formula("((-0.5) * (((X1) ^ 2) * (-4.2)))")
        Formula('2.1 * x1**2')
    """
    import sympy as sp

    plain = re.sub(r"\bX([0-9]+)\b", r"x\1", text)
    for theirs, ours in (("fmin", "min"), ("fmax", "max"), ("^", "**")):
        plain = plain.replace(theirs, ours)
    exact = Formula(plain).sympy
    floats = {n: sp.Float(float(n)) for n in exact.atoms(sp.Rational) if n.q != 1}
    expanded = sp.expand(exact.xreplace(floats))
    # What is 0 but for the rounding of constants is left out.
    nothing = {n: sp.Integer(0) for n in expanded.atoms(sp.Float) if abs(n) < VANISHING}
    return Formula.from_sympy(sp.expand(expanded.xreplace(nothing)))
