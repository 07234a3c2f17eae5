"""The record of a compression: the network, what it was made of, and how far the two differ."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from functools import cached_property

from mathcircuits.detect import Certificate, Network, certify
from mathcircuits.detect.exact import is_piecewise_linear
from mathcircuits.detect.networks import Box


@dataclass(frozen=True, eq=False, repr=False)
class Compressed:
    """What `compress` made of a network.

    Attributes:
        network: the compressed network.
        original: the network that it was made of.
        target: what it was fitted to, in a word: a task's name, `data` or `itself`.
        box: (low, high) per input: where the two are compared.
        tolerance: the mean squared error that was allowed.
        loss: the mean squared error against the target on points that nothing was fitted to or chosen by.
        verified: whether that is below the tolerance.
        held_out: the largest difference to the original that was met on these points.
        cost: steps of Levenberg-Marquardt tried.
        removed: (hidden layer, neuron) of the original, in the order in which they went.
        readable: whether the last step changed the weights.

    Examples:
        >>> from .compressing import compress
        >>> wide = Network([[[1.0], [2.0], [-1.0], [-0.5]], [[1.0, 1.0, 2.0, 2.0]]])
        >>> done = compress(wide, None)
        >>> done.before, done.after, done.verified, len(done.removed)
        ((1, 4, 1), (1, 2, 1), True, 2)
        >>> done.difference.upper < 1e-9
        True
    """

    network: Network
    original: Network = field(repr=False)
    target: str
    box: Box
    tolerance: float
    loss: float
    verified: bool
    held_out: float
    cost: int
    removed: tuple[tuple[int, int], ...]
    readable: bool

    @property
    def before(self) -> tuple[int, ...]:
        """The sizes of the original."""
        return self.original.sizes

    @property
    def after(self) -> tuple[int, ...]:
        """The sizes of the compressed network."""
        return self.network.sizes

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the compressed network."""
        return self.network.sizes

    def to_network(self) -> Network:
        """The compressed network, so that it goes wherever a network does."""
        return self.network

    @cached_property
    def difference(self) -> Certificate | None:
        """A certificate of the largest difference to the original on the box, proved when it is first asked for.

        None where it is not feasible: with smooth activations, or where the search does not end in time;
        `held_out` is then what there is.
        """
        if not (is_piecewise_linear(self.network) and is_piecewise_linear(self.original)):
            return None
        proof = certify(self.network, self.original, box=self.box)
        return proof if proof.complete else None

    def __repr__(self) -> str:
        before, after = ("-".join(map(str, sizes)) for sizes in (self.before, self.after))
        said = "verified" if self.verified else "not verified"
        return f"Compressed({before} -> {after}, {self.target}, {said}: mse {self.loss:.2g})"

    def _repr_html_(self) -> str:
        def sizes(given: tuple[int, ...]) -> str:
            return "-".join(map(str, given))

        said = "below" if self.verified else "not below"
        rows = {
            "sizes": f"{sizes(self.before)} to {sizes(self.after)}",
            "target": self.target,
            "mean squared error": f"{self.loss:.3g} on unseen points, {said} {self.tolerance:g}",
            "largest difference to the original met": f"{self.held_out:.3g}",
            "made readable": "yes" if self.readable else "no",
            "steps of Levenberg-Marquardt": f"{self.cost:,}",
        }
        cells = "".join(
            f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows.items()
        )
        return f"<table><tbody>{cells}</tbody></table>"
