"""How much each neuron resembles each feature: correlations on the probes, batched over networks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..features.catalogues import catalogue
from ..features.formulas import Formula
from ..networks.architecture import Architecture
from ..networks.nonlinearities import clip_range, leaky_slope, unit_slopes
from ..statistics.criteria import FLOOR, ROUNDING, TINY
from .criteria import SPREAD
from .probes import Probes

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: Layers wider than this offer no upstream features: their pairs outnumber the catalogue.
MAX_UPSTREAM = 8
#: The class that features of the previous layer's variables compete in.
UPSTREAM = "upstream"


@dataclass(frozen=True, eq=False)
class Scores:
    """How M neurons resemble the features of C classes.

    Attributes:
        unexplained: 1 - r^2 of the best feature of each class [M, C]; 1 where no correlation is positive.
        best: that feature's index among the probes' features (or the upstream ones) [M, C].
        live: varies on the probes and is positive somewhere; bent: not affine where it is live [M].
    """

    unexplained: Array
    best: npt.NDArray[np.intp]
    live: npt.NDArray[np.bool_]
    bent: npt.NDArray[np.bool_]


def live_and_bent(
    pre: Array, post: Array, activation: str, bounds: tuple[Array, Array] | None = None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which neurons are live (positive somewhere, for ReLU) and which are bent (not affine on the box).

    Args:
        pre, post: [..., n, M] values on the probes.
        bounds: exact (minimum, maximum) of the pre-activation on the box, [..., M], where they are known.
    """
    low, high = bounds if bounds is not None else (pre.min(axis=-2), pre.max(axis=-2))
    if activation == "relu":
        return high > 0.0, (low < 0.0) & (high > 0.0)
    clip = clip_range(activation)
    if clip is not None:
        inside = (low < clip[1]) & (high > clip[0])
        return inside, inside & ((low < clip[0]) | (high > clip[1]))
    if leaky_slope(activation) is not None or unit_slopes(activation) is not None:
        return np.ones_like(high, dtype=bool), (low < 0.0) & (high > 0.0)
    spread = post.max(axis=-2) - post.min(axis=-2)
    # A smooth activation never is affine; without any spread there is nothing to match.
    varies = spread > SPREAD
    return varies, varies


def box_bounds(weights: Array, biases: Array, probes: Probes) -> tuple[Array, Array] | None:
    """Exact minimum and maximum on the box of first-layer pre-activations; None where inputs were given.

    Args:
        weights: [..., M, d]; biases: [..., M].
    """
    if not probes.sampled:
        return None
    low, high = np.array(probes.box).T
    centre, half = (low + high) / 2, (high - low) / 2
    middle, reach = weights @ centre + biases, np.abs(weights) @ half
    return middle - reach, middle + reach


