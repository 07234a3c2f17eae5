"""Clusters: alike networks become neighbours."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from mathcircuits.reports.plots.clusters import clustered

# What is selected


def test_alike_networks_become_neighbours() -> None:
    names, group = ["a", "b", "c", "d"], {"a": 0, "b": 1, "c": 0, "d": 1}
    rows = [
        {"network_a": x, "network_b": y, "value": 0.9 if group[x] == group[y] else 0.1}
        for x, y in combinations(names, 2)
    ]
    order = clustered(pd.DataFrame(rows)).matrix.columns
    assert [group[name] for name in order] in ([0, 0, 1, 1], [1, 1, 0, 0])
