"""Null networks that keep each neuron's own offset and scale, and redraw its direction alone.

An initialisation law says where untrained neurons point and how far their kinks lie from the origin. Only the first is
what a match is about; the second differs between libraries (biases of zero), scales and trained networks. So the
offset b / |w| of every neuron is kept, and its direction is drawn again (docs/understand/evidence.md, The null).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ...networks.box import Box
from ...networks.initialisation import untrained
from ...networks.nonlinearities import leaky_slope, unit_slopes
from ...networks.stacks import Stack
from .constructed import construction, same_construction

Array = npt.NDArray[np.float64]


def scale_free(activation: str) -> bool:
    """Whether a(c z) = c a(z) for c > 0, so that a neuron's scale can be moved to the weights that read it.

    Examples:
        >>> scale_free("relu"), scale_free("leaky_relu(0.2)"), scale_free("tanh")
        (True, True, False)
    """
    return (
        activation in {"relu", "identity"}
        or leaky_slope(activation) is not None
        or unit_slopes(activation) is not None
    )


def lengths(stack: Stack) -> tuple[Array, ...]:
    """The length of each hidden neuron's incoming weights [networks, units] per block, after the scales below it.

    Where the layer below is scale-free its neurons count as of unit length: a positive rescaling of neurons then
    rescales their lengths, and changes no offset b / length.

    Examples:
        >>> from ...networks.network import Network
        >>> one = Network([[[3.0, 4.0]], [[1.0]], [[1.0]]])
        >>> other = Network([[[30.0, 40.0]], [[0.1]], [[1.0]]])
        >>> [n.round(6).tolist() for n in lengths(Stack.of([one, other]))]
        [[[5.0], [50.0]], [[5.0], [5.0]]]
    """
    below = np.ones((len(stack), stack.architecture.sizes[0]))
    found = []
    for weights, activation in zip(stack.weights, stack.architecture.activations, strict=False):
        length = np.sqrt(((weights * below[:, None, :]) ** 2).sum(axis=2))
        found.append(length)
        below = length if scale_free(activation) else np.ones_like(length)
    return tuple(found)


def redrawn(
    stack: Stack,
    copies: int,
    law: str,
    rng: np.random.Generator,
    origin: Array | None = None,
    *,
    constructed: bool = False,
) -> Stack:
    """Networks that keep the offsets and scales of these and point elsewhere.

    The `copies` of one network follow one another.

    Per hidden layer the rows are drawn from the law. Each neuron keeps its offset b / |w| with its sign, lengths being
    those of `lengths`; where the activation is not scale-free it keeps |w| and b themselves. The read-out keeps the
    |v| |w| of each neuron, in every output. Long rows of a cube are diagonal, so the k-th largest |v| |w| of the draw
    goes to the neuron whose own is the k-th largest.

    With one input there are two directions only. There the offsets are drawn again as well, on the layer's own
    scale: the ratio of the root mean squares of biases and weights.

    Args:
        stack: N networks.
        copies: C; how many are drawn for each.
        law: where the directions come from, see `untrained`.
        rng: the generator.
        origin: the point [d] from which the first layer's offsets are measured; by default that of the inputs.
        constructed: whether layers that were pruned or quantised keep their zeros or their grid.

    Returns:
        N * C networks of the shape, the copies of one network in a row; PReLU layers have their mean slope.

    Examples:
        >>> from ...networks.network import Network
        >>> net = Network([[[3.0, 4.0], [1.0, 0.0]], [[1.0, -2.0]]], [[5.0, 0.0], None])
        >>> null = redrawn(Stack.of([net]), 2, "normal", np.random.default_rng(0))
        >>> length = np.linalg.norm(null.weights[0], axis=2)
        >>> (null.biases[0] / length).round(6).tolist()
        [[1.0, 0.0], [1.0, 0.0]]
        >>> (null.weights[1][:, 0] * length).round(6).tolist()
        [[5.0, -2.0], [5.0, -2.0]]
    """
    own = stack.architecture
    shape = Architecture(own.sizes, own.null_activations, own.bias)
    drawn = untrained(shape, copies * len(stack), law, rng)
    weights = list(drawn.weights)
    biases = [np.repeat(b, copies, axis=0) for b in stack.biases]
    if origin is not None:
        biases[0] = biases[0] + np.repeat(stack.weights[0] @ origin, copies, axis=0)
    made = np.zeros((len(drawn), len(weights)), dtype=bool)
    for i, k in constructed_layers(stack) if constructed else ():
        rows = slice(i * copies, (i + 1) * copies)
        weights[k][rows] = same_construction(stack.weights[k][i], copies, law, rng)
        made[rows, k] = True
    kept, below = lengths(stack), np.ones((len(drawn), own.sizes[0]))
    for k, activation in enumerate(shape.activations):
        length = np.repeat(kept[k], copies, axis=0)
        mass = np.repeat(masses(stack.weights[k + 1], kept[k], last=k + 1 == len(kept)), copies, axis=0)
        new = _row_lengths(weights[k], below)
        order = _ranked(masses(weights[k + 1], new, last=k + 1 == len(kept)), mass)
        # Rows of a construction belong to their neurons.
        order = np.where(made[:, [k]], np.arange(order.shape[1]), order)
        weights[k] = np.take_along_axis(weights[k], order[:, :, None], axis=1)
        weights[k + 1] = np.take_along_axis(weights[k + 1], order[:, None, :], axis=2)
        new = _row_lengths(weights[k], below)
        if own.sizes[k] == 1:
            biases[k] = drawn.biases[k] * _own_scale(biases[k], length, below, free=scale_free(activation))
        elif scale_free(activation):
            biases[k] = biases[k] * _ratio(new, length)
        if scale_free(activation):
            below = new
        else:
            weights[k] = weights[k] * _ratio(length, new)[:, :, None]
            below = np.ones_like(new)
    if origin is not None:
        biases[0] = biases[0] - weights[0] @ origin
    read = np.repeat(stack.weights[-1], copies, axis=0)
    if kept and scale_free(shape.activations[-1]):
        read = read * _ratio(np.repeat(kept[-1], copies, axis=0), below)[:, None, :]
    weights[-1] = read
    return Stack(shape, tuple(weights), tuple(biases))


def _row_lengths(weights: Array, below: Array) -> Array:
    """Lengths [networks, units] of rows [networks, units, width] after the scales below [networks, width]."""
    return np.asarray(np.sqrt(((weights * below[:, None, :]) ** 2).sum(axis=2)))


def constructed_layers(stack: Stack) -> list[tuple[int, int]]:
    """The hidden layers that were pruned or quantised, as (network, block).

    Examples:
        >>> from ...networks.network import Network
        >>> rows = np.round(4 * np.random.default_rng(0).normal(size=(8, 2)))
        >>> constructed_layers(Stack.of([Network([rows, np.ones((1, 8))])]))
        [(0, 0)]
    """
    return [
        (i, k)
        for k in range(len(stack.weights) - 1)
        for i in range(len(stack))
        if construction(stack.weights[k][i]) is not None
    ]


def masses(reading: Array, length: Array, *, last: bool) -> Array:
    """How much each neuron is read [networks, units]: |v| |w| in the outputs, or its share in the neurons of the next
    layer, each of unit length.

    Args:
        reading: the weights of what reads it [networks, out, units]; length: of its own incoming weights.
        last: whether that is the outputs.

    Examples:
        >>> masses(np.array([[[3.0, 1.0]], [[0.0, 2.0]]]), np.array([[2.0, 1.0], [1.0, 1.0]]), last=True).tolist()
        [[6.0, 1.0], [0.0, 2.0]]
    """
    weighed = reading * length[:, None, :]
    if not last:
        weighed = weighed * _ratio(np.ones(weighed.shape[:2]), np.linalg.norm(weighed, axis=2))[:, :, None]
    return np.asarray(np.linalg.norm(weighed, axis=1))


def _ranked(drawn: Array, own: Array) -> npt.NDArray[np.intp]:
    """Which drawn neuron each neuron gets [networks, units]: the one of the same rank."""
    order = np.empty(own.shape, dtype=np.intp)
    np.put_along_axis(order, own.argsort(axis=1, kind="stable"), drawn.argsort(axis=1, kind="stable"), axis=1)
    return order


def _ratio(above: Array, below: Array) -> Array:
    """above / below, and 0 where below is 0: a neuron without weights has no offset."""
    return np.asarray(np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), 0.0))


def _own_scale(biases: Array, length: Array, below: Array, *, free: bool) -> Array:
    """What a draw of biases behind one input or neuron is multiplied by [networks, 1], so that they are as large beside
    the weights, in the root mean square, as the layer's own: both laws draw them like the weights."""
    size, beside = (np.sqrt((values**2).mean(axis=1, keepdims=True)) for values in (biases, length))
    return _ratio(size, beside) * below if free else size * np.sqrt(3.0)


def nearest_point(box: Box) -> Array:
    """The point of the box that is nearest to the inputs' origin [d], from which offsets are measured.

    Untrained kinks with biases of zero run through the origin. Of a box that does not hold it they would all miss the
    same side, whatever the directions.

    Examples:
        >>> nearest_point(((-1.0, 1.0), (2.0, 3.0))).tolist()
        [0.0, 2.0]
    """
    return np.array([min(max(0.0, low), high) for low, high in box])
