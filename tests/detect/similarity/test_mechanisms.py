"""Circuit similarity: the three implementations of min, re-gauged copies, and what must lower it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mathcircuits.detect import hand_derived
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import tasks
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.similarity.mechanisms import (
    LEVELS,
    Level,
    circuit_similarity,
    lazy_panel,
    lazy_similarities,
    mechanism,
    similarity_matrix,
)

Array = np.ndarray[Any, np.dtype[np.float64]]

X1_FORM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])  # x1 - relu(x1 - x2)
X2_FORM = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])  # x2 - relu(x2 - x1)
HALF_SUM = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])  # (s - |d|) / 2
MAXIMUM = Network([[[-1, 1], [1, 0], [-1, 0]], [[1, 1, -1]]])  # x1 + relu(x2 - x1)
#: The x2 form with x2 carried by two oblique antiparallel pairs: x2 = 0.8 (0.6, 0.8) x + 0.6 (-0.8, 0.6) x.
CARRIED = Network(
    [[[-1.0, 1.0], [0.6, 0.8], [-0.6, -0.8], [-0.8, 0.6], [0.8, -0.6]], [[-1.0, 0.8, -0.8, 0.6, -0.6]]]
)
SWAP = np.array([[0, 1], [1, 0]])


def scores(f: Network, g: Network, **options: Any) -> list[float]:
    """At the levels atoms, reduced, canonical."""
    return [circuit_similarity(f, g, level=level, **options) for level in LEVELS]


@pytest.mark.parametrize(
    ("f", "g", "expected"),
    [
        (X1_FORM, X2_FORM, [0.000, 0.000, 1.000]),
        (X1_FORM, HALF_SUM, [0.258, 0.018, 1.000]),
        (X2_FORM, HALF_SUM, [0.258, 0.018, 1.000]),
        (X2_FORM, CARRIED, [0.409, 1.000, 1.000]),
        (X1_FORM, MAXIMUM, [0.484, 0.000, 0.000]),
    ],
    ids=["x1-x2", "x1-half", "x2-half", "x2-carried", "x1-max"],
)
def test_the_table_of_known_pairs(f: Network, g: Network, expected: list[float]) -> None:
    """docs/results/measurements.md, Circuit similarity, to its three digits (kinks integrated by quadrature)."""
    assert scores(f, g) == pytest.approx(expected, abs=6e-4)
    assert scores(g, f) == pytest.approx(expected, abs=6e-4)


def test_values_by_hand() -> None:
    """Kinks and affine part apart, reduced.

    x1 - relu(d) against (s - |d|) / 2: the affine part s / 2 and the kink |d| / 2 are the same, its side is 1 against 0
    of its normal, so S = exp(-1 / 0.25). Against x1 + relu(-d): the same kink with the other sign, so S = 0. Against
    its own kink and the affine part 3 s / 2: s / 2 against 3 s / 2, so S = 1 / 3.
    """
    assert circuit_similarity(X1_FORM, HALF_SUM) == pytest.approx(math.exp(-4), abs=1e-6)
    assert circuit_similarity(X1_FORM, MAXIMUM) == 0
    lifted = Network([[*X1_FORM.weights[0], [1, 1], [-1, -1]], [[-1, 1, -1, 1, -1]]])
    assert circuit_similarity(X1_FORM, lifted) == pytest.approx(1 / 3, abs=1e-6)


def minimum_beside(k: float, first: bool) -> Network:
    """k x1 + min(x1, x2), its kink on the one side or on the other."""
    if first:
        return Network([X1_FORM.weights[0], [[-1, 1 + k, -1 - k]]])
    return Network([[*X2_FORM.weights[0], [1, 0], [-1, 0]], [[-1, 1, -1, k, -k]]])


@pytest.mark.parametrize("k", [0, 1, 5, 10, 25, 40, 100])
def test_a_shared_linear_part_does_not_hide_the_side_of_a_kink(k: float) -> None:
    """Predicted: at most 0.3, whatever k (0.92 at k = 25 while the two parts were compared as one)."""
    one, other = minimum_beside(k, True), minimum_beside(k, False)
    X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
    assert one(X) == pytest.approx(other(X), abs=1e-9)
    assert circuit_similarity(one, other) <= 0.3
    assert circuit_similarity(one, other, level="canonical") == pytest.approx(1, abs=1e-6)
    assert circuit_similarity(one, minimum_beside(k, True)) == 1


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("width", [1, 2])
def test_no_cliff_as_a_carrier_pair_opens(turn: int, width: int) -> None:
    """3 x1 - relu(x1 - x2), the carrier pair (or both of two) off by 0 to 10 degrees: no jump above 0.1 a degree.

    Predicted from the size of the pair's own residual, 0.03 a degree: about 0.8 at 5 degrees and 0.5 at 10.
    """

    def off(degrees: float) -> Network:
        angles = [turn * math.radians(degrees) / (1 + j) for j in range(width)]
        backs = [[-math.cos(a), -math.sin(a)] for a in angles]
        weights = [[1, -1], [1, 0], *backs]
        return Network([weights, [[-1, 3, *[-3 / width] * width]]])

    values = [circuit_similarity(off(0), off(a)) for a in np.arange(0, 10.01, 0.25)]
    assert values[0] == 1
    assert np.abs(np.diff(values)).max() <= 0.1 * 0.25
    if width == 1:
        assert values[20] == pytest.approx(0.8, abs=0.05)
        assert values[40] == pytest.approx(0.5, abs=0.08)


def test_no_cliff_as_a_kink_leaves_the_box() -> None:
    """relu(x1 + x2 + b) beside x1 - relu(x1 - x2), with b from 0 through 2, where it is always on: no jump."""

    def beside(b: float) -> Network:
        return Network([[*X1_FORM.weights[0], [1, 1]], [[-1, 1, -1, 1]]], [[0, 0, 0, b], None])

    values = [circuit_similarity(beside(2.5), beside(b)) for b in np.arange(0, 3, 0.05)]
    assert np.abs(np.diff(values)).max() <= 0.1
    assert values[0] < 0.6
    assert values[-1] == pytest.approx(1)


def test_a_part_that_neither_function_has_decides_nothing() -> None:
    """|x1|, carried to 1e-4 as training leaves it: the affine rests point anywhere and are not compared."""
    rng = np.random.default_rng(0)
    one, other = (Network([[[1, 0], [-1, 0]] + 1e-4 * rng.normal(size=(2, 2)), [[1, 1]]]) for _ in range(2))
    assert circuit_similarity(one, other) == pytest.approx(1, abs=0.01)


def test_swapping_the_inputs_joins_the_two_forms_and_not_the_third() -> None:
    assert scores(X1_FORM, X2_FORM, symmetries=[SWAP]) == pytest.approx([1, 1, 1])
    assert scores(X1_FORM, HALF_SUM, symmetries=[SWAP])[:2] == pytest.approx([0.258, 0.018], abs=6e-4)
    assert max(circuit_similarity(f, HALF_SUM, symmetries=[SWAP]) for f in (X1_FORM, X2_FORM)) <= 0.3


def test_a_tasks_own_symmetries_serve_as_they_are() -> None:
    """Symmetries of 3 inputs, so that a transposed permutation would show."""
    rng = np.random.default_rng(0)
    net, turn = random_network(rng, 5, 3), Symmetry((1, 2, 0), (1, -1, 1))
    matrix = turn(np.eye(3)).T
    moved = Network([net.weights[0] @ matrix.T, net.weights[1]], net.biases)  # moved(M x) = net(x)
    assert moved(turn(np.eye(3))) == pytest.approx(net(np.eye(3)))
    assert circuit_similarity(net, moved, symmetries=[turn], level="atoms") == pytest.approx(1, abs=1e-3)
    assert circuit_similarity(net, moved, symmetries=[matrix.T], level="atoms") < 0.9


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scale", [0.1, 0.5, 2.0, 7.0])
def test_it_is_sensitive_to_scale(level: Level, scale: float) -> None:
    scaled = Network([X1_FORM.weights[0], scale * X1_FORM.weights[1]])
    assert circuit_similarity(X1_FORM, scaled, level=level) == pytest.approx(min(scale, 1 / scale))
    assert circuit_similarity(X1_FORM, Network([X1_FORM.weights[0], -X1_FORM.weights[1]]), level=level) < 1e-9


def random_network(
    rng: np.random.Generator, width: int, d: int = 2, outputs: int = 1, bias: bool = True
) -> Network:
    """PyTorch's default init."""
    a, b = 1 / math.sqrt(d), 1 / math.sqrt(width)
    weights = [rng.uniform(-a, a, (width, d)), rng.uniform(-b, b, (outputs, width))]
    return Network(weights, [rng.uniform(-a, a, width), rng.uniform(-b, b, outputs)] if bias else None)


