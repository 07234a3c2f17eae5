"""What the commands `zoo` and `score` do: write a zoo, score claims or baselines, write the table of scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import InputError

from ..studies.storage import atomic
from .baselines import BASELINES, run_baseline
from .claims import read_claims, write_claims
from .claimscores import reliability, score_claims
from .writing import Size, write_zoo
from .zoofiles import read_zoo

if TYPE_CHECKING:
    import pandas as pd

#: Columns of the printed table; `--json` has all of them.
PRINTED = (
    "method", "kind", "split", "threshold", "claims", "precision", "there", "recall", "null", "null_share",
    "calibration_error", "seconds",
)  # fmt: skip
#: The columns of shares, which have an exact 95% interval in the columns NAME_low and NAME_high.
_SHARES = {"precision": "precision", "recall": "recall", "null_share": "null"}


def make_zoo(out: Path, *, size: Size, seed: int, workers: int) -> int:
    """Write a zoo and print its folder."""
    written = write_zoo(out, size=size, seed=seed, workers=workers)
    zoo = read_zoo(written)
    print(f"{len(zoo.networks)} networks in {len(zoo.parts)} parts: {written / 'datasheet.md'}")
    return 0


def score_file(
    predictions: Path | None,
    folder: Path,
    *,
    baselines: Sequence[str] = (),
    out: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score a file of claims, or baselines.

    Args:
        predictions: the claims; None with baselines.
        folder: of the zoo.
        baselines: names, or `"all"`; of all, those whose library is missing are left out.
        out: where the scores are written as a table, in Markdown or with a name in .csv, after each baseline again; of
            one baseline its claims, with a name in .parquet.
        progress: is told each baseline that was scored or left out.

    Returns:
        The scores, and the reliability by bins, each with the column `method`. The scores have the column `threshold`
        too, the score from which a baseline's candidates are claims, and `chosen`, whether it was chosen on the
        public split.

    Raises:
        InputError: for both or neither of predictions and baselines, or a baseline whose library is missing.
        FileError: where the claims cannot be read.

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
    if predictions is not None:
        claims, method = read_claims(predictions, zoo), Path(predictions).stem
        table = score_claims(claims, zoo).assign(method=method, threshold=math.nan, chosen=False)
        if out is not None:
            _write(out, table, claims)
        return table, reliability(claims, zoo).assign(method=method)
    tell = progress or (lambda _text: None)
    names = list(BASELINES) if "all" in baselines else list(baselines)
    if out is not None and out.suffix == ".parquet" and len(names) > 1:
        raise InputError(
            f"{out}: a file of claims holds one baseline; name one, or write a table as .md or .csv"
        )
    tables: list[pd.DataFrame] = []
    bins: list[pd.DataFrame] = []
    for position, name in enumerate(names, 1):
        needs = BASELINES[name].needs if name in BASELINES else ""
        if needs and "all" in baselines and find_spec(needs) is None:
            tell(f"{position} of {len(names)}: {name} is left out, it needs {needs}")
            continue
        entry = run_baseline(name, zoo)
        scores = score_claims(entry.claims, zoo, [BASELINES[name].kind])
        share = zoo.networks["split"].value_counts(normalize=True)
        tables.append(
            scores.assign(
                method=name, threshold=entry.threshold, chosen=entry.chosen,
                seconds=[entry.seconds * share[split] for split in scores["split"]],
            )
        )  # fmt: skip
        bins.append(reliability(entry.claims, zoo).assign(method=name))
        tell(f"{position} of {len(names)}: {name}, {entry.seconds:.1f} s")
        if out is not None:
            _write(out, pd.concat(tables, ignore_index=True), entry.claims if len(names) == 1 else None)
    return pd.concat(tables, ignore_index=True), pd.concat(bins, ignore_index=True)


def _write(out: Path, table: pd.DataFrame, claims: pd.DataFrame | None) -> None:
    """Write the claims as Parquet, or the table as CSV or Markdown, by the name of the file."""
    if claims is not None and out.suffix == ".parquet":
        write_claims(out, claims)
        return
    with atomic(out) as file:
        file.write_text(table.to_csv(index=False) if out.suffix == ".csv" else markdown(table), "utf-8")


def markdown(table: pd.DataFrame) -> str:
    """Scores as a Markdown table, shares with their exact 95% intervals."""
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in PRINTED)} |", "|---" * len(PRINTED) + "|"]
    lines.extend(f"| {' | '.join(row)} |" for row in printed_rows(table, intervals=True))
    return "\n".join(lines) + "\n"


def printed_rows(table: pd.DataFrame, *, intervals: bool = False) -> list[list[str]]:
    """The cells of the columns `PRINTED`, as texts.

    Args:
        table: scores with `method`, `threshold` and `chosen`; intervals: whether shares stand with theirs.
    """
    return [[_shown(row, name, intervals) for name in PRINTED] for row in table.to_dict("records")]


def _shown(row: dict[Any, Any], name: str, intervals: bool) -> str:
    value = row[name]
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if name == "threshold" and value == 0.0:
        return "none"
    if intervals and name in _SHARES:
        low, high = (row[f"{_SHARES[name]}_{end}"] for end in ("low", "high"))
        return f"{value:.3f} ({low:.3f} to {high:.3f})"
    # What is 0 but for rounding is 0.
    digits = f"{value:.4g}" if name == "threshold" else f"{round(value, 6):.3g}"
    return digits + (", chosen" if name == "threshold" and row["chosen"] else "")
