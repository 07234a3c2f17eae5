"""Fibres of a study's conditions: the networks of their function, drawn once for all tables that are held against them.

A condition is known by its columns `CONDITION`; how its networks were drawn is said in `fibre_columns`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import pandas as pd

from mathcircuits.detect import Task, tasks
from mathcircuits.detect.exact import task_form
from mathcircuits.detect.universality import Fibre, FibreNull, FibreShare, fibre_null

from ..schema import CONDITION

#: Fibres of one study that are kept while its tables are written: conditions of one width share the first.
_KEPT = 64
#: Median norms are rounded to so many digits, so that conditions of like norm share a fibre.
_NORM_DIGITS = 3


def condition_fibres(
    about: Mapping[str, str], networks: pd.DataFrame, particles: int | None, stage: Callable[[str], None]
) -> FibreNull | None:
    """The fibres to hold a condition's networks against; None where none is asked for.

    Args:
        about: the columns `CONDITION`.
        networks: the columns `FORMED` of the study's networks: their norms and thresholds.
        particles: of each chain; None for no fibre.
        stage: is told which fibre is being drawn.

    Examples:
        >>> about = dict.fromkeys(CONDITION, "") | {"task": "minimum", "hidden": "40"}
        >>> networks = pd.DataFrame([{**about, "form": "", "population": "trained", "path_norm": 3.0, "threshold": 1}])
        >>> condition_fibres(about, networks, 100, lambda said: None).text[:29]
        'none: 2 inputs and 40 neurons'
    """
    if particles is None:
        return None
    stage(f"tables: fibre of {about['task']}, {about['hidden']}, {about['regimen']}")
    here = solved_in(about, networks)
    norm = float(here["path_norm"].median())
    if not math.isnan(norm):
        norm = float(f"{norm:.{_NORM_DIGITS}g}")
    hidden = tuple(int(size) for size in about["hidden"].split("-"))
    return _drawn(tasks[about["task"]], hidden, norm, float(here["threshold"].max()), particles)


def solved_in(about: Mapping[str, str], networks: pd.DataFrame) -> pd.DataFrame:
    """The rows of a condition's trained networks that solved their task and were read for their form."""
    here = networks[networks["form"].notna() & (networks["population"] == "trained")]
    for name in CONDITION:
        here = here[here[name] == about[name]]
    return here


def fibre_columns(
    null: FibreNull | None, share: Callable[[Fibre], FibreShare]
) -> dict[str, float | str | None]:
    """The columns that put a row beside its condition's fibres, and how these were drawn.

    Args:
        null: the condition's fibres; None where none was asked for.
        share: of one fibre, the share that has what the row counts. No verdict rests on unreliable fibres: their
            counts are missing, their shares are not.

    Examples:
        >>> columns = fibre_columns(None, lambda fibre: fibre.form_share("relu(x1)"))
        >>> columns["fibre"], columns["fibre_n"]
        ('not asked for', nan)
    """
    columns: dict[str, float | str | None] = {"fibre": "not asked for" if null is None else null.text}
    fibres = () if null is None else null.fibres
    for place, which in enumerate(("fibre", "matched")):
        found = share(fibres[place]) if place < len(fibres) else None
        counted = found is not None and null is not None and null.reliable
        columns |= {
            f"{which}_value": math.nan if found is None else found.value,
            f"{which}_low": math.nan if found is None else found.low,
            f"{which}_high": math.nan if found is None else found.high,
            f"{which}_n": math.nan if found is None else found.effective,
            f"{which}_found": found.counts[0] if found is not None and counted else math.nan,
        }
    return columns


@lru_cache(maxsize=_KEPT)
def _drawn(task: Task, hidden: tuple[int, ...], norm: float, threshold: float, particles: int) -> FibreNull:
    return fibre_null(
        task_form(task), hidden, norm, bias=task.needs_bias, threshold=threshold, particles=particles
    )
