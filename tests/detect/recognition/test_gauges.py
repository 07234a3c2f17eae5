"""The gauge: its names, the coordinate between the minima, symmetries, degenerate networks."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.reduced import reduce_network
from mathcircuits.detect.features.rationals import simple
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import hand_derived
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.gauges import describe, gauge_of, one_scale
from mathcircuits.detect.recognition.templates import circuits

HALF = "1/2 (x1 + x2) - 1/2 |x1 - x2|"
SWAP = Symmetry.parse(["x2", "x1"])


def between(share: float) -> Network:
    """lambda (x1 - relu(x1 - x2)) + (1 - lambda) (x2 - relu(x2 - x1)), the affine part along its own line."""
    a = np.array([share, 1 - share])
    return Network([[[1, -1], [-1, 1], a, -a], [[-share, share - 1, 1, -1]]])


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """Permuted, rescaled, split, with dead neurons: all that may not change the gauge."""
    (W, V), (b, c) = network.weights, network.bias_vectors
    rows = []
    for w, bias, v in zip(W, b, V.T, strict=True):
        # Positive shares: a share below 0 is another side's neuron turned into a pair.
        shares = rng.dirichlet(np.ones(rng.integers(1, 4)))
        rows += [(w, bias, v * share) for share in shares]
    for _ in range(2):
        w = rng.normal(size=W.shape[1])
        rows.append((w, -1.2 * np.abs(w).sum(), rng.normal(size=len(c))))
    scale = 10 ** rng.uniform(-2, 2, len(rows))
    order = rng.permutation(len(rows))
    W2 = [rows[k][0] * scale[k] for k in order]
    b2 = [rows[k][1] * scale[k] for k in order]
    return Network([W2, np.array([rows[k][2] / scale[k] for k in order]).T], [b2, c])


SHALLOW = [c for c in circuits.implementations if c.depth == 1 and not c.on_points]


@pytest.mark.parametrize("circuit", SHALLOW, ids=lambda c: f"{c.name}: {c.gauge}")
def test_every_implementation_bears_its_name(circuit) -> None:
    rng = np.random.default_rng(0)
    for network in (circuit.network, *(shuffled(circuit.network, rng) for _ in range(5))):
        gauge = gauge_of(network)
        assert gauge.circuit is circuits[circuit.name]
        assert gauge.name == circuit.gauge
        assert gauge.distance <= 1e-9
        assert gauge.scale == pytest.approx(1)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.53, 0.8, 1.0])
def test_the_coordinate_between_the_minima(share: float) -> None:
    gauge = gauge_of(between(share))
    assert gauge.circuit is circuits["minimum"]
    at = np.abs(gauge.reduced.n @ np.array([1, -1])).argmax()
    assert gauge.shares[at, 0] == pytest.approx(share, abs=1e-9)
    expected = {0.0: "x2 - relu(x2 - x1)", 0.5: HALF, 0.53: HALF, 1.0: "x1 - relu(x1 - x2)"}
    assert gauge.name == expected.get(share)


def test_distance_is_continuous_in_the_coordinate() -> None:
    # The carrier's line turns as well: no step where it leaves 5 degrees behind.
    distances = [gauge_of(between(0.5 + k / 200)).distance for k in range(21)]
    steps = np.diff(distances)
    assert distances[0] <= 1e-9
    assert (steps > 0).all()
    assert steps.max() < 0.02


def test_an_oblique_carrier_is_described() -> None:
    oblique = Network([[[1, -1], [3, 1], [-3, -1], [0, 1], [0, -1]], [[-3, 1, -1, -1, 1]]])
    gauge = gauge_of(oblique)
    assert (gauge.circuit, gauge.name) == (circuits["minimum"], None)
    assert gauge.scale == pytest.approx(3)
    assert gauge.description == (
        "the kink at x1 = x2 from the side x1 > x2; x1 + 0.3333*x2, x2 carried by pairs"
    )
    assert "not in the catalogue" in gauge._repr_html_()
    assert repr(gauge).startswith("Gauge(minimum(x1, x2), the kink at x1 = x2")


def test_symmetries_name_mirror_images_alike() -> None:
    mirror = circuits["minimum"].others[0].network
    assert gauge_of(mirror).name == "x2 - relu(x2 - x1)"
    assert gauge_of(mirror, symmetries=[SWAP]).name == "x1 - relu(x1 - x2)"
    assert gauge_of(between(0.5), symmetries=[SWAP]).name == HALF


def test_always_on_neurons_are_one_affine_part() -> None:
    network = Network([[[1, -1], [1, 1], [1, -1.0]], [[-1, 0.5, 0.5]]], [[0, 2, 2], [-2]])
    gauge = gauge_of(network)
    assert gauge.name == "always-on: relu(x1 + 1) - 1 - relu(x1 - x2)"
    assert gauge.description == "the kink at x1 = x2 from the side x1 > x2; x1 carried by always-on neurons"
    # On a smaller box the neuron that is always on at 1 is on everywhere; the template's own is not one.
    assert gauge_of(network, box=(-0.5, 0.5)).circuit is circuits["minimum"]


def test_positive_inputs_make_pairs_always_on() -> None:
    gauge = gauge_of(hand_derived("minimum"), box=(0, 1))
    assert gauge.name == "x1 - relu(x1 - x2)"
    assert gauge.reduced.affine.tolist() == [[1.0, 0.0]]


def test_unknown_functions_have_no_circuit() -> None:
    gauge = gauge_of(Network([[[1.0, -0.3]], [[1.0]]]))
    assert gauge.circuit is gauge.name is None
    assert gauge.on == ()
    assert np.isnan(gauge.distance)
    assert gauge.text == "relu(x1 - 0.3*x2)"
    without = gauge_of(
        hand_derived("minimum"), catalogue=circuits.without("minimum").without("minimum-older-form")
    )
    assert without.circuit is None


def test_two_outputs() -> None:
    gauge = gauge_of(hand_derived("sort-2"))
    assert gauge.name == circuits["sort-2"].gauge
    assert gauge.text == "0.5*x1 + 0.5*x2 - 0.5*abs(x1 - x2); 0.5*x1 + 0.5*x2 + 0.5*abs(x1 - x2)"


def test_deeper_and_smooth_networks_are_refused() -> None:
    with pytest.raises(InputError, match="2 ReLU layers, the normal form is of one"):
        gauge_of(hand_derived("minimum-of-4"))
    with pytest.raises(InputError, match="this one has tanh"):
        gauge_of(Network([[[1.0]], [[1.0]]], activation="tanh"))


def test_texts_and_numbers() -> None:
    assert simple(1 / 3 + 1e-5, 1e-4) == 1 / 3
    assert simple(0.417, 1e-3, 4) == 0.417
    assert simple(-2.0004, 1e-3) == -2
    reduced = reduce_network(Network([[[0.0, 2.0, 0.0]], [[3.0]]], [[1.0], [0.0]]))
    assert reduced.text() == "6*relu(x2 + 0.5)"
    assert reduced.text(["a", "b", "c"]) == "6*relu(b + 0.5)"
    assert describe(reduced, ["a", "b", "c"]) == "the kink at b + 0.5 = 0 from the side b + 0.5 > 0"


def test_one_scale_for_all_outputs() -> None:
    T = np.random.default_rng(0).normal(size=(30, 2))
    scale, off = one_scale(T, -2 * T + [1, 2]) or (0.0, 1.0)
    assert (scale, off) == pytest.approx((-2, 0))
    assert (one_scale(T, T * [1, -1]) or (0, 0))[1] > 0.5
    assert one_scale(T, np.ones((30, 2))) is None
