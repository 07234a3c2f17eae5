"""The files of a zoo: weights as safetensors, labels as Parquet, and reading them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import FileError, InputError, Network
from mathcircuits.detect.networks import Architecture, Stack, sobol_points
from mathcircuits.detect.untrusted import damaged

from ..studies.storage import atomic
from .parts import Array, ZooPart

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = "mathcircuits-zoo-1"
_REMEDY = "write the zoo again: mathcircuits zoo --out DIR"
#: The tables of labels, with the columns of each.
TABLES: Mapping[str, tuple[str, ...]] = {
    "networks": (
        "network", "split", "part", "position", "sizes", "made", "seed", "circuit", "gauge", "task", "regimen", "step",
        "formula", "certified", "loss", "solved", "cause", "null",
    ),
    "neurons": ("network", "split", "layer", "neuron", "role", "feature", "on", "evidence"),
    "circuits": ("network", "split", "circuit", "on", "gauge", "evidence", "certified"),
    "pairs": ("network", "other", "split", "same", "function", "evidence"),
}  # fmt: skip
_TYPES = {
    **dict.fromkeys(("position", "seed", "step", "layer", "neuron"), "int64"),
    **dict.fromkeys(("certified", "loss"), "float64"),
    **dict.fromkeys(("solved", "null", "same", "function"), "bool_"),
}
#: A claimed formula is compared with its network at 2 to this power points of the box.
_LOG_POINTS = 11


@lru_cache(maxsize=16)
def check_points(inputs: int) -> Array:
    """The points [n, inputs] of the box (-1, 1) at which functions are compared."""
    return sobol_points(((-1.0, 1.0),) * inputs, _LOG_POINTS)


@dataclass(frozen=True, eq=False)
class Zoo:
    """A zoo that was read.

    Attributes:
        folder: where it lies.
        networks, neurons, circuits, pairs: its tables of labels.

    Examples:
        >>> import tempfile
        >>> from .writing import write_zoo
        >>> zoo = read_zoo(write_zoo(Path(tempfile.mkdtemp()) / "zoo", size="small", trained=False))
        >>> zoo.network("train/planted-2-8-1/0000")
        Network(2-8-1, relu, bias)
    """

    folder: Path
    networks: pd.DataFrame
    neurons: pd.DataFrame
    circuits: pd.DataFrame
    pairs: pd.DataFrame
    _stacks: dict[tuple[str, str], Stack] = field(default_factory=dict, repr=False)

    @cached_property
    def places(self) -> dict[str, tuple[str, str, int]]:
        """Split, part and position of each network."""
        columns = (self.networks[name] for name in ("network", "split", "part", "position"))
        return {network: (split, part, int(k)) for network, split, part, k in zip(*columns, strict=True)}

    @cached_property
    def parts(self) -> list[tuple[str, str]]:
        """The split and the name of each part."""
        return list(dict.fromkeys((split, part) for split, part, _ in self.places.values()))

    def names(self, split: str, part: str) -> list[str]:
        """The networks of a part, in the order of its stack."""
        own = self.networks[(self.networks["split"] == split) & (self.networks["part"] == part)]
        return list(own.sort_values("position")["network"])

    def stack(self, split: str, part: str) -> Stack:
        """The networks of a part.

        Raises:
            FileError: where its file is missing or damaged.
        """
        key = (split, part)
        if key not in self._stacks:
            self._stacks[key] = _read_stack(self.folder / "weights" / split / f"{part}.safetensors")
        return self._stacks[key]

    def network(self, name: str) -> Network:
        """One network.

        Raises:
            InputError: where the zoo has none of that name.
        """
        if name not in self.places:
            raise InputError(f"network {name!r} is not in the zoo {self.folder}: see its networks.parquet")
        split, part, k = self.places[name]
        return self.stack(split, part).network(k)

    def __repr__(self) -> str:
        return f"Zoo({self.folder}, {len(self.networks)} networks in {len(self.parts)} parts)"


def write_part(folder: Path, part: ZooPart) -> None:
    """Write the weights of a part: `weights.K` [net, out, in] and `biases.K` [net, out], as in a study's files.

    Raises:
        FileError: where the file cannot be written.
    """
    from safetensors.numpy import save

    stack = part.stack
    arrays = {}
    for k, (weight, bias, has) in enumerate(
        zip(stack.weights, stack.biases, stack.architecture.bias, strict=True)
    ):
        arrays[f"weights.{k}"] = np.ascontiguousarray(weight)
        if has:
            arrays[f"biases.{k}"] = np.ascontiguousarray(bias)
    about = {
        "sizes": stack.architecture.sizes,
        "activations": stack.architecture.activations,
        "bias": stack.architecture.bias,
    }
    with atomic(folder / "weights" / part.split / f"{part.name}.safetensors") as file:
        file.write_bytes(save(arrays, metadata={_FORMAT: json.dumps(about)}))


def _read_stack(path: Path) -> Stack:
    from safetensors import safe_open

    if not path.is_file():
        raise FileError(path, "is missing", _REMEDY)
    with damaged(path, _REMEDY), safe_open(str(path), framework="numpy") as file:
        about = json.loads((file.metadata() or {})[_FORMAT])
        bias = tuple(bool(has) for has in about["bias"])
        architecture = Architecture(tuple(about["sizes"]), tuple(about["activations"]), bias)
        weights = tuple(file.get_tensor(f"weights.{k}") for k in range(len(bias)))
        biases = tuple(
            file.get_tensor(f"biases.{k}") if has else np.zeros(weights[k].shape[:2])
            for k, has in enumerate(bias)
        )
        return Stack(architecture, weights, biases)


def write_labels(folder: Path, part: ZooPart) -> None:
    """Write the rows of a part, a file a table, in the folder where parts wait to be joined.

    Raises:
        FileError: where a file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in TABLES:
        schema = _schema(name)
        rows = getattr(part, name)
        columns = {column: [row[column] for row in rows] for column in schema.names}
        with atomic(folder / part.split / part.name / f"{name}.parquet") as file:
            pq.write_table(pa.table(columns, schema=schema), file)


