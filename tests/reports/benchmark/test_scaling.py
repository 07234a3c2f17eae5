"""The benchmark of scale: its pieces on a tiny grid and on numbers that are known. No time is asserted."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mathcircuits.detect import InputError
from mathcircuits.reports.benchmark import run
from mathcircuits.reports.benchmark import scaling as scale
from mathcircuits.reports.benchmark.scaling import Measured, ScaleGrid, carried_on, run_scale, scores, slope

TINY = ScaleGrid(("absolute",), ("1x",), (2, 4))


def test_slopes_of_known_laws() -> None:
    """n^1.5 has the slope 1.5; one size, or a part that takes nothing, has none."""
    assert slope([10, 100, 1000], [10**1.5, 100**1.5, 1000**1.5]) == 1.5
    assert math.isnan(slope([10], [1.0]))
    assert math.isnan(slope([10, 100], [0.0, 1.0]))


def test_carried_on_along_the_last_two_sizes() -> None:
    # 5 s to begin and 0.01 s a network.
    assert carried_on([100, 1000], [6.0, 15.0], 100_000) == pytest.approx(1005.0)
    # One size: all of it is the networks'.
    assert carried_on([100], [6.0], 1000) == 60.0
    # A second size that was quicker by chance makes no network free of charge below 0.
    assert carried_on([100, 1000], [6.0, 5.0], 100_000) == 5.0


def _linear(networks: int, start: float = 0.0) -> Measured:
    """A study of 1 ms of training, 4 of reading, 1 of tables and 1 of page for each network."""
    parts: Mapping[str, float] = {
        "train": 0.001 * networks,
        "read": 0.004 * networks,
        "tables": start + 0.001 * networks,
        "page": 0.001 * networks,
    }
    clock = {"cells": 0.0025 * networks, "tables": parts["tables"], "page": parts["page"]}
    return Measured(networks, parts, clock, {"cells": 500.0, "study": 700.0}, 2, 2)


def test_scores_of_a_linear_study_keep_the_bounds() -> None:
    found = {(row.setting.population, row.measure): row for row in scores([_linear(1000), _linear(10_000)])}
    over = "1000 to 10000 networks"
    for part in ("train", "read", "tables", "page"):
        assert found[over, f"slope, {part}"].value == 1.0
    # 5 ms on two cores and 2 on one: 4.5 ms a network, 450 s for 100 000.
    assert found["100000 networks", "minutes"].value == pytest.approx(7.5)
    assert found["1000000 networks", "minutes"].value == pytest.approx(75.0)
    assert found["10000 networks", "GB"].value == pytest.approx(1700 / 1024)
    assert found[over, "slope, memory"].value == 0.0
    assert all(row.passed is not False for row in found.values())


def test_scores_show_what_grows_faster() -> None:
    plain = _linear(10_000)
    slow = replace(
        plain, seconds={**plain.seconds, "tables": 100.0}, peak_mb={"cells": 500.0, "study": 7000.0}
    )
    broken = {row.measure for row in scores([_linear(1000), slow]) if row.passed is False}
    assert broken == {"slope, tables", "slope, memory", "minutes", "GB"}


def test_efficiency_beside_one_process() -> None:
    """5 s alone and 2.5 s on two cores are all that two cores can give; on four workers of two cores, too."""
    alone = replace(_linear(1000), clock={"cells": 5.0}, workers=1, cores=1)
    (row,) = (row for row in scores([_linear(1000)], alone) if row.measure == "efficiency")
    assert row.value == 1.0
    four = replace(_linear(1000), clock={"cells": 4.0}, workers=4, cores=2)
    (row,) = (row for row in scores([four], alone) if row.measure == "efficiency")
    assert (row.value, row.passed) == (0.625, False)


def test_a_tiny_run_is_kept_size_by_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two workers, which must not keep the process that measures from ending.
    found = run_scale(out=tmp_path, size=TINY, workers=2, progress=False)
    assert list(found.seconds) == ["2 networks", "4 networks"]
    assert {path.name for path in tmp_path.iterdir()} >= {"2.json", "4.json", "benchmark.json", "table.csv"}
    kept = json.loads((tmp_path / "4.json").read_text("utf-8"))
    assert kept["measured"]["networks"] == 4
    assert not kept["measured"]["resumed"]
    assert (tmp_path / "4" / "report" / "index.html").is_file()

    # Again: nothing is worked on.
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a study was run again")

    monkeypatch.setattr(scale, "ProcessPoolExecutor", never)
    again = run_scale(out=tmp_path, size=TINY, workers=2, progress=False)
    assert again.seconds == found.seconds


def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first size stands in the folder with its result when the second dies."""

    def dies(_config: object, networks: int, *_rest: object) -> Measured:
        if networks == 4:
            raise KeyboardInterrupt
        return _linear(networks)

    monkeypatch.setattr(scale, "measured", dies)
    with pytest.raises(KeyboardInterrupt):
        run_scale(out=tmp_path, size=TINY, workers=1, progress=False)
    result = json.loads((tmp_path / "benchmark.json").read_text("utf-8"))
    assert list(result["seconds"]) == ["2 networks"]


def test_a_signal_ends_the_study_that_is_measured(tmp_path: Path) -> None:
    """The command does not wait for its end: no page is written, and every worker has let go of the output."""
    asks = ["-m", "mathcircuits.reports", "benchmark", "scale", "--quick", "--workers", "2", "--out"]
    process = subprocess.Popen([sys.executable, *asks, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("*/networks/*.safetensors")):
        assert process.poll() is None
        time.sleep(0.1)
    process.terminate()
    _, err = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in err
    assert not list(tmp_path.glob("*/report/index.html"))


def test_options_of_other_benchmarks() -> None:
    with pytest.raises(InputError, match="'scale' knows no against: it belongs to 'universality'"):
        run("scale", against="result.json")
