"""Selections: what the page shows out of a study's tables: which rows, which networks, which summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import UnknownTask, catalogue, tasks
from mathcircuits.detect.matching import HELD
from mathcircuits.detect.statistics import ROUNDING

from ..plots.drawing import NeuronLabel
from ..plots.palette import FAMILIES, family_of
from ..rowparts import among
from ..studies.config import width_order
from ..studies.schema import CONDITION, Tables

#: What names a cell of the grid within a task.
CELL = [name for name in CONDITION if name != "task"]
#: Where the page keeps the summaries of its largest tables, which several sections ask for.
READOUTS, HELD_NEURONS, STATUS_COUNTS = "readouts", "held neurons", "status counts"
#: The columns of these tables that the summaries read.
OF_DIRECTIONS = ("network", "task", *CELL, "feature", "on", "readable", "unexplained", "untrained")
OF_NEURONS = ("network", "task", *CELL, "status", "used", "expected", "unexplained", "p_taught")


def rows_of(
    tables: Tables, name: str, columns: Sequence[str] | None = None, **wanted: object
) -> pd.DataFrame:
    """The rows of a table with the wanted values; empty where the study has no such table.

    Args:
        tables: the study's; name: of the table.
        columns: those that are needed, of which the others are not copied; None for all.
        wanted: the value that a column has to have.

    Examples:
        >>> tables = {"networks": pd.DataFrame({"task": ["a", "b"], "seed": [0, 1]})}
        >>> rows_of(tables, "networks", task="b")["seed"].tolist(), len(rows_of(tables, "ensembles"))
        ([1], 0)
    """
    table = tables.get(name)
    if table is None or table.empty:
        return pd.DataFrame() if table is None else table
    here = np.ones(len(table), dtype=bool)
    for column, value in wanted.items():
        here &= (table[column] == value).fillna(False).to_numpy(dtype=bool)
    if columns is not None:
        table = table[[column for column in columns if column in table]]
    return table if here.all() else table[here]


def task_names(tables: Tables) -> list[str]:
    """The tasks in the order in which the study has them.

    Examples:
        >>> task_names({"success": pd.DataFrame({"task": [*"aab"]})}), task_names({})
        (['a', 'b'], [])
    """
    for name in ("success", "networks", "prevalence"):
        if name in tables:
            return [str(task) for task in dict.fromkeys(tables[name]["task"])]
    return []


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by task as first met, then width, then regimen as first met.

    Examples:
        >>> frame = pd.DataFrame({"task": "a", "hidden": [*"42"], "width": ["2x", "1x"], "regimen": "adam"})
        >>> in_order(frame)["width"].tolist()
        ['1x', '2x']
    """
    if table.empty:
        return table
    names = ["task", "width", "hidden", "regimen"]
    grouped = table.groupby(names, sort=False, dropna=False)
    # A table has many rows and few cells: the cells are ordered, in the order in which they are first met.
    cells = table[names].drop_duplicates().values.tolist()
    task = {name: k for k, name in enumerate(dict.fromkeys(cell[0] for cell in cells))}
    regimen = {name: k for k, name in enumerate(dict.fromkeys(cell[3] for cell in cells))}
    keys = [(task[t], width_order(w, h), regimen[r]) for t, w, h, r in cells]
    rank = np.empty(len(cells), dtype=np.intp)
    rank[sorted(range(len(cells)), key=keys.__getitem__)] = np.arange(len(cells))
    return table.iloc[np.argsort(rank[grouped.ngroup().to_numpy()], kind="stable")]


