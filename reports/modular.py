"""Modular addition, reported: what networks that add modulo p learn, which frequencies, and what that proves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mathcircuits.detect.modular import (
    SINGLE,
    Arbitrariness,
    FourierNull,
    FourierReading,
    arbitrariness,
    fourier_null,
    fourier_verdicts,
    orbit_of,
    read_fourier,
    untrained_networks,
)
from mathcircuits.detect.statistics import prevalence
from mathcircuits.models.training import GROKKED, ModularRegimen, ModularRuns, train_modular

from .composition_page import Drawing, grokking_drawing, verdict_views, write_composition
from .pages.htmltables import Column, table_view
from .plots import modularfigures as figures
from .plots.rendering import blank
from .wording import counted, number, percent

FORMAT = "mathcircuits-modular-1"
#: Tables of a study, each a file of its name.
_TABLES = ("networks", "frequencies", "neurons", "removal", "verdicts")
#: Shares that have to be reached: seeds that grok, and active neurons of a single frequency.
GROK_SHARE, SINGLE_SHARE = 0.9, 0.8
#: The modulus of which these are asked; smaller ones leave too few pairs to learn from.
ASKED = 31
#: Untrained networks that verdicts stand beside: as many as a universal verdict takes (72 of 72);
#: ten alone would leave Fisher's test without power for a frequency that three of ten networks use.
UNTRAINED = 72


@dataclass(frozen=True, eq=False, repr=False)
class ModularStudy:
    """Networks that were trained to add modulo p, read, and compared with themselves before training.

    Attributes:
        runs: the trained networks and their history.
        readings: one per network, in the order of the seeds.
        untrained: the same networks before training, read in the same way.
        others: further untrained networks, so that verdicts stand beside at least UNTRAINED of them.
        null: what still others give for each statistic, behind the p-values.

    Examples:
        >>> small = ModularRegimen(embedding=8, width=12, steps=50)
        >>> study = modular_study(7, seeds=range(2), regimen=small, draws=20)
        >>> study, list(study.networks.columns[:4])
        (ModularStudy(p = 7, 2 seeds, ... grokked), ['seed', 'grokked', 'train_step', 'test_step'])
    """

    runs: ModularRuns
    readings: tuple[FourierReading, ...]
    untrained: tuple[FourierReading, ...]
    others: tuple[FourierReading, ...]
    null: FourierNull

    @property
    def solved(self) -> list[FourierReading]:
        """The readings of the networks that grokked, which alone count in a verdict (docs/understand/verdicts.md)."""
        return [reading for reading, ok in zip(self.readings, self.runs.grokked, strict=True) if ok]

    @cached_property
    def networks(self) -> pd.DataFrame:
        """One row a network: when it fitted and grokked, its frequencies, what they carry."""
        runs = self.runs
        rows = []
        fitted, understood = runs.step_of(runs.train_accuracy), runs.step_of(runs.test_accuracy)
        for k, (seed, reading) in enumerate(zip(runs.seeds, self.readings, strict=True)):
            active = reading.neurons[reading.neurons["active"]]
            rows.append(
                {
                    "seed": seed,
                    "grokked": bool(runs.grokked[k]),
                    "train_step": fitted[k],
                    "test_step": understood[k],
                    "test_accuracy": float(runs.test_accuracy[-1, k]),
                    "frequencies": ", ".join(map(str, reading.used)),
                    "used": len(reading.used),
                    "up_to_relabelling": ", ".join(map(str, orbit_of(reading.used, reading.p)))
                    if reading.used
                    else "",
                    "active": len(active),
                    "single": reading.single,
                    "single_out": float((active["share_out"] >= SINGLE).mean()),
                    "same": float((active["frequency"] == active["frequency_out"]).mean()),
                    "phase_error": float(
                        np.degrees(active.loc[active["fourier"], "phase_error"].abs().median())
                    ),
                    "explained": reading.explained,
                    "accuracy_used": reading.accuracy_used,
                    "accuracy_others": reading.accuracy_others,
                    "untrained_single": self.untrained[k].single,
                }
            )
        return pd.DataFrame(rows)

    @cached_property
    def frequencies(self) -> pd.DataFrame:
        """One row per network and frequency, see `FourierReading.frequencies`."""
        return self._stacked("frequencies")

    @cached_property
    def neurons(self) -> pd.DataFrame:
        """One row per network and neuron, see `FourierReading.neurons`."""
        return self._stacked("neurons")

    @cached_property
    def removal(self) -> pd.DataFrame:
        """Accuracy and loss as the used frequencies are ablated one after the other."""
        return self._stacked("removal")

    def _stacked(self, name: str) -> pd.DataFrame:
        parts = [
            getattr(reading, name).assign(seed=seed)
            for seed, reading in zip(self.runs.seeds, self.readings, strict=True)
        ]
        frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return frame.reindex(columns=["seed", *(column for column in frame.columns if column != "seed")])

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Family and frequencies over the networks that grokked; no row where none did."""
        return (
            fourier_verdicts(self.solved, (*self.untrained, *self.others)) if self.solved else pd.DataFrame()
        )

    @cached_property
    def choice(self) -> Arbitrariness | None:
        """Whether the frequencies look blindly chosen; None with fewer than two networks that use some."""
        used = np.array([reading.frequencies["used"].to_numpy() for reading in self.solved], dtype=bool)
        return arbitrariness(used) if len(used) > 1 and used.any() else None

    @property
    def requirements(self) -> tuple[tuple[str, bool], ...]:
        """The stated requirements, each with whether it holds."""
        grokked, n = int(self.runs.grokked.sum()), len(self.runs)
        active = self.neurons[self.neurons["active"] & self.neurons["seed"].isin(self._grokked_seeds)]
        single = float((active["share"] >= SINGLE).mean()) if len(active) else 0.0
        return (
            (
                f"{grokked} of {n} seeds grok (test accuracy above {GROKKED:g}); at least {percent(GROK_SHARE)} asked",
                grokked >= GROK_SHARE * n,
            ),
            (
                f"{percent(single)} of the {len(active)} active neurons of those networks put at least "
                f"{percent(SINGLE)} of their input power on one frequency; at least {percent(SINGLE_SHARE)} asked",
                single >= SINGLE_SHARE,
            ),
        )

    @property
    def _grokked_seeds(self) -> list[int]:
        return [seed for seed, ok in zip(self.runs.seeds, self.runs.grokked, strict=True) if ok]

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, in sentences; each stands beside its null."""
        p, rows = self.runs.p, self.networks[self.networks["grokked"]]
        if not len(rows):
            return (
                f"No network reached a test accuracy above {GROKKED:g}: nothing can be said about what they learn.",
            )
        before = float(np.mean([reading.single for reading in self.untrained]))
        null = self.null
        found = [
            f"Networks use {int(rows['used'].min())} to {int(rows['used'].max())} of the {(p - 1) // 2} frequencies. "
            f"A network fits its training pairs by step {rows['train_step'].median():.0f} and understands the others "
            f"by step {rows['test_step'].median():.0f} (medians).",
            f"Before training {percent(before)} of the same networks' active neurons are of a single frequency. In "
            f"{null.draws} further untrained networks the largest share of one frequency among "
            f"{len(null.share)} active neurons is {number(float(null.share.max()))} at the input and "
            f"{number(float(null.share_out.max()))} at the output.",
            f"Incoming and outgoing weights agree: {percent(float(rows['same'].mean()))} of the active neurons have "
            "the same frequency on both sides, and the outgoing phase is the sum of the incoming ones within "
            f"{rows['phase_error'].median():.1f} degrees (median).",
            "With only the neurons of the used frequencies left, accuracy on all pairs is at least "
            f"{percent(float(rows['accuracy_used'].min()))}; with those ablated it is at most "
            f"{percent(float(rows['accuracy_others'].max()))} (guessing gives {percent(1 / p)}).",
            self._one_ablated(),
        ]
        if len(self.verdicts):
            family, members = self.verdicts.iloc[0], self.verdicts.iloc[1:]
            counts = members["verdict"].value_counts()
            found.append(
                f"Family: some Fourier feature is {family['verdict']} ({family['reason']}). Single frequencies: "
                + ", ".join(f"{n} {name}" for name, n in counts.items())
                + ". All of them are one orbit under x -> u x, the automorphisms of Z_p, and neither the initial "
                "weights nor the choice of training pairs look at the labels: each has the same chance, whatever is "
                "learned."
            )
        if self.choice is not None:
            sets = rows.loc[rows["used"] > 0, "up_to_relabelling"]
            said = str(self.choice)
            found.append(
                f"{said[0].upper()}{said[1:]}. The {len(sets)} sets of frequencies are {sets.nunique()} different "
                "ones up to relabelling."
            )
        return tuple(found)

    def _one_ablated(self) -> str:
        """What ablating one used frequency does, in a sentence."""
        rows = self.frequencies[self.frequencies["used"] & self.frequencies["seed"].isin(self._grokked_seeds)]
        if not len(rows):
            return "No network uses a frequency, so that none was ablated."
        losses = dict(zip(self.runs.seeds, (reading.loss for reading in self.readings), strict=True))
        risen = rows["loss_without"] - rows["seed"].map(losses)
        return (
            "Ablating one frequency takes its own wave of a + b - c out of the logits "
            f"({percent(_median(rows, 'component_without'))} is left) and leaves the others "
            f"({percent(_median(rows, 'others_without'))}); the loss rises in {percent(float((risen > 0).mean()))} of "
            f"cases, while accuracy stays at {percent(_median(rows, 'accuracy_without'))} (medians): the others carry "
            "the answer."
        )

    @property
    def asked(self) -> bool:
        """Whether the requirements are asked of this modulus; of another they are measured and do not fail."""
        return self.runs.p == ASKED

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """What became of each requirement, in a word or two, and the requirement."""
        missed = "fails" if self.asked else f"not asked of p = {self.runs.p}, but of {ASKED}, and not reached"
        return tuple(("holds" if kept else missed, text) for text, kept in self.requirements)

    @property
    def passed(self) -> bool:
        """Whether every requirement holds that is asked of this modulus."""
        return not self.asked or all(kept for _, kept in self.requirements)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data."""
        share = prevalence(int(self.runs.grokked.sum()), len(self.runs))
        return {
            "format": FORMAT,
            "p": self.runs.p,
            "seeds": list(self.runs.seeds),
            "regimen": self.runs.regimen.model_dump(),
            "grokked": share.to_dict(),
            "requirements": [{"text": text, "passed": kept} for text, kept in self.requirements],
            "findings": list(self.findings),
            "frequencies": {
                str(s): list(reading.used) for s, reading in zip(self.runs.seeds, self.readings, strict=True)
            },
        }

    def __repr__(self) -> str:
        grokked = int(self.runs.grokked.sum())
        return f"ModularStudy(p = {self.runs.p}, {counted(len(self.runs), 'seed')}, {grokked} grokked)"


