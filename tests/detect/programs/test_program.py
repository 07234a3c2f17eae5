"""Programs: planted formulas come back whatever the weights look like; what is no formula is called none."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.exact.piecewise import from_formulas
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import Task, hand_derived, hand_derived_names, tasks
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.programs.decompiling import decompile
from mathcircuits.detect.programs.lengths import complexity
from mathcircuits.detect.programs.program import Program
from mathcircuits.detect.recognition.templates import circuits

Array = npt.NDArray[np.float64]
SHALLOW = [
    name
    for name in tasks
    if not tasks[name].points and len(tasks[name].hidden or tasks[name].hidden_with_bias or ()) == 1
]


def points(d: int, n: int = 300) -> Array:
    return np.random.default_rng(0).uniform(-1, 1, (n, d))


def same(program: Program, formulas: tuple[Formula, ...] | list[Formula], d: int, reach: float = 1.0) -> bool:
    """Whether the program's formula is that function, to rounding."""
    if program.formula is None:
        return False
    X = reach * points(d)
    return all(
        np.abs(f(X) - g(X)).max() < 1e-12 * reach for f, g in zip(program.formula, formulas, strict=True)
    )


def as_deep_network(texts: list[str], d: int, rng: np.random.Generator) -> Network:
    """Formulas as a network: a layer per depth, everything earlier carried along by pairs relu(z), relu(-z).

    Its neurons are in random order and rescaled at random.
    """
    f = from_formulas([Formula(text) for text in texts], d)
    columns, offsets = np.eye(d), np.zeros(d)
    W: list[Array] = []
    b: list[Array] = []
    for layer in f.layers:
        z, shift = layer.weights @ columns, layer.weights @ offsets + layer.bias
        rows = np.concatenate([z, columns, -columns])
        bias = np.concatenate([shift, offsets, -offsets])
        k, n = len(z), len(columns)
        columns = np.zeros((n + k, len(rows)))
        columns[:n, k : k + n], columns[:n, k + n :], columns[n:, :k] = np.eye(n), -np.eye(n), np.eye(k)
        offsets = np.zeros(n + k)
        scale, order = np.exp(rng.normal(size=len(rows))), rng.permutation(len(rows))
        W.append((rows * scale[:, None])[order])
        b.append((bias * scale)[order])
        columns = (columns / scale)[:, order]
    return Network([*W, f.readout @ columns], [*b, f.readout @ offsets + f.offset])


def regauged_minimum_of_4(rng: np.random.Generator, oblique: bool) -> Network:
    """4-6-3-1 with flipped, split, permuted and rescaled neurons; the pairs that carry the linear parts are
    along the inputs, or along two random combinations of them."""
    kinks = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    rows: list[Array] = []
    into: list[Array] = []  # what each neuron adds to (min(x1, x2), min(x3, x4))
    linear = np.zeros((2, 4))
    for j, w in enumerate(kinks):
        flip = bool(rng.integers(2))
        for part in rng.dirichlet(np.ones(rng.integers(1, 4))):
            rows.append(-w if flip else w)
            into.append(-part * np.eye(2)[j])
        # min(a, b) = a - relu(a - b) = b - relu(b - a)
        linear[j] = np.eye(4)[2 * j + flip]
    mix: Array = rng.normal(size=(2, 2)) if oblique else np.eye(2)
    carried = mix @ linear
    back = np.asarray(np.linalg.inv(mix), dtype=np.float64)
    for k in range(2):
        rows += [carried[k], -carried[k]]
        into += [back[:, k], -back[:, k]]
    V = np.array(into).T
    flip = bool(rng.integers(2))
    carrier, gap = V[int(flip)], (V[1] - V[0] if flip else V[0] - V[1])
    layers: list[Array] = [np.array(rows), np.array([gap, carrier, -carrier]), np.array([[-1.0, 1.0, -1.0]])]
    for k in range(2):
        scale, order = np.exp(rng.normal(size=len(layers[k]))), rng.permutation(len(layers[k]))
        layers[k] = (layers[k] * scale[:, None])[order]
        layers[k + 1] = (layers[k + 1] / scale)[:, order]
    return Network(layers)


