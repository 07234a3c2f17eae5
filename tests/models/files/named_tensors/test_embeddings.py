"""Embedding tables: refused, or the first layer of one-hot inputs where that is told."""

from __future__ import annotations

import numpy as np
import pytest
from foreign_networks import mlp, off
from torch import nn

from mathcircuits.detect import InputError
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network


def test_embedding_tables_are_the_first_layer_where_the_caller_says_so() -> None:
    table, head = nn.Embedding(4, 4).double(), nn.Linear(4, 2).double()
    sd = {"embedding.weight": table.weight, "linear.weight": head.weight, "linear.bias": head.bias}
    with pytest.raises(InputError, match="one_hot=True reads it as the first layer"):
        load(sd)
    found = read_network(sd, one_hot=True)
    assert off(found, lambda x: head(x @ table.weight)) < 1e-9
    assert "the inputs are one-hot: embedding" in found.assumptions


def test_two_blocks_of_one_hot_inputs() -> None:
    rng = np.random.default_rng(0)
    A, B, out = rng.normal(size=(8, 5)), rng.normal(size=(8, 5)), rng.normal(size=(5, 8))
    found = read_network({"W_x": A, "W_y": B, "W_out": out}, one_hot=True, activation="relu")
    x, y = np.eye(5)[[1, 4]], np.eye(5)[[2, 0]]
    assert np.allclose(found(np.hstack([x, y])), np.maximum(x @ A.T + y @ B.T, 0) @ out.T)
    with pytest.raises(InputError, match="no embedding table, nor a pair W_x and W_y; leave out one_hot="):
        load(mlp(2, 3, 1).state_dict(), one_hot=True)


def test_tables_side_by_side_without_a_word_are_refused() -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "W_x": rng.normal(size=(3, 4)),
        "W_y": rng.normal(size=(3, 4)),
        "out.weight": rng.normal(size=(2, 4)),
    }
    with pytest.raises(InputError, match="layers do not chain"):
        load(tensors)
    assert read_network(tensors, one_hot=True).sizes == (6, 4, 2)
