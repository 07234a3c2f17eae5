"""The configuration that `study --example` prints, and the lines with which a study ends."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from mathcircuits.reports import StudyConfig
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.commands.studycommand import EXAMPLE, ending
from mathcircuits.reports.studies.cells import study_cells


def test_the_example_is_a_configuration_and_so_is_each_line_that_it_offers(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["study", "--example"]) == 0
    assert capsys.readouterr().out == EXAMPLE
    file = tmp_path / "study.toml"
    file.write_text(EXAMPLE)
    config = StudyConfig.from_toml(file)
    assert config.tasks == ("minimum", "absolute")
    # Two tasks, two widths, two regimens, and what nobody trained.
    assert len([cell for cell in study_cells(config) if not cell.derived]) == 8
    offered = re.findall(r"^# (\[\[?\w+\]?\]|\w+ = .+)$", EXAMPLE, re.MULTILINE)
    assert len(offered) == 6
    file.write_text(EXAMPLE + "\n" + "\n".join(offered))
    changed = StudyConfig.from_toml(file)
    assert (changed.steps, changed.reads, changed.sequential, len(changed.grid)) == (3000, "forms", True, 1)


def test_a_study_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study"]) == 2
    assert "--out DIR" in capsys.readouterr().err


@pytest.mark.long
def test_the_example_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(EXAMPLE)
    assert main(["study", str(file), "--out", str(tmp_path / "out"), "--seeds", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("file://")


def test_a_study_ends_with_few_findings_and_a_link(tmp_path: Path) -> None:
    row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
    tables = {"success": pd.DataFrame([{**row, "value": 0.75, "low": 0.19, "high": 0.99}])}
    page = tmp_path / "a b" / "index.html"
    lines = ending(SimpleNamespace(tables=tables, page=page), width=40)  # type: ignore[arg-type]  # all it reads
    assert lines[0].startswith("- 75% of the trained")
    assert 1 <= sum(line.startswith("- ") for line in lines) <= 3
    assert max(map(len, lines[:-1])) <= 40
    assert lines[-1] == f"file://{tmp_path}/a%20b/index.html"
