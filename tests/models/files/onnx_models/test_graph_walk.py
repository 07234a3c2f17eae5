"""What ONNX graphs spell their MLPs with, against onnx's reference evaluator; and what is no MLP, by its name."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mathcircuits.detect import FileError, Network
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402 - behind importorskip
from onnx.reference import ReferenceEvaluator  # noqa: E402

RNG = np.random.default_rng(3)
X = (3.0 * RNG.normal(size=(64, 2))).astype(np.float32)
W, B = RNG.normal(size=(2, 5)).astype(np.float32), RNG.normal(size=5).astype(np.float32)
V, C = RNG.normal(size=(5, 3)).astype(np.float32), RNG.normal(size=3).astype(np.float32)
WEIGHTS = {"W": W, "B": B, "V": V, "C": C}


def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
    names = ["" if name == "_" else name for name in inputs.split()]
    return helper.make_node(kind, names, output.split(), name=f"{kind}_{output}", **attributes)


def save(
    path: Path, nodes: list[Any], constants: dict[str, Any], shape: Any = ("n", 2), opset: int = 20
) -> Path:
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(array.astype(np.float32) if array.dtype == np.float64 else array, name)
            for name, array in arrays.items()
        ],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path / "net.onnx")
    return path / "net.onnx"


def reference(path: Path, X: np.ndarray) -> np.ndarray:
    # Its float32 products may raise a flag of the processor though all values are finite; NaN fails all comparisons.
    with np.errstate(all="ignore"):
        return np.asarray(ReferenceEvaluator(str(path)).run(None, {"x": X})[0], dtype=float)


def check(path: Path, X: np.ndarray = X, tolerance: float = 1e-6) -> Network:
    """The network, whose values are the reference's to a part in a million of the largest."""
    net = read_network(path)
    expected = reference(path, X).reshape(len(X), -1)
    found = linked(net, X)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * (1.0 + np.abs(expected).max())
    return net


def linked(net: Network, X: np.ndarray) -> np.ndarray:
    """The network's values behind its link."""
    z = net(X.reshape(len(X), -1))
    if net.link == "sigmoid":
        return 1.0 / (1.0 + np.exp(-z))
    if net.link == "argmax":
        return z.argmax(axis=1)[:, None]
    if net.link is None:
        return z
    shifted = z - z.max(axis=1, keepdims=True)
    log = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log if net.link == "log_softmax" else np.exp(log)


HEAD, TAIL = node("Gemm", "x W B", "z"), node("Gemm", "h V C", "y")


