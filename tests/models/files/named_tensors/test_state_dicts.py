"""State dicts that others write: what they say is read, what they do not say is said, what is no MLP is refused."""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from foreign_networks import mlp, off
from torch import nn
from torch.nn.utils import prune

from mathcircuits.detect import AssumptionWarning, FileError, InputError
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network

X = np.random.default_rng(1).normal(size=(64, 2))
RELU = "the activation is relu"
LINEAR = "no activation follows the last layer"


def prefixed(**networks: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": t for name, net in networks.items() for key, t in net.state_dict().items()}


# ---- the activation: what the file says


SAYS: dict[str, tuple[Callable[[], nn.Module], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "beside": (nn.Tanh, lambda sd: {"state_dict": sd, "activation": "tanh"}),
    "a class": (nn.ELU, lambda sd: {"state_dict": sd, "act": "<class 'torch.nn.modules.activation.ELU'>"}),
    "a call": (lambda: nn.LeakyReLU(0.3), lambda sd: {"model": sd, "a": {"nonlin": "nn.LeakyReLU(0.3)"}}),
    "with its slope": (
        lambda: nn.LeakyReLU(0.2),
        lambda sd: {"model": sd, "cfg": {"net": {"activation": {"type": "leaky_relu", "negative_slope": 0.2}}}},
    ),
    "Lightning": (nn.SiLU, lambda sd: {"state_dict": sd, "hyper_parameters": {"hidden_act": "swish"}}),
    "a namespace": (nn.Softplus, lambda sd: {"net": sd, "args": argparse.Namespace(activation="softplus", lr=1e-3)}),
    "one a layer": (nn.SELU, lambda sd: {"net": sd, "config": {"activations": ["selu", "selu"]}}),
    "json in a text": (nn.Sigmoid, lambda sd: {"net": sd, "config": json.dumps({"model": {"act_fn": "Sigmoid"}})}),
    "gelu of transformers": (
        lambda: nn.GELU(approximate="tanh"), lambda sd: {"net": sd, "config": {"hidden_act": "gelu_new"}},
    ),
    "relu6": (nn.ReLU6, lambda sd: {"net": sd, "activation_fn": "torch.nn.ReLU6"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAYS)
def test_the_activation_is_what_the_file_says(tmp_path: Path, name: str) -> None:
    act, content = SAYS[name]
    net = mlp(2, 5, 4, 1, act=act)
    torch.save(content(net.state_dict()), tmp_path / "net.pt")
    found = read_network(tmp_path / "net.pt")
    assert off(found, net) < 1e-9
    assert found.assumptions == (LINEAR,)


def test_safetensors_metadata_and_a_config_beside_are_read(tmp_path: Path) -> None:
    net = mlp(2, 4, 1, act=nn.Tanh)
    safetensors.torch.save_file(
        net.state_dict(), tmp_path / "a.safetensors", metadata={"config": '{"act": "tanh"}'}
    )
    assert off(read_network(tmp_path / "a.safetensors"), net) < 1e-9
    safetensors.torch.save_file(net.state_dict(), tmp_path / "b.safetensors")
    assert off(read_network(tmp_path / "b.safetensors"), net) > 1e-3
    (tmp_path / "config.json").write_text('{"model_type": "mlp", "hidden_act": "tanh"}')
    assert off(read_network(tmp_path / "b.safetensors"), net) < 1e-9
    # The file's own word counts more than its neighbour's, the caller's more than both.
    safetensors.torch.save_file(net.state_dict(), tmp_path / "c.safetensors", metadata={"activation": "gelu"})
    assert read_network(tmp_path / "c.safetensors", activation="relu").activations == ("relu",)


def test_what_no_file_says_is_said(tmp_path: Path) -> None:
    torch.save(mlp(2, 4, 1).state_dict(), tmp_path / "net.pt")
    with pytest.warns(
        AssumptionWarning, match=f"net.pt does not say everything; assumed: {RELU}; {LINEAR}"
    ) as caught:
        assert load(tmp_path / "net.pt").to_network().assumptions == (RELU, LINEAR)
    assert len(caught) == 1
    assert load(tmp_path / "net.pt", activation="relu").to_network().assumptions == ()


def test_a_slope_that_is_not_said_is_assumed() -> None:
    found = read_network({"activation": "LeakyReLU", "net": mlp(2, 3, 1).state_dict()})
    assert found.activations == ("leaky_relu",)
    assert "the slope of leaky_relu below zero is 0.01, torch's default" in found.assumptions


def test_an_activation_that_is_not_known_is_no_relu() -> None:
    content = {"activation": "mish", "net": mlp(2, 3, 1).state_dict()}
    with pytest.raises(
        InputError, match=r"says activation: 'mish', which is none of .*; tell .* activation="
    ):
        load(content)
    assert read_network(content, activation="silu").activations == ("silu",)
    with pytest.raises(InputError, match="says several activation functions"):
        load({"activation": "relu", "cfg": {"act_fn": "tanh"}, "net": mlp(2, 3, 1).state_dict()})


def test_what_follows_the_last_layer() -> None:
    sd = mlp(2, 3, 1).state_dict()
    said = read_network({"net": sd, "activation": "relu", "output_activation": "sigmoid"})
    assert (said.link, said.activations, said.assumptions) == ("sigmoid", ("relu",), ())
    assert read_network({"net": sd, "final_activation": "tanh", "activation": "relu"}).activations == (
        "relu",
        "tanh",
    )
    assert read_network(sd, activation=("relu", "softmax")).link == "softmax"
    assert read_network({"net": sd, "activation": "relu", "output_activation": None}).assumptions == (LINEAR,)


def test_skips_that_a_configuration_speaks_of_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"says config.residual: True, .* do not say where the skip connections lie"
    ):
        load({"net": mlp(2, 2, 2).state_dict(), "config": {"residual": True}}, activation="relu")


# ---- several networks


def test_networks_side_by_side_are_named_and_chosen() -> None:
    actor, critic = mlp(2, 5, 2), mlp(2, 5, 1)
    sd = prefixed(actor=actor, critic=critic)
    with pytest.raises(InputError, match=r"holds several networks \(actor, critic\); name one: part='actor'"):
        load(sd)
    assert off(read_network(sd, part="critic"), critic) < 1e-9
    with pytest.raises(InputError, match="holds no part 'crtic': did you mean 'critic'"):
        load(sd, part="crtic")
    with pytest.raises(InputError, match="holds one network and no part 'actor'; leave out part="):
        load(critic.state_dict(), part="actor")


@pytest.mark.parametrize(
    "names",
    [("student", "teacher"), ("q1", "q2"), ("online", "target"), ("generator", "discriminator"), ("net_a", "net_b")],
)  # fmt: skip
def test_equal_shapes_are_no_chain(names: tuple[str, str]) -> None:
    first, second = mlp(1, 6, 1), mlp(1, 6, 1, seed=1)
    sd = prefixed(**dict(zip(names, (first, second), strict=True)))
    with pytest.raises(InputError, match=f"holds several networks .{names[0]}, {names[1]}"):
        load(sd)
    assert off(read_network(sd, part=names[1]), second) < 1e-9


def test_an_ensemble_in_a_module_list() -> None:
    members = [mlp(2, 6, 6, 2, seed=k) for k in range(3)]
    sd = prefixed(members=nn.ModuleList(members))
    with pytest.raises(InputError, match=r"several networks \(members.0, members.1, members.2\)"):
        load(sd)
    assert off(read_network(sd, part="members.2"), members[2]) < 1e-9


def test_blocks_are_stages_of_one_network() -> None:
    stages = [mlp(3, 3, 3, seed=k) for k in range(2)]
    found = read_network(prefixed(blocks=nn.ModuleList(stages)), activation="relu")
    assert found.sizes == (3, 3, 3, 3, 3)


def test_two_state_dicts_in_one_checkpoint(tmp_path: Path) -> None:
    first, second = mlp(2, 3, 1), mlp(2, 4, 1)
    torch.save({"policy": first.state_dict(), "value": second.state_dict(), "step": 3}, tmp_path / "agent.pt")
    with pytest.raises(FileError, match=r"holds several networks \(policy, value\)"):
        load(tmp_path / "agent.pt")
    assert off(read_network(tmp_path / "agent.pt", part="value"), second) < 1e-9


def test_only_the_training_s_own_keys_are_passed_over() -> None:
    net = mlp(2, 3, 1)
    adam = {"state": {0: {"exp_avg": torch.ones(3, 2)}}, "param_groups": [{"lr": 0.1}]}
    found = read_network({"example_net": net.state_dict(), "optimizer": adam, "loss": 0.1}, activation="relu")
    assert off(found, net) < 1e-9
    assert found.assumptions == ()


def test_a_list_of_state_dicts() -> None:
    nets = [mlp(2, 3, 1, seed=k) for k in range(2)]
    one = read_network({"acc": 0.9, "state_dict": [nets[0].state_dict()]})
    assert off(one, nets[0]) < 1e-9
    with pytest.raises(InputError, match="holds several networks"):
        load([net.state_dict() for net in nets])
    assert off(read_network([net.state_dict() for net in nets], part="1"), nets[1]) < 1e-9


def test_heads_on_one_trunk() -> None:
    trunk, mu, logvar = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    sd = prefixed(trunk=trunk, fc_mu=mu, fc_logvar=logvar)
    with pytest.raises(InputError, match=r"several networks \(fc_mu, fc_logvar\)"):
        load(sd)
    found = read_network(sd, part="fc_logvar")
    assert np.allclose(found.weights[1], logvar.weight.detach().numpy())
    unequal = prefixed(body=nn.Linear(2, 4), first=nn.Linear(4, 1), second=nn.Linear(4, 3))
    with pytest.raises(InputError, match=r"branch behind one trunk \(first, second\)"):
        load(unequal)
    assert read_network(unequal, part="second").sizes == (2, 4, 3)


def test_layers_beside_each_other_are_told_by_their_numbers() -> None:
    flat = prefixed(l1=nn.Linear(3, 4), l2=nn.Linear(4, 1), l3=nn.Linear(3, 4), l4=nn.Linear(4, 1))
    with pytest.raises(InputError, match=r"several networks \(l1, l3\)"):
        load(flat)
    assert np.allclose(read_network(flat, part="l3").weights[0], flat["l3.weight"].numpy())
    autoencoder = prefixed(**{f"fc{k}": nn.Linear(3, 3) for k in (1, 21, 22, 3, 4)})
    with pytest.raises(InputError, match=r"several networks \(fc21, fc22, fc3\)"):
        load(autoencoder)
    assert read_network(autoencoder, part="fc22").sizes == (3, 3, 3)


def test_pairs_of_weights_and_biases_as_in_jax() -> None:
    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(2, 4)), np.ones(4)), (rng.normal(size=(4, 1)), np.zeros(1))]
    expected = np.maximum(X @ layers[0][0] + 1, 0) @ layers[1][0]
    assert np.allclose(read_network({"params": layers})(X), expected)
    assert np.allclose(read_network([{"w": w, "b": b} for w, b in layers])(X), expected)


