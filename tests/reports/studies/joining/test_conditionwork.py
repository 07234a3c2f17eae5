"""Work on conditions elsewhere: in their order, and though a worker dies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import joblib
import pyarrow.parquet as pq
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

from mathcircuits.models import as_regimen
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.cells import run_cell
from mathcircuits.reports.studies.joining.conditionparts import BY_NETWORK
from mathcircuits.reports.studies.joining.conditionwork import PARTS, made_elsewhere

CONDITIONS = [[Cell("absolute", (width,), as_regimen("adam"), (0,), steps=20)] for width in (2, 3, 4)]


class Dying:
    """joblib's pool, of which a process is killed once it has done one job."""

    def __init__(self, **_: Any) -> None:
        pass

    def __call__(self, calls: Iterable[Any]) -> Iterator[Any]:
        function, arguments, _ = next(iter(calls))
        yield function(*arguments)
        raise TerminatedWorkerError


def test_what_a_killed_worker_leaves_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for (cell,) in CONDITIONS:
        run_cell(cell, tmp_path)
    monkeypatch.setattr(joblib, "Parallel", Dying)
    monkeypatch.setattr("mathcircuits.reports.studies.workers.end_with", lambda _: None)
    widths, rows = [], []
    for made in made_elsewhere(CONDITIONS, tmp_path, None, workers=2):
        assert set(made.rows) == set(BY_NETWORK)
        assert made.spent.cpu > 0
        widths += made.part.tables["success"]["hidden"].tolist()
        rows.append(pq.read_metadata(made.rows["networks"]).num_rows)
    assert widths == ["2", "3", "4"]
    assert rows == [2, 2, 2]
    assert not (tmp_path / "tables" / PARTS).exists()
