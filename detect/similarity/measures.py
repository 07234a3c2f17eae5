"""How a similarity is measured: one record, one policy for what carries no information, one null.

Each measure compares `X [n, d_x]` with `Y [n, d_y]`, activations of two layers on *the same* n inputs (rows),
in two steps: what needs one layer only (`Measure.prepare`), computed once however many partners the layer
meets, and what needs both (`Measure.compare`).

The policy for what carries no information:

- A unit that is constant over the rows (dead ones are) is left out before anything is measured, and counted
  in `n_dead_x`, `n_dead_y`. So padding a layer with dead units changes nothing.
- Data that leave a measure undefined (no live unit, all rows equally far apart) give the measure's value for
  "nothing in common" where that holds for one side, and for "the same" where it holds for both (as circuit
  similarity does), with the reason in `flags`. NaN is never returned; NaN in the data is an error.
- Fewer rows than the measure needs (n < 10 d for CCA and in-sample R2) are flagged.

Both sides have to be the same inputs, row by row. Where they say which inputs those were (`acts.at(hook)`, or
Activations with one hidden layer), that is checked by a hash of the inputs; plain arrays do not know, and only
their number of rows is checked.

The null is drawn on request. `null="rows"` shuffles the rows of Y: are the rows related at all? A sequence of
pairs `(X0, Y0)` of untrained activations of the same shapes asks the stronger question: are they more alike
than networks that learned nothing but saw the same inputs? `p = (1 + #{null at least as close}) / (1 +
draws)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.architecture import hook_post
from ..networks.network import Activations, LayerActivations
from ..statistics.criteria import ROUNDING

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
#: A layer: an array [n, units], `acts.at(hook)`, or Activations with a single hidden layer.
LayerLike = npt.ArrayLike | LayerActivations | Activations
#: `"rows"`, or pairs (X0 [n, d_x], Y0 [n, d_y]) from untrained networks, or None for no null.
Null = Literal["rows"] | Sequence[tuple[LayerLike, LayerLike]] | npt.NDArray[np.floating] | None

#: Below ten rows a unit, CCA and R2 are mostly overfit (independent data reach 0.5 and more).
ROWS_PER_UNIT = 10
#: With fewer null draws than this no result can reach p = 0.05.
FEWEST_DRAWS = 19


@dataclass(frozen=True)
class Similarity:
    """What a measure found between two layers, with its null beside it.

    Attributes:
        measure: name of the measure with its options.
        value: the measure's own units: at most 1 for a similarity, radians for an angle (then smaller is
            closer).
        n, d_x, d_y: rows, and units of either side (dead ones included).
        n_dead_x, n_dead_y: units that are constant over the rows and were left out.
        null: `"rows"`, `"untrained"` or None; `draws` says how many.
        null_mean: mean of the null draws; None without a null.
        null_q95: the level that the closest 5% of the null draws pass: their 95% quantile, or for an angle
            the 5% quantile.
        p: chance, under the null, of a value at least as close; None without a null.
        flags: what is wrong with reading the value plainly, in words; empty where nothing is.

    Examples:
        >>> from .representations import cka
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(50, 3))
        >>> cka(X, 2 * X + 1)
        Similarity(cka=1, n=50, 3 x 3 units)
        >>> round(float(cka(X, X @ [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])), 9)
        1.0
    """

    measure: str
    value: float
    n: int
    d_x: int
    d_y: int
    n_dead_x: int = 0
    n_dead_y: int = 0
    null: str | None = None
    draws: int = 0
    null_mean: float | None = None
    null_q95: float | None = None
    p: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether anything is wrong with reading the value plainly; `flags` says what."""
        return bool(self.flags)

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        p = "" if self.p is None else f", p={self.p:.3g}"
        flagged = ", flagged" if self.flagged else ""
        size = f"n={self.n}, {self.d_x} x {self.d_y} units"
        return f"{type(self).__name__}({self.measure}={self.value:.6g}{p}, {size}{flagged})"

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain Python values, `flagged` included, for a table or JSON."""
        record = {field.name: getattr(self, field.name) for field in fields(Similarity)}
        return record | {"flags": list(self.flags), "flagged": self.flagged}

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>"
            for name, value in self.to_dict().items()
        )
        return f"<table>{rows}</table>"


@dataclass(frozen=True)
class LiveUnits:
    """Checked activations: the live units as float64, scaled to a largest value of 1 in size.

    Attributes:
        values: [n, live], raw values divided by `scale`.
        centred: the same, each unit's mean taken off.
        scale: what `values` were divided by, so that squares neither overflow nor vanish.
        live: indices of the units that are not constant.
        d: number of units, dead ones included.
        eps: relative rounding of the array as it was given (float32 activations are no better than that).
        inputs_id: a hash of the inputs, or "" for a plain array, which does not carry it.
    """

    values: Array
    centred: Array
    scale: float
    live: Index
    d: int
    eps: float
    inputs_id: str = ""

    @property
    def dead(self) -> int:
        """The number of units that are constant over the rows."""
        return self.d - len(self.live)


@dataclass(frozen=True)
class Prepared:
    """The part of a measure that needs one layer only, computed once however many partners it meets.

    Attributes:
        rows: arrays whose first axis is the inputs.
        table: an [n, n] array (or sparse matrix) over pairs of inputs, or None.
        scalars: what does not depend on the order of the rows.
        layer: where it comes from.
        empty: why there is nothing to measure, or "".
        notes: flags that this side brings along.
    """

    layer: LiveUnits
    rows: tuple[Array, ...] = ()
    table: Any = None
    scalars: tuple[float, ...] = ()
    empty: str = ""
    notes: tuple[str, ...] = ()

    def shuffled(self, order: Index) -> Prepared:
        """The same layer with its inputs in another order."""
        table = None if self.table is None else self.table[order][:, order]
        rows = tuple(array[order] for array in self.rows)
        return Prepared(self.layer, rows, table, self.scalars, self.empty, self.notes)


@dataclass(frozen=True)
class Measure:
    """A measure as two steps, so that all pairs of many layers share the first one.

    Attributes:
        name: what the result is called, options included.
        prepare: what needs one layer only.
        compare: the value for two prepared layers.
        same, different: the values for equal layers and for layers with nothing in common.
        fewest: rows that the formula needs.
        crowded: given both sides, the number of units that n has to exceed tenfold, or 0.
    """

    name: str
    prepare: Callable[[LiveUnits], Prepared]
    compare: Callable[[Prepared, Prepared], float]
    same: float = 1.0
    different: float = 0.0
    fewest: int = 2
    crowded: Callable[[Prepared, Prepared], int] = lambda _x, _y: 0

    def ready(self, X: LayerLike, name: str = "X") -> Prepared:
        """Check one layer and do the part of the work that needs no partner."""
        layer = check_layer(X, name)
        if len(layer.values) < self.fewest:
            raise InputError(
                f"{name} has {len(layer.values)} rows: {self.name} needs at least {self.fewest}, record more"
            )
        if not len(layer.live):
            return Prepared(layer, empty="no live unit")
        return self.prepare(layer)

    def value(self, x: Prepared, y: Prepared) -> float:
        """The value for two prepared layers, by the module's policy where it is undefined."""
        if x.empty or y.empty:
            return self.same if x.empty and y.empty else self.different
        return float(self.compare(x, y))

    def close(self, value: Array | float, than: float) -> npt.NDArray[np.bool_]:
        """Whether values are at least as close as another, ties by rounding included."""
        sign = 1.0 if self.same > self.different else -1.0
        return np.asarray(sign * np.asarray(value) >= sign * than - ROUNDING)

    def flags(self, x: Prepared, y: Prepared) -> tuple[str, ...]:
        """What limits the interpretation of the value."""
        found = [
            f"{side}: {note}"
            for side, part in (("X", x), ("Y", y))
            for note in (part.empty, *part.notes)
            if note
        ]
        n, units = len(x.layer.values), 0 if x.empty or y.empty else self.crowded(x, y)
        if n < ROWS_PER_UNIT * units:
            found.append(f"{n} rows for {units} units: {self.name} needs {ROWS_PER_UNIT * units}")
        return tuple(found)


