"""Which features can be read from a layer by a linear read-out, beside untrained networks.

The rule is that of docs/statistics.md, Directions.

R^2 alone says nothing: at width 64 untrained networks reach 0.99 for almost everything. A feature is *readable*
where the held-out error is at most 1e-3 of its variance, at least one decade below the median untrained
network's, and q <= 0.05 against untrained networks of the same shape.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Binding, BoundFeature, bind
from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..networks.architecture import Architecture, hook_post
from ..networks.box import Box, BoxLike, as_box, box_of, check_inputs, comparison_points, sobol_points
from ..networks.initialisation import known_laws, untrained
from ..networks.network import Activations
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL, FLOOR, TINY
from ..statistics.multiple_testing import benjamini_hochberg
from ..statistics.null_cache import Arrays, Unkeyed, kept_arrays
from ..statistics.tails import Tail
from .correlations import unit_vectors
from .criteria import ALPHA, DECADES, READ

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Fit on 2**10 points, test on 2**11 others.
_LOG2_FIT, _LOG2_TEST = 10, 11
#: Fewer inputs cannot be split into some to fit and some to test.
FEWEST_INPUTS = 30
#: Ridge penalty per sample on standardised activations: it only keeps collinear neurons from blowing up.
_RIDGE = 1e-9
#: Untrained networks per null, and in layers wider than 64; the tail is modelled (`tails.Tail`), since 1 / 1600 is
#: no small p, and with 400 draws its own uncertainty, which counts against a finding, cost 5% of the needed features.
_PANEL, _WIDE_PANEL, _WIDE = 1600, 400, 64
#: Wider layers are not read: the panel alone would cost minutes.
MAX_WIDTH = 1024
#: A feature with more choices of arguments than this is not read, and neurons times features are at most this: beyond,
#: the panel of untrained networks costs minutes (3e5 take half a minute on one core).
MAX_CHOICES, MAX_WORK = 400, 300_000
#: The same limits where more is not asked for, and the most inputs: 64 neurons and the 283 features of four inputs take
#: ten seconds.
LIGHT_WIDTH, LIGHT_WORK, LIGHT_INPUTS = 64, 18_500, 8
#: Below this the difference of inner products of order 1 keeps fewer than nine digits.
_CANCELLED = 1e-6
_VERSION = 3
DIRECTION_COLUMNS = (
    "layer", "feature", "on", "scope", "unexplained", "untrained", "gap", "p", "q", "tautology", "readable",
    "neuron", "cosine",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Targets:
    """The features that are read, on inputs to fit and inputs to test.

    Attributes:
        X_fit, X_test: inputs [n, d] and [m, d].
        features: K features, one of each pair that differs by sign and scale only (a direction has no sign).
        fit, test: their values, centred and scaled to unit variance on the test inputs, [n, K] and [m, K].
        key: a hash of all this.
    """

    X_fit: Array
    X_test: Array
    features: tuple[BoundFeature, ...]
    fit: Array
    test: Array
    key: str


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
    order = np.random.default_rng(0).permutation(len(given))[: 3 * 2**_LOG2_FIT]
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
        fit, test = np.split(comparison_points(box, 2**_LOG2_FIT + 2**_LOG2_TEST, seed=1), [2**_LOG2_FIT])
    else:
        fit, test = sobol_points(box, _LOG2_FIT, seed=1), sobol_points(box, _LOG2_TEST, seed=2)
    return _build(fit, test, box, known)


def _build(fit: Array, test: Array, box: Box, known: Catalogue) -> Targets:
    features: list[BoundFeature] = []
    columns: list[Array] = []
    units = np.empty((0, len(test)))
    for feature in _bound(known, box).features:
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
    return Targets(fit, test, tuple(features), table[: len(fit)], table[len(fit) :], digest.hexdigest()[:24])


def _known(given: Catalogue | None) -> Catalogue:
    return installed if given is None else given


@lru_cache(maxsize=8)
def _bound(known: Catalogue, box: Box) -> Binding:
    return bind(tuple(known.values()), len(box), box, depth=2, limit=MAX_CHOICES)


def held_out_errors(fit: Array, test: Array, targets: Targets) -> tuple[Array, Array]:
    """Held-out 1 - R^2 of every feature, and the decoders, for activations of N networks.

    Args:
        fit: activations [N, n, units] on the inputs that fit; test: [N, m, units] on those that test.

    Returns:
        Errors [N, K], at most about 1 and held above 1e-15; decoder weights [N, units, K] on activations that
        are standardised (dead ones get 0).
    """
    mean, sd, unit = unit_vectors(fit)
    n, m = fit.shape[1], test.shape[1]
    z = np.swapaxes(unit, 1, 2) * np.sqrt(n)
    gram = z @ np.swapaxes(z, 1, 2)
    gram[:, np.arange(gram.shape[1]), np.arange(gram.shape[1])] += _RIDGE * n
    centre = targets.fit.mean(axis=0)
    weights = np.linalg.solve(gram, z @ (targets.fit - centre))
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


def match_directions(
    activations: Activations,
    *,
    init: str | None = None,
    box: BoxLike | None = None,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Which catalogue features can be read from each recorded layer, beside untrained networks of its shape.

    Args:
        activations: what `record` or `Network.run` gives, with the architecture; at least 30 rows, of which a
            third fits the read-outs and the rest tests them.
        init: init law of the untrained networks; None takes the larger p of both.
        box: the inputs' box, which thresholds depend on; by default (-1, 1), or an input's own range
            where it leaves that.
        catalogue: the features to look for; by default the installed ones.

    Returns:
        One row per non-linear layer and feature, columns `DIRECTION_COLUMNS`: held-out 1 - R^2
        (`unexplained`), the untrained median, `gap` in decades, p and q (per layer, over features),
        `tautology` (in the span of the outputs and the inputs that can be decoded: says something of the
        function, not of the mechanism), `readable`, and the neuron whose weight in the decoder is largest, with
        the decoder's cosine to it.

    Examples:
        >>> from ..networks.network import Network
        >>> net = Network(weights=[[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> frame = match_directions(net.run(np.random.default_rng(0).uniform(-1, 1, (900, 2))), init="uniform")
        >>> frame.set_index(["feature", "on"]).loc[("greaterness", ("x1", "x2")), "readable"].item()
        True
    """
    architecture = activations.shape()
    X = activations.inputs
    bounds = box_of(X) if box is None else box
    targets = targets_for(X.shape[1], box=bounds, X=X, catalogue=catalogue)
    order = np.random.default_rng(0).permutation(len(X))[: 3 * 2**_LOG2_FIT]
    cut = len(order) // 3
    layers = {block: activations[hook_post(block)][order][None] for block in architecture.active}
    outputs = activations["hook_output"][order][None]
    readings = [
        _read_layer(architecture, block, h[:, :cut], h[:, cut:], outputs, cut, targets, known_laws(init))
        for block, h in layers.items()
    ]
    return direction_frame(readings, targets).drop(columns="network")


