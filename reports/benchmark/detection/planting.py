"""Planting: networks whose neurons are known to hold a feature, among neurons that hold none.

A planted neuron is a catalogue ridge turned by a known angle, rescaled at random, at a random place of its layer;
the others are untrained. So what a reading ought to declare is known neuron by neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError
from mathcircuits.detect.matching import probes_for
from mathcircuits.detect.networks import Architecture, Stack, untrained

Array = npt.NDArray[np.float64]
#: The truth of a neuron in which nothing was planted.
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Planted:
    """Stacked networks and their truth.

    Attributes:
        stack: the networks.
        truth: the planted feature of each neuron, [networks, neurons] layer after layer: its position among the
            features that its layer is compared with, or -1 where nothing was planted.
    """

    stack: Stack
    truth: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.stack)


def shape(inputs: int, width: int, layers: int, bias: bool, outputs: int = 1) -> Architecture:
    """A ReLU architecture with equal hidden widths.

    Examples:
        >>> shape(2, 8, 1, bias=False)
        Architecture(2-8-1, relu, no bias)
    """
    return Architecture((inputs, *(width,) * layers, outputs), ("relu",) * layers, (bias,) * (layers + 1))


@lru_cache(maxsize=16)
def ridges(inputs: int) -> tuple[npt.NDArray[np.intp], Array]:
    """The catalogue's ridges through the middle of the box: positions among the features [K], unit directions [K, d].

    Examples:
        >>> at, directions = ridges(2)
        >>> len(at), directions[0].tolist()
        (8, [1.0, 0.0])
    """
    features = probes_for(inputs).features
    at, rows = [], []
    for k, bound in enumerate(features):
        if bound.competes_as == "ridge" and bound.feature.direction is not None:
            row = np.zeros(inputs)
            for weight, name in zip(bound.feature.direction, bound.on, strict=True):
                row[int(name[1:]) - 1] = weight
            at.append(k)
            rows.append(row / np.linalg.norm(row))
    return np.array(at), np.array(rows)


def turned(directions: Array, angle: float, rng: np.random.Generator) -> Array:
    """Unit vectors [..., d] at `angle` degrees from these unit vectors, the way random; d = 1 cannot be turned.

    Examples:
        >>> w = turned(np.array([[1.0, 0.0, 0.0]]), 10.0, np.random.default_rng(0))
        >>> round(float(np.degrees(np.arccos(w[0, 0]))), 6)
        10.0
    """
    if directions.shape[-1] == 1:
        return directions.copy()
    way = rng.normal(size=directions.shape)
    way -= (way * directions).sum(axis=-1, keepdims=True) * directions
    way /= np.linalg.norm(way, axis=-1, keepdims=True)
    a = np.radians(angle)
    return np.asarray(np.cos(a) * directions + np.sin(a) * way)


def plant(
    inputs: int,
    width: int,
    planted: int,
    angle: float,
    count: int,
    rng: np.random.Generator,
    *,
    bias: bool,
    split: int = 0,
    dead: int = 0,
    law: str = "uniform",
) -> Planted:
    """Networks of one hidden layer: `planted` neurons hold a feature each, the rest are untrained.

    The features differ within a network as long as there are enough. With biases, a planted neuron's bias (for a unit
    direction) is normal with standard deviation sin(angle) / 2, so that noise moves its kink as much as it turns it.

    Args:
        angle: degrees between a planted neuron and its feature.
        split: how many of the planted neurons are split in two positive multiples, which takes another neuron each.
        dead: how many neurons are dead on the box.
        law: of the neurons that hold nothing.

    Raises:
        InputError: where all that does not fit into the width, or a dead unit is asked for without biases
            (a bias-free neuron is positive on one side of its kink).

    Examples:
        >>> made = plant(2, 8, 3, 1.0, 100, np.random.default_rng(0), bias=True, split=1, dead=2)
        >>> (made.truth >= 0).sum(axis=1).tolist() == [4] * 100
        True
    """
    if planted < 1 or planted + split + dead > width or split > planted:
        raise InputError(
            f"{planted} planted, {split} split and {dead} dead neurons in a layer of {width}: widen it"
        )
    if dead and not bias:
        raise InputError(
            f"{dead} dead neurons without biases: a bias-free ReLU neuron is alive on half the box"
        )
    at, directions = ridges(inputs)
    stack = untrained(shape(inputs, width, 1, bias), count, law, rng)
    w, b, read = (a.copy() for a in (stack.weights[0], stack.biases[0], stack.weights[1]))
    truth = np.full((count, width), NOTHING, dtype=np.intp)
    chosen = _choose(len(at), planted, count, rng)
    truth[:, :planted] = at[chosen]
    w[:, :planted] = turned(directions[chosen], angle, rng)
    if bias:
        b[:, :planted] = rng.normal(0.0, np.sin(np.radians(angle)) / 2.0, (count, planted))
    halves = slice(planted, planted + split)
    w[:, halves], b[:, halves], truth[:, halves] = w[:, :split], b[:, :split], truth[:, :split]
    if dead:
        # On the box (-1, 1) w.x reaches the sum of |w|.
        b[:, width - dead :] = -np.abs(w[:, width - dead :]).sum(axis=2) * rng.uniform(
            1.0, 3.0, (count, dead)
        )
    # Positive rescaling, which changes nothing in the function.
    scale = np.exp(rng.normal(size=(count, planted + split)))
    holding = slice(0, planted + split)
    w[:, holding] *= scale[..., None]
    b[:, holding] *= scale
    read[:, :, holding] /= scale[:, None, :]
    order = rng.permuted(np.tile(np.arange(width), (count, 1)), axis=1)
    rows = np.arange(count)[:, None]
    w, b, truth = w[rows, order], b[rows, order], truth[rows, order]
    read = np.take_along_axis(read, order[:, None, :], axis=2)
    return Planted(Stack(stack.architecture, (w, read), (b, stack.biases[1])), truth)


def _choose(options: int, wanted: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Random positions [count, wanted], different within a row as long as there are enough options."""
    rounds = -(-wanted // options)
    drawn = [rng.permuted(np.tile(np.arange(options), (count, 1)), axis=1) for _ in range(rounds)]
    return np.hstack(drawn)[:, :wanted]


def plant_deep(
    inputs: int, width: int, layers: int, angle: float, count: int, rng: np.random.Generator, *, bias: bool
) -> Planted:
    """Networks of several hidden layers that carry the minimum of two inputs from layer to layer.

    The first layer holds relu(xi - xj), relu(xi) and relu(-xi), every later one relu(m) and relu(-m) with
    m = min(xi, xj), each for a random pair of inputs; with one input, m is x itself. All other neurons are untrained.
    In later layers the angle is that of the incoming weights, where each planted neuron below has unit slope: what
    the neurons below that hold nothing leak in is part of the noise.

    Examples:
        >>> made = plant_deep(2, 8, 2, 0.0, 5, np.random.default_rng(0), bias=False)
        >>> (made.truth >= 0).sum(axis=1).tolist()
        [5, 5, 5, 5, 5]
    """
    if width < 3 or layers < 2:
        raise InputError(
            f"{layers} hidden layers of width {width}: the minimum needs three neurons, and two layers"
        )
    stack = untrained(shape(inputs, width, layers, bias), count, "uniform", rng)
    weights, biases = [w.copy() for w in stack.weights], [b.copy() for b in stack.biases]
    pair = _choose(inputs, 2, count, rng) if inputs > 1 else np.zeros((count, 2), dtype=np.intp)
    one = np.eye(inputs)
    first, second = one[pair[:, 0]], one[pair[:, 1]]
    kink = (first - second) / np.sqrt(2.0) if inputs > 1 else None
    holding = [first, -first] if kink is None else [kink, first, -first]
    rows = np.stack(holding, axis=1)
    # What makes m of this layer's planted neurons.
    carry = np.array([1.0, -1.0]) if kink is None else np.array([-np.sqrt(2.0), 1.0, -1.0])
    noise = np.sin(np.radians(angle)) / 2.0
    truth = []
    for layer in range(layers):
        held = rows.shape[1]
        weights[layer][:, :held] = turned(rows, angle, rng)
        if bias:
            biases[layer][:, :held] = rng.normal(0.0, noise, (count, held))
        truth.append(np.full((count, width), NOTHING, dtype=np.intp))
        truth[-1][:, :held] = _truths(inputs, pair, layer)
        if layer == layers - 1:
            break
        size = float(np.linalg.norm(carry))
        rows = np.zeros((count, 2, width))
        rows[:, 0, :held], rows[:, 1, :held] = carry / size, -carry / size
        carry = np.array([size, -size])
    scale = np.exp(rng.normal(size=(layers, count, 3)))
    for layer in range(layers):
        held = 3 if layer == 0 and inputs > 1 else 2
        s = scale[layer, :, :held]
        weights[layer][:, :held] *= s[..., None]
        biases[layer][:, :held] *= s
        weights[layer + 1][:, :, :held] /= s[:, None, :]
        order = rng.permuted(np.tile(np.arange(width), (count, 1)), axis=1)
        at = np.arange(count)[:, None]
        weights[layer], biases[layer] = weights[layer][at, order], biases[layer][at, order]
        truth[layer] = truth[layer][at, order]
        weights[layer + 1] = np.take_along_axis(weights[layer + 1], order[:, None, :], axis=2)
    return Planted(Stack(stack.architecture, tuple(weights), tuple(biases)), np.hstack(truth))


@lru_cache(maxsize=64)
def _positions(inputs: int, depth: int) -> dict[tuple[str, tuple[str, ...]], int]:
    features = probes_for(inputs, depth=depth).features
    return {(f.feature.name, f.on): k for k, f in enumerate(features)}


def _truths(inputs: int, pair: npt.NDArray[np.intp], layer: int) -> npt.NDArray[np.intp]:
    """Positions of the features that a layer's planted neurons hold [networks, held]."""
    known = _positions(inputs, 2 if layer else 1)
    rows = []
    for i, j in pair:
        a, b = f"x{i + 1}", f"x{j + 1}"
        m = a if inputs == 1 else f"min(x{min(i, j) + 1}, x{max(i, j) + 1})"
        names: list[tuple[str, tuple[str, ...]]] = [("positiveness", (m,)), ("negativeness", (m,))]
        if layer == 0:
            names = [("positiveness", (a,)), ("negativeness", (a,))]
            if inputs > 1:
                names.insert(0, ("greaterness", (a, b)))
        rows.append([known[name] for name in names])
    return np.array(rows)


def rotate_layer(made: Planted, rng: np.random.Generator) -> Stack:
    """The networks with a second hidden layer that is their first one, rotated: features as directions, not as neurons.

    The second layer is Q h + c with Q a random rotation (Haar, by QR) and c so large that every neuron of it is
    always active, so that the rotation passes a ReLU unharmed.

    Examples:
        >>> made = plant(2, 4, 2, 0.0, 3, np.random.default_rng(0), bias=True)
        >>> stack = rotate_layer(made, np.random.default_rng(1))
        >>> X = np.random.default_rng(2).uniform(-1, 1, (50, 2))
        >>> bool((stack.forward(X).pre[1] > 0).all())
        True
    """
    stack = made.stack
    w, b = stack.weights[0], stack.biases[0]
    count, width, inputs = w.shape
    Q = haar_rotations(width, count, rng)
    highest = np.maximum(np.abs(w).sum(axis=2) + b, 0.0)  # on the box (-1, 1)
    c = (np.abs(Q) * highest[:, None, :]).sum(axis=2) + 0.1
    architecture = shape(inputs, width, 2, bias=True)
    read = stack.weights[1] @ Q.transpose(0, 2, 1)
    offset = stack.biases[1] - (read @ c[..., None])[..., 0]
    return Stack(architecture, (w, Q, read), (b, c, offset))


def haar_rotations(d: int, count: int, rng: np.random.Generator) -> Array:
    """Random orthogonal matrices [count, d, d] under Haar's law: QR of Gaussian ones, with R's diagonal positive
    (Mezzadri, Notices of the AMS 54, 2007; without that the law depends on the QR's signs).

    Examples:
        >>> Q = haar_rotations(3, 2, np.random.default_rng(0))
        >>> bool(np.allclose(Q @ Q.transpose(0, 2, 1), np.eye(3)))
        True
    """
    q, r = np.linalg.qr(rng.normal(size=(count, d, d)))
    return np.asarray(q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :])


