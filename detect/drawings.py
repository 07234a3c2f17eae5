"""Drawings: what a result draws of itself, by functions that stand above this package and are found by name.

Nothing here imports matplotlib or the reports. What draws registers itself as an installed entry point of the group
`mathcircuits.drawings`, as features, circuits and tasks of a plug-in do, so that imports keep running one way.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes

#: Of the entry points.
GROUP = "mathcircuits.drawings"


def drawing(name: str) -> Callable[..., Any]:
    """The installed function that draws under a name.

    Raises:
        InputError: where there is none.

    Examples:
        >>> drawing("circuit").__name__
        'plot_circuit'
        >>> drawing("portrait")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: no drawing 'portrait' is installed; known: circuit, html, losses, ...
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = (
            ", ".join(sorted(points)) or "none: install mathcircuits again, in a clone by `pip install -e .`"
        )
        raise InputError(f"no drawing {name!r} is installed; known: {known}")
    found: Callable[..., Any] = points[name].load()
    return found


class NetworkPlots:
    """What an Analysis draws of its network; matplotlib is imported when one of these is first called."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """The network as a graph, as `plot_circuit` draws it."""
        return self.plot_circuit(ax)

    def plot_circuit(self, ax: Axes | None = None) -> Axes:
        """The network as a graph: neurons with their features, edges with their signed weights.

        Args:
            ax: where to draw; by default a new figure.

        Examples:
            >>> import matplotlib.pyplot as plt
            >>> from ..detect import analyse, hand_derived
            >>> ax = analyse(hand_derived("minimum"), task="minimum", init="uniform").plot_circuit()
            >>> {"greaterness", "x1, x2", "matched"} <= {text.get_text() for text in ax.texts}
            True
            >>> plt.close(ax.figure)
        """
        made: Axes = drawing("circuit")(self, ax=ax)
        return made

    def plot_responses(self, axes: npt.NDArray[np.object_] | None = None) -> npt.NDArray[np.object_]:
        """What each neuron and the outputs answer over the box, a plot each.

        Args:
            axes: where to draw, at least as many as there are plots; by default a new figure.

        Returns:
            The axes that were drawn on: the neurons', layer by layer, then the outputs'.
        """
        made: npt.NDArray[np.object_] = drawing("responses")(self, axes=axes)
        return made

    def plot_null(self, layer: int, neuron: int, ax: Axes | None = None) -> Axes:
        """One match as a line over the histogram of the null's neurons, see `null_of`.

        Args:
            layer, neuron: as in the table of neurons.
            ax: where to draw; by default a new figure.

        Raises:
            InputError: where no draws stand behind the match's p.
        """
        made: Axes = drawing("null")(self, layer, neuron, ax=ax)
        return made

    def _repr_html_(self) -> str:
        return str(drawing("html")(self))
