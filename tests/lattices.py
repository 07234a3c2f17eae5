"""Lattice networks: minima of maxima of affine functions, layer by layer as such networks are written."""

from __future__ import annotations

import itertools

import numpy as np

from mathcircuits.detect import Network

#: A comparison: the feature's name and the variables of the layer below that it is a function of.
Comparison = tuple[str, tuple[str, ...]]
#: a + b, -(a + b), a - b and b - a behind ReLUs give both extrema of a and b.
_ROWS = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
_EXTREMUM = {"max": np.array([0.5, -0.5, 0.5, 0.5]), "min": np.array([0.5, -0.5, -0.5, -0.5])}


def lattice(
    inputs: int, groups: int, rng: np.random.Generator, *, functions: int = 8, members: int = 8
) -> tuple[Network, list[list[Comparison]]]:
    """A minimum of `groups` maxima of `members` of the random affine functions, with the truth of each ReLU layer.

    A linear layer holds each group's functions, in an order of its own; then come a layer of comparisons of neighbours
    and a linear layer of their extrema, until one variable is left.
    """
    affine = rng.normal(size=(functions, inputs)), rng.uniform(-0.5, 0.5, functions)
    sets = rng.permutation(list(itertools.combinations(range(functions), members)))[:groups]
    order = np.concatenate([rng.permutation(chosen) for chosen in sets])
    weights, biases, activations = [affine[0][order]], [affine[1][order]], ["identity"]
    truth = []
    width, kinds = len(order), ["max"] * int(np.log2(members)) + ["min"] * int(np.log2(groups))
    for kind in kinds:
        pairs = width // 2
        weights += [np.kron(np.eye(pairs), _ROWS), np.kron(np.eye(pairs), _EXTREMUM[kind])]
        biases += [np.zeros(4 * pairs), np.zeros(pairs)]
        activations += ["relu", "identity"]
        truth.append([entry for k in range(pairs) for entry in _compared(f"v{2 * k}", f"v{2 * k + 1}")])
        width = pairs
    return Network(weights, biases, tuple(activations[:-1])), truth


def _compared(a: str, b: str) -> list[Comparison]:
    return [
        ("positive-sum", (a, b)), ("negative-sum", (a, b)), ("greaterness", (a, b)), ("greaterness", (b, a)),
    ]  # fmt: skip


def rescaled(network: Network, rng: np.random.Generator) -> Network:
    """The same function with each hidden variable multiplied by a factor between 0.1 and 10."""
    weights = [w.copy() for w in network.weights]
    biases = [b.copy() for b in network.bias_vectors]
    for k in range(len(weights) - 1):
        factor = 10.0 ** rng.uniform(-1, 1, len(weights[k]))
        weights[k] *= factor[:, None]
        biases[k] *= factor
        weights[k + 1] /= factor
    return Network(weights, biases, network.activations)
