"""The benchmark of what is forced: does any network that is certified to be near enough to its task lack it?

A theorem says that none does (docs/understand/normalform.md, At what error). A network that lacks it shows an error in
the theorem, in the certificate or in the reading. Networks of all widths are trained, with and without weight decay;
whether they count as having solved their task does not matter, only their certified error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

from mathcircuits.detect import Network, Task, certify, tasks
from mathcircuits.detect.features import Label
from mathcircuits.detect.universality import Orbits, carriers
from mathcircuits.models import Regimen, train

from ..results import Benchmark
from ..scores import Bound, Score, Setting, share

NAME = "forced"
PART = "forced"
#: A theorem: one network is one too many.
NONE_LACKS = Bound(
    "forced: no network with a certified error from which it follows lacks what is forced", 0.0
)
#: Of those that are trained three in four are near enough (measured on 6016).
ENOUGH = Bound("forced: at least 5000 networks are near enough", 5000, most=False)
#: Tasks whose function bends, or has two signs, whatever the width; and those that force something at one width alone.
ANY_WIDTH = (
    "identity", "negation", "absolute", "relu", "minimum", "maximum", "absolute-difference", "x1-plus-abs-x2", "sort-2",
)  # fmt: skip
SMALLEST_ONLY = ("addition", "subtraction", "sum-of-3")
_REGIMEN = Regimen(name="adam", optimiser="adam", lr=0.02, schedule="cosine", batch=64)
REGIMENS: Mapping[str, Regimen] = MappingProxyType(
    {
        "without decay": _REGIMEN,
        # Decay ends before training does: to the end, no network is near its task.
        "with decay": _REGIMEN.model_copy(update={"name": "decay", "decay": 1e-3, "decay_until": 0.6}),
    }
)


@dataclass(frozen=True)
class Size:
    """How much is trained.

    Attributes:
        seeds: networks of each task, width and regimen; steps: updates of each.
        multiples: of each task's smallest width; widths: beside these.
        tasks: their names.
    """

    seeds: int
    steps: int
    multiples: tuple[int, ...]
    widths: tuple[int, ...]
    tasks: tuple[str, ...] = (*ANY_WIDTH, *SMALLEST_ONLY)


FULL = Size(seeds=80, steps=1500, multiples=(1, 2, 4), widths=(16, 64))
QUICK = Size(seeds=8, steps=600, multiples=(1, 4), widths=(64,))


@dataclass(frozen=True)
class Counted:
    """What the networks of one task, width and regimen have of what is forced.

    Attributes:
        trained: all; near: those whose certified error is small enough for something to follow.
        lacking: of these, those that lack some of what follows; unseen: those in which no single used neuron holds it.
    """

    trained: int
    near: int
    lacking: int
    unseen: int


def forced_errors(orbits: Orbits, width: int) -> dict[tuple[Label, bool], float]:
    """What networks of one hidden layer of this width must hold, by label and oriented, up to which certified error.

    Examples:
        >>> sorted(name for (name, _), _ in forced_errors(Orbits(tasks["minimum"]), 3))
        ['greaterness', 'negativeness', 'positiveness']
    """
    found = {}
    for oriented in (False, True):
        labels = orbits.labels if oriented else dict.fromkeys(map(orbits.representative, orbits.labels))
        for label in labels:
            error = orbits.forced_error(label, (width,), oriented=oriented)
            if error > 0:
                found[label, oriented] = error
    return found


def count_lacking(networks: Sequence[Network], orbits: Orbits) -> Counted:
    """How many networks of one shape lack what their certified errors force.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> turned = Network([[[1.0, -0.8], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]])
        >>> count_lacking([hand_derived("minimum"), turned], Orbits(tasks["minimum"]))
        Counted(trained=2, near=1, lacking=0, unseen=0)
    """
    task = orbits.task
    errors = forced_errors(orbits, networks[0].sizes[1])
    near = lacking = unseen = 0
    (layer,) = carriers(networks, box=task.box)
    for network, held in zip(networks, layer.held_labels(), strict=True):
        upper = certify(network, task, box=task.box).upper
        must = [key for key, error in errors.items() if upper <= error]
        near += bool(must)
        lacking += any(not orbits.held_together(network, label, oriented=one) for label, one in must)
        unseen += any(held.isdisjoint({label} if one else orbits.orbit(label)) for label, one in must)
    return Counted(len(networks), near, lacking, unseen)


def widths_of(task: Task, size: Size) -> list[int]:
    """The widths at which its networks are trained, the smallest first.

    Examples:
        >>> widths_of(tasks["minimum"], FULL), widths_of(tasks["addition"], FULL)
        ([3, 6, 12, 16, 64], [2])
    """
    assert task.hidden is not None
    (smallest,) = task.hidden
    if task.name in SMALLEST_ONLY:
        return [smallest]
    return sorted({*(smallest * k for k in size.multiples), *size.widths})


def run_forced(
    *, quick: bool = False, seed: int = 0, progress: bool | None = None, size: Size | None = None
) -> Benchmark:
    """Train, certify and read all networks: some minutes, `quick` seconds.

    Args:
        quick: `QUICK` in place of `FULL`; its number of networks has no bound.
        seed: the first of the networks' seeds.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        size: one's own.
    """
    chosen = size or (QUICK if quick else FULL)
    scores: list[Score] = []
    seconds = {"train": 0.0, "read": 0.0}
    total = Counted(0, 0, 0, 0)
    conditions = [
        (tasks[name], width, regimen)
        for name in chosen.tasks
        for width in widths_of(tasks[name], chosen)
        for regimen in REGIMENS
    ]
    # tqdm's disable=None means: no bar where the output is no terminal
    for task, width, regimen in tqdm(
        conditions, desc=NAME, unit="condition", disable=None if progress is None else not progress
    ):
        clock = time.perf_counter()
        runs = train(
            task, hidden=(width,), seeds=range(seed, seed + chosen.seeds), regimen=REGIMENS[regimen], bias=False,
            steps=chosen.steps, progress=False,
        )  # fmt: skip
        seconds["train"] += time.perf_counter() - clock
        clock = time.perf_counter()
        found = count_lacking(runs.finite.networks(), Orbits(task))
        seconds["read"] += time.perf_counter() - clock
        at = Setting(regimen, inputs=task.arity, bias=False, layers=1, width=width, task=task.name)
        scores += [
            share(PART, at, "near enough", found.near, chosen.seeds),
            share(PART, at, "lacking", found.lacking, found.near, NONE_LACKS if found.near else None),
            share(PART, at, "not held by one used neuron", found.unseen, found.near),
        ]
        total = Counted(*(a + b for a, b in zip(asdict(total).values(), asdict(found).values(), strict=True)))
    at, whole = Setting("all"), chosen is FULL
    trained = len(conditions) * chosen.seeds
    scores += [
        Score(PART, at, "networks trained", float(trained), n=trained),
        Score(
            PART, at, "networks near enough", float(total.near), n=trained, bound=ENOUGH if whole else None
        ),
        share(PART, at, "near enough", total.near, trained),
        share(PART, at, "lacking", total.lacking, total.near, NONE_LACKS),
        share(PART, at, "not held by one used neuron", total.unseen, total.near),
    ]
    return Benchmark(NAME, quick, seed, tuple(scores), seconds, _about(chosen))


def _about(size: Size) -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("mathcircuits", "numpy", "scipy", "torch")
    regimens = {name: regimen.model_dump(mode="json") for name, regimen in REGIMENS.items()}
    return {
        "versions": {name: version(name) for name in packages},
        "size": asdict(size),
        "regimens": regimens,
    }
