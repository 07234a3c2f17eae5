"""Activation functions: their names, and their values against torch's and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mathcircuits.detect.errors import InputError
from mathcircuits.detect.networks.nonlinearities import (
    LEAKY_SLOPE,
    NAMES,
    apply_nonlinearity,
    check_nonlinearity,
    leaky_slope,
)

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
}


@pytest.mark.parametrize("name", TORCH)
def test_values_are_those_of_torch(name: str) -> None:
    expected = TORCH[name](torch.tensor(Z)).numpy()
    assert np.allclose(apply_nonlinearity(name, Z), expected, rtol=1e-12, atol=1e-15)


def test_every_name_is_compared_with_torch() -> None:
    assert set(NAMES) <= set(TORCH)


@pytest.mark.parametrize("name", TORCH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (0, 3)])
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
    ],
)  # fmt: skip
def test_another_name_is_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"activation .* Known: relu, leaky_relu, .*leaky_relu\(SLOPE\)"):
        check_nonlinearity(name)  # type: ignore[arg-type]


def test_the_near_name_is_offered() -> None:
    with pytest.raises(InputError, match="activation 'rleu': did you mean 'relu'"):
        apply_nonlinearity("rleu", Z)
    with pytest.raises(InputError, match=r"activation 'softplus' is not known\. Known"):
        check_nonlinearity("softplus")


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
