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
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import InputError, MathCircuitsError, Network, Task, tasks
from mathcircuits.detect.errors import FileError, UnknownNameError

from .cells import (
    READINGS,
    Cell,
    Outcome,
    load_ensemble,
    reading_hash,
    run_cell,
    study_cells,
    untrained_networks,
)
from .config import StudyConfig, as_config
from .storage import atomic, read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

    from .tables import Condition

_FORMAT = "mathcircuits-study-1"
#: Cells that pay for the start of another process.
_CELLS_A_WORKER = 8
ConfigLike = StudyConfig | Mapping[str, Any] | str | os.PathLike[str] | None
#: Packages whose version may change a number in a table.
_PACKAGES = (
    "mathcircuits", "torch", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "sympy", "transformer-lens",
)  # fmt: skip


def run_study(
    config: ConfigLike, out: str | os.PathLike[str], *, workers: int = 1, progress: bool | None = None
) -> Study:
    """Train, read, compare and report; what is there already is kept.

    A run that was killed goes on where it was; several processes may work in one folder. A cell that fails is
    named in `Study.failures` and does not stop the others. In memory are the networks of one task, size and
    regimen at a time.

    Args:
        config: a StudyConfig, a mapping of its fields, the path of a TOML file, or None for the default.
        out: the study's folder, made where it is missing.
        workers: processes; 1 works in this one.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.

    Raises:
        InputError: for an unusable configuration, or a folder that holds a study with another one.
        FileError: where the folder cannot be written.
        MathCircuitsError: where every cell failed.

    Examples:
        >>> import tempfile
        >>> tiny = {"tasks": ["absolute"], "widths": ["1x"], "seeds": 2, "regimens": ["osier"], "steps": 20}
        >>> study = run_study(tiny, tempfile.mkdtemp())  # doctest: +SKIP
        >>> study.tables["success"][["task", "n"]].values.tolist()  # doctest: +SKIP
        [['absolute', 2]]
    """
    from tqdm import tqdm

    from .page import write_report

    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InputError(f"workers = {workers!r}: give a whole number of processes, at least 1")
    checked, folder = as_config(config), Path(out)
    cells = study_cells(checked)
    started = _claim(folder, checked)
    clock = time.perf_counter()
    # tqdm's disable=None means: no bar where the output is no terminal
    with tqdm(
        total=len(cells), desc="cells", unit="cell", disable=None if progress is None else not progress
    ) as bar:
        outcomes: dict[str, Outcome] = {}
        for outcome in _run_cells(cells, folder, workers):
            outcomes[outcome.cell] = outcome
            bar.update()
        seconds = {"cells": time.perf_counter() - clock}
        finished = [cell for cell in cells if outcomes[cell.key].status != "failed"]
        if not any(not cell.derived for cell in finished):
            first = next(outcome for outcome in outcomes.values() if outcome.status == "failed")
            _record(folder, cells, outcomes, seconds, started)
            raise MathCircuitsError(
                f"{folder}: no cell of the study finished; {first.cell}: {first.error} "
                f"(the traceback stands in networks/{first.cell}.error.txt)"
            )
        bar.set_description("tables")
        clock = time.perf_counter()
        write_tables(finished, folder)
        seconds["tables"] = time.perf_counter() - clock
        _record(folder, cells, outcomes, seconds, started)
        bar.set_description("page")
        clock = time.perf_counter()
        write_report(folder)
        seconds["page"] = time.perf_counter() - clock
        _record(folder, cells, outcomes, seconds, started)
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

    @property
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
        return f"Study({str(self.out)!r}: {len(self.config.tasks)} tasks, {count} networks{failed})"

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
                self._read[name] = pd.read_parquet(path)
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


def worth_workers(config: ConfigLike = None) -> int:
    """How many processes a study is worth here: one per core, but none that starts for less than a few cells.

    Examples:
        >>> worth_workers({"tasks": ["absolute"], "widths": ["1x"], "regimens": ["adam"]})
        1
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # A process starts in about five seconds, which is what a few cells take.
    return max(1, min(cores, len(study_cells(as_config(config))) // _CELLS_A_WORKER))


def read_manifest(folder: Path) -> dict[str, Any]:
    """A study's manifest.

    Raises:
        FileError: where there is none, or it is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise FileError(
            folder,
            "holds no study (there is no manifest.json)",
            "give the folder that `mathcircuits study --out` wrote",
        )
    manifest = read_json(path)
    if manifest.get("format") != _FORMAT:
        raise FileError(path, f"is no manifest of a study (format {_FORMAT})", "give another folder")
    return manifest


