import asyncio
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text

from hub.auth import tokens
from hub.board.board import Board
from hub.console.connection import BUSY_RETRY_MS
from hub.console.limits import ConsoleLimits
from hub.server.websocket import CLOSE_NOW
from hub.sockets import now_ms, size_of
from protocol.codec import Encoding, encode
from protocol.codes import CloseCode, ErrorCode
from protocol.console import (
    Command,
    ConsoleError,
    Delta,
    Focus,
    Live,
    Result,
    Resync,
    Since,
    Snapshot,
    StudentRow,
    Unwatch,
    Watch,
)
from protocol.flags import FlagStatus
from protocol.limits import CONTROL_BURST, FRAME_BYTES
from protocol.monitor import Auth, Bye, Error, Ping, Pong
from protocol.roles import Role
from tests.hub.consoles import ConsoleHub
from tests.hub.exam_room import ExamRoom, FakeConnection, FakeConsole, make_exam_room, until


@pytest.mark.parametrize("encoding", Encoding)
async def test_a_teacher_watches_sends_a_command_and_sees_the_change(
    hub: ConsoleHub, room: ExamRoom, encoding: Encoding
) -> None:
    attempt = await room.add_attempt("Ada")
    async with hub.sign_in(room.teacher, subprotocols=[encoding]) as client:
        assert client.encoding is encoding
        await client.send(Watch(room.exam))
        board = await client.board()
        assert board == await room.fresh()

        flag = await room.flag(attempt)
        fresh = await room.fresh()
        assert await client.follow(board, fresh.offset) == fresh

        command = Command(
            id=uuid4(),
            exam_id=room.exam,
            action="review",
            flag_id=flag,
            decision=FlagStatus.CONFIRMED,
            seen=FlagStatus.OPEN,
            reason="seen on the camera",
        )
        await client.send(command)
        result = await client.receive(Result)
        assert (result.id, [value.ok for value in result.outcomes]) == (command.id, [True])
        fresh = await room.fresh()
        assert await client.follow(board, fresh.offset) == fresh
        await client.send(command)
        assert await client.receive(Result) == result


@pytest.mark.parametrize("console_limits", [ConsoleLimits(silent_s=1.0)])
async def test_a_console_is_closed_some_time_after_its_last_frame(hub: ConsoleHub, room: ExamRoom) -> None:
    clock = asyncio.get_running_loop().time
    async with hub.sign_in(room.teacher) as client:
        await asyncio.sleep(0.5)
        sent_s = clock()
        await client.send(Ping(1))
        assert (await client.receive(Pong)).at == 1
        assert await client.close_code() == CloseCode.SILENT
        assert clock() - sent_s >= 1.0


