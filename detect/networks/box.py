"""The box of inputs on which everything is measured, and samples from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .sobol_sequence import MOST_DIMENSIONS, scrambled_sobol

Pair = tuple[float, float]
#: One (low, high) pair per input.
Box = tuple[Pair, ...]


class HasBox(Protocol):
    """A domain, by its box: where only bounds matter, its data and points are left aside."""

    @property
    def box(self) -> Box: ...


#: What callers may write: one pair for all inputs, one pair per input, or a Domain.
BoxLike = Pair | Sequence[Pair] | Sequence[float] | npt.NDArray[np.floating] | HasBox


#: Bounds of a box, and the inverse of its widths: variances and certificates take fourth powers of the inputs, and
#: float64 holds 1e-308 to 1e308.
WIDEST = 1e60


def as_box(box: BoxLike, inputs: int) -> Box:
    """One (low, high) pair per input from one pair for all of them, one each, or a domain's.

    Raises:
        InputError: for another shape, a bound that is not finite, low >= high, or bounds so far from 0 or so close to
            each other that float64 does not hold the squares of what is computed of them.

    Examples:
        >>> as_box((-1, 1), 2)
        ((-1.0, 1.0), (-1.0, 1.0))
        >>> as_box([(0, 1), (-2, 2)], 2)
        ((0.0, 1.0), (-2.0, 2.0))
    """
    remedy = f"give (low, high) for all inputs, or {inputs} such pairs"
    bounds = as_floats(getattr(box, "box", box))
    if bounds is None:
        raise InputError(f"box {box!r} is not numeric: {remedy}")
    if bounds.shape == (2,):
        bounds = np.tile(bounds, (inputs, 1))
    if bounds.shape != (inputs, 2):
        raise InputError(f"box {box!r} has shape {bounds.shape}: {remedy}")
    if not np.isfinite(bounds).all() or not (bounds[:, 0] < bounds[:, 1]).all():
        raise InputError(f"box {box!r}: every low must be finite and below its high")
    if not ((np.abs(bounds) <= WIDEST).all() and (bounds[:, 1] - bounds[:, 0] >= 1.0 / WIDEST).all()):
        raise InputError(
            f"box {box!r}: bounds must be within {WIDEST:g} of 0 and {1.0 / WIDEST:g} apart, or squares of the inputs "
            "overflow, or vanish; give the inputs in other units"
        )
    return tuple((float(low), float(high)) for low, high in bounds)


def as_floats(values: object) -> npt.NDArray[np.float64] | None:
    """The values as a float64 array (themselves where they are one), or None where they are no real numbers.

    Texts, dates and complex numbers are refused, though numpy would convert them with or without a word.

    Examples:
        >>> as_floats([1, 2]), as_floats(["1", "2"]) is None, as_floats([1j]) is None
        (array([1., 2.]), True, True)
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            return None
        return np.asarray(array, dtype=np.float64)
    # A torch tensor that needs its gradient raises a RuntimeError.
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return None


def check_inputs(
    X: npt.ArrayLike, inputs: int | None = None, what: str = "inputs"
) -> npt.NDArray[np.float64]:
    """X as a finite float64 array [n, d] with n >= 1.

    Args:
        X: array-like [n, d], rows are samples; a vector [n] is read as one input.
        inputs: the d that is expected, or None for any.
        what: what a message calls X, in the plural.

    Raises:
        InputError: for another shape, no rows, or a value that is NaN or infinite.

    Examples:
        >>> check_inputs([0.5, 1.0]).shape
        (2, 1)
        >>> check_inputs([[float("nan"), 1.0]])
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: inputs hold 1 value that is NaN or infinite
        (first at row 0, column 0): drop or repair those rows
    """
    values = as_floats(X)
    if values is None:
        raise InputError(
            f"{what} of type {type(X).__name__} are not numeric: give an array [n, d] of real numbers "
            "(a torch tensor by .detach().cpu().numpy())"
        )
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[0] == 0 or values.shape[1] == 0:
        raise InputError(f"{what} have shape {values.shape}: give an array [n, d] with at least one row")
    if inputs is not None and values.shape[1] != inputs:
        columns = f"{values.shape[1]} column{'s' * (values.shape[1] != 1)}"
        raise InputError(f"{what} have {columns}, expected {inputs}: one column per input")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        count = "1 value that is" if len(bad) == 1 else f"{len(bad)} values that are"
        where = f"first at row {bad[0][0]}, column {bad[0][1]}"
        raise InputError(f"{what} hold {count} NaN or infinite ({where}): drop or repair those rows")
    return values


def sobol_points(box: Box, log2_points: int, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """2**log2_points scrambled Sobol points of the box, [n, d] (those of scipy.stats.qmc).

    One input gets the midpoints of an even grid instead, which no scrambling can better.

    Raises:
        InputError: for more inputs than Sobol's sequence has dimensions (21 201 in scipy).

    Examples:
        >>> sobol_points(((0.0, 1.0),), 2).ravel().tolist()
        [0.125, 0.375, 0.625, 0.875]
        >>> X = sobol_points(((-1.0, 1.0), (0.0, 2.0)), 9)
        >>> X.shape, bool(abs(X.mean(axis=0) - [0, 1]).max() < 0.01)
        ((512, 2), True)
    """
    n = 2**log2_points
    low, high = np.array(box).T
    if len(box) == 1:
        unit = ((np.arange(n) + 0.5) / n)[:, None]
    elif len(box) <= MOST_DIMENSIONS:
        unit = scrambled_sobol(len(box), log2_points, np.random.default_rng(seed))
    else:
        from scipy.stats import qmc

        if len(box) > qmc.Sobol.MAXDIM:
            raise InputError(
                f"a box of {len(box)} inputs: at most {qmc.Sobol.MAXDIM} can be sampled evenly; give inputs"
            )
        unit = qmc.Sobol(len(box), scramble=True, rng=np.random.default_rng(seed)).random_base2(log2_points)
    return np.asarray(low + unit * (high - low))


def comparison_points(box: Box, count: int, *, seed: int = 0) -> npt.NDArray[np.float64]:
    """Points on which functions are compared: `count` uniform draws from the box, [count, d], the same at every call.

    Different piecewise-linear or smooth functions differ at almost every such point, so a few hundred tell any two
    of a catalogue apart. Nothing is estimated from them; averages over a box are taken on `sobol_points`.

    Args:
        box: one (low, high) pair per input.
        count: how many points.
        seed: comparisons whose points should be independent of one another take different seeds.

    Examples:
        >>> X = comparison_points(((-1.0, 1.0), (0.0, 2.0)), 64)
        >>> X.shape, bool((comparison_points(((-1.0, 1.0), (0.0, 2.0)), 64) == X).all())
        ((64, 2), True)
    """
    # A constant has no inputs, and its box no sides.
    low, high = np.reshape(box, (-1, 2)).T
    return np.random.default_rng(seed).uniform(low, high, (count, len(box)))


def box_of(X: npt.NDArray[np.floating]) -> Box:
    """The box that inputs [n, d] seem to come from: (-1, 1), or an input's own range where it leaves that.

    Examples:
        >>> box_of(np.array([[0.0, 2.0], [1.0, 3.0]]))
        ((-1.0, 1.0), (2.0, 3.0))
    """
    low, high = X.min(axis=0), X.max(axis=0)
    inside = (low >= -1.0) & (high <= 1.0)
    # An input that never varies still needs a box around it.
    flat = ~inside & (low == high)
    low, high = np.where(inside, -1.0, low - flat), np.where(inside, 1.0, high + flat)
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))
