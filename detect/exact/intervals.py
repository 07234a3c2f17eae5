"""Interval arithmetic with gradients, and the subdivision of a box by it: bounds for smooth functions.

A `Span` holds bounds of a function and of its gradient over many boxes at once. The function's range over a
box is cut from two enclosures: the natural one, and the mean-value form `f(center) + gradient . (x -
center)`, whose error falls with the square of the box where the function is smooth (Moore, Kearfott and
Cloud, Introduction to Interval Analysis, 2009, chapter 6). Every operation rounds outwards, so the bounds
hold in float64.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.formulas import Formula
from ..features.grammar import Node
from ..networks.box import Box
from ..networks.network import Network
from ..networks.nonlinearities import SELU_ALPHA, SELU_SCALE, clip_range, leaky_slope, parameter, unit_slopes
from ..statistics.criteria import ROUNDING
from .branch_and_bound import Search
from .criteria import BOUNDS_MEET, LAST_PLACE, OUTWARD

Array = npt.NDArray[np.float64]

#: Boxes opened at a time: enough to keep numpy busy, few enough to follow the best bound.
_BATCH = 1024


@dataclass(frozen=True, eq=False)
class Span:
    """Bounds over n boxes: low <= f <= high of shape [n, ...], and of the gradient, [n, ..., d].

    Examples:
        >>> x = Span(np.array([-1.0]), np.array([2.0]), np.ones((1, 1)), np.ones((1, 1)))
        >>> square = x * x
        >>> square.low.round(9).tolist(), square.high.round(9).tolist(), square.slope_high.round(9).tolist()
        ([-2.0], [4.0], [[4.0]])
    """

    low: Array
    high: Array
    slope_low: Array
    slope_high: Array

    def __add__(self, other: Span) -> Span:
        return _span(
            self.low + other.low,
            self.high + other.high,
            self.slope_low + other.slope_low,
            self.slope_high + other.slope_high,
        )

    def __neg__(self) -> Span:
        return Span(-self.high, -self.low, -self.slope_high, -self.slope_low)

    def __sub__(self, other: Span) -> Span:
        return self + (-other)

    def __mul__(self, other: Span) -> Span:
        low, high = _product((self.low, self.high), (other.low, other.high))
        a = _product((self.slope_low, self.slope_high), (other.low[..., None], other.high[..., None]))
        b = _product((other.slope_low, other.slope_high), (self.low[..., None], self.high[..., None]))
        return _span(low, high, _down(a[0]) + _down(b[0]), _up(a[1]) + _up(b[1]))

    def scaled(self, factor: float) -> Span:
        """The span times a number."""
        pairs = (self.low, self.high), (self.slope_low, self.slope_high)
        (low, high), (slope_low, slope_high) = ((a, b) if factor >= 0 else (b, a) for a, b in pairs)
        return _span(low * factor, high * factor, slope_low * factor, slope_high * factor)

    def apply(self, low: Array, high: Array, steep: tuple[Array, Array]) -> Span:
        """A function of the span, by its range and the range of its derivative there."""
        a, b = _product((self.slope_low, self.slope_high), (steep[0][..., None], steep[1][..., None]))
        return _span(low, high, a, b)


def subdivide(
    network: Network,
    formulas: tuple[Formula, ...] | Network,
    box: Box,
    bounds: Box | None,
    tolerance: float | None,
    time_limit: float,
    node_limit: int,
) -> Search:
    """Bounds on the largest |network - specification| over a box, by halving boxes, the most promising first.

    Args:
        network: any activations.
        formulas: the specification, one formula per output, or another network.
        box: where to look.
        bounds: what `low` and `high` stand for in the formulas.
        tolerance: stop as soon as the bounds say whether the maximum is at most this; None for the maximum
            itself.
        time_limit: seconds.
        node_limit: boxes.

    Examples:
        >>> zero, box = Network([[[0.0]]]), ((-1.0, 1.0),)
        >>> found = subdivide(zero, (Formula("x1 - x1**3"),), box, None, None, 10.0, 10_000)
        >>> found.complete, round(found.upper, 6) == round(2 / 27**0.5, 6)
        (True, True)
    """
    deadline = time.monotonic() + time_limit
    evaluate = _difference(network, formulas, bounds)
    low, high = (np.array(side)[None] for side in zip(*box, strict=True))
    upper, axis, lower, witness = _enclose(evaluate, low, high)
    best, point, nodes, settled = float(lower.max()), witness[int(lower.argmax())], 1, 0.0
    while True:
        top = max(best, settled, float(upper.max(initial=0.0)))
        # Closer than this, relative to the error itself, no reader can tell the bounds apart.
        done = top - best <= BOUNDS_MEET * max(1.0, best)
        decided = tolerance is not None and (best > tolerance or top <= tolerance)
        if done or decided or nodes >= node_limit or time.monotonic() > deadline:
            return Search(best, top, point, nodes, done)
        order = np.argsort(-upper)[:_BATCH]
        rest = np.ones(len(upper), dtype=bool)
        rest[order] = False
        cut = axis[order]
        each = np.arange(len(order))
        middle = (low[order, cut] + high[order, cut]) / 2
        first_high, second_low = high[order].copy(), low[order].copy()
        first_high[each, cut], second_low[each, cut] = middle, middle
        fresh_low, fresh_high = (
            np.concatenate([low[order], second_low]),
            np.concatenate([first_high, high[order]]),
        )
        fresh_upper, fresh_axis, fresh_lower, fresh_witness = _enclose(evaluate, fresh_low, fresh_high)
        nodes += len(fresh_low)
        if fresh_lower.max() > best:
            best, point = float(fresh_lower.max()), fresh_witness[int(fresh_lower.argmax())]
        # No wider than the parent, which rounding could otherwise undo.
        fresh_upper = np.minimum(fresh_upper, np.tile(upper[order], 2))
        low, high = np.concatenate([low[rest], fresh_low]), np.concatenate([high[rest], fresh_high])
        upper, axis = np.concatenate([upper[rest], fresh_upper]), np.concatenate([axis[rest], fresh_axis])
        open_ = upper > best
        settled = max(settled, float(upper[~open_].max(initial=0.0)))
        low, high, upper, axis = low[open_], high[open_], upper[open_], axis[open_]


def enumerate_points(
    network: Network, formulas: tuple[Formula, ...] | Network, points: Array, bounds: Box | None
) -> Search:
    """Bounds on the largest |network - specification| over points [n, d], rounding included.

    Examples:
        >>> corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> found = enumerate_points(Network([[[1.0, 1.0]]]), (Formula("x1 + x2 - x1 * x2"),), corners, None)
        >>> found.witness.tolist(), found.nodes, found.lower <= 1 <= found.upper
        ([1.0, 1.0], 4, True)
    """
    evaluate = _difference(network, formulas, bounds)
    lower, upper, witness = 0.0, 0.0, points[0]
    d = points.shape[1]
    for part in np.array_split(points, max(1, len(points) // _BATCH)):
        flat = np.zeros((len(part), d, d))
        with np.errstate(all="ignore"):  # what is not finite is refused below
            span = evaluate(Span(part, part, flat, flat))
        most = np.maximum(span.high, -span.low).max(axis=1)
        least = np.maximum(span.low, -span.high).max(axis=1)
        if not np.isfinite(most).all():
            at = part[int(np.flatnonzero(~np.isfinite(most))[0])].tolist()
            raise InputError(
                f"the network or the specification has no finite value at {at}, a point of the domain: leave that "
                "point out, or rescale what overflows there"
            )
        upper = max(upper, float(most.max()))
        if float(least.max()) > lower:
            lower, witness = float(least.max()), part[int(least.argmax())]
    return Search(lower, upper, np.asarray(witness), len(points), True)


def _difference(
    network: Network, formulas: tuple[Formula, ...] | Network, bounds: Box | None
) -> Callable[[Span], Span]:
    """The enclosure of the network less its specification."""

    def evaluate(x: Span) -> Span:
        return _network(network, x) - (
            _network(formulas, x)
            if isinstance(formulas, Network)
            else _stack([_formula(formula.root, x, bounds) for formula in formulas])
        )

    return evaluate


def _enclose(
    evaluate: Callable[[Span], Span], low: Array, high: Array
) -> tuple[Array, npt.NDArray[np.intp], Array, Array]:
    """Per box: an upper bound of |f|, the axis to halve, and a value of |f| (from below) with its point."""
    n, d = low.shape
    eye = np.broadcast_to(np.eye(d), (n, d, d))
    with np.errstate(all="ignore"):  # infinities are bounds like others here
        whole = evaluate(Span(low, high, eye, eye))
        center = (low + high) / 2
        half = _up(np.maximum(high - center, center - low))
        at = evaluate(Span(center, center, eye, eye))
        steep = np.maximum(np.abs(whole.slope_low), np.abs(whole.slope_high))
        reach = _up((steep * half[:, None, :]).sum(axis=2) * (1 + d * 2.0**-52))
        least = np.maximum(whole.low, np.nan_to_num(_down(at.low - reach), nan=-np.inf, neginf=-np.inf))
        most = np.minimum(whole.high, np.nan_to_num(_up(at.high + reach), nan=np.inf, posinf=np.inf))
        upper = np.maximum(most, -least).max(axis=1)
        # Where the gradient keeps its sign the largest value sits in a corner: try that corner too.
        output = np.maximum(most, -least).argmax(axis=1)
        each = np.arange(n)
        slope = (at.slope_low + at.slope_high)[each, output] / 2
        sign = np.where(at.low[each, output] + at.high[each, output] < 0, -1.0, 1.0)[:, None]
        corner = np.where(slope * sign > 0, high, np.where(slope * sign < 0, low, center))
        there = evaluate(Span(corner, corner, eye, eye))
        value = np.maximum(at.low, -at.high).max(axis=1)
        corner_value = np.maximum(there.low, -there.high).max(axis=1)
        better = corner_value > value
        width = (whole.slope_high - whole.slope_low).max(axis=1) * half
        axis = np.where(
            np.isfinite(width).all(axis=1) & (width.max(axis=1) > 0),
            width.argmax(axis=1),
            half.argmax(axis=1),
        )
    reached = np.where(better, corner_value, value)
    return upper, axis, np.maximum(reached, 0.0), np.where(better[:, None], corner, center)


def _down(a: Array) -> Array:
    """A float64 below the exact result of a correctly rounded operation whose float result is a."""
    return np.asarray(np.nextafter(a, -np.inf))


def _up(a: Array) -> Array:
    return np.asarray(np.nextafter(a, np.inf))


def _span(low: Array, high: Array, slope_low: Array, slope_high: Array) -> Span:
    """Rounded outwards, twice since a constant may be rounded too; an undefined bound is an infinite one."""
    lows = (np.where(np.isnan(a), -np.inf, _down(_down(a))) for a in (low, slope_low))
    highs = (np.where(np.isnan(a), np.inf, _up(_up(a))) for a in (high, slope_high))
    (a, c), (b, e) = lows, highs
    return Span(a, b, c, e)


def _product(a: tuple[Array, Array], b: tuple[Array, Array]) -> tuple[Array, Array]:
    products = [x * y for x in a for y in b]
    undefined = np.isnan(products[0])
    low = high = products[0]
    for other in products[1:]:
        undefined = undefined | np.isnan(other)
        low, high = np.minimum(low, other), np.maximum(high, other)
    return np.where(undefined, -np.inf, low), np.where(undefined, np.inf, high)


def _elementary(function: Callable[[Array], Array], a: Array, b: Array) -> tuple[Array, Array]:
    """A monotone function's values, widened by 4 units in the last place: libraries round loosely."""
    low, high = function(a), function(b)
    return low - 4 * np.spacing(np.abs(low)), high + 4 * np.spacing(np.abs(high))


