"""Where things are kept outside a project."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from mathcircuits.detect.folders import home_folder


def test_one_variable_moves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    assert home_folder("nulls", cache=True) == tmp_path / "nulls"
    assert home_folder("catalogue", cache=False) == tmp_path / "catalogue"


@pytest.mark.parametrize("empty", [None, ""])
def test_without_it_caches_and_what_is_the_users_own_lie_apart(
    empty: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if empty is None:
        monkeypatch.delenv("MATHCIRCUITS_HOME", raising=False)
    else:
        monkeypatch.setenv("MATHCIRCUITS_HOME", empty)
    assert home_folder("nulls", cache=True).parent == Path(platformdirs.user_cache_dir("mathcircuits"))
    assert home_folder("catalogue", cache=False).parent == Path(platformdirs.user_config_dir("mathcircuits"))


def test_a_user_without_a_home_gets_a_folder_that_goes_with_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MATHCIRCUITS_HOME", raising=False)
    # What expanduser gives where neither HOME nor an entry of the user exists.
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: f"~/.cache/{name}")
    found = home_folder("nulls", cache=True)
    assert found.is_absolute()
    assert found.parent.is_dir()
    assert home_folder("kernels", cache=True).parent == found.parent
    assert caplog.text.count("set MATHCIRCUITS_HOME") == 1
