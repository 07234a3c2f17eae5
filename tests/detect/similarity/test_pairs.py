"""All pairs at once are what one by one gives."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.similarity.measures import Prepared
from mathcircuits.detect.similarity.pairs import MEASURES, cka_values, pairwise, unit_values
from mathcircuits.detect.similarity.representations import (
    cka_measure,
)

RNG = np.random.default_rng(7)
# Correlated layers away from the origin, units of unequal strength, so that nothing holds by accident.
LEFT = RNG.normal(size=(80, 5)) * [1, 2, 0.5, 3, 1] + [0, 1, 2, -1, 0.5]
RIGHT = LEFT @ RNG.normal(size=(5, 6)) + 2 * RNG.normal(size=(80, 6)) + RNG.normal(size=6)


# --- all pairs ---


@pytest.mark.parametrize("name", MEASURES)
def test_all_pairs_equal_one_by_one(name: str) -> None:
    layers = [LEFT, RIGHT, LEFT[:, ::-1] * 2, np.zeros((80, 2))]
    by_hand = MEASURES[name]()
    one = [[by_hand.value(by_hand.ready(x), by_hand.ready(y)) for y in layers] for x in layers]
    table = pairwise(layers, name)
    assert table == pytest.approx(np.array(one), abs=1e-12)
    assert pairwise(layers, by_hand, against=[RIGHT]) == pytest.approx(table[:, 1:2], abs=1e-12)


# --- the parts ---


def test_batched_cka_and_matching_equal_pairwise() -> None:
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(60, d)) for d in (1, 3, 5)] + [np.zeros((60, 2))]
    others = [rng.normal(size=(60, d)) for d in (2, 4)] + [np.ones((60, 1))]
    for name, batched in (("cka", cka_values), ("correlation_matching", unit_values)):
        measure = MEASURES[name]()
        a: list[Prepared] = [measure.ready(layer) for layer in layers]
        b: list[Prepared] = [measure.ready(layer) for layer in others]
        assert batched(a, b) == pytest.approx(pairwise(layers, measure, against=others), abs=1e-12)
    assert cka_values([cka_measure().ready(layers[3])], [cka_measure().ready(others[2])]).item() == 1