def evaluate(
    measure: Measure,
    X: LayerLike,
    Y: LayerLike,
    *,
    null: Null = None,
    draws: int = 199,
    seed: int = 0,
) -> Similarity:
    """Any `Measure` between two layers, with its null if asked for.

    Raises:
        InputError: for arrays that are not two-dimensional, finite and of equal n, and for an unusable null.

    Examples:
        >>> from .representations import cca_measure
        >>> X = np.random.default_rng(0).normal(size=(30, 2))
        >>> evaluate(cca_measure(), X, X, null="rows", draws=99).p
        0.01
    """
    x, y = measure.ready(X, "X"), measure.ready(Y, "Y")
    n = len(x.layer.values)
    check_same_inputs({"X": x.layer, "Y": y.layer})
    value = measure.value(x, y)
    flags = measure.flags(x, y)
    nulls = null_values(measure, x, y, null, draws, seed)
    sizes = (n, x.layer.d, y.layer.d, x.layer.dead, y.layer.dead)
    if nulls is None:
        return Similarity(measure.name, value, *sizes, flags=flags)
    if len(nulls) < FEWEST_DRAWS:
        flags = (*flags, f"only {len(nulls)} null draws: p cannot be below {1 / (1 + len(nulls)):.2g}")
    return Similarity(
        measure.name,
        value,
        *sizes,
        null="rows" if isinstance(null, str) else "untrained",
        draws=len(nulls),
        null_mean=float(nulls.mean()),
        null_q95=float(np.quantile(nulls, 0.95 if measure.same > measure.different else 0.05)),
        p=float((1 + measure.close(nulls, value).sum()) / (1 + len(nulls))),
        flags=flags,
    )


