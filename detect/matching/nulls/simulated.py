"""Untrained neurons by the ten thousand, and how little of each the best feature of every class leaves unexplained."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ...networks.initialisation import untrained
from ...networks.nonlinearities import apply_nonlinearity, leaky_slope
from ...networks.stacks import Stack
from ..correlations import (
    box_bounds,
    inverse_norms,
    live_and_bent,
    norms,
    ridges,
    unexplained_by,
    upstream_directions,
    upstream_of,
)
from ..probes import Probes

Array = npt.NDArray[np.float64]
#: Untrained neurons simulated for a null. The p that a width-8 layer needs is 0.05 / 8; of 160 000 draws
#: 1 000 lie below it, which fixes it to 3%.
_FIRST_LAYER_DRAWS, _DEEP_DRAWS = 160_000, 80_000
_NEURONS_PER_NETWORK = 8
#: Multiply-adds that a null may cost, three seconds on one core: networks of many inputs or wide layers are then drawn
#: fewer times, down to `_LEAST`. `null_frame` says how many draws there were. From the third layer on, of which a deep
#: network has many, it is a sixth, a twelfth, an eighteenth, ...
_BUDGET, _LATER_BUDGET = 3e10, 5e9
#: First-layer neurons, and deep networks, that are drawn whatever they cost: 20 000 still leave 125 below the 0.05 / 8
#: of a layer of eight.
_LEAST = 20_000, 500
#: Numbers that are worked on at once: what fits into a core's own cache.
_AT_ONCE = 100_000


def simulate(
    architecture: Architecture, block: int, law: str, probes: Probes, seed: int, neurons: int | None = None
) -> Iterator[Array]:
    """1 - r^2 of the best feature of each class, of untrained live and bent neurons of one block, in parts [., C].

    Args:
        architecture: sizes up to and with the block's; for block 0 its width does not matter.
        neurons: how many to draw (before the dead and the affine ones are left out).
    """
    rng = np.random.default_rng([seed, block, zlib.crc32(law.encode())])
    n, d = probes.X.shape
    wanted = neurons or (_FIRST_LAYER_DRAWS if block == 0 else _DEEP_DRAWS)
    if block == 0:
        wanted = int(min(wanted, max(_LEAST[0], _BUDGET / (n * len(probes.features)))))
        chunk = max(100, int(2e6 / n))
        for start in range(0, wanted, chunk):
            count = min(chunk, wanted - start)
            shape = Architecture((d, count, 1), architecture.activations[:1], (architecture.bias[0], False))
            yield from _first_layer(untrained(shape, 1, law, rng), probes)
        return
    sizes = (*architecture.sizes[: block + 1], _NEURONS_PER_NETWORK, 1)
    shape = Architecture(
        sizes, architecture.activations[: block + 1], (*architecture.bias[: block + 1], False)
    )
    upstream = upstream_of(shape, block)
    features = len(probes.features) + len(upstream)
    cost = n * (sum(a * b for a, b in itertools.pairwise(sizes)) + features * _NEURONS_PER_NETWORK)
    budget = _BUDGET if block == 1 else _LATER_BUDGET / (block - 1)
    networks = int(min(wanted / _NEURONS_PER_NETWORK, max(_LEAST[1], budget / cost)))
    chunk = max(1, int(2e6 / (n * max(sizes))))
    step = max(1, int(_AT_ONCE / (n * max(sizes))))
    directions = upstream_directions(upstream, sizes[block])
    for start in range(0, networks, chunk):
        drawn = untrained(shape, min(chunk, networks - start), law, rng)
        for part in range(0, len(drawn), step):
            yield _deep_layer(drawn[part : part + step], block, probes, directions)


def _first_layer(stack: Stack, probes: Probes) -> Iterator[Array]:
    """Those of the neurons of one wide layer."""
    activation = stack.architecture.activations[0]
    weights, biases = stack.weights[0][0], stack.biases[0][0]
    bounds = box_bounds(weights, biases, probes)
    if bounds is not None and (activation == "relu" or leaky_slope(activation) is not None):
        # Its exact range alone says whether a neuron is live and bent.
        kept = np.logical_and(*live_and_bent(np.empty((0, 0)), np.empty((0, 0)), activation, bounds))
        weights, biases, bounds = weights[kept], biases[kept], (bounds[0][kept], bounds[1][kept])
    step = max(1, int(_AT_ONCE / len(probes.X)))
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        pre = weights[rows] @ probes.X.T
        pre += biases[rows, None]
        exact = None if bounds is None else (bounds[0][rows], bounds[1][rows])
        yield _unexplained(pre, activation, probes, exact)


def _deep_layer(stack: Stack, block: int, probes: Probes, directions: Array) -> Array:
    """Those of all neurons of one block of stacked networks; the samples come last throughout.

    Args:
        directions: of the features of the layer below [K, width].
    """
    h: Array = np.broadcast_to(probes.X.T, (len(stack), *probes.X.T.shape))
    for k in range(block):
        pre = stack.weights[k] @ h
        pre += stack.biases[k][:, :, None]
        h = apply_nonlinearity(stack.architecture.activations[k], pre)
    pre = stack.weights[block] @ h
    pre += stack.biases[block][:, :, None]
    upstream = ridges(h, directions) if len(directions) else None
    flat = pre.reshape(-1, pre.shape[2])
    return _unexplained(flat, stack.architecture.activations[block], probes, upstream=upstream)


def _unexplained(
    pre: Array,
    activation: str,
    probes: Probes,
    bounds: tuple[Array, Array] | None = None,
    upstream: Array | None = None,
) -> Array:
    """Of neurons with pre-activations [N, n] those that are live and bent: 1 - r^2 of their best features [., C].

    Args:
        bounds: the exact range of each pre-activation, where it is known.
        upstream: the features of the layer below [networks, K, n], the same number of neurons for each network.
    """
    post = apply_nonlinearity(activation, pre)
    live, bent = live_and_bent(pre.T, post.T, activation, bounds)
    norm, varies = norms(post)
    # Alive by its exact bounds and flat on the probes: there is nothing to compare, here as in the test.
    keep = live & bent & varies
    products = [np.maximum.reduceat(post @ probes.unit, probes.starts, axis=1)]
    if upstream is not None:
        products.append(_upstream_products(post, upstream)[:, None])
    return unexplained_by(np.column_stack(products)[keep], norm[keep])


def _upstream_products(values: Array, table: Array) -> Array:
    """The largest product of centred values [N, n] with a unit vector of their network's features [networks, K, n]."""
    networks, _, n = table.shape
    products = values.reshape(networks, -1, n) @ np.swapaxes(table, 1, 2)
    return np.asarray((products * inverse_norms(table)[:, None, :]).max(axis=2).ravel())
