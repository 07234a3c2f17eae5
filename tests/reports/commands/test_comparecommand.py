"""`compare`: files and folders, their function found, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mathcircuits.detect import Network, circuits, hand_derived
from mathcircuits.models import save
from mathcircuits.reports.__main__ import main


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    slide, _, mean = (circuit.network for circuit in circuits["minimum"].gauges[:3])
    save(slide, folder / "slide.npz")
    save(mean, folder / "mean.npz")
    save(hand_derived("absolute"), folder / "one-input.npz")
    for name, net in (("slides", slide), ("means", mean)):
        (folder / name).mkdir()
        for k in range(2):
            save(Network([net.weights[0] * (k + 1), net.weights[1] / (k + 1)]), folder / name / f"{k}.npz")
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main(["compare", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_two_forms_in_a_terminal(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, printed, _ = run(capsys, files / "slide.npz", files / "mean.npz")
    assert code == 0
    assert printed.startswith("slide.npz and mean.npz part at circuit")
    assert "function: min(x1, x2); inputs: [-1, 1]^2" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_json_and_a_page(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, printed, _ = run(
        capsys,
        files / "slide.npz",
        files / "slide.npz",
        "--task",
        "min",
        "--json",
        "--html",
        tmp_path / "page.html",
    )
    content = json.loads(printed)
    assert (code, content["same_up_to"], content["parts_at"]) == (0, "circuit", None)
    assert "mathcircuits compare" in (tmp_path / "page.html").read_text()


def test_two_folders(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, printed, _ = run(capsys, files / "slides", files / "means", "--json")
    content = json.loads(printed)
    assert (content["networks"], content["compute it"], content["function"]) == (
        "2 and 2",
        "2 and 2",
        "min(x1, x2)",
    )
    # Two networks a side settle nothing, and this is said.
    assert {step["relation"] for step in content["rungs"]} == {"inconclusive"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["slide.npz", "no.npz"], "no.npz: is not there"),
        (["slide.npz", "one-input.npz"], "only networks of the same are compared"),
        (
            ["slide.npz", "mean.npz", "--task", "min", "--box", "0", "1"],
            "--box or --points beside --task min",
        ),
        (["slides", "means", "--task", "max"], "no network of slides computes the function"),
    ],
)
def test_what_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, printed, err = run(
        capsys, *(files / word if "." in word or word.endswith("s") else word for word in words)
    )
    assert (code, printed, message in " ".join(err.split())) == (2, "", True), err