@pytest.mark.parametrize("console_limits", [ConsoleLimits(auth_grace_ms=200 - tokens.LIFETIME_S * 1000)])
async def test_a_console_is_closed_after_its_sign_in_and_the_grace_time(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        assert await client.close_code() == CloseCode.TOKEN_EXPIRED


async def test_an_exam_that_the_user_may_not_watch_is_forbidden(hub: ConsoleHub, room: ExamRoom) -> None:
    stranger = await room.principal(Role.TEACHER)
    async with hub.sign_in(stranger) as client:
        for exam in (room.exam, uuid4()):
            await client.send(Watch(exam))
            error = await client.receive(ConsoleError)
            assert (error.code, error.exam_id) == (ErrorCode.FORBIDDEN, exam)
        await client.send(Command(id=uuid4(), exam_id=room.exam, action="message", text="hi"))
        assert (await client.receive(Result)).code == ErrorCode.FORBIDDEN


async def test_a_console_that_resumes_gets_only_what_it_missed(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.send(Watch(room.exam))
        board = await client.board()
    await room.add_attempt("Ada")
    fresh = await room.fresh()
    async with hub.sign_in(room.teacher, subprotocols=[Encoding.MSGPACK]) as client:
        await client.send(Watch(room.exam, Since(board.epoch, board.offset)))
        assert await client.follow(board, fresh.offset) == fresh


async def test_a_console_that_unwatches_gets_no_more_deltas(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client, hub.sign_in(room.teacher) as other:
        for console in (client, other):
            await console.send(Watch(room.exam))
            board = await console.board()
        await client.send(Unwatch(room.exam))
        await client.send(Command(id=uuid4(), exam_id=room.exam, action="nothing"))
        await client.receive(Result)
        await room.add_attempt()
        await other.follow(board, (await room.fresh()).offset)
        await client.send(Ping(1))
        await client.receive(Pong)


async def test_a_board_that_is_watched_again_starts_from_the_beginning(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.send(Watch(room.exam))
        first = await client.board()
        await client.send(Watch(room.exam))
        assert await client.board() == first


async def test_watching_a_board_is_recorded_once_a_connection(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        for _ in range(2):
            await client.send(Watch(room.exam))
            await client.board()
    async with hub.engine.begin() as conn:
        found = await conn.execute(text("SELECT action, actor_id, resource_id FROM audit_logs"))
        assert found.all() == [("watch_board", room.teacher.user_id, str(room.exam))]


async def test_a_large_board_arrives_in_parts_followed_by_its_changes(hub: ConsoleHub, room: ExamRoom) -> None:
    await room.add_attempt()
    async with hub.engine.begin() as conn:
        await conn.execute(
            text(
                "INSERT INTO users (id, username, full_name, role) "
                "SELECT gen_random_uuid(), 'many-' || n, repeat('å', 60), 'student' FROM generate_series(1, 3000) n"
            )
        )
        await conn.execute(
            text("INSERT INTO exam_enrollments SELECT :exam, id FROM users WHERE username LIKE 'many-%'"),
            {"exam": room.exam},
        )
    async with hub.sign_in(room.teacher, max_queue=1) as client:
        await client.send(Watch(room.exam))
        first = await client.receive(Snapshot)
        assert first.parts > 5
        await room.add_attempt("Late Lena")
        parts = [first, *[await client.receive(Snapshot) for _ in range(first.parts - 1)]]
        assert all(size_of(encode(part, Encoding.JSON)) <= FRAME_BYTES for part in parts)
        fresh = await room.fresh()
        assert await client.follow(Board.from_parts(parts), fresh.offset) == fresh


async def test_live_values_follow_the_board(hub: ConsoleHub, room: ExamRoom) -> None:
    await room.add_attempt()
    ada = FakeConnection(1, exam_id=room.exam)
    hub.presence.opened(ada, now_ms())
    async with hub.sign_in(room.teacher) as client:
        await client.send(Watch(room.exam))
        await client.board()
        live = await client.receive(Live)
        assert [(value.ix, value.online) for value in live.attempts] == [(1, True)]
        hub.presence.closed(ada, now_ms())
        live = await client.receive(Live)
        assert [(value.ix, value.online) for value in live.attempts] == [(1, False)]


async def test_attempts_in_focus_are_sent_at_once(hub: ConsoleHub, room: ExamRoom) -> None:
    ada, bob = FakeConnection(1, exam_id=room.exam), FakeConnection(2, exam_id=room.exam)
    for connection in (ada, bob):
        hub.presence.opened(connection, now_ms())
    async with hub.sign_in(room.teacher) as client:
        await client.send(Watch(room.exam))
        await client.board()
        await client.receive(Live)
        await client.send(Focus(room.exam, [2, 2, 5_000]))
        assert [value.ix for value in (await client.receive(Live)).attempts] == [2]
        for seq in (1, 2, 3):
            hub.presence.stored(bob, seq, now_ms())
            while [(value.ix, value.events) for value in (await client.receive(Live)).attempts] != [(2, seq)]:
                pass
        await client.send(Focus(room.exam, []))


@pytest.mark.parametrize("ix", [[*range(1, 202)], [0], [-1], [1, -5], [2**31], [10**30]])
async def test_an_invalid_focus_gets_an_error_and_changes_nothing(
    hub: ConsoleHub, room: ExamRoom, ix: list[int]
) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.send(Focus(room.exam, [1]))
        assert (await client.receive(Error)).code == ErrorCode.NOT_FOUND
        await client.send(Watch(room.exam))
        await client.board()
        await client.send(Focus(room.exam, [7]))
        await client.send(Focus(room.exam, ix))
        assert (await client.receive(Error)).code == ErrorCode.BAD_COMMAND
        other = uuid4()
        await client.send(Focus(other, [1]))
        error = await client.receive(ConsoleError)
        assert (error.code, error.exam_id) == (ErrorCode.NOT_FOUND, other)
        ((_, (subscriber,)),) = hub.feeds.watched()
        assert subscriber.focus(room.exam) == {7}


@pytest.mark.parametrize("console_limits", [ConsoleLimits(auth_grace_ms=2_000 - tokens.LIFETIME_S * 1000)])
async def test_a_sign_in_is_renewed_over_the_socket(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        claims = tokens.make_claims(room.teacher.user_id, Role.TEACHER, "Tess", room.teacher.session, now_ms=now_ms())
        later = msgspec.structs.replace(claims, exp=claims.exp + 2)
        await client.send(Auth(tokens.sign(later, hub.settings.keys)))
        assert await client.close_code() == CloseCode.TOKEN_EXPIRED
        grace_ms = 2_000 - tokens.LIFETIME_S * 1000
        assert now_ms() >= later.expires_at + grace_ms


async def test_a_renewal_does_not_wait_for_a_command(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        async with hub.engine.begin() as blocker:
            await blocker.execute(text("LOCK TABLE exams IN ACCESS EXCLUSIVE MODE"))
            await client.send(Watch(room.exam))
            await client.send(Auth("nonsense"))
            assert (await client.receive(Error)).code == ErrorCode.UNAUTHENTICATED
        assert await client.close_code() == CloseCode.UNAUTHENTICATED


async def test_a_console_cannot_be_renewed_by_another_user(hub: ConsoleHub, room: ExamRoom) -> None:
    other = await room.principal(Role.ADMIN)
    student = await room.principal(Role.STUDENT)
    for principal in (other, student):
        async with hub.sign_in(room.teacher) as client:
            await client.send(Auth(await hub.token(principal)))
            assert (await client.receive(Error)).code == ErrorCode.FORBIDDEN
            assert await client.close_code() == CloseCode.FORBIDDEN


async def test_an_expired_token_closes_the_console(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        claims = tokens.make_claims(room.teacher.user_id, Role.TEACHER, "Tess", room.teacher.session, now_ms=10**9)
        await client.send(Auth(tokens.sign(claims, hub.settings.keys)))
        assert (await client.receive(Error)).code == ErrorCode.UNAUTHENTICATED
        assert await client.close_code() == CloseCode.TOKEN_EXPIRED


async def test_a_renewal_gets_busy_while_postgresql_does_not_answer(hub: ConsoleHub, room: ExamRoom) -> None:
    token = await hub.token(room.teacher)
    async with hub.sign_in(room.teacher) as client:
        async with hub.engine.begin() as blocker:
            await blocker.execute(text("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE"))
            await client.send(Auth(token))
            error = await client.receive(Error)
        assert (error.code, error.retry_ms) == (ErrorCode.BUSY, BUSY_RETRY_MS)
        await client.send(Auth(token))
        await client.send(Ping(1))
        await client.receive(Pong)


async def test_two_consoles_of_one_user_are_independent(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as first, hub.sign_in(room.teacher, subprotocols=[Encoding.MSGPACK]) as second:
        boards = []
        for client in (first, second):
            await client.send(Watch(room.exam))
            boards.append(await client.board())
        await first.send(Unwatch(room.exam))
        await first.send(Bye())
        assert await first.close_code() == CloseCode.NORMAL
        await room.add_attempt()
        fresh = await room.fresh()
        assert await second.follow(boards[1], fresh.offset) == fresh


async def test_one_console_watches_several_exams(hub: ConsoleHub, room: ExamRoom) -> None:
    other = await make_exam_room(hub.engine)
    admin = await room.principal(Role.ADMIN)
    async with hub.sign_in(admin) as client:
        for exam_room in (room, other):
            await client.send(Watch(exam_room.exam))
            assert await client.board() == await exam_room.fresh()
        await other.add_attempt("Bob")
        delta = await client.receive(Delta)
        assert delta.exam_id == other.exam


async def test_the_tenth_unknown_frame_closes(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        for _ in range(10):
            await client.client.send('{"t":"dance"}')
        for _ in range(10):
            assert (await client.receive(Error)).code == ErrorCode.UNKNOWN_FRAME
        assert await client.close_code() == CloseCode.MALFORMED


async def test_a_bye_closes_normally(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.send(Bye())
        assert await client.close_code() == CloseCode.NORMAL


@pytest.mark.parametrize("console_limits", [ConsoleLimits(requests=3)])
async def test_too_many_requests_at_once_are_too_fast(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client, hub.engine.begin() as blocker:
        await blocker.execute(text("LOCK TABLE exams IN ACCESS EXCLUSIVE MODE"))
        for _ in range(10):
            await client.send(Watch(room.exam))
        assert await client.close_code() == CloseCode.TOO_FAST


async def test_a_flood_of_pings_is_too_fast(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        for _ in range(3 * CONTROL_BURST):
            await client.send(Ping(1))
        assert await client.close_code() == CloseCode.TOO_FAST


async def test_a_console_stays_while_postgresql_does_not_answer(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        async with hub.engine.begin() as blocker:
            await blocker.execute(text("LOCK TABLE exams IN ACCESS EXCLUSIVE MODE"))
            await client.send(Watch(room.exam))
            error = await client.receive(ConsoleError)
            assert (error.code, error.retry_ms, error.exam_id) == (ErrorCode.BUSY, BUSY_RETRY_MS, room.exam)
            await client.send(Command(id=uuid4(), exam_id=room.exam, action="message", text="hi"))
            assert (await client.receive(Result)).code == ErrorCode.BUSY
        await client.send(Watch(room.exam))
        assert await client.board() == await room.fresh()


async def test_an_unexpected_error_closes_with_its_code(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        async with hub.engine.begin() as conn:
            await conn.execute(text("ALTER TABLE exams RENAME COLUMN creator_id TO made_by"))
        await client.send(Watch(room.exam))
        assert await client.close_code() == CloseCode.INTERNAL


def buffered(hub: ConsoleHub) -> int:
    """Bytes that the server itself buffers for all consoles."""
    sockets: list[Any] = [connection._socket.scope["extensions"] for connection in hub.consoles._connections]
    return sum(extensions[CLOSE_NOW].__self__.transport.get_write_buffer_size() for extensions in sockets)


# Long enough for a busy machine to fill the queue before the console counts as stalled.
@pytest.mark.parametrize("console_limits", [ConsoleLimits(stall_s=6.0)])
async def test_a_console_that_does_not_read_is_closed_and_its_neighbor_sees_all(
    hub: ConsoleHub, room: ExamRoom
) -> None:
    most = 0
    async with hub.sign_in(room.teacher, max_queue=1) as slow, hub.sign_in(room.teacher) as quick:
        for console in (slow, quick):
            await console.send(Watch(room.exam))
        await slow.board()
        board = await quick.board()
        for number in range(60):
            rows = [StudentRow(UUID(int=10 * number + k), "x" * 30_000) for k in range(10)]
            board = await quick.follow(board, await room.append(*rows))
            most = max(most, hub.consoles.waiting_bytes + buffered(hub))
        assert 1024 * 1024 < most < 2_000_000
        # Reading the close code reads frames, too, so it must not start before the hub has closed the connection.
        await until(lambda: len(hub.consoles._connections) == 1)
        assert hub.consoles.waiting_bytes == 0
        assert await slow.close_code() == CloseCode.TOO_SLOW
        await quick.send(Ping(1))
        await quick.receive(Pong)


async def test_a_console_that_reads_again_gets_the_board_again(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher, max_queue=1) as slow:
        await slow.send(Watch(room.exam))
        await slow.board()
        quick = FakeConsole()
        hub.feeds.watch(room.exam, quick)
        for number in range(50):
            head = await room.append(*(StudentRow(UUID(int=10 * number + k), "x" * 30_000) for k in range(10)))
        await quick.until(lambda: quick.board is not None and quick.board.offset == head)
        assert hub.consoles.waiting_bytes == 0
        frame = await slow.next()
        while not isinstance(frame, Resync):
            frame = await slow.next()
        assert frame.reason == "slow"
        board = await slow.board()
        assert await slow.follow(board, head) == quick.board


async def test_a_console_leaves_no_task_and_no_subscription(hub: ConsoleHub, room: ExamRoom) -> None:
    async with hub.sign_in(room.teacher) as client:
        await client.send(Watch(room.exam))
        await client.board()
        assert len(hub.feeds.watched()) == 1
    await until(lambda: not any(task.get_name().startswith("console_") for task in asyncio.all_tasks()))
    assert hub.feeds.watched() == []
