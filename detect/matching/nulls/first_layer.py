"""The null of a first-layer neuron given its offset: the law of its best match over redrawn directions.

The offset is b / |w|, with b at the point of the box that is nearest to the origin; a neuron whose activation has a
scale keeps its |w| as well. Directions are drawn around the catalogue's own (`sphere.py`), the same for all neurons, so
that a p as small as 1e-10 is known to a few per cent and none is extrapolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...features.binding import BoundFeature
from ...networks.nonlinearities import apply_nonlinearity, leaky_slope
from ...statistics.criteria import EQUAL, TINY
from ...statistics.null_cache import Unkeyed
from ..correlations import live_and_bent, norms, unexplained_by
from ..criteria import GATE, REACHED
from ..probes import Probes
from .draws import Draws
from .incoming import Evidence, Incoming, largest
from .neuron_nulls import NeuronNull
from .resemblance import Compared, ranked
from .sphere import Directions, directions_around

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
#: Rows of the probes that the draws are evaluated on: more change no correlation visibly.
_ROWS = 1_024
#: Offsets of one value up to rounding are one offset; so are directions.
_DIGITS = 12
#: A feature that no draw of the scan comes this close to is none that a single ridge can match.
_OUT_OF_REACH = 3 * GATE
#: The scan: directions, and offsets from corner to corner.
_SCANNED, _SCAN_OFFSETS = 256, 33


def homogeneous(activation: str) -> bool:
    """Whether scaling a neuron's weights and bias only scales it.

    Examples:
        >>> homogeneous("relu"), homogeneous("tanh")
        (True, False)
    """
    return activation == "relu" or leaky_slope(activation) is not None


@dataclass(frozen=True, eq=False)
class _Redrawn:
    """Redrawn directions of first-layer neurons: everything but their offset and scale.

    Attributes:
        directions: unit vectors over the inputs, with their weights.
        along: what they give at the rows, from the reference point [N, n].
        origin: the reference point, the box's nearest to zero [d].
        middle, reach: of the pre-activation on the box, before the offset [N].
    """

    directions: Directions
    along: Array
    origin: Array
    middle: Array
    reach: Array
    features: Compared
    sampled: bool

    def values(self, offset: float, scale: float, activation: str) -> tuple[Array, Bools]:
        """Activations of the draws [N, n] at an offset and scale, and which of them are live and bent."""
        pre = self.along + offset
        pre *= scale
        post = apply_nonlinearity(activation, pre)
        bounds = None
        if self.sampled:
            middle = self.middle + offset
            bounds = scale * (middle - self.reach), scale * (middle + self.reach)
        live, bent = live_and_bent(pre.T, post.T, activation, bounds)
        return post, live & bent


@lru_cache(maxsize=8)
def _redrawn(key: str, activation: str, carried: Unkeyed) -> _Redrawn:  # noqa: ARG001  # the cache's key
    """The draws for the probes of a key."""
    probes: Probes = carried.value
    low, high = np.array(probes.box).T
    origin = np.clip(0.0, low, high)
    drawn = directions_around(_ridge_directions(probes))
    everything = Compared.of(probes, _ROWS)
    found = _Redrawn(
        drawn,
        drawn.vectors @ (probes.X[everything.rows] - origin).T,
        origin,
        drawn.vectors @ ((low + high) / 2 - origin),
        np.abs(drawn.vectors) @ ((high - low) / 2),
        everything,
        probes.sampled,
    )
    if not homogeneous(activation):
        return found
    return replace(found, features=Compared.of(probes, _ROWS, _within_reach(found, probes, activation)))


def _ridge_directions(probes: Probes) -> Array:
    """The distinct unit directions of the features that have one [K, d]."""
    rows = np.zeros((len(probes.features), probes.inputs))
    for row, bound in zip(rows, probes.features, strict=True):
        for weight, name in zip(bound.feature.direction or (), bound.on, strict=False):
            row[int(name[1:]) - 1] += weight
    size = np.linalg.norm(rows, axis=1)
    known = rows[size > 0.0] / size[size > 0.0, None]
    return np.unique(np.round(known, _DIGITS), axis=0)


def _within_reach(drawn: _Redrawn, probes: Probes, activation: str) -> Bools:
    """Which features a single ridge can match: those with a direction, and those that a scan of offsets comes near."""
    few = np.random.default_rng(0).permutation(len(drawn.along))[:_SCANNED]
    part = replace(drawn, along=drawn.along[few], middle=drawn.middle[few], reach=drawn.reach[few])
    farthest = float(np.abs(drawn.middle).max() + drawn.reach.max())
    near = np.array([bound.feature.direction is not None for bound in probes.features])
    for offset in np.linspace(-farthest, farthest, _SCAN_OFFSETS):
        values, _ = part.values(float(offset), 1.0, activation)
        norm, _ = norms(values)
        near |= (unexplained_by(values @ drawn.features.unit, norm) <= _OUT_OF_REACH).any(axis=0)
    return near


def first_layer(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    unexplained: Array,
    asked: Indices,
    incoming: Incoming,
    activation: str,
    probes: Probes,
) -> Iterator[tuple[Indices, Evidence]]:
    """The evidence of the first-layer neurons that are asked for, by offset and scale.

    Args:
        nulls: the simulated null under each of the laws; they rank the classes.
        unexplained: 1 - r^2 of the best feature of each class [M, C]; asked: the rows that are asked for.
        incoming: weights and biases of all M neurons.
        activation: of the layer; probes: the inputs and features.
    """
    drawn = _redrawn(probes.key, activation, Unkeyed(probes))
    weights = incoming.weights.reshape(-1, probes.inputs)[asked]
    size = np.maximum(np.linalg.norm(weights, axis=1), TINY)
    biases = incoming.biases.ravel()[asked]
    kept = np.stack([(biases + weights @ drawn.origin) / size, np.ones_like(size)], axis=1)
    if not homogeneous(activation):
        kept[:, 1] = size
    own = unexplained[asked]
    if len(drawn.features.rows) < len(probes.X):
        pre = probes.X[drawn.features.rows] @ weights.T + biases
        own = drawn.features.unexplained(apply_nonlinearity(activation, pre.T.copy()))[0]
    # Offsets in units of the box, so that rounding is rounding.
    unit = np.array([max(float(drawn.reach.max()), TINY), 1.0])
    _, first, group = np.unique(
        np.round(kept / unit, _DIGITS), axis=0, return_index=True, return_inverse=True
    )
    for k, representative in enumerate(first):
        members = np.flatnonzero(group.ravel() == k)
        offset, scale = kept[representative]
        yield (
            asked[members],
            _at_offset(drawn, nulls, laws, own[members], float(offset), float(scale), activation),
        )


def _at_offset(
    drawn: _Redrawn,
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    own: Array,
    offset: float,
    scale: float,
    activation: str,
) -> Evidence:
    """The evidence of neurons of one offset and scale, from their unexplained [M, C]."""
    return largest(
        [draws.evidence(own) for draws in _draws_at(drawn, nulls, laws, offset, scale, activation)]
    )


def _draws_at(
    drawn: _Redrawn,
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    offset: float,
    scale: float,
    activation: str,
) -> Iterator[Draws]:
    """The redrawn neurons of one offset and scale under each law."""
    values, there = drawn.values(offset, scale, activation)
    unexplained, _, varies = drawn.features.unexplained(values)
    there &= varies
    unexplained = unexplained[there]
    # About the origin, which is where an init law has its biases.
    about = offset - drawn.directions.vectors @ drawn.origin
    for law, null in zip(laws, nulls, strict=True):
        t, _ = ranked(null, unexplained)
        for weight in drawn.directions.weights(law, about):
            mass = weight[there]
            yield Draws(law, null, unexplained, t, mass / max(float(mass.sum()), TINY), weighted=True)


def first_layer_draws(
    nulls: Sequence[NeuronNull],
    laws: Sequence[str],
    weights: Array,
    bias: float,
    activation: str,
    probes: Probes,
) -> list[Draws]:
    """The redrawn neurons that one first-layer neuron stands beside, under each law.

    Args:
        nulls: the simulated null under each of the laws; they rank the classes.
        weights: of the neuron [d]; bias: its own.
        activation: of the layer; probes: the inputs and features.
    """
    drawn = _redrawn(probes.key, activation, Unkeyed(probes))
    size = max(float(np.linalg.norm(weights)), TINY)
    offset = (bias + float(weights @ drawn.origin)) / size
    scale = 1.0 if homogeneous(activation) else size
    return list(_draws_at(drawn, nulls, laws, offset, scale, activation))


def attained(null: NeuronNull, law: str, activation: str, probes: Probes) -> Array:
    """The p of a neuron at 1 - r^2 = 1e-6 of a feature and at that feature's own offset, the least of each class [C].

    Classes without ridges have what the simulated null gives them.

    Args:
        null: the simulated null under the law.
        activation: of the layer, homogeneous; probes: the inputs and features.
    """
    found = null.attainable()
    drawn = _redrawn(probes.key, activation, Unkeyed(probes))
    class_of = np.searchsorted(probes.starts, np.arange(len(probes.features)), side="right") - 1
    own_offsets = [
        (int(c), _offset_of(f, probes, drawn.origin)) for c, f in zip(class_of, probes.features, strict=True)
    ]
    for c in {c for c, offset in own_offsets if offset is not None}:
        own = np.ones((1, len(null.classes)))
        own[0, c] = REACHED
        offsets = {round(offset, _DIGITS) for k, offset in own_offsets if k == c and offset is not None}
        found[c] = min(
            float(_at_offset(drawn, [null], [law], own, offset, 1.0, activation).p[0]) for offset in offsets
        )
    return found


def _offset_of(bound: BoundFeature, probes: Probes, origin: Array) -> float | None:
    """The offset of a feature that is the positive part of an affine function; None of any other."""
    values = bound.values(probes.X)
    on = values > 0.0
    if not bound.feature.direction or on.sum() <= probes.inputs + 1:
        return None
    columns = np.column_stack([probes.X[on] - origin, np.ones(on.sum())])
    solved = np.linalg.lstsq(columns, values[on], rcond=None)[0]
    affine = np.abs(columns @ solved - values[on]).max() <= EQUAL * np.abs(values).max()
    return float(solved[-1] / np.linalg.norm(solved[:-1])) if affine else None
