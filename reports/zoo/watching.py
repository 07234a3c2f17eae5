"""Watching: the networks that a baseline has read, as a bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def watched(things: Iterable[str], unit: str) -> Iterator[str]:
    """The same things; on a terminal a bar counts those that were read. In a pipe nothing is shown.

    Args:
        things: names; unit: what they are, in the plural.

    Examples:
        >>> list(watched(["a", "b"], "networks"))
        ['a', 'b']
    """
    from tqdm import tqdm

    # tqdm's disable=None means: no bar where the output is no terminal
    yield from tqdm(list(things), unit=f" {unit}", leave=False, disable=None)
