"""The errors that mathcircuits raises: each names the operand, what was expected and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

#: Characters of a wrong name that a message repeats.
_SHOWN = 200
#: Characters of a message: a file can make one of any length, of its names.
_LONGEST = 4000
#: Characters that a terminal obeys or that turn the writing round: controls but for new lines and tabs, and the marks
#: of direction (Unicode Standard Annex 9).
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def printable(text: str) -> str:
    """A text in which names from files can do nothing to a terminal: their control characters stand as escapes.

    Examples:
        >>> print(printable("a" + chr(27) + "[31mb"))
        a\\x1b[31mb
    """
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


class MathCircuitsError(Exception):
    """Base of every error that mathcircuits raises on purpose.

    Examples:
        >>> issubclass(InputError, MathCircuitsError) and issubclass(InputError, ValueError)
        True
    """

    def __str__(self) -> str:
        text = printable(str(self.args[0]) if len(self.args) == 1 else super().__str__())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text)} characters in all)"


class InputError(MathCircuitsError, ValueError):
    """An argument, array or configuration that cannot be used as given.

    Examples:
        >>> raise InputError("width 0: a hidden layer needs at least one neuron")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: width 0: a hidden layer needs at least one neuron
    """


class FileError(InputError):
    """A file that cannot be read or written as asked; the message starts with the file's path.

    Attributes:
        path: the file; line: the line that is wrong, counted from 1, or None.

    Examples:
        >>> str(FileError("net.pt", "holds no weights", "save a state dict"))
        'net.pt: holds no weights; save a state dict'
        >>> str(FileError("mine.toml", "feature 'mine/cube': no formula", line=3))
        "mine.toml, line 3: feature 'mine/cube': no formula"
    """

    def __init__(self, path: object, problem: str, remedy: str = "", *, line: int | None = None) -> None:
        self.path, self.line = str(path), line
        self._given = (problem, remedy)
        where = self.path if line is None else f"{self.path}, line {line}"
        super().__init__(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception comes back from a worker process by its arguments, which the message alone is not.
        return _remade, (type(self), (self.path, *self._given), {"line": self.line})


class AssumptionWarning(UserWarning):
    """What a network's file does not say and was taken to be so; `network.assumptions` keeps the sentences.

    Examples:
        >>> issubclass(AssumptionWarning, UserWarning)
        True
    """


class UnknownNameError(MathCircuitsError, KeyError):
    """A name that a registry does not hold; the message names the near ones.

    Examples:
        >>> str(UnknownNameError("task", "minimun", ["minimum", "maximum"], "see `mathcircuits tasks`"))
        "no task named 'minimun': did you mean 'minimum'? (see `mathcircuits tasks`)"
    """

    def __init__(self, kind: str, name: object, options: Iterable[str], remedy: str) -> None:
        self.kind, self.name = kind, name
        self.near = near_names(str(name), options)
        self._remedy = remedy
        shown = repr(name) if len(repr(name)) <= _SHOWN else f"{repr(name)[:_SHOWN]}..."
        super().__init__(f"no {kind} named {shown}{did_you_mean(self.near)} ({remedy})")

    def __reduce__(self) -> tuple[Any, ...]:
        # The near names found once are the only options that the copy needs.
        return _remade, (type(self), (self.kind, self.name, self.near, self._remedy), {})


class UnknownFeature(UnknownNameError):
    """A feature that the catalogue does not hold.

    Examples:
        >>> issubclass(UnknownFeature, KeyError)
        True
    """


class UnknownTask(UnknownNameError):
    """A task that the registry does not hold.

    Examples:
        >>> issubclass(UnknownTask, KeyError)
        True
    """


def near_names(name: str, options: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The options most like `name`, best first, compared without regard to case.

    Examples:
        >>> near_names("gretaerness", ["greaterness", "positiveness", "sum"])
        ('greaterness',)
    """
    # difflib's time grows with the product of the lengths; no name of ours is nearly as long as this.
    wanted = name.casefold()[:_SHOWN]
    scored = {option: difflib.SequenceMatcher(None, wanted, option.casefold()).ratio() for option in options}
    # 0.6 is difflib's own cut-off; what is far behind the best only distracts from it.
    floor = max(0.6, max(scored.values(), default=0.0) - 0.15)
    near = [option for option in sorted(scored, key=lambda o: -scored[o]) if scored[option] >= floor]
    return tuple(near[:limit])


def did_you_mean(near: Iterable[str]) -> str:
    """The clause of an error message that offers the near names; empty where there are none.

    Examples:
        >>> did_you_mean(("minimum", "maximum"))
        ": did you mean 'minimum' or 'maximum'?"
        >>> did_you_mean(())
        ''
    """
    offered = " or ".join(repr(name) for name in near)
    return f": did you mean {offered}?" if offered else ""


def _remade(kind: type[Exception], arguments: tuple[Any, ...], options: dict[str, Any]) -> Exception:
    return kind(*arguments, **options)
