"""The least norm: values known by hand, proofs, faces, and that no network has less."""

from __future__ import annotations

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from mathcircuits.detect import InputError, LeastNorm, Network, canonical_form, hand_derived, least_norm
from mathcircuits.detect.exact import Biases, path_norm, reduced

R2, R3 = math.sqrt(2), math.sqrt(3)
#: Without biases, with free ones (an always-on neuron costs half of a pair), and with penalised ones.
VALUES: dict[str, dict[Biases, float]] = {
    "identity": {"none": 2, "free": 1, "penalised": R2},
    "negation": {"none": 2, "free": 1, "penalised": R2},
    "absolute": {"none": 2, "free": 2, "penalised": 2},
    "addition": {"none": 2 * R2, "free": R2, "penalised": math.sqrt(6)},
    "subtraction": {"none": 2 * R2, "free": R2, "penalised": math.sqrt(6)},
    "absolute-difference": {"none": 2 * R2, "free": 2 * R2, "penalised": 2 * R2},
    "minimum": {"none": 2 * R2, "free": 1.5 * R2, "penalised": R2 + math.sqrt(6) / 2},
    "maximum": {"none": 2 * R2, "free": 1.5 * R2, "penalised": R2 + math.sqrt(6) / 2},
    "relu": {"none": 1, "free": 1, "penalised": 1},
    # Of three inputs an always-on neuron with its bias is as long as a pair.
    "sum-of-3": {"none": 2 * R3, "free": R3, "penalised": 2 * R3},
    "x1-plus-abs-x2": {"none": 4, "free": 3, "penalised": 2 + R2},
    "sort-2": {"none": 4, "free": 3},
    # Kinks at half: a bias adds a quarter to their squares.
    "clip": {"free": 2, "penalised": math.sqrt(5)},
}


def form_of(weights: Any, biases: Any = None, box: Any = (-1, 1)) -> Any:
    return canonical_form(Network(weights, biases), box=box)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "biases", "value"), [(name, b, v) for name, known in VALUES.items() for b, v in known.items()]
)
def test_values_known_by_hand(name: str, biases: Biases, value: float) -> None:
    form = canonical_form(hand_derived(name))
    found = least_norm(form, biases=biases)
    # The bounds are proved for the form's floats, which are off the task's by rounding.
    assert found.lower - 1e-14 <= value <= found.upper + 1e-14
    assert found.gap < 1e-9
    assert path_norm(found.network, biases=biases) == pytest.approx(found.upper, abs=1e-9)
    assert canonical_form(found.network).equals(form, 1e-9)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_line_of_minima_has_the_norm_that_the_formula_says(share: float) -> None:
    # Both slides with their pairs, x1 and x2, weighted; the pairs together carry (share, 1 - share).
    rest = np.array([share, 1 - share])
    W = np.array([[1.0, -1.0], [-1.0, 1.0], rest, -rest])
    network = Network([W, [[-share, share - 1, 1.0, -1.0]]])
    least = least_norm(canonical_form(network))
    own = path_norm(network)
    assert own == pytest.approx(R2 + 2 * math.hypot(*rest))
    assert least.excess(own) == pytest.approx(own / (2 * R2) - 1)
    assert (least.excess(own) < 1e-9) == (share == 0.5)


def test_masses_of_several_outputs_are_lengths() -> None:
    # relu(x) to two outputs in unequal parts: one neuron, read out by (3, 4).
    least = least_norm(form_of([[[1.0]], [[3.0], [4.0]]]))
    assert least.upper == pytest.approx(5.0)
    assert least.shares.round(6).tolist() == [[1.0, 1.0]]


def test_of_several_outputs_the_linear_part_costs_its_nuclear_norm() -> None:
    maps = np.array([[3.0, 0.0], [0.0, 1.0]])
    network = Network([np.concatenate([np.eye(2), -np.eye(2)]), np.concatenate([maps, -maps], axis=1)])
    least = least_norm(canonical_form(network))
    assert least.upper == pytest.approx(8.0)
    assert least.carriers_free
    assert not least.unique
    assert "any carriers" in repr(least)


def test_a_kink_may_lean_towards_one_output_and_away_from_another() -> None:
    """One kink bends both outputs, and only the first has a linear part along it: no side is all of it."""
    kappa, slope = np.array([1.0, 1.0]), np.array([1.0, 0.0])
    plus, minus = kappa + slope, kappa - slope
    least = least_norm(form_of([[[1.0], [-1.0]], np.column_stack([plus, minus])]))

    def cost(s: float, t: float) -> float:
        side = np.array([s, t])
        masses = np.linalg.norm(kappa + side) + np.linalg.norm(kappa - side)
        return float(masses + 2 * np.linalg.norm(slope - side))

    grid = np.linspace(-1, 1, 101)
    best = min(cost(s, t) for s in grid for t in grid)
    assert least.upper - 1e-12 <= best <= least.upper + 1e-2


# --- faces -------------------------------------------------------------------------------------------------


def test_clip_selects_nothing_where_biases_are_free() -> None:
    least = least_norm(canonical_form(hand_derived("clip")), biases="free")
    assert least.dimension == 1
    assert not least.unique
    assert least.low.ravel() == pytest.approx([0, 0], abs=1e-6)
    assert least.high.ravel() == pytest.approx([1, 1], abs=1e-6)
    sides = sorted(reduced.reduce_network(end).shares.ravel().round(6).tolist() for end in least.ends)
    assert sides == [[0.0, 0.0], [1.0, 1.0]]
    for end in least.ends:
        assert path_norm(end) == pytest.approx(2.0, abs=1e-6)
        assert canonical_form(end).equals(least.form, 1e-6)