def regauged(net: Network, rng: np.random.Generator) -> Network:
    """Permuted, rescaled, every neuron split in two, dead ones added, the output shifted by a constant."""
    (W, V), (b, c) = net.weights, net.bias_vectors
    order = rng.permutation(2 * len(W))
    scale, share = rng.uniform(0.2, 5, 2 * len(W)), rng.uniform(0.1, 0.9, len(W))
    W2, b2 = np.vstack([W, W]) * scale[:, None], np.concatenate([b, b]) * scale
    V2 = np.hstack([V * share, V * (1 - share)]) / scale
    dead = rng.normal(size=(3, W.shape[1]))
    W2 = np.vstack([W2[order], dead])
    b2 = np.concatenate([b2[order], -np.abs(dead).sum(axis=1) - 0.1])
    return Network([W2, np.hstack([V2[:, order], rng.normal(size=(len(V), 3))])], [b2, c + 1.0])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("d", "outputs"), [(1, 1), (2, 1), (2, 3), (4, 2)])
def test_regauged_copies_score_one(level: Level, d: int, outputs: int) -> None:
    rng = np.random.default_rng(d + outputs)
    for width in (1, 3, 8, 24):
        net = random_network(rng, width, d, outputs)
        assert circuit_similarity(net, regauged(net, rng), level=level) == pytest.approx(1, abs=1e-6)


