"""Verdict rows: a study's tables as one row for each condition and each feature, orientation, gauge and circuit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from mathcircuits.detect import tasks, verdict_table

from ...studies.circuitry import is_own_circuit
from ...studies.evidence import with_left_out
from ...studies.schema import Tables

#: What names a row: two results are compared row by row where these agree.
KEYS = ("kind", "task", "hidden", "width", "depth", "regimen", "name", "on")
#: The columns of the verdicts and of the conditions, with their dtypes.
COLUMNS = {
    **{name: "Int64" if name == "depth" else "string" for name in KEYS},
    "found": "Int64", "n": "Int64", "value": "float64", "low": "float64", "high": "float64", "null": "float64",
    "worst_low": "float64", "worst_high": "float64", "null_found": "Int64", "null_n": "Int64", "verdict": "string",
    "reason": "string", "q": "float64", "rests": "bool",
}  # fmt: skip
CONDITIONS = {
    "task": "string", "hidden": "string", "width": "string", "depth": "Int64", "regimen": "string", "n": "Int64",
    "solved": "Int64", "value": "float64", "low": "float64", "high": "float64", "rests": "bool",
}  # fmt: skip
#: How many of a condition's untrained networks hold each circuit, and how many were looked at.
Untrained = Mapping[tuple[str, str, str], tuple[Counter[str], int]]


def verdict_rows(tables: Tables, untrained: Untrained, rests: Collection[str] = ()) -> pd.DataFrame:
    """All verdicts of a study.

    - `feature`: modulo the task's symmetries; `orientation`: one member of an orbit;
    - `circuit`: the catalogue's circuits anywhere in the network; that of the task's own function is forced;
    - `gauge`: how the task's function is implemented; it has no null, since untrained networks do not implement it.
      At a width at which there is no other it is forced, for networks certified to be so near the task that it follows.

    Features and orientations were judged together by the study; circuits and gauges are judged together here, at the
    same false discovery rate.

    Args:
        tables: of the study.
        untrained: by (task, hidden, regimen) the circuits that untrained networks hold.
        rests: the conditions (task/hidden/regimen) that verdicts rest on.
    """
    frames = [_features(tables["prevalence"]), _judged(_mechanisms(tables, untrained))]
    rows = pd.concat([frame for frame in frames if len(frame)] or [pd.DataFrame(columns=list(COLUMNS))])
    rows["rests"] = [name in rests for name in condition_names(rows)]
    rows["depth"] = [depth_of(hidden) for hidden in rows["hidden"]]
    # Text and whole numbers, so that a result that was written and read again is the same.
    rows = rows.astype(COLUMNS)
    order = {name: k for k, name in enumerate(dict.fromkeys(condition_names(tables["success"])))}
    place = pd.Series([order.get(name, len(order)) for name in condition_names(rows)], index=rows.index)
    return (
        rows.assign(_place=place).sort_values("_place", kind="stable")[list(COLUMNS)].reset_index(drop=True)
    )


def condition_rows(tables: Tables, rests: Collection[str] = ()) -> pd.DataFrame:
    """One row per condition: how many networks solved the task, and whether verdicts rest on it."""
    frame = tables["success"].copy()
    frame["depth"] = pd.array([depth_of(hidden) for hidden in frame["hidden"]], dtype="Int64")
    frame["rests"] = [name in rests for name in condition_names(frame)]
    return frame[list(CONDITIONS)].reset_index(drop=True)


def condition_names(frame: pd.DataFrame) -> list[str]:
    """Task, hidden sizes and regimen of every row as one text.

    Examples:
        >>> condition_names(pd.DataFrame({"task": ["minimum"], "hidden": ["3"], "regimen": ["adam"]}))
        ['minimum/3/adam']
    """
    return [f"{t}/{h}/{r}" for t, h, r in zip(frame["task"], frame["hidden"], frame["regimen"], strict=True)]


def depth_of(hidden: object) -> int:
    """How many hidden layers a text of sizes names.

    Examples:
        >>> depth_of("3"), depth_of("6-3"), depth_of("")
        (1, 2, 0)
    """
    return len([size for size in str(hidden).split("-") if size])


_MECHANISMS = (
    "kind", "task", "hidden", "width", "regimen", "name", "on", "found", "n", "untrained_found", "untrained_n",
    "trained", "forced", "forced_below", "apart", "uncertified",
)  # fmt: skip


def _features(prevalence: pd.DataFrame) -> pd.DataFrame:
    oriented = prevalence["oriented"].fillna(False).astype(bool)
    return prevalence.assign(
        kind=["orientation" if o else "feature" for o in oriented],
        name=prevalence["feature"],
        null=prevalence["untrained_value"],
        null_found=prevalence["untrained_found"],
        null_n=prevalence["untrained_n"],
    )


def _mechanisms(tables: Tables, untrained: Untrained) -> pd.DataFrame:
    """Counts of circuits and gauges, condition by condition."""
    networks, circuits, census = tables["networks"], tables["circuits"], tables["census"]
    solved = set(networks["network"][(networks["population"] == "trained") & networks["solved"].astype(bool)])
    read = tables["programs"]
    read = read[read["network"].isin(solved)]
    held = circuits[circuits["network"].isin(solved)]
    rows: list[dict[str, object]] = []
    names = ("task", "hidden", "width", "regimen")
    success = tables["success"]
    failures = success["n"] - success["solved"]
    for *values, failed in zip(*(success[name] for name in names), failures, strict=True):
        about: dict[str, object] = dict(zip(names, map(str, values), strict=True))
        keys = (str(values[0]), str(values[1]), str(values[3]))
        n = int(_at(read, keys).sum())
        counts = Counter(
            name
            for name, _ in set(zip(*(held[_at(held, keys)][c] for c in ("circuit", "network")), strict=True))
        )
        beside, looked_at = untrained.get(keys, (Counter(), 0))
        expected = tasks[keys[0]].circuits if keys[0] in tasks else ()
        for name in sorted({*counts, *expected}, key=lambda name: (-counts[name], name)):
            null = (beside[name], looked_at) if looked_at else (None, None)
            numbers: dict[str, object] = {"found": counts[name], "n": n, "trained": n + int(failed)}
            numbers |= {"untrained_found": null[0], "untrained_n": null[1]}
            own = is_own_circuit(keys[0], name)
            rows.append({"kind": "circuit", **about, "name": name, "on": "", **numbers, "forced": own})
        for gauge in census[_at(census, keys) & (census["level"] == "gauge").to_numpy()].to_dict("records"):
            # Networks whose sizes leave no other gauge are no evidence about it.
            numbers = {"found": gauge["evidence_found"], "n": gauge["evidence_n"]}
            numbers["trained"] = int(gauge["evidence_n"]) + int(failed)
            numbers |= {name: gauge[name] for name in ("forced", "forced_below", "apart", "uncertified")}
            numbers |= {"untrained_found": None, "untrained_n": None}
            rows.append({"kind": "gauge", **about, "name": gauge["name"], "on": "", **numbers})
    return pd.DataFrame(rows, columns=[*_MECHANISMS])


def _at(frame: pd.DataFrame, keys: tuple[str, str, str]) -> pd.Series:
    """Which rows belong to the condition (task, hidden, regimen)."""
    same = pd.Series(True, index=frame.index)
    for name, key in zip(("task", "hidden", "regimen"), keys, strict=True):
        same &= (frame[name] == key).fillna(False).astype(bool)
    return same


def _judged(counts: pd.DataFrame) -> pd.DataFrame:
    if counts.empty:
        return counts
    table = with_left_out(verdict_table(counts.assign(forced=counts["forced"].fillna(False).astype(bool))))
    # A gauge is counted among networks that all compute the function: nothing untrained to hold it against.
    own = table["kind"] == "gauge"
    table.loc[own, "reason"] = table.loc[own, "reason"].str.replace(
        "; no untrained networks to compare with", ""
    )
    null = [
        f / n if n is not None and not pd.isna(n) and n else float("nan")
        for f, n in zip(table["untrained_found"], table["untrained_n"], strict=True)
    ]
    return table.assign(null=null, null_found=table["untrained_found"], null_n=table["untrained_n"])


#: The ladder's kinds in words.
_SIDES = {
    "seeds": "the seeds of one condition",
    "widths": "two widths",
    "regimens": "two regimens",
    "both": "two regimens at two widths",
    "tasks": "two tasks",
}


def sentences(rows: pd.DataFrame, conditions: pd.DataFrame, ladder: pd.DataFrame) -> tuple[str, ...]:
    """What came out, in plain sentences: of the conditions that verdicts rest on, or of all where none does.

    Behind a task stands in how many of its conditions (sizes and regimens) something has the verdict.
    """
    known = rows[rows["rests"]] if rows["rests"].any() else rows
    lines = []
    if len(conditions):
        total, solved = int(conditions["n"].sum()), int(conditions["solved"].sum())
        names = conditions["task"].nunique()
        lines.append(
            f"{solved} of {total} networks solved their task ({names} tasks, {len(conditions)} conditions)."
        )
    for kind, plural in (("feature", "features"), ("circuit", "circuits"), ("gauge", "gauges")):
        part = known[known["kind"] == kind]
        if not len(part):
            continue
        counts = Counter(part["verdict"])
        shares = ", ".join(
            f"{number} {name}" for name, number in sorted(counts.items(), key=lambda i: (-i[1], i[0]))
        )
        lines.append(f"Verdicts on {plural} by task, size and regimen: {shares}.")
        for verdict in ("universal", "forced"):
            found = part[part["verdict"] == verdict]
            if len(found):
                lines.append(f"{verdict.capitalize()} {plural}: {_listed(found, known)}.")
    if len(ladder):
        last = ladder[ladder["stops"].fillna(False).astype(bool)]
        for kind, words in _SIDES.items():
            own = ladder[ladder["kind"] == kind]
            pairs = len(own.drop_duplicates([c for c in own.columns if c.endswith(("_a", "_b"))]))
            if not pairs:
                continue
            stops = Counter(last[last["kind"] == kind]["rung"])
            whole = pairs - sum(stops.values())
            sides = [name for name in own.columns if name.endswith(("_a", "_b"))]
            implied = len(own[own["follows"].fillna("") != ""].drop_duplicates(sides)) if whole else 0
            where = [f"{whole} never"] if whole else []
            if implied:
                where[0] += f" ({implied} where the function leaves one circuit at that size)"
            where += [f"{number} at {rung}" for rung, number in sorted(stops.items(), key=lambda i: -i[1])]
            lines.append(f"The ladder between {words} ({pairs}) stops: {', '.join(where)}.")
    return tuple(lines)


def sweep_sentences(sweep: pd.DataFrame, ladder: pd.DataFrame) -> tuple[str, ...]:
    """How far the ladder's conclusions hold at other cut-offs: how many change at which, and the first that do."""
    if not len(ladder):
        return ()
    sides = [name for name in ladder.columns if name.endswith(("_a", "_b"))]
    if not len(sweep):
        return (f"No verdict of the ladder's {len(ladder)} rungs changes with its cut-offs.",)
    changing = len(sweep.drop_duplicates([*sides, "rung"]))
    lines = [f"{changing} of the ladder's {len(ladder)} rungs change their verdict at some other cut-off:"]
    for (name, usual, tried), own in sweep.groupby(["cutoff", "usual", "tried"], sort=False):
        kinds = Counter(f"{was} to {now}" for was, now in zip(own["verdict"], own["becomes"], strict=True))
        counts = _joined(
            f"{count} from {words}" for words, count in sorted(kinds.items(), key=lambda i: -i[1])
        )
        lines.append(f"  {name} {tried:.2g} in place of {usual:.2g}: {counts}.")
    turned = sweep[sweep[["verdict", "becomes"]].isin(["same", "different"]).all(axis=1)]
    if len(turned):
        where = [
            f"{row['rung']} of {row['task_a']}/{row['hidden_a']}/{row['regimen_a']} and "
            f"{row['task_b']}/{row['hidden_b']}/{row['regimen_b']}"
            for row in turned.drop_duplicates([*sides, "rung"]).to_dict("records")
        ]
        more = f" and {len(where) - _NAMES} more" if len(where) > _NAMES else ""
        lines.append(
            f"  Turned from the one to the other of same and different: {'; '.join(where[:_NAMES])}{more}."
        )
    return tuple(lines)


#: More names than this make a sentence a list.
_NAMES = 8


def _listed(found: pd.DataFrame, known: pd.DataFrame) -> str:
    """Names with the tasks that they have this verdict in, and in how many of a task's conditions."""
    conditions = Counter(
        task for task, _, _ in set(zip(known["task"], known["hidden"], known["regimen"], strict=True))
    )
    by_name: dict[str, Counter[str]] = {}
    for name, on, task in zip(found["name"], found["on"], found["task"], strict=True):
        by_name.setdefault(f"{name}({on})" if on else str(name), Counter())[str(task)] += 1
    parts = [
        f"{name} in {_joined(f'{task} ({count} of {conditions[task]})' for task, count in where.items())}"
        for name, where in by_name.items()
    ]
    more = f"; and {len(parts) - _NAMES} more" if len(parts) > _NAMES else ""
    return "; ".join(parts[:_NAMES]) + more


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
