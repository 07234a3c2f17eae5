"""The cells of a piecewise-linear function: the polygons on which it is affine, split unit by unit.

A composition (see `piecewise.py`) is affine on each cell of an arrangement: layer by layer, every cell is cut
by the lines on which a unit of the next layer changes sign there. The largest value over the box is then
reached at a vertex of a cell. In one and two dimensions the cells cover the box; in three dimensions the
plane sections of the box by every kink and facet are covered instead, since every vertex lies on one of them.

Everything is float64, and what floats can get wrong is bounded (`Rounding`): a unit whose sign changes inside
a cell by less than its rounding error `tau` does not cut it; corners are displaced by at most a few units in
the last place of the box. Each such error is carried through the absolute weights to the output (running
error analysis, Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3), so that
`values at vertices + slack` is an upper bound for the function itself and not only for its float picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box
from ..statistics.criteria import ROUNDING
from .piecewise import PiecewiseLinear, UnitLayer

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

#: Half the spacing of float64 numbers at 1: the relative error of one rounding.
UNIT_ROUNDOFF = 2.0**-53


class TooManyCells(InputError):
    """An arrangement with more cells than asked for.

    Examples:
        >>> str(TooManyCells(10))
        'more than 10 cells: raise node_limit, or take a smaller box'
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} cells: raise node_limit, or take a smaller box")


@dataclass(frozen=True, eq=False)
class Rounding:
    """What float64 may get wrong in the cells of a composition on a box.

    Attributes:
        tau: per layer [h], how far a unit's pre-activation may have the wrong sign inside an uncut cell.
        slack: [out], how far the function may lie from the affine pieces of the cells.
        magnitude: [out], a bound on the sum of the absolute terms of each output.

    Examples:
        >>> from ..networks.network import Network
        >>> from .piecewise import from_network
        >>> bool(rounding_bounds(from_network(Network([[[1.0]], [[3.0]]])), ((-1.0, 1.0),)).slack[0] < 1e-13)
        True
    """

    tau: tuple[Array, ...]
    slack: Array
    magnitude: Array


@dataclass(frozen=True, eq=False)
class Cells:
    """Polygons (d = 2), segments (d = 1) or plane polygons (d = 3), and the affine output on each.

    Attributes:
        vertices: [C, M, d] in cyclic order, short ones padded by repeating their first.
        count: [C], the vertices that are meant.
        rows: [C, out, d + 1], the outputs' coefficients and constants.
        rounding: the error bounds.
        ranges: per layer (lowest [h], highest [h]) of the pre-activations over all cells.

    Examples:
        >>> from ..networks.network import Network
        >>> from .piecewise import from_network
        >>> cells = polygon_cells(from_network(Network([[[1.0]], [[3.0]]])), ((-1.0, 1.0),))
        >>> sorted(cells.vertices[:, :, 0].tolist()), [r.tolist() for r in cells.ranges[0]]
        ([[-1.0, 0.0], [0.0, 1.0]], [[-1.0], [1.0]])
    """

    vertices: Array
    count: Index
    rows: Array
    rounding: Rounding
    ranges: tuple[tuple[Array, Array], ...]

    def values(self) -> Array:
        """The outputs at the vertices, [C, M, out]."""
        d = self.vertices.shape[2]
        return np.asarray(self.vertices @ self.rows[:, :, :d].transpose(0, 2, 1) + self.rows[:, None, :, d])


