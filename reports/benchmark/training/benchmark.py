"""The benchmark of training: the plain loop, torch.func.vmap and ours, per network-step, in one run.

All contestants train the same thing: 'minimum' by plain SGD on batches of 1000 fresh inputs. The loop is what anybody
would write (an nn.Sequential and a torch.optim.SGD per network, each with its own batches). Of the others `ours, per
seed` draws for each network what the loop draws; the rest share a batch among all networks. They take turns round by
round, so that what else the machine does hits all of them alike; a ratio is the median over rounds of the two times of
one round. Times are wall clock, drawing the batches included.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tqdm import tqdm

from mathcircuits.detect import tasks

from ..results import Benchmark
from ..scores import Bound, Score, Setting

NAME = "training"
STEP, RATIO, WHOLE, PEAK = "network-steps", "ratios", "whole trainings", "share of the peak"
TASK, BATCH, RATE = "minimum", 1000, 0.1
#: Ours with batches of each seed's own, as the regimen `osier` draws them.
SEEDED = "ours, per seed"
#: What is required, at 256 networks of 2-3-1 (and 64 for width 64) on two cores.
LOOP = Bound("training: at least 150 times the plain loop per network-step at 2-3-1", 150, most=False)
VMAP = Bound("training: at least 12 times torch.func.vmap at 2-3-1", 12, most=False)
PER_SEED = Bound("training: `osier`, draw for draw, in 3 microseconds a network-step at 2-3-1", 3.0)
WIDE = Bound("training: at least 12 times the plain loop at width 64", 12, most=False)
WARM = Bound("training: at least 60 times the loop over 3000 steps with a warm compile cache", 60, most=False)
COLD = Bound("training: at least 12 times the loop over 3000 steps with a cold compile cache", 12, most=False)
MINUTES = Bound("training: 10 000 networks of 2-3-1 for 10 000 steps in under 4 minutes", 240)
MEMORY = Bound("training: 10 000 networks of 2-3-1 in under 2 GB", 2.0)

Timed = Callable[[int], None]


@dataclass(frozen=True)
class ShapeRun:
    """A shape, and how many networks of it train at once."""

    hidden: tuple[int, ...]
    nets: int

    @property
    def products(self) -> int:
        """Multiply-adds of one network on one sample: forward, weights' gradients, hidden units' gradients."""
        sizes = (tasks[TASK].arity, *self.hidden, 1)
        each = [i * o for i, o in itertools.pairwise(sizes)]
        return 3 * sum(each) - each[0]


@dataclass(frozen=True)
class TrainingEffort:
    """How much is run.

    Attributes:
        cells: the shapes.
        rounds: turns of every contestant in every cell.
        seconds: about how long a turn lasts.
        inductor: whether torch.compile takes part in the first cell (it compiles for 10 to 30 s).
        steps: of the whole trainings.
        many: networks and steps of the large training; None leaves it out.
    """

    cells: tuple[ShapeRun, ...]
    rounds: int = 7
    seconds: float = 0.25
    inductor: bool = True
    steps: int = 3000
    many: tuple[int, int] | None = (10_000, 10_000)


FULL = TrainingEffort(
    tuple(ShapeRun((3,) * depth, 256) for depth in (1, 2, 3))
    + tuple(ShapeRun((64,) * depth, 64) for depth in (1, 2, 3))
)
QUICK = TrainingEffort(
    (ShapeRun((3,), 256), ShapeRun((64,), 64)), rounds=3, seconds=0.1, inductor=False, steps=300, many=None
)


def run_training(
    *,
    quick: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    size: TrainingEffort | None = None,
) -> Benchmark:
    """Run every part: about five minutes on two cores, `quick` about ten seconds.

    Args:
        quick: `QUICK` in place of `FULL`.
        out: a folder to write into (see `Benchmark.write`); None writes nothing.
        seed: of the initial weights and batches.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        size: sizes of one's own.
    """
    chosen = size or (QUICK if quick else FULL)
    scores: list[Score] = []
    seconds: dict[str, float] = {}
    # tqdm's disable=None means: no bar where the output is no terminal
    with tqdm(
        total=len(chosen.cells) + 1,
        desc=NAME,
        unit="cell",
        disable=None if progress is None else not progress,
    ) as bar:
        clock = time.perf_counter()
        loop = 0.0
        for number, cell in enumerate(chosen.cells):
            bar.set_postfix_str("-".join(map(str, (2, *cell.hidden, 1))))
            found = compare(cell, chosen, seed, inductor=chosen.inductor and number == 0)
            scores += found
            if number == 0:
                loop = next(s.value for s in found if s.setting.population == "loop")
            bar.update()
        seconds[STEP] = time.perf_counter() - clock
        clock = time.perf_counter()
        scores += whole_trainings(chosen, loop)
        bar.update()
        seconds[WHOLE] = time.perf_counter() - clock
    found_all = Benchmark(NAME, chosen != FULL, seed, tuple(scores), seconds, _about(chosen))
    if out is not None:
        found_all.write(out)
    return found_all


def compare(cell: ShapeRun, size: TrainingEffort, seed: int, *, inductor: bool) -> list[Score]:
    """Microseconds a network-step of every contestant, ratios, and ours as a share of the multiply-add peak."""
    contestants = dict(_contestants(cell, seed, inductor))
    counts: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for name, (run, _) in contestants.items():
        run(1)  # whatever a first call builds
        start = time.perf_counter()
        run(3)
        counts[name] = max(1, int(size.seconds / ((time.perf_counter() - start) / 3)))
    first = size.cells[0] == cell
    peaks = []
    for _ in range(size.rounds):
        peaks.append(products_per_second())
        for name, (run, nets) in contestants.items():
            start = time.perf_counter()
            run(counts[name])
            times[name].append((time.perf_counter() - start) / counts[name] / nets)
    bounds = {SEEDED: PER_SEED} if first else {}
    scores = [
        _score(STEP, cell, name, "microseconds a network-step", each, 1e6, bounds.get(name))
        for name, each in times.items()
    ]
    for name in contestants:
        if not name.startswith("ours"):
            ratios = [theirs / own for theirs, own in zip(times[name], times["ours"], strict=True)]
            bound = {"loop": LOOP, "vmap": VMAP}.get(name) if first else None
            if name == "loop" and cell.hidden == (64,):
                bound = WIDE
            scores.append(_score(RATIO, cell, name, "times ours", ratios, 1.0, bound))
    ratios = [theirs / own for theirs, own in zip(times["loop"], times[SEEDED], strict=True)]
    scores.append(_score(RATIO, cell, "loop", f"times {SEEDED}", ratios, 1.0))
    shares = [
        cell.products * BATCH / seconds / peak for seconds, peak in zip(times["ours"], peaks, strict=True)
    ]
    scores.append(_score(PEAK, cell, "ours", "share of the multiply-add peak", shares, 1.0))
    return scores


def whole_trainings(size: TrainingEffort, loop: float) -> list[Score]:
    """Whole calls of `train`, everything included, in processes of their own; the loop's time is extrapolated.

    Args:
        size: how much is run.
        loop: the loop's microseconds a network-step, from the same run.
    """
    cell = size.cells[0]
    scores = []
    with tempfile.TemporaryDirectory() as home:
        for state, bound in (("cold", COLD), ("warm", WARM)):
            measured = in_a_process(cell.nets, size.steps, cell.hidden, home)
            ratio = loop * 1e-6 * cell.nets * size.steps / measured["seconds"]
            full = bound if size.steps >= 3000 else None
            at = _setting(cell, f"ours, {state} cache")
            note = f"{cell.nets} networks, {size.steps} steps"
            scores += [
                Score(WHOLE, at, "seconds", measured["seconds"], n=1, note=note),
                Score(WHOLE, at, "times faster than the loop", ratio, n=1, bound=full, note=note),
            ]
    if size.many is not None:
        nets, steps = size.many
        measured = in_a_process(nets, steps, cell.hidden, None)
        at, note = _setting(cell, "ours, many"), f"{nets} networks, {steps} steps"
        scores += [
            Score(WHOLE, at, "seconds", measured["seconds"], n=1, bound=MINUTES, note=note),
            Score(WHOLE, at, "gigabytes", measured["gigabytes"], n=1, bound=MEMORY, note=note),
        ]
    return scores


def in_a_process(nets: int, steps: int, hidden: tuple[int, ...], home: str | None) -> dict[str, float]:
    """Seconds of a call of `train`, and the gigabytes that its process reached; imports are not counted."""
    program = (
        "import json, resource, sys, time\n"
        "from mathcircuits.models import train\n"
        "nets, steps, hidden, batch, rate, task = json.loads(sys.argv[1])\n"
        "start = time.perf_counter()\n"
        "train(task, hidden=hidden, seeds=range(nets), steps=steps,\n"
        "      regimen={'optimiser': 'sgd', 'lr': rate, 'batch': batch}, progress=False)\n"
        "seconds = time.perf_counter() - start\n"
        "unit = 1 if sys.platform == 'darwin' else 1024\n"  # bytes there, kibibytes elsewhere
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9\n"
        "print(json.dumps({'seconds': seconds, 'gigabytes': peak}))\n"
    )
    given = json.dumps([nets, steps, hidden, BATCH, RATE, TASK])
    environment = {**os.environ, **({"MATHCIRCUITS_HOME": home} if home else {})}
    done = subprocess.run(
        [sys.executable, "-c", program, given], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def products_per_second() -> float:
    """Multiply-adds a second of a matrix product on torch's threads: the peak that anything is held against."""
    import torch

    a = torch.ones(1024, 1024)
    best = float("inf")
    for _ in range(4):  # the best of a few: what the machine can do, not what it happened to do
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 1024**3 / best


