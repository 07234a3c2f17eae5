"""What a node of an ONNX graph reads: computed tensors, constants and attributes, told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..layer_chain import Unreadable
from .tensors import Tensor

Array = npt.NDArray[np.float64]
Attributes = dict[str, Any]
#: What a node reads: a computed tensor, a constant, or nothing where an optional input is left out.
Given = Tensor | npt.NDArray[Any] | None


def computed(args: Sequence[Given], label: str) -> Tensor:
    """A node's first argument, which is computed.

    Raises:
        Unreadable: where it is a constant, so that another argument is computed.

    Examples:
        >>> from ..layer_chain import Value
        >>> computed([Tensor(Value(), (None, 2)), np.ones(2)], "node 0 (PRelu)").units
        2
    """
    first = args[0]
    if not isinstance(first, Tensor):
        raise Unreadable(f"{label} computes its parameters", "an MLP's parameters are constants")
    return first


def refuse_computed(args: Sequence[Given], label: str) -> None:
    """Refuse a node whose bounds or sizes are computed.

    Raises:
        Unreadable: where one of the arguments is computed.

    Examples:
        >>> refuse_computed([np.ones(2), None], "node 0 (Slice)")
    """
    if any(isinstance(arg, Tensor) for arg in args):
        raise Unreadable(f"{label} has computed bounds", "export with a fixed shape")


def with_constant(args: Sequence[Given], label: str) -> tuple[Tensor | None, npt.NDArray[Any], bool]:
    """The computed one of two arguments, the constant one, and whether the computed one comes first.

    None for the first where both are computed, or where there are not two.

    Raises:
        Unreadable: for a constant that holds no real numbers.

    Examples:
        >>> from ..layer_chain import Value
        >>> tensor, constant, first = with_constant([np.array([1, 2]), Tensor(Value(), (None, 2))], "node 0 (Sub)")
        >>> constant.tolist(), first
        ([1.0, 2.0], False)
    """
    if len(args) == 2:
        left, right = args
        if isinstance(left, Tensor) and isinstance(right, np.ndarray):
            return left, real_numbers(right, label), True
        if isinstance(right, Tensor) and isinstance(left, np.ndarray):
            return right, real_numbers(left, label), False
    return None, np.zeros(0), False


def real_numbers(constant: npt.NDArray[Any], label: str) -> Array:
    """A constant as float64, which holds every narrower float exactly.

    Raises:
        Unreadable: for truth values, texts and complex numbers.

    Examples:
        >>> real_numbers(np.float32([0.5]), "node 0 (Add)")
        array([0.5])
    """
    if constant.dtype.kind not in "fiu" and "float" not in constant.dtype.name:
        raise Unreadable(f"{label} computes with {constant.dtype}", "constants are real numbers")
    return constant.astype(np.float64)


def named_axes(args: Sequence[Given], attributes: Attributes) -> list[int] | None:
    """The axes of a Squeeze or Unsqueeze: an input since opset 13, an attribute before.

    Examples:
        >>> named_axes([None, np.array([1])], {}), named_axes([None], {"axes": [0]}), named_axes([None], {})
        ([1], [0], None)
    """
    given = args[1] if len(args) > 1 else attributes.get("axes")
    return None if given is None or isinstance(given, Tensor) else [int(axis) for axis in np.ravel(given)]


def decimal(attributes: Attributes, name: str, default: float) -> float:
    """An attribute, which is a single-precision number: 0.2 is meant where 0.20000000298 is stored.

    Examples:
        >>> decimal({"alpha": float(np.float32(0.2))}, "alpha", 0.01)
        0.2
    """
    return float(str(np.float32(attributes.get(name, default))))
