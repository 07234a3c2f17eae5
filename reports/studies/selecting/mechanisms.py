"""Mechanisms: the forms of each condition's networks, which is predicted, and what the function alone would give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from mathcircuits.detect import fibre_verdicts, tasks, verdict_table
from mathcircuits.detect.features import Symmetry
from mathcircuits.detect.universality import Fibre, FibreShare

from ..schema import CONDITION, empty, typed
from .conditionfibres import condition_fibres, fibre_columns, solved_in
from .namedbiases import LEAST_NORM, SMALLEST_WIDTH, predicted_form


def mechanism_table(
    census: Sequence[pd.DataFrame],
    networks: pd.DataFrame,
    particles: int | None,
    stage: Callable[[str], None],
) -> pd.DataFrame:
    """One row per condition and form: how many solved networks have it, beside its prediction and the fibre.

    A form is `predicted` by the least norm where that selects one form for the task. Where networks ended with fewer
    neurons than training began with, the regimen took neurons away, and the smallest width predicts the form instead.
    A predicted form that nobody has is listed too. `found` of `n` are the networks that were free to lack the form, as
    in the census; of a regimen that takes neurons away all solved networks, since their final size is its own choice.
    The verdicts are judged over all rows together; `selected` and `free` take a fibre.

    Args:
        census: the study's tables of gauges, condition by condition.
        networks: the columns `FORMED` of its networks.
        particles: of the fibres; None for none, and `fibre` says so.
        stage: is told which fibre is being drawn.

    Examples:
        >>> row = {**dict.fromkeys(CONDITION, "2x"), "task": "minimum", "level": "gauge", "forced": False}
        >>> counts = pd.DataFrame([{**row, "name": "x1 - relu(x1 - x2)", "evidence_found": 9, "evidence_n": 200}])
        >>> networks = pd.DataFrame(columns=[*CONDITION, "population", "form", "final"])
        >>> table = mechanism_table([counts], networks, None, print)
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
        smaller = bool((solved_in(about, networks)["final"] != about["hidden"]).any())
        bias = SMALLEST_WIDTH if smaller else LEAST_NORM
        chosen = predicted_form(task, bias)
        counted = {str(row["name"]): _counted(row, smaller) for row in forms.to_dict("records")}
        null = condition_fibres(about, networks, particles, stage)
        free = max((n for _, n, forced in counted.values() if not forced), default=None)
        if chosen is not None and chosen not in counted and free is not None:
            counted[chosen] = (0, free, False)
        for name, (found, n, forced) in counted.items():
            rows.append({
                **about, "name": name, "found": found, "n": n, "forced": forced,
                "predicted": bias if name == chosen else None,
                **fibre_columns(null, partial(_share, name=name, symmetries=task.symmetries)),
            })  # fmt: skip
    judged = verdict_table(pd.DataFrame(rows))
    # Untrained networks compute no task, and so have none of its forms.
    judged["reason"] = judged["reason"].str.removesuffix("; no untrained networks to compare with")
    judged = fibre_verdicts(judged)
    return typed(judged, "mechanisms")


def _counted(row: Mapping[Any, Any], smaller: bool) -> tuple[int, int, bool]:
    """Found, of how many, and whether it is forced: by the final size, unless the regimen chose that itself."""
    if smaller:
        return int(row["found"]), int(row["n"]), False
    return int(row["evidence_found"]), int(row["evidence_n"]), bool(row["forced"])


def _share(fibre: Fibre, name: str, symmetries: tuple[Symmetry, ...]) -> FibreShare:
    return fibre.form_share(name, symmetries=symmetries)
