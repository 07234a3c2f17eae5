"""The atom form: a ReLU network of any depth as affine terms and nested absolute values, its constants simple.

relu(z) = (z + |z|) / 2. So a first layer is a set of *atoms* |z| with z affine in the inputs; the
pre-activations of the second are affine in the inputs and those atoms and make atoms of their own, and so on;
every output is a row over (1, inputs, atoms). What the choice of neurons adds goes by itself: neurons on one
hyperplane share an atom, a pair relu(z) - relu(-z) = z has none, however oblique z is.

A form with *simple* constants is looked for from below. For one largest denominator at a time, each neuron's
row is rounded to such rationals (several nearly coincident kinks of a wide trained network become one so);
deeper rows and the outputs are then fitted to the network's own values on a fixed sample, one atom at a time
(orthogonal least squares: Chen, Billings and Luo, Orthogonal least squares methods and their application to
non-linear system identification, 1989), and their coefficients replaced by the simplest rationals that the
tolerance allows. The sample proposes; what holds on the box is certified by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from ..exact.piecewise import PiecewiseLinear, composes, from_network
from ..features.rationals import (
    DENOMINATORS,
    LARGEST_DENOMINATOR,
    LARGEST_IN_FORM,
    nearest_fractions,
    saved_bits,
    shortest_decimal,
    simplest_fraction,
)
from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import clip_range
from ..statistics.criteria import ROUNDING
from .criteria import MISSES, SPANNED

Array = npt.NDArray[np.float64]
#: A row over (1, inputs, atoms): the constant under -1, input k under k, atom j under d + j.
Row = dict[int, Fraction]
#: Rows [h, k] over keys -> rows of simple constants, None where only a constant is left.
Rounding = Callable[[Array, Sequence[int]], list["Row | None"]]

#: Points of the sample, beside the corners: a kink that makes a difference over 1% of the box is seen by five.
POINTS = 512
#: Corners of a box of more inputs are too many to visit.
_MOST_CORNERS = 8
#: A row may be rounded by this much of its size; farther off it is another kink.
_FARTHEST = 0.1
#: More atoms than this in one row are no formula that anybody reads.
MOST_ATOMS = 12
#: A form with fitted constants has no more atoms: any smooth curve is a few dozen of them.
MOST_FITTED_ATOMS = 4
#: Digits that the kinks of a form with decimal constants are rounded to, fewest first.
_DIGITS = (1, 2, 3, 4)
#: How often the slack for decimals is: to a part in 10^9, where a short decimal shows that it is exact.
_DECIMAL_HALVINGS = 30
#: How often the slack for the coefficients is halved: from the tolerance to a thousandth of it.
_HALVINGS = 10


@dataclass(frozen=True, eq=False)
class Sketch:
    """One output as a row over the inputs and the atoms, and how far it is off on the sample.

    Attributes:
        row: the row.
        error: the largest error on the sample, in the output's units.
    """

    row: Row
    error: float


@dataclass(eq=False)
class Atoms:
    """A growing table of atoms |z| with their values on a sample of the box.

    Attributes:
        inputs: d.
        sample: [n, d].
        rows: the row of z for each atom, its largest coefficient of an input or atom 1.
        values: |z| on the sample, [n] each.
    """

    inputs: int
    sample: Array
    rows: list[Row] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    _known: dict[tuple[tuple[int, Fraction], ...], int] = field(default_factory=dict)

    def add(self, row: Row) -> int | None:
        """The number of the atom on that row up to its scale, new or known; None for a constant row."""
        movable = [abs(value) for key, value in row.items() if key >= 0 and value]
        if not movable:
            return None
        row = {key: value for key, value in sorted(row.items()) if value}
        lead = next(value for key, value in row.items() if key >= 0)
        scale = max(movable) * (1 if lead > 0 else -1)
        row = {key: value / scale for key, value in row.items()}
        key = tuple(row.items())
        if key not in self._known:
            self._known[key] = len(self.rows)
            self.values.append(np.abs(self.evaluate(row)))
            self.rows.append(row)
        return self._known[key]

    def evaluate(self, row: Row) -> Array:
        """The row's values [n] on the sample."""
        total: Array = np.zeros(len(self.sample))
        for key, value in row.items():
            total = total + float(value) * self.column(key)
        return total

    def column(self, key: int) -> Array:
        """The values [n] that a key of a row stands for."""
        if key < 0:
            return np.ones(len(self.sample))
        d = self.inputs
        return np.asarray(self.sample[:, key]) if key < d else self.values[key - d]


