"""Other libraries' names of activation functions as ours: `nn.LeakyReLU(0.2)`, `swish`, `gelu_new`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mathcircuits.detect import InputError
from mathcircuits.detect.networks import LEAKY_SLOPE, check_nonlinearity

# Names without punctuation and case. gelu alone is the exact one in torch, ONNX and Keras.
_NAMES = {
    "relu": "relu", "rectify": "relu", "rectifier": "relu", "relu1": "relu", "rectifiedlinear": "relu",
    "leakyrelu": "leaky_relu", "lrelu": "leaky_relu", "leaky": "leaky_relu",
    "tanh": "tanh", "tansig": "tanh", "hyperbolictangent": "tanh",
    "gelu": "gelu", "gelunew": "gelu_tanh", "gelupytorchtanh": "gelu_tanh", "gelutanh": "gelu_tanh",
    "gelufast": "gelu_tanh", "geluapprox": "gelu_tanh",
    "identity": "identity", "linear": "identity", "none": "identity", "purelin": "identity", "id": "identity",
    "noop": "identity",
    "sigmoid": "sigmoid", "logistic": "sigmoid", "logsig": "sigmoid",
    "silu": "silu", "swish": "silu", "elu": "elu", "selu": "selu", "softplus": "softplus",
    "relu6": "relu6", "hardtanh": "hardtanh", "prelu": "prelu",
    "softmax": "softmax", "logsoftmax": "log_softmax", "argmax": "argmax",
}  # fmt: skip
_DECORATION = re.compile(
    r"^(<class '|<function |<built-in (method|function) )|( at 0x[0-9a-f]+)?( of type object.*)?'?>$"
)
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
#: The keys of an activation function's own number, in the places where configurations keep it.
NUMBER_KEYS = (
    "negative_slope",
    "leaky_slope",
    "leaky_relu_slope",
    "slope",
    "alpha",
    "beta",
    "min_val",
    "max_val",
)


def our_name(text: str, numbers: Mapping[str, Any] | None = None) -> tuple[str, str] | None:
    """Our name of an activation function that others call so, and what had to be assumed for it.

    Args:
        text: a name, a class with or without its module, or a call such as `LeakyReLU(negative_slope=0.2)`.
        numbers: the function's numbers where they stand elsewhere, by their usual keys (`NUMBER_KEYS`).

    Returns:
        (name, assumption), where name is one of `detect.nonlinearity`, `"prelu"`, whose slopes are weights,
        or a closing function (`softmax`, `log_softmax`, `argmax`); None where the text names none of them.

    Examples:
        >>> our_name("torch.nn.ReLU"), our_name("LeakyReLU(negative_slope=0.2)")
        (('relu', ''), ('leaky_relu(0.2)', ''))
        >>> our_name("leaky_relu")
        ('leaky_relu', "the slope of leaky_relu below zero is 0.01, torch's default")
        >>> our_name("swish"), our_name("mish")
        (('silu', ''), None)
    """
    plain = _DECORATION.sub("", text.strip())
    head, _, arguments = plain.partition("(")
    last = re.split(r"[./:]", head.strip())[-1]
    key = re.sub(r"[^a-z0-9]", "", last.lower())
    base = _NAMES.get(key) or _NAMES.get(key.removesuffix("activation").removesuffix("layer"))
    if base is None:
        return None
    given = [float(v) for v in _NUMBER.findall(arguments)]
    named = {
        k: float(v)
        for k, v in (numbers or {}).items()
        if isinstance(v, int | float) and not isinstance(v, bool)
    }
    if base == "gelu" and "tanh" in arguments.lower():
        return "gelu_tanh", ""
    if base == "leaky_relu":
        slope = given[0] if given else next((named[k] for k in NUMBER_KEYS[:5] if k in named), None)
        if slope is None:
            return "leaky_relu", f"the slope of leaky_relu below zero is {LEAKY_SLOPE}, torch's default"
        return _checked(f"leaky_relu({slope!r})"), ""
    if base == "elu":
        alpha = given[0] if given else named.get("alpha", 1.0)
        return _checked(f"elu({alpha!r})"), ""
    if base == "softplus":
        beta = given[0] if given else named.get("beta", 1.0)
        return _checked(f"softplus({beta!r})"), ""
    if base == "hardtanh":
        low, high = given[:2] if len(given) > 1 else (named.get("min_val", -1.0), named.get("max_val", 1.0))
        return _checked(f"hardtanh({low!r},{high!r})"), ""
    return base, ""


def _checked(name: str) -> str:
    try:
        return check_nonlinearity(name)
    except InputError:
        raise InputError(f"its activation function {name} has a number that it cannot have") from None