@dataclass(frozen=True, eq=False)
class LayerReading:
    """What can be read from one layer, each array [networks, K]."""

    unexplained: Array
    untrained: Array
    p: Array
    tautology: npt.NDArray[np.bool_]
    neuron: npt.NDArray[np.intp]
    cosine: Array


def read_directions(
    stack: Stack,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    laws: Sequence[str] = ("uniform",),
    catalogue: Catalogue | None = None,
    deep: bool = True,
) -> tuple[list[LayerReading], Targets, tuple[str, ...]]:
    """Read every non-linear layer of stacked networks; also the layers that were skipped, by name.

    Args:
        deep: read layers of up to 1024 neurons, whose panel may take minutes, and not only those of up to 64.
    """
    architecture = stack.architecture
    bounds = as_box(box, architecture.sizes[0])
    binding = _bound(_known(catalogue), bounds)
    count = len(binding.features)
    # With more than 400 inputs a constant is all that is left.
    varying = any(feature.on for feature in binding.features)
    blocks, left_out = [], []
    for layer, block in enumerate(architecture.active):
        reason = _too_costly(architecture.sizes[0], architecture.sizes[block + 1], count, deep=deep)
        if reason:
            left_out.append(f"layer {layer}: directions ({reason})")
        elif varying or not binding.skipped:
            blocks.append(block)
    if not varying and binding.skipped and not left_out:
        inputs = architecture.sizes[0]
        left_out.append(
            f"directions ({inputs} inputs: every feature has more than {MAX_CHOICES} choices of arguments)"
        )
    elif blocks and binding.skipped:
        left_out.append(
            f"directions of {', '.join(binding.skipped)} (more than {MAX_CHOICES} choices of arguments)"
        )
    if not blocks:
        # Nothing is read: the targets of the real inputs would take minutes to lay out.
        rows, columns = np.empty((0, architecture.sizes[0])), np.empty((0, 0))
        return [], Targets(rows, rows, (), columns, columns, ""), tuple(left_out)
    targets = targets_for(architecture.sizes[0], box=box, X=inputs, catalogue=catalogue)
    cut = len(targets.X_fit)
    X = np.vstack([targets.X_fit, targets.X_test])
    # One chunk of activations stays below about 100 MB.
    step = max(1, int(1e7 / (len(X) * max(architecture.sizes))))
    parts: dict[int, list[LayerReading]] = {block: [] for block in blocks}
    for start in range(0, len(stack), step):
        forward = stack[start : start + step].forward(X)
        for block in blocks:
            h = forward.post[block]
            parts[block].append(
                _read_layer(architecture, block, h[:, :cut], h[:, cut:], forward.outputs, cut, targets, laws)
            )
    merged = [
        LayerReading(
            *(
                np.concatenate([getattr(part, name) for part in parts[block]])
                for name in ("unexplained", "untrained", "p", "tautology", "neuron", "cosine")
            )
        )
        for block in blocks
    ]
    return merged, targets, tuple(left_out)


