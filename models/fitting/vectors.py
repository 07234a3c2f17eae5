"""Networks as vectors of all their parameters and back, as torch tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mathcircuits.detect import Network

from ..networks.config import MLPConfig


@dataclass(frozen=True)
class Layout:
    """Where each layer's parameters lie in a network's one vector: weight, then bias, layer by layer.

    Examples:
        >>> Layout(MLPConfig((2, 3, 1), bias=True)).size
        13
    """

    config: MLPConfig

    @property
    def size(self) -> int:
        """Parameters of one network."""
        return self.config.architecture.parameters

    def split(self, parameters: Tensor) -> tuple[list[Tensor], list[Tensor | None]]:
        """Views of parameters [net, size]: by layer, weights [net, out, in] and biases [net, out] or None."""
        weights: list[Tensor] = []
        biases: list[Tensor | None] = []
        at, sizes = 0, self.config.sizes
        for inputs, outputs, has_bias in zip(sizes[:-1], sizes[1:], self.config.biases, strict=True):
            weights.append(parameters[:, at : at + outputs * inputs].view(-1, outputs, inputs))
            at += outputs * inputs
            biases.append(parameters[:, at : at + outputs] if has_bias else None)
            at += outputs * has_bias
        return weights, biases

    def join(self, weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Tensor:
        """The inverse of `split`: parameters [net, size]."""
        flat = []
        for weight, bias in zip(weights, biases, strict=True):
            flat += [weight.flatten(1)] if bias is None else [weight.flatten(1), bias]
        return torch.cat(flat, dim=1)


def config_of(network: Network) -> MLPConfig:
    """The shape of a network, in double precision.

    Examples:
        >>> config_of(Network([[[1.0], [-1.0]], [[1.0, 1.0]]]))
        MLPConfig(sizes=(1, 2, 1), bias=False, activation='relu', dtype='float64')
    """
    return MLPConfig(network.sizes, network.architecture.bias, network.activations, "float64")


def vector_of(network: Network) -> Tensor:
    """All parameters of a network [size], float64, laid out as `Layout` says.

    Examples:
        >>> vector_of(Network([[[1.0], [-1.0]], [[2.0, 3.0]]], [[0.5, 0.25], None])).tolist()
        [1.0, -1.0, 0.5, 0.25, 2.0, 3.0]
    """
    config = config_of(network)
    weights = [torch.tensor(w, dtype=torch.float64)[None] for w in network.weights]
    biases = [
        torch.tensor(b, dtype=torch.float64)[None] if has else None
        for b, has in zip(network.bias_vectors, config.biases, strict=True)
    ]
    return Layout(config).join(weights, biases)[0]


def network_of(config: MLPConfig, vector: Tensor) -> Network:
    """The network with these parameters [size]; the inverse of `vector_of`.

    Examples:
        >>> network = Network([[[1.0], [-1.0]], [[2.0, 3.0]]], [[0.5, 0.25], None])
        >>> network_of(config_of(network), vector_of(network)).weights[1].tolist()
        [[2.0, 3.0]]
    """
    weights, biases = Layout(config).split(vector[None])
    return Network(
        [w[0].double().numpy() for w in weights],
        [None if b is None else b[0].double().numpy() for b in biases],
        config.activations,
    )