@pytest.mark.parametrize(
    ("nodes", "constants", "activation"),
    [
        ([node("Elu", "z", "h")], {}, "elu"),
        ([node("Elu", "z", "h", alpha=0.3)], {}, "elu(0.3)"),
        ([node("Selu", "z", "h")], {}, "selu"),
        ([node("Selu", "z", "h", alpha=2.0, gamma=3.0)], {}, "elu(2.0)"),
        ([node("Celu", "z", "h", alpha=2.0)], {}, "elu"),
        ([node("Softplus", "z", "h")], {}, "softplus"),
        ([node("Sigmoid", "z", "h")], {}, "sigmoid"),
        ([node("HardSigmoid", "z", "h")], {}, "hardtanh(0.0,1.0)"),
        ([node("PRelu", "z s", "h")], {"s": np.array([0.25])}, "leaky_relu(0.25)"),
        ([node("PRelu", "z s", "h")], {"s": np.array([0.5, 0.25, 0, 1, 2])}, "prelu(0.5,0.25,0.0,1.0,2.0)"),
        ([node("Sigmoid", "z", "a"), node("Mul", "a z", "h")], {}, "silu"),
        ([node("Clip", "z lo hi", "h")], {"lo": np.float32(0), "hi": np.float32(6)}, "relu6"),
        ([node("Clip", "z lo _", "h")], {"lo": np.float32(0)}, "relu"),
        ([node("Clip", "z _ hi", "h")], {"hi": np.float32(2)}, "relu"),
        ([node("Relu", "z", "a"), node("Min", "a hi", "h")], {"hi": np.float32(6)}, "relu6"),
        ([node("Max", "lo z", "a"), node("Min", "hi a", "h")], {"lo": [-2.0], "hi": [3.0]}, "hardtanh(-2.0,3.0)"),
        ([node("Max", "z lo", "h")], {"lo": B}, "relu"),
        ([node("Mul", "z k", "a"), node("Max", "z a", "h")], {"k": [0.2]}, "leaky_relu(0.2)"),
        (
            [node("Greater", "z o", "p"), node("Mul", "z k", "a"), node("Where", "p z a", "h")],
            {"o": [0.0], "k": [0.2]},
            "leaky_relu(0.2)",
        ),
        (
            [node("Neg", "z", "a"), node("Exp", "a", "b"), node("Add", "b o", "c"), node("Div", "o c", "h")],
            {"o": [1.0]},
            "sigmoid",
        ),
        (
            [node("Relu", "z", "p"), node("Neg", "z", "n"), node("Relu", "n", "q"), node("Mul", "q k", "r"),
             node("Sub", "p r", "h")],
            {"k": B},
            f"prelu({','.join(repr(float(f'{float(b):.6g}')) for b in B)})",
        ),
        ([node("Relu", "z", "a"), node("Mul", "a k", "b"), node("Add", "b B", "h")], {"k": B + 1}, "relu"),
        ([node("Div", "z k", "a"), node("Tanh", "a", "h")], {"k": [4.0]}, "tanh"),
        (
            [node("BatchNormalization", "z g b m v", "a", epsilon=1e-3), node("Relu", "a", "h")],
            {"g": B, "b": B + 1, "m": B - 1, "v": B**2 + 0.1},
            "relu",
        ),
        (
            [node("Relu", "z", "a"), node("BatchNormalization", "a g b m v", "h")],
            {"g": B, "b": B + 1, "m": B - 1, "v": B**2 + 0.1},
            "relu",
        ),
    ],
)  # fmt: skip
def test_activation_functions_between_layers(
    tmp_path: Path, nodes: list[Any], constants: dict[str, Any], activation: str
) -> None:
    net = check(save(tmp_path, [HEAD, *nodes, TAIL], {**WEIGHTS, **constants}), tolerance=4e-6)
    assert net.activations == (activation,)
    assert net.sizes == (2, 5, 3)
    assert net.link is None


AFFINE = {
    "a": np.array([[0.5, -2.0]]),
    "k": np.array([2.0, 0.1]),
    "s": np.float32(3.0),
    "q": C,
    "r": np.array([[4.0]]),
}
RELU = [node("Gemm", "u W B", "z"), node("Relu", "z", "h"), node("Gemm", "h V C", "o")]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Sub", "x a", "u"), *RELU, node("Identity", "o", "y")],
        [node("Sub", "x a", "p"), node("Div", "p k", "u"), *RELU, node("Identity", "o", "y")],
        [node("Mul", "k x", "p"), node("Add", "a p", "u"), *RELU, node("Neg", "o", "y")],
        [node("Sub", "s x", "u"), *RELU, node("Sub", "q o", "y")],
        [node("Identity", "x", "u"), *RELU, node("Mul", "o s", "p"), node("Add", "p r", "y")],
        [node("Identity", "x", "u"), *RELU, node("Div", "o q", "p"), node("Sub", "p q", "y")],
        [node("Sum", "x a s", "u"), *RELU, node("Identity", "o", "y")],
        [node("Gather", "x i", "u", axis=1), *RELU, node("Identity", "o", "y")],
        [node("Gather", "x j", "p", axis=1), node("Gather", "x l", "q2", axis=-1),
         node("Concat", "p q2", "u", axis=1), *RELU, node("Identity", "o", "y")],
        [node("Slice", "x one two one", "p"), node("Slice", "x zero one one", "t"),
         node("Concat", "t p", "u", axis=-1), *RELU, node("Identity", "o", "y")],
        [node("Split", "x", "p t", axis=1, num_outputs=2), node("Concat", "t p", "u", axis=1), *RELU,
         node("Identity", "o", "y")],
        [node("Scaler", "x", "u", domain="ai.onnx.ml", offset=[0.5, 1.0], scale=[2.0, 3.0]), *RELU,
         node("Identity", "o", "y")],
        [node("Unsqueeze", "x one", "p"), node("Squeeze", "p one", "u"), *RELU, node("Flatten", "o", "y")],
        [node("MatMul", "x W", "p"), node("Sub", "p B", "z"), node("Relu", "z", "h"), node("MatMul", "h V", "y")],
        [node("Shape", "x", "n"), node("Gather", "n zero", "n0"), node("Concat", "n0 minus", "n1", axis=0),
         node("Reshape", "x n1", "u"), *RELU, node("Identity", "o", "y")],
    ],
)  # fmt: skip
def test_what_stands_before_between_and_behind_the_layers(tmp_path: Path, nodes: list[Any]) -> None:
    whole = {
        "i": np.array([1, 0]), "j": np.array([1]), "l": np.array([0]), "zero": np.array([0]),
        "one": np.array([1]), "two": np.array([2]), "minus": np.array([-1]),
    }  # fmt: skip
    net = check(save(tmp_path, nodes, {**WEIGHTS, **AFFINE, **whole}), tolerance=4e-6)
    assert net.sizes == (2, 5, 3)
    assert net.activations == ("relu",)


