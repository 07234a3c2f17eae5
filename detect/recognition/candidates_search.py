"""Candidates: circuits that recur across networks and are in no catalogue, with an entry ready to be added.

The catalogue grows from evidence (docs/understand/similarity.md, Circuits): where several networks implement a function
in one way that has no name, or compute one function that has none, that is a candidate. Networks are compared by their
effective weights, hyperplane by hyperplane and side by side (`gauges.py`), so that permutation, rescaling, splitting
and dead neurons do not tell them apart.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..exact.certificates import certify
from ..exact.criteria import SAME_GAUGE
from ..exact.hyperplanes import near_planes
from ..exact.piecewise import is_piecewise_linear
from ..exact.reduced import Reduced, reduce_network
from ..features.criteria import SAME_NUMBER
from ..features.formulas import Formula
from ..features.rationals import simple
from ..features.symmetry import Symmetry, mirrored
from ..networks.box import Box, BoxLike, as_box
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.criteria import EQUAL
from .criteria import RECURRING_FRACTIONS, TRAINING_NOISE
from .gauges import gauge_of
from .search import recognise
from .templates import Circuit, Circuits, circuits

Array = npt.NDArray[np.float64]

#: A circuit that occurs once is no recurrence.
LEAST = 2


@dataclass(frozen=True, eq=False, repr=False)
class Candidate:
    """A circuit that recurs and is not in the catalogue.

    Attributes:
        formula: one per output, as its neurons write it, constants snapped to simple rationals.
        network: the weights of that formula.
        count: how many of the networks have it; networks: their positions.
        circuit: the catalogue's circuit of the same function, on the network's own inputs in their order; None
            where the function is new.
        error: the snapped network differs from its members by at most this anywhere on the box (certified);
            NaN where they are variables of deeper networks.

    Examples:
        >>> net = Network([[[1.0, -3.0], [-1.0, 3.0]], [[1.0, 1.0]]])
        >>> (found,) = candidates([net, net])
        >>> found, found.name.startswith("candidate-"), found.toml.splitlines()[0]
        (Candidate('3 * abs(1 / 3 * x1 - x2)', 2 networks), True, '[[circuit]]')
    """

    formula: tuple[Formula, ...]
    network: Network
    count: int
    networks: tuple[int, ...]
    circuit: Circuit | None
    error: float
    box: Box = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """The formula as one text; several outputs are separated by `; `."""
        return "; ".join(f.text for f in self.formula)

    @property
    def name(self) -> str:
        """The name of its entry: of the known circuit, or one made from the formula's digest."""
        if self.circuit is not None:
            return self.circuit.name
        return f"candidate-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"

    @property
    def toml(self) -> str:
        """A TOML entry: a [[gauge]] of a known circuit, or a [[circuit]] of its own."""
        return self.entry(f"recurs in {self.count} networks")

    def entry(self, evidence: str) -> str:
        """`toml` with this evidence as its source, which the catalogue shows beside the circuit.

        Examples:
            >>> net = Network([[[1.0, -3.0], [-1.0, 3.0]], [[1.0, 1.0]]])
            >>> candidates([net, net])[0].entry("2 of 9 networks").splitlines()[-1]
            'source = "2 of 9 networks"'
        """
        quoted = json.dumps
        source = quoted(evidence)
        if self.circuit is not None:
            lines = ["[[gauge]]", f"circuit = {quoted(self.name)}", f"name = {quoted(self.text)}"]
        else:
            texts = ", ".join(quoted(f.text) for f in self.formula)
            lines = ["[[circuit]]", f"name = {quoted(self.name)}", f"formula = [{texts}]"]
        lines.append(f"weights = {[w.tolist() for w in self.network.weights]}")
        if self.network.biases is not None:
            lines.append(f"biases = {[b.tolist() for b in self.network.biases]}")
        return "\n".join([*lines, f"source = {source}"]) + "\n"

    def __repr__(self) -> str:
        what = f", a gauge of {self.circuit.name}" if self.circuit is not None else ""
        return f"Candidate({self.text!r}{what}, {self.count} networks)"

    def _repr_html_(self) -> str:
        rows = {
            "formula": self.text,
            "circuit": self.circuit.name if self.circuit else "a new function",
            "networks": f"{self.count}: {', '.join(map(str, self.networks))}",
            "largest error": f"{self.error:.3g}",
            "entry": self.toml,
        }
        cells = "".join(f"<tr><th>{k}</th><td><pre>{html.escape(v)}</pre></td></tr>" for k, v in rows.items())
        return f"<table>{cells}</table>"


