"""Recorded activations: inputs, and values by TransformerLens hook name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .box import as_floats, check_inputs
from .errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from .network import Architecture, Network

HOOK_INPUT = "hook_input"
HOOK_OUTPUT = "hook_output"
_POST = re.compile(r"blocks\.([0-9]+)\.mlp\.hook_post")


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


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """One hook's values, which know the inputs that they were recorded on; goes wherever an array goes.

    Attributes:
        values: [n, units].
        hook: the hook's name.
        inputs_id: `Activations.inputs_id` of the run.

    Examples:
        >>> acts = Activations({"hook_input": [[0.0], [1.0]], "hook_output": [[0.0], [2.0]]})
        >>> layer = acts.at("hook_output")
        >>> layer, np.asarray(layer).ravel().tolist(), layer.inputs_id == acts.inputs_id
        (LayerActivations('hook_output', [2, 1]), [0.0, 2.0], True)
    """

    values: npt.NDArray[np.float64]
    hook: str
    inputs_id: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"LayerActivations({self.hook!r}, {list(self.values.shape)})"


@dataclass(frozen=True, eq=False)
class Activations(Mapping[str, npt.NDArray[np.float64]]):
    """What one run of a network recorded: a Mapping from hook name to values [n, units].

    Attributes:
        recorded: hook name -> float array [n, units], all with the same n.
        architecture: the shape of the network, which the nulls are drawn for; None where unknown.
        network: the weights, where they are known (weight-level evidence needs them).
        inputs_id: a hash of the inputs' values and shape: equal exactly for runs on the same inputs in the
            same order, which is what comparisons of two networks check.

    Examples:
        >>> acts = Activations({"hook_input": [[0.0], [1.0]], "hook_output": [[0.0], [2.0]]})
        >>> acts["hook_output"].ravel().tolist(), acts.n, acts
        ([0.0, 2.0], 2, Activations(n=2, hooks=2))
        >>> acts["hook_ouput"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no hook named 'hook_ouput':
        did you mean 'hook_output'? (recorded: hook_input, hook_output)
    """

    recorded: Mapping[str, npt.NDArray[np.float64]]
    architecture: Architecture | None = None
    network: Network | None = None
    inputs_id: str = field(init=False)

    def __post_init__(self) -> None:
        if HOOK_INPUT not in self.recorded:
            raise InputError(
                f"activations without {HOOK_INPUT!r}: record the inputs too, they say what was seen"
            )
        inputs = check_inputs(self.recorded[HOOK_INPUT])
        checked = {HOOK_INPUT: inputs}
        for name, given in self.recorded.items():
            if name == HOOK_INPUT:
                continue
            array = as_floats(given)
            if array is None:
                raise InputError(
                    f"{name} is not numeric: give an array [{len(inputs)}, units] of real numbers"
                )
            if array.ndim != 2 or len(array) != len(inputs):
                raise InputError(
                    f"{name} has shape {array.shape}: expected [{len(inputs)}, units], one row per input"
                )
            if not np.isfinite(array).all():
                raise InputError(
                    f"{name} holds NaN or infinite values: the network overflows on these inputs, "
                    "or an intervention returned them"
                )
            checked[name] = array
        object.__setattr__(self, "recorded", checked)
        digest = hashlib.sha256(np.ascontiguousarray(inputs).tobytes() + repr(inputs.shape).encode())
        object.__setattr__(self, "inputs_id", digest.hexdigest()[:16])

    def shape(self) -> Architecture:
        """The architecture, which every null is drawn for.

        Raises:
            InputError: where it is not known.
        """
        if self.architecture is None:
            raise InputError(
                "these activations do not say what network they come from, so there is no null: record them with "
                "mathcircuits.models.record, or pass Activations(..., architecture=Architecture(sizes, "
                "activations, bias))"
            )
        return self.architecture

    def at(self, hook: str) -> LayerActivations:
        """One hook's values together with the identity of the inputs, for the similarity measures.

        Raises:
            UnknownNameError: for a hook that was not recorded.
        """
        return LayerActivations(self[hook], hook, self.inputs_id)

    @property
    def inputs(self) -> npt.NDArray[np.float64]:
        """The inputs [n, d]."""
        return self.recorded[HOOK_INPUT]

    @property
    def outputs(self) -> npt.NDArray[np.float64]:
        """The outputs [n, outputs]."""
        return self[HOOK_OUTPUT]

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.inputs)

    @property
    def blocks(self) -> tuple[int, ...]:
        """The blocks whose activations were recorded, in order."""
        found = [_POST.fullmatch(name) for name in self.recorded]
        return tuple(sorted(int(match.group(1)) for match in found if match))

    def __getitem__(self, name: str) -> npt.NDArray[np.float64]:
        try:
            return self.recorded[name]
        except KeyError:
            raise UnknownNameError(
                "hook", name, self.recorded, f"recorded: {', '.join(self.recorded)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.recorded)

    def __len__(self) -> int:
        return len(self.recorded)

    def __eq__(self, other: object) -> bool:
        # Mapping's own == would ask an array for its truth.
        if not isinstance(other, Activations):
            return NotImplemented
        return self.recorded.keys() == other.recorded.keys() and all(
            np.array_equal(values, other.recorded[name]) for name, values in self.recorded.items()
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none, and values may be written into

    def __repr__(self) -> str:
        return f"Activations(n={self.n}, hooks={len(self)})"
