"""State dicts that `torch.save` wrote, read without importing torch, which takes longer than a small network.

The pickle in the archive is not unpickled: its opcodes are followed by a dozen rules that make dicts, lists, tuples,
numbers, texts and arrays, and nothing else. Whatever has no rule here is left to torch's own reader.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..loaded_torch import StoredTensor

#: torch's storages of the precisions that weights are stored in; others are left to torch.
_KINDS = {"torch FloatStorage": np.dtype("<f4"), "torch DoubleStorage": np.dtype("<f8")}
_TENSOR, _ORDERED = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"


class _Unknown(Exception):
    """Something that has no rule here."""


class _Global(str):
    """The name of a class or function, which is never looked up."""


class _Mark:
    """Where a run of items begins."""


def plain_contents(data: bytes) -> dict[str, Any] | None:
    """What `torch.save` wrote of dicts, lists, numbers and dense tensors of float32 or float64; None for all else.

    Args:
        data: the file's bytes, a zip archive that `check_archive` has passed.

    Examples:
        >>> import torch
        >>> file = io.BytesIO()
        >>> torch.save({"layer": torch.nn.Linear(2, 1).state_dict(), "step": 3}, file)
        >>> found = plain_contents(file.getvalue())
        >>> found["layer"]["weight"].shape, found["step"]
        ((1, 2), 3)
        >>> torch.save(torch.nn.Linear(2, 1), file := io.BytesIO())
        >>> plain_contents(file.getvalue()) is None
        True
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _Reader(archive).read()
    except Exception:  # hostile bytes may raise anything: torch's reader says what is wrong with them
        return None
    return found if isinstance(found, dict) else None


class _Reader:
    """Follows the opcodes of one archive's pickle."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = archive.namelist()
        (main,) = (name for name in names if name.rpartition("/")[2] == "data.pkl")
        self.folder = main.rpartition("/")[0]
        self.archive, self.stack, self.memo = archive, list[Any](), dict[int, Any]()
        self.storages: dict[str, npt.NDArray[Any]] = {}
        order = f"{self.folder}/byteorder"
        if order in names and archive.read(order) != b"little":
            raise _Unknown(order)
        self.text = archive.read(main)

    def read(self) -> Any:
        """What the pickle makes."""
        for opcode, argument, _ in pickletools.genops(self.text):
            if opcode.name == "STOP":
                (result,) = self.stack
                return result
            _RULES[opcode.name](self, argument)
        raise _Unknown("no end")

    def popped(self, count: int) -> list[Any]:
        """The last items, which go."""
        items = self.stack[len(self.stack) - count :]
        if len(items) != count or any(isinstance(item, _Mark) for item in items):
            raise _Unknown("too few items")
        del self.stack[len(self.stack) - count :]
        return items

    def run(self) -> list[Any]:
        """The items since the last mark, which goes with them."""
        items: list[Any] = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def keep(self, key: int) -> None:
        """Remember the last item."""
        self.memo[key] = self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        """Put keys and values into the dict that is the last item."""
        if not isinstance(self.stack[-1], dict):
            raise _Unknown("items of no dict")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def extend(self, items: list[Any]) -> None:
        """Put values into the list that is the last item."""
        if not isinstance(self.stack[-1], list):
            raise _Unknown("items of no list")
        self.stack[-1].extend(items)

    def call(self) -> None:
        """The one function and the one class that a state dict names."""
        function, arguments = self.popped(2)
        if not isinstance(function, _Global) or function not in (_TENSOR, _ORDERED):
            raise _Unknown(str(function))
        self.push(_tensor(*arguments) if function == _TENSOR else dict(*arguments))

    def attributes(self) -> None:
        """What a state dict has beside its items (`_metadata`) says nothing of its tensors."""
        self.popped(1)
        if not isinstance(self.stack[-1], dict):
            raise _Unknown("attributes of no dict")

    def storage(self) -> None:
        """The numbers of a tensor, which stand beside the pickle."""
        ((kind, name, key, _, size),) = self.popped(1)
        if kind != "storage" or not isinstance(name, _Global) or name not in _KINDS:
            raise _Unknown(str(name))
        if key not in self.storages:
            # A copy of its own: what is read may be written to.
            numbers = self.archive.read(f"{self.folder}/data/{key}")
            self.storages[key] = np.frombuffer(numbers, _KINDS[name]).copy()
        if self.storages[key].dtype != _KINDS[name] or len(self.storages[key]) != size:
            raise _Unknown(str(key))
        self.push(self.storages[key])


_RULES: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": lambda *_: None,
    "MARK": lambda reader, _: reader.push(_Mark()),
    "NONE": lambda reader, _: reader.push(None),
    "NEWTRUE": lambda reader, _: reader.push(True),
    "NEWFALSE": lambda reader, _: reader.push(False),
    "BININT": lambda reader, value: reader.push(value),
    "BININT1": lambda reader, value: reader.push(value),
    "BININT2": lambda reader, value: reader.push(value),
    "BINFLOAT": lambda reader, value: reader.push(value),
    "BINUNICODE": lambda reader, value: reader.push(value),
    "EMPTY_TUPLE": lambda reader, _: reader.push(()),
    "TUPLE1": lambda reader, _: reader.push(tuple(reader.popped(1))),
    "TUPLE2": lambda reader, _: reader.push(tuple(reader.popped(2))),
    "TUPLE3": lambda reader, _: reader.push(tuple(reader.popped(3))),
    "TUPLE": lambda reader, _: reader.push(tuple(reader.run())),
    "EMPTY_LIST": lambda reader, _: reader.push([]),
    "APPEND": lambda reader, _: reader.extend(reader.popped(1)),
    "APPENDS": lambda reader, _: reader.extend(reader.run()),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "SETITEM": lambda reader, _: reader.set_items(reader.popped(2)),
    "SETITEMS": lambda reader, _: reader.set_items(reader.run()),
    "BINPUT": lambda reader, key: reader.keep(key),
    "LONG_BINPUT": lambda reader, key: reader.keep(key),
    "BINGET": lambda reader, key: reader.push(reader.memo[key]),
    "LONG_BINGET": lambda reader, key: reader.push(reader.memo[key]),
    "GLOBAL": lambda reader, name: reader.push(_Global(name)),
    "REDUCE": lambda reader, _: reader.call(),
    "BUILD": lambda reader, _: reader.attributes(),
    "BINPERSID": lambda reader, _: reader.storage(),
}


def _tensor(
    storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> StoredTensor:
    """A tensor's view of its storage, all of it inside."""
    if not isinstance(storage, np.ndarray) or min((offset, *size, *stride)) < 0:
        raise _Unknown("tensor")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size or last >= len(storage):
        raise _Unknown("tensor")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).view(StoredTensor)