@dataclass(frozen=True, eq=False)
class _Item:
    """One network, or one variable of a deeper one, that the catalogue has no name for."""

    network: int
    images: tuple[Reduced, ...]
    circuit: Circuit | None
    source: Network | None

    @property
    def unit(self) -> float:
        """The effective weight that distances are relative to: the known circuit's own, else the item's."""
        return (
            self.images[0].size
            if self.circuit is None
            else reduce_network(self.circuit, box=self.images[0].box).size
        )


def candidates(
    networks: Sequence[Network | HasNetwork],
    *,
    box: BoxLike = (-1.0, 1.0),
    catalogue: Circuits | None = None,
    min_count: int = LEAST,
    symmetries: Iterable[Symmetry] = (),
) -> list[Candidate]:
    """The circuits that recur across networks and that the catalogue has no name for, most frequent first.

    Of a network with one hidden layer the whole is taken, of a deeper one each variable behind the first hidden
    layer. Networks are grouped around the one with the most others within 0.05 of it, relative to the largest
    effective weight; a group's mean is snapped to rationals with denominators up to 12.

    Args:
        networks: ReLU networks with the same number of inputs.
        box: (low, high), or one pair per input.
        catalogue: circuits; by default the installed ones.
        min_count: how many networks make a candidate.
        symmetries: input symmetries; networks that they turn into each other are one.

    Raises:
        InputError: where the networks' inputs differ, or `min_count` is below 1.

    Examples:
        >>> half = Network([[[1, -1], [-2, 2], [1, 1], [-1, -1]], [[-0.5, -0.25, 0.5, -0.5]]])
        >>> smaller = circuits.without("minimum", "1/2 (x1 + x2) - 1/2 |x1 - x2|")
        >>> found = candidates([half, half], catalogue=smaller)
        >>> found
        [Candidate('0.5 * x1 + 0.5 * x2 - 0.5 * abs(x1 - x2)', a gauge of minimum, 2 networks)]
        >>> candidates([half, half])
        []
    """
    if min_count < 1:
        raise InputError(
            f"min_count {min_count}: give the number of networks that make a candidate, at least 1"
        )
    nets = [as_network(network) for network in networks]
    if len({net.inputs for net in nets}) > 1:
        raise InputError(
            f"networks of {', '.join(str(n) for n in sorted({net.inputs for net in nets}))} inputs: give networks "
            "of one task, with the same inputs"
        )
    if not nets:
        return []
    bounds = as_box(box, nets[0].inputs)
    entries = circuits if catalogue is None else catalogue
    images = tuple(symmetries)
    items = [item for k, net in enumerate(nets) for item in _items(k, net, bounds, entries, images)]
    found = []
    for group in _groups(items):
        members = tuple(sorted({item.network for item, _ in group}))
        if len(members) >= min_count:
            candidate = _candidate(group, members, bounds)
            if candidate is not None:
                found.append(candidate)
    return sorted(found, key=lambda c: (-c.count, len(c.text)))


def network_of(reduced: Reduced) -> Network:
    """A network whose neurons are a reduced network's sides, pairs and, for its affine part, always-on ones.

    Examples:
        >>> network_of(reduce_network(Network([[[3.0], [-3.0]], [[1.0, 1.0]]]))).weights[0].tolist()
        [[1.0], [-1.0]]
    """
    rows: list[tuple[Array, float, Array]] = []
    for g in range(len(reduced.d)):
        top = float(np.abs(reduced.n[g]).max())
        n, d = reduced.n[g] / top, float(reduced.d[g]) / top
        for sign, weight in (
            (1.0, reduced.plus[g] + reduced.pair[g]),
            (-1.0, reduced.minus[g] - reduced.pair[g]),
        ):
            if weight.any():
                rows.append((sign * n, sign * d, weight * top))
    constant = reduced.constant.copy()
    low = np.array(reduced.box)[:, 0]
    for k in np.flatnonzero(np.abs(reduced.affine).max(axis=0, initial=0.0)).tolist():
        # One always-on neuron per input: z = relu(z - low) + low.
        unit = np.zeros(len(low))
        unit[k] = 1.0
        rows.append((unit, -float(low[k]), reduced.affine[:, k]))
        constant = constant + reduced.affine[:, k] * float(low[k])
    if not rows:
        return Network([np.zeros((len(constant), len(low)))], [constant])
    # Unit normals were divided out again: what that leaves of a half is 0.4999999999999999.
    W, b, V = (_unrounded(np.array([row[k] for row in rows])) for k in range(3))
    if not b.any() and not constant.any():
        return Network([W, V.T])
    return Network([W, V.T], [b, _unrounded(constant)])


