"""Finite groups: tables that are none are refused, elements can be renamed, powers add up."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError
from mathcircuits.detect.groups.finite_groups import FiniteGroup, closure, generators, not_a_group
from mathcircuits.detect.groups.named_groups import group_named


def test_a_table_that_is_no_groups_is_refused() -> None:
    # The smallest loop that is no group has five elements.
    loop = np.array([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]])
    assert not_a_group(loop) == "its products are not associative"
    assert not_a_group(np.array([[1, 2, 0], [2, 0, 1], [0, 1, 2]])[:, ::-1]) == "no element is neutral"
    assert not_a_group(np.zeros((2, 3), int)).startswith("its shape is (2, 3)")
    assert not_a_group([[0.0]]).endswith("float64")
    with pytest.raises(InputError, match="the table of X is not that of a group: its products are not"):
        FiniteGroup("X", loop)


@pytest.mark.parametrize("name", ["", "E8", "S0", "S7", "C1001", "C40xC40", "Q16", "S3x"])
def test_a_name_that_is_no_groups_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="group '"):
        group_named(name)


def test_orders_inverses_and_classes() -> None:
    s3 = group_named("S3")
    assert s3.element_orders.tolist() == [1, 2, 2, 3, 3, 2]
    assert (s3.table[np.arange(6), s3.inverses] == s3.identity).all()
    assert np.bincount(s3.classes).tolist() == [1, 3, 2]
    assert not s3.commutative
    assert group_named("C2xC2").commutative
    # 102 exchanges the first two, 021 the last two: first the one, then the other.
    a, b = s3.elements.index("102"), s3.elements.index("021")
    assert s3.elements[s3.table[a, b]] == "201"


def test_generators_generate() -> None:
    s4 = group_named("S4")
    reached = np.isin(np.arange(24), generators(s4.table))
    assert closure(s4.table, reached).all()


def test_powers_add_up_and_follow_the_names() -> None:
    a4 = group_named("A4")
    f = np.random.default_rng(0).normal(size=(3, 12))
    power = a4.power(f)
    assert np.allclose(power.sum(axis=1), ((f - f.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    order = np.random.default_rng(1).permutation(12)
    assert np.allclose(a4.relabelled(order).power(f[:, order]), power)
    with pytest.raises(InputError, match="one entry for each of the 12 elements of A4"):
        a4.power(np.ones(6))
    with pytest.raises(InputError, match="name each number once"):
        a4.relabelled([0] * 12)
    with pytest.raises(InputError, match="A4 has no irrep '9z': it has 1a, 2a, 3a"):
        a4.irrep("9z")
