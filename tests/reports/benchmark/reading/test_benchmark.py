"""The benchmark of reading: it calls the command with an empty cache and a full one, and ends with a table."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path

import pytest

from mathcircuits.reports.benchmark import run
from mathcircuits.reports.benchmark.reading import benchmark as reading
from mathcircuits.reports.benchmark.reading.benchmark import (
    ReadingEffort,
    inspected,
    read_times,
    shape_text,
    write_network,
)
from mathcircuits.reports.commands.benchmarkcommand import print_benchmark

SMALL = ReadingEffort(((1, 2, 1),), rounds=1)


def test_a_quick_run_writes_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "QUICK", SMALL)
    found = run("reading", quick=True, out=tmp_path, progress=False)
    print_benchmark(found)
    printed = capsys.readouterr().out
    assert "requirement" in printed
    assert reading.THREE.text[:30] in printed
    table = found.table
    assert table["measure"].tolist() == ["seconds", "processor seconds"] * 2
    assert table["population"].tolist()[::2] == ["1-2-1, cold", "1-2-1, warm"]
    assert (table["value"] > 0).all()
    # Only the empty cache has a bound.
    assert [score.bound for score in found.scores] == [reading.THREE, None, None, None]
    assert json.loads((tmp_path / "benchmark.json").read_text())["name"] == "reading"


def test_the_first_call_fills_the_cache_that_the_second_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def watched(file: Path, home: Path, patience: float) -> tuple[float, float]:
        assert file.is_file()
        assert patience == reading.PATIENCE
        seen.append(home)
        return float(len(seen)), 0.5

    monkeypatch.setattr(reading, "inspected", watched)
    cold, _, warm, _ = read_times((4, 24, 12, 1), ReadingEffort((), rounds=3), 0)
    assert [seen[k] == seen[k + 1] for k in range(5)] == [True, False, True, False, True]
    # calls 1, 3 and 5 find nothing
    assert (cold.value, warm.value) == (3.0, 4.0)
    assert cold.bound is reading.TEN


def test_a_call_that_does_not_end_is_unknown_and_keeps_no_bound(tmp_path: Path) -> None:
    write_network((1, 2, 1), tmp_path / "net.pt", 0)
    wall, own = inspected(tmp_path / "net.pt", tmp_path, patience=0.01)
    assert math.isnan(wall)
    assert math.isnan(own)
    assert not reading.TEN.holds(wall, math.nan, math.nan)


def test_a_call_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        inspected(tmp_path / "nothing.pt", tmp_path)


def test_the_shapes_are_those_that_are_stated() -> None:
    assert [shape_text(shape) for shape in reading.FULL.shapes] == [
        "2-64-1", "2-256-1", "4-24-12-1", "10-64-64-1", "784-256-256-10", "2-8x200-1",
    ]  # fmt: skip
