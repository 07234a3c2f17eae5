"""Training many networks of one shape as one tensor.

Parameters are [net, out, in], activations [net, unit, sample] with the sample axis last (design, section
5.9), and the gradient is written out. On a CPU with a C++ compiler a step is the compiled pass of
`mathcircuits.models.fused`; for a training too short to be worth compiling, without a compiler, and on a GPU it is
`step` here, a few batched products whatever the number of networks (on a GPU no test of ours has run it). Every
network has its own loss, gradient and optimiser state: none of them sees the others.

The preset `osier` repeats the notebook beside Osier's slides (Mathematical_Circuits.ipynb, 2022) draw for
draw: `torch.manual_seed(seed)`; the `nn.Linear` layers in order; 1000 test inputs; then a fresh batch of
1000 inputs a step. All inputs are `torch.rand((n, d)) * 2 - 1`, row by row. What the notebook prints comes
out: the starting loss on the test inputs to the last digit, the weights to their four decimals. The slides
print an earlier run of other batches; the weights here differ from theirs by at most 0.0020 (identity),
0.0014 (negation), 0.0024 (absolute), 0.0047 (addition) and 0.0024 (subtraction).
"""

from __future__ import annotations

import hashlib
import itertools
import numbers
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from mathcircuits.detect import InputError, Task
from mathcircuits.detect.nonlinearity import leaky_slope
from mathcircuits.detect.task import as_task

from .config import MLPConfig, check_seed, initial_parameters
from .ensemble import Ensemble
from .fused import EAGER_SECONDS, FusedStep, Rule, eager_seconds, fused_step
from .regimens import Regimen, as_regimen

if TYPE_CHECKING:
    from .attempts import Plan

#: Fresh points that the loss at the end is measured on: what the prototype verified on (4000), rounded up.
TEST_POINTS = 4096
#: Values of one activation tensor (nets x units x samples) that are worked on at once: 1 MiB of float32.
#: Measured for 2-3-1 in batches of 1000: 4.8 microseconds a network-step, 6.0 with half of it, 24 with twice.
CHUNK_VALUES = 2**18
#: Values of one block of batches that are drawn ahead: as many as torch works on with one thread. With more it wakes
#: the others for every small operation, which beside other programs costs up to fifty times the work itself.
BLOCK_VALUES = 2**15
#: Losses, and values of gradient noise, of one block of steps: 4 and 16 MiB.
BLOCK_LOSSES, BLOCK_NOISE = 2**20, 2**22
#: Steps whose gradient noise is drawn at once: a fixed number, for normal numbers come sixteen at a time, so that
#: draws of other lengths would give others.
NOISE_STEPS = 64


