"""Comparison tables: the page's tables that set tasks, conditions and regimens side by side."""

from __future__ import annotations

from collections.abc import Iterator

from ..studies.schema import Tables
from .columns import CONDITION_COLUMNS, FEATURE_COLUMNS, WORST_COLUMNS, pick
from .htmltables import ROWS, Column, TableView, table_view
from .regimens import pooled_regimens
from .selections import first_seeds, in_order, rows_of
from .universality import LADDER, circuit_shares, emergence_steps, ladder_names


def comparison_tables(tables: Tables) -> Iterator[TableView]:
    """The tables that the study has rows for."""
    makers = (
        _regimen_table,
        _pooled_table,
        _cause_table,
        _failed_table,
        _ladder_table,
        _contrast_table,
        _transplant_table,
        _emergence_table,
        _share_table,
    )
    for make in makers:
        view = make(tables)
        if view.rows:
            yield view


def _regimen_table(tables: Tables) -> TableView:
    columns = pick(
        "regimens",
        *CONDITION_COLUMNS,
        Column("n", "seeds"),
        "solved",
        Column("value", "share, 95% interval", "interval"),
        Column("certified", "certified", help="solved, and proved to be within 0.005 of the task"),
        Column("read", "read", help="solved networks that were put into words"),
        Column("at_minimum", "at least width", help="solved with no more neurons than the derived network"),
        Column("minimum_value", "share", "percent"),
        Column("minimum_low", "from", help="lower end of its exact 95% interval"),
        Column("minimum_high", "to", help="upper end of its exact 95% interval"),
        Column("final", "final", help="most frequent hidden sizes of solved networks when training ended"),
        Column("cost", "cost", help="network-steps a seed, median"),
        Column(
            "labelled",
            "labelled",
            "percent",
            "used neurons with a feature of the catalogue, mean over solved",
        ),
        Column("bits", "bits", help="description length of the formula, median"),
        Column("gauge", "gauge", "long", "most frequent way of computing the function"),
        Column("gauge_value", "its share", "percent"),
    )
    caption = "One row per task, width and regimen: success, the width reached, what it cost, and how the result reads."
    rows = in_order(rows_of(tables, "regimens"))
    return table_view(rows, "regimen-table", caption, columns, source="tables/regimens.parquet")


def _pooled_table(tables: Tables) -> TableView:
    columns = [
        Column("regimen", "regimen"),
        Column("tasks", "tasks", "count"),
        Column("n", "seeds", "count"),
        Column("solved", "solved", "count"),
        Column("value", "share, 95% interval", "interval"),
        Column(
            "at_minimum", "at least width", "count", "solved with no more neurons than the derived network"
        ),
        Column("minimum_value", "share", "percent"),
        Column("minimum_low", "from", "number"),
        Column("minimum_high", "to", "number"),
        Column("cost", "cost", "number", "network-steps a seed, median over its tasks and widths"),
    ]
    caption = "Regimens over all tasks and widths that they were tried on; they were not all tried on the same ones."
    return table_view(pooled_regimens(tables), "pooled", caption, columns)


def _cause_table(tables: Tables) -> TableView:
    columns = pick(
        "causes",
        *CONDITION_COLUMNS,
        "cause",
        Column("found", "networks"),
        Column("n", "failed", help="failed networks of the cell that were diagnosed"),
        Column("value", "share, 95% interval", "interval"),
        Column("lost", "lost at step", help="median over those that were followed; 0 is before training"),
    )
    caption = "Why networks failed, cause by cause, and since when no step nearby could have saved them."
    return table_view(
        in_order(rows_of(tables, "causes")), "causes", caption, columns, source="tables/causes.parquet"
    )


def _failed_table(tables: Tables) -> TableView:
    columns = pick(
        "networks",
        "network",
        "loss",
        "cause",
        Column("lost", "lost at step"),
        Column("diagnosis", "diagnosis", "long"),
    )
    networks = rows_of(tables, "networks", population="trained")
    rows = networks[networks["cause"].notna()] if "cause" in networks else networks.iloc[:0]
    shown = first_seeds(in_order(rows), ROWS) if len(rows) else rows
    caption = (
        "Failed networks one by one: the first seeds of each cell; the pointer shows a long sentence whole."
    )
    return table_view(shown, "failed", caption, columns, source="tables/networks.parquet", total=len(rows))


