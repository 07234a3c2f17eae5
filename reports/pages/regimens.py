"""Regimens: selections from a study's tables that set ways of training beside each other."""

from __future__ import annotations

import pandas as pd

from mathcircuits.detect import prevalence

from ..studies.schema import Tables
from .selections import rows_of


def failures_by_regimen(tables: Tables) -> pd.DataFrame:
    """Per task, regimen and cause, over all widths: how many failed networks it explains, and when they were lost.

    Examples:
        >>> row = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> frame = pd.DataFrame([{**row, "cause": c, "lost": s} for c, s in (("dead neuron", 3), ("same side", None))])
        >>> failures_by_regimen({"networks": frame})[["cause", "found", "n", "lost"]].values.tolist()
        [['dead neuron', 1, 2, 3.0], ['same side', 1, 2, nan]]
    """
    return _failures(tables, ["task", "regimen"])


def failures(tables: Tables) -> pd.DataFrame:
    """Per cause, over the whole study: how many failed networks it explains, and when they were lost.

    Examples:
        >>> row = {"task": "a", "regimen": "adam", "population": "trained", "cause": "dead neuron", "lost": 3}
        >>> failures({"networks": pd.DataFrame([row])})["value"].tolist()
        [1.0]
    """
    return _failures(tables, [])


def _failures(tables: Tables, key: list[str]) -> pd.DataFrame:
    networks = rows_of(tables, "networks", population="trained")
    columns = [*key, "cause", "found", "n", "value", "low", "high", "lost"]
    if networks.empty or "cause" not in networks:
        return pd.DataFrame(columns=columns)
    failed = networks[networks["cause"].notna()]
    rows = []
    for names, part in failed.groupby(key, sort=False) if key else [((), failed)]:
        counts = part["cause"].value_counts(sort=False)
        for cause in sorted(counts.index, key=lambda c: (-int(counts[c]), str(c))):
            share = prevalence(int(counts[cause]), len(part))
            lost = sorted(part["lost"][part["cause"] == cause].dropna())
            rows.append(
                {
                    **dict(zip(key, names, strict=True)),
                    "cause": str(cause),
                    "found": share.found,
                    "n": share.n,
                    "value": share.value,
                    "low": share.low,
                    "high": share.high,
                    # The lower of two middle steps: half a step is none.
                    "lost": float(lost[(len(lost) - 1) // 2]) if lost else float("nan"),
                }
            )
    return pd.DataFrame(rows, columns=columns)


def pooled_regimens(tables: Tables) -> pd.DataFrame:
    """Per regimen, over the tasks whose least width is known: how many seeds solved them, at that width, at what cost.

    Examples:
        >>> row = {"task": "a", "regimen": "adam", "n": 4, "solved": 3, "at_minimum": 2, "cost": 3000.0}
        >>> pooled_regimens({"regimens": pd.DataFrame([row])})[["value", "minimum_value"]].values.tolist()
        [[0.75, 0.5]]
    """
    columns = [
        "regimen", "tasks", "n", "solved", "value", "low", "high", "at_minimum", "minimum_value", "minimum_low",
        "minimum_high", "cost",
    ]  # fmt: skip
    table = rows_of(tables, "regimens")
    table = table[table["at_minimum"].notna()] if len(table) else table
    rows = []
    for regimen, part in table.groupby("regimen", sort=False) if len(table) else ():
        n = int(part["n"].sum())
        success = prevalence(int(part["solved"].sum()), n)
        least = prevalence(int(part["at_minimum"].sum()), n)
        rows.append(
            {
                "regimen": regimen,
                "tasks": part["task"].nunique(),
                "n": n,
                "solved": success.found,
                "value": success.value,
                "low": success.low,
                "high": success.high,
                "at_minimum": least.found,
                "minimum_value": least.value,
                "minimum_low": least.low,
                "minimum_high": least.high,
                "cost": float(part["cost"].median()),
            }
        )
    return pd.DataFrame(rows, columns=columns)
