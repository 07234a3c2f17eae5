"""Where things are kept outside a project."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from mathcircuits.detect.errors import FileError
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


@pytest.mark.parametrize("home", ["f" * 256, "file", "nul\0l"])
def test_a_cache_that_cannot_be_looked_into_is_replaced_and_ones_own_folder_refused(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    # an environment cannot hold a null, but a caller may pass one
    monkeypatch.setattr("os.environ", {**os.environ, "MATHCIRCUITS_HOME": str(tmp_path / home)})
    found = home_folder("nulls", cache=True)
    assert found.parent.is_dir()
    assert not found.is_relative_to(tmp_path)
    assert home_folder("nulls", cache=True) == found
    assert caplog.text.count("cannot be looked into") == 1
    with pytest.raises(
        FileError, match=r"cannot be looked into .*set MATHCIRCUITS_HOME to a folder of yours"
    ):
        home_folder("catalogue", cache=False)


def test_a_platforms_folder_of_somebody_else_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MATHCIRCUITS_HOME", raising=False)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda name: str(tmp_path / "file" / name))
    assert not home_folder("catalogue", cache=False).is_relative_to(tmp_path)
    assert "Not a directory" in caplog.text
