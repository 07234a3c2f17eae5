"""Representations: multiplicative matrices, Fourier coefficients that translate, all subgroups."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.groups.named_groups import group_named
from mathcircuits.detect.groups.representations import coefficients, fixed, matrices, subgroups


@pytest.mark.parametrize("name", ["C6", "D4", "S4", "A4", "A5", "Q8"])
def test_matrices_multiply_like_elements(name: str) -> None:
    group = group_named(name)
    for irrep in group.irreps:
        rho = matrices(group, irrep)
        assert np.allclose(rho[:, None] @ rho[None], rho[group.table])
        assert np.allclose(np.trace(rho, axis1=1, axis2=2), irrep.character)


def test_a_function_constant_on_cosets_is_fixed_on_that_side() -> None:
    s4 = group_named("S4")
    irrep = s4.irrep("3a")
    point = np.array([word.startswith("0") for word in s4.elements])
    rng = np.random.default_rng(0)
    f = rng.normal(size=24)
    f = f[s4.table[np.flatnonzero(point)]].mean(axis=0)  # on H x
    M = coefficients(s4, irrep, f)
    P = fixed(s4, irrep, point)
    assert np.allclose(P @ M, M)
    assert not np.allclose(M @ P, M)
    assert np.trace(P) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "count", "classes"), [("C12", 6, 6), ("D5", 8, 4), ("S4", 30, 11), ("A5", 59, 9), ("Q8", 6, 6)]
)
def test_all_subgroups_are_found(name: str, count: int, classes: int) -> None:
    members, kinds = subgroups(group_named(name))
    assert (len(members), int(kinds.max()) + 1) == (count, classes)
    assert len({row.tobytes() for row in members}) == count
    assert (group_named(name).order % members.sum(axis=1) == 0).all()
