"""Effects: what every factor, and every pair of them, does to the form that a task's networks have."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mathcircuits.detect import prevalence
from mathcircuits.detect.statistics import Prevalence, benjamini_hochberg

from ..config import width_order
from ..factors import PREFIX, WIDTH, AnyFactors, level_text
from ..schema import empty, typed
from .multinomial import Comparison, Crossing, Fit, Term, compared, fit

Codes = npt.NDArray[np.int64]

#: What a task's networks have of a form below this share is counted together under `OTHER_FORMS`: fewer say nothing of
#: five levels of a factor.
RARE = 0.01
#: The form that stands for the rare ones together.
OTHER_FORMS = "other"


def effects_table(networks: pd.DataFrame, factors: AnyFactors) -> pd.DataFrame:
    """One row per task, term, level and form: the share, and what the level changes against the first one.

    A term is a factor (the width among them) or a pair. `found`, `n`, `value`, `low`, `high` are the share of the
    solved networks of the level that have the form, with its exact interval. `effect` is for a factor the difference of
    these shares between the level and the factor's first one, for a pair what the difference between two levels of
    the one factor changes where the other is at its level in place of its first (a difference of differences); its
    interval is made of the shares' exact ones (`combined`). `adjusted` is the same of a penalised multinomial model,
    averaged over all combinations of the other factors, each once: of other size where a level keeps networks of some
    combinations from solving their task.
    `statistic`, `df`, `p` are of the likelihood-ratio test of the whole term: a factor's beside all other factors, a
    pair's beside all factors; q is adjusted over the table. `note` says why there is none.

    Args:
        networks: the study's table of networks, with the columns of the factors.
        factors: what the study crosses.
    """
    solved = networks[(networks["population"] == "trained") & networks["form"].notna()]
    rows: list[dict[str, Any]] = []
    for task, frame in solved.groupby("task", sort=False):
        rows += _rows_of(str(task), frame, factors)
    if not rows:
        return empty("effects")
    table = pd.DataFrame(rows)
    terms = table.drop_duplicates(["task", "factor"])
    adjusted = dict(
        zip(
            zip(terms["task"], terms["factor"], strict=True),
            benjamini_hochberg(terms["p"].to_numpy(dtype=float)),
            strict=True,
        )
    )
    table["q"] = [adjusted[key] for key in zip(table["task"], table["factor"], strict=True)]
    return typed(table, "effects")


@dataclass(frozen=True)
class _Task:
    """One task's solved networks by levels and forms."""

    name: str
    crossing: Crossing
    levels: dict[str, tuple[str, ...]]
    forms: tuple[str, ...]


def _rows_of(task: str, frame: pd.DataFrame, factors: AnyFactors) -> list[dict[str, Any]]:
    levels, codes = _levels_of(frame, factors)
    forms, outcomes = forms_of(frame["form"].astype(str).tolist())
    names = tuple(levels)
    known = _Task(
        task,
        Crossing(names, tuple(map(len, levels.values())), codes, outcomes, len(forms)),
        levels,
        forms,
    )
    mains: list[Term] = [(name,) for name in names]
    terms = [*mains, *itertools.combinations(names, 2)]
    if len(forms) < 2:
        return [row for term in terms for row in _term_rows(known, term, None, None, "one form alone")]
    base = fit(known.crossing, mains)
    rows = []
    for term in terms:
        if len(term) == 1:
            test = compared(base, fit(known.crossing, [m for m in mains if m != term]))
            rows += _term_rows(known, term, base, test)
        else:
            larger = fit(known.crossing, [*mains, term])
            rows += _term_rows(known, term, larger, compared(larger, base))
    return rows


def _levels_of(frame: pd.DataFrame, factors: AnyFactors) -> tuple[dict[str, tuple[str, ...]], Codes]:
    """The factors' levels as texts, the width's as solved networks have them, and every network's, [net, factor]."""
    widths = frame["width"].astype(str).where(frame["width"].fillna("") != "", frame["hidden"].astype(str))
    sizes = dict(zip(widths, frame["hidden"].astype(str), strict=True))
    levels = {
        WIDTH: tuple(sorted(sizes, key=lambda width: width_order(width, sizes[width]))),
        **factors.texts,
    }
    columns = [widths, *(frame[f"{PREFIX}{name}"].map(level_text) for name in factors.names)]
    codes = np.empty((len(frame), len(levels)), np.int64)
    for k, (column, texts) in enumerate(zip(columns, levels.values(), strict=True)):
        place = {text: number for number, text in enumerate(texts)}
        codes[:, k] = [place[str(text)] for text in column]
    return levels, codes


