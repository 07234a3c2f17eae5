"""What untrained networks would give: the null law of a neuron's best match.

A high correlation with a catalogue feature is no evidence by itself: in two dimensions 95% of untrained bias-free
ReLU neurons correlate above 0.9 with some feature (docs/results/measurements.md, Correlation of untrained neurons). So
each neuron stands beside untrained neurons of the same shape, init law and inputs, with the maximum over the whole
catalogue taken inside the null:

1. Per class c of features, U_c = 1 - r^2 of the best one, and p_c = P_null(U <= U_c) from simulation with a
   generalised Pareto tail (`tails.Tail`).
2. The gated minimum T = min of p_c over classes with U_c <= 0.01, recalibrated on the same simulation:
   p = P_null(T <= t). Classes compete by p, not by r, or a class that everything matches hides the others.
3. Below its 1% point p = c T, with c the worst measured ratio of P_null(T <= t) to t, plus one standard
   error, at most the number of classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ...networks.architecture import Architecture
from ...networks.nonlinearities import leaky_slope
from ...statistics.criteria import TINY
from ...statistics.null_cache import Arrays, Unkeyed, kept_arrays, side_by_side
from ...statistics.tails import Tail
from ..correlations import (
    UPSTREAM,
    Scores,
    class_scores,
    upstream_of,
    upstream_scores,
)
from ..criteria import GATE, REACHED
from ..probes import Probes
from .simulated import simulate

Array = npt.NDArray[np.float64]
_VERSION = 6
#: Shares of the draws at which the tail of T is read off, with at least so many draws below each; T is empirical above
#: the last.
_TAIL_SHARES, _LEAST_DRAWS = (0.001, 0.002, 0.005, 0.01), 50
#: The law of a class by which nothing is ever significant.
_NEVER = Tail(
    draws=np.array([1.0]), share=np.array([1.0]), cut=0.0, cut_mass=0.0, shape=0.0, scale=1.0, atom=1.0
)


@dataclass(frozen=True, eq=False)
class NeuronNull:
    """The null law of one block's neurons under one init law.

    Attributes:
        classes: class names; `upstream` last where the block has upstream features.
        tails: the law of U_c per class.
        t_values, t_mass: quantiles of the gated minimum T and the mass at or below each.
        factor: the c of p = c T below the smallest of them.
        gate_mass: P_null(some class passes the gate): no larger p is ever given to a neuron that passes it.
        at_gate: P_null(U_c <= 0.01) per class, the share of untrained neurons with a "good" match.
        draws: how many live, bent untrained neurons it rests on.
        piecewise: whether the activation is piecewise linear.
    """

    classes: tuple[str, ...]
    tails: tuple[Tail, ...]
    t_values: Array
    t_mass: Array
    factor: float
    gate_mass: float
    at_gate: Array
    draws: int
    piecewise: bool

    @property
    def competes(self) -> npt.NDArray[np.bool_]:
        """Which classes compete: all but the affine features of piecewise-linear neurons.

        A neuron that is tested is bent, and one that resembles an affine feature hardly bends: a kink that
        has all but left the box. That is no mechanism found, and as a class it would double everybody's p.
        """
        return np.array([not (self.piecewise and name == "linear") for name in self.classes])

    def atoms(self) -> Array:
        """P_null(exact match) per class."""
        return np.array([tail.atom for tail in self.tails])

    def class_p(self, unexplained: Array) -> Array:
        """p_c for unexplained [M, C]."""
        return np.stack([tail.p(unexplained[:, c]) for c, tail in enumerate(self.tails)], axis=1)

    def gated(self, unexplained: Array, class_p: Array) -> tuple[Array, npt.NDArray[np.intp]]:
        """The gated minimum T [M] (1 where no class passes) and its class [M]."""
        competing = np.where((unexplained <= GATE) & self.competes, class_p, 1.0)
        return competing.min(axis=1), competing.argmin(axis=1)

    def p_of_t(self, t: Array) -> Array:
        """P_null(T <= t)."""
        if not len(self.t_values):
            return np.where(t < 1.0, np.minimum(self.factor * t, self.gate_mass), 1.0)
        body = np.interp(t, self.t_values, self.t_mass)
        tail = np.minimum(self.factor * t, self.t_mass[0])
        return np.asarray(np.where(t >= 1.0, 1.0, np.where(t < self.t_values[0], tail, body)))

    def p(self, unexplained: Array) -> tuple[Array, npt.NDArray[np.intp]]:
        """The neuron's p [M] and the class that won [M], from unexplained [M, C]."""
        t, winner = self.gated(unexplained, self.class_p(unexplained))
        return self.p_of_t(t), winner

    def attainable(self) -> Array:
        """The p that a neuron at 1 - r^2 = 1e-6 would get, per class."""
        best = np.ones((len(self.classes), len(self.classes)))
        np.fill_diagonal(best, REACHED)
        return self.p(best)[0]


