"""What each of torch.nn's own layers is to a Chain: linear, an activation, a map to fold, a link, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ..identification import leaky_name, prelu_name
from ..layer_chain import Chain, Value
from ..named_tensors.reparametrised import as_array
from ..refusals import Unreadable

#: What a message lists where a layer is none of these.
SUPPORTED = (
    "nn.Linear, the activation functions of mathcircuits.detect.networks, BatchNorm1d, Identity, Dropout, "
    "Flatten and a closing Sigmoid, Softmax or LogSoftmax are read"
)
_PASS = (nn.Identity, nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout)
_PART = "pass the fully connected part alone"
# Beyond z beta = threshold torch's softplus is z itself; from 16 on it is off by less than 2e-7.
_EXACT_THRESHOLD = 16.0

# What is refused: classes, what they are, and a remedy that leads to the network that the layer belongs to.
_OTHERS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("_ConvNd",), "is a convolution, not a layer of an MLP", _PART),
    (("RNNBase", "RNNCellBase"), "is recurrent: its outputs depend on earlier inputs", _PART),
    (
        ("MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerDecoder",
         "TransformerEncoderLayer", "TransformerDecoderLayer"),
        "is attention: its weights depend on the input", _PART,
    ),
    (
        ("Embedding", "EmbeddingBag"),
        "is an embedding: it looks up rows of a table by their number, where an MLP takes numbers as they are",
        "pass the layers behind it alone; their inputs are the embedding's columns",
    ),
    (("GLU",), "is a gated unit: it multiplies one half of the units by a function of the other", _PART),
    (("Bilinear",), "multiplies two inputs", "an MLP has one input"),
    (
        ("LayerNorm", "GroupNorm", "RMSNorm", "_InstanceNorm", "LocalResponseNorm"),
        "is a normalisation that depends on each input: no part of an MLP, and nothing that can be folded",
        "pass a network without it; BatchNorm1d in evaluation mode is folded",
    ),
    (("_MaxPoolNd", "_AvgPoolNd", "_AdaptiveAvgPoolNd", "_AdaptiveMaxPoolNd"), "is pooling", _PART),
)  # fmt: skip


def apply_layer(chain: Chain, value: Value, layer: nn.Module, label: str) -> Value:
    """The value behind one of torch.nn's own layers in evaluation mode.

    Raises:
        Unreadable: by what the layer is, where an MLP has none such.

    Examples:
        >>> chain = Chain()
        >>> z = chain.linear(Value(), np.eye(2), None, "0")
        >>> chain.finish(apply_layer(chain, z, nn.ELU(0.5), "1")).activations
        ('elu(0.5)',)
    """
    if isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward:
        return linear(chain, value, layer.weight, layer.bias, label)
    if isinstance(layer, _PASS):
        return value
    if isinstance(layer, nn.Flatten) and layer.end_dim in (-1, 1):
        # One output of n samples, [n, 1], is flattened to [n].
        if layer.start_dim in (1, -1) or chain.width(value) == 1:
            return value
        raise Unreadable(f"{label} flattens the samples too", "use start_dim=1")
    if isinstance(layer, nn.modules.batchnorm._BatchNorm) and not isinstance(
        layer, nn.BatchNorm2d | nn.BatchNorm3d
    ):
        return _batch_norm(chain, value, layer, label)
    if isinstance(layer, nn.Softmax | nn.LogSoftmax):
        check_last_axis(layer.dim, label)
        return chain.link(value, "softmax" if isinstance(layer, nn.Softmax) else "log_softmax", label)
    for kind, step in _STEPS.items():
        if isinstance(layer, kind) and type(layer).forward is kind.forward:
            return step(chain, value, layer, label)
    refuse_other(layer, label)
    raise Unreadable(f"{label} is none of an MLP's", SUPPORTED)


def refuse_other(layer: nn.Module, label: str) -> None:
    """Refuse what is known to be no layer of an MLP, by what it is.

    Examples:
        >>> refuse_other(nn.LSTM(2, 3), "layer 'rnn' (LSTM)")
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: layer 'rnn' (LSTM) is recurrent: ...
    """
    names = {cls.__name__ for cls in type(layer).__mro__}
    for classes, what, remedy in _OTHERS:
        if names.intersection(classes):
            raise Unreadable(f"{label} {what}", remedy)


def linear(chain: Chain, value: Value, weight: Any, bias: Any, label: str) -> Value:
    """The value behind weight [out, in] and bias [out], which must be constants."""
    if not isinstance(weight, torch.Tensor) or not (bias is None or isinstance(bias, torch.Tensor)):
        raise Unreadable(
            f"{label} has a weight that depends on the input: a gate or attention",
            "an MLP's weights are constants",
        )
    vector = None if bias is None else as_array(bias, label)
    return chain.linear(value, as_array(weight, label), vector, label)


def batch_norm(
    chain: Chain, value: Value, mean: Any, variance: Any, gamma: Any, beta: Any, eps: float, label: str
) -> Value:
    """The value normalised by stored statistics: gamma (z - mean) / sqrt(variance + eps) + beta."""
    if mean is None or variance is None:
        raise Unreadable(
            f"{label} keeps no running statistics: it normalises every batch by its own",
            "train with track_running_stats=True, and pass that network in evaluation mode",
        )
    scale = 1.0 / np.sqrt(as_array(variance, label) + eps)
    if gamma is not None:
        scale = scale * as_array(gamma, label)
    shift = -as_array(mean, label) * scale
    if beta is not None:
        shift = shift + as_array(beta, label)
    return chain.add(chain.scale(value, scale, label), shift, label)


def check_last_axis(dim: object, label: str) -> None:
    """Refuse a softmax or argmax over the samples."""
    if dim not in (None, 1, -1):
        raise Unreadable(f"{label} works along axis {dim}, across the samples", "use the last axis, -1")


def celu(chain: Chain, value: Value, alpha: float, label: str) -> Value:
    """alpha elu(z / alpha)."""
    inner = chain.scale(value, np.array(1.0 / alpha), label)
    return chain.scale(chain.named(inner, "elu", label), np.array(alpha), label)


def hard_sigmoid(chain: Chain, value: Value, label: str) -> Value:
    """z / 6 + 1/2, between 0 and 1."""
    inner = chain.add(chain.scale(value, np.array(1.0 / 6.0), label), np.array(0.5), label)
    return chain.clip(inner, np.array(0.0), np.array(1.0), label)


def log_sigmoid(chain: Chain, value: Value, label: str) -> Value:
    """-softplus(-z)."""
    minus = np.array(-1.0)
    return chain.scale(chain.named(chain.scale(value, minus, label), "softplus", label), minus, label)


def softplus(chain: Chain, value: Value, beta: float, threshold: float, label: str) -> Value:
    """log(1 + exp(beta z)) / beta, with torch's switch to z where beta z exceeds a threshold."""
    if threshold < _EXACT_THRESHOLD:
        raise Unreadable(
            f"{label} jumps at its threshold of {threshold}", f"use a threshold of {_EXACT_THRESHOLD} or more"
        )
    return chain.named(value, f"softplus({float(beta)!r})", label)