class _RunningError:
    """The error bounds, layer by layer."""

    def __init__(self, f: PiecewiseLinear, box: Box) -> None:
        self.inputs = f.inputs
        self.magnitude: Array = np.abs(np.array(box)).max(axis=1)
        # Each cut may bend a shared edge by a rounding or two; the sections of a box are as exact at first.
        self.error: Array = (8 * f.units + 72) * UNIT_ROUNDOFF * self.magnitude
        # What a product and its use at a vertex lose where they fall below the smallest numbers.
        self.underflow = float(np.finfo(float).smallest_subnormal * (1 + self.magnitude.sum()))
        self.taus: list[Array] = []

    def noise(self, weights: Array, bias: Array) -> tuple[Array, Array]:
        """The rounding of an affine row, composed and then taken at a vertex, and its absolute terms."""
        size = np.abs(weights) @ self.magnitude + np.abs(bias)
        terms = weights.shape[1] + 2 * self.inputs + 8
        return terms * (UNIT_ROUNDOFF * size + self.underflow), size

    def tau(self, layer: UnitLayer) -> Array:
        """Below twice its own rounding a unit's sign says nothing."""
        self.taus.append(2 * self.noise(layer.weights, layer.bias)[0])
        return self.taus[-1]

    def advance(self, layer: UnitLayer, ranges: tuple[Array, Array] | None = None) -> None:
        """Take the layer's units in; their ranges over the cells, where known, tell how large they get."""
        noise, size = self.noise(layer.weights, layer.bias)
        wrong = np.abs(layer.weights) @ self.error + noise
        steep = np.maximum(1.0, np.abs(layer.slope))
        uncut = np.abs(1 - layer.slope) * (self.taus[-1] + noise)
        self.error = np.concatenate([self.error, steep * wrong + uncut])
        if ranges is not None:
            size = np.minimum(size, np.maximum(np.abs(ranges[0]), np.abs(ranges[1])) + wrong)
        self.magnitude = np.concatenate([self.magnitude, steep * size])

    def bounds(self, f: PiecewiseLinear) -> Rounding:
        """The bounds at the output."""
        noise, size = self.noise(f.readout, f.offset)
        return Rounding(tuple(self.taus), np.abs(f.readout) @ self.error + noise, size)


def rounding_bounds(f: PiecewiseLinear, box: Box) -> Rounding:
    """The error bounds of `Rounding`, from the absolute weights alone.

    A sum of n rounded products errs by at most about n units of roundoff times its absolute terms.

    Examples:
        >>> from ..networks.network import Network
        >>> from .piecewise import from_network
        >>> rounding_bounds(from_network(Network([[[1.0]], [[3.0]]])), ((-1.0, 1.0),)).magnitude.tolist()
        [3.0]
    """
    running = _RunningError(f, box)
    for layer in f.layers:
        running.tau(layer)
        running.advance(layer)
    return running.bounds(f)


def polygon_cells(f: PiecewiseLinear, box: Box, limit: int = 200_000) -> Cells:
    """The cells of f on a box of one or two dimensions.

    Args:
        f: a composition of d <= 2 inputs, float64.
        box: one (low, high) per input.
        limit: most cells before giving up.

    Raises:
        InputError: for more than two inputs.
        TooManyCells: beyond the limit.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> cells = polygon_cells(from_formulas([Formula("min(x1, x2)")], 2), ((-1.0, 1.0), (-1.0, 1.0)))
        >>> len(cells.count), sorted(cells.count.tolist()), float(cells.values().max())
        (2, [3, 3], 1.0)
    """
    if f.inputs > 2:
        raise InputError(f"{f.inputs} inputs: cells are enumerated in one and two dimensions")
    low, high = np.array(box).T
    if f.inputs == 1:
        start = np.array([[[low[0]], [high[0]]]])
    else:
        start = np.array([[[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]]])
    return _split_all(f, start, np.array([start.shape[1]]), box, limit)


