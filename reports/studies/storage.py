"""Files that are there whole or not at all: a killed process leaves no half-written one under its name.

Files of a cell have checksums, in one file beside them that `sha256sum -c` reads too: they are read again after days,
from disks that other programs write to. One whose content is not what was written counts as not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import FileError
from mathcircuits.detect.untrusted import parse_json

if TYPE_CHECKING:
    import pandas as pd

#: The file of the checksums of a study's tables, beside them.
CHECKSUMS = "checksums.sha256"
#: With these a spreadsheet's formula begins.
_RUN = ("=", "+", "-", "@", "\t", "\r")
#: Bytes that are read at a time.
_PIECE = 2**20


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
        # Its name must not outlive its content where the machine loses power.
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
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


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as CSV, without its index.

    Raises:
        FileError: where it cannot be written.
    """
    with atomic(path) as file:
        file.write_text(csv_text(frame), "utf-8")


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV, without its index. A spreadsheet takes a cell that begins with =, +, - or @ for a formula, and
    runs it: before a text that does so stands an apostrophe, which spreadsheets do not show (OWASP, CSV injection).

    Examples:
        >>> import pandas as pd
        >>> csv_text(pd.DataFrame({"name": ["=1+1", "plain"], "value": [-1.0, 2.0]})).splitlines()
        ['name,value', "'=1+1,-1.0", 'plain,2.0']
    """
    texts = frame.select_dtypes(include=["object", "string", "category"]).columns
    shown = frame.assign(**{name: frame[name].map(_inert).astype(object) for name in texts})
    return str(shown.rename(columns=_inert).to_csv(index=False, lineterminator="\n"))


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUN) else value


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
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, f"cannot be read ({error})", "is this the folder of a study?") from None
    content = parse_json(text, path, "restore it, or move the folder away and run the study again")
    if not isinstance(content, dict):
        raise FileError(
            path, "holds no JSON object", "restore it, or move the folder away and run the study again"
        )
    return content


def digest(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        OSError: where it cannot be read.
    """
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def read_checksums(path: Path) -> dict[str, str]:
    """File name -> SHA-256, as a file of checksums has them; nothing where it is missing or damaged.

    Examples:
        >>> read_checksums(Path("no such.sha256"))
        {}
    """
    try:
        lines = [line.split("  ", 1) for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return {}
    return {pair[1]: pair[0] for pair in lines if len(pair) == 2}


def write_checksums(path: Path, files: Iterable[Path]) -> None:
    """Add files, which lie beside `path`, to its checksums; those that are no longer there leave it.

    Raises:
        FileError: where it cannot be written.
    """
    sums = {name: text for name, text in read_checksums(path).items() if (path.parent / name).is_file()}
    sums.update({file.name: digest(file) for file in files})
    with atomic(path) as temporary:
        temporary.write_text("".join(f"{text}  {name}\n" for name, text in sorted(sums.items())), "utf-8")


def intact(path: Path, files: Iterable[Path]) -> bool:
    """Whether all these files are there and have the checksums that `path` says.

    Examples:
        >>> intact(Path("no such.sha256"), [Path("net.safetensors")])
        False
    """
    sums = read_checksums(path)
    try:
        return all(sums.get(file.name) == digest(file) for file in files)
    except OSError:
        return False


def check_intact(path: Path, content: bytes, sums: Path, remedy: str) -> None:
    """Refuse a file's content that is not the one which was written; without checksums there is nothing to hold it to.

    Raises:
        FileError: where it differs.
    """
    wanted = read_checksums(sums).get(path.name)
    if wanted is not None and hashlib.sha256(content).hexdigest() != wanted:
        raise FileError(
            path, f"has changed since it was written (its checksum stands in {sums.name})", remedy
        )