def random_features(function: Callable[[Array], Array], d: int, width: int, seed: int = 0) -> Network:
    """Random ReLU features with the read-out that fits the function best: a network of something else."""
    rng = np.random.default_rng(seed)
    W, b = rng.normal(size=(width, d)), rng.uniform(-1, 1, width)
    X = rng.uniform(-1, 1, (4000, d))
    columns = np.concatenate([np.maximum(X @ W.T + b, 0), np.ones((len(X), 1))], axis=1)
    V = np.linalg.lstsq(columns, function(X), rcond=None)[0]
    return Network([W, V[None, :-1]], [b, V[-1:]])


# --- planted truths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", hand_derived_names())
def test_hand_derived_networks_are_their_formulas(name: str) -> None:
    circuit = circuits[name]
    program = decompile(hand_derived(name))
    assert same(program, circuit.formula, circuit.arity)
    assert program.certificate.upper <= 1e-9
    assert program.certificate.check()
    assert program.bits < program.raw_bits
    if not circuit.on_points:
        assert complexity(circuit.formula[0].root) >= complexity(program.best_formula[0].root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("negation", "-x1"),
        ("minimum", "min(x1, x2)"),
        ("minimum-of-4", "min(x1, x2, x3, x4)"),
        ("absolute-difference", "abs(x1 - x2)"),
        ("relu", "relu(x1)"),
        ("median-of-3", "median(x1, x2, x3)"),
        ("x1-plus-abs-x2", "x1 + abs(x2)"),
        ("clip", "clip(x1, -0.5, 0.5)"),
        ("sort-2", "min(x1, x2); max(x1, x2)"),
    ],
)
def test_the_words_are_the_shortest(name: str, text: str) -> None:
    assert decompile(hand_derived(name)).text == text


@pytest.mark.parametrize(
    ("texts", "d"),
    [
        (["max(x1, min(x2, x3))"], 3),
        (["min(abs(x1), x2 + 0.5)"], 2),
        (["relu(x1 - abs(x2))"], 2),
        (["abs(abs(x1) - 0.5)"], 1),
        (["abs(abs(abs(x1) - 0.5) - 0.25)"], 1),
        (["x3 + 2 * min(x1, x2)"], 3),
        (["x1 - clip(x2, -1/4, 3/4)/3"], 2),
        (["abs(x1) + abs(x2) + abs(x3)"], 3),
        (["relu(x1 + x2 - 0.5) - relu(x1 - x2) / 4"], 2),
        (["min(x1, x2)", "relu(x1) - abs(x2)"], 2),
        (["max(abs(x1), abs(x2))"], 2),
        (["x1 / 3 - 2 * x2 / 5 + 1 / 7"], 2),
        (["max(min(x1, x2), min(x3, x4))"], 4),
        (["abs(2 * x1 + 3 * x2 - 1)"], 2),
        (["max(x1, x2) - min(x2, x3)"], 3),
        (["2"], 1),
    ],
)
def test_planted_formulas_come_back_in_as_few_words(texts: list[str], d: int) -> None:
    network = as_deep_network(texts, d, np.random.default_rng(1))
    planted = [Formula(text) for text in texts]
    program = decompile(network)
    assert same(program, planted, d)
    assert program.certificate.upper <= 1e-9
    assert program.complexity <= sum(complexity(formula.root) for formula in planted)


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_minimum_of_4_in_any_gauge(oblique: bool, seed: int) -> None:
    network = regauged_minimum_of_4(np.random.default_rng(seed), oblique)
    assert certify(network, "minimum-of-4").upper < 1e-9
    program = decompile(network)
    assert program.text == "min(x1, x2, x3, x4)"
    assert program.formula is not None
    assert program.certificate.upper <= 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_split_and_noisy_neurons_are_one_kink(seed: int) -> None:
    """A wide network's neurons: shares of the three of min(x1, x2), each off by 1e-3, and a cancelling pair."""
    rng = np.random.default_rng(seed)
    W, V = hand_derived("minimum").weights
    share = rng.dirichlet(np.ones(4), size=3)
    rows = np.repeat(W, 4, axis=0) + rng.normal(0, 1e-3, (12, 2))
    out = (share * V[0][:, None]).ravel()
    pair = rng.normal(size=2)
    rows = np.concatenate([rows, pair[None], pair[None] * (1 + 1e-6) + 1e-6])
    out = np.concatenate([out, [3.0, -3.0 / (1 + 1e-6)]])
    scale = np.exp(rng.normal(size=len(rows)))
    program = decompile(Network([rows * scale[:, None], (out / scale)[None]]))
    assert program.text == "min(x1, x2)"
    assert 0 < program.certificate.lower <= program.certificate.upper <= 5e-3


