"""The rungs of the ladder: what is compared on each, pair by pair, and which pairs count as the same.

- function: outputs; the same where their mean squared difference is at most 4 times the loss of a solved network
  (two of them, each within it of the task, are no further apart), else different.
- subspace: unbiased CKA of hidden layers, each unit taken as the next layer reads it, so that rescaling drops out.
- units: mean correlation of matched units. Both: the same above the 95% quantile of pairs of untrained networks,
  different below their 5% quantile.
- features: Jaccard index of the features that used neurons hold; the same from 1/2 on, different at 0.
- circuit: reduced circuit similarity (behind two hidden layers that of `deep_mechanisms.py`); the same from 0.9 on,
  different up to 0.3.

A pair is *vacuous* where networks that learned nothing do as well: untrained ones (for circuits lazy ones, random
hidden layers with the best read-out) reach that value too. All rungs are taken up to the symmetries of the tasks:
each network of one side is tried in all its mirror images, and so are the networks of the null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ..features.binding import Label
from ..features.symmetry import Symmetry
from ..similarity.deep_mechanisms import deep_similarities
from ..similarity.mechanisms import similarity_matrix
from ..similarity.pairs import cka_values, unit_values
from ..statistics.criteria import EQUAL
from .criteria import LOSSES_APART, NOTHING_REACHES, OTHER_CIRCUIT, SAME_CIRCUIT, SAME_FEATURES
from .readings import LAZY_PARTNERS, Kind, Read

Array = npt.NDArray[np.float64]
RungName = Literal["function", "subspace", "units", "features", "circuit"]


_POPULATIONS: tuple[Kind, Kind] = ("solved", "untrained")


class Cutoffs(NamedTuple):
    """Where the pairs of a rung part into the same, different and vacuous.

    Attributes:
        apart: of two functions, as a multiple of the loss of a solved network.
        nothing: the quantile of pairs of networks that learned nothing.
        features: the Jaccard index from which on.
        same_circuit, other_circuit: the circuit similarities from which on, and up to which.
    """

    apart: float = LOSSES_APART
    nothing: float = NOTHING_REACHES
    features: float = SAME_FEATURES
    same_circuit: float = SAME_CIRCUIT
    other_circuit: float = OTHER_CIRCUIT


class Compared(NamedTuple):
    """What is compared on a rung, pair by pair.

    Attributes:
        values: [pairs]; null: [m] of networks that learned nothing.
        empty: [pairs] where neither network holds a feature; all False on other rungs.
        threshold: the loss of a solved network.
    """

    values: Array
    null: Array
    empty: npt.NDArray[np.bool_]
    threshold: float


class Parted(NamedTuple):
    """The pairs of a rung [pairs]: which are the same, different, vacuous; and two quantiles of the null."""

    same: npt.NDArray[np.bool_]
    different: npt.NDArray[np.bool_]
    vacuous: npt.NDArray[np.bool_]
    low: float
    high: float


def parted(name: RungName, compared: Compared, cut: Cutoffs) -> Parted:
    """The pairs of a rung by some cut-offs.

    Examples:
        >>> seen = Compared(np.array([0.2, 0.85, 0.95]), np.zeros(9), np.zeros(3, dtype=bool), 1e-8)
        >>> [parted("circuit", seen, cut).same.tolist() for cut in (Cutoffs(), Cutoffs(same_circuit=0.8))]
        [[False, False, True], [False, True, True]]
    """
    values, null, empty, threshold = compared
    low, high = (float(q) for q in np.quantile(null, (1 - cut.nothing, cut.nothing)))
    beyond = values > high + EQUAL
    if name == "function":
        alike, different = values <= cut.apart * threshold, values > cut.apart * threshold
        reached = low <= cut.apart * threshold
        return Parted(alike & (not reached), different, alike & reached, low, high)
    if name == "features":
        alike, different = values >= cut.features - EQUAL, (values <= EQUAL) & ~empty
        return Parted(alike & beyond, different, (alike & ~beyond) | empty, low, high)
    if name == "circuit":
        alike, different = values >= cut.same_circuit, values <= cut.other_circuit
        return Parted(alike & beyond, different, alike & ~beyond, low, high)
    different = values < low - EQUAL
    return Parted(beyond, different, ~beyond & ~different, low, high)


@dataclass(frozen=True)
class Measured:
    """What the pairs of a rung show, before any verdict.

    Attributes:
        name: which rung.
        about: what was compared, in words; where nothing is, why.
        comparable: whether the two groups can be compared at all.
        pairs: number of pairs; effective: of disjoint ones.
        same, different, vacuous: how many pairs are so; the rest lies between.
        median: of what is compared, over pairs.
        null_q05, null_q95: quantiles of the same over pairs of networks that learned nothing.
        compared: the pairs themselves; None where there are none.
    """

    name: RungName
    about: str
    comparable: bool = True
    pairs: int = 0
    effective: int = 0
    same: int = 0
    different: int = 0
    vacuous: int = 0
    median: float | None = None
    null_q05: float | None = None
    null_q95: float | None = None
    compared: Compared | None = field(default=None, repr=False, compare=False)

    def cut_at(self, cut: Cutoffs) -> Measured:
        """The same pairs parted elsewhere; the words stay those of the usual cut-offs."""
        if self.compared is None:
            return self
        pairs = parted(self.name, self.compared, cut)
        return replace(
            self,
            same=int(pairs.same.sum()),
            different=int(pairs.different.sum()),
            vacuous=int(pairs.vacuous.sum()),
            null_q05=pairs.low,
            null_q95=pairs.high,
        )


def _function(one: Read, other: Read) -> Measured:
    reason = _unlike_inputs(one, other) or _unlike_outputs(one, other)
    if reason:
        return Measured("function", reason, comparable=False)

    def apart(kind: Kind) -> Array:
        outputs = [np.array([n(side.X).ravel() for n in side.networks(kind)]) for side in (one, other)]
        squares = ((outputs[0][:, None] - outputs[1][None]) ** 2).mean(axis=2)
        return _pairs(squares, one is other)

    found = _counted("function", apart("solved"), apart("untrained"), one, other)
    bar = LOSSES_APART * one.settings.threshold
    return replace(
        found,
        about=f"median squared difference {found.median:.2g} against {bar:.2g} for two solved networks, untrained "
        f"pairs {found.null_q05:.2g} and more",
    )


def _against_untrained(name: RungName, measure: str, words: str) -> Callable[[Read, Read], Measured]:
    """A rung whose bar is what untrained networks reach."""

    def rung(one: Read, other: Read) -> Measured:
        reason = _unlike_inputs(one, other) or _no_layers(one, other)
        if reason:
            return Measured(name, reason, comparable=False)
        values, null = (
            _pairs(_best_over_images(one, other, kind, measure), one is other) for kind in _POPULATIONS
        )
        found = _counted(name, values, null, one, other)
        return replace(
            found,
            about=f"median {words} {found.median:.3g}, 90% of untrained pairs {found.null_q05:.3g} to "
            f"{found.null_q95:.3g}{_layers_compared(one, other)}",
        )

    return rung


def _features(one: Read, other: Read) -> Measured:
    if not one.depths[-1] or not other.depths[-1]:
        return Measured("features", "networks without a non-linear layer hold no features", comparable=False)
    named = _unlike_inputs(one, other) != ""

    def jaccard(kind: Kind) -> tuple[Array, npt.NDArray[np.bool_]]:
        """The index per pair, and where neither holds anything."""
        best = empty = None
        images = [one.group[0]] if named else _images(one, other)
        own_image, own_sets = one.group[0], []
        own_sets = one.labels(kind, own_image)
        for image in images:
            sets = other.labels(kind, other.group[0] if named else image)
            left, right = ([frozenset((n, ()) for n, _ in s) for s in side] if named else list(side)
                           for side in (own_sets, sets))  # fmt: skip
            known = sorted({label for labels in (*left, *right) for label in labels})
            index = {label: k for k, label in enumerate(known)}
            A, B = (_incidence(side, index) for side in (left, right))
            shared = A @ B.T
            union = A.sum(axis=1)[:, None] + B.sum(axis=1)[None] - shared
            value = np.where(union > 0, shared / np.maximum(union, 1.0), 0.0)
            best = value if best is None else np.maximum(best, value)
            empty = union == 0 if empty is None else empty & (union == 0)
        assert best is not None
        assert empty is not None
        return _pairs(best, one is other), _pairs(empty, one is other).astype(bool)

    (values, nothing), (null, _) = (jaccard(kind) for kind in _POPULATIONS)
    found = _counted("features", values, null, one, other, nothing)
    about = f"median Jaccard index {found.median:.3g}, 95% of untrained pairs up to {found.null_q95:.3g}"
    if nothing.mean() > 0.5:
        about += "; most pairs hold no feature of the catalogue at all"
    if named:
        about += "; compared by the features' names alone, since the inputs are others"
    return replace(found, about=about)


def _circuit(one: Read, other: Read) -> Measured:
    reason = _unlike_inputs(one, other) or _unlike_outputs(one, other) or _no_mechanism(one, other)
    if reason:
        return Measured("circuit", reason, comparable=False)
    compare: Callable[..., Array] = similarity_matrix if one.shallow else deep_similarities

    def best(first: Read, kind: Kind, second: Read, most: int | None = None) -> Array:
        """Of networks of the first with mirror images of the second's solved ones."""
        still = first.mechanisms(kind, first.group[0])
        scores = [
            compare(still, second.mechanisms("solved", image, most)) for image in _images(first, second)
        ]
        return np.asarray(np.max(scores, axis=0))

    values = _pairs(best(one, "solved", other), one is other)
    # Mirroring one side is as good as mirroring the other: the few solved networks are mirrored, not the lazy ones.
    sides = [(one, other)] if one is other else [(one, other), (other, one)]
    panels = [best(lazy, "lazy", solved, LAZY_PARTNERS).ravel() for lazy, solved in sides]
    null = np.concatenate(panels)
    found = _counted("circuit", values, null, one, other)
    about = f"median similarity {found.median:.3g}, 95% of lazy networks up to {found.null_q95:.3g}"
    if not one.shallow:
        about += "; the last layer and the effective edges into it are compared, the smaller counts"
    between = 1 - (found.same + found.different + found.vacuous) / found.pairs
    if between > 0:
        about += f"; {between:.0%} of the pairs lie between {OTHER_CIRCUIT:g} and {SAME_CIRCUIT:g}"
    return replace(found, about=about)


