"""A watched exam in the database, changed through the project's own queries, with connections and consoles for it."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.models import TeacherExamPermission
from db.queries import feed
from db.queries.console.board import read_board, read_flag_row
from hub.auth.guards import Principal
from hub.board.board import Board
from hub.sockets import Frame, now_ms
from protocol.codec import Encoding, decode_to_console
from protocol.console import Delta, Row, StudentRow
from protocol.roles import Permission, Role
from tests.factories import (
    make_attempt,
    make_connection,
    make_exam,
    make_flag,
    make_stream,
    make_user,
    observe_throughout,
)

EXAM = UUID(int=1)
STREAM = UUID(int=21)


class FakeConnection(msgspec.Struct, frozen=True):
    """A candidate's connection after its welcome."""

    ix: int = 1
    generation: int = 1
    exam_id: UUID = EXAM
    stream_id: UUID = STREAM
    committed: int = 0


class ExamRoom:
    """One exam and its creator; every change appends its feed rows, as the servers do."""

    def __init__(self, engine: AsyncEngine, exam: UUID, teacher: Principal) -> None:
        self.engine = engine
        self.exam = exam
        self.teacher = teacher

    async def add_attempt(self, name: str = "Ada Example") -> UUID:
        """Add a student to the roster, and start the attempt."""
        async with self.engine.begin() as conn:
            student = await make_user(conn, name=name)
            attempt = await make_attempt(conn, self.exam, student)
            await feed.append(conn, self.exam, [StudentRow(student, name)])
            return attempt

    async def connect(self, attempt: UUID) -> None:
        """A client has been connected since the attempt's start, and its events arrived all the time."""
        async with self.engine.begin() as conn:
            await make_connection(conn, attempt, await make_stream(conn, attempt))
            await observe_throughout(conn, attempt)

    async def flag(self, attempt: UUID, *, confidence: float = 0.8) -> UUID:
        """A rule raises a flag."""
        async with self.engine.begin() as conn:
            flag = await make_flag(conn, attempt, episode=str(uuid4()), confidence=confidence)
            await feed.append(conn, self.exam, [await read_flag_row(conn, flag)])
            return flag

    async def append(self, *rows: Row) -> int:
        """Append feed rows; return the new head."""
        async with self.engine.begin() as conn:
            return await feed.append(conn, self.exam, rows)

    async def fresh(self) -> Board:
        """Read the board from the database."""
        isolated = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with isolated.begin() as conn:
            return Board.from_parts([await read_board(conn, self.exam)])

    async def principal(self, role: Role, name: str = "Uma User") -> Principal:
        async with self.engine.begin() as conn:
            return principal_of(await make_user(conn, role=role, name=name), role, name)

    async def colleague(self, *permitted: Permission) -> Principal:
        """A teacher who did not create the exam and has exactly these permissions."""
        principal = await self.principal(Role.TEACHER, "Cleo Colleague")
        await self.permit(principal, *permitted)
        return principal

    async def permit(self, principal: Principal, *permitted: Permission) -> None:
        granted = {permission.value: permission in permitted for permission in Permission}
        async with self.engine.begin() as conn:
            await conn.execute(
                postgresql.insert(TeacherExamPermission)
                .values(exam_id=self.exam, teacher_id=principal.user_id, **granted)
                .on_conflict_do_update(index_elements=["exam_id", "teacher_id"], set_=granted)
            )


class FakeConsole:
    """A subscriber that keeps its own board from what it receives; live values are ignored."""

    def __init__(self, encoding: Encoding = Encoding.JSON) -> None:
        self.encoding = encoding
        self.board: Board | None = None
        self.resyncs: list[str] = []
        self.opened = 0
        self.deltas = 0
        self._received = asyncio.Event()

    def open_board(self, board: Board, reason: str | None) -> None:
        self.board = Board.from_parts(board.snapshot())
        self.opened += 1
        if reason is not None:
            self.resyncs.append(reason)
        self._received.set()

    def resume_board(self, board: Board, missed: Sequence[Delta]) -> None:
        assert self.board is not None
        assert self.board.epoch == board.epoch
        for delta in missed:
            assert self.board.apply(delta)
        self._received.set()

    def send_delta(self, exam_id: UUID, offset: int, frame: Frame) -> None:
        delta = decode_to_console(frame, self.encoding)
        assert isinstance(delta, Delta)
        assert (delta.exam_id, delta.offset) == (exam_id, offset)
        assert self.board is not None
        if offset > self.board.offset:
            assert self.board.apply(delta, self.encoding)
            self.deltas += 1
        self._received.set()

    def needs_all_values(self, exam_id: UUID) -> bool:
        return self.board is None and exam_id.int == 0

    def send_values(self, exam_id: UUID, frames: Sequence[Frame]) -> None:
        """Live values have their own tests."""

    send_all_values = send_values

    def focus(self, exam_id: UUID) -> frozenset[int]:
        return frozenset({exam_id.int} & {0})

    def take_focus(self, exam_id: UUID, changed: frozenset[int]) -> frozenset[int]:
        return self.focus(exam_id) & changed

    async def reach(self, board: Board) -> None:
        """Wait until the own board has this board's offset; both must then be equal."""
        await self.until(lambda: self.board is not None and self.board.offset == board.offset)
        assert self.board == board

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something received makes this true."""
        async with asyncio.timeout(20):
            while not condition():
                self._received.clear()
                await self._received.wait()


class FocusedConsole(FakeConsole):
    """A console with some attempts in focus."""

    def __init__(self, *ixs: int) -> None:
        super().__init__(Encoding.JSON)
        self.ixs = frozenset(ixs)

    def focus(self, exam_id: UUID) -> frozenset[int]:
        assert exam_id.int
        return self.ixs


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that no event reports."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def wait_for_lock(conn: AsyncConnection, waiting: int = 1) -> None:
    """Wait until so many queries of this database wait for a lock."""
    query = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
        "WHERE datname = current_database() AND NOT granted"
    )
    async with asyncio.timeout(20):
        while (await conn.execute(query)).scalar_one() < waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def principal_of(user_id: UUID, role: Role, name: str) -> Principal:
    return Principal(user_id, role, name, uuid4(), now_ms() + 600_000)


async def make_exam_room(engine: AsyncEngine) -> ExamRoom:
    async with engine.begin() as conn:
        teacher = await make_user(conn, role=Role.TEACHER, name="Tess Teacher")
        exam = await make_exam(conn, teacher)
    return ExamRoom(engine, exam, principal_of(teacher, Role.TEACHER, "Tess Teacher"))
