"""Coset circuit or character circuit: by which of the two known mechanisms a network composes, each with a measure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..networks.network import HasNetwork, Network
from .characters import Irrep
from .criteria import BLIND, COSET
from .finite_groups import FiniteGroup
from .group_readings import GroupReading, character_components
from .neuron_tables import Tables
from .representations import coefficients, fixed, subgroups

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Mechanisms:
    """How far a network composes by cosets, and how far by characters; each beside what chance gives.

    Attributes:
        neurons: one row a single neuron of an irrep whose two mechanisms differ: `neuron, irrep, coset` (its coset
            share), `subgroup` (the order of the subgroup that gives it), `rank_one` (the share of its first table's
            coefficients that is of rank one), `p` (that of a blind direction).
        irreps: one row a used irrep: `irrep, dimension, neurons, coset` (mean share), `coset_blind` (its mean over
            blind directions), `above` (neurons whose share is in the top 5% of blind ones), `full` (neurons of share
            at least 0.95), `full_blind` (the share of blind directions that reach it), `differ` (whether the two
            mechanisms can differ at all: some subgroup fixes a part of the irrep, and the dimension is above 1).
        coset: the mean of `coset` over neurons; coset_blind: of blind directions; NaN where no irrep lets them differ.
        accuracy_single: with each neuron's tables projected on its own irrep and the constants; accuracy_coset: and
            on the functions constant on its best cosets; accuracy_random: on those of a random subgroup of the same
            class in place of the best, which is what a projection of this size costs alone.
        character: the share of the logits' variance that is a character of a b c^-1; accuracy_character: with
            nothing but these characters left in the logits.
    """

    neurons: pd.DataFrame
    irreps: pd.DataFrame
    coset: float
    coset_blind: float
    accuracy_single: float
    accuracy_coset: float
    accuracy_random: float
    character: float
    accuracy_character: float

    def __repr__(self) -> str:
        return (
            f"Mechanisms(coset share {self.coset:.2f}, blind {self.coset_blind:.2f}; characters explain "
            f"{self.character:.0%} of the logits)"
        )


def mechanisms(
    network: Network | HasNetwork, reading: GroupReading, *, draws: int = 2000, seed: int = 0
) -> Mechanisms:
    """Measure both mechanisms in a network.

    The character circuit (Chughtai et al. 2023, arXiv 2302.03025): the logits are a sum of `tr rho(a b c^-1)`. Its
    measure is the share of their variance that such characters explain, and the accuracy with nothing else left.

    The coset circuit (Stander et al. 2024, arXiv 2312.06581; as orbits of finitely many vectors, Wu et al. 2024,
    arXiv 2410.07476): a neuron's first table is constant on the cosets H a of a subgroup and its second on those b K
    of another. In an irrep a table is `u' rho(a) v`, which is constant on H a exactly where H fixes u. A neuron's
    coset share is the part of its tables that the best H and K leave fixed, the smaller of its two sides. A blind
    direction has a share too, large where subgroups have many fixed vectors close to one another (in dimension 2
    of S3 never below 0.75): the share of uniform random u and w stands beside it.

    Both measures can hold at once: the sum over an orbit of cosets has characters as logits. Where every subgroup
    fixes all or nothing of an irrep, as modulo a prime, the two are one; the waves of such a neuron are approximate
    cosets (McCracken et al. 2025, arXiv 2505.18266).

    Args:
        network: the one that was read; reading: its irreps.
        draws: blind directions for each irrep; seed: of them and of the random subgroups.

    Examples:
        >>> from .group_readings import read_group
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> s4 = group_named("S4")
        >>> point = np.array([name.startswith("0") for name in s4.elements])
        >>> found = []
        >>> for held in (point, None):
        ...     net = planted_irreps(s4, ["3a"], subgroup=held)
        ...     found.append(mechanisms(net, read_group(net, s4, draws=20)).coset)
        >>> found[0] > 0.999, found[1] < 0.95
        (True, True)
    """
    import pandas as pd

    group, tables = reading.group, Tables.of(network)
    rng = np.random.default_rng(seed)
    rows, changed = [], {}
    summaries = []
    for name in reading.used:
        irrep = group.irrep(name)
        held = reading.neurons.loc[
            reading.neurons["single"] & (reading.neurons["irrep"] == name), "neuron"
        ].to_numpy()
        fixers = _Fixers.of(group, irrep)
        differ = len(fixers.projections) > 0
        if differ:
            blind = np.sort(fixers.blind(draws, rng))
            sides = [coefficients(group, irrep, part[held]) for part in (tables.a, tables.b)]
            left, right = fixers.left(sides[0]), fixers.left(sides[1].transpose(0, 2, 1))
            shares = np.minimum(left.max(axis=1), right.max(axis=1))
            p = (1 + draws - np.searchsorted(blind, shares)) / (1 + draws)
            values = np.linalg.svd(sides[0], compute_uv=False) ** 2
            for i, neuron in enumerate(held):
                rows.append(
                    {
                        "neuron": int(neuron),
                        "irrep": name,
                        "coset": shares[i],
                        "subgroup": int(fixers.orders[left[i].argmax()]),
                        "rank_one": values[i, 0] / values[i].sum(),
                        "p": p[i],
                    }
                )
                changed[int(neuron)] = (fixers, int(left[i].argmax()), int(right[i].argmax()))
        summaries.append(
            {
                "irrep": name,
                "dimension": irrep.dimension,
                "neurons": len(held),
                "coset": float(shares.mean()) if differ else math.nan,
                "coset_blind": float(blind.mean()) if differ else math.nan,
                "above": int((p <= BLIND).sum()) if differ else 0,
                "full": int((shares >= COSET).sum()) if differ else 0,
                "full_blind": float((blind >= COSET).mean()) if differ else math.nan,
                "differ": differ,
            }
        )
    neurons = pd.DataFrame(rows, columns=["neuron", "irrep", "coset", "subgroup", "rank_one", "p"])
    irreps = pd.DataFrame(summaries)
    told = irreps[irreps["differ"]] if len(irreps) else irreps
    count = told["neurons"].sum() if len(told) else 0
    logits = tables.logits()
    return Mechanisms(
        neurons=neurons,
        irreps=irreps,
        coset=float(neurons["coset"].mean()) if len(neurons) else math.nan,
        coset_blind=float((told["coset_blind"] * told["neurons"]).sum() / count) if count else math.nan,
        accuracy_single=_projected(tables, reading, {}, None),
        accuracy_coset=_projected(tables, reading, changed, None),
        accuracy_random=_projected(tables, reading, changed, rng),
        character=float(character_components(logits, group).sum() / logits.var()),
        accuracy_character=_character_accuracy(logits, group),
    )


@dataclass(frozen=True, eq=False)
class _Fixers:
    """The subgroups that fix a part of an irrep, not all and not nothing.

    Attributes:
        group, irrep: whose.
        projections: on the fixed vectors of each [subgroups, dimension, dimension].
        members: their elements [subgroups, order]; orders, classes: of each.
    """

    group: FiniteGroup
    irrep: Irrep
    projections: Array
    members: npt.NDArray[np.bool_]
    orders: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, group: FiniteGroup, irrep: Irrep) -> _Fixers:
        members, classes = subgroups(group)
        projections = np.array([fixed(group, irrep, one) for one in members])
        ranks = np.trace(projections, axis1=1, axis2=2).round()
        proper = (ranks > 0) & (ranks < irrep.dimension)
        # Of nested subgroups with the same fixed vectors the largest alone is kept: they are sorted by order.
        keys = {projections[k].round(6).tobytes(): k for k in np.flatnonzero(proper)}
        kept = np.array(sorted(keys.values()), dtype=np.int64)
        return cls(group, irrep, projections[kept], members[kept], members[kept].sum(axis=1), classes[kept])

    def left(self, matrix: Array) -> Array:
        """The share of coefficients [neurons, d, d] that each subgroup leaves fixed on the left [neurons, subgroups].

        Subgroups that fix more than a line would give any direction a larger share; only those of the least rank
        compete.
        """
        ranks = np.trace(self.projections, axis1=1, axis2=2).round()
        kept = np.einsum("hij,njk->nhik", self.projections, matrix)
        share = (kept**2).sum(axis=(2, 3)) / (matrix**2).sum(axis=(1, 2))[:, None]
        return np.asarray(np.where(ranks[None, :] == ranks.min(), share, 0.0))

    def blind(self, draws: int, rng: np.random.Generator) -> Array:
        """Coset shares of tables with uniform random u and w [draws]."""
        d = self.irrep.dimension
        shares = []
        for _ in range(2):
            vectors = rng.normal(size=(draws, d, 1))
            shares.append(self.left(vectors).max(axis=1))
        return np.asarray(np.minimum(*shares))

    def another(self, which: int, rng: np.random.Generator) -> int:
        """A random subgroup of the same class, or of the same rank where it is alone in it."""
        return int(rng.choice(np.flatnonzero(self.classes == self.classes[which])))


def _projected(
    tables: Tables,
    reading: GroupReading,
    changed: dict[int, tuple[_Fixers, int, int]],
    rng: np.random.Generator | None,
) -> float:
    """The accuracy with single neurons' tables on their irrep, those of `changed` on their cosets too."""
    group = reading.group
    a, b = tables.a.copy(), tables.b.copy()
    for neuron in reading.neurons.loc[reading.neurons["single"], "neuron"]:
        irrep = group.irrep(reading.neurons.loc[neuron, "irrep"])
        for part in (a, b):
            part[neuron] = irrep.basis @ (irrep.basis.T @ part[neuron]) + part[neuron].mean()
        if neuron in changed:
            fixers, left, right = changed[neuron]
            if rng is not None:
                left, right = fixers.another(left, rng), fixers.another(right, rng)
            H, K = (np.flatnonzero(fixers.members[k]) for k in (left, right))
            a[neuron] = a[neuron][group.table[H]].mean(axis=0)
            b[neuron] = b[neuron][group.table[:, K]].mean(axis=1)
    logits = Tables(a, b, tables.out, tables.offset, tables.activation).logits()
    return float((logits.argmax(axis=1) == group.products).mean())


def _character_accuracy(logits: Array, group: FiniteGroup) -> float:
    """The accuracy with the logits replaced by their characters of a b c^-1."""
    quotient = group.table[group.products][:, group.inverses]
    table = np.bincount(quotient.ravel(), logits.ravel(), minlength=group.order) / group.order**2
    parts = [irrep.class_basis @ (irrep.class_basis.T @ table) for irrep in group.irreps[1:]]
    kept = np.sum(parts, axis=0)[quotient]
    return float((kept.argmax(axis=1) == group.products).mean())
