"""A certificate as a question to another verifier: the difference network in ONNX, and its bound in VNN-LIB.

VNN-LIB (vnnlib.org) is what the verifiers of the yearly competition read. A bound holds where the verifier finds no
input of the box at which the difference exceeds it ("unsat").
"""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..networks.box import Box
from .piecewise import PiecewiseLinear

Array = npt.NDArray[np.float64]


class VnnlibFiles(NamedTuple):
    """Where the two files lie.

    Attributes:
        onnx: the network less its specification, Gemm and Relu nodes in float64: X [1, d] in, Y [1, out] out.
        vnnlib: the box, and that some |Y| exceeds the bound.

    Examples:
        >>> VnnlibFiles(Path("difference.onnx"), Path("bound.vnnlib")).onnx.name
        'difference.onnx'
    """

    onnx: Path
    vnnlib: Path


def write_vnnlib(f: PiecewiseLinear, box: Box, bound: float, folder: Path) -> VnnlibFiles:
    """Write `|f| > bound somewhere on the box` as two files in a folder, which is made where it is missing.

    Raises:
        InputError: where onnx is not installed.

    Examples:
        >>> import tempfile
        >>> from ..networks.network import Network
        >>> from .piecewise import from_network
        >>> f = from_network(Network([[[1.0]], [[1.0]]]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_vnnlib(f, ((-1.0, 1.0),), 1.0, Path(folder))
        ...     print("".join(files.vnnlib.read_text().splitlines(keepends=True)[:4]), end="")
        ; some |Y| > 1.0 on the box: unsat proves the bound
        (declare-const X_0 Real)
        (declare-const Y_0 Real)
        (assert (>= X_0 -1))
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise InputError(
            "writing a network as ONNX takes onnx, which is not installed: pip install 'mathcircuits[onnx]'"
        ) from error
    nodes, constants, name = [], [], "X"
    steps = chain(f)
    for k, (weights, bias) in enumerate(steps):
        last = k == len(steps) - 1
        constants += [numpy_helper.from_array(weights, f"W{k}"), numpy_helper.from_array(bias, f"b{k}")]
        made = "Y" if last else f"z{k}"
        nodes.append(helper.make_node("Gemm", [name, f"W{k}", f"b{k}"], [made], transB=1))
        if not last:
            nodes.append(helper.make_node("Relu", [made], [f"h{k}"]))
        name = f"h{k}"
    ends = [
        helper.make_tensor_value_info(end, TensorProto.DOUBLE, [1, width])
        for end, width in (("X", f.inputs), ("Y", f.outputs))
    ]
    graph = helper.make_graph(nodes, "difference", ends[:1], ends[1:], constants)
    # An early opset and format, which verifiers read.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    files = VnnlibFiles(folder / "difference.onnx", folder / "bound.vnnlib")
    files.onnx.write_bytes(model.SerializeToString())
    files.vnnlib.write_text(_property(box, f.outputs, bound), "utf-8")
    return files


def chain(f: PiecewiseLinear) -> list[tuple[Array, Array]]:
    """Weights [h, before] and biases [h] of plain layers with a ReLU behind all but the last, of the same function.

    A leaky unit is relu(z) - slope relu(-z); an input that later layers read passes through as relu(x) - relu(-x), a
    unit as itself, since it is not negative.

    Examples:
        >>> from ..features.formulas import Formula
        >>> from .piecewise import from_formulas
        >>> [w.tolist() for w, _ in chain(from_formulas([Formula("min(x1, x2)")], 2))]
        [[[1.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]]
    """
    d, found = f.inputs, []
    rows: Array = np.eye(d)  # every column so far, as a combination of the neurons of the layer before
    readers = [*(layer.weights for layer in f.layers), f.readout]
    for k, layer in enumerate(f.layers):
        known = len(rows)
        later = np.any([(w[:, :known] != 0).any(axis=0) for w in readers[k + 1 :]], axis=0)
        kept = np.flatnonzero((rows[later] != 0).any(axis=0))
        own, leaky = layer.weights @ rows, np.flatnonzero(layer.slope)
        passed = np.eye(rows.shape[1])[kept]
        back = -passed if k == 0 else passed[:0]
        W = np.concatenate([own, -own[leaky], passed, back]) + 0.0  # no -0
        b = np.concatenate([layer.bias, -layer.bias[leaky], np.zeros(len(passed) + len(back))])
        h, m, n = len(own), len(leaky), len(passed)
        fresh = np.zeros((known + h, len(W)))
        through = rows[:, kept] * later[:, None]
        fresh[:known, h + m : h + m + n] = through
        if k == 0:
            fresh[:known, h + m + n :] = -through
        fresh[known:, :h] = np.eye(h)
        fresh[known + leaky, h + np.arange(m)] = -layer.slope[leaky]
        found.append((W, b))
        rows = fresh
    return [*found, (f.readout @ rows, f.offset)]


def _property(box: Box, outputs: int, bound: float) -> str:
    """Declarations, the box, and an output beyond the bound; numbers as the decimals that the floats are."""
    # Verifiers read >= alone: the next float stands for "greater".
    beyond = _decimal(math.nextafter(bound, math.inf))
    lines = [f"; some |Y| > {bound!r} on the box: unsat proves the bound"]
    lines += [f"(declare-const X_{k} Real)" for k in range(len(box))]
    lines += [f"(declare-const Y_{k} Real)" for k in range(outputs)]
    for k, (low, high) in enumerate(box):
        lines += [f"(assert (>= X_{k} {_decimal(low)}))", f"(assert (<= X_{k} {_decimal(high)}))"]
    cases = [
        f"(and ({sign} Y_{k} {minus}{beyond}))"
        for k in range(outputs)
        for sign, minus in ((">=", ""), ("<=", "-"))
    ]
    return "\n".join([*lines, f"(assert (or {' '.join(cases)}))"]) + "\n"


def _decimal(value: float) -> str:
    return format(Decimal(value), "f")
