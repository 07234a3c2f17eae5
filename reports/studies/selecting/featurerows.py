"""Feature rows: how many networks of every condition hold each feature, judged beside three nulls and the fibre."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from mathcircuits.detect import fibre_verdicts
from mathcircuits.detect.features import Label
from mathcircuits.detect.universality import Fibre, FibreShare, Orbits

from ..evidence import split_arguments
from ..schema import CONDITION
from .conditionfibres import condition_fibres, fibre_columns, solved_in
from .namedbiases import LEAST_NORM, predicts_feature


def beside_fibres(
    counts: pd.DataFrame,
    networks: pd.DataFrame,
    orbits: Mapping[str, Orbits],
    particles: int | None,
    stage: Callable[[str], None],
) -> pd.DataFrame:
    """The counts of `prevalence_counts` with the bias that predicts each row, and what the function alone would give.

    A feature is `predicted` where networks of least norm hold it. Networks that a regimen made smaller are under
    another pressure, on their size: what that decides is `forced`, and the least norm predicts nothing of them.

    Args:
        counts: of all conditions.
        networks: the columns `FORMED` of the study's networks.
        orbits: of each task.
        particles: of the fibres; None for none.
        stage: is told which fibre is being drawn.
    """
    if counts.empty:
        return counts
    parts = []
    for key, rows in counts.groupby(list(CONDITION), sort=False):
        about = dict(zip(CONDITION, map(str, key), strict=True))
        null = condition_fibres(about, networks, particles, stage)
        smaller = bool((solved_in(about, networks)["final"] != about["hidden"]).any())
        found = [_columns(row, orbits[about["task"]], smaller) for row in rows.to_dict("records")]
        columns = [
            {"predicted": bias, **fibre_columns(null, partial(_share, members=members))}
            for members, bias in found
        ]
        parts.append(pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1))
    return pd.concat(parts).sort_index()


def judged_beside_fibres(judged: pd.DataFrame) -> pd.DataFrame:
    """Verdicts of features with `selected` and `free` where the counts were put `beside_fibres`, as they are elsewhere.

    Args:
        judged: what `verdict_table` returns.
    """
    if "fibre_n" not in judged.columns or not judged["fibre_n"].notna().any():
        return judged
    return fibre_verdicts(judged)


def _columns(row: Mapping[Any, Any], orbits: Orbits, smaller: bool) -> tuple[frozenset[Label], str | None]:
    """The labels that a row counts, and the bias that predicts it."""
    label = (str(row["feature"]), split_arguments(str(row["on"])))
    oriented = bool(row["oriented"])
    chosen = not smaller and predicts_feature(label, orbits, oriented=oriented)
    return frozenset((label,) if oriented else orbits.orbit(label)), LEAST_NORM if chosen else None


def _share(fibre: Fibre, members: frozenset[Label]) -> FibreShare:
    return fibre.share([not labels.isdisjoint(members) for labels in fibre.held])
