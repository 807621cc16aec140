"""The guards of sockets and origins; those of REST are in tests/hub/rest/test_auth.py."""

import asyncio
from datetime import timedelta
from itertools import product
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar.datastructures import Headers
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.errors import Forbidden
from db.models import User
from db.queries.accounts import credentials
from db.settings import Secret
from hub.auth import tokens
from hub.auth.guards import Principal, Purpose, admit_socket, origin_allowed
from hub.auth.tickets import draw_secret, hash_secret
from hub.errors import Expired, Invalid, Unauthenticated, close_code_of
from hub.settings import HubSettings
from hub.sockets import now_ms
from protocol.codes import CloseCode
from protocol.roles import Role
from tests import factories


class SignedIn(msgspec.Struct):
    user_id: UUID
    session: UUID
    role: Role

    def token(self, settings: HubSettings, *, age_ms: int = 0) -> str:
        claims = tokens.make_claims(self.user_id, self.role, "Ada", self.session, now_ms=now_ms() - age_ms)
        return tokens.sign(claims, settings.keys)

    async def ticket(self, conn: AsyncConnection, purpose: str = "monitor", **kwargs: timedelta) -> str:
        ticket = draw_secret()
        await credentials.issue_ticket(
            conn,
            ticket_hash=hash_secret(ticket),
            user_id=self.user_id,
            session=self.session,
            purpose=purpose,
            **kwargs,
        )
        return ticket


async def sign_in(conn: AsyncConnection, role: Role = Role.STUDENT, exam_id: UUID | None = None) -> SignedIn:
    user_id = await factories.make_user(conn, role=role)
    session = uuid4()
    await credentials.open_session(
        conn, session=session, user_id=user_id, token_hash=hash_secret(draw_secret()), exam_id=exam_id
    )
    return SignedIn(user_id, session, role)