def null_values(
    measure: Measure, x: Prepared, y: Prepared, null: Null, draws: int, seed: int
) -> Array | None:
    """The values [draws] that the null gives, or None where no null is asked for.

    Raises:
        InputError: for a null that is neither None, `"rows"` nor a sequence of fitting pairs.
    """
    if null is None:
        return None
    if isinstance(null, str):
        if null != "rows":
            raise InputError(f'null {null!r}: give "rows", or pairs (X0, Y0) of untrained activations')
        if draws < 1:
            raise InputError(
                f"{draws} null draws: give at least {FEWEST_DRAWS}, the fewest that can reach p = 0.05"
            )
        rng, n = np.random.default_rng(seed), len(x.layer.values)
        return np.array([measure.value(x, y.shuffled(rng.permutation(n))) for _ in range(draws)])
    values = []
    for number, pair in enumerate(null):
        try:
            first, second = pair
        except (TypeError, ValueError):
            raise InputError(
                f"null[{number}] is not a pair: give (X0 [n, d_x], Y0 [n, d_y]) for each draw"
            ) from None
        x0, y0 = measure.ready(first, f"null[{number}][0]"), measure.ready(second, f"null[{number}][1]")
        check_same_inputs(
            {"X": x.layer, f"null[{number}][0]": x0.layer, f"null[{number}][1]": y0.layer}, rows=False
        )
        for side, real, drawn in (("X", x, x0), ("Y", y, y0)):
            wanted, got = (len(real.layer.values), real.layer.d), (len(drawn.layer.values), drawn.layer.d)
            if wanted != got:
                raise InputError(
                    f"null[{number}] has shape {got} where {side} has {wanted}: "
                    "a null level holds only for the same inputs and widths"
                )
        values.append(measure.value(x0, y0))
    if not values:
        raise InputError("null holds no pair: give at least one (X0, Y0), or None for no null")
    return np.array(values)