def _counted(
    name: RungName,
    values: Array,
    null: Array,
    one: Read,
    other: Read,
    empty: npt.NDArray[np.bool_] | None = None,
) -> Measured:
    """The pairs counted by the usual cut-offs, without words yet."""
    effective = len(one.solved) // 2 if one is other else min(len(one.solved), len(other.solved))
    none = np.zeros(len(values), dtype=bool)
    compared = Compared(values, null, none if empty is None else empty, one.settings.threshold)
    bare = Measured(
        name, "", pairs=len(values), effective=effective, median=float(np.median(values)), compared=compared
    )
    return bare.cut_at(Cutoffs())


def _best_over_images(one: Read, other: Read, kind: Kind, measure: str) -> Array:
    """The largest value over mirror images of the second side [m_a, m_b]: of the layer that is least alike."""
    matrix = cka_values if measure == "cka" else unit_values
    own = one.prepared(measure, kind, one.group[0])
    best: Array | None = None
    for image in _images(one, other):
        theirs = other.prepared(measure, kind, image)
        if one.depths == other.depths and len(one.depths) == 1:
            layers = range(one.depths[0])
            values = np.min([matrix([n[k] for n in own], [n[k] for n in theirs]) for k in layers], axis=0)
        else:
            values = matrix([n[-1] for n in own], [n[-1] for n in theirs])
        best = values if best is None else np.maximum(best, values)
    assert best is not None
    return best


