"""Networks to and from files, which are recognised by content and not by name."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import (
    About,
    AssumptionWarning,
    FileError,
    InputError,
    MathCircuitsError,
    Network,
)
from mathcircuits.detect.networks import HasNetwork
from mathcircuits.detect.untrusted import damaged, shown

from .agent_files import is_agent, read_agent
from .asked import Asked
from .keras_files import is_keras_archive, read_keras_archive, read_keras_h5
from .layer_chain import MAX_VALUES, Reading, read
from .loaded_torch import StoredTensor, is_torch_module
from .named_tensors.contents import Contents, contents_of, said_in_json
from .named_tensors.state_dicts import read_contents
from .named_tensors.tensor_names import role_of
from .named_tensors.torch_files import LEGACY_MAGIC, check_archive, check_ratio, first_line, torch_contents
from .nnet_files import is_nnet, read_nnet_file
from .onnx_files import read_onnx_file
from .pickles import pickle_refusal
from .refusals import Unreadable
from .sklearn_models import is_sklearn, read_sklearn
from .skops_files import read_skops_file

if TYPE_CHECKING:
    from ..networks.mlp import MLP

FORMAT = 1
#: The key of a study's metadata, whose files hold many networks (`mathcircuits.reports` writes them).
RUN_KEY = "mathcircuits-ensemble-1"
#: The key of our metadata: in safetensors' header, and the name of a text array in an .npz file.
CONFIG_KEY = "mathcircuits"
#: A file with an optimiser's state holds about three numbers per weight; beyond this it is no MLP's.
MAX_FILE_BYTES = 16 * MAX_VALUES
# safetensors' own limit on its header; checked before the library sees the file.
_MAX_HEADER = 100_000_000
# A configuration of a network is a few kilobytes.
_MAX_CONFIG = 1_000_000
_KINDS = "safetensors, a torch state dict (.pt, .pth), .npz, .onnx, .skops, .keras, .h5 or .nnet"
_ENDINGS = (".safetensors", ".npz")
_SAVE_AGAIN = "save or copy it again"


def load(
    source: Any,
    *,
    activation: str | Sequence[str] | None = None,
    part: str | None = None,
    one_hot: bool = False,
    seed: int | None = None,
) -> MLP:
    """The network in a file or in another library's model, as an MLP.

    A file is recognised by its content: safetensors (ours or anybody's), a torch state dict (`.pt`, `.pth`),
    `.npz`, `.onnx`, skops' `.skops`, Keras's `.keras` and `.h5`, NNet's `.nnet`, an agent of
    Stable-Baselines3 (`.zip`). Nothing in a file is ever executed. A torch module is read without being run or
    changed. Linear layers with nothing between them stay layers, with the activation `"identity"`; a
    network that ends in an activation function gets an identity read-out behind it.

    Args:
        source: a path; an `nn.Module` (also TransformerLens's `model.blocks[3].mlp`); a state dict; a fitted
            scikit-learn network or linear model (a classifier's logits), alone or in a Pipeline; an MLP, which
            is given back as it is; or anything with `to_network()`.
        activation: what lies between the layers of state dicts, foreign safetensors and `.npz`, which seldom
            tell: one name for all hidden layers or one each; one more name is what follows the last layer, and
            without it nothing does. Without any the file's own word is taken, and where there is none relu is
            assumed.
        part: which network, where the source holds several; a refusal lists their names.
        one_hot: read embedding tables, or a pair `W_x` and `W_y`, as the first layer of one-hot inputs.
        seed: which network of a study's file (`DIR/networks/*.safetensors`), which holds one per seed.

    Returns:
        An MLP in the precision in which the weights were stored (half precision becomes float32, exactly).
        `to_network().assumptions` lists what the source does not say and was taken to be so.

    Warns:
        AssumptionWarning: once, with all the assumptions.

    Raises:
        FileError: for a file that is missing, damaged, of another kind or no MLP, with the layer and why.
        InputError: for an object that cannot be read as an MLP.

    Examples:
        >>> layers = {"0.weight": [[1.0], [-1.0]], "2.weight": [[1.0, 1.0]]}
        >>> load(layers, activation="relu").to_network()([[-3.0]]).tolist()
        [[3.0]]
    """
    from ..networks.mlp import MLP

    if isinstance(source, MLP):
        return source
    asked = Asked(activation, part, one_hot)
    reading = _read(source, asked) if seed is None else _read_run(Path(source), seed)
    if reading.about.assumptions and not isinstance(source, HasNetwork):
        warnings.warn(_said(source, reading.about.assumptions), AssumptionWarning, stacklevel=2)
    return MLP.from_network(reading.network, dtype=cast("Literal['float32', 'float64']", reading.dtype))


def read_network(
    source: Any,
    *,
    activation: str | Sequence[str] | None = None,
    part: str | None = None,
    one_hot: bool = False,
) -> Network:
    """What `load` reads, as plain float64 weights, without a warning; TransformerLens is not imported.

    Examples:
        >>> found = read_network({"W0": np.ones((3, 2)), "b0": np.zeros(3), "W1": np.ones((1, 3))})
        >>> found, found.assumptions
        (Network(2-3-1, relu, some bias), ('the activation is relu', 'no activation follows the last layer'))
    """
    return _read(source, Asked(activation, part, one_hot)).network


def read_group_network(source: Any, *, activation: str | None = None, summed: bool = False) -> Network:
    """A network that composes two elements, as plain float64 weights of 2 n one-hot inputs and n logits.

    It reads what `read_network` reads; so also networks with an embedding for each element (`W_x`, `W_y`, `W`, `W_U`,
    [in, out]), or a shared one, which it turns into layers of one-hot inputs.

    Args:
        source: a path, a state dict or an object, as for `load`.
        activation: of the hidden layer, where the source does not say; relu by default.
        summed: whether a shared embedding's rows are added up, which its shapes alone do not say.

    Raises:
        FileError: for a file that cannot be read.
        InputError: for an object that cannot be read, and for a network without two inputs for each output.

    Examples:
        >>> n, d, hidden = 5, 3, 8
        >>> net = {"W_x": np.ones((n, d)), "W_y": np.ones((n, d)), "W": np.ones((2 * d, hidden)),
        ...     "W_U": np.ones((hidden, n))}
        >>> read_group_network(net)
        Network(10-6-8-5, identity, relu, no bias)
    """
    network = _read(source, Asked(activation, None, False, summed)).network
    if network.inputs != 2 * network.outputs:
        raise InputError(
            f"{network} has {network.inputs} inputs and {network.outputs} outputs: a network that composes two "
            "elements has two one-hot ones (a, then b) and a logit for each; where one embedding serves both by "
            "addition, say so: summed"
        )
    return network


def _said(source: Any, assumptions: Sequence[str]) -> str:
    """The warning's text."""
    what = str(source) if isinstance(source, str | os.PathLike) else f"this {type(source).__name__}"
    return f"{what} does not say everything; assumed: {'; '.join(assumptions)}"


def save(net: MLP | Network | HasNetwork, path: str | os.PathLike[str]) -> Path:
    """Write a network to a `.safetensors` or `.npz` file; `load` gives it back exactly.

    The configuration and a checksum go into the file too. The file appears whole or not at all: it is
    written beside its place and then moved there.

    Args:
        net: an MLP (in its own precision), a Network (float64), or anything with `to_network()`.
        path: where to write; its ending says in which format.

    Returns:
        The path.

    Raises:
        FileError: for another ending, a missing folder, or weights that are not finite.
        InputError: for something that is no network.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     read_network(save(Network([[[2.0]]]), Path(folder) / "net.safetensors"))
        Network(1-1, no bias)
    """
    if not isinstance(net, HasNetwork):
        raise InputError(
            f"a {type(net).__name__} is no network: load(...) it first, and save what that returns"
        )
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in _ENDINGS:
        raise FileError(target, f"cannot write the ending {ending!r}", f"use {' or '.join(_ENDINGS)}")
    if target.is_dir():
        raise FileError(target, "is a folder", "give the path of a file")
    try:
        network = net.to_network()
    except InputError as error:
        raise FileError(target, f"is not written: {error}", "only finite weights are saved") from None
    wide = "float32" not in str(getattr(net, "dtype", "float64"))
    dtype = "float64" if wide else "float32"
    tensors = _named(network, dtype)
    config = json.dumps(_config(network, dtype, tensors))
    if ending == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{CONFIG_KEY: np.array(config), **tensors})
        data = buffer.getvalue()
    else:
        from safetensors.numpy import save as to_bytes

        # One entry alone: the library writes several in an order that changes from run to run.
        data = to_bytes(tensors, metadata={CONFIG_KEY: config})
    write_whole(target, data)
    return target


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it: beside its place, then moved there.

    Raises:
        FileError: where the folder is missing or cannot be written to.

    Examples:
        >>> write_whole(Path("no such folder") / "net.npz", b"")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: ...net.npz: cannot be written (...); create the folder first
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        remedy = "create the folder first" if isinstance(error, FileNotFoundError) else "choose another place"
        raise FileError(path, f"cannot be written ({error.strerror or error})", remedy) from None
    finally:
        beside.unlink(missing_ok=True)


def _named(network: Network, dtype: str) -> dict[str, npt.NDArray[Any]]:
    """The weights under the names of MLP's own state dict."""
    shape = network.architecture
    layers = [f"blocks.{block}.mlp.linear" for block in range(len(network.activations))] + ["readout"]
    tensors = {}
    for layer, weight, bias, has in zip(
        layers, network.weights, network.bias_vectors, shape.bias, strict=True
    ):
        tensors[f"{layer}.weight"] = np.ascontiguousarray(weight, dtype=dtype)
        if has:
            tensors[f"{layer}.bias"] = np.ascontiguousarray(bias, dtype=dtype)
    return tensors


def _config(network: Network, dtype: str, tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    shape = network.architecture
    config: dict[str, Any] = {
        "format": FORMAT,
        "sizes": list(shape.sizes),
        "activation": list(shape.activations),
        "bias": list(shape.bias),
        "dtype": dtype,
        **network.about.to_dict(),
    }
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].astype(tensors[name].dtype.newbyteorder("<")).tobytes())
    return {**config, "sha256": digest.hexdigest()}


def _restore(config: str, tensors: Mapping[str, npt.NDArray[Any]]) -> Reading:
    """One of our own files; the checksum covers the configuration and every weight."""
    try:
        given = json.loads(config)
        version = given["format"]
        if isinstance(version, int) and version > FORMAT:
            raise Unreadable(f"is of format {version}, newer than {FORMAT}", "upgrade mathcircuits")
        layers = [f"blocks.{block}.mlp.linear" for block in range(len(given["activation"]))] + ["readout"]
        weights = [tensors[f"{layer}.weight"] for layer in layers]
        biases = [
            tensors[f"{layer}.bias"] if has else None
            for layer, has in zip(layers, given["bias"], strict=True)
        ]
        with np.errstate(invalid="ignore"):  # a signalling NaN, which Network refuses by name
            about = About(**{name: given[name] for name in vars(About()) if name in given})
            network = Network(weights, biases, given["activation"], about=about)
        sound = _config(network, given["dtype"], tensors) == given
    except Unreadable:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Unreadable(
            f"is damaged: its configuration does not fit ({first_line(error)})", _SAVE_AGAIN
        ) from None
    if not sound or any(str(array.dtype) != given["dtype"] for array in tensors.values()):
        raise Unreadable("is damaged: its checksum does not match", _SAVE_AGAIN)
    return Reading(network, given["dtype"])


def _read(source: Any, asked: Asked) -> Reading:
    if isinstance(source, str | os.PathLike):
        return _read_file(Path(source), asked)
    try:
        if isinstance(source, Mapping) or _is_list_of_state_dicts(source):
            return _read_tensors(source, asked)
        asked.refuse_part(f"a {type(source).__name__}")
        if isinstance(source, HasNetwork):
            return read(source.to_network(), [getattr(source, "dtype", "float64")])
        if is_torch_module(source):
            from .modules.torch_modules import read_module

            return read_module(source)
        if is_sklearn(source):
            return read_sklearn(source)
    except Unreadable as error:
        remedy = f"; {error.remedy}" if error.remedy else ""
        raise InputError(
            f"this {type(source).__name__} cannot be read as an MLP: {error.problem}{remedy}"
        ) from None
    raise InputError(
        f"a {type(source).__name__} cannot be read as an MLP: give a path, an nn.Module, a state dict or "
        "a fitted scikit-learn model"
    )


def _read_tensors(source: Any, asked: Asked) -> Reading:
    """A state dict in memory, or a list of some; a tensor of a kind that nobody foresaw is its fault."""
    try:
        return read_contents(contents_of(_as_arrays(source)), asked)
    except MathCircuitsError:
        raise
    except Exception as error:
        raise Unreadable(
            f"{type(error).__name__}: {shown(error)}", "give dense tensors or arrays of real numbers"
        ) from error


def _is_list_of_state_dicts(source: object) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(s, Mapping) for s in source)


