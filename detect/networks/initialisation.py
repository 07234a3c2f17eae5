"""Untrained networks, drawn many at a time from an initialisation law; the panels of nulls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import UnknownNameError
from .architecture import Architecture
from .stacks import Stack

Array = npt.NDArray[np.float64]

#: Init laws of an untrained network, by name (see `untrained`).
LAWS = ("uniform", "normal")


def untrained(architecture: Architecture, count: int, law: str, rng: np.random.Generator) -> Stack:
    """Draw untrained networks.

    Args:
        architecture: the shape.
        count: how many.
        law: `"uniform"`, torch.nn.Linear's default, U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and
            biases; or `"normal"`, the isotropic law of the same variance, N(0, 1 / (3 fan_in)).
        rng: the generator.

    Raises:
        UnknownNameError: for another law.

    Examples:
        >>> shape = Architecture((2, 3, 1), ("relu",), (False, False))
        >>> stack = untrained(shape, 4, "uniform", np.random.default_rng(0))
        >>> [w.shape for w in stack.weights], bool(abs(stack.weights[0]).max() < 1 / np.sqrt(2))
        ([(4, 3, 2), (4, 1, 3)], True)
    """
    if law not in LAWS:
        raise UnknownNameError("init law", law, LAWS, f"known: {', '.join(LAWS)}")

    def draw(shape: tuple[int, ...], fan_in: int) -> Array:
        bound = 1.0 / np.sqrt(fan_in)
        if law == "uniform":
            return rng.uniform(-bound, bound, shape)
        return rng.normal(0.0, bound / np.sqrt(3.0), shape)

    weights, biases = [], []
    for fan_in, out, has_bias in zip(
        architecture.sizes, architecture.sizes[1:], architecture.bias, strict=False
    ):
        weights.append(draw((count, out, fan_in), fan_in))
        biases.append(draw((count, out), fan_in) if has_bias else np.zeros((count, out)))
    return Stack(architecture, tuple(weights), tuple(biases))


def known_laws(init: str | None) -> tuple[str, ...]:
    """The init laws to compare with: the one that is known, or with None all of them, whose largest p then counts."""
    return LAWS if init is None else (init,)


def lazy_networks(stack: Stack, X: Array, target: Array, count: int, law: str, seed: int) -> Stack:
    """Networks with random hidden layers and the least-squares read-out of the target [n, outputs] on X."""
    panel = untrained(stack.architecture, count, law, np.random.default_rng([seed, count]))
    h = panel.forward(X).post[-1]
    biased = stack.architecture.bias[-1]
    read, offset = [], []
    for k in range(count):
        columns = np.hstack([h[k], np.ones((len(X), 1))]) if biased else h[k]
        weights = np.linalg.lstsq(columns, target, rcond=None)[0]
        read.append(weights[: h.shape[2]].T)
        offset.append(weights[h.shape[2]] if biased else np.zeros(target.shape[1]))
    return Stack(
        panel.architecture, (*panel.weights[:-1], np.stack(read)), (*panel.biases[:-1], np.stack(offset))
    )
