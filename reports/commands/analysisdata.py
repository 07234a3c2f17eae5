"""An analysis as the plain data of `mathcircuits inspect --json`, with the gauge and the ranks of its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mathcircuits.detect import Analysis, Gauge


def ranks_of(analysis: Analysis) -> pd.DataFrame:
    """Readable features beside their rank and the live neurons, one row per layer that was read.

    Examples:
        >>> from mathcircuits.detect import analyse, hand_derived
        >>> ranks_of(analyse(hand_derived("minimum"), init="uniform"))["verdict"].tolist()
        ['3 live neurons read 6 features of rank 3: no superposition']
    """
    from mathcircuits.detect.matching import read_superposition, superposition_frame, targets_for
    from mathcircuits.detect.networks import Stack

    rows = analysis.directions
    if rows.empty:
        return superposition_frame([])
    targets = targets_for(analysis.network.inputs, box=analysis.box, X=analysis.domain.data)
    return read_superposition(Stack.of([analysis.network]), rows.assign(network=0), targets).drop(
        columns="network"
    )


def analysis_data(analysis: Analysis, ranks: pd.DataFrame) -> dict[str, Any]:
    """`Analysis.to_dict` with the gauge, the normal form, the gauge's shares and the ranks of its layers."""
    content = analysis.to_dict()
    content["assumptions"] = list(analysis.network.assumptions)
    content["link"] = analysis.network.link
    content["superposition"] = ranks.astype(object).where(ranks.notna(), None).to_dict("records")
    gauge = gauge_within(analysis)
    if gauge is not None:
        named = analysis.domain.renamed
        content["gauge"] = {
            "circuit": None if gauge.circuit is None else gauge.circuit.name,
            "on": [named(argument) for argument in gauge.on],
            "name": None if gauge.name is None else named(gauge.name, gauge.on),
            "description": named(gauge.description),
            "form": named(gauge.text),
        }
    return content


def gauge_within(analysis: Analysis) -> Gauge | None:
    """How a network with one hidden layer implements its function; None where that is not defined or too costly."""
    from mathcircuits.detect import gauge_of
    from mathcircuits.detect.exact import is_piecewise_linear

    network = analysis.network
    if not analysis.within_reach or len(network.architecture.active) != 1 or not is_piecewise_linear(network):
        return None
    return gauge_of(network, box=analysis.box, symmetries=analysis.task.symmetries if analysis.task else ())
