"""Stacks: many networks as one array compute what each computes alone; untrained draws follow their law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import LAWS, untrained
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.networks.nonlinearities import NAMES
from mathcircuits.detect.networks.stacks import Stack

ARCHITECTURES = st.lists(st.integers(1, 4), min_size=2, max_size=5).flatmap(
    lambda sizes: st.builds(
        Architecture,
        st.just(tuple(sizes)),
        st.tuples(*[st.sampled_from(NAMES)] * (len(sizes) - 2)),
        st.tuples(*[st.booleans()] * (len(sizes) - 1)),
    )
)


@given(ARCHITECTURES, st.sampled_from(LAWS), st.integers(0, 99))
def test_a_stack_computes_what_each_network_does(shape: Architecture, law: str, seed: int) -> None:
    stack = untrained(shape, 3, law, np.random.default_rng(seed))
    X = np.random.default_rng(1).normal(size=(5, shape.sizes[0]))
    forward = stack.forward(X)
    for k in range(3):
        net = stack.network(k)
        assert net.architecture == shape
        ran = net.run(X)
        assert np.allclose(forward.outputs[k], ran.outputs, atol=1e-12)
        for block in range(len(shape.activations)):
            assert np.allclose(forward.pre[block][k], ran[f"blocks.{block}.mlp.hook_pre"], atol=1e-12)
            assert np.allclose(forward.post[block][k], ran[f"blocks.{block}.mlp.hook_post"], atol=1e-12)


@given(ARCHITECTURES, st.integers(0, 99))
def test_stacking_the_parts_gives_the_whole(shape: Architecture, seed: int) -> None:
    stack = untrained(shape, 3, "uniform", np.random.default_rng(seed))
    again = Stack.of([stack.network(k) for k in range(3)])
    assert again.architecture == shape
    for mine, theirs in zip((*stack.weights, *stack.biases), (*again.weights, *again.biases), strict=True):
        assert np.array_equal(mine, theirs)
    assert len(stack[1:]) == 2
    assert np.array_equal(stack[1:].weights[0], stack.weights[0][1:])


@given(ARCHITECTURES, st.integers(0, 99))
def test_going_on_from_a_layer_is_the_forward_pass(shape: Architecture, seed: int) -> None:
    stack = untrained(shape, 2, "normal", np.random.default_rng(seed))
    X = np.random.default_rng(2).normal(size=(4, shape.sizes[0]))
    forward = stack.forward(X)
    for block, post in enumerate(forward.post):
        assert np.allclose(stack.after(block, post), forward.outputs, atol=1e-12)


def test_a_network_without_hidden_layers() -> None:
    stack = Stack.of([Network([[[2.0, 3.0]]], [[1.0]])])
    assert stack.forward(np.array([[1.0, 1.0]])).outputs.tolist() == [[[6.0]]]
    assert stack.forward(np.array([[1.0, 1.0]])).post == ()
    assert repr(stack) == "Stack(1 x Architecture(2-1, bias))"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Stack.of([]), "no networks to stack: give at least one"),
        (
            lambda: Stack.of([Network([[[1.0]]]), Network([[[1.0, 1.0]]])]),
            "network 1 is a Architecture(2-1, no bias), network 0 a Architecture(1-1, no bias): read each shape alone",
        ),
        (
            lambda: Stack.of([Network([[[1.0]]])])[0],
            "stack[0]: give a slice; one network is stack.network(k)",
        ),
        (lambda: Stack.of([Network([[[1.0]]])]).network(1), "network 1 of a stack of 1: give 0 to 0"),
    ],
)
def test_what_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert problem in str(caught.value)
