"""The shape of an MLP and the hook names of its values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    pass

from .nonlinearities import check_units, short_name, with_one_slope

HOOK_INPUT = "hook_input"


HOOK_OUTPUT = "hook_output"


def hook_pre(block: int) -> str:
    """The hook name of block `block`'s pre-activations.

    Examples:
        >>> hook_pre(0)
        'blocks.0.mlp.hook_pre'
    """
    return f"blocks.{block}.mlp.hook_pre"


def hook_post(block: int) -> str:
    """The hook name of block `block`'s activations.

    Examples:
        >>> hook_post(1)
        'blocks.1.mlp.hook_post'
    """
    return f"blocks.{block}.mlp.hook_post"


def hook_names(blocks: int) -> tuple[str, ...]:
    """All hook names of an MLP with that many hidden layers, in the order of the forward pass.

    Examples:
        >>> hook_names(1)
        ('hook_input', 'blocks.0.mlp.hook_pre', 'blocks.0.mlp.hook_post', 'hook_output')
    """
    inner = [name for block in range(blocks) for name in (hook_pre(block), hook_post(block))]
    return (HOOK_INPUT, *inner, HOOK_OUTPUT)


@dataclass(frozen=True)
class Architecture:
    """The shape of an MLP, on which a null of untrained networks depends.

    Attributes:
        sizes: inputs, hidden widths, outputs.
        activations: one name per hidden layer; `"identity"` for a purely linear one.
        bias: whether each linear layer (hidden ones and the read-out) has a bias.

    Examples:
        >>> shape = Architecture((2, 3, 1), ("relu",), (False, False))
        >>> shape, shape.active
        (Architecture(2-3-1, relu, no bias), (0,))
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    bias: tuple[bool, ...]

    def __post_init__(self) -> None:
        for name in ("sizes", "activations", "bias"):
            # Hashed by the caches of nulls, so lists will not do.
            object.__setattr__(self, name, tuple(getattr(self, name)))
        layers = len(self.sizes) - 1
        if layers < 1 or min(self.sizes) < 1:
            raise InputError(f"sizes {self.sizes}: give inputs, hidden widths and outputs, each at least 1")
        if len(self.activations) != layers - 1 or len(self.bias) != layers:
            raise InputError(
                f"sizes {self.sizes} have {layers - 1} hidden layers and {layers} linear ones: got "
                f"{len(self.activations)} activations and {len(self.bias)} bias flags, give one each"
            )
        for name, units in zip(self.activations, self.sizes[1:-1], strict=True):
            check_units(name, units)

    @property
    def active(self) -> tuple[int, ...]:
        """The blocks that have an activation function; `layer` in every table counts these."""
        return tuple(block for block, name in enumerate(self.activations) if name != "identity")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each linear layer begins in a vector of all parameters, and its length; a weight precedes its bias.

        Examples:
            >>> Architecture((2, 3, 1), ("relu",), (True, False)).offsets
            (0, 9, 12)
        """
        layers = zip(self.sizes[:-1], self.sizes[1:], self.bias, strict=True)
        return (0, *accumulate(outputs * (inputs + bias) for inputs, outputs, bias in layers))

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return self.offsets[-1]

    @property
    def null_activations(self) -> tuple[str, ...]:
        """The activations of the null's untrained networks: a PReLU layer is leaky there, with its mean slope.

        Slopes of single units are weights of theirs, which the null's units do not have.

        Examples:
            >>> Architecture((1, 2, 1), ("prelu(0.25,0.75)",), (False, False)).null_activations
            ('leaky_relu(0.5)',)
        """
        return tuple(with_one_slope(name) for name in self.activations)

    @property
    def has_bias(self) -> bool:
        """Whether any layer has a bias."""
        return any(self.bias)

    def __repr__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        shown = [short_name(name) for name in self.activations]
        names = shown[0] if len(set(self.activations)) == 1 else ", ".join(shown)
        bias = "bias" if all(self.bias) else "some bias" if any(self.bias) else "no bias"
        return f"Architecture({', '.join(part for part in (sizes, names, bias) if part)})"
