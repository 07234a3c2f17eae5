"""Recognising circuits inside a network: which known function each of its variables is, and how it is built.

An output, a pre-activation of a deeper layer or a variable of a linear layer is a function of the layer below.
Level by level, from the inputs up, each is compared with every template of the catalogue on every choice of
arguments, up to scale and offset; so are combinations of a layer's variables, since the linear part that a pair
relu(z), relu(-z) passes on may lie oblique to what the layer computes. Behind the second hidden layer the
arguments may also be what was recognised one level below: the minimum of four is a minimum of two minima.

Three things are asked of a circuit (docs/understand/similarity.md, Circuits): the function agrees; the features are
there (behind one hidden layer the kinks lie where the template has them, the kink criterion); and what substituting the
template changes is certified.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..exact.piecewise import is_piecewise_linear
from ..features.rationals import simple
from ..matching.criteria import TRAINED_RANK
from ..networks.box import Box, BoxLike, as_box
from ..networks.domain import Domain
from ..networks.network import HasNetwork, Network, as_network
from ..statistics.correlation import standardised
from ..statistics.criteria import EQUAL
from .bound_templates import BoundCircuit, Templates, bound_circuits, planes_near
from .compositions import Compositions, composed
from .criteria import ABSENT, CANCELLATION, NO_REST, SAME_FIT, SAME_FUNCTION, SAME_KINKS, WRITTEN
from .found import CIRCUIT_COLUMNS, BuiltOf, FoundCircuit, signature, simple_fit
from .gauges import NearestGauge, nearest_gauge, one_scale
from .on_points import circuits_on_points
from .substitution import substitution_bound
from .sums import parts_of, passed_on
from .templates import Circuit, Circuits, circuits
from .variables import Site, Trace, Variable

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

#: The columns that are numbers.
_MEASURED = ("distance", "certified")


def find_circuits(
    analysis: Any,
    *,
    box: BoxLike | Domain | None = None,
    catalogue: Circuits | None = None,
    time_limit: float = 1.0,
) -> pd.DataFrame:
    """The catalogue's circuits inside a network, outputs first.

    Args:
        analysis: an Analysis, a Network or anything with `to_network()`.
        box: (low, high), one pair per input, or a Domain; by default the analysis's, else (-1, 1). On a finite
            domain the outputs alone are compared, see `circuits_on_points`.
        catalogue: circuits; by default the installed ones.
        time_limit: seconds for each certificate that has to be searched for (three inputs and more); it
            holds when it stops early.

    Returns:
        One row per circuit, columns `CIRCUIT_COLUMNS`. `on` are inputs or formulas of them. `certified` covers
        the arguments, where those are recognised circuits: they are substituted too. Networks that are not
        piecewise linear have none. `frame.attrs["skipped"]` names circuits with too many choices of inputs.

    Examples:
        >>> from ..features.task import hand_derived
        >>> frame = find_circuits(hand_derived("minimum-of-4"))
        >>> frame[["circuit", "on", "output"]].values.tolist()[:2]
        [['minimum-of-4', ('x1', 'x2', 'x3', 'x4'), 'y1'],
        ['minimum', ('min(x1, x2)', 'min(x3, x4)'), 'y1']]
        >>> frame[["circuit", "on", "output"]].values.tolist()[2:]
        [['minimum', ('x1', 'x2'), 'layer 1: z1'], ['minimum', ('x3', 'x4'), 'layer 1: z1 - z0']]
    """
    import pandas as pd

    network, domain = network_and_domain(analysis, box)
    entries = circuits if catalogue is None else catalogue
    rows = circuit_records(network, box=domain, catalogue=entries, time_limit=time_limit)
    if domain.points is not None:
        return pd.DataFrame(rows, columns=list(CIRCUIT_COLUMNS))
    columns: dict[str, Any] = {}
    for name in CIRCUIT_COLUMNS:
        columns[name] = np.empty(len(rows), np.float64 if name in _MEASURED else object)
        columns[name][:] = [row[name] for row in rows]
    frame = pd.DataFrame(columns)
    frame.attrs["skipped"] = bound_circuits(entries, network.inputs, domain.box).skipped
    return frame


def circuit_records(
    network: Network, *, box: Domain, catalogue: Circuits | None = None, time_limit: float = 1.0
) -> list[dict[str, Any]]:
    """The rows of `find_circuits` as plain records, for whoever reads many networks: a frame of each takes longer.

    Examples:
        >>> from ..features.task import hand_derived
        >>> minimum = hand_derived("minimum")
        >>> [row["circuit"] for row in circuit_records(minimum, box=Domain.of((-1.0, 1.0), 2))]
        ['minimum']
    """
    entries = circuits if catalogue is None else catalogue
    if box.points is not None:
        return circuits_on_points(network, box.points, box.box, entries)
    return [
        {
            "circuit": found.circuit.name,
            **{name: getattr(found, name) for name in ("on", "output", "form", "gauge")},
            **{name: float(getattr(found, name)) for name in _MEASURED},
        }
        for found in recognise(network, box.box, entries, time_limit)
    ]


def network_and_domain(analysis: Any, box: BoxLike | Domain | None) -> tuple[Network, Domain]:
    """The network and the domain of an Analysis, or of a network and (-1, 1)."""
    own = getattr(analysis, "network", None)
    if isinstance(own, Network) and not isinstance(analysis, HasNetwork):
        return own, Domain.of(analysis.domain if box is None else box, own.inputs)
    network = as_network(analysis)
    return network, Domain.of(box, network.inputs)


def recognise(
    network: Network, box: Box, known: Circuits, time_limit: float | None = 1.0
) -> tuple[FoundCircuit, ...]:
    """As `find_circuits`, as records; `time_limit` None leaves the certificates out."""
    if not is_piecewise_linear(network):
        return ()
    templates = bound_circuits(known, network.inputs, box)
    trace = Trace.of(network, box, templates.X)
    found = Recognition(trace, known, templates).run()
    if time_limit is not None:
        found = [replace(f, certified=substitution_bound(trace, f, time_limit)) for f in found]
    return tuple(sorted(found, key=_place))


def _place(found: FoundCircuit) -> tuple[bool, bool, bool, bool, int]:
    """Outputs first, of those what is all of them, and a function of the inputs."""
    return not found.final, not found.whole, found.circuit.outputs == 1, not found.of_inputs, found.level


@dataclass(frozen=True, eq=False)
class Fitting:
    """A template that a variable is, up to scale and offset.

    Attributes:
        bound: the template; r: its correlation with the variable, negative where the scale is.
    """

    bound: BoundCircuit
    r: float

    @property
    def unexplained(self) -> float:
        """The share of the variable's variance that the template leaves."""
        return 1 - self.r * self.r


