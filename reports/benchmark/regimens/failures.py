"""Failures with a known cause: networks that solve their task, put wrong in one way by surgery.

The operations are on hand-derived networks and on the smallest ones of a task's normal form with biases, in a random
mirror image, rescaled, split and permuted. Whether a network so treated has failed is decided by stochastic gradient
descent, continued from it: one that heals is no failure, and one put out of tune by noise or stopped early is `not
converged` only where it does heal. Nothing here uses what `mathcircuits.detect.learning.diagnosis` goes by. But
how descent judges (small batches, copies that must agree) was settled after full batches and single runs had been
seen to disagree with it, and leaves out what is near the border of two basins: agreement is measured on clear cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network, Task, canonical_form, diagnose_many, tasks
from mathcircuits.detect.features import SOLVED, Symmetry
from mathcircuits.detect.networks import untrained

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

#: Tasks by whether their networks get biases; with several hidden layers the circuit's own name.
PLAIN = (
    "identity",
    "negation",
    "absolute",
    "addition",
    "subtraction",
    "minimum",
    "maximum",
    "absolute-difference",
    "x1-plus-abs-x2",
)
BIASED = ("absolute", "clip", "minimum", "maximum", "x1-plus-abs-x2", "absolute-difference")
#: Stochastic gradient descent from a planted failure: steps, learning rate, fresh samples a step. The notebook's rate
#: and sixteen times its steps; its batches of 1000 have so little noise that networks rest on saddles, which are no
#: failures.
STEPS, RATE, BATCH = 8000, 0.1, 32
#: Points that a loss is measured on: of losses of 1e-3 and 1e-6 they leave no doubt.
POINTS = 1000
#: A loss that counts as failed where it falls by less than a tenth in the last third of the steps, and one that counts
#: as healed. What is in between is neither, and is drawn anew.
FAILED, SETTLED, HEALED = 1e-3, 0.9, 1e-6
#: Copies of a network that descend, all but the first with this much relative noise. They must agree: near the border
#: of two basins noise decides, and the truth would be a coin's.
COPIES, NOISE = 3, 0.03


@dataclass(frozen=True)
class PlantedFailure:
    """A network that failed, and why.

    Attributes:
        network: the network.
        task: the name of its task.
        cause: what was done to it, in the words of `mathcircuits.detect.learning.diagnosis`.
        neurons: the neurons that it was done to, in the layer `layer` (empty for `not converged`).
        layer: the hidden layer.
    """

    network: Network
    task: str
    cause: str
    neurons: tuple[int, ...]
    layer: int = 0


@dataclass(frozen=True)
class HiddenLayer:
    """A hidden layer being operated on.

    Attributes:
        w: incoming weights [h, d]; b: biases [h]; v: outgoing weights [h, outputs].
        c: the read-out's constant [outputs].
        group: [h] the neuron of the solved network that each is (a part of); -1 for those operated on.
    """

    w: Array
    b: Array
    v: Array
    c: Array
    group: npt.NDArray[np.intp]


Surgery = Callable[[HiddenLayer, Task, bool, np.random.Generator], HiddenLayer]


def plant_failures(count: int, seed: int) -> list[PlantedFailure]:
    """`count` failures of each of the five causes.

    Args:
        count: how many of each cause; seed: of all that is random.

    Examples:
        >>> plant_failures(0, seed=3), tuple(SURGERIES)
        ([], ('dead neuron', 'wrong-signed neuron', 'same side', 'kink in the wrong place'))
    """
    rng = np.random.default_rng(seed)
    causes = (*SURGERIES, "not converged")
    kept: dict[str, list[PlantedFailure]] = {cause: [] for cause in causes}
    while any(len(kept[cause]) < count for cause in causes):
        drawn = [f for cause in causes if len(kept[cause]) < count for f in _candidates(cause, rng)]
        drawn = [drawn[k] for k in rng.permutation(len(drawn))[: 40 * count]]
        for failure, healed in zip(drawn, _healed(drawn, rng), strict=True):
            if healed is (failure.cause == "not converged"):
                kept[failure.cause].append(failure)
    return [failure for cause in causes for failure in kept[cause][:count]]


def confusion(failures: Sequence[PlantedFailure], threshold: float = SOLVED) -> pd.DataFrame:
    """What each was planted as (rows) against what the diagnosis says (columns), counted.

    Examples:
        >>> net = Network([[[1.0], [0.5]], [[0.5, 1.0]]])
        >>> confusion([PlantedFailure(net, "absolute", "same side", (1,))]).to_numpy().tolist()
        [[1]]
    """
    import pandas as pd

    said = [""] * len(failures)
    for name in dict.fromkeys(failure.task for failure in failures):
        at = [k for k, failure in enumerate(failures) if failure.task == name]
        told = diagnose_many([failures[k].network for k in at], name, threshold=threshold)
        for k, found in zip(at, told, strict=True):
            said[k] = found.cause
    rows = list(dict.fromkeys(failure.cause for failure in failures))
    table = pd.crosstab(
        pd.Series([f.cause for f in failures], name="planted"), pd.Series(said, name="diagnosed")
    )
    columns = rows + [cause for cause in table.columns if cause not in rows]
    return table.reindex(index=rows, columns=columns, fill_value=0)


def kill(n: HiddenLayer, task: Task, bias: bool, rng: np.random.Generator) -> HiddenLayer:
    """One neuron is never active: its bias is below all that the box can bring, or without biases its weights are 0."""
    w, b, hit = n.w.copy(), n.b.copy(), n.group == rng.choice(n.group)
    reach = np.abs(w) @ np.abs(np.array(task.box)).max(axis=1)
    if bias:
        b[hit] = -reach[hit] * rng.uniform(1.05, 2.0)
    else:
        w[hit] = 0.0
    return replace(n, w=w, b=b, group=np.where(hit, -1, n.group))


def turn_sign(n: HiddenLayer, _task: Task, _bias: bool, rng: np.random.Generator) -> HiddenLayer:
    """The outgoing weights of one neuron get the opposite sign."""
    hit = n.group == rng.choice(n.group)
    return replace(n, v=np.where(hit[:, None], -n.v, n.v), group=np.where(hit, -1, n.group))


def same_side(n: HiddenLayer, _task: Task, _bias: bool, rng: np.random.Generator) -> HiddenLayer:
    """One neuron goes to where another is, up to a few degrees, with that one's outgoing sign."""
    first, second = rng.choice(np.unique(n.group), 2, replace=False)
    hit, model = n.group == first, int(np.flatnonzero(n.group == second)[0])
    w, b, v = n.w.copy(), n.b.copy(), n.v.copy()
    for k in np.flatnonzero(hit):
        scale = np.linalg.norm(w[k]) / np.linalg.norm(w[model])
        w[k] = scale * w[model] * (1 + rng.normal(0, 0.05, w.shape[1]))
        b[k] = scale * b[model]
        v[k] = np.abs(v[k]) * np.sign(v[model])
    return replace(n, w=w, b=b, v=v, group=np.where(hit, -1, n.group))