def _network(network: Network, x: Span) -> Span:
    h = x
    for w, b, name in zip(
        network.weights, network.bias_vectors, (*network.activations, "identity"), strict=True
    ):
        h = _activate(name, _linear(w, b, h))
    return h


def _linear(w: Array, b: Array, h: Span) -> Span:
    up, down = np.maximum(w, 0), np.minimum(w, 0)
    # A sum of k rounded products errs by less than (k + 2) units of its absolute terms.
    gamma = (w.shape[1] + 2) * 2.0**-52
    size = np.maximum(np.abs(h.low), np.abs(h.high)) @ np.abs(w).T + np.abs(b)
    # Products may fall below the smallest numbers.
    lost = w.shape[1] * np.finfo(float).smallest_subnormal
    steep = np.einsum("ok,nkd->nod", np.abs(w), np.maximum(np.abs(h.slope_low), np.abs(h.slope_high)))
    low = h.low @ up.T + h.high @ down.T + b - gamma * size - lost
    high = h.high @ up.T + h.low @ down.T + b + gamma * size + lost
    a = np.einsum("ok,nkd->nod", up, h.slope_low) + np.einsum("ok,nkd->nod", down, h.slope_high)
    c = np.einsum("ok,nkd->nod", up, h.slope_high) + np.einsum("ok,nkd->nod", down, h.slope_low)
    return _span(low, high, a - gamma * steep - lost, c + gamma * steep + lost)


