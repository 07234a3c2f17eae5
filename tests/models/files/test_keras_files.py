"""Keras's files, written here with h5py in the layouts of Keras 3 and Keras 2, against the arithmetic written out."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, expit

from mathcircuits.detect import FileError, Network
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
X = 2.0 * RNG.normal(size=(40, 3))


def number(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def dense(
    name: str, inputs: int, units: int, activation: Any = "linear", bias: bool = True
) -> tuple[Any, list[Any]]:
    config = {"name": name, "trainable": True, "units": units, "activation": activation, "use_bias": bias}
    return ("Dense", config), [number(inputs, units), *([number(units)] if bias else [])]


def layer(kind: str, weights: list[np.ndarray] | None = None, **config: Any) -> tuple[Any, list[Any]]:
    return (kind, {"name": config.pop("name", kind.lower()), **config}), weights or []


def snake(kind: str) -> str:
    return {"Dense": "dense", "BatchNormalization": "batch_normalization", "Normalization": "normalization",
            "PReLU": "p_re_lu"}.get(kind, kind.lower())  # fmt: skip


def keras_3(
    path: Path, layers: list[Any], functional: bool = False, entries: list[Any] | None = None
) -> Path:
    """config.json, metadata.json and model.weights.h5, where layers are named by class and count."""
    listed = entries or [
        {"module": "keras.layers", "class_name": kind, "config": config, "registered_name": None}
        for (kind, config), _ in layers
    ]
    if functional:
        for before, entry in zip([None, *listed], listed, strict=False):
            entry["name"] = entry["config"]["name"]
            history = {"class_name": "__keras_tensor__", "config": {"keras_history": []}}
            if before is not None:
                history["config"]["keras_history"] = [before["name"], 0, 0]
            entry["inbound_nodes"] = [] if before is None else [{"args": [history], "kwargs": {}}]
        inner = {"name": "functional", "layers": listed, "input_layers": [[listed[0]["name"], 0, 0]],
                 "output_layers": [[listed[-1]["name"], 0, 0]]}  # fmt: skip
    else:
        inner = {"name": "sequential", "layers": listed}
    config = {"module": "keras", "class_name": "Functional" if functional else "Sequential", "config": inner}
    buffer = io.BytesIO()
    counts: dict[str, int] = {}
    with h5py.File(buffer, "w") as file:
        file.create_group("vars")
        for (kind, _), weights in layers:
            count = counts.get(kind, 0)
            counts[kind] = count + 1
            group = file.create_group(f"layers/{snake(kind)}{f'_{count}' if count else ''}/vars")
            for k, array in enumerate(weights):
                group[str(k)] = array
    with zipfile.ZipFile(path / "net.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path / "net.keras"


ROLES = {"Dense": ("kernel", "bias"), "PReLU": ("alpha",),
         "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance")}  # fmt: skip


def keras_2(path: Path, layers: list[Any], whole: bool = True, version: str = "2.12.0") -> Path:
    """model_config in an attribute, weights under model_weights/LAYER/LAYER/kernel:0."""
    with h5py.File(path / "net.h5", "w") as file:
        if whole:
            listed = [{"class_name": kind, "config": config} for (kind, config), _ in layers]
            config = {"class_name": "Sequential", "config": {"name": "sequential", "layers": listed}}
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = version
        group = file.create_group("model_weights") if whole else file
        group.attrs["layer_names"] = [config["name"].encode() for (_, config), _ in layers]
        for (kind, config), weights in layers:
            name = config["name"]
            names = [
                f"{name}/{role}:0".encode() for role, _ in zip(ROLES.get(kind, ()), weights, strict=False)
            ]
            inner = group.create_group(name)
            inner.attrs["weight_names"] = names
            for key, array in zip(names, weights, strict=True):
                inner[key.decode()] = array
    return path / "net.h5"


def close(net: Network, expected: np.ndarray, X: np.ndarray = X) -> bool:
    found = net(X)
    return found.shape == expected.shape and bool(
        np.abs(found - expected).max() < 1e-6 * (1 + np.abs(expected).max())
    )


def elu(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
    "elu": elu,
    "selu": lambda z: 1.0507009873554805 * elu(z, 1.6732632423543772),
    "softplus": lambda z: np.logaddexp(0, z),
    "gelu": lambda z: 0.5 * z * (1 + erf(z / np.sqrt(2))),
    "silu": lambda z: z * expit(z),
    "swish": lambda z: z * expit(z),
    "relu6": lambda z: np.clip(z, 0, 6),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.2 * z),
    "hard_sigmoid": lambda z: np.clip(z / 6 + 0.5, 0, 1),
    "linear": lambda z: z,
}


@pytest.mark.parametrize("spelt", ["text", "object"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_of_the_configuration(tmp_path: Path, name: str, spelt: str) -> None:
    given = name if spelt == "text" else {"module": "builtins", "class_name": "function", "config": name}
    first, second = dense("dense_7", 3, 5, given), dense("dense_3", 5, 2)
    start = layer("InputLayer", batch_shape=[None, 3])
    (w, b), (v, c) = first[1], second[1]
    net = read_network(keras_3(tmp_path, [start, first, second]))
    assert close(net, FUNCTIONS[name](X @ w + b) @ v + c)
    assert net.assumptions == ()
    if name == "hard_sigmoid":  # Keras 2's was steeper
        net = read_network(keras_2(tmp_path, [first, second]))
        assert close(net, np.clip(0.2 * (X @ w + b) + 0.5, 0, 1) @ v + c)
    else:
        assert close(read_network(keras_2(tmp_path, [first, second])), FUNCTIONS[name](X @ w + b) @ v + c)


def test_layers_whose_names_would_pass_for_the_files_own(tmp_path: Path) -> None:
    """The first layer is called dense_1; the file's dense_1 is the second one."""
    first, second = dense("dense_1", 3, 3, "tanh"), dense("dense", 3, 3)
    (w, b), (v, c) = first[1], second[1]
    net = read_network(keras_3(tmp_path, [first, second]))
    assert close(net, np.tanh(X @ w + b) @ v + c)


