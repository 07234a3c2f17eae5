"""Fourteen kinds of file, each made by the library that people write it with, against that library's own values."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import onnx
import pandas as pd
import pytest
import safetensors.torch
import skops.io
import torch
from foreign_networks import mlp
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from mathcircuits.detect import AssumptionWarning, FileError
from mathcircuits.models import load

NAMES = ["mass", "charge", "spin"]
X = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32).astype(np.float64)
FRAME = pd.DataFrame(X, columns=NAMES)
Y = np.abs(X[:, 0]) + X[:, 1] * X[:, 2]


class Kind(NamedTuple):
    """What is loaded, with which options, the values that its library computes at X, and what it assumed."""

    source: Any
    values: np.ndarray
    assumed: tuple[str, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default, which nothing changes


LINEAR = "no activation follows the last layer"


def outputs(net: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(X)).double().numpy()


def state_dict(folder: Path) -> Kind:
    net = mlp(3, 5, 4, 2)
    torch.save(net.state_dict(), folder / "net.pt")
    return Kind(folder / "net.pt", outputs(net), ("the activation is relu", LINEAR))


def checkpoint(folder: Path) -> Kind:
    net = mlp(3, 5, 2, act=lambda: nn.LeakyReLU(0.2))
    optimiser = torch.optim.Adam(net.parameters())
    net(torch.from_numpy(X)).sum().backward()
    optimiser.step()
    config = {"lr": 1e-3, "model": {"activation": "leaky_relu", "negative_slope": 0.2}}
    whole = {"model": net.state_dict(), "optimizer": optimiser.state_dict(), "epoch": 3, "config": config}
    torch.save(whole, folder / "net.pth")
    return Kind(folder / "net.pth", outputs(net), (LINEAR,))


def module(_: Path) -> Kind:
    net = nn.Sequential(mlp(3, 5, act=nn.ReLU), nn.BatchNorm1d(5), nn.SiLU(), nn.Linear(5, 2)).double()
    for _step in range(3):
        net(torch.from_numpy(X))
    return Kind(net.eval(), outputs(net))


def with_metadata(folder: Path) -> Kind:
    net = mlp(3, 6, 1, act=nn.Tanh)
    path = folder / "net.safetensors"
    safetensors.torch.save_file(net.state_dict(), path, metadata={"activation": "tanh"})
    return Kind(path, outputs(net), (LINEAR,))


def numpy_archive(folder: Path) -> Kind:
    net = mlp(3, 6, 1)
    numbered = {name.replace(".", "_"): array.numpy() for name, array in net.state_dict().items()}
    np.savez(folder / "net.npz", **numbered)
    return Kind(folder / "net.npz", outputs(net), (), {"activation": "relu"})


def onnx_of_torch(folder: Path) -> Kind:
    net = mlp(3, 5, 2, act=nn.ELU).float()
    path = folder / "net.onnx"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*(ONNX export|be removed)")
        torch.onnx.export(net, (torch.zeros(64, 3),), path, dynamo=False, input_names=["x"])
    expected = ReferenceEvaluator(str(path)).run(None, {"x": X.astype(np.float32)})[0]
    return Kind(path, np.asarray(expected))


def onnx_of_sklearn(folder: Path) -> Kind:
    """What skl2onnx writes of a scaler and an MLPRegressor: ai.onnx.ml's Scaler, layers [in, out], a Reshape."""
    scaler, net = StandardScaler().fit(X), regressor(X)
    constants: dict[str, np.ndarray] = {"shape": np.array([-1, 1])}
    nodes = [
        helper.make_node(
            "Scaler", ["X"], ["h0"], domain="ai.onnx.ml",
            offset=scaler.mean_.astype(np.float32), scale=(1 / scaler.scale_).astype(np.float32),
        )
    ]  # fmt: skip
    for k, (weight, bias) in enumerate(zip(net.coefs_, net.intercepts_, strict=True)):
        constants |= {f"coefficient{k}": weight.astype(np.float32), f"intercepts{k}": bias.astype(np.float32)}
        nodes.append(helper.make_node("MatMul", [f"h{k}", f"coefficient{k}"], [f"m{k}"]))
        nodes.append(helper.make_node("Add", [f"m{k}", f"intercepts{k}"], [f"a{k}"]))
        nodes.append(
            helper.make_node("Relu", [f"a{k}"], [f"h{k + 1}"])
            if k + 1 < len(net.coefs_)
            else helper.make_node("Reshape", [f"a{k}", "shape"], ["variable"])
        )
    graph = helper.make_graph(
        nodes,
        "pipeline",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "pipeline.onnx")
    run = ReferenceEvaluator(str(folder / "pipeline.onnx")).run(None, {"X": X.astype(np.float32)})
    return Kind(folder / "pipeline.onnx", np.asarray(run[0]))


