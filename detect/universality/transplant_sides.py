"""A network as one side of a transplant: where it holds a feature, by which neurons, and writing into them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import BoundFeature
from ..features.catalogues import Catalogue
from ..matching.criteria import USED
from ..networks.box import Box, BoxLike, as_box, sobol_points
from ..networks.network import Network
from ..networks.nonlinearities import apply_nonlinearity
from .holders import Carriers, carriers

Array = npt.NDArray[np.float64]

#: Inputs of a transplant: 2**8 Sobol points. A share of variance is then known to a few percent, and one that is
#: 1 or 0 exactly is so on any points.
LOG2_POINTS = 8
#: An input's name within a feature's arguments, and its number, from 1.
INPUT = re.compile(r"x([1-9][0-9]*)")


@dataclass(frozen=True)
class HeldFeature:
    """A feature as a network holds it: where, by which neurons, in which units.

    Attributes:
        on: the feature's arguments.
        layer: non-linear layer, from 0.
        feature: its place among the features of that layer.
        units: the carriers, in that layer.
        scales, offsets: of each carrier: its activation is `scale * feature + offset`.
    """

    on: tuple[str, ...]
    layer: int
    feature: int
    units: tuple[int, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]


class Side:
    """One network with what was read in it, and its activations on inputs that others hand it.

    Args:
        network: the network.
        box: its inputs.
        known: the catalogue; None for the installed one.

    Examples:
        >>> from ..features.task import hand_derived
        >>> side = Side(hand_derived("minimum"), (-1.0, 1.0))
        >>> found, _ = side.find("greaterness", held=1e-3)
        >>> found.on, found.layer, len(found.units)
        (('x1', 'x2'), 0, 1)
    """

    def __init__(self, network: Network, box: BoxLike, known: Catalogue | None = None) -> None:
        self.network, self.known = network, known
        self.box: Box = as_box(box, network.inputs)
        self.layers = carriers([network], box=self.box, catalogue=known)
        self.X = sobol_points(self.box, LOG2_POINTS)
        self.post, self.outputs = self.run(self.X)
        self._runs: dict[tuple[int, ...], tuple[Array, list[Array]]] = {}

    def run(self, X: Array) -> tuple[list[Array], Array]:
        """Activations [n, units] of every non-linear layer, and outputs."""
        h, post = X, []
        layers = zip(
            self.network.weights, self.network.bias_vectors, (*self.network.activations, ""), strict=True
        )
        for w, b, name in layers:
            z = h @ w.T + b
            h = apply_nonlinearity(name, z) if name else z
            if name and name != "identity":
                post.append(h)
        return post, h

    def as_donor(self, inputs: Array, columns: tuple[int, ...], seed: int) -> list[Array]:
        """Activations on inputs made of another network's columns; -1 is a fresh uniform input."""
        if columns not in self._runs or self._runs[columns][0] is not inputs:
            low, high = np.array(self.box).T
            X = np.random.default_rng(seed).uniform(low, high, (len(inputs), len(columns)))
            for column, source in enumerate(columns):
                if source >= 0:
                    X[:, column] = inputs[:, source]
            self._runs[columns] = inputs, self.run(X)[0]
        return self._runs[columns][1]

    def after(self, layer: int, units: Sequence[int], values: Array, h: Array) -> Array:
        """Outputs [C, n, outputs] with units of a layer set to values [C, n, units], the others as in h [n, all]."""
        block = self.layers[layer].block
        W, b = self.network.weights, self.network.bias_vectors
        names = (*self.network.activations, "identity")
        z = h @ W[block + 1].T + b[block + 1] + (values - h[:, units]) @ W[block + 1][:, units].T
        for k in range(block + 1, len(W)):
            z = apply_nonlinearity(names[k], z)
            if k + 1 < len(W):
                z = z @ W[k + 1].T + b[k + 1]
        return np.asarray(z)

    def find(
        self,
        name: str,
        *,
        held: float,
        on: tuple[str, ...] | None = None,
        layer: int | None = None,
        prefer: tuple[str, ...] | None = None,
    ) -> tuple[HeldFeature | None, float]:
        """The feature's carriers in the first layer that has any; else None and the nearest used neuron's 1 - r^2.

        Args:
            name, on: the feature; any arguments where None.
            held: the largest 1 - r^2 of a carrier.
            layer: the only one to look at, or None.
            prefer: arguments that come first; the others, the best held first, have to be of their kind.
        """
        nearest = float("nan")
        for own in self.layers if layer is None else (self.layers[layer],):
            unexplained = own.unexplained[0]
            options = []
            for k, bound in enumerate(own.features):
                if bound.feature.name != name or (on is not None and not _same_arguments(bound, on)):
                    continue
                # A positive part of a minimum is no positive part of an input, whatever their names.
                if prefer is not None and _pattern(bound.on) != _pattern(prefer):
                    continue
                if own.used[0].any():
                    nearest = float(np.fmin(nearest, unexplained[own.used[0], k].min()))
                units = np.flatnonzero(own.candidate[0] & (unexplained[:, k] <= held))
                if len(units) and self._used(own, units):
                    wanted = prefer is not None and _same_arguments(bound, prefer)
                    # Rounded, so that of equally good ones the catalogue's first is taken.
                    options.append((not wanted, round(float(unexplained[units, k].min()), 12), k, units))
            if options:
                _, _, k, units = min(options, key=lambda option: option[:3])
                return self._feature(own, k, units), nearest
        return None, nearest

    def all_held(self, layer: int, held: float) -> list[HeldFeature]:
        """Every feature that the layer's used neurons hold, each neuron under its best one."""
        own = self.layers[layer]
        best = np.round(own.r[0], 12).argmax(axis=1)
        unexplained = np.take_along_axis(own.unexplained[0], best[:, None], axis=1)[:, 0]
        holds = own.candidate[0] & (unexplained <= held)
        groups = [(int(k), np.flatnonzero(holds & (best == k))) for k in np.unique(best[holds])]
        return [self._feature(own, k, units) for k, units in groups if self._used(own, units)]

    def _used(self, own: Carriers, units: npt.NDArray[np.intp]) -> bool:
        """Whether holding these neurons at their means costs 1% of the output variance."""
        if own.contribution[0, units].max() >= USED:
            return True
        h = self.post[own.layer]
        means = np.broadcast_to(h[:, units].mean(axis=0), (1, len(h), len(units)))
        error = ((self.after(own.layer, list(units), means, h)[0] - self.outputs) ** 2).mean(axis=0).sum()
        variance = self.outputs.var(axis=0).sum()
        return bool(variance > 0 and error >= USED * variance)

    def _feature(self, own: Carriers, k: int, units: npt.NDArray[np.intp]) -> HeldFeature:
        coordinates = [own.coordinate(0, int(unit), k) for unit in units]
        return HeldFeature(
            on=own.features[k].on,
            layer=own.layer,
            feature=k,
            units=tuple(int(unit) for unit in units),
            scales=tuple(scale for scale, _ in coordinates),
            offsets=tuple(offset for _, offset in coordinates),
        )

    def is_last(self, layer: int) -> bool:
        """Whether a layer is the last non-linear one."""
        return layer == len(self.layers) - 1

    def check_layer(self, layer: int | None, who: str) -> None:
        """Raise unless the network has that non-linear layer."""
        if layer is not None and not 0 <= layer < len(self.layers):
            raise InputError(
                f"layer {layer} of the {who}: {self.network} has {len(self.layers)} hidden layers with an "
                "activation, from 0"
            )


def _same_arguments(bound: BoundFeature, on: tuple[str, ...]) -> bool:
    """Whether these are a feature's arguments, up to the swap that leaves it unchanged."""
    if bound.on == on:
        return True
    swapped = any(s.permutation == (1, 0) and s.signs == (1, 1) for s in bound.feature.symmetry)
    return bool(swapped and bound.on[::-1] == on)


def _pattern(on: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments with their inputs blanked out: which ones can take each other's place."""
    return tuple(INPUT.sub("x", text) for text in on)
