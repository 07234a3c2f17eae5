"""Named biases: which form, and which features, a bias that was named before any run predicts of a task's networks."""

from __future__ import annotations

from functools import lru_cache

from mathcircuits.detect import Network, Task, gauge_of, selected_gauge
from mathcircuits.detect.exact import has_only_form
from mathcircuits.detect.features import Label, mirrored
from mathcircuits.detect.recognition import census_name
from mathcircuits.detect.universality import Orbits, carriers

#: The biases, as tables call them: that of decay, and that of a regimen that takes neurons away.
LEAST_NORM, SMALLEST_WIDTH = "least norm", "smallest width"


def predicted_form(task: Task, bias: str = LEAST_NORM) -> str | None:
    """What the census calls the form that a bias selects for a task; None where it selects none.

    Args:
        task: the function.
        bias: `LEAST_NORM`, which selects where one gauge has the least path norm; or `SMALLEST_WIDTH`, which selects
            where networks of the task's smallest size compute it in one way only (`has_only_form`).

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> [predicted_form(tasks["minimum"], bias) for bias in (LEAST_NORM, SMALLEST_WIDTH)]
        ['1/2 (x1 + x2) - 1/2 |x1 - x2|', 'x1 - relu(x1 - x2)']
        >>> predicted_form(tasks["minimum-of-4"]) is None
        True
    """
    network = _predicted(task, bias)
    return (
        None if network is None else census_name(gauge_of(network, box=task.box, symmetries=task.symmetries))
    )


def predicts_feature(label: Label, orbits: Orbits, *, oriented: bool = False) -> bool:
    """Whether networks of least norm hold a feature, or a mirror image under the task's symmetries.

    Args:
        label: the feature on its inputs; orbits: the task's.
        oriented: whether on these very inputs, in every mirror image of the network.

    Examples:
        >>> from mathcircuits.detect import tasks
        >>> orbits = Orbits(tasks["minimum"])
        >>> predicts_feature(("positive-sum", ("x1", "x2")), orbits)
        True
        >>> predicts_feature(("positiveness", ("x1",)), orbits)
        False
    """
    held = _predicted_labels(orbits.task)
    if not oriented:
        return any(not labels.isdisjoint(orbits.orbit(label)) for labels in held)
    return bool(held) and all(label in labels for labels in held)


@lru_cache(maxsize=256)
def _predicted_labels(task: Task) -> tuple[frozenset[Label], ...]:
    """The features that the network of least norm holds, and those of each mirror image; none without a prediction."""
    network = _predicted(task, LEAST_NORM)
    if network is None:
        return ()
    images = [network, *(mirrored(network, symmetry) for symmetry in task.symmetries)]
    (layer,) = carriers(images, box=task.box)
    return tuple(layer.held_labels())


def _predicted(task: Task, bias: str) -> Network | None:
    """A network that has what a bias selects, up to the task's symmetries."""
    if bias == SMALLEST_WIDTH:
        return task.hand_derived if has_only_form(task) else None
    found = selected_gauge(task, "penalised" if task.needs_bias else "none")
    return found.least.network if found is not None and found.unique else None
