"""Plug-ins: what other installed packages add through the entry-point groups of mathcircuits."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from .errors import InputError


class PluginError(InputError):
    """An installed plug-in that cannot be used; the message names it and its package.

    Examples:
        >>> issubclass(PluginError, InputError)
        True
    """


def load_plugin(point: EntryPoint) -> Any:
    """What an entry point names.

    Raises:
        PluginError: where it cannot be loaded; the message names the plug-in and its error.

    Examples:
        >>> load_plugin(EntryPoint("pi", "math:pi", "mathcircuits.features"))
        3.141592653589793
        >>> load_plugin(EntryPoint("tau", "maths:tau", "mathcircuits.features"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.plugins.PluginError: plug-in 'tau' (mathcircuits.features: maths:tau) cannot be
        loaded (ModuleNotFoundError: No module named 'maths'); mend that package, or uninstall it
    """
    try:
        return point.load()
    except Exception as error:
        raise plugin_error(point, f"cannot be loaded ({type(error).__name__}: {error})") from error


def plugin_error(point: EntryPoint, problem: str) -> PluginError:
    """The error about an entry point: which one, of which package, and what to do."""
    package = f" of the package {point.dist.name!r}" if point.dist is not None else ""
    return PluginError(
        f"plug-in {point.name!r} ({point.group}: {point.value}){package} {problem}; "
        "mend that package, or uninstall it"
    )
