"""MLPs: what a seed makes, hooks, the way to a Network and back, and the hand-derived ones."""

from __future__ import annotations

import copy
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from transformer_lens import HookedRootModule

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.networks.architecture import hook_names
from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.models import MLP, MLPConfig, hand_derived

SHAPES = [(2, 3, 1), (1, 2, 1), (4, 6, 3, 1), (3, 2), (1, 1, 1, 1)]


def by_hand(sizes: tuple[int, ...], bias: bool, seed: int) -> list[torch.Tensor]:
    """The parameters that torch's own layers have after `torch.manual_seed(seed)`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [torch.nn.Linear(i, o, bias=bias) for i, o in pairwise(sizes)]
    return [parameter.detach() for layer in layers for parameter in layer.parameters()]


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_a_seed_makes_what_torch_makes(sizes: tuple[int, ...], bias: bool) -> None:
    for seed in (0, 1, 2**32 - 1):
        ours = [parameter.detach() for parameter in MLP(MLPConfig(sizes, bias), seed=seed).parameters()]
        theirs = by_hand(sizes, bias, seed)
        assert len(ours) == len(theirs)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    MLP(MLPConfig((2, 3, 1), bias=True), seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_seed_names_the_same_network_in_both_precisions() -> None:
    single, double = (MLP(MLPConfig((2, 3, 1), dtype=dtype), seed=4) for dtype in ("float32", "float64"))
    assert double.dtype == torch.float64
    assert torch.equal(single.readout.weight.double(), double.readout.weight)


def test_hooks_bear_transformer_lens_names() -> None:
    net = MLP(MLPConfig((4, 6, 3, 1)))
    assert isinstance(net, HookedRootModule)
    assert tuple(net.hook_dict) == hook_names(2)
    assert list(net.state_dict()) == [
        "blocks.0.mlp.linear.weight",
        "blocks.1.mlp.linear.weight",
        "readout.weight",
    ]


def test_relu_does_not_overwrite_the_cached_pre_activation() -> None:
    _, cache = hand_derived("absolute").run_with_cache(torch.tensor([[-2.0]], dtype=torch.float64))
    assert cache["blocks.0.mlp.hook_pre"].tolist() == [[-2.0, 2.0]]
    assert cache["blocks.0.mlp.hook_post"].tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize("name", [*NAMES, "leaky_relu(0.2)"])
@pytest.mark.parametrize("bias", [False, True])
def test_network_and_mlp_compute_the_same(name: str, bias: bool) -> None:
    net = MLP(MLPConfig((3, 5, 4, 2), bias=bias, activation=name, dtype="float64"), seed=1)
    network = net.to_network()
    X = np.random.default_rng(0).uniform(-3, 3, (50, 3))
    assert np.abs(net(X).detach().numpy() - network(X)).max() < 1e-13
    again = MLP.from_network(network)
    assert again.cfg == net.cfg
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), net.parameters(), strict=True))


def test_to_network_is_exact_and_a_copy() -> None:
    net = MLP(MLPConfig((2, 3, 1)), seed=2)
    network = net.to_network()
    assert network.biases is None
    assert (network.weights[0] == net.linears[0].weight.detach().double().numpy()).all()
    with torch.no_grad():
        net.readout.weight.zero_()
    assert network.weights[1].any()


def test_biases_of_single_layers_survive() -> None:
    network = Network([[[1.0], [2.0]], [[1.0, 1.0]]], [[0.5, -0.5], None])
    net = MLP.from_network(network)
    assert net.cfg.bias == (True, False)
    assert net.to_network().architecture == network.architecture


def test_no_hidden_layer_is_a_linear_map() -> None:
    net = MLP.from_network(Network([[[2.0, -1.0]]]))
    assert net([[1.0, 1.0]]).item() == 1.0
    assert tuple(net.hook_dict) == ("hook_input", "hook_output")


def test_mixed_activations() -> None:
    config = MLPConfig((1, 1, 1, 1), activation=("relu", "identity"))
    assert config.architecture.active == (0,)
    assert MLPConfig((1, 1, 1, 1), activation=("relu", "relu")) == MLPConfig((1, 1, 1, 1))


def test_a_float32_network_keeps_its_dtype() -> None:
    net = MLP(MLPConfig((2, 3, 1)))
    assert net(np.zeros((1, 2))).dtype == torch.float32
    assert net.double()(np.zeros((1, 2))).dtype == torch.float64


def test_gradients_flow_to_inputs_and_weights() -> None:
    x = torch.tensor([[0.5, -0.25]], dtype=torch.float64, requires_grad=True)
    net = hand_derived("subtraction")
    net(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, -1.0]]
    assert net.readout.weight.grad is not None


def test_short_true_names() -> None:
    net = MLP(MLPConfig((2, 3, 1), bias=True, activation="tanh"))
    assert repr(net) == "MLP(2-3-1, tanh, bias, float32)"
    assert repr(net.double()) == "MLP(2-3-1, tanh, bias, float64)"
    assert repr(copy.deepcopy(net)) == repr(net)


def test_other_wrong_arguments() -> None:
    with pytest.raises(InputError, match=r"inputs have shape \(4, 3\), expected \[n, 2\]"):
        MLP(MLPConfig())(np.zeros((4, 3)))
    with pytest.raises(InputError, match="a tuple is not a configuration"):
        MLP((2, 3, 1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"weights\[0\] has shape \(1, 1\), expected \(3, 2\)"):
        MLP.from_parameters(MLPConfig(), [[[1.0]], [[1.0, 1.0, 1.0]]])


PROBE = """
import sys, mathcircuits.models as m
m.{}
print("transformer_lens" in sys.modules, "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("name", "found"),
    # the last shows that the probe can see them
    [("tasks", "False False"), ("Regimen", "False False"), ("train", "False True"), ("MLP", "True True")],
)
def test_what_a_name_loads(name: str, found: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(name)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == found
