"""Source: a program's Python computes the formula, and its LaTeX."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.programs.source import latex_source, python_source

Array = npt.NDArray[np.float64]


def points(d: int, n: int = 300) -> Array:
    return np.random.default_rng(0).uniform(-1, 1, (n, d))


# --- notation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "median(x1, x2, x3)",
        "median(x1, x2, x3, x1 + x2)",
        "mean(x1, x2, x3) - (x1 - (x2 - x3)) / 3",
        "clip(x1, -0.5, 1/3) ** 2",
        "step(x1) - sign(x2) * tanh(x3) + exp(x1) + sin(pi * x2) - cos(x3)",
        "-(x1 + x2) * 2 - -x3 / (x1 + 2)",
        "(-x1) ** 2 + 2 ** 3",
    ],
)
def test_python_source_computes_the_formula(text: str) -> None:
    formula = Formula(text)
    scope: dict[str, Any] = {}
    exec(python_source([formula], 3), scope)
    X = points(3, 30)
    np.testing.assert_allclose([scope["f"](*row) for row in X.tolist()], formula(X), atol=1e-12)


@pytest.mark.parametrize(
    ("texts", "latex"),
    [
        (["abs(x1)/2"], r"\frac{\left|x_1\right|}{2}"),
        (["x1 * (x2 - 1)"], r"x_1 \cdot (x_2 - 1)"),
        (["(x1 + 1)**2"], r"\left(x_1 + 1\right)^{2}"),
        (["max(x1 + x2, -0.5)"], r"\max\left(x_1 + x_2, -\frac{1}{2}\right)"),
        (["pi", "low"], r"\left(\pi,\; \mathrm{low}\right)"),
    ],
)
def test_latex(texts: list[str], latex: str) -> None:
    assert latex_source([Formula(text) for text in texts]) == latex
