"""Our own files: exact round trips, whole files or none, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Network
from mathcircuits.models import MLP, MLPConfig, load, save
from mathcircuits.models.files.checkpoints import CONFIG_KEY, RUN_KEY, read_network, write_whole

X = np.random.default_rng(0).normal(size=(32, 2))


def same(a: Network, b: Network) -> bool:
    return a.architecture == b.architecture and all(
        np.array_equal(x, y)
        for x, y in zip((*a.weights, *a.bias_vectors), (*b.weights, *b.bias_vectors), strict=True)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ending", ["safetensors", "npz", "SafeTensors"])
@pytest.mark.parametrize(
    "config",
    [
        {"sizes": (2, 3, 1)},
        {"sizes": (2, 1)},
        {"sizes": (2, 1, 1), "bias": True, "activation": "tanh"},
        {
            "sizes": (2, 5, 4, 3, 2),
            "bias": (True, False, True, False),
            "activation": ("gelu", "identity", "leaky_relu(0.2)"),
        },
    ],
)
def test_round_trip_is_exact(tmp_path: Path, config: dict[str, Any], ending: str, dtype: str) -> None:
    net = MLP(MLPConfig(dtype=dtype, **config), seed=3)
    path = save(net, tmp_path / f"net.{ending}")
    back = load(path)
    assert same(net.to_network(), back.to_network())
    assert back.cfg == net.cfg
    assert back.dtype == net.dtype
    assert torch.equal(net(X), back(X))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_networks_float64_weights_survive() -> None:
    third = Network([[[1 / 3, 5e-324]], [[-0.0]]])
    assert load(third).cfg.dtype == "float64"
    assert same(load(third).to_network(), third)


def test_what_has_a_network_is_saved_too(tmp_path: Path) -> None:
    net = Network([[[1 / 3, 2.0]]], [[0.1]])
    assert same(read_network(save(net, tmp_path / "a.npz")), net)
    assert same(read_network(save(net, str(tmp_path / "b.safetensors"))), net)


def test_a_network_that_was_cast_is_saved_in_the_precision_it_has(tmp_path: Path) -> None:
    net = MLP(MLPConfig((2, 3, 1)), seed=0).double()
    with torch.no_grad():
        net.linears[0].weight[0, 0] = 1 / 3
    back = load(save(net, tmp_path / "net.npz"))
    assert back.dtype == torch.float64
    assert torch.equal(net(X), back(X))


def test_load_of_an_mlp_gives_it_back() -> None:
    net = MLP(MLPConfig((2, 3, 1)))
    assert load(net) is net


def test_the_file_loads_into_the_mlp_as_a_state_dict(tmp_path: Path) -> None:
    net = MLP(MLPConfig((2, 3, 1), bias=True), seed=1)
    save(net, tmp_path / "net.safetensors")
    other = MLP(MLPConfig((2, 3, 1), bias=True), seed=2)
    other.load_state_dict(safetensors.torch.load_file(tmp_path / "net.safetensors"))
    assert torch.equal(net(X), other(X))


@pytest.mark.parametrize("written", [".safetensors", ".npz"])
@pytest.mark.parametrize("called", ["net.onnx", "net.pt", "net", "net.txt", "net.npz", "net.safetensors"])
def test_the_content_decides_and_not_the_ending(tmp_path: Path, written: str, called: str) -> None:
    net = MLP(MLPConfig((2, 3, 1), activation="tanh"), seed=5)
    os.replace(save(net, tmp_path / f"whole{written}"), tmp_path / called)
    assert same(read_network(tmp_path / called), net.to_network())


# ---- writing


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(Network([[[1.0]]]), tmp_path / "net.safetensors")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        FileError, match=r"net.safetensors: cannot be written \(No space left on device\); choose"
    ):
        save(Network([[[2.0]]]), path)
    assert read_network(path).weights[0].item() == 1.0
    assert os.listdir(tmp_path) == ["net.safetensors"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "net.npz", b"half")
    assert os.listdir(tmp_path) == []


def test_files_are_as_readable_as_the_umask_lets_them(tmp_path: Path) -> None:
    save(Network([[[1.0]]]), tmp_path / "net.npz")
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "net.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_saving_is_reproducible(tmp_path: Path) -> None:
    net = MLP(MLPConfig((2, 3, 1)), seed=0)
    for ending in ("npz", "safetensors"):
        one, two = save(net, tmp_path / f"1.{ending}"), save(net, tmp_path / f"2.{ending}")
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.pt", r"net.pt: cannot write the ending '.pt'; use .safetensors or .npz"),
        ("net", r"cannot write the ending ''"),
        ("missing/net.npz", r"cannot be written \(No such file or directory\); create the folder first"),
        ("folder.npz", r"folder.npz: is a folder; give the path of a file"),
    ],
)
def test_where_save_cannot_write(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(FileError, match=message):
        save(Network([[[1.0]]]), tmp_path / name)


def test_save_refuses_what_is_no_network_and_weights_that_are_not_finite(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a Linear is no network: load\(\.\.\.\) it first"):
        save(nn.Linear(2, 1), tmp_path / "net.npz")  # type: ignore[arg-type]
    net = MLP(MLPConfig((2, 3, 1)))
    with torch.no_grad():
        net.linears[0].weight[0, 0] = torch.nan
    with pytest.raises(
        FileError, match=r"net.npz: is not written: .*NaN or infinite.*only finite weights are saved"
    ):
        save(net, tmp_path / "net.npz")
    assert os.listdir(tmp_path) == []


# ---- reading what is damaged, mislabelled or hostile


def refused(path: Path, message: str) -> None:
    with pytest.raises(FileError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    refused(tmp_path / "net.pt", "does not exist; check the path")
    refused(tmp_path, "is a folder; give the path of a file")
    with pytest.raises(FileError, match="cannot be read"):
        load("net\0.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pt")
    refused(tmp_path / "net.pt", "is not a regular file")


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz", "onnx"])
def test_an_empty_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"net.{ending}"
    path.write_bytes(b"")
    refused(path, "is empty; save or copy it again")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello, I am a text", "is none of safetensors, a torch state dict"),
        (b"\x93NUMPY\x01\x00v\x00{}", "holds a single array; save the layers' arrays"),
        (b"\x89HDF\r\n\x1a\n....", "is a damaged HDF5 file .*; save or copy it again"),
        (b"PK\x03\x04 and nothing behind it", "is a damaged archive"),
        (b"\xff" * 8 + b"{}", "is none of safetensors"),
        ((10**7).to_bytes(8, "little") + b'{"a":', "is a damaged safetensors file"),
        ((2**62).to_bytes(8, "little") + b'{"a":', "is none of safetensors"),
    ],
)
def test_content_that_is_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.safetensors").write_bytes(content)
    refused(tmp_path / "net.safetensors", message)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with open(path, "wb") as file:
        file.truncate(2**33)  # sparse: it takes no room on the disk
    refused(path, "has 8589934592 bytes, more than the 4294967296 that are read; save the MLP alone")


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_every_truncation_of_our_files_is_refused(tmp_path: Path, ending: str) -> None:
    whole = save(MLP(MLPConfig((2, 3, 1), bias=True)), tmp_path / f"net.{ending}").read_bytes()
    path = tmp_path / f"cut.{ending}"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError):
            read_network(path)


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_every_flipped_bit_of_our_files_is_refused_or_harmless(tmp_path: Path, ending: str) -> None:
    """The checksum covers weights and configuration, so that what is read is what was written."""
    net = MLP(MLPConfig((2, 3, 1), activation="tanh"), seed=1).to_network()
    whole = save(net, tmp_path / f"net.{ending}").read_bytes()
    path = tmp_path / f"flipped.{ending}"
    outcomes: set[bool | str] = set()
    # Our key itself can be hit; the file is then somebody's safetensors without metadata.
    key = whole.find(CONFIG_KEY.encode())
    for place in range(0, len(whole), 1 if ending == "safetensors" else 3):
        if ending == "safetensors" and key - 20 <= place < key + len(CONFIG_KEY) + 3:
            continue
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            outcomes.add(same(read_network(path), net))
        except MathCircuitsError:
            outcomes.add("refused")
    assert outcomes <= {True, "refused"}
    assert "refused" in outcomes


def rewritten(path: Path, change: object) -> None:
    """The same tensors under a changed configuration."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        metadata = json.loads(file.read(length))["__metadata__"]
    metadata[CONFIG_KEY] = json.dumps(change(json.loads(metadata[CONFIG_KEY])))  # type: ignore[operator]
    safetensors.numpy.save_file(safetensors.numpy.load_file(path), path, metadata=metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: {**c, "format": 2}, "is of format 2, newer than 1; upgrade mathcircuits"),
        (lambda c: {**c, "activation": ["tanh"]}, "is damaged: its checksum does not match"),
        (lambda c: {**c, "activation": ["sin"]}, "is damaged: its configuration does not fit"),
        (lambda c: {**c, "activation": ["relu"] * 3}, "is damaged: its configuration does not fit"),
        (lambda c: {**c, "sizes": [2, 4, 1]}, "is damaged: its checksum does not match"),
        (lambda c: {**c, "dtype": "float64"}, "is damaged: its checksum does not match"),
        (lambda c: {**c, "dtype": "object"}, "is damaged"),
        (lambda c: {**c, "bias": 3}, "is damaged: its configuration does not fit"),
        (lambda c: {k: v for k, v in c.items() if k != "sha256"}, "is damaged: its checksum does not match"),
        (lambda c: [c], "is damaged: its configuration does not fit"),
    ],
)
def test_a_changed_configuration(tmp_path: Path, change: object, message: str) -> None:
    path = save(MLP(MLPConfig((2, 3, 1))), tmp_path / "net.safetensors")
    rewritten(path, change)
    refused(path, message)


