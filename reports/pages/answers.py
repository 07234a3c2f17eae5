"""Answers: what a study says to the questions on universality, each in a sentence that leads to its rows."""

from __future__ import annotations

import pandas as pd

from mathcircuits.detect import verdict_table

from ..studies.schema import Tables
from ..wording import counted, joined, labelled, number, percent, thousands
from .selections import CELL, in_order, rows_of, strongest
from .sentences import Finding, by_condition, cell_of, fullest, share_of
from .universality import LADDER, circuit_shares, emergence_steps, ladder_stops, transplant_pairs

#: Osier's minimum circuit as the census names it, and the task that it is for.
_OSIER, _OSIERS_TASK = "x1 - relu(x1 - x2)", "minimum"
#: More rows than these make a sentence a list; the rows that it links to have the rest.
_NAMED = 4


def universal_findings(tables: Tables) -> list[Finding]:
    """The answers on universality that the tables can give.

    Examples:
        >>> universal_findings({})
        []
    """
    return [
        *_signs(tables),
        *_orientation(tables),
        *_osier(tables),
        *_reuse(tables),
        *_parts(tables),
        *_ladder(tables),
        *_contrast(tables),
        *_transplants(tables),
        *_emergence(tables),
    ]


def _signs(tables: Tables) -> list[Finding]:
    """Are positiveness and negativeness universal, or merely forced?"""
    found = []
    for feature in ("positiveness", "negativeness"):
        own = _of_feature(rows_of(tables, "prevalence"), feature)
        if own.empty:
            continue
        parts = []
        forced = own[own["verdict"] == "forced"]
        if len(forced):
            # The same feature may be open in a wider network of the same task: the widths keep the two apart.
            sizes = forced.groupby("task", sort=False)["hidden"].agg(
                lambda column: joined(dict.fromkeys(column))
            )
            names = joined(f"{task} with {hidden} hidden neurons" for task, hidden in sizes.items())
            beside = forced["untrained_value"].max()
            null = (
                "" if pd.isna(beside) else f" (untrained networks have it in up to {percent(float(beside))})"
            )
            parts.append(f"forced (no network of that size can do without it) in {names}{null}")
        free = fullest(own[own["verdict"] != "forced"])
        free = free[free["found"] > 0]
        said = [
            f"{row['verdict']} in {row['task']} ({cell_of(row)}: {share_of(row)})"
            for row in free.head(_NAMED).to_dict("records")
        ]
        said += [f"{len(free) - _NAMED} more"] if len(free) > _NAMED else []
        parts += [joined(said)] if said else []
        if parts:
            head = feature.capitalize()
            text = f"{head} is {'; it is '.join(parts)}."
            found.append(Finding(head, text, "prevalence", feature))
    return found


def _of_feature(prevalence: pd.DataFrame, feature: str) -> pd.DataFrame:
    """A feature's rows up to the tasks' symmetries; its own where it is only a mirror image of what stands for it."""
    rows = (
        prevalence[(prevalence["feature"] == feature) & (prevalence["n"] > 0)]
        if len(prevalence)
        else prevalence
    )
    if rows.empty:
        return rows
    whole = strongest(rows)
    mirrored = rows[~rows["task"].isin(set(whole["task"]))]
    return pd.concat([whole, strongest(mirrored.assign(oriented=False))])


def _orientation(tables: Tables) -> list[Finding]:
    """Is greaterness universal, and in which orientation?"""
    rows = rows_of(tables, "prevalence", feature="greaterness")
    rows = rows[rows["n"] > 0] if len(rows) else rows
    if rows.empty:
        return []
    oriented = rows["oriented"].astype(bool)
    parts = []
    whole = fullest(strongest(rows))
    for row in whole[whole["found"] > 0].head(_NAMED).to_dict("records"):
        text = (
            f"in {row['task']} ({cell_of(row)}) it is {row['verdict']} up to the symmetries ({share_of(row)})"
        )
        same = (rows[["task", *CELL]] == [row["task"], *(row[name] for name in CELL)]).all(axis=1)
        sides = rows[oriented & same].sort_values("found", ascending=False, kind="stable")
        if len(sides) > 1:
            said = [
                f"{labelled('greaterness', side['on'])} {side['verdict']} ({share_of(side)})"
                for side in sides.head(2).to_dict("records")
            ]
            text += f", oriented: {joined(said)}"
        parts.append(text)
    if not parts:
        return []
    text = "; ".join(parts)
    text = f"Greaterness: {text}."
    return [Finding("Greaterness", text, "prevalence", "greaterness")]