def _items(
    number: int, network: Network, box: Box, known: Circuits, symmetries: tuple[Symmetry, ...]
) -> list[_Item]:
    if not is_piecewise_linear(network):
        return []
    if len(network.architecture.active) == 1:
        gauge = gauge_of(network, box=box, symmetries=symmetries, catalogue=known)
        if gauge.name is not None:
            return []
        in_order = gauge.on == tuple(f"x{k + 1}" for k in range(network.inputs))
        circuit = gauge.circuit if in_order else None
        factor = 1 / gauge.scale if circuit is not None else 1.0
        scaled = _scaled(network, factor)
        images = (scaled, *(mirrored(scaled, symmetry) for symmetry in symmetries))
        return [_Item(number, tuple(reduce_network(i, box=box) for i in images), circuit, scaled)]
    if len(network.architecture.active) < 2:
        return []
    return _inner(number, network, box, known, symmetries)


def _inner(
    number: int, network: Network, box: Box, known: Circuits, symmetries: tuple[Symmetry, ...]
) -> list[_Item]:
    """The variables behind the first hidden layer of a deeper network that no template is."""
    block = network.architecture.active[1]
    named = [f for f in recognise(network, box, known, None) if f.level == 1 and not f.final]
    weights, biases = network.weights[: block + 1], network.bias_vectors[: block + 1]
    items: list[_Item] = []
    for j in range(len(weights[-1])):
        head = Network(
            [*weights[:-1], weights[-1][j : j + 1]],
            [*biases[:-1], biases[-1][j : j + 1]],
            network.activations[:block],
        )
        reduced = reduce_network(head, box=box)
        if not len(reduced.d) or reduced.size == 0 or any(_spans(f.units, j) for f in named):
            continue
        # Up to scale: a variable's own is its reader's to choose. The strongest weight is made positive.
        factor = 1 / reduced.size
        parts = np.concatenate([reduced.plus.ravel(), reduced.minus.ravel(), reduced.pair.ravel()])
        factor *= float(np.sign(parts[int(np.abs(parts).argmax())])) or 1.0
        head = _scaled(head, factor)
        images = (head, *(mirrored(head, symmetry) for symmetry in symmetries))
        items.append(_Item(number, tuple(reduce_network(i, box=box) for i in images), None, None))
    return items


def _spans(units: Array, j: int) -> bool:
    """Whether a recognised combination is made of that variable alone, or of it and others."""
    return bool(abs(units[j]) > SAME_GAUGE * np.abs(units).max())


def _groups(items: list[_Item]) -> list[list[tuple[_Item, Reduced]]]:
    """Items around the one with the most others nearby, again and again; each with its nearest image."""
    free = list(range(len(items)))
    near: dict[tuple[int, int], int] = {}
    units, (lengths, longest) = [item.unit for item in items], _lengths(items)
    for i in free:
        # What cannot be near is told apart at once: few of all pairs are left.
        least = np.abs(lengths - lengths[i, :1]).max(axis=2, initial=0.0).min(axis=1)
        for j in np.flatnonzero(least <= SAME_GAUGE * units[i] * longest).tolist():
            a, b = items[i], items[j]
            same = a.images[0].plus.shape[1] == b.images[0].plus.shape[1]
            if not same or (a.circuit is None) != (b.circuit is None):
                continue
            if a.circuit is not None and b.circuit is not None and a.circuit.name != b.circuit.name:
                continue
            distances = [image.distance(a.images[0], units[i], most=SAME_GAUGE) for image in b.images]
            k = int(np.argmin(distances))
            if distances[k] <= SAME_GAUGE:
                near[i, j] = k
    groups = []
    while free:
        leader = max(free, key=lambda i: (sum((i, j) in near for j in free), -i))
        members = [j for j in free if (leader, j) in near]
        groups.append([(items[j], items[j].images[near[leader, j]]) for j in members])
        free = [j for j in free if j not in members]
    return groups


def _lengths(items: Sequence[_Item]) -> tuple[Array, float]:
    """[items, images, planes] their `Reduced.lengths`, zeros behind, and by how much they may exceed a distance."""
    every = [[(reduced.lengths, reduced.d) for reduced in item.images] for item in items]
    most = max((len(d) for images in every for _, d in images), default=0)
    table = [[np.pad(own, (0, most - len(own))) for own, _ in images] for images in every]
    furthest = max((float(np.abs(d).max(initial=0.0)) for images in every for _, d in images), default=0.0)
    return np.array(table), math.hypot(1.0, furthest) * (1 + EQUAL)


