"""Comparing: two results of the universality benchmark, row by row: two versions, two methods, two ways to train."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from mathcircuits.detect import InputError
from mathcircuits.detect.errors import did_you_mean, near_names
from mathcircuits.detect.statistics import ROUNDING

from .verdictresults import VerdictResult
from .verdictrows import KEYS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *KEYS, "change", "verdict_a", "verdict_b", "value_a", "value_b", "low_a", "high_a", "low_b", "high_b", "found_a",
    "n_a", "found_b", "n_b", "p", "q",
)  # fmt: skip
#: A ladder's row is named by both its conditions and the rung.
_LADDER = ("task_a", "hidden_a", "regimen_a", "task_b", "hidden_b", "regimen_b")


def compare(
    a: VerdictResult | str | os.PathLike[str],
    b: VerdictResult | str | os.PathLike[str],
    *,
    between: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """The rows whose verdict or interval differs, those whose verdict does first.

    The same networks read by the same code give no rows. Where networks were trained anew, intervals move by chance:
    `p` (Fisher's exact test on both counts, two-sided) and `q` (Benjamini-Hochberg over the rows compared) tell
    whether the shares differ by more than that.

    Args:
        a, b: results, or where they were written.
        between: compare these conditions in place of the same one: `("rescue@1x", "compress@16")` holds a's networks
            of one regimen and width against b's of another, task by task (a and b may be one result); the width (a
            multiple, or hidden sizes) may be left out. Ladders are not compared then.

    Returns:
        The columns that name a row, `change` (`verdict`, `interval`, `only in a`, `only in b`), and of either side
        verdict, value, interval and counts. Rows of kind `ladder` have the rung as `name` and the other
        condition as `on`. `attrs["compared"]` is the number of rows that both have.

    Raises:
        InputError: where a result has no such condition.
        FileError: where a result cannot be read.
    """
    import pandas as pd

    sides = [side if isinstance(side, VerdictResult) else VerdictResult.load(side) for side in (a, b)]
    keys = list(KEYS)
    if between is None:
        tables = [pd.concat([side.verdicts, _ladder_rows(side.ladder)], ignore_index=True) for side in sides]
    else:
        tables = [_only(side, name) for side, name in zip(sides, between, strict=True)]
        keys = ["kind", "task", "depth", "name", "on"]
    numbers = ["verdict", "value", "low", "high", "found", "n"]
    one, other = (
        table[[*KEYS, *numbers]].rename(columns={name: f"{name}_{side}" for name in numbers})
        for table, side in zip(tables, "ab", strict=True)
    )
    if between is not None:
        other = other.drop(columns=[name for name in KEYS if name not in keys])
    merged = one.merge(other, on=keys, how="outer", sort=False, indicator=True)
    both = (merged["_merge"] == "both").to_numpy()
    p, q = _tested(merged, both)
    moved = _differs(merged, "low") | _differs(merged, "high")
    verdict = (merged["verdict_a"] != merged["verdict_b"]).fillna(True).to_numpy(dtype=bool)
    change = np.select(
        [
            (merged["_merge"] == "left_only").to_numpy(),
            (merged["_merge"] == "right_only").to_numpy(),
            verdict,
            moved,
        ],
        ["only in a", "only in b", "verdict", "interval"],
        "",
    )
    merged = merged.assign(change=change, p=p, q=q)
    order = {name: k for k, name in enumerate(("verdict", "only in a", "only in b", "interval"))}
    changed = merged[merged["change"] != ""]
    changed = changed.assign(_order=changed["change"].map(order)).sort_values("_order", kind="stable")
    result = changed[list(COLUMNS)].reset_index(drop=True)
    result.attrs["compared"] = int(both.sum())
    return result


def comparison_lines(found: pd.DataFrame, most: int = 20) -> list[str]:
    """The comparison in a few lines: how many rows changed, and the first whose verdict did."""
    counts = found["change"].value_counts()
    words = {
        "verdict": "another verdict", "interval": "another interval", "only in a": "only in the one given",
        "only in b": "only in this one",
    }  # fmt: skip
    parts = [f"{counts[change]} {text}" for change, text in words.items() if change in counts]
    lines = [f"{found.attrs.get('compared', 0)} rows compared: {', '.join(parts) or 'all equal'}"]
    for row in found[found["change"] == "verdict"].head(most).to_dict("records"):
        what = f"{row['name']}({row['on']})" if row["on"] else str(row["name"])
        where = f"{row['task']}/{row['hidden']}/{row['regimen']}"
        lines.append(f"  {row['kind']} {what}, {where}: {row['verdict_a']} before, {row['verdict_b']} now")
    return lines


def _tested(merged: pd.DataFrame, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fisher's two-sided p and its q, NaN for rows that only one side has or that have no counts."""
    from scipy.stats import fisher_exact

    from mathcircuits.detect.statistics import benjamini_hochberg

    p = np.full(len(merged), np.nan)
    counts = [merged[name] for name in ("found_a", "n_a", "found_b", "n_b")]
    there = both & np.logical_and.reduce([column.notna().to_numpy() for column in counts])
    for row in np.flatnonzero(there):
        found_a, n_a, found_b, n_b = (int(column.iloc[row]) for column in counts)
        if n_a and n_b:
            p[row] = fisher_exact([[found_a, n_a - found_a], [found_b, n_b - found_b]]).pvalue
    return p, benjamini_hochberg(p)


