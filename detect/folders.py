"""The folders outside a project that mathcircuits keeps things in."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder(name: str, *, cache: bool) -> Path:
    """`$MATHCIRCUITS_HOME/NAME`, else NAME in the platform's own folder for this program.

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

    base = platformdirs.user_cache_dir if cache else platformdirs.user_config_dir
    return Path(base("mathcircuits")) / name
