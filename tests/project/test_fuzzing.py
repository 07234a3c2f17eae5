"""Fuzzing: whatever a stranger writes into a file, a graph, a configuration or a name, it is read rightly or refused.

The suite tries some hundred of each. `pytest --hypothesis-profile long --hypothesis-show-statistics
tests/project/test_fuzzing.py` tries fifty times as many, and prints how many were read and how many refused.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from mathcircuits.detect import Formula, MathCircuitsError, Network
from mathcircuits.detect.errors import printable
from mathcircuits.models import Regimen, load, save, train
from mathcircuits.models.files.checkpoints import read_network
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.studies.cells import study_cells
from mathcircuits.reports.studies.ensemblefiles import load_ensemble, save_ensemble
from mathcircuits.reports.studies.folder import Study
from mathcircuits.reports.studies.manifest import claim

Array = np.ndarray[Any, Any]

NETWORK = Network(
    [[[1.0, -2.0], [0.5, 0.25], [-1.0, 1.0]], [[1.0, 3.0, -0.5]]],
    [[0.1, 0.0, -0.2], [0.3]],
    activation="tanh",
)
X = np.array([[0.3, -0.7], [1.0, 0.5], [-0.2, 0.1]])
#: The files of a stranger: the name, and how the same network is written.
KINDS = ("own.safetensors", "own.npz", "state.pt", "module.onnx", "net.nnet", "runs.safetensors")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One valid file of each kind."""
    folder = tmp_path_factory.mktemp("originals")
    save(NETWORK, folder / "own.safetensors")
    save(NETWORK, folder / "own.npz")
    torch.save(
        {f"{2 * k}.{name}": torch.tensor(np.array(value)) for k in (0, 1) for name, value in
         (("weight", NETWORK.weights[k]), ("bias", NETWORK.bias_vectors[k]))},
        folder / "state.pt",
    )  # fmt: skip
    onnx.save(graph([("Gemm", 0), ("Tanh", None), ("Gemm", 1)]), folder / "module.onnx")
    (folder / "net.nnet").write_text(
        "2,2,1,3,\n2,3,1,\n0,\n-1.0,-1.0,\n1.0,1.0,\n0.0,0.0,0.0,\n1.0,1.0,1.0,\n1.0,-2.0,\n0.5,0.25,\n-1.0,1.0,\n"
        "0.1,\n0.0,\n-0.2,\n1.0,3.0,-0.5,\n0.3,\n"
    )
    save_ensemble(folder / "runs.safetensors", train("absolute", hidden=2, seeds=range(2), steps=1))
    return {kind: (folder / kind).read_bytes() for kind in KINDS}


def graph(steps: list[tuple[str, int | None]]) -> onnx.ModelProto:
    """A chain of operators, with the weights of a layer of `NETWORK` where an operator takes some."""
    nodes, constants, last = [], {}, "x"
    for number, (operator, layer) in enumerate(steps):
        names = [last]
        if layer is not None:
            weight, bias = NETWORK.weights[layer], NETWORK.bias_vectors[layer]
            constants[f"w{layer}"] = weight.T.astype(np.float32)
            constants[f"b{layer}"] = bias.astype(np.float32)
            names += {"Gemm": [f"w{layer}", f"b{layer}"], "MatMul": [f"w{layer}"]}.get(
                operator, [f"b{layer}"]
            )
        attributes = {"to": onnx.TensorProto.FLOAT} if operator == "Cast" else {}
        last = f"v{number}"
        nodes.append(onnx.helper.make_node(operator, names, [last], **attributes))
    return onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            "g",
            [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 2])],
            [onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None)],
            [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )


def assert_plain(error: MathCircuitsError) -> None:
    """Nothing in an error's text speaks to a terminal."""
    assert printable(str(error)) == str(error)


#: Changes of a file: bytes set, cut out, doubled, or put in.
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["set", "flip", "cut", "double", "insert"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
        st.integers(1, 64),
    ),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[str, float, int, int]]) -> bytes:
    """The bytes of a file after some changes."""
    content = bytearray(data)
    for how, place, byte, length in changes:
        at = int(place * max(len(content), 1))
        if how == "set":
            content[at : at + 1] = bytes([byte])
        elif how == "flip" and at < len(content):
            content[at] ^= 1 << byte % 8
        elif how == "cut":
            del content[at : at + length]
        elif how == "double":
            content[at:at] = content[at : at + length]
        elif how == "insert":
            content[at:at] = bytes([byte]) * length
    return bytes(content)


quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quiet
@given(kind=st.sampled_from(KINDS), changes=CHANGES)
def test_a_changed_file_is_read_or_refused(
    originals: dict[str, bytes], tmp_path: Path, kind: str, changes: list[tuple[str, float, int, int]]
) -> None:
    file = tmp_path / kind
    file.write_bytes(changed(originals[kind], changes))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = load_ensemble(file).networks()[0] if kind == "runs.safetensors" else read_network(file)
    except MathCircuitsError as error:
        event(f"{kind}: refused")
        assert_plain(error)
        return
    event(f"{kind}: read")
    if kind.startswith("own"):  # our own files have a checksum: what is read is what was written
        assert network.activations == ("tanh",)
        assert all(np.array_equal(a, b) for a, b in zip(network.weights, NETWORK.weights, strict=True))


