"""Schema: the one place that says which columns the tables of a study have, and of which kind.

What writes a table, stores it or shows it picks its columns from here. Nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Kind = Literal["text", "int", "float", "bool"]
#: The tables of a study by name.
Tables: TypeAlias = "Mapping[str, pd.DataFrame]"

#: What names a condition, and what names a network.
CONDITION: dict[str, Kind] = {"task": "text", "hidden": "text", "width": "text", "regimen": "text"}
NETWORK: dict[str, Kind] = {"network": "text", **CONDITION, "seed": "int", "population": "text"}
#: The columns of the table of networks that effects and shares by norm are made of.
FORMED = (*CONDITION, "population", "form", "final", "path_norm", "excess", "threshold")
#: What puts a row beside the fibres of its function (`mathcircuits.reports.studies.selecting`): the bias that predicts
#: it, the shares at the init's scale and at the norms observed, how these were drawn, and both p-values.
FIBRE: dict[str, Kind] = {
    "predicted": "text",
    **{f"{which}_{of}": "float" for which in ("fibre", "matched") for of in ("value", "low", "high", "n")},
    "fibre": "text",
    "p_beyond": "float",
    "p_within": "float",
}
COLUMNS: dict[str, dict[str, Kind]] = {
    "networks": {
        **NETWORK,
        "loss": "float",
        "solved": "bool",
        "threshold": "float",
        "steps": "int",
        "parameters": "int",
        "missing": "text",
        "kinks": "float",
        "kinks_lazy": "float",
        "kinks_passed": "bool",
        "path_norm": "float",
        "least_norm": "float",
        "excess": "float",
        "final": "text",
        "cost": "float",
        "labelled": "float",
        "cause": "text",
        "diagnosis": "text",
        "lost": "int",
        "form": "text",
        "cell": "text",
    },
    "neurons": {
        **NETWORK,
        "layer": "int",
        "neuron": "int",
        "status": "text",
        "feature": "text",
        "on": "text",
        "scope": "text",
        "r": "float",
        "unexplained": "float",
        "scale": "float",
        "offset": "float",
        "p": "float",
        "q": "float",
        "p_taught": "float",
        "q_taught": "float",
        "causal": "float",
        "contribution": "float",
        "duplicate_of": "int",
        "needed": "float",
        "null": "text",
        "used": "bool",
        "expected": "bool",
    },
    "directions": {
        **NETWORK,
        "layer": "int",
        "feature": "text",
        "on": "text",
        "scope": "text",
        "unexplained": "float",
        "untrained": "float",
        "gap": "float",
        "p": "float",
        "q": "float",
        "tautology": "bool",
        "readable": "bool",
        "by_construction": "bool",
        "neuron": "int",
        "cosine": "float",
    },
    "prevalence": {
        **CONDITION,
        "feature": "text",
        "on": "text",
        "oriented": "bool",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "untrained_found": "int",
        "untrained_n": "int",
        "untrained_value": "float",
        "taught_found": "int",
        "taught_n": "int",
        "taught_value": "float",
        "verdict": "text",
        "reason": "text",
        "q": "float",
        "q_yekutieli": "float",
        "forced": "bool",
        "forced_below": "float",
        "apart": "int",
        "uncertified": "int",
        "trained": "int",
        "worst_low": "float",
        "worst_high": "float",
        "anytime_low": "float",
        "anytime_high": "float",
        "finding": "text",
        **FIBRE,
    },
    "success": {**CONDITION, "n": "int", "solved": "int", "value": "float", "low": "float", "high": "float"},
    "regimens": {
        **CONDITION,
        "n": "int",
        "solved": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "read": "int",
        "certified": "int",
        "at_minimum": "int",
        "minimum_value": "float",
        "minimum_low": "float",
        "minimum_high": "float",
        "final": "text",
        "cost": "float",
        "labelled": "float",
        "bits": "float",
        "gauge": "text",
        "gauge_value": "float",
    },
    "causes": {
        **CONDITION,
        "cause": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "lost": "int",
    },
    "emergence": {
        **CONDITION,
        "feature": "text",
        "on": "text",
        "seed": "int",
        "step": "int",
        "solved": "bool",
    },
    "emergence_curves": {
        **CONDITION,
        "feature": "text",
        "on": "text",
        "step": "int",
        "held": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "worst_low": "float",
        "worst_high": "float",
    },
    "ladder": {
        **{f"{name}_{side}": "text" for side in "ab" for name in ("task", "hidden", "regimen")},
        "kind": "text",
        "rung": "text",
        "verdict": "text",
        "value": "float",
        "low": "float",
        "high": "float",
        "confidence": "float",
        "different": "float",
        "vacuous": "float",
        "median": "float",
        "null": "float",
        "p": "float",
        "q": "float",
        "n": "int",
        "pairs": "int",
        "stops": "bool",
        "follows": "text",
        "reason": "text",
    },
    "sweep": {
        **{f"{name}_{side}": "text" for side in "ab" for name in ("task", "hidden", "regimen")},
        "kind": "text",
        "rung": "text",
        "cutoff": "text",
        "usual": "float",
        "tried": "float",
        "verdict": "text",
        "becomes": "text",
    },
    "pairs": {
        "rung": "text",
        "measure": "text",
        "inputs": "int",
        "population": "text",
        "task_a": "text",
        "network_a": "text",
        "task_b": "text",
        "network_b": "text",
        "value": "float",
    },
    "contrasts": {
        "rung": "text",
        "measure": "text",
        "inputs": "int",
        "population": "text",
        "within": "float",
        "across": "float",
        "effect": "float",
        "low": "float",
        "high": "float",
        "p": "float",
        "n": "int",
    },
    "transplants": {
        "kind": "text",
        "feature": "text",
        "on": "text",
        "task_a": "text",
        "network_a": "text",
        "task_b": "text",
        "network_b": "text",
        "accuracy": "float",
        "decoy": "float",
        "loss_before": "float",
        "loss_after": "float",
        "loss_decoy": "float",
        "last": "bool",
        "reason": "text",
    },
    "similarity": {
        **CONDITION,
        "population": "text",
        "measure": "text",
        "network_a": "text",
        "network_b": "text",
        "value": "float",
        "null_mean": "float",
        "null_q95": "float",
        "p": "float",
    },
    "programs": {
        **NETWORK,
        "formula": "text",
        "best": "text",
        "error": "float",
        "spec_lower": "float",
        "spec_upper": "float",
        "equals_task": "bool",
        "complexity": "int",
        "bits": "float",
        "raw_bits": "int",
        "reason": "text",
        "class": "text",
        "gauge": "text",
        "named": "bool",
        "share": "float",
    },
    "circuits": {
        **NETWORK,
        "circuit": "text",
        "on": "text",
        "output": "text",
        "form": "text",
        "gauge": "text",
        "distance": "float",
        "certified": "float",
    },
    "census": {
        **CONDITION,
        "level": "text",
        "name": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "trained": "int",
        "worst_low": "float",
        "worst_high": "float",
        "forced": "bool",
        "evidence_found": "int",
        "evidence_n": "int",
        "forced_below": "float",
        "apart": "int",
        "uncertified": "int",
    },
    "mechanisms": {
        **CONDITION,
        "name": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "forced": "bool",
        "verdict": "text",
        "reason": "text",
        **FIBRE,
    },
    "effects": {
        "task": "text",
        "factor": "text",
        "level": "text",
        "reference": "text",
        "form": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "effect": "float",
        "effect_low": "float",
        "effect_high": "float",
        "adjusted": "float",
        "statistic": "float",
        "df": "int",
        "p": "float",
        "q": "float",
        "note": "text",
    },
    "norm_shares": {
        "task": "text",
        "measure": "text",
        "group": "int",
        "norm": "float",
        "norm_low": "float",
        "norm_high": "float",
        "form": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
    },
    "candidates": {
        "task": "text",
        "formula": "text",
        "circuit": "text",
        "found": "int",
        "n": "int",
        "low": "float",
        "high": "float",
        "conditions": "text",
        "error": "float",
        "networks": "text",
        "entry": "text",
    },
    "superposition": {
        **NETWORK,
        "layer": "int",
        "live": "int",
        "number": "int",
        "rank": "int",
        "independent": "int",
        "interference": "float",
    },
    "ensembles": {
        **CONDITION,
        "layer": "int",
        "feature": "text",
        "on": "text",
        "found": "int",
        "n": "int",
        "prevalence": "float",
        "worst_low": "float",
        "worst_high": "float",
        "null_prevalence": "float",
        "p": "float",
        "q": "float",
        "by_construction": "bool",
    },
}
#: The pandas dtype of every kind.
DTYPES: dict[Kind, str] = {"text": "string", "int": "Int64", "float": "float64", "bool": "boolean"}


def kind_of(table: str, column: str) -> Kind:
    """The kind of a column.

    Raises:
        KeyError: for a table or a column that no study has.

    Examples:
        >>> kind_of("success", "solved")
        'int'
    """
    return COLUMNS[table][column]


def own_columns(table: str) -> tuple[str, ...]:
    """The table's columns but those that name its networks.

    Examples:
        >>> own_columns("circuits")
        ('circuit', 'on', 'output', 'form', 'gauge', 'distance', 'certified')
    """
    return tuple(name for name in COLUMNS[table] if name not in NETWORK)


def typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame with the table's columns, in order and of their kinds.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({name: [None] for name in COLUMNS["success"]})
        >>> typed(frame, "success").dtypes.astype(str).unique().tolist()
        ['string', 'Int64', 'float64']
    """
    import pandas as pd

    columns = {}
    for name, kind in COLUMNS[table].items():
        column = frame[name]
        if kind == "float":
            columns[name] = pd.Series(pd.to_numeric(column), dtype="float64")
        else:
            columns[name] = pd.Series(column, dtype=DTYPES[kind])
    return pd.DataFrame(columns).reset_index(drop=True)


def empty(table: str) -> pd.DataFrame:
    """The table without rows."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=DTYPES[kind]) for name, kind in COLUMNS[table].items()})


def arrow_schema(table: str, more: Mapping[str, Kind] | None = None) -> pa.Schema:
    """The table's schema on disk, with more columns behind its own."""
    import pyarrow as pa

    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    columns = {**COLUMNS[table], **(more or {})}
    return pa.schema([(name, kinds[kind]) for name, kind in columns.items()])


def misfit_columns(table: str, found: pa.Schema) -> list[str]:
    """The columns that a table on disk lacks, or has of another type; none for a table that no study has.

    Examples:
        >>> misfit_columns("ladder", arrow_schema("ladder")), misfit_columns("effects", arrow_schema("ladder"))[:1]
        ([], ['task'])
    """
    if table not in COLUMNS:
        return []
    # pandas, which somebody may have written the table with again, calls texts large_string
    types = {field.name: str(field.type).removeprefix("large_") for field in found}
    return [field.name for field in arrow_schema(table) if types.get(field.name) != str(field.type)]
