from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from hub.settings import HubSettings
from protocol.roles import Role
from tests.hub.conftest import PASSWORD, Users

Post = Callable[..., Any]
CREDENTIALS = {"username": "grace", "password": PASSWORD}


@pytest.fixture
def page(url: str, http: httpx.AsyncClient) -> Post:
    """Post as a page of the hub does; httpx keeps the cookies as a browser would."""

    async def post(path: str, body: object = None, name: str = "console", **headers: str) -> httpx.Response:
        return await http.post(path, json=body or {}, headers={"X-Veritas-Page": name, "Origin": url, **headers})

    return post


@pytest.fixture
async def grace(users: Users) -> None:
    await users.make(Role.TEACHER, "grace")


def _bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_a_page_gets_its_refresh_token_in_an_http_only_cookie(page: Post, grace: None) -> None:
    answer = await page("/auth/login", CREDENTIALS)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] is None
    cookie, device = answer.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    value, *attributes = [part.strip() for part in rest.split(";")]
    assert name == "veritas_console"
    assert len(value) >= 43
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/auth", "samesite=strict"}
    assert device.startswith("veritas_device=")
    assert {"httponly", "path=/auth", "samesite=strict", "max-age=15552000"} <= {
        part.strip().lower() for part in device.split(";")
    }


async def test_a_browser_keeps_its_device_secret_for_all_its_users(
    page: Post, users: Users, http: httpx.AsyncClient
) -> None:
    await users.make(Role.TEACHER, "grace")
    await users.make(Role.STUDENT, "ada")
    await page("/auth/login", CREDENTIALS)
    kept = http.cookies["veritas_device"]
    await page("/auth/login", {"username": "ada", "password": PASSWORD}, name="exam")
    assert http.cookies["veritas_device"] == kept
    assert len(kept) == 43


async def test_over_tls_the_cookie_stays_on_tls(url: str, grace: None) -> None:
    # A proxy on the loopback is trusted by default.
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        headers = {"X-Veritas-Page": "exam", "X-Forwarded-Proto": "https", "Origin": url}
        answer = await client.post("/auth/login", json=CREDENTIALS, headers=headers)
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["set-cookie"].startswith("veritas_exam=")


async def test_a_reload_needs_only_the_cookie(page: Post, grace: None, http: httpx.AsyncClient) -> None:
    first = await page("/auth/login", CREDENTIALS)
    kept = http.cookies["veritas_console"]
    renewed = await page("/auth/refresh")
    assert renewed.status_code == 200
    assert renewed.json()["user"] == first.json()["user"]
    assert renewed.json()["refresh_token"] is None
    assert http.cookies["veritas_console"] != kept
    assert (await http.get("/exams", headers=_bearer(renewed))).status_code == 200


async def test_without_a_cookie_there_is_no_session(page: Post) -> None:
    assert (await page("/auth/refresh")).status_code == 401


async def test_each_page_has_its_own_session(page: Post, grace: None) -> None:
    await page("/auth/login", CREDENTIALS)
    assert (await page("/auth/refresh", name="exam")).status_code == 401
    assert (await page("/auth/refresh")).status_code == 200


async def test_a_cookie_without_the_header_is_ignored(page: Post, grace: None, http: httpx.AsyncClient) -> None:
    await page("/auth/login", CREDENTIALS)
    answer = await http.post("/auth/refresh", json={})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == "$.refresh_token"
    assert (await http.post("/auth/logout")).status_code == 401
    assert (await page("/auth/refresh")).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", None])
async def test_a_page_of_another_site_is_rejected(
    page: Post, grace: None, http: httpx.AsyncClient, origin: str | None
) -> None:
    await page("/auth/login", CREDENTIALS)
    headers = {"X-Veritas-Page": "console"} | ({"Origin": origin} if origin else {})
    for path, body in (("/auth/login", CREDENTIALS), ("/auth/refresh", {}), ("/auth/logout", {})):
        answer = await http.post(path, json=body, headers=headers)
        assert answer.status_code == 403, path
        assert "set-cookie" not in answer.headers
    assert (await page("/auth/refresh")).status_code == 200


class TestAllowedOrigin:
    @pytest.fixture
    def settings(self, settings: HubSettings) -> HubSettings:
        return msgspec.structs.replace(settings, allowed_origins=("https://exams.school.example",))

    @pytest.mark.usefixtures("grace")
    async def test_an_allowed_origin_may_sign_in(self, page: Post) -> None:
        answer = await page("/auth/login", CREDENTIALS, Origin="https://exams.school.example")
        assert answer.status_code == 200

    @pytest.mark.usefixtures("grace")
    async def test_cors_never_allows_credentials(self, page: Post) -> None:
        answer = await page("/auth/login", CREDENTIALS, Origin="https://exams.school.example")
        assert "access-control-allow-credentials" not in answer.headers


async def test_an_unknown_page_name_is_rejected(page: Post) -> None:
    answer = await page("/auth/refresh", name="admin")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"].startswith("header.")


async def test_signing_out_ends_the_session_and_takes_the_cookie(
    page: Post, grace: None, http: httpx.AsyncClient
) -> None:
    signed_in = await page("/auth/login", CREDENTIALS)
    kept = http.cookies["veritas_console"]
    answer = await page("/auth/logout")
    assert answer.status_code == 204
    assert answer.content == b""
    assert "veritas_console" not in http.cookies
    assert (await http.get("/exams", headers=_bearer(signed_in))).status_code == 401
    # Also with a copy of the cookie.
    assert (await page("/auth/refresh", Cookie=f"veritas_console={kept}")).status_code == 401


async def test_signing_out_twice_does_no_harm(page: Post, grace: None) -> None:
    await page("/auth/login", CREDENTIALS)
    await page("/auth/logout")
    assert (await page("/auth/logout")).status_code == 204


async def test_a_stolen_cookie_used_again_ends_the_session(page: Post, grace: None, http: httpx.AsyncClient) -> None:
    await page("/auth/login", CREDENTIALS)
    stolen = http.cookies["veritas_console"]
    for _ in range(2):
        assert (await page("/auth/refresh")).status_code == 200
    living = http.cookies["veritas_console"]
    http.cookies.clear()
    assert (await page("/auth/refresh", Cookie=f"veritas_console={stolen}")).status_code == 401
    assert (await page("/auth/refresh", Cookie=f"veritas_console={living}")).status_code == 401


async def test_a_lost_answer_is_tolerated_once(page: Post, grace: None, http: httpx.AsyncClient) -> None:
    await page("/auth/login", CREDENTIALS)
    before = http.cookies["veritas_console"]
    await page("/auth/refresh")
    http.cookies.clear()
    assert (await page("/auth/refresh", Cookie=f"veritas_console={before}")).status_code == 200
