"""Branch and bound over the cells of a piecewise-linear function in any number of dimensions.

A node is a polytope of the box, given by its vertices, on which the earlier units are already affine. The
units left are relaxed to the lines around a ReLU's graph on its range (the forward form of Weng et al. 2018
and Zhang et al. 2018, CROWN), whose ranges over a polytope are read off its vertices; a node whose bound does
not exceed the best value found is done, another is cut by one of its units. Where no unit is left the
function is affine there and its values at the vertices are exact, so the search is exact when it ends and
bounds whenever it stops.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, replace
from itertools import count, product

import numpy as np
import numpy.typing as npt

from ..networks.box import Box
from .cells import rounding_bounds
from .criteria import DEPENDENT_NORMALS, INDEPENDENT_NORMALS, MANY_VERTICES, MOST_VERTEX_PAIRS, SAME_VERTEX
from .piecewise import PiecewiseLinear

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

#: Bytes that open nodes may hold: a reader of networks shares its machine with others.
_MEMORY = 500_000_000


@dataclass(frozen=True)
class Search:
    """What a search found of max over the box and outputs of |f|.

    Attributes:
        lower, upper: bounds, without rounding slack.
        witness: [d], where `lower` is reached.
        nodes: nodes opened.
        complete: whether it ended by itself and not at a limit.

    Examples:
        >>> Search(0.5, 1.0, np.zeros(2), 7, False).complete
        False
    """

    lower: float
    upper: float
    witness: Array
    nodes: int
    complete: bool


@dataclass(frozen=True, eq=False)
class _Node:
    """A polytope and what is known on it.

    Attributes:
        vertices: [m, d].
        touched, normals: [m, T], which facets or cuts each vertex lies on, and [T, d] their unit normals in units of
            the box's half-widths.
        known: [columns, d + 1], the affine rows of the inputs and of the units of earlier layers.
        level: the current layer.
        rows, mixed: [h, d + 1], its pre-activations, and which of them still change sign.
        merged: how far, in half-widths, points on the way to it were merged, all mergers added up.
    """

    vertices: Array
    touched: npt.NDArray[np.bool_]
    normals: Array
    known: Array
    level: int
    rows: Array
    mixed: Index
    merged: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        arrays = (self.vertices, self.touched, self.normals, self.known, self.rows, self.mixed)
        return sum(array.nbytes for array in arrays)


def branch_and_bound(
    f: PiecewiseLinear, box: Box, tolerance: float | None, time_limit: float, node_limit: int
) -> Search:
    """Bounds on the largest |f| over a box.

    Args:
        f: float64 composition of d inputs; the box's 2^d corners are kept, so d up to about 8.
        box: one (low, high) per input.
        tolerance: stop as soon as the bounds say whether the maximum is at most this; None for the maximum
            itself.
        time_limit: seconds.
        node_limit: nodes; those that are open also end the search where they take half a gigabyte.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> f = from_formulas([Formula("min(x1, x2, x3) - x1/2")], 3)
        >>> found = branch_and_bound(f, ((-1.0, 1.0),) * 3, None, 10.0, 1000)
        >>> found.lower, found.upper, found.complete
        (1.5, 1.5, True)
    """
    deadline = time.monotonic() + time_limit
    rounding = rounding_bounds(f, box)
    influence, half, d = _influence(f), np.diff(np.array(box), axis=1)[:, 0] / 2, f.inputs
    # Every point of a part is as near to the points that are left of it, on which its bound holds.
    steepest = max([1.0, *(float(np.abs(layer.slope).max(initial=0)) for layer in f.layers)])
    apart = float(influence[:d] @ half) * steepest ** len(f.layers)
    # Bounds this close to the best value are rounding, and cutting on would not end.
    gap = float(rounding.slack.max())
    corners = np.array(list(product(*box)))
    touched = np.array(list(product((0, 1), repeat=d)))
    facets = np.stack([touched == 0, touched == 1], axis=2).reshape(len(corners), 2 * d)
    root = _open(f, corners, facets, np.repeat(np.eye(d), 2, axis=0), np.eye(d, d + 1), 0, rounding.tau)
    lower, witness, settled, nodes = 0.0, corners[0], 0.0, 0
    stuck = 0.0  # bound of the parts that are not cut on
    ticket = count()
    queue: list[tuple[float, int, _Node]] = []
    held = 0  # bytes of the queue

    def weigh(node: _Node, most: float) -> None:
        nonlocal lower, witness, settled, nodes, held
        nodes += 1
        values = np.abs(f(node.vertices)).max(axis=1)
        best = int(values.argmax())
        if values[best] > lower:
            lower, witness = float(values[best]), node.vertices[best]
        # Lines around a smaller range need not be tighter everywhere; what bounds the whole bounds the part.
        bound = min(_bound(f, node) + apart * node.merged, most)
        if bound <= lower + gap or node.level == len(f.layers):
            settled = max(settled, bound)
        else:
            heapq.heappush(queue, (-bound, next(ticket), node))
            held += node.size

    weigh(root, np.inf)
    while queue:
        upper = max(lower, settled, stuck, -queue[0][0])
        decided = tolerance is not None and (lower > tolerance or upper <= tolerance)
        if decided or nodes >= node_limit or held > _MEMORY or time.monotonic() > deadline:
            return Search(lower, upper, witness, nodes, False)
        bound, _, node = heapq.heappop(queue)
        held -= node.size
        if -bound <= lower + gap:
            settled = max(settled, -bound)
            continue
        parts = _branch(f, node, influence, half, rounding.tau)
        if parts is None:
            stuck = max(stuck, -bound)
            continue
        for part in parts:
            weigh(part, -bound)
    return Search(lower, max(lower, settled, stuck), witness, nodes, stuck <= lower + gap)


def _influence(f: PiecewiseLinear) -> Array:
    """Per column, how much the outputs could move with it: products of absolute weights, downwards."""
    influence: Array = np.abs(f.readout).max(axis=0)
    end = f.inputs + f.units
    for layer in reversed(f.layers):
        start = end - len(layer.bias)
        influence[: layer.weights.shape[1]] += influence[start:end] @ np.abs(layer.weights)
        end = start
    return influence


def _open(
    f: PiecewiseLinear,
    vertices: Array,
    touched: npt.NDArray[np.bool_],
    normals: Array,
    known: Array,
    level: int,
    tau: tuple[Array, ...],
) -> _Node:
    """A node at the first layer from `level` on with a unit that changes sign on the polytope."""
    d = f.inputs
    while level < len(f.layers):
        layer = f.layers[level]
        rows = layer.weights @ known
        rows[:, d] += layer.bias
        z = vertices @ rows[:, :d].T + rows[:, d]
        low, high = z.min(axis=0), z.max(axis=0)
        mixed = np.flatnonzero((low < -tau[level]) & (high > tau[level]))
        if len(mixed):
            return _Node(vertices, touched, normals, known, level, rows, mixed)
        known = np.concatenate([known, np.where(high > -low, 1.0, layer.slope)[:, None] * rows])
        level += 1
    return _Node(vertices, touched, normals, known, level, np.zeros((0, d + 1)), np.zeros(0, dtype=np.intp))


def _branch(
    f: PiecewiseLinear, node: _Node, influence: Array, half: Array, tau: tuple[Array, ...]
) -> list[_Node] | None:
    """Both sides of the cut by the unit whose relaxation costs most; half [d] are the box's half-widths.

    None where the part has more pairs of vertices than are looked through: units whose hyperplanes agree to the last
    digits make points that are hardly apart, more of them at each cut.
    """
    d = f.inputs
    rows = node.rows[node.mixed]
    z = node.vertices @ rows[:, :d].T + rows[:, d]
    low, high = z.min(axis=0), z.max(axis=0)
    jump = np.abs(1 - f.layers[node.level].slope[node.mixed])
    cost = -low * (high / (high - low)) * jump * influence[len(node.known) + node.mixed]
    k = int(cost.argmax())
    unit = int(node.mixed[k])
    values = np.where(np.abs(z[:, k]) <= tau[node.level][unit], 0.0, z[:, k])
    positive, negative = np.flatnonzero(values > 0), np.flatnonzero(values < 0)
    if len(positive) * len(negative) > MOST_VERTEX_PAIRS:
        return None
    normal = rows[k, :d] * half
    normal = normal / np.abs(normal).max()  # squares of tiny weights would underflow
    normal = normal / np.linalg.norm(normal)
    normals = np.concatenate([node.normals, normal[None]])
    p, q = _edges(node, positive, negative)
    # From the nearer end, so that the point is as exact as the edge allows.
    swap = values[p] > -values[q]
    near, far = np.where(swap, q, p), np.where(swap, p, q)
    share = values[near] / (values[near] - values[far])
    points = node.vertices[near] + share[:, None] * (node.vertices[far] - node.vertices[near])
    fresh = np.concatenate([node.touched[p] & node.touched[q], np.ones((len(p), 1), dtype=bool)], axis=1)
    touched = np.concatenate([node.touched, (values == 0)[:, None]], axis=1)
    parts = []
    for side in (values >= 0, values <= 0):
        joined = np.concatenate([node.vertices[side], points]), np.concatenate([touched[side], fresh])
        vertices, on, apart = _distinct(*joined, half)
        part = _open(f, vertices, on, normals, node.known, node.level, tau)
        parts.append(replace(part, merged=node.merged + apart))
    return parts


def _distinct(
    vertices: Array, touched: npt.NDArray[np.bool_], half: Array
) -> tuple[Array, npt.NDArray[np.bool_], float]:
    """One of the points that agree, in their order, on what any of them lies on; and how far from it others were.

    Those of the very same coordinates agree. Of many, those do that are within the first of `SAME_VERTEX`, in
    half-widths, that leaves few.
    """
    vertices, touched = _one_of_each(vertices, touched, vertices)
    kept, on, apart = vertices, touched, 0.0
    for distance in SAME_VERTEX:
        if len(kept) <= MANY_VERTICES:
            break
        kept, on = _one_of_each(vertices, touched, np.round(vertices / (half * distance)))
        apart = distance if len(kept) < len(vertices) else 0.0
    return kept, on, apart


def _one_of_each(
    vertices: Array, touched: npt.NDArray[np.bool_], keys: Array
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The first vertex of each key, in their order, on what any vertex of that key lies on."""
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(vertices):
        return vertices, touched
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    on = np.zeros((len(first), touched.shape[1]), dtype=bool)
    np.logical_or.at(on, place[which.ravel()], touched)
    return vertices[first[order]], on