def _differs(merged: pd.DataFrame, name: str) -> np.ndarray:
    first, second = (merged[f"{name}_{side}"].to_numpy(dtype=float, na_value=np.nan) for side in "ab")
    # Rounding may have moved the ends of two intervals apart.
    return np.asarray((np.abs(first - second) > ROUNDING) | (np.isnan(first) != np.isnan(second)))


def _ladder_rows(ladder: pd.DataFrame) -> pd.DataFrame:
    """The ladder's rows under the verdicts' columns; its shares are of pairs, so that there are no counts to test."""
    import pandas as pd

    other = ["/".join(map(str, names)) for names in ladder[list(_LADDER[3:])].to_numpy()]
    frame = pd.DataFrame(
        {
            "kind": "ladder", "task": ladder["task_a"], "hidden": ladder["hidden_a"], "width": "", "depth": 0,
            "regimen": ladder["regimen_a"], "name": ladder["rung"], "on": other, "verdict": ladder["verdict"],
            "value": ladder["value"], "low": ladder["low"], "high": ladder["high"], "found": pd.NA, "n": pd.NA,
        }
    )  # fmt: skip
    text = ("kind", "task", "hidden", "width", "regimen", "name", "on", "verdict")
    return frame.astype(dict.fromkeys(text, "string") | dict.fromkeys(("depth", "found", "n"), "Int64"))


def _only(side: VerdictResult, condition: str) -> pd.DataFrame:
    """The verdicts of one regimen, or one regimen at one width."""
    regimen, _, width = condition.partition("@")
    rows = side.verdicts
    chosen = rows[rows["regimen"] == regimen]
    if width:
        chosen = chosen[(chosen["width"] == width) | (chosen["hidden"] == width)]
    if not len(chosen):
        known = sorted(
            {f"{r}@{w or h}" for r, w, h in zip(rows["regimen"], rows["width"], rows["hidden"], strict=True)}
        )
        near = did_you_mean(near_names(condition, known)) or f" (there are {', '.join(known)})"
        raise InputError(f"no verdicts on {condition!r} in {side!r}{near}")
    several = chosen.groupby("task")["hidden"].nunique()
    if (several > 1).any():
        task = several.index[several > 1][0]
        widths = ", ".join(dict.fromkeys(chosen["hidden"][chosen["task"] == task]))
        raise InputError(
            f"{condition!r} has several sizes ({task}: {widths}): name one, such as {regimen}@1x"
        )
    return chosen
