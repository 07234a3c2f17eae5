"""Tables: from what was read in networks to what a study says, as tidy frames. Nothing here touches a file.

A `Condition` is what one task, size and regimen gave: its networks, their losses and what was read in them.
Each function turns one condition into the rows of one table; `verdicts` then judges the prevalence rows of all
conditions together. `mathcircuits.reports.studies.schema` lists every table's columns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mathcircuits.detect import Network, Task, catalogue, prevalence, verdict_table
from mathcircuits.detect.exact import wrong_share
from mathcircuits.detect.features import Label
from mathcircuits.detect.matching import HELD, USED
from mathcircuits.detect.networks import hook_post, sobol_points
from mathcircuits.detect.similarity import pairwise
from mathcircuits.detect.statistics import ROUNDING
from mathcircuits.detect.universality import Orbits, form_error, match_ensemble

from .circuitry import forced_gauge, gauge_kinds, norm_row
from .config import INIT
from .evidence import (
    Certain,
    LeftOpen,
    census_row,
    held_labels,
    mixed_as,
    split_arguments,
    taught_labels,
    with_left_out,
)
from .schema import FIBRE, empty, typed
from .selecting.featurerows import judged_beside_fibres

Array = npt.NDArray[np.float64]
Population = Literal["trained", "untrained", "derived"]

#: Networks of one condition that are compared pair by pair: 190 pairs show what 50 would, and can be drawn.
COMPARED = 20
#: 1024 Sobol points: correlations are off by under 1%.
_LOG2_INPUTS = 10
MEASURES = ("correlation_matching", "cka")


@dataclass(frozen=True, eq=False)
class Condition:
    """What one task, size and regimen gave.

    Attributes:
        task: the task.
        hidden: hidden sizes.
        width: their multiple of the task's smallest, or empty.
        regimen: its name; `threshold` is the loss below which a network counts as solved.
        steps: training steps of every network.
        derived: whether this is the hand-derived network.
        seeds: one per network; `losses` [net] are their fresh losses (NaN where one diverged) and `cells` the
            cells that they come from.
        costs: network-steps that each took to train, [net].
        networks: the trained (or hand-derived) networks; None where one diverged.
        untrained: the same networks before training; empty for a hand-derived one.
        neurons, directions: what was read in them, with the columns seed, population and those of an Analysis;
            `on` is a text.
        kinks, superposition, programs, circuits, failures, emergence: what else was read, with the column seed and
            those of the table of that name.
        taught: what networks hold that were taught something else: the columns hidden, network, feature and on.
        init: the init law of the networks; None where it is not known.
        classifies: whether they are classifiers, whose losses are shares of points with a wrong class.
    """

    task: Task
    hidden: tuple[int, ...]
    width: str
    regimen: str
    threshold: float
    steps: int
    derived: bool
    seeds: tuple[int, ...]
    losses: Array
    cells: tuple[str, ...]
    costs: Array
    networks: tuple[Network | None, ...]
    untrained: tuple[Network, ...]
    neurons: pd.DataFrame
    directions: pd.DataFrame
    kinks: pd.DataFrame
    superposition: pd.DataFrame
    programs: pd.DataFrame
    circuits: pd.DataFrame
    failures: pd.DataFrame
    emergence: pd.DataFrame
    taught: pd.DataFrame
    init: str | None = INIT
    classifies: bool = False

    @property
    def sizes(self) -> str:
        """The hidden sizes as a text."""
        return "-".join(map(str, self.hidden))

    @property
    def about(self) -> dict[str, str]:
        """The columns that name the condition."""
        return {"task": self.task.name, "hidden": self.sizes, "width": self.width, "regimen": self.regimen}

    @property
    def solved(self) -> npt.NDArray[np.bool_]:
        """Which networks solved the task, [net]; one that diverged did not."""
        return np.asarray(self.losses < self.threshold)

    @property
    def solutions(self) -> list[tuple[int, Network]]:
        """The networks that solved the task, with their seeds."""
        members = zip(self.seeds, self.networks, self.solved, strict=True)
        return [(seed, network) for seed, network, solved in members if solved and network is not None]

    @property
    def final(self) -> list[str]:
        """The hidden sizes that each network ended with, as texts; one that diverged keeps those it started with."""
        return [self.sizes if n is None else "-".join(map(str, n.sizes[1:-1])) for n in self.networks]

    def network_id(self, seed: int) -> str:
        """The id of the network of that seed."""
        return f"{self.task.name}/{self.sizes}/{self.regimen}/{seed}"


def neuron_table(condition: Condition, orbits: Orbits) -> pd.DataFrame:
    """The neurons, with `used` and `expected` beside what an Analysis says of them."""
    frame = _identified(condition, condition.neurons)
    frame["used"] = frame["contribution"] >= USED
    expected = []
    for feature, on in zip(frame["feature"], frame["on"], strict=True):
        label = (str(feature), split_arguments(str(on)))
        # What a label on the network's own variables amounts to on the inputs is not known here.
        expected.append(label in orbits.expected if orbits.derived and orbits.has(label) else None)
    frame["expected"] = pd.array(expected, dtype="boolean")
    return typed(frame, "neurons")


def direction_table(condition: Condition) -> pd.DataFrame:
    """The directions of an Analysis, for every network."""
    return typed(_identified(condition, condition.directions), "directions")


def network_table(condition: Condition, neurons: pd.DataFrame, orbits: Orbits) -> pd.DataFrame:
    """One row per network: loss, whether it solved the task, which expected features it lacks.

    `neurons` is the condition's `neuron_table`. Untrained networks have the loss that they start from. A
    network that diverged lacks everything.
    """
    held = held_labels(neurons, orbits)
    shares = labelled_share(neurons)
    why = {int(row["seed"]): row for row in condition.failures.to_dict("records")}
    bends = {int(row["seed"]): row for row in condition.kinks.to_dict("records")}
    forms = dict(zip(condition.programs["seed"].astype(int), gauge_kinds(condition.programs), strict=True))
    populations: list[tuple[Population, Sequence[Network | None], Array]]
    if condition.derived:
        populations = [("derived", condition.networks, condition.losses)]
    else:
        populations = [
            ("trained", condition.networks, condition.losses),
            ("untrained", condition.untrained, _losses(condition)),
        ]
    rows = []
    final = condition.final
    missing: dict[frozenset[Label], str] = {}
    for population, networks, losses in populations:
        for k, seed in enumerate(condition.seeds):
            identity = condition.network_id(seed)
            labels = held.get((identity, population), frozenset())
            trained = population != "untrained"
            bend = bends.get(seed, {}) if trained else {}
            failure = why.get(seed, {}) if trained else {}
            if labels not in missing:
                missing[labels] = "; ".join(orbits.missing(labels))
            rows.append(
                {
                    "network": identity,
                    **condition.about,
                    "seed": seed,
                    "population": population,
                    "loss": losses[k],
                    "solved": bool(losses[k] < condition.threshold),
                    "threshold": condition.threshold,
                    "steps": 0 if population == "untrained" else condition.steps,
                    "parameters": (networks[k] or condition.untrained[k]).architecture.parameters,
                    "missing": missing[labels],
                    **{name: bend.get(name) for name in ("kinks", "kinks_lazy", "kinks_passed")},
                    **norm_row(networks[k], condition.task, bool(losses[k] < condition.threshold)),
                    "final": final[k],
                    "cost": condition.costs[k] if trained else 0.0,
                    "labelled": shares.get((identity, population), math.nan),
                    **{name: failure.get(name) for name in ("cause", "diagnosis", "lost")},
                    "form": forms.get(seed) if trained and losses[k] < condition.threshold else None,
                    "cell": condition.cells[k],
                }
            )
    return typed(pd.DataFrame(rows), "networks")


def success_table(condition: Condition) -> pd.DataFrame:
    """How many networks solved the task, with the exact binomial (Clopper-Pearson) interval."""
    solved = int(condition.solved.sum())
    share = prevalence(solved, len(condition.seeds))
    row = {
        **condition.about,
        "n": share.n,
        "solved": solved,
        "value": share.value,
        "low": share.low,
        "high": share.high,
    }
    return typed(pd.DataFrame([row]), "success")


def prevalence_counts(
    condition: Condition, held: Mapping[tuple[str, str], frozenset[Label]], orbits: Orbits
) -> pd.DataFrame:
    """How many solved, and how many untrained, networks hold each feature; `verdicts` judges the counts.

    A network has a feature if a used neuron holds it at unexplained <= 1e-3 (docs/understand/evidence.md, Criteria).
    Where the sizes that a network ended with force a feature, holding it is no evidence: a row counts the networks that
    were free to lack it, if there are any. Otherwise it is `forced`, and counts those whose certified error is at most
    `forced_below`, the error up to which every network must hold it (as a group of neurons; `Orbits.forced_error`).
    The others neither support nor contradict it: `apart` are further off, `uncertified` have no certificate. Rows with
    `oriented` False count an orbit under the task's symmetries, named by its first member; where several
    members could be held and one is, rows with `oriented` True count each. Listed are the features that some
    solved network holds, those of the hand-derived network, and Osier's ridges (whether they are absent is
    a finding too). `trained` counts all networks, solved or not. Rows have the same `finding` where they are the two
    halves of a pair, relu(u) and relu(-u), in the same networks: together these are u or |u|, one finding and not two.

    `held` is what `held_labels` finds in the condition's `neuron_table`.
    """
    solved = {
        condition.network_id(seed)
        for seed, done in zip(condition.seeds, condition.solved, strict=True)
        if done
    }
    by_network = {
        name: labels
        for (name, population), labels in held.items()
        if population == "trained" and name in solved
    }
    counted = list(by_network.values())
    networks_by_id = {condition.network_id(seed): network for seed, network in condition.solutions}
    certain = _certain(condition, solved)
    bias = _has_bias(condition)
    beside = [labels for (_, population), labels in held.items() if population == "untrained"]
    taught = taught_labels(condition.taught, orbits)
    listed = set(orbits.expected).union(*counted)
    ridges = _seed_ridges()
    listed |= {label for label in orbits.labels if label[0] in ridges}
    order = {label: k for k, label in enumerate(orbits.labels)}
    rows = []
    #: What two rows share that are the halves of a pair in the same networks; None for a row by itself.
    halves: list[tuple[object, ...] | None] = []
    for first in sorted(
        {orbits.representative(label) for label in listed}, key=lambda label: order.get(label, -1)
    ):
        orbit = orbits.orbit(first)
        groups = [(False, first, set(orbit))]
        # Of what nobody holds there is no orientation to ask for, and rows without need widen all intervals.
        if len(orbit) > 1 and any(not labels.isdisjoint(orbit) for labels in counted):
            groups += [(True, member, {member}) for member in orbit]
        for oriented, (feature, on), members in groups:
            left = certain.left_open(
                partial(orbits.forced, (feature, on), bias=bias, oriented=oriented),
                partial(orbits.forced_error, (feature, on), bias=bias, oriented=oriented),
            )
            among = left.names
            holders = frozenset(
                name
                for name in among
                if not members.isdisjoint(by_network.get(name, ()))
                or (
                    left.forced
                    and orbits.held_together(networks_by_id[name], (feature, on), oriented=oriented)
                )
            )
            before = frozenset(k for k, labels in enumerate(beside) if not members.isdisjoint(labels))
            untrained_found = len(before)
            others = mixed_as(taught, [certain.final[name] for name in among] or [condition.hidden])
            taught_found = sum(not labels.isdisjoint(members) for labels in others)
            rows.append(
                {
                    **condition.about,
                    "feature": feature,
                    "on": ", ".join(on),
                    "oriented": oriented,
                    "found": len(holders),
                    "n": len(among),
                    # Solved networks that are no evidence about it are not counted either way.
                    "trained": len(condition.seeds) - len(solved) + len(among),
                    "untrained_found": untrained_found,
                    "untrained_n": len(condition.untrained),
                    "untrained_value": untrained_found / len(condition.untrained)
                    if condition.untrained
                    else np.nan,
                    "taught_found": taught_found if others else None,
                    "taught_n": len(others) or None,
                    "taught_value": taught_found / len(others) if others else np.nan,
                    **left.columns,
                }
            )
            axis = _axis((feature, on))
            halves.append(
                None
                if axis is None or not holders
                else (oriented, axis, len(among), holders, before, taught_found)
            )
    sizes = Counter(halves)
    where = "/".join((condition.task.name, condition.sizes, condition.regimen))
    pairs = [half for half in sizes if half is not None and sizes[half] > 1]
    finding = [f"{where} pair {pairs.index(half)}" if half in pairs else None for half in halves]
    return pd.DataFrame(rows).assign(finding=pd.array(finding, dtype="string"))


def _certain(condition: Condition, names: Iterable[str]) -> Certain:
    """What is known of these solved networks: the sizes they ended with, and their certified errors."""
    final = {condition.network_id(seed): network.sizes[1:-1] for seed, network in condition.solutions}
    read = condition.programs
    upper = {
        condition.network_id(int(seed)): float(bound)
        for seed, bound in zip(read["seed"], read["spec_upper"], strict=True)
    }
    return Certain(list(names), condition.hidden, final, upper)


def verdicts(counts: pd.DataFrame, *, sequential: bool = False) -> pd.DataFrame:
    """The prevalence table: counts of all conditions, judged together (false discoveries are controlled over it).

    Counts that were put `beside_fibres` are judged beside these too.
    """
    if counts.empty:
        return empty("prevalence")
    table = judged_beside_fibres(verdict_table(counts.reset_index(drop=True), sequential=sequential))
    unknown = {name: None for name in FIBRE if name not in table.columns}
    return typed(with_left_out(table.assign(**unknown)), "prevalence")


def similarity_table(condition: Condition) -> pd.DataFrame:
    """Pairs of networks: how alike their last hidden layers are on shared inputs, beside pairs of untrained ones.

    At most 20 solved networks, in the order of their seeds, and as many untrained. `null_mean`, `null_q95` and p
    come from the untrained pairs: would networks that learned nothing look as alike? Untrained pairs have
    rows of their own, without a null.
    """
    chosen: dict[Population, list[tuple[int, Network]]] = {
        "trained": condition.solutions[:COMPARED],
        "untrained": list(zip(condition.seeds, condition.untrained, strict=False))[:COMPARED],
    }
    task = condition.task
    X = task.sample(0) if task.points else sobol_points(task.box, _LOG2_INPUTS)
    layers = {
        population: [_last_hidden(network, X) for _, network in members]
        for population, members in chosen.items()
    }
    frames = []
    for measure in MEASURES:
        values = {
            population: pairwise(of, measure)[np.triu_indices(len(of), 1)] if len(of) > 1 else np.zeros(0)
            for population, of in layers.items()
        }
        null = np.sort(values["untrained"])
        for population, members in chosen.items():
            first, second = np.triu_indices(len(members), 1)
            found = values[population]
            tested = population == "trained" and len(null) > 0
            # A tie up to rounding counts against the finding, as for every measure of similarity.
            reached = len(null) - np.searchsorted(null, found - ROUNDING)
            frames.append(
                pd.DataFrame(
                    {
                        **condition.about,
                        "population": population,
                        "measure": measure,
                        "network_a": [condition.network_id(members[k][0]) for k in first],
                        "network_b": [condition.network_id(members[k][0]) for k in second],
                        "value": found,
                        "null_mean": null.mean() if tested else np.nan,
                        "null_q95": np.quantile(null, 0.95) if tested else np.nan,
                        "p": (1 + reached) / (1 + len(null)) if tested else np.nan,
                    }
                )
            )
    return typed(pd.concat(frames, ignore_index=True), "similarity")


def ensemble_table(condition: Condition) -> pd.DataFrame:
    """Features that more solved networks hold in a used neuron than chance would put there; see `match_ensemble`.

    Features that no network holds are left out, but count among those that q is adjusted for. Of networks that ended
    with several sizes those of the most frequent size are tested; the others may hold the features or not.
    """
    if not condition.solutions:
        return empty("ensembles")
    solved = [network for _, network in condition.solutions]
    (most, _), *_ = Counter(network.architecture for network in solved).most_common(1)
    networks = [network for network in solved if network.architecture == most]
    frame = match_ensemble(networks, box=condition.task.box, init=condition.init)
    frame = frame[frame["found"] > 0]
    trained = len(condition.seeds)
    worst = {"worst_low": frame["found"] / trained, "worst_high": (frame["found"] - frame["n"]) / trained + 1}
    frame = frame.assign(on=[", ".join(on) for on in frame["on"]], **worst, **condition.about)
    return typed(frame, "ensembles")


def program_table(condition: Condition) -> pd.DataFrame:
    """What the networks that were put into words compute: formula, certified error, class and gauge."""
    return typed(_identified(condition, _own(condition, condition.programs)), "programs")


def circuit_table(condition: Condition) -> pd.DataFrame:
    """The catalogue's circuits inside those networks."""
    return typed(_identified(condition, _own(condition, condition.circuits)), "circuits")


