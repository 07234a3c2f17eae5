"""Features on their arguments: every choice of inputs that a catalogue feature can be a function of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import perm
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..networks.box import Box, comparison_points
from .criteria import TRIALS
from .formulas import Formula
from .grammar import column_of
from .symmetry import spanned

if TYPE_CHECKING:
    from .feature import Feature


#: A feature whose choices of arguments outnumber this is left out, by name. At 4096 neurons and 10 000 rows
#: a table of 2 000 features is about a second of matrix product; 90 inputs have 8 010 ordered pairs.
MAX_CHOICES = 20_000
#: Of the corners of a feature's own box no more than this are tried: all of them up to ten arguments.
MAX_CORNERS = 1024


@dataclass(frozen=True)
class BoundFeature:
    """A catalogue feature on a choice of arguments.

    Attributes:
        feature: the catalogue's entry.
        on: the arguments as texts, e.g. `("x2", "x1")` or `("min(x1, x2)",)`.
        formula: the whole as a formula of the inputs.
        box: the inputs' box.
        competes_as: the class in which it competes (see `matching/neurons.py`).

    Examples:
        >>> from .catalogues import catalogue
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
        """The values [n] at inputs X [n, d]; infinite or NaN where the formula has no value there."""
        low, high = self.box[self._first]
        columns = {name: X[:, column_of(name)] for name in self.formula.variables}
        return np.asarray(self.formula.evaluate(columns, X[:, 0], low, high), dtype=np.float64)

    @cached_property
    def _first(self) -> int:
        """The input whose box gives `low` and `high`: the first argument, or the first input inside it."""
        inside = Formula(self.on[0]).variables if self.on else ()
        return int(inside[0][1:]) - 1 if inside else 0

    def __repr__(self) -> str:
        return f"BoundFeature({self.label})"


@dataclass(frozen=True)
class Binding:
    """What `bind` found.

    Attributes:
        features: the features on their arguments, in the catalogue's order.
        skipped: names of those left out because they have too many choices of arguments.
        infinite: names of those left out because they are infinite or NaN somewhere on the box, or so large that
            their square is.
    """

    features: tuple[BoundFeature, ...]
    skipped: tuple[str, ...]
    infinite: tuple[str, ...] = ()


