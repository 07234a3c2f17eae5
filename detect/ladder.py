"""The ladder: function, subspace, units, features, circuit. At which rung do two groups of networks part?

Each rung compares the networks of two conditions (two tasks, two widths, or the seeds of one condition) pair by pair
and sorts every pair:

- function: outputs; the same where their mean squared difference is at most 4 times the loss of a solved network
  (two of them, each within it of the task, are no further apart), else different.
- subspace: unbiased CKA of hidden layers, each unit taken as the next layer reads it, so that rescaling drops out.
- units: mean correlation of matched units. Both: the same above the 95% quantile of pairs of untrained networks,
  different below their 5% quantile.
- features: Jaccard index of the features that used neurons hold; the same from 1/2 on, different at 0.
- circuit: reduced circuit similarity (behind two hidden layers that of `edges.py`); the same from 0.9 on, different
  up to 0.3.

A pair is *vacuous* where networks that learned nothing do as well: untrained ones (for circuits lazy ones, random
hidden layers with the best read-out) reach that value too. All rungs are taken up to the symmetries of the tasks:
each network of one side is tried in all its mirror images, and so are the networks of the null.

Pairs that share a network are not independent. The mean over all pairs varies no more than the mean over disjoint
pairs (Hoeffding 1963, section 5), so a share of all pairs gets the exact interval of as many disjoint ones:
`min(m_a, m_b)` between two conditions, `m // 2` within one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from .activation import hook_post
from .alignment import matching_measure
from .box import Box, BoxLike, as_box, sobol_points
from .carriers import by_architecture, carriers
from .edges import DeepMechanism, deep_mechanism, deep_similarities
from .ensembles import HELD
from .entries import Catalogue
from .errors import InputError
from .measures import Prepared
from .mechanism import Mechanism, lazy_panel, mechanism, similarity_matrix
from .multiplicity import benjamini_hochberg
from .network import HasNetwork, Network, as_network
from .nonlinearity import leaky_slope
from .orbits import Label, Orbits
from .sequences import several
from .similarity import cka_measure
from .stacking import untrained as draw_untrained
from .task import Symmetry, Task, as_task
from .universality import prevalence

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
RungName = Literal["function", "subspace", "units", "features", "circuit"]
RungVerdict = Literal["same", "different", "partial", "inconclusive", "vacuous", "not comparable"]

RUNGS: tuple[RungName, ...] = ("function", "subspace", "units", "features", "circuit")
#: Design.md 5.8: the fresh mean squared error below which a network has solved its task.
SOLVED = 1e-8
#: What holds for more than two thirds of the pairs is the condition's verdict: the largest simple fraction that 20
#: networks of one condition (10 disjoint pairs, all alike: 0.69 to 1) can settle. 0.95 takes 144 networks.
MAJORITY = 2 / 3
#: Design.md 5.7: the circuit similarities from which on two networks use the same mechanism, and up to which not.
SAME_CIRCUIT, OTHER_CIRCUIT = 0.9, 0.3
#: More features are shared than not.
SAME_FEATURES = 0.5
#: Networks of a condition that are compared; more pairs of 20 networks are had than can be looked at.
COMPARED = 20
#: Lazy networks of a condition, each compared with so many solved ones: 200 values, a 95% quantile to about 2%.
_LAZY, _LAZY_PARTNERS = 40, 5
#: 2**9 Sobol points, as for probes.
_LOG2_POINTS = 9
#: Values this close to a bar are on it.
_TIE = 1e-9

COLUMNS = (
    "a", "b", "rung", "verdict", "share", "low", "high", "different", "vacuous", "pairs", "effective", "median",
    "null_q05", "null_q95", "stops_at", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """The networks of one condition, and those that learned nothing beside them.

    Attributes:
        name: what the condition is called.
        networks: those that solved the task; widths may differ.
        task: for symmetries, the box and the lazy panel; None without one.
        untrained: networks of the same shapes before training; where they are fewer than 20, others are drawn.
        box: the inputs' box.
        null: init law of untrained and lazy networks that have to be drawn.

    Examples:
        >>> from .task import derived_network
        >>> Population("minimum", [derived_network("minimum")] * 3, task="minimum")
        Population(minimum: 3 networks of 2 -> 1)
    """

    name: str
    networks: tuple[Network, ...]
    task: Task | None
    untrained: tuple[Network, ...]
    box: Box
    null: str

    def __init__(
        self,
        name: str,
        networks: Sequence[Network | HasNetwork],
        *,
        task: Task | str | None = None,
        untrained: Sequence[Network | HasNetwork] = (),
        box: BoxLike | None = None,
        null: str = "uniform",
    ) -> None:
        """Check and collect.

        Raises:
            InputError: where there is no network, their inputs or outputs differ, or the task has others.
        """
        nets = tuple(as_network(network) for network in several(networks))
        blank = tuple(as_network(network) for network in several(untrained))
        known = None if task is None else as_task(task)
        if not nets:
            raise InputError(
                f"population {name!r} has no network: leave out conditions that nothing solved, and say so"
            )
        shapes = {(n.inputs, n.outputs) for n in (*nets, *blank)}
        if known is not None:
            shapes.add((known.arity, known.outputs))
        if len(shapes) > 1:
            raise InputError(
                f"population {name!r} holds {' and '.join(f'{i} -> {o}' for i, o in sorted(shapes))} (inputs -> "
                "outputs): the networks, the untrained ones and the task of one condition have the same"
            )
        bounds = as_box(
            box if box is not None else known.box if known is not None else (-1.0, 1.0), nets[0].inputs
        )
        for attribute, value in (
            ("name", name), ("networks", nets), ("task", known), ("untrained", blank), ("box", bounds), ("null", null),
        ):  # fmt: skip
            object.__setattr__(self, attribute, value)

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.networks[0].inputs

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.networks[0].outputs

    def __repr__(self) -> str:
        return f"Population({self.name}: {len(self.networks)} networks of {self.inputs} -> {self.outputs})"


@dataclass(frozen=True)
class Rung:
    """One rung of the ladder.

    Attributes:
        name: which rung.
        verdict: same, different or vacuous (that many pairs are, by the interval), partial (none of them holds
            for most pairs), inconclusive (too few networks), or not comparable.
        reason: the ground in a sentence.
        share: of pairs that are the same; low, high: its interval at the ladder's confidence.
        different, vacuous: shares of pairs that are so; the rest lies between.
        pairs: number of pairs; effective: of disjoint ones.
        median: of what is compared, over pairs.
        null_q05, null_q95: quantiles of the same over pairs of networks that learned nothing.
            All numbers are None where the groups are not comparable.

    Examples:
        >>> print(Rung("circuit", "inconclusive", "too few networks"))
        circuit: inconclusive; too few networks
    """

    name: RungName
    verdict: RungVerdict
    reason: str
    share: float | None = None
    low: float | None = None
    high: float | None = None
    different: float | None = None
    vacuous: float | None = None
    pairs: int = 0
    effective: int = 0
    median: float | None = None
    null_q05: float | None = None
    null_q95: float | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}; {self.reason}"


@dataclass(frozen=True, eq=False, repr=False)
class Ladder:
    """The five verdicts on two groups of networks, or on the seeds of one.

    Attributes:
        a, b: names of the groups, equal where one is compared with itself.
        rungs: from function to circuit.
        features: one row per feature that any of the networks holds, with how many on either side, and whether
            the two prevalences differ (`p` by Fisher's exact test, `q` by Benjamini-Hochberg; missing within one
            group).

    Examples:
        >>> from .task import derived_network
        >>> net = derived_network("minimum")
        >>> found = ladder_of([net] * 20, task="minimum")
        >>> found
        Ladder(a: same up to circuit)
        >>> print(found["circuit"].verdict, found.stops_at)
        same circuit
    """

    a: str
    b: str
    rungs: tuple[Rung, ...]
    features: pd.DataFrame = field(repr=False)

    @property
    def stops_at(self) -> RungName | None:
        """The highest rung up to which, from function on, all verdicts are `same`; None where no rung is."""
        reached: RungName | None = None
        for rung in self.rungs:
            if rung.verdict != "same":
                break
            reached = rung.name
        return reached

    @property
    def sentence(self) -> str:
        """Where the ladder stops, and why."""
        who = f"The seeds of {self.a}" if self.a == self.b else f"{self.a} and {self.b}"
        stopped = next((rung for rung in self.rungs if rung.verdict != "same"), None)
        if stopped is None:
            return f"{who} are the same up to the {self.rungs[-1].name}."
        reached = (
            "differ from the start" if self.stops_at is None else f"are the same up to the {self.stops_at}"
        )
        if self.stops_at is None and stopped.verdict != "different":
            reached = "are not shown to be the same"
        return f"{who} {reached}: the {stopped.name} rung is {stopped.verdict} ({stopped.reason})."

    def __getitem__(self, name: str) -> Rung:
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise InputError(f"no rung named {name!r}: this ladder has {', '.join(r.name for r in self.rungs)}")

    def to_frame(self) -> pd.DataFrame:
        """One row per rung, columns `COLUMNS`."""
        import pandas as pd

        rows = [
            {name: getattr(rung, name, None) for name in COLUMNS}
            | {"a": self.a, "b": self.b, "rung": rung.name, "stops_at": self.stops_at or ""}
            for rung in self.rungs
        ]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        numbers = ["share", "low", "high", "different", "vacuous", "median", "null_q05", "null_q95"]
        return frame.astype(dict.fromkeys(numbers, "float64"))

    def __repr__(self) -> str:
        who = self.a if self.a == self.b else f"{self.a} and {self.b}"
        reached = (
            f"same up to {self.stops_at}"
            if self.stops_at
            else f"{self.rungs[0].name} {self.rungs[0].verdict}"
        )
        return f"Ladder({who}: {reached})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{escape(r.name)}</th><td>{escape(r.verdict)}</td><td>{_number(r.share)}</td>"
            f"<td>{_number(r.low)} to {_number(r.high)}</td><td>{escape(r.reason)}</td></tr>"
            for r in self.rungs
        )
        head = "<tr><th>rung</th><th>verdict</th><th>same</th><th>interval</th><th>reason</th></tr>"
        return f"<p>{escape(self.sentence)}</p><table>{head}{rows}</table>"


def ladder_of(
    a: Population | Sequence[Network | HasNetwork],
    b: Population | Sequence[Network | HasNetwork] | None = None,
    *,
    task: Task | str | None = None,
    solved: float = SOLVED,
    majority: float = MAJORITY,
    confidence: float = 0.95,
    held: float = HELD,
    most: int = COMPARED,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> Ladder:
    """Compare two groups of solved networks, or the seeds of one, rung by rung.

    Args:
        a, b: a `Population`, or plain networks (then named a and b, of `task`); None compares a with itself.
        task: of plain networks.
        solved: the mean squared error of a solved network; two of them differ by at most 4 times that.
        majority: the share of pairs, above 1/2, that a verdict has to hold for.
        confidence: of the interval of that share.
        held: the largest 1 - r^2 at which a used neuron holds a feature.
        most: networks of each group that are compared, the first ones.
        seed: of drawn untrained and lazy networks.
        catalogue: by default the installed one.

    Raises:
        InputError: for impossible settings, and what `Population` raises.

    Examples:
        >>> from .task import derived_network
        >>> two = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
        >>> print(ladder_of([derived_network("minimum")] * 20, [two] * 20, task="minimum").stops_at)
        circuit
        >>> print(ladder_of([derived_network("minimum")] * 20, [two] * 20).stops_at)  # without the swap of inputs
        function
    """
    first = a if isinstance(a, Population) else Population("a", a, task=task)
    second = (
        None if b is None or b is a else b if isinstance(b, Population) else Population("b", b, task=task)
    )
    settings = _Settings(solved, majority, confidence, held, most, seed, catalogue)
    one = _Read(first, settings)
    return _compared(one, one if second is None else _Read(second, settings), settings)


def ladders(
    populations: Sequence[Population],
    *,
    within: bool = True,
    solved: float = SOLVED,
    majority: float = MAJORITY,
    confidence: float = 0.95,
    held: float = HELD,
    most: int = COMPARED,
    seed: int = 0,
    catalogue: Catalogue | None = None,
) -> tuple[Ladder, ...]:
    """The ladders of all pairs of conditions; what needs one condition only is computed once.

    Args:
        populations: the conditions, of different names.
        within: whether each is also compared with itself.
        solved, majority, confidence, held, most, seed, catalogue: as for `ladder_of`.

    Returns:
        in the order (1, 1), (1, 2), ..., (2, 2), ...; `ladder_table` makes one frame of them.

    Raises:
        InputError: as for `ladder_of`, and for equal names.

    Examples:
        >>> from .task import derived_network
        >>> both = [Population(name, [derived_network(name)] * 20, task=name) for name in ("minimum", "maximum")]
        >>> ladders(both)
        (Ladder(minimum: same up to circuit), Ladder(minimum and maximum: function different),
        Ladder(maximum: same up to circuit))
    """
    names = [population.name for population in populations]
    if len(set(names)) < len(names):
        raise InputError(f"populations {', '.join(names)}: give each a name of its own")
    settings = _Settings(solved, majority, confidence, held, most, seed, catalogue)
    read = [_Read(population, settings) for population in populations]
    return tuple(
        _compared(one, other, settings)
        for k, one in enumerate(read)
        for other in read[k if within else k + 1 :]
    )


def ladder_table(found: Sequence[Ladder]) -> pd.DataFrame:
    """The rungs of several ladders as one frame, columns `COLUMNS`.

    Examples:
        >>> from .task import derived_network
        >>> table = ladder_table([ladder_of([derived_network("minimum")] * 20, task="minimum")])
        >>> table[["rung", "verdict"]].values.tolist()[0]
        ['function', 'same']
    """
    import pandas as pd

    if not found:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat([one.to_frame() for one in found], ignore_index=True)


@dataclass(frozen=True)
class _Settings:
    solved: float
    majority: float
    confidence: float
    held: float
    most: int
    seed: int
    catalogue: Catalogue | None

    def __post_init__(self) -> None:
        if not 0.5 <= self.majority < 1:
            raise InputError(f"majority {self.majority}: give a share of the pairs from 1/2 to below 1")
        if not 0 < self.confidence < 1:
            raise InputError(f"confidence {self.confidence}: give a number between 0 and 1, such as 0.95")
        if not self.solved > 0 or not 0 < self.held < 1:
            raise InputError(
                f"solved={self.solved!r}, held={self.held!r}: give a positive loss, and a share of variance below 1"
            )
        if self.most < 2:
            raise InputError(f"most={self.most}: comparing takes at least 2 networks")


Kind = Literal["solved", "untrained", "lazy"]


class _Read:
    """One population with what was read in it, once per mirror image."""

    def __init__(self, population: Population, settings: _Settings) -> None:
        self.population = population
        self.settings = settings
        self.X = sobol_points(population.box, _LOG2_POINTS)
        # Of many solved networks the first are as good as any: seeds have no order.
        self.solved = population.networks[: settings.most]
        self._prepared: dict[tuple[str, Kind, Symmetry], list[list[Prepared]]] = {}
        self._mechanisms: dict[tuple[Kind, Symmetry], list[Mechanism] | list[DeepMechanism]] = {}
        self._labels: dict[tuple[Kind, Symmetry], list[frozenset[Label]]] = {}

    @cached_property
    def untrained(self) -> tuple[Network, ...]:
        """Untrained networks: those given, and drawn ones where they are fewer than 20, whose pairs are 190."""
        wanted = max(len(self.solved), COMPARED)
        given = self.population.untrained[:wanted]
        rng = np.random.default_rng([self.settings.seed, 1])
        shapes = [network.architecture for network in self.solved]
        drawn = (
            draw_untrained(shapes[k % len(shapes)], 1, self.population.null, rng).network(0)
            for k in range(COMPARED - len(given))
        )
        return (*given, *drawn)

    @cached_property
    def lazy(self) -> tuple[Network, ...]:
        """Lazy networks of the solved ones' shapes and function."""
        groups = by_architecture(self.solved)
        each = math.ceil(_LAZY / len(groups))
        found: list[Network] = []
        for number, places in enumerate(groups.values()):
            network = self.solved[places[0]]
            p = self.population
            found += lazy_panel(
                network, each, target=p.task, box=p.box, null=p.null, seed=self.settings.seed + number
            )
        return tuple(found[:_LAZY])

    @cached_property
    def group(self) -> tuple[Symmetry, ...]:
        """The symmetries of the task, the identity first."""
        own = Symmetry(tuple(range(self.population.inputs)), (1,) * self.population.inputs)
        task = self.population.task
        if task is None or task.box != self.population.box:
            return (own,)
        return (own, *task.symmetries)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Numbers of non-linear layers that occur."""
        return tuple(sorted({len(network.architecture.active) for network in self.solved}))

    def networks(self, kind: Kind) -> tuple[Network, ...]:
        """The networks of one kind."""
        return self.solved if kind == "solved" else self.untrained if kind == "untrained" else self.lazy

    def prepared(self, measure: str, kind: Kind, image: Symmetry) -> list[list[Prepared]]:
        """Per network the prepared activations of its non-linear layers, on mirrored inputs."""
        key = (measure, kind, image)
        if key not in self._prepared:
            ready = _MEASURES[measure]().ready
            X = image(self.X)
            self._prepared[key] = [
                [ready(values) for values in _activations(network, X)] for network in self.networks(kind)
            ]
        return self._prepared[key]

    def mechanisms(self, kind: Kind, image: Symmetry) -> list[Mechanism] | list[DeepMechanism]:
        """Per network its mechanism, the network mirrored."""
        key = (kind, image)
        if key not in self._mechanisms:
            box = self.population.box
            mirrored = [_mirrored(n, image) for n in self.networks(kind)]
            self._mechanisms[key] = (
                [mechanism(n, box=box) for n in mirrored]
                if self.shallow
                else [deep_mechanism(n, box=box) for n in mirrored]
            )
        return self._mechanisms[key]

    @cached_property
    def shallow(self) -> bool:
        """Whether all networks have at most one hidden layer."""
        return all(len(network.weights) <= 2 for network in self.solved)

    def labels(self, kind: Kind, image: Symmetry) -> list[frozenset[Label]]:
        """Per network the features that its used neurons hold in any layer, the network mirrored."""
        key = (kind, image)
        if key not in self._labels:
            networks = [_mirrored(n, image) for n in self.networks(kind)]
            found: list[frozenset[Label]] = [frozenset()] * len(networks)
            for places in by_architecture(networks).values():
                members = [networks[p] for p in places]
                layers = carriers(members, box=self.population.box, catalogue=self.settings.catalogue)
                for own in layers:
                    for place, labels in zip(places, own.held_labels(self.settings.held), strict=True):
                        found[place] = found[place] | labels
            self._labels[key] = found
        return self._labels[key]


_MEASURES: dict[str, Callable[[], Any]] = {"cka": cka_measure, "units": matching_measure}


def _compared(one: _Read, other: _Read, settings: _Settings) -> Ladder:
    """The ladder of two populations, or of one with itself."""
    if one is other and len(one.solved) < 2:
        rungs = tuple(Rung(name, "inconclusive", "one network makes no pair") for name in RUNGS)
    else:
        rungs = tuple(_RUNGS[name](one, other, settings) for name in RUNGS)
    return Ladder(one.population.name, other.population.name, rungs, _feature_table(one, other))


def _function(one: _Read, other: _Read, settings: _Settings) -> Rung:
    reason = _unlike_inputs(one, other) or _unlike_outputs(one, other)
    if reason:
        return Rung("function", "not comparable", reason)

    def apart(kind: Kind) -> Array:
        outputs = [np.array([n(side.X).ravel() for n in side.networks(kind)]) for side in (one, other)]
        squares = ((outputs[0][:, None] - outputs[1][None]) ** 2).mean(axis=2)
        return _pairs(squares, one is other)

    values, null = apart("solved"), apart("untrained")
    bar = 4 * settings.solved
    q05, q95 = (float(q) for q in np.quantile(null, (0.05, 0.95)))
    same = values <= bar
    vacuous = same & (q05 <= bar)
    about = (
        f"median squared difference {np.median(values):.2g} against {bar:.2g} for two solved networks, untrained "
        f"pairs {q05:.2g} and more"
    )
    return _judged(
        "function", values, same & ~vacuous, ~same, vacuous, (q05, q95), about, one, other, settings
    )


def _against_untrained(name: RungName, measure: str, words: str) -> Callable[[_Read, _Read, _Settings], Rung]:
    """A rung whose bar is what untrained networks reach."""

    def rung(one: _Read, other: _Read, settings: _Settings) -> Rung:
        reason = _unlike_inputs(one, other) or _no_layers(one, other)
        if reason:
            return Rung(name, "not comparable", reason)
        values, null = (
            _pairs(_best_over_images(one, other, kind, measure), one is other) for kind in _POPULATIONS
        )
        q05, q95 = (float(q) for q in np.quantile(null, (0.05, 0.95)))
        same, different = values > q95 + _TIE, values < q05 - _TIE
        about = (
            f"median {words} {np.median(values):.3g}, 90% of untrained pairs {q05:.3g} to {q95:.3g}"
            f"{_layers_compared(one, other)}"
        )
        return _judged(
            name, values, same, different, ~same & ~different, (q05, q95), about, one, other, settings
        )

    return rung


_POPULATIONS: tuple[Kind, Kind] = ("solved", "untrained")


def _features(one: _Read, other: _Read, settings: _Settings) -> Rung:
    if not one.depths[-1] or not other.depths[-1]:
        return Rung("features", "not comparable", "networks without a non-linear layer hold no features")
    named = _unlike_inputs(one, other) != ""

    def jaccard(kind: Kind) -> tuple[Array, npt.NDArray[np.bool_]]:
        """The index per pair, and where neither holds anything."""
        best = empty = None
        images = [one.group[0]] if named else _images(one, other)
        own_image, own_sets = one.group[0], []
        own_sets = one.labels(kind, own_image)
        for image in images:
            sets = other.labels(kind, other.group[0] if named else image)
            left, right = ([frozenset((n, ()) for n, _ in s) for s in side] if named else list(side)
                           for side in (own_sets, sets))  # fmt: skip
            known = sorted({label for labels in (*left, *right) for label in labels})
            index = {label: k for k, label in enumerate(known)}
            A, B = (_incidence(side, index) for side in (left, right))
            shared = A @ B.T
            union = A.sum(axis=1)[:, None] + B.sum(axis=1)[None] - shared
            value = np.where(union > 0, shared / np.maximum(union, 1.0), 0.0)
            best = value if best is None else np.maximum(best, value)
            empty = union == 0 if empty is None else empty & (union == 0)
        assert best is not None
        assert empty is not None
        return _pairs(best, one is other), _pairs(empty, one is other).astype(bool)

    (values, nothing), (null, _) = (jaccard(kind) for kind in _POPULATIONS)
    q05, q95 = (float(q) for q in np.quantile(null, (0.05, 0.95)))
    alike = values >= SAME_FEATURES - _TIE
    same = alike & (values > q95 + _TIE)
    different = (values <= _TIE) & ~nothing
    vacuous = (alike & ~same) | nothing
    about = f"median Jaccard index {np.median(values):.3g}, 95% of untrained pairs up to {q95:.3g}"
    if nothing.mean() > 0.5:
        about += "; most pairs hold no feature of the catalogue at all"
    if named:
        about += "; compared by the features' names alone, since the inputs are others"
    return _judged("features", values, same, different, vacuous, (q05, q95), about, one, other, settings)


def _circuit(one: _Read, other: _Read, settings: _Settings) -> Rung:
    reason = _unlike_inputs(one, other) or _unlike_outputs(one, other) or _no_mechanism(one, other)
    if reason:
        return Rung("circuit", "not comparable", reason)
    images = _images(one, other)

    compare: Callable[..., Array] = similarity_matrix if one.shallow else deep_similarities

    def best(first: Sequence[Any], side: _Read, kind: Kind, most: int | None = None) -> Array:
        scores = [compare(first, side.mechanisms(kind, image)[:most]) for image in images]
        return np.asarray(np.max(scores, axis=0))

    own = one.group[0]
    values = _pairs(best(one.mechanisms("solved", own), other, "solved"), one is other)
    panels = [best(one.mechanisms("solved", own)[:_LAZY_PARTNERS], other, "lazy").ravel()]
    if one is not other:
        panels.append(best(one.mechanisms("lazy", own), other, "solved", _LAZY_PARTNERS).ravel())
    null = np.concatenate(panels)
    q05, q95 = (float(q) for q in np.quantile(null, (0.05, 0.95)))
    alike = values >= SAME_CIRCUIT
    same = alike & (values > q95 + _TIE)
    different = values <= OTHER_CIRCUIT
    about = f"median similarity {np.median(values):.3g}, 95% of lazy networks up to {q95:.3g}"
    if not one.shallow:
        about += "; the last layer and the effective edges into it are compared, the smaller counts"
    between = float((~alike & ~different).mean())
    if between > 0:
        about += f"; {between:.0%} of the pairs lie between {OTHER_CIRCUIT:g} and {SAME_CIRCUIT:g}"
    return _judged("circuit", values, same, different, alike & ~same, (q05, q95), about, one, other, settings)


_RUNGS: dict[RungName, Callable[[_Read, _Read, _Settings], Rung]] = {
    "function": _function,
    "subspace": _against_untrained("subspace", "cka", "unbiased CKA"),
    "units": _against_untrained("units", "units", "correlation of matched units"),
    "features": _features,
    "circuit": _circuit,
}


def _judged(
    name: RungName,
    values: Array,
    same: npt.NDArray[np.bool_],
    different: npt.NDArray[np.bool_],
    vacuous: npt.NDArray[np.bool_],
    null: tuple[float, float],
    about: str,
    one: _Read,
    other: _Read,
    settings: _Settings,
) -> Rung:
    """The verdict by the intervals of the three shares."""
    pairs = len(values)
    effective = len(one.solved) // 2 if one is other else min(len(one.solved), len(other.solved))
    shares: dict[RungVerdict, npt.NDArray[np.bool_]] = {
        "same": same, "different": different, "vacuous": vacuous,
    }  # fmt: skip
    intervals = {
        key: share_interval(float(flags.mean()), effective, settings.confidence)
        for key, flags in shares.items()
    }
    verdict: RungVerdict
    settled = [key for key, (low, _) in intervals.items() if low > settings.majority]
    if settled:
        verdict = settled[0]
        low, high = intervals[verdict]
        ground = (
            f"{verdict} in {int(shares[verdict].sum())} of {pairs} pairs, interval {low:.2f} to {high:.2f}"
        )
    elif all(high < settings.majority for _, high in intervals.values()):
        verdict = "partial"
        low, high = intervals["same"]
        ground = (
            f"same in {int(same.sum())} of {pairs} pairs (interval {low:.2f} to {high:.2f}), different in "
            f"{int(different.sum())}, vacuous in {int(vacuous.sum())}: none holds for {settings.majority:.2g}"
        )
    else:
        verdict = "inconclusive"
        ground = (
            f"same in {int(same.sum())}, different in {int(different.sum())}, vacuous in {int(vacuous.sum())} of "
            f"{pairs} pairs, which {effective} disjoint ones cannot settle"
        )
    low, high = intervals["same"]
    return Rung(
        name,
        verdict,
        f"{ground}; {about}",
        float(same.mean()),
        low,
        high,
        float(different.mean()),
        float(vacuous.mean()),
        pairs,
        effective,
        float(np.median(values)),
        *null,
    )


def share_interval(share: float, effective: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share of pairs, of which `effective` are disjoint.

    Clopper-Pearson for the next whole counts on either side.

    Examples:
        >>> [round(end, 3) for end in share_interval(1.0, 10)]
        [0.692, 1.0]
    """
    found = share * effective
    # Rounding must not turn 10 of 10 into 9.
    fewest, most = math.floor(found + 1e-9), math.ceil(found - 1e-9)
    return prevalence(fewest, effective, confidence).low, prevalence(most, effective, confidence).high


