"""What a neuron does: ablation, and substitution by its feature.

Everything here runs on plain weights; `mathcircuits.models.networks.interventions` does the same through
TransformerLens hooks, and a test holds the two together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..networks.stacks import Forward, Stack

Array = npt.NDArray[np.float64]


def mean_ablation(stack: Stack, forward: Forward, block: int) -> Array:
    """The squared error that mean ablation of each neuron causes, over the output variance: [networks, units].

    Each neuron in turn is held at its mean over the samples; error and variance are summed over outputs.
    1 - contribution is not additive over neurons: two copies of one neuron each cost little alone.

    Examples:
        >>> from ..networks.network import Network
        >>> stack = Stack.of([Network(weights=[[[1.0], [-1.0]], [[1.0, 0.0]]])])
        >>> X = np.linspace(-1, 1, 101)[:, None]
        >>> mean_ablation(stack, stack.forward(X), 0).round(6).tolist()
        [[1.0, 0.0]]
    """
    h = forward.post[block]
    variance = forward.outputs.var(axis=1).sum(axis=1)
    if block == len(forward.post) - 1:
        error = h.var(axis=1) * (stack.weights[-1] ** 2).sum(axis=1)
    else:
        error = np.stack(
            [_error(stack, forward, block, j, h[..., j].mean(axis=1)[:, None]) for j in range(h.shape[2])], 1
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance[:, None] > 0, error / variance[:, None], np.nan)


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
        ablated = _error(stack, forward, block, j, h[..., j].mean(axis=1)[:, None])
        replaced = _error(stack, forward, block, j, values[..., j])
        with np.errstate(divide="ignore", invalid="ignore"):
            result[:, j] = np.where(ablated > 0, 1.0 - replaced / ablated, np.nan)
    return result


def _error(stack: Stack, forward: Forward, block: int, neuron: int, replacement: Array) -> Array:
    """Mean squared change of the outputs [networks] when a neuron is replaced."""
    h = forward.post[block].copy()
    h[..., neuron] = replacement
    changed = stack.after(block, h) - forward.outputs
    return np.asarray((changed**2).mean(axis=1).sum(axis=1))
