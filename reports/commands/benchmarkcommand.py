"""`mathcircuits benchmark`: what a benchmark found, with the stated bounds as a table at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .terminal.console import number, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..benchmark import Universality
    from ..benchmark.results import Benchmark
    from ..benchmark.scores import Summed

COLUMNS = ("requirement", "bound", "worst", "verdict")


def print_benchmark(found: Benchmark | Universality) -> None:
    """Print what came out, a row for each requirement, and how many are kept."""
    from ..benchmark.results import Benchmark

    checks = found if isinstance(found, Benchmark) else found.checks
    bounds = set(checks.summary)
    for line in found.summary:
        if line not in bounds:
            print(line)
    print_table(COLUMNS, requirement_rows(checks.requirements))
    print(checks.summary[-1])


def requirement_rows(requirements: Sequence[Summed]) -> list[list[str]]:
    """Each requirement with its bound, the worst that was measured, and whether it is kept.

    Examples:
        >>> from ..benchmark.scores import Bound, Setting, share, sum_up
        >>> bound = Bound("heads in at most half", 0.5)
        >>> scores = [share("demo", Setting("coins"), "heads", k, 4, bound) for k in (1, 3)]
        >>> requirement_rows(sum_up(scores))
        [['heads in at most half', 'at most 0.5', '0.75 (3 of 4; coins)', 'FAIL, 1 of 2 cells']]
    """
    from ..benchmark.scores import describe

    rows = []
    for requirement in requirements:
        worst, bound = requirement.worst, requirement.worst.bound
        assert bound is not None
        seen = {"value": worst.value, "low": worst.low, "high": worst.high}[bound.end]
        shown = number(worst.value)
        if bound.end != "value":
            shown += f", its {bound.end} limit {number(seen)}"
        counts = "" if worst.found is None else f"{worst.found:g} of {worst.n}; "
        verdict = "pass" if requirement.passed else "FAIL"
        if requirement.asked > 1:
            verdict += f", {requirement.kept} of {requirement.asked} cells"
        rows.append(
            [
                requirement.text,
                f"at {'most' if bound.most else 'least'} {bound.limit:g}",
                f"{shown} ({counts}{describe(worst.setting)})",
                verdict,
            ]
        )
    return rows