def _candidate(group: list[tuple[_Item, Reduced]], members: tuple[int, ...], box: Box) -> Candidate | None:
    circuit = group[0][0].circuit
    mean = _mean([reduced for _, reduced in group])
    onto = None if circuit is None else _onto(circuit, mean)
    # Where its sides are no simple shares the function is kept as it was found, and is nobody's gauge.
    circuit, snapped = (None, _snapped(mean)) if onto is None else (circuit, onto)
    outputs = range(snapped.plus.shape[1])
    try:
        formula = tuple(
            Formula(Formula(snapped.text(output=k, digits=EQUAL, exact=True)).text) for k in outputs
        )
    except InputError:
        return None
    network = network_of(snapped)
    if not all(node.arity for node in formula) or max(f.arity for f in formula) != network.inputs:
        return None
    errors = [
        math.nan if item.source is None else certify(item.source, network, box=box, time_limit=1.0).upper
        for item, _ in group
    ]
    return Candidate(formula, network, len(members), members, circuit, max(errors), box)


def _mean(parts: Sequence[Reduced]) -> Reduced:
    """The mean effective weights of networks of one gauge, on the first one's hyperplanes."""
    first = parts[0]
    sums = {name: getattr(first, name).copy() for name in ("plus", "minus", "pair")}
    planes = np.concatenate([first.n, first.d[:, None]], axis=1) * _weights(first)[:, None]
    affine, constant = first.affine.copy(), first.constant.copy()
    for other in parts[1:]:
        affine, constant = affine + other.affine, constant + other.constant
        free = list(range(len(other.d)))
        for g in np.argsort(-_weights(first), kind="stable").tolist():
            if not free:
                break
            own = np.append(first.n[g], first.d[g]) * _weights(first)[g]
            away = [
                min(
                    float(np.linalg.norm(own - s * np.append(other.n[k], other.d[k]) * _weights(other)[k]))
                    for s in (1.0, -1.0)
                )
                for k in free
            ]
            k = int(np.argmin(away))
            if away[k] > SAME_GAUGE * 2 * first.size:
                continue
            j = free.pop(k)
            s = 1.0 if first.n[g] @ other.n[j] >= 0 else -1.0
            planes[g] += s * np.append(other.n[j], other.d[j]) * _weights(other)[j]
            sums["plus"][g] += (other.plus if s > 0 else other.minus)[j]
            sums["minus"][g] += (other.minus if s > 0 else other.plus)[j]
            sums["pair"][g] += s * other.pair[j]
    count = len(parts)
    length = np.linalg.norm(planes[:, :-1], axis=1)
    planes = planes / np.where(length > 0, length, 1.0)[:, None]
    return replace(
        first, n=planes[:, :-1], d=planes[:, -1], plus=sums["plus"] / count, minus=sums["minus"] / count,
        pair=sums["pair"] / count, affine=affine / count, constant=constant / count,
    )  # fmt: skip


def _weights(reduced: Reduced) -> Array:
    parts = np.abs(reduced.plus) + np.abs(reduced.minus) + np.abs(reduced.pair)
    return np.asarray(parts.max(axis=1, initial=0.0))


