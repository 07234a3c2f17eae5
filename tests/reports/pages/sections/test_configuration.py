"""A configuration that was written as TOML is read as it was."""

from __future__ import annotations

import tomllib

from mathcircuits.reports.pages.sections.configuration import config_toml
from mathcircuits.reports.studies.config import StudyConfig


def test_a_study_can_be_repeated_from_its_page() -> None:
    regimens = {"1x": ["adam"], "other": ["osier", "adam"]}
    config = StudyConfig(tasks=["minimum"], widths=["1x", 16], seeds=8, regimens=regimens)
    read = tomllib.loads(config_toml(config.to_dict()))
    assert StudyConfig(**read).to_dict() == config.to_dict()
    assert config_toml({}) == ""
