"""Blanks: networks that hold no feature of the catalogue, though some of them were trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Task
from mathcircuits.detect.networks import Stack
from mathcircuits.models import Regimen, as_regimen

from .planting import haar_rotations, ridges

Array = npt.NDArray[np.float64]
#: Degrees between a teacher's direction and every ridge of the catalogue, at least.
APART = 10.0
#: Samples whose labels are shuffled: a network of width 8 cannot learn them by heart, so it keeps moving.
SHUFFLED_SAMPLES = 256


def rotated(stack: Stack, copies: int, rng: np.random.Generator) -> Stack:
    """Each network `copies` times, the rows of its first layer rotated by Haar's law: the relations stay, the axes go.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> stack = rotated(Stack.of([hand_derived("minimum")]), 5, np.random.default_rng(0))
        >>> len(stack), np.linalg.norm(stack.weights[0], axis=2).round(6)[0].tolist()
        (5, [1.414214, 1.0, 1.0])
    """
    many = _repeated(stack, copies)
    first = many.weights[0] @ haar_rotations(many.architecture.sizes[0], len(many), rng)
    return Stack(many.architecture, (first, *many.weights[1:]), many.biases)


def permuted(stack: Stack, copies: int, rng: np.random.Generator) -> Stack:
    """Each network `copies` times, the entries of its first layer's matrix in random order.

    A trained layer's entries are no generic numbers: two of equal size, or one that is zero, fall into one row now and
    then, and that row is a feature. So these networks hold little, but not nothing.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> stack = permuted(Stack.of([hand_derived("minimum")]), 2, np.random.default_rng(0))
        >>> np.sort(stack.weights[0][1], axis=None).tolist()
        [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0]
    """
    many = _repeated(stack, copies)
    w = many.weights[0]
    mixed = rng.permuted(w.reshape(len(w), -1), axis=1).reshape(w.shape)
    return Stack(many.architecture, (mixed, *many.weights[1:]), many.biases)


def _repeated(stack: Stack, copies: int) -> Stack:
    return Stack(
        stack.architecture,
        tuple(np.repeat(w, copies, axis=0) for w in stack.weights),
        tuple(np.repeat(b, copies, axis=0) for b in stack.biases),
    )


def teacher(inputs: int, number: int) -> Task:
    """The task relu(n . x) with n at least 10 degrees from every ridge of the catalogue; `number` decides which.

    Examples:
        >>> task = teacher(2, 0)
        >>> task.name, task(np.zeros((3, 2))).shape
        ('teacher-2-0', (3, 1))
    """
    rng = np.random.default_rng([inputs, number, 10])
    _, directions = ridges(inputs)
    while True:
        n = rng.normal(size=inputs)
        n /= np.linalg.norm(n)
        if (directions @ n).max() <= np.cos(np.radians(APART)):
            break
    weights = n.tolist()

    def target(X: Any) -> Any:
        z = sum(weight * X[:, k] for k, weight in enumerate(weights))
        return (z + abs(z)) / 2

    return Task(name=f"teacher-{inputs}-{number}", arity=inputs, target=target)


def shuffled(inputs: int) -> tuple[Task, Regimen]:
    """The minimum of the inputs, its labels in random order, and a regimen that gives each network a set of its own.

    Networks that share one set agree on what they make of its noise: many seeds would be one draw.

    Examples:
        >>> task, regimen = shuffled(2)
        >>> X = np.random.default_rng(0).uniform(-1, 1, (256, 2))
        >>> y = task(X)[:, 0]
        >>> bool((np.sort(y) == np.sort(X.min(axis=1))).all()), bool((y == X.min(axis=1)).mean() < 0.1)
        (True, True)
    """

    def target(X: Any) -> Any:
        order = np.random.default_rng([inputs, len(X)]).permutation(len(X))
        lowest = X[:, 0]
        for k in range(1, inputs):
            # the smaller of two, for numpy and torch alike
            lowest = (lowest + X[:, k] - abs(lowest - X[:, k])) / 2
        return lowest[order]

    regimen = as_regimen("adam", samples=SHUFFLED_SAMPLES, stream="per-seed", name="adam on shuffled labels")
    return Task(name=f"shuffled-{inputs}", arity=inputs, target=target), regimen
