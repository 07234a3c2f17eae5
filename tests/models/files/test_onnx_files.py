"""ONNX files that torch and onnx's own helper wrote, against onnx's reference evaluator."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mathcircuits.detect import AssumptionWarning, FileError, MathCircuitsError, Network
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - behind importorskip
from onnx.reference import ReferenceEvaluator  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 2)).astype(np.float32)
W0, B0 = RNG.normal(size=(3, 2)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
W1, B1 = RNG.normal(size=(4, 3)).astype(np.float32), RNG.normal(size=4).astype(np.float32)
W2, B2 = RNG.normal(size=(1, 4)).astype(np.float32), RNG.normal(size=1).astype(np.float32)


def model(
    nodes: Sequence[Any],
    constants: dict[str, np.ndarray],
    *,
    opset: int = 20,
    rows: bool = True,
    **fields: Any,
) -> Any:
    shape: list[str | int] = ["n", 2] if rows else [2, "n"]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
        **fields,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], name=f"{kind}_{output}", **attributes)


def check(proto: Any, path: Path, X: np.ndarray = X, tolerance: float = 1e-5) -> Network:
    """Write, read, compare with the reference evaluator."""
    path = path / "net.onnx" if path.is_dir() else path
    onnx.save(proto, path)
    net = read_network(path)
    expected: Any = ReferenceEvaluator(str(path)).run(None, {"x": X})[0]
    found = net(X if X.shape[1] == net.inputs else X.T)
    found = found if found.shape == expected.shape else found.T
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < tolerance
    return net


# ---- written by torch


def sequential(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(*layers)
    for part in net:
        if isinstance(part, nn.Linear):
            part.reset_parameters()
    return net.eval()


TORCH = {
    "relu": (
        lambda: sequential(
            nn.Flatten(), nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(3, 1)
        ),
        ["relu"],
    ),
    "no bias": (
        lambda: sequential(
            nn.Linear(2, 3, bias=False), nn.Tanh(), nn.Linear(3, 4, bias=False), nn.Linear(4, 1, bias=False)
        ),
        ["tanh", "identity"],
    ),
    "gelu": (
        lambda: sequential(
            nn.Linear(2, 3),
            nn.GELU(),
            nn.Linear(3, 4),
            nn.GELU("tanh"),
            nn.Linear(4, 4),
            nn.LeakyReLU(0.2),
            nn.Linear(4, 1),
        ),
        ["gelu", "gelu_tanh", "leaky_relu(0.2)"],
    ),
}


def export(net: nn.Module, path: Path, **options: Any) -> None:
    with warnings.catch_warnings():
        # torch's exporter warns of itself: of its own old form, and of what its new one calls.
        warnings.filterwarnings(
            "ignore", category=DeprecationWarning, message=".*(ONNX export|feature will be removed)"
        )
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*LeafSpec")
        torch.onnx.export(net, (torch.zeros(16, 2),), path, input_names=["x"], verbose=False, **options)


@pytest.mark.parametrize(
    "options", [{"dynamo": True}, {"dynamo": False}, {"dynamo": False, "opset_version": 13}], ids=str
)
@pytest.mark.parametrize("name", TORCH)
def test_what_torch_exports(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    if options["dynamo"]:
        pytest.importorskip("onnxscript")
    make, activations = TORCH[name]
    net = make()
    path = tmp_path / "net.onnx"
    export(net, path, **options)
    if "opset_version" in options and name == "gelu":  # before opset 20 gelu is spelt out
        assert "Erf" in {n.op_type for n in onnx.load(path).graph.node}
    found = load(path)
    assert list(found.cfg.activations) == activations
    assert found.cfg.dtype == "float32"
    with torch.no_grad():
        assert np.abs(found.to_network()(X) - net(torch.from_numpy(X)).numpy()).max() < 1e-5
    expected: Any = ReferenceEvaluator(str(path)).run(None, {"x": X})[0]
    assert np.abs(found.to_network()(X) - expected).max() < 1e-5


def test_what_torch_exports_with_its_weights_beside(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    net = sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    export(net, tmp_path / "net.onnx", dynamo=True, external_data=True)
    assert (tmp_path / "net.onnx.data").stat().st_size > 16000
    found = read_network(tmp_path / "net.onnx")
    with torch.no_grad():
        assert np.abs(found(X) - net(torch.from_numpy(X)).numpy()).max() < 1e-5
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(
        FileError, match=r"keeps its weights in 'net.onnx.data', which is not beside it; copy that file"
    ):
        load(tmp_path / "net.onnx")


# ---- written by onnx.helper


def test_gemm_in_every_orientation_and_scale(tmp_path: Path) -> None:
    net = check(
        model(
            [
                node("Gemm", "x W0 B0", "a", transB=1, alpha=0.5, beta=2.0),
                node("Relu", "a", "b"),
                node("Gemm", "b W1", "c", alpha=-1.5),
                node("LeakyRelu", "c", "d", alpha=0.2),
                node("Gemm", "d W2 B2", "y", transB=1, beta=0.0),
            ],
            {"W0": W0, "B0": B0, "W1": W1.T.copy(), "W2": W2, "B2": B2},
        ),
        tmp_path,
    )
    assert net.activations == ("relu", "leaky_relu(0.2)")
    assert net.architecture.bias == (True, False, True)
    assert np.allclose(net.weights[0], 0.5 * W0.astype(float))
    assert np.allclose(net.bias_vectors[0], 2.0 * B0.astype(float))
    assert not net.bias_vectors[2].any()


def test_samples_as_columns(tmp_path: Path) -> None:
    """transA on the computed side, and weights on the left: Y = W X."""
    check(
        model(
            [
                node("Gemm", "x W0 B0", "a", transA=1, transB=1),
                node("Tanh", "a", "b"),
                node("Transpose", "b", "c", perm=[1, 0]),
                node("MatMul", "W1 c", "d"),
                node("Add", "d B1", "e"),
                node("Relu", "e", "f"),
                node("Gemm", "W2T f B2", "y", transA=1),
            ],
            {"W0": W0, "B0": B0, "W1": W1, "B1": B1[:, None], "W2T": W2.T.copy(), "B2": B2},
            rows=False,
        ),
        tmp_path,
        X.T,
    )
    mixed = model(
        [node("Gemm", "x W0", "a", transB=1), node("Gemm", "a W1", "y", transA=1, transB=1)],
        {"W0": W0, "W1": W1},
    )
    onnx.save(mixed, tmp_path / "net.onnx")
    with pytest.raises(FileError, match=r"node Gemm_y \(Gemm\) mixes the samples"):
        load(tmp_path / "net.onnx")


def test_matmul_add_constants_and_identities(tmp_path: Path) -> None:
    net = check(
        model(
            [
                helper.make_node("Constant", [], ["W0"], value=numpy_helper.from_array(W0)),
                helper.make_node("Constant", [], ["two"], value_float=2.0),
                helper.make_node("Constant", [], ["B2"], value_floats=[float(B2[0])]),
                helper.make_node("Constant", [], ["shape"], value_ints=[-1, 2]),
                node("Reshape", "x shape", "x1"),
                node("Flatten", "x1", "x2"),
                node("Cast", "x2", "x3", to=TensorProto.FLOAT),
                node("Transpose", "W0", "W0T"),
                node("MatMul", "x3 W0T", "a"),
                node("Add", "B0 a", "b"),  # the bias first
                node("Identity", "b", "c"),
                node("Relu", "c", "d"),
                node("Dropout", "d", "e"),
                node("Mul", "W1T two", "W1x2"),
                node("MatMul", "e W1x2", "f"),  # no activation behind it: a purely linear layer
                node("MatMul", "f W2T", "g"),
                node("Add", "g B2", "y"),
            ],
            {"B0": B0, "W1T": W1.T.copy(), "W2T": W2.T.copy()},
        ),
        tmp_path,
    )
    assert net.sizes == (2, 3, 4, 1)
    assert net.activations == ("relu", "identity")
    assert net.architecture.bias == (True, False, True)


def test_shared_weights_and_biases(tmp_path: Path) -> None:
    square = RNG.normal(size=(2, 2)).astype(np.float32)
    net = check(
        model(
            [
                node("Gemm", "x W B", "a"),
                node("Relu", "a", "b"),
                node("Gemm", "b W B", "c"),
                node("Relu", "c", "d"),
                node("Gemm", "d W B", "y"),
            ],
            {"W": square, "B": B0[:2]},
        ),
        tmp_path,
    )
    assert net.sizes == (2, 2, 2, 2)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (3,), (1, 3)])
def test_biases_that_are_broadcast(tmp_path: Path, shape: tuple[int, ...]) -> None:
    bias = np.resize(B0, shape).astype(np.float32)
    check(model([node("Gemm", "x W B", "y", transB=1)], {"W": W0, "B": bias}), tmp_path)
    check(
        model([node("MatMul", "x W", "a"), node("Add", "a B", "y")], {"W": W0.T.copy(), "B": bias}), tmp_path
    )


def test_two_biases_and_a_closing_activation(tmp_path: Path) -> None:
    net = check(
        model(
            [node("Gemm", "x W B", "a", transB=1), node("Add", "a B", "b"), node("Tanh", "b", "y")],
            {"W": W0, "B": B0},
        ),
        tmp_path,
    )
    assert net.activations == ("tanh",)
    assert np.array_equal(net.weights[1], np.eye(3))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_node_and_gelu_spelt_out(tmp_path: Path, approximate: str) -> None:
    name = "gelu" if approximate == "none" else "gelu_tanh"
    head = node("Gemm", "x W0 B0", "z", transB=1)
    tail = node("Gemm", "h W1", "y", transB=1)
    weights = {"W0": W0, "B0": B0, "W1": W1}
    short = check(model([head, node("Gelu", "z", "h", approximate=approximate), tail], weights), tmp_path)
    if name == "gelu":
        long = [
            node("Div", "z root2", "a"),
            node("Erf", "a", "b"),
            node("Add", "b one", "c"),
            node("Mul", "z c", "d"),
            node("Mul", "d half", "h"),
        ]
    else:
        long = [
            node("Pow", "z three", "a"),
            node("Mul", "a k", "b"),
            node("Add", "z b", "c"),
            node("Mul", "c s", "d"),
            node("Tanh", "d", "e"),
            node("Add", "e one", "f"),
            node("Mul", "half z", "g"),
            node("Mul", "g f", "h"),
        ]
    numbers = {"root2": 2**0.5, "one": 1, "half": 0.5, "three": 3, "k": 0.044715, "s": (2 / np.pi) ** 0.5}
    constants = {key: np.asarray(value, np.float32) for key, value in numbers.items()}
    spelt = check(model([head, *long, tail], weights | constants, opset=13), tmp_path)
    assert short.activations == spelt.activations == (name,)
    assert np.array_equal(short.weights[0], spelt.weights[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions(tmp_path: Path, dtype: type) -> None:
    graph = helper.make_graph(
        [node("MatMul", "x W", "y")],
        "net",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["n", 2])],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)],
        [numpy_helper.from_array(W0.T.astype(dtype), "W")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "net.onnx")
    found = load(tmp_path / "net.onnx")
    assert found.cfg.dtype == ("float64" if dtype is np.float64 else "float32")
    assert np.array_equal(found.to_network().weights[0], W0.astype(dtype).astype(float))


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    body = helper.make_function(
        "mine",
        "Layer",
        ["a", "w"],
        ["c"],
        [node("MatMul", "a w", "b"), node("Relu", "b", "c")],
        [helper.make_opsetid("", 20)],
    )
    proto = model(
        [helper.make_node("Layer", ["x", "W0"], ["h"], domain="mine"), node("MatMul", "h W1", "y")],
        {"W0": W0.T.copy(), "W1": W1.T.copy()},
    )
    proto.functions.append(body)
    proto.opset_import.append(helper.make_opsetid("mine", 1))
    assert check(proto, tmp_path).activations == ("relu",)


def test_nodes_that_the_output_does_not_need_are_passed_over(tmp_path: Path) -> None:
    proto = model(
        [node("Conv", "x W0", "unused"), node("MatMul", "x W", "y")],
        {"W0": W0.reshape(3, 2, 1), "W": W0.T.copy()},
    )
    onnx.save(proto, tmp_path / "net.onnx")
    assert read_network(tmp_path / "net.onnx").sizes == (2, 3)


# ---- refused

LINEAR = node("Gemm", "x W B", "a", transB=1)
WEIGHTS = {"W": W0, "B": B0}
BAD = np.where(np.eye(3, 2) > 0, np.nan, W0).astype(np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants", "message"),
    [
        (
            [node("Conv", "x W", "y")],
            {"W": W0.reshape(3, 2, 1)},
            r"node Conv_y \(Conv\) is a convolution; export the MLP alone",
        ),
        (
            [LINEAR, node("Hardmax", "a", "y")],
            WEIGHTS,
            r"node Hardmax_y \(Hardmax\) is none of an MLP's; Gemm, MatMul, ",
        ),
        (
            [LINEAR, node("Relu", "a", "b"), node("Add", "a b", "c"), node("MatMul", "c V", "y")],
            WEIGHTS | {"V": W1.T.copy()},
            "the function between .* none of",
        ),
        (
            [LINEAR, node("Gemm", "x W B", "b", transB=1), node("Add", "a b", "y")],
            WEIGHTS,
            "adds the outputs of different layers: a residual .skip. connection",
        ),
        (
            [LINEAR, node("Mul", "a x", "y")],
            WEIGHTS,
            "multiplies the outputs of different layers: a gated unit",
        ),
        (
            [LINEAR, node("MatMul", "a x", "y")],
            WEIGHTS,
            r"node MatMul_y \(MatMul\) multiplies two computed tensors",
        ),
        (
            [node("Relu", "x", "a"), node("MatMul", "a W", "y")],
            {"W": W0.T.copy()},
            "comes before node MatMul_y .*, the first linear layer",
        ),
        ([node("Relu", "x", "y")], {}, "it holds no linear layer"),
        ([node("Identity", "W", "y")], {"W": W0}, "its output 'y' does not depend on its input"),
        (
            [node("Flatten", "x", "a", axis=0), node("MatMul", "a W", "y")],
            {"W": W0.T.copy()},
            r"flattens the samples too \(axis 0\)",
        ),
        (
            [LINEAR, node("Gemm", "a V", "y")],
            WEIGHTS | {"V": W2.T.copy()},
            "takes 4 values, but the layer before it gives 3",
        ),
        (
            [node("Gemm", "x W B", "y", transB=1)],
            {"W": W0, "B": np.ones((16, 3), np.float32)},
            r"has a constant of shape \(16, 3\) for 3 units; a bias",
        ),
        ([LINEAR, node("Reshape", "a s", "y")], WEIGHTS | {"s": np.array([3, -1])}, r"reshapes to \[3, -1\]"),
        (
            [node("Reshape", "x s", "a"), node("MatMul", "a W", "y")],
            {"W": W0, "s": np.array([-1, 3])},
            r"reshapes to \[-1, 3\]",
        ),
        ([LINEAR, node("Cast", "a", "y", to=TensorProto.INT8)], WEIGHTS, "casts to a narrow type"),
        ([node("MatMul", "x W", "y")], {"W": W0.reshape(3, 2, 1)}, r"has a weight of shape \(3, 2, 1\)"),
        (
            [node("Gemm", "x W B", "y", transB=1)],
            {"W": BAD, "B": B0},
            r"weights\[0\] holds NaN or infinite values",
        ),
        ([LINEAR, node("LeakyRelu", "a", "y", alpha=float("nan"))], WEIGHTS, "a leaky ReLU with slope nan"),
        (
            [node("Trilu", "W", "a"), node("MatMul", "x a", "y")],
            {"W": W0},
            "computes with constants what is not read",
        ),
    ],
)
def test_graphs_that_are_no_mlp_say_which_node_and_why(
    tmp_path: Path, nodes: list[Any], constants: dict[str, np.ndarray], message: str
) -> None:
    onnx.save(model(nodes, constants), tmp_path / "net.onnx")
    with pytest.raises(FileError, match=f"net.onnx: .*{message}"):
        load(tmp_path / "net.onnx")


def test_several_inputs_stand_side_by_side(tmp_path: Path) -> None:
    """One column each, as skl2onnx writes them: their names are the inputs' names."""
    proto = model(
        [node("Concat", "b a", "x", axis=1), node("MatMul", "x W", "z"), node("Identity", "z", "y")],
        {"W": W0.T.copy()},
    )
    del proto.graph.input[:]
    proto.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in ("a", "b")
    )
    onnx.save(proto, tmp_path / "net.onnx")
    with pytest.warns(AssumptionWarning, match=r"its inputs \(a, b\) stand side by side in this order"):
        net = load(tmp_path / "net.onnx").to_network()
    assert net.input_names == ("a", "b")
    expected: Any = ReferenceEvaluator(str(tmp_path / "net.onnx")).run(None, {"a": X[:, :1], "b": X[:, 1:]})[
        0
    ]
    assert np.abs(net(X) - expected).max() < 1e-6


