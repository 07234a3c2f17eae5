"""Features on their arguments: every choice of inputs that a catalogue feature can be a function of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import perm
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .box import Box
from .formulas import Formula

if TYPE_CHECKING:
    from .entries import Feature

#: A feature whose choices of arguments outnumber this is left out, by name. At 4096 neurons and 10 000 rows
#: a table of 2 000 features is about a second of matrix product; 90 inputs have 8 010 ordered pairs.
MAX_CHOICES = 20_000


@dataclass(frozen=True)
class BoundFeature:
    """A catalogue feature on a choice of arguments.

    Attributes:
        feature: the catalogue's entry.
        on: the arguments as texts, e.g. `("x2", "x1")` or `("min(x1, x2)",)`.
        formula: the whole as a formula of the inputs.
        box: the inputs' box.
        competes_as: the class in which it competes (see `matching`).

    Examples:
        >>> from .entries import catalogue
        >>> [b.label for b in catalogue.bind(2) if b.feature.name == "greaterness"]
        ['greaterness(x1, x2)', 'greaterness(x2, x1)']
    """

    feature: Feature
    on: tuple[str, ...]
    formula: Formula
    box: Box
    competes_as: str

    @property
    def label(self) -> str:
        """Name and arguments as one text."""
        return f"{self.feature.name}({', '.join(self.on)})"

    def values(self, X: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The values [n] at inputs X [n, d]."""
        first = self.formula.variables[:1]
        # low and high are the bounds of the first argument's own box.
        at = int(first[0][1:]) - 1 if first else 0
        low, high = self.box[at]
        columns = {name: X[:, int(name[1:]) - 1] for name in self.formula.variables}
        return np.asarray(self.formula.evaluate(columns, X[:, 0], low, high), dtype=np.float64)

    def __repr__(self) -> str:
        return f"BoundFeature({self.label})"


@dataclass(frozen=True)
class Binding:
    """The features that were bound, and the names of those left out because they have too many arguments."""

    features: tuple[BoundFeature, ...]
    skipped: tuple[str, ...]


def bind(features: Sequence[Feature], inputs: int, box: Box, *, depth: int = 1, limit: int = MAX_CHOICES) -> Binding:
    """Every feature on every choice of its arguments, one for each orbit of its symmetries.

    Args:
        features: catalogue entries.
        inputs: the number of inputs d.
        box: one (low, high) pair per input.
        depth: 1 for features of the inputs; 2 adds positive parts of minima and maxima, which a second
            layer can hold (`positiveness(min(x1, x2))`, `greaterness(min(x1, x2), min(x3, x4))`).
            The search is bounded there: arguments are minima and maxima of two inputs, and the two
            arguments of a composed greaterness are of one kind and share no input.
        limit: a feature with more choices of arguments than this is left out and named.

    Examples:
        >>> from .entries import catalogue
        >>> entries = tuple(catalogue.values())
        >>> [len(bind(entries, d, ((-1.0, 1.0),) * d).features) for d in (1, 2, 3)]
        [33, 82, 152]
        >>> bind(entries, 300, ((-1.0, 1.0),) * 300).skipped[:2]
        ('greaterness', 'positive-sum')
    """
    bound: list[BoundFeature] = []
    skipped: list[str] = []
    for feature in features:
        if feature.arity > inputs:
            continue
        # The number of orbits is the number of ordered choices over the number of permutations among the symmetries.
        if perm(inputs, feature.arity) / (1 + len(_permutations(feature))) > limit:
            skipped.append(feature.name)
            continue
        for columns in _choices(feature, inputs):
            on = tuple(f"x{c + 1}" for c in columns)
            formula = feature.formula.substitute({f"x{k + 1}": Formula(v) for k, v in enumerate(on)})
            bound.append(BoundFeature(feature, on, formula, box, feature.competes_as))
    if depth > 1:
        bound.extend(_composed(features, inputs, box, limit))
    return Binding(tuple(bound), tuple(skipped))


def _permutations(feature: Feature) -> set[tuple[int, ...]]:
    """The non-trivial argument orders that leave the feature unchanged."""
    identity = tuple(range(feature.arity))
    plain = [s.permutation for s in feature.symmetry if all(sign > 0 for sign in s.signs)]
    found, frontier = {identity}, [identity]
    while frontier:
        frontier = [
            order
            for base in frontier
            for p in plain
            if (order := tuple(base[k] for k in p)) not in found and not found.add(order)  # type: ignore[func-returns-value]
        ]
    return found - {identity}


def _choices(feature: Feature, inputs: int) -> Iterable[tuple[int, ...]]:
    orders = _permutations(feature)
    for columns in itertools.permutations(range(inputs), feature.arity):
        if all(columns <= tuple(columns[k] for k in order) for order in orders):
            yield columns


def _composed(features: Sequence[Feature], inputs: int, box: Box, limit: int) -> list[BoundFeature]:
    by_name = {feature.name: feature for feature in features}
    pairs = list(itertools.combinations(range(inputs), 2))
    found: list[BoundFeature] = []

    def add(name: str, on: tuple[str, ...]) -> None:
        feature = by_name.get(name)
        if feature is not None:
            formula = feature.formula.substitute({f"x{k + 1}": Formula(text) for k, text in enumerate(on)})
            found.append(BoundFeature(feature, on, formula, box, "composed"))

    if 4 * len(pairs) > limit:
        return []
    for kind in ("min", "max"):
        texts = {pair: f"{kind}(x{pair[0] + 1}, x{pair[1] + 1})" for pair in pairs}
        for text in texts.values():
            add("positiveness", (text,))
            add("negativeness", (text,))
        if len(pairs) ** 2 <= limit:
            for first, second in itertools.permutations(pairs, 2):
                if not set(first) & set(second):
                    add("greaterness", (texts[first], texts[second]))
    return found
