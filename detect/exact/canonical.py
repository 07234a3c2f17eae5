"""The normal form of a one-hidden-layer ReLU network: what is left when the choice of neurons is removed.

Since relu(z) = (z + |z|) / 2, such a network is, on a box B with interior,

    f(x) = A x + c + sum_j kappa_j |n_j . x + d_j|

with unit normals n_j, coefficients kappa_j that are non-zero vectors (one entry per output) and hyperplanes that are
distinct and meet the interior of B. Given f on B, the number of kinks, the hyperplanes, kappa, A and c are unique:
the set where f is not smooth is exactly the union of the hyperplanes, the Jacobian jumps by 2 kappa_j n_j' across
each, and the rest is affine (docs/understand/normalform.md, The normal form). With incoming weights w_i, outgoing v_i
and biases b_i,

    kappa_j = 1/2 sum v_i ||w_i||      over the neurons on hyperplane j,
    A = 1/2 sum v_i w_i                over the neurons with a kink, + sum v_i w_i over the always-on ones,

and c likewise with b_i; a dead neuron gives nothing, one with w_i = 0 the constant v_i relu(b_i). A leaky
ReLU of slope s is (1 + s)/2 z + (1 - s)/2 |z|, so it has the same form with those factors.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.symmetry import Symmetry
from ..networks.box import Box, BoxLike, as_box, check_inputs, sobol_points
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import leaky_slope
from ..statistics.criteria import EQUAL, ROUNDING
from .cells import TooManyCells, polygon_cells
from .criteria import LEADING, PARALLEL
from .minimal_width import build_network, smallest_plan
from .piecewise import PiecewiseLinear, UnitLayer, from_network

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NeuronCount:
    """How many hidden neurons a form needs.

    Attributes:
        count: neurons of the smallest network found.
        proved: whether no smaller one exists.

    Examples:
        >>> NeuronCount(3, True)
        NeuronCount(count=3, proved=True)
    """

    count: int
    proved: bool


@dataclass(frozen=True, eq=False, repr=False)
class CanonicalForm:
    """f(x) = A x + c + sum_j kappa_j |n_j . x + d_j| on a box.

    Attributes:
        A: [out, d] the affine part.
        c: [out] its constant.
        n: [K, d] unit normals, sorted; the first entry that is not small is positive. That is for display:
            (n, d) and (-n, -d) are the same kink and are matched as such.
        d: [K] offsets.
        kappa: [K, out] coefficients.
        box: (low, high) per input.
        sides: [K] which side of each kink the source's neurons sit on, by mass: 1 all active where
            n . x + d > 0, -1 the other, between where both occur. A property of the network (its gauge) and
            not of the function; it takes no part in comparisons.
        rounding: the absolute rounding level, in units of the output, that the source's weights imply.

    Examples:
        >>> form = canonical_form(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        >>> form
        CanonicalForm(0.5 x1 + 0.5 x2 - 0.7071 |0.7071 x1 - 0.7071 x2|, on [-1, 1]^2)
        >>> form([[0.25, 0.5]]).round(12).tolist(), form.neurons(bias=False), form.neurons(bias=True)
        ([[0.25]], NeuronCount(count=3, proved=True), NeuronCount(count=2, proved=True))
    """

    A: Array
    c: Array
    n: Array
    d: Array
    kappa: Array
    box: Box
    sides: Array = field(compare=False)
    rounding: float = field(compare=False)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return int(self.A.shape[1])

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return int(self.A.shape[0])

    @property
    def kinks(self) -> int:
        """The number of kinks K."""
        return len(self.d)

    @property
    def scale(self) -> float:
        """The largest sum of absolute terms over the box and outputs: what relative tolerances refer to."""
        reach = np.abs(np.array(self.box)).max(axis=1)
        heights = np.abs(self.n) @ reach + np.abs(self.d)
        return float((np.abs(self.A) @ reach + np.abs(self.c) + heights @ np.abs(self.kappa)).max())

    def __call__(self, X: npt.ArrayLike) -> Array:
        """The values [n, out] at inputs X [n, d] of the box (outside it the form is not the network)."""
        points = check_inputs(X, self.inputs)
        return np.asarray(points @ self.A.T + self.c + np.abs(points @ self.n.T + self.d) @ self.kappa)

    def distance(self, other: CanonicalForm, symmetries: Iterable[Symmetry] = ()) -> float:
        """The root mean square of f - g over the box and the outputs.

        Exact (up to rounding) in one and two dimensions, where f - g is integrated cell by cell; on 2^13
        Sobol points above. With `symmetries`, the smallest over f's images under them.

        Raises:
            InputError: for another box or another number of outputs.

        Examples:
            >>> f = canonical_form(Network([[[1.0]], [[1.0]]]))
            >>> g = canonical_form(Network([[[1.0], [-1.0]], [[1.0, 0.0]]]))
            >>> f.distance(g), round(f.distance(canonical_form(Network([[[0.0]]]))) ** 2, 12)
            (0.0, 0.166666666667)
        """
        return min(_rms(_subtract(image, other)) for image in self._images(symmetries))

    def parameter_distance(self, other: CanonicalForm, symmetries: Iterable[Symmetry] = ()) -> float:
        """The largest difference of matched parameters, in units of the output.

        Kinks are matched one to one, modulo the sign of (n, d), so that the sum over pairs of
        `max_B | kappa_j |n_j.x + d_j| - kappa_k |n_k.x + d_k| |` (bounded term by term) is least; a kink
        without a partner counts with its whole height. A and c count with the size of the box. It is 0 for
        equal forms, and unlike `distance` large for two kinks that nearly cancel.

        Raises:
            InputError: for another box or another number of outputs.

        Examples:
            >>> f, g = (canonical_form(Network([[[1.0]], [[v]]])) for v in (1.0, 1.5))
            >>> f.parameter_distance(g)
            0.25
        """
        return min(_parameter_distance(image, other) for image in self._images(symmetries))

    def equals(
        self, other: CanonicalForm, tolerance: float = EQUAL, symmetries: Iterable[Symmetry] = ()
    ) -> bool:
        """Whether both are the same form: `parameter_distance` at most `tolerance` times the larger scale.

        Raises:
            InputError: for another box or another number of outputs.

        Examples:
            >>> f, g = (canonical_form(Network([[[w]], [[1 / w]]])) for w in (1.0, 3.0))
            >>> f.equals(g)
            True
        """
        limit = tolerance * max(self.scale, other.scale)
        return self.parameter_distance(other, symmetries) <= limit

    def transform(self, symmetry: Symmetry) -> CanonicalForm:
        """The form of x -> f(symmetry(x)).

        Raises:
            InputError: where the symmetry is over other inputs or moves the box.

        Examples:
            >>> canonical_form(Network([[[1.0, 2.0]]])).transform(Symmetry.parse(["x2", "-x1"])).A.tolist()
            [[-2.0, 1.0]]
        """
        if len(symmetry.permutation) != self.inputs:
            raise InputError(f"{symmetry} is not over the form's {self.inputs} inputs")
        bounds = np.array(self.box)
        for k, (p, s) in enumerate(zip(symmetry.permutation, symmetry.signs, strict=True)):
            image = s * bounds[p][::s]
            if not np.array_equal(image, bounds[k]):
                raise InputError(
                    f"{symmetry} moves the box {self.box}: compare on a box that it leaves in place"
                )
        A, n = np.zeros_like(self.A), np.zeros_like(self.n)
        A[:, list(symmetry.permutation)] = self.A * np.array(symmetry.signs)
        n[:, list(symmetry.permutation)] = self.n * np.array(symmetry.signs)
        return _ordered(A, self.c, n, self.d, self.kappa, self.box, self.sides, self.rounding)

    def quotient(self, symmetries: Iterable[Symmetry]) -> CanonicalForm:
        """One representative of the form's class modulo input symmetries: the least image in a fixed order.

        Compare classes by `equals(other, symmetries=...)`, which needs no ties broken; the representative is
        for display and grouping.
        """
        return min(self._images(symmetries), key=_order_key)

    def simplify(self, tolerance: float) -> CanonicalForm:
        """A form with fewer kinks that differs by at most `tolerance` anywhere on the box.

        Greedy, cheapest step first: a kink j goes into kink k (or, where its plane nearly misses the box,
        into the affine part) at a cost of at most `|kappa_j| max_B |dn . x + dd|`; the costs of all steps add
        up to at most `tolerance`, in units of the output.

        Raises:
            InputError: for a tolerance below 0.

        Examples:
            >>> wiggly = canonical_form(Network([[[1.0], [1.0]], [[1.0, 1.0]]], [[0.0, 1e-5], None]))
            >>> wiggly.kinks, wiggly.simplify(1e-4).kinks
            (2, 1)
        """
        if not tolerance >= 0:
            raise InputError(f"tolerance {tolerance!r}: give a number of the output's units, 0 or more")
        return _simplified(self, tolerance)

    def neurons(self, bias: bool = True) -> NeuronCount:
        """The number of hidden neurons of the smallest ReLU network of this form, and whether it is proved.

        Raises:
            InputError: where `bias=False` and the form has an offset or a constant.

        Examples:
            >>> canonical_form(Network([[[1.0]]])).neurons(bias=False)
            NeuronCount(count=2, proved=True)
        """
        plan = smallest_plan(self, bias)
        return NeuronCount(plan.count, plan.proved)

    def to_network(self, bias: bool = True) -> Network:
        """The smallest ReLU network of this form on the box (docs/understand/normalform.md, The fewest neurons).

        Every kink takes one neuron v relu(+-(n.x + d)) with v = 2 kappa, which carries the affine part
        +-kappa (n.x + d) along. With biases, what is then left of A takes as many always-on neurons as it has
        rank. Without, it takes one more neuron for every kink whose both sides are used (any multiple of
        n_j), and a pair relu(z), relu(-z) for every further rank. The sides are chosen to make this least:
        the network's own, else all of them, by meeting in the middle; beyond 40 kinks (12 with several
        outputs) the count is `proved` only where it meets its lower bound.

        Args:
            bias: whether neurons and read-out may have biases.

        Raises:
            InputError: where `bias=False` and the form has an offset or a constant.

        Examples:
            >>> canonical_form(Network([[[1.0], [-1.0]], [[1.0, -1.0]]])).to_network(bias=True)
            Network(1-1-1, relu, bias)
        """
        return build_network(self, smallest_plan(self, bias), bias)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON; `from_dict` is its inverse."""
        arrays = {name: getattr(self, name).tolist() for name in ("A", "c", "n", "d", "kappa", "sides")}
        return {**arrays, "box": [list(pair) for pair in self.box], "rounding": self.rounding}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CanonicalForm:
        """The form that `to_dict` wrote.

        Raises:
            InputError: where a key is missing or a shape does not fit.

        Examples:
            >>> form = canonical_form(Network([[[2.0]], [[1.0]]]))
            >>> CanonicalForm.from_dict(form.to_dict()).equals(form, tolerance=0.0)
            True
        """
        try:
            A = np.array(data["A"], dtype=float)
            K, (out, d) = len(data["d"]), A.shape
            shapes = {"c": (out,), "n": (K, d), "d": (K,), "kappa": (K, out), "sides": (K,)}
            rest = {name: np.array(data[name], dtype=float).reshape(shape) for name, shape in shapes.items()}
            form = cls(A=A, **rest, box=as_box(data["box"], d), rounding=float(data["rounding"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"not a canonical form ({error}): give what CanonicalForm.to_dict() returned"
            ) from error
        return _read_only(form)

    def _images(self, symmetries: Iterable[Symmetry]) -> list[CanonicalForm]:
        return [self, *(self.transform(symmetry) for symmetry in symmetries)]

    def text(self, digits: int = 4) -> list[str]:
        """One line per output, such as `0.5 x1 + 0.5 x2 - 0.7071 |0.7071 x1 - 0.7071 x2|`."""
        return [_line(self, output, digits) for output in range(self.outputs)]

    def __repr__(self) -> str:
        if self.kinks > 6 or self.outputs > 3:
            body = f"{self.kinks} kinks, {self.inputs} -> {self.outputs}"
        else:
            body = "; ".join(self.text())
        return f"CanonicalForm({body}, on {_box_text(self.box)})"

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(f"y{k + 1} = {line}") for k, line in enumerate(self.text()))
        head = "".join(f"<th>{name}</th>" for name in ("kink", "kappa"))
        rows = ""
        for n, d, kappa in zip(self.n, self.d, self.kappa, strict=True):
            place, size = f"{_affine_text(n, d, 4)} = 0", ", ".join(f"{v:.4g}" for v in kappa)
            rows += f"<tr><td>{html.escape(place)}</td><td>{html.escape(size)}</td></tr>"
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if self.kinks else ""
        return f"<div><p>{lines} on {html.escape(_box_text(self.box))}</p>{table}</div>"


def canonical_form(network: Network | HasNetwork, *, box: BoxLike = (-1.0, 1.0)) -> CanonicalForm:
    """The normal form of a network with at most one ReLU (or leaky ReLU) layer, on a box.

    Purely linear layers before and behind it are multiplied out. Hyperplanes that coincide to rounding
    (`ROUNDING`, relative to their size on the box) are one kink; a kink is dropped only where all of its
    kappa vanishes to rounding against the terms it is summed from; a hyperplane that touches the box only to
    rounding is outside.

    Args:
        network: a Network or anything with `to_network()`.
        box: (low, high), or one pair per input.

    Raises:
        InputError: for another activation, or more than one hidden layer with an activation.

    Examples:
        >>> f = canonical_form(Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]]))
        >>> g = canonical_form(Network([[[2, -2], [-3, 3], [1, 1], [-1, -1]], [[-0.25, -1 / 6, 0.5, -0.5]]]))
        >>> f.equals(g), f.kinks
        (True, 1)
    """
    network = as_network(network)
    bounds = as_box(box, network.inputs)
    W, b, slope, V, c = _one_layer(network)
    reach = np.abs(np.array(bounds)).max(axis=1)
    mid, half = np.array(bounds).mean(axis=1), np.diff(np.array(bounds), axis=1)[:, 0] / 2

    # What one neuron is on the box: outside its range of sign changes it is affine.
    size = np.abs(W) @ reach + np.abs(b)
    middle, spread = W @ mid + b, np.abs(W) @ half
    kinked = spread - np.abs(middle) > ROUNDING * size
    # An affine neuron is z or slope z; without weights it is the constant of that side.
    factor = np.where(kinked, (1 + slope) / 2, np.where(middle > 0, 1.0, slope))
    A = (V * factor) @ W
    constant = c + (V * factor) @ b
    total = np.abs(V) @ size + np.abs(c)

    kinked &= slope != 1
    W, b, V = W[kinked], b[kinked], V[:, kinked]
    slope, size = slope[kinked], size[kinked]
    # Lengths after division by the largest entry: squares of tiny weights would underflow.
    peak = np.abs(W).max(axis=1, initial=0.0)
    length = peak * np.linalg.norm(W / peak[:, None], axis=1)
    n, d = W / length[:, None], b / length
    mass = (V * ((1 - slope) / 2) * length).T  # [m, out], a neuron's share of kappa
    group, sign = _coincident(n, d, size / length, reach)
    K = int(group.max(initial=-1)) + 1
    kappa, terms, plus = (np.zeros((K, V.shape[0])) for _ in range(3))
    np.add.at(kappa, group, mass)
    np.add.at(terms, group, np.abs(mass))
    np.add.at(plus, group, np.abs(mass) * sign[:, None])
    first = np.zeros(K, dtype=np.intp)
    first[group[::-1]] = np.arange(len(group))[::-1]
    kappa[np.abs(kappa) <= ROUNDING * terms] = 0.0
    kept = np.abs(kappa).max(axis=1, initial=0.0) > 0
    weight = terms.sum(axis=1)
    sides = np.divide(plus.sum(axis=1), weight, out=np.zeros(K), where=weight > 0)
    rounding = ROUNDING * float(total.max())
    return _ordered(A, constant, n[first][kept], d[first][kept], kappa[kept], bounds, sides[kept], rounding)


def one_layer(network: Network) -> PiecewiseLinear:
    """A network with at most one ReLU (or leaky ReLU) layer as a composition of at most one.

    Raises:
        InputError: for another activation, or more than one hidden layer with an activation.

    Examples:
        >>> len(one_layer(Network([[[1.0]], [[2.0]]])).layers), len(one_layer(Network([[[1.0]]])).layers)
        (1, 0)
    """
    for name in network.activations:
        if name not in ("relu", "identity") and leaky_slope(name) is None:
            raise InputError(
                f"the normal form is of ReLU networks, this one has {name}: compare such networks by "
                "certify(network, other) or by their activations"
            )
    if len(network.architecture.active) > 1:
        raise InputError(
            f"{network!r} has {len(network.architecture.active)} ReLU layers, the normal form is of one: use "
            "normalise_layers(network, box) for its layers and certify(network, other) to compare functions"
        )
    return from_network(network)


def _one_layer(network: Network) -> tuple[Array, Array, Array, Array, Array]:
    """Weights W [m, d], biases b [m], slopes [m], read-out V [out, m] and c [out].

    A linear network's inputs are neurons of slope 1.
    """
    f = one_layer(network)
    d = f.inputs
    if not f.layers:
        return np.eye(d), np.zeros(d), np.ones(d), f.readout, f.offset
    layer = f.layers[0]
    return layer.weights, layer.bias, layer.slope, f.readout[:, d:], f.offset


def _coincident(n: Array, d: Array, height: Array, reach: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """Group numbers [m] of hyperplanes that coincide to rounding, and signs [m] against the group's first."""
    m = len(d)
    group, sign = np.arange(m), np.ones(m)
    if m < 2:
        return group, sign
    scaled = np.concatenate([n * reach, d[:, None]], axis=1)
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    cosine = unit @ unit.T
    # A screen only: vectors that differ by `ROUNDING` have 1 - |cos| below 1e-15.
    rows, columns = np.nonzero(np.triu(np.abs(cosine) > 1 - PARALLEL, 1))
    if not len(rows):
        return group, sign
    s = np.sign(cosine[rows, columns])
    apart = np.abs(scaled[rows] - s[:, None] * scaled[columns]).sum(axis=1)
    close = apart <= ROUNDING * np.maximum(height[rows], height[columns])
    for i, j, same in zip(rows[close], columns[close], s[close], strict=True):
        if group[i] != group[j]:
            joined, kept = (group[j], group[i]) if group[i] < group[j] else (group[i], group[j])
            turn = same * sign[i] * sign[j]
            members = group == joined
            sign[members] *= turn
            group[members] = kept
    _, numbers = np.unique(group, return_inverse=True)
    return numbers, sign


def _ordered(
    A: Array, c: Array, n: Array, d: Array, kappa: Array, box: Box, sides: Array, rounding: float
) -> CanonicalForm:
    """The form with its display signs and order."""
    if len(d):
        # The first entry above a millionth leads: rounding noise must not choose the sign.
        lead = np.take_along_axis(n, (np.abs(n) > LEADING).argmax(axis=1)[:, None], 1)[:, 0]
        sign = np.where(lead < 0, -1.0, 1.0)
        n, d, sides = n * sign[:, None], d * sign, sides * sign
        # Nine digits, so that rounding does not reorder what is equal.
        order = np.lexsort(np.round(np.concatenate([-n, d[:, None]], axis=1), 9).T[::-1])
        n, d, kappa, sides = n[order], d[order], kappa[order], sides[order]
    # Adding zero turns -0.0, which would print as "-0", into 0.0.
    return _read_only(
        CanonicalForm(A + 0.0, c + 0.0, n + 0.0, d + 0.0, kappa + 0.0, box, sides + 0.0, rounding)
    )


def _read_only(form: CanonicalForm) -> CanonicalForm:
    for name in ("A", "c", "n", "d", "kappa", "sides"):
        getattr(form, name).setflags(write=False)
    return form


def _order_key(form: CanonicalForm) -> tuple[float, ...]:
    arrays = (form.A, form.n, form.d, form.kappa, form.c)
    return tuple(float(v) + 0.0 for array in arrays for v in np.round(array, 9).ravel())


def _check_comparable(f: CanonicalForm, g: CanonicalForm) -> None:
    if f.box != g.box or f.outputs != g.outputs:
        raise InputError(
            f"forms of {f.outputs} outputs on {f.box} and of {g.outputs} on {g.box} cannot be compared: take "
            "both on one box, from networks with the same inputs and outputs"
        )


def _subtract(f: CanonicalForm, g: CanonicalForm) -> CanonicalForm:
    """f - g; coincident kinks may stay side by side, which no integral minds."""
    _check_comparable(f, g)
    n, d = np.concatenate([f.n, g.n]), np.concatenate([f.d, g.d])
    kappa, sides = np.concatenate([f.kappa, -g.kappa]), np.concatenate([f.sides, g.sides])
    return CanonicalForm(f.A - g.A, f.c - g.c, n, d, kappa, f.box, sides, max(f.rounding, g.rounding))


def _composition(form: CanonicalForm) -> PiecewiseLinear:
    """The form as units of slope -1, which is |z|."""
    layer = UnitLayer(form.n, form.d, -np.ones(form.kinks))
    return PiecewiseLinear(form.inputs, (layer,), np.concatenate([form.A, form.kappa.T], axis=1), form.c)


def _rms(h: CanonicalForm) -> float:
    """The root mean square of h over its box and its outputs."""
    if h.inputs > 2:
        return float(np.sqrt(np.mean(h(sobol_points(h.box, 13)) ** 2)))
    try:
        cells = polygon_cells(_composition(h), h.box)
    except TooManyCells:
        return float(np.sqrt(np.mean(h(sobol_points(h.box, 16)) ** 2)))
    V, f = cells.vertices, cells.values()
    volume = np.prod(np.diff(np.array(h.box), axis=1))
    if h.inputs == 1:
        # Simpson's rule: exact for a square of an affine function.
        a, b = f[:, 0], f[:, 1]
        integral = (np.abs(V[:, 1, 0] - V[:, 0, 0])[:, None] * (a * a + a * b + b * b) / 3).sum(axis=0)
    else:
        # A fan of triangles per polygon; the mean of squares of an affine function with corner values a, b, c
        # on a triangle is (aa + bb + cc + ab + bc + ca) / 6. Padded corners give empty triangles.
        p, q, r = V[:, :1], V[:, 1:-1], V[:, 2:]
        u, w = q - p, r - p
        area = np.abs(u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]) / 2
        a, b, c = f[:, :1], f[:, 1:-1], f[:, 2:]
        integral = (area[..., None] * (a * a + b * b + c * c + a * b + b * c + c * a) / 6).sum(axis=(0, 1))
    return float(np.sqrt(max(float(np.mean(integral)), 0.0) / volume))


def _parameter_distance(f: CanonicalForm, g: CanonicalForm) -> float:
    from scipy.optimize import linear_sum_assignment

    _check_comparable(f, g)
    reach = np.abs(np.array(f.box)).max(axis=1)
    affine = np.abs(f.A - g.A) @ reach + np.abs(f.c - g.c)
    high_f, high_g = (np.abs(h.n) @ reach + np.abs(h.d) for h in (f, g))
    alone_f = high_f * np.abs(f.kappa).max(axis=1, initial=0.0)
    alone_g = high_g * np.abs(g.kappa).max(axis=1, initial=0.0)
    if not f.kinks or not g.kinks:
        return float(max(affine.max(), alone_f.max(initial=0.0), alone_g.max(initial=0.0)))
    apart = np.minimum(*(
        np.abs(f.n[:, None] - s * g.n) @ reach + np.abs(f.d[:, None] - s * g.d) for s in (1.0, -1.0)
    ))  # fmt: skip
    least = np.minimum(np.abs(f.kappa).max(axis=1)[:, None], np.abs(g.kappa).max(axis=1)[None])
    change = np.abs(f.kappa[:, None] - g.kappa).max(axis=2)
    cost = least * apart + change * np.maximum(high_f[:, None], high_g[None])
    # Every kink may also stay alone: a square problem with the lone costs beside.
    K, L = cost.shape
    both = np.full((K + L, K + L), 0.0)
    both[:K, :L] = cost
    both[:K, L:] = alone_f[:, None]
    both[K:, :L] = alone_g[None]
    rows, columns = linear_sum_assignment(both)
    return float(max(affine.max(), both[rows, columns].max()))


def _simplified(form: CanonicalForm, tolerance: float) -> CanonicalForm:
    A, c, n, d, kappa = (getattr(form, name).copy() for name in ("A", "c", "n", "d", "kappa"))
    sides, spent = form.sides.copy(), 0.0
    bounds = np.array(form.box)
    mid, half = bounds.mean(axis=1), np.diff(bounds, axis=1)[:, 0] / 2
    while len(d):
        K, weight = len(d), np.abs(kappa).max(axis=1)
        # Into another kink: |z_j| becomes |z_k|, at a cost of max |z_j -+ z_k| over the box.
        apart = [(n[:, None] - s * n, d[:, None] - s * d) for s in (1.0, -1.0)]
        merge = np.stack([np.abs(dn @ mid + dd) + np.abs(dn) @ half for dn, dd in apart])
        into = merge.min(axis=0) * weight[:, None]
        np.fill_diagonal(into, np.inf)
        # Into the affine part: |z| = +-z but for twice what z has of the other sign.
        middle, spread = n @ mid + d, np.abs(n) @ half
        flat = 2 * np.maximum(spread - np.abs(middle), 0.0) * weight
        # Or dropped: |z| lies between 0 and its largest value, so half of that is the best constant.
        drop = (np.abs(middle) + spread) / 2 * weight
        options = np.concatenate([into, flat[:, None], drop[:, None]], axis=1)
        j, k = np.unravel_index(int(options.argmin()), options.shape)
        if not spent + options[j, k] <= tolerance:
            break
        spent += float(options[j, k])
        if k < K:
            kappa[k] += kappa[j]
        elif k == K:
            sign = 1.0 if middle[j] > 0 else -1.0
            A, c = A + sign * np.outer(kappa[j], n[j]), c + sign * d[j] * kappa[j]
        else:
            c = c + (abs(middle[j]) + spread[j]) / 2 * kappa[j]
        kept = np.arange(K) != j
        n, d, kappa, sides = n[kept], d[kept], kappa[kept], sides[kept]
        vanished = np.abs(kappa).max(axis=1, initial=0.0) == 0
        n, d, kappa, sides = n[~vanished], d[~vanished], kappa[~vanished], sides[~vanished]
    return _ordered(A, c, n, d, kappa, form.box, sides, form.rounding)


def _affine_text(coefficients: Sequence[float] | Array, constant: float, digits: int) -> str:
    terms = [(float(v), f"x{k + 1}") for k, v in enumerate(coefficients)] + [(float(constant), "")]
    return _join_terms(terms, digits)


def _join_terms(terms: list[tuple[float, str]], digits: int) -> str:
    shown = [(value, name) for value, name in terms if abs(value) >= 0.5 * 10.0**-digits]
    text = ""
    for value, name in shown:
        size = f"{abs(value):.{digits}g}"
        body = name if size == "1" and name else f"{size} {name}".strip()
        text += (f" {'-' if value < 0 else '+'} " if text else "-" if value < 0 else "") + body
    return text or "0"


def _line(form: CanonicalForm, output: int, digits: int) -> str:
    terms = [(float(v), f"x{k + 1}") for k, v in enumerate(form.A[output])] + [(float(form.c[output]), "")]
    for n, d, kappa in zip(form.n, form.d, form.kappa[:, output], strict=True):
        terms.append((float(kappa), f"|{_affine_text(n, d, digits)}|"))
    return _join_terms(terms, digits)


def _box_text(box: Box) -> str:
    pairs = [f"[{low:g}, {high:g}]" for low, high in box]
    return f"{pairs[0]}^{len(box)}" if len(set(pairs)) == 1 and len(box) > 1 else " x ".join(pairs)
