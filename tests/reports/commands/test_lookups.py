"""The user's own catalogue from the command line: files are added, listed and removed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mathcircuits.reports.__main__ import main


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, in this process."""
    code = main([str(argument) for argument in argv])
    written = capsys.readouterr()
    return code, written.out, written.err


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """The one line with which a command refuses its input."""
    code, out, err = run(capsys, *argv)
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


ENTRY = '[[feature]]\nid = "mine/excess"\nformula = "relu(x1 - x2 - x3)"\ndefinition = "how much"\n'


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_add_copies_entries_that_every_look_up_reads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, own_home: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY)
    target = own_home / "catalogue" / "mine.toml"
    assert run(capsys, "add", file) == (0, f"{target}: excess\n", "")
    assert target.read_text() == ENTRY
    assert [path.name for path in target.parent.iterdir()] == ["mine.toml"]
    # Again is no collision.
    assert run(capsys, "add", file)[0] == 0
    done = subprocess.run(
        [sys.executable, "-m", "mathcircuits.reports", "catalogue", "excess"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0
    assert "relu(x1 - x2 - x3)" in done.stdout


GAUGE = """[[gauge]]
circuit = "minimum"
name = "three to one"
weights = [[[1, -1], [-1, 1], [0.75, 0.25], [-0.75, -0.25]], [[-0.75, -0.25, 1, -1]]]
[[circuit]]
name = "double"
formula = "2 * x1"
weights = [[[1], [-1]], [[2, -2]]]
"""


def test_add_takes_circuits_too(capsys: pytest.CaptureFixture[str], tmp_path: Path, own_home: Path) -> None:
    file = tmp_path / "candidates.toml"
    file.write_text(GAUGE)
    target = own_home / "circuits" / "candidates.toml"
    assert run(capsys, "add", file) == (0, f"{target}: double, minimum as three to one\n", "")
    assert target.read_text() == GAUGE
    assert run(capsys, "add", file)[0] == 0
    script = (
        "from mathcircuits.detect import circuits\n"
        "print(circuits['minimum'].gauges[-1].gauge, 'double' in circuits)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "three to one True\n"
    # Installed, it is still no collision with itself.
    again = subprocess.run(
        [sys.executable, "-m", "mathcircuits.reports", "add", str(file)],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert again.returncode == 0, again.stderr


def test_add_refuses_wrong_circuits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, own_home: Path
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GAUGE.replace("0.75, 0.25]", "0.75, 0.5]"))
    message = refused(capsys, "add", file)
    assert "mine.toml" in message
    assert "off its formula" in message
    file.write_text(GAUGE.replace("three to one", "x1 - relu(x1 - x2)"))
    assert "is there already" in refused(capsys, "add", file)
    assert not (own_home / "circuits").exists()


def test_add_refuses_collisions(capsys: pytest.CaptureFixture[str], tmp_path: Path, own_home: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(ENTRY.replace("mine/excess", "mine/greaterness"))
    assert "taken by 'order/greaterness'" in refused(capsys, "add", file)
    file.write_text(ENTRY.replace("relu", "rleu"))
    message = refused(capsys, "add", file)
    assert "mine.toml, line 1" in message
    assert "did you mean 'relu'" in message
    assert not (own_home / "catalogue").exists()
    file.write_text(ENTRY)
    assert run(capsys, "add", file)[0] == 0
    file.write_text(ENTRY.replace("how much", "by how much"))
    assert "is there already" in refused(capsys, "add", file)
    assert (own_home / "catalogue" / "mine.toml").read_text() == ENTRY


def test_added_files_are_listed_and_removed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, own_home: Path
) -> None:
    assert "is empty" in run(capsys, "add", "--list")[1]
    for name, text in (("mine", ENTRY), ("candidates", GAUGE)):
        (tmp_path / f"{name}.toml").write_text(text)
        assert run(capsys, "add", tmp_path / f"{name}.toml")[0] == 0
    rows = [re.split("  +", line) for line in run(capsys, "add", "--list")[1].splitlines()]
    assert rows == [
        ["file", "kind", "entries"],
        ["mine", "features", "excess"],
        ["candidates", "circuits", "double, minimum as three to one"],
    ]
    assert json.loads(run(capsys, "add", "--list", "--json")[1])[0]["entries"] == ["excess"]
    assert "did you mean 'mine'" in refused(capsys, "add", "--remove", "mime")
    # A file that cannot be read is listed, and can be removed.
    broken = own_home / "catalogue" / "broken.toml"
    broken.write_text("[[feature]")
    assert "cannot be read" in run(capsys, "add", "--list")[1]
    for name in ("broken", "mine.toml", "candidates"):
        assert run(capsys, "add", "--remove", name)[1].endswith(": removed\n")
    assert list(own_home.rglob("*.toml")) == []
    assert "give one of FILE" in refused(capsys, "add")
    assert "give one of FILE" in refused(capsys, "add", broken, "--list")
