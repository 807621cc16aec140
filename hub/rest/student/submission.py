"""Submit an attempt: it ends, and the student gets a receipt. Submitting again must never lose an answer."""

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

from db.engine import reading
from db.errors import Conflict, Forbidden, NotFound
from db.queries.attempts.answers import SubmittedAnswer
from db.queries.attempts.end import Ending, Receipt
from db.queries.events.system_events import ServerEvent
from db.queries.student import attempt_view
from db.queries.student.attempt_view import Owner, Submitter
from hub.auth.guards import BEARER, Principal, attempt_place
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.http.audit import AnyRequest
from hub.rest.http.bodies import LARGE_BYTES
from hub.rest.student.batches import AttemptBatches, HandIn
from hub.settings import HubSettings
from judgement.attempts import Action, transition_of
from protocol.events import Event, to_entry
from protocol.limits import ITEM_CHARS, SEQ_MAX

WAIT_S: Final = 5.0
"""How long a submission waits for events that the client has sent and that are not stored yet."""

POLLS_S: Final = (0.02, 0.05, 0.1, 0.2)
ANSWERS_MAX: Final = 500


class GivenAnswer(msgspec.Struct, frozen=True):
    """A revision of one item's answer."""

    item: Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_CHARS)]
    value: Any


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """The last sequence number of the client, for which to wait, and answers that its socket did not deliver."""

    stream: UUID | None = None
    last_seq: Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)] = 0
    answers: Annotated[list[GivenAnswer], msgspec.Meta(max_length=ANSWERS_MAX)] = []


@post(
    "/exams/{attempt_id:uuid}/submit",
    status_code=HTTP_200_OK,
    summary="Submit an attempt",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, Busy),
    request_max_body_size=LARGE_BYTES,
)
async def submit(
    request: AnyRequest,
    attempt_id: FromPath[UUID],
    engine: NamedDependency[AsyncEngine],
    batches: NamedDependency[AttemptBatches],
    settings: NamedDependency[HubSettings],
    principal: NamedDependency[Principal],
    data: JSONBody[Submission | None] = None,
) -> Receipt:
    """Submit an attempt. The hub waits a few seconds for events that are still on their way.

    A repeated request gets the same receipt. Answers that come after the end are kept as revisions that do not count. A
    monitored attempt to which no client ever connected is accepted, and recorded as unobserved.
    """
    submission = data or Submission()
    owner = Owner(principal.user_id, principal.exam_id, principal.may_sit)
    async with reading(engine) as conn:
        submitter = await attempt_view.read_submitter(conn, attempt_id, owner)
        items = await attempt_view.list_item_names(conn, attempt_id, owner) if submission.answers else set()
        stream, last = submission.stream, submission.last_seq
        is_stored = stream is None or await attempt_view.is_stored(conn, attempt_id, stream, last)
    given = await asyncio.to_thread(_read_answers, submission.answers, items) if submission.answers else []
    place = attempt_place(request, attempt_id, settings.keys.data) if submitter.is_monitored else None
    if not is_stored:
        await wait_until_stored(engine, attempt_id, submission)
    return await batches.hand_in(submitter.exam_id, attempt_id, HandIn(_ending(owner, given, submitter, place), place))


def _ending(owner: Owner, given: Sequence[SubmittedAnswer], submitter: Submitter, place: str | None) -> Ending:
    data: dict[str, Any] = {"by": "student"} if place is None else {"by": "student", "place": place}
    if submitter.is_unobserved:
        data["unobserved"] = True
    transition = transition_of(Action.SUBMIT)
    return Ending(
        sources=transition.sources,
        target=transition.target,
        event=ServerEvent("submitted", data),
        student_id=owner.student_id,
        exam_id=owner.only_exam,
        answers=given,
    )


async def wait_until_stored(
    engine: AsyncEngine, attempt_id: UUID, submission: Submission, *, wait_s: float = WAIT_S
) -> None:
    """Wait until the client's last event is stored, but not longer than a student can be kept waiting."""
    if submission.stream is None:
        return
    clock = asyncio.get_running_loop().time
    until_s = clock() + wait_s
    tries = 0
    while clock() < until_s:
        async with reading(engine) as conn:
            if await attempt_view.is_stored(conn, attempt_id, submission.stream, submission.last_seq):
                return
        await asyncio.sleep(POLLS_S[min(tries, len(POLLS_S) - 1)])
        tries += 1


def _read_answers(answers: Sequence[GivenAnswer], known: Collection[str]) -> list[SubmittedAnswer]:
    """Check submitted answers as events are checked. If an item is named twice, the last answer counts."""
    for index, answer in enumerate(answers):
        path = f"$.answers[{index}]"
        if answer.item not in known:
            raise Invalid(f"{path}.item", "there is no such item in this exam")
        # A text may be as long as a draft.
        reject = to_entry(Event("draft_saved", 0, 0, {"item": answer.item, "value": answer.value}), 1).reject
        if reject is not None:
            raise Invalid(f"{path}.value", f"cannot be stored: {reject}")
    return list({answer.item: SubmittedAnswer(answer.item, answer.value) for answer in answers}.values())
