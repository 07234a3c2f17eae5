"""`mathcircuits train`: networks in files, a table of them, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mathcircuits.models import train
from mathcircuits.models.files import read_network
from mathcircuits.reports.__main__ import main


def test_each_network_has_a_file_and_a_row(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "runs"
    options = ["--hidden", "4", "--seeds", "2", "--seed", "3", "--steps", "30", "--regimen", "osier"]
    assert main(["train", "absolute", "-o", str(out), *options]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["seed", "network", "mean", "squared", "error", "solved", "file"]
    assert [row.split()[:2] for row in rows] == [["3", "1-4-1"], ["4", "1-4-1"]]
    assert last.startswith("0 of 2 solved absolute")
    assert sorted(path.name for path in out.iterdir()) == [
        "runs.csv", "seed-3.safetensors", "seed-4.safetensors",
    ]  # fmt: skip
    again = train("absolute", hidden=4, seeds=[3, 4], steps=30, regimen="osier")
    for position, seed in enumerate((3, 4)):
        network = read_network(out / f"seed-{seed}.safetensors")
        np.testing.assert_array_equal(network.weights[0], again.networks()[position].weights[0])
    assert pd.read_csv(out / "runs.csv")["seed"].tolist() == [3, 4]
    before = (out / "seed-3.safetensors").read_bytes()
    assert main(["train", "absolute", "-o", str(out), *options]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (out / "seed-3.safetensors").read_bytes() == before
    assert main(["train", "absolute", "-o", str(out), *options, "--force", "--json"]) == 0
    assert [record["solved"] for record in json.loads(capsys.readouterr().out)] == [False, False]


def test_one_network_in_a_file_of_the_smallest_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "net.npz"
    assert main(["train", "minimum", "-o", str(file), "--steps", "0", "--bias"]) == 0
    assert read_network(file).sizes == (2, 2, 1)
    capsys.readouterr()
    assert main(["inspect", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["sizes"] == [2, 2, 1]


def test_a_formula_and_a_table_are_tasks_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    rows = np.random.default_rng(0).uniform(-1, 1, (50, 2)).round(3)
    rows = np.column_stack([rows, rows[:, 0] - rows[:, 1]])
    np.savetxt(table, rows, delimiter=",", header="price,limit,gain", comments="")
    for task in ("relu(x1 - 0.3) + x2", str(table)):
        file = tmp_path / "net.npz"
        options = ["--hidden", "2", "--steps", "0", "--force"]
        assert main(["train", task, "-o", str(file), *options]) == 0
        assert read_network(file).sizes == (2, 2, 1)
    capsys.readouterr()
    assert main(["train", str(table), "-o", str(file), *options, "--target", "profit"]) == 2
    assert "profit" in capsys.readouterr().err
    assert main(["train", "relu(x1 - 0.3) + x2", "-o", str(tmp_path / "other.npz"), "--steps", "0"]) == 2
    assert "give --hidden" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["minimun", "-o", "runs"], "did you mean 'minimum'"),
        (["minimum", "-o", "runs", "--hidden", "three"], "--hidden 'three'"),
        (["minimum", "-o", "runs", "--hidden", "0"], "width 0"),
        (["minimum", "-o", "runs", "--regimen", "adma"], "did you mean 'adam'"),
        (["minimum", "-o", "runs", "--steps", "-1"], "steps"),
        (["minimum", "-o", "runs", "--seeds", "0"], "--seeds"),
        (["minimum", "-o", "runs", "--activation", "rleu"], "rleu"),
        (["minimum", "-o", "net.npz", "--seeds", "2"], "is one file for 2 networks"),
        (["minimum", "-o", "file"], "is a file"),
        (["minimum", "-o", "file/runs"], "is a file"),
        (["minimum"], "--out"),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], words: str,
) -> None:  # fmt: skip
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments, *(["--steps", "0"] if "--steps" not in arguments else [])]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert words in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("sizes", "seeds", "told"),
    [
        ("100000", "1", "a hidden layer of 100000 neurons: at most 4096"),
        ("4096-4096", "2", "2 networks of 16793601 weights in one cell: at most 1 of them fit"),
        ("4096-4096-4096", "1", "a network of 33574913 weights: at most 20000000 are trained; give narrower"),
        ("2", "1000000000", "1000000000 networks: at most 1000000"),
    ],
)
def test_what_memory_does_not_hold_is_refused_before_it_is_asked_for(
    sizes: str, seeds: str, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["train", "absolute", "-o", str(tmp_path / "a"), "--hidden", sizes, "--seeds", seeds]) == 2
    message = capsys.readouterr().err
    assert told in message
    assert "train them in Python" in message
    assert not (tmp_path / "a").exists()


def test_networks_of_data_are_held_to_their_noise(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 400)
    frame = pd.DataFrame({"rate": x, "gain": np.abs(x) + 0.05 * rng.standard_normal(400)})
    frame.to_csv(tmp_path / "gains.csv", index=False)
    options = ["--hidden", "8", "--seeds", "2", "--steps", "2000", "--json"]
    assert main(["train", str(tmp_path / "gains.csv"), "-o", str(tmp_path / "runs"), *options]) == 0
    assert all(record["solved"] for record in json.loads(capsys.readouterr().out))
    options = ["--hidden", "8", "--steps", "0", "--force"]
    assert main(["train", str(tmp_path / "gains.csv"), "-o", str(tmp_path / "runs"), *options]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("0 of 1 solved gains.csv (mean squared error below 0.0032, their noise)")
