"""Cell: a study's unit of work: its networks' condition, the hash of all that decides them, and its files' names.

The files of a cell, in the study's folder:

    networks/KEY.safetensors         the trained networks, stacked by layer (weights.0 [net, out, in], ...)
    networks/KEY.READING.parquet     what was read in them, one file per reading of `READINGS`, or `FORMS` alone

KEY ends in a hash of all that decides the weights. The readings also depend on the catalogue, and carry its hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mathcircuits.detect import Circuit, Feature, catalogue, circuits, tasks
from mathcircuits.detect.features import SOLVED
from mathcircuits.models import Regimen

from .config import DERIVED, INIT, relative_width
from .storage import intact

#: What is read: neurons and directions in trained and untrained networks, failures in those that did not solve
#: their task, the others in trained ones.
READINGS = (
    "neurons",
    "directions",
    "kinks",
    "superposition",
    "programs",
    "circuits",
    "failures",
    "emergence",
    "taught",
)
#: What is read where the forms alone are asked for.
FORMS = "forms"
#: Raised when a change to this package's code changes what is read in the same weights.
READING = 8
#: Points at which a task's values stand for it.
_TRIALS = 64
#: Characters of each part of a cell's key: with the longest ending and the temporary name 255 bytes are not reached.
_PART = 40
#: Where Osier's own training is repeated, which stops earlier, a network has solved its task below this mean squared
#: error instead of 1e-8.
SOLVED_OSIER = 1e-4


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        task: name of a registered task.
        hidden: hidden sizes.
        regimen: how the networks are trained; the one called `derived` stands for the hand-derived network.
        seeds: one per network.
        steps: training steps, or None for the task's or the regimen's own.
        reads: everything in `READINGS`, or the networks' forms alone.
        found: a digest of the networks where they were trained elsewhere; empty where the study trains them.
        solved: the loss below which such a network has solved its task; None where the study trains them.

    Examples:
        >>> from mathcircuits.models import as_regimen
        >>> cell = Cell("minimum", (3,), as_regimen("adam"), (0, 1))
        >>> cell.condition, cell.width, cell.network_id(1)
        ('minimum/3/adam', '1x', 'minimum/3/adam/1')
        >>> cell.key.rpartition("_")[0], len(cell.hash)
        ('minimum_3_adam_0-1', 12)
    """

    task: str
    hidden: tuple[int, ...]
    regimen: Regimen
    seeds: tuple[int, ...]
    steps: int | None = None
    reads: Literal["all", "forms"] = "all"
    found: str = ""
    solved: float | None = None

    @property
    def derived(self) -> bool:
        """Whether it holds the hand-derived network."""
        return self.regimen.name == DERIVED

    @property
    def init(self) -> str | None:
        """The init law of its networks; None where they were trained elsewhere, and nothing says it."""
        return None if self.found else INIT

    @property
    def sizes(self) -> str:
        """The hidden sizes as a text, `6-3`."""
        return "-".join(map(str, self.hidden))

    @property
    def condition(self) -> str:
        """What the cell's networks have in common: task, hidden sizes and regimen."""
        return f"{self.task}/{self.sizes}/{self.regimen.name}"

    @property
    def classifies(self) -> bool:
        """Whether its networks are classifiers: their loss is the share of points with a wrong class."""
        return self.regimen.loss == "cross-entropy"

    @property
    def threshold(self) -> float:
        """The loss below which one of its networks has solved the task; of a classifier, below one wrong point."""
        if self.solved is not None:
            return self.solved
        if self.classifies:
            return SOLVED
        task = tasks[self.task]
        loose = self.regimen.preset == "osier" and task.solved is None and task.rows is None
        return SOLVED_OSIER if loose else task.threshold

    @property
    def width(self) -> str:
        """The hidden sizes as a multiple of the task's smallest, or empty."""
        return relative_width(tasks[self.task], self.hidden)

    def network_id(self, seed: int) -> str:
        """The id of the network of that seed."""
        return f"{self.condition}/{seed}"

    @cached_property
    def hash(self) -> str:
        """A hash of all that decides the weights: task, sizes, regimen, steps, seeds, version; or the networks."""
        task = tasks[self.task]
        # A task may be a Python function: its values stand for it.
        probes = task.sample(_TRIALS)
        content: dict[str, object] = {
            "mathcircuits": _version(),
            "task": [self.task, task.box, task.needs_bias, np.round(task(probes), 12).tolist(), *task.points],
            "hidden": self.hidden,
            "regimen": regimen_fields(self.regimen),
            "steps": self.steps,
            "seeds": self.seeds,
        }
        if self.found:
            content |= {"found": self.found, "solved": self.solved}
        elif task.solved is not None:
            content |= {"solved": task.solved}
        if self.derived and task.hand_derived is not None:
            content["weights"] = [w.tolist() for w in task.hand_derived.weights]
        return _digest(content)

    @cached_property
    def key(self) -> str:
        """The name of its files."""
        seeds = () if self.derived else (f"{self.seeds[0]}-{self.seeds[-1]}",)
        parts = (self.task, self.sizes, self.regimen.name, *seeds, self.hash)
        # The hash tells apart what is cut: no file system takes a name of more than 255 bytes.
        return "_".join(re.sub(r"[^A-Za-z0-9.=+-]+", "-", part)[:_PART] for part in parts)

    def weights_file(self, out: Path) -> Path:
        """Where the networks lie in a study's folder."""
        return out / "networks" / f"{self.key}.safetensors"

    def reading_files(self, out: Path) -> dict[str, Path]:
        """Where what was read in them lies, by reading."""
        stamp = reading_hash()
        tables = READINGS if self.reads == "all" else (FORMS,)
        return {table: out / "networks" / f"{self.key}.{stamp}.{table}.parquet" for table in tables}

    def checksums_file(self, out: Path) -> Path:
        """Where the checksums of its files stand (see checksums.py)."""
        return out / "networks" / f"{self.key}.sha256"

    def trained(self, out: Path) -> bool:
        """Whether its networks are there as they were written."""
        return intact(self.checksums_file(out), [self.weights_file(out)])

    def finished(self, out: Path) -> bool:
        """Whether all its files are there as they were written."""
        return intact(self.checksums_file(out), [self.weights_file(out), *self.reading_files(out).values()])


