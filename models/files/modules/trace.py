"""read_trace: the chain of layers in a module's forward, found by tracing it symbolically (torch.fx)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from mathcircuits.detect import InputError, Network

from ..criteria import TORCH_EPSILON
from ..layer_chain import Branching, Chain, Value
from ..named_tensors.reparametrised import as_array
from ..named_tensors.torch_files import first_line
from ..refusals import Unreadable
from . import layers as layers
from . import operations as ops

#: The remedy where a forward is no chain of known steps. (A state dict would be read as one all the same.)
REWRITE = "write what it computes as an nn.Sequential of its layers, and pass that"
_ONE_CHAIN = "an MLP is one chain of layers: pass a part of it that is"


def read_trace(module: nn.Module, width: Callable[[], int | None]) -> tuple[Network, bool]:
    """The network that a module's forward computes, and whether it takes vectors (W x + b) for its inputs.

    Args:
        module: in evaluation mode, without hooks.
        width: the number of inputs, found by trial; called where the forward picks columns or asks for it.

    Raises:
        Unreadable: with the layer or operation and the reason.
    """
    tracer = _Tracer(width)
    if tracer.is_leaf_module(module, ""):
        module = nn.Sequential(module)
    try:
        graph = tracer.trace(module)
    except InputError:
        raise
    except fx.proxy.TraceError as error:
        if "control flow" in str(error):
            raise Unreadable(
                "its forward decides by the values of its input (control flow)",
                "an MLP computes the same layers for every input; pass the part that does",
            ) from None
        raise Unreadable(f"its forward cannot be traced ({first_line(error)})", REWRITE) from None
    except Exception as error:  # tracing runs the module's own forward
        raise Unreadable(f"its forward cannot be traced ({first_line(error)})", REWRITE) from None
    walk = _Walk(module, width)
    try:
        return walk.network(graph), walk.vectors
    except Branching as error:
        raise _branching(graph, error) from None


class _Tracer(fx.Tracer):
    """Looks into every module that is not one of torch.nn's own, and answers questions about shapes."""

    def __init__(self, width: Callable[[], int | None]) -> None:
        super().__init__()
        self._width = width

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        parametrised = parametrize.is_parametrized(m)
        return parametrised or super().is_leaf_module(m, module_qualified_name)

    def to_bool(self, obj: fx.Proxy) -> bool:
        """`if x.dim() == 1` and `assert x.shape[1] == 4` have an answer for every [n, d]."""
        answer = self._shape(obj.node)
        return super().to_bool(obj) if answer is None else bool(answer)

    def _shape(self, argument: Any) -> Any:
        """What is known of a number that depends on shapes alone; None where it is not known."""
        if not isinstance(argument, fx.Node):
            return argument
        target, args = argument.target, argument.args
        asks = target in ("dim", "ndimension") or (target is getattr and args[1] == "ndim")
        if asks:
            return 2
        if target is operator.getitem and args[1] in (1, -1) and _is_input_shape(args[0]):
            return self._width()
        if target == "size" and len(args) == 2 and args[1] in (1, -1) and _is_input(args[0]):
            return self._width()
        if argument.op == "call_function" and target in _COMPARISONS and not argument.kwargs:
            known = [self._shape(arg) for arg in args]
            return None if None in known else _COMPARISONS[target](*known)
        return None