def _median(frame: pd.DataFrame, column: str) -> float:
    return float(frame[column].median())


def modular_study(
    p: int = ASKED,
    *,
    seeds: Iterable[int] = range(10),
    regimen: ModularRegimen | None = None,
    draws: int = 100,
    progress: bool | None = None,
) -> ModularStudy:
    """Train, read and compare. Ten seeds of p = 31 take about 15 seconds of one core.

    Args:
        p: the modulus, an odd prime.
        seeds: of the networks; verdicts need 72 or more.
        regimen: how they are trained; None is `ModularRegimen()`.
        draws: how many untrained networks stand behind the p-values, at least 20.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: as `train_modular` and `fourier_null` do.
    """
    numbers = list(seeds)
    runs = train_modular(p, seeds=numbers, regimen=regimen, progress=progress)
    null = fourier_null(runs.config.architecture, draws=draws)
    before = train_modular(p, seeds=numbers, regimen=regimen, steps=0, progress=False)
    further = untrained_networks(runs.config.architecture, max(0, UNTRAINED - len(numbers)), seed=1)
    trained, untrained, others = (
        tuple(read_fourier(network, null=null) for network in group)
        for group in (runs.networks(), before.networks(), further)
    )
    return ModularStudy(runs, trained, untrained, others, null)


