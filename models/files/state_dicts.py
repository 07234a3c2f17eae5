"""Checkpoints of other people: which tensors are the layers, in which order."""

from __future__ import annotations

import io
import itertools
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mathcircuits.detect import Network

from .layer_chain import MAX_VALUES, Reading, Unreadable, read

#: What torch.save wrote before its files were zip archives: a pickled magic number.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

_ROLE = re.compile(r"(?:(?P<prefix>.*)\.)?(?P<role>weight|kernel|W|w|bias|b)_?(?P<number>\d*)", re.DOTALL)
_TRANSFORMER_LENS = {"W_in", "b_in", "W_out", "b_out"}
# Where several orders of the layers fit, these names say which layer is the first and which the last.
_FIRST = {"in", "input", "first", "embed", "fc_in", "lin_in", "stem"}
_LAST = {"out", "output", "last", "head", "readout", "unembed", "final", "classifier", "fc_out", "lin_out"}
# Names under which training scripts keep the weights beside optimiser and epoch.
_STATE_KEYS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
)
_SAVE_STATE = "save model.state_dict() with torch.save, or with safetensors"
_MLP_ONLY = "only the weights [out, in] and biases [out] of linear layers can be read as an MLP"


def read_torch_file(data: bytes, activation: str | Sequence[str]) -> Reading:
    """A state dict that `torch.save` wrote, through `weights_only=True` alone; no code in it ever runs.

    Args:
        data: the file's bytes, a zip archive or the older bare form.
        activation: one name for all hidden layers or one each, since a state dict does not tell.

    Raises:
        Unreadable: for anything else in the file, damage, or tensors that are no MLP.

    Examples:
        >>> file = io.BytesIO()
        >>> torch.save(torch.nn.Linear(2, 1).state_dict(), file)
        >>> read_torch_file(file.getvalue(), "relu").network
        Network(2-1, bias)
    """
    if data[:2] == b"PK":
        check_archive(data)
    try:
        with warnings.catch_warnings():
            # torch's own reader of old files uses what it warns of.
            warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # the restricted unpickler meets hostile bytes: any exception means "refused"
        raise Unreadable(
            f"is no state dict (torch refuses it with weights_only=True: {first_line(error)})", _SAVE_STATE
        ) from None
    return read_state_dict(find_state_dict(content), activation, ordered=True)


def check_archive(data: bytes) -> None:
    """Refuse a damaged or absurdly large zip archive before a library unpacks it.

    Examples:
        >>> check_archive(b"PK, and no more")
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.layer_chain.Unreadable: is a damaged archive (...); copy or save it again
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > 8 * MAX_VALUES:
                raise Unreadable(f"unpacks to {total} bytes, more than the {8 * MAX_VALUES} that are read")
            if not _covers(archive, data):
                raise Unreadable(
                    "is a damaged archive (members are missing from its directory)", "copy or save it again"
                )
            damaged = archive.testzip()
    except Unreadable:
        raise
    except Exception as error:  # zipfile lets zlib's, struct's and codecs' errors through
        raise Unreadable(f"is a damaged archive ({first_line(error)})", "copy or save it again") from None
    if damaged is not None:
        raise Unreadable(f"is damaged (the checksum of {damaged!r} does not match)", "copy or save it again")


def _covers(archive: zipfile.ZipFile, data: bytes) -> bool:
    """Whether the members that the directory lists fill the archive: a damaged directory can lose some."""
    end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        # Up to 24 bytes between members repeat a member's sizes (a "data descriptor").
        if not end <= entry.header_offset <= end + 24:
            return False
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        end = entry.header_offset + 30 + name + extra + entry.compress_size
    return end <= archive.start_dir <= end + 24


def find_state_dict(content: object) -> dict[str, Any]:
    """The state dict in what a checkpoint holds: itself, under a usual name, or the only one there is.

    Nested dicts of tensors are flattened to dotted names.

    Raises:
        Unreadable: where there is none, or several and no usual name.

    Examples:
        >>> list(find_state_dict({"epoch": 3, "state_dict": {"a": {"weight": torch.ones(1, 2)}}}))
        ['a.weight']
    """
    if isinstance(content, torch.nn.Module):
        raise Unreadable("is a whole pickled module", _SAVE_STATE)
    if not isinstance(content, Mapping):
        raise Unreadable(f"is no state dict but a {type(content).__name__}", _SAVE_STATE)
    flat = _flat(content)
    if flat:
        return flat
    for key in _STATE_KEYS:
        if isinstance(content.get(key), Mapping):
            return find_state_dict(content[key])
    nested = {
        key: found for key, value in content.items() if isinstance(value, Mapping) and (found := _flat(value))
    }
    if len(nested) != 1:
        what = f"several state dicts ({', '.join(map(repr, nested))})" if nested else "no state dict"
        raise Unreadable(f"holds {what}", _SAVE_STATE)
    return next(iter(nested.values()))


def _flat(content: Mapping[Any, Any]) -> dict[str, Any] | None:
    """Dotted name -> tensor, or None where something else is in it, or networks side by side."""
    flat: dict[str, Any] = {}
    networks = 0
    for key, value in content.items():
        if not isinstance(key, str):
            return None
        if isinstance(value, torch.Tensor | np.ndarray):
            flat[key] = value
        elif isinstance(value, Mapping) and value:
            inner = _flat(value)
            if inner is None:
                return None
            flat.update((f"{key}.{name}", tensor) for name, tensor in inner.items())
            networks += len({name.rpartition(".")[0] for name in inner}) > 1
        else:
            return None
    return flat if networks < 2 else None


@dataclass(frozen=True)
class _Layer:
    """One linear layer's tensors under their common name."""

    name: str
    weight: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64] | None

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(digits) for digits in re.findall(r"\d+", self.name))

    @property
    def template(self) -> str:
        return re.sub(r"\d+", "#", self.name)


