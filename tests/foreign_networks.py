"""Networks as other people write them, and how far a reading of one is off."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from mathcircuits.detect import Network


def mlp(
    *sizes: int, act: Callable[[], nn.Module] = nn.ReLU, bias: bool = True, seed: int = 0
) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, units in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, units, bias=bias), act()]
    return nn.Sequential(*layers[:-1]).double().eval()


def off(net: Network, truth: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """The largest difference between a reading and the truth on normal inputs."""
    inputs = np.random.default_rng(2).normal(size=(64, net.inputs)) * 3
    with torch.no_grad():
        expected = truth(torch.tensor(inputs)).numpy().reshape(len(inputs), -1)
    assert net.outputs == expected.shape[1]
    return float(np.abs(net(inputs) - expected).max())
