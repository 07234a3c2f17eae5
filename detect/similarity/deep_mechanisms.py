"""Circuit similarity of networks with two hidden layers: features of the last layer, and the edges into them.

A network is read as two signed measures (docs/understand/similarity.md, Circuit similarity, carried over to edges):

- the neurons of the last hidden layer, as functions of the inputs: shape u_k, mass `sign(v) sd(v h_k)` per output;
- its effective edges: the pre-activation of every such neuron is a one-hidden-layer network of its own, whose reduced
  atoms (`mechanisms.py`: its kinks on their sides, and its affine part) are the sources. An edge has
  a source shape, a target shape, the source's mass in the target's own units, and the target's mass.

Permutation, positive rescaling, splitting and dead neurons drop out in either layer. Edges are compared by the product
of the kernels of source and target, those from kinks apart from those from affine parts. Of the three similarities the
smallest counts. The last layer is compared as it is: a linear part that a pair of its neurons carries is not reduced.
At the level of atoms the sources are the neurons of the first layer as they are, so that how a linear part is carried
counts there too.
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
from .criteria import FAINT_PART, TAU
from .kink_measures import shape_kernel
from .mechanisms import Level, Mechanism, mechanism, quadrature

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class DeepMechanism:
    """A network with two hidden layers as signed measures over its last layer and over the edges into it.

    Attributes:
        box: one (low, high) per input; outputs: their number.
        shapes: [k, points] centred unit-length shapes of the last layer's neurons.
        masses: [k, outputs] signed standard deviations of what each adds to each output.
        sources: the atoms of every neuron's pre-activation: masses in that neuron's own standard deviation, shapes, and
            which are kinks.
        level: of these atoms, as of a `Mechanism`.

    Examples:
        >>> from ..features.task import hand_derived
        >>> deep_mechanism(hand_derived("minimum-of-4"))
        DeepMechanism(3 neurons, 7 edges)
    """

    box: Box
    outputs: int
    shapes: Array
    masses: Array
    sources: tuple[tuple[Array, Array, npt.NDArray[np.bool_]], ...]
    level: Level = "reduced"

    @property
    def empty(self) -> bool:
        """Whether the network's function is constant on the box."""
        return not len(self.shapes)

    @cached_property
    def _own(self) -> dict[float, tuple[float, float, float]]:
        """By tau the products with itself, which every comparison needs."""
        return {}

    def own(self, tau: float = TAU) -> tuple[float, float, float]:
        """The products with itself: of the last layer, of the edges from kinks and of those from affine parts."""
        if tau not in self._own:
            layer, kinks, affine = _products([self], [self], tau)
            self._own[tau] = float(layer[0, 0]), float(kinks[0, 0]), float(affine[0, 0])
        return self._own[tau]

    def similarity(self, other: DeepMechanism, tau: float = TAU) -> float:
        """The smallest of the similarities of the last layers and of either kind of edges, in [0, 1].

        Raises:
            InputError: where the two were measured on different boxes or levels, or have different outputs.
        """
        return float(deep_similarities([self], [other], tau)[0, 0])

    def __repr__(self) -> str:
        return f"DeepMechanism({len(self.shapes)} neurons, {sum(len(a) for a, _, _ in self.sources)} edges)"


