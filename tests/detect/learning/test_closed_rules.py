"""Closed rules: they know no order of neurons, and their fates by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect import (
    Architecture,
    InputError,
    Network,
    PredictionScore,
    UnknownTask,
    closed_rule,
    score_predictions,
    tasks,
)
from mathcircuits.detect.learning.closed_rules import RACE, served
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack

Array = npt.NDArray[np.float64]
RULED = ("absolute", "identity", "negation", "addition", "subtraction", "absolute-difference")
BOTH = [(name, refined) for name in RULED for refined in (False, True)]


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


def predicts(task: str, network: Network, *, refined: bool = False) -> bool:
    """What the rule says of one network."""
    rule = closed_rule(task, refined=refined)
    assert rule is not None
    return bool(rule.predict([network])[0])


# Axioms


@pytest.mark.parametrize(("task", "refined"), BOTH)
@pytest.mark.parametrize("width", [2, 4])
def test_a_rule_knows_no_order_of_neurons(task: str, refined: bool, width: int) -> None:
    rule, stack = closed_rule(task, refined=refined), stack_of(task, width)
    assert rule is not None
    W, V = stack.weights
    V = 2 * V  # so that many neurons are locked
    stack = changed(stack, W, V)
    order = np.random.default_rng(0).permutation(width)
    found = rule.predict(stack)
    assert 0 < found.sum() < len(found)
    assert (rule.predict(changed(stack, W[:, order], V[:, :, order])) == found).all()


@pytest.mark.parametrize(("task", "refined"), BOTH)
def test_a_rule_knows_the_symmetries_of_its_task(task: str, refined: bool) -> None:
    rule, stack = closed_rule(task, refined=refined), stack_of(task, 3)
    assert rule is not None
    W, V = stack.weights
    for symmetry in tasks[task].symmetries:
        # signed permutations are orthogonal: acting on rows of W acts on the inputs
        turned = symmetry(W.reshape(-1, W.shape[2])).reshape(W.shape)
        assert (rule.predict(changed(stack, turned, V)) == rule.predict(stack)).all()


@pytest.mark.parametrize("task", RULED)
def test_a_plain_rule_knows_no_common_scale_but_knows_the_balance(task: str) -> None:
    rule, stack = closed_rule(task), stack_of(task, 2)
    assert rule is not None
    W, V = stack.weights
    found = rule.predict(stack)
    # gradient flow near zero is the same at any scale of all weights together ...
    assert (rule.predict(changed(stack, 0.01 * W, 0.01 * V)) == found).all()
    # ... but moving scale from W to v, which leaves the function, takes the locks with it
    assert (rule.predict(changed(stack, 0.1 * W, 10 * V)) != found).any()


def test_the_race_depends_on_the_scale() -> None:
    # near zero there is ample time for everybody to cross
    rule, stack = closed_rule("identity", refined=True), stack_of("identity", 2)
    plain = closed_rule("identity")
    assert rule is not None
    assert plain is not None
    W, V = stack.weights
    small = changed(stack, 1e-6 * W, 1e-6 * V)
    assert (rule.predict(small) == plain.predict(small)).all()
    assert (rule.predict(stack) != plain.predict(stack)).any()


@pytest.mark.parametrize("task", RULED)
def test_negation_is_identity_with_the_read_out_turned(task: str) -> None:
    turned = {"identity": "negation", "negation": "identity"}.get(task)
    if turned is None:
        # x1 - x2 is x1 + x2 with x2 turned
        turned = {"addition": "subtraction", "subtraction": "addition"}.get(task, task)
        signs = np.array([1.0, -1.0]) if turned != task else np.ones(tasks[task].arity)
        flip = 1.0
    else:
        signs, flip = np.ones(1), -1.0
    stack = stack_of(task, 3)
    W, V = stack.weights
    for refined in (False, True):
        one, other = closed_rule(task, refined=refined), closed_rule(turned, refined=refined)
        assert one is not None
        assert other is not None
        assert (one.predict(stack) == other.predict(changed(stack, W * signs, V * flip))).all()


# Planted fates, each by hand


@pytest.mark.parametrize(
    ("w", "v", "succeeds"),
    [
        ((0.5, -0.5), (0.3, 0.3), True),  # both as wanted
        ((0.5, -0.5), (0.3, -0.4), True),  # v may change its sign: |w| > |v|
        ((0.5, -0.5), (0.3, -0.6), False),  # locked below 0
        ((0.5, 0.6), (0.3, 0.3), False),  # nobody left of 0
        ((0.5, -0.4), (-0.6, 0.3), False),
    ],
)
def test_absolute(w: tuple[float, float], v: tuple[float, float], succeeds: bool) -> None:
    network = net([[w[0]], [w[1]]], list(v))
    for refined in (False, True):
        assert predicts("absolute", network, refined=refined) is succeeds
    more = net([[w[0]], [w[1]], [-0.1]], [*v, 0.2])
    assert predicts("absolute", more) is (succeeds or (w[0] > 0 and v[0] > -w[0]))


def test_identity_asks_for_both_signs() -> None:
    assert predicts("identity", net([[0.5], [-0.5]], [0.3, -0.3]))
    assert predicts("identity", net([[0.5], [-0.5]], [-0.3, 0.3]))  # each |w| > |v|: v turns
    assert not predicts("identity", net([[0.5], [-0.5]], [0.3, 0.6]))  # 0.8 and 0.1
    assert predicts("negation", net([[0.5], [-0.5]], [-0.3, 0.3]))


def test_who_crosses_in_time_crosses() -> None:
    # On the right: A with z = 1.1, y = 0.1; B with w = 0.5 and v = -0.9 has z = -0.4, y = 1.4, and crosses at E = 3.5.
    # P = 1.21 + 0.16, Q = 0.01 + 1.96: the side is fitted at E = (2 + sqrt(4 + 2.6989)) / 1.37 = 3.35, before that.
    late = (2 + math.sqrt(4 + 1.37 * 1.97)) / 1.37
    assert 3.3 < late < 3.5
    assert not predicts("identity", net([[0.6], [0.5]], [0.5, -0.9]), refined=True)
    # with z = -0.5, y = 1.5 it crosses at 3, where P = 1.46, Q = 2.26 give 3.0 < (2 + 2.70) / 1.46 = 3.22
    assert predicts("identity", net([[0.6], [0.5]], [0.5, -1.0]), refined=True)
    for v in (-0.9, -1.0):
        assert predicts("identity", net([[0.6], [0.5]], [0.5, v]))


def test_a_lone_neuron_always_crosses() -> None:
    # nobody else fits its side: sqrt(4 + z^2 y^2) > |z y|
    w, v = np.array([[0.9, -0.9]]), np.array([[-1.0, 1.0]])
    assert served(w, v).tolist() == [True]
    assert served(w[:, :1], v[:, :1]).tolist() == [False]  # it leaves nobody behind


def test_sums_ask_for_both_kinds_or_a_slow_one() -> None:
    s, across = np.array([1.0, 1.0]) / math.sqrt(2), np.array([1.0, -1.0]) / math.sqrt(2)
    fast = (0.5 * s).tolist()
    assert predicts("addition", net([fast, (-0.2 * s).tolist()], [0.5, -0.2]))
    for slowness, turns in ((RACE * 1.01, True), (RACE * 0.99, False)):
        # z = 1 for the fast one and 0.2 for the slow one: its part across s is slowness * 0.2
        slow = (0.1 * s + 0.2 * slowness * across).tolist()
        network = net([fast, slow], [0.5, 0.1])
        assert not predicts("addition", network)
        assert predicts("addition", network, refined=True) is turns
    assert not predicts("addition", net([fast], [0.5]), refined=True)


def test_absolute_difference_asks_for_two() -> None:
    assert predicts("absolute-difference", net([[0.5, 0.1], [0.4, 0.2]], [0.3, -0.4]))
    locked = net([[0.5, 0.1], [0.4, 0.2]], [0.3, -0.5])
    assert not predicts("absolute-difference", locked)
    assert predicts("absolute-difference", net([[0.5, 0.1], [0.4, 0.2], [0, 0.1]], [0.3, -0.5, 0.1]))


def test_scores_by_hand() -> None:
    found = score_predictions([0.9, 0.4, 0.6, 0.1, 0.6], [True, True, False, False, False])
    assert isinstance(found, PredictionScore)
    assert (found.accuracy.found, found.majority.found, found.solved.found, found.n) == (2, 3, 2, 5)
    assert found.predicted == pytest.approx(0.52)
    # pairs (0.9, *) won: 3; (0.4, 0.1) won: 1 of 3
    assert found.auc == pytest.approx(4 / 6)
    tied = score_predictions([1.0, 1.0], [True, False])
    assert tied.auc == 0.5


# What cannot be used


@pytest.mark.parametrize("task", ["minimum", "maximum", "median-of-3", "clip"])
def test_some_tasks_have_no_rule(task: str) -> None:
    assert closed_rule(task) is None
    assert closed_rule(task, refined=True) is None


def test_errors_of_rules() -> None:
    rule = closed_rule("addition")
    assert rule is not None
    with pytest.raises(UnknownTask, match="no task named 'additoin'"):
        closed_rule("additoin")
    with pytest.raises(InputError, match=r"the rule for 'addition' is for 2 inputs and one output"):
        rule.predict([net([[0.5]], [0.5])])
    for bad in (
        Network(weights=[[[0.5, 0.5]], [[0.5]]], biases=[[0.1], None]),
        Network(weights=[[[0.5, 0.5]], [[0.5]]], activation="tanh"),
        Network(weights=[[[0.5, 0.5]], [[0.5]], [[0.5]]]),
    ):
        with pytest.raises(
            InputError, match="the closed rules are for bias-free relu networks with one hidden"
        ):
            rule.predict([bad])
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        rule.predict(net([[0.5, 0.5]], [0.5]))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no networks to stack"):
        rule.predict([])
    sizes = [net([[0.5, 0.5]], [0.5]), net([[0.5, 0.5]] * 2, [0.5, 0.5])]
    with pytest.raises(InputError, match="read each shape alone"):
        rule.predict(sizes)


@pytest.mark.parametrize("probability", [[1.5, 0.5], [math.nan, 0.5], [[0.5, 0.5]]])
def test_errors_of_scores(probability: list[float]) -> None:
    with pytest.raises(InputError, match=r"give one|one True or False per network"):
        score_predictions(probability, [True, False])
    with pytest.raises(InputError, match="for 0 networks"):
        score_predictions([], np.zeros(0, bool))


def test_rules_say_what_they_ask() -> None:
    texts = []
    for task, refined in itertools.product(RULED, (False, True)):
        rule = closed_rule(task, refined=refined)
        assert rule is not None
        assert rule == closed_rule(task, refined=refined)
        assert rule.inputs == tasks[task].arity
        assert repr(rule) == f"Rule({task!r}, {rule.text!r})"
        texts.append(rule.text)
    assert len(set(texts)) == 10  # |x| and |x1 - x2| have one form
    assert f"{RACE:g}" in texts[7]