def _activate(name: str, z: Span) -> Span:
    if name == "identity":
        return z
    if name == "tanh":
        return _tanh(z)
    if name == "gelu":
        return z * (_erf(z.scaled(math.sqrt(0.5))) + _constant_like(z, 1.0)).scaled(0.5)
    if name == "gelu_tanh":
        inner = (z + (_power(z, 3)).scaled(0.044715)).scaled(math.sqrt(2.0 / math.pi))
        return z * (_tanh(inner) + _constant_like(z, 1.0)).scaled(0.5)
    if name == "relu":
        return _leaky(z, 0.0)
    slope, slopes, bounds = leaky_slope(name), unit_slopes(name), clip_range(name)
    if slope is not None or slopes is not None:
        return _leaky(z, np.array(slopes) if slopes is not None else float(slope or 0.0))
    if bounds is not None:
        return _exchange(_exchange(z, _constant_like(z, bounds[0]))[1], _constant_like(z, bounds[1]))[0]
    if name == "sigmoid":
        return _sigmoid(z)
    if name == "silu":
        return z * _sigmoid(z)
    if name == "selu":
        return _elu(z, SELU_ALPHA).scaled(SELU_SCALE)
    if name.startswith("elu"):
        return _elu(z, parameter(name))
    if name.startswith("softplus"):
        return _softplus(z, parameter(name))
    raise InputError(f"{name} has no interval form: certify a network of another activation")


