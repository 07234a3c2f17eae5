"""Which catalogue feature each neuron holds, beside its null (docs/understand/evidence.md, The null of a neuron)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..features.binding import Label
from ..features.catalogues import Catalogue
from ..networks.architecture import Architecture, hook_post, hook_pre
from ..networks.box import BoxLike, box_of
from ..networks.initialisation import known_laws
from ..networks.network import Activations, HasNetwork, Network, as_network
from ..networks.stacks import Forward, Stack
from ..statistics.multiple_testing import row_q_values
from ..statistics.null_cache import Unkeyed
from .block_reading import BlockReading, read_block
from .criteria import ALPHA, GATE, HELD, USED
from .layer import Layer
from .mixtures import decompose_block, polysemantic
from .mixtures import skipped as skipped_mixtures
from .nulls.conditional import smallest_p
from .nulls.names import NullName, known_null
from .nulls.neuron_nulls import draw_nulls
from .nulls.taught_null import TaughtNull
from .probes import DEEP_CHOICES, MAX_INPUTS, Probes, depth_of, points_for, probes_for, too_far

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
#: Behind wider layers, and with more inputs, mixtures are decomposed with deep=True only: their null costs ten seconds
#: at a width of 64, four at six inputs and twenty at eight.
MAX_MIXED_WIDTH, MAX_MIXED_INPUTS = 64, 6
NEURON_COLUMNS = (
    "layer", "neuron", "status", "feature", "on", "scope", "r", "unexplained", "scale", "offset",
    "p", "q", "p_taught", "q_taught", "causal", "contribution", "duplicate_of",
)  # fmt: skip


def match_neurons(
    activations: Activations,
    *,
    init: str | None = None,
    null: NullName = "conditional",
    box: BoxLike | None = None,
    catalogue: Catalogue | None = None,
    deep: bool = False,
    taught: Sequence[Network | HasNetwork] | None = None,
) -> pd.DataFrame:
    """Match every recorded neuron with the catalogue, beside its null: neurons of its offset in other directions.

    With `taught` a match needs a second null too: that networks which learned something else have it as rarely.

    Args:
        activations: what `mathcircuits.models.record` or `Network.run` gives: inputs, pre- and post-activations,
            and the architecture, which the null is drawn for.
        init: the init law of the null's directions, `"uniform"` or `"normal"`; None takes the larger p of both.
        null: `"conditional"` keeps each neuron's own offset and redraws its direction; `"unconditional"` draws whole
            untrained neurons, biases included, and holds for networks whose biases still follow the init law.
        box: the inputs' box, which thresholds depend on; by default (-1, 1), or an input's own range
            where it leaves that.
        catalogue: by default the installed one.
        deep: compare wide networks, and deep layers of more than eight inputs, with all that is compared elsewhere;
            minutes.
        taught: networks of this architecture that were trained alike on something else, a few hundred
            (`mathcircuits.models.taught_otherwise`).

    Returns:
        One row per neuron, columns `NEURON_COLUMNS`. `causal` and `contribution` are missing where the
        activations come without the network's weights, `p_taught` and `q_taught` without `taught`.

    Raises:
        InputError: where the architecture is not known or nothing was recorded, or `taught` have another one.

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
    probes_by_block = {
        block: _probes(architecture, block, bounds, X, catalogue, deep=deep, by_weights=network is not None)
        for block in architecture.active
    }
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
    laws, kept = known_laws(init), known_null(null)
    other = (
        None if taught is None else read_taught(taught, architecture, probes_by_block, laws, kept, catalogue)
    )
    blocks = read_blocks(
        architecture,
        stack,
        forward,
        probes_by_block,
        laws,
        null=kept,
        catalogue=catalogue,
        deep=deep,
        taught=other,
    )
    return neuron_frame(blocks).drop(columns="network")


