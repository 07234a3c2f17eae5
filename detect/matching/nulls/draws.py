"""Draws of a null: what redrawn neurons leave unexplained, and what a match is worth beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...statistics.criteria import EXACT_MATCH
from ...statistics.tails import Tail
from .incoming import Evidence
from .neuron_nulls import NeuronNull
from .resemblance import ranked

Array = npt.NDArray[np.float64]
#: Fewer plain draws than this say nothing, and p is 1.
_LEAST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class Draws:
    """Neurons of one offset and scale that point elsewhere, under one init law.

    Attributes:
        law: the init law of their directions.
        null: the simulated null, which ranks the classes.
        unexplained: 1 - r^2 of the best feature of each class, of the N live and bent draws that vary [N, C].
        t: their gated minimum over the classes [N].
        mass: what each draw counts [N]; the sum is 1.
        weighted: whether the draws are dense where it matters, so that no p is extrapolated beyond them.
    """

    law: str
    null: NeuronNull
    unexplained: Array
    t: Array
    mass: Array
    weighted: bool

    def evidence(self, own: Array) -> Evidence:
        """What matches of neurons of this offset are worth, from their unexplained [M, C]."""
        t, winner = ranked(self.null, own)
        count = len(self.unexplained)
        never = np.full(len(t), np.inf)
        if not self.weighted and not count:
            return Evidence(np.ones(len(t)), winner, np.ones(len(t)), never)
        exact = (self.mass[:, None] * (self.unexplained <= EXACT_MATCH)).sum(axis=0)[winner]
        if not self.weighted and count < _LEAST_DRAWS:
            return Evidence(np.ones(len(t)), winner, exact, never)
        if self.weighted:
            return Evidence(_share_below(t, self.t, self.mass), winner, exact, never)
        p = np.where(t >= 1.0, 1.0, Tail.fit(self.t).p(t))
        return Evidence(p, winner, exact, np.full(len(t), float(count)))


def _share_below(t: Array, draws: Array, mass: Array) -> Array:
    """P(T <= t) [M] from weighted draws; the next larger draw counts too, so that p is not too small."""
    if not len(draws):
        return np.ones(len(t))
    order = np.argsort(draws, kind="stable")
    ordered, below = draws[order], np.cumsum(mass[order])
    at = np.searchsorted(ordered, t, side="right")
    return np.asarray(np.where(t >= 1.0, 1.0, np.minimum(below[np.minimum(at, len(below) - 1)], 1.0)))
