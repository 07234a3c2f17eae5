"""Norm shares: groups of equal size by excess, planted shares, and tasks whose least norm is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mathcircuits.detect import prevalence
from mathcircuits.reports.studies.factorial.normshares import FEWEST, GROUPS, norm_share_table


def networks(task: str, excess: np.ndarray, forms: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"task": task, "form": forms, "excess": excess, "population": "trained"})
    return frame.assign(path_norm=frame["excess"].fillna(0) + np.arange(len(frame)))


def test_the_form_of_least_norm_fades_with_the_excess() -> None:
    """600 networks in random order: those below 0.01 have the one form, the others the other."""
    rng = np.random.default_rng(0)
    excess = rng.permutation(np.r_[np.linspace(0, 0.009, 300), np.linspace(0.011, 0.1, 300)])
    table = norm_share_table(networks("minimum", excess, ["half" if e < 0.01 else "slide" for e in excess]))
    assert set(table["measure"]) == {"excess"}
    assert table.groupby("group")["n"].first().tolist() == [600 // GROUPS] * GROUPS
    half = table[table["form"] == "half"]
    assert half["value"].tolist() == [1.0] * (GROUPS // 2) + [0.0] * (GROUPS // 2)
    share = prevalence(50, 50)
    assert (half["low"].iloc[0], half["high"].iloc[0]) == (share.low, share.high)
    assert (half["norm_low"].to_numpy()[1:] > half["norm_high"].to_numpy()[:-1]).all()
    assert half["norm"].between(half["norm_low"], half["norm_high"]).all()


def test_the_path_norm_stands_in_where_the_least_is_not_known() -> None:
    few = 2 * FEWEST + 3
    table = norm_share_table(networks("minimum-of-4", np.full(few, np.nan), ["a", "b"] * FEWEST + ["a"] * 3))
    assert set(table["measure"]) == {"path_norm"}
    assert table.groupby("group")["n"].first().tolist() == [FEWEST + 2, FEWEST + 1]
    assert table["norm_high"].max() == few - 1


def test_too_few_networks_have_no_shares() -> None:
    few = networks("relu", np.zeros(FEWEST - 1), ["a"] * (FEWEST - 1))
    assert norm_share_table(few).empty
    failed = networks("relu", np.zeros(FEWEST), ["a"] * FEWEST).assign(form=None)
    assert norm_share_table(failed).empty
    beside = networks("relu", np.zeros(FEWEST), ["a"] * FEWEST).assign(population="untrained")
    assert norm_share_table(beside).empty