@pytest.mark.parametrize(
    ("nodes", "link"),
    [
        ([node("Sigmoid", "o", "y")], "sigmoid"),
        ([node("Softmax", "o", "y", axis=1)], "softmax"),
        ([node("LogSoftmax", "o", "y")], "log_softmax"),
        ([node("Softmax", "o", "p"), node("Log", "p", "y")], "log_softmax"),
        ([node("ArgMax", "o", "y", axis=1, keepdims=0)], "argmax"),
        (
            [node("Softmax", "o", "p"), node("ArgMax", "p", "q", axis=-1), node("Cast", "q", "y", to=1)],
            "argmax",
        ),
    ],
)
@pytest.mark.parametrize("opset", [11, 17])
def test_closing_functions_are_links(tmp_path: Path, nodes: list[Any], link: str, opset: int) -> None:
    path = save(
        tmp_path, [HEAD, node("Relu", "z", "h"), node("Gemm", "h V C", "o"), *nodes], WEIGHTS, opset=opset
    )
    net = check(path)
    assert (net.link, net.activations) == (link, ("relu",))
    assert np.abs(net(X) - np.maximum(X @ W + B, 0.0) @ V - C).max() < 1e-4


def test_a_closing_clip_is_a_layer_and_no_link(tmp_path: Path) -> None:
    bounds = {"lo": np.float32(-1.0), "hi": np.float32(2.0)}
    path = save(
        tmp_path,
        [
            HEAD,
            node("Relu", "z", "h"),
            node("Gemm", "h V C", "o"),
            node("Max", "o lo", "p"),
            node("Min", "p hi", "y"),
        ],
        WEIGHTS | bounds,
    )
    net = check(path, 10 * X)
    assert net.activations == ("relu", "hardtanh(-1.0,2.0)")
    assert net.link is None
    assert net(10 * X).max() == 2.0


@pytest.mark.parametrize("declared", [True, False])
def test_one_vector_in_place_of_samples(tmp_path: Path, declared: bool) -> None:
    path = save(
        tmp_path,
        [node("MatMul", "P x", "a"), node("Add", "a B", "z"), node("Relu", "z", "h"), node("MatMul", "Q h", "o"),
         node("Sub", "o C", "y")],
        {"P": W.T.copy(), "B": B, "Q": V.T.copy(), "C": C},
        shape=(2,) if declared else None,
    )  # fmt: skip
    net = read_network(path)
    for x in X[:5]:
        assert np.abs(net(x[None])[0] - reference(path, x)).max() < 1e-5
    path = save(tmp_path, [node("Gemm", "u W B", "z"), node("Unsqueeze", "x o", "u"), node("Squeeze", "z o", "y")][::1],
                {"W": W, "B": B, "o": np.array([0])}, shape=(2,))  # fmt: skip
    graph = onnx.load(path)
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([nodes[1], nodes[0], nodes[2]])
    onnx.save(graph, path)
    assert np.abs(read_network(path)(X[:1])[0] - reference(path, X[0])).max() < 1e-5


