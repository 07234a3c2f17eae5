"""The doctor of a study's folder finds what is missing, damaged or changed, and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.studydoctor import study_findings
from mathcircuits.reports.pages import page
from mathcircuits.reports.studies.cells import run_cell, study_cells
from mathcircuits.reports.studies.config import StudyConfig
from mathcircuits.reports.studies.folder import Study
from mathcircuits.reports.studies.manifest import claim
from mathcircuits.reports.studies.tabulating import write_tables

TINY = StudyConfig(tasks=["absolute"], widths=["1x"], seeds=2, regimens=["adam"], steps=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study whose hand-derived cell is worked on; the other one is not."""
    claim(tmp_path, TINY)
    derived = next(cell for cell in study_cells(TINY) if cell.derived)
    assert run_cell(derived, tmp_path).status == "done"
    return tmp_path


def statuses(folder: Path) -> dict[str, str]:
    return {f"{found.status} {found.name}": found.value for found in study_findings(folder)}


def test_what_is_not_done_yet_is_a_note(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = statuses(folder)
    assert found["ok cells"].endswith("of 2 cells are as they were written")
    assert "files missing: absolute_2_adam_0-1_" in found["note cells"]
    assert found["note tables"] == "none yet"
    assert not any(name.startswith("wrong") for name in found)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("pattern", ["*.safetensors", "*.neurons.parquet"])
def test_one_flipped_bit_is_found(pattern: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = next((folder / "networks").glob(pattern))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert (
        statuses(folder)["wrong cells"] == f"1 files damaged, or changed since they were written: {file.name}"
    )
    assert main(["doctor", str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_a_damaged_manifest_or_table_is_named(folder: Path) -> None:
    (folder / "tables").mkdir()
    (folder / "tables" / "networks.parquet").write_bytes(b"PAR1")
    assert statuses(folder)["wrong tables"] == "damaged: networks"
    (folder / "manifest.json").write_text('{"format": 5')
    assert "is not JSON" in statuses(folder)["wrong manifest"]
    with pytest.raises(FileError, match="is not a folder"):
        study_findings(folder / "manifest.json")


def written(folder: Path) -> Path:
    """The folder with its tables, of the hand-derived cell alone."""
    write_tables([cell for cell in study_cells(TINY) if cell.finished(folder)], folder)
    return folder / "tables" / "networks.parquet"


def test_a_bit_of_a_table_that_parquet_does_not_miss_is_found(folder: Path) -> None:
    table = written(folder)
    assert "ok tables" in statuses(folder)
    content = bytearray(table.read_bytes())
    content[-40] ^= 1  # in the footer, of which no page's checksum knows
    table.write_bytes(content)
    assert statuses(folder)["wrong tables"] == "damaged: networks"
    with pytest.raises(FileError, match=r"has changed since it was written .*run the study again"):
        Study.load(folder).tables["networks"]


def test_a_table_with_other_columns_is_damaged_and_an_error_of_our_own_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = written(folder)
    monkeypatch.setattr(page, "write_report", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["report", str(folder)])
    pd.read_parquet(table).drop(columns="threshold").to_parquet(table)
    (table.parent / "checksums.sha256").unlink()
    assert statuses(folder)["wrong tables"] == "damaged: networks (column 'threshold')"
    assert main(["report", str(folder)]) == 2
    assert "is damaged (tables: damaged: networks (column 'threshold'))" in capsys.readouterr().err
