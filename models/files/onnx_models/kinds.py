"""refuse_other_kinds: what an ONNX graph is, where it is no MLP, before its layers are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..layer_chain import Unreadable

if TYPE_CHECKING:
    import onnx

_ALONE = "export the MLP alone"
_FLOATS = "export the network as it was before its quantisation, in float32"
# What a node computes that no MLP has, in words, and what can be done instead.
_KINDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "DeformConv"), ("a convolution", _ALONE)),
    **dict.fromkeys(
        ("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
        ("pooling, as convolutional networks have it", _ALONE),
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), ("a recurrent layer", _ALONE)),
    **dict.fromkeys(
        ("Attention", "MultiHeadAttention", "GroupQueryAttention", "RotaryEmbedding"), ("attention", _ALONE)
    ),
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization", "GroupNormalization",
         "InstanceNormalization", "MeanVarianceNormalization", "LpNormalization", "SkipLayerNormalization"),
        ("a normalisation by the statistics of each sample, which is not a function of single units",
         "export a network without it, or with batch normalisation"),
    ),
    **dict.fromkeys(
        ("QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "QGemm", "QLinearAdd",
         "ConvInteger", "QLinearConv", "DynamicQuantizeMatMul", "MatMulNBits", "QLinearSigmoid"),
        ("quantised: it rounds what is computed, so that the network is not an MLP of exact numbers", _FLOATS),
    ),
    **dict.fromkeys(
        ("TreeEnsemble", "TreeEnsembleRegressor", "TreeEnsembleClassifier"), ("an ensemble of decision trees", _ALONE)
    ),
    **dict.fromkeys(("SVMRegressor", "SVMClassifier"), ("a support vector machine", _ALONE)),
    **dict.fromkeys(("If", "Loop", "Scan"), ("control flow", "export with the branches that are run alone")),
    **dict.fromkeys(
        ("RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"),
        ("random", "export the network in evaluation mode"),
    ),
}  # fmt: skip
_LINEAR = {"MatMul", "Gemm"}
_BOTH = "an MLP is one chain of layers"
# Nodes whose computed arguments have to come from one layer, and what the graph is where they do not.
_JOINS = {
    "Add": "adds the outputs of different layers: a residual (skip) connection",
    "Sum": "adds the outputs of different layers: a residual (skip) connection",
    "Sub": "subtracts the outputs of different layers: a skip connection",
    "Mul": "multiplies the outputs of different layers: a gated unit",
    "Div": "divides the outputs of different layers: a gated unit",
    "Concat": "joins the outputs of different layers side by side: a skip connection or branches",
}


def refuse_other_kinds(nodes: Sequence[tuple[str, onnx.NodeProto]], inputs: Sequence[str]) -> None:
    """Say what the network is, where a node or the way in which nodes are joined shows that it is no MLP.

    Args:
        nodes: label and node, those alone that the output rests on, in the order in which they run.
        inputs: the names of the network's inputs.

    Raises:
        Unreadable: with the node, what it is, and a remedy.

    Examples:
        >>> from onnx import helper
        >>> refuse_other_kinds([("node 0 (GRU)", helper.make_node("GRU", ["x", "W", "R"], ["y"]))], ["x"])
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: node 0 (GRU) is a recurrent layer; export the MLP alone
    """
    # tensor -> the number of the linear layer that it comes from, 0 for the inputs
    behind = dict.fromkeys(inputs, 0)
    joined: Unreadable | None = None
    for number, (label, node) in enumerate(nodes, start=1):
        computed = [name for name in node.input if name in behind]
        if not computed or node.op_type in ("Shape", "Size"):
            continue
        if node.op_type in _KINDS:
            what, remedy = _KINDS[node.op_type]
            raise Unreadable(f"{label} is {what}", remedy)
        layers = {behind[name] for name in computed}
        problem = None
        if node.op_type == "Gemm" and node.input[2:3] and node.input[2] in behind:
            problem = _JOINS["Add"]
        elif node.op_type in _LINEAR and len(computed) > 1:
            problem = "multiplies two computed tensors, as attention and bilinear layers do"
        elif node.op_type in _JOINS and len(layers) > 1:
            problem = _JOINS[node.op_type]
        if problem is not None and joined is None:
            joined = Unreadable(f"{label} {problem}", _BOTH)
        layer = number if node.op_type in _LINEAR else max(layers)
        behind.update(dict.fromkeys(node.output, layer))
    if joined is not None:
        raise joined
