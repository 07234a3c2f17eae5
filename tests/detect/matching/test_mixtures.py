"""Planted mixtures are found whole, identities are counted, untrained neurons are not called polysemantic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import Catalogue, catalogue
from mathcircuits.detect.matching.correlations import live_and_bent
from mathcircuits.detect.matching.criteria import EFFECTIVE, GATE, UNEXPLAINED
from mathcircuits.detect.matching.mixtures import (
    Mixture,
    decompose,
    decompose_block,
    fit_statistics,
    mixture_null,
    polysemantic,
    skipped,
    untrained_statistics,
)
from mathcircuits.detect.matching.probes import Probes, probes_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.networks.stacks import Stack

Array = npt.NDArray[np.float64]


def ridges(probes: Probes) -> list[tuple[str, Array]]:
    """Label and values of unit variance of every ridge."""
    chosen = [f for f in probes.features if f.competes_as == "ridge"]
    return [(f.label, v / v.std()) for f in chosen for v in [f.values(probes.X)]]


def planted(probes: Probes, k: int, noise: float, rng: np.random.Generator) -> tuple[set[str], Array]:
    """An even sum of k ridges on different kinks; noise is a share of the standard deviation."""
    table = ridges(probes)
    while True:
        at = rng.choice(len(table), k, replace=False)
        # The two sides of a kink, never positive together, would make an absolute value.
        if all((table[i][1] * table[j][1]).any() for i in at for j in at):
            break
    z = np.asarray(sum(table[j][1] for j in at))
    return {table[j][0] for j in at}, z / z.std() + noise * rng.normal(size=len(z))


# Planted truth


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.05])
def test_planted_mixtures_are_recovered(d: int, k: int, noise: float) -> None:
    probes, rng = probes_for(d, depth=2), np.random.default_rng([d, k])
    right, effective = 0, []
    for _ in range(60):
        truth, z = planted(probes, k, noise, rng)
        found = decompose(z, probes)
        right += {f.label for f in found.features} == truth
        effective.append(found.effective)
        assert found.unexplained == pytest.approx(noise**2 / (1 + noise**2), rel=0.4, abs=1e-12)
    # With 5% of noise in three inputs an exact identity may win; 1 in 200 planted triples is one.
    assert right >= (59 if (d, k, noise) == (3, 3, 0.05) else 60)
    assert np.sqrt(np.mean((np.array(effective) - k) ** 2)) <= 0.04


@pytest.mark.parametrize(("ratio", "effective"), [(1.0, 2.0), (0.5, 1.8), (0.25, 1.47)])
def test_effective_number_by_hand(ratio: float, effective: float) -> None:
    # Shares 1 / (1 + r) and r / (1 + r): 1 / sum of squares = (1 + r)^2 / (1 + r^2).
    assert (1 + ratio) ** 2 / (1 + ratio**2) == pytest.approx(effective, abs=0.01)
    probes = probes_for(2)
    (_, a), (_, b) = [r for r in ridges(probes) if r[0] in {"positiveness(x1)", "greaterness(x1, x2)"}]
    found = decompose(a + ratio * b, probes)
    assert found.effective == pytest.approx((1 + ratio) ** 2 / (1 + ratio**2))
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.shares[0] == pytest.approx(1 / (1 + ratio))


def test_coefficients_and_offset_reproduce_the_values() -> None:
    probes = probes_for(3)
    x1, x2, x3 = probes.X.T
    z = 0.5 * np.maximum(x1 - x3, 0) + 3 * np.maximum(-x2, 0) - 1.25
    found = decompose(z, probes)
    assert dict(zip([f.label for f in found.features], found.coefficients, strict=True)) == pytest.approx(
        {"greaterness(x1, x3)": 0.5, "negativeness(x2)": 3.0}
    )
    assert found.offset == pytest.approx(-1.25)
    assert found.values(probes.X) == pytest.approx(z)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3])
def test_a_threshold_changes_nothing_before_the_activation(threshold: float) -> None:
    probes = probes_for(2)
    x1, x2 = probes.X.T
    z = np.maximum(x1, 0) + np.maximum(x1 - x2, 0) - threshold
    before, after = decompose(z, probes), decompose(np.maximum(z, 0), probes)
    assert before.unexplained < 1e-12
    assert before.strict
    assert (after.unexplained < 1e-12) is (threshold == 0.0)


# What is no mixture


def test_the_identity_has_two_decompositions() -> None:
    probes = probes_for(2)
    x1, x2 = probes.X.T
    sides = [np.maximum(x1, 0) + np.maximum(x2, 0) + np.maximum(-x1 - x2, 0)]
    sides.append(np.maximum(-x1, 0) + np.maximum(-x2, 0) + np.maximum(x1 + x2, 0))
    assert sides[0] == pytest.approx(sides[1])
    for z in sides:
        found = decompose(z, probes)
        assert found.unexplained < 1e-12
        assert found.effective > EFFECTIVE
        assert found.alternatives == 2
        assert not found.strict


@pytest.mark.parametrize("name", ["absolute", "absolute-difference", "greaterness"])
def test_one_feature_is_no_mixture(name: str) -> None:
    probes = probes_for(2)
    feature = next(f for f in probes.features if f.feature.name == name)
    found = decompose(2 * feature.values(probes.X) + 1, probes)
    assert found.unexplained < 1e-12
    assert found.single < 1e-12
    # |x| is relu(x) + relu(-x): two ridges, and yet one feature.
    assert len(found.features) == (1 if name == "greaterness" else 2)
    assert not found.strict


def test_a_small_share_is_no_second_feature() -> None:
    probes = probes_for(2)
    (_, a), (_, b) = ridges(probes)[0], ridges(probes)[4]
    assert len(decompose(a + 0.01 * b, probes).features) == 1
    assert len(decompose(a + 0.05 * b, probes).features) == 2


def test_what_no_ridge_resembles_has_no_features() -> None:
    probes = probes_for(1)
    x = probes.X[:, 0]
    found = decompose(-np.abs(x), probes)
    assert (found.features, found.effective, found.unexplained) == ((), 0.0, 1.0)
    assert "nothing" in repr(found)
    assert decompose(np.full(len(x), 3.0), probes).features == ()


def test_a_catalogue_without_ridges() -> None:
    probes = probes_for(2, catalogue=catalogue.search("smooth"))
    found = decompose(probes.X[:, 0], probes)
    assert (found.features, found.alternatives) == ((), 0)


def test_a_ridge_that_the_catalogue_holds_twice_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[feature]]\nid = "mine/twice"\nformula = "2 * relu(x1)"\ndefinition = "again"\nclass = "ridge"\n'
    )
    probes = probes_for(2, catalogue=catalogue | Catalogue.load(file))
    assert "twice(x1)" in [f.label for f in probes.features if f.competes_as == "ridge"]
    x1, x2 = probes.X.T
    found = decompose(np.maximum(x1, 0) + np.maximum(x1 - x2, 0), probes)
    assert (found.alternatives, found.strict) == (1, True)


# Against untrained neurons


def deep(weights: list[list[float]]) -> Stack:
    """2-4-k-1 networks whose first layer holds relu(x1), relu(x1 - x2), relu(x1 + x2), relu(-x2)."""
    first = [[1.0, 0.0], [1.0, -1.0], [1.0, 1.0], [0.0, -1.0]]
    return Stack.of([Network([first, weights, [[1.0] * len(weights)]])])


def test_a_planted_neuron_is_polysemantic_and_its_neighbours_are_not() -> None:
    # Two features; one feature; features that cancel (no mixture of this sign); three features.
    stack = deep([[1.0, 1.0, 0, 0], [0, 1.0, 0, 0], [1.0, -1.0, 0, 0], [1.0, 1.5, 0, 1.0]])
    probes = probes_for(2, depth=2)
    pre = stack.forward(probes.X).pre[1]
    grid = decompose_block(pre, stack.architecture, 1, probes, ("uniform",), np.full((1, 4), True))
    assert polysemantic([grid])[0].tolist() == [[True, False, False, True]]
    first = grid[0, 0]
    assert isinstance(first, Mixture)
    assert first.p is not None
    assert 0 < first.p < 1e-3
    assert grid[0, 1].p == 1.0
    assert ", p=" in repr(first)


def test_a_single_feature_behind_the_threshold_is_no_mixture() -> None:
    # 5 relu(x1 - x2) outweighs what the threshold leaves of the other two.
    first = [[1.0, -1.0], [1.0, 0.0], [0.0, -1.0]]
    net = Network([first, [[5.0, 0.02, 0.02]], [[1.0]]], [None, [-0.06], None])
    probes = probes_for(2, depth=2)
    stack = Stack.of([net])
    grid = decompose_block(
        stack.forward(probes.X).pre[1], stack.architecture, 1, probes, ("uniform",), np.full((1, 1), True)
    )
    assert grid[0, 0].single <= GATE
    assert not polysemantic([grid])[0].any()


def test_only_candidates_are_decomposed() -> None:
    stack = deep([[1.0, 1.0, 0, 0], [1.0, 1.0, 0, 0]])
    probes = probes_for(2, depth=2)
    pre = stack.forward(probes.X).pre[1]
    grid = decompose_block(pre, stack.architecture, 1, probes, ("uniform",), np.array([[False, True]]))
    assert grid[0, 0] is None
    assert polysemantic([grid])[0].tolist() == [[False, True]]
    assert polysemantic([]) == []


@pytest.mark.parametrize(("d", "width", "bias"), [(1, 3, True), (2, 3, False), (2, 8, True), (3, 8, False)])
def test_untrained_neurons_are_seldom_polysemantic(d: int, width: int, bias: bool) -> None:
    shape = Architecture((d, width, 4, 1), ("relu", "relu"), (bias, bias, False))
    probes = probes_for(d, depth=2)
    stack = untrained(shape, 120, "uniform", np.random.default_rng([7, d, width]))
    forward = stack.forward(probes.X)
    live, bent = live_and_bent(forward.pre[1], forward.post[1], "relu")
    grid = decompose_block(forward.pre[1], shape, 1, probes, ("uniform",), live & bent)
    found = [m for m in grid.ravel() if m is not None]
    assert len(found) > 100
    assert all(m.p is not None and 0 < m.p <= 1 for m in found)
    assert np.mean(polysemantic([grid])[0].any(axis=1)) <= 0.05


def test_p_is_what_fresh_untrained_neurons_reach() -> None:
    probes = probes_for(2, depth=2)
    shape = Architecture((2, 3, 1, 1), ("relu", "relu"), (False, False, False))
    null = mixture_null(shape, 1, "uniform", probes)
    p = null.p(untrained_statistics(shape, 1, "uniform", probes, seed=12345, draws=2000))
    # Of about 1 300 live and bent ones, 65 +- 8 and 13 +- 4 are expected, plus the null's own error.
    assert 0.03 < np.mean(p <= 0.05) < 0.07
    assert 0.003 < np.mean(p <= 0.01) < 0.02


def test_where_untrained_networks_hold_no_mixture_p_ends_at_one_draw() -> None:
    few = np.array([1e-4, 1e-3, *[1.0] * 97])
    null = fit_statistics(few)
    # (draws at or below + 1) / (n + 1)
    assert null.p(np.array([1e-6, 1e-4, 1e-3, 1.0])) == pytest.approx([0.01, 0.02, 0.03, 1.0], rel=2e-2)
    assert fit_statistics(np.empty(0)).p(1e-9) == 1.0


def test_the_null_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    probes = probes_for(1, X=np.linspace(-1, 1, 40)[:, None])
    shapes = [Architecture((1, 2, width, 1), ("relu", "relu"), (True, True, True)) for width in (1, 5)]
    # Neither the block's own width nor what lies above it changes the law.
    first, second = (mixture_null(shape, 1, "normal", probes) for shape in shapes)
    assert first is second
    assert len(list((tmp_path / "nulls").iterdir())) == 1


# Refusals


def test_a_first_layer_is_never_decomposed() -> None:
    probes = probes_for(2)
    for shape, block in [
        (Architecture((2, 3, 1), ("relu",), (False, False)), 0),
        (Architecture((2, 3, 4, 1), ("identity", "relu"), (False, False, False)), 1),
    ]:
        with pytest.raises(
            InputError, match="lies behind no other non-linear layer: a neuron there is one ridge"
        ):
            decompose_block(np.zeros((1, 512, 1)), shape, block, probes, ("uniform",), np.full((1, 1), True))
        with pytest.raises(InputError, match="lies behind no other non-linear layer"):
            mixture_null(shape, block, "uniform", probes)


def test_wrong_values_are_refused() -> None:
    probes = probes_for(2)
    with pytest.raises(InputError, match="give one value per probe"):
        decompose(np.zeros(7), probes)
    with pytest.raises(InputError, match="1 of 512 values are NaN or infinite"):
        decompose(np.where(np.arange(512) == 3, np.nan, 1.0), probes)
    shape = Architecture((2, 3, 1, 1), ("relu", "relu"), (False, False, False))
    with pytest.raises(InputError, match=r"give \[networks, probes, width\]"):
        decompose_block(np.zeros((1, 7, 1)), shape, 1, probes, ("uniform",), np.full((1, 1), True))


def test_too_many_ridges_are_skipped_by_name() -> None:
    probes = probes_for(10)
    assert skipped(probes) == "mixtures (440 ridges, more than 256)"
    shape = Architecture((10, 3, 1, 1), ("relu", "relu"), (False, False, False))
    grid = decompose_block(np.zeros((1, 512, 1)), shape, 1, probes, ("uniform",), np.full((1, 1), True))
    assert grid.tolist() == [[None]]
    with pytest.raises(InputError, match="too many ridges to decompose over"):
        decompose(np.zeros(512), probes)
    few = probes_for(2, X=np.random.default_rng(0).uniform(-1, 1, (12, 2)))
    assert skipped(few) == "mixtures (8 ridges, more than 6)"


def test_the_bars_are_the_designs() -> None:
    assert (UNEXPLAINED, EFFECTIVE, GATE) == (1e-3, 1.5, 1e-2)
