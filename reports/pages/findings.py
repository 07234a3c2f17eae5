"""Findings: the page's summary in plain sentences, each computed from the tables and pointing to its rows."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from ..plots.palette import VERDICTS
from ..studies.schema import Tables
from ..wording import at_most, cell_name, counted, joined, labelled, percent, thousands
from .answers import universal_findings
from .mechanisms import formula_summary, kink_summary, rank_sentence, solved_programs, superposition_summary
from .regimenanswers import regimen_findings
from .selections import (
    derived_share,
    directions_summary,
    missing_features,
    rows_of,
    similarity_summary,
    status_counts,
    strongest,
)
from .sentences import Finding

#: More names than this make a sentence a list; the rows that it links to have the rest.
_NAMES = 5
#: The kink criterion is passed from here on; where lazy networks reach it too, it does not tell.
_LAZY = 0.99
#: What a newcomer reads first: what was done, what came out, what is universal, how sure it is.
_LEAD = frozenset(
    {
        "Nothing yet", "Trained", "Formulas", "Ways", "Least width", "Why they fail", "Positiveness", "Negativeness",
        "Greaterness", "Osier's minimum", "Reused", "The ladder", "Universal", "Partial", "Recurrence",
    }
)  # fmt: skip


def findings(tables: Tables) -> list[Finding]:
    """The summary of a study, from what was trained to what is still open; only what its tables say.

    Examples:
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
        >>> frame = pd.DataFrame([{**row, "value": 0.75, "low": 0.19, "high": 0.99}])
        >>> findings({"success": frame})[0].text
        '4 networks were trained on 1 task, with 1 regimen; 3 of them (75%) solved it.'
    """
    found = [
        *_trained(tables),
        *_formulas(tables),
        *_ways(tables),
        *regimen_findings(tables),
        *universal_findings(tables),
        *_verdicts(tables),
        *_mechanisms(tables),
        *_ensembles(tables),
        *_derived(tables),
        *_failed(tables),
        *_evidence(tables),
        *_kinks(tables),
        *_readouts(tables),
        *_ranks(tables),
        *_candidates(tables),
        *_similarity(tables),
    ]
    return [replace(finding, lead=finding.head in _LEAD) for finding in found]


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


def _formulas(tables: Tables) -> list[Finding]:
    summary = formula_summary(tables)
    if summary.empty:
        return []
    n, exact = int(summary["networks"].sum()), int(summary["exact"].sum())
    which = "All" if exact == n else f"{thousands(exact)} of"
    text = (
        f"{which} {counted(n, 'solved network')} {'has' if n == 1 else 'have'} the task's own formula once its "
        "constants are rounded"
    )
    worst = solved_programs(tables)
    worst = worst[worst["equals_task"].fillna(False).astype(bool)]
    off = at_most(float(worst["spec_upper"].max())) if exact else ""
    text += f"; the networks themselves are off the task by at most {off} (proved)." if exact else "."
    without = n - int(summary["formulas"].sum())
    if without:
        text += f" For {thousands(without)} no formula within 0.5% of the output's range is simpler than the weights."
    other = n - exact - without
    if other:
        text += f" {thousands(other)} {'has' if other == 1 else 'have'} another formula."
    return [Finding("Formulas", text, "formulas")]


def _ways(tables: Tables) -> list[Finding]:
    census = rows_of(tables, "census", level="gauge")
    if census.empty:
        return []
    ways = census.groupby(["task", "name"], sort=False)["found"].sum().reset_index()
    several = ways.groupby("task", sort=False).agg(ways=("name", "size"), n=("found", "sum"))
    many = several[several["ways"] > 1].sort_values("ways", ascending=False, kind="stable")
    if many.empty:
        text = f"Every solved network of {counted(len(several), 'task')} computes it in the same way."
        return [Finding("Ways", text, "census", "gauge")]
    task = str(many.index[0])
    best = ways[ways["task"] == task].sort_values("found", ascending=False, kind="stable").iloc[0]
    text = (
        f"One function, several ways: in {counted(len(many), 'task')} of {len(several)} the seeds compute the same "
        f"function differently. For {task} there are {int(many.iloc[0]['ways'])} ways, the most frequent being "
        f"{best['name']} ({thousands(int(best['found']))} of {thousands(int(many.iloc[0]['n']))})."
    )
    return [Finding("Ways", text, "census", "gauge")]


def _kinks(tables: Tables) -> list[Finding]:
    summary = kink_summary(tables)
    if summary.empty:
        return []
    # Where lazy networks pass as well, the criterion cannot tell.
    told = summary[summary["lazy"] < _LAZY]
    silent = [str(task) for task in dict.fromkeys(summary["task"]) if task not in set(told["task"])]
    parts = []
    if len(told):
        passed, n = int(told["passed"].sum()), int(told["networks"].sum())
        parts.append(
            f"In {thousands(passed)} of {counted(n, 'solved network')} of {joined(dict.fromkeys(told['task']))} the "
            "kinks with a name alone make at least 99% of the bend; lazy networks, with a random hidden layer, do not."
        )
    if silent:
        parts.append(f"For {joined(silent)} lazy networks do as well, so that nothing can be told.")
    return [Finding("Kinks", " ".join(parts), "kinks")]


def _readouts(tables: Tables) -> list[Finding]:
    summary = directions_summary(tables)
    if summary.empty:
        return []
    tested = summary[summary["task"].isin(set(summary["task"][summary["kind"] == "needed"]))]
    if tested.empty:
        return []
    parts = []
    # The rows are in the order of their widths.
    sizes = tested.groupby("task", sort=False)["hidden"]
    for words, hidden in (("narrowest", sizes.first()), ("widest", sizes.last())):
        ends = hidden.reset_index()
        cells = tested.merge(ends, on=["task", "hidden"])
        said = cells.groupby("kind")[["readable", "tested"]].sum()
        share = {kind: percent(int(row["readable"]) / int(row["tested"])) for kind, row in said.iterrows()}
        parts.append(f"{share.get('needed', '–')} and {share.get('control', '–')} in the {words} layers")
    names = joined(dict.fromkeys(str(task) for task in tested["task"]))
    text = f"Of the features that the task needs, and of controls ({names}), can be read: {joined(parts)}."
    return [Finding("Directions", text, "directions")]


def _ranks(tables: Tables) -> list[Finding]:
    sentence = rank_sentence(superposition_summary(tables))
    return [Finding("Superposition", sentence, "superposition")] if sentence else []


def _candidates(tables: Tables) -> list[Finding]:
    rows = rows_of(tables, "candidates")
    if rows.empty:
        return []
    first = rows.sort_values("found", ascending=False, kind="stable").iloc[0]
    text = (
        f"{counted(len(rows), 'circuit recurs', 'circuits recur')} without a name; the most frequent, "
        f"{first['formula']}, in {thousands(int(first['found']))} of {thousands(int(first['n']))} networks of "
        f"{first['task']}."
    )
    return [Finding("Unnamed", text, "candidates")]


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
    both = "taught_n" in rows and bool(rows["taught_n"].notna().any())
    others = "untrained ones or in networks taught something else" if both else "untrained ones"
    said = {
        "universal": f"In nearly every network that solves the task, and not in {others}",
        "forced": "Without these the function cannot be computed, so finding them is arithmetic",
        "selected": "Far more common than the function requires, as a bias named beforehand predicts",
        "partial": "In some solved networks and not in others",
        "free": "As common as the function alone leaves it",
        "vacuous": f"As common in {'networks that did not learn the task' if both else 'untrained networks'}, so no "
        "evidence of learning" + " it" * both,
    }
    found = []
    for name, words in said.items():
        chosen = rows[rows["verdict"] == name]
        if len(chosen):
            apart = f" {_apart(chosen)}" if name == "forced" else ""
            found.append(Finding(name.capitalize(), f"{words}: {_names(chosen)}.{apart}", "prevalence", name))
    open_ = rows[(rows["verdict"] == "inconclusive") & (rows["found"] > 0)]
    if len(open_):
        found.append(Finding("Inconclusive", _inconclusive(open_), "prevalence", "inconclusive"))
    return found


def _apart(rows: pd.DataFrame) -> str:
    """Which networks what is forced was counted in: those that are certified to be near enough to the task."""
    text = (
        "Counted are networks certified to be so near their task that it follows "
        f"(within {float(rows['forced_below'].min()):.2g} or more)"
    )
    further, missing = (int(rows[name].fillna(0).sum()) for name in ("apart", "uncertified"))
    if further or missing:
        text += f"; further off are {thousands(further)}, and {thousands(missing)} have no certificate"
    return text + "."


def _mechanisms(tables: Tables) -> list[Finding]:
    """What a bias selects among the ways to compute a task, and what the function leaves to the seed."""
    rows = rows_of(tables, "mechanisms")
    if rows.empty:
        return []
    said = {
        "selected": "Training selects a way to compute its task, as predicted",
        "free": "The seed decides, as the function alone leaves it",
    }
    found = []
    for name, words in said.items():
        chosen = rows[rows["verdict"] == name]
        if len(chosen):
            ways = chosen.rename(columns={"name": "feature"})
            found.append(Finding(f"Forms, {name}", f"{words}: {_names(ways)}.", "mechanisms", name))
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
    """How many verdicts are open, why, and what the nearest one needs."""
    beside = rows["reason"].astype(str).str.startswith("not told apart")
    apart = (
        counted(int(beside.sum()), "verdict is", "verdicts are")
        + " open since trained networks are not told apart"
    )
    otherwise = rows["reason"].astype(str).str.startswith("not told apart from networks taught").any()
    who = "untrained ones, or from networks taught something else" if otherwise else "untrained ones"
    if beside.all():
        return f"{apart} from {who}."
    also = f" {apart} from {who}." if beside.any() else ""
    rows = rows[~beside]
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
        return f"{text}.{also}"
    more, nearest = min(wanted, key=lambda pair: pair[0])
    name = labelled(nearest["feature"], nearest["on"])
    where = cell_name(nearest["hidden"], nearest["width"], nearest["regimen"])
    return (
        f"{text}. The nearest, {name} in {nearest['task']} ({where}), needs "
        f"{counted(more, 'more solved network')}: {nearest['reason']}.{also}"
    )


def _evidence(tables: Tables) -> list[Finding]:
    counts = status_counts(tables)
    used = counts[counts["used"].astype(bool)]
    if used.empty:
        return []
    count = int(used["neurons"].sum())
    shares = used.groupby("status", sort=False)["neurons"].sum() / count
    both = bool(used["taught"].any())
    otherwise = ", and than neurons of such networks taught something else" if both else ""
    words = {
        "matched": "match a feature more closely than untrained neurons would" + otherwise,
        "by construction": "match one because their weights were pruned or quantised",
        "vacuous": "bear a label that an untrained network earns as easily, which proves nothing",
        "unmatched": "match nothing closely enough to tell",
    }
    parts = [f"{percent(float(shares[s]))} {text}" for s, text in words.items() if s in shares]
    if not parts:
        return []
    text = f"Of the {thousands(count)} neurons that solved networks use, one at a time, {'; '.join(parts)}."
    return [Finding("Evidence", text, "statuses")]


def _ensembles(tables: Tables) -> list[Finding]:
    ensembles = rows_of(tables, "ensembles")
    if ensembles.empty:
        return []
    # The rate at which the project declares matches (docs/understand/evidence.md, The null of a neuron).
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
