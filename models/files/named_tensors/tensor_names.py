"""The names of tensors in other people's files: which layer, and whether its weight or its bias."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..refusals import Unreadable

Array = npt.NDArray[np.float64]

_WEIGHTS = "weights?|kernel|matrix|coefs?_?|[Ww]eights?|W|w|theta"
_BIASES = "bias(?:es)?|intercepts?_?|offset|b|[Bb]ias(?:es)?"
_ROLE = f"(?P<weight>{_WEIGHTS})|(?P<bias>{_BIASES})"
# layer.weight, layer/kernel:0, weight, W0, weight_2: the role comes last, perhaps with a number.
_LAST = re.compile(rf"(?:(?P<prefix>.*)\.)?(?:{_ROLE})_?(?P<number>\d*)", re.DOTALL)
# fc1_weight, layer_1_b.
_UNDERSCORED = re.compile(rf"(?P<prefix>.+)_(?:{_ROLE})(?P<number>)", re.DOTALL)
# W_in, b_out, weights_hidden, W_h1, Wx: the role comes first.
_FIRST = re.compile(
    rf"(?:(?P<prefix>.*)\.)?(?:{_ROLE})(?:_|(?<=[Ww])(?=[a-z]\d*$)|(?<=b)(?=[hioxyz]\d*$))(?P<number>\w+)",
    re.DOTALL,
)
_NUMBERED = re.compile(r"arr_(\d+)|(\d+)")
#: Kinds of name under which a layer's weight lies [in, out], whatever else the file holds.
_IN_OUT = re.compile(r"kernel|coefs?_?")
_MLP_ONLY = "only the weights [out, in] and biases [out] of linear layers can be read as an MLP"


@dataclass(frozen=True, eq=False)
class Layer:
    """One linear layer's tensors under their common name.

    Attributes:
        name: dotted; `""` where the tensors have no name but their role.
        weight: [out, in], or as it lies in the file until its orientation is settled.
        bias: [out], or None.
        in_out: whether the weight's own name says that it lies [in, out].
        place: position among the file's tensors.
    """

    name: str
    weight: Array
    bias: Array | None
    in_out: bool = False
    place: int = 0

    @property
    def components(self) -> tuple[str, ...]:
        """The parts of the name."""
        return tuple(self.name.split(".")) if self.name else ()

    @property
    def last(self) -> str:
        """The last part of the name that is no number, in lower case."""
        words = [part for part in self.components if not part.isdigit()]
        return words[-1].lower() if words else ""

    def turned(self) -> Layer:
        """The same with its weight transposed."""
        return replace(self, weight=self.weight.T)

    @property
    def out(self) -> int:
        """The number of its units, where the weight lies [out, in]."""
        return int(self.weight.shape[0])

    @property
    def into(self) -> int:
        """The number of its inputs, where the weight lies [out, in]."""
        return int(self.weight.shape[1])


def layers_of(arrays: Mapping[str, Array]) -> list[Layer]:
    """The linear layers whose weights and biases these are, in the order of the arrays.

    Raises:
        Unreadable: for an array that no linear layer has.

    Examples:
        >>> found = layers_of({"fc1_weight": np.ones((3, 2)), "fc1_bias": np.ones(3), "W_out": np.ones((1, 3))})
        >>> [(layer.name, layer.weight.shape) for layer in found]
        [('fc1', (3, 2)), ('out', (1, 3))]
    """
    if all(_NUMBERED.fullmatch(name) for name in arrays):
        return _in_pairs(arrays)
    weights: dict[str, tuple[Array, bool, int]] = {}
    biases: dict[str, Array] = {}
    for place, (name, array) in enumerate(arrays.items()):
        parsed = role_of(name)
        if parsed is None:
            raise Unreadable(
                f"{name} of shape {array.shape} is not a linear layer's weight or bias", _MLP_ONLY
            )
        layer, is_weight, in_out = parsed
        if layer in (weights if is_weight else biases):
            raise Unreadable(f"{name} is the second weight or bias of one layer", _MLP_ONLY)
        if is_weight:
            weights[layer] = two_axes(array, name), in_out, place
        else:
            biases[layer] = _one_axis(array, name)
    for layer, bias in biases.items():
        if layer not in weights:
            raise Unreadable(f"layer {layer!r} has a bias of shape {bias.shape} and no weight", _MLP_ONLY)
    return [
        Layer(name, weight, biases.get(name), in_out, place)
        for name, (weight, in_out, place) in weights.items()
    ]


def role_of(name: str) -> tuple[str, bool, bool] | None:
    """(layer, whether it is a weight, whether that lies [in, out]) of a tensor's name; None for another name.

    Examples:
        >>> role_of("net.2.weight"), role_of("dense_1/kernel:0"), role_of("b_1")
        (('net.2', True, False), ('dense_1', True, True), ('1', False, False))
        >>> role_of("running_mean") is None
        True
    """
    plain = re.sub(r":\d+$", "", name).replace("/", ".")
    match = _LAST.fullmatch(plain) or _UNDERSCORED.fullmatch(plain) or _FIRST.fullmatch(plain)
    if match is None:
        return None
    layer = ".".join(part for part in (match["prefix"], match["number"]) if part)
    # A layer called twice over, as Keras and Haiku do, has one name.
    role = match["weight"]
    return layer, role is not None, bool(role and _IN_OUT.fullmatch(role))


def two_axes(array: Array, name: str) -> Array:
    """The array, where it has the two axes of a linear layer's weight.

    Raises:
        Unreadable: for any other number of axes, with what has as many.

    Examples:
        >>> two_axes(np.ones((2, 1, 3, 3)), "conv.weight")
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: conv.weight has shape (2, 1, 3, 3), a convolution's; ...
    """
    if array.ndim == 2:
        return array
    kind = {1: "a normalisation layer's", 3: "several networks' or a 1d convolution's", 4: "a convolution's"}
    raise Unreadable(
        f"{name} has shape {array.shape}, {kind.get(array.ndim, 'no linear layer' + chr(39) + 's')}",
        _MLP_ONLY,
    )


def _one_axis(array: Array, name: str) -> Array:
    if array.ndim == 2 and 1 in array.shape:
        return array.reshape(-1)
    if array.ndim == 0:
        return array.reshape(1)
    if array.ndim > 2 or array.ndim == 2:
        raise Unreadable(f"{name} has shape {array.shape}: a bias has one value per unit", _MLP_ONLY)
    return array


def _in_pairs(arrays: Mapping[str, Array]) -> list[Layer]:
    """arr_0, arr_1, ...: each matrix is a layer, and the vector behind it its bias."""
    found: list[Layer] = []
    names = sorted(arrays, key=lambda name: int(re.sub(r"\D", "", name)))
    for place, name in enumerate(names):
        array = arrays[name]
        if array.ndim < 2:
            if not found or found[-1].bias is not None:
                raise Unreadable(f"{name} of shape {array.shape} follows no weight without a bias", _MLP_ONLY)
            found[-1] = replace(found[-1], bias=_one_axis(array, name))
        else:
            found.append(Layer(re.sub(r"\D", "", name), two_axes(array, name), None, place=place))
    return found