def _as_arrays(source: Any) -> Any:
    """State dicts whose plain lists of numbers under a layer's name are arrays."""
    if not isinstance(source, Mapping):
        return [_as_arrays(item) for item in source]
    return {
        name: np.array(value, dtype=float)
        if isinstance(value, list) and role_of(str(name)) is not None
        else value
        for name, value in source.items()
    }


def _read_file(path: Path, asked: Asked) -> Reading:
    try:
        if path.is_dir():
            raise FileError(path, "is a folder", "give the path of a file")
        if path.exists() and not path.is_file():
            raise FileError(path, "is not a regular file", "give the path of a file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise FileError(
                path, f"has {size} bytes, more than the {MAX_FILE_BYTES} that are read", "save the MLP alone"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileError(path, "does not exist", "check the path") from None
    except FileError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise FileError(
            path, f"cannot be read ({getattr(error, 'strerror', None) or error})", "check the path"
        ) from None
    try:
        with damaged(path, _SAVE_AGAIN, "cannot be read as an MLP"):
            return _read_bytes(data, path, asked)
    except Unreadable as error:
        raise FileError(path, error.problem, error.remedy) from None
    except FileError:
        raise
    except InputError as error:
        raise FileError(path, str(error)) from None


def _read_bytes(data: bytes, path: Path, asked: Asked) -> Reading:
    if not data:
        raise Unreadable("is empty", _SAVE_AGAIN)
    if data[:2] == b"\x1f\x8b":
        inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
        return _read_bytes(_unpacked(data), inner, asked)
    if data[:4] == b"PK\x03\x04":
        names = _archive_names(data)
        if is_keras_archive(names):
            return read_keras_archive(data, asked)
        if is_agent(names):
            return read_agent(data, asked)
        if "schema.json" in names:
            asked.refuse_part("a .skops file")
            return read_skops_file(data)
        if any(name.endswith(".npy") for name in names):
            return _read_npz(data, path, asked)
        if any(name.rpartition("/")[2] == "constants.pkl" for name in names):
            raise Unreadable("is TorchScript, which is code", "save model.state_dict() with torch.save")
        return read_contents(torch_contents(data), asked, _config_beside(path))
    if data[: len(LEGACY_MAGIC)] == LEGACY_MAGIC:
        return read_contents(torch_contents(data), asked, _config_beside(path))
    if _is_safetensors(data):
        return _read_safetensors(data, path, asked)
    refusal = pickle_refusal(data)
    if refusal is not None:
        raise refusal
    if data[:6] == b"\x93NUMPY":
        raise Unreadable("holds a single array", "save the layers' arrays W0, b0, ... with numpy.savez")
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        return read_keras_h5(data, asked)
    if is_nnet(data):
        return read_nnet_file(data, asked)
    # A protobuf message has no magic number; ONNX's first field is its version.
    if data[:1] == b"\x08" or path.suffix.lower() == ".onnx":
        return read_onnx_file(data, path.parent, asked)
    raise Unreadable(f"is none of {_KINDS}, or is damaged", _SAVE_AGAIN)


def _archive_names(data: bytes) -> list[str]:
    check_archive(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def _read_npz(data: bytes, path: Path, asked: Asked) -> Reading:
    """Named arrays: ours, or W0, b0, W1, ... and the like, [out, in]."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                _check_npy(archive, entry)
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            for name in file.files:
                array = file[name]
                if not isinstance(array, np.ndarray):
                    raise Unreadable(
                        f"holds {name!r}, which is not an array", "save arrays alone with numpy.savez"
                    )
                arrays[name] = array
    except Unreadable:
        raise
    except Exception as error:  # numpy's parser of headers lets tokenize's and ast's errors through
        raise Unreadable(
            f"holds what is not a plain array ({first_line(error)})", "save arrays alone"
        ) from None
    config = arrays.pop(CONFIG_KEY, None)
    if config is not None:
        asked.refuse_part("a file of mathcircuits")
        return _restore(str(config), arrays)
    texts = {name: _plain(array) for name, array in arrays.items() if array.dtype.kind == "U"}
    tensors = {name: array for name, array in arrays.items() if array.dtype.kind != "U"}
    return read_contents(Contents(tensors, texts), asked, _config_beside(path))


def _plain(array: npt.NDArray[Any]) -> Any:
    """A text array as plain values, a JSON text in it as what it says."""
    values = array.tolist()
    return values if isinstance(values, str | list) else str(values)


def _unpacked(data: bytes) -> bytes:
    """What a gzip file holds, up to the size that is read."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            inner = file.read(MAX_FILE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"is a damaged gzip file ({first_line(error)})", _SAVE_AGAIN) from None
    if len(inner) > MAX_FILE_BYTES:
        raise Unreadable(
            f"unpacks to more than the {MAX_FILE_BYTES} bytes that are read", "save the MLP alone"
        )
    check_ratio(len(inner), len(data))
    return inner


def _config_beside(path: Path) -> dict[str, Any]:
    """What a `config.json` in the file's folder says; nothing where there is none, or none that can be read."""
    beside = path.with_name("config.json")
    try:
        if not beside.is_file() or beside.stat().st_size > _MAX_CONFIG:
            return {}
        return said_in_json(beside.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _check_npy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse an array whose header claims more than the archive holds, before numpy makes room for it."""
    if not entry.filename.endswith(".npy"):
        return
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        reader = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = reader(file)
        count = 1
        for size in shape:
            count *= int(size)
    if dtype.hasobject:
        raise Unreadable(
            f"{entry.filename} holds pickled objects, which are never executed", "save numeric arrays"
        )
    if not 0 <= count * dtype.itemsize <= entry.file_size:
        raise Unreadable(f"{entry.filename} claims the shape {shape}, which it does not hold", _SAVE_AGAIN)


def _is_safetensors(data: bytes) -> bool:
    """Eight bytes of header length, then JSON."""
    return len(data) > 8 and data[8:9] == b"{" and int.from_bytes(data[:8], "little") < _MAX_HEADER


def _read_run(path: Path, seed: int) -> Reading:
    """The network of one seed from a study's file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})[RUN_KEY])
            sizes, seeds = about["config"]["sizes"], about["seeds"]
            k = seeds.index(seed) if seed in seeds else -1
            names = set(file.keys())
            weights = [file.get_slice(f"weights.{j}")[k] for j in range(len(sizes) - 1)]
            biases = [
                file.get_slice(f"biases.{j}")[k] if f"biases.{j}" in names else None
                for j in range(len(sizes) - 1)
            ]
            if "widths" in names:  # networks that were compressed or grew lie among zeros
                ends = [sizes[0], *map(int, file.get_slice("widths")[k]), sizes[-1]]
                weights = [w[:o, :i] for w, i, o in zip(weights, ends[:-1], ends[1:], strict=True)]
                biases = [None if b is None else b[:o] for b, o in zip(biases, ends[1:], strict=True)]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileError(
            path, f"is not a file of a study's networks ({first_line(error)})", "leave out seed="
        ) from None
    if k < 0:
        raise FileError(path, f"holds no network of seed {seed}", f"its seeds are {_span(seeds)}")
    return Reading(Network(weights, biases, about["config"]["activation"]), about["config"]["dtype"])


def _span(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def _stored(data: bytes) -> dict[str, Any]:
    """The tensors of a safetensors file: as arrays where all are float32 or float64, else as torch's."""
    import safetensors.numpy

    try:
        arrays = safetensors.numpy.load(data)
    except (KeyError, ValueError):  # a dtype or a shape that NumPy lacks
        arrays = {}
    if arrays and all(array.dtype in (np.float32, np.float64) for array in arrays.values()):
        return {name: array.view(StoredTensor) for name, array in arrays.items()}
    import safetensors.torch

    return dict(safetensors.torch.load(data))


def _read_safetensors(data: bytes, path: Path, asked: Asked) -> Reading:
    try:
        tensors = _stored(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        config = metadata.get(CONFIG_KEY)
    except Exception as error:  # SafetensorError, KeyError for a dtype that torch lacks, ...
        raise Unreadable(f"is a damaged safetensors file ({first_line(error)})", _SAVE_AGAIN) from None
    if RUN_KEY in metadata:
        seeds = json.loads(metadata[RUN_KEY])["seeds"]
        raise Unreadable(
            f"holds {len(seeds)} networks of a study", f"name one: seed={seeds[0]} ({_span(seeds)})"
        )
    if config is not None:
        if not all(isinstance(tensor, StoredTensor) for tensor in tensors.values()):
            raise Unreadable("is damaged: its checksum does not match", _SAVE_AGAIN)
        asked.refuse_part("a file of mathcircuits")
        return _restore(config, {name: np.asarray(tensor) for name, tensor in tensors.items()})
    said = contents_of(metadata).said if metadata else {}
    return read_contents(Contents(tensors, said, ordered=False), asked, _config_beside(path))
