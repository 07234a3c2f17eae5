"""Binding: every feature on every choice of its arguments, each function once."""

from __future__ import annotations

import itertools
from math import comb, perm

import numpy as np
import pytest

from mathcircuits.detect import Network, analyse
from mathcircuits.detect.features.binding import bind
from mathcircuits.detect.features.catalogues import Catalogue, catalogue
from mathcircuits.detect.features.feature import Feature
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import Symmetry, spanned

ENTRIES = tuple(catalogue.values())


def unit(d: int) -> tuple[tuple[float, float], ...]:
    return ((-1.0, 1.0),) * d


def of(text: str, *symmetry: list[str], name: str = "mine/f") -> Feature:
    formula = Formula(text)
    return Feature(name, formula, "mine", formula.arity, symmetry=tuple(Symmetry.parse(s) for s in symmetry))


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_every_choice_is_there_once(d: int) -> None:
    binding = bind(ENTRIES, d, unit(d))
    assert binding.skipped == ()
    labels = [b.label for b in binding.features]
    assert len(set(labels)) == len(labels)
    for feature in ENTRIES:
        mine = [b for b in binding.features if b.feature is feature]
        orders = 1 + sum(set(s.signs) == {1} for s in spanned(feature.symmetry, feature.arity))
        assert len(mine) == perm(d, feature.arity) // orders
        for one in mine:
            assert len(set(one.on)) == feature.arity
            assert one.competes_as == feature.competes_as


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_a_bound_feature_is_the_feature_on_those_columns(d: int) -> None:
    X = np.random.default_rng(d).uniform(-1, 1, (50, d))
    for bound in bind(ENTRIES, d, unit(d)).features:
        columns = X[:, [int(name[1:]) - 1 for name in bound.on]] if bound.on else X[:, :1]
        assert np.allclose(bound.values(X), bound.feature(columns), atol=1e-14)
        assert np.array_equal(bound.values(X), bound.formula(X, box=unit(d)))


def test_one_of_each_orbit_stands_for_all() -> None:
    d = 4
    X = np.random.default_rng(0).uniform(-1, 1, (50, d))
    for feature in ENTRIES:
        table = [b.values(X) for b in bind([feature], d, unit(d)).features]
        for columns in itertools.permutations(range(d), feature.arity):
            values = feature(X[:, list(columns)] if columns else X[:, :1])
            assert sum(np.allclose(values, held, atol=1e-12) for held in table) == 1


def test_symmetries_with_signs_may_make_one_without() -> None:
    # (x1, x2) -> (-x2, -x1) and (x1, x2) -> (-x1, -x2) make the swap.
    feature = of("abs(x1 - x2)", ["-x2", "-x1"], ["-x1", "-x2"])
    assert [b.on for b in bind([feature], 3, unit(3)).features] == [("x1", "x2"), ("x1", "x3"), ("x2", "x3")]
    # A sign alone forbids no order.
    assert len(bind([of("x1**2 * x2", ["-x1", "x2"])], 3, unit(3)).features) == 6


def test_a_turn_of_three() -> None:
    turning = of("(x1 - x2) * (x2 - x3) * (x3 - x1)", ["x2", "x3", "x1"])
    assert [b.on for b in bind([turning], 3, unit(3)).features] == [("x1", "x2", "x3"), ("x1", "x3", "x2")]


def test_thresholds_lie_in_the_first_arguments_own_box() -> None:
    box = ((-1.0, 1.0), (0.0, 8.0))
    X = np.array([[0.25, 5.0]])
    above = {b.on: b.values(X).item() for b in bind([catalogue["above-low"]], 2, box).features}
    assert above == {("x1",): 0.75, ("x2",): 3.0}
    # low is -1 for (x1, x2) and 0 for (x2, x1), though x1 has the lower number in both.
    two = of("x1 - x2 - low")
    assert {b.on: b.values(X).item() for b in bind([two], 2, box).features} == {
        ("x1", "x2"): 0.25 - 5.0 + 1.0,
        ("x2", "x1"): 5.0 - 0.25,
    }


