"""Finds JSON that takes long to read. Pure.

A number with a large exponent costs the decoder 10 µs, others 0.02 µs, and a frame of 64 KiB can have 10,000 of them.
Hundreds of thousands of lists start many garbage collections. The decoder cannot be interrupted, and a thread would not
help: it keeps the interpreter's lock. Never looks into texts, which may contain anything.
"""

from typing import Final

from protocol.limits import CONTAINERS, EXPONENTS

SMALL_BYTES: Final = 8 * 1024
"""What is smaller takes at most 15 ms, and is not looked at."""

_KINDS: Final = bytes(
    0x30 if 0x30 <= byte < 0x3A else 0x65 if byte in b"eE" else 0x2D if byte in b"+-" else byte for byte in range(256)
)
"""Every digit becomes 0, E becomes e, and a sign becomes -."""


def takes_long(data: bytes) -> bool:
    """Return whether there are more than `EXPONENTS` large exponents, or more than `CONTAINERS` lists and objects."""
    return len(data) > SMALL_BYTES and _has_too_many(data) and _has_too_many(_without_texts(data))


def _has_too_many(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") > CONTAINERS:
        return True
    kinds = data.translate(_KINDS)
    # Nearly all bodies have few of the short pattern, which is found faster.
    return kinds.count(b"0e") > EXPONENTS and kinds.count(b"0e000") + kinds.count(b"0e-000") > EXPONENTS


def _without_texts(data: bytes) -> bytes:
    """Remove all texts: every second part between quotes. What follows an invalid backslash is never decoded."""
    return b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
