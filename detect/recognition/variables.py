"""A network's variables and their values: linear layers multiplied out, and what lies between two layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..exact.hyperplanes import affine_basis
from ..exact.reduced import Reduced, reduce_arrays
from ..features.printing import linear_text
from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import apply_nonlinearity, leaky_slope
from .criteria import ABSENT

Array = npt.NDArray[np.float64]


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


@dataclass(frozen=True, eq=False)
class Variable:
    """A combination of the variables at a site, or several of the network's outputs together.

    Attributes:
        site: where it is.
        units: [u] its coefficients over the variables there; [k, u] for k outputs.
        values: [n] or [n, k], its values at the points of a trace.
    """

    site: Site
    units: Array
    values: Array


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """A piecewise-linear network with its linear layers multiplied out.

    Attributes:
        layers: (W, b) of each hidden layer with a kink, and of the read-out.
        slopes: of the hidden layers' nonlinearities where they are negative; 0 for a ReLU.
        sites: where its variables are, from the inputs up.
    """

    layers: tuple[tuple[Array, Array], ...]
    slopes: tuple[float, ...]
    sites: tuple[Site, ...]


def folded(network: Network) -> FoldedNetwork:
    """A network's hidden layers, read-out and sites, with linear layers multiplied out.

    Examples:
        >>> narrow = Network([[[1.0, 1.0]], [[2.0], [-2.0]], [[1.0, 1.0]]], None, ["identity", "relu"])
        >>> f = folded(narrow)
        >>> f.layers[0][0].tolist(), f.slopes, [site.label(np.ones(1)) for site in f.sites]
        ([[2.0, 2.0], [-2.0, -2.0]], (0.0,), ['y1'])
    """
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
    return FoldedNetwork(tuple(layers), tuple(slopes), tuple(sites))


@dataclass(frozen=True, eq=False)
class Trace:
    """A network and its values at fixed points of a box.

    Attributes:
        network: as it was given; folded: with its linear layers multiplied out.
        box: (low, high) per input; X: [n, d] the points.
        pre: per hidden layer [n, m], before the nonlinearity.
        post: [n, d] the points, then per hidden layer [n, m], after the nonlinearity.
        affine: [n, d + 1] an orthonormal basis of the affine functions on the points.
    """

    network: Network
    folded: FoldedNetwork
    box: Box
    X: Array
    pre: tuple[Array, ...]
    post: tuple[Array, ...]
    affine: Array

    @classmethod
    def of(cls, network: Network, box: Box, X: Array) -> Trace:
        """Run a piecewise-linear network at the points X [n, d]."""
        own = folded(network)
        pre: list[Array] = []
        post = [X]
        for (W, b), slope in zip(own.layers[:-1], own.slopes, strict=True):
            pre.append(post[-1] @ W.T + b)
            name = "relu" if slope == 0 else f"leaky_relu({slope!r})"
            post.append(apply_nonlinearity(name, pre[-1]))
        return cls(network, own, box, X, tuple(pre), tuple(post), affine_basis(X))

    def values(self, site: Site) -> Array:
        """[n, u] the variables at a site."""
        return np.asarray(self.post[site.level] @ site.M.T + site.m)

    def reduced(self, site: Site, units: Array) -> Reduced:
        """The reduced network of combinations [k, u] of the variables behind the first hidden layer."""
        (W, b), slope = self.folded.layers[0], self.folded.slopes[0]
        return reduce_arrays(W, b, np.full(len(b), slope), units @ site.M, units @ site.m, self.box)

    def off_affine(self, values: Array) -> Array:
        """What is left of values [n] beside the best affine function of the inputs."""
        return np.asarray(values - self.affine @ (self.affine.T @ values))
