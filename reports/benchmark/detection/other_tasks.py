"""Networks trained on something that holds no feature of the catalogue, each on a target of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.networks import Stack, untrained

from .blanks import APART
from .planting import ridges, shape

if TYPE_CHECKING:
    from torch import Tensor

Array = npt.NDArray[np.float64]
#: Samples of a batch, and of the inputs that correlated and Gaussian networks are read on.
_BATCH, _READ = 64, 512
#: Networks that are trained at once: 8 MiB of activations.
_CHUNK = 1_000
#: The correlation of each input with each other, where they are correlated.
_CORRELATION = 0.6
#: Optimisers by name: Adam, Adam with a decay of the weights, and SGD with momentum. What they are given is what this
#: project's presets use, within a factor of three.
OPTIMISERS = ("adam", "adam + decay", "sgd")
_ADAM_RATE, _SGD_RATE, _MOMENTUM, _DECAY = 0.01, 0.02, 0.9, 1e-3


def off_catalogue(inputs: int, count: int, rng: np.random.Generator) -> Array:
    """Unit directions [count, d] at least 10 degrees from every ridge of the catalogue.

    Examples:
        >>> n = off_catalogue(2, 100, np.random.default_rng(0))
        >>> bool((n @ ridges(2)[1].T).max() <= np.cos(np.radians(10)))
        True
    """
    known = ridges(inputs)[1]
    found = np.empty((0, inputs))
    while len(found) < count:
        more = rng.normal(size=(2 * count, inputs))
        more /= np.linalg.norm(more, axis=1, keepdims=True)
        found = np.concatenate([found, more[(more @ known.T).max(axis=1) <= np.cos(np.radians(APART))]])
    return found[:count]


def inputs_of(law: str, d: int, rng: np.random.Generator, count: int = _READ) -> Array:
    """Inputs [count, d]: uniform on (-1, 1), Gaussian of the same variance, or Gaussian and correlated.

    Examples:
        >>> X = inputs_of("correlated", 2, np.random.default_rng(0), 10_000)
        >>> round(float(np.corrcoef(X.T)[0, 1]), 1)
        0.6
    """
    if law == "uniform":
        return rng.uniform(-1.0, 1.0, (count, d))
    X = rng.normal(0.0, 1.0 / np.sqrt(3.0), (count, d))
    if law == "gaussian":
        return X
    covariance = np.full((d, d), _CORRELATION) + (1.0 - _CORRELATION) * np.eye(d)
    return np.asarray(X @ np.linalg.cholesky(covariance).T)


def _ridge(d: int, count: int, rng: np.random.Generator) -> Callable[[Any], Any]:
    """relu(n . x), a teacher of one neuron."""
    n = _tensor(off_catalogue(d, count, rng))
    return lambda x: (x @ n[:, :, None])[..., 0].clamp(min=0.0)


def _quadratic(d: int, count: int, rng: np.random.Generator) -> Callable[[Any], Any]:
    """x'Ax + b'x with Gaussian A and b."""
    A, b = _tensor(rng.normal(size=(count, d, d))), _tensor(rng.normal(size=(count, d)))
    return lambda x: ((x @ A) * x).sum(dim=2) + (x @ b[:, :, None])[..., 0]


def _other_task(d: int, count: int, rng: np.random.Generator) -> Callable[[Any], Any]:
    """min(a . x, c . x), the minimum of two other variables, its kink off the catalogue."""
    kink = off_catalogue(d, count, rng)
    a, n = _tensor(rng.normal(size=(count, d))), _tensor(kink)
    return lambda x: (x @ a[:, :, None])[..., 0] - (x @ n[:, :, None])[..., 0].clamp(min=0.0)


#: Targets by name: of the number of inputs, of networks and a generator, functions of inputs [networks, batch, d].
TARGETS: Mapping[str, Callable[[int, int, np.random.Generator], Callable[[Any], Any]]] = {
    "relu teacher": _ridge,
    "quadratic": _quadratic,
    "other task": _other_task,
}


def trained(
    target: str,
    optimiser: str,
    law: str,
    inputs: int,
    width: int,
    count: int,
    steps: int,
    rng: np.random.Generator,
    *,
    bias: bool,
) -> Stack:
    """Networks of one hidden layer, each trained on a random target of its own and on fresh batches.

    SGD starts from biases of zero, as where that is the default; Adam from PyTorch's law. torch's optimisers work entry
    by entry, so that all networks train as one.

    Args:
        target: a name of `TARGETS`; optimiser: of `OPTIMISERS`; law: of the inputs, see `inputs_of`.

    Examples:
        >>> stack = trained("relu teacher", "adam", "uniform", 2, 8, 20, 50, np.random.default_rng(0), bias=True)
        >>> len(stack), stack.architecture.sizes
        (20, (2, 8, 1))
    """
    parts = [
        _chunk(target, optimiser, law, inputs, width, min(_CHUNK, count - at), steps, rng, bias=bias)
        for at in range(0, count, _CHUNK)
    ]
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    w, b, v, c = joined
    return Stack(shape(inputs, width, 1, bias), (w, v), (b, c))


def _chunk(
    target: str,
    optimiser: str,
    law: str,
    d: int,
    width: int,
    count: int,
    steps: int,
    rng: np.random.Generator,
    *,
    bias: bool,
) -> tuple[Array, Array, Array, Array]:
    import torch

    start = untrained(shape(d, width, 1, bias), count, "uniform", rng)
    first = np.zeros_like(start.biases[0]) if optimiser == "sgd" else start.biases[0]
    w, v = (_tensor(x).requires_grad_() for x in start.weights)
    b, c = (_tensor(x).requires_grad_(bias) for x in (first, start.biases[1]))
    moving = [w, v, b, c] if bias else [w, v]
    rule: torch.optim.Optimizer = (
        torch.optim.SGD(moving, _SGD_RATE, _MOMENTUM)
        if optimiser == "sgd"
        else torch.optim.Adam(moving, _ADAM_RATE, weight_decay=_DECAY if optimiser == "adam + decay" else 0.0)
    )
    values = TARGETS[target](d, count, rng)
    for _ in range(steps):
        # One batch for all: each network has a target of its own.
        x = _tensor(inputs_of(law, d, rng, _BATCH)).expand(count, -1, -1)
        hidden = torch.relu(x @ w.transpose(1, 2) + b[:, None, :])
        output = (hidden @ v.transpose(1, 2))[..., 0] + c
        loss = ((output - values(x)) ** 2).mean(dim=1).sum()
        rule.zero_grad()
        loss.backward()
        rule.step()
    weights, biases, read, offset = (x.detach().numpy().astype(np.float64) for x in (w, b, v, c))
    return weights, biases, read, offset


def _tensor(values: Array) -> Tensor:
    import torch

    return torch.tensor(values, dtype=torch.float32)
