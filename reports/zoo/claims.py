"""Claims: what a method says about the networks of a zoo, in one schema, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mathcircuits.detect import FileError
from mathcircuits.detect.untrusted import damaged

from ..studies.storage import atomic
from .zoofiles import Zoo

if TYPE_CHECKING:
    import pandas as pd

#: The kinds of claims, and the columns that each needs beside `network` and `score`.
KINDS: Mapping[str, tuple[str, ...]] = {
    "neuron": ("layer", "neuron", "feature", "on"),
    "unit": ("layer", "neuron"),
    "circuit": ("feature", "on"),
    "formula": ("formula",),
    "pair": ("other",),
}
COLUMNS = ("kind", "network", "other", "layer", "neuron", "feature", "on", "formula", "score")
#: May be given: the seconds that the claim took.
SECONDS = "seconds"
_REMEDY = "see docs/howto/zoo.md, Schema"


def claims_frame(rows: Sequence[Mapping[Any, object]]) -> pd.DataFrame:
    """Claims as a table with all columns of the schema; what a row does not give is empty.

    Examples:
        >>> claims_frame([{"kind": "formula", "network": "a", "formula": "x1", "score": 1.0}]).shape
        (1, 9)
    """
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("layer", "neuron"):
        frame[name] = frame[name].astype("Int64")
    for name in ("kind", "network", "other", "feature", "on", "formula"):
        frame[name] = frame[name].astype("string")
    frame["score"] = frame["score"].astype("float64")
    return frame


def write_claims(path: Path, claims: pd.DataFrame) -> None:
    """Write claims as Parquet.

    Raises:
        FileError: where the file cannot be written.
    """
    with atomic(Path(path)) as file:
        claims.to_parquet(file, index=False)


def read_claims(path: Path, zoo: Zoo) -> pd.DataFrame:
    """Read a method's claims and check them against the schema and the zoo.

    Args:
        path: a Parquet file with the columns `COLUMNS`, those that no claim of the file needs may be missing.
        zoo: the zoo that they are about.

    Raises:
        FileError: where the file is missing, damaged, lacks a column or holds a claim that the zoo cannot have; the
            message counts rows from 0.

    Examples:
        >>> read_claims(Path("no.parquet"), None)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no.parquet: is missing; see docs/howto/zoo.md, Schema
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise FileError(path, "is missing", _REMEDY)
    with damaged(path, "save it as Parquet: frame.to_parquet(path)", "is no Parquet file"):
        frame = pd.read_parquet(path)
    lacking = [name for name in ("kind", "network", "score") if name not in frame]
    if lacking:
        raise FileError(path, f"lacks the column {', '.join(lacking)}", _REMEDY)
    extra = [str(name) for name in frame.columns if name not in (*COLUMNS, SECONDS)]
    if extra:
        raise FileError(path, f"has the unknown column {', '.join(extra[:3])}", _REMEDY)
    for name in COLUMNS:
        if name not in frame:
            frame[name] = None
    with damaged(path, _REMEDY, "holds values of a wrong type"):
        seconds = pd.to_numeric(frame[SECONDS]).astype("float64") if SECONDS in frame else None
        claims = claims_frame(frame[list(COLUMNS)].to_dict("records"))
    if seconds is not None:
        claims[SECONDS] = seconds.to_numpy()
        _refuse(path, claims, ~(claims[SECONDS] >= 0), SECONDS, "is no number of seconds")
    _check(path, claims, zoo)
    return claims


def _check(path: Path, claims: pd.DataFrame, zoo: Zoo) -> None:
    _refuse(path, claims, ~claims["kind"].isin(KINDS.keys()), "kind", f"is none of {', '.join(KINDS)}")
    _refuse(path, claims, ~claims["network"].isin(zoo.places.keys()), "network", "is not in the zoo")
    _refuse(path, claims, ~claims["score"].between(0.0, 1.0), "score", "is no number from 0 to 1")
    for kind, needed in KINDS.items():
        own = claims["kind"] == kind
        for column in needed:
            _refuse(path, claims, own & claims[column].isna(), column, f"is needed by a claim of kind {kind}")
        for column in ("other", "layer", "neuron", "feature", "on", "formula"):
            if column not in needed:
                _refuse(path, claims, own & claims[column].notna(), column, f"has no place in kind {kind}")
    pairs = claims["kind"] == "pair"
    _refuse(path, claims, pairs & ~claims["other"].isin(zoo.places.keys()), "other", "is not in the zoo")
    here = claims["kind"].isin(["neuron", "unit"])
    places = set(zip(zoo.neurons["network"], zoo.neurons["layer"], zoo.neurons["neuron"], strict=True))
    at = zip(claims["network"], claims["layer"].fillna(-1), claims["neuron"].fillna(-1), strict=True)
    missing = np.array([place not in places for place in at], dtype=bool)
    _refuse(path, claims, here & missing, "neuron", "is not in that layer of the network")
    _known_features(path, claims)
    twice = claims.duplicated(subset=[name for name in COLUMNS if name != "score"])
    _refuse(path, claims, twice, "network", "has the same claim in an earlier row")


def _known_features(path: Path, claims: pd.DataFrame) -> None:
    """Refuse features and circuits that the catalogue does not hold."""
    from mathcircuits.detect import catalogue, circuits

    for kind, names in (
        ("neuron", [catalogue[name].name for name in catalogue]),
        ("circuit", list(circuits)),
    ):
        unknown = (claims["kind"] == kind) & ~claims["feature"].isin(names)
        _refuse(path, claims, unknown, "feature", "is not in the catalogue (mathcircuits catalogue)")


def _refuse(path: Path, claims: pd.DataFrame, wrong: pd.Series, column: str, problem: str) -> None:
    """Refuse the first claim that is wrong."""
    import pandas as pd

    rows = pd.Series(wrong).fillna(True).to_numpy(dtype=bool).nonzero()[0]
    if len(rows):
        row = int(rows[0])
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        value = claims[column].iloc[row]
        shown = repr(value) if isinstance(value, str) else str(value)
        raise FileError(path, f"row {row}: {column} {shown} {problem}{more}", _REMEDY)
