"""Certificates: bounds that hold, deviations that are found, and a second opinion in exact integers."""

from __future__ import annotations

import inspect
import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sympy

from mathcircuits.detect.errors import InputError, UnknownTask
from mathcircuits.detect.exact import exact_vertices as verification
from mathcircuits.detect.exact.certificates import Certificate, certify
from mathcircuits.detect.exact.criteria import BOUNDS_MEET
from mathcircuits.detect.exact.piecewise import SmoothFormulaError, difference, from_formulas, from_network
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import Task, Tasks, hand_derived, tasks
from mathcircuits.detect.networks.domain import Domain
from mathcircuits.detect.networks.network import Network

MINIMUM = hand_derived("minimum")


def random_network(
    rng: np.random.Generator, sizes: tuple[int, ...], activation: str = "relu", gain: float = 1.0
) -> Network:
    """Weights and biases like nn.Linear's, times a gain."""
    W = [rng.uniform(-gain, gain, (b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return Network(W, [rng.uniform(-gain, gain, b) / np.sqrt(a) for a, b in pairwise(sizes)], activation)


def beside(f: Network, g: Network) -> Network:
    """The network f + g of two networks with two hidden layers each."""
    W = [np.concatenate([f.weights[0], g.weights[0]])]
    a, b = f.weights[1], g.weights[1]
    W.append(np.block([[a, np.zeros((len(a), b.shape[1]))], [np.zeros((len(b), a.shape[1])), b]]))
    W.append(np.concatenate([f.weights[2], g.weights[2]], axis=1))
    biases = [np.concatenate(pair) for pair in zip(f.bias_vectors[:2], g.bias_vectors[:2], strict=True)]
    return Network(W, [*biases, f.bias_vectors[2] + g.bias_vectors[2]])


def bump(point: npt.NDArray[np.float64], height: float, radius: float) -> Network:
    """A pyramid: relu(height - height/radius sum |x_k - p_k|)."""
    d, steep = len(point), height / radius
    rows = np.concatenate([np.eye(d), -np.eye(d)])
    return Network(
        [rows, np.full((1, 2 * d), -steep), [[1.0]]], [np.concatenate([-point, point]), [height], None]
    )


def sampled(network: Network, spec: str | Network, points: int, seed: int = 0) -> float:
    """The largest error among random points and the corners of [-1, 1]^d."""
    d = network.inputs
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * d), axis=-1).reshape(-1, d)
    X = np.concatenate([np.random.default_rng(seed).uniform(-1, 1, (points, d)), corners])
    target = spec(X) if isinstance(spec, Network) else Formula(spec)(X)[:, None]
    return float(np.abs(network(X) - target).max())


# --- planted truths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in tasks if tasks[name].derived])
def test_derived_networks_are_their_tasks(name: str) -> None:
    proof = certify(hand_derived(str(tasks[name].derived)), name, box=tasks[name].domain)
    assert proof.upper <= 1e-9
    assert proof.complete
    assert name in repr(proof)
    if tasks[name].points:
        assert proof.method == "enumeration"
        return
    assert proof.exact
    check = proof.check()
    assert check
    # The rates of the tax are rounded to floats, its formula's are not.
    assert check.maximum < 1e-16
    assert (check.maximum == 0) == (name != "tax")


@pytest.mark.parametrize("spec", ["min(x1, x2)", "formula"])
def test_a_planted_millionth_is_found(spec: str) -> None:
    """A pyramid of 1e-6 somewhere on the box, 100 times out of 100."""
    rng = np.random.default_rng(0)
    older = hand_derived("minimum-older-form")
    base = older if spec != "formula" else random_network(rng, (2, 8, 8, 1))
    target = spec if spec != "formula" else base
    for _ in range(50):
        net = beside(base, bump(rng.uniform(-1, 1, 2), 1e-6, 10.0 ** rng.uniform(-3, -1)))
        proof = certify(net, target)
        assert abs(proof.lower - 1e-6) <= 1e-9
        assert abs(proof.upper - 1e-6) <= 1e-9


def test_planted_errors_by_hand() -> None:
    """|x1 - min(x1, x2)| = relu(x1 - x2) is largest, 2, at (1, -1)."""
    proof = certify(MINIMUM, "x1")
    assert proof.lower == pytest.approx(2.0, abs=1e-12)
    assert proof.witness == (1.0, -1.0)
    one = certify(hand_derived("absolute"), "x1", box=(-0.5, 2))
    assert (one.witness, one.exact) == ((-0.5,), True)
    assert one.upper == pytest.approx(1.0, abs=1e-12)


def test_several_outputs_count_with_the_worst() -> None:
    sort = hand_derived("sort-2")
    assert certify(sort, "min(x1, x2); x2").upper == pytest.approx(2.0)
    assert certify(sort, ["min(x1, x2)", sympy.Max(*sympy.symbols("x1 x2"))]).upper < 1e-12


# --- bounds hold ------------------------------------------------------------------------------------------

SHAPES = [
    (1, 16, 1),
    (1, 8, 8, 2),
    (2, 1, 1),
    (2, 32, 1),
    (2, 16, 16, 1),
    (2, 4, 4, 4, 1),
    (3, 12, 1),
    (3, 5, 3, 1),
    (4, 6, 3, 1),
]


@pytest.mark.parametrize("sizes", SHAPES, ids=str)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.3)"])
def test_bounds_hold_and_meet_and_check(sizes: tuple[int, ...], activation: str) -> None:
    rng = np.random.default_rng(1)
    for gain in (1.0, 2.0):
        f, g = (random_network(rng, sizes, activation, gain) for _ in range(2))
        proof = certify(f, g)
        assert sampled(f, g, 20_000) <= proof.upper
        assert proof.exact
        assert proof.complete
        assert np.abs(f([proof.witness]) - g([proof.witness])).max() == pytest.approx(proof.lower, abs=1e-9)
        check = proof.check()
        assert check
        assert proof.lower <= check.maximum <= proof.upper


