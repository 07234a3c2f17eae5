"""The activation functions that a hidden layer may have, by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError, did_you_mean, near_names

Float = TypeVar("Float", bound=np.floating)
#: PyTorch's and ONNX's default slope of leaky ReLU below zero.
LEAKY_SLOPE = 0.01
#: SELU's two constants (Klambauer et al. 2017, arXiv:1706.02515): it is SCALE * elu(z) with that alpha.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
_CALL = re.compile(r"(\w+)\(([^()]*)\)")
#: Slopes that a name shows when it is printed; of a wide layer's PReLU their number is enough.
_SHOWN = 4


def _leaky(z: Any, slope: float) -> Any:
    return np.where(z > 0.0, z, slope * z)


def _prelu(z: Any, *slopes: float) -> Any:
    return np.where(z > 0.0, z, np.asarray(slopes, dtype=z.dtype) * z)


def _gelu(z: Any) -> Any:
    from scipy.special import erf

    return 0.5 * z * (1.0 + erf(z / math.sqrt(2.0)))


def _gelu_tanh(z: Any) -> Any:
    # Where the cube overflows, tanh has long been 1.
    with np.errstate(over="ignore"):
        return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


def _sigmoid(z: Any) -> Any:
    from scipy.special import expit

    return expit(z)


def _elu(z: Any, alpha: float = 1.0) -> Any:
    return np.where(z > 0.0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def _softplus(z: Any, beta: float = 1.0) -> Any:
    with np.errstate(invalid="ignore"):  # NaN in, NaN out, as everywhere else
        return np.logaddexp(np.zeros((), dtype=z.dtype), beta * z) / beta


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: _leaky(z, LEAKY_SLOPE),
    "tanh": np.tanh,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "silu": lambda z: z * _sigmoid(z),
    "elu": _elu,
    "selu": lambda z: SELU_SCALE * _elu(z, SELU_ALPHA),
    "softplus": _softplus,
    "relu6": lambda z: np.clip(z, 0.0, 6.0),
    "hardtanh": lambda z: np.clip(z, -1.0, 1.0),
}
_WITH_NUMBERS: dict[str, Callable[..., Any]] = {
    "leaky_relu": _leaky,
    "elu": _elu,
    "softplus": _softplus,
    "hardtanh": lambda z, low, high: np.clip(z, low, high),
    "prelu": _prelu,
}
NAMES = tuple(_FUNCTIONS)
#: The names that carry numbers, as messages list them.
FORMS = ("leaky_relu(SLOPE)", "elu(ALPHA)", "softplus(BETA)", "hardtanh(LOW,HIGH)", "prelu(SLOPE,...)")


def check_nonlinearity(name: str) -> str:
    """The canonical name of an activation function.

    Args:
        name: one of `NAMES`, or one with finite numbers: `"leaky_relu(SLOPE)"`, `"elu(ALPHA)"` with ALPHA >= 0,
            `"softplus(BETA)"` with BETA > 0, `"hardtanh(LOW,HIGH)"` with LOW < HIGH, `"prelu(SLOPE,...)"` with
            one slope a unit. A form that equals a plainer one gets the plainer name: slopes 0 and 1 are `"relu"`
            and `"identity"`.

    Raises:
        InputError: for any other name; it lists the known ones.

    Examples:
        >>> check_nonlinearity("relu"), check_nonlinearity("leaky_relu(0.20)")
        ('relu', 'leaky_relu(0.2)')
        >>> check_nonlinearity("leaky_relu(0.01)"), check_nonlinearity("leaky_relu(0)")
        ('leaky_relu', 'relu')
        >>> check_nonlinearity("hardtanh(0, 6)"), check_nonlinearity("prelu(0.2,0.2)")
        ('relu6', 'leaky_relu(0.2)')
        >>> check_nonlinearity("rleu")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: activation 'rleu': did you mean 'relu' or 'relu6'?
        Known: relu, leaky_relu, tanh, ..., hardtanh, leaky_relu(SLOPE), elu(ALPHA), ...
    """
    if isinstance(name, str) and name in _FUNCTIONS:
        return name
    found = _parsed(name) if isinstance(name, str) else None
    if found is None:
        near = did_you_mean(near_names(str(name), NAMES)) or " is not known."
        raise InputError(f"activation {name!r}{near} Known: {', '.join((*NAMES, *FORMS))}")
    return _canonical(*found)


def _canonical(base: str, numbers: tuple[float, ...]) -> str:
    """The shortest name of a function with these numbers."""
    if base == "prelu" and len(set(numbers)) == 1:
        base, numbers = "leaky_relu", numbers[:1]
    plain = {
        ("leaky_relu", (LEAKY_SLOPE,)): "leaky_relu", ("leaky_relu", (0.0,)): "relu",
        ("leaky_relu", (1.0,)): "identity", ("elu", (1.0,)): "elu", ("elu", (0.0,)): "relu",
        ("softplus", (1.0,)): "softplus", ("hardtanh", (-1.0, 1.0)): "hardtanh",
        ("hardtanh", (0.0, 6.0)): "relu6",
    }.get((base, numbers))  # fmt: skip
    # repr keeps every digit of a number: a rounded one would be another function.
    return plain or f"{base}({','.join(map(repr, numbers))})"


@lru_cache(maxsize=512)
def _parsed(name: str) -> tuple[str, tuple[float, ...]] | None:
    """The function and the numbers of a name with numbers; None where it is none, or they do not fit."""
    match = _CALL.fullmatch(name)
    if match is None or match[1] not in _WITH_NUMBERS:
        return None
    try:
        # Other scripts' digits would make two names of one function.
        numbers = tuple(float(text) for text in match[2].split(",")) if match[2].isascii() else ()
    except ValueError:
        return None
    fits = {
        "leaky_relu": len(numbers) == 1,
        "elu": len(numbers) == 1 and numbers[0] >= 0.0,
        "softplus": len(numbers) == 1 and numbers[0] > 0.0,
        "hardtanh": len(numbers) == 2 and numbers[0] < numbers[-1],
        "prelu": len(numbers) > 0,
    }[match[1]]
    return (match[1], numbers) if fits and all(map(math.isfinite, numbers)) else None


def leaky_slope(name: str) -> float | None:
    """The slope below zero of a leaky ReLU's name; None for any other name, and where it is not finite.

    Examples:
        >>> leaky_slope("leaky_relu"), leaky_slope("leaky_relu(0.2)"), leaky_slope("relu")
        (0.01, 0.2, None)
    """
    if name == "leaky_relu":
        return LEAKY_SLOPE
    base, numbers = _parsed(name) or ("", ())
    return numbers[0] if base == "leaky_relu" else None


def unit_slopes(name: str) -> tuple[float, ...] | None:
    """The slopes below zero of a PReLU with one a unit; None for any other name.

    Examples:
        >>> unit_slopes("prelu(0.1,0.2)"), unit_slopes("leaky_relu")
        ((0.1, 0.2), None)
    """
    base, numbers = _parsed(name) or ("", ())
    return numbers if base == "prelu" else None


def clip_range(name: str) -> tuple[float, float] | None:
    """The bounds of a function that clips its argument, `min(max(z, LOW), HIGH)`; None for any other name.

    Examples:
        >>> clip_range("relu6"), clip_range("hardtanh"), clip_range("hardtanh(-2,0.5)"), clip_range("relu")
        ((0.0, 6.0), (-1.0, 1.0), (-2.0, 0.5), None)
    """
    base, numbers = _parsed(name) or (name, ())
    if base == "relu6":
        return 0.0, 6.0
    if base == "hardtanh":
        return (numbers[0], numbers[1]) if numbers else (-1.0, 1.0)
    return None


def parameter(name: str) -> float:
    """The one number of `elu` or `softplus`: ALPHA or BETA, 1 where the name has none.

    Examples:
        >>> parameter("elu(0.5)"), parameter("softplus")
        (0.5, 1.0)
    """
    found = _parsed(name)
    return found[1][0] if found else 1.0


def check_units(name: str, units: int) -> None:
    """Refuse a PReLU whose slopes are not one a unit of its layer.

    Raises:
        InputError: with both numbers.

    Examples:
        >>> check_units("prelu(0.1,0.2)", 2)
        >>> check_units("prelu(0.1,0.2)", 3)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: prelu with 2 slopes on a layer of 3 units: give one slope a unit
    """
    slopes = unit_slopes(name)
    if slopes is not None and len(slopes) != units:
        raise InputError(
            f"prelu with {len(slopes)} slopes on a layer of {units} units: give one slope a unit"
        )


def with_one_slope(name: str) -> str:
    """The leaky ReLU with the mean of a PReLU's slopes; any other name as it is.

    Examples:
        >>> with_one_slope("prelu(0.25,0.75)"), with_one_slope("tanh")
        ('leaky_relu(0.5)', 'tanh')
    """
    slopes = unit_slopes(name)
    return name if slopes is None else _canonical("leaky_relu", (math.fsum(slopes) / len(slopes),))


def short_name(name: str) -> str:
    """The name as it is printed: of a PReLU with many slopes their number alone.

    Examples:
        >>> short_name("prelu(0.1,0.2)"), short_name("prelu(0.1,0.2,0.3,0.4,0.5)")
        ('prelu(0.1,0.2)', 'prelu(5 slopes)')
    """
    slopes = unit_slopes(name)
    return name if slopes is None or len(slopes) <= _SHOWN else f"prelu({len(slopes)} slopes)"


def apply_nonlinearity(name: str, z: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Apply the named activation function to pre-activations of any shape; their dtype is kept.

    A PReLU with one slope a unit takes the last axis as its units. `"identity"` gives the very array back,
    not a copy.

    Examples:
        >>> apply_nonlinearity("relu", np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> apply_nonlinearity("leaky_relu(0.5)", np.array([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
        >>> apply_nonlinearity("prelu(0.5,0)", np.array([[-1.0, -2.0]])).tolist()
        [[-0.5, -0.0]]
    """
    known = name if name in _FUNCTIONS else check_nonlinearity(name)
    if known in _FUNCTIONS:
        values: npt.NDArray[Float] = _FUNCTIONS[known](z)
        return values
    base, numbers = _parsed(known) or ("", ())
    special: npt.NDArray[Float] = _WITH_NUMBERS[base](z, *numbers)
    return special