def read_state_dict(tensors: Mapping[str, Any], activation: str | Sequence[str], *, ordered: bool) -> Reading:
    """The network whose linear layers have these named weights [out, in] and biases [out].

    Layers are put in order by their numbers where their names differ in nothing else, otherwise as they
    stand (`ordered`), otherwise in the only order in which the shapes chain.

    Args:
        tensors: name -> tensor or array; names end in weight, bias, W, b, kernel, or W0, b0, ...
        activation: one name for all hidden layers or one each.
        ordered: whether the order of `tensors` is the order in which the layers were made.

    Raises:
        Unreadable: for a tensor that no linear layer has, or where no order or several orders fit.

    Examples:
        >>> two = {"net.10.weight": np.ones((1, 3)), "net.2.weight": np.ones((3, 2))}
        >>> read_state_dict(two, "relu", ordered=False).network
        Network(2-3-1, relu, no bias)
    """
    if not tensors:
        raise Unreadable("holds no tensors", _SAVE_STATE)
    total = sum(_count(tensor) for tensor in tensors.values())
    if total > MAX_VALUES:
        raise Unreadable(
            f"holds {total} numbers, more than the {MAX_VALUES} that are read", "save the MLP alone"
        )
    arrays = {name: as_array(tensor, name) for name, tensor in tensors.items()}
    layers = _transformer_lens_layers(arrays) or _layers(arrays)
    layers = _in_order(layers, ordered)
    network = Network([layer.weight for layer in layers], [layer.bias for layer in layers], activation)
    return read(network, [tensor.dtype for tensor in tensors.values()])


def _count(tensor: Any) -> int:
    return int(tensor.numel() if isinstance(tensor, torch.Tensor) else tensor.size)


def as_array(tensor: Any, name: str) -> npt.NDArray[np.float64]:
    """A tensor or array of real floats as float64, which is exact.

    Raises:
        Unreadable: for integers, complex numbers, and tensors that are quantised, sparse or without values.

    Examples:
        >>> as_array(torch.tensor([0.5, 0.25], dtype=torch.bfloat16), "bias")
        array([0.5 , 0.25])
    """
    if isinstance(tensor, torch.Tensor):
        if tensor.is_quantized or tensor.layout != torch.strided or tensor.device.type == "meta":
            raise Unreadable(f"{name} is quantised, sparse or without values", "save it as dense floats")
        if not (tensor.is_floating_point() or tensor.ndim == 0):
            raise Unreadable(f"{name} holds {tensor.dtype}", "weights are real floating-point numbers")
        return tensor.detach().to("cpu", torch.float64).numpy()
    if tensor.dtype.kind != "f" and tensor.ndim:
        raise Unreadable(f"{name} holds {tensor.dtype}", "weights are real floating-point numbers")
    with np.errstate(invalid="ignore"):  # a signalling NaN, which Network refuses by name
        return np.asarray(tensor, dtype=np.float64)