def _contestants(cell: ShapeRun, seed: int, inductor: bool) -> Iterator[tuple[str, tuple[Timed, int]]]:
    """Each contestant's name, a function that trains for some steps, and how many networks it trains at once."""
    yield "loop", (_loop(cell, seed), 1)
    yield "vmap", (_vmap(cell, seed), cell.nets)
    if importlib.util.find_spec("jax") is not None:
        yield "jax", (_jax(cell, seed), cell.nets)
    if inductor:
        yield "torch.compile", (_ours(cell, seed, "inductor"), cell.nets)
    yield "ours, eager", (_ours(cell, seed, "eager"), cell.nets)
    yield SEEDED, (_ours(cell, seed, "per seed"), cell.nets)
    yield "ours", (_ours(cell, seed, "fused"), cell.nets)


def _loop(cell: ShapeRun, seed: int) -> Timed:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        widths = (2, *cell.hidden)
        layers: list[nn.Module] = []
        for i, o in itertools.pairwise(widths):
            layers += [nn.Linear(i, o, bias=False), nn.ReLU()]
        net = nn.Sequential(*layers, nn.Linear(widths[-1], 1, bias=False))
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE)

    def run(steps: int) -> None:
        with _own_random_state(seed):
            for _ in range(steps):
                x = torch.rand((BATCH, 2)) * 2 - 1
                loss = nn.functional.mse_loss(net(x), x.min(dim=1, keepdim=True).values)
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()

    return run


