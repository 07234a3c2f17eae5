"""Regimen tables: what a way of training gave, why networks failed, and when features appeared. No file is touched."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd

from mathcircuits.detect import prevalence
from mathcircuits.detect.programs import PROGRAM_ERROR

from .schema import empty, typed
from .tables import Condition


def regimen_table(condition: Condition, networks: pd.DataFrame, census: pd.DataFrame) -> pd.DataFrame:
    """One row: success, the width reached against the hand-derived minimum, cost, interpretability and gauge.

    Args:
        condition: the condition.
        networks: its `network_table`.
        census: its `census_table`.

    `value, low, high` is the share of all seeds that solved the task, `minimum_value, ...` that of all seeds
    which solved it with no more neurons in any layer than the hand-derived network has; both with exact
    intervals. `certified` counts, of the `read` solved networks with a proof, those within 5e-3 of the task.
    """
    own = networks[networks["population"] == "trained"]
    solved = own[own["solved"].astype(bool)]
    success = prevalence(len(solved), len(own))
    smallest = condition.task.smallest
    small = None if smallest is None else sum(_within(str(f), smallest) for f in solved["final"])
    minimal = None if small is None else prevalence(small, len(own))
    programs = condition.programs[condition.programs["seed"].isin(solved["seed"].tolist())]
    gauges = census[census["level"] == "gauge"] if len(census) else census
    row = {
        **condition.about,
        "n": success.n,
        "solved": len(solved),
        "value": success.value,
        "low": success.low,
        "high": success.high,
        "read": len(programs),
        "certified": int((programs["spec_upper"] <= PROGRAM_ERROR).sum()),
        "at_minimum": small,
        "minimum_value": math.nan if minimal is None else minimal.value,
        "minimum_low": math.nan if minimal is None else minimal.low,
        "minimum_high": math.nan if minimal is None else minimal.high,
        "final": Counter(solved["final"]).most_common(1)[0][0] if len(solved) else None,
        "cost": float(np.median(condition.costs)),
        "labelled": float(solved["labelled"].mean()) if len(solved) else math.nan,
        "bits": float(programs["bits"].median()) if len(programs) else math.nan,
        "gauge": gauges["name"].iloc[0] if len(gauges) else None,
        "gauge_value": float(gauges["value"].iloc[0]) if len(gauges) else math.nan,
    }
    return typed(pd.DataFrame([row]), "regimens")


def cause_table(condition: Condition) -> pd.DataFrame:
    """Why networks failed: how many for each cause, most frequent first, with exact intervals of the shares.

    `lost` is the median step at which those were lost that were followed through their training.
    """
    failures, rows = condition.failures, []
    for cause, found in sorted(Counter(failures["cause"]).items(), key=lambda item: (-item[1], item[0])):
        share = prevalence(found, len(failures))
        lost = failures["lost"][failures["cause"] == cause].dropna()
        rows.append(
            {
                **condition.about,
                "cause": cause,
                "found": found,
                "n": share.n,
                "value": share.value,
                "low": share.low,
                "high": share.high,
                # Half a step is no step: the lower of two middle ones.
                "lost": int(np.sort(lost.to_numpy())[(len(lost) - 1) // 2]) if len(lost) else None,
            }
        )
    return typed(pd.DataFrame(rows), "causes") if rows else empty("causes")


def emergence_table(condition: Condition) -> pd.DataFrame:
    """When each feature appears in each network that was followed: the first step from which it is held to the end."""
    solved = {seed for seed, _ in condition.solutions}
    rows = []
    for (feature, on, seed), part in condition.emergence.groupby(["feature", "on", "seed"], sort=False):
        steps, held = part["step"].to_numpy(), part["held"].to_numpy(dtype=bool)
        missing = np.flatnonzero(~held)
        start = int(missing[-1]) + 1 if len(missing) else 0
        step = int(steps[start]) if start < len(steps) else None
        about = {"feature": feature, "on": on, "seed": seed}
        rows.append({**condition.about, **about, "step": step, "solved": seed in solved})
    return typed(pd.DataFrame(rows), "emergence") if rows else empty("emergence")


def emergence_curve_table(condition: Condition) -> pd.DataFrame:
    """The share of the followed networks that hold a feature, step by step, of those that solved the task.

    Beside it that of all followed networks, those that failed counted either way.
    """
    solved = {seed for seed, _ in condition.solutions}
    followed = condition.emergence[condition.emergence["seed"].isin(list(solved))]
    failed = condition.emergence["seed"].nunique() - followed["seed"].nunique()
    rows = []
    for (feature, on, step), part in followed.groupby(["feature", "on", "step"], sort=False):
        share = prevalence(int(part["held"].sum()), len(part), trained=len(part) + failed)
        rows.append(
            {
                **condition.about,
                "feature": feature,
                "on": on,
                "step": step,
                "held": int(part["held"].sum()),
                "n": share.n,
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "worst_low": share.worst[0],
                "worst_high": share.worst[1],
            }
        )
    return typed(pd.DataFrame(rows), "emergence_curves") if rows else empty("emergence_curves")


def _within(final: str, smallest: tuple[int, ...]) -> bool:
    sizes = [int(size) for size in final.split("-") if size]
    return len(sizes) == len(smallest) and all(a <= b for a, b in zip(sizes, smallest, strict=True))
