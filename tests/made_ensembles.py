"""Made ensembles: small ones of every kind that is trained, and one whose networks have unequal widths."""

from __future__ import annotations

import numpy as np

from mathcircuits.models import Ensemble, MLPConfig, as_regimen, train

GROWN = train("minimum", hidden=4, seeds=(5, 2, 9), regimen="lm-restarts", checkpoints="log")
RUNS = train("minimum", hidden=3, seeds=(5, 2, 9), steps=30, checkpoints="log")
RESCUED = train(
    "clip",
    hidden=2,
    seeds=(1, 4),
    regimen=as_regimen("rescue", steps=20, rescue={"phases": 2, "steps": 10}, polish=5),
    checkpoints="log",
)


def uneven() -> Ensemble:
    """Three networks with 1, 2 and 3 neurons in the same arrays."""
    weights = [np.zeros((3, 3, 2)), np.zeros((3, 1, 3))]
    for k in range(3):
        weights[0][k, : k + 1] = k + 1.0
        weights[1][k, 0, : k + 1] = 1.0
    return Ensemble(
        task="minimum",
        config=MLPConfig((2, 3, 1), dtype="float64"),
        regimen=as_regimen("compress"),
        steps=7,
        seeds=(10, 20, 30),
        weights=tuple(weights),
        biases=(None, None),
        losses=np.array([1.0, np.nan, 1e-9]),
        logged_steps=np.array([0, 8]),
        logged_losses=np.ones((2, 3)),
        widths=np.array([[1], [2], [3]]),
        cost=np.array([11, 12, 13]),
    )
