"""Attempts: from initial weights to networks that verify, every seed by itself and all of them at once.

One attempt is: initial weights (a pool of them), the gradient steps, the best of the pool, rescue, compression,
polish, and the loss on points that none of these has seen. A seed whose loss is not below the regimen's threshold
starts anew from weights drawn by (seed, attempt); with growth that goes on at one neuron more a layer. Nothing here
knows what a task needs: a seed stops because it verified.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import InputError, Network, Task

from ..compression.compressing import compress_many
from ..fitting.batches import uniform_points
from ..fitting.compiled_step import FusedStep
from ..fitting.criteria import LEAST_LOSS
from ..fitting.evaluation import TEST_POINTS, comparable, losses_on
from ..fitting.gradients import residuals
from ..fitting.levenberg import levenberg
from ..fitting.polishing import points_of
from ..fitting.regimens import Regimen
from ..fitting.steps import FitSettings, fit_in_chunks, started
from ..fitting.vectors import Layout, network_of, vector_of
from ..networks.config import MLPConfig
from .criteria import POLISHED
from .neuron_restarts import restart_neurons

#: Iterations of a round of polish (docs/results/measurements.md, Rescue), and its points. A network can fit the sliver
#: between a kink and the nearest points, so that rounds after the first also get the points where it errs most among
#: many. At 4-6-3-1, of 99 rescued networks at minimum-of-4 one round brings 58 below 1e-8, a second with such points
#: 99; five rounds of 2048 uniform points 98, in three times the time.
ROUND, POINTS, CANDIDATES = 25, 512, 2**16
#: A round has to bring the loss to this share or fit its own points to this loss, or it was the last: one that
#: converges divides by thousands, and one that fits its points to that waits for others alone.
WORTHWHILE, FITTED = 0.5, 1e-10
#: Points on which a pool's networks are compared: the best of eight differ by factors, not by sampling.
POOL_POINTS = 1024


@dataclass(frozen=True)
class TrainingPlan:
    """What all attempts of a training share.

    Attributes:
        task: what to learn.
        config: the largest shape, in the precision of the gradient steps.
        regimen: at this depth.
        steps: updates of the first training.
        device: where gradient steps are computed.
        fused: the compiled step, or None.
        base: the logged steps of the first training, [m], the last being `steps`.
        moments: the steps of the checkpoints; None for no checkpoints.
        bar: a progress bar, or None.
    """

    task: Task
    config: MLPConfig
    regimen: Regimen
    steps: int
    device: torch.device
    fused: FusedStep | None
    base: npt.NDArray[np.int64]
    moments: npt.NDArray[np.int64] | None
    bar: Any = None

    @property
    def phase_ends(self) -> npt.NDArray[np.int64]:
        """The steps at which a rescue's phases end."""
        rescue = self.regimen.rescue
        if rescue is None:
            return np.zeros(0, np.int64)
        return self.steps + rescue.steps * np.arange(1, rescue.phases + 1)

    @property
    def finishes(self) -> bool:
        """Whether something comes after the gradient steps: one step more in the log."""
        return bool(self.regimen.compression or self.regimen.polish)

    @property
    def logged(self) -> npt.NDArray[np.int64]:
        """All steps at which losses are logged."""
        steps = np.concatenate([self.base, self.phase_ends])
        return np.append(steps, steps[-1] + 1) if self.finishes else steps

    @property
    def double(self) -> bool:
        """Whether networks end in double precision."""
        return self.finishes or self.regimen.optimiser == "levenberg"


@dataclass
class Trained:
    """What became of some networks, one row each.

    Attributes:
        parameters: [net, size], in the layout of the plan's shape.
        widths: [net, hidden layer].
        checked: losses on fresh points, [net]; infinite where a network diverged.
        logged: [m, net].
        cost: network-steps, [net].
        snapshots: [moment, net, size], or None.
    """

    parameters: Tensor
    widths: npt.NDArray[np.int64]
    checked: npt.NDArray[np.float64]
    logged: npt.NDArray[np.float64]
    cost: npt.NDArray[np.int64]
    snapshots: Tensor | None

    def put(self, rows: npt.NDArray[np.int64], other: Trained, taken: npt.NDArray[np.int64]) -> None:
        """Put some of another's networks in the place of ours; costs stay."""
        self.parameters[rows] = other.parameters[taken]
        self.widths[rows] = other.widths[taken]
        self.checked[rows] = other.checked[taken]
        self.logged[:, rows] = other.logged[:, taken]
        if self.snapshots is not None and other.snapshots is not None:
            self.snapshots[:, rows] = other.snapshots[:, taken]


