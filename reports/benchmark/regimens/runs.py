"""Runs: networks that a regimen trained on a task, seed by seed, and what is read in the first of them."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import InputError, Network, Task, analyse_many, certify, decompile, tasks
from mathcircuits.detect.features import SOLVED
from mathcircuits.detect.matching import HELD, USED
from mathcircuits.detect.programs import PROGRAM_ERROR
from mathcircuits.detect.recognition import census_name
from mathcircuits.models import Regimen, train

from ...studies.circuitry import equals_task, gauge_in
from ..pieces import Done, Piece
from ..scores import Setting

if TYPE_CHECKING:
    import pandas as pd

#: A network whose error is at most this everywhere has at most its square as mean squared error, whatever the points:
#: others need no proof.
_PROVABLE = PROGRAM_ERROR**2
#: A piece is to take about so many seconds: a killed run loses two of them.
_PIECE = 15.0
#: Seconds of one core that a seed takes, by what is done; measured, and right to a factor of two, which is all that
#: the order of the pieces needs.
_LEVENBERG, _COMPRESSION, _RESCUE, _STEP = (0.06, 0.2), (0.06, 2.2), (0.003, 0.12), (1.2e-6, 6e-6)
_DRAW, _READ = 1.8e-8, (0.02, 0.15)
COLUMNS = (
    "seed", "loss", "final", "minimal", "cost", "seconds", "read", "proved", "formula", "equals", "bits", "gauge",
    "labelled",
)  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """Networks of consecutive seeds, one task, one shape and one regimen.

    Attributes:
        label: what tables call the regimen here.
        task, hidden, regimen: what trains.
        first, count: the seeds: `first, first + 1, ...`.
        read: how many of them, from the first on, are read: certificate, formula, gauge, features.
    """

    label: str
    task: str
    hidden: tuple[int, ...]
    regimen: Regimen
    first: int
    count: int
    read: int = 0

    @property
    def name(self) -> tuple[str, str, tuple[int, ...]]:
        """What tells runs apart: label, task and hidden widths."""
        return self.label, self.task, self.hidden

    @property
    def setting(self) -> Setting:
        """What scores are about; the width is that of the first hidden layer that training starts with."""
        task = tasks[self.task]
        return Setting(
            self.label,
            inputs=task.arity,
            bias=task.needs_bias,
            layers=len(self.hidden),
            width=self.hidden[0],
            task=self.task,
        )

    @property
    def seconds(self) -> float:
        """About how many seconds a seed trains, on one core."""
        task, deep = tasks[self.task], len(self.hidden) > 1
        regimen = self.regimen.for_depth(len(self.hidden))
        if regimen.optimiser == "levenberg":
            return _LEVENBERG[deep]
        if regimen.compression is not None:
            return _COMPRESSION[deep]
        drawn = regimen.batch * task.arity * _DRAW if regimen.stream == "per-seed" else 0.0
        steps = regimen.steps_for(task)
        return steps * (_STEP[deep] + drawn) + (_RESCUE[deep] if regimen.rescue else 0.0)

    def pieces(self) -> list[Piece]:
        """The same in parts of about 15 seconds; each network is the same whatever trains beside it."""
        step = max(1, min(250, round(_PIECE / self.seconds)))
        found = []
        for start in range(0, self.count, step):
            part = replace(
                self,
                first=self.first + start,
                count=min(step, self.count - start),
                read=max(0, min(self.read - start, step)),
            )
            deep = len(self.hidden) > 1
            weight = part.count * self.seconds + part.read * _READ[deep]
            found.append(Piece(part.key, partial(rows_of, part), weight))
        return found

    @property
    def key(self) -> str:
        """All of it in one text."""
        sizes = "-".join(map(str, self.hidden))
        about = f"{self.label}, {self.task} at {sizes}, seeds {self.first} to {self.first + self.count - 1}"
        return f"{about}, {self.read} read: {self.regimen.model_dump_json()}"

    def frame(self, done: dict[str, Done]) -> pd.DataFrame:
        """The rows of all its pieces, one per seed."""
        import pandas as pd

        rows = [row for piece in self.pieces() for row in done[piece.key].result]
        return pd.DataFrame(rows, columns=list(COLUMNS))


def joined(wanted: Iterable[Runs]) -> dict[tuple[str, str, tuple[int, ...]], Runs]:
    """What several sections want, each training once: as many seeds and readings as the one that wants most.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> few, many = (Runs("adam", "minimum", (3,), as_regimen("adam"), 0, n, 10 - n) for n in (2, 5))
        >>> [(runs.count, runs.read) for runs in joined([few, many]).values()]
        [(5, 5)]
    """
    found: dict[tuple[str, str, tuple[int, ...]], Runs] = {}
    for runs in wanted:
        before = found.get(runs.name, runs)
        if before.regimen != runs.regimen or before.first != runs.first:
            raise InputError(
                f"label {runs.label!r} on {runs.task} at {runs.hidden}: two regimens or first seeds bear it; give each "
                "a label of its own"
            )
        count = max(before.count, runs.count)
        # What is read are seeds that there are, the first ones.
        read = min(count, max(min(before.read, before.count), min(runs.read, runs.count)))
        found[runs.name] = replace(runs, count=count, read=read)
    return found


def rows_of(runs: Runs) -> list[dict[str, Any]]:
    """Train, and read: one row per seed, plain data.

    `seconds` is the processor time of training, shared out evenly; `minimal` says whether the network has solved its
    task with no more neurons in any layer than the hand-derived one. Of networks that are read: `proved`, the proved
    limit of the error (missing where the loss already says that it is above 5e-3); of those that also solved their
    task: `formula`, whether it `equals` the task, its `bits`, the `gauge` and the share `labelled` of the used neurons
    that hold a feature of the catalogue.
    """
    task = tasks[runs.task]
    start = time.process_time()
    ensemble = train(
        task,
        hidden=runs.hidden,
        seeds=range(runs.first, runs.first + runs.count),
        regimen=runs.regimen,
        progress=False,
    )
    seconds = (time.process_time() - start) / runs.count
    rows: list[dict[str, Any]] = []
    networks: dict[int, Network] = {}
    sizes = ensemble.sizes
    for k, seed in enumerate(ensemble.seeds):
        loss, hidden = float(ensemble.losses[k]), sizes[k][1:-1]
        rows.append(
            {
                **dict.fromkeys(COLUMNS),
                "seed": seed,
                "loss": loss,
                "final": "-".join(map(str, hidden)),
                "minimal": bool(loss < SOLVED and at_most(hidden, task.smallest)),
                "cost": int(ensemble.cost[k]),
                "seconds": seconds,
                "read": k < runs.read,
            }
        )
        if k < runs.read and loss <= _PROVABLE:
            networks[k] = ensemble.take([k]).networks()[0]
    solved = {k: network for k, network in networks.items() if rows[k]["loss"] < SOLVED}
    shares = labelled_shares(list(solved.values()), task)
    for k, network in networks.items():
        if task.formula:
            rows[k]["proved"] = certify(network, task, box=task.box).upper
    for k, network, labelled in zip(solved, solved.values(), shares, strict=True):
        rows[k].update(words_of(network, task), labelled=labelled)
    return rows


def at_most(hidden: Sequence[int], smallest: Sequence[int] | None) -> bool:
    """Whether no layer is wider than in the hand-derived network.

    Examples:
        >>> at_most((6, 3), (6, 3)), at_most((5, 4), (6, 3)), at_most((3,), None)
        (True, False, False)
    """
    if smallest is None or len(hidden) != len(smallest):
        return False
    return all(own <= least for own, least in zip(hidden, smallest, strict=True))


def words_of(network: Network, task: Task) -> dict[str, Any]:
    """Formula, whether it is the task's, its description length, and the gauge.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> words = words_of(hand_derived("minimum"), tasks["minimum"])
        >>> words["formula"], words["equals"], words["gauge"]
        ('min(x1, x2)', True, 'x1 - relu(x1 - x2)')
    """
    program = decompile(network, box=task.box)
    gauge = gauge_in(network, task)
    return {
        "formula": None if program.formula is None else program.text,
        "equals": equals_task(program, task),
        "bits": None if program.formula is None else float(program.bits),
        "gauge": None if gauge is None else census_name(gauge),
    }


def labelled_shares(networks: Sequence[Network], task: Task) -> list[float]:
    """The share of each network's used neurons that hold a feature of the catalogue, or NaN where none is used.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> labelled_shares([hand_derived("minimum")], tasks["minimum"])
        [1.0]
    """
    shares = [math.nan] * len(networks)
    shapes = {network.architecture: None for network in networks}
    for shape in shapes:
        at = [k for k, network in enumerate(networks) if network.architecture == shape]
        frame = analyse_many([networks[k] for k in at], box=task.box, task=task, init="uniform").neurons
        used = frame[frame["contribution"] >= USED]
        held = (used["unexplained"] <= HELD).groupby(used["network"]).mean()
        for number, share in held.items():
            shares[at[int(str(number))]] = float(share)
    return shares


def most_frequent(values: Iterable[Any]) -> tuple[str, int]:
    """What occurs most often, the first in the alphabet among equals, and how often; empty and 0 where there is none.

    Examples:
        >>> most_frequent(["b", "a", None, "a", "b"]), most_frequent([])
        (('a', 2), ('', 0))
    """
    counted = Counter(str(value) for value in values if isinstance(value, str))
    if not counted:
        return "", 0
    name = min(counted, key=lambda text: (-counted[text], text))
    return name, counted[name]


def median_of(values: pd.Series[Any]) -> float:
    """The median of what there is; NaN of nothing."""
    there = values.dropna().to_numpy(dtype=float)
    return float(np.median(there)) if len(there) else math.nan
