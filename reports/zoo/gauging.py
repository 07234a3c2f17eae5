"""Re-gauging: the same function by the same units, in another order, scale and width, among units that do nothing.

Every change keeps the function, in real arithmetic exactly: a hidden unit may be moved, multiplied by a positive number
(and its outgoing weights divided by it) or split in positive multiples; idle units have no outgoing weights, cancelling
pairs have opposite ones, and dead units are never active on the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError, Network

Array = npt.NDArray[np.float64]
IDLE, CANCELLING, DEAD = "idle", "cancelling", "dead"


def regauge(network: Network, width: int, rng: np.random.Generator) -> tuple[Network, list[list[int | str]]]:
    """A ReLU network in a random gauge, every hidden layer `width` units wide and with biases.

    Returns:
        The network, and per hidden layer the source of each unit: a unit of `network`, or what it is else.

    Raises:
        InputError: where a layer does not fit.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> net, sources = regauge(hand_derived("minimum"), 8, np.random.default_rng(0))
        >>> net, sorted({s for s in sources[0] if isinstance(s, int)})
        (Network(2-8-1, relu, bias), [0, 1, 2])
        >>> net([[0.25, 0.5], [0.5, -0.5]]).ravel().round(12).tolist()
        [0.25, -0.5]
    """
    weights = [np.array(w) for w in network.weights]
    biases = [np.array(b) for b in network.bias_vectors]
    sources: list[list[int | str]] = []
    # What the layer below reaches at most, on the box (-1, 1).
    reach = np.ones(weights[0].shape[1])
    for layer in range(len(weights) - 1):
        held = weights[layer].shape[0]
        if held > width:
            raise InputError(f"a layer of {held} units in a width of {width}: widen it")
        w, b, out, source = _filled(weights[layer], biases[layer], weights[layer + 1], reach, width, rng)
        order = rng.permutation(width)
        scale = np.exp(rng.normal(size=width))
        weights[layer], biases[layer] = w[order] * scale[:, None], b[order] * scale
        weights[layer + 1] = out[:, order] / scale
        sources.append([source[k] for k in order])
        reach = np.abs(weights[layer]) @ reach + np.abs(biases[layer])
    return Network(weights, biases, network.activations), sources


def _filled(
    w: Array, b: Array, out: Array, reach: Array, width: int, rng: np.random.Generator
) -> tuple[Array, Array, Array, Sequence[int | str]]:
    """A layer's weights, biases, outgoing weights and sources, filled up to the width."""
    held, inputs = w.shape
    free = width - held
    pairs = int(rng.integers(0, 2)) if free > 1 else 0
    splits = int(rng.integers(0, min(held, free - 2 * pairs, 2) + 1))
    dead = int(rng.integers(0, min(1, free - 2 * pairs - splits) + 1))
    idle = free - 2 * pairs - splits - dead
    source: list[int | str] = list(range(held))
    rows, offsets, outs = [w], [b], [out.copy()]
    for unit in rng.permutation(held)[:splits]:
        share = rng.uniform(0.25, 0.75)
        rows.append(w[[unit]])
        offsets.append(b[[unit]])
        outs.append(out[:, [unit]] * (1.0 - share))
        outs[0][:, unit] *= share
        source.append(int(unit))
    size = 1.0 / np.sqrt(inputs)
    for _ in range(pairs):
        row, offset = rng.uniform(-size, size, (1, inputs)), rng.uniform(-size, size, 1)
        read = rng.uniform(-1.0, 1.0, (out.shape[0], 1))
        rows.extend([row, row])
        offsets.extend([offset, offset])
        outs.extend([read, -read])
        source.extend([CANCELLING] * 2)
    if dead:
        row = rng.uniform(-size, size, (dead, inputs))
        rows.append(row)
        offsets.append(-(np.abs(row) @ reach) * rng.uniform(1.1, 3.0, dead))
        outs.append(rng.uniform(-1.0, 1.0, (out.shape[0], dead)))
        source.extend([DEAD] * dead)
    rows.append(rng.uniform(-size, size, (idle, inputs)))
    offsets.append(rng.uniform(-size, size, idle))
    outs.append(np.zeros((out.shape[0], idle)))
    source.extend([IDLE] * idle)
    return np.vstack(rows), np.concatenate(offsets), np.hstack(outs), source
