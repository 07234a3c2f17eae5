"""The benchmark of what is forced: it finds none that lacks it, and would."""

from __future__ import annotations

import pytest

from mathcircuits.detect import Network, hand_derived, tasks
from mathcircuits.detect.universality import Orbits
from mathcircuits.reports.benchmark.universality import forced
from mathcircuits.reports.benchmark.universality.forced import Size, count_lacking, forced_errors, run_forced

SMALL = Size(seeds=8, steps=600, multiples=(1,), widths=(64,), tasks=("identity", "minimum", "addition"))


def test_no_small_network_lacks_what_is_forced() -> None:
    """Prediction: none of 80 networks lacks it; at 64 neurons most are near enough."""
    found = run_forced(size=SMALL, progress=False)
    table = found.table
    of_all = table[table["population"] == "all"].set_index("measure")
    assert of_all.loc["networks trained", "value"] == 8 * 2 * (2 + 2 + 1)
    assert of_all.loc["lacking", "found"] == 0
    wide = table[(table["width"] == 64) & (table["measure"] == "near enough")]
    assert len(wide) == 4
    assert wide["found"].sum() > wide["n"].sum() / 2
    assert found.passed


def test_a_network_that_lacks_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the theorem's error a hundred times as large, a kink four degrees off would count against it."""
    orbits = Orbits(tasks["minimum"])
    turned = Network([[[1.0, -0.87], [1.0, 0.0], [-1.0, 0.0]], [[-1.0, 1.0, -1.0]]])
    networks = [hand_derived("minimum"), turned]
    assert count_lacking(networks, orbits).near == 1
    errors = {key: 100 * error for key, error in forced_errors(orbits, 3).items()}
    monkeypatch.setattr(forced, "forced_errors", lambda *_: errors)
    counted = count_lacking(networks, orbits)
    assert (counted.near, counted.lacking, counted.unseen) == (2, 1, 1)


def test_what_is_forced_by_width() -> None:
    addition, identity = Orbits(tasks["addition"]), Orbits(tasks["identity"])
    assert {label[0] for label, _ in forced_errors(addition, 2)} == {"positive-sum", "negative-sum"}
    assert forced_errors(addition, 4) == {}
    # Each sign of one input is forced by itself.
    assert {oriented for _, oriented in forced_errors(identity, 64)} == {True, False}
