"""The networks that prevalences stand beside: the comparison with the larger p counts, and its counts are named."""

from __future__ import annotations

import pandas as pd
import pytest

from mathcircuits.detect import InputError, verdict, verdict_table
from mathcircuits.detect.statistics.other_networks import compare_with_others


def test_the_larger_p_counts() -> None:
    others = compare_with_others(72, 72, (1, 72), (180, 200), sequential=False)
    assert others.p_untrained < 1e-20 < others.p_taught
    assert others.beside is not None
    assert others.beside.larger == others.p_taught
    assert others.name == "networks taught something else"
    turned = compare_with_others(72, 72, (60, 72), (1, 200), sequential=False)
    assert turned.beside is not None
    assert turned.beside.larger == turned.p_untrained
    assert turned.words == "60 of 72 untrained ones"


def test_without_others_there_is_nothing_to_compare() -> None:
    others = compare_with_others(3, 4, None, (0, 0), sequential=False)
    assert (others.p_untrained, others.p_taught, others.beside) == (None, None, None)


@pytest.mark.parametrize("sequential", [False, True])
def test_what_learning_anything_gives_is_not_universal(sequential: bool) -> None:
    plain = verdict(150, 150, untrained=(2, 150), sequential=sequential)
    judged = verdict(150, 150, untrained=(2, 150), taught=(200, 200), sequential=sequential)
    assert (plain.name, judged.name) == ("universal", "vacuous")
    assert "200 of 200 networks taught something else" in judged.reason
    apart = verdict(150, 150, untrained=(2, 150), taught=(9, 200), sequential=sequential)
    assert apart.name == "universal"


def test_a_table_takes_both_and_names_the_one_that_counts() -> None:
    frame = pd.DataFrame(
        {
            "found": [150, 150, 60], "n": [150] * 3, "untrained_found": [2] * 3, "untrained_n": [150] * 3,
            "taught_found": [3, 200, 70], "taught_n": [200] * 3,
        }
    )  # fmt: skip
    table = verdict_table(frame)
    assert table["verdict"].tolist() == ["universal", "vacuous", "inconclusive"]
    assert table["reason"][2].startswith("not told apart from networks taught something else: 60 of 150")
    assert (table["p_taught"] > table["p_untrained"])[1:].all()
    alone = verdict_table(frame.drop(columns=["taught_found", "taught_n"]))
    assert alone["verdict"].tolist() == ["universal", "universal", "partial"]
    assert alone["p_taught"].isna().all()


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(InputError, match="taught found = 3 is more than taught n = 2"):
        verdict(3, 4, taught=(3, 2))