def _too_costly(inputs: int, width: int, features: int, *, deep: bool) -> str:
    """Why a layer is not read, or an empty text."""
    work = width * features
    limits = [(width, MAX_WIDTH, "neurons"), (work, MAX_WORK, "pairs of a neuron and a feature")]
    light = [
        (inputs, LIGHT_INPUTS, "inputs"),
        (width, LIGHT_WIDTH, "neurons"),
        (work, LIGHT_WORK, limits[1][2]),
    ]
    for value, limit, unit in limits:
        if value > limit:
            return f"{value} {unit}, more than {limit}"
    for value, limit, unit in () if deep else light:
        if value > limit:
            return f"{value} {unit}, more than {limit}; deep=True reads them"
    return ""


def _read_layer(
    architecture: Architecture,
    block: int,
    fit: Array,
    test: Array,
    outputs: Array,
    cut: int,
    targets: Targets,
    laws: Sequence[str],
) -> LayerReading:
    errors, weights = held_out_errors(fit, test, targets)
    panels = [panel_null(architecture, block, law, targets) for law in laws]
    capped = np.minimum(errors, 1.0)
    p = np.max([[tail.p(capped[:, k]) for k, tail in enumerate(panel.tails)] for panel in panels], axis=0).T
    # The law whose untrained networks read the feature best is the one to beat.
    median = np.min([panel.median for panel in panels], axis=0)
    length = np.sqrt((weights**2).sum(axis=1))
    neuron = np.abs(weights).argmax(axis=1)
    cosine = np.abs(weights).max(axis=1) / np.where(length > 0, length, 1.0)
    tautology = _tautologies(fit, test, outputs, cut, errors, targets)
    return LayerReading(errors, np.broadcast_to(median, errors.shape).copy(), p, tautology, neuron, cosine)


def _tautologies(
    fit: Array, test: Array, outputs: Array, cut: int, errors: Array, targets: Targets
) -> npt.NDArray[np.bool_]:
    """Which features lie in the span of the outputs (where the layer gives them linearly) and the decodable inputs."""
    networks, features = errors.shape
    decodable = np.zeros((networks, targets.X_fit.shape[1]), dtype=bool)
    for k, feature in enumerate(targets.features):
        if feature.feature.id == "linear/identity":
            decodable[:, int(feature.on[0][1:]) - 1] = errors[:, k] <= READ
    result = np.zeros((networks, features), dtype=bool)
    for k in range(networks):
        out_fit, out_test = outputs[k, :cut], outputs[k, cut:]
        spread = out_test.var(axis=0).sum()
        shown = spread > 0 and _residual(fit[k], test[k], out_fit, out_test).sum() / spread <= READ
        columns_fit = [targets.X_fit[:, decodable[k]]] + ([out_fit] if shown else [])
        columns_test = [targets.X_test[:, decodable[k]]] + ([out_test] if shown else [])
        basis_fit, basis_test = np.hstack(columns_fit), np.hstack(columns_test)
        if basis_fit.shape[1]:
            result[k] = _residual(basis_fit, basis_test, targets.fit, targets.test) <= READ
    return result


