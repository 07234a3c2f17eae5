"""Row parts: what a page reads of a large table on disk, and that parts add up to the whole."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from synthetic_study import made_up

from mathcircuits.reports.pages.page import page_tables
from mathcircuits.reports.pages.selections import derived_share, directions_summary, status_counts
from mathcircuits.reports.rowparts import TRAINED, parts_of, rows_at, totals
from mathcircuits.reports.studies.folder import StudyTables
from mathcircuits.reports.studies.joining.rowwriters import row_writers
from mathcircuits.reports.studies.schema import COLUMNS, typed

TABLES = made_up(("minimum", "absolute"), seeds=6).tables
COLUMNS_READ = ("network", "feature")


def groups(name: str) -> list[pd.DataFrame]:
    """A table's rows as a study writes them: those of two networks of one condition in a row group."""
    frame = typed(TABLES[name].reindex(columns=list(COLUMNS[name])), name)
    conditions = frame["network"].str.rpartition("/")[0]
    pair = frame["seed"] // 2
    return [rows for _, rows in frame.groupby([conditions, pair], sort=False)]


@pytest.fixture
def on_disk(tmp_path: Path) -> StudyTables:
    for name in ("neurons", "directions", "networks"):
        with row_writers({name: tmp_path / f"{name}.parquet"}, None) as rows:
            for group in groups(name):
                rows.add(name, group)
    return StudyTables(tmp_path)


def test_a_table_is_there_without_being_read(on_disk: StudyTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd, "read_parquet", lambda *_, **__: pytest.fail("a table was read"))
    assert "neurons" in on_disk
    assert "ladder" not in on_disk
    assert on_disk.rows("neurons") == len(TABLES["neurons"])
    assert totals(on_disk).values.tolist() == [
        ["neurons", len(TABLES["neurons"])],
        ["directions", len(TABLES["directions"])],
    ]


def test_parts_are_row_groups_of_the_wanted_rows(on_disk: StudyTables) -> None:
    parts = list(parts_of(on_disk, "neurons", COLUMNS_READ, TRAINED))
    assert len(parts) == len(groups("neurons"))
    assert max(part["network"].nunique() for part in parts) == 2
    found = pd.concat(parts, ignore_index=True)
    trained = pd.concat(groups("neurons"))
    trained = trained[trained["population"] == "trained"]
    assert list(found) == list(COLUMNS_READ)
    assert found["network"].tolist() == trained["network"].tolist()
    assert list(parts_of(on_disk, "ladder", ("rung",))) == []


def test_rows_of_some_networks(on_disk: StudyTables) -> None:
    wanted = set(TABLES["networks"]["network"].iloc[:2])
    rows = rows_at(on_disk, "neurons", COLUMNS_READ, wanted)
    every = TABLES["neurons"]
    there = every["network"].isin(wanted) & (every["population"] != "untrained")
    assert len(rows) == there.sum() > 0
    assert rows_at(on_disk, "neurons", COLUMNS_READ, set()).empty


def test_summaries_of_parts_are_those_of_the_whole(on_disk: StudyTables) -> None:
    made = page_tables(on_disk)
    for key, whole in (
        ("readouts", directions_summary(TABLES)),
        ("held neurons", derived_share(TABLES)),
        ("status counts", status_counts(TABLES)),
    ):
        names = [name for name in whole if whole[name].dtype.kind not in "iufb"]
        order = [*names, *(name for name in whole if name not in names)]
        found = made[key][order].sort_values(names).values.tolist()
        assert len(found) > 0
        assert str(found) == str(whole[order].sort_values(names).values.tolist()), key