def modular_report(
    out: str | os.PathLike[str],
    p: int = ASKED,
    *,
    seeds: Iterable[int] = range(10),
    regimen: ModularRegimen | None = None,
    draws: int = 100,
    progress: bool | None = None,
) -> Path:
    """Train networks to add modulo p, read them, and write what was found.

    Writes into the folder: `index.html` (one file, no outside request), `summary.json`, `tables/*.csv`,
    `figures/*.svg`.

    Args:
        out: the folder, made where it is missing; the others as for `modular_study`.

    Returns:
        The path of the page.

    Raises:
        InputError: as `modular_study` does.
        FileError: where the folder cannot be written.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> small = ModularRegimen(embedding=8, width=12, steps=50)
        >>> page = modular_report(folder, 7, seeds=range(2), regimen=small, draws=20)
        >>> page.name, page.stat().st_size < 1_000_000
        ('index.html', True)
    """
    return write_modular(modular_study(p, seeds=seeds, regimen=regimen, draws=draws, progress=progress), out)


def write_modular(study: ModularStudy, out: str | os.PathLike[str]) -> Path:
    """Write a study's page, summary, tables and figures; see `modular_report`."""
    runs = study.runs
    tables = {name: getattr(study, name) for name in _TABLES} | {"history": runs.history}
    networks = study.networks.assign(
        **{name: study.networks[name].astype("Int64").astype(object) for name in ("train_step", "test_step")}
    )
    views = [
        *verdict_views(study.verdicts, "grokked"),
        table_view(networks, "networks", "One row per network.", _NETWORKS, source="tables/networks.csv"),
    ]
    return write_composition(
        out,
        study.to_dict(),
        tables,
        _drawings(study),
        views,
        "modular.html",
        p=runs.p,
        n=counted(len(runs), "network"),
        shape="-".join(map(str, runs.config.sizes)),
        regimen=runs.regimen.model_dump(),
        requirements=study.answers,
        findings=study.findings,
        orbit=(runs.p - 1) // 2,
    )