def test_actor_critic_heads_join_their_own_trunks() -> None:
    nets = {f"mlp_extractor.{k}_net": mlp(4, 8, 8, seed=s) for s, k in enumerate(("policy", "value"))}
    sd = prefixed(**nets, action_net=nn.Linear(8, 2), value_net=nn.Linear(8, 1))
    with pytest.raises(InputError, match="several networks") as caught:
        load(sd)
    assert "transpose" not in str(caught.value)
    assert read_network(sd, part="mlp_extractor.value_net").sizes == (4, 8, 8, 1)


def test_tensors_under_two_names_count_once() -> None:
    net = mlp(1, 4, 1)
    sd = {**prefixed(layers=net), **prefixed(net=net)}
    found = read_network(sd)
    assert off(found, net) < 1e-9
    assert "net holds the same tensors as layers and is dropped" in found.assumptions


# ---- which way round


def test_kernels_lie_in_out() -> None:
    A, B = np.random.default_rng(0).normal(size=(2, 6)), np.random.default_rng(1).normal(size=(6, 1))
    sd = {
        "params": {
            "Dense_0": {"kernel": A, "bias": np.zeros(6)},
            "Dense_1": {"kernel": B, "bias": np.ones(1)},
        }
    }
    assert np.allclose(read_network(sd)(X), np.maximum(X @ A, 0) @ B + 1)