@dataclass(frozen=True, eq=False)
class Option:
    """A template in the span of a layer's variables.

    Attributes:
        place: its column in the table of templates; bound: the template.
        units: [u] the combination that is it, up to scale; used: how many of them are in it.
    """

    place: int
    bound: BoundCircuit
    units: Array
    used: int

    @property
    def simplicity(self) -> tuple[int, int, int, int]:
        """Fewer variables first, fewer arguments, fewer layers, the catalogue's order."""
        return self.used, self.bound.circuit.arity, self.bound.circuit.depth, self.place


class Recognition:
    """One network's walk from the inputs up.

    Attributes:
        trace: the network and its values at the templates' points.
        found: what was recognised at the sites before the present one.
        last: per level, what was recognised at its last site, the arguments of the level above.
        compositions: of what was recognised at the last site of the level below.
    """

    def __init__(self, trace: Trace, known: Circuits, templates: Templates) -> None:
        self.trace, self.known, self.templates = trace, known, templates
        self.found: list[FoundCircuit] = []
        self.last: dict[int, list[FoundCircuit]] = {}
        self.compositions: Compositions | None = None

    def run(self) -> list[FoundCircuit]:
        """All that is recognised, site by site."""
        level = 0
        for site in self.trace.folded.sites:
            if site.level != level:
                level, last = site.level, self.last.get(site.level - 1)
                self.compositions = Compositions.of(self.known, last) if level > 1 and last else None
            own = self.at(site)
            self.found += own
            if site.last:
                self.last[level] = [f for f in own if f.circuit.outputs == 1]
        return self.found

    def at(self, site: Site) -> list[FoundCircuit]:
        """What is recognised at a site: each variable; several outputs together, or combinations and pairs."""
        Z = self.trace.values(site)
        unit = standardised(Z)
        found: list[FoundCircuit] = []
        for j in np.flatnonzero(unit.any(axis=0)).tolist():
            variable = Variable(site, np.eye(Z.shape[1])[j], Z[:, j])
            own = self.whole(variable, unit[:, j])
            if not own and site.level == 1 and site.final:
                own = parts_of(self.trace, self.templates, variable)
            found += own
        if site.final:
            return found + self.several(site, Z)
        found = _largest_each(found)
        if Z.shape[1] > 1:
            found += self.combinations(site, Z, found)
        if site.level == 1:
            found += passed_on(self.trace, self.templates, site, np.eye(Z.shape[1]), found)
        return found

    def whole(self, variable: Variable, unit: Array) -> list[FoundCircuit]:
        """A variable, standardised `unit` [n], as a circuit of the inputs and as one of circuits a level below."""
        above = (
            composed(self.trace, self.compositions, variable, unit) if self.compositions is not None else None
        )
        options = self.fitting(variable, unit)
        found = [] if above is None else [above]
        if options:
            least = min(option.unexplained for option in options) + SAME_FIT
            equal = [option for option in options if option.unexplained <= least]
            equal = [option for option in equal if option.r >= 0] or equal
            bound = self.by_structure([option.bound for option in equal], variable.site, found)
            return [self.described(bound, variable, above), *found]
        return found

    def fitting(self, variable: Variable, unit: Array) -> list[Fitting]:
        """Every template on the inputs that a variable, standardised `unit` [n], is; in the catalogue's order."""
        r = unit @ self.templates.table
        return [
            Fitting(self.templates.single[k], float(r[k]))
            for k in np.flatnonzero(1 - r * r <= SAME_FUNCTION).tolist()
            if self.templates.single[k].circuit.depth <= max(variable.site.level, 1)
            and kinks_agree(self.trace, variable.site, variable.units, self.templates.single[k])
        ]

    def by_structure(
        self, options: Sequence[BoundCircuit], site: Site, composed: Sequence[FoundCircuit]
    ) -> BoundCircuit:
        """Of templates of one function the deeper one that this network is built like, else the shallowest."""
        own = signature([*self.below(site), *composed])
        for bound in options:
            if bound.circuit.depth == site.level > 1 and own == template_signature(bound.circuit, self.known):
                return bound
        return min(options, key=lambda bound: bound.circuit.depth)

    def below(self, site: Site) -> list[FoundCircuit]:
        """What was recognised at lower levels."""
        return [f for f in self.found if f.level < site.level]

    def described(
        self, bound: BoundCircuit, variable: Variable, composed: FoundCircuit | None = None
    ) -> FoundCircuit:
        """The record of a circuit of the inputs, with its form, gauge and distance."""
        site, fit = variable.site, simple_fit(bound.values[:, 0], variable.values)
        found = FoundCircuit.unwritten(bound.circuit, bound.columns, variable, *fit)
        if site.level == 0:
            return found
        if site.level == 1:
            reduced = self.trace.reduced(site, variable.units[None])
            gauge = nearest_gauge(reduced, bound.circuit, bound.columns, fit.scale)
            return found.written(reduced.text(digits=WRITTEN), gauge)
        parts = self.below(site)
        if composed is not None:
            found, parts = replace(found, form=composed.form), [*parts, composed]
        if signature(parts) == template_signature(bound.circuit, self.known):
            worst = max((f.distance for f in parts), default=math.nan)
            return found.written(found.form, NearestGauge(bound.circuit.gauge, worst))
        return found

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
            if fit is None or fit.unexplained > SAME_FUNCTION or fit.scale < 0:
                continue
            scale = simple(fit.scale, 3 * math.sqrt(fit.unexplained) + EQUAL)
            variable = Variable(site, np.eye(Z.shape[1])[rows], Z[:, rows])
            one = FoundCircuit.unwritten(bound.circuit, bound.columns, variable, scale)
            if site.level == 1:
                reduced = self.trace.reduced(site, variable.units)
                form = "; ".join(reduced.text(output=k, digits=WRITTEN) for k in range(len(rows)))
                one = one.written(form, nearest_gauge(reduced, bound.circuit, bound.columns, scale))
            found.append(one)
        return found

    def combinations(self, site: Site, Z: Array, found: Sequence[FoundCircuit]) -> list[FoundCircuit]:
        """Templates in the span of a layer's variables, as few of them as span what can be named."""
        result: list[FoundCircuit] = []
        taken = [standardised(f.variable.values[:, None])[:, 0] for f in found]
        for option in self.spanned(site, Z):
            target = self.templates.table[:, option.place]
            if taken and _unexplained(target, np.column_stack(taken)) <= SAME_FUNCTION:
                continue
            if len(taken) >= _rank(Z):
                break
            taken.append(target)
            result.append(self.combined(option, site, Z))
        return result

    def combined(self, option: Option, site: Site, Z: Array) -> FoundCircuit:
        """The record of a template in the span of variables Z [n, u]: largest weight 1, the circuit positive."""
        units = option.units / np.abs(option.units).max()
        if float(self.templates.table[:, option.place] @ (_centred(Z) @ units)) < 0:
            units = -units
        return self.described(option.bound, Variable(site, units, Z @ units))

    def spanned(self, site: Site, Z: Array) -> list[Option]:
        """The templates in the span of variables Z [n, u], with the combinations that are them, simplest first.

        A layer that passes on all that is below it holds every function of that by tautology; there none is
        looked for.
        """
        rank = _rank(Z)
        if rank < 2 or rank >= _rank(self.trace.post[site.level]):
            return []
        centred = _centred(Z)
        left, size, right = np.linalg.svd(centred, full_matrices=False)
        coordinates = left[:, :rank].T @ self.templates.table
        inside = 1 - (coordinates**2).sum(axis=0)
        options = []
        for k in np.flatnonzero(inside <= SAME_FUNCTION).tolist():
            bound = self.templates.single[k]
            if bound.circuit.depth > site.level:
                continue
            units = right[:rank].T @ (coordinates[:, k] / size[:rank])
            units = _sparse(units, centred, self.templates.table[:, k])
            terms = np.abs(units) * centred.std(axis=0)
            if terms.max() > CANCELLATION * (centred @ units).std():
                continue
            if kinks_agree(self.trace, site, units, bound):
                used = int((np.abs(units) > ABSENT * np.abs(units).max()).sum())
                options.append(Option(k, bound, units, used))
        return sorted(options, key=lambda option: option.simplicity)


