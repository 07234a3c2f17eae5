"""How much redrawn neurons resemble the features, for thousands of draws at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..correlations import norms, unexplained_by, unit_vectors
from ..criteria import GATE
from ..probes import Probes
from .neuron_nulls import NeuronNull

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Compared:
    """The features that redrawn neurons are compared with, on the rows of the probes where those are evaluated.

    Attributes:
        rows: of the probes; unit: the features' centred unit vectors there [n, K].
        starts: where each class that has any begins among them; at: that class among all [C] of them.
    """

    rows: Indices
    unit: Array
    starts: Indices
    at: Indices
    classes: int

    @classmethod
    def of(cls, probes: Probes, most: int, kept: Bools | None = None) -> Compared:
        """Those of the probes, or of them those that are kept [K], at up to `most` evenly spaced rows."""
        n = len(probes.X)
        rows = np.linspace(0, n - 1, min(n, most)).astype(int)
        unit = probes.unit[rows] if len(rows) < n else probes.unit
        if len(rows) < n:
            unit = unit_vectors(unit)[2]
        class_of = np.searchsorted(probes.starts, np.arange(len(probes.features)), side="right") - 1
        keep = np.ones(len(class_of), dtype=bool) if kept is None else kept
        at, starts = np.unique(class_of[keep], return_index=True)
        return cls(rows, unit[:, keep], starts, at, len(probes.classes))

    def unexplained(self, values: Array) -> tuple[Array, Array, Bools]:
        """1 - r^2 of the best feature of each class [N, C] for values [N, n]; their norms, and which of them vary.

        The values are centred in place.
        """
        norm, varies = norms(values)
        found = np.ones((len(values), self.classes))
        if len(self.at):
            best = np.maximum.reduceat(values @ self.unit, self.starts, axis=1)
            found[:, self.at] = unexplained_by(best, norm)
        return found, norm, varies


def ranked(null: NeuronNull, unexplained: Array) -> tuple[Array, Indices]:
    """T [N] and its class [N], from unexplained [N, C]; most draws pass no gate and are not ranked."""
    t, winner = np.ones(len(unexplained)), unexplained.argmin(axis=1)
    passes = ((unexplained <= GATE) & null.competes).any(axis=1)
    near = unexplained[passes]
    t[passes], winner[passes] = null.gated(near, null.class_p(near))
    return t, winner
