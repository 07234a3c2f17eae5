"""Teachers: random functions made as a task's is, to train networks on something else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Network, Task
from mathcircuits.detect.networks import Box, Stack, comparison_points
from mathcircuits.detect.statistics import EQUAL

Array = npt.NDArray[np.float64]
#: Points at which a task is tried for being affine or without an offset, and a teacher's range is measured.
_POINTS = 512
#: The strength of a teacher's kink beside its others', at least and at most: none is too faint to be learned.
_STRENGTH = 0.5, 1.5
#: Hyperplanes drawn for one that has to cross the box: of those through the origin some miss a box that lacks it.
_TRIES = 100


@dataclass(frozen=True)
class Neuron:
    """One neuron of a teacher, as far as the task's own network decides it.

    Attributes:
        line: which hyperplane of its layer it bends on; side: 1 or -1, on which side it is active.
        shared: the first neuron of its hyperplane whose read-out is a multiple of its own; factor: of it.
        offset: whether the hyperplane misses the origin.
    """

    line: int
    side: int
    shared: int
    factor: float
    offset: bool


@dataclass(frozen=True)
class Pattern:
    """What a task's teachers have in common: the layers, which neurons share a hyperplane, and how they add up there.

    Attributes:
        sizes: of the teacher: inputs, hidden widths, outputs.
        layers: the neurons of each hidden layer.
        ranks: how many variables pass from each hidden layer to the next, or to the outputs.
        offset: whether the outputs have biases.

    Examples:
        The minimum, x1 - relu(x1 - x2), has one kink, and two neurons on one hyperplane that add up to a line.

        >>> from mathcircuits.detect import hand_derived
        >>> pattern = pattern_of(hand_derived("minimum"))
        >>> [(neuron.line, neuron.side, neuron.factor) for neuron in pattern.layers[0]], pattern.kinks
        ([(0, 1, 1.0), (1, 1, 1.0), (1, -1, -1.0)], (1,))
    """

    sizes: tuple[int, ...]
    layers: tuple[tuple[Neuron, ...], ...]
    ranks: tuple[int, ...]
    offset: bool

    @property
    def kinks(self) -> tuple[int, ...]:
        """The hyperplanes of each layer on which the function bends: the read-outs of two sides may cancel."""
        return tuple(len(_bending(layer)) for layer in self.layers)


def pattern_for(task: Task, hidden: Sequence[int]) -> Pattern:
    """The pattern of a task's teachers.

    It is that of the task's hand-derived network. A task without one that is affine on its box has affine teachers, and
    any other one teachers with a kink for every neuron of the smallest network known for it, or of `hidden`.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> pattern_for(tasks["addition"], (8,)).kinks, pattern_for(tasks["minimum-of-4"], (6, 3)).kinks
        ((0,), (2, 1))
        >>> pattern_for(Task("wave", 1, "sin(x1)"), (5,)).kinks
        (5,)
    """
    if task.hand_derived is not None:
        return pattern_of(task.hand_derived)
    X = comparison_points(task.box, _POINTS)
    values = np.asarray(task(X), dtype=float).reshape(len(X), -1)
    columns = np.column_stack([X, np.ones(len(X))])
    solution = np.linalg.lstsq(columns, values, rcond=None)[0]
    size = EQUAL * max(1.0, float(np.abs(values).max()))
    if np.abs(columns @ solution - values).max() <= size:
        return pattern_of(_affine(solution[:-1].T, solution[-1], size))
    # Without an offset f(x / 2) = f(x) / 2; the half of a point may lie outside a box that lacks the origin.
    low, high = np.array(task.box).T
    inside = ((low <= X / 2) & (high >= X / 2)).all(axis=1)
    halves = np.asarray(task(X[inside] / 2), dtype=float).reshape(-1, values.shape[1])
    straight = bool(inside.any()) and bool(np.abs(halves - values[inside] / 2).max() <= size)
    sizes = (task.arity, *(task.smallest or tuple(hidden)), task.outputs)
    layers = tuple(tuple(Neuron(k, 1, k, 1.0, not straight) for k in range(width)) for width in sizes[1:-1])
    ranks = tuple(min(pair) for pair in itertools.pairwise(sizes[1:]))
    return Pattern(sizes, layers, ranks, not straight)


def pattern_of(network: Network) -> Pattern:
    """The pattern of a ReLU network: each neuron's hyperplane up to its place, and its read-out up to a factor."""
    layers = []
    for k, size in enumerate(network.sizes[1:-1]):
        rows = np.column_stack([network.weights[k], network.bias_vectors[k]])
        length = np.linalg.norm(rows, axis=1)
        unit = rows / np.where(length > 0.0, length, 1.0)[:, None]
        # What the next layer sees of a neuron: a longer row counts as a larger read-out.
        seen = network.weights[k + 1] * length
        neurons: list[Neuron] = []
        firsts: list[int] = []
        for unit_at in range(size):
            cosines = unit[firsts] @ unit[unit_at] if firsts else np.zeros(0)
            at = np.flatnonzero(np.abs(cosines) > 1.0 - EQUAL)
            line = int(at[0]) if len(at) else len(firsts)
            if not len(at):
                firsts.append(unit_at)
            side = 1 if not len(at) or cosines[at[0]] > 0.0 else -1
            shared, factor = unit_at, 1.0
            for other, neuron in enumerate(neurons):
                multiple = _multiple(seen[:, unit_at], seen[:, other])
                if neuron.line == line and neuron.shared == other and multiple is not None:
                    shared, factor = other, multiple
                    break
            neurons.append(Neuron(line, side, shared, round(factor, 9), bool(abs(unit[unit_at, -1]) > EQUAL)))
        layers.append(tuple(neurons))
    ranks = tuple(max(1, int(np.linalg.matrix_rank(w))) for w in network.weights[1:])
    return Pattern(network.sizes, tuple(layers), ranks, bool(np.abs(network.bias_vectors[-1]).max() > EQUAL))