def _pairs(matrix: npt.NDArray[Any], within: bool) -> Array:
    """All pairs of a matrix, or within one population those above the diagonal."""
    values = np.asarray(matrix, dtype=np.float64)
    return values[np.triu_indices(len(values), 1)] if within else values.ravel()


def _incidence(sets: Sequence[frozenset[Label]], index: dict[Label, int]) -> Array:
    table = np.zeros((len(sets), len(index)))
    for row, labels in enumerate(sets):
        table[row, [index[label] for label in labels]] = 1.0
    return table


def _images(one: Read, other: Read) -> list[Symmetry]:
    """The mirror images in which the second side is tried: products of both tasks' symmetries."""
    found: dict[Symmetry, None] = {}
    # As one's symmetries are a group, all their inverses are among them.
    for own in one.group:
        for theirs in other.group:
            found.setdefault(own.then(theirs))
    return list(found)


def _unlike_inputs(one: Read, other: Read) -> str:
    a, b = one.population, other.population
    if a.inputs != b.inputs:
        return f"{a.name} has {a.inputs} inputs and {b.name} {b.inputs}: there is no input that both see"
    if a.box != b.box:
        return (
            f"{a.name} lives on the box {a.box} and {b.name} on {b.box}: give both one box to compare them on"
        )
    return ""


def _unlike_outputs(one: Read, other: Read) -> str:
    a, b = one.population, other.population
    same = a.outputs == b.outputs
    return "" if same else f"{a.name} has {a.outputs} outputs and {b.name} {b.outputs}"


def _no_layers(one: Read, other: Read) -> str:
    bare = [side.population.name for side in (one, other) if side.depths[0] == 0]
    return f"{' and '.join(dict.fromkeys(bare))} holds networks without a non-linear layer" if bare else ""


def _no_mechanism(one: Read, other: Read) -> str:
    kinds = set()
    for side in (one, other):
        for network in side.solved:
            hidden, names = len(network.activations), set(network.activations)
            if hidden > 2 or (hidden == 2 and names != {"relu"}) or not names <= {"relu", "identity"}:
                return (
                    f"{network} of {side.population.name}: circuit similarity is defined for one or two hidden layers "
                    "of ReLU; compare recognised circuits"
                )
            kinds.add(hidden == 2)
    if len(kinds) > 1:
        return "networks of one and of two hidden layers have no edges in common; compare recognised circuits"
    return ""


def _layers_compared(one: Read, other: Read) -> str:
    if one.depths == other.depths == (1,):
        return ""
    if one.depths == other.depths and len(one.depths) == 1:
        return "; of the layers the least alike counts"
    return "; last hidden layers compared, since the depths differ"


MEASURED_RUNGS: dict[RungName, Callable[[Read, Read], Measured]] = {
    "function": _function,
    "subspace": _against_untrained("subspace", "cka", "unbiased CKA"),
    "units": _against_untrained("units", "units", "correlation of matched units"),
    "features": _features,
    "circuit": _circuit,
}
RUNGS = tuple(MEASURED_RUNGS)
