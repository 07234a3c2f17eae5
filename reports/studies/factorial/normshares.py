"""Norm shares: how often each form occurs among networks of like norm, by task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import prevalence

from ..schema import empty, typed
from .effects import forms_of

#: Groups of networks of like norm, and how few networks make one: a share of 25 is known to a fifth.
GROUPS, FEWEST = 12, 25


def norm_share_table(networks: pd.DataFrame) -> pd.DataFrame:
    """One row per task, group and form: the share of the group's networks that have the form, with its exact interval.

    A task's solved networks, of all widths and regimens, in groups of equal size by their excess over the least norm of
    the task; by their path norm where the least is not known (`measure` says which). `norm` is the group's median,
    `norm_low` and `norm_high` its ends. Tasks with too few networks for one group have no rows.

    Args:
        networks: the study's table of networks.
    """
    solved = networks[(networks["population"] == "trained") & networks["form"].notna()]
    rows: list[dict[str, Any]] = []
    for task, frame in solved.groupby("task", sort=False):
        measure = "excess" if frame["excess"].notna().any() else "path_norm"
        known = frame[frame[measure].notna()]
        groups = min(GROUPS, len(known) // FEWEST)
        if not groups:
            continue
        forms, outcomes = forms_of(known["form"].astype(str).tolist())
        norms = known[measure].to_numpy(dtype=float)
        order = np.argsort(norms, kind="stable")
        for number, members in enumerate(np.array_split(order, groups)):
            for place, form in enumerate(forms):
                found = int((outcomes[members] == place).sum())
                share = prevalence(found, len(members))
                rows.append(
                    {
                        "task": str(task),
                        "measure": measure,
                        "group": number,
                        "norm": float(np.median(norms[members])),
                        "norm_low": float(norms[members].min()),
                        "norm_high": float(norms[members].max()),
                        "form": form,
                        "found": found,
                        "n": share.n,
                        "value": share.value,
                        "low": share.low,
                        "high": share.high,
                    }
                )
    return typed(pd.DataFrame(rows), "norm_shares") if rows else empty("norm_shares")