def kinks_agree(trace: Trace, site: Site, units: Array, bound: BoundCircuit) -> bool:
    """Behind one hidden layer: whether the kinks that count lie where the template's are; elsewhere True.

    Args:
        trace: the network's.
        site, units: the combination [u] of variables that is compared.
        bound: the template.
    """
    if site.level != 1:
        return True
    (W, b), slope, V = trace.folded.layers[0], trace.folded.slopes[0], units @ site.M
    bends = trace.off_affine(np.abs(trace.pre[0]) @ (V * (1 - slope) / 2))
    power = float(bends @ bends)
    spread = float(np.var(trace.post[1] @ V)) * len(bends)
    # Where all of it is affine to within the tolerance the kinks cancel.
    if power <= SAME_FUNCTION * spread:
        return True
    away = np.ones(len(W), dtype=bool)
    if len(bound.planes.d):
        live = np.abs(W).max(axis=1) > 0
        away[live] = ~planes_near(W[live], b[live], *bound.planes, trace.box).any(axis=1)
    others = trace.off_affine(np.abs(trace.pre[0][:, away]) @ (V[away] * (1 - slope) / 2))
    return float(others @ others) <= (1 - SAME_KINKS) * power


def template_signature(circuit: Circuit, known: Circuits) -> tuple[BuiltOf, ...]:
    """What a deeper template is built of: level, circuit and gauge of all that is found below its output."""
    return _template_signature(circuit, known)