def unit_vectors(values: Array) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and centred unit vectors of values [..., n, M] over their n samples.

    A neuron without spread (rounding level) gets the zero vector.
    """
    n = values.shape[-2]
    # Samples last: sums run along memory. `unit` is handed back as a view in the order that came in.
    rows = np.ascontiguousarray(np.swapaxes(values, -1, -2))
    mean = rows.mean(axis=-1)
    size = np.maximum(np.abs(rows).max(axis=-1), TINY)
    rows = rows - mean[..., None]
    sd = np.sqrt(np.einsum("...mn,...mn->...m", rows, rows) / n)
    flat = sd <= ROUNDING * size
    rows *= np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, sd * np.sqrt(n)))[..., None]
    return mean, np.where(flat, 0.0, sd), np.swapaxes(rows, -1, -2)


def class_scores(unit: Array, probes: Probes) -> tuple[Array, npt.NDArray[np.intp]]:
    """The best feature of every class for unit vectors [n, M]: (unexplained [M, C], index [M, C])."""
    r = unit.T @ probes.unit
    # Ties within rounding go to the feature that the catalogue lists first.
    keyed = np.round(r, 12)
    ends = [*probes.starts[1:], r.shape[1]]
    best = np.stack(
        [start + keyed[:, start:end].argmax(axis=1) for start, end in zip(probes.starts, ends, strict=True)],
        axis=1,
    )
    top = np.take_along_axis(r, best, axis=1)
    return np.where(top > 0.0, np.clip(1.0 - top**2, FLOOR, 1.0), 1.0), best


def norms(values: Array) -> tuple[Array, Bools]:
    """Centre the rows of values [N, n] in place: their norms [N], and which of them vary."""
    size = np.maximum(values.max(axis=1), -values.min(axis=1))
    values -= values.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", values, values))
    varies = norm > ROUNDING * np.sqrt(values.shape[1]) * np.maximum(size, TINY)
    return np.where(varies, norm, 1.0), varies


def unexplained_by(product: Array, norm: Array) -> Array:
    """1 - r^2 from products with unit vectors [N, ...]; 1 where they are not positive."""
    r = product / norm.reshape(-1, *(1,) * (product.ndim - 1))
    return np.where(r > 0.0, np.clip(1.0 - r**2, FLOOR, 1.0), 1.0)


def upstream_features(width: int, signed: bool) -> tuple[BoundFeature, ...]:
    """Ridge features over the variables of the previous layer, standardised, `v0`, `v1`, ...

    Args:
        width: how many variables.
        signed: whether they take both signs (a linear layer's); ReLU variables' negative parts are dead.

    Examples:
        >>> [f.label for f in upstream_features(2, signed=False)]
        ['positiveness(v0)', 'positiveness(v1)', 'greaterness(v0, v1)', 'greaterness(v1, v0)', 'positive-sum(v0, v1)']
    """
    if not 0 < width <= MAX_UPSTREAM:
        return ()
    box = ((-1.0, 1.0),) * width
    found = []
    for name in ("positiveness", "negativeness", "greaterness", "positive-sum", "negative-sum"):
        if name not in catalogue or (not signed and name.startswith("negative")):
            continue
        feature = catalogue[name]
        symmetric = bool(feature.symmetry)
        choose = itertools.combinations if symmetric else itertools.permutations
        for columns in choose(range(width), feature.arity):
            formula = feature.formula.substitute(
                {f"x{k + 1}": Formula(f"v{c}") for k, c in enumerate(columns)}
            )
            found.append(BoundFeature(feature, tuple(f"v{c}" for c in columns), formula, box, UPSTREAM))
    return tuple(found)


def upstream_of(architecture: Architecture, block: int) -> tuple[BoundFeature, ...]:
    """The upstream features that a block's neurons are compared with; empty for the first block."""
    if block == 0:
        return ()
    return upstream_features(architecture.sizes[block], signed=architecture.activations[block - 1] != "relu")


def upstream_scores(
    unit: Array, variables: Array, features: tuple[BoundFeature, ...]
) -> tuple[Array, npt.NDArray[np.intp]]:
    """The best upstream feature for unit vectors [N, n, M] over variables [N, n, width]: ([N, M], [N, M]).

    The variables are divided by their standard deviation (positive rescaling of the layer below, which
    changes nothing in the function, then changes nothing here) and keep their mean.
    """
    table = upstream_table(variables, features)
    # The unit vectors are centred, so the table need not be.
    r = np.swapaxes(unit, 1, 2) @ np.swapaxes(table, 1, 2)
    r *= inverse_norms(table)[:, None, :]
    best = np.round(r, 12).argmax(axis=2)
    top = np.take_along_axis(r, best[..., None], axis=2)[..., 0]
    return np.where(top > 0.0, np.clip(1.0 - top**2, FLOOR, 1.0), 1.0), best


def inverse_norms(table: Array) -> Array:
    """1 / norm of upstream features [N, K, n] after centring, [N, K]; 0 where they do not vary."""
    spread = np.einsum("Nkn,Nkn->Nk", table, table) - table.shape[2] * table.mean(axis=2) ** 2
    norm = np.sqrt(np.maximum(spread, 0.0))
    return np.where(norm > SPREAD, 1.0 / np.maximum(norm, SPREAD), 0.0)


def upstream_table(variables: Array, features: tuple[BoundFeature, ...]) -> Array:
    """The values of upstream features, ridges all, on variables [N, n, width]: [N, K, n]."""
    return ridges(np.swapaxes(variables, 1, 2), upstream_directions(features, variables.shape[2]))


def upstream_directions(features: tuple[BoundFeature, ...], width: int) -> Array:
    """The directions of upstream features over the layer below's variables [K, width]."""
    directions = np.zeros((len(features), width))
    for row, bound in zip(directions, features, strict=True):
        for weight, name in zip(bound.feature.direction or (), bound.on, strict=True):
            row[int(name[1:])] = weight
    return directions


def ridges(rows: Array, directions: Array) -> Array:
    """The positive parts of directions [K, width] of variables [N, width, n], each over its standard deviation."""
    sd = rows.std(axis=2, keepdims=True)
    # Samples side by side, whatever the order that came in.
    table = directions @ np.ascontiguousarray(rows / np.where(sd > ROUNDING, sd, 1.0))
    return np.maximum(table, 0.0, out=table)
