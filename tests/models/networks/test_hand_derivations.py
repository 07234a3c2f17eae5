"""Hand-derived networks compute their function, by name and size."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import UnknownNameError, circuits
from mathcircuits.detect import hand_derived as plain
from mathcircuits.detect.features.task import hand_derived_names
from mathcircuits.models import hand_derived


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", hand_derived_names())
def test_hand_derived_networks_compute_their_function(name: str, dtype: str) -> None:
    net = hand_derived(name, dtype)  # type: ignore[arg-type]
    circuit = circuits[name]
    X = np.random.default_rng(0).integers(-8, 9, (200, circuit.arity)) / 8  # exact in float32
    # The rates of the tax are no binary fractions.
    rounding = 1e-15 if name != "tax" else 1e-7 if dtype == "float32" else 1e-15
    assert np.abs(net(X).detach().double().numpy() - circuit.values(X)).max() < rounding
    pairs = zip(net.to_network().weights, plain(name).weights, strict=True)
    assert all((a == b.astype(dtype)).all() for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "sizes"),
    # every row of the table in docs/understand/normalform.md, The hand-derived networks
    [
        ("identity", (1, 2, 1)),
        ("negation", (1, 2, 1)),
        ("absolute", (1, 2, 1)),
        ("addition", (2, 2, 1)),
        ("subtraction", (2, 2, 1)),
        ("minimum", (2, 3, 1)),
        ("minimum-older-form", (2, 3, 2, 1)),
        ("minimum-of-4", (4, 6, 3, 1)),
        ("final reconstructor", (1, 2, 1)),
        ("min", (2, 3, 1)),
        ("Minimum of four", (4, 6, 3, 1)),
    ],
)
def test_hand_derived_names_and_sizes(name: str, sizes: tuple[int, ...]) -> None:
    assert hand_derived(name).cfg.sizes == sizes


def test_an_unknown_hand_derived_network() -> None:
    with pytest.raises(
        UnknownNameError, match="no hand-derived network named 'minimun': did you mean 'minimum'"
    ):
        hand_derived("minimun")
