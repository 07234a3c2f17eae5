"""Mechanisms: the forms of each condition's networks, which is predicted, and what the function alone would give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from mathcircuits.detect import Task, fibre_verdicts, selected_gauge, tasks, verdict_table
from mathcircuits.detect.exact import task_form
from mathcircuits.detect.recognition import census_name
from mathcircuits.detect.universality import Fibre, FibreShare, fibre_null

from .schema import CONDITION, empty, typed

#: The bias that predicts a form, as tables call it.
LEAST_NORM = "least norm"
#: Fibres of one study that are kept while its tables are written: conditions of one width share the first.
_KEPT = 64
#: Median norms are rounded to so many digits, so that conditions of like norm share a fibre.
_NORM_DIGITS = 3


def mechanism_table(
    census: Sequence[pd.DataFrame],
    networks: pd.DataFrame,
    particles: int | None,
    stage: Callable[[str], None],
) -> pd.DataFrame:
    """One row per condition and form: how many solved networks have it, beside its prediction and the fibre.

    A form is `predicted` by the least norm where that selects one form for the task. A predicted form that nobody has
    is listed too. `found` of `n` are the networks that were free to lack the form, as in the census. The verdicts are
    judged over all rows together; `selected` and `free` take a fibre.

    Args:
        census: the study's tables of gauges, condition by condition.
        networks: the columns `FORMED` of its networks.
        particles: of the fibres; None for none, and `fibre` says so.
        stage: is told which fibre is being drawn.

    Examples:
        >>> row = {**dict.fromkeys(CONDITION, "2x"), "task": "minimum", "level": "gauge", "forced": False}
        >>> counts = pd.DataFrame([{**row, "name": "x1 - relu(x1 - x2)", "evidence_found": 9, "evidence_n": 200}])
        >>> table = mechanism_table([counts], pd.DataFrame(), None, print)
        >>> table[["name", "found", "predicted", "verdict"]].fillna("").values.tolist()
        [['x1 - relu(x1 - x2)', 9, '', 'inconclusive'], ['1/2 (x1 + x2) - 1/2 |x1 - x2|', 0, 'least norm', 'absent']]
    """
    gauges = [frame[frame["level"] == "gauge"] for frame in census]
    listed = pd.concat(gauges, ignore_index=True) if gauges else pd.DataFrame()
    if listed.empty:
        return empty("mechanisms")
    rows: list[dict[str, Any]] = []
    for key, forms in listed.groupby(list(CONDITION), sort=False):
        about = dict(zip(CONDITION, map(str, key), strict=True))
        task = tasks[about["task"]]
        chosen = predicted_form(task)
        own = {str(row["name"]): row for row in forms.to_dict("records")}
        said, reliable, fibres = "not asked for", False, tuple[_FormShares, ...]()
        if particles is not None:
            stage(f"tables: fibre of {about['task']}, {about['hidden']}, {about['regimen']}")
            said, reliable, fibres = _fibres_of(task, about, networks, particles)
        free = max(
            (row for row in own.values() if not row["forced"]), key=lambda r: r["evidence_n"], default=None
        )
        missing = [chosen] if chosen is not None and chosen not in own and free is not None else []
        for name in [*own, *missing]:
            row = own.get(name)
            found, n = (0, free["evidence_n"]) if row is None and free is not None else _counted(own[name])
            rows.append({
                **about, "name": name, "found": found, "n": n, "forced": row is not None and bool(row["forced"]),
                "predicted": LEAST_NORM if name == chosen else None, "fibre": said, **_beside(fibres, name, reliable),
            })  # fmt: skip
    judged = verdict_table(pd.DataFrame(rows))
    # Untrained networks compute no task, and so have none of its forms.
    judged["reason"] = judged["reason"].str.removesuffix("; no untrained networks to compare with")
    judged = fibre_verdicts(judged)
    return typed(judged, "mechanisms")


def predicted_form(task: Task) -> str | None:
    """What the census calls the form that the least norm selects for a task; None where it selects none.

    Examples:
        >>> predicted_form(tasks["minimum"]), predicted_form(tasks["minimum-of-4"])
        ('1/2 (x1 + x2) - 1/2 |x1 - x2|', None)
    """
    found = selected_gauge(task, "penalised" if task.needs_bias else "none")
    return census_name(found.gauge) if found is not None and found.unique else None


def _counted(row: Mapping[Any, Any]) -> tuple[int, int]:
    return int(row["evidence_found"]), int(row["evidence_n"])


def _beside(fibres: Sequence[_FormShares], name: str, reliable: bool) -> dict[str, float]:
    """The columns of both fibres for a form; missing where there is none, counts also where no verdict rests on it."""
    columns: dict[str, float] = {}
    for place, which in enumerate(("fibre", "matched")):
        share = fibres[place].share(name) if place < len(fibres) else None
        columns |= {
            f"{which}_value": math.nan if share is None else share.value,
            f"{which}_low": math.nan if share is None else share.low,
            f"{which}_high": math.nan if share is None else share.high,
            f"{which}_n": math.nan if share is None else share.effective,
            f"{which}_found": math.nan if share is None or not reliable else share.counts[0],
        }
    return columns


@dataclass(frozen=True, eq=False)
class _FormShares:
    """The shares of forms in one fibre, named as a task's census names them."""

    fibre: Fibre
    known: dict[str, FibreShare]

    def share(self, name: str) -> FibreShare:
        return self.known[name] if name in self.known else self.fibre.share([0.0] * len(self.fibre))


def _fibres_of(
    task: Task, about: dict[str, str], networks: pd.DataFrame, particles: int
) -> tuple[str, bool, tuple[_FormShares, ...]]:
    """What is known of a condition's fibres in words, whether verdicts may rest on them, and the shares of forms."""
    here = networks[networks["form"].notna() & (networks["population"] == "trained")]
    for name, value in about.items():
        here = here[here[name] == value]
    norm = float(here["path_norm"].median())
    if not math.isnan(norm):
        norm = float(f"{norm:.{_NORM_DIGITS}g}")
    hidden = tuple(int(size) for size in about["hidden"].split("-"))
    return _drawn(task, hidden, norm, float(here["threshold"].max()), particles)


@lru_cache(maxsize=_KEPT)
def _drawn(
    task: Task, hidden: tuple[int, ...], norm: float, threshold: float, particles: int
) -> tuple[str, bool, tuple[_FormShares, ...]]:
    null = fibre_null(
        task_form(task), hidden, norm, bias=task.needs_bias, threshold=threshold, particles=particles
    )
    return (
        null.text,
        null.reliable,
        tuple(_FormShares(one, one.form_shares(task.symmetries)) for one in null.fibres),
    )
