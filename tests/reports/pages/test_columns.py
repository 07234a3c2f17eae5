"""The page picks its columns from the schema: of its kinds, and none that a study does not have."""

from __future__ import annotations

import pytest

from mathcircuits.reports.pages.columns import SHOWN, pick
from mathcircuits.reports.pages.htmltables import Column
from mathcircuits.reports.studies.schema import COLUMNS, DTYPES, NETWORK, kind_of, own_columns


def test_a_name_stands_for_a_column_of_its_own_heading() -> None:
    assert pick("neurons", "status", "layer", "p", "used") == [
        Column("status", "status", "text"),
        Column("layer", "layer", "count"),
        Column("p", "p", "number"),
        Column("used", "used", "truth"),
    ]


def test_what_the_page_says_itself_is_kept() -> None:
    given = Column("feature", "feature", "feature", "what it holds")
    assert pick("neurons", given) == [given]
    assert pick("success", Column("n", "seeds", help="all")) == [Column("n", "seeds", "count", "all")]


def test_a_column_that_no_study_has_is_an_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        pick("neurons", "colour")
    with pytest.raises(KeyError, match="weather"):
        pick("weather", "task")


def test_every_kind_is_shown_and_stored() -> None:
    kinds = {kind for columns in COLUMNS.values() for kind in columns.values()}
    assert kinds == set(SHOWN) == set(DTYPES)


@pytest.mark.parametrize("table", ["neurons", "programs", "circuits", "superposition"])
def test_own_columns_leave_out_what_names_a_network(table: str) -> None:
    assert list(COLUMNS[table]) == [*NETWORK, *own_columns(table)]
    assert kind_of(table, own_columns(table)[0]) == COLUMNS[table][own_columns(table)[0]]
