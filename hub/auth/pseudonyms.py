"""Keyed hashes that replace personal values, such as network addresses, where they only need to be compared.

The key never leaves the hub, so a hash can be compared with another hash but not be turned back into its value. A
hash must never be used as a credential.
"""

import hmac
from hashlib import sha256
from typing import Any, Final

from litestar.connection import ASGIConnection

PSEUDONYM_BYTES: Final = 10
"""80 bits: two values of a university have the same hash with a probability of less than one in 10^12."""

KEY_STATE: Final = "pseudonym_key"
"""Where the app keeps the key."""

_KEY: Final = b"veritas pseudonym key 1\0"


def make_pseudonym(secret: str, purpose: str, *values: str) -> str:
    """Return the keyed hash of values, 20 hexadecimal digits. Hashes for different purposes cannot be compared.

    >>> make_pseudonym("s" * 32, "place", "192.0.2.1") == make_pseudonym("s" * 32, "audit", "192.0.2.1")
    False
    """
    key = hmac.digest(secret.encode(), _KEY + purpose.encode(), sha256)
    # The length before each value makes ("ab", "c") differ from ("a", "bc").
    text = b"".join(len(encoded).to_bytes(4) + encoded for encoded in (value.encode() for value in values))
    return hmac.digest(key, text, sha256)[:PSEUDONYM_BYTES].hex()


def pseudonym_of(connection: ASGIConnection[Any, Any, Any, Any], purpose: str, value: str) -> str | None:
    """Return the keyed hash of a value with the key of the hub; None in an app without one."""
    key = connection.app.state.get(KEY_STATE)
    return None if key is None else make_pseudonym(key, purpose, value)
