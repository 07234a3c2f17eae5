"""Sobol points of our own: SciPy's bit for bit, in every dimension of the table."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from mathcircuits.detect.networks.box import sobol_points
from mathcircuits.detect.networks.sobol_sequence import MOST_DIMENSIONS, scrambled_sobol


@pytest.mark.parametrize("dimensions", range(1, MOST_DIMENSIONS + 1))
@pytest.mark.parametrize("log2_points", [0, 1, 9, 12])
@pytest.mark.parametrize("seed", [0, 1])
def test_points_are_scipys(dimensions: int, log2_points: int, seed: int) -> None:
    from scipy.stats import qmc

    theirs = qmc.Sobol(dimensions, rng=np.random.default_rng(seed)).random_base2(log2_points)
    ours = scrambled_sobol(dimensions, log2_points, np.random.default_rng(seed))
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours, theirs)


def test_a_box_of_more_inputs_is_filled_by_scipy() -> None:
    from scipy.stats import qmc

    d = MOST_DIMENSIONS + 1
    theirs = qmc.Sobol(d, rng=np.random.default_rng(0)).random_base2(5)
    assert np.array_equal(sobol_points(((-1.0, 1.0),) * d, 5), -1.0 + theirs * 2.0)


@pytest.mark.parametrize(("inputs", "loaded"), [(MOST_DIMENSIONS, "False"), (MOST_DIMENSIONS + 1, "True")])
def test_few_inputs_need_no_scipy_stats(inputs: int, loaded: str) -> None:
    program = (
        "import sys; from mathcircuits.detect.networks import sobol_points\n"
        f"sobol_points(((0.0, 1.0),) * {inputs}, 4); print('scipy.stats' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == loaded
