"""Sentences about one network: how many readings its variables have."""

from __future__ import annotations

from mathcircuits.detect import Network, find_readings
from mathcircuits.reports.wording import several_readings

MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])


def test_other_functions_and_what_is_not_listed_are_told() -> None:
    corner = [(-1, 1), (0.93, 3)]
    frame = find_readings(MINIMUM, box=corner)
    assert set(frame["function"]) == {"first", "near"}
    near = len(frame) - 1
    noun = "other function" if near == 1 else "other functions"
    assert several_readings(frame) == (
        f"y1 has {near + 1} readings that meet the criteria: {near} {noun} within what the criteria tell apart. "
        "The network does not decide between them."
    )
    assert several_readings(find_readings(MINIMUM, box=corner, limit=1)) == (
        f"Not listed of y1: {near} more than the 1 that are listed."
    )