def _sigmoid(z: Span) -> Span:
    """1 / (1 + exp(-z)) = (1 + tanh(z / 2)) / 2."""
    return (_tanh(z.scaled(0.5)) + _constant_like(z, 1.0)).scaled(0.5)


def _elu(z: Span, alpha: float) -> Span:
    def value(v: Array) -> Array:
        return np.asarray(np.where(v > 0, v, alpha * np.expm1(np.minimum(v, 0.0))))

    def slope(v: Array) -> Array:
        return np.asarray(alpha * np.exp(np.minimum(v, 0.0)))

    low, high = _elementary(value, z.low, z.high)
    a, b = _elementary(slope, z.low, z.high)
    # The slope rises to ALPHA at 0 and is 1 above it.
    steep_low = np.where(z.low > 0, 1.0, np.where(z.high > 0, np.minimum(a, 1.0), a))
    steep_high = np.where(z.low > 0, 1.0, np.where(z.high >= 0, np.maximum(b, 1.0), b))
    return z.apply(low, high, (steep_low, steep_high))


def _softplus(z: Span, beta: float) -> Span:
    """log(1 + exp(beta z)) / beta, whose slope is the sigmoid of beta z."""
    from scipy.special import expit

    low, high = _elementary(lambda v: np.logaddexp(0.0, beta * v) / beta, z.low, z.high)
    return z.apply(low, high, _elementary(lambda v: expit(beta * v), z.low, z.high))


def _leaky(z: Span, slope: float | Array) -> Span:
    """z above 0 and slope z below; one slope, or one a unit [units]."""
    low, high = (np.where(v > 0, v, slope * v) for v in (z.low, z.high))
    straddle = (z.low < 0) & (z.high > 0) & (np.asarray(slope) < 0)
    low, high = np.where(straddle, 0.0, np.minimum(low, high)), np.maximum(low, high)
    a, b = np.minimum(slope, 1.0), np.maximum(slope, 1.0)
    below, above = z.high <= 0, z.low >= 0
    steep_low = np.where(below, slope, np.where(above, 1.0, a))
    steep_high = np.where(below, slope, np.where(above, 1.0, b))
    return z.apply(low, high, (steep_low, steep_high))


