"""The manifest: claiming a folder sweeps what a killed process left."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathcircuits.detect import FileError
from mathcircuits.reports.studies import manifest
from mathcircuits.reports.studies.cells import study_cells
from mathcircuits.reports.studies.config import StudyConfig
from mathcircuits.reports.studies.manifest import check_compiler, claim, read_manifest

TINY = StudyConfig(tasks=["absolute"], widths=[2], seeds=2, regimens=["adam"], steps=5)


def test_claiming_sweeps_what_a_killed_process_left(tmp_path: Path) -> None:
    left = tmp_path / ".manifest.json.0123.tmp"
    left.write_text("{")
    claim(tmp_path, TINY)
    assert not left.exists()
    assert (tmp_path / "manifest.json").is_file()


def test_a_sequential_study_goes_on_with_more_seeds_in_its_folder(tmp_path: Path) -> None:
    looked = TINY.model_copy(update={"sequential": True})
    claim(tmp_path / "looked", looked)
    claim(tmp_path / "looked", looked.with_seeds(5))
    assert read_manifest(tmp_path / "looked")["config"]["seeds"] == 5
    with pytest.raises(FileError, match="seeds = 5 there, 2 here"):
        claim(tmp_path / "looked", looked)
    # A number that was decided in advance stays.
    claim(tmp_path / "decided", TINY)
    for other in (TINY.with_seeds(5), looked):
        with pytest.raises(FileError, match="another configuration"):
            claim(tmp_path / "decided", other)


def test_a_study_begun_with_a_compiler_is_not_finished_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = study_cells(TINY)
    monkeypatch.setattr(manifest, "compiles", lambda: True)
    claim(tmp_path, TINY)
    check_compiler(tmp_path, cells)
    monkeypatch.setattr(manifest, "compiles", lambda: False)
    with pytest.raises(
        FileError, match=r"begun with a C\+\+ compiler, and 2 of its cells would be trained without"
    ):
        check_compiler(tmp_path, cells)
    # Where nothing is left to train nothing differs.
    check_compiler(tmp_path, [])


def test_a_changed_manifest_is_refused_until_its_checksum_is_taken_out(tmp_path: Path) -> None:
    claim(tmp_path, TINY)
    file = tmp_path / "manifest.json"
    assert "checksum" not in read_manifest(tmp_path)
    file.write_text(file.read_text().replace('"steps": 5', '"steps": 7'))
    with pytest.raises(FileError, match=r"manifest\.json: has changed .* take out its line 'checksum'"):
        read_manifest(tmp_path)
    lines = [line for line in file.read_text().splitlines() if '"checksum"' not in line]
    file.write_text("\n".join(lines).replace("[],\n}", "[]\n}"))
    assert read_manifest(tmp_path)["config"]["steps"] == 7