def bind(
    features: Sequence[Feature], inputs: int, box: Box, *, depth: int = 1, limit: int = MAX_CHOICES
) -> Binding:
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
        >>> from .catalogues import catalogue
        >>> entries = tuple(catalogue.values())
        >>> [len(bind(entries, d, ((-1.0, 1.0),) * d).features) for d in (1, 2, 3)]
        [33, 82, 152]
        >>> bind(entries, 300, ((-1.0, 1.0),) * 300).skipped[:2]
        ('greaterness', 'positive-sum')
    """
    bound: list[BoundFeature] = []
    skipped: list[str] = []
    infinite: dict[str, None] = {}
    named = {f"x{c + 1}": Formula(f"x{c + 1}") for c in range(inputs)}
    for feature in features:
        if feature.arity > inputs:
            continue
        # There are as many orbits as ordered choices over orders that leave the feature unchanged.
        orders = _permutations(feature)
        if perm(inputs, feature.arity) / (1 + len(orders)) > limit:
            skipped.append(feature.name)
            continue
        for columns in _choices(feature.arity, inputs, orders):
            if not finite_on(feature.formula, tuple(box[c] for c in columns)):
                infinite.setdefault(feature.name)
                continue
            on = tuple(f"x{c + 1}" for c in columns)
            formula = feature.formula.substitute({f"x{k + 1}": named[v] for k, v in enumerate(on)})
            bound.append(BoundFeature(feature, on, formula, box, feature.competes_as))
    if depth > 1:
        composed = _composed(features, inputs, box, limit)
        bound.extend(composed.features)
        skipped.extend(composed.skipped)
    return Binding(tuple(bound), tuple(skipped), tuple(infinite))


@lru_cache(maxsize=4096)
def finite_on(formula: Formula, box: Box) -> bool:
    """Whether a formula, and its square, is finite at the corners of its arguments' box and at points inside.

    The corners, since what grows without a bound overflows there first. What is infinite at single points alone, as
    1/x1 is at 0, passes: it is refused by the inputs that meet such a point.

    Args:
        formula: of arguments x1, x2, ...
        box: one (low, high) pair per argument.

    Examples:
        >>> unit = ((-1.0, 1.0),)
        >>> [finite_on(Formula(text), unit) for text in ("exp(x1)", "exp(1000*x1)", "1/(x1 + 1)", "1/x1")]
        [True, False, False, True]
    """
    box = box or ((-1.0, 1.0),)  # a constant takes one input, and does not look at it
    tried = list(itertools.islice(itertools.product(*box), MAX_CORNERS))
    corners = np.array(tried, dtype=float).reshape(len(tried), len(box))
    X = np.concatenate([corners, comparison_points(box, TRIALS)])
    with np.errstate(all="ignore"):
        values = np.asarray(formula(X, box=box), dtype=np.float64)
        return bool(np.isfinite(values * values).all())


def _permutations(feature: Feature) -> set[tuple[int, ...]]:
    """The non-trivial argument orders that leave the feature unchanged."""
    # The whole group first: two symmetries with signs can make one without.
    group = spanned(feature.symmetry, feature.arity)
    return {s.permutation for s in group if all(sign > 0 for sign in s.signs)}


def _choices(arity: int, inputs: int, orders: set[tuple[int, ...]]) -> Iterable[tuple[int, ...]]:
    """The first choice of arguments, in counting order, of each orbit."""
    for columns in itertools.permutations(range(inputs), arity):
        if all(columns <= tuple(columns[k] for k in order) for order in orders):
            yield columns


def _composed(features: Sequence[Feature], inputs: int, box: Box, limit: int) -> Binding:
    """Positive parts of minima and maxima of two inputs, and differences of two of them."""
    by_name = {feature.name: feature for feature in features}
    pairs = list(itertools.combinations(range(inputs), 2))
    found: list[BoundFeature] = []
    # Two kinds of two features each; differences take two pairs, and so are too many first.
    counts = {"positiveness": 4 * len(pairs), "negativeness": 4 * len(pairs), "greaterness": len(pairs) ** 2}
    few = {name for name, count in counts.items() if name in by_name and count <= limit}
    for kind in ("min", "max"):
        texts = {pair: f"{kind}(x{pair[0] + 1}, x{pair[1] + 1})" for pair in pairs}
        formulas = {text: Formula(text) for text in texts.values()} if few else {}
        choices: list[tuple[str, tuple[str, ...]]] = [
            (name, (text,)) for text in formulas for name in ("positiveness", "negativeness")
        ]
        if "greaterness" in few:
            choices += [
                ("greaterness", (texts[first], texts[second]))
                for first, second in itertools.permutations(pairs, 2)
                if not set(first) & set(second)
            ]
        for name, on in choices:
            if name in few:
                feature = by_name[name]
                replacements = {f"x{k + 1}": formulas[text] for k, text in enumerate(on)}
                formula = feature.formula.substitute(replacements)
                found.append(BoundFeature(feature, on, formula, box, "composed"))
    left_out = (f"{name} of minima and maxima" for name in counts if name in by_name and name not in few)
    return Binding(tuple(found), tuple(left_out))


#: A feature's short name and its arguments, e.g. `("greaterness", ("x1", "x2"))`.
Label = tuple[str, tuple[str, ...]]


def label_text(label: Label) -> str:
    """The label as one text.

    Examples:
        >>> label_text(("greaterness", ("x1", "x2")))
        'greaterness(x1, x2)'
    """
    name, on = label
    return f"{name}({', '.join(on)})"