def regressor(data: Any) -> MLPRegressor:
    net = MLPRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=9999, tol=1e-2, random_state=0)
    return net.fit(data, Y)


def sklearn_object(_: Path) -> Kind:
    net = regressor(FRAME)
    return Kind(net, net.predict(FRAME)[:, None])


def skops_pipeline(folder: Path) -> Kind:
    net = MLPRegressor(
        hidden_layer_sizes=(5,), activation="tanh", solver="lbfgs", max_iter=9999, tol=1e-2, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), net).fit(FRAME, Y)
    skops.io.dump(pipeline, folder / "net.skops")
    return Kind(folder / "net.skops", pipeline.predict(FRAME)[:, None])


def keras_h5(folder: Path) -> Kind:
    """Keras 2's `model.save("net.h5")`: the layers in an attribute, kernels [in, out] under model_weights."""
    rng = np.random.default_rng(1)
    units, kinds = [(3, 5), (5, 2)], ["selu", "linear"]
    layers, value = [], X
    with h5py.File(folder / "net.h5", "w") as file:
        group = file.create_group("model_weights")
        for k, ((inputs, outs), kind) in enumerate(zip(units, kinds, strict=True)):
            name = f"dense_{k}"
            kernel, bias = rng.normal(size=(inputs, outs)), rng.normal(size=outs)
            config = {"name": name, "units": outs, "activation": kind, "use_bias": True}
            layers.append({"class_name": "Dense", "config": config})
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            inner[f"{name}/kernel:0"], inner[f"{name}/bias:0"] = kernel, bias
            value = value @ kernel + bias
            value = torch.nn.functional.selu(torch.from_numpy(value)).numpy() if kind == "selu" else value
        group.attrs["layer_names"] = [layer["config"]["name"].encode() for layer in layers]
        config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), "2.12.0"
    return Kind(folder / "net.h5", value)


def lightning(folder: Path) -> Kind:
    net = mlp(3, 5, 2, act=nn.Softplus)
    torch.save(
        {
            "epoch": 1,
            "global_step": 20,
            "pytorch-lightning_version": "2.2.1",
            "state_dict": {f"net.{name}": tensor for name, tensor in net.state_dict().items()},
            "hyper_parameters": {"hidden": [5], "activation": "softplus", "lr": 1e-3},
            "optimizer_states": [],
        },
        folder / "last.ckpt",
    )
    return Kind(folder / "last.ckpt", outputs(net), (LINEAR,))


def stable_baselines(folder: Path) -> Kind:
    torch.manual_seed(0)
    trunks = {name: nn.Sequential(nn.Linear(3, 4), nn.Tanh()).double() for name in ("policy", "value")}
    heads = {"policy": nn.Linear(4, 2).double(), "value": nn.Linear(4, 1).double()}
    tensors = {"log_std": torch.zeros(2)}
    for name, head in (("policy", "action_net"), ("value", "value_net")):
        tensors |= {f"mlp_extractor.{name}_net.{k}": v for k, v in trunks[name].state_dict().items()}
        tensors |= {f"{head}.{k}": v for k, v in heads[name].state_dict().items()}
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    said = {"policy_kwargs": {"activation_fn": "<class 'torch.nn.modules.activation.Tanh'>"}}
    with zipfile.ZipFile(folder / "agent.zip", "w") as archive:
        archive.writestr("data", json.dumps(said))
        archive.writestr("policy.pth", buffer.getvalue())
        archive.writestr("_stable_baselines3_version", "2.3.0")
    whole = nn.Sequential(trunks["policy"], heads["policy"])
    return Kind(folder / "agent.zip", outputs(whole), (), {"part": "policy"})


