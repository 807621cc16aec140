"""The limits both sides of a socket keep (WIRE §1); what a client has to know of them is sent in `welcome`."""

import msgspec

FRAME_BYTES = 64 * 1024
"""Largest frame that is taken; a larger one is answered with close code 4413."""

SOCKET_BYTES = 1024 * 1024
"""Largest frame the server library hands over at all; above it the library itself closes with 1009."""

EVENTS_PER_FRAME = 500
EVENT_BYTES = 8 * 1024
DRAFT_BYTES = 32 * 1024
"""Largest payload of a `draft_saved` event, encoded as JSON."""

ITEM_CHARS = 200
"""Longest name of an item that an answer can be given to."""

DEPTH = 16
"""Deepest nesting of a payload; the payload object itself counts as one."""

SEQ_MAX = 2**53 - 1
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest moment PostgreSQL and Python both can hold."""

SEVERITY_CHARS = 16
NAME_CHARS = 64
"""Longest code, reason or name a client may give."""

ACTIONS = 64
"""How many actions a client may say it can carry out."""

FOCUS_ATTEMPTS = 200
"""How many attempts of one exam a console may look at closely."""

STREAM_MS = 24 * 3600 * 1000
"""How long a stream lives: then `rotate`, and a new one."""

TAIL_MS = 24 * 3600 * 1000
"""How long after its attempt's end a client may still deliver what its queue holds."""

LOST_NUMBERS = 10_000_000
"""How many numbers one `lost` may stand for: more than any client gives out in a stream's day."""

INSTRUCTION_MAX = 2**31 - 1
WINDOW_EVENTS = 1_000
WINDOW_BYTES = 512 * 1024
OVERRUN_FACTOR = 2
"""A client holding more than this many windows unacknowledged is closed with 4429."""

HEARTBEAT_MS = 10_000
SILENT_HEARTBEATS = 3
"""After this many heartbeats without a single frame a socket is closed with 4408."""

HELLO_MS = 10_000
ALIVE_MS = 5_000
"""A client that sent nothing else for this long sends an `alive` event."""

UNKNOWN_FRAMES = 10
"""The unknown frame that closes a socket with 4400; those before it are answered with an error."""


class Limits(msgspec.Struct, frozen=True):
    """What a client may send; sizes in bytes, as published in `welcome`."""

    frame_bytes: int = FRAME_BYTES
    events_per_frame: int = EVENTS_PER_FRAME
    event_bytes: int = EVENT_BYTES
    draft_bytes: int = DRAFT_BYTES
    depth: int = DEPTH


class Window(msgspec.Struct, frozen=True):
    """How much a client may have unacknowledged at once: events, and bytes of their frames."""

    events: int = WINDOW_EVENTS
    bytes: int = WINDOW_BYTES