def read_stack(
    stack: Stack,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    laws: Sequence[str] = ("uniform",),
    null: NullName = "conditional",
    catalogue: Catalogue | None = None,
    deep: bool = False,
    taught: TaughtReading | None = None,
) -> tuple[tuple[BlockReading, ...], Forward, Mapping[int, Probes]]:
    """Match all neurons of stacked networks on the probes of a box (or on given inputs).

    Args:
        null, deep: as for `match_neurons`.
        taught: what was read in networks that were taught something else (`taught_reading`).
    """
    architecture = stack.architecture
    probes = {
        block: _probes(architecture, block, box, inputs, catalogue, deep=deep, by_weights=True)
        for block in architecture.active
    }
    X = next(iter(probes.values())).X if probes else points_for(architecture.sizes[0], box=box, X=inputs).X
    forward = stack.forward(X)
    blocks = read_blocks(
        architecture,
        stack,
        forward,
        probes,
        tuple(laws),
        null=null,
        catalogue=catalogue,
        deep=deep,
        taught=taught,
    )
    return blocks, forward, probes


def taught_reading(
    networks: Sequence[Network | HasNetwork],
    architecture: Architecture,
    *,
    box: BoxLike = (-1.0, 1.0),
    inputs: npt.ArrayLike | None = None,
    laws: Sequence[str] = ("uniform",),
    null: NullName = "conditional",
    catalogue: Catalogue | None = None,
    deep: bool = False,
) -> TaughtReading:
    """What is found in networks that were taught something else, read as `read_stack` reads those in question.

    Args:
        networks: of that architecture.
        architecture: of the networks in question.
        box, inputs, laws, null, catalogue, deep: as for those.

    Raises:
        InputError: where there are none, or they are of another architecture.
    """
    probes = {
        block: _probes(architecture, block, box, inputs, catalogue, deep=deep, by_weights=True)
        for block in architecture.active
    }
    return read_taught(networks, architecture, probes, laws, null, catalogue)


def _probes(
    architecture: Architecture,
    block: int,
    box: BoxLike,
    X: npt.ArrayLike | None,
    catalogue: Catalogue | None,
    *,
    deep: bool,
    by_weights: bool,
) -> Probes:
    """The features that a block is compared with; none where it is read by its weights alone."""
    inputs, depth = architecture.sizes[0], depth_of(architecture, block)
    if by_weights and not deep and too_far(architecture, block):
        return points_for(inputs, box=box, X=X)
    if inputs <= MAX_INPUTS or not by_weights:
        return probes_for(inputs, box=box, X=X, depth=depth, catalogue=catalogue)
    if deep and block and inputs <= DEEP_CHOICES:
        return probes_for(inputs, box=box, X=X, depth=depth, catalogue=catalogue, limit=DEEP_CHOICES)
    return points_for(inputs, box=box, X=X)


def read_blocks(
    architecture: Architecture,
    stack: Stack | None,
    forward: Forward,
    probes_by_block: Mapping[int, Probes],
    laws: Sequence[str],
    *,
    null: NullName = "conditional",
    catalogue: Catalogue | None = None,
    deep: bool = False,
    taught: TaughtReading | None = None,
) -> tuple[BlockReading, ...]:
    """Match the neurons of every non-linear block; q is per network, over its live non-linear neurons."""
    draw_nulls(architecture, {k: probes_by_block[k] for k in architecture.active}, laws)
    blocks = [
        read_block(Layer(architecture, stack, forward, k, probes_by_block[k]), laws, catalogue, null)
        for k in architecture.active
    ]
    if not blocks:
        return ()
    draws = np.concatenate([b.draws for b in blocks], axis=1)
    read = []
    if taught is not None:
        blocks = [
            replace(b, p_taught=other.p(b.competing, b.p))
            for b, other in zip(blocks, taught.nulls, strict=True)
        ]
    first = _by_network([b.p for b in blocks], draws)
    freed = _by_network([b.free_p for b in blocks], draws)
    second = _by_network([b.p_taught for b in blocks])
    for k, (b, q, free_q, q_taught) in enumerate(zip(blocks, first, freed, second, strict=True)):
        status = b.status.copy()
        tested = status == "unmatched"
        status[tested & (free_q <= ALPHA)] = "by construction"
        status[tested & (q <= ALPHA)] = "matched"
        if taught is not None:
            # What learning anything gives proves nothing about what was learned.
            matched = status == "matched"
            status[matched & ~(q_taught <= ALPHA)] = "unmatched"
            status[matched & taught.nulls[k].vacuous(b.competing)] = "vacuous"
        read.append(replace(b, q=q, q_taught=q_taught, status=status))
    return _with_mixtures(read, architecture, forward, probes_by_block, laws, deep=deep)


