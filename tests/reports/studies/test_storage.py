"""Storage: an interrupted write leaves nothing, and a file is not a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathcircuits.detect import FileError
from mathcircuits.reports.studies.storage import atomic

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
