"""Candidates: what recurs and has no name comes back as a formula and as an entry that loads again."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.exact.reduced import reduce_network
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import hand_derived
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.candidates_search import candidates, network_of
from mathcircuits.detect.recognition.gauges import gauge_of
from mathcircuits.detect.recognition.templates import circuits, parse_circuits
from mathcircuits.models import train

HALF = "1/2 (x1 + x2) - 1/2 |x1 - x2|"
LESS = circuits.without("minimum", HALF)


def noisy(network: Network, rng: np.random.Generator, size: float = 0.004) -> Network:
    weights = [w * (1 + size * rng.normal(size=w.shape)) for w in network.weights]
    return Network(weights, network.biases)


def half_sum() -> Network:
    return next(c for c in circuits["minimum"].gauges if c.gauge == HALF).network


# From training


def test_the_half_sum_form_comes_back_from_training() -> None:
    runs = train("minimum", hidden=(12,), seeds=range(4), regimen={"preset": "adam", "decay": 1e-3})
    networks = [runs[k].to_network() for k in range(4)]
    assert candidates(networks, symmetries=[Symmetry.parse(["x2", "x1"])]) == []
    (found,) = candidates(networks, catalogue=LESS)
    assert found.text == "0.5 * x1 + 0.5 * x2 - 0.5 * abs(x1 - x2)"
    assert (found.count, found.networks) == (4, (0, 1, 2, 3))
    assert found.circuit is LESS["minimum"]
    assert found.network.sizes == (2, 4, 1)
    assert certify(found.network, "minimum").upper < 1e-12
    assert found.error < 0.01
    # The entry, added to the catalogue, names those networks.
    grown = LESS | parse_circuits(found.toml, "candidate.toml", LESS)
    assert {gauge_of(network, catalogue=grown).name for network in networks} == {found.text}
    assert candidates(networks, catalogue=grown) == []


# Planted


def test_noise_is_averaged_and_snapped() -> None:
    rng = np.random.default_rng(0)
    networks = [noisy(half_sum(), rng) for _ in range(6)]
    (found,) = candidates([*networks, hand_derived("minimum")], catalogue=LESS)
    assert found.text == "0.5 * x1 + 0.5 * x2 - 0.5 * abs(x1 - x2)"
    assert found.networks == (0, 1, 2, 3, 4, 5)
    assert found.network.weights[1].tolist() == [[-0.5, -0.5, 0.5, -0.5]]
    assert 0 < found.error < 0.1


def test_a_new_function_is_a_circuit_of_its_own() -> None:
    rng = np.random.default_rng(1)
    network = Network([[[1, 1], [1, -1], [-2, 2]], [[2, -1, 0.75]]], [[0, -0.5, 0.25], [0.25]])
    strangers = [Network([rng.normal(size=(4, 2)), rng.normal(size=(1, 4))]) for _ in range(4)]
    (found,) = candidates([network, *strangers, Network(*_shuffled(network))])
    assert found.networks == (0, 5)
    assert found.circuit is None
    assert found.name.startswith("candidate-")
    assert found.error < 1e-9
    grown = circuits | parse_circuits(found.toml, "candidate.toml", circuits)
    assert gauge_of(network, catalogue=grown).circuit is grown[found.name]
    assert certify(network, found.text).upper < 1e-9


def _shuffled(network: Network) -> tuple[list[np.ndarray], list[np.ndarray]]:
    order, scale = [2, 0, 1], np.array([2.0, 0.5, 3.0])
    W, V = network.weights
    b, c = network.bias_vectors
    return [W[order] * scale[:, None], V[:, order] / scale], [b[order] * scale, c]


def test_variables_of_deeper_networks_recur_too() -> None:
    first = [[1, -0.5], [-1, 0.25], [0, 1]]
    second = [[1, 1, 0.5], [1, -1, -1]]
    networks = [Network([first, np.diag([a, b]) @ second, [[1, 1]]]) for a, b in ((1, 2), (3, -1))]
    found = candidates(networks)
    assert [c.count for c in found] == [2, 2]
    assert all(np.isnan(c.error) for c in found)
    for c in found:
        assert parse_circuits(c.toml, "candidate.toml", circuits)[0].text == c.text


def test_mirror_images_are_one_under_the_tasks_symmetries() -> None:
    known = circuits
    for gauge in ("x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)"):
        known = known.without("minimum", gauge)
    one, two = hand_derived("minimum"), circuits["minimum"].others[0].network
    assert candidates([one, two], catalogue=known) == []
    (found,) = candidates([one, two], catalogue=known, symmetries=[Symmetry.parse(["x2", "x1"])])
    assert found.count == 2
    assert found.text in ("x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)")


def test_two_outputs() -> None:
    known = circuits.without("sort-2", "1/2 (x1 + x2) -+ 1/2 |x1 - x2|")
    (found,) = candidates([hand_derived("sort-2")] * 2, catalogue=known)
    assert found.circuit is known["sort-2"]
    assert found.text == "0.5 * x1 + 0.5 * x2 - 0.5 * abs(x1 - x2); 0.5 * x1 + 0.5 * x2 + 0.5 * abs(x1 - x2)"
    assert (known | parse_circuits(found.toml, "candidate.toml", known))["sort-2"].gauges[
        -1
    ].gauge == found.text


# What is no candidate, and what is refused


def test_what_is_known_or_rare_is_none() -> None:
    assert candidates([]) == []
    assert candidates([hand_derived("minimum")] * 3) == []
    assert candidates([half_sum()], catalogue=LESS) == []
    assert len(candidates([half_sum()], catalogue=LESS, min_count=1)) == 1
    assert candidates([Network([[[1.0]], [[1.0]]], activation="tanh")] * 2) == []
    assert candidates([Network([[[1.0]]])] * 2) == []


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="networks of 1, 2 inputs: give networks of one task"):
        candidates([hand_derived("absolute"), hand_derived("minimum")])
    with pytest.raises(InputError, match="min_count 0: give the number of networks"):
        candidates([half_sum()], min_count=0)


def test_a_reduced_network_is_a_network_again() -> None:
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (50, 2))
    angles = np.array([0.1, 0.9, 1.7, 2.5])
    W = np.column_stack([np.cos(angles), np.sin(angles)])
    for network in (
        Network([W, rng.normal(size=(2, 4))], [[0.1, -0.2, 3, 0.4], [1, 2]]),
        half_sum(),
        Network([[[0.0, 0.0]], [[1.0]]], [[1.0], [0.0]]),
    ):
        assert np.allclose(network_of(reduce_network(network))(X), network(X))


def test_shown_in_a_notebook() -> None:
    (found,) = candidates([half_sum()] * 2, catalogue=LESS)
    assert "[[gauge]]" in found._repr_html_()
    assert (
        repr(found) == "Candidate('0.5 * x1 + 0.5 * x2 - 0.5 * abs(x1 - x2)', a gauge of minimum, 2 networks)"
    )


@pytest.mark.parametrize("share", [1 / 3, 5 / 7, 0.123456789, 2 / 11])
def test_an_entry_holds_its_numbers_in_full(share: float) -> None:
    # Four digits of 1/3 are 3e-5 off, and the catalogue holds an entry's weights against its formula.
    network = Network([[[1.0, share], [-1.0, -share]], [[1.0, 1.0]]])
    (found,) = candidates([network, network])
    assert found.error < 1e-4
    (entry,) = parse_circuits(found.toml, "candidate.toml", circuits)
    assert entry.text == found.text