def all_attempts(plan: TrainingPlan, seeds: Sequence[int]) -> Trained:
    """Attempts until every seed verifies or has had all that the regimen grants it.

    What counts of a seed that never verifies is its network with the least loss.
    """
    regimen = plan.regimen
    outcome: Trained | None = None
    waiting = np.arange(len(seeds))
    shapes = growing(plan.config) if regimen.growth else [plan.config]
    for config, number in itertools.product(shapes, range(regimen.restarts + 1)):
        found = one_attempt(plan, config, [seeds[k] for k in waiting.tolist()], number)
        if outcome is None:
            outcome = found
        else:
            outcome.cost[waiting] += found.cost
            better = np.flatnonzero(found.checked < outcome.checked[waiting])
            outcome.put(waiting[better], found, better)
        if regimen.threshold is None:
            break
        waiting = waiting[~(outcome.checked[waiting] < regimen.threshold)]
        if not len(waiting):
            break
    assert outcome is not None
    return outcome


def one_attempt(plan: TrainingPlan, config: MLPConfig, seeds: Sequence[int], number: int) -> Trained:
    """Train networks of a shape once, from the weights that (seed, number) gives.

    Attempt 0 starts from the seed's own weights, those of `torch.manual_seed(seed)`.
    """
    regimen, task = plan.regimen, plan.task
    count, pool = len(seeds), regimen.pool
    members = [derived_seed(seed, number, member) for seed in seeds for member in range(pool)]
    snapshots: list[Tensor] | None = None if plan.moments is None else []
    if regimen.optimiser == "levenberg":
        parameters, logged, cost = _levenberg(plan, config, members, number, snapshots)
    else:
        parameters, logged, cost = _gradient(plan, config, members, number, snapshots)
    if pool > 1:
        x, y = uniform_points(task, POOL_POINTS, "pool", task.name)
        held = comparable(losses_on(parameters, x, y, config)).reshape(count, pool)
        chosen = np.arange(count) * pool + held.argmin(axis=1)
        parameters, logged = parameters[chosen], logged[:, chosen]
        snapshots = None if snapshots is None else [moment[chosen] for moment in snapshots]
        cost = cost.reshape(count, pool).sum(axis=1)

    own = members[::pool]
    if regimen.rescue is not None:
        ends = plan.phase_ends
        wanted = [] if plan.moments is None else [k for k, end in enumerate(ends, 1) if end in plan.moments]
        saved = restart_neurons(
            parameters,
            own,
            task,
            config,
            regimen,
            fused=plan.fused,
            device=plan.device,
            bar=plan.bar,
            wanted=wanted,
        )
        parameters, cost = saved.parameters, cost + saved.cost
        logged = np.concatenate([logged, saved.losses])
        if snapshots is not None:
            snapshots += saved.phases

    widths = np.tile(np.array(config.hidden, np.int64).reshape(1, -1), (count, 1))
    moments = None if snapshots is None else torch.stack([_padded(m, config, plan.config) for m in snapshots])
    parameters = _padded(parameters, config, plan.config)
    if plan.double:
        parameters = parameters.double()
    if regimen.compression is not None:
        spent = _compress(plan, parameters, widths, own)
        cost = cost + spent
    if regimen.polish:
        cost = cost + _polish(plan, parameters, widths, number)
    if plan.finishes:
        logged = np.concatenate([logged, np.full((1, count), np.nan)])
        if moments is not None:
            moments = torch.cat([moments, parameters[None].to(moments.dtype)])
    x, y = uniform_points(task, TEST_POINTS, "verification", task.name)
    checked = comparable(losses_on(parameters, x, y, _like(plan.config, parameters)))
    return Trained(parameters, widths, checked, logged, cost, moments)


