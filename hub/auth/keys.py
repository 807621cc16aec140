"""The keys of a hub: a ring that signs access tokens, and a data key for everything that must outlive a rotation.

Pure. Queue keys, upload tokens, proofs of acknowledgements, pseudonyms, hashes of exam and recovery codes and secrets
of second factors must never depend on the ring: what they protect is stored, and a new key would make it unreadable.
"""

import hmac
from hashlib import sha256
from typing import Final

import msgspec

SECRET_BYTES: Final = 32
RING_MAX: Final = 8
PATTERNS_MIN: Final = 16
"""A secret has at least this many different sequences of three characters; a random one of 32 has about 30."""

PATTERN_CHARS: Final = 3

_UPLOAD_KEY: Final = b"veritas upload token key 1\0"
_KNOWN: Final = (
    *("changeme", "replaceme", "replacethis", "yoursecret", "supersecret", "placeholder", "example", "insecure"),
    *("abcdefgh", "12345678", "01234567"),
)
"""Parts of secrets that are copied from a page, or typed along the keyboard."""


class Keys(msgspec.Struct, frozen=True):
    """`ring` signs access tokens with its first key and verifies with all; `data` is the secret behind stored data."""

    ring: tuple[str, ...]
    data: str

    @property
    def signing(self) -> str:
        """The key that signs access tokens."""
        return self.ring[0]

    @property
    def upload(self) -> str:
        """The key that signs upload tokens: it is kept when the ring is rotated."""
        return hmac.digest(self.data.encode(), _UPLOAD_KEY, sha256).hex()


def find_weakness(secret: str) -> str | None:
    """Return why a secret is too weak, as the end of a sentence that starts with its name; None if it is not."""
    if len(secret.encode()) < SECRET_BYTES:
        return f"must have at least {SECRET_BYTES} bytes"
    patterns = {secret[start : start + PATTERN_CHARS] for start in range(len(secret) - PATTERN_CHARS + 1)}
    letters = "".join(character for character in secret.casefold() if character.isalnum())
    if len(patterns) < PATTERNS_MIN or any(known in letters for known in _KNOWN):
        return "can be guessed: make one with `openssl rand -hex 32`"
    return None
