"""The folders outside a project that mathcircuits keeps things in."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


def home_folder(name: str, *, cache: bool) -> Path:
    """`$MATHCIRCUITS_HOME/NAME`, else NAME in the platform's own folder for this program.

    A user without a home, as in many a container, gets a temporary folder, which goes with the process.

    Args:
        name: such as `catalogue`.
        cache: whether it can be made again, and so belongs to the platform's cache, or is the user's own.

    Examples:
        >>> home_folder("nulls", cache=True).name
        'nulls'
    """
    home = os.environ.get("MATHCIRCUITS_HOME")
    if home:
        return Path(home) / name
    import platformdirs

    base = Path((platformdirs.user_cache_dir if cache else platformdirs.user_config_dir)("mathcircuits"))
    # A "~" that nothing stands for would become a folder of that name, wherever the program runs.
    return (base if base.is_absolute() else _homeless()) / name


@cache
def _homeless() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mathcircuits-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logging.getLogger("mathcircuits").warning(
        "there is no home folder: nulls and compiled steps are made anew by every process (set MATHCIRCUITS_HOME to a "
        "folder that can be written)"
    )
    return folder
