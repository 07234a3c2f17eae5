"""Results: what a benchmark found, as a table, as plain data, as lines that say pass or fail, and as files."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..studies.storage import atomic, write_csv, write_json
from .scores import Score, Summed, score_table, sum_up

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMAT = "mathcircuits-benchmark-1"


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What a benchmark found.

    Attributes:
        name: which one; quick: whether it ran at reduced size, where a bound fails only if the interval excludes it.
        seed: of all that was drawn.
        scores: every measured number, in the order of the run.
        seconds: by part, of the wall clock, or of processors where processes work on several parts at once.
        about: versions and sizes, for the JSON.
        draw: makes a figure of the table; None where there is none.

    Examples:
        >>> from .scores import Bound, Setting, share
        >>> heads = share("toss", Setting("coins"), "heads", 3, 4, Bound("heads in at most half", 0.5))
        >>> found = Benchmark("toss", False, 0, (heads,), {"toss": 0.1}, {})
        >>> found
        Benchmark(toss, 1 score, 0 of 1 requirements kept)
        >>> found.table.shape[0], found.passed
        (1, False)
    """

    name: str
    quick: bool
    seed: int
    scores: tuple[Score, ...]
    seconds: Mapping[str, float]
    about: Mapping[str, Any]
    draw: Callable[[pd.DataFrame], Figure] | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per score, see `scores.score_table`."""
        return score_table(self.scores)

    @property
    def requirements(self) -> tuple[Summed, ...]:
        """The stated bounds, each with how it fared."""
        return sum_up(self.scores)

    @property
    def passed(self) -> bool:
        """Whether every stated bound is kept."""
        return all(requirement.passed for requirement in self.requirements)

    @property
    def summary(self) -> tuple[str, ...]:
        """A line for each stated bound, pass or FAIL first, and one for the whole."""
        requirements = self.requirements
        kept = sum(requirement.passed for requirement in requirements)
        size = "quick run: a bound fails only where the interval excludes it" if self.quick else "full run"
        last = f"{kept} of {len(requirements)} requirements kept ({size}, {sum(self.seconds.values()):.0f} s)"
        return (*(str(requirement) for requirement in requirements), last)

    @property
    def figure(self) -> Figure | None:
        """What was found as one figure, or None where the benchmark is a table alone."""
        return None if self.draw is None else self.draw(self.table)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what is missing is None."""
        records = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        return {
            "format": FORMAT,
            "name": self.name,
            "quick": self.quick,
            "seed": self.seed,
            "passed": self.passed,
            "about": dict(self.about),
            "seconds": {part: round(seconds, 1) for part, seconds in self.seconds.items()},
            "requirements": [
                {"text": r.text, "passed": r.passed, "kept": r.kept, "cells": r.asked}
                for r in self.requirements
            ],
            "scores": [{key: plain(value) for key, value in record.items()} for record in records],
        }

    def write(self, out: str | os.PathLike[str]) -> Path:
        """Write table.csv, benchmark.json, summary.txt and (where there is one) figure.svg into a folder.

        The folder is made where it is missing.

        Returns:
            The folder.

        Raises:
            FileError: where it cannot be written.
        """
        from ..plots.rendering import write_svg

        folder = Path(out)
        write_csv(folder / "table.csv", self.table)
        write_json(folder / "benchmark.json", self.to_dict())
        with atomic(folder / "summary.txt") as file:
            file.write_text("\n".join(self.summary) + "\n", "utf-8")
        figure = self.figure
        if figure is not None:
            with atomic(folder / "figure.svg") as file:
                write_svg(figure, file)
        return folder

    def __repr__(self) -> str:
        requirements = self.requirements
        kept = sum(requirement.passed for requirement in requirements)
        scores = f"{len(self.scores)} score{'' if len(self.scores) == 1 else 's'}"
        return f"Benchmark({self.name}, {scores}, {kept} of {len(requirements)} requirements kept)"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in self.summary)
        return f"<p><b>{html.escape(repr(self))}</b></p><ul>{lines}</ul>"


def plain(value: Any) -> Any:
    """A value that strict JSON holds."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
