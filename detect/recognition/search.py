"""Recognising circuits inside a network: which known function each of its variables is, and how it is built.

An output, a pre-activation of a deeper layer or a variable of a linear layer is a function of the layer below.
Level by level, from the inputs up, each is compared with every template of the catalogue on every choice of
arguments, up to scale and offset; so are combinations of a layer's variables, since the linear part that a pair
relu(z), relu(-z) passes on may lie oblique to what the layer computes. Behind the second hidden layer the
arguments may also be what was recognised one level below: the minimum of four is a minimum of two minima.

Three things are asked of a circuit (docs/mathematics.md, Circuits): the function agrees; the features are there
(behind one hidden layer the kinks lie where the template has them, the kink criterion); and what substituting the
template changes is certified.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import permutations
from math import perm
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..exact.certificates import certify
from ..exact.piecewise import is_piecewise_linear
from ..exact.reduced import SAME_GAUGE, Reduced, near_planes, reduce_arrays  # fmt: skip
from ..features.formulas import Formula
from ..features.printing import linear_text
from ..features.rationals import simple  # fmt: skip
from ..networks.box import Box, BoxLike, as_box
from ..networks.composition import padded, side_by_side
from ..networks.network import HasNetwork, Network, as_network
from ..networks.nonlinearities import apply_nonlinearity
from ..statistics.correlation import standardised
from .bound_templates import (
    MAX_CHOICES,
    SAME_KINK,
    BoundCircuit,
    Templates,
    bound_circuits,
    gauge_of_kinks,
    linear_carriers,
    planes_near,
    template_affine,
    template_heights,
    template_planes,
)
from .found import CIRCUIT_COLUMNS, FoundCircuit
from .gauges import SAME_FUNCTION, nearest_gauge, one_scale  # fmt: skip
from .templates import Circuit, Circuits, circuits
from .variables import ABSENT, Site, folded

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

#: Nodes of a search for a certificate: a network can hold many circuits.
_NODES = 1000
#: The kink criterion: the share of the variance off the affine functions that the template's own kinks have to
#: account for. Trained networks reach it in 93 to 97 of 100, lazy ones in 2 (docs/measurements.md, The kink
#: criterion of trained networks).
SAME_KINKS = 0.99
#: Combinations of variables: singular values below this share of the largest are rounding or training noise.
_RANK = 1e-6
#: A combination whose terms are this many times larger than what is left of them says nothing.
_CANCELLATION = 100.0
#: How exactly a form's numbers are meant; what they are off by together is in `certified`.
_WRITTEN = 1e-3


def find_circuits(
    analysis: Any,
    *,
    box: BoxLike | None = None,
    catalogue: Circuits | None = None,
    time_limit: float = 1.0,
) -> pd.DataFrame:
    """The catalogue's circuits inside a network, outputs first.

    Args:
        analysis: an Analysis, a Network or anything with `to_network()`.
        box: (low, high), or one pair per input; by default the analysis's, else (-1, 1).
        catalogue: circuits; by default the installed ones.
        time_limit: seconds for each certificate that has to be searched for (three inputs and more); it
            holds when it stops early.

    Returns:
        One row per circuit, columns `CIRCUIT_COLUMNS`. `on` are inputs or formulas of them. `certified` covers
        the arguments, where those are recognised circuits: they are substituted too. Networks that are not
        piecewise linear have none. `frame.attrs["skipped"]` names circuits with too many choices of inputs.

    Examples:
        >>> from ..features.task import derived_network
        >>> frame = find_circuits(derived_network("minimum-of-4"))
        >>> frame[["circuit", "on", "output"]].values.tolist()[:2]
        [['minimum-of-4', ('x1', 'x2', 'x3', 'x4'), 'y1'],
        ['minimum', ('min(x1, x2)', 'min(x3, x4)'), 'y1']]
        >>> frame[["circuit", "on", "output"]].values.tolist()[2:]
        [['minimum', ('x1', 'x2'), 'layer 1: z1'], ['minimum', ('x3', 'x4'), 'layer 1: z1 - z0']]
    """
    import pandas as pd

    network, bounds = network_and_box(analysis, box)
    entries = circuits if catalogue is None else catalogue
    found = recognise(network, bounds, entries, time_limit)
    on = np.empty(len(found), dtype=object)
    on[:] = [f.on for f in found]
    frame = pd.DataFrame(
        {
            "circuit": np.array([f.circuit.name for f in found], dtype=object),
            "on": on,
            "output": np.array([f.output for f in found], dtype=object),
            "form": np.array([f.form for f in found], dtype=object),
            "gauge": np.array([f.gauge for f in found], dtype=object),
            "distance": np.array([f.distance for f in found], dtype=np.float64),
            "certified": np.array([f.certified for f in found], dtype=np.float64),
        },
        columns=list(CIRCUIT_COLUMNS),
    )
    frame.attrs["skipped"] = bound_circuits(entries, network.inputs, bounds).skipped
    return frame


def network_and_box(analysis: Any, box: BoxLike | None) -> tuple[Network, Box]:
    """The network and the box of an Analysis, or of a network and (-1, 1)."""
    own = getattr(analysis, "network", None)
    if isinstance(own, Network) and not isinstance(analysis, HasNetwork):
        return own, as_box(analysis.box if box is None else box, own.inputs)
    network = as_network(analysis)
    return network, as_box((-1.0, 1.0) if box is None else box, network.inputs)


def recognise(
    network: Network, box: Box, known: Circuits, time_limit: float | None = 1.0
) -> tuple[FoundCircuit, ...]:
    """As `find_circuits`, as records; `time_limit` None leaves the certificates out."""
    if not is_piecewise_linear(network):
        return ()
    templates = bound_circuits(known, network.inputs, box)
    search = _Search(network, box, known, templates)
    found = search.run()
    if time_limit is not None:
        found = [replace(f, certified=search.certified(f, time_limit)) for f in found]
    return tuple(sorted(found, key=_place))


def _place(found: FoundCircuit) -> tuple[bool, bool, bool, bool, int]:
    """Outputs first, of those what is all of them, and a function of the inputs."""
    deeper = any(not isinstance(a, int) for a in found.arguments)
    return not found.final, not found.whole, found.circuit.outputs == 1, deeper, found.level


class _Search:
    """One network's walk from the inputs up."""

    def __init__(self, network: Network, box: Box, known: Circuits, templates: Templates) -> None:
        self.network, self.box, self.known, self.templates = network, box, known, templates
        self.layers, self.slopes, self.sites = folded(network)
        self.relu = not any(self.slopes)
        self.hidden = [templates.X]
        self.pre: list[Array] = []
        self.composed_at: dict[int, tuple[list[tuple[Circuit, tuple[FoundCircuit, ...]]], Array]] = {}
        for (W, b), slope in zip(self.layers[:-1], self.slopes, strict=True):
            self.pre.append(self.hidden[-1] @ W.T + b)
            name = "relu" if slope == 0 else f"leaky_relu({slope!r})"
            self.hidden.append(apply_nonlinearity(name, self.pre[-1]))
        self.flat = np.linalg.qr(np.column_stack([np.ones(len(templates.X)), templates.X]))[0]

    def run(self) -> list[FoundCircuit]:
        found: list[FoundCircuit] = []
        below: list[FoundCircuit] = []
        level = 0
        here: list[FoundCircuit] = []
        for site in self.sites:
            if site.level != level:
                level, below, here = site.level, here, []
            own = self.at(site, below, found)
            found += own
            if site.last:
                here = [f for f in own if f.circuit.outputs == 1]
        return found

    def at(self, site: Site, below: list[FoundCircuit], earlier: list[FoundCircuit]) -> list[FoundCircuit]:
        """What is recognised at a site; `below` are its level's possible arguments."""
        Z = self.hidden[site.level] @ site.M.T + site.m
        units = standardised(Z)
        found: list[FoundCircuit] = []
        for j in range(Z.shape[1]):
            one = np.zeros(Z.shape[1])
            one[j] = 1.0
            if not units[:, j].any():
                continue
            own = self.whole(site, one, Z[:, j], units[:, j], below, earlier)
            found += own or (self.parts(site, one, Z[:, j]) if site.level == 1 and site.final else [])
        if site.final:
            return found + self.several(site, Z)
        found = _largest_each(found)
        if Z.shape[1] > 1:
            found += self.combinations(site, Z, found, earlier)
        if site.level == 1:
            found += self.reconstructors(site, found)
        return found

    # Whole variables

    def whole(
        self,
        site: Site,
        units: Array,
        values: Array,
        unit_values: Array,
        below: list[FoundCircuit],
        earlier: list[FoundCircuit],
    ) -> list[FoundCircuit]:
        """A combination as a circuit of the inputs, and as one of the circuits found a level below."""
        found = []
        composed = self.composed(site, units, values, unit_values, below)
        r = unit_values @ self.templates.table
        hits = np.flatnonzero(1 - r * r <= SAME_FUNCTION)
        options = []
        for k in hits:
            bound = self.templates.single[k]
            if bound.circuit.depth <= max(site.level, 1) and self.kinks_agree(site, units, bound):
                options.append((float(1 - r[k] ** 2), r[k] < 0, int(k)))
        if options:
            least = min(option[0] for option in options)
            # 1e-7: rounding of 1 - r^2, and far below what tells two functions apart.
            equal = [o for o in options if o[0] <= least + 1e-7]
            equal = [o for o in equal if not o[1]] or equal
            chosen = self.by_structure(site, [self.templates.single[o[2]] for o in equal], composed, earlier)
            found.append(self.described(site, units, values, chosen, composed, earlier))
        return [*found, *composed]

    def by_structure(
        self,
        site: Site,
        options: Sequence[BoundCircuit],
        composed: list[FoundCircuit],
        earlier: list[FoundCircuit],
    ) -> BoundCircuit:
        """Of templates of one function the deeper one that this network is built like, else the shallowest."""
        own = _signature([*(f for f in earlier if f.level < site.level), *composed])
        for bound in options:
            if bound.circuit.depth == site.level > 1 and own == template_signature(bound.circuit, self.known):
                return bound
        return min(options, key=lambda bound: bound.circuit.depth)

    def kinks_agree(self, site: Site, units: Array, bound: BoundCircuit) -> bool:
        """Behind one hidden layer: whether the kinks that count lie where the template's are."""
        if site.level != 1:
            return True
        (W, b), V = self.layers[0], units @ site.M
        bends = np.abs(self.pre[0]) @ (V * (1 - self.slopes[0]) / 2)
        rest = bends - self.flat @ (self.flat.T @ bends)
        power = float(rest @ rest)
        spread = float(np.var(self.hidden[1] @ V)) * len(rest)
        # Where all of it is affine to within the tolerance the kinks cancel.
        if power <= SAME_FUNCTION * spread:
            return True
        template = template_planes(bound.circuit, bound.columns, self.network.inputs)
        live = np.abs(W).max(axis=1) > 0
        away = np.ones(len(W), dtype=bool)
        if len(template[1]):
            away[live] = ~planes_near(W[live], b[live], *template, self.box).any(axis=1)
        others = np.abs(self.pre[0][:, away]) @ (V[away] * (1 - self.slopes[0]) / 2)
        others = others - self.flat @ (self.flat.T @ others)
        return float(others @ others) <= (1 - SAME_KINKS) * power

    def composed(
        self, site: Site, units: Array, values: Array, unit_values: Array, below: list[FoundCircuit]
    ) -> list[FoundCircuit]:
        """A combination as a circuit of what was recognised one level below."""
        if site.level < 2 or not below:
            return []
        options, table = self.compositions(site.level, below)
        r = unit_values @ table
        hits = np.flatnonzero(1 - r * r <= SAME_FUNCTION).tolist()
        if not hits:
            return []
        # As for circuits of the inputs: the nearest, a positive one, the catalogue's order.
        circuit, arguments = options[
            min(hits, key=lambda k: (round(float(1 - r[k] ** 2), 7), bool(r[k] < 0), k))
        ]
        U = np.column_stack([_plain(a) for a in arguments])
        scale, offset = _fit(circuit.values(U)[:, 0], values)
        own = tuple(_as_argument(a) for a in arguments)
        found = self.record(site, units, values, circuit, own, scale, offset)
        names = [_bracketed(text) for text in found.on]
        local = self.local(site, units, U)
        if local is None:
            return [found]
        gauge, distance = nearest_gauge(local, circuit, range(len(arguments)), scale)
        return [replace(found, form=local.text(names, digits=_WRITTEN), gauge=gauge, distance=distance)]

    def compositions(
        self, level: int, below: list[FoundCircuit]
    ) -> tuple[list[tuple[Circuit, tuple[FoundCircuit, ...]]], Array]:
        """Every circuit on every choice of what was recognised a level below, and its values by column."""
        if level not in self.composed_at:
            options = []
            for circuit in self.known.values():
                too_many = perm(len(below), circuit.arity) > (1 + len(circuit.symmetry)) * MAX_CHOICES
                if circuit.depth > 1 or circuit.outputs > 1 or too_many:
                    continue
                for choice in permutations(range(len(below)), circuit.arity):
                    arguments = tuple(below[k] for k in choice)
                    # Circuits of inputs alone are compared as such.
                    if not all(_is_input(a) for a in arguments) and not any(
                        tuple(choice[k] for k in order) < choice for order in circuit.symmetry
                    ):
                        options.append((circuit, arguments))
            values = [c.values(np.column_stack([_plain(a) for a in args]))[:, 0] for c, args in options]
            table = np.column_stack(values) if values else np.zeros((len(self.templates.X), 0))
            self.composed_at[level] = options, standardised(table)
        return self.composed_at[level]

    def local(self, site: Site, units: Array, U: Array) -> Reduced | None:
        """The last hidden layer below a site as a function of variables U [n, r]; None where it is not one."""
        V = units @ site.M
        design = np.column_stack([U, np.ones(len(U))])
        pre, post = self.pre[site.level - 1], self.hidden[site.level]
        used = np.abs(V) * post.std(axis=0) > 1e-6 * max(float((np.abs(V) * post.std(axis=0)).max()), 1e-300)
        fit, *_ = np.linalg.lstsq(design, pre[:, used], rcond=None)
        rest = pre[:, used] - design @ fit
        if (rest.var(axis=0) > SAME_FUNCTION * pre[:, used].var(axis=0)).any():
            return None
        box = tuple((float(low), float(high)) for low, high in zip(U.min(axis=0), U.max(axis=0), strict=True))
        slope = np.full(int(used.sum()), self.slopes[site.level - 1])
        constant = np.array([units @ site.m])
        matrix, shift = np.asarray(fit[:-1].T, dtype=np.float64), np.asarray(fit[-1], dtype=np.float64)
        return reduce_arrays(matrix, shift, slope, V[None, used], constant, box)

    def described(
        self,
        site: Site,
        units: Array,
        values: Array,
        bound: BoundCircuit,
        composed: list[FoundCircuit],
        earlier: list[FoundCircuit],
    ) -> FoundCircuit:
        """The record of a circuit of the inputs, with its form, gauge and distance."""
        scale, offset = _fit(bound.values[:, 0], values)
        found = self.record(site, units, values, bound.circuit, bound.columns, scale, offset)
        if site.level == 1:
            reduced = self.reduced(site, units[None])
            gauge, distance = nearest_gauge(reduced, bound.circuit, bound.columns, scale)
            return replace(found, form=reduced.text(digits=_WRITTEN), gauge=gauge, distance=distance)
        if site.level == 0:
            return found
        form = composed[0].form if composed else found.form
        parts = [*(f for f in earlier if f.level < site.level), *composed]
        if _signature(parts) == template_signature(bound.circuit, self.known):
            worst = max((f.distance for f in parts), default=math.nan)
            return replace(found, form=form, gauge=bound.circuit.gauge, distance=worst)
        return replace(found, form=form)

    def reduced(self, site: Site, units: Array) -> Reduced:
        """The reduced network of combinations [k, u] behind the first hidden layer."""
        (W, b), slope = self.layers[0], self.slopes[0]
        return reduce_arrays(W, b, np.full(len(b), slope), units @ site.M, units @ site.m, self.box)

    def several(self, site: Site, Z: Array) -> list[FoundCircuit]:
        """Circuits of several outputs, each of which is one of the network's."""
        found = []
        for bound in self.templates.several:
            if bound.circuit.outputs > Z.shape[1] or bound.circuit.depth > site.level:
                continue
            r = standardised(Z).T @ standardised(bound.values)
            rows = [int(k) for k in r.argmax(axis=0)]
            if len(set(rows)) < len(rows):
                continue
            fit = one_scale(bound.values, Z[:, rows])
            if fit is None or fit[1] > SAME_FUNCTION or fit[0] < 0:
                continue
            scale = simple(fit[0], 3 * math.sqrt(fit[1]) + 1e-9)
            units = np.zeros((len(rows), Z.shape[1]))
            units[range(len(rows)), rows] = 1.0
            one = self.record(site, units, Z[:, rows], bound.circuit, bound.columns, scale, 0.0)
            if site.level == 1:
                reduced = self.reduced(site, units)
                gauge, distance = nearest_gauge(reduced, bound.circuit, bound.columns, scale)
                form = "; ".join(reduced.text(output=k, digits=_WRITTEN) for k in range(len(rows)))
                one = replace(one, form=form, gauge=gauge, distance=distance)
            found.append(one)
        return found

    # Combinations of a layer's variables

    def combinations(
        self, site: Site, Z: Array, found: list[FoundCircuit], earlier: list[FoundCircuit]
    ) -> list[FoundCircuit]:
        """Templates in the span of a layer's variables, as few of them as span what can be named.

        A layer that passes on all that is below it holds every function of that by tautology; there none is
        looked for.
        """
        centred = Z - Z.mean(axis=0)
        left, size, right = np.linalg.svd(centred, full_matrices=False)
        rank = int((size > _RANK * size[0]).sum()) if size[0] > 0 else 0
        H = self.hidden[site.level]
        above = np.linalg.svd(H - H.mean(axis=0), compute_uv=False)
        if rank < 2 or rank >= int((above > _RANK * above[0]).sum()):
            return []
        basis = left[:, :rank]
        coordinates = basis.T @ self.templates.table
        inside = 1 - (coordinates**2).sum(axis=0)
        options = []
        for k in np.flatnonzero(inside <= SAME_FUNCTION).tolist():
            bound = self.templates.single[k]
            if bound.circuit.depth > site.level:
                continue
            units = _sparse(
                right[:rank].T @ (coordinates[:, k] / size[:rank]), centred, self.templates.table[:, k]
            )
            combined = centred @ units
            terms = np.abs(units) * centred.std(axis=0)
            if terms.max() > _CANCELLATION * combined.std() or not self.kinks_agree(site, units, bound):
                continue
            used = int((np.abs(units) > ABSENT * np.abs(units).max()).sum())
            options.append((used, bound.circuit.arity, bound.circuit.depth, k, units))
        result: list[FoundCircuit] = []
        taken = [standardised(f.values[:, None])[:, 0] for f in found]
        for _, _, _, k, units in sorted(options, key=lambda option: option[:4]):
            unit = self.templates.table[:, k]
            if taken:
                have = np.column_stack(taken)
                fit, *_ = np.linalg.lstsq(have, unit, rcond=None)
                if float(((unit - have @ fit) ** 2).sum()) <= SAME_FUNCTION:
                    continue
            if len(taken) >= rank:
                break
            # The largest weight is 1, and the circuit positive.
            units = units / np.abs(units).max()
            if float(unit @ (centred @ units)) < 0:
                units = -units
            taken.append(unit)
            values = Z @ units
            result.append(self.described(site, units, values, self.templates.single[k], [], earlier))
        return result

    # Parts of a sum, among other neurons

    def parts(self, site: Site, units: Array, values: Array) -> list[FoundCircuit]:
        """Circuits that a variable is the sum of, beside what is left of it."""
        reduced = self.reduced(site, units[None])
        kappa = (reduced.plus + reduced.minus)[:, 0] / 2
        carried = (reduced.pair + (reduced.plus - reduced.minus) / 2)[:, 0]
        bent = np.abs(kappa) > 1e-9 * max(reduced.size, 1e-300)
        options = self.part_options(reduced, kappa, bent)
        takeable = {g for _, groups, _ in options for g in groups}
        affine = reduced.affine[0].copy()
        for g in range(len(kappa)):
            if not bool(bent[g]):
                affine += reduced.pair[g, 0] * reduced.n[g]
            elif g in takeable:
                affine += carried[g] * reduced.n[g]
        chosen: list[tuple[BoundCircuit, tuple[int, ...], float]] = []
        free = set(takeable)
        left = affine.copy()
        while free:
            fitting = [o for o in options if set(o[1]) <= free]
            if not fitting:
                break
            best = min(
                fitting, key=lambda o: (-len(o[1]), round(float(np.abs(left - self.affine_of(o)).sum()), 9))
            )
            chosen.append(best)
            left = left - self.affine_of(best)
            free -= set(best[1])
        # 2% of the largest part: what trained networks leave is far below, another template's share far above.
        floor = 0.02 * max((abs(o[2]) for o in chosen), default=0.0)
        open_columns = set(np.flatnonzero(np.abs(left) > floor).tolist())
        chosen = [o for o in chosen if not open_columns & set(o[0].columns)]
        if not chosen:
            return self.reconstructors(site, [], units)
        found = [self.part(site, units, values, reduced, *o) for o in chosen]
        return [
            *found,
            *self.linear_part(site, units, values, reduced, np.where(np.abs(left) > floor, left, 0.0)),
        ]

    def part_options(
        self, reduced: Reduced, kappa: Array, bent: npt.NDArray[np.bool_]
    ) -> list[tuple[BoundCircuit, tuple[int, ...], float]]:
        """Templates with kinks, the reduced network's hyperplanes that they would take, and their scale."""
        options: list[tuple[BoundCircuit, tuple[int, ...], float]] = []
        places = np.flatnonzero(bent)
        if not len(places):
            return options
        for bound in self.templates.single:
            n, d = template_planes(bound.circuit, bound.columns, self.network.inputs)
            # One neuron is a feature; what makes a circuit of it is that others stand with it.
            if bound.circuit.depth != 1 or not len(d) or bound.circuit.network.sizes[1] < 2:
                continue
            heights = template_heights(bound.circuit, bound.columns, self.network.inputs)
            near = near_planes(n, d, reduced.n[places], reduced.d[places], self.box)
            if not near.any(axis=1).all():
                continue
            groups = tuple(int(places[k]) for k in near.argmax(axis=1))
            ratios = kappa[list(groups)] / heights
            scale = float(ratios.mean())
            if len(set(groups)) < len(groups) or np.abs(ratios - scale).max() > SAME_KINK * abs(scale):
                continue
            signs = np.sign(np.einsum("kd,kd->k", n, reduced.n[list(groups)]))
            off = np.abs(reduced.n[list(groups)] - signs[:, None] * n).max()
            shift = np.abs(reduced.d[list(groups)] - signs * d).max()
            if max(off, shift) <= SAME_KINK:
                options.append((bound, groups, scale))
        return options

    def affine_of(self, option: tuple[BoundCircuit, tuple[int, ...], float]) -> Array:
        """The affine part of a scaled template's normal form."""
        bound, _, scale = option
        return scale * template_affine(bound.circuit, bound.columns, self.network.inputs)

    def part(
        self, site: Site, units: Array, values: Array, reduced: Reduced, bound: BoundCircuit,
        groups: tuple[int, ...], scale: float,
    ) -> FoundCircuit:  # fmt: skip
        """The record of a circuit that is a part of a sum; its gauge is how its own kinks are written."""
        own = replace(
            reduced,
            n=reduced.n[list(groups)], d=reduced.d[list(groups)], plus=reduced.plus[list(groups)],
            minus=reduced.minus[list(groups)], pair=0 * reduced.pair[list(groups)],
            affine=0 * reduced.affine, constant=0 * reduced.constant,
        )  # fmt: skip
        scale = simple(scale, 1e-6)
        carried = (own.plus - own.minus)[:, 0] / 2 @ own.n
        linear = scale * template_affine(bound.circuit, bound.columns, self.network.inputs) - carried
        whole = replace(own, affine=np.where(np.abs(linear) > 1e-9 * abs(scale), linear, 0.0)[None])
        gauge, distance = gauge_of_kinks(whole, bound, scale)
        found = self.record(site, units, values, bound.circuit, bound.columns, scale, 0.0, whole=False)
        return replace(found, form=whole.text(digits=_WRITTEN), gauge=gauge, distance=distance)

    def linear_part(
        self, site: Site, units: Array, values: Array, reduced: Reduced, left: Array
    ) -> list[FoundCircuit]:
        """What is left of a sum as one of the linear circuits, on inputs of its own."""
        for bound in self.templates.single:
            direction = template_affine(bound.circuit, bound.columns, self.network.inputs)
            if bound.circuit.depth != 1 or not direction.any() or len(self.planes(bound)):
                continue
            scale = float(left @ direction / (direction @ direction))
            if scale > 0 and np.abs(left - scale * direction).max() <= SAME_KINK * scale:
                scale = simple(scale, 1e-6)
                found = self.record(
                    site, units, values, bound.circuit, bound.columns, scale, 0.0, whole=False
                )
                carried = linear_carriers(reduced, bound.columns)
                gauge, distance = nearest_gauge(carried, bound.circuit, bound.columns, scale)
                return [replace(found, gauge=gauge, distance=distance)]
        return []

    def planes(self, bound: BoundCircuit) -> Array:
        """The template's kinks' offsets."""
        return template_planes(bound.circuit, bound.columns, self.network.inputs)[1]

    def reconstructors(
        self, site: Site, found: list[FoundCircuit], units: Array | None = None
    ) -> list[FoundCircuit]:
        """Pairs relu(z), relu(-z) that pass a known linear function on, and are no part of what was found."""
        every = np.eye(site.M.shape[0]) if units is None else units[None]
        reduced = self.reduced(site, every)
        size = max(reduced.size, 1e-300)
        pure = (np.abs(reduced.pair).max(axis=1, initial=0.0) > SAME_GAUGE * size) & (
            np.maximum(np.abs(reduced.plus), np.abs(reduced.minus)).max(axis=1, initial=0.0)
            <= SAME_KINK * size
        )
        used = [{a for a in f.arguments if isinstance(a, int)} for f in found]
        names = [f"x{k + 1}" for k in range(self.network.inputs)]
        result = []
        for g in np.flatnonzero(pure).tolist():
            support = set(np.flatnonzero(np.abs(reduced.n[g]) > SAME_KINK).tolist())
            if abs(reduced.d[g]) > SAME_KINK or any(support <= own for own in used):
                continue
            row = reduced.pair[g]
            strongest = float(row[int(np.abs(row).argmax())])
            options = []
            for place, bound in enumerate(self.templates.single):
                direction = template_affine(bound.circuit, bound.columns, self.network.inputs)
                length = float(np.linalg.norm(direction))
                if set(bound.columns) != support or len(self.planes(bound)) or not length:
                    continue
                sign = 1.0 if reduced.n[g] @ direction >= 0 else -1.0
                away = float(np.abs(sign * reduced.n[g] - direction / length).max())
                if away <= SAME_KINK:
                    options.append((sign * strongest < 0, place, bound, sign * strongest / length, away))
            if not options:
                continue
            _, _, bound, scale, away = min(options, key=lambda option: option[:2])
            direction = template_affine(bound.circuit, bound.columns, self.network.inputs)
            sides = [f"relu({linear_text(s * direction, names)})" for s in (1.0, -1.0)]
            form = linear_text([simple(scale, _WRITTEN), -simple(scale, _WRITTEN)], sides)
            weights = every.T @ (np.abs(row) == np.abs(row).max()).astype(float)
            values = scale * bound.values[:, 0]
            one = self.record(site, weights, values, bound.circuit, bound.columns, scale, 0.0, whole=False)
            result.append(replace(one, form=form, gauge=bound.circuit.gauge, distance=away))
        return result

    def record(
        self,
        site: Site,
        units: Array,
        values: Array,
        circuit: Circuit,
        arguments: tuple[int | FoundCircuit, ...],
        scale: float,
        offset: float,
        whole: bool = True,
    ) -> FoundCircuit:
        """A record that does not say yet how the network writes the circuit."""
        found = FoundCircuit(
            circuit, arguments, scale, offset, ("" if whole else "part of ") + site.label(units), "", None,
            math.nan, math.nan, whole, site.level, self.sites.index(site), site.final, units, values,
        )  # fmt: skip
        return replace(found, form=_scaled_text(found.text, scale, offset))

    # What substituting changes

    def certified(self, found: FoundCircuit, time_limit: float) -> float:
        """An upper bound of the change of any output when the template takes the circuit's place."""
        if not found.whole:
            return self.snapped(found, time_limit)
        template = found.to_network(self.network.inputs)
        if found.final:
            units = np.atleast_2d(found.units)
            own = Network(
                [*self.network.weights[:-1], units @ self.network.weights[-1]],
                [*self.network.bias_vectors[:-1], units @ self.network.bias_vectors[-1]],
                self.network.activations,
            )
            return certify(own, template, box=self.box, time_limit=time_limit, search_limit=_NODES).upper
        if not self.relu:
            return math.nan
        grafted = self.grafted(self.sites[found.site], found, template)
        return certify(self.network, grafted, box=self.box, time_limit=time_limit, search_limit=_NODES).upper

    def grafted(self, site: Site, found: FoundCircuit, template: Network) -> Network:
        """The network with the template beside its first layers, its output in the variable's place."""
        below = Network(
            [W for W, _ in self.layers[: site.level]] + [site.M],
            [b for _, b in self.layers[: site.level]] + [site.m],
        )
        both = side_by_side([below, padded(template, site.level)])
        c = found.units
        p = c / (c @ c)
        u = len(c)
        # v + p (t - c.v): along c the template's value, elsewhere what was there.
        mixed = np.concatenate([np.eye(u) - np.outer(p, c), p[:, None]], axis=1)
        weights = [*both.weights[:-1], site.D @ mixed @ both.weights[-1]]
        biases = [*both.bias_vectors[:-1], site.D @ mixed @ both.bias_vectors[-1] + site.e]
        later = self.layers[site.level + 1 :]
        return Network([*weights, *(W for W, _ in later)], [*biases, *(b for _, b in later)])

    def snapped(self, found: FoundCircuit, time_limit: float) -> float:
        """The change when a part's neurons are turned onto the template's own hyperplanes and weights."""
        (W, b), slope = self.layers[0], self.slopes[0]
        if slope:
            return math.nan
        columns = tuple(a for a in found.arguments if isinstance(a, int))
        n, d = template_planes(found.circuit, columns, self.network.inputs)
        heights = found.scale * template_heights(found.circuit, columns, self.network.inputs)
        linear = not len(d)
        if linear:
            direction = template_affine(found.circuit, columns, self.network.inputs)
            n, d = (direction / np.linalg.norm(direction))[None], np.zeros(1)
        length = np.linalg.norm(W, axis=1)
        live = length > 0
        near = np.zeros((len(W), len(d)), dtype=bool)
        near[live] = planes_near(W[live], b[live], n, d, self.box)
        place = near.argmax(axis=1)
        taken = np.flatnonzero(near.any(axis=1))
        sign = np.where(np.einsum("md,md->m", W[taken], n[place[taken]]) < 0, -1.0, 1.0)
        turned, shifted = W.copy(), b.copy()
        turned[taken] = (sign * length[taken])[:, None] * n[place[taken]]
        shifted[taken] = sign * length[taken] * d[place[taken]]
        if not found.final:
            later = self.layers[1:]
            other = Network([turned, *(w for w, _ in later)], [shifted, *(v for _, v in later)])
            own = Network([w for w, _ in self.layers], [v for _, v in self.layers])
            return certify(own, other, box=self.box, time_limit=time_limit, search_limit=_NODES).upper
        V = np.atleast_2d(found.units) @ self.sites[found.site].M
        rows, shifts = [W[taken], turned[taken]], [b[taken], shifted[taken]]
        reads = [V[:, taken], -V[:, taken]]
        if not linear:
            have = np.zeros((V.shape[0], len(d)))
            np.add.at(have.T, place[taken], (V[:, taken] * length[taken] / 2).T)
            short = have - heights
            rows += [n, -n]
            shifts += [d, -d]
            reads += [short, short]
        change = Network(
            [np.concatenate(rows), np.concatenate(reads, axis=1)],
            [np.concatenate(shifts), np.zeros(V.shape[0])],
        )
        return certify(
            change, ["0"] * V.shape[0], box=self.box, time_limit=time_limit, search_limit=_NODES
        ).upper


