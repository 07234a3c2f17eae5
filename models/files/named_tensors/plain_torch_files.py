"""State dicts that `torch.save` wrote, read without importing torch, which takes longer than a small network.

The archive's pickle goes through the standard library's unpickler with its globals restricted (Python's documentation
of `pickle`, "Restricting Globals"): to ordered dicts, the function that makes tensors, and the names of two precisions.
Whatever names anything else is left to torch's own reader.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from ..loaded_torch import StoredTensor

#: torch's storages of the precisions that weights are stored in; others are left to torch.
_KINDS: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8")}


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
            found = _Unpickler(archive).load()
    except Exception:  # hostile bytes may raise anything: torch's reader says what is wrong with them
        return None
    return found if isinstance(found, dict) else None


class _Unpickler(pickle.Unpickler):
    """Unpickles one archive; of all names it knows four."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = archive.namelist()
        (main,) = (name for name in names if name.rpartition("/")[2] == "data.pkl")
        self._folder, self._archive = main.rpartition("/")[0], archive
        self._storages: dict[str, npt.NDArray[Any]] = {}
        order = f"{self._folder}/byteorder"
        if order in names and archive.read(order) != b"little":
            raise pickle.UnpicklingError("not little-endian")
        super().__init__(io.BytesIO(archive.read(main)))

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # One of its own for each name, so that no file leaves anything on what the next one calls.
            return lambda *arguments: _tensor(*arguments)
        if module == "torch" and name in _KINDS:
            return name
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """The numbers of a tensor, which stand beside the pickle."""
        kind, name, key, _, size = pid
        if kind != "storage":
            raise pickle.UnpicklingError(str(kind))
        if key not in self._storages:
            # A copy of its own: what is read may be written to.
            numbers = self._archive.read(f"{self._folder}/data/{key}")
            self._storages[key] = np.frombuffer(numbers, _KINDS[name]).copy()
        found = self._storages[key]
        if found.dtype != _KINDS[name] or len(found) != size:
            raise pickle.UnpicklingError(str(key))
        return found


def _tensor(
    storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> StoredTensor:
    """A tensor's view of its storage, all of it inside."""
    # A view may be longer than the memory behind it: only a storage itself is one.
    if type(storage) is not np.ndarray or min((offset, *size, *stride)) < 0:
        raise pickle.UnpicklingError("tensor")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size or last >= len(storage):
        raise pickle.UnpicklingError("tensor")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, steps).view(StoredTensor)