@pytest.mark.parametrize(
    "spec", ["median(x1, x2, x3)", "clip(x1, -abs(x2)/3, x3)", "mean(x1, x2, min(x1, 0.1))", "relu(x1)"]
)
def test_formulas_in_three_dimensions(spec: str) -> None:
    rng = np.random.default_rng(2)
    for sizes in ((3, 10, 1), (3, 4, 3, 1)):
        net = random_network(rng, sizes)
        proof = certify(net, spec)
        check = proof.check()
        assert check
        assert proof.exact
        assert sampled(net, spec, 20_000) <= float(check.maximum) + 1e-12


def test_wide_networks_are_enumerated() -> None:
    """2-64-64-1, thousands of cells: exact in floats and in integers."""
    net = random_network(np.random.default_rng(3), (2, 64, 64, 1))
    proof = certify(net, "minimum")
    assert (proof.method, proof.exact) == ("cells", True)
    assert proof.cells > 1000
    check = proof.check()
    assert check
    assert check.cells == proof.cells
    assert sampled(net, "min(x1, x2)", 100_000) <= float(check.maximum) + 1e-12


def test_the_most_vertices_of_64_lines() -> None:
    """64 lines in general position that all meet in the square: 2016 crossings, 128 on the rim, 4 corners."""
    angles = np.pi * (np.arange(64) + 0.37) / 64
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # Lines close to the middle: nearly all pairs cross inside.
    net = Network([rows, np.ones((1, 64))], [np.random.default_rng(4).uniform(-0.01, 0.01, 64), None])
    check = certify(net, "x1").check()
    assert check.vertices <= 2016 + 128 + 4
    assert check.vertices > 2000
    assert check.cells == check.vertices - 128 - 4 + 64 + 1  # lines cut the square into 1 + lines + crossings


def test_minimum_of_four_in_any_gauge() -> None:
    """4-6-3-1 against min of four: exact, with scaled units and with oblique pass-through pairs.

    Its first layer passes x1 and x3 on by pairs relu(+-p), relu(+-q); any basis (p, q) of their span does.
    """
    rng = np.random.default_rng(5)
    base = hand_derived("minimum-of-4")
    for mix in (np.eye(2), *rng.normal(size=(6, 2, 2))):
        W = [w.copy() for w in base.weights]
        passed = mix @ np.array([[1.0, 0, 0, 0], [0, 0, 1, 0]])
        W[0][[1, 2, 4, 5]] = np.array([passed[0], -passed[0], passed[1], -passed[1]])
        read = W[1][:, [1, 4]] @ np.linalg.inv(mix)
        W[1][:, [1, 4]], W[1][:, [2, 5]] = read, -read
        for k in (0, 1):
            scale = 10.0 ** rng.uniform(-1, 1, len(W[k]))
            W[k], W[k + 1] = W[k] * scale[:, None], W[k + 1] / scale
        proof = certify(Network(W), "minimum-of-4")
        assert proof.upper <= 1e-9
        assert proof.complete
        assert proof.check()


