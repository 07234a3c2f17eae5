"""The network that is explained has a match, and the match its null."""

from __future__ import annotations

from synthetic_study import FakeStudy, made_up

from mathcircuits.reports.pages.sections.explained import explained


def test_the_minimum_is_explained_by_a_match_beside_its_null() -> None:
    study = made_up(("absolute", "minimum"), seeds=3)
    view = explained(study, study.tables)
    assert view is not None
    assert "computes minimum" in view.sentence
    assert "v0 resembles greaterness" in view.sentence
    assert view.null is not None
    assert all(word in view.null.svg for word in ("matched", "vacuous", "p &lt; 1e-4"))
    assert explained(FakeStudy({}, {}), {}) is None
