"""Result plots: the `.plot` methods reach what draws, on one's own axes and on new ones."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import Analysis, InputError, analyse, hand_derived
from mathcircuits.models import train
from mathcircuits.reports.plots.palette import GROUND
from mathcircuits.reports.plots.rendering import blank
from mathcircuits.reports.resultplots import plot_losses, plot_responses, plot_study


@pytest.fixture(scope="module")
def absolute() -> Analysis:
    return analyse(hand_derived("absolute"), task="absolute", init="uniform")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_an_analysis_draws_its_circuit(absolute: Analysis) -> None:
    (own,) = blank(5, 2)[1]
    assert absolute.plot(own) is own
    assert {"positiveness", "negativeness"} <= {text.get_text() for text in own.texts}
    before = set(plt.get_fignums())
    new = absolute.plot_circuit()
    assert len(set(plt.get_fignums()) - before) == 1
    # Dark ink needs a light ground, also in a dark notebook.
    assert new.figure.get_facecolor()[:3] == pytest.approx(
        [int(GROUND.light[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    )


def test_an_analysis_draws_its_responses(absolute: Analysis) -> None:
    axes = absolute.plot_responses()
    assert [ax.get_title() for ax in axes] == ["v0", "v1", "output"]
    output = axes[2].lines[-1]
    np.testing.assert_allclose(output.get_ydata(), np.abs(output.get_xdata()))
    with pytest.raises(InputError, match="2 axes for 3 plots: give as many, or none for a new figure"):
        plot_responses(absolute, axes=np.array(blank(4, 2, columns=2)[1]))


def test_an_analysis_draws_the_null_of_a_match(absolute: Analysis) -> None:
    ax = absolute.plot_null(0, 1)
    assert [text.get_text() for text in ax.texts] == ["this neuron\np = 1"]
    with pytest.raises(InputError, match="neuron 5 of layer 0"):
        absolute.plot_null(0, 5)


def test_an_ensemble_draws_its_losses() -> None:
    runs = train("identity", hidden=[2], seeds=range(3), steps=20)
    ax = runs.plot()
    assert len(ax.lines) == 3 + 1  # and the threshold
    history = runs.history
    last = history[history["seed"] == 0]["loss"].to_numpy()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), last)
    assert ax.get_title().startswith("identity, ")
    (own,) = blank(4, 3)[1]
    assert plot_losses(runs, ax=own) is own


def test_a_study_draws_its_success() -> None:
    row: dict[str, Any] = {"task": "minimum", "hidden": "3", "width": "1x", "regimen": "adam"}
    table = pd.DataFrame([{**row, "n": 8, "solved": 6, "value": 0.75, "low": 0.35, "high": 0.97}])
    ax = plot_study(SimpleNamespace(tables={"success": table}, out="runs/a"))  # type: ignore[arg-type]
    assert ax.get_xlim()[0] <= 0.35
    assert "minimum" in {text.get_text() for text in (*ax.texts, *ax.get_yticklabels())}