def test_more_inputs_give_bounds_within_the_limits() -> None:
    net = random_network(np.random.default_rng(6), (6, 32, 1))
    few, more = (certify(net, "x1", search_limit=n, time_limit=30) for n in (3, 300))
    assert (few.method, few.complete) == ("branch and bound", False)
    true = sampled(net, "x1", 20_000)
    assert few.lower <= true * 1.2
    assert true <= more.upper <= few.upper
    assert few.lower <= more.lower
    assert few.check(limit=10).upper is not True
    stopped = certify(net, "x1", time_limit=0.0)
    assert stopped.upper >= true


def test_a_tolerance_ends_the_search_early() -> None:
    net = random_network(np.random.default_rng(7), (4, 12, 1))
    whole = certify(net, "min(x1, x2, x3, x4)")
    assert whole.complete
    above, below = whole.upper * 1.5, whole.lower * 0.5
    for tolerance, answer in ((above, True), (below, False)):
        quick = certify(net, "min(x1, x2, x3, x4)", tolerance=tolerance)
        assert quick.within(tolerance) is answer
        assert quick.cells < whole.cells
        assert quick.lower - 1e-12 <= whole.upper
        assert whole.lower <= quick.upper + 1e-12
    assert quick.within((quick.lower + quick.upper) / 2) is None


def test_floats_alone_would_mislead() -> None:
    """Two lines 1e-12 apart with weights of 1e12: the float bounds own up, the integers decide."""
    rows = [[1.0, 1 / 3], [1.0, 1 / 3 + 1e-12]]
    net = Network([rows, [[1e12, -1e12]]], [[0.1, 0.1], None])
    proof = certify(net, "x1")
    check = proof.check()
    assert check
    assert proof.lower <= check.maximum <= proof.upper
    assert not proof.exact