def draw_teachers(pattern: Pattern, *, box: Box, spread: npt.ArrayLike, count: int, seed: int) -> Stack:
    """Random networks of a pattern: hyperplanes of any direction, read-outs of any sign.

    Directions are isotropic in units of the box. A hyperplane that misses the origin goes through a random point of the
    box. Each output has the standard deviation that the task's has.

    Args:
        pattern: what they have in common.
        box: the inputs' box.
        spread: the standard deviation of each output on the box.
        count: how many.
        seed: of the draws.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> pattern = pattern_for(tasks["addition"], (2,))
        >>> box = tasks["addition"].box
        >>> teacher = draw_teachers(pattern, box=box, spread=[1.0], count=1, seed=0).network(0)
        >>> X = comparison_points(box, 4)
        >>> bool(np.allclose(teacher(X) / 2, teacher(X / 2))), bool(np.allclose(teacher(X), -teacher(-X)))
        (True, True)
    """
    rng = np.random.default_rng(seed)
    X = comparison_points(box, _POINTS)
    wanted = np.asarray(spread, dtype=float)
    return Stack.of([_teacher(pattern, box, X, wanted, rng) for _ in range(count)])


class Targets:
    """What teachers ask for, one each for as many networks that train at once.

    Examples:
        >>> teachers = Stack.of([Network([[[1.0]], [[k]]]) for k in (1.0, 2.0)])
        >>> Targets(teachers)(torch.ones(5, 1, 1, 3)).shape
        torch.Size([5, 2, 1, 3])
    """

    def __init__(self, teachers: Stack) -> None:
        self.teachers = teachers
        self.weights = [torch.tensor(w, dtype=torch.float32) for w in teachers.weights]
        self.biases = [torch.tensor(b, dtype=torch.float32)[:, :, None] for b in teachers.biases]

    def __len__(self) -> int:
        return len(self.teachers)

    def __call__(self, x: Tensor) -> Tensor:
        """Targets [batch, net, outputs, sample] at inputs [batch, net or 1, d, sample]."""
        h, last = x, len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = (weight.to(x.dtype) @ h).add_(bias.to(x.dtype))
            h = h if layer == last else h.relu_()
        return h


