"""Many networks of one architecture as one array, and their batched forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .architecture import Architecture
from .network import Network
from .nonlinearities import apply_nonlinearity

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stack:
    """Networks of one architecture.

    Attributes:
        architecture: the shape that they share.
        weights: one array [networks, out, in] per linear layer.
        biases: one array [networks, out] per linear layer, zeros where a layer has none.

    Examples:
        >>> net = Network(weights=[[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> stack = Stack.of([net, net])
        >>> stack, len(stack), stack.forward(np.array([[-2.0]])).outputs.ravel().tolist()
        (Stack(2 x Architecture(1-2-1, relu, no bias)), 2, [2.0, 2.0])
    """

    architecture: Architecture
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @classmethod
    def of(cls, networks: Sequence[Network]) -> Stack:
        """Stack networks.

        Raises:
            InputError: where there are none, or their architectures differ.
        """
        if not networks:
            raise InputError("no networks to stack: give at least one")
        first = networks[0].architecture
        for k, network in enumerate(networks):
            if network.architecture != first:
                raise InputError(
                    f"network {k} is a {network.architecture}, network 0 a {first}: read each shape alone"
                )
        weights = tuple(np.stack(layer) for layer in zip(*(n.weights for n in networks), strict=True))
        biases = tuple(np.stack(layer) for layer in zip(*(n.bias_vectors for n in networks), strict=True))
        return cls(first, weights, biases)

    def __len__(self) -> int:
        return len(self.weights[0])

    def __getitem__(self, chosen: slice) -> Stack:
        """Some of the networks, as a stack."""
        if not isinstance(chosen, slice):
            raise InputError(f"stack[{chosen!r}]: give a slice; one network is stack.network(k)")
        return Stack(
            self.architecture, tuple(w[chosen] for w in self.weights), tuple(b[chosen] for b in self.biases)
        )

    def network(self, k: int) -> Network:
        """Network k on its own.

        Raises:
            InputError: where there is no network k.
        """
        if not -len(self) <= k < len(self):
            raise InputError(f"network {k} of a stack of {len(self)}: give 0 to {len(self) - 1}")
        bias = self.architecture.bias
        biases = [b[k] if has else None for b, has in zip(self.biases, bias, strict=True)]
        return Network([w[k] for w in self.weights], biases, self.architecture.activations)

    def forward(self, X: Array) -> Forward:
        """All activations on inputs X [n, d]; each array is [networks, n, units]."""
        h: Array = np.broadcast_to(X, (len(self), *X.shape))
        pre, post = [], []
        for w, b, name in zip(self.weights, self.biases, self.architecture.activations, strict=False):
            pre.append(h @ w.transpose(0, 2, 1) + b[:, None, :])
            h = apply_nonlinearity(name, pre[-1])
            post.append(h)
        return Forward(tuple(pre), tuple(post), self.after(len(post) - 1, h))

    def after(self, block: int, h: Array) -> Array:
        """The outputs [networks, n, outputs] when block `block`'s activations are h [networks, n, units]."""
        layers = list(
            zip(self.weights, self.biases, (*self.architecture.activations, "identity"), strict=True)
        )
        for w, b, name in layers[block + 1 :]:
            h = apply_nonlinearity(name, h @ w.transpose(0, 2, 1) + b[:, None, :])
        return h

    def __repr__(self) -> str:
        return f"Stack({len(self)} x {self.architecture})"


@dataclass(frozen=True, eq=False)
class Forward:
    """A batched forward pass: pre- and post-activations per block and the outputs, each [networks, n, units]."""

    pre: tuple[Array, ...]
    post: tuple[Array, ...]
    outputs: Array
