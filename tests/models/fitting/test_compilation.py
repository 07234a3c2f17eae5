"""The compiled step's library: one that is damaged, or that somebody else can write, is never loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mathcircuits.models.fitting.compilation import built, find_compiler, is_whole, nobody_else_writes
from mathcircuits.models.fitting.compiled_step import FusedStep, computes_rightly

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler: there is no fused step")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one library, made by this machine's compiler."""
    folder = tmp_path_factory.mktemp("home") / "kernels"
    built(str(find_compiler()), folder)
    return folder


def test_a_library_is_made_once(kept: Path) -> None:
    first = built(str(find_compiler()), kept)
    stamp = first.stat().st_mtime_ns
    assert built(str(find_compiler()), kept).stat().st_mtime_ns == stamp
    assert sorted(path.suffix for path in kept.iterdir()) == [".sha256", ".so"]
    assert computes_rightly(FusedStep(first))


@pytest.mark.parametrize(
    "damage",
    [
        lambda library: library.write_bytes(library.read_bytes()[:5000]),  # loading it would end in SIGBUS
        lambda library: library.write_bytes(b""),
        lambda library: library.with_suffix(".sha256").unlink(),
        lambda library: library.with_suffix(".sha256").write_bytes(b"\xff"),
        lambda library: library.chmod(0o777),
    ],
)
def test_a_library_that_is_damaged_or_open_to_others_is_made_again(
    damage: Callable[[Path], object], kept: Path
) -> None:
    library = built(str(find_compiler()), kept)
    right = library.read_bytes()
    damage(library)
    assert not (is_whole(library) and nobody_else_writes(library))
    assert built(str(find_compiler()), kept) == library
    assert library.read_bytes() == right
    assert nobody_else_writes(library)


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    library = built(str(find_compiler()), tmp_path / "file" / "kernels")
    assert library.is_file()
    assert tmp_path not in library.parents


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners and modes here")
def test_a_folder_that_others_can_write_is_not_used(
    kept: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    library = built(str(find_compiler()), kept)
    planted = shared / library.name
    planted.write_bytes(library.read_bytes())
    planted.with_suffix(".sha256").write_bytes(library.with_suffix(".sha256").read_bytes())
    assert is_whole(planted)
    assert built(str(find_compiler()), shared).parent != shared
    assert "chmod go-w" in caplog.text
    shared.chmod(0o700)
    assert built(str(find_compiler()), shared) == planted


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners and modes here")
def test_a_link_and_another_users_file_are_not_trusted(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = built(str(find_compiler()), kept)
    tmp_path.chmod(0o700)
    link = tmp_path / "link.so"
    link.symlink_to(library)
    assert not nobody_else_writes(link)
    user = max(os.geteuid(), library.stat().st_uid) + 1
    if library.stat().st_uid:  # root's files serve everybody
        monkeypatch.setattr(os, "geteuid", lambda: user)
        assert not nobody_else_writes(library)
    else:
        os.chown(library, user, -1)
        try:
            assert not nobody_else_writes(library)
        finally:
            os.chown(library, 0, -1)
