"""Circuit similarity of networks with two hidden layers: features of the last layer, and the edges into them.

A network is read as two signed measures (docs/mathematics.md, Circuit similarity, carried over to edges):

- the neurons of the last hidden layer, as functions of the inputs: shape u_k, mass `sign(v) sd(v h_k)` per output;
- its effective edges: the pre-activation of every such neuron is a one-hidden-layer network of its own, whose reduced
  atoms (`mechanisms.py`: antiparallel pairs turned into the linear parts that they carry) are the sources. An edge has
  a source shape, a target shape, the source's mass in the target's own units, and the target's mass.

Both measures add up, so permutation, positive rescaling, splitting and dead neurons drop out in either layer. Edges are
compared by the product of the kernels of source and target. Of the two similarities the smaller counts. The last
layer is compared as it is: a linear part that a pair of its neurons carries is not reduced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box, BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import ROUNDING
from .criteria import TAU
from .mechanisms import Mechanism, mechanism, quadrature

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class DeepMechanism:
    """A network with two hidden layers as signed measures over its last layer and over the edges into it.

    Attributes:
        box: one (low, high) per input; outputs: their number.
        shapes: [k, points] centred unit-length shapes of the last layer's neurons.
        masses: [k, outputs] signed standard deviations of what each adds to each output.
        sources: the reduced atoms of every neuron's pre-activation, in that neuron's own standard deviation.

    Examples:
        >>> from ..features.task import hand_derived
        >>> deep_mechanism(hand_derived("minimum-of-4"))
        DeepMechanism(3 neurons, 7 edges)
    """

    box: Box
    outputs: int
    shapes: Array
    masses: Array
    sources: tuple[tuple[Array, Array], ...]

    @property
    def empty(self) -> bool:
        """Whether the network's function is constant on the box."""
        return not len(self.shapes)

    @cached_property
    def _own(self) -> dict[float, tuple[float, float]]:
        """By tau the products with itself, which every comparison needs."""
        return {}

    def own(self, tau: float = TAU) -> tuple[float, float]:
        """The products with itself: of the last layer, and of the edges."""
        if tau not in self._own:
            layer, edges = _products([self], [self], tau)
            self._own[tau] = float(layer[0, 0]), float(edges[0, 0])
        return self._own[tau]

    def similarity(self, other: DeepMechanism, tau: float = TAU) -> float:
        """The smaller of the similarities of the last layers and of the edges, in [0, 1].

        Raises:
            InputError: where the two were measured on different boxes or have different outputs.
        """
        return float(deep_similarities([self], [other], tau)[0, 0])

    def __repr__(self) -> str:
        return f"DeepMechanism({len(self.shapes)} neurons, {sum(len(a) for a, _ in self.sources)} edges)"


def deep_mechanism(network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0)) -> DeepMechanism:
    """The signed measures of a network with two hidden layers of ReLU.

    Args:
        network: the network.
        box: (low, high) for all inputs or one pair each.

    Raises:
        InputError: for other depths and activations.
    """
    net = as_network(network)
    if len(net.weights) != 3 or any(name != "relu" for name in net.activations):
        raise InputError(f"{net}: edges are compared between networks with two hidden layers of ReLU")
    bounds = as_box(box, net.inputs)
    X = quadrature(bounds)
    lower = Network(net.weights[:2], net.bias_vectors[:2], net.activations[0])
    z = lower(X)
    h = np.maximum(z, 0.0)
    sd = h.std(axis=0)
    mass = sd[:, None] * net.weights[2].T
    size = float(np.abs(mass).max(initial=0.0))
    live = (sd > ROUNDING * np.abs(z).max(axis=0)) & (np.abs(mass).max(axis=1) > ROUNDING * size)
    below: Mechanism = mechanism(lower, box=bounds)
    centred = h[:, live] - h[:, live].mean(axis=0)
    return DeepMechanism(
        bounds,
        net.outputs,
        (centred / np.linalg.norm(centred, axis=0)).T,
        mass[live],
        tuple((below.masses[k] / sd[k], below.shapes[k]) for k in np.flatnonzero(live)),
    )


def deep_similarities(
    first: Sequence[DeepMechanism], second: Sequence[DeepMechanism], tau: float = TAU
) -> Array:
    """`DeepMechanism.similarity` of all pairs [m, k].

    Raises:
        InputError: where they were measured on different boxes or have different outputs.

    Examples:
        >>> from ..features.task import hand_derived
        >>> four = hand_derived("minimum-of-4")
        >>> order = [4, 2, 0, 1, 3, 5]
        >>> moved = Network([four.weights[0][order] * 2, four.weights[1][:, order] / 2, four.weights[2]])
        >>> round(deep_similarities([deep_mechanism(four)], [deep_mechanism(moved)]).item(), 9)
        1.0
    """
    everyone = (*first, *second)
    if len({(m.box, m.outputs) for m in everyone}) > 1:
        raise InputError("deep mechanisms of several boxes or numbers of outputs: measure all of them alike")
    if not first or not second:
        return np.zeros((len(first), len(second)))
    scores = np.ones((len(first), len(second)))
    for kind, product in enumerate(_products(first, second, tau)):
        own = [np.array([m.own(tau)[kind] for m in group]) for group in (first, second)]
        largest = np.maximum.outer(*own)
        # No edges on either side: biases alone feed the last layer, and there is nothing to tell apart.
        ratio = np.where(largest > 0, product / np.where(largest > 0, largest, 1.0), 1.0)
        scores = np.minimum(scores, np.clip(ratio, 0.0, 1.0))
    empty = [np.array([m.empty for m in group], dtype=bool) for group in (first, second)]
    scores = np.where(np.logical_or.outer(*empty), 0.0, scores)
    return np.asarray(np.where(np.logical_and.outer(*empty), 1.0, scores))


def _products(
    first: Sequence[DeepMechanism], second: Sequence[DeepMechanism], tau: float
) -> tuple[Array, Array]:
    """Kernel inner products of the last layers and of the edges, of all pairs [m, k]."""
    (u, a, i, s, c, p), (v, b, j, t, d, q) = (_joined(group) for group in (first, second))
    targets = _kernel(u, v, tau) * (a @ b.T)
    flow = p.T @ (_kernel(s, t, tau) * np.outer(c, d)) @ q
    return i.T @ targets @ j, i.T @ (targets * flow) @ j


def _joined(group: Sequence[DeepMechanism]) -> tuple[Array, Array, Array, Array, Array, Array]:
    """The neurons of several networks (shapes, masses, whose) and their sources (shapes, masses, whose neuron's)."""
    sources = [source for m in group for source in m.sources]
    points = group[0].shapes.shape[1]
    return (
        np.concatenate([m.shapes for m in group]),
        np.concatenate([m.masses for m in group]),
        np.repeat(np.eye(len(group)), [len(m.shapes) for m in group], axis=0),
        np.concatenate([np.zeros((0, points)), *(shapes for _, shapes in sources)]),
        np.concatenate([np.zeros(0), *(masses for masses, _ in sources)]),
        np.repeat(np.eye(len(sources)), [len(masses) for masses, _ in sources], axis=0),
    )


def _kernel(u: Array, v: Array, tau: float) -> Array:
    return np.asarray(np.exp((np.minimum(u @ v.T, 1.0) - 1.0) / tau))