def _weights(cell: ShapeRun, seed: int) -> list[Any]:
    """Initial weights [net, out, in] by layer."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    sizes = (2, *cell.hidden, 1)
    return [
        (torch.rand((cell.nets, o, i), generator=generator) * 2 - 1) / i**0.5
        for i, o in itertools.pairwise(sizes)
    ]


def _vmap(cell: ShapeRun, seed: int) -> Timed:
    import torch

    weights = tuple(_weights(cell, seed))

    def loss(own: tuple[Any, ...], x: Any, y: Any) -> Any:
        a = x
        for weight in own[:-1]:
            a = torch.relu(a @ weight.T)
        return ((a @ own[-1].T - y) ** 2).mean()

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, None, None))

    def run(steps: int) -> None:
        with _own_random_state(seed), torch.no_grad():
            for _ in range(steps):
                x = torch.rand((BATCH, 2)) * 2 - 1
                found = gradient(weights, x, x.min(dim=1, keepdim=True).values)
                for weight, slope in zip(weights, found, strict=True):
                    weight.sub_(slope, alpha=RATE)

    return run


def _jax(cell: ShapeRun, seed: int) -> Timed:
    """JAX's jitted vmap; its first call compiles."""
    jax = importlib.import_module("jax")
    np = importlib.import_module("jax.numpy")
    state = {
        "weights": [np.asarray(w.numpy()) for w in _weights(cell, seed)],
        "key": jax.random.PRNGKey(seed),
    }

    def loss(own: Any, x: Any, y: Any) -> Any:
        a = x
        for weight in own[:-1]:
            a = jax.nn.relu(a @ weight.T)
        return ((a @ own[-1].T - y) ** 2).mean()

    @jax.jit  # type: ignore[untyped-decorator]  # JAX is no dependency, so that nothing is known of its types
    def step(weights: Any, key: Any) -> Any:
        key, own = jax.random.split(key)
        x = jax.random.uniform(own, (BATCH, 2), minval=-1.0, maxval=1.0)
        found = jax.vmap(jax.grad(loss), in_axes=(0, None, None))(weights, x, x.min(axis=1, keepdims=True))
        return [w - RATE * g for w, g in zip(weights, found, strict=True)], key

    def run(steps: int) -> None:
        for _ in range(steps):
            state["weights"], state["key"] = step(state["weights"], state["key"])
        jax.block_until_ready(state["weights"])

    return run


