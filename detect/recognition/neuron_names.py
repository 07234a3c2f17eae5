"""What a neuron is called: its pre-activation as a text, and the catalogue's feature that it holds exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..features.binding import bind
from ..features.catalogues import catalogue
from ..features.printing import linear_text
from ..networks.box import Box, as_box, comparison_points
from ..networks.composition import scaled_downstream
from ..networks.network import Network
from ..statistics.correlation import standardised
from ..statistics.criteria import EQUAL

Array = npt.NDArray[np.float64]

#: Points at which functions are compared: 512 tell any two of a few hundred apart.
PROBES = 512


def neuron_features(
    network: Network, *, box: Box | None = None
) -> tuple[tuple[tuple[str, str | None], ...], ...]:
    """Per hidden layer, each neuron's label and the catalogue's feature that it holds exactly, or None.

    A neuron holds a feature if its activation is a positive multiple of it, as a function of the inputs
    (positive parts of minima and maxima included), or else of at most two neurons of the layer below.

    Examples:
        >>> neuron_features(Network([[[2.0, -2.0], [0.3, 1.0]], [[1.0, 1.0]]]))[0]
        (('relu(x1 - x2)', 'greaterness'), ('relu(0.3*x1 + x2)', None))
    """
    d = network.inputs
    bounds = as_box((-1.0, 1.0), d) if box is None else box
    X, table, labels = _feature_table(d, bounds, len(network.activations) > 1)
    weights, biases = scaled_downstream(network)
    h, below, layers = X, [f"x{k + 1}" for k in range(d)], []
    for k, (W, b) in enumerate(zip(weights[:-1], biases[:-1], strict=True)):
        h = np.maximum(h @ W.T + b, 0.0) if network.activations[k] == "relu" else h @ W.T + b
        scores = standardised(h).T @ table
        layer: list[tuple[str, str | None]] = []
        for j in range(len(W)):
            best = int(scores[j].argmax()) if table.shape[1] else 0
            text = f"relu({linear_text(W[j], below, float(b[j]))})"
            if table.shape[1] and scores[j, best] > 1 - EQUAL:
                layer.append((text if k == 0 else labels[best][0], labels[best][1]))
                continue
            used = np.flatnonzero(W[j])
            kind = {(1.0,): "positiveness", (-1.0,): "negativeness", (-1.0, 1.0): "greaterness"}
            shape = tuple(sorted(float(v) for v in W[j, used])) if k and not b[j] else ()
            layer.append((text, kind.get(shape)))
        layers.append(tuple(layer))
        # As in every table, upstream variables bear the number of their neuron, from 0.
        below = [f"v{j}" for j in range(len(W))]
    return tuple(layers)


@lru_cache(maxsize=16)
def _feature_table(d: int, box: Box, deep: bool) -> tuple[Array, Array, tuple[tuple[str, str], ...]]:
    X = comparison_points(box, PROBES, seed=2)
    bound = bind(tuple(catalogue.values()), d, box, depth=2 if deep else 1).features
    # The plain ridges first: with one input relu(x) is also a maximum, a threshold, ...
    ordered = sorted(bound, key=lambda b: b.competes_as != "ridge")
    table = np.column_stack([b.values(X) for b in ordered]) if ordered else np.zeros((PROBES, 0))
    return X, standardised(table), tuple((b.formula.text, b.feature.name) for b in ordered)