def _osier(tables: Tables) -> list[Finding]:
    """Which gauge of the minimum, at which width and regimen?"""
    census = rows_of(tables, "census", task=_OSIERS_TASK, level="gauge")
    if census.empty:
        return []
    census = in_order(census)
    cells = census.drop_duplicates(CELL)
    own = census[census["name"] == _OSIER]
    counted = own[[*CELL, "evidence_found", "evidence_n", "forced"]]
    counts = cells[[*CELL, "n"]].merge(counted, how="left", on=CELL)
    counts["n"] = counts["evidence_n"].fillna(counts["n"]).astype(int)
    counts["found"] = counts["evidence_found"].fillna(0).astype(int)
    forced = counts["forced"].astype("boolean").fillna(False).astype(bool)
    judged = verdict_table(counts.assign(n=counts["n"].astype(int), forced=forced))
    parts = []
    for name in dict.fromkeys(judged["verdict"]):
        part = judged[judged["verdict"] == name]
        said = by_condition(part.head(_NAMED))
        if len(part) > _NAMED:
            said += f" and {len(part) - _NAMED} more"
        why = " (so few neurons allow no other)" if name == "forced" else ""
        parts.append(f"{name}{why} with {said}")
    others = census[census["name"] != _OSIER].sort_values("found", ascending=False, kind="stable")
    text = f"Osier's circuit, {_OSIER} or its mirror image, in networks that solved the minimum: {'. '.join(parts)}."
    if len(others):
        row = others.iloc[0].to_dict()
        text += f" The most frequent other form is {row['name']}, with {cell_of(row)} ({share_of(row)})."
    return [Finding("Osier's minimum", text, "census", f"{_OSIERS_TASK} gauge")]


def _reuse(tables: Tables) -> list[Finding]:
    """In which tasks is each feature reused?"""
    rows = strongest(rows_of(tables, "prevalence"))
    if rows.empty:
        return []
    rows = rows[(rows["n"] > 0) & rows["verdict"].isin(["universal", "forced", "partial"])]
    tasks = {
        str(feature): list(dict.fromkeys(part["task"]))
        for feature, part in rows.groupby("feature", sort=False)
    }
    shared = {feature: names for feature, names in tasks.items() if len(names) > 1}
    if not shared:
        return []
    ordered = sorted(shared.items(), key=lambda item: -len(item[1]))
    said = [f"{feature} in {joined(map(str, names))}" for feature, names in ordered[:_NAMED]]
    text = f"More than one task uses (beyond what chance shows, or because it must): {'; '.join(said)}."
    return [Finding("Reused", text, "prevalence", ordered[0][0])]


def _parts(tables: Tables) -> list[Finding]:
    """Which circuits are parts of other tasks' networks?"""
    rows = circuit_shares(tables)
    rows = rows[rows["circuit"] != rows["task"]] if len(rows) else rows
    if rows.empty:
        return []
    ordered = rows.sort_values("found", ascending=False, kind="stable")
    said = [
        f"{row['circuit']} in {row['task']} ({share_of(row)})"
        for row in ordered.head(_NAMED).to_dict("records")
    ]
    return [Finding("Circuits reused", f"As parts of other functions: {joined(said)}.", "circuit-shares")]


