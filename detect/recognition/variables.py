"""Where a network's variables are: its linear layers multiplied out, and what can be recognised between two layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..features.printing import linear_text
from ..networks.network import Network
from ..networks.nonlinearities import leaky_slope

Array = npt.NDArray[np.float64]

#: A weight of a combination below this share of the largest is not part of it.
ABSENT = 1e-3


@dataclass(frozen=True, eq=False)
class Site:
    """Variables `v = M h + m` of the posts h [n, units] of the hidden layers below.

    Attributes:
        level: hidden layers below.
        D, e: what the next hidden layer or the output makes of them, `D v + e`.
        prefix: what texts put before a variable's name, which begins with `letter`.
        final: whether they are the network's outputs; last: whether the next hidden layer takes them as they
            are.
    """

    level: int
    M: Array
    m: Array
    D: Array
    e: Array
    prefix: str
    letter: str
    final: bool
    last: bool

    def label(self, units: Array) -> str:
        """The combination as a text, its largest weight 1 or -1; several outputs one after the other."""
        if units.ndim == 2:
            return ", ".join(self.label(row) for row in units)
        size = np.abs(units).max()
        shown = np.where(np.abs(units) < ABSENT * size, 0.0, units / size)
        if self.final:
            return linear_text(shown, [f"y{k + 1}" for k in range(len(units))])
        return self.prefix + linear_text(shown, [f"{self.letter}{k}" for k in range(len(units))])


def folded(
    network: Network,
) -> tuple[list[tuple[Array, Array]], list[float], list[Site]]:
    """The hidden layers and the read-out with linear layers multiplied out, slopes, and all sites."""
    layers: list[tuple[Array, Array]] = []
    slopes: list[float] = []
    sites: list[Site] = []
    open_sites: list[Site] = []
    M, m = np.eye(network.inputs), np.zeros(network.inputs)
    names = (*network.activations, "")
    for block, (W, b, name) in enumerate(zip(network.weights, network.bias_vectors, names, strict=True)):
        M, m = W @ M, W @ m + b
        open_sites = [replace(s, D=W @ s.D, e=W @ s.e + b) for s in open_sites]
        if layers or not name:
            eye, zero = np.eye(len(W)), np.zeros(len(W))
            linear = name == "identity"
            prefix = f"block {block}: " if linear else f"layer {len(layers)}: "
            open_sites.append(
                Site(len(layers), M, m, eye, zero, prefix, "v" if linear else "z", not name, not linear)
            )
        if name == "identity":
            continue
        layers.append((M, m))
        sites += open_sites
        open_sites = []
        if name:
            slopes.append(0.0 if name == "relu" else float(leaky_slope(name) or 0.0))
            M, m = np.eye(len(W)), np.zeros(len(W))
    return layers, slopes, sites
