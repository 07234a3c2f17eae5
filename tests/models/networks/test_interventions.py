"""Interventions: through TransformerLens's hooks and in numpy, the same outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError, Network, UnknownNameError
from mathcircuits.models import MLP, MLPConfig, ablate, hand_derived, interchange, intervene, substitute

RNG = np.random.default_rng(0)
X, OTHER = RNG.uniform(-1, 1, (40, 3)), RNG.uniform(-1, 1, (40, 3))
DEEP = MLP(MLPConfig((3, 5, 4, 2), bias=True, dtype="float64"), seed=7)
VALUES = RNG.normal(size=40)
DIRECTION = RNG.normal(size=5)
MINIMUM = np.array([[0.25, 0.5], [0.5, -0.5], [-0.75, -0.5]])

Run = Callable[[MLP | Network], np.ndarray]


@pytest.mark.parametrize(
    "run",
    [
        lambda net: ablate(net, X, layer=0, neuron=2),
        lambda net: ablate(net, X, layer=1, neuron=0, to="zero"),
        lambda net: substitute(net, X, layer=1, neuron=3, values=VALUES),
        lambda net: interchange(net, X, OTHER, layer=0, direction=DIRECTION),
        lambda net: intervene(net, X, {"blocks.0.mlp.hook_pre": lambda z: z + 1, "hook_output": np.negative}),
        lambda net: intervene(net, X, {}),
    ],
)
def test_hooks_and_numpy_agree(run: Run) -> None:
    through_hooks, in_numpy = run(DEEP), run(DEEP.to_network())
    assert through_hooks.shape == (40, 2)
    assert np.abs(through_hooks - in_numpy).max() < 1e-14  # float64 rounding


def test_nothing_done_is_the_plain_output() -> None:
    plain = DEEP(X).detach().numpy()
    h = DEEP.to_network().run(X)["blocks.0.mlp.hook_post"]
    assert (intervene(DEEP, X, {}) == plain).all()
    assert np.abs(substitute(DEEP, X, layer=0, neuron=1, values=h[:, 1]) - plain).max() < 1e-14
    assert np.abs(interchange(DEEP, X, X, layer=0, direction=DIRECTION) - plain).max() < 1e-14


def test_interchange_along_all_axes_is_the_source() -> None:
    # one axis of one neuron swaps that neuron; in a layer of one unit the whole run is swapped
    net = MLP(MLPConfig((3, 1, 2), activation="tanh", dtype="float64"), seed=1)
    swapped = interchange(net, X, OTHER, layer=0, direction=[-3.0])
    assert np.abs(swapped - net(OTHER).detach().numpy()).max() < 1e-14


def test_ablations_of_the_minimum_by_hand() -> None:
    # min = -relu(x1 - x2) + relu(x1) - relu(-x1): without its first neuron it is x1
    net = hand_derived("minimum")
    assert ablate(net, MINIMUM, layer=0, neuron=0, to="zero").ravel().tolist() == [0.25, 0.5, -0.75]
    # relu(x1 - x2) is 0, 1, 0: its mean 1/3 comes off everywhere
    mean = ablate(net, MINIMUM, layer=0, neuron=0).ravel()
    assert np.allclose(mean, np.array([0.25, 0.5, -0.75]) - 1 / 3, atol=1e-15)


def test_layers_count_those_with_an_activation() -> None:
    network = Network([np.eye(2), np.eye(2), [[1.0, 1.0]]], activation=("identity", "relu"))
    net = MLP.from_network(network)
    assert ablate(net, [[1.0, -1.0]], layer=0, neuron=1, to="zero").item() == 1.0
    assert ablate(net, [[1.0, 2.0]], layer=0, neuron=1, to="zero").item() == 1.0
    with pytest.raises(InputError, match="has 1 hidden layers with an activation"):
        ablate(net, [[1.0, 2.0]], layer=1, neuron=0)


def test_a_float32_network_answers_in_its_own_precision() -> None:
    net = MLP(MLPConfig((3, 4, 1)), seed=1)
    out = intervene(net, X, {})
    assert (out == net(X).detach().numpy().astype(np.float64)).all()


def test_the_network_is_left_as_it_was() -> None:
    before = [parameter.clone() for parameter in DEEP.parameters()]
    given = X.copy()
    ablate(DEEP, given, layer=0, neuron=0)
    assert not any(point.fwd_hooks for point in DEEP.hook_dict.values())
    assert (given == X).all()
    assert all(torch.equal(a, b) for a, b in zip(before, DEEP.parameters(), strict=True))


def test_an_error_inside_an_intervention_leaves_no_hook() -> None:
    def fail(h: np.ndarray) -> np.ndarray:  # noqa: ARG001
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        intervene(DEEP, X, {"hook_output": fail})
    assert not any(point.fwd_hooks for point in DEEP.hook_dict.values())


@pytest.mark.parametrize("net", [DEEP, DEEP.to_network()])
def test_wrong_arguments(net: MLP | Network) -> None:
    cases: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (
            UnknownNameError,
            "did you mean 'hook_output'",
            lambda: intervene(net, X, {"hook_ouput": lambda y: y}),
        ),
        (
            InputError,
            r"returned shape \(40, 1\)",
            lambda: intervene(net, X, {"hook_output": lambda y: y[:, :1]}),
        ),
        (InputError, "layer 2: Architecture", lambda: ablate(net, X, layer=2, neuron=0)),
        (InputError, "layer -1: Architecture", lambda: ablate(net, X, layer=-1, neuron=0)),
        (InputError, "neuron 5: layer 0 has 5 neurons", lambda: ablate(net, X, layer=0, neuron=5)),
        (InputError, "to='median'", lambda: ablate(net, X, layer=0, neuron=0, to="median")),  # type: ignore[arg-type]
        (
            InputError,
            "one finite value per input",
            lambda: substitute(net, X, layer=0, neuron=0, values=[1.0]),
        ),
        (
            InputError,
            "5 finite numbers, not all zero",
            lambda: interchange(net, X, X, layer=0, direction=[0] * 5),
        ),
        (InputError, "5 finite numbers", lambda: interchange(net, X, X, layer=0, direction=[1.0])),
        (InputError, "one source row", lambda: interchange(net, X, X[:3], layer=0, direction=DIRECTION)),
        (InputError, "expected 3", lambda: intervene(net, X[:, :2], {})),
    ]
    for kind, text, call in cases:
        with pytest.raises(kind, match=text):
            call()
