"""Transplants between all pairs of networks, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import InputError
from ..features.binding import label_text
from ..features.catalogues import Catalogue
from ..features.task import Task, as_task
from ..networks.box import BoxLike
from ..networks.network import HasNetwork, Network, as_network
from .transplant_sides import Side
from .transplants import TransplantSettings, check_task, transplanted

if TYPE_CHECKING:
    import pandas as pd

TRANSPLANT_COLUMNS = (
    "donor", "recipient", "donor_network", "recipient_network", "feature", "on", "donor_on", "layer",
    "donor_layer", "accuracy", "decoy", "loss_before", "loss_after", "loss_decoy", "last", "reason",
)  # fmt: skip


def transplant_many(
    networks: Mapping[str, Network | HasNetwork | Sequence[Network | HasNetwork]],
    feature: str | None = None,
    on: Sequence[str] | None = None,
    *,
    tasks: Mapping[str, Task | str] | None = None,
    box: BoxLike = (-1.0, 1.0),
    settings: TransplantSettings | None = None,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Every network's feature in every other: tasks x tasks, seeds x seeds, widths x widths.

    Args:
        networks: one network or several by label (a task, a seed, a width).
        feature, on, settings, catalogue: as for `transplant`.
        tasks: the task of each label, for losses and boxes; labels without one are measured against their own
            outputs on `box`.
        box: of the labels without a task.

    Returns:
        One row per donor and recipient (a network is not its own donor), columns `TRANSPLANT_COLUMNS`; `donor_network`
        and `recipient_network` number the networks of a label. Numbers are missing where `reason` says why.

    Raises:
        UnknownFeature, InputError: as for `transplant`.

    Examples:
        >>> from ..features.task import hand_derived
        >>> nets = {name: hand_derived(name) for name in ("minimum", "maximum", "addition")}
        >>> frame = transplant_many(nets, "greaterness")
        >>> frame[["donor", "recipient", "accuracy"]].round(6).head(3).values.tolist()
        [['minimum', 'maximum', 1.0], ['minimum', 'addition', nan], ['maximum', 'minimum', 1.0]]
        >>> frame["reason"][1]
        'no used neuron of the recipient holds greaterness at 1 - r^2 <= 0.001 (nearest 1)'
    """
    import pandas as pd

    if not isinstance(networks, Mapping):
        raise InputError(
            f"networks of type {type(networks).__name__}: give each under a label, such as {{'minimum': network}}"
        )
    given = {str(label): as_task(task) for label, task in (tasks or {}).items()}
    unknown = sorted(set(given) - {str(label) for label in networks})
    if unknown:
        raise InputError(
            f"tasks for {', '.join(unknown)}, which no network is called: give them under the networks' labels"
        )
    sides: list[tuple[str, int, Side, Task | None]] = []
    for label, several in networks.items():
        task = given.get(str(label))
        listed = several if isinstance(several, Sequence) else [several]
        for number, network in enumerate(listed):
            check_task(task, as_network(network))
            side = Side(as_network(network), box if task is None else task.box, catalogue)
            sides.append((str(label), number, side, task))
    rows = []
    for donor, donor_number, given_side, _ in sides:
        for recipient, number, side, task in sides:
            if side is given_side:
                continue
            found = transplanted(
                given_side, side, feature, on=on, task=task, settings=settings or TransplantSettings()
            )
            record = found.to_dict() | {
                "donor": donor,
                "recipient": recipient,
                "on": label_text(("", found.on))[1:-1],
                "donor_on": label_text(("", found.donor_on))[1:-1],
                "donor_network": donor_number,
                "recipient_network": number,
            }
            rows.append({name: record[name] for name in TRANSPLANT_COLUMNS})
    frame = pd.DataFrame(rows, columns=list(TRANSPLANT_COLUMNS))
    for name in ("layer", "donor_layer"):
        frame[name] = frame[name].astype("Int64")
    for name in ("accuracy", "decoy", "loss_before", "loss_after", "loss_decoy"):
        frame[name] = frame[name].astype("float64")
    return frame


def transplant_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A transplant matrix by donor and recipient label: medians over their networks.

    Args:
        frame: from `transplant_many`.

    Returns:
        One row per feature, donor and recipient: `pairs` (of networks), `done` (with numbers), medians of
        `accuracy, decoy, loss_before, loss_after, loss_decoy` (missing where none is done), and `reason`, the most
        frequent one where none is done, else empty.

    Raises:
        InputError: where a column is missing.

    Examples:
        >>> from ..features.task import hand_derived
        >>> nets = {"min": [hand_derived("minimum")] * 2, "sum": hand_derived("addition")}
        >>> summary = transplant_summary(transplant_many(nets, "greaterness"))
        >>> summary[["donor", "recipient", "pairs", "done"]].values.tolist()
        [['min', 'min', 2, 2], ['min', 'sum', 2, 0], ['sum', 'min', 2, 0]]
    """
    import pandas as pd

    missing = [name for name in TRANSPLANT_COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}: give what transplant_many returns")
    numbers = ["accuracy", "decoy", "loss_before", "loss_after", "loss_decoy"]
    rows = []
    for (feature, donor, recipient), part in frame.groupby(["feature", "donor", "recipient"], sort=False):
        done = part[part["reason"] == ""]
        said = "" if len(done) else str(part["reason"].mode().iloc[0])
        medians = {name: done[name].median() for name in numbers}
        rows.append(
            {
                "feature": feature,
                "donor": donor,
                "recipient": recipient,
                "pairs": len(part),
                "done": len(done),
            }
            | medians
            | {"reason": said}
        )
    columns = ["feature", "donor", "recipient", "pairs", "done", *numbers, "reason"]
    return pd.DataFrame(rows, columns=columns)
