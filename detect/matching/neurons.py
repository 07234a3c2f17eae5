"""Which catalogue feature each neuron holds, and what that is worth (docs/statistics.md, The null of a neuron)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..features.binding import BoundFeature
from ..features.catalogues import Catalogue
from ..networks.architecture import Architecture, hook_post, hook_pre
from ..networks.box import BoxLike, box_of
from ..networks.initialisation import known_laws
from ..networks.network import Activations
from ..networks.stacks import Forward, Stack
from ..statistics.criteria import TINY
from ..statistics.multiple_testing import benjamini_hochberg
from .ablation import mean_ablation, substitution
from .correlations import UPSTREAM, Scores, box_bounds, live_and_bent, unit_vectors, upstream_table
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
    features: tuple[BoundFeature, ...]
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
    """Match one block's neurons with the features, beside the null of each law; q is the whole network's to give."""
    layer = _Layer(architecture, stack, forward, block, probes)
    live, bent = live_and_bent(layer.pre, layer.post, architecture.activations[block], layer.bounds)
    mean, sd, unit = unit_vectors(layer.post)
    # Constant where alive: an always-on neuron without spread, the catalogue's own "constant".
    flat = sd == 0.0
    scores = scores_of(unit, layer.previous, architecture, block, live, bent, probes)
    nulls = tuple(neuron_null(architecture, block, law, probes) for law in laws)
    p, chosen = _chosen_classes(scores, nulls)
    label = layer.label(scores, chosen, nulls[0].classes)
    unexplained = np.take_along_axis(scores.unexplained, chosen[:, None], axis=1).reshape(layer.shape)
    r = np.sqrt(1.0 - unexplained)
    feature_mean, feature_sd = layer.feature_moments(label)
    scale = r * sd / feature_sd
    offset = mean - scale * feature_mean
    effects = layer.effects(label, scale, offset)
    vacuous = (atoms_of(nulls)[chosen] > VACUOUS).reshape(layer.shape)
    tested = live & bent & ~flat

    def unless_flat(values: Array) -> Array:
        return np.where(flat, np.nan, values)

    return BlockReading(
        block=block,
        features=layer.features,
        status=np.select([~live, ~bent, vacuous], ["dead", "linear", "vacuous"], "unmatched").astype(object),
        label=np.where(flat, -1, label),
        r=unless_flat(r),
        unexplained=unless_flat(unexplained),
        scale=unless_flat(scale),
        offset=unless_flat(offset),
        p=np.where(tested, p.reshape(layer.shape), np.nan),
        q=np.full(layer.shape, np.nan),
        tested=tested,
        causal=unless_flat(effects.causal),
        contribution=effects.contribution,
        duplicate_of=_duplicates(layer.post, live & ~flat),
        classes=nulls[0].classes,
        nulls=nulls,
        skipped=(*layer.skipped, *effects.skipped),
    )


def _chosen_classes(scores: Scores, nulls: Sequence[NeuronNull]) -> tuple[Array, npt.NDArray[np.intp]]:
    """Each neuron's p [M] and its class [M]: the one that won, or the nearest where none passes the gate."""
    p, winner = largest_p(nulls, scores.unexplained)
    passes = ((scores.unexplained <= GATE) & nulls[0].competes).any(axis=1) & (p < 1.0)
    return p, np.where(passes, winner, scores.unexplained.argmin(axis=1))


