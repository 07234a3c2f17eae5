"""Whole tables of verdicts: rows that nothing was learned about are rarely called something, however rows depend."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import verdict_table
from mathcircuits.reports.benchmark.detection.effort import QUICK
from mathcircuits.reports.benchmark.detection.wholetables import (
    DEPENDENCE,
    NETWORKS,
    ROWS,
    draw_table,
    measurements,
    on_tables,
)
from mathcircuits.reports.benchmark.scores import Setting


@pytest.mark.parametrize("dependence", DEPENDENCE)
@pytest.mark.parametrize("learned", [0, ROWS // 2])
def test_few_rows_are_called_something(dependence: str, learned: int) -> None:
    """Prediction: at most 5% of the rows, and of the claims; both intervals of 50 tables reach down to that."""
    wrong, false = on_tables(Setting(dependence, planted=learned), 50, seed=3)
    assert wrong.low <= 0.05
    assert false.low <= 0.05
    assert (wrong.n, false.n) == (50, 50)


def test_what_is_learned_is_found_and_margins_alone_would_call_nearly_all() -> None:
    table = draw_table(0.0, ROWS // 2, np.random.default_rng(0))
    assert len(table) == ROWS
    assert set(table["n"]) == set(table["untrained_n"]) == {NETWORKS}
    assert set(table["verdict"][: ROWS // 2]) == {"universal", "partial"}
    alone = verdict_table(table[["found", "n"]])["verdict"][ROWS // 2 :]
    assert (~alone.isin(["vacuous", "inconclusive"])).mean() > 0.5


def test_rows_depend_as_they_are_said_to() -> None:
    rng = np.random.default_rng(1)
    one = draw_table(1.0, 0, rng)
    assert one["found"].nunique() == one["untrained_found"].nunique() == 1
    spread = [draw_table(0.0, 0, rng)["found"].to_numpy() for _ in range(20)]
    common = [draw_table(0.95, 0, rng)["found"].to_numpy() for _ in range(20)]
    together = [
        abs(np.corrcoef(np.array(found)[:, 2], np.array(found)[:, 7])[0, 1]) for found in (common, spread)
    ]
    assert together[0] > 0.8 > together[1]


def test_every_kind_of_table_is_measured() -> None:
    texts = [measurement.text for measurement in measurements(QUICK, 0)]
    assert len(texts) == len(set(texts)) == 2 * len(DEPENDENCE)