def test_inputs_in_more_than_two_axes(tmp_path: Path) -> None:
    """As the networks of ACAS Xu (1 x 1 x 1 x 5) and of images come."""
    wide = RNG.normal(size=(6, 5)).astype(np.float32)
    images = RNG.normal(size=(64, 2, 3)).astype(np.float32)
    check(save(tmp_path, [node("Flatten", "x", "f"), node("Gemm", "f W B", "z"), node("Relu", "z", "h"), TAIL],
               WEIGHTS | {"W": wide}, shape=("n", 2, 3)), images)  # fmt: skip
    # transposed before they are flattened: the weights follow
    check(save(tmp_path, [node("Transpose", "x", "t", perm=[0, 2, 1]), node("Sub", "t m", "d"),
                          node("Reshape", "d s", "f"), node("Gemm", "f W B", "z"), node("Relu", "z", "h"), TAIL],
               WEIGHTS | {"W": wide, "m": np.ones((3, 1)), "s": np.array([-1, 6])}, shape=("n", 2, 3)),
          images)  # fmt: skip
    path = save(tmp_path, [node("Sub", "x m", "d"), node("Flatten", "d", "f"), node("Gemm", "f W B", "z"),
                           node("Relu", "z", "h"), TAIL],
                WEIGHTS | {"m": np.array([[[[1.0, 2.0]]]])}, shape=(1, 1, 1, 2))  # fmt: skip
    net = read_network(path)
    for x in X[:4]:
        assert np.abs(net(x[None]) - reference(path, x.reshape(1, 1, 1, 2))).max() < 1e-5


def test_a_network_at_each_place_of_a_sequence_is_said_to_be_one(tmp_path: Path) -> None:
    path = save(tmp_path, [node("MatMul", "x W", "a"), node("Add", "a B", "b"), node("Relu", "b", "y")], WEIGHTS,
                shape=("n", 7, 2))  # fmt: skip
    net = read_network(path)
    assert net.sizes == (2, 5, 5)
    assert net.assumptions == (
        "the network is applied along the last axis of its input, at each place alike",
    )
    sequences = X[:63].reshape(9, 7, 2)
    expected = reference(path, sequences).reshape(63, 5)
    assert np.abs(net(X[:63]) - expected).max() < 1e-5


def test_names_of_single_outputs(tmp_path: Path) -> None:
    net = read_network(save(tmp_path, [node("MatMul", "x v", "y")], {"v": W[:, :1]}))
    assert (net.input_names, net.output_names) == (("x1", "x2"), ("y",))
    net = check(save(tmp_path, [node("MatMul", "x v", "y")], {"v": W[:, 0].copy()}))
    assert net.sizes == (2, 1)


# ---- constants, as onnx computes them


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        # 1.9, -3.7 -> 1, -3: what a Cast to an integer drops is dropped
        ([node("Cast", "k", "i", to=6), node("Cast", "i", "c", to=1)], {"k": np.array([1.9, -3.7])}),
        # 200 + 100 = 44 in 8 bits
        ([node("Add", "p q", "i"), node("Cast", "i", "c", to=1)],
         {"p": np.array([200, 7], np.uint8), "q": np.array([100, 8], np.uint8)}),
        # 7 / 2 = 3 in whole numbers
        ([node("Div", "p q", "i"), node("Cast", "i", "c", to=1)],
         {"p": np.array([7, 9], np.int32), "q": np.array([2, 2], np.int32)}),
        ([node("DequantizeLinear", "p q", "c")], {"p": np.array([-3, 9], np.int8), "q": np.float32(0.25)}),
        ([node("Sqrt", "p", "c")], {"p": np.array([4.0, 2.0])}),
        ([node("MatMul", "p q", "c")], {"p": np.ones((1, 3)), "q": np.ones((3, 2))}),
        ([node("Slice", "p q r q", "c")], {"p": np.ones((1, 3)), "q": np.array([1]), "r": np.array([3])}),
    ],
)  # fmt: skip
def test_constants_are_folded_as_onnx_computes_them(
    tmp_path: Path, nodes: list[Any], constants: dict[str, Any]
) -> None:
    whole = [*nodes, node("Mul", "x c", "u"), node("Gemm", "u W B", "y")]
    check(save(tmp_path, whole, {**WEIGHTS, **constants}))


