"""Steps: optimiser steps on many networks at once, in blocks that fit the cache."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Task

from ..networks.config import MLPConfig, initial_parameters
from .batches import Batches, TargetsLike, generator_of
from .compiled_step import EAGER_SECONDS, FusedStep, UpdateRule, eager_seconds, fused_step, knows
from .gradients import step
from .regimens import Regimen
from .vectors import Layout

#: Values of one activation tensor (nets x units x samples) that are worked on at once: 1 MiB of float32.
#: Measured for 2-3-1 in batches of 1000: 4.8 microseconds a network-step, 6.0 with half of it, 24 with twice.
CHUNK_VALUES = 2**18
#: Losses, and values of noise, of one block of steps: 4 and 16 MiB.
BLOCK_LOSSES, BLOCK_NOISE = 2**20, 2**22
#: Steps whose noise is drawn at once: a fixed number, for normal numbers come sixteen at a time, so that
#: draws of other lengths would give others.
NOISE_STEPS = 64


def log_steps(steps: int) -> npt.NDArray[np.int64]:
    """The steps at which losses are logged: about ten a decade, with the first and the last.

    Examples:
        >>> log_steps(20).tolist()
        [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]
    """
    decade = np.unique(np.rint(10 ** np.arange(0, np.log10(max(steps, 1)), 0.1)).astype(np.int64))
    return np.unique(np.concatenate([[0], decade[decade < steps], [steps]]))


class Optimiser:
    """A regimen's update rule on parameters [net, size]: torch.optim's SGD, Adam, AdamW, entry by entry."""

    def __init__(self, regimen: Regimen, parameters: Tensor, steps: int) -> None:
        self.regimen, self.steps = regimen, steps
        self.first = torch.zeros_like(parameters) if regimen.optimiser == "adam" or regimen.momentum else None
        self.second = torch.zeros_like(parameters) if regimen.optimiser == "adam" else None

    def rates(self, at: int, steps: int) -> npt.NDArray[np.float32]:
        """What the fused step takes for updates `at`, `at + 1`, ...: [step, 4], see `FusedStep.train`."""
        regimen = self.regimen
        rows = np.empty((steps, 4))
        for row, number in zip(rows, range(at, at + steps), strict=True):
            lr = regimen.learning_rate(number, self.steps)
            decays = number < regimen.decay_until * self.steps
            row[:] = lr, regimen.decay * decays, 1.0 - lr * regimen.decoupled_decay * decays, 1.0
            if self.second is not None:
                beta1, beta2 = regimen.betas
                row[0] /= 1.0 - beta1 ** (number + 1)
                row[3] = (1.0 - beta2 ** (number + 1)) ** 0.5
        return rows.astype(np.float32)

    def shares(self, at: int, steps: int) -> Tensor:
        """What the schedule leaves of the learning rate at updates `at`, `at + 1`, ...: [step, 1, 1]."""
        rates = [self.regimen.learning_rate(number, self.steps) for number in range(at, at + steps)]
        return torch.tensor(rates)[:, None, None] / self.regimen.lr

    @property
    def rule(self) -> UpdateRule:
        """The constants that the fused step takes."""
        regimen = self.regimen
        return UpdateRule(regimen.momentum, *regimen.betas, regimen.epsilon)

    def update(self, parameters: Tensor, gradient: Tensor, at: int) -> None:
        """Change the parameters in place; `at` counts updates from 0."""
        regimen = self.regimen
        lr = regimen.learning_rate(at, self.steps)
        if at < regimen.decay_until * self.steps:
            if regimen.decoupled_decay:
                parameters.mul_(1.0 - lr * regimen.decoupled_decay)
            if regimen.decay:
                gradient = gradient.add(parameters, alpha=regimen.decay)
        if self.second is not None and self.first is not None:
            beta1, beta2 = regimen.betas
            self.first.lerp_(gradient, 1.0 - beta1)
            self.second.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
            # bias corrections of Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1
            scale = (1.0 - beta2 ** (at + 1)) ** 0.5
            denominator = self.second.sqrt().div_(scale).add_(regimen.epsilon)
            parameters.addcdiv_(self.first, denominator, value=-lr / (1.0 - beta1 ** (at + 1)))
        else:
            if self.first is not None:
                # torch's SGD starts the momentum at the first gradient, which 0 * momentum + gradient is
                gradient = self.first.mul_(regimen.momentum).add_(gradient)
            parameters.add_(gradient, alpha=-lr)


class Noise:
    """Gaussian noise on gradients or parameters, a stream of its own per network and purpose."""

    def __init__(self, purpose: str, seeds: Sequence[object], size: int, scale: float) -> None:
        self.generators = [generator_of(purpose, seed) for seed in seeds]
        self.size, self.scale = size, scale
        self.drawn = torch.empty(0, len(seeds), size)

    def take(self, steps: int) -> Tensor:
        """The noise of the next steps, [step, net, size]."""
        while len(self.drawn) < steps:
            more = [torch.randn((NOISE_STEPS, self.size), generator=g) for g in self.generators]
            self.drawn = torch.cat([self.drawn, torch.stack(more, dim=1).mul_(self.scale)])
        taken, self.drawn = self.drawn[:steps], self.drawn[steps:]
        return taken.contiguous()


@dataclass(frozen=True, eq=False)
class FitSettings:
    """What is fitted, and how.

    Attributes:
        task: what to learn.
        config: the shape.
        regimen: how.
        steps: updates; schedules run over them.
        logged: the steps at which the loss is wanted, ascending; None for `log_steps(steps)`.
        moments: the steps before which the parameters are wanted, ascending, below `steps`.
        fused: the compiled step, for parameters on the CPU; None for the eager one.
        bar: a progress bar whose `update` is told of network-steps.
        targets: what each network learns, where they learn different functions; then the task gives the inputs alone.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> from .regimens import as_regimen
        >>> settings = FitSettings(tasks["absolute"], MLPConfig((1, 2, 1)), as_regimen("adam"), 4)
        >>> settings.logged_steps.tolist()
        [0, 1, 2, 3, 4]
    """

    task: Task
    config: MLPConfig
    regimen: Regimen
    steps: int
    logged: npt.NDArray[np.int64] | None = None
    moments: Sequence[int] = ()
    fused: FusedStep | None = None
    bar: Any = None
    targets: TargetsLike | None = None

    @property
    def logged_steps(self) -> npt.NDArray[np.int64]:
        """The steps at which the loss is wanted."""
        return log_steps(self.steps) if self.logged is None else self.logged


def fit(
    parameters: Tensor,
    streams: Sequence[torch.Generator],
    settings: FitSettings,
    *,
    noise_seeds: Sequence[object] = (),
    snapshots: list[Tensor] | None = None,
) -> npt.NDArray[np.float64]:
    """Train from given parameters, in place.

    Args:
        parameters: [net, size], laid out as `Layout` says.
        streams: the generators of the batches: one that all networks share, or one each.
        settings: what is fitted, and how.
        noise_seeds: whose noise on gradients and parameters, one per network; needed where the regimen has such.
        snapshots: where the parameters of the settings' moments are appended, [net, size] each.

    Returns:
        Losses [m, net] before the update at each logged step; NaN for those from `steps` on.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> from .regimens import as_regimen
        >>> start = torch.tensor([[1.0, -1.0, 0.9, 0.9]])
        >>> settings = FitSettings(tasks["absolute"], MLPConfig((1, 2, 1)), as_regimen("adam"), 300)
        >>> losses = fit(start, [torch.Generator().manual_seed(0)], settings)
        >>> bool(losses[0] > 1e-3), [round(v, 3) for v in (start[:, :2].abs() * start[:, 2:])[0].tolist()]
        (True, [1.0, 1.0])
    """
    regimen, steps, fused = settings.regimen, settings.steps, settings.fused
    logged, nets = settings.logged_steps, len(parameters)
    batches = Batches(settings.task, regimen, streams, parameters.device, settings.targets, fused)
    optimiser = Optimiser(regimen, parameters, steps)
    ahead = max(1, min(batches.ahead, BLOCK_LOSSES // nets))
    size = parameters.shape[1]
    noise = jitter = None
    if regimen.gradient_noise:
        noise = Noise("gradient noise", noise_seeds, size, regimen.gradient_noise)
    if regimen.parameter_noise:
        jitter = Noise("parameter noise", noise_seeds, size, regimen.parameter_noise)
    if noise is not None or jitter is not None:
        ahead = max(1, min(ahead, BLOCK_NOISE // parameters.numel()))
    losses = np.full((len(logged), nets), np.nan)
    pool = None if fused is None else ThreadPoolExecutor(torch.get_num_threads())
    starts = sorted({*range(0, steps, ahead), *settings.moments}) if steps else []
    with pool or nullcontext():
        for start, end in itertools.pairwise([*starts, steps]):
            count = end - start
            if snapshots is not None and start in settings.moments:
                snapshots.append(parameters.cpu().clone())
            x, y = batches.block(count, pool)
            added = None if noise is None else noise.take(count)
            moved = None if jitter is None else jitter.take(count).mul_(optimiser.shares(start, count))
            if fused is None:
                found = _eager_steps(parameters, x, y, settings, optimiser, start, added, moved)
            else:
                found = fused.train(
                    settings.config,
                    optimiser.rule,
                    parameters,
                    optimiser.first,
                    optimiser.second,
                    x,
                    y,
                    optimiser.rates(start, count),
                    added,
                    moved,
                    pool,
                )
            rows = np.flatnonzero((logged >= start) & (logged < start + count))
            losses[rows] = found[logged[rows] - start]
            if settings.bar is not None:
                settings.bar.update(count * nets)
    batches.hand_back()
    return losses


def fit_in_chunks(
    parameters: Tensor,
    seeds: Sequence[int],
    settings: FitSettings,
    *,
    key: tuple[object, ...] | None = None,
    streams: Sequence[torch.Generator] = (),
    attempt: int = 0,
    snapshots: list[Tensor] | None = None,
) -> npt.NDArray[np.float64]:
    """`fit` with as many networks at once as stay in cache.

    Args:
        parameters: [net, size], changed in place.
        seeds: one per network, of its own noise.
        settings: what is fitted, and how.
        key: what names the batches of a rescue's phase; None for those of a first training.
        streams: with no key and a stream per seed: the generators that made the networks' weights.
        attempt: the number of the attempt: each has batches of its own.
        snapshots: see `fit`.

    Returns:
        Losses [m, net], as `fit` gives them.
    """
    task, config, regimen = settings.task, settings.config, settings.regimen
    nets = len(parameters)
    shared = regimen.stream == "shared"
    per_chunk = max(1, CHUNK_VALUES // (max(config.sizes) * regimen.batch))
    if settings.fused is not None and shared:
        per_chunk = nets  # its memory does not grow with the networks, and batches are drawn once for all
    purpose = (
        key if key is not None else ("batches", task.name, config.sizes, *([attempt] if attempt else []))
    )
    losses, parts = [], []
    for start in range(0, nets, per_chunk):
        at = slice(start, start + per_chunk)
        if shared:
            own = [generator_of(*purpose)]
            torch.rand((regimen.test_draws, task.arity), generator=own[0])
        elif key is None:
            own = list(streams[at])
        else:
            own = [generator_of(*key, seed) for seed in seeds[at]]
        noise_of = seeds[at] if key is None else [(*key, seed) for seed in seeds[at]]
        found: list[Tensor] = []
        losses.append(fit(parameters[at], own, settings, noise_seeds=noise_of, snapshots=found))
        parts.append(found)
    if snapshots is not None:
        snapshots += [torch.cat(moment) for moment in zip(*parts, strict=True)]
    return np.concatenate(losses, axis=1)


def _eager_steps(
    parameters: Tensor,
    x: Tensor,
    y: Tensor,
    settings: FitSettings,
    optimiser: Optimiser,
    start: int,
    noise: Tensor | None,
    jitter: Tensor | None,
) -> npt.NDArray[np.float32]:
    """A block of steps with torch's own operations; the losses [step, net] of the logged ones, NaN elsewhere."""
    wanted = set(settings.logged_steps.tolist())
    losses = np.full((len(x), len(parameters)), np.nan, np.float32)
    for k in range(len(x)):
        loss, gradient = step(parameters, x[k], y[k], settings.config, settings.regimen.loss)
        if start + k in wanted:  # from a GPU each look costs a wait
            losses[k] = loss.cpu().numpy()
        if noise is not None:
            gradient = gradient.add_(noise[k].to(gradient.device))
        optimiser.update(parameters, gradient, start + k)
        if jitter is not None:
            parameters.add_(jitter[k].to(parameters.device))
    return losses


