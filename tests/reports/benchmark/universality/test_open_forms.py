"""The benchmark of the fibre: one way at the smallest width, and a row for each share."""

from __future__ import annotations

from mathcircuits.reports.benchmark.universality.open_forms import Draw, run_fibre


def test_three_neurons_pass() -> None:
    found = run_fibre(draws=(Draw(3, 0.5, "normal", 150),), progress=False)
    table = found.table.set_index("measure")
    assert table.loc["hand-derived form", "value"] == 1.0
    assert table.loc["other forms", "value"] == 0.0
    assert 0 < table.loc["hand-derived form", "low"] < 1
    assert table.loc["median path norm", "value"] > 3.41
    assert table.loc["ancestors of a chain", "value"] >= table.loc["effective families of a chain", "value"]
    assert found.passed