def _tanh(z: Span) -> Span:
    low, high = _elementary(np.tanh, z.low, z.high)
    nearest = np.where((z.low < 0) & (z.high > 0), 0.0, np.minimum(np.abs(z.low), np.abs(z.high)))
    farthest = np.maximum(np.abs(z.low), np.abs(z.high))

    def slope(v: Array) -> Array:
        t = np.tanh(v)
        return np.asarray((1 - t) * (1 + t))

    # 1 - tanh is exact to a unit near 1, which `LAST_PLACE` covers.
    return z.apply(
        low,
        high,
        (np.maximum(slope(farthest) - LAST_PLACE, 0.0), np.minimum(slope(nearest) + LAST_PLACE, 1.0)),
    )


def _erf(z: Span) -> Span:
    from scipy.special import erf

    low, high = _elementary(erf, z.low, z.high)
    nearest = np.where((z.low < 0) & (z.high > 0), 0.0, np.minimum(np.abs(z.low), np.abs(z.high)))
    farthest = np.maximum(np.abs(z.low), np.abs(z.high))
    factor = 2 / math.sqrt(math.pi)
    steep = factor * np.exp(-(farthest**2)), factor * np.exp(-(nearest**2))
    return z.apply(low, high, (steep[0] * (1 - OUTWARD), steep[1] * (1 + OUTWARD)))


def _exp(z: Span) -> Span:
    low, high = _elementary(np.exp, z.low, z.high)
    return z.apply(low, high, (low, high))


def _wave(z: Span, shift: int) -> Span:
    """sin for shift 0 and cos for shift 1."""
    return z.apply(*_wave_range(z, shift), _wave_range(z, shift + 1))


def _wave_range(z: Span, shift: int) -> tuple[Array, Array]:
    """Range of sin(z + shift pi/2)."""
    quarter = math.pi / 2
    functions: tuple[Callable[[Array], Array], ...] = (
        np.sin,
        np.cos,
        lambda v: -np.sin(v),
        lambda v: -np.cos(v),
    )
    a, b = (functions[shift % 4](v) for v in (z.low, z.high))
    # A crest lies at quarter (1 - shift) + 2 pi k; this share of a turn is far above the rounding of the division.
    margin = ROUNDING * (1 + np.maximum(np.abs(z.low), np.abs(z.high)))

    def holds(turn: int) -> npt.NDArray[np.bool_]:
        start = quarter * (turn - shift)
        ends = (z.low - margin - start) / (4 * quarter), (z.high + margin - start) / (4 * quarter)
        return np.asarray(np.floor(ends[1]) >= np.ceil(ends[0]))

    low, high = np.minimum(a, b) - LAST_PLACE, np.maximum(a, b) + LAST_PLACE
    return np.where(holds(3), -1.0, np.maximum(low, -1.0)), np.where(holds(1), 1.0, np.minimum(high, 1.0))


def _power(z: Span, exponent: int) -> Span:
    if exponent == 0:
        return _constant_like(z, 1.0)

    def range_of(k: int) -> tuple[Array, Array]:
        a, b = z.low**k, z.high**k
        low, high = np.minimum(a, b), np.maximum(a, b)
        if k % 2 == 0:
            low = np.where((z.low <= 0) & (z.high >= 0), 0.0, low)
        wide = k * 2.0**-50
        return low - wide * np.abs(low), high + wide * np.abs(high)

    low, high = range_of(exponent)
    if exponent == 1:
        return z
    steep = range_of(exponent - 1)
    return z.apply(low, high, (exponent * steep[0], exponent * steep[1]))


def _reciprocal(z: Span) -> Span:
    unsafe = (z.low <= 0) & (z.high >= 0)
    a, b = np.where(unsafe, -np.inf, 1 / z.high), np.where(unsafe, np.inf, 1 / z.low)
    least, most = np.minimum(np.abs(z.low), np.abs(z.high)), np.maximum(np.abs(z.low), np.abs(z.high))
    steep = np.where(unsafe, -np.inf, -1 / least**2), np.where(unsafe, np.inf, -1 / most**2)
    return z.apply(_down(a), _up(b), (steep[0] * (1 + OUTWARD), steep[1] * (1 - OUTWARD)))


def _exchange(a: Span, b: Span) -> tuple[Span, Span]:
    """(min, max); the gradient is one side's where that side is sure to be taken."""
    below, above = (a.high <= b.low)[..., None], (a.low >= b.high)[..., None]
    hull = np.minimum(a.slope_low, b.slope_low), np.maximum(a.slope_high, b.slope_high)
    least, most = (
        Span(
            pick(a.low, b.low),
            pick(a.high, b.high),
            np.where(first, a.slope_low, np.where(second, b.slope_low, hull[0])),
            np.where(first, a.slope_high, np.where(second, b.slope_high, hull[1])),
        )
        for pick, first, second in ((np.minimum, below, above), (np.maximum, above, below))
    )
    return least, most