def fused_pass(
    config: MLPConfig, regimen: Regimen, nets: int, steps: int, device: torch.device
) -> FusedStep | None:
    """The compiled step where the training is worth it: judged by its work alone, not by what is cached."""
    samples = min(regimen.batch, regimen.samples or regimen.batch)
    if (
        device.type != "cpu"
        # The compiled step has the squared error alone.
        or regimen.loss != "squared"
        or not knows(config)
        or eager_seconds(config, nets, steps, samples) < EAGER_SECONDS
    ):
        return None
    return fused_step()


def started(
    config: MLPConfig, regimen: Regimen, task: Task, seeds: Sequence[int]
) -> tuple[Tensor, list[torch.Generator]]:
    """The initial parameters [net, size] of some seeds, and the generators of batches drawn per seed.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> from .regimens import as_regimen
        >>> w, v = Layout(config := MLPConfig((1, 2, 1))).split(
        ...     started(config, as_regimen("balanced-init"), tasks["absolute"], [0])[0])[0]
        >>> [round(weight, 4) for weight in w.ravel().tolist()]
        [-0.0075, 0.0075]
    """
    layout = Layout(config)
    starts, streams = [], []
    for seed in seeds:
        layers, generator = initial_parameters(config, seed)
        starts.append(
            layout.join(
                [weight[None] for weight, _ in layers], [b if b is None else b[None] for _, b in layers]
            )
        )
        streams.append(generator)
    for generator in streams:
        torch.rand((regimen.test_draws, task.arity), generator=generator)
    parameters = torch.cat(starts)
    if regimen.init == "balanced":
        balance(parameters, config)
    if regimen.init_scale != 1:
        parameters.mul_(regimen.init_scale)
    return parameters, streams


def balance(parameters: Tensor, config: MLPConfig) -> None:
    """Make every second hidden neuron the opposite of the one before it, in place: w, b and v become -w, -b and -v.

    So each of a pair's hyperplanes has a neuron on both its sides, and the pair starts as a linear function
    (docs/results/measurements.md, Initialisation). The last neuron of an odd number stays.

    Examples:
        >>> network = torch.tensor([[1.0, 5.0, 2.0, 3.0]])
        >>> balance(network, MLPConfig((1, 2, 1)))
        >>> network.tolist()
        [[1.0, -1.0, 2.0, -2.0]]
    """
    weights, biases = Layout(config).split(parameters)
    for layer, width in enumerate(config.hidden):
        first, second = slice(0, width // 2 * 2, 2), slice(1, width // 2 * 2, 2)
        for vectors in (weights[layer], biases[layer]):
            if vectors is not None:
                vectors[:, second] = -vectors[:, first]
        weights[layer + 1][:, :, second] = -weights[layer + 1][:, :, first]
