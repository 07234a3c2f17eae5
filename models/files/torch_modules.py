"""Other people's nn.Modules, read without touching them."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from mathcircuits.detect import InputError, Network

from .layer_chain import MAX_VALUES, Chain, Reading, Unreadable, Value, identify, leaky_name, read
from .state_dicts import as_array, first_line

_SUPPORTED = "nn.Linear, ReLU, LeakyReLU, Tanh, GELU, Identity, Dropout and Flatten are read"
_FORWARD_REMEDY = "write it as an nn.Sequential, or load its state dict"
_LOGITS = "leave it out: the logits are what is read"
# The copy is run in float64, where rounding stays far below this share of the largest output.
_TOLERANCE = 1e-6
# A module that insists on its own precision is compared in that one.
_OWN_PRECISION_TOLERANCE = 1e-3
_GATE = "a gated MLP multiplies two branches, an MLP is one chain of layers"


class _Opaque:
    """A shape or a size: good for view and reshape, for nothing else."""


_OPAQUE = _Opaque()
_PASS = (nn.Identity, nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout)
_CALLABLE_NAMES = ("act_fn", "act", "activation_fn", "activation", "activation_function", "nonlinearity")


class _Tracer(fx.Tracer):
    """Looks into every module that is not one of torch.nn's own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        parametrised = parametrize.is_parametrized(m)
        return parametrised or super().is_leaf_module(m, module_qualified_name)


def read_module(module: nn.Module) -> Reading:
    """The MLP that a module computes in evaluation mode.

    The module itself is neither run nor changed: a copy in evaluation mode, without hooks, is traced
    symbolically (torch.fx), and the network read from the trace is run beside the copy on random inputs.

    A TransformerLens MLP layer (`model.blocks[3].mlp`, with `W_in` [in, out] and `W_out`) is read from its
    weights and its activation function.

    Raises:
        Unreadable: with the layer and the reason where it is no MLP.

    Examples:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(3, 1))
        >>> read_module(net).network, net.training
        (Network(2-3-1, relu, bias), True)
    """
    while True:
        inner = getattr(module, "_orig_mod", None)  # torch.compile
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        if not isinstance(inner, nn.Module):
            break
        module = inner
    if isinstance(module, torch.jit.ScriptModule):
        raise Unreadable("is TorchScript, whose layers are compiled away", "load its state dict")
    _check_parameters(module)
    dtypes = {tensor.dtype for tensor in module.parameters()}
    twin = _twin(module)
    # What overflows or is NaN is refused by Network, by name.
    with torch.no_grad(), torch.random.fork_rng(devices=[]), np.errstate(all="ignore"):
        network = _read_transformer_lens(twin) if _is_transformer_lens(twin) else _read_trace(twin)
        _compare(twin, network)
    return read(network, dtypes)


def _check_parameters(module: nn.Module) -> None:
    """Refuse weights that are not there yet, are made anew at every run, or are too many."""
    for name, part in module.named_modules():
        if any(isinstance(p, nn.parameter.UninitializedParameter) for p in part.parameters(recurse=False)):
            raise Unreadable(
                f"layer {name!r} ({type(part).__name__}) has no weights yet", "run it once first"
            )
        for hook in part._forward_pre_hooks.values():
            if type(hook).__module__ in ("torch.nn.utils.weight_norm", "torch.nn.utils.spectral_norm"):
                raise Unreadable(
                    f"layer {name!r} ({type(part).__name__}) has a weight made by {type(hook).__name__}",
                    "fold it in with torch.nn.utils.remove_weight_norm or remove_spectral_norm",
                )
    if sum(p.numel() for p in module.parameters()) > MAX_VALUES:
        raise Unreadable(f"holds more than the {MAX_VALUES} numbers that are read", "pass the MLP alone")


def _twin(module: nn.Module) -> nn.Module:
    """A copy on the CPU, in evaluation mode, without the user's hooks."""
    try:
        twin = copy.deepcopy(module)
        for part in twin.modules():
            for hooks in (part._forward_hooks, part._forward_pre_hooks):
                hooks.clear()
        return twin.requires_grad_(False).eval().to("cpu")
    except Exception as error:  # copying runs the classes' own code
        raise Unreadable(f"cannot be copied ({first_line(error)})", "load its state dict") from None


