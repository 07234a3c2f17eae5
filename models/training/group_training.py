"""Composition in a finite group: many small networks that learn a b from one-hot pairs, as one tensor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from mathcircuits.detect import InputError
from mathcircuits.detect.groups import FiniteGroup, group_named

from ..networks.config import MLPConfig
from .compositions import Array, CompositionRegimen, CompositionRuns, train_compositions

#: Groups with fewer elements are learned from all pairs: in S3 a fifth of the pairs is seven, which the others leave
#: undecided.
_SMALL = 20


@dataclass(frozen=True, eq=False, repr=False)
class GroupRuns(CompositionRuns):
    """Networks that learned to compose in a group, one per seed: `CompositionRuns` with

    Attributes:
        group: whose composition was learned.
        regimen: how they were trained.

    Examples:
        >>> runs = train_group("S3", seeds=range(2), steps=50)
        >>> runs[0], len(runs.networks())
        (MLP(12-32-96-6, identity, relu, no bias, float32), 2)
    """

    group: FiniteGroup
    regimen: CompositionRegimen
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
        return self.regimen.config(self.group.order)

    def __repr__(self) -> str:
        return f"GroupRuns({self.group.name}, {self._said})"


def group_regimen(group: str | FiniteGroup) -> CompositionRegimen:
    """A regimen that groks a group: that of modular addition, from all pairs below 20 elements, else from 80%.

    Its 1500 steps suffice for the groups up to A5, whose slowest of ten seeds is right from step 1275 on. S5 takes a
    wider embedding and layer.

    Examples:
        >>> group_regimen("S3").share, group_regimen("S4").share, group_regimen("S5").width
        (1.0, 0.8, 256)
    """
    order = (group_named(group) if isinstance(group, str) else group).order
    if order < _SMALL:
        return CompositionRegimen(share=1.0)
    return CompositionRegimen() if order <= 100 else CompositionRegimen(embedding=96, width=256)


def train_group(
    group: str | FiniteGroup,
    *,
    seeds: Iterable[int] = range(10),
    regimen: CompositionRegimen | None = None,
    steps: int | None = None,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> GroupRuns:
    """Train one network per seed to compose two elements of a group.

    Args:
        group: a name such as "S4" (see `group_named`), or a group.
        seeds: different integers from 0 to 2**32 - 1.
        regimen: how; None is `group_regimen(group)`.
        steps: updates in place of the regimen's.
        device: where to compute; None is the CPU.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: for another name, no seeds or repeated ones, a share that leaves no pair to train on.

    Examples:
        >>> train_group("C4", seeds=[3], steps=0)
        GroupRuns(C4, 8-32-96-4, 1 seed, 0 steps, 0 grokked)
    """
    what = group_named(group) if isinstance(group, str) else group
    if regimen is not None and not isinstance(regimen, CompositionRegimen):
        raise InputError(f"a regimen of type {type(regimen).__name__}: give a CompositionRegimen, or None")
    how = regimen or group_regimen(what)
    if steps is not None:
        how = type(how)(**{**how.model_dump(), "steps": steps})
    found = train_compositions(
        what.order, what.products, how, seeds=seeds, title=what.name, device=device, progress=progress
    )
    return GroupRuns(group=what, regimen=how, **found)
