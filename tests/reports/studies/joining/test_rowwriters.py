"""Row writers: rows that come by a file are those that come by a frame, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from mathcircuits.reports.studies.factors import Factors
from mathcircuits.reports.studies.joining.rowwriters import row_writers
from mathcircuits.reports.studies.schema import COLUMNS, typed


def rows(*seeds: int) -> pd.DataFrame:
    given = {name: [None] * len(seeds) for name in COLUMNS["networks"]}
    return typed(pd.DataFrame({**given, "seed": seeds, "regimen": "decay=0.001", "loss": 0.5}), "networks")


def test_rows_of_a_file_keep_their_groups_and_bytes(tmp_path: Path) -> None:
    factors = Factors(decay=[0, 1e-3])
    parts = [rows(0, 1, 2), rows(), rows(3)]
    for where in ("part", "frames"):
        with row_writers({"networks": tmp_path / where}, factors) as table:
            for frame in parts:
                table.add("networks", frame)
    with row_writers({"networks": tmp_path / "joined"}, factors) as table:
        table.add_file("networks", tmp_path / "part")
    found = pq.ParquetFile(tmp_path / "joined")
    assert found.num_row_groups == 2
    read = found.read().to_pandas()
    assert read["seed"].tolist() == [0, 1, 2, 3]
    assert read["factor_decay"].tolist() == [0.001] * 4
    assert (tmp_path / "joined").read_bytes() == (tmp_path / "frames").read_bytes()
