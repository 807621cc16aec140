"""Errors of bytes that should be a frame.

ProtocolError
├── Malformed       the envelope cannot be read: close 4400
├── TooLarge        the frame exceeds its limit: close 4413
└── UnknownFrame    readable, but not a frame of this protocol: answered with an error; the tenth closes the socket
"""

from protocol.codes import CloseCode, ErrorCode


class ProtocolError(Exception):
    """Bytes that are not a frame of this protocol."""

    close_code = CloseCode.MALFORMED
    code = ErrorCode.MALFORMED


class Malformed(ProtocolError):
    """The envelope of a frame cannot be read."""


class TooLarge(ProtocolError):
    """The request is larger than its limit."""

    close_code = CloseCode.TOO_LARGE
    code = ErrorCode.TOO_LARGE


class UnknownFrame(ProtocolError):
    """A frame has a tag that this protocol does not define."""

    code = ErrorCode.UNKNOWN_FRAME

    def __init__(self, tag: str) -> None:
        super().__init__(f"unknown frame {tag[:64]!r}")
        self.tag = tag
