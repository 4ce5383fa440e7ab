"""What other programs do to the registry's text files, told by its traces.

`git` on Windows writes LF as CRLF at a checkout; editors put a byte order mark before the text, and
some shells write UTF-16. All change the bytes that hashes are of, and none is seen on a screen.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

CHECK_OUT = (
    "write `** -text` into `.gitattributes` in the registry, so that git leaves line ends alone, "
    "and check the files out again"
)
_MARKS = (
    (codecs.BOM_UTF8, "a byte order mark (BOM)"),
    (codecs.BOM_UTF16_LE, "the byte order mark of UTF-16"),
    (codecs.BOM_UTF16_BE, "the byte order mark of UTF-16"),
)


def line_ends_changed(data: bytes, is_original: Callable[[bytes], bool]) -> bool:
    """Say whether `data` would be the original if its lines ended in LF, as they were written."""
    return b"\r\n" in data and is_original(data.replace(b"\r\n", b"\n"))


def byte_order_mark(data: bytes) -> str | None:
    """Return what to call the byte order mark that `data` begins with; `None` without one."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)
