"""The exported question: the same difference by onnx's own evaluator, the same answer by another verifier."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import hand_derived
from mathcircuits.detect.networks.domain import Domain
from mathcircuits.detect.networks.network import Network


def network(seed: int, sizes: tuple[int, ...], activation: str = "relu") -> Network:
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes, strict=False))
    return Network([rng.normal(size=s) for s in shapes], [rng.normal(size=s[0]) for s in shapes], activation)


@pytest.mark.parametrize(
    ("sizes", "spec"),
    [
        ((2, 5, 1), "min(x1, x2) - x1/2"),
        ((3, 4, 3, 1), "median(x1, x2, x3)"),
        ((1, 3, 2), "abs(x1); x1 - 1/3"),
        ((2, 3, 1), "x2"),
    ],
)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.3)", "leaky_relu(-1.5)", "relu6", "identity"])
def test_onnx_computes_the_difference(
    sizes: tuple[int, ...], spec: str, activation: str, tmp_path: Path
) -> None:
    net = network(sum(sizes), sizes, activation)
    proof = certify(net, spec, box=(-2.0, 3.0))
    files = proof.to_vnnlib(tmp_path / "question")
    model = onnx.load(files.onnx)
    assert {node.op_type for node in model.graph.node} <= {"Gemm", "Relu"}
    run = ReferenceEvaluator(model)
    X = np.random.default_rng(0).uniform(-2, 3, (50, net.inputs))
    made = np.concatenate([run.run(None, {"X": row[None]})[0] for row in X])
    wanted = net(X) - np.stack([Formula(part)(X) for part in spec.split(";")], axis=1)
    assert made == pytest.approx(wanted, abs=1e-11)
    at = run.run(None, {"X": np.array([proof.witness])})[0]
    assert np.abs(at).max() == pytest.approx(proof.upper, abs=1e-9)


def test_two_networks_and_the_text(tmp_path: Path) -> None:
    f, g = network(1, (2, 4, 3, 1)), network(2, (2, 3, 1))
    proof = certify(f, g, box=[(-1, 1), (0, 0.1)])
    files = proof.to_vnnlib(str(tmp_path))
    run = ReferenceEvaluator(str(files.onnx))
    X = np.random.default_rng(0).uniform(0, 0.1, (1, 2))
    assert run.run(None, {"X": X})[0] == pytest.approx(f(X) - g(X), abs=1e-12)
    text = files.vnnlib.read_text()
    assert "(assert (>= X_0 -1))" in text
    # The decimal that the float is, so that the box is the same.
    assert "(assert (<= X_1 0.1000000000000000055511151231257827021181583404541015625))" in text
    beyond = float(re.search(r"\(>= Y_0 ([0-9.]+)\)", text)[1])
    assert beyond == np.nextafter(proof.upper, np.inf)


def test_what_is_no_such_question(tmp_path: Path) -> None:
    net = hand_derived("minimum")
    for proof in (
        certify(net, "x1 * x2", node_limit=9),
        certify(net, "x1", box=Domain.finite([[0.0, 1.0]])),
    ):
        with pytest.raises(InputError, match="give a finite certificate of ReLU functions on a box"):
            proof.to_vnnlib(tmp_path)
