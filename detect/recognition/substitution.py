"""What substituting a template for a found circuit changes: an upper bound over the box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..exact.certificates import certify
from ..networks.composition import padded, side_by_side
from ..networks.network import Network
from .bound_templates import BoundCircuit, Planes, planes_near
from .found import FoundCircuit
from .variables import Trace, Variable

Array = npt.NDArray[np.float64]

#: Nodes of a search for a certificate: a network can hold many circuits.
_NODES = 1000


def substitution_bound(trace: Trace, found: FoundCircuit, time_limit: float) -> float:
    """An upper bound of the change of any output when the template takes the circuit's place.

    Of a part of a sum the neurons are turned onto the template's own hyperplanes and weights.

    Args:
        trace: of the network that it was found in.
        found: where its arguments are circuits, they are substituted too.
        time_limit: seconds.

    Returns:
        In units of the outputs. NaN inside a network with leaky ReLUs.
    """
    other: Network | list[str]
    if found.whole:
        return whole_bound(trace, found.variable, found.to_network(trace.network.inputs), time_limit)
    if any(trace.folded.slopes):
        return math.nan
    bound = BoundCircuit.at(found.circuit, found.inputs, trace.X)
    turned = _Turned.onto(_planes(bound), trace)
    if found.final:
        own, other = turned.change(trace, found, bound), ["0"] * len(np.atleast_2d(found.units))
    else:
        own, other = _network(trace.folded.layers), turned.network(trace)
    return certify(own, other, box=trace.box, time_limit=time_limit, search_limit=_NODES).upper


def whole_bound(trace: Trace, variable: Variable, template: Network, time_limit: float) -> float:
    """An upper bound of the change of any output when a network of the inputs takes a variable's place.

    Args:
        trace: of the network that has the variable.
        template: as many outputs as the variable has.
        time_limit: seconds.

    Returns:
        In units of the outputs. NaN inside a network with leaky ReLUs.
    """
    if variable.site.final:
        own, other = _outputs(trace.network, np.atleast_2d(variable.units)), template
    elif any(trace.folded.slopes):
        return math.nan
    else:
        own, other = trace.network, _grafted(trace, variable, template)
    return certify(own, other, box=trace.box, time_limit=time_limit, search_limit=_NODES).upper


def _network(layers: tuple[tuple[Array, Array], ...]) -> Network:
    return Network([W for W, _ in layers], [b for _, b in layers])


def _outputs(network: Network, units: Array) -> Network:
    """The network with combinations [k, outputs] of its outputs as its outputs."""
    if np.array_equal(units, np.eye(network.outputs)):
        return network
    return Network(
        [*network.weights[:-1], units @ network.weights[-1]],
        [*network.bias_vectors[:-1], units @ network.bias_vectors[-1]],
        network.activations,
    )


def _grafted(trace: Trace, variable: Variable, template: Network) -> Network:
    """The network with the template beside its first layers, its output in the variable's place."""
    site, layers = variable.site, trace.folded.layers
    below = _network((*layers[: site.level], (site.M, site.m)))
    both = side_by_side([below, padded(template, site.level)])
    c = variable.units
    p = c / (c @ c)
    # v + p (t - c.v): along c the template's value, elsewhere what was there.
    mixed = np.concatenate([np.eye(len(c)) - np.outer(p, c), p[:, None]], axis=1)
    head = (site.D @ mixed @ both.weights[-1], site.D @ mixed @ both.bias_vectors[-1] + site.e)
    first = tuple(zip(both.weights[:-1], both.bias_vectors[:-1], strict=True))
    return _network((*first, head, *layers[site.level + 1 :]))


def _planes(bound: BoundCircuit) -> Planes:
    """Where the template's neurons bend; those of a linear one at the hyperplane through the origin."""
    if len(bound.planes.d):
        return bound.planes
    return Planes((bound.affine / np.linalg.norm(bound.affine))[None], np.zeros(1))


@dataclass(frozen=True, eq=False)
class _Turned:
    """The first hidden layer with those of its neurons that are near a template's hyperplanes turned onto them.

    Attributes:
        neurons: [k] which are turned; place: [k] onto which hyperplane; lengths: [k] of their weights.
        W, b: [m, d], [m] the layer, turned.
    """

    neurons: npt.NDArray[np.intp]
    place: npt.NDArray[np.intp]
    lengths: Array
    W: Array
    b: Array

    @classmethod
    def onto(cls, planes: Planes, trace: Trace) -> _Turned:
        W, b = trace.folded.layers[0]
        lengths = np.linalg.norm(W, axis=1)
        live = lengths > 0
        near = np.zeros((len(W), len(planes.d)), dtype=bool)
        near[live] = planes_near(W[live], b[live], *planes, trace.box)
        neurons = np.flatnonzero(near.any(axis=1))
        place, own = near.argmax(axis=1)[neurons], lengths[neurons]
        n, d = planes.n[place], planes.d[place]
        sign = np.where(np.einsum("md,md->m", W[neurons], n) < 0, -1.0, 1.0)
        turned, shifted = W.copy(), b.copy()
        turned[neurons] = (sign * own)[:, None] * n
        shifted[neurons] = sign * own * d
        return cls(neurons, place, own, turned, shifted)

    def network(self, trace: Trace) -> Network:
        """The whole network with the layer turned."""
        return _network(((self.W, self.b), *trace.folded.layers[1:]))

    def change(self, trace: Trace, found: FoundCircuit, bound: BoundCircuit) -> Network:
        """What turning the layer, and giving the kinks the template's heights, takes off an output of the network."""
        (W, b), k = trace.folded.layers[0], self.neurons
        V = np.atleast_2d(found.units) @ found.site.M
        rows, shifts = [W[k], self.W[k]], [b[k], self.b[k]]
        reads = [V[:, k], -V[:, k]]
        n, d = bound.planes
        if len(d):
            have = np.zeros((len(V), len(d)))
            np.add.at(have.T, self.place, (V[:, k] * self.lengths / 2).T)
            short = have - found.scale * bound.heights
            rows += [n, -n]
            shifts += [d, -d]
            reads += [short, short]
        return _network(
            (
                (np.concatenate(rows), np.concatenate(shifts)),
                (np.concatenate(reads, axis=1), np.zeros(len(V))),
            )
        )
