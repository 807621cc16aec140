"""Time-based codes (RFC 6238) as a second factor: six digits, 30 seconds, SHA-1, as authenticator apps expect.

Pure: time is an argument. The secret is encrypted (AES-GCM) with a key that is derived from the hub's secret and bound
to its user, so that the database alone does not have it. A code must never be accepted twice: the caller stores the
step that `find_step` returns.
"""

import hmac
import secrets
from base64 import b32encode
from hashlib import sha256
from typing import Final
from uuid import UUID

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.auth.tickets import draw_code

STEP_S: Final = 30
DRIFT_STEPS: Final = 1
"""A code of the step before or after is accepted too: clocks differ, and typing takes time."""

DIGITS: Final = 6
SECRET_BYTES: Final = 20
RECOVERY_CODES: Final = 10
ISSUER: Final = "Veritas"
_NONCE_BYTES: Final = 12
_KEY: Final = b"veritas totp key 1\0"


def draw_totp_secret() -> bytes:
    """Generate a secret of 160 bits."""
    return secrets.token_bytes(SECRET_BYTES)


def draw_recovery_codes() -> list[str]:
    """Generate recovery codes of 80 bits each."""
    return [draw_code() for _ in range(RECOVERY_CODES)]


def spell_secret(secret: bytes) -> str:
    """Return the secret as authenticator apps take it from a keyboard."""
    return b32encode(secret).decode()


def make_uri(secret: bytes, username: str) -> str:
    """Return the address that authenticator apps read from a QR code."""
    return pyotp.TOTP(spell_secret(secret), interval=STEP_S).provisioning_uri(name=username, issuer_name=ISSUER)


def is_totp(code: str) -> bool:
    """Return whether a typed code has the form of a TOTP code; other codes are recovery codes."""
    digits = _strip(code)
    return len(digits) == DIGITS and digits.isascii() and digits.isdigit()


def find_step(secret: bytes, code: str, now_ms: int, last_step: int = 0) -> int | None:
    """Return the 30-second step of a code if it is valid now and later than `last_step`."""
    generator = pyotp.HOTP(spell_secret(secret), digits=DIGITS)
    current = now_ms // 1000 // STEP_S
    steps = range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1)
    # All steps are compared, so that the time does not tell which one matched.
    matching = [step for step in steps if hmac.compare_digest(generator.at(step).encode(), _strip(code).encode())]
    return next((step for step in matching if step > last_step), None)


def seal(secret: bytes, user_id: UUID, hub_secret: str) -> bytes:
    """Encrypt a secret for the database."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(_key(hub_secret)).encrypt(nonce, secret, user_id.bytes)


def unseal(sealed: bytes, user_id: UUID, hub_secret: str) -> bytes | None:
    """Decrypt a secret; None when it was encrypted with another secret of the hub, or for another user."""
    try:
        return AESGCM(_key(hub_secret)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], user_id.bytes)
    except InvalidTag:
        return None


def _key(hub_secret: str) -> bytes:
    return hmac.digest(hub_secret.encode(), _KEY, sha256)


def _strip(code: str) -> str:
    return code.replace(" ", "")
