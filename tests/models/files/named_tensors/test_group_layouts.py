"""Group networks' layouts: each gives the logits that its own formula gives."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from mathcircuits.detect import InputError
from mathcircuits.models.files import read_group_network, read_network

RNG = np.random.default_rng(0)
N, D, H = 6, 4, 9
PAIRS = np.array(list(itertools.product(range(N), repeat=2)))
ONE_HOT = np.concatenate([np.eye(N)[PAIRS[:, 0]], np.eye(N)[PAIRS[:, 1]]], axis=1)
X, Y, U = RNG.normal(size=(N, D)), RNG.normal(size=(N, D)), RNG.normal(size=(H, N))
WIDE, NARROW = RNG.normal(size=(2 * D, H)), RNG.normal(size=(D, H))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("summed", [False, True])
def test_each_layout_gives_its_own_logits(shared: bool, summed: bool, tmp_path: Path) -> None:
    first, second = (X, X) if shared else (X, Y)
    tables = {"W_E": X} if shared else {"W_x": X, "W_y": Y}
    W = NARROW if summed else WIDE
    a, b = first[PAIRS[:, 0]], second[PAIRS[:, 1]]
    expected = np.maximum((a + b if summed else np.hstack([a, b])) @ W, 0) @ U
    arrays = {**tables, "W": W, "W_U": U}
    torch.save({name: torch.tensor(array) for name, array in arrays.items()}, tmp_path / "net.pt")
    net = read_group_network(tmp_path / "net.pt", summed=summed and shared)
    assert np.allclose(net(ONE_HOT), expected)
    assert net.assumptions[-1] == "the activation is relu"
    assert ("added up" if summed else "side by side") in net.assumptions[0]


def test_modules_of_torch_lie_the_other_way() -> None:
    arrays = {
        "net.embed_x.weight": X,
        "net.embed_y.weight": Y,
        "net.fc1.weight": WIDE.T,
        "net.fc2.weight": U.T,
    }
    expected = np.maximum(np.hstack([X[PAIRS[:, 0]], Y[PAIRS[:, 1]]]) @ WIDE, 0) @ U
    assert np.allclose(read_network(arrays)(ONE_HOT), expected)
    found = read_group_network(arrays, activation="identity")
    assert np.allclose(found(ONE_HOT), np.hstack([X[PAIRS[:, 0]], Y[PAIRS[:, 1]]]) @ WIDE @ U)


def test_what_is_no_group_network() -> None:
    with pytest.raises(InputError, match="5 inputs and 6 outputs: a network that composes two"):
        read_group_network({"0.weight": np.ones((3, 5)), "2.weight": np.ones((6, 3))})
    # A shared table whose rows are added up could be a network of one input.
    with pytest.raises(InputError, match="one_hot=True"):
        read_group_network({"W_E": X, "W": NARROW, "W_U": U})
