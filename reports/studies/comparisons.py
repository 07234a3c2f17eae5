"""Comparisons: conditions side by side. Ladders, similarity between tasks, transplants. No file is touched.

Of every condition a few networks are kept (`Sample`). Where tasks are compared, one width and regimen stands for all of
them as far as it goes (`representatives`), so that tasks differ and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from mathcircuits.detect import Network, Task, tasks, within_across
from mathcircuits.detect.exact import is_piecewise_linear
from mathcircuits.detect.features import SOLVED
from mathcircuits.detect.networks import Box, hook_post, sobol_points
from mathcircuits.detect.similarity import mechanism, pairwise, similarity_matrix
from mathcircuits.detect.universality import (
    COMPARED,
    Ladder,
    Orbits,
    Population,
    cutoff_sweep,
    ladder_of_many,
    transplant_many,
)
from mathcircuits.detect.universality import ladder_table as judged_together

from .config import INIT, relative_width
from .schema import empty, typed
from .tables import Condition

Array = npt.NDArray[np.float64]

#: Networks of a task that are compared with those of other tasks: 15 pairs within each, few enough to be drawn.
PANEL = 6
#: Networks of a task that give each other their features.
DONORS = 4
#: 512 Sobol points, as for the ladder.
_LOG2_INPUTS = 9
#: What is compared on each rung: the layer's activations, or the mechanism.
MEASURES = {"subspace": "cka", "units": "correlation_matching", "circuit": "circuit_similarity"}


@dataclass(frozen=True)
class Sample:
    """What is kept of a condition to be compared with others.

    Attributes:
        task: its task.
        hidden, regimen: its sizes and regimen.
        solved: how many networks solved the task.
        solutions: at most 30 of them, by id; losses: theirs.
        untrained: at most as many untrained networks, by id.
        init: the init law of its networks; None where it is not known.
        threshold: the loss of a solved network, of which two functions are no more than four apart.
    """

    task: Task
    hidden: str
    regimen: str
    solved: int
    solutions: Mapping[str, Network]
    losses: Mapping[str, float]
    untrained: Mapping[str, Network]
    init: str | None = INIT
    threshold: float = SOLVED

    @property
    def name(self) -> str:
        """The condition, `minimum/3/adam`."""
        return f"{self.task.name}/{self.hidden}/{self.regimen}"

    @property
    def kind(self) -> tuple[str, str]:
        """Width, as a multiple of the task's smallest where it is one, and regimen."""
        sizes = tuple(int(size) for size in self.hidden.split("-") if size)
        return relative_width(self.task, sizes) or self.hidden, self.regimen

    @property
    def population(self) -> Population:
        """What the ladder compares."""
        return Population(
            self.name,
            list(self.solutions.values()),
            task=self.task,
            untrained=list(self.untrained.values()),
            init=self.init,
        )


def sample_of(condition: Condition) -> Sample:
    """The networks of a condition that are kept for comparisons, in the order of their seeds."""
    kept = condition.solutions[:COMPARED]
    losses = dict(zip(condition.seeds, condition.losses.tolist(), strict=True))
    return Sample(
        condition.task,
        condition.sizes,
        condition.regimen,
        len(condition.solutions),
        {condition.network_id(seed): network for seed, network in kept},
        {condition.network_id(seed): losses[seed] for seed, _ in kept},
        {
            condition.network_id(seed): network
            for seed, network in list(zip(condition.seeds, condition.untrained, strict=False))[:COMPARED]
        },
        condition.init,
        # Osier's networks are held to what the others are; of networks from elsewhere nothing better is known.
        condition.threshold if condition.init is None else condition.task.threshold,
    )


def representatives(samples: Sequence[Sample]) -> dict[str, Sample]:
    """The condition that stands for each task where tasks are compared; none for a task without two solved networks.

    One width and regimen for all: that in which most tasks have two solved networks, of several that with most solved
    networks (of each task at most as many as are compared), then the first. A task without two there is stood for by
    its own condition with the most.
    """
    usable = [sample for sample in samples if len(sample.solutions) >= 2]
    kinds: dict[tuple[str, str], list[Sample]] = {}
    for sample in usable:
        kinds.setdefault(sample.kind, []).append(sample)
    common = max(kinds.values(), key=lambda own: (len(own), sum(len(s.solutions) for s in own)), default=[])
    chosen: dict[str, Sample] = {}
    for sample in [*common, *sorted(usable, key=lambda sample: -sample.solved)]:
        chosen.setdefault(sample.task.name, sample)
    names = dict.fromkeys(sample.task.name for sample in samples)
    return {name: chosen[name] for name in names if name in chosen}