def test_constants_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    long = np.ones((32768, 1), np.float32)
    path = save(
        tmp_path, [node("MatMul", "p q", "c"), node("MatMul", "x c", "y")], {"p": long, "q": long.T.copy()}
    )
    with pytest.raises(FileError, match=r"MatMul_c .MatMul. makes more than the 268435456 numbers"):
        load(path)
    path = save(
        tmp_path,
        [node("Expand", "p s", "c"), node("MatMul", "x c", "y")],
        {"p": long, "s": np.array([32768, 32768])},
    )
    with pytest.raises(FileError, match="makes more than the 268435456 numbers"):
        load(path)


def test_forty_squarings_in_a_row_end_at_once(tmp_path: Path) -> None:
    """Each doubles how often the first would be computed, if nothing were remembered."""
    names = ["z", *(f"s{k}" for k in range(40))]
    squares = [node("Mul", f"{a} {a}", b) for a, b in itertools.pairwise(names)]
    path = save(tmp_path, [HEAD, *squares, node("Gemm", "s39 V C", "y")], WEIGHTS)
    with pytest.raises(FileError, match=r"the function between .* is none of relu"):
        load(path)
    mixed = [node("Mul", "z k", "s0")]
    for k in range(40):  # each step reads the one before twice, and the layer in another scale
        mixed += [node("Neg", f"s{k}", f"n{k}"), node("Tanh", f"s{k}", f"t{k}"), node("Mul", f"z k{k}", f"z{k}"),
                  node("Sum", f"n{k} t{k} z{k}", f"s{k + 1}")]  # fmt: skip
    factors = {f"k{k}": np.float32(k + 2) for k in range(40)} | {"k": np.float32(2)}
    with pytest.raises(FileError, match=r"the function between .* is none of relu"):
        load(save(tmp_path, [HEAD, *mixed, node("Gemm", "s40 V C", "y")], WEIGHTS | factors))


def test_long_chains_of_element_wise_steps_are_refused(tmp_path: Path) -> None:
    steps = [node("Tanh", f"s{k}", f"s{k + 1}") for k in range(2000)]
    with pytest.raises(FileError, match="is one of more than 200 element-wise steps between two layers"):
        load(save(tmp_path, [node("Gemm", "x W B", "s0"), *steps, node("Gemm", "s2000 V C", "y")], WEIGHTS))


def test_functions_that_hold_functions_are_counted_before_they_are_put_in(tmp_path: Path) -> None:
    path = save(
        tmp_path, [helper.make_node("f29", ["x"], ["a"], domain="mine"), node("Gemm", "a W B", "y")], WEIGHTS
    )
    proto = onnx.load(path)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    for k in range(30):
        inner = [helper.make_node(f"f{k - 1}" if k else "Neg", [a], [b], domain="mine" if k else "")
                 for a, b in (("u", "v"), ("v", "w"))]  # fmt: skip
        proto.functions.append(helper.make_function("mine", f"f{k}", ["u"], ["w"], inner, opsets))
    proto.opset_import.append(opsets[1])
    onnx.save(proto, path)
    with pytest.raises(FileError, match="holds 1073741825 nodes, more than the 20000 that are read"):
        load(path)
    proto.functions[0].node[0].CopyFrom(helper.make_node("f29", ["u"], ["v"], domain="mine"))
    onnx.save(proto, path)
    with pytest.raises(FileError, match="contains itself"):
        load(path)


def test_tensors_may_not_take_more_of_a_file_beside_than_they_need(tmp_path: Path) -> None:
    path = save(tmp_path, [node("Gemm", "x W B", "y")], WEIGHTS)
    proto = onnx.load(path)
    (tmp_path / "beside").write_bytes(bytes(1_000_000))
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "beside"
    onnx.save(proto, path)
    with pytest.raises(FileError, match="tensor 'W' takes 1000000 bytes of 'beside' for 10 numbers"):
        load(path)


# ---- no MLP, by its name

