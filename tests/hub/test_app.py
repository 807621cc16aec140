from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from hub.app import ROUTES, create_app, create_hub
from hub.auth.passwords import Passwords
from hub.drain import HubDrain
from hub.settings import HubSettings
from hub.timing import Timing


def part(app: Litestar, name: str) -> Any:
    provide: Any = app.dependencies[name]
    return provide.dependency()


def test_a_hub_is_built_without_a_connection(settings: HubSettings) -> None:
    nowhere = HubSettings(
        database_url="postgresql://missing@/missing?host=/missing",
        redis_url="unix:///missing",
        jwt_secret=settings.jwt_secret,
    )
    app, drain = create_hub(nowhere)
    assert isinstance(drain, HubDrain)
    assert not part(app, "candidates").lease.is_held


def test_every_handler_gets_the_same_parts(settings: HubSettings, passwords: Passwords) -> None:
    app = create_app(settings, passwords=passwords)
    candidates = part(app, "candidates")
    assert part(app, "passwords") is passwords
    assert part(app, "ingest") is candidates.ingest
    assert part(app, "engine") is candidates.engine
    assert part(app, "settings") is candidates.settings is settings


def test_hellos_leave_connections_of_the_pool_to_others(settings: HubSettings) -> None:
    candidates = part(create_app(settings), "candidates")
    assert 0 < candidates.hellos.slots < settings.pool_size


def test_the_timing_reaches_the_sockets(settings: HubSettings) -> None:
    timing = Timing(open_s=1.5)
    assert part(create_app(settings, timing=timing), "candidates").timing is timing


@pytest.mark.parametrize(
    ("origins", "has_cors"), [((), False), (("https://exam.example",), True)], ids=["no origins", "one origin"]
)
def test_other_origins_are_answered_only_if_they_are_allowed(
    settings: HubSettings, origins: tuple[str, ...], has_cors: bool
) -> None:
    app = create_app(msgspec.structs.replace(settings, allowed_origins=origins))
    assert (app.cors_config is not None) is has_cors


def test_both_sockets_and_the_pages_are_routes(settings: HubSettings) -> None:
    paths = {route.path for route in create_app(settings).routes}
    assert {"/ws/monitor", "/ws/console", "/health", "/exam", "/console"} <= paths
    assert len(ROUTES) == len(set(map(id, ROUTES)))


def test_the_gate_is_in_front_of_every_handler(settings: HubSettings) -> None:
    app = create_app(settings)
    guard: Callable[..., Any] = part(app, "gate").guard
    assert guard in app.middleware
