"""Reference client: delivers a candidate's events exactly once, and follows a teacher's console without gaps.

Written to be ported to other languages: `queue` and `reconnect` are pure and make every decision; the rest is a thin
shell around a websocket. It imports only the protocol, `websockets` and the standard library.
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
from veritas.client.link import USER_AGENT, Access
from veritas.client.queue import Acked, CandidateQueue

__all__ = [
    "USER_AGENT",
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