def template_signature(circuit: Circuit, known: Circuits) -> tuple[tuple[int, str, str | None], ...]:
    """What a deeper template is built of: level, circuit and gauge of all that is found below its output."""
    return _template_signature(circuit, known)


@lru_cache(maxsize=256)
def _template_signature(circuit: Circuit, known: Circuits) -> tuple[tuple[int, str, str | None], ...]:
    shallow = Circuits(c for c in known.implementations if c.depth <= 1)
    box = as_box((-1.0, 1.0), circuit.arity)
    return _signature(recognise(circuit.network, box, shallow, None))


def _signature(found: Iterable[FoundCircuit]) -> tuple[tuple[int, str, str | None], ...]:
    kept = [f for f in found if not (f.final and all(isinstance(a, int) for a in f.arguments))]
    return tuple(sorted(((f.level, f.circuit.name, f.gauge) for f in kept), key=repr))


def _largest_each(found: list[FoundCircuit]) -> list[FoundCircuit]:
    """Of one circuit on the same arguments the variable that holds most of it."""
    best: dict[tuple[str, tuple[str, ...]], FoundCircuit] = {}
    for f in found:
        key = (f.circuit.name, f.on)
        if key not in best or abs(f.scale) > abs(best[key].scale) + 1e-9:
            best[key] = f
    return list(best.values())


