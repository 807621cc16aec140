"""The browser's way to stay signed in: the refresh token in a cookie that no script reads and no other site sends.

Asked for by the header `X-Veritas-Page`, which another site's page cannot send without asking first (CORS), together
with an `Origin` that is allowed. A cookie that comes without the header is never looked at.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from db.errors import Forbidden
from hub.auth.guards import origin_allowed
from hub.settings import HubSettings

PAGE_HEADER: Final = "X-Veritas-Page"
COOKIE_PATH: Final = "/auth"

PageName = Literal["console", "exam"]


class Page(msgspec.Struct, frozen=True):
    """A page of ours that is asking: which, what its cookie holds, and whether it came over TLS."""

    name: PageName
    secret: str | None
    is_secure: bool

    def keep(self, secret: str) -> Cookie:
        """Make the cookie that holds a refresh token until the browser ends; the server's own limit holds besides."""
        return self._cookie(secret, max_age=None)

    def forget(self) -> Cookie:
        """Make the cookie that takes the old one's place and is gone at once."""
        return self._cookie("", max_age=0)

    def _cookie(self, value: str, max_age: int | None) -> Cookie:
        return Cookie(
            key=_key(self.name),
            value=value,
            path=COOKIE_PATH,
            max_age=max_age,
            secure=self.is_secure,
            httponly=True,
            samesite="strict",
        )


def provide_page(
    request: Request[Any, Any, Any],
    settings: NamedDependency[HubSettings],
    page_name: Annotated[
        PageName | None,
        HeaderParameter(name=PAGE_HEADER, description="Sent by the hub's pages: the refresh token goes in a cookie"),
    ] = None,
) -> Page | None:
    """Which page of ours asks; None for every other program. Raises Forbidden unless an allowed origin is named."""
    if page_name is None:
        return None
    if "origin" not in request.headers or not origin_allowed(request.headers, settings):
        raise Forbidden("Sign in from a page of this hub, or from an allowed origin.")
    return Page(page_name, request.cookies.get(_key(page_name)), request.url.scheme == "https")


def _key(name: str) -> str:
    return f"veritas_{name}"
