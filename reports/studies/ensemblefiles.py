"""Ensemble files: the networks of a cell, their history and checkpoints as one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import About, FileError
from mathcircuits.detect.features import SOLVED
from mathcircuits.detect.untrusted import damaged

from .cell import regimen_fields, regimen_of
from .storage import atomic, check_intact

if TYPE_CHECKING:
    from mathcircuits.models import Ensemble

_FORMAT = "mathcircuits-ensemble-1"


def save_ensemble(path: Path, ensemble: Ensemble) -> None:
    """Write networks as one safetensors file: `weights.K` [net, out, in], `biases.K` [net, out], losses, history.

    Where there are some: `widths` [net, hidden layer], `checkpoint_steps` [m], `checkpoints.K` [m, net, out, in],
    `checkpoint_biases.K` [m, net, out].
    """
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {
        "losses": ensemble.losses,
        "logged_steps": ensemble.logged_steps,
        "logged_losses": ensemble.logged_losses,
        "cost": ensemble.cost,
    }
    if ensemble.widths is not None:
        arrays["widths"] = ensemble.widths
    if ensemble.checkpoint_steps is not None:
        arrays["checkpoint_steps"] = ensemble.checkpoint_steps
        moments = zip(ensemble.checkpoints or (), ensemble.checkpoint_biases or (), strict=True)
        for k, (weight, bias) in enumerate(moments):
            arrays[f"checkpoints.{k}"] = weight
            if bias is not None:
                arrays[f"checkpoint_biases.{k}"] = bias
    for k, (weight, bias) in enumerate(zip(ensemble.weights, ensemble.biases, strict=True)):
        arrays[f"weights.{k}"] = weight
        if bias is not None:
            arrays[f"biases.{k}"] = bias
    config = ensemble.config
    names = [ensemble.about.input_names, ensemble.about.output_names]
    about = {
        "task": ensemble.task,
        "config": {
            "sizes": config.sizes,
            "bias": config.bias,
            "activation": config.activation,
            "dtype": config.dtype,
        },
        "regimen": regimen_fields(ensemble.regimen),
        "steps": ensemble.steps,
        "seeds": ensemble.seeds,
        **({"names": names} if any(names) else {}),
        **({"threshold": ensemble.threshold} if ensemble.threshold != SOLVED else {}),
        # JSON has no NaN: a network that diverged has no loss.
        "losses": [float(loss) if np.isfinite(loss) else None for loss in ensemble.losses],
    }
    with atomic(path) as file:
        data = save(
            {name: np.ascontiguousarray(array) for name, array in arrays.items()},
            # One entry alone: the library writes several in an order that changes from run to run.
            metadata={_FORMAT: json.dumps(about)},
        )
        # The library's own writer would let nobody but the owner read the file.
        file.write_bytes(data)


def load_ensemble(path: Path) -> Ensemble:
    """Read what `save_ensemble` wrote.

    Raises:
        FileError: where the file is missing, damaged, or something else.
    """
    from safetensors import SafetensorError, safe_open

    remedy = "run the study again: this cell is trained anew, the others are kept"
    try:
        check_intact(path, path.read_bytes(), path.with_name(f"{path.stem}.sha256"), remedy)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise FileError(path, f"cannot be read ({error})", remedy) from None
    if _FORMAT not in metadata:
        raise FileError(path, "holds no networks of a study", remedy)
    with damaged(path, remedy):
        return _ensemble(json.loads(metadata[_FORMAT]), arrays)


def _ensemble(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Ensemble:
    """Networks from what a file says of them and its arrays."""
    from mathcircuits.models import Ensemble, MLPConfig

    shape = about["config"]
    layers = len(shape["sizes"]) - 1
    moments = arrays.get("checkpoint_steps")
    return Ensemble(
        task=about["task"],
        config=MLPConfig(
            tuple(shape["sizes"]), _frozen(shape["bias"]), _frozen(shape["activation"]), shape["dtype"]
        ),
        regimen=regimen_of(about["regimen"]),
        steps=about["steps"],
        seeds=tuple(about["seeds"]),
        weights=tuple(arrays[f"weights.{k}"] for k in range(layers)),
        biases=tuple(arrays.get(f"biases.{k}") for k in range(layers)),
        losses=arrays["losses"],
        logged_steps=arrays["logged_steps"],
        logged_losses=arrays["logged_losses"],
        widths=arrays.get("widths"),
        cost=arrays["cost"],
        checkpoint_steps=moments,
        checkpoints=None if moments is None else tuple(arrays[f"checkpoints.{k}"] for k in range(layers)),
        checkpoint_biases=None
        if moments is None
        else tuple(arrays.get(f"checkpoint_biases.{k}") for k in range(layers)),
        about=About((), None, *about.get("names", ())),
        threshold=about.get("threshold", SOLVED),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