def _ladder(tables: Tables) -> list[Finding]:
    """Where does the ladder stop?"""
    stops = ladder_stops(tables)
    if stops.empty:
        return []
    words = {
        "tasks": "Between tasks",
        "seeds": "among the seeds of one condition",
        "widths": "between widths",
        "regimens": "between regimens",
    }
    parts = []
    for kind, who in words.items():
        part = stops[stops["kind"] == kind]
        if part.empty:
            continue
        through, implied = int((part["rung"] == "").sum()), int(part["implied"].sum())
        said = [f"{thousands(through)} of {thousands(len(part))} reach the end"] if through else []
        if implied:
            said[0] += f" ({thousands(implied)} since at that size the function leaves one circuit)"
        for rung in LADDER:
            here = part[part["rung"] == rung]
            if len(here):
                verdicts = here["verdict"].value_counts()
                why = joined(f"{count} {verdict}" for verdict, count in verdicts.items())
                said.append(f"{len(here)} of {len(part)} stop at {rung} ({why})")
        parts.append(f"{who} {joined(said)}")
    text = "; ".join(parts)
    return [Finding("The ladder", f"{text[:1].upper()}{text[1:]}.", "ladder", "yes")] if parts else []


def _contrast(tables: Tables) -> list[Finding]:
    """Are networks of one task more alike than networks of two?"""
    rows = rows_of(tables, "contrasts")
    if rows.empty:
        return []
    parts = []
    trained = rows[rows["population"] == "trained"].sort_values("effect", ascending=False, kind="stable")
    for row in trained.drop_duplicates("rung").to_dict("records"):
        beside = rows[
            (rows["population"] == "untrained")
            & (rows["rung"] == row["rung"])
            & (rows["inputs"] == row["inputs"])
        ]
        null = f"; untrained {number(float(beside.iloc[0]['effect']))}" if len(beside) else ""
        # Two networks of a task show no spread, and so give no interval.
        known = pd.notna(row["low"])
        interval = f", {number(float(row['low']))} to {number(float(row['high']))}" if known else ""
        parts.append(
            f"by {row['rung']} {number(float(row['within']))} against {number(float(row['across']))} (difference "
            f"{number(float(row['effect']))}{interval}, p = {number(float(row['p']))}{null})"
        )
    if not parts:
        return []
    text = f"Networks of one task against networks of two, where they differ most: {joined(parts)}."
    return [Finding("Within and across", text, "contrasts")]


def _transplants(tables: Tables) -> list[Finding]:
    """Can features be exchanged between tasks?"""
    rows = transplant_pairs(tables)
    done = rows[rows["accuracy"].notna() & (rows["task_a"] != rows["task_b"])] if len(rows) else rows
    if done.empty:
        return []
    # 0.99: what is left is a hundredth of the output's variance, less than any used neuron carries.
    whole = done[done["accuracy"] >= 0.99]
    # A decoy may do worse than nothing: then it restores nothing.
    decoy = max(float(done["decoy"].median()), 0.0)
    text = (
        f"Of {counted(len(done), 'transplant')} between tasks that both hold the feature, {thousands(len(whole))} "
        f"restore at least 99% of the recipient's output; decoys restore {percent(decoy)} in the median."
    )
    names = list(dict.fromkeys(str(feature) for feature in whole["feature"]))
    if names:
        text += f" Interchangeable: {joined(names[:_NAMED])}."
    return [Finding("Transplants", text, "transplants", "tasks")]


def _emergence(tables: Tables) -> list[Finding]:
    """When do features appear?"""
    rows = emergence_steps(tables)
    rows = rows[rows["held"] > 0] if len(rows) else rows
    if rows.empty:
        return []
    before = rows[rows["before"] == rows["held"]]
    later = rows.assign(n=rows["seeds"])[rows["before"] < rows["held"]]
    parts = []
    if len(before):
        names = dict.fromkeys(f"{f} in {t}" for f, t in zip(before["feature"], before["task"], strict=True))
        parts.append(
            f"there before the first step, in every network that ends with it: {joined([*names][:_NAMED])}"
        )
    if len(later):
        said = [
            f"{labelled(row['feature'], row['on'])} in {row['task']} since step {thousands(int(row['step']))} "
            f"({int(row['held'])} of {int(row['seeds'])}, {cell_of(row)})"
            for row in later.sort_values("seeds", ascending=False, kind="stable")
            .drop_duplicates(["task", "feature"])
            .head(_NAMED)
            .to_dict("records")
        ]
        parts.append(f"learned, in the median: {joined(said)}")
    text = "; ".join(parts)
    return [Finding("Emergence", f"{text[:1].upper()}{text[1:]}.", "emergence-table")]