def _by_network(p: Sequence[Array], draws: Array | None = None) -> list[Array]:
    """q of each block's neurons [networks, units], per network over the neurons of all blocks."""
    rows = np.concatenate(p, axis=1)
    q = row_q_values(rows, draws)
    return np.split(q, np.cumsum([block.shape[1] for block in p])[:-1], axis=1)


@dataclass(frozen=True, eq=False)
class TaughtReading:
    """What was found in networks that were taught something else.

    Attributes:
        nulls: the law of their matches, one per non-linear block.
        held: the features that used neurons of each network hold (docs/understand/evidence.md, Criteria).
    """

    nulls: tuple[TaughtNull, ...]
    held: tuple[frozenset[Label], ...]


def read_taught(
    networks: Sequence[Network | HasNetwork],
    architecture: Architecture,
    probes_by_block: Mapping[int, Probes],
    laws: Sequence[str],
    null: NullName = "conditional",
    catalogue: Catalogue | None = None,
) -> TaughtReading:
    """Match the neurons of networks that were taught something else, as those of the networks in question are.

    Args:
        networks: of that architecture.
        architecture: of the networks in question.
        probes_by_block: what those are compared with.
        laws, null: the first null.
        catalogue: by default the installed one.

    Raises:
        InputError: where there are none, or they are of another architecture.
    """
    stack = Stack.of([as_network(network) for network in networks])
    own, wanted = stack.architecture, architecture
    if (own.sizes, own.bias, own.null_activations) != (wanted.sizes, wanted.bias, wanted.null_activations):
        raise InputError(
            f"networks that were taught something else are {own}, the one to compare {wanted}: train them in its "
            "shape (mathcircuits.models.taught_otherwise)"
        )
    if not probes_by_block:
        return TaughtReading((), (frozenset(),) * len(stack))
    if not all(probes.key for probes in probes_by_block.values()):
        # Read by weights alone: what decides that has no key.
        return _read_taught(stack, probes_by_block, tuple(laws), null, catalogue)
    digest = hashlib.sha256(b"".join(a.tobytes() for a in (*stack.weights, *stack.biases))).hexdigest()
    keys = tuple((block, probes.key) for block, probes in probes_by_block.items())
    return _kept_taught(
        f"{own!r} {digest} {keys!r}", tuple(laws), null, Unkeyed((stack, probes_by_block, catalogue))
    )


@lru_cache(maxsize=64)
def _kept_taught(key: str, laws: tuple[str, ...], null: NullName, carried: Unkeyed) -> TaughtReading:
    del key  # what the cache goes by
    stack, probes_by_block, catalogue = carried.value
    return _read_taught(stack, probes_by_block, laws, null, catalogue)


def _read_taught(
    stack: Stack,
    probes_by_block: Mapping[int, Probes],
    laws: tuple[str, ...],
    null: NullName,
    catalogue: Catalogue | None,
) -> TaughtReading:
    forward = stack.forward(next(iter(probes_by_block.values())).X)
    nulls = []
    held: list[set[Label]] = [set() for _ in range(len(stack))]
    for block, probes in probes_by_block.items():
        b = read_block(Layer(stack.architecture, stack, forward, block, probes), laws, catalogue, null)
        nulls.append(TaughtNull.of(b.competing[b.tested], b.p[b.tested], b.unexplained[b.tested]))
        holds = (b.contribution >= USED) & (b.unexplained <= HELD) & (b.label >= 0)
        for network, unit in np.argwhere(holds):
            feature = b.features[b.label[network, unit]]
            held[network].add((feature.feature.name, feature.on))
    return TaughtReading(tuple(nulls), tuple(map(frozenset, held)))


def _with_mixtures(
    blocks: list[BlockReading],
    architecture: Architecture,
    forward: Forward,
    probes_by_block: Mapping[int, Probes],
    laws: Sequence[str],
    *,
    deep: bool,
) -> tuple[BlockReading, ...]:
    """Decompose what is left unmatched behind the first non-linear layer; a first-layer neuron is one ridge."""
    grids = []
    for k, b in enumerate(blocks):
        # A unique mixture of features of the inputs says more than the variables that it is read from.
        open_ones = (b.status == "unmatched") | b.by_weights
        candidates = b.tested & open_ones if k else np.zeros(b.p.shape, dtype=bool)
        probes = probes_by_block[b.block]
        reason = "" if deep else _too_costly(architecture.sizes[0], max(architecture.sizes[: b.block + 1]))
        if candidates.any() and probes.features and reason:
            blocks[k] = replace(
                b, skipped=(*b.skipped, f"layer {k}: mixtures ({reason}; deep=True adds them)")
            )
        if candidates.any() and probes.features and not reason:
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


