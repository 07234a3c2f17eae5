"""Modular addition: many small networks that learn (a + b) mod p from a part of all pairs, as one tensor.

Inputs are one-hot (a, then b: 2 p of them), a linear embedding, one hidden ReLU layer, p logits, no biases;
cross-entropy, full batch, AdamW. Test accuracy rises long after training accuracy ("grokking": Power et al. 2022, arXiv
2201.02177; Nanda et al. 2023, arXiv 2301.05217).

Two choices decide what is learned. Cross-entropy leaves a network free to use a few frequencies, while the squared
error on one-hot targets needs all (p - 1) / 2 of them, for a delta function on Z_p has them all: prevalence would
then be arithmetic. And the embedding makes frequencies compete, since weight decay on a product of two layers favours
few of them; without it neurons choose one by one, and a network of 64 holds nearly all.

One-hot inputs are never multiplied out: what a neuron sees of a pair is an entry of one table plus an entry of
another, and all p^2 pairs are worked on at once, those kept for testing with weight 0: test accuracy costs nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from tqdm import tqdm

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.modular import check_modulus, sums_of

from ..fitting.criteria import ADAM_EPSILON
from ..fitting.regimens import CheckedTable
from ..networks.config import MLPConfig, initial_parameters
from .criteria import GROKKED

if TYPE_CHECKING:
    import pandas as pd

    from ..networks.mlp import MLP

Array = npt.NDArray[Any]
Share = Annotated[float, Field(ge=0, lt=1)]

#: Values of one activation tensor (nets x units x pairs) worked on at once: 1 MiB of float32, as in `training.py`.
CHUNK_VALUES = 2**18


class ModularRegimen(CheckedTable):
    """How networks learn to add modulo p. Weights start as `nn.Linear` does; the loss is the cross-entropy.

    Attributes:
        embedding: width of the linear layer before the hidden one; at most 2 p is of use.
        width: neurons of the hidden ReLU layer.
        share: of all pairs, those trained on; drawn per seed.
        lr, betas, epsilon: of AdamW. The second beta is 0.98, as Power et al. and Nanda et al. have it.
        decay: decoupled weight decay: every step shrinks the weights by `lr * decay`.
        steps: full-batch updates.
        log_every: steps between two entries of the history.

    Raises:
        InputError: for an unknown key or a value out of range.

    Examples:
        >>> ModularRegimen(steps=100).width
        96
        >>> ModularRegimen(weight_decay=1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: modular regimen: unknown key 'weight_decay' ...
    """

    title: ClassVar[str] = "modular regimen"

    embedding: int = Field(default=32, ge=1)
    width: int = Field(default=96, ge=1)
    share: float = Field(default=0.8, gt=0, lt=1)
    lr: float = Field(default=0.02, gt=0)
    betas: tuple[Share, Share] = (0.9, 0.98)
    epsilon: float = Field(default=ADAM_EPSILON, gt=0)
    decay: float = Field(default=1.0, ge=0)
    steps: int = Field(default=1500, ge=0)
    log_every: int = Field(default=25, ge=1)

    def config(self, p: int) -> MLPConfig:
        """The shape of a network.

        Examples:
            >>> ModularRegimen().config(31).architecture
            Architecture(62-32-96-31, identity, relu, no bias)
        """
        return MLPConfig((2 * p, self.embedding, self.width, p), activation=("identity", "relu"))


@dataclass(frozen=True, eq=False, repr=False)
class ModularRuns:
    """Networks that learned to add modulo p, one per seed, and how their training went.

    `runs[k]` is the k-th network as an MLP, `runs.networks()` are all of them as plain weights.

    Attributes:
        p: the modulus.
        regimen: how they were trained.
        seeds: one per network.
        weights: embedding [net, embedding, 2 p], hidden layer [net, width, embedding], read-out [net, p, width].
        trained_on: the pairs of the training set [net, p^2], a slow and b fast.
        steps: the updates [m] at which was logged; the last is the end.
        losses: cross-entropy in nats on the training pairs [m, net].
        train_accuracy, test_accuracy: [m, net].

    Examples:
        >>> runs = train_modular(11, seeds=range(2), steps=50)
        >>> runs
        ModularRuns(p = 11, 22-32-96-11, 2 seeds, 50 steps, 0 grokked)
        >>> runs[1], len(runs.networks()), runs.history.columns.tolist()
        (MLP(22-32-96-11, identity, relu, no bias, float32), 2, ['seed', 'step', 'loss', 'pairs', 'accuracy'])
    """

    p: int
    regimen: ModularRegimen
    seeds: tuple[int, ...]
    weights: tuple[Array, Array, Array]
    trained_on: npt.NDArray[np.bool_]
    steps: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float64]
    train_accuracy: npt.NDArray[np.float64]
    test_accuracy: npt.NDArray[np.float64]

    @property
    def config(self) -> MLPConfig:
        """The shape of every network."""
        return self.regimen.config(self.p)

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, position: int) -> MLP:
        from ..networks.mlp import MLP

        if not -len(self) <= position < len(self):
            raise IndexError(f"network {position} of {len(self)}: count from 0")
        weights = [weight[position] for weight in self.weights]
        return MLP.from_parameters(self.config, weights, [None] * len(weights))

    def __iter__(self) -> Iterator[MLP]:
        return (self[position] for position in range(len(self)))

    def networks(self) -> list[Network]:
        """Every network as plain weights."""
        names = self.config.activations
        return [Network([w[k] for w in self.weights], activation=names) for k in range(len(self))]

    @property
    def grokked(self) -> npt.NDArray[np.bool_]:
        """Whether each network ends with a test accuracy above 0.99 [net]."""
        return np.asarray(self.test_accuracy[-1] > GROKKED)

    def step_of(self, accuracy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The logged step from which on an accuracy [m, net] stays above 0.99; NaN where it does not end there."""
        below = accuracy <= GROKKED
        last = np.where(below.any(axis=0), len(below) - 1 - below[::-1].argmax(axis=0), -1)
        inside = np.minimum(last + 1, len(below) - 1)
        return np.where(last + 1 < len(below), self.steps[inside].astype(float), np.nan)

    @property
    def history(self) -> pd.DataFrame:
        """Tidy: `seed, step, loss` (of the training pairs)`, pairs` ("train" or "test")`, accuracy`."""
        import pandas as pd

        m, n = self.losses.shape
        base = {"seed": np.tile(self.seeds, m), "step": np.repeat(self.steps, n), "loss": self.losses.ravel()}
        sides = {"train": self.train_accuracy, "test": self.test_accuracy}
        return pd.concat(
            [pd.DataFrame({**base, "pairs": side, "accuracy": a.ravel()}) for side, a in sides.items()],
            ignore_index=True,
        )

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.config.sizes))
        seeds = f"{len(self)} seed{'s' if len(self) != 1 else ''}"
        return f"ModularRuns(p = {self.p}, {sizes}, {seeds}, {self.steps[-1]} steps, {int(self.grokked.sum())} grokked)"


