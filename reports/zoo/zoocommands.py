"""What the commands `zoo` and `score` do: write a zoo, score claims or baselines, write the table of scores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mathcircuits.detect import InputError

from ..studies.storage import atomic
from .baselines import BASELINES, baseline_claims
from .claims import read_claims, write_claims
from .claimscores import reliability, score_claims
from .writing import write_zoo
from .zoofiles import read_zoo

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the printed table; `--json` has all of them.
PRINTED = (
    "method", "kind", "split", "claims", "precision", "there", "recall", "null", "null_claimed", "calibration_error",
    "seconds",
)  # fmt: skip


def make_zoo(out: Path, *, small: bool, seed: int) -> int:
    """Write a zoo and print its folder."""
    written = write_zoo(out, small=small, seed=seed, progress=lambda text: print(text, file=sys.stderr))
    zoo = read_zoo(written)
    print(f"{len(zoo.networks)} networks in {len(zoo.parts)} parts: {written / 'datasheet.md'}")
    return 0


def score_file(
    predictions: Path | None, folder: Path, *, baselines: Sequence[str] = (), out: Path | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score a file of claims, or baselines.

    Args:
        predictions: the claims; None with baselines.
        folder: of the zoo.
        baselines: names, or `"all"`.
        out: where the scores are written as a Markdown table; of one baseline its claims, with a name in .parquet.

    Returns:
        The scores, and the reliability by bins, each with the column `method`.

    Raises:
        InputError: for both or neither of predictions and baselines.

    Examples:
        >>> score_file(None, Path("zoo"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: nothing to score: give PREDICTIONS.parquet or --baseline NAME, one of ...
    """
    import pandas as pd

    if (predictions is None) == (not baselines):
        problem = "nothing to score" if predictions is None else "predictions beside --baseline"
        raise InputError(f"{problem}: give PREDICTIONS.parquet or --baseline NAME, one of the two")
    zoo = read_zoo(folder)
    names = list(BASELINES) if "all" in baselines else list(baselines)
    tables, bins = [], []
    for name in names or [str(predictions)]:
        claims = read_claims(predictions, zoo) if predictions else baseline_claims(name, zoo)
        tables.append(score_claims(claims, zoo).assign(method=Path(name).stem if predictions else name))
        bins.append(reliability(claims, zoo).assign(method=Path(name).stem if predictions else name))
        if out is not None and out.suffix == ".parquet" and len(names) == 1:
            write_claims(out, claims)
    table = pd.concat(tables, ignore_index=True)
    if out is not None and out.suffix != ".parquet":
        with atomic(out) as file:
            file.write_text(markdown(table), "utf-8")
    return table, pd.concat(bins, ignore_index=True)


def markdown(table: pd.DataFrame) -> str:
    """Scores as a Markdown table."""
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in PRINTED)} |", "|---" * len(PRINTED) + "|"]
    lines.extend(f"| {' | '.join(row)} |" for row in printed_rows(table))
    return "\n".join(lines) + "\n"


def printed_rows(table: pd.DataFrame) -> list[list[str]]:
    """The cells of the columns `PRINTED`, as texts."""

    def shown(value: object) -> str:
        if isinstance(value, float):
            return "" if value != value else f"{value:.3g}"
        return str(value)

    return [
        [shown(value) for value in row] for row in table[list(PRINTED)].itertuples(index=False, name=None)
    ]
