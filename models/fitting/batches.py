"""Batches: the inputs that networks train on, one stream for all or one per seed, and random streams by key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor

from mathcircuits.detect import InputError, Task

from .compiled_step import FusedStep
from .regimens import Regimen
from .streams import Streams, draws_rightly

#: Values of one block of batches that are drawn ahead: as many as torch works on with one thread. With more it wakes
#: the others for every small operation, which beside other programs costs up to fifty times the work itself.
BLOCK_VALUES = 2**15
#: The same where the compiled step's library draws a stream per network, and torch is held to one thread for the
#: targets. Microseconds a step of `osier` (2-3-1): 5.2 with 2**15, 3.8 with 2**19, 3.5 with this, 3.7 with 2**21.
STREAM_VALUES = 2**20
#: Targets of networks that each learn a function of their own, [batch, net, outputs, sample], at inputs [batch, net or
#: 1, d, sample].
TargetsLike = Callable[[Tensor], Tensor]
#: Batches that are drawn for such targets and then come again: the targets of hundreds of functions cost several times
#: the step on them.
RECURRING = 32


class Batches:
    """Batches on the task's box, or of its points: x [nets, d, sample], y [nets, outputs, sample].

    `nets` is 1 where they are shared. Each generator is a stream of its own: what one network gets does not depend on
    the others. With `targets` the task gives the inputs alone, and `RECURRING` batches come again and again.

    With the compiled step its library draws, and the generators stand still until `hand_back`.
    """

    def __init__(
        self,
        task: Task,
        regimen: Regimen,
        generators: Sequence[torch.Generator],
        device: torch.device,
        targets: TargetsLike | None = None,
        fused: FusedStep | None = None,
    ) -> None:
        self.task, self.regimen, self.generators, self.device = task, regimen, generators, device
        self.targets = targets
        self.recurring: tuple[Tensor, Tensor] | None = None
        self.streams: Streams | None = None
        self.pool: ThreadPoolExecutor | None = None
        # what a task on points is trained on: each point as often as any other
        self.points = torch.tensor(task.points, dtype=torch.float32) if task.points else None
        self.values = None if self.points is None else targets_of(task, self.points).T
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
        self.recurring = None if targets is None else self.block(RECURRING)
        # What recurs, or is picked among fixed samples, is drawn by torch.
        drawn = fused is not None and self.fixed is None and self.recurring is None
        self.streams = Streams(fused, generators) if fused and drawn and draws_rightly(fused) else None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end: x [net or 1, d, sample], y [net or 1, outputs, sample]."""
        while True:
            x, y = self.block(self.ahead)
            yield from zip(x, y, strict=True)

    @property
    def ahead(self) -> int:
        """How many batches are worth drawing at once."""
        if self.targets is not None:
            return RECURRING
        values = len(self.generators) * self.regimen.batch * max(self.task.arity, self.task.outputs)
        each_its_own = self.streams is not None and len(self.generators) > 1
        return max(1, (STREAM_VALUES if each_its_own else BLOCK_VALUES) // values)

    def block(self, batches: int, pool: ThreadPoolExecutor | None = None) -> tuple[Tensor, Tensor]:
        """The next batches: x [batch, net or 1, d, sample], y [batch, net or 1, outputs, sample].

        However they are split into blocks, the batches are the same; those that recur begin anew with each block.

        Args:
            pool: threads to share the compiled step's draws out to.
        """
        self.pool = pool
        if self.recurring is not None:
            x, y = self.recurring
            return x[:batches], y[:batches]
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
        inputs = self._uniform(batches, samples)
        if self.points is not None:
            # a number just below 1 may be rounded up to the number of points
            at = (inputs[0] * len(self.points)).long().clamp_(max=len(self.points) - 1)
            inputs = self.points.T[:, at].contiguous()
        if self.targets is None and self.values is not None:
            targets = self.values[:, at].contiguous().view(-1, batches, nets, samples)
        elif self.targets is None:
            # Several outputs are stacked sample by sample; the step wants each one's samples side by side.
            with _one_thread() if inputs.numel() > BLOCK_VALUES and self.streams else nullcontext():
                found = targets_of(self.task, inputs.T)
            targets = found.T.contiguous().reshape(-1, batches, nets, samples)
        else:
            targets = self.targets(inputs.view(d, batches, nets, samples).permute(1, 2, 0, 3))
            targets = targets.permute(2, 0, 1, 3)
        if self.noises:
            # batch by batch: normal numbers come sixteen at a time, so that a longer draw would give others
            shape = (len(targets), samples)
            errors = [[torch.randn(shape, generator=g) for g in self.noises] for _ in range(batches)]
            noise = torch.stack([torch.stack(row) for row in errors])
            targets = targets + self.regimen.label_noise * noise.permute(2, 0, 1, 3)
        x, y = inputs.view(d, batches, nets, samples).to(self.device), targets.to(self.device)
        return x.permute(1, 2, 0, 3), y.permute(1, 2, 0, 3)

    def _uniform(self, batches: int, samples: int) -> Tensor:
        """What each generator draws next, [value, batches * nets * samples]: inputs, or one share of 1 for a point."""
        values = self.task.arity if self.points is None else 1
        low, width = self.low[:, 0], self.width[:, 0]
        if self.points is not None:
            low, width = torch.zeros(1), torch.ones(1)
        if self.streams is not None:
            return self.streams.uniform(batches, samples, low, width, self.pool)
        drawn = torch.empty(len(self.generators), batches, samples, values)
        for k, generator in enumerate(self.generators):
            # one long draw gives the same numbers as one per batch: the generator goes value by value
            torch.rand((batches, samples, values), generator=generator, out=drawn[k])
        # one contiguous row per input and output: the formula, the scaling and the products run along samples
        inputs = drawn.permute(3, 1, 0, 2).contiguous().view(values, -1)
        return inputs.mul_(width[:, None]).add_(low[:, None])

    def hand_back(self) -> None:
        """Leave the generators where the batches ended."""
        if self.streams is not None:
            self.streams.hand_back()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch with one thread, so that no operation waits for others to wake."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


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


def uniform_points(task: Task, points: int, *key: object) -> tuple[Tensor, Tensor]:
    """Points x [1, d, point] of the task and its values y [1, outputs, point], float64, by a stream's name.

    They are uniform on the task's box; of a task on points they are all of these, however many are asked for.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> x, y = uniform_points(tasks["minimum"], 5, "example")
        >>> x.shape, bool((y[:, 0] == x.min(dim=1).values).all())
        (torch.Size([1, 2, 5]), True)
    """
    if task.points:
        inputs = torch.tensor(task.points, dtype=torch.float64)
        return inputs.T[None], targets_of(task, inputs).T[None]
    low, high = (torch.tensor(side, dtype=torch.float64) for side in np.array(task.box).T)
    unit = torch.rand((points, task.arity), generator=generator_of(*key), dtype=torch.float64)
    inputs = low + unit * (high - low)
    return inputs.T[None], targets_of(task, inputs).T[None]


def generator_of(*key: object) -> torch.Generator:
    """A CPU generator whose seed is made of a text, so that streams of different purposes do not meet."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))