def test_the_output_bias_of_decay_selects_the_middle_of_clip() -> None:
    least = least_norm(canonical_form(hand_derived("clip")), biases="penalised")
    assert least.unique
    assert least.shares.ravel() == pytest.approx([0.5, 0.5], abs=1e-6)


@pytest.mark.parametrize(
    ("weights", "dimension"),
    [
        ([[[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]], 0),
        # |x1| + |x2| + |x1 + x2|: every affine part of the sides has to cancel, three shares and two equations.
        ([[[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]], [[1.0] * 6]], 1),
        ([[[1, 0], [-1, 0], [0, 1], [0, -1]], [[1.0] * 4]], 0),
    ],
)
def test_dimensions_of_faces(weights: Any, dimension: int) -> None:
    least = least_norm(form_of(weights))
    assert least.dimension == dimension
    assert len(least.ends) == 2 * dimension


def test_a_face_of_several_outputs() -> None:
    """|x1|, |x2| and |x1 + x2| to both outputs alike: the same one share is free."""
    W = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1]]
    least = least_norm(form_of([W, [[1.0] * 6, [2.0] * 6]]))
    assert least.dimension == 1
    assert np.ptp([least.low, least.high], axis=0).min() > 0.5


# --- degenerate --------------------------------------------------------------------------------------------


def test_nothing_costs_nothing() -> None:
    least = least_norm(form_of([[[1.0]], [[0.0]]]))
    assert (least.lower, least.upper, least.dimension) == (0.0, 0.0, 0)
    assert math.isnan(least.excess(1.0))
    assert canonical_form(least.network).equals(least.form)


def test_a_constant_costs_nothing_where_biases_are_free() -> None:
    constant = form_of([[[1.0]], [[0.0]]], [[0.0], [2.0]])
    assert least_norm(constant, biases="free").upper == 0
    # Decay splits it over the output's bias, half of whose square it costs, and a neuron that is always 1.
    assert least_norm(constant, biases="penalised").upper == pytest.approx(1.5)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_bounds_scale_with_the_function(scale: float) -> None:
    least = least_norm(form_of([[[scale, -scale], [scale, 0.0], [-scale, 0.0]], [[-1.0, 1.0, -1.0]]]))
    assert least.upper == pytest.approx(2 * R2 * scale, rel=1e-9)
    assert least.gap < 1e-9 * scale


@pytest.mark.parametrize(
    ("weights", "biases", "box", "text"),
    [
        ([[[1.0]], [[1.0]]], "some", (-1, 1), "biases 'some': give one of none, free, penalised"),
        ([[[1.0]], [[1.0], [1.0]]], "penalised", (-1, 1), "2 outputs: the least norm with penalised biases"),
        ([[[1.0]], [[1.0], [1.0]]], "none", (0, 1), "a box that is not around 0 is known for one output"),
    ],
)
def test_what_is_not_covered_says_so(weights: Any, biases: Any, box: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        least_norm(form_of(weights, box=box), biases=biases)


def test_a_form_with_an_offset_has_no_network_without_biases() -> None:
    with pytest.raises(InputError, match=r"has an offset or a constant.*biases='free'"):
        least_norm(canonical_form(hand_derived("clip")))


def test_it_prints() -> None:
    least = least_norm(canonical_form(hand_derived("clip")), biases="free")
    assert repr(least) == "LeastNorm(2 with free biases, a face of dimension 1)"
    assert "proved to be at least 1.99" in least._repr_html_() or "at least 2.0" in least._repr_html_()


# --- no network has less, and one has as much ---------------------------------------------------------------

BOXES = [(-1.0, 1.0), (0.0, 1.0), (1.0, 2.0), (-3.0, -1.0), (-1.0, 0.5)]


@st.composite
def networks(draw: st.DrawFn) -> tuple[Network, Biases, Any]:
    """A network, rounded weights among them (coincident and parallel kinks), which biases count, and a box."""
    biases = draw(st.sampled_from(["none", "free", "penalised"]))
    d, m = draw(st.integers(1, 3)), draw(st.integers(1, 7))
    box: Any = (-1.0, 1.0)
    if biases != "free":
        box = [draw(st.sampled_from(BOXES)) for _ in range(d)]
    around = all(low < 0 < high for low, high in box) if isinstance(box, list) else True
    out = draw(st.integers(1, 3)) if biases == "free" or (biases == "none" and around) else 1
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    W, V = rng.normal(size=(m, d)), rng.normal(size=(out, m))
    if draw(st.booleans()):
        W, V = np.round(W), np.round(V)
    b = None if biases == "none" else [rng.normal(size=m).round(1), rng.normal(size=out)]
    return Network([W, V], b), biases, box


@settings(max_examples=60)
@given(drawn=networks())
def test_no_network_has_less_and_one_attains_it(drawn: tuple[Network, Biases, Any]) -> None:
    network, biases, box = drawn
    form = canonical_form(network, box=box)
    least = least_norm(form, biases=biases)
    size = max(1.0, least.upper)
    assert least.lower <= path_norm(network, biases=biases) + 1e-12 * size
    assert 0 <= least.gap <= 1e-8 * size
    assert canonical_form(least.network, box=box).parameter_distance(form) <= 1e-6 * size
    assert path_norm(least.network, biases=biases) == pytest.approx(least.upper, abs=1e-7 * size)
    for end in least.ends:
        assert canonical_form(end, box=box).parameter_distance(form) <= 1e-5 * size
        assert path_norm(end, biases=biases) == pytest.approx(least.upper, abs=1e-5 * size)


def test_a_network_of_least_norm_has_the_least_of_its_own_form() -> None:
    least: LeastNorm = least_norm(canonical_form(hand_derived("minimum")))
    again = least_norm(canonical_form(least.network))
    assert again.excess(path_norm(least.network)) == pytest.approx(0.0, abs=1e-9)
