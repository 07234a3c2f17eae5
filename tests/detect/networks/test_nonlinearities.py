"""Activation functions: their names, and their values against torch's and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect import Network, certify, decompile
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.nonlinearities import (
    LEAKY_SLOPE,
    NAMES,
    apply_nonlinearity,
    check_nonlinearity,
    leaky_slope,
)
from mathcircuits.models.networks.activations import nonlinearity

Z = np.concatenate([np.linspace(-6, 6, 241), [0.0, -0.0, 1e-300, -1e-300, 1e200, -1e200]])
TORCH: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "leaky_relu(0.2)": lambda z: torch.nn.functional.leaky_relu(z, 0.2),
    "leaky_relu(-0.5)": lambda z: torch.nn.functional.leaky_relu(z, -0.5),
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "silu": torch.nn.functional.silu,
    "elu": torch.nn.functional.elu,
    "elu(0.5)": lambda z: torch.nn.functional.elu(z, 0.5),
    "selu": torch.nn.functional.selu,
    "softplus": lambda z: torch.nn.functional.softplus(z, threshold=40.0),
    "softplus(3.0)": lambda z: torch.nn.functional.softplus(z, 3.0, threshold=40.0),
    "relu6": torch.nn.functional.relu6,
    "hardtanh": torch.nn.functional.hardtanh,
    "hardtanh(-2.0,0.5)": lambda z: torch.nn.functional.hardtanh(z, -2.0, 0.5),
    "prelu(0.1,-0.5,0.3)": lambda z: torch.nn.functional.prelu(
        z, torch.tensor([0.1, -0.5, 0.3], dtype=z.dtype)
    ),
}
PER_UNIT = "prelu(0.1,-0.5,0.3)"


@pytest.mark.parametrize("name", TORCH)
def test_values_are_those_of_torch(name: str) -> None:
    # A PReLU's last axis is its units; torch's is the second.
    z = np.stack([Z, Z[::-1], -Z], axis=1) if name == PER_UNIT else Z
    expected = TORCH[name](torch.tensor(z)).numpy()
    assert np.allclose(apply_nonlinearity(name, z), expected, rtol=1e-12, atol=1e-15)
    ours = nonlinearity(name)(torch.tensor(z)).numpy()
    assert np.allclose(ours, expected, rtol=1e-12, atol=1e-15)


def test_every_name_is_compared_with_torch() -> None:
    assert set(NAMES) <= set(TORCH)


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 4, 3), (0, 3)])
def test_shape_and_dtype_are_kept(name: str, dtype: type[np.floating], shape: tuple[int, ...]) -> None:
    values = apply_nonlinearity(name, np.ones(shape, dtype))
    assert values.shape == shape
    assert values.dtype == dtype


@pytest.mark.parametrize("name", TORCH)
def test_nan_stays_nan(name: str) -> None:
    assert np.isnan(apply_nonlinearity(name, np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("given_name", "canonical"),
    [
        *((name, name) for name in NAMES),
        ("leaky_relu(0.20)", "leaky_relu(0.2)"),
        ("leaky_relu(2e-1)", "leaky_relu(0.2)"),
        ("leaky_relu(0.01)", "leaky_relu"),
        ("leaky_relu(0)", "relu"),
        ("leaky_relu(-0.0)", "relu"),
        ("leaky_relu(1)", "identity"),
        ("leaky_relu(0.123456789012)", "leaky_relu(0.123456789012)"),
        ("elu(1)", "elu"),
        ("elu(0)", "relu"),
        ("softplus(1.0)", "softplus"),
        ("hardtanh(-1, 1)", "hardtanh"),
        ("hardtanh(0,6)", "relu6"),
        ("hardtanh(0,1)", "hardtanh(0.0,1.0)"),
        ("prelu(0.2)", "leaky_relu(0.2)"),
        ("prelu(0,0)", "relu"),
    ],
)
def test_a_name_has_one_form(given_name: str, canonical: str) -> None:
    assert check_nonlinearity(given_name) == canonical
    assert np.array_equal(apply_nonlinearity(given_name, Z), apply_nonlinearity(canonical, Z))


@given(st.floats(-10, 10))
def test_a_slope_keeps_every_digit(slope: float) -> None:
    name = check_nonlinearity(f"leaky_relu({slope!r})")
    assert check_nonlinearity(name) == name
    assert apply_nonlinearity(name, np.array([-1.0])).item() == (-slope if slope else 0.0)


@pytest.mark.parametrize(
    "name",
    [
        "leaky_relu(1e999)", "leaky_relu(-1e999)", "leaky_relu(nan)", "leaky_relu()", "leaky_relu(1e)",
        "leaky_relu(0.1", "leaky_relu(٣)", "ReLU6", "", " relu", None, 5, ["relu"],
        "hardtanh(1,-1)", "hardtanh(0)", "hardtanh(0,inf)", "softplus(0)", "elu(-1)", "prelu()", "relu(1)",
    ],
)  # fmt: skip
def test_another_name_is_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"activation .* Known: relu, leaky_relu, .*leaky_relu\(SLOPE\)"):
        check_nonlinearity(name)  # type: ignore[arg-type]


def test_the_near_name_is_offered() -> None:
    with pytest.raises(InputError, match="activation 'rleu': did you mean 'relu'"):
        apply_nonlinearity("rleu", Z)
    with pytest.raises(InputError, match=r"activation 'mish' is not known\. Known"):
        check_nonlinearity("mish")


@pytest.mark.parametrize(
    ("name", "slope"),
    [("leaky_relu", LEAKY_SLOPE), ("leaky_relu(0.2)", 0.2), ("relu", None), ("leaky_relu(1e999)", None)],
)
def test_the_slope_of_a_name(name: str, slope: float | None) -> None:
    assert leaky_slope(name) == slope


def test_gelu_by_hand() -> None:
    # 1 times the normal distribution function at 1
    assert apply_nonlinearity("gelu", np.array([1.0])).item() == pytest.approx(
        0.5 * (1 + math.erf(1 / math.sqrt(2))), abs=1e-15
    )


def test_a_prelu_has_one_slope_a_unit() -> None:
    net = Network([[[1.0], [1.0]], [[1.0, 10.0]]], activation="prelu(0.5,0.25)")
    # -0.5 * 2 and 10 * (-0.25 * 2)
    assert net([[-2.0], [3.0]]).ravel().tolist() == [-6.0, 33.0]
    with pytest.raises(InputError, match="prelu with 2 slopes on a layer of 3 units: give one slope a unit"):
        Network([np.ones((3, 1)), np.ones((1, 3))], activation="prelu(0.5,0.25)")
    many = Network([np.ones((9, 1)), np.ones((1, 9))], activation=f"prelu({','.join(map(str, range(9)))})")
    assert repr(many) == "Network(1-9-1, prelu(9 slopes), no bias)"


@pytest.mark.parametrize("name", [*sorted(set(TORCH) - {PER_UNIT}), "prelu(0.1,-0.5)"])
def test_a_certificate_holds_for_every_activation(name: str) -> None:
    net = Network([[[1.0, 0.5], [-1.0, 2.0]], [[1.0, -1.0]]], [[0.1, 0.2], [0.3]], name)
    found = certify(net, "x1 - x2", box=(-3, 3), time_limit=2.0, node_limit=20_000)
    X = np.random.default_rng(0).uniform(-3, 3, (4000, 2))
    error = np.abs(net(X).ravel() - (X[:, 0] - X[:, 1])).max()
    assert error <= found.upper <= 1.05 * error
    assert found.lower <= found.upper


@pytest.mark.parametrize("name", ["relu6", "hardtanh(-0.5,0.25)", "prelu(0.1,-0.5)"])
def test_clipped_layers_and_prelu_are_exact_cells(name: str) -> None:
    net = Network(
        [[[3.0, 0.5], [-1.0, 2.0]], [[1.0, -1.0], [0.5, 2.0]], [[1.0, -1.0]]], [[0.1, 0.2], None, [0.3]], name
    )
    found = certify(net, "0 * x1", box=(-3, 3))
    assert (found.method, found.complete) == ("cells", True)
    assert found.upper - found.lower < 1e-9
    assert found.check()


def test_a_clipped_neuron_gets_its_formula() -> None:
    net = Network([[[1.0]], [[2.0]]], [[0.0], [0.0]], "hardtanh(-0.5,0.5)")
    program = decompile(net, box=(-2, 2))
    assert program.formula is not None
    assert program.formula[0].text == "2 * clip(x1, -0.5, 0.5)"
    assert program.certificate.upper < 1e-9
