"""Selected or free: verdicts on trained networks beside the fibre, the networks that compute the same function.

A mechanism of a function can be forced (every network of the function has it), selected (what training prefers picks it
among those that are possible) or free (seeds differ, as the function leaves it open). The fibre's shares say what the
function alone leaves open; a bias that is named beforehand, such as the least norm, says what training prefers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .criteria import DISCOVERY_RATE, EQUIVALENT
from .multiple_testing import select
from .two_shares import differs_by

if TYPE_CHECKING:
    import pandas as pd

#: The columns of each fibre: the share of the networks in it, times the effective number of networks, and that number.
FIBRES = (("fibre_found", "fibre_n"), ("matched_found", "matched_n"))
#: Verdicts that a fibre may change: the others are about exact networks, untrained ones, or hardly any.
_OPEN = ("universal", "partial", "inconclusive")


class BesideFibre(NamedTuple):
    """Two p-values, each the larger of all fibres'.

    Attributes:
        beyond: one-sided, of the share exceeding the fibre's by the margin or less.
        within: of the two differing by the margin or more, either way.
    """

    beyond: float
    within: float


def beside_fibre(
    found: float, n: float, *fibres: tuple[float, float], margin: float = EQUIVALENT
) -> BesideFibre:
    """How a share compares with those of fibres: at the init's scale, and at the norms that were observed.

    Args:
        found, n: trained networks.
        fibres: for each fibre the same, `n` being its effective number of networks: neither need be whole.
        margin: the smallest difference of shares that matters.

    Raises:
        InputError: without a fibre, and for counts that are not 0 <= found <= n with n above 0.

    Examples:
        >>> half = beside_fibre(44, 45, (9.1, 35.0), (4.0, 60.0))
        >>> half.beyond < 1e-6, half.within
        (True, 1.0)
        >>> beside_fibre(260, 1000, (250.0, 1000.0)).within < 0.001
        True
    """
    if not fibres:
        raise InputError("no fibre: give (found, n) of one or more")
    for count, total in ((found, n), *fibres):
        if not 0 <= count <= total or not 0 < total < math.inf:
            raise InputError(f"found = {count:g} of n = {total:g}: give 0 <= found <= n, n above 0")
    found_all = [differs_by(found, n, *fibre, margin) for fibre in fibres]
    return BesideFibre(max(p.above for p in found_all), max(p.within for p in found_all))


def fibre_verdicts(table: pd.DataFrame, *, alpha: float = DISCOVERY_RATE) -> pd.DataFrame:
    """A table of verdicts with `selected` and `free` where a fibre is known.

    A universal, partial or inconclusive row is **selected** where its share is shown to exceed the fibre's by more than
    a tenth and a bias that was named beforehand predicts it. A partial or inconclusive row is **free** where both
    shares are shown to be within a tenth of each other. Where there are two fibres, both have to say so. All other rows
    keep their verdict, and the reason says what the fibre adds: that it is beyond the fibre and predicted by nothing,
    that the function brings it along (a universal row), or that the two are not told apart. Benjamini-Hochberg runs
    over the p-values of either claim, rows of one finding counting once. All counts are of a number of networks that
    was decided in advance.

    Args:
        table: what `verdict_table` returns, with the columns `fibre_found` and `fibre_n` (missing where no fibre is
            known), and if known `matched_found` and `matched_n` of a second one, and `predicted`, the name of the bias
            that predicts the row.
        alpha: false discovery rate, of each of the two claims.

    Returns:
        the table with its columns `verdict` and `reason` changed, and `p_beyond` and `p_within` added.

    Raises:
        InputError: where a column is missing or counts are impossible.

    Examples:
        >>> import pandas as pd
        >>> from .verdicts import verdict_table
        >>> rows = pd.DataFrame({"found": [44, 260, 0], "n": [45, 1000, 45], "fibre_found": [9.1, 250.0, None],
        ...                      "fibre_n": [35.0, 1000.0, None], "predicted": ["least norm", None, None]})
        >>> judged = fibre_verdicts(verdict_table(rows))
        >>> judged["verdict"].tolist()
        ['selected', 'free', 'inconclusive']
        >>> judged["reason"][0]
        '44 of 45 have it, and 26% of the fibre: beyond it by more than 0.1 (p = 2.4e-09), as the least norm predicts'
    """
    for name in ("found", "n", "verdict", "reason", *FIBRES[0]):
        if name not in table.columns:
            raise InputError(
                f"the table has no column {name!r}: give what verdict_table returns, with fibre_found, fibre_n"
            )
    known = [pair for pair in FIBRES if set(pair) <= set(table.columns)]
    fibres = [
        _fibres(row, known) for row in table[[name for pair in known for name in pair]].to_dict("records")
    ]
    open_ = table["verdict"].isin(_OPEN).to_numpy()
    beside = [
        beside_fibre(found, n, *of) if of and judged and n else None
        for found, n, of, judged in zip(table["found"], table["n"], fibres, open_, strict=True)
    ]
    beyond, within = (np.array([math.nan if p is None else p[k] for p in beside]) for k in range(2))
    first = _firsts(table)
    levels = [1 - select(p[first], alpha).confidence for p in (beyond, within)]
    predicted = table["predicted"] if "predicted" in table.columns else [None] * len(table)
    said = []
    for k, (verdict, reason, bias) in enumerate(
        zip(table["verdict"], table["reason"], predicted, strict=True)
    ):
        name, text, p = str(verdict), str(reason), beside[k]
        if p is not None:
            counts = f"{table['found'].iloc[k]} of {table['n'].iloc[k]}"
            name, text = _judged(
                name, text, counts, fibres[k], None if _is_missing(bias) else str(bias), p, levels
            )
        said.append((name, text))
    judged = table.copy()
    judged["verdict"], judged["reason"] = [name for name, _ in said], [reason for _, reason in said]
    judged["p_beyond"], judged["p_within"] = beyond, within
    return judged


def _judged(
    verdict: str, reason: str, counts: str, fibres: list[tuple[float, float]], bias: str | None, p: BesideFibre,
    levels: list[float],
) -> tuple[str, str]:  # fmt: skip
    """The verdict and its reason of one row."""
    shares = sorted({f"{f / of:.0%}" for f, of in fibres}, key=lambda text: int(text[:-1]))
    counts = f"{counts} have it, and {' to '.join(shares)} of the fibre"
    if p.beyond <= levels[0]:
        apart = f"beyond it by more than {EQUIVALENT:g} (p = {p.beyond:.2g})"
        if bias is not None:
            return "selected", f"{counts}: {apart}, as the {bias} predicts"
        return verdict, f"{reason}; {' to '.join(shares)} of the fibre, {apart}, which no named bias predicts"
    if p.within <= levels[1]:
        if verdict == "universal":
            return verdict, f"{reason}; {' to '.join(shares)} of the fibre, so the function brings it along"
        return "free", f"{counts}: within {EQUIVALENT:g} of each other (p = {p.within:.2g})"
    return verdict, f"{reason}; not told apart from the fibre, {' to '.join(shares)} of which has it"


def _fibres(row: Mapping[Any, Any], known: list[tuple[str, str]]) -> list[tuple[float, float]]:
    """Of one row, (found, n) of each fibre that has any networks."""
    pairs = [(row[found], row[n]) for found, n in known]
    return [(float(f), float(n)) for f, n in pairs if not _is_missing(f) and not _is_missing(n) and n > 0]


def _firsts(table: pd.DataFrame) -> npt.NDArray[np.intp]:
    """The first row of each finding; a row without one is a finding by itself."""
    if "finding" not in table.columns:
        return np.arange(len(table))
    keys = [k if _is_missing(name) else str(name) for k, name in enumerate(table["finding"])]
    return np.array(sorted({key: k for k, key in reversed(list(enumerate(keys)))}.values()), dtype=np.intp)


def _is_missing(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))
