"""MLPConfig: the shape of an MLP, and the weights that a seed gives it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

from mathcircuits.detect import Architecture, InputError
from mathcircuits.detect.networks import check_nonlinearity, check_units

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
DType = Literal["float32", "float64"]
#: One weight [out, in] and one bias [out] (or None) per linear layer.
Parameters = list[tuple["torch.Tensor", "torch.Tensor | None"]]
#: torch's CPU generator keeps the low 32 bits of a seed, so that larger seeds would repeat smaller ones.
SEED_LIMIT = 2**32


@dataclass(frozen=True)
class MLPConfig:
    """The shape of an MLP.

    Attributes:
        sizes: inputs, hidden widths, outputs.
        bias: whether linear layers have a bias; one truth value, or one per linear layer (read-out last).
        activation: one name for all hidden layers, or one per hidden layer
            (see `mathcircuits.detect.networks.nonlinearities.NAMES`).
        dtype: `"float32"` or `"float64"`.

    Raises:
        InputError: for a width below 1, an unknown activation or dtype, or lists of the wrong length.

    Examples:
        >>> MLPConfig(sizes=(2, 3, 1))
        MLPConfig(sizes=(2, 3, 1), bias=False, activation='relu', dtype='float32')
        >>> MLPConfig(sizes=(2, 4, 3, 1), activation=("relu", "identity")).architecture
        Architecture(2-4-3-1, relu, identity, no bias)
        >>> MLPConfig(sizes=(2, 0, 1))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: width 0 in hidden layer 0 of sizes (2, 0, 1): every layer needs
        at least one unit; leave the layer out or widen it
    """

    sizes: tuple[int, ...] = (2, 3, 1)
    bias: bool | tuple[bool, ...] = False
    activation: str | tuple[str, ...] = "relu"
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        sizes = _sizes(self.sizes)
        if self.dtype not in get_args(DType):
            raise InputError(f"dtype {self.dtype!r}: give 'float32' or 'float64'")
        bias = _one_or_each(self.bias, len(sizes) - 1, "bias", "linear layers")
        if any(not isinstance(value, bool) for value in (bias if isinstance(bias, tuple) else (bias,))):
            raise InputError(f"bias {self.bias!r}: give True or False, or one of them per linear layer")
        given = _one_or_each(self.activation, len(sizes) - 2, "activation", "hidden layers")
        names = tuple(check_nonlinearity(name) for name in (given if isinstance(given, tuple) else (given,)))
        for name, units in zip(
            names * (len(sizes) - 2) if len(names) == 1 else names, sizes[1:-1], strict=False
        ):
            check_units(name, units)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "bias", bias)
        object.__setattr__(self, "activation", names if isinstance(given, tuple) else names[0])

    @property
    def biases(self) -> tuple[bool, ...]:
        """Whether each linear layer has a bias."""
        return self.bias if isinstance(self.bias, tuple) else (self.bias,) * (len(self.sizes) - 1)

    @property
    def activations(self) -> tuple[str, ...]:
        """One activation name per hidden layer."""
        return (
            self.activation
            if isinstance(self.activation, tuple)
            else (self.activation,) * (len(self.sizes) - 2)
        )

    @property
    def hidden(self) -> tuple[int, ...]:
        """The hidden widths."""
        return self.sizes[1:-1]

    @property
    def architecture(self) -> Architecture:
        """The same shape in the terms of `mathcircuits.detect`."""
        return Architecture(self.sizes, self.activations, self.biases)


def initial_parameters(config: MLPConfig, seed: int) -> tuple[Parameters, torch.Generator]:
    """What `torch.manual_seed(seed)` and then building the `nn.Linear` layers in order would make.

    The global random state is neither read nor changed. The draws are single precision whatever the
    dtype, so that a seed names the same network in both: float64 weights are the float32 ones, widened.

    Returns:
        One (weight [out, in], bias [out] or None) per linear layer, and the generator after these draws,
        which goes on where torch's global one would.

    Raises:
        InputError: for a seed that is no integer from 0 to 2**32 - 1.

    Examples:
        >>> (weight, bias), *_ = initial_parameters(MLPConfig(sizes=(1, 2, 1)), seed=0)[0]
        >>> [round(w, 4) for w in weight.ravel().tolist()], bias
        ([-0.0075, 0.5364], None)
    """
    import math

    import torch

    generator = torch.Generator().manual_seed(check_seed(seed))
    dtype = getattr(torch, config.dtype)
    layers: Parameters = []
    for inputs, outputs, has_bias in zip(config.sizes[:-1], config.sizes[1:], config.biases, strict=True):
        # nn.Linear.reset_parameters: the same two calls in the same order, with a generator of our own.
        weight = torch.empty(outputs, inputs)
        torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
        bias = None
        if has_bias:
            bound = 1 / math.sqrt(inputs)
            bias = torch.nn.init.uniform_(torch.empty(outputs), -bound, bound, generator=generator).to(dtype)
        layers.append((weight.to(dtype), bias))
    return layers, generator


def check_seed(seed: int) -> int:
    """The seed as a Python integer.

    Raises:
        InputError: for anything but an integer from 0 to 2**32 - 1.

    Examples:
        >>> check_seed(-1)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: seed -1: give an integer from 0 to 4294967295
        (torch keeps 32 bits of it)
    """
    remedy = f"give an integer from 0 to {SEED_LIMIT - 1} (torch keeps 32 bits of it)"
    try:
        number = operator.index(seed)
    except TypeError:
        raise InputError(f"seed {seed!r}: {remedy}") from None
    if isinstance(seed, bool) or not 0 <= number < SEED_LIMIT:
        raise InputError(f"seed {seed!r}: {remedy}")
    return number


def _sizes(given: Sequence[int]) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in given)
    except TypeError:
        raise InputError(
            f"sizes {given!r}: give integers (inputs, hidden widths, outputs), such as (2, 3, 1)"
        ) from None
    if len(sizes) < 2:
        raise InputError(f"sizes {sizes}: give at least inputs and outputs, such as (2, 3, 1)")
    for k, size in enumerate(sizes):
        if size < 1:
            place = "inputs" if k == 0 else "outputs" if k == len(sizes) - 1 else f"hidden layer {k - 1}"
            raise InputError(
                f"width {size} in {place} of sizes {sizes}: every layer needs at least one unit; "
                "leave the layer out or widen it"
            )
    return sizes


def _one_or_each(given: T | Sequence[T], layers: int, name: str, what: str) -> T | tuple[T, ...]:
    """One value for all layers where they agree, else one per layer."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return given
    values = tuple(given)
    if len(values) != layers:
        raise InputError(f"{len(values)} values of {name} for {layers} {what}: give one, or one each")
    return values[0] if len(set(values)) == 1 else values