def neuron_null(architecture: Architecture, block: int, law: str, probes: Probes) -> NeuronNull:
    """The null of one block's neurons; simulated once per shape, then kept in memory and on disk.

    Args:
        architecture: the network's; only what lies below and at the block matters.
        block: index of the hidden layer.
        law: init law, see `stacking.untrained`.
        probes: the inputs and features.

    Examples:
        >>> from ..probes import probes_for
        >>> null = neuron_null(Architecture((1, 2, 1), ("relu",), (False, False)), 0, "uniform", probes_for(1))
        >>> float(null.atoms()[0])
        1.0
    """
    last = block + 1
    # The first layer's neurons are independent: its null is the same at every width.
    sizes = (architecture.sizes[0], 1) if block == 0 else (*architecture.sizes[:last], 1)
    prefix = Architecture(
        (*sizes, 1), architecture.null_activations[:last], (*architecture.bias[:last], False)
    )
    return _cached_null(prefix, block, law, probes.key, Unkeyed(probes))


def draw_nulls(architecture: Architecture, probes: Mapping[int, Probes], laws: Sequence[str]) -> None:
    """Draw the nulls of several blocks side by side, where they are not kept yet.

    Args:
        architecture: the network's.
        probes: the inputs and features of each block; blocks without features have no such null.
        laws: the init laws.

    Examples:
        >>> from ..probes import probes_for
        >>> draw_nulls(Architecture((1, 2, 1), ("relu",), (False, False)), {0: probes_for(1)}, ("uniform", "normal"))
    """
    # Those of later blocks take longest.
    wanted = [(block, law) for block, own in reversed(list(probes.items())) if own.features for law in laws]
    side_by_side([partial(neuron_null, architecture, block, law, probes[block]) for block, law in wanted])


@lru_cache(maxsize=256)
def _cached_null(prefix: Architecture, block: int, law: str, key: str, carried: Unkeyed) -> NeuronNull:
    probes: Probes = carried.value

    def make(seed: int) -> Arrays:
        return _to_arrays(fit_null(simulate(prefix, block, law, probes, seed), prefix, block, probes))

    return _from_arrays(kept_arrays(f"neurons {_VERSION}|{prefix!r}|{block}|{law}|{key}", make))


def scores_of(
    unit: Array,
    previous: Array | None,
    architecture: Architecture,
    block: int,
    live: npt.NDArray[np.bool_],
    bent: npt.NDArray[np.bool_],
    probes: Probes,
) -> Scores:
    """Scores from unit vectors [N, n, M] and, past the first block, the previous layer's values [N, n, width]."""
    count, n, width = unit.shape
    flat = unit.transpose(1, 0, 2).reshape(n, count * width)
    unexplained, best = class_scores(flat, probes)
    features = upstream_of(architecture, block)
    if features and previous is not None:
        step = max(1, int(2e6 / (n * len(features))))
        parts = [
            upstream_scores(unit[k : k + step], previous[k : k + step], features)
            for k in range(0, count, step)
        ]
        unexplained = np.column_stack([unexplained, np.concatenate([u for u, _ in parts]).ravel()])
        best = np.column_stack([best, np.concatenate([b for _, b in parts]).ravel()])
    return Scores(unexplained, best, live.ravel(), bent.ravel())


def fit_null(parts: Iterator[Array], architecture: Architecture, block: int, probes: Probes) -> NeuronNull:
    """The null law from 1 - r^2 of live, bent untrained neurons, in parts [., C]."""
    unexplained = np.concatenate(list(parts))
    classes = (*probes.classes, UPSTREAM) if upstream_of(architecture, block) else probes.classes
    activation = architecture.activations[block]
    silent = NeuronNull(
        classes=classes,
        tails=(_NEVER,) * len(classes),
        t_values=np.array([]),
        t_mass=np.array([]),
        factor=1.0,
        gate_mass=1.0,
        at_gate=np.ones(len(classes)),
        draws=len(unexplained),
        piecewise=activation == "relu" or leaky_slope(activation) is not None,
    )
    if len(unexplained) < 100:
        # Hardly any untrained neuron is live and bent: nothing can be said, so nothing is ever significant.
        return silent
    certain = _every_neuron_is_a_threshold(architecture, block)
    tails = []
    for c, name in enumerate(classes):
        tail = Tail.fit(unexplained[:, c])
        tails.append(replace(tail, atom=1.0) if certain and name == "threshold" else tail)
    fitted = replace(silent, tails=tuple(tails), at_gate=(unexplained <= GATE).mean(axis=0))
    # Most draws pass no gate, and need no p.
    near = unexplained[((unexplained <= GATE) & fitted.competes).any(axis=1)]
    t, _ = fitted.gated(near, fitted.class_p(near))
    return _calibrated(fitted, np.sort(t[t < 1.0]), len(unexplained))


