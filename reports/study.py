"""Study: the grid of cells trained, read, compared and reported, in a folder that a killed run resumes in.

DIR/manifest.json          configuration, versions, seeds, git state, clocks, machine (these nowhere else)
DIR/networks/              the cells' files, see cells.py
DIR/tables/*.parquet       see tables.py
DIR/candidates.toml        circuits that recur and have no name, for `mathcircuits add`; where there are any
DIR/report/index.html
"""

from __future__ import annotations

import html
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import MathCircuitsError, Network
from mathcircuits.detect.errors import FileError, UnknownNameError

from .studies.cells import Cell, Outcome, study_cells
from .studies.config import StudyConfig, as_config
from .studies.ensemblefiles import load_ensemble
from .studies.manifest import claim, read_manifest, record
from .studies.progress import ProgressDisplay
from .studies.tabulating import write_tables
from .studies.workers import check_workers, run_cells

if TYPE_CHECKING:
    import pandas as pd

ConfigLike = StudyConfig | Mapping[str, Any] | str | os.PathLike[str] | None


def run_study(
    config: ConfigLike,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: bool | None = None,
) -> Study:
    """Train, read, compare and report; what is there already is kept.

    A run that was killed goes on where it was; several processes may work in one folder. A cell that fails is
    named in `Study.failures` and does not stop the others. The tables are the same whoever worked on the cells.

    A process that works on cells holds one of at most 256 networks, the one that writes the tables those of one
    task, size and regimen; `Study.manifest["peak_mb"]` says what both have come to (docs/cluster.md has figures).

    Args:
        config: a StudyConfig, a mapping of its fields, the path of a TOML file, or None for the default.
        out: the study's folder, made where it is missing.
        workers: processes of this machine; 1 works in this one.
        scheduler: the address of a dask scheduler whose workers do the cells (`tcp://HOST:8786`), or the file that
            `dask scheduler --scheduler-file` writes; needs the extra `mathcircuits[dask]`, and a folder that the
            workers share.
        progress: None shows a bar on a terminal, and in a pipe a line with the time left every half a minute; True
            shows a line after every cell there; False shows nothing.

    Raises:
        InputError: for an unusable configuration, or a folder that holds a study with another one.
        FileError: where the folder cannot be written, or a worker of the cluster does not see it.
        MathCircuitsError: where every cell failed, dask is missing, or the scheduler does not answer.

    Examples:
        >>> import tempfile
        >>> tiny = {"tasks": ["absolute"], "widths": ["1x"], "seeds": 2, "regimens": ["osier"], "steps": 20}
        >>> study = run_study(tiny, tempfile.mkdtemp())  # doctest: +SKIP
        >>> study.tables["success"][["task", "n"]].values.tolist()  # doctest: +SKIP
        [['absolute', 2]]
    """
    from .pages.page import write_report

    check_workers(workers, scheduler)
    checked, folder = as_config(config), Path(out)
    cells = study_cells(checked)
    started = claim(folder, checked)
    clock = time.perf_counter()
    with ProgressDisplay(cells, progress) as display:
        outcomes: dict[str, Outcome] = {}
        for outcome in run_cells(cells, folder, workers=workers, scheduler=scheduler):
            outcomes[outcome.cell] = outcome
            display.add(outcome)
        seconds = {"cells": time.perf_counter() - clock}
        finished = [cell for cell in cells if outcomes[cell.key].status != "failed"]
        if not any(not cell.derived for cell in finished):
            first = next(outcome for outcome in outcomes.values() if outcome.status == "failed")
            record(folder, cells, outcomes, seconds, started)
            trouble = folder / "networks" / f"{first.cell}.error.txt"
            more = f" (the traceback stands in {trouble.relative_to(folder)})" if trouble.is_file() else ""
            raise MathCircuitsError(
                f"{folder}: no cell of the study finished; {first.cell}: {first.error}{more}"
            )
        display.stage("tables")
        clock = time.perf_counter()
        write_tables(finished, folder, display.stage)
        seconds["tables"] = time.perf_counter() - clock
        record(folder, cells, outcomes, seconds, started)
        display.stage("page")
        clock = time.perf_counter()
        write_report(folder)
        seconds["page"] = time.perf_counter() - clock
        record(folder, cells, outcomes, seconds, started)
    return Study.load(folder)


