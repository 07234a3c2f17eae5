"""Layers whose weights were pruned or quantised, and null networks that share their zeros or their grid.

Exact zeros and weights on a coarse grid point neurons along the axes and diagonals that the catalogue's features lie
on. That alignment is real, and it is the construction's, not something learned: it is tested against layers that were
made likewise (docs/understand/evidence.md, Sparse by construction).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ...networks.nonlinearities import apply_nonlinearity
from ...statistics.criteria import TINY
from ..correlations import live_and_bent, unit_vectors
from ..criteria import MIXED_ROWS, PRUNED_SHARE, SMALLEST_LAYER, TIED_SHARE
from ..probes import Probes
from .neuron_nulls import NeuronNull, scores_of

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
#: How a layer was made: zeros in generic weights, or few values.
Kind = Literal["pruned", "grid"]
#: Steps of a grid from 0 to its largest weight: eight bits.
_STEPS = 127
#: Two weights are of one size up to this share: float32 keeps seven digits.
_ONE_SIZE = 2e-7
#: Passes over rows and columns until their scales are gone; each halves what is left, or better.
_BALANCED = 50
#: Rows of the same construction that a neuron's match is set beside, and the fewest live and bent ones among them.
_DRAWS, _LEAST = 2_000, 100

#: Numbers that a step is tried on before it is tried on all.
_FEW = 64


def construction(weights: Array) -> Kind | None:
    """How a layer's weights [units, m] were constructed; None where they show no more than features would.

    A row whose weights all have one size beside exact zeros, such as (1, -1, 0) or (0, 3), is what a feature is, and
    may have been learned and rounded: layers of such rows alone, as derived networks have them, and small layers are
    taken for no construction.

    - `"pruned"`: a third of the weights are exactly 0, and other rows have weights of generic sizes; or at least four
      rows have both a zero and weights of several sizes.
    - `"grid"`: at least four rows have several sizes, and all of these are multiples of one step (up to 127 of it), or
      a quarter of them are repetitions.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(8, 2))
        >>> construction(rows), construction(np.where(rng.uniform(size=(8, 2)) < 0.5, 0.0, rows))
        (None, 'pruned')
        >>> construction(np.round(4 * rows)), construction(np.array([[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]]))
        ('grid', None)
    """
    if weights.size < SMALLEST_LAYER:
        return None
    size = np.abs(weights[_first_of_its_line(weights)])
    largest = size.max(axis=1, keepdims=True)
    several = ((size > 0.0) & (size < (1.0 - _ONE_SIZE) * largest)).any(axis=1)
    if not several.any():
        return None
    found = size[several]
    values = found[found > 0.0]
    if len(found) >= MIXED_ROWS and (_on_a_grid(values) or _tied(values)):
        return "grid"
    if (found == 0.0).any(axis=1).sum() >= MIXED_ROWS:
        return "pruned"
    zeros = (weights == 0.0).mean() >= PRUNED_SHARE and bool((size == 0.0).any())
    return "pruned" if zeros else None


def balanced(weights: Array) -> Array:
    """Weights [units, m] whose rows and columns are scaled until other than 0 they are as near to 1 as they come.

    However rows and columns of the given ones were scaled, the outcome is the same: it is what is left where neither
    the neurons nor the variables that they read have a scale of their own.

    Examples:
        >>> comparisons = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, -1.0]])
        >>> scaled = np.diag([2.0, 5.0, 0.5]) @ comparisons @ np.diag([3.0, 0.1, 7.0])
        >>> bool(np.allclose(balanced(scaled), comparisons))
        True
    """
    here = weights != 0.0
    logs = np.log(np.where(here, np.abs(weights), 1.0))
    for _ in range(_BALANCED):
        for axis in (1, 0):
            counts = np.maximum(here.sum(axis=axis, keepdims=True), 1)
            logs = np.where(here, logs - logs.sum(axis=axis, keepdims=True) / counts, 0.0)
    return np.where(here, np.sign(weights) * np.exp(logs), 0.0)


def _first_of_its_line(weights: Array) -> npt.NDArray[np.intp]:
    """The rows that are neither zero nor a multiple, of either sign, of an earlier one."""
    largest = np.abs(weights).max(axis=1)
    live = np.flatnonzero(largest > 0.0)
    rows = weights[live] / largest[live, None]
    leading = np.take_along_axis(rows, (rows != 0.0).argmax(axis=1)[:, None], axis=1)
    _, first = np.unique((rows * np.sign(leading)).round(6), axis=0, return_index=True)
    return live[np.sort(first)]


def _on_a_grid(values: Array) -> bool:
    """Whether positive numbers are whole multiples, up to 127, of one step."""
    shares = values / values.max()

    def whole(counts: Array, some: Array) -> Bools:
        steps = counts[:, None] * some
        return np.asarray((np.abs(steps - steps.round()) <= _ONE_SIZE * steps).all(axis=1))

    # A few numbers rule nearly every step out; a table of all steps and numbers would be 127 times the layer.
    counts = np.arange(1.0, _STEPS + 1)
    counts = counts[whole(counts, shares[:_FEW])]
    return any(whole(counts[[k]], shares).item() for k in range(len(counts)))


def _tied(values: Array) -> bool:
    """Whether a quarter of the numbers are repetitions of others."""
    ordered = np.sort(values)
    apart = 1 + int((np.diff(ordered) > _ONE_SIZE * ordered[1:]).sum())
    return apart <= (1.0 - TIED_SHARE) * len(values)


def same_construction(
    weights: Array, count: int, law: str, rng: np.random.Generator, kind: Kind | None = None
) -> Array:
    """Layers [count, units, m] made as this one [units, m] was.

    Of a pruned layer the zeros stay where they are, and the law draws the rest. Of a grid all its weights are dealt out
    anew, zeros included, with random signs; a row of zeros is dealt again from the others.

    Args:
        kind: of the construction; by default the layer's own, which has to have one.

    Examples:
        >>> rows = np.array([[0.3, 0.0], [0.2, -0.7]])
        >>> drawn = same_construction(rows, 3, "normal", np.random.default_rng(0), "pruned")
        >>> (drawn == 0).any(axis=0).tolist()
        [[False, True], [False, False]]
    """
    shape = (count, *weights.shape)
    if (kind or construction(weights)) == "pruned":
        drawn = rng.uniform(-1.0, 1.0, shape) if law == "uniform" else rng.normal(size=shape)
        return np.asarray(drawn * (weights != 0.0))
    live = np.abs(weights).max(axis=1) > 0.0
    values = np.abs(weights[live]).ravel()
    dealt = rng.permuted(np.broadcast_to(values, (count, len(values))), axis=1)
    rows = dealt.reshape(count, int(live.sum()), weights.shape[1])
    empty = (rows == 0.0).all(axis=2)
    rows[empty] = rng.choice(values[values > 0.0], (int(empty.sum()), weights.shape[1]))
    drawn = np.zeros(shape)
    drawn[:, live] = rows * rng.choice([-1.0, 1.0], rows.shape)
    return drawn


def constructed_p(
    weights: Array,
    unit: int,
    bias: float,
    kind: Kind,
    variables: Array,
    architecture: Architecture,
    block: int,
    probes: Probes,
    null: NeuronNull,
    laws: Sequence[str],
) -> float:
    """The share of neurons of one construction and offset that match a feature at least as well as one of them does.

    Args:
        weights: the layer's [units, m]; unit: the neuron; bias: its own.
        kind: of the layer's construction.
        variables: what the layer reads, on the probes [n, m].
        null: ranks the classes against each other, as for other neurons.
        laws: of a pruned layer's weights; the larger share counts.
    """
    spread = variables.std(axis=0)
    offset = bias / max(float(np.linalg.norm(weights[unit] * spread)), TINY)
    worst = 0.0
    for law in laws:
        rows = _rows_like(weights, unit, kind, law)
        lengths = np.linalg.norm(rows * spread, axis=1)
        rows, lengths = rows[lengths > TINY], lengths[lengths > TINY]
        # The neuron itself comes first.
        rows = np.vstack([weights[unit], rows])
        offsets = np.append(bias, offset * lengths)
        pre = variables @ rows.T + offsets
        post = apply_nonlinearity(architecture.null_activations[block], pre)
        live, bent = live_and_bent(pre, post, architecture.null_activations[block])
        _, sd, directions = unit_vectors(post[None])
        previous = variables[None] if block else None
        scores = scores_of(directions, previous, architecture, block, live[None], bent[None], probes)
        t, _ = null.gated(scores.unexplained, null.class_p(scores.unexplained))
        beside = t[1:][(live & bent & (sd[0] > 0.0))[1:]]
        if len(beside) < _LEAST:
            return 1.0
        worst = max(worst, float((1 + (beside <= t[0]).sum()) / (1 + len(beside))))
    return worst


def as_few_weights(weights: Array, unit: int, kind: Kind) -> float:
    """The share of neurons of the same construction that have at most as many weights other than 0.

    Examples:
        >>> as_few_weights(np.array([[0.3, 0.0], [0.2, -0.7]]), 0, "pruned")
        1.0
    """
    rows = _rows_like(weights, unit, kind, "normal")
    fewer = (rows != 0.0).sum(axis=1) <= np.count_nonzero(weights[unit])
    return float((1 + fewer.sum()) / (1 + len(rows)))


def _rows_like(weights: Array, unit: int, kind: Kind, law: str) -> Array:
    """Rows [K, m] as one neuron's could have been: of a pruned layer, those with its zeros."""
    layer = weights if kind == "grid" else weights[[unit]]
    drawn = same_construction(layer, -(-_DRAWS // len(layer)), law, np.random.default_rng(unit), kind)
    return drawn.reshape(-1, weights.shape[1])