def nnet(folder: Path) -> Kind:
    """The text layout of the ACAS Xu networks: means and ranges of the inputs and of the outputs beside the weights."""
    net = mlp(3, 4, 2)
    means, ranges = [0.5, -2.0, 1.0, 7.5], [2.0, 0.25, 6.0, 3.5]
    rows: list[Any] = [[2, 3, 2, 4], [3, 4, 2], [0], [-9, -9, -9], [9, 9, 9], means, ranges]
    for layer in (net[0], net[2]):
        rows += [*layer.weight.tolist(), *([bias] for bias in layer.bias.tolist())]
    lines = [",".join(repr(number) for number in row) + "," for row in rows]
    (folder / "net.nnet").write_text("// written by writeNNet\n" + "\n".join(lines) + "\n")
    centred = torch.from_numpy((X - means[:3]) / ranges[:3])
    with torch.no_grad():
        values = net(centred).numpy() * ranges[3] + means[3]
    bounds = ", ".join(f"x{k} in [-9, 9]" for k in (1, 2, 3))
    return Kind(folder / "net.nnet", values, (bounds,))


KINDS: dict[str, Callable[[Path], Kind]] = {
    "torch state dict": state_dict,
    "torch checkpoint with its configuration": checkpoint,
    "torch module": module,
    "safetensors with metadata": with_metadata,
    "npz": numpy_archive,
    "onnx by torch": onnx_of_torch,
    "onnx in skl2onnx's layout": onnx_of_sklearn,
    "scikit-learn": sklearn_object,
    "scikit-learn's pipeline by skops": skops_pipeline,
    "Keras' h5": keras_h5,
    "Lightning": lightning,
    "Stable-Baselines3": stable_baselines,
    "NNet": nnet,
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_the_librarys_own(tmp_path: Path, kind: str) -> None:
    made = KINDS[kind](tmp_path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        net = load(made.source, **made.options).to_network()
    values = net(X)
    assert values.shape == made.values.shape
    assert np.abs(values - made.values).max() <= 1e-6 * (1 + np.abs(made.values).max())
    # Nothing is assumed without a word, and nothing that the file says is called assumed.
    assert len(net.assumptions) == len(made.assumed)
    assert all(words in text for words, text in zip(made.assumed, net.assumptions, strict=True))
    assert [w.category for w in said] == [AssumptionWarning] * bool(made.assumed)


@pytest.mark.parametrize("kind", ["scikit-learn", "scikit-learn's pipeline by skops"])
def test_the_columns_names_come_along(tmp_path: Path, kind: str) -> None:
    assert load(KINDS[kind](tmp_path).source).to_network().input_names == tuple(NAMES)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch warns of the writer used here
@pytest.mark.parametrize(
    ("kind", "message"),
    [("module", "whose code is never executed"), ("script", "is TorchScript, which is code")],
)
def test_code_is_refused_with_a_remedy_that_works(tmp_path: Path, kind: str, message: str) -> None:
    net = mlp(3, 5, 1)
    path = tmp_path / "net.pt"
    if kind == "module":
        torch.save(net, path)
    else:
        torch.jit.save(torch.jit.script(net), path)
    with pytest.raises(FileError, match=message) as refusal:
        load(path)
    assert "save model.state_dict()" in str(refusal.value)
    torch.save(net.state_dict(), path)
    assert np.abs(load(path, activation=["relu", "identity"]).to_network()(X) - outputs(net)).max() < 1e-6
