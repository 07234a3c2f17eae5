"""Look-ups for the command line: features, tasks, and the user's own catalogue. numpy is the heaviest import here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mathcircuits.detect import Catalogue, Feature, FileError, Task, UnknownFeature
from mathcircuits.detect import catalogue as known_features
from mathcircuits.detect import tasks as known_tasks
from mathcircuits.detect.features import user_catalogue_folder
from mathcircuits.detect.untrusted import read_toml

from .terminal.console import print_fields, print_json, print_table


def print_features(query: str | None, as_json: bool) -> None:
    """One feature in full where the query names it, else a table of those that it finds.

    Raises:
        UnknownFeature: where it finds none.
    """
    exact = query is not None and query in known_features
    found = find_features(query)
    if as_json:
        print_json([feature_record(feature) for feature in found])
    elif exact:
        record = feature_record(found[0])
        print_fields(
            {key: ", ".join(map(str, v)) if isinstance(v, list) else str(v) for key, v in record.items()}
        )
    else:
        rows = [[feature.name, feature.formula.text, feature.definition] for feature in found]
        print_table(["name", "formula", "definition"], rows)


def find_features(query: str | None) -> list[Feature]:
    """All features, the one that the query names, or those that it matches.

    Examples:
        >>> [feature.name for feature in find_features("x1 > x2")]
        ['greaterness']
    """
    if query is None:
        return list(known_features.values())
    try:
        return [known_features[query]]
    except UnknownFeature:
        found = list(known_features.search(query).values())
        if not found:
            raise
        return found


def feature_record(feature: Feature) -> dict[str, Any]:
    """A feature as plain values.

    Examples:
        >>> feature_record(known_features["greaterness"])["direction"]
        [1.0, -1.0]
    """
    return {
        "id": feature.id,
        "name": feature.name,
        "aliases": list(feature.aliases),
        "formula": feature.formula.text,
        "definition": feature.definition,
        "arity": feature.arity,
        "class": feature.competes_as,
        "tags": list(feature.tags),
        "symmetry": [f"({', '.join(symmetry.images)})" for symmetry in feature.symmetry],
        "direction": [] if feature.direction is None else list(feature.direction),
        "circuits": list(feature.circuits),
        "source": feature.source,
    }


def print_tasks(as_json: bool) -> None:
    """A table of the registered tasks; the hidden sizes are the smallest known, without and with biases."""
    records = [task_record(task) for task in known_tasks.values()]
    if as_json:
        print_json(records)
        return
    columns = ["name", "formula", "inputs", "outputs", "hidden", "with bias", "also called"]
    rows = [
        [
            record["name"],
            record["formula"],
            str(record["inputs"]),
            str(record["outputs"]),
            _sizes(record["hidden"]),
            _sizes(record["hidden_with_bias"]),
            ", ".join(record["aliases"]),
        ]
        for record in records
    ]
    print_table(columns, rows)


def task_record(task: Task) -> dict[str, Any]:
    """A task as plain values.

    Examples:
        >>> task_record(known_tasks["minimum"])["symmetries"]
        ['(x2, x1)']
    """
    return {
        "name": task.name,
        "aliases": list(task.aliases),
        "formula": task.text,
        "inputs": task.arity,
        "outputs": task.outputs,
        "box": [list(pair) for pair in task.box],
        "points": [list(point) for point in task.points],
        "symmetries": [f"({', '.join(symmetry.images)})" for symmetry in task.symmetries],
        "needs_bias": task.needs_bias,
        "hidden": None if task.hidden is None else list(task.hidden),
        "hidden_with_bias": None if task.hidden_with_bias is None else list(task.hidden_with_bias),
        "circuits": list(task.circuits),
        "source": task.source,
    }


def add_entries(file: Path) -> tuple[Path, tuple[str, ...]]:
    """Copy a file of features or circuits into the user's own catalogue; adding it again changes nothing.

    Returns:
        Where it lies now, and the names of its entries (a gauge's with its circuit).

    Raises:
        FileError: where the file or an entry is wrong, a name is taken, or another file of that name is there.
    """
    return add_circuits(file) if _holds_circuits(file) else add_features(file)


def add_features(file: Path) -> tuple[Path, tuple[str, ...]]:
    """As `add_entries`, for `[[feature]]` tables."""
    from mathcircuits.detect import MathCircuitsError

    entries = Catalogue.load(file)
    target = _free_target(file, user_catalogue_folder())
    try:
        known_features | entries
    except MathCircuitsError as error:
        raise FileError(file, str(error)) from None
    _copy(file, target)
    return target, entries.names


def add_circuits(file: Path) -> tuple[Path, tuple[str, ...]]:
    """As `add_entries`, for `[[circuit]]` and `[[gauge]]` tables."""
    from mathcircuits.detect import MathCircuitsError, circuits
    from mathcircuits.detect.recognition import parse_circuits, user_circuit_folder

    # With the file in its place the installed catalogue holds it: what it says twice is said once.
    entries = parse_circuits(file.read_text("utf-8-sig"), str(file), circuits)
    target = _free_target(file, user_circuit_folder())
    try:
        circuits | entries
    except MathCircuitsError as error:
        raise FileError(file, str(error)) from None
    _copy(file, target)
    names = (c.name if c.gauge in (c.name, c.text) else f"{c.name} as {c.gauge}" for c in entries)
    return target, tuple(names)


def own_entries() -> list[dict[str, Any]]:
    """The files of the user's own catalogue: kind, name, the entries in each, and where it lies.

    A file that cannot be read is listed all the same, so that it can be removed; its entries are the error.
    """
    from mathcircuits.detect import MathCircuitsError, circuits
    from mathcircuits.detect.recognition import parse_circuits, user_circuit_folder

    found = []
    for kind, folder in (("features", user_catalogue_folder()), ("circuits", user_circuit_folder())):
        for path in sorted(folder.glob("*.toml")):
            try:
                if kind == "features":
                    entries = list(Catalogue.load(path).names)
                else:
                    own = parse_circuits(path.read_text("utf-8-sig"), str(path), circuits)
                    entries = [
                        c.name if c.gauge in (c.name, c.text) else f"{c.name} as {c.gauge}" for c in own
                    ]
            except (MathCircuitsError, OSError, UnicodeDecodeError) as error:
                entries = [f"cannot be read: {' '.join(str(error).split())}"]
            found.append({"file": path.stem, "kind": kind, "entries": entries, "path": str(path)})
    return found


def print_own_entries(as_json: bool = False) -> None:
    """Print the files of the user's own catalogue."""
    found = own_entries()
    if as_json:
        print_json(found)
    elif found:
        rows = [[entry["file"], entry["kind"], ", ".join(entry["entries"])] for entry in found]
        print_table(["file", "kind", "entries"], rows)
    else:
        print("your own catalogue is empty: mathcircuits add FILE")


def remove_entries(name: str) -> list[Path]:
    """Remove a file from the user's own catalogue, by its name with or without the ending.

    Returns:
        The files that were removed: one, or two where features and circuits bear the same name.

    Raises:
        UnknownNameError: where there is none of that name.
        FileError: where it cannot be removed.
    """
    from mathcircuits.detect import UnknownNameError

    found = own_entries()
    paths = [Path(entry["path"]) for entry in found if entry["file"] == name.removesuffix(".toml")]
    if not paths:
        known = [entry["file"] for entry in found]
        raise UnknownNameError("added file", name, known, "`mathcircuits add --list` lists them")
    for path in paths:
        try:
            path.unlink()
        except OSError as error:
            raise FileError(
                path, f"cannot be removed ({error.strerror or error})", "remove it yourself"
            ) from None
    return paths


def _holds_circuits(file: Path) -> bool:
    """Whether a TOML file has tables of circuits; what is no TOML is refused by the reader of features."""
    try:
        return bool({"circuit", "gauge"} & set(read_toml(file)))
    except FileError:
        return False


def _free_target(file: Path, folder: Path) -> Path:
    target = folder / f"{file.stem}.toml"
    if target.exists() and target.read_bytes() != file.read_bytes():
        raise FileError(
            target, "is there already, with other entries", "rename your file, or remove that one"
        )
    return target


def _copy(file: Path, target: Path) -> None:
    from ..studies.storage import atomic

    if not target.exists():
        with atomic(target) as temporary:
            temporary.write_bytes(file.read_bytes())


def _sizes(sizes: list[int] | None) -> str:
    return "-" if sizes is None else "-".join(map(str, sizes))
