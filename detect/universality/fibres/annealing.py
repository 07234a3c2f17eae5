"""Annealing: sequential Monte Carlo from the init law to the networks whose error is below a threshold.

Del Moral, Doucet & Jasra (J. R. Stat. Soc. B 68, 2006). The temperature falls so that the weights of the particles
keep an effective share; at every level particles are drawn anew by their weights, and moved. The law exp(-error / (2
temperature)) leads there; in the end read-outs are drawn, and weights exp(error / (2 temperature)) where the error is
below the threshold, 0 elsewhere, make it the init law conditioned on exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from .moves import Walk
from .particles import Problem

Array = npt.NDArray[np.float64]

#: The first temperature, in units of the targets' second moment, leaves the init law as it is: the error of untrained
#: networks is of the order of 1.
_HOTTEST = 1e3
#: The effective share of particles that a step of the temperature keeps, and the longest step, in logarithms.
_KEPT, _LONGEST = 0.8, 3.0
#: Halvings in the search for a step.
_HALVINGS = 12
#: A run is given up at this share of the threshold: errors of particles that can get below are of the order of the
#: temperature times the number of their read-outs.
_COLDEST = 1e-3
#: Read-outs drawn per hidden layer at the end, of which one is kept.
_DRAWS = 16
#: The run ends where the share of particles that remains under the condition has fallen to this much of its best.
_PAST_BEST = 0.85


@dataclass(frozen=True)
class Level:
    """One step of a chain.

    Attributes:
        temperature: of the error; below it errors weigh little.
        moved: share of relocations that were taken.
        ancestors: particles of the start that have descendants.
        left: effective share of particles once the error is held below the threshold; 0 where that was not tried.
    """

    temperature: float
    moved: float
    ancestors: int
    left: float


@dataclass(frozen=True, eq=False)
class Chain:
    """What one run leaves.

    Attributes:
        W: [n, p, D] hidden weights and readouts: [n, p, out], in units where hidden weights start with variance 1.
        weights: [n] above 0, of sum 1; family: [n] the particle of the start that each descends from.
        errors: [n] mean squared errors.
        levels: the temperatures.
    """

    W: Array
    readouts: Array
    weights: Array
    family: npt.NDArray[np.intp]
    errors: Array
    levels: tuple[Level, ...]


def run_chain(
    problem: Problem, threshold: float, particles: int, sweeps: int, rng: np.random.Generator
) -> Chain:
    """One independent run.

    Args:
        problem: the target and the init law.
        threshold: the mean squared error that members stay below.
        particles: how many; sweeps: over all neurons, at every temperature.
        rng: the generator.

    Raises:
        InputError: where no network gets there.
    """
    layers = problem.start(particles, rng)
    temperature = _HOTTEST * (1 + float(np.trace(problem.target.square)))
    walk = Walk(problem, layers, temperature, problem.evidence(layers, temperature), rng)
    family = np.arange(particles)
    levels: list[Level] = []
    best, members = 0.0, None
    while members is not None or walk.temperature > _COLDEST * threshold:
        walk.temperature, weights = _next(walk)
        at = _systematic(weights, rng)
        walk.layers, family = walk.layers.take(at), family[at]
        walk.evidence = problem.evidence(walk.layers, walk.temperature)
        moved = float(np.mean([walk.sweep() for _ in range(sweeps)]))
        found = _members(walk, threshold, family) if walk.temperature < threshold else None
        left = 0.0 if found is None else _effective(found.weights) / particles
        levels.append(Level(walk.temperature, moved, len(np.unique(family)), left))
        if left > best:
            best, members = left, found
        elif members is not None and left < _PAST_BEST * best:
            return Chain(
                members.W, members.readouts, members.weights, members.family, members.errors, tuple(levels)
            )
    raise InputError(
        f"no network of {problem.width} neurons got below a mean squared error of {threshold:g}: give more particles, "
        "a larger threshold or a larger width"
    )


def _next(walk: Walk) -> tuple[float, Array]:
    """The next temperature and the particles' weights [N], of sum 1, for it."""

    def weights(step: float) -> Array:
        gain = walk.problem.evidence(walk.layers, walk.temperature * np.exp(-step)) - walk.evidence
        raw = np.exp(gain - gain.max())
        return np.asarray(raw / raw.sum())

    enough = _KEPT * len(walk.evidence)
    step, short = _LONGEST, 0.0
    if _effective(weights(step)) < enough:
        for _ in range(_HALVINGS):
            middle = (short + step) / 2
            short, step = (middle, step) if _effective(weights(middle)) >= enough else (short, middle)
    return float(walk.temperature * np.exp(-step)), weights(step)


def _members(walk: Walk, threshold: float, family: npt.NDArray[np.intp]) -> Chain | None:
    """The particles with read-outs, weighted to the law below the threshold; None where there is none."""
    readouts = walk.problem.draw(walk.layers, walk.temperature, _DRAWS, walk.rng)
    errors = walk.problem.errors(walk.layers, readouts)
    below = np.minimum(errors - threshold, 0.0)
    raw = np.where(errors < threshold, np.exp(below / (2 * walk.temperature)), 0.0)
    total = raw.sum(axis=0)
    kept = np.flatnonzero(total > 0)
    if not len(kept):
        return None
    passed = np.cumsum(raw[:, kept], axis=0) > walk.rng.random(len(kept)) * total[kept]
    draw = passed.argmax(axis=0)
    return Chain(
        walk.layers.W[kept],
        readouts[draw, kept],
        total[kept] / total.sum(),
        family[kept],
        errors[draw, kept],
        (),
    )


def _systematic(weights: Array, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Places drawn by their weights with one random number (Kitagawa, J. Comput. Graph. Stat. 5, 1996)."""
    count = len(weights)
    ends = np.cumsum(weights)
    marks = (np.arange(count) + rng.random()) / count * ends[-1]
    return np.asarray(np.minimum(np.searchsorted(ends, marks, side="right"), count - 1))


def _effective(weights: Array) -> float:
    """The number of equal weights that say as much: 1 / sum w^2 for weights of sum 1."""
    return float(1 / (weights**2).sum())