def _feature_table(one: _Read, other: _Read) -> pd.DataFrame:
    """How many networks of either side hold each feature, modulo the symmetries where the task is one."""
    import pandas as pd
    from scipy.stats import fisher_exact

    task = one.population.task
    shared = task is not None and task is other.population.task
    orbits = (
        Orbits(task, one.settings.catalogue) if shared and task is not None and len(task.symmetries) else None
    )

    def counted(side: _Read, kind: Kind) -> dict[Label, int]:
        counts: dict[Label, int] = {}
        for labels in side.labels(kind, side.group[0]):
            for label in {label if orbits is None else orbits.representative(label) for label in labels}:
                counts[label] = counts.get(label, 0) + 1
        return counts

    a, b = counted(one, "solved"), counted(other, "solved")
    null = [counted(side, "untrained") for side in ((one,) if one is other else (one, other))]
    n_a, n_b = len(one.solved), len(other.solved)
    blank = sum(len(side.untrained) for side in ((one,) if one is other else (one, other)))
    rows = []
    for label in sorted({*a, *b}):
        found = a.get(label, 0), b.get(label, 0)
        p = math.nan
        if one is not other:
            p = float(fisher_exact([[found[0], n_a - found[0]], [found[1], n_b - found[1]]]).pvalue)
        rows.append(
            {
                "feature": label[0],
                "on": ", ".join(label[1]),
                "found_a": found[0],
                "n_a": n_a,
                "found_b": found[1],
                "n_b": n_b,
                "untrained_found": sum(counts.get(label, 0) for counts in null),
                "untrained_n": blank,
                "p": p,
            }
        )
    names = ["feature", "on", "found_a", "n_a", "found_b", "n_b", "untrained_found", "untrained_n", "p"]
    frame = pd.DataFrame(rows, columns=names)
    frame["q"] = benjamini_hochberg(frame["p"].to_numpy(dtype=np.float64))
    return frame


