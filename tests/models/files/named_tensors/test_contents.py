"""Checkpoints in PyTorch Lightning's layout, written here with torch: weights, optimiser, hyper-parameters."""

from __future__ import annotations

import argparse
import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mathcircuits.detect import AssumptionWarning, FileError, Network
from mathcircuits.models import load

X = np.random.default_rng(0).normal(size=(32, 3))


def checkpoint(net: nn.Module, hyper: Any, prefix: str = "net.") -> dict[str, Any]:
    """What `Trainer.save_checkpoint` writes of a module whose `self.net` is this."""
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.zeros(2, 3)).sum().backward()
    optimiser.step()
    return {
        "epoch": 2,
        "global_step": 60,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": {f"{prefix}{name}": tensor for name, tensor in net.state_dict().items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 3}, "current": {}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': 'loss'}": {"monitor": "loss", "best_model_score": torch.tensor(0.5)}
        },
        "optimizer_states": [optimiser.state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper,
    }


def mlp(activation: type[nn.Module]) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), activation(), nn.Linear(8, 8), activation(), nn.Linear(8, 2))


def agree(found: Network, net: nn.Module) -> bool:
    with torch.no_grad():
        return bool(np.abs(found(X) - net(torch.from_numpy(X).float()).double().numpy()).max() < 1e-6)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "hyper",
    [
        {"lr": 1e-3, "activation": "tanh", "hidden": [8, 8]},
        {"model": {"act_fn": "Tanh"}, "batch_size": 32},
        argparse.Namespace(activation="tanh", lr=0.1),
    ],
    ids=["keywords", "nested", "namespace"],
)
def test_the_hyper_parameters_say_the_activation(tmp_path: Path, hyper: Any, packed: bool) -> None:
    net = mlp(nn.Tanh)
    path = tmp_path / "last.ckpt"
    torch.save(checkpoint(net, hyper), path)
    if packed:
        whole = path.read_bytes()
        path = tmp_path / "last.ckpt.gz"
        path.write_bytes(gzip.compress(whole))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        found = load(path).to_network()
    assert found.activations == ("tanh", "tanh")
    assert not any("tanh" in said or "relu" in said for said in found.assumptions)
    assert agree(found, net)


def test_hyper_parameters_without_one_leave_it_assumed(tmp_path: Path) -> None:
    net = mlp(nn.ReLU)
    torch.save(checkpoint(net, {"lr": 1e-3}), tmp_path / "last.ckpt")
    with pytest.warns(AssumptionWarning, match="the activation is relu"):
        found = load(tmp_path / "last.ckpt").to_network()
    assert agree(found, net)


def test_two_networks_of_one_module_are_parts(tmp_path: Path) -> None:
    actor = mlp(nn.ReLU)
    content = checkpoint(actor, {"activation": "relu"}, "actor.")
    content["state_dict"] |= {
        f"critic.{name}": tensor for name, tensor in mlp(nn.ReLU).double().state_dict().items()
    }
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(FileError, match=r"holds several networks .*actor, .*critic.* name one: part="):
        load(tmp_path / "last.ckpt")
    with pytest.warns(AssumptionWarning):
        found = load(tmp_path / "last.ckpt", part="state_dict.actor").to_network()
    assert agree(found, actor)
