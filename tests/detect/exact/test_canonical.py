"""The normal form: what re-gauging may not change, what another function must, and the smallest networks."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from made_networks import COUNTS, network_of

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.canonical import CanonicalForm, NeuronCount, canonical_form
from mathcircuits.detect.features.symmetry import Symmetry
from mathcircuits.detect.features.task import hand_derived, tasks
from mathcircuits.detect.networks.network import Network

Array = npt.NDArray[np.float64]
#: Incoming weights [d], bias, outgoing weights [out].
Neuron = tuple[Array, float, Array]

MINIMUM = hand_derived("minimum")
SWAP = Symmetry.parse(["x2", "x1"])


def random_network(rng: np.random.Generator, d: int | None = None, width: int | None = None) -> Network:
    """Up to 6 inputs, width 64 and three outputs; some kinks miss the box, some cancel, some coincide."""
    d = d or int(rng.integers(1, 7))
    m = width or int(rng.integers(1, 65))
    out = int(rng.integers(1, 4))
    W, b, V = rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=(out, m))
    for i in range(1, m):
        kind = rng.integers(8)
        if kind == 0:  # beyond the box, dead or always on; sometimes just touching a corner
            b[i] = rng.choice([-1, 1]) * np.abs(W[i]).sum() * rng.choice([1.0, 1.3])
        elif kind == 1:  # the other side of an earlier kink, whose bend it cancels
            W[i], b[i], V[:, i] = -2 * W[i - 1], -2 * b[i - 1], -V[:, i - 1] / 2
        elif kind == 2:  # the same kink once more
            W[i], b[i] = 0.3 * W[i - 1], 0.3 * b[i - 1]
    return Network([W, V], [b, rng.normal(size=out)])


def regauged(network: Network, rng: np.random.Generator) -> Network:
    """Another network of the same function on [-1, 1]^d."""
    (W, V), (b, c) = network.weights, network.bias_vectors
    neurons = [(w, float(bias), v) for w, bias, v in zip(W, b, V.T, strict=True)]
    d, out = network.inputs, network.outputs

    def affine(w: Array, bias: float, v: Array) -> Neuron:
        """v (w.x + bias), carried by an always-on neuron and the read-out's bias."""
        nonlocal c
        lift = np.abs(w).sum() * rng.uniform(1.0, 3.0)
        c = c - v * (lift - bias)
        return (w, lift, v)

    result: list[Neuron] = []
    for w, bias, v in neurons:
        kind = rng.integers(4)
        if kind == 0:  # v relu(z) = v relu(-z) + v z
            result += [(-w, -bias, v), affine(w, bias, v)]
        elif kind == 1:  # split, with shares of either sign
            shares = rng.normal(size=rng.integers(1, 3))
            result += [(w, bias, v * s) for s in (*shares, 1 - shares.sum())]
        else:
            result.append((w, bias, v))
    for _ in range(rng.integers(3)):  # dead
        w = rng.normal(size=d)
        result.append((w, -np.abs(w).sum() * rng.choice([1.0, 1.5]), rng.normal(size=out)))
    for _ in range(rng.integers(2)):  # always on: z + z' - (z + z')
        w, u, v = rng.normal(size=d), rng.normal(size=d), rng.normal(size=out)
        result += [affine(w, 0.3, v), affine(u, 0.1, v), affine(w + u, 0.4, -v)]
    for _ in range(rng.integers(2)):  # a kink that cancels: relu(z) - relu(-z) - z
        w, bias, v = rng.normal(size=d), rng.normal() / 4, rng.normal(size=out)
        result += [(w, bias, v), (-w, -bias, -v), affine(-w, -bias, v)]
    for _ in range(rng.integers(2)):  # no incoming weights
        height, v = rng.normal(), rng.normal(size=out)
        result.append((np.zeros(d), height, v))
        c = c - v * max(height, 0.0)
    scales = 10.0 ** rng.uniform(-2, 2, len(result))
    order = rng.permutation(len(result))
    rows = [(result[k][0] * scales[k], result[k][1] * scales[k], result[k][2] / scales[k]) for k in order]
    return Network([[r[0] for r in rows], np.array([r[2] for r in rows]).T], [[r[1] for r in rows], c])


