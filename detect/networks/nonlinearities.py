"""The activation functions that a hidden layer may have, by name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError, did_you_mean, near_names

Float = TypeVar("Float", bound=np.floating)
#: PyTorch's and ONNX's default slope of leaky ReLU below zero.
LEAKY_SLOPE = 0.01
_LEAKY = re.compile(r"leaky_relu\(([0-9.eE+-]+)\)")


def _leaky(slope: float, z: Any) -> Any:
    return np.where(z > 0.0, z, slope * z)


def _gelu(z: Any) -> Any:
    from scipy.special import erf

    return 0.5 * z * (1.0 + erf(z / math.sqrt(2.0)))


def _gelu_tanh(z: Any) -> Any:
    # Where the cube overflows, tanh has long been 1.
    with np.errstate(over="ignore"):
        return 0.5 * z * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "leaky_relu": lambda z: _leaky(LEAKY_SLOPE, z),
    "tanh": np.tanh,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "identity": lambda z: z,
}
NAMES = tuple(_FUNCTIONS)


def check_nonlinearity(name: str) -> str:
    """The canonical name of an activation function.

    Args:
        name: one of `NAMES`, or `"leaky_relu(SLOPE)"` for a finite slope other than 0.01; slopes 0 and 1
            are `"relu"` and `"identity"`.

    Raises:
        InputError: for any other name; it lists the known ones.

    Examples:
        >>> check_nonlinearity("relu"), check_nonlinearity("leaky_relu(0.20)")
        ('relu', 'leaky_relu(0.2)')
        >>> check_nonlinearity("leaky_relu(0.01)"), check_nonlinearity("leaky_relu(0)")
        ('leaky_relu', 'relu')
        >>> check_nonlinearity("rleu")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: activation 'rleu': did you mean 'relu'?
        Known: relu, leaky_relu, tanh, gelu, gelu_tanh, identity, leaky_relu(SLOPE)
    """
    if isinstance(name, str) and name in _FUNCTIONS:
        return name
    slope = leaky_slope(name) if isinstance(name, str) else None
    if slope is None:
        near = did_you_mean(near_names(str(name), NAMES)) or " is not known."
        raise InputError(f"activation {name!r}{near} Known: {', '.join(NAMES)}, leaky_relu(SLOPE)")
    # repr keeps every digit of the slope: a rounded one would be another function.
    return {LEAKY_SLOPE: "leaky_relu", 0.0: "relu", 1.0: "identity"}.get(slope, f"leaky_relu({slope!r})")


def leaky_slope(name: str) -> float | None:
    """The slope below zero of a leaky ReLU's name; None for any other name, and where it is not finite.

    Examples:
        >>> leaky_slope("leaky_relu"), leaky_slope("leaky_relu(0.2)"), leaky_slope("relu")
        (0.01, 0.2, None)
    """
    if name == "leaky_relu":
        return LEAKY_SLOPE
    match = _LEAKY.fullmatch(name)
    try:
        slope = float(match.group(1)) if match else None
    except ValueError:
        return None
    return slope if slope is not None and math.isfinite(slope) else None


def apply_nonlinearity(name: str, z: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Apply the named activation function to pre-activations of any shape; their dtype is kept.

    `"identity"` gives the very array back, not a copy.

    Examples:
        >>> apply_nonlinearity("relu", np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> apply_nonlinearity("leaky_relu(0.5)", np.array([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """
    known = name if name in _FUNCTIONS else check_nonlinearity(name)
    slope = leaky_slope(known)
    values: npt.NDArray[Float] = _FUNCTIONS[known](z) if slope is None else _leaky(slope, z)
    return values
