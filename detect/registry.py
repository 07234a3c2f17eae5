"""What the registries of features, circuits and tasks share: a Mapping that answers to more names than it lists."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TypeVar

from .errors import UnknownNameError

Item = TypeVar("Item")


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
