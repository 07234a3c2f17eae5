"""Which features can be read from a layer by a linear read-out, beside untrained networks.

The rule is that of docs/understand/evidence.md, Directions.

R^2 alone is not evidence: at width 64 untrained networks reach 0.99 for almost everything. A feature is *readable*
where the held-out error is at most 1e-3 of its variance, at least one decade below the median untrained
network's, and q <= 0.05 against untrained networks of the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..features.catalogues import Catalogue
from ..features.catalogues import catalogue as installed
from ..networks.architecture import Architecture, hook_post
from ..networks.box import BoxLike, as_box, box_of
from ..networks.initialisation import known_laws
from ..networks.network import Activations
from ..networks.stacks import Stack
from ..statistics.criteria import TINY
from ..statistics.multiple_testing import row_q_values
from .criteria import ALPHA, DECADES, READ
from .nulls.direction_nulls import constructed_p, panel_p
from .nulls.names import NullName, known_null
from .read_outs import (
    LOG2_FIT,
    MAX_CHOICES,
    RIDGE,
    Targets,
    features_on,
    held_out_errors,
    targets_for,
)

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Wider layers are not read: the panel alone would cost minutes.
MAX_WIDTH = 1024
#: Neurons times features are at most this: beyond, the panel of null networks costs minutes (3e5 take half a minute on
#: one core).
MAX_WORK = 300_000
#: The same limits where more is not asked for, and the most inputs: 64 neurons and the 283 features of four inputs take
#: ten seconds.
LIGHT_WIDTH, LIGHT_WORK, LIGHT_INPUTS = 64, 18_500, 8
#: Networks whose outputs are regressed on at once, about 10 MB of residuals.
_TOGETHER = 8
DIRECTION_COLUMNS = (
    "layer", "feature", "on", "scope", "unexplained", "untrained", "gap", "p", "q", "tautology", "readable",
    "by_construction", "neuron", "cosine",
)  # fmt: skip


def match_directions(
    activations: Activations,
    *,
    init: str | None = None,
    null: NullName = "conditional",
    box: BoxLike | None = None,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Which catalogue features can be read from each recorded layer, beside networks that learned nothing.

    Args:
        activations: what `record` or `Network.run` gives, with the architecture; at least 30 rows, of which a
            third fits the read-outs and the rest tests them.
        init: init law of the null's directions; None takes the larger p of both.
        null: `"conditional"` keeps each neuron's offset b / |w| and draws its direction anew, where the activations
            come with their network; `"unconditional"` takes untrained networks, whose offsets are others.
        box: the inputs' box, which thresholds depend on; by default (-1, 1), or an input's own range
            where it leaves that.
        catalogue: the features to look for; by default the installed ones.

    Returns:
        One row per non-linear layer and feature, columns `DIRECTION_COLUMNS`: held-out 1 - R^2
        (`unexplained`), the null's median (`untrained`), `gap` in decades, p and q (per layer, over features),
        `tautology` (in the span of the outputs and the inputs that can be decoded: says something of the
        function, not of the mechanism), `readable`, `by_construction` (it would be readable if the layer had not been
        pruned or quantised; p and `untrained` are beside networks that were), and the neuron whose weight in the
        decoder is largest, with the decoder's cosine to it.

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
    order = np.random.default_rng(0).permutation(len(X))[: 3 * 2**LOG2_FIT]
    cut = len(order) // 3
    layers = {block: activations[hook_post(block)][order][None] for block in architecture.active}
    outputs = activations["hook_output"][order][None]
    network = activations.network
    judge = _Judge(
        architecture,
        None if network is None else Stack.of([network]),
        targets,
        known_laws(init),
        known_null(null),
    )
    readings = [_read_layer(judge, block, h[:, :cut], h[:, cut:], outputs) for block, h in layers.items()]
    return direction_frame(readings, targets).drop(columns="network")


@dataclass(frozen=True, eq=False)
class LayerReading:
    """What can be read from one layer, each array [networks, K].

    `free_untrained` and `free_p` do not hold the zeros and the grid of a pruned or quantised layer against it.
    """

    unexplained: Array
    untrained: Array
    p: Array
    free_untrained: Array
    free_p: Array
    tautology: npt.NDArray[np.bool_]
    neuron: npt.NDArray[np.intp]
    cosine: Array


def read_directions(
    stack: Stack,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    laws: Sequence[str] = ("uniform",),
    null: NullName = "conditional",
    catalogue: Catalogue | None = None,
    deep: bool = True,
) -> tuple[list[LayerReading], Targets, tuple[str, ...]]:
    """Read every non-linear layer of stacked networks; also the layers that were skipped, by name.

    Args:
        null: as for `match_directions`.
        deep: read layers of up to 1024 neurons, whose panel may take minutes, and not only those of up to 64.
    """
    architecture = stack.architecture
    bounds = as_box(box, architecture.sizes[0])
    binding = features_on(installed if catalogue is None else catalogue, bounds)
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
        return [], Targets(rows, rows, (), columns, columns, "", bounds), tuple(left_out)
    targets = targets_for(architecture.sizes[0], box=box, X=inputs, catalogue=catalogue)
    cut = len(targets.X_fit)
    X = np.vstack([targets.X_fit, targets.X_test])
    # One chunk of activations stays below about 16 MB, of which several copies are held.
    step = max(1, int(2e6 / (len(X) * max(architecture.sizes))))
    parts: dict[int, list[LayerReading]] = {block: [] for block in blocks}
    for start in range(0, len(stack), step):
        part = stack[start : start + step]
        forward, judge = part.forward(X), _Judge(architecture, part, targets, tuple(laws), known_null(null))
        for block in blocks:
            h = forward.post[block]
            parts[block].append(_read_layer(judge, block, h[:, :cut], h[:, cut:], forward.outputs))
    merged = [
        LayerReading(
            *(
                np.concatenate([getattr(part, field.name) for part in parts[block]])
                for field in fields(LayerReading)
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


@dataclass(frozen=True, eq=False)
class _Judge:
    """What the read-outs of stacked networks are set beside.

    Attributes:
        stack: the networks, or None where their weights are not known.
    """

    architecture: Architecture
    stack: Stack | None
    targets: Targets
    laws: tuple[str, ...]
    null: NullName


def _read_layer(judge: _Judge, block: int, fit: Array, test: Array, outputs: Array) -> LayerReading:
    targets = judge.targets
    errors, weights = held_out_errors(fit, test, targets)
    found = [
        panel_p(judge.stack, judge.architecture, block, law, targets, errors, judge.null)
        for law in judge.laws
    ]
    p = np.max([p for p, _ in found], axis=0)
    # The law whose null networks read the feature best is the one to beat.
    median = np.min([median for _, median in found], axis=0)
    made = (
        []
        if judge.stack is None
        else [constructed_p(judge.stack, block, law, targets, errors) for law in judge.laws]
    )
    length = np.sqrt((weights**2).sum(axis=1))
    neuron = np.abs(weights).argmax(axis=1)
    cosine = np.abs(weights).max(axis=1) / np.where(length > 0, length, 1.0)
    tautology = _tautologies(fit, test, outputs, fit.shape[1], errors, targets)
    return LayerReading(
        unexplained=errors,
        untrained=np.min([median, *(m for _, m in made)], axis=0),
        p=np.max([p, *(own for own, _ in made)], axis=0),
        free_untrained=median,
        free_p=p,
        tautology=tautology,
        neuron=neuron,
        cosine=cosine,
    )


def _tautologies(
    fit: Array, test: Array, outputs: Array, cut: int, errors: Array, targets: Targets
) -> npt.NDArray[np.bool_]:
    """Which features lie in the span of the outputs (where the layer gives them linearly) and the decodable inputs."""
    networks, features = errors.shape
    decodable = np.zeros((networks, targets.X_fit.shape[1]), dtype=bool)
    for k, feature in enumerate(targets.features):
        if feature.feature.id == "linear/identity":
            decodable[:, int(feature.on[0][1:]) - 1] = errors[:, k] <= READ
    out_fit, out_test = outputs[:, :cut], outputs[:, cut:]
    spread = out_test.var(axis=1).sum(axis=1)
    left = _residuals(fit, test, out_fit, out_test).sum(axis=1)
    shown = (spread > 0) & (left <= READ * spread)
    result = np.zeros((networks, features), dtype=bool)
    # Networks from which the same inputs are decoded, and whose outputs are shown or not, have spans of one size.
    kinds = np.column_stack([decodable, shown])
    for kind in np.unique(kinds, axis=0):
        own = np.flatnonzero((kinds == kind).all(axis=1))
        columns_fit, columns_test = targets.X_fit[:, kind[:-1]], targets.X_test[:, kind[:-1]]
        if kind[-1]:
            for part in np.split(own, range(_TOGETHER, len(own), _TOGETHER)):
                basis_fit, basis_test = (
                    _beside(columns_fit, out_fit[part]),
                    _beside(columns_test, out_test[part]),
                )
                result[part] = _residuals(basis_fit, basis_test, targets.fit, targets.test) <= READ
        elif kind.any():
            left = _residuals(columns_fit[None], columns_test[None], targets.fit, targets.test)
            result[own] = left <= READ
    return result


def _beside(columns: Array, outputs: Array) -> Array:
    """Columns [n, k] that all networks share beside the outputs [networks, n, out] of each: [networks, n, k + out]."""
    shared = np.broadcast_to(columns, (len(outputs), *columns.shape))
    return np.concatenate([shared, outputs], axis=2)


def _residuals(fit: Array, test: Array, y_fit: Array, y_test: Array) -> Array:
    """Held-out mean squared residuals [networks, K] of y [(networks,) ., K] regressed on columns with an intercept.

    Args:
        fit: the columns [networks, n, c]; test: [networks, m, c].
    """
    centre, y_centre = fit.mean(axis=1, keepdims=True), y_fit.mean(axis=-2, keepdims=True)
    z = fit - centre
    across = np.swapaxes(z, 1, 2)
    gram = across @ z
    size = gram.shape[1]
    ridge = RIDGE * np.maximum(np.trace(gram, axis1=1, axis2=2) / size, TINY)
    gram[:, np.arange(size), np.arange(size)] += ridge[:, None]
    weights = np.linalg.solve(gram, across @ (y_fit - y_centre))
    return np.asarray(((y_test - y_centre - (test - centre) @ weights) ** 2).mean(axis=1))


def _declared(unexplained: Array, untrained: Array, p: Array) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
    """Gap, q and what is readable, [networks, K] each."""
    q = row_q_values(p)
    gap = np.log10(untrained) - np.log10(unexplained)
    return gap, q, (unexplained <= READ) & (gap >= DECADES) & (q <= ALPHA)


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
        gap, q, readable = _declared(reading.unexplained, reading.untrained, reading.p)
        _, _, free = _declared(reading.unexplained, reading.free_untrained, reading.free_p)
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
                    "by_construction": (free & ~readable).ravel(),
                    "neuron": reading.neuron.ravel(),
                    "cosine": reading.cosine.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).sort_values(
        ["network", "layer"], kind="stable", ignore_index=True
    )
