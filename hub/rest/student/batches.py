"""Start and hand in attempts, those of one exam together (`hub/rest/student/group_commit.py`).

Starting or handing in again is harmless: both are idempotent. Never decides how an attempt may end.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import NoticeChanged, RequestError
from db.notify import Notifier
from db.queries.attempts import places
from db.queries.attempts.end import EndedAttempt, Ending, Receipt, end_attempts
from db.queries.attempts.start import StartedAttempt, Starter, start_attempts
from db.queries.exams import student_exams
from db.unit import change
from hub.rest.student import notices
from hub.rest.student.group_commit import GroupCommit
from hub.settings import HubSettings
from hub.tasks import DetachedTasks
from judgement import grading
from judgement.rules import RULEBOOK_VERSION


class StartRequest(msgspec.Struct, frozen=True):
    """The version of the notice that the student acknowledged, and the place of the request for an attempt."""

    acknowledged: int | None
    place_of: Callable[[UUID], str]


class HandIn(msgspec.Struct, frozen=True):
    """How an attempt ends, and the place of the request if the exam is monitored."""

    ending: Ending
    place: str | None


class AttemptBatches:
    """Starts and hand-ins of one hub. At most `slots` transactions run at a time, so that others keep connections."""

    def __init__(
        self, engine: AsyncEngine, notifier: Notifier, settings: HubSettings, tasks: DetachedTasks, *, slots: int
    ) -> None:
        self._engine = engine
        self._notifier = notifier
        self._settings = settings
        self._tasks = tasks
        both = asyncio.Semaphore(slots)
        self._starts = GroupCommit(self._start_all, both, tasks)
        self._hand_ins = GroupCommit(self._end_all, both, tasks)

    async def start(self, exam_id: UUID, student_id: UUID, request: StartRequest) -> StartedAttempt:
        """Start or resume an attempt. Raises NotFound, NotOpen, Conflict, NoticeChanged and Busy."""
        return await self._starts.run(exam_id, student_id, request)

    async def hand_in(self, exam_id: UUID, attempt_id: UUID, request: HandIn) -> Receipt:
        """End an attempt and return its receipt. Raises NotFound, Conflict and Busy."""
        return await self._hand_ins.run(exam_id, attempt_id, request)

    async def _start_all(
        self, exam_id: UUID, requests: Mapping[UUID, StartRequest]
    ) -> dict[UUID, StartedAttempt | RequestError]:
        async with change(self._engine, self._notifier, detach=self._tasks.start) as unit:
            starters, outcomes = await self._check_notices(unit.conn, exam_id, requests)
            started = await start_attempts(unit.conn, exam_id, starters, rulebook_version=RULEBOOK_VERSION)
            rows = [one.row for one in started.values() if isinstance(one, StartedAttempt) and one.row is not None]
            unit.feed(exam_id, rows)
        return {**outcomes, **started}

    async def _check_notices(
        self, conn: AsyncConnection, exam_id: UUID, requests: Mapping[UUID, StartRequest]
    ) -> tuple[list[Starter], dict[UUID, StartedAttempt | RequestError]]:
        """Return who may start, with the notice that the student acknowledges now if it is the one that is shown."""
        enrollments = await student_exams.read_enrollments(conn, exam_id, list(requests))
        data = await notices.read_settings(conn, self._settings)
        starters: list[Starter] = []
        refused: dict[UUID, StartedAttempt | RequestError] = {}
        for student_id, request in requests.items():
            enrollment = enrollments.get(student_id)
            version: int | None = None
            body: dict[str, Any] | None = None
            if enrollment is not None:
                notice = notices.notice_of(enrollment, data)
                try:
                    notices.check_notice(enrollment, notice, request.acknowledged)
                except NoticeChanged as error:
                    refused[student_id] = error
                    continue
                if request.acknowledged == notice.version:
                    version, body = notice.version, msgspec.to_builtins(notice)
            starters.append(Starter(student_id, version, body, request.place_of))
        return starters, refused

    async def _end_all(self, exam_id: UUID, requests: Mapping[UUID, HandIn]) -> dict[UUID, Receipt | RequestError]:
        async with change(self._engine, self._notifier, detach=self._tasks.start) as unit:
            endings = {attempt_id: request.ending for attempt_id, request in requests.items()}
            outcomes = await end_attempts(unit.conn, endings, grading)
            rows = {
                attempt_id: outcome.row
                for attempt_id, outcome in outcomes.items()
                if isinstance(outcome, EndedAttempt) and outcome.row is not None
            }
            known = {attempt_id: requests[attempt_id].place for attempt_id in rows}
            await places.record_submissions(
                unit.conn, {attempt_id: place for attempt_id, place in known.items() if place is not None}
            )
            unit.feed(exam_id, list(rows.values()))
            unit.notify_attempts(rows)
            unit.enqueue_analysis(rows)
        return {
            attempt_id: outcome.receipt if isinstance(outcome, EndedAttempt) else outcome
            for attempt_id, outcome in outcomes.items()
        }
