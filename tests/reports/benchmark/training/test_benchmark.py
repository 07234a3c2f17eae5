"""The training benchmark: all contestants train, the same way; its records; it can fail."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from mathcircuits.models.fitting.compilation import find_compiler
from mathcircuits.reports.benchmark.training import benchmark as training
from mathcircuits.reports.benchmark.training.benchmark import (
    ShapeRun,
    TrainingEffort,
    compare,
    in_a_process,
    run_training,
)

SMALL = TrainingEffort(
    (ShapeRun((3,), 8), ShapeRun((4, 4), 2)), rounds=2, seconds=0.002, inductor=False, steps=20, many=None
)

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler: nothing to compare")


def test_products_are_counted_by_hand() -> None:
    # 2-3-1: 6 + 3 forward, the same for the weights, 3 for the hidden units; no gradient of the inputs
    assert ShapeRun((3,), 1).products == 21
    # 2-64-64-1: 3 * (128 + 4096 + 64) - 128
    assert ShapeRun((64, 64), 1).products == 12_736


def test_every_contestant_trains() -> None:
    # each from the same weights (the loop: its own), until the loss is far below the first one
    cell = ShapeRun((8,), 4)
    for how in ("fused", "eager"):
        training._ours(cell, 0, how)(5)
    weights = training._weights(cell, 0)
    before = [weight.clone() for weight in weights]
    x = torch.rand((500, 2), generator=torch.Generator().manual_seed(1)) * 2 - 1

    def loss(own: list[torch.Tensor]) -> float:
        a = torch.relu(x @ own[0].transpose(1, 2)) @ own[1].transpose(1, 2)
        return float(((a - x.min(dim=1, keepdim=True).values) ** 2).mean())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_weights", lambda *_: weights)
        training._vmap(cell, 0)(300)
    assert loss(weights) < 0.3 * loss(before)


def test_one_run_gives_times_ratios_and_shares() -> None:
    found = run_training(size=SMALL, progress=False)
    assert (found.name, found.quick) == ("training", True)
    table = found.table
    steps = table[table["part"] == training.STEP]
    assert sorted(steps["population"].unique()) == sorted(
        {"loop", "vmap", "ours", "ours, eager", "ours, per seed"} | ({"jax"} & set(steps["population"]))
    )
    assert (steps["value"] > 0).all()
    assert steps["layers"].unique().tolist() == [1, 2]
    ratios = table[table["part"] == training.RATIO]
    assert set(ratios["measure"]) == {"times ours", "times ours, per seed"}
    shares = table[table["part"] == training.PEAK]["value"]
    assert ((shares > 0) & (shares < 1)).all()
    whole = table[table["part"] == training.WHOLE]
    assert whole["population"].unique().tolist() == ["ours, cold cache", "ours, warm cache"]
    assert json.loads(json.dumps(found.to_dict()))["name"] == "training"


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    scores = compare(SMALL.cells[0], replace(SMALL, rounds=3), 0, inductor=False)
    loop = next(s for s in scores if s.part == training.RATIO and s.setting.population == "loop")
    assert loop.bound is training.LOOP
    assert loop.n == 3
    low, high = (float(text) for text in loop.note.split("; ")[1].split(" over")[0].split(" to "))
    assert low * 0.99 <= loop.value <= high * 1.01


def test_a_bound_can_be_missed() -> None:
    assert not training.LOOP.holds(149.0, math.nan, math.nan)
    assert training.LOOP.holds(150.0, math.nan, math.nan)
    assert not training.MINUTES.holds(241.0, math.nan, math.nan)


def test_a_process_reports_seconds_and_memory() -> None:
    found = in_a_process(3, 5, (3,), None)
    assert found["seconds"] > 0
    assert 0.05 < found["gigabytes"] < 8


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    compare(SMALL.cells[0], replace(SMALL, rounds=1), 0, inductor=False)
    assert torch.equal(torch.get_rng_state(), before)
