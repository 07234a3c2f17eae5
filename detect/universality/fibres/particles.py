"""Particles: hidden layers drawn beside their read-outs' evidence, many at a time.

A member of the fibre has hidden weights W and read-outs v. Given W the law of v is Gaussian at the start, and the mean
squared error e is a quadratic form in v. So in the law

    p(W, v) exp(-e(W, v) / (2 tau))

v can be integrated out: the particles carry W alone and its evidence, and v is drawn, exactly, where it is needed. A
hidden weight can then move far, since the read-outs of all neurons follow it.

Masses are in the unit of W: weights have the variance 1, read-outs `scale`^2. Radii |w| of neurons are exchanged with
read-outs at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .targets import Target

Array = npt.NDArray[np.float64]

#: What is added to the second moments of the outputs, as a share of the temperature, so that equal outputs have a
#: Cholesky factor: the same in every evidence, and so without effect.
_EQUAL_OUTPUTS = 1e-3


@dataclass(frozen=True, eq=False)
class Layers:
    """Hidden layers W [N, p, D] (a last, constant one where the read-out has a bias), K [N, p, p] and H [N, p, out].

    K holds the neurons' second moments, H those with the target.
    """

    W: Array
    K: Array
    H: Array

    def where(self, chosen: npt.NDArray[np.bool_], other: Layers) -> Layers:
        """These layers where chosen [N], else the others."""
        pick = chosen[:, None, None]
        return Layers(
            np.where(pick, self.W, other.W), np.where(pick, self.K, other.K), np.where(pick, self.H, other.H)
        )

    def take(self, at: npt.NDArray[np.intp]) -> Layers:
        """The layers at those places."""
        return Layers(self.W[at], self.K[at], self.H[at])


@dataclass(frozen=True, eq=False)
class Problem:
    """What does not change in a run.

    Attributes:
        target: the function; width: hidden neurons m.
        deviations: [p] of the read-outs before anything is known, for neurons and the bias.
    """

    target: Target
    width: int
    deviations: Array

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.target.square)

    @property
    def size(self) -> int:
        """D: the weights of a neuron, its bias included."""
        return int(self.target.neurons.shape[1])

    @property
    def scale(self) -> float:
        """The standard deviation of a neuron's read-out: b, since weights have the variance 1."""
        return float(self.deviations[0])

    def start(self, count: int, rng: np.random.Generator) -> Layers:
        """Hidden layers from the init law."""
        W = rng.normal(size=(count, self.width, self.size))
        if len(self.deviations) > self.width:
            constant = np.broadcast_to(np.eye(self.size)[-1], (count, 1, self.size))
            W = np.concatenate([W, constant], axis=1)
        return self.layers(W)

    def layers(self, W: Array) -> Layers:
        """Layers with all of their moments."""
        return Layers(W, self.target.moments(W, W), self.target.products(W))

    def with_neuron(self, layers: Layers, at: npt.NDArray[np.intp], w: Array) -> Layers:
        """The layers with the neuron at [N] replaced by w [N, D]."""
        each = np.arange(len(w))
        W, K, H = layers.W.copy(), layers.K.copy(), layers.H.copy()
        W[each, at] = w
        row = self.target.moments(w[:, None], W)[:, 0]
        K[each, at], K[each, :, at] = row, row
        H[each, at] = self.target.products(w[:, None])[:, 0]
        return Layers(W, K, H)

    def evidence(self, layers: Layers, temperature: float) -> Array:
        """The logarithm of the integral over read-outs of their law times exp(-error / (2 temperature)), [N].

        One Cholesky factor of the matrix [[A + t, Y], [Y', G]] has the determinant in its first p diagonal entries
        and, in its last block, a factor of the least penalised error.
        """
        p, out = len(self.deviations), self.outputs
        t = temperature * out
        bordered = np.empty((len(layers.W), p + out, p + out))
        bordered[:, :p, :p] = self._scaled(layers.K, t)
        bordered[:, :p, p:] = layers.H * self.deviations[:, None]
        bordered[:, p:, :p] = np.swapaxes(bordered[:, :p, p:], 1, 2)
        bordered[:, p:, p:] = self.target.square + _EQUAL_OUTPUTS * t * np.eye(out)
        factor = np.linalg.cholesky(bordered)
        first = np.arange(p)
        volume = 2 * np.log(factor[:, first, first]).sum(axis=1) - p * np.log(t)
        error = (factor[:, p:, p:] ** 2).sum(axis=(1, 2))
        return np.asarray(-(out * volume + error / t) / 2)

    def draw(self, layers: Layers, temperature: float, count: int, rng: np.random.Generator) -> Array:
        """Read-outs [count, N, p, out] from their law given the layers and that temperature."""
        p, t = len(self.deviations), temperature * self.outputs
        factor = np.linalg.cholesky(self._scaled(layers.K, t))
        mean = np.linalg.solve(factor, layers.H * self.deviations[:, None])
        noise = np.sqrt(t) * rng.normal(size=(count, *mean.shape))
        columns = np.moveaxis(mean + noise, 0, -1).reshape(len(mean), p, -1)
        drawn = np.linalg.solve(np.swapaxes(factor, 1, 2), columns).reshape(*mean.shape, count)
        return np.asarray(np.moveaxis(drawn, -1, 0) * self.deviations[:, None])

    def errors(self, layers: Layers, readouts: Array) -> Array:
        """The mean squared error over inputs and outputs of read-outs [..., N, p, out], [..., N]."""
        own = (readouts * (layers.K @ readouts)).sum(axis=(-2, -1))
        shared = (readouts * layers.H).sum(axis=(-2, -1))
        return np.asarray((own - 2 * shared + np.trace(self.target.square)) / self.outputs)

    def _scaled(self, K: Array, t: float) -> Array:
        return np.asarray(K * self.deviations[:, None] * self.deviations + t * np.eye(len(self.deviations)))
