"""The catalogue: what it holds, how it is looked up, what it identifies, and how others add to it."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError, UnknownFeature
from mathcircuits.detect.features.catalogues import Catalogue, catalogue
from mathcircuits.detect.features.feature import Feature
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import spanned
from mathcircuits.detect.features.task import hand_derived_names

FEATURES = tuple(catalogue.values())
RIDGES = tuple(f for f in FEATURES if f.competes_as == "ridge")
X = np.random.default_rng(0).uniform(-1, 1, (400, 3))


def ids(feature: Feature) -> str:
    return feature.name


def of(name: str, **more: Any) -> Feature:
    """A small feature of its own."""
    formula = Formula(more.pop("formula", "x1**3"))
    return Feature(id=name, formula=formula, definition="cubed", arity=formula.arity, **more)


def affine(values: np.ndarray, others: np.ndarray) -> bool:
    """Whether the values are a positive multiple of the others plus a constant."""
    if np.ptp(values) < 1e-12 or np.ptp(others) < 1e-12:
        return bool(np.ptp(values) < 1e-12 and np.ptp(others) < 1e-12)
    slope, offset = np.polyfit(others, values, 1)
    return bool(slope > 0 and np.allclose(slope * others + offset, values, atol=1e-9))


# What it holds


def test_the_designed_features_are_there() -> None:
    families = {f.family for f in FEATURES}
    assert families == {"sign", "order", "sum", "linear", "magnitude", "threshold", "constant", "smooth"}
    for name in (
        "positiveness", "negativeness", "greaterness", "maximum", "minimum", "median", "positive-sum",
        "negative-sum", "mean", "identity", "negation", "sum", "difference", "absolute", "absolute-difference",
        "clip", "constant", "square", "product", "sine-1", "cosine-3", "above-low", "step-middle",
    ):  # fmt: skip
        assert catalogue[name].name == name


BY_HAND = {
    "positiveness": lambda x: max(x, 0),
    "negativeness": lambda x: max(-x, 0),
    "greaterness": lambda x, y: max(x - y, 0),
    "positive-sum": lambda x, y: max(x + y, 0),
    "negative-sum": lambda x, y: max(-x - y, 0),
    "positive-sum-of-3": lambda x, y, z: max(x + y + z, 0),
    "maximum": max,
    "minimum": min,
    "negated-minimum": lambda x, y: -min(x, y),
    "median": lambda x, y, z: sorted((x, y, z))[1],
    "mean": lambda x, y: (x + y) / 2,
    "absolute-difference": lambda x, y: abs(x - y),
    "above-low": lambda x: max(x + 0.5, 0),
    "below-low": lambda x: max(-0.5 - x, 0),
    "above-high": lambda x: max(x - 0.5, 0),
    "below-high": lambda x: max(0.5 - x, 0),
    "step-low": lambda x: float(x > -0.5),
    "step-middle": lambda x: float(x > 0),
    "clip": lambda x: min(max(x, -0.5), 0.5),
    "constant": lambda *_: 1.0,
    "square": lambda x: x * x,
    "negated-square": lambda x: -x * x,
    "product": lambda x, y: x * y,
    "sine-2": lambda x: np.sin(2 * np.pi * x),
    "negated-cosine-1": lambda x: -np.cos(np.pi * x),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(name: str) -> None:
    feature = catalogue[name]
    columns = X[:, : max(feature.arity, 1)]
    assert np.allclose(feature(columns), [BY_HAND[name](*row) for row in columns.tolist()], atol=1e-14)


@pytest.mark.parametrize("feature", FEATURES, ids=ids)
def test_an_entry_is_well_formed(feature: Feature) -> None:
    assert feature.definition.strip()
    assert feature.id == f"{feature.family}/{feature.name}"
    assert feature.formula.arity == feature.arity
    assert Formula(feature.formula.text) == feature.formula
    assert set(feature.circuits) <= set(hand_derived_names())
    assert pickle.loads(pickle.dumps(feature)) == feature
    assert repr(feature) == f"Feature({feature.name!r}, {feature.formula.text!r})"


@pytest.mark.parametrize("feature", [f for f in FEATURES if not f.formula.text.startswith("relu(")], ids=ids)
def test_the_negation_of_what_is_no_neuron_is_there_too(feature: Feature) -> None:
    columns = X[:, : max(feature.arity, 1)]
    negated = -feature(columns)
    mirrors = [f for f in FEATURES if f.arity == feature.arity and affine(negated, f(columns))]
    # The mirror may need its arguments in another order: -(x1 - x2) is x2 - x1.
    if not mirrors and feature.arity > 1:
        mirrors = [
            f
            for f in FEATURES
            for order in itertools.permutations(range(feature.arity))
            if f.arity == feature.arity and affine(negated, f(columns[:, list(order)]))
        ]
    # A mirror that is the same up to a constant competes in the same class.
    assert feature.competes_as in {f.competes_as for f in mirrors}


def test_ridges_are_closed_under_the_signs_of_their_arguments() -> None:
    held = [(f.arity, tuple(np.sign(f.direction or ()))) for f in RIDGES]
    pairs = {signs for arity, signs in held if arity == 2}
    wanted = {order for signs in pairs for order in itertools.permutations(signs)}
    assert wanted == set(itertools.product((1.0, -1.0), repeat=2))
    assert {signs for arity, signs in held if arity == 1} == {(1.0,), (-1.0,)}
    threes = {signs for arity, signs in held if arity == 3}
    assert {tuple(-s for s in signs) for signs in threes} == threes
    thresholds = [f for f in FEATURES if f.competes_as == "threshold"]
    for feature in thresholds:
        mirrored = feature(-X[:, :1])
        assert any(np.allclose(mirrored, f(X[:, :1]), atol=1e-14) for f in thresholds)
    # Together these are all neurons of the catalogue, so that the test before this one left out no other.
    neurons = {f.id for f in FEATURES if f.formula.text.startswith("relu(")}
    assert (
        neurons
        == {f.id for f in (*RIDGES, *thresholds)}
        == {f.id for f in FEATURES if f.direction is not None}
    )


@pytest.mark.parametrize("feature", [f for f in FEATURES if f.direction is not None], ids=ids)
@pytest.mark.parametrize("box", [(-1.0, 1.0), (0.0, 4.0), (-7.0, -2.0)], ids=str)
def test_a_direction_is_the_one_neuron_that_holds_it(feature: Feature, box: tuple[float, float]) -> None:
    low, high = box
    wide = low + (X[:, : feature.arity] + 1) / 2 * (high - low)
    assert feature.direction is not None
    values, along = feature(wide, box=box), wide @ np.array(feature.direction)
    # t in quarters of the box for thresholds, 0 for all others
    at = next((q for q in (0.25, 0.75) if feature.family == "threshold" and feature.name.endswith(
        {0.25: "low", 0.75: "high"}[q])), None)  # fmt: skip
    offset = 0.0 if at is None else -feature.direction[0] * (low + at * (high - low))
    assert np.allclose(values, np.maximum(along + offset, 0.0), atol=1e-12)


@pytest.mark.parametrize("feature", FEATURES, ids=ids)
def test_orders_that_change_nothing_are_all_declared(feature: Feature) -> None:
    if not feature.arity:
        return
    group = {s.permutation for s in spanned(feature.symmetry, feature.arity) if set(s.signs) == {1}}
    columns = X[:, : feature.arity]
    true = {
        order
        for order in itertools.permutations(range(feature.arity))
        if np.allclose(feature(columns[:, list(order)]), feature(columns), atol=1e-12)
    }
    assert group | {tuple(range(feature.arity))} == true


@pytest.mark.parametrize("feature", FEATURES, ids=ids)
def test_every_symmetry_holds_on_every_symmetric_box(feature: Feature) -> None:
    for symmetry in spanned(feature.symmetry, feature.arity):
        wide = 5 * X[:, : feature.arity]
        assert np.allclose(feature(symmetry(wide), box=(-5, 5)), feature(wide, box=(-5, 5)), atol=1e-12)


def test_no_two_entries_are_one_function() -> None:
    for left, right in itertools.combinations(FEATURES, 2):
        if left.arity == right.arity and left.arity:
            assert not np.allclose(left(X[:, : left.arity]), right(X[:, : left.arity]), atol=1e-9), (
                left,
                right,
            )


# Look-ups


@pytest.mark.parametrize("feature", FEATURES, ids=ids)
def test_every_name_answers_in_every_spelling(feature: Feature) -> None:
    for key in (feature.id, feature.name, *feature.aliases):
        for spelt in (key, key.upper(), f"  {key} ", key.replace(" ", "  ")):
            assert catalogue[spelt] is feature
            assert spelt in catalogue
    for spelt in (
        feature.name.replace("-", " "),
        feature.name.replace("-", "_"),
        feature.id.replace("-", "_"),
    ):
        assert catalogue[spelt] is feature


@pytest.mark.parametrize("feature", FEATURES, ids=ids)
def test_a_formula_answers_too(feature: Feature) -> None:
    assert catalogue[feature.formula.text] is feature
    if feature.arity:
        later = feature.formula.substitute({f"x{k + 1}": Formula(f"x{k + 4}") for k in range(feature.arity)})
        assert catalogue[later.text] is feature


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("x1 > x2", "greaterness"), ("x1> x2", "greaterness"), ("X1>X2", "greaterness"),
        ("relu(x1 - x2)", "greaterness"), ("relu(x2-x1)", "greaterness"), ("max(0, x1 - x2)", "greaterness"),
        ("Max(x1-x2, 0)", "greaterness"), ("positive sum", "positive-sum"), ("Positive_Sum", "positive-sum"),
        ("order/greaterness", "greaterness"), ("min(x2, x1)", "minimum"), ("|x1-x2|", "absolute-difference"),
        ("-x", "negation"), ("- x", "negation"), ("x", "identity"), ("relu(x)", "positiveness"),
        ("+(x)", "positiveness"), ("-(x)", "negativeness"), ("1", "constant"), ("x^2", "square"), ("x**2", "square"),
    ],
)  # fmt: skip
def test_spellings(spelt: str, name: str) -> None:
    assert catalogue[spelt].name == name


@pytest.mark.parametrize(
    "name", ["gretaerness", "", "--x", "relu(x1", "x1 + x2 + x3 + x4", 5, None, ["x"], b"x", 1.5]
)
def test_an_unknown_feature(name: Any) -> None:
    assert name not in catalogue
    with pytest.raises(UnknownFeature) as caught:
        catalogue[name]
    text = str(caught.value)
    assert text.startswith(f"no feature named {name!r}")
    assert text.endswith("(see `mathcircuits catalogue`, or catalogue.search(...))")
    if name == "gretaerness":
        assert "did you mean 'greaterness'?" in text


@given(st.text(max_size=30))
def test_any_text_is_found_or_unknown(name: str) -> None:
    try:
        assert isinstance(catalogue[name], Feature)
    except UnknownFeature:
        assert name not in catalogue


def test_a_mapping_by_id() -> None:
    assert list(catalogue) == [f.id for f in FEATURES]
    assert len(catalogue) == len(FEATURES) == len(set(catalogue))
    assert catalogue.names == tuple(f.name for f in FEATURES)
    assert catalogue.get("nothing like it") is None
    assert repr(catalogue) == f"Catalogue({len(FEATURES)} features)"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("sign/*", {"positiveness", "negativeness"}),
        ("SIGN/*", {"positiveness", "negativeness"}),
        ("sign", {"positiveness", "negativeness"}),
        ("greater*", {"greaterness"}),
        ("exceeds second", {"greaterness"}),
        ("median", {"median", "negated-median"}),
        ("relu(x1 + x2)", {"positive-sum"}),
        ("fourier negated", {f"negated-{w}sine-{k}" for w in ("", "co") for k in (1, 2, 3)}),
        ("", set()),
        ("  ", set()),
        ("no such thing", set()),
        ("*", set(catalogue.names)),
    ],
)
def test_search(query: str, names: set[str]) -> None:
    found = catalogue.search(query)
    assert isinstance(found, Catalogue)
    assert set(found.names) == names
    assert found.names == tuple(n for n in catalogue.names if n in names)


@pytest.mark.parametrize("label", sorted({t for f in FEATURES for t in (*f.tags, f.family, f.competes_as)}))
def test_search_finds_every_label(label: str) -> None:
    labelled = {f.name for f in FEATURES if label in (*f.tags, f.family, f.competes_as)}
    assert labelled <= set(catalogue.search(label).names)


def test_search_for_what_is_no_text() -> None:
    with pytest.raises(InputError, match="query 5 is a int: give an id glob, a tag or words"):
        catalogue.search(5)  # type: ignore[arg-type]


def test_a_table_and_a_page() -> None:
    frame = catalogue.to_frame()
    assert list(frame["name"]) == list(catalogue.names)
    assert list(frame.columns) == [
        "id", "name", "formula", "definition", "arity", "aliases", "tags", "class", "circuits", "source",
    ]  # fmt: skip
    page = catalogue._repr_html_()
    longest = max((f.definition for f in FEATURES), key=len)
    assert longest in page  # not cut off
    assert "x1 &gt; x2" in page
    assert list(Catalogue().to_frame().columns) == list(frame.columns)
    assert len(Catalogue().to_frame()) == 0


# Equality and union


def test_equal_catalogues_have_one_hash_in_any_order() -> None:
    forth, back = Catalogue(FEATURES), Catalogue(reversed(FEATURES))
    assert forth == back == catalogue
    assert hash(forth) == hash(back) == hash(catalogue)
    assert Catalogue(FEATURES[1:]) != forth
    assert Catalogue([of("mine/cube")]) != Catalogue([of("mine/cube", formula="x1**5")])
    assert catalogue != 5


def test_union() -> None:
    both = catalogue | [of("mine/cube")]
    assert len(both) == len(catalogue) + 1
    assert both["cube"].id == "mine/cube"
    assert "cube" not in catalogue
    assert catalogue | catalogue == catalogue
    assert catalogue | () == catalogue
    assert Catalogue() | catalogue == catalogue
    assert (both | [of("mine/cube")]) == both
    assert both["x1**3"].name == "cube"


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ([of("mine/cube", formula="x1**5"), of("mine/cube")], "feature 'mine/cube': the name 'mine/cube' is taken by"),
        ([of("mine/greaterness")], "the name 'greaterness' is taken by 'order/greaterness'"),
        ([of("mine/f", aliases=("Positive Sum",))], "the name 'Positive Sum' is taken by 'sum/positive-sum'"),
        ([of("mine/f"), of("other/f")], "feature 'other/f': the name 'f' is taken by 'mine/f'"),
        (["greaterness"], "a str is not a Feature: give Features, or a Catalogue"),
        ({"f": of("mine/f")}, "a str is not a Feature"),
    ],
)  # fmt: skip
def test_a_clash_is_refused(other: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        _ = catalogue | other
    assert problem in str(caught.value)


@pytest.mark.parametrize("other", [5, None, "greaterness", of("mine/f")])
def test_no_union_with_other_things(other: Any) -> None:
    with pytest.raises(TypeError):
        _ = catalogue | other


def test_an_entry_may_repeat_its_own_name() -> None:
    assert Catalogue([of("mine/f", aliases=("f", "mine/f", "F"))])["F"].id == "mine/f"


# Identify and nearest


@pytest.mark.parametrize("feature", [f for f in FEATURES if f.arity], ids=ids)
def test_a_planted_feature_is_identified(feature: Feature) -> None:
    columns = X[:, : feature.arity]
    found = catalogue.identify(2.5 * feature(columns) - 4.0, columns)
    best = [m for m in found if m.unexplained < 1e-12]
    match = next(m for m in best if m.feature is feature)
    # Several may be one function up to a scale, or an offset; the catalogue's first is named.
    assert all(affine(feature(columns), m.feature(columns[:, [int(v[1:]) - 1 for v in m.on]])) for m in best)
    assert match.r == pytest.approx(1.0, abs=1e-12)
    assert match.scale == pytest.approx(2.5, rel=1e-9)
    assert match.offset == pytest.approx(-4.0, rel=1e-9)
    assert match.p is None
    assert match.on == tuple(f"x{k + 1}" for k in range(feature.arity))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3), 2)))
def test_the_arguments_are_found(order: tuple[int, int]) -> None:
    values = np.maximum(X[:, order[0]] - X[:, order[1]], 0)
    match = catalogue.identify(values, X)[0]
    assert match.feature.name == "greaterness"
    assert match.on == tuple(f"x{k + 1}" for k in order)


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_noise_is_measured(noise: float) -> None:
    rng = np.random.default_rng(1)
    wide = rng.uniform(-1, 1, (20_000, 2))
    planted = wide.min(axis=1)
    match = catalogue.identify(planted + noise * rng.normal(size=len(wide)), wide)[0]
    assert match.feature.name == "minimum"
    # 1 - r^2 = s^2 / (s^2 + var): the sample's own error is about 1 / sqrt(20 000) of it
    assert match.unexplained == pytest.approx(noise**2 / (noise**2 + planted.var()), rel=0.05)
    assert match.unexplained == pytest.approx(1 - match.r**2, abs=1e-9)


@given(st.floats(-200, 200), st.floats(-1, 1))
@settings(max_examples=50)
def test_identity_does_not_depend_on_scale(exponent: float, shift: float) -> None:
    scale = 10.0**exponent
    plain = catalogue.identify(np.maximum(X[:, 0], 0) + shift, X[:, :2])
    scaled = catalogue.identify(scale * (np.maximum(X[:, 0], 0) + shift), X[:, :2])
    assert [(m.feature.id, m.on) for m in scaled] == [(m.feature.id, m.on) for m in plain]
    assert scaled[0].feature.name == "positiveness"
    assert scaled[0].scale == pytest.approx(scale, rel=1e-6)


def test_matches_are_sorted_and_positive() -> None:
    found = catalogue.identify(X[:, 0] + 0.3 * X[:, 1] ** 2, X[:, :2], top=1000)
    r = [m.r for m in found]
    assert r == sorted(r, reverse=True)
    assert min(r) > 0
    assert all(-1 <= value <= 1 for value in r)
    assert len(catalogue.identify(X[:, 0], X, top=1)) == 1


def test_a_negative_correlation_is_no_match() -> None:
    names = {m.feature.name for m in catalogue.identify(-np.abs(X[:, 0]), X[:, :1], top=100)}
    assert "negated-absolute" in names
    assert "absolute" not in names


@pytest.mark.parametrize(
    "values", [np.zeros(400), np.ones(400), np.full(400, 1e-9), np.full(400, 1e9) + X[:, 0] * 1e-9]
)
def test_a_constant_is_nothing(values: np.ndarray) -> None:
    assert catalogue.identify(values, X[:, :2]) == []


def test_one_row_is_nothing() -> None:
    assert catalogue.identify([1.0], [[0.5, 0.5]]) == []


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Catalogue().identify(X[:, 0], X) == []
    assert Catalogue().nearest([1.0]) == []


def test_the_box_is_the_inputs_own_where_they_leave_the_unit_box() -> None:
    wide = np.linspace(0, 8, 1001)[:, None]
    values = np.maximum(wide[:, 0] - 2.0, 0.0)
    match = catalogue.identify(values, wide)[0]
    assert (match.feature.name, match.scale, match.offset) == (
        "above-low", pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))  # fmt: skip
    assert catalogue.identify(values, wide, box=(0, 8))[0].unexplained < 1e-12
    # With another box the threshold lies elsewhere.
    assert catalogue.identify(values, wide, box=(-8, 8))[0].unexplained > 1e-4


def test_an_input_that_never_changes() -> None:
    still = np.column_stack([X[:, 0], np.full(len(X), 5.0)])
    assert catalogue.identify(np.maximum(X[:, 0], 0), still)[0].feature.name == "positiveness"


def test_a_feature_without_a_value_is_no_match() -> None:
    mine = catalogue | [of("mine/inverse", formula="1 / x1"), of("mine/huge", formula="exp(1000 * x1)")]
    inputs = np.linspace(-1, 1, 101)[:, None]  # 0 is one of them
    names = [m.feature.name for m in mine.identify(inputs[:, 0], inputs, top=100)]
    assert names[0] == "identity"
    assert not {"inverse", "huge"} & set(names)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((X[:5, 0], X), "5 values for 400 inputs: give one value per row of the inputs"),
        ((X, X), "values have 3 columns, expected 1"),
        ((X[:, 0] * np.nan, X), "values hold 400 values that are NaN or infinite"),
        ((X[:, 0], X * np.inf), "inputs hold 1200 values that are NaN or infinite"),
        (("abc", X), "values of type str are not numeric"),
    ],
)
def test_identify_refuses(arguments: tuple[Any, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught, np.errstate(invalid="ignore"):
        catalogue.identify(*arguments)
    assert problem in str(caught.value)


@pytest.mark.parametrize("top", [0, -1])
def test_no_match_is_not_to_be_asked_for(top: int) -> None:
    with pytest.raises(InputError, match=f"top={top}: ask for at least one match"):
        catalogue.identify(X[:, 0], X, top=top)


def test_what_is_left_out_is_said() -> None:
    small = Catalogue([catalogue["positiveness"], catalogue["greaterness"]])
    many = np.random.default_rng(0).uniform(-1, 1, (50, 150))
    with pytest.warns(
        UserWarning, match="150 inputs have too many choices of arguments for greaterness: left out"
    ):
        found = small.identify(np.maximum(many[:, 7], 0), many)
    assert (found[0].feature.name, found[0].on) == ("positiveness", ("x8",))


@pytest.mark.parametrize("feature", RIDGES, ids=ids)
def test_a_planted_neuron_is_nearest(feature: Feature) -> None:
    assert feature.direction is not None
    match = catalogue.nearest(1.7 * np.array(feature.direction))[0]
    assert match.feature is feature
    assert match.unexplained < 1e-12
    assert match.scale == pytest.approx(1.7)
    noisy = np.array(feature.direction) * 1.7 + np.linspace(-0.02, 0.02, feature.arity)
    assert catalogue.nearest(noisy)[0].feature is feature


def test_a_bias_makes_a_threshold_and_the_box_moves_it() -> None:
    assert catalogue.nearest([2.0], -1.0)[0].feature.name == "above-high"  # 2 relu(x - 1/2)
    assert catalogue.nearest([-1.0], 6.0, box=(0, 8))[0].feature.name == "below-high"
    assert catalogue.nearest([1.0, 1.0], 9.0)[0].feature.name == "sum"  # always on
    assert catalogue.nearest([[1.0, -1.0]])[0].feature.name == "greaterness"


def test_a_dead_neuron_is_near_nothing() -> None:
    assert catalogue.nearest([1.0, 1.0], -9.0) == []
    assert catalogue.nearest([0.0, 0.0]) == []


@pytest.mark.parametrize(
    ("direction", "offset", "problem"),
    [
        ("abc", 0.0, "direction 'abc': give the weights [d] of one neuron"),
        (1.0, 0.0, "direction 1.0: give the weights"),
        ([], 0.0, "direction []: give the weights"),
        ([[1.0], [2.0]], 0.0, "give the weights [d] of one neuron"),
        ([np.nan, 1.0], 0.0, "weights hold 1 value that is NaN"),
        ([1.0], np.nan, "offset nan: give the neuron's bias, one finite number"),
        ([1.0], [1.0, 2.0], "offset [1.0, 2.0]: give the neuron's bias"),
    ],
)
def test_nearest_refuses(direction: Any, offset: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue.nearest(direction, offset)
    assert problem in str(caught.value)