def _ours(cell: ShapeRun, seed: int, how: str) -> Timed:
    """Our own training: the fused step on shared batches or on each seed's own, the eager one, or torch.compile's."""
    import torch

    from mathcircuits.models import MLPConfig, Regimen
    from mathcircuits.models.fitting import FitSettings, Layout, fit, fused_step

    config = MLPConfig((2, *cell.hidden, 1))
    stream: Literal["shared", "per-seed"] = "per-seed" if how == "per seed" else "shared"
    regimen = Regimen(optimiser="sgd", lr=RATE, batch=BATCH, stream=stream)
    parameters = Layout(config).join(_weights(cell, seed), [None] * (len(cell.hidden) + 1))
    if how == "inductor":
        return _inductor(cell, seed)
    fused = None if how == "eager" else fused_step()
    own = range(cell.nets) if how == "per seed" else (seed,)
    streams = [torch.Generator().manual_seed(k) for k in own]

    def run(steps: int) -> None:
        settings = FitSettings(tasks[TASK], config, regimen, steps, fused=fused)
        with torch.no_grad():
            fit(parameters, streams, settings)

    return run


def _inductor(cell: ShapeRun, seed: int) -> Timed:
    """The same step by torch.compile: sums of products in place of batched products, so that it can fuse them."""
    import torch

    weights = _weights(cell, seed)

    def step(weights: list[Any], x: Any, y: Any) -> list[Any]:
        a, layers = x, [x]
        for k, weight in enumerate(weights):
            z = (weight[:, :, :, None] * a[:, None]).sum(2)
            a = torch.relu(z) if k < len(weights) - 1 else z
            layers.append(a)
        g = (layers.pop() - y) * (2.0 / BATCH)
        found = []
        for k in reversed(range(len(weights))):
            found.append((g[:, :, None] * layers[k][:, None]).sum(3))
            if k:
                back = (weights[k][:, :, :, None] * g[:, :, None]).sum(1)
                g = torch.where(layers[k] > 0, back, 0.0)
        return found[::-1]

    compiled = torch.compile(step, dynamic=True)

    def run(steps: int) -> None:
        with _own_random_state(seed), torch.no_grad():
            for _ in range(steps):
                x = (torch.rand((BATCH, 2)) * 2 - 1).T.contiguous()[None]
                for weight, slope in zip(weights, compiled(weights, x, x.amin(1, keepdim=True)), strict=True):
                    weight.sub_(slope, alpha=RATE)

    return run


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    """The global random state for the contestants that draw from it, as it was afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _setting(cell: ShapeRun, population: str) -> Setting:
    return Setting(population, inputs=2, bias=False, layers=len(cell.hidden), width=cell.hidden[0], task=TASK)


def _score(
    part: str,
    cell: ShapeRun,
    population: str,
    measure: str,
    values: list[float],
    unit: float,
    bound: Bound | None = None,
) -> Score:
    """The median over rounds; the smallest and the largest stand in the note."""
    low, high = min(values) * unit, max(values) * unit
    nets = 1 if population == "loop" and part == STEP else cell.nets
    note = f"{nets} networks, batches of {BATCH}; {low:.3g} to {high:.3g} over {len(values)} rounds"
    value = statistics.median(values) * unit
    return Score(part, _setting(cell, population), measure, value, n=len(values), bound=bound, note=note)


def _about(size: TrainingEffort) -> dict[str, Any]:
    from importlib.metadata import version

    import torch

    packages = ("mathcircuits", "numpy", "torch")
    return {
        "versions": {name: version(name) for name in packages},
        "threads": torch.get_num_threads(),
        # where others are at work torch's threads wait for each other, which slows the loop more than ours
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "size": asdict(size),
    }