def _drawings(study: ModularStudy) -> dict[str, Drawing]:
    """The figures by name, in the order of the page."""
    found = {
        "grokking": grokking_drawing(study.runs.history, study.runs.regimen.share, "When they understand"),
        "frequencies": _frequencies(study),
        "power": _powers(study),
        "shares": _shares(study),
        "causes": _causes(study),
    }
    if len(study.verdicts):
        found["prevalence"] = _prevalence(study)
    return found


def _frequencies(study: ModularStudy) -> Drawing:
    figure, (ax,) = blank(7.0, min(8.0, 1.0 + 0.2 * len(study.runs)))
    figures.frequency_map(study.frequencies, ax)
    return Drawing(
        figure=figure,
        heading="Which frequencies each seed uses",
        caption="A cell is filled where mean-ablating the frequency's neurons costs at least 1% of the logits' "
        "variance; the darker, the more.",
        data=study.frequencies,
    )


def _powers(study: ModularStudy) -> Drawing:
    runs = study.runs
    best = int(np.argmax(runs.test_accuracy[-1]))
    reading, before = study.readings[best], study.untrained[best]
    figure, axes = blank(7.0, 3.6, columns=2)
    for one, ax, title in ((before, axes[0], "before training"), (reading, axes[1], "after training")):
        figures.power_map(_power(one), ax)
        ax.set_title(f"seed {runs.seeds[best]}, {title}")
    return Drawing(
        figure=figure,
        heading="Neuron by frequency",
        caption="Power of each active neuron's incoming weights by frequency, as shares of the neuron's own; rows "
        "sorted by their strongest frequency.",
        data=_power(reading).rename_axis("neuron").reset_index(),
    )