def _transformer_lens_layers(arrays: Mapping[str, npt.NDArray[np.float64]]) -> list[_Layer]:
    """A TransformerLens MLP's own state dict: W_in and W_out lie [in, out]."""
    short = {name.rpartition(".")[2]: array for name, array in arrays.items()}
    if len(short) != len(arrays) or not {"W_in", "W_out"} <= short.keys() <= _TRANSFORMER_LENS:
        return []
    return [
        _Layer(f"W_{end}", _two_axes(short[f"W_{end}"], f"W_{end}").T, short.get(f"b_{end}"))
        for end in ("in", "out")
    ]


def _two_axes(array: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    if array.ndim == 2:
        return array
    kind = {1: "a normalisation layer's", 3: "several networks' or a 1d convolution's", 4: "a convolution's"}
    raise Unreadable(
        f"{name} has shape {array.shape}, {kind.get(array.ndim, 'no linear layer' + chr(39) + 's')}",
        _MLP_ONLY,
    )


def _layers(arrays: Mapping[str, npt.NDArray[np.float64]]) -> list[_Layer]:
    weights: dict[str, npt.NDArray[np.float64]] = {}
    biases: dict[str, npt.NDArray[np.float64]] = {}
    for name, array in arrays.items():
        match = _ROLE.fullmatch(name)
        if match is None:
            hint = " (batch normalisation)" if "running_" in name or "num_batches" in name else ""
            raise Unreadable(
                f"{name} of shape {array.shape} is no linear layer's weight or bias{hint}", _MLP_ONLY
            )
        layer = ".".join(part for part in (match["prefix"], match["number"]) if part)
        kind = biases if match["role"] in ("bias", "b") else weights
        if layer in kind:
            raise Unreadable(f"{name} is the second weight or bias of one layer", _MLP_ONLY)
        kind[layer] = array if kind is biases else _two_axes(array, name)
    for layer, bias in biases.items():
        if layer not in weights:
            raise Unreadable(f"layer {layer!r} has a bias of shape {bias.shape} and no weight", _MLP_ONLY)
    return [_Layer(name, weight, biases.get(name)) for name, weight in weights.items()]


def _chains(layers: Sequence[_Layer]) -> bool:
    return all(a.weight.shape[0] == b.weight.shape[1] for a, b in itertools.pairwise(layers))


def _in_order(layers: list[_Layer], ordered: bool) -> list[_Layer]:
    """The layers in the order of the forward pass."""
    runs: dict[str, list[_Layer]] = {}
    for layer in layers:
        runs.setdefault(layer.template, []).append(layer)
    for template, run in runs.items():
        if len(run) > 1 and "#" in template:
            run.sort(key=lambda layer: layer.numbers)
    if len(runs) == 1:
        numbered = next(iter(runs.values()))
        if _chains(numbered):
            return numbered
    if ordered and _chains(layers):
        return layers
    shapes = ", ".join(f"{layer.name or 'weight'} {list(layer.weight.shape)}" for layer in layers)
    # 6! orders of differently named groups are searched; more of them name nothing that can be guessed.
    found = (
        [list(itertools.chain(*order)) for order in itertools.permutations(runs.values())]
        if len(runs) < 7
        else []
    )
    found = [order for order in found if _chains(order)]
    if len(found) > 1:
        named = [order for order in found if _named_so(order)]
        found = named or found
    if not found:
        raise Unreadable(
            f"its layers do not chain: {shapes} ([out, in])",
            "transpose [in, out] weights, or save the MLP alone",
        )
    if len(found) > 1:
        raise Unreadable(f"its layers fit in several orders: {shapes}", "number them, as nn.Sequential does")
    return found[0]


def _named_so(order: Sequence[_Layer]) -> bool:
    """Whether layers with the name of a first or last layer stand there."""
    last = [layer.name.rpartition(".")[2].lower() for layer in order]
    at = {name: k for k, name in enumerate(last)}
    return (
        all(at[name] == 0 for name in _FIRST & at.keys())
        and all(at[name] == len(last) - 1 for name in _LAST & at.keys())
        and bool((_FIRST | _LAST) & at.keys())
    )


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, cut to 120 characters; its class where it has none.

    Examples:
        >>> first_line(ValueError("bad magic\\nand more")), first_line(EOFError())
        ('bad magic', 'EOFError')
    """
    text = str(error).strip().split("\n", 1)[0]
    return text[:120] if text else type(error).__name__
