"""The manifest: claiming a folder sweeps what a killed process left."""

from __future__ import annotations

from pathlib import Path

from mathcircuits.reports.studies.config import StudyConfig
from mathcircuits.reports.studies.manifest import claim

TINY = StudyConfig(tasks=["absolute"], widths=[2], seeds=2, regimens=["adam"], steps=5)


def test_claiming_sweeps_what_a_killed_process_left(tmp_path: Path) -> None:
    left = tmp_path / ".manifest.json.0123.tmp"
    left.write_text("{")
    claim(tmp_path, TINY)
    assert not left.exists()
    assert (tmp_path / "manifest.json").is_file()