async def test_a_ticket_admits_once(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    ticket = await ada.ticket(conn)
    principal = await admit_socket(conn, ticket, None, "monitor", settings)
    assert (principal.user_id, principal.role, principal.session) == (ada.user_id, Role.STUDENT, ada.session)
    assert principal.name == "Ada Example"
    assert now_ms() < principal.auth_until <= now_ms() + 600_000
    with pytest.raises(Unauthenticated) as refusal:
        await admit_socket(conn, ticket, None, "monitor", settings)
    assert close_code_of(refusal.value) is CloseCode.UNAUTHENTICATED


async def test_of_two_sockets_with_one_ticket_one_connects(engine: AsyncEngine, settings: HubSettings) -> None:
    async with engine.begin() as conn:
        ticket = await (await sign_in(conn)).ticket(conn)

    async def enter() -> Principal:
        async with engine.begin() as conn:
            return await admit_socket(conn, ticket, None, "monitor", settings)

    results = await asyncio.gather(*(enter() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, Principal) for result in results) == 1
    assert sum(isinstance(result, Unauthenticated) for result in results) == 4


async def test_a_ticket_for_another_socket_is_rejected(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    ticket = await ada.ticket(conn, "console")
    with pytest.raises(Unauthenticated):
        await admit_socket(conn, ticket, None, "monitor", settings)


async def test_an_old_ticket_is_answered_as_expired(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    ticket = await ada.ticket(conn, lifetime=timedelta(0))
    with pytest.raises(Expired) as refusal:
        await admit_socket(conn, ticket, None, "monitor", settings)
    assert close_code_of(refusal.value) is CloseCode.TOKEN_EXPIRED


async def test_a_token_is_accepted_until_its_session_ends(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    token = ada.token(settings)
    assert (await admit_socket(conn, None, token, "monitor", settings)).user_id == ada.user_id
    await credentials.revoke_session(conn, ada.session)
    with pytest.raises(Unauthenticated):
        await admit_socket(conn, None, token, "monitor", settings)


async def test_an_old_token_is_expired(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    with pytest.raises(Expired):
        await admit_socket(conn, None, ada.token(settings, age_ms=600_000), "monitor", settings)


async def test_a_deactivated_account_is_not_admitted(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn)
    ticket = await ada.ticket(conn)
    await conn.execute(update(User).values(is_active=False))
    with pytest.raises(Unauthenticated):
        await admit_socket(conn, ticket, None, "monitor", settings)
    with pytest.raises(Unauthenticated):
        await admit_socket(conn, None, ada.token(settings), "monitor", settings)


async def test_the_role_is_the_stored_one_and_not_the_tokens(conn: AsyncConnection, settings: HubSettings) -> None:
    ada = await sign_in(conn, Role.TEACHER)
    token = ada.token(settings)
    await conn.execute(update(User).values(role=Role.STUDENT))
    with pytest.raises(Forbidden) as refusal:
        await admit_socket(conn, None, token, "console", settings)
    assert close_code_of(refusal.value) is CloseCode.FORBIDDEN


async def test_every_role_has_its_socket(conn: AsyncConnection, settings: HubSettings) -> None:
    admitted = {(Role.STUDENT, "monitor"), (Role.TEACHER, "console"), (Role.ADMIN, "console")}
    purposes: tuple[Purpose, ...] = ("monitor", "console")
    for role, purpose in product(Role, purposes):
        token = (await sign_in(conn, role)).token(settings)
        if (role, purpose) in admitted:
            await admit_socket(conn, None, token, purpose, settings)
        else:
            with pytest.raises(Forbidden):
                await admit_socket(conn, None, token, purpose, settings)


async def test_exactly_one_credential_is_required(conn: AsyncConnection, settings: HubSettings) -> None:
    for ticket, token in ((None, None), ("x", "x")):
        with pytest.raises(Invalid) as refusal:
            await admit_socket(conn, ticket, token, "monitor", settings)
        assert close_code_of(refusal.value) is CloseCode.MALFORMED


async def test_a_session_by_code_is_valid_for_its_exam_only(conn: AsyncConnection, settings: HubSettings) -> None:
    exam_id = await factories.make_exam(conn, await factories.make_user(conn, role=Role.TEACHER))
    bound, free = await sign_in(conn, exam_id=exam_id), await sign_in(conn)
    by_code = await admit_socket(conn, await bound.ticket(conn), None, "monitor", settings)
    by_password = await admit_socket(conn, None, free.token(settings), "monitor", settings)
    assert by_code.exam_id == exam_id
    assert by_code.may_take(exam_id)
    assert not by_code.may_take(uuid4())
    assert by_password.may_take(uuid4())


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"host": "hub.example:8000", "origin": "http://hub.example:8000"}, True),
        ({"host": "hub.example", "origin": "https://HUB.example"}, True),
        ({"host": "hub.example", "origin": "https://exam.school.example"}, True),
        ({"host": "hub.example", "origin": "https://exam.school.example:8443"}, False),
        ({"host": "hub.example", "origin": "https://exam.school.example.evil.example"}, False),
        ({"host": "hub.example", "origin": "http://exam.school.example"}, False),
        ({"host": "hub.example", "origin": "http://hub.example:8000"}, False),
        ({"host": "hub.example", "origin": "https://evil.example"}, False),
        ({"host": "hub.example", "origin": "null"}, False),
        ({"host": "hub.example", "origin": "file://"}, False),
        ({"host": "hub.example", "origin": ""}, False),
        ({"origin": "https://"}, False),
        ({"host": "", "origin": "https://"}, False),
    ],
)
def test_browsers_connect_from_allowed_pages_and_the_hubs_own(headers: dict[str, str], allowed: bool) -> None:
    assert origin_allowed(Headers(headers), allowing("https://exam.school.example/")) is allowed


def test_two_origins_are_rejected() -> None:
    twice = Headers(
        [(b"host", b"hub.example"), (b"origin", b"http://hub.example"), (b"origin", b"https://evil.example")]
    )
    assert not origin_allowed(twice, allowing())


def test_a_null_origin_needs_a_separate_entry() -> None:
    assert origin_allowed(Headers({"host": "hub.example", "origin": "null"}), allowing("null"))


def allowing(*origins: str) -> HubSettings:
    return HubSettings(
        database_url="postgresql://nowhere",
        redis_url="redis://nowhere",
        jwt_secret=Secret("a secret that only this test suite knows"),
        allowed_origins=origins,
    )