def _is_transformer_lens(module: nn.Module) -> bool:
    try:
        return all(isinstance(getattr(module, name, None), torch.Tensor) for name in ("W_in", "W_out"))
    except (
        Exception
    ):  # a bridge whose weights are not there raises as it likes; the trace then says what is wrong
        return False


def _read_transformer_lens(mlp: nn.Module) -> Network:
    if isinstance(getattr(mlp, "W_gate", None), torch.Tensor):
        raise Unreadable("has W_gate", _GATE)
    holders = [mlp, getattr(mlp, "original_component", None)]
    for name in _CALLABLE_NAMES:
        function = next((f for holder in holders if callable(f := getattr(holder, name, None))), None)
        if function is not None:
            break
    else:
        raise Unreadable(
            f"has none of {', '.join(_CALLABLE_NAMES)}", "load its state dict with activation=..."
        )
    known = identify(lambda z: function(torch.from_numpy(z)).numpy())
    if known is None:
        label = getattr(function, "__name__", type(function).__name__)
        raise Unreadable(f"its activation function {name} ({label}) is none that can be read", _SUPPORTED)
    chain = Chain()
    hidden = chain.linear(Value(), *_projection(mlp, "in"), "W_in")
    return chain.finish(chain.linear(chain.named(hidden, known, name), *_projection(mlp, "out"), "W_out"))


def _projection(mlp: nn.Module, end: str) -> tuple[Any, Any]:
    bias = getattr(mlp, f"b_{end}", None)
    weight = as_array(getattr(mlp, f"W_{end}"), f"W_{end}").T
    return weight, None if bias is None else as_array(bias, f"b_{end}")


def _compare(module: nn.Module, network: Network) -> None:
    """Refuse a reading whose outputs are not the module's: a cast, state, an override that fx overlooks."""
    X = np.random.default_rng(0).normal(scale=2.0, size=(16, network.inputs))
    own = next((p.dtype for p in module.parameters()), torch.float64)
    try:
        outputs, tolerance = module.double()(torch.from_numpy(X)), _TOLERANCE
    except Exception:
        try:
            outputs, tolerance = module.to(own)(torch.from_numpy(X).to(own)), _OWN_PRECISION_TOLERANCE
        except Exception as error:  # the module's own code
            raise Unreadable(
                f"fails on inputs of shape {X.shape} ({first_line(error)})", _FORWARD_REMEDY
            ) from None
    expected = network(X)
    if not isinstance(outputs, torch.Tensor) or outputs.numel() != expected.size:
        raise Unreadable(
            f"does not give [n, {network.outputs}] for inputs [n, {network.inputs}]", _FORWARD_REMEDY
        )
    given = outputs.double().numpy().reshape(expected.shape)
    if not np.abs(given - expected).max() <= tolerance * (1.0 + np.abs(expected).max()):
        raise Unreadable("computes something else than its layers in order", _FORWARD_REMEDY)


def _read_trace(module: nn.Module) -> Network:
    try:
        graph = _Tracer().trace(module)
    except Exception as error:  # tracing runs the module's own forward
        raise Unreadable(f"its forward cannot be traced ({first_line(error)})", _FORWARD_REMEDY) from None
    return _Walk(module).network(graph)


_POINTWISE: dict[Any, str] = {
    function: name
    for name in ("add", "sub", "mul", "div", "pow", "neg", "erf", "exp", "sqrt", "square", "abs", "sigmoid",
                 "tanh", "relu", "clamp", "maximum", "minimum")
    for function in (getattr(torch, name), name)
}  # fmt: skip
_POINTWISE |= {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "div",
    operator.pow: "pow", operator.neg: "neg", operator.iadd: "add", operator.isub: "sub",
    operator.imul: "mul", functional.relu: "relu", functional.tanh: "tanh", functional.sigmoid: "sigmoid",
    torch.clamp_min: "clamp_min", "clamp_min": "clamp_min", "relu_": "relu", "tanh_": "tanh",
    "add_": "add", "mul_": "mul", functional.relu_: "relu", torch.relu_: "relu", torch.tanh_: "tanh",
}  # fmt: skip
_PASSING = {functional.dropout, functional.alpha_dropout, torch.dropout, "contiguous", "float", "double",
            "clone", "detach", torch.clone}  # fmt: skip
