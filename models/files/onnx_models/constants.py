"""fold: the value of an ONNX node on constants alone, as onnx's own reference computes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..layer_chain import MAX_VALUES, Unreadable
from ..named_tensors.torch_files import first_line

if TYPE_CHECKING:
    import onnx

Arrays = Sequence[npt.NDArray[Any]]
# A product of constants is folded up to this many multiplications: seconds, not hours.
_MAX_WORK = 64 * MAX_VALUES
_REMEDY = "export with constant folding"


def _same(args: Arrays, _attributes: dict[str, Any]) -> int:
    return args[0].size


def _broadcast(args: Arrays, _attributes: dict[str, Any]) -> int:
    return math.prod(np.broadcast_shapes(*(arg.shape for arg in args)))


def _product(args: Arrays, attributes: dict[str, Any]) -> int:
    a = args[0].T if attributes.get("transA") else args[0]
    b = args[1].T if attributes.get("transB") else args[1]
    rows = math.prod(a.shape[-2:-1])
    columns = b.shape[-1] if b.ndim > 1 else 1
    size = math.prod(np.broadcast_shapes(a.shape[:-2], b.shape[:-2])) * rows * columns
    if size * a.shape[-1] > _MAX_WORK:
        raise OverflowError
    return size


def _gathered(args: Arrays, attributes: dict[str, Any]) -> int:
    axis = args[0].shape[int(attributes.get("axis", 0))] if args[0].ndim else 1
    return args[0].size // max(axis, 1) * args[1].size


def _expanded(args: Arrays, _attributes: dict[str, Any]) -> int:
    return math.prod(np.broadcast_shapes(args[0].shape, tuple(int(size) for size in args[1])))


# How many numbers a node gives, found before it runs. What is not here is not folded.
_KEEP_SIZE = (
    "Identity Cast Transpose Reshape Unsqueeze Squeeze Flatten Neg Abs Sqrt Exp Log Erf Reciprocal Relu Tanh "
    "Sigmoid Clip Slice Not Floor Ceil Round Sign ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd "
    "DequantizeLinear QuantizeLinear"
)
_BROADCAST = "Add Sub Mul Div Pow Max Min Where Equal Greater Less GreaterOrEqual LessOrEqual And Or Sum Mod"
_SIZES: dict[str, Callable[[Arrays, dict[str, Any]], int]] = {
    **dict.fromkeys(_KEEP_SIZE.split(), _same),
    **dict.fromkeys(_BROADCAST.split(), _broadcast),
    "MatMul": _product,
    "Gemm": _product,
    "Gather": _gathered,
    "Expand": _expanded,
    "Concat": lambda args, _: sum(arg.size for arg in args),
    "Shape": lambda args, _: args[0].ndim,
    "Size": lambda _args, _: 1,
    "ConstantOfShape": lambda args, _: math.prod(int(size) for size in args[0].ravel()),
}


class Folder:
    """Folds the nodes of one model; together they may give `MAX_VALUES` numbers.

    Args:
        model: whose operator sets say what a node means.

    Examples:
        >>> from onnx import helper
        >>> model = helper.make_model(helper.make_graph([], "none", [], []))
        >>> node = helper.make_node("Div", ["a", "b"], ["c"])
        >>> Folder(model).fold(node, [np.array([7, -7]), np.array([2, 2])], {}, "node 0 (Div)").tolist()
        [3, -3]
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._opsets = list(model.opset_import)
        self._ir_version = max(model.ir_version, 3)
        self._left = MAX_VALUES

    def fold(
        self,
        node: onnx.NodeProto,
        args: Sequence[npt.NDArray[Any] | None],
        attributes: dict[str, Any],
        label: str,
    ) -> npt.NDArray[Any]:
        """What the node gives for these inputs, in the precision that the file computes in.

        Raises:
            Unreadable: for an operator that is not folded, for too large a result, and where onnx refuses.
        """
        if node.op_type not in _SIZES or len(node.output) != 1 or node.domain not in ("", "ai.onnx"):
            raise Unreadable(f"{label} computes with constants what is not read", _REMEDY)
        try:
            size = _SIZES[node.op_type]([arg for arg in args if arg is not None], attributes)
        except OverflowError:
            size = MAX_VALUES + 1
        except (ValueError, IndexError, TypeError) as error:
            raise Unreadable(
                f"{label} computes with constants that do not fit ({first_line(error)})", _REMEDY
            ) from None
        if size > self._left:
            raise Unreadable(
                f"{label} makes more than the {MAX_VALUES} numbers that are read out of constants",
                "export the MLP alone",
            )
        self._left -= size
        try:
            return self._evaluated(node, args)
        except Exception as error:  # whatever the reference's operators meet in arrays that do not fit
            raise Unreadable(
                f"{label} cannot be computed from its constants ({first_line(error)})", _REMEDY
            ) from None

    def _evaluated(self, node: onnx.NodeProto, args: Sequence[npt.NDArray[Any] | None]) -> npt.NDArray[Any]:
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        given = {name: arg for name, arg in zip(node.input, args, strict=True) if arg is not None}
        types = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(arg.dtype), arg.shape)
            for name, arg in given.items()
        ]
        graph = helper.make_graph(
            [node], "constants", types, [helper.make_empty_tensor_value_info(node.output[0])]
        )
        model = helper.make_model(graph, opset_imports=self._opsets, ir_version=self._ir_version)
        evaluator: Any = ReferenceEvaluator(model)
        with np.errstate(all="ignore"):  # what overflows or is NaN is refused by Network, by name
            return np.asarray(evaluator.run(None, given)[0])
