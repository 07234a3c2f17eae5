"""Universality: selections from a study's tables that set tasks, conditions and networks side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import prevalence

from ..studies.schema import Tables
from ..wording import cell_name
from .mechanisms import solved_programs
from .selections import CELL, rows_of

#: The rungs of the ladder, from the function to the circuit (`mathcircuits.detect.universality.rungs.RUNGS`).
LADDER = ("function", "subspace", "units", "features", "circuit")


def ladder_names(table: pd.DataFrame) -> list[str]:
    """What each row of the `ladder` table compares, in a few words.

    Examples:
        >>> row = {"task_a": "minimum", "hidden_a": "3", "regimen_a": "adam", "task_b": "minimum", "hidden_b": "6"}
        >>> ladder_names(pd.DataFrame([{**row, "regimen_b": "adam", "kind": "widths"}]))
        ['minimum, adam: 3 and 6']
    """
    return [_pair(row) for row in table.to_dict("records")]


def _pair(row: Mapping[Any, Any]) -> str:
    if row["kind"] == "tasks":
        return f"{row['task_a']} and {row['task_b']}"
    first = f"{row['task_a']}, "
    if row["kind"] == "seeds":
        return first + cell_name(row["hidden_a"], "", row["regimen_a"])
    if row["kind"] == "widths":
        return f"{first}{row['regimen_a']}: {row['hidden_a']} and {row['hidden_b']}"
    if row["kind"] == "regimens":
        return f"{first}{row['hidden_a']}: {row['regimen_a']} and {row['regimen_b']}"
    one, other = (cell_name(row[f"hidden_{s}"], "", row[f"regimen_{s}"]) for s in "ab")
    return f"{first}{one} and {other}"


def ladder_stops(tables: Tables) -> pd.DataFrame:
    """One row per pair of conditions: where its ladder stops and why; `rung` is empty where it reaches the end.

    `implied` where it reaches the end since the function decides all other rungs at these sizes.

    Examples:
        >>> row = {f"{name}_{s}": "x" for s in "ab" for name in ("task", "hidden", "regimen")}
        >>> row |= {"kind": "seeds", "reason": "", "follows": ""}
        >>> row |= {"value": 1.0, "low": 0.7, "high": 1.0, "null": 0.2, "n": 10}
        >>> frame = pd.DataFrame([{**row, "rung": r, "verdict": v, "stops": v != "same"}
        ...                       for r, v in (("function", "same"), ("subspace", "vacuous"))])
        >>> ladder_stops({"ladder": frame})[["rung", "verdict"]].values.tolist()
        [['subspace', 'vacuous']]
    """
    rows = rows_of(tables, "ladder")
    if rows.empty:
        return pd.DataFrame(columns=["kind", "pair", "rung", "verdict", "reason", "implied"])
    # Studies of before do not say what follows.
    follows = rows["follows"].fillna("") if "follows" in rows else ""
    rows = rows.assign(pair=ladder_names(rows), follows=follows)
    found = []
    for (kind, pair), part in rows.groupby(["kind", "pair"], sort=False):
        stopped = part[part["stops"].astype(bool)]
        row = stopped.iloc[0] if len(stopped) else None
        found.append(
            {
                "kind": kind,
                "pair": pair,
                "rung": "" if row is None else str(row["rung"]),
                "verdict": "same" if row is None else str(row["verdict"]),
                "reason": "" if row is None else row["reason"],
                "implied": row is None and bool((part["follows"] != "").any()),
            }
        )
    return pd.DataFrame(found)


def transplant_pairs(tables: Tables) -> pd.DataFrame:
    """Per feature, donor and recipient task: medians over the networks, from seed to seed where the two are one.

    Examples:
        >>> row = {"kind": "tasks", "feature": "positiveness", "task_a": "a", "task_b": "b", "reason": ""}
        >>> frame = pd.DataFrame([{**row, "accuracy": v, "decoy": 0.1} for v in (0.8, 1.0)])
        >>> transplant_pairs({"transplants": frame})[["accuracy", "done", "pairs"]].values.tolist()
        [[0.9, 2.0, 2.0]]
    """
    rows = rows_of(tables, "transplants")
    columns = ["feature", "task_a", "task_b", "accuracy", "decoy", "done", "pairs", "reason"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    found = []
    for (feature, a, b), part in rows.groupby(["feature", "task_a", "task_b"], sort=False):
        done = part[part["accuracy"].notna()]
        reasons = part["reason"].fillna("")
        found.append(
            {
                "feature": feature,
                "task_a": a,
                "task_b": b,
                "accuracy": float(done["accuracy"].median()),
                "decoy": float(done["decoy"].median()),
                "done": len(done),
                "pairs": len(part),
                "reason": "" if len(done) else str(reasons.mode().iloc[0]),
            }
        )
    return pd.DataFrame(found, columns=columns)


def emergence_panels(tables: Tables) -> pd.DataFrame:
    """The emergence curves of one condition per task: that with the most followed seeds, of equals the first.

    Examples:
        >>> row = {"task": "a", "hidden": "2", "width": "1x", "feature": "positiveness", "on": "x1", "step": 0}
        >>> frame = pd.DataFrame([{**row, "regimen": r, "n": n} for r, n in (("adam", 3), ("rescue", 9))])
        >>> emergence_panels({"emergence_curves": frame})["regimen"].tolist()
        ['rescue']
    """
    rows = rows_of(tables, "emergence_curves")
    if rows.empty:
        return rows
    kept = []
    for _, part in rows.groupby("task", sort=False):
        best = part.iloc[int(part["n"].to_numpy(dtype=int).argmax())]
        kept.append(part[(part[CELL] == best[CELL].tolist()).all(axis=1)])
    found: pd.DataFrame = pd.concat(kept)
    return found


def emergence_steps(tables: Tables) -> pd.DataFrame:
    """Per task, cell and feature, over solved seeds: how many hold it in the end, before training, and since when.

    Examples:
        >>> row = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "feature": "positiveness", "on": "x1"}
        >>> frame = pd.DataFrame([{**row, "seed": k, "step": s, "solved": True} for k, s in enumerate((0, 20, None))])
        >>> emergence_steps({"emergence": frame})[["seeds", "held", "before", "step"]].values.tolist()
        [[3.0, 2.0, 1.0, 0.0]]
    """
    rows = rows_of(tables, "emergence")
    key = ["task", *CELL, "feature", "on"]
    columns = [*key, "seeds", "held", "before", "share", "step"]
    rows = rows[rows["solved"].astype(bool)] if len(rows) else rows
    if rows.empty:
        return pd.DataFrame(columns=columns)
    marked = rows.assign(
        _held=rows["step"].notna(),
        _before=(rows["step"] == 0).fillna(False).astype(bool),
        _step=rows["step"].astype("float64"),
    )
    table = marked.groupby(key, sort=False).agg(
        seeds=("seed", "size"),
        held=("_held", "sum"),
        before=("_before", "sum"),
        step=("_step", _lower_median),
    )
    table["share"] = table["held"] / table["seeds"]
    return table.reset_index()[columns]


def _lower_median(steps: pd.Series[float]) -> float:
    """The lower of two middle steps, for half a step is none; NaN where there is no step at all."""
    known = np.sort(steps.dropna().to_numpy())
    return float(known[(len(known) - 1) // 2]) if len(known) else math.nan


def circuit_shares(tables: Tables) -> pd.DataFrame:
    """Per circuit and task, over all cells: in how many solved networks it was found, with an exact interval.

    Beside it the share of all trained networks, those that failed counted as without it and as with it.

    Examples:
        >>> base = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> nets = pd.DataFrame([{**base, "network": k, "solved": True} for k in "pq"])
        >>> tables = {"networks": nets, "programs": nets, "circuits": nets.head(1).assign(circuit="identity")}
        >>> circuit_shares(tables)[["circuit", "found", "n", "value"]].values.tolist()
        [['identity', 1, 2, 0.5]]
    """
    columns = ["circuit", "task", "found", "n", "value", "low", "high", "worst_low", "worst_high"]
    circuits = rows_of(tables, "circuits", population="trained")
    if circuits.empty:
        return pd.DataFrame(columns=columns)
    read = solved_programs(tables)
    circuits = circuits[circuits["network"].isin(set(read["network"]) if len(read) else set())]
    if circuits.empty or read.empty:
        return pd.DataFrame(columns=columns)
    counts = {str(task): part["network"].nunique() for task, part in read.groupby("task", sort=False)}
    networks = rows_of(tables, "networks", ["task", "solved"], population="trained")
    failed = networks[~networks["solved"].astype(bool)]["task"].value_counts()
    rows = []
    for (task, circuit), part in circuits.groupby(["task", "circuit"], sort=False):
        n = int(counts[str(task)])
        share = prevalence(part["network"].nunique(), n, trained=n + int(failed.get(task, 0)))
        rows.append(
            {
                "circuit": circuit,
                "task": task,
                "found": share.found,
                "n": share.n,
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "worst_low": share.worst[0],
                "worst_high": share.worst[1],
            }
        )
    return pd.DataFrame(rows, columns=columns)