def _shares(study: ModularStudy) -> Drawing:
    active = study.neurons[study.neurons["active"]]
    sides = []
    for side, label in (("share", "input"), ("share_out", "output")):
        null = study.null.share if side == "share" else study.null.share_out
        for population, values in (("trained", active[side].to_numpy()), ("untrained", null)):
            sides.append(pd.DataFrame({"side": label, "population": population, "value": values}))
    shares = pd.concat(sides, ignore_index=True)
    figure, axes = blank(7.0, 2.6, columns=2)
    for ax, side in zip(axes, ("input", "output"), strict=True):
        label = f"share of {side} power on one frequency"
        figures.share_histogram(shares[shares["side"] == side], ax, label=label, bar=SINGLE)
    return Drawing(
        figure=figure,
        heading="One frequency to a neuron",
        caption=f"Active neurons of all seeds, beside those of {study.null.draws} untrained networks; dotted: 90%.",
        data=shares,
    )


def _causes(study: ModularStudy) -> Drawing:
    used = study.frequencies["used"]
    reads = pd.concat(
        [
            pd.DataFrame(
                {"population": "trained", "value": study.frequencies.loc[used, "r2"].clip(lower=-0.5)}
            ),
            pd.DataFrame({"population": "untrained", "value": study.null.readout[2].clip(min=-0.5)}),
        ],
        ignore_index=True,
    )
    figure, axes = blank(7.0, 2.6, columns=2)
    if len(reads):
        figures.share_histogram(reads, axes[0], label="held-out R^2 of cos and sin of a + b")
    figures.removal_curves(study.removal, axes[1])
    return Drawing(
        figure=figure,
        heading="As directions, and as causes",
        caption="Left: how well the frequencies in use are read linearly from the hidden layer (below -0.5 drawn "
        "there). Right: accuracy as a network's frequencies are ablated, the strongest first.",
        data=study.removal,
    )


def _prevalence(study: ModularStudy) -> Drawing:
    members = study.verdicts[study.verdicts["kind"] == "frequency"]
    figure, (ax,) = blank(7.0, 2.6)
    figures.frequency_prevalence(members, float(members["value"].mean()), ax)
    return Drawing(
        figure=figure,
        heading="No frequency is preferred",
        caption="The share of networks that use each frequency, its interval widened for the number of frequencies, "
        "and the share of a blind choice (dotted).",
        data=members,
    )


def _power(reading: FourierReading) -> pd.DataFrame:
    """Input power of the active neurons, sorted by their strongest frequency, then by its share."""
    rows = reading.neurons[reading.neurons["active"]].sort_values(
        ["frequency", "share"], ascending=[True, False]
    )
    order = rows["neuron"].to_numpy()
    return pd.DataFrame(reading.power[order], index=order, columns=range(1, reading.power.shape[1] + 1))


_NETWORKS = (
    Column("seed", "seed", "count"),
    Column("grokked", "grokked", "truth", "test accuracy above 0.99 at the end"),
    Column("test_accuracy", "test accuracy", "percent"),
    Column("train_step", "fitted at", "count", "logged step from which training accuracy stays above 0.99"),
    Column("test_step", "grokked at", "count", "logged step from which test accuracy stays above 0.99"),
    Column(
        "frequencies", "frequencies", "text", "those whose neurons carry at least 1% of the logits' variance"
    ),
    Column(
        "up_to_relabelling",
        "up to relabelling",
        "text",
        "one name for all sets that x -> u x turns into each other",
    ),
    Column("active", "active neurons", "count", "the fewest that write 99% of the variance of the logits"),
    Column(
        "single",
        "single frequency",
        "percent",
        "of the active neurons: at least 90% of input power on one frequency",
    ),
    Column("single_out", "at the output", "percent", "the same of outgoing weights"),
    Column(
        "untrained_single", "before training", "percent", "single frequency at the input, before training"
    ),
    Column("phase_error", "phase error", "number", "median |phase_out - phase_a - phase_b| in degrees"),
    Column("explained", "explained", "percent", "share of the logits' variance that is a wave of a + b - c"),
    Column("accuracy_used", "used only", "percent", "accuracy with all other neurons at their means"),
    Column(
        "accuracy_others",
        "others only",
        "percent",
        "accuracy with the used frequencies' neurons at their means",
    ),
)
