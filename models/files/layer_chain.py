"""A chain of layers read one step at a time into a Network, or refused with the layer and the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.networks import NAMES, apply_nonlinearity, leaky_slope

Array = npt.NDArray[np.float64]
Pointwise = Callable[[Array], Array]

#: The most weights that are read: 2 GiB as float64, ten times what can be analysed in a day.
MAX_VALUES = 2**28
# Where an unknown element-wise function is compared with the known ones. Beyond |z| = 6 all of them are
# linear or saturated; the two forms of gelu differ by up to 5e-4 in between.
_PROBE = np.linspace(-6.0, 6.0, 193)
# Constants such as sqrt(2) are stored in single precision (relative 6e-8), and gelu's cube amplifies them.
_PROBE_TOLERANCE = 1e-5


class Unreadable(InputError):
    """What cannot be read as an MLP: the layer and the reason, before the file's or object's name is known.

    Examples:
        >>> str(Unreadable("layer 'conv' (Conv2d) is none of an MLP's", "export the MLP alone"))
        "layer 'conv' (Conv2d) is none of an MLP's; export the MLP alone"
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem + (f"; {remedy}" if remedy else ""))


@dataclass(frozen=True)
class Reading:
    """A network as it was read, and the precision in which its weights were stored.

    Attributes:
        network: the weights as float64, which holds every narrower float exactly.
        dtype: `"float32"` where every weight is one exactly and none was stored wider, else `"float64"`.
    """

    network: Network
    dtype: str


def read(network: Network, dtypes: Iterable[object]) -> Reading:
    """The Reading of a network whose arrays were stored in those dtypes (numpy's or torch's, by name).

    Examples:
        >>> [read(Network(weights=[[[weight]]]), ["float16"]).dtype for weight in (0.5, 0.1)]
        ['float32', 'float64']
    """
    wide = any("64" in str(dtype) for dtype in dtypes)
    arrays = (*network.weights, *network.bias_vectors)
    # Folding a scale into the weights (ONNX's alpha) can leave single precision.
    with np.errstate(over="ignore"):
        exact = not wide and all(np.array_equal(a, a.astype(np.float32)) for a in arrays)
    return Reading(network, "float32" if exact else "float64")


@dataclass(frozen=True, eq=False)
class Value:
    """A computed tensor [n, units]: `layer` linear layers, a bias, and an element-wise function since then.

    Attributes:
        layer: how many linear layers lie behind it; 0 is the network's input.
        bias: the bias [units] of the last of them, or None; tensors with different biases differ.
        function: what was applied element by element since, or None.
        name: that function's name where it is known by name.
        columns: whether samples are columns ([units, n]); None where either will do (the input).
    """

    layer: int = 0
    bias: Array | None = None
    function: Pointwise | None = None
    name: str | None = None
    columns: bool | None = None


