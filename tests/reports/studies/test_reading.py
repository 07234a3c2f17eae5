"""Reading cells: untrained networks are what training starts from."""

from __future__ import annotations

import numpy as np

from mathcircuits.models import train
from mathcircuits.reports.studies.reading import untrained_networks


def test_untrained_networks_are_what_training_starts_from() -> None:
    start = train("minimum", hidden=(3,), seeds=(0, 5), steps=0)
    trained = train("minimum", hidden=(3,), seeds=(0, 5), steps=3)
    for network, zero, end in zip(
        untrained_networks(trained).values(), start.networks(), trained.networks(), strict=True
    ):
        assert all(np.array_equal(a, b) for a, b in zip(network.weights, zero.weights, strict=True))
        assert not np.array_equal(network.weights[0], end.weights[0])