def _best_over_images(one: _Read, other: _Read, kind: Kind, measure: str) -> Array:
    """The largest value over mirror images of the second side [m_a, m_b]: of the layer that is least alike."""
    matrix = _cka_values if measure == "cka" else _unit_values
    own = one.prepared(measure, kind, one.group[0])
    best: Array | None = None
    for image in _images(one, other):
        theirs = other.prepared(measure, kind, image)
        if one.depths == other.depths and len(one.depths) == 1:
            layers = range(one.depths[0])
            values = np.min([matrix([n[k] for n in own], [n[k] for n in theirs]) for k in layers], axis=0)
        else:
            values = matrix([n[-1] for n in own], [n[-1] for n in theirs])
        best = values if best is None else np.maximum(best, values)
    assert best is not None
    return best


def _cka_values(a: Sequence[Prepared], b: Sequence[Prepared]) -> Array:
    """Unbiased linear CKA of all pairs, from one matrix product (design.md 5.6)."""
    values, whole_a, whole_b = _policy(a, b)
    if not len(whole_a) or not len(whole_b):
        return values
    (X, dx, rx, own_x, i), (Y, dy, ry, own_y, j) = (
        (
            np.concatenate([side[k].rows[0] for k in whole], axis=1),
            np.concatenate([side[k].rows[1] for k in whole], axis=1),
            np.concatenate([side[k].rows[2] for k in whole], axis=1),
            np.array([side[k].scalars[0] for k in whole]),
            _owners([side[k].rows[0].shape[1] for k in whole]),
        )
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    n = len(X)
    total = i.T @ ((X.T @ Y) ** 2) @ j - dx.T @ dy - 2 * (rx.T @ ry) / (n - 2)
    total += np.outer(rx.sum(axis=0), ry.sum(axis=0)) / ((n - 1) * (n - 2))
    scores = total / (n * (n - 3)) / np.outer(own_x, own_y)
    values[np.ix_(whole_a, whole_b)] = np.minimum(scores, 1.0)
    return values


def _unit_values(a: Sequence[Prepared], b: Sequence[Prepared]) -> Array:
    """Mean correlation of one-to-one matched units, of all pairs."""
    values, whole_a, whole_b = _policy(a, b)
    if not len(whole_a) or not len(whole_b):
        return values
    rows, columns = (
        np.concatenate([side[k].rows[0] for k in whole], axis=1)
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    C = np.clip(rows.T @ columns, -1.0, 1.0)
    starts, ends = (
        np.cumsum([0, *(side[k].rows[0].shape[1] for k in whole)])
        for side, whole in ((a, whole_a), (b, whole_b))
    )
    for p, k in enumerate(whole_a):
        strip = C[starts[p] : starts[p + 1]]
        for q, m in enumerate(whole_b):
            block = strip[:, ends[q] : ends[q + 1]]
            chosen = linear_sum_assignment(block, maximize=True)
            values[k, m] = block[chosen].sum() / min(block.shape)
    return values


def _policy(a: Sequence[Prepared], b: Sequence[Prepared]) -> tuple[Array, list[int], list[int]]:
    """Values where a side has nothing to measure (`measures.py`), and the places of those that have."""
    empty = [np.array([bool(part.empty) for part in side]) for side in (a, b)]
    values = np.logical_and.outer(empty[0], empty[1]).astype(np.float64)
    return values, np.flatnonzero(~empty[0]).tolist(), np.flatnonzero(~empty[1]).tolist()


def _owners(widths: Sequence[int]) -> Array:
    """Which network each unit is of [units, networks]."""
    return np.repeat(np.eye(len(widths)), widths, axis=0)


def _pairs(matrix: npt.NDArray[Any], within: bool) -> Array:
    """All pairs of a matrix, or within one population those above the diagonal."""
    values = np.asarray(matrix, dtype=np.float64)
    return values[np.triu_indices(len(values), 1)] if within else values.ravel()


def _incidence(sets: Sequence[frozenset[Label]], index: dict[Label, int]) -> Array:
    table = np.zeros((len(sets), len(index)))
    for row, labels in enumerate(sets):
        table[row, [index[label] for label in labels]] = 1.0
    return table


def _images(one: _Read, other: _Read) -> list[Symmetry]:
    """The mirror images in which the second side is tried: products of both tasks' symmetries."""
    found: dict[Symmetry, None] = {}
    # As one's symmetries are a group, all their inverses are among them.
    for own in one.group:
        for theirs in other.group:
            found.setdefault(own.then(theirs))
    return list(found)


def _activations(network: Network, X: Array) -> list[Array]:
    """Activations [n, units] of every non-linear layer, each unit in the units in which the next layer reads it.

    Rescaling ReLU units changes nothing in the function and much in CKA (design.md 5.6). So a unit's activation is
    multiplied by the length of its outgoing weights, where the units of the next layer are taken at incoming weights
    of length 1. Units whose activation function has a scale of its own stay as they are.
    """
    recorded = network.run(X)
    weights, names = network.weights, network.activations
    homogeneous = [name in ("relu", "identity") or leaky_slope(name) is not None for name in names]
    lengths = [np.ones(network.inputs)]
    for w, scales_freely in zip(weights, (*homogeneous, False), strict=True):
        norms = np.linalg.norm(w * lengths[-1], axis=1) if scales_freely else np.ones(len(w))
        lengths.append(np.where(norms > 0, norms, 1.0))
    layers = []
    for block in network.architecture.active:
        h = recorded[hook_post(block)]
        if homogeneous[block]:
            h = h * np.linalg.norm(weights[block + 1] / lengths[block + 2][:, None], axis=0)
        layers.append(h)
    return layers


def _mirrored(network: Network, image: Symmetry) -> Network:
    """The network of x -> f(image(x))."""
    if image.permutation == tuple(range(network.inputs)) and min(image.signs) > 0:
        return network
    W = np.zeros_like(network.weights[0])
    W[:, list(image.permutation)] = network.weights[0] * np.array(image.signs)
    return Network([W, *network.weights[1:]], network.biases, network.activations)


def _unlike_inputs(one: _Read, other: _Read) -> str:
    a, b = one.population, other.population
    if a.inputs != b.inputs:
        return f"{a.name} has {a.inputs} inputs and {b.name} {b.inputs}: there is no input that both see"
    if a.box != b.box:
        return (
            f"{a.name} lives on the box {a.box} and {b.name} on {b.box}: give both one box to compare them on"
        )
    return ""


def _unlike_outputs(one: _Read, other: _Read) -> str:
    a, b = one.population, other.population
    same = a.outputs == b.outputs
    return "" if same else f"{a.name} has {a.outputs} outputs and {b.name} {b.outputs}"


def _no_layers(one: _Read, other: _Read) -> str:
    bare = [side.population.name for side in (one, other) if side.depths[0] == 0]
    return f"{' and '.join(dict.fromkeys(bare))} holds networks without a non-linear layer" if bare else ""


def _no_mechanism(one: _Read, other: _Read) -> str:
    kinds = set()
    for side in (one, other):
        for network in side.solved:
            hidden, names = len(network.activations), set(network.activations)
            if hidden > 2 or (hidden == 2 and names != {"relu"}) or not names <= {"relu", "identity"}:
                return (
                    f"{network} of {side.population.name}: circuit similarity is defined for one or two hidden layers "
                    "of ReLU; compare recognised circuits"
                )
            kinds.add(hidden == 2)
    if len(kinds) > 1:
        return "networks of one and of two hidden layers have no edges in common; compare recognised circuits"
    return ""


def _layers_compared(one: _Read, other: _Read) -> str:
    if one.depths == other.depths == (1,):
        return ""
    if one.depths == other.depths and len(one.depths) == 1:
        return "; of the layers the least alike counts"
    return "; last hidden layers compared, since the depths differ"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
