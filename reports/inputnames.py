"""Input names: the tables of a study in the words of its data, its columns' names in place of x1, x2, ..., y1, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import Domain, Task, tasks
from mathcircuits.detect.networks import renumbered

from .studies.evidence import split_arguments

if TYPE_CHECKING:
    import pandas as pd

    from .studies.schema import Tables

#: Columns whose texts are written over the inputs of a row's task, wherever they stand.
_TEXTS = (
    "on", "formula", "best", "class", "form", "missing", "diagnosis", "finding", "reason", "follows",
)  # fmt: skip
#: The columns of each table that name a way of computing a task. On data a circuit gives that name, over its own
#: arguments; otherwise the network's hyperplanes do, over the inputs.
_WAYS = {
    "networks": ("form",), "programs": ("gauge",), "regimens": ("gauge",), "census": ("name",),
    "mechanisms": ("name",), "effects": ("form",), "norm_shares": ("form",),
}  # fmt: skip
#: Whose inputs a row is about.
_TASKS = ("task", "task_a")


class NamedTables(Mapping[str, "pd.DataFrame"]):
    """The tables of a study for display: each row over the names of its task's inputs, where they have any.

    The tables on disk number the inputs, since `on` is a key there; each is read and renamed when it is asked for.

    Examples:
        >>> import pandas as pd
        >>> from mathcircuits.detect import Task
        >>> bought = tasks.add(Task("bought", 2, ("3*min(x1, x2) - x2",), names=("price", "limit")), replace=True)
        >>> rows = {"task": ["bought", "minimum"], "feature": "greaterness", "on": "x1, x2"}
        >>> NamedTables({"prevalence": pd.DataFrame(rows)})["prevalence"]["on"].tolist()
        ['price, limit', 'x1, x2']
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            self._made[name] = self._named(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def _named(self, table: str) -> pd.DataFrame:
        frame = self._tables[table]
        key = next((column for column in _TASKS if column in frame), None)
        if key is None:
            return frame
        for name in frame[key].dropna().unique().tolist():
            task = tasks.get(name)
            if task is None or not (task.domain.named or task.output_names):
                continue
            rows = frame[key].eq(name).fillna(False).astype(bool)
            ways = [column for column in _WAYS.get(table, ()) if column in frame]
            texts = [column for column in _TEXTS if column in frame and column not in ways]
            renamed = task.domain.renamed
            by_circuit = self._ways_of_circuits(name, task.domain) if ways and task.points else None
            changed = {column: _changed(frame[column], rows, renamed) for column in texts}
            if "output" in frame:
                changed["output"] = _changed(frame["output"], rows, _outputs(task))
            for column in ways:
                # In the census classes stand beside ways: they are formulas over the inputs.
                classes = frame["level"] == "class" if "level" in frame else rows & False
                way: Callable[[str], str] = renamed if by_circuit is None else _looked_up(by_circuit)
                own = _changed(frame[column], rows & ~classes, way)
                changed[column] = _changed(own, rows & classes, renamed)
            frame = frame.assign(**changed)
            if table == "circuits" and "gauge" in frame:
                numbered = self._tables[table]
                frame = frame.assign(
                    gauge=[
                        renamed(gauge, split_arguments(on)) if own and isinstance(gauge, str) else gauge
                        for own, gauge, on in zip(rows, frame["gauge"], numbered["on"], strict=True)
                    ]
                )
        return frame

    def _ways_of_circuits(self, task: str, domain: Domain) -> dict[str, str]:
        """A circuit's way of computing -> the same over the inputs, where all circuits with it have one `on`."""
        if "circuits" not in self._tables:
            return {}
        circuits = self._tables["circuits"]
        known = circuits[
            (circuits["task"] == task) & (circuits["output"] == "y1") & circuits["gauge"].notna()
        ]
        ways = known.groupby("gauge")["on"].unique()
        return {
            str(way): domain.renamed(str(way), split_arguments(on[0]))
            for way, on in ways.items()
            if len(on) == 1
        }


def _outputs(task: Task) -> Callable[[str], str]:
    return lambda text: renumbered(text, "y", task.output_names)


def _looked_up(known: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: known.get(text, text)


def _changed(column: pd.Series[Any], rows: pd.Series[bool], change: Callable[[str], str]) -> pd.Series[Any]:
    """The column with its texts changed in the rows at hand."""
    import pandas as pd

    values = [
        change(value) if own and isinstance(value, str) else value
        for own, value in zip(rows, column, strict=True)
    ]
    return pd.Series(values, column.index, dtype=column.dtype)
