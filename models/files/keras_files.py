"""MLPs that Keras saved: `.keras` archives and `.h5` files, read through h5py."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .asked import Asked
from .keras_layers import KerasLayer, read_layers
from .layer_chain import MAX_VALUES, Reading, Unreadable
from .named_tensors.contents import Contents
from .named_tensors.state_dicts import read_contents
from .named_tensors.torch_files import first_line

if TYPE_CHECKING:
    import h5py

_DAMAGED = "save or copy it again"
_CHAIN = "an MLP is one chain of layers"
_WEIGHTS = "model.weights.h5"


def is_keras_archive(names: Sequence[str]) -> bool:
    """Whether an archive's members are those of a `.keras` file.

    Examples:
        >>> is_keras_archive(["metadata.json", "config.json", "model.weights.h5"])
        True
    """
    return "config.json" in names and _WEIGHTS in names


def read_keras_archive(data: bytes, asked: Asked) -> Reading:
    """The MLP in a `.keras` file (Keras 3).

    Args:
        data: the archive's bytes.
        asked: what the caller says.

    Raises:
        Unreadable: where h5py is missing, the file is damaged, or a layer is none of an MLP's.
    """
    asked.refuse_part("a .keras file")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        config = _config(archive.read("config.json"))
        weights = archive.read(_WEIGHTS)
    with _opened(weights) as file:
        layers = _layers(config)
        arrays = _of_keras_3(file, _listed(config))
    return read_layers(layers, arrays, asked, version=3)


def read_keras_h5(data: bytes, asked: Asked) -> Reading:
    """The MLP in an `.h5` file of Keras 2 or 3; where it holds the weights alone, as a checkpoint's are read.

    Args:
        data: the file's bytes.
        asked: what the caller says.

    Raises:
        Unreadable: where h5py is missing, the file is damaged or not Keras's, or a layer is none of an MLP's.
    """
    with _opened(data) as file:
        if "model_config" in file.attrs:
            asked.refuse_part("an .h5 file of Keras")
            layers = _layers(_config(_text(file.attrs["model_config"]).encode()))
            arrays = _of_keras_2(file.get("model_weights", file))
            version = 3 if _text(file.attrs.get("keras_version", "2")).startswith("3") else 2
            return read_layers(layers, arrays, asked, version=version)
        if "layer_names" in file.attrs:
            found = _of_keras_2(file)
        elif "layers" in file:
            found = {name: list(_variables(group)) for name, group in file["layers"].items()}
        else:
            raise Unreadable("is an HDF5 file, and none that Keras wrote", "export the network to ONNX")
    tensors: dict[str, Any] = {}
    for name, weights in found.items():
        for role, array in zip(("kernel", "bias"), weights, strict=False):
            tensors[f"{name}.{role}"] = array
        if len(weights) > 2:
            raise Unreadable(
                f"holds weights alone, and layer {name!r} has {len(weights)} of them", "save the whole model"
            )
    return read_contents(Contents(tensors), asked)


class _opened:
    """An HDF5 file in memory; what h5py refuses in it is damage."""

    def __init__(self, data: bytes) -> None:
        try:
            import h5py
        except ImportError:
            raise Unreadable(
                "is an HDF5 file of Keras, and h5py is not installed", "pip install 'mathcircuits[keras]'"
            ) from None
        try:
            self._file = h5py.File(io.BytesIO(data), "r")
            _check(self._file, len(data))
        except Unreadable:
            raise
        except Exception as error:  # OSError, ValueError, RuntimeError, KeyError of a library in C
            raise Unreadable(f"is a damaged HDF5 file ({first_line(error)})", _DAMAGED) from None

    def __enter__(self) -> h5py.File:
        return self._file

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, Unreadable):
            raise Unreadable(f"is a damaged HDF5 file ({first_line(error)})", _DAMAGED) from None


def _check(file: h5py.File, size: int) -> None:
    """Refuse links to other files, and arrays that claim more than the file can hold."""
    import h5py

    total = 0
    groups = [file]
    seen = 0
    while groups:
        group = groups.pop()
        for name in group:
            seen += 1
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink) or seen > 100_000:
                raise Unreadable(f"holds {name!r}, which is a link", "save the model again")
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append(item)
                continue
            if item.external or item.is_virtual:
                raise Unreadable(f"keeps {name!r} in another file", "save the model in one file")
            total += int(item.size or 0)
    # gzip shrinks what repeats by at most a thousand.
    limit = min(MAX_VALUES, 1000 * size)
    if total > limit:
        raise Unreadable(f"claims {total} numbers, more than the {limit} that are read", "save the MLP alone")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _config(text: bytes) -> Mapping[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"is damaged: its configuration is no JSON ({first_line(error)})", _DAMAGED
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise Unreadable("is damaged: its configuration names no model", _DAMAGED)
    return config


def _layers(config: Mapping[str, Any]) -> list[KerasLayer]:
    """The layers of a Sequential or functional model, in the order in which they run."""
    kind = config["class_name"]
    if kind not in ("Sequential", "Functional", "Model"):
        raise Unreadable(
            f"is a {kind}, which is code of its own", "build it as keras.Sequential, or export it to ONNX"
        )
    inner, layers = config.get("config"), _listed(config)
    if kind == "Sequential" or not isinstance(inner, dict):
        return layers
    listed = inner["layers"]
    known = {layer.name: layer for layer in layers}
    before = {_name(entry): list(_sources(entry.get("inbound_nodes") or [])) for entry in listed}
    ends = [_ends(inner.get(key)) for key in ("input_layers", "output_layers")]
    for what, names in zip(("inputs", "outputs"), ends, strict=True):
        if len(names) != 1:
            raise Unreadable(f"has {len(names)} {what} ({', '.join(names)})", "an MLP has one of each")
    order: list[KerasLayer] = []
    name = ends[1][0]
    while True:
        layer = known.get(name)
        if layer is None or len(order) > len(layers):
            raise Unreadable(f"is damaged: layer {name!r} is none of its layers", _DAMAGED)
        order.append(layer)
        sources = before[name]
        if not sources:
            return order[::-1]
        if len(sources) != 1:
            raise Unreadable(
                f"layer {name!r} ({layer.kind}) joins the outputs of {', '.join(sources)}: a residual (skip) "
                "connection or branches",
                _CHAIN,
            )
        name = sources[0]


def _listed(config: Mapping[str, Any]) -> list[KerasLayer]:
    """The layers in the order in which the configuration lists them, by which they are counted."""
    inner = config.get("config")
    listed = inner.get("layers") if isinstance(inner, dict) else inner
    try:
        return [
            KerasLayer(entry["class_name"], _name(entry), entry.get("config") or {}) for entry in listed or ()
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise Unreadable(f"is damaged: its layers are none ({first_line(error)})", _DAMAGED) from None


def _name(entry: Mapping[str, Any]) -> str:
    return str((entry.get("config") or {}).get("name") or entry.get("name") or entry["class_name"])


def _sources(nodes: object) -> Iterator[str]:
    """The layers that a layer reads: `keras_history` in Keras 3, `[name, node, tensor, kwargs]` in Keras 2."""
    if isinstance(nodes, dict):
        history = nodes.get("keras_history")
        if isinstance(history, list) and history:
            yield str(history[0])
            return
        nodes = list(nodes.values())
    if isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            yield nodes[0]
            return
        for inner in nodes:
            yield from _sources(inner)


def _ends(value: object) -> list[str]:
    """The names of a functional model's inputs or outputs."""
    return list(_sources(value)) if value is not None else []


