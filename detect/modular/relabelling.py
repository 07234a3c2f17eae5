"""Relabelling: frequencies over many networks; renaming the numbers of Z_p turns each into any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..errors import InputError
from ..groups.irrep_choices import Arbitrariness as Arbitrariness
from ..groups.irrep_choices import blind_choice
from ..statistics.criteria import DISCOVERY_RATE
from .fourier import FourierReading
from .tables import check_modulus

if TYPE_CHECKING:
    import pandas as pd


def relabelled(frequencies: Iterable[int], unit: int, p: int) -> tuple[int, ...]:
    """The frequencies after every number x was renamed `unit x` mod p: k becomes k / unit, taken in 1 to (p - 1) / 2.

    Raises:
        InputError: where the unit is a multiple of p.

    Examples:
        >>> relabelled([1, 2], 2, 7)  # 1 / 2 = 4 mod 7, which is 3 again; 2 / 2 = 1
        (1, 3)
    """
    check_modulus(p)
    if unit % p == 0:
        raise InputError(f"{unit} is not a unit modulo {p}: give a number that {p} does not divide")
    inverse = pow(int(unit), -1, p)
    return tuple(sorted({min(k * inverse % p, -k * inverse % p) for k in frequencies}))


def orbit_of(frequencies: Iterable[int], p: int) -> tuple[int, ...]:
    """One name for all sets of frequencies that a relabelling of Z_p turns into each other: the smallest of them.

    Examples:
        >>> orbit_of([2], 31), orbit_of([3, 6], 31) == orbit_of([1, 2], 31)
        ((1,), True)
    """
    given = tuple(frequencies)
    return min(relabelled(given, unit, p) for unit in range(1, (p - 1) // 2 + 1))


def arbitrariness(used: npt.ArrayLike, *, draws: int = 4000, seed: int = 0) -> Arbitrariness:
    """Test that each network's frequencies are a blind draw: each network keeps its number of them, nothing else.

    Args:
        used: which network uses which frequency [networks, frequencies].
        draws: blind draws; seed: of them.

    Raises:
        InputError: for fewer than two networks, or where no network uses any frequency.

    Examples:
        >>> always_the_same = [[True, False, False, False, False]] * 12
        >>> bool(arbitrariness(always_the_same, draws=199).p < 0.05)
        True
    """
    return blind_choice(used, draws=draws, seed=seed)


def fourier_verdicts(
    readings: Sequence[FourierReading],
    untrained: Sequence[FourierReading] = (),
    *,
    alpha: float = DISCOVERY_RATE,
) -> pd.DataFrame:
    """Verdicts that keep the family apart from its members: some Fourier feature, and each single frequency.

    A network holds the family where it uses at least one frequency. The family is one row of kind `family`, tested
    by itself; the frequencies are rows of kind `frequency`, their false discoveries controlled together. Modulo the
    relabellings of Z_p all frequencies are one feature, the family: the rows ask which member a network took.

    Args:
        readings: of networks that solve the task.
        untrained: of untrained networks of the same shape.
        alpha: false discovery rate over the frequencies.

    Returns:
        `kind, feature, frequency` (missing for the family) and the columns of `verdict_table`.

    Raises:
        InputError: without readings, or where they differ in p.

    Examples:
        >>> from .tables import planted
        >>> from .fourier import read_fourier
        >>> readings = [read_fourier(planted(11, [1 + k % 5]), draws=20, seed=k) for k in range(3)]
        >>> table = fourier_verdicts(readings)
        >>> table.loc[0, "feature"], int(table.loc[0, "found"]), table["found"].tolist()[1:]
        ('some Fourier feature', 3, [1, 1, 1, 0, 0])
    """
    import pandas as pd

    from ..statistics.verdicts import verdict_table

    moduli = {reading.p for reading in (*readings, *untrained)}
    if not readings or len(moduli) != 1:
        raise InputError(
            f"{len(readings)} readings with moduli {sorted(moduli)}: give at least one, all of one modulus"
        )
    (p,) = moduli

    def rows(kind: str, features: Sequence[int | None]) -> pd.DataFrame:
        def count(group: Sequence[FourierReading], k: int | None) -> int:
            return sum(bool(one.used) if k is None else k in one.used for one in group)

        entries: list[dict[str, Any]] = [
            {
                "kind": kind,
                "feature": "some Fourier feature" if k is None else f"cos and sin of frequency {k}",
                "frequency": k,
                "found": count(readings, k),
                "n": len(readings),
                "untrained_found": count(untrained, k),
                "untrained_n": len(untrained),
            }
            for k in features
        ]
        return verdict_table(pd.DataFrame(entries), alpha=alpha)

    family, members = rows("family", [None]), rows("frequency", range(1, (p - 1) // 2 + 1))
    table = pd.concat(
        [family.astype({"frequency": "Int64"}), members.astype({"frequency": "Int64"})], ignore_index=True
    )
    table.attrs = dict(members.attrs)
    return table
