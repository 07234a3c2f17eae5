"""pickle_refusal: what is said of a pickle, compressed or not, which is never executed."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable

from .refusals import Unreadable

# What joblib.dump(compress=...) writes: the first bytes of each format, and what unpacks them.
_COMPRESSED: tuple[
    tuple[bytes, str, Callable[[], zlib._Decompress | bz2.BZ2Decompressor | lzma.LZMADecompressor]], ...
] = (
    (b"x", "zlib", zlib.decompressobj),
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"BZh", "bz2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ", "xz", lzma.LZMADecompressor),
    (b"]\x00", "lzma", lzma.LZMADecompressor),
)
_LZ4 = b'\x04"M\x18'
# The classes that a pickle names first stand within its first bytes.
_START = 4096


def pickle_refusal(data: bytes) -> Unreadable | None:
    """The refusal of a file that is a pickle, with a remedy for what is in it; None for any other file.

    Examples:
        >>> import pickle
        >>> str(pickle_refusal(zlib.compress(pickle.dumps([1.0]))))
        'is a pickle (zlib-compressed): pickles are never executed; save model.state_dict() ...'
        >>> pickle_refusal(b"xyz") is None
        True
    """
    if data[:4] == _LZ4:
        return Unreadable("is an lz4 file, as joblib writes pickles, which are never executed", _remedy(b""))
    start, how = data[:_START], ""
    for magic, name, make in _COMPRESSED:
        if data.startswith(magic):
            try:
                # The first bytes are enough, and a few can unpack to any number.
                start, how = make().decompress(data, _START), f" ({name}-compressed)"
            except (zlib.error, OSError, lzma.LZMAError, EOFError):
                return None
            break
    # Protocol 2 or later; older pickles have no mark of their own.
    if len(start) < 2 or start[0] != 0x80 or not 2 <= start[1] <= 5:
        return None
    return Unreadable(f"is a pickle{how}: pickles are never executed", _remedy(start))


def _remedy(start: bytes) -> str:
    if b"sklearn" in start:
        return (
            "if you trust where it comes from, load it with joblib.load and pass the model to load(), or save "
            "that model with skops.io.dump"
        )
    return (
        "save model.state_dict() with torch.save; of scikit-learn, pass the fitted network itself to load() or "
        "save it with skops.io.dump"
    )
