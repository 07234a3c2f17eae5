"""Verdict results: what networks show, as tables to be written, read again and compared. They hold no clocks."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import FileError

from ...studies.storage import read_json, write_csv, write_json
from ..results import plain

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mathcircuits-universality-1"
FILE = "results.json"


@dataclass(frozen=True, eq=False)
class VerdictResult:
    """Verdicts and ladders of a grid of networks.

    Attributes:
        grid: where the networks come from: `full`, `quick`, or `networks` for somebody else's.
        version: of the grid; results of different versions have different networks to show.
        about: versions of the code, of the catalogue and of what else decides the figures.
        conditions: one row per condition (task, hidden, width, depth, regimen): n, solved, value, low, high, rests.
        verdicts: one row per condition and feature, orientation, circuit or gauge: found, n, value, interval, null
            (the untrained share), verdict, reason, q, rests.
        ladder: one row per pair of conditions and rung (see the study's table of that name).
        sweep: the verdicts in it that another cut-off changes, cut-off by cut-off.

    Examples:
        >>> VerdictResult.load("no/such/results.json")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no/such/results.json: cannot be read ...
    """

    grid: str
    version: str
    about: Mapping[str, Any]
    conditions: pd.DataFrame
    verdicts: pd.DataFrame
    ladder: pd.DataFrame
    sweep: pd.DataFrame

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> VerdictResult:
        """The result in a `results.json`, or in the folder that holds one.

        Raises:
            FileError: where it cannot be read, or is something else.
        """
        file = Path(path) / FILE if Path(path).is_dir() else Path(path)
        content = read_json(file)
        if content.get("format") != FORMAT:
            raise FileError(
                file,
                f"holds no result of the universality benchmark (format {FORMAT})",
                "give the results.json that `mathcircuits benchmark universality --out` wrote",
            )
        try:
            # Results of before have no sweep.
            content.setdefault("sweep", [])
            frames = {name: _frame(content[name], columns) for name, columns in _columns().items()}
            return cls(content["grid"], content["version"], content["about"], **frames)
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(file, f"is damaged ({type(error).__name__}: {error})", "run it again") from None

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What came out, in plain sentences."""
        from .verdictrows import sentences, sweep_sentences

        return sentences(self.verdicts, self.conditions, self.ladder) + sweep_sentences(
            self.sweep, self.ladder
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what is missing is None."""
        tables = {name: _records(getattr(self, name)) for name in _columns()}
        head = {"format": FORMAT, "grid": self.grid, "version": self.version, "about": dict(self.about)}
        return {**head, "summary": list(self.sentences), **tables}

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write results.json, and verdicts.csv, conditions.csv, ladder.csv and sweep.csv beside it.

        Returns:
            The folder.

        Raises:
            FileError: where it cannot be written.
        """
        folder = Path(out)
        for name in _columns():
            write_csv(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / FILE, self.to_dict())
        return folder

    def __repr__(self) -> str:
        name = f"{self.grid} {self.version}".strip()
        return f"VerdictResult({name}: {len(self.conditions)} conditions, {len(self.verdicts)} verdicts)"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.sentences)
        return f"<p><b>{html.escape(repr(self))}</b></p><ul>{lines}</ul>"


def _columns() -> dict[str, Mapping[str, str]]:
    """The tables with their columns and dtypes."""
    from ...studies.schema import COLUMNS, DTYPES
    from . import verdictrows

    return {
        "conditions": verdictrows.CONDITIONS,
        "verdicts": verdictrows.COLUMNS,
        **{
            table: {name: DTYPES[kind] for name, kind in COLUMNS[table].items()}
            for table in ("ladder", "sweep")
        },
    }


def _frame(records: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(records), columns=list(columns))
    return pd.DataFrame({name: pd.Series(frame[name], dtype=dtype) for name, dtype in columns.items()})


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): plain(value) for key, value in record.items()} for record in records]
