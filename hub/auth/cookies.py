"""Cookies of a browser page, which scripts cannot read and other sites cannot send: refresh token and device secret.

A page asks for the cookie with the header `X-Veritas-Page`, which another site's page cannot send without a CORS
preflight, together with an allowed `Origin`. A cookie without this header must never be read.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from db.errors import Forbidden
from db.queries.accounts.devices import DEVICE_LIFETIME
from hub.auth.guards import origin_allowed
from hub.settings import HubSettings

PAGE_HEADER: Final = "X-Veritas-Page"
COOKIE_PATH: Final = "/auth"
HOST_PREFIX: Final = "__Host-"
"""Browsers accept such a cookie only over TLS, from this host, for all its paths: no other host can set it."""

DEVICE_COOKIE: Final = "veritas_device"
"""The same for all pages, so that a browser is one device."""

PageName = Literal["console", "exam"]


class BrowserPage(msgspec.Struct, frozen=True):
    """The page of the hub that sent the request, the token in its cookie, and whether the request came over TLS.

    `is_host_bound`: the hub has a public URL, so its cookies have the prefix `__Host-`. `device` is the secret of a
    browser from which someone has signed in before.
    """

    name: PageName
    secret: str | None
    is_secure: bool
    device: str | None = None
    is_host_bound: bool = False

    def keep_device(self, secret: str) -> Cookie:
        """Return a cookie with the secret of this browser. It signs no one in, so it outlives the session."""
        return self._cookie(secret, max_age=int(DEVICE_LIFETIME.total_seconds()), key=DEVICE_COOKIE)

    def keep(self, secret: str) -> Cookie:
        """Return a cookie with a refresh token that lasts until the browser is closed. The token can expire earlier."""
        return self._cookie(secret, max_age=None)

    def forget(self) -> Cookie:
        """Return a cookie that replaces the old one and expires at once."""
        return self._cookie("", max_age=0)

    def _cookie(self, value: str, max_age: int | None, key: str | None = None) -> Cookie:
        return Cookie(
            key=_name_cookie(key or _key(self.name), is_host_bound=self.is_host_bound),
            value=value,
            path="/" if self.is_host_bound else COOKIE_PATH,
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
        HeaderParameter(name=PAGE_HEADER, description="Sent by pages of the hub, whose refresh token is in a cookie"),
    ] = None,
) -> BrowserPage | None:
    """Return the page of the hub that sent a request; None for programs. Raises Forbidden for a foreign origin."""
    if page_name is None:
        return None
    if "origin" not in request.headers or not origin_allowed(request.headers, settings):
        raise Forbidden("Sign in from a page of this hub, or from an allowed origin.")
    bound = bool(settings.public_url)
    return BrowserPage(
        page_name,
        request.cookies.get(_name_cookie(_key(page_name), is_host_bound=bound)),
        bound or request.url.scheme == "https",
        request.cookies.get(_name_cookie(DEVICE_COOKIE, is_host_bound=bound)),
        is_host_bound=bound,
    )


def _name_cookie(name: str, *, is_host_bound: bool) -> str:
    return HOST_PREFIX + name if is_host_bound else name


def _key(name: str) -> str:
    return f"veritas_{name}"