def move_kink(n: HiddenLayer, task: Task, bias: bool, rng: np.random.Generator) -> HiddenLayer:
    """The hyperplane of one neuron is turned by 30 to 150 degrees; with biases it goes through another point, too."""
    hit = n.group == rng.choice(n.group)
    w, b = n.w.copy(), n.b.copy()
    angle = np.radians(rng.uniform(30, 150)) * rng.choice([-1, 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    low, high = np.array(task.box).T
    place = rng.uniform(0.9 * low, 0.9 * high)
    if task.arity == 2:
        w[hit] = w[hit] @ turn.T
    if bias:
        b[hit] = -w[hit] @ place
    return replace(n, w=w, b=b, group=np.where(hit, -1, n.group))


SURGERIES: dict[str, Surgery] = {
    "dead neuron": kill,
    "wrong-signed neuron": turn_sign,
    "same side": same_side,
    "kink in the wrong place": move_kink,
}


def _candidates(cause: str, rng: np.random.Generator) -> list[PlantedFailure]:
    """Networks of every task operated on for one cause; most moved kinks heal, so there are more of those."""
    found: list[PlantedFailure] = []
    for name, bias in [(name, False) for name in PLAIN] + [(name, True) for name in BIASED]:
        task, surgery = tasks[name], SURGERIES.get(cause)
        nets: list[tuple[Network, tuple[int, ...]]]
        if surgery is None:
            whole = _network(_gauged(_solved(task, bias, rng), rng), bias, rng)[0]
            # As many with noise on all weights as stopped early, of which about one in two would have come through.
            nets = [(net, ()) for net in (_noised(whole, rng), *_stopped(task, whole, 2, rng))]
        elif surgery is move_kink:
            nets = (
                []
                if task.arity == 1 and not bias
                else [_operated(surgery, task, bias, rng) for _ in range(8)]
            )
        else:
            nets = [_operated(surgery, task, bias, rng) for _ in range(2)]
        found += [PlantedFailure(net, name, cause, neurons) for net, neurons in nets]
    return found


def _operated(
    surgery: Surgery, task: Task, bias: bool, rng: np.random.Generator
) -> tuple[Network, tuple[int, ...]]:
    neurons = surgery(_gauged(_solved(task, bias, rng), rng), task, bias, rng)
    return _network(neurons, bias, rng)


def _solved(task: Task, bias: bool, rng: np.random.Generator) -> Network:
    """A smallest network of the task in a random mirror image."""
    derived = task.hand_derived
    assert derived is not None
    net = canonical_form(derived, box=task.box).to_network(bias=True) if bias else derived
    identity = Symmetry(tuple(range(task.arity)), (1,) * task.arity)
    symmetry = [identity, *task.symmetries][rng.integers(1 + len(task.symmetries))]
    w = np.zeros_like(net.weights[0])
    w[:, list(symmetry.permutation)] = net.weights[0] * np.array(symmetry.signs)
    return Network([w, net.weights[1]], net.biases)


def _gauged(net: Network, rng: np.random.Generator) -> HiddenLayer:
    """The hidden layer, every neuron rescaled and one in three split in two."""
    rows: list[tuple[Array, float, Array, int]] = []
    for k in range(net.sizes[1]):
        share = rng.uniform(0.25, 0.75)
        for part in (share, 1 - share) if rng.random() < 1 / 3 else (1.0,):
            w, b, v = net.weights[0][k], net.bias_vectors[0][k], part * net.weights[1][:, k]
            # Outgoing and incoming weights of about one length, as training leaves them, either the longer one.
            scale = np.sqrt(np.linalg.norm(v) / np.hypot(np.linalg.norm(w), b)) * np.exp(
                rng.uniform(-0.7, 0.7)
            )
            rows.append((w * scale, b * scale, v / scale, k))
    w, b, v, group = (np.array([row[k] for row in rows]) for k in range(4))
    return HiddenLayer(w, b, v, net.bias_vectors[1], group)


def _network(n: HiddenLayer, bias: bool, rng: np.random.Generator) -> tuple[Network, tuple[int, ...]]:
    """The layer as a network, its neurons shuffled, and which of them were operated on."""
    order = rng.permutation(len(n.b))
    net = Network([n.w[order], n.v[order].T], [n.b[order], n.c] if bias else None)
    return net, tuple(int(k) for k in np.flatnonzero(n.group[order] < 0))


def _noised(net: Network, rng: np.random.Generator) -> Network:
    """Noise of 1 to 30% of the typical weight on all weights and biases."""
    size = np.exp(rng.uniform(np.log(0.01), np.log(0.3)))
    scales = [size * np.sqrt(np.mean(w**2)) for w in net.weights]
    weights = [w + s * rng.normal(size=w.shape) for w, s in zip(net.weights, scales, strict=True)]
    if net.biases is None:
        return Network(weights)
    return Network(
        weights, [b + s * rng.normal(size=b.shape) for b, s in zip(net.biases, scales, strict=True)]
    )


def _stopped(task: Task, like: Network, count: int, rng: np.random.Generator) -> list[Network]:
    """Networks of that shape trained from untrained weights for 1 to 300 steps."""
    stack = untrained(like.architecture, count, "uniform", rng)
    steps = int(np.exp(rng.uniform(0.0, np.log(300))))
    return gradient_descent([stack.network(k) for k in range(count)], [task] * count, steps, rng)[0]


def _healed(failures: Sequence[PlantedFailure], rng: np.random.Generator) -> list[bool | None]:
    """Whether gradient descent heals each network that has failed; None where that is open or it has not failed."""
    answers: list[bool | None] = [None] * len(failures)
    for inputs in {failure.network.inputs for failure in failures}:
        at = [k for k, failure in enumerate(failures) if failure.network.inputs == inputs]
        own = [tasks[failures[k].task] for k in at] * COPIES
        nets = [failures[k].network for k in at]
        nets += [_shaken(net, rng) for _ in range(COPIES - 1) for net in nets[: len(at)]]
        start = gradient_descent(nets, own, 0, rng)[1]
        later, between = gradient_descent(nets, own, 2 * STEPS // 3, rng)
        end = gradient_descent(later, own, STEPS - 2 * STEPS // 3, rng)[1]
        healed = np.asarray((end.reshape(COPIES, -1) < HEALED).all(axis=0))
        floor = np.maximum(FAILED, SETTLED * between).reshape(COPIES, -1)
        failed = np.asarray((end.reshape(COPIES, -1) > floor).all(axis=0))
        for row, k in enumerate(at):
            if start[row] >= FAILED and bool(healed[row] | failed[row]):
                answers[k] = bool(healed[row])
    return answers


def _shaken(net: Network, rng: np.random.Generator) -> Network:
    """The network with every weight and bias changed by a few percent; what is 0 stays 0."""
    weights = [w * (1 + NOISE * rng.normal(size=w.shape)) for w in net.weights]
    biases = None if net.biases is None else [b * (1 + NOISE * rng.normal(size=b.shape)) for b in net.biases]
    return Network(weights, biases)


def gradient_descent(
    networks: Sequence[Network], own: Sequence[Task], steps: int, rng: np.random.Generator
) -> tuple[list[Network], Array]:
    """Stochastic gradient descent on the mean squared error on fresh batches, each network on its own task.

    Args:
        networks: of one hidden layer of ReLU and one output, all with as many inputs.
        own: a task each, on one box; steps: how many; rng: of the batches, which all networks share.

    Returns:
        The networks after it, and their losses on points of their own.

    Examples:
        >>> nets = [Network([[[1.0], [-0.5]], [[0.5, 0.5]]])]
        >>> bool(gradient_descent(nets, [tasks["absolute"]], 3000, np.random.default_rng(0))[1][0] < 1e-10)
        True
    """
    width = max(net.sizes[1] for net in networks)
    w = np.zeros((len(networks), width, networks[0].inputs))
    b, v = np.zeros((len(networks), width, 1)), np.zeros((len(networks), width, 1))
    c = np.zeros((len(networks), 1, 1))
    for k, net in enumerate(networks):  # a unit of zeros stays one
        h = net.sizes[1]
        w[k, :h], b[k, :h, 0], v[k, :h, 0] = net.weights[0], net.bias_vectors[0], net.weights[1][0]
        c[k] = net.bias_vectors[1]
    biased = np.array([net.architecture.has_bias for net in networks], dtype=float)[:, None, None]
    low, high = np.array(own[0].box).T
    different = list(dict.fromkeys(own))
    which = np.array([different.index(task) for task in own])

    def sampled(generator: np.random.Generator, points: int) -> tuple[Array, Array]:
        x = generator.uniform(low, high, (points, len(low)))
        return x, np.stack([np.asarray(task(x), dtype=np.float64).T for task in different])[which]

    rate = 2 * RATE / BATCH
    for _ in range(steps):
        x, y = sampled(rng, BATCH)
        a = np.maximum(w @ x.T + b, 0.0)
        residual = v.transpose(0, 2, 1) @ a + c - y
        back = v * residual
        back *= a > 0
        v = v - rate * (a @ residual.transpose(0, 2, 1))
        w = w - rate * (back @ x)
        b = b - rate * biased * back.sum(axis=2, keepdims=True)
        c = c - rate * biased * residual.sum(axis=2, keepdims=True)
    x, y = sampled(np.random.default_rng(1), POINTS)
    losses = ((v.transpose(0, 2, 1) @ np.maximum(w @ x.T + b, 0.0) + c - y) ** 2).mean(axis=(1, 2))
    after = []
    for k, net in enumerate(networks):
        h = net.sizes[1]
        biases = [b[k, :h, 0], c[k, 0]] if net.architecture.has_bias else None
        after.append(Network([w[k, :h], v[k, :h].T], biases) if np.isfinite(losses[k]) else net)
    return after, losses
