"""Networks that were taught something else: of one shape and training, each on a random target of its own."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import torch

from mathcircuits.detect import Architecture, InputError, Network, Task
from mathcircuits.detect.features import as_task
from mathcircuits.detect.networks import BoxLike, Stack, as_box, comparison_points
from mathcircuits.detect.statistics import kept_arrays

from ..fitting.batches import RECURRING, generator_of, uniform_points
from ..fitting.compiled_step import eager_seconds
from ..fitting.levenberg import levenberg
from ..fitting.regimens import Regimen, as_regimen
from ..fitting.steps import FitSettings, fit, fused_pass, started
from ..fitting.vectors import Layout
from ..networks.config import MLPConfig
from .teachers import Pattern, Targets, draw_teachers, pattern_for

#: Networks that are taught, and the fewest where their training is long: 100 still tell a feature that a tenth of them
#: has from one that all have.
COUNT, FEWEST = 200, 100
#: Seconds of the eager step that `COUNT` networks may take (the compiled one takes a fifth), and beyond which not even
#: `FEWEST` are trained.
_SECONDS, _MOST_SECONDS = 20.0, 120.0
#: Values of the targets' largest array at once: 16 MiB.
_VALUES = 2**22
#: Phases of a rescue that count as steps of its first training: about what a rescued network takes
#: (docs/results/measurements.md, Rescue).
_PHASES = 5
#: Points at which a task's range is measured.
_POINTS = 512
#: Raised when a change to this module or to the teachers changes the networks.
_VERSION = 1
#: What follows the gradient steps, or decides how often they start anew: not repeated for networks taught otherwise.
_LEFT_OUT: dict[str, Any] = {
    "name": "taught", "preset": None, "stream": "shared", "test_draws": 0, "width_factor": 1, "pool": 1,
    "rescue": None, "compression": None, "polish": 0, "threshold": None, "restarts": 0, "growth": False, "deep": {},
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Taught:
    """Networks that learned something else.

    Attributes:
        networks: of one shape, those that did not diverge; empty where training them would take too long.
        kinks: how many kinks each layer of their targets has.
        words: who they are, for people.

    Examples:
        >>> found = taught_otherwise("minimum", hidden=3, steps=20, count=5)
        >>> len(found), found.kinks
        (5, (1,))
    """

    networks: tuple[Network, ...]
    kinks: tuple[int, ...]
    words: str

    def __len__(self) -> int:
        return len(self.networks)

    def __repr__(self) -> str:
        return f"Taught({self.words})"


def taught_otherwise(
    task: Task | str,
    *,
    hidden: int | Sequence[int],
    regimen: Regimen | str | Mapping[str, Any] = "adam",
    bias: bool | tuple[bool, ...] | None = None,
    activation: str | Sequence[str] = "relu",
    steps: int | None = None,
    box: BoxLike | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Taught:
    """Networks trained as those of a task, each on a random function with as many kinks: a null for what is found.

    A feature that they have as well says something about networks that learn, and nothing about the task. Each has a
    target of its own (`teachers.py`): as many kinks as the task's function, their directions isotropic; a linear
    task's are random linear functions. They are trained by the regimen's gradient steps alone, at the sizes given.
    What follows those (rescue, elimination, polish, restarts, a pool) is left out, and a rescue's steps are added.
    They are drawn once and kept on disk.

    Args:
        task: a Task or the name of one.
        hidden: the sizes that the networks to be compared ended with.
        regimen: how those were trained.
        bias: whether the layers have biases; None: whether the task needs them.
        activation: one name for all hidden layers or one each.
        steps: of their training; None for the task's own for this preset, else the regimen's.
        box: the inputs' box; by default the task's.
        count: how many; by default 200, or down to 100 where they take long.
        seed: of targets and weights.

    Raises:
        UnknownTask, UnknownNameError: for a task or preset that there is not.
        InputError: for a width below 1, or a count below 1.

    Examples:
        >>> found = taught_otherwise("minimum", hidden=3, steps=20, count=5)
        >>> found, found.networks[0]
        (Taught(5 networks trained on random targets with 1 kink), Network(2-3-1, relu, no bias))
        >>> taught_otherwise("addition", hidden=2, steps=20, count=5)
        Taught(5 networks trained on random linear targets)
    """
    task, given = as_task(task), as_regimen(regimen)
    widths = tuple(hidden) if isinstance(hidden, Iterable) else (hidden,)
    names = activation if isinstance(activation, str) else tuple(activation)
    config = MLPConfig(
        (task.arity, *widths, task.outputs), task.default_bias if bias is None else bias, names
    )
    family = family_of(given.for_depth(len(widths)))
    updates = _steps_of(given.for_depth(len(widths)), task, steps)
    bounds = task.box if box is None else as_box(box, task.arity)
    pattern = pattern_for(task, widths)
    if count is not None and count < 1:
        raise InputError(f"count {count!r}: give the number of networks, at least 1")
    wanted = _affordable(config, family, updates) if count is None else count
    linear = not any(pattern.kinks)
    targets = f"random {'linear ' * linear}targets"
    if not linear:
        targets += f" with {', then '.join(map(str, pattern.kinks))} kink{'s' * (pattern.kinks != (1,))}"
    if not wanted or not config.hidden or task.points:
        # Random functions with kinks on a box are no other task for a network that trains on points.
        why = "too many weights and steps" if config.hidden else "no hidden layer"
        why = "a task on points" if task.points else why
        return Taught((), pattern.kinks, f"no networks trained on {targets}: {why}")
    # With their mirror images, and rounded: the minimum and the maximum have the same teachers.
    X = comparison_points(task.box, _POINTS)
    values = np.asarray(task(np.vstack([X, np.sum(task.box, axis=1) - X])), dtype=float)
    spread = values.reshape(2 * _POINTS, -1).std(axis=0)
    drawn = tuple(float(f"{value:.4g}") for value in spread)
    plan = _Plan(config, family, updates, bounds, pattern, drawn, wanted, seed)
    networks = plan.networks()
    return Taught(networks, pattern.kinks, f"{len(networks)} networks trained on {targets}")


def taught_like(
    architecture: Architecture, task: Task | str, *, regimen: Regimen | str | Mapping[str, Any] = "adam",
    steps: int | None = None, box: BoxLike | None = None,
) -> Taught:  # fmt: skip
    """`taught_otherwise` for the shape of a given network.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> taught_like(hand_derived("addition").architecture, "addition", steps=20)
        Taught(200 networks trained on random linear targets)
    """
    return taught_otherwise(
        task, hidden=architecture.sizes[1:-1], regimen=regimen, bias=architecture.bias,
        activation=architecture.null_activations, steps=steps, box=box,
    )  # fmt: skip


def family_of(regimen: Regimen) -> Regimen:
    """A regimen's gradient steps (or its Levenberg-Marquardt), without what decides or follows them.

    Examples:
        >>> family_of(as_regimen("rescue")).rescue is None, family_of(as_regimen("decay-then-anneal")).decay
        (True, 0.001)
    """
    return regimen.model_copy(update=_LEFT_OUT)


def _steps_of(regimen: Regimen, task: Task, steps: int | None) -> int:
    own = regimen.steps_for(task) if steps is None else steps
    return own + (min(regimen.rescue.phases, _PHASES) * regimen.rescue.steps if regimen.rescue else 0)


def _affordable(config: MLPConfig, regimen: Regimen, steps: int) -> int:
    """How many networks are trained."""
    samples = min(regimen.batch, regimen.samples or regimen.batch)
    one = eager_seconds(config, COUNT, steps, samples) / COUNT
    if one * FEWEST > _MOST_SECONDS:
        return 0
    return int(np.clip(_SECONDS / one, FEWEST, COUNT))


@dataclass(frozen=True)
class _Plan:
    """Everything that decides the networks."""

    config: MLPConfig
    regimen: Regimen
    steps: int
    box: tuple[tuple[float, float], ...]
    pattern: Pattern
    spread: tuple[float, ...]
    count: int
    seed: int

    @property
    def key(self) -> str:
        # The squared error, which all regimens had, is not said: what is cached stays known.
        squared = {"loss"} if self.regimen.loss == "squared" else None
        fields = json.dumps(self.regimen.model_dump(mode="json", exclude=squared), sort_keys=True)
        parts = (self.config, self.steps, self.box, self.pattern, self.spread, self.count, self.seed)
        return f"taught {_VERSION} {_release()}|{fields}|{parts!r}"

    def networks(self) -> tuple[Network, ...]:
        """The networks that did not diverge, from disk or trained now."""
        arrays = kept_arrays(self.key, lambda _: {"parameters": self._trained().numpy()})
        parameters = torch.from_numpy(np.array(arrays["parameters"], dtype=np.float64))
        weights, biases = Layout(replace(self.config, dtype="float64")).split(parameters)
        return tuple(
            Network(
                [w[k].numpy() for w in weights],
                [None if b is None else b[k].numpy() for b in biases],
                self.config.activations,
            )
            for k in torch.nonzero(parameters.isfinite().all(dim=1))[:, 0].tolist()
        )

    def _trained(self) -> torch.Tensor:
        entropy = zlib.crc32(self.key.encode())
        rng = np.random.default_rng([self.seed, entropy])
        teachers = draw_teachers(
            self.pattern, box=self.box, spread=self.spread, count=self.count, seed=int(rng.integers(2**32))
        )
        seeds = rng.choice(2**32, size=self.count, replace=False).tolist()
        # Inputs alone: each network has the target of its own teacher.
        task = Task(
            "taught", len(self.box), target=_first_of(teachers), outputs=len(self.spread), box=self.box
        )
        config = replace(self.config, dtype="float64" if self.regimen.optimiser == "levenberg" else "float32")
        start, _ = started(config, self.regimen, task, seeds)
        fused = fused_pass(config, self.regimen, self.count, self.steps, torch.device("cpu"))
        samples = self.regimen.samples or self.regimen.batch
        widest = max(self.pattern.sizes)
        chunk = max(1, _VALUES // (samples * widest * RECURRING))
        with torch.no_grad():
            for at in range(0, self.count, chunk):
                part = slice(at, at + chunk)
                targets = Targets(teachers[part])
                if self.regimen.optimiser == "levenberg":
                    x, _ = uniform_points(task, samples, "taught", entropy)
                    start[part] = levenberg(start[part], x, targets(x[None])[0], config, self.steps)[0]
                    continue
                settings = FitSettings(
                    task=task,
                    config=config,
                    regimen=self.regimen,
                    steps=self.steps,
                    logged=np.zeros(0, dtype=np.int64),
                    fused=fused,
                    targets=targets,
                )
                fit(
                    start[part],
                    [generator_of("taught", entropy)],
                    settings,
                    noise_seeds=[("taught", seed) for seed in seeds[part]],
                )
        return start


def _first_of(teachers: Stack) -> Callable[[Any], Any]:
    """The first teacher as a task's function, of arrays and of tensors."""
    network = teachers.network(0)

    def values(X: Any) -> Any:
        return (
            torch.as_tensor(network(X.numpy()), dtype=X.dtype) if isinstance(X, torch.Tensor) else network(X)
        )

    return values


@cache
def _release() -> str:
    """The version of this package; looking it up reads a file."""
    return metadata.version("mathcircuits")