def slice_cells(f: PiecewiseLinear, box: Box, planes: Array, limit: int = 400_000) -> Cells:
    """The cells of f on the sections of a three-dimensional box by planes and by its facets.

    Every vertex of f's arrangement lies on a facet or on a kink. Where `planes [P, 4]` holds every plane that
    a unit of f can bend on, the largest value over the sections is the largest over the box.

    Raises:
        InputError: where f has other than three inputs.
        TooManyCells: beyond the limit.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> f = from_formulas([Formula("max(x1, x2) + x3")], 3)
        >>> box = ((-1.0, 1.0),) * 3
        >>> cells = slice_cells(f, box, kink_planes(f, box))
        >>> len(cells.count), float(cells.values().max())
        (9, 2.0)
    """
    if f.inputs != 3:
        raise InputError(f"{f.inputs} inputs: sections by planes are for three")
    low, high = np.array(box).T
    facets = np.array(
        [[*(sign * np.eye(3)[k]), -sign * box[k][sign > 0]] for k in range(3) for sign in (-1, 1)]
    )
    planes = np.concatenate([planes, facets])
    planes = planes / np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    reach = np.abs(np.array(box)).max()
    tau = 64 * UNIT_ROUNDOFF * (reach + np.abs(planes[:, 3]).max(initial=0.0))
    # A square in each plane around the foot of the box's centre, cut down by the six facets.
    center, radius = (low + high) / 2, float(np.linalg.norm(high - low))
    normals = planes[:, :3]
    distance = normals @ center + planes[:, 3]
    seeds = np.eye(3)[np.abs(normals).argmin(axis=1)]
    first = np.cross(normals, seeds)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first)
    foot = center - distance[:, None] * normals
    V = np.stack(
        [foot + radius * (a * first + b * second) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))], axis=1
    )
    count = np.full(len(V), 4)
    for facet in facets:
        z = V @ facet[:3] + facet[3]
        z[np.abs(z) <= tau] = 0.0
        cut = (z.min(axis=1) < 0) & (z.max(axis=1) > 0)
        inside = z.max(axis=1) <= 0
        (kept, kept_count), _ = _cut(V[cut], count[cut], -z[cut], closed=True)
        V, count = _join(V[inside], kept), np.concatenate([count[inside], kept_count])
    return _split_all(f, V, count, box, limit)


def largest_on_sections(
    f: PiecewiseLinear, box: Box, limit: int = 400_000, most_planes: int = 160
) -> tuple[float, Array, int] | None:
    """The largest |f| over a box of three inputs without slack, where it is reached [3], the cells visited.

    Where f is cut by its concave kinks alone, it is convex on each cell and largest at a vertex. A unit that
    only the read-out takes is convex or concave by the sign of its coefficient, so the largest f and the
    largest -f are each found on the sections by about half of the planes.

    Returns:
        None where a composition bends on more than `most_planes` planes, or where rounding has put corners of
        sections outside the box, so that values there say nothing of it.

    Raises:
        TooManyCells: beyond the limit, for one output and sign.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> f = from_formulas([Formula("median(x1, x2, x3) - x1/2")], 3)
        >>> value, point, _ = largest_on_sections(f, ((-1.0, 1.0),) * 3)
        >>> value, np.abs(point).tolist()
        (1.5, [1.0, 1.0, 1.0])
    """
    inner = np.zeros(f.units, dtype=bool)
    for layer in f.layers:
        fed = layer.weights.shape[1] - f.inputs
        inner[:fed] |= (layer.weights[:, f.inputs :] != 0).any(axis=0)
    rise = np.concatenate([1 - layer.slope for layer in f.layers]) if f.layers else np.zeros(0)
    best, point, cells = -np.inf, np.zeros(3), 0
    low, high = np.array(box).T
    # By as much as `rounding_bounds` allows a corner to be displaced.
    reach = 64 * UNIT_ROUNDOFF * np.abs(np.array(box)).max(axis=1)
    for output in range(f.outputs):
        for sign in (1.0, -1.0):
            convex = ~inner & (sign * f.readout[output, f.inputs :] * rise >= 0)
            cut = f.without(convex)
            planes = kink_planes(cut, box, most_planes)
            if planes is None:
                return None
            found = slice_cells(cut, box, planes, limit)
            cells += len(found.count)
            corners = found.vertices.reshape(-1, 3)
            if ((corners < low - reach) | (corners > high + reach)).any():
                return None
            values = sign * f(corners)[:, output]
            if values.max() > best:
                best, point = float(values.max()), corners[int(values.argmax())]
    return best, point, cells