def superposition_table(condition: Condition) -> pd.DataFrame:
    """Readable features beside their rank and the live neurons, per network and layer."""
    return typed(_identified(condition, _own(condition, condition.superposition)), "superposition")


def census_table(condition: Condition, programs: pd.DataFrame) -> pd.DataFrame:
    """How many solved networks fall into each functional class and each gauge, with exact intervals.

    Both modulo the task's symmetries. `evidence_found` of `evidence_n` networks have it among those that were free to
    lack it; where none was, a gauge is `forced`, and they are those whose certified error is at most `forced_below`
    (the other columns are as in `prevalence_counts`). `programs` is the condition's `program_table`. Gauges that the
    catalogue does not name are counted by what they have in common.
    """
    solved = {condition.network_id(seed) for seed, _ in condition.solutions}
    rows = programs[programs["network"].isin(solved)]
    gauges = gauge_kinds(rows)
    bias = _has_bias(condition)
    members = [str(name) for name in rows["network"]]
    certain = _certain(condition, members)
    records = []
    for level, names in (("class", [str(name) for name in rows["class"]]), ("gauge", gauges)):
        # Most frequent first; of equally frequent ones the first by name.
        for name, found in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])):
            left = LeftOpen(False, members)
            if level == "gauge":
                forced = partial(forced_gauge, condition.task, name=name, bias=bias)
                left = certain.left_open(forced, lambda _: form_error(condition.task))
            # Failed networks might have computed it in any way.
            share = prevalence(found, len(rows), trained=len(rows) + len(condition.seeds) - len(solved))
            holders = [of for own, of in zip(names, members, strict=True) if own == name]
            records.append({**condition.about, **census_row(level, name, share, holders, left)})
    return typed(pd.DataFrame(records), "census") if records else empty("census")


