"""Regimen answers: which way of training reaches the least width, at what cost, and why networks fail."""

from __future__ import annotations

from ..studies.schema import Tables
from ..wording import counted, joined, number, percent, thousands
from .regimens import failures, pooled_regimens
from .selections import rows_of
from .sentences import Finding


def regimen_findings(tables: Tables) -> list[Finding]:
    """The answers on regimens that the tables can give.

    Examples:
        >>> regimen_findings({})
        []
    """
    return [*_least_width(tables), *_causes(tables)]


def _least_width(tables: Tables) -> list[Finding]:
    """Which regimen reaches the hand-derived width most often, and at what cost?"""
    rows = pooled_regimens(tables)
    rows = rows[rows["n"] > 0] if len(rows) else rows
    if rows.empty:
        return []
    ordered = rows.sort_values(["minimum_value", "cost"], ascending=[False, True], kind="stable")
    best, *others = ordered.to_dict("records")
    text = (
        f"The regimen {best['regimen']} ends at the width derived by hand most often: "
        f"{thousands(int(best['at_minimum']))} of {counted(int(best['n']), 'seed')} ("
        f"{number(float(best['minimum_low']))} to {number(float(best['minimum_high']))}, "
        f"{counted(int(best['tasks']), 'task')}), at a median of "
        f"{thousands(round(float(best['cost'])))} network-steps a seed"
    )
    said = [
        f"{row['regimen']} {percent(float(row['minimum_value']))} ({thousands(int(row['at_minimum']))} of "
        f"{thousands(int(row['n']))}) at {thousands(round(float(row['cost'])))}"
        for row in others
    ]
    return [Finding("Least width", f"{text}; {joined(said)}." if said else f"{text}.", "pooled")]


def _causes(tables: Tables) -> list[Finding]:
    """The most frequent cause of failure, and when networks are lost."""
    rows = failures(tables)
    if rows.empty:
        return []
    first = rows.iloc[0]
    cause, interval = str(first["cause"]), f"{number(float(first['low']))} to {number(float(first['high']))}"
    text = (
        f"Most often a network fails by “{cause}”: {thousands(int(first['found']))} of "
        f"{counted(int(first['n']), 'failed network')} ({interval})"
    )
    networks = rows_of(tables, "networks", population="trained", cause=cause)
    followed = networks["lost"].dropna()
    if len(followed):
        start = thousands(int((followed == 0).sum()))
        text += (
            f"; of the {thousands(len(followed))} that were followed {start} were lost before the first step, "
            f"the median at step {thousands(int(float(first['lost'])))}"
        )
    others = [f"{row['cause']} {percent(float(row['value']))}" for row in rows.iloc[1:].to_dict("records")]
    text += f". The others: {joined(others)}." if others else "."
    return [Finding("Why they fail", text, "causes", cause)]
