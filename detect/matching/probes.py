"""The probes on which neurons are compared with features, and the features' values there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import MAX_CHOICES, BoundFeature, bind
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..networks.architecture import Architecture
from ..networks.box import Box, BoxLike, as_box, check_inputs, sobol_points
from ..statistics.criteria import EQUAL

if TYPE_CHECKING:
    pass

Array = npt.NDArray[np.float64]
#: 2**9 Sobol points: correlations are off by under 1%, exact matches are exact on any set of points.
LOG2_PROBES = 9
#: With more inputs than this the features of every choice of them are too many to compare (eight inputs have 957, forty
#: 54 061): layers are then read by their weights, and deeper ones compared with the features that have at most so many
#: choices of arguments where that is asked for (deep=True).
MAX_INPUTS, DEEP_CHOICES = 8, 400
#: Layers whose neurons are compared with features of the inputs, unless more are asked for (deep=True): each null of a
#: further one takes up to a second, and so a network of two hundred layers minutes.
MOST_LAYERS = 8
#: Given inputs beyond this many rows are thinned evenly; more points change no correlation visibly.
MAX_PROBES = 10_000


@dataclass(frozen=True, eq=False)
class Probes:
    """Features on probe inputs, centred and of unit norm, sorted by the class they compete in.

    Attributes:
        X: the inputs [n, d].
        box: their box.
        features: the K bound features, sorted by class.
        mean, sd: of each feature's values [K]; unit: centred values over (sd sqrt(n)) [n, K].
        classes: names of the classes; starts: where each begins among the features.
        skipped: names of catalogue entries left out because they have too many arguments.
        infinite: names of those left out because they are infinite or NaN on the box, or too large to be squared.
        sampled: whether X are points of the box, and not given inputs.
        key: a hash of all this, for caches.
    """

    X: Array
    box: Box
    features: tuple[BoundFeature, ...]
    mean: Array
    sd: Array
    unit: Array
    classes: tuple[str, ...]
    starts: npt.NDArray[np.intp]
    skipped: tuple[str, ...]
    sampled: bool
    key: str
    infinite: tuple[str, ...] = ()

    @property
    def inputs(self) -> int:
        """The number of inputs d."""
        return int(self.X.shape[1])

    def __repr__(self) -> str:
        return f"Probes(n={len(self.X)}, d={self.inputs}, features={len(self.features)}, classes={len(self.classes)})"


def probes_for(
    inputs: int,
    *,
    box: BoxLike = (-1.0, 1.0),
    X: npt.ArrayLike | None = None,
    depth: int = 1,
    catalogue: Catalogue | None = None,
    limit: int = MAX_CHOICES,
) -> Probes:
    """The probes of a box (Sobol points), or of given inputs.

    Args:
        inputs: the number of inputs d.
        box: their box; X: inputs [n, d] that replace uniform points of the box.
        depth: 1 for features of the inputs, 2 with positive parts of minima and maxima (see `binding.bind`).
        catalogue: the catalogue; by default the installed one.
        limit: features with more choices of arguments are left out.

    Raises:
        InputError: where the inputs do not fit the box, or no feature varies on them.

    Examples:
        >>> probes_for(2)
        Probes(n=512, d=2, features=81, classes=8)
    """
    bounds = as_box(box, inputs)
    entries = installed if catalogue is None else catalogue
    if X is None:
        return _sobol_probes(bounds, depth, entries, limit)
    return _build(_thinned(check_inputs(X, inputs)), bounds, depth, entries, limit, sampled=False)


def points_for(inputs: int, *, box: BoxLike = (-1.0, 1.0), X: npt.ArrayLike | None = None) -> Probes:
    """The probes of a box, or of given inputs, without any feature: for what is read by weights alone.

    Examples:
        >>> points_for(784)
        Probes(n=512, d=784, features=0, classes=0)
    """
    bounds = as_box(box, inputs)
    points = sobol_points(bounds, LOG2_PROBES) if X is None else _thinned(check_inputs(X, inputs))
    nothing = np.empty(0)
    return Probes(
        points, bounds, (), nothing, nothing, np.empty((len(points), 0)), (), np.empty(0, dtype=np.intp), (),
        X is None, "",
    )  # fmt: skip


def _thinned(X: Array) -> Array:
    return X if len(X) <= MAX_PROBES else X[np.linspace(0, len(X) - 1, MAX_PROBES).astype(int)]


@lru_cache(maxsize=64)
def _sobol_probes(box: Box, depth: int, known: Catalogue, limit: int) -> Probes:
    return _build(sobol_points(box, LOG2_PROBES), box, depth, known, limit, sampled=True)


def _build(X: Array, box: Box, depth: int, known: Catalogue, limit: int, *, sampled: bool) -> Probes:
    binding = bind(tuple(known.values()), X.shape[1], box, depth=depth, limit=limit)
    order: dict[str, list[tuple[BoundFeature, Array]]] = {}
    for feature in binding.features:
        values = feature.values(X)
        size = float(np.abs(values).max())
        # A feature that is infinite or NaN on an input (1 / x1 at 0) is no function of these inputs.
        if np.isfinite(size) and values.std() > EQUAL * size:
            order.setdefault(feature.competes_as, []).append((feature, values))
    if not order:
        raise InputError(
            f"no feature of the catalogue varies on these {len(X)} inputs: give more, or other, inputs"
        )
    classes = tuple(order)
    listed = [item for name in classes for item in order[name]]
    table = np.column_stack([values for _, values in listed])
    mean, sd = table.mean(axis=0), table.std(axis=0)
    unit = (table - mean) / (sd * np.sqrt(len(X)))
    starts = np.cumsum([0, *(len(order[name]) for name in classes)])[:-1]
    features = tuple(feature for feature, _ in listed)
    # Thresholds depend on the box, which given inputs do not tell.
    digest = hashlib.sha256(np.ascontiguousarray(X).tobytes() + repr((X.shape, box, sampled)).encode())
    for feature in features:
        digest.update(f"{feature.competes_as}:{feature.formula.text};".encode())
    return Probes(
        X, box, features, mean, sd, unit, classes, starts, binding.skipped, sampled, digest.hexdigest()[:24],
        binding.infinite,
    )  # fmt: skip


def too_far(architecture: Architecture, block: int) -> bool:
    """Whether a block lies behind so many others that it is read by its weights alone.

    Examples:
        >>> deep = Architecture((2, *[4] * 12, 1), ("relu",) * 12, (True,) * 13)
        >>> [block for block in deep.active if too_far(deep, block)]
        [8, 9, 10, 11]
    """
    return architecture.active.index(block) >= MOST_LAYERS


def depth_of(architecture: Architecture, block: int) -> int:
    """How deep the features are that a block is compared with: 1 in the first non-linear layer, 2 behind it."""
    return 1 if block == architecture.active[0] else 2
