"""Budgets: what is too large is refused at once, with what would do, and allowed on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathcircuits.detect import InputError
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.__main__ import main

TINY = {"tasks": ["minimum"], "widths": ["1x"], "seeds": 2, "regimens": ["adam"]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seeds": 10**9}, "1000000000 networks: at most 1000000"),
        ({"widths": list(range(1, 100_002))}, "100001 conditions and blocks of seeds: at most 100000"),
        ({"widths": [100_000]}, "a hidden layer of 100000 neurons: at most 4096"),
        ({"widths": [[4096, 4096]]}, "2 networks of 16797697 weights in one cell: at most 1 of them fit"),
        ({"grid": [{"seeds": 600_000}, {"widths": ["2x"], "seeds": 600_000}]}, "1200000 networks"),
    ],
)
def test_too_large_a_study_is_refused_before_its_cells_are_listed(
    change: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError, match=told) as refused:
        StudyConfig(**{**TINY, **change})
    assert "large = true" in str(refused.value)


def test_a_crossing_is_counted_before_it_is_made() -> None:
    factors = {name: [k / 1e4 for k in range(1, 201)] for name in ("decay", "lr", "label_noise")}
    with pytest.raises(
        InputError, match=r"decay \(200\) x lr \(200\) x label_noise \(200\) = 8000000 conditions: at most"
    ):
        StudyConfig(tasks=["minimum"], widths=["1x"], seeds=2, factors=factors)


def test_a_large_study_is_allowed_on_request_and_says_so_in_its_manifest() -> None:
    large = StudyConfig(**{**TINY, "widths": [5000], "large": True})
    assert large.to_dict()["large"] is True
    assert "large" not in StudyConfig(**TINY).to_dict()


def test_a_group_too_large_for_memory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # one network of 1000 elements took more than 6 GB
    assert main(["group", "C1000", "--seeds", "1", "--out", str(tmp_path / "group")]) == 2
    assert "a group of 1000 elements: networks of at most 500 are trained" in capsys.readouterr().err
    assert not (tmp_path / "group").exists()
