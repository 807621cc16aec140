"""The limits of the wire protocol (docs/wire/README.md). `welcome` carries those a client must know.

It enforces none of them.
"""

import msgspec

FRAME_BYTES = 64 * 1024
"""Largest frame that is accepted. A larger one closes the socket with 4413."""

SOCKET_BYTES = 1024 * 1024
"""Largest frame that the server library passes on. For a larger one the library closes with 1009."""

HELLO_BYTES = 8 * 1024
"""Largest frame before the hello is accepted. For a larger one the library closes with 1009."""

STRANGER_CONTROL = 3
"""The most control frames and small message pieces before the hello is accepted. One more closes with 1008."""

CONTROL_PER_S = 20
"""How many control frames and small message pieces a second a socket may send after its hello,"""

CONTROL_BURST = 50
"""and how many at once. More closes with 1008."""

EVENTS_PER_FRAME = 500
EVENT_BYTES = 8 * 1024
DRAFT_BYTES = 32 * 1024
"""Largest payload of a `draft_saved` or `answered` event, encoded as JSON."""

ITEM_CHARS = 200
"""Longest name of an item."""

DEPTH = 16
"""Deepest nesting of a payload. The payload object itself counts as one level."""

EXPONENTS = 500
"""The most numbers with an exponent of three or more digits in one frame or body."""

CONTAINERS = 25_000
"""The most lists and objects in the body of a request. A frame of the largest size cannot have more."""

SEQ_MAX = 2**53 - 1
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, the latest time that both PostgreSQL and Python can store."""

SEVERITY_CHARS = 16
NAME_CHARS = 64
"""Longest code, reason or name that a client may send."""

ACTIONS = 64
"""The most actions that a client may name in `can`."""

FOCUS_ATTEMPTS = 200
"""The most attempts of one exam that a console may focus."""

STREAM_MS = 24 * 3600 * 1000
"""How long a stream is used. Then the hub sends `rotate`, and the client opens a new stream."""

TAIL_MS = 24 * 3600 * 1000
"""How long after the end of its attempt a client may still deliver its queue."""

LOST_NUMBERS = 10_000_000
"""The most sequence numbers in one `lost`: more than a client uses in a stream's day."""

MARKS = 8
"""The most marks of its queue that a client may send in `hello`."""

MAC_CHARS = 64
"""The longest proof of an acknowledgement that a client may send back."""

INSTRUCTION_MAX = 2**31 - 1
WINDOW_EVENTS = 1_000
WINDOW_BYTES = 512 * 1024
OVERRUN_FACTOR = 2
"""A client with more than this many windows unacknowledged is closed with 4429."""

QUOTA_BYTES = 128 * 1024 * 1024
"""How many bytes of frames an attempt may store at a hub: twice a client's full queue."""

QUOTA_BYTES_PER_S = 64 * 1024
"""How many of them come back each second: ten times as much as a draft of 32 KiB every 5 s needs."""

QUOTA_EVENTS = 200_000
"""How many events an attempt may store at a hub: twice a client's full queue."""

QUOTA_EVENTS_PER_S = 100
"""How many of them come back each second."""

QUOTA_HELLOS = 10
"""How many hellos a student may send to a hub at once,"""

QUOTA_HELLOS_PER_S = 1
"""and how many a second. One more closes with 4429."""

HEARTBEAT_MS = 10_000
SILENT_HEARTBEATS = 3
"""After this many heartbeat intervals without a frame a socket is closed with 4408."""

HELLO_MS = 10_000
ALIVE_MS = 5_000
"""A client that has recorded no event for this long records an `alive` event."""

SILENT_MS = 25_000
"""A client without an event for this long is silent, connected or not: `heartbeat_missed` is recorded."""

NEEDLESS_DONES = 64
"""This many `done` for instructions that a socket did not get, or repeated ones, are tolerated; then 4429."""

UNKNOWN_FRAMES = 10
"""This many unknown frames close a socket with 4400. The ones before get an error."""


class Limits(msgspec.Struct, frozen=True):
    """The limits of what a client may send, as published in `welcome`. Sizes in bytes."""

    frame_bytes: int = FRAME_BYTES
    events_per_frame: int = EVENTS_PER_FRAME
    event_bytes: int = EVENT_BYTES
    draft_bytes: int = DRAFT_BYTES
    depth: int = DEPTH


class Window(msgspec.Struct, frozen=True):
    """How much a client may have unacknowledged at once: number of events, and bytes of their frames."""

    events: int = WINDOW_EVENTS
    bytes: int = WINDOW_BYTES
