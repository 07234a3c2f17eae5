"""Agents in Stable-Baselines3's layout, written here with torch, against the modules that their files came from."""

from __future__ import annotations

import io
import itertools
import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mathcircuits.detect import AssumptionWarning, FileError, Network
from mathcircuits.models import load

X = np.random.default_rng(0).normal(size=(32, 4))


def net(*sizes: int, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers).double()


def agent(path: Path, tensors: dict[str, Any], data: dict[str, Any] | None = None) -> Path:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    with zipfile.ZipFile(path / "agent.zip", "w") as archive:
        archive.writestr("data", json.dumps({} if data is None else data))
        archive.writestr("pytorch_variables.pth", buffer.getvalue())
        archive.writestr("policy.pth", buffer.getvalue())
        archive.writestr("policy.optimizer.pth", buffer.getvalue())
        archive.writestr("_stable_baselines3_version", "2.3.0")
        archive.writestr("system_info.txt", "none")
    return path / "agent.zip"


def prefixed(prefix: str, module: nn.Module) -> dict[str, Any]:
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}


def ppo(activation: type[nn.Module] = nn.Tanh, seed: int = 0) -> tuple[dict[str, Any], nn.Module, nn.Module]:
    torch.manual_seed(seed)
    policy, value = net(4, 8, 6, activation=activation), net(4, 5, activation=activation)
    action, last = nn.Linear(6, 2).double(), nn.Linear(5, 1).double()
    tensors = {
        "log_std": torch.zeros(2),
        **prefixed("mlp_extractor.policy_net", policy),
        **prefixed("mlp_extractor.value_net", value),
        **prefixed("action_net", action),
        **prefixed("value_net", last),
    }
    return tensors, nn.Sequential(policy, action), nn.Sequential(value, last)


def quietly(path: Path, **options: Any) -> Network:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        return load(path, **options).to_network()


def agree(found: Network, module: nn.Module) -> bool:
    with torch.no_grad():
        return bool(np.abs(found(X) - module(torch.from_numpy(X)).numpy()).max() < 1e-6)


def test_policy_and_value_are_parts(tmp_path: Path) -> None:
    tensors, policy, value = ppo()
    path = agent(tmp_path, tensors, {"policy_kwargs": {}})
    with pytest.raises(FileError, match=r"several networks \(policy, value\); name one: part='policy'"):
        load(path)
    with pytest.warns(AssumptionWarning, match="the activation is tanh, the default of Stable-Baselines3"):
        found = load(path, part="policy").to_network()
    assert found.sizes == (4, 8, 6, 2)
    assert agree(found, policy)
    assert agree(quietly(path, part="value"), value)
    with pytest.raises(FileError, match=r"holds no part 'valeu'.*did you mean 'value'"):
        load(path, part="valeu")


def test_the_files_own_activation_is_read(tmp_path: Path) -> None:
    tensors, policy, _ = ppo(nn.ELU)
    kwargs = {
        ":type:": "<class 'dict'>",
        ":serialized:": "gAWV",
        "activation_fn": "<class 'torch.nn.modules.activation.ELU'>",
    }
    path = agent(tmp_path, tensors, {"policy_kwargs": kwargs})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the file says it: nothing is assumed
        found = load(path, part="policy").to_network()
    assert found.activations == ("elu", "elu")
    assert found.assumptions == ()
    assert agree(found, policy)
    path = agent(tmp_path, tensors, {"policy_kwargs": {"activation_fn": "<class 'my.Snake'>"}})
    with pytest.raises(
        FileError, match=r"the activation function .*my.Snake.* none that can be read; tell activation="
    ):
        load(path, part="policy")
    assert agree(load(path, part="policy", activation="elu").to_network(), policy)
    with pytest.raises(FileError, match="has 2 hidden layers, but 1 activations are given"):
        load(path, part="policy", activation=["elu"])


def test_of_a_network_and_its_delayed_copy_the_trained_one_is_read(tmp_path: Path) -> None:
    torch.manual_seed(1)
    online, delayed = (net(4, 8, 3, activation=nn.ReLU)[:-1] for _ in range(2))
    tensors = prefixed("q_net.q_net", online) | prefixed("q_net_target.q_net", delayed)
    path = agent(tmp_path, tensors)
    with pytest.warns(
        AssumptionWarning, match="the network is q_net, which is trained, not its delayed copy"
    ):
        found = load(path).to_network()
    assert any("the activation is relu" in said for said in found.assumptions)
    assert agree(found, online)
    assert agree(quietly(path, part="policy"), online)
    assert agree(quietly(path, part="q_net_target"), delayed)


def test_actors_that_are_squashed(tmp_path: Path) -> None:
    torch.manual_seed(2)
    actor = nn.Sequential(net(4, 8, activation=nn.ReLU), nn.Linear(8, 2).double(), nn.Tanh())
    critic = net(6, 8, 1, activation=nn.ReLU)[:-1]
    tensors = {
        **prefixed("actor.mu", nn.Sequential(*actor[0], actor[1])),
        **prefixed("critic.qf0", critic),
        **prefixed("critic.qf1", critic),
    }
    path = agent(tmp_path, tensors)
    assert agree(quietly(path, part="actor"), actor)
    assert quietly(path, part="critic.qf0").sizes == (6, 8, 1)
    latent, mean = net(4, 8, activation=nn.ReLU), nn.Linear(8, 2).double()
    tensors = {
        **prefixed("actor.latent_pi", latent), **prefixed("actor.mu", mean), **prefixed("actor.log_std", mean),
    }  # fmt: skip
    path = agent(tmp_path, tensors)
    with pytest.warns(AssumptionWarning, match="the actions are tanh of its outputs"):
        found = load(path).to_network()
    assert agree(found, nn.Sequential(latent, mean))


def test_agents_that_are_none_of_these(tmp_path: Path) -> None:
    tensors, _, _ = ppo()
    path = agent(tmp_path, {**tensors, "features_extractor.cnn.0.weight": torch.ones(3, 3, 8, 8)})
    with pytest.raises(
        FileError, match=r"agent of Stable-Baselines3, whose policy.pth has an extractor of features"
    ):
        load(path, part="policy")
    path = agent(tmp_path, {"lstm.weight_ih_l0": torch.ones(8, 4)})
    with pytest.raises(FileError, match=r"agent of Stable-Baselines3, whose policy.pth "):
        load(path)