_SHAPES = {"size", "dim", getattr, operator.getitem, torch.numel}
_RESHAPES = {"view", "reshape", torch.reshape}
_FLATTENS = {"flatten", torch.flatten}
_MATMULS = {operator.matmul, torch.matmul, torch.mm, "matmul", "mm"}


class _Walk:
    """One pass over a traced graph."""

    def __init__(self, module: nn.Module) -> None:
        self.modules = dict(module.named_modules())
        self.chain = Chain()
        self.values: dict[fx.Node, Any] = {}

    def network(self, graph: fx.Graph) -> Network:
        live = _live(graph)
        for node in graph.nodes:
            if node.op == "output":
                result = self._value(node.args[0])
                if not isinstance(result, Value):
                    raise Unreadable("gives no single tensor", _FORWARD_REMEDY)
                return self.chain.finish(result)
            if node.op != "placeholder" and node not in live:
                continue
            try:
                self.values[node] = self._step(node)
            except InputError:
                raise
            except Exception as error:  # other people's calls, in every form that Python has for them
                raise Unreadable(
                    f"{node.name} cannot be read ({first_line(error)})", _FORWARD_REMEDY
                ) from None
        raise Unreadable("gives nothing", _FORWARD_REMEDY)

    def _value(self, argument: Any) -> Any:
        return fx.node.map_arg(argument, lambda node: self.values[node])

    def _step(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            if not self.values:
                return Value()
            if not node.args:
                raise Unreadable(f"its forward takes a second input, {node.target!r}", "an MLP has one")
            return node.args[0]
        if node.op == "get_attr":
            found: Any = self.modules[""]
            for part in str(node.target).split("."):
                found = getattr(found, part)
            return found
        args, kwargs = self._value(node.args), self._value(node.kwargs)
        everything = _leaves((args, kwargs))
        if node.op == "call_module":
            return self._module(str(node.target), args)
        if any(isinstance(value, _Opaque) for value in everything) and not any(
            isinstance(value, Value) for value in everything
        ):
            return _OPAQUE
        target: Any = node.target
        label = f"{node.name} ({getattr(target, '__name__', target)})"
        if not any(isinstance(value, Value) for value in everything):
            if node.op == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return target(*args, **kwargs)
        return self._function(target, args, kwargs, label)

    def _module(self, path: str, args: Any) -> Value:
        layer = self.modules[path]
        label = f"layer {path!r} ({type(layer).__name__})"
        if len(args) != 1 or not isinstance(args[0], Value):
            raise Unreadable(f"{label} takes something else than the layer before it", _FORWARD_REMEDY)
        value: Value = args[0]
        if isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward:
            return self._linear(value, layer.weight, layer.bias, label)
        if isinstance(layer, _PASS):
            return value
        if isinstance(layer, nn.Flatten) and layer.end_dim == -1 and layer.start_dim in (1, -1):
            return value
        if isinstance(layer, nn.LeakyReLU):
            return self.chain.named(value, leaky_name(float(layer.negative_slope)), label)
        if isinstance(layer, nn.GELU):
            return self.chain.named(value, "gelu_tanh" if layer.approximate == "tanh" else "gelu", label)
        if isinstance(layer, nn.ReLU | nn.Tanh) and type(layer).forward in (nn.ReLU.forward, nn.Tanh.forward):
            return self.chain.named(value, "relu" if isinstance(layer, nn.ReLU) else "tanh", label)
        if isinstance(layer, nn.Softmax | nn.LogSoftmax | nn.Sigmoid | nn.LogSigmoid):
            raise Unreadable(f"{label} is none that can be read", _LOGITS)
        if isinstance(layer, nn.modules.batchnorm._BatchNorm | nn.LayerNorm):
            raise Unreadable(f"{label} is a normalisation layer, not one of an MLP", _SUPPORTED)
        raise Unreadable(f"{label} is none of an MLP's", _SUPPORTED)

    def _linear(self, value: Value, weight: Any, bias: Any, label: str) -> Value:
        if not isinstance(weight, torch.Tensor) or not (bias is None or isinstance(bias, torch.Tensor)):
            raise Unreadable(f"{label} has a weight that depends on the input", _FORWARD_REMEDY)
        vector = None if bias is None else as_array(bias, label)
        return self.chain.linear(value, as_array(weight, label), vector, label)

    def _function(self, target: Any, args: Any, kwargs: dict[str, Any], label: str) -> Any:
        head: Any = args[0] if args else None
        if target is functional.linear:
            return self._linear(*_linear_arguments(*args, **kwargs), label)
        if target in _MATMULS and isinstance(head, Value) and isinstance(args[1], torch.Tensor):
            return self._linear(head, args[1].T, None, label)
        if target is torch.addmm and not kwargs and isinstance(args[1], Value):
            return self._linear(args[1], args[2].T, head, label)
        if isinstance(head, Value):
            if target in _PASSING or (target == "to" and isinstance(args[1], torch.dtype)):
                return head
            if target in _SHAPES:
                return _OPAQUE
            if target in _RESHAPES or (
                target in _FLATTENS and [*args[1:], *kwargs.values()] in ([1], [1, -1], [-1])
            ):
                return head  # _compare sees to it that this does not mix samples
        if target in (functional.gelu, functional.leaky_relu) and not isinstance(head, Value):
            raise Unreadable(f"{label} is called with keywords alone", _FORWARD_REMEDY)
        if target is functional.gelu:
            return self.chain.named(head, _gelu(**kwargs), label)
        if target is functional.leaky_relu:
            slope = args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01)
            return self.chain.named(head, leaky_name(float(slope)), label)
        name = _POINTWISE.get(target)
        if name is None:
            raise Unreadable(f"{label} is none of an MLP's operations", _SUPPORTED)
        return self._pointwise(name, args, {k: v for k, v in kwargs.items() if k != "inplace"}, label)

    def _pointwise(self, name: str, args: Any, kwargs: dict[str, Any], label: str) -> Value:
        inputs = [value for value in args if isinstance(value, Value)]
        others = [value for value in args if not isinstance(value, Value)]
        single = len(inputs) == 1 and inputs[0].function is None
        if name in ("add", "sub") and single and len(others) == 1 and not kwargs and args[0] is inputs[0]:
            constant = torch.as_tensor(others[0], dtype=torch.float64)
            return self.chain.add(inputs[0], as_array(-constant if name == "sub" else constant, label), label)
        if name == "add" and single and len(others) == 1 and not kwargs:
            return self.chain.add(inputs[0], as_array(torch.as_tensor(others[0]).double(), label), label)
        if any(isinstance(value, torch.Tensor) and value.numel() != 1 for value in others):
            raise Unreadable(f"{label} treats units differently", _SUPPORTED)
        function = _on_arrays(getattr(torch, name), args, kwargs)
        known = name if name in ("relu", "tanh") else None
        return self.chain.pointwise(inputs, function, label, known)


def _linear_arguments(input: Any, weight: Any, bias: Any = None) -> tuple[Any, Any, Any]:
    return input, weight, bias


def _live(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that the output rests on."""
    live: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if node.op == "output" or node in live:
            live.update(node.all_input_nodes)
    return live


def _gelu(approximate: str = "none") -> str:
    return "gelu_tanh" if approximate == "tanh" else "gelu"


def _on_arrays(
    function: Callable[..., torch.Tensor], args: Any, kwargs: dict[str, Any]
) -> Callable[..., Any]:
    """The torch function with its computed arguments as arrays, its constants filled in."""

    def on_arrays(*arrays: Any) -> Any:
        given = iter(arrays)
        filled = [
            torch.from_numpy(next(given)) if isinstance(a, Value) else torch.as_tensor(a).double()
            for a in args
        ]
        # torch.pow(tensor, 0-d tensor), add(alpha=) and clamp(min=) take these as they take plain numbers.
        return function(*filled, **kwargs).numpy()

    return on_arrays


def _leaves(nested: Any) -> list[Any]:
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, list | tuple):
        return [leaf for part in nested for leaf in _leaves(part)]
    return [nested]
