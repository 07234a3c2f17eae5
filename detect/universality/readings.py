"""Readings: what the ladder reads in the networks of one condition, once per mirror image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Label
from ..features.catalogues import Catalogue
from ..features.symmetry import Symmetry, mirrored
from ..networks.architecture import hook_post
from ..networks.box import sobol_points
from ..networks.initialisation import known_laws
from ..networks.initialisation import untrained as draw_untrained
from ..networks.network import Network
from ..networks.nonlinearities import leaky_slope
from ..similarity.alignment import matching_measure
from ..similarity.deep_mechanisms import DeepMechanism, deep_mechanism
from ..similarity.measures import Prepared
from ..similarity.mechanisms import Mechanism, lazy_panel, mechanism
from ..similarity.representations import cka_measure
from .holders import by_architecture, carriers
from .population import Population

Array = npt.NDArray[np.float64]
Kind = Literal["solved", "untrained", "lazy"]

#: Networks of a condition that are compared: where all 15 disjoint pairs of 30 are alike, that settles a verdict
#: (p = 0.002 for two thirds), even where a table widens the intervals to confidence 0.995.
COMPARED = 30
#: Lazy networks of a condition, each compared with so many solved ones: 200 values, a 95% quantile to about 2%.
LAZY, LAZY_PARTNERS = 40, 5
#: 2**9 Sobol points, as for probes.
_LOG2_POINTS = 9

_MEASURES: dict[str, Callable[[], Any]] = {"cka": cka_measure, "units": matching_measure}


@dataclass(frozen=True)
class Settings:
    """What is compared, and how strictly."""

    threshold: float
    majority: float
    max_unexplained: float
    max_networks: int
    seed: int
    catalogue: Catalogue | None

    def __post_init__(self) -> None:
        if not 0.5 <= self.majority < 1:
            raise InputError(f"majority {self.majority}: give a share of the pairs from 1/2 to below 1")
        if not self.threshold > 0 or not 0 < self.max_unexplained < 1:
            raise InputError(
                f"threshold={self.threshold!r}, max_unexplained={self.max_unexplained!r}: give a positive "
                "loss, and a share of variance below 1"
            )
        if self.max_networks < 2:
            raise InputError(f"max_networks={self.max_networks}: comparing takes at least 2 networks")


class Read:
    """One population with what was read in it, once per mirror image."""

    def __init__(self, population: Population, settings: Settings) -> None:
        self.population = population
        self.settings = settings
        self.X = sobol_points(population.box, _LOG2_POINTS)
        # Of many solved networks the first are as good as any: seeds have no order.
        self.solved = population.networks[: settings.max_networks]
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
        laws = known_laws(self.population.init)
        drawn = (
            draw_untrained(shapes[k % len(shapes)], 1, laws[k // len(shapes) % len(laws)], rng).network(0)
            for k in range(COMPARED - len(given))
        )
        return (*given, *drawn)

    @cached_property
    def lazy(self) -> tuple[Network, ...]:
        """Lazy networks of the solved ones' shapes and function."""
        groups = by_architecture(self.solved)
        each = math.ceil(LAZY / len(groups))
        found: list[Network] = []
        for number, places in enumerate(groups.values()):
            network = self.solved[places[0]]
            p = self.population
            found += lazy_panel(
                network, each, target=p.task, box=p.box, init=p.init, seed=self.settings.seed + number
            )
        return tuple(found[:LAZY])

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

    def mechanisms(
        self, kind: Kind, image: Symmetry, most: int | None = None
    ) -> Sequence[Mechanism] | Sequence[DeepMechanism]:
        """Per network its mechanism, the network mirrored; of the first `most` only, which are then not kept."""
        key = (kind, image)
        if key in self._mechanisms:
            return self._mechanisms[key][:most]
        box = self.population.box
        images = [mirrored(n, image) for n in self.networks(kind)[:most]]
        found: list[Mechanism] | list[DeepMechanism] = (
            [mechanism(n, box=box) for n in images]
            if self.shallow
            else [deep_mechanism(n, box=box) for n in images]
        )
        if most is None:
            self._mechanisms[key] = found
        return found

    def forget_images(self) -> None:
        """Let go of what was read in mirrored networks; the networks' own stays."""
        own = self.group[0]
        self._prepared = {key: held for key, held in self._prepared.items() if key[-1] == own}
        self._mechanisms = {key: held for key, held in self._mechanisms.items() if key[-1] == own}
        self._labels = {key: held for key, held in self._labels.items() if key[-1] == own}

    @cached_property
    def shallow(self) -> bool:
        """Whether all networks have at most one hidden layer."""
        return all(len(network.weights) <= 2 for network in self.solved)

    def labels(self, kind: Kind, image: Symmetry) -> list[frozenset[Label]]:
        """Per network the features that its used neurons hold in any layer, the network mirrored."""
        key = (kind, image)
        if key not in self._labels:
            networks = [mirrored(n, image) for n in self.networks(kind)]
            found: list[frozenset[Label]] = [frozenset()] * len(networks)
            for places in by_architecture(networks).values():
                members = [networks[p] for p in places]
                layers = carriers(members, box=self.population.box, catalogue=self.settings.catalogue)
                for own in layers:
                    for place, labels in zip(
                        places, own.held_labels(self.settings.max_unexplained), strict=True
                    ):
                        found[place] = found[place] | labels
            self._labels[key] = found
        return self._labels[key]


def _activations(network: Network, X: Array) -> list[Array]:
    """Activations [n, units] of every non-linear layer, each unit in the units in which the next layer reads it.

    Rescaling ReLU units changes nothing in the function and much in CKA (docs/understand/similarity.md, Representation
    similarity). So a unit's activation is multiplied by the length of its outgoing weights, where the units of the
    next layer are taken at incoming weights of length 1. Units whose activation function has a scale of its own stay
    as they are.
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