def test_spoilt_sections_fall_back_to_branch_and_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound far above what the function reaches at its own point says nothing."""
    net = random_network(np.random.default_rng(16), (3, 6, 1))
    right = certify(net, "x1")
    module = "mathcircuits.detect.exact.certificates.largest_on_sections"
    monkeypatch.setattr(module, lambda *_: (8.6e14, np.zeros(3), 1))
    proof = certify(net, "x1")
    assert (right.method, proof.method) == ("sections", "branch and bound")
    assert proof.upper == pytest.approx(right.upper, abs=1e-12)
    assert proof.check()


# --- the check --------------------------------------------------------------------------------------------


def test_the_check_is_short() -> None:
    assert len(inspect.getsource(verification).splitlines()) <= 150


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"upper": 1.999}, "upper"),
        ({"lower": 2.001}, "lower"),
        ({"witness": [0.0, 0.0]}, "lower"),
        ({"witness": [1.0, -2.0]}, "lower"),
    ],
)
def test_a_forged_certificate_fails(change: dict[str, Any], which: str) -> None:
    data = json.loads(certify(MINIMUM, "x1").to_json())
    check = Certificate.from_json(json.dumps(data | change)).check()
    assert not check
    assert getattr(check, which) is False


def test_what_is_cheap_to_check_is_verified() -> None:
    """Small ones are, larger and smooth ones are not, and a forged one is refuted."""
    rng = np.random.default_rng(17)
    corners = Domain.finite([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for small in (
        certify(MINIMUM, "x1"),
        certify(random_network(rng, (4, 3, 1)), "x1"),
        certify(MINIMUM, "x2", box=corners),
    ):
        assert small.verified is True
        assert repr(small).endswith(", verified)")
        assert "for real arithmetic on the stored weights" in repr(small)
    for other in (random_network(rng, (2, 64, 64, 1)), random_network(rng, (6, 32, 1))):
        assert certify(other, "x1", search_limit=2).verified is None
    assert certify(MINIMUM, "x1 * x2", node_limit=20).verified is None
    forged = Certificate.from_json(json.dumps(json.loads(certify(MINIMUM, "x1").to_json()) | {"upper": 1.9}))
    assert forged.verified is False
    assert "refuted by its check" in repr(forged)
    assert "refuted" in forged._repr_html_()


def test_a_forged_weight_fails() -> None:
    data = json.loads(certify(MINIMUM, "minimum").to_json())
    data["network"]["weights"][0][0][0] += 1e-9
    assert not Certificate.from_json(json.dumps(data)).check()


def test_decimals_are_exact_in_the_check() -> None:
    """0.1 is a tenth in a formula and the nearest float in a network: they differ by 5.55e-18."""
    check = certify(Network([[[0.1]]]), "x1/10").check()
    assert check
    assert check.maximum == abs(Fraction(0.1) - Fraction(1, 10))


def test_purely_linear_layers_bring_their_rounding() -> None:
    """0.1 + 0.2 - 0.3 multiplied out is 5.6e-17 in floats and 2.8e-17 exactly; the bounds cover both."""
    net = Network([[[0.1], [0.2], [0.3]], [[1.0, 1.0, -1.0]]], activation="identity")
    proof = certify(net, "0*x1")
    check = proof.check()
    assert check
    assert check.maximum == abs(Fraction(0.1) + Fraction(0.2) - Fraction(0.3)) > 0


def test_round_trip() -> None:
    for spec in ("minimum", "clip(x1, low, x2)", hand_derived("minimum-older-form")):
        proof = certify(MINIMUM, spec, box=[(-1, 1), (0, 0.3)])
        again = Certificate.from_json(proof.to_json())
        assert again.to_json() == proof.to_json()
        assert (again.upper, again.witness, again.box) == (proof.upper, proof.witness, proof.box)
        assert again.check()


# --- smooth -----------------------------------------------------------------------------------------------

ZERO = Network([[[0.0, 0.0]]])


@pytest.mark.parametrize(
    ("spec", "largest"),
    [
        ("x1 * x2", 1.0),
        ("x1**2 - x2**3", 2.0),
        ("sin(pi*x1)", 1.0),
        ("cos(x1) * exp(x2)", np.e),
        ("tanh(3*x1)/2", np.tanh(3) / 2),
        ("median(x1, x2, x1*x2)", 1.0),
        ("1 / (2 + x1) + abs(x2)", 2.0),
        ("clip(x1*x2, -1/2, 1/4) - mean(x1, x2, x1)", 1.25),
        ("max(sin(x1), x2) - relu(x1*x2) + min(x1, exp(x2))", None),
    ],
)
def test_smooth_formulas(spec: str, largest: float | None) -> None:
    proof = certify(ZERO, spec, time_limit=20)
    assert proof.method == "subdivision"
    assert sampled(ZERO, spec, 100_000) <= proof.upper
    assert proof.upper - proof.lower <= 1e-4
    if largest is not None:
        assert proof.lower <= largest + 1e-12
        assert largest <= proof.upper + 1e-12
    assert np.abs(Formula(spec)(np.array([proof.witness]))).max() == pytest.approx(proof.lower, abs=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "gelu", "gelu_tanh"])
def test_smooth_networks(activation: str) -> None:
    rng = np.random.default_rng(8)
    net = random_network(rng, (2, 5, 1), activation)
    other = random_network(rng, (2, 4, 1))
    for spec in ("min(x1, x2)", other):
        proof = certify(net, spec, node_limit=4000)
        assert sampled(net, spec, 50_000) <= proof.upper
        assert proof.upper - proof.lower <= 0.05
    with pytest.raises(InputError, match=r"no exact check.*give a certificate of ReLU functions"):
        proof.check()


def test_subdivision_against_enumeration() -> None:
    """A formula with a smooth term that vanishes is bounded by the other method, and agrees."""
    net = random_network(np.random.default_rng(9), (2, 6, 1))
    exact = certify(net, "min(x1, x2)")
    smooth = certify(net, "min(x1, x2) + 0 * x1 * x2", time_limit=20)
    twin = certify(net, "min(x1, x2) + sin(0*x1)", time_limit=20)
    assert exact.method == "cells"
    for proof in (smooth, twin):
        assert proof.lower <= exact.upper
        assert exact.lower <= proof.upper
        assert proof.upper - proof.lower < 1e-3


def test_poles_are_bounds_too() -> None:
    proof = certify(ZERO, "1 / (x1 + 0.01)", node_limit=2000)
    assert proof.upper == np.inf
    assert proof.lower > 1


# --- specifications and errors ----------------------------------------------------------------------------


def test_specifications_of_every_kind() -> None:
    x1, x2 = sympy.symbols("x1 x2")
    kinds = [
        "minimum",
        "min",
        tasks["minimum"],
        "min(x1, x2)",
        Formula("min(x1, x2)"),
        sympy.Min(x1, x2),
        MINIMUM,
    ]
    assert all(certify(MINIMUM, spec).upper < 1e-12 for spec in kinds)
    # "x" names the identity of one input; a network of two reads it as a formula.
    assert certify(MINIMUM, "x").spec == "x1"
    assert certify(Network([[[1.0]]]), "x").spec == "identity"


def test_low_and_high_are_the_tasks_own_box() -> None:
    task = Task("lowest", 1, (Formula("max(x1, low)"),), box=((0.0, 1.0),))
    assert certify(hand_derived("relu"), task).upper < 1e-12
    assert certify(hand_derived("relu"), "max(x1, low)").upper == pytest.approx(1.0)


def test_more_work_never_loosens_a_bound() -> None:
    rng = np.random.default_rng(15)
    looser = 0
    for _ in range(6):
        net = Network([rng.normal(size=(12, 4)), rng.normal(size=(8, 12)), rng.normal(size=(1, 8))])
        bounds = [certify(net, "x1", search_limit=n, time_limit=60) for n in (1, 3, 10, 30, 100, 300)]
        assert all(a.upper >= b.upper for a, b in pairwise(bounds))
        assert all(a.lower <= b.lower for a, b in pairwise(bounds))
        looser += bounds[0].upper > bounds[-1].upper
    assert looser


def test_open_nodes_take_no_more_memory_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    net = random_network(np.random.default_rng(6), (6, 32, 1))
    free = certify(net, "x1", search_limit=300, time_limit=60)
    monkeypatch.setattr("mathcircuits.detect.exact.branch_and_bound._MEMORY", 300_000)
    held = certify(net, "x1", search_limit=300, time_limit=60)
    assert not held.complete
    assert held.cells < free.cells
    assert sampled(net, "x1", 20_000) <= free.upper <= held.upper


def test_html_and_text() -> None:
    proof = certify(random_network(np.random.default_rng(13), (6, 16, 1)), "x1", search_limit=3)
    assert "stopped early" in proof._repr_html_()
    assert "<= max |net - x1| <=" in repr(proof)
    assert "by cells" in repr(certify(MINIMUM, "minimum"))
    assert "max |net - minimum| <= " in repr(certify(MINIMUM, "minimum"))
    assert proof.upper - proof.lower > BOUNDS_MEET


def test_errors() -> None:
    with pytest.raises(InputError, match=r"'step\(x1\)' uses step, which jumps"):
        certify(MINIMUM, "step(x1)")
    with pytest.raises(InputError, match="uses sign, which jumps"):
        certify(MINIMUM, "x1 * x2 + sign(x1)")
    with pytest.raises(InputError, match=r"'median-of-3' has 3 inputs and 1 outputs"):
        certify(MINIMUM, "median-of-3")
    with pytest.raises(InputError, match="give one of the network's own shape"):
        certify(MINIMUM, hand_derived("sort-2"))
    with pytest.raises(UnknownTask, match="did you mean 'minimum'"):
        certify(MINIMUM, "minimun")
    with pytest.raises(InputError, match="not well-formed"):
        certify(MINIMUM, "min(x1,")
    with pytest.raises(InputError, match="a int is not a specification"):
        certify(MINIMUM, 3)
    with pytest.raises(InputError, match="an empty specification"):
        certify(MINIMUM, [])
    with pytest.raises(InputError, match="divides by"):
        certify(MINIMUM, "x1 / 0")
    with pytest.raises(InputError, match="a formula divides by zero: no certificate can hold"):
        certify(MINIMUM, "x1 / (1 - 1)")
    with pytest.raises(InputError, match="'v1' is not among the inputs x1 to x2"):
        certify(MINIMUM, "v1")
    with pytest.raises(InputError, match="a str is no network"):
        certify("net.onnx", "minimum")  # type: ignore[arg-type]  # on purpose
    registry = Tasks({})
    registry.register("double", arity=2)(lambda X: 2 * X[:, 0])
    with pytest.raises(InputError, match="is a Python function: nothing can be proved"):
        certify(MINIMUM, registry["double"])
    with pytest.raises(InputError, match="not a certificate"):
        Certificate.from_json("{}")
    with pytest.raises(SmoothFormulaError, match=r"x1 \* x2 is not piecewise linear"):
        from_formulas([Formula("1 + x1 * x2")], 2)
    with pytest.raises(InputError, match="is not piecewise linear: only relu"):
        from_network(Network([[[1.0]], [[1.0]]], activation="tanh"))
    with pytest.raises(InputError, match="cannot be subtracted"):
        difference(from_network(MINIMUM), from_network(hand_derived("relu")))
    with pytest.raises(InputError, match="'low' has no value here"):
        from_formulas([Formula("low")], 1)