@dataclass(frozen=True, eq=False)
class _Effects:
    """What a layer's neurons do in the output, [networks, units] each and NaN where it was not computed.

    Attributes:
        contribution: share of the output variance that mean ablation costs.
        causal: share of a neuron's effect that its feature recovers.
        skipped: why something was not computed.
    """

    contribution: Array
    causal: Array
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Layer:
    """One block of stacked networks with the features that its neurons are compared with.

    A neuron's label is the index of a feature in `features`.
    """

    architecture: Architecture
    stack: Stack | None
    forward: Forward
    block: int
    probes: Probes

    @property
    def pre(self) -> Array:
        """Pre-activations on the probes, [networks, n, units]."""
        return self.forward.pre[self.block]

    @property
    def post(self) -> Array:
        """Activations on the probes, [networks, n, units]."""
        return self.forward.post[self.block]

    @property
    def previous(self) -> Array | None:
        """The activations of the layer below, [networks, n, width]; None for the first."""
        return self.forward.post[self.block - 1] if self.block else None

    @property
    def shape(self) -> tuple[int, int]:
        """(networks, units)."""
        networks, _, units = self.post.shape
        return networks, units

    @property
    def bounds(self) -> tuple[Array, Array] | None:
        """The exact range of the first layer's pre-activations on the box, where the weights are known."""
        if self.stack is None or self.block:
            return None
        return box_bounds(self.stack.weights[0], self.stack.biases[0], self.probes)

    @property
    def upstream(self) -> tuple[BoundFeature, ...]:
        """The features of the layer below's activations."""
        return upstream_of(self.architecture, self.block)

    @property
    def features(self) -> tuple[BoundFeature, ...]:
        """Those of the inputs, then those of the layer below."""
        return (*self.probes.features, *self.upstream)

    @property
    def title(self) -> str:
        """The layer's name in messages; only non-linear layers count."""
        return f"layer {self.architecture.active.index(self.block)}"

    @property
    def skipped(self) -> tuple[str, ...]:
        """The features that its neurons are not compared with, in words."""
        left_out = self.probes.skipped
        return (f"{self.title}: features {', '.join(left_out)} (too many arguments)",) if left_out else ()

    def label(
        self, scores: Scores, chosen: npt.NDArray[np.intp], classes: Sequence[str]
    ) -> npt.NDArray[np.intp]:
        """The best feature of each neuron's chosen class [M]: [networks, units]."""
        best = np.take_along_axis(scores.best, chosen[:, None], axis=1)[:, 0]
        is_upstream = np.array([name == UPSTREAM for name in classes])[chosen]
        return (best + np.where(is_upstream, len(self.probes.features), 0)).reshape(self.shape)

    def feature_moments(self, label: npt.NDArray[np.intp]) -> tuple[Array, Array]:
        """Mean and standard deviation of each neuron's feature, [networks, units]."""
        inside = np.minimum(label, len(self.probes.features) - 1)
        mean, sd = self.probes.mean[inside], self.probes.sd[inside]
        at, columns = self._upstream_columns(label)
        if len(columns):
            mean[at], sd[at] = columns.mean(axis=1), np.maximum(columns.std(axis=1), TINY)
        return mean, sd

    def feature_values(self, label: npt.NDArray[np.intp]) -> Array:
        """The values of each neuron's feature on the probes, [networks, n, units]."""
        probes, n = self.probes, len(self.probes.X)
        inside = np.minimum(label, len(probes.features) - 1).ravel()
        values = probes.unit[:, inside] * (probes.sd[inside] * np.sqrt(n)) + probes.mean[inside]
        values = values.reshape(n, *self.shape).transpose(1, 0, 2)
        (networks, units), columns = self._upstream_columns(label)
        values[networks, :, units] = columns
        return np.asarray(values)

    def _upstream_columns(
        self, label: npt.NDArray[np.intp]
    ) -> tuple[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], Array]:
        """Where the label is a feature of the layer below ([K] networks, [K] units), and its values [K, n]."""
        known = len(self.probes.features)
        networks, units = np.nonzero(label >= known)
        if self.previous is None or not len(networks):
            return (networks, units), np.empty((0, len(self.probes.X)))
        table = upstream_table(self.previous, self.upstream)
        return (networks, units), table[networks, label[networks, units] - known]

    def effects(self, label: npt.NDArray[np.intp], scale: Array, offset: Array) -> _Effects:
        """What the neurons do, and how much of it `scale * feature + offset` does; a wide layer costs too much."""
        missing = np.full(self.shape, np.nan)
        if self.stack is None:
            return _Effects(missing, missing)
        last = self.block == len(self.forward.post) - 1
        if not last and self._causal_cost > _CAUSAL_BUDGET:
            reason = f"{self.title}: causal checks ({self.shape[1]} neurons through wide layers)"
            return _Effects(missing, missing, (reason,))
        contribution = mean_ablation(self.stack, self.forward, self.block)
        if self.block == self.architecture.active[-1]:
            return _Effects(contribution, missing)
        values = scale[:, None, :] * self.feature_values(label) + offset[:, None, :]
        return _Effects(contribution, substitution(self.stack, self.forward, self.block, values))

    @property
    def _causal_cost(self) -> int:
        """Multiply-adds of a forward pass above the layer for each of its neurons."""
        above = self.architecture.sizes[self.block + 1 :]
        return self.post.size * sum(a * b for a, b in itertools.pairwise(above))


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