def test_functional_models(tmp_path: Path) -> None:
    layers = [layer("InputLayer", batch_shape=[None, 3]), dense("a", 3, 4, "relu"), layer("Dropout", rate=0.5),
              dense("b", 4, 2)]  # fmt: skip
    (w, b), (v, c) = layers[1][1], layers[3][1]
    assert close(read_network(keras_3(tmp_path, layers, functional=True)), np.maximum(X @ w + b, 0) @ v + c)
    path = keras_3(tmp_path, [*layers, layer("Add", name="sum")], functional=True)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        weights = archive.read("model.weights.h5")
    nodes = config["config"]["layers"][-1]["inbound_nodes"]
    nodes[0]["args"].append({"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights)
    with pytest.raises(FileError, match=r"layer 'sum' \(Add\) joins the outputs of b, a: a residual"):
        load(path)


LAYERS: dict[str, tuple[Any, Any]] = {
    "ReLU": (layer("ReLU", negative_slope=0.0, threshold=0.0, max_value=None), FUNCTIONS["relu"]),
    "clipped ReLU": (layer("ReLU", max_value=2.0), lambda z: np.clip(z, 0, 2)),
    "LeakyReLU": (layer("LeakyReLU", negative_slope=0.1), lambda z: np.where(z > 0, z, 0.1 * z)),
    "LeakyReLU of Keras 2": (layer("LeakyReLU", alpha=0.1), lambda z: np.where(z > 0, z, 0.1 * z)),
    "LeakyReLU as it comes": (layer("LeakyReLU"), lambda z: np.where(z > 0, z, 0.3 * z)),
    "ELU": (layer("ELU", alpha=0.5), lambda z: elu(z, 0.5)),
    "PReLU": (layer("PReLU", [np.array([0.5, 0.25, 0, 1], np.float32)]),
              lambda z: np.where(z > 0, z, np.array([0.5, 0.25, 0, 1]) * z)),
    "Activation": (layer("Activation", activation="tanh"), np.tanh),
    "Rescaling": (layer("Rescaling", scale=0.5, offset=-1.0), lambda z: 0.5 * z - 1.0),
    "BatchNormalization": (
        layer("BatchNormalization", [np.float32([1, 2, 3, 4]), np.float32([0.5] * 4), np.float32([1, -1, 0, 2]),
                                     np.float32([1, 2, 0.5, 4])], axis=-1, epsilon=1e-3),
        lambda z: (z - [1, -1, 0, 2]) / np.sqrt(np.array([1, 2, 0.5, 4]) + 1e-3) * [1, 2, 3, 4] + 0.5,
    ),
    "BatchNormalization without scale": (
        layer("BatchNormalization", [np.float32([0.5] * 4), np.float32([1, -1, 0, 2]), np.float32([1, 2, 0.5, 4])],
              scale=False, epsilon=1e-2),
        lambda z: (z - [1, -1, 0, 2]) / np.sqrt(np.array([1, 2, 0.5, 4]) + 1e-2) + 0.5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_between(tmp_path: Path, kind: str) -> None:
    middle, function = LAYERS[kind]
    first, second = dense("a", 3, 4), dense("b", 4, 2, bias=False)
    net = read_network(keras_3(tmp_path, [first, middle, second]))
    assert close(net, function(X @ first[1][0] + first[1][1]) @ second[1][0])


def test_normalised_inputs_flattened(tmp_path: Path) -> None:
    mean, variance = np.float32([[1, 2, 3]]), np.float32([[4, 1, 0.25]])
    adapted = layer("Normalization", [mean, variance, np.int32(9)], axis=[-1])
    made = layer("Normalization", mean=mean.tolist(), variance=variance.tolist())
    last = dense("a", 3, 2, "softmax")
    for first in (adapted, made):
        net = read_network(keras_3(tmp_path, [first, layer("Flatten"), last]))
        assert close(net, (X - mean) / np.sqrt(variance) @ last[1][0] + last[1][1])
        assert net.link == "softmax"
    with pytest.raises(FileError, match=r"layer 'normalization' \(Normalization\) is not adapted"):
        load(keras_3(tmp_path, [layer("Normalization"), last]))


def test_closing_functions_are_links(tmp_path: Path) -> None:
    first = dense("a", 3, 1, "sigmoid")
    net = read_network(keras_2(tmp_path, [first]))
    assert (net.link, net.sizes) == ("sigmoid", (3, 1))
    assert close(net, X @ first[1][0] + first[1][1])


def test_half_precision(tmp_path: Path) -> None:
    first = dense("a", 3, 2)
    halves = [array.astype(np.float16) for array in first[1]]
    net = load(keras_3(tmp_path, [(first[0], halves)]))
    assert net.cfg.dtype == "float32"
    assert np.array_equal(net.to_network().weights[0], halves[0].T.astype(float))


def test_weights_alone(tmp_path: Path) -> None:
    first, second = dense("a", 3, 5), dense("b", 5, 2)
    net = read_network(keras_2(tmp_path, [first, second], whole=False), activation="tanh")
    assert close(net, np.tanh(X @ first[1][0] + first[1][1]) @ second[1][0] + second[1][1])
    with zipfile.ZipFile(keras_3(tmp_path, [first, second])) as archive:
        (tmp_path / "net.weights.h5").write_bytes(archive.read("model.weights.h5"))
    net = read_network(tmp_path / "net.weights.h5", activation="tanh")
    assert close(net, np.tanh(X @ first[1][0] + first[1][1]) @ second[1][0] + second[1][1])


# ---- refused


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (layer("Conv1D", name="c"), r"layer 'c' \(Conv1D\) is none of an MLP's; save the MLP alone"),
        (layer("LSTM"), r"\(LSTM\) is none of an MLP's"),
        (layer("MultiHeadAttention"), r"\(MultiHeadAttention\) is none of an MLP's"),
        (layer("Lambda"), r"\(Lambda\) is none of an MLP's; its code is never executed"),
        (layer("Embedding"), r"\(Embedding\) is none of an MLP's"),
        (layer("ReLU", threshold=1.0), "has a threshold"),
        (
            layer("Activation", activation="mish"),
            "has the activation 'mish', which cannot be read; use one of relu",
        ),
        (layer("Activation", activation="softmax"), "computes with what softmax gives"),
        (layer("BatchNormalization"), "should have 4 weights, found: none"),
    ],
)
def test_layers_that_no_mlp_has(tmp_path: Path, middle: Any, message: str) -> None:
    with pytest.raises(FileError, match=message):
        load(keras_3(tmp_path, [dense("a", 3, 4), middle, dense("b", 4, 2)]))


def test_other_models_and_quantised_ones(tmp_path: Path) -> None:
    whole = ("Dense", {"name": "a", "units": 2}), [np.ones((3, 2), np.int8), number(2), number(2)]
    with pytest.raises(FileError, match=r"layer 'a' \(Dense\) is quantised"):
        load(keras_3(tmp_path, [whole]))
    path = keras_3(tmp_path, [dense("a", 3, 2)])
    with pytest.raises(FileError, match="says its activation functions itself; leave out activation="):
        load(path, activation="relu")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", json.dumps({"class_name": "MyModel", "config": {}}))
    with pytest.raises(
        FileError, match=r"is a MyModel, which is code of its own; build it as keras.Sequential"
    ):
        load(path)


def test_files_that_are_not_kerass_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(3)
    with pytest.raises(FileError, match="is an HDF5 file, and none that Keras wrote"):
        load(path)
    with h5py.File(path, "w") as file:
        file["a"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(FileError, match="holds 'a', which is a link"):
        load(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("a", shape=(10**6, 10**6), chunks=(64, 64), dtype="f4")
    with pytest.raises(FileError, match="claims 1000000000000 numbers, more than"):
        load(path)
    whole = keras_2(tmp_path, [dense("a", 3, 4, "relu"), dense("b", 4, 2)]).read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(150):
        data = bytearray(whole)
        data[int(rng.integers(8, len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data[: int(rng.integers(8, len(data)))] if rng.integers(3) == 0 else data)
        try:
            assert read_network(path).sizes[0] == 3
        except FileError as error:
            assert str(path) in str(error)  # noqa: PT017 - the other outcome is right too


def test_without_h5py_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keras_3(tmp_path, [dense("a", 3, 2)])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(FileError, match=r"h5py is not installed; pip install 'mathcircuits\[keras\]'"):
        load(path)
