"""Folder: a study that was run, opened from its folder: its configuration, tables and networks.

DIR/manifest.json          configuration, versions, seeds, git state, clocks, machine (these nowhere else)
DIR/population.json        of networks that were trained elsewhere: their functions and files
DIR/networks/              the cells' files, see cells.py
DIR/tables/*.parquet       see tables.py
DIR/candidates.toml        circuits that recur and have no name, for `mathcircuits add`; where there are any
DIR/report/index.html
"""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import MathCircuitsError, Network
from mathcircuits.detect.drawings import drawing
from mathcircuits.detect.errors import FileError, UnknownNameError
from mathcircuits.detect.untrusted import damaged

from .cell import Cell
from .cells import study_cells
from .ensemblefiles import load_ensemble
from .manifest import read_manifest
from .populations.gathering import Taken, read_population
from .populations.populationconfig import AnyConfig, PopulationConfig, as_any_config
from .storage import CHECKSUMS, intact, read_checksums

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

    from mathcircuits.detect import Analysis


#: What is wrong with a table that cannot be read, and what to do.
_BROKEN = "is not a Parquet file, or a damaged one"
_AGAIN = "run the study again: its networks are kept"


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
    config: AnyConfig
    manifest: dict[str, Any]

    @classmethod
    def load(cls, out: str | os.PathLike[str]) -> Study:
        """The study in a folder.

        Raises:
            FileError: where there is none, or its manifest is damaged.
        """
        folder = Path(out)
        manifest = read_manifest(folder)
        remedy = "run the study again in another folder"
        try:
            with damaged(folder / "manifest.json", remedy):
                config = as_any_config(manifest["config"], folder)
        except FileError:
            raise
        except MathCircuitsError as error:
            raise FileError(folder / "manifest.json", str(error), remedy) from None
        study = cls(folder, config, manifest)
        if isinstance(config, PopulationConfig):
            # Tables and pages look its functions up by name.
            assert study.cells
        return study

    @cached_property
    def tables(self) -> StudyTables:
        """The tables by name; each is read when it is asked for."""
        return StudyTables(self.out / "tables")

    @property
    def page(self) -> Path:
        """Where the page lies."""
        return self.out / "report" / "index.html"

    @cached_property
    def cells(self) -> list[Cell]:
        """The cells of the grid, or of the networks that were found."""
        if isinstance(self.config, PopulationConfig):
            return read_population(self.out)[0]
        return study_cells(self.config)

    @cached_property
    def files(self) -> list[Taken]:
        """The files of networks that were trained elsewhere, and what each was taken for; else none."""
        return read_population(self.out)[1] if isinstance(self.config, PopulationConfig) else []

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
            # Of one network the cell that has it.
            if key.startswith(f"{cell.condition}/") and key not in map(cell.network_id, cell.seeds):
                continue
            finite = load_ensemble(cell.weights_file(self.out)).finite
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

    def plot(self, ax: Axes | None = None) -> Axes:
        """The share of seeds that solved each task, by width and regimen, with exact 95% intervals.

        Args:
            ax: where to draw; by default a new figure.
        """
        made: Axes = drawing("study")(self, ax=ax)
        return made

    def plot_losses(self, condition: str, ax: Axes | None = None) -> Axes:
        """The loss of every network of one condition over training.

        Args:
            condition: what its networks' ids begin with, such as `"minimum/3/adam"`.
            ax: where to draw; by default a new figure.

        Raises:
            InputError: where the study has no such condition.
        """
        made: Axes = drawing("study losses")(self, condition, ax=ax)
        return made

    def analyse(self, network: str) -> Analysis:
        """What is in one of its networks, read on its task; its `plot_circuit` and `plot_responses` draw it.

        Args:
            network: its id, such as `"minimum/3/adam/17"`.

        Raises:
            UnknownNameError: where the study has no such network.
        """
        from mathcircuits.detect import analyse

        found = self.networks(network)
        if network not in found:
            raise UnknownNameError(
                "network", network, list(found), "name one network: task/hidden/regimen/seed"
            )
        cell = next(cell for cell in self.cells if network.startswith(f"{cell.condition}/"))
        return analyse(found[network], task=cell.task, init=cell.init)

    def plot_circuit(self, network: str, ax: Axes | None = None) -> Axes:
        """One of its networks as a graph, see `Analysis.plot_circuit`."""
        return self.analyse(network).plot_circuit(ax)

    def plot_responses(self, network: str) -> npt.NDArray[np.object_]:
        """What the neurons and outputs of one of its networks answer, see `Analysis.plot_responses`."""
        return self.analyse(network).plot_responses()

    def losses(self) -> pd.DataFrame:
        """The loss over training of every condition: its quartiles over the seeds, a row a logged step.

        Returns:
            task, hidden, width, regimen, step, low, value, high: mean squared errors, `value` the median. A network
            that diverged counts as an infinite loss. Cells whose file is missing are left out.

        Examples:
            >>> study.losses()["value"].iloc[-1]  # doctest: +SKIP
            3.1e-14
        """
        import numpy as np
        import pandas as pd

        rows = []
        conditions: dict[tuple[str, str, str, str], list[Cell]] = {}
        for cell in self.cells:
            if not cell.derived:
                place = (cell.task, cell.sizes, cell.width, cell.regimen.name)
                conditions.setdefault(place, []).append(cell)
        for place, cells in conditions.items():
            parts: list[tuple[Any, Any]] = []
            for cell in cells:
                try:
                    ensemble = load_ensemble(cell.weights_file(self.out))
                except FileError:
                    continue
                parts.append((ensemble.logged_steps, ensemble.logged_losses))
            if not parts:
                continue
            # Cells of one condition may have stopped at different steps: those that all have are kept.
            steps = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in parts)))
            for step in steps:
                values = np.concatenate([losses[steps.tolist().index(step)] for steps, losses in parts])
                known = np.sort(np.nan_to_num(values, nan=np.inf))
                low, middle, high = (known[round(q * (len(known) - 1))] for q in (0.25, 0.5, 0.75))
                rows.append((*place, int(step), float(low), float(middle), float(high)))
        names = ["task", "hidden", "width", "regimen", "step", "low", "value", "high"]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        count = sum(len(cell.seeds) for cell in self.cells if not cell.derived)
        failed = f", {len(self.failures)} cells failed" if self.failures else ""
        named = len({cell.task for cell in self.cells})
        return f"Study({str(self.out)!r}: {named} tasks, {count} networks{failed})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(str(value))}</td></tr>"
            for key, value in self.config.to_dict().items()
        )
        success = ""
        if "success" in self.tables:
            success = str(self.tables["success"].to_html(index=False, float_format="{:.3g}".format))
        return f"<p>{html.escape(repr(self))}</p><table>{rows}</table>{success}"