def test_nan_in_a_file_is_refused(tmp_path: Path) -> None:
    weights = {"0.weight": np.full((3, 2), np.nan, np.float32), "2.weight": np.ones((1, 3), np.float32)}
    safetensors.numpy.save_file(weights, tmp_path / "net.safetensors")
    refused(tmp_path / "net.safetensors", r"weights\[0\] holds NaN or infinite values")
    np.savez(tmp_path / "net.npz", **weights)
    refused(tmp_path / "net.npz", r"weights\[0\] holds NaN or infinite values")
    torch.save({k: torch.from_numpy(v) for k, v in weights.items()}, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", r"weights\[0\] holds NaN or infinite values")


# ---- safetensors and npz of other people


def test_safetensors_of_torch_without_our_metadata(tmp_path: Path) -> None:
    net = nn.Sequential(*[part for k in range(11) for part in (nn.Linear(2, 2), nn.Tanh())], nn.Linear(2, 1))
    safetensors.torch.save_file(
        net.state_dict(), tmp_path / "net.safetensors"
    )  # sorted by name: 0, 10, 12, ..., 2
    found = load(tmp_path / "net.safetensors", activation="tanh")
    assert found.cfg.dtype == "float32"
    with torch.no_grad():
        assert torch.allclose(found(X), net(torch.from_numpy(X).float()), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).to(dtype)
    safetensors.torch.save_file(net.state_dict(), tmp_path / "net.safetensors")
    found = load(tmp_path / "net.safetensors", activation="relu")
    assert found.cfg.dtype == "float32"
    assert np.array_equal(found.to_network().weights[0], net[0].weight.detach().double().numpy())


def test_npz_of_numpy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"W0": rng.normal(size=(3, 2)), "b0": rng.normal(size=3), "W1": rng.normal(size=(1, 3))}
    for writer in (np.savez, np.savez_compressed):
        writer(tmp_path / "net.npz", **arrays)
        net = read_network(tmp_path / "net.npz", activation="tanh")
        expected = np.tanh(X @ arrays["W0"].T + arrays["b0"]) @ arrays["W1"].T
        assert np.allclose(net(X), expected, atol=1e-14)
        assert net.architecture.bias == (True, False)