def panels(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The (width, regimen) pairs of a table in order; where widths have no name, their sizes stand in.

    Examples:
        >>> frame = pd.DataFrame({"task": "a", "hidden": [*"42"], "width": ["2x", "1x"], "regimen": "adam"})
        >>> panels(frame)
        [('1x', 'adam'), ('2x', 'adam')]
    """
    if table.empty:
        return []
    named = table.assign(width=table["width"].where(table["width"] != "", table["hidden"]))
    pairs = dict.fromkeys(zip(named["width"], named["regimen"], strict=True))
    regimens = list(dict.fromkeys(named["regimen"]))
    return sorted(pairs, key=lambda pair: (width_order(pair[0], pair[0]), regimens.index(pair[1])))


def of_panel(table: pd.DataFrame, panel: tuple[str, str]) -> pd.DataFrame:
    """The rows of one (width, regimen) pair.

    Examples:
        >>> frame = pd.DataFrame({"task": "a", "hidden": ["4", "2"], "width": ["", "1x"], "regimen": "adam"})
        >>> of_panel(frame, ("4", "adam"))["hidden"].tolist()
        ['4']
    """
    if table.empty:
        return table
    width = table["width"].where(table["width"] != "", table["hidden"])
    return table[(width == panel[0]) & (table["regimen"] == panel[1])]


def strongest(prevalence: pd.DataFrame) -> pd.DataFrame:
    """One row per task, cell and feature, modulo the task's symmetries: the arguments with the highest share.

    Examples:
        >>> row = {"task": "a", "hidden": "3", "width": "1x", "regimen": "adam", "feature": "positiveness"}
        >>> row |= {"oriented": False, "n": 9}
        >>> frame = pd.DataFrame([{**row, "on": f"x{k}", "found": k, "value": k / 9} for k in (1, 2)])
        >>> strongest(frame)["on"].tolist()
        ['x2']
    """
    if prevalence.empty:
        return prevalence
    unoriented = prevalence[~prevalence["oriented"].astype(bool)]
    ordered = unoriented.sort_values("value", ascending=False, kind="stable", na_position="last")
    return in_order(ordered.drop_duplicates(["task", *CELL, "feature"]).sort_index())


def notable_features(prevalence: pd.DataFrame) -> list[str]:
    """The features that some solved network holds or some task forces, by family and place in the catalogue.

    Examples:
        >>> frame = pd.DataFrame({"feature": ["greaterness", "square", "positiveness"], "found": [2, 0, 1],
        ...                       "forced": False, "oriented": False})
        >>> notable_features(frame)
        ['positiveness', 'greaterness']
    """
    if prevalence.empty:
        return []
    kept = prevalence[(prevalence["found"] > 0) | prevalence["forced"].fillna(False).astype(bool)]
    families, names = list(FAMILIES), list(catalogue.names)

    def place(feature: str) -> tuple[int, int, str]:
        family = family_of(feature)
        return (
            families.index(family) if family in families else len(families),
            names.index(feature) if feature in names else len(names),
            feature,
        )

    return sorted(set(kept["feature"]), key=place)


@dataclass(frozen=True)
class Chosen:
    """A network that the page draws, and why this one.

    Attributes:
        network: its id, or "" for a hand-derived one that the study has no row of.
        role: "best", "failed" or "derived".
        row: its row of the networks table, empty where there is none.

    Examples:
        >>> Chosen("minimum/3/adam/7", "best", {"seed": 7}).row["seed"]
        7
    """

    network: str
    role: str
    row: Mapping[str, Any]


def chosen_networks(tables: Tables, task: str) -> list[Chosen]:
    """The best network of a task, or the hand-derived one where none solved it, and one that failed.

    Best: among the solved networks with the fewest parameters, the one with the lowest loss. Failed: the one
    with the median loss among those that failed beside it, so neither a near miss nor the worst.

    Examples:
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam"}
        >>> frame = pd.DataFrame([{**row, "population": "trained", "network": f"minimum/3/adam/{k}",
        ...                        "seed": k, "loss": 10.0**-k, "solved": k > 7, "parameters": 9}
        ...                       for k in (1, 8, 9)])
        >>> [(chosen.role, chosen.network) for chosen in chosen_networks({"networks": frame}, "minimum")]
        [('best', 'minimum/3/adam/9'), ('failed', 'minimum/3/adam/1')]
    """
    networks = rows_of(tables, "networks", task=task)
    found: list[Chosen] = []
    trained = networks[networks["population"] == "trained"] if len(networks) else networks
    solved = trained[trained["solved"].astype(bool)] if len(trained) else trained
    failed = trained[~trained["solved"].astype(bool)] if len(trained) else trained
    # A network that diverged has no loss, and no weights that could be drawn.
    failed = failed[failed["loss"].notna()] if len(failed) else failed
    if len(solved):
        best = solved.sort_values(["parameters", "loss"], kind="stable").iloc[0]
        found.append(Chosen(str(best["network"]), "best", _row(best)))
        for columns in (["hidden", "regimen"], ["hidden"]):
            beside = failed[(failed[columns] == best[columns]).all(axis=1)] if len(failed) else failed
            if len(beside):
                failed = beside
                break
    elif task in tasks and tasks[task].hand_derived is not None:
        derived = networks[networks["population"] == "derived"] if len(networks) else networks
        row = _row(derived.iloc[0]) if len(derived) else {}
        found.append(Chosen(str(row.get("network", "")), "derived", row))
    if len(failed):
        smallest = failed[failed["parameters"] == failed["parameters"].min()]
        ordered = smallest.sort_values("loss", kind="stable")
        # Only a few failed networks are put into words: of a large condition the middle one need not be among them.
        programs = rows_of(tables, "programs", task=task)
        read = ordered[ordered["network"].isin(set(programs["network"]))] if len(programs) else ordered
        ordered = read if len(read) else ordered
        middle = ordered.iloc[(len(ordered) - 1) // 2]
        found.append(Chosen(str(middle["network"]), "failed", _row(middle)))
    return found


def neuron_labels(tables: Tables, network: str) -> dict[tuple[int, int], NeuronLabel]:
    """What the graph of a network writes into its neurons.

    Examples:
        >>> row = {"network": "n", "layer": 0, "neuron": 1, "feature": "greaterness", "on": "x1, x2"}
        >>> frame = pd.DataFrame([{**row, "status": "matched", "used": True, "expected": None}])
        >>> neuron_labels({"neurons": frame}, "n")[0, 1].text
        'greaterness(x1, x2), matched'
    """
    found = {}
    neurons = rows_of(tables, "neurons", network=network)
    if len(neurons) and "population" in neurons:
        # An untrained network bears the id of the one that it was trained into.
        neurons = neurons[neurons["population"] != "untrained"]
    for row in neurons.to_dict("records"):
        found[int(row["layer"]), int(row["neuron"])] = NeuronLabel(
            feature=_text(row["feature"]) or None,
            on=_text(row["on"]),
            status=_text(row["status"]),
            used=_truth(row.get("used")),
            expected=_truth(row.get("expected")),
        )
    return found


def first_seeds(networks: pd.DataFrame, limit: int) -> pd.DataFrame:
    """At most about `limit` networks, evenly from all cells: the first seeds of each.

    Examples:
        >>> frame = pd.DataFrame({"task": [*"aaabbb"], "hidden": "2", "width": "1x", "regimen": "adam"})
        >>> first_seeds(frame, 4)["task"].tolist()
        ['a', 'a', 'b', 'b']
    """
    groups = networks.groupby(["task", *CELL], sort=False)
    return networks if len(networks) <= limit else groups.head(max(1, limit // groups.ngroups))


def derived_share(tables: Tables, neurons: Iterable[pd.DataFrame] | None = None) -> pd.DataFrame:
    """Per task and cell at its smallest width: how many neurons of solved networks carry the derived feature.

    `labelled` counts the best label alone, `held` also asks for at most 1e-3 of the neuron unexplained.

    Args:
        tables: the study's.
        neurons: the trained networks' rows of the table `neurons` in parts, no network's in two; None for all at once.

    Examples:
        >>> base = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> nets = pd.DataFrame([{**base, "network": "n", "solved": True, "parameters": 4}])
        >>> row = {**base, "network": "n", "expected": True}
        >>> neurons = pd.DataFrame([{**row, "unexplained": u} for u in (0, 0.5)])
        >>> share = derived_share({"networks": nets, "neurons": neurons})
        >>> share[["neurons", "labelled", "held"]].values.tolist()
        [[2, 2, 1]]
    """
    if HELD_NEURONS in tables:
        return tables[HELD_NEURONS]
    key = ["task", *CELL]
    columns = [*key, "networks", "neurons", "labelled", "held", "share"]
    networks = rows_of(tables, "networks", ["network", "task", "parameters", "solved"], population="trained")
    if networks.empty:
        return pd.DataFrame(columns=columns)
    smallest = networks["parameters"] == networks.groupby("task")["parameters"].transform("min")
    wanted = set(networks[smallest & networks["solved"].astype(bool)]["network"])
    found = []
    for part in _parts(tables, "neurons", neurons):
        kept = part[among(part["network"], wanted) & part["expected"].notna()] if len(part) else part
        if kept.empty:
            continue
        expected = kept["expected"].astype(bool)
        marked = kept.assign(labelled=expected, held=expected & (kept["unexplained"] <= HELD))
        grouped = marked.groupby(key, sort=False).agg(
            networks=("network", "nunique"),
            neurons=("labelled", "size"),
            labelled=("labelled", "sum"),
            held=("held", "sum"),
        )
        found.append(grouped.reset_index())
    if not found:
        return pd.DataFrame(columns=columns)
    table = pd.concat(found, ignore_index=True).groupby(key, sort=False).sum().reset_index()
    table["share"] = table["held"] / table["neurons"]
    return in_order(table[columns])


def status_counts(tables: Tables, neurons: Iterable[pd.DataFrame] | None = None) -> pd.DataFrame:
    """How many neurons of solved networks have each status, by cell, whether they are used, and whether `taught`.

    A neuron is `taught` where it was set beside neurons of networks that were taught something else.

    Args:
        tables: the study's.
        neurons: as of `derived_share`.

    Examples:
        >>> base = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> nets = pd.DataFrame([{**base, "network": "n", "solved": True}])
        >>> neurons = pd.DataFrame([{**base, "network": "n", "status": "matched", "used": True}] * 3)
        >>> status_counts({"networks": nets, "neurons": neurons})[["status", "used", "neurons"]].values.tolist()
        [['matched', True, 3]]
    """
    if STATUS_COUNTS in tables:
        return tables[STATUS_COUNTS]
    key = ["task", *CELL, "status", "used", "taught"]
    networks = rows_of(tables, "networks", ["network", "solved"], population="trained")
    solved = set(networks[networks["solved"].astype(bool)]["network"]) if len(networks) else set()
    found = []
    for part in _parts(tables, "neurons", neurons):
        kept = part[among(part["network"], solved)] if len(part) else part
        if kept.empty:
            continue
        taught = kept["p_taught"].notna() if "p_taught" in kept else False
        used = kept["used"].fillna(False).astype(bool) if "used" in kept else False
        marked = kept.assign(taught=taught, used=used)
        found.append(marked.groupby(key, sort=False).size().rename("neurons").reset_index())
    if not found:
        return pd.DataFrame(columns=[*key, "neurons"])
    return pd.concat(found, ignore_index=True).groupby(key, sort=False).sum().reset_index()


def _parts(tables: Tables, name: str, parts: Iterable[pd.DataFrame] | None) -> Iterable[pd.DataFrame]:
    """The trained networks' rows of a table, as they are given or all at once."""
    return [rows_of(tables, name, population="trained")] if parts is None else parts


def missing_features(tables: Tables) -> pd.DataFrame:
    """Per task, cell and feature: in how many failed networks an expected feature is absent.

    Examples:
        >>> base = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "population": "trained"}
        >>> nets = pd.DataFrame([{**base, "solved": False, "missing": m} for m in ("f(x1); g(x1)", "f(x1)")])
        >>> missing_features({"networks": nets})[["feature", "networks", "failed"]].values.tolist()
        [['f(x1)', 2, 2], ['g(x1)', 1, 2]]
    """
    columns = ["task", *CELL, "feature", "networks", "failed", "share"]
    networks = rows_of(tables, "networks", ["task", *CELL, "solved", "missing"], population="trained")
    if networks.empty:
        return pd.DataFrame(columns=columns)
    failed = networks[~networks["solved"].astype(bool)]
    split = failed.assign(feature=failed["missing"].fillna("").astype(str).str.split("; ")).explode("feature")
    split = split[split["feature"].fillna("") != ""]
    if split.empty:
        return pd.DataFrame(columns=columns)
    key = ["task", *CELL]
    table = split.groupby([*key, "feature"], sort=False).size().rename("networks").reset_index()
    table = table.merge(failed.groupby(key, sort=False).size().rename("failed").reset_index(), on=key)
    table["share"] = table["networks"] / table["failed"]
    return in_order(table.sort_values("networks", ascending=False, kind="stable")[columns])


def similarity_summary(similarity: pd.DataFrame) -> pd.DataFrame:
    """Per task, cell and measure: the mean over pairs of networks, beside its null and the untrained mean.

    Examples:
        >>> base = {"task": "a", "hidden": "2", "width": "1x", "regimen": "adam", "measure": "cka"}
        >>> base |= {"null_mean": 0.1, "null_q95": 0.3}
        >>> frame = pd.DataFrame([{**base, "population": "trained", "value": 0.9},
        ...                       {**base, "population": "untrained", "value": 0.5}])
        >>> similarity_summary(frame)[["pairs", "mean", "untrained_mean"]].values.tolist()
        [[1.0, 0.9, 0.5]]
    """
    key = ["task", *CELL, "measure"]
    columns = [*key, "pairs", "mean", "null_mean", "null_q95", "untrained_pairs", "untrained_mean"]
    if similarity.empty:
        return pd.DataFrame(columns=columns)
    trained = similarity[similarity["population"] == "trained"]
    untrained = similarity[similarity["population"] == "untrained"]
    left = trained.groupby(key, sort=False).agg(
        pairs=("value", "size"),
        mean=("value", "mean"),
        null_mean=("null_mean", "mean"),
        null_q95=("null_q95", "mean"),
    )
    right = untrained.groupby(key, sort=False).agg(
        untrained_pairs=("value", "size"), untrained_mean=("value", "mean")
    )
    every = similarity[key].drop_duplicates()
    table = every.merge(left.reset_index(), how="left", on=key).merge(right.reset_index(), how="left", on=key)
    return in_order(table[columns])


def directions_summary(tables: Tables, directions: Iterable[pd.DataFrame] | None = None) -> pd.DataFrame:
    """Per task and cell, over solved networks: how often needed and control features can be read.

    Needed: what the output and the inputs that it depends on span, without being affine; a network that solves
    the task and carries those inputs has no choice. Control: what lies outside the span of the output and all
    inputs, so that the task has no use for it. What is neither is left out, and so is what untrained layers
    read exactly, as they do all that a task of one input needs: there training has nothing to add.

    Args:
        tables: the study's.
        directions: the trained networks' rows of the table `directions` in parts, those of one condition one after the
            other; None for all at once.

    Examples:
        >>> base = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "network": "n"}
        >>> base |= {"population": "trained", "unexplained": 0.0, "untrained": 0.1}
        >>> nets = pd.DataFrame([{**base, "solved": True}])
        >>> frame = pd.DataFrame([{**base, "feature": "greaterness", "on": "x1, x2", "readable": True},
        ...                       {**base, "feature": "square", "on": "x1", "readable": False}])
        >>> directions_summary({"networks": nets, "directions": frame})[["kind", "share"]].values.tolist()
        [['control', 0.0], ['needed', 1.0]]
    """
    if READOUTS in tables:
        return tables[READOUTS]
    key = ["task", *CELL, "kind"]
    columns = [*key, "tested", "readable", "share", "unexplained", "untrained"]
    networks = rows_of(tables, "networks", ["network", "solved"], population="trained")
    if networks.empty:
        return pd.DataFrame(columns=columns)
    solved = set(networks[networks["solved"].astype(bool)]["network"])
    rows: list[dict[str, Any]] = []
    # Of the conditions that a part has; those of earlier parts are summed up, so that memory holds one.
    tested: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for part in _parts(tables, "directions", directions):
        if part.empty:
            continue
        places = part[key[:-1]].drop_duplicates().itertuples(index=False, name=None)
        here = {tuple(map(str, place)) for place in places}
        over = [at for at in tested if at[:-1] not in here]
        rows += [_readable(dict(zip(key, at, strict=True)), tested.pop(at)) for at in over]
        for at, own in _of_kinds(part, solved).groupby(key, sort=False):
            names = tuple(map(str, at))
            tested.setdefault(names, []).append(own[["readable", "unexplained", "untrained"]])
    rows += [_readable(dict(zip(key, at, strict=True)), parts) for at, parts in tested.items()]
    rows.sort(key=lambda row: str(row["kind"]))
    if not rows:
        return pd.DataFrame(columns=columns)
    table = pd.DataFrame(rows)
    table["share"] = table["readable"] / table["tested"]
    return in_order(table[columns])


def _readable(about: Mapping[str, Any], parts: list[pd.DataFrame]) -> dict[str, Any]:
    """How many directions of a condition and kind were tested and can be read, with medians."""
    found = pd.concat(parts, ignore_index=True)
    return {
        **about,
        "tested": len(found),
        "readable": int(found["readable"].sum()),
        **{name: found[name].median() for name in ("unexplained", "untrained")},
    }


def _of_kinds(directions: pd.DataFrame, solved: set[str]) -> pd.DataFrame:
    """The rows of solved networks with the `kind` of their feature; those of no kind are left out."""
    # What can be read out of an untrained layer up to rounding shows nothing about training.
    kept = directions[among(directions["network"], solved) & ~(directions["untrained"] <= ROUNDING)]
    if kept.empty:
        return kept.assign(kind="")
    # Networks have the same few features in common: each is looked up once.
    labels = ["task", "feature", "on"]
    number = kept.groupby(labels, sort=False, dropna=False).ngroup().to_numpy()
    distinct = kept[labels].iloc[np.unique(number, return_index=True)[1]].itertuples(index=False)
    kind = np.array([_kinds(str(task)).get((str(feature), str(on)), "") for task, feature, on in distinct])
    marked = kept.assign(kind=kind[number], readable=kept["readable"].fillna(False).astype(bool))
    return marked[marked["kind"] != ""]


@cache
def _kinds(task: str) -> Mapping[tuple[str, str], str]:
    """What each feature of the catalogue is to a task: (feature, its arguments as a text) -> needed or control."""
    from mathcircuits.detect.matching import targets_for

    from ..studies.needs import needed_and_controls

    try:
        known = tasks[task]
    except UnknownTask:
        return {}
    features = targets_for(known.arity, box=known.box).features
    found = {}
    for feature, needed, control in zip(features, *needed_and_controls(task), strict=True):
        if control or (needed and known.arity > 1):
            found[feature.feature.name, ", ".join(feature.on)] = "control" if control else "needed"
    return found


def _row(series: pd.Series[Any]) -> dict[str, Any]:
    return {str(key): value for key, value in series.to_dict().items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _truth(value: object) -> bool | None:
    return None if value is None or pd.isna(value) else bool(value)  # type: ignore[call-overload]