@dataclass(frozen=True)
class Study:
    """A study's folder: configuration, tables and networks, read when they are asked for.

    Attributes:
        out: the folder.
        config: what was studied.
        manifest: the content of `manifest.json`: versions, seeds, git state, clocks, machine.

    Examples:
        >>> Study.load("no/such/folder")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no/such/folder: holds no study (there is no manifest.json); ...
    """

    out: Path
    config: StudyConfig
    manifest: dict[str, Any]

    @classmethod
    def load(cls, out: str | os.PathLike[str]) -> Study:
        """The study in a folder.

        Raises:
            FileError: where there is none, or its manifest is damaged.
        """
        folder = Path(out)
        manifest = read_manifest(folder)
        try:
            config = StudyConfig(**manifest["config"])
        except MathCircuitsError as error:
            raise FileError(
                folder / "manifest.json", str(error), "run the study again in another folder"
            ) from None
        return cls(folder, config, manifest)

    @cached_property
    def tables(self) -> Tables:
        """The tables by name; each is read when it is asked for."""
        return Tables(self.out / "tables")

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.out / "report" / "index.html"

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells of the grid."""
        return study_cells(self.config)

    @property
    def failures(self) -> dict[str, str]:
        """The cells that failed in the last run, and why."""
        return {
            cell["key"]: cell["error"]
            for cell in self.manifest.get("cells", ())
            if cell["status"] == "failed"
        }

    def networks(self, key: str) -> dict[str, Network]:
        """Trained or hand-derived networks by id; those that diverged are left out.

        Args:
            key: a network's id (`"minimum/3/adam/17"`), what several have in common (`"minimum/3/adam"`,
                `"minimum"`), or the key of a cell.

        Raises:
            UnknownNameError: where the study has no such network.
            FileError: where a cell's file is missing or damaged.

        Examples:
            >>> study.networks("minimum/3/derived")  # doctest: +SKIP
            {'minimum/3/derived/-1': Network(2-3-1, relu, no bias)}
        """
        found: dict[str, Network] = {}
        for cell in self.cells:
            if not (
                cell.key == key
                or f"{cell.condition}/".startswith(f"{key}/")
                or key.startswith(f"{cell.condition}/")
            ):
                continue
            ensemble = load_ensemble(cell.weights_file(self.out))
            finite = ensemble.finite
            for seed, network in zip(finite.seeds, finite.networks() if len(finite) else [], strict=True):
                name = cell.network_id(seed)
                if key in (cell.key, name) or f"{name}/".startswith(f"{key}/"):
                    found[name] = network
        if not found:
            options = [cell.condition for cell in self.cells]
            raise UnknownNameError(
                "network", key, options, f"study.tables['networks'] lists those of {self.out}"
            )
        return found

    def __repr__(self) -> str:
        count = sum(len(cell.seeds) for cell in self.cells if not cell.derived)
        failed = f", {len(self.failures)} cells failed" if self.failures else ""
        return f"Study({str(self.out)!r}: {len(self.config.task_names)} tasks, {count} networks{failed})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(str(value))}</td></tr>"
            for key, value in self.config.to_dict().items()
        )
        success = ""
        if "success" in self.tables:
            success = str(self.tables["success"].to_html(index=False, float_format="{:.3g}".format))
        return f"<p>{html.escape(repr(self))}</p><table>{rows}</table>{success}"


class Tables(Mapping[str, "pd.DataFrame"]):
    """The Parquet files of a folder as data frames by name, each read when it is asked for.

    Examples:
        >>> import tempfile
        >>> list(Tables(Path(tempfile.mkdtemp())))
        []
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, pd.DataFrame] = {}
        self._narrow: dict[str, tuple[list[str], list[tuple[str, str, object]]]] = {}

    def narrow(self, name: str, columns: Sequence[str], where: Sequence[tuple[str, str, object]]) -> None:
        """From now on read only these columns of a table, and the rows of which all of `where` holds.

        Args:
            name: of the table.
            columns: their names.
            where: pyarrow's filters, such as `("population", "!=", "untrained")`.
        """
        self._read.pop(name, None)
        self._narrow[name] = (list(columns), list(where))

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            import pandas as pd

            path = self._folder / f"{name}.parquet"
            if not path.is_file():
                known = list(self)
                raise UnknownNameError(
                    "table", name, known, f"known: {', '.join(known)}" if known else "run the study first"
                )
            try:
                columns, where = self._narrow.get(name, (None, None))
                self._read[name] = pd.read_parquet(path, columns=columns, filters=where)
            except (OSError, ValueError) as error:
                raise FileError(
                    path,
                    f"is no Parquet file ({str(error).splitlines()[0]})",
                    "run the study again: its networks are kept",
                ) from None
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.parquet")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Tables({', '.join(self)})"