def write_tables(cells: Iterable[Cell], out: Path) -> None:
    """The tables of finished cells, condition by condition, so that memory holds one condition at a time."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mathcircuits.detect.orbits import Orbits

    from . import tables as made

    grouped: dict[str, list[Cell]] = {}
    for cell in cells:
        grouped.setdefault(cell.condition, []).append(cell)
    counts: list[pd.DataFrame] = []
    known: dict[str, Orbits] = {}
    # By task: how many networks solved it, and those among them that the catalogue has no name for.
    solved: Counter[str] = Counter()
    unnamed: dict[str, list[tuple[str, Network]]] = {}
    with ExitStack() as stack:
        writers = {}
        for name in made.COLUMNS:
            path = stack.enter_context(atomic(out / "tables" / f"{name}.parquet"))
            schema = pa.Table.from_pandas(
                made.empty(name), made.arrow_schema(name), preserve_index=False
            ).schema
            writers[name] = stack.enter_context(pq.ParquetWriter(path, schema))

        def add(name: str, frame: pd.DataFrame) -> None:
            if len(frame):
                table = pa.Table.from_pandas(frame, made.arrow_schema(name), preserve_index=False)
                writers[name].write_table(table)

        for members in grouped.values():
            condition = read_condition(members, out)
            if condition.task.name not in known:
                known[condition.task.name] = Orbits(condition.task)
            orbits = known[condition.task.name]
            neurons = made.neuron_table(condition, orbits)
            networks = made.network_table(condition, neurons, orbits)
            add("networks", networks)
            add("neurons", neurons)
            add("directions", made.direction_table(condition))
            programs = made.program_table(condition)
            add("programs", programs)
            add("circuits", made.circuit_table(condition))
            add("superposition", made.superposition_table(condition))
            if condition.derived:
                continue
            add("success", made.success_table(condition))
            add("census", made.census_table(condition, programs))
            add("similarity", made.similarity_table(condition))
            add("ensembles", made.ensemble_table(condition))
            counts.append(made.prevalence_counts(condition, neurons, networks, orbits))
            solved[condition.task.name] += len(condition.solutions)
            unnamed.setdefault(condition.task.name, []).extend(made.unnamed_solutions(condition, programs))
        recurring = [
            made.candidate_table(tasks[name], found, solved[name]) for name, found in unnamed.items()
        ]
        candidates = pd.concat([made.empty("candidates"), *recurring], ignore_index=True)
        add("candidates", candidates)
        _write_candidates(made.candidates_toml(candidates), out)
        add("prevalence", made.verdicts(pd.concat(counts, ignore_index=True) if counts else pd.DataFrame()))


def _write_candidates(entries: str, out: Path) -> None:
    """`candidates.toml` for `mathcircuits add`; none where nothing recurs that has no name."""
    path = out / "candidates.toml"
    if not entries:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as file:
        file.write_text(entries, "utf-8")


def read_condition(cells: list[Cell], out: Path) -> Condition:
    """What the finished cells of one task, size and regimen hold."""
    import numpy as np
    import pandas as pd

    from .tables import Condition

    first = cells[0]
    ensembles = [load_ensemble(cell.weights_file(out)) for cell in cells]
    networks: list[Network | None] = []
    untrained: list[Network] = []
    for ensemble in ensembles:
        finite = ensemble.finite
        known = dict(zip(finite.seeds, finite.networks() if len(finite) else [], strict=True))
        networks += [known.get(seed) for seed in ensemble.seeds]
        untrained += [] if first.derived else untrained_networks(ensemble)

    def reading(table: str) -> pd.DataFrame:
        return pd.concat(
            [pd.read_parquet(cell.reading_file(out, table)) for cell in cells], ignore_index=True
        )

    return Condition(
        task=tasks[first.task],
        hidden=first.hidden,
        width=first.width,
        regimen=first.regimen.name,
        threshold=first.threshold,
        steps=ensembles[0].steps,
        derived=first.derived,
        seeds=tuple(seed for cell in cells for seed in cell.seeds),
        losses=np.concatenate([ensemble.losses for ensemble in ensembles]),
        cells=tuple(cell.key for cell in cells for _ in cell.seeds),
        networks=tuple(networks),
        untrained=tuple(untrained),
        **{name: reading(name) for name in READINGS},
    )


def _run_cells(cells: list[Cell], out: Path, workers: int) -> Iterator[Outcome]:
    """The outcome of every cell, in whatever order they end; cells that another process has come last."""
    busy: list[Cell] = []
    by_key = {cell.key: cell for cell in cells}
    for outcome in _local(cells, out) if workers == 1 else _in_processes(cells, out, workers):
        if outcome.status == "busy":
            busy.append(by_key[outcome.cell])
        else:
            yield outcome
    for cell in busy:
        yield run_cell(cell, out)


def _local(cells: list[Cell], out: Path) -> Iterator[Outcome]:
    return (run_cell(cell, out, wait=False) for cell in cells)


def _in_processes(cells: list[Cell], out: Path, workers: int) -> Iterator[Outcome]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = {cell.key: cell for cell in cells}
    job = delayed(_in_worker)
    with warnings.catch_warnings():
        # loky takes the memory that torch needs for a leak, starts another worker and says so.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            with Parallel(n_jobs=workers, return_as="generator_unordered") as parallel:
                for outcome in parallel(job(cell, tasks[cell.task], out) for cell in cells):
                    del left[outcome.cell]
                    yield outcome
        except TerminatedWorkerError:
            # A killed worker takes the rest of the call with it, and does not say which cell it had.
            pass
        for cell in left.values():
            try:
                # Alone with the pool, so that a cell that always kills its worker harms no other.
                yield from Parallel(n_jobs=2)([job(cell, tasks[cell.task], out)])
            except TerminatedWorkerError:
                error = "the process that worked on it was killed (out of memory?)"
                yield Outcome(cell.key, "failed", error=error)


def _in_worker(cell: Cell, task: Task, out: Path) -> Outcome:
    """`run_cell` in another process, which does not know the tasks that this program has registered."""
    if task.name not in tasks:
        tasks.add(task)
    return run_cell(cell, out, wait=False)


def _claim(out: Path, config: StudyConfig) -> str:
    """Make the folder the study's own, or check that it is; the time of the claim."""
    from filelock import FileLock

    if out.exists() and not out.is_dir():
        raise FileError(out, "is a file", "give a folder for the study, with --out")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        (out / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(out, f"cannot be made ({error.strerror or error})", "choose another folder") from None
    with FileLock(out / ".locks" / "manifest.lock"):
        if not (out / "manifest.json").is_file():
            _write_manifest(out, config, [])
            return now
        manifest = read_manifest(out)
        there = manifest["config"]
        wanted = config.to_dict()
        changed = [key for key in wanted if there.get(key) != wanted[key]]
        if changed:
            changes = ", ".join(f"{key} = {there.get(key)!r} there, {wanted[key]!r} here" for key in changed)
            raise FileError(
                out,
                f"holds a study with another configuration ({changes})",
                "choose another folder with --out, or move that one away; nothing in it was changed",
            )
    return now


def _record(
    out: Path, cells: list[Cell], outcomes: Mapping[str, Outcome], seconds: Mapping[str, float], started: str
) -> None:
    """Write into the manifest what became of the cells; the times of those that were kept stay."""
    from filelock import FileLock

    with FileLock(out / ".locks" / "manifest.lock"):
        manifest = read_manifest(out)
        before = {cell["key"]: cell for cell in manifest["cells"]}
        records: list[dict[str, Any]] = []
        for cell in cells:
            outcome = outcomes[cell.key]
            times = dict(before.get(cell.key, {}).get("seconds", {}))
            times.update({step: round(value, 3) for step, value in outcome.seconds.items()})
            records.append(
                {
                    "key": cell.key,
                    "condition": cell.condition,
                    "seeds": len(cell.seeds),
                    "status": outcome.status,
                    "error": outcome.error,
                    "seconds": times,
                }
            )
        config = StudyConfig(**manifest["config"])
        stages = {stage: round(value, 3) for stage, value in seconds.items()}
        stages["train"] = round(sum(record["seconds"].get("train", 0.0) for record in records), 3)
        stages["read"] = round(sum(record["seconds"].get("read", 0.0) for record in records), 3)
        _write_manifest(
            out,
            config,
            records,
            started=started,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=stages,
        )


def _write_manifest(out: Path, config: StudyConfig, cells: list[dict[str, Any]], **clocks: Any) -> None:
    write_json(
        out / "manifest.json",
        {
            "format": _FORMAT,
            "config": config.to_dict(),
            "seeds": list(config.seed_list),
            "catalogue": reading_hash(),
            "versions": {"python": _python(), **{package: version(package) for package in _PACKAGES}},
            "git": _git_state(),
            "machine": _machine(),
            **clocks,
            "cells": cells,
        },
    )


def _git_state() -> dict[str, Any] | None:
    """Commit and state of the checkout that mathcircuits runs from; None where it is installed without one."""
    import subprocess

    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _machine() -> dict[str, Any]:
    import platform

    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


def _python() -> str:
    import platform

    return platform.python_version()
