"""Prediction: rules and features know no order of neurons; planted fates; what trains is what was predicted."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect import (
    Architecture,
    Formula,
    InputError,
    Network,
    SuccessModel,
    Symmetry,
    Task,
    closed_rule,
    initial_features,
    tasks,
)
from mathcircuits.detect.learning.success_model import LISTED
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack

Array = npt.NDArray[np.float64]


def stack_of(task: str, width: int, n: int = 200, seed: int = 0) -> Stack:
    """Untrained bias-free networks."""
    shape = Architecture((tasks[task].arity, width, 1), ("relu",), (False, False))
    return untrained(shape, n, "uniform", np.random.default_rng(seed))


def changed(stack: Stack, W: Array, V: Array) -> Stack:
    """The stack with other weights."""
    return Stack(stack.architecture, (W, V), stack.biases)


def net(W: list[list[float]], v: list[float]) -> Network:
    """A bias-free network with one hidden layer."""
    return Network(weights=[W, [v]])


# Features


@pytest.mark.parametrize("task", ["identity", "absolute", "subtraction", "absolute-difference", "minimum"])
@pytest.mark.parametrize("width", [1, 3, LISTED + 1])
def test_features_know_neither_order_nor_symmetry(task: str, width: int) -> None:
    stack = stack_of(task, width, n=12)
    W, V = stack.weights
    table = initial_features(stack, task)
    order = np.random.default_rng(1).permutation(width)
    orders = initial_features(changed(stack, W[:, order], V[:, :, order]), task)
    assert np.allclose(orders, table, rtol=1e-7, atol=1e-9, equal_nan=True)
    for symmetry in tasks[task].symmetries:
        turned = symmetry(W.reshape(-1, W.shape[2])).reshape(W.shape)
        again = initial_features(changed(stack, turned, V), task)
        assert np.allclose(again, table, rtol=1e-6, atol=1e-8, equal_nan=True)
    assert table.columns.is_unique
    listed = min(width, LISTED)
    assert table.shape == (12, 15 * listed + 8 * listed * (listed - 1) // 2 + 2)


def test_another_symmetry_is_seen() -> None:
    # x1 - x2 does change when its inputs are exchanged: the test above can fail
    stack = stack_of("subtraction", 2, n=12)
    W, V = stack.weights
    swapped = initial_features(changed(stack, W[:, :, ::-1], V), "subtraction")
    assert not np.allclose(swapped, initial_features(stack, "subtraction"), atol=1e-3, equal_nan=True)


def test_features_by_hand() -> None:
    # x on (-1, 1): everywhere the pull is along 1, so that growth is w + v
    table = initial_features([net([[0.5], [-0.25]], [0.3, -0.4])], "identity").iloc[0]
    expected = {
        "growth 0": 0.8,
        "growth 1": -0.65,
        "decay 0": 0.2,
        "decay 1": 0.15,
        "across 0": 0.0,
        "aim 0": 1.0,
        "aim 1": -1.0,
        "out 0": 0.3,
        "size 1": 0.25,
        "lock 1": 0.16 - 0.0625,
        "product 0": 0.15,
        "overlap 0,1": 0.0,
        "angle 0,1": -1.0,
        "pulls 0,1": 1.0,
        "cross 1,0": -1.0,
        "race 0,1": math.log(0.8 / 0.65),
    }
    for name, value in expected.items():
        assert table[name] == pytest.approx(value, abs=1e-9), name
    # f = 0.15 x right of 0 and 0.1 x left of it; the best read-out leaves nothing
    assert table["loss"] == pytest.approx((0.85**2 + 0.9**2) / 6, rel=0.02)
    assert table["read_out"] == pytest.approx(0, abs=1e-9)


def test_the_pull_knows_the_closed_rules() -> None:
    # growth is what the rules are made of: w.s + v for sums, |w| + v for |x|
    s = np.array([1.0, 1.0]) / math.sqrt(2)
    stack = stack_of("addition", 2, n=30)
    W, V = stack.weights
    found = initial_features(stack, "addition", points=4096)[["growth 0", "growth 1"]].to_numpy()
    assert np.allclose(found, -np.sort(-(W @ s + V[:, 0]), axis=1), atol=0.01)
    stack = stack_of("absolute", 2, n=30)
    W, V = stack.weights
    found = initial_features(stack, "absolute")[["growth 0", "growth 1"]].to_numpy()
    assert np.allclose(found, -np.sort(-(np.abs(W[:, :, 0]) + V[:, 0]), axis=1), atol=1e-9)


def test_a_neuron_that_is_never_active_has_no_direction() -> None:
    dead = Network(weights=[[[0.1], [0.5]], [[0.3, 0.2]]], biases=[[-1.0, 0.1], [0.2]])
    table = initial_features([dead], "absolute").iloc[0]
    assert math.isnan(table["growth 1"])
    assert math.isnan(table["overlap 0,1"])
    assert table["growth 0"] > 0
    assert table["read_out"] <= table["loss"]


def test_biases_count() -> None:
    # y = |x|, w = 0, b = 1: the pull is E[|x| (x, 1)] = (0, 1/2), of which w and b are the whole
    flat = Network(weights=[[[0.0]], [[0.3]]], biases=[[1.0], [0.0]])
    table = initial_features([flat], "absolute", points=2**12).iloc[0]
    assert table["pull 0"] == pytest.approx(0.5, abs=1e-3)
    assert table["aim 0"] == pytest.approx(1.0, abs=1e-3)
    # a constant read off with a bias: what is left is the variance of |x|, 1/12
    assert table["read_out"] == pytest.approx(1 / 12, abs=1e-3)
    without = Network(weights=[[[0.0]], [[0.3]]], biases=[[1.0], None])
    table = initial_features([without], "absolute", points=2**12).iloc[0]
    assert table["read_out"] == pytest.approx(1 / 12, abs=1e-3)


# The learned model


def planted(n: int, seed: int) -> tuple[Stack, npt.NDArray[np.bool_]]:
    """Networks of the minimum's shape, and a fate that depends on neurons in pairs."""
    stack = stack_of("minimum", 3, n=n, seed=seed)
    v = stack.weights[1][:, 0]
    return stack, np.asarray((np.sort(v, axis=1)[:, 1] > 0) ^ (np.abs(v).max(axis=1) > 0.45))


