"""Restarts of single neurons in stuck networks, a regimen's `rescue`.

A network that got stuck tries one random neuron anew, again and again, and keeps what is better.

At minimal width the seed decides whether training succeeds, whatever the optimiser. Making a neuron new that is dead
or of the wrong sign is not enough, while one drawn at random is (docs/results/measurements.md, Rescue): the search
needs no diagnosis, and no knowledge of the task. It is basin hopping (Wales & Doye 1997, arXiv cond-mat/9803344) whose
move is one neuron and whose local search is a phase of training.

All unfinished networks go through a phase together; each one's draws are its own, and the batches of a phase are
those of its number, so that network k is the same whatever is rescued beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Task

from ..fitting.batches import generator_of, uniform_points
from ..fitting.compiled_step import FusedStep
from ..fitting.evaluation import comparable, losses_on
from ..fitting.regimens import Regimen, Rescue
from ..fitting.steps import FitSettings, fit_in_chunks
from ..fitting.vectors import Layout
from ..networks.config import MLPConfig

#: Points that phases are compared on, the same for all. At a loss of 1e-6 from a wrong kink's sliver they still
#: hold a dozen points of it.
HELD_OUT = 1024


@dataclass(frozen=True)
class Restarted:
    """Networks after restarts of single neurons, and how they got there.

    Attributes:
        parameters: the best of each network, [net, size].
        losses: their losses on the held-out points after each phase, [phase, net].
        cost: updates spent on each network, [net].
        phases: the best of each network after each phase asked for, in order, [net, size] each.
    """

    parameters: Tensor
    losses: npt.NDArray[np.float64]
    cost: npt.NDArray[np.int64]
    phases: list[Tensor]


def restart_neurons(
    parameters: Tensor,
    seeds: Sequence[int],
    task: Task,
    config: MLPConfig,
    regimen: Regimen,
    *,
    fused: FusedStep | None = None,
    device: torch.device | None = None,
    bar: Any = None,
    wanted: Sequence[int] = (),
) -> Restarted:
    """Restart neurons of the networks whose loss on held-out points is not below the threshold.

    Args:
        parameters: [net, size] after the first training; they stay as they are.
        seeds: one per network, what its draws are made of.
        task: what to learn.
        config: the shape.
        regimen: how a phase trains, and its `rescue`.
        fused: the compiled step, for parameters on the CPU; None for the eager one.
        device: where gradient steps are computed; None is the CPU.
        bar: a progress bar whose `update` is told of network-steps.
        wanted: the phases, from 1, after which the networks as they are then are wanted too.

    Returns:
        Networks none of which is worse than it was on the held-out points.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> from ..fitting.regimens import as_regimen
        >>> stuck = torch.tensor([[1.0, 0.9, 1.0, 0.9]])  # both neurons of |x| on the right side
        >>> regimen = as_regimen("rescue").for_depth(1)
        >>> done = restart_neurons(stuck, [0], tasks["absolute"], MLPConfig((1, 2, 1)), regimen)
        >>> bool(done.losses[-1, 0] < 1e-4), bool(done.cost[0] <= 15 * 300)
        (True, True)
    """
    settings = regimen.rescue or Rescue(phases=0)
    training = FitSettings(
        task=task, config=config, regimen=regimen, steps=settings.steps, fused=fused, bar=bar
    )
    count = len(parameters)
    x, y = uniform_points(task, HELD_OUT, "held out", task.name)
    best = parameters.clone()
    current = parameters.clone()
    least = comparable(losses_on(parameters, x, y, config))
    losses = np.empty((settings.phases, count))
    cost = np.zeros(count, np.int64)
    phases: list[Tensor] = []
    hopeless = not config.hidden  # no neuron, and nothing that could be made new
    for phase in range(1, settings.phases + 1):
        waiting = torch.from_numpy(np.flatnonzero(~(least < settings.threshold)))
        if len(waiting) and not hopeless:
            own = [seeds[k] for k in waiting.tolist()]
            trial = current[waiting].contiguous()
            for row, seed in enumerate(own):
                redraw_neuron(trial[row], config, generator_of("rescue", seed, phase), regimen.init_scale)
            trial = trial.to(device or "cpu")
            fit_in_chunks(trial, own, training, key=("rescue", task.name, config.sizes, phase))
            trial = trial.cpu()
            found = comparable(losses_on(trial, x, y, config))
            before = least[waiting.numpy()]
            kept = torch.from_numpy(found <= settings.accept * before)
            better = torch.from_numpy(found < before)
            current[waiting[kept]] = trial[kept]
            best[waiting[better]] = trial[better]
            least[waiting.numpy()] = np.minimum(found, before)
            cost[waiting.numpy()] += settings.steps
        losses[phase - 1] = np.where(np.isfinite(least), least, np.nan)
        if phase in wanted:
            phases.append(best.clone())
    return Restarted(best, losses, cost, phases)


def redraw_neuron(
    parameters: Tensor, config: MLPConfig, generator: torch.Generator, scale: float = 1.0
) -> tuple[int, int]:
    """Draw one hidden neuron anew, in place: its incoming weights, its bias and its outgoing weights.

    Args:
        parameters: [size], one network's, laid out as `Layout` says.
        config: the shape, with at least one hidden layer.
        generator: what is drawn from: first the neuron, every one equally likely, then its weights by the law of
            `nn.Linear`, uniform within 1/sqrt(inputs of the layer).
        scale: what they are multiplied by.

    Returns:
        The hidden layer and the neuron in it, from 0.

    Examples:
        >>> network = torch.zeros(4)  # 1-2-1
        >>> redraw_neuron(network, MLPConfig((1, 2, 1)), torch.Generator().manual_seed(0))
        (0, 0)
        >>> network.ne(0).tolist()  # w of neuron 0, and what reads it
        [True, False, True, False]
    """
    weights, biases = Layout(config).split(parameters[None])
    number = int(torch.randint(sum(config.hidden), (1,), generator=generator, device="cpu"))
    layer = 0
    while number >= config.hidden[layer]:
        number -= config.hidden[layer]
        layer += 1
    bias, inside = biases[layer], config.sizes[layer] ** -0.5
    places = [
        (weights[layer][0, number], inside),
        (weights[layer + 1][0, :, number], config.hidden[layer] ** -0.5),
    ]
    if bias is not None:
        places.insert(1, (bias[0, number], inside))
    for place, bound in places:
        place.copy_((2 * torch.rand(place.shape, generator=generator) - 1) * (bound * scale))
    return layer, number
