"""Features: how one renders, what it takes, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.features.feature import Feature, Match
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.symmetry import Symmetry


def of(name: str, **more: Any) -> Feature:
    """A small feature of its own."""
    formula = Formula(more.pop("formula", "x1**3"))
    return Feature(id=name, formula=formula, definition="cubed", arity=formula.arity, **more)


def test_a_feature_and_a_match_render() -> None:
    shown = of("mine/odd", aliases=("<b>",), source="me & you")._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "me &amp; you" in shown
    match = Match(catalogue["greaterness"], ("x1", "x2"), 0.5, 0.75, 2.0, 1e-16)
    assert repr(match) == "Match('greaterness', x1, x2; r=0.5000, scale=2, offset=0)"
    assert "greaterness(x1, x2)" in match._repr_html_()
    assert "no null was asked for" in match._repr_html_()
    with_p = Match(catalogue["greaterness"], ("x1", "x2"), 0.5, 0.75, 2.0, 0.0, 0.01)
    assert repr(with_p).endswith("p=0.01)")


# Values of a feature


def test_thresholds_move_with_the_box() -> None:
    above = catalogue["above-low"]
    assert above([[2.0]], box=(0, 4)).tolist() == [1.0]
    assert catalogue["clip"]([[0.0], [4.0], [2.5]], box=(0, 4)).tolist() == [1.0, 3.0, 2.5]
    assert catalogue["step-middle"]([[3.0]], box=((0, 8),)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ([[1.0]], "inputs have 1 column, expected 2"),
        ([[1.0, np.nan]], "inputs hold 1 value that is NaN"),
        ("abc", "inputs of type str are not numeric"),
    ],
)
def test_other_inputs_are_refused(inputs: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue["greaterness"](inputs)
    assert problem in str(caught.value)


def test_values_are_nobody_elses_memory() -> None:
    own = np.array([[1.0]])
    catalogue["identity"](own)[:] = 5.0
    assert own.item() == 1.0


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": "cube"}, "id 'cube': write family/short-name in small letters, digits and hyphens"),
        ({"id": "Mine/Cube"}, "id 'Mine/Cube'"),
        ({"id": None}, "id None"),
        ({"formula": "x1**3"}, "formula 'x1**3' is not a Formula: make one with Formula(text)"),
        ({"arity": 2}, "formula 'x1**3' with arity 2: number its arguments x1, x2, ... without a gap"),
        ({"formula": Formula("x2"), "arity": 2}, "without a gap"),
        ({"formula": Formula("v1")}, "without a gap"),
        ({"symmetry": (Symmetry.parse(["-x1"]),)}, "symmetry ['-x1'] changes x1**3: leave it out"),
        ({"symmetry": (Symmetry.parse(["x2", "x1"]),)}, "give an image for each of the 1 arguments"),
        ({"direction": (1.0,)}, "direction [1.0]: no ReLU neuron with these weights has the values of x1**3"),
        ({"direction": (1.0, 1.0)}, "direction has 2 weights for 1 arguments: give one each"),
        ({"formula": Formula("relu(x1)"), "direction": (-1.0,)}, "no ReLU neuron with these weights"),
        ({"formula": Formula("relu(x1)"), "direction": (0.0,)}, "no ReLU neuron with these weights"),
        ({"formula": Formula("-relu(x1)"), "direction": (1.0,)}, "no ReLU neuron with these weights"),
        ({"formula": Formula("1 / (x1 - x1)"), "direction": (1.0,)}, "it is infinite or NaN on the box (-1, 1)"),
    ],
)  # fmt: skip
def test_another_feature_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Feature(
            **{"id": "mine/cube", "formula": Formula("x1**3"), "definition": "cubed", "arity": 1, **fields}
        )
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "text", ["relu(x1)", "3*relu(2*x1 - 1)", "relu(x1 - low)", "x1 - low + 1", "max(x1, -x1/2) + x1/2"]
)
def test_a_true_direction_is_taken(text: str) -> None:
    assert of("mine/f", formula=text, direction=(2.0,)).direction == (2.0,)


# The user's own files, and plug-ins: in a process of their own, since the catalogue is read once

SHOW = (
    "from mathcircuits.detect import MathCircuitsError, catalogue\n"
    "for _ in range(2):\n"
    "    try:\n"
    "        print(len(catalogue), catalogue['cube'])\n"
    "    except MathCircuitsError as error:\n"
    "        print(type(error).__name__, error)\n"
)


def shown(folder: Path, home: Path | None = None) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MATHCIRCUITS_HOME": str(home or folder / "none")}
    done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().split("\n")
    assert first == second  # the same answer every time
    return first.split(" ", 1)
