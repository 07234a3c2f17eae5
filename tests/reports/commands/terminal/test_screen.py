"""The screen of one network: it fits a terminal, and never cuts what a neuron holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect import About, Analysis, Network, analyse, hand_derived
from mathcircuits.detect.matching import group_neurons, neuron_shares
from mathcircuits.models import save
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.terminal import screen
from mathcircuits.reports.commands.terminal.screen import ScreenLayout, print_analysis


def lines_of(
    capsys: pytest.CaptureFixture[str], analysis: Analysis, layout: ScreenLayout | None = None
) -> list[str]:
    print_analysis(analysis, layout)
    return capsys.readouterr().out.splitlines()


@pytest.fixture(scope="module")
def wide() -> Analysis:
    """The minimum by 40 neurons: eight of each kink, and 16 that do nothing for it."""
    first = np.tile([[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], (8, 1))
    rest = np.random.default_rng(0).normal(size=(16, 2))
    read = np.concatenate([np.tile([-0.125, 0.125, -0.125], 8), np.full(16, 1e-4)])
    return analyse(Network([np.vstack([first, rest]), read[None]]), init="uniform")


def test_a_few_neurons_are_all_listed_group_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, analyse(hand_derived("minimum"), task="minimum", init="uniform"))
    assert lines[0] == "2-3-1, relu, no bias; read on [-1, 1]^2"
    assert re.match(r"outputs +y1 from -\S+ to \S+; mean squared error 0 at 1024 points", lines[1])
    assert lines[2:4] == ["formula    min(x1, x2)", "certified  off by at most 1.8e-13 anywhere on the box"]
    assert "gauge      x1 - relu(x1 - x2)" in lines
    rows = [line.split() for line in lines if " matched " in line]
    assert [row[3].partition("(")[0] for row in rows] == ["greaterness", "positiveness", "negativeness"]
    assert [row[1] for row in rows] == ["100%", "47%", "47%"]
    start = next(k for k, line in enumerate(lines) if line.startswith("length"))
    assert [line.split()[0] for line in lines[start + 1 : start + 3]] == ["1", "3"]


def test_many_neurons_are_grouped_and_the_whole_fits(
    capsys: pytest.CaptureFixture[str], wide: Analysis
) -> None:
    lines = lines_of(capsys, wide)
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    start = lines.index("share  neurons  status     feature")
    assert re.match(r"\S+ +8 +matched +greaterness\(x1, x2\)", lines[start + 1].strip())
    title = next(k for k, line in enumerate(lines) if line.startswith("the 10 most used of 40"))
    assert len([line for line in lines[title + 2 :] if re.match(r" +\d+ ", line)]) == 10
    everything = lines_of(capsys, wide, ScreenLayout(everything=True))
    assert sum(bool(re.match(r" +\d+ +\S+% +(matched|unmatched) ", line)) for line in everything) == 40
    # An --all table of neurons has what the short one leaves out.
    assert any(line.split()[-1:] == ["p"] for line in everything)
    few = lines_of(capsys, wide, ScreenLayout(top=2))
    assert any(line.startswith("the 2 most used of 40") for line in few)


def test_weights_stand_below_their_neuron(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, analyse(hand_derived("minimum"), init="uniform"), ScreenLayout(weights=True))
    at = next(k for k, line in enumerate(lines) if "greaterness(x1, x2)" in line)
    assert lines[at + 1].strip() == "1 x1, -1 x2 -> -1 y1"
    deep = Network([[[1], [-1]], [[2, 1], [1, 0], [0, 1], [1, 1], [1, 2]], [[1, 1, 3, 1, 1]]])
    text = "\n".join(lines_of(capsys, analyse(deep, init="uniform"), ScreenLayout(weights=True)))
    assert "2 v0, 1 v1, 1 v3, 1 v4, and 1 more" in text
    assert "2 v0, 1 v1 -> 1 y1" in text


def test_long_names_go_on_below_and_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["volatile acidity of the sample in grams", "residual sugar of the sample in grams"]
    lines = lines_of(capsys, analyse(hand_derived("minimum"), init="uniform", names=names))
    assert max(map(len, lines)) <= 80
    table = " ".join(
        " ".join(lines[next(k for k, x in enumerate(lines) if x.startswith("neuron")) :]).split()
    )
    assert table.count(" matched ") == 3
    assert "..." not in table
    for word in " ".join(names).split():
        assert word in table


def test_the_second_null_is_asked_for_when_the_neurons_turn_comes(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def second(first: Analysis) -> Analysis:
        asked.append(capsys.readouterr().out)
        return replace(first, taught=(hand_derived("maximum"),) * 2)

    print_analysis(analyse(hand_derived("minimum"), init="uniform"), None, second)
    assert "formula    min(x1, x2)" in asked[0]
    assert "neuron" not in asked[0]
    text = " ".join(capsys.readouterr().out.split())
    assert "and 2 networks that were taught something else; a match needs both" in text
    assert "q taught" in text


def test_a_formula_that_is_not_there_and_a_tolerance_that_lets_it_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = save(Network([[[1.0], [-1.0], [0.9]], [[1.0, 1.0, 0.02]]]), tmp_path / "net.npz")
    assert main(["inspect", str(file), "--tolerance", "0.1", "--names", "price"]) == 0
    assert "formula    abs(price)" in capsys.readouterr().out
    for option, words in (
        (["--tolerance", "-1"], "tolerance -1.0: give a positive share of the output's range"),
        (["--names", "price,limit"], "--names 'price,limit': give one name for each of the 1 inputs"),
        (["--top", "0"], "--top"),
    ):
        assert main(["inspect", str(file), *option]) == 2
        said = capsys.readouterr()
        assert words in said.err
        assert said.out == ""


def test_shares_of_neurons_and_of_their_groups() -> None:
    split = Network([[[1, -1], [1, -1], [1, 0], [-1, 0]], [[-0.5, -0.5, 1, -1]]])
    a = analyse(split, init="uniform")
    assert a.groups["neurons"].tolist()[0] == (0, 1)
    (alone,) = neuron_shares(split)
    # Half of a kink costs a quarter of what the kink costs.
    np.testing.assert_allclose(alone[:2], a.groups["share"][0] / 4)
    dead = group_neurons(split, a.neurons.assign(status="dead"))
    assert dead[["feature", "neurons"]].values.tolist() == [[None, (0, 1, 2, 3)]]


def test_share_texts_never_round_to_nothing() -> None:
    assert screen.share_text(1e-9) == "<.1%"
    assert screen.share_text(0.0).strip() == "0%"


def test_outputs_have_their_own_names(capsys: pytest.CaptureFixture[str]) -> None:
    about = About(input_names=("price", "limit"), output_names=("paid", "kept"))
    net = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1], [1, 0, 0]]], about=about)
    said = "\n".join(lines_of(capsys, analyse(net), ScreenLayout(everything=True, weights=True)))
    assert "paid from -1 to 0.94, kept from 0 to 1.91 at" in " ".join(said.split())
    assert "-1 paid, 1 kept" in said
    assert re.findall(r"\b[xy][12]\b", said) == []
    assert analyse(net).to_dict()["circuits"][0]["output"] in {"paid", "kept"}
    assert analyse(net).to_dict()["outputs"] == ["paid", "kept"]


def test_why_no_network_was_taught_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    net = hand_derived("minimum")
    X = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    for task, reason in (
        (None, "--task trains them"),
        ((X, X.min(axis=1)), "none can be for data"),
        ("minimum", "training them takes too long"),
    ):
        said = " ".join(" ".join(lines_of(capsys, analyse(net, task=task))).split())
        assert f"no networks that were taught something else ({reason})" in said
