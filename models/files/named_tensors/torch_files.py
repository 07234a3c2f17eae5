"""Files that `torch.save` wrote, opened without executing anything in them, and zip archives checked before use."""

from __future__ import annotations

import argparse
import collections
import io
import pathlib
import re
import struct
import types
import warnings
import zipfile
from typing import Any

import numpy as np

from ..criteria import FREELY_UNPACKED, MOST_PACKED
from ..layer_chain import MAX_VALUES
from ..refusals import Unreadable
from .contents import SAVE_STATE, Contents, contents_of
from .plain_torch_files import plain_contents

#: What torch.save wrote before its files were zip archives: a pickled magic number.
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def _maker(value: Any) -> Any:
    """NumPy's function that makes such a value again from a pickle."""
    return value.__reduce__()[0]


# Classes that carry values and no code, beside those that torch allows itself: configurations, scores and
# arrays. Old versions of NumPy have another module for the same functions.
_HARMLESS: list[Any] = [
    argparse.Namespace, types.SimpleNamespace, collections.defaultdict, pathlib.PosixPath, pathlib.WindowsPath,
    np.ndarray, np.dtype, *{type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "b1")},
    *(
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in map(_maker, (np.zeros(1), np.float64(0)))
        for core in ("core", "_core")
    ),
]  # fmt: skip
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")


def torch_contents(data: bytes) -> Contents:
    """What `torch.save` wrote, read by fixed rules or through `weights_only=True` alone; no code in it ever runs.

    Args:
        data: the file's bytes, a zip archive or the older bare form.

    Raises:
        Unreadable: for anything else in the file, and damage.

    Examples:
        >>> import torch
        >>> file = io.BytesIO()
        >>> torch.save(torch.nn.Linear(2, 1).state_dict(), file)
        >>> list(torch_contents(file.getvalue()).tensors)
        ['weight', 'bias']
    """
    if data[:2] == b"PK":
        check_archive(data)
    plain = plain_contents(data) if data[:2] == b"PK" else None
    if plain is not None:
        return contents_of(plain)
    import torch

    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
            # torch's own reader of old files uses what it warns of.
            warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning)
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # the restricted unpickler meets hostile bytes: any exception means "refused"
        reason = _reason(error)
        raise Unreadable(
            f"is not a state dict (torch refuses it with weights_only=True: {reason})", SAVE_STATE
        ) from None
    return contents_of(content)


def _reason(error: Exception) -> str:
    """Why torch refuses a file, without its advice on how to trust it all the same."""
    match = _REFUSED.search(str(error))
    if match is not None:
        return f"it holds objects of {match[1]}, whose code is never executed"
    return first_line(error)


def check_ratio(unpacked: int, packed: int) -> None:
    """Refuse a file that unpacks to a multiple of its size that no trained network has.

    Examples:
        >>> check_ratio(2**20, 100)
        >>> check_ratio(2**30, 2**10)
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: unpacks to 1073741824 bytes, 1048576 times its size; save it ...
    """
    if unpacked > FREELY_UNPACKED and unpacked > MOST_PACKED * packed:
        raise Unreadable(
            f"unpacks to {unpacked} bytes, {unpacked // packed} times its size", "save it without compression"
        )


def check_archive(data: bytes) -> None:
    """Refuse a damaged or absurdly large zip archive before a library unpacks it.

    Examples:
        >>> check_archive(b"PK, and no more")
        Traceback (most recent call last):
        ...
        mathcircuits.models.files.refusals.Unreadable: is a damaged archive (...); copy or save it again
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > 8 * MAX_VALUES:
                raise Unreadable(f"unpacks to {total} bytes, more than the {8 * MAX_VALUES} that are read")
            check_ratio(total, len(data))
            if not _covers(archive, data):
                raise Unreadable(
                    "is a damaged archive (members are missing from its directory)", "copy or save it again"
                )
            damaged = archive.testzip()
    except Unreadable:
        raise
    except Exception as error:  # zipfile lets zlib's, struct's and codecs' errors through
        raise Unreadable(f"is a damaged archive ({first_line(error)})", "copy or save it again") from None
    if damaged is not None:
        raise Unreadable(f"is damaged (the checksum of {damaged!r} does not match)", "copy or save it again")


def _covers(archive: zipfile.ZipFile, data: bytes) -> bool:
    """Whether the members that the directory lists fill the archive: a damaged directory can lose some."""
    end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        # Up to 24 bytes between members repeat a member's sizes (a "data descriptor").
        if not end <= entry.header_offset <= end + 24:
            return False
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        end = entry.header_offset + 30 + name + extra + entry.compress_size
    return end <= archive.start_dir <= end + 24


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, cut to 120 characters; its class where it has none.

    Examples:
        >>> first_line(ValueError("bad magic\\nand more")), first_line(EOFError())
        ('bad magic', 'EOFError')
    """
    text = str(error).strip().split("\n", 1)[0]
    return text[:120] if text else type(error).__name__