def train_modular(
    p: int = 31,
    *,
    seeds: Iterable[int] = range(10),
    regimen: ModularRegimen | None = None,
    steps: int | None = None,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> ModularRuns:
    """Train one network per seed to add modulo p.

    Network k depends on its seed, p and the regimen alone (up to rounding): `torch.manual_seed(k)`, the `nn.Linear`
    layers in order, then a permutation of the pairs whose first part is the training set.

    Args:
        p: the modulus, an odd prime.
        seeds: different integers from 0 to 2**32 - 1.
        regimen: how; None is `ModularRegimen()`.
        steps: updates in place of the regimen's.
        device: where to compute; None is the CPU.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: for a modulus that is no odd prime, no seeds or repeated ones, a share that leaves no pair to
            train or to test on.

    Examples:
        >>> runs = train_modular(7, seeds=[3], steps=40)
        >>> runs.trained_on.sum(), runs.steps.tolist()
        (np.int64(39), [0, 25, 40])
    """
    check_modulus(p)
    if regimen is not None and not isinstance(regimen, ModularRegimen):
        raise InputError(f"a regimen of type {type(regimen).__name__}: give a ModularRegimen, or None")
    how = regimen or ModularRegimen()
    if steps is not None:
        how = ModularRegimen(**{**how.model_dump(), "steps": steps})
    numbers = _numbers(seeds)
    chosen = round(how.share * p * p)
    if not 0 < chosen < p * p:
        raise InputError(
            f"a share of {how.share:g} of {p * p} pairs leaves none to train or to test on: choose another"
        )
    logged = np.unique(np.append(np.arange(0, how.steps, how.log_every), how.steps)).astype(np.int64)
    per_chunk = max(1, CHUNK_VALUES // (how.width * p * p))
    place = torch.device("cpu" if device is None else device)
    layers: list[list[Tensor]] = []
    masks: list[Tensor] = []
    histories: list[Array] = []
    # tqdm's disable=None means: no bar where the output is no terminal
    bar = tqdm(
        total=len(numbers),
        desc=f"modulo {p}",
        unit="seed",
        disable=None if progress is None else not progress,
        leave=False,
    )
    for start in range(0, len(numbers), per_chunk):
        group = numbers[start : start + per_chunk]
        weights, mask = _started(p, how, group, chosen)
        moved = [weight.to(place) for weight in weights]
        with torch.no_grad():
            histories.append(_fit(moved, mask.to(place), p, how, logged))
        layers.append([weight.cpu() for weight in moved])
        masks.append(mask)
        bar.update(len(group))
    bar.close()
    embedding, hidden, readout = (torch.cat(parts).numpy() for parts in zip(*layers, strict=True))
    losses, train_accuracy, test_accuracy = np.concatenate(histories, axis=2)
    return ModularRuns(
        p=p,
        regimen=how,
        seeds=tuple(numbers),
        weights=(embedding, hidden, readout),
        trained_on=torch.cat(masks).numpy(),
        steps=logged,
        losses=losses,
        train_accuracy=train_accuracy,
        test_accuracy=test_accuracy,
    )


def _numbers(seeds: Iterable[int]) -> list[int]:
    """Different seeds, at least one; `initial_parameters` checks each."""
    try:
        numbers = [operator.index(seed) for seed in seeds]
    except TypeError:
        raise InputError(f"seeds {seeds!r}: give whole numbers, such as range(10)") from None
    if not numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"{len(numbers)} seeds, {len(set(numbers))} different: give at least one, each once")
    return numbers


def _started(p: int, how: ModularRegimen, seeds: list[int], chosen: int) -> tuple[list[Tensor], Tensor]:
    """The initial weights, one [net, out, in] per layer, and the pairs to train on [net, p^2]."""
    layers: list[list[Tensor]] = []
    mask = torch.zeros(len(seeds), p * p, dtype=torch.bool)
    for row, seed in zip(mask, seeds, strict=True):
        parameters, generator = initial_parameters(how.config(p), seed)
        layers.append([weight for weight, _ in parameters])
        row[torch.randperm(p * p, generator=generator)[:chosen]] = True
    return [torch.stack(weights) for weights in zip(*layers, strict=True)], mask


def loss_and_gradients(
    weights: list[Tensor], mask: Tensor, target: Tensor, p: int
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Logits, cross-entropy on the training pairs, and its gradients, written out by hand.

    With T = U E the tables, z = T[a] + T[p + b], r = relu(z), o = V r and G = (softmax(o) - target) / n on the n
    training pairs (0 elsewhere): dV = G r', dz = (V' G) [z > 0], dT sums dz over b and over a, dU = dT E', dE = U' dT.

    Args:
        weights: E [net, embedding, 2 p], U [net, width, embedding], V [net, p, width].
        mask: pairs to train on [net, p^2].
        target: (a + b) mod p [p^2].
        p: the modulus.

    Returns:
        Logits [net, p, p^2], losses [net], gradients like the weights.

    Examples:
        >>> E, U, V = torch.ones(1, 1, 6), torch.ones(1, 1, 1), torch.zeros(1, 3, 1)
        >>> pairs, sums = torch.ones(1, 9, dtype=torch.bool), torch.from_numpy(sums_of(3))
        >>> _, loss, _ = loss_and_gradients([E, U, V], pairs, sums, 3)
        >>> round(loss.item(), 4)  # all logits alike: ln 3
        1.0986
    """
    E, U, V = weights
    n, width = len(E), U.shape[1]
    T = torch.bmm(U, E)
    r = (T[:, :, :p, None] + T[:, :, None, p:]).relu_().view(n, width, p * p)
    logits = torch.bmm(V, r)
    weight = mask.to(V.dtype).div_(mask.sum(dim=1, keepdim=True))
    logs = torch.log_softmax(logits, dim=1)
    places = target.expand(n, 1, -1)
    losses = -(logs.gather(1, places)[:, 0] * weight).sum(dim=1)
    G = logs.exp_()
    G.scatter_add_(1, places, torch.full_like(places, -1, dtype=G.dtype))
    G.mul_(weight[:, None, :])
    dV = torch.bmm(G, r.transpose(1, 2))
    dz = torch.ops.aten.threshold_backward(torch.bmm(V.transpose(1, 2), G), r, 0.0).view(n, width, p, p)
    dT = torch.cat([dz.sum(dim=3), dz.sum(dim=2)], dim=2)
    return logits, losses, [torch.bmm(U.transpose(1, 2), dT), torch.bmm(dT, E.transpose(1, 2)), dV]


def _fit(
    weights: list[Tensor], mask: Tensor, p: int, how: ModularRegimen, logged: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Change the weights in place; losses, training and test accuracy at the logged steps [3, m, net]."""
    target = torch.from_numpy(sums_of(p)).to(mask.device)
    first = [torch.zeros_like(weight) for weight in weights]
    second = [torch.zeros_like(weight) for weight in weights]
    beta1, beta2 = how.betas
    wanted, rows = set(logged.tolist()), []
    for step in range(how.steps + 1):
        logits, losses, gradients = loss_and_gradients(weights, mask, target, p)
        if step in wanted:
            right = logits.argmax(dim=1) == target
            train = (right & mask).sum(dim=1) / mask.sum(dim=1)
            test = (right & ~mask).sum(dim=1) / (~mask).sum(dim=1)
            rows.append(torch.stack([losses, train, test]).cpu().double().numpy())
        if step == how.steps:
            break
        t = step + 1
        # torch.optim.AdamW, entry by entry.
        for weight, gradient, m, v in zip(weights, gradients, first, second, strict=True):
            m.mul_(beta1).add_(gradient, alpha=1.0 - beta1)
            v.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
            scale = (v / (1.0 - beta2**t)).sqrt_().add_(how.epsilon)
            weight.mul_(1.0 - how.lr * how.decay).addcdiv_(m, scale, value=-how.lr / (1.0 - beta1**t))
    return np.stack(rows, axis=1)