class LadderTables(NamedTuple):
    """The ladders of a study, judged together.

    Attributes:
        ladder: a row for each ladder and rung.
        sweep: the verdicts in it that another cut-off changes.
    """

    ladder: pd.DataFrame
    sweep: pd.DataFrame


def ladder_tables(samples: Sequence[Sample]) -> LadderTables:
    """The ladders of the conditions of each task, and of the tasks with equally many inputs, judged together.

    Conditions with fewer than two solved networks are left out. `kind` says what differs: `seeds` (a condition with
    itself), `widths`, `regimens`, `both`, or `tasks`. False discoveries are controlled over the whole table.
    """
    usable = [sample for sample in samples if len(sample.solutions) >= 2]
    found: list[Ladder] = []
    for name in dict.fromkeys(sample.task.name for sample in usable):
        own = [sample for sample in usable if sample.task.name == name]
        found += ladder_of_many(
            [sample.population for sample in own], threshold=max(sample.threshold for sample in own)
        )
    stand = representatives(usable)
    for inputs in sorted({sample.task.arity for sample in stand.values()}):
        alike = [sample for sample in stand.values() if sample.task.arity == inputs]
        found += ladder_of_many(
            [sample.population for sample in alike],
            within=False,
            threshold=max(sample.threshold for sample in alike),
        )
    if not found:
        return LadderTables(empty("ladder"), empty("sweep"))
    known = {sample.name: sample for sample in usable}
    frame = judged_together(found).rename(
        columns={"share": "value", "effective": "n", "null_q95": "null"}, errors="raise"
    )
    # The first rung of each ladder that is not the same.
    parted = frame["verdict"] != "same"
    frame["stops"] = parted & (parted.groupby([frame["a"], frame["b"]]).cumsum() == 1)
    swept = cutoff_sweep(found)
    for table in (frame, swept):
        for side in "ab":
            own = [known[name] for name in table[side]]
            table[f"task_{side}"] = [sample.task.name for sample in own]
            table[f"hidden_{side}"] = [sample.hidden for sample in own]
            table[f"regimen_{side}"] = [sample.regimen for sample in own]
        table["kind"] = [_difference(known[a], known[b]) for a, b in zip(table["a"], table["b"], strict=True)]
    return LadderTables(typed(frame, "ladder"), typed(swept, "sweep"))


def _difference(a: Sample, b: Sample) -> str:
    if a.task.name != b.task.name:
        return "tasks"
    if a.hidden == b.hidden:
        return "seeds" if a.regimen == b.regimen else "regimens"
    return "widths" if a.regimen == b.regimen else "both"


def pair_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """How alike networks of different tasks are, pair by pair and rung by rung, beside untrained ones.

    Tasks with equally many inputs are compared on the same inputs, six networks of each. Circuits are compared
    where both have one hidden layer.
    """
    frames = []
    for box, population, members in _panels(samples):
        names = list(members)
        for rung, matrix in _matrices([network for _, network in members.values()], box).items():
            first, second = np.triu_indices(len(names), 1)
            values = matrix[first, second]
            there = np.isfinite(values)
            frames.append(
                pd.DataFrame(
                    {
                        "rung": rung,
                        "measure": MEASURES[rung],
                        "inputs": len(box),
                        "population": population,
                        "task_a": [members[names[k]][0] for k in first[there]],
                        "network_a": [names[k] for k in first[there]],
                        "task_b": [members[names[k]][0] for k in second[there]],
                        "network_b": [names[k] for k in second[there]],
                        "value": values[there],
                    }
                )
            )
    return typed(pd.concat(frames, ignore_index=True), "pairs") if frames else empty("pairs")


