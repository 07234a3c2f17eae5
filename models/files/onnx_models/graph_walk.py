"""GraphWalk: the nodes of an ONNX graph, one after another, into a Chain of layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Network

from ..criteria import TORCH_EPSILON
from ..identification import leaky_name, prelu_name
from ..layer_chain import Chain, Unreadable
from .arguments import Attributes, Given, computed, decimal, named_axes, refuse_computed, with_constant
from .tensors import OPEN, Tensor

if TYPE_CHECKING:
    import onnx

Array = npt.NDArray[np.float64]

DAMAGED = "export or copy it again"
_ONE_CHAIN = "an MLP is one chain of layers"
# The sizes that stand in a constant for a number of samples that the file leaves open; a prime, so that no
# arithmetic of other sizes gives it.
_ANY_SAMPLES = 2**31 - 1
# Beyond this single precision ends: a bound there is none.
_NO_BOUND = float(np.finfo(np.float32).max)


def _erf(z: Array) -> Array:
    from scipy.special import erf

    return np.asarray(erf(z))


def _sigmoid(z: Array) -> Array:
    from scipy.special import expit

    return np.asarray(expit(z))


# What activation functions are written with where a graph spells them out.
_POINTWISE: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": np.power,
    "Neg": np.negative, "Sqrt": np.sqrt, "Exp": np.exp, "Log": np.log, "Erf": _erf, "Abs": np.abs,
    "Max": lambda *z: np.maximum.reduce(np.broadcast_arrays(*z)),
    "Min": lambda *z: np.minimum.reduce(np.broadcast_arrays(*z)),
    "Sum": lambda *z: sum(z), "Reciprocal": np.reciprocal, "Sign": np.sign,
    "Greater": np.greater, "Less": np.less, "GreaterOrEqual": np.greater_equal, "LessOrEqual": np.less_equal,
    "Where": lambda c, a, b: np.where(c != 0.0, a, b),
    "Sigmoid": _sigmoid, "Softsign": lambda z: z / (1.0 + np.abs(z)),
}  # fmt: skip
_PASSING = {"Identity", "Dropout"}


class GraphWalk:
    """One pass over the nodes that a graph's output rests on.

    Args:
        chain: takes the layers.
        constants: the graph's own, by name.
        fold: gives the value of a node on constants alone.
        attribute: gives the value of a node's attribute.
        opset: the version of ONNX's operators.
        samples: how many samples the file fixes; None where it does not.
    """

    def __init__(
        self,
        chain: Chain,
        constants: dict[str, npt.NDArray[Any]],
        fold: Callable[
            [onnx.NodeProto, Sequence[npt.NDArray[Any] | None], Attributes, str], npt.NDArray[Any]
        ],
        attribute: Callable[[onnx.AttributeProto], Any],
        opset: int,
        samples: int | None,
    ) -> None:
        self._chain = chain
        self._values: dict[str, Tensor | npt.NDArray[Any]] = dict(constants)
        self._fold = fold
        self._attribute = attribute
        self._opset = opset
        self._samples = samples
        # Constants that hold a number of samples, which sizes alone may be made of.
        self._sizes: set[str] = set()
        #: How many nodes have been read.
        self.done = 0

    def run(
        self, nodes: Sequence[tuple[str, onnx.NodeProto]], inputs: dict[str, Tensor], output: str
    ) -> Network:
        """The network up to the tensor of that name.

        Args:
            nodes: label and node, in the order in which they run.
            inputs: the graph's inputs.
            output: the name of the output.

        Raises:
            Unreadable: with the node that no MLP has.
        """
        self._values.update(inputs)
        for label, node in nodes:
            results = self._step(node, label)
            self._values.update(zip(node.output, results, strict=False))
            self.done += 1
        result = self._values.get(output)
        if not isinstance(result, Tensor):
            raise Unreadable(f"its output {output!r} does not depend on its input", DAMAGED)
        return self._chain.finish(result.value)

    def _step(self, node: onnx.NodeProto, label: str) -> Sequence[Tensor | npt.NDArray[Any]]:
        attributes = {attribute.name: self._attribute(attribute) for attribute in node.attribute}
        unknown = [name for name in node.input if name and name not in self._values]
        if unknown:
            raise Unreadable(
                f"{label} reads {unknown[0]!r}, which is not a node's main output", "export the MLP alone"
            )
        args: list[Given] = [self._values[name] if name else None for name in node.input]
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        sizes = self._sizes.intersection(node.input)
        if not tensors:
            if sizes:
                self._sizes.update(node.output)
            return [self._folded(node, args, attributes, label)]
        if node.op_type == "Shape":
            return [self._shape(tensors[0], node, attributes)]
        if sizes and (node.op_type != "Reshape" or node.input[0] in sizes):
            raise Unreadable(f"{label} computes with the number of samples", "export with a fixed shape")
        if node.domain == "ai.onnx.ml":
            return (
                [self._scaler(args, attributes, label)] if node.op_type == "Scaler" else self._unknown(label)
            )
        if node.domain not in ("", "ai.onnx"):
            return self._unknown(f"{label} of {node.domain!r}")
        if node.op_type == "Split":
            return list(self._split(args, attributes, len(node.output), label))
        if node.op_type in _PASSING and isinstance(args[0], Tensor):
            if len(args) > 2 and isinstance(args[2], np.ndarray) and args[2].any():
                raise Unreadable(f"{label} is in training mode", "call net.eval() before the export")
            return [args[0]]
        method = _METHODS.get(node.op_type)
        if method is not None:
            return [method(self, args, attributes, label)]
        if node.op_type in _POINTWISE:
            return [self._pointwise(node.op_type, args, label)]
        return self._unknown(label)

    def _unknown(self, label: str) -> list[Tensor]:
        raise Unreadable(f"{label} is none of an MLP's", f"{', '.join(SUPPORTED)} are read")

    # ---- constants

    def _folded(
        self, node: onnx.NodeProto, args: Sequence[Given], attributes: Attributes, label: str
    ) -> npt.NDArray[Any]:
        arrays = [arg if isinstance(arg, np.ndarray) else None for arg in args]
        if node.op_type == "Constant":
            if isinstance(attributes.get("value"), np.ndarray):
                return np.asarray(attributes["value"])
            for name in ("value_float", "value_floats", "value_int", "value_ints"):
                if name in attributes:
                    return np.asarray(attributes[name], np.float32 if "float" in name else np.int64)
            raise Unreadable(f"{label} holds no numbers", "export it with numeric constants")
        if node.op_type in _PASSING and arrays[0] is not None:
            return arrays[0]
        return self._fold(node, arrays, attributes, label)

    def _shape(self, tensor: Tensor, node: onnx.NodeProto, attributes: Attributes) -> npt.NDArray[Any]:
        """The sizes of a computed tensor, with a stand-in for an open number of samples."""
        self._sizes.update(node.output)
        unknown = self._samples or _ANY_SAMPLES
        sizes = np.array([unknown if size is None else size for size in tensor.axes], dtype=np.int64)
        return sizes[attributes.get("start", 0) : attributes.get("end", len(sizes))]

    # ---- linear layers

    def _gemm(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
        sides: list[Given] = []
        for arg, transposed in zip(
            args[:2], (attributes.get("transA"), attributes.get("transB")), strict=True
        ):
            if isinstance(arg, Tensor):
                if len(arg.axes) != 2:
                    raise Unreadable(f"{label} takes a tensor with {len(arg.axes)} axes, expected 2", DAMAGED)
                sides.append(self._transposed(arg, [1, 0], label) if transposed else arg)
            elif arg is not None:
                sides.append(arg.T if transposed else arg)
        tensor = self._product(sides, alpha, label)
        bias = args[2] if len(args) > 2 else None
        if isinstance(bias, Tensor):
            raise Unreadable(f"{label} adds a computed tensor: a residual (skip) connection", _ONE_CHAIN)
        return tensor if bias is None else self._plus(tensor, beta * bias.astype(np.float64), label)

    def _matmul(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        return self._product(args, 1.0, label)

    def _product(self, args: Sequence[Given], alpha: float, label: str) -> Tensor:
        """alpha A B, one of them computed, as numpy's matmul multiplies."""
        left, right = args
        if isinstance(left, Tensor) and isinstance(right, np.ndarray):
            tensor, weight, place = left, right, -1
        elif isinstance(right, Tensor) and isinstance(left, np.ndarray):
            # A vector has its units along its one axis, a matrix on the right along the last but one.
            tensor, weight, place = right, left, -2 if len(right.axes) > 1 else -1
        else:
            raise Unreadable(f"{label} multiplies two computed tensors", "an MLP's weights are constants")
        lead = weight.ndim - 2
        if weight.ndim < 1 or any(size != 1 for size in weight.shape[: max(lead, 0)]):
            raise Unreadable(
                f"{label} has a weight of shape {weight.shape}", "an MLP's weights have two axes"
            )
        matrix = weight.reshape(weight.shape[max(lead, 0) :]).astype(np.float64)
        if place == -1 and tensor is left and matrix.ndim == 2:
            matrix = matrix.T
        axis = len(tensor.axes) + place
        if not tensor.holds_all_units(axis):
            raise Unreadable(f"{label} mixes the samples, or multiplies along another axis", DAMAGED)
        rows = np.atleast_2d(matrix)
        value = self._chain.linear(tensor.value, alpha * rows, None, label)
        out = (len(rows),) if weight.ndim > 1 else ()
        axes = (*tensor.axes[:axis], *out, *tensor.axes[axis + 1 :])
        return Tensor(value, axes).padded(max(len(axes), weight.ndim - (len(tensor.axes) == 1)))

    # ---- constants added, multiplied, and as bounds

    def _plus(self, tensor: Tensor, constant: npt.NDArray[Any], label: str) -> Tensor:
        placed, vector = tensor.vector(constant, label)
        return replace(placed, value=self._chain.add(tensor.value, vector, label))

    def _times(self, tensor: Tensor, constant: npt.NDArray[Any], label: str) -> Tensor:
        placed, vector = tensor.vector(constant, label)
        return replace(placed, value=self._chain.scale(tensor.value, vector, label))

    def _add(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, _ = with_constant(args, label)
        return self._pointwise("Add", args, label) if tensor is None else self._plus(tensor, constant, label)

    def _sum(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        if len(tensors) > 1:
            return self._pointwise("Sum", args, label)
        total = tensors[0]
        for arg in args:
            total = self._plus(total, arg, label) if isinstance(arg, np.ndarray) else total
        return total

    def _sub(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, first = with_constant(args, label)
        if tensor is None:
            return self._pointwise("Sub", args, label)
        if first:
            return self._plus(tensor, -constant, label)
        return self._plus(self._times(tensor, np.array(-1.0), label), constant, label)

    def _mul(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, _ = with_constant(args, label)
        return self._pointwise("Mul", args, label) if tensor is None else self._times(tensor, constant, label)

    def _div(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, first = with_constant(args, label)
        if tensor is None or not first:
            return self._pointwise("Div", args, label)
        return self._times(tensor, 1.0 / constant, label)

    def _neg(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        return self._times(computed(args, label), np.array(-1.0), label)

    def _batchnormalization(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        constants = [arg.astype(np.float64) for arg in args[1:5] if isinstance(arg, np.ndarray)]
        if attributes.get("training_mode") or len(constants) != 4:
            raise Unreadable(f"{label} is in training mode", "call net.eval() before the export")
        gain, shift, mean, variance = constants
        factor = gain / np.sqrt(variance + float(attributes.get("epsilon", TORCH_EPSILON)))
        # Channels are axis 1.
        shape = (len(factor), *(1 for _ in tensor.axes[2:])) if factor.ndim == 1 else factor.shape
        scaled = self._times(tensor, factor.reshape(shape), label)
        return self._plus(scaled, (shift - mean * factor).reshape(shape), label)

    def _scaler(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        """scikit-learn's scalers as skl2onnx writes them: (x - offset) scale."""
        offset, scale = (np.asarray(attributes[name], dtype=np.float64) for name in ("offset", "scale"))
        return self._times(self._plus(computed(args, label), -offset, label), scale, label)

    def _clip(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        low, high = (
            args[k] if len(args) > k else attributes.get(name) for k, name in ((1, "min"), (2, "max"))
        )
        return self._clipped(computed(args, label), low, high, label)

    def _clipped(self, tensor: Tensor, low: Any, high: Any, label: str) -> Tensor:
        bounds: list[Array | None] = []
        for bound in (low, high):
            if isinstance(bound, Tensor):
                raise Unreadable(f"{label} has a computed bound", "an MLP's bounds are constants")
            if bound is None or (np.abs(np.asarray(bound, dtype=np.float64)) >= _NO_BOUND).all():
                bounds.append(None)
                continue
            tensor, vector = tensor.vector(np.asarray(bound), label)
            bounds.append(vector)
        value = self._chain.clip(tensor.value, bounds[0], bounds[1], label)
        return replace(tensor, value=value)

    def _max(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, _ = with_constant(args, label)
        return (
            self._pointwise("Max", args, label)
            if tensor is None
            else self._clipped(tensor, constant, None, label)
        )

    def _min(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor, constant, _ = with_constant(args, label)
        return (
            self._pointwise("Min", args, label)
            if tensor is None
            else self._clipped(tensor, None, constant, label)
        )

    # ---- activation functions

    def _named(self, args: list[Given], name: str, label: str) -> Tensor:
        tensor = computed(args, label)
        return replace(tensor, value=self._chain.named(tensor.value, name, label))

    def _leakyrelu(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        return self._named(args, leaky_name(decimal(attributes, "alpha", 0.01)), label)

    def _prelu(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        slopes = args[1]
        if not isinstance(slopes, np.ndarray):
            raise Unreadable(f"{label} has computed slopes", "an MLP's slopes are constants")
        tensor, vector = computed(args, label).vector(slopes, label)
        return self._named([tensor], prelu_name(vector), label)

    def _gelu(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        return self._named(args, "gelu_tanh" if attributes.get("approximate") == b"tanh" else "gelu", label)

    def _elu(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        return self._named(args, f"elu({decimal(attributes, 'alpha', 1.0)!r})", label)

    def _celu(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        """alpha elu(z / alpha)."""
        alpha = np.array(decimal(attributes, "alpha", 1.0))
        inner = self._times(computed(args, label), 1.0 / alpha, label)
        return self._times(self._named([inner], "elu", label), alpha, label)

    def _selu(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        if not {"alpha", "gamma"} & attributes.keys():
            return self._named(args, "selu", label)
        alpha, gamma = decimal(attributes, "alpha", 1.67326319), decimal(attributes, "gamma", 1.05070102)
        return self._times(self._named(args, f"elu({alpha!r})", label), np.array(gamma), label)

    def _swish(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        """z sigmoid(alpha z) = silu(alpha z) / alpha."""
        alpha = np.array(decimal(attributes, "alpha", 1.0))
        inner = self._times(computed(args, label), alpha, label)
        return self._times(self._named([inner], "silu", label), 1.0 / alpha, label)

    def _hardsigmoid(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        scaled = self._times(computed(args, label), np.array(decimal(attributes, "alpha", 0.2)), label)
        shifted = self._plus(scaled, np.array(decimal(attributes, "beta", 0.5)), label)
        return self._clipped(shifted, np.array(0.0), np.array(1.0), label)

    def _pointwise(self, kind: str, args: Sequence[Given], label: str) -> Tensor:
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        rank = max(len(tensor.axes) for tensor in tensors)
        first = tensors[0].padded(rank)
        if any(tensor.padded(rank).axes != first.axes for tensor in tensors):
            raise Unreadable(f"{label} joins tensors of different shapes: a gate", _ONE_CHAIN)
        given: list[Array | None] = []
        for arg in args:
            if isinstance(arg, Tensor):
                given.append(None)
            elif arg is not None:
                first, vector = first.vector(arg, label)
                given.append(vector)
        function = _POINTWISE[kind]

        def filled(*arrays: Array) -> Array:
            rest = iter(arrays)
            return np.asarray(function(*(next(rest) if arg is None else arg for arg in given)))

        value = self._chain.pointwise([tensor.value for tensor in tensors], filled, label)
        return replace(first, value=value)

    # ---- closing functions

    def _softmax(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        return self._closing("softmax", computed(args, label), attributes, label)

    def _logsoftmax(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        return self._closing("log_softmax", computed(args, label), attributes, label)

    def _closing(self, name: str, tensor: Tensor, attributes: Attributes, label: str) -> Tensor:
        axis = tensor.axis(int(attributes.get("axis", 1 if self._opset < 13 else -1)), label)
        # Before opset 13 all axes from this one on were one.
        inside = tensor.axes[axis:] if self._opset < 13 else tensor.axes[axis : axis + 1]
        if None in inside or math.prod(size or 1 for size in inside) != tensor.units:
            raise Unreadable(f"{label} is taken along axis {axis}, not over the units", "use axis -1")
        return replace(tensor, value=self._chain.link(tensor.value, name, label))

    def _argmax(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        axis = tensor.axis(int(attributes.get("axis", 0)), label)
        if not tensor.holds_all_units(axis):
            raise Unreadable(f"{label} is taken along axis {axis}, not over the units", "use axis -1")
        kept = (1,) if attributes.get("keepdims", 1) else ()
        value = self._chain.link(tensor.value, "argmax", label)
        return Tensor(value, (*tensor.axes[:axis], *kept, *tensor.axes[axis + 1 :]))

    def _log(self, args: list[Given], _attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        if tensor.value.link == "softmax":
            return replace(tensor, value=self._chain.link(tensor.value, "log", label))
        return self._pointwise("Log", args, label)

    # ---- axes

    def _cast(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        # FLOAT and DOUBLE; the number of a class is the same in every type
        if attributes.get("to") not in (1, 11) and tensor.value.link != "argmax":
            raise Unreadable(f"{label} casts to a narrow type", "export in float32 or float64")
        return tensor

    def _flatten(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        rank = len(tensor.axes)
        axis = int(attributes.get("axis", 1))
        axis = axis + rank if axis < 0 else axis
        front, back = tensor.axes[:axis], tensor.axes[axis:]
        if None in back or (None in front and any(size not in (None, 1) for size in front)):
            raise Unreadable(f"{label} flattens the samples too (axis {axis})", "use axis 1")
        size = math.prod(size or 1 for size in front)
        return replace(
            tensor, axes=(None if None in front else size, math.prod(size or OPEN for size in back))
        )

    def _reshape(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor, shape = args
        if not isinstance(tensor, Tensor) or not isinstance(shape, np.ndarray):
            raise Unreadable(f"{label} has a computed shape", "export with a fixed shape")
        if attributes.get("allowzero"):
            raise Unreadable(f"{label} allows axes of size 0", "export without allowzero")
        sizes = [int(size) for size in shape.ravel()]
        samples = self._samples or (_ANY_SAMPLES if _ANY_SAMPLES in sizes else None)
        return tensor.regrouped(sizes, samples, label)

    def _transpose(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        order = attributes.get("perm", range(len(tensor.axes))[::-1])
        return self._transposed(tensor, [int(axis) for axis in order], label)

    def _transposed(self, tensor: Tensor, order: list[int], label: str) -> Tensor:
        if sorted(order) != list(range(len(tensor.axes))):
            raise Unreadable(f"{label} permutes other axes than there are", DAMAGED)
        axes = tuple(tensor.axes[axis] for axis in order)
        if sum(size not in (None, 1) for size in axes) < 2:
            return replace(tensor, axes=axes)
        samples = {k for k, size in enumerate(axes) if size is None}
        return tensor.taken(self._chain, tensor.indices(label).transpose(order), samples, label)

    def _squeeze(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        named = named_axes(args, attributes)
        if named is None:
            removed = {k for k, size in enumerate(tensor.axes) if size == 1}
        else:
            removed = {tensor.axis(axis, label) for axis in named}
        if any(tensor.axes[axis] != 1 for axis in removed):
            raise Unreadable(f"{label} removes an axis that is not of size 1", DAMAGED)
        return replace(tensor, axes=tuple(size for k, size in enumerate(tensor.axes) if k not in removed))

    def _unsqueeze(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        named = named_axes(args, attributes) or []
        rank = len(tensor.axes) + len(named)
        places = {axis % rank for axis in named}
        old = iter(tensor.axes)
        return replace(tensor, axes=tuple(1 if k in places else next(old) for k in range(rank)))

    def _gather(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor, chosen = args[0], args[1]
        if not isinstance(tensor, Tensor) or not isinstance(chosen, np.ndarray):
            raise Unreadable(
                f"{label} looks up what it computes: an embedding, whose inputs are not numbers",
                "export the MLP behind it alone",
            )
        axis = tensor.axis(int(attributes.get("axis", 0)), label)
        self._check_units(tensor, axis, label)
        taken = np.take(tensor.indices(label), chosen.astype(np.intp), axis=axis)
        samples = {
            k if k < axis else k + chosen.ndim - 1 for k, size in enumerate(tensor.axes) if size is None
        }
        return tensor.taken(self._chain, taken, samples, label)

    def _slice(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensor = computed(args, label)
        refuse_computed(args[1:], label)
        older = [attributes.get(name) for name in ("starts", "ends", "axes", "steps")]
        given: list[Any] = [*args[1:], None, None] if len(args) > 1 else older
        starts, ends = ([int(n) for n in np.ravel(arg)] for arg in given[:2])
        axes = list(range(len(starts))) if given[2] is None else [int(n) for n in np.ravel(given[2])]
        steps = [1] * len(starts) if given[3] is None else [int(n) for n in np.ravel(given[3])]
        cut = [slice(None)] * len(tensor.axes)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            place = tensor.axis(axis, label)
            whole = start == 0 and step == 1 and end >= 2**31 - 1
            if not whole:
                self._check_units(tensor, place, label)
                # Going down, an end before the first element is none.
                size = tensor.axes[place] or 0
                cut[place] = slice(start, None if step < 0 and end < -size else end, step)
        if all(part == slice(None) for part in cut):
            return tensor
        samples = {k for k, size in enumerate(tensor.axes) if size is None}
        return tensor.taken(self._chain, tensor.indices(label)[tuple(cut)], samples, label)

    def _split(self, args: list[Given], attributes: Attributes, outputs: int, label: str) -> Iterator[Tensor]:
        tensor = computed(args, label)
        axis = tensor.axis(int(attributes.get("axis", 0)), label)
        self._check_units(tensor, axis, label)
        refuse_computed(args[1:], label)
        sizes: Any = args[1] if len(args) > 1 else attributes.get("split")
        places = tensor.indices(label)
        if sizes is None:
            # All parts of one size, but the last, which may be smaller.
            width = math.ceil(places.shape[axis] / outputs)
            sizes = [width] * outputs
        ends = np.cumsum(np.ravel(sizes))[:-1]
        samples = {k for k, size in enumerate(tensor.axes) if size is None}
        for part in np.split(places, ends, axis=axis):
            yield tensor.taken(self._chain, part, samples, label)

    def _concat(self, args: list[Given], attributes: Attributes, label: str) -> Tensor:
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        if len(tensors) != len(args):
            raise Unreadable(
                f"{label} joins computed tensors and constants", "an MLP has its constants as biases"
            )
        axis = tensors[0].axis(int(attributes.get("axis", 0)), label)
        alike = {(*tensor.axes[:axis], *tensor.axes[axis + 1 :]) for tensor in tensors}
        if len(alike) != 1 or not all(tensor.holds_all_units(axis) for tensor in tensors):
            raise Unreadable(f"{label} joins along another axis than that of the units", _ONE_CHAIN)
        value = self._chain.join([tensor.value for tensor in tensors], label)
        axes = list(tensors[0].axes)
        axes[axis] = sum(tensor.axes[axis] or 0 for tensor in tensors)
        return Tensor(value, tuple(axes))

    def _check_units(self, tensor: Tensor, axis: int, label: str) -> None:
        if tensor.axes[axis] is None:
            raise Unreadable(f"{label} picks samples", "an MLP treats all samples alike")


_Method = Callable[[GraphWalk, list[Given], Attributes, str], Tensor]


def _by_name(name: str) -> _Method:
    return lambda walk, args, _attributes, label: walk._named(args, name, label)


_METHODS: dict[str, _Method] = {
    "Gemm": GraphWalk._gemm, "MatMul": GraphWalk._matmul, "Add": GraphWalk._add, "Sub": GraphWalk._sub,
    "Sum": GraphWalk._sum,
    "Mul": GraphWalk._mul, "Div": GraphWalk._div, "Neg": GraphWalk._neg,
    "BatchNormalization": GraphWalk._batchnormalization, "Clip": GraphWalk._clip, "Max": GraphWalk._max,
    "Min": GraphWalk._min, "Relu": _by_name("relu"), "Tanh": _by_name("tanh"), "Sigmoid": _by_name("sigmoid"),
    "Softplus": _by_name("softplus"), "LeakyRelu": GraphWalk._leakyrelu, "PRelu": GraphWalk._prelu,
    "Gelu": GraphWalk._gelu, "Elu": GraphWalk._elu, "Celu": GraphWalk._celu, "Selu": GraphWalk._selu,
    "Swish": GraphWalk._swish, "HardSigmoid": GraphWalk._hardsigmoid, "Softmax": GraphWalk._softmax,
    "LogSoftmax": GraphWalk._logsoftmax, "ArgMax": GraphWalk._argmax, "Log": GraphWalk._log,
    "Cast": GraphWalk._cast, "Flatten": GraphWalk._flatten, "Reshape": GraphWalk._reshape,
    "Transpose": GraphWalk._transpose, "Squeeze": GraphWalk._squeeze, "Unsqueeze": GraphWalk._unsqueeze,
    "Gather": GraphWalk._gather, "Slice": GraphWalk._slice, "Concat": GraphWalk._concat,
}  # fmt: skip
#: The nodes that are read.
SUPPORTED = (*_METHODS, *sorted(_PASSING), "Split", "Constant", *sorted(_POINTWISE.keys() - _METHODS.keys()))
