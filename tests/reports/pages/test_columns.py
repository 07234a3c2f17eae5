"""The page picks its columns from the schema: of its kinds, and none that a study does not have."""

from __future__ import annotations

import pandas as pd
import pytest

from mathcircuits.reports.pages.columns import FIBRE_COLUMNS, SHOWN, pick
from mathcircuits.reports.pages.htmltables import Column, table_view
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


def test_an_interval_has_the_bounds_of_its_own_value() -> None:
    """The share of the fibre stands in a table with another share, and has nothing to do with untrained networks."""
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "untrained_value": 0.1}
    row |= {"fibre_value": 0.25, "fibre_low": 0.2, "fibre_high": 0.3}
    (fibre,) = [column for column in FIBRE_COLUMNS if column.name == "fibre_value"]
    view = table_view(
        pd.DataFrame([row]), "t", "", [*pick("prevalence", Column("value", "share", "interval")), fibre]
    )
    assert [cell.marks for cell in view.rows[0]] == [(0.4, 0.6, 0.5, 0.1), (0.2, 0.3, 0.25, None)]


def test_every_kind_is_shown_and_stored() -> None:
    kinds = {kind for columns in COLUMNS.values() for kind in columns.values()}
    assert kinds == set(SHOWN) == set(DTYPES)


@pytest.mark.parametrize("table", ["neurons", "programs", "circuits", "superposition"])
def test_own_columns_leave_out_what_names_a_network(table: str) -> None:
    assert list(COLUMNS[table]) == [*NETWORK, *own_columns(table)]
    assert kind_of(table, own_columns(table)[0]) == COLUMNS[table][own_columns(table)[0]]
