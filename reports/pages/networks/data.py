"""Network data: what a study's page holds of every network, small enough that 5 000 of them fit into one page.

The page draws a network's section in the browser when a reader follows its link (`templates/networks.js`). What it
needs lies in the page as one JSON text. Tables lie there column by column; texts that recur are written once and
numbered. What a section lists (neurons, read-outs, weights) is left out for the last seeds of each condition where all
of it would not fit; what the table of all networks shows is there for every one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from mathcircuits.detect import MathCircuitsError, Network, UnknownTask, tasks

from ...plots.palette import FAMILIES, OTHER, family_of
from ...studies.schema import Kind, Tables, kind_of
from ...wording import at_most
from ..selections import chosen_networks, first_seeds, task_names

FORMAT = 1
#: Networks that are shown at most, about: their table takes a fifth of what the data may.
SHOWN = 10_000
#: Characters that the data may take at most; of a page with many figures and tables it has less (`pages/page.py`).
BUDGET = 10_000_000
#: Digits of a weight: its kinks are then off by less than a hundredth of a plot's pixel.
WEIGHT_DIGITS = 5
#: Digits of every other number, as in the page's tables.
DIGITS = 3
#: Of a wider layer the neurons that the output needs most are listed; more no reader reads.
NEURONS = 24
#: Read-outs that are listed for a network, the best first.
READOUTS = 12
#: Networks that are listed as alike, per measure.
NEIGHBOURS = 5
#: Characters of a description that names every hyperplane of a wide network; the tables have it whole.
_LONGEST = 300
#: Points at which a task of one input is drawn beside a network.
_CURVE = 81
#: Activations that the browser knows.
DRAWN = ("relu", "identity", "tanh", "leaky_relu")
#: What the similarity tables' measures are called on the page.
MEASURES = {
    "circuit_similarity": "mechanism",
    "correlation_matching": "neuron by neuron",
    "cka": "as whole layers",
}


class HasNetworks(Protocol):
    """What is read of a study beside its tables."""

    def networks(self, key: str) -> Mapping[str, Network]:
        """Networks by id: the one of that id, or those of a condition (`"minimum/3/adam"`)."""
        ...


def network_data(study: HasNetworks, tables: Tables, *, budget: int = BUDGET) -> dict[str, Any]:
    """What the page needs to show any trained or hand-derived network of a study: plain data for strict JSON.

    Args:
        study: gives the weights.
        tables: the study's tables; any but `networks` may be missing.
        budget: characters of JSON that neurons, read-outs and weights may fill up to. Where not all fit, the first
            seeds of every condition have theirs; `"listed"` says which.

    Returns:
        `total` (how many networks the study has), `networks` (one entry a column, a row a network), `programs`,
        `circuits`, `ranks`, `similar` (rows of one network follow each other, `start` says where), `neurons`,
        `readouts` likewise, `shapes` and `weights` (flat: every layer's rows, then its biases), `tasks`, `families`;
        empty without a table of networks.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> class Lone:
        ...     def networks(self, key): return {f"{key}/-1": hand_derived("minimum")}
        >>> row = {"network": "minimum/3/derived/-1", "task": "minimum", "hidden": "3", "width": "1x"}
        >>> row |= {"regimen": "derived", "seed": -1, "population": "derived", "loss": 0.0, "solved": True}
        >>> data = network_data(Lone(), {"networks": pd.DataFrame([row])})
        >>> data["networks"]["id"], data["shapes"][0]["sizes"], data["weights"][0]
        (['minimum/3/derived/-1'], [2, 3, 1], [1, -1, 1, 0, -1, 0, -1, 1, -1])
    """
    rows = shown_networks(tables)
    if rows.empty:
        return {}
    place = {str(name): k for k, name in enumerate(rows["network"])}
    total = known_networks(tables)
    networks = _networks(study, rows, by_cell=len(rows) < total)
    shapes, shape_of = _shapes(networks)
    content: dict[str, Any] = {
        "format": FORMAT,
        "total": total,
        "networks": {
            name: read(rows[column])
            for name, (column, read) in _NETWORK_COLUMNS.items()
            if column in rows.columns
        },
        "programs": _grouped(_of(tables, "programs", place), place, _PROGRAM_COLUMNS),
        "circuits": _grouped(_of(tables, "circuits", place), place, _CIRCUIT_COLUMNS),
        "ranks": _grouped(_of(tables, "superposition", place), place, _RANK_COLUMNS),
        "similar": _similar(tables, place),
        "shape": shape_of,
        "shapes": shapes,
        "tasks": {str(name): _task(str(name)) for name in dict.fromkeys(rows["task"])},
        "families": _families(tables),
    }
    neurons = _strongest_neurons(_of(tables, "neurons", place))
    readouts = best_readouts(_of(tables, "directions", place), "_place")
    weights = [None if network is None else _flat(network) for network in networks]
    listed = _affordable(rows, neurons, readouts, weights, budget - len(dumped(content)))
    kept = set(rows["network"][listed])
    content["listed"] = [int(flag) for flag in listed]
    content["neurons"] = _grouped(neurons[neurons["network"].isin(kept)], place, _NEURON_COLUMNS)
    content["readouts"] = _grouped(readouts[readouts["network"].isin(kept)], place, _READOUT_COLUMNS)
    content["weights"] = [flat if flag else None for flat, flag in zip(weights, listed, strict=True)]
    return content


def shown_networks(tables: Tables) -> pd.DataFrame:
    """The rows of the networks that the page shows: trained and hand-derived ones, of very many a part.

    Of more than `SHOWN` these are the first seeds of every condition, and the networks that the page draws.

    Examples:
        >>> shown_networks({}).empty
        True
    """
    known = _known(tables)
    if len(known) <= SHOWN:
        return known
    drawn = [chosen.network for name in task_names(tables) for chosen in chosen_networks(tables, name)]
    first = set(first_seeds(known, SHOWN)["network"])
    return known[known["network"].isin(first.union(drawn))].reset_index(drop=True)


def known_networks(tables: Tables) -> int:
    """How many trained and hand-derived networks the study has."""
    return len(_known(tables))


def _known(tables: Tables) -> pd.DataFrame:
    """The rows of all trained and hand-derived networks."""
    table = tables.get("networks")
    if table is None or table.empty:
        return pd.DataFrame()
    return table[table["population"] != "untrained"].reset_index(drop=True)


def dumped(content: Mapping[str, Any]) -> str:
    """The data as compact JSON that may stand inside a `<script>` element.

    Examples:
        >>> dumped({"name": "</script>"})
        '{"name":"\\\\u003c/script>"}'
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    # The only characters by which text can leave a script element.
    return text.replace("<", "\\u003c")


# Columns

Read = Callable[["pd.Series[Any]"], Any]
#: Name in the data -> (the table's column, how it is written).
Picked = dict[str, tuple[str, Read]]


def _codes(column: pd.Series[Any]) -> Any:
    """Texts that recur: the distinct ones, and each row's number; -1 is missing."""
    texts = column.astype(object).where(column.notna(), None)
    short = [None if t is None or t == "" else _cut(str(t)) for t in texts]
    values = list(dict.fromkeys(t for t in short if t is not None))
    number = {text: k for k, text in enumerate(values)}
    return {"values": values, "codes": [-1 if t is None else number[t] for t in short]}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _texts(column: pd.Series[Any]) -> Any:
    return [str(value) for value in column]


def _whole(column: pd.Series[Any]) -> Any:
    return [None if pd.isna(value) else int(value) for value in column]


def _rounded(column: pd.Series[Any]) -> Any:
    return [_round(value, DIGITS) for value in column.astype(float).tolist()]


def _bounds(column: pd.Series[Any]) -> Any:
    """Upper bounds, rounded up."""
    values = column.astype(float).tolist()
    return [float(at_most(v)) if math.isfinite(v) else None for v in values]


def _truths(column: pd.Series[Any]) -> Any:
    return [None if pd.isna(value) else int(bool(value)) for value in column]


def _round(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


#: How a column of each kind is written.
_READ: dict[Kind, Read] = {"text": _codes, "int": _whole, "float": _rounded, "bool": _truths}


def _picked(table: str, columns: str, **otherwise: Read) -> Picked:
    """Columns of a table, each written as its kind is, or otherwise: name in the data -> (the column, how)."""
    return {name: (name, otherwise.get(name, _READ[kind_of(table, name)])) for name in columns.split()}


_NETWORK_COLUMNS: Picked = {
    "id": ("network", _texts),
    **_picked(
        "networks",
        "task hidden width regimen seed population loss solved threshold steps final cost missing kinks kinks_lazy "
        "kinks_passed cause diagnosis lost",
    ),
}
_PROGRAM_COLUMNS = _picked(
    "programs",
    "formula best error spec_lower spec_upper equals_task bits raw_bits reason class gauge named",
    error=_bounds,
    spec_upper=_bounds,
)
_CIRCUIT_COLUMNS = _picked("circuits", "circuit on output form gauge distance certified", certified=_bounds)
_RANK_COLUMNS = _picked("superposition", "layer live number rank")
_NEURON_COLUMNS = _picked(
    "neurons",
    "layer neuron status feature on unexplained p q causal contribution used expected needed null",
)
_READOUT_COLUMNS = _picked("directions", "layer feature on unexplained untrained q")


# Rows


def _of(tables: Tables, name: str, place: Mapping[str, int]) -> pd.DataFrame:
    """A table's rows of the networks at hand, in their order; untrained twins share an id and are left out."""
    table = tables.get(name)
    if table is None or table.empty:
        return pd.DataFrame({"network": []})
    if "population" in table.columns:
        table = table[table["population"] != "untrained"]
    rank = table["network"].map(place)
    table = table[rank.notna()]
    return table.assign(_place=rank[rank.notna()].astype(int)).sort_values("_place", kind="stable")


def _grouped(rows: pd.DataFrame, place: Mapping[str, int], columns: Picked) -> dict[str, Any]:
    """Rows in the networks' order, and where each network's begin: `start` has one entry more than networks."""
    counts = np.zeros(len(place), dtype=int)
    if len(rows):
        np.add.at(counts, rows["_place"].to_numpy(), 1)
    return {
        "start": [0, *np.cumsum(counts).tolist()],
        **{name: read(rows[column]) for name, (column, read) in columns.items() if column in rows.columns},
    }


def _strongest_neurons(neurons: pd.DataFrame) -> pd.DataFrame:
    """The neurons of every network that its output needs most, in their places."""
    if neurons.empty or "contribution" not in neurons:
        return neurons
    rank = neurons.groupby("_place")["contribution"].rank(ascending=False, method="first", na_option="bottom")
    return neurons[rank <= NEURONS]


def best_readouts(directions: pd.DataFrame, by: str = "network") -> pd.DataFrame:
    """What can be read of a layer and need not have been: the best of every network.

    Args:
        directions: rows of the table of that name.
        by: the column that tells networks apart, in whose order they come.

    Examples:
        >>> rows = {"network": "n", "unexplained": [0.2, 0.1], "readable": True, "tautology": [False, True]}
        >>> best_readouts(pd.DataFrame(rows))["unexplained"].tolist()
        [0.2]
    """
    if directions.empty:
        return directions
    tautology = directions["tautology"].fillna(False).astype(bool)
    readable = directions[directions["readable"].astype(bool) & ~tautology]
    ordered = readable.sort_values([by, "unexplained"], kind="stable")
    return ordered.groupby(by, sort=False).head(READOUTS)


def _similar(tables: Tables, place: Mapping[str, int]) -> dict[str, Any]:
    """For every network its nearest ones by every measure, as far as pairs were compared, beside the null."""
    parts = []
    for name in ("pairs", "similarity"):
        table = tables.get(name)
        if table is None or table.empty:
            continue
        trained = table[table["population"] == "trained"]
        null = trained["null_q95"] if "null_q95" in trained else pd.Series(np.nan, trained.index)
        ends = [trained["network_a"].map(place), trained["network_b"].map(place)]
        for a, b in (ends, ends[::-1]):
            parts.append(
                pd.DataFrame(
                    {
                        "_place": a,
                        "other": b,
                        "measure": trained["measure"],
                        "value": trained["value"],
                        "null": null,
                    }
                )
            )
    if not parts:
        return {"start": [0] * (len(place) + 1)}
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[rows["_place"].notna() & rows["other"].notna() & rows["value"].notna()]
    order = {name: k for k, name in enumerate(MEASURES)}
    rows = rows.assign(
        _measure=rows["measure"].map(order).fillna(len(order)),
        measure=rows["measure"].map(lambda name: MEASURES.get(name, name)),
        _place=rows["_place"].astype(int),
        other=rows["other"].astype(int),
    )
    # A pair of one condition stands in both tables; the one with a null is kept.
    rows = rows.sort_values(["_place", "_measure", "null"], kind="stable", na_position="last")
    rows = rows.drop_duplicates(["_place", "_measure", "other"])
    rows = rows.sort_values(["_place", "_measure", "value"], ascending=[True, True, False], kind="stable")
    rows = rows.groupby(["_place", "_measure"], sort=False).head(NEIGHBOURS)
    columns: Picked = {
        "other": ("other", _whole),
        "measure": ("measure", _codes),
        "value": ("value", _rounded),
        "null": ("null", _rounded),
    }
    return _grouped(rows, place, columns)


# Weights


def _networks(study: HasNetworks, rows: pd.DataFrame, *, by_cell: bool) -> list[Network | None]:
    """The network of every row; None for one that diverged or is not at hand.

    A condition is read at once; by cell where not all of its networks are shown, so that some cells are not read.
    """
    found: dict[str, Network] = {}
    names = [str(name) for name in rows["network"]]
    keys = rows["cell"].tolist() if by_cell else [name.rpartition("/")[0] for name in names]
    for key in dict.fromkeys(map(str, keys)):
        try:
            found |= study.networks(key)
        except MathCircuitsError:
            continue
    return [found.get(name) for name in names]


def _shapes(networks: Iterable[Network | None]) -> tuple[list[dict[str, Any]], list[int]]:
    """The distinct architectures, and each network's number among them; -1 where it has no weights."""
    known: dict[Any, int] = {}
    numbers = [
        -1 if network is None else known.setdefault(network.architecture, len(known)) for network in networks
    ]
    shapes = [
        {
            "sizes": list(shape.sizes),
            "activations": list(shape.activations),
            "bias": [int(flag) for flag in shape.bias],
            "drawn": int(all(name in DRAWN for name in shape.activations)),
        }
        for shape in known
    ]
    return shapes, numbers


def _flat(network: Network) -> list[float | int | None]:
    """All weights in a row: layer by layer the matrix's rows, then the biases where the layer has some."""
    values: list[float] = []
    for matrix, bias, has in zip(
        network.weights, network.bias_vectors, network.architecture.bias, strict=True
    ):
        values += matrix.ravel().tolist()
        if has:
            values += bias.tolist()
    return [_round(value, WEIGHT_DIGITS) for value in values]


@dataclass(frozen=True)
class _Cost:
    """Characters of one row of a kind of detail, measured on all of them."""

    rows: pd.DataFrame
    columns: Picked

    def per_network(self, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        if self.rows.empty:
            return np.zeros(count)
        size = len(
            dumped({name: read(self.rows[c]) for name, (c, read) in self.columns.items() if c in self.rows})
        )
        counts = np.bincount(self.rows["_place"].to_numpy(), minlength=count)
        return np.asarray(counts * (size / len(self.rows)))


def _affordable(
    rows: pd.DataFrame,
    neurons: pd.DataFrame,
    readouts: pd.DataFrame,
    weights: Sequence[Sequence[float | int | None] | None],
    budget: int,
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which networks' details fit: the first of every condition, then the second, as far as the budget goes."""
    count = len(rows)
    cost = np.array(
        [0 if flat is None else len(json.dumps(flat)) - len(flat) for flat in weights], dtype=float
    )
    cost += _Cost(neurons, _NEURON_COLUMNS).per_network(count)
    cost += _Cost(readouts, _READOUT_COLUMNS).per_network(count)
    turn = rows.groupby(["task", "hidden", "regimen"], sort=False).cumcount().to_numpy()
    order = np.argsort(turn, kind="stable")
    fits = np.zeros(count, dtype=bool)
    fits[order] = np.cumsum(cost[order]) <= budget
    return fits


# What belongs to a task or a feature


def _task(name: str) -> dict[str, Any]:
    """Formula, box and input names of a task, and its values along the box where it has one input."""
    try:
        task = tasks[name]
    except UnknownTask:
        return {}
    found: dict[str, Any] = {
        "formula": task.text,
        "box": [[_round(low, WEIGHT_DIGITS), _round(high, WEIGHT_DIGITS)] for low, high in task.box],
    }
    if task.domain.named:
        found["names"] = list(task.domain.names)
    if task.output_names:
        found["outputs"] = list(task.output_names)
    if task.arity == 1:
        ((low, high),) = task.box
        values = task(np.linspace(low, high, _CURVE)[:, None])
        found["curve"] = [[_round(v, WEIGHT_DIGITS) for v in column] for column in values.T.tolist()]
    return found


def _families(tables: Tables) -> dict[str, str]:
    """Feature -> the CSS variable of its colour."""
    names: dict[str, None] = {}
    for table in ("neurons", "directions"):
        frame = tables.get(table)
        if frame is not None and not frame.empty:
            names |= dict.fromkeys(frame["feature"].dropna().unique().tolist())
    return {str(name): FAMILIES.get(family_of(name), OTHER).name for name in names}