def kink_planes(f: PiecewiseLinear, box: Box, limit: int = 2000) -> Array | None:
    """Every hyperplane [P, d + 1] that meets the box and on which a unit of f can change sign there.

    Over all states of earlier units: a superset of f's kinks, extended to whole hyperplanes; None where there are more
    than `limit`.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> kink_planes(from_formulas([Formula("min(x1, x2, x3)")], 3), ((-1.0, 1.0),) * 3).tolist()
        [[1.0, -1.0, 0.0, 0.0], [1.0, 0.0, -1.0, 0.0], [0.0, 1.0, -1.0, 0.0]]
    """
    d = f.inputs
    # Per column its possible affine rows, [pieces, d + 1].
    pieces: list[Array] = [np.eye(d + 1)[k : k + 1] for k in range(d)]
    found: list[Array] = []
    for layer in f.layers:
        fresh = []
        for w, b, slope in zip(layer.weights, layer.bias, layer.slope, strict=True):
            rows = np.zeros((1, d + 1))
            rows[:, d] = b
            for column in np.flatnonzero(w):
                rows = (rows[:, None] + w[column] * pieces[column][None]).reshape(-1, d + 1)
                if len(rows) > limit:
                    return None
            found.append(rows[np.abs(rows[:, :d]).max(axis=1) > 0])
            fresh.append(np.unique(np.concatenate([rows, slope * rows]), axis=0))
        pieces += fresh
    if not found:
        return np.zeros((0, d + 1))
    planes = np.concatenate(found)
    # In units of the box, where coefficients that agree give planes that agree on it. One that misses the box cuts
    # nothing, and its offset would drown the others'.
    sides = np.array(box)
    middle, half = sides.mean(axis=1), np.diff(sides, axis=1)[:, 0] / 2
    scaled = np.column_stack([planes[:, :d] * half, planes[:, :d] @ middle + planes[:, d]])
    spread, noise = (
        np.abs(scaled[:, :d]).sum(axis=1),
        np.abs(planes[:, :d]) @ np.abs(middle) + np.abs(planes[:, d]),
    )
    meets = np.abs(scaled[:, d]) <= spread + ROUNDING * (spread + noise)
    planes, scaled = planes[meets], scaled[meets]
    # Planes that agree to 15 digits give the same section but for the displacement that the slack covers.
    _, first = np.unique(np.round(_led(scaled, d), 15), axis=0, return_index=True)
    planes = _led(planes[np.sort(first)], d)
    return planes if len(planes) <= limit else None


def _led(planes: Array, d: int) -> Array:
    """Hyperplanes [P, d + 1] with 1 as the largest entry of their normals."""
    lead = planes[np.arange(len(planes)), np.abs(planes[:, :d]).argmax(axis=1)]
    return np.asarray(planes / lead[:, None])


def _split_all(f: PiecewiseLinear, V: Array, count: Index, box: Box, limit: int) -> Cells:
    """Cut the start cells by every unit of f in turn and collect the affine outputs."""
    d = f.inputs
    # Affine rows of inputs and units, per cell; a leading 1 stands for all cells alike.
    values: Array = np.eye(d, d + 1)[None]
    ranges = []
    pool, running = _Pool(V, count), _RunningError(f, box)
    for layer in f.layers:
        tau = running.tau(layer)
        H = layer.weights @ values
        H[:, :, d] += layer.bias
        h, shared = H.shape[1], len(H) == 1
        low, high = np.empty(h), np.empty(h)
        pool.start(h)
        for k in range(h):
            z = pool.evaluate(H[0, k] if shared else H[pool.origin[: pool.size], k])
            # Columns one by one: numpy's own reduction over so short an axis is several times slower.
            least, most = z[:, 0].copy(), z[:, 0].copy()
            for column in z.T[1:]:
                np.minimum(least, column, out=least)
                np.maximum(most, column, out=most)
            low[k], high[k] = least.min(), most.max()
            pool.active[: pool.size, k] = most > -least
            cut = np.flatnonzero((least < -tau[k]) & (most > tau[k]))
            if not len(cut):
                continue
            if pool.size + len(cut) > limit:
                raise TooManyCells(limit)
            part = z[cut]
            part[np.abs(part) <= tau[k]] = 0.0
            pool.replace(cut, *_cut(pool.V[cut], pool.count[cut], part, closed=d > 1), k)
        ranges.append((low, high))
        running.advance(layer, (low, high))
        origin = pool.origin[: pool.size]
        slopes = np.where(pool.active[: pool.size], 1.0, layer.slope)
        rows = slopes[:, :, None] * (H if shared else H[origin])
        known = np.repeat(values, pool.size, axis=0) if len(values) == 1 else values[origin]
        values = np.concatenate([known, rows], axis=1)
    V, count = pool.V[: pool.size], pool.count[: pool.size]
    out = f.readout @ values
    out[:, :, d] += f.offset
    out = np.repeat(out, len(V), axis=0) if len(out) == 1 else out
    return Cells(V, count, out, running.bounds(f), tuple(ranges))