@pytest.mark.parametrize(
    "names",
    [("hidden.weight", "output.weight"), ("W_in", "W_out"), ("fc1_w", "fc2_w"), ("weights_1", "weights_2")],
)
def test_names_outrank_a_lucky_chain(tmp_path: Path, names: tuple[str, str]) -> None:
    A, B = np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(3, 1))
    np.savez(tmp_path / "net.npz", **dict(zip(names, (A, B), strict=True)))
    found = read_network(tmp_path / "net.npz")
    assert np.allclose(found(X), np.maximum(X @ A, 0) @ B)
    assert "weights lie [in, out]" in found.assumptions


def test_biases_say_which_way_round_without_a_word() -> None:
    A, B = np.random.default_rng(0).normal(size=(2, 5)), np.random.default_rng(1).normal(size=(5, 2))
    sd = {"W1": A, "b1": np.ones(5), "W2": B, "b2": np.zeros(2)}
    found = read_network(sd, activation="relu")
    assert np.allclose(found(X), np.maximum(X @ A + 1, 0) @ B)
    assert found.assumptions == ()


@pytest.mark.parametrize(
    "names",
    [
        ("fc1_weight", "fc1_bias", "fc2_weight", "fc2_bias"), ("arr_0", "arr_1", "arr_2", "arr_3"),
        ("W_1", "b_1", "W_2", "b_2"), ("layer1/W", "layer1/b", "layer2/W", "layer2/b"),
        ("w_hidden", "b_hidden", "w_out", "b_out"), ("weights_0", "biases_0", "weights_1", "biases_1"),
        ("W1", "b1", "W2", "b2"), ("Wh", "bh", "Wo", "bo"),
    ],
)  # fmt: skip
def test_npz_of_any_naming(tmp_path: Path, names: tuple[str, ...]) -> None:
    net = mlp(2, 5, 1)
    np.savez(
        tmp_path / "net.npz", **{n: p.detach().numpy() for n, p in zip(names, net.parameters(), strict=True)}
    )
    assert off(read_network(tmp_path / "net.npz"), net) < 1e-9


