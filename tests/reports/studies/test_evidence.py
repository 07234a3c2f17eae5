"""Evidence: free networks first, then those that are near enough; the others are counted apart, and said to be."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from mathcircuits.reports.studies.evidence import Certain, LeftOpen, left_out, split_arguments, with_left_out

SMALL, LARGE = (3,), (16,)


def known(**sizes_and_errors: tuple[tuple[int, ...], float]) -> Certain:
    return Certain(
        list(sizes_and_errors),
        LARGE,
        {name: sizes for name, (sizes, _) in sizes_and_errors.items()},
        {name: error for name, (_, error) in sizes_and_errors.items()},
    )


def is_small(sizes: tuple[int, ...]) -> bool:
    return sizes == SMALL


def bar(sizes: tuple[int, ...]) -> float:
    return 1e-3 if sizes == SMALL else 0.0


def test_networks_that_were_free_are_the_evidence() -> None:
    left = known(a=(SMALL, 1e-9), b=(LARGE, 0.5), c=(SMALL, math.nan)).left_open(is_small, bar)
    assert (left.forced, left.names, left.apart, left.uncertified) == (False, ["b"], 0, 0)
    assert math.isnan(left.below)


def test_a_network_at_the_error_itself_counts() -> None:
    left = known(a=(SMALL, 1e-3), b=(SMALL, 1.001e-3), c=(SMALL, math.nan)).left_open(is_small, bar)
    assert (left.forced, left.names, left.below, left.apart, left.uncertified) == (True, ["a"], 1e-3, 1, 1)


def test_nothing_is_forced_where_nobody_is_near_enough() -> None:
    left = known(a=(SMALL, 0.1), b=(SMALL, math.inf)).left_open(is_small, bar)
    assert (left.forced, left.names, left.apart, left.uncertified) == (False, [], 2, 0)


def test_where_no_error_is_known_only_exact_networks_count() -> None:
    left = known(a=(SMALL, 0.0), b=(SMALL, 1e-16)).left_open(is_small, lambda _: 0.0)
    assert (left.forced, left.names, left.apart) == (True, ["a"], 1)


@pytest.mark.parametrize(("hidden", "forced"), [(SMALL, True), (LARGE, False)])
def test_without_a_network_the_first_sizes_decide(hidden: tuple[int, ...], forced: bool) -> None:
    left = Certain([], hidden, {}, {}).left_open(is_small, bar)
    assert (left.forced, left.names) == (forced, [])


def test_the_words_for_those_that_are_left_out() -> None:
    both = LeftOpen(True, [], 0.5, 2, 3).columns
    assert left_out(both) == (
        "; 2 not certified to be within 0.5 of the task and 3 without a certificate, from which it follows: "
        "these count neither way"
    )
    no_error = left_out(LeftOpen(False, [], 0.0, 2, 0).columns)
    assert (
        no_error
        == "; 2 not exactly the task, and no error is known from which it follows: these count neither way"
    )
    assert left_out(LeftOpen(False, []).columns) == left_out({}) == left_out({"apart": None}) == ""


def test_a_reason_without_networks_is_replaced() -> None:
    table = pd.DataFrame(
        {"n": [5, 0, 0], "reason": ["why"] * 3, "apart": [1, 1, 0], "uncertified": 0, "forced_below": 0.5}
    )
    words = "1 not certified to be within 0.5 of the task, from which it follows: these count neither way"
    assert with_left_out(table)["reason"].tolist() == [f"why; {words}", words, "why"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x1", ("x1",)),
        ("x1, x2", ("x1", "x2")),
        ("min(x1, x2), min(x3, x4)", ("min(x1, x2)", "min(x3, x4)")),
        ("relu(max(x1, x2)), x3", ("relu(max(x1, x2))", "x3")),
        ("", ()),
    ],
)
def test_arguments_split_outside_parentheses(text: str, parts: tuple[str, ...]) -> None:
    assert split_arguments(text) == parts
    assert ", ".join(parts) == text