def test_a_feature_of_more_arguments_is_no_candidate() -> None:
    assert all(b.feature.arity <= 1 for b in bind(ENTRIES, 1, unit(1)).features)
    assert bind([catalogue["greaterness"]], 1, unit(1)).features == ()
    assert bind((), 3, unit(3)).features == ()


def test_what_is_too_many_is_left_out_by_name() -> None:
    found = bind(ENTRIES, 5, unit(5), limit=10)
    # 20 ordered and 10 unordered pairs, 10 triples, 60 ordered triples
    assert found.skipped == ("greaterness", "difference")
    assert {b.feature.name for b in found.features} == set(catalogue.names) - set(found.skipped)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_positive_parts_of_minima_and_maxima(d: int) -> None:
    plain, deep = bind(ENTRIES, d, unit(d)).features, bind(ENTRIES, d, unit(d), depth=2).features
    assert deep[: len(plain)] == plain
    composed = deep[len(plain) :]
    pairs = comb(d, 2)
    disjoint = pairs * comb(max(d - 2, 0), 2)
    assert len(composed) == 2 * (2 * pairs + disjoint)
    assert len({b.label for b in composed}) == len(composed)
    assert {b.competes_as for b in composed} <= {"composed"}
    X = np.random.default_rng(d).uniform(-1, 1, (50, d))
    for bound in composed:
        inner = np.column_stack([Formula(text)(X) for text in bound.on])
        assert np.allclose(bound.values(X), bound.feature(inner), atol=1e-14)


def test_the_label_of_a_composed_feature() -> None:
    labels = {b.label for b in bind(ENTRIES, 4, unit(4), depth=2).features}
    assert "greaterness(min(x1, x2), min(x3, x4))" in labels
    assert "positiveness(max(x1, x2))" in labels
    assert "greaterness(min(x1, x2), min(x1, x3))" not in labels
    assert "greaterness(min(x1, x2), max(x3, x4))" not in labels


def test_composed_features_that_are_too_many_are_named() -> None:
    # 6 pairs: 24 positive parts of two kinds and signs, 36 ordered pairs of pairs
    few = [catalogue["positiveness"], catalogue["greaterness"]]
    assert bind(few, 4, unit(4), depth=2, limit=36).skipped == ()
    assert bind(few, 4, unit(4), depth=2, limit=35).skipped == ("greaterness of minima and maxima",)
    assert bind(few, 4, unit(4), depth=2, limit=23).skipped == (
        "positiveness of minima and maxima",
        "greaterness of minima and maxima",
    )


def test_a_catalogue_binds_its_own() -> None:
    small = Catalogue([catalogue["positiveness"]])
    assert [repr(b) for b in small.bind(2)] == [
        "BoundFeature(positiveness(x1))",
        "BoundFeature(positiveness(x2))",
    ]
    assert small.bind(1, box=(0, 4))[0].box == ((0.0, 4.0),)
    assert len(small.bind(2, depth=2)) == 4


def test_a_feature_that_overflows_on_the_box_is_left_out_by_name() -> None:
    steep = Feature(id="mine/steep", formula=Formula("exp(1000*x1)"), definition="d", arity=1)
    entries = (catalogue["positiveness"], steep)
    found = bind(entries, 1, ((-1.0, 1.0),))
    assert ([b.label for b in found.features], found.infinite) == (["positiveness(x1)"], ("steep",))
    # Elsewhere it is a feature like any other.
    assert bind(entries, 1, ((-1.0, 0.1),)).infinite == ()


def test_a_layer_says_which_features_are_infinite_there() -> None:
    steep = Feature(id="mine/steep", formula=Formula("exp(1000*x1)"), definition="d", arity=1)
    network = Network([[[1.0], [-0.5], [0.3]], [[1.0, 1.0, 1.0]]], [[0.2, 0.3, 0.1], [0.0]])
    found = analyse(network, catalogue=catalogue | Catalogue([steep]))
    assert any("features steep (infinite or NaN on the box)" in text for text in found.skipped)