TWO = [HEAD, node("Relu", "z", "h"), node("Gemm", "h S", "k")]
REFUSED: dict[str, tuple[list[Any], str]] = {
    "convolution": ([node("Conv", "x W", "y")], r"Conv_y .Conv. is a convolution"),
    "recurrent": ([node("LSTM", "x W V", "y")], r"is a recurrent layer"),
    "tree": (
        [node("TreeEnsembleRegressor", "x", "y", domain="ai.onnx.ml")], "is an ensemble of decision trees"
    ),
    "layer norm": ([HEAD, node("LayerNormalization", "z B", "h"), TAIL], "statistics of each sample"),
    "quantised": (
        [HEAD, node("QuantizeLinear", "z s", "q"), node("DequantizeLinear", "q s", "h"), TAIL],
        "is quantised",
    ),
    "integers": ([node("DynamicQuantizeLinear", "x", "q s2 zp"), node("MatMulInteger", "q W8", "y")], "is quantised"),
    "skip": ([*TWO, node("Add", "k h", "y")], r"Add_y .* residual \(skip\) connection; an MLP is one chain"),
    "gemm's own addition": ([*TWO, node("Gemm", "k S h", "y")], r"residual \(skip\) connection"),
    "dense": ([*TWO, node("Concat", "k h", "c", axis=1), node("Gemm", "c T", "y")], "a skip connection or branches"),
    "gate": ([HEAD, node("Gemm", "x W", "g"), node("Sigmoid", "g", "s1"), node("Mul", "z s1", "y")], "a gated unit"),
    "halves": (
        [HEAD, node("Split", "z sizes", "p q", axis=1), node("Sigmoid", "q", "g"), node("Mul", "p g", "y")],
        "joins (different units of one layer|tensors of different shapes): a gate",
    ),
    "attention": (
        [HEAD, node("Transpose", "z", "t"), node("MatMul", "z t", "a"), node("Softmax", "a", "b"),
         node("MatMul", "b z", "y")],
        "multiplies two computed tensors, as attention and bilinear layers do",
    ),
    "control flow": ([node("If", "x", "y")], "is control flow"),
    "samples mixed": ([HEAD, node("Softmax", "z", "h", axis=0), TAIL], "along axis 0, not over the units"),
    "picked samples": ([node("Gather", "x zero", "a", axis=0), node("Gemm", "a W B", "y")], "picks samples"),
    "link in the middle": ([HEAD, node("Softmax", "z", "h"), TAIL], "computes with what softmax gives"),
    "lone": ([HEAD, node("Mish", "z", "h"), TAIL], r"Mish_h .Mish. is none of an MLP's; Gemm"),
    "sine": ([HEAD, node("Sin", "z", "h"), TAIL], "is none of an MLP's"),
    "number of samples": (
        [node("Shape", "x", "n"), node("Cast", "n", "m", to=1), node("Mul", "x m", "a"), node("Gemm", "a W B", "y")],
        "computes with the number of samples",
    ),
    "training": ([HEAD, node("Dropout", "z r t", "h"), TAIL], "in training mode; call net.eval"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_other_networks_are_refused_by_what_they_are(tmp_path: Path, kind: str) -> None:
    nodes, message = REFUSED[kind]
    extra = {
        "S": np.eye(5), "T": np.ones((10, 1)), "s": np.float32(0.1), "W8": np.ones((2, 5), np.int8),
        "sizes": np.array([2, 3]), "zero": np.array([0]), "r": np.float32(0.5), "t": np.array(True),
    }  # fmt: skip
    if kind == "attention":
        extra.pop("t")
    with pytest.raises(FileError, match=message):
        load(save(tmp_path, nodes, {**WEIGHTS, **extra}))


def test_inputs_that_are_whole_numbers(tmp_path: Path) -> None:
    path = save(tmp_path, [node("Cast", "x", "a", to=1), node("Gemm", "a W B", "y")], WEIGHTS)
    proto = onnx.load(path)
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(proto, path)
    assert read_network(path).sizes == (2, 5)
    proto.graph.node[0].CopyFrom(node("Gather", "W x", "a"))
    onnx.save(proto, path)
    with pytest.raises(FileError, match="an embedding, whose inputs are not numbers"):
        load(path)
    proto.graph.node[0].CopyFrom(node("Neg", "x", "a"))
    onnx.save(proto, path)
    with pytest.raises(FileError, match="computes with whole numbers; export with inputs in float32"):
        load(path)