def plant_mixtures(
    inputs: int, width: int, mixed: int, count: int, rng: np.random.Generator, *, threshold: float = 0.3
) -> tuple[Planted, npt.NDArray[np.bool_]]:
    """Networks whose second layer holds neurons that mix two features of the first, relu(a f + b g - t).

    Weights are in units of the features' spread, the smaller one at least half the larger; t is `threshold` spreads
    of the sum. Nothing in the second layer holds a single feature.

    Args:
        mixed: how many neurons of the second layer mix; the others are untrained.

    Returns:
        The networks with the truth of their first layer, and which neurons mix [networks, neurons].

    Examples:
        >>> made, mixes = plant_mixtures(3, 8, 2, 4, np.random.default_rng(0))
        >>> mixes.sum(axis=1).tolist()
        [2, 2, 2, 2]
    """
    below = plant(inputs, width, 3, 0.0, count, rng, bias=True)
    w, b = below.stack.weights[0], below.stack.biases[0]
    stack = untrained(shape(inputs, width, 2, bias=True), count, "uniform", rng)
    second, c = stack.weights[1].copy(), stack.biases[1].copy()
    spread = Stack(below.stack.architecture, below.stack.weights, below.stack.biases).forward(
        probes_for(inputs).X
    )
    sd = spread.post[0].std(axis=1)
    for k in range(count):
        holding = np.flatnonzero(below.truth[k] >= 0)
        for j in range(mixed):
            f, g = rng.choice(holding, 2, replace=False)
            share = np.array([1.0, rng.uniform(0.5, 1.0)])
            second[k, j] = 0.0
            second[k, j, [f, g]] = share / sd[k, [f, g]]
            total = spread.post[0][k] @ second[k, j]
            c[k, j] = -float(total.min() + threshold * total.std())
    mixes = np.zeros((count, 2 * width), dtype=bool)
    mixes[:, width : width + mixed] = True
    truth = np.hstack([below.truth, np.full((count, width), NOTHING, dtype=np.intp)])
    made = Stack(stack.architecture, (w, second, stack.weights[2]), (b, c, stack.biases[2]))
    return Planted(made, truth), mixes
