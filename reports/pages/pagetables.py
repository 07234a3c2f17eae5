"""Page tables: every table of the page: which columns, in which order and how."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..plots.palette import STATUSES
from ..rowparts import TOTALS
from ..studies.schema import Tables
from .columns import CONDITION_COLUMNS, FEATURE_COLUMNS, FIBRE_COLUMNS, WORST_COLUMNS, pick
from .comparisontables import comparison_tables
from .findings import verdict_legend
from .htmltables import ROWS, Column, TableView, table_view
from .mechanisms import formula_summary, kink_summary, solved_ids, superposition_summary
from .selections import (
    CELL,
    chosen_networks,
    derived_share,
    directions_summary,
    first_seeds,
    in_order,
    missing_features,
    rows_of,
    similarity_summary,
    status_counts,
    task_names,
)

#: The columns that a table shows first, where these are not its first six.
_FIRST = {
    "prevalence": ("feature", "verdict", "task", "hidden", "regimen", "value"),
    "ensembles": ("feature", "task", "hidden", "regimen", "prevalence", "q"),
    "directions": ("task", "hidden", "regimen", "kind", "share", "unexplained"),
    "programs": ("network", "formula", "error", "equals_task", "spec_upper", "gauge"),
    "census": ("task", "hidden", "regimen", "level", "name", "value"),
    "mechanisms": ("task", "hidden", "regimen", "name", "verdict", "value"),
    "kinks": ("task", "hidden", "regimen", "share", "median", "lazy"),
    "networks": ("network", "task", "loss", "solved", "missing", "kinks"),
    "success": ("task", "hidden", "regimen", "n", "solved", "value"),
}


def table_views(tables: Tables) -> Iterator[TableView]:
    """Every table of the page that has rows."""
    makers = (
        _success_table,
        _prevalence_table,
        _derived_table,
        _status_table,
        _missing_table,
        _neuron_table,
        _similarity_table,
        _ensemble_table,
        _direction_table,
        _formula_table,
        _program_table,
        _circuit_table,
        _census_table,
        mechanism_view,
        _kink_table,
        _rank_table,
        _candidate_table,
        _network_table,
    )
    for make in makers:
        view = make(tables)
        if view is not None and view.rows:
            yield view
    yield from comparison_tables(tables)


def _success_table(tables: Tables) -> TableView:
    columns = pick(
        "success",
        *CONDITION_COLUMNS,
        Column("n", "networks"),
        "solved",
        Column("value", "share, 95% interval", "interval"),
    )
    rows = in_order(rows_of(tables, "success"))
    caption = "One row per cell: how many of its seeds solved the task."
    return table_view(
        rows, "success", caption, columns, first=_FIRST["success"], source="tables/success.parquet"
    )


def _prevalence_table(tables: Tables) -> TableView:
    columns = pick(
        "prevalence",
        *FEATURE_COLUMNS,
        Column("verdict", "verdict", "verdict"),
        *CONDITION_COLUMNS,
        Column("found", "found", help="solved networks in which a used neuron holds it"),
        Column("n", "solved"),
        Column("value", "share, 95% interval", "interval", "filled: solved networks; hollow: untrained ones"),
        *WORST_COLUMNS,
        Column("untrained_value", "untrained", "percent"),
        Column(
            "taught_value", "taught otherwise", "percent", "networks of the shape and training, other targets"
        ),
        *(FIBRE_COLUMNS if _beside_fibres(tables) else ()),
        Column("reason", "why"),
        Column("q", "q", help="false discovery rate at which the verdict would just be made"),
        Column(
            "q_yekutieli", "q, any dependence", help="the same however rows depend (Benjamini and Yekutieli)"
        ),
        Column("oriented", "oriented", help="yes: these very arguments; no: up to the task's symmetries"),
    )
    table = rows_of(tables, "prevalence")
    if table.empty:
        return table_view(table, "prevalence", "", columns)
    held = (table["found"] > 0) | table["forced"].fillna(False).astype(bool)
    rows = in_order(table[held])
    # What a reader comes for first: verdicts modulo symmetry, in the order of the legend.
    ranks = {name: k for k, name in enumerate(name for name, *_ in verdict_legend())}
    rank = rows["verdict"].map(ranks).fillna(len(ranks))
    rows = rows.assign(_oriented=rows["oriented"].astype(bool), _rank=rank)
    rows = rows.sort_values(["_oriented", "_rank", "value"], ascending=[True, True, False], kind="stable")
    caption = (
        "One row per feature, arguments and cell that some solved network holds or the function forces; "
        "features that none holds are in the file. Two nulls stand beside each: the networks before training, and "
        "networks of the same shape and training that were taught random functions with as many kinks."
    )
    source = "tables/prevalence.parquet"
    return table_view(
        rows.drop(columns=["_oriented", "_rank"]),
        "prevalence",
        caption,
        columns,
        source=source,
        total=len(table),
        first=_FIRST["prevalence"],
    )


def _beside_fibres(tables: Tables) -> bool:
    """Whether the study drew fibres to hold features against."""
    table = rows_of(tables, "prevalence")
    return "fibre_value" in table and bool(table["fibre_value"].notna().any())


def _derived_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("networks", "solved networks", "count"),
        Column("neurons", "neurons", "count"),
        Column("labelled", "best label is a derived feature", "count"),
        Column("held", "holds it", "count", "and at most a thousandth of it is unexplained"),
        Column("share", "share that holds it", "percent"),
    ]
    caption = "Solved networks of the smallest width: do their neurons carry the features derived by hand?"
    return table_view(derived_share(tables), "derived", caption, columns)


def _status_table(tables: Tables) -> TableView | None:
    found = status_counts(tables)
    if found.empty:
        return None
    key = ["task", *CELL]
    counts = found.groupby([*key, "status"], sort=False)["neurons"].sum().unstack("status", fill_value=0)
    order = [status for status in STATUSES if status in counts.columns]
    rows = in_order(counts[order].reset_index())
    columns = [*CONDITION_COLUMNS, *(Column(s, s, "count", STATUSES[s]) for s in order)]
    caption = "All neurons of solved networks by status: what each single label is worth as evidence."
    return table_view(rows, "statuses", caption, columns)


def _missing_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("feature", "missing feature"),
        Column("networks", "lacking it", "count"),
        Column("failed", "failed networks", "count"),
        Column("share", "share", "percent"),
    ]
    caption = "Networks that failed: which expected feature is absent, up to the task's symmetries."
    return table_view(missing_features(tables), "missing", caption, columns)


def _neuron_table(tables: Tables) -> TableView | None:
    neurons = rows_of(tables, "neurons")
    if neurons.empty:
        return None
    names = [chosen.network for task in task_names(tables) for chosen in chosen_networks(tables, task)]
    rows = neurons[neurons["network"].isin(set(filter(None, names)))]
    if "population" in rows:
        rows = rows[rows["population"] != "untrained"]
    columns = pick(
        "neurons",
        "network",
        "layer",
        "neuron",
        "status",
        *FEATURE_COLUMNS,
        Column("scope", "scope", help="input: of the network's inputs; upstream: of the layer before"),
        Column("unexplained", "unexplained", help="share of the neuron's variance that the feature leaves"),
        Column("p", "p", help="chance that an untrained network does as well"),
        Column("q", "q", help="the same, controlled for the network's other neurons"),
        Column("p_taught", "p taught", help="chance that a neuron which learned something else does as well"),
        Column("q_taught", "q taught", help="the same, controlled for the network's other neurons"),
        Column("causal", "causal", help="share of the output restored by the feature in the neuron's place"),
        Column("contribution", "contribution", help="error when the neuron is removed, over output variance"),
        "used",
        Column("expected", "expected", help="whether the hand-derived network has this feature"),
    )
    caption = (
        "The neurons of the networks drawn above; layers and neurons count from 0, so that v0 is neuron 0."
    )
    source = "tables/neurons.parquet"
    counted = rows_of(tables, TOTALS, table="neurons")
    total = int(counted["rows"].iloc[0]) if len(counted) else len(neurons)
    return table_view(rows, "neurons", caption, columns, source=source, total=total)


def _similarity_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("measure", "measure"),
        Column("pairs", "pairs", "count"),
        Column("mean", "mean", "number"),
        Column("null_mean", "null mean", "number", "between networks before training"),
        Column("null_q95", "null 95%", "number", "95% of untrained pairs are less alike than this"),
    ]
    rows = similarity_summary(rows_of(tables, "similarity"))
    caption = "Mean over pairs of solved networks, beside the null: pairs of untrained ones."
    return table_view(rows, "similarity", caption, columns)


def _ensemble_table(tables: Tables) -> TableView:
    columns = pick(
        "ensembles",
        *FEATURE_COLUMNS,
        *CONDITION_COLUMNS,
        "found",
        Column("n", "solved"),
        Column("prevalence", "share", "percent"),
        *WORST_COLUMNS,
        Column(
            "null_prevalence",
            "share by chance",
            "percent",
            "from used neurons of networks with the same offsets that point elsewhere",
        ),
        "p",
        "q",
    )
    rows = rows_of(tables, "ensembles")
    total = len(rows)
    if total:
        rows = rows.sort_values("q", kind="stable")
    caption = (
        "Does a feature recur over the seeds more often than in networks with the same offsets that point elsewhere? "
        "Surest first."
    )
    source = "tables/ensembles.parquet"
    return table_view(
        rows, "ensembles", caption, columns, first=_FIRST["ensembles"], source=source, total=total
    )


def _direction_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column(
            "kind",
            "kind",
            help="needed: spanned by the output and the inputs; control: the task has no use for it",
        ),
        Column("tested", "tested", "count", "features times networks"),
        Column("readable", "readable", "count"),
        Column("share", "share", "percent"),
        Column("unexplained", "unexplained (median)", "number"),
        Column(
            "untrained",
            "by chance (median)",
            "number",
            "from networks with the same offsets that point elsewhere",
        ),
    ]
    caption = (
        "Features times networks: how many can be read, and what is left, beside what is left by chance."
    )
    return table_view(directions_summary(tables), "directions", caption, columns, first=_FIRST["directions"])


def _formula_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("networks", "solved", "count"),
        Column("exact", "are the task", "count", "their formula and the task are one function"),
        Column(
            "spec_upper",
            "off it by at most",
            "bound",
            "of all of them, anywhere on the box; proved, rounded up",
        ),
        Column(
            "formulas",
            "have a formula",
            "count",
            "within 0.5% of the output's range of the network, simpler than its weights",
        ),
        Column(
            "error", "off that by at most", "bound", "of all of them, anywhere on the box; proved, rounded up"
        ),
        Column("bits", "bits (median)", "number", "description length of the formula"),
        Column("raw_bits", "bits of the weights", "number"),
    ]
    caption = "Do the solved networks compute the task's own formula, and how far are they off it anywhere on the box?"
    return table_view(formula_summary(tables), "formulas", caption, columns)


def _program_table(tables: Tables) -> TableView | None:
    programs = rows_of(tables, "programs")
    if programs.empty:
        return None
    columns = [
        *pick("programs", "network"),
        Column("solved", "solved", "truth"),
        *pick(
            "programs",
            "formula",
            Column("error", "off by at most", "bound"),
            Column("equals_task", "is the task"),
            Column("spec_upper", "off the task by at most", "bound"),
            "class",
            Column("gauge", "gauge", "long"),
            Column("reason", "why no formula", "long"),
        ),
    ]
    solved = solved_ids(tables)
    derived = programs["population"] == "derived"
    shown = in_order(programs.assign(solved=derived | programs["network"].isin(solved)))
    # What has no formula is rarer and says more: those first, then a few of each cell.
    odd = shown[shown["formula"].isna()]
    rows = pd.concat([first_seeds(odd, ROWS // 2), first_seeds(shown[shown["formula"].notna()], ROWS // 2)])
    caption = "Networks in words: those without a formula first, then the first seeds of each cell."
    source = "tables/programs.parquet"
    return table_view(
        rows, "programs", caption, columns, first=_FIRST["programs"], source=source, total=len(programs)
    )


def _circuit_table(tables: Tables) -> TableView | None:
    circuits = rows_of(tables, "circuits", population="trained")
    if circuits.empty:
        return None
    counted_by = ["task", *CELL, "circuit", "on", "output"]
    rows = circuits.groupby(counted_by, sort=False).agg(
        networks=("network", "nunique"), distance=("distance", "median"), certified=("certified", "max")
    )
    columns = [
        *CONDITION_COLUMNS,
        Column("circuit", "circuit"),
        Column("on", "of"),
        Column("output", "at"),
        Column("networks", "networks", "count"),
        Column(
            "distance",
            "distance (median)",
            "number",
            "of effective weights to the nearest known implementation",
        ),
        Column(
            "certified", "changes the output by at most", "bound", "when the template is put in its place"
        ),
    ]
    caption = "Circuits of the catalogue found inside the networks that were put into words."
    source = "tables/circuits.parquet"
    table = in_order(rows.reset_index())
    return table_view(table, "circuits", caption, columns, source=source)


def _census_table(tables: Tables) -> TableView:
    columns = pick(
        "census",
        *CONDITION_COLUMNS,
        Column(
            "level",
            "level",
            help="class: the function up to the task's symmetries; gauge: the way it is computed",
        ),
        Column("name", "name", "long"),
        "found",
        Column("n", "solved"),
        Column("value", "share, 95% interval", "interval"),
        *WORST_COLUMNS,
    )
    caption = "How many functional classes and gauges the solved networks fall into."
    rows = in_order(rows_of(tables, "census"))
    return table_view(
        rows, "census", caption, columns, first=_FIRST["census"], source="tables/census.parquet"
    )


def mechanism_view(tables: Tables) -> TableView:
    """The forms of each condition beside their prediction and the fibre."""
    columns = pick(
        "mechanisms",
        *CONDITION_COLUMNS,
        Column("name", "form", "long"),
        Column("verdict", "verdict", "verdict"),
        "found",
        Column("n", "solved", help="networks that were free to lack it"),
        Column("value", "share, interval", "interval"),
        *FIBRE_COLUMNS,
        Column("reason", "why", "long"),
    )
    caption = "Each form, whether it is predicted, and what the function alone would give."
    rows = in_order(rows_of(tables, "mechanisms"))
    return table_view(
        rows, "mechanisms", caption, columns, first=_FIRST["mechanisms"], source="tables/mechanisms.parquet"
    )


def _kink_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("networks", "solved networks", "count"),
        Column("passed", "pass", "count"),
        Column("share", "share", "percent"),
        *WORST_COLUMNS,
        Column(
            "median", "explained (median)", "number", "share of the output's bend that matched kinks make"
        ),
        Column("lazy", "lazy 95%", "number", "what 95% of networks with a random hidden layer stay below"),
    ]
    caption = "Do the named kinks alone make the network bend as it does? Beside networks with a random hidden layer."
    return table_view(kink_summary(tables), "kinks", caption, columns, first=_FIRST["kinks"])


def _rank_table(tables: Tables) -> TableView:
    columns = [
        *CONDITION_COLUMNS,
        Column("layer", "layer", "count"),
        Column("networks", "solved networks", "count"),
        Column("live", "live neurons (most)", "count"),
        Column("number", "readable features (most)", "count"),
        Column("rank", "their rank (largest)", "count", "dimensions that hold them all"),
        Column("interference", "interference (median)", "number", "mean cosine between their directions"),
    ]
    caption = (
        "Superposition: are there more independent readable features in a layer than neurons to hold them?"
    )
    rows = superposition_summary(tables)
    return table_view(rows, "superposition", caption, columns, source="tables/superposition.parquet")


def _candidate_table(tables: Tables) -> TableView:
    columns = pick(
        "candidates",
        "task",
        Column("formula", "formula", "long"),
        Column("circuit", "a way to compute"),
        Column("found", "networks", help="at least: of very many unnamed ones a part is compared"),
        Column("n", "solved"),
        Column("conditions", "found in", "long"),
        Column("error", "off by at most", "bound", "the snapped formula against its members, certified"),
    )
    caption = "Circuits that recur in solved networks and have no name yet."
    return table_view(rows_of(tables, "candidates"), "candidates", caption, columns, source="candidates.toml")


def _network_table(tables: Tables) -> TableView | None:
    networks = rows_of(tables, "networks")
    if networks.empty:
        return None
    trained = in_order(networks[networks["population"] == "trained"])
    columns = pick(
        "networks",
        "network",
        *CONDITION_COLUMNS,
        "seed",
        Column(
            "loss",
            "loss",
            help="mean squared error on fresh inputs; of a classifier the share with a wrong class",
        ),
        Column("threshold", "solved below"),
        "solved",
        Column("missing", "missing features"),
        Column("kinks", "kinks", help="share of the output's bend that matched kinks make"),
        Column("kinks_passed", "kinks pass"),
        "steps",
        Column("parameters", "weights"),
    )
    caption = "The trained networks: the first seeds of each cell."
    source = "tables/networks.parquet"
    shown = first_seeds(trained, ROWS)
    return table_view(
        shown, "networks", caption, columns, first=_FIRST["networks"], source=source, total=len(trained)
    )
