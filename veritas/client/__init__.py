"""The reference client: a candidate's events delivered exactly once, and a teacher's console followed offset by offset.

Written to be ported: `queue` and `reconnect` are pure and hold every decision, the rest is a thin shell around a
websocket. It imports the protocol, `websockets` and the standard library, and never anything else of the project.
"""

from veritas.client.candidate import Candidate, Note
from veritas.client.console import Console
from veritas.client.errors import (
    ClientError,
    ClosedForGood,
    Ended,
    Forbidden,
    HubFault,
    NotDrained,
    Refused,
    Superseded,
    Unauthenticated,
    Unsendable,
)
from veritas.client.link import Access
from veritas.client.queue import Acked, CandidateQueue

__all__ = [
    "Access",
    "Acked",
    "Candidate",
    "CandidateQueue",
    "ClientError",
    "ClosedForGood",
    "Console",
    "Ended",
    "Forbidden",
    "HubFault",
    "NotDrained",
    "Note",
    "Refused",
    "Superseded",
    "Unauthenticated",
    "Unsendable",
]
