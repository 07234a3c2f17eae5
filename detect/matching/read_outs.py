"""Linear read-outs of features from a layer's activations, and how well they do on other inputs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Binding, BoundFeature, bind
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..networks.box import Box, BoxLike, as_box, check_inputs, comparison_points, sobol_points
from ..statistics.criteria import EQUAL, FLOOR
from .correlations import unit_vectors

Array = npt.NDArray[np.float64]
#: Fit on 2**10 points, test on 2**11 others.
LOG2_FIT, LOG2_TEST = 10, 11
#: Fewer inputs cannot be split into some to fit and some to test.
FEWEST_INPUTS = 30
#: Ridge penalty per sample on standardised activations: it only keeps collinear neurons from blowing up.
RIDGE = 1e-9
#: A feature with more choices of arguments than this is not read: with the neurons it makes the work of the null.
MAX_CHOICES = 400
#: Below this the difference of inner products of order 1 keeps fewer than nine digits.
_CANCELLED = 1e-6


@dataclass(frozen=True, eq=False)
class Targets:
    """The features that are read, on inputs to fit and inputs to test.

    Attributes:
        X_fit, X_test: inputs [n, d] and [m, d].
        features: K features, one of each pair that differs by sign and scale only (a direction has no sign).
        fit, test: their values, centred and scaled to unit variance on the test inputs, [n, K] and [m, K].
        key: a hash of all this.
        box: of the inputs.
    """

    X_fit: Array
    X_test: Array
    features: tuple[BoundFeature, ...]
    fit: Array
    test: Array
    key: str
    box: Box


def targets_for(
    inputs: int,
    *,
    box: BoxLike = (-1.0, 1.0),
    X: npt.ArrayLike | None = None,
    catalogue: Catalogue | None = None,
) -> Targets:
    """The read-out targets on a box, or on given inputs, of which a third fits and the rest tests.

    Examples:
        >>> targets = targets_for(2)
        >>> targets.fit.shape[0], targets.test.shape[0], "greaterness(x1, x2)" in [f.label for f in targets.features]
        (1024, 2048, True)
    """
    bounds = as_box(box, inputs)
    entries = installed if catalogue is None else catalogue
    if X is None:
        return _box_targets(bounds, entries)
    given = check_inputs(X, inputs)
    order = np.random.default_rng(0).permutation(len(given))[: 3 * 2**LOG2_FIT]
    if len(order) < FEWEST_INPUTS:
        raise InputError(
            f"{len(given)} inputs are too few to fit and test read-outs: give at least {FEWEST_INPUTS}"
        )
    cut = len(order) // 3
    return _build(given[order[:cut]], given[order[cut:]], bounds, entries)


@lru_cache(maxsize=32)
def _box_targets(box: Box, known: Catalogue) -> Targets:
    # The test points are none of the fitted ones: the grid of one input has no second scrambling.
    if len(box) == 1:
        fit, test = np.split(comparison_points(box, 2**LOG2_FIT + 2**LOG2_TEST, seed=1), [2**LOG2_FIT])
    else:
        fit, test = sobol_points(box, LOG2_FIT, seed=1), sobol_points(box, LOG2_TEST, seed=2)
    return _build(fit, test, box, known)


def _build(fit: Array, test: Array, box: Box, known: Catalogue) -> Targets:
    features: list[BoundFeature] = []
    columns: list[Array] = []
    units = np.empty((0, len(test)))
    for feature in features_on(known, box).features:
        values = feature.values(np.vstack([fit, test]))
        held = values[len(fit) :]
        sd = held.std()
        if sd <= EQUAL * max(1.0, float(np.abs(values).max())) or values[: len(fit)].std() == 0:
            continue
        unit = (held - held.mean()) / (sd * np.sqrt(len(held)))
        # Exact up to rounding, as -x and x, or a mean and a sum, are.
        if len(units) and float(np.abs(units @ unit).max()) > 1.0 - EQUAL:
            continue
        units = np.vstack([units, unit])
        features.append(feature)
        columns.append((values - held.mean()) / sd)
    if not features:
        raise InputError("no feature of the catalogue varies on these inputs: give more, or other, inputs")
    table = np.column_stack(columns)
    digest = hashlib.sha256(fit.tobytes() + test.tobytes())
    digest.update("|".join(f.formula.text for f in features).encode())
    return Targets(
        fit, test, tuple(features), table[: len(fit)], table[len(fit) :], digest.hexdigest()[:24], box
    )


@lru_cache(maxsize=8)
def features_on(known: Catalogue, box: Box) -> Binding:
    """The catalogue's features on a box, those left out that have too many choices of arguments."""
    return bind(tuple(known.values()), len(box), box, depth=2, limit=MAX_CHOICES)


def held_out_errors(fit: Array, test: Array, targets: Targets) -> tuple[Array, Array]:
    """Held-out 1 - R^2 of every feature, and the decoders, for activations of N networks.

    Args:
        fit: activations [N, n, units] on the inputs that fit; test: [N, m, units] on those that test.

    Returns:
        Errors [N, K], at most about 1 and held above 1e-15; decoder weights [N, units, K] (`decoders`).
    """
    mean, sd, unit = unit_vectors(fit)
    m = test.shape[1]
    centre = targets.fit.mean(axis=0)
    weights = decoders(unit, targets)
    scale = np.where(sd > 0, 1.0 / np.where(sd > 0, sd, 1.0), 0.0)
    held = np.swapaxes((test - mean[:, None, :]) * scale[:, None, :], 1, 2)
    wanted = targets.test - centre
    # From inner products, which never hold all residuals at once...
    crossed = np.einsum("NhK,NhK->NK", held @ wanted, weights)
    explained = np.einsum("NhK,NhK->NK", weights, (held @ np.swapaxes(held, 1, 2)) @ weights)
    errors = ((wanted**2).sum(axis=0) - 2.0 * crossed + explained) / m
    # ... and from the residuals themselves where so little is left that the difference has lost its digits.
    for k in np.flatnonzero((errors < _CANCELLED).any(axis=1)):
        small = errors[k] < _CANCELLED
        errors[k, small] = ((wanted[:, small] - held[k].T @ weights[k][:, small]) ** 2).mean(axis=0)
    return np.maximum(errors, FLOOR), weights


def decoders(unit: Array, targets: Targets) -> Array:
    """What reads the features [N, units, K] from activations that are standardised; dead ones get 0.

    Args:
        unit: activations [N, n, units] on the inputs that fit, as `unit_vectors` gives them.

    Examples:
        >>> targets = targets_for(1)
        >>> at = [f.label for f in targets.features].index("identity(x1)")
        >>> reading = decoders(unit_vectors(targets.X_fit[None])[2], targets)
        >>> reading.shape[:2], round(abs(float(reading[0, 0, at])), 2)
        ((1, 1), 1.0)
    """
    n = unit.shape[1]
    z = np.swapaxes(unit, 1, 2) * np.sqrt(n)
    gram = z @ np.swapaxes(z, 1, 2)
    gram[:, np.arange(gram.shape[1]), np.arange(gram.shape[1])] += RIDGE * n
    return np.asarray(np.linalg.solve(gram, z @ (targets.fit - targets.fit.mean(axis=0))))