def _edges(node: _Node, positive: Index, negative: Index) -> tuple[Index, Index]:
    """Pairs of vertices joined by an edge: facets in common whose normals have rank d - 1.

    A pair too many adds a point of the polytope that is no vertex, which changes no bound; an edge too few would lose
    vertices. So a pair is left out only where its normals are dependent to the last digit: the further facets then
    vary on the intersection of the others by less than `Rounding.tau`, and cut nothing off there.
    """
    d = node.vertices.shape[1]
    shared = node.touched[positive].astype(np.int64) @ node.touched[negative].T.astype(np.int64)
    a, b = np.nonzero(shared >= d - 1)
    p, q = positive[a], negative[b]
    if d > 2 and len(p):
        common = (node.touched[p] & node.touched[q]).astype(float)
        outer = node.normals[:, :, None] * node.normals[:, None, :]
        edge = np.linalg.eigvalsh(np.tensordot(common, outer, 1))[:, 1] > INDEPENDENT_NORMALS
        # Eigenvalues square the angles, so that rounding hides those below 1e-8; singular values do not.
        doubtful = np.flatnonzero(~edge)
        if len(doubtful):
            sets, which = np.unique(common[doubtful], axis=0, return_inverse=True)
            sines = np.linalg.svd(sets[:, :, None] * node.normals, compute_uv=False)[:, d - 2]
            edge[doubtful] = (sines > DEPENDENT_NORMALS)[which.ravel()]
        p, q = p[edge], q[edge]
    return p, q


