"""Holders: which neurons of many networks hold which features, and in what units.

A neuron holds a feature at `1 - r^2 <= HELD` with r > 0; then `h = scale * feature + offset` up to that. Scale and
offset are the catalogue's coordinate: through them a value of the feature in one network becomes one in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature, Label
from ..features.catalogues import Catalogue
from ..matching.ablation import mean_ablation, one_feature
from ..matching.correlations import box_bounds, live_and_bent, unit_vectors
from ..matching.criteria import HELD, USED
from ..matching.probes import depth_of, points_for, probes_for
from ..networks.architecture import Architecture, hook_post
from ..networks.box import BoxLike
from ..networks.network import Network
from ..networks.stacks import Stack
from ..statistics.criteria import EQUAL

Array = npt.NDArray[np.float64]
#: Values of one batch's largest array: 4e6 doubles are 32 MB.
_BATCH = 4e6


@dataclass(frozen=True, eq=False)
class Carriers:
    """How the neurons of one non-linear layer of several networks of one shape relate to the features.

    Attributes:
        layer: which non-linear layer, from 0; block: the hidden layer it is.
        features: the K features on their arguments.
        r: correlations [net, units, K].
        candidate: live, not affine on the box [net, units]; only such neurons hold anything.
        contribution: squared error of mean ablation over the output variance, of a neuron and of those that are one
            feature with it together [net, units].
        mean, sd: of the neurons [net, units]; feature_mean, feature_sd: of the features [K].
    """

    layer: int
    block: int
    features: tuple[BoundFeature, ...]
    r: Array
    candidate: npt.NDArray[np.bool_]
    contribution: Array
    mean: Array
    sd: Array
    feature_mean: Array
    feature_sd: Array

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Neurons that are candidates and cost at least 1% of the output variance [net, units]."""
        return np.asarray(self.candidate & (self.contribution >= USED))

    @property
    def unexplained(self) -> Array:
        """1 - r^2 where the correlation is positive, else 1 [net, units, K]."""
        return np.where(self.r > 0.0, np.clip(1.0 - self.r**2, 0.0, 1.0), 1.0)

    @property
    def labels(self) -> tuple[Label, ...]:
        """Name and arguments of each feature."""
        return tuple((bound.feature.name, bound.on) for bound in self.features)

    def coordinate(self, net: int, unit: int, feature: int) -> tuple[float, float]:
        """Scale and offset with which the neuron carries the feature, by least squares."""
        scale = float(self.r[net, unit, feature] * self.sd[net, unit] / self.feature_sd[feature])
        return scale, float(self.mean[net, unit] - scale * self.feature_mean[feature])

    def held_labels(self, held: float = HELD) -> list[frozenset[Label]]:
        """Per network the features that its used neurons hold, each neuron counting for its best one."""
        labels = self.labels
        # Ties within rounding go to the feature that the catalogue lists first.
        best = np.round(self.r, 12).argmax(axis=2)
        top = np.take_along_axis(self.r, best[..., None], axis=2)[..., 0]
        holds = self.used & (top > 0.0) & (1.0 - top**2 <= held)
        return [frozenset(labels[k] for k in best[i][holds[i]]) for i in range(len(best))]


def carriers(
    networks: Sequence[Network], *, box: BoxLike = (-1.0, 1.0), catalogue: Catalogue | None = None
) -> tuple[Carriers, ...]:
    """The carriers of every non-linear layer of networks of one architecture.

    Args:
        networks: of one architecture.
        box: the inputs' box; probes are its Sobol points.
        catalogue: by default the installed one.

    Raises:
        InputError: where there are none, or their architectures differ.

    Examples:
        >>> from ..features.task import hand_derived
        >>> (layer,) = carriers([hand_derived("minimum")])
        >>> sorted(layer.held_labels()[0])
        [('greaterness', ('x1', 'x2')), ('negativeness', ('x1',)), ('positiveness', ('x1',))]
    """
    stack = Stack.of(networks)
    architecture = stack.architecture
    return tuple(
        _layer(stack, layer, block, box, catalogue) for layer, block in enumerate(architecture.active)
    )


