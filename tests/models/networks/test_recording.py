"""Recording: hook names, copies, dtypes, and TransformerLens's traps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

from mathcircuits.detect import InputError, Network, UnknownNameError
from mathcircuits.detect.networks.architecture import hook_names
from mathcircuits.models import MLP, MLPConfig, hand_derived, record, train

X = np.random.default_rng(0).uniform(-1, 1, (64, 2))
POST = "blocks.0.mlp.hook_post"


class Doubling(HookedRootModule):
    """Somebody's own hooked module, with a layer that trains otherwise than it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.hook_input = HookPoint()
        self.dropout = torch.nn.Dropout(0.5)
        self.frozen = torch.nn.Dropout(0.5).eval()
        self.hook_output = HookPoint()
        self.setup()  # type: ignore[no-untyped-call]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice the inputs."""
        doubled: torch.Tensor = self.hook_output(self.dropout(2 * self.hook_input(x)))
        return doubled


@pytest.mark.parametrize("name", ["minimum", "minimum-older-form", "addition"])
def test_recording_agrees_with_the_numpy_twin(name: str) -> None:
    net = hand_derived(name)
    recorded, twin = record(net, X), net.to_network().run(X)
    assert tuple(recorded) == tuple(twin) == hook_names(len(net.cfg.hidden))
    for hook in recorded:
        assert np.abs(recorded[hook] - twin[hook]).max() < 1e-14
    assert recorded.inputs_id == twin.inputs_id
    assert recorded.architecture == net.cfg.architecture
    assert recorded.network is not None


def test_a_network_is_recorded_too() -> None:
    network = hand_derived("minimum").to_network()
    acts = record(network, X, POST)
    assert tuple(acts) == ("hook_input", POST)
    assert acts.network is network


def test_names_are_kept_in_the_order_of_the_forward_pass() -> None:
    acts = record(hand_derived("minimum"), X, ["hook_output", "blocks.0.mlp.hook_pre"])
    assert tuple(acts) == ("hook_input", "blocks.0.mlp.hook_pre", "hook_output")


@pytest.mark.parametrize("as_network", [False, True])
def test_a_misspelt_hook_is_an_error(as_network: bool) -> None:
    net = hand_derived("minimum")
    # the trap: TransformerLens silently keeps nothing
    _, cache = net.run_with_cache(torch.zeros(1, 2, dtype=torch.float64), names_filter=["blocks.0.hook_post"])
    assert len(cache) == 0
    with pytest.raises(UnknownNameError) as error:
        record(net.to_network() if as_network else net, X, ["blocks.0.hook_post"])
    assert "no hook named 'blocks.0.hook_post': did you mean 'blocks.0.mlp.hook_post'" in str(error.value)


def test_recorded_values_are_copies() -> None:
    net, inputs = hand_derived("minimum"), torch.tensor(X)
    acts = record(net, inputs)
    kept = {name: values.copy() for name, values in acts.items()}
    # the trap: the cache aliases what later code writes into
    _, cache = net.run_with_cache(inputs)
    assert cache["hook_input"].data_ptr() == inputs.data_ptr()
    inputs.zero_()
    with torch.no_grad():
        net.readout.weight.zero_()
    for name, values in acts.items():
        assert (values == kept[name]).all()


def test_writing_into_a_recording_leaves_the_others() -> None:
    # an identity layer hands the same tensor on: pre and post must not share memory
    net = MLP.from_network(Network([[[1.0, 0.0]], [[1.0]]], activation="identity"))
    acts = record(net, X)
    acts[POST][:] = 7.0
    assert (acts["blocks.0.mlp.hook_pre"] == X[:, :1]).all()


