"""How long a session lasts, and what is stored of the browser and the place that opened it. Pure.

Never keeps a whole user agent or an address.
"""

from datetime import timedelta
from typing import Final

import msgspec

from db.queries.accounts.credentials import SESSION_LIFETIME
from hub.auth.limits import network_of
from hub.auth.pseudonyms import make_pseudonym
from hub.settings import HubSettings
from protocol.roles import Role

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SEB/", "Safe Exam Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""What a user agent contains, and its browser. The first match counts: most of them name Chrome and Safari, too."""

_SYSTEMS: Final = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
PROGRAM: Final = "a program"


class Terms(msgspec.Struct, frozen=True):
    """The end of a session: after `lifetime`, and after `idle_s` seconds without use if that is not None."""

    lifetime: timedelta
    idle_s: int | None = None


def terms_of(role: Role, settings: HubSettings) -> Terms:
    """Return how long a new session of a user with this role lasts. Students' sessions outlast the longest exam."""
    if role is Role.STUDENT:
        return Terms(SESSION_LIFETIME)
    lifetime = timedelta(minutes=settings.staff_session_minutes)
    if role is Role.ADMIN and settings.admin_idle_minutes:
        return Terms(lifetime, settings.admin_idle_minutes * 60)
    return Terms(lifetime)


def describe_agent(user_agent: str) -> str:
    """Return the browser and the system of a user agent in words.

    >>> describe_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    browser = next((name for part, name in _BROWSERS if part in user_agent), None)
    system = next((name for part, name in _SYSTEMS if part in user_agent), None)
    if browser is None:
        return PROGRAM
    return browser if system is None else f"{browser} on {system}"


def place_of(address: str, secret: str) -> str:
    """Return a keyed hash of the network of an address: equal for two sign-ins from the same place."""
    return make_pseudonym(secret, "session", network_of(address))
