"""The folders outside a project that mathcircuits keeps things in."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from .errors import FileError


def home_folder(name: str, *, cache: bool) -> Path:
    """`$MATHCIRCUITS_HOME/NAME`, else NAME in the platform's own folder for this program.

    A user without a home, as in many a container, gets a temporary folder, which goes with the process; so does one
    whose folder cannot be looked into, unless it is the catalogue of the user's own that he named by the variable.

    Args:
        name: such as `catalogue`.
        cache: whether it can be made again, and so belongs to the platform's cache, or is the user's own.

    Raises:
        FileError: where `$MATHCIRCUITS_HOME/NAME` is the user's own and cannot be looked into.

    Examples:
        >>> home_folder("nulls", cache=True).name
        'nulls'
    """
    folder = wanted_folder(name, cache=cache)
    # A "~" that nothing stands for would become a folder of that name, wherever the program runs.
    if not folder.is_absolute() and not os.environ.get("MATHCIRCUITS_HOME"):
        return _homeless("there is no home folder") / name
    problem = _problem(folder)
    if not problem:
        return folder
    if os.environ.get("MATHCIRCUITS_HOME") and not cache:
        raise FileError(
            folder, f"cannot be looked into ({problem})", "set MATHCIRCUITS_HOME to a folder of yours"
        )
    return _homeless(f"{folder} cannot be looked into ({problem})") / name


def wanted_folder(name: str, *, cache: bool) -> Path:
    """The folder that `home_folder` gives where nothing is in its way.

    Examples:
        >>> wanted_folder("nulls", cache=True).name
        'nulls'
    """
    home = os.environ.get("MATHCIRCUITS_HOME")
    if home:
        return Path(home) / name
    import platformdirs

    return (
        Path((platformdirs.user_cache_dir if cache else platformdirs.user_config_dir)("mathcircuits")) / name
    )


def _problem(folder: Path) -> str:
    """The system's words where a folder cannot be looked into; nothing where it can, or is not there yet."""
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:  # a null in the name
        return str(getattr(error, "strerror", None) or error)
    return ""


def _homeless(problem: str) -> Path:
    folder = _temporary()
    if problem not in _SAID:
        _SAID.add(problem)
        logging.getLogger("mathcircuits").warning(
            f"{problem}: nulls and compiled steps are made anew by every process (set MATHCIRCUITS_HOME to a folder "
            "that can be written)"
        )
    return folder


#: Problems that have been said once.
_SAID: set[str] = set()


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mathcircuits-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
