"""Outputs: what a command writes is checked before it works, so that nothing is lost and nothing overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mathcircuits.detect import FileError

#: Endings of a network's file that is written.
NETWORK_ENDINGS = (".safetensors", ".npz")


def check_network_file(path: Path) -> Path:
    """The path of a network to write, where its ending names a format and its folder is there.

    Raises:
        FileError: for another ending, a folder in its place, or a missing folder.

    Examples:
        >>> check_network_file(Path("small.onnx"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: small.onnx: cannot be written as '.onnx'; use .safetensors or .npz
    """
    if path.suffix.lower() not in NETWORK_ENDINGS:
        raise FileError(path, f"cannot be written as {path.suffix!r}", f"use {' or '.join(NETWORK_ENDINGS)}")
    if path.is_dir():
        raise FileError(path, "is a folder", "give the path of a file")
    if not path.parent.is_dir():
        raise FileError(path, "its folder is missing", "create the folder first")
    return path


def check_free(paths: Iterable[Path], force: bool) -> None:
    """Refuse to overwrite a file, unless that is asked for.

    Raises:
        FileError: for the first that is there.

    Examples:
        >>> check_free([Path("no/such/file.npz")], force=False)
    """
    for path in paths:
        if path.exists() and not force:
            raise FileError(path, "is there already", "give --force to replace it, or another name")


def check_folder(path: Path, remedy: str = "give a folder") -> Path:
    """The path of a folder to write into, where no file stands in its place or that of a folder above it.

    Raises:
        FileError: for the file that does.

    Examples:
        >>> check_folder(Path("runs/new")).as_posix()
        'runs/new'
    """
    there = next(above for above in (path, *path.absolute().parents) if above.exists())
    if not there.is_dir():
        raise FileError(there, "is a file", remedy)
    return path
