"""The sweep over cut-offs: what changes with each, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.universality.ladder import Ladder, ladder_table
from mathcircuits.detect.universality.rungs import RUNGS, Compared, Cutoffs, Measured, RungName, parted
from mathcircuits.detect.universality.sweep import LINES, SWEEP_COLUMNS, cutoff_sweep


class Pairs(NamedTuple):
    """What all pairs of a rung have, and what 95% of the null stay below."""

    value: float
    null: float


def ladder(pairs: dict[RungName, Pairs], effective: int = 30, name: str = "a") -> Ladder:
    """A ladder whose pairs all have one value; rungs that are not named are plainly the same."""
    usual = {"function": Pairs(1e-12, 1.0)} | dict.fromkeys(RUNGS[1:], Pairs(1.0, 0.1))
    measured = []
    for rung, (value, null) in (usual | pairs).items():
        values = np.full(4 * effective, value)
        seen = Compared(values, np.full(50, null), np.zeros(len(values), dtype=bool), 1e-8)
        measured.append(Measured(rung, "made up", pairs=len(values), effective=effective, compared=seen))
    cut = tuple(one.cut_at(Cutoffs()) for one in measured)
    return Ladder(name, name, (), pd.DataFrame(), cut).at(0.95)


def changes(found: Ladder) -> dict[tuple[str, str, float], tuple[str, str]]:
    table = cutoff_sweep([found])
    keys = zip(table["rung"], table["cutoff"], table["tried"].round(3), strict=True)
    return dict(zip(keys, zip(table["verdict"], table["becomes"], strict=True), strict=True))


def test_nothing_changes_where_all_is_plain() -> None:
    found = cutoff_sweep([ladder({})])
    assert found.empty
    assert tuple(found.columns) == SWEEP_COLUMNS
    assert found.attrs == {"rungs": 5, "tried": 2 * len(LINES)}


@pytest.mark.parametrize(
    ("rung", "pairs", "expected"),
    [
        ("function", Pairs(3e-8, 1.0), {("functions apart, in losses", 1.0): ("same", "different")}),
        ("function", Pairs(6e-8, 1.0), {("functions apart, in losses", 16.0): ("different", "same")}),
        ("features", Pairs(0.6, 0.1), {("features shared from", 0.667): ("same", "partial")}),
        ("features", Pairs(0.4, 0.1), {("features shared from", 0.333): ("partial", "same")}),
        ("circuit", Pairs(0.92, 0.1), {("circuits the same from", 0.95): ("same", "partial")}),
        ("circuit", Pairs(0.85, 0.1), {("circuits the same from", 0.8): ("partial", "same")}),
        ("circuit", Pairs(0.25, 0.1), {("circuits different up to", 0.2): ("different", "partial")}),
        ("circuit", Pairs(0.35, 0.1), {("circuits different up to", 0.4): ("partial", "different")}),
    ],
)
def test_each_line_changes_what_lies_between_it_and_the_other(
    rung: RungName, pairs: Pairs, expected: dict[tuple[str, float], tuple[str, str]]
) -> None:
    """By hand: all pairs have one value, so that a line on its other side changes all of them; no other line does."""
    assert changes(ladder({rung: pairs})) == {(rung, *key): value for key, value in expected.items()}


def test_the_majority_and_the_null() -> None:
    # 12 of 12 disjoint pairs: at least 0.735 of all, at a confidence of 0.95.
    few = changes(ladder({}, effective=12))
    assert few == {(rung, "majority of the pairs", 0.75): ("same", "inconclusive") for rung in RUNGS}
    # One in fourteen of the null is more alike than the pairs: above its 90% quantile, below its 95%.
    null = np.linspace(0, 1, 101)
    seen = Compared(np.full(40, 0.93), null, np.zeros(40, dtype=bool), 1e-8)
    for quantile, same in ((0.9, 40), (0.95, 0), (0.99, 0)):
        assert parted("units", seen, Cutoffs(nothing=quantile)).same.sum() == same
        assert parted("circuit", seen, Cutoffs(nothing=quantile)).vacuous.sum() == 40 - same


def test_the_table_is_judged_together_and_the_usual_verdicts_are_its_own() -> None:
    found = [ladder({"circuit": Pairs(0.92, 0.1)}, name="a"), ladder({"circuit": Pairs(0.25, 0.1)}, name="b")]
    swept, table = cutoff_sweep(found), ladder_table(found)
    usual = table.set_index(["a", "rung"])["verdict"]
    assert [usual[row.a, row.rung] for row in swept.itertuples()] == swept["verdict"].tolist()
    assert swept[["a", "becomes"]].values.tolist() == [["a", "partial"], ["b", "partial"]]
    assert swept.attrs["rungs"] == 10
    with pytest.raises(InputError):
        cutoff_sweep(found, alpha=1.5)


def test_rungs_that_cannot_be_compared_stay_so() -> None:
    bare = Measured("circuit", "one and two hidden layers", comparable=False)
    assert bare.cut_at(Cutoffs(same_circuit=0.1)) is bare
