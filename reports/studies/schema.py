"""Schema: the tables of a study, their columns and kinds. Nothing here touches a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "int", "float", "bool"]

_CONDITION: dict[str, Kind] = {"task": "text", "hidden": "text", "width": "text", "regimen": "text"}
_NETWORK: dict[str, Kind] = {"network": "text", **_CONDITION, "seed": "int", "population": "text"}
COLUMNS: dict[str, dict[str, Kind]] = {
    "networks": {
        **_NETWORK,
        "loss": "float",
        "solved": "bool",
        "threshold": "float",
        "steps": "int",
        "parameters": "int",
        "missing": "text",
        "kinks": "float",
        "kinks_lazy": "float",
        "kinks_passed": "bool",
        "final": "text",
        "cost": "float",
        "labelled": "float",
        "cause": "text",
        "diagnosis": "text",
        "lost": "int",
        "cell": "text",
    },
    "neurons": {
        **_NETWORK,
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
        "causal": "float",
        "contribution": "float",
        "duplicate_of": "int",
        "used": "bool",
        "expected": "bool",
    },
    "directions": {
        **_NETWORK,
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
        "neuron": "int",
        "cosine": "float",
    },
    "prevalence": {
        **_CONDITION,
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
        "verdict": "text",
        "reason": "text",
        "q": "float",
        "forced": "bool",
    },
    "success": {**_CONDITION, "n": "int", "solved": "int", "value": "float", "low": "float", "high": "float"},
    "regimens": {
        **_CONDITION,
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
        **_CONDITION,
        "cause": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "lost": "int",
    },
    "emergence": {
        **_CONDITION,
        "feature": "text",
        "on": "text",
        "seed": "int",
        "step": "int",
        "solved": "bool",
    },
    "emergence_curves": {
        **_CONDITION,
        "feature": "text",
        "on": "text",
        "step": "int",
        "held": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
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
        "reason": "text",
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
        **_CONDITION,
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
        **_NETWORK,
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
        **_NETWORK,
        "circuit": "text",
        "on": "text",
        "output": "text",
        "form": "text",
        "gauge": "text",
        "distance": "float",
        "certified": "float",
    },
    "census": {
        **_CONDITION,
        "level": "text",
        "name": "text",
        "found": "int",
        "n": "int",
        "value": "float",
        "low": "float",
        "high": "float",
        "forced": "bool",
    },
    "candidates": {
        "task": "text",
        "formula": "text",
        "circuit": "text",
        "found": "int",
        "n": "int",
        "error": "float",
        "networks": "text",
        "entry": "text",
    },
    "superposition": {
        **_NETWORK,
        "layer": "int",
        "live": "int",
        "number": "int",
        "rank": "int",
        "independent": "int",
        "interference": "float",
    },
    "ensembles": {
        **_CONDITION,
        "layer": "int",
        "feature": "text",
        "on": "text",
        "found": "int",
        "n": "int",
        "prevalence": "float",
        "null_prevalence": "float",
        "p": "float",
        "q": "float",
    },
}
_DTYPES: dict[Kind, str] = {"text": "string", "int": "Int64", "float": "float64", "bool": "boolean"}


def typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The frame with the table's columns, in order and of their kinds.

    Examples:
        >>> frame = pd.DataFrame({name: [None] for name in COLUMNS["success"]})
        >>> typed(frame, "success").dtypes.astype(str).unique().tolist()
        ['string', 'Int64', 'float64']
    """
    columns = {}
    for name, kind in COLUMNS[table].items():
        column = frame[name]
        if kind == "float":
            columns[name] = pd.Series(pd.to_numeric(column), dtype="float64")
        else:
            columns[name] = pd.Series(column, dtype=_DTYPES[kind])
    return pd.DataFrame(columns).reset_index(drop=True)


def empty(table: str) -> pd.DataFrame:
    """The table without rows."""
    return pd.DataFrame({name: pd.Series(dtype=_DTYPES[kind]) for name, kind in COLUMNS[table].items()})


def arrow_schema(table: str) -> pa.Schema:
    """The table's schema on disk."""
    import pyarrow as pa

    kinds = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    return pa.schema([(name, kinds[kind]) for name, kind in COLUMNS[table].items()])
