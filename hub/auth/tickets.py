"""Opaque secrets: tickets and refresh tokens for programs, codes that people type; only their hashes are ever stored.

Drawing them is this room's only impurity; no secret is kept or logged here.
"""

import secrets
from hashlib import sha256
from typing import Final

SECRET_BYTES: Final = 32
CODE_BYTES: Final = 10
"""80 bits: nobody guesses a code, so it needs no password's slow hash."""

_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

_GROUP: Final = 4
_READ_AS: Final = str.maketrans("ILO", "110", " -\u2010\u2011\u2012\u2013\u2014\t")
"""What people write for what they saw: look-alike letters, and separators of every kind."""


def draw_secret() -> str:
    """Draw a ticket or refresh token: 256 bits, safe in JSON and headers."""
    return secrets.token_urlsafe(SECRET_BYTES)


def draw_code() -> str:
    """Draw a candidate code, such as `7K2M-9QXA-04RT-B6WE`."""
    return spell_code(secrets.token_bytes(CODE_BYTES))


def spell_code(entropy: bytes) -> str:
    """Spell bytes (a multiple of five) in groups of four letters that are not mistaken for one another."""
    number = int.from_bytes(entropy)
    count = len(entropy) * 8 // 5
    letters = "".join(_LETTERS[number >> (5 * place) & 31] for place in reversed(range(count)))
    return "-".join(letters[start : start + _GROUP] for start in range(0, count, _GROUP))


def hash_secret(secret: str) -> bytes:
    """The stored form of a drawn secret."""
    return sha256(secret.encode()).digest()


def hash_code(code: str) -> bytes:
    """The stored form of a code, however it was typed: any case, any separators, I or L for 1, O for 0."""
    return hash_secret(code.upper().translate(_READ_AS))
