"""Every code a program can meet on the wire: close codes, reject codes, error codes (WIRE §4)."""

from enum import IntEnum, StrEnum


class CloseCode(IntEnum):
    """Why a server closed a socket; the close reason is the code's name in lower case."""

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
        """The close reason on the wire."""
        return self.name.lower()


_FINAL_CODES = frozenset({1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413})


def may_reconnect(code: int) -> bool:
    """Whether a client may connect again by itself after this close code, ours or a standard one."""
    return code not in _FINAL_CODES


class RejectCode(StrEnum):
    """Why one event was refused while its neighbours were taken; a tombstone keeps its number."""

    BAD_SHAPE = "bad_shape"
    BAD_TYPE = "bad_type"
    BAD_TIME = "bad_time"
    BAD_UNICODE = "bad_unicode"
    BAD_NUMBER = "bad_number"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"


class ErrorCode(StrEnum):
    """What an `error` frame or a command's result can say; after some of them a close follows."""

    UNKNOWN_FRAME = "unknown_frame"
    EMPTY_BATCH = "empty_batch"
    GAP = "gap"
    MALFORMED = "malformed"
    UNSUPPORTED_SUBPROTOCOL = "unsupported_subprotocol"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    BAD_COMMAND = "bad_command"
    BUSY = "busy"
    UNAUTHENTICATED = "unauthenticated"
