"""Which catalogue feature each neuron holds, and what that is worth (docs/statistics.md, The null of a neuron)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..features.catalogues import Catalogue
from ..networks.architecture import Architecture, hook_post, hook_pre
from ..networks.box import BoxLike, box_of
from ..networks.initialisation import known_laws
from ..networks.network import Activations
from ..networks.stacks import Forward, Stack
from ..statistics.criteria import TINY
from ..statistics.multiple_testing import benjamini_hochberg
from .ablation import mean_ablation, substitution
from .correlations import box_bounds, live_and_bent, unit_vectors, upstream_table
from .criteria import ALPHA, COPY, GATE, VACUOUS
from .mixtures import decompose_block, polysemantic
from .mixtures import skipped as skipped_mixtures
from .neuron_nulls import (  # fmt: skip
    NeuronNull,
    atoms_of,
    largest_p,
    neuron_null,
    scores_of,
    upstream_of,
)
from .probes import Probes, depth_of, probes_for

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Multiply-adds that the causal checks of one layer may cost.
_CAUSAL_BUDGET = 5e10
NEURON_COLUMNS = (
    "layer", "neuron", "status", "feature", "on", "scope", "r", "unexplained", "scale", "offset",
    "p", "q", "causal", "contribution", "duplicate_of",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class BlockReading:
    """What was found about one block's neurons, each array [networks, units].

    Attributes:
        status, label: texts and indices into `features` (-1 for none).
        mixtures: a `mixtures.Mixture` for each neuron that was decomposed, else None.
        nulls: the null laws used, one per init law.
    """

    block: int
    features: tuple[Any, ...]
    status: npt.NDArray[np.object_]
    label: npt.NDArray[np.intp]
    r: Array
    unexplained: Array
    scale: Array
    offset: Array
    p: Array
    q: Array
    tested: npt.NDArray[np.bool_]
    causal: Array
    contribution: Array
    duplicate_of: npt.NDArray[np.intp]
    classes: tuple[str, ...]
    nulls: tuple[NeuronNull, ...]
    skipped: tuple[str, ...] = ()
    mixtures: npt.NDArray[np.object_] | None = None


def match_neurons(
    activations: Activations,
    *,
    init: str | None = None,
    box: BoxLike | None = None,
    catalogue: Catalogue | None = None,
) -> pd.DataFrame:
    """Match every recorded neuron with the catalogue, beside the null of untrained networks of its shape.

    Args:
        activations: what `mathcircuits.models.record` or `Network.run` gives: inputs, pre- and post-activations,
            and the architecture, which the null is drawn for.
        init: the init law of the untrained networks, `"uniform"` or `"normal"`; None takes the larger p of both.
        box: the inputs' box, which thresholds depend on; by default (-1, 1), or an input's own range
            where it leaves that.
        catalogue: by default the installed one.

    Returns:
        One row per neuron, columns `NEURON_COLUMNS`. `causal` and `contribution` are missing where the
        activations come without the network's weights.

    Raises:
        InputError: where the architecture is not known or nothing was recorded.

    Examples:
        >>> from ..networks.network import Network
        >>> net = Network(weights=[[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
        >>> X = np.random.default_rng(0).uniform(-1, 1, (512, 2))
        >>> match_neurons(net.run(X), init="uniform")["feature"].tolist()
        ['greaterness', 'positiveness', 'negativeness']
    """
    architecture = activations.shape()
    X = activations.inputs
    bounds = box_of(X) if box is None else box
    network = activations.network
    probes_by_block = {}
    for block in architecture.active:
        depth = depth_of(architecture, block)
        probes_by_block[block] = probes_for(X.shape[1], box=bounds, X=X, depth=depth, catalogue=catalogue)
    rows = probes_by_block[architecture.active[0]].X if architecture.active else X
    if len(rows) != len(X):
        keep = np.linspace(0, len(X) - 1, len(rows)).astype(int)
        activations = Activations(
            {name: values[keep] for name, values in activations.items()}, architecture, network
        )
    pre = tuple(activations[hook_pre(k)][None] for k in range(len(architecture.activations)))
    post = tuple(activations[hook_post(k)][None] for k in range(len(architecture.activations)))
    stack = Stack.of([network]) if network is not None else None
    outputs = activations.get("hook_output")
    forward = Forward(pre, post, (outputs if outputs is not None else np.zeros((len(rows), 1)))[None])
    blocks = read_blocks(architecture, stack, forward, probes_by_block, known_laws(init))
    return neuron_frame(blocks).drop(columns="network")


def read_stack(
    stack: Stack,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    laws: Sequence[str] = ("uniform",),
    catalogue: Catalogue | None = None,
) -> tuple[tuple[BlockReading, ...], Forward, Mapping[int, Probes]]:
    """Match all neurons of stacked networks on the probes of a box (or on given inputs)."""
    architecture = stack.architecture
    d = architecture.sizes[0]
    probes = {
        block: probes_for(d, box=box, X=inputs, depth=depth_of(architecture, block), catalogue=catalogue)
        for block in architecture.active
    }
    X = next(iter(probes.values())).X if probes else probes_for(d, box=box, X=inputs, catalogue=catalogue).X
    forward = stack.forward(X)
    return read_blocks(architecture, stack, forward, probes, tuple(laws)), forward, probes


def read_blocks(
    architecture: Architecture,
    stack: Stack | None,
    forward: Forward,
    probes_by_block: Mapping[int, Probes],
    laws: Sequence[str],
) -> tuple[BlockReading, ...]:
    """Match the neurons of every non-linear block; q is per network, over its live non-linear neurons."""
    blocks = [
        _read_block(architecture, stack, forward, k, probes_by_block[k], laws) for k in architecture.active
    ]
    if not blocks:
        return ()
    p = np.concatenate([b.p for b in blocks], axis=1)
    q = np.stack([benjamini_hochberg(row) for row in p])
    ends = np.cumsum([b.p.shape[1] for b in blocks])
    read = []
    for b, own in zip(blocks, np.split(q, ends[:-1], axis=1), strict=True):
        status = b.status.copy()
        status[(status == "unmatched") & (own <= ALPHA)] = "matched"
        read.append(replace(b, q=own, status=status))
    return _with_mixtures(read, architecture, forward, probes_by_block, laws)


def _with_mixtures(
    blocks: list[BlockReading],
    architecture: Architecture,
    forward: Forward,
    probes_by_block: Mapping[int, Probes],
    laws: Sequence[str],
) -> tuple[BlockReading, ...]:
    """Decompose what is left unmatched behind the first non-linear layer; a first-layer neuron is one ridge."""
    grids = []
    for k, b in enumerate(blocks):
        candidates = b.tested & (b.status == "unmatched") if k else np.zeros(b.p.shape, dtype=bool)
        if candidates.any():
            probes = probes_by_block[b.block]
            grids.append(
                decompose_block(forward.pre[b.block], architecture, b.block, probes, laws, candidates)
            )
            missed = skipped_mixtures(probes)
            if missed:
                blocks[k] = replace(b, skipped=(*b.skipped, f"layer {k}: {missed}"))
        else:
            grids.append(np.full(b.p.shape, None, dtype=object))
    finished = []
    for b, grid, mixed in zip(blocks, grids, polysemantic(grids), strict=True):
        status = b.status.copy()
        status[mixed] = "polysemantic"
        finished.append(replace(b, status=status, mixtures=grid))
    return tuple(finished)


def _read_block(
    architecture: Architecture,
    stack: Stack | None,
    forward: Forward,
    block: int,
    probes: Probes,
    laws: Sequence[str],
) -> BlockReading:
    pre, post = forward.pre[block], forward.post[block]
    networks, _, width = post.shape
    bounds = (
        box_bounds(stack.weights[0], stack.biases[0], probes) if stack is not None and block == 0 else None
    )
    activation = architecture.activations[block]
    live, bent = live_and_bent(pre, post, activation, bounds)
    mean, sd, unit = unit_vectors(post)
    # Constant where alive: an always-on neuron without spread, the catalogue's own "constant".
    previous = forward.post[block - 1] if block else None
    scores = scores_of(unit, previous, architecture, block, live, bent, probes)
    nulls = tuple(neuron_null(architecture, block, law, probes) for law in laws)
    classes = nulls[0].classes
    p, winner = largest_p(nulls, scores.unexplained)
    passes = ((scores.unexplained <= GATE) & nulls[0].competes).any(axis=1) & (p < 1.0)
    chosen = np.where(passes, winner, scores.unexplained.argmin(axis=1))
    rows = np.arange(len(chosen))
    upstream = upstream_of(architecture, block)
    features = (*probes.features, *upstream)
    is_upstream = np.array([name == "upstream" for name in classes])[chosen]
    label = scores.best[rows, chosen] + np.where(is_upstream, len(probes.features), 0)
    flat = (sd == 0.0).ravel()
    tested = (live & bent).ravel() & ~flat
    mean_phi, sd_phi = _feature_moments(probes, previous, upstream, label, width)
    unexplained = scores.unexplained[rows, chosen]
    r = np.sqrt(1.0 - unexplained)
    scale = r * sd.ravel() / sd_phi
    offset = mean.ravel() - scale * mean_phi
    vacuous = atoms_of(nulls)[chosen] > VACUOUS
    status = np.select(
        [~live.ravel(), ~bent.ravel(), vacuous], ["dead", "linear", "vacuous"], "unmatched"
    ).astype(object)
    shape = (networks, width)
    missing = flat.reshape(shape)

    def grid(values: Array) -> Array:
        return np.where(missing, np.nan, values.reshape(shape))

    skipped: list[str] = (
        [
            f"layer {architecture.active.index(block)}: features {', '.join(probes.skipped)} (too many arguments)"
        ]
        if probes.skipped
        else []
    )
    causal = contribution = np.full(shape, np.nan)
    if stack is not None:
        cost = (
            networks
            * post.shape[1]
            * width
            * sum(
                a * b
                for a, b in zip(
                    architecture.sizes[block + 1 :], architecture.sizes[block + 2 :], strict=False
                )
            )
        )
        last = block == len(forward.post) - 1
        if last or cost <= _CAUSAL_BUDGET:
            contribution = mean_ablation(stack, forward, block)
            if block < architecture.active[-1]:
                values = _label_values(probes, previous, upstream, label, networks, width)
                values = scale.reshape(networks, 1, width) * values + offset.reshape(networks, 1, width)
                causal = substitution(stack, forward, block, values)
                causal = np.where(missing, np.nan, causal)
        else:
            skipped.append(
                f"layer {architecture.active.index(block)}: causal checks ({width} neurons through wide layers)"
            )
    return BlockReading(
        block, features, status.reshape(shape), np.where(missing, -1, label.reshape(shape)),
        grid(r), grid(unexplained), grid(scale), grid(offset),
        np.where(tested, p, np.nan).reshape(shape), np.full(shape, np.nan), tested.reshape(shape), causal, contribution,
        _duplicates(post, live & ~missing), classes, nulls, tuple(skipped),
    )  # fmt: skip


def _feature_moments(
    probes: Probes,
    previous: Array | None,
    upstream: tuple[Any, ...],
    label: npt.NDArray[np.intp],
    width: int,
) -> tuple[Array, Array]:
    """Mean and standard deviation of each neuron's best feature, [networks * width]."""
    known = len(probes.features)
    inside = np.minimum(label, known - 1)
    mean, sd = probes.mean[inside], probes.sd[inside]
    beyond = np.flatnonzero(label >= known)
    if len(beyond) and previous is not None:
        table = upstream_table(previous, upstream)
        network = beyond // width
        columns = table[network, label[beyond] - known]
        mean[beyond], sd[beyond] = columns.mean(axis=1), np.maximum(columns.std(axis=1), TINY)
    return mean, sd


def _label_values(
    probes: Probes,
    previous: Array | None,
    upstream: tuple[Any, ...],
    label: npt.NDArray[np.intp],
    networks: int,
    width: int,
) -> Array:
    """The values of each neuron's best feature, [networks, n, width]."""
    known = len(probes.features)
    inside = np.minimum(label, known - 1)
    n = len(probes.X)
    values = probes.unit[:, inside] * (probes.sd[inside] * np.sqrt(n)) + probes.mean[inside]
    beyond = np.flatnonzero(label >= known)
    if len(beyond) and previous is not None:
        table = upstream_table(previous, upstream)
        values[:, beyond] = table[beyond // width, label[beyond] - known].T
    return np.asarray(values.reshape(n, networks, width).transpose(1, 0, 2))


def _duplicates(post: Array, live: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The earliest neuron that each is a positive multiple of, or -1: [networks, units]."""
    norm = np.sqrt((post**2).sum(axis=1))
    unit = post / np.where(norm > 0, norm, 1.0)[:, None, :]
    cosine = unit.transpose(0, 2, 1) @ unit
    width = post.shape[2]
    earlier = np.tril(np.ones((width, width), dtype=bool), -1)
    copies = (1.0 - cosine**2 <= COPY) & (cosine > 0) & earlier & live[:, :, None] & live[:, None, :]
    return np.where(copies.any(axis=2), copies.argmax(axis=2), -1)


def neuron_frame(blocks: Sequence[BlockReading]) -> pd.DataFrame:
    """The tidy table of all neurons: `network` (position in the stack), then `NEURON_COLUMNS`."""
    import pandas as pd

    if not blocks:
        return pd.DataFrame(columns=["network", *NEURON_COLUMNS])
    parts = []
    for layer, b in enumerate(blocks):
        networks, width = b.p.shape
        names = np.array([f.feature.name for f in b.features] + ["constant"], dtype=object)
        on = np.empty(len(b.features) + 1, dtype=object)
        on[:] = [f.on for f in b.features] + [()]
        scope = np.array(
            ["upstream" if f.competes_as == "upstream" else "input" for f in b.features] + ["input"],
            dtype=object,
        )
        label = b.label.ravel()
        parts.append(
            pd.DataFrame(
                {
                    "network": np.repeat(np.arange(networks), width),
                    "layer": layer,
                    "neuron": np.tile(np.arange(width), networks),
                    "status": b.status.ravel(),
                    "feature": names[label],
                    "on": on[label],
                    "scope": scope[label],
                    "r": b.r.ravel(),
                    "unexplained": b.unexplained.ravel(),
                    "scale": b.scale.ravel(),
                    "offset": b.offset.ravel(),
                    "p": b.p.ravel(),
                    "q": b.q.ravel(),
                    "causal": b.causal.ravel(),
                    "contribution": b.contribution.ravel(),
                    "duplicate_of": pd.array(
                        [None if k < 0 else int(k) for k in b.duplicate_of.ravel()], dtype="Int64"
                    ),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).sort_values(["network", "layer", "neuron"], ignore_index=True)


def null_frame(
    architecture: Architecture, blocks: Sequence[BlockReading], laws: Sequence[str]
) -> pd.DataFrame:
    """What the null allows: one row per non-linear layer, init law and class of features.

    Columns: `layer, law, competes_as, exact` (chance of an exact match without training; above 0.05 the class is
    vacuous), `at_gate` (chance of 1 - r^2 <= 0.01), `attainable` (the p of a neuron at 1 - r^2 = 1e-6: what no
    training can better by much) and `draws` (live, bent untrained neurons that the law rests on).
    """
    import pandas as pd

    rows = [
        {
            "layer": architecture.active.index(b.block),
            "law": law,
            "competes_as": name,
            "exact": float(null.atoms()[c]),
            "at_gate": float(null.at_gate[c]),
            "attainable": float(null.attainable()[c]),
            "draws": null.draws,
        }
        for b in blocks
        for law, null in zip(laws, b.nulls, strict=True)
        for c, name in enumerate(b.classes)
    ]
    return pd.DataFrame(
        rows, columns=["layer", "law", "competes_as", "exact", "at_gate", "attainable", "draws"]
    )