def check_regauging(count: int, seed: int) -> float:
    """The largest parameter distance, relative to the form's scale, over that many re-gaugings."""
    rng, worst = np.random.default_rng(seed), 0.0
    for _ in range(count):
        network = random_network(rng)
        other = regauged(network, rng)
        f, g = canonical_form(network), canonical_form(other)
        assert f.kinks == g.kinks
        worst = max(worst, f.parameter_distance(g) / max(f.scale, g.scale))
    return worst


# --- axioms -----------------------------------------------------------------------------------------------


def test_form_is_the_network_on_the_box() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        network = random_network(rng)
        X = rng.uniform(-1, 1, (50, network.inputs))
        form = canonical_form(network)
        np.testing.assert_allclose(form(X), network(X), atol=1e-11 * form.scale)
        np.testing.assert_allclose(np.linalg.norm(form.n, axis=1), 1.0)
        assert (np.abs(form.kappa).max(axis=1, initial=0.0) > 0).all()


def test_regauging_is_a_regauging() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        network = random_network(rng)
        X = rng.uniform(-1, 1, (20, network.inputs))
        np.testing.assert_allclose(regauged(network, rng)(X), network(X), atol=1e-9)


def test_regauging_leaves_the_form() -> None:
    assert check_regauging(300, seed=2) <= 1e-9


@pytest.mark.long
def test_ten_thousand_regaugings_leave_the_form() -> None:
    assert check_regauging(10_000, seed=3) <= 1e-9


def test_different_functions_never_share_a_form() -> None:
    """A millionth of one weight is a different function; so are two random networks."""
    rng = np.random.default_rng(4)
    for _ in range(300):
        network = random_network(rng)
        form = canonical_form(network)
        weights = [w.copy() for w in network.weights]
        layer = rng.integers(2)
        weights[layer][tuple(rng.integers(s) for s in weights[layer].shape)] *= 1 + 1e-6
        moved = Network(weights, network.biases)
        X = rng.uniform(-1, 1, (200, network.inputs))
        apart = np.abs(moved(X) - network(X)).max()
        if apart > 1e-7 * form.scale:
            assert not canonical_form(moved).equals(form)
        other = random_network(rng, network.inputs)
        if other.outputs == network.outputs:
            assert not canonical_form(other).equals(form)