def _is_input(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.op == "placeholder"


def _is_input_shape(node: Any) -> bool:
    if not isinstance(node, fx.Node) or not node.args or not _is_input(node.args[0]):
        return False
    return (node.target is getattr and node.args[1] == "shape") or (
        node.target == "size" and len(node.args) == 1
    )


_COMPARISONS: dict[Any, Callable[..., Any]] = {
    function: function
    for function in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
}


class _Opaque:
    """A shape or a size: good for view and reshape, for nothing else."""


_OPAQUE = _Opaque()


class _Walk:
    """One pass over a traced graph."""

    def __init__(self, module: nn.Module, width: Callable[[], int | None]) -> None:
        self.modules = dict(module.named_modules())
        self.chain = Chain()
        self.values: dict[fx.Node, Any] = {}
        # A step that is computed twice is one step: layers give the same for the same input.
        self._first: dict[fx.Node, fx.Node] = {}
        self._done: dict[Any, fx.Node] = {}
        self.vectors = False
        self._width = width

    def network(self, graph: fx.Graph) -> Network:
        live = _live(graph)
        for node in graph.nodes:
            if node.op == "output":
                result = self._value(node.args[0])
                if isinstance(result, list | tuple) and len(result) == 1:
                    result = result[0]
                if not isinstance(result, Value):
                    raise Unreadable(
                        f"its forward gives {_what(result)}, an MLP one tensor",
                        "pass a module whose forward gives the one that is meant",
                    )
                return self.chain.finish(result)
            if node.op != "placeholder" and node not in live:
                continue
            self._first[node] = first = self._same(node)
            if first is not node:
                self.values[node] = self.values[first]
                continue
            try:
                self.values[node] = self._step(node)
            except InputError:
                raise
            except Exception as error:  # other people's calls, in every form that Python has for them
                raise Unreadable(f"{node.name} cannot be read ({first_line(error)})", REWRITE) from None
        raise Unreadable("gives nothing", REWRITE)

    def _same(self, node: fx.Node) -> fx.Node:
        """The first node that computes the same as this one; itself where it is the first."""
        if node.op not in ("call_module", "call_function"):
            return node
        args = fx.node.map_arg((node.args, node.kwargs), lambda given: self._first.get(given, given))
        try:
            return self._done.setdefault((node.op, node.target, args[0], tuple(args[1].items())), node)
        except TypeError:  # a slice or a list cannot be looked up
            return node

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
            return self._module(str(node.target), [*args, *kwargs.values()])
        if any(isinstance(value, _Opaque) for value in everything) and not any(
            isinstance(value, Value) for value in everything
        ):
            return _OPAQUE
        target: Any = node.target
        label = f"{node.name} ({getattr(target, '__name__', target)})"
        if target is operator.getitem and isinstance(args[0], list | tuple):
            return args[0][args[1]]
        if target is getattr and isinstance(args[0], tuple) and args[1] in ("values", "indices"):
            return args[0][("values", "indices").index(args[1])]
        if not any(isinstance(value, Value) for value in everything):
            if node.op == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return target(*args, **kwargs)
        return self._function(target, args, kwargs, label)

    def _module(self, path: str, args: Any) -> Value:
        layer = self.modules[path]
        label = f"layer {path!r} ({type(layer).__name__})"
        layers.refuse_other(layer, label)
        if len(args) != 1 or not isinstance(args[0], Value):
            raise Unreadable(f"{label} takes something else than the layer before it", REWRITE)
        return layers.apply_layer(self.chain, args[0], layer, label)

    def _function(self, target: Any, args: Any, kwargs: dict[str, Any], label: str) -> Any:
        chain = self.chain
        if not args and "input" in kwargs:
            args, kwargs = (kwargs["input"],), {k: v for k, v in kwargs.items() if k != "input"}
        kwargs = {k: v for k, v in kwargs.items() if k not in ("inplace", "dtype", "_stacklevel", "keepdim")}
        head: Any = args[0] if args else None
        if target is functional.linear:
            return layers.linear(chain, *_linear_arguments(*args, **kwargs), label)
        if target in ops.MATMULS:
            return self._product(head, args[1], label)
        if target is torch.addmm and not kwargs and isinstance(args[1], Value):
            return layers.linear(chain, args[1], args[2].T, head, label)
        if target is torch.einsum:
            return self._einsum(args, label)
        if target in ops.JOINS:
            return self._join(target, head, label)
        if isinstance(head, Value):
            if target in ops.PASSING or (target == "to" and not _is_narrow(args[1:], kwargs)):
                return head
            if target in ops.TRANSPOSES or (target is getattr and args[1] in ("T", "mT")):
                return replace(head, columns=not head.columns)
            if target in ops.SHAPES:
                return _OPAQUE
            if target in ops.RESHAPES or (
                target in ops.FLATTENS and [*args[1:], *kwargs.values()] in ([1], [1, -1], [-1])
            ):
                return head  # the comparison with the module sees to it that this does not mix samples
            found = self._of_one(target, head, args[1:], kwargs, label)
            if found is not None:
                return found
        name = ops.POINTWISE.get(target)
        if name is None:
            what, remedy = ops.REFUSED.get(target, ("is none of an MLP's operations", layers.SUPPORTED))
            raise Unreadable(f"{label} {what}", remedy)
        return self._pointwise(name, args, kwargs, label)

    def _of_one(self, target: Any, value: Value, rest: Any, kwargs: dict[str, Any], label: str) -> Any:
        """Functions of one tensor and of numbers that are no arithmetic; None for any other."""
        chain = self.chain
        if target is operator.getitem:
            return self._columns(value, rest[0], label)
        if target in (torch.index_select, "index_select") and rest[0] in (1, -1):
            return self._columns(value, (slice(None), rest[1]), label)
        if target in (torch.narrow, "narrow") and rest[0] in (1, -1):
            return self._columns(value, (slice(None), slice(rest[1], rest[1] + rest[2])), label)
        if target in ops.SPLITS:
            return self._split(ops.SPLITS[target], value, rest, kwargs, label)
        if target in ops.SUMS:
            return self._sum(ops.SUMS[target], value, rest, kwargs, label)
        if target in ops.LINKS:
            layers.check_last_axis(rest[0] if rest else kwargs.get("dim", -1), label)
            return chain.link(value, ops.LINKS[target], label)
        if target in (torch.max, "max") and (isinstance(rest[0], int) if rest else "dim" in kwargs):
            layers.check_last_axis(rest[0] if rest else kwargs["dim"], label)
            return (_OPAQUE, chain.link(value, "argmax", label))
        if target in (torch.log, "log") and value.link == "softmax":
            return chain.link(value, "log", label)
        if target in ops.CLIPS:
            # clamp_max(z, 3) and clamp_min(z, 3) have one bound, at their names' end
            low, high = ops.clip_bounds(str(getattr(target, "__name__", target)), *rest, **kwargs)
            return layers.clip(chain, value, low, high, label)
        if target in (functional.hardtanh, functional.hardtanh_):
            return layers.clip(chain, value, *ops.hardtanh_bounds(*rest, **kwargs), label)
        if target in (functional.threshold, torch.threshold):
            return layers.threshold(chain, value, *ops.threshold_numbers(*rest, **kwargs), label)
        if target is functional.celu or target is torch.celu:
            return layers.celu(chain, value, ops.celu_alpha(*rest, **kwargs), label)
        if target is functional.hardsigmoid:
            return layers.hard_sigmoid(chain, value, label)
        if target is functional.logsigmoid:
            return layers.log_sigmoid(chain, value, label)
        if target is functional.softplus:
            return layers.softplus(chain, value, *ops.softplus_numbers(*rest, **kwargs), label)
        if target in (functional.batch_norm, torch.batch_norm):
            return self._batch_norm(value, *rest, **kwargs, label=label)
        name = ops.NAMES.get(target)
        return None if name is None else chain.named(value, name(*rest, **kwargs), label)

    def _product(self, left: Any, right: Any, label: str) -> Value:
        """x W, or W x where the inputs are vectors."""
        if isinstance(left, Value) and isinstance(right, Value):
            raise Branching(f"{label} multiplies two computed tensors", _ONE_CHAIN)
        if isinstance(left, Value):
            if left.columns:
                raise Unreadable(f"{label} mixes the samples: its argument is transposed", REWRITE)
            return layers.linear(self.chain, left, right.T, None, label)
        if not right.columns:  # W x of one input, where (W x.T).T takes many
            self.vectors = True
            return layers.linear(self.chain, right, left, None, label)
        return replace(layers.linear(self.chain, right, left, None, label), columns=True)

    def _einsum(self, args: Any, label: str) -> Value:
        """`ni,oi->no`, in whatever letters."""
        equation, *operands = args
        given, _, result = str(equation).replace(" ", "").replace("...", "N").partition("->")
        terms = given.split(",")
        if len(operands) == 2 and isinstance(operands[1], Value):
            operands, terms = operands[::-1], terms[::-1]
        if len(operands) != 2 or not isinstance(operands[0], Value) or isinstance(operands[1], Value):
            raise Branching(f"{label} multiplies several computed tensors", _ONE_CHAIN)
        if [len(term) for term in terms] == [2, 2]:
            samples, units = tuple(terms[0])
            for new in set(terms[1]) - {units}:
                if result == samples + new and units in terms[1] and new != samples:
                    weight = operands[1] if terms[1] == new + units else operands[1].T
                    return layers.linear(self.chain, operands[0], weight, None, label)
        raise Unreadable(f"{label} computes {equation}, where a layer is 'ni,oi->no'", REWRITE)

    def _known_width(self, value: Value, label: str) -> int:
        """The units of a value; of the input, found by trial."""
        if self.chain.width(value) is None:
            self.chain.inputs = self._width()
        units = self.chain.width(value)
        if units is None:
            raise Unreadable(f"{label} picks columns of an input of unknown width", REWRITE)
        return units

    def _columns(self, value: Value, index: Any, label: str) -> Value:
        rows, columns = index if isinstance(index, tuple) and len(index) == 2 else (None, None)
        if columns is None or not (rows is Ellipsis or rows == slice(None)):
            raise Unreadable(f"{label} picks samples, or by a rule that is not read", REWRITE)
        if isinstance(columns, torch.Tensor):
            columns = columns.numpy()
        chosen = np.arange(self._known_width(value, label))[columns]
        return self.chain.pick(value, chosen, label)

    def _split(self, kind: str, value: Value, rest: Any, kwargs: dict[str, Any], label: str) -> list[Value]:
        units = torch.arange(self._known_width(value, label))[None]
        dim = kwargs.pop("dim", None)
        rest = list(rest)
        if dim is None:
            dim = rest.pop() if len(rest) > (0 if kind == "unbind" else 1) else 0
        if dim not in (1, -1):
            raise Unreadable(f"{label} splits the samples", _ONE_CHAIN)
        parts = getattr(torch, kind)(units, *rest, **kwargs, dim=1)
        return [self.chain.pick(value, part.reshape(-1).numpy(), label) for part in parts]

    def _join(self, target: Any, parts: Any, label: str) -> Value:
        if not all(isinstance(part, Value) for part in parts):
            raise Unreadable(f"{label} joins a computed tensor and a constant", REWRITE)
        for part in parts:
            self._known_width(part, label)
        joined = self.chain.join(parts, label)
        if target is torch.stack and any(self.chain.width(part) != 1 for part in parts):
            raise Unreadable(f"{label} stacks tensors of several units", "join them with torch.cat")
        return joined

    def _sum(self, kind: str, value: Value, rest: Any, kwargs: dict[str, Any], label: str) -> Value:
        dim = rest[0] if rest else kwargs.get("dim")
        if dim not in (1, -1, [1], [-1], (1,), (-1,)):
            raise Unreadable(f"{label} reduces the samples too", "reduce the last axis alone (dim=-1)")
        units = self._known_width(value, label)
        return self.chain.linear(
            value, np.full((1, units), 1.0 / units if kind == "mean" else 1.0), None, label
        )

    def _batch_norm(
        self, value: Value, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
        training: Any = False, momentum: Any = None, eps: float = TORCH_EPSILON, cudnn: Any = None, *, label: str,
    ) -> Value:  # fmt: skip
        del momentum, cudnn
        if training:
            running_mean = running_var = None
        return layers.batch_norm(self.chain, value, running_mean, running_var, weight, bias, eps, label)

    def _pointwise(self, name: str, args: Any, kwargs: dict[str, Any], label: str) -> Value:
        inputs = [value for value in args if isinstance(value, Value)]
        others = [value for value in args if not isinstance(value, Value)]
        if len(inputs) == 1 and len(others) == 1 and len(args) == 2 and not kwargs:
            folded = self._with_constant(name, args[0] is inputs[0], inputs[0], others[0], label)
            if folded is not None:
                return folded
        if name in ("add", "sub") and len(inputs) == len(args) == 2 and not kwargs:
            combined = self.chain.combine(inputs, [1.0, -1.0 if name == "sub" else 1.0], label)
            if combined is not None:
                return combined
        if name == "neg":
            return self.chain.scale(inputs[0], np.array(-1.0), label)
        if name in ops.NAMED:
            return self.chain.named(inputs[0], name, label)
        constants = [
            _constant(value, label) if isinstance(value, torch.Tensor) else value for value in others
        ]
        given = iter(constants)
        filled = [value if isinstance(value, Value) else next(given) for value in args]
        return self.chain.pointwise(inputs, _on_arrays(name, filled, kwargs), label)

    def _with_constant(self, name: str, first: bool, value: Value, other: Any, label: str) -> Value | None:
        """Arithmetic with a constant that is folded into the weights, or a clip; None for any other."""
        chain = self.chain
        if name not in ("add", "sub", "mul", "div", "maximum", "minimum") or (name == "div" and not first):
            return None
        constant = _constant(other, label)
        if name in ("maximum", "minimum"):
            low, high = (constant, None) if name == "maximum" else (None, constant)
            return chain.clip(value, low, high, label)
        if name in ("mul", "div"):
            return chain.scale(value, constant if name == "mul" else 1.0 / constant, label)
        if name == "sub" and not first:
            return chain.add(chain.scale(value, np.array(-1.0), label), constant, label)
        return chain.add(value, -constant if name == "sub" else constant, label)


def _what(result: Any) -> str:
    if isinstance(result, list | tuple):
        return f"{len(result)} tensors"
    return "a dict" if isinstance(result, dict) else "no tensor that depends on its input"


def _constant(value: Any, label: str) -> Any:
    """A number, or one number a unit [units]; constants that vary between samples are refused."""
    # torch would make a number of Python's single precision
    tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(value, dtype=torch.float64)
    array = as_array(tensor if tensor.is_floating_point() else tensor.double(), label)
    if array.size != 1 and array.shape[-1] != array.size and array.shape[0] != array.size:
        raise Unreadable(f"{label} computes with a constant of shape {array.shape}", "give one number a unit")
    return array.reshape(-1)


def _is_narrow(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether `to` casts to less than single precision."""
    dtypes = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.dtype)]
    return any(dtype not in (torch.float32, torch.float64) for dtype in dtypes)


def _linear_arguments(input: Any, weight: Any, bias: Any = None) -> tuple[Any, Any, Any]:
    return input, weight, bias


def _live(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that the output rests on."""
    live: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        if node.op == "output" or node in live:
            live.update(node.all_input_nodes)
    return live


def _branching(graph: fx.Graph, error: Unreadable) -> Unreadable:
    """The refusal of a network that branches, by what joins its branches."""
    live = _live(graph)
    behind: dict[fx.Node, frozenset[fx.Node]] = {}
    for node in graph.nodes:
        inputs = [behind[given] for given in node.all_input_nodes]
        own = [node] if node.op == "placeholder" or _is_linear(node) else []
        behind[node] = frozenset().union(own, *inputs)
        computed = [found for found in inputs if found]
        name = str(getattr(node.target, "__name__", node.target)).strip("_")
        if node not in live or len(set(computed)) < 2:
            continue
        if name in ("mul", "imul", "matmul", "bmm", "mm", "einsum", "multiply", "where"):
            return Unreadable(f"{node.name} multiplies two branches: a gated unit or attention", _ONE_CHAIN)
        if name in ("add", "iadd", "sub", "isub"):
            layers_of = [{_layer(found) for found in given} for given in computed]
            nested = any(a < b for a in layers_of for b in layers_of)
            what = (
                "adds a layer's output to what went into it: a residual (skip) connection"
                if nested
                else "adds two branches"
            )
            return Unreadable(f"{node.name} {what}", _ONE_CHAIN)
        if name in ("cat", "concat", "concatenate", "stack", "hstack"):
            return Unreadable(f"{node.name} joins several branches (a dense or skip connection)", _ONE_CHAIN)
    return error


def _layer(node: fx.Node) -> str:
    """A layer's name: one that is called twice is the same layer."""
    return str(node.target) if node.op == "call_module" else node.name


def _is_linear(node: fx.Node) -> bool:
    return node.op == "call_module" or node.target is functional.linear or node.target in ops.MATMULS


def _on_arrays(name: str, args: Iterable[Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """The torch function with its computed arguments as arrays, its constants filled in."""
    filled = list(args)

    def on_arrays(*arrays: Any) -> Any:
        computed = iter(arrays)
        tensors = [
            torch.from_numpy(np.ascontiguousarray(next(computed) if isinstance(a, Value) else a, dtype=float))
            for a in filled
        ]
        if name == "where":
            tensors[0] = tensors[0].bool()
        return getattr(torch, name)(*tensors, **kwargs).numpy()

    return on_arrays


def _leaves(nested: Any) -> list[Any]:
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, list | tuple):
        return [leaf for part in nested for leaf in _leaves(part)]
    return [nested]
