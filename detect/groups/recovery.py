"""The group that a network composes in, found from its answers alone, with the order of its elements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from ..errors import InputError
from ..networks.network import HasNetwork, Network
from .criteria import WRONG
from .finite_groups import FiniteGroup, not_a_group
from .isomorphisms import identified
from .neuron_tables import Tables

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Recovered:
    """The group that a network composes in.

    Attributes:
        group: in the order of the network's outputs, with the name of the known group that it is.
        first, second: the number of the group's element for each first and second input [order]; where they differ
            from 0, 1, 2, ... the inputs are in another order than the outputs.
        repaired: the share of pairs whose answer had to be changed, those that the network gets wrong.
        known: whether a group that `group_named` knows fits.

    Examples:
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> recover_group(planted_irreps(group_named("C5"), ["f1"]))
        Recovered(C5, elements in one order, 0.0% of the pairs repaired)
    """

    group: FiniteGroup
    first: Ints
    second: Ints
    repaired: float
    known: bool

    @property
    def aligned(self) -> bool:
        """Whether inputs and outputs are in one order."""
        everything = np.arange(self.group.order)
        return bool((self.first == everything).all() and (self.second == everything).all())

    def reordered(self, network: Network | HasNetwork) -> Network:
        """The network's tables as a network whose inputs are in the order of its outputs: what `read_group` takes."""
        tables = Tables.of(network)
        a, b = (
            part[:, np.argsort(order)] for part, order in ((tables.a, self.first), (tables.b, self.second))
        )
        return Network(
            [np.concatenate([a, b], axis=1), tables.out.T], [None, tables.offset], tables.activation
        )

    def __repr__(self) -> str:
        order = "one order" if self.aligned else "several orders"
        return f"Recovered({self.group.name}, elements in {order}, {self.repaired:.1%} of the pairs repaired)"


def recover_group(network: Network | HasNetwork) -> Recovered:
    """Find the group that a network composes in from its own answers.

    The largest logits are a table. In a group each row and column names every element once, so that wrong answers
    are repaired row by row with the assignment that the logits like best. Renaming rows and columns so that the first
    of each is neutral gives a group where any renaming does (Albert 1943: isotopic groups are isomorphic), and
    a search for an isomorphism by the orders of elements and sizes of classes names it.

    Args:
        network: two one-hot elements, a logit for each element; inputs and outputs may be in different orders.

    Raises:
        InputError: where the answers are not a group's, with the reason.

    Examples:
        >>> from .group_truths import planted_irreps
        >>> from .named_groups import group_named
        >>> s3 = group_named("S3").relabelled([3, 1, 4, 0, 5, 2])
        >>> recover_group(planted_irreps(s3, ["2a"], each=4)).group
        FiniteGroup(S3, order 6)
    """
    tables = Tables.of(network)
    n = tables.p
    logits = tables.logits().reshape(n, n, n)
    answers = logits.argmax(axis=2)
    repaired = _repaired(logits)
    wrong = float((answers != repaired).mean())
    if wrong > WRONG:
        raise InputError(
            f"{wrong:.0%} of the answers break the rule that a row of a group's table names each element once; at most "
            f"{WRONG:.0%} are repaired: the network composes in no group, or needs more training; name the group"
        )
    table, first, second = _isotope(repaired)
    problem = not_a_group(table)
    if problem:
        raise InputError(
            f"the network's answers are not a group's table: {problem}; name the group and the order"
        )
    found = FiniteGroup(f"group of order {n}", table)
    named = identified(found)
    if named is None:
        return Recovered(found, first, second, wrong, False)
    known, mapped = named
    return Recovered(known.relabelled(mapped), first, second, wrong, True)


def _repaired(logits: Array) -> Ints:
    """The answers, those of a row that repeat an element replaced by the assignment of the largest logits."""
    answers = np.asarray(logits.argmax(axis=2))
    for row in range(len(answers)):
        if len(np.unique(answers[row])) < len(answers):
            answers[row] = linear_sum_assignment(-logits[row])[1]
    return answers


def _isotope(answers: Ints) -> tuple[Ints, Ints, Ints]:
    """The table in the outputs' names, and the output's name of each row and column.

    Where rows, columns and outputs are in one order, the neutral row and column name themselves.
    """
    everything = np.arange(len(answers))
    rows = np.flatnonzero((answers == everything).all(axis=1))
    columns = np.flatnonzero((everything == answers.T).all(axis=1))
    row = int(rows[0]) if len(rows) else 0
    column = int(columns[0]) if len(columns) else 0
    first, second = answers[:, column], answers[row]
    table = np.empty_like(answers)
    table[np.ix_(first, second)] = answers
    return table, first, second