def group_cost(
    network: Network, weights: npt.ArrayLike, offset: float = 0.0, *, box: BoxLike = (-1.0, 1.0)
) -> float:
    """What mean ablation of the neurons that hold relu(weights . x + offset) costs, a share of the output's variance.

    Nearest first, by the angle of weights and bias: the largest cost of those within some angle. A kink that is split
    over neurons which are not quite parallel is that of all of them, and two that cancel do not hide the others.

    Args:
        network: with one hidden layer.
        weights: [d]; offset: of the ridge.
        box: the inputs' box; probes are its Sobol points.

    Returns:
        The cost; 0 where no neuron holds the ridge, or the output does not vary.

    Examples:
        >>> turned = [[1.0, -1.01], [1.01, -1.0]]
        >>> net = Network([[*turned, [1.0, 0.0], [-1.0, 0.0]], [[-0.5, -0.5, 1.0, -1.0]]])
        >>> round(group_cost(net, [1.0, -1.0]), 2), group_cost(net, [0.0, 1.0])
        (1.01, 0.0)
    """
    X = points_for(network.inputs, box=box).X
    w = np.append(np.asarray(weights, dtype=np.float64), offset)
    values = np.maximum(X @ w[:-1] + offset, 0.0)[None, :, None]
    h = np.asarray(network.run(X)[hook_post(0)])
    _, _, units = unit_vectors(h[None])
    r = (units[0].T @ unit_vectors(values)[2][0])[:, 0]
    own = np.column_stack([network.weights[0], network.bias_vectors[0]])
    lengths = np.linalg.norm(own, axis=1)
    holds = np.flatnonzero((r > 0.0) & (1.0 - r**2 <= HELD) & (lengths > 0.0))
    variance = float(np.asarray(network(X)).var(axis=0).sum())
    if not len(holds) or variance == 0.0:
        return 0.0
    unit = w / np.linalg.norm(w)
    across = own[holds] - (own[holds] @ unit)[:, None] * unit
    turn = np.linalg.norm(across, axis=1) / lengths[holds]
    first = np.argsort(turn, kind="stable")
    effects = (h - h.mean(axis=0))[:, holds[first], None] * network.weights[1].T[None, holds[first]]
    cost = (np.cumsum(effects, axis=1) ** 2).mean(axis=0).sum(axis=1)
    # Copies at one angle count together or not at all.
    whole = np.append(np.diff(turn[first]) > EQUAL, True)
    return float(cost[whole].max() / variance)


def _layer(stack: Stack, layer: int, block: int, box: BoxLike, known: Catalogue | None) -> Carriers:
    architecture = stack.architecture
    probes = probes_for(architecture.sizes[0], box=box, depth=depth_of(architecture, block), catalogue=known)
    widest = max(*architecture.sizes, len(probes.features))
    step = max(1, int(_BATCH / (len(probes.X) * widest)))
    parts = []
    for start in range(0, len(stack), step):
        part = stack[start : start + step]
        forward = part.forward(probes.X)
        bounds = box_bounds(part.weights[0], part.biases[0], probes) if block == 0 else None
        live, bent = live_and_bent(
            forward.pre[block], forward.post[block], architecture.activations[block], bounds
        )
        mean, sd, unit = unit_vectors(forward.post[block])
        r = np.clip(unit.transpose(0, 2, 1) @ probes.unit, -1.0, 1.0)
        # Where the output does not vary nothing contributes to it.
        together = one_feature(forward.post[block])
        contribution = np.nan_to_num(mean_ablation(part, forward, block, together), nan=0.0)
        parts.append((r, live & bent, contribution, mean, sd))
    r, candidate, contribution, mean, sd = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Carriers(
        layer, block, probes.features, r, candidate, contribution, mean, sd, probes.mean, probes.sd
    )


def by_architecture(networks: Sequence[Network | None]) -> dict[Architecture, list[int]]:
    """The places of the networks of each architecture, in order of appearance; None is left out.

    Examples:
        >>> a, b = Network([[[1.0]]]), Network([[[1.0, 0.0]]])
        >>> [places for places in by_architecture([a, None, b, a]).values()]
        [[0, 3], [2]]
    """
    groups: dict[Architecture, list[int]] = {}
    for place, network in enumerate(networks):
        if network is not None:
            groups.setdefault(network.architecture, []).append(place)
    return groups
