"""What can be wrong with bytes that claim to be a frame.

ProtocolError
├── Malformed       the envelope cannot be read: close 4400
├── TooLarge        the frame is over its limit: close 4413
└── UnknownFrame    readable, but no frame we know: answered, and closed at the tenth
"""

from protocol.codes import CloseCode, ErrorCode


class ProtocolError(Exception):
    """Bytes that are not a frame of this protocol."""

    close_code = CloseCode.MALFORMED
    code = ErrorCode.MALFORMED


class Malformed(ProtocolError):
    """The envelope of a frame cannot be read."""


class TooLarge(ProtocolError):
    """A frame is larger than `limits.FRAME_BYTES`."""

    close_code = CloseCode.TOO_LARGE
    code = ErrorCode.TOO_LARGE


class UnknownFrame(ProtocolError):
    """A frame has a tag this protocol does not know."""

    code = ErrorCode.UNKNOWN_FRAME

    def __init__(self, tag: str) -> None:
        super().__init__(f"unknown frame {tag[:64]!r}")
        self.tag = tag
