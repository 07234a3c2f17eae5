"""Files that are there whole or not at all: a killed process leaves no half-written one under its name."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mathcircuits.detect import FileError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it takes that name when the block ends well.

    Raises:
        FileError: where the folder or the file cannot be written.

    Examples:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "note.txt"
        >>> with atomic(target) as file:
        ...     _ = file.write_text("whole")
        >>> target.read_text(), len(list(target.parent.iterdir()))
        ('whole', 1)
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise FileError(
            path, f"cannot be written ({error.strerror or error})", "choose another folder"
        ) from None
    finally:
        # Where a parent is a file even the look for the temporary one fails; the first error says more.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(folder: Path, key: str = "*") -> None:
    """Remove the temporary files that a killed process has left for one key, or for any."""
    for left in folder.glob(f".{key}.*.tmp"):
        left.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as JSON."""
    with atomic(path) as file:
        file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileError: where the file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, f"cannot be read ({error})", "is this the folder of a study?") from None
    except json.JSONDecodeError as error:
        raise FileError(
            path, f"is no JSON ({error})", "restore it, or move the folder away and run the study again"
        ) from None
    if not isinstance(content, dict):
        raise FileError(
            path, "holds no JSON object", "restore it, or move the folder away and run the study again"
        )
    return content
