"""Selections: which networks, seeds and features a page shows."""

from __future__ import annotations

import pandas as pd

from mathcircuits.reports.pages.selections import (
    chosen_networks,
    first_seeds,
    in_order,
    notable_features,
    panels,
)


def networks(**columns: list[object]) -> dict[str, pd.DataFrame]:
    """A networks table of one condition of the task minimum."""
    n = len(next(iter(columns.values())))
    base = {
        "network": [f"minimum/3/adam/{k}" for k in range(n)],
        "task": "minimum",
        "hidden": "3",
        "width": "1x",
        "regimen": "adam",
        "seed": range(n),
        "population": "trained",
        "parameters": 9,
    }
    return {"networks": pd.DataFrame({**base, **columns})}


def test_the_failed_network_is_the_one_in_the_middle() -> None:
    tables = networks(loss=[1e-9, 0.5, 0.1, 0.3, float("nan")], solved=[True, False, False, False, False])
    assert [(c.role, c.row["seed"]) for c in chosen_networks(tables, "minimum")] == [
        ("best", 0),
        ("failed", 3),
    ]


def test_the_derived_network_stands_in_where_none_solved() -> None:
    tables = networks(loss=[0.5, float("nan")], solved=[False, False])
    assert [(c.role, c.network) for c in chosen_networks(tables, "minimum")] == [
        ("derived", ""),
        ("failed", "minimum/3/adam/0"),
    ]
    assert [c.role for c in chosen_networks({}, "minimum")] == ["derived"]
    assert chosen_networks({}, "a task nobody knows") == []


def test_no_failed_network_is_invented() -> None:
    tables = networks(loss=[1e-9, 1e-10], solved=[True, True])
    assert [(c.role, c.row["seed"]) for c in chosen_networks(tables, "minimum")] == [("best", 1)]


def test_widths_are_ordered_by_number() -> None:
    frame = pd.DataFrame(
        {"task": "a", "hidden": ["16", "9", "2"], "width": ["8x", "", "1x"], "regimen": "adam"}
    )
    assert in_order(frame)["hidden"].tolist() == ["2", "16", "9"]
    assert panels(frame) == [("1x", "adam"), ("8x", "adam"), ("9", "adam")]


def test_first_seeds_come_from_every_cell() -> None:
    frame = pd.DataFrame(
        {"task": list("aaaabb"), "hidden": "2", "width": "1x", "regimen": "adam", "seed": range(6)}
    )
    assert first_seeds(frame, 4)["task"].tolist() == list("aabb")
    assert len(first_seeds(frame, 6)) == 6


def test_features_that_nobody_holds_are_left_out_unless_forced() -> None:
    frame = pd.DataFrame(
        {
            "feature": ["square", "greaterness", "absolute", "my-own"],
            "found": [0, 0, 3, 1],
            "forced": [False, True, False, None],
        }
    )
    assert notable_features(frame) == ["greaterness", "absolute", "my-own"]
