"""What can be read from a layer that learned nothing: panels of null networks, and a tail law per feature.

By default a null network has the offsets of the network that is read (`kept_offsets.py`). Where they are all zero, and
no activation has a scale, its directions are all that there is, and all such networks share one panel of untrained
networks without biases. Where they are not, every network has a panel of its own, which is drawn until it is clear
whether anything can be declared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ...networks.initialisation import untrained
from ...networks.stacks import Stack
from ...statistics.multiple_testing import benjamini_hochberg
from ...statistics.null_cache import Arrays, Unkeyed, kept_arrays
from ...statistics.tails import Tail
from ..criteria import ALPHA, DECADES, READ
from ..read_outs import Targets, held_out_errors
from .kept_offsets import constructed_layers, lengths, masses, nearest_point, redrawn, scale_free
from .names import NullName

Array = npt.NDArray[np.float64]
#: Untrained networks per null, and in layers wider than 64; the tail is modelled (`tails.Tail`), since 1 / 1600 is
#: no small p, and with 400 draws its own uncertainty, which counts against a finding, cost 5% of the needed features.
_PANEL, _WIDE_PANEL, _WIDE = 1600, 400, 64
#: A panel of a network's own is drawn in steps, up to the same numbers. It ends early where all that can be declared
#: is, and no other feature has a q within the given multiple of the level: more draws change it by less.
_STEPS, _SLACK = (100, 400), (4.0, 2.0)
_VERSION = 3


@dataclass(frozen=True, eq=False)
class PanelNull:
    """What null networks reach: a tail per feature, and the median error [K]."""

    tails: tuple[Tail, ...]
    median: Array

    @classmethod
    def of(cls, errors: Array) -> PanelNull:
        """From held-out errors [draws, K]."""
        # Held out, a read-out may do worse than none; beyond 1 there is nothing more to say.
        tails = tuple(Tail.fit(column, tail_share=0.1) for column in np.minimum(errors, 1.0).T)
        return cls(tails, np.median(errors, axis=0))

    def p(self, errors: Array) -> Array:
        """Of held-out errors [networks, K]."""
        capped = np.minimum(errors, 1.0)
        return np.stack([tail.p(capped[:, k]) for k, tail in enumerate(self.tails)], axis=1)


def panel_p(
    stack: Stack | None,
    architecture: Architecture,
    block: int,
    law: str,
    targets: Targets,
    errors: Array,
    null: NullName = "conditional",
) -> tuple[Array, Array]:
    """The p of held-out errors [networks, K] under one law, and the null's median error, [networks, K] both.

    Args:
        stack: the networks; where their weights are not known, None, and the null is the unconditional one.
        architecture: their shape; block: the layer that is read.
        targets: the features; errors: what the networks reach.
    """
    if null == "unconditional" or stack is None:
        panel = panel_null(architecture, block, law, targets)
        return panel.p(errors), np.broadcast_to(panel.median, errors.shape)
    p, median = np.empty(errors.shape), np.empty(errors.shape)
    own = _up_to(stack, block)
    plain = _without_offsets(own)
    if plain.any():
        shape = own.architecture
        panel = panel_null(
            Architecture(shape.sizes, shape.activations, (False,) * len(shape.bias)), block, law, targets
        )
        p[plain], median[plain] = panel.p(errors[plain]), panel.median
    for k in np.flatnonzero(~plain):
        panel = _own_panel(own[k : k + 1], block, law, targets, errors[k])
        p[k], median[k] = panel.p(errors[k][None])[0], panel.median
    return p, median


def constructed_p(stack: Stack, block: int, law: str, targets: Targets, errors: Array) -> tuple[Array, Array]:
    """p and the null's median as `panel_p` gives them, beside networks with the zeros or the grid of their layers.

    Where no layer up to the block was pruned or quantised, p is 0 and the median infinite: nothing is held against it.
    """
    p, median = np.zeros(errors.shape), np.full(errors.shape, np.inf)
    own = _up_to(stack, block)
    for k in sorted({network for network, _ in constructed_layers(own)}):
        panel = _own_panel(own[k : k + 1], block, law, targets, errors[k], constructed=True)
        p[k], median[k] = panel.p(errors[k][None])[0], panel.median
    return p, median


def _up_to(stack: Stack, block: int) -> Stack:
    """The networks up to a layer, read by one number that weighs each neuron as all that reads it does."""
    shape = stack.architecture
    last = block + 1
    length = lengths(stack)[block]
    mass = masses(stack.weights[last], length, last=last == len(stack.weights) - 1)
    read = np.where(length > 0.0, mass / np.where(length > 0.0, length, 1.0), 0.0)[:, None, :]
    prefix = Architecture(
        (*shape.sizes[: last + 1], 1), shape.null_activations[:last], (*shape.bias[:last], False)
    )
    return Stack(prefix, (*stack.weights[:last], read), (*stack.biases[:last], np.zeros((len(stack), 1))))


def _without_offsets(stack: Stack) -> npt.NDArray[np.bool_]:
    """Which networks have neither an offset nor a scale to keep [networks]."""
    if not all(scale_free(name) for name in stack.architecture.activations):
        return np.zeros(len(stack), dtype=bool)
    zero = [((b == 0.0) | (n == 0.0)).all(axis=1) for b, n in zip(stack.biases, lengths(stack), strict=False)]
    return np.asarray(np.all(zero, axis=0))


def _own_panel(
    network: Stack, block: int, law: str, targets: Targets, errors: Array, *, constructed: bool = False
) -> PanelNull:
    """The panel of one network, drawn until nothing more can be declared of its errors [K]."""
    most = _PANEL if network.architecture.sizes[block + 1] <= _WIDE else _WIDE_PANEL
    key = hashlib.sha256(f"{network.architecture!r}|{block}|{law}|{targets.key}".encode())
    # One stream for all networks of a shape: rescaling neurons, which changes rounding alone, changes no p.
    rng = np.random.default_rng(int.from_bytes(key.digest()[:8]))
    origin = nearest_point(targets.box)
    drawn = np.empty((0, len(targets.features)))
    for count, slack in (
        *((n, slack) for n, slack in zip(_STEPS, _SLACK, strict=True) if n < most),
        (most, 1.0),
    ):
        null = redrawn(network, count - len(drawn), law, rng, origin, constructed=constructed)
        drawn = np.concatenate([drawn, *_errors_of(null, block, targets)])
        panel = PanelNull.of(drawn)
        q = benjamini_hochberg(panel.p(errors[None])[0])
        open_ones = (errors <= READ) & (np.log10(panel.median) - np.log10(errors) >= DECADES)
        if not (open_ones & (q > ALPHA) & (q <= slack * ALPHA)).any():
            break
    return panel


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

    return PanelNull.of(kept_arrays(f"directions {_VERSION}|{prefix!r}|{block}|{law}|{key}", make)["errors"])


def panel_errors(
    prefix: Architecture, block: int, law: str, targets: Targets, seed: int, count: int | None = None
) -> Array:
    """Held-out errors [count, K] of read-outs from one layer of untrained networks."""
    if count is None:
        count = _PANEL if prefix.sizes[block + 1] <= _WIDE else _WIDE_PANEL
    rng = np.random.default_rng(seed)
    step = _at_once(prefix, targets)
    parts: list[Array] = []
    for start in range(0, count, step):
        parts += _errors_of(untrained(prefix, min(step, count - start), law, rng), block, targets)
    return np.concatenate(parts)


def _at_once(shape: Architecture, targets: Targets) -> int:
    """How many networks are worked on at once: 24 MB a layer."""
    return max(1, int(3e6 / ((len(targets.X_fit) + len(targets.X_test)) * max(shape.sizes))))


def _errors_of(stack: Stack, block: int, targets: Targets) -> Iterator[Array]:
    """Held-out errors of stacked networks, in parts [., K]."""
    X, cut = np.vstack([targets.X_fit, targets.X_test]), len(targets.X_fit)
    step = _at_once(stack.architecture, targets)
    for start in range(0, len(stack), step):
        h = stack[start : start + step].forward(X).post[block]
        yield held_out_errors(h[:, :cut], h[:, cut:], targets)[0]