def _constant_like(x: Span, value: float) -> Span:
    full = np.full_like(x.low, value)
    return Span(full, full, np.zeros_like(x.slope_low), np.zeros_like(x.slope_low))


def _stack(columns: list[Span]) -> Span:
    fields = ("low", "high", "slope_low", "slope_high")
    return Span(*(np.stack([getattr(column, name) for column in columns], axis=1) for name in fields))


def _formula(node: Node, x: Span, bounds: Box | None) -> Span:
    """A formula's span over boxes; x holds the inputs, [n, d]."""
    column = Span(x.low[:, 0], x.high[:, 0], x.slope_low[:, 0], x.slope_high[:, 0])

    def number(value: float, exact: bool = False) -> Span:
        found = _constant_like(column, value)
        return found if exact else _span(found.low, found.high, found.slope_low, found.slope_high)

    if node.kind == "number":
        assert isinstance(node.value, Fraction)
        return number(float(node.value), Fraction(float(node.value)) == node.value)
    if node.kind == "name":
        name = str(node.value)
        if name == "pi":
            return number(math.pi)
        if name in ("low", "high"):
            if bounds is None:
                raise InputError(f"{name!r} has no value here; give the box")
            return number(bounds[0][name == "high"], True)
        k = int(name[1:]) - 1
        if name[0] != "x" or k >= x.low.shape[1]:
            raise InputError(
                f"{name!r} is not among the inputs x1 to x{x.low.shape[1]}: write the formula over those"
            )
        return Span(x.low[:, k], x.high[:, k], x.slope_low[:, k], x.slope_high[:, k])
    if node.kind == "**":
        exponent = node.children[1].value
        assert isinstance(exponent, Fraction)
        return _power(_formula(node.children[0], x, bounds), int(exponent))
    a = [_formula(child, x, bounds) for child in node.children]
    if node.kind == "call":
        return _call(str(node.value), a)
    if node.kind == "/":
        return a[0] * _reciprocal(a[1])
    if node.kind == "neg":
        return -a[0]
    return a[0] + a[1] if node.kind == "+" else a[0] - a[1] if node.kind == "-" else a[0] * a[1]


def _call(name: str, a: list[Span]) -> Span:
    single: dict[str, Callable[[Span], Span]] = {
        "relu": lambda z: _leaky(z, 0.0),
        "abs": lambda z: _leaky(z, -1.0),
        "tanh": _tanh,
        "exp": _exp,
        "sin": lambda z: _wave(z, 0),
        "cos": lambda z: _wave(z, 1),
    }
    if name in single:
        return single[name](a[0])
    if name in ("min", "max"):
        result = a[0]
        for other in a[1:]:
            result = _exchange(result, other)[name == "max"]
        return result
    if name == "clip":
        return _exchange(_exchange(a[0], a[1])[1], a[2])[0]
    if name == "median":
        values, half = list(a), len(a) // 2
        for end in range(len(a) - 1, 0, -1):
            for k in range(end):
                values[k], values[k + 1] = _exchange(values[k], values[k + 1])
        return values[half] if len(a) % 2 else (values[half - 1] + values[half]).scaled(0.5)
    if name == "mean":
        total = a[0]
        for other in a[1:]:
            total = total + other
        return total * _reciprocal(_constant_like(total, float(len(a))))
    return _jump(a[0], -1.0 if name == "sign" else 0.0)


def _jump(z: Span, below: float) -> Span:
    """`step` and `sign`, 1 above zero and `below` below it; of any slope where zero may be crossed.

    At zero itself the one is 0 and the other 0 as well, which lies between.
    """
    low, high = np.where(z.low > 0, 1.0, below), np.where(z.high > 0, 1.0, below)
    if below:
        low, high = np.where(z.low == 0, np.maximum(low, 0.0), low), np.where(z.high == 0, 0.0, high)
    flat = (low == high)[..., None]
    return Span(
        low,
        high,
        np.where(flat, 0.0, -np.inf) + 0 * z.slope_low,
        np.where(flat, 0.0, np.inf) + 0 * z.slope_low,
    )