def draw_sample(box: Box) -> Array:
    """The points [n, d] at which forms are tried: a Kronecker sequence and, up to eight inputs, the corners.

    The sequence's steps are powers of the generalised golden ratio, which spreads them evenly in any
    dimension (Roberts, The unreasonable effectiveness of quasirandom sequences, 2018).

    Examples:
        >>> draw_sample(((0.0, 1.0), (-1.0, 1.0)))[-4:].tolist()
        [[0.0, -1.0], [0.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    d = len(box)
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (d + 1))
    steps = ratio ** -np.arange(1.0, d + 1)
    unit = (0.5 + np.arange(1, POINTS + 1)[:, None] * steps) % 1.0
    low, high = np.array(box).T
    points = low + unit * (high - low)
    if d <= _MOST_CORNERS:
        points = np.concatenate([points, np.array(list(product(*box)))])
    return np.asarray(points)


def sketches(
    network: Network, table: Atoms, targets: Array, tolerances: Array
) -> Iterator[list[list[Sketch]]]:
    """Forms of the network per output, by the atoms they use; again and again, with ever finer constants.

    The constants are fractions.

    Args:
        network: one that `has_kinks`.
        table: takes the atoms.
        targets: the network's values [n, out] on the table's sample.
        tolerances: [out], how far each output may be off, in its units.
    """
    constant = has_constant(network)
    for pool in _pools(network, table, [_fractions(most) for most in DENOMINATORS]):
        yield [
            _sketch_all(table, pool, target, float(tolerance), constant)
            for target, tolerance in zip(targets.T, tolerances, strict=True)
        ]


def decimal_sketches(
    network: Network, table: Atoms, targets: Array, tolerances: Array
) -> Iterator[list[list[Sketch]]]:
    """As `sketches`, with decimals of as few digits as the tolerance allows, and of few atoms."""
    constant = has_constant(network)
    reach = np.abs(table.sample).max(axis=0)
    roundings = [_fractions(1), _fractions(LARGEST_DENOMINATOR), *(_decimals(k, reach) for k in _DIGITS)]
    for pool in _pools(network, table, roundings):
        yield [
            [
                sketch
                for chosen, _ in _paths(
                    table, pool, target, float(tolerance) / 4, MOST_FITTED_ATOMS, constant
                )
                for sketch in _in_decimals(
                    table, [pool[j] for j in chosen], target, float(tolerance), constant
                )
            ]
            for target, tolerance in zip(targets.T, tolerances, strict=True)
        ]


def _pools(network: Network, table: Atoms, roundings: Sequence[Rounding]) -> Iterator[list[int]]:
    """The pools of atoms that the roundings of the network's rows give, each once."""
    f = from_network(network)
    values, constant = _unit_values(f, table.sample), has_constant(network)
    seen: set[tuple[int, ...]] = set()
    for rounding in roundings:
        # A single layer's rows are known and not fitted, so there is nothing that may miss.
        for miss in MISSES if len(f.layers) > 1 else MISSES[:1]:
            pool = _pool(f, values, table, rounding, miss, constant)
            if tuple(pool) not in seen:
                seen.add(tuple(pool))
                yield pool


def generic_sketches(table: Atoms, targets: Array, tolerances: Array) -> list[list[Sketch]]:
    """Forms over the sign, sum and difference kinks of the inputs, for a network without kinks of its own."""
    d = table.inputs
    rows: list[Row] = [{k: Fraction(1)} for k in range(d)]
    rows += [{j: Fraction(1), k: Fraction(s)} for j in range(d) for k in range(j + 1, d) for s in (1, -1)]
    pool = [number for row in rows if (number := table.add(row)) is not None]
    return [
        _sketch_all(table, pool, target, float(tolerance), True)
        for target, tolerance in zip(targets.T, tolerances, strict=True)
    ]