def train(
    task: Task | str,
    *,
    hidden: int | Sequence[int],
    seeds: Iterable[int],
    regimen: Regimen | str | Mapping[str, Any] = "adam",
    bias: bool | None = None,
    steps: int | None = None,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    activation: str | Sequence[str] = "relu",
    checkpoints: Literal["log"] | Sequence[int] | None = None,
) -> Ensemble:
    """Train one network per seed on a task.

    Network k starts as `MLP(config, seed=k)` does, and depends on its seed, the task, the shape and the
    regimen alone: not on which others train beside it (up to rounding).

    Args:
        task: a Task or the name of a registered one; inputs are uniform on its box.
        hidden: the hidden widths; a number is one hidden layer, `()` none. A regimen that compresses starts with
            them, one that grows ends with them at the latest.
        seeds: different integers from 0 to 2**32 - 1, such as `range(100)`.
        regimen: a Regimen, the name of a preset, or a mapping (see `as_regimen`).
        bias: whether the layers have biases; None: whether the task needs them.
        steps: updates of the first training; None: the task's own for this preset, else the regimen's. With 0
            the networks stay untrained: nothing else is done to them either.
        device: where to compute; None is the CPU. Random numbers are the CPU's everywhere, and Levenberg-Marquardt
            runs there.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        activation: one name for all hidden layers or one each.
        checkpoints: the steps at which the weights are kept (`Ensemble.at_step`), or `"log"` for those at which
            losses are logged, about ten a decade; step 0 and the end are always among them. Each takes 4 bytes a
            parameter and network: 1000 networks of 2-3-1 over 3000 steps 1.3 MB.

    Returns:
        An Ensemble: parameters, losses on fresh points, history, cost. A network that diverges ends with weights
        that are not finite and a loss of NaN (`Ensemble.diverged`), and leaves the others as they are.

    Raises:
        UnknownTask: for a task that is not registered.
        UnknownNameError: for a preset that there is not.
        InputError: for a width below 1, no seeds, seeds that are repeated or out of range, a negative number
            of steps, checkpoints that the training does not come by, or a task whose values are not finite on its
            box.

    Examples:
        >>> runs = train("absolute", hidden=(2,), seeds=range(4), regimen="osier", steps=300)
        >>> (runs.losses < 1e-4).tolist()
        [False, True, True, False]
        >>> train("absolute", hidden=(0,), seeds=range(4))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: width 0 in hidden layer 0 of sizes (1, 0, 1): every layer needs
        at least one unit; leave the layer out or widen it
    """
    from .attempts import Plan, all_attempts

    task, given = as_task(task), as_regimen(regimen)
    widths = tuple(hidden) if isinstance(hidden, Iterable) else (hidden,)
    regimen = given.for_depth(len(widths))
    names = activation if isinstance(activation, str) else tuple(activation)
    # a width that is no number is left to MLPConfig's message
    widths = tuple(w * regimen.width_factor if isinstance(w, numbers.Integral) else w for w in widths)
    config = MLPConfig((task.arity, *widths, task.outputs), task.needs_bias if bias is None else bias, names)
    chosen = _check_seeds(seeds)
    if steps is not None and _check_steps(steps) == 0:
        regimen = untrained(regimen)
    steps = regimen.steps_for(task) if steps is None else _check_steps(steps)
    place = torch.device("cpu" if device is None else device)

    phases = regimen.rescue.phases * regimen.rescue.steps if regimen.rescue else 0
    plan = Plan(
        task=task,
        config=config,
        regimen=regimen,
        steps=steps,
        device=place,
        # a rescue goes on with few networks, whose numbers must not depend on how many there were
        fused=_fused(config, regimen, 1 if phases else len(chosen) * regimen.pool, steps + phases, place),
        base=np.unique([0, steps]) if regimen.optimiser == "levenberg" else log_steps(steps),
        moments=None,
    )
    plan = _with_checkpoints(plan, checkpoints)
    # tqdm's disable=None means: no bar where the output is no terminal
    bar = tqdm(
        total=(steps * regimen.pool + phases) * len(chosen),
        desc=f"{task.name} {'-'.join(map(str, config.sizes))} {regimen.name}",
        unit="step",
        unit_scale=True,
        disable=None if progress is None else not progress,
        leave=False,
    )
    with bar, torch.no_grad():
        found = all_attempts(replace(plan, bar=bar), chosen)

    config = replace(config, dtype="float64" if plan.double else "float32")
    weights, biases = Layout(config).split(found.parameters)
    kept, kept_biases = _checkpoint_arrays(config, found.snapshots)
    return measured(
        Ensemble(
            task=task.name,
            config=config,
            regimen=given,
            steps=int(steps + phases),
            seeds=chosen,
            weights=tuple(weight.numpy().copy() for weight in weights),
            biases=tuple(None if vector is None else vector.numpy().copy() for vector in biases),
            losses=np.full(len(chosen), np.nan),
            logged_steps=plan.logged,
            logged_losses=found.logged,
            widths=found.widths if regimen.compression or regimen.growth else None,
            cost=found.cost,
            checkpoint_steps=plan.moments,
            checkpoints=kept,
            checkpoint_biases=kept_biases,
        ),
        task,
    )


def untrained(regimen: Regimen) -> Regimen:
    """The regimen less all that follows the initial weights."""
    return regimen.model_copy(
        update={
            "steps": 0,
            "pool": 1,
            "rescue": None,
            "compression": None,
            "polish": 0,
            "restarts": 0,
            "growth": False,
        }
    )