class _Pool:
    """Growing arrays of polygons; `size` of each array's rows are in use."""

    def __init__(self, V: Array, count: Index) -> None:
        self.V, self.count, self.size = V.copy(), count.copy(), len(V)
        self.start(0)

    def start(self, units: int) -> None:
        """Begin a layer: every polygon is its own origin and no state is known."""
        self.origin = np.arange(len(self.V))
        self.active = np.zeros((len(self.V), units), dtype=bool)

    def evaluate(self, row: Array) -> Array:
        """An affine function's values at the vertices, [size, M]; its row is [d + 1] or one per polygon."""
        V = self.V[: self.size]
        C, M, d = V.shape
        if row.ndim == 1:
            return np.asarray((V.reshape(C * M, d) @ row[:d] + row[d]).reshape(C, M))
        z = V[:, :, 0] * row[:, 0, None] + row[:, d, None]
        for k in range(1, d):
            z += V[:, :, k] * row[:, k, None]
        return np.asarray(z)

    def replace(self, cut: Index, above: tuple[Array, Index], below: tuple[Array, Index], unit: int) -> None:
        """Put the upper parts in the cut polygons' places and the lower parts at the end."""
        width = max(above[0].shape[1], below[0].shape[1])
        self.V = _pad(self.V, width)
        fresh = slice(self.size, self.size + len(cut))
        if fresh.stop > len(self.V):
            more = max(len(cut), len(self.V))
            self.V, self.count, self.origin, self.active = (
                np.concatenate([a, np.zeros((more, *a.shape[1:]), a.dtype)])
                for a in (self.V, self.count, self.origin, self.active)
            )
        self.V[cut], self.count[cut] = _pad(above[0], self.V.shape[1]), above[1]
        self.V[fresh], self.count[fresh] = _pad(below[0], self.V.shape[1]), below[1]
        self.origin[fresh], self.active[fresh] = self.origin[cut], self.active[cut]
        self.active[cut, unit], self.active[fresh, unit] = True, False
        self.size = fresh.stop


def _cut(V: Array, count: Index, z: Array, closed: bool) -> tuple[tuple[Array, Index], tuple[Array, Index]]:
    """Both sides (z >= 0, z <= 0) of polygons [C, M, d] whose vertices take values z [C, M] of both signs."""
    C, M, d = V.shape
    slot, row = np.arange(M), np.arange(C)[:, None]
    valid = slot < count[:, None]
    after = np.where(slot + 1 < count[:, None], slot + 1, 0)
    sign = np.sign(z)
    crossing = valid & (sign * sign[row, after] < 0)
    if not closed:  # a segment has one edge, from its first end to its second
        crossing &= slot + 1 < count[:, None]
    pairs = np.empty((C, M, 2, d))
    pairs[:, :, 0] = V
    i, j = np.nonzero(crossing)
    k = after[i, j]
    start, end = V[i, j], V[i, k]
    t = (z[i, j] / (z[i, j] - z[i, k]))[:, None]
    # From the nearer end, so that the corner is as exact as the edge allows.
    pairs[i, j, 1] = np.where(t > 0.5, end + (1 - t) * (start - end), start + t * (end - start))
    slots = pairs.reshape(C, 2 * M, d)
    sides = []
    kept = np.empty((C, M, 2), dtype=bool)
    kept[:, :, 1] = crossing
    for keep in (sign >= 0, sign <= 0):
        np.logical_and(valid, keep, out=kept[:, :, 0])
        flat = kept.reshape(C, 2 * M)
        size = flat.sum(axis=1)
        width = int(size.max(initial=1))
        order = np.argsort(~flat, axis=1, kind="stable")[:, :width]
        order = np.where(np.arange(width) < size[:, None], order, order[:, :1])
        sides.append((slots[row, order], size))
    return sides[0], sides[1]


def _pad(V: Array, width: int) -> Array:
    missing = width - V.shape[1]
    return V if missing <= 0 else np.concatenate([V, np.repeat(V[:, :1], missing, axis=1)], axis=1)


def _join(A: Array, B: Array) -> Array:
    width = max(A.shape[1], B.shape[1])
    return np.concatenate([_pad(A, width), _pad(B, width)])
