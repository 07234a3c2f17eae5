"""The null behind one match: what redrawn neurons leave unexplained, to draw the match over their histogram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.network import Network
from ..networks.stacks import Stack
from ..statistics.criteria import FLOOR
from .block_reading import BlockReading
from .criteria import ALPHA, GATE
from .nulls.conditional import draws_of
from .nulls.names import NullName
from .nulls.neuron_nulls import NeuronNull

Array = npt.NDArray[np.float64]
#: Scores at which the threshold is looked for, per decade: it is known to a tenth.
_PER_DECADE = 24
_SCORES = np.geomspace(FLOOR, GATE, int(_PER_DECADE * np.log10(GATE / FLOOR)) + 1)
#: Digits of a share of the null.
_DIGITS = 12


@dataclass(frozen=True, eq=False)
class MatchNull:
    """One neuron's match and the neurons of the null that it is compared with.

    All shares are 1 - r^2, the share of a neuron's variance that the best feature of the class leaves.

    Attributes:
        layer, neuron: which neuron; layers count those with an activation.
        feature, on: what it matches, by name, and of which variables.
        competes_as: the class that the feature competes in.
        status: the neuron's, such as `"matched"`.
        unexplained: of the neuron.
        p: the chance that a neuron of the null has as rare a match of any class; q: the same, adjusted for the
            network's other neurons.
        needed: the largest share at which p would be at most 0.05; None where no share is small enough.
        draws: of neurons of the null [N], in this class.
        mass: what each of them counts [N]; the sum is 1.
        law: the init law that they follow, of several the one with the larger p.

    Examples:
        >>> from ...detect import analyse, hand_derived
        >>> null = analyse(hand_derived("minimum"), task="minimum", init="uniform").null_of(0, 0)
        >>> null
        MatchNull(v0 greaterness(x1, x2), matched, p = ..., needed 0.00...)
        >>> null.below(null.unexplained) < 0.001 < null.below(0.5)
        True
    """

    layer: int
    neuron: int
    feature: str
    on: tuple[str, ...]
    competes_as: str
    status: str
    unexplained: float
    p: float
    q: float
    needed: float | None
    draws: Array
    mass: Array
    law: str

    def below(self, unexplained: float) -> float:
        """The share of the null's neurons that leave at most so much of this class.

        It is at most p of a match there: p counts the matches of every class.
        """
        # Sums of masses are a share: rounding may not take them beyond 1, nor leave all of it short of 1.
        return round(float(self.mass[self.draws <= unexplained].sum()), _DIGITS)

    def histogram(self, edges: Array) -> Array:
        """The mass of the null's neurons between edges [B + 1], of shares: [B].

        What lies outside counts in the first or the last bin, so that the sum is 1.

        Examples:
            >>> draws, mass = np.array([1e-15, 0.05, 0.5]), np.array([0.2, 0.5, 0.3])
            >>> rest = {"law": "uniform", "status": "matched", "unexplained": 0.0, "p": 0.2, "q": 0.2, "needed": None}
            >>> null = MatchNull(0, 0, "ridge", ("x1",), "ridge", draws=draws, mass=mass, **rest)
            >>> null.histogram(np.array([0.01, 0.1, 1.0])).round(6).tolist()
            [0.7, 0.3]
        """
        inside = np.clip(self.draws, edges[0], edges[-1])
        return np.asarray(np.histogram(inside, bins=edges, weights=self.mass)[0], dtype=np.float64)

    def __repr__(self) -> str:
        need = "none would do" if self.needed is None else f"needed {self.needed:.2g}"
        of = f"({', '.join(self.on)})" if self.on else ""
        return f"MatchNull(v{self.neuron} {self.feature}{of}, {self.status}, p = {self.p:.2g}, {need})"


def match_null(
    network: Network,
    reading: BlockReading,
    neuron: int,
    *,
    layer: int,
    laws: Sequence[str],
    null: NullName = "conditional",
    place: int = 0,
) -> MatchNull:
    """The null behind the match of one neuron of a block.

    Args:
        network: its weights; PReLU layers count with their mean slope, as in the null.
        reading: of the block (`read_block`), in which the network has the position `place`.
        neuron: its row; layer: what the layer is called.
        laws, null: as the block was read.

    Raises:
        InputError: where the neuron has no p, or one in closed form, which no draws stand behind.
    """
    if not 0 <= neuron < reading.p.shape[1]:
        raise InputError(f"neuron {neuron} of layer {layer}: the layer has {reading.p.shape[1]} neurons")
    p, label = float(reading.p[place, neuron]), int(reading.label[place, neuron])
    name = f"neuron {neuron} of layer {layer}"
    if np.isnan(p) or label < 0:
        status = reading.status[place, neuron]
        raise InputError(f"{name} is {status}, and has no match: ask for one with a p (see analysis.neurons)")
    if reading.by_weights[place, neuron]:
        raise InputError(f"the p of {name} is a closed form of its weights: no draws stand behind it")
    bound = reading.features[label]
    c = reading.classes.index(bound.competes_as)
    unexplained = float(reading.unexplained[place, neuron])
    law, draws, mass, worth = _worst(network, reading, neuron, laws, null, c, unexplained)
    enough = np.flatnonzero(worth <= ALPHA)
    return MatchNull(
        layer, neuron, bound.feature.name, bound.on, bound.competes_as, str(reading.status[place, neuron]),
        unexplained, p, float(reading.q[place, neuron]),
        float(_SCORES[enough[-1]]) if len(enough) else None, draws, mass, law,
    )  # fmt: skip


def _worst(
    network: Network,
    reading: BlockReading,
    neuron: int,
    laws: Sequence[str],
    null: NullName,
    c: int,
    unexplained: float,
) -> tuple[str, Array, Array, Array]:
    """The law whose p of a share unexplained of class c is largest, its draws of that class, their mass, and the p [M]
    of `_SCORES`, the largest over the laws.
    """
    block = reading.block
    below = Stack.of([network]).forward(reading.probes.X).post[block - 1][0] if block else None
    found = draws_of(
        reading.nulls, laws, network.weights[block][neuron], float(network.bias_vectors[block][neuron]),
        below, network.architecture, block, reading.probes, null,
    )  # fmt: skip
    classes = len(reading.classes)
    own = _of_class(np.array([unexplained]), c, classes)
    if found is None:
        several = len(reading.nulls) > 1
        k = int(np.argmax([simulated.p(own)[0][0] for simulated in reading.nulls])) if several else 0
        draws, mass = _simulated(reading.nulls[k], c)
        return (
            laws[k],
            draws,
            mass,
            np.max([_worth(law_null, c, classes) for law_null in reading.nulls], axis=0),
        )
    scores = _of_class(_SCORES, c, classes)
    k = int(np.argmax([part.evidence(own).p[0] for part in found]))
    return (
        found[k].law, found[k].unexplained[:, c], found[k].mass,
        np.max([part.evidence(scores).p for part in found], axis=0),
    )  # fmt: skip


def _of_class(scores: Array, c: int, classes: int) -> Array:
    """Shares unexplained [M, classes], those of class c given and nothing explained by the others."""
    table = np.ones((len(scores), classes))
    table[:, c] = scores
    return table


@lru_cache(maxsize=256)
def _worth(null: NeuronNull, c: int, classes: int) -> Array:
    """The p [M] that a simulated null gives to `_SCORES` of class c, which all neurons of a layer share."""
    return null.p(_of_class(_SCORES, c, classes))[0]


@lru_cache(maxsize=256)
def _simulated(null: NeuronNull, c: int) -> tuple[Array, Array]:
    """The simulated draws of a class, or enough of their quantiles, and the mass of each."""
    tail = null.tails[c]
    # `share` counts the observed value among the draws.
    count = np.clip(tail.share * (null.draws + 1) - 1.0, 0.0, null.draws)
    mass = np.diff(count, prepend=0.0)
    mass /= max(float(mass.sum()), 1.0)
    mass.setflags(write=False)
    return tail.draws, mass
