"""Probes: features on inputs, standardised, in classes, and a key that tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import Catalogue, catalogue
from mathcircuits.detect.features.feature import Feature
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.matching.probes import MAX_PROBES, Probes, probes_for

X = np.random.default_rng(0).uniform(-1, 1, (200, 2))


def of(name: str, text: str) -> Feature:
    return Feature(f"mine/{name}", Formula(text), "mine", Formula(text).arity)


@pytest.mark.parametrize(
    "probes",
    [probes_for(1), probes_for(2), probes_for(3, box=(0, 4)), probes_for(2, X=X), probes_for(3, depth=2)],
    ids=repr,
)
def test_features_are_centred_and_of_unit_norm(probes: Probes) -> None:
    assert np.allclose(probes.unit.sum(axis=0), 0, atol=1e-10)
    assert np.allclose((probes.unit**2).sum(axis=0), 1, atol=1e-12)
    for k, feature in enumerate(probes.features):
        values = feature.values(probes.X)
        again = probes.mean[k] + probes.sd[k] * np.sqrt(len(probes.X)) * probes.unit[:, k]
        assert np.allclose(again, values, atol=1e-12)


@pytest.mark.parametrize("probes", [probes_for(1), probes_for(3), probes_for(4, depth=2)], ids=repr)
def test_classes_are_blocks(probes: Probes) -> None:
    assert len(set(probes.classes)) == len(probes.classes) == len(probes.starts)
    ends = [*probes.starts[1:], len(probes.features)]
    for name, start, end in zip(probes.classes, probes.starts, ends, strict=True):
        assert start < end
        assert {feature.competes_as for feature in probes.features[start:end]} == {name}


def test_constants_are_left_out() -> None:
    assert len(probes_for(2).features) == len(catalogue.bind(2)) - 1
    still = np.column_stack([X[:, 0], np.full(200, 0.5)])
    # clip(x2) and the like do not vary there; what does is a function of x1.
    kept = {feature.label for feature in probes_for(2, X=still).features}
    assert "positiveness(x1)" in kept
    assert "positiveness(x2)" not in kept


def test_a_tiny_box_has_features_too() -> None:
    tiny = probes_for(2, box=(-1e-10, 1e-10))
    names = {feature.feature.name for feature in tiny.features}
    assert {"greaterness", "positiveness", "minimum", "clip"} <= names


def test_a_feature_without_a_value_is_left_out() -> None:
    mine = Catalogue([of("inverse", "1 / x1"), of("cube", "x1**3"), of("huge", "exp(1e6 * x1)")])
    given = probes_for(1, X=np.linspace(-1, 1, 101)[:, None], catalogue=mine)
    assert [feature.feature.name for feature in given.features] == ["cube"]


def test_nothing_varies() -> None:
    with pytest.raises(
        InputError, match="no feature of the catalogue varies on these 3 inputs: give more, or other"
    ):
        probes_for(2, X=np.ones((3, 2)))
    with pytest.raises(InputError, match="no feature of the catalogue varies on these 512 inputs"):
        probes_for(1, catalogue=Catalogue())


@pytest.mark.parametrize(
    ("given", "problem"),
    [(X[:, :1], "inputs have 1 column, expected 2"), (X * np.nan, "inputs hold 400 values that are NaN")],
)
def test_other_inputs_are_refused(given: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        probes_for(2, X=given)


def test_many_inputs_are_thinned_evenly() -> None:
    rows = np.arange(3.0 * MAX_PROBES)[:, None]
    given = probes_for(1, box=(0, 3 * MAX_PROBES), X=rows)
    assert len(given.X) == MAX_PROBES
    steps = np.diff(given.X[:, 0])
    assert set(steps) <= {3.0, 4.0}
    assert given.X[0, 0] == 0
    assert given.X[-1, 0] == 3 * MAX_PROBES - 1


def test_the_key_tells_all_apart() -> None:
    mine = catalogue | [of("cube", "x1**3")]
    swapped = np.ascontiguousarray(X[:, ::-1])
    different = [
        probes_for(2),
        probes_for(2, box=(0, 1)),
        probes_for(2, depth=2),
        probes_for(2, X=X),
        probes_for(2, box=(-2, 2), X=X),  # thresholds move with the box, though the inputs stay
        probes_for(2, X=swapped),
        probes_for(2, X=X[:-1]),
        probes_for(2, catalogue=mine),
        probes_for(1),
        probes_for(2, X=probes_for(2).X),  # given, not drawn from the box
    ]
    assert len({probes.key for probes in different}) == len(different)


def test_the_same_probes_have_one_key() -> None:
    assert probes_for(2) is probes_for(2, box=((-1, 1), (-1, 1)))
    assert (
        probes_for(2, X=X).key == probes_for(2, X=np.asfortranarray(X)).key == probes_for(2, X=X.tolist()).key
    )
    assert probes_for(2, catalogue=Catalogue(catalogue.values())).key == probes_for(2).key


def test_thresholds_follow_the_box() -> None:
    def held(box: tuple[float, float]) -> np.ndarray:
        probes = probes_for(1, box=box, X=np.linspace(0, 1, 65)[:, None])
        at = next(k for k, f in enumerate(probes.features) if f.feature.name == "above-high")
        return probes.features[at].values(probes.X)

    assert held((0.0, 1.0)).max() == pytest.approx(0.25)
    assert held((-1.0, 1.0)).max() == pytest.approx(0.5)


def test_what_is_too_many_is_named() -> None:
    probes = probes_for(200, X=np.random.default_rng(0).uniform(-1, 1, (20, 200)), catalogue=Catalogue(
        [catalogue["positiveness"], catalogue["greaterness"]]))  # fmt: skip
    assert probes.skipped == ("greaterness",)
    assert len(probes.features) == 200
