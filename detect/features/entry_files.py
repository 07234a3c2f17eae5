"""The catalogue's TOML files: where a user's lie, and how an entry is read and checked."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FileError, InputError, MathCircuitsError, did_you_mean, near_names
from ..folders import home_folder
from ..networks.box import as_box
from ..untrusted import parse_toml
from .binding import finite_on
from .feature import Feature
from .formulas import Formula
from .symmetry import Symmetry

if TYPE_CHECKING:
    pass


def user_catalogue_folder() -> Path:
    """The folder of the user's own entries, which `mathcircuits add` writes to.

    `$MATHCIRCUITS_HOME/catalogue`, else the platform's configuration folder.

    Examples:
        >>> user_catalogue_folder().name
        'catalogue'
    """
    return home_folder("catalogue", cache=False)


def user_catalogue_files() -> tuple[Path, ...]:
    """The user's catalogue files, in the order of their names.

    Examples:
        >>> all(path.suffix == ".toml" for path in user_catalogue_files())
        True
    """
    return tuple(sorted(user_catalogue_folder().glob("*.toml")))


#: What an entry may say, and the type of each: a text, texts, numbers, or lists of texts.
_ENTRY_KEYS = {
    "id": "text",
    "formula": "text",
    "definition": "text",
    "source": "text",
    "class": "text",
    "aliases": "texts",
    "tags": "texts",
    "circuits": "texts",
    "symmetry": "images",
    "direction": "numbers",
}


_REQUIRED = ("id", "formula", "definition")


_WRITTEN = {
    "text": "a text that is not blank",
    "texts": 'a list of texts, such as ["one", "two"]',
    "images": 'a list of images of the arguments, such as [["x2", "x1"]]',
    "numbers": "a list of finite numbers, such as [1, -1]",
}


_HEADER = re.compile(r"""\s*\[\[\s*(?:feature|"feature"|'feature')\s*\]\]""")


@dataclass(frozen=True)
class Entry:
    """A feature and where it was written."""

    feature: Feature
    source: str
    line: int


def read_entries(path: Path) -> list[Entry]:
    try:
        # Some editors begin a file with a byte order mark.
        text = path.read_text("utf-8-sig")
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise FileError(path, problem, "give a UTF-8 TOML file of [[feature]] tables") from None
    except UnicodeDecodeError as error:
        raise FileError(
            path, f"is not UTF-8 ({error})", "give a UTF-8 TOML file of [[feature]] tables"
        ) from None
    return parse_entries(text, str(path))


def parse_entries(text: str, source: str) -> list[Entry]:
    data = parse_toml(text, source)
    entries = data.pop("feature", None)
    if data:
        unknown = next(iter(data))
        near = did_you_mean(near_names(unknown, ["feature"]))
        raise FileError(
            source, f"unknown table or key {unknown!r}{near}", "write one [[feature]] table per feature"
        )
    if not isinstance(entries, list) or not entries:
        raise FileError(source, "holds no [[feature]] table", "write one [[feature]] table per feature")
    lines = _lines(text, len(entries))
    found = []
    for k, (entry, line) in enumerate(zip(entries, lines, strict=True)):
        name = entry.get("id", k + 1) if isinstance(entry, dict) else k + 1
        try:
            found.append(Entry(_parse_entry(entry), source, line))
        except MathCircuitsError as error:
            raise FileError(source, f"feature {name!r}: {error}", line=line) from None
    return found


def _lines(text: str, count: int) -> list[int]:
    """The line, from 1, on which each of the entries begins."""
    rows = text.split("\n")
    lines = [number for number, row in enumerate(rows, 1) if _HEADER.match(row)]
    if len(lines) != count:
        # A header inside a text of several lines is none: what stands before a true one is whole.
        lines = [number for number in lines if _whole("\n".join(rows[: number - 1]))]
    if len(lines) != count:
        # One array of inline tables: each begins where its braces do, at the latest where its id stands.
        first = next((k for k, row in enumerate(rows, 1) if row.strip()), 1)
        lines = [number for number, row in enumerate(rows, 1) for _ in re.findall(r"\bid\s*=", row)]
        lines = lines if len(lines) == count else [first] * count
    return lines


def _whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _parse_entry(entry: object) -> Feature:
    if not isinstance(entry, dict):
        raise InputError(f"is a {type(entry).__name__}, not a table: write a [[feature]] table")
    for key, value in entry.items():
        if key not in _ENTRY_KEYS:
            known = f"known keys: {', '.join(sorted(_ENTRY_KEYS))}"
            raise InputError(f"unknown key {key!r}{did_you_mean(near_names(key, _ENTRY_KEYS))} ({known})")
        if not _fits(value, _ENTRY_KEYS[key]):
            raise InputError(f"{key} = {value!r}: give {_WRITTEN[_ENTRY_KEYS[key]]}")
    for key in _REQUIRED:
        if key not in entry:
            raise InputError(f"{key!r} is missing: every entry has an id, a formula and a definition")
    formula = Formula(entry["formula"])
    if not finite_on(formula, as_box((-1.0, 1.0), formula.arity)):
        raise InputError(
            f"formula {formula.text}: it is infinite, NaN or too large to be squared on the box (-1, 1); write it so "
            "that it is finite there, as 1/max(x1, 0.01) is"
        )
    direction = entry.get("direction")
    return Feature(
        id=entry["id"],
        formula=formula,
        definition=entry["definition"],
        arity=formula.arity,
        aliases=tuple(entry.get("aliases", ())),
        tags=tuple(entry.get("tags", ())),
        source=entry.get("source", ""),
        competes_as=entry.get("class", "other"),
        symmetry=tuple(Symmetry.parse(images) for images in entry.get("symmetry", ())),
        direction=None if direction is None else tuple(float(w) for w in direction),
        circuits=tuple(entry.get("circuits", ())),
    )


def _fits(value: object, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str) and bool(value.strip())
    if not isinstance(value, list):
        return False
    if kind == "numbers":
        numeric = all(isinstance(w, int | float) and not isinstance(w, bool) for w in value)
        return numeric and all(abs(w) < np.inf for w in value)
    return all(_fits(item, "texts" if kind == "images" else "text") for item in value)