def simpler_than_chance(table: Atoms, outputs: Sequence[Row], error: float) -> bool:
    """Whether every constant of the form is simpler than a number of its precision has to be.

    A constant may move by as much as changes an output by `error`; 0, 1, 2 and 1/2 are simple at any
    precision, another has to be a shorter text than the decimal would be (`snapping.saved_bits`).
    """
    d = table.inputs
    reach = np.abs(table.sample).max(axis=0)

    def size(key: int) -> float:
        return 1.0 if key < 0 else float(reach[key]) if key < d else float(table.values[key - d].max())

    scale = max((abs(float(v)) * size(k) for row in outputs for k, v in row.items()), default=1.0)
    # Below rounding, digits are noise.
    error = max(error, ROUNDING * scale)
    used = used_atoms(table.rows, d, outputs)
    # How much the outputs move with |z|, through the later atoms too.
    strength = {j: max(abs(float(row.get(d + j, 0))) for row in outputs) for j in used}
    for j in reversed(used):
        for key, value in table.rows[j].items():
            if key >= d:
                strength[key - d] += strength[j] * abs(float(value))
    rows = [(row, 1.0) for row in outputs] + [(table.rows[j], strength[j]) for j in used]
    return all(
        max(abs(value.numerator), value.denominator) <= 2
        or saved_bits(value, error / (weight * size(key))) > 0
        for row, weight in rows
        for key, value in row.items()
    )


def used_atoms(rows: Sequence[Row], inputs: int, outputs: Sequence[Row]) -> list[int]:
    """The atoms that the outputs need, through others too, in order."""
    found: set[int] = set()
    stack = [key - inputs for row in outputs for key in row if key >= inputs]
    while stack:
        j = stack.pop()
        if j not in found:
            found.add(j)
            stack += [key - inputs for key in rows[j] if key >= inputs]
    return sorted(found)


def has_kinks(network: Network) -> bool:
    """Whether the network is of ReLU, leaky ReLU, PReLU, clipped and linear layers alone.

    Examples:
        >>> has_kinks(Network([[[1.0]], [[1.0]]], activation="gelu"))
        False
    """
    return composes(network)


def has_constant(network: Network) -> bool:
    """Whether any bias is not 0, or a layer clips: without, the network is 0 at 0, and no constant is anybody's choice.

    Examples:
        >>> has_constant(Network([[[1.0]]])), has_constant(Network([[[1.0]]], [[0.5]]))
        (False, True)
    """
    clips = any(clip_range(name) is not None for name in network.activations)
    return clips or any(bool(np.any(b)) for b in network.bias_vectors)


def _unit_values(f: PiecewiseLinear, X: Array) -> list[Array]:
    """The pre-activations [n, h] of every layer."""
    values, found = X, []
    for layer in f.layers:
        z = values @ layer.weights.T + layer.bias
        found.append(z)
        values = np.concatenate([values, np.where(z > 0, z, layer.slope * z)], axis=1)
    return found


def _pool(
    f: PiecewiseLinear, values: Sequence[Array], table: Atoms, rounding: Rounding, miss: float, constant: bool
) -> list[int]:
    """Atoms near the network's own, their rows rounded."""
    d, pool = f.inputs, set[int]()
    for depth, (layer, Z) in enumerate(zip(f.layers, values, strict=True)):
        bends = (Z.min(axis=0) < 0) & (Z.max(axis=0) > 0) & (layer.slope != 1)
        if not bends.any():
            continue
        sizes = np.abs(Z).max(axis=0)
        fresh: set[int] = set()
        if depth == 0:
            rows = np.concatenate([layer.weights[bends], layer.bias[bends, None]], axis=1)
            keys = [*range(d), -1]
            candidates = rounding(rows, keys)
        else:
            known = sorted(pool)
            keys = [*range(d), -1, *(d + j for j in known)]
            candidates = []
            for z in (Z[:, bends] / sizes[bends]).T:
                fitted = _fitted(table, known, z, miss, constant)
                candidates += [None] if fitted is None else rounding(fitted[None], keys)
        for row, z in zip(candidates, (Z[:, bends] / sizes[bends]).T, strict=True):
            number = None if row is None else table.add(row)
            if number is not None and number not in fresh:
                near = table.values[number]
                # Compared as kinks: the atom's size is free.
                apart = np.abs(np.abs(z) - near * (float(np.abs(z) @ near) / float(near @ near))).max()
                if apart <= _FARTHEST:
                    fresh.add(number)
        pool |= fresh
    return sorted(pool)


