"""Inspecting: a network of a file or of a study, as a page and on the terminal."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect import About, Network, UnknownNameError, hand_derived
from mathcircuits.models import as_regimen, save
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.inspecting import trained_by
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.folder import Study


def plain(text: str) -> str:
    """A page's words without its tags, styles, scripts and drawings."""
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# On the command line


def test_inspect_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(hand_derived("absolute"), tmp_path / "abs.npz")
    out = tmp_path / "new" / "abs.html"
    assert main(["inspect", str(file), "--task", "absolute", "--html", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert "abs(x1) , off by at most" in plain(out.read_text("utf-8"))
    # With --json both are had: the page in its file, the JSON alone on the output.
    assert main(["inspect", str(file), "--json", "--html", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["formula"]["text"] == "abs(x1)"


def test_several_readings_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
    save(half, tmp_path / "half.npz")
    assert main(["inspect", str(tmp_path / "half.npz")]) == 0
    said = capsys.readouterr().out
    words = "y1 has 2 readings that meet the criteria: one function by different circuits."
    assert words in " ".join(said.split())
    assert re.search(r"^y1 +2 +0\.5\*\(x1 \+ x2\) - 0\.5\*abs\(.+ same$", said, re.MULTILINE)


class Shelf:
    """A study of one network."""

    cells = (Cell("absolute", (2,), as_regimen("adam", steps=50), (0,)),)

    def networks(self, key: str) -> dict[str, Network]:
        known = {"absolute/2/adam/0": hand_derived("absolute")}
        found = {name: net for name, net in known.items() if f"{name}/".startswith(f"{key}/")}
        if not found:
            raise UnknownNameError("network", key, known, "the tables list them")
        return {name: net for name, net in found.items() if net is not None}


def test_a_network_of_a_study_is_read_as_its_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "load", lambda _: Shelf())
    out = tmp_path / "a.html"
    assert main(["inspect", str(tmp_path), "--network", "absolute/2/adam/0", "--html", str(out)]) == 0
    capsys.readouterr()
    said = plain(out.read_text("utf-8"))
    assert "as absolute." in said
    assert "200 networks that were taught something else; a match needs both" in said
    assert "mathcircuits inspect DIR --network absolute/2/adam/0 --task absolute" in said
    for name, words in (
        (
            "absolute/2/adam",
            "no network named 'absolute/2/adam': did you mean 'absolute/2/adam/0'? (give one with",
        ),
        ("absolute/2/adm/0", "no network named 'absolute/2/adm/0'"),
    ):
        assert main(["inspect", str(tmp_path), "--network", name]) == 2
        assert words in capsys.readouterr().err


def test_a_folder_without_a_study_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path), "--network", "absolute/2/adam/0"]) == 2
    assert "holds no study" in capsys.readouterr().err


def test_inspect_says_what_was_assumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, W0=np.array([[1.0], [-1.0]]), b0=np.zeros(2), W1=np.array([[1.0, 1.0]]))
    assert main(["inspect", str(path)]) == 0
    head = capsys.readouterr().out.splitlines()
    assert head[:2] == [
        "1-2-1, relu, some bias; read on [-1, 1]",
        "assumed: the activation is relu; no activation follows the last layer",
    ]
    assert main(["inspect", str(path), "--activation", "relu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["assumptions"], told["link"]) == ([], None)
    assert main(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assumptions"] == [
        "the activation is relu", "no activation follows the last layer",
    ]  # fmt: skip
    page = tmp_path / "net.html"
    assert main(["inspect", str(path), "--html", str(page)]) == 0
    assert "Assumed: the activation is relu; no activation follows the last layer." in plain(
        page.read_text("utf-8")
    )


def test_inspect_reads_the_part_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nets.npz"
    names = ("actor", "critic")
    np.savez(
        path,
        **{f"{name}.{k}.weight": np.ones((1 + j, 1 + j)) for j, name in enumerate(names) for k in (0, 2)},
        output_activation="sigmoid",
    )
    assert main(["inspect", str(path)]) == 2
    assert "holds several networks (actor, critic)" in capsys.readouterr().err
    assert main(["inspect", str(path), "--part", "critic"]) == 0
    head = capsys.readouterr().out.splitlines()
    assert head[0].startswith("2-2-2, relu")
    assert "link: sigmoid of the outputs, which are read without it (logits)" in head[1:3]


def test_a_tables_columns_are_read_by_name_and_the_names_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    about = About(input_names=("price", "limit"))
    file = save(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]], about=about), tmp_path / "net.npz")
    rows = np.random.default_rng(0).uniform([0, -1, -5], [1, 4, 9], (100, 3)).round(3)
    data, page = tmp_path / "data.csv", tmp_path / "net.html"
    np.savetxt(data, rows, delimiter=",", header="id,limit,price", comments="")
    assert main(["inspect", str(file), "--data", str(data)]) == 0
    out = capsys.readouterr().out
    low, high = rows.min(axis=0), rows.max(axis=0)
    head = f"read on price in [{low[2]:g}, {high[2]:g}], limit in [{low[1]:g}, {high[1]:g}], on 100 samples"
    assert head in " ".join(out.split())
    assert "gauge      price - relu(price - limit)" in out
    assert not re.search(r"\bx[12]\b", out)
    assert main(["inspect", str(file), "--data", str(data), "--json", "--html", str(page)]) == 0
    # All that the JSON says of inputs bears their names; the weights have none.
    assert not re.search(r"\bx[12]\b", capsys.readouterr().out)
    drawings = re.findall(r"<svg\b.*?</svg>", page.read_text("utf-8"), flags=re.DOTALL)
    texts = [html.unescape(re.sub(r"<[^>]+>", " ", drawing)).split() for drawing in drawings]
    assert len(texts) == 3
    for words in texts:
        assert {"price", "limit"} <= set(re.findall(r"\w+", " ".join(words)))
        assert not {"x1", "x2"} & set(re.findall(r"\w+", " ".join(words)))
    np.savetxt(data, rows, delimiter=",", header="id,limit,cost", comments="")
    assert main(["inspect", str(file), "--data", str(data)]) == 2
    assert "columns id, limit, cost for the inputs price, limit" in capsys.readouterr().err


def test_a_few_points_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(hand_derived("minimum"), tmp_path / "net.npz")
    assert main(["inspect", str(file), "--points", "0,1"]) == 0
    out = capsys.readouterr().out
    assert "at any of its points" in out
    assert "read on 4 points: " in out
    assert main(["inspect", str(file), "--points", "0,1", "--directions"]) == 0
    assert "not tested: directions (4 inputs" in capsys.readouterr().out


def test_a_task_brings_the_second_null_and_a_bare_file_says_that_it_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "min.npz"
    save(hand_derived("minimum"), file)
    assert main(["inspect", str(file)]) == 0
    bare = capsys.readouterr().out
    assert "no networks that were taught something else" in " ".join(bare.split())
    assert "q taught" not in bare
    assert main(["inspect", str(file), "--task", "minimum", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["taught"] == 200
    assert all(row["q_taught"] <= 0.05 for row in content["neurons"])
    assert [row["status"] for row in content["neurons"]] == ["matched"] * 3


def test_a_network_of_a_study_is_held_against_its_own_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Study, "load", lambda _: Shelf())
    regimen, steps = trained_by(tmp_path, "absolute/2/adam, steps=50/0")
    assert (regimen.steps, steps) == (50, None)
    assert trained_by(tmp_path, "absolute/2/derived/-1")[0].name == "adam"
