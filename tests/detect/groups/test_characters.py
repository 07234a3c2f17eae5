"""Characters: orthogonal to 1e-10, squared dimensions add up to the order, real kinds as the books have them."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError
from mathcircuits.detect.groups.characters import character_table
from mathcircuits.detect.groups.named_groups import group_named

NAMES = ["C1", "C2", "C7", "C12", "D5", "D8", "S3", "S4", "S5", "A4", "A5", "Q8", "C2xS3", "C3xC3"]


@pytest.mark.parametrize("name", NAMES)
def test_characters_are_orthogonal_both_ways(name: str) -> None:
    group = group_named(name)
    characters = group.characters
    n, k = group.order, len(np.unique(group.classes))
    assert characters.shape == (k, n)
    assert np.abs(characters @ characters.conj().T / n - np.eye(k)).max() < 1e-10
    sizes = np.bincount(group.classes)
    same = group.classes[:, None] == group.classes
    columns = characters.conj().T @ characters
    assert np.abs(columns - np.where(same, n / sizes[group.classes][:, None], 0)).max() < 1e-9
    assert abs((characters[:, group.identity].real ** 2).sum() - n) < 1e-10 * n
    assert np.abs(characters[0] - 1).max() < 1e-10


@pytest.mark.parametrize("name", NAMES)
def test_components_are_an_orthogonal_decomposition(name: str) -> None:
    group = group_named(name)
    assert sum(irrep.size for irrep in group.irreps) == group.order
    assert np.abs(group.basis.T @ group.basis - np.eye(group.order)).max() < 1e-10
    for irrep in group.irreps:
        # Translations keep the component.
        moved = irrep.basis[group.table[1 % group.order]]
        assert np.abs(irrep.basis @ (irrep.basis.T @ moved) - moved).max() < 1e-10


def test_known_tables() -> None:
    assert [(r.name, r.kind) for r in group_named("Q8").irreps][-1] == ("4a", "quaternionic")
    assert [(r.name, r.kind) for r in group_named("A4").irreps] == [
        ("1a", "real"),
        ("2a", "complex"),
        ("3a", "real"),
    ]
    assert [r.name for r in group_named("C6").irreps] == ["f0", "f1", "f2", "f3"]
    s4 = group_named("S4")
    # The sign, and fixed points less one.
    sign = [np.linalg.det(np.eye(4)[[int(c) for c in word]]) for word in s4.elements]
    fixed = [sum(int(c) == k for k, c in enumerate(word)) - 1 for word in s4.elements]
    assert np.allclose(s4.irrep("1b").character, sign)
    assert np.allclose(s4.irrep("3a").character, fixed)
    wave = np.cos(2 * np.pi * 2 * np.arange(7) / 7)
    assert group_named("C7").power(wave).round(9).tolist() == [0.0, 3.5, 0.0]


def test_names_do_not_hang_on_the_order_of_elements() -> None:
    rng = np.random.default_rng(0)
    for name in ("S4", "D6", "S5"):
        group = group_named(name)
        order = rng.permutation(group.order)
        for one, other in zip(group.irreps, group.relabelled(order).irreps, strict=True):
            assert one.name == other.name
            assert np.allclose(one.character[order], other.character) or (name, one.dimension) == ("D6", 1)


def test_what_is_no_groups_table_fails_its_check() -> None:
    with pytest.raises(InputError, match="characters of a group of order 3 fail their check"):
        character_table(np.array([[0, 1, 2], [1, 1, 0], [2, 0, 1]]), np.arange(3), np.array([0, 2, 1]))