def _every_neuron_is_a_threshold(architecture: Architecture, block: int) -> bool:
    """With one input and a bias every piecewise-linear neuron of the first layer is relu(+-(x - t)) for some t."""
    piecewise = architecture.activations[0] == "relu" or leaky_slope(architecture.activations[0]) is not None
    return block == 0 and architecture.sizes[0] == 1 and architecture.bias[0] and piecewise


def _calibrated(null: NeuronNull, t: Array, n: int) -> NeuronNull:
    """The null with the law of T read off n draws: empirical down to the 1% point (or 50 draws), c T below it.

    Args:
        t: the draws of T below 1, sorted: those that pass the gate.
        n: all draws.
    """
    t_values, t_mass = _body(t, n)
    return replace(
        null,
        t_values=t_values,
        t_mass=t_mass,
        factor=_tail_factor(t, n, float(len(null.classes))),
        gate_mass=(len(t) + 1) / (n + 1),
    )


def _tail_factor(t: Array, n: int, at_most: float) -> float:
    """The c of P(T <= t) = c t: the largest ratio, with its standard error, at ranks of at least 50 draws.

    So many fix a ratio to about 14%. The union bound over the classes is `at_most`, and stands where there are fewer.
    """
    passed = len(t)
    wanted = (*(share * n for share in _TAIL_SHARES), passed)
    ranks = np.unique(np.array([rank for rank in wanted if _LEAST_DRAWS <= rank <= passed], int))
    if not len(ranks):
        return at_most
    at = np.maximum(t[ranks - 1], TINY)
    return min(at_most, float(((ranks + np.sqrt(ranks)) / n / at).max()))


def _body(t: Array, n: int) -> tuple[Array, Array]:
    """Up to 2000 quantiles of T from the 1% point on, and the mass at or below each; none where too few passed."""
    passed, start = len(t), int(_TAIL_SHARES[-1] * n)
    if not passed > start >= _LEAST_DRAWS:
        return np.array([]), np.array([])
    chosen = np.unique(np.linspace(start - 1, passed - 1, 2000).astype(int))
    values, mass = t[chosen], (chosen + 2.0) / (n + 1.0)
    keep = np.append(values[1:] > values[:-1], True)
    return values[keep], np.minimum(mass[keep], 1.0)


def _to_arrays(null: NeuronNull) -> Arrays:
    arrays: dict[str, npt.NDArray[Any]] = {
        "classes": np.array(null.classes),
        "t_values": null.t_values,
        "t_mass": null.t_mass,
        "at_gate": null.at_gate,
        "numbers": np.array([null.factor, null.gate_mass, null.draws, null.piecewise]),
    }
    for c, tail in enumerate(null.tails):
        arrays[f"draws{c}"], arrays[f"share{c}"] = tail.draws, tail.share
        arrays[f"tail{c}"] = np.array([tail.cut, tail.cut_mass, tail.shape, tail.scale, tail.atom])
    return arrays


def _from_arrays(arrays: Arrays) -> NeuronNull:
    classes = tuple(str(name) for name in arrays["classes"])
    tails = tuple(
        Tail(arrays[f"draws{c}"], arrays[f"share{c}"], *map(float, arrays[f"tail{c}"]))
        for c in range(len(classes))
    )
    factor, gate_mass, draws, piecewise = map(float, arrays["numbers"])
    quantiles = arrays["t_values"], arrays["t_mass"]
    return NeuronNull(
        classes, tails, *quantiles, factor, gate_mass, arrays["at_gate"], int(draws), bool(piecewise)
    )


def atoms_of(nulls: Sequence[NeuronNull]) -> Array:
    """P_null(exact match) per class, the largest over the laws."""
    return np.asarray(np.max([null.atoms() for null in nulls], axis=0))


def largest_p(nulls: Sequence[NeuronNull], unexplained: Array) -> tuple[Array, npt.NDArray[np.intp]]:
    """The largest p over the laws [M], and the class that won under that law [M]."""
    results = [null.p(unexplained) for null in nulls]
    p = np.stack([p for p, _ in results])
    winner = np.stack([w for _, w in results])
    worst = p.argmax(axis=0)
    columns = np.arange(p.shape[1])
    return p[worst, columns], winner[worst, columns]
