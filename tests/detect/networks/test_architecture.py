"""Architectures and hook names: frozen values, and those of the forward pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.architecture import Architecture, hook_names, hook_post, hook_pre

# Architecture


def test_an_architecture_is_a_value() -> None:
    shape = Architecture((2, 3, 1), ("relu",), (True, False))
    assert shape == Architecture([2, 3, 1], ["relu"], [True, False])  # type: ignore[arg-type]
    assert len({shape, Architecture((2, 3, 1), ("relu",), (True, False))}) == 1
    assert Architecture((2, 2, 2, 1), ("identity", "relu"), (True,) * 3).active == (1,)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (((2,), (), ()), "sizes (2,): give inputs, hidden widths and outputs, each at least 1"),
        (((2, 0, 1), ("relu",), (True, True)), "sizes (2, 0, 1): give inputs"),
        (
            ((2, 3, 1), (), (True, True)),
            "have 1 hidden layers and 2 linear ones: got 0 activations and 2 bias",
        ),
        (((2, 3, 1), ("relu",), (True,)), "got 1 activations and 1 bias flags, give one each"),
    ],
)
def test_another_architecture_is_refused(arguments: tuple[Any, ...], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Architecture(*arguments)
    assert problem in str(caught.value)


@given(st.integers(0, 9))
def test_hook_names_are_those_of_the_forward_pass(blocks: int) -> None:
    names = hook_names(blocks)
    assert names[0] == "hook_input"
    assert names[-1] == "hook_output"
    assert names[1:-1] == tuple(name for k in range(blocks) for name in (hook_pre(k), hook_post(k)))
    assert len(set(names)) == 2 * blocks + 2
