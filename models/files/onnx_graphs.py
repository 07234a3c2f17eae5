"""MLPs in ONNX files: one chain of Gemm or MatMul and element-wise nodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import InputError

from .layer_chain import MAX_VALUES, Chain, Reading, Unreadable, Value, leaky_name, read
from .state_dicts import first_line

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[np.float64]

_SUPPORTED = (
    "Gemm, MatMul, Add, Relu, LeakyRelu, Tanh, Gelu, Identity, Flatten, Dropout, Reshape, Transpose, Cast "
    "and Constant are read"
)
_LOGITS = "export the network without it: the logits are what is read"
_PASSING = {"Identity", "Dropout"}
_DAMAGED = "export or copy it again"


def _erf(z: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(z))


# What activation functions are written with where the opset has no node for them (gelu before opset 20).
_POINTWISE: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power,
    "Neg": np.negative, "Sqrt": np.sqrt, "Exp": np.exp, "Erf": _erf, "Abs": np.abs, "Max": np.maximum,
    "Min": np.minimum, "Relu": lambda z: np.maximum(z, 0.0), "Tanh": np.tanh,
    "Sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
}  # fmt: skip


def read_onnx_file(data: bytes, folder: Path) -> Reading:
    """The MLP in an ONNX file; weights kept beside it (`.onnx.data`) are looked for in its folder alone.

    Args:
        data: the file's bytes.
        folder: where the file lies.

    Raises:
        Unreadable: where onnx is missing, the file is damaged, or its graph is no MLP.
    """
    try:
        import onnx
    except ImportError:
        raise Unreadable(
            "is an ONNX file, and onnx is not installed", "pip install 'mathcircuits[onnx]'"
        ) from None
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's decoder
        raise Unreadable(f"is a damaged ONNX file, or none ({first_line(error)})", _DAMAGED) from None
    if not model.graph.node:
        raise Unreadable("is an ONNX file without nodes, or none at all", _DAMAGED)
    _check_size(_tensors(model), folder)
    try:
        onnx.load_external_data_for_model(model, str(folder))
        if model.functions:
            import onnx.inliner

            model = onnx.inliner.inline_local_functions(model)
    except (
        Exception
    ) as error:  # ValidationError, OSError, ValueError, ... of a library that reads hostile bytes
        raise Unreadable(f"is no valid ONNX file ({first_line(error)})", _DAMAGED) from None
    try:
        with np.errstate(all="ignore"):  # what overflows or is NaN is refused by Network, by name
            return _Walk(model).reading()
    except InputError:
        raise
    except Exception as error:  # fields of another type than ONNX's own, as hostile bytes have them
        raise Unreadable(f"is no valid ONNX file ({first_line(error)})", _DAMAGED) from None


def _tensors(model: onnx.ModelProto) -> Iterable[onnx.TensorProto]:
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _check_size(tensors: Iterable[onnx.TensorProto], folder: Path) -> None:
    """Refuse tensors, and files beside the model, that are larger than any MLP that is read."""
    total = 0
    for tensor in tensors:
        count = 1
        for size in tensor.dims:
            if size < 0:
                raise Unreadable(f"tensor {tensor.name!r} has the shape {list(tensor.dims)}", _DAMAGED)
            count *= size
        total += count
        for entry in tensor.external_data:
            if entry.key != "location":
                continue
            beside = folder / entry.value
            try:
                known = beside.is_file()
                large = known and beside.stat().st_size > 16 * MAX_VALUES
            except (OSError, ValueError):
                known = large = False
            if not known:
                raise Unreadable(
                    f"keeps its weights in {entry.value!r}, which is not beside it",
                    "copy that file to the same folder",
                )
            if large:
                raise Unreadable(
                    f"keeps its weights in {entry.value!r}, which is too large", "export the MLP alone"
                )
    if total > MAX_VALUES:
        raise Unreadable(
            f"holds {total} numbers, more than the {MAX_VALUES} that are read", "export the MLP alone"
        )


class _Walk:
    """One pass over a graph, whose nodes stand in the order in which they run."""

    def __init__(self, model: onnx.ModelProto) -> None:
        from onnx import checker, helper, numpy_helper

        self.graph = model.graph
        # Node by node: the check of a whole model refuses files that run, such as those without shapes.
        self._check_node = checker.check_node
        self._context = checker.C.CheckerContext()
        self._context.ir_version = max(model.ir_version, 3)
        self._context.opset_imports = {entry.domain: entry.version for entry in model.opset_import}
        self.chain = Chain()
        self.values: dict[str, Any] = {}
        self.dtypes: list[object] = []
        self._to_array = numpy_helper.to_array
        self._attribute = helper.get_attribute_value

    def reading(self) -> Reading:
        graph = self.graph
        if graph.sparse_initializer:
            raise Unreadable("keeps sparse weights", "export them as dense floats")
        names = [tensor.name for tensor in graph.initializer]
        names += [name for node in graph.node for name in node.output if name]
        twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
        if twice:
            raise Unreadable(f"computes {min(twice)!r} twice", _DAMAGED)
        for tensor in graph.initializer:
            self.values[tensor.name] = self._array(tensor)
        given = [value for value in graph.input if value.name not in self.values]
        inputs = [value.name for value in given]
        outputs = [value.name for value in graph.output]
        for what, names in (("inputs", inputs), ("outputs", outputs)):
            if len(names) != 1:
                raise Unreadable(f"has {len(names)} {what} ({', '.join(names)})", "an MLP has one of each")
        self.shape = [dim.dim_value for dim in given[0].type.tensor_type.shape.dim]
        self.values[inputs[0]] = Value()
        live = self._live(outputs[0])
        for number, node in enumerate(graph.node):
            if number in live:
                label = f"node {node.name or number} ({node.op_type})"
                self.values[node.output[0]] = self._step(node, label)
        result = self.values.get(outputs[0])
        if not isinstance(result, Value):
            raise Unreadable(f"its output {outputs[0]!r} does not depend on its input", _DAMAGED)
        return read(self.chain.finish(result), self.dtypes)

    def _live(self, output: str) -> set[int]:
        """The nodes that the output rests on."""
        wanted, live = {output}, set()
        for number in reversed(range(len(self.graph.node))):
            node = self.graph.node[number]
            if wanted.intersection(node.output):
                live.add(number)
                wanted.update(node.input)
        return live

    def _array(self, tensor: onnx.TensorProto) -> npt.NDArray[Any]:
        """A constant; floats of every width become float64, which is exact."""
        try:
            array = np.asarray(self._to_array(tensor))
        except Exception as error:  # numpy's complaints about a hostile shape
            raise Unreadable(f"tensor {tensor.name!r} is damaged ({first_line(error)})", _DAMAGED) from None
        # bfloat16 and the 8-bit floats come as extension types that are no kind of numpy's own
        if array.dtype.kind == "f" or "float" in array.dtype.name:
            self.dtypes.append(array.dtype)
            return array.astype(np.float64)
        return array

    def _step(self, node: onnx.NodeProto, label: str) -> Any:
        if node.domain not in ("", "ai.onnx"):
            raise Unreadable(f"{label} belongs to {node.domain!r}, not to ONNX itself", _SUPPORTED)
        attributes = {attribute.name: self._attribute(attribute) for attribute in node.attribute}
        unknown = [name for name in node.input if name and name not in self.values]
        if unknown:
            raise Unreadable(f"{label} reads {unknown[0]!r}, which is no node's main output", _SUPPORTED)
        args = [self.values[name] if name else None for name in node.input]
        try:
            self._check_node(node, self._context)
        except Exception as error:  # ValidationError, and what a hostile opset does to the library
            if node.op_type in _METHODS | _PASSING | _POINTWISE.keys() | {"Constant"}:
                raise Unreadable(f"{label} is not valid ({first_line(error)})", _DAMAGED) from None
        if node.op_type == "Constant":
            return self._constant(attributes, label)
        if not any(isinstance(arg, Value) for arg in args):
            return self._fold(node.op_type, args, attributes, label)
        method = getattr(self, f"_{node.op_type.lower()}", None)
        if node.op_type in _METHODS and method is not None:
            return method(args, attributes, label)
        if node.op_type in _PASSING and isinstance(args[0], Value):
            if len(args) > 2 and np.any(args[2]):
                raise Unreadable(f"{label} is in training mode", "call net.eval() before the export")
            return args[0]
        if node.op_type in _POINTWISE:
            return self._pointwise(node.op_type, args, label)
        softmax = node.op_type in ("Softmax", "LogSoftmax")
        raise Unreadable(f"{label} is none of an MLP's", _LOGITS if softmax else _SUPPORTED)

    def _constant(self, attributes: dict[str, Any], label: str) -> npt.NDArray[Any]:
        for name, value in attributes.items():
            if name == "value":
                return self._array(value)
            if name in ("value_float", "value_floats", "value_int", "value_ints"):
                return np.asarray(value)
        raise Unreadable(f"{label} holds no numbers", _SUPPORTED)

    def _fold(self, kind: str, args: list[Any], attributes: dict[str, Any], label: str) -> npt.NDArray[Any]:
        """A node on constants alone, such as the transpose of a weight."""
        if args and all(arg is not None for arg in args):
            first = args[0]
            if kind in ("Identity", "Cast"):
                return np.asarray(first)
            if kind == "Transpose":
                return np.asarray(np.transpose(first, attributes.get("perm")))
            if kind == "Reshape" and first.size and np.prod(args[1]) in (first.size, -1):
                return np.asarray(first.reshape([int(size) for size in args[1]]))
            if kind in ("Unsqueeze", "Squeeze") and first.size == 1:
                return np.asarray(first.reshape(-1))
            if kind in _POINTWISE and kind not in ("Max", "Min"):
                with np.errstate(all="ignore"):
                    return np.asarray(_POINTWISE[kind](*args))
        raise Unreadable(f"{label} computes with constants what is not read", "export with constant folding")

    def _gemm(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
        value = self._product(
            args[:2], bool(attributes.get("transA")), bool(attributes.get("transB")), alpha, label
        )
        bias = args[2] if len(args) > 2 else None
        if bias is None:
            return value
        if isinstance(bias, Value):
            raise Unreadable(f"{label} adds a computed tensor", "an MLP is one chain of layers")
        return self._bias(value, beta * bias, label)

    def _matmul(self, args: list[Any], _attributes: dict[str, Any], label: str) -> Value:
        return self._product(args, False, False, 1.0, label)

    def _product(self, args: list[Any], trans_a: bool, trans_b: bool, alpha: float, label: str) -> Value:
        """alpha A' B', one of them computed; samples are rows where A is, columns where B is."""
        a, b = args
        if isinstance(a, Value) == isinstance(b, Value):
            raise Unreadable(f"{label} multiplies two computed tensors", "an MLP's weights are constants")
        value, weight, columns = (b, a, not trans_b) if isinstance(b, Value) else (a, b, trans_a)
        if value.columns is not None and value.columns != columns:
            raise Unreadable(
                f"{label} mixes the samples: it transposes what the layer before it gives", _DAMAGED
            )
        if weight.ndim != 2:
            raise Unreadable(
                f"{label} has a weight of shape {weight.shape}", "an MLP's weights have two axes"
            )
        # [out, in] is B' where samples are rows, and A' where they are columns
        across = not trans_b if value is a else trans_a
        return self.chain.linear(
            value,
            alpha * (weight.T if across else weight).astype(np.float64),
            None,
            label,
            columns=value is b,
        )

    def _bias(self, value: Value, bias: npt.NDArray[Any], label: str) -> Value:
        """A constant added to [n, units] (or [units, n]) by broadcasting."""
        units = self.chain.width(value) or 0
        axis = 0 if value.columns else -1
        shape = (1,) * (2 - bias.ndim) + bias.shape
        expected = [1, 1]
        expected[axis] = units
        if len(shape) != 2 or any(
            size not in (1, limit) for size, limit in zip(shape, expected, strict=True)
        ):
            raise Unreadable(
                f"{label} adds a constant of shape {bias.shape} to {units} units", "a bias is [units]"
            )
        return self.chain.add(value, np.asarray(bias, dtype=np.float64), label)

    def _add(self, args: list[Any], _attributes: dict[str, Any], label: str) -> Value:
        values = [arg for arg in args if isinstance(arg, Value)]
        constants = [arg for arg in args if not isinstance(arg, Value)]
        if len(values) == 1 and (values[0].function is None or constants[0].size != 1):
            if values[0].layer == 0 or values[0].function is not None:
                return self.chain.add(values[0], constants[0], label)  # says what is wrong with it
            return self._bias(values[0], constants[0], label)
        return self._pointwise("Add", args, label)

    def _relu(self, args: list[Any], _attributes: dict[str, Any], label: str) -> Value:
        return self._named(args[0], "relu", label)

    def _tanh(self, args: list[Any], _attributes: dict[str, Any], label: str) -> Value:
        value: Value = args[0]
        return (
            self._named(value, "tanh", label)
            if value.function is None
            else self._pointwise("Tanh", args, label)
        )

    def _leakyrelu(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        # alpha is a single-precision number: 0.2 is meant where 0.20000000298 is stored
        slope = float(str(np.float32(attributes.get("alpha", 0.01))))
        return self._named(args[0], leaky_name(slope), label)

    def _gelu(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        return self._named(
            args[0], "gelu_tanh" if attributes.get("approximate") == b"tanh" else "gelu", label
        )

    def _named(self, value: Value, name: str, label: str) -> Value:
        return self.chain.named(value, name, label)

    def _cast(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        from onnx import TensorProto

        if attributes.get("to") not in (TensorProto.FLOAT, TensorProto.DOUBLE):
            raise Unreadable(f"{label} casts to a narrow type", "export in float32 or float64")
        value: Value = args[0]
        return value

    def _flatten(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        value: Value = args[0]
        if attributes.get("axis", 1) not in (1, -1) or value.columns:
            raise Unreadable(
                f"{label} flattens the samples too (axis {attributes.get('axis', 1)})", "use axis 1"
            )
        return value

    def _reshape(self, args: list[Any], _attributes: dict[str, Any], label: str) -> Value:
        value, shape = args
        if not isinstance(value, Value) or isinstance(shape, Value):
            raise Unreadable(f"{label} has a computed shape", "export with a fixed shape")
        sizes = [int(size) for size in np.ravel(shape)]
        # 0 stands for what the file leaves open
        samples, features = (self.shape[0], math.prod(self.shape[1:])) if self.shape else (0, 0)
        units = self.chain.width(value) or features
        rows = sizes[:1] in ([-1], [0], [samples or -1]) or sizes[1:] == [units]
        if value.columns or len(sizes) != 2 or not rows or sizes[1] not in (units or sizes[1], -1, 0):
            raise Unreadable(f"{label} reshapes to {sizes}", "an MLP keeps [samples, units]")
        return value

    def _transpose(self, args: list[Any], attributes: dict[str, Any], label: str) -> Value:
        value: Value = args[0]
        if list(attributes.get("perm", [1, 0])) != [1, 0]:
            raise Unreadable(f"{label} permutes more than two axes", "an MLP keeps [samples, units]")
        return value if value.columns is None else replace(value, columns=not value.columns)

    def _pointwise(self, kind: str, args: list[Any], label: str) -> Value:
        values = [arg for arg in args if isinstance(arg, Value)]
        constants = [arg for arg in args if not isinstance(arg, Value)]
        if any(
            constant is None or constant.size != 1 or constant.dtype.kind not in "fiu"
            for constant in constants
        ):
            raise Unreadable(f"{label} treats units differently", _SUPPORTED)
        given = [arg if isinstance(arg, Value) else float(arg.reshape(())) for arg in args]
        function = _POINTWISE[kind]

        def filled(*arrays: Array) -> Array:
            computed = iter(arrays)
            return np.asarray(function(*(next(computed) if isinstance(arg, Value) else arg for arg in given)))

        return self.chain.pointwise(values, filled, label)


_METHODS = {
    "Gemm",
    "MatMul",
    "Add",
    "Relu",
    "Tanh",
    "LeakyRelu",
    "Gelu",
    "Cast",
    "Flatten",
    "Reshape",
    "Transpose",
}
