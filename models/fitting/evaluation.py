"""Evaluation: the loss of trained networks on given points, and on fresh ones that none has trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import Task
from mathcircuits.detect.exact import wrong_share

from ..networks.config import MLPConfig
from .batches import uniform_points
from .ensemble import Ensemble
from .gradients import residuals
from .steps import CHUNK_VALUES

#: Fresh points that the loss at the end is measured on.
TEST_POINTS = 4096


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
    x, y = x.to(parameters.dtype), y.to(parameters.dtype)
    per_chunk = max(1, CHUNK_VALUES // (max(config.sizes) * x.shape[2]))
    found = [
        residuals(parameters[at : at + per_chunk], x, y, config).square().mean(dim=1)
        for at in range(0, len(parameters), per_chunk)
    ]
    losses: npt.NDArray[np.float64] = torch.cat(found).double().numpy()
    return losses


def comparable(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Losses where a network that diverged is worse than any other.

    Examples:
        >>> comparable(np.array([1.0, np.nan, np.inf])).tolist()
        [1.0, inf, inf]
    """
    return np.where(np.isfinite(losses), losses, np.inf)


def measured(ensemble: Ensemble, task: Task) -> Ensemble:
    """The ensemble with its losses on fresh points, which no network has trained on: of classifiers the share wrong."""
    x, target = uniform_points(task, TEST_POINTS, "test", task.name)
    X, y = x[0].T.numpy(), target[0].T.numpy()
    bare = replace(ensemble, checkpoint_steps=None, checkpoints=None, checkpoint_biases=None)
    losses = np.empty(len(ensemble))
    per_chunk = max(1, CHUNK_VALUES // (max(ensemble.config.sizes) * TEST_POINTS))
    for start in range(0, len(ensemble), per_chunk):
        part = bare.take(range(start, min(start + per_chunk, len(ensemble))))
        if ensemble.regimen.loss == "cross-entropy":
            found = _wrong(part, task)
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                found = ((part.activations(X)["hook_output"] - y) ** 2).mean(axis=(1, 2))
        losses[start : start + per_chunk] = np.where(np.isfinite(found), found, np.nan)
    logged = ensemble.logged_losses.copy()
    logged[-1] = losses
    return replace(ensemble, losses=losses, logged_losses=logged)


def _wrong(ensemble: Ensemble, task: Task) -> npt.NDArray[np.float64]:
    """The share of points with a wrong class, NaN where a network diverged."""
    arrays = [array for array in (*ensemble.weights, *ensemble.biases) if array is not None]
    sound = [k for k in range(len(ensemble)) if all(np.isfinite(array[k]).all() for array in arrays)]
    found = np.full(len(ensemble), np.nan)
    if sound:
        known = replace(ensemble.take(sound), losses=np.zeros(len(sound)))
        found[sound] = wrong_share(known.networks(), task)
    return found