def _with_checkpoints(plan: Plan, wanted: str | Sequence[int] | None) -> Plan:
    """The plan with the steps of its checkpoints, which are then logged too."""
    if wanted is None:
        return plan
    end = int(plan.logged[-1])
    if isinstance(wanted, str):
        if wanted != "log":
            raise InputError(f"checkpoints={wanted!r}: give 'log', a list of steps, or None")
        return replace(plan, moments=plan.logged)
    levenberg = plan.regimen.optimiser == "levenberg"
    between = set(plan.phase_ends.tolist()) | ({end} if plan.finishes else set())
    chosen = {0, end}
    for step in wanted:
        number = operator.index(step)
        # a network of Levenberg-Marquardt has no step in common with the others
        if number not in between and not (
            number in (0, plan.steps) if levenberg else 0 <= number <= plan.steps
        ):
            where = (
                f"0 or {plan.steps}"
                if levenberg
                else f"steps from 0 to {plan.steps}" + " or a phase's end" * bool(between)
            )
            raise InputError(f"checkpoints: step {step}: this training comes by no such step; give {where}")
        chosen.add(number)
    moments = np.array(sorted(chosen), np.int64)
    return replace(plan, moments=moments, base=np.union1d(plan.base, moments[moments <= plan.steps]))


def _checkpoint_arrays(
    config: MLPConfig, snapshots: Tensor | None
) -> tuple[tuple[npt.NDArray[Any], ...] | None, tuple[npt.NDArray[Any] | None, ...] | None]:
    """Snapshots [moment, net, size] layer by layer: weights [moment, net, out, in], biases [moment, net, out]."""
    if snapshots is None:
        return None, None
    weights, biases = Layout(config).split(snapshots.flatten(0, 1))
    m, n = snapshots.shape[:2]
    return (
        tuple(w.reshape(m, n, *w.shape[1:]).numpy().copy() for w in weights),
        tuple(None if b is None else b.reshape(m, n, -1).numpy().copy() for b in biases),
    )


def log_steps(steps: int) -> npt.NDArray[np.int64]:
    """The steps at which losses are logged: about ten a decade, with the first and the last.

    Examples:
        >>> log_steps(20).tolist()
        [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]
    """
    decade = np.unique(np.rint(10 ** np.arange(0, np.log10(max(steps, 1)), 0.1)).astype(np.int64))
    return np.unique(np.concatenate([[0], decade[decade < steps], [steps]]))


