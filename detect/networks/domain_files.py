"""Domains from files of bounds (.csv, .json, .toml, VNN-LIB)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import FileError, InputError
from ..untrusted import parse_json, parse_toml
from .box import Pair
from .domain import Domain, parse_bounds

_BOUNDS = "give a .csv of name,low,high, a .json or .toml of name = [low, high], or a VNN-LIB file (.vnnlib)"
#: A bound of an input in VNN-LIB (https://www.vnnlib.org): (<= X_0 0.5) or (>= X_0 -0.5).
_VNNLIB = re.compile(r"\(\s*(<=|>=)\s+X_([0-9]+)\s+([^\s()]+)\s*\)")


def read_bounds(path: Path, inputs: int, names: Sequence[str] | None = None) -> Domain:
    """The domain whose bounds a file gives: by name, by x1, x2, ..., or by X_0, X_1, ... in VNN-LIB.

    Raises:
        FileError: where the file cannot be read, or its bounds do not fit the inputs.
    """
    try:
        text = path.read_text("utf-8")
        if path.suffix == ".vnnlib" or "declare-const" in text:
            return _vnnlib(text, inputs, names)
        if path.suffix == ".json":
            table = parse_json(text, path, _BOUNDS)
        elif path.suffix == ".toml":
            table = parse_toml(text, path)
        else:
            table = _rows(text)
        found = dict(
            table.items() if isinstance(table, Mapping) else zip(_plain(len(table)), table, strict=True)
        )
        own = tuple(found) if names is None and len(found) == inputs else names
        return parse_bounds([f"{name}={low}:{high}" for name, (low, high) in found.items()], inputs, own)
    except FileError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise FileError(path, f"holds no bounds ({str(error).splitlines()[0]})", _BOUNDS) from None


def _vnnlib(text: str, inputs: int, names: Sequence[str] | None) -> Domain:
    """The smallest box that holds every case of the property."""
    low: dict[int, list[float]] = {}
    high: dict[int, list[float]] = {}
    for relation, number, value in _VNNLIB.findall(text):
        (high if relation == "<=" else low).setdefault(int(number), []).append(float(value))
    missing = [k for k in range(inputs) if k not in low or k not in high]
    if missing or max(low, default=-1) >= inputs:
        what = f"no bounds of X_{missing[0]}" if missing else f"X_{max(low)}"
        raise InputError(f"{what}, for a network of {inputs} inputs")
    plain = _plain(inputs) if names is None else list(names)
    texts = [f"{plain[k]}={min(low[k])!r}:{max(high[k])!r}" for k in range(inputs)]
    return parse_bounds(texts, inputs, names)


def _plain(inputs: int) -> list[str]:
    return [f"x{k + 1}" for k in range(inputs)]


def _rows(text: str) -> dict[str, Pair]:
    found: dict[str, Any] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and _numeric(",".join(cells[1:])):
            found[cells[0]] = (float(cells[1]), float(cells[2]))
        elif line.strip() and found:
            raise InputError(f"the line {line!r} is not name,low,high")
    if not found:
        raise InputError("no line is name,low,high")
    return found


def _numeric(line: str) -> bool:
    try:
        [float(value) for value in line.split(",")]
    except ValueError:
        return False
    return True
