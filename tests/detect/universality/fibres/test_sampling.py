"""A fibre's networks compute the function; what the function forces is in all of them, and no more."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mathcircuits.detect import Fibre, InputError, Network, canonical_form, certify, fibre
from mathcircuits.detect.networks import sobol_points

MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
SLIDES = ("x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)")
SORT = Network([[[1, -1], [0, 1], [1, 0], [0, -1], [-1, 0]], [[-1, 0, 1, 0, -1], [1, 1, 0, -1, 0]]])
CLIP = Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[0.5, -0.5], [-0.5]])
SUM = Network([[[1, 1, 1], [-1, -1, -1]], [[1, -1]]])


@cache
def smallest() -> Fibre:
    return fibre(MINIMUM, 3, scale=0.5, particles=400, seed=1)


def test_three_neurons_have_one_way_to_be_the_minimum() -> None:
    # The exact case: at the smallest width every member is Osier's network or its mirror image.
    drawn = smallest()
    assert drawn.form_share(*SLIDES).value == 1.0
    assert drawn.feature_share("greaterness").value == 1.0
    assert drawn.feature_share("positiveness").value == 1.0
    assert drawn.feature_share("positiveness").low < 1
    assert drawn.median_norm == pytest.approx(2 + 2**0.5, abs=0.01)


def test_members_are_below_the_threshold() -> None:
    drawn = smallest()
    X = sobol_points(((-1.0, 1.0),) * 2, 13)
    target = MINIMUM(X)
    for net, error in list(zip(drawn.networks, drawn.errors, strict=True))[:20]:
        assert ((net(X) - target) ** 2).mean() == pytest.approx(error, rel=0.01)
    assert drawn.errors.max() < 1e-8
    assert certify(drawn.networks[0], "min(x1, x2)").lower < 1e-3
    assert [float(drawn.weights[drawn.chain == k].sum()) for k in (0, 1)] == pytest.approx([1, 1])


def test_masses_of_spare_neurons_have_the_scale() -> None:
    # What no function fixes is as the init law has it: weights of the usual deviation times the root of the factor.
    drawn = fibre(Network([[[1.0], [-1.0]], [[1e-3, 1e-3]]]), 2, scale=0.01, threshold=1.0, particles=400)
    hidden = np.concatenate([net.weights[0].ravel() for net in drawn.networks])
    readout = np.concatenate([net.weights[1].ravel() for net in drawn.networks])
    factor = 0.01 * 3 * 2**0.5
    assert hidden.std() == pytest.approx((factor / 3) ** 0.5, rel=0.1)
    assert readout.std() == pytest.approx((factor / 6) ** 0.5, rel=0.1)


@pytest.mark.parametrize(
    ("network", "width", "bias"),
    [(SORT, 5, False), (CLIP, 3, True), (SUM, 3, False), (MINIMUM, 3, True)],
    ids=["two outputs", "one input with biases", "three inputs", "biases"],
)
def test_other_shapes(network: Network, width: int, bias: bool) -> None:
    drawn = fibre(network, width, bias=bias, scale=0.5, threshold=1e-5, particles=80, sweeps=1, chains=1)
    box = ((-1.0, 1.0),) * network.inputs
    X = sobol_points(box, 13)
    errors = [((net(X) - network(X)) ** 2).mean() for net in drawn.networks]
    assert max(errors) < 2e-5
    assert {net.sizes for net in drawn.networks} == {(network.inputs, width, network.outputs)}
    assert all((net.biases is not None) == bias for net in drawn.networks)


def test_one_seed_gives_the_same_members() -> None:
    first, second = (fibre(MINIMUM, 3, threshold=1e-2, particles=30, seed=5) for _ in range(2))
    assert first.weights.tolist() == second.weights.tolist()
    assert fibre(MINIMUM, 3, threshold=1e-2, particles=30, seed=6).weights.tolist() != first.weights.tolist()


def test_a_normal_form_keeps_its_box() -> None:
    form = canonical_form(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]), box=(-2, 2))
    drawn = fibre(form, 2, threshold=1e-4, particles=50, chains=1)
    X = np.linspace(-2, 2, 2001)[:, None]
    assert max(((net(X) - np.abs(X)) ** 2).mean() for net in drawn.networks) < 1.1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"width": 17},
            "2 inputs and 17 neurons: a fibre is drawn for one hidden layer with up to 3 inputs and 16",
        ),
        ({"width": 2}, "2 neurons: no network of fewer than 3 computes"),
        ({"width": 3, "inputs": "gaussian"}, "inputs 'gaussian': the error is a mean over 'uniform' inputs"),
        ({"width": 3, "inputs": "normal", "bias": True}, "inputs 'normal' with biases"),
        ({"width": 3, "particles": 1}, "1 particles, 2 sweeps, 2 chains: give at least two particles"),
        ({"width": 3, "scale": -1.0}, "scale -1 and threshold 1e-08: give two numbers above 0"),
        ({"width": 3, "scale": 1e4}, "threshold 1e-08 at scale 10000: rounding would decide"),
    ],
)
def test_what_it_cannot_do_it_says(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fibre(MINIMUM, **arguments)


def test_four_inputs_and_offsets_without_biases() -> None:
    with pytest.raises(InputError, match="4 inputs and 6 neurons"):
        fibre(Network([np.ones((1, 4)), [[1.0]]]), 6)
    with pytest.raises(InputError, match="bends only through 0"):
        fibre(CLIP, 4)
