"""Declaring: which neurons of many networks `match_neurons` calls matched, without a table for each.

Score, null, p, status and q come from the same functions as there, called in the same order; only the tables, the
causal checks and the copies are left out, and so are matches by weights, which get a hundredth of the level, and the
test of pruned and quantised layers. A test holds both to the same declarations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.features import BoundFeature
from mathcircuits.detect.matching import (
    ALPHA,
    UPSTREAM,
    VACUOUS,
    Incoming,
    NullName,
    box_bounds,
    chosen_classes,
    depth_of,
    evidence,
    live_and_bent,
    neuron_null,
    probes_for,
    scores_of,
    unit_vectors,
    upstream_of,
)
from mathcircuits.detect.networks import Forward, Stack

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
#: The naive rule that the null is there to replace: a neuron "is" a feature where their correlation is above this.
NAIVE_R = 0.9
#: Values of one layer (networks x probes x units) that are worked on at once: 32 MB.
_CHUNK_VALUES = 4e6


@dataclass(frozen=True, eq=False)
class Declarations:
    """What is declared about stacked networks; arrays are [networks, neurons], layer after layer.

    Attributes:
        layer: the non-linear layer of each column [neurons].
        p: of the neurons that are tested, NaN elsewhere (the dead and the affine).
        draws: how many null draws vouch for p, infinite where it is not extrapolated.
        vacuous: the null matches this class exactly too often for it to prove anything.
        unexplained: 1 - r^2 of the label; label: its position in `features[layer]`.
        best: the smallest 1 - r^2 of all features, which is all that the naive rule looks at.
        features: per layer, the input features, then the upstream ones.
    """

    layer: npt.NDArray[np.intp]
    p: Array
    draws: Array
    vacuous: Mask
    unexplained: Array
    label: npt.NDArray[np.intp]
    best: Array
    features: tuple[tuple[BoundFeature, ...], ...]

    def __len__(self) -> int:
        return len(self.p)

    @property
    def tested(self) -> Mask:
        """The neurons that have a p."""
        return ~np.isnan(self.p)

    def matched(self, alpha: float = ALPHA, layer: int | None = None) -> Mask:
        """The neurons that are declared at a false discovery rate of `alpha` per network.

        Args:
            layer: take this layer's neurons as a family of their own; None: all of the network's, as `analyse` does.
        """
        p = np.maximum(self.p, 1.0 / (self.draws + 1.0))
        p = p if layer is None else np.where(self.layer == layer, p, np.nan)
        return (q_values(p) <= alpha) & ~self.vacuous

    def naive(self) -> Mask:
        """The tested neurons that the naive rule, r > 0.9, declares."""
        return self.tested & (self.best < 1.0 - NAIVE_R**2)


def declare(
    stack: Stack, laws: Sequence[str], *, null: NullName = "conditional", inputs: Array | None = None
) -> Declarations:
    """Declare the neurons of stacked networks on their box (-1, 1), beside the null under these laws.

    Args:
        stack: networks of one architecture.
        laws: init laws, of which the largest p counts (see `known_laws`).
        null: `"conditional"` or `"unconditional"`, as for `match_neurons`.
        inputs: [n, d], in place of points of the box.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found = declare(Stack.of([hand_derived("minimum")] * 2), ("uniform",))
        >>> found.matched().tolist()
        [[True, True, True], [True, True, True]]
        >>> [found.features[0][k].label for k in found.label[0]]
        ['greaterness(x1, x2)', 'positiveness(x1)', 'negativeness(x1)']
    """
    architecture = stack.architecture
    d = architecture.sizes[0]
    X = probes_for(d, X=inputs).X
    step = max(1, int(_CHUNK_VALUES / (len(X) * max(architecture.sizes))))
    parts: list[list[_Block]] = [[] for _ in architecture.active]
    for start in range(0, len(stack), step):
        part = stack[start : start + step]
        forward = part.forward(X)
        for layer, block in enumerate(architecture.active):
            parts[layer].append(_declare_block(part, forward, block, laws, null, inputs))
    widths = [architecture.sizes[block + 1] for block in architecture.active]

    def joined(name: str) -> npt.NDArray[Any]:
        return np.hstack([np.concatenate([getattr(part, name) for part in layer]) for layer in parts])

    return Declarations(
        layer=np.repeat(np.arange(len(widths)), widths),
        p=joined("p"),
        draws=joined("draws"),
        vacuous=joined("vacuous"),
        unexplained=joined("unexplained"),
        label=joined("label"),
        best=joined("best"),
        features=tuple(
            (
                *probes_for(d, X=inputs, depth=depth_of(architecture, block)).features,
                *upstream_of(architecture, block),
            )
            for block in architecture.active
        ),
    )


def merge(parts: Sequence[Declarations]) -> Declarations:
    """Declarations about networks of one architecture as one."""

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Declarations(
        layer=parts[0].layer,
        p=joined("p"),
        draws=joined("draws"),
        vacuous=joined("vacuous"),
        unexplained=joined("unexplained"),
        label=joined("label"),
        best=joined("best"),
        features=parts[0].features,
    )


@dataclass(frozen=True, eq=False)
class _Block:
    """One block's share of the Declarations, arrays [networks, units]."""

    p: Array
    draws: Array
    vacuous: Mask
    unexplained: Array
    label: npt.NDArray[np.intp]
    best: Array


