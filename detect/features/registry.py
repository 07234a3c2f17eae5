"""Registry: names, aliases and near names of a set of entries; plug-ins by entry point."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import EntryPoint
from inspect import isfunction
from typing import Any, TypeVar

from ..errors import InputError, MathCircuitsError, UnknownNameError

Item = TypeVar("Item")
#: Names that the repr of a registry gives.
_NAMED = 12
#: Names whose folded form is kept: a lookup folds every name that a registry holds.
_FOLDED = 4096


class PluginError(InputError):
    """An installed plug-in that cannot be used; the message names it and its package.

    Examples:
        >>> issubclass(PluginError, InputError)
        True
    """


def named_few(names: Iterable[str]) -> str:
    """The first twelve names, and how many more there are.

    Examples:
        >>> named_few("abc"), named_few("abcdefghijklmn")
        ('a, b, c', 'a, b, c, d, e, f, g, h, i, j, k, l, and 2 more')
    """
    given = list(names)
    more = len(given) - _NAMED
    return ", ".join([*given[:_NAMED], *([f"and {more} more"] if more > 0 else [])])


def load_plugin(point: EntryPoint) -> Any:
    """What an entry point names; where that is a function, what it returns without arguments.

    Raises:
        PluginError: where it cannot be loaded, or the function fails; the message names the plug-in and its error.

    Examples:
        >>> load_plugin(EntryPoint("pi", "math:pi", "mathcircuits.features"))
        3.141592653589793
        >>> load_plugin(EntryPoint("tau", "maths:tau", "mathcircuits.features"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.features.registry.PluginError: plug-in 'tau' (mathcircuits.features: maths:tau) cannot be
        loaded (ModuleNotFoundError: No module named 'maths'); mend that package, or uninstall it
    """
    try:
        found = point.load()
        return found() if isfunction(found) else found
    # One that ends the program (sys.exit) would end every command, and without a word.
    except (Exception, SystemExit) as error:
        raise plugin_error(point, f"cannot be loaded ({type(error).__name__}: {error})") from error


def items_of(point: EntryPoint, found: object, kind: type[Item], expected: str) -> list[Item]:
    """What an entry point gave, one item or several, as a list.

    Args:
        point: the entry point, for the message; found: what it names.
        kind: the class of an item; expected: the message's words for what it should have been.

    Raises:
        PluginError: where it, or one of several, is something else.

    Examples:
        >>> point = EntryPoint("pi", "math:pi", "mathcircuits.features")
        >>> items_of(point, 3.14, float, "a float or several"), items_of(point, (1.0, 2.0), float, "a float")
        ([3.14], [1.0, 2.0])
        >>> items_of(point, "3.14", float, "a float or several")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.features.registry.PluginError: plug-in 'pi' (mathcircuits.features: math:pi) gives a str,
        expected a float or several; mend that package, or uninstall it
    """
    single = isinstance(found, kind | str | bytes | Mapping) or not isinstance(found, Iterable)
    try:
        items: list[Any] = [found] if single else list(found)  # type: ignore[call-overload]  # an Iterable
    except (Exception, SystemExit) as error:  # a generator runs here
        raise plugin_error(point, f"cannot be loaded ({type(error).__name__}: {error})") from error
    for item in items:
        if not isinstance(item, kind):
            raise plugin_error(point, f"gives a {type(item).__name__}, expected {expected}")
    return items


@contextmanager
def clashes_named(point: EntryPoint) -> Iterator[None]:
    """Within the block, what a registry refuses is an error about the entry point whose items it was given.

    Raises:
        PluginError: in place of any other error of ours.

    Examples:
        >>> with clashes_named(EntryPoint("pi", "math:pi", "mathcircuits.features")):
        ...     raise InputError("the name 'pi' is taken")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.features.registry.PluginError: plug-in 'pi' (mathcircuits.features: math:pi)
        clashes (the name 'pi' is taken); mend that package, or uninstall it
    """
    try:
        yield
    except PluginError:
        raise
    except MathCircuitsError as error:
        raise plugin_error(point, f"clashes ({error})") from error


def plugin_error(point: EntryPoint, problem: str) -> PluginError:
    """The error about an entry point: which one, of which package, and what to do."""
    package = f" of the package {point.dist.name!r}" if point.dist is not None else ""
    return PluginError(
        f"plug-in {point.name!r} ({point.group}: {point.value}){package} {problem}; "
        "mend that package, or uninstall it"
    )


class Registry(Mapping[str, Item]):
    """Items by name, of which aliases and the like find them too; `in` always agrees with `[]`.

    A registry adds two things: what it holds, and `__getitem__`, which raises an UnknownNameError for whatever finds
    nothing, another type included.

    Examples:
        >>> class Letters(Registry[str]):
        ...     def _held(self):
        ...         return {"a": "alpha", "b": "beta"}
        ...
        ...     def __getitem__(self, name):
        ...         found = self._held().get(str(name).lower())
        ...         if found is None:
        ...             raise UnknownNameError("letter", name, self, f"known: {', '.join(self)}")
        ...         return found
        >>> list(Letters()), len(Letters()), "A" in Letters(), "c" in Letters(), 5 in Letters()
        (['a', 'b'], 2, True, False, False)
    """

    @abstractmethod
    def _held(self) -> Mapping[str, Item]:
        """Each item under the one name that it is listed by."""

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]  # anything else is refused inside
        except UnknownNameError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._held())

    def __len__(self) -> int:
        return len(self._held())


@lru_cache(maxsize=_FOLDED)
def fold_name(name: str) -> str:
    """A name in the form in which names are compared: any case, words joined by a space, `-` or `_`.

    Spaces around an operator don't count either, so that `"X1>x2"` finds `"x1 > x2"`.

    Examples:
        >>> fold_name("Minimum of_four"), fold_name(" |X1 -  x2| "), fold_name("--x")
        ('minimum-of-four', '|x1-x2|', '--x')
    """
    tight = re.sub(r"\s*([-<>|+(),^*/])\s*", r"\1", name.strip().casefold())
    return re.sub(r"[\s_]+", "-", tight)
