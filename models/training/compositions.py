"""Networks that compose two elements, trained: many small ones from one-hot pairs, as one tensor."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from tqdm import tqdm

from mathcircuits.detect import InputError, Network

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


class CompositionRegimen(CheckedTable):
    """How networks learn to compose two elements. Weights start as `nn.Linear` does; the loss is the cross-entropy.

    Attributes:
        embedding: width of the linear layer before the hidden one; at most twice the elements is of use.
        width: neurons of the hidden ReLU layer.
        share: of all pairs, those trained on; drawn per seed. 1 trains on every pair and leaves none to test on.
        lr, betas, epsilon: of AdamW. The second beta is 0.98, as Power et al. and Nanda et al. have it.
        decay: decoupled weight decay: every step shrinks the weights by `lr * decay`.
        steps: full-batch updates.
        log_every: steps between two entries of the history.

    Raises:
        InputError: for an unknown key or a value out of range.

    Examples:
        >>> CompositionRegimen(steps=100).width
        96
        >>> CompositionRegimen(weight_decay=1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: composition regimen: unknown key 'weight_decay' ...
    """

    title: ClassVar[str] = "composition regimen"

    embedding: int = Field(default=32, ge=1)
    width: int = Field(default=96, ge=1)
    share: float = Field(default=0.8, gt=0, le=1)
    lr: float = Field(default=0.02, gt=0)
    betas: tuple[Share, Share] = (0.9, 0.98)
    epsilon: float = Field(default=ADAM_EPSILON, gt=0)
    decay: float = Field(default=1.0, ge=0)
    steps: int = Field(default=1500, ge=0)
    log_every: int = Field(default=25, ge=1)

    def config(self, n: int) -> MLPConfig:
        """The shape of a network on n elements.

        Examples:
            >>> CompositionRegimen().config(31).architecture
            Architecture(62-32-96-31, identity, relu, no bias)
        """
        return MLPConfig((2 * n, self.embedding, self.width, n), activation=("identity", "relu"))


class CompositionRuns(ABC):
    """Networks that learned to compose two of n elements, one per seed, and how their training went.

    `runs[k]` is the k-th network as an MLP, `runs.networks()` are all of them as plain weights.

    Attributes:
        seeds: one per network.
        weights: embedding [net, embedding, 2 n], hidden layer [net, width, embedding], read-out [net, n, width].
        trained_on: the pairs of the training set [net, n^2], a slow and b fast.
        steps: the updates [m] at which was logged; the last is the end.
        losses: cross-entropy in nats on the training pairs [m, net].
        train_accuracy, test_accuracy: [m, net]; without pairs to test on, the test accuracy is the training pairs'.
    """

    seeds: tuple[int, ...]
    weights: tuple[Array, Array, Array]
    trained_on: npt.NDArray[np.bool_]
    steps: npt.NDArray[np.int64]
    losses: npt.NDArray[np.float64]
    train_accuracy: npt.NDArray[np.float64]
    test_accuracy: npt.NDArray[np.float64]

    @property
    @abstractmethod
    def config(self) -> MLPConfig:
        """The shape of every network."""

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

    @property
    def _said(self) -> str:
        """Shape, seeds, steps and successes, for the subclasses' representations."""
        sizes = "-".join(map(str, self.config.sizes))
        seeds = f"{len(self)} seed{'s' if len(self) != 1 else ''}"
        return f"{sizes}, {seeds}, {self.steps[-1]} steps, {int(self.grokked.sum())} grokked"


def train_compositions(
    n: int,
    target: npt.NDArray[np.int64],
    how: CompositionRegimen,
    *,
    seeds: Iterable[int],
    title: str,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train one network per seed; what `CompositionRuns` is made of.

    Network k depends on its seed, the target and the regimen alone (up to rounding): `torch.manual_seed(k)`, the
    `nn.Linear` layers in order, then a permutation of the pairs whose first part is the training set.

    Args:
        n: how many elements there are; target: the right answer of each pair [n^2], a slow and b fast.
        how: the regimen; seeds: different integers from 0 to 2**32 - 1.
        title: of the progress bar; device, progress: as in `train_modular`.

    Raises:
        InputError: for no seeds or repeated ones, a share that leaves no pair to train on.

    Examples:
        >>> found = train_compositions(
        ...     2, np.array([0, 1, 1, 0]), CompositionRegimen(steps=0, share=1), seeds=[0], title="parity"
        ... )
        >>> found["trained_on"].tolist()
        [[True, True, True, True]]
    """
    numbers = _numbers(seeds)
    chosen = round(how.share * n * n)
    if chosen < 1:
        raise InputError(
            f"a share of {how.share:g} of {n * n} pairs leaves none to train on: choose a larger one"
        )
    logged = np.unique(np.append(np.arange(0, how.steps, how.log_every), how.steps)).astype(np.int64)
    per_chunk = max(1, CHUNK_VALUES // (how.width * n * n))
    place = torch.device("cpu" if device is None else device)
    layers: list[list[Tensor]] = []
    masks: list[Tensor] = []
    histories: list[Array] = []
    # tqdm's disable=None means: no bar where the output is no terminal
    bar = tqdm(
        total=len(numbers),
        desc=title,
        unit="seed",
        disable=None if progress is None else not progress,
        leave=False,
    )
    for start in range(0, len(numbers), per_chunk):
        group = numbers[start : start + per_chunk]
        weights, mask = started(n, how, group, chosen)
        moved = [weight.to(place) for weight in weights]
        with torch.no_grad():
            histories.append(fit(moved, mask.to(place), target, n, how, logged))
        layers.append([weight.cpu() for weight in moved])
        masks.append(mask)
        bar.update(len(group))
    bar.close()
    embedding, hidden, readout = (torch.cat(parts).numpy() for parts in zip(*layers, strict=True))
    losses, train_accuracy, test_accuracy = np.concatenate(histories, axis=2)
    return {
        "seeds": tuple(numbers),
        "weights": (embedding, hidden, readout),
        "trained_on": torch.cat(masks).numpy(),
        "steps": logged,
        "losses": losses,
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
    }


def _numbers(seeds: Iterable[int]) -> list[int]:
    """Different seeds, at least one; `initial_parameters` checks each."""
    try:
        numbers = [operator.index(seed) for seed in seeds]
    except TypeError:
        raise InputError(f"seeds {seeds!r}: give whole numbers, such as range(10)") from None
    if not numbers or len(set(numbers)) < len(numbers):
        raise InputError(f"{len(numbers)} seeds, {len(set(numbers))} different: give at least one, each once")
    return numbers


def started(n: int, how: CompositionRegimen, seeds: list[int], chosen: int) -> tuple[list[Tensor], Tensor]:
    """The initial weights, one [net, out, in] per layer, and the pairs to train on [net, n^2].

    Examples:
        >>> weights, mask = started(3, CompositionRegimen(embedding=2, width=4), [0], 5)
        >>> [list(weight.shape) for weight in weights], int(mask.sum())
        ([[1, 2, 6], [1, 4, 2], [1, 3, 4]], 5)
    """
    layers: list[list[Tensor]] = []
    mask = torch.zeros(len(seeds), n * n, dtype=torch.bool)
    for row, seed in zip(mask, seeds, strict=True):
        parameters, generator = initial_parameters(how.config(n), seed)
        layers.append([weight for weight, _ in parameters])
        row[torch.randperm(n * n, generator=generator)[:chosen]] = True
    return [torch.stack(weights) for weights in zip(*layers, strict=True)], mask


def loss_and_gradients(
    weights: list[Tensor], mask: Tensor, target: Tensor, n: int
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Logits, cross-entropy on the training pairs, and its gradients, written out by hand.

    With T = U E the tables, z = T[a] + T[n + b], r = relu(z), o = V r and G = (softmax(o) - target) / m on the m
    training pairs (0 elsewhere): dV = G r', dz = (V' G) [z > 0], dT sums dz over b and over a, dU = dT E', dE = U' dT.

    Args:
        weights: E [net, embedding, 2 n], U [net, width, embedding], V [net, n, width].
        mask: pairs to train on [net, n^2].
        target: each pair's answer [n^2].
        n: how many elements there are.

    Returns:
        Logits [net, n, n^2], losses [net], gradients like the weights.

    Examples:
        >>> E, U, V = torch.ones(1, 1, 6), torch.ones(1, 1, 1), torch.zeros(1, 3, 1)
        >>> pairs, sums = torch.ones(1, 9, dtype=torch.bool), torch.tensor([0, 1, 2, 1, 2, 0, 2, 0, 1])
        >>> _, loss, _ = loss_and_gradients([E, U, V], pairs, sums, 3)
        >>> round(loss.item(), 4)  # all logits alike: ln 3
        1.0986
    """
    E, U, V = weights
    nets, width = len(E), U.shape[1]
    T = torch.bmm(U, E)
    r = (T[:, :, :n, None] + T[:, :, None, n:]).relu_().view(nets, width, n * n)
    logits = torch.bmm(V, r)
    weight = mask.to(V.dtype).div_(mask.sum(dim=1, keepdim=True))
    logs = torch.log_softmax(logits, dim=1)
    places = target.expand(nets, 1, -1)
    losses = -(logs.gather(1, places)[:, 0] * weight).sum(dim=1)
    G = logs.exp_()
    G.scatter_add_(1, places, torch.full_like(places, -1, dtype=G.dtype))
    G.mul_(weight[:, None, :])
    dV = torch.bmm(G, r.transpose(1, 2))
    dz = torch.ops.aten.threshold_backward(torch.bmm(V.transpose(1, 2), G), r, 0.0).view(nets, width, n, n)
    dT = torch.cat([dz.sum(dim=3), dz.sum(dim=2)], dim=2)
    return logits, losses, [torch.bmm(U.transpose(1, 2), dT), torch.bmm(dT, E.transpose(1, 2)), dV]


def fit(
    weights: list[Tensor],
    mask: Tensor,
    answers: npt.NDArray[np.int64],
    n: int,
    how: CompositionRegimen,
    logged: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Change the weights in place; losses, training and test accuracy at the logged steps [3, m, net].

    Examples:
        >>> weights, mask = started(2, CompositionRegimen(embedding=2, width=4, share=1), [0], 4)
        >>> with torch.no_grad():
        ...     how = CompositionRegimen(steps=1)
        ...     fit(weights, mask, np.array([0, 1, 1, 0]), 2, how, np.array([0, 1])).shape
        (3, 2, 1)
    """
    target = torch.tensor(answers, device=mask.device)
    first = [torch.zeros_like(weight) for weight in weights]
    second = [torch.zeros_like(weight) for weight in weights]
    beta1, beta2 = how.betas
    wanted, rows = set(logged.tolist()), []
    for step in range(how.steps + 1):
        logits, losses, gradients = loss_and_gradients(weights, mask, target, n)
        if step in wanted:
            right = logits.argmax(dim=1) == target
            train = (right & mask).sum(dim=1) / mask.sum(dim=1)
            test = (right & ~mask).sum(dim=1) / (~mask).sum(dim=1) if (~mask).any() else train
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
