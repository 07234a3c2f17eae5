"""Blanks of other laws: next to nothing is readable from them, and what pruning makes is named."""

from __future__ import annotations

from mathcircuits.reports.benchmark.detection.readouts import NOTHING, on_drawn
from mathcircuits.reports.benchmark.detection.studies import on_drawn as studies_of
from mathcircuits.reports.benchmark.scores import Setting


def blank(population: str) -> Setting:
    return Setting(population, inputs=2, bias=True, layers=1, width=8, law="unknown")


def test_zero_biases_are_judged_and_hold_next_to_nothing() -> None:
    """Predicted: at most 7 of 60, which 6% exceed in one sample of forty."""
    readable, made = on_drawn(blank("zero bias"), 60, 0)
    assert readable.bound is NOTHING
    assert readable.found <= 7
    assert made.found == 0


def test_pruned_networks_are_shown_and_named() -> None:
    """Predicted: a tenth or more have a feature by construction, and at most two of 12 another one."""
    readable, made = on_drawn(blank("pruned by half"), 12, 0)
    assert readable.bound is None
    assert readable.found <= 2
    assert made.found >= 2


def test_studies_of_zero_biases_find_nothing() -> None:
    """Predicted: none of three; each had three features or more by untrained networks with other biases."""
    found, made = studies_of(blank("zero bias"), 3, 0)
    assert (found.found, made.found, found.n) == (0, 0, 3)
