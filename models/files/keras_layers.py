"""read_layers: the layers of a Keras model as one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .asked import Asked
from .criteria import KERAS_EPSILON, KERAS_SPREAD
from .identification import leaky_name, prelu_name
from .layer_chain import Chain, Reading, Unreadable, Value, read

Array = npt.NDArray[np.float64]
_ALONE = "save the MLP alone, or export it to ONNX"
#: Layers that compute nothing when a network is used.
_PASSING = {
    "InputLayer", "Flatten", "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise",
    "ActivityRegularization", "Identity",
}  # fmt: skip
_NAMED = {
    "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "elu": "elu", "selu": "selu", "softplus": "softplus",
    "gelu": "gelu", "silu": "silu", "swish": "silu", "linear": "identity", "relu6": "relu6",
    "leaky_relu": "leaky_relu(0.2)", "hard_tanh": "hardtanh",
}  # fmt: skip
_LINKS = {"softmax": "softmax", "log_softmax": "log_softmax"}


@dataclass(frozen=True)
class KerasLayer:
    """One layer of a model's configuration.

    Attributes:
        kind: its class (`Dense`).
        name: its own name, under which its weights are found.
        config: what it was made with.
    """

    kind: str
    name: str
    config: Mapping[str, Any]

    def __str__(self) -> str:
        return f"layer {self.name!r} ({self.kind})"


def read_layers(
    layers: Sequence[KerasLayer],
    weights: Mapping[str, Sequence[npt.NDArray[Any]]],
    asked: Asked,
    version: int,
) -> Reading:
    """The network of these layers, in the order in which they run.

    Args:
        layers: in order.
        weights: layer's name -> its variables in Keras's order; kernels are [in, out].
        asked: what the caller says; Keras's files say their activations themselves.
        version: of Keras, 2 or 3, whose hard sigmoid differs.

    Raises:
        Unreadable: for a layer that no MLP has, by its class, and for weights that are missing.

    Examples:
        >>> dense = KerasLayer("Dense", "d", {"units": 1, "activation": "linear", "use_bias": False})
        >>> read_layers([dense], {"d": [np.array([[2.0], [3.0]])]}, Asked(), version=3).network([[1.0, 1.0]]).item()
        5.0
    """
    if asked.activation is not None:
        raise Unreadable("says its activation functions itself", "leave out activation=")
    walk = _Walk(weights, version)
    value = Value()
    for layer in layers:
        value = walk.step(value, layer)
    return read(walk.chain.finish(value), walk.dtypes)


class _Walk:
    """One pass over the layers."""

    def __init__(self, weights: Mapping[str, Sequence[npt.NDArray[Any]]], version: int) -> None:
        self.chain = Chain()
        self.dtypes: list[object] = []
        self._weights = weights
        self._version = version

    def step(self, value: Value, layer: KerasLayer) -> Value:
        config, label, chain = layer.config, str(layer), self.chain
        if layer.kind == "InputLayer":
            shape = config.get("batch_shape") or config.get("batch_input_shape") or [None]
            sizes = [size for size in shape[1:] if size is not None]
            if chain.inputs is None and len(sizes) == len(shape) - 1 and sizes:
                chain.inputs = int(np.prod(sizes))
        if layer.kind in _PASSING:
            return value
        if layer.kind == "Dense":
            return self._dense(value, layer)
        if layer.kind == "Activation":
            return self._activated(value, config.get("activation"), layer)
        if layer.kind == "ReLU":
            return self._relu(value, layer)
        if layer.kind == "LeakyReLU":
            return chain.named(value, leaky_name(_number(config, ("negative_slope", "alpha"), 0.3)), label)
        if layer.kind == "ELU":
            return chain.named(value, f"elu({_number(config, ('alpha',), 1.0)!r})", label)
        if layer.kind == "PReLU":
            (slopes,) = self._of(layer, 1)
            return chain.named(value, prelu_name(slopes), label)
        if layer.kind == "Softmax":
            if config.get("axis", -1) not in (-1, 1, [-1], [1]):
                raise Unreadable(f"{label} is taken along axis {config['axis']}", "use axis -1")
            return chain.link(value, "softmax", label)
        if layer.kind == "Rescaling":
            return self._affine(
                value,
                np.asarray(config.get("scale", 1.0), float),
                np.asarray(config.get("offset", 0.0), float),
                label,
            )
        if layer.kind == "Normalization":
            return self._normalised(value, layer)
        if layer.kind == "BatchNormalization":
            return self._batch_normalised(value, layer)
        raise Unreadable(f"{label} is none of an MLP's", _remedy(layer.kind))

    def _of(self, layer: KerasLayer, count: int) -> list[Array]:
        """The variables of a layer."""
        arrays = self._weights.get(layer.name, ())
        if len(arrays) != count or not all(array.dtype.kind == "f" for array in arrays):
            kinds = ", ".join(str(array.dtype) for array in arrays) or "none"
            quantised = any(array.dtype.kind in "iu" and array.ndim for array in arrays)
            raise Unreadable(
                f"{layer} is quantised"
                if quantised
                else f"{layer} should have {count} weights, found: {kinds}",
                "save the model as it was before its quantisation" if quantised else "save the model again",
            )
        self.dtypes += [array.dtype for array in arrays]
        return [array.astype(np.float64) for array in arrays]

    def _dense(self, value: Value, layer: KerasLayer) -> Value:
        has_bias = bool(layer.config.get("use_bias", True))
        if layer.config.get("lora_rank"):
            raise Unreadable(f"{layer} has a LoRA adapter", "merge it and save the model again")
        kernel, *bias = self._of(layer, 2 if has_bias else 1)
        if kernel.ndim != 2:
            raise Unreadable(
                f"{layer} has a kernel of shape {kernel.shape}, expected [in, out]", "save the model again"
            )
        value = self.chain.linear(value, kernel.T, bias[0] if bias else None, str(layer))
        return self._activated(value, layer.config.get("activation"), layer)

    def _activated(self, value: Value, given: object, layer: KerasLayer) -> Value:
        """The value behind an activation function as a configuration names it."""
        if isinstance(given, dict):
            inner = given.get("config")
            if isinstance(inner, dict):  # a layer in the place of a function
                return self.step(value, KerasLayer(str(given.get("class_name")), layer.name, inner))
            given = inner if given.get("class_name") == "function" else given.get("class_name")
        name = "linear" if given is None else str(given)
        label = str(layer)
        if name in _LINKS:
            return self.chain.link(value, _LINKS[name], label)
        if name == "hard_sigmoid":
            slope = 1.0 / 6.0 if self._version >= 3 else 0.2
            unit = self._affine(value, np.array(slope), np.array(0.5), label)
            return self.chain.clip(unit, np.zeros(1), np.ones(1), label)
        if name not in _NAMED:
            raise Unreadable(
                f"{label} has the activation {name!r}, which cannot be read",
                f"use one of {', '.join(_NAMED)}",
            )
        return self.chain.named(value, _NAMED[name], label)

    def _relu(self, value: Value, layer: KerasLayer) -> Value:
        slope = _number(layer.config, ("negative_slope",), 0.0)
        high = layer.config.get("max_value")
        if _number(layer.config, ("threshold",), 0.0) or (slope and high is not None):
            raise Unreadable(f"{layer} has a threshold, or a slope and a largest value", "use a plain ReLU")
        if high is not None:
            return self.chain.clip(value, np.zeros(1), np.array([float(high)]), str(layer))
        return self.chain.named(value, leaky_name(slope), str(layer))

    def _affine(self, value: Value, factor: Array, shift: Array, label: str) -> Value:
        scaled = self.chain.scale(value, factor.reshape(-1), label)
        return self.chain.add(scaled, shift.reshape(-1), label)

    def _normalised(self, value: Value, layer: KerasLayer) -> Value:
        """(x - mean) / max(sqrt(variance), 1e-7): adapted, or as it was made."""
        config = layer.config
        if config.get("mean") is not None and config.get("variance") is not None:
            mean, variance = (np.asarray(config[key], dtype=np.float64) for key in ("mean", "variance"))
        else:
            arrays = self._weights.get(layer.name, ())
            if len(arrays) < 2:
                raise Unreadable(f"{layer} is not adapted", "call adapt(data) before the model is saved")
            mean, variance = (np.asarray(array, dtype=np.float64) for array in arrays[:2])
        spread = np.maximum(np.sqrt(variance), KERAS_SPREAD)
        if config.get("invert"):
            return self._affine(value, spread, mean, str(layer))
        return self._affine(value, 1.0 / spread, -mean / spread, str(layer))

    def _batch_normalised(self, value: Value, layer: KerasLayer) -> Value:
        config = layer.config
        scaled, centred = bool(config.get("scale", True)), bool(config.get("center", True))
        arrays = self._of(layer, 2 + scaled + centred)
        *learned, mean, variance = arrays
        gain = learned[0] if scaled else np.ones(1)
        shift = learned[-1] if centred else np.zeros(1)
        factor = gain / np.sqrt(variance + _number(config, ("epsilon",), KERAS_EPSILON))
        return self._affine(value, factor, shift - mean * factor, str(layer))


def _number(config: Mapping[str, Any], names: Sequence[str], default: float) -> float:
    """A number of a configuration, which Keras 3 may write as an array of one."""
    for name in names:
        given = config.get(name)
        if isinstance(given, dict):
            given = (given.get("config") or {}).get("value")
        if given is not None:
            return float(np.asarray(given, dtype=np.float64).reshape(()))
    return default


def _remedy(kind: str) -> str:
    if kind in ("Add", "Concatenate", "Average", "Maximum", "Multiply", "Subtract"):
        return "an MLP is one chain of layers"
    return "its code is never executed; export the model to ONNX" if kind == "Lambda" else _ALONE
