"""Fill an empty, migrated database with the dataset, with a progress bar.

Most rows are made by the server. The audit log is made here, because each link of its chain covers the one before.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.dataset import statements
from bench.dataset.extent import DatasetExtent
from db.audit.chain import GENESIS, AuditRecord, link
from db.partitions import PARENT, first_id, partition_of
from hub.auth.passwords import hash_password
from judgement.policy import preset, write_policy

PASSWORD: Final = "correct-horse-of-the-bench"  # noqa: S105 - every user of the dataset has it
COST: Final = 4
"""The cost of the password hash: the lowest, because nothing here is secret."""

DAYS: Final = 100
SLICE: Final = 50_000
AUDITED_AT_ONCE: Final = 50_000

_ACTIONS: Final = (("sign_in", 0.6), ("read_dashboard", 0.8), ("read_timeline", 0.9), ("review", 1.0))
_RARE: Final = "deactivate"
_RARE_ROWS: Final = 50


async def fill(admin_url: str, extent: DatasetExtent, seed: int, out: Console) -> None:
    """Fill the database. It must be migrated and empty."""
    conn = await asyncpg.connect(admin_url)
    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=out) as progress:
            await _fill(conn, extent, seed, progress)
    finally:
        await conn.close()


async def tidy(admin_url: str) -> None:
    """Renew statistics and free the space of rows that a migration has written again."""
    conn = await asyncpg.connect(admin_url)
    try:
        await conn.execute("VACUUM (ANALYZE)")
    finally:
        await conn.close()


async def _fill(conn: asyncpg.Connection, extent: DatasetExtent, seed: int, progress: Progress) -> None:
    values = {
        "seed": seed,
        "students": extent.students,
        "teachers": extent.teachers,
        "counts": [count for count, _ in extent.exams],
        "seats": [seats for _, seats in extent.exams],
        "longest": extent.longest,
        "longest_at": extent.attempts // 2,
        "password_hash": hash_password(PASSWORD, COST),
        "policy": msgspec.json.encode(write_policy(preset("camera"))).decode().replace("'", "''"),
    }
    slices = range(0, extent.attempts, SLICE)
    total = len(statements.ONCE + statements.AFTER + statements.FINISH) + len(slices) * len(statements.SLICED)
    task = progress.add_task("partitions", total=total)
    await _create_partitions(conn)
    await conn.execute(statements.PREPARE.format(**values))
    for name, statement in statements.ONCE:
        progress.update(task, description=name)
        await conn.execute(statement.format(**values))
        progress.advance(task)
    for low in slices:
        for name, statement in statements.SLICED:
            progress.update(task, description=name)
            await conn.execute(statement.format(low=low + 1, high=min(low + SLICE, extent.attempts)))
            progress.advance(task)
    for name, statement in statements.AFTER:
        progress.update(task, description=name)
        await conn.execute(statement.format(**values))
        progress.advance(task)
    await _fill_audit(conn, extent, seed, progress)
    await conn.execute("SET session_replication_role = origin")
    for name, statement in statements.FINISH:
        progress.update(task, description=name)
        await conn.execute(statement)
        progress.advance(task)


async def _create_partitions(conn: asyncpg.Connection) -> None:
    today = datetime.now(UTC).date()
    for ago in range(DAYS):
        part = partition_of(today - timedelta(days=ago))
        await conn.execute(
            f"CREATE TABLE IF NOT EXISTS {part.name} PARTITION OF {PARENT} "
            f"FOR VALUES FROM ('{part.lower}') TO ('{part.upper}')"
        )
        await conn.execute(f"ALTER TABLE {part.name} OWNER TO veritas_owner")


async def _fill_audit(conn: asyncpg.Connection, extent: DatasetExtent, seed: int, progress: Progress) -> None:
    """Copy audited actions of the last 90 days, and the chain over them."""
    rows = extent.attempts * extent.audited
    task = progress.add_task("audit", total=rows)
    actors = [row[0] for row in await conn.fetch("SELECT id FROM users WHERE role <> 'student' ORDER BY id LIMIT 500")]
    actors += [row[0] for row in await conn.fetch("SELECT id FROM users WHERE role = 'student' ORDER BY id LIMIT 5000")]
    previous, n = GENESIS, 0
    for records in _audit_records(rows, actors, Random(seed)):  # noqa: S311 - seeded rows
        links = []
        for record in records:
            previous = link(previous, record)
            n += 1
            links.append((n, record.id, previous, record.at))
        columns = [field.name for field in msgspec.structs.fields(AuditRecord)]
        listed = [(*msgspec.structs.astuple(record)[:5], "{}", None, None, record.at) for record in records]
        await conn.copy_records_to_table("audit_logs", records=listed, columns=columns)
        await conn.copy_records_to_table("audit_chain", records=links, columns=["n", "audit_id", "hash", "sealed_at"])
        progress.advance(task, len(records))
    await conn.execute("INSERT INTO audit_anchors (day, n, hash) SELECT current_date, $1, $2", n, previous)


def _audit_records(rows: int, actors: list[UUID], random: Random) -> Iterator[list[AuditRecord]]:
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(days=90)
    apart = timedelta(days=90) / rows
    batch: list[AuditRecord] = []
    rare = max(rows // _RARE_ROWS, 1)
    for number in range(rows):
        at = begun + number * apart
        drawn = random.random()
        action = _RARE if number % rare == rare // 2 else next(name for name, upto in _ACTIONS if drawn < upto)
        key = UUID(int=first_id(at).int | 7 << 76 | 2 << 62 | number)
        actor = actors[int(len(actors) * drawn * drawn)]
        resource = "exam" if action == "review" else "user"
        batch.append(
            AuditRecord(
                id=key,
                actor_id=actor,
                action=action,
                resource=resource,
                resource_id=str(actor),
                details={},
                ip=None,
                user_agent=None,
                at=at,
            )
        )
        if len(batch) == AUDITED_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
