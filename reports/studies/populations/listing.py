"""Listing: the networks of a population as somebody gives them: a table, folders, or objects, with what they are.

A table (`networks.csv`) has the columns `path` (beside the table) and `seed`, and where there are any `task`, `step`
and others that tell conditions apart, such as `recipe` or `width`. Of a folder without a table each sub-folder is a
condition.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mathcircuits.detect import FileError, InputError, tasks
from mathcircuits.detect.errors import did_you_mean, near_names

from ..config import DERIVED

if TYPE_CHECKING:
    import pandas as pd

#: What a person may give: a folder, a table, several of them, a frame, or networks by condition.
Networks: TypeAlias = "str | os.PathLike[str] | Sequence[Any] | Mapping[str, Sequence[Any]] | pd.DataFrame"
#: The table of a folder.
TABLE = "networks.csv"
#: Files that hold a network, of the kinds that `mathcircuits.models.load` reads.
SUFFIXES = (
    ".safetensors", ".onnx", ".pt", ".pth", ".npz", ".skops", ".keras", ".h5", ".nnet", ".zip",
)  # fmt: skip
#: Columns that do not tell conditions apart.
_OWN = ("path", "seed", "step", "task")
#: What the condition is called where nothing tells two apart.
ONE = "networks"


@dataclass(frozen=True)
class Listed:
    """A network of a population, before it is read.

    Attributes:
        path: what it is called: its path as it was given, or its condition and place.
        source: what `mathcircuits.models.load` takes.
        seed: tells it from the others of its condition.
        task: the name of its task; empty where nobody says.
        step: the training step of a checkpoint; None where there is one network to a run.
        groups: the other columns.
    """

    path: str
    source: Any = field(repr=False)
    seed: int
    task: str = ""
    step: int | None = None
    groups: tuple[tuple[str, str], ...] = ()

    @property
    def recipe(self) -> str:
        """The other columns as the name of a regimen.

        Examples:
            >>> Listed("a.pt", "a.pt", 0, groups=(("recipe", "adam"), ("decay", "0.01"))).recipe
            'recipe=adam, decay=0.01'
            >>> Listed("a.pt", "a.pt", 0, groups=(("recipe", "adam"),)).recipe
            'adam'
            >>> Listed("a.pt", "a.pt", 0, groups=(("decay", "0.01"),)).recipe
            'decay=0.01'
        """
        if not self.groups:
            return ONE
        # A word says by itself what it is, a number does not.
        if len(self.groups) == 1 and not re.fullmatch(r"[-+.\deE]+", self.groups[0][1]):
            return self.groups[0][1]
        return ", ".join(f"{name}={value}" for name, value in self.groups)


def list_networks(given: Networks, by: Sequence[str] | None = None) -> list[Listed]:
    """The networks that somebody gives, in the order of the table, the paths, or as they are given.

    Args:
        given: a folder (with or without `networks.csv`), a table, several folders, a frame with the table's columns, or
            lists of networks by condition.
        by: the columns that tell conditions apart; by default all but `path`, `seed`, `step` and `task`.

    Raises:
        FileError: where a file is missing or not a table, or a folder holds no networks.
        InputError: where columns are missing, two rows are one network, or every run is a condition of its own.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found = list_networks({"by hand": [hand_derived("minimum")] * 2})
        >>> [(listed.path, listed.recipe, listed.seed) for listed in found]
        [('by hand/0', 'by hand', 0), ('by hand/1', 'by hand', 1)]
        >>> list_networks("no/such/folder")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no/such/folder: is not there; give a folder of networks, or a table ...
    """
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        found = _rows(given, Path(), "the table", by)
    elif isinstance(given, Mapping):
        found = [
            Listed(f"{name}/{k}", source, k, groups=(("recipe", str(name)),))
            for name, sources in given.items()
            for k, source in enumerate(sources)
        ]
    elif isinstance(given, str | os.PathLike):
        found = _at(Path(given), by)
    else:
        paths = [Path(path) for path in given if isinstance(path, str | os.PathLike)]
        if len(paths) != len(given):
            raise InputError(
                "networks: give a folder, a table, or lists of networks by the name of a condition"
            )
        found = _at(paths[0], by) if len(paths) == 1 else _several(paths, by)
    if not found:
        raise InputError(
            "networks: none were given; give a folder, a table, or lists of networks by condition"
        )
    return _checked(found)


def _at(path: Path, by: Sequence[str] | None) -> list[Listed]:
    if path.is_dir():
        table = path / TABLE
        if table.is_file():
            return _rows(_table(table), path, str(table), by)
        return _folder(path)
    if not path.is_file():
        raise FileError(path, "is not there", f"give a folder of networks, or a table such as {TABLE}")
    return _rows(_table(path), path.parent, str(path), by)


def _several(paths: Sequence[Path], by: Sequence[str] | None) -> list[Listed]:
    """The networks of several folders: each is a condition, or holds some."""
    found = []
    for path in paths:
        own = _at(path, by)
        name = path.resolve().name
        found += [
            replace(one, path=f"{name}/{one.path}", groups=(("folder", name), *one.groups)) for one in own
        ]
    return found


def _folder(root: Path) -> list[Listed]:
    """The files below a folder: what lies in one sub-folder is a condition; folders named after tasks are tasks."""
    files = sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
    if not files:
        raise FileError(
            root, "holds no networks", f"give a folder of files ({', '.join(SUFFIXES)}), or a table {TABLE}"
        )
    parents = [file.relative_to(root).parent.parts for file in files]
    named = all(parts and parts[0] in tasks for parts in parents)
    members: dict[tuple[str, ...], list[Path]] = {}
    for parts, file in zip(parents, files, strict=True):
        members.setdefault(parts, []).append(file)
    found = []
    for parts, own in members.items():
        task = tasks[parts[0]].name if named else ""
        recipe = " ".join(parts[1:] if named else parts)
        groups = (("recipe", recipe),) if recipe else ()
        seeds = _numbers([file.stem for file in own])
        found += [
            Listed(str(file.relative_to(root)), file, seed, task, groups=groups)
            for file, seed in zip(own, seeds, strict=True)
        ]
    return found


def _numbers(stems: Sequence[str]) -> list[int]:
    """The last number in each name where these tell them apart, else their places.

    Examples:
        >>> _numbers(["seed_7", "seed_12"]), _numbers(["a", "b"])
        ([7, 12], [0, 1])
    """
    last = [re.findall(r"\d+", stem)[-1:] for stem in stems]
    numbers = [int(found[0]) for found in last if found]
    return numbers if len(set(numbers)) == len(stems) else list(range(len(stems)))


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            path, f"is not a table ({why})", "give a CSV file with the columns path and seed"
        ) from None


def _rows(table: pd.DataFrame, root: Path, what: str, by: Sequence[str] | None) -> list[Listed]:
    columns = [str(name).strip() for name in table.columns]
    table = table.set_axis(columns, axis=1)
    for needed, means in (
        ("path", "the file of each network"),
        ("seed", "what tells runs of a condition apart"),
    ):
        if needed not in columns:
            near = did_you_mean(near_names(needed, columns))
            raise InputError(
                f"{what} has no column {needed!r}{near} (columns: {', '.join(columns)}): it holds {means}"
            )
    for name in by or ():
        if name not in columns or name in _OWN:
            others = [column for column in columns if column not in _OWN]
            raise InputError(
                f"{what}: no column {name!r} to tell conditions apart{did_you_mean(near_names(name, others))} "
                f"(columns: {', '.join(others) or 'none'})"
            )
    # What is the same in every row tells nothing apart.
    groups = [
        name
        for name in (columns if by is None else by)
        if name not in _OWN and table[name].astype(str).nunique() > 1
    ]
    found = []
    for number, row in enumerate(table.to_dict("records"), 1):
        path = row["path"]
        named = isinstance(path, str | os.PathLike)
        if named and not str(path).strip():
            raise InputError(f"{what}, row {number}: its path is empty")
        task = str(row.get("task", "") or "").strip()
        step = row.get("step", "")
        found.append(
            Listed(
                str(path).strip() if named else f"row {number}",
                root / str(path).strip() if named else path,
                _whole(row["seed"], "seed", what, number),
                tasks[task].name if task else "",
                None if str(step).strip() == "" else _whole(step, "step", what, number),
                tuple((name, str(row[name]).strip()) for name in groups),
            )
        )
    return found


def _whole(value: Any, column: str, what: str, number: int) -> int:
    text = str(value).strip()
    if not re.fullmatch(r"\d+(\.0+)?", text):
        raise InputError(f"{what}, row {number}: {column} = {text!r}: give a whole number from 0")
    return int(float(text)) if "." in text else int(text)


def _checked(found: list[Listed]) -> list[Listed]:
    """Refuse what cannot be told apart, and steps that only some have."""
    for one in found:
        if "/" in one.recipe or one.recipe == DERIVED or not one.recipe:
            raise InputError(
                f"{one.path}: the condition {one.recipe!r}: give another name, without a slash, which separates the "
                f"parts of an id, and not {DERIVED!r}, which stands for hand-derived networks"
            )
    paths = Counter(str(one.source) for one in found if isinstance(one.source, str | os.PathLike))
    twice = [path for path, count in paths.items() if count > 1]
    if twice:
        raise InputError(f"{twice[0]} is listed {paths[twice[0]]} times: a network counts once")
    runs = Counter((one.task, one.groups, one.seed, one.step) for one in found)
    for one in found:
        if runs[one.task, one.groups, one.seed, one.step] > 1:
            where = ", ".join(f"{name}={value}" for name, value in one.groups)
            at = "" if one.step is None else f", step {one.step}"
            raise InputError(
                f"{one.path}: seed {one.seed}{at} stands twice{f' in {where}' if where else ''}: name another "
                "column that tells them apart, or give every run a seed of its own"
            )
    sizes = Counter((one.task, one.groups) for one in {(o.task, o.groups, o.seed): o for o in found}.values())
    if found[0].groups and len(sizes) > 2 and max(sizes.values()) == 1:
        names = ", ".join(name for name, _ in found[0].groups)
        raise InputError(
            f"{names}: every run is a condition of its own, so that nothing can recur: name the columns that tell "
            "conditions apart (--by)"
        )
    if len({one.step is None for one in found}) > 1:
        lacking = next(one for one in found if one.step is None)
        raise InputError(
            f"{lacking.path} has no step, others have: give every row one, or leave the column out"
        )
    return found