def _sparse(units: Array, Z: Array, target: Array) -> Array:
    """The combination with terms dropped that are not needed, smallest first."""
    kept = np.ones(len(units), dtype=bool)
    current = units
    # Of equal terms the later one goes first.
    size = np.round(np.abs(units) * Z.std(axis=0), 9)
    for j in np.lexsort((-np.arange(len(units)), size)):
        trial = kept.copy()
        trial[j] = False
        if not trial.any():
            break
        fit, *_ = np.linalg.lstsq(Z[:, trial], target, rcond=None)
        rest = target - Z[:, trial] @ fit
        own = target - Z @ current
        if float(rest @ rest) <= max(4 * float(own @ own), 1e-12):
            kept, current = trial, np.zeros(len(units))
            current[trial] = fit
    return current


def _plain(found: FoundCircuit) -> Array:
    """The recognised function's values as the network has them, without scale and offset."""
    return (found.values - found.offset) / found.scale


def _is_input(found: FoundCircuit) -> bool:
    return found.circuit.name == "identity" and isinstance(found.arguments[0], int)


def _as_argument(found: FoundCircuit) -> int | FoundCircuit:
    """An identity on an input is that input."""
    only = found.arguments[0]
    return only if _is_input(found) and isinstance(only, int) else found


def _fit(template: Array, values: Array) -> tuple[float, float]:
    """Scale and offset, as simple rationals where the fit is no worse for it."""
    centre = template.mean()
    T, Y = template - centre, values - values.mean()
    scale = float(T @ Y / (T @ T))
    off = float(np.std(Y - scale * T))
    spread = float(T.std())
    scale = simple(scale, 3 * off / (spread * max(1.0, abs(scale))) + 1e-9)
    offset = simple(float(values.mean() - scale * centre), 3 * off + 1e-9)
    return scale, offset


def _scaled_text(text: str, scale: float, offset: float) -> str:
    if scale == 1 and not offset:
        return text
    pieces = [_bracketed(piece.strip()) for piece in text.split(";")]
    return "; ".join(linear_text([scale], [piece], offset) for piece in pieces)


def _bracketed(text: str) -> str:
    """The text, in brackets where a factor before it would bind tighter than what is in it."""
    return f"({text})" if Formula(text).root.kind in ("+", "-", "neg") else text
