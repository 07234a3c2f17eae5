"""The null of a neuron behind another layer given its offset: redrawn directions over the layer below's activations.

Each variable is divided by its standard deviation on the probes, so that rescaling a neuron of the layer below changes
nothing, and a variable that is constant there belongs to the offset. The neuron keeps b / |w| in these units, and |w|
where its activation has a scale. Directions are plain draws: beyond them p has a generalised Pareto tail, and `draws`
says how many vouch for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...features.binding import BoundFeature
from ...networks.nonlinearities import apply_nonlinearity
from ...statistics.criteria import ROUNDING, TINY
from ..correlations import live_and_bent, norms, unexplained_by, upstream_table
from ..probes import Probes
from .draws import Draws
from .first_layer import homogeneous
from .incoming import Evidence, Incoming, largest
from .neuron_nulls import NeuronNull
from .resemblance import Compared, ranked

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
#: Directions that are drawn: of the p that a width-8 layer needs, 0.05 / 8, twelve draws lie below it.
_DRAWS = 2_000
#: Rows of the probes that the draws and the neuron are compared on: every network has draws of its own.
_ROWS = 256


def deep_layer(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    unexplained: Array,
    asked: Indices,
    incoming: Incoming,
    activation: str,
    probes: Probes,
    upstream: tuple[BoundFeature, ...],
) -> Iterator[tuple[Indices, Evidence]]:
    """The evidence of the neurons that are asked for, neuron by neuron.

    Args:
        nulls: the simulated null under each of the laws; they rank the classes.
        unexplained: 1 - r^2 of the best feature of each class [M, C]; asked: the rows that are asked for.
        incoming: weights, biases and variables of the networks.
        activation: of the layer; probes: the inputs and features.
        upstream: the features of the layer below.
    """
    assert incoming.variables is not None
    features = Compared.of(probes, _ROWS)
    units = incoming.biases.shape[1]
    for network in np.unique(asked // units):
        layer = _Layer(incoming, int(network), activation, features, upstream)
        for at in asked[asked // units == network]:
            parts = []
            weights, bias = incoming.weights[network, at % units], float(incoming.biases[network, at % units])
            offset, scale = layer.kept(weights, bias)
            for law, null in zip(laws, nulls, strict=True):
                own = unexplained[at : at + 1]
                if layer.thinned:
                    own = layer.compared(layer.own(weights, bias))[0]
                parts.append(_at_offset(layer, null, law, own, offset, scale))
            yield np.array([at]), largest(parts)


class _Layer:
    """The variables of one network's layer, and what redrawn neurons over them resemble."""

    def __init__(
        self,
        incoming: Incoming,
        network: int,
        activation: str,
        features: Compared,
        upstream: tuple[BoundFeature, ...],
    ) -> None:
        assert incoming.variables is not None
        below = incoming.variables[network]
        self.thinned = len(features.rows) < len(below)
        self._activation, self._features = activation, features
        self._raw = below[features.rows] if self.thinned else below
        size = np.abs(self._raw).max(axis=0)
        sd = self._raw.std(axis=0)
        self._varies = sd > ROUNDING * np.maximum(size, TINY)
        self._sd = sd[self._varies]
        self._constant = self._raw[0] * ~self._varies
        self.variables = self._raw[:, self._varies] / self._sd
        self._upstream = np.empty((len(self._raw), 0))
        if upstream:
            table = upstream_table(self._raw[None], upstream)[0]
            norm, there = norms(table)
            self._upstream = np.where(there, table.T / norm, 0.0)
        self._along: dict[str, Array] = {}

    def kept(self, weights: Array, bias: float) -> tuple[float, float]:
        """A neuron's offset and scale in standard deviations of the variables."""
        scale = max(float(np.linalg.norm(weights[self._varies] * self._sd)), TINY)
        offset = (bias + float(weights @ self._constant)) / scale
        return offset, 1.0 if homogeneous(self._activation) else scale

    def own(self, weights: Array, bias: float) -> Array:
        """A neuron's activations on the rows [1, n]."""
        return apply_nonlinearity(self._activation, (self._raw @ weights + bias)[None])

    def redrawn(self, law: str, offset: float, scale: float) -> tuple[Array, Bools]:
        """Activations of the draws [N, n], and which of them are live and bent."""
        if law not in self._along:
            self._along[law] = _directions(self.variables.shape[1], law) @ self.variables.T
        pre = (self._along[law] + offset) * scale
        post = apply_nonlinearity(self._activation, pre)
        live, bent = live_and_bent(pre.T, post.T, self._activation)
        return post, live & bent

    def compared(self, values: Array) -> tuple[Array, Bools]:
        """1 - r^2 of the best feature of each class [N, C], those of the layer below last, and what varies."""
        found, norm, varies = self._features.unexplained(values)
        if not self._upstream.shape[1]:
            return found, varies
        best = (values @ self._upstream).max(axis=1)
        return np.column_stack([found, unexplained_by(best, norm)]), varies


def _at_offset(
    layer: _Layer, null: NeuronNull, law: str, own: Array, offset: float, scale: float
) -> Evidence:
    """The evidence of one neuron under one law, from its unexplained [1, C]."""
    return _draws_at(layer, null, law, offset, scale).evidence(own)


def _draws_at(layer: _Layer, null: NeuronNull, law: str, offset: float, scale: float) -> Draws:
    """The redrawn neurons of one offset and scale; none where no variable varies."""
    unexplained = np.empty((0, len(null.classes)))
    if layer.variables.shape[1]:
        values, there = layer.redrawn(law, offset, scale)
        unexplained, varies = layer.compared(values[there])
        unexplained = unexplained[varies]
    count = len(unexplained)
    t, _ = ranked(null, unexplained)
    return Draws(law, null, unexplained, t, np.full(count, 1.0 / max(count, 1)), weighted=False)


def deep_layer_draws(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    weights: Array,
    bias: float,
    below: Array,
    activation: str,
    probes: Probes,
    upstream: tuple[BoundFeature, ...],
) -> list[Draws]:
    """The redrawn neurons that one neuron behind another layer stands beside, under each law.

    Args:
        nulls: the simulated null under each of the laws; they rank the classes.
        weights: of the neuron [m]; bias: its own; below: the activations of the layer below on the probes [n, m].
        activation: of the layer; probes: the inputs and features.
        upstream: the features of the layer below.
    """
    incoming = Incoming(weights[None, None], np.array([[bias]]), below[None])
    layer = _Layer(incoming, 0, activation, Compared.of(probes, _ROWS), upstream)
    offset, scale = layer.kept(weights, bias)
    return [_draws_at(layer, null, law, offset, scale) for law, null in zip(laws, nulls, strict=True)]


@lru_cache(maxsize=8)
def _directions(variables: int, law: str) -> Array:
    """Directions over the variables of a layer, plain draws [N, m]; of one variable there are two."""
    if variables == 1:
        return np.array([[1.0], [-1.0]])
    rng = np.random.default_rng([variables, len(law)])
    shape = (_DRAWS, variables)
    rows = rng.uniform(-1.0, 1.0, shape) if law == "uniform" else rng.normal(size=shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
