"""What lies between linear layers and has tensors of its own: BatchNorm, which is folded, and PReLU's slopes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mathcircuits.detect.networks import check_nonlinearity

from ..refusals import Unreadable
from .tensor_names import Layer

Array = npt.NDArray[np.float64]

#: torch's default; a state dict does not keep it.
EPSILON = 1e-5
_PRELU = re.compile(r"p?relu_?\d*|act(ivation)?s?_?\d*|nonlin(earity)?_?\d*|a_?\d*")
_MODULE = "pass the module itself to load(), which says where it stands"


@dataclass(frozen=True, eq=False)
class Between:
    """Something between two layers.

    Attributes:
        name: its dotted name.
        slopes: PReLU's slopes [units] or [1]; None for a normalisation.
        scale, shift: what a normalisation does to each unit, z -> scale z + shift; None for a PReLU.
    """

    name: str
    slopes: Array | None = None
    scale: Array | None = None
    shift: Array | None = None

    @property
    def components(self) -> tuple[str, ...]:
        """The parts of the name."""
        return tuple(self.name.split("."))


def betweens_of(arrays: dict[str, Array]) -> list[Between]:
    """Take BatchNorm's and PReLU's tensors out of the arrays.

    Raises:
        Unreadable: for LayerNorm and its kind, which depend on the whole sample.

    Examples:
        >>> arrays = {"1.running_mean": np.zeros(2), "1.running_var": np.ones(2), "0.weight": np.ones((2, 2))}
        >>> [found.name for found in betweens_of(arrays)], list(arrays)
        (['1'], ['0.weight'])
    """
    found: list[Between] = []
    for name in [name for name in arrays if name.rpartition(".")[2] == "running_mean"]:
        own = name.rpartition(".")[0]
        start = f"{own}." if own else ""
        mean, var = arrays.pop(name), arrays.pop(f"{start}running_var", None)
        arrays.pop(f"{start}num_batches_tracked", None)
        if var is None:
            raise Unreadable(f"{name} has no running_var beside it", "save the whole state dict")
        scale = arrays.pop(f"{start}weight", np.ones_like(mean)) / np.sqrt(var + EPSILON)
        shift = arrays.pop(f"{start}bias", np.zeros_like(mean)) - scale * mean
        found.append(Between(own, scale=scale, shift=shift))
    widths = [array.shape for array in arrays.values() if array.ndim == 2]
    for name in [
        name for name, array in arrays.items() if array.ndim == 1 and name.split(".")[-1] == "weight"
    ]:
        own = name.rpartition(".")[0]
        last = next((part for part in reversed(own.split(".")) if not part.isdigit()), "").lower()
        alone = f"{own}.bias" not in arrays
        if alone and "norm" not in last and "ln" not in last and widths:
            single = arrays[name].size == 1 and any(shape[0] > 1 for shape in widths)
            if single or _PRELU.fullmatch(last):
                found.append(Between(own, slopes=arrays.pop(name)))
                continue
        kind = (
            "LayerNorm's, which depends on the whole sample"
            if not alone
            else ("RMSNorm's or a PReLU's: its name does not say which")
        )
        raise Unreadable(
            f"{name} has shape {arrays[name].shape}, a normalisation layer's ({kind})",
            "an MLP has linear layers, activation functions and BatchNorm alone" if not alone else _MODULE,
        )
    return found


def folded(layers: Sequence[Layer], betweens: Sequence[Between]) -> tuple[list[Layer], list[str]]:
    """The layers with every BatchNorm folded into one of its neighbours, and sentences on that.

    Numbers in one nn.Sequential say where it stands: directly behind a linear layer, or directly in front of
    one with an activation function before it.

    Raises:
        Unreadable: where they do not say.

    Examples:
        >>> net = [Layer("0", np.ones((1, 1)), None), Layer("3", np.ones((1, 1)), None)]
        >>> norm = Between("1", scale=np.array([2.0]), shift=np.array([1.0]))
        >>> found, said = folded(net, [norm])
        >>> found[0].weight.tolist(), found[0].bias.tolist(), said
        ([[2.0]], [1.0], ['the epsilon of 1 (BatchNorm) is 1e-05'])
    """
    done, said = list(layers), []
    for norm in betweens:
        if norm.scale is None or norm.shift is None:
            continue
        before, after = _neighbours(norm, done)
        behind = before is not None and _number(norm) == _number(done[before]) + 1
        ahead = after is not None and _number(done[after]) == _number(norm) + 1
        if before is not None and behind:
            layer = done[before]
            _check_width(norm, layer.out)
            bias = norm.shift if layer.bias is None else norm.scale * layer.bias + norm.shift
            done[before] = replace(layer, weight=norm.scale[:, None] * layer.weight, bias=bias)
        elif after is not None and ahead and (before is not None or after == 0):
            layer = done[after]
            _check_width(norm, layer.into)
            moved = layer.weight @ norm.shift
            bias = moved if layer.bias is None else layer.bias + moved
            done[after] = replace(layer, weight=layer.weight * norm.scale, bias=bias)
        else:
            raise Unreadable(
                f"{norm.name} is a BatchNorm layer, and its name does not say whether it stands before or behind "
                "an activation function",
                _MODULE,
            )
        said.append(f"the epsilon of {norm.name} (BatchNorm) is {EPSILON:g}")
    return done, said


def slopes_between(layers: Sequence[Layer], betweens: Sequence[Between]) -> list[str | None]:
    """The name of the PReLU behind each hidden layer, None where none is stored.

    Raises:
        Unreadable: where a PReLU's place cannot be told.

    Examples:
        >>> net = [Layer(str(k), np.ones((2, 2)), None) for k in (0, 2)]
        >>> slopes_between(net, [Between("1", slopes=np.array([0.25]))])
        ['leaky_relu(0.25)']
    """
    stored = [between for between in betweens if between.slopes is not None]
    hidden: list[str | None] = [None] * (len(layers) - 1)
    if not stored:
        return hidden
    if len(stored) == 1 and (
        _neighbours(stored[0], layers) == (None, None) or _neighbours(stored[0], layers)[1] is None
    ):
        return [_prelu(stored[0], layer.out) for layer in layers[:-1]]
    placed = [_neighbours(between, layers)[0] for between in stored]
    if None in placed or len(set(placed)) < len(placed):
        if len(stored) != len(hidden):
            raise Unreadable(f"{stored[0].name} is a PReLU whose place its name does not say", _MODULE)
        placed = list(range(len(hidden)))
        stored.sort(key=lambda between: [int(d) for d in re.findall(r"\d+", between.name)])
    for place, between in zip(placed, stored, strict=True):
        if place is None or place >= len(hidden):
            raise Unreadable(f"{between.name} is a PReLU behind the last layer", _MODULE)
        hidden[place] = _prelu(between, layers[place].out)
    return hidden


def _prelu(between: Between, units: int) -> str:
    slopes = between.slopes if between.slopes is not None else np.zeros(1)
    if slopes.size not in (1, units):
        raise Unreadable(
            f"{between.name} has {slopes.size} slopes for {units} units", "give one, or one a unit"
        )
    return check_nonlinearity(f"prelu({','.join(repr(float(s)) for s in slopes.ravel())})")


def _neighbours(between: Between, layers: Sequence[Layer]) -> tuple[int | None, int | None]:
    """The layers in front of and behind something in its nn.Sequential, by number."""
    own = between.components
    if not own[-1].isdigit():
        return None, None
    at = {
        int(layer.components[-1]): k
        for k, layer in enumerate(layers)
        if layer.components[:-1] == own[:-1] and layer.components[-1].isdigit()
    }
    before = [number for number in at if number < int(own[-1])]
    after = [number for number in at if number > int(own[-1])]
    return at[max(before)] if before else None, at[min(after)] if after else None


def _number(named: Between | Layer) -> int:
    return int(named.components[-1])


def _check_width(norm: Between, units: int) -> None:
    if norm.scale is not None and norm.scale.size != units:
        raise Unreadable(f"{norm.name} (BatchNorm) has {norm.scale.size} values for {units} units", _MODULE)
