"""The grid of the universality benchmark: a study's configuration as data, with a version.

Two results are comparable where their grids bear the same version, so that any change to the file raises it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mathcircuits.detect import InputError

from ...studies.cell import Cell
from ...studies.cells import study_cells
from ...studies.config import StudyConfig

#: Solved networks that a cell has to have for verdicts to rest on it: with 300 of 300 the interval starts at 0.988, and
#: a true prevalence of 0.99 is called universal in 95 of 100 studies (docs/understand/verdicts.md).
ENOUGH = 300


@dataclass(frozen=True)
class Grid:
    """A versioned grid.

    Attributes:
        name: `full` or `quick`.
        version: of the grid: what two results have to have in common.
        config: the study.
        rests: the conditions (task/hidden/regimen) that verdicts rest on: trained so often that `ENOUGH` networks
            solve the task. The others show what the verdicts depend on.

    Examples:
        >>> grid = load_grid()
        >>> len(grid.config.task_names), "minimum/3/rescue" in grid.rests
        (15, True)
    """

    name: str
    version: str
    config: StudyConfig
    rests: frozenset[str]

    @property
    def cells(self) -> list[Cell]:
        """The units of work."""
        return study_cells(self.config)


def load_grid(*, quick: bool = False) -> Grid:
    """The benchmark's grid, or its small one.

    Examples:
        >>> load_grid(quick=True).name, load_grid(quick=True).version == load_grid().version
        ('quick', True)
    """
    return _installed()["quick" if quick else "full"]


def parse_grids(text: str) -> dict[str, Grid]:
    """The grids in a TOML text: `version`, and a table for each with the keys of a study.

    A table of `grid` may say `rests = true`: verdicts rest on its conditions.

    Raises:
        InputError: where the version is missing, a table is none, or what a StudyConfig raises.

    Examples:
        >>> text = '''
        ... version = "7"
        ... [tiny]
        ... tasks = ["absolute"]
        ... [[tiny.grid]]
        ... rests = true
        ... widths = ["1x"]
        ... seeds = 2
        ... regimens = ["adam", "rescue"]
        ... '''
        >>> grid = parse_grids(text)["tiny"]
        >>> grid.version, sorted(grid.rests)
        ('7', ['absolute/2/adam', 'absolute/2/rescue'])
    """
    content = tomllib.loads(text)
    version = content.pop("version", None)
    if not isinstance(version, str) or not version:
        raise InputError(f'grid: version = {version!r}: give a text, such as version = "1"')
    return {name: _grid(name, version, fields) for name, fields in content.items()}


def _grid(name: str, version: str, fields: Any) -> Grid:
    if not isinstance(fields, Mapping):
        raise InputError(f"grid: {name} = {fields!r}: give a table with the keys of a study")
    tables = [dict(table) for table in fields.get("grid", ())]
    resting = [bool(table.pop("rests", False)) for table in tables]
    config = StudyConfig(**{**fields, "grid": tables})
    own = {key: value for key, value in config.to_dict().items() if key != "grid"}
    rests = frozenset(
        cell.condition
        for table, rest in zip(tables, resting, strict=True)
        if rest
        for cell in _trained(StudyConfig(**{**own, "grid": [table]}))
    )
    return Grid(name, version, config, rests)


def _trained(config: StudyConfig) -> Iterator[Cell]:
    return (cell for cell in study_cells(config) if not cell.derived)


@cache
def _installed() -> dict[str, Grid]:
    text = files("mathcircuits.reports").joinpath("data", "universality.toml").read_text("utf-8")
    return parse_grids(text)