def deep_mechanism(
    network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0), level: Level = "reduced"
) -> DeepMechanism:
    """The signed measures of a network with two hidden layers of ReLU.

    Args:
        network: the network.
        box: (low, high) for all inputs or one pair each.
        level: of the sources of edges, as of `mechanism`.

    Raises:
        InputError: for other depths and activations, and unknown levels.
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
    below: Mechanism = mechanism(lower, box=bounds, level=level)
    centred = h[:, live] - h[:, live].mean(axis=0)
    return DeepMechanism(
        bounds,
        net.outputs,
        (centred / np.linalg.norm(centred, axis=0)).T,
        mass[live],
        tuple((below.masses[k] / sd[k], below.shapes[k], below.bent[k]) for k in np.flatnonzero(live)),
        level,
    )


def deep_similarities(
    first: Sequence[DeepMechanism], second: Sequence[DeepMechanism], tau: float = TAU
) -> Array:
    """`DeepMechanism.similarity` of all pairs [m, k].

    Raises:
        InputError: where they were measured on different boxes or levels, or have different outputs.

    Examples:
        >>> from ..features.task import hand_derived
        >>> four = hand_derived("minimum-of-4")
        >>> order = [4, 2, 0, 1, 3, 5]
        >>> moved = Network([four.weights[0][order] * 2, four.weights[1][:, order] / 2, four.weights[2]])
        >>> round(deep_similarities([deep_mechanism(four)], [deep_mechanism(moved)]).item(), 9)
        1.0
    """
    everyone = (*first, *second)
    if len({(m.box, m.outputs, m.level) for m in everyone}) > 1:
        raise InputError(
            "deep mechanisms of several boxes, levels or numbers of outputs: measure all of them alike"
        )
    if not first or not second:
        return np.zeros((len(first), len(second)))
    scores = np.ones((len(first), len(second)))
    own = [np.array([m.own(tau) for m in group]).T for group in (first, second)]
    edges = np.maximum.outer(*(products[1] + products[2] for products in own))
    for kind, product in enumerate(_products(first, second, tau)):
        largest = np.maximum.outer(own[0][kind], own[1][kind])
        against = largest if kind == 0 else np.maximum(largest, FAINT_PART * edges)
        # No edges on either side: biases alone feed the last layer, and there is nothing to tell apart.
        missed = np.divide(largest - product, against, out=np.zeros_like(against), where=against > 0)
        scores = np.minimum(scores, np.clip(1.0 - missed, 0.0, 1.0))
    empty = [np.array([m.empty for m in group], dtype=bool) for group in (first, second)]
    scores = np.where(np.logical_or.outer(*empty), 0.0, scores)
    return np.asarray(np.where(np.logical_and.outer(*empty), 1.0, scores))


def _products(
    first: Sequence[DeepMechanism], second: Sequence[DeepMechanism], tau: float
) -> tuple[Array, Array, Array]:
    """Kernel inner products [m, k] of the last layers, of the edges from kinks and of those from affine parts."""
    (u, a, i), (v, b, j) = (_neurons(group) for group in (first, second))
    targets = shape_kernel(u, v, tau) * (a @ b.T)
    edges = []
    for bent in (True, False):
        (s, c, p), (t, d, q) = (_sources(group, bent) for group in (first, second))
        flow = p.T @ (shape_kernel(s, t, tau) * np.outer(c, d)) @ q
        edges.append(i.T @ (targets * flow) @ j)
    return i.T @ targets @ j, edges[0], edges[1]


def _neurons(group: Sequence[DeepMechanism]) -> tuple[Array, Array, Array]:
    """The last layer's neurons of several networks: shapes, masses, and whose."""
    return (
        np.concatenate([m.shapes for m in group]),
        np.concatenate([m.masses for m in group]),
        np.repeat(np.eye(len(group)), [len(m.shapes) for m in group], axis=0),
    )


def _sources(group: Sequence[DeepMechanism], bent: bool) -> tuple[Array, Array, Array]:
    """The kinks (or affine parts) that feed those neurons: shapes, masses, and whose neuron's."""
    sources = [
        (masses[kinks == bent], shapes[kinks == bent]) for m in group for masses, shapes, kinks in m.sources
    ]
    length = group[0].shapes.shape[1] + len(group[0].box)
    return (
        np.concatenate([np.zeros((0, length)), *(shapes for _, shapes in sources)]),
        np.concatenate([np.zeros(0), *(masses for masses, _ in sources)]),
        np.repeat(np.eye(len(sources)), [len(masses) for masses, _ in sources], axis=0),
    )