def _variables(group: Any) -> Iterator[npt.NDArray[Any]]:
    """The variables 0, 1, ... of a layer in Keras 3's weights."""
    held = group.get("vars", {})
    for key in sorted(held, key=int):
        array = np.asarray(held[key])
        if _text(held[key].attrs.get("dtype", "")) == "bfloat16":  # the upper half of a float32
            array = (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        yield array


def _of_keras_3(file: h5py.File, layers: Sequence[KerasLayer]) -> dict[str, list[npt.NDArray[Any]]]:
    """Layer -> its variables. Groups are named by class and count, newer ones carry the layer's own name too."""
    if "layers" not in file:
        raise Unreadable("is damaged: its weights hold no layers", _DAMAGED)
    groups = {name: group for name, group in file["layers"].items() if "vars" in group and len(group["vars"])}
    own = {
        name: _text(group["vars"].attrs["name"])
        for name, group in groups.items()
        if "name" in group["vars"].attrs
    }
    if len(own) == len(groups):
        return {own[name]: list(_variables(group)) for name, group in groups.items()}
    counts: dict[str, int] = {}
    found: dict[str, list[npt.NDArray[Any]]] = {}
    used = set()
    for layer in layers:
        snake = _snake(layer.kind)
        count = counts.get(snake, 0)
        counts[snake] = count + 1
        name = f"{snake}_{count}" if count else snake
        if name in groups:
            used.add(name)
            found[layer.name] = list(_variables(groups[name]))
    left = sorted(groups.keys() - used)
    if left:
        raise Unreadable(f"holds weights of {left[0]!r}, which is none of its layers", _DAMAGED)
    return found


def _snake(name: str) -> str:
    """A class's name as Keras writes it in a file: BatchNormalization -> batch_normalization."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _of_keras_2(group: Any) -> dict[str, list[npt.NDArray[Any]]]:
    """Layer -> its weights, in the order in which the file lists them."""
    found = {}
    for name in map(_text, group.attrs["layer_names"]):
        layer = group[name]
        found[name] = [np.asarray(layer[weight]) for weight in map(_text, layer.attrs["weight_names"])]
    return found