def forms_of(given: Sequence[str]) -> tuple[tuple[str, ...], Codes]:
    """The forms, the most frequent first and the rare ones together, and every network's by its place."""
    counts = pd.Series(given).value_counts()
    kept = sorted(
        (str(name) for name, count in counts.items() if count >= RARE * len(given)),
        key=lambda name: (-counts[name], name),
    )
    forms = (*kept, *([OTHER_FORMS] if len(kept) < len(counts) else []))
    place = {form: number for number, form in enumerate(forms)}
    return forms, np.array([place.get(form, len(forms) - 1) for form in given], np.int64)


def _term_rows(
    task: _Task, term: Term, model: Fit | None, test: Comparison | None, note: str | None = None
) -> list[dict[str, Any]]:
    """The rows of a term: of every level (a pair's: every two levels) and form."""
    if model is not None and not model.converged:
        model, note = None, "the model did not converge"
    elif test is not None and np.isnan(test.p):
        note = "no test: a fit did not converge, or the levels do not vary among solved networks"
    crossing, names = task.crossing, task.crossing.names
    at = [names.index(name) for name in term]
    choices = list(itertools.product(*(range(crossing.levels[k]) for k in at)))
    counts: dict[tuple[int, ...], npt.NDArray[np.int64]] = {}
    for chosen in choices:
        mine = (crossing.codes[:, at] == chosen).all(axis=1)
        counts[chosen] = np.bincount(crossing.outcomes[mine], minlength=len(task.forms))
    rows = []
    for chosen in choices:
        contrast = _contrast(chosen)
        known = bool(contrast) and all(counts[other].sum() for other in contrast)
        adjusted = np.full(len(task.forms), np.nan)
        if model is not None and known:
            parts = [w * model.shares(dict(zip(term, other, strict=True))) for other, w in contrast.items()]
            adjusted = np.sum(parts, axis=0)
        for number, form in enumerate(task.forms):
            found = {other: int(count[number]) for other, count in counts.items()}
            share = prevalence(found[chosen], int(counts[chosen].sum()))
            effect = (np.nan,) * 3
            if known and len(task.forms) > 1:
                shares = {other: prevalence(found[other], int(counts[other].sum())) for other in contrast}
                effect = combined([(w, shares[other]) for other, w in contrast.items()])
            rows.append(
                {
                    "task": task.name,
                    "factor": " x ".join(term),
                    "level": ", ".join(task.levels[n][k] for n, k in zip(term, chosen, strict=True)),
                    "reference": ", ".join(task.levels[n][0] for n in term),
                    "form": form,
                    "found": found[chosen],
                    "n": share.n,
                    "value": share.value,
                    "low": share.low,
                    "high": share.high,
                    **dict(zip(("effect", "effect_low", "effect_high"), effect, strict=True)),
                    "adjusted": adjusted[number],
                    "statistic": np.nan if test is None else test.statistic,
                    "df": None if test is None else test.degrees,
                    "p": np.nan if test is None else test.p,
                    "note": note,
                }
            )
    return rows


def combined(terms: Sequence[tuple[int, Prevalence]]) -> tuple[float, float, float]:
    """A sum of shares, each with a sign, and an interval made of theirs.

    The squares of the shares' distances to their own limits add up (Zou & Donner 2008, Construction of confidence
    limits about effect measures): for a difference of two it is Newcombe's interval, here of exact limits in place of
    Wilson's, and so somewhat wide. A share of 0 or 1 is as good as any other.

    Args:
        terms: signs (1 or -1) and shares of different networks.

    Examples:
        >>> [round(v, 3) for v in combined([(1, prevalence(44, 45)), (-1, prevalence(3, 33))])]
        [0.887, 0.707, 0.962]
    """
    value = sum(sign * share.value for sign, share in terms)
    down = sum((share.value - (share.low if sign > 0 else share.high)) ** 2 for sign, share in terms)
    up = sum(((share.high if sign > 0 else share.low) - share.value) ** 2 for sign, share in terms)
    return value, value - down**0.5, value + up**0.5


def _contrast(chosen: tuple[int, ...]) -> dict[tuple[int, ...], int]:
    """Which levels are added and which taken off for the effect of these; none where one of them is the first."""
    if not all(chosen):
        return {}
    if len(chosen) == 1:
        return {chosen: 1, (0,): -1}
    one, other = chosen
    return {(one, other): 1, (0, other): -1, (one, 0): -1, (0, 0): 1}