def check_same_inputs(layers: Mapping[str, LiveUnits], *, rows: bool = True) -> None:
    """Raise unless all layers have as many rows, and those that know their inputs the same ones.

    Args:
        layers: by the name that a message calls them.
        rows: whether to compare the numbers of rows too.

    Raises:
        InputError: where two of them differ.
    """
    (first, one), *others = layers.items()
    for name, other in others:
        if rows and len(other.values) != len(one.values):
            raise InputError(
                f"{first} has {len(one.values)} rows and {name} {len(other.values)}: "
                "record both on the same inputs, in the same order"
            )
    known = [(name, layer.inputs_id) for name, layer in layers.items() if layer.inputs_id]
    for name, identity in known[1:]:
        if identity != known[0][1]:
            raise InputError(
                f"{known[0][0]} was recorded on inputs {known[0][1]} and {name} on inputs {identity}: both sides "
                "must be the same inputs in the same order, so record both networks on one array X"
            )


def _named(X: LayerLike, name: str) -> tuple[npt.ArrayLike, str]:
    """The values and the identity of their inputs, "" for a plain array."""
    if isinstance(X, Activations):
        if len(X.blocks) != 1:
            layers = ", ".join(hook_post(block) for block in X.blocks) or "none"
            raise InputError(
                f"{name} holds {len(X.blocks)} hidden layers ({layers}): say which one, e.g. "
                f"activations.at({hook_post(X.blocks[0] if X.blocks else 0)!r})"
            )
        X = X.at(hook_post(X.blocks[0]))
    if isinstance(X, LayerActivations):
        return X.values, X.inputs_id
    return X, ""


def check_layer(X: LayerLike, name: str = "X") -> LiveUnits:
    """Activations as a `LiveUnits`: two-dimensional, finite, at least two rows and one unit.

    A unit is constant, and so left out, where its range is within 64 roundings of its largest value.

    Raises:
        InputError: for anything else.

    Examples:
        >>> layer = check_layer([[0.0, 1.0], [0.0, 3.0]])
        >>> layer.live.tolist(), layer.dead, layer.centred.ravel().round(3).tolist()
        ([1], 1, [-0.333, 0.333])
    """
    array, inputs_id = _named(X, name)
    given = np.asarray(array)
    if given.dtype.kind not in "fiub":
        raise InputError(f"{name} holds {given.dtype} values: give real numbers [n, units]")
    if given.ndim != 2:
        remedy = "reshape(-1, 1) makes one unit of a vector" if given.ndim == 1 else "one row per input"
        raise InputError(f"{name} has shape {given.shape}: expected two axes [n, units]; {remedy}")
    n, d = given.shape
    if d == 0:
        raise InputError(f"{name} has no units (shape {given.shape}): there is nothing to compare")
    if n < 2:
        raise InputError(f"{name} has {n} rows: a comparison needs at least two inputs")
    values = given.astype(np.float64)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise InputError(
            f"{name} holds {bad} NaN or infinite values: drop those inputs, or look why they diverge"
        )
    eps = float(np.finfo(given.dtype).eps) if given.dtype.kind == "f" else float(np.finfo(np.float64).eps)
    largest = np.abs(values).max(axis=0)
    live = np.flatnonzero(values.max(axis=0) - values.min(axis=0) > 64 * eps * largest)
    scale = float(largest[live].max()) if len(live) else 1.0
    values = values[:, live] / scale
    return LiveUnits(values, values - values.mean(axis=0), scale, live, d, eps, inputs_id)


def _shown(value: object) -> str:
    return (
        f"{value:.6g}"
        if isinstance(value, float)
        else "; ".join(value)
        if isinstance(value, list)
        else str(value)
    )
