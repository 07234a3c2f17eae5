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

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from mathcircuits.detect import InputError
from mathcircuits.detect.modular import check_modulus, sums_of

from ..networks.config import MLPConfig
from .compositions import Array, CompositionRegimen, CompositionRuns, train_compositions


class ModularRegimen(CompositionRegimen):
    """How networks learn to add modulo p: a `CompositionRegimen` that leaves pairs to test on.

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

    share: float = Field(default=0.8, gt=0, lt=1)


@dataclass(frozen=True, eq=False, repr=False)
class ModularRuns(CompositionRuns):
    """Networks that learned to add modulo p, one per seed: `CompositionRuns` with

    Attributes:
        p: the modulus.
        regimen: how they were trained.

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

    def __repr__(self) -> str:
        return f"ModularRuns(p = {self.p}, {self._said})"


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
    pairs = p * p
    if not 0 < round(how.share * pairs) < pairs:
        raise InputError(
            f"a share of {how.share:g} of {pairs} pairs leaves none to train or to test on: choose another"
        )
    found = train_compositions(
        p, sums_of(p), how, seeds=seeds, title=f"modulo {p}", device=device, progress=progress
    )
    return ModularRuns(p=p, regimen=how, **found)