def test_scikit_learns_own_arrays(tmp_path: Path) -> None:
    net = mlp(2, 5, 1)
    arrays = {}
    for k in (0, 1):
        arrays[f"coefs_{k}"] = net[2 * k].weight.detach().numpy().T
        arrays[f"intercepts_{k}"] = net[2 * k].bias.detach().numpy()
    np.savez(tmp_path / "net.npz", **arrays, activation="relu")
    found = read_network(tmp_path / "net.npz")
    assert off(found, net) < 1e-9
    assert RELU not in found.assumptions


# ---- order and gaps


def test_numbers_say_where_nothing_lies_between() -> None:
    net = nn.Sequential(
        nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 3), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)
    ).double()  # fmt: skip
    found = read_network(net.state_dict(), activation="tanh")
    assert found.activations == ("tanh", "identity", "tanh")
    assert off(found, net) < 1e-9
    assert found.assumptions == ("nothing lies between 2 and 3, as their numbers say",)


def test_a_bottleneck_has_no_activation() -> None:
    class Auto(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode, self.decode = mlp(4, 8, 2, act=nn.ELU), mlp(2, 8, 4, act=nn.ELU)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.decode(self.encode(x))

    net = Auto().double()
    found = read_network(net.state_dict(), activation="elu")
    assert off(found, net) < 1e-9
    assert found.assumptions == ("no activation follows encode.2, the last layer of its container",)


def test_names_and_the_order_of_making_disagree() -> None:
    sd = prefixed(head=nn.Linear(3, 3), body=nn.Linear(3, 3))
    with pytest.raises(InputError, match="were made in the order head, body, and their names say body, head"):
        load(sd, activation="relu")
    # Where shapes allow one order alone there is nothing to disagree about.
    assert read_network(prefixed(head=nn.Linear(3, 1), body=nn.Linear(2, 3))).sizes == (2, 3, 1)


def test_numbers_outrank_the_order_of_making_aloud() -> None:
    found = read_network(
        {**prefixed(fc2=nn.Linear(3, 3)), **prefixed(fc1=nn.Linear(3, 3))}, activation="relu"
    )
    assert found.assumptions == ("the layers are in the order of their numbers, not of the file: fc1, fc2",)


def test_the_order_of_making_is_said_where_nothing_else_tells() -> None:
    found = read_network(prefixed(alpha=nn.Linear(2, 2), beta=nn.Linear(2, 2)), activation="relu")
    assert found.assumptions == ("the layers are in the order in which they were made: alpha, beta",)


# ---- other architectures


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "gate": (prefixed(gate=nn.Linear(3, 3), value=nn.Linear(3, 3), out=nn.Linear(3, 1)), "gated units"),
    "T5": (
        prefixed(wi_0=nn.Linear(3, 4, False), wi_1=nn.Linear(3, 4, False), wo=nn.Linear(4, 3, False)), "gated units",
    ),
    "Llama's": (prefixed(gate_proj=nn.Linear(3, 5), down_proj=nn.Linear(5, 3)), "gated units"),
    "w1 w2 w3": (prefixed(w1=nn.Linear(3, 7), w2=nn.Linear(7, 3), w3=nn.Linear(3, 7)), "gated units"),
    "LoRA": ({"fc.lora_A.weight": torch.randn(2, 6), "fc.lora_B.weight": torch.randn(4, 2)}, "a LoRA adapter"),
    "kohya": ({"x.lora_down.weight": torch.randn(2, 6), "x.lora_up.weight": torch.randn(4, 2)}, "a LoRA adapter"),
    "attention": (nn.MultiheadAttention(4, 2).state_dict(), "attention"),
    "q_proj": (prefixed(q_proj=nn.Linear(4, 4), k_proj=nn.Linear(4, 4), v_proj=nn.Linear(4, 4)), "attention"),
    "GRU": (nn.GRU(2, 3).state_dict(), "a recurrent layer"),
    "RNNCell": (nn.RNNCell(2, 3).state_dict(), "a recurrent layer"),
    "convolution": (prefixed(conv=nn.Conv2d(1, 2, 3), fc=nn.Linear(2, 1)), "a convolution's"),
    "LayerNorm": (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)).state_dict(), "LayerNorm's"),
    "experts": (prefixed(experts=nn.ModuleList([mlp(2, 3, 1), mlp(2, 3, 1)])), "a mixture of experts"),
    "embedding": (prefixed(embedding=nn.Embedding(4, 4), linear=nn.Linear(4, 2)), "an embedding table"),
    "highway": (prefixed(H=nn.Linear(3, 3), T=nn.Linear(3, 3), out=nn.Linear(3, 1)), "gated units"),
    "shortcut": (prefixed(fc1=nn.Linear(3, 3), fc2=nn.Linear(3, 3), shortcut=nn.Linear(3, 3)), "skip connections"),
    "bilinear": ({"bilinear.weight": torch.randn(2, 3, 3), "out.weight": torch.randn(1, 2)}, "a bilinear layer"),
    "a scale": ({**mlp(2, 3, 2).state_dict(), "scale": torch.ones(2)}, "scale of shape .2,. is not a linear layer's"),
    "stacked": ({"layer.weight": torch.randn(5, 3, 2)}, "several networks'"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_are_refused_by_what_they_are(name: str) -> None:
    content, what = OTHERS[name]
    with pytest.raises(InputError, match=what) as caught:
        load(content, activation="relu")
    assert "transpose" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_layers_are_refused_and_exact_ones_read() -> None:
    packed = {
        "0._packed_params._packed_params": (
            torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8),
            None,
        )
    }
    with pytest.raises(InputError, match=r"holds quantised layers .*, which round their inputs as well"):
        load({**packed, "0._packed_params.dtype": torch.qint8, "0.scale": torch.tensor(1.0)})
    q = torch.randint(-9, 9, (3, 2), dtype=torch.int8)
    sd = {"0.weight": q, "0.weight_scale": torch.tensor([0.5, 0.25, 2.0]), "2.weight": torch.ones(1, 3)}
    found = read_network(sd)
    assert np.array_equal(found.weights[0], q.numpy() * np.array([[0.5], [0.25], [2.0]]))
    tensor = torch.quantize_per_tensor(torch.randn(3, 2), 0.1, 3, torch.qint8)
    assert np.array_equal(read_network({"weight": tensor}).weights[0], tensor.dequantize().double().numpy())


