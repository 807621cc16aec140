from datetime import timedelta

import msgspec
import pytest

from hub.auth.sessions import Terms, describe_agent, place_of, terms_of
from hub.settings import HubSettings
from protocol.roles import Role


def test_the_session_of_a_student_outlasts_the_longest_exam(settings: HubSettings) -> None:
    assert terms_of(Role.STUDENT, settings) == Terms(timedelta(days=9))


def test_staff_sign_in_every_day_and_administrators_after_a_break(settings: HubSettings) -> None:
    assert terms_of(Role.TEACHER, settings) == Terms(timedelta(hours=12))
    assert terms_of(Role.ADMIN, settings) == Terms(timedelta(hours=12), 1800)


def test_the_ends_can_be_set(settings: HubSettings) -> None:
    other = msgspec.structs.replace(settings, staff_session_minutes=60, admin_idle_minutes=0)
    assert terms_of(Role.ADMIN, other) == Terms(timedelta(hours=1))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17.1 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) Version/17.1 Safari/604.1", "Safari on iPad"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Firefox/1", "Firefox"),
        ("python-httpx/0.28", "a program"),
        ("", "a program"),
    ],
)
def test_a_user_agent_is_stored_as_its_browser_and_system(agent: str, words: str) -> None:
    assert describe_agent(agent) == words


def test_a_place_is_a_network_that_cannot_be_read_back() -> None:
    secret = "s" * 32
    assert place_of("2001:db8::1", secret) == place_of("2001:db8::2", secret)
    assert place_of("203.0.113.7", secret) != place_of("203.0.113.8", secret)