def _teacher(pattern: Pattern, box: Box, X: Array, spread: Array, rng: np.random.Generator) -> Network:
    low, high = np.array(box).T
    weights: list[Array] = []
    biases: list[Array] = []
    z, reach = X, 2.0 / (high - low)
    into = np.eye(len(box))
    for layer, rank in zip(pattern.layers, pattern.ranks, strict=True):
        lines: dict[int, Array] = {}
        through: dict[int, Array] = {}
        bending = _bending(layer)
        for neuron in layer:
            if neuron.line not in lines:
                # A point that the hyperplane goes through: the origin, or the image of a random one of the box.
                at = z[rng.integers(len(z))] if neuron.offset else np.zeros(z.shape[1])
                lines[neuron.line] = _normal(z - at, reach, rng, crossing=neuron.line in bending)
                through[neuron.line] = at
        rows = np.array([neuron.side * lines[neuron.line] for neuron in layer])
        bias = -(rows * np.array([through[neuron.line] for neuron in layer])).sum(axis=1)
        weights.append(rows @ into)
        biases.append(bias)
        drawn: dict[int, Array] = {}
        for neuron in layer:
            if neuron.shared not in drawn:
                column = rng.normal(size=rank)
                drawn[neuron.shared] = column / np.linalg.norm(column) * rng.uniform(*_STRENGTH)
        into = np.array([neuron.factor * drawn[neuron.shared] for neuron in layer]).T
        z = np.maximum(z @ rows.T + bias, 0.0) @ into.T
        # The next hyperplanes are isotropic in units of these variables.
        reach = 1.0 / np.maximum(z.std(axis=0), EQUAL)
    out = (
        rng.normal(size=(len(spread), into.shape[0])) if into.shape[0] < len(spread) else np.eye(len(spread))
    )
    values = z @ out.T
    scale = spread / np.maximum(values.std(axis=0), EQUAL)
    weights.append((out @ into) * scale[:, None])
    biases.append(-(values * scale).mean(axis=0) if pattern.offset else np.zeros(len(spread)))
    return Network(weights, biases)


def _bending(layer: Sequence[Neuron]) -> frozenset[int]:
    """The hyperplanes of a layer on which its read-out bends: that of the two sides may cancel."""
    bends: dict[tuple[int, int], float] = {}
    for neuron in layer:
        place = neuron.line, neuron.shared
        bends[place] = bends.get(place, 0.0) + neuron.factor
    return frozenset(line for (line, _), bend in bends.items() if abs(bend) > EQUAL)


def _normal(z: Array, reach: Array, rng: np.random.Generator, *, crossing: bool) -> Array:
    """A random normal, of a hyperplane that parts the points z where it has to cross them and can."""
    for _ in range(_TRIES):
        drawn = rng.normal(size=z.shape[1])
        normal = np.asarray(drawn / np.linalg.norm(drawn) * reach)
        if not crossing or len(set(np.sign(z @ normal))) > 1:
            break
    return normal


def _affine(slopes: Array, constant: Array, size: float) -> Network:
    """An affine function as pairs of neurons, one pair for each direction that it depends on."""
    u, s, directions = np.linalg.svd(slopes)
    rank = max(1, int((s > size).sum()))
    rows, columns = directions[:rank], u[:, :rank] * s[:rank]
    bias = np.where(np.abs(constant) > size, constant, 0.0)
    return Network([np.vstack([rows, -rows]), np.hstack([columns, -columns])], [np.zeros(2 * rank), bias])


def _multiple(a: Array, b: Array) -> float | None:
    """The c with a = c b; None where there is none."""
    square = float(b @ b)
    if not square > 0.0:
        return None
    c = float(a @ b) / square
    return c if float(np.abs(a - c * b).max()) <= EQUAL * float(np.abs(a).max()) and c != 0.0 else None