def regimen_fields(regimen: Regimen) -> dict[str, Any]:
    """A regimen as files and hashes hold it: its threshold stands there as `verification`, as in earlier studies.

    The squared error, which all had, is not said.
    """
    fields = regimen.model_dump(mode="json", exclude={"loss"} if regimen.loss == "squared" else None)
    return {"verification" if name == "threshold" else name: value for name, value in fields.items()}


def regimen_of(fields: Mapping[str, Any]) -> Regimen:
    """The regimen that a file holds (see `regimen_fields`).

    Examples:
        >>> regimen_of(regimen_fields(Regimen(threshold=1e-5))).threshold
        1e-05
    """
    return Regimen(
        **{"threshold" if name == "verification" else name: value for name, value in fields.items()}
    )


def reading_hash() -> str:
    """A hash of what a reading depends on besides the weights: both catalogues and the reader's own version."""
    return _reading_hash(READING, tuple(catalogue.values()), tuple(circuits.values()))


@lru_cache(maxsize=1)
def _reading_hash(number: int, features: tuple[Feature, ...], known: tuple[Circuit, ...]) -> str:
    """The hash of these entries; making them plain takes longer than many a cell."""
    entries = [
        [f.id, f.formula.text, f.competes_as, f.direction, [s.images for s in f.symmetry]] for f in features
    ]
    templates = [
        [
            c.name,
            c.gauge,
            c.text,
            [w.tolist() for w in c.network.weights],
            [b.tolist() for b in c.network.bias_vectors],
        ]
        for first in known
        for c in first.gauges
    ]
    return _digest([number, _version(), entries, templates])


@cache
def _version() -> str:
    """The version of this package; looking it up reads a file."""
    return metadata.version("mathcircuits")


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
