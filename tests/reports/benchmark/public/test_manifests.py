"""Manifests: the shipped ones read, wrong ones are refused by the key that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from mathcircuits.detect import FileError
from mathcircuits.detect.groups import group_named
from mathcircuits.reports.benchmark.public.manifests import ENDING, SHIPPED, manifest_at, manifests_in


def test_the_shipped_manifests_are_read_and_name_groups() -> None:
    found = manifests_in(SHIPPED)
    assert len(found) >= 3
    for manifest in found.values():
        assert group_named(manifest.task.group).order > 1
        assert manifest.population.citation


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[population]\nname = 1\n[task]\ngroup = 'S4'", "population.name"),
        ("[population]\nname = 'a'\n[task]\ngroup = 'S4'\ntask = 'minimum'", "either a group or a task"),
        ("[population]\nname = 'a'\n[task]\ngroup = 'S4'\n[truth]\naccuracy = 2", "truth.accuracy"),
        ("[population]\nname = 'a'\n[task]\ngroup = 'S4'\nextra = 1", "task.extra"),
        ("[population", "cannot be read as TOML"),
    ],
)
def test_a_wrong_manifest_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{ENDING}"
    file.write_text(text)
    with pytest.raises(FileError, match=said):
        manifest_at(file)
