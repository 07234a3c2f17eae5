"""What comes from strangers: TOML, JSON and files of any kind are read, or refused by the project's own error.

Files and folders that are not this program's own work are the boundary: networks, studies' folders, catalogues,
configurations, caches. Each of their readers parses by these functions, or works under `damaged`, so that no content
whatever ends in a traceback. docs/security.md lists what is trusted, and what is checked where.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import FileError, MathCircuitsError

#: Characters of a TOML file: the parser is written in Python and takes about a second for a million of them. The
#: longest file that this program writes, the candidates of a study, has some ten thousand.
MAX_TOML = 2_000_000
#: Characters of an error's text that a message repeats.
_SHOWN = 300


def parse_toml(text: str, source: object) -> dict[str, Any]:
    """The tables of a TOML text.

    Args:
        text: of the file.
        source: its path, for the error.

    Raises:
        FileError: where it is not TOML, or TOML that cannot be read: nested too deeply, a number of thousands of
            digits, too long.

    Examples:
        >>> parse_toml("a = 1", "mine.toml")
        {'a': 1}
        >>> parse_toml("a = " + 5000 * "1", "mine.toml")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: mine.toml: is not TOML (Exceeds the limit ...); mend it there
    """
    if len(text) > MAX_TOML:
        raise FileError(
            source, f"has {len(text)} characters, more than {MAX_TOML}", "split it into several files"
        )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileError(source, "is TOML that cannot be read (nested too deeply)", "mend it there") from None
    except ValueError as error:  # tomllib's own error is one; so is that for too many digits
        raise FileError(source, f"is not TOML ({shown(error)})", "mend it there") from None


def parse_json(text: str | bytes, source: object, remedy: str) -> Any:
    """What a JSON text says.

    Raises:
        FileError: where it is not JSON, or JSON that cannot be read.

    Examples:
        >>> parse_json("[1, 2]", "box.json", "")
        [1, 2]
        >>> parse_json(100_000 * "[", "box.json", "give [low, high]")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: box.json: is JSON that cannot be read (nested too deeply); give [low, ...
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise FileError(source, "is JSON that cannot be read (nested too deeply)", remedy) from None
    except ValueError as error:
        raise FileError(source, f"is not JSON ({shown(error)})", remedy) from None


def read_toml(path: Path, remedy: str = "give a UTF-8 TOML file") -> dict[str, Any]:
    """The tables of a TOML file; a byte order mark, with which some editors begin a file, is skipped.

    Raises:
        FileError: where it cannot be read, or `parse_toml` refuses it.

    Examples:
        >>> read_toml(Path("no such.toml"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no such.toml: cannot be read (No such file or directory); give a UTF-8 ...
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:  # not UTF-8, or a null in the path
        raise FileError(path, f"cannot be read ({shown(error)})", remedy) from None
    return parse_toml(text, path)


@contextmanager
def damaged(path: object, remedy: str, problem: str = "is damaged") -> Iterator[None]:
    """What goes wrong in this block is the file's fault: any error but the project's own becomes a FileError.

    For the last wall around a reader, which has refused by name what it knows to be wrong.

    Args:
        path: the file.
        remedy: what to do.
        problem: what to say of the file; the error's kind and text follow in brackets.

    Examples:
        >>> with damaged("run/manifest.json", "run the study again in another folder"):
        ...     {}["config"]
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: run/manifest.json: is damaged (KeyError: 'config'); run the study ...
    """
    try:
        yield
    except MathCircuitsError:
        raise
    # MemoryError and RecursionError are Exceptions too: a file of a few bytes can ask for either.
    except Exception as error:
        raise FileError(path, f"{problem} ({type(error).__name__}: {shown(error)})", remedy) from error


def shown(error: BaseException) -> str:
    """The first line of an error's text, cut to what a message can hold; the system's words for a system's error.

    Examples:
        >>> shown(OSError(2, "No such file")), shown(ValueError("one\\ntwo")), shown(KeyError())
        ('No such file', 'one', 'KeyError')
    """
    text = str(getattr(error, "strerror", None) or error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= _SHOWN else line[:_SHOWN] + " ..."