def test_the_canonical_level_does_not_see_the_side_of_a_kink() -> None:
    """relu(z) = z + relu(-z): flip one neuron where two others carry z."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        net = random_network(rng, 6)
        (W, V), (b, c) = net.weights, net.bias_vectors
        z, v = np.array([*W[0], b[0]]), V[0, 0]
        carrier = np.vstack([z, -z])
        W2, b2 = np.vstack([-W[:1], W[1:], carrier[:, :-1]]), np.concatenate([-b[:1], b[1:], carrier[:, -1]])
        flipped = Network([W2, np.hstack([V, [[v, -v]]])], [b2, c])
        X = rng.uniform(-1, 1, (50, 2))
        assert flipped(X) == pytest.approx(net(X))
        assert circuit_similarity(net, flipped, level="canonical") == pytest.approx(1, abs=1e-6)


def test_always_on_neurons_are_one_affine_atom() -> None:
    """x1 + x2 carried by two always-on neurons or by others: the same atom."""
    one = Network([[[1, 0], [0, 1]], [[1, 1]]], [[2, 2], None])
    other = Network([[[1, 1], [1, -1]], [[1, 1e-9]]], [[3, 3], None])
    assert mechanism(one, level="atoms").masses[0].shape == (1,)
    for level in LEVELS:
        assert circuit_similarity(one, other, level=level) == pytest.approx(1, abs=1e-6)
        assert circuit_similarity(one, Network([[[1, 1]]]), level=level) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("level", LEVELS)
def test_unrelated_networks_stay_at_the_null_level(level: Level, bias: bool) -> None:
    """Random pairs of width 8 (docs/results/measurements.md, Circuit similarity: 95% quantiles up to 0.33)."""
    rng = np.random.default_rng(2)
    pairs = [
        [mechanism(random_network(rng, 8, bias=bias), level=level) for _ in range(2)] for _ in range(150)
    ]
    values = [f.similarity(g) for f, g in pairs]
    assert np.median(values) < 0.05
    assert np.quantile(values, 0.95) < 0.45
    assert min(values) >= 0


def test_small_angular_noise_lowers_it_little_and_larger_noise_more() -> None:
    """docs/results/measurements.md: noise of 1 and 10 degrees on the x1 form gives 0.986 and 0.536 (atoms)."""
    rng = np.random.default_rng(0)

    def noisy(degrees: float) -> float:
        angles = np.radians(rng.normal(scale=degrees, size=3))
        turned = [
            [[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]] @ w
            for a, w in zip(angles, X1_FORM.weights[0], strict=True)
        ]
        return circuit_similarity(X1_FORM, Network([turned, X1_FORM.weights[1]]), level="atoms")

    assert np.mean([noisy(1.0) for _ in range(40)]) == pytest.approx(0.986, abs=0.01)
    assert np.mean([noisy(10.0) for _ in range(200)]) == pytest.approx(0.536, abs=0.06)


def test_pairs_that_are_almost_antiparallel_still_cancel_at_the_reduced_level() -> None:
    """Training leaves x1's two carriers a thousandth of a radian apart."""
    trained = Network([[[1.0, -1.0], [1.0, 1e-3], [-1.0, 1e-3]], [[-1.0, 1.0, -1.0]]])
    assert circuit_similarity(X1_FORM, trained) == pytest.approx(1, abs=1e-3)
    assert circuit_similarity(CARRIED, trained, symmetries=[SWAP]) == pytest.approx(1, abs=1e-3)


