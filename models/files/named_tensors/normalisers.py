"""Normalisers kept beside a network's weights: means and standard deviations of its inputs or outputs, folded in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .contents import is_tensor
from .tensor_names import Layer

Array = npt.NDArray[np.float64]

_IN = {
    "x",
    "in",
    "input",
    "inputs",
    "obs",
    "observation",
    "observations",
    "state",
    "states",
    "feature",
    "features",
}
_OUT = {"y", "out", "output", "outputs", "target", "targets", "label", "labels", "ret", "return", "returns"}
_BASES = {
    "mean": "mean", "mean_": "mean", "means": "mean", "mu": "mean", "avg": "mean", "center": "mean",
    "std": "std", "std_": "std", "stds": "std", "sigma": "std", "stdev": "std", "stddev": "std", "scale_": "std",
    "std_dev": "std", "var": "var", "var_": "var", "variance": "var", "min_": "min",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Normaliser:
    """z -> (z - mean) / std, unit by unit, as it is stored.

    Attributes:
        name: where it is stored.
        mean, std: one value per input or output.
        side: `"inputs"`, `"outputs"`, or `""` where its name does not say.
        keys: the names of its tensors.
    """

    name: str
    mean: Array
    std: Array
    side: str
    keys: tuple[str, ...]


def normalisers_in(values: Mapping[str, Any]) -> list[Normaliser]:
    """The pairs of a mean and a standard deviation (or a variance) among tensors and lists of numbers.

    Examples:
        >>> found = normalisers_in({"scaler.mean_": np.array([5.0]), "scaler.var_": np.array([4.0])})
        >>> [(n.name, n.mean.tolist(), n.std.tolist(), n.side) for n in found]
        [('scaler', [5.0], [2.0], '')]
        >>> [n.side for n in normalisers_in({"x_mean": [1.0, 2.0], "x_std": [1.0, 1.0]})]
        ['inputs']
    """
    groups: dict[tuple[str, str], dict[str, tuple[str, Array]]] = {}
    for key, value in values.items():
        parent, _, last = key.rpartition(".")
        parsed = _parsed(last)
        array = _vector(value)
        if parsed is None or array is None:
            continue
        base, label = parsed
        groups.setdefault((parent, label), {})[base] = key, array
    found = []
    for (parent, label), pair in groups.items():
        spread = pair.get("std") or pair.get("var")
        # MinMaxScaler's scale_ stands beside min_ and multiplies.
        if "mean" not in pair or spread is None or "min" in pair:
            continue
        mean = pair["mean"][1]
        std = spread[1] if "std" in pair else np.sqrt(np.maximum(spread[1], 0.0))
        if mean.shape != std.shape or not (
            np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()
        ):
            continue
        words = {label, *re.split(r"[._]", parent.lower())}
        side = (
            "inputs"
            if words & _IN and not words & _OUT
            else "outputs"
            if words & _OUT and not words & _IN
            else ""
        )
        name = ".".join(part for part in (parent, label) if part) or pair["mean"][0]
        keys = tuple(entry[0] for entry in pair.values())
        found.append(Normaliser(name, mean, std, side, keys))
    return found


def fold(
    layers: Sequence[Layer], normalisers: Sequence[Normaliser]
) -> tuple[list[Layer], list[str], set[str]]:
    """Layers with every normaliser folded in whose place its name or its size says.

    Inputs are (x - mean) / std before the first layer; outputs are y std + mean behind the last one.

    Returns:
        The layers, a sentence for each that was folded in, and the names of its tensors.

    Examples:
        >>> net = [Layer("0", np.ones((1, 2)), None)]
        >>> [own] = normalisers_in({"n.mean": np.array([1.0, 3.0]), "n.std": np.array([2.0, 2.0])})
        >>> found, said, used = fold(net, [own])
        >>> found[0].weight.tolist(), found[0].bias.tolist(), sorted(used)
        ([[0.5, 0.5]], [-2.0], ['n.mean', 'n.std'])
    """
    done, said, used = list(layers), [], set[str]()
    sides: set[str] = set()
    for own in normalisers:
        fits = [
            side
            for side, units in (("inputs", done[0].into), ("outputs", done[-1].out))
            if own.mean.size == units and own.side in ("", side)
        ]
        if len(fits) != 1 or fits[0] in sides:
            continue
        sides.add(fits[0])
        used |= set(own.keys)
        if fits[0] == "inputs":
            first = done[0]
            weight = first.weight / own.std
            moved = -(weight @ own.mean)
            done[0] = replace(first, weight=weight, bias=moved if first.bias is None else first.bias + moved)
            said.append(
                f"the inputs are normalised by {own.name}, (x - mean) / std, folded into the first layer"
            )
        else:
            last = done[-1]
            bias = own.mean if last.bias is None else last.bias * own.std + own.mean
            done[-1] = replace(last, weight=last.weight * own.std[:, None], bias=bias)
            said.append(
                f"the outputs are scaled back by {own.name}, y std + mean, folded into the last layer"
            )
    return done, said, used


def is_statistic(key: str) -> bool:
    """Whether the last part of a name is that of a mean, a standard deviation or a variance.

    Examples:
        >>> is_statistic("x_mean"), is_statistic("std"), is_statistic("scale")
        (True, True, False)
    """
    return _parsed(key) is not None


def speaks_of_normalising(key: str) -> bool:
    """Whether a plain value's name is that of a normalisation that is kept as numbers.

    Examples:
        >>> speaks_of_normalising("data.mean"), speaks_of_normalising("loss_mean"), speaks_of_normalising("lr")
        (True, False, False)
    """
    parent, _, last = key.lower().rpartition(".")
    return (
        _parsed(last) is not None
        or last in ("offset", "scale", "shift")
        or bool(re.search(r"normali[sz]|scaler|standardi[sz]|preproc|whiten", parent))
    )


def _parsed(key: str) -> tuple[str, str] | None:
    """(mean, std, var or min; x, y or nothing) of a key's last part."""
    plain = key.lower()
    if plain in _BASES:
        return _BASES[plain], ""
    first, _, rest = plain.partition("_")
    if rest in _BASES and first in _IN | _OUT:
        return _BASES[rest], first
    rest, _, last = plain.rpartition("_")
    if rest in _BASES and last in _IN | _OUT:
        return _BASES[rest], last
    return None


def _vector(value: Any) -> Array | None:
    if is_tensor(value):
        value = value.detach().cpu().double().numpy() if hasattr(value, "detach") else value
        array = np.asarray(value)
    elif (
        isinstance(value, list | tuple)
        and value
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    ):
        array = np.array(value, dtype=float)
    else:
        return None
    if (
        array.dtype.kind not in "fiu"
        or array.ndim > 2
        or (array.ndim == 2 and 1 not in array.shape)
        or not array.ndim
    ):
        return None
    return array.astype(np.float64).reshape(-1)