class StudyTables(Mapping[str, "pd.DataFrame"]):
    """The Parquet files of a folder as data frames by name, each read when it is asked for.

    Examples:
        >>> import tempfile
        >>> list(StudyTables(Path(tempfile.mkdtemp())))
        []
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, pd.DataFrame] = {}
        self._narrow: dict[str, tuple[list[str], list[tuple[str, str, object]]]] = {}
        # The tables whose content was found to be what its checksum says.
        self._sound: set[str] = set()

    def narrow(self, name: str, columns: Sequence[str], where: Sequence[tuple[str, str, object]]) -> None:
        """From now on read only these columns of a table, and the rows of which all of `where` holds.

        Args:
            name: of the table.
            columns: their names.
            where: pyarrow's filters, such as `("population", "!=", "untrained")`.
        """
        self._read.pop(name, None)
        self._narrow[name] = (list(columns), list(where))

    def rows(self, name: str) -> int:
        """How many rows a table has; they are not read."""
        import pyarrow.parquet as pq

        path = self._intact(name)
        with damaged(path, _AGAIN, _BROKEN):
            return int(pq.read_metadata(path).num_rows)

    def parts(
        self, name: str, columns: Sequence[str], where: Sequence[tuple[str, str, object]] = ()
    ) -> Iterator[pd.DataFrame]:
        """The rows of a table, those of a row group at a time; a network's stand in one group.

        Args:
            name: of the table.
            columns: their names.
            where: pyarrow's filters, of which all have to hold.
        """
        import pyarrow.parquet as pq

        path = self._intact(name)
        wanted = list(dict.fromkeys([*columns, *(column for column, *_ in where)]))
        chosen = pq.filters_to_expression(list(where)) if where else None
        with damaged(path, _AGAIN, _BROKEN), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number, wanted)
                yield (group if chosen is None else group.filter(chosen)).select(list(columns)).to_pandas()

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            import pandas as pd

            path = self._intact(name)
            columns, where = self._narrow.get(name, (None, None))
            with damaged(path, _AGAIN, _BROKEN):
                self._read[name] = pd.read_parquet(
                    path, columns=columns, filters=where, page_checksum_verification=True
                )
        return self._read[name]

    def _intact(self, name: str) -> Path:
        """A table's file, which is as it was written."""
        path = self._folder / f"{name}.parquet"
        if not path.is_file():
            known = list(self)
            raise UnknownNameError(
                "table", name, known, f"known: {', '.join(known)}" if known else "run the study first"
            )
        if name not in self._sound:
            sums = read_checksums(self._folder / CHECKSUMS)
            if path.name in sums and not intact(self._folder / CHECKSUMS, [path]):
                raise FileError(
                    path, f"has changed since it was written (its checksum stands in {CHECKSUMS})", _AGAIN
                )
            self._sound.add(name)
        return path

    def __contains__(self, name: object) -> bool:
        # Without reading it, as a mapping's own way would.
        return isinstance(name, str) and (self._folder / f"{name}.parquet").is_file()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self._folder.glob("*.parquet")))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"StudyTables({', '.join(self)})"