def test_constant_networks() -> None:
    dead = Network([[[1.0, 1.0]], [[3.0]]], [[-5.0], [2.0]])
    for level in LEVELS:
        assert mechanism(dead, level=level).empty
        assert circuit_similarity(dead, Network([[[0.0, 0.0]]]), level=level) == 1
        assert circuit_similarity(dead, X1_FORM, level=level) == 0
        assert circuit_similarity(X1_FORM, dead, level=level) == 0


def test_neurons_that_cancel_leave_nothing() -> None:
    """relu(x) - relu(x), at other scales: a constant function, whatever the level."""
    nothing = Network([[[1.0], [2.0]], [[2.0, -1.0]]])
    assert circuit_similarity(nothing, Network([[[0.0]]]), level="reduced") == 1
    absolute = Network([[[1.0], [2.0], [-1.0]], [[2.0, -0.5, 1.0]]])
    assert circuit_similarity(absolute, Network([[[1.0], [-1.0]], [[1.0, 1.0]]])) == pytest.approx(1)


def test_the_box_decides_which_kinks_exist() -> None:
    late = Network([[[1.0], [1.0]], [[1.0, 1.0]]], [[5.0, -2.0], None])  # x + 5 + relu(x - 2)
    line = Network([[[1.0]]])
    assert circuit_similarity(late, line, box=(-1, 1)) == pytest.approx(1)
    assert circuit_similarity(late, line, box=(-1, 4)) < 0.9


def test_the_measure_can_be_kept_and_compared_with_many() -> None:
    one, two = mechanism(X1_FORM), mechanism(HALF_SUM)
    assert one.similarity(two) == circuit_similarity(X1_FORM, HALF_SUM)
    assert one.similarity(one) == 1
    assert one.bent[0].tolist() == [True, False]  # the kink |x1 - x2| / 2 and the affine part (x1 + x2) / 2
    assert one.masses[0] == pytest.approx([-math.sqrt(1 / 18), math.sqrt(1 / 6)], abs=1e-3)
    assert repr(one) == "Mechanism(reduced, 2 atoms)"
    # The kinks of x1 - relu(x1 - x2) and of a copy turned by 5 degrees: a narrower kernel tells them apart. A kink off
    # the affine functions turns twice as fast as a ReLU does, so that 5 degrees leave half.
    turned = mechanism(Network([[[1.0, -1.19], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]]))
    assert one.similarity(turned, tau=0.001) < 0.1 < 0.5 < one.similarity(turned, tau=0.02)