@lru_cache(maxsize=256)
def _template_signature(circuit: Circuit, known: Circuits) -> tuple[BuiltOf, ...]:
    shallow = Circuits(c for c in known.implementations if c.depth <= 1)
    box = as_box((-1.0, 1.0), circuit.arity)
    return signature(recognise(circuit.network, box, shallow, None))


def _largest_each(found: list[FoundCircuit]) -> list[FoundCircuit]:
    """Of one circuit on the same arguments the variable that holds most of it."""
    best: dict[tuple[str, tuple[str, ...]], FoundCircuit] = {}
    for f in found:
        key = (f.circuit.name, f.on)
        if key not in best or abs(f.scale) > abs(best[key].scale) + EQUAL:
            best[key] = f
    return list(best.values())


def _centred(Z: Array) -> Array:
    return np.asarray(Z - Z.mean(axis=0))


def _rank(Z: Array) -> int:
    """The number of directions in which variables [n, u] vary, up to rounding and training noise."""
    size = np.linalg.svd(_centred(Z), compute_uv=False)
    return int((size > TRAINED_RANK * size[0]).sum())


def _unexplained(target: Array, columns: Array) -> float:
    """The share of a standardised target [n] that standardised columns [n, k] do not explain."""
    fit, *_ = np.linalg.lstsq(columns, target, rcond=None)
    return float(((target - columns @ fit) ** 2).sum())


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
        if float(rest @ rest) <= max(4 * float(own @ own), NO_REST):
            kept, current = trial, np.zeros(len(units))
            current[trial] = fit
    return current
