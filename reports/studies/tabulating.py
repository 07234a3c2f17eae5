"""Tabulating: from the files of finished cells to the tables of a study, cell by cell and on all workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mathcircuits.detect import tasks

from ..locking import locked
from .cell import Cell
from .factors import with_factors
from .joining.conditionwork import Made, Spent, made_elsewhere, made_here, orbits_of
from .joining.rowwriters import RowWriters, row_writers
from .schema import COLUMNS, FORMED, empty
from .storage import CHECKSUMS, atomic, sweep, write_checksums

if TYPE_CHECKING:
    import pandas as pd

    from .factors import AnyFactors
    from .joining.conditionparts import ConditionPart
    from .joining.rowwriters import Add


def write_tables(
    cells: Iterable[Cell],
    out: Path,
    stage: Callable[[str], None] | None = None,
    factors: AnyFactors | None = None,
    fibre: int | None = None,
    *,
    sequential: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
) -> Spent:
    """Write the tables of finished cells: rows of single networks cell by cell, what counts them by condition.

    Memory holds one cell's rows at a time, and of each condition what the study compares. Processes that share a folder
    write one after the other. The tables are the same whoever makes the conditions' parts.

    Args:
        cells: the finished cells; out: the study's folder.
        stage: is told what is being worked on, where somebody wants to know.
        factors: what the study crosses: their levels become columns of every table that names regimens.
        fibre: particles of the fibres that mechanisms and features are held against; None for none.
        sequential: whether verdicts have to hold at every number of networks (see `verdict_table`).
        workers, scheduler: who makes the conditions' parts, as of `run_cells`.

    Returns:
        What workers spent beside this process.
    """
    from .factorial.effects import effects_table
    from .factorial.normshares import norm_share_table
    from .selecting.mechanisms import mechanism_table

    said = stage or _unsaid
    with locked(out / ".locks" / "tables.lock", "writes the tables"):
        sweep(out / "tables")
        listed = list(cells)
        with _writers(out, factors) as rows:
            census: list[pd.DataFrame] = []

            def add(name: str, frame: pd.DataFrame) -> None:
                if name == "census":
                    census.append(frame)
                rows.add(name, frame)

            if all(cell.reads == "forms" for cell in listed):
                networks, spent = _write_forms(listed, out, said, add), Spent()
            else:
                parts, spent = [], Spent()
                for made in _made(listed, out, said, rows, factors, workers, scheduler):
                    for name, frame in made.part.tables.items():
                        add(name, frame)
                    parts.append(replace(made.part, tables={}))
                    spent = spent.and_more(made.spent)
                networks = _compare(parts, listed, out, said, add, fibre=fibre, sequential=sequential)
            add("mechanisms", mechanism_table(census, networks, fibre, said))
            add("norm_shares", norm_share_table(networks))
            if factors is not None:
                said("tables: effects")
                add("effects", effects_table(with_factors(networks, factors, "networks"), factors))
        tables = out / "tables"
        write_checksums(tables / CHECKSUMS, [tables / f"{name}.parquet" for name in COLUMNS])
    return spent


@contextmanager
def _writers(out: Path, factors: AnyFactors | None) -> Iterator[RowWriters]:
    """What adds rows to a table; the files of all tables are there when the block ends well."""
    with ExitStack() as stack:
        paths = {name: stack.enter_context(atomic(out / "tables" / f"{name}.parquet")) for name in COLUMNS}
        yield stack.enter_context(row_writers(paths, factors))


def _made(
    cells: Iterable[Cell],
    out: Path,
    stage: Callable[[str], None],
    rows: RowWriters,
    factors: AnyFactors | None,
    workers: int,
    scheduler: str | None,
) -> Iterator[Made]:
    """The parts of all conditions in order, the rows of their networks added to the tables."""
    conditions: dict[str, list[Cell]] = {}
    for cell in cells:
        conditions.setdefault(cell.condition, []).append(cell)
    if scheduler is None and (workers == 1 or len(conditions) == 1):
        for name, members in conditions.items():
            stage(f"tables: {name}")
            yield made_here(members, out, rows.add)
        return
    elsewhere = made_elsewhere(list(conditions.values()), out, factors, workers=workers, scheduler=scheduler)
    for name, made in zip(conditions, elsewhere, strict=True):
        stage(f"tables: {name}")
        for table, path in made.rows.items():
            rows.add_file(table, path)
        yield made


def _write_forms(cells: list[Cell], out: Path, stage: Callable[[str], None], add: Add) -> pd.DataFrame:
    """The tables of a study that reads forms alone, a task at a time; what effects need of its networks."""
    import pandas as pd

    from .factorial.forms import form_candidates, form_census, form_networks, form_success

    kept, recurring = [], []
    for name in dict.fromkeys(cell.task for cell in cells):
        stage(f"tables: {name}")
        own = [cell for cell in cells if cell.task == name]
        networks = form_networks(own, out)
        add("networks", networks)
        add("success", form_success(networks))
        add("census", form_census(networks))
        kept.append(networks[list(FORMED)])
        stage(f"tables: candidates of {name}")
        recurring.append(form_candidates(networks, own, out))
    _add_candidates(recurring, out, add)
    return pd.concat(kept, ignore_index=True)


def _compare(
    parts: Sequence[ConditionPart],
    cells: Sequence[Cell],
    out: Path,
    stage: Callable[[str], None],
    add: Add,
    *,
    fibre: int | None,
    sequential: bool,
) -> pd.DataFrame:
    """The tables that set conditions side by side or judge them together; what effects need of the networks."""
    import pandas as pd

    from . import comparisons
    from .selecting.featurerows import beside_fibres
    from .tables import verdicts

    samples = [part.sample for part in parts if part.sample is not None]
    stage("tables: ladders")
    ladders = comparisons.ladder_tables(samples)
    add("ladder", ladders.ladder)
    add("sweep", ladders.sweep)
    stage("tables: pairs of tasks")
    pairs = comparisons.pair_table(samples)
    add("pairs", pairs)
    add("contrasts", comparisons.contrast_table(pairs))
    stage("tables: transplants")
    add("transplants", comparisons.transplant_table(samples))
    _add_candidates(_candidates(parts, cells, out, stage), out, add)
    formed = pd.concat([part.formed for part in parts], ignore_index=True)
    counts = [part.counts for part in parts if part.counts is not None]
    together = pd.concat(counts, ignore_index=True) if counts else pd.DataFrame()
    known = {part.task: orbits_of(tasks[part.task]) for part in parts}
    together = beside_fibres(together, formed, known, fibre, stage)
    add("prevalence", verdicts(together, sequential=sequential))
    return formed


def _candidates(
    parts: Sequence[ConditionPart], cells: Sequence[Cell], out: Path, stage: Callable[[str], None]
) -> Iterator[pd.DataFrame]:
    """The candidates of each task; of the networks that have no name those that are compared are read once more."""
    from .joining.conditionparts import networks_at
    from .selecting.candidaterows import candidate_table, evenly

    by_key = {cell.key: cell for cell in cells}
    for name in dict.fromkeys(part.task for part in parts if part.sample is not None):
        stage(f"tables: candidates of {name}")
        own = [part for part in parts if part.task == name]
        unnamed = [place for part in own for place in part.unnamed]
        chosen = [unnamed[k] for k in evenly(len(unnamed))]
        networks = networks_at([(by_key[key], seed) for key, seed in chosen], out)
        solved = sum(part.solved for part in own)
        yield candidate_table(tasks[name], networks, solved, unnamed=len(unnamed))


def _unsaid(stage: str) -> None:
    """Nobody wants to know."""


def _add_candidates(tables: Iterable[pd.DataFrame], out: Path, add: Add) -> None:
    """The table, and `candidates.toml` for `mathcircuits add`; no file where nothing recurs that has no name."""
    import pandas as pd

    from .selecting.candidaterows import candidates_toml

    table = pd.concat([empty("candidates"), *tables], ignore_index=True)
    add("candidates", table)
    entries, path = candidates_toml(table), out / "candidates.toml"
    if not entries:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as file:
        file.write_text(entries, "utf-8")