def test_an_in_place_relu_would_corrupt_the_cache() -> None:
    pre = record(hand_derived("minimum"), X)["blocks.0.mlp.hook_pre"]
    assert (pre < 0).any()
    hook = HookPoint()
    kept: list[torch.Tensor] = []
    hook.add_hook(lambda tensor, hook: kept.append(tensor.detach()))  # noqa: ARG005
    torch.relu_(hook(torch.tensor([-1.0])))
    assert kept[0].item() == 0.0  # the trap that MLP avoids


def test_all_rows_are_kept() -> None:
    # the trap: pos_slice cuts the second last axis, which is the batch here; record does not offer it
    _, cache = hand_derived("minimum").run_with_cache(torch.tensor(X), pos_slice=0)
    assert len(cache["hook_input"]) != len(X)
    assert record(hand_derived("minimum"), X).n == len(X)
    with pytest.raises(TypeError):
        record(hand_derived("minimum"), X, pos_slice=0)  # type: ignore[call-arg]


def test_hooks_are_set_up_last() -> None:
    class Early(HookedRootModule):
        def __init__(self) -> None:
            super().__init__()
            self.setup()  # type: ignore[no-untyped-call]
            self.hook_input = HookPoint()

    with pytest.raises(InputError, match="a Early has no 'hook_input': pass an MLP"):
        record(Early(), X)  # the trap: a hook that setup() has not seen is not there
    assert "hook_input" in MLP(MLPConfig()).hook_dict


def test_an_ensemble_returns_activations_instead_of_hooking_vmap() -> None:
    runs = train("minimum", hidden=(3, 2), seeds=range(3), steps=5)
    values = runs.activations(X)
    for k, net in enumerate(runs):
        acts = record(net.double(), X)
        for name in acts:
            assert values[name].shape == (3, *acts[name].shape)
            assert np.abs(values[name][k] - acts[name]).max() < 1e-13
    # the trap: inside vmap a hook sees one network's tensor without the axis of the networks
    seen: list[int] = []

    def look(tensor: torch.Tensor, hook: object) -> None:  # noqa: ARG001
        seen.append(tensor.ndim)

    net = runs[0]
    stacked = {
        name: torch.stack([dict(run.named_parameters())[name] for run in runs])
        for name, _ in net.named_parameters()
    }
    inputs = torch.tensor(X, dtype=torch.float32)
    with net.hooks(fwd_hooks=[(POST, look)]):
        out = torch.func.vmap(lambda p: torch.func.functional_call(net, p, (inputs,)))(stacked)
    assert out.ndim == 3
    assert seen == [2]


def test_the_dtype_of_the_network_is_respected() -> None:
    net = MLP(MLPConfig((2, 3, 1)), seed=1)
    acts = record(net, X)
    assert (acts.inputs == X.astype(np.float32)).all()
    assert (acts.inputs != X).any()
    expected = net(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    assert (acts.outputs == expected).all()
    assert acts.outputs.dtype == np.float64


def test_the_network_is_left_as_it_was() -> None:
    net = Doubling()
    net.train()
    net.frozen.eval()
    acts = record(net, X)
    assert (acts.outputs == 2 * X).all()  # evaluation mode: nothing was dropped
    assert net.dropout.training
    assert not net.frozen.training
    assert not any(point.fwd_hooks for point in net.hook_dict.values())
    assert acts.network is None


def test_no_gradient_is_kept() -> None:
    net = hand_derived("minimum")
    record(net, torch.tensor(X, requires_grad=True))
    assert net.readout.weight.grad is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (np.full((3, 2), np.nan), "NaN or infinite"),
        (np.zeros((3, 4)), "inputs have 4 columns, expected 2"),
        (np.zeros((0, 2)), "at least one row"),
    ],
)
def test_wrong_inputs(given: np.ndarray, text: str) -> None:
    with pytest.raises(InputError, match=text):
        record(hand_derived("minimum"), given)


def test_something_else_is_no_network() -> None:
    with pytest.raises(InputError, match="a Linear has no 'hook_input'"):
        record(torch.nn.Linear(2, 1), X)  # type: ignore[arg-type]