def _ladder_table(tables: Tables) -> TableView:
    columns = [
        *pick(
            "ladder",
            Column("kind", "what differs"),
        ),
        Column("pair", "conditions"),
        *pick(
            "ladder",
            "rung",
            Column("verdict", "verdict", "rung"),
            Column(
                "value",
                "same, interval",
                "interval",
                "share of the pairs of networks that are the same here; the interval widened for the table",
            ),
            Column("different", "different", "percent"),
            Column("vacuous", "vacuous", "percent", "as alike as networks that learned nothing"),
            Column("median", "median", help="of what is compared on this rung"),
            Column("null", "null", help="95% of networks that learned nothing are less alike than this"),
            Column("q", "q", help="Benjamini-Hochberg over the rungs of all ladders"),
            Column("n", "networks", help="disjoint pairs of networks, which the interval rests on"),
            "pairs",
            Column("stops", "stops here"),
            Column("follows", "follows from", help="the lower rung that implies this verdict at these sizes"),
            Column("reason", "why", "long"),
        ),
    ]
    rows = rows_of(tables, "ladder")
    total = len(rows)
    if total:
        order = {kind: k for k, kind in enumerate(("tasks", "seeds", "widths", "regimens", "both"))}
        rank = rows["kind"].map(order).fillna(len(order))
        stopped = rows["stops"].astype(bool)
        # Where each ladder stops is what a reader comes for; the rungs below and behind follow.
        rows = rows.assign(
            pair=ladder_names(rows), _rank=rank, _stops=~stopped, _rung=rows["rung"].map(LADDER.index)
        )
        rows = rows.sort_values(["_stops", "_rank"], kind="stable").drop(columns=["_rank", "_stops", "_rung"])
    caption = (
        "The ladder of every pair of conditions: first the rung at which each stops, then the others. False "
        "discoveries are controlled at 5% over all rungs."
    )
    return table_view(rows, "ladder", caption, columns, source="tables/ladder.parquet", total=total)


def _contrast_table(tables: Tables) -> TableView:
    columns = pick(
        "contrasts",
        "rung",
        "measure",
        "inputs",
        "population",
        Column("within", "within tasks"),
        Column("across", "across tasks"),
        Column("effect", "difference"),
        Column("low", "from", help="bootstrap over networks, 95%"),
        Column("high", "to"),
        Column("p", "p", help="permutation test over networks"),
        Column("n", "networks"),
    )
    caption = (
        "Are networks of one task more alike than networks of different tasks, and were they before training?"
    )
    return table_view(
        rows_of(tables, "contrasts"), "contrasts", caption, columns, source="tables/contrasts.parquet"
    )


def _transplant_table(tables: Tables) -> TableView:
    columns = pick(
        "transplants",
        *FEATURE_COLUMNS,
        Column("kind", "between"),
        Column("task_a", "donor"),
        Column("task_b", "recipient"),
        Column(
            "accuracy", "restores", help="share of the recipient's output; 1: as if nothing was exchanged"
        ),
        Column("decoy", "decoy", help="the same for the best decoy"),
        Column("loss_before", "loss before"),
        Column("loss_after", "after"),
        Column("loss_decoy", "with decoy"),
        Column(
            "last", "last layer", help="there the accuracy is r squared, an identity and no further evidence"
        ),
        Column("network_a", "donor network"),
        Column("network_b", "recipient network"),
        Column("reason", "why not", "long"),
    )
    rows = rows_of(tables, "transplants")
    if len(rows):
        rows = (
            rows.assign(_done=rows["accuracy"].isna())
            .sort_values("_done", kind="stable")
            .drop(columns="_done")
        )
    caption = (
        "Features put from one network into another, one transplant a row; those that could be done first."
    )
    return table_view(rows, "transplants", caption, columns, source="tables/transplants.parquet")


def _emergence_table(tables: Tables) -> TableView:
    columns = [
        *FEATURE_COLUMNS,
        *CONDITION_COLUMNS,
        Column("seeds", "solved seeds", "count", "those that were followed through training"),
        Column("held", "hold it in the end", "count"),
        Column("share", "share", "percent"),
        Column("before", "before training", "count", "hold it from step 0 on"),
        Column("step", "since step", "number", "median over those that hold it"),
    ]
    caption = "When features appear: the first step from which a solved network holds the feature to the end."
    rows = emergence_steps(tables)
    rows = in_order(rows) if len(rows) else rows
    return table_view(rows, "emergence-table", caption, columns, source="tables/emergence.parquet")


def _share_table(tables: Tables) -> TableView:
    columns = [
        Column("circuit", "circuit"),
        Column("task", "task"),
        Column("found", "networks", "count"),
        Column("n", "solved", "count"),
        Column("value", "share, 95% interval", "interval"),
        *WORST_COLUMNS,
    ]
    caption = "Circuits of the catalogue by task, over all widths and regimens."
    return table_view(circuit_shares(tables), "circuit-shares", caption, columns)
