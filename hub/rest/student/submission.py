"""Handing in: the attempt ends, with a receipt. It may be repeated, and no answer is lost by it."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from sqlalchemy.ext.asyncio import AsyncEngine

from db.errors import Conflict, Forbidden, NotFound
from db.notify import Notifier
from db.queries import feed
from db.queries.attempts.answers import SubmittedAnswer
from db.queries.attempts.end import EndedAttempt, Ending, Receipt, end_attempt
from db.queries.events.system_events import ServerEvent
from db.queries.student import attempt_view
from db.queries.student.attempt_view import Owner
from hub.auth.guards import BEARER, Principal
from hub.errors import Expired, Invalid, Unauthenticated, problems
from judgement import grading
from judgement.attempts import Action, transition_of
from protocol.events import Event, to_entry
from protocol.limits import ITEM_CHARS, SEQ_MAX

WAIT_S: Final = 5.0
"""How long a submission waits for what the client has sent and nobody has stored yet."""

POLLS_S: Final = (0.02, 0.05, 0.1, 0.2)
ANSWERS_MAX: Final = 500


class GivenAnswer(msgspec.Struct, frozen=True):
    """A revision of one item's answer."""

    item: Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_CHARS)]
    value: Any


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """The last numbers a client has given out, to be waited for, and answers that its socket did not deliver."""

    stream: UUID | None = None
    last_seq: Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)] = 0
    answers: Annotated[list[GivenAnswer], msgspec.Meta(max_length=ANSWERS_MAX)] = []


@post(
    "/exams/{attempt_id:uuid}/submit",
    status_code=HTTP_200_OK,
    summary="Hand in",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict),
)
async def submit(
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    notifier: NamedDependency[Notifier],
    principal: NamedDependency[Principal],
    data: JSONBody[Submission | None] = None,
) -> Receipt:
    """Hand in. Waits a few seconds for what is still on its way, and goes on without it; repeated, the same receipt.

    After the end answers that come with it are kept as revisions that do not stand.
    """
    submission = data or Submission()
    owner = Owner(principal.user_id, principal.exam_id)
    async with engine.connect() as conn:
        known = await attempt_view.list_item_names(conn, attempt_id, owner)
    given = _read_answers(submission.answers, known)
    await _wait_until_stored(engine, attempt_id, submission)
    ended = await _end(engine, attempt_id, owner, given)
    if ended.changed:
        await notifier.notify("feed", ended.exam_id)
        await notifier.notify("attempt", attempt_id)
        await notifier.enqueue_analyse([attempt_id])
    return ended.receipt


async def _end(engine: AsyncEngine, attempt_id: UUID, owner: Owner, given: Sequence[SubmittedAnswer]) -> EndedAttempt:
    way = transition_of(Action.SUBMIT)
    ending = Ending(
        sources=way.sources,
        target=way.target,
        fact=ServerEvent("submitted", {"by": "student"}),
        student_id=owner.student_id,
        exam_id=owner.only_exam,
        answers=given,
    )
    async with engine.begin() as conn:
        ended = await end_attempt(conn, attempt_id, ending, grading)
        if ended.row is not None:
            await feed.append(conn, ended.exam_id, [ended.row])
    return ended


async def _wait_until_stored(engine: AsyncEngine, attempt_id: UUID, submission: Submission) -> None:
    """Wait for what the client has sent; not longer than its student can be kept waiting."""
    if submission.stream is None:
        return
    clock = asyncio.get_running_loop().time
    until_s = clock() + WAIT_S
    tries = 0
    while clock() < until_s:
        async with engine.connect() as conn:
            if await attempt_view.is_stored(conn, attempt_id, submission.stream, submission.last_seq):
                return
        await asyncio.sleep(POLLS_S[min(tries, len(POLLS_S) - 1)])
        tries += 1


def _read_answers(answers: Sequence[GivenAnswer], known: Collection[str]) -> list[SubmittedAnswer]:
    """Refuse by its path what no event could state either; of an item that is named twice the last counts."""
    for index, one in enumerate(answers):
        path = f"$.answers[{index}]"
        if one.item not in known:
            raise Invalid(f"{path}.item", "there is no such item in this exam")
        # A text may be as long as a draft.
        reject = to_entry(Event("draft_saved", 0, 0, {"item": one.item, "value": one.value}), 1).reject
        if reject is not None:
            raise Invalid(f"{path}.value", f"cannot be stored: {reject}")
    return list({one.item: SubmittedAnswer(one.item, one.value) for one in answers}.values())
