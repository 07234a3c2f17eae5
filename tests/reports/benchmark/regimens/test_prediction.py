"""The benchmark of predictions: what trains is what was predicted, beside the majority."""

from __future__ import annotations

import pytest

from mathcircuits.detect import (
    closed_rule,
)
from mathcircuits.models import Regimen, train
from mathcircuits.reports.benchmark.regimens.prediction import (
    BATCHES,
    MAJORITY,
    MINIMAL,
    TREES,
    WIDTHS,
    PredictionEffort,
    TaskAtWidth,
    cell_scores,
    outcomes,
)
from mathcircuits.reports.benchmark.results import Benchmark

SGD = Regimen(optimiser="sgd", lr=0.1, batch=1000)


@pytest.mark.parametrize(
    ("task", "refined", "least"),
    # |x| was right on all of 7500 seeds; of 300 the others are met with a chance of failure below 1 in 1000 each
    [
        ("absolute", False, 0.99),
        ("identity", False, 0.92),
        ("negation", True, 0.97),
        ("subtraction", True, 0.92),
    ],
)
def test_what_trains_is_what_was_predicted(task: str, refined: bool, least: float) -> None:
    rule = closed_rule(task, refined=refined)
    assert rule is not None
    stack, solved = outcomes(TaskAtWidth(task, 2, 500), range(300))
    found = rule.score(stack, solved)
    assert found.majority.value < 0.75
    assert found.accuracy.value >= least


def test_a_start_is_the_ensemble_of_no_steps() -> None:
    stack, solved = outcomes(TaskAtWidth("absolute", 2, 200), range(20))
    start = train("absolute", hidden=(2,), seeds=range(20), regimen=SGD, steps=0)
    end = train("absolute", hidden=(2,), seeds=range(20), regimen=SGD, steps=200)
    assert (solved == (end.losses < 1e-4)).all()
    rule = closed_rule("absolute")
    assert rule is not None
    assert (rule.predict(start.networks()) == rule.predict(stack)).all()
    # the trained weights are another matter: what failed has given up
    assert 0 < solved.sum() < 20


# The benchmark


def test_the_benchmark_asks_predictors_beside_the_majority() -> None:
    size = PredictionEffort(
        (TaskAtWidth("absolute", 2, 300, True),), 300, 60, 10, (TaskAtWidth("absolute", 4, 300),), 60, 30
    )
    cells = [(MINIMAL, size.minimal[0]), (WIDTHS, size.wide[0])]
    scores = [score.lenient() for part, cell in cells for score in cell_scores(part, cell, size, seed=0)]
    found = Benchmark("prediction", True, 0, tuple(scores), {}, {})
    table = found.table
    assert table["part"].unique().tolist() == [MINIMAL, BATCHES, WIDTHS]
    assert found.passed
    minimal = table[table["part"] == MINIMAL].set_index("population")
    assert minimal.index.tolist() == ["closed rule", TREES, MAJORITY]
    assert (minimal["n"] == 60).all()
    accuracy = minimal["value"].astype(float).to_dict()
    assert accuracy[MAJORITY] < accuracy[TREES]
    wide = table[(table["part"] == WIDTHS) & table["measure"].str.contains("success")]
    assert wide["population"].tolist() == ["observed", "closed rule", TREES]
    assert wide["width"].unique().tolist() == [4]
    assert ((wide["low"] <= wide["value"]) & (wide["value"] <= wide["high"])).all()