def test_equal_forms_are_equal_functions_at_the_tolerance() -> None:
    """`equals` bounds the function: K + 2 terms, each within the tolerance."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        network = random_network(rng, 2, 8)
        f, g = canonical_form(network), canonical_form(regauged(network, rng))
        X = rng.uniform(-1, 1, (100, 2))
        assert np.abs(f(X) - g(X)).max() <= (f.kinks + 2) * f.parameter_distance(g) + 1e-12 * f.scale


def test_distances_are_metrics() -> None:
    rng = np.random.default_rng(6)
    for d in (1, 2, 3):
        forms = [
            canonical_form(
                Network([rng.normal(size=(4, d)), rng.normal(size=(2, 4))], [rng.normal(size=4), None])
            )
            for _ in range(3)
        ]
        f, g, h = forms
        for name in ("distance", "parameter_distance"):
            assert getattr(f, name)(f) <= 1e-12
            assert getattr(f, name)(g) == pytest.approx(getattr(g, name)(f))
            assert getattr(f, name)(g) > 0
        assert f.distance(h) <= f.distance(g) + g.distance(h) + 1e-12


# --- hand-computed ----------------------------------------------------------------------------------------


def test_minimum_by_hand() -> None:
    """min = (x1 + x2)/2 - |x1 - x2|/2, and |x1 - x2| = sqrt 2 |n.x|."""
    form = canonical_form(MINIMUM)
    np.testing.assert_allclose(form.A, [[0.5, 0.5]])
    np.testing.assert_allclose(form.n, [[0.5**0.5, -(0.5**0.5)]])
    np.testing.assert_allclose(form.kappa, [[-(0.5**0.5)]])
    assert form.c.tolist() == [0.0]
    assert form.d.tolist() == [0.0]


def test_osiers_two_kinks() -> None:
    """Two kinks 1e-5 apart that nearly cancel stay two; the functions are close, the parameters are not."""
    near = Network([[[1.0], [1.0]], [[1.0, -1.0]]], [[0.0, 1e-5], None])
    flat = Network([[[0.0]], [[1.0]]], [[0.0], None])
    f, g = canonical_form(near), canonical_form(flat)
    assert (f.kinks, g.kinks) == (2, 0)
    assert f.distance(g) < 2e-5
    assert f.parameter_distance(g) >= 0.5
    assert not f.equals(g)


def test_distance_by_hand() -> None:
    """|x| - x = 2 relu(-x) has mean square 2/3 on [-1, 1], and so has |x1 - x2| = max - min on the square."""
    absolute, identity = (canonical_form(hand_derived(name)) for name in ("absolute", "identity"))
    assert absolute.distance(identity) == pytest.approx((2 / 3) ** 0.5, abs=1e-14)
    minimum, maximum = (canonical_form(hand_derived(name)) for name in ("minimum", "maximum"))
    assert minimum.distance(maximum) == pytest.approx((2 / 3) ** 0.5, abs=1e-14)


def test_distance_is_exact_where_points_are_not() -> None:
    rng = np.random.default_rng(7)
    f, g = (
        canonical_form(
            Network([rng.normal(size=(9, 2)), rng.normal(size=(2, 9))], [rng.normal(size=9) / 3, None])
        )
        for _ in range(2)
    )
    X = np.stack(np.meshgrid(*[np.linspace(-1, 1, 801)[:-1] + 1 / 800] * 2), axis=-1).reshape(-1, 2)
    assert f.distance(g) == pytest.approx(np.sqrt(np.mean((f(X) - g(X)) ** 2)), rel=1e-5)


def test_distance_in_three_dimensions_is_by_points() -> None:
    """x1 against 0: mean square 1/3."""
    f, g = (canonical_form(Network([[[a, 0.0, 0.0]]])) for a in (1.0, 0.0))
    assert f.distance(g) == pytest.approx(3**-0.5, rel=1e-3)


def test_kinks_outside_the_box_fold_into_the_affine_part() -> None:
    net = Network([[[1.0], [1.0], [0.0], [0.0]], [[1.0, 1.0, 1.0, 1.0]]], [[2.0, -2.0, 0.5, -0.5], None])
    form = canonical_form(net)
    assert form.kinks == 0
    assert form.A.tolist() == [[1.0]]
    assert form.c.tolist() == [2.5]
    wide = canonical_form(net, box=(-3, 3))
    assert wide.d.tolist() == [-2.0, 2.0]


def test_a_kink_through_a_corner_is_outside() -> None:
    """x1 + x2 = 2 touches the box at (1, 1), however it is scaled."""
    for scale in (1.0, 1 / 3, 0.7e5):
        form = canonical_form(Network([[[scale, scale]], [[1 / scale]]], [[-2 * scale], None]))
        assert (form.kinks, form.A.tolist()) == (0, [[0.0, 0.0]])


def test_a_kink_stays_while_one_output_bends() -> None:
    net = Network([[[1.0], [-1.0]], [[1.0, -1.0], [1.0, 1.0]]])
    assert canonical_form(net).kappa.tolist() == [[0.0, 1.0]]


def test_leaky_relu() -> None:
    """leaky(z) = (1 + s)/2 z + (1 - s)/2 |z|."""
    form = canonical_form(Network([[[2.0]], [[1.0]]], activation="leaky_relu(0.2)"))
    np.testing.assert_allclose(form.A, [[1.2]])
    np.testing.assert_allclose(form.kappa, [[0.8]])
    on, off = (
        canonical_form(Network([[[1.0]], [[1.0]]], [[b], None], "leaky_relu(0.2)")) for b in (2.0, -2.0)
    )
    assert (on.A.item(), on.c.item(), on.kinks) == (1.0, 2.0, 0)
    assert (off.A.item(), off.c.item(), off.kinks) == (0.2, -0.4, 0)


def test_linear_layers_are_multiplied_out() -> None:
    net = Network(
        [[[1.0, 1.0], [1.0, -1.0]], [[0.5, 0.5], [0.0, 1.0]], [[1.0, 1.0]]], activation=["identity", "relu"]
    )
    assert canonical_form(net).equals(canonical_form(Network([[[1.0, 0.0], [1.0, -1.0]], [[1.0, 1.0]]])))


def test_tiny_weights_do_not_underflow() -> None:
    net = Network([[[1e-200, -1e-200]], [[1e200]]])
    np.testing.assert_allclose(canonical_form(net).kappa, [[0.5**0.5]])


def test_sides_tell_the_gauge() -> None:
    """x1 - relu(x1 - x2) sits on one side, x2 - relu(x2 - x1) on the other, the half-sum form on both."""
    mirrored = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
    half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
    assert canonical_form(MINIMUM).equals(canonical_form(mirrored))
    assert canonical_form(MINIMUM).equals(canonical_form(half))
    assert [canonical_form(net).sides.tolist() for net in (MINIMUM, mirrored, half)] == [[1.0], [-1.0], [0.0]]


def test_simplify_stays_within_its_tolerance() -> None:
    rng = np.random.default_rng(8)
    X = rng.uniform(-1, 1, (2000, 2))
    for tolerance in (0.0, 1e-3, 0.1, 1.0, 100.0):
        form = canonical_form(random_network(rng, 2, 30))
        simple = form.simplify(tolerance)
        assert np.abs(simple(X) - form(X)).max() <= tolerance + 1e-12 * form.scale
        assert simple.kinks <= form.kinks
    assert simple.kinks == 0


# --- symmetries -------------------------------------------------------------------------------------------


def test_transform_is_composition() -> None:
    rng = np.random.default_rng(9)
    X = rng.uniform(-1, 1, (50, 3))
    form = canonical_form(random_network(rng, 3, 12))
    turn = Symmetry.parse(["x3", "-x1", "x2"])
    np.testing.assert_allclose(form.transform(turn)(X), form(turn(X)), atol=1e-12 * form.scale)


def test_classes_modulo_symmetries() -> None:
    """x1 + |x2| and x2 + |x1| are one class under the swap; min is its own mirror image."""
    f = canonical_form(hand_derived("x1-plus-abs-x2"))
    g = f.transform(SWAP)
    assert not f.equals(g)
    assert f.equals(g, symmetries=[SWAP])
    assert f.distance(g, symmetries=[SWAP]) == 0.0
    assert f.quotient([SWAP]).equals(g.quotient([SWAP]))
    minimum = canonical_form(MINIMUM)
    assert all(minimum.transform(s).equals(minimum) for s in tasks["minimum"].symmetries)


# --- the smallest network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
def test_smallest_networks(name: str) -> None:
    network = network_of(name)
    form = canonical_form(network)
    X = np.random.default_rng(10).uniform(-1, 1, (200, network.inputs))
    for bias, count in zip((False, True), COUNTS[name], strict=True):
        if count is None:
            with pytest.raises(InputError, match="a network without biases is 0 at 0"):
                form.neurons(bias=bias)
            continue
        assert form.neurons(bias=bias) == NeuronCount(count, True)
        small = form.to_network(bias=bias)
        assert small.sizes == (network.inputs, count, network.outputs)
        assert small.architecture.has_bias == bias
        np.testing.assert_allclose(small(X), network(X), atol=1e-14)
        assert canonical_form(small).equals(form)


def test_signs_are_found_by_meeting_in_the_middle() -> None:
    """A network of 22 neurons, its own sides forgotten, comes back with 22; one weight off, with more."""
    rng = np.random.default_rng(12)
    for outputs in (1, 2):
        net = Network(
            [rng.normal(size=(22, 3)), rng.normal(size=(outputs, 22))], [rng.normal(size=22) / 4, None]
        )
        data = canonical_form(net).to_dict()
        data["sides"] = np.ones(22).tolist()
        form = CanonicalForm.from_dict(data)
        assert form.neurons(bias=True) == NeuronCount(22, True)
        X = rng.uniform(-1, 1, (50, 3))
        np.testing.assert_allclose(form.to_network()(X), net(X), atol=1e-11)
        data["A"][0][0] += 0.01
        moved = CanonicalForm.from_dict(data)
        assert moved.neurons(bias=True).count in (23, 24, 25)
        assert moved.neurons(bias=True).count == 23 or outputs == 2
        np.testing.assert_allclose(moved.to_network()(X), moved(X), atol=1e-11)


def test_both_sides_of_one_kink_without_biases() -> None:
    """|x1| + |x2| + 0.3 x1 needs K + 1 = 3; with another direction in A, K + 2."""
    for A, count in (((0.3, 1.0), 3), ((0.3, 0.2), 4), ((1.0, 1.0), 2)):
        rows = np.array([[1, 0], [-1, 0], [0, 1], [0, -1], A, [-A[0], -A[1]]])
        form = canonical_form(Network([rows, [[1, 1, 1, 1, 1, -1]]]))
        assert form.neurons(bias=False) == NeuronCount(count, True)
        X = np.random.default_rng(13).uniform(-1, 1, (50, 2))
        np.testing.assert_allclose(form.to_network(bias=False)(X), form(X), atol=1e-14)


def test_random_forms_come_back_as_networks() -> None:
    rng = np.random.default_rng(14)
    for _ in range(60):
        network = random_network(rng, width=int(rng.integers(1, 7)))
        form = canonical_form(network)
        small = form.to_network()
        X = rng.uniform(-1, 1, (50, network.inputs))
        np.testing.assert_allclose(small(X), network(X), atol=1e-11 * form.scale)
        assert canonical_form(small).equals(form)
        assert form.neurons().count <= form.kinks + min(network.inputs, network.outputs)


def test_a_wide_form_says_that_its_count_is_not_proved() -> None:
    rng = np.random.default_rng(15)
    form = canonical_form(Network([rng.normal(size=(64, 2)), rng.normal(size=(1, 64))]))
    assert form.neurons(bias=True) == NeuronCount(64, True)  # its own sides do
    data = form.to_dict() | {"sides": np.ones(64).tolist()}
    assert CanonicalForm.from_dict(data).neurons(bias=True) == NeuronCount(65, False)


# --- degenerate -------------------------------------------------------------------------------------------


def test_constants_and_linear_networks() -> None:
    constant = canonical_form(Network([[[0.0, 0.0]], [[1.0]]], [[2.0], [1.0]]))
    assert (constant.kinks, constant.c.tolist(), constant.neurons()) == (0, [3.0], NeuronCount(0, True))
    assert constant.to_network()([[0.3, 0.4]]).tolist() == [[3.0]]
    zero = canonical_form(Network([[[0.0]]]))
    assert zero.to_network(bias=False)([[0.5]]).tolist() == [[0.0]]
    assert zero.equals(zero)
    assert zero.distance(zero) == 0.0


def test_round_trip_and_text() -> None:
    form = canonical_form(hand_derived("clip"))
    again = CanonicalForm.from_dict(json.loads(json.dumps(form.to_dict())))
    assert again.equals(form, tolerance=0.0)
    assert repr(form) == "CanonicalForm(-0.5 |x1 - 0.5| + 0.5 |x1 + 0.5|, on [-1, 1])"
    assert "<table>" in form._repr_html_()
    assert "|x1 - 0.5|" in form._repr_html_()
    big = canonical_form(random_network(np.random.default_rng(16), 2, 40))
    assert "kinks, 2 ->" in repr(big)
    with pytest.raises(ValueError, match="read-only"):
        form.A[0, 0] = 1.0


def test_errors() -> None:
    deep = hand_derived("minimum-older-form")
    with pytest.raises(InputError, match=r"2 ReLU layers.*normalise_layers\(network, box\)"):
        canonical_form(deep)
    with pytest.raises(InputError, match="the normal form is of ReLU networks, this one has tanh"):
        canonical_form(Network([[[1.0]], [[1.0]]], activation="tanh"))
    f = canonical_form(MINIMUM)
    with pytest.raises(InputError, match="cannot be compared: take both"):
        f.distance(canonical_form(MINIMUM, box=(0, 1)))
    with pytest.raises(InputError, match="moves the box"):
        canonical_form(MINIMUM, box=[(0, 1), (-1, 1)]).transform(SWAP)
    with pytest.raises(InputError, match="is not over the form's 2 inputs"):
        f.transform(Symmetry.parse(["-x1"]))
    with pytest.raises(InputError, match="tolerance -1: give a number"):
        f.simplify(-1)
    with pytest.raises(InputError, match="not a canonical form"):
        CanonicalForm.from_dict({"A": [[1.0]]})
