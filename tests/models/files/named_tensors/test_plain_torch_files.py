"""State dicts read without torch: the same tensors as torch's own reader has, and nothing else."""

from __future__ import annotations

import collections
import io
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mathcircuits.models.files.loaded_torch import StoredTensor
from mathcircuits.models.files.named_tensors.plain_torch_files import plain_contents


def written(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def shared() -> dict[str, Any]:
    values = torch.arange(12.0)
    return {
        "whole": values.reshape(3, 4),
        "part": values[4:8].reshape(2, 2),
        "turned": values.reshape(3, 4).T,
    }


@pytest.mark.parametrize(
    "content",
    [
        nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).state_dict(),
        {"model": nn.Linear(2, 2).double().state_dict(), "epoch": 3, "rate": 0.5, "sizes": [2, 2], "done": True},
        collections.OrderedDict(a=torch.tensor(2.0), b=None, c=("x", 1, 70_000), d={"e": [], "f": False}),
        shared(),
        {"l": [torch.ones(2), torch.zeros(1)], "frozen": nn.Linear(2, 1).weight.detach()},
    ],
    ids=["state dict", "checkpoint", "plain values", "one storage", "lists"],
)  # fmt: skip
def test_what_is_read_is_what_torch_reads(content: Any) -> None:
    data = written(content)

    def same(own: Any, theirs: Any) -> bool:
        if isinstance(theirs, torch.Tensor):
            assert isinstance(own, StoredTensor)
            assert own.flags.writeable
            return own.dtype == theirs.numpy().dtype and np.array_equal(own, theirs.numpy())
        if isinstance(theirs, dict):
            return list(own) == list(theirs) and all(same(own[name], theirs[name]) for name in theirs)
        if isinstance(theirs, list | tuple):
            return type(own) is type(theirs) and all(map(same, own, theirs)) and len(own) == len(theirs)
        return type(own) is type(theirs) and bool(own == theirs)

    assert same(plain_contents(data), torch.load(io.BytesIO(data), weights_only=True))


def test_tensors_of_one_storage_stay_of_one() -> None:
    found = plain_contents(written(shared()))
    assert found is not None
    assert np.shares_memory(found["whole"], found["turned"])
    assert found["part"].ctypes.data - found["whole"].ctypes.data == 16


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.ones(2, dtype=torch.float16)},
        {"a": torch.ones(2, dtype=torch.int64)},
        {"a": torch.zeros(0, 2)},
        {"a": torch.eye(2).to_sparse()},
        {"a": nn.Parameter(torch.ones(2))},
        {"a": np.ones(2)},
        nn.Linear(2, 1),
        torch.ones(3),
        {"a": Path("x")},
    ],
    ids=str,
)
def test_all_else_is_left_to_torch(content: Any) -> None:
    assert plain_contents(written(content)) is None


class Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made by a pickle",)


def repacked(data: bytes, changes: dict[str, bytes | None]) -> bytes:
    """The archive with some members (by the end of their names) changed or, for None, left out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text: bytes | None = old.read(name)
            for ending, change in changes.items():
                text = change if name.endswith(ending) else text
            if text is not None:
                new.writestr(name, text)
    return file.getvalue()


def test_nothing_in_a_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = written({"a": torch.ones(2)})
    for hostile in (Hostile(), {"a": Hostile()}, [Hostile()]):
        assert plain_contents(repacked(data, {"data.pkl": pickle.dumps(hostile, protocol=2)})) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"byteorder": b"big"},
        {"data/0": b"\0" * 4},
        {"data/0": b"\0" * 12},
        {"data/0": None},
        {"data.pkl": b""},
        {"data.pkl": b"\x80\x02."},
        {"data.pkl": b"\x80\x02}s."},
        {"data.pkl": b"\x80\x02(u."},
        {"data.pkl": b"\x80\x02N0."},
        {"data.pkl": None},
    ],
    ids=str,
)
def test_damage_is_left_to_torch(changes: dict[str, bytes | None]) -> None:
    data = written({"a": torch.ones(2)})
    assert plain_contents(repacked(data, {})) is not None
    assert plain_contents(repacked(data, changes)) is None


def test_a_tensor_never_reaches_beyond_its_storage() -> None:
    data = written({"a": torch.arange(6.0).reshape(2, 3)[:, :2]})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    # The strides (3, 1) stand as two one-byte numbers in a tuple: K\x03K\x01.
    assert text.count(b"K\x03K\x01") == 1
    assert plain_contents(repacked(data, {"data.pkl": text})) is not None
    assert plain_contents(repacked(data, {"data.pkl": text.replace(b"K\x03K\x01", b"K\x05K\x01")})) is None


class Made:
    """Pickled as a tensor of these arguments."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> Any:
        return torch._utils._rebuild_tensor_v2, self.arguments


STORAGE = object()


class Pickled(pickle.Pickler):
    """Writes STORAGE as that of two numbers."""

    def persistent_id(self, obj: Any) -> Any:
        return ("storage", torch.FloatStorage, "0", "cpu", 2) if obj is STORAGE else None


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (Made(STORAGE, 0, (2,), (1,)), True),
        (Made(STORAGE, 0, (9999,), (0,)), True),
        # A view of two numbers that says it has 9999, taken for a storage.
        (Made(Made(STORAGE, 0, (9999,), (0,)), 0, (9999,), (1,)), False),
    ],
)
def test_a_view_is_no_storage(content: Made, plain: bool) -> None:
    file = io.BytesIO()
    Pickled(file, protocol=2).dump({"a": content})
    data = repacked(written({"a": torch.ones(2)}), {"data.pkl": file.getvalue()})
    assert (plain_contents(data) is not None) == plain


@pytest.mark.parametrize("ending", [".pt", ".safetensors", ".npz", ".onnx"])
def test_reading_a_file_loads_no_torch(ending: str, tmp_path: Path) -> None:
    """Half precision is left to torch, and then the same program says so."""
    from mathcircuits.models import hand_derived, save
    from mathcircuits.models.files import read_network

    file = tmp_path / f"net{ending}"
    net = hand_derived("minimum")
    if ending == ".pt":
        torch.save(net.state_dict(), file)
    elif ending == ".onnx":
        onnx = pytest.importorskip("onnx")
        from onnx import helper, numpy_helper

        w, v = (
            numpy_helper.from_array(a.astype("f4"), n)
            for a, n in zip(net.to_network().weights, "wv", strict=True)
        )
        nodes = [
            helper.make_node("Gemm", ["x", "w"], ["h"], transB=1), helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "v"], ["y"], transB=1),
        ]  # fmt: skip
        ends = [helper.make_tensor_value_info(name, 1, [None, size]) for name, size in (("x", 2), ("y", 1))]
        onnx.save(
            helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [w, v]), ir_version=8), file
        )
    else:
        save(net, file)
    program = (
        "import sys; from mathcircuits.models.files import read_network\n"
        f"net = read_network({str(file)!r}); print(net, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [*repr(read_network(file)).split(), "False"]
    if ending == ".pt":
        torch.save({"0.weight": torch.ones(1, 2, dtype=torch.float16)}, file)
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert ran.stdout.split()[-1] == "True"
