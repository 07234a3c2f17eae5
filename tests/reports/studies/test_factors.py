"""Factors: a full crossing, its names and columns, and what cannot be crossed."""

from __future__ import annotations

import itertools
import tomllib
from typing import Any

import pandas as pd
import pytest

from mathcircuits.detect import InputError
from mathcircuits.models import as_regimen
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.studies.cells import study_cells
from mathcircuits.reports.studies.factors import Factors, factor_columns, with_factors

TEXT = """
tasks = ["minimum", "absolute"]
widths = ["1x", "2x"]
seeds = 3
reads = "forms"
[factors]
base = { preset = "adam", polish = 5 }
decay = [0, 1e-5, 1e-3]
optimiser = [
    { level = "momentum", optimiser = "sgd", momentum = 0.9, lr = 0.05 },
    { level = "adam", lr = 0.02 },
]
"""


def test_the_conditions_are_the_full_crossing() -> None:
    config = StudyConfig(**tomllib.loads(TEXT))
    assert config.factors is not None
    names = [regimen.name for regimen in config.regimens_at("1x")]
    assert names == [
        f"decay={decay}, optimiser={optimiser}"
        for decay, optimiser in itertools.product(("0", "1e-05", "0.001"), ("momentum", "adam"))
    ]
    for regimen in config.factors.regimens:
        assert (regimen.polish, regimen.preset, regimen.steps) == (5, "adam", as_regimen("adam").steps)
        assert regimen.momentum == (0.9 if "momentum" in regimen.name else 0)
    trained = [cell for cell in study_cells(config) if not cell.derived]
    assert len(trained) == len({cell.condition for cell in trained}) == 2 * 2 * 6
    assert {cell.reads for cell in trained} == {"forms"}
    assert StudyConfig(**config.to_dict()) == config


def test_no_two_conditions_of_a_task_share_a_seed() -> None:
    config = StudyConfig(**tomllib.loads(TEXT))
    for task in config.tasks:
        seeds = [
            seed
            for cell in study_cells(config)
            if cell.task == task and not cell.derived
            for seed in cell.seeds
        ]
        assert sorted(seeds) == list(range(2 * 6 * 3))
    assert config.seeds_used == tuple(range(2 * 6 * 3))
    assert config.with_seeds(1).seeds_used == tuple(range(2 * 6))


def test_levels_are_columns_of_every_table_that_names_regimens() -> None:
    factors = Factors(**tomllib.loads(TEXT)["factors"])
    assert factor_columns(factors, "networks") == {"factor_decay": "float", "factor_optimiser": "text"}
    assert list(factor_columns(factors, "ladder")) == [
        "factor_decay_a", "factor_optimiser_a", "factor_decay_b", "factor_optimiser_b",
    ]  # fmt: skip
    assert factor_columns(factors, "pairs") == factor_columns(None, "networks") == {}
    frame = pd.DataFrame(
        {"regimen_a": ["decay=1e-05, optimiser=adam"], "regimen_b": ["decay=0, optimiser=momentum"]}
    )
    row = with_factors(frame, factors, "ladder").iloc[0]
    assert row["factor_decay_a"] == 1e-5
    assert row["factor_decay_b"] == 0
    assert (row["factor_optimiser_a"], row["factor_optimiser_b"]) == ("adam", "momentum")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "factors: none is given: give at least one"),
        ({"decay": []}, r"factors.decay = \[\]: give a list of at least two levels"),
        ({"decay": [0]}, "what does not vary belongs into base"),
        ({"decay": 0.1}, "factors.decay = 0.1: give a list"),
        ({"decay": [0, 0.0]}, "factors.decay: the level 0 is given twice"),
        ({"decya": [0, 1]}, "unknown factor 'decya': did you mean 'decay'"),
        ({"noise": [{"level": "a"}, {"level": "b", "label_nois": 1}]}, "unknown key 'label_nois': did you mean"),
        ({"noise": [{"label_noise": 1}, {"level": "b"}]}, "has no name: give it one"),
        ({"noise": [{"level": "a/b"}, {"level": "b"}]}, "holds a slash"),
        ({"decay": [[0], [1]]}, r"factors.decay: \[0\] is not a level"),
        ({"decay": [0, -1]}, "decay=-1 is not a regimen .decay = -1: input should be greater"),
        ({"base": "adma", "decay": [0, 1]}, "no regimen named 'adma': did you mean 'adam'"),
        ({"base": 3, "decay": [0, 1]}, "factors.base = 3: give a preset's name"),
        ({"base": {"decay": 1e-3}, "decay": [0, 1]}, "'decay' is set by base and by decay"),
        (
            {"decay": [0, 1], "kind": [{"level": "a"}, {"level": "b", "decay": 2}]},
            "'decay' is set by decay and by kind",
        ),
        (
            {"base": {}, "optimiser": ["adam", "levenberg"], "decay": [0, 1]},
            "optimiser=levenberg, decay=1 is not a regimen .*leave one of the levels out",
        ),
        ({"momentum": [0, 0.9], "optimiser": ["sgd", "adam"]}, "momentum = 0.9 does nothing with optimiser 'adam'"),
        ({"decay": [0, 1], "decay_until": [0, 0.5]}, "decay does nothing with decay_until = 0"),
        ({"base": {"samples": 50}, "batch": [50, 60]}, "batch = 60 is the whole set of samples = 50"),
        ({"noise": [{"level": "a"}, {"level": "b"}]}, "noise=a and noise=b are one regimen"),
    ],
)  # fmt: skip
def test_what_cannot_be_crossed_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, KeyError), match=said):
        Factors(**fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"regimens": ["adam"]}, "regimens beside factors: the factors' levels are the regimens"),
        ({"grid": [{"seeds": 3}]}, "grid beside factors: a crossing is full"),
        ({"seeds": [1, 2]}, r"seeds = \[1, 2\] beside factors: every condition has its own; give how many"),
        ({"factors": {"decay": []}}, r"study: factors.decay = \[\]"),
        ({"factors": {"steps": [10, 20]}, "steps": 5}, "steps = 5 where a factor sets them"),
        ({"reads": "form"}, "reads = 'form'"),
    ],
)
def test_what_a_study_cannot_have_beside_factors_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        StudyConfig(**{"factors": {"decay": [0, 1e-3]}, **fields})
