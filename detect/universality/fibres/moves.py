"""Moves: how the hidden layers of a fibre's particles change without changing their law.

Each is a Metropolis-Hastings step on the law of hidden layers with the read-outs integrated out (`particles.py`), one
neuron of every particle at a time. The init law depends on |w| alone, so that a turn needs no correction for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .particles import Layers, Problem

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

#: Widths of the proposals about a direction, in units of the square root of the temperature, which is what the error
#: allows a neuron of mass 1 to turn by; each is 1 at most. Any width is right, these were quick.
_WIDTHS = (10.0, 300.0)
_LEAST_TURN = 3.0
#: Neurons this close to a line, in radians, may be turned together with it; the actual bar is drawn below it.
_WIDEST_GROUP = 0.3
#: Deviations of the logarithm of a radius in a proposal, and steps of a refreshment.
_RADIUS_STEP, _RADIUS_STEPS = 0.6, 4


@dataclass(eq=False)
class Walk:
    """Particles on their way: layers, their evidence at the temperature, and the generator of their moves."""

    problem: Problem
    layers: Layers
    temperature: float
    evidence: Array
    rng: np.random.Generator

    def sweep(self) -> float:
        """Move every neuron about once in each way; returns the share of relocations that were taken."""
        taken = []
        for turn in range(self.problem.width):
            taken.append(self._relocate())
            self._turn_one()
            if turn % 2 == 0 and self.problem.size > 1:
                self._turn_group()
        self._exchange_radii()
        return float(np.mean(taken))

    def _decide(
        self, proposed: Layers, log_ratio: Array | float, allowed: npt.NDArray[np.bool_] | bool = True
    ) -> float:
        evidence = self.problem.evidence(proposed, self.temperature)
        gain = evidence - self.evidence + log_ratio
        taken = (np.log(self.rng.random(len(gain))) < gain) & allowed
        self.layers = proposed.where(taken, self.layers)
        self.evidence = np.where(taken, evidence, self.evidence)
        return float(taken.mean())

    def _pick(self) -> tuple[Places, Places, Array, Array]:
        """One neuron of each particle: row numbers, its place, its radius [N, 1] and direction [N, D]."""
        count = len(self.evidence)
        each, at = np.arange(count), self.rng.integers(self.problem.width, size=count)
        w = self.layers.W[each, at]
        radius = np.linalg.norm(w, axis=1, keepdims=True)
        return each, at, radius, w / radius

    def _relocate(self) -> float:
        """A neuron goes next to another one, to its opposite, to a kink of the target, or anywhere."""
        each, at, radius, old = self._pick()
        W = self.layers.W[:, : self.problem.width]
        kinks = self.problem.target.kinks
        centres = np.concatenate([_units(W), np.broadcast_to(kinks, (len(W), *kinks.shape))], axis=1)
        # The neuron itself is no centre: the proposal depends on the others alone.
        usable = np.ones(centres.shape[:2], dtype=bool)
        usable[each, at] = False
        widths = np.minimum(1.0, np.array(_WIDTHS) * np.sqrt(self.temperature))
        new = _units(self.rng.normal(size=old.shape))
        others = centres.shape[1] - 1
        if others:
            chosen = self.rng.integers(others, size=len(W))
            width = widths[self.rng.integers(len(widths), size=len(W))]
            beside = self._around(centres[each, chosen + (chosen >= at)], width)
            anywhere = self.rng.random(len(W)) < 1 / (1 + len(widths))
            new = np.where(anywhere[:, None], new, beside)
        ratio = _log_mixture(old, centres, usable, widths) - _log_mixture(new, centres, usable, widths)
        stretch = np.where(self.rng.random(len(W)) < 0.5, 0.0, self.rng.normal(size=len(W)))
        longer = radius * np.exp(stretch)[:, None]
        # The density of log |w| under the init law: |w|^D exp(-|w|^2 / 2).
        radial = self.problem.size * stretch - ((longer**2 - radius**2) / 2)[:, 0]
        return self._decide(self.problem.with_neuron(self.layers, at, new * longer), ratio + radial)

    def _turn_one(self) -> None:
        """A neuron turns a little, at a scale of any size."""
        _, at, radius, old = self._pick()
        new = self._around(old, self._turns(1.0))
        self._decide(self.problem.with_neuron(self.layers, at, new * radius), 0.0)

    def _turn_group(self) -> None:
        """All neurons near one line turn together; the line must have the same neurons afterwards."""
        _, _, _, old = self._pick()
        W = self.layers.W[:, : self.problem.width]
        near = np.minimum(self._turns(_WIDEST_GROUP), _WIDEST_GROUP)
        aside = self.rng.normal(size=old.shape)
        aside = _units(aside - (aside * old).sum(axis=1, keepdims=True) * old)
        angle = self._turns(np.pi / 2)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        new = cos * old + sin * aside
        group = _near(W, old, near)
        along, across = W @ old[..., None], W @ aside[..., None]
        turned = (
            W
            + (along * (cos - 1)[:, None] - across * sin[:, None]) * old[:, None]
            + (along * sin[:, None] + across * (cos - 1)[:, None]) * aside[:, None]
        )
        same = np.asarray((group | ~_near(W, new, near)).all(axis=1))
        moved = self.layers.W.copy()
        moved[:, : self.problem.width] = np.where(group[..., None], turned, W)
        self._decide(self.problem.layers(moved), 0.0, same)

    def _exchange_radii(self) -> None:
        """Radii are drawn anew given the masses v |w|, which leaves the function as it is."""
        m, D, out = self.problem.width, self.problem.size, self.problem.outputs
        readouts = self.problem.draw(self.layers, self.temperature, 1, self.rng)[0, :, :m]
        old = np.linalg.norm(self.layers.W[:, :m], axis=2)
        mass = old**2 * (readouts**2).sum(axis=2) / self.problem.scale**2
        radius = old

        def log_density(r: Array) -> Array:
            return np.asarray((D - out) * np.log(r) - (r**2 + mass / r**2) / 2)

        for _ in range(_RADIUS_STEPS):
            other = radius * np.exp(_RADIUS_STEP * self.rng.normal(size=radius.shape))
            gain = log_density(other) - log_density(radius)
            radius = np.where(np.log(self.rng.random(radius.shape)) < gain, other, radius)
        factor = np.ones(self.layers.W.shape[:2])
        factor[:, :m] = radius / old
        column = factor[..., None]
        self.layers = Layers(
            self.layers.W * column, self.layers.K * column * factor[:, None], self.layers.H * column
        )
        self.evidence = self.problem.evidence(self.layers, self.temperature)

    def _turns(self, most: float) -> Array:
        """Angles [N] of any size between what the temperature allows and `most`, by their logarithms."""
        least = min(most, _LEAST_TURN * np.sqrt(self.temperature))
        return np.exp(self.rng.uniform(np.log(least), np.log(most), size=len(self.evidence)))

    def _around(self, centre: Array, width: Array) -> Array:
        """Directions [N, D] from the angular central Gaussian law about lines (Tyler, Biometrika 74, 1987)."""
        noise = self.rng.normal(size=centre.shape)
        along = (noise * centre).sum(axis=1, keepdims=True)
        return _units(along * centre + width[:, None] * (noise - along * centre))


def _units(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _near(W: Array, line: Array, bar: Array) -> npt.NDArray[np.bool_]:
    """Which neurons [N, m] are within an angle whose sine is the bar [N] of a line [N, D]."""
    unit = _units(W)
    off = unit - (unit @ line[..., None]) * line[:, None]
    return np.asarray(np.linalg.norm(off, axis=-1) < bar[:, None])


def _log_mixture(u: Array, centres: Array, usable: npt.NDArray[np.bool_], widths: Array) -> Array:
    """The log density [N], up to a constant, of the mixture that proposals are drawn from.

    The uniform law has one part, and so has each width. About a line c the angular central Gaussian law of width s has
    the density s^(1 - D) ((u.c)^2 + (1 - (u.c)^2) / s^2)^(-D / 2) against the uniform one.
    """
    D = u.shape[1]
    off = u[:, None] - (centres @ u[..., None]) * centres
    # 1 - (u . c)^2 from the vector that is left: near 0 the difference would lose its digits.
    sine = np.minimum((off**2).sum(axis=-1), 1.0)
    spread = (1 - sine)[..., None] + sine[..., None] / widths**2
    beside = (widths ** (1 - D) * spread ** (-D / 2) * usable[..., None]).sum(axis=(1, 2))
    return np.asarray(np.log(np.maximum(usable.sum(axis=1), 1) + beside))
