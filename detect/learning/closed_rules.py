"""Closed rules: which initial weights of a small bias-free network lead training to the solution.

Under gradient descent a neuron `v relu(w.x)` keeps `v^2 - |w|^2` (but for the size of the steps). Its sign of v can
change only where `|w| > |v|`, its side (the sign of w.x) only where `|v| > |w|`. As long as little is fitted, w and v
pull each other along: with s the unit vector towards which the target pulls w, `z = w.s + v` grows and `y = w.s - v`
shrinks, both at one rate, so that the sign of z says what a neuron will become: a carrier of `s.x` where it is
positive, of `-s.x` where it is negative. The rules count what the task needs of either kind.

They were measured under plain minibatch descent (learning rate 0.1, batches of about 1000 fresh inputs, success at a
mean squared error below 1e-4; docs/results/measurements.md, Predicting success from the initial weights, and
`mathcircuits.reports.benchmark.regimens.prediction`). Adaptive steps keep no such balance, and under Adam
the rules are soft.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.task import Task, as_task
from ..networks.checks import several
from ..networks.network import HasNetwork, Network, as_network
from ..networks.stacks import Stack
from ..statistics.verdicts import Prevalence, prevalence

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: Of two neurons of one kind the slower turns round if, when the faster has fitted its half, its part across s is
#: this many times its part along s (in units in which the faster one's z is 1). Fitted to addition and subtraction
#: on seeds 10000 to 15499, 500 steps, where everything from 2.0 to 2.5 is within 0.001 of the best accuracy, 0.967.
#: The faster ends at z = 2 * 2^(1/4), so that the slower points 62 degrees off s or more.
RACE = 2.2


@dataclass(frozen=True)
class PredictionScore:
    """How well predictions agree with what happened, beside the baseline that needs no weights.

    Attributes:
        accuracy: the share of networks predicted rightly.
        majority: what always saying the more frequent outcome of these same networks would reach.
        solved: the share that succeeded.
        predicted: the mean predicted probability of success (of yes, where predictions are yes or no).
        auc: the chance that a network that succeeded was given the higher probability than one that failed, ties
            counting half; None where all ended alike.

    Examples:
        >>> score = score_predictions([0.9, 0.2, 0.6, 0.1], [True, False, False, False])
        >>> score.accuracy.value, score.solved.value, score.auc, score.n
        (0.75, 0.25, 1.0, 4)
    """

    accuracy: Prevalence
    majority: Prevalence
    solved: Prevalence
    predicted: float
    auc: float | None

    @property
    def n(self) -> int:
        """The number of networks."""
        return self.accuracy.n

    def __repr__(self) -> str:
        a, auc = self.accuracy, "" if self.auc is None else f", AUC {self.auc:.3f}"
        return (
            f"PredictionScore(accuracy {a.value:.3f} [{a.low:.3f}, {a.high:.3f}], majority "
            f"{self.majority.value:.3f}{auc}, {self.n} networks)"
        )


def score_predictions(probability: npt.ArrayLike, solved: npt.ArrayLike) -> PredictionScore:
    """Predictions beside outcomes.

    Args:
        probability: of success, [net], or yes and no; above one half counts as yes.
        solved: whether each network succeeded, [net], booleans.

    Raises:
        InputError: for no networks, lengths that differ, outcomes that are no booleans, or a probability that is
            none.

    Examples:
        >>> score_predictions([0.9, 0.2, 0.6, 0.1], [True, False, False, False])
        PredictionScore(accuracy 0.750 [0.194, 0.994], majority 0.750, AUC 1.000, 4 networks)
    """
    p = np.asarray(probability, np.float64)
    y = check_solved(solved, len(p) if p.ndim else 0)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise InputError(f"probabilities of shape {p.shape}: give one per network, each from 0 to 1")
    won = int(y.sum())
    auc = None
    if 0 < won < len(y):
        from scipy.stats import rankdata

        ranks = rankdata(p)
        auc = float((ranks[y].sum() - won * (won + 1) / 2) / (won * (len(y) - won)))
    return PredictionScore(
        prevalence(int(((p > 0.5) == y).sum()), len(y)),
        prevalence(max(won, len(y) - won), len(y)),
        prevalence(won, len(y)),
        float(p.mean()),
        auc,
    )


def check_solved(solved: npt.ArrayLike, n: int) -> Bools:
    """The outcomes as an array of booleans, one for each of n networks.

    Raises:
        InputError: where they are none, not booleans, or not n.

    Examples:
        >>> check_solved([0.5, 1e-9], 2)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: outcomes of dtype float64 and shape (2,) for 2 networks: give one
        True or False per network, such as losses < 1e-4
    """
    y = np.asarray(solved)
    if n < 1 or y.shape != (n,) or y.dtype != np.bool_:
        raise InputError(
            f"outcomes of dtype {y.dtype} and shape {y.shape} for {n} networks: give one True or False per "
            "network, such as losses < 1e-4"
        )
    return y


@dataclass(frozen=True)
class Rule:
    """A statement about initial weights from which success follows, or not.

    Attributes:
        task: what the networks are to learn.
        text: the rule in words.
        inputs: how many inputs the networks have.
        refined: whether it takes the race between neurons into account.

    Examples:
        >>> rule = closed_rule("absolute")
        >>> print(rule.text)
        each side of 0 has a neuron with v > 0 or |w| > |v|
        >>> both = Network(weights=[[[0.3], [-0.5]], [[0.2, -0.4]]])
        >>> locked = Network(weights=[[[0.3], [-0.5]], [[0.2, -0.6]]])
        >>> rule.predict([both, locked]).tolist()
        [True, False]
    """

    task: str
    text: str
    inputs: int
    refined: bool
    _holds: Callable[[Array, Array], Bools] = field(repr=False, compare=False)

    def predict(self, networks: Sequence[Network | HasNetwork] | Stack) -> Bools:
        """Whether each network will succeed, [net].

        Args:
            networks: as they start, of one width; any width.

        Raises:
            InputError: where there are none, their shapes differ, or they are not bias-free ReLU networks with one
                hidden layer and one output over the rule's inputs.
        """
        stack = as_stack(networks)
        shape = stack.architecture
        if len(shape.sizes) != 3 or shape.activations != ("relu",) or shape.has_bias:
            raise InputError(
                f"{shape}: the closed rules are for bias-free relu networks with one hidden layer; "
                "SuccessModel learns from more"
            )
        if (shape.sizes[0], shape.sizes[-1]) != (self.inputs, 1):
            raise InputError(
                f"{shape}: the rule for {self.task!r} is for {self.inputs} inputs and one output"
            )
        return self._holds(stack.weights[0], stack.weights[1][:, 0])

    def score(
        self, networks: Sequence[Network | HasNetwork] | Stack, solved: npt.ArrayLike
    ) -> PredictionScore:
        """The rule beside what happened.

        Args:
            networks: as they start, of one width.
            solved: whether each succeeded, booleans [net].

        Raises:
            InputError: as `predict`, and where the outcomes do not fit.
        """
        return score_predictions(self.predict(networks), solved)

    def __repr__(self) -> str:
        return f"Rule({self.task!r}, {self.text!r})"


def closed_rule(task: Task | str, *, refined: bool = False) -> Rule | None:
    """The closed rule for a task, or None where none is known.

    Args:
        task: a Task or the name of a registered one.
        refined: the sharper form for x, -x and the sums, which also asks who comes first; the rules of |x| and
            |x1 - x2| have no other form and are given as they are. For x and -x it follows from gradient flow on the
            whole box alone (see `served`); that for the sums has one fitted number, `RACE`.

    Raises:
        UnknownTask: for a task that is not registered.

    Examples:
        >>> closed_rule("addition")
        Rule('addition', 'w.s + v is positive for one neuron and negative for another, with s = (1, 1)/sqrt(2)')
        >>> closed_rule("minimum") is None
        True
    """
    name = as_task(task).name
    if name == "absolute":
        text = "each side of 0 has a neuron with v > 0 or |w| > |v|"
        return Rule(name, text, 1, False, _good_on_each_side)
    if name == "absolute-difference":
        text = "two neurons have v > 0 or |w| > |v|, and enough steps are taken"
        return Rule(name, text, 2, False, _two_good)
    if name in ("identity", "negation"):
        sign = 1.0 if name == "identity" else -1.0
        z = "w + v" if name == "identity" else "w - v"
        y = "w - v" if name == "identity" else "w + v"
        if refined:
            text = (
                f"each side of 0 has a neuron whose {z} has that side's sign, or gets one in time: with P and Q the "
                f"sums of ({z})^2 and ({y})^2 over the side that it leaves, |{y}| P < |{z}| (2 + sqrt(4 + P Q))"
            )
            return Rule(name, text, 1, True, partial(_served, sign=sign))
        text = f"{z} is positive for one neuron and negative for another"
        return Rule(name, text, 1, False, partial(_both_kinds, s=np.array([sign])))
    if name in ("addition", "subtraction"):
        sign = 1.0 if name == "addition" else -1.0
        s = np.array([1.0, sign]) / np.sqrt(2.0)
        named = f"s = (1, {sign:.0f})/sqrt(2)"
        text = f"w.s + v is positive for one neuron and negative for another, with {named}"
        if refined:
            text += (
                f"; or, z being w.s + v and a the neuron of the largest |z|, another neuron's part across s is more "
                f"than {RACE:g} |z| / |z_a|"
            )
            return Rule(name, text, 2, True, partial(_both_kinds_or_slow, s=s))
        return Rule(name, text, 2, False, partial(_both_kinds, s=s))
    return None


def as_stack(networks: Sequence[Network | HasNetwork] | Stack) -> Stack:
    """Networks of one architecture as one array.

    Examples:
        >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> as_stack([net, net])
        Stack(2 x Architecture(1-2-1, relu, no bias))
    """
    if isinstance(networks, Stack):
        return networks
    return Stack.of([as_network(network) for network in several(networks)])


def served(w: Array, v: Array) -> Bools:
    """Whether both sides of 0 get a neuron that carries x there, under gradient flow.

    On one side of 0 the slope is the sum of v w over its neurons, so with `E = exp(2 int error)` a neuron's
    `z = w + v` has become z sqrt(E), its `y = w - v` y / sqrt(E), and the side is fitted at the E where
    `P E - Q / E = 4`, P and Q being the sums of z^2 and y^2: `E = (2 + sqrt(4 + P Q)) / P`. A neuron whose z has the
    other side's sign crosses 0 at `E = |y / z|`, and does so if that comes first. What arrives from the other side in
    the meantime is not counted.

    Args:
        w, v: weights of a network 1-h-1, each [net, h].

    Returns:
        Booleans [net].

    Examples:
        >>> served(np.array([[0.6, 0.5], [0.6, 0.5]]), np.array([[0.5, -1.0], [0.5, -0.9]])).tolist()
        [True, False]
    """
    z, y = w + v, w - v
    reached = []
    for side in (1.0, -1.0):
        own, other = w * side > 0, w * side < 0
        p = np.where(other, z**2, 0.0).sum(axis=1, keepdims=True)
        q = np.where(other, y**2, 0.0).sum(axis=1, keepdims=True)
        in_time = np.abs(y) * p < np.abs(z) * (2.0 + np.sqrt(4.0 + p * q))
        reached.append(((z * side > 0) & (own | (other & in_time))).any(axis=1))
    return np.asarray(reached[0] & reached[1])


def _good(W: Array, v: Array) -> Bools:
    """Neurons that end with v > 0: those that have it, and those whose v can change its sign."""
    return np.asarray((v > 0) | (np.linalg.norm(W, axis=2) > np.abs(v)))


def _good_on_each_side(W: Array, v: Array) -> Bools:
    good, w = _good(W, v), W[:, :, 0]
    return np.asarray((good & (w > 0)).any(axis=1) & (good & (w < 0)).any(axis=1))


def _two_good(W: Array, v: Array) -> Bools:
    # In the plane a neuron can turn to the other side of the kink, so that sides are not asked for.
    return np.asarray(_good(W, v).sum(axis=1) >= 2)


def _both_kinds(W: Array, v: Array, s: Array) -> Bools:
    z = W @ s + v
    return np.asarray((z > 0).any(axis=1) & (z < 0).any(axis=1))


def _both_kinds_or_slow(W: Array, v: Array, s: Array) -> Bools:
    along = W @ s
    across = np.linalg.norm(W - along[:, :, None] * s, axis=2)
    z = np.abs(along + v)
    # the fastest neuron is not another one, whatever its part across s
    across[np.arange(len(z)), z.argmax(axis=1)] = 0.0
    slow = across * z.max(axis=1, keepdims=True) > RACE * z
    return np.asarray(_both_kinds(W, v, s) | slow.any(axis=1))


def _served(W: Array, v: Array, sign: float) -> Bools:
    return served(W[:, :, 0], sign * v)
