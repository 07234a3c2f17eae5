"""Tabulating: from the files of finished cells to the tables of a study, one condition in memory at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mathcircuits.detect import Network, tasks

from ..locking import locked
from .cell import READINGS, Cell
from .ensemblefiles import load_ensemble
from .factors import factor_columns, with_factors
from .reading import untrained_of
from .schema import COLUMNS, FORMED, arrow_schema, empty
from .storage import CHECKSUMS, atomic, sweep, write_checksums

if TYPE_CHECKING:
    import pandas as pd

    from .factors import AnyFactors
    from .tables import Condition

#: Adds rows to the table of a name.
Add: TypeAlias = "Callable[[str, pd.DataFrame], None]"


def write_tables(
    cells: Iterable[Cell],
    out: Path,
    stage: Callable[[str], None] | None = None,
    factors: AnyFactors | None = None,
    fibre: int | None = None,
    *,
    sequential: bool = False,
) -> None:
    """Write the tables of finished cells, condition by condition, so that memory holds one condition at a time.

    Processes that share a folder write one after the other.

    Args:
        cells: the finished cells; out: the study's folder.
        stage: is told what is being worked on, where somebody wants to know.
        factors: what the study crosses: their levels become columns of every table that names regimens.
        fibre: particles of the fibres that mechanisms and features are held against; None for none.
        sequential: whether verdicts have to hold at every number of networks (see `verdict_table`).
    """
    from .factorial.effects import effects_table
    from .factorial.normshares import norm_share_table
    from .selecting.mechanisms import mechanism_table

    with locked(out / ".locks" / "tables.lock", "writes the tables"):
        sweep(out / "tables")
        listed = list(cells)
        everything = partial(_write_everything, fibre=fibre, sequential=sequential)
        write = _write_forms if all(cell.reads == "forms" for cell in listed) else everything
        with _writers(out, factors) as add_rows:
            census: list[pd.DataFrame] = []

            def add(name: str, frame: pd.DataFrame) -> None:
                if name == "census":
                    census.append(frame)
                add_rows(name, frame)

            networks = write(listed, out, stage or _unsaid, add)
            add("mechanisms", mechanism_table(census, networks, fibre, stage or _unsaid))
            add("norm_shares", norm_share_table(networks))
            if factors is not None:
                (stage or _unsaid)("tables: effects")
                add("effects", effects_table(with_factors(networks, factors, "networks"), factors))
        tables = out / "tables"
        write_checksums(tables / CHECKSUMS, [tables / f"{name}.parquet" for name in COLUMNS])


@contextmanager
def _writers(out: Path, factors: AnyFactors | None) -> Iterator[Add]:
    """What adds rows to a table; the files of all tables are there when the block ends well."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        writers, schemas = {}, {}
        for name in COLUMNS:
            path = stack.enter_context(atomic(out / "tables" / f"{name}.parquet"))
            schemas[name] = arrow_schema(name, factor_columns(factors, name))
            frame = with_factors(empty(name), factors, name)
            schema = pa.Table.from_pandas(frame, schemas[name], preserve_index=False).schema
            writers[name] = stack.enter_context(pq.ParquetWriter(path, schema, write_page_checksum=True))

        def add(name: str, frame: pd.DataFrame) -> None:
            if len(frame):
                crossed = with_factors(frame, factors, name)
                writers[name].write_table(pa.Table.from_pandas(crossed, schemas[name], preserve_index=False))

        yield add


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


def _write_everything(
    cells: list[Cell],
    out: Path,
    stage: Callable[[str], None],
    add: Add,
    *,
    fibre: int | None,
    sequential: bool,
) -> pd.DataFrame:
    """The tables of a study that reads everything; what effects need of its networks."""
    import pandas as pd

    from mathcircuits.detect.universality import Orbits

    from . import comparisons, regimentables
    from . import tables as made
    from .selecting.candidaterows import candidate_table
    from .selecting.featurerows import beside_fibres

    grouped: dict[str, list[Cell]] = {}
    for cell in cells:
        grouped.setdefault(cell.condition, []).append(cell)
    counts: list[pd.DataFrame] = []
    known: dict[str, Orbits] = {}
    # By task: how many networks solved it, and those among them that the catalogue has no name for.
    solved: Counter[str] = Counter()
    unnamed: dict[str, list[tuple[str, Network]]] = {}
    samples: list[comparisons.Sample] = []
    kept = []
    for name, members in grouped.items():
        stage(f"tables: {name}")
        condition = read_condition(members, out)
        if condition.task.name not in known:
            known[condition.task.name] = Orbits(condition.task)
        orbits = known[condition.task.name]
        neurons = made.neuron_table(condition, orbits)
        networks = made.network_table(condition, neurons, orbits)
        add("networks", networks)
        kept.append(networks[list(FORMED)])
        add("neurons", neurons)
        add("directions", made.direction_table(condition))
        programs = made.program_table(condition)
        add("programs", programs)
        add("circuits", made.circuit_table(condition))
        add("superposition", made.superposition_table(condition))
        if condition.derived:
            continue
        add("success", made.success_table(condition))
        census = made.census_table(condition, programs)
        add("census", census)
        add("regimens", regimentables.regimen_table(condition, networks, census))
        add("causes", regimentables.cause_table(condition))
        add("emergence", regimentables.emergence_table(condition))
        add("emergence_curves", regimentables.emergence_curve_table(condition))
        add("similarity", made.similarity_table(condition))
        counts.append(made.prevalence_counts(condition, neurons, networks, orbits))
        # What follows compares functions on a box, of which a task on points says nothing.
        if condition.task.points:
            continue
        samples.append(comparisons.sample_of(condition))
        add("ensembles", made.ensemble_table(condition))
        solved[condition.task.name] += len(condition.solutions)
        unnamed.setdefault(condition.task.name, []).extend(made.unnamed_solutions(condition, programs))
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
    recurring = []
    for name, found in unnamed.items():
        stage(f"tables: candidates of {name}")
        recurring.append(candidate_table(tasks[name], found, solved[name]))
    _add_candidates(recurring, out, add)
    together = pd.concat(counts, ignore_index=True) if counts else pd.DataFrame()
    formed = pd.concat(kept, ignore_index=True)
    together = beside_fibres(together, formed, known, fibre, stage)
    add("prevalence", made.verdicts(together, sequential=sequential))
    return formed


def _unsaid(stage: str) -> None:
    """Nobody wants to know."""


def _add_candidates(tables: list[pd.DataFrame], out: Path, add: Add) -> None:
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


def read_condition(cells: list[Cell], out: Path) -> Condition:
    """What the finished cells of one task, size and regimen hold."""
    import numpy as np
    import pandas as pd

    from .tables import Condition

    first = cells[0]
    ensembles = [load_ensemble(cell.weights_file(out)) for cell in cells]
    networks: list[Network | None] = []
    untrained: list[Network] = []
    for cell, ensemble in zip(cells, ensembles, strict=True):
        finite = ensemble.finite
        known = dict(zip(finite.seeds, finite.networks() if len(finite) else [], strict=True))
        networks += [known.get(seed) for seed in ensemble.seeds]
        untrained += [] if first.derived else list(untrained_of(cell, ensemble).values())

    readings = [cell.reading_files(out) for cell in cells]

    def reading(table: str) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(files[table]) for files in readings], ignore_index=True)

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
        costs=np.concatenate([ensemble.cost for ensemble in ensembles]).astype(np.float64),
        networks=tuple(networks),
        untrained=tuple(untrained),
        init=first.init,
        classifies=first.classifies,
        **{name: reading(name) for name in READINGS},
    )