class Hostile:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.path), "w"))


def test_a_pickle_in_an_npz_is_never_executed(tmp_path: Path) -> None:
    trap = np.array([Hostile(tmp_path / "executed")], dtype=object)
    np.savez(tmp_path / "net.npz", W0=trap, allow_pickle=True)
    refused(
        tmp_path / "net.npz", "W0.npy holds pickled objects, which are never executed; save numeric arrays"
    )
    with zipfile.ZipFile(tmp_path / "raw.npz", "w") as archive:
        archive.writestr("W0.npy", pickle.dumps(Hostile(tmp_path / "executed")))
    refused(tmp_path / "raw.npz", "holds what is not a plain array")
    with zipfile.ZipFile(tmp_path / "more.npz", "w") as archive:
        archive.writestr("data", pickle.dumps(Hostile(tmp_path / "executed")))
        with archive.open("W0.npy", "w") as file:
            np.lib.format.write_array(file, np.ones((1, 2)))
    refused(tmp_path / "more.npz", "holds 'data', which is not an array")
    assert not (tmp_path / "executed").exists()


def test_an_npz_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.npz", "w") as archive, archive.open("W0.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
        )
        file.write(b"\0" * 64)
    refused(tmp_path / "net.npz", "W0.npy claims the shape .* which it does not hold")


