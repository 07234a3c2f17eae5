"""Feature: one known function with its name, definition and symmetry; Match: one that fits."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import BoxLike, as_box, check_inputs, comparison_points
from ..statistics.criteria import EQUAL
from .criteria import TRIALS
from .formulas import Formula
from .symmetry import Symmetry

if TYPE_CHECKING:
    pass

_ID = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Feature:
    """A known feature: a function of a few arguments that a neuron or a direction may hold.

    Attributes:
        id: `family/short-name`.
        formula: over the feature's own arguments `x1`, `x2`, ...
        definition: in words.
        arity: the number of arguments.
        aliases: other names that find it; tags: words that `search` finds it by; source: who described it.
        competes_as: the class of features that stand for one hypothesis when neurons are matched.
        symmetry: signed permutations of the arguments that leave the feature unchanged; generators are
            enough. Of those without signs all must be there, or one feature is bound twice.
        direction: weights of the one ReLU neuron that can hold it, or None.
        circuits: names of circuits that use it.

    Raises:
        InputError: where the id is no `family/short-name`, the arguments have gaps, or the direction or a
            symmetry disagrees with the formula.

    Examples:
        >>> from .catalogues import catalogue
        >>> f = catalogue["greaterness"]
        >>> f, f.name, f.family, f.arity, f.direction
        (Feature('greaterness', 'relu(x1 - x2)'), 'greaterness', 'order', 2, (1.0, -1.0))
        >>> f(np.array([[0.5, 0.25], [0.0, 1.0]])).tolist()
        [0.25, 0.0]
    """

    id: str
    formula: Formula
    definition: str
    arity: int
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    source: str = ""
    competes_as: str = "other"
    symmetry: tuple[Symmetry, ...] = ()
    direction: tuple[float, ...] | None = None
    circuits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise InputError(f"id {self.id!r}: write family/short-name in small letters, digits and hyphens")
        if not isinstance(self.formula, Formula):
            raise InputError(f"formula {self.formula!r} is not a Formula: make one with Formula(text)")
        expected = tuple(f"x{k + 1}" for k in range(len(self.formula.variables)))
        if self.formula.variables != expected or self.arity != len(expected):
            raise InputError(
                f"formula {self.formula.text!r} with arity {self.arity}: number its arguments x1, x2, ... "
                "without a gap, and give their number as the arity"
            )
        _check_symmetry(self)
        _check_direction(self)

    @property
    def name(self) -> str:
        """The short name."""
        return self.id.partition("/")[2]

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition("/")[0]

    def __call__(self, X: npt.ArrayLike, *, box: BoxLike = (-1.0, 1.0)) -> npt.NDArray[np.float64]:
        """The feature's values [n] at X [n, arity]; box: the arguments' own (thresholds depend on it)."""
        inputs = check_inputs(X, max(self.arity, 1) if self.arity else None)
        return np.asarray(self.formula(inputs, box=as_box(box, inputs.shape[1])), dtype=np.float64)

    def __repr__(self) -> str:
        return f"Feature({self.name!r}, {self.formula.text!r})"

    def _repr_html_(self) -> str:
        rows = [
            ("id", self.id),
            ("formula", self.formula.text),
            ("definition", self.definition),
            ("aliases", ", ".join(self.aliases)),
            ("tags", ", ".join(self.tags)),
            ("circuits", ", ".join(self.circuits)),
            ("source", self.source),
        ]
        cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows if v)
        return f"<table><caption>{html.escape(self.name)}</caption>{cells}</table>"


@dataclass(frozen=True)
class Match:
    """One feature that resembles a vector of values, a neuron or a direction.

    Attributes:
        feature: the catalogue's feature, on the arguments `on`.
        r: signed Pearson correlation, in [-1, 1].
        unexplained: 1 - r**2, in [0, 1].
        scale, offset: the least-squares fit `values = scale * feature + offset`.
        p: against untrained networks; None where no null was asked for (`identify`, `nearest`).

    Examples:
        >>> from .catalogues import catalogue
        >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 2))
        >>> catalogue.identify(3 * np.maximum(X[:, 0] - X[:, 1], 0) + 1, X)[0]
        Match('greaterness', x1, x2; r=1.0000, scale=3, offset=1)
    """

    feature: Feature
    on: tuple[str, ...]
    r: float
    unexplained: float
    scale: float
    offset: float
    p: float | None = None

    def __repr__(self) -> str:
        p = "" if self.p is None else f", p={self.p:.2g}"
        fit = f"r={self.r:.4f}, scale={self.scale:.3g}, offset={round(self.offset, 12) + 0.0:.3g}{p}"
        return f"Match({self.feature.name!r}, {', '.join(self.on)}; {fit})"

    def _repr_html_(self) -> str:
        rows = {
            "feature": f"{self.feature.name}({', '.join(self.on)})",
            "r": f"{self.r:.6f}",
            "unexplained": f"{self.unexplained:.3g}",
            "scale": f"{self.scale:.4g}",
            "offset": f"{self.offset:.4g}",
            "p": "no null was asked for" if self.p is None else f"{self.p:.3g}",
        }
        cells = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table>{cells}</table>"


def _check_symmetry(feature: Feature) -> None:
    if not feature.symmetry:
        return
    if any(len(s.permutation) != feature.arity for s in feature.symmetry):
        raise InputError(
            f"symmetry {[list(s.images) for s in feature.symmetry]}: give an image for each of the "
            f"{feature.arity} arguments"
        )
    X, values, size = _tried(feature)
    for s in feature.symmetry:
        if not np.allclose(values, feature(s(X)), atol=size, rtol=0):
            raise InputError(f"symmetry {list(s.images)} changes {feature.formula.text}: leave it out")


def _check_direction(feature: Feature) -> None:
    """One ReLU neuron with these weights, some bias and a positive read-out has the feature's values."""
    if feature.direction is None:
        return
    if len(feature.direction) != feature.arity:
        raise InputError(
            f"direction has {len(feature.direction)} weights for {feature.arity} arguments: give one each"
        )
    X, values, size = _tried(feature)
    along = X @ np.array(feature.direction)
    on = values > size
    held = int(on.sum()) > 2 and float(values.min()) >= -size
    if held:
        slope, bias = np.polyfit(along[on], values[on], 1) if np.ptp(along[on]) > 0 else (0.0, 0.0)
        held = slope > 0 and np.allclose(
            np.maximum(slope * along + bias, 0.0), values, atol=100 * size, rtol=0
        )
    if not held:
        raise InputError(
            f"direction {list(feature.direction)}: no ReLU neuron with these weights has the values of "
            f"{feature.formula.text}; correct it, or leave it out"
        )


def _tried(feature: Feature) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Random points, the feature's values there, and what is rounding in them."""
    X = comparison_points(as_box((-1.0, 1.0), feature.arity), TRIALS)
    values = feature(X)
    if not np.isfinite(values).all():
        raise InputError(f"formula {feature.formula.text}: it is infinite or NaN on the box (-1, 1)")
    # Rounding is far below this share of the largest value, a wrong symmetry or direction far above.
    return X, values, EQUAL * max(1.0, float(np.abs(values).max()))
