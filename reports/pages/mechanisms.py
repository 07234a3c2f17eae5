"""Mechanisms: what the page says of formulas, gauges, kinks and ranks: selections from a study's tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mathcircuits.detect import prevalence, tasks

from ..studies.schema import Tables
from ..wording import at_most, counted, joined, number, thousands
from .selections import CELL, in_order, rows_of

#: Circuits that are named below a network's drawing; the table has the others.
_NAMED = 4
#: A gauge's description of more characters than this is cut: it names every hyperplane of a wide network.
_LONGEST = 110


def solved_ids(tables: Tables, task: str | None = None) -> set[str]:
    """The ids of the trained networks that solved their task.

    Examples:
        >>> row = {"network": "n", "task": "a", "population": "trained", "solved": True}
        >>> solved_ids({"networks": pd.DataFrame([row])}), solved_ids({})
        ({'n'}, set())
    """
    networks = rows_of(tables, "networks", ["network", "task", "solved"], population="trained")
    if networks.empty:
        return set()
    kept = networks[networks["solved"].astype(bool)]
    if task is not None:
        kept = kept[kept["task"] == task]
    return set(kept["network"])


def solved_programs(tables: Tables, task: str | None = None) -> pd.DataFrame:
    """The rows of `programs` of solved trained networks."""
    programs = rows_of(tables, "programs", population="trained")
    return programs[programs["network"].isin(solved_ids(tables, task))] if len(programs) else programs


def facts(tables: Tables, network: str, solved: bool, own: str = "") -> list[tuple[str, str, str]]:
    """What a network computes, for reading below its drawing: (heading, code, words) a line.

    Args:
        tables: of the study.
        network: its id.
        solved: whether it computes its task.
        own: its gauge as it is drawn, where mirror images do not share a name; "" where that is not known.

    Examples:
        >>> row = {"network": "n", "task": "minimum", "population": "trained", "formula": "min(x1, x2)"}
        >>> row |= {"best": "min(x1, x2)", "error": 5.01e-5, "spec_lower": 5e-5, "spec_upper": 5.01e-5}
        >>> row |= {"equals_task": True, "reason": "", "class": "min(x1, x2)", "named": True}
        >>> row |= {"gauge": "x1 - relu(x1 - x2)"}
        >>> for line in facts({"programs": pd.DataFrame([row])}, "n", True): print(line)
        ('Formula', 'min(x1, x2)', "its task's; the network is off it by at most 5.1e-05 anywhere on the box")
        ('Gauge', 'x1 - relu(x1 - x2)', '')
    """
    rows = rows_of(tables, "programs", network=network)
    if rows.empty:
        return []
    row = rows.iloc[0]
    found = _formula_facts(row)
    gauge = row["gauge"]
    if isinstance(gauge, str) and gauge and (solved or bool(row["named"])):
        short = gauge if len(gauge) <= _LONGEST else f"{gauge[:_LONGEST]}..."
        named = bool(row["named"])
        mirror = f"drawn is its mirror image, {own}" if named and own and own != gauge else ""
        found.append(("Gauge", short if named else "", mirror if named else f"not in the catalogue: {short}"))
    circuits = rows_of(tables, "circuits", network=network)
    if len(circuits):
        parts = [f"{r['circuit']}({r['on']}) at {r['output']}" for r in circuits.to_dict("records")]
        more = len(parts) - _NAMED
        text = joined([*parts[:_NAMED], f"{more} more"] if more > 0 else parts)
        found.append(("Circuits", "", text))
    return found


def _formula_facts(row: pd.Series[Any]) -> list[tuple[str, str, str]]:
    error, off = at_most(float(row["error"])), float(row["spec_upper"])
    if not isinstance(row["formula"], str):
        against = f"; it is off its task by at most {at_most(off)}" if off == off else ""
        return [("Formula", "", f"none within 0.5% of the output's range: {row['reason']}{against}")]
    exact = row["equals_task"]
    if not pd.isna(exact) and bool(exact):
        words = f"its task's; the network is off it by at most {error} anywhere on the box"
    else:
        words = f"which the network is off by at most {error} anywhere on the box"
        if off == off:
            words += f", but up to {at_most(off)} off its task"
    return [("Formula", str(row["formula"]), words)]


def mechanism_sentence(tables: Tables, task: str) -> str:
    """How the solved networks of a task compute it: formulas, classes, gauges, ranks.

    Examples:
        >>> mechanism_sentence({}, "minimum")
        ''
    """
    programs = solved_programs(tables, task)
    if programs.empty:
        return ""
    n = len(programs)
    exact = programs["equals_task"].fillna(False).astype(bool)
    parts = []
    if exact.any():
        which = "All" if exact.all() else f"{thousands(int(exact.sum()))} of"
        parts.append(
            f"{which} {thousands(n)} solved networks are the task's own formula once their constants are "
            f"snapped, each off by at most {at_most(float(programs['spec_upper'][exact].max()))} anywhere on the box."
        )
    elif programs["equals_task"].notna().any():
        parts.append(f"None of {counted(n, 'solved network')} is the task's own formula.")
    gauges = rows_of(tables, "census", task=task, level="gauge")
    if len(gauges):
        names = gauges.groupby("name", sort=False)["found"].sum().sort_values(ascending=False, kind="stable")
        if len(names) == 1:
            share = prevalence(int(names.iloc[0]), int(names.iloc[0]))
            parts.append(
                f"They do it in one way: {names.index[0]} (95% interval of its share: {number(share.low)} to 1)."
            )
        else:
            parts.append(
                f"They do it in {len(names)} ways, most often {names.index[0]} ({thousands(int(names.iloc[0]))} "
                f"of {thousands(n)})."
            )
    rank = rank_sentence(superposition_summary(tables, task))
    return " ".join([*parts, rank] if rank else parts)


def rank_sentence(summary: pd.DataFrame) -> str:
    """The superposition line: readable features and their rank beside the live neurons."""
    if summary.empty:
        return ""
    live, rank, number = (int(summary[name].max()) for name in ("live", "rank", "number"))
    if not number:
        return "From their layers no feature can be read that untrained networks do not show as well."
    over = summary[summary["exceeding"] > 0]
    said = (
        "no superposition"
        if over.empty
        else f"{thousands(int(over['exceeding'].sum()))} of them read more independent features than they have neurons"
    )
    return (
        f"A layer of at most {live} live neurons reads up to {number} features, which take no more than "
        f"{rank} {'dimension' if rank == 1 else 'dimensions'}: {said}."
    )


def superposition_summary(tables: Tables, task: str | None = None) -> pd.DataFrame:
    """Per task, cell and layer, over solved networks: readable features, their rank, live neurons.

    `exceeding` counts the networks whose readable features are independent and more than the live neurons.

    Examples:
        >>> base = {"task": "a", "hidden": "3", "width": "1x", "regimen": "adam", "network": "n", "layer": 0}
        >>> base["population"] = "trained"
        >>> frame = pd.DataFrame([{**base, "live": 3, "number": 6, "rank": 3, "independent": 3,
        ...                        "interference": 0.3}])
        >>> nets = pd.DataFrame([{**base, "solved": True}])
        >>> superposition_summary({"networks": nets, "superposition": frame})[["number", "rank"]].values.tolist()
        [[6, 3]]
    """
    key = ["task", *CELL, "layer"]
    columns = [*key, "networks", "live", "number", "rank", "interference", "exceeding"]
    rows = rows_of(tables, "superposition", population="trained")
    if len(rows):
        rows = rows[rows["network"].isin(solved_ids(tables, task))]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    marked = rows.assign(exceeding=(rows["independent"] > rows["live"]).astype(int))
    table = marked.groupby(key, sort=False).agg(
        networks=("network", "nunique"),
        live=("live", "max"),
        number=("number", "max"),
        rank=("rank", "max"),
        interference=("interference", "median"),
        exceeding=("exceeding", "sum"),
    )
    return in_order(table.reset_index()[columns])


def kink_summary(tables: Tables) -> pd.DataFrame:
    """Per task and cell, over solved networks: how many pass the kink criterion, and what lazy networks reach.

    Examples:
        >>> base = {"task": "a", "hidden": "3", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> frame = pd.DataFrame([{**base, "solved": True, "kinks": k, "kinks_lazy": 0.4, "kinks_passed": k > 0.9}
        ...                       for k in (1.0, 0.5)])
        >>> kink_summary({"networks": frame})[["networks", "passed", "median", "lazy"]].values.tolist()
        [[2.0, 1.0, 0.75, 0.4]]
    """
    key = ["task", *CELL]
    columns = [*key, "networks", "passed", "share", "worst_low", "worst_high", "median", "lazy"]
    read = [*key, "solved", "kinks", "kinks_passed", "kinks_lazy"]
    rows = rows_of(tables, "networks", read, population="trained")
    if rows.empty or "kinks" not in rows:
        return pd.DataFrame(columns=columns)
    failed = rows[~rows["solved"].astype(bool)].groupby(key, sort=False).size()
    rows = rows[rows["solved"].astype(bool) & rows["kinks"].notna()]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    rows = rows.assign(kinks_passed=rows["kinks_passed"].astype(bool))
    table = (
        rows.groupby(key, sort=False)
        .agg(
            networks=("kinks", "size"),
            passed=("kinks_passed", "sum"),
            median=("kinks", "median"),
            lazy=("kinks_lazy", "max"),
        )
        .reset_index()
    )
    table["share"] = table["passed"] / table["networks"]
    beside = failed.reindex(pd.MultiIndex.from_frame(table[key]), fill_value=0).to_numpy()
    table["worst_low"] = table["passed"] / (table["networks"] + beside)
    table["worst_high"] = (table["passed"] + beside) / (table["networks"] + beside)
    return in_order(table[columns])


def formula_summary(tables: Tables) -> pd.DataFrame:
    """Per task and cell, over solved networks: how many have a formula, how many the task's, the largest error.

    Examples:
        >>> base = {"task": "a", "hidden": "3", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> nets = pd.DataFrame([{**base, "network": k, "solved": True} for k in "pq"])
        >>> frame = pd.DataFrame([{**base, "network": k, "formula": f, "equals_task": f is not None, "error": e,
        ...                        "spec_upper": e, "bits": 15.0, "raw_bits": 288}
        ...                       for k, f, e in (("p", "x1", 1e-4), ("q", None, 0.1))])
        >>> summary = formula_summary({"networks": nets, "programs": frame})
        >>> summary[["networks", "formulas", "exact", "error"]].values.tolist()
        [[2.0, 1.0, 1.0, 0.0001]]
    """
    key = ["task", *CELL]
    columns = [*key, "networks", "formulas", "exact", "share", "error", "spec_upper", "bits", "raw_bits"]
    programs = solved_programs(tables)
    if programs.empty:
        return pd.DataFrame(columns=columns)
    has = programs["formula"].notna()
    marked = programs.assign(
        has=has,
        equals_task=programs["equals_task"].fillna(False).astype(bool),
        # An error counts where a formula is claimed.
        error=programs["error"].where(has),
        spec_upper=programs["spec_upper"].where(has),
    )
    table = (
        marked.groupby(key, sort=False)
        .agg(
            networks=("network", "size"),
            formulas=("has", "sum"),
            exact=("equals_task", "sum"),
            error=("error", "max"),
            spec_upper=("spec_upper", "max"),
            bits=("bits", "median"),
            raw_bits=("raw_bits", "median"),
        )
        .reset_index()
    )
    table["share"] = table["exact"] / table["networks"]
    return in_order(table[columns])


def share_rows(tables: Tables, task: str) -> pd.DataFrame:
    """Solved networks of a task with their gauge coordinate lambda; empty where it never lies inside (0, 1).

    Where every network is at 0 or 1, up to the task's symmetries there is one gauge, and nothing to plot.
    """
    rows = solved_programs(tables, task)
    if rows.empty or "share" not in rows:
        return rows.iloc[:0]
    rows = rows[rows["share"].notna()]
    inside = (rows["share"] > 0.05) & (rows["share"] < 0.95)
    # An absolute value has half its kink on either side, always: that is no spread.
    spread = inside.any() and rows["share"].max() - rows["share"].min() > 0.05
    return in_order(rows) if spread else rows.iloc[:0]


def share_meaning(task: str) -> str:
    """What lambda says for a task, in words."""
    known = tasks.get(task)
    side = "on its positive side"
    if known is not None and known.arity == 2:
        side = known.domain.renamed("where x1 is the larger")
    return f"share of the kink that sits {side}"