def contrast_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Similarity within tasks against across them: permutation test over networks, effect and interval.

    Args:
        pairs: the table `pairs`.
    """
    rows = []
    for _, part in pairs.groupby(["rung", "measure", "inputs", "population"], sort=False):
        names = list(dict.fromkeys([*part["network_a"], *part["network_b"]]))
        place = {name: k for k, name in enumerate(names)}
        task = dict(zip(part["network_a"], part["task_a"], strict=True))
        task |= dict(zip(part["network_b"], part["task_b"], strict=True))
        groups = [str(task[name]) for name in names]
        if len(set(groups)) < 2 or min(groups.count(g) for g in set(groups)) < 2:
            continue
        matrix = np.eye(len(names))
        a, b = part["network_a"].map(place).to_numpy(), part["network_b"].map(place).to_numpy()
        matrix[a, b] = matrix[b, a] = part["value"]
        found = within_across(matrix, groups)
        numbers = {"within": found.within, "across": found.across, "effect": found.effect}
        rows.append(
            {
                **dict(zip(("rung", "measure", "inputs", "population"), part.iloc[0, :4], strict=True)),
                **numbers,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "n": len(names),
            }
        )
    return typed(pd.DataFrame(rows), "contrasts") if rows else empty("contrasts")


def _panels(samples: Sequence[Sample]) -> Iterator[tuple[Box, str, dict[str, tuple[str, Network]]]]:
    """For every number of inputs, the networks that are compared, trained and untrained: id -> (task, network)."""
    stand = list(representatives(samples).values())
    for inputs in sorted({sample.task.arity for sample in stand}):
        alike = [sample for sample in stand if sample.task.arity == inputs]
        # They have to see the same inputs: of several boxes the first.
        alike = [sample for sample in alike if sample.task.box == alike[0].task.box]
        if len(alike) < 2:
            continue
        for population in ("trained", "untrained"):
            members: dict[str, tuple[str, Network]] = {}
            for sample in alike:
                networks = sample.solutions if population == "trained" else sample.untrained
                members |= {name: (sample.task.name, networks[name]) for name in list(networks)[:PANEL]}
            yield alike[0].task.box, population, members


def _matrices(networks: Sequence[Network], box: Box) -> dict[str, Array]:
    """Rung -> values [m, m]; NaN where two networks cannot be compared."""
    X = sobol_points(box, _LOG2_INPUTS)
    layers = [np.asarray(network.run(X)[hook_post(len(network.activations) - 1)]) for network in networks]
    found = {rung: pairwise(layers, MEASURES[rung]) for rung in ("subspace", "units")}
    shallow = [
        k for k, n in enumerate(networks) if len(n.weights) == 2 and n.outputs == 1 and is_piecewise_linear(n)
    ]
    circuit = np.full((len(networks), len(networks)), np.nan)
    if shallow:
        own = [mechanism(networks[k], box=box) for k in shallow]
        circuit[np.ix_(shallow, shallow)] = similarity_matrix(own, own)
    return {**found, "circuit": circuit}


def transplant_table(samples: Sequence[Sample]) -> pd.DataFrame:
    """Features put from one network into another: from task to task (each task's best network), and from seed to seed.

    Features are those of the tasks' hand-derived networks, one of each orbit. A pair of which one side does not hold
    the feature has a `reason` and no numbers.
    """
    stand = representatives(samples)
    frames = []
    best = {name: _best(sample, 1) for name, sample in stand.items()}
    wanted: dict[str, None] = {}
    expected = {}
    for name in stand:
        orbits = Orbits(tasks[name])
        heads = dict.fromkeys(
            orbits.representative(label) for label in orbits.labels if label in orbits.expected
        )
        expected[name] = list(heads)
        wanted |= dict.fromkeys(feature for feature, _ in heads)
    if len(stand) > 1:
        for feature in wanted:
            several = {name: [network for _, network in members] for name, members in best.items()}
            frame = transplant_many(several, feature, tasks={name: name for name in stand})
            frames.append(_transplant_rows(frame, "tasks", {n: [i for i, _ in m] for n, m in best.items()}))
    for name, sample in stand.items():
        members = _best(sample, DONORS)
        if len(members) < 2:
            continue
        for feature, on in expected[name]:
            several = {name: [network for _, network in members]}
            frame = transplant_many(several, feature, tasks={name: name})
            own = _transplant_rows(frame, "seeds", {name: [i for i, _ in members]})
            frames.append(own.assign(on=", ".join(on)))
    return typed(pd.concat(frames, ignore_index=True), "transplants") if frames else empty("transplants")


def _best(sample: Sample, count: int) -> list[tuple[str, Network]]:
    names = sorted(sample.solutions, key=lambda name: sample.losses[name])[:count]
    return [(name, sample.solutions[name]) for name in names]


def _transplant_rows(frame: pd.DataFrame, kind: str, ids: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    named = {
        side: [
            ids[str(label)][int(k)] for label, k in zip(frame[role], frame[f"{role}_network"], strict=True)
        ]
        for side, role in (("a", "donor"), ("b", "recipient"))
    }
    return frame.assign(
        kind=kind,
        task_a=frame["donor"],
        task_b=frame["recipient"],
        network_a=named["a"],
        network_b=named["b"],
    )
