"""The activation functions that a hidden layer may have, by name."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .errors import InputError, did_you_mean, near_names

#: PyTorch's and ONNX's default slope of leaky ReLU below zero.
LEAKY_SLOPE = 0.01
_LEAKY = re.compile(r"leaky_relu\(([0-9.eE+-]+)\)")


def _relu(z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.maximum(z, 0.0)


def _gelu(z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    from scipy.special import erf

    return np.asarray(0.5 * z * (1.0 + erf(z / np.sqrt(2.0))))


def _gelu_tanh(z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return 0.5 * z * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (z + 0.044715 * z**3)))


_FUNCTIONS: dict[str, Callable[[npt.NDArray[np.floating]], npt.NDArray[np.floating]]] = {
    "relu": _relu,
    "leaky_relu": lambda z: np.where(z > 0.0, z, LEAKY_SLOPE * z),
    "tanh": np.tanh,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "identity": lambda z: z,
}
NAMES = tuple(_FUNCTIONS)


def check_nonlinearity(name: str) -> str:
    """The canonical name of an activation function.

    Args:
        name: one of `NAMES`, or `"leaky_relu(SLOPE)"` for a slope other than 0.01.

    Raises:
        InputError: for any other name; it lists the known ones.

    Examples:
        >>> check_nonlinearity("relu"), check_nonlinearity("leaky_relu(0.20)"), check_nonlinearity("leaky_relu(0.01)")
        ('relu', 'leaky_relu(0.2)', 'leaky_relu')
        >>> check_nonlinearity("rleu")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: activation 'rleu': did you mean 'relu'? Known: relu, leaky_relu, tanh, gelu, gelu_tanh, identity, leaky_relu(SLOPE)
    """
    if name in _FUNCTIONS:
        return name
    slope = leaky_slope(name) if isinstance(name, str) else None
    if slope is None:
        near = did_you_mean(near_names(str(name), NAMES)) or " is not known."
        raise InputError(f"activation {name!r}{near} Known: {', '.join(NAMES)}, leaky_relu(SLOPE)")
    return "leaky_relu" if slope == LEAKY_SLOPE else f"leaky_relu({slope:g})"


def leaky_slope(name: str) -> float | None:
    """The slope below zero of a leaky ReLU's name, else None.

    Examples:
        >>> leaky_slope("leaky_relu"), leaky_slope("leaky_relu(0.2)"), leaky_slope("relu")
        (0.01, 0.2, None)
    """
    if name == "leaky_relu":
        return LEAKY_SLOPE
    match = _LEAKY.fullmatch(name)
    try:
        return float(match.group(1)) if match else None
    except ValueError:
        return None


def apply_nonlinearity(name: str, z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Apply the named activation function to pre-activations of any shape.

    Examples:
        >>> apply_nonlinearity("relu", np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> apply_nonlinearity("leaky_relu(0.5)", np.array([-1.0, 2.0])).tolist()
        [-0.5, 2.0]
    """
    function = _FUNCTIONS.get(name)
    if function is not None:
        return function(z)
    slope = leaky_slope(check_nonlinearity(name))
    return np.where(z > 0.0, z, slope * z) if slope is not None else z