def test_of_several_outputs_one_is_named(tmp_path: Path) -> None:
    proto = model([LINEAR, node("Relu", "a", "y")], WEIGHTS)
    proto.graph.output.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, None))
    onnx.save(proto, tmp_path / "net.onnx")
    with pytest.raises(FileError, match=r"holds several outputs \(y, a\); name one: part='y'"):
        load(tmp_path / "net.onnx")
    assert load(tmp_path / "net.onnx", part="a").to_network().activations == ()
    assert load(tmp_path / "net.onnx", part="y").to_network().activations == ("relu",)


def test_empty_mislabelled_and_truncated_files(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(onnx.ModelProto(), path)
    assert path.stat().st_size == 0  # an empty file is an empty model
    with pytest.raises(FileError, match="is empty"):
        load(path)
    onnx.save(helper.make_model(helper.make_graph([], "net", [], [])), path)
    with pytest.raises(
        FileError, match="is an ONNX file without nodes, or none at all; export or copy it again"
    ):
        load(path)
    path.write_text("this is text")
    with pytest.raises(FileError, match=r"is a damaged ONNX file, or none|without nodes"):
        load(path)
    onnx.save(model([LINEAR, node("Relu", "a", "y")], WEIGHTS), path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError):
            load(path)
    path.write_bytes(whole)
    path.rename(tmp_path / "net.pt")
    assert read_network(tmp_path / "net.pt").activations == ("relu",)


def test_a_misspelt_attribute_is_not_passed_over(tmp_path: Path) -> None:
    onnx.save(model([node("Gemm", "x W", "y", transB=1, alphq=2.0)], WEIGHTS), tmp_path / "net.onnx")
    with pytest.raises(FileError, match=r"Gemm_y .Gemm. is not valid .*alphq"):
        load(tmp_path / "net.onnx")


def test_weights_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "net.onnx"
    onnx.save(
        model([node("MatMul", "x W", "y")], {"W": W0.T.copy()}),
        path,
        save_as_external_data=True,
        location="net.onnx.data",
        size_threshold=0,
    )
    assert read_network(path).sizes == (2, 3)
    proto = onnx.load(path, load_external_data=False)
    (tmp_path / "secret").write_bytes((tmp_path / "inner" / "net.onnx.data").read_bytes())
    (tmp_path / "inner" / "link").symlink_to(tmp_path / "secret")
    for location in ("../secret", str(tmp_path / "secret"), "link"):
        for entry in proto.graph.initializer[0].external_data:
            if entry.key == "location":
                entry.value = location
        path.write_bytes(proto.SerializeToString())
        with pytest.raises(FileError, match="is not a valid ONNX file"):
            load(path)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ((10**6, 10**6), "holds 1000000000000 numbers, more than the 268435456"),
        ((-1, 2), r"has the shape \[-1, 2\]"),
    ],
)
def test_a_tensor_that_claims_too_much(tmp_path: Path, dims: tuple[int, ...], message: str) -> None:
    proto = model([node("MatMul", "x W", "y")], {"W": W0.T.copy()})
    del proto.graph.initializer[0].dims[:]
    proto.graph.initializer[0].dims.extend(dims)
    (tmp_path / "net.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(FileError, match=message):
        load(tmp_path / "net.onnx")


def test_without_onnx_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx.save(model([LINEAR, node("Relu", "a", "y")], WEIGHTS), tmp_path / "net")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        FileError, match=r"is an ONNX file, and onnx is not installed; pip install 'mathcircuits\[onnx\]'"
    ):
        load(tmp_path / "net")


def test_mutated_files_end_in_an_error_of_ours_or_a_network(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    proto = model(
        [
            LINEAR,
            node("Relu", "a", "b"),
            node("MatMul", "b V", "c"),
            node("Add", "c D", "d"),
            node("LeakyRelu", "d", "e"),
            node("Gemm", "e U", "y", transB=1),
        ],
        WEIGHTS | {"V": W1.T.copy(), "D": B1, "U": W2},
    )
    onnx.save(proto, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    ends = {"network": 0, "refused": 0}
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 4))):
            place, kind = int(rng.integers(len(data))), rng.integers(4)
            if kind == 0:
                data[place] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                del data[place : place + int(rng.integers(1, 9))]
            elif kind == 2:
                data[place:place] = rng.bytes(int(rng.integers(1, 9)))
            else:
                data[place] = int(rng.integers(256))
        path.write_bytes(data)
        try:
            net = read_network(path)
        except MathCircuitsError as error:
            assert str(path) in str(error)  # noqa: PT017 - the other outcome is right too
            ends["refused"] += 1
        else:
            assert net(np.zeros((2, net.inputs))).shape == (2, net.outputs)
            assert net.sizes == (2, 3, 4, 1)
            ends["network"] += 1
    assert min(ends.values()) > 30