def threshold(chain: Chain, value: Value, at: float, otherwise: float, label: str) -> Value:
    """z where it exceeds a threshold, another number elsewhere."""
    if at != otherwise:
        raise Unreadable(f"{label} jumps from {otherwise} to {at}", "an MLP's activations are continuous")
    return chain.clip(value, np.array(at), None, label)


def clip(chain: Chain, value: Value, low: Any, high: Any, label: str) -> Value:
    """The value between two bounds: numbers, tensors [units] or None."""
    lower, upper = (
        None if b is None else as_array(torch.as_tensor(b, dtype=torch.float64), label) for b in (low, high)
    )
    return chain.clip(value, lower, upper, label)


def _batch_norm(chain: Chain, value: Value, layer: Any, label: str) -> Value:
    mean, variance = layer.running_mean, layer.running_var
    return batch_norm(chain, value, mean, variance, layer.weight, layer.bias, layer.eps, label)


def _named(name: Callable[[Any], str]) -> Callable[[Chain, Value, Any, str], Value]:
    return lambda chain, value, layer, label: chain.named(value, name(layer), label)


_STEPS: dict[type[nn.Module], Callable[[Chain, Value, Any, str], Value]] = {
    nn.ReLU: _named(lambda _: "relu"),
    nn.Tanh: _named(lambda _: "tanh"),
    nn.Sigmoid: _named(lambda _: "sigmoid"),
    nn.SiLU: _named(lambda _: "silu"),
    nn.SELU: _named(lambda _: "selu"),
    nn.ReLU6: _named(lambda _: "relu6"),
    nn.GELU: _named(lambda layer: "gelu_tanh" if layer.approximate == "tanh" else "gelu"),
    nn.LeakyReLU: _named(lambda layer: leaky_name(float(layer.negative_slope))),
    nn.RReLU: _named(lambda layer: leaky_name((layer.lower + layer.upper) / 2.0)),
    nn.ELU: _named(lambda layer: f"elu({float(layer.alpha)!r})"),
    nn.PReLU: _named(lambda layer: prelu_name(as_array(layer.weight, "PReLU's slopes"))),
    nn.CELU: lambda chain, value, layer, label: celu(chain, value, layer.alpha, label),
    nn.Hardsigmoid: lambda chain, value, _, label: hard_sigmoid(chain, value, label),
    nn.LogSigmoid: lambda chain, value, _, label: log_sigmoid(chain, value, label),
    nn.Hardtanh: lambda chain, value, layer, label: clip(chain, value, layer.min_val, layer.max_val, label),
    nn.Softplus: lambda chain, value, layer, label: softplus(
        chain, value, layer.beta, layer.threshold, label
    ),
    nn.Threshold: lambda chain, value, layer, label: threshold(
        chain, value, layer.threshold, layer.value, label
    ),
}
