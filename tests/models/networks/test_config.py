"""Configurations: frozen values whose errors say what to do."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError
from mathcircuits.models import MLP, MLPConfig
from mathcircuits.models.networks.config import initial_parameters


def test_the_generator_goes_on_where_torch_would() -> None:
    config = MLPConfig((2, 3, 1), bias=True)
    _, generator = initial_parameters(config, 5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        for sizes in ((2, 3), (3, 1)):
            torch.nn.Linear(*sizes)
        expected = torch.rand(7)
    assert torch.equal(torch.rand(7, generator=generator), expected)


def test_a_config_is_a_value() -> None:
    config = MLPConfig([2, np.int64(3), 1])  # type: ignore[arg-type]
    assert config == MLPConfig((2, 3, 1))
    assert pickle.loads(pickle.dumps(config)) == config
    assert config.hidden == (3,)
    with pytest.raises(FrozenInstanceError):
        config.bias = True  # type: ignore[misc]
    assert replace(config, dtype="float64").dtype == "float64"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"sizes": (2, 0, 1)},
            "width 0 in hidden layer 0 of sizes (2, 0, 1): every layer needs at least one unit",
        ),
        ({"sizes": (2, -3, 1)}, "width -3 in hidden layer 0"),
        ({"sizes": (0, 3, 1)}, "width 0 in inputs"),
        ({"sizes": (2, 3, 0)}, "width 0 in outputs"),
        ({"sizes": (2,)}, "give at least inputs and outputs"),
        ({"sizes": (2, 1.5, 1)}, "give integers"),
        ({"dtype": "float16"}, "dtype 'float16': give 'float32' or 'float64'"),
        ({"bias": (True,)}, "1 values of bias for 2 linear layers: give one, or one each"),
        ({"bias": "no"}, "bias 'no': give True or False"),
        ({"activation": ("relu", "relu")}, "2 values of activation for 1 hidden layers"),
        ({"activation": "rleu"}, "activation 'rleu'"),
    ],
)
def test_a_wrong_config_says_what_to_do(fields: dict[str, object], text: str) -> None:
    with pytest.raises(InputError) as error:
        MLPConfig(**fields)  # type: ignore[arg-type]
    assert text in str(error.value)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "0"])
def test_a_wrong_seed_says_what_to_do(seed: object) -> None:
    with pytest.raises(InputError, match="give an integer from 0 to 4294967295"):
        MLP(MLPConfig(), seed=seed)  # type: ignore[arg-type]
