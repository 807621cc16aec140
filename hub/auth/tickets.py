"""Generate and hash random secrets: tickets, refresh tokens, and codes that people type.

Exam codes and recovery codes have 80 bits, so their hash has a key that the database does not know (ASVS 5.0, 6.5.2).

A secret must never be stored or logged; the database has only its hash.
"""

import hmac
import re
import secrets
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
CODE_BYTES: Final = 10
"""80 bits. A code cannot be guessed, so it needs no slow hash as a password does."""

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_GROUP: Final = 4
_EXAM_CODE_KEY: Final = b"veritas exam code key 1\0"
_RECOVERY_CODE_KEY: Final = b"veritas recovery code key 1\0"
_READ_AS: Final = str.maketrans("ILO", "110", " -\u2010\u2011\u2012\u2013\u2014\t")
"""Typing variants: letters that look alike, and all kinds of separators."""


def draw_secret() -> str:
    """Generate a ticket or refresh token: 256 bits, safe in JSON and headers."""
    return secrets.token_urlsafe(SECRET_BYTES)


def is_secret(text: str) -> bool:
    """Return whether a text has the form of a secret of `draw_secret`."""
    return _SECRET.fullmatch(text) is not None


def draw_code() -> str:
    """Generate an exam code or a recovery code, such as `7K2M-9QXA-04RT-B6WE`."""
    return spell_code(secrets.token_bytes(CODE_BYTES))


def spell_code(entropy: bytes) -> str:
    """Encode bytes (a multiple of five) in groups of four letters that cannot be confused with each other."""
    number = int.from_bytes(entropy)
    count = len(entropy) * 8 // 5
    letters = "".join(_LETTERS[number >> (5 * index) & 31] for index in reversed(range(count)))
    return "-".join(letters[start : start + _GROUP] for start in range(0, count, _GROUP))


def hash_secret(secret: str) -> bytes:
    """Return the stored form of a secret."""
    return sha256(secret.encode()).digest()


def hash_exam_code(code: str, key: str) -> bytes:
    """Return the stored form of a typed exam code: with any case and separators, I or L for 1, and O for 0."""
    return _hash_code(code, key, _EXAM_CODE_KEY)


def hash_recovery_code(code: str, key: str) -> bytes:
    """Return the stored form of a typed recovery code, in any spelling."""
    return _hash_code(code, key, _RECOVERY_CODE_KEY)


def find_hashes(code: str, key: str) -> list[bytes]:
    """Return all hashes by which a typed exam code may be stored: codes of older versions have no key."""
    return [hash_exam_code(code, key), hash_secret(_read_code(code))]


def _hash_code(code: str, key: str, purpose: bytes) -> bytes:
    return hmac.digest(hmac.digest(key.encode(), purpose, sha256), _read_code(code).encode(), sha256)


def _read_code(code: str) -> str:
    return code.upper().translate(_READ_AS)
