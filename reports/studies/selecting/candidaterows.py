"""Candidate rows: circuits that recur in a study and have no name yet, with the evidence that their entries carry."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mathcircuits.detect import MathCircuitsError, Network, Task, circuits, prevalence
from mathcircuits.detect.recognition import candidates, parse_circuits

from ...wording import number
from ..schema import empty, typed

#: What recurs three times is no accident of a pair, and 5% of the solved networks is what `absent` ends at.
_RECURS, _RECURRING_SHARE = 3, 0.05
#: Networks of one task that are compared for what recurs: pairs are compared, 40 000 of them in seconds.
IN_QUESTION = 200


def evenly(count: int, wanted: int = IN_QUESTION) -> list[int]:
    """At most so many places of `count`, spread evenly, so that every condition of a large study is asked.

    Examples:
        >>> evenly(3), evenly(10, 4)
        ([0, 1, 2], [0, 3, 6, 9])
    """
    return (
        np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int)).tolist() if count else []
    )


def candidate_table(
    task: Task, networks: Sequence[tuple[str, Network]], solved: int, *, unnamed: int | None = None
) -> pd.DataFrame:
    """Circuits that recur in a task's solved networks and that the catalogue has no name for, most frequent first.

    `found` of `n` networks that solved the task have it at least: where more than `IN_QUESTION` have no name, so many
    of them are compared, spread over the conditions. `conditions` says where they were found.

    Args:
        task: the task; networks: ids and networks that are in question (`unnamed_solutions`).
        solved: how many networks solved the task.
        unnamed: how many of them have no name, where `networks` are a choice of these.
    """
    chosen = [networks[k] for k in evenly(len(networks))]
    # Of a part of the unnamed networks a part is expected.
    part = len(chosen) / max(unnamed or len(networks), 1)
    least = max(_RECURS, math.ceil(_RECURRING_SHARE * solved * part))
    if len(chosen) < least:
        return empty("candidates")
    found = candidates(
        [network for _, network in chosen], box=task.box, min_count=least, symmetries=task.symmetries
    )
    records = []
    for candidate in found:
        names = [chosen[k][0] for k in candidate.networks]
        share, where = prevalence(candidate.count, solved), _conditions(names)
        evidence = (
            f"candidate: {candidate.count} of {solved} networks that solved {task.name} have it "
            f"(95% interval {number(share.low)} to {number(share.high)}; {where})"
        )
        if math.isfinite(candidate.error):
            evidence += f", each within {number(candidate.error)} of it on the whole box"
        records.append(
            {
                "task": task.name, "formula": candidate.text,
                "circuit": None if candidate.circuit is None else candidate.circuit.name,
                "found": candidate.count, "n": solved, "low": share.low, "high": share.high, "conditions": where,
                "error": candidate.error, "networks": "; ".join(names), "entry": _ready(candidate.entry(evidence)),
            }
        )  # fmt: skip
    return typed(pd.DataFrame(records), "candidates") if records else empty("candidates")


def _conditions(names: Sequence[str]) -> str:
    """How many of these networks each condition has, the most frequent first; a few by name."""
    counts = Counter(" ".join(name.split("/")[1:-1]) for name in names).most_common()
    texts = [f"{where}: {count}" for where, count in counts[:_NAMED]]
    more = len(counts) - _NAMED
    return "; ".join([*texts, f"{more} more conditions"] if more > 0 else texts)


#: Conditions that an entry names.
_NAMED = 2


def _ready(entry: str) -> str | None:
    """The entry where the catalogue takes it, else None: a formula's four digits may not be its weights' own."""
    try:
        circuits | parse_circuits(entry, "candidate", circuits)
    except MathCircuitsError:
        return None
    return entry


def candidates_toml(table: pd.DataFrame) -> str:
    """The entries of all candidates as one TOML text for `mathcircuits add`; empty where there are none.

    Of two with one name, the catalogue could take only one: the more frequent.
    """
    entries: dict[str, str] = {}
    listed = table[table["entry"].notna()].sort_values("found", ascending=False, kind="stable")
    for row in listed.to_dict("records"):
        entry = str(row["entry"])
        name = next((line for line in entry.splitlines() if line.startswith("name = ")), entry)
        entries.setdefault(f"{row['circuit']} {name}", entry)
    return "\n".join(entries.values())
