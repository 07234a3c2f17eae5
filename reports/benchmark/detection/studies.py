"""Studies: the ensemble test on seeds that learned something, and on seeds that did not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mathcircuits.detect import Network
from mathcircuits.detect.matching import ALPHA
from mathcircuits.detect.networks import untrained
from mathcircuits.detect.universality import match_ensemble

from ..scores import Bound, Measurement, Score, Setting, describe, share
from ..trainings import Trainings
from .blanks import teacher
from .effort import Effort, generator
from .other_laws import LAWS, MADE, drawn
from .planting import shape

PART = "ensemble test"
TASKS = ("minimum", "absolute-difference")
#: What both tasks turn on: the kink at x1 = x2, from either side.
NEEDED = (("greaterness", ("x1", "x2")), ("greaterness", ("x2", "x1")))
#: Width of the networks that were taught off the catalogue, which the null networks share.
TAUGHT_WIDTH = 8
#: Seeds of an untrained study, as in the studies that do.
SEEDS = 40
FOUND = Bound("ensemble test: greaterness detectors found with q < 1e-6", 1e-6)
NOTHING = Bound("ensemble test: findings in at most 5% of teacher and untrained studies", 0.05)
NOTHING_HIGH = Bound("ensemble test: the upper 95% limit of that at most 0.06", 0.06, end="high")
#: How many different nulls the studies that hold nothing are held against: one null's luck would be shared by all.
_NULLS = 4
#: Of the untrained studies, one in so many is drawn again under each other law.
_PER_LAW = 2


def measurements(effort: Effort, seed: int, trainings: Trainings, taught: Trainings) -> list[Measurement]:
    """One measurement per task, width and bias; one per population that holds nothing, its studies together."""
    found = []
    for task in TASKS:
        for width in effort.widths:
            for bias in (False, True):
                s = Setting("trained", inputs=2, bias=bias, layers=1, width=width, law="uniform", task=task)
                found.append(Measurement(describe(s), partial(on_trained, s, seed, trainings)))
    for population in ("untrained", "teacher"):
        s = Setting(population, inputs=2, layers=1, law="uniform")
        found.append(
            Measurement("ensemble test: " + describe(s), partial(on_nothing, s, effort, seed, taught))
        )
    studies = effort.studies // _PER_LAW
    for population in (*LAWS, *MADE) if studies else ():
        s = Setting(population, inputs=2, bias=True, layers=1, width=TAUGHT_WIDTH, law="unknown")
        part = partial(on_drawn, s, max(1, studies // (1 if population in LAWS else effort.shown)), seed)
        found.append(Measurement("ensemble test: " + describe(s), part))
    return found


def on_trained(setting: Setting, seed: int, trainings: Trainings) -> list[Score]:
    """The larger q of both greaterness detectors, over the seeds that solved the task."""
    s = setting
    networks = trainings.solved(s.task, s.width, bias=bool(s.bias))
    solved = share(PART, s, "solved", len(networks), trainings.seeds)
    if not networks:
        return [
            solved,
            Score(PART, s, "q of greaterness", 1.0, n=0, bound=FOUND, note="no seed solved the task"),
        ]
    frame = match_ensemble(networks, init=s.law, seed=seed).set_index(["feature", "on"])
    rows = frame.loc[list(NEEDED)]
    return [
        solved,
        Score(PART, s, "q of greaterness", float(rows["q"].max()), n=len(networks), bound=FOUND),
        Score(PART, s, "prevalence of greaterness", float(rows["prevalence"].min()), n=len(networks)),
        Score(PART, s, "its null prevalence", float(rows["null_prevalence"].max()), n=len(networks)),
    ]


def on_nothing(setting: Setting, effort: Effort, seed: int, taught: Trainings) -> list[Score]:
    """Studies with any finding, cell by cell and in all."""
    scores = []
    hits = total = 0
    untrained_widths = sorted({min(effort.widths), max(effort.widths)})
    for width in untrained_widths if setting.population == "untrained" else [TAUGHT_WIDTH]:
        for bias in (False, True):
            s = replace(setting, width=width, bias=bias)
            if s.population == "untrained":
                studies = _untrained(s, effort.studies, seed)
            else:
                studies = [
                    taught.ensemble(teacher(s.inputs, number), width, bias=bias).networks()
                    for number in range(effort.teachers)
                ]
            found = sum(
                bool((match_ensemble(networks, init=s.law, seed=seed + k % _NULLS)["q"] <= ALPHA).any())
                for k, networks in enumerate(studies)
            )
            scores.append(share(PART, s, "studies with a finding", found, len(studies)))
            hits, total = hits + found, total + len(studies)
    scores.append(share(PART, setting, "studies with a finding", hits, total, NOTHING))
    scores.append(share(PART, setting, "studies with a finding, upper limit", hits, total, NOTHING_HIGH))
    return scores


def on_drawn(setting: Setting, studies: int, seed: int) -> list[Score]:
    """Studies of untrained networks of another law; those whose weights point at features are shown only."""
    s = setting
    stack = drawn(
        s.population, s.inputs, TAUGHT_WIDTH, studies * SEEDS, generator(seed, "study " + describe(s))
    )
    found = made = 0
    for k in range(studies):
        networks = [stack.network(SEEDS * k + i) for i in range(SEEDS)]
        frame = match_ensemble(networks, seed=seed + k % _NULLS)
        found += bool((frame["q"] <= ALPHA).any())
        made += bool(frame["by_construction"].any())
    judged = s.population in LAWS
    return [
        share(PART, s, "studies with a finding", found, studies, NOTHING if judged else None),
        share(PART, s, "studies with one by construction", made, studies),
    ]


def _untrained(s: Setting, studies: int, seed: int) -> list[list[Network]]:
    rng = generator(seed, "study " + describe(s))
    stack = untrained(shape(s.inputs, s.width, 1, bool(s.bias)), studies * SEEDS, s.law, rng)
    return [[stack.network(SEEDS * k + i) for i in range(SEEDS)] for k in range(studies)]
