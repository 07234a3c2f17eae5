"""Forms: the tables of a study that reads forms alone, from the files of its cells, a task at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from mathcircuits.detect import Task, prevalence, tasks
from mathcircuits.detect.recognition import UNNAMED
from mathcircuits.detect.universality import form_error

from ..cell import FORMS, Cell
from ..circuitry import forced_gauge
from ..ensemblefiles import load_ensemble
from ..evidence import Certain, census_row
from ..schema import COLUMNS, CONDITION, empty, typed
from ..selecting.candidaterows import candidate_table, evenly


def form_networks(cells: Iterable[Cell], out: Path) -> pd.DataFrame:
    """The table `networks` of finished cells: one row per trained or hand-derived network.

    What forms do not need is missing: features, kinks, causes, and the untrained networks.

    Args:
        cells: those of one task or of several, read for their forms; out: the study's folder.
    """
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS["networks"]}
    for cell in cells:
        read = pq.ParquetFile(cell.reading_files(out)[FORMS]).read().to_pydict()
        count = len(read["seed"])
        of_cell = {
            "task": cell.task,
            "hidden": cell.sizes,
            "width": cell.width,
            "regimen": cell.regimen.name,
            "population": "derived" if cell.derived else "trained",
            "threshold": cell.threshold,
            "cell": cell.key,
        }
        of_network = {
            **read,
            "network": [cell.network_id(seed) for seed in read["seed"]],
            # A network that diverged has no loss.
            "solved": [loss is not None and loss < cell.threshold for loss in read["loss"]],
        }
        for name, column in columns.items():
            column.extend(of_network.get(name) or [of_cell.get(name)] * count)
    return typed(pd.DataFrame(columns), "networks")


def form_success(networks: pd.DataFrame) -> pd.DataFrame:
    """The table `success`: how many trained networks of every condition solved the task, with exact intervals."""
    rows = []
    own = networks[networks["population"] == "trained"]
    for key, solved in own.groupby(list(CONDITION), sort=False)["solved"]:
        share = prevalence(int(solved.sum()), len(solved))
        about = dict(zip(CONDITION, key, strict=True))
        rows.append(
            {
                **about,
                "n": share.n,
                "solved": int(solved.sum()),
                "value": share.value,
                "low": share.low,
                "high": share.high,
            }
        )
    return typed(pd.DataFrame(rows), "success") if rows else empty("success")


def form_census(networks: pd.DataFrame) -> pd.DataFrame:
    """The table `census`, of gauges: how many solved networks of every condition have each form.

    Where forms alone are read no certificate is computed: networks whose sizes force a form are `uncertified`.
    """
    trained = networks[networks["population"] == "trained"]
    failed = trained[~trained["solved"].astype(bool)].groupby(list(CONDITION)).size()
    solved = trained[trained["form"].notna()][[*CONDITION, "network", "form", "final"]]
    rows = []
    for key, members in solved.groupby(list(CONDITION), sort=False):
        forms = dict(zip(members["network"].tolist(), members["form"].tolist(), strict=True))
        about = dict(zip(CONDITION, map(str, key), strict=True))
        task = tasks[about["task"]]
        final = dict(zip(forms, map(_sizes, members["final"].tolist()), strict=True))
        certain = Certain(list(final), _sizes(about["hidden"]), final, {})
        for name, found in sorted(Counter(forms.values()).items(), key=lambda item: (-item[1], item[0])):
            share = prevalence(found, len(forms), trained=len(forms) + int(failed.get(key, 0)))
            # Trained without biases unless the task needs them.
            forced = partial(forced_gauge, task, name=name, bias=task.needs_bias)
            left = certain.left_open(forced, partial(_form_error, task))
            holders = [own for own, form in forms.items() if form == name]
            rows.append({**about, **census_row("gauge", name, share, holders, left)})
    return typed(pd.DataFrame(rows), "census") if rows else empty("census")


def form_candidates(networks: pd.DataFrame, cells: Iterable[Cell], out: Path) -> pd.DataFrame:
    """The table `candidates`: what recurs among a task's solved networks whose form has no name.

    Args:
        networks: the task's `form_networks`; cells: its cells; out: the study's folder.
    """
    solved = networks[(networks["population"] == "trained") & networks["form"].notna()]
    unnamed = solved[solved["form"].str.startswith(UNNAMED)]
    task = None if unnamed.empty else tasks[str(unnamed["task"].iloc[0])]
    if task is None or task.points:
        return empty("candidates")
    chosen = unnamed.iloc[evenly(len(unnamed))]
    members = []
    for cell in cells:
        own = chosen[chosen["cell"] == cell.key]
        if len(own):
            ensemble = load_ensemble(cell.weights_file(out)).select(own["seed"].tolist())
            members += list(zip(own["network"].tolist(), ensemble.networks(), strict=True))
    return candidate_table(task, members, len(solved), unnamed=len(unnamed))


def _form_error(task: Task, _: tuple[int, ...]) -> float:
    return _error_of(task)


@lru_cache(maxsize=64)
def _error_of(task: Task) -> float:
    """`form_error`, which every condition of a task asks for."""
    return form_error(task)


def _sizes(text: object) -> tuple[int, ...]:
    """Hidden sizes from their text."""
    return tuple(int(size) for size in str(text).split("-") if size)