def test_errors_say_what_is_wrong() -> None:
    deep = Network([np.ones((2, 2)), np.ones((2, 2)), np.ones((1, 2))])
    cases: list[tuple[Any, str]] = [
        (lambda: circuit_similarity(deep, deep), "defined for one hidden layer of ReLU"),
        (
            lambda: circuit_similarity(X1_FORM, Network(X1_FORM.weights, activation="tanh")),
            "one hidden layer of ReLU",
        ),
        (lambda: circuit_similarity(X1_FORM, Network([[[1.0]]])), "have different inputs or outputs"),
        (lambda: circuit_similarity(X1_FORM, X2_FORM, tau=0), "tau 0: give a positive deficit"),
        (lambda: mechanism(X1_FORM, level="gauge"), "level 'gauge': give one of atoms, reduced, canonical"),  # type: ignore[arg-type]
        (
            lambda: circuit_similarity(X1_FORM, X2_FORM, symmetries=[[[1, 1], [0, 1]]]),
            "is not a signed permutation",
        ),
        (lambda: circuit_similarity(X1_FORM, X2_FORM, symmetries=[np.eye(3)]), "is not a signed permutation"),
        (
            lambda: circuit_similarity(X1_FORM, X2_FORM, symmetries=[Symmetry((0,), (1,))]),
            "is not a signed permutation",
        ),
        (
            lambda: circuit_similarity(X1_FORM, X2_FORM, box=[(-1, 1), (0, 1)], symmetries=[SWAP]),
            "moves the box",
        ),
        (lambda: mechanism(X1_FORM).similarity(mechanism(X1_FORM, level="atoms")), "measure both alike"),
    ]
    for call, text in cases:
        with pytest.raises(InputError, match=text):
            call()


MINIMUM = hand_derived("minimum")


def random_networks(count: int, seed: int, width: int = 8) -> list[Network]:
    rng = np.random.default_rng(seed)
    bound = 1 / math.sqrt(2), 1 / math.sqrt(width)
    return [
        Network([rng.uniform(-bound[0], bound[0], (width, 2)), rng.uniform(-bound[1], bound[1], (1, width))])
        for _ in range(count)
    ]


def test_similarity_matrix_equals_one_by_one() -> None:
    nets = [*random_networks(3, 0), *random_networks(2, 1, width=3), Network([np.zeros((2, 2)), [[0, 0]]])]
    mechanisms = [mechanism(net) for net in nets]
    expected = [[one.similarity(other) for other in mechanisms] for one in mechanisms]
    assert similarity_matrix(mechanisms, mechanisms) == pytest.approx(np.array(expected), abs=1e-9)
    assert similarity_matrix(mechanisms[-1:], mechanisms[-1:]).item() == 1
    with pytest.raises(InputError, match="mechanisms of several levels"):
        similarity_matrix(mechanisms[:1], [mechanism(nets[0], level="atoms")])


def test_lazy_networks_compute_the_task_by_chance_directions() -> None:
    panel = lazy_panel(random_networks(1, 0, width=64)[0], 10, target=tasks["minimum"])
    X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    assert max(float(((n(X) - tasks["minimum"](X)) ** 2).mean()) for n in panel) < 1e-3
    values = lazy_similarities(
        [MINIMUM, HALF_SUM], task="minimum", draws=5, symmetries=tasks["minimum"].symmetries, init="uniform"
    )
    first = lazy_panel(MINIMUM, 3, target=tasks["minimum"], init="uniform")
    expected = [circuit_similarity(MINIMUM, n, symmetries=tasks["minimum"].symmetries) for n in first]
    assert values[[0, 2, 4]] == pytest.approx(expected)
    with pytest.raises(InputError, match="0 networks and 5 draws"):
        lazy_similarities([], draws=5)


def test_a_lazy_panel_is_of_the_callers_box_level_and_tau() -> None:
    usual = lazy_similarities([MINIMUM], draws=20, init="uniform")
    options: dict[str, Any]
    for options in ({"box": (0, 1)}, {"level": "atoms"}, {"tau": 0.5}, {"seed": 1}):
        panel = lazy_similarities([MINIMUM], draws=20, init="uniform", **options)
        assert not np.allclose(panel, usual)
    first = lazy_panel(MINIMUM, 1, box=(0, 1), init="uniform")[0]
    (alone,) = lazy_similarities([MINIMUM], draws=1, init="uniform", box=(0, 1), level="atoms", tau=0.5)
    assert alone == pytest.approx(circuit_similarity(MINIMUM, first, box=(0, 1), level="atoms", tau=0.5))