def test_a_planted_fate_is_learned() -> None:
    model = SuccessModel.fit(*planted(1500, 0), "minimum")
    found = model.score(*planted(500, 1))
    assert found.majority.value < 0.7
    assert found.accuracy.value > 0.85
    assert found.auc is not None
    assert found.auc > 0.9
    probability = model.predict_proba(planted(500, 1)[0])
    assert (model.predict(planted(500, 1)[0]) == (probability > 0.5)).all()


def test_chance_is_not_learned() -> None:
    stack, _ = planted(1000, 0)
    tossed = np.random.default_rng(0).random(1000) < 0.5
    found = SuccessModel.fit(stack[:600], tossed[:600], "minimum").score(stack[600:], tossed[600:])
    # 400 tosses: five standard deviations are 0.125
    assert 0.375 < found.accuracy.value < 0.625


def test_a_model_is_fixed_by_its_seed() -> None:
    stack, solved = planted(300, 0)
    one, same, other = (SuccessModel.fit(stack, solved, "min", seed=seed) for seed in (3, 3, 4))
    probability = one.predict_proba(stack)
    assert (probability == same.predict_proba(stack)).all()
    assert (probability != other.predict_proba(stack)).any()
    assert repr(one) == "SuccessModel(minimum, 2-3-1, relu, no bias, 300 networks)"


@pytest.mark.parametrize("ended", [True, False])
def test_where_all_ended_alike_that_is_the_answer(ended: bool) -> None:
    stack, _ = planted(30, 0)
    model = SuccessModel.fit(stack, np.full(30, ended), "minimum")
    assert (model.predict_proba(stack) == float(ended)).all()
    found = model.score(stack, np.full(30, ended))
    assert (found.accuracy.value, found.auc) == (1.0, None)


def test_a_task_of_ones_own() -> None:
    mine = Task("mine", 2, (Formula("x1 + x2"),), symmetries=(Symmetry.parse(["x2", "x1"]),))
    assert closed_rule(mine) is None
    stack = stack_of("addition", 2, n=5)
    assert initial_features(stack, mine).equals(initial_features(stack, "addition"))


def test_errors_of_models() -> None:
    stack, solved = planted(40, 0)
    model = SuccessModel.fit(stack, solved, "minimum")
    with pytest.raises(InputError, match=r"the model has learned from .*2-3-1.*; fit one for each shape"):
        model.predict_proba(stack_of("minimum", 4, n=2))
    with pytest.raises(InputError, match="one True or False per network, such as losses < 1e-4"):
        SuccessModel.fit(stack, solved.astype(float), "minimum")
    with pytest.raises(InputError, match=r"shape \(39,\) for 40 networks"):
        model.score(stack, solved[1:])
    with pytest.raises(InputError, match="does not fit task 'identity', 1 -> 1"):
        initial_features(stack, "identity")
    with pytest.raises(InputError, match="does not fit task 'sort-2', 2 -> 2"):
        initial_features(stack, "sort-2")
    deep = Network(weights=[[[0.5, 0.5]], [[0.5]], [[0.5]]])
    with pytest.raises(
        InputError, match="prediction reads networks with one hidden relu layer and one output"
    ):
        initial_features([deep], "minimum")


@pytest.mark.parametrize("points", [0, -1, 2.5, True, "many"])
def test_points_are_a_whole_number_from_one(points: object) -> None:
    with pytest.raises(InputError, match=r"points=.*: give a whole number from 1, such as 256"):
        initial_features([Network([[[1.0]], [[1.0]]])], "identity", points=points)  # type: ignore[arg-type]