def _onto(circuit: Circuit, mean: Reduced) -> Reduced | None:
    """The gauge of a known function that is nearest to the mean: simple shares, the affine part made to fit.

    None where a kink is missing or its share is not within 0.05 of a quarter, a third or a half, or where the
    lines that carry the affine part cannot carry what is left of it.
    """
    T = reduce_network(circuit, box=mean.box)
    kinked = np.abs(T.plus + T.minus).max(axis=1, initial=0.0) > 0
    linear = T.affine + (T.pair + (T.plus - T.minus) / 2).T @ T.n
    constant = T.constant + (T.pair + (T.plus - T.minus) / 2).T @ T.d
    n, d, mass = T.n[kinked], T.d[kinked], (T.plus + T.minus)[kinked]
    near = near_planes(mean.n, mean.d, n, d, mean.box)
    shares = np.full(mass.shape, np.nan)
    for k in range(len(d)):
        turned = np.where(mean.n @ n[k] < 0, True, False)
        plus = np.where(turned[:, None], mean.minus, mean.plus)[near[:, k]].sum(axis=0)
        minus = np.where(turned[:, None], mean.plus, mean.minus)[near[:, k]].sum(axis=0)
        held = np.abs(plus + minus) > 0
        share = np.where(held, plus / np.where(held, plus + minus, 1.0), np.nan)
        shares[k] = [simple(float(v), SAME_GAUGE, 4) if v == v else v for v in share]
        whole = np.where(np.isnan(shares[k]), np.nan, shares[k] * 12)
        bent = np.abs(mass[k]) > 0
        if np.isnan(shares[k][bent]).any() or np.abs(whole[bent] - np.round(whole[bent])).max() > EQUAL:
            return None
    shares = np.nan_to_num(shares)  # of outputs that do not bend there: their mass is 0
    plus, minus = shares * mass, (1 - shares) * mass
    linear = linear - ((plus - minus) / 2).T @ n
    constant = constant - ((plus - minus) / 2).T @ d
    # What is left goes through the mean's own pairs, else through always-on neurons.
    strong = np.abs(mean.pair).max(axis=1, initial=0.0) > TRAINING_NOISE * 2 * mean.size
    lines = np.array([[_near(v / np.abs(row).max()) for v in row] for row in mean.n[strong]])
    pair = np.zeros((0, mass.shape[1]))
    if strong.any():
        lines = lines / np.linalg.norm(lines, axis=1)[:, None]
        if len(lines) == 1 and np.linalg.matrix_rank(linear, tol=EQUAL) == 1:
            # A line within 10 degrees of what it has to carry is that line.
            row = linear[int(np.abs(linear).max(axis=1).argmax())]
            row = row / np.linalg.norm(row)
            lines = row[None] if abs(float(lines[0] @ row)) > math.cos(math.radians(10)) else lines
        pair = np.linalg.lstsq(lines.T, linear.T, rcond=None)[0]
        linear = linear - pair.T @ lines
    lines = lines.reshape(-1, n.shape[1])
    always = np.abs(mean.affine).max(initial=0.0) > TRAINING_NOISE * 2 * mean.size
    rest = np.abs(linear) > EQUAL * T.size
    if rest.any() and not always:
        return None
    none = np.zeros_like(pair)
    return Reduced(
        np.concatenate([n, lines]), np.concatenate([d, np.zeros(len(lines))]), np.concatenate([plus, none]),
        np.concatenate([minus, none]), np.concatenate([np.zeros_like(plus), pair]), np.where(rest, linear, 0.0),
        np.where(np.abs(constant) > EQUAL * T.size, constant, 0.0), mean.box,
    )  # fmt: skip


def _snapped(mean: Reduced) -> Reduced:
    """Simple rationals for all constants, faint terms dropped; an entry without one keeps four digits."""
    size = mean.size
    kept = np.flatnonzero(_weights(mean) > TRAINING_NOISE * size)
    n: list[Array] = []
    d: list[float] = []
    plus: list[Array] = []
    minus: list[Array] = []
    pair: list[Array] = []
    for g in kept.tolist():
        top = float(np.abs(mean.n[g]).max())
        normal = np.array([_near(v / top) for v in mean.n[g]])
        offset = _near(float(mean.d[g]) / top)
        length = float(np.linalg.norm(normal))
        n.append(normal / length)
        d.append(offset / length)
        # Written as c relu(normal.x + offset), c is what has to be simple.
        for values, out in ((mean.plus, plus), (mean.minus, minus), (mean.pair, pair)):
            out.append(np.array([_near(v * top) for v in values[g]]) * length)
    inputs, outputs = mean.n.shape[1], mean.plus.shape[1]
    affine = np.array([[_near(v) for v in row] for row in mean.affine])
    constant = np.array([_near(v) for v in mean.constant])
    return Reduced(
        np.array(n).reshape(-1, inputs), np.array(d), np.array(plus).reshape(-1, outputs),
        np.array(minus).reshape(-1, outputs), np.array(pair).reshape(-1, outputs), affine, constant, mean.box,
    )  # fmt: skip


def _near(value: float) -> float:
    """The simplest fraction within what networks of one gauge differ by; up to quarters where it is loose."""
    for tolerance, most in RECURRING_FRACTIONS:
        found = simple(value, tolerance, most)
        if found != value or float(value).is_integer():
            return found
    return round(float(value), 4)


def _unrounded(values: Array) -> Array:
    """Simple fractions where rounding has blurred them."""
    flat = [simple(float(v), SAME_NUMBER) + 0.0 for v in values.ravel()]
    return np.array(flat).reshape(values.shape)


def _scaled(network: Network, factor: float) -> Network:
    *below, last = network.weights
    *shifts, shift = network.bias_vectors
    biases = [*shifts, factor * shift] if network.biases is not None else None
    return Network([*below, factor * last], biases, network.activations)
