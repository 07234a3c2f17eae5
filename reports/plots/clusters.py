"""Clusters: networks by networks, alike ones side by side, as clustered heat maps show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clustered:
    """A similarity matrix in the order of its clustering.

    Attributes:
        matrix: networks by networks, values in [0, 1]; the diagonal and absent pairs missing.
        groups: the group of each network, in the matrix's order.
        forks: the dendrogram, one fork a merger: x in places of the matrix (0 is the first network), heights in
            [0, 1], 1 the last merger; empty where pairs are missing.

    Examples:
        >>> Clustered(pd.DataFrame([[float("nan")]], index=["a"], columns=["a"]), ("t",), ()).groups
        ('t',)
    """

    matrix: pd.DataFrame
    groups: tuple[str, ...]
    forks: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


def clustered(pairs: pd.DataFrame, groups: Mapping[str, str] | None = None) -> Clustered:
    """The pairs as a matrix, alike networks side by side (average linkage of 1 - similarity).

    Args:
        pairs: `network_a, network_b, value`, each pair once.
        groups: network -> group; none by default.

    Examples:
        >>> frame = pd.DataFrame({"network_a": [*"aab"], "network_b": [*"bcc"], "value": [0, 1, 0.0]})
        >>> found = clustered(frame)
        >>> found.matrix.columns.tolist(), len(found.forks)
        (['b', 'a', 'c'], 2)
    """
    names = list(dict.fromkeys([*pairs["network_a"], *pairs["network_b"]]))
    index = {name: k for k, name in enumerate(names)}
    values = np.full((len(names), len(names)), np.nan)
    a = [index[name] for name in pairs["network_a"]]
    b = [index[name] for name in pairs["network_b"]]
    values[a, b] = values[b, a] = pairs["value"].to_numpy(dtype=float)
    np.fill_diagonal(values, np.nan)
    order, forks = _linked(values)
    labels = [names[k] for k in order]
    matrix = pd.DataFrame(values[np.ix_(order, order)], index=labels, columns=labels)
    return Clustered(matrix, tuple((groups or {}).get(name, "") for name in labels), forks)


def _linked(values: Array) -> tuple[list[int], tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]]:
    """The order of a hierarchical clustering and its dendrogram; as given and without one where pairs are missing."""
    n = len(values)
    upper = values[np.triu_indices(n, 1)]
    if n < 3 or np.isnan(upper).any():
        return list(range(n)), ()
    from scipy.cluster.hierarchy import dendrogram, linkage

    drawn = dendrogram(linkage(np.clip(1 - upper, 0, None), "average"), no_plot=True)
    highest = max(max(heights) for heights in drawn["dcoord"]) or 1.0
    # scipy puts leaf k at 10 k + 5.
    forks = tuple(
        (tuple((x - 5) / 10 for x in xs), tuple(y / highest for y in ys))
        for xs, ys in zip(drawn["icoord"], drawn["dcoord"], strict=True)
    )
    return [int(k) for k in drawn["leaves"]], forks