def _declare_block(
    stack: Stack, forward: Forward, block: int, laws: Sequence[str], null: NullName, inputs: Array | None
) -> _Block:
    """The steps of `matching.read_blocks`, up to the status."""
    architecture = stack.architecture
    probes = probes_for(architecture.sizes[0], X=inputs, depth=depth_of(architecture, block))
    pre, post = forward.pre[block], forward.post[block]
    bounds = box_bounds(stack.weights[0], stack.biases[0], probes) if block == 0 else None
    live, bent = live_and_bent(pre, post, architecture.activations[block], bounds)
    _, sd, unit = unit_vectors(post)
    previous = forward.post[block - 1] if block else None
    scores = scores_of(unit, previous, architecture, block, live, bent, probes)
    nulls = tuple(neuron_null(architecture, block, law, probes) for law in laws)
    tested = scores.live & scores.bent & (sd > 0.0).ravel()
    incoming = Incoming.of(stack, block, previous)
    found = evidence(nulls, laws, scores.unexplained, tested, incoming, architecture, block, probes, null)
    chosen, exact = chosen_classes(scores, nulls, found)
    rows = np.arange(len(chosen))
    upstream = np.array([name == UPSTREAM for name in nulls[0].classes])[chosen]
    shape = sd.shape
    return _Block(
        np.where(tested, found.p, np.nan).reshape(shape),
        found.draws.reshape(shape),
        (exact > VACUOUS).reshape(shape),
        scores.unexplained[rows, chosen].reshape(shape),
        (scores.best[rows, chosen] + np.where(upstream, len(probes.features), 0)).reshape(shape),
        scores.unexplained.min(axis=1).reshape(shape),
    )


def q_values(p: Array) -> Array:
    """`multiplicity.benjamini_hochberg` on every row of p [networks, m] at once; NaN is not tested.

    Examples:
        >>> q_values(np.array([[0.01, 0.04, np.nan, 0.02], [0.5, np.nan, np.nan, np.nan]])).tolist()
        [[0.03, 0.04, nan, 0.03], [0.5, nan, nan, nan]]
    """
    order = np.argsort(p, axis=1, kind="stable")  # NaN goes last
    tested = (~np.isnan(p)).sum(axis=1, keepdims=True)
    steps = np.take_along_axis(p, order, axis=1) * (tested / np.arange(1, p.shape[1] + 1))
    steps = np.where(np.isnan(steps), np.inf, steps)
    smallest = np.minimum(np.minimum.accumulate(steps[:, ::-1], axis=1)[:, ::-1], 1.0)
    q = np.empty_like(p)
    np.put_along_axis(q, order, smallest, axis=1)
    return np.where(np.isnan(p), np.nan, q)
