"""Weights that a state dict holds in pieces: pruned, weight-normed, spectrally normed, quantised with a scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..loaded_torch import is_torch_tensor
from ..refusals import Unreadable
from .contents import is_tensor

Array = npt.NDArray[np.float64]

_FLOATS = "save it as dense floats"
_REAL = "weights are real floating-point numbers"
_SCALES = ("_scale", ".scale", "_scales", ".scales")
_ZERO_POINTS = ("_zero_point", ".zero_point")


def as_array(tensor: Any, name: str) -> Array:
    """A tensor or array of real floats as float64, which is exact; a quantised tensor as what it stands for.

    Raises:
        Unreadable: for integers, complex numbers, and tensors that are sparse or without values.

    Examples:
        >>> import torch
        >>> as_array(torch.tensor([0.5, 0.25], dtype=torch.bfloat16), "bias")
        array([0.5 , 0.25])
    """
    if is_torch_tensor(tensor):
        import torch

        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout != torch.strided or tensor.device.type == "meta":
            raise Unreadable(f"{name} is sparse or without values", _FLOATS)
        if not (tensor.is_floating_point() or tensor.ndim == 0):
            raise Unreadable(f"{name} holds {tensor.dtype}", _REAL)
        values: Array = tensor.detach().to("cpu", torch.float64).numpy()
        return values
    if tensor.dtype.kind != "f" and tensor.ndim:
        raise Unreadable(f"{name} holds {tensor.dtype}", _REAL)
    with np.errstate(invalid="ignore"):  # a signalling NaN, which Network refuses by name
        return np.asarray(tensor, dtype=np.float64)


def effective(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors with every weight that is stored in pieces computed, as the layer itself computes it.

    `weight_orig` times `weight_mask` (torch.nn.utils.prune); g v / |v| for `weight_g` and `weight_v` or
    `parametrizations.weight.original0` and `original1` (weight norm, Salimans and Kingma 2016); `weight_orig`
    divided by u . W v (spectral norm in eval mode); integers times the scale beside them.

    Raises:
        Unreadable: for packed quantised layers, which round their inputs too, and for unknown parametrisations.

    Examples:
        >>> pruned = {"0.weight_orig": np.array([[1.0, 2.0]]), "0.weight_mask": np.array([[1.0, 0.0]])}
        >>> effective(pruned)
        {'0.weight': array([[1., 0.]])}
    """
    packed = [name for name, value in tensors.items() if not is_tensor(value)]
    if packed or any("_packed_params" in name for name in tensors):
        raise Unreadable(
            f"holds quantised layers ({(packed or list(tensors))[0]}), which round their inputs as well",
            "save the state dict of the network before it was quantised",
        )
    found: dict[str, Any] = {}
    used: set[str] = set()
    computed: set[str] = set()
    for name, value in tensors.items():
        if name in used:
            continue
        made = (
            _pruned(name, tensors)
            or _normed(name, tensors)
            or _spectral(name, tensors)
            or _scaled(name, tensors)
        )
        if made is None:
            found[name] = value
            continue
        target, array, pieces = made
        found[target] = array
        computed.add(target)
        used.update(pieces)
    left = [name for name in found if ".parametrizations." in f".{name}" and name not in used]
    if left:
        raise Unreadable(
            f"{left[0]} is a part of a parametrised weight that is not known",
            "call torch.nn.utils.parametrize.remove_parametrizations on it and save it again",
        )
    # A piece that was met before the weight it belongs to is no tensor of its own.
    return {name: value for name, value in found.items() if name not in used or name in computed}


_Made = tuple[str, Array, set[str]]


def _pruned(name: str, tensors: Mapping[str, Any]) -> _Made | None:
    base = name.removesuffix("_orig")
    mask = f"{base}_mask"
    if base == name or mask not in tensors:
        return None
    weight = as_array(tensors[name], name) * np.asarray(_numbers(tensors[mask]), dtype=np.float64)
    return base, weight, {name, mask}


def _normed(name: str, tensors: Mapping[str, Any]) -> _Made | None:
    for first, second in (("_g", "_v"), (".original0", ".original1")):
        base = name.removesuffix(first)
        if base == name:
            base = name.removesuffix(second)
        g, v = f"{base}{first}", f"{base}{second}"
        if base == name or g not in tensors or v not in tensors:
            continue
        size, direction = as_array(tensors[g], g), as_array(tensors[v], v)
        # The magnitude has one entry where a row (or column) is normed, and 1 elsewhere.
        axes = tuple(k for k in range(direction.ndim) if size.ndim != direction.ndim or size.shape[k] == 1)
        if size.ndim == direction.ndim and size.shape[0] == direction.shape[0] == 1:
            axes = tuple(range(1, direction.ndim))
        norm = np.sqrt((direction**2).sum(axis=axes, keepdims=True))
        return _plain(base), direction * (size / norm), {g, v}
    return None


def _spectral(name: str, tensors: Mapping[str, Any]) -> _Made | None:
    base = name.removesuffix("_orig")
    pieces = f"{base}_u", f"{base}_v"
    if base == name:
        base = name.removesuffix(".original")
        pieces = f"{base}.0._u", f"{base}.0._v"
    if base == name or pieces[0] not in tensors or pieces[1] not in tensors:
        return None
    weight = as_array(tensors[name], name)
    u, v = (as_array(tensors[piece], piece) for piece in pieces)
    return _plain(base), weight / float(u @ weight.reshape(len(weight), -1) @ v), {name, *pieces}


def _scaled(name: str, tensors: Mapping[str, Any]) -> _Made | None:
    """Integers with their scale beside them: (q - zero point) scale, exactly as a dequantising layer has it."""
    value = tensors[name]
    integral = (
        value.dtype.kind in "iu"
        if isinstance(value, np.ndarray)
        else not (
            value.is_floating_point()
            or value.is_complex()
            or "bool" in str(value.dtype)
            or value.is_quantized
        )
    )
    scale = next((name + end for end in _SCALES if name + end in tensors), None)
    if scale is None or not integral or value.ndim != 2:
        return None
    zero = next((name + end for end in _ZERO_POINTS if name + end in tensors), None)
    factor = as_array(tensors[scale], scale)
    offset = np.zeros(()) if zero is None else np.asarray(_numbers(tensors[zero]), dtype=np.float64)
    rows = [a.reshape(-1, 1) if a.size == value.shape[0] and a.size > 1 else a for a in (factor, offset)]
    if any(a.size not in (1, value.shape[0]) for a in rows):
        raise Unreadable(f"{name} is quantised in groups", _FLOATS)
    weight = (np.asarray(_numbers(value), dtype=np.float64) - rows[1]) * rows[0]
    return name, weight, {name, scale} | ({zero} if zero else set())


def _numbers(value: Any) -> Any:
    return value.detach().cpu().numpy() if is_torch_tensor(value) else value


def _plain(base: str) -> str:
    """`0.parametrizations.weight` is the name of `0.weight` while it is parametrised."""
    return f".{base}".replace(".parametrizations.", ".").removeprefix(".")