def _scaled(rows: Array, keys: Sequence[int]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Rows with a largest coefficient of an input or atom of 1, and which of them have one."""
    movable = np.array([key >= 0 for key in keys])
    largest = np.abs(rows[:, movable]).max(axis=1, keepdims=True)
    return rows / np.where(largest > 0, largest, 1.0), largest[:, 0] > 0


def _fractions(most: int) -> Rounding:
    """Coefficients become fractions with denominators up to `most`."""

    def rounding(rows: Array, keys: Sequence[int]) -> list[Row | None]:
        scaled, whole = _scaled(rows, keys)
        p, q = nearest_fractions(scaled, most)
        return [
            {key: Fraction(int(a), int(b)) for key, a, b in zip(keys, ps, qs, strict=True) if a}
            if ok
            else None
            for ps, qs, ok in zip(p, q, whole, strict=True)
        ]

    return rounding


def _decimals(digits: int, reach: Array) -> Rounding:
    """Coefficients become decimals; what rounding moves is below 10^-digits of what the largest term moves."""

    def rounding(rows: Array, keys: Sequence[int]) -> list[Row | None]:
        scaled, whole = _scaled(rows, keys)
        sizes = np.array([reach[key] if 0 <= key < len(reach) else 1.0 for key in keys])
        sizes[sizes == 0] = 1.0
        movable = np.array([key >= 0 for key in keys])
        found: list[Row | None] = []
        for row, ok in zip(scaled, whole, strict=True):
            most = float((np.abs(row) * sizes)[movable].max(initial=0.0)) or 1.0
            places = [digits - math.floor(math.log10(most / size)) for size in sizes]
            rounded = {
                key: round(Fraction(float(value)) * Fraction(10) ** n) / Fraction(10) ** n
                for key, value, n in zip(keys, row, places, strict=True)
            }
            found.append({key: value for key, value in rounded.items() if value} if ok else None)
        return found

    return rounding


def _fitted(table: Atoms, pool: Sequence[int], z: Array, miss: float, constant: bool) -> Array | None:
    """z as a row [d + 1 + pool] over inputs, the constant and few of the pool; None where it is none."""
    d = table.inputs
    for chosen, residual in _paths(table, pool, z, miss, len(pool), constant):
        if residual <= miss:
            coefficients = _solve(_columns(table, [pool[j] for j in chosen], constant), z)
            row: Array = np.zeros(d + 1 + len(pool))
            row[:d] = coefficients[:d]
            if constant:
                row[d] = coefficients[d]
            row[[d + 1 + j for j in chosen]] = coefficients[d + constant :]
            return row
    return None


def _columns(table: Atoms, pool: Sequence[int], constant: bool) -> Array:
    """[n, d (+ 1) + pool]: the inputs, a constant where there is one, the atoms."""
    ones = [np.ones((len(table.sample), 1))] if constant else []
    return np.concatenate([table.sample, *ones, *(table.values[j][:, None] for j in pool)], axis=1)


def _solve(columns: Array, target: Array) -> Array:
    # Columns of one size, so that what is small beside the others is not taken for rank lost.
    sizes = np.abs(columns).max(axis=0)
    sizes[sizes == 0] = 1.0
    return np.asarray(np.linalg.lstsq(columns / sizes, target, rcond=None)[0] / sizes)


def _paths(
    table: Atoms, pool: Sequence[int], target: Array, stop: float, most: int, constant: bool
) -> Iterator[tuple[list[int], float]]:
    """Atoms (places in the pool) by what each adds, with the largest residual after each; none at first."""
    basis, _ = np.linalg.qr(_columns(table, (), constant))
    rest = target - basis @ (basis.T @ target)
    chosen: list[int] = []
    residual = float(np.abs(rest).max())
    yield chosen, residual
    if not pool or residual <= stop:
        return
    columns = np.stack([table.values[j] for j in pool], axis=1)
    sizes = (columns**2).sum(axis=0)
    columns = columns - basis @ (basis.T @ columns)
    while residual > stop and len(chosen) < most:
        lengths = (columns**2).sum(axis=0)
        # A column that the others span to half the digits of a float adds nothing but its rounding.
        free = lengths > SPANNED * sizes
        gains = np.where(free, (columns.T @ rest) ** 2, 0.0) / np.where(free, lengths, 1.0)
        best = int(gains.argmax())
        if gains[best] <= 0:
            return
        q = columns[:, best] / np.sqrt(lengths[best])
        rest = rest - q * (q @ rest)
        columns = columns - np.outer(q, q @ columns)
        chosen = [*chosen, best]
        residual = float(np.abs(rest).max())
        yield chosen, residual


def _sketch_all(
    table: Atoms, pool: Sequence[int], target: Array, tolerance: float, constant: bool
) -> list[Sketch]:
    """One output's forms by the number of atoms, until one is within the tolerance."""
    found: list[Sketch] = []
    for chosen, residual in _paths(table, pool, target, tolerance / 4, MOST_ATOMS, constant):
        atoms = [pool[j] for j in chosen]
        # Beyond the tolerance a form only shows what one atom less would cost: a quarter more is no matter.
        limit = max(tolerance, 1.25 * residual)
        found += _snapped(table, atoms, target, limit, constant)
    return found


def _snapped(table: Atoms, atoms: Sequence[int], target: Array, limit: float, constant: bool) -> list[Sketch]:
    """The form over those atoms with the simplest coefficients within the limit, and closer ones."""
    d = table.inputs
    columns = _columns(table, atoms, constant)
    keys = [*range(d), *([-1] if constant else []), *(d + j for j in atoms)]
    fitted = _solve(columns, target)
    sizes = np.abs(columns).max(axis=0)
    p, q = nearest_fractions(fitted, LARGEST_DENOMINATOR)
    closest = [Fraction(int(a), int(b)) for a, b in zip(p, q, strict=True)]
    found: list[Sketch] = []

    def sketch(row: Sequence[Fraction]) -> Sketch:
        error = float(np.abs(columns @ np.array([float(value) for value in row]) - target).max())
        return Sketch({k: v for k, v in zip(keys, row, strict=True) if v}, error)

    slack, row = limit, list[Fraction]()
    known = [(Fraction(0), math.inf)] * len(fitted)
    for _ in range(_HALVINGS):
        window = slack / np.where(sizes > 0, sizes, 1.0)
        # The simplest of a wider window is that of a narrower one that it lies in.
        known = [
            (old, value) if b - w < value < b + w else _with_value(simplest_fraction(b - w, b + w))
            for (old, value), b, w in zip(known, fitted.tolist(), window.tolist(), strict=True)
        ]
        simplest = [fraction for fraction, _ in known]
        previous = row
        row = [s if s.denominator <= LARGEST_IN_FORM else c for s, c in zip(simplest, closest, strict=True)]
        if row != previous:
            candidate = sketch(row)
            # Ten times closer is another claim, less is the same one in longer numbers.
            if candidate.error <= limit and (not found or candidate.error < found[-1].error / 10):
                found.append(candidate)
        slack /= 2
    # Where no simple coefficients reach the limit, the closest are still the best of this form.
    return found or [sketch(closest)]


def _with_value(fraction: Fraction) -> tuple[Fraction, float]:
    return fraction, float(fraction)


def _in_decimals(
    table: Atoms, atoms: Sequence[int], target: Array, limit: float, constant: bool
) -> list[Sketch]:
    """The form over those atoms with coefficients of the fewest digits within the limit, and closer ones."""
    columns = _columns(table, atoms, constant)
    keys = [*range(table.inputs), *([-1] if constant else []), *(table.inputs + j for j in atoms)]
    fitted = _solve(columns, target)
    sizes = np.abs(columns).max(axis=0)
    found: list[Sketch] = []
    slack = limit
    for _ in range(_DECIMAL_HALVINGS):
        # A coefficient of a column that is 0 everywhere is 0.
        window = np.where(sizes > 0, slack / np.where(sizes > 0, sizes, 1.0), np.abs(fitted) + 1.0)
        row = [shortest_decimal(b - w, b + w) for b, w in zip(fitted.tolist(), window.tolist(), strict=True)]
        error = float(np.abs(columns @ np.array([float(value) for value in row]) - target).max())
        sketch = Sketch({k: v for k, v in zip(keys, row, strict=True) if v}, error)
        # Ten times closer is another claim, less is the same one in longer numbers.
        if error <= limit and (not found or error < found[-1].error / 10):
            found.append(sketch)
        slack /= 2
    return found