def unnamed_solutions(condition: Condition, programs: pd.DataFrame) -> list[tuple[str, Network]]:
    """The solved networks whose way of computing their function the catalogue has no name for, by id."""
    unnamed = set(programs["network"][~programs["named"].fillna(False).astype(bool)])
    named = ((condition.network_id(seed), network) for seed, network in condition.solutions)
    return [(name, network) for name, network in named if name in unnamed]


def labelled_share(neurons: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The share of each network's used neurons that hold a feature of the catalogue: (network, population) -> share."""
    used = neurons[neurons["used"].fillna(False).astype(bool)]
    held = (used["unexplained"] <= HELD).astype(float)
    sums: dict[tuple[str, str], list[float]] = {}
    for network, population, value in zip(used["network"], used["population"], held, strict=True):
        sums.setdefault((str(network), str(population)), []).append(value)
    return {key: float(np.mean(values)) for key, values in sums.items()}


def _identified(condition: Condition, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns that name a network in front."""
    columns: dict[str, Any] = {
        "network": [condition.network_id(seed) for seed in frame["seed"]],
        **condition.about,
    }
    return frame.assign(**columns)


def _own(condition: Condition, frame: pd.DataFrame) -> pd.DataFrame:
    """What was read in trained or hand-derived networks alone, with its population."""
    return frame.assign(population="derived" if condition.derived else "trained")


def _seed_ridges() -> frozenset[str]:
    """Osier's features that one ReLU neuron can hold."""
    return frozenset(f.name for f in catalogue.values() if "seed" in f.tags and f.direction is not None)


def _axis(label: Label) -> tuple[tuple[str, float], ...] | None:
    """The direction of a ridge on its inputs up to its side and length; None for a feature that is no ridge."""
    feature, on = label
    direction = catalogue[feature].direction
    if direction is None:
        return None
    weights = {name: float(weight) for name, weight in zip(on, direction, strict=True) if weight}
    first = weights[min(weights)]
    return tuple(sorted((name, round(weight / first, 9)) for name, weight in weights.items()))


def _losses(condition: Condition) -> Array:
    """The losses of its untrained networks."""
    networks, task = condition.untrained, condition.task
    if condition.classifies:
        return wrong_share(networks, task)
    X = task.sample(0) if task.points else sobol_points(task.box, _LOG2_INPUTS)
    target = task(X)
    return np.array([np.mean((network(X) - target) ** 2) for network in networks], dtype=np.float64)


def _last_hidden(network: Network, X: Array) -> Array:
    return np.asarray(network.run(X)[hook_post(len(network.activations) - 1)])


def _has_bias(condition: Condition) -> bool:
    known = [network for network in (*condition.networks, *condition.untrained) if network is not None]
    return any(network.architecture.has_bias for network in known)
