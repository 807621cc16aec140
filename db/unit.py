"""One unit of change: a transaction with its audit rows, its feed rows, and the notifications that follow COMMIT.

Handlers and jobs write through it. It never notifies about a change that was not committed, and a notification that is
lost never fails the change.
"""

from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries import audit, feed
from db.queries.analysis import analyses
from protocol.console import Row

log = structlog.get_logger(__name__)

Detach = Callable[[Coroutine[Any, Any, None]], object]


class ChangeNotifier(Protocol):
    """The part of `db.notify.Notifier` that a unit uses."""

    async def notify(self, channel: Literal["feed", "instructions", "attempt"], key: UUID) -> None:
        """Publish that something changed."""

    async def enqueue_analysis(self, attempts: Collection[UUID]) -> None:
        """Enqueue the analysis of these attempts."""

    async def enqueue_llm_summary(self, attempts: Collection[UUID]) -> None:
        """Enqueue requests to a language model for summaries of these attempts."""


class _AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    actor_id: UUID | None
    action: str
    resource: str
    resource_id: object
    details: dict[str, str] | None
    ip: str | None
    address: str | None
    user_agent: str | None


class Unit:
    """One open transaction (`conn`), and what `change` writes and notifies when its block ends."""

    def __init__(self, conn: AsyncConnection) -> None:
        self.conn = conn
        self._stale: dict[float, set[UUID]] = {}
        self._audit: list[_AuditRow] = []
        self._feed: dict[UUID, list[Row]] = {}
        # Dicts as ordered sets: each attempt is notified once, in the order given.
        self._instructed: dict[UUID, None] = {}
        self._attempts: dict[UUID, None] = {}
        self._to_analyze: dict[UUID, None] = {}
        self._to_consult: dict[UUID, None] = {}

    def feed(self, exam_id: UUID, rows: Sequence[Row]) -> None:
        """Append rows to an exam's feed. Without rows, the exam is not notified."""
        if rows:
            self._feed.setdefault(exam_id, []).extend(rows)

    def audit(
        self,
        *,
        actor_id: UUID | None,
        action: str,
        resource: str,
        resource_id: object,
        details: dict[str, str] | None = None,
        ip: str | None = None,
        address: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        """Record one action in the audit log. `actor_id` is None when a server acted.

        `details` contain ids and numbers, never a value that a person typed. `ip` is a keyed hash of the `address`.
        """
        self._audit.append(
            _AuditRow(
                actor_id=actor_id,
                action=action,
                resource=resource,
                resource_id=resource_id,
                details=details,
                ip=ip,
                address=address,
                user_agent=user_agent,
            )
        )

    def mark_stale(self, attempt_ids: Collection[UUID], *, after_s: float = 0.0) -> None:
        """Have concluded analyses of these attempts done again, `after_s` seconds from now at the earliest."""
        self._stale.setdefault(after_s, set()).update(attempt_ids)

    def notify_instructions(self, attempt_ids: Collection[UUID]) -> None:
        """Notify hubs that these attempts have new instructions."""
        self._instructed.update(dict.fromkeys(attempt_ids))

    def notify_attempts(self, attempt_ids: Collection[UUID]) -> None:
        """Notify hubs that the status of these attempts changed."""
        self._attempts.update(dict.fromkeys(attempt_ids))

    def enqueue_analysis(self, attempt_ids: Collection[UUID]) -> None:
        """Enqueue the analysis of these attempts."""
        self._to_analyze.update(dict.fromkeys(attempt_ids))

    def enqueue_llm_summary(self, attempt_ids: Collection[UUID]) -> None:
        """Enqueue the request to a language model about these attempts."""
        self._to_consult.update(dict.fromkeys(attempt_ids))

    async def write(self) -> None:
        """Write what was collected. `change` calls this at the end of its block.

        The order is the lock order: attempts with their analyses, audit rows, then the feed heads in the order of the
        exam ids.
        """
        for after_s, attempt_ids in sorted(self._stale.items()):
            await analyses.mark_stale(self.conn, attempt_ids, after_s=after_s)
        for row in self._audit:
            await audit.append(self.conn, **msgspec.structs.asdict(row))
        for exam_id in sorted(self._feed):
            await feed.append(self.conn, exam_id, self._feed[exam_id])

    async def publish(self, notifier: ChangeNotifier) -> None:
        """Notify what changed. `change` calls this after COMMIT. Never raises."""
        try:
            for exam_id in sorted(self._feed):
                await notifier.notify("feed", exam_id)
            for attempt_id in self._instructed:
                await notifier.notify("instructions", attempt_id)
            for attempt_id in self._attempts:
                await notifier.notify("attempt", attempt_id)
            if self._to_analyze:
                await notifier.enqueue_analysis(list(self._to_analyze))
            if self._to_consult:
                await notifier.enqueue_llm_summary(list(self._to_consult))
        except Exception:
            log.exception("change not notified")


@asynccontextmanager
async def change(
    engine: AsyncEngine, notifier: ChangeNotifier | None, *, detach: Detach | None = None
) -> AsyncIterator[Unit]:
    """Open a transaction, commit it with its audit and feed rows, then notify what changed.

    When the block raises, or COMMIT fails, everything is rolled back and nothing is notified. Without a notifier,
    readers find the change with their next poll. `detach` runs the notifications in the background, so that a slow
    Redis does not delay the caller: for example `DetachedTasks.start`.
    """
    async with engine.begin() as conn:
        unit = Unit(conn)
        yield unit
        await unit.write()
    if notifier is None:
        return
    if detach is None:
        await unit.publish(notifier)
    else:
        detach(unit.publish(notifier))
