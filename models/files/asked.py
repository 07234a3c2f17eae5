"""Asked: what the caller of `load` says of a source, for the readers that need it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mathcircuits.detect import InputError
from mathcircuits.detect.errors import did_you_mean, near_names
from mathcircuits.detect.networks import LINKS, check_nonlinearity

from .refusals import Unreadable


@dataclass(frozen=True)
class Asked:
    """What the caller says.

    Attributes:
        activation: one name for all hidden layers or one each, perhaps one more for what follows the last layer;
            None where the caller does not say.
        part: which of several networks; None where the caller does not say.
        one_hot: whether embedding tables are read as the first layer of one-hot inputs.
        summed: whether one shared table of a group network is looked for whose rows are added up.

    Raises:
        InputError: for an unknown activation, or a part that is no text.

    Examples:
        >>> Asked(activation=["relu", "tanh"]).activation
        ('relu', 'tanh')
    """

    activation: str | Sequence[str] | None = None
    part: str | None = None
    one_hot: bool = False
    summed: bool = False

    def __post_init__(self) -> None:
        given = self.activation
        if given is not None and not isinstance(given, str | Sequence):
            raise InputError(f"activation {given!r}: give one name, or one per hidden layer")
        names = [given] if isinstance(given, str) else list(given or ())
        for place, name in enumerate(names):
            # What follows the last layer may be a closing function.
            if not (name in LINKS and place == len(names) - 1 and not isinstance(given, str)):
                check_nonlinearity(name)
        if given is not None and not isinstance(given, str):
            object.__setattr__(self, "activation", tuple(given))
        if self.part is not None and not isinstance(self.part, str):
            raise InputError(f"part {self.part!r}: give the name of one of several networks as a text")

    def choose(self, names: Iterable[str], what: str) -> str:
        """The name of the part that is read: the one asked for, or the only one.

        Args:
            names: of the parts.
            what: what the source holds them as, for the message ("networks", "state dicts").

        Raises:
            Unreadable: where none is asked for and there are several, or the one asked for is not there.

        Examples:
            >>> Asked(part="critic").choose(["actor", "critic"], "networks")
            'critic'
            >>> Asked().choose(["actor", "critic"], "networks")
            Traceback (most recent call last):
            ...
            mathcircuits.models.files.refusals.Unreadable: holds several networks (actor, critic);
            name one: part='actor'
        """
        known = list(names)
        listed = ", ".join(known)
        if self.part is None:
            if len(known) == 1:
                return known[0]
            raise Unreadable(f"holds several {what} ({listed})", f"name one: part={known[0]!r}")
        if self.part not in known:
            near = did_you_mean(near_names(self.part, known))
            raise Unreadable(f"holds no part {self.part!r}{near}", f"its parts are {listed}")
        return self.part

    def refuse_part(self, what: str) -> None:
        """Refuse `part=` for a source that holds one network.

        Raises:
            InputError: where a part is asked for.

        Examples:
            >>> Asked(part="critic").refuse_part("an .onnx file")
            Traceback (most recent call last):
            ...
            mathcircuits.detect.errors.InputError: part 'critic': an .onnx file holds one network; leave out part=
        """
        if self.part is not None:
            raise InputError(f"part {self.part!r}: {what} holds one network; leave out part=")