# ---- weights in pieces


def pruned() -> nn.Sequential:
    net = mlp(2, 6, 1)
    prune.random_unstructured(net[0], "weight", amount=0.5)
    prune.l1_unstructured(net[2], "bias", amount=1)
    return net


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.(weight|spectral)_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "kind", ["pruned", "weight norm", "old weight norm", "spectral norm", "old spectral norm"]
)
def test_weights_in_pieces_are_computed(kind: str) -> None:
    def wrapped(wrap: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
        net = mlp(2, 6, 1)
        return nn.Sequential(wrap(net[0]), nn.ReLU(), wrap(net[2])).double()

    net = {
        "pruned": pruned,
        "weight norm": lambda: wrapped(nn.utils.parametrizations.weight_norm),
        "old weight norm": lambda: wrapped(nn.utils.weight_norm),
        "spectral norm": lambda: wrapped(nn.utils.parametrizations.spectral_norm),
        "old spectral norm": lambda: wrapped(nn.utils.spectral_norm),
    }[kind]()
    with torch.no_grad():
        for _ in range(3):
            net(torch.ones(1, 2).double())
        if "weight norm" in kind:
            next(p for name, p in net.named_parameters() if name.endswith(("_g", "original0"))).mul_(1.7)
    net.eval()
    found = read_network(net.state_dict(), activation="relu")
    assert found.assumptions == ()
    assert off(found, net) < 1e-9


def test_an_unknown_parametrisation_is_refused() -> None:
    net = nn.Sequential(nn.utils.parametrizations.orthogonal(nn.Linear(2, 2)))
    with pytest.raises(
        InputError, match=r"part of a parametrised weight that is not known; call .*remove_parametriz"
    ):
        load(net.state_dict())


# ---- between the layers, before and behind them


@pytest.mark.parametrize("place", ["behind", "before", "first", "twice"])
def test_batch_norm_is_folded_where_numbers_say_its_place(place: str) -> None:
    torch.manual_seed(0)
    layers = {
        "behind": [nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)],
        "before": [nn.Linear(2, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 1)],
        "first": [nn.BatchNorm1d(2), nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)],
        "twice": [
            nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False), nn.ReLU(),
            nn.Linear(4, 1),
        ],
    }[place]  # fmt: skip
    net = nn.Sequential(*layers).double()
    for _ in range(20):
        net(torch.randn(64, 2).double() * 2 + 1)
    net.eval()
    found = read_network(net.state_dict(), activation="relu")
    assert off(found, net) < 1e-9
    assert any("BatchNorm" in text for text in found.assumptions)