def _bound(f: PiecewiseLinear, node: _Node) -> float:
    """An upper bound of max |f| over the node, by lines around the units that are left."""
    d, V = f.inputs, node.vertices
    low_rows, high_rows = node.known, node.known
    for level in range(node.level, len(f.layers)):
        layer = f.layers[level]
        if level == node.level:
            low, high = node.rows, node.rows
        else:
            up, down = np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)
            low, high = up @ low_rows + down @ high_rows, up @ high_rows + down @ low_rows
            low[:, d] += layer.bias
            high[:, d] += layer.bias
        least = (V @ low[:, :d].T + low[:, d]).min(axis=0)
        most = (V @ high[:, :d].T + high[:, d]).max(axis=0)
        crossing = (least < 0) & (most > 0)
        width = np.where(crossing, most - least, 1.0)
        chord = np.where(crossing, most / width, (most > 0) & (least >= 0))[:, None]
        relu_high = chord * high
        relu_high[:, d] -= np.where(crossing, chord[:, 0] * least, 0.0)
        relu_low = np.where(crossing, most > -least, most > 0)[:, None] * low
        # A leaky unit is slope z + (1 - slope) relu(z).
        s, t = layer.slope[:, None], 1 - layer.slope[:, None]
        unit_low = np.where(s >= 0, s * low, s * high) + np.where(t >= 0, t * relu_low, t * relu_high)
        unit_high = np.where(s >= 0, s * high, s * low) + np.where(t >= 0, t * relu_high, t * relu_low)
        low_rows = np.concatenate([low_rows, unit_low])
        high_rows = np.concatenate([high_rows, unit_high])
    up, down = np.maximum(f.readout, 0), np.minimum(f.readout, 0)
    low, high = up @ low_rows + down @ high_rows, up @ high_rows + down @ low_rows
    least = (V @ low[:, :d].T + low[:, d]).min(axis=0) + f.offset
    most = (V @ high[:, :d].T + high[:, d]).max(axis=0) + f.offset
    return float(max((-least).max(), most.max(), 0.0))
