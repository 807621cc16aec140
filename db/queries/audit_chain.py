"""Seal the audit log: append links of the hash chain and daily anchors, and check both.

Never changes a row or a link. Only one process seals at a time.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from db.audit.chain import GENESIS, Anchor, AuditRecord, extend, link
from db.models import AuditAnchor, AuditLink, AuditLog
from db.partitions import created_at, first_id
from db.queries.verify import SHOWN, Breach

SEALED_AT_ONCE: Final = 1_000
LATE: Final = timedelta(minutes=10)
"""How far before the newest link rows are still expected: a transaction that writes one lasts seconds."""

UNSEALED: Final = timedelta(minutes=5)
"""Workers seal a row within seconds, so a row that waits this long was passed over, or no worker runs."""

_LOCK: Final = 0x617564697463686E
_COLUMNS: Final = tuple(AuditLog.__table__.c[field.name] for field in msgspec.structs.fields(AuditRecord))


async def try_lock(conn: AsyncConnection) -> bool:
    """Try to become the one process that seals until COMMIT. False: another one is."""
    return bool((await conn.execute(select(func.pg_try_advisory_xact_lock(_LOCK)))).scalar_one())


async def read_newest(conn: AsyncConnection) -> Anchor | None:
    """Read the newest link."""
    row = (await conn.execute(select(AuditLink.n, AuditLink.hash).order_by(AuditLink.n.desc()).limit(1))).first()
    return None if row is None else Anchor(row.n, bytes(row.hash))


async def seal(conn: AsyncConnection, *, everything: bool = False) -> int:
    """Append links for rows without one, in the order of their ids; return how many. The caller holds the lock.

    Rows that were committed late are found within `LATE` before the newest link; with `everything`, always.
    """
    newest = await read_newest(conn)
    query = (
        select(*_COLUMNS)
        .where(~select(AuditLink.n).where(AuditLink.audit_id == AuditLog.id).exists())
        .order_by(AuditLog.id)
        .limit(SEALED_AT_ONCE)
    )
    if newest is not None and not everything:
        sealed = select(func.max(AuditLink.n)).scalar_subquery()
        last = (await conn.execute(select(AuditLink.audit_id).where(AuditLink.n == sealed))).scalar_one()
        query = query.where(AuditLog.id >= first_id(created_at(last) - LATE))
    records = [_record(row) for row in await conn.execute(query)]
    hashes = extend(GENESIS if newest is None else newest.hash, records)
    first = 1 if newest is None else newest.n + 1
    links = [
        {"n": n, "audit_id": record.id, "hash": sealed}
        for n, (record, sealed) in enumerate(zip(records, hashes, strict=True), first)
    ]
    if links:
        await conn.execute(insert(AuditLink), links)
    return len(links)


async def anchor_day(conn: AsyncConnection) -> tuple[date, Anchor] | None:
    """Store the newest link as the anchor of this UTC day, unless the day has one; return what was stored."""
    newest = await read_newest(conn)
    if newest is None:
        return None
    today = func.date(func.timezone("UTC", func.now()))
    added = await conn.execute(
        postgresql.insert(AuditAnchor)
        .values(day=today, n=newest.n, hash=newest.hash)
        .on_conflict_do_nothing()
        .returning(AuditAnchor.day)
    )
    day = added.scalar_one_or_none()
    return None if day is None else (day, newest)


async def find_broken_links(conn: AsyncConnection) -> list[Breach]:
    """Find audited rows that were changed or deleted after they were sealed, and links that were removed."""
    breaches: list[Breach] = []
    previous, last, most = GENESIS, 0, 5_000
    page = (
        select(AuditLink.n, AuditLink.audit_id, AuditLink.hash, *_COLUMNS)
        .join(AuditLog, AuditLog.id == AuditLink.audit_id, isouter=True)
        .order_by(AuditLink.n)
        .limit(most)
    )
    while len(breaches) < SHOWN:
        rows = (await conn.execute(page.where(AuditLink.n > last))).all()
        for row in rows:
            if row.n != last + 1:
                breaches.append(Breach(f"audit chain {row.n}", f"links {last + 1} to {row.n - 1} are missing"))
            elif row.id is None:
                breaches.append(Breach(f"audit row {row.audit_id}", f"is missing, but link {row.n} covers it"))
            elif link(previous, _record(row)) != bytes(row.hash):
                breaches.append(Breach(f"audit row {row.audit_id}", f"differs from what link {row.n} covers"))
            previous, last = bytes(row.hash), row.n
        if len(rows) < most:
            break
    return breaches[:SHOWN]


async def find_unsealed(conn: AsyncConnection) -> list[Breach]:
    """Find audited rows without a link although a worker sealed rows minutes later: they were added behind it."""
    found = await conn.execute(
        text(
            """
            SELECT id, at FROM audit_logs AS log
            WHERE at < (SELECT max(sealed_at) FROM audit_chain) - CAST(:age AS interval)
              AND NOT EXISTS (SELECT FROM audit_chain WHERE audit_id = log.id)
            ORDER BY id LIMIT :most
            """
        ),
        {"age": UNSEALED, "most": SHOWN},
    )
    return [Breach(f"audit row {row.id}", f"of {row.at:%Y-%m-%d %H:%M} is not in the chain") for row in found]


async def count_waiting(conn: AsyncConnection) -> int:
    """Count the audited rows that have waited for a link for minutes."""
    found = await conn.execute(
        text(
            "SELECT count(*) FROM audit_logs AS log WHERE at < now() - CAST(:age AS interval) "
            "AND NOT EXISTS (SELECT FROM audit_chain WHERE audit_id = log.id)"
        ),
        {"age": UNSEALED},
    )
    return int(found.scalar_one())


async def find_lost_anchors(conn: AsyncConnection, known: Sequence[Anchor] = ()) -> list[Breach]:
    """Find daily anchors, and anchors known from outside, that the chain does not contain."""
    stored = await conn.execute(select(AuditAnchor.n, AuditAnchor.hash).order_by(AuditAnchor.n))
    anchors = [*known, *(Anchor(row.n, bytes(row.hash)) for row in stored)]
    found = await conn.execute(
        select(AuditLink.n, AuditLink.hash).where(AuditLink.n.in_([anchor.n for anchor in anchors]))
    )
    links = {row.n: bytes(row.hash) for row in found}
    lost = [anchor for anchor in anchors if links.get(anchor.n) != anchor.hash]
    return [Breach(f"anchor {anchor}", "is not in the chain") for anchor in lost[:SHOWN]]


def _record(row: Any) -> AuditRecord:
    return AuditRecord(**{column.name: getattr(row, column.name) for column in _COLUMNS})
