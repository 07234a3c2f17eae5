"""identify: the name of an activation function that is known by its values alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError
from mathcircuits.detect.networks import NAMES, apply_nonlinearity, check_nonlinearity

from .criteria import SAME_VALUE
from .refusals import Unreadable

Array = npt.NDArray[np.float64]
Pointwise = Callable[[Array], Array]

# Near zero the smooth functions differ from each other (the two forms of gelu by up to 5e-4), far out the
# clipped ones show: a function that is clipped at 10^6 or beyond is no relu. Single precision ends at 3e38;
# 1e30 leaves room for what squares and cubes.
_NEAR = np.linspace(-6.0, 6.0, 193)
_FAR = np.geomspace(6.1, 1e30, 240)
PROBE: Array = np.concatenate([-_FAR[::-1], _NEAR, _FAR])
_IS_NEAR = np.abs(PROBE) <= 6.0
# Constants such as sqrt(2) are stored in single precision (relative 6e-8), and gelu's cube amplifies them.
_TOLERANCE = 1e-5


def identify(function: Pointwise) -> str | None:
    """The name of an element-wise function, found by its values; None where it is none of the known.

    Examples:
        >>> identify(lambda z: z * (z > 0)), identify(lambda z: np.maximum(z, 0.2 * z)), identify(np.sin)
        ('relu', 'leaky_relu(0.2)', None)
        >>> identify(lambda z: np.clip(z, 0.0, 1000.0)), identify(lambda z: 1 / (1 + np.exp(-z)))
        ('hardtanh(0.0,1000.0)', 'sigmoid')
    """

    def column(z: Array) -> Array:
        values = np.asarray(function(z[:, 0]), dtype=np.float64)
        return values[:, None] if values.shape == z.shape[:1] else values

    return identify_units(column)


def identify_units(function: Pointwise) -> str | None:
    """The name of a function of [n, 1] that gives [n, 1], or [n, units] where each unit has its own constants.

    Units that are leaky ReLUs of several slopes are one `prelu(S1,S2,...)`.

    Examples:
        >>> identify_units(lambda z: np.where(z > 0, z, np.array([0.5, 0.25]) * z))
        'prelu(0.5,0.25)'
    """
    with np.errstate(all="ignore"):
        values = np.asarray(function(PROBE[:, None].copy()), dtype=np.float64)
        if values.ndim != 2 or len(values) != len(PROBE) or not np.isfinite(values[_IS_NEAR]).all():
            return None
        alike = np.ptp(values, axis=1) <= SAME_VALUE * _tolerances(values[:, 0])
        if (alike | ~np.isfinite(values).all(axis=1)).all():
            return _named(values[:, 0])
        slopes = [_slope(column) for column in values.T]
        expected = np.where(PROBE[:, None] > 0.0, PROBE[:, None], np.array(slopes) * PROBE[:, None])
        near = np.abs(values - expected) <= _tolerances(expected)
    return check_nonlinearity(f"prelu({','.join(map(repr, slopes))})") if near.all() else None


def leaky_name(slope: float) -> str:
    """The name of a leaky ReLU with that slope below zero.

    Raises:
        Unreadable: where the slope is NaN or infinite.

    Examples:
        >>> leaky_name(0.2), leaky_name(0.0), leaky_name(1.0), leaky_name(0.01)
        ('leaky_relu(0.2)', 'relu', 'identity', 'leaky_relu')
    """
    if not np.isfinite(slope):
        raise Unreadable(f"a leaky ReLU with slope {slope}", "give it a finite slope")
    return check_nonlinearity(f"leaky_relu({slope!r})")


def prelu_name(slopes: npt.ArrayLike) -> str:
    """The name of a leaky ReLU with one slope a unit, or one slope for all.

    Examples:
        >>> prelu_name([0.25]), prelu_name([0.5, 0.25])
        ('leaky_relu(0.25)', 'prelu(0.5,0.25)')
    """
    listed = np.asarray(slopes, dtype=np.float64).ravel().tolist()
    return leaky_name(listed[0]) if len(listed) == 1 else check_nonlinearity(f"prelu({_numbers(listed)})")


def clip_name(low: float, high: float) -> str:
    """The name of the function that clips to [low, high].

    Examples:
        >>> clip_name(0.0, 10.0), clip_name(0, 6)
        ('hardtanh(0.0,10.0)', 'relu6')
    """
    return check_nonlinearity(f"hardtanh({_numbers([low, high])})")


def _numbers(values: list[float]) -> str:
    return ",".join(repr(float(value)) for value in values)


def _slope(values: Array) -> float:
    """The slope below zero of a leaky ReLU; six digits are what single precision keeps."""
    return float(f"{-float(np.interp(-1.0, PROBE, values)):.6g}")


def _tolerances(expected: Array) -> Array:
    """How far off a value may be: relative where the function grows, absolute where it is saturated."""
    return np.where(np.abs(expected) > 1.0, _TOLERANCE * np.abs(expected), _TOLERANCE)


def _named(values: Array) -> str | None:
    # Exponentials written by hand overflow far out, in the module as here.
    known = np.isfinite(values)
    for name in _candidates(values):
        expected = apply_nonlinearity(name, PROBE)
        if (np.abs(expected - values) <= _tolerances(expected))[known].all():
            return name
    return None


def _candidates(values: Array) -> Iterator[str]:
    """The known names, with the numbers that these values would have under each."""
    yield from NAMES
    forms = [f"leaky_relu({_slope(values)!r})"]
    low, high = float(values[0]), float(values[-1])
    if low < 0.0:
        forms.append(f"elu({-low!r})")
    if PROBE[0] < low < high < PROBE[-1]:
        forms.append(f"hardtanh({low!r},{high!r})")
    at_zero = float(np.interp(0.0, PROBE, values))
    if at_zero > 0.0:
        forms.append(f"softplus({float(f'{np.log(2.0) / at_zero:.6g}')!r})")
    for form in forms:
        try:
            yield check_nonlinearity(form)
        except InputError:
            continue