def _too_costly(inputs: int, below: int) -> str:
    """Why mixtures are not decomposed, or an empty text."""
    if inputs > MAX_MIXED_INPUTS:
        return f"{inputs} inputs, more than {MAX_MIXED_INPUTS}"
    return f"{below} neurons below, more than {MAX_MIXED_WIDTH}" if below > MAX_MIXED_WIDTH else ""


def neuron_frame(blocks: Sequence[BlockReading]) -> pd.DataFrame:
    """The tidy table of all neurons: `network` (position in the stack), then `NEURON_COLUMNS`."""
    import pandas as pd

    if not blocks:
        return pd.DataFrame(columns=["network", *NEURON_COLUMNS])
    parts = []
    for layer, b in enumerate(blocks):
        networks, width = b.p.shape
        # Labels -2 and -1: nothing that it resembles, and a constant.
        names = np.array([*(f.feature.name for f in b.features), None, "constant"], dtype=object)
        on = np.empty(len(b.features) + 2, dtype=object)
        on[:] = [*(f.on for f in b.features), (), ()]
        scope = np.array(
            [*("upstream" if f.competes_as == "upstream" else "input" for f in b.features), "input", "input"],
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
                    "p_taught": b.p_taught.ravel(),
                    "q_taught": b.q_taught.ravel(),
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
    architecture: Architecture,
    blocks: Sequence[BlockReading],
    laws: Sequence[str],
    null: NullName = "conditional",
    taught: TaughtReading | None = None,
) -> pd.DataFrame:
    """What the null allows: one row per non-linear layer, init law and class of features.

    Columns: `layer, law, competes_as, exact` (chance of an exact match without training; above 0.05 the class is
    vacuous), `at_gate` (chance of 1 - r^2 <= 0.01), both of untrained neurons; `attainable` (the p under `null` of a
    neuron at 1 - r^2 = 1e-6, in the first layer at the offset of the class's own features: what no training can better
    by much) and `draws` (live, bent untrained neurons that the ranks of classes rest on; 0 for the classes
    `weights on 1`, 2 and 3 variables, whose law is a closed form). With `taught` the rows of the law `taught` say the
    same of neurons that learned something else; exact is then 1 - r^2 <= 1e-6.
    """
    import pandas as pd

    rows = []
    for b in blocks:
        layer = architecture.active.index(b.block)
        # A block that is read by its weights alone has no simulated null.
        for law, simulated in zip(laws, b.nulls, strict=bool(b.nulls)):
            least = smallest_p(simulated, law, architecture, b.block, b.probes, null)
            rows += [
                {
                    "layer": layer,
                    "law": law,
                    "competes_as": name,
                    "exact": float(simulated.atoms()[c]),
                    "at_gate": float(simulated.at_gate[c]),
                    "attainable": float(least[c]),
                    "draws": simulated.draws,
                }
                for c, name in enumerate(b.classes)
            ]
    rows += [
        {
            "layer": architecture.active.index(b.block),
            "law": closed.law,
            "competes_as": name,
            "exact": 0.0,
            "at_gate": float(closed.reach(GATE)[c]),
            "attainable": float(closed.attainable()[c]),
            "draws": 0,
        }
        for b in blocks
        for closed in b.weight_nulls
        for c, name in enumerate(closed.classes)
    ]
    rows += [
        {
            "layer": layer,
            "law": "taught",
            "competes_as": name,
            "exact": float(other.exact[c]),
            "at_gate": float(other.at_gate[c]),
            "attainable": other.attainable(name),
            "draws": other.draws,
        }
        for layer, other in enumerate(() if taught is None else taught.nulls)
        for c, name in enumerate(other.classes)
    ]
    return pd.DataFrame(
        rows, columns=["layer", "law", "competes_as", "exact", "at_gate", "attainable", "draws"]
    )
