"""Deeper networks, layer by layer: the same function with each layer in a standard form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box, BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import leaky_slope
from ..statistics.criteria import ROUNDING
from .cells import TooManyCells, polygon_cells
from .piecewise import from_network

Array = npt.NDArray[np.float64]


def normalise_layers(network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0)) -> Network:
    """A network of the same function on the box, with each layer in a standard form.

    Layer by layer: incoming weights of unit length (their scale goes downstream), units that coincide to
    rounding merged, units that are never active on the box or that nothing reads dropped, units without
    incoming weights turned into a constant, the rest sorted. Ranges on the box are exact in one and two
    dimensions (cells), interval bounds above, so that only units that are dead for sure go. Two networks of
    one normalised form compute the same function; the converse holds for one hidden layer only through
    `canonical_form`. A hidden layer whose units all go keeps one with weight 0.

    Args:
        network: layers of relu or leaky_relu; purely linear layers are multiplied out.
        box: (low, high), or one pair per input.

    Raises:
        InputError: for another activation.

    Examples:
        >>> net = Network([[[2, 0], [1, 0], [0, 1], [-1, -1]], [[1, 1, 1, 0]]], [[0, 0, 3, -5], None])
        >>> normalise_layers(net).weights[0].tolist(), normalise_layers(net).weights[1].tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [[3.0, 1.0]])
    """
    network = as_network(network)
    bounds = as_box(box, network.inputs)
    W, b, slopes = _fold_linear(network)
    for _ in range(len(W) + 1):  # a dropped unit may orphan those before it, one layer a round
        before = [w.shape for w in W]
        ranges = _unit_ranges(W, b, slopes, bounds)
        for k in range(len(slopes)):
            _normalise_layer(W, b, k, slopes[k], ranges[k])
        if [w.shape for w in W] == before:
            break
    names = ["relu" if s == 0 else f"leaky_relu({s!r})" for s in slopes]
    keep_bias = any(np.abs(v).max(initial=0.0) > 0 for v in b)
    return Network(W, b if keep_bias else None, names)


def _fold_linear(network: Network) -> tuple[list[Array], list[Array], list[float]]:
    """Weights, biases and slopes with the purely linear layers multiplied out."""
    W: list[Array] = []
    b: list[Array] = []
    slopes: list[float] = []
    pending: tuple[Array, Array] | None = None
    for w, v, name in zip(network.weights, network.bias_vectors, (*network.activations, ""), strict=True):
        w, v = (w, v) if pending is None else (w @ pending[0], w @ pending[1] + v)
        if name == "identity":
            pending = w, v
            continue
        slope = 0.0 if name == "relu" else leaky_slope(name)
        if name and slope is None:
            raise InputError(
                f"layers of {name} have no such standard form: only relu and leaky_relu scale freely"
            )
        W.append(w.copy())
        b.append(v.copy())
        pending = None
        if name and slope is not None:
            slopes.append(slope)
    return W, b, slopes


def _unit_ranges(W: list[Array], b: list[Array], slopes: list[float], box: Box) -> list[tuple[Array, Array]]:
    """Lowest and highest pre-activation [h] per hidden layer: exact for d <= 2, intervals above."""
    if len(box) <= 2 and slopes:
        names = ["relu" if s == 0 else f"leaky_relu({s!r})" for s in slopes]
        f = from_network(Network(W, b, names))
        try:
            return list(polygon_cells(f, box).ranges)
        except TooManyCells:
            pass
    low, high = np.array(box).T
    ranges = []
    for w, v, slope in zip(W, b, slopes, strict=False):
        up, down = np.maximum(w, 0), np.minimum(w, 0)
        low, high = up @ low + down @ high + v, up @ high + down @ low + v
        ranges.append((low, high))
        low, high = (np.where(z > 0, z, slope * z) for z in (low, high))
    return ranges


def _normalise_layer(
    W: list[Array], b: list[Array], k: int, slope: float, range_: tuple[Array, Array]
) -> None:
    """Normalise layer k in place, its scales and constants going to layer k + 1."""
    w, v, out = W[k], b[k], W[k + 1]
    peak = np.abs(w).max(axis=1)
    length = peak * np.linalg.norm(w / np.where(peak > 0, peak, 1.0)[:, None], axis=1)
    idle = length == 0
    b[k + 1] = b[k + 1] + out[:, idle] @ np.where(v[idle] > 0, v[idle], slope * v[idle])
    scale = np.abs(w).sum(axis=1) + np.abs(v)
    dead = (range_[1] <= ROUNDING * scale) if slope == 0 else np.zeros(len(w), dtype=bool)
    unread = np.abs(out).max(axis=0) == 0
    kept = np.flatnonzero(~(idle | dead | unread))
    if not len(kept):
        W[k], b[k], W[k + 1] = np.zeros((1, w.shape[1])), np.zeros(1), np.zeros((len(out), 1))
        return
    w, v, out = w[kept] / length[kept, None], v[kept] / length[kept], out[:, kept] * length[kept]
    order = np.lexsort(np.round(np.concatenate([-w, v[:, None]], axis=1), 9).T[::-1])
    w, v, out = w[order], v[order], out[:, order]
    group = np.full(len(w), -1)
    heads: list[int] = []
    for i in range(len(w)):
        if heads:
            apart = np.abs(w[heads] - w[i]).max(axis=1) + np.abs(v[heads] - v[i])
            nearest = int(apart.argmin())
            if apart[nearest] <= ROUNDING * (1 + abs(v[i])):
                group[i] = nearest
                continue
        group[i] = len(heads)
        heads.append(i)
    merged, terms = np.zeros((len(out), len(heads))), np.zeros((len(out), len(heads)))
    for i, j in enumerate(group):
        merged[:, j] += out[:, i]
        terms[:, j] += np.abs(out[:, i])
    merged[np.abs(merged) <= ROUNDING * terms] = 0.0
    W[k], b[k], W[k + 1] = w[heads] + 0.0, v[heads] + 0.0, merged
