"""What networks that were taught something else would give: how unlikely a neuron's match is among theirs.

The first null asks what a network that learned nothing would show. This one asks what learning shows, whatever is
learned: neurons of networks of one shape and training, each taught a random function. They are matched as the
neurons in question are, first null included, and ranked by its p:

1. A neuron's score is the number of neurons with a match in its class and a p at most as large, itself among them.
2. Its p here is the share of all neurons, itself among them, whose score is at most as large.

The score is a symmetric function of the neurons, so that a neuron of a network that was taught another random function
has p <= t with probability at most t: a rank test, exact whatever the first null is worth. Ranks within classes keep
one class that training always produces from hiding the others. p is at least 1 / (draws + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..criteria import GATE, REACHED, VACUOUS

Array = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class TaughtNull:
    """The law of matches in one block of networks that were taught something else.

    Attributes:
        classes: the classes that neurons of theirs match, by name.
        ordered: for each of them the p under the first null of the neurons that match it, sorted.
        scores: for each of them their scores, sorted.
        exact: for each of them the share of all neurons that match it at 1 - r^2 <= 1e-6, as near as training comes.
        at_gate: for each of them the share that match it at 1 - r^2 <= 0.01.
        draws: how many tested neurons the law rests on.

    Examples:
        Of 99 neurons one resembles a threshold.

        >>> names = np.array(["threshold"] + [None] * 98, dtype=object)
        >>> null = TaughtNull.of(names, np.array([1e-3] + [1.0] * 98), np.full(99, 1e-4))
        >>> null.p(np.array(["threshold", "threshold", "ridge"], dtype=object), np.array([1e-4, 1e-2, 1e-2])).tolist()
        [0.01, 0.02, 0.02]
        >>> null.p(np.array(["ridge"], dtype=object), np.array([1.0])).tolist()
        [1.0]
    """

    classes: tuple[str, ...]
    ordered: tuple[Array, ...]
    scores: tuple[Array, ...]
    exact: Array
    at_gate: Array
    draws: int

    @classmethod
    def of(cls, names: Names, p: Array, unexplained: Array) -> TaughtNull:
        """The law of neurons [M] that were tested.

        Args:
            names: the class that each neuron's match is of; None where it has none.
            p: of the matches under the first null; 1 where nothing passes its gate.
            unexplained: 1 - r^2 of the matches.
        """
        passed = (p < 1.0) & np.array([name is not None for name in names], dtype=bool)
        classes = tuple(sorted({str(name) for name in names[passed]}))
        ordered, scores, exact, at_gate = [], [], [], []
        for name in classes:
            own = passed & (names == name)
            values = np.sort(p[own])
            ordered.append(values)
            scores.append(np.searchsorted(values, values, side="right").astype(float))
            exact.append(float((own & (unexplained <= REACHED)).sum()) / len(p))
            at_gate.append(float((own & (unexplained <= GATE)).sum()) / len(p))
        return cls(classes, tuple(ordered), tuple(scores), np.array(exact), np.array(at_gate), len(p))

    def p(self, names: Names, p: Array) -> Array:
        """P(a neuron that learned something else has a match as unlikely), for neurons of any shape; NaN where p is.

        Args:
            names: the class that each neuron's match is of; None where it has none.
            p: of the matches under the first null.
        """
        result = np.where(np.isnan(p), np.nan, 1.0)
        for name in {str(name) for name in names[p < 1.0] if name is not None}:
            own = (p < 1.0) & (names == name)
            below = self._score(name, p[own])
            others = sum(
                (
                    np.searchsorted(scores, below + 1.0, side="right")
                    for other, scores in zip(self.classes, self.scores, strict=True)
                    if other != name
                ),
                start=np.zeros(len(below)),
            )
            result[own] = (1.0 + below + others) / (self.draws + 1.0)
        return result

    def attainable(self, name: str) -> float:
        """The p of a neuron with a better match in a class than any that learned something else."""
        return float(self.p(np.array([name], dtype=object), np.zeros(1))[0])

    def vacuous(self, names: Names) -> npt.NDArray[np.bool_]:
        """Whether neurons that learned something else match each neuron's class exactly in more than 5% of cases."""
        common = {name for name, share in zip(self.classes, self.exact, strict=True) if share > VACUOUS}
        return np.isin(names, list(common))

    def _score(self, name: str, p: Array) -> Array:
        if name not in self.classes:
            return np.zeros(len(p))
        return np.searchsorted(self.ordered[self.classes.index(name)], p, side="right").astype(float)
