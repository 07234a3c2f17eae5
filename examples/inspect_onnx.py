# %% [markdown]
# # Somebody else's ONNX file
# A network comes as a file, from any framework. Here it is written first, with the `onnx` package alone, as a stranger
# might have: scaled neurons in no order, one that never fires, one that is there twice.

# %%
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mathcircuits.detect import analyse, unfold
from mathcircuits.models import load

W = np.array([[2, -2], [0, 0.5], [-0.1, 0.1], [0, -4], [0.5, -0.5], [-1, -1]], dtype=np.float32)
b = np.array([0, 0, 0, 0, 0, -3], dtype=np.float32)
v = np.array([[0.25, 2, 0, -0.25, 1, 7]], dtype=np.float32)
tensors = {"W": W, "b": b, "v": v}
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["x", "W", "b"], ["pre"], transB=1),
        helper.make_node("Relu", ["pre"], ["post"]),
        helper.make_node("Gemm", ["post", "v"], ["y"], transB=1),
    ],
    "a stranger's network",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
    [numpy_helper.from_array(value, name) for name, value in tensors.items()],
)
file = Path(tempfile.mkdtemp()) / "stranger.onnx"
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), file)

# %% [markdown]
# `mathcircuits inspect FILE` prints this reading; in code it is an `Analysis`.

# %%
network = load(file).to_network()
reading = analyse(network, init="uniform")
columns = ["neuron", "status", "feature", "on", "unexplained", "contribution", "duplicate_of"]
print(reading.neurons[columns].to_string(index=False))
print(f"formula: {reading.formula}, off by at most {reading.certificate.upper:.1e} on the box")
print(reading.circuits[["circuit", "on", "gauge"]].to_string(index=False))

# %% [markdown]
# The normal form has no neurons left to permute, scale or duplicate; `unfold` writes one feature a neuron.

# %%
print(reading.canonical)
print(unfold(network))