class Chain:
    """Collects linear layers and activation functions in the order of the forward pass.

    Examples:
        >>> chain = Chain()
        >>> z = chain.linear(Value(), np.array([[1.0], [-1.0]]), None, "0")
        >>> h = chain.named(z, "relu", "1")
        >>> chain.finish(chain.linear(h, np.array([[1.0, 1.0]]), None, "2"))([[-3.0]]).tolist()
        [[3.0]]
    """

    def __init__(self) -> None:
        self._weights: list[Array] = []
        self._biases: list[Array | None] = []
        self._activations: list[str] = []
        self._labels: list[str] = []

    def width(self, value: Value) -> int | None:
        """The units of a value; None for the input before the first linear layer."""
        return len(self._weights[value.layer - 1]) if value.layer else None

    def linear(
        self, value: Value, weight: Array, bias: Array | None, label: str, columns: bool | None = None
    ) -> Value:
        """The value behind a linear layer with weight [out, in] and bias [out]."""
        if weight.ndim != 2 or 0 in weight.shape:
            raise Unreadable(f"{label} has a weight of shape {weight.shape}, expected [out, in]", _ONLY)
        if value.layer != len(self._weights):
            other = self._labels[value.layer]
            raise Unreadable(
                f"{label} and {other} read the same tensor: the network branches",
                "an MLP is one chain of layers",
            )
        self._close(value, label)
        units = self.width(value)
        if units is not None and weight.shape[1] != units:
            raise Unreadable(
                f"{label} takes {weight.shape[1]} values, but the layer before it gives {units}", _ONLY
            )
        self._weights.append(weight)
        self._labels.append(label)
        fresh = Value(layer=value.layer + 1, columns=columns)
        return fresh if bias is None else self.add(fresh, bias, label)

    def add(self, value: Value, bias: Array, label: str) -> Value:
        """The value with a bias added: [out], or one number for all units."""
        if value.layer == 0 or value.function is not None:
            where = "before the first linear layer" if value.layer == 0 else "behind an activation function"
            raise Unreadable(
                f"{label} adds a constant {where}", "fold it into the next layer's bias: b + W c"
            )
        units = len(self._weights[value.layer - 1])
        if bias.size not in (1, units):
            raise Unreadable(f"{label} adds {bias.shape} to {units} units", "a bias has one value per unit")
        vector = np.broadcast_to(bias.reshape(-1), (units,))
        return replace(value, bias=np.array(vector if value.bias is None else value.bias + vector))

    def named(self, value: Value, name: str, label: str) -> Value:
        """The value behind an activation function that is known by name."""
        if name == "identity":
            return value
        return self.pointwise(
            [value], lambda z: np.asarray(apply_nonlinearity(name, z), dtype=np.float64), label, name
        )

    def pointwise(
        self, values: Sequence[Value], function: Callable[..., Array], label: str, name: str | None = None
    ) -> Value:
        """An element-wise function of values that rest on the same linear layer (gelu: z times erf of z)."""
        base = values[0]
        if any(v.layer != base.layer or v.bias is not base.bias for v in values):
            raise Unreadable(
                f"{label} joins two tensors: a skip connection or a gate", "an MLP is one chain of layers"
            )
        known = name if all(v.function is None for v in values) else None
        inner = [v.function for v in values]

        def composed(z: Array) -> Array:
            return function(*(z if f is None else f(z) for f in inner))

        return replace(base, function=composed, name=known)

    def finish(self, value: Value) -> Network:
        """The Network up to that value; behind a closing activation comes an identity read-out."""
        if not self._weights:
            raise Unreadable("it holds no linear layer", "an MLP has at least one")
        if value.layer != len(self._weights):
            label = self._labels[value.layer]
            raise Unreadable(
                f"{label} is computed, but is not on the way to the output", "an MLP is one chain"
            )
        if value.function is not None and identify(value.function) != "identity":
            units = len(self._weights[-1])
            value = self.linear(value, np.eye(units), None, "the output")
        self._biases.append(value.bias)
        return Network(self._weights, self._biases, self._activations)

    def _close(self, value: Value, label: str) -> None:
        """Settle the activation function in front of a linear layer."""
        if value.layer == 0:
            if value.function is not None:
                raise Unreadable(
                    f"an activation function comes before {label}, the first linear layer", _ONLY
                )
            return
        name = "identity" if value.function is None else value.name or identify(value.function)
        if name is None:
            behind = self._labels[value.layer - 1]
            raise Unreadable(
                f"the function between {behind} and {label} is none of {', '.join(NAMES)}, leaky_relu(SLOPE)",
                "replace it by one of these",
            )
        self._activations.append(name)
        self._biases.append(value.bias)


_ONLY = "an MLP is linear layers with activation functions between them"


def identify(function: Pointwise) -> str | None:
    """The name of an element-wise function, found by its values; None where it is none of the known.

    Examples:
        >>> identify(lambda z: z * (z > 0)), identify(lambda z: np.maximum(z, 0.2 * z)), identify(np.sin)
        ('relu', 'leaky_relu(0.2)', None)
    """
    with np.errstate(all="ignore"):
        values = np.asarray(function(_PROBE.copy()), dtype=np.float64)
        if values.shape != _PROBE.shape or not np.isfinite(values).all():
            return None
        # A leaky ReLU shows its slope at -1; six digits are what single precision keeps.
        slope = -float(np.interp(-1.0, _PROBE, values))
        for name in (*NAMES, leaky_name(float(f"{slope:.6g}"))):
            if np.abs(apply_nonlinearity(name, _PROBE) - values).max() < _PROBE_TOLERANCE:
                return name
    return None


def leaky_name(slope: float) -> str:
    """The name of a leaky ReLU with that slope below zero.

    Raises:
        Unreadable: where the slope is NaN or infinite, or its name would not keep it.

    Examples:
        >>> leaky_name(0.2), leaky_name(0.0), leaky_name(1.0), leaky_name(0.01)
        ('leaky_relu(0.2)', 'relu', 'identity', 'leaky_relu')
    """
    if slope in (0.0, 1.0):
        return "identity" if slope else "relu"
    name = "leaky_relu" if leaky_slope("leaky_relu") == slope else f"leaky_relu({slope!r})"
    if leaky_slope(name) != slope or not np.isfinite(slope):
        raise Unreadable(f"a leaky ReLU with slope {slope}", "give it a finite slope")
    return name
