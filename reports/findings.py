"""Findings: the page's summary in plain sentences, each computed from the tables and pointing to its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from .palette import VERDICTS
from .selections import (
    Tables,
    derived_share,
    missing_features,
    rows_of,
    similarity_summary,
    strongest,
)
from .wording import cell_name, counted, joined, labelled, percent, thousands

#: More names than this make a sentence a list; the rows that it links to have the rest.
_NAMES = 5


@dataclass(frozen=True)
class Finding:
    """One sentence of the summary.

    Attributes:
        head: what it is about, in a word or two.
        text: the sentence.
        target: the id of the table that holds its rows.
        filter: what to write into that table's filter to see them, or "".

    Examples:
        >>> Finding("Trained", "3 of 4 networks solved their task.", "success").filter
        ''
    """

    head: str
    text: str
    target: str
    filter: str = ""


def findings(tables: Tables) -> list[Finding]:
    """The summary of a study, from what was trained to what is still open; only what its tables say.

    Examples:
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
        >>> frame = pd.DataFrame([{**row, "value": 0.75, "low": 0.19, "high": 0.99}])
        >>> findings({"success": frame})[0].text
        '4 networks were trained on 1 task, with 1 regimen; 3 of them (75%) solved it.'
    """
    return [
        *_trained(tables),
        *_derived(tables),
        *_failed(tables),
        *_verdicts(tables),
        *_evidence(tables),
        *_ensembles(tables),
        *_similarity(tables),
    ]


def _trained(tables: Tables) -> list[Finding]:
    success = rows_of(tables, "success")
    if success.empty:
        return [Finding("Nothing yet", "This study has no trained networks yet.", "networks")]
    n, solved = int(success["n"].sum()), int(success["solved"].sum())
    names, regimens = success["task"].nunique(), success["regimen"].nunique()
    text = (
        f"{counted(n, 'network')} {'was' if n == 1 else 'were'} trained on {counted(names, 'task')}, with "
        f"{counted(regimens, 'regimen')}; {thousands(solved)} of them ({percent(solved / n) if n else '–'}) "
        f"solved {'theirs' if names > 1 else 'it'}."
    )
    by_task = success.groupby("task", sort=False)[["n", "solved"]].sum()
    never = [str(task) for task, row in by_task.iterrows() if row["n"] and not row["solved"]]
    if never:
        text += f" None solved {joined(never, 'or')}."
    found = [Finding("Trained", text, "success")]
    if len(success) > 1:
        ordered = success.dropna(subset=["value"]).sort_values("value", kind="stable")
        worst, best = ordered.iloc[0], ordered.iloc[-1]
        if best["value"] > worst["value"]:
            ends = " to ".join(
                f"{percent(float(row['value']))} ({row['task']}, {row['hidden']} hidden, {row['regimen']})"
                for row in (worst, best)
            )
            found.append(Finding("Seeds", f"The share of seeds that succeed runs from {ends}.", "success"))
    return found


def _derived(tables: Tables) -> list[Finding]:
    share = derived_share(tables)
    if share.empty:
        return []
    held, neurons = int(share["held"].sum()), int(share["neurons"].sum())
    text = (
        f"In solved networks of the smallest width, {thousands(held)} of {counted(neurons, 'neuron')} "
        f"({percent(held / neurons)}) carry a feature that was derived by hand for their task."
    )
    return [Finding("As derived", text, "derived")]


def _failed(tables: Tables) -> list[Finding]:
    missing = missing_features(tables)
    if missing.empty:
        return []
    summed = missing.groupby(["task", "feature"], sort=False)[["networks"]].sum().reset_index()
    most = summed.sort_values("networks", kind="stable").iloc[-1]
    task, count = str(most["task"]), int(most["networks"])
    rows = rows_of(tables, "networks", task=task, population="trained")
    failed = int((~rows["solved"].astype(bool)).sum())
    text = (
        f"What a failed network lacks is most often {most['feature']}: absent from {thousands(count)} of "
        f"the {counted(failed, 'network')} that failed at {task}."
    )
    return [Finding("Failed", text, "missing", task)]


def _verdicts(tables: Tables) -> list[Finding]:
    rows = strongest(rows_of(tables, "prevalence"))
    if rows.empty:
        return []
    # Where no network solved the task there is nothing to judge, not even what the function forces.
    rows = rows[rows["n"] > 0]
    said = {
        "universal": "In nearly every network that solves the task, and not in untrained ones",
        "forced": "Without these the function cannot be computed, so finding them is arithmetic",
        "partial": "In some solved networks and not in others",
        "vacuous": "As common in untrained networks, so no evidence of learning",
    }
    found = []
    for name, words in said.items():
        chosen = rows[rows["verdict"] == name]
        if len(chosen):
            found.append(Finding(name.capitalize(), f"{words}: {_names(chosen)}.", "prevalence", name))
    open_ = rows[(rows["verdict"] == "inconclusive") & (rows["found"] > 0)]
    if len(open_):
        found.append(Finding("Inconclusive", _inconclusive(open_), "prevalence", "inconclusive"))
    return found


def _names(rows: pd.DataFrame) -> str:
    """Feature and task of the rows, each pair once with its networks over the cells; a few by name."""
    pairs = rows.groupby(["feature", "task"], sort=False)[["found", "n"]].sum().reset_index()
    texts = [
        f"{row['feature']} in {row['task']} ({thousands(int(row['found']))} of {thousands(int(row['n']))})"
        for row in pairs.to_dict("records")
    ]
    more = len(texts) - _NAMES
    return joined([*texts[:_NAMES], f"{more} more"] if more > 0 else texts)


def _inconclusive(rows: pd.DataFrame) -> str:
    """How many verdicts are open, and what the nearest one needs."""
    count = counted(len(rows), "verdict is", "verdicts are")
    text = f"{count} open for want of solved networks"
    wanted = []
    for row in rows.to_dict("records"):
        # The reason of an open verdict says how many networks it takes: "31 solved, needs 72".
        needs = re.search(r"needs ([\d ]+)", str(row["reason"]))
        if needs:
            wanted.append((int(needs[1].replace(" ", "")) - int(row["n"]), row))
    wanted = [pair for pair in wanted if pair[0] > 0]
    if not wanted:
        return text + "."
    more, nearest = min(wanted, key=lambda pair: pair[0])
    name = labelled(nearest["feature"], nearest["on"])
    where = cell_name(nearest["hidden"], nearest["width"], nearest["regimen"])
    return (
        f"{text}. The nearest, {name} in {nearest['task']} ({where}), needs "
        f"{counted(more, 'more solved network')}: {nearest['reason']}."
    )


def _evidence(tables: Tables) -> list[Finding]:
    neurons = rows_of(tables, "neurons", population="trained")
    networks = rows_of(tables, "networks", population="trained")
    if neurons.empty or networks.empty:
        return []
    solved = set(networks[networks["solved"].astype(bool)]["network"])
    used = neurons[neurons["network"].isin(solved) & neurons["used"].fillna(False).astype(bool)]
    if used.empty:
        return []
    shares = used["status"].value_counts(normalize=True)
    words = {
        "matched": "match a feature more closely than untrained neurons would",
        "vacuous": "bear a label that an untrained network earns as easily, which proves nothing",
        "unmatched": "match nothing closely enough to tell",
    }
    parts = [f"{percent(float(shares[s]))} {text}" for s, text in words.items() if s in shares]
    if not parts:
        return []
    text = (
        f"Of the {thousands(len(used))} neurons that solved networks use, one at a time, {'; '.join(parts)}."
    )
    return [Finding("Evidence", text, "statuses")]


def _ensembles(tables: Tables) -> list[Finding]:
    ensembles = rows_of(tables, "ensembles")
    if ensembles.empty:
        return []
    # The rate at which the project declares matches (design, section 5.2).
    sure = int((ensembles["q"] <= 0.05).sum())
    count = counted(len(ensembles), "pair of feature and cell", "pairs of feature and cell")
    text = (
        f"Taken over all seeds together, {thousands(sure)} of {count} recur more often than chance allows "
        "(false discovery rate 5%)."
    )
    return [Finding("Recurrence", text, "ensembles")]


def _similarity(tables: Tables) -> list[Finding]:
    summary = similarity_summary(rows_of(tables, "similarity"))
    parts = []
    for measure, words in (("correlation_matching", "neuron by neuron"), ("cka", "as whole layers")):
        rows = summary[(summary["measure"] == measure) & summary["mean"].notna()]
        beside = rows[rows["untrained_mean"].notna()]
        if len(beside):
            above = int((beside["mean"] > beside["untrained_mean"]).sum())
            parts.append(
                f"{words} in {above} of {counted(len(beside), 'cell')} (on average "
                f"{beside['mean'].mean():.2f} against {beside['untrained_mean'].mean():.2f})"
            )
    if not parts:
        return []
    text = f"Solved networks resemble each other more than untrained ones do {joined(parts)}."
    return [Finding("Alike", text, "similarity")]


def verdict_legend() -> list[tuple[str, str, str, str]]:
    """Name, letter, colour and meaning of each verdict, for the page's legend.

    Examples:
        >>> verdict_legend()[0][:2]
        ('universal', 'U')
    """
    return [(name, mark.letter, mark.colour.css, mark.meaning) for name, mark in VERDICTS.items()]
