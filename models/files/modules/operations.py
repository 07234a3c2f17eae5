"""torch's functions and tensor methods as a trace names them, by what each is to a Chain."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from ..identification import leaky_name, prelu_name
from ..named_tensors.reparametrised import as_array

# Element-wise operations, by the name of torch's function.
POINTWISE: dict[Any, str] = {
    function: name
    for name in ("add", "sub", "mul", "div", "pow", "neg", "erf", "exp", "expm1", "log", "log1p", "sqrt",
                 "square", "abs", "reciprocal", "sigmoid", "tanh", "relu", "maximum", "minimum", "logaddexp",
                 "where", "gt", "ge", "lt", "le")
    for function in (getattr(torch, name), name)
}  # fmt: skip
POINTWISE |= {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div",
    operator.pow: "pow", operator.neg: "neg", operator.iadd: "add", operator.isub: "sub",
    operator.imul: "mul", operator.itruediv: "div", operator.abs: "abs", abs: "abs",
    operator.gt: "gt", operator.ge: "ge", operator.lt: "lt", operator.le: "le",
    functional.relu: "relu", functional.tanh: "tanh", functional.sigmoid: "sigmoid",
    functional.relu_: "relu", torch.relu_: "relu", torch.tanh_: "tanh", "relu_": "relu", "tanh_": "tanh",
    "sigmoid_": "sigmoid", torch.sigmoid_: "sigmoid", torch.special.expit: "sigmoid", "add_": "add",
    "sub_": "sub", "mul_": "mul", "div_": "div", torch.multiply: "mul", torch.subtract: "sub",
    torch.divide: "div", torch.true_divide: "div", torch.max: "maximum", "max": "maximum",
    torch.min: "minimum", "min": "minimum",
}  # fmt: skip
NAMED = {"relu", "tanh", "sigmoid"}
PASSING = {functional.dropout, functional.alpha_dropout, torch.dropout, "contiguous",
            "float", "double", "clone", "detach", torch.clone, torch.squeeze, "squeeze", "unsqueeze",
            torch.unsqueeze, "type_as", "requires_grad_"}  # fmt: skip
SHAPES = {"size", "dim", "ndimension", "numel", "new_zeros", "new_ones", getattr, torch.numel, len}
RESHAPES = {"view", "reshape", torch.reshape}
FLATTENS = {"flatten", torch.flatten}
TRANSPOSES = {"t", torch.t, "transpose", torch.transpose}
MATMULS = {operator.matmul, torch.matmul, torch.mm, "matmul", "mm", torch.mv, "mv"}
JOINS = {torch.cat, torch.concat, torch.concatenate, torch.stack, torch.hstack, torch.column_stack}
SPLITS = {torch.chunk: "chunk", "chunk": "chunk", torch.split: "split", "split": "split",
           torch.unbind: "unbind", "unbind": "unbind", torch.tensor_split: "tensor_split"}  # fmt: skip
SUMS = {torch.sum: "sum", "sum": "sum", torch.mean: "mean", "mean": "mean"}
CLIPS = {torch.clamp, "clamp", "clamp_", torch.clip, "clip", torch.clamp_min, "clamp_min", "clamp_min_",
          torch.clamp_max, "clamp_max"}  # fmt: skip
LINKS = {torch.softmax: "softmax", "softmax": "softmax", functional.softmax: "softmax",
          torch.log_softmax: "log_softmax", "log_softmax": "log_softmax",
          functional.log_softmax: "log_softmax", torch.argmax: "argmax", "argmax": "argmax"}  # fmt: skip
_WHOLE_NUMBERS = (
    "casts to whole numbers, as class numbers for one-hot vectors or a table",
    "pass the layers behind it alone",
)
# What is refused by name.
REFUSED: dict[Any, tuple[str, str]] = {
    "long": _WHOLE_NUMBERS,
    "int": _WHOLE_NUMBERS,
    functional.embedding: ("looks up rows of a table by their number", "pass the layers behind it alone"),
    functional.one_hot: (
        "turns class numbers into one-hot vectors",
        "pass the layers behind it alone; their inputs are the one-hot vectors",
    ),
    functional.layer_norm: ("normalises each input by its own statistics", "pass a network without it"),
    functional.normalize: ("normalises each input by its own length", "pass a network without it"),
    functional.scaled_dot_product_attention: ("is attention", "pass the fully connected part alone"),
    functional.glu: ("is a gated unit", "pass the fully connected part alone"),
}  # fmt: skip


def clip_bounds(name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The bounds of clamp, clip, clamp_min and clamp_max (the last two have one).

    Examples:
        >>> clip_bounds("clamp", 0.0, max=2.0), clip_bounds("clamp_max", 3.0)
        ((0.0, 2.0), (None, 3.0))
    """
    given = [*args, *kwargs.values()]
    if "min" in name:
        return given[0], None
    if "max" in name:
        return None, given[0]
    low, high = [*args, None, None][:2]
    return kwargs.get("min", low), kwargs.get("max", high)


def hardtanh_bounds(
    min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> tuple[float, float]:
    """The bounds of functional.hardtanh."""
    del inplace
    return min_val, max_val


def threshold_numbers(threshold: float, value: float, inplace: bool = False) -> tuple[float, float]:
    """The threshold of functional.threshold, and what is given below it."""
    del inplace
    return threshold, value


def softplus_numbers(beta: float = 1.0, threshold: float = 20.0) -> tuple[float, float]:
    """beta and the threshold of functional.softplus."""
    return beta, threshold


def celu_alpha(alpha: float = 1.0, inplace: bool = False) -> float:
    """alpha of functional.celu."""
    del inplace
    return alpha


def _gelu(approximate: str = "none") -> str:
    return "gelu_tanh" if approximate == "tanh" else "gelu"


def _elu(alpha: float = 1.0, inplace: bool = False) -> str:
    del inplace
    return f"elu({float(alpha)!r})"


def _leaky(negative_slope: float = 0.01, inplace: bool = False) -> str:
    del inplace
    return leaky_name(float(negative_slope))


def _prelu(weight: torch.Tensor) -> str:
    return prelu_name(as_array(weight, "PReLU's slopes"))


def _plain(name: str) -> Callable[..., str]:
    return lambda *_inplace: name


# Activation functions that carry numbers, or that are one function under one name.
NAMES: dict[Any, Callable[..., str]] = {
    functional.gelu: _gelu, functional.elu: _elu, functional.elu_: _elu, functional.leaky_relu: _leaky,
    functional.leaky_relu_: _leaky, functional.prelu: _prelu, torch.prelu: _prelu,
    functional.silu: _plain("silu"), functional.selu: _plain("selu"), torch.selu: _plain("selu"),
    functional.selu_: _plain("selu"), functional.relu6: _plain("relu6"),
}  # fmt: skip