@quiet
@given(
    data=st.binary(max_size=400),
    ending=st.sampled_from([".pt", ".npz", ".onnx", ".safetensors", ".nnet", ".h5", ""]),
)
def test_any_bytes_are_refused(tmp_path: Path, data: bytes, ending: str) -> None:
    file = tmp_path / f"any{ending}"
    file.write_bytes(data)
    with pytest.raises(MathCircuitsError):
        load(file)


STEPS = st.lists(
    st.one_of(
        st.sampled_from(
            [("Relu", None), ("Tanh", None), ("Identity", None), ("Neg", None), ("Abs", None), ("Cast", None),
             ("Gemm", 0), ("MatMul", 0), ("Gemm", 1), ("MatMul", 1), ("Add", 0), ("Add", 1), ("Sub", 0), ("Mul", 1),
             ("Div", 1), ("Max", 1), ("Sigmoid", None), ("Softplus", None), ("Floor", None)]
        )
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@quiet
@given(steps=STEPS)
def test_a_graph_that_is_read_computes_what_onnx_says(
    tmp_path: Path, steps: list[tuple[str, int | None]]
) -> None:
    model = graph(steps)
    try:
        wanted = ReferenceEvaluator(model).run(None, {"x": X.astype(np.float32)})[0]
    except Exception:  # shapes that do not fit: any error of the library's
        assume(False)
    onnx.save(model, tmp_path / "g.onnx")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = read_network(tmp_path / "g.onnx")
    except MathCircuitsError:
        event("refused")
        return
    event("read")
    assert network.about.link in (None, "sigmoid")
    assert not network.assumptions
    outputs = network(X)
    if network.about.link == "sigmoid":  # the network's own outputs are the logits
        outputs = 1.0 / (1.0 + np.exp(-outputs))
    assert np.allclose(outputs, wanted, rtol=1e-4, atol=1e-5)


#: Values of any kind for the keys of a configuration.
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.integers(0, 9), st.floats(), st.text(max_size=8),
        st.sampled_from(["minimum", "adam", "rescue", "1x", "2x", "forms"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["name", "preset", "lr", "decay", "1x"]), inner)
    ),
    max_leaves=5,
)  # fmt: skip
KEYS = st.sampled_from([*StudyConfig.model_fields, "sedes"])


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_configuration_of_any_values_is_a_study_or_refused(fields: dict[str, Any]) -> None:
    try:
        cells = study_cells(StudyConfig(**{"tasks": ["minimum"], "widths": ["1x"], "seeds": 2, **fields}))
    except MathCircuitsError:
        event("refused")
    else:
        event("a study")
        assert cells


@quiet
@given(changes=CHANGES)
def test_a_changed_manifest_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[str, float, int, int]]
) -> None:
    file = tmp_path / "manifest.json"
    if not file.exists():
        claim(tmp_path, StudyConfig(tasks=["minimum"], widths=["1x"], seeds=2, regimens=["adam"]))
        (tmp_path / "original").write_bytes(file.read_bytes())
    original = (tmp_path / "original").read_bytes()
    file.write_bytes(changed(original, changes))
    try:
        study = Study.load(tmp_path)
    except MathCircuitsError:
        event("refused")
    else:
        event("read")
        assert study.config.to_dict() == json.loads(original)["config"]


TOKENS = st.lists(
    st.sampled_from(
        [*"+-*/^(),;=", "**", "x1", "x2", "x9999999", "relu(", "min(", "exp(", "1e308", "-0", "3", ".", "nan", "if",
         "lambda", "__import__", "\x1b", "π", "|", " "]
    ),
    max_size=25,
)  # fmt: skip


@given(st.one_of(TOKENS.map("".join), st.text(max_size=40)))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        formula = Formula(text)
        values = formula(np.zeros((2, max(formula.arity, 1)))) if formula.arity < 100 else np.zeros(2)
    except MathCircuitsError as error:
        event("refused")
        assert_plain(error)
    else:
        event("a formula")
        assert np.shape(values) == (2,)


@given(st.text(min_size=1, max_size=60))
def test_any_name_of_a_regimen_is_plain_or_refused(name: str) -> None:
    try:
        regimen = Regimen(name=name).model_dump(exclude_none=True)
        cells = study_cells(StudyConfig(tasks=["minimum"], widths=["1x"], seeds=1, regimens=[regimen]))
    except MathCircuitsError as error:
        event("refused")
        assert_plain(error)
        return
    event("accepted")
    key = cells[-1].key
    assert len(key.encode()) < 200
    assert not set(key) & set("/\\\0\x1b")
