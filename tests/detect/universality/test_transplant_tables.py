"""Tables of transplants: over tasks and seeds, and of none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mathcircuits.detect import Network, hand_derived
from mathcircuits.detect.universality.transplant_tables import (
    TRANSPLANT_COLUMNS,
    transplant_many,
    transplant_summary,
)

MINIMUM = hand_derived("minimum")


def rescaled(network: Network, seed: int = 0) -> Network:
    """The same function with its units permuted and rescaled."""
    rng = np.random.default_rng(seed)
    weights = [w.copy() for w in network.weights]
    for k in range(len(weights) - 1):
        order, scale = rng.permutation(len(weights[k])), rng.uniform(0.2, 5, len(weights[k]))
        weights[k] = weights[k][order] * scale[:, None]
        weights[k + 1] = weights[k + 1][:, order] / scale
    return Network(weights)


# --- matrices ---


def test_a_matrix_over_tasks_and_seeds() -> None:
    nets: dict[str, Network | list[Network]] = {
        "minimum": [MINIMUM, rescaled(MINIMUM)],
        "maximum": hand_derived("maximum"),
        "sum": hand_derived("addition"),
    }
    frame = transplant_many(nets, "greaterness", tasks={"minimum": "minimum", "maximum": "maximum"})
    assert tuple(frame.columns) == TRANSPLANT_COLUMNS
    assert len(frame) == 4 * 3
    done = frame[frame["reason"] == ""]
    assert len(done) == 6
    assert done["accuracy"].to_numpy() == pytest.approx(1, abs=1e-9)
    assert (done["decoy"] < done["accuracy"]).all()
    assert (done["loss_after"] < done["loss_decoy"]).all()
    assert frame[frame["reason"] != ""]["accuracy"].isna().all()
    summary = transplant_summary(frame)
    row = summary[(summary["donor"] == "minimum") & (summary["recipient"] == "minimum")].iloc[0]
    assert (row["pairs"], row["done"], row["reason"]) == (2, 2, "")
    missing = summary[summary["recipient"] == "sum"].iloc[0]
    assert missing["reason"].startswith("no used neuron of the recipient holds greaterness")
    assert math.isnan(missing["accuracy"])


def test_an_empty_matrix_keeps_its_columns() -> None:
    assert tuple(transplant_many({"one": MINIMUM}, "greaterness").columns) == TRANSPLANT_COLUMNS
