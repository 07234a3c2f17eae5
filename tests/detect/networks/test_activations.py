"""Activations: a checked Mapping from hook name to values, known by its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError, UnknownNameError
from mathcircuits.detect.networks.architecture import hook_names, hook_post, hook_pre
from mathcircuits.detect.networks.network import Activations, Network

X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])


@given(st.integers(0, 9))
def test_hook_names_are_those_of_the_forward_pass(blocks: int) -> None:
    names = hook_names(blocks)
    assert names[0] == "hook_input"
    assert names[-1] == "hook_output"
    assert names[1:-1] == tuple(name for k in range(blocks) for name in (hook_pre(k), hook_post(k)))
    assert len(set(names)) == 2 * blocks + 2


def test_a_mapping_by_hook_name() -> None:
    acts = Activations({"hook_input": X, hook_post(0): X[:, :1], "hook_output": X})
    assert list(acts) == ["hook_input", hook_post(0), "hook_output"]
    assert len(acts) == 3
    assert hook_post(0) in acts
    assert "hook_pre" not in acts
    assert dict(acts).keys() == {name for name, _ in acts.items()}
    assert acts.get("nothing") is None
    assert acts.n == 3
    assert np.array_equal(acts.inputs, X)
    assert np.array_equal(acts.outputs, X)
    assert repr(acts) == "Activations(n=3, hooks=3)"


def test_blocks_are_counted_in_order_and_other_names_left_alone() -> None:
    names = ["blocks.10.mlp.hook_post", "blocks.2.mlp.hook_post", "blocks.3.mlp.hook_pre"]
    others = ["blocks.a.mlp.hook_post", "my.mlp.hook_post"]
    acts = Activations({"hook_input": X, **dict.fromkeys([*names, *others], X)})
    assert acts.blocks == (2, 10)


def test_equal_values_are_equal() -> None:
    left, right = (Activations({"hook_input": X.copy(), "hook_output": X[:, :1].copy()}) for _ in range(2))
    assert left == right
    assert left != Activations({"hook_input": X, "hook_output": X[:, :1] + 1})
    assert left != Activations({"hook_input": X})
    assert left != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(left)


def test_the_inputs_are_known_by_their_values_and_shape() -> None:
    def key(inputs: Any) -> str:
        return Activations({"hook_input": inputs}).inputs_id

    assert key(X) == key(X.copy()) == key(np.asfortranarray(X)) == key(torch.tensor(X))
    assert len({key(X), key(X[::-1]), key(X.reshape(2, 3)), key(X[:2])}) == 4


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"hook_output": X}, "activations without 'hook_input': record the inputs too"),
        ({"hook_input": [[np.nan]]}, "inputs hold 1 value that is NaN"),
        ({"hook_input": X, "h": X[:2]}, "h has shape (2, 2): expected [3, units], one row per input"),
        ({"hook_input": X, "h": X[:, 0]}, "h has shape (3,): expected [3, units]"),
        ({"hook_input": X, "h": X * np.nan}, "h holds NaN or infinite values: the network overflows on these"),
        ({"hook_input": X, "h": "abc"}, "h is not numeric: give an array [3, units] of real numbers"),
        ({"hook_input": X, "h": torch.ones(3, 1, requires_grad=True)}, "h is not numeric"),
    ],
)  # fmt: skip
def test_other_values_are_refused(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Activations(values)
    assert problem in str(caught.value)


def test_a_layer_without_units_is_a_layer() -> None:
    assert Activations({"hook_input": X, hook_post(0): np.zeros((3, 0))})[hook_post(0)].shape == (3, 0)


def test_an_unknown_hook_names_the_near_one() -> None:
    acts = Network([[[1.0, 1.0]], [[1.0]]]).run(X)
    with pytest.raises(UnknownNameError) as caught:
        acts["blocks.0.mlp.hook_pots"]
    text = str(caught.value)
    assert text.startswith("no hook named 'blocks.0.mlp.hook_pots': did you mean 'blocks.0.mlp.hook_post'")
    assert text.endswith("(recorded: hook_input, blocks.0.mlp.hook_pre, blocks.0.mlp.hook_post, hook_output)")


def test_outputs_that_were_not_recorded_are_an_error() -> None:
    with pytest.raises(UnknownNameError, match="no hook named 'hook_output'"):
        _ = Activations({"hook_input": X}).outputs
