"""Read a student's dashboard: profile, attempts and totals. A risk label must never be shown to its student."""

import msgspec
from litestar import get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Forbidden, NotFound
from db.queries.student.attempt_view import Owner
from db.queries.student.transcript import PastAttempt, Profile, Totals, read_transcript
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Unauthenticated, problems
from judgement.score.thresholds import name_integrity
from protocol.analysis import IntegrityStatus


class Integrity(msgspec.Struct, frozen=True):
    """An integrity score, 0..1, and its label. Null and unknown if too little was recorded, or before a decision."""

    score: float | None
    status: IntegrityStatus


class HiddenRisk(msgspec.Struct, frozen=True):
    """Risk labels are for teachers. Here they are always null and false."""

    label: None = None
    flagged: bool = False


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """The dashboard of a student. `integrity` covers the attempts whose grade is final."""

    profile: Profile
    exam_history: list[PastAttempt]
    integrity: Integrity
    dropout_risk: HiddenRisk
    summary: Totals


@get(
    "/dashboard",
    summary="Read your dashboard",
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
    security=BEARER,
)
async def read_dashboard(engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]) -> Dashboard:
    """Read your profile, newest attempts and totals. After a sign-in by code, only of that exam."""
    async with reading(engine) as conn:
        transcript = await read_transcript(conn, Owner(principal.user_id, principal.exam_id, principal.may_sit))
    return Dashboard(
        profile=transcript.profile,
        exam_history=transcript.attempts,
        integrity=Integrity(transcript.integrity, name_integrity(transcript.integrity)),
        dropout_risk=HiddenRisk(),
        summary=transcript.totals,
    )