def join_labels(folder: Path, waiting: Path, parts: Sequence[tuple[str, str]]) -> None:
    """Join the rows of the parts to the tables of a zoo, a part at a time.

    Args:
        folder: of the zoo; waiting: where `write_labels` wrote; parts: split and name of each, in their order.

    Raises:
        FileError: where a file of a part is missing, or one cannot be written.
    """
    import pyarrow.parquet as pq

    for name in TABLES:
        with (
            atomic(folder / f"{name}.parquet") as file,
            pq.ParquetWriter(file, _schema(name)) as writer,
        ):
            for split, part in parts:
                path = waiting / split / part / f"{name}.parquet"
                if not path.is_file():
                    raise FileError(path, "is missing", _REMEDY)
                writer.write_table(pq.read_table(path))


def _schema(name: str) -> Any:
    """The Arrow schema of a table: types by the columns' names, text where none is given."""
    import pyarrow as pa

    return pa.schema([(column, getattr(pa, _TYPES.get(column, "string"))()) for column in TABLES[name]])


def read_zoo(folder: Path) -> Zoo:
    """Read the tables of a zoo.

    Raises:
        FileError: where a table is missing, damaged or lacks a column.
    """
    import pandas as pd

    frames = {}
    for name, columns in TABLES.items():
        path = Path(folder) / f"{name}.parquet"
        if not path.is_file():
            raise FileError(path, "is missing, so this folder is no zoo", _REMEDY)
        with damaged(path, _REMEDY):
            frames[name] = pd.read_parquet(path)
        lacking = [column for column in columns if column not in frames[name]]
        if lacking:
            raise FileError(path, f"lacks {', '.join(lacking)}", _REMEDY)
    return Zoo(Path(folder), frames["networks"], frames["neurons"], frames["circuits"], frames["pairs"])


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of weights and labels, by its path from the folder, in order."""
    files = [*sorted(folder.glob("*.parquet")), *sorted((folder / "weights").rglob("*.safetensors"))]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
