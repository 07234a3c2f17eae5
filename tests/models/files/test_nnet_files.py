"""NNet's text files, written here in the layout of the networks of ACAS Xu, against the arithmetic written out."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect import AssumptionWarning, FileError
from mathcircuits.models import load
from mathcircuits.models.files.checkpoints import read_network

RNG = np.random.default_rng(0)
SIZES = (3, 4, 4, 2)
WEIGHTS = [RNG.normal(size=(b, a)) for a, b in itertools.pairwise(SIZES)]
BIASES = [RNG.normal(size=b) for b in SIZES[1:]]
LOW, HIGH = np.array([-1.0, 0.0, -5.0]), np.array([1.0, 2.0, 5.0])
MEANS, RANGES = np.array([0.5, -2.0, 10.0, 7.5]), np.array([2.0, 0.25, 6.0, 373.9])


def line(values: object) -> str:
    return "".join(f"{value!r}," for value in np.ravel(values).tolist())


def text() -> str:
    """A file as writeNNet writes it."""
    lines = [
        "// Neural Network File Format by Kyle Julian, Stanford 2016",
        f"3,{SIZES[0]},{SIZES[-1]},{max(SIZES)},",
    ]
    lines += [line(SIZES), "0,", line(LOW), line(HIGH), line(MEANS), line(RANGES)]
    for weight, bias in zip(WEIGHTS, BIASES, strict=True):
        lines += [line(row) for row in weight] + [line(number) for number in bias]
    return "\n".join(lines) + "\n"


def truth(X: np.ndarray) -> np.ndarray:
    h = (X - MEANS[:-1]) / RANGES[:-1]
    for k, (weight, bias) in enumerate(zip(WEIGHTS, BIASES, strict=True)):
        h = h @ weight.T + bias
        h = np.maximum(h, 0.0) if k < 2 else h
    return h * RANGES[-1] + MEANS[-1]


@pytest.mark.parametrize("name", ["net.nnet", "net.txt"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_values_in_the_units_of_the_file(tmp_path: Path, name: str, ending: str) -> None:
    (tmp_path / name).write_bytes(text().replace("\n", ending).encode())
    with pytest.warns(
        AssumptionWarning, match=r"bounds \(x1 in \[-1, 1\], x2 in \[0, 2\], .* are not clipped"
    ):
        net = load(tmp_path / name).to_network()
    X = RNG.uniform(LOW, HIGH, size=(50, 3))
    assert net.activations == ("relu", "relu")
    assert np.abs(net(X) - truth(X)).max() < 1e-10 * np.abs(truth(X)).max()
    assert "bounds" in net.assumptions[0]


def test_nothing_to_normalise(tmp_path: Path) -> None:
    lines = [
        "// no units",
        "1,2,1,2,",
        "2,1,",
        "0,",
        "-1,-1,",
        "1,1,",
        "0,0,0,",
        "1,1,1,",
        "1.5,-1e0,",
        "0.25,",
    ]
    (tmp_path / "net.nnet").write_text("\n".join(lines))
    net = read_network(tmp_path / "net.nnet")
    assert net.weights[0].tolist() == [[1.5, -1.0]]
    assert net.bias_vectors[0].tolist() == [0.25]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[: len(t) // 2], "is cut|numbers, expected"),
        (lambda t: t + "1,2,\n", "1 lines follow the last layer"),
        (lambda t: t.replace("3,4,4,2,", "3,4,4,5,"), "3 inputs and 2 outputs, but layers of"),
        (lambda t: t.replace(line(RANGES), "2.0,0.0,6.0,373.9,"), "a range of 0"),
        (lambda t: t.replace(line(LOW), "a,b,c,"), "the inputs' minima are not numbers"),
        (lambda t: t.replace(line(LOW), "1,2,"), "the inputs' minima are 5 numbers, expected 3"),
        (
            lambda t: t.replace("3,4,4,2,", "3,90000,90000,2,").replace("0,\n", "0,\n", 1),
            "claims 8100450000 weights",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, change: object, message: str) -> None:
    assert callable(change)
    (tmp_path / "net.nnet").write_text(change(text()))
    with pytest.raises(FileError, match=message):
        load(tmp_path / "net.nnet")


def test_another_activation_is_not_what_the_format_means(tmp_path: Path) -> None:
    (tmp_path / "net.nnet").write_text(text())
    with pytest.raises(FileError, match="have relu between them, not 'tanh'; leave out activation="):
        load(tmp_path / "net.nnet", activation="tanh")
    with pytest.raises(FileError, match=r"an .nnet file holds one network"):
        load(tmp_path / "net.nnet", part="a")
