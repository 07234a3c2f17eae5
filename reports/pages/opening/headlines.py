"""Headlines: the three findings that a study's page opens with, each with one interval, and its title line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mathcircuits.detect import prevalence

from ...plots.palette import CAUSES
from ...studies.schema import Tables
from ...wording import counted, percent
from ..mechanisms import solved_programs
from ..regimens import failures
from ..selections import rows_of, strongest, task_names
from ..sentences import Finding, condition

#: Findings on the first screen, and words in each: a reader takes in as many at a glance.
MOST, WORDS = 3, 25
#: Verdicts that say something of learning, the rarest first; each with what it says of a feature.
_TELLING = ("universal", "selected", "partial")


def title(tables: Tables, manifest: Mapping[str, Any]) -> tuple[str, str]:
    """What was studied, and how much of it: the page's heading and the line beside it.

    Examples:
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
        >>> import pandas as pd
        >>> title({"success": pd.DataFrame([row])}, {"seconds": {"cells": 100.0, "tables": 41.0}})
        ('What did 4 networks learn?', '1 task, 4 seeds, 2 minutes')
    """
    success = rows_of(tables, "success")
    n = int(success["n"].sum()) if len(success) else 0
    parts = [counted(len(task_names(tables)), "task")]
    if n:
        parts.append(counted(int(success["n"].max()), "seed"))
    seconds = manifest.get("seconds")
    if isinstance(seconds, Mapping):
        spent = sum(float(seconds.get(stage, 0)) for stage in ("cells", "tables"))
        parts.append(_time(spent))
    heading = f"What did {counted(n, 'network')} learn?" if n else "What have these networks learned?"
    return heading, ", ".join(parts)


def _time(seconds: float) -> str:
    if seconds < 90:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / 60), "minute") if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def headlines(tables: Tables) -> list[Finding]:
    """At most three findings of at most 25 words, with one interval each; the strongest that the tables give.

    Examples:
        >>> row = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam", "n": 4, "solved": 3}
        >>> import pandas as pd
        >>> headlines({"success": pd.DataFrame([row])})[0].text
        '75% of the trained networks solved their task (95% interval 19% to 99%).'
    """
    makers: tuple[Callable[[Tables], Iterator[Finding]], ...] = (
        _formulas, _verdict, _ways, _failure, _solved, _nothing,
    )  # fmt: skip
    found = [finding for make in makers for finding in make(tables)]
    kept = [finding for finding in found if len(finding.text.split()) <= WORDS][:MOST]
    # What an interval is stands at the first alone.
    return [
        finding
        if k == 0
        else Finding(
            finding.head, finding.text.replace("95% interval", "interval"), finding.target, finding.filter
        )
        for k, finding in enumerate(kept)
    ]


def _interval(found: int, n: int) -> tuple[str, str]:
    share = prevalence(found, n)
    return percent(share.value), f"(95% interval {percent(share.low)} to {percent(share.high)})"


def _formulas(tables: Tables) -> Iterator[Finding]:
    programs = solved_programs(tables)
    # A task on data has no formula to compare with.
    programs = programs[programs["equals_task"].notna()] if len(programs) else programs
    if len(programs):
        exact = int(programs["equals_task"].fillna(False).astype(bool).sum())
        share, interval = _interval(exact, len(programs))
        text = f"{share} of solved networks compute their task's own formula, constants rounded {interval}."
        yield Finding("Formula", text, "formulas")


def _verdict(tables: Tables) -> Iterator[Finding]:
    rows = strongest(rows_of(tables, "prevalence"))
    rows = rows[rows["n"] > 0] if len(rows) else rows
    if rows.empty:
        return
    for verdict in _TELLING:
        part = rows[rows["verdict"] == verdict]
        if len(part):
            row = part.iloc[int(part["n"].astype(int).argmax())]
            share, low, high = (percent(float(row[name])) for name in ("value", "low", "high"))
            name = str(row["feature"])
            text = (
                f"{name.capitalize()} is {verdict} in {row['task']}: {share} of networks solved "
                f"{condition(row.to_dict())} hold it (95% interval {low} to {high})."
            )
            yield Finding(verdict.capitalize(), text, "prevalence", f"{name} {verdict} ={row['task']}")
            return


def _ways(tables: Tables) -> Iterator[Finding]:
    census = rows_of(tables, "census", level="gauge")
    if census.empty:
        return
    ways = census.groupby(["task", "name"], sort=False)["found"].sum()
    several = ways.groupby("task", sort=False).size()
    several = several[several > 1]
    if len(several):
        task = str(several.idxmax())
        own = ways[task]
        share, interval = _interval(int(own.max()), int(own.sum()))
        text = (
            f"{task.capitalize()} is computed in {_in_words(int(several.max()))} ways; {share} of its "
            f"solved networks use the most frequent {interval}."
        )
        yield Finding("Ways", text, "census", f"={task} gauge")


def _in_words(n: int) -> str:
    """A small count as a word, which a reader takes in beside figures; a larger one in digits."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[n] if n < len(words) else str(n)


def _failure(tables: Tables) -> Iterator[Finding]:
    rows = failures(tables)
    # Of failures that nothing explains there is no cause to state.
    rows = rows[rows["cause"] != "unknown"]
    if len(rows):
        row = rows.iloc[0]
        share, interval = _interval(int(row["found"]), int(row["n"]))
        cause = str(row["cause"])
        meaning = CAUSES[cause].meaning if cause in CAUSES else cause
        yield Finding(
            "Failure", f"{share} of the failures have one cause: {meaning} {interval}.", "causes", cause
        )


def _solved(tables: Tables) -> Iterator[Finding]:
    success = rows_of(tables, "success")
    if len(success) and success["n"].sum():
        share, interval = _interval(int(success["solved"].sum()), int(success["n"].sum()))
        yield Finding("Solved", f"{share} of the trained networks solved their task {interval}.", "success")


def _nothing(tables: Tables) -> Iterator[Finding]:
    if rows_of(tables, "success").empty:
        yield Finding("Nothing yet", "This study has no trained networks yet.", "networks")
