"""What a neuron does: ablation, and substitution by its feature.

Everything here runs on plain weights; `mathcircuits.models.networks.interventions` does the same through
TransformerLens hooks, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..networks.stacks import Forward, Stack
from .correlations import unit_vectors
from .criteria import HELD, LEAST_PART

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def one_feature(post: Array, unit: Array | None = None) -> Mask:
    """Which neurons of a layer are one feature, split: [networks, units, units], each neuron with itself.

    Two neurons are where `1 - r^2 <= HELD` with r > 0: in a first layer of ReLUs those of one hyperplane and side.

    Args:
        post: activations [networks, n, units].
        unit: their centred unit vectors, where they are there already.

    Examples:
        >>> x = np.linspace(-1, 1, 101)[:, None]
        >>> one_feature(np.maximum(np.hstack([x, 3 * x, -x]), 0)[None]).astype(int).tolist()
        [[[1, 1, 0], [1, 1, 0], [0, 0, 1]]]
    """
    if unit is None:
        _, _, unit = unit_vectors(post)
    r = unit.transpose(0, 2, 1) @ unit
    return np.asarray(((r > 0.0) & (1.0 - r**2 <= HELD)) | np.eye(post.shape[2], dtype=bool))


def mean_ablation(stack: Stack, forward: Forward, block: int, together: Mask | None = None) -> Array:
    """The squared error that mean ablation of each neuron causes, over the output variance: [networks, units].

    Each neuron in turn is held at its mean over the samples; error and variance are summed over outputs. The error is
    not additive over neurons: two copies of one neuron cost a quarter each alone.

    Args:
        together: which neurons are held with each [networks, units, units], as `one_feature` says; each alone without.
            So is one that carries next to nothing of what they do together (`LEAST_PART`).

    Examples:
        >>> from ..networks.network import Network
        >>> stack = Stack.of([Network(weights=[[[1.0], [-1.0]], [[1.0, 0.0]]])])
        >>> X = np.linspace(-1, 1, 101)[:, None]
        >>> mean_ablation(stack, stack.forward(X), 0).round(6).tolist()
        [[1.0, 0.0]]
        >>> stack = Stack.of([Network(weights=[[[1.0], [1.0], [-1.0]], [[0.5, 0.5, 0.0]]])])
        >>> forward = stack.forward(X)
        >>> mean_ablation(stack, forward, 0).round(6).tolist()
        [[0.25, 0.25, 0.0]]
        >>> mean_ablation(stack, forward, 0, one_feature(forward.post[0])).round(6).tolist()
        [[1.0, 1.0, 0.0]]
        >>> idle = Stack.of([Network(weights=[[[1.0], [1.0], [-1.0]], [[1.0, 0.0, 0.0]]])])
        >>> mean_ablation(idle, forward, 0, one_feature(forward.post[0])).round(6).tolist()
        [[1.0, 0.0, 0.0]]
    """
    found = _ablated(stack, forward, block, together)
    if together is None:
        return found
    members = together.sum(axis=2)
    if not (members > 1).any():
        return found
    alone = _ablated(stack, forward, block, None)
    idle = (members > 1) & (alone < (LEAST_PART / members) ** 2 * found)
    return np.where(idle, alone, found)


def _ablated(stack: Stack, forward: Forward, block: int, together: Mask | None) -> Array:
    h = forward.post[block]
    variance = forward.outputs.var(axis=1).sum(axis=1)
    if block < len(forward.post) - 1:
        held = np.eye(h.shape[2], dtype=bool)[None] if together is None else together
        mean = h.mean(axis=1, keepdims=True)
        error = np.stack(
            [_error(stack, forward, block, np.where(held[:, None, j], mean, h)) for j in range(h.shape[2])], 1
        )
    elif together is None:
        error = h.var(axis=1) * (stack.weights[-1] ** 2).sum(axis=1)
    else:
        centred, read = h - h.mean(axis=1, keepdims=True), stack.weights[-1]
        shared = (centred.transpose(0, 2, 1) @ centred / h.shape[1]) * (read.transpose(0, 2, 1) @ read)
        error = np.maximum(((together @ shared) * together).sum(axis=2), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance[:, None] > 0, error / variance[:, None], np.nan)


def joint_ablation(stack: Stack, forward: Forward, block: int, units: Sequence[int]) -> Array:
    """What `mean_ablation` of several neurons at once costs: [networks], over the output variance.

    Args:
        units: the neurons of the layer that are held at their means together.

    Examples:
        >>> from ..networks.network import Network
        >>> stack = Stack.of([Network(weights=[[[1.0], [1.0], [-1.0]], [[0.5, 0.5, 0.0]]])])
        >>> forward = stack.forward(np.linspace(-1, 1, 101)[:, None])
        >>> [joint_ablation(stack, forward, 0, units).round(6).tolist() for units in ([0], [0, 1], [2])]
        [[0.25], [1.0], [0.0]]
    """
    h = forward.post[block]
    held = h.copy()
    held[..., list(units)] = h[..., list(units)].mean(axis=1, keepdims=True)
    variance = forward.outputs.var(axis=1).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, _error(stack, forward, block, held) / variance, np.nan)


def substitution(stack: Stack, forward: Forward, block: int, values: Array) -> Array:
    """How much of each neuron's effect its feature recovers: [networks, units], at most 1.

    Each neuron in turn is replaced by `values` (its feature, scaled and shifted to fit):
    `1 - MSE(f, f_substituted) / MSE(f, f_ablated)`, f_ablated having the neuron at its mean.
    In the last non-linear layer this equals r^2 identically and would be no further evidence, so it is missing there.

    Args:
        values: what replaces each neuron, [networks, n, units].
    """
    h = forward.post[block]
    result = np.full(h.shape[::2], np.nan)
    if block >= max(stack.architecture.active, default=0):
        return result
    for j in range(h.shape[2]):
        ablated, replaced = (
            _error(stack, forward, block, _with(h, j, column))
            for column in (h[..., j].mean(axis=1)[:, None], values[..., j])
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            result[:, j] = np.where(ablated > 0, 1.0 - replaced / ablated, np.nan)
    return result


def _with(h: Array, neuron: int, column: Array) -> Array:
    """A layer's activations [networks, n, units] with another column for one neuron."""
    changed = h.copy()
    changed[..., neuron] = column
    return changed


def _error(stack: Stack, forward: Forward, block: int, h: Array) -> Array:
    """Mean squared change of the outputs [networks] when a layer has other activations [networks, n, units]."""
    changed = stack.after(block, h) - forward.outputs
    return np.asarray((changed**2).mean(axis=1).sum(axis=1))
