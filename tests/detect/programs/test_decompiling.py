"""The formulas that people ask of their networks, each with its proved error; none of what has no short one."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from mathcircuits.detect import Formula, Network, decompile
from mathcircuits.models import load


class Case(NamedTuple):
    """A network, the box, its formula, what its constants are, and the proved error up to which it is that."""

    network: Network
    box: tuple[float, float]
    formula: str
    constants: tuple[str, ...]
    error: float


def one_input(slopes: list[float], kinks: list[tuple[float, float]]) -> Network:
    """relu(x), relu(-x) with these slopes, and relu(x - at) with the changes of slope beyond."""
    weights = [[1.0], [-1.0], *([1.0] for _ in kinks)]
    biases = [0.0, 0.0, *(-at for at, _ in kinks)]
    return Network([weights, [[*slopes, *(change for _, change in kinks)]]], [biases, None])


WRITTEN = {
    "2.54 |x|": Case(
        one_input([2.54, 2.54], []), (-1, 1), "2.54 * abs(x1)", ("exact", "decimal"), 1e-9
    ),
    "9.81 |x|": Case(
        one_input([9.81, 9.81], []), (-1, 1), "9.81 * abs(x1)", ("exact", "decimal"), 1e-9
    ),
    "leaky ReLU": Case(
        one_input([1.0, -0.01], []), (-1, 1), "max(x1, 0.01 * x1)", ("exact", "decimal"), 1e-9
    ),
    "two tax brackets": Case(
        one_input([0.14, 0.0], [(11.5, 0.1), (48.0, 0.18)]), (0, 100),
        "0.14 * x1 + 0.1 * relu(x1 - 11.5) + 0.18 * relu(x1 - 48)", ("exact", "decimal"), 1e-8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_constants_of_few_digits_are_found_as_they_were_written(name: str) -> None:
    case = WRITTEN[name]
    program = decompile(case.network, box=case.box)
    assert program.formula is not None, program.reason
    X = np.linspace(*case.box, 1001)[:, None]
    assert np.abs(program.formula[0](X) - Formula(case.formula)(X)).max() <= case.error
    assert program.constants in case.constants
    assert 0 <= program.certificate.lower <= program.certificate.upper <= case.error
    assert program.certificate.complete
    assert program.bits < program.raw_bits


def learned(slope: float, reach: float, width: int = 32, steps: int = 3000) -> Network:
    """A network trained on slope |x| over [-reach, reach], which lies there in units of its own."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)).double()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    x = torch.linspace(-1, 1, 256, dtype=torch.float64)[:, None]
    for _ in range(steps):
        optimiser.zero_grad()
        ((net(x) - x.abs()) ** 2).mean().backward()
        optimiser.step()
        schedule.step()
    unit = load(net).to_network()
    (first, last), (bias, shift) = unit.weights, unit.bias_vectors
    return Network([first / reach, slope * reach * last], [bias, slope * reach * shift])


def test_a_learned_slope_has_its_formula_with_fitted_constants() -> None:
    network = learned(26.8, 100.0)
    program = decompile(network, box=(-100, 100))
    assert program.formula is not None, program.reason
    assert len(re.findall(r"abs|relu|max|min", program.text)) == 1
    assert program.constants in ("decimal", "fitted")
    # The default tolerance: half a percent of the output's range of 2680.
    assert program.certificate.upper <= program.tolerance == pytest.approx(13.4, rel=0.02)
    assert program.certificate.complete
    X = np.linspace(-100, 100, 2001)[:, None]
    assert np.abs(program.formula[0](X) - network(X)[:, 0]).max() <= program.certificate.upper
    assert np.abs(program.formula[0](X) - 26.8 * np.abs(X[:, 0])).max() <= 2 * program.tolerance


def product(width: int = 24, steps: int = 1500) -> Network:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1)).double()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    X = 2 * torch.rand(512, 2, dtype=torch.float64) - 1
    for _ in range(steps):
        optimiser.zero_grad()
        ((net(X) - X.prod(dim=1, keepdim=True)) ** 2).mean().backward()
        optimiser.step()
    return load(net).to_network()


@pytest.mark.parametrize("name", ["tanh", "product"])
def test_tanh_and_the_product_have_none_at_a_thousandth(name: str) -> None:
    network = product() if name == "product" else Network([[[2.0]], [[1.0]]], activation="tanh")
    program = decompile(network, tolerance=1e-3)
    assert program.formula is None
    assert program.reason
    # What is given in its place is no worse than the best constant, and its error is proved.
    X = np.random.default_rng(0).uniform(-1, 1, (2000, network.inputs))
    values = network(X)
    off = np.abs(np.stack([f(X) for f in program.best_formula], 1) - values).max()
    assert off <= program.certificate.upper <= 1.05 * np.ptp(values) / 2
