"""One block of stacked networks with the features that its neurons are compared with, and what its neurons do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..networks.architecture import Architecture
from ..networks.stacks import Forward, Stack
from ..statistics.criteria import TINY
from .ablation import mean_ablation, one_feature, substitution
from .correlations import UPSTREAM, Scores, box_bounds, upstream_of, upstream_table
from .criteria import COPY
from .probes import DEEP_CHOICES, MAX_INPUTS, MOST_LAYERS, Probes, too_far

Array = npt.NDArray[np.float64]
#: Multiply-adds that the causal checks of one layer may cost.
_CAUSAL_BUDGET = 5e10


@dataclass(frozen=True, eq=False)
class Effects:
    """What a layer's neurons do in the output, [networks, units] each and NaN where it was not computed.

    Attributes:
        contribution: share of the output variance that mean ablation costs.
        causal: share of a neuron's effect that its feature recovers.
        skipped: why something was not computed.
    """

    contribution: Array
    causal: Array
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Layer:
    """One block of stacked networks with the features that its neurons are compared with.

    A neuron's label is the index of a feature in `features`.
    """

    architecture: Architecture
    stack: Stack | None
    forward: Forward
    block: int
    probes: Probes

    @property
    def pre(self) -> Array:
        """Pre-activations on the probes, [networks, n, units]."""
        return self.forward.pre[self.block]

    @property
    def post(self) -> Array:
        """Activations on the probes, [networks, n, units]."""
        return self.forward.post[self.block]

    @property
    def previous(self) -> Array | None:
        """The activations of the layer below, [networks, n, width]; None for the first."""
        return self.forward.post[self.block - 1] if self.block else None

    @property
    def shape(self) -> tuple[int, int]:
        """(networks, units)."""
        networks, _, units = self.post.shape
        return networks, units

    @property
    def bounds(self) -> tuple[Array, Array] | None:
        """The exact range of the first layer's pre-activations on the box, where the weights are known."""
        if self.stack is None or self.block:
            return None
        return box_bounds(self.stack.weights[0], self.stack.biases[0], self.probes)

    @property
    def upstream(self) -> tuple[BoundFeature, ...]:
        """The features of the layer below's activations."""
        return upstream_of(self.architecture, self.block)

    @property
    def features(self) -> tuple[BoundFeature, ...]:
        """Those of the inputs, then those of the layer below."""
        return (*self.probes.features, *self.upstream)

    @property
    def title(self) -> str:
        """The layer's name in messages; only non-linear layers count."""
        return f"layer {self.architecture.active.index(self.block)}"

    @property
    def skipped(self) -> tuple[str, ...]:
        """The features that its neurons are not compared with, in words."""
        left_out, size = self.probes.skipped, f"{self.probes.inputs} inputs, more than {MAX_INPUTS}"
        if self.probes.features:
            reasons = {"too many arguments": left_out, "infinite or NaN on the box": self.probes.infinite}
            return tuple(f"{self.title}: features {', '.join(n)} ({why})" for why, n in reasons.items() if n)
        if too_far(self.architecture, self.block):
            return self._far
        if self.block == 0:
            return (f"{self.title}: features that are not ReLU of one to three inputs ({size})",)
        return (
            f"{self.title}: features of the inputs, and mixtures ({size}; deep=True compares with those that have "
            f"at most {DEEP_CHOICES} choices of arguments)",
        )

    @property
    def _far(self) -> tuple[str, ...]:
        """What the layers behind many others are not compared with; the first of them says it for all."""
        first, last = MOST_LAYERS, len(self.architecture.active) - 1
        if self.block != self.architecture.active[first]:
            return ()
        layers = f"layers {first} to {last}" if last > first else self.title
        return (
            f"{layers}: features of the inputs, and mixtures (behind {MOST_LAYERS} other layers; deep=True compares "
            "with them)",
        )

    def label(
        self, scores: Scores, chosen: npt.NDArray[np.intp], classes: Sequence[str]
    ) -> npt.NDArray[np.intp]:
        """The best feature of each neuron's chosen class [M]: [networks, units]."""
        best = np.take_along_axis(scores.best, chosen[:, None], axis=1)[:, 0]
        is_upstream = np.array([name == UPSTREAM for name in classes])[chosen]
        return (best + np.where(is_upstream, len(self.probes.features), 0)).reshape(self.shape)

    def feature_moments(self, label: npt.NDArray[np.intp]) -> tuple[Array, Array]:
        """Mean and standard deviation of each neuron's feature, [networks, units]."""
        inside = np.minimum(label, len(self.probes.features) - 1)
        mean, sd = self.probes.mean[inside], self.probes.sd[inside]
        at, columns = self._upstream_columns(label)
        if len(columns):
            mean[at], sd[at] = columns.mean(axis=1), np.maximum(columns.std(axis=1), TINY)
        return mean, sd

    def feature_values(self, label: npt.NDArray[np.intp]) -> Array:
        """The values of each neuron's feature on the probes, [networks, n, units]."""
        probes, n = self.probes, len(self.probes.X)
        inside = np.minimum(label, len(probes.features) - 1).ravel()
        values = probes.unit[:, inside] * (probes.sd[inside] * np.sqrt(n)) + probes.mean[inside]
        values = values.reshape(n, *self.shape).transpose(1, 0, 2)
        (networks, units), columns = self._upstream_columns(label)
        values[networks, :, units] = columns
        return np.asarray(values)

    def _upstream_columns(
        self, label: npt.NDArray[np.intp]
    ) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], Array]:
        """Where the label is a feature of the layer below ([K] networks, [K] units), and its values [K, n]."""
        known = len(self.probes.features)
        networks, units = np.nonzero(label >= known)
        if self.previous is None or not len(networks):
            return (networks, units), np.empty((0, len(self.probes.X)))
        table = upstream_table(self.previous, self.upstream)
        return (networks, units), table[networks, label[networks, units] - known]

    def effects(self, fitted: Callable[[], Array]) -> Effects:
        """What the neurons do, and how much of it their features do; a wide layer costs too much.

        Args:
            fitted: each neuron's feature, scaled and shifted to fit it, on the probes [networks, n, units].
        """
        missing = np.full(self.shape, np.nan)
        if self.stack is None:
            return Effects(missing, missing)
        last = self.block == len(self.forward.post) - 1
        if not last and self._causal_cost > _CAUSAL_BUDGET:
            reason = f"{self.title}: causal checks ({self.shape[1]} neurons through wide layers)"
            return Effects(missing, missing, (reason,))
        contribution = mean_ablation(self.stack, self.forward, self.block, one_feature(self.post))
        if self.block == self.architecture.active[-1]:
            return Effects(contribution, missing)
        return Effects(contribution, substitution(self.stack, self.forward, self.block, fitted()))

    @property
    def _causal_cost(self) -> int:
        """Multiply-adds of a forward pass above the layer for each of its neurons."""
        above = self.architecture.sizes[self.block + 1 :]
        return self.post.size * sum(a * b for a, b in itertools.pairwise(above))


def duplicates(post: Array, live: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The earliest neuron that each is a positive multiple of, or -1: [networks, units]."""
    norm = np.sqrt((post**2).sum(axis=1))
    unit = post / np.where(norm > 0, norm, 1.0)[:, None, :]
    cosine = unit.transpose(0, 2, 1) @ unit
    width = post.shape[2]
    earlier = np.tril(np.ones((width, width), dtype=bool), -1)
    copies = (1.0 - cosine**2 <= COPY) & (cosine > 0) & earlier & live[:, :, None] & live[:, None, :]
    return np.where(copies.any(axis=2), copies.argmax(axis=2), -1)
