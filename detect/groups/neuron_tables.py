"""Networks that compose two elements of a group, as one table per neuron and side; untrained ones of a shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.architecture import Architecture
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import apply_nonlinearity
from .criteria import ACTIVE

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tables:
    """A network that composes two elements, as one table per neuron and side.

    Attributes:
        a, b: what each neuron of the one non-linear layer adds up, by the first and by the second element
            [neurons, order]; linear layers before it are multiplied out, and half of the bias is in each.
        out: its outgoing weights [neurons, order], linear layers behind it multiplied out.
        offset: the logits' constant [order].
        activation: the activation's name.

    Examples:
        >>> tables = Tables.of(Network([np.ones((4, 6)), np.ones((3, 4))]))
        >>> tables.a.shape, tables.hidden().shape, tables.logits().shape
        ((4, 3), (4, 9), (9, 3))
    """

    a: Array
    b: Array
    out: Array
    offset: Array
    activation: str

    @classmethod
    def of(cls, network: Network | HasNetwork) -> Tables:
        """The tables of a network.

        Raises:
            InputError: where it has other sizes, or not exactly one non-linear hidden layer.
        """
        net = as_network(network)
        n = net.outputs
        if net.inputs != 2 * n:
            raise InputError(
                f"{net} has {net.inputs} inputs and {n} outputs: composition needs two one-hot elements (a, then b) "
                "and a logit for each element"
            )
        active = net.architecture.active
        if len(active) != 1:
            raise InputError(
                f"{net} has {len(active)} non-linear hidden layers: neurons are read by their weights' spectra "
                "where there is one; linear layers before and behind it are multiplied out"
            )
        W, bias = _product(net, 0, active[0] + 1)
        V, offset = _product(net, active[0] + 1, len(net.weights))
        half = bias[:, None] / 2
        return cls(W[:, :n] + half, W[:, n:] + half, V.T.copy(), offset, net.activations[active[0]])

    @property
    def p(self) -> int:
        """How many elements there are: modulo p, the modulus."""
        return int(self.a.shape[1])

    def hidden(self) -> Array:
        """The neurons' activations on every pair, a slow and b fast: [neurons, order^2]."""
        pre = self.a[:, :, None] + self.b[:, None, :]
        return apply_nonlinearity(self.activation, pre.reshape(len(pre), -1))

    def logits(self, hidden: Array | None = None) -> Array:
        """The logits on every pair [order^2, order], from changed activations where they are given."""
        h = self.hidden() if hidden is None else hidden
        return np.asarray(h.T @ self.out + self.offset)

    def written(self, hidden: Array | None = None) -> Array:
        """The variance that each neuron writes into the logits, summed over outputs [neurons]."""
        h = self.hidden() if hidden is None else hidden
        return np.asarray(h.var(axis=1) * (self.out**2).sum(axis=1))


def _product(net: Network, start: int, stop: int) -> tuple[Array, Array]:
    """Linear layers `start` to `stop` (exclusive) as one: weights [out, in] and bias [out]."""
    weight, bias = net.weights[start], net.bias_vectors[start]
    for layer in range(start + 1, stop):
        weight, bias = net.weights[layer] @ weight, net.weights[layer] @ bias + net.bias_vectors[layer]
    return weight, bias


def active_neurons(written: Array) -> Mask:
    """The fewest neurons that write the share ACTIVE of what all write; none where nothing is written.

    Examples:
        >>> active_neurons(np.array([1.0, 0.0, 0.001])).tolist()
        [True, False, False]
    """
    order = np.argsort(-written, kind="stable")
    total = written.sum()
    active = np.zeros(len(written), dtype=bool)
    if total > 0:
        before = np.cumsum(written[order]) - written[order]
        active[order[before < ACTIVE * total]] = True
    return active


def largest_share(power: Array) -> Array:
    """The largest entry over the sum, by row; NaN where there is no power.

    Examples:
        >>> largest_share(np.array([[3.0, 1.0], [0.0, 0.0]])).tolist()
        [0.75, nan]
    """
    total = power.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, power.max(axis=-1) / total, np.nan))


def untrained_networks(architecture: Architecture, n: int, *, seed: int = 0) -> list[Network]:
    """Untrained networks of that shape, as `nn.Linear` starts them: uniform within 1 / sqrt(inputs of the layer).

    Args:
        architecture: the shape; n: how many; seed: of the draws.

    Examples:
        >>> untrained_networks(Network([np.ones((8, 14)), np.ones((7, 8))]).architecture, 2)
        [Network(14-8-7, relu, no bias), Network(14-8-7, relu, no bias)]
    """
    rng = np.random.default_rng(seed)
    sizes = architecture.sizes
    found = []
    for _ in range(n):
        weights, biases = [], []
        for inputs, outputs, has_bias in zip(sizes[:-1], sizes[1:], architecture.bias, strict=True):
            bound = 1.0 / math.sqrt(inputs)
            weights.append(rng.uniform(-bound, bound, (outputs, inputs)))
            biases.append(rng.uniform(-bound, bound, outputs) if has_bias else None)
        found.append(Network(weights, biases, architecture.activations))
    return found