def test_batch_norm_without_a_place_is_refused() -> None:
    sd = prefixed(fc1=nn.Linear(2, 4), bn1=nn.BatchNorm1d(4), fc2=nn.Linear(4, 1))
    with pytest.raises(
        InputError, match=r"bn1 is a BatchNorm layer, .* before or behind an activation function; pass"
    ):
        load(sd, activation="relu")


@pytest.mark.parametrize("slopes", [1, 4])
def test_prelu_slopes_are_read(slopes: int) -> None:
    net = nn.Sequential(nn.Linear(2, 4), nn.PReLU(slopes), nn.Linear(4, 1), nn.Identity()).double()
    with torch.no_grad():
        net[1].weight.copy_(torch.linspace(0.1, 0.9, slopes))
    if slopes > 1:
        with pytest.raises(InputError, match="its name does not say which"):
            load(net.state_dict())
    sd = (
        {name.replace("1.", "act."): t for name, t in net.state_dict().items()}
        if slopes > 1
        else net.state_dict()
    )
    found = read_network(sd)
    assert off(found, net) < 1e-9
    assert RELU not in found.assumptions


NORMALISERS: dict[str, Callable[[torch.Tensor, torch.Tensor], dict[str, Any]]] = {
    "a mapping": lambda mean, std: {"normalizer": {"mean": mean, "std": std}},
    "lists": lambda mean, std: {"stats": {"x_mean": mean.tolist(), "x_std": std.tolist()}},
    "running statistics": lambda mean, std: {
        "obs_rms": {"mean": mean.numpy(), "var": std.numpy() ** 2, "count": 7.0}
    },
    "scikit-learn": lambda mean, std: {"scaler": {"mean_": mean.numpy(), "scale_": std.numpy()}},
}


