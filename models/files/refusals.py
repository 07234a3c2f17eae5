"""Unreadable: the refusal of a reader, before it is known which file or object was read."""

from __future__ import annotations

from mathcircuits.detect import InputError


class Unreadable(InputError):
    """What cannot be read as an MLP: the layer and the reason, before the file's or object's name is known.

    Examples:
        >>> str(Unreadable("layer 'conv' (Conv2d) is none of an MLP's", "export the MLP alone"))
        "layer 'conv' (Conv2d) is none of an MLP's; export the MLP alone"
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(problem + (f"; {remedy}" if remedy else ""))