SIMPLE = [Fraction(v) for v in ("1", "-1", "1/2", "-1/2", "3/2", "2", "-2", "1/3", "-3/4")]


@settings(max_examples=40)
@given(st.data())
def test_random_simple_forms_come_back(data: st.DataObject) -> None:
    """One hidden layer of rational kinks, at most three, split and rescaled at random: the very function."""
    d = data.draw(st.integers(1, 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    kinks = data.draw(st.integers(0, 3))

    def pick(n: int) -> Array:
        return np.array([float(SIMPLE[k]) for k in rng.integers(len(SIMPLE), size=n)])

    rows: list[tuple[Array, float, float]] = []
    for _ in range(kinks):
        normal = pick(d) * rng.integers(2, size=d)
        if normal.any():
            rows.append((normal, float(rng.choice([0, 0.25, -0.5])), float(pick(1)[0])))
    affine = pick(d) * rng.integers(2, size=d)
    W, b, v = [affine, -affine], [0.0, 0.0], [1.0, -1.0]
    for normal_row, offset, kappa in rows:
        # kappa |z| as relu(z) + relu(-z), the first one split in two
        for sign, part in ((1, 0.25), (1, 0.75), (-1, 1.0)):
            W.append(sign * normal_row)
            b.append(sign * offset)
            v.append(kappa * part)
    scale, order = np.exp(rng.normal(size=len(v))), rng.permutation(len(v))
    network = Network(
        [(np.array(W) * scale[:, None])[order], (np.array(v) / scale)[None, order]],
        [(np.array(b) * scale)[order], [0.5]],
    )
    X = points(d)
    # Terms that cancel leave rounding, and no range that a tolerance could be a share of.
    assume(not 0 < np.ptp(network(X)) < 1e-9)
    program = decompile(network, tolerance=1e-6)
    assert program.formula is not None, program
    assert program.certificate.upper <= 1e-9
    assert np.abs(program.formula[0](X) - network(X)[:, 0]).max() < 1e-9


# --- trained networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "hidden"), [("minimum", 6), ("clip", 8), ("sort-2", 8), ("sum-of-3", 4)])
def test_trained_networks_are_their_tasks(name: str, hidden: int) -> None:
    from mathcircuits.models import train

    task = tasks[name]
    runs = train(name, hidden=hidden, seeds=range(30))
    solved = [run for run, loss in zip(runs, runs.losses, strict=True) if loss < 1e-8]
    assert len(solved) >= 3
    good = 0
    for run in solved:
        program = decompile(run)
        good += same(program, task.formula, task.arity) and program.certificate.upper <= 5e-3
    assert good >= 0.95 * len(solved)


# --- constants that are no small fractions ----------------------------------------------------------------


@pytest.mark.parametrize("slope", ["2.54", "9.81", "0.3", "137.5", "0.00123"])
def test_a_short_decimal_is_a_finding(slope: str) -> None:
    v = float(slope)
    program = decompile(Network([[[1.0], [-1.0]], [[v, v]]]), tolerance=1e-3)
    assert program.text == f"{slope} * abs(x1)"
    assert program.constants in ("exact", "decimal")
    assert program.certificate.upper <= 1e-9 * v


def test_a_leaky_relu_written_out_is_one() -> None:
    program = decompile(Network([[[1.0], [-1.0]], [[1.0, -0.1]]]))
    assert program.text == "max(x1, 0.1 * x1)"


def test_two_tax_brackets() -> None:
    """No tax to 11.2, 19% to 48.7, 42% beyond: three straight pieces with kinks at decimals."""
    network = Network([[[1.0], [1.0]], [[0.19, 0.23]]], [[-11.2, -48.7], None])
    program = decompile(network, box=(0, 100))
    assert same(program, [Formula("0.19 * relu(x1 - 11.2) + 0.23 * relu(x1 - 48.7)")], 1, 100.0)
    assert program.constants == "decimal"
    assert program.certificate.upper <= 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_one_kink_in_place_of_64_neurons_is_a_finding(seed: int) -> None:
    """Neurons that agree to a percent on a kink, their sizes arbitrary: the structure is found, its numbers fitted."""
    rng = np.random.default_rng(seed)
    sides, sizes = rng.choice([-1.0, 1.0], 64), rng.uniform(0.1, 1.0, 64)
    sizes *= np.where(sides > 0, 26.8 / sizes[sides > 0].sum(), 26.8 / sizes[sides < 0].sum())
    network = Network([sides[:, None], sizes[None]], [sides * rng.normal(0, 0.05, 64), None])
    program = decompile(network, box=(-100, 100))
    assert program.formula is not None
    assert program.constants in ("exact", "decimal", "fitted")
    atoms = program.text.count("abs") + program.text.count("relu") + program.text.count("max")
    assert atoms == 1
    assert program.certificate.upper <= program.tolerance == pytest.approx(5e-3 * 2680, rel=0.05)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
def test_the_size_of_the_output_does_not_matter(scale: float) -> None:
    weights = [[[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [[-scale, scale, -scale]]]
    program = decompile(Network(weights))
    assert program.formula is not None
    X = points(2)
    off = np.abs(program.formula[0](X) - scale * X.min(axis=1)).max()
    assert off <= 0.01 * scale
    assert "min" in program.text


def test_a_small_output_beside_a_large_one_has_its_own_tolerance() -> None:
    network = Network([[[1.0], [-1.0]], [[0.001, 0.001], [100.0, 100.0]]])
    assert decompile(network).text == "0.001 * abs(x1); 100 * abs(x1)"


def test_a_rare_bump_is_not_explained_by_nothing() -> None:
    """relu(x1 + x2 + x3 + x4 - 3.4) is 0 but in a corner: a tolerance of its range allows 0, its variance does not."""
    network = Network([[[1.0, 1.0, 1.0, 1.0]], [[1.0]]], [[-3.9], None])
    program = decompile(network, tolerance=1.0, absolute=True)
    assert program.text != "0" or program.formula is None


@pytest.mark.parametrize("value", [np.pi, 1 / 3, 1e6 / 7, -1e-5])
def test_a_constant_network_is_its_constant(value: float) -> None:
    """The sample's values differ by rounding alone, which is no variance that a formula leaves."""
    program = decompile(Network([[[0.0, 0.0]], [[0.1]]], [[1.0], [value - 0.1]]))
    assert program.formula is not None
    assert program.certificate.upper <= 5e-3 * abs(value)


def test_the_nearest_is_never_worse_than_a_constant() -> None:
    rng = np.random.default_rng(2)
    network = Network(
        [rng.normal(size=(6, 2)), rng.normal(size=(6, 6)) / 2, rng.normal(size=(1, 6))],
        [rng.normal(size=6), rng.normal(size=6), None],
        "tanh",
    )
    program = decompile(network)
    values = network(points(2))
    assert program.formula is None
    assert program.certificate.upper <= 1.05 * float(np.ptp(values)) / 2
    errors = [point.error for point in program.front]
    assert program.certificate.upper == min(errors)


def test_a_smooth_network_that_is_a_feature_has_its_formula() -> None:
    """A narrow tanh network that is nearly linear is a line; one of gelus that makes a square is a square."""
    line = decompile(Network([[[0.01, -0.02]], [[50.0]]], activation="tanh"))
    assert line.text == "0.5 * x1 - x2"
    # gelu(z) + gelu(-z) = z erf(z / sqrt 2), which is sqrt(2 / pi) z^2 for small z
    z = 0.05
    square = decompile(
        Network([[[z], [-z]], [[1 / (z * z), 1 / (z * z)]]], activation="gelu"), tolerance=1e-3
    )
    assert "x1**2" in square.text
    assert square.constants == "fitted" or square.formula is None


# --- networks of something else ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "d", "width"),
    [
        (lambda X: X[:, 0] * X[:, 1], 2, 48),
        (lambda X: X[:, 0] ** 2, 1, 24),
        (lambda X: np.tanh(2 * X[:, 0]), 1, 24),
        (lambda X: np.tanh(X[:, 0] - X[:, 1]), 2, 32),
    ],
    ids=["product", "square", "tanh", "tanh of a difference"],
)
@pytest.mark.parametrize("tolerance", [5e-3, 1e-3])
def test_another_function_has_no_formula(
    function: Callable[[Array], Array], d: int, width: int, tolerance: float
) -> None:
    network = random_features(function, d, width)
    program = decompile(network, tolerance=tolerance)
    assert program.formula is None
    assert program.expression is None
    assert "no formula" in repr(program)
    assert "no formula" in program._repr_html_()
    assert program.reason
    # The best is given with its certified error, which samples agree with.
    X = points(d)
    off = float(np.abs(program.best_formula[0](X) - network(X)[:, 0]).max())
    assert off <= program.certificate.upper
    assert isinstance(program.best, sympy.Expr)
    assert program.python.startswith("# No formula: ")


def test_a_trained_square_has_no_formula_at_a_tight_tolerance() -> None:
    from mathcircuits.models import train

    square = Task("square of x1", 1, formula=(Formula("x1**2"),))
    runs = train(square, hidden=16, seeds=range(4), bias=True)
    for run in runs:
        program = decompile(run, tolerance=1e-4)
        assert program.formula is None


def test_random_constants_are_no_formula() -> None:
    """Weights drawn at random snap to fractions too, within 5e-3, but to none that says anything."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(40):
        network = Network(
            [rng.uniform(-1, 1, (2, 2)), rng.uniform(-1, 1, (1, 2))], [rng.uniform(-1, 1, 2), None]
        )
        found += decompile(network).formula is not None
    assert found <= 2


def test_a_registered_smooth_task_is_no_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task("product for this test", 2, formula=(Formula("x1 * x2"),))
    monkeypatch.setitem(tasks._held(), task.name, task)
    network = random_features(lambda X: X[:, 0] * X[:, 1], 2, 64)
    program = decompile(network, tolerance=0.2)
    assert "x1 * x2" not in program.text


@pytest.mark.parametrize("activation", ["tanh", "gelu", "gelu_tanh"])
def test_smooth_activations_have_no_formula(activation: str) -> None:
    network = Network([[[1.0, -1.0], [0.5, 0.25]], [[0.5, -1.0]]], [[0.1, 0.2], None], activation)
    program = decompile(network, time_limit=1.0)
    assert program.formula is None
    assert f"its activation {activation} is smooth" in program.reason
    assert program.certificate.lower <= program.certificate.upper


def test_a_leaky_network_has_one() -> None:
    # leaky(x) - leaky(-x) = 1.25 x and leaky(x) + leaky(-x) = 0.75 |x| at slope 1/4
    network = Network([[[1.0], [-1.0]], [[2.0, 2.0]]], activation="leaky_relu(0.25)")
    assert decompile(network).text == "3 * abs(x1) / 2"


# --- tolerance, boxes, degenerate networks ----------------------------------------------------------------


def test_the_tolerance_decides() -> None:
    """x1 - 0.97 relu(x1 - x2) is min(x1, x2) to 0.06 exactly (at x1 = 1, x2 = -1)."""
    network = Network([[[1, -1], [1, 0], [-1, 0]], [[-0.97, 1, -1]]])
    rough, fine = (decompile(network, tolerance=t, absolute=True) for t in (0.1, 0.05))
    assert rough.text == "min(x1, x2)"
    assert rough.certificate.upper == pytest.approx(0.06, abs=1e-9)
    assert fine.text != "min(x1, x2)"
    assert fine.formula is None or fine.certificate.upper <= 0.05


def test_never_snapped_past_the_tolerance() -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        W = rng.choice([-1.0, 0.0, 1.0], size=(3, 2)) + rng.normal(0, 0.01, (3, 2))
        network = Network([W, rng.choice([-1.0, 1.0], size=(1, 3))])
        program = decompile(network, tolerance=0.05)
        if program.formula is not None:
            assert program.certificate.upper <= 0.05
            assert certify(network, program.formula).upper <= 0.05


@pytest.mark.parametrize(
    ("box", "text"),
    [((-1.0, 1.0), "relu(x1)"), ((0.0, 1.0), "x1"), ((-1.0, -0.5), "0"), ((-3.0, 40.0), "relu(x1)")],
)
def test_the_box_decides(box: tuple[float, float], text: str) -> None:
    program = decompile(Network([[[2.0]], [[0.5]]]), box=box)
    assert program.text == text
    assert program.certificate.box == (box,)


def test_one_pair_per_input() -> None:
    # x2 >= x1 all over this box
    program = decompile(hand_derived("minimum"), box=[(-1, 0), (0, 1)])
    assert program.text == "x1"


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (Network([[[0.0]]]), "0"),
        (Network([[[0.0]]], [[-0.75]]), "-0.75"),
        (Network([[[0.0, 0.0]], [[1.0]]], [[2.0], [0.25]]), "2.25"),
        (Network([[[1.0]], [[0.0]]]), "0"),
        (Network([[[1.0, 2.0]], [[1.0]]], activation="identity"), "x1 + 2 * x2"),
        (Network([[[1.0]], [[1.0], [-1.0]]]), "relu(x1); -relu(x1)"),
    ],
)
def test_degenerate_networks(network: Network, text: str) -> None:
    program = decompile(network)
    assert program.text == text
    assert program.certificate.upper <= 1e-9


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan"), float("inf")])
def test_a_tolerance_is_positive(tolerance: float) -> None:
    with pytest.raises(InputError, match=r"tolerance .*: give a positive share of the output's range"):
        decompile(hand_derived("relu"), tolerance=tolerance)
    with pytest.raises(InputError, match=r"tolerance .*: give a positive number of the output's units"):
        decompile(hand_derived("relu"), tolerance=tolerance, absolute=True)


@pytest.mark.parametrize("limit", [0.0, float("nan")])
def test_a_time_limit_is_positive(limit: float) -> None:
    with pytest.raises(InputError, match=r"time_limit .*: give a positive number of seconds"):
        decompile(hand_derived("relu"), time_limit=limit)


def test_values_that_overflow() -> None:
    with pytest.raises(InputError, match="too large for floats: give a smaller box"):
        decompile(Network([[[1e200]], [[1e200]]]))


def test_the_time_limit_ends_the_search() -> None:
    rng = np.random.default_rng(0)
    sizes = (4, 12, 12, 1)
    network = Network([rng.normal(size=(b, a)) / np.sqrt(a) for a, b in pairwise(sizes)])
    program = decompile(network, time_limit=1e-3)
    assert program.formula is None
    assert program.certificate.lower <= program.certificate.upper


# --- the record -------------------------------------------------------------------------------------------


def test_front_is_simplest_first_and_ever_closer() -> None:
    network = hand_derived("x1-plus-abs-x2")
    program = decompile(network)
    front = program.front
    assert [point.text for point in front] == ["x1", "x1 + abs(x2)"]
    assert all(a.complexity < b.complexity and a.error > b.error for a, b in pairwise(front))
    for point in front:
        assert certify(network, point.text).upper == pytest.approx(point.error)


def test_the_closest_are_the_end_of_the_front_and_cost_fewer_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    network = Network([rng.normal(size=(9, 2)), rng.normal(size=(1, 9))], [rng.normal(size=9), None])
    front = decompile(network).front
    assert len(front) > 4
    proved: list[str] = []

    def counted(*given: Any, **options: Any) -> Any:
        proved.append(given[1][0].text)
        return certify(*given, **options)

    monkeypatch.setattr("mathcircuits.detect.programs.program.certify", counted)
    for count in (0, 1, 2, 3, len(front), len(front) + 5):
        assert decompile(network).closest(count) == front[max(len(front) - count, 0) :]
    proved.clear()
    decompile(network).closest(2)
    assert proved == [front[-2].text]  # the closest was proved in the search for a formula


def test_expression_is_sympy() -> None:
    x1, x2 = sympy.symbols("x1 x2", real=True)
    program = decompile(hand_derived("sort-2"))
    assert program.expression == sympy.Tuple(sympy.Min(x1, x2), sympy.Max(x1, x2))
    assert program.best == program.expression


@pytest.mark.parametrize("name", SHALLOW)
def test_python_source_runs(name: str) -> None:
    program = decompile(hand_derived(str(tasks[name].derived)))
    scope: dict[str, Any] = {}
    exec(program.python, scope)
    X = tasks[name].sample(20)
    found = np.array([scope["f"](*row) for row in X.tolist()]).reshape(len(X), -1)
    np.testing.assert_allclose(found, tasks[name](X), atol=1e-12)


def test_record_as_dict_and_pickle() -> None:
    program = decompile(hand_derived("minimum"))
    record = json.loads(json.dumps(program.to_dict()))
    assert record["formula"] == ["min(x1, x2)"]
    assert record["raw_bits"] == 32 * 9
    assert record["certificate"]["upper"] <= 1e-9
    assert record["front"][-1]["text"] == "min(x1, x2)"
    assert pickle.loads(pickle.dumps(program)).text == program.text
    assert "min(x1, x2)" in program._repr_html_()
