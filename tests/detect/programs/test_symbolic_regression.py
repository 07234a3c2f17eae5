"""Formulas that symbolic regression proposes are judged as all others are."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, decompile
from mathcircuits.detect.programs import symbolic_regression


def product_network(width: int) -> Network:
    """Random ReLU features with the read-out that is nearest to x1 * x2 by least squares."""
    rng = np.random.default_rng(0)
    W, b, X = rng.normal(size=(width, 2)), rng.uniform(-1, 1, width), rng.uniform(-1, 1, (8000, 2))
    v = np.linalg.lstsq(np.maximum(X @ W.T + b, 0), X[:, 0] * X[:, 1], rcond=None)[0]
    return Network([W, v[None]], [b, None])


def test_a_wide_network_of_the_product_has_its_formula() -> None:
    network = product_network(160)
    assert decompile(network, tolerance=0.02, time_limit=2.0).formula is None
    program = decompile(network, tolerance=0.02, time_limit=2.0, proposer="pyoperon")
    assert program.text == "x1 * x2"
    assert program.certificate.upper <= program.tolerance
    X = np.random.default_rng(1).uniform(-1, 1, (2000, 2))
    assert np.abs(network(X)[:, 0] - X[:, 0] * X[:, 1]).max() <= program.certificate.upper


def test_a_proposal_is_held_to_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that is right on the sample and wrong between its points is none."""
    network = product_network(24)
    wrong = decompile(network).best_formula
    monkeypatch.setattr(symbolic_regression, "proposals", lambda *_: iter([wrong]))
    assert decompile(network, tolerance=1e-3, time_limit=1.0, proposer="pyoperon").formula is None


def test_an_unknown_proposer_is_refused() -> None:
    with pytest.raises(InputError, match="proposer 'gplearn': give 'pyoperon' or None"):
        decompile(Network([[[1.0]]]), proposer="gplearn")  # type: ignore[arg-type]  # the error is the point


def test_without_pyoperon_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyoperon.sklearn", None)
    with pytest.raises(InputError, match=r"needs pyoperon: pip install 'mathcircuits\[symbolic\]'"):
        decompile(product_network(8), tolerance=1e-4, time_limit=1.0, proposer="pyoperon")