def growing(config: MLPConfig) -> list[MLPConfig]:
    """The shapes from one neuron a layer up to a config's own, all layers in proportion.

    Examples:
        >>> [c.hidden for c in growing(MLPConfig((2, 4, 2, 1)))]
        [(1, 1), (2, 1), (3, 2), (4, 2)]
    """
    most = max(config.hidden, default=1)
    shapes = []
    for width in range(1, most + 1):
        hidden = tuple(max(1, -(-size * width // most)) for size in config.hidden)
        shapes.append(replace(config, sizes=(config.sizes[0], *hidden, config.sizes[-1])))
    return shapes


def derived_seed(seed: int, attempt: int, member: int = 0) -> int:
    """The seed of a network's weights in an attempt and a pool; a seed's first network is its own.

    Examples:
        >>> derived_seed(7, 0), derived_seed(7, 1) != derived_seed(7, 0, 1)
        (7, True)
    """
    if attempt == member == 0:
        return seed
    digest = hashlib.sha256(repr(("attempt", seed, attempt, member)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _gradient(
    plan: TrainingPlan, config: MLPConfig, members: Sequence[int], number: int, snapshots: list[Tensor] | None
) -> tuple[Tensor, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The first training of an attempt: parameters [net, size], losses [base, net], network-steps [net]."""
    regimen, task, steps = plan.regimen, plan.task, plan.steps
    start, streams = started(config, regimen, task, members)
    parameters = start.to(plan.device)
    moments = [] if plan.moments is None else [int(at) for at in plan.moments if at < steps]
    settings = FitSettings(
        task=task,
        config=config,
        regimen=regimen,
        steps=steps,
        logged=plan.base,
        moments=moments,
        fused=plan.fused,
        bar=plan.bar,
    )
    logged = fit_in_chunks(
        parameters, members, settings, streams=streams, attempt=number, snapshots=snapshots
    )
    parameters = parameters.cpu()
    if snapshots is not None and plan.moments is not None and steps in plan.moments:
        snapshots.append(parameters.clone())
    if plan.finishes or regimen.rescue is not None:
        x, y = uniform_points(task, POOL_POINTS, "held out", task.name)
        logged[-1] = losses_on(parameters, x, y, config)
    return parameters, logged, np.full(len(members), steps, np.int64)


def _levenberg(
    plan: TrainingPlan, config: MLPConfig, members: Sequence[int], number: int, snapshots: list[Tensor] | None
) -> tuple[Tensor, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Levenberg-Marquardt in the place of gradient steps; the losses are those before and after it."""
    regimen = plan.regimen
    config = replace(config, dtype="float64")
    x, y = points_of(plan.task, regimen.samples or regimen.batch, number)
    start, _ = started(config, regimen, plan.task, members)
    _, before = levenberg(start, x, y, config, 0)
    tries = torch.zeros(len(members), dtype=torch.int64)
    # what has to verify need not be exact; what has not goes as far as it can
    enough = LEAST_LOSS if regimen.threshold is None else POLISHED
    end, after = levenberg(start, x, y, config, plan.steps, enough=enough, tries=tries)
    if plan.bar is not None:
        plan.bar.update(int(tries.sum()))
    logged = np.repeat(before.numpy()[None], len(plan.base), axis=0)
    logged[1:] = after.numpy()
    if snapshots is not None and plan.moments is not None:
        moments = zip(plan.base, (start, end.clone()), strict=False)  # without steps there is the first alone
        snapshots += [parameters for at, parameters in moments if at in plan.moments]
    return end, logged, tries.numpy()


def _compress(
    plan: TrainingPlan, parameters: Tensor, widths: npt.NDArray[np.int64], seeds: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Compress every network that is finite, in place; what that cost, [net]."""
    cost = np.zeros(len(seeds), np.int64)
    finite = torch.nonzero(parameters.isfinite().all(dim=1))[:, 0].tolist()
    given = [unpadded_network(plan.config, parameters[k], widths[k]) for k in finite]
    done = compress_many(
        given, plan.task, settings=plan.regimen.compression, seeds=[seeds[k] for k in finite], progress=False
    )
    for k, result in zip(finite, done, strict=True):
        sizes = result.network.sizes
        if len(sizes) != len(plan.config.sizes) or any(np.array(sizes[1:-1]) > widths[k]):
            raise InputError(
                f"seed {seeds[k]}: compression made {sizes} of hidden widths {tuple(widths[k])}: it may only take "
                "neurons away"
            )
        parameters[k] = padded_vector(plan.config, result.network)
        widths[k] = sizes[1:-1]
        cost[k] = result.cost
    return cost


def _polish(
    plan: TrainingPlan, parameters: Tensor, widths: npt.NDArray[np.int64], number: int
) -> npt.NDArray[np.int64]:
    """Levenberg-Marquardt in rounds, in place, on networks of one size at a time; the tries of each, [net]."""
    task, iterations = plan.task, plan.regimen.polish
    tries = torch.zeros(len(parameters), dtype=torch.int64)
    check_x, check_y = uniform_points(task, TEST_POINTS, "polished", task.name)
    for rows, config in by_size(plan.config, widths):
        layout = _Cut(plan.config, config)
        own = layout.take(parameters[rows])
        losses = comparable(losses_on(own, check_x, check_y, config))
        waiting = np.flatnonzero(np.isfinite(losses))
        for at in range(0, iterations, ROUND):
            waiting = waiting[losses[waiting] > POLISHED]
            if not len(waiting):
                break
            x, y = _round_points(task, own[waiting], config, number, at // ROUND)
            spent = torch.zeros(len(waiting), dtype=torch.int64)
            count = min(ROUND, iterations - at)
            end, fit = levenberg(own[waiting], x, y, config, count, enough=POLISHED, tries=spent)
            tries[rows[waiting]] += spent
            found = comparable(losses_on(end, check_x, check_y, config))
            better = np.flatnonzero(found < losses[waiting])
            worthwhile = (found < WORTHWHILE * losses[waiting]) | (fit.numpy() < FITTED)
            own[waiting[better]] = end[better]
            losses[waiting[better]] = found[better]
            waiting = waiting[worthwhile]
        parameters[rows] = layout.put(own)
    return tries.numpy()


def _round_points(
    task: Task, parameters: Tensor, config: MLPConfig, number: int, at: int
) -> tuple[Tensor, Tensor]:
    """The points of a round of polish: x [net or 1, d, point] and y [net or 1, outputs, point]."""
    x, y = uniform_points(task, POINTS, "polish round", task.name, number, at)
    # A task on points has no others to look for worse ones among.
    if not at or task.points:
        return x, y
    many_x, many_y = uniform_points(task, CANDIDATES, "polish candidates", task.name, number, at)
    worst = [
        residuals(row[None], many_x, many_y, config)
        .view(task.outputs, -1)
        .square()
        .sum(dim=0)
        .topk(POINTS)[1]
        for row in parameters
    ]
    own = torch.stack(worst)
    return (
        torch.cat([x.expand(len(own), -1, -1), many_x[0][:, own].movedim(0, 1)], dim=2),
        torch.cat([y.expand(len(own), -1, -1), many_y[0][:, own].movedim(0, 1)], dim=2),
    )


def by_size(
    config: MLPConfig, widths: npt.NDArray[np.int64]
) -> Iterator[tuple[npt.NDArray[np.int64], MLPConfig]]:
    """Rows of one size at a time, each with its shape in double precision."""
    sizes, which = np.unique(widths, axis=0, return_inverse=True)
    for k, hidden in enumerate(sizes.tolist()):
        shape = (config.sizes[0], *hidden, config.sizes[-1])
        yield np.flatnonzero(which.ravel() == k), replace(config, sizes=shape, dtype="float64")


@dataclass(frozen=True)
class _Cut:
    """Between parameters in a large shape's layout, padded with zeros, and in a smaller one's."""

    large: MLPConfig
    small: MLPConfig

    def take(self, parameters: Tensor) -> Tensor:
        """The smaller network of each row."""
        if self.large.sizes == self.small.sizes:
            return parameters
        weights, biases = Layout(self.large).split(parameters)
        ends = list(itertools.pairwise(self.small.sizes))
        return Layout(self.small).join(
            [w[:, :o, :i] for w, (i, o) in zip(weights, ends, strict=True)],
            [None if b is None else b[:, :o] for b, (_, o) in zip(biases, ends, strict=True)],
        )

    def put(self, parameters: Tensor) -> Tensor:
        """The smaller networks among zeros."""
        if self.large.sizes == self.small.sizes:
            return parameters
        result = parameters.new_zeros(len(parameters), Layout(self.large).size)
        places, values = Layout(self.large).split(result), Layout(self.small).split(parameters)
        for place, value in zip([*places[0], *places[1]], [*values[0], *values[1]], strict=True):
            if place is not None and value is not None:
                place[(slice(None), *map(slice, value.shape[1:]))] = value
        return result


def unpadded_network(config: MLPConfig, parameters: Tensor, hidden: npt.NDArray[np.int64]) -> Network:
    """One row of parameters [size] as a Network of its own size."""
    small = replace(config, sizes=(config.sizes[0], *hidden.tolist(), config.sizes[-1]))
    return network_of(small, _Cut(config, small).take(parameters[None])[0])


def padded_vector(config: MLPConfig, network: Network) -> Tensor:
    """A Network as one row of parameters [size] in a larger shape, float64."""
    small = replace(config, sizes=network.sizes, dtype="float64")
    return _Cut(config, small).put(vector_of(network)[None])[0]


def _padded(parameters: Tensor, small: MLPConfig, large: MLPConfig) -> Tensor:
    return _Cut(large, small).put(parameters)


def _like(config: MLPConfig, parameters: Tensor) -> MLPConfig:
    return replace(config, dtype="float64" if parameters.dtype == torch.float64 else "float32")
