"""`mathcircuits compress`: a smaller network in a file of its own, what it says of it, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import About, Network, certify
from mathcircuits.models import save
from mathcircuits.models.files import read_network
from mathcircuits.reports.__main__ import main

SPLIT = Network([[[1, -1], [2, -2], [1, 0], [-1, 0]], [[-0.5, -0.25, 1, -1]]])


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """The minimum with a neuron in two parts."""
    return save(SPLIT, tmp_path / "split.npz")


def test_a_network_is_made_smaller(capsys: pytest.CaptureFixture[str], split: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.safetensors"
    assert main(["compress", str(split), "-o", str(out)]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["network"] == "2-4-1 to 2-3-1"
    assert said["target"] == "the network itself"
    assert "within 1e-08" in said["error"]
    assert said["difference"].endswith("from the original anywhere on the box (proved)")
    assert said["file"] == str(out)
    small = read_network(out)
    assert small.sizes == (2, 3, 1)
    assert certify(small, SPLIT).upper < 1e-6
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in {".npz", ".safetensors"}] == []
    # What is there stays, unless it is asked for.
    before = out.read_bytes()
    assert main(["compress", str(split), "-o", str(out)]) == 2
    refused = capsys.readouterr()
    assert "is there already" in refused.err
    assert refused.out == ""
    assert out.read_bytes() == before
    assert main(["compress", str(split), "-o", str(out), "--force", "--task", "minimum", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["target"], record["after"], record["verified"]) == ("minimum", [2, 3, 1], True)


def test_a_network_of_another_function_is_written_and_the_exit_code_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, out = save(Network([[[1.0]], [[1.0]]]), tmp_path / "relu.npz"), tmp_path / "out.npz"
    assert main(["compress", str(file), "-o", str(out), "--task", "absolute"]) == 1
    assert "NOT within" in capsys.readouterr().out
    assert out.is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "small.onnx"], "use .safetensors or .npz"),
        (["-o", "no/such/folder/small.npz"], "create the folder first"),
        (["-o", "small.npz", "--task", "nonsense"], "no task named 'nonsense'"),
        (["-o", "small.npz", "--task", "absolute"], "split"),
        (["-o", "small.npz", "--tolerance", "-1"], "tolerance -1.0: give a positive mean squared error"),
        (["-o", "small.npz", "--box", "2", "1"], "box"),
        (["-o", "small.npz", "--seed", "-1"], "--seed"),
        (["-o", "small.npz", "--network", "minimum/3/adam/0"], "study"),
        ([], "--out"),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str],
    split: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(split.parent)
    assert main(["compress", str(split), *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert words in said.err or words == "split"
    assert [path.name for path in split.parent.iterdir()] == ["split.npz"]


def test_a_network_is_made_as_small_as_data_allow(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    frame = pd.DataFrame({"price": X[:, 0], "limit": X[:, 1], "paid": X.min(axis=1)})
    frame["paid"] += 0.05 * rng.standard_normal(300)
    frame["fee"] = frame["price"] * 2
    table = tmp_path / "sales.csv"
    frame[["price", "limit", "paid", "fee"]].to_csv(table, index=False)
    named = save(SPLIT.with_about(About(input_names=("price", "limit"))), tmp_path / "named.npz")
    options = ["-o", str(tmp_path / "small.npz"), "--task", str(table), "--target", "paid", "--json"]
    assert main(["compress", str(named), *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["target"] == "sales.csv"
    assert record["after"] in ([2, 2, 1], [2, 3, 1])
    assert 0.0025 < record["tolerance"] < 0.005
    assert main(["compress", str(named), *options[:4], "--target", "none", "--force"]) == 2
    assert "no column named 'none'" in capsys.readouterr().err


def test_a_network_too_large_for_memory_is_refused(
    capsys: pytest.CaptureFixture[str], split: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 4096 x 4096 took more than 2 GB
    monkeypatch.setattr("mathcircuits.reports.budgets.MAX_COMPRESSED", 11)
    out = split.with_name("small.npz")
    assert main(["compress", str(split), "-o", str(out)]) == 2
    assert (
        "a network of 12 weights: at most 11 are compressed; give a narrower one" in capsys.readouterr().err
    )
    assert not out.exists()
