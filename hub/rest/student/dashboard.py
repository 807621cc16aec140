"""A student's own page: who they are, the exams they sat, what these come to. A risk is never shown to its student."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Forbidden, NotFound
from db.queries.student import transcript as transcripts
from db.queries.student.attempt_view import Owner
from db.queries.student.transcript import PastAttempt, Profile, Totals
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Unauthenticated, problems
from judgement.score.thresholds import name_integrity
from protocol.analysis import IntegrityStatus


class Integrity(msgspec.Struct, frozen=True):
    """An integrity score, 0..1, and its word; null and unknown where too little was seen or nobody has decided yet."""

    score: float | None
    status: IntegrityStatus


class Risk(msgspec.Struct, frozen=True):
    """Labels are for teachers: here they are always null and false."""

    label: None = None
    flagged: bool = False


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """A student's own page; `integrity` is over attempts whose review is final."""

    profile: Profile
    exam_history: list[PastAttempt]
    integrity: Integrity
    dropout_risk: Risk
    summary: Totals


@get(
    "/dashboard",
    summary="Read one's own page",
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
    security=BEARER,
)
async def read_dashboard(engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]) -> Dashboard:
    """Read who one is, the newest attempts, and what all of them come to; after a sign-in by code, of that exam."""
    async with engine.connect() as conn:
        transcript = await transcripts.read_transcript(conn, Owner(principal.user_id, principal.exam_id))
    return Dashboard(
        profile=transcript.profile,
        exam_history=transcript.attempts,
        integrity=Integrity(transcript.integrity, name_integrity(transcript.integrity)),
        dropout_risk=Risk(),
        summary=transcript.totals,
    )
