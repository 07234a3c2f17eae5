"""The library of the compiled step: made by the machine's C++ compiler, kept in the user's cache, checked before use.

A library runs with all that the user may do. So one is loaded from the cache only if nobody else can have written
it (owner and mode of file and folder), and only if it is whole (its SHA-256 stands beside it).
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from mathcircuits.detect import FileError
from mathcircuits.detect.folders import home_folder

LOGGER = logging.getLogger("mathcircuits")
#: Optimise for this very machine, and say nothing of vector registers that it lacks; -O3 compiles for twice as long
#: and gains nothing, for what matters is unrolled by hand. No relaxed arithmetic: a network that diverges has to end
#: in NaN. The later choices of NATIVE are for compilers that do not know the first.
FLAGS = (
    "-std=c++17",
    "-O2",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-ffp-contract=fast",
    "-shared",
    "-fPIC",
    "-w",
)
NATIVE: tuple[tuple[str, ...], ...] = (("-march=native",), ("-mcpu=native",), ())
#: A compiler that has not answered by then is none.
PATIENCE_SECONDS = 120
#: A group's and everybody's permission to write.
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def find_compiler() -> str | None:
    """The C++ compiler's path, or None. It has to know GCC's vector extensions, as GCC and Clang do."""
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    return None


def kernel_folder() -> Path:
    """Where compiled steps are kept: `$MATHCIRCUITS_HOME/kernels`, else the platform's cache folder.

    Examples:
        >>> kernel_folder().name
        'kernels'
    """
    return home_folder("kernels", cache=True)


def built(compiler: str, folder: Path, *, anew: bool = False) -> Path:
    """The library in that folder, compiled unless this source, compiler and processor have made it before.

    Two processes that compile at once write the same library, each whole. Where the folder cannot be written, or
    others could write to it, the library lies in a temporary folder, which goes with the process.

    Args:
        compiler: its path.
        folder: where libraries are kept.
        anew: compile even where there is one, and give a copy in a temporary folder: this process may have loaded the
            former, and would find it again under its name.

    Raises:
        subprocess.SubprocessError: where the compiler fails.
        FileError: where it says that it did not, and there is no library.
        OSError: where nothing can be written.
    """
    source = resources.files("mathcircuits.models").joinpath("data", "step.cpp").read_text("utf-8")
    key = "\n".join([source, *FLAGS, compiler, _version(compiler), _processor()])
    library = folder / f"step-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    if not anew and is_whole(library) and nobody_else_writes(library):
        return library
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK)
    except OSError:
        usable = False
    if usable and not nobody_else_writes(folder):
        LOGGER.warning(
            "%s: others can write there, so that no compiled step is kept in it: chmod go-w the folder",
            folder,
        )
        usable = False
    if not usable:
        folder = _passing_folder()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        written = Path(scratch) / "step.cpp"
        written.write_text(source, "utf-8")
        compiled = written.with_suffix(".so")
        for native in NATIVE:
            done = _run([compiler, *FLAGS, *native, str(written), "-o", str(compiled)])
            if done.returncode == 0:
                break
        done.check_returncode()
        if not compiled.is_file() or not compiled.stat().st_size:
            raise FileError(
                compiler, "ended without an error and without a library", "set CXX to another compiler"
            )
        compiled.chmod(0o700)
        digest = Path(scratch) / "digest"
        digest.write_text(_digest(compiled), "ascii")
        for file in (compiled, digest):
            with open(file, "rb") as opened:
                os.fsync(opened.fileno())
        # A process that is killed between the two leaves a library that does not fit its digest: it is made again.
        os.replace(digest, _digest_file(folder / library.name))
        os.replace(compiled, folder / library.name)
    library = folder / library.name
    return Path(shutil.copy2(library, _passing_folder())) if anew else library


def is_whole(library: Path) -> bool:
    """Whether a library is there as it was written.

    Examples:
        >>> is_whole(Path("no such library.so"))
        False
    """
    try:
        return _digest_file(library).read_text("ascii") == _digest(library)
    except (OSError, UnicodeDecodeError):
        return False


def nobody_else_writes(path: Path) -> bool:
    """Whether a file or folder, and the folder that it lies in, belong to this user (or to root) alone.

    Where the system has no owners and modes, as on Windows, the user's own cache folder has to do.

    Examples:
        >>> nobody_else_writes(Path("no such folder"))
        False
    """
    if not hasattr(os, "geteuid"):
        return True
    try:
        found = [os.lstat(path), os.stat(path.parent)]
    except OSError:
        return False
    if stat.S_ISLNK(found[0].st_mode):
        return False
    # Under a sticky folder, as /tmp is one, others cannot replace what is not theirs.
    safe = [not at.st_mode & _OTHERS_WRITE for at in found]
    safe[1] = safe[1] or bool(found[1].st_mode & stat.S_ISVTX)
    return all(safe) and all(at.st_uid in (os.geteuid(), 0) for at in found)


def _passing_folder() -> Path:
    """A folder that only this user can write and that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="mathcircuits-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _digest_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # A compiler may speak the encoding of a locale that is not this process's.
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=PATIENCE_SECONDS
    )


def _version(compiler: str) -> str:
    return _run([compiler, "--version"]).stdout


def _processor() -> str:
    """What -march=native depends on: a cache that several machines share must not mix them up."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = ("flags", "Features", "model name", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(told)}))
