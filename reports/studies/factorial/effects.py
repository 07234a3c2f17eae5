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
from mathcircuits.detect.statistics import benjamini_hochberg

from ..config import width_order
from ..factors import PREFIX, Factors, level_text
from ..schema import empty, typed
from .multinomial import Comparison, Crossing, Fit, Term, compared, fit

Codes = npt.NDArray[np.int64]

#: What a task's networks have of a form below this share is counted together under `OTHER_FORMS`: fewer say nothing of
#: five levels of a factor.
RARE = 0.01
#: The form that stands for the rare ones together, and the factor that every study crosses.
OTHER_FORMS, WIDTH = "other", "width"
_TAILS = (2.5, 97.5)


def effects_table(networks: pd.DataFrame, factors: Factors) -> pd.DataFrame:
    """One row per task, term, level and form: the share, and what the level changes against the first one.

    A term is a factor (the width among them) or a pair. `found`, `n`, `value`, `low`, `high` are the share of the
    solved networks of the level that have the form, with its exact interval. `effect`, with its interval, is of a
    penalised multinomial model: for a factor the difference of the share between the level and the factor's first
    one, for a pair what the difference between two levels of the one factor changes where the other is at its level
    in place of its first (a difference of differences), both averaged over all combinations of the other factors.
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


def _rows_of(task: str, frame: pd.DataFrame, factors: Factors) -> list[dict[str, Any]]:
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
            test = compared(base, fit(known.crossing, [m for m in mains if m != term], draws=0))
            rows += _term_rows(known, term, base, test)
        else:
            larger = fit(known.crossing, [*mains, term])
            rows += _term_rows(known, term, larger, compared(larger, base))
    return rows


def _levels_of(frame: pd.DataFrame, factors: Factors) -> tuple[dict[str, tuple[str, ...]], Codes]:
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
    rows = []
    for chosen in itertools.product(*(range(crossing.levels[k]) for k in at)):
        mine = (crossing.codes[:, at] == chosen).all(axis=1)
        effects = None if model is None else _effects(model, dict(zip(term, chosen, strict=True)))
        for number, form in enumerate(task.forms):
            share = prevalence(int((crossing.outcomes[mine] == number).sum()), int(mine.sum()))
            effect = (np.nan,) * 3
            if effects is not None:
                effect = (effects[0, number], *np.percentile(effects[1:, number], _TAILS))
            rows.append(
                {
                    "task": task.name,
                    "factor": " x ".join(term),
                    "level": ", ".join(task.levels[n][k] for n, k in zip(term, chosen, strict=True)),
                    "reference": ", ".join(task.levels[n][0] for n in term),
                    "form": form,
                    "found": int((crossing.outcomes[mine] == number).sum()),
                    "n": share.n,
                    "value": share.value,
                    "low": share.low,
                    "high": share.high,
                    **dict(zip(("effect", "effect_low", "effect_high"), effect, strict=True)),
                    "statistic": np.nan if test is None else test.statistic,
                    "df": None if test is None else test.degrees,
                    "p": np.nan if test is None else test.p,
                    "note": note,
                }
            )
    return rows


def _effects(model: Fit, at: dict[str, int]) -> npt.NDArray[np.float64] | None:
    """The difference of every outcome's share to the first levels, [1 + draws, outcome]; None at a first level."""
    if not all(at.values()):
        return None
    first = dict.fromkeys(at, 0)
    if len(at) == 1:
        return model.shares(at) - model.shares(first)
    one, other = at
    return (model.shares(at) - model.shares({**at, one: 0})) - (
        model.shares({**at, other: 0}) - model.shares(first)
    )
