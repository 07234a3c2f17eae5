"""Symmetries: they read as they print, compose, and span a group with a limit."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import Network
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import Symmetry, mirrored, spanned
from mathcircuits.detect.features.task import Task


def every_symmetry(d: int) -> list[Symmetry]:
    orders = itertools.permutations(range(d))
    return [Symmetry(p, s) for p in orders for s in itertools.product((1, -1), repeat=d)]


# Symmetries

SYMMETRIES = st.integers(1, 4).flatmap(
    lambda d: st.tuples(st.permutations(range(d)), st.lists(st.sampled_from((1, -1)), min_size=d, max_size=d))
)


@given(SYMMETRIES)
def test_a_symmetry_reads_as_it_prints(pair: tuple[list[int], list[int]]) -> None:
    symmetry = Symmetry(tuple(pair[0]), tuple(pair[1]))
    assert Symmetry.parse(symmetry.images) == symmetry
    assert repr(symmetry) == f"Symmetry({', '.join(symmetry.images)})"


@given(st.data(), st.integers(1, 4))
def test_then_is_one_after_the_other(data: st.DataObject, d: int) -> None:
    first, second, third = (data.draw(st.sampled_from(every_symmetry(d))) for _ in range(3))
    X = np.random.default_rng(0).normal(size=(7, d))
    assert np.array_equal(first.then(second)(X), second(first(X)))
    assert first.then(second).then(third) == first.then(second.then(third))
    assert np.array_equal(first(torch.tensor(X)).numpy(), first(X))


def test_images_by_hand() -> None:
    assert Symmetry.parse(["x2", "-x1"])(np.array([[1.0, 5.0]])).tolist() == [[5.0, -1.0]]
    assert Symmetry.parse(("- x1",)).signs == (-1,)
    assert Symmetry.parse(["-x1"])(np.ones((1, 1), np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    "images", [["x1", "x1"], ["x1", "x3"], ["x0"], ["y1"], ["x1", "+x2"], ["--x1"], "x1", [5], [["x1"]], ["x\u0661"]]
)  # fmt: skip
def test_other_images_are_refused(images: Any) -> None:
    with pytest.raises(InputError, match=r"symmetry .*: give each input once, in a list, as 'x2' or '-x2'"):
        Symmetry.parse(images)


@pytest.mark.parametrize("pair", [((0, 0), (1, 1)), ((0, 1), (1,)), ((0, 1), (1, 2)), ((1, 2), (1, 1))])
def test_another_symmetry_is_refused(pair: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(InputError, match="give each of 0 to d - 1 once, and d signs of 1 or -1"):
        Symmetry(*pair)


@given(st.data(), st.integers(1, 3))
def test_what_is_spanned_is_a_group(data: st.DataObject, d: int) -> None:
    generators = data.draw(st.lists(st.sampled_from(every_symmetry(d)), max_size=3))
    identity = Symmetry(tuple(range(d)), (1,) * d)
    group = {identity, *spanned(generators, d)}
    assert identity not in spanned(generators, d)
    assert set(generators) <= group
    assert {a.then(b) for a in group for b in group} == group
    assert len(every_symmetry(d)) % len(group) == 0


def test_a_group_has_a_limit() -> None:
    d = 9
    swap = [f"x{k}" for k in (2, 1, *range(3, d + 1))]
    turn = [f"x{k}" for k in (*range(2, d + 1), 1)]
    with pytest.raises(InputError, match="task 'all': its symmetries span more than 50000 transformations"):
        Task("all", d, (Formula("x1"),), symmetries=(Symmetry.parse(swap), Symmetry.parse(turn)))


def random_networks(count: int, seed: int, width: int = 8) -> list[Network]:
    rng = np.random.default_rng(seed)
    bound = 1 / math.sqrt(2), 1 / math.sqrt(width)
    return [
        Network([rng.uniform(-bound[0], bound[0], (width, 2)), rng.uniform(-bound[1], bound[1], (1, width))])
        for _ in range(count)
    ]


def test_a_mirrored_network_is_the_network_of_mirrored_inputs() -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    image = Symmetry.parse(["-x2", "x1"])
    net = random_networks(1, 0)[0]
    assert mirrored(net, image)(X) == pytest.approx(net(image(X)))