@pytest.mark.parametrize("name", NORMALISERS)
def test_a_normaliser_beside_the_weights_is_folded_in(tmp_path: Path, name: str) -> None:
    net = mlp(2, 4, 1)
    mean, std = torch.tensor([5.0, -3.0]).double(), torch.tensor([2.0, 0.5]).double()
    torch.save({"model_state_dict": net.state_dict(), **NORMALISERS[name](mean, std)}, tmp_path / "net.pt")
    found = read_network(tmp_path / "net.pt")
    assert off(found, lambda x: net((x - mean) / std)) < 1e-9
    assert any(text.startswith("the inputs are normalised by") for text in found.assumptions)


def test_outputs_are_scaled_back_and_buffers_count_too() -> None:
    net = mlp(2, 4, 1)
    sd = {**net.state_dict(), "y_mean": torch.tensor([3.0]), "y_std": torch.tensor([10.0])}
    assert off(read_network(sd), lambda x: net(x) * 10 + 3) < 1e-9


def test_what_is_not_read_is_named() -> None:
    net = mlp(2, 4, 2)
    beside = {"normalizer": {"mean": torch.ones(2), "std": torch.full((2,), 2.0)}}
    found = read_network({"model": net.state_dict(), **beside, "ema": mlp(2, 4, 2, seed=3).state_dict()})
    assert off(found, net) < 1e-9  # a mean of two values may belong to the inputs or the outputs
    [said] = [text for text in found.assumptions if text.startswith("not read")]
    assert "normalizer.mean" in said
    assert "ema.0.weight" in said or "more" in said
    scaled = read_network(
        {"model": net.state_dict(), "preprocessing": {"offset": [1.0, 2.0]}}, activation="relu"
    )
    assert scaled.assumptions == ("not read: preprocessing.offset",)
    policy = read_network({**net.state_dict(), "log_std": torch.zeros(2)}, activation="tanh")
    assert policy.assumptions == ("not read: log_std",)


# ---- files


@pytest.mark.parametrize("ending", ["pt", "npz", "safetensors"])
def test_gzip_of_anything(tmp_path: Path, ending: str) -> None:
    net = mlp(2, 3, 1)
    plain = tmp_path / f"net.{ending}"
    if ending == "pt":
        torch.save(net.state_dict(), plain)
    elif ending == "npz":
        np.savez(plain, **{name: t.numpy() for name, t in net.state_dict().items()})
    else:
        safetensors.torch.save_file(net.state_dict(), plain)
    packed = tmp_path / f"net.{ending}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert off(read_network(packed), net) < 1e-9
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(FileError, match=r"is a damaged gzip file .*; save or copy it again"):
        load(packed)


def test_a_whole_module_is_named_without_torchs_advice(tmp_path: Path) -> None:
    torch.save(mlp(2, 3, 1), tmp_path / "net.pt")
    with pytest.raises(
        FileError, match=r"holds objects of torch.nn.modules.container.Sequential, whose code"
    ) as caught:
        load(tmp_path / "net.pt")
    assert "\x1b" not in str(caught.value)
    assert "weights_only=False" not in str(caught.value)


def test_scores_and_paths_in_a_checkpoint_are_no_hindrance(tmp_path: Path) -> None:
    net = mlp(2, 3, 1)
    torch.save({"model": net.state_dict(), "best": np.float64(0.5), "out": tmp_path}, tmp_path / "net.pt")
    assert off(read_network(tmp_path / "net.pt"), net) < 1e-9
