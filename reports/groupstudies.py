"""Composition in a group, studied: many networks trained or read, beside untrained ones, and what that proves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect import FileError, InputError, Network
from mathcircuits.detect.groups import (
    SINGLE,
    Arbitrariness,
    FiniteGroup,
    GroupNull,
    GroupReading,
    Mechanisms,
    Recovered,
    blind_choice,
    group_named,
    group_null,
    group_verdicts,
    irrep_orbits,
    mechanisms,
    read_group,
    recover_group,
    threshold_curve,
    untrained_networks,
)
from mathcircuits.detect.statistics import prevalence
from mathcircuits.models.files import read_group_network
from mathcircuits.models.training import GROKKED, CompositionRegimen, GroupRuns, train_group

from .wording import counted, joined, number, percent

FORMAT = "mathcircuits-group-1"
#: The share of networks that has to solve the group.
GROK_SHARE = 0.9
#: Untrained networks that verdicts stand beside: as many as a universal verdict takes (72 of 72).
UNTRAINED = 72
#: Endings of the files that a folder of networks is searched for.
_ENDINGS = {".pt", ".pth", ".npz", ".safetensors", ".onnx", ".keras", ".h5", ".zip", ".skops"}


@dataclass(frozen=True, eq=False, repr=False)
class GroupStudy:
    """Networks that compose in a group, read, and compared with untrained ones of their shape.

    Attributes:
        group: whose composition it is, in its own order.
        names: of the networks: seeds, or files.
        readings: one per network; circuits: the two mechanisms in each.
        untrained: readings of untrained networks.
        null: what still others give for each statistic, behind the p-values.
        runs: the training, where the networks were trained here.
        recovered: for read networks, the group and order that were found, or None where the order was told.

    Examples:
        >>> small = CompositionRegimen(embedding=8, width=24, steps=200, share=1)
        >>> study = group_study("S3", seeds=range(2), regimen=small, draws=20, untrained=20)
        >>> study, study.networks.columns[:3].tolist()
        (GroupStudy(S3, 2 networks, ... right), ['network', 'right', 'accuracy'])
    """

    group: FiniteGroup
    names: tuple[str, ...]
    readings: tuple[GroupReading, ...]
    circuits: tuple[Mechanisms, ...]
    untrained: tuple[GroupReading, ...]
    null: GroupNull
    runs: GroupRuns | None = None
    recovered: tuple[Recovered | None, ...] = ()

    @cached_property
    def right(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which networks compose rightly: an accuracy above 0.99, on the pairs kept for testing where there are any."""
        if self.runs is not None:
            return self.runs.grokked
        return np.array([reading.accuracy > GROKKED for reading in self.readings])

    @property
    def solved(self) -> list[GroupReading]:
        """The readings of the networks that compose rightly, which alone count in a verdict."""
        return [reading for reading, ok in zip(self.readings, self.right, strict=True) if ok]

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row a network: how right it is, its irreps, what they carry, by which mechanism."""
        steps = None if self.runs is None else self.runs.step_of(self.runs.test_accuracy)
        rows = []
        for k, (name, reading, circuit) in enumerate(
            zip(self.names, self.readings, self.circuits, strict=True)
        ):
            active = reading.neurons[reading.neurons["active"]]
            rows.append(
                {
                    "network": name,
                    "right": bool(self.right[k]),
                    "accuracy": reading.accuracy,
                    "test_accuracy": float("nan")
                    if self.runs is None
                    else float(self.runs.test_accuracy[-1, k]),
                    "step": float("nan") if steps is None else float(steps[k]),
                    "irreps": ", ".join(reading.used),
                    "used": len(reading.used),
                    "active": len(active),
                    "single": reading.single,
                    "same": float((active["irrep"] == active["irrep_out"]).mean()),
                    "accuracy_used": reading.accuracy_used,
                    "accuracy_others": reading.accuracy_others,
                    "character": circuit.character,
                    "accuracy_character": circuit.accuracy_character,
                    "coset": circuit.coset,
                    "coset_blind": circuit.coset_blind,
                    "accuracy_coset": circuit.accuracy_coset,
                    "accuracy_random": circuit.accuracy_random,
                    "repaired": self._repaired(k),
                }
            )
        return pd.DataFrame(rows)

    def _repaired(self, k: int) -> float:
        found = self.recovered[k] if self.recovered else None
        return float("nan") if found is None else found.repaired

    @cached_property
    def irreps(self) -> pd.DataFrame:
        """One row per network and irrep, see `GroupReading.irreps`, with its share of the neurons that are cosets."""
        parts = []
        for name, reading, circuit in zip(self.names, self.readings, self.circuits, strict=True):
            known = circuit.irreps.reindex(
                columns=["irrep", "coset", "coset_blind", "above", "full", "full_blind"]
            )
            merged = reading.irreps.merge(known, on="irrep", how="left")
            merged.insert(0, "network", name)
            parts.append(merged)
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def neurons(self) -> pd.DataFrame:
        """One row per network and neuron, see `GroupReading.neurons`, with its coset share where it has one."""
        parts = []
        for name, reading, circuit in zip(self.names, self.readings, self.circuits, strict=True):
            known = circuit.neurons.drop(columns=["irrep"]).rename(columns={"p": "p_coset"})
            merged = reading.neurons.merge(known, on="neuron", how="left")
            merged.insert(0, "network", name)
            parts.append(merged)
        return pd.concat(parts, ignore_index=True)

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """The threshold curves of both populations, see `threshold_curve`."""
        trained = threshold_curve(self.solved or self.readings, "trained")
        return pd.concat([trained, threshold_curve(self.untrained, "untrained")], ignore_index=True)

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Family and irreps over the networks that compose rightly; no row where none does."""
        return group_verdicts(self.solved, self.untrained) if self.solved else pd.DataFrame()

    @cached_property
    def choice(self) -> Arbitrariness | None:
        """Whether the irreps look drawn blindly by dimension; None with fewer than two networks that use some."""
        used = np.array([reading.irreps["used"].to_numpy() for reading in self.solved], dtype=bool)
        if len(used) < 2 or not used.any():
            return None
        sizes = [irrep.size for irrep in self.group.irreps[1:]]
        return blind_choice(used, sizes, what=("irrep", "irreps"))

    @property
    def requirements(self) -> tuple[tuple[str, bool], ...]:
        """The stated requirements, each with whether it holds."""
        right, n = int(self.right.sum()), len(self.readings)
        pairs = "the pairs kept for testing" if self._tested else "all pairs"
        return (
            (
                f"{right} of {n} networks compose in {self.group.name} (accuracy above {GROKKED:g} on {pairs}); "
                f"at least {percent(GROK_SHARE)} asked",
                right >= GROK_SHARE * n,
            ),
        )

    @property
    def _tested(self) -> bool:
        return self.runs is not None and self.runs.regimen.share < 1

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, in sentences; each stands beside its null."""
        rows = self.networks[self.networks["right"]]
        if not len(rows):
            return (
                f"No network composes in {self.group.name}: nothing can be said about what they learned.",
            )
        found = [self._sets(rows), self._singles(rows), self._ablations(rows)]
        if len(self.verdicts):
            family, members = self.verdicts.iloc[0], self.verdicts.iloc[1:]
            counts = [f"{row['irrep']} in {row['found']} of {row['n']}" for row in members.to_dict("records")]
            found.append(
                f"Family: some irrep is {family['verdict']} ({family['reason']}). Single irreps: {joined(counts)}."
            )
        if self.choice is not None:
            said = str(self.choice)
            found.append(f"Against blind draws weighted by the sizes of the components: {said}.")
        found += self._mechanisms(rows)
        orbits = [orbit for orbit in irrep_orbits(self.group) if len(orbit) > 1]
        if orbits:
            listed = "; ".join(", ".join(orbit) for orbit in orbits)
            found.append(
                f"Automorphisms of {self.group.name} exchange {listed}: which of them a network takes is arbitrary."
            )
        return tuple(found)

    def _sets(self, rows: pd.DataFrame) -> str:
        counts = rows["irreps"].value_counts()
        sets = [f"{{{name or 'none'}}} in {count}" for name, count in counts.items()]
        shown = joined(sets[:6]) + (f" and {len(sets) - 6} more sets" if len(sets) > 6 else "")
        n = len(self.group.irreps) - 1
        low, high = int(rows["used"].min()), int(rows["used"].max())
        span = str(low) if low == high else f"{low} to {high}"
        return f"Networks use {span} of {n} irreps: {shown}."

    def _singles(self, rows: pd.DataFrame) -> str:
        before = float(np.mean([reading.single for reading in self.untrained]))
        used = sum(bool(reading.used) for reading in self.untrained)
        return (
            f"In the median network {percent(float(rows['single'].median()))} of the active neurons put at least "
            f"{percent(SINGLE)} of their input power on one irrep; in {len(self.untrained)} untrained networks of the "
            f"same shape {percent(before)} do, and {used} of these networks use an irrep. Incoming and outgoing "
            f"weights have the same strongest irrep in {percent(float(rows['same'].median()))} of the neurons."
        )

    def _ablations(self, rows: pd.DataFrame) -> str:
        return (
            "With only the neurons of the used irreps left, accuracy on all pairs is at least "
            f"{percent(float(rows['accuracy_used'].min()))}; with those ablated it is at most "
            f"{percent(float(rows['accuracy_others'].max()))} (guessing gives {percent(1 / self.group.order)})."
        )

    def _mechanisms(self, rows: pd.DataFrame) -> list[str]:
        """The two circuits, each with its measure and its null."""
        found = [
            f"Character circuit: characters of a b c^-1 explain {percent(float(rows['character'].median()))} of the "
            f"logits' variance, and with them alone the accuracy is at least "
            f"{percent(float(rows['accuracy_character'].min()))}; in untrained networks they "
            f"explain {percent(self._untrained_character)} (medians)."
        ]
        told = rows[rows["coset"].notna()]
        if len(told):
            found.append(
                f"Coset circuit: neurons' mean coset share is {number(float(told['coset'].median()))}, that of blind "
                f"directions {number(float(told['coset_blind'].median()))} (medians of {counted(len(told), 'network')})"
                f". With each neuron's tables averaged over its best cosets the accuracy is "
                f"{percent(float(told['accuracy_coset'].median()))}, over random cosets of the same kind "
                f"{percent(float(told['accuracy_random'].median()))} (medians)."
            )
        else:
            found.append(
                f"In {self.group.name} no subgroup fixes a part of a used irrep: "
                "coset and character circuit do not differ."
            )
        return found

    @property
    def _untrained_character(self) -> float:
        return float(np.median([reading.explained for reading in self.untrained]))

    @property
    def passed(self) -> bool:
        """Whether every requirement holds."""
        return all(kept for _, kept in self.requirements)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {
            "format": FORMAT,
            "group": self.group.name,
            "order": self.group.order,
            "networks": list(self.names),
            "regimen": None if self.runs is None else self.runs.regimen.model_dump(),
            "right": prevalence(int(self.right.sum()), len(self.readings)).to_dict(),
            "requirements": [{"text": text, "passed": kept} for text, kept in self.requirements],
            "findings": list(self.findings),
            "irreps": {
                name: list(reading.used) for name, reading in zip(self.names, self.readings, strict=True)
            },
        }

    def __repr__(self) -> str:
        return f"GroupStudy({self.group.name}, {counted(len(self.readings), 'network')}, {int(self.right.sum())} right)"


def group_study(
    group: str | FiniteGroup,
    *,
    seeds: Iterable[int] = range(10),
    regimen: CompositionRegimen | None = None,
    draws: int = 100,
    untrained: int = UNTRAINED,
    progress: bool | None = None,
) -> GroupStudy:
    """Train networks to compose in a group, read them and compare. Ten seeds of S4 take about half a minute.

    Args:
        group: a name such as "S4", see `group_named`.
        seeds: of the networks; a universal verdict takes 72 or more.
        regimen: how they are trained; None is `group_regimen(group)`.
        draws: untrained networks behind the p-values, at least 20; untrained: others, which are read like the trained.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: as `train_group` and `group_null` do.

    Examples:
        >>> group_study("X7")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: group 'X7': give C, D, S or A with a number, Q8, or a product ...
    """
    runs = train_group(group, seeds=seeds, regimen=regimen, progress=progress)
    networks = dict(zip(map(str, runs.seeds), runs.networks(), strict=True))
    return _study(runs.group, networks, draws, untrained, runs=runs)


def group_study_of(
    networks: Mapping[str, Network],
    group: str | FiniteGroup | None = None,
    *,
    draws: int = 100,
    untrained: int = UNTRAINED,
) -> GroupStudy:
    """Read networks that were trained elsewhere to compose in a group.

    Args:
        networks: by name, two one-hot elements in and a logit for each out, of one shape.
        group: whose order of elements they follow; None finds group and order in each network's own answers.
        draws, untrained: as for `group_study`.

    Raises:
        InputError: without networks, for networks of several shapes or several groups, and as `recover_group` does.

    Examples:
        >>> from mathcircuits.detect.groups import planted_irreps
        >>> c5 = group_named("C5")
        >>> study = group_study_of({"a": planted_irreps(c5, ["f1"])}, draws=20, untrained=20)
        >>> study, study.recovered
        (GroupStudy(C5, 1 network, 1 right), (Recovered(C5, elements in one order, 0.0% of the pairs repaired),))
    """
    if not networks:
        raise InputError("no networks: give at least one")
    shapes = {network.architecture for network in networks.values()}
    if len(shapes) > 1:
        raise InputError(
            f"{len(shapes)} shapes of networks: read those of one shape together, the others apart"
        )
    if group is not None:
        told = group_named(group) if isinstance(group, str) else group
        return _study(told, dict(networks), draws, untrained)
    found = {name: recover_group(network) for name, network in networks.items()}
    names = sorted({one.group.name for one in found.values()})
    if len(names) > 1:
        raise InputError(f"networks of several groups: {joined(names)}; read those of one group together")
    ordered = {
        name: network if found[name].aligned else found[name].reordered(network)
        for name, network in networks.items()
    }
    groups = {name: one.group for name, one in found.items()}
    known = next(iter(found.values())).known
    own = group_named(names[0]) if known else next(iter(groups.values()))
    return _study(own, ordered, draws, untrained, groups=groups, recovered=tuple(found.values()))


def _study(
    group: FiniteGroup,
    networks: dict[str, Network],
    draws: int,
    untrained: int,
    *,
    groups: Mapping[str, FiniteGroup] | None = None,
    runs: GroupRuns | None = None,
    recovered: Sequence[Recovered] = (),
) -> GroupStudy:
    """Read the networks of one shape, each in its own order of elements."""
    shape = next(iter(networks.values())).architecture
    # Powers do not hang on the order of elements: one null serves all.
    null = group_null(shape, group, draws=draws)
    each = groups or dict.fromkeys(networks, group)
    readings = tuple(read_group(network, each[name], null=null) for name, network in networks.items())
    circuits = tuple(
        mechanisms(network, reading) for network, reading in zip(networks.values(), readings, strict=True)
    )
    others = tuple(
        read_group(network, group, null=null, ablations=False)
        for network in untrained_networks(shape, untrained, seed=1)
    )
    return GroupStudy(group, tuple(networks), readings, circuits, others, null, runs, tuple(recovered))


def networks_of(source: str | os.PathLike[str], *, summed: bool = False) -> dict[str, Network]:
    """The group networks in a file, or in the files of a folder, by the files' names.

    Args:
        source: a file or a folder; summed: see `read_group_network`.

    Raises:
        FileError: where there is nothing to read, or a file is no group network.

    Examples:
        >>> networks_of("nowhere")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: nowhere: holds no network; give a file, or a folder of .pt, .npz, ...
    """
    path = Path(source)
    files = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix.lower() in _ENDINGS)
    if not files:
        raise FileError(
            path, "holds no network", "give a file, or a folder of .pt, .npz, .safetensors or .onnx"
        )
    found = {}
    for file in files:
        try:
            found[file.name] = read_group_network(file, summed=summed)
        except FileError:
            raise
        except InputError as error:
            raise FileError(file, str(error)) from None
    return found
