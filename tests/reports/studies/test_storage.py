"""Storage: an interrupted write leaves nothing, and a file is not a folder."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError
from mathcircuits.reports.studies.storage import atomic, csv_text, intact, read_checksums, write_checksums

# Storage


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"

    def interrupted() -> None:
        with atomic(target) as file:
            file.write_text("half")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        interrupted()
    assert list(target.parent.iterdir()) == []
    with atomic(target) as file:
        file.write_text("whole")
    with pytest.raises(KeyError):
        interrupted()
    assert target.read_text() == "whole"


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for below in ("note.txt", "deeper/note.txt"):
        with (
            pytest.raises(FileError, match=r"cannot be written \(.*\); choose another folder"),
            atomic(tmp_path / "taken" / below),
        ):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_checksums_are_those_that_sha256sum_writes_and_follow_the_files(tmp_path: Path) -> None:
    one, two, sums = (tmp_path / name for name in ("one.txt", "two.txt", "all.sha256"))
    one.write_text("abc")
    two.write_text("")
    write_checksums(sums, [one])
    # FIPS 180-2, appendix B.1
    assert sums.read_text() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  one.txt\n"
    assert intact(sums, [one])
    assert not intact(sums, [one, two])
    write_checksums(sums, [two])
    assert intact(sums, [one, two])
    one.write_text("abd")
    assert not intact(sums, [one])
    one.unlink()
    write_checksums(sums, [two])
    assert list(read_checksums(sums)) == ["two.txt"]


def test_a_spreadsheet_runs_nothing() -> None:
    frame = pd.DataFrame(
        {"=name": ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "ok", None], "n": range(7)}
    )
    text = csv_text(frame.assign(n=-frame["n"]))
    for line in text.splitlines():
        assert not line.startswith(("=", "+", "-", "@", "\t", '"='))
    back = pd.read_csv(io.StringIO(text))
    assert back["n"].tolist() == [0, -1, -2, -3, -4, -5, -6]
    assert back["'=name"].tolist()[5] == "ok"
