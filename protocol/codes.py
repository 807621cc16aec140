"""All codes of the wire: close codes, reject codes, error codes (docs/close-codes.md). It only names them."""

from enum import IntEnum, StrEnum
from typing import Final


class CloseCode(IntEnum):
    """Why a server closed a socket. The close reason is the code's name in lower case."""

    NORMAL = 1000
    MALFORMED = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    SILENT = 4408
    SUPERSEDED = 4409
    ENDED = 4410
    TOO_LARGE = 4413
    TOKEN_EXPIRED = 4419
    GAP = 4422
    TOO_FAST = 4429
    INTERNAL = 4500
    OVERLOADED = 4503
    TOO_SLOW = 4504
    DRAINING = 4505

    @property
    def reason(self) -> str:
        """Return the close reason on the wire."""
        return self.name.lower()


CLOSE_MEANINGS: Final = {
    CloseCode.NORMAL: "`bye` was received, and everything is acknowledged",
    CloseCode.MALFORMED: "a frame cannot be read, or was not allowed at this point",
    CloseCode.UNAUTHENTICATED: "the ticket or token is not valid, or the user has signed out",
    CloseCode.FORBIDDEN: "the user may not do this",
    CloseCode.SILENT: "no hello within 10 s, or no frame for 30 s",
    CloseCode.SUPERSEDED: (
        'a newer connection of the same attempt exists; offer "continue here" instead of reconnecting by yourself'
    ),
    CloseCode.ENDED: "the attempt has ended and no event of the queue is missing, or it ended more than a day ago",
    CloseCode.TOO_LARGE: "the frame is over 64 KiB or 500 events",
    CloseCode.TOKEN_EXPIRED: "the token has expired: renew it first",
    CloseCode.GAP: "a sequence number was skipped: resume after `welcome.committed`",
    CloseCode.TOO_FAST: (
        "more than two windows unacknowledged, or too many of something: hellos, pings, needless `done`, consoles of "
        "one user"
    ),
    CloseCode.INTERNAL: "an error in the hub",
    CloseCode.OVERLOADED: "the database is not available, or the hub is full",
    CloseCode.TOO_SLOW: "the client does not read",
    CloseCode.DRAINING: "the hub shuts down, or the client used a day-old stream for another hour",
}
"""The meaning of each close code."""

_FINAL_CODES = frozenset({1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413})


def may_reconnect(code: int) -> bool:
    """Return whether a client may reconnect by itself after this close code, ours or a standard one."""
    return code not in _FINAL_CODES


class RejectCode(StrEnum):
    """Why one event was rejected while its neighbors were accepted. A tombstone takes its sequence number."""

    BAD_SHAPE = "bad_shape"
    BAD_TYPE = "bad_type"
    BAD_TIME = "bad_time"
    BAD_UNICODE = "bad_unicode"
    BAD_NUMBER = "bad_number"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"


REJECT_MEANINGS: Final = {
    RejectCode.BAD_SHAPE: "not an object of `type`, `at`, `mono` and optional `data` and `severity`, each of its type",
    RejectCode.BAD_TYPE: "not `[a-z][a-z0-9_]{0,63}`, or a type that only servers may send",
    RejectCode.BAD_TIME: "`at` or `mono` is negative, or after the year 9999",
    RejectCode.BAD_UNICODE: "text with a lone surrogate or NUL, or bytes that are not UTF-8",
    RejectCode.BAD_NUMBER: "a number in `data` that is not an int64 or a finite float64",
    RejectCode.TOO_DEEP: "`data` is nested deeper than 16 levels",
    RejectCode.TOO_LARGE: "`data` is over 8 KiB (32 KiB in a `draft_saved` or `answered`)",
}
"""The meaning of each reject code."""


class ErrorCode(StrEnum):
    """Codes of `error` frames and of command results. After some of them the socket is closed."""

    UNKNOWN_FRAME = "unknown_frame"
    EMPTY_BATCH = "empty_batch"
    GAP = "gap"
    TOO_FAST = "too_fast"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNSUPPORTED_SUBPROTOCOL = "unsupported_subprotocol"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    BAD_COMMAND = "bad_command"
    BUSY = "busy"
    UNAUTHENTICATED = "unauthenticated"
    QUOTA = "quota"


ERROR_MEANINGS: Final = {
    ErrorCode.UNKNOWN_FRAME: "no frame of this name; the tenth one closes with 4400",
    ErrorCode.EMPTY_BATCH: "an `events` frame without events",
    ErrorCode.GAP: "a sequence number was skipped; 4422 follows",
    ErrorCode.TOO_FAST: "more than two windows unacknowledged, or too many of something; 4429 follows",
    ErrorCode.TOO_LARGE: "a frame over its limit; 4413 follows",
    ErrorCode.MALFORMED: "a frame that cannot be read, or is not allowed at this point; 4400 follows",
    ErrorCode.UNSUPPORTED_SUBPROTOCOL: "the hub supports none of the offered subprotocols; 4400 follows",
    ErrorCode.FORBIDDEN: "the user may not do this",
    ErrorCode.NOT_FOUND: "it does not exist, or not in this exam",
    ErrorCode.CONFLICT: "another user was first: `by`, `at`",
    ErrorCode.BAD_COMMAND: "a command or a focus with missing or contradicting fields",
    ErrorCode.BUSY: "not possible now: send it again, after `retry_ms` if given",
    ErrorCode.UNAUTHENTICATED: "the new token is not valid; 4401 follows",
    ErrorCode.QUOTA: (
        "the attempt has used up its allowance: go on when `window` allows it; after too many hellos, 4429 follows"
    ),
}
"""The meaning of each error code."""