@dataclass(frozen=True)
class Layout:
    """Where each layer's parameters lie in a network's one vector: weight, then bias, layer by layer.

    Examples:
        >>> Layout(MLPConfig((2, 3, 1), bias=True)).size
        13
    """

    config: MLPConfig

    @property
    def size(self) -> int:
        """Parameters of one network."""
        sizes = self.config.sizes
        return sum(o * (i + b) for i, o, b in zip(sizes[:-1], sizes[1:], self.config.biases, strict=True))

    def split(self, parameters: Tensor) -> tuple[list[Tensor], list[Tensor | None]]:
        """Views of parameters [net, size]: by layer, weights [net, out, in] and biases [net, out] or None."""
        weights: list[Tensor] = []
        biases: list[Tensor | None] = []
        at, sizes = 0, self.config.sizes
        for inputs, outputs, has_bias in zip(sizes[:-1], sizes[1:], self.config.biases, strict=True):
            weights.append(parameters[:, at : at + outputs * inputs].view(-1, outputs, inputs))
            at += outputs * inputs
            biases.append(parameters[:, at : at + outputs] if has_bias else None)
            at += outputs * has_bias
        return weights, biases

    def join(self, weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> Tensor:
        """The inverse of `split`: parameters [net, size]."""
        flat = []
        for weight, bias in zip(weights, biases, strict=True):
            flat += [weight.flatten(1)] if bias is None else [weight.flatten(1), bias]
        return torch.cat(flat, dim=1)


def step(parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> tuple[Tensor, Tensor]:
    """Losses and gradients of all networks on their batches, written out by hand.

    With a_0 = x, z_l = W_l a_l + b_l, a_{l+1} = f_l(z_l) and r = z_L - y, the loss is the mean of r^2 over
    outputs and samples, and back-propagation is g_L = 2 r / (outputs samples), dW_l = g_l a_l',
    db_l = g_l 1, g_{l-1} = (W_l' g_l) f'(z_{l-1}).

    Args:
        parameters: [net, size], laid out as `Layout` says.
        x: inputs [net, d, sample], or [1, d, sample] where all networks share them.
        y: targets [net, outputs, sample], or [1, outputs, sample].
        config: the shape.

    Returns:
        Losses [net] and gradients [net, size].

    Examples:
        >>> one = torch.tensor([[2.0, 3.0]])
        >>> loss, gradient = step(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
        >>> loss.tolist(), gradient.tolist()  # (3 * 2)^2, and 2 * 6 * (3, 2)
        ([36.0], [[36.0, 24.0]])
    """
    weights, biases = Layout(config).split(parameters)
    a = x.expand(len(parameters), -1, -1)
    layers, pres = [a], []
    for weight, bias, name in zip(weights, biases, (*config.activations, "identity"), strict=True):
        z = torch.bmm(weight, a)
        if bias is not None:
            z += bias[:, :, None]
        pres.append(z)
        a = activated(name, z)
        layers.append(a)
    residual = layers.pop() - y
    count = residual.shape[1] * residual.shape[2]
    losses = torch.linalg.vector_norm(residual, dim=(1, 2)).square_().div_(count)

    g = residual.mul_(2.0 / count)
    weight_gradients: list[Tensor] = []
    bias_gradients: list[Tensor | None] = []
    for layer in reversed(range(len(weights))):
        weight_gradients.append(torch.bmm(g, layers[layer].transpose(1, 2)))
        bias_gradients.append(None if biases[layer] is None else g.sum(dim=2))
        if layer:
            g = _gated(
                config.activations[layer - 1],
                torch.bmm(weights[layer].transpose(1, 2), g),
                pres[layer - 1],
                layers[layer],
            )
    return losses, Layout(config).join(weight_gradients[::-1], bias_gradients[::-1])


def activated(name: str, z: Tensor) -> Tensor:
    """The activation function's value."""
    slope = leaky_slope(name)
    if slope is not None:
        return torch.nn.functional.leaky_relu(z, slope)
    if name == "relu":
        return torch.relu(z)
    if name == "tanh":
        return torch.tanh(z)
    if name in ("gelu", "gelu_tanh"):
        return torch.nn.functional.gelu(z, approximate="tanh" if name == "gelu_tanh" else "none")
    return z


def _gated(name: str, g: Tensor, z: Tensor, a: Tensor) -> Tensor:
    """The gradient before the activation function from the one behind it, `g f'(z)`; a is f(z)."""
    slope = leaky_slope(name)
    if slope is not None:
        return torch.where(z > 0, g, g * slope)
    if name == "relu":
        # one pass; g * (z > 0) would build a mask of other type, ten times slower
        return torch.ops.aten.threshold_backward(g, a, 0.0)  # type: ignore[no-any-return]
    if name == "tanh":
        return g * (1 - a * a)
    if name in ("gelu", "gelu_tanh"):
        how = "tanh" if name == "gelu_tanh" else "none"
        return torch.ops.aten.gelu_backward(g, z, approximate=how)  # type: ignore[no-any-return]
    return g


def activation_slope(name: str, z: Tensor, a: Tensor) -> Tensor:
    """The activation function's derivative at z, where a is its value there; 0 at relu's kink."""
    return _gated(name, torch.ones_like(z), z, a)


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

    @property
    def rule(self) -> Rule:
        """The constants that the fused step takes."""
        regimen = self.regimen
        return Rule(regimen.momentum, *regimen.betas, regimen.epsilon)

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


class Batches:
    """Batches on the task's box: x [nets, d, sample], y [nets, outputs, sample]; nets is 1 where shared.

    Each generator is a stream of its own: what one network gets does not depend on the others.
    """

    def __init__(
        self, task: Task, regimen: Regimen, generators: Sequence[torch.Generator], device: torch.device
    ) -> None:
        self.task, self.regimen, self.generators, self.device = task, regimen, generators, device
        low, high = np.array(task.box).T
        # rand * width + low in single precision is the notebook's rand * 2 - 1
        self.low = torch.tensor(low, dtype=torch.float32)[:, None]
        self.width = torch.tensor(high - low, dtype=torch.float32)[:, None]
        # streams of their own, or the inputs would depend on how many batches are drawn ahead
        self.noises = [
            generator_of("label noise", g.initial_seed()) for g in generators if regimen.label_noise
        ]
        self.fixed: tuple[Tensor, Tensor] | None = None
        if regimen.samples is not None:
            x, y = self._draw(1, regimen.samples)
            self.fixed = x[0], y[0]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end: x [net or 1, d, sample], y [net or 1, outputs, sample]."""
        while True:
            x, y = self.block(self.ahead)
            yield from zip(x, y, strict=True)

    @property
    def ahead(self) -> int:
        """How many batches are worth drawing at once."""
        values = len(self.generators) * self.regimen.batch * max(self.task.arity, self.task.outputs)
        return max(1, BLOCK_VALUES // values)

    def block(self, batches: int) -> tuple[Tensor, Tensor]:
        """The next batches: x [batch, net or 1, d, sample], y [batch, net or 1, outputs, sample].

        However they are split into blocks, the batches are the same.
        """
        if self.fixed is None:
            return self._draw(batches, self.regimen.batch)
        if self.regimen.batch >= self.fixed[0].shape[2]:
            return self.fixed[0].expand(batches, -1, -1, -1), self.fixed[1].expand(batches, -1, -1, -1)
        parts = [self._part(*self.fixed) for _ in range(batches)]
        return torch.stack([x for x, _ in parts]), torch.stack([y for _, y in parts])

    def _part(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """A batch of the fixed samples, drawn with replacement."""
        samples, batch = x.shape[2], self.regimen.batch
        picked = torch.stack([torch.randint(samples, (batch,), generator=g) for g in self.generators])
        picked = picked[:, None, :].to(self.device)
        return (
            torch.take_along_dim(x, picked.expand(-1, x.shape[1], -1), dim=2),
            torch.take_along_dim(y, picked.expand(-1, y.shape[1], -1), dim=2),
        )

    def _draw(self, batches: int, samples: int) -> tuple[Tensor, Tensor]:
        """x [batches, nets, d, samples] and y [batches, nets, outputs, samples]."""
        nets, d = len(self.generators), self.task.arity
        drawn = torch.empty(nets, batches, samples, d)
        for k, generator in enumerate(self.generators):
            # one long draw gives the same numbers as one per batch: the generator goes value by value
            torch.rand((batches, samples, d), generator=generator, out=drawn[k])
        # one contiguous row per input and output: the formula, the scaling and the products run along samples
        inputs = drawn.permute(3, 1, 0, 2).contiguous().view(d, -1)
        inputs.mul_(self.width).add_(self.low)
        # Several outputs are stacked sample by sample; the step wants each one's samples side by side.
        targets = targets_of(self.task, inputs.T).T.contiguous().reshape(-1, batches, nets, samples)
        if self.noises:
            # batch by batch: normal numbers come sixteen at a time, so that a longer draw would give others
            shape = (len(targets), samples)
            errors = [[torch.randn(shape, generator=g) for g in self.noises] for _ in range(batches)]
            noise = torch.stack([torch.stack(row) for row in errors])
            targets = targets + self.regimen.label_noise * noise.permute(2, 0, 1, 3)
        x, y = inputs.view(d, batches, nets, samples).to(self.device), targets.to(self.device)
        return x.permute(1, 2, 0, 3), y.permute(1, 2, 0, 3)


def targets_of(task: Task, inputs: Tensor) -> Tensor:
    """The task's values [n, outputs] at inputs [n, d], checked.

    Raises:
        InputError: where the task answers with another shape, or with NaN or infinite values.
    """
    targets = task(inputs)
    expected = (len(inputs), task.outputs)
    if not isinstance(targets, Tensor) or tuple(targets.shape) != expected:
        found = tuple(targets.shape) if hasattr(targets, "shape") else type(targets).__name__
        given = tuple(inputs.shape)
        raise InputError(
            f"task {task.name!r} gave {found} for inputs {given}: it must give a tensor {expected}"
        )
    # the sum is finite where all values are, and costs a twentieth of looking at each
    if not torch.isfinite(targets.sum()):
        raise InputError(
            f"task {task.name!r} is NaN or infinite somewhere on its box {task.box}: change the box"
        )
    return targets.to(inputs.dtype)


class GradientNoise:
    """Gaussian noise on gradients, a stream of its own per network."""

    def __init__(self, seeds: Sequence[object], size: int, scale: float) -> None:
        self.generators = [generator_of("gradient noise", seed) for seed in seeds]
        self.size, self.scale = size, scale
        self.drawn = torch.empty(0, len(seeds), size)

    def take(self, steps: int) -> Tensor:
        """The noise of the next steps, [step, net, size]."""
        while len(self.drawn) < steps:
            more = [torch.randn((NOISE_STEPS, self.size), generator=g) for g in self.generators]
            self.drawn = torch.cat([self.drawn, torch.stack(more, dim=1).mul_(self.scale)])
        taken, self.drawn = self.drawn[:steps], self.drawn[steps:]
        return taken.contiguous()


def fit(
    parameters: Tensor,
    streams: Sequence[torch.Generator],
    task: Task,
    config: MLPConfig,
    regimen: Regimen,
    steps: int,
    *,
    noise_seeds: Sequence[object] = (),
    logged: npt.NDArray[np.int64] | None = None,
    moments: Sequence[int] = (),
    snapshots: list[Tensor] | None = None,
    fused: FusedStep | None = None,
    bar: Any = None,
) -> npt.NDArray[np.float64]:
    """Train from given parameters, in place.

    Args:
        parameters: [net, size], laid out as `Layout` says.
        streams: the generators of the batches: one that all networks share, or one each.
        task: what to learn.
        config: the shape.
        regimen: how.
        steps: updates; schedules run over them.
        noise_seeds: whose gradient noise, one per network; needed where the regimen has such noise.
        logged: the steps at which the loss is wanted, ascending; None for `log_steps(steps)`.
        moments: the steps before which the parameters are wanted, ascending, below `steps`.
        snapshots: where they are appended, [net, size] each.
        fused: the compiled step, for parameters on the CPU; None for the eager one.
        bar: a progress bar whose `update` is told of network-steps.

    Returns:
        Losses [m, net] before the update at each logged step; NaN for those from `steps` on.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> start = torch.tensor([[1.0, -1.0, 0.9, 0.9]])
        >>> losses = fit(start, [torch.Generator().manual_seed(0)], tasks["absolute"],
        ...              MLPConfig((1, 2, 1)), as_regimen("adam"), 300)
        >>> bool(losses[0] > 1e-3), [round(v, 3) for v in (start[:, :2].abs() * start[:, 2:])[0].tolist()]
        (True, [1.0, 1.0])
    """
    logged = log_steps(steps) if logged is None else logged
    nets = len(parameters)
    batches = Batches(task, regimen, streams, parameters.device)
    optimiser = Optimiser(regimen, parameters, steps)
    noise = None
    ahead = max(1, min(batches.ahead, BLOCK_LOSSES // nets))
    if regimen.gradient_noise:
        noise = GradientNoise(noise_seeds, parameters.shape[1], regimen.gradient_noise)
        ahead = max(1, min(ahead, BLOCK_NOISE // parameters.numel()))
    losses = np.full((len(logged), nets), np.nan)
    pool = None if fused is None else ThreadPoolExecutor(torch.get_num_threads())
    starts = sorted({*range(0, steps, ahead), *moments}) if steps else []
    with pool or nullcontext():
        for start, end in itertools.pairwise([*starts, steps]):
            count = end - start
            if snapshots is not None and start in moments:
                snapshots.append(parameters.cpu().clone())
            x, y = batches.block(count)
            added = None if noise is None else noise.take(count)
            if fused is None:
                found = _eager_steps(parameters, x, y, config, optimiser, start, added, logged)
            else:
                found = fused.train(
                    config,
                    optimiser.rule,
                    parameters,
                    optimiser.first,
                    optimiser.second,
                    x,
                    y,
                    optimiser.rates(start, count),
                    added,
                    pool,
                )
            rows = np.flatnonzero((logged >= start) & (logged < start + count))
            losses[rows] = found[logged[rows] - start]
            if bar is not None:
                bar.update(count * nets)
    return losses


def fit_in_chunks(
    parameters: Tensor,
    seeds: Sequence[int],
    key: tuple[object, ...] | None,
    task: Task,
    config: MLPConfig,
    regimen: Regimen,
    steps: int,
    *,
    streams: Sequence[torch.Generator] = (),
    attempt: int = 0,
    logged: npt.NDArray[np.int64] | None = None,
    moments: Sequence[int] = (),
    snapshots: list[Tensor] | None = None,
    fused: FusedStep | None = None,
    bar: Any = None,
) -> npt.NDArray[np.float64]:
    """`fit` with as many networks at once as stay in cache.

    Args:
        parameters: [net, size], changed in place.
        seeds: one per network, of its own noise.
        key: what names the batches of a rescue's phase; None for those of a first training.
        task: what to learn.
        config: the shape.
        regimen: how.
        steps: updates.
        streams: with no key and a stream per seed: the generators that made the networks' weights.
        attempt: the number of the attempt: each has batches of its own.
        logged: see `fit`.
        moments: see `fit`.
        snapshots: see `fit`.
        fused: see `fit`.
        bar: see `fit`.

    Returns:
        Losses [m, net], as `fit` gives them.
    """
    nets = len(parameters)
    shared = regimen.stream == "shared"
    per_chunk = max(1, CHUNK_VALUES // (max(config.sizes) * regimen.batch))
    if fused is not None and shared:
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
        chunk = parameters[at]
        losses.append(
            fit(
                chunk,
                own,
                task,
                config,
                regimen,
                steps,
                noise_seeds=noise_of,
                logged=logged,
                moments=moments,
                snapshots=found,
                fused=fused,
                bar=bar,
            )
        )
        parts.append(found)
    if snapshots is not None:
        snapshots += [torch.cat(moment) for moment in zip(*parts, strict=True)]
    return np.concatenate(losses, axis=1)


def _eager_steps(
    parameters: Tensor,
    x: Tensor,
    y: Tensor,
    config: MLPConfig,
    optimiser: Optimiser,
    start: int,
    noise: Tensor | None,
    logged: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """A block of steps with torch's own operations; the losses [step, net] of the logged ones, NaN elsewhere."""
    wanted = set(logged.tolist())
    losses = np.full((len(x), len(parameters)), np.nan, np.float32)
    for k in range(len(x)):
        loss, gradient = step(parameters, x[k], y[k], config)
        if start + k in wanted:  # from a GPU each look costs a wait
            losses[k] = loss.cpu().numpy()
        if noise is not None:
            gradient = gradient.add_(noise[k].to(gradient.device))
        optimiser.update(parameters, gradient, start + k)
    return losses


def _fused(
    config: MLPConfig, regimen: Regimen, nets: int, steps: int, device: torch.device
) -> FusedStep | None:
    """The compiled step where the training is worth it: judged by its work alone, not by what is cached."""
    samples = min(regimen.batch, regimen.samples or regimen.batch)
    if device.type != "cpu" or eager_seconds(config, nets, steps, samples) < EAGER_SECONDS:
        return None
    return fused_step()


def started(
    config: MLPConfig, regimen: Regimen, task: Task, seeds: Sequence[int]
) -> tuple[Tensor, list[torch.Generator]]:
    """The initial parameters [net, size] of some seeds, and the generators of batches drawn per seed.

    Examples:
        >>> from mathcircuits.detect import tasks
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
    return parameters, streams


def balance(parameters: Tensor, config: MLPConfig) -> None:
    """Make every second hidden neuron the opposite of the one before it, in place: w, b and v become -w, -b and -v.

    So each of a pair's hyperplanes has a neuron on both its sides, and the pair starts as a linear function
    (regimens.md, T5). The last neuron of an odd number stays.

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


def uniform_points(task: Task, points: int, *key: object) -> tuple[Tensor, Tensor]:
    """Points x [1, d, point] on the task's box and its values y [1, outputs, point], float64, by the name of a stream.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> x, y = uniform_points(tasks["minimum"], 5, "example")
        >>> x.shape, bool((y[:, 0] == x.min(dim=1).values).all())
        (torch.Size([1, 2, 5]), True)
    """
    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(task.box).T)
    unit = torch.rand((points, task.arity), generator=generator_of(*key), dtype=torch.float64)
    inputs = low + unit * (high - low)
    return inputs.T[None], targets_of(task, inputs).T[None]


def losses_on(parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> npt.NDArray[np.float64]:
    """Mean squared errors [net] on given points, in the parameters' own precision.

    Args:
        parameters: [net, size], laid out as `Layout` says.
        x: inputs [1, d, sample].
        y: targets [1, outputs, sample].
        config: the shape.

    Examples:
        >>> one = torch.tensor([[2.0, 3.0]])
        >>> losses_on(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1))).tolist()
        [36.0]
    """
    from .levenberg import residuals

    x, y = x.to(parameters.dtype), y.to(parameters.dtype)
    per_chunk = max(1, CHUNK_VALUES // (max(config.sizes) * x.shape[2]))
    found = [
        residuals(parameters[at : at + per_chunk], x, y, config).square().mean(dim=1)
        for at in range(0, len(parameters), per_chunk)
    ]
    losses: npt.NDArray[np.float64] = torch.cat(found).double().numpy()
    return losses


def measured(ensemble: Ensemble, task: Task) -> Ensemble:
    """The ensemble with its losses on fresh points, which no network has trained on."""
    x, target = uniform_points(task, TEST_POINTS, "test", task.name)
    X, y = x[0].T.numpy(), target[0].T.numpy()
    bare = replace(ensemble, checkpoint_steps=None, checkpoints=None, checkpoint_biases=None)
    losses = np.empty(len(ensemble))
    per_chunk = max(1, CHUNK_VALUES // (max(ensemble.config.sizes) * TEST_POINTS))
    for start in range(0, len(ensemble), per_chunk):
        part = bare.take(range(start, min(start + per_chunk, len(ensemble))))
        with np.errstate(over="ignore", invalid="ignore"):
            found = ((part.activations(X)["hook_output"] - y) ** 2).mean(axis=(1, 2))
        losses[start : start + per_chunk] = np.where(np.isfinite(found), found, np.nan)
    logged = ensemble.logged_losses.copy()
    logged[-1] = losses
    return replace(ensemble, losses=losses, logged_losses=logged)


def generator_of(*key: object) -> torch.Generator:
    """A CPU generator whose seed is made of a text, so that streams of different purposes do not meet."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))


def _check_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds={seeds!r}: give several, such as range({seeds!r}) or [{seeds!r}]")
    numbers = tuple(check_seed(seed) for seed in seeds)
    if not numbers:
        raise InputError("no seeds: give at least one, such as range(100)")
    repeated = [number for number, count in Counter(numbers).items() if count > 1]
    if repeated:
        raise InputError(
            f"seeds {', '.join(map(str, repeated[:8]))} occur more than once: each seed is one network"
        )
    return numbers


def _check_steps(steps: int) -> int:
    try:
        number = operator.index(steps)
    except TypeError:
        number = -1
    if number < 0:
        raise InputError(f"steps={steps!r}: give a number of updates from 0, or None for the regimen's own")
    return number