def test_an_archive_that_unpacks_to_too_much(tmp_path: Path) -> None:
    """The directory's own figure is believed before anything is unpacked: 3 GiB of zeros in 3 MB."""
    with zipfile.ZipFile(tmp_path / "net.npz", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("W0.npy", b"x" * 8)
    data = bytearray((tmp_path / "net.npz").read_bytes())
    directory = data.rfind(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (3 * 2**30).to_bytes(4, "little")  # the uncompressed size
    (tmp_path / "net.npz").write_bytes(data)
    refused(tmp_path / "net.npz", "unpacks to 3221225472 bytes, more than the 2147483648 that are read")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.ones(3)}, "a of shape \\(3,\\) is not a linear layer's weight or bias"),
        ({"W0": np.ones((3, 2)), "W1": np.ones((1, 4))}, r"its layers do not chain: 0 \[3, 2\], 1 \[1, 4\]"),
        ({"W0": np.ones((3, 2), dtype=complex)}, "W0 holds complex128; weights are real"),
        ({"W0": np.ones((3, 2), dtype=int)}, "W0 holds int64; weights are real"),
        ({"W0": np.ones((3, 2, 1))}, "W0 has shape \\(3, 2, 1\\), several networks'"),
        ({"W0": np.ones((0, 2))}, "every layer needs at least one unit"),
        ({"b0": np.ones(2)}, "layer '0' has a bias of shape \\(2,\\) and no weight"),
        ({"W0": np.ones((3, 2)), "b0": np.ones(4)}, r"biases\[0\] has 4 values for 3 units"),
    ],
)
def test_arrays_that_are_no_mlp(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "net.npz", **arrays)
    refused(tmp_path / "net.npz", message)


def test_a_wrong_activation_is_said_before_the_file_is_opened() -> None:
    with pytest.raises(InputError, match="activation 'rleu': did you mean 'relu'"):
        load("missing.pt", activation="rleu")
    with pytest.raises(InputError, match="activation 3: give one name, or one per hidden layer"):
        load("missing.pt", activation=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [3, None, [np.ones((2, 2))], object()])
def test_sources_of_another_kind(source: object) -> None:
    with pytest.raises(
        InputError, match=r"cannot be read as an MLP: give a path, an nn.Module, a state dict"
    ):
        load(source)


def run_file(folder: Path) -> Path:
    """A study's file: two networks 1-2-1 as one tensor a layer, written as `mathcircuits.reports` writes it."""
    from safetensors.numpy import save_file

    about = {"config": {"sizes": [1, 2, 1], "activation": "relu", "dtype": "float32"}, "seeds": [4, 7]}
    arrays = {
        "weights.0": np.array([[[1.0], [-1.0]], [[2.0], [-2.0]]], dtype=np.float32),
        "weights.1": np.ones((2, 1, 2), dtype=np.float32),
        "losses": np.zeros(2),
    }
    path = folder / "absolute_2_adam.safetensors"
    save_file(arrays, path, metadata={RUN_KEY: json.dumps(about)})
    return path


def test_a_study_s_file_gives_the_network_of_a_seed(tmp_path: Path) -> None:
    path = run_file(tmp_path)
    assert load(path, seed=7).to_network()([[-3.0]]).item() == 6.0
    with pytest.raises(FileError, match=r"holds 2 networks of a study; name one: seed=4 \(4 to 7\)"):
        load(path)
    with pytest.raises(FileError, match="holds no network of seed 5; its seeds are 4 to 7"):
        load(path, seed=5)
    plain = save(load(path, seed=4), tmp_path / "one.safetensors")
    with pytest.raises(FileError, match=r"is not a file of a study's networks .*; leave out seed="):
        load(plain, seed=4)


def test_a_study_writes_what_load_reads() -> None:
    from mathcircuits.reports.studies import ensemblefiles

    assert ensemblefiles._FORMAT == RUN_KEY


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_small_file_does_not_become_a_large_network(tmp_path: Path, compression: int) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", compression) as archive:
        for name, shape in (("W0", (5_000_000, 1)), ("W1", (1, 5_000_000))):
            array = io.BytesIO()
            np.save(array, np.zeros(shape))
            archive.writestr(f"{name}.npy", array.getvalue())
    with pytest.raises(
        FileError, match=r"unpacks to 80000256 bytes, \d+ times its size; save it without compression"
    ):
        load(tmp_path / "bomb.npz")
    with gzip.open(tmp_path / "bomb.pt.gz", "wb") as file:
        file.write(bytes(2**27))
    with pytest.raises(FileError, match="times its size"):
        load(tmp_path / "bomb.pt.gz")


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_tensors_of_a_kind_that_nobody_foresaw(tmp_path: Path) -> None:
    right = {"0.weight": torch.ones(3, 2), "2.weight": torch.ones(1, 3)}
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    for wrong in ({**right, "0.weight": nested}, {**right, "9" * 5000 + ".weight": torch.ones(1, 1)}):
        with pytest.raises(InputError, match=r"this dict cannot be read as an MLP: .*; give dense tensors"):
            load(wrong)
    # A shape that no array can have: the numbers are none, so that the file is as long as it says.
    header = {
        "0.weight": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]},
        "2.weight": {"dtype": "F32", "shape": [1, 0], "data_offsets": [0, 0]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "none.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(FileError, match="cannot be read as an MLP"):
        load(tmp_path / "none.safetensors")