def _residual(fit: Array, test: Array, y_fit: Array, y_test: Array) -> Array:
    """Held-out mean squared residual [K] of y [., K] regressed on columns with an intercept."""
    centre, y_centre = fit.mean(axis=0), y_fit.mean(axis=0)
    z = fit - centre
    gram = z.T @ z
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(gram), TINY)
    weights = np.linalg.solve(gram, z.T @ (y_fit - y_centre))
    return np.asarray(((y_test - y_centre - (test - centre) @ weights) ** 2).mean(axis=0))


@dataclass(frozen=True, eq=False)
class PanelNull:
    """What untrained networks of the shape reach: a tail per feature, and the median error [K]."""

    tails: tuple[Tail, ...]
    median: Array


def panel_null(architecture: Architecture, block: int, law: str, targets: Targets) -> PanelNull:
    """The null of one layer's read-outs: untrained networks of the shape, kept in memory and on disk."""
    last = block + 1
    prefix = Architecture(
        (*architecture.sizes[: last + 1], 1),
        architecture.null_activations[:last],
        (*architecture.bias[:last], False),
    )
    return _cached_panel(prefix, block, law, targets.key, Unkeyed(targets))


@lru_cache(maxsize=256)
def _cached_panel(prefix: Architecture, block: int, law: str, key: str, carried: Unkeyed) -> PanelNull:
    def make(seed: int) -> Arrays:
        return {"errors": panel_errors(prefix, block, law, carried.value, seed)}

    # Held out, a read-out may do worse than none; beyond 1 there is nothing more to say.
    errors = kept_arrays(f"directions {_VERSION}|{prefix!r}|{block}|{law}|{key}", make)["errors"]
    tails = tuple(Tail.fit(column, tail_share=0.1) for column in np.minimum(errors, 1.0).T)
    return PanelNull(tails, np.median(errors, axis=0))


def panel_errors(
    prefix: Architecture, block: int, law: str, targets: Targets, seed: int, count: int | None = None
) -> Array:
    """Held-out errors [count, K] of read-outs from one layer of untrained networks."""
    if count is None:
        count = _PANEL if prefix.sizes[block + 1] <= _WIDE else _WIDE_PANEL
    rng = np.random.default_rng(seed)
    X = np.vstack([targets.X_fit, targets.X_test])
    step = max(1, int(3e6 / (len(X) * max(prefix.sizes))))
    parts = []
    for start in range(0, count, step):
        h = untrained(prefix, min(step, count - start), law, rng).forward(X).post[block]
        parts.append(held_out_errors(h[:, : len(targets.X_fit)], h[:, len(targets.X_fit) :], targets)[0])
    return np.concatenate(parts)


def direction_frame(readings: Sequence[LayerReading], targets: Targets) -> pd.DataFrame:
    """The tidy table of all read-outs: `network` (position in the stack), then `DIRECTION_COLUMNS`."""
    import pandas as pd

    if not readings:
        return pd.DataFrame(columns=["network", *DIRECTION_COLUMNS])
    names = [f.feature.name for f in targets.features]
    on = np.empty(len(names), dtype=object)
    on[:] = [f.on for f in targets.features]
    parts = []
    for layer, reading in enumerate(readings):
        networks, count = reading.p.shape
        q = np.stack([benjamini_hochberg(row) for row in reading.p])
        gap = np.log10(reading.untrained) - np.log10(reading.unexplained)
        readable = (reading.unexplained <= READ) & (gap >= DECADES) & (q <= ALPHA)
        parts.append(
            pd.DataFrame(
                {
                    "network": np.repeat(np.arange(networks), count),
                    "layer": layer,
                    "feature": np.tile(names, networks),
                    "on": np.tile(on, networks),
                    "scope": "input",
                    "unexplained": reading.unexplained.ravel(),
                    "untrained": reading.untrained.ravel(),
                    "gap": gap.ravel(),
                    "p": reading.p.ravel(),
                    "q": q.ravel(),
                    "tautology": reading.tautology.ravel(),
                    "readable": readable.ravel(),
                    "neuron": reading.neuron.ravel(),
                    "cosine": reading.cosine.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).sort_values(
        ["network", "layer"], kind="stable", ignore_index=True
    )
